#include "base/charset.h"

#include "base/codepage.h"
#include "base/err.h"
#include "base/utf.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPLACEMENT     "\xEF\xBF\xBD" /* U+FFFD */
#define REPLACEMENT_LEN 3u

/* ── converters, opened once a thread and kept: opening one takes longer than most texts, and a confined process
 *    cannot load the module behind it. ── */

typedef struct converter {
    iconv_t cd;
    bool tried, open;
} converter;

static _Thread_local converter decoders[HAUL_CODEPAGE_COUNT], encoders[HAUL_CODEPAGE_COUNT];
static pthread_key_t at_end; /* of a thread */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void close_all(void *p)
{
    (void)p;
    for (size_t i = 0; i < HAUL_CODEPAGE_COUNT; i++) {
        if (decoders[i].open)
            (void)iconv_close(decoders[i].cd);
        if (encoders[i].open)
            (void)iconv_close(encoders[i].cd);
    }
}

static void prepare(void)
{
    if (pthread_key_create(&at_end, close_all) != 0)
        haul_oom();
}

static iconv_t *opened(converter *c, const char *to, const char *from)
{
    if (!c->tried) {
        (void)pthread_once(&once, prepare);
        (void)pthread_setspecific(at_end, decoders); /* anything but NULL */
        c->cd = iconv_open(to, from);
        c->open = c->cd != (iconv_t)-1;
        c->tried = true;
    }
    return c->open ? &c->cd : NULL;
}

/* What iconv calls the text that haul_charset_decode hands it: JIS and HZ were turned into EUC before. */
static const char *decodes_as(const haul_codepage *c)
{
    return c->kind == HAUL_CP_JIS ? "EUC-JP-MS" : c->kind == HAUL_CP_HZ ? "CP936" : c->iconv;
}

static iconv_t *decoder(size_t i)
{
    const char *from = decodes_as(&haul_codepages[i]);
    return from ? opened(&decoders[i], "UTF-8", from) : NULL;
}

static iconv_t *encoder(size_t i)
{
    const char *to = haul_codepages[i].iconv;
    return to ? opened(&encoders[i], to, "UTF-8") : NULL;
}

void haul_charset_preload(void)
{
    for (size_t i = 0; i < HAUL_CODEPAGE_COUNT; i++) {
        (void)decoder(i);
        (void)encoder(i);
    }
}

/* ── decoding ── */

static void replace(haul_str *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        haul_str_add(to, REPLACEMENT, REPLACEMENT_LEN);
}

/* Convert as much as goes; why it stopped, 0 = all done. */
static int step(iconv_t cd, const char **p, size_t *n, haul_str *to)
{
    haul_str_room(to, *n + *n / 2 + 16);
    char *from = (char *)(uintptr_t)*p, *at = to->p + to->len; /* iconv's prototype lacks the const */
    size_t left = to->cap - to->len - 1;
    size_t rc = iconv(cd, &from, n, &at, &left);
    int why = rc == (size_t)-1 ? errno : 0;
    to->len = (size_t)(at - to->p);
    to->p[to->len] = '\0';
    *p = from;
    return why;
}

/* Some converters hold a character back until they know that nothing combines with it. */
static void flush(iconv_t cd, haul_str *to)
{
    haul_str_room(to, 64);
    char *at = to->p + to->len;
    size_t left = to->cap - to->len - 1;
    (void)iconv(cd, NULL, NULL, &at, &left);
    to->len = (size_t)(at - to->p);
    to->p[to->len] = '\0';
}

/* How many octets to pass over where iconv finds no character: the lead octet alone when ASCII follows it, so
 * that a line end or a "<" survives (as in the decoders of the WHATWG Encoding Standard). */
static size_t bad_length(haul_codepage_kind kind, const char *p, size_t n)
{
    size_t unit = kind == HAUL_CP_QUAD ? 4 : kind == HAUL_CP_WIDE ? 2 : 1;
    if (kind == HAUL_CP_DOUBLE || kind == HAUL_CP_JIS || kind == HAUL_CP_HZ)
        unit = n > 1 && (unsigned char)p[0] >= 0x80 && (unsigned char)p[1] >= 0x80 ? 2 : 1;
    return unit < n ? unit : n;
}

static size_t decode_iconv(iconv_t cd, haul_codepage_kind kind, const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    (void)iconv(cd, NULL, NULL, NULL, NULL);
    while (n > 0) {
        int why = step(cd, &p, &n, to);
        if (why == 0 || why == E2BIG)
            continue;
        size_t skip = why == EINVAL ? n : bad_length(kind, p, n);
        replace(to, skip);
        bad += skip;
        p += skip;
        n -= skip;
    }
    flush(cd, to);
    return bad;
}

