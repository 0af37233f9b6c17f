/* Messages of any octets: the walk leaves nothing out; a repaired message has none of its faults but lines that cannot be
 * broken; and one without faults comes out as it went in, line ends aside. The first two octets choose faults and limit. */
#include "fuzz.h"

#include "mime/repair.h"
#include "mime/walk.h"

#define LINE_MIN 80u

static haul_spool *spool_of(const char *p, size_t n)
{
    haul_spool *s = haul_spool_new(true);
    check(haul_out_write(haul_spool_out(s), p, n, NULL) == HAUL_OK && haul_spool_freeze(s, NULL) == HAUL_OK);
    return s;
}

static void follows(const char **at, haul_span s)
{
    check(!s.len || s.p == *at);
    *at += s.len;
}

static void check_walk(const char *p, size_t n)
{
    haul_auto(haul_walk) *w = haul_walk_new((haul_span){p, n});
    haul_piece e;
    const char *at = p;
    while (haul_walk_next(w, &e)) {
        follows(&at, e.header);
        follows(&at, e.blank);
        follows(&at, e.body);
        follows(&at, e.between);
        follows(&at, e.delimiter);
        check(strlen(e.type) < sizeof(e.type) && strlen(e.path) < sizeof(e.path));
    }
    check(at == p + n);
}

static void check_repair(haul_spool *from, const haul_limits *l)
{
    haul_auto(haul_spool) *to = haul_spool_new(true), *again = haul_spool_new(true);
    haul_auto_str what = {0}, more = {0};
    unsigned found = 0, left = 0;
    check(haul_faults_find(from, l, &found, NULL, NULL) == HAUL_OK);
    check(haul_repair(from, l->faults, l, haul_spool_out(to), &what, NULL) == HAUL_OK);
    check(haul_spool_freeze(to, NULL) == HAUL_OK && haul_faults_find(to, l, &left, NULL, NULL) == HAUL_OK);
    const haul_spool_facts *a = haul_spool_get_facts(from), *b = haul_spool_get_facts(to);
    check_text(what.p);
    check((left & HAUL_FAULT_LONG_LINE) == left && what.len <= HAUL_REPAIR_WHAT + 3);
    if (!found)
        check(!what.len && memcmp(a->sha256, b->sha256, HAUL_SHA256_LEN) == 0 && b->lf == 0);
    if (left)
        return;
    check(haul_repair(to, l->faults, l, haul_spool_out(again), &more, NULL) == HAUL_OK && !more.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    char *p = malloc(size); /* its own block: the sanitizer sees every octet too far */
    memcpy(p, data + 2, size - 2);
    haul_limits l = {.faults = data[0] & HAUL_FAULTS_MENDED, .line_max = LINE_MIN + data[1] * 4u};
    haul_auto(haul_spool) *from = spool_of(p, size - 2);
    check_walk(p, size - 2);
    check_repair(from, &l);
    free(p);
    return 0;
}
