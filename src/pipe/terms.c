#include "pipe/terms.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/utf.h"
#include "pipe/lines.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define RING                                                                                                 \
    (2u * HAUL_TERM_MAX) /* octets of folded text of which it is known whether a match may begin there */

typedef struct term {
    const char *text; /* as written */
    uint32_t len;     /* octets, folded */
    uint32_t same;    /* the term that differs in its asterisk only, or NONE */
    bool prefix;      /* it ended with an asterisk: words that begin so */
} term;

typedef struct node {     /* of the trie; 0 is its root */
    uint32_t child, next; /* first child, next sibling; 0 = none */
    uint32_t fail,
        report; /* the longest proper suffix that is a node; the nearest on that way that ends a term, 0 = none */
    uint32_t term; /* that ends here, or NONE */
    unsigned char octet;
} node;

struct haul_terms {
    haul_arena arena;
    term *terms;
    size_t n, cap;
    node *nodes;
    uint32_t n_nodes, cap_nodes;
    uint32_t root[256]; /* children of the root */
};

/* ── the trie ── */

static uint32_t add_node(haul_terms *t, unsigned char octet)
{
    if (t->n_nodes == t->cap_nodes) {
        t->cap_nodes = t->cap_nodes ? t->cap_nodes * 2 : 256;
        t->nodes = haul_realloc(t->nodes, t->cap_nodes * sizeof(node));
    }
    t->nodes[t->n_nodes] = (node){.octet = octet, .term = NONE};
    return t->n_nodes++;
}

/* 0 where there is none. */
static uint32_t child_of(const haul_terms *t, uint32_t at, unsigned char octet)
{
    if (!at)
        return t->root[octet];
    uint32_t c = t->nodes[at].child;
    while (c && t->nodes[c].octet != octet)
        c = t->nodes[c].next;
    return c;
}

static uint32_t grow(haul_terms *t, uint32_t at, unsigned char octet)
{
    uint32_t c = child_of(t, at, octet);
    if (c)
        return c;
    c = add_node(t, octet);
    t->nodes[c].next = t->nodes[at].child;
    t->nodes[at].child = c;
    if (!at)
        t->root[octet] = c;
    return c;
}

static uint32_t step(const haul_terms *t, uint32_t at, unsigned char octet)
{
    uint32_t c = child_of(t, at, octet);
    while (!c && at) {
        at = t->nodes[at].fail;
        c = child_of(t, at, octet);
    }
    return c;
}

/* Breadth first: the suffixes of a node are shorter than it is. */
static void link_nodes(haul_terms *t)
{
    uint32_t *queue = haul_alloc(t->n_nodes * sizeof(*queue));
    uint32_t first = 0, last = 0;
    queue[last++] = 0;
    while (first < last) {
        uint32_t at = queue[first++];
        for (uint32_t c = t->nodes[at].child; c; c = t->nodes[c].next) {
            node *n = &t->nodes[c];
            n->fail = at ? step(t, t->nodes[at].fail, n->octet) : 0;
            n->report = t->nodes[n->fail].term != NONE ? n->fail : t->nodes[n->fail].report;
            queue[last++] = c;
        }
    }
    free(queue);
}

/* ── the list ── */

static void fold_text(haul_span s, haul_str *to)
{
    uint32_t cp, folded[HAUL_FOLD_MAX];
    for (size_t at = 0; at < s.len;) {
        size_t n = haul_utf8_next(s.p + at, s.len - at, &cp);
        at += n ? n : 1;
        size_t k = n ? haul_fold(cp, folded) : 0;
        for (size_t i = 0; i < k; i++)
            if (folded[i] != ' ' || (to->len && to->p[to->len - 1] != ' '))
                haul_utf8_add(to, folded[i]);
    }
}

static haul_rc bad_line(const char *name, unsigned line, const char *what, haul_err *e)
{
    return haul_fail(e, HAUL_E_USAGE, "%s: line %u %s", name, line, what);
}

static void put(haul_terms *t, haul_span text, const haul_str *folded, bool prefix)
{
    uint32_t at = 0;
    for (size_t i = 0; i < folded->len; i++)
        at = grow(t, at, (unsigned char)folded->p[i]);
    uint32_t had = t->nodes[at].term;
    if (had != NONE && (t->terms[had].prefix == prefix || t->terms[had].same != NONE))
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->terms = haul_realloc(t->terms, t->cap * sizeof(term));
    }
    t->terms[t->n] = (term){.text = haul_arena_strn(&t->arena, text.p, text.len),
                            .len = (uint32_t)folded->len,
                            .same = NONE,
                            .prefix = prefix};
    if (had != NONE)
        t->terms[had].same = (uint32_t)t->n;
    else
        t->nodes[at].term = (uint32_t)t->n;
    t->n++;
}

