/* Messages: recipients, attachments, their data, what is embedded. */
#include "compare.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define ROW_ID 0x67f2u /* PidTagLtpRowId, MS-PST 2.3.4.4.1 */

/* What is told from here on is about a part: "recipient 3: ". Returns what to hand to leave(). */
static size_t enter(haul_compare *c, const char *what, size_t i)
{
    size_t was = c->where.len;
    haul_str_addf(&c->where, "%s %zu: ", what, i);
    return was;
}

static void leave(haul_compare *c, size_t was)
{
    c->where.len = was;
    c->where.p[was] = '\0';
}

/* What only one of them has, or whose place among the others differs. True: there is something to compare. */
static bool both_have(haul_compare *c, haul_compare_pair p, const char *what)
{
    if (p.own != HAUL_COMPARE_NONE && p.pff != HAUL_COMPARE_NONE)
        return true;
    bool own = p.own != HAUL_COMPARE_NONE;
    haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "%s %zu: only %s has it", what, own ? p.own : p.pff,
                      own ? "native" : "libpff");
    return false;
}

static int by_own(const void *a, const void *b)
{
    size_t x = ((const haul_compare_pair *)a)->own, y = ((const haul_compare_pair *)b)->own;
    return (x > y) - (x < y);
}

static void compare_order(haul_compare *c, haul_compare_pair *pairs, size_t n, const char *what)
{
    size_t last = 0;
    qsort(pairs, n, sizeof(*pairs), by_own);
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].own == HAUL_COMPARE_NONE || pairs[i].pff == HAUL_COMPARE_NONE)
            continue;
        if (pairs[i].pff < last) {
            haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "%ss: their order differs, from %zu on", what,
                              pairs[i].own);
            return;
        }
        last = pairs[i].pff;
    }
}

/* ── recipients ── */

static uint64_t *row_ids(const haul_mapi *m)
{
    uint64_t *v = haul_alloc((m->n_recipients + 1) * sizeof(*v));
    for (size_t i = 0; i < m->n_recipients; i++)
        v[i] = (uint64_t)haul_prop_int_or(haul_bag_get(&m->recipients[i], ROW_ID), -1);
    return v;
}

/* libpff gives zeros for every cell that a row does not have: told once for a message, with their number. */
static void tell_cells(haul_compare *c)
{
    if (c->cells)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_KNOWN,
                          "%zu cells of recipients: only libpff has them, as 0: %s (libpff: cell bitmap "
                          "ignored)",
                          c->cells, haul_strz(&c->first_cell));
    c->cells = 0;
}

static void compare_recipients(haul_compare *c, const haul_mapi *own, const haul_mapi *pff)
{
    uint64_t *a = row_ids(own), *b = row_ids(pff);
    haul_compare_pair *pairs = haul_alloc((own->n_recipients + pff->n_recipients + 1) * sizeof(*pairs));
    size_t n = haul_compare_align(a, own->n_recipients, b, pff->n_recipients, pairs);
    c->message = c->where.len;
    for (size_t i = 0; i < n; i++) {
        if (!both_have(c, pairs[i], "recipient"))
            continue;
        size_t was = enter(c, "recipient", pairs[i].own);
        haul_compare_bags(c, &own->recipients[pairs[i].own], &pff->recipients[pairs[i].pff], true);
        c->sums.recipients++;
        leave(c, was);
    }
    compare_order(c, pairs, n, "recipient");
    tell_cells(c);
    free(pairs);
    free(a);
    free(b);
}

/* ── data ── */

typedef struct digest {
    haul_out out;
    haul_sha256 *h;
    uint64_t n;
    char hex[HAUL_SHA256_HEX];
} digest;

static haul_rc digest_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    digest *d = (digest *)o; /* out is its first member */
    (void)e;
    haul_sha256_update(d->h, p, n);
    d->n += n;
    return HAUL_OK;
}

static haul_rc take_digest(haul_mapi *m, size_t i, digest *d, haul_err *e)
{
    uint8_t sum[HAUL_SHA256_LEN];
    d->out.write = digest_write;
    haul_rc rc = m->attachments[i].size ? m->ops->data(m, i, &d->out, e) : HAUL_OK;
    haul_sha256_final(d->h, sum);
    haul_hex(d->hex, sum, sizeof(sum));
    return rc;
}

