/* Any octets as a URL: parsed into text that may be sent, or refused. */
#include "fuzz.h"

#include "base/url.h"
#include "imap/url.h"

static void check_shown(const char *z)
{
    check_text(z);
    for (; z && *z; z++)
        check((unsigned char)*z >= 32 && *z != 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_arena a = {0};
    haul_imap_url u = {0};
    char *z = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    memcpy(z, data, size);
    z[size] = 0;
    haul_err e = {0};
    if (haul_imap_url_parse(z, &a, &u, &e) == HAUL_OK) {
        check(!haul_url_has_secret(z));
        check(u.host && *u.host && u.port > 0 && u.port <= 65535);
        check(u.user || u.auth);
        check_shown(u.user);
        check_shown(u.host);
        check_shown(u.auth);
        for (size_t i = 0; i < u.n_folder; i++) {
            check_shown(u.folder[i]);
            check(*u.folder[i]);
        }
    } else {
        check(e.rc == HAUL_E_USAGE && *e.text);
    }
    haul_arena_done(&a);
    free(z);
    return 0;
}
