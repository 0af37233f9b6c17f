#include "pipe/audit.h"

#include "base/json.h"
#include "base/time.h"
#include "io/out.h"
#include "pipe/audit_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE 0600
#define TORN_READ (64u * 1024u)

struct haul_audit {
    haul_file file;
    char *name;
    int dirfd;
    bool fresh; /* the directory does not have the name on disk yet */
    bool broken;
    haul_sha256 *digest;
    haul_audit_head head;
    char prev[HAUL_SHA256_HEX];
    uint64_t committed; /* octets of the file that stay */
    haul_str line;
    char last_event[HAUL_AUDIT_EVENT_MAX];
};

/* ── following ── */

typedef struct follow {
    haul_audit_check *ret;
    haul_sha256 *digest;
    haul_audit_fn *fn;
    void *ctx;
    char last_event[HAUL_AUDIT_EVENT_MAX];
} follow;

static haul_rc broken(follow *f, uint64_t offset, const char *fmt, ...) HAUL_PRINTF(3, 4);
static haul_rc broken(follow *f, uint64_t offset, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f->ret->reason, sizeof(f->ret->reason), fmt, args);
    va_end(args);
    f->ret->bad_line = f->ret->head.count + 1;
    f->ret->offset = offset;
    return HAUL_END;
}

/* Something is left, but there is no line in what can be seen of it. A run was cut off there if no line follows. */
static haul_rc no_line(follow *f, haul_in *in, haul_err *e)
{
    uint64_t offset = haul_in_offset(in);
    size_t n = 0;
    for (const char *p = NULL;;) {
        haul_rc rc = haul_in_peek(in, 1, &p, &n, e);
        if (rc != HAUL_OK)
            return rc;
        if (n == 0)
            break;
        if (memchr(p, '\n', n))
            return broken(f, offset, "longer than %u octets", HAUL_AUDIT_LINE_MAX);
        haul_in_consume(in, n);
    }
    f->ret->torn = true;
    return broken(f, offset, "no line end");
}

json_t *haul_audit_line_json(const haul_audit_line *l)
{
    json_t *o = json_loadb(l->text.p, l->text.len, JSON_ALLOW_NUL, NULL);
    return o ? o : json_object(); /* the line holds: it is JSON */
}

