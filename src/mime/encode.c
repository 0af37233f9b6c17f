#include "mime/encode.h"

#include "base/charset.h"
#include "base/utf.h"
#include "mime/addr.h"

#include <string.h>

/* By hand and not GMime's g_mime_utils_header_encode_text, _phrase and GMimeParamList, which were tried (3.2): they
 * write encoded words of 177 characters (RFC 2047 2 allows 75), drop trailing blanks, leave text that looks like an
 * encoded word as it is (so that it reads as another text), and take ISO-8859-1 for parameters and names. */

#define COLUMNS_MAX 76u /* RFC 2047 2: lines with encoded words; RFC 5322 2.1.1 would like 78 */
#define WORD_MAX    72u /* of 75, so that "=?…?=" with a blank before it and ":;" or ")," behind it fit a line */
#define RUN_MAX     900u /* octets without a blank that are written as they are; RFC 5322 2.1.1: 998 a line */
#define BLANKS_MAX  64u  /* blanks in a row that are written as they are */
#define LINE_MAX    998u
#define NAME_MAX    76u
#define PREFIX      "=?utf-8?"
#define SPECIALS    "()<>[]:;@\\,.\""
#define DELIMITERS  "()<>[]:;@\\,\"" /* "J. Doe" is wrong without quotes, but its dot is part of a word */

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char HEX[] = "0123456789ABCDEF";

typedef struct line { /* where we write: folded greedily, and at blanks only */
    haul_str *to;
    size_t col;
    bool fresh; /* nothing but the name of the field is on it */
} line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_control(unsigned char c)
{
    return c < 32 || c == 127;
}

static bool is_8bit(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return true;
    return false;
}

static bool contains(haul_span s, const char *z)
{
    size_t n = strlen(z);
    for (size_t i = 0; i + n <= s.len; i++)
        if (memcmp(s.p + i, z, n) == 0)
            return true;
    return false;
}

/* Valid UTF-8 on one line: malformed octets are taken as Windows-1252, controls become blanks (CRLF one of them). */
static void clean(haul_str *to, haul_span s)
{
    size_t keep = to->len;
    haul_str_room(to, s.len);
    haul_utf8_clean(to, s.p, s.len, true);
    for (size_t i = keep; i < to->len; i++) {
        char c = to->p[i];
        if (c == '\r' && i + 1 < to->len && to->p[i + 1] == '\n')
            continue;
        to->p[keep++] = is_control((unsigned char)c) ? ' ' : c;
    }
    to->len = keep;
    to->p[keep] = '\0';
}

/* ── lines ── */

static void put(line *l, haul_span blanks, haul_span word)
{
    bool fold = blanks.len && l->col + blanks.len + word.len > COLUMNS_MAX;
    /* A first line of a name alone is valid, but disliked: only where a hard limit wants it. */
    if (fold && l->fresh && !haul_istarts(word.p, word.len, PREFIX))
        fold = l->col + blanks.len + word.len > LINE_MAX;
    if (fold) {
        haul_str_addz(l->to, "\r\n");
        l->col = 0;
    }
    haul_str_add(l->to, blanks.p, blanks.len);
    haul_str_add(l->to, word.p, word.len);
    l->col += blanks.len + word.len;
    l->fresh = false;
}

/* The next blanks and word at *at; false at the end. Blanks at the end come with an empty word. */
static bool next_word(haul_span s, size_t *at, haul_span *ret_blanks, haul_span *ret_word)
{
    size_t i = *at, from = *at;
    if (i >= s.len)
        return false;
    while (i < s.len && is_blank(s.p[i]))
        i++;
    *ret_blanks = (haul_span){s.p + from, i - from};
    for (from = i; i < s.len && !is_blank(s.p[i]);)
        i++;
    *ret_word = (haul_span){s.p + from, i - from};
    *at = i;
    return true;
}

/* Where a run that no line can hold is cut: behind a comma, semicolon or ">", where folding changes nothing, else
 * anywhere: a blank too many is less than a lost line. */
static size_t hard_cut(haul_span run)
{
    for (size_t i = RUN_MAX; i > RUN_MAX / 2; i--)
        if (strchr(",;>", run.p[i - 1]))
            return i;
    return RUN_MAX;
}

