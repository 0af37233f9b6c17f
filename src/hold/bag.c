/* Sealing a package: bagit.txt, bag-info.txt, the manifest of the payload from what was recorded while it was written, and at the
 * very end the digests of everything else. */
#include "hold/bag.h"

#include "base/utf.h"
#include "hold/package.h"
#include "hold/scan.h"
#include "io/atomic.h"
#include "pipe/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_TEMP   "." HAUL_BAG_SEAL ".tmp" /* as haul_write_file calls it */
#define INFO_MAX    (64u * 1024u)
#define READ_OCTETS (256u * 1024u)

typedef struct seal {
    int root;
    haul_atomic manifest;
    haul_str line, last; /* a line of it; the path before */
    uint64_t files, octets;
    haul_bag_list listed; /* the same manifest read again, held against what is there */
    bool listed_end;
    haul_sha256 *digest;
    char *block;
    haul_str tags; /* tagmanifest-sha256.txt */
} seal;

/* ── the payload, as it was recorded ── */

static haul_rc payload_path(seal *s, const char *path, uint64_t size, haul_err *e)
{
    struct stat st;
    haul_bag_entry again = {0};
    const char *fault = haul_bag_parse(s->line.p, s->line.len - 1, true, &again);
    haul_str_done(&again.path);
    if (!fault && strcmp(haul_strz(&s->last), path) >= 0)
        fault = "recorded twice, or out of order";
    if (fault)
        return haul_fail(e, HAUL_E_STATE, "%s: %s", path, fault);
    if (fstatat(s->root, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return haul_fail_sys(e, HAUL_E_STATE, "%s is recorded as stored", path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
        return haul_fail(e, HAUL_E_STATE,
                         "%s is not the file that was stored: %" PRIu64 " octets recorded, %" PRIu64 " found",
                         path, size, (uint64_t)st.st_size);
    return HAUL_OK;
}

static haul_rc add_payload(void *ctx, const char *path, uint64_t size, const uint8_t sha256[HAUL_SHA256_LEN],
                           haul_err *e)
{
    seal *s = ctx;
    haul_str_clear(&s->line);
    haul_bag_line(&s->line, sha256, path);
    haul_rc rc = payload_path(s, path, size, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_clear(&s->last);
    haul_str_addz(&s->last, path);
    s->files++;
    s->octets += size;
    return haul_out_write(&s->manifest.file.out, s->line.p, s->line.len, e);
}

static haul_rc write_manifest(seal *s, haul_catalog *c, haul_err *e)
{
    haul_rc rc = haul_atomic_open(&s->manifest, s->root, HAUL_BAG_MANIFEST, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_files(c, add_payload, s, e);
    if (rc == HAUL_OK)
        rc = haul_atomic_commit(&s->manifest, e);
    haul_atomic_drop(&s->manifest);
    return rc;
}

/* ── the payload, as it is there ── */

static haul_rc refuse(void *ctx, const char *path, const char *what, haul_err *e)
{
    (void)ctx;
    return haul_fail(e, HAUL_E_STATE, "%s is %s; a package holds files and directories only", path, what);
}

static haul_rc next_listed(seal *s, haul_err *e)
{
    const char *fault = NULL;
    haul_rc rc = haul_bag_next(&s->listed, &fault, e);
    s->listed_end = rc == HAUL_END;
    if (rc == HAUL_OK && fault)
        return haul_fail(e, HAUL_E_STATE, "%s line %" PRIu64 ": %s", HAUL_BAG_MANIFEST, s->listed.line,
                         fault);
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* Both come in the same order, and everything listed is there: what does not meet its line is listed nowhere. */
static haul_rc meet(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    seal *s = ctx;
    (void)dirfd;
    (void)name;
    if (s->listed_end || strcmp(s->listed.entry.path.p, path) != 0)
        return haul_fail(e, HAUL_E_STATE, "%s is in the package, but was not recorded as stored", path);
    return next_listed(s, e);
}

static haul_rc meet_payload(seal *s, haul_err *e)
{
    const haul_scan scan = {.file = meet, .other = refuse, .ctx = s};
    int fd = -1;
    uint64_t size = 0;
    haul_rc rc = haul_dir_make(s->root, HAUL_BAG_PAYLOAD, &fd, e);
    haul_auto_fd int data = fd;
    if (rc != HAUL_OK)
        return rc;
    rc = haul_scan_open(s->root, HAUL_BAG_MANIFEST, &fd, &size, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto(haul_in) *in = haul_in_from_fd(fd, HAUL_BAG_MANIFEST);
    s->listed = (haul_bag_list){.in = in, .payload = true};
    rc = next_listed(s, e);
    if (rc == HAUL_OK)
        rc = haul_scan_files(data, HAUL_BAG_PAYLOAD, &scan, e);
    if (rc == HAUL_OK && !s->listed_end)
        rc = haul_fail(e, HAUL_E_STATE, "%s is recorded as stored, but not there", s->listed.entry.path.p);
    haul_bag_list_done(&s->listed);
    return rc;
}

/* ── bag-info.txt ── */

/* One line: readers of bags do not agree on folded ones. */
static void add_field(haul_str *to, const char *label, const char *value)
{
    haul_auto_str clean = {0};
    (void)haul_utf8_clean(&clean, value, strlen(value), false);
    for (size_t i = 0; i < clean.len; i++)
        if ((unsigned char)clean.p[i] < 0x20 || clean.p[i] == 0x7f)
            clean.p[i] = ' ';
    haul_span s = haul_span_trim((haul_span){haul_strz(&clean), clean.len});
    if (s.len)
        haul_str_addf(to, "%s: %.*s\n", label, (int)s.len, s.p);
}

static void add_contact(haul_str *to, const haul_case *k)
{
    bool is_mail = strchr(k->contact, '@') && !strpbrk(k->contact, " \t<");
    add_field(to, "Source-Organization", k->organization);
    add_field(to, is_mail ? "Contact-Email" : "Contact-Name", k->contact);
    add_field(to, "External-Description", k->description);
}

static void add_log(haul_str *to, const haul_audit_head *log)
{
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, log->sha256, HAUL_SHA256_LEN);
    haul_str_addf(to, HAUL_BAG_LOG_COUNT ": %" PRIu64 "\n", log->count);
    add_field(to, HAUL_BAG_LOG_HEAD, hex);
}

static haul_rc write_info(const seal *s, const haul_case *k, const haul_audit_head *log, haul_err *e)
{
    static const char bagit[] = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
    haul_auto_str info = {0}, date = {0};
    haul_str_addf(&date, "%.10s", k->created);
    add_field(&info, "Bag-Type", "Mailbag");
    add_field(&info, "Mailbag-Source", *k->source_kinds ? k->source_kinds : "none");
    add_field(&info, "Mailbag-Specification-Version", "1.0");
    add_field(&info, "Original-Included", k->original_included ? "True" : "False");
    add_field(&info, "Bagging-Timestamp", k->created);
    add_field(&info, "Bagging-Date", date.p);
    add_field(&info, "External-Identifier", *k->matter ? k->matter : "none");
    add_field(&info, "Mailbag-Agent", "mailhaul");
    add_field(&info, "Mailbag-Agent-Version", k->version);
    haul_str_addf(&info, HAUL_BAG_OXUM ": %" PRIu64 ".%" PRIu64 "\n", s->octets, s->files);
    add_contact(&info, k);
    add_log(&info, log);
    haul_rc rc = haul_write_file(s->root, HAUL_BAG_DECLARATION, bagit, sizeof(bagit) - 1, e);
    return rc == HAUL_OK ? haul_write_file(s->root, HAUL_BAG_INFO, info.p, info.len, e) : rc;
}

/* ── the seal ── */

static haul_rc digest_tag(seal *s, int fd, const char *path, uint8_t ret[HAUL_SHA256_LEN], haul_err *e)
{
    for (;;) {
        ssize_t n = read(fd, s->block, READ_OCTETS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "reading %s", path);
        if (n == 0)
            break;
        haul_sha256_update(s->digest, s->block, (size_t)n);
    }
    haul_sha256_final(s->digest, ret);
    return HAUL_OK;
}

/* Who only reads a database that a killed run left cannot take away what SQLite made for it. Without a -wal it is of no use. */
static void remove_stale(int root)
{
    static const char *const names[] = {HAUL_STATE_DIR "/journal.db", HAUL_STATE_DIR "/catalog.db"};
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        haul_auto_str wal = {0}, shm = {0};
        haul_str_addf(&wal, "%s-wal", names[i]);
        haul_str_addf(&shm, "%s-shm", names[i]);
        if (faccessat(root, wal.p, F_OK, 0) != 0 && errno == ENOENT)
            (void)unlinkat(root, shm.p, 0);
    }
}

/* What SQLite keeps beside a database that is open: the seal would break when it is closed. */
static bool is_open_database(const char *path)
{
    return haul_ends(path, ".db-wal") || haul_ends(path, ".db-shm") || haul_ends(path, ".db-journal");
}

static haul_rc add_tag(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    seal *s = ctx;
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_auto_fd int fd = -1;
    uint64_t size = 0;
    if (is_open_database(path))
        return haul_fail(e, HAUL_E_STATE, "%s: a database of the package is still open", path);
    haul_rc rc = haul_scan_open(dirfd, name, &fd, &size, e);
    if (rc == HAUL_OK)
        rc = digest_tag(s, fd, path, sha256, e);
    if (rc == HAUL_OK)
        haul_bag_line(&s->tags, sha256, path);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "sealing %s", path);
}

static bool is_tags(void *ctx, const char *path)
{
    (void)ctx;
    return strcmp(path, HAUL_BAG_PAYLOAD) != 0;
}

static haul_rc write_seal(seal *s, haul_err *e)
{
    const haul_scan scan = {.file = add_tag, .other = refuse, .enter = is_tags, .ctx = s};
    haul_auto(haul_sha256) *digest = haul_sha256_new();
    s->digest = digest;
    (void)unlinkat(s->root, SEAL_TEMP, 0); /* of a run that was killed while it wrote it */
    remove_stale(s->root);
    haul_rc rc = haul_scan_files(s->root, "", &scan, e);
    if (rc == HAUL_OK)
        rc = haul_sync_fs(s->root, e); /* what is sealed is on disk before the seal is */
    if (rc == HAUL_OK)
        rc = haul_write_file(s->root, HAUL_BAG_SEAL, haul_strz(&s->tags), s->tags.len, e);
    return rc;
}

static haul_rc take_seal_away(int root, bool *ret_was, haul_err *e)
{
    bool was = unlinkat(root, HAUL_BAG_SEAL, 0) == 0;
    if (!was && errno != ENOENT)
        return haul_fail_sys(e, HAUL_E_TARGET, "taking %s away", HAUL_BAG_SEAL);
    if (was && fsync(root) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "taking %s away", HAUL_BAG_SEAL);
    *ret_was = was;
    return HAUL_OK;
}

haul_rc haul_bag_seal(haul_catalog *c, const haul_case *k, const haul_audit_head *log, int root, haul_err *e)
{
    seal s = {.root = root, .manifest = {.file = {.fd = -1}}};
    bool was = false;
    haul_rc rc = take_seal_away(root, &was, e);
    if (rc == HAUL_OK)
        rc = write_manifest(&s, c, e);
    if (rc == HAUL_OK)
        rc = meet_payload(&s, e);
    if (rc == HAUL_OK)
        rc = write_info(&s, k, log, e);
    s.block = haul_alloc(READ_OCTETS);
    if (rc == HAUL_OK)
        rc = write_seal(&s, e);
    free(s.block);
    haul_str_done(&s.line);
    haul_str_done(&s.last);
    haul_str_done(&s.tags);
    return rc;
}

static haul_rc not_the_log(const char *why, haul_err *e)
{
    return haul_fail(e, HAUL_E_STATE, "%s is not the log that was sealed: %s; mailhaul verify says more",
                     HAUL_AUDIT_FILE, why);
}

static haul_rc read_info(int root, haul_str *to, haul_err *e)
{
    char text[INFO_MAX];
    uint64_t size = 0;
    int fd = -1;
    haul_rc rc = haul_scan_open(root, HAUL_BAG_INFO, &fd, &size, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, HAUL_E_STATE, "a sealed package");
    haul_auto_fd int own = fd;
    ssize_t n = read(own, text, sizeof(text));
    if (n < 0)
        return haul_fail_sys(e, HAUL_E_STATE, "reading %s", HAUL_BAG_INFO);
    haul_str_add(to, text, (size_t)n);
    return HAUL_OK;
}

/* Going on with a log that somebody changed would seal the change. */
static haul_rc check_log(int root, haul_err *e)
{
    haul_auto_str info = {0}, count = {0}, head = {0};
    haul_audit_check log;
    char hex[HAUL_SHA256_HEX];
    uint64_t lines = 0;
    haul_rc rc = read_info(root, &info, e);
    if (rc == HAUL_OK)
        rc = haul_audit_follow(root, HAUL_AUDIT_FILE, &log, NULL, NULL, e);
    if (rc != HAUL_OK)
        return rc;
    (void)haul_bag_field(haul_strz(&info), info.len, HAUL_BAG_LOG_COUNT, &count);
    (void)haul_bag_field(haul_strz(&info), info.len, HAUL_BAG_LOG_HEAD, &head);
    haul_hex(hex, log.head.sha256, HAUL_SHA256_LEN);
    if (log.bad_line)
        return not_the_log(log.reason, e);
    if (!haul_parse_u64(haul_strz(&count), count.len, &lines) || lines != log.head.count)
        return not_the_log("it has another number of lines", e);
    return strcmp(haul_strz(&head), hex) == 0 ? HAUL_OK : not_the_log("its last line is another one", e);
}

haul_rc haul_bag_unseal(int root, bool *ret_was, haul_err *e)
{
    struct stat st;
    bool sealed = fstatat(root, HAUL_BAG_SEAL, &st, AT_SYMLINK_NOFOLLOW) == 0;
    haul_rc rc = sealed ? check_log(root, e) : HAUL_OK;
    return rc == HAUL_OK ? take_seal_away(root, ret_was, e) : rc;
}
