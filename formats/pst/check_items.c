#include "check.h"

#include <string.h>

#define HAS_ATTACHMENTS 0x10u /* mfHasAttach (2.4.6) */

static unsigned type_of(uint32_t nid)
{
    return nid & 0x1f;
}

static bool is_message(uint32_t nid)
{
    return type_of(nid) == HAUL_NTYPE_MESSAGE || type_of(nid) == HAUL_NTYPE_ASSOCIATED;
}

bool haul_pstc_is_props(uint32_t nid)
{
    unsigned t = type_of(nid);
    return t == HAUL_NTYPE_FOLDER || t == HAUL_NTYPE_SEARCH || t == HAUL_NTYPE_ATTACHMENT ||
           t == HAUL_NTYPE_CRITERIA || is_message(nid) || nid == HAUL_PSTC_STORE || nid == HAUL_PSTC_NAMES;
}

bool haul_pstc_is_table(uint32_t nid)
{
    return (type_of(nid) >= HAUL_NTYPE_HIERARCHY && type_of(nid) <= HAUL_NTYPE_SEARCH_CONTENTS) ||
           nid == HAUL_PSTC_ATTACHMENTS || nid == HAUL_PSTC_RECIPIENTS;
}

/* ── what a message has below it (2.4.5, 2.4.6) ── */

typedef struct listing { /* rows of a table of attachments */
    haul_pstc_heap *message;
    size_t rows;
} listing;

static void note_attachment(void *ctx, uint32_t id, uint32_t unread)
{
    listing *l = ctx;
    (void)unread;
    l->rows++;
    if (type_of(id) != HAUL_NTYPE_ATTACHMENT || !haul_pstc_heap_sub(l->message, id))
        haul_pst_say(l->message->c, HAUL_FINDING_PST_ATTACHMENTS, HAUL_NOWHERE, 0,
                     "the table lists 0x%x, which is not there", id);
}

static void check_message(haul_pstc_heap *h, const haul_pstc_facts *f, const listing *l)
{
    haul_pst_check *c = h->c;
    size_t n = 0;
    for (size_t i = 0; i < h->n_subs; i++)
        n += type_of(h->subs[i].nid) == HAUL_NTYPE_ATTACHMENT;
    if (!haul_pstc_heap_sub(h, HAUL_PSTC_RECIPIENTS))
        haul_pst_say(c, HAUL_FINDING_PST_RECIPIENTS, HAUL_NOWHERE, 0, "there is no subnode 0x%x",
                     HAUL_PSTC_RECIPIENTS);
    if (n != l->rows)
        haul_pst_say(c, HAUL_FINDING_PST_ATTACHMENTS, HAUL_NOWHERE, 0, "%zu, the table lists %zu", n,
                     l->rows);
    if (f->has_flags && !(f->flags & HAS_ATTACHMENTS) != !n)
        haul_pst_say(c, HAUL_FINDING_PST_ATTACHMENTS, HAUL_NOWHERE, 0, "%zu, mfHasAttach is %u", n,
                     f->flags & HAS_ATTACHMENTS ? 1 : 0);
}

static void check_node(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts,
                       listing *l);

/* Messages, attachments and tables that a node has below it; values are checked with what names them. */
static void check_below(haul_pstc_heap *h, unsigned depth, listing *l)
{
    haul_pst_check *c = h->c;
    uint32_t outer = c->subnode;
    for (size_t i = 0; i < h->n_subs; i++) {
        haul_pstc_facts none = {0};
        if (!haul_pstc_is_props(h->subs[i].nid) && !haul_pstc_is_table(h->subs[i].nid))
            continue;
        c->subnode = h->subs[i].nid;
        if (depth < HAUL_PSTC_DEPTH)
            check_node(c, &h->subs[i], depth + 1, &none, l);
        else
            haul_pst_say(c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, 0, "more than %u nodes within nodes",
                         HAUL_PSTC_DEPTH);
    }
    c->subnode = outer;
}

/* l: of the message that has a table of attachments below it; or NULL. */
static void check_node(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts,
                       listing *l)
{
    haul_pstc_heap h;
    bool table = haul_pstc_is_table(n->nid), message = is_message(n->nid);
    listing own = {.message = &h};
    if (c->work >= c->most_work)
        return;
    if (haul_pstc_heap_open(&h, c, n->data, n->sub, table ? HAUL_PSTC_SIG_TABLE : HAUL_PSTC_SIG_PROPS)) {
        if (table)
            haul_pstc_table(&h, n->nid, l && n->nid == HAUL_PSTC_ATTACHMENTS ? note_attachment : NULL, l);
        else
            haul_pstc_props(&h, n->nid, facts);
        check_below(&h, depth, message ? &own : NULL);
        if (message)
            check_message(&h, facts, &own);
    }
    haul_pstc_heap_done(&h);
}

void haul_pst_check_object(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts)
{
    check_node(c, n, depth, facts, NULL);
}
