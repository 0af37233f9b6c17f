#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise and its advices, explicit_bzero, memmem */
#include "imap/secret.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The whole range is reserved, so that addresses stay; pages cost memory only once they are written to. */
struct haul_secret {
    char *p;
    size_t len, mapped, page;
    size_t locked; /* octets from p on that were tried */
};

/* Only what is used: the limit on locked memory may be 64 KiB for the whole process. */
static void lock_up_to(haul_secret *s, size_t n)
{
    if (n <= s->locked)
        return;
    size_t to = (n + s->page - 1) / s->page * s->page;
    (void)mlock(s->p + s->locked, to - s->locked);
    s->locked = to;
}

haul_secret *haul_secret_new(void)
{
    haul_secret *s = haul_calloc(1, sizeof(*s));
    long page = sysconf(_SC_PAGESIZE);
    s->page = page > 0 ? (size_t)page : 4096;
    s->mapped = (HAUL_SECRET_MAX + 1 + s->page - 1) / s->page * s->page;
    s->p = mmap(NULL, s->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->p == MAP_FAILED)
        haul_oom();
    (void)madvise(s->p, s->mapped, MADV_DONTDUMP);
    (void)madvise(s->p, s->mapped, MADV_DONTFORK);
    lock_up_to(s, 1);
    return s;
}

void haul_secret_free(haul_secret *s)
{
    if (!s)
        return;
    haul_secret_clear(s);
    (void)munmap(s->p, s->mapped);
    free(s);
}

void haul_secret_clear(haul_secret *s)
{
    haul_secret_cut(s, 0);
}

void haul_secret_cut(haul_secret *s, size_t n)
{
    if (n >= s->len)
        return;
    explicit_bzero(s->p + n, s->len - n);
    s->len = n;
}

/* What lies behind the end was never written to, or wiped. */
void *haul_secret_grow(haul_secret *s, size_t n)
{
    if (n > HAUL_SECRET_MAX - s->len)
        return NULL;
    lock_up_to(s, s->len + n + 1);
    void *p = s->p + s->len;
    s->len += n;
    return p;
}

static haul_rc too_long(haul_err *e)
{
    return haul_fail(e, HAUL_E_AUTH, "a secret of more than %u octets", HAUL_SECRET_MAX);
}

haul_rc haul_secret_add(haul_secret *s, const void *p, size_t n, haul_err *e)
{
    void *to = haul_secret_grow(s, n);
    if (!to)
        return too_long(e);
    if (n)
        memcpy(to, p, n);
    return HAUL_OK;
}

haul_rc haul_secret_addv(haul_secret *s, const char *const *z, haul_err *e)
{
    size_t had = s->len;
    haul_rc rc = HAUL_OK;
    for (; rc == HAUL_OK && *z; z++)
        rc = haul_secret_add(s, *z, strlen(*z), e);
    if (rc != HAUL_OK)
        haul_secret_cut(s, had);
    return rc;
}

haul_rc haul_secret_base64n(haul_secret *s, const void *p, size_t n, haul_err *e)
{
    void *to = n <= HAUL_SECRET_MAX ? haul_secret_grow(s, (n + 2) / 3 * 4) : NULL;
    if (!to)
        return too_long(e);
    (void)EVP_EncodeBlock(to, p, (int)n); /* writes a NUL, for which there is room */
    return HAUL_OK;
}

haul_rc haul_secret_base64(haul_secret *s, const haul_secret *from, haul_err *e)
{
    return haul_secret_base64n(s, from->p, from->len, e);
}

const char *haul_secret_text(const haul_secret *s)
{
    return s->p;
}

size_t haul_secret_len(const haul_secret *s)
{
    return s->len;
}

bool haul_secret_shown(const haul_secret *s, const char *text)
{
    return s->len >= HAUL_SECRET_SHOWN_MIN && memmem(text, strlen(text), s->p, s->len) != NULL;
}