static haul_rc take_line(haul_terms *t, haul_span s, const char *name, unsigned line, haul_err *e)
{
    haul_auto_str folded = {0};
    bool prefix = s.p[s.len - 1] == '*';
    haul_span word = {s.p, s.len - prefix};
    if (memchr(word.p, '*', word.len))
        return bad_line(name, line, "has a * that is not at its end", e);
    fold_text(word, &folded);
    if (prefix && folded.len && folded.p[folded.len - 1] == ' ')
        return bad_line(name, line, "has a blank in front of its *", e);
    while (folded.len && folded.p[folded.len - 1] == ' ')
        folded.len--;
    if (!folded.len)
        return bad_line(name, line, "has nothing to look for", e);
    if (folded.len > HAUL_TERM_MAX)
        return haul_fail(e, HAUL_E_USAGE, "%s: line %u is longer than %u octets", name, line, HAUL_TERM_MAX);
    put(t, s, &folded, prefix);
    if (t->n > HAUL_TERMS_MAX || t->n_nodes > HAUL_TERMS_ALL)
        return haul_fail(e, HAUL_E_USAGE,
                         "%s: line %u is one too many: %u terms, %u octets of them, are the limit", name,
                         line, HAUL_TERMS_MAX, HAUL_TERMS_ALL);
    return HAUL_OK;
}

haul_rc haul_terms_parse(const char *p, size_t n, const char *name, haul_terms **ret, haul_err *e)
{
    haul_auto(haul_terms) *t = haul_calloc(1, sizeof(*t));
    haul_lines lines = {.p = p, .n = n};
    haul_span s;
    haul_rc rc = HAUL_OK;
    add_node(t, 0);
    while (rc == HAUL_OK && haul_lines_next(&lines, &s))
        rc = take_line(t, s, name, lines.line, e);
    if (rc == HAUL_OK && !t->n)
        rc = haul_fail(e, HAUL_E_USAGE, "%s has no term", name);
    if (rc != HAUL_OK)
        return rc;
    link_nodes(t);
    *ret = t;
    t = NULL;
    return HAUL_OK;
}

haul_rc haul_terms_load(const char *file, haul_terms **ret, haul_err *e)
{
    haul_auto_str text = {0};
    haul_rc rc = haul_lines_load(file, HAUL_TERMS_FILE, &text, e);
    return rc == HAUL_OK ? haul_terms_parse(haul_strz(&text), text.len, file, ret, e) : rc;
}

void haul_terms_free(haul_terms *t)
{
    if (!t)
        return;
    haul_arena_done(&t->arena);
    free(t->terms);
    free(t->nodes);
    free(t);
}

size_t haul_terms_count(const haul_terms *t)
{
    return t->n;
}

const char *haul_terms_text(const haul_terms *t, size_t i)
{
    return t->terms[i].text;
}

/* ── looking ── */

typedef struct count {
    uint64_t items, hits;
    uint64_t here; /* hits in this item */
} count;

struct haul_search {
    haul_out out; /* first: push goes through it */
    const haul_terms *t;
    count *counts;
    uint32_t *found; /* terms with hits in this item */
    size_t n_found;
    /* of this text */
    uint32_t at;        /* node */
    uint64_t n;         /* octets of it, folded */
    haul_letter letter; /* of the last character that is no mark */
    bool blank;         /* that one was a blank: further ones do not count */
    bool begins[RING];  /* by octet: a match may begin there */
    uint32_t *ends;     /* terms whose match is complete, if a word may end here */
    size_t n_ends;
    char rest[4]; /* of a character that goes on in the next piece */
    size_t n_rest;
};

static void hit(haul_search *s, uint32_t i)
{
    if (!s->counts[i].here++)
        s->found[s->n_found++] = i;
}

/* What the character after a match decides. */
static void settle(haul_search *s, bool boundary)
{
    for (size_t i = 0; boundary && i < s->n_ends; i++)
        hit(s, s->ends[i]);
    s->n_ends = 0;
}

