#include "mime/original.h"

#include "io/eol.h"
#include "mime/outlook_parts.h"

#include <stdlib.h>
#include <string.h>

#define SUM_STEP 16384u /* octets at a time */

static void add_prop(haul_sha256 *sha, const haul_bag *b, uint16_t tag)
{
    haul_auto_str text = {0};
    haul_span v = {0};
    const haul_prop *p = haul_bag_get(b, tag);
    if (!haul_prop_bin(p, &v) &&
        haul_prop_text(b, p, &text, NULL)) /* text as UTF-8: the same from any engine */
        v = (haul_span){haul_strz(&text), text.len};
    if (tag == HAUL_TAG_SUBJECT && v.len > 1 && v.p[0] == 1) /* MS-PST 2.5.3.1.1.1: the mark of its prefix */
        v = (haul_span){v.p + 2, v.len - 2};
    uint8_t n[8];
    for (size_t i = 0; i < sizeof(n); i++)
        n[i] = (uint8_t)((uint64_t)v.len >> 8 * i);
    haul_sha256_update(sha, n, sizeof(n));
    haul_sha256_update(sha, v.p ? v.p : "", v.len);
}

void haul_original_seal(const haul_bag *b, const uint8_t octets[HAUL_SHA256_LEN],
                        uint8_t ret[HAUL_SHA256_LEN])
{
    static const uint16_t tags[] = {HAUL_TAG_SUBJECT, HAUL_TAG_BODY, HAUL_TAG_HTML, HAUL_TAG_RTF_COMPRESSED,
                                    HAUL_TAG_TRANSPORT_HEADERS};
    haul_auto(haul_sha256) *sha = haul_sha256_new();
    haul_sha256_update(sha, octets, HAUL_SHA256_LEN);
    for (size_t i = 0; i < HAUL_COUNT(tags); i++)
        add_prop(sha, b, tags[i]);
    haul_sha256_final(sha, ret);
}

void haul_outlook_original(haul_outlook *x)
{
    uint8_t seal[HAUL_SHA256_LEN];
    const haul_spool_facts *f = haul_spool_get_facts(x->m->body);
    haul_put to = haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_ORIGINAL}, HAUL_ORIGINAL_TYPE);
    x->o.attachments[x->o.n_attachments - 1].size = f->size;
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_LONG_FILENAME), "original.mime");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_FILENAME), "original.mime");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), "original.mime");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_EXTENSION), ".mime");
    haul_put_bool(&to, HAUL_TAG(HAUL_TAG_ATTACH_HIDDEN), true);
    haul_original_seal(x->to.bag, f->sha256, seal);
    haul_put_bin(&to, HAUL_NAME(MAILHAUL, "Seal"), seal, sizeof(seal));
}

/* ── back ── */

static bool find(haul_mapi *o, size_t *ret, haul_span *ret_seal)
{
    for (size_t i = o->n_attachments; i > 0; i--) {
        const haul_mapi_attach *at = &o->attachments[i - 1];
        if (!at->embedded && !at->lost &&
            haul_prop_bin(haul_bag_name(&at->props, HAUL_PSET_MAILHAUL, "Seal"), ret_seal)) {
            *ret = i - 1;
            return true;
        }
    }
    return false;
}

/* The digest of what is pushed, every line end CRLF, as the spool has it. */
typedef struct summing {
    haul_out out;
    haul_sha256 *sum;
    haul_eol_state eol;
    char buf[2 * SUM_STEP + HAUL_EOL_SLACK];
} summing;

static haul_rc add_to_sum(haul_out *o, const void *p, size_t n, haul_err *e)
{
    summing *s = (summing *)o; /* out is its first member */
    (void)e;
    for (const char *at = p; n;) {
        size_t k = n < SUM_STEP ? n : SUM_STEP;
        haul_sha256_update(s->sum, s->buf, haul_eol_scan(&s->eol, at, k, s->buf));
        at += k;
        n -= k;
    }
    return HAUL_OK;
}

static haul_rc digest(haul_mapi *o, size_t i, uint8_t ret[HAUL_SHA256_LEN], haul_err *e)
{
    summing *s = haul_calloc(1, sizeof(*s));
    s->out.write = add_to_sum;
    s->sum = haul_sha256_new();
    haul_rc rc = o->ops->data(o, i, &s->out, e);
    haul_sha256_final(s->sum, ret);
    haul_sha256_free(s->sum);
    free(s);
    return rc;
}

/* Read twice: a confined process has no place to put a large message while its digest is not known. */
haul_rc haul_original_push(haul_mapi *o, haul_out *to, bool *ret_done, bool *ret_broken, haul_err *e)
{
    haul_span seal;
    uint8_t now[HAUL_SHA256_LEN];
    size_t i;
    *ret_done = *ret_broken = false;
    if (o->depth || !find(o, &i, &seal))
        return HAUL_OK;
    uint8_t sum[HAUL_SHA256_LEN];
    haul_rc rc = digest(o, i, sum, e);
    if (rc == HAUL_SKIP) { /* what is left of it is an attachment like any other */
        *ret_broken = true;
        return HAUL_OK;
    }
    if (rc != HAUL_OK)
        return rc;
    haul_original_seal(&o->props, sum, now);
    *ret_broken = seal.len != sizeof(now) || memcmp(seal.p, now, sizeof(now)) != 0;
    if (*ret_broken)
        return HAUL_OK;
    *ret_done = true;
    return o->ops->data(o, i, to, e);
}
