/* What is said when two engines read differently; that the whole of a store is compared: tests/check_pst_both.py. */
#include "pst/compare.h"
#include "testing.h"
#include "testing_mapi.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct heard {
    haul_compare c;
    haul_str text; /* a line for each: "differ: …" */
} heard;

static void hear(void *ctx, haul_issue_id id, const char *text)
{
    heard *h = ctx;
    haul_str_addf(&h->text, "%s: %s\n", haul_issue_name(id) + strlen("pst.engines-"), text);
}

static void begin(heard *h)
{
    *h = (heard){.c = {.tell = hear, .ctx = h}};
}

/* Compares what was told with the lines, and is ready for more. */
static void told(heard *h, const char *lines)
{
    cr_expect_str_eq(haul_strz(&h->text), lines);
    cr_expect_eq(h->c.where.len, 0);
    haul_str_done(&h->text);
    haul_compare_done(&h->c);
    begin(h);
}

static void end(heard *h)
{
    haul_str_done(&h->text);
    haul_compare_done(&h->c);
}

Test(pst_compare, values)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    set_text(a, &a->props, TAG(0x0037), "ab");
    set_text(b, &b->props, TAG(0x0037), "ab");
    haul_compare_bags(&h.c, &a->props, &b->props, false);
    cr_expect_eq(h.c.sums.values, a->props.n);
    told(&h, "");

    set_text(a, &a->props, TAG(0x3001), "ab");
    set_text(b, &b->props, TAG(0x3001), "ac");
    set_int(a, &a->props, TAG(0x0017), 1);
    set_i64(b, &b->props, TAG(0x0017), 1);
    haul_compare_bags(&h.c, &a->props, &b->props, false);
    told(&h, "differ: property 0x0017: native has type 0x0003, libpff 0x0014\n"
             "differ: property 0x00170003: native 4 octets 01000000, libpff 8 octets 0100000000000000\n"
             "differ: property 0x3001001f: native 4 octets 61006200, libpff 4 octets 61006300\n");
}

Test(pst_compare, values_that_only_one_has)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    set_bin(a, &a->props, TAG(0x0ff6), "\x01\x02", 2);
    set_bin(b, &b->props, TAG(0x0fff), "\0\0", 2);
    haul_compare_bags(&h.c, &a->props, &b->props, false);
    told(&h, "differ: property 0x0ff60102: only native has it: 2 octets 0102\n"
             "differ: property 0x0fff0102: only libpff has it: 2 octets 0000\n");
    end(&h);
}

Test(pst_compare, where_a_long_value_differs)
{
    heard h;
    uint8_t v[100] = {0};
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    set_bin(a, &a->props, TAG(0x1013), v, 100);
    v[90] = 7;
    set_bin(b, &b->props, TAG(0x1013), v, 99);
    haul_compare_bags(&h.c, &a->props, &b->props, false);
    told(&h, "differ: property 0x10130102: native 100 octets 00000000000000000000, libpff 99 octets "
             "070000000000000000 (from octet 90 on)\n");
    end(&h);
}

Test(pst_compare, names)
{
    static const uint8_t set[16] = {0x29, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}, none[16] = {0},
                         other[16] = {9};
    heard h;
    haul_prop p = {.id = 0x8000, .type = HAUL_PT_I32, .p = set, .n = 4, .guid = set, .lid = 5};
    haul_prop q = p;
    haul_bag a = {.v = &p, .n = 1}, b = {.v = &q, .n = 1};
    begin(&h);
    p.set = q.set = HAUL_PSET_PUBLIC_STRINGS;
    haul_compare_bags(&h.c, &a, &b, false);
    told(&h, "");
    q.set = HAUL_PSET_OTHER;
    q.guid = none;
    haul_compare_bags(&h.c, &a, &b, false);
    told(&h, "known: property 0x8000: name of native (2903020000000000c000000000000046 0x5), of libpff "
             "(00000000000000000000000000000000 0x5) (libpff: set without GUID)\n");
    q.guid = other;
    haul_compare_bags(&h.c, &a, &b, false);
    told(&h, "differ: property 0x8000: name of native (2903020000000000c000000000000046 0x5), of libpff "
             "(09000000000000000000000000000000 0x5)\n");
    q = p;
    q.name = "x";
    haul_compare_bags(&h.c, &a, &b, false);
    told(&h, "differ: property 0x8000: name of native (2903020000000000c000000000000046 0x5), of libpff "
             "(2903020000000000c000000000000046 x)\n");
}