/* ASCII text, folded at its blanks; the octets stay unless a run is over-long. Blanks at the end go. */
static void put_flat(line *l, haul_span s)
{
    haul_span blanks, word;
    for (size_t at = 0; next_word(s, &at, &blanks, &word) && word.len;) {
        if (blanks.len > BLANKS_MAX)
            blanks.len = BLANKS_MAX;
        while (word.len > RUN_MAX) {
            size_t n = hard_cut(word);
            put(l, blanks, (haul_span){word.p, n});
            word = (haul_span){word.p + n, word.len - n};
            blanks = (haul_span){" ", 1};
        }
        if (word.len)
            put(l, blanks, word);
    }
}

static line field_start(haul_str *to, haul_span name)
{
    haul_str_add(to, name.p, name.len);
    haul_str_addc(to, ':');
    return (line){to, name.len + 1, true};
}

/* ── encoded words (RFC 2047) ── */

/* RFC 2047 5 (3): what Q may leave as it is even in a phrase. */
static bool is_q_safe(unsigned char c)
{
    return haul_is_digit(c) || (c < 0x80 && haul_is_alpha(c)) || (c && strchr("!*+-/", c));
}

static size_t q_size(const char *p, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += is_q_safe((unsigned char)p[i]) || p[i] == ' ' ? 1 : 3;
    return size;
}

static void add_q(haul_str *to, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (is_q_safe(c) || c == ' ') {
            haul_str_addc(to, c == ' ' ? '_' : (char)c);
            continue;
        }
        haul_str_add(to, (char[]){'=', HEX[c >> 4], HEX[c & 15]}, 3);
    }
}

static void add_b(haul_str *to, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)(unsigned char)p[i] << 16;
        v |= left > 1 ? (uint32_t)(unsigned char)p[i + 1] << 8 : 0;
        v |= left > 2 ? (unsigned char)p[i + 2] : 0;
        char quad[4] = {BASE64[v >> 18], BASE64[v >> 12 & 63], left > 1 ? BASE64[v >> 6 & 63] : '=',
                        left > 2 ? BASE64[v & 63] : '='};
        haul_str_add(to, quad, 4);
    }
}

/* Octets of s, in whole characters (RFC 2047 5), whose code has at most `room` characters; at least one. */
static size_t word_fit(haul_span s, bool q, size_t room)
{
    size_t used = 0, n = 0;
    while (n < s.len) {
        size_t len = haul_utf8_next(s.p + n, s.len - n, NULL);
        len = len ? len : 1;
        used = q ? used + q_size(s.p + n, len) : (n + len + 2) / 3 * 4;
        if (used > room && n)
            break;
        n += len;
    }
    return n;
}

/* s, valid UTF-8, as encoded words. The first fills the line that has begun when there is room worth it. */
static void put_encoded(line *l, haul_span blanks, haul_span s)
{
    haul_auto_str word = {0};
    const size_t frame = sizeof(PREFIX) - 1 + 4; /* "Q?" and "?=" */
    bool q = q_size(s.p, s.len) <= (s.len + 2) / 3 * 4;
    size_t left = l->col + blanks.len < COLUMNS_MAX ? COLUMNS_MAX - l->col - blanks.len : 0;
    size_t room = left >= frame + 20 && left < WORD_MAX ? left : WORD_MAX;
    while (s.len) {
        size_t n = word_fit(s, q, room - frame);
        haul_str_clear(&word);
        haul_str_addz(&word, q ? PREFIX "Q?" : PREFIX "B?");
        (q ? add_q : add_b)(&word, s.p, n);
        haul_str_addz(&word, "?=");
        put(l, blanks, (haul_span){word.p, word.len});
        s = (haul_span){s.p + n, s.len - n};
        blanks = (haul_span){" ", 1};
        room = WORD_MAX;
    }
}

/* =?charset?B?text?= and nothing else. */
static bool is_encoded_word(haul_span w)
{
    size_t marks = 0;
    if (w.len < 8 || w.len > RUN_MAX || memcmp(w.p, "=?", 2) != 0 || memcmp(w.p + w.len - 2, "?=", 2) != 0)
        return false;
    for (size_t i = 2; i < w.len - 2; i++)
        marks += w.p[i] == '?';
    return marks == 2 && !is_8bit(w);
}

