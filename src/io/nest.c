#include "io/nest.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

typedef struct nested {
    char *name;
    int fd;
    haul_container *c;
} nested;

struct haul_nest {
    nested *v;
    size_t n;
};

static bool has_end(const char *name, const char *const *ends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (haul_iends(name, ends[i]))
            return true;
    return false;
}

static bool is_packed(const char *name)
{
    static const char *const ends[] = {".zip", ".tar", ".tgz", ".tar.gz"};
    return has_end(name, ends, HAUL_COUNT(ends));
}

/* What lies beside downloads and tells of them. */
static bool is_note(const char *name)
{
    static const char *const ends[] = {".xml", ".csv", ".json", ".html", ".txt"};
    return has_end(name, ends, HAUL_COUNT(ends));
}

haul_nest *haul_nest_new(const haul_entry *v, size_t n)
{
    size_t packed = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].name[0] == '.')
            continue;
        if (v[i].type == HAUL_ENTRY_FILE && is_packed(v[i].name))
            packed++;
        else if (v[i].type != HAUL_ENTRY_FILE || !is_note(v[i].name))
            return NULL;
    }
    if (!packed || packed > HAUL_NEST_MAX)
        return NULL;
    haul_nest *t = haul_calloc(1, sizeof(*t));
    t->v = haul_calloc(packed, sizeof(*t->v));
    for (size_t i = 0; i < n; i++)
        if (v[i].type == HAUL_ENTRY_FILE && v[i].name[0] != '.' && is_packed(v[i].name))
            t->v[t->n++] = (nested){.name = haul_strdup(v[i].name), .fd = -1};
    return t;
}

void haul_nest_free(haul_nest *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n; i++) {
        haul_container_close(n->v[i].c);
        haul_fd_autoclose(&n->v[i].fd);
        free(n->v[i].name);
    }
    free(n->v);
    free(n);
}

bool haul_nest_find(const haul_nest *n, const char *path, size_t *ret_index, const char **ret_rest)
{
    size_t len = strcspn(path, "/");
    for (size_t i = 0; n && i < n->n; i++) {
        if (strncmp(n->v[i].name, path, len) != 0 || n->v[i].name[len])
            continue;
        *ret_index = i;
        *ret_rest = path + len + (path[len] == '/');
        return true;
    }
    return false;
}

size_t haul_nest_count(const haul_nest *n)
{
    return n ? n->n : 0;
}

const char *haul_nest_name(const haul_nest *n, size_t i)
{
    return n->v[i].name;
}

haul_container *haul_nest_get(const haul_nest *n, size_t i)
{
    return n->v[i].c;
}

haul_rc haul_nest_open(haul_nest *n, size_t i, int fd, haul_err *e)
{
    nested *m = &n->v[i];
    haul_err why = {0};
    haul_fd_autoclose(&m->fd);
    m->fd = fd;
    haul_rc rc = haul_container_open(fd, m->name, &m->c, &why);
    if (rc != HAUL_OK)
        return haul_fail(e, HAUL_SKIP, "%s: %s", m->name, why.text);
    return m->c ? HAUL_OK : haul_fail(e, HAUL_SKIP, "%s: not a container, whatever its name says", m->name);
}
