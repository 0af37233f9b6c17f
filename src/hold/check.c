/* verify of a package: everything in it is read once, and every difference is said with its place. */
#include "hold/check.h"

#include "hold/scan.h"
#include "pipe/report.h"
#include "pipe/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_SEALED "not sealed: a run has not ended; run the same command again"

/* ── differences ── */

static void set_text(json_t *o, const char *key, const char *z)
{
    json_object_set_new(o, key, haul_json_from_text(z));
}

void haul_check_differ(haul_check *c, const haul_difference *d)
{
    c->differ++;
    if (json_array_size(c->differences) >= HAUL_CHECK_LISTED_MAX)
        return;
    json_t *o = json_object();
    set_text(o, "kind", d->kind);
    set_text(o, "place", d->place);
    json_object_set_new(o, "line", d->line ? json_integer((json_int_t)d->line) : json_null());
    set_text(o, "recorded", d->recorded);
    set_text(o, "found", d->found);
    set_text(o, "detail", d->detail);
    json_array_append_new(c->differences, o);
}

void haul_check_numbers(haul_check *c, const char *kind, const char *place, const char *what,
                        uint64_t recorded, uint64_t found)
{
    char was[24], is[24];
    if (recorded == found || recorded == HAUL_CHECK_UNKNOWN || found == HAUL_CHECK_UNKNOWN)
        return;
    (void)snprintf(was, sizeof(was), "%" PRIu64, recorded);
    (void)snprintf(is, sizeof(is), "%" PRIu64, found);
    haul_check_differ(
        c, &(haul_difference){.kind = kind, .place = place, .recorded = was, .found = is, .detail = what});
}

void haul_check_load(haul_check *c, const char *place, uint64_t line, const char *recorded, const char *found,
                     const char *detail)
{
    haul_check_differ(c, &(haul_difference){.kind = "load-file",
                                            .place = place,
                                            .line = line,
                                            .recorded = recorded,
                                            .found = found,
                                            .detail = detail});
}

/* ── octets ── */

haul_rc haul_check_tick(haul_check *c, uint64_t octets, const char *path, haul_err *e)
{
    c->read += octets;
    if (c->job->stop && *c->job->stop)
        return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
    if (c->job->progress)
        c->job->progress(c->job->ctx, c->read, c->total, path);
    return HAUL_OK;
}

static ssize_t feed_read(void *ctx, void *to, size_t n, haul_err *e)
{
    const haul_check_feed *f = ctx;
    ssize_t got;
    do
        got = read(f->fd, to, n < HAUL_CHECK_BLOCK ? n : HAUL_CHECK_BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)haul_fail_sys(e, HAUL_E_SOURCE, "reading %s", f->path);
        return -1;
    }
    haul_sha256_update(f->c->sha256, to, (size_t)got);
    return haul_check_tick(f->c, (uint64_t)got, f->path, e) == HAUL_OK ? got : -1;
}

haul_feed haul_check_feeding(haul_check_feed *f)
{
    return (haul_feed){.read = feed_read, .ctx = f};
}

haul_rc haul_check_drain(haul_check_feed *f, haul_in *in, uint8_t ret[HAUL_SHA256_LEN], haul_err *e)
{
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc;
    while ((rc = haul_in_peek(in, 1, &p, &n, e)) == HAUL_OK && n > 0)
        haul_in_consume(in, n);
    haul_sha256_final(f->c->sha256, ret); /* also after a failure: it starts anew */
    return rc;
}

/* ── what is a package ── */