typedef enum word_kind { PLAIN, ENCODE, KEPT } word_kind;

/* keep: encoded words in the text are such, not text that looks like them. */
static word_kind kind_of(haul_span blanks, haul_span word, bool keep)
{
    if (keep && is_encoded_word(word))
        return KEPT;
    bool plain = blanks.len <= BLANKS_MAX && word.len <= RUN_MAX && !is_8bit(word) && !contains(word, "=?");
    return plain ? PLAIN : ENCODE;
}

/* Words from *at on that are encoded together, the blanks between them included: blanks between two encoded words
 * are not text (RFC 2047 6.2). */
static haul_span encoded_run(haul_span s, size_t *at, size_t from, bool keep)
{
    haul_span blanks, word;
    size_t end = *at, next = *at;
    while (next_word(s, &next, &blanks, &word)) {
        word_kind kind = kind_of(blanks, word, keep);
        if (kind == KEPT)
            end += blanks.len; /* it stays a word of its own, the blanks before it are text */
        if (kind != ENCODE)
            break;
        end = next;
    }
    *at = end;
    return (haul_span){s.p + from, end - from};
}

/* Unstructured text, clean. It begins with a blank; blanks at the end are kept where they change nothing. */
static void put_text(line *l, haul_span s, bool keep)
{
    haul_span blanks, word;
    bool glued = false; /* an encoded word came last: blanks before another one are text */
    for (size_t at = 0; next_word(s, &at, &blanks, &word);) {
        word_kind kind = kind_of(blanks, word, keep);
        if (kind != ENCODE) {
            if (word.len)
                put(l, kind == KEPT && !blanks.len ? (haul_span){" ", 1} : blanks, word);
            glued = kind == KEPT;
            continue;
        }
        /* Behind an encoded word all blanks are text; a long row of them is encoded but for the first. */
        bool split = glued || blanks.len > BLANKS_MAX;
        size_t from = (size_t)(blanks.p - s.p) + (glued ? 0 : split ? 1 : blanks.len);
        haul_span run = encoded_run(s, &at, from, keep);
        put_encoded(l, split ? (haul_span){" ", 1} : blanks, run);
        glued = true;
    }
}

void haul_field_text(haul_str *to, const char *name, const char *value)
{
    haul_auto_str text = {0};
    haul_str_addc(&text, ' ');
    clean(&text, (haul_span){value, strlen(value)});
    line l = field_start(to, (haul_span){name, strlen(name)});
    while (text.len && text.p[text.len - 1] == ' ')
        text.len--; /* blanks at the end of a line do not survive transport, nor mean anything */
    put_text(&l, (haul_span){text.p, text.len}, false);
    haul_str_addz(to, "\r\n");
}

void haul_field_raw(haul_str *to, const char *name, const char *value)
{
    haul_span v = {value, strlen(value)};
    if (is_8bit(v)) {
        haul_field_text(to, name, value);
        return;
    }
    haul_auto_str text = {0};
    haul_str_addc(&text, ' ');
    clean(&text, v);
    line l = field_start(to, (haul_span){name, strlen(name)});
    put_flat(&l, (haul_span){text.p, text.len});
    haul_str_addz(to, "\r\n");
}

/* ── mailboxes ── */

static bool is_atom_char(unsigned char c)
{
    return c > 32 && c < 127 && !strchr(SPECIALS, c);
}

static void add_quoted(haul_str *to, haul_span s)
{
    haul_str_addc(to, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            haul_str_addc(to, '\\');
        haul_str_addc(to, s.p[i]);
    }
    haul_str_addc(to, '"');
}

/* Atoms with single blanks between them need no quotes. */
static bool is_phrase(haul_span s)
{
    bool blank = true;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != ' ' ? !is_atom_char((unsigned char)s.p[i]) : blank)
            return false;
        blank = s.p[i] == ' ';
    }
    return !blank;
}

