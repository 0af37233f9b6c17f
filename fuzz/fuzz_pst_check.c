/* The check of a store over a small one made here, in each of the three formats, with any octets of it changed. Input: format
 * and encoding (one octet), then changes: place (two octets, from where its pages are), count (one), octets. Everything must
 * end, and findings be well formed; a store whose octets are good has no fault in its pages, blocks, heaps and properties. */
#include "fuzz.h"
#include "pst_small.h"

#include "pst/check.h"

#include <stdio.h>
#include <unistd.h>

#define BASE  0x22000u /* behind the first map of 4k pages */
#define STORE (BASE + 16384u)

typedef struct seen {
    bool deep; /* a finding behind the header, the maps and the mandatory nodes */
    size_t n;
} seen;

static void on_finding(void *ctx, const haul_finding *f)
{
    seen *s = ctx;
    check((unsigned)f->id < HAUL_FINDING_COUNT && memchr(f->detail, 0, sizeof(f->detail)) != NULL);
    s->n++;
    if (haul_finding_severity(f->id) ==
        HAUL_DAMAGE) /* its blocks are smaller than real ones, which is a note */
        s->deep |= (f->id >= HAUL_FINDING_PST_PAGE_OUTSIDE && f->id <= HAUL_FINDING_PST_PAGE_TWICE) ||
                   (f->id >= HAUL_FINDING_PST_BLOCK_CRC && f->id <= HAUL_FINDING_PST_BLOCK_MISSING) ||
                   (f->id >= HAUL_FINDING_PST_LIST && f->id <= HAUL_FINDING_PST_PROP_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *f;
    static uint8_t store[STORE];
    unsigned kind = size ? data[0] : 0;
    maker m = {.p = store, .version = kind % 3, .crypt = (uint8_t)(kind / 3 % 3), .base = BASE};
    seen s = {0};
    if (!f)
        f = tmpfile();
    check(f != NULL);
    m.id = m.version ? 8 : 4;
    make(&m, STORE);
    if (size)
        change(store + BASE, STORE - BASE, data + 1, size - 1);
    check(pwrite(fileno(f), store, STORE, 0) == (ssize_t)STORE);
    haul_checking c = {.fd = fileno(f), .size = STORE, .found = on_finding, .ctx = &s};
    check(haul_pst_check_run(&c, NULL) == HAUL_OK);
    check(s.n > 0 && (size > 1 || !s.deep)); /* it has no message store, at least */
    return 0;
}
