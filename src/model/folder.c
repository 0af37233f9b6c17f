#include "model/folder.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

const char *haul_role_name(haul_role r)
{
    static const char *const names[] = {
#define X(id, name) name,
        HAUL_ROLE_LIST(X)
#undef X
    };
    return (size_t)r < HAUL_ROLE_COUNT ? names[r] : "";
}

static size_t depth_of(const haul_folders *fs, uint32_t id)
{
    size_t depth = 0;
    for (; id != HAUL_FOLDER_NONE; id = fs->v[id].parent)
        depth++;
    return depth;
}

bool haul_folders_add(haul_folders *fs, const haul_folder *f)
{
    if (f->id != fs->n || !f->name || !f->name[0])
        return false;
    if (f->parent != HAUL_FOLDER_NONE && f->parent >= fs->n)
        return false;
    if (depth_of(fs, f->parent) >= HAUL_FOLDER_DEPTH_MAX)
        return false;
    if (fs->n == fs->cap) {
        fs->cap = fs->cap ? fs->cap * 2 : 16;
        fs->v = haul_realloc(fs->v, fs->cap * sizeof(*fs->v));
    }
    haul_folder *to = &fs->v[fs->n++];
    *to = *f;
    to->name = haul_arena_str(&fs->arena, f->name);
    to->raw_name = haul_arena_str(&fs->arena, f->raw_name);
    return true;
}

const haul_folder *haul_folders_get(const haul_folders *fs, uint32_t id)
{
    return id < fs->n ? &fs->v[id] : NULL;
}

size_t haul_folders_chain(const haul_folders *fs, uint32_t id, const haul_folder *ret[HAUL_FOLDER_DEPTH_MAX])
{
    size_t n = id < fs->n ? depth_of(fs, id) : 0;
    for (size_t i = n; i > 0; i--) {
        ret[i - 1] = &fs->v[id];
        id = fs->v[id].parent;
    }
    return n;
}

void haul_folders_path(const haul_folders *fs, uint32_t id, haul_str *to)
{
    const haul_folder *chain[HAUL_FOLDER_DEPTH_MAX];
    size_t n = haul_folders_chain(fs, id, chain);
    for (size_t i = 0; i < n; i++) {
        if (i)
            haul_str_addc(to, '/');
        for (const char *c = chain[i]->name; *c; c++) {
            if (*c == '/' || *c == '\\')
                haul_str_addc(to, '\\');
            haul_str_addc(to, *c);
        }
    }
}

int haul_path_order(const char *a, const char *b)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    int m = *x == '/' ? 1 : *x, n = *y == '/' ? 1 : *y;
    return m - n;
}

void haul_folders_done(haul_folders *fs)
{
    free(fs->v);
    haul_arena_done(&fs->arena);
    *fs = (haul_folders){0};
}