/* A quoted string must not hold encoded words (RFC 2047 5), so all that is not plain ASCII is encoded as a whole. */
static void put_phrase(line *l, haul_span blanks, haul_span s)
{
    if (kind_of(blanks, s, false) == ENCODE) {
        put_encoded(l, blanks, s);
        return;
    }
    haul_auto_str flat = {0};
    haul_str_add(&flat, blanks.p, blanks.len);
    if (is_phrase(s))
        haul_str_add(&flat, s.p, s.len);
    else
        add_quoted(&flat, s);
    put_flat(l, (haul_span){flat.p, flat.len});
}

static size_t column(const haul_str *s)
{
    size_t n = 0;
    while (n < s->len && s->p[s->len - 1 - n] != '\n')
        n++;
    return n;
}

/* An encoded word ends at a blank (RFC 2047 5): some parsers insist. */
static void add_empty_group(haul_str *to)
{
    haul_str_addz(to, haul_iends(to->p, "?=") ? " :;" : ":;");
}

void haul_mailbox_add(haul_str *to, const char *name, const char *address)
{
    haul_auto_str text = {0}, angle = {0};
    bool ok = address && haul_addr_ok(address);
    clean(&text, (haul_span){name ? name : "", name ? strlen(name) : 0});
    haul_span phrase = haul_span_trim((haul_span){haul_strz(&text), text.len});
    haul_span blanks = {" ", 0};
    if (to->len && to->p[to->len - 1] == ' ') { /* the blank of "To: " or ", " is where the line may end */
        to->p[--to->len] = '\0';
        blanks.len = 1;
    }
    line l = {to, column(to), to->len && to->p[to->len - 1] == ':'};
    if (ok && !phrase.len) {
        put(&l, blanks, (haul_span){address, strlen(address)});
        return;
    }
    put_phrase(&l, blanks, phrase.len ? phrase : (haul_span){"unknown", 7});
    if (!ok) {
        add_empty_group(to);
        return;
    }
    haul_str_addf(&angle, "<%s>", address);
    put(&l, (haul_span){" ", 1}, (haul_span){angle.p, angle.len});
}

/* ── parameters (RFC 2045 5.1, RFC 2231) ── */

static bool is_attribute_char(unsigned char c) /* RFC 2231 7 */
{
    return c > 32 && c < 127 && !strchr("()<>@,;:\\\"/[]?=*'%", c);
}

/* Of attribute-char only: "*", "'" and "%" are legal in a token, but readers of RFC 2231 stumble over them. */
static bool is_token(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_attribute_char((unsigned char)s.p[i]))
            return false;
    return s.len > 0;
}

static void add_percent(haul_str *to, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (is_attribute_char(c))
            haul_str_addc(to, (char)c);
        else
            haul_str_add(to, (char[]){'%', HEX[c >> 4], HEX[c & 15]}, 3);
    }
}

static void put_param(haul_str *to, size_t *col, const haul_str *text)
{
    bool fold = *col + 2 + text->len > COLUMNS_MAX;
    haul_str_addz(to, fold ? ";\r\n " : "; ");
    haul_str_add(to, haul_strz(text), text->len);
    *col = (fold ? 1 : *col + 2) + text->len;
}

/* A part of s, of whole characters, that fits a line: percent-encoded or quoted. Returns the octets taken. */
static size_t add_section(haul_str *to, haul_span s, bool percent, size_t room)
{
    haul_auto_str text = {0};
    size_t n = 0, whole = 0;
    while (n < s.len && text.len <= room) {
        size_t len = haul_utf8_next(s.p + n, s.len - n, NULL);
        whole = text.len;
        len = len ? len : 1;
        if (percent) {
            add_percent(&text, s.p + n, len);
        } else {
            if (s.p[n] == '"' || s.p[n] == '\\')
                haul_str_addc(&text, '\\');
            haul_str_addc(&text, s.p[n]);
        }
        if (text.len > room && n)
            break;
        n += len;
        whole = text.len;
    }
    haul_str_addz(to, percent ? "" : "\"");
    haul_str_add(to, haul_strz(&text), whole);
    haul_str_addz(to, percent ? "" : "\"");
    return n;
}

