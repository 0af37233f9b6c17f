#define _DEFAULT_SOURCE /* fts */
#include "io/digest.h"

#include "base/attr.h"
#include "base/str.h"

#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1024u * 1024u)

typedef struct digesting {
    haul_sha256 *one, *all;
    char *block;
    haul_source_digest *ret;
    bool (*waiting)(void *ctx, uint64_t octets);
    void *ctx;
} digesting;

static haul_rc digest_file(digesting *d, const char *path, uint8_t ret[HAUL_SHA256_LEN], haul_err *e)
{
    haul_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", path);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (;;) {
        ssize_t n = read(fd, d->block, BLOCK);
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_SOURCE, "%s", path);
        if (!n)
            break;
        haul_sha256_update(d->one, d->block, (size_t)n);
        d->ret->octets += (uint64_t)n;
        if (d->waiting && d->waiting(d->ctx, d->ret->octets))
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
    }
    haul_sha256_final(d->one, ret);
    d->ret->files++;
    return HAUL_OK;
}

static void add_line(digesting *d, const uint8_t sha256[HAUL_SHA256_LEN], const char *path)
{
    char hex[HAUL_SHA256_HEX];
    haul_auto_str line = {0};
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    haul_str_addf(&line, "%s  ", hex);
    for (; *path; path++)
        if (*path == '%' || *path == '\r' || *path == '\n')
            haul_str_addf(&line, "%%%02X", (unsigned)(unsigned char)*path);
        else
            haul_str_addc(&line, *path);
    haul_str_addc(&line, '\n');
    haul_sha256_update(d->all, line.p, line.len);
}

typedef struct found { /* regular files below a directory */
    char **v;
    size_t n, cap;
} found;

static int by_octets(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static haul_rc find_files(const char *root, found *f, haul_err *e)
{
    char *copy = haul_strdup(root), *const roots[] = {copy, NULL};
    size_t skip = strlen(root);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    haul_rc rc = walk ? HAUL_OK : haul_fail_sys(e, HAUL_E_SOURCE, "%s", root);
    for (FTSENT *at; rc == HAUL_OK && (at = fts_read(walk));) {
        if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR)
            rc = haul_fail(e, HAUL_E_SOURCE, "%s: %s", at->fts_path, strerror(at->fts_errno));
        if (at->fts_info != FTS_F)
            continue;
        if (f->n == f->cap) {
            f->cap = f->cap ? f->cap * 2 : 256;
            f->v = haul_realloc(f->v, f->cap * sizeof(*f->v));
        }
        const char *below = at->fts_path + skip;
        f->v[f->n++] = haul_strdup(below + strspn(below, "/"));
    }
    if (walk)
        fts_close(walk);
    free(copy);
    if (f->n)
        qsort(f->v, f->n, sizeof(*f->v), by_octets);
    return rc;
}

static haul_rc digest_tree(digesting *d, const char *root, haul_err *e)
{
    found f = {0};
    haul_auto_str path = {0};
    haul_rc rc = find_files(root, &f, e);
    for (size_t i = 0; rc == HAUL_OK && i < f.n; i++) {
        uint8_t sha256[HAUL_SHA256_LEN];
        haul_str_clear(&path);
        haul_str_addf(&path, "%s/%s", root, f.v[i]);
        rc = digest_file(d, path.p, sha256, e);
        if (rc == HAUL_OK)
            add_line(d, sha256, f.v[i]);
    }
    for (size_t i = 0; i < f.n; i++)
        free(f.v[i]);
    free(f.v);
    haul_sha256_final(d->all, d->ret->sha256);
    return rc;
}

haul_rc haul_digest_source(const char *path, bool (*waiting)(void *ctx, uint64_t octets), void *ctx,
                           haul_source_digest *ret, haul_err *e)
{
    struct stat st;
    haul_auto(haul_sha256) *one = haul_sha256_new(), *all = haul_sha256_new();
    char *real = realpath(path, NULL); /* a source may be a link; what lies below it may not */
    if (!real || stat(real, &st) != 0) {
        haul_rc rc = haul_fail_sys(e, HAUL_E_SOURCE, "%s", path);
        free(real);
        return rc;
    }
    *ret = (haul_source_digest){.is_dir = S_ISDIR(st.st_mode)};
    digesting d = {
        .one = one, .all = all, .block = haul_alloc(BLOCK), .ret = ret, .waiting = waiting, .ctx = ctx};
    haul_rc rc = ret->is_dir ? digest_tree(&d, real, e) : digest_file(&d, real, ret->sha256, e);
    free(d.block);
    free(real);
    return rc;
}
