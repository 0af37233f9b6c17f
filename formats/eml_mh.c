/* MH sequences: ".mh_sequences" lines "name: 1-4 7" [eml-10]. */
#include "eml.h"

#include <stdlib.h>
#include <string.h>

typedef struct range {
    uint64_t from, to;
} range;

typedef struct sequence {
    haul_span name;
    unsigned flag; /* 0 = a keyword */
    bool unseen;
    range *v;
    size_t n, cap;
} sequence;

struct haul_mh {
    char *text;
    sequence v[HAUL_MH_SEQUENCES_MAX];
    size_t n, n_ranges;
    bool has_unseen;
};

static int by_from(const void *a, const void *b)
{
    const range *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static void add_range(haul_mh *mh, sequence *s, const char *p, size_t n)
{
    const char *dash = memchr(p, '-', n);
    size_t first = dash ? (size_t)(dash - p) : n;
    range r;
    if (mh->n_ranges >= HAUL_MH_RANGES_MAX || !haul_parse_u64(p, first, &r.from))
        return;
    r.to = r.from;
    if (dash && (!haul_parse_u64(dash + 1, n - first - 1, &r.to) || r.to < r.from))
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->v = haul_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = r;
    mh->n_ranges++;
}

/* Sort, and join what overlaps, so that one range at most can hold a number. */
static void normalise(sequence *s)
{
    size_t keep = 0;
    if (!s->n)
        return;
    qsort(s->v, s->n, sizeof(*s->v), by_from);
    for (size_t i = 1; i < s->n; i++)
        if (s->v[i].from <= s->v[keep].to) {
            if (s->v[i].to > s->v[keep].to)
                s->v[keep].to = s->v[i].to;
        } else {
            s->v[++keep] = s->v[i];
        }
    s->n = keep + 1;
}

static void add_sequence(haul_mh *mh, haul_span name, const char *p, size_t n)
{
    if (mh->n == HAUL_MH_SEQUENCES_MAX || !name.len || haul_span_is(name, "cur") ||
        haul_span_is(name, "pseq"))
        return; /* the program's own bookmarks */
    sequence *s = &mh->v[mh->n++];
    *s = (sequence){.name = name, .unseen = haul_span_is(name, "unseen")};
    if (haul_span_is(name, "flagged"))
        s->flag = HAUL_FLAG_FLAGGED;
    else if (haul_span_is(name, "replied"))
        s->flag = HAUL_FLAG_ANSWERED;
    else if (haul_span_is(name, "forwarded"))
        s->flag = HAUL_FLAG_FORWARDED;
    mh->has_unseen |= s->unseen;
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && p[at + len] != ' ' && p[at + len] != '\t')
            len++;
        if (len)
            add_range(mh, s, p + at, len);
        at += len + 1;
    }
    normalise(s);
}

haul_mh *haul_mh_parse(const char *text, size_t n)
{
    haul_mh *mh = haul_calloc(1, sizeof(*mh));
    mh->text = haul_alloc(n + 1);
    memcpy(mh->text, text, n);
    mh->text[n] = 0;
    for (size_t at = 0; at < n;) {
        const char *eol = memchr(mh->text + at, '\n', n - at);
        size_t len = eol ? (size_t)(eol - mh->text) - at : n - at;
        haul_span line = haul_span_trim((haul_span){mh->text + at, len});
        const char *colon = line.len ? memchr(line.p, ':', line.len) : NULL;
        if (colon) {
            size_t name = (size_t)(colon - line.p);
            add_sequence(mh, haul_span_trim((haul_span){line.p, name}), colon + 1, line.len - name - 1);
        }
        at += len + 1;
    }
    return mh;
}

static bool holds(const sequence *s, uint64_t number)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].from <= number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && number <= s->v[lo - 1].to;
}

void haul_mh_apply(const haul_mh *mh, uint64_t number, haul_msg *m)
{
    bool unseen = false;
    m->set |= HAUL_SET_FLAGS;
    for (size_t i = 0; mh && i < mh->n; i++) {
        const sequence *s = &mh->v[i];
        if (!holds(s, number))
            continue;
        if (s->unseen)
            unseen = true;
        else if (s->flag)
            m->flags |= s->flag;
        else
            haul_msg_keyword(m, s->name.p, s->name.len);
    }
    if (!unseen)
        m->flags |= HAUL_FLAG_SEEN;
}

void haul_mh_free(haul_mh *mh)
{
    if (!mh)
        return;
    for (size_t i = 0; i < mh->n; i++)
        free(mh->v[i].v);
    free(mh->text);
    free(mh);
}