static void compare_data(haul_compare *c, haul_mapi *own, haul_mapi *pff, haul_compare_pair p)
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    digest a = {.h = h}, b = {.h = h};
    haul_err why = {0}, pff_why = {0};
    haul_rc rc = take_digest(own, p.own, &a, &why);
    haul_rc pff_rc = take_digest(pff, p.pff, &b, &pff_why);
    if (!haul_compare_outcome(c, rc, &why, pff_rc, &pff_why))
        return;
    c->sums.octets += a.n;
    if (a.n != b.n || strcmp(a.hex, b.hex) != 0)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER,
                          "data: native %llu octets, SHA-256 %s, libpff %llu octets, SHA-256 %s",
                          (unsigned long long)a.n, a.hex, (unsigned long long)b.n, b.hex);
}

/* ── attachments ── */

static uint64_t *attachment_ids(const haul_mapi *m)
{
    uint64_t *v = haul_alloc((m->n_attachments + 1) * sizeof(*v));
    for (size_t i = 0; i < m->n_attachments; i++)
        v[i] = m->attachments[i].node ? m->attachments[i].node : UINT64_MAX;
    return v;
}

static haul_rc outcome_of(const haul_mapi_attach *at, haul_err *ret)
{
    return at->lost ? haul_fail(ret, HAUL_SKIP, "%s", at->why ? at->why : "") : HAUL_OK;
}

static void compare_embedded(haul_compare *c, haul_mapi *own, haul_mapi *pff, haul_compare_pair p)
{
    haul_auto(haul_mapi) *a = NULL, *b = NULL;
    haul_err why = {0}, pff_why = {0};
    haul_rc rc = own->ops->embedded(own, p.own, &a, &why);
    haul_rc pff_rc = pff->ops->embedded(pff, p.pff, &b, &pff_why);
    size_t was = c->where.len;
    haul_str_addz(&c->where, "embedded message: ");
    if (haul_compare_outcome(c, rc, &why, pff_rc, &pff_why))
        haul_compare_objects(c, a, b);
    leave(c, was);
}

static void compare_attachment(haul_compare *c, haul_mapi *own, haul_mapi *pff, haul_compare_pair p)
{
    const haul_mapi_attach *a = &own->attachments[p.own], *b = &pff->attachments[p.pff];
    haul_err why = {0}, pff_why = {0};
    if (!a->embedded && !a->lost && a->size > HAUL_PST_LOADED_MAX) {
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_UNCOMPARED,
                          "%llu octets, which libpff would load into memory at once",
                          (unsigned long long)a->size);
        return;
    }
    haul_rc rc = outcome_of(a, &why);
    if (!haul_compare_outcome(c, rc, &why, outcome_of(b, &pff_why), &pff_why))
        return;
    c->sums.attachments++;
    haul_compare_bags(c, &a->props, &b->props, false);
    if (a->embedded != b->embedded)
        haul_compare_tell(c, HAUL_ISSUE_PST_ENGINES_DIFFER, "only %s takes it for an embedded message",
                          a->embedded ? "native" : "libpff");
    else if (a->embedded)
        compare_embedded(c, own, pff, p);
    else
        compare_data(c, own, pff, p);
}

static void compare_attachments(haul_compare *c, haul_mapi *own, haul_mapi *pff)
{
    uint64_t *a = attachment_ids(own), *b = attachment_ids(pff);
    haul_compare_pair *pairs = haul_alloc((own->n_attachments + pff->n_attachments + 1) * sizeof(*pairs));
    size_t n = haul_compare_align(a, own->n_attachments, b, pff->n_attachments, pairs);
    for (size_t i = 0; i < n; i++) {
        if (!both_have(c, pairs[i], "attachment"))
            continue;
        size_t was = enter(c, "attachment", pairs[i].own);
        compare_attachment(c, own, pff, pairs[i]);
        leave(c, was);
    }
    compare_order(c, pairs, n, "attachment");
    free(pairs);
    free(a);
    free(b);
}

void haul_compare_objects(haul_compare *c, haul_mapi *own, haul_mapi *pff)
{
    haul_err why = {0}, pff_why = {0};
    c->sums.items++;
    haul_compare_bags(c, &own->props, &pff->props, false);
    haul_rc rc = haul_mapi_load(own, &why);
    haul_rc pff_rc = haul_mapi_load(pff, &pff_why);
    if (!haul_compare_outcome(c, rc, &why, pff_rc, &pff_why))
        return;
    compare_recipients(c, own, pff);
    compare_attachments(c, own, pff);
}
