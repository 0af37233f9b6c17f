#include "rescue_pairs.h"

#define NEAR  1u    /* ids from one to the other: writers allocate both at once; */
#define FAR   4u    /* Outlook may take a few ids more in between */
#define TYPES 0x1fu /* of a node id: its type */
#define VALUE 0x1fu /* a value of a property, MS-PST 2.2.2.1 (NID_TYPE_LTP) */
#define FEW   3u    /* pairs that tell on which side of its context a list lies in this store, */
#define TIMES 8u    /* so many times as many as tell the contrary */

typedef struct sides { /* of the context that the list is on */
    bool front, behind;
} sides;

static uint64_t number(const haul_half *h)
{
    return h->id / 4; /* bit 0 is reserved, bit 1 says what it is (2.2.2.2) */
}

/* Each value that is too large for the context is a subnode, and each such subnode a value. */
static bool agree_on_values(const haul_half *context, const haul_half *list, const uint32_t *nids)
{
    const uint32_t *named = nids + context->first, *end = named + context->n;
    for (size_t i = 0; i < list->n; i++) {
        uint32_t nid = nids[list->first + i];
        if ((nid & TYPES) == VALUE && (named == end || *named != nid))
            return false;
        while (named < end && *named == nid)
            named++;
    }
    return named == end;
}

static bool agree(const haul_half *context, const haul_half *list, const uint32_t *nids)
{
    if (context->says && context->attachments != list->attachments)
        return false;
    if (context->names && list->names && context->people != list->people)
        return false;
    return agree_on_values(context, list, nids);
}

/* Have they, when they agree, something in common that others need not have? */
static bool is_told(const haul_half *context, const haul_half *list)
{
    return context->n || (context->names && list->names && context->people);
}

/* May v[i] and the half behind it belong together? */
static bool may(const haul_half *v, size_t n, size_t i, const uint32_t *nids)
{
    if (i + 1 >= n || v[i].list == v[i + 1].list)
        return false;
    const haul_half *list = v[i].list ? &v[i] : &v[i + 1], *context = v[i].list ? &v[i + 1] : &v[i];
    uint64_t apart = number(&v[i + 1]) - number(&v[i]);
    return apart <= (is_told(context, list) ? FAR : NEAR) && agree(context, list, nids);
}

/* Halves from v[i] on each of which may belong to the next. */
static size_t row_from(const haul_half *v, size_t n, size_t i, const uint32_t *nids)
{
    size_t row = 1;
    while (may(v, n, i + row - 1, nids))
        row++;
    return row;
}

/* A row in which each half has another can be read in one way: rows tell on which side lists lie in this store. */
static sides sides_of(const haul_half *v, size_t n, const uint32_t *nids)
{
    size_t front = 0, behind = 0;
    for (size_t i = 0, row; i < n; i += row) {
        row = row_from(v, n, i, nids);
        if (row % 2 == 0)
            *(v[i].list ? &front : &behind) += row / 2;
    }
    return (sides){front >= FEW && front >= TIMES * behind, behind >= FEW && behind >= TIMES * front};
}

/* Where nothing tells on which side lists lie, recipients alone are not enough from afar: many messages have the same. */
static bool is_sure(const haul_half *v, size_t i)
{
    const haul_half *context = v[i].list ? &v[i + 1] : &v[i];
    return context->n || number(&v[i + 1]) - number(&v[i]) <= NEAR;
}

static void pair(haul_half *v, size_t i)
{
    v[i].other = i + 1;
    v[i + 1].other = i;
}

void haul_pairs_find(haul_half *v, size_t n, const uint32_t *nids)
{
    sides s = sides_of(v, n, nids);
    bool known = s.front || s.behind;
    for (size_t i = 0; i < n; i++)
        v[i].other = HAUL_PAIRS_NONE;
    for (size_t i = 0, row; i < n; i += row) {
        row = row_from(v, n, i, nids);
        for (size_t k = i; k + 1 < i + row; k++)
            if (known ? (v[k].list ? s.front : s.behind) : row == 2 && is_sure(v, k))
                pair(v, k);
    }
}
