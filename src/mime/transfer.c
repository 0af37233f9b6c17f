#include "mime/transfer.h"

#include "mime/base64.h"
#include "mime/plain.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER (64u * 1024u)
#define QP_MAX 76u /* RFC 2045 6.7 (5), the "=" of a soft line end included */
#define SLACK  16u /* octets that may be written behind what counts */
#define AHEAD  8u  /* octets that must be seen to know "From " and what ends a line */

static haul_rc flush(haul_transfer *t, haul_err *e)
{
    size_t n = t->used;
    t->used = 0;
    return haul_out_write(t->to, t->buf, n, e);
}

/* ── base64: whole lines, straight from the input into the buffer ── */

static haul_rc base64_rest(haul_transfer *t, haul_err *e)
{
    haul_rc rc = t->used + HAUL_BASE64_WIDTH + SLACK > BUFFER ? flush(t, e) : HAUL_OK;
    if (rc == HAUL_OK)
        t->used += haul_base64_line(t->buf + t->used, t->hold, t->held);
    t->held = 0;
    return rc;
}

static haul_rc base64_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_transfer *t = (haul_transfer *)o;
    const char *at = p, *end = at + n;
    haul_rc rc = HAUL_OK;
    while (at < end && rc == HAUL_OK) {
        size_t left = (size_t)(end - at);
        if (!t->held && left >= HAUL_BASE64_LINE) {
            size_t max = (BUFFER - SLACK - t->used) / HAUL_BASE64_WIDTH;
            size_t lines = haul_base64_lines(t->buf + t->used, max, at, left);
            t->used += lines * HAUL_BASE64_WIDTH;
            at += lines * HAUL_BASE64_LINE;
            rc = lines == max ? flush(t, e) : HAUL_OK;
            continue;
        }
        size_t take = HAUL_BASE64_LINE - t->held < left ? HAUL_BASE64_LINE - t->held : left;
        memcpy(t->hold + t->held, at, take);
        t->held += take;
        at += take;
        if (t->held == HAUL_BASE64_LINE)
            rc = base64_rest(t, e);
    }
    return rc;
}

/* ── quoted-printable ── */

static bool is_printable(unsigned char c)
{
    return c >= 32 && c < 127 && c != '=';
}

/* Must the octet at p[i] be encoded, when it comes in column col? `last`: the line ends at n. */
static bool must_encode(const char *p, size_t n, size_t i, size_t col, bool last)
{
    unsigned char c = (unsigned char)p[i];
    bool end = last && i + 1 == n;
    if (c == ' ' || c == '\t')
        return end;
    if (!is_printable(c) || col)
        return !is_printable(c);
    return (c == '.' && end) || (c == 'F' && n - i >= 5 && memcmp(p + i, "From ", 5) == 0);
}

/* Copy octets that stand for themselves anywhere but at the ends of a line: those at p, at most n, of at least as many
 * that can be read. May write 15 more than it returns. */
static size_t copy_plain(char *to, const char *p, size_t n, size_t readable)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i < n && readable - i >= HAUL_PLAIN_STEP; i += HAUL_PLAIN_STEP) {
        __m128i v = haul_load16(p + i);
        __m128i plain = _mm_andnot_si128(haul_same16(v, '='), haul_plain16(v));
        unsigned coded = ~(unsigned)_mm_movemask_epi8(plain) & 0xffff;
        _mm_storeu_si128((__m128i *)(void *)(to + i), v);
        if (coded) {
            i += (size_t)__builtin_ctz(coded);
            break;
        }
    }
    if (i >= n)
        return n;
#endif
    for (; i < n && haul_is_plain((unsigned char)p[i]) && p[i] != '='; i++)
        to[i] = p[i];
    return i;
}

static char *put_coded(char *to, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    to[0] = '=';
    to[1] = hex[c >> 4];
    to[2] = hex[c & 15];
    return to + 3;
}

