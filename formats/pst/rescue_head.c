/* A store whose header is damaged. It only says what the pages show as well: the format by their trailers; the roots of the
 * B-trees, since a page that changes is written anew with a higher id, and so are all above it (MS-PST 2.6.1.1, 2.6.1.2); the
 * encoding by what it makes of a heap. */
#include "crypt.h"
#include "ltp.h"
#include "rescue.h"

#include <stdlib.h>
#include <string.h>

#define HEADER       564u /* MS-PST 2.2.2.6 */
#define CRC_PARTIAL  4u   /* dwCRCPartial: over 471 octets from 8 */
#define SUMMED       471u
#define CRC_FULL     524u /* dwCRCFull: over 516 octets from 8; not in ANSI stores */
#define SUMMED_FULL  516u
#define VERSION      10u
#define VERSION_WIDE 0x15u
#define MAGIC        "!BDN"
#define PAGES_MAX    (16u * 1024u * 1024u)
#define TRIED        64u /* blocks that are decoded for a trial */
#define CRYPTS       3u
#define VERSIONS     3u

typedef struct seen_page {
    uint64_t at, id, first, last; /* keys */
    uint8_t kind, level;
} seen_page;

typedef struct seen { /* of one format */
    seen_page *pages;
    size_t n, cap, blocks;
} seen;

static const unsigned version_of[VERSIONS] = {32, 64, 65};

/* ── what the file shows ── */

static seen *seen_of(void *ctx, unsigned version)
{
    return &((seen *)ctx)[version == 32 ? 0 : version == 64 ? 1 : 2];
}

static void see_page(void *ctx, const haul_scan_page *p)
{
    seen *s = seen_of(ctx, p->version);
    haul_nodes shape = {.layout = haul_nodes_layout_of(p->version)};
    const haul_nodes_entries *l = &p->entries;
    if (s->n == PAGES_MAX)
        return;
    s->pages = haul_grown(s->pages, s->n, &s->cap, sizeof(*s->pages));
    s->pages[s->n++] = (seen_page){.at = p->at,
                                   .id = p->id,
                                   .first = haul_nodes_id(&shape, l->p),
                                   .last = haul_nodes_id(&shape, l->p + (l->n - 1) * l->size),
                                   .kind = (uint8_t)p->kind,
                                   .level = (uint8_t)l->level};
}

static void see_block(void *ctx, const haul_scan_block *b)
{
    seen_of(ctx, b->version)->blocks += b->sound;
}

/* ── roots ── */

/* Does a way lead from a page to another one? */
static bool leads_to(haul_nodes *n, const seen_page *from, const seen_page *to)
{
    uint64_t at = from->at, id = from->id;
    for (unsigned level = HAUL_NODES_LEVELS; at != to->at;) {
        const uint8_t *page, *way = NULL;
        haul_nodes_entries s;
        if (haul_nodes_page_get(n, at, id, from->kind, &page, NULL) != HAUL_OK ||
            haul_nodes_page_odd(n, at) || !haul_nodes_page_entries(n, page, &s) || !s.level ||
            s.level >= level)
            return false;
        level = s.level;
        for (size_t i = 0; i < s.n && haul_nodes_id(n, s.p + i * s.size) <= to->first; i++)
            way = s.p + i * s.size;
        if (!way)
            return false;
        id = haul_nodes_id(n, way + n->layout->id);
        at = haul_nodes_id(n, way + 2 * n->layout->id);
    }
    return true;
}

/* The newest page of a kind on a level, on any when that is HAUL_NODES_LEVELS. */
static const seen_page *newest(const seen *s, unsigned kind, unsigned level)
{
    const seen_page *best = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const seen_page *p = &s->pages[i];
        if (p->kind == kind && (level == HAUL_NODES_LEVELS || p->level == level) &&
            (!best || p->id > best->id))
            best = p;
    }
    return best;
}

/* Is there a page of the same level beside it? Then both are below a root that is gone. Older roots lie over it. */
static bool has_neighbour(const seen *s, const seen_page *root)
{
    for (size_t i = 0; i < s->n; i++) {
        const seen_page *p = &s->pages[i];
        if (p->kind == root->kind && p->level == root->level &&
            (p->first > root->last || p->last < root->first))
            return true;
    }
    return false;
}