static size_t decode_table(const uint16_t *high, const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        uint32_t cp = c < 0x80 ? c : high[c - 0x80];
        bad += c >= 0x80 && cp == 0;
        haul_utf8_add(to, c >= 0x80 && cp == 0 ? 0xFFFD : cp);
    }
    return bad;
}

static size_t decode_unknown(const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bool ascii = (unsigned char)p[i] < 0x80;
        haul_str_add(to, ascii ? p + i : REPLACEMENT, ascii ? 1 : REPLACEMENT_LEN);
        bad += !ascii;
    }
    return bad;
}

static size_t decode_utf8(const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        len = haul_utf8_next(p + i, n - i, NULL);
        haul_str_add(to, len ? p + i : REPLACEMENT, len ? len : REPLACEMENT_LEN);
        bad += len == 0;
    }
    return bad;
}

/* ISO-2022-JP as EUC-JP, which iconv then decodes with the extensions of Microsoft. iconv's own ISO-2022-JP refuses
 * what code pages 50220 to 50222 hold in the wild: half-width katakana (ESC ( I, SO and SI, or eight bits), the
 * characters of NEC and IBM, and text whose escapes are cut off. */
typedef struct jis {
    enum { JIS_ASCII, JIS_KANA, JIS_0208, JIS_0212 } set, before;
} jis;

/* An escape sequence at p; its length, 0 = none that we know. */
static size_t jis_escape(jis *j, const char *p, size_t n)
{
    static const struct {
        const char *z;
        int set;
    } known[] = {
        {"\033(B", JIS_ASCII}, {"\033(J", JIS_ASCII}, {"\033(H", JIS_ASCII}, {"\033(I", JIS_KANA},
        {"\033$@", JIS_0208},  {"\033$B", JIS_0208},  {"\033$(D", JIS_0212}, {"\033$(B", JIS_0208},
        {"\033$(@", JIS_0208}, {"\033&@", -1}, /* announces JIS X 0208-1990, an ESC $ B follows */
    };
    for (size_t i = 0; i < HAUL_COUNT(known); i++) {
        size_t len = strlen(known[i].z);
        if (n < len || memcmp(p, known[i].z, len) != 0)
            continue;
        if (known[i].set >= 0)
            j->set = known[i].set;
        return len;
    }
    return 0;
}

static bool is_jis(char c)
{
    return c >= 0x21 && c <= 0x7e;
}

/* One character of the current set; returns the octets that it took. */
static size_t jis_character(const jis *j, const char *p, size_t n, haul_str *euc)
{
    unsigned char c = (unsigned char)p[0];
    bool kana = (c >= 0xA1 && c <= 0xDF) || (j->set == JIS_KANA && c >= 0x21 && c <= 0x5F);
    if (!kana && (j->set == JIS_ASCII || j->set == JIS_KANA || !is_jis(p[0]) || n < 2 || !is_jis(p[1]))) {
        haul_str_addc(euc, p[0]);
        return 1;
    }
    if (kana || j->set == JIS_0212)
        haul_str_addc(euc, kana ? '\x8E' : '\x8F');
    haul_str_addc(euc, (char)(c | 0x80));
    if (!kana)
        haul_str_addc(euc, (char)(p[1] | '\x80'));
    return kana ? 1 : 2;
}

static void jis_to_euc(const char *p, size_t n, haul_str *euc)
{
    jis j = {0};
    haul_str_room(euc, n);
    for (size_t i = 0, len; i < n; i += len) {
        len = p[i] == '\033' ? jis_escape(&j, p + i, n - i) : 0;
        if (len)
            continue;
        len = 1;
        if (p[i] == '\016' || p[i] == '\017') { /* SO and SI of code page 50222 */
            if (p[i] == '\016')
                j.before = j.set == JIS_KANA ? j.before : j.set;
            j.set = p[i] == '\016' ? JIS_KANA : j.before;
        } else {
            if (p[i] == '\n') /* RFC 1468: a line starts and ends in ASCII */
                j.set = JIS_ASCII;
            len = jis_character(&j, p + i, n - i, euc);
        }
    }
}

/* RFC 1843: "~{" starts two-octet text with the high bits off, "~}" ends it, "~~" is a tilde, "~" and a line
 * end are nothing. */
static void hz_to_euc(const char *p, size_t n, haul_str *euc)
{
    bool wide = false;
    haul_str_room(euc, n);
    for (size_t i = 0; i < n; i++) {
        bool more = i + 1 < n;
        if (p[i] == '~' && more && strchr("{}~\n", p[i + 1]) && p[i + 1]) {
            i++;
            if (p[i] == '~')
                haul_str_addc(euc, '~');
            else if (p[i] != '\n')
                wide = p[i] == '{';
            continue;
        }
        if (p[i] == '\n')
            wide = false;
        if (wide && more && is_jis(p[i]) && is_jis(p[i + 1])) {
            haul_str_addc(euc, (char)(p[i++] | '\x80'));
            haul_str_addc(euc, (char)(p[i] | '\x80'));
        } else
            haul_str_addc(euc, p[i]);
    }
}

