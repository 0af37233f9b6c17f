#include "mime/transfer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER   (64u * 1024u)
#define QP_MAX   76u /* RFC 2045 6.7 (5), the "=" of a soft line end included */
#define LINE_MAX 998u
#define AHEAD    8u /* octets that must be seen to know "From " and what ends a line */

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static haul_rc flush(haul_transfer *t, haul_err *e)
{
    size_t n = t->used;
    t->used = 0;
    return haul_out_write(t->to, t->buf, n, e);
}

/* ── base64: a line at a time, straight from the input into the buffer ── */

static size_t encode_line(char *to, const unsigned char *p, size_t n)
{
    char *at = to;
    for (; n >= 3; p += 3, n -= 3, at += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        at[0] = BASE64[v >> 18];
        at[1] = BASE64[v >> 12 & 63];
        at[2] = BASE64[v >> 6 & 63];
        at[3] = BASE64[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        at[0] = BASE64[v >> 18];
        at[1] = BASE64[v >> 12 & 63];
        at[2] = n > 1 ? BASE64[v >> 6 & 63] : '=';
        at[3] = '=';
        at += 4;
    }
    at[0] = '\r';
    at[1] = '\n';
    return (size_t)(at + 2 - to);
}

static haul_rc base64_line(haul_transfer *t, const void *p, size_t n, haul_err *e)
{
    if (t->used + 80 > BUFFER) {
        haul_rc rc = flush(t, e);
        if (rc != HAUL_OK)
            return rc;
    }
    t->used += encode_line(t->buf + t->used, p, n);
    return HAUL_OK;
}

static haul_rc base64_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_transfer *t = (haul_transfer *)o;
    const char *at = p;
    haul_rc rc = HAUL_OK;
    while (n && rc == HAUL_OK) {
        if (!t->held && n >= HAUL_TRANSFER_LINE) {
            rc = base64_line(t, at, HAUL_TRANSFER_LINE, e);
            at += HAUL_TRANSFER_LINE;
            n -= HAUL_TRANSFER_LINE;
            continue;
        }
        size_t take = HAUL_TRANSFER_LINE - t->held < n ? HAUL_TRANSFER_LINE - t->held : n;
        memcpy(t->hold + t->held, at, take);
        t->held += take;
        at += take;
        n -= take;
        if (t->held == HAUL_TRANSFER_LINE) {
            t->held = 0;
            rc = base64_line(t, t->hold, HAUL_TRANSFER_LINE, e);
        }
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

static void put(haul_transfer *t, const char *p, size_t n)
{
    memcpy(t->buf + t->used, p, n);
    t->used += n;
}

/* How many octets at p, at most n, stand for themselves anywhere but at the ends of a line. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && (is_printable((unsigned char)p[i]) || p[i] == ' ' || p[i] == '\t'))
        i++;
    return i;
}

/* Octets p[0..take) of a line of which n are known. */
static void encode_text(haul_transfer *t, const char *p, size_t n, size_t take, bool last)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < take; i++) {
        if (t->col && i + 1 < take) { /* nearly all of it: in the middle of a line */
            size_t room = QP_MAX - 1 - t->col, left = take - i - 1;
            size_t run = plain_run(p + i, room < left ? room : left);
            put(t, p + i, run);
            t->col += run;
            i += run;
        }
        bool coded = must_encode(p, n, i, t->col, last);
        size_t limit = last && i + 1 == n ? QP_MAX : QP_MAX - 1;
        if (t->col + (coded ? 3 : 1) > limit) {
            put(t, "=\r\n", 3);
            t->col = 0;
            coded = must_encode(p, n, i, 0, last);
        }
        unsigned char c = (unsigned char)p[i];
        if (coded)
            put(t, (char[]){'=', hex[c >> 4], hex[c & 15]}, 3);
        else
            put(t, p + i, 1);
        t->col += coded ? 3 : 1;
    }
}

/* Encode what is held, as far as it is decided. */
static haul_rc qp_run(haul_transfer *t, bool eol, bool end, haul_err *e)
{
    if (t->used + 4 * HAUL_TRANSFER_HOLD > BUFFER) {
        haul_rc rc = flush(t, e);
        if (rc != HAUL_OK)
            return rc;
    }
    size_t n = t->held - (eol ? 2 : 0);
    size_t take = eol || end ? n : n - AHEAD;
    encode_text(t, t->hold, n, take, eol || end);
    t->held = eol || end ? 0 : AHEAD;
    memmove(t->hold, t->hold + take, t->held);
    if (eol) {
        put(t, "\r\n", 2);
        t->col = 0;
    }
    return HAUL_OK;
}

static haul_rc qp_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_transfer *t = (haul_transfer *)o;
    const char *at = p, *end = at + n;
    haul_rc rc = HAUL_OK;
    while (at < end && rc == HAUL_OK) {
        size_t room = HAUL_TRANSFER_HOLD - t->held, take = (size_t)(end - at);
        take = take < room ? take : room;
        const char *lf = memchr(at, '\n', take);
        take = lf ? (size_t)(lf - at) + 1 : take;
        memcpy(t->hold + t->held, at, take);
        t->held += take;
        at += take;
        bool eol = lf && t->held > 1 && t->hold[t->held - 2] == '\r';
        if (eol || t->held == HAUL_TRANSFER_HOLD)
            rc = qp_run(t, eol, false, e);
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
        rc = t->qp ? qp_run(t, false, true, e) : base64_line(t, t->hold, t->held, e);
    t->held = 0;
    return rc == HAUL_OK ? flush(t, e) : rc;
}

void haul_transfer_done(haul_transfer *t)
{
    free(t->buf);
    t->buf = NULL;
}

/* One line, without its CRLF, may travel as it is; *coded += octets that QP would encode. */
static bool line_is_plain(const char *p, size_t n, size_t *coded)
{
    size_t odd = 0, equals = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        odd += (unsigned char)(c - 32) > 126 - 32 && c != '\t';
        equals += c == '=';
    }
    *coded += odd + equals;
    bool quoted = (n == 1 && *p == '.') || (n >= 5 && memcmp(p, "From ", 5) == 0);
    return !odd && n <= LINE_MAX && !quoted;
}

haul_encoding haul_transfer_choose(haul_span s)
{
    size_t coded = 0;
    bool plain = true;
    for (const char *p = s.p, *end = p + s.len; p < end;) {
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
        bool whole = lf && lf > p && lf[-1] == '\r';
        plain &= line_is_plain(p, (size_t)(stop - p) - whole, &coded) && (whole || !lf);
        coded += lf && !whole;
        p = lf ? lf + 1 : end;
    }
    if (plain)
        return HAUL_ENC_7BIT;
    return coded * 2 <= s.len / 3 ? HAUL_ENC_QP : HAUL_ENC_BASE64; /* 3 for 1 against 4 for 3 */
}

void haul_text_crlf(haul_str *to, haul_span s)
{
    size_t from = 0;
    haul_str_room(to, s.len);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != '\r' && s.p[i] != '\n')
            continue;
        haul_str_add(to, s.p + from, i - from);
        haul_str_addz(to, "\r\n");
        i += s.p[i] == '\r' && i + 1 < s.len && s.p[i + 1] == '\n';
        from = i + 1;
    }
    haul_str_add(to, s.len ? s.p + from : "", s.len - from);
}
