#include "mime/head.h"

#include "base/hash.h"
#include "mime/header.h"

#include <string.h>

void haul_head_find(const char *p, size_t n, haul_head *ret)
{
    size_t seen = n < HAUL_HEAD_MAX ? n : HAUL_HEAD_MAX;
    *ret = (haul_head){.p = p, .n = n, .len = haul_header_length(p, seen)};
    if (!haul_header_like(p, seen) && !haul_istarts(p, seen, ">From ")) {
        ret->len = 0; /* text with an empty line somewhere is no header section */
    } else if (!ret->len) {
        ret->len = seen;
        ret->cut = n > seen;
    }
}

haul_rc haul_head_peek(haul_in *in, haul_head *ret, haul_err *e)
{
    const char *p = "";
    size_t n = 0;
    for (size_t want = 1;; want = n * 2) {
        size_t before = n;
        haul_rc rc = haul_in_peek(in, want, &p, &n, e);
        if (rc != HAUL_OK)
            return rc;
        if (n == 0 || haul_header_length(p, n) || n > HAUL_HEAD_MAX || n < want || n == before)
            break;
    }
    haul_head_find(p, n, ret);
    return HAUL_OK;
}

static bool looks_packed(const char *p, size_t n)
{
    return (n > 2 && memcmp(p, "\x1f\x8b\x08", 3) == 0) || (n > 3 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0) ||
           (n > 5 && memcmp(p,
                            "\xfd"
                            "7zXZ\0",
                            6) == 0);
}

haul_rc haul_head_open(haul_in **io, bool *ret_packed, haul_head *ret, haul_err *e)
{
    const char *p;
    size_t n;
    haul_rc rc = haul_in_peek(*io, 6, &p, &n, e);
    if (rc == HAUL_OK && looks_packed(p, n)) {
        haul_in *inner = *io;
        *io = NULL;
        *ret_packed = true;
        rc = haul_in_auto(inner, io, e);
    }
    return rc == HAUL_OK ? haul_head_peek(*io, ret, e) : rc;
}

void haul_head_fill(haul_msg *m, const haul_head *h, bool guess_received)
{
    m->fingerprint = h->n ? haul_hash64(h->p, h->len ? h->len : h->n < 1024 ? h->n : 1024) : 0;
    if (h->n && !h->len) /* the pipeline sees for itself what is empty */
        haul_msg_issue(m, HAUL_ISSUE_HEADER_NONE, "%s", "");
    if (h->cut)
        haul_msg_issue(m, HAUL_ISSUE_HEADER_TOO_LONG, "more than %u octets", HAUL_HEAD_MAX);
    haul_header_fill(m, h->p, h->len, guess_received);
}

void haul_head_seal(haul_msg *m)
{
    if (m->set & HAUL_SET_SIZE)
        m->fingerprint ^= m->size * UINT64_C(0x9e3779b97f4a7c15);
}
