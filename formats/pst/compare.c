/* Values, bags and lists. */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void haul_compare_done(haul_compare *c)
{
    haul_str_done(&c->where);
    haul_str_done(&c->first_cell);
}

void haul_compare_tell(haul_compare *c, haul_issue_id id, const char *fmt, ...)
{
    haul_err text; /* longer ones are cut */
    haul_auto_str line = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text.text, sizeof(text.text), fmt, ap);
    va_end(ap);
    haul_str_addf(&line, "%s%s", haul_strz(&c->where), text.text);
    if (id == HAUL_ISSUE_PST_ENGINES_UNCOMPARED)
        c->sums.uncompared++;
    else if (id == HAUL_ISSUE_PST_ENGINES_KNOWN)
        c->sums.known++;
    else
        c->sums.differences++;
    c->tell(c->ctx, id, haul_strz(&line));
}

bool haul_compare_outcome(haul_compare *c, haul_rc own, const haul_err *why, haul_rc pff,
                          const haul_err *pff_why)
{
    if (own == HAUL_OK && pff != HAUL_OK)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "only native reads it, libpff: %s",
                          pff_why->text);
    if (own != HAUL_OK && pff == HAUL_OK)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "only libpff reads it, native: %s", why->text);
    return own == HAUL_OK && pff == HAUL_OK;
}

/* ── in pairs ── */

typedef struct ranked {
    uint64_t key;
    size_t at;
} ranked;

static int by_key(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->at > y->at) - (x->at < y->at);
}

static ranked *rank(const uint64_t *keys, size_t n)
{
    ranked *r = haul_alloc((n ? n : 1) * sizeof(*r));
    for (size_t i = 0; i < n; i++)
        r[i] = (ranked){keys[i], i};
    qsort(r, n, sizeof(*r), by_key);
    return r;
}

size_t haul_compare_align(const uint64_t *own, size_t n_own, const uint64_t *pff, size_t n_pff,
                          haul_compare_pair *ret)
{
    ranked *a = rank(own, n_own), *b = rank(pff, n_pff);
    size_t i = 0, k = 0, n = 0;
    while (i < n_own || k < n_pff) {
        bool take_a = k == n_pff || (i < n_own && a[i].key <= b[k].key);
        bool take_b = i == n_own || (k < n_pff && b[k].key <= a[i].key);
        ret[n++] =
            (haul_compare_pair){take_a ? a[i].at : HAUL_COMPARE_NONE, take_b ? b[k].at : HAUL_COMPARE_NONE};
        i += take_a;
        k += take_b;
    }
    free(a);
    free(b);
    return n;
}

/* ── one property ── */

static void add_octets(haul_str *to, const haul_prop *p, size_t from)
{
    char hex[2 * HAUL_COMPARE_SHOWN + 1];
    size_t n = p->n - from < HAUL_COMPARE_SHOWN ? p->n - from : HAUL_COMPARE_SHOWN;
    haul_hex(hex, p->p + from, n);
    haul_str_addf(to, "%zu octets %s%s", p->n, hex, from + n < p->n ? "…" : "");
}

static void add_name(haul_str *to, const haul_prop *p)
{
    char guid[33] = "";
    if (p->set == HAUL_PSET_NONE)
        return;
    if (p->guid)
        haul_hex(guid, p->guid, 16);
    if (p->name)
        haul_str_addf(to, " (%s %.128s)", guid, p->name);
    else
        haul_str_addf(to, " (%s 0x%x)", guid, p->lid);
}

static void tell_single(haul_compare *c, const haul_prop *p, const char *whose)
{
    haul_auto_str text = {0};
    add_name(&text, p);
    haul_str_addf(&text, ": only %s has it: ", whose);
    add_octets(&text, p, 0);
    haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "property 0x%04x%04x%s", p->id, p->type,
                      haul_strz(&text));
}

static bool is_zero(const haul_prop *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->p[i])
            return false;
    return true;
}

static void only_pff(haul_compare *c, const haul_prop *p, bool row)
{
    if (!row || !is_zero(p)) {
        tell_single(c, p, "libpff");
        return;
    }
    if (!c->cells++) {
        haul_str_clear(&c->first_cell);
        haul_str_addf(&c->first_cell, "%sproperty 0x%04x%04x", haul_strz(&c->where) + c->message, p->id,
                      p->type);
    }
}

static bool same_name(const haul_prop *a, const haul_prop *b)
{
    if (a->set != b->set || !a->name != !b->name || !a->guid != !b->guid)
        return false;
    if (a->guid && memcmp(a->guid, b->guid, 16) != 0)
        return false;
    return a->name ? strcmp(a->name, b->name) == 0 : a->lid == b->lid;
}

