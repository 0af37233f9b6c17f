#include "mime/decode.h"

#include "base/cpu.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define NONE  0x80u /* of values[]: no character of base64 */
#define BLANK 0x81u
#define PAD   0x82u

static haul_rc flush(haul_decode *d, haul_err *e)
{
    size_t n = d->used;
    d->used = 0;
    return haul_out_write(d->to, d->buf, n, e);
}

/* Room for n octets, n no more than the buffer. */
static haul_rc room(haul_decode *d, size_t n, haul_err *e)
{
    return d->used + n > HAUL_DECODE_BUFFER ? flush(d, e) : HAUL_OK;
}

static void put(haul_decode *d, const char *p, size_t n)
{
    memcpy(d->buf + d->used, p, n);
    d->used += n;
}

/* ── base64 ── */

static void base64_table(uint8_t v[256])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(v, NONE, 256);
    for (unsigned i = 0; i < 64; i++)
        v[(unsigned char)alphabet[i]] = (uint8_t)i;
    v[' '] = v['\t'] = v['\r'] = v['\n'] = BLANK;
    v['='] = PAD;
}

#ifdef __x86_64__

/* Where the octet is from..to: what makes its value of it. */
HAUL_SSSE3 static inline __m128i shift_of(__m128i v, char from, char to, char shift)
{
    __m128i in = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(from - 1))),
                               _mm_cmplt_epi8(v, _mm_set1_epi8((char)(to + 1))));
    return _mm_and_si128(in, _mm_set1_epi8(shift));
}

/* Four groups at once, as far as they are nothing else; octets used. 16 octets are written for each 12 that count. */
HAUL_SSSE3 static size_t base64_wide(const unsigned char *p, size_t n, char *to)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    size_t i = 0;
    for (; n - i >= 16; i += 16, to += 12) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i letters = _mm_or_si128(shift_of(v, 'A', 'Z', -'A'), shift_of(v, 'a', 'z', 26 - 'a'));
        __m128i others =
            _mm_or_si128(shift_of(v, '0', '9', 52 - '0'),
                         _mm_or_si128(shift_of(v, '+', '+', 62 - '+'), shift_of(v, '/', '/', 63 - '/')));
        __m128i shift = _mm_or_si128(letters, others); /* never 0 */
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(shift, _mm_setzero_si128())))
            break;
        __m128i pairs = _mm_maddubs_epi16(_mm_add_epi8(v, shift), _mm_set1_epi16(0x0140)); /* a << 6 | b */
        __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));                /* ab << 12 | cd */
        _mm_storeu_si128((__m128i *)(void *)to, _mm_shuffle_epi8(groups, order));
    }
    return i;
}
#else
static size_t base64_wide(const unsigned char *p, size_t n, char *to)
{
    (void)p;
    (void)n;
    (void)to;
    return 0;
}
#endif

/* Whole groups at p, and blanks between them, as far as they are nothing else; octets used. There is room for n octets. */
static size_t base64_groups(haul_decode *d, const unsigned char *p, size_t n)
{
    const uint8_t *t = d->values;
    const bool wide = haul_cpu_ssse3();
    char *to = d->buf + d->used;
    size_t i = 0;
    for (;;) {
        size_t used = wide ? base64_wide(p + i, n - i, to) : 0;
        to += used / 4 * 3;
        for (i += used; n - i >= 4; i += 4, to += 3) {
            uint32_t a = t[p[i]], b = t[p[i + 1]], c = t[p[i + 2]], f = t[p[i + 3]];
            if ((a | b | c | f) & NONE)
                break;
            to[0] = (char)(a << 2 | b >> 4);
            to[1] = (char)(b << 4 | c >> 2);
            to[2] = (char)(c << 6 | f);
        }
        if (i == n || t[p[i]] != BLANK)
            break;
        i++;
    }
    d->used = (size_t)(to - d->buf);
    return i;
}

/* What a group of two or three characters holds. */
static void base64_rest(haul_decode *d)
{
    uint32_t v = d->quad == 3 ? d->bits << 6 : d->bits << 12;
    if (d->quad >= 2)
        put(d, (const char[]){(char)(v >> 16)}, 1);
    if (d->quad == 3)
        put(d, (const char[]){(char)(v >> 8)}, 1);
    d->quad = 0;
    d->bits = 0;
}

static void base64_pad(haul_decode *d)
{
    d->broken |= d->quad < 2;
    d->pads = d->quad == 2; /* one more has to follow */
    base64_rest(d);
    d->ended = true;
}

static void base64_char(haul_decode *d, unsigned char c)
{
    uint8_t v = d->values[c];
    if (v == PAD)
        base64_pad(d);
    else if (v == NONE)
        d->broken = true;
    if (v >= 64)
        return;
    d->bits = d->bits << 6 | v;
    if (++d->quad < 4)
        return;
    put(d, (const char[]){(char)(d->bits >> 16), (char)(d->bits >> 8), (char)d->bits}, 3);
    d->quad = 0;
    d->bits = 0;
}

