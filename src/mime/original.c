#include "mime/original.h"

#include "io/spool.h"
#include "mime/outlook_parts.h"

#include <string.h>

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

haul_rc haul_original_push(haul_mapi *o, haul_out *to, bool *ret_done, bool *ret_broken, haul_err *e)
{
    haul_span seal;
    uint8_t now[HAUL_SHA256_LEN];
    size_t i;
    *ret_done = *ret_broken = false;
    if (o->depth || !find(o, &i, &seal))
        return HAUL_OK;
    haul_auto(haul_spool) *s = haul_spool_new(true);
    haul_rc rc = o->ops->data(o, i, haul_spool_out(s), e);
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(s, e);
    if (rc == HAUL_SKIP) { /* what is left of it is an attachment like any other */
        *ret_broken = true;
        return HAUL_OK;
    }
    if (rc != HAUL_OK)
        return rc;
    haul_original_seal(&o->props, haul_spool_get_facts(s)->sha256, now);
    *ret_broken = seal.len != sizeof(now) || memcmp(seal.p, now, sizeof(now)) != 0;
    if (*ret_broken)
        return HAUL_OK;
    *ret_done = true;
    return haul_spool_copy(s, HAUL_EOL_KEEP, to, e);
}