static void add_sections(haul_str *to, const char *name, haul_span s, bool percent, size_t *col)
{
    haul_auto_str text = {0};
    for (unsigned i = 0; s.len; i++) {
        haul_str_clear(&text);
        haul_str_addf(&text, "%s*%u%s=%s", name, i, percent ? "*" : "", percent && !i ? "utf-8''" : "");
        size_t room = text.len + 24 < COLUMNS_MAX ? COLUMNS_MAX - 4 - text.len : 20;
        size_t n = add_section(&text, s, percent, room);
        put_param(to, col, &text);
        s = (haul_span){s.p + n, s.len - n};
    }
}

void haul_param_add(haul_str *to, const char *name, const char *value, size_t *col)
{
    haul_auto_str text = {0}, whole = {0};
    clean(&text, (haul_span){value, strlen(value)});
    haul_span s = {haul_strz(&text), text.len};
    /* "=?" in a quoted string is read as an encoded word by many programs. */
    bool percent = is_8bit(s) || contains(s, "=?");
    haul_str_addf(&whole, percent ? "%s*=utf-8''" : "%s=", name);
    if (percent)
        add_percent(&whole, s.p, s.len);
    else if (is_token(s))
        haul_str_add(&whole, s.p, s.len);
    else
        add_quoted(&whole, s);
    if (whole.len + 2 <= COLUMNS_MAX)
        put_param(to, col, &whole);
    else
        add_sections(to, name, s, percent, col);
}

/* ── fields of a transport header ── */

/* Fields with a grammar of their own: no encoded words but in phrases and comments. */
static const char *const ADDRESS_FIELDS[] = {
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "resent-from",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "resent-sender",
    "resent-reply-to",
    "disposition-notification-to",
    "return-receipt-to",
    "errors-to",
    "mail-followup-to",
    "mail-reply-to",
    "apparently-to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
};
static const char *const STRUCTURED_FIELDS[] = {
    "received",
    "return-path",
    "date",
    "resent-date",
    "message-id",
    "resent-message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "dkim-signature",
    "domainkey-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "authentication-results",
    "received-spf",
    "list-id",
    "list-post",
    "list-help",
    "list-unsubscribe",
    "list-subscribe",
    "list-archive",
    "list-owner",
    "list-unsubscribe-post",
    "auto-submitted",
    "thread-index",
    "x-google-dkim-signature",
};

static bool is_one_of(haul_span name, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (haul_span_is(name, v[i]))
            return true;
    return haul_istarts(name.p, name.len, "content-");
}

/* Length of the line end at v.p[i]: CRLF, LF or a lone CR; 0 = none. */
static size_t eol_at(haul_span v, size_t i)
{
    if (v.p[i] == '\r')
        return i + 1 < v.len && v.p[i + 1] == '\n' ? 2 : 1;
    return v.p[i] == '\n';
}

static bool only_blanks(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_blank(s.p[i]))
            return false;
    return true;
}

/* One line of a value is fit to be written as it is. */
static bool line_ok(haul_span s, size_t used)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 127 || (is_control((unsigned char)s.p[i]) && s.p[i] != '\t'))
            return false;
    return s.len + used <= LINE_MAX;
}

/* The value with CRLF line ends when it is valid as it stands (RFC 5322 2.2.3: no line of blanks alone). */
static bool keep_lines(haul_str *to, haul_span v, size_t used)
{
    size_t start = 0;
    for (size_t i = 0; i <= v.len; i++) {
        size_t eol = i < v.len ? eol_at(v, i) : 1;
        if (!eol)
            continue;
        haul_span one = {v.p + start, i - start};
        bool lone_cr = i < v.len && eol == 1 && v.p[i] == '\r';
        if (lone_cr || !line_ok(one, used) || (start && (!is_blank(one.p[0]) || only_blanks(one))))
            return false;
        haul_str_add(to, one.p, one.len);
        haul_str_addz(to, "\r\n");
        i += eol - 1;
        start = i + 1;
        if (start == v.len)
            return true; /* a line end with nothing behind it */
        used = 0;
    }
    return true;
}