static void tell_values(haul_compare *c, const haul_prop *a, const haul_prop *b)
{
    size_t at = 0, shorter = a->n < b->n ? a->n : b->n;
    haul_auto_str text = {0};
    while (at < shorter && a->p[at] == b->p[at])
        at++;
    size_t from = a->n <= HAUL_COMPARE_SHOWN && b->n <= HAUL_COMPARE_SHOWN ? 0 : at;
    add_name(&text, a);
    haul_str_addz(&text, ": native ");
    add_octets(&text, a, from);
    haul_str_addz(&text, ", libpff ");
    add_octets(&text, b, from);
    if (from)
        haul_str_addf(&text, " (from octet %zu on)", from);
    haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "property 0x%04x%04x%s", a->id, a->type,
                      haul_strz(&text));
}

/* libpff has no GUID for the set that is number 2, MS-PST 2.4.7.1. */
static bool lacks_set(const haul_prop *a, const haul_prop *b)
{
    static const uint8_t none[16] = {0};
    haul_prop c = *b;
    c.set = a->set;
    c.guid = a->guid;
    return a->set == HAUL_PSET_PUBLIC_STRINGS && b->guid && memcmp(b->guid, none, 16) == 0 &&
           same_name(a, &c);
}

static void compare_names(haul_compare *c, const haul_prop *a, const haul_prop *b)
{
    haul_auto_str own = {0}, pff = {0};
    if (same_name(a, b))
        return;
    bool known = lacks_set(a, b);
    add_name(&own, a);
    add_name(&pff, b);
    haul_compare_tell(c, known ? HAUL_ISSUE_PST_ENGINES_KNOWN : HAUL_ISSUE_PST_ENGINES_DIFFER,
                      "property 0x%04x: name of native%s, of libpff%s%s", a->id,
                      own.len ? haul_strz(&own) : " none", pff.len ? haul_strz(&pff) : " none",
                      known ? " (libpff: set without GUID)" : "");
}

static void compare_property(haul_compare *c, const haul_prop *a, const haul_prop *b)
{
    c->sums.values++;
    c->sums.octets += a->n;
    if (a->type != b->type)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER,
                          "property 0x%04x: native has type 0x%04x, libpff 0x%04x", a->id, a->type, b->type);
    compare_names(c, a, b);
    if (a->n != b->n || (a->n && memcmp(a->p, b->p, a->n) != 0))
        tell_values(c, a, b);
}

/* ── bags ── */

static uint64_t *ids(const haul_bag *b)
{
    uint64_t *v = haul_alloc((b->n ? b->n : 1) * sizeof(*v));
    for (size_t i = 0; i < b->n; i++)
        v[i] = b->v[i].id;
    return v;
}

void haul_compare_bags(haul_compare *c, const haul_bag *own, const haul_bag *pff, bool row)
{
    uint64_t *a = ids(own), *b = ids(pff);
    haul_compare_pair *pairs = haul_alloc((own->n + pff->n + 1) * sizeof(*pairs));
    size_t n = haul_compare_align(a, own->n, b, pff->n, pairs);
    for (size_t i = 0; i < n; i++) {
        const haul_prop *p = pairs[i].own == HAUL_COMPARE_NONE ? NULL : &own->v[pairs[i].own];
        const haul_prop *q = pairs[i].pff == HAUL_COMPARE_NONE ? NULL : &pff->v[pairs[i].pff];
        if (!p)
            only_pff(c, q, row);
        else if (!q)
            tell_single(c, p, "native");
        else
            compare_property(c, p, q);
    }
    free(pairs);
    free(a);
    free(b);
}

/* ── lists ── */

static void add_missing(haul_str *to, haul_pst_children of, haul_pst_children from, const char *whose)
{
    size_t n = 0, k = 0;
    haul_auto_str named = {0};
    for (size_t i = 0; i < of.n; i++) {
        while (k < from.n && from.v[k] < of.v[i])
            k++;
        if (k < from.n && from.v[k] == of.v[i])
            continue;
        if (n++ < HAUL_COMPARE_SHOWN)
            haul_str_addf(&named, " 0x%x", of.v[i]);
    }
    if (n)
        haul_str_addf(to, "; only %s has%s%s", whose, haul_strz(&named), n > HAUL_COMPARE_SHOWN ? " …" : "");
}

void haul_compare_lists(haul_compare *c, const char *what, haul_pst_children own, haul_pst_children pff)
{
    haul_auto_str text = {0};
    if (own.n == pff.n && (!own.n || memcmp(own.v, pff.v, own.n * sizeof(*own.v)) == 0))
        return;
    add_missing(&text, own, pff, "native");
    add_missing(&text, pff, own, "libpff");
    haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "%s: native has %zu, libpff %zu%s", what, own.n,
                      pff.n, haul_strz(&text));
}
