/* The bag itself: every file against its line in one of the two manifests, and the other way round. */
#include "hold/check.h"
#include "hold/scan.h"
#include "pipe/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CATALOG HAUL_STATE_DIR "/catalog.db"

haul_rc haul_check_unreadable(haul_check *c, const char *path, haul_rc rc, const haul_err *why, haul_err *e)
{
    if (rc == HAUL_OK)
        return rc;
    if (rc != HAUL_E_SOURCE) {
        if (e)
            *e = *why;
        return rc;
    }
    haul_check_differ(c, &(haul_difference){.kind = "unreadable", .place = path, .found = why->text});
    return HAUL_OK;
}

void haul_check_digest(haul_check *c, const char *path, const char *list, uint64_t line,
                       const uint8_t *recorded, const uint8_t *found)
{
    char was[HAUL_SHA256_HEX], is[HAUL_SHA256_HEX], where[64];
    if (memcmp(recorded, found, HAUL_SHA256_LEN) == 0) {
        c->agree++;
        return;
    }
    haul_hex(was, recorded, HAUL_SHA256_LEN);
    haul_hex(is, found, HAUL_SHA256_LEN);
    (void)snprintf(where, sizeof(where), "%s line %" PRIu64, list, line);
    haul_check_differ(
        c,
        &(haul_difference){.kind = "changed", .place = path, .recorded = was, .found = is, .detail = where});
}

/* ── tagmanifest-sha256.txt ── */

static void add_tag(haul_check *c, const haul_bag_list *l)
{
    if (c->n_tags == c->cap_tags) {
        c->cap_tags = c->cap_tags ? c->cap_tags * 2 : 64;
        c->tags = haul_realloc(c->tags, c->cap_tags * sizeof(*c->tags));
    }
    haul_check_tag *t = &c->tags[c->n_tags++];
    *t = (haul_check_tag){.path = haul_arena_str(&c->arena, l->entry.path.p), .line = l->line};
    memcpy(t->sha256, l->entry.sha256, HAUL_SHA256_LEN);
}

static int by_path(const void *key, const void *element)
{
    return strcmp(key, ((const haul_check_tag *)element)->path);
}

static haul_check_tag *find_tag(const haul_check *c, const char *path)
{
    return c->n_tags ? bsearch(path, c->tags, c->n_tags, sizeof(*c->tags), by_path) : NULL;
}

void haul_check_bad_line(haul_check *c, const char *list, uint64_t line, const char *fault)
{
    haul_check_differ(
        c, &(haul_difference){.kind = "manifest-line", .place = list, .line = line, .found = fault});
}

static haul_rc read_tags(haul_check *c, haul_in *in, haul_err *e)
{
    haul_bag_list l = {.in = in};
    const char *fault = NULL;
    haul_rc rc;
    while ((rc = haul_bag_next(&l, &fault, e)) == HAUL_OK && c->n_tags < HAUL_CHECK_TAGS_MAX)
        if (fault)
            haul_check_bad_line(c, HAUL_BAG_SEAL, l.line, fault);
        else
            add_tag(c, &l);
    if (rc == HAUL_OK)
        haul_check_bad_line(c, HAUL_BAG_SEAL, l.line, "too many lines");
    haul_bag_list_done(&l);
    return rc == HAUL_END ? HAUL_OK : rc;
}