static bool all_base64(const haul_decode *d)
{
    size_t n = d->held;
    for (unsigned pads = 0; pads < 2 && n && d->hold[n - 1] == '='; pads++)
        n--;
    for (size_t i = 0; i < n; i++)
        if (d->values[(unsigned char)d->hold[i]] >= 64)
            return false;
    return n && (d->passing || d->held % 4 == 0);
}

/* A line behind the end is seen whole, or as much of it as is looked at: where two encodings were put one behind the
 * other it goes on, what a mailing list put there is passed over. */
static haul_rc base64_behind(haul_decode *d, haul_err *e)
{
    haul_rc rc = room(d, HAUL_DECODE_HOLD, e);
    if (all_base64(d)) {
        d->ended = d->passing = false;
        for (size_t i = 0; i < d->held; i++)
            base64_char(d, (unsigned char)d->hold[i]);
    }
    d->held = 0;
    return rc;
}

static haul_rc base64_ended(haul_decode *d, unsigned char c, haul_err *e)
{
    if (c == '\n' || c == '\r') {
        haul_rc rc = d->held && !d->passing ? base64_behind(d, e) : HAUL_OK;
        d->passing = false;
        return rc;
    }
    if (d->values[c] == BLANK && !d->held)
        return HAUL_OK;
    if (d->values[c] == PAD && !d->held && d->pads) {
        d->pads--;
        return HAUL_OK;
    }
    d->broken = true;
    if (d->passing)
        return HAUL_OK;
    d->hold[d->held++] = (char)c;
    d->passing = d->held == HAUL_DECODE_HOLD;
    return d->passing ? base64_behind(d, e) : HAUL_OK;
}

static haul_rc base64_write(haul_out *o, const void *octets, size_t n, haul_err *e)
{
    haul_decode *d = (haul_decode *)o;
    const unsigned char *p = octets;
    haul_rc rc = HAUL_OK;
    while (n && rc == HAUL_OK) {
        if (d->ended) {
            rc = base64_ended(d, *p, e);
            p++;
            n--;
            continue;
        }
        rc = room(d, 4096, e);
        size_t step = n < 4096 ? n : 4096, used = rc == HAUL_OK && !d->quad ? base64_groups(d, p, step) : 0;
        if (!used && rc == HAUL_OK) {
            base64_char(d, *p);
            used = 1;
        }
        p += used;
        n -= used;
    }
    return rc;
}

static haul_rc base64_end(haul_decode *d, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (d->ended && d->held && !d->passing)
        rc = base64_behind(d, e);
    d->broken |= d->quad || d->pads;
    base64_rest(d);
    return rc;
}

/* ── quoted-printable ── */

enum { QP_TEXT, QP_EQUALS, QP_HEX, QP_BLANK, QP_CR };

/* What was held stands for itself. */
static void qp_give(haul_decode *d)
{
    put(d, d->hold, d->held);
    d->held = 0;
    d->escape = QP_TEXT;
}

static void qp_hold(haul_decode *d, char c)
{
    if (d->held == HAUL_DECODE_HOLD) { /* no line has so many blanks at its end */
        d->broken |= d->escape != QP_TEXT;
        qp_give(d);
    }
    d->hold[d->held++] = c;
}

static bool qp_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Octets at p, of n > 0, that stand for themselves wherever they are. */
static size_t qp_plain(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '=' && p[i] != '\n' && p[i] != '\r' && !qp_blank(p[i]))
        i++;
    return i;
}

/* One octet of text that is not plain. */
static void qp_text(haul_decode *d, char c)
{
    if (qp_blank(c)) {
        qp_hold(d, c);
        return;
    }
    if (c == '=')
        put(d, d->hold, d->held);
    d->held = 0; /* else blanks before a line end: RFC 2045 6.7 (3) */
    if (c == '=') {
        d->hold[d->held++] = c;
        d->escape = QP_EQUALS;
        return;
    }
    put(d, &c, 1);
}

/* One octet behind "=". True when it was used. */
static bool qp_escape(haul_decode *d, char c)
{
    if (d->escape == QP_HEX && haul_hexval(c) >= 0) {
        char octet = (char)(haul_hexval(d->hold[1]) << 4 | haul_hexval(c));
        d->held = 0;
        put(d, &octet, 1);
        d->escape = QP_TEXT;
    } else if (d->escape == QP_EQUALS && haul_hexval(c) >= 0) {
        d->hold[d->held++] = c;
        d->escape = QP_HEX;
    } else if (d->escape != QP_HEX && d->escape != QP_CR && qp_blank(c)) {
        d->escape = QP_BLANK;
        qp_hold(d, c);
    } else if (d->escape != QP_HEX && (c == '\r' || c == '\n')) {
        d->held = 0;
        d->escape = c == '\r' ? QP_CR : QP_TEXT;
    } else {
        d->broken |= d->escape != QP_CR;
        qp_give(d);
        return false;
    }
    return true;
}