/* Without its folds (RFC 5322 2.2.3); a line end that is no fold becomes a blank. */
static void unfold(haul_str *to, haul_span v)
{
    for (size_t i = 0; i < v.len;) {
        size_t eol = eol_at(v, i);
        if (!eol) {
            haul_str_addc(to, v.p[i] ? v.p[i] : ' ');
            i++;
            continue;
        }
        i += eol;
        if (i < v.len && !is_blank(v.p[i]) && !eol_at(v, i))
            haul_str_addc(to, ' ');
    }
}

/* ISO-2022-JP is 7-bit, but its escapes are controls: it is text of a code page too. */
static bool is_2022jp(haul_span s)
{
    return contains(s, "\x1b$B") || contains(s, "\x1b$@");
}

static void to_utf8(haul_str *to, haul_span s, unsigned cp)
{
    if (is_2022jp(s) && haul_charset_fits(50220, s.p, s.len))
        haul_charset_decode(50220, s.p, s.len, to);
    else if (!haul_utf8_valid(s.p, s.len) && cp && haul_charset_fits(cp, s.p, s.len))
        haul_charset_decode(cp, s.p, s.len, to);
    else
        haul_str_add(to, s.p, s.len); /* clean() takes what is no UTF-8 as Windows-1252 */
}

/* Behind the quoted string at s.p[i]. */
static size_t quoted_end(haul_span s, size_t i)
{
    for (i++; i < s.len && s.p[i] != '"'; i++)
        if (s.p[i] == '\\' && i + 1 < s.len)
            i++;
    return i < s.len ? i + 1 : s.len;
}

static void add_unquoted(haul_str *to, haul_span s)
{
    for (size_t i = 1; i < s.len && s.p[i] != '"'; i++) {
        if (s.p[i] == '\\' && i + 1 < s.len)
            i++;
        haul_str_addc(to, s.p[i]);
    }
}

/* Encoded words into flat text, with blanks where the grammar wants them. */
static void add_words(haul_str *to, haul_span s)
{
    haul_auto_str words = {0};
    line l = {&words, 0, false};
    haul_span rest = haul_span_trim(s);
    put_encoded(&l, (haul_span){" ", 1}, rest);
    bool before = to->len && !strchr(" (", to->p[to->len - 1]);
    for (size_t i = before ? 0 : 1; i < words.len; i++)
        if (words.p[i] != '\r' && words.p[i] != '\n')
            haul_str_addc(to, words.p[i]);
}

/* End of the row of 8-bit words at s.p[i], blanks between them included: delimiters end it. */
static size_t words_end(haul_span s, size_t i, bool comment)
{
    const char *stop = comment ? "()" : DELIMITERS;
    size_t end = i;
    while (i < s.len) {
        size_t from = i;
        bool high = false;
        for (; i < s.len && !is_blank(s.p[i]) && !strchr(stop, s.p[i]); i++)
            high = high || (unsigned char)s.p[i] >= 0x80;
        if (!high || i == from)
            break;
        end = i;
        while (i < s.len && is_blank(s.p[i]))
            i++;
    }
    return end;
}

/* 7-bit, token by token: quoted strings and words with 8-bit text become encoded words; the rest stays. */
static void encode_tokens(haul_str *to, haul_span s)
{
    unsigned depth = 0;
    for (size_t i = 0; i < s.len;) {
        size_t end = words_end(s, i, depth > 0);
        if (s.p[i] == '"' && !depth) {
            end = quoted_end(s, i);
            haul_span quoted = {s.p + i, end - i};
            haul_auto_str text = {0};
            add_unquoted(&text, quoted);
            if (is_8bit(quoted) && text.len)
                add_words(to, (haul_span){text.p, text.len});
            else
                haul_str_add(to, quoted.p, quoted.len);
        } else if (end > i) {
            add_words(to, (haul_span){s.p + i, end - i});
        } else {
            const char *stop = depth ? "()" : DELIMITERS;
            depth += s.p[i] == '(';
            depth -= s.p[i] == ')' && depth;
            bool word = !is_blank(s.p[i]) && !strchr(stop, s.p[i]);
            do /* an ASCII word as a whole, so that none is looked at twice */
                haul_str_addc(to, s.p[i++]);
            while (word && i < s.len && !is_blank(s.p[i]) && !strchr(stop, s.p[i]));
            continue;
        }
        i = end;
        if (i < s.len && !is_blank(s.p[i]) && !strchr("),;:", s.p[i]) && to->p[to->len - 1] != '"')
            haul_str_addc(to, ' ');
    }
}