static size_t decode_7bit(size_t index, const char *p, size_t n, haul_str *to)
{
    haul_auto_str euc = {0};
    haul_codepage_kind kind = haul_codepages[index].kind;
    (kind == HAUL_CP_JIS ? jis_to_euc : hz_to_euc)(p, n, &euc);
    iconv_t *cd = decoder(index);
    if (!cd)
        return decode_unknown(haul_strz(&euc), euc.len, to);
    return decode_iconv(*cd, kind, haul_strz(&euc), euc.len, to);
}

/* What mail calls ISO-8859-1 and -9 is Windows-1252 and -1254 (WHATWG Encoding Standard 4.2): C1 controls are never
 * meant, quotation marks often are. */
static unsigned reads_as(unsigned cp)
{
    return cp == 28591 ? 1252 : cp == 28599 ? 1254 : cp;
}

static size_t decode_index(size_t index, const char *p, size_t n, haul_str *to)
{
    const haul_codepage *c = &haul_codepages[index];
    if (c->kind == HAUL_CP_UTF16LE)
        return haul_utf16_decode(p, n, to);
    if (c->kind == HAUL_CP_UTF8)
        return decode_utf8(p, n, to);
    if (c->kind == HAUL_CP_TABLE)
        return decode_table(haul_codepage_table(c->number), p, n, to);
    if (c->kind == HAUL_CP_JIS || c->kind == HAUL_CP_HZ)
        return decode_7bit(index, p, n, to);
    iconv_t *cd = decoder(index);
    return cd ? decode_iconv(*cd, c->kind, p, n, to) : decode_unknown(p, n, to);
}

/* From `start` on: no character but NUL yields this octet. Returns how many there were. */
static size_t replace_nuls(haul_str *to, size_t start)
{
    if (to->len == start || !memchr(to->p + start, 0, to->len - start))
        return 0;
    haul_auto_str clean = {0};
    size_t found = 0;
    for (size_t i = start; i < to->len; i++) {
        bool nul = to->p[i] == '\0';
        haul_str_add(&clean, nul ? REPLACEMENT : to->p + i, nul ? REPLACEMENT_LEN : 1);
        found += nul;
    }
    to->len = start;
    haul_str_add(to, clean.p, clean.len);
    return found;
}

static bool starts_ascii(size_t index)
{
    if (index == HAUL_CODEPAGE_COUNT)
        return true;
    haul_codepage_kind kind = haul_codepages[index].kind;
    return kind == HAUL_CP_SINGLE || kind == HAUL_CP_DOUBLE || kind == HAUL_CP_TABLE || kind == HAUL_CP_UTF8;
}

size_t haul_charset_decode(unsigned cp, const void *text, size_t n, haul_str *to)
{
    const char *p = text;
    size_t index = haul_codepage_index(reads_as(cp)), start = to->len, bad = 0;
    size_t ascii = starts_ascii(index) ? haul_ascii_run(p, n) : 0;
    if (index < HAUL_CODEPAGE_COUNT && haul_codepages[index].kind == HAUL_CP_UTF8 && haul_utf8_valid(p, n))
        ascii = n;
    haul_str_add(to, p, ascii);
    if (ascii < n)
        bad = index < HAUL_CODEPAGE_COUNT ? decode_index(index, p + ascii, n - ascii, to)
                                          : decode_unknown(p + ascii, n - ascii, to);
    return bad + replace_nuls(to, start);
}

#define HIGH_OCTETS 128u

/* Each of the octets above 0x7f in p once. Returns how many there are. */
static size_t high_octets(const uint8_t *p, size_t n, char to[HIGH_OCTETS])
{
    bool seen[HIGH_OCTETS] = {0};
    size_t found = 0;
    for (size_t i = 0; (i += haul_ascii_run(p + i, n - i)) < n; i++)
        if (!seen[p[i] - HIGH_OCTETS]) {
            seen[p[i] - HIGH_OCTETS] = true;
            to[found++] = (char)p[i];
        }
    return found;
}

bool haul_charset_fits(unsigned cp, const void *p, size_t n)
{
    haul_auto_str text = {0};
    size_t index = haul_codepage_index(reads_as(cp));
    haul_codepage_kind kind = index < HAUL_CODEPAGE_COUNT ? haul_codepages[index].kind : HAUL_CP_STATEFUL;
    char kinds[HIGH_OCTETS];
    bool single = kind == HAUL_CP_SINGLE || kind == HAUL_CP_TABLE; /* no octet depends on another */
    if ((single || kind == HAUL_CP_UTF8) && n && memchr(p, 0, n))
        return false;
    if (kind == HAUL_CP_UTF8)
        return haul_utf8_valid(p, n);
    if (single) {
        n = high_octets(p, n, kinds);
        p = kinds;
    }
    return haul_charset_decode(cp, p, n, &text) == 0;
}

