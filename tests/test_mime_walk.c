#include "mime/walk.h"

#include "base/charset.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <gmime/gmime.h>
#include <stdbool.h>
#include <string.h>

/* That pieces make up the message again is what test_mime_repair.c and check_repair.py show. */

static void count_told(void *ctx, size_t at)
{
    size_t *told = ctx;
    cr_assert(at > told[1]);
    told[0]++;
    told[1] = at;
}

Test(walk, tells_depth_and_progress)
{
    static const char message[] =
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--a\n\ny\n--a--\n";
    static const struct {
        bool entity, last;
        unsigned depth;
    } wanted[] = {{true, false, 0}, {false, false, 1}, {true, false, 1}, {false, false, 2}, {true, false, 2},
                  {false, true, 1}, {false, false, 1}, {true, false, 1}, {false, true, 0}};
    haul_piece piece;
    size_t i = 0;
    haul_auto(haul_walk) *w = haul_walk_new((haul_span){message, sizeof(message) - 1});
    for (; haul_walk_next(w, &piece); i++) {
        cr_assert(i < HAUL_COUNT(wanted));
        cr_expect(piece.entity == wanted[i].entity && piece.depth == wanted[i].depth &&
                      piece.last == wanted[i].last,
                  "%zu", i);
    }
    cr_expect(i == HAUL_COUNT(wanted));
    haul_auto_str big = {0};
    haul_str_addz(&big, "Content-Type: multipart/mixed; boundary=a\n\n--a\n\n");
    while (big.len < 5 * HAUL_WALK_STEP)
        haul_str_addz(&big, "A line of something that is long enough.\n");
    size_t told[2] = {0};
    haul_auto(haul_walk) *large = haul_walk_new((haul_span){big.p, big.len});
    haul_walk_watch(large, count_told, told);
    while (haul_walk_next(large, &piece))
        ;
    cr_expect(told[0] >= 4, "%zu", told[0]);
}

/* A Content-Type field, and a part behind the delimiter that GMime finds in it. */
static void expect_type(const char *field)
{
    haul_auto_str message = {0}, name = {0};
    haul_piece e;
    GMimeContentType *t = g_mime_content_type_parse(NULL, field);
    const char *charset = g_mime_content_type_get_parameter(t, "charset");
    const char *boundary = g_mime_content_type_get_parameter(t, "boundary");
    haul_str_addf(&message, "Content-Type: %s\n\n--%s\n\nx\n", field, boundary ? boundary : "");
    haul_str_addf(&name, "%s/%s", g_mime_content_type_get_media_type(t),
                  g_mime_content_type_get_media_subtype(t));
    haul_auto(haul_walk) *w = haul_walk_new((haul_span){message.p, message.len});
    cr_assert(haul_walk_next(w, &e));
    cr_expect_eq(haul_icmp(e.type, name.p), 0, "%s: %s, not %s", field, e.type, name.p);
    cr_expect_eq(e.cp, charset ? haul_codepage_find(charset, strlen(charset)) : 0, "%s: %u", field, e.cp);
    bool multipart = haul_istarts(name.p, name.len, "multipart/") && boundary && *boundary;
    cr_expect_eq(e.leaf, !multipart, "%s", field);
    if (multipart)
        cr_expect(haul_walk_next(w, &e) && e.delimiter.len, "%s: boundary '%s'", field, boundary);
    g_object_unref(t);
}

/* Fields of the common form are read without GMime, and say the same. */
Test(walk, types_as_gmime_has_them)
{
    static const char *const types[] = {"text/plain",  "Multipart/MIXED", "  text/x-a+b ", "text",
                                        "text/",       "/plain",          "text / plain",  "text/pl(a)ain",
                                        "te xt/plain", "multipart/a.b",   "text/plain,x",  "",
                                        "text/plain+"};
    static const char *const values[] = {"charset=utf-8",
                                         "CharSet=\"us-ascii\"",
                                         "charset=ISO-8859-1",
                                         "charset=windows-1252 ",
                                         "charset=\"a\\b\"",
                                         "charset=",
                                         "charset=\"\"",
                                         "charset = utf-8",
                                         "charset=\"utf-8",
                                         "charset=utf-8 (x)",
                                         "charset*=utf-8''koi8-r",
                                         "charset=latin1,",
                                         "boundary=a_b",
                                         "boundary=\"=_x y\"",
                                         "boundary=\"=?utf-8?q?a?=\"",
                                         "boundary=a=b",
                                         "boundary=\"a;b\"",
                                         "boundary=a:b",
                                         "boundary='a'",
                                         "name=\"x; charset=koi8-r\"",
                                         "format=flowed",
                                         "x",
                                         "",
                                         "=a",
                                         "boundary*0=a; boundary*1=b",
                                         "boundary=\"\xc3\xa9\"",
                                         "boundary=\"a\"b",
                                         "charset=\"utf-8\" x=y"};
    static const char *const between[] = {";", "; ", " ;\t"};
    g_mime_init();
    for (size_t t = 0; t < HAUL_COUNT(types); t++)
        for (size_t a = 0; a < HAUL_COUNT(values); a++)
            for (size_t b = 0; b < HAUL_COUNT(values); b++) {
                haul_auto_str field = {0};
                const char *gap = between[(a + b) % HAUL_COUNT(between)];
                haul_str_addf(&field, "%s%s%s%s%s", types[t], gap, values[a], gap, values[b]);
                expect_type(field.p);
            }
}