static void match(haul_search *s, uint32_t i)
{
    for (; i != NONE; i = s->t->terms[i].same) {
        const term *m = &s->t->terms[i];
        if (!s->begins[(s->n - m->len) % RING])
            return;
        if (m->prefix)
            hit(s, i);
        else
            s->ends[s->n_ends++] = i; /* of different lengths each: HAUL_TERM_MAX at most */
    }
}

static void take_folded(haul_search *s, uint32_t cp)
{
    char text[4];
    haul_letter l = haul_letter_of(cp);
    bool boundary = l != HAUL_LETTER_MARK && !(l == HAUL_LETTER_WORD && s->letter == HAUL_LETTER_WORD);
    if (cp == ' ' && s->blank)
        return;
    s->blank = cp == ' ';
    settle(s, boundary);
    if (l != HAUL_LETTER_MARK)
        s->letter = l;
    size_t n = haul_utf8_put(text, cp);
    for (size_t i = 0; i < n; i++) {
        s->begins[s->n++ % RING] = boundary && !i;
        s->at = step(s->t, s->at, (unsigned char)text[i]);
    }
    const node *nodes = s->t->nodes;
    for (uint32_t at = nodes[s->at].term != NONE ? s->at : nodes[s->at].report; at; at = nodes[at].report)
        match(s, nodes[at].term);
}

static void take_character(haul_search *s, uint32_t cp)
{
    uint32_t folded[HAUL_FOLD_MAX];
    size_t n = haul_fold(cp, folded);
    for (size_t i = 0; i < n; i++)
        take_folded(s, folded[i]);
}

/* Octets at p that begin a character and may go on behind its end. */
static bool is_begun(const char *p, size_t n)
{
    unsigned char c = (unsigned char)*p;
    size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return false;
    return n < want && c < 0xf5;
}

/* Returns the octets that are left over: the beginning of a character. */
static size_t take(haul_search *s, const char *p, size_t n)
{
    uint32_t cp;
    while (n) {
        size_t len = haul_utf8_next(p, n, &cp);
        if (!len && is_begun(p, n))
            return n;
        take_character(s, len ? cp : 0xfffd);
        p += len ? len : 1;
        n -= len ? len : 1;
    }
    return 0;
}

static haul_rc write_text(haul_out *o, const void *from, size_t n, haul_err *e)
{
    haul_search *s = (haul_search *)o;
    const char *p = from;
    (void)e;
    while (s->n_rest && n) {
        s->rest[s->n_rest++] = *p++;
        n--;
        size_t left = take(s, s->rest, s->n_rest);
        memmove(s->rest, s->rest + s->n_rest - left, left);
        s->n_rest = left;
    }
    size_t left = take(s, p, n);
    if (left)
        memcpy(s->rest, p + n - left, left);
    s->n_rest = left ? left : s->n_rest;
    return HAUL_OK;
}

haul_search *haul_search_new(const haul_terms *t)
{
    haul_search *s = haul_calloc(1, sizeof(*s));
    s->out.write = write_text;
    s->t = t;
    s->counts = haul_calloc(t->n, sizeof(*s->counts));
    s->found = haul_calloc(t->n, sizeof(*s->found));
    s->ends = haul_calloc(HAUL_TERM_MAX + 1, sizeof(*s->ends));
    s->blank = true;
    return s;
}

void haul_search_free(haul_search *s)
{
    if (!s)
        return;
    free(s->counts);
    free(s->found);
    free(s->ends);
    free(s);
}

haul_out *haul_search_out(haul_search *s)
{
    return &s->out;
}

void haul_search_break(haul_search *s)
{
    if (s->n_rest)
        take_character(s, 0xfffd);
    settle(s, true);
    s->n_rest = 0;
    s->at = 0;
    s->letter = HAUL_LETTER_NONE;
    s->blank = true;
}

bool haul_search_end(haul_search *s, bool counts)
{
    haul_search_break(s);
    bool any = s->n_found;
    for (size_t i = 0; i < s->n_found; i++) {
        count *c = &s->counts[s->found[i]];
        c->items += counts;
        c->hits += counts ? c->here : 0;
        c->here = 0;
    }
    s->n_found = 0;
    return any;
}

uint64_t haul_search_items(const haul_search *s, size_t i)
{
    return s->counts[i].items;
}

uint64_t haul_search_hits(const haul_search *s, size_t i)
{
    return s->counts[i].hits;
}
