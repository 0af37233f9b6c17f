#include "io/in.h"

#include "io/tree.h"

#include <archive.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define ARCHIVE_CHUNK (64u * 1024u)
#define GZIP_WINDOW   (16 + MAX_WBITS) /* gzip framing only, not zlib's */

/* ── gzip: members behind one another, then perhaps zeros to fill a tape block ── */

typedef struct gunzip {
    haul_in *inner;
    z_stream z;
    bool in_member, padding; /* padding: a member has ended and only zeros may follow */
    uint64_t members, total; /* total: octets unpacked */
} gunzip;

static haul_rc gunzip_broken(const gunzip *g, haul_err *e, const char *what)
{
    return haul_fail(e, HAUL_E_SOURCE, "gzip data: %s at octet %" PRIu64, what, haul_in_offset(g->inner));
}

/* The n octets at p begin a member, or fill up behind the last one. Returns false when neither. */
static bool begin_member(gunzip *g, const char *p, size_t n)
{
    if (!g->padding && n >= 2 && p[0] == '\x1f' && p[1] == '\x8b') {
        g->in_member = inflateReset(&g->z) == Z_OK;
        return g->in_member;
    }
    size_t zeros = 0;
    while (g->members && zeros < n && p[zeros] == '\0')
        zeros++;
    haul_in_consume(g->inner, zeros);
    g->padding |= zeros > 0;
    return zeros > 0;
}

/* Inflate from the n octets at p into what room z has. */
static haul_rc inflate_some(gunzip *g, const char *p, size_t n, haul_err *e)
{
    g->z.next_in = (const Bytef *)p;
    g->z.avail_in = n < HAUL_IN_CHUNK ? (uInt)n : HAUL_IN_CHUNK;
    size_t given = g->z.avail_in;
    int z = inflate(&g->z, Z_NO_FLUSH);
    haul_in_consume(g->inner, given - g->z.avail_in);
    if (z == Z_MEM_ERROR)
        haul_oom();
    if (z == Z_STREAM_END) {
        g->in_member = false;
        g->members++;
    } else if (z != Z_OK && z != Z_BUF_ERROR) {
        return gunzip_broken(g, e, g->z.msg ? g->z.msg : "damaged");
    }
    return HAUL_OK;
}

