/* What the tests of the message builder share: one object built, its text, its outline and its issues. */
#ifndef HAUL_TESTING_RULES_H
#define HAUL_TESTING_RULES_H

#include "testing_build.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

typedef struct built {
    haul_msg *m;
    char *text, *outline, *issues;
} built;

HAUL_UNUSED static built build_with(haul_mapi *o, const haul_build_options *opt)
{
    built b = {.m = haul_msg_new()};
    b.text = testing_build(o, b.m, opt);
    b.outline = testing_outline(b.text);
    b.issues = testing_issues(b.m);
    return b;
}

HAUL_UNUSED static built build(haul_mapi *o)
{
    return build_with(o, NULL);
}

HAUL_UNUSED static void built_done(built *b)
{
    haul_msg_unref(b->m);
    free(b->text);
    free(b->outline);
    free(b->issues);
}
#define built_auto __attribute__((cleanup(built_done))) built

HAUL_UNUSED static void has(const char *text, const char *want)
{
    cr_expect(strstr(text, want) != NULL, "no \"%s\" in\n%s", want, text);
}

HAUL_UNUSED static void has_not(const char *text, const char *want)
{
    cr_expect(strstr(text, want) == NULL, "\"%s\" in\n%s", want, text);
}

HAUL_UNUSED static void same(const char *got, const char *want)
{
    cr_expect(strcmp(got, want) == 0, "got  \"%s\"\nwant \"%s\"", got, want);
}

/* The decoded content of a part; a line end after it does not count (text that ends a message gets one). */
HAUL_UNUSED static void part_is(const char *text, const char *path, const char *want)
{
    haul_auto_str s = {0};
    cr_expect(testing_part(text, path, &s), "no part %s in\n%s", path, text);
    if (s.len >= 2 && strcmp(s.p + s.len - 2, "\r\n") == 0)
        s.p[s.len -= 2] = 0;
    cr_expect(strcmp(haul_strz(&s), want) == 0, "part %s is \"%s\", not \"%s\"", path, haul_strz(&s), want);
}

/* The header section, CRLF included. */
HAUL_UNUSED static char *head_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    size_t n = end ? (size_t)(end - text) + 2 : strlen(text);
    char *z = calloc(1, n + 1);
    memcpy(z, text, n);
    return z;
}

/* RTF as PidTagRtfCompressed without compression (MELA, MS-OXRTFCP 2.1.3.1.1). */
HAUL_UNUSED static void set_rtf(haul_mapi *o, const char *rtf)
{
    size_t n = strlen(rtf);
    haul_auto_str s = {0};
    const size_t words[] = {n + 12, n, 0x414c454d, 0};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++)
            haul_str_addc(&s, (char)(words[i] >> 8 * k & 0xff));
    haul_str_add(&s, rtf, n);
    set_bin(o, &o->props, TAG(0x1009), s.p, s.len);
}

#endif