static bool has_file(int root, const char *name)
{
    struct stat st;
    return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static bool says_mailbag(int root)
{
    char info[16 * 1024];
    haul_auto_str type = {0};
    int fd = -1;
    uint64_t size = 0;
    if (haul_scan_open(root, HAUL_BAG_INFO, &fd, &size, NULL) != HAUL_OK)
        return false;
    haul_auto_fd int own = fd;
    ssize_t n = read(own, info, sizeof(info));
    return n > 0 && haul_bag_field(info, (size_t)n, "Bag-Type", &type) &&
           strcmp(haul_strz(&type), "Mailbag") == 0;
}

/* Any sign will do: what somebody took away or changed must not turn a package into something else. */
bool haul_package_is(const char *dir)
{
    haul_auto_fd int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return false;
    return has_file(root, HAUL_STATE_DIR "/catalog.db") ||
           (has_file(root, HAUL_BAG_DECLARATION) && says_mailbag(root)) ||
           (has_file(root, HAUL_AUDIT_FILE) &&
            (has_file(root, HAUL_BAG_SEAL) || has_file(root, HAUL_STATE_DIR "/journal.db")));
}

/* ── the whole ── */

static haul_rc read_log_only(haul_check *c, haul_err *e)
{
    haul_err why = {0};
    haul_check_differ(c,
                      &(haul_difference){.kind = "not-sealed", .place = HAUL_BAG_SEAL, .found = NOT_SEALED});
    int fd = -1;
    uint64_t size = 0;
    if (haul_scan_open(c->root, HAUL_AUDIT_FILE, &fd, &size, &why) != HAUL_OK)
        return HAUL_OK; /* a run that has just begun has none */
    haul_auto_fd int own = fd;
    haul_check_feed feed = {.c = c, .fd = own, .path = HAUL_AUDIT_FILE};
    haul_auto(haul_in) *in = haul_in_new(haul_check_feeding(&feed));
    return haul_check_log(c, in, HAUL_AUDIT_FILE, e);
}

static haul_rc read_sealed(haul_check *c, haul_err *e)
{
    haul_rc rc = haul_check_first(c, e);
    if (rc == HAUL_OK)
        rc = haul_check_payload(c, e);
    if (rc == HAUL_OK)
        rc = haul_check_tags(c, e);
    if (rc == HAUL_OK)
        rc = haul_check_left(c, e);
    if (rc != HAUL_OK)
        return rc;
    haul_check_info(c);
    rc = haul_check_counts(c, e);
    return rc == HAUL_OK ? haul_check_sources(c, e) : rc;
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)(n == HAUL_CHECK_UNKNOWN ? 0 : n));
}

static json_t *result(const haul_check *c, bool sealed)
{
    json_t *o = json_object(), *checked = json_object();
    json_object_set_new(checked, "files", number(c->files));
    json_object_set_new(checked, "octets", number(c->octets));
    json_object_set_new(checked, "tag_files", number(c->tag_files));
    json_object_set_new(checked, "log_lines", number(c->log_lines));
    json_object_set_new(checked, "documents", number(c->seen.dat));
    json_object_set_new(checked, "sources", number(c->sources));
    json_object_set_new(o, "version", json_integer(HAUL_PACKAGE_CHECK_VERSION));
    set_text(o, "target", c->job->dir);
    json_object_set_new(o, "sealed", json_boolean(sealed));
    set_text(o, "seal", *c->seal ? c->seal : NULL);
    json_object_set_new(o, "checked", checked);
    json_object_set_new(o, "agree", number(c->agree));
    json_object_set_new(o, "differ", number(c->differ));
    json_object_set(o, "differences", c->differences);
    json_object_set_new(o, "truncated", json_boolean(c->differ > json_array_size(c->differences)));
    return o;
}

static void check_done(haul_check *c)
{
    haul_check_lists_close(c);
    json_decref(c->differences);
    json_decref(c->origins);
    json_decref(c->report);
    haul_str_done(&c->info);
    haul_arena_done(&c->arena);
    haul_sha256_free(c->sha256);
    haul_sha256_free(c->payload);
    haul_digests_free(c->three);
    haul_fd_autoclose(&c->root);
    free(c->tags);
    free(c->block);
}

static haul_rc check_all(haul_check *c, bool *ret_sealed, haul_err *e)
{
    c->root = open(c->job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->root < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", c->job->dir);
    haul_rc rc = haul_check_lists_open(c, e);
    if (rc == HAUL_OK)
        rc = haul_check_seal(c, ret_sealed, e);
    if (rc == HAUL_OK)
        rc = *ret_sealed ? read_sealed(c, e) : read_log_only(c, e);
    return rc;
}

haul_rc haul_package_check(const haul_package_job *job, json_t **ret, haul_err *e)
{
    const uint64_t unknown = HAUL_CHECK_UNKNOWN;
    haul_check c = {.job = job,
                    .root = -1,
                    .differences = json_array(),
                    .origins = json_object(),
                    .sha256 = haul_sha256_new(),
                    .payload = haul_sha256_new(),
                    .three = haul_digests_new(),
                    .block = haul_alloc(HAUL_CHECK_BLOCK),
                    .seen = {unknown, unknown, unknown, unknown, unknown, unknown, unknown}};
    bool sealed = false;
    haul_rc rc = check_all(&c, &sealed, e);
    if (rc == HAUL_OK && ret)
        *ret = result(&c, sealed);
    if (rc == HAUL_OK && c.differ)
        rc = haul_fail(e, HAUL_E_DIFFERS, "%" PRIu64 " differences", c.differ);
    check_done(&c);
    return rc;
}