haul_rc haul_check_seal(haul_check *c, bool *ret_sealed, haul_err *e)
{
    struct stat st;
    haul_err why = {0};
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_auto_fd int fd = -1;
    uint64_t size = 0;
    if (fstatat(c->root, HAUL_BAG_SEAL, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return HAUL_OK;
    *ret_sealed = true;
    haul_rc rc = haul_scan_open(c->root, HAUL_BAG_SEAL, &fd, &size, &why);
    if (rc != HAUL_OK)
        return haul_check_unreadable(c, HAUL_BAG_SEAL, rc, &why, e);
    haul_check_feed feed = {.c = c, .fd = fd, .path = HAUL_BAG_SEAL};
    haul_auto(haul_in) *in = haul_in_new(haul_check_feeding(&feed));
    rc = read_tags(c, in, &why);
    if (rc == HAUL_OK)
        rc = haul_check_drain(&feed, in, sha256, &why);
    if (rc == HAUL_OK)
        haul_hex(c->seal, sha256, HAUL_SHA256_LEN);
    return haul_check_unreadable(c, HAUL_BAG_SEAL, rc, &why, e);
}

/* ── tag files ── */

static void judge_tag(haul_check *c, const char *path, const uint8_t sha256[HAUL_SHA256_LEN])
{
    uint64_t before = c->agree;
    haul_check_tag *t = find_tag(c, path);
    c->tag_files++;
    if (t) {
        t->seen = true;
        haul_check_digest(c, path, HAUL_BAG_SEAL, t->line, t->sha256, sha256);
        c->catalog_agrees = c->catalog_agrees || (c->agree > before && strcmp(path, CATALOG) == 0);
    } else {
        haul_check_differ(c, &(haul_difference){.kind = "extra",
                                                .place = path,
                                                .found = "in the package, but not in " HAUL_BAG_SEAL});
    }
}

static haul_rc read_tag(haul_check *c, const char *path, int fd, haul_check_reader *reader, haul_err *e)
{
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_check_feed feed = {.c = c, .fd = fd, .path = path};
    haul_auto(haul_in) *in = haul_in_new(haul_check_feeding(&feed));
    haul_rc rc = reader ? reader(c, in, path, e) : HAUL_OK;
    haul_rc drained = haul_check_drain(&feed, in, sha256, rc == HAUL_OK ? e : NULL);
    if (rc == HAUL_OK)
        rc = drained;
    if (rc == HAUL_OK)
        judge_tag(c, path, sha256);
    return rc;
}

haul_rc haul_check_tag_file(haul_check *c, const char *path, int dirfd, const char *name,
                            haul_check_reader *reader, haul_err *e)
{
    haul_err why = {0};
    haul_auto_fd int fd = -1;
    uint64_t size = 0;
    haul_rc rc = haul_scan_open(dirfd, name, &fd, &size, &why);
    if (rc == HAUL_OK)
        rc = read_tag(c, path, fd, reader, &why);
    haul_check_tag *t = rc == HAUL_OK ? NULL : find_tag(c, path);
    if (t)
        t->seen = true; /* not missing, too */
    return haul_check_unreadable(c, path, rc, &why, e);
}

/* These are read before their turn; what is said of one twice would be once too often. */
static bool is_early(const char *path)
{
    static const char *const early[] = {HAUL_BAG_SEAL, HAUL_BAG_INFO, HAUL_BAG_MANIFEST, HAUL_CHECK_DAT};
    for (size_t i = 0; i < HAUL_COUNT(early); i++)
        if (strcmp(path, early[i]) == 0)
            return true;
    return false;
}

static haul_rc tag_there(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    return is_early(path) ? HAUL_OK
                          : haul_check_tag_file(ctx, path, dirfd, name, haul_check_reader_of(path), e);
}

static haul_rc special(void *ctx, const char *path, const char *what, haul_err *e)
{
    haul_check *c = ctx;
    (void)e;
    haul_check_tag *t = find_tag(c, path);
    if (t)
        t->seen = true;
    haul_check_differ(c, &(haul_difference){.kind = "special", .place = path, .found = what});
    return HAUL_OK;
}

static bool is_tags(void *ctx, const char *path)
{
    (void)ctx;
    return strcmp(path, HAUL_BAG_PAYLOAD) != 0;
}

/* What a package cannot be without; who took one of them out of the seal as well is not to get away with it. */
static void check_wanted(haul_check *c)
{
    static const char *const wanted[] = {
        HAUL_AUDIT_FILE, HAUL_BAG_DECLARATION, HAUL_BAG_INFO,    HAUL_BAG_MANIFEST,      HAUL_CHECK_DAT,
        CATALOG,         "load/edrm.xml",      "load/eaxs.xml",  "load/items.csv",       "attachments.csv",
        "report.json",   "report.html",        "exceptions.csv", "load/concordance.opt",
    };
    haul_difference d = {.kind = "missing", .found = "no package is without it"};
    struct stat st;
    for (size_t i = 0; i < HAUL_COUNT(wanted); i++) {
        d.place = wanted[i];
        if (!find_tag(c, wanted[i]) && fstatat(c->root, wanted[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            haul_check_differ(c, &d);
    }
    d.place = "mailbag.csv"; /* or several with numbers */
    if (c->seen.mailbag == HAUL_CHECK_UNKNOWN && !find_tag(c, d.place))
        haul_check_differ(c, &d);
}

haul_rc haul_check_tags(haul_check *c, haul_err *e)
{
    const haul_scan scan = {.file = tag_there, .other = special, .enter = is_tags, .ctx = c};
    haul_rc rc = haul_scan_files(c->root, "", &scan, e);
    if (rc != HAUL_OK)
        return rc;
    check_wanted(c);
    for (size_t i = 0; i < c->n_tags; i++) {
        char where[64];
        (void)snprintf(where, sizeof(where), HAUL_BAG_SEAL " line %" PRIu64, c->tags[i].line);
        if (!c->tags[i].seen)
            haul_check_differ(c, &(haul_difference){.kind = "missing",
                                                    .place = c->tags[i].path,
                                                    .found = "sealed, but not in the package",
                                                    .detail = where});
    }
    return HAUL_OK;
}

/* ── first things ── */

static haul_rc keep_info(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    const char *p = NULL;
    size_t n = 0;
    (void)path;
    haul_rc rc = haul_in_peek(in, HAUL_CHECK_INFO_MAX, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_add(&c->info, p, n < HAUL_CHECK_INFO_MAX ? n : HAUL_CHECK_INFO_MAX);
    c->has_info = true;
    return HAUL_OK;
}

/* The size of every tag file, for the time left. */
static haul_rc add_size(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    haul_check *c = ctx;
    struct stat st;
    (void)path;
    (void)e;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        c->total += (uint64_t)st.st_size;
    return HAUL_OK;
}

bool haul_check_oxum(const haul_check *c, uint64_t *ret_octets, uint64_t *ret_files)
{
    haul_auto_str oxum = {0};
    if (haul_bag_field(haul_strz(&c->info), c->info.len, HAUL_BAG_OXUM, &oxum) != 1)
        return false;
    const char *dot = strchr(haul_strz(&oxum), '.');
    return dot && haul_parse_u64(oxum.p, (size_t)(dot - oxum.p), ret_octets) &&
           haul_parse_u64(dot + 1, strlen(dot + 1), ret_files);
}

static haul_rc measure(haul_check *c, haul_err *e)
{
    const haul_scan scan = {.file = add_size, .enter = is_tags, .ctx = c};
    uint64_t octets = 0, files = 0;
    if (!c->job->progress)
        return HAUL_OK;
    haul_rc rc = haul_scan_files(c->root, "", &scan, e);
    if (rc == HAUL_OK && haul_check_oxum(c, &octets, &files))
        c->total += octets;
    return rc;
}

static bool into_load(void *ctx, const char *path)
{
    (void)ctx;
    return strcmp(path, "load") == 0;
}

static haul_rc first_there(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    if (strcmp(path, HAUL_BAG_INFO) == 0)
        return haul_check_tag_file(ctx, path, dirfd, name, keep_info, e);
    return strcmp(path, HAUL_CHECK_DAT) == 0 ? haul_check_tag_file(ctx, path, dirfd, name, haul_check_dat, e)
                                             : HAUL_OK;
}

/* The load file says of which files all three digests are wanted. */
haul_rc haul_check_first(haul_check *c, haul_err *e)
{
    const haul_scan scan = {.file = first_there, .enter = into_load, .ctx = c};
    haul_rc rc = haul_scan_files(c->root, "", &scan, e);
    return rc == HAUL_OK ? measure(c, e) : rc;
}
