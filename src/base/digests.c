#include "base/digests.h"

#include "base/err.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define KINDS 3u

struct haul_digests {
    EVP_MD *md[KINDS];
    EVP_MD_CTX *ctx[KINDS];
};

/* A libcrypto without them cannot prove anything; the same end as without memory. */
static void must(int ok)
{
    if (ok != 1)
        haul_oom();
}

static void start(haul_digests *d)
{
    for (size_t i = 0; i < KINDS; i++)
        must(EVP_DigestInit_ex2(d->ctx[i], d->md[i], NULL));
}

haul_digests *haul_digests_new(void)
{
    static const char *const names[KINDS] = {"MD5", "SHA1", "SHA256"};
    haul_digests *d = haul_calloc(1, sizeof(*d));
    for (size_t i = 0; i < KINDS; i++) {
        d->md[i] = EVP_MD_fetch(NULL, names[i], NULL);
        d->ctx[i] = EVP_MD_CTX_new();
        must(d->md[i] && d->ctx[i]);
    }
    start(d);
    return d;
}

void haul_digests_update(haul_digests *d, const void *p, size_t n)
{
    for (size_t i = 0; n && i < KINDS; i++)
        must(EVP_DigestUpdate(d->ctx[i], p, n));
}

void haul_digests_final(haul_digests *d, uint8_t ret_md5[HAUL_MD5_LEN], uint8_t ret_sha1[HAUL_SHA1_LEN],
                        uint8_t ret_sha256[HAUL_SHA256_LEN])
{
    must(EVP_DigestFinal_ex(d->ctx[0], ret_md5, NULL));
    must(EVP_DigestFinal_ex(d->ctx[1], ret_sha1, NULL));
    must(EVP_DigestFinal_ex(d->ctx[2], ret_sha256, NULL));
    start(d);
}

void haul_digests_free(haul_digests *d)
{
    for (size_t i = 0; d && i < KINDS; i++) {
        EVP_MD_CTX_free(d->ctx[i]);
        EVP_MD_free(d->md[i]);
    }
    free(d);
}
