#include "imap/uids.h"

#include "base/err.h"
#include "imap/wire.h"

#include <stdlib.h>
#include <string.h>

void haul_uids_done(haul_uids *s)
{
    free(s->v);
    *s = (haul_uids){0};
}

/* Index of the first range that ends at uid or behind it; s->n when none does. */
static size_t find(const haul_uids *s, uint32_t uid)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->v[mid].last < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void insert(haul_uids *s, size_t at, haul_uid_range r)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->v = haul_realloc(s->v, s->cap * sizeof(*s->v));
    }
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
    s->v[at] = r;
    s->n++;
}

void haul_uids_add(haul_uids *s, uint32_t first, uint32_t last)
{
    if (!first || last < first)
        return;
    size_t at = find(s, first > 1 ? first - 1 : first), end = at;
    haul_uid_range r = {first, last};
    /* every range that overlaps or touches becomes part of r */
    while (end < s->n && (s->v[end].first <= last || s->v[end].first - 1 == last)) {
        r.first = s->v[end].first < r.first ? s->v[end].first : r.first;
        r.last = s->v[end].last > r.last ? s->v[end].last : r.last;
        end++;
    }
    if (end == at) {
        insert(s, at, r);
        return;
    }
    s->v[at] = r;
    memmove(s->v + at + 1, s->v + end, (s->n - end) * sizeof(*s->v));
    s->n -= end - at - 1;
}

void haul_uids_remove(haul_uids *s, uint32_t uid)
{
    size_t at = find(s, uid);
    if (at >= s->n || s->v[at].first > uid)
        return;
    haul_uid_range r = s->v[at];
    if (r.first == r.last) {
        memmove(s->v + at, s->v + at + 1, (s->n - at - 1) * sizeof(*s->v));
        s->n--;
    } else if (uid == r.first) {
        s->v[at].first++;
    } else if (uid == r.last) {
        s->v[at].last--;
    } else {
        s->v[at].last = uid - 1;
        insert(s, at + 1, (haul_uid_range){uid + 1, r.last});
    }
}

bool haul_uids_has(const haul_uids *s, uint32_t uid)
{
    size_t at = find(s, uid);
    return at < s->n && s->v[at].first <= uid;
}

uint64_t haul_uids_count(const haul_uids *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += (uint64_t)s->v[i].last - s->v[i].first + 1;
    return n;
}

void haul_uids_write(const haul_uids *s, haul_str *to)
{
    for (size_t i = 0; i < s->n; i++) {
        haul_str_addf(to, "%s%u", i ? "," : "", (unsigned)s->v[i].first);
        if (s->v[i].last > s->v[i].first)
            haul_str_addf(to, ":%u", (unsigned)s->v[i].last);
    }
}

/* Take "12" or "12:14" off the front; the ends may stand in either order (RFC 3501 9, seq-range). */
static bool take_range(haul_span *s, haul_uid_range *ret)
{
    size_t n = 0, colon = 0;
    while (n < s->len && s->p[n] != ',')
        n++;
    while (colon < n && s->p[colon] != ':')
        colon++;
    uint32_t a = haul_imap_uid((haul_span){s->p, colon}), b = a;
    if (colon < n)
        b = haul_imap_uid((haul_span){s->p + colon + 1, n - colon - 1});
    if (!a || !b)
        return false;
    *ret = a < b ? (haul_uid_range){a, b} : (haul_uid_range){b, a};
    n += n < s->len;
    s->p += n;
    s->len -= n;
    return true;
}

bool haul_uids_parse(haul_uids *s, haul_span text)
{
    haul_uid_range r;
    while (text.len) {
        if (s->n >= HAUL_IMAP_RANGES_MAX || !take_range(&text, &r))
            return false;
        haul_uids_add(s, r.first, r.last);
    }
    return true;
}

bool haul_uids_each(haul_span text, bool (*fn)(void *ctx, uint32_t uid), void *ctx)
{
    haul_uid_range r;
    while (text.len) {
        if (!take_range(&text, &r))
            return false;
        for (uint64_t uid = r.first; uid <= r.last; uid++)
            if (!fn(ctx, (uint32_t)uid))
                return false;
    }
    return true;
}
