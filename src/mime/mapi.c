#include "mime/mapi.h"

#include "mime/class.h"
#include "mime/tags.h"

#include <string.h>

#define TAG_MESSAGE_CLASS 0x001a /* MS-OXPROPS 2.786 PidTagMessageClass */

void haul_mapi_free(haul_mapi *m)
{
    if (m)
        m->ops->free(m);
}

haul_rc haul_mapi_load(haul_mapi *m, haul_err *e)
{
    if (m->loaded)
        return HAUL_OK;
    haul_rc rc = m->ops->load(m, e);
    m->loaded = rc == HAUL_OK;
    return rc;
}

typedef struct slurp {
    haul_out out;
    haul_str *to;
    size_t left;
    bool full;
} slurp;

static haul_rc slurp_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    slurp *s = (slurp *)o; /* out is its first member */
    if (n > s->left) {
        s->full = true;
        return haul_fail(e, HAUL_SKIP, "larger than it may be here");
    }
    haul_str_add(s->to, p, n);
    s->left -= n;
    return HAUL_OK;
}

haul_rc haul_mapi_slurp(haul_mapi *m, size_t i, size_t max, haul_str *to, haul_err *e)
{
    slurp s = {.out = {.write = slurp_write}, .to = to, .left = max};
    size_t before = to->len;
    haul_rc rc = m->ops->data(m, i, &s.out, e);
    if (s.full) /* whatever the source made of it */
        rc = haul_fail(e, HAUL_SKIP, "attachment %zu: larger than %zu octets", i, max);
    if (rc != HAUL_OK && to->p) {
        to->len = before;
        to->p[before] = '\0';
    }
    return rc;
}

/* Most questions are about classes that the item is not of: seen without decoding. */
static bool differs(const haul_prop *p, const char *class)
{
    if (!p || p->type != HAUL_PT_UNICODE)
        return false;
    for (size_t i = 0; class[i] && 2 * i + 1 < p->n; i++)
        if (p->p[2 * i + 1] || haul_lower((char)p->p[2 * i]) != haul_lower(class[i]))
            return true;
    return false;
}

bool haul_mapi_is(const haul_mapi *m, const char *class)
{
    haul_auto_str have = {0};
    const haul_prop *p = haul_bag_get(&m->props, TAG_MESSAGE_CLASS);
    if (differs(p, class))
        return false;
    (void)haul_prop_text(&m->props, p, &have, NULL);
    return haul_class_is((haul_span){haul_strz(&have), have.len}, class);
}

const haul_prop *haul_mapi_categories(const haul_bag *b)
{
    const haul_prop *p = haul_bag_name(b, HAUL_PSET_PUBLIC_STRINGS, "Keywords");
    return p ? p : haul_bag_lid(b, HAUL_PSET_PUBLIC_STRINGS, HAUL_LID_CATEGORIES);
}