static haul_rc qp_write(haul_out *o, const void *octets, size_t n, haul_err *e)
{
    haul_decode *d = (haul_decode *)o;
    const char *p = octets, *end = p + n;
    haul_rc rc = HAUL_OK;
    while (p < end && rc == HAUL_OK) {
        rc = room(d, 4096 + HAUL_DECODE_HOLD, e);
        if (rc != HAUL_OK)
            break;
        if (d->escape != QP_TEXT) {
            p += qp_escape(d, *p);
            continue;
        }
        size_t run = qp_plain(p, end - p > 4096 ? 4096 : (size_t)(end - p));
        if (run) {
            qp_give(d);
            put(d, p, run);
            p += run;
        } else {
            qp_text(d, *p++);
        }
    }
    return rc;
}

/* The line end behind a last "=" belongs to the delimiter; blanks at the very end are before one. */
static haul_rc qp_end(haul_decode *d, haul_err *e)
{
    haul_rc rc = room(d, HAUL_DECODE_HOLD, e);
    if (d->escape == QP_HEX) {
        d->broken = true;
        qp_give(d);
    }
    d->held = 0;
    return rc;
}

/* ── uuencode, as an encoding of a part ── */

enum { UU_BEFORE, UU_WITHIN, UU_LAST, UU_BEHIND };

static unsigned uu_value(char c)
{
    return ((unsigned char)c - 32u) & 63u;
}

/* A line of up to 45 octets; some programs leave blanks at its end away. */
static void uu_octets(haul_decode *d, const char *p, size_t n)
{
    size_t left = uu_value(p[0]), i = 1;
    d->broken |= n < 1 + (left * 4 + 2) / 3;
    for (; left && i < n; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (i + k < n ? uu_value(p[i + k]) : 0);
        size_t give = left < 3 ? left : 3;
        put(d, (const char[]){(char)(v >> 16), (char)(v >> 8), (char)v}, give);
        left -= give;
    }
}

/* The line held, without its end. */
static void uu_line(haul_decode *d)
{
    size_t n = d->held;
    n -= n && d->hold[n - 1] == '\r';
    d->held = 0;
    if (d->escape == UU_BEFORE && n > 6 && memcmp(d->hold, "begin ", 6) == 0)
        d->escape = UU_WITHIN;
    else if (n == 3 && memcmp(d->hold, "end", 3) == 0 && d->escape != UU_BEFORE)
        d->escape = UU_BEHIND;
    else if (d->escape == UU_WITHIN && n && uu_value(d->hold[0]) == 0)
        d->escape = UU_LAST;
    else if (d->escape == UU_WITHIN && n)
        uu_octets(d, d->hold, n);
}

static haul_rc uu_write(haul_out *o, const void *octets, size_t n, haul_err *e)
{
    haul_decode *d = (haul_decode *)o;
    const char *p = octets;
    haul_rc rc = HAUL_OK;
    for (; n && rc == HAUL_OK; p++, n--) {
        rc = *p == '\n' ? room(d, 64, e) : HAUL_OK;
        if (*p == '\n')
            uu_line(d);
        else if (d->held < HAUL_DECODE_HOLD)
            d->hold[d->held++] = *p;
    }
    return rc;
}

static haul_rc uu_end(haul_decode *d, haul_err *e)
{
    haul_rc rc = room(d, 64, e);
    uu_line(d);
    d->broken |= d->escape != UU_BEHIND;
    return rc;
}

static haul_rc plain_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    return haul_out_write(((haul_decode *)o)->to, p, n, e);
}

void haul_decode_init(haul_decode *d, haul_decoding how, haul_out *to)
{
    *d = (haul_decode){.out = {plain_write}, .to = to, .how = how};
    if (how == HAUL_DECODE_NONE)
        return;
    d->buf = haul_alloc(HAUL_DECODE_BUFFER);
    if (how == HAUL_DECODE_BASE64) {
        d->out.write = base64_write;
        base64_table(d->values);
    } else if (how == HAUL_DECODE_QP) {
        d->out.write = qp_write;
    } else {
        d->out.write = uu_write;
    }
}

haul_rc haul_decode_end(haul_decode *d, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (d->how == HAUL_DECODE_BASE64)
        rc = base64_end(d, e);
    else if (d->how == HAUL_DECODE_QP)
        rc = qp_end(d, e);
    else if (d->how == HAUL_DECODE_UU)
        rc = uu_end(d, e);
    return rc == HAUL_OK ? flush(d, e) : rc;
}

void haul_decode_done(haul_decode *d)
{
    free(d->buf);
    d->buf = NULL;
}
