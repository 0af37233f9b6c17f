#include "mime/addr.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    const char *name, *type, *email, *smtp; /* of the bag */
    haul_addr want;
} row;

static void add(haul_bag *b, haul_arena *a, uint16_t id, const char *z)
{
    haul_prop p = {.id = id, .type = HAUL_PT_STRING8, .p = (const uint8_t *)z, .n = z ? strlen(z) : 0};
    if (z)
        cr_assert(haul_bag_add(b, a, &p));
}

static void same(const char *got, const char *want, const char *what)
{
    cr_expect((!got && !want) || (got && want && strcmp(got, want) == 0), "%s: got %s want %s", what, got,
              want);
}

Test(addr, recipients)
{
    static const row rows[] = {
        {"Ann", "SMTP", "a@b.c", NULL, {"Ann", "a@b.c", NULL}},
        {"'a@b.c'", "SMTP", "a@b.c ", NULL, {NULL, "a@b.c", NULL}},
        {"'x@y.z'", "SMTP", "a@b.c", NULL, {"x@y.z", "a@b.c", NULL}},
        {"'Ann'", "SMTP", "a@b.c", NULL, {"'Ann'", "a@b.c", NULL}},
        {"Ann", "EX", "/O=X/CN=ANN", "a@b.c", {"Ann", "a@b.c", "EX:/O=X/CN=ANN"}},
        {"Ann", "EX", "/O=X/CN=ANN", NULL, {"Ann", NULL, "EX:/O=X/CN=ANN"}},
        {"Ann", "", "mailto:a@b.c", NULL, {"Ann", "a@b.c", NULL}},
        {"Ann", NULL, "Ann <a@b.c>", NULL, {"Ann", "a@b.c", NULL}},
        {"Ann", "SMTP", "a@b.c; d@e.f", NULL, {"Ann", "a@b.c", NULL}},
        {"Fax", "FAX", "Ann@+49 123", NULL, {"Fax", NULL, "FAX:Ann@+49 123"}},
        {"List", "MAPIPDL", "List", NULL, {"List", NULL, "MAPIPDL:List"}},
        {"a@b.c", NULL, NULL, NULL, {NULL, "a@b.c", NULL}},
        {"Ann", "SMTP", "IMCEAEX-_O=X_CN=A+20B@d.e", NULL, {"Ann", NULL, "EX:/O=X/CN=A B"}},
        {"Ann", "SMTP", "IMCEASMTP-a+40b+2Ec@d.e", NULL, {"Ann", "a@b.c", NULL}},
        {"J", "SMTP", "j\xfc@x", NULL, {"J", NULL, "SMTP:j\xc3\xbc@x"}},
        {NULL, NULL, "/o=X", NULL, {NULL, NULL, "EX:/o=X"}},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_arena a = {0};
        haul_bag b = {.codepage = 1252};
        haul_addr got = {0};
        add(&b, &a, 0x3001, rows[i].name);
        add(&b, &a, 0x3002, rows[i].type);
        add(&b, &a, 0x3003, rows[i].email);
        add(&b, &a, 0x39FE, rows[i].smtp);
        cr_expect(haul_addr_get(&b, HAUL_ADDR_RECIPIENT, &a, &got), "row %zu", i);
        same(got.name, rows[i].want.name, "name");
        same(got.smtp, rows[i].want.smtp, "smtp");
        same(got.other, rows[i].want.other, "other");
        haul_arena_done(&a);
    }
    haul_arena a = {0};
    haul_addr got;
    cr_expect(!haul_addr_get(&(haul_bag){0}, HAUL_ADDR_SENDER, &a, &got));
    haul_arena_done(&a);
}

#define ONE_OFF "\0\0\0\0\x81\x2b\x1f\xa4\xbe\xa3\x10\x19\x9d\x6e\x00\xdd\x01\x0f\x54\x02\0\0"
#define WRAPPED "\0\0\0\0\xc0\x91\xad\xd3\x51\x9d\xcf\x11\xa4\xa9\x00\xaa\x00\x47\xfa\xa4\x80"

Test(addr, entry_ids)
{
    static const char wide[] = ONE_OFF "\x01\x90"
                                       "A\0\xfc\0\0\0S\0M\0T\0P\0\0\0a\0@\0b\0\0";
    static const char narrow[] = WRAPPED ONE_OFF "\0\0Ann\0SMTP\0a@b.c";
    static const char book[] = "\0\0\0\0\xdc\xa7\x40\xc8\xc0\x42\x10\x1a\xb4\xb9\x08\x00\x2b\x2f\xe1\x82"
                               "\1\0\0\0\0\0\0\0/o=X/cn=A";
    haul_arena a = {0};
    haul_addr got = {0};
    cr_assert(haul_addr_entry_id(wide, sizeof(wide), 1252, &a, &got));
    same(got.name, "A\xc3\xbc", "wide");
    same(got.smtp, "a@b", "wide");
    cr_assert(haul_addr_entry_id(narrow, sizeof(narrow), 1252, &a, &got));
    same(got.name, "Ann", "wrapped");
    same(got.smtp, "a@b.c", "wrapped");
    cr_assert(haul_addr_entry_id(book, sizeof(book), 1252, &a, &got));
    same(got.other, "EX:/o=X/cn=A", "address book");
    /* Every truncation ends in an answer; the copy makes reading behind the end visible to a sanitizer. */
    for (size_t n = 0; n < sizeof(narrow); n++) {
        char *copy = haul_alloc(n ? n : 1);
        memcpy(copy, narrow, n);
        (void)haul_addr_entry_id(copy, n, 0, &a, &got);
        free(copy);
    }
    uint8_t flat[200] = {2, 0, 0, 0, 0, 0, 0, 0, (uint8_t)sizeof(narrow)};
    memcpy(flat + 12, narrow, sizeof(narrow));
    size_t second = 12 + ((sizeof(narrow) + 3) & ~(size_t)3);
    flat[second] = sizeof(wide);
    memcpy(flat + second + 4, wide, sizeof(wide));
    haul_addr list[2];
    cr_expect_eq(haul_addr_flat(flat, sizeof(flat), 1252, &a, list, 2), 2);
    same(list[1].smtp, "a@b", "flat");
    cr_expect_eq(haul_addr_flat(flat, second + 2, 1252, &a, list, 2), 1);
    cr_expect_eq(haul_addr_flat(flat, 7, 1252, &a, list, 2), 0);
    haul_arena_done(&a);
}

Test(addr, from_header)
{
    static const char header[] =
        "From: \"Doe, Ann\" <ann@b.c>\r\nTo: =?utf-8?q?J=C3=BC?= <j@x>,\r\n Bob <b@x>\r\n\r\n";
    static const char *const names[] = {"Doe, Ann", "J\xc3\xbc", "bob", "Eve"};
    static const char *const smtp[] = {"ann@b.c", "j@x", "b@x", NULL};
    haul_arena a = {0};
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        haul_addr addr = {.name = names[i], .other = "EX:/o=X"};
        cr_expect_eq(haul_addr_from_header(header, sizeof(header) - 1, &addr, &a), smtp[i] != NULL);
        same(addr.smtp, smtp[i], names[i]);
    }
    haul_arena_done(&a);
}
