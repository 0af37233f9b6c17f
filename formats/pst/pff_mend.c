/* When libpff refuses a node: repair it, remember what was done. */
#include "pff.h"

#include <stdlib.h>
#include <string.h>

static haul_pff_mended *place_of(haul_pff *s, uint32_t nid)
{
    size_t low = 0, high = s->n_mended;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->mended[mid].nid < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return s->mended ? &s->mended[low] : NULL;
}

static haul_pff_mended *find(haul_pff *s, uint32_t nid)
{
    haul_pff_mended *m = place_of(s, nid);
    return m && m < s->mended + s->n_mended && m->nid == nid ? m : NULL;
}

static haul_pff_mended *add(haul_pff *s, uint32_t nid)
{
    if (s->n_mended == s->cap_mended) {
        s->cap_mended = s->cap_mended ? s->cap_mended * 2 : 16;
        s->mended = haul_realloc(s->mended, s->cap_mended * sizeof(*s->mended));
    }
    haul_pff_mended *m = place_of(s, nid);
    memmove(m + 1, m, (size_t)(s->mended + s->n_mended++ - m) * sizeof(*m));
    *m = (haul_pff_mended){.nid = nid};
    m->notes = haul_arena_calloc(&s->arena, HAUL_MEND_NOTES * sizeof(*m->notes));
    return m;
}

typedef struct listener {
    haul_pff *s;
    haul_pff_mended *to;
} listener;

static void on_note(void *ctx, haul_issue_id id, const char *text)
{
    listener *l = ctx;
    if (l->to->n >= HAUL_MEND_NOTES)
        return;
    l->to->notes[l->to->n].id = id;
    l->to->notes[l->to->n++].text = haul_arena_str(&l->s->arena, text);
    haul_direct_tell(&l->s->pst, l->to->nid, id, text);
}

/* Where the two engines are compared, that libpff needed it is a difference. */
static void tell_help(haul_pff *s, const haul_pff_mended *m)
{
    if (s->pst.unaided && m->changes)
        haul_direct_tell(&s->pst, m->nid, HAUL_ISSUE_PST_ENGINES_KNOWN,
                         "repaired before it was compared (libpff: one odd value costs the object)");
}

bool haul_pff_mend(haul_pff *s, uint32_t nid)
{
    if (!s->direct.open || find(s, nid))
        return false;
    listener l = {.s = s, .to = add(s, nid)};
    void (*fault)(void *, const haul_nodes_fault *) = s->direct.nodes.fault;
    s->direct.nodes.fault = NULL; /* libpff reads the same, and haul_pff_check tells */
    size_t n = haul_mend_node(&s->direct.nodes, &s->view, nid, on_note, &l);
    s->direct.nodes.fault = fault;
    l.to->changes = n;
    tell_help(s, l.to);
    return n > 0;
}

void haul_pff_recall(haul_pff *s, uint32_t nid)
{
    const haul_pff_mended *m = find(s, nid);
    for (size_t i = 0; m && i < m->n; i++)
        haul_direct_tell(&s->pst, nid, m->notes[i].id, m->notes[i].text);
    if (m)
        tell_help(s, m);
}