/* End of the list element at s.p[i]: a comma outside of quotes, comments and angle brackets. */
static size_t element_end(haul_span s, size_t i)
{
    unsigned depth = 0;
    bool angle = false;
    for (; i < s.len; i++) {
        char c = s.p[i];
        if (c == '"' && !depth) {
            i = quoted_end(s, i) - 1;
            continue;
        }
        depth += c == '(';
        depth -= c == ')' && depth;
        angle = c == '<' ? true : c == '>' ? false : angle;
        if (c == ',' && !depth && !angle)
            break;
    }
    return i;
}

/* 8-bit octets in the address itself: between angle brackets, or in a word with "@". */
static bool is_8bit_address(haul_span s)
{
    const char *open = memchr(s.p, '<', s.len);
    if (open)
        return is_8bit((haul_span){open, s.len - (size_t)(open - s.p)}) && !contains(s, "(");
    haul_span blanks, word;
    for (size_t at = 0; next_word(s, &at, &blanks, &word);)
        if (is_8bit(word) && contains(word, "@") && !contains(word, "\""))
            return true;
    return false;
}

/* An address list. A mailbox whose address itself is not ASCII has no 7-bit form (RFC 6532 is for 8-bit headers):
 * it becomes the display name of an empty group, whole, so that nothing is lost and no address is invented. */
static void encode_addresses(haul_str *to, haul_span s)
{
    for (size_t i = 0; i < s.len;) {
        size_t end = element_end(s, i);
        haul_span one = haul_span_trim((haul_span){s.p + i, end - i});
        haul_str_addc(to, ' ');
        if (one.len && is_8bit_address(one)) {
            add_words(to, one);
            add_empty_group(to);
        } else if (is_8bit(one)) {
            encode_tokens(to, one);
        } else {
            haul_str_add(to, one.p, one.len);
        }
        if (end < s.len)
            haul_str_addc(to, ',');
        i = end + 1;
    }
}

static void repair(line *l, haul_span name, haul_span text)
{
    haul_auto_str flat = {0};
    bool address = is_one_of(name, ADDRESS_FIELDS, HAUL_COUNT(ADDRESS_FIELDS));
    if (!address && !is_one_of(name, STRUCTURED_FIELDS, HAUL_COUNT(STRUCTURED_FIELDS))) {
        put_text(l, text, true);
        return;
    }
    if (address)
        encode_addresses(&flat, text);
    else if (!is_8bit(text))
        haul_str_add(&flat, text.p, text.len);
    else
        encode_tokens(&flat, text);
    put_flat(l, (haul_span){flat.p, flat.len});
}

static bool name_ok(haul_span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] <= 32 || name.p[i] >= 127 || name.p[i] == ':')
            return false;
    return name.len && name.len <= NAME_MAX;
}

bool haul_field_keep(haul_str *to, haul_span name, haul_span value, unsigned cp)
{
    static const haul_span other = {"X-Invalid-Field", 15};
    size_t start = to->len;
    bool named = name_ok(name);
    line l = field_start(to, named ? name : other);
    if (named && keep_lines(to, value, name.len + 1))
        return false;
    to->len = start;
    l = field_start(to, named ? name : other);
    haul_auto_str flat = {0}, utf8 = {0}, text = {0};
    if (!named) { /* not to be lost: the field becomes the text of one that can be written */
        haul_str_add(&flat, name.p, name.len);
        haul_str_addz(&flat, ":");
    }
    unfold(&flat, value);
    to_utf8(&utf8, (haul_span){haul_strz(&flat), flat.len}, cp);
    haul_str_addc(&text, ' ');
    clean(&text, haul_span_trim((haul_span){haul_strz(&utf8), utf8.len}));
    while (text.len && is_blank(text.p[text.len - 1]))
        text.len--;
    repair(&l, named ? name : other, (haul_span){text.p, text.len});
    haul_str_addz(to, "\r\n");
    return true;
}
