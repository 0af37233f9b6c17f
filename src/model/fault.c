/* Faults on demand, for tests of what a crash, a hang or a lie of the child costs. Not part of a release. */
#ifdef MAILHAUL_FAULTS
#define _GNU_SOURCE
#endif
#include "model/confined_child.h"

#ifdef MAILHAUL_FAULTS
#include "base/str.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_STATUS 7

static void fault_crash(const haul_guard *g)
{
    (void)g;
    (void)signal(SIGSEGV, SIG_DFL); /* also where a sanitizer would answer */
    (void)raise(SIGSEGV);
}

static void fault_hang(const haul_guard *g)
{
    (void)g;
    for (;;)
        (void)poll(NULL, 0, -1);
}

static void fault_spin(const haul_guard *g)
{
    for (;;)
        (void)atomic_load(&g->page->step);
}

static void fault_exit(const haul_guard *g)
{
    (void)g;
    _exit(FAULT_STATUS);
}

static void fault_oom(const haul_guard *g)
{
    (void)g;
    haul_oom();
}

static void fault_garbage(const haul_guard *g)
{
    static const char octets[64] = "\x03\x00\x00\x00\xff\xff\xff\x7fgarbage";
    size_t n = 0;
    char *to = haul_ring_room(g->ring, &n);
    n = n < sizeof(octets) ? n : sizeof(octets);
    memcpy(to, octets, n);
    haul_ring_add(g->ring, n);
    (void)haul_ring_publish(g->ring, false);
}

static const struct {
    const char *name;
    void (*act)(const haul_guard *g);
} KINDS[] = {
    {"crash", fault_crash}, {"hang", fault_hang}, {"spin", fault_spin},
    {"exit", fault_exit},   {"oom", fault_oom},   {"garbage", fault_garbage},
};

/* "3", "f1", "s0" or "*" against the step that was begun last. */
static bool meant(const haul_guard *g, haul_guard_what what, haul_span where)
{
    haul_guard_what of = HAUL_GUARD_ITEM;
    uint64_t count = g->items, wanted = 0;
    if (where.len && (where.p[0] == 'f' || where.p[0] == 's')) {
        of = where.p[0] == 'f' ? HAUL_GUARD_FOLDER : HAUL_GUARD_STORE;
        count = where.p[0] == 'f' ? g->folders : g->stores;
        where.p++;
        where.len--;
    }
    if (of != what)
        return false;
    return haul_span_is(where, "*") || (haul_parse_u64(where.p, where.len, &wanted) && wanted + 1 == count);
}

void haul_guard_fault(const haul_guard *g, haul_guard_what what)
{
    const char *at = getenv("MAILHAUL_FAULT");
    while (at && *at) {
        size_t n = strcspn(at, ","), name = strcspn(at, "@,");
        for (size_t i = 0; i < HAUL_COUNT(KINDS) && name < n; i++)
            if (haul_span_is((haul_span){at, name}, KINDS[i].name) &&
                meant(g, what, (haul_span){at + name + 1, n - name - 1}))
                KINDS[i].act(g);
        at += n + (at[n] == ',');
    }
}
#endif
