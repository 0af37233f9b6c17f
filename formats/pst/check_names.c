#include "check.h"

#include <stdlib.h>
#include <string.h>

#define COUNT     1u /* ids of the map's properties (2.4.7): of hash buckets */
#define GUIDS     2u
#define ENTRIES   3u
#define STRINGS   4u
#define BUCKETS   0x1000u
#define BUCKETS_N 0x7000u /* ids from 0x8000 on are those of named properties */
#define ENTRY     8u      /* octets of a NAMEID (2.4.7.1) */
#define GUID      16u
#define OWN_GUIDS 3u /* wGuid of the first of the stream */

typedef struct octets { /* of a stream or bucket */
    uint8_t *p;
    size_t n;
} octets;

typedef struct names {
    haul_pstc_heap *h;
    bool has_count, said;
    uint32_t count;    /* of buckets */
    uint32_t value[5]; /* HNIDs of the streams, by id */
    uint32_t *bucket;  /* HNIDs */
    octets stream[5];
    uint8_t seen[0x10000 / 8]; /* wPropIdx */
} names;

static void note_prop(void *ctx, const uint8_t *r, size_t n)
{
    names *s = ctx;
    uint32_t id = haul_nodes16(r), value = haul_nodes32(r + 4);
    (void)n;
    if (id == COUNT) {
        s->has_count = true;
        s->count = value;
    } else if (id <= STRINGS) {
        s->value[id] = value;
    } else if (id >= BUCKETS && id - BUCKETS < BUCKETS_N) {
        s->bucket[id - BUCKETS] = value;
    }
}

static void say_name(names *s, size_t i, const char *what)
{
    if (!s->said)
        haul_pst_say(s->h->c, HAUL_FINDING_PST_NAMES, HAUL_NOWHERE, 0, "entry %zu: %s", i, what);
    s->said = true;
}

/* The string of an entry: its octets behind their number (2.4.7.4). */
static bool string_of(const names *s, uint32_t at, const uint8_t **ret, size_t *ret_n)
{
    const octets *o = &s->stream[STRINGS];
    if (o->n < 4 || at > o->n - 4)
        return false;
    size_t n = haul_nodes32(o->p + at);
    *ret = o->p + at + 4;
    *ret_n = n;
    return n % 2 == 0 && n <= o->n - 4 - at;
}

/* As an entry is in its bucket (2.4.7.5): of a string its checksum. False: it is malformed, which was said. */
static bool hashed(names *s, size_t i, uint8_t to[ENTRY])
{
    const uint8_t *e = s->stream[ENTRIES].p + i * ENTRY, *text = NULL;
    uint32_t word = haul_nodes16(e + 4), index = haul_nodes16(e + 6), guid = word >> 1;
    size_t n = 0;
    memcpy(to, e, ENTRY);
    if (guid >= OWN_GUIDS && (guid - OWN_GUIDS + 1) * GUID > s->stream[GUIDS].n) {
        say_name(s, i, "its GUID is beyond the stream of them");
        return false;
    }
    if (s->seen[index / 8] & 1u << index % 8) {
        say_name(s, i, "its property id is another's, too");
        return false;
    }
    s->seen[index / 8] |= (uint8_t)(1u << index % 8);
    if (!(word & 1))
        return true;
    if (!string_of(s, haul_nodes32(e), &text, &n)) {
        say_name(s, i, "its string is not in the stream of them");
        return false;
    }
    uint32_t sum = haul_nodes_checksum(text, n);
    for (unsigned k = 0; k < 4; k++)
        to[k] = (uint8_t)(sum >> 8 * k);
    return true;
}

static bool in_bucket(names *s, octets *buckets, uint32_t number, const uint8_t e[ENTRY])
{
    octets *b = &buckets[number];
    if (!b->p && s->bucket[number])
        b->p = haul_pstc_copy(s->h, s->bucket[number], &b->n);
    for (size_t i = 0; i + ENTRY <= b->n; i += ENTRY)
        if (memcmp(b->p + i, e, ENTRY) == 0)
            return true;
    return false;
}

static void check_entries(names *s)
{
    octets *buckets = haul_calloc(s->count, sizeof(*buckets));
    for (size_t i = 0; (i + 1) * ENTRY <= s->stream[ENTRIES].n; i++) {
        uint8_t e[ENTRY];
        if (!hashed(s, i, e))
            continue;
        uint32_t number = (haul_nodes32(e) ^ haul_nodes16(e + 4)) % s->count;
        if (!in_bucket(s, buckets, number, e))
            haul_pst_say(s->h->c, HAUL_FINDING_PST_NAMES_HASH, HAUL_NOWHERE, 0, "entry %zu, bucket %u", i,
                         number);
    }
    for (uint32_t i = 0; i < s->count; i++)
        free(buckets[i].p);
    free(buckets);
}

static void check_streams(names *s)
{
    bool good = true;
    for (unsigned i = GUIDS; i <= STRINGS; i++) {
        octets *o = &s->stream[i];
        o->p = s->value[i] ? haul_pstc_copy(s->h, s->value[i], &o->n) : NULL;
        good = good && (!s->value[i] || o->p);
    }
    if (!good || s->stream[GUIDS].n % GUID || s->stream[ENTRIES].n % ENTRY)
        haul_pst_say(s->h->c, HAUL_FINDING_PST_NAMES, HAUL_NOWHERE, 0, "%zu octets of GUIDs, %zu of entries",
                     s->stream[GUIDS].n, s->stream[ENTRIES].n);
    else if (!s->has_count || !s->count || s->count > BUCKETS_N)
        haul_pst_say(s->h->c, HAUL_FINDING_PST_NAMES, HAUL_NOWHERE, 0, "%u hash buckets", s->count);
    else
        check_entries(s);
    for (unsigned i = GUIDS; i <= STRINGS; i++)
        free(s->stream[i].p);
}

void haul_pst_check_names(haul_pst_check *c, const haul_node *n)
{
    haul_pstc_heap h;
    if (haul_pstc_heap_open(&h, c, n->data, n->sub, HAUL_PSTC_SIG_PROPS)) {
        names *s = haul_calloc(1, sizeof(*s));
        s->h = &h;
        s->bucket = haul_calloc(BUCKETS_N, sizeof(*s->bucket));
        haul_pstc_tree t = {.heap = &h, .key = 2, .data = 6, .record = note_prop, .ctx = s};
        if (haul_pstc_tree_walk(&t, h.root))
            check_streams(s);
        free(s->bucket);
        free(s);
    }
    haul_pstc_heap_done(&h);
}
