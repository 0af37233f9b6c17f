/* Which attachments the HTML body shows: they go beside it into multipart/related. MS-OXCMAIL 2.1.3.4.1.2,
 * docs/mapi.md [mapi-31]. */
#include "mime/builder.h"

#include <string.h>

/* Octets of a URI as HTML writes it, up to its quote, with %xx and &amp; undone. */
static size_t unescape(const char *p, size_t n, char *to, size_t max)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < max; i++) {
        int hi = i + 2 < n ? haul_hexval(p[i + 1]) : -1, lo = i + 2 < n ? haul_hexval(p[i + 2]) : -1;
        if (p[i] == '%' && hi >= 0 && lo >= 0) {
            to[len++] = (char)(hi * 16 + lo);
            i += 2;
        } else if (haul_istarts(p + i, n - i, "&amp;")) {
            to[len++] = '&';
            i += 4;
        } else {
            to[len++] = p[i];
        }
    }
    return len;
}

#define URI_MAX 1024u

typedef struct references { /* by content id, and by any other URI in quotes */
    haul_span v[HAUL_REFERENCES_MAX];
    size_t n;
} references;

static void keep(references *r, haul_arena *a, const char *p, size_t n)
{
    char uri[URI_MAX];
    if (!n || r->n == HAUL_REFERENCES_MAX)
        return;
    size_t len = unescape(p, n < URI_MAX ? n : URI_MAX, uri, URI_MAX);
    r->v[r->n++] = (haul_span){haul_arena_strn(a, uri, len), len};
}

static size_t uri_end(const char *p, size_t n, size_t at)
{
    while (at < n && !strchr("\"'<> \t\r\n)", p[at]))
        at++;
    return at;
}

/* Attributes whose value is a URI of something shown with the page. */
static void find_references(references *r, haul_arena *a, const char *p, size_t n)
{
    static const char *const before[] = {"src=", "background=", "href=", "url(", "data=", "cid:"};
    for (size_t i = 0; i < n && r->n < HAUL_REFERENCES_MAX; i++) {
        if (!strchr("sSbBhHuUdDcC", p[i]) || !p[i])
            continue;
        for (size_t k = 0; k < HAUL_COUNT(before); k++) {
            if (!haul_istarts(p + i, n - i, before[k]))
                continue;
            bool cid = before[k][0] == 'c';
            size_t at = cid ? i : i + strlen(before[k]);
            while (!cid && at < n && strchr("\"' ", p[at]) && p[at])
                at++;
            size_t end = uri_end(p, n, at);
            keep(r, a, p + at, end - at);
            i = end > i + 1 ? end - 1 : i;
            break;
        }
    }
}

static bool is_cid(haul_span ref, const char *id)
{
    size_t n = strlen(id);
    return haul_istarts(ref.p, ref.len, "cid:") && ref.len - 4 == n && memcmp(ref.p + 4, id, n) == 0;
}

static bool shown(const references *r, const char *id, const char *location)
{
    for (size_t i = 0; i < r->n; i++) {
        if (id && is_cid(r->v[i], id))
            return true;
        if (location && haul_span_is(r->v[i], location))
            return true;
    }
    return false;
}

void haul_related_find(haul_builder *b, bool *inlined, size_t *ret_n)
{
    *ret_n = 0;
    if (!b->body.has_html || !b->o->n_attachments)
        return;
    references *r = haul_arena_calloc(&b->arena, sizeof *r);
    size_t n = b->body.html.len < HAUL_HTML_SEARCH_MAX ? b->body.html.len : HAUL_HTML_SEARCH_MAX;
    find_references(r, &b->arena, b->body.html.p, n);
    for (size_t i = 0; i < b->o->n_attachments; i++) {
        const haul_mapi_attach *at = &b->o->attachments[i];
        const char *id = haul_attach_id(b, at);
        const char *location = haul_attach_location(b, at);
        int64_t flags = haul_prop_int_or(haul_bag_get(&at->props, HAUL_TAG_ATTACH_FLAGS), 0);
        bool hidden = haul_prop_bool(haul_bag_get(&at->props, HAUL_TAG_ATTACH_HIDDEN));
        if (b->used[i] || at->embedded || at->lost)
            continue;
        inlined[i] = shown(r, id, location) || (id && ((flags & 0x04) || hidden));
        *ret_n += inlined[i];
    }
}
