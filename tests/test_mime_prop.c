#include "base/charset.h"
#include "base/time.h"
#include "mime/mapi.h"
#include "mime/put.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static haul_prop prop(uint16_t type, const char *p, size_t n)
{
    return (haul_prop){.id = 0x3001, .type = type, .p = (const uint8_t *)p, .n = n};
}

Test(prop, numbers)
{
    static const struct {
        uint16_t type;
        const char *octets;
        size_t n;
        bool ok;
        int64_t value;
    } rows[] = {
        {HAUL_PT_I16, "\xfe\xff", 2, true, -2},
        {HAUL_PT_I16, "\x01\x00\xff\xff", 4, true, 1},
        {HAUL_PT_I32, "\x00\x00\x00\x80", 4, true, INT32_MIN},
        {HAUL_PT_I32, "\x00\x00", 2, false, 0},
        {HAUL_PT_I64, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8, true, INT64_MAX},
        {HAUL_PT_BOOL, "\x01", 1, true, 1},
        {HAUL_PT_BOOL, "\x00\xcd", 2, true, 0},
        {HAUL_PT_BOOL, "\xff\xff\x00\x00", 4, true, 1},
        {HAUL_PT_BOOL, "", 0, false, 0},
        {HAUL_PT_UNICODE, "1\0", 2, false, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_prop p = prop(rows[i].type, rows[i].octets, rows[i].n);
        int64_t v = 4711;
        cr_expect_eq(haul_prop_int(&p, &v), rows[i].ok, "row %zu", i);
        cr_expect_eq(v, rows[i].ok ? rows[i].value : 4711, "row %zu: %lld", i, (long long)v);
        cr_expect_eq(haul_prop_int_or(&p, 7), rows[i].ok ? rows[i].value : 7, "row %zu", i);
        cr_expect_eq(haul_prop_bool(&p), rows[i].ok && rows[i].value != 0, "row %zu", i);
    }
    double real = 0;
    haul_prop half = prop(HAUL_PT_R64, "\0\0\0\0\0\0\xe0\x3f", 8),
              nan = prop(HAUL_PT_R64, "\0\0\0\0\0\0\xf8\x7f", 8),
              single = prop(HAUL_PT_R32, "\0\0\x20\xc0", 4);
    cr_expect(haul_prop_real(&half, &real) && real == 0.5);
    cr_expect(haul_prop_real(&single, &real) && real == -2.5);
    cr_expect_not(haul_prop_real(&nan, &real));
    cr_expect_not(haul_prop_real(NULL, &real));
    cr_expect_not(haul_prop_bool(NULL));
}

Test(prop, times)
{
    static const struct {
        uint16_t type;
        const char *octets, *iso; /* NULL: none */
    } rows[] = {
        {HAUL_PT_TIME, "\x00\x80\x3e\xd5\xde\xb1\x9d\x01", "1970-01-01T00:00:00Z"},
        {HAUL_PT_TIME, "\x00\x58\xe9\xa5\xfc\xee\xd5\x01", "2020-02-29T12:34:56Z"},
        {HAUL_PT_TIME, "\x00\x40\xdd\xa3\x57\x45\xb3\x0c", "4501-01-01T00:00:00Z"}, /* MS-OXOCAL: "none" */
        {HAUL_PT_TIME, "\0\0\0\0\0\0\0\0", NULL},
        {HAUL_PT_TIME, "\1\0\0\0\0\0\0\0", NULL}, /* 1601 */
        {HAUL_PT_TIME, "\xff\xff\xff\xff\xff\xff\xff\xff", NULL},
        {HAUL_PT_TIME, "\xff\xff\xff\xff\xff\xff\xff\x7f", NULL},
        {HAUL_PT_APPTIME, "\x00\x00\x00\x00\x00\x88\xe1\x40", "1998-04-19T00:00:00Z"}, /* day 35904 */
        {HAUL_PT_APPTIME, "\x00\x00\x00\x00\x00\x00\xf0\x7f", NULL},
        {HAUL_PT_I64, "\x00\x80\x3e\xd5\xde\xb1\x9d\x01", NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_prop p = prop(rows[i].type, rows[i].octets, 8);
        int64_t us = -1;
        char iso[HAUL_ISO_LEN] = "";
        cr_expect_eq(haul_prop_time(&p, &us), rows[i].iso != NULL, "row %zu", i);
        if (rows[i].iso) {
            haul_iso_format(iso, us);
            cr_expect_str_eq(iso, rows[i].iso, "row %zu: %s", i, iso);
        } else
            cr_expect_eq(us, -1);
        p.n = 7;
        cr_expect_not(haul_prop_time(&p, &us));
    }
}

Test(prop, text)
{
    haul_bag b = {.codepage = 1251};
    haul_arena a = {0};
    haul_prop ansi = prop(HAUL_PT_STRING8, "\xcf\0x", 3), wide = prop(HAUL_PT_UNICODE, "\x1f\x04\0\0x\0", 6),
              empty = prop(HAUL_PT_UNICODE, "", 0), odd = prop(HAUL_PT_UNICODE, "a\0b", 3);
    cr_expect_str_eq(haul_prop_str(&b, &ansi, &a), "П");
    cr_expect_str_eq(haul_prop_str(&b, &wide, &a), "П");
    b.codepage = 1200; /* no code page of octets */
    cr_expect_str_eq(haul_prop_str(&b, &ansi, &a), "Ï");
    cr_expect_null(haul_prop_str(&b, &empty, &a));
    cr_expect_null(haul_prop_str(&b, NULL, &a));
    haul_auto_str s = {0};
    size_t bad = 1;
    cr_expect(haul_prop_text(&b, &odd, &s, &bad));
    cr_expect_str_eq(haul_strz(&s), "a\xEF\xBF\xBD");
    cr_expect_eq(bad, 2);
    haul_arena_done(&a);
}

/* UTF-8 to UTF-16 and back, a character of any length at any place. */
Test(prop, text_is_widened)
{
    static const char *const odd[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\r\n", "\x7f"};
    for (size_t i = 0; i < HAUL_COUNT(odd); i++)
        for (size_t at = 0; at < 40; at++) {
            haul_auto_str text = {0}, wide = {0}, again = {0};
            for (size_t k = 0; k < 40; k++)
                haul_str_addz(&text, k == at ? odd[i] : "x");
            haul_utf16_add(&wide, text.p, text.len);
            cr_expect_eq(haul_utf16_decode(wide.p, wide.len, &again), 0);
            cr_expect_str_eq(again.p, text.p, "%zu at %zu", i, at);
        }
    haul_auto_str bad = {0};
    haul_utf16_add(&bad,
                   "0123456789abcde\xff"
                   "f\xe2\x82",
                   19);
    cr_expect_eq(bad.len, 38);
    cr_expect_arr_eq(bad.p + 28,
                     "e\0\xfd\xff"
                     "f\0\xfd\xff\xfd\xff",
                     10);
}

/* Every line end becomes CRLF, a lone CR stays; checked octet by octet, wherever the ends lie. */
Test(prop, lines)
{
    static const char octets[] = "\n\n\r\n\rabc \xc3\xbc\xff";
    uint32_t seed = 1;
    for (unsigned round = 0; round < 4000; round++) {
        char text[100];
        haul_auto_str crlf = {0}, wide = {0};
        size_t n = round % sizeof(text);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = (seed >> 8) % (1 + round % 20) ? 'x' : octets[(seed >> 16) % (sizeof(octets) - 1)];
            if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
                haul_str_addc(&crlf, '\r');
            haul_str_addc(&crlf, text[i]);
        }
        haul_utf16_add(&wide, haul_strz(&crlf), crlf.len);
        haul_bag b = {0};
        haul_arena a = {0};
        haul_put to = {&b, &a};
        haul_put_lines(&to, HAUL_TAG(0x1000), text, n);
        const haul_prop *p = haul_bag_get(&b, 0x1000);
        cr_assert_eq(p->n, wide.len, "round %u", round);
        cr_assert_arr_eq(p->p, haul_strz(&wide), wide.len, "round %u", round);
        haul_arena_done(&a);
    }
}

Test(prop, bag)
{
    haul_bag b = {0};
    haul_arena a = {0};
    haul_prop error = {.id = 5, .type = HAUL_PT_ERROR}, five = {.id = 5, .type = HAUL_PT_I32, .n = 1},
              again = {.id = 5, .type = HAUL_PT_I32, .n = 2},
              named = {.id = 0x8005, .type = HAUL_PT_I32, .set = HAUL_PSET_COMMON, .lid = 0x8503},
              worded = {
                  .id = 0x8006, .type = HAUL_PT_I32, .set = HAUL_PSET_PUBLIC_STRINGS, .name = "Keywords"};
    const haul_prop *all[] = {&error, &five, &again, &named, &worded};
    for (size_t i = 0; i < HAUL_COUNT(all); i++)
        cr_assert(haul_bag_add(&b, &a, all[i]));
    cr_assert(haul_bag_get(&b, 5) && haul_bag_get(&b, 5)->n == 1);
    cr_expect_null(haul_bag_get(&b, 0x8005)); /* named: the id says nothing */
    cr_expect_eq(haul_bag_lid(&b, HAUL_PSET_COMMON, 0x8503), &b.v[3]);
    cr_expect_null(haul_bag_lid(&b, HAUL_PSET_TASK, 0x8503));
    cr_expect_null(haul_bag_lid(&b, HAUL_PSET_PUBLIC_STRINGS, 0));
    cr_expect_eq(haul_bag_name(&b, HAUL_PSET_PUBLIC_STRINGS, "keyWORDS"), &b.v[4]);
    cr_expect_null(haul_bag_name(&b, HAUL_PSET_COMMON, "Keywords"));
    while (b.n < HAUL_BAG_MAX)
        cr_assert(haul_bag_add(&b, &a, &five));
    cr_expect_not(haul_bag_add(&b, &a, &five));
    haul_arena_done(&a);
}

/* What a bag says at once is not there is not there, and all else is found, also after somebody took some out. */
Test(prop, bag_of_many)
{
    haul_arena a = {0};
    haul_bag b = {0};
    for (unsigned i = 0; i < 60; i++) {
        haul_prop p = prop(HAUL_PT_I32, "\1\0\0\0", 4);
        p.id = (uint16_t)(0x3001 + 7 * i);
        p.set = i % 2 ? HAUL_PSET_COMMON : HAUL_PSET_NONE;
        p.lid = 0x8500 + 7 * i;
        cr_assert(haul_bag_add(&b, &a, &p));
    }
    for (unsigned twice = 0; twice < 2; twice++, b.n -= 30)
        for (unsigned i = 0; i < 420; i++) {
            bool is = i % 7 == 0 && i / 7 < b.n;
            cr_expect_eq(haul_bag_get(&b, (uint16_t)(0x3001 + i)) != NULL, is && i / 7 % 2 == 0, "%u", i);
            cr_expect_eq(haul_bag_lid(&b, HAUL_PSET_COMMON, 0x8500 + i) != NULL, is && i / 7 % 2 == 1, "%u",
                         i);
            cr_expect_not(haul_bag_lid(&b, HAUL_PSET_TASK, 0x8500 + i));
        }
    haul_arena_done(&a);
}

/* Text ends at its first NUL, wherever in a step of eight units that is. */
Test(prop, text_ends_at_nul)
{
    for (size_t n = 0; n < 40; n++)
        for (size_t at = 0; at <= n; at++) {
            haul_auto_str got = {0};
            haul_bag none = {0};
            char *p = calloc(n + 1, 2);
            for (size_t i = 0; i < n;
                 i++) /* U+0100 ends in a zero octet, and the one behind it begins with one */
                p[2 * i + (i % 3 == 1)] = i == at ? 0 : 1;
            haul_prop v = prop(HAUL_PT_UNICODE, p, 2 * n);
            cr_expect(haul_prop_text(&none, &v, &got, NULL));
            cr_expect_eq(got.len, at + (at + 1) / 3, "%zu of %zu: %zu", at, n, got.len);
            free(p);
        }
}

Test(prop, property_sets)
{
    static const uint8_t appointment[16] = {0x02, 0x20, 0x06, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46},
                         meeting[16] = {0x90, 0xDA, 0xD8, 0x6E, 0x0B, 0x45, 0x1B, 0x10,
                                        0x98, 0xDA, 0x00, 0xAA, 0x00, 0x3F, 0x13, 0x05};
    uint8_t other[16] = {0};
    cr_expect_eq(haul_pset_find(appointment), HAUL_PSET_APPOINTMENT);
    cr_expect_eq(haul_pset_find(meeting), HAUL_PSET_MEETING);
    cr_expect_eq(haul_pset_find(other), HAUL_PSET_OTHER);
}

/* MS-PST 2.3.3.4.2. */
Test(prop, multi_values)
{
    static const char two[] = "\2\0\0\0\x0c\0\0\0\x10\0\0\0a\0b\0c\0\0";
    haul_prop strings = prop(HAUL_PT_MULTI | HAUL_PT_UNICODE, two, 20), one,
              longs = prop(HAUL_PT_MULTI | HAUL_PT_I32, "\1\0\0\0\2\0\0\0", 8);
    haul_bag b = {0};
    haul_arena a = {0};
    cr_assert_eq(haul_multi_count(&strings), 2);
    cr_assert(haul_multi_at(&strings, 0, &one));
    cr_expect_eq(one.type, HAUL_PT_UNICODE);
    cr_expect_str_eq(haul_prop_str(&b, &one, &a), "ab");
    cr_assert(haul_multi_at(&strings, 1, &one));
    cr_expect_eq(one.n, 2);
    cr_expect_not(haul_multi_at(&strings, 2, &one));
    cr_expect_eq(haul_multi_count(&longs), 2);
    cr_expect(haul_multi_at(&longs, 1, &one) && haul_prop_int_or(&one, 0) == 2);
    cr_expect_not(haul_multi_at(&longs, 2, &one));
    longs.n = 7;
    cr_expect_eq(haul_multi_count(&longs), 0);
    haul_arena_done(&a);
    /* Every cut and every octet changed: an answer, within the value. */
    for (size_t n = 0; n < 20; n++) {
        char copy[20];
        memcpy(copy, two, sizeof(copy));
        copy[n] = '\xff';
        haul_prop cut = prop(HAUL_PT_MULTI | HAUL_PT_BINARY, two, n),
                  bent = prop(HAUL_PT_MULTI | HAUL_PT_BINARY, copy, sizeof(copy));
        cr_expect(haul_multi_count(&cut) == (n < 16 ? 0u : 2u), "%zu: %zu", n, haul_multi_count(&cut));
        for (size_t i = 0; i < haul_multi_count(&bent); i++)
            cr_expect(haul_multi_at(&bent, i, &one) && one.p >= bent.p && one.p + one.n <= bent.p + bent.n);
    }
    haul_prop single = prop(HAUL_PT_I32, "\1\0\0\0", 4);
    cr_expect_eq(haul_multi_count(&single), 0);
    cr_expect_eq(haul_multi_count(NULL), 0);
}

/* ── a MAPI object ── */

static unsigned loads;

static haul_rc load(haul_mapi *m, haul_err *e)
{
    (void)m;
    return ++loads == 1 ? haul_fail(e, HAUL_SKIP, "the first time") : HAUL_OK;
}

static haul_rc data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    (void)m;
    for (size_t k = 0; k < i; k++)
        if (haul_out_write(to, "octet", 5, e) != HAUL_OK)
            return HAUL_E_TARGET; /* a source that hides the reason */
    return i == 9 ? haul_fail(e, HAUL_SKIP, "damaged") : HAUL_OK;
}

Test(mapi, load_and_slurp)
{
    static const haul_mapi_ops ops = {.load = load, .data = data};
    haul_mapi m = {.ops = &ops};
    cr_expect_eq(haul_mapi_load(&m, NULL), HAUL_SKIP);
    cr_expect_eq(haul_mapi_load(&m, NULL), HAUL_OK);
    cr_expect_eq(haul_mapi_load(&m, NULL), HAUL_OK);
    cr_expect_eq(loads, 2);
    haul_auto_str s = {0};
    haul_str_addz(&s, "> ");
    cr_expect_eq(haul_mapi_slurp(&m, 2, 10, &s, NULL), HAUL_OK);
    cr_expect_str_eq(s.p, "> octetoctet");
    cr_expect_eq(haul_mapi_slurp(&m, 3, 14, &s, NULL), HAUL_SKIP); /* too large */
    cr_expect_eq(haul_mapi_slurp(&m, 9, 100, &s, NULL), HAUL_SKIP);
    cr_expect_str_eq(s.p, "> octetoctet");
    haul_mapi_free(NULL);
}

Test(mapi, message_class)
{
    static const struct {
        const char *have, *class;
        bool is;
    } rows[] = {
        {"IPM.Note", "IPM.Note", true},   {"ipm.note.SMIME", "IPM.Note", true},
        {"IPM.Notes", "IPM.Note", false}, {"IPM.Note", "IPM.Note.SMIME", false},
        {"", "IPM.Note", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_prop class = prop(HAUL_PT_STRING8, rows[i].have, strlen(rows[i].have));
        class.id = 0x001a;
        haul_mapi m = {.props = {.v = &class, .n = 1}};
        cr_expect_eq(haul_mapi_is(&m, rows[i].class), rows[i].is, "%s %s", rows[i].have, rows[i].class);
    }
}