static haul_rc gunzip_step(gunzip *g, bool *ret_end, haul_err *e)
{
    const char *p;
    size_t n;
    haul_rc rc = haul_in_peek(g->inner, g->in_member ? 1 : 2, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    if (n == 0 && (g->in_member || g->members == 0))
        return gunzip_broken(g, e, "cut short");
    *ret_end = n == 0;
    if (n == 0)
        return HAUL_OK;
    if (g->in_member)
        return inflate_some(g, p, n, e);
    if (!begin_member(g, p, n))
        return gunzip_broken(g, e, g->members ? "something else follows the end" : "no gzip header");
    return HAUL_OK;
}

/* What was unpacked before the stream breaks is handed out first; the failure comes at the next call. */
static ssize_t gunzip_read(void *ctx, void *to, size_t n, haul_err *e)
{
    gunzip *g = ctx;
    bool end = false;
    uInt room = n < HAUL_IN_CHUNK ? (uInt)n : HAUL_IN_CHUNK;
    g->z.next_out = to;
    g->z.avail_out = room;
    while (g->z.avail_out > 0 && !end) {
        haul_rc rc = gunzip_step(g, &end, e);
        if (rc != HAUL_OK && g->z.avail_out == room)
            return rc;
        if (rc != HAUL_OK)
            break;
    }
    ssize_t got = (ssize_t)(room - g->z.avail_out);
    g->total += (uint64_t)got;
    if (g->total > HAUL_TREE_UNPACK_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "gzip data: unpacks to more than %" PRIu64 " octets",
                         HAUL_TREE_UNPACK_MAX);
    return got;
}

static void gunzip_close(void *ctx)
{
    gunzip *g = ctx;
    (void)inflateEnd(&g->z);
    haul_in_close(g->inner);
    free(g);
}

haul_rc haul_in_gunzip(haul_in *inner, haul_in **ret, haul_err *e)
{
    (void)e;
    gunzip *g = haul_calloc(1, sizeof(*g));
    g->inner = inner;
    if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
        haul_oom();
    *ret = haul_in_new((haul_feed){.read = gunzip_read, .close = gunzip_close, .ctx = g});
    return HAUL_OK;
}

/* ── zstd, xz, bzip2 through libarchive's filters ── */

typedef struct unpack {
    haul_in *inner;
    struct archive *a;
    haul_err inner_error; /* why reading inner failed, while libarchive is in between */
    size_t taken;         /* octets of inner that libarchive has been shown last */
    uint64_t total;
} unpack;

static la_ssize_t unpack_feed(struct archive *a, void *ctx, const void **ret)
{
    unpack *u = ctx;
    const char *p;
    size_t n;
    haul_in_consume(u->inner, u->taken);
    u->taken = 0;
    if (haul_in_peek(u->inner, 1, &p, &n, &u->inner_error) != HAUL_OK) {
        archive_set_error(a, u->inner_error.sys, "%s", u->inner_error.text);
        return -1;
    }
    u->taken = n < ARCHIVE_CHUNK ? n : ARCHIVE_CHUNK;
    *ret = p;
    return (la_ssize_t)u->taken;
}

static haul_rc unpack_broken(const unpack *u, haul_err *e)
{
    if (u->inner_error.text[0]) {
        if (e)
            *e = u->inner_error;
        return u->inner_error.rc;
    }
    const char *why = archive_error_string(u->a);
    return haul_fail(e, HAUL_E_SOURCE, "compressed data: %s near octet %" PRIu64, why ? why : "damaged",
                     haul_in_offset(u->inner));
}

static ssize_t unpack_read(void *ctx, void *to, size_t n, haul_err *e)
{
    unpack *u = ctx;
    if (u->total > HAUL_TREE_UNPACK_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "compressed data: unpacks to more than %" PRIu64 " octets",
                         HAUL_TREE_UNPACK_MAX);
    la_ssize_t got = archive_read_data(u->a, to, n);
    if (got < 0)
        return unpack_broken(u, e);
    u->total += (uint64_t)got;
    return got;
}

static void unpack_close(void *ctx)
{
    unpack *u = ctx;
    (void)archive_read_free(u->a);
    haul_in_close(u->inner);
    free(u);
}

haul_rc haul_in_decompress(haul_in *inner, haul_in **ret, haul_err *e)
{
    unpack *u = haul_calloc(1, sizeof(*u));
    u->inner = inner;
    u->a = archive_read_new();
    if (!u->a)
        haul_oom();
    /* The list is closed: other filters of libarchive would start external programs. */
    (void)archive_read_support_filter_bzip2(u->a);
    (void)archive_read_support_filter_xz(u->a);
    (void)archive_read_support_filter_zstd(u->a);
    (void)archive_read_support_format_raw(u->a);
    (void)archive_read_support_format_empty(u->a);
    struct archive_entry *entry;
    int r = archive_read_open(u->a, u, NULL, unpack_feed, NULL);
    if (r == ARCHIVE_OK)
        r = archive_read_next_header(u->a, &entry);
    /* A header cut short is no header to libarchive: it would hand the packed octets on as they are. */
    bool packed = archive_filter_code(u->a, 0) != ARCHIVE_FILTER_NONE;
    if (r < ARCHIVE_WARN || !packed) {
        haul_rc rc = packed || u->inner_error.text[0]
                         ? unpack_broken(u, e)
                         : haul_fail(e, HAUL_E_SOURCE, "compressed data: cut short");
        unpack_close(u);
        return rc;
    }
    *ret = haul_in_new((haul_feed){.read = unpack_read, .close = unpack_close, .ctx = u});
    return HAUL_OK;
}

/* ── by content ── */

static bool is_bzip2(const char *p, size_t n)
{
    /* "BZh9" alone could begin a text; the block magic, or that of an empty stream, cannot. */
    return n >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
           (memcmp(p + 4, "1AY&SY", 6) == 0 || memcmp(p + 4, "\x17rE8P\x90", 6) == 0);
}

static bool is_gzip(const char *p, size_t n)
{
    return n >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0;
}

bool haul_in_is_packed(const char *p, size_t n)
{
    return is_gzip(p, n) || is_bzip2(p, n) || (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0) ||
           (n >= 6 && memcmp(p, "\xfd\x37zXZ", 6) == 0);
}

haul_rc haul_in_auto(haul_in *inner, haul_in **ret, haul_err *e)
{
    const char *p;
    size_t n;
    haul_rc rc = haul_in_peek(inner, HAUL_PACKED_HEAD, &p, &n, e);
    if (rc != HAUL_OK) {
        haul_in_close(inner);
        return rc;
    }
    if (is_gzip(p, n))
        return haul_in_gunzip(inner, ret, e);
    if (haul_in_is_packed(p, n))
        return haul_in_decompress(inner, ret, e);
    *ret = inner;
    return HAUL_OK;
}