/* The newest page of the highest level, when the newest page of all is below it. NULL: the root is gone. */
static const seen_page *root_of(haul_nodes *n, unsigned kind, const seen *s)
{
    const seen_page *last = newest(s, kind, HAUL_NODES_LEVELS);
    for (unsigned level = HAUL_NODES_LEVELS; last && level > 0; level--) {
        const seen_page *top = newest(s, kind, level - 1);
        if (top && leads_to(n, top, last))
            return has_neighbour(s, top) ? NULL : top;
    }
    return NULL;
}

static void set_roots(haul_nodes *n, const seen *s)
{
    const seen_page *nodes = root_of(n, HAUL_NODES_NBT, s), *blocks = root_of(n, HAUL_NODES_BBT, s);
    n->node_root = nodes ? nodes->at : 0;
    n->node_id = nodes ? nodes->id : 0;
    n->block_root = blocks ? blocks->at : 0;
    n->block_id = blocks ? blocks->id : 0;
    n->guessed = true;
    memset(n->odd_pages, 0, sizeof(n->odd_pages)); /* of trials */
    memset(n->near, 0, sizeof(n->near));
}

static haul_rc guess(haul_nodes *n, haul_view *v, haul_err *e)
{
    seen all[VERSIONS] = {{0}};
    haul_scan scan = {.versions = {true, true, true}, .page = see_page, .block = see_block, .ctx = all};
    size_t best = 1;
    haul_rc rc = HAUL_OK;
    haul_scan_run(&scan, v);
    for (size_t i = 0; i < VERSIONS; i++)
        if (all[i].n > all[best].n || (all[i].n == all[best].n && all[i].blocks > all[best].blocks))
            best = i;
    if (!all[best].n && !all[best].blocks)
        rc = haul_fail(e, HAUL_E_FORMAT, "no Outlook store: it has no header, no page and no block of one");
    if (rc == HAUL_OK) {
        haul_nodes_begin(n, v, version_of[best]);
        set_roots(n, &all[best]);
    }
    for (size_t i = 0; i < VERSIONS; i++)
        free(all[i].pages);
    return rc;
}

/* ── the header ── */

typedef enum state { SOUND, MENDED, BAD } state;

typedef struct
    mending { /* octets of the header that differ from what its checksums say; at most one under either */
    haul_view *view;
    uint8_t head[HEADER]; /* as it should be */
    size_t at[3];
    uint8_t was[3];
    size_t n;
    state state;
} mending;

static void change(mending *m, size_t at, uint8_t octet)
{
    m->at[m->n] = at;
    m->was[m->n++] = m->head[at];
    m->head[at] = octet;
}

/* What is behind the eighth octet against a checksum. */
static bool mend_sum(mending *m, size_t at, size_t n)
{
    uint8_t mask = 0;
    uint32_t sum = haul_nodes32(m->head + at);
    if (sum == haul_nodes_checksum(m->head + 8, n))
        return true;
    size_t i = haul_rescue_octet(m->head + 8, n, sum, &mask);
    if (i != SIZE_MAX)
        change(m, 8 + i, m->head[8 + i] ^ mask);
    return i != SIZE_MAX;
}

/* Of one octet the checksums tell which it is; the magic is in front of what they are about. */
static void find_octet(mending *m)
{
    bool good = haul_view_read(m->view, 0, m->head, HEADER) == HEADER && mend_sum(m, CRC_PARTIAL, SUMMED);
    unsigned version = haul_nodes16(m->head + VERSION);
    if (good && version >= VERSION_WIDE)
        good = mend_sum(m, CRC_FULL, SUMMED_FULL);
    for (size_t i = 0, before = m->n; i < 4 && m->n < HAUL_COUNT(m->at); i++)
        if (m->head[i] != (uint8_t)MAGIC[i] && m->n == before)
            change(m, i, (uint8_t)MAGIC[i]);
    good = good && version && memcmp(m->head, MAGIC, 4) == 0; /* NULs have a right checksum, too */
    m->state = !good ? BAD : m->n ? MENDED : SOUND;
}

static void lay(const mending *m, bool mended)
{
    for (size_t i = 0; i < m->n; i++)
        (void)haul_view_patch_add(m->view, m->at[i], mended ? &m->head[m->at[i]] : &m->was[i], 1);
}

static bool is_root(haul_nodes *n, unsigned kind)
{
    const uint8_t *page;
    uint64_t at = kind == HAUL_NODES_NBT ? n->node_root : n->block_root;
    uint64_t id = kind == HAUL_NODES_NBT ? n->node_id : n->block_id;
    return haul_nodes_page_get(n, at, id, kind, &page, NULL) == HAUL_OK && !haul_nodes_page_odd(n, at);
}