static haul_rc follow_line(follow *f, haul_in *in, const char *p, size_t n, haul_err *e)
{
    haul_audit_head *head = &f->ret->head;
    haul_audit_line line;
    uint64_t offset = haul_in_offset(in);
    char prev[HAUL_SHA256_HEX];
    if (!haul_audit_line_parse(p, n, &line))
        return broken(f, offset, "is not a line of this log");
    if (line.seq != head->count + 1)
        return broken(f, offset, "seq is %" PRIu64 ", not %" PRIu64, line.seq, head->count + 1);
    haul_hex(prev, head->sha256, HAUL_SHA256_LEN);
    if (memcmp(line.prev, prev, HAUL_SHA256_HEX - 1) != 0)
        return head->count ? broken(f, offset, "prev is not the digest of line %" PRIu64, head->count)
                           : broken(f, offset, "prev is not zeros, but nothing is before it");
    haul_rc rc = f->fn ? f->fn(f->ctx, &line, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    haul_sha256_update(f->digest, p, n);
    haul_sha256_final(f->digest, head->sha256);
    head->count++;
    (void)snprintf(f->last_event, sizeof(f->last_event), "%.*s", (int)line.event.len, line.event.p);
    return HAUL_OK;
}

static haul_rc follow_all(follow *f, haul_in *in, haul_err *e)
{
    for (;;) {
        const char *p = NULL;
        size_t n = 0;
        haul_rc rc = haul_in_line(in, HAUL_AUDIT_LINE_MAX, &p, &n, e);
        if (rc != HAUL_OK)
            return rc;
        if (!p)
            return n ? no_line(f, in, e) : HAUL_OK;
        rc = follow_line(f, in, p, n, e);
        if (rc != HAUL_OK)
            return rc;
        haul_in_consume(in, n + 1);
    }
}

static haul_rc follow_in(follow *f, haul_in *in, haul_err *e)
{
    haul_auto(haul_sha256) *digest = haul_sha256_new();
    f->digest = digest;
    *f->ret = (haul_audit_check){0};
    haul_rc rc = follow_all(f, in, e);
    return rc == HAUL_END && f->ret->bad_line ? HAUL_OK : rc;
}

haul_rc haul_audit_follow_in(haul_in *in, haul_audit_check *ret, haul_audit_fn *fn, void *ctx, haul_err *e)
{
    follow f = {.ret = ret, .fn = fn, .ctx = ctx};
    return follow_in(&f, in, e);
}

static haul_rc open_log(int dirfd, const char *name, int flags, int *ret_fd, haul_err *e)
{
    struct stat st;
    haul_auto_fd int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_STATE, "opening %s", name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return haul_fail(e, HAUL_E_STATE, "%s is not a file", name);
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

haul_rc haul_audit_follow(int dirfd, const char *name, haul_audit_check *ret, haul_audit_fn *fn, void *ctx,
                          haul_err *e)
{
    int fd = -1;
    haul_rc rc = open_log(dirfd, name, O_RDONLY, &fd, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto(haul_in) *in = haul_in_from_fd(fd, name);
    return haul_audit_follow_in(in, ret, fn, ctx, e);
}

/* ── writing ── */

static void now(char to[HAUL_ISO_LEN])
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    haul_iso_format(to, (int64_t)t.tv_sec * HAUL_US);
    size_t n = strlen(to) - 1; /* before the Z */
    (void)snprintf(to + n, HAUL_ISO_LEN - n, ".%06ldZ", t.tv_nsec / 1000);
}

/* Members that do not fit stay provable: whoever has them can compare. */
static void add_omitted(haul_audit *a, const char *members, size_t n)
{
    uint8_t sha256[HAUL_SHA256_LEN];
    char hex[HAUL_SHA256_HEX];
    haul_sha256_update(a->digest, members, n);
    haul_sha256_final(a->digest, sha256);
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    haul_json_member_u64(&a->line, "omitted_octets", n);
    haul_json_member(&a->line, "omitted_sha256", hex);
}

static void add_members(haul_audit *a, const char *members)
{
    size_t n = strlen(members), before = a->line.len;
    if (n == 0)
        return;
    if (haul_audit_members_ok(members, n)) {
        haul_str_addc(&a->line, ',');
        haul_str_add(&a->line, members, n);
    } else {
        haul_json_member(&a->line, "text", members);
    }
    if (a->line.len <= HAUL_AUDIT_LINE_MAX - HAUL_AUDIT_LINE_FRAME)
        return;
    a->line.len = before;
    a->line.p[before] = '\0';
    add_omitted(a, members, n);
}

static haul_rc append(haul_audit *a, haul_err *e)
{
    haul_rc rc = haul_out_write(&a->file.out, a->line.p, a->line.len, e);
    if (rc != HAUL_OK) {
        a->broken = true;
        return rc;
    }
    haul_sha256_update(a->digest, a->line.p, a->line.len - 1);
    haul_sha256_final(a->digest, a->head.sha256);
    haul_hex(a->prev, a->head.sha256, HAUL_SHA256_LEN);
    a->head.count++;
    return HAUL_OK;
}

haul_rc haul_audit_event_text(haul_audit *a, const char *event, const char *members, haul_err *e)
{
    char time[HAUL_ISO_LEN];
    haul_str *line = &a->line;
    if (a->broken)
        return haul_fail(e, HAUL_E_TARGET, "%s could not be written", a->file.name);
    now(time);
    haul_str_clear(line);
    haul_str_addc(line, '{');
    haul_json_member_u64(line, "seq", a->head.count + 1);
    haul_json_member(line, "time", time);
    haul_json_member(line, "event", event);
    add_members(a, members ? members : "");
    haul_str_addz(line, ",\"prev\":\"");
    haul_str_add(line, a->prev, HAUL_SHA256_HEX - 1);
    haul_str_addz(line, "\"}\n");
    return append(a, e);
}

haul_rc haul_audit_event(haul_audit *a, const char *event, json_t *fields, haul_err *e)
{
    char *text = fields ? json_dumps(fields, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    bool good = !fields || (json_is_object(fields) && n >= 2);
    haul_rc rc = HAUL_OK;
    if (!good)
        rc = haul_fail(e, HAUL_E_STATE, "the event %s cannot be written as JSON", event);
    else if (text)
        text[n - 1] = '\0'; /* without the braces */
    if (good)
        rc = haul_audit_event_text(a, event, text ? text + 1 : NULL, e);
    free(text);
    json_decref(fields);
    return rc;
}

haul_rc haul_audit_commit(haul_audit *a, haul_err *e)
{
    if (a->broken)
        return haul_fail(e, HAUL_E_TARGET, "%s could not be written", a->file.name);
    haul_rc rc = haul_file_flush(&a->file, e);
    if (rc == HAUL_OK && fsync(a->file.fd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "putting %s on disk", a->file.name);
    if (rc == HAUL_OK && a->fresh && fsync(a->dirfd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "putting %s on disk", a->file.name);
    a->broken = rc != HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    a->fresh = false;
    a->committed = a->file.offset;
    return HAUL_OK;
}

haul_audit_head haul_audit_get_head(const haul_audit *a)
{
    return a->head;
}

const char *haul_audit_last_event(const haul_audit *a)
{
    return a->last_event;
}

/* ── opening ── */

static haul_rc torn_digest(haul_audit *a, uint64_t from, char hex[HAUL_SHA256_HEX], uint64_t *ret_n,
                           haul_err *e)
{
    char buf[TORN_READ];
    uint8_t sha256[HAUL_SHA256_LEN];
    ssize_t n = 0;
    uint64_t at = from;
    while ((n = pread(a->file.fd, buf, sizeof(buf), (off_t)at)) != 0) {
        if (n < 0 && errno != EINTR)
            return haul_fail_sys(e, HAUL_E_STATE, "reading %s", a->file.name);
        haul_sha256_update(a->digest, buf, n > 0 ? (size_t)n : 0);
        at += n > 0 ? (uint64_t)n : 0;
    }
    haul_sha256_final(a->digest, sha256);
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    *ret_n = at - from;
    return HAUL_OK;
}

static haul_rc cut_torn(haul_audit *a, uint64_t from, haul_err *e)
{
    char hex[HAUL_SHA256_HEX];
    uint64_t n = 0;
    haul_rc rc = torn_digest(a, from, hex, &n, e);
    if (rc == HAUL_OK && ftruncate(a->file.fd, (off_t)from) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "cutting the torn last line off %s", a->file.name);
    if (rc != HAUL_OK)
        return rc;
    a->file.offset = from;
    a->committed = from;
    return haul_audit_event(a, "torn-line", json_pack("{s:I, s:s}", "octets", (json_int_t)n, "sha256", hex),
                            e);
}

static haul_rc take_up(haul_audit *a, haul_err *e)
{
    haul_audit_check check;
    follow f = {.ret = &check};
    int fd = fcntl(a->file.fd, F_DUPFD_CLOEXEC, 0); /* at the start: nothing was read yet */
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_STATE, "reading %s", a->file.name);
    haul_auto(haul_in) *in = haul_in_from_fd(fd, a->file.name);
    haul_rc rc = follow_in(&f, in, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, HAUL_E_STATE, "%s", a->file.name);
    if (check.bad_line && !check.torn)
        return haul_fail(e, HAUL_E_STATE, "%s: line %" PRIu64 " at octet %" PRIu64 ": %s", a->file.name,
                         check.bad_line, check.offset, check.reason);
    a->head = check.head;
    haul_hex(a->prev, a->head.sha256, HAUL_SHA256_LEN);
    (void)snprintf(a->last_event, sizeof(a->last_event), "%s", f.last_event);
    a->file.offset = a->committed = haul_in_offset(in);
    return check.torn ? cut_torn(a, check.offset, e) : HAUL_OK;
}

/* Two runs that append to one log would break its chain for good. */
static haul_rc open_alone(int dirfd, const char *name, int *ret_fd, haul_err *e)
{
    haul_auto_fd int fd = -1;
    haul_rc rc = open_log(dirfd, name, O_RDWR | O_CREAT | O_APPEND, &fd, e);
    if (rc != HAUL_OK)
        return rc;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return haul_fail(e, HAUL_E_STATE, "%s is in use: another run works on this package", name);
    *ret_fd = fd; /* a file system without locks is no reason to fail */
    fd = -1;
    return HAUL_OK;
}

haul_rc haul_audit_open(int dirfd, const char *name, haul_audit **ret, haul_err *e)
{
    int fd = -1;
    haul_rc rc = open_alone(dirfd, name, &fd, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto(haul_audit) *a = haul_calloc(1, sizeof(*a));
    a->name = haul_strdup(name);
    haul_file_init(&a->file, fd, 0, a->name);
    a->digest = haul_sha256_new();
    a->dirfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->dirfd < 0)
        return haul_fail_sys(e, HAUL_E_STATE, "opening %s", name);
    rc = take_up(a, e);
    if (rc != HAUL_OK)
        return rc;
    a->fresh = a->committed == 0;
    *ret = a;
    a = NULL;
    return HAUL_OK;
}

void haul_audit_close(haul_audit *a)
{
    if (!a)
        return;
    /* Lines that the full buffer brought to disk before their commit; failing that they stay, which is no harm. */
    if (a->file.fd >= 0 && a->file.offset > a->committed) {
        int cut = ftruncate(a->file.fd, (off_t)a->committed);
        (void)cut;
    }
    haul_file_done(&a->file);
    haul_fd_autoclose(&a->dirfd);
    haul_sha256_free(a->digest);
    haul_str_done(&a->line);
    free(a->name);
    free(a);
}