Test(pst_compare, recipients_by_the_id_of_their_row)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    for (int i = 0; i < 3; i++)
        set_int(a, testing_recipient(a, 1, "Ben", "ben@harbour.example"), TAG(0x67f2), i);
    set_int(b, testing_recipient(b, 1, "Ben", "ben@harbour.example"), TAG(0x67f2), 2);
    haul_bag *first = testing_recipient(b, 1, "Ben", "ben@harbour.example");
    set_int(b, first, TAG(0x67f2), 0);
    set_int(b, first, TAG(0x3905), 0);
    set_int(b, first, TAG(0x3900), 0);
    set_int(b, first, TAG(0x5ffd), 1);
    haul_compare_objects(&h.c, a, b);
    cr_expect_eq(h.c.sums.recipients, 2);
    told(&h, "differ: recipient 0: property 0x5ffd0003: only libpff has it: 4 octets 01000000\n"
             "differ: recipient 1: only native has it\n"
             "differ: recipients: their order differs, from 2 on\n"
             "known: 2 cells of recipients: only libpff has them, as 0: recipient 0: property 0x39000003 "
             "(libpff: cell bitmap ignored)\n");
    end(&h);
}

Test(pst_compare, attachments)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    testing_attachment(a, "a", "same", 4);
    testing_attachment(b, "a", "same", 4);
    testing_attachment(a, "b", "abc", 3);
    testing_attachment(b, "b", "abd", 3);
    testing_attachment(a, "c", "abc", 3);
    testing_attachment(b, "c", "abc", 3);
    testing_attachment_breaks(b, 2);
    testing_attachment(a, "d", "x", 1);
    haul_compare_objects(&h.c, a, b);
    const char *said = haul_strz(&h.text);
    cr_expect_eq(h.c.sums.attachments, 3);
    cr_expect_eq(h.c.sums.differences, 3);
    cr_expect_not_null(strstr(said, "differ: attachment 1: data: native 3 octets, SHA-256 "
                                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, "
                                    "libpff 3 octets, SHA-256 a52d159f262b2c6d"));
    cr_expect_not_null(strstr(said, "differ: attachment 2: only native reads it, libpff: "));
    cr_expect_not_null(strstr(said, "differ: attachment 3: only native has it\n"));
    end(&h);
}

Test(pst_compare, an_attachment_that_libpff_is_not_asked_for)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    testing_attachment_large(a, "a", HAUL_PST_LOADED_MAX + 1);
    testing_attachment_large(b, "a", HAUL_PST_LOADED_MAX + 1);
    haul_compare_objects(&h.c, a, b);
    cr_expect_eq(h.c.sums.uncompared, 1);
    told(&h, "uncompared: attachment 0: 268435457 octets, which libpff would load into memory at once\n");
    end(&h);
}

Test(pst_compare, embedded_messages)
{
    heard h;
    haul_auto(haul_mapi) *a = testing_mapi("IPM.Note"), *b = testing_mapi("IPM.Note");
    begin(&h);
    haul_mapi *x = testing_embedded(a, "IPM.Note"), *y = testing_embedded(b, "IPM.Note");
    set_text(x, &x->props, TAG(0x0037), "a");
    set_text(y, &y->props, TAG(0x0037), "b");
    haul_compare_objects(&h.c, a, b);
    cr_expect_eq(h.c.sums.items, 2);
    told(&h, "differ: attachment 0: embedded message: property 0x0037001f: native 2 octets 6100, libpff 2 "
             "octets 6200\n");
}

Test(pst_compare, lists)
{
    static const uint32_t some[] = {4, 36, 68}, others[] = {36, 100};
    uint32_t many[20];
    heard h;
    begin(&h);
    for (uint32_t i = 0; i < 20; i++)
        many[i] = i * 32 + 4;
    haul_compare_lists(&h.c, "items", (haul_pst_children){some, 3}, (haul_pst_children){some, 3});
    haul_compare_lists(&h.c, "items", (haul_pst_children){NULL, 0}, (haul_pst_children){NULL, 0});
    told(&h, "");
    haul_compare_lists(&h.c, "items", (haul_pst_children){some, 3}, (haul_pst_children){others, 2});
    told(&h, "differ: items: native has 3, libpff 2; only native has 0x4 0x44; only libpff has 0x64\n");
    haul_compare_lists(&h.c, "items", (haul_pst_children){many, 20}, (haul_pst_children){NULL, 0});
    told(&h, "differ: items: native has 20, libpff 0; only native has 0x4 0x24 0x44 0x64 0x84 0xa4 0xc4 "
             "0xe4 0x104 0x124 0x144 0x164 0x184 0x1a4 0x1c4 0x1e4 …\n");
}

Test(pst_compare, what_one_cannot_read)
{
    heard h;
    haul_err why = {0};
    begin(&h);
    haul_fail(&why, HAUL_SKIP, "no");
    cr_expect(haul_compare_outcome(&h.c, HAUL_OK, NULL, HAUL_OK, NULL));
    cr_expect_not(haul_compare_outcome(&h.c, HAUL_SKIP, &why, HAUL_SKIP, &why));
    told(&h, "");
    cr_expect_not(haul_compare_outcome(&h.c, HAUL_OK, NULL, HAUL_SKIP, &why));
    cr_expect_not(haul_compare_outcome(&h.c, HAUL_SKIP, &why, HAUL_OK, NULL));
    told(&h, "differ: only native reads it, libpff: no\ndiffer: only libpff reads it, native: no\n");
}
