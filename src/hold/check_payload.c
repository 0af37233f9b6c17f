/* The payload against its manifest and against what the load files say of it, and bag-info.txt against what was found. */
#include "hold/check.h"
#include "hold/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ── the payload ── */

typedef struct payload {
    haul_check *c;
    haul_bag_list list;
    bool end;
    haul_rc rc; /* of reading the list */
} payload;

typedef struct digests {
    uint8_t md5[HAUL_MD5_LEN], sha1[HAUL_SHA1_LEN], sha256[HAUL_SHA256_LEN];
    uint64_t octets;
} digests;

static haul_rc next_listed(payload *p, haul_err *e)
{
    const char *fault = NULL;
    while (!p->end) {
        haul_rc rc = haul_bag_next(&p->list, &fault, e);
        p->end = rc != HAUL_OK;
        if (rc != HAUL_OK)
            return rc == HAUL_END ? HAUL_OK : rc;
        if (!fault)
            break;
        haul_check_bad_line(p->c, HAUL_BAG_MANIFEST, p->list.line, fault);
    }
    return HAUL_OK;
}

static haul_rc digest_fd(haul_check *c, int fd, const char *path, bool all, digests *ret, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK) {
        ssize_t n = read(fd, c->block, HAUL_CHECK_BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = haul_fail_sys(e, HAUL_E_SOURCE, "reading %s", path);
        if (n <= 0)
            break;
        if (all)
            haul_digests_update(c->three, c->block, (size_t)n);
        else
            haul_sha256_update(c->payload, c->block, (size_t)n);
        ret->octets += (uint64_t)n;
        rc = haul_check_tick(c, (uint64_t)n, path, e);
    }
    if (all)
        haul_digests_final(c->three, ret->md5, ret->sha1, ret->sha256);
    else
        haul_sha256_final(c->payload, ret->sha256);
    return rc;
}

static void compare_digest(haul_check *c, const char *path, uint64_t record, const char *column,
                           const uint8_t *recorded, const uint8_t *found, size_t n)
{
    char was[HAUL_SHA256_HEX], is[HAUL_SHA256_HEX];
    haul_auto_str what = {0};
    if (memcmp(recorded, found, n) == 0)
        return;
    haul_hex(was, recorded, n);
    haul_hex(is, found, n);
    haul_str_addf(&what, "%s of %s", column, path);
    haul_check_load(c, HAUL_CHECK_DAT, record, was, is, what.p);
}

static void compare_size(haul_check *c, const char *path, uint64_t record, uint64_t recorded, uint64_t found)
{
    char was[24], is[24];
    haul_auto_str what = {0};
    if (recorded == found)
        return;
    (void)snprintf(was, sizeof(was), "%" PRIu64, recorded);
    (void)snprintf(is, sizeof(is), "%" PRIu64, found);
    haul_str_addf(&what, "size of %s", path);
    haul_check_load(c, HAUL_CHECK_DAT, record, was, is, what.p);
}

static void compare_row(haul_check *c, const char *path, const haul_check_row *row, const digests *d)
{
    if (row->has_size)
        compare_size(c, path, row->record, row->size, d->octets);
    if (row->has_md5)
        compare_digest(c, path, row->record, "MD5", row->md5, d->md5, HAUL_MD5_LEN);
    if (row->has_sha1)
        compare_digest(c, path, row->record, "SHA-1", row->sha1, d->sha1, HAUL_SHA1_LEN);
    if (row->has_sha256)
        compare_digest(c, path, row->record, "SHA-256", row->sha256, d->sha256, HAUL_SHA256_LEN);
}

static haul_rc digest_payload(payload *p, const char *path, int dirfd, const char *name, bool listed,
                              haul_err *e)
{
    haul_check *c = p->c;
    haul_check_row row = {0};
    digests d = {0};
    haul_auto_fd int fd = -1;
    uint64_t size = 0, before = c->differ;
    haul_rc rc = haul_check_find_path(c, path, true, &row, e);
    bool named = rc == HAUL_OK;
    if (rc != HAUL_OK && rc != HAUL_END)
        return rc;
    rc = haul_scan_open(dirfd, name, &fd, &size, e);
    if (rc == HAUL_OK)
        rc = digest_fd(c, fd, path, named && !row.is_text, &d, e);
    if (rc != HAUL_OK)
        return rc;
    c->files++;
    c->octets += d.octets;
    if (listed)
        haul_check_digest(c, path, HAUL_BAG_MANIFEST, p->list.line, p->list.entry.sha256, d.sha256);
    if (named && !row.is_text && c->differ == before) /* what changed is said once */
        compare_row(c, path, &row, &d);
    return HAUL_OK;
}

static void say_missing(payload *p)
{
    char where[64];
    (void)snprintf(where, sizeof(where), HAUL_BAG_MANIFEST " line %" PRIu64, p->list.line);
    haul_check_differ(p->c, &(haul_difference){.kind = "missing",
                                               .place = p->list.entry.path.p,
                                               .found = "listed, but not in the package",
                                               .detail = where});
}

/* The list and the files come in the same order: what one has and the other has not shows at once. */
static haul_rc pass_missing(payload *p, const char *path, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && !p->end && (!path || strcmp(p->list.entry.path.p, path) < 0)) {
        say_missing(p);
        rc = next_listed(p, e);
    }
    return rc;
}

static haul_rc payload_there(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    payload *p = ctx;
    haul_err why = {0};
    haul_rc rc = pass_missing(p, path, e);
    if (rc != HAUL_OK)
        return rc;
    bool listed = !p->end && strcmp(p->list.entry.path.p, path) == 0;
    if (!listed)
        haul_check_differ(p->c, &(haul_difference){.kind = "extra",
                                                   .place = path,
                                                   .found = "in the payload, but not in " HAUL_BAG_MANIFEST});
    rc = haul_check_unreadable(p->c, path, digest_payload(p, path, dirfd, name, listed, &why), &why, e);
    return rc == HAUL_OK && listed ? next_listed(p, e) : rc;
}

