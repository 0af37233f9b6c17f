#include "base/hash.h"

#include "base/err.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

struct haul_sha256 {
    EVP_MD_CTX *ctx;
};

/* Fetched once: looking an algorithm up costs more than hashing a small message. */
static EVP_MD *sha256_md;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Without a digest nothing can be proved, so there is nothing to go on with. */
HAUL_NORETURN static void no_digest(void)
{
    static const char line[] = "mailhaul: libcrypto gives no SHA-256; check its configuration\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(haul_rc_exit(HAUL_E_STATE));
}

static void start(haul_sha256 *h)
{
    if (EVP_DigestInit_ex2(h->ctx, sha256_md, NULL) != 1)
        no_digest();
}

haul_sha256 *haul_sha256_new(void)
{
    (void)pthread_once(&sha256_once, sha256_fetch);
    haul_sha256 *h = haul_alloc(sizeof(*h));
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx)
        haul_oom();
    if (!sha256_md)
        no_digest();
    start(h);
    return h;
}

void haul_sha256_update(haul_sha256 *h, const void *p, size_t n)
{
    if (n && EVP_DigestUpdate(h->ctx, p, n) != 1)
        no_digest();
}

void haul_sha256_final(haul_sha256 *h, uint8_t ret[HAUL_SHA256_LEN])
{
    if (EVP_DigestFinal_ex(h->ctx, ret, NULL) != 1)
        no_digest();
    start(h);
}

void haul_sha256_free(haul_sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

uint64_t haul_fnv64(const void *p, size_t n, uint64_t seed)
{
    const unsigned char *from = p;
    uint64_t h = seed ? seed : FNV_BASIS;
    for (size_t i = 0; i < n; i++)
        h = (h ^ from[i]) * FNV_PRIME;
    return h;
}

static uint64_t load_le(const unsigned char *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

uint64_t haul_hash64(const void *p, size_t n)
{
    const unsigned char *from = p;
    uint64_t h = FNV_BASIS ^ n;
    for (; n >= 8; from += 8, n -= 8) {
        h = (h ^ load_le(from)) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return haul_fnv64(from, n, h ? h : 1);
}
