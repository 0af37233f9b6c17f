/* What is done faster on some processors gives the same as what any processor does. */
#include "base/cpu.h"
#include "io/eol.h"
#include "mbox.h"
#include "mime/base64.h"
#include "mime/decode.h"
#include "pst/crypt.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define OCTETS 4096u
#define ROUNDS 3000u

static uint32_t state = 20261127;

static uint32_t roll(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)state * below >> 32);
}

/* Mostly text, with all that is looked for; now and then nothing but one of them. */
static size_t fill(char *p)
{
    static const char odd[] = "\r\n\r\n\nF>\0\xff=";
    size_t n = roll(8) ? roll(OCTETS) : roll(200);
    uint32_t every = 1 + roll(90);
    for (size_t i = 0; i < n; i++)
        p[i] = roll(every) ? (char)('a' + i % 26) : odd[roll(sizeof(odd) - 1)];
    return n;
}

/* What a function gives, plain and not: *ret octets of each. */
#define BOTH(call)                                                                                           \
    for (unsigned k = 0; k < 2; k++) {                                                                       \
        haul_cpu_plain = k == 0;                                                                             \
        call;                                                                                                \
    }                                                                                                        \
    haul_cpu_plain = false

static char in[OCTETS + 64], out[2][2 * OCTETS + HAUL_EOL_SLACK];

static bool same_state(const haul_eol_state *a, const haul_eol_state *b)
{
    return a->lf == b->lf && a->crlf == b->crlf && a->cr == b->cr && a->cr_crlf == b->cr_crlf &&
           a->nul == b->nul && a->eight_bit == b->eight_bit && a->prev1 == b->prev1 && a->prev2 == b->prev2;
}

Test(cpu, line_ends)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = fill(in), got[2], kept[2];
        bool held[2];
        haul_eol_state s[2] = {{0}}, t[2] = {{0}};
        BOTH(got[k] = haul_eol_scan(&s[k], in, n, out[k]));
        cr_assert_eq(got[0], got[1]);
        cr_assert_arr_eq(out[0], out[1], got[0]);
        cr_assert(same_state(&s[0], &s[1]));
        BOTH(kept[k] = haul_eol_keep(&t[k], in, n));
        cr_assert_eq(kept[0], kept[1]);
        cr_assert(same_state(&t[0], &t[1]));
        cr_assert_arr_eq(out[0], in, kept[0], "what is kept is what would have been written");
        BOTH(got[k] = haul_eol_strip(in, n, out[k], &held[k]));
        cr_assert_eq(got[0], got[1]);
        cr_assert_eq(held[0], held[1]);
        cr_assert_arr_eq(out[0], out[1], got[0]);
    }
}

Test(cpu, separators)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = fill(in);
        char eol = roll(2) ? '\n' : '\r';
        const char *found[2] = {in, in};
        while (found[0]) {
            const char *from = found[0];
            BOTH(found[k] = haul_mbox_find(from, in + n, eol));
            cr_assert_eq(found[0], found[1], "from %zu of %zu", (size_t)(from - in), n);
            found[0] = found[0] ? found[0] + 1 : NULL;
        }
    }
}

Test(cpu, base64)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = fill(in), lines[2], max = roll(2) ? 4 : OCTETS / HAUL_BASE64_LINE;
        BOTH(lines[k] = haul_base64_lines(out[k], max, in, n));
        cr_assert_eq(lines[0], lines[1]);
        cr_assert_arr_eq(out[0], out[1], lines[0] * HAUL_BASE64_WIDTH);
    }
}

typedef struct memory_out {
    haul_out out;
    size_t n;
    char p[OCTETS];
} memory_out;

static haul_rc memory_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    memory_out *m = (memory_out *)o;
    (void)e;
    memcpy(m->p + m->n, p, n);
    m->n += n;
    return HAUL_OK;
}

static bool decode(size_t n, memory_out *to)
{
    haul_decode d;
    *to = (memory_out){.out = {memory_write}};
    haul_decode_init(&d, HAUL_DECODE_BASE64, &to->out);
    cr_assert_eq(haul_out_write(&d.out, in, n, NULL), HAUL_OK);
    cr_assert_eq(haul_decode_end(&d, NULL), HAUL_OK);
    haul_decode_done(&d);
    return d.broken;
}

Test(cpu, base64_decoded)
{
    static memory_out to[2];
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = fill(in);
        bool broken[2];
        BOTH(broken[k] = decode(n, &to[k]));
        cr_assert_eq(to[0].n, to[1].n);
        cr_assert_arr_eq(to[0].p, to[1].p, to[0].n);
        cr_assert_eq(broken[0], broken[1]);
    }
}

Test(cpu, permutation)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = fill(in);
        for (size_t i = 0; i < n; i++)
            in[i] = (char)roll(256);
        BOTH(haul_crypt_decode(HAUL_CRYPT_PERMUTE, 0, (const uint8_t *)in, n, (uint8_t *)out[k]));
        cr_assert_arr_eq(out[0], out[1], n);
        BOTH(haul_crypt_encode(HAUL_CRYPT_PERMUTE, 0, 0, (uint8_t *)out[k], n));
        cr_assert_arr_eq(out[0], in, n);
        cr_assert_arr_eq(out[1], in, n);
    }
}
