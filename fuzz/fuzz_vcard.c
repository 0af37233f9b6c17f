/* Contacts with any properties, which TNEF carries: whatever they are, the card is UTF-8, folded, and has no controls but
 * its line ends. */
#include "fuzz.h"

#include "mime/tnef.h"
#include "mime/vcard.h"

#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

static void check_card(const haul_str *s)
{
    static const char first[] = "BEGIN:VCARD\r\nVERSION:4.0\r\n", last[] = "\r\nEND:VCARD\r\n";
    size_t from = 0;
    check(s->len > sizeof(first) + sizeof(last) && haul_utf8_valid(s->p, s->len));
    check(strncmp(s->p, first, sizeof(first) - 1) == 0 && haul_ends(s->p, last));
    for (size_t i = 0; i < s->len; i++) {
        check((unsigned char)s->p[i] >= 0x20 || strchr("\t\r\n", s->p[i]));
        if (s->p[i] != '\n')
            continue;
        check(i > from && s->p[i - 1] == '\r' && i - from <= 76);
        from = i + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto(haul_mapi) *o = NULL;
    haul_auto_str card = {0};
    bool damaged;
    haul_msg *m = haul_msg_new();
    char *p = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    memcpy(p, data, size);
    if (haul_tnef_open(p, size, 0, &o, &damaged, NULL) == HAUL_OK) {
        check(haul_vcard_build(o, m, NULL, &card, NULL) == HAUL_OK);
        check_card(&card);
    }
    haul_mapi_free(o);
    o = NULL;
    haul_msg_unref(m);
    free(p);
    return 0;
}
