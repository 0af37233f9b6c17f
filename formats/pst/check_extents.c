#include "check.h"

#include <string.h>

#define KEY 12u /* octets to sort by */
#define FEW 32u /* extents */

void haul_pst_add_extent(haul_pst_check *c, uint64_t at, uint32_t n, uint32_t block)
{
    c->extents = haul_grown(c->extents, c->n_extents, &c->cap_extents, sizeof(*c->extents));
    c->extents[c->n_extents++] = (haul_pstc_extent){.at = at, .n = n, .block = block};
}

/* ── in place: qsort may take as much memory again ── */

/* UINT32_MAX, a page, comes first. */
static bool is_below(const haul_pstc_extent *a, const haul_pstc_extent *b)
{
    return a->at != b->at ? a->at < b->at : a->block + 1u < b->block + 1u;
}

/* The same order as octets, the most significant first. */
static uint8_t octet_of(const haul_pstc_extent *x, unsigned i)
{
    uint64_t from = i < 8 ? x->at >> (56 - 8 * i) : (uint64_t)(x->block + 1u) >> (88 - 8 * i);
    return (uint8_t)from;
}

static void insert_all(haul_pstc_extent *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        haul_pstc_extent x = v[i];
        size_t k = i;
        for (; k > 0 && is_below(&x, &v[k - 1]); k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

/* Each to the part of its octet: parts begin at next[] and end at end[]. */
static void part(haul_pstc_extent *v, unsigned octet, size_t next[256], const size_t end[256])
{
    for (unsigned i = 0; i < 256; i++)
        while (next[i] < end[i]) {
            haul_pstc_extent x = v[next[i]];
            uint8_t to = octet_of(&x, octet);
            v[next[i]] = v[next[to]];
            v[next[to]++] = x;
        }
}

static void sort_by(haul_pstc_extent *v, size_t n, unsigned octet)
{
    size_t next[256], end[256] = {0}, most = 0;
    if (n <= FEW || octet == KEY) {
        if (octet < KEY)
            insert_all(v, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        end[octet_of(&v[i], octet)]++;
    for (unsigned i = 0; i < 256; i++) {
        most = end[i] > most ? end[i] : most;
        next[i] = i ? end[i - 1] : 0;
        end[i] += next[i];
    }
    if (most < n)
        part(v, octet, next, end);
    for (unsigned i = 0; i < 256; i++)
        sort_by(v + (i ? end[i - 1] : 0), end[i] - (i ? end[i - 1] : 0), octet + 1);
}

void haul_pst_sort_extents(haul_pstc_extent *v, size_t n)
{
    sort_by(v, n, 0);
}

/* ── what lies over one another (2.2.2.7.2) ── */

/* Sorted by place, so that neighbours tell what overlaps; the maps are compared with them afterwards. */
void haul_pst_check_overlaps(haul_pst_check *c)
{
    uint64_t end = 0;
    for (size_t i = 0; i < c->n_extents; i++) {
        const haul_pstc_extent *x = &c->extents[i];
        bool page = x->block == UINT32_MAX;
        if (i && page && c->extents[i - 1].block == UINT32_MAX && c->extents[i - 1].at == x->at)
            haul_pst_say(c, HAUL_FINDING_PST_PAGE_TWICE, x->at, 0, "a page");
        else if (x->at < end)
            haul_pst_say(c, HAUL_FINDING_PST_OVERLAP, x->at, page ? 0 : haul_pst_nth_block(c, x->block).id,
                         "%s begins %llu octets before the end of what is in front of it",
                         page ? "a page" : "a block", (unsigned long long)(end - x->at));
        end = x->at + x->n > end ? x->at + x->n : end;
    }
}
