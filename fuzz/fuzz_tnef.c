/* TNEF of any octets: an answer, nothing read past the end, attachments of the size they claim, embedded messages down
 * to the depth that is allowed. */
#include "fuzz.h"

#include "mime/tnef.h"

#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

typedef struct counter {
    haul_out out;
    uint64_t n;
} counter;

static haul_rc count(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)p;
    (void)e;
    ((counter *)o)->n += n;
    return HAUL_OK;
}

static void look_at_bag(const haul_bag *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const haul_prop *p = &b->v[i];
        haul_auto_str text = {0};
        haul_prop one;
        check(!p->name || haul_utf8_valid(p->name, strlen(p->name)));
        if (haul_prop_text(b, p, &text, NULL))
            check(haul_utf8_valid(haul_strz(&text), text.len));
        for (size_t k = 0, n = haul_multi_count(p); k < n; k++)
            check(haul_multi_at(p, k, &one));
    }
}

static void look_at(haul_mapi *m)
{
    check(haul_mapi_load(m, NULL) == HAUL_OK);
    look_at_bag(&m->props);
    for (size_t i = 0; i < m->n_recipients; i++)
        look_at_bag(&m->recipients[i]);
    for (size_t i = 0; i < m->n_attachments; i++) {
        counter c = {.out = {count}};
        haul_mapi *in = NULL;
        look_at_bag(&m->attachments[i].props);
        check(m->ops->data(m, i, &c.out, NULL) == HAUL_OK && c.n == m->attachments[i].size);
        if (m->attachments[i].embedded && m->ops->embedded(m, i, &in, NULL) == HAUL_OK)
            look_at(in);
        haul_mapi_free(in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_mapi *m = NULL;
    bool damaged;
    char *p = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    memcpy(p, data, size);
    if (haul_tnef_open(p, size, 0, &m, &damaged, NULL) == HAUL_OK)
        look_at(m);
    haul_mapi_free(m);
    free(p);
    return 0;
}