static haul_rc payload_special(void *ctx, const char *path, const char *what, haul_err *e)
{
    payload *p = ctx;
    haul_rc rc = pass_missing(p, path, e);
    if (rc != HAUL_OK)
        return rc;
    haul_check_differ(p->c, &(haul_difference){.kind = "special", .place = path, .found = what});
    return !p->end && strcmp(p->list.entry.path.p, path) == 0 ? next_listed(p, e) : rc;
}

/* An empty data/ that is missing is nothing lost; one with files is missed file by file. */
static haul_rc scan_payload(payload *p, haul_err *e)
{
    const haul_scan scan = {.file = payload_there, .other = payload_special, .ctx = p};
    haul_err why = {0};
    haul_rc rc = next_listed(p, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto_fd int fd =
        openat(p->c->root, HAUL_BAG_PAYLOAD, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        haul_check_differ(p->c, &(haul_difference){.kind = "missing",
                                                   .place = HAUL_BAG_PAYLOAD,
                                                   .found = "no such directory, or not to be read"});
    else if ((rc = haul_scan_files(fd, HAUL_BAG_PAYLOAD, &scan, &why)) != HAUL_OK)
        rc = haul_check_unreadable(p->c, HAUL_BAG_PAYLOAD, rc, &why, e);
    return rc == HAUL_OK ? pass_missing(p, NULL, e) : rc;
}

static haul_rc read_manifest(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    payload p = {.c = c, .list = {.in = in, .payload = true}};
    (void)path;
    haul_rc rc = scan_payload(&p, e);
    haul_bag_list_done(&p.list);
    return rc;
}

haul_rc haul_check_payload(haul_check *c, haul_err *e)
{
    struct stat st;
    if (fstatat(c->root, HAUL_BAG_MANIFEST, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        return haul_check_tag_file(c, HAUL_BAG_MANIFEST, c->root, HAUL_BAG_MANIFEST, read_manifest, e);
    haul_auto(haul_in) *none = haul_in_from_mem("", 0, 0);
    return read_manifest(c, none, HAUL_BAG_MANIFEST, e);
}

/* ── bag-info.txt ── */

static void info_differs(haul_check *c, const char *label, const char *recorded, const char *found)
{
    haul_check_differ(c, &(haul_difference){.kind = "bag-info",
                                            .place = HAUL_BAG_INFO,
                                            .recorded = recorded,
                                            .found = found,
                                            .detail = label});
}

static void check_fields(haul_check *c)
{
    static const char *const wanted[] = {"Bag-Type",
                                         "Mailbag-Source",
                                         "Mailbag-Specification-Version",
                                         "Original-Included",
                                         "Bagging-Timestamp",
                                         "Bagging-Date",
                                         "External-Identifier",
                                         "Mailbag-Agent",
                                         "Mailbag-Agent-Version",
                                         HAUL_BAG_OXUM,
                                         HAUL_BAG_LOG_COUNT,
                                         HAUL_BAG_LOG_HEAD};
    for (size_t i = 0; i < HAUL_COUNT(wanted); i++) {
        haul_auto_str value = {0};
        unsigned n = haul_bag_field(haul_strz(&c->info), c->info.len, wanted[i], &value);
        if (n != 1)
            info_differs(c, wanted[i], NULL,
                         n ? "the field is there more than once" : "the field is missing");
        else if (i == 0 && strcmp(haul_strz(&value), "Mailbag") != 0)
            info_differs(c, wanted[i], "Mailbag", haul_strz(&value));
    }
}

static void check_oxum(haul_check *c)
{
    haul_auto_str was = {0}, is = {0};
    uint64_t octets = 0, files = 0;
    bool readable = haul_check_oxum(c, &octets, &files);
    if (readable && octets == c->octets && files == c->files)
        return;
    (void)haul_bag_field(haul_strz(&c->info), c->info.len, HAUL_BAG_OXUM, &was);
    haul_str_addf(&is, "%" PRIu64 ".%" PRIu64, c->octets, c->files);
    info_differs(c, HAUL_BAG_OXUM, haul_strz(&was), is.p);
}

static void check_head(haul_check *c)
{
    char head[HAUL_SHA256_HEX], count[24];
    haul_auto_str was_count = {0}, was_head = {0};
    const char *info = haul_strz(&c->info);
    (void)haul_bag_field(info, c->info.len, HAUL_BAG_LOG_COUNT, &was_count);
    (void)haul_bag_field(info, c->info.len, HAUL_BAG_LOG_HEAD, &was_head);
    haul_hex(head, c->log.head.sha256, HAUL_SHA256_LEN);
    (void)snprintf(count, sizeof(count), "%" PRIu64, c->log.head.count);
    const haul_difference d = {.kind = "log-head", .place = HAUL_AUDIT_FILE};
    haul_difference number = d, digest = d;
    number.recorded = haul_strz(&was_count), number.found = count, number.detail = "lines";
    digest.recorded = haul_strz(&was_head), digest.found = head, digest.detail = "digest of the last line";
    if (strcmp(number.recorded, count) != 0)
        haul_check_differ(c, &number);
    if (strcmp(digest.recorded, head) != 0)
        haul_check_differ(c, &digest);
}

void haul_check_info(haul_check *c)
{
    if (!c->has_info)
        return; /* said already: missing, or not to be read */
    check_fields(c);
    check_oxum(c);
    if (!c->log.bad_line) /* else it is said already */
        check_head(c);
}
