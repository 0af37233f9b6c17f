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

static const char *uri_end(const char *at, const char *end)
{
    while (at < end && !strchr("\"'<> \t\r\n)", *at))
        at++;
    return at;
}

#define MARKS "=:(" /* what the prefixes of a URI end in, and have nowhere else */

/* The first mark from `at` on, `end` = none. next: the next place of each, NULL = not looked for yet. */
static const char *next_mark(const char *at, const char *end, const char *next[sizeof MARKS - 1])
{
    const char *first = end;
    for (size_t k = 0; k < sizeof MARKS - 1; k++) {
        if (!next[k] || next[k] < at) {
            next[k] = memchr(at, MARKS[k], (size_t)(end - at));
            next[k] = next[k] ? next[k] : end;
        }
        first = next[k] < first ? next[k] : first;
    }
    return first;
}

/* The prefix that ends with the mark and does not begin before `from`; NULL = none. */
static const char *prefix_at(const char *from, const char *mark)
{
    static const char *const before[] = {"src=", "background=", "href=", "url(", "data=", "cid:"};
    for (size_t k = 0; k < HAUL_COUNT(before); k++) {
        size_t len = strlen(before[k]);
        if (before[k][len - 1] == *mark && (size_t)(mark + 1 - from) >= len &&
            haul_istarts(mark + 1 - len, len, before[k]))
            return before[k];
    }
    return NULL;
}

/* Attributes whose value is a URI of something shown with the page. */
static void find_references(references *r, haul_arena *a, const char *p, size_t n)
{
    const char *next[sizeof MARKS - 1] = {0}, *from = p, *at = p, *end = p + n, *mark;
    while (r->n < HAUL_REFERENCES_MAX && (mark = next_mark(at, end, next)) < end) {
        const char *prefix = prefix_at(from, mark);
        at = mark + 1;
        if (!prefix)
            continue;
        bool cid = prefix[0] == 'c';
        while (!cid && at < end && strchr("\"' ", *at) && *at)
            at++;
        from = uri_end(at, end);
        if (cid)
            at -= strlen(prefix);
        keep(r, a, at, (size_t)(from - at));
        at = from;
    }
}

static bool is_cid(haul_span ref, const char *id)
{
    size_t n = strlen(id);
    return haul_istarts(ref.p, ref.len, "cid:") && ref.len - 4 == n && memcmp(ref.p + 4, id, n) == 0;
}

typedef struct names { /* of an attachment, in the page; NULL = none */
    const char *id, *location;
} names;

static bool shown(const references *r, const names *a)
{
    for (size_t i = 0; i < r->n; i++) {
        if (a->id && is_cid(r->v[i], a->id))
            return true;
        if (a->location && haul_span_is(r->v[i], a->location))
            return true;
    }
    return false;
}

void haul_related_find(haul_builder *b, bool *inlined, size_t *ret_n)
{
    size_t count = b->o->n_attachments;
    bool named = false;
    *ret_n = 0;
    if (!b->body.has_html || !count)
        return;
    names *v = haul_arena_alloc(&b->arena, count * sizeof *v);
    for (size_t i = 0; i < count; i++) {
        const haul_mapi_attach *at = &b->o->attachments[i];
        v[i] = (names){haul_attach_id(b, at), haul_attach_location(b, at)};
        named = named || v[i].id || v[i].location;
    }
    if (!named)
        return;
    references *r = haul_arena_alloc(&b->arena, sizeof *r);
    r->n = 0;
    size_t n = b->body.html.len < HAUL_HTML_SEARCH_MAX ? b->body.html.len : HAUL_HTML_SEARCH_MAX;
    find_references(r, &b->arena, b->body.html.p, n);
    for (size_t i = 0; i < count; i++) {
        const haul_mapi_attach *at = &b->o->attachments[i];
        int64_t flags = haul_prop_int_or(haul_bag_get(&at->props, HAUL_TAG_ATTACH_FLAGS), 0);
        bool hidden = haul_prop_bool(haul_bag_get(&at->props, HAUL_TAG_ATTACH_HIDDEN));
        if (b->used[i] || at->embedded || at->lost)
            continue;
        inlined[i] = shown(r, &v[i]) || (v[i].id && ((flags & 0x04) || hidden));
        *ret_n += inlined[i];
    }
}