/* The header as it is now, with both roots where it says. */
static bool leads_to_roots(haul_nodes *n, haul_view *v)
{
    bool good =
        haul_nodes_open(n, v, NULL) == HAUL_OK && is_root(n, HAUL_NODES_NBT) && is_root(n, HAUL_NODES_BBT);
    if (!good)
        haul_nodes_done(n);
    return good;
}

/* A header whose octets lead to the roots is right about them whatever its checksum says: it may not have been written. */
static bool is_about_roots(const mending *m)
{
    const haul_nodes_layout *l =
        haul_nodes_layout_of(haul_nodes16(m->head + VERSION) < VERSION_WIDE ? 32 : 64);
    for (size_t i = 0; i < m->n; i++)
        if (m->at[i] >= l->root && m->at[i] < l->root + 4u * l->id)
            return true;
    return false;
}

static bool try_octet(mending *m, haul_nodes *n, haul_view *v)
{
    bool good = leads_to_roots(n, v);
    if (m->state != MENDED || (good && is_about_roots(m)))
        return false;
    if (good)
        haul_nodes_done(n);
    lay(m, true);
    if (leads_to_roots(n, v))
        return true;
    lay(m, false);
    (void)leads_to_roots(n, v);
    return false;
}

haul_rc haul_rescue_open(haul_nodes *n, haul_view *v, haul_err *ret_told, haul_header *ret, haul_err *e)
{
    mending m = {.view = v};
    *ret_told = (haul_err){0};
    *ret = HAUL_HEADER_GOOD;
    find_octet(&m);
    if (m.state == SOUND)
        return haul_nodes_open(n, v, e);
    if (try_octet(&m, n, v)) {
        haul_fail(ret_told, HAUL_SKIP, "octet %zu of it was wrong: put right", m.at[m.n - 1]);
        return HAUL_OK;
    }
    *ret = n->layout ? HAUL_HEADER_DOUBTED : HAUL_HEADER_GUESSED;
    if (n->layout)
        return HAUL_OK;
    haul_rc rc = guess(n, v, e);
    if (rc == HAUL_OK)
        haul_fail(ret_told, HAUL_SKIP, "format (%s), roots (%s) and encoding were taken from the pages",
                  n->version == 32   ? "ANSI"
                  : n->version == 64 ? "Unicode"
                                     : "4k pages",
                  n->node_root && n->block_root ? "both found" : "not found");
    return rc;
}

/* ── the encoding ── */

typedef struct trial {
    uint64_t blocks[TRIED];
    size_t n;
} trial;

static haul_rc take_block(void *ctx, const haul_node *node, haul_err *e)
{
    trial *t = ctx;
    (void)e;
    if (node->data && !(node->data & HAUL_NODES_INTERNAL))
        t->blocks[t->n++] = node->data;
    return t->n == TRIED ? HAUL_END : HAUL_OK;
}

/* bSig and bClientSig of HNHDR, 2.3.1.2. */
static bool is_heap(const uint8_t *p, size_t n)
{
    static const uint8_t clients[] = {0x6c, 0x7c, 0x8c, 0x9c, 0xa5, 0xac, 0xb5, 0xbc, 0xcc};
    return n >= 12 && p[2] == HAUL_HN_SIGNATURE && memchr(clients, p[3], sizeof(clients));
}

void haul_rescue_encoding(haul_nodes *n, const uint64_t *ids, size_t count)
{
    uint8_t best = n->crypt, *p = haul_alloc(HAUL_NODES_BLOCK);
    size_t most = 0;
    for (uint8_t c = 0; c < CRYPTS; c++) {
        size_t heaps = 0;
        n->crypt = c;
        for (size_t i = 0; i < count && heaps < TRIED; i++) {
            haul_block b = {0};
            heaps += !(ids[i] & HAUL_NODES_INTERNAL) && haul_nodes_block(n, ids[i], p, &b, NULL) == HAUL_OK &&
                     is_heap(p, b.n);
        }
        best = heaps > most ? c : best;
        most = heaps > most ? heaps : most;
    }
    n->crypt = best;
    free(p);
}

haul_rc haul_rescue_crypt(haul_nodes *n, haul_err *e)
{
    trial t = {.n = 0};
    haul_rc rc = haul_nodes_walk(n, take_block, &t, e);
    haul_rescue_encoding(n, t.blocks, t.n);
    return rc == HAUL_END ? HAUL_OK : rc;
}
