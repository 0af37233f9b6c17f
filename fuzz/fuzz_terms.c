/* A list of key words, a NUL, a text: what is found does not depend on how the text comes in. */
#include "fuzz.h"

#include "pipe/terms.h"

static haul_search *search(const haul_terms *t, const char *p, size_t n, size_t piece)
{
    haul_search *s = haul_search_new(t);
    for (size_t at = 0; at < n; at += piece)
        check(haul_out_write(haul_search_out(s), p + at, n - at < piece ? n - at : piece, NULL) == HAUL_OK);
    (void)haul_search_end(s, true);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *list = (const char *)data, *end = n ? memchr(data, 0, n) : NULL;
    haul_auto(haul_terms) *t = NULL;
    if (!end || haul_terms_parse(list, (size_t)(end - list), "fuzz", &t, NULL) != HAUL_OK)
        return 0;
    size_t len = n - (size_t)(end + 1 - list);
    haul_auto(haul_search) *whole = search(t, end + 1, len, len + 1), *pieces = search(t, end + 1, len, 1);
    for (size_t i = 0; i < haul_terms_count(t); i++) {
        check(haul_search_hits(whole, i) == haul_search_hits(pieces, i));
        check(haul_search_items(whole, i) == (haul_search_hits(whole, i) > 0));
    }
    return 0;
}
