#include "model/confined_child.h"

/* Ordinals of what comes in a step of a lost folder begin here: they are not those of the child that died in it. */
#define AFTER_LOSS UINT32_C(0x80000000)

static bool is_lost(haul_guard *g)
{
    while (g->next_lost < g->n_lost && g->lost[g->next_lost] < g->step)
        g->next_lost++;
    return g->next_lost < g->n_lost && g->lost[g->next_lost] == g->step;
}

/* Whose item it is; says when a stretch of our own has ended. */
static bool is_ours(haul_guard *g)
{
    uint64_t stretch = g->items / HAUL_STRETCH;
    if (g->share.of < 2)
        return true;
    if (stretch != g->stretch && g->stretch % g->share.of == g->share.index)
        g->turn(g->ctx, g->stretch);
    g->stretch = stretch;
    return stretch % g->share.of == g->share.index;
}

haul_guard_verdict haul_guard_step(haul_guard *g, haul_guard_what what, uint64_t node, uint32_t folder)
{
    if (!g)
        return HAUL_GUARD_GO;
    bool passed = what == HAUL_GUARD_ITEM && (!is_ours(g) || g->step < g->frontier);
    g->step++;
    g->results = g->issues = 0;
    g->page->node = node;
    g->page->what = passed ? (uint32_t)HAUL_GUARD_PASSED : (uint32_t)what;
    g->page->folder = folder;
    atomic_store_explicit(&g->page->step, g->step, memory_order_release);
    *(what == HAUL_GUARD_ITEM ? &g->items : what == HAUL_GUARD_FOLDER ? &g->folders : &g->stores) += 1;
    if (is_lost(g)) {
        g->results = g->issues = AFTER_LOSS;
        return HAUL_GUARD_LOST;
    }
    if (passed) {
        g->results = 1; /* the item itself */
        return HAUL_GUARD_PASS;
    }
#ifdef MAILHAUL_FAULTS
    haul_guard_fault(g, what);
#endif
    return HAUL_GUARD_GO;
}