/* ── UTF-16 ── */

static bool is_ascii_unit(const uint8_t *p)
{
    return p[1] == 0 && p[0] - 1u < 0x7F;
}

/* Units from p on that are ASCII and no NUL, written to `to`, which has room for `units` and may get more than counts. */
static size_t utf16_ascii(const uint8_t *p, size_t units, char *to)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; units - i >= 16; i += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(p + 2 * i));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 2 * i + 16));
        __m128i packed = _mm_packus_epi16(a, b); /* 0 for what is negative, 0xff for what is above */
        int odd = _mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(1), packed));
        _mm_storeu_si128((__m128i *)(void *)(to + i), packed);
        if (odd)
            return i + (size_t)__builtin_ctz((unsigned)odd);
    }
#endif
    for (; i < units && is_ascii_unit(p + 2 * i); i++)
        to[i] = (char)p[2 * i];
    return i;
}

/* One character at p, of units > 0; 0 for what is none. Returns the units that it took. */
static size_t utf16_next(const uint8_t *p, size_t units, uint32_t *ret_cp)
{
    uint32_t a = (uint32_t)(p[0] | p[1] << 8), b = units > 1 ? (uint32_t)(p[2] | p[3] << 8) : 0;
    bool high = a >= 0xD800 && a < 0xDC00, pair = high && b >= 0xDC00 && b < 0xE000;
    if (pair)
        *ret_cp = 0x10000 + ((a - 0xD800) << 10) + (b - 0xDC00);
    else
        *ret_cp = a >= 0xD800 && a < 0xE000 ? 0 : a;
    return pair ? 2 : 1;
}

/* Into room for four octets; at most three for each unit. */
static size_t put_utf8(char *to, uint32_t cp)
{
    if (cp < 0x80) {
        to[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    to[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | cp >> (6 * (n - 1)));
    for (size_t i = 1; i < n; i++)
        to[i] = (char)(0x80 | (cp >> (6 * (n - 1 - i)) & 0x3F));
    return n;
}

size_t haul_utf16_decode(const void *text, size_t n, haul_str *to)
{
    const uint8_t *p = text;
    size_t units = n / 2, bad = n % 2;
    haul_str_room(to, 3 * units + 3);
    char *at = to->p + to->len;
    for (size_t i = 0; i < units;) {
        size_t run = utf16_ascii(p + 2 * i, units - i, at);
        i += run;
        at += run;
        while (i < units && !is_ascii_unit(p + 2 * i)) {
            uint32_t cp;
            i += utf16_next(p + 2 * i, units - i, &cp);
            at += put_utf8(at, cp ? cp : 0xFFFD);
            bad += cp == 0;
        }
    }
    to->len = (size_t)(at - to->p);
    to->p[to->len] = '\0';
    replace(to, n % 2);
    return bad;
}

/* ── encoding ── */

static size_t encode_iconv(iconv_t cd, const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    (void)iconv(cd, NULL, NULL, NULL, NULL);
    while (n > 0) {
        int why = step(cd, &p, &n, to);
        if (why == 0 || why == E2BIG)
            continue;
        const char *mark = "?";
        size_t one = 1, len = haul_utf8_next(p, n, NULL);
        (void)step(cd, &mark, &one, to);
        bad++;
        p += len ? len : 1;
        n -= len ? len : 1;
    }
    flush(cd, to);
    return bad;
}

/* ASCII, and what `high` (may be NULL) has. */
static size_t encode_table(const uint16_t *high, const char *p, size_t n, haul_str *to)
{
    size_t bad = 0;
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        uint32_t cp = 0xFFFD;
        unsigned k = 0;
        len = haul_utf8_next(p + i, n - i, &cp);
        while (high && cp >= 0x80 && k < 128 && high[k] != cp)
            k++;
        bool found = cp < 0x80 || (high && k < 128);
        haul_str_addc(to, cp < 0x80 ? (char)cp : found ? (char)(0x80 + k) : '?');
        bad += !found;
    }
    return bad;
}

size_t haul_charset_encode(unsigned cp, const char *p, size_t n, haul_str *to)
{
    size_t index = haul_codepage_index(cp);
    size_t ascii = starts_ascii(index) ? haul_ascii_run(p, n) : 0;
    iconv_t *cd = index < HAUL_CODEPAGE_COUNT ? encoder(index) : NULL;
    haul_str_add(to, p, ascii);
    if (ascii == n)
        return 0;
    if (cd)
        return encode_iconv(*cd, p + ascii, n - ascii, to);
    return encode_table(haul_codepage_table(cp), p + ascii, n - ascii, to);
}
