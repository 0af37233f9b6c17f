#define _GNU_SOURCE /* nftw */
#include "testing.h"

#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING 16

/* ── files ── */

static char dir[PATH_MAX];
static pid_t dir_owner;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path); /* and go on: a test may have taken rights away */
    return 0;
}

static void remove_dir(void)
{
    if (dir[0] && dir_owner == getpid())
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

HAUL_NORETURN static void broken(const char *what, const char *path)
{
    (void)fprintf(stderr, "testing: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

const char *testing_dir(void)
{
    if (dir[0] && dir_owner == getpid())
        return dir;
    const char *top = getenv("TMPDIR");
    (void)snprintf(dir, sizeof(dir), "%s/haul-test-XXXXXX", top && *top ? top : "/tmp");
    if (!mkdtemp(dir))
        broken("making", dir);
    dir_owner = getpid();
    (void)atexit(remove_dir);
    return dir;
}

const char *testing_path(const char *fmt, ...)
{
    static char ring[RING][PATH_MAX];
    static unsigned turn;
    char *path = ring[turn++ % RING];
    size_t n = (size_t)snprintf(path, PATH_MAX, "%s/", testing_dir());
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(path + n, PATH_MAX - n, fmt, args);
    va_end(args);
    return path;
}

static void make_parents(const char *path)
{
    char *copy = haul_strdup(path);
    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            broken("making", copy);
        *at = '/';
    }
    free(copy);
}

void testing_write(const char *path, const void *p, size_t n)
{
    make_parents(path);
    haul_auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || haul_write_all(fd, p, n, path, NULL) != HAUL_OK)
        broken("writing", path);
}

static char *read_all(FILE *f, size_t *ret_n)
{
    haul_str all = {0};
    size_t got;
    do {
        haul_str_room(&all, 64 * 1024);
        got = fread(all.p + all.len, 1, 64 * 1024, f);
        all.len += got;
        all.p[all.len] = '\0';
    } while (got > 0);
    if (ret_n)
        *ret_n = all.len;
    return all.p;
}

char *testing_read(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *all = read_all(f, ret_n);
    (void)fclose(f);
    return all;
}

int testing_run(char **ret_out, const char *fmt, ...)
{
    haul_auto_str command = {0}, args = {0};
    va_list ap;
    va_start(ap, fmt);
    haul_str_room(&args, 64 * 1024);
    int n = vsnprintf(args.p, 64 * 1024, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= 64 * 1024 || !getenv("MAILHAUL"))
        broken("running", fmt);
    haul_str_addf(&command, "exec 2>&1; exec \"$MAILHAUL\" %s", args.p);
    FILE *f = popen(command.p, "re");
    if (!f)
        broken("running", command.p);
    char *out = read_all(f, NULL);
    int status = pclose(f);
    if (ret_out)
        *ret_out = out;
    else
        free(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ── a whole source as text ── */

typedef struct dump {
    haul_str text;
    haul_folders folders;
    haul_tree *tree;
    haul_reader reader;
    haul_msg *msg;
} dump;

static void dump_issue(void *ctx, haul_issue_id id, const char *detail)
{
    dump *d = ctx;
    haul_str_addf(&d->text, "I %s %s\n", haul_issue_name(id), detail);
}

static const char *or_dash(const char *z)
{
    return z && *z ? z : "-";
}

static void dump_place(dump *d, char letter, const haul_msg *m)
{
    haul_auto_str path = {0};
    if (haul_folders_get(&d->folders, m->folder))
        haul_folders_path(&d->folders, m->folder, &path);
    haul_str_addf(&d->text, "%c %s %s", letter, or_dash(haul_strz(&path)), or_dash(m->key));
}

static void dump_flags(dump *d, const haul_msg *m)
{
    haul_auto_str flags = {0};
    haul_flags_text(m->flags, &flags);
    for (size_t i = 0; i < flags.len; i++)
        if (flags.p[i] == ' ')
            flags.p[i] = ',';
    haul_str_addf(&d->text, " flags=%s kw=", or_dash(haul_strz(&flags)));
    for (size_t i = 0; i < m->n_keywords; i++)
        haul_str_addf(&d->text, "%s%s", i ? "," : "", m->keywords[i]);
    if (m->n_keywords == 0)
        haul_str_addc(&d->text, '-');
}

static void dump_received(dump *d, const haul_msg *m)
{
    char iso[HAUL_ISO_LEN] = "-";
    if (m->set & HAUL_SET_RECEIVED && m->received_tz)
        haul_iso_format_tz(iso, m->received_us, m->received_tz);
    else if (m->set & HAUL_SET_RECEIVED)
        haul_iso_format(iso, m->received_us);
    haul_str_addf(&d->text, " received=%s", iso);
}

static haul_rc dump_message(dump *d, haul_err *e)
{
    haul_msg *m = d->msg;
    char hex[HAUL_SHA256_HEX];
    if (!m->body)
        m->body = haul_spool_new(true);
    haul_rc rc = d->reader.ops->body(&d->reader, m, haul_spool_out(m->body), e);
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(m->body, e);
    if (rc != HAUL_OK)
        return rc;
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    haul_hex(hex, f->sha256, HAUL_SHA256_LEN);
    dump_place(d, 'M', m);
    dump_flags(d, m);
    dump_received(d, m);
    haul_str_addf(&d->text, " size=%" PRIu64 " sha=%.16s issues=", f->size, hex);
    for (const haul_issue *i = m->issues; i; i = i->next)
        haul_str_addf(&d->text, "%s%s", i == m->issues ? "" : ",", haul_issue_name(i->id));
    haul_str_addz(&d->text, m->issues ? "\n" : "-\n");
    return HAUL_OK;
}

static void dump_folder(dump *d, const haul_folder *f)
{
    haul_auto_str path = {0};
    if (!haul_folders_add(&d->folders, f))
        haul_str_addf(&d->text, "E folder %s: bad id or parent\n", f->name);
    haul_folders_path(&d->folders, f->id, &path);
    haul_str_addf(&d->text, "F %s %s\n", haul_strz(&path), or_dash(haul_role_name(f->role)));
}

/* One item; the code says whether there is another. */
static haul_rc dump_next(dump *d, haul_err *e)
{
    haul_msg_reset(d->msg);
    haul_item it = {.msg = d->msg};
    haul_rc rc = d->reader.ops->next(&d->reader, &it, e);
    if (rc == HAUL_OK && it.type == HAUL_ITEM_FOLDER)
        dump_folder(d, &it.folder);
    else if (rc == HAUL_OK)
        rc = dump_message(d, e);
    if (rc == HAUL_SKIP) {
        dump_place(d, 'S', d->msg);
        haul_str_addf(&d->text, " %s\n", e->text);
        rc = HAUL_OK;
    }
    return rc;
}

char *testing_dump(const haul_format *f, const char *path, const haul_values *v)
{
    haul_err e = {0};
    dump d = {.msg = haul_msg_new()};
    haul_rc rc = haul_tree_open(path, &d.tree, &e);
    if (rc == HAUL_OK)
        rc = haul_reader_open(&d.reader, f, d.tree, v, dump_issue, &d, &e);
    while (rc == HAUL_OK)
        rc = dump_next(&d, &e);
    if (rc < 0)
        haul_str_addf(&d.text, "E %s %s\n", haul_rc_name(rc), e.text);
    haul_reader_close(&d.reader);
    haul_tree_close(d.tree);
    haul_folders_done(&d.folders);
    haul_msg_unref(d.msg);
    return d.text.p ? d.text.p : haul_strdup("");
}
