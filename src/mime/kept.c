/* Calendar objects and cards that the store holds as they came, written by outlook.h. [mapi-r50] */
#include "mime/builder.h"

#include <string.h>

#define KEPT_MAX (16u * 1024u * 1024u) /* octets of one */

/* Nobody saved the item since: then its properties say what the object says. */
static bool is_unchanged(const haul_bag *b)
{
    int64_t then, now;
    return haul_prop_time(haul_bag_name(b, HAUL_PSET_MAILHAUL, "Unchanged"), &then) &&
           haul_prop_time(haul_bag_get(b, HAUL_TAG_LAST_MODIFICATION_TIME), &now) && then == now;
}

static haul_part *part_of(haul_builder *b, size_t i, const haul_prop *mark, haul_arena *a)
{
    haul_auto_str text = {0};
    const haul_bag *bag = &b->o->attachments[i].props;
    const char *value = haul_prop_str(bag, mark, &b->arena), *name = haul_attach_name(b, b->o, i);
    const char *charset = haul_bag_str(bag, HAUL_TAG_TEXT_ATTACHMENT_CHARSET, &b->arena);
    if (haul_mapi_slurp(b->o, i, KEPT_MAX, &text, NULL) != HAUL_OK)
        return NULL;
    haul_part *p = haul_part_new(a, haul_arena_str(a, haul_attach_type(b, b->o, i, name)));
    haul_part_param(p, a, "charset", charset ? charset : "utf-8");
    if (value)
        haul_part_param(p, a, "method", value);
    if (name && !haul_prop_bool(haul_bag_get(bag, HAUL_TAG_ATTACH_HIDDEN)))
        haul_part_param(p, a, "name", name);
    p->text = (haul_span){haul_arena_strn(a, haul_strz(&text), text.len), text.len};
    return p;
}

haul_part *haul_kept_part(haul_builder *b, const char *name, bool represented, haul_arena *a)
{
    for (size_t i = 0; i < b->o->n_attachments; i++) {
        const haul_mapi_attach *at = &b->o->attachments[i];
        const haul_prop *mark = haul_bag_name(&at->props, HAUL_PSET_MAILHAUL, name);
        if (!mark || at->lost || at->embedded)
            continue;
        bool unchanged = is_unchanged(&b->o->props);
        haul_part *p = unchanged ? part_of(b, i, mark, a) : NULL;
        b->used[i] = p || (represented && !unchanged); /* what it said is no longer so */
        return p;
    }
    return NULL;
}
