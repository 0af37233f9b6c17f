/* Any octets as what a server says: the first one chooses the mechanism, each further line is a challenge. All of it as a
 * capability line, as base64 and as a password, too. */
#include "imap/sasl.h"
#include "imap/saslprep.h"

#include "fuzz.h"

#define COUNT_DIGITS 4 /* a million iterations take half a second */

static void check_choice(const char *capability)
{
    haul_sasl_mech m = HAUL_SASL_COUNT;
    haul_sasl_wish wish = {.password = true};
    haul_err e;
    if (haul_sasl_choose(capability, &wish, &m, &e) == HAUL_OK)
        check(m == HAUL_SASL_SCRAM_SHA_1 || m == HAUL_SASL_SCRAM_SHA_256);
    else
        check_text(e.text);
}

static void check_octets(const char *p, size_t n)
{
    haul_auto_str s = {0};
    haul_auto(haul_secret) *prepared = haul_secret_new(), *twice = haul_secret_new();
    if (haul_sasl_decode(&s, p, n)) {
        haul_secret_clear(prepared);
        check(haul_secret_base64n(prepared, s.p, s.len, NULL) != HAUL_OK ||
              (haul_secret_len(prepared) == n && memcmp(haul_secret_text(prepared), p, n) == 0));
        haul_secret_clear(prepared);
    }
    if (haul_saslprep(prepared, "password", p, n, NULL) != HAUL_OK) {
        check(haul_secret_len(prepared) == 0);
        return;
    }
    check_text(haul_secret_text(prepared));
    check(haul_saslprep(twice, "password", haul_secret_text(prepared), haul_secret_len(prepared), NULL) !=
              HAUL_OK ||
          haul_secret_len(twice) == haul_secret_len(prepared));
}

static bool is_slow(const char *z)
{
    for (const char *count = z; (count = strstr(count, ",i=")) != NULL; count += 3)
        if (strspn(count + 3, "0123456789") > COUNT_DIGITS)
            return true;
    return false;
}

static void converse(haul_sasl *s, const char *p, size_t n)
{
    haul_auto(haul_secret) *said = haul_secret_new();
    haul_err e;
    haul_rc rc = haul_sasl_step(s, "", 0, said, &e);
    for (size_t at = 0; at < n && rc == HAUL_OK;) {
        const char *end = memchr(p + at, '\n', n - at);
        size_t len = end ? (size_t)(end - p) - at : n - at;
        rc = haul_sasl_step(s, p + at, len, said, &e);
        at += len + 1;
    }
    if (rc != HAUL_OK) {
        check_text(e.text);
        check(haul_secret_len(said) == 0 && !haul_sasl_done_ok(s));
    }
    check_text(haul_sasl_detail(s));
    check(strlen(haul_sasl_detail(s)) <= HAUL_SASL_DETAIL_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str z = {0};
    haul_str_add(&z, data, size);
    if (size == 0 || is_slow(z.p))
        return 0;
    haul_auto(haul_secret) *secret = haul_secret_new();
    check(haul_secret_cat(secret, NULL, "pencil") == HAUL_OK);
    haul_sasl_login login = {
        .user = "user", .secret = secret, .host = "h", .nonce = "fyko+d2lbbFgONRv9qkxdawL"};
    haul_auto(haul_sasl) *s = haul_sasl_new((haul_sasl_mech)(data[0] % HAUL_SASL_COUNT), &login);
    converse(s, z.p + 1, size - 1);
    check_choice(z.p);
    check_octets(z.p, size);
    return 0;
}
