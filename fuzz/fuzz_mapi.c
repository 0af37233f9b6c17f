/* Messages built from the MAPI objects that any TNEF octets give: an answer, the same octets twice, a header of 7 bit,
 * CRLF line ends, and no line over 998 octets but in what is restored as it was signed. */
#include "fuzz.h"

#include "base/str.h"
#include "mime/build.h"
#include "mime/tnef.h"

#include <stdlib.h>
#include <string.h>

typedef struct collect {
    haul_out out;
    haul_str text;
} collect;

static haul_rc add(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((collect *)o)->text, p, n);
    return HAUL_OK;
}

static void build(haul_mapi *o, collect *to)
{
    static const haul_build_options options = {.unpack_tnef = true, .codepage = 1252};
    haul_msg *m = haul_msg_new();
    haul_err e;
    *to = (collect){.out = {add}};
    haul_mapi_fill(m, o);
    check(haul_mapi_build(o, m, &options, &to->out, &e) == HAUL_OK);
    haul_msg_unref(m);
}

static void look_at(const haul_str *text)
{
    const char *end = strstr(haul_strz(text), "\r\n\r\n");
    bool restored = strstr(haul_strz(text), "multipart/signed") != NULL;
    check(end != NULL);
    for (const char *p = text->p; p < end; p++)
        check((unsigned char)*p < 128 && *p != 0);
    size_t line = 0;
    for (size_t i = 0; i < text->len && !restored; i++) {
        line = text->p[i] == '\n' ? 0 : line + 1;
        check(line <= 999 && (text->p[i] != '\n' || text->p[i - 1] == '\r'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_mapi *o = NULL;
    bool damaged;
    collect once, again;
    if (haul_tnef_open(data, size, 0, &o, &damaged, NULL) != HAUL_OK)
        return 0;
    build(o, &once);
    build(o, &again);
    look_at(&once.text);
    check(once.text.len == again.text.len && memcmp(once.text.p, again.text.p, once.text.len) == 0);
    haul_str_done(&once.text);
    haul_str_done(&again.text);
    haul_mapi_free(o);
    return 0;
}