/* Octets p[0..take) of a line of which n are known. `last`: it ends at n. readable: at least n. */
static void encode_text(haul_transfer *t, const char *p, size_t n, size_t take, size_t readable, bool last)
{
    char *to = t->buf + t->used;
    size_t col = t->col;
    for (size_t i = 0; i < take; i++) {
        while (col && i + 1 < take) { /* nearly all of it: in the middle of a line */
            size_t room = QP_MAX - 1 - col, left = take - i - 1;
            size_t run = copy_plain(to, p + i, room < left ? room : left, readable - i);
            to += run;
            col += run;
            i += run;
            if (run == left || col + 3 > QP_MAX - 1)
                break;
            to = put_coded(to, (unsigned char)p[i++]);
            col += 3;
        }
        bool coded = must_encode(p, n, i, col, last);
        size_t limit = last && i + 1 == n ? QP_MAX : QP_MAX - 1;
        if (col + (coded ? 3 : 1) > limit) {
            memcpy(to, "=\r\n", 3);
            to += 3;
            col = 0;
            coded = must_encode(p, n, i, 0, last);
        }
        if (coded)
            to = put_coded(to, (unsigned char)p[i]);
        else
            *to++ = p[i];
        col += coded ? 3 : 1;
    }
    t->col = col;
    t->used = (size_t)(to - t->buf);
}

/* Before at most HAUL_TRANSFER_HOLD octets are encoded. */
static haul_rc qp_room(haul_transfer *t, haul_err *e)
{
    return t->used + 4 * HAUL_TRANSFER_HOLD + SLACK > BUFFER ? flush(t, e) : HAUL_OK;
}

static void qp_eol(haul_transfer *t)
{
    memcpy(t->buf + t->used, "\r\n", 2);
    t->used += 2;
    t->col = 0;
}

/* Encode what is held, as far as it is decided. */
static haul_rc qp_held(haul_transfer *t, bool eol, bool end, haul_err *e)
{
    haul_rc rc = qp_room(t, e);
    if (rc != HAUL_OK)
        return rc;
    size_t n = t->held - (eol ? 2 : 0);
    size_t take = eol || end ? n : n - AHEAD;
    encode_text(t, t->hold, n, take, n, eol || end);
    t->held = eol || end ? 0 : AHEAD;
    memmove(t->hold, t->hold + take, t->held);
    if (eol)
        qp_eol(t);
    return HAUL_OK;
}

/* A whole line at `at`, of n octets without its CRLF, straight from the input. */
static haul_rc qp_line(haul_transfer *t, const char *at, size_t n, size_t readable, haul_err *e)
{
    haul_rc rc = qp_room(t, e);
    if (rc != HAUL_OK)
        return rc;
    encode_text(t, at, n, n, readable, true);
    qp_eol(t);
    return HAUL_OK;
}

static haul_rc qp_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_transfer *t = (haul_transfer *)o;
    const char *at = p, *end = at + n;
    haul_rc rc = HAUL_OK;
    while (at < end && rc == HAUL_OK) {
        size_t room = HAUL_TRANSFER_HOLD - t->held, left = (size_t)(end - at),
               take = left < room ? left : room;
        const char *lf = memchr(at, '\n', take);
        if (lf && !t->held && lf > at && lf[-1] == '\r') {
            rc = qp_line(t, at, (size_t)(lf - at) - 1, left, e);
            at = lf + 1;
            continue;
        }
        take = lf ? (size_t)(lf - at) + 1 : take;
        memcpy(t->hold + t->held, at, take);
        t->held += take;
        at += take;
        bool eol = lf && t->held > 1 && t->hold[t->held - 2] == '\r';
        if (eol || t->held == HAUL_TRANSFER_HOLD)
            rc = qp_held(t, eol, false, e);
    }
    return rc;
}

/* ── both ── */

void haul_transfer_init(haul_transfer *t, bool qp, haul_out *to)
{
    *t = (haul_transfer){.out = {qp ? qp_write : base64_write}, .to = to, .qp = qp};
    t->buf = haul_alloc(BUFFER);
}

haul_rc haul_transfer_end(haul_transfer *t, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (t->held)
        rc = t->qp ? qp_held(t, false, true, e) : base64_rest(t, e);
    t->held = 0;
    return rc == HAUL_OK ? flush(t, e) : rc;
}

void haul_transfer_done(haul_transfer *t)
{
    free(t->buf);
    t->buf = NULL;
}
