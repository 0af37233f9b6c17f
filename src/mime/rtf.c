#include "mime/rtf.h"

#include "base/charset.h"
#include "base/err.h"
#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

#define FONT_MAX       32768u /* numbers of fonts */
#define WORD_MAX       32u    /* letters of a control word */
#define NUMBER_MAX     INT64_C(2147483647)
#define SKIP_MAX       64u /* characters that stand for one \u */
#define CP_DEFAULT     1252u
#define CHARSET_SYMBOL 2 /* SYMBOL_CHARSET of MSFT-RTF, \fcharset */

typedef enum action {
    SKIP,         /* the group is no text */
    PARENT,       /* the group is what its parent is, even when "\*" stands in front */
    TEXT,         /* stands for characters */
    REAL,         /* the same, but not in encapsulated HTML or text */
    CODEPAGE,     /* of the document */
    ANSICPG,      /* the same, as a parameter */
    DEFAULT_FONT, /* \deff */
    FONTTBL,
    FONT,         /* \f: selects one, or names the next entry of the table */
    FONT_CHARSET, /* in the font table */
    FONT_CPG,
    PLAIN,
    HIDDEN,
    FROMHTML,
    FROMTEXT,
    HTMLRTF,
    HTMLTAG,
    LIST_TEXT,
    OBJECT,
    PICTURE,
    UNICODE,
    UNICODE_SKIP,
    UNICODE_TEXT, /* \ud: the better half of \upr */
    BIN,
} action;

typedef struct word {
    const char *name;
    action action;
    unsigned number;
    const char *text, *html;
} word;

#define HAUL_RTF_WORD(name, action, number, text, html) {name, action, number, text, html},
static const word words[] = {
#include "mime/rtf_words.def"
};
#undef HAUL_RTF_WORD

typedef enum destination { IN_TEXT, IN_HTMLTAG, IN_FONTTBL, IN_NOTHING } destination;

typedef struct group { /* what a "}" brings back */
    uint16_t font;
    uint8_t destination;
    uint8_t skip; /* \uc */
    bool htmlrtf; /* between \htmlrtf and \htmlrtf0 */
    bool hidden;  /* \v */
} group;

typedef struct rtf {
    const char *p;
    size_t n, at;
    haul_str *to;
    size_t start; /* of ours in to */
    haul_rtf_kind kind;
    haul_rtf_info *info;
    group *stack;       /* HAUL_RTF_DEPTH_MAX; the outermost group is 0 */
    size_t depth, over; /* groups open; those beyond the stack */
    bool fresh, star;   /* nothing but line ends since the "{"; "\*" was read there */
    size_t pending;     /* characters to pass over behind a \u */
    uint32_t high;      /* a high surrogate that waits for its other half */
    unsigned codepage;  /* of the document */
    uint16_t default_font, entry;
    uint16_t *fonts; /* code pages by number, 0 = that of the document, SYMBOL_CP */
    size_t n_fonts;  /* that there is room for */
    haul_str raw;    /* octets not yet decoded: a double-byte character may come in two pieces */
    unsigned raw_cp;
} rtf;

#define SYMBOL_CP 42u /* as Windows calls it: no characters but pictures */

static group *top(rtf *r)
{
    return &r->stack[r->depth - 1];
}

/* Text that goes into the result from here? */
static bool is_shown(rtf *r)
{
    const group *g = top(r);
    return r->over == 0 && g->destination <= IN_HTMLTAG && !g->htmlrtf &&
           !(g->hidden && r->kind == HAUL_RTF_REAL);
}

/* ── what comes out ── */

/* Bullets are all that is usually drawn with a symbol font; HTML has the octet as it was, as Windows-1252. */
static void flush_symbols(rtf *r)
{
    for (size_t i = 0; i < r->raw.len; i++) {
        bool high = (unsigned char)r->raw.p[i] > 0xA0 && r->kind == HAUL_RTF_REAL;
        if (high)
            haul_str_addz(r->to, "\xE2\x80\xA2");
        else
            (void)haul_charset_decode(CP_DEFAULT, r->raw.p + i, 1, r->to);
    }
}

static void flush(rtf *r)
{
    if (r->high) {
        haul_utf8_add(r->to, 0xFFFD);
        r->info->guessed = true;
        r->high = 0;
    }
    if (r->raw.len == 0)
        return;
    if (r->raw_cp == SYMBOL_CP)
        flush_symbols(r);
    else
        r->info->guessed |= haul_charset_decode(r->raw_cp, r->raw.p, r->raw.len, r->to) > 0;
    haul_str_clear(&r->raw);
}

/* MS-OXRTFEX 2.2.3.2: the code page of the current font for text, that of the document in \htmltag. */
static unsigned current_codepage(rtf *r)
{
    const group *g = top(r);
    unsigned cp = g->destination == IN_HTMLTAG || g->font >= r->n_fonts ? 0 : r->fonts[g->font];
    return cp ? cp : r->codepage;
}

static void put_octets(rtf *r, const char *p, size_t n)
{
    unsigned cp = current_codepage(r);
    if (r->high || cp != r->raw_cp)
        flush(r);
    r->raw_cp = cp;
    haul_str_add(&r->raw, p, n);
}

static void put_text(rtf *r, const char *text)
{
    if (!text || !is_shown(r))
        return;
    flush(r);
    haul_str_addz(r->to, text);
}

/* One character as an octet, from the text, an escape or \'hh. */
static void put_character(rtf *r, char c)
{
    if (r->pending)
        r->pending--;
    else if (is_shown(r) && c)
        put_octets(r, &c, 1);
}

static void put_unicode(rtf *r, int64_t number)
{
    uint32_t unit = (uint32_t)(number < 0 ? number + 65536 : number) & 0x1FFFFF;
    r->pending = top(r)->skip;
    if (!is_shown(r) || unit == 0)
        return;
    uint32_t high = r->high;
    bool low = unit >= 0xDC00 && unit < 0xE000;
    if (high && low) {
        r->high = 0;
        unit = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
    }
    flush(r);
    if (unit >= 0xD800 && unit < 0xDC00) {
        r->high = unit;
        return;
    }
    bool good = (unit < 0xD800 || unit >= 0xE000) && unit <= 0x10FFFF;
    if (r->kind == HAUL_RTF_REAL && unit >= 0xF0A1 && unit <= 0xF0FF)
        unit = 0x2022; /* a symbol font by its private code points: a bullet, as above */
    haul_utf8_add(r->to, unit);
    r->info->guessed |= !good;
}

/* ── groups ── */

static void open_group(rtf *r)
{
    r->pending = 0;
    r->star = false;
    r->fresh = true;
    if (r->over || r->depth == HAUL_RTF_DEPTH_MAX) {
        r->over++;
        return;
    }
    group outer = r->depth ? *top(r) : (group){.skip = 1};
    r->stack[r->depth++] = outer;
}

/* False when the outermost group was closed. */
static bool close_group(rtf *r)
{
    r->pending = 0;
    r->star = false;
    if (r->over)
        r->over--;
    else
        r->depth--;
    return r->depth > 0;
}

/* ── control words ── */

/* MSFT-RTF, \fcharset: Windows' charset numbers; MS-OXRTFEX leaves them to it. */
static uint16_t charset_codepage(int64_t charset)
{
    static const struct {
        uint8_t charset;
        uint16_t cp;
    } known[] = {
        {0, 1252},   {CHARSET_SYMBOL, SYMBOL_CP},
        {77, 10000}, {78, 10001},
        {79, 10003}, {80, 10008},
        {81, 10002}, {84, 10004},
        {85, 10006}, {86, 10081},
        {87, 10021}, {88, 10029},
        {89, 10007}, {128, 932},
        {129, 949},  {130, 1361},
        {134, 936},  {136, 950},
        {161, 1253}, {162, 1254},
        {163, 1258}, {177, 1255},
        {178, 1256}, {179, 1256},
        {180, 1256}, {181, 1255},
        {186, 1257}, {204, 1251},
        {222, 874},  {238, 1250},
        {254, 437},  {255, 850},
    };
    for (size_t i = 0; i < HAUL_COUNT(known); i++)
        if (known[i].charset == charset)
            return known[i].cp;
    return 0; /* 1 is "the default", others are unknown */
}

#define FONT_STEP 64u

/* Most documents have some dozen fonts with low numbers, and may have FONT_MAX. */
static uint16_t *font_at(rtf *r, size_t number)
{
    if (number >= r->n_fonts) {
        size_t n = (number / FONT_STEP + 1) * FONT_STEP;
        r->fonts = haul_realloc(r->fonts, n * sizeof(*r->fonts));
        memset(r->fonts + r->n_fonts, 0, (n - r->n_fonts) * sizeof(*r->fonts));
        r->n_fonts = n;
    }
    return &r->fonts[number];
}

static void font_codepage(rtf *r, int64_t cp)
{
    if (top(r)->destination == IN_FONTTBL && r->over == 0 && cp > 0 && cp <= UINT16_MAX &&
        (cp == SYMBOL_CP || haul_codepage_mime((unsigned)cp)))
        *font_at(r, r->entry) = (uint16_t)cp;
}

static void select_font(rtf *r, int64_t number)
{
    uint16_t font = number < 0 || number >= FONT_MAX ? r->default_font : (uint16_t)number;
    if (top(r)->destination == IN_FONTTBL)
        r->entry = font;
    else
        top(r)->font = font;
}

static void document_codepage(rtf *r, int64_t cp)
{
    if (cp > 0 && cp <= UINT16_MAX && haul_codepage_mime((unsigned)cp))
        r->codepage = (unsigned)cp;
}

/* The group becomes `d`, unless it lies in one that is passed over. */
static void enter(rtf *r, destination d)
{
    if (top(r)->destination != IN_NOTHING)
        top(r)->destination = (uint8_t)d;
}

/* "\*" in front of a word that we know: the group is to be read all the same. */
static void enter_as_parent(rtf *r, size_t levels)
{
    top(r)->destination = r->depth > levels ? r->stack[r->depth - 1 - levels].destination : (uint8_t)IN_TEXT;
}

/* \fromhtml1 and \fromtext stand in the header, in front of any text (MS-OXRTFEX 2.2.3.1). */
static void encapsulates(rtf *r, haul_rtf_kind kind)
{
    if (r->kind == HAUL_RTF_REAL && r->to->len == r->start && r->raw.len == 0)
        r->kind = kind;
}

static void pass_over(rtf *r, int64_t n)
{
    size_t left = r->n - r->at;
    r->at += n <= 0 ? 0 : (uint64_t)n < left ? (size_t)n : left;
    if (r->pending)
        r->pending--;
}

/* What changes the state that is not text; `number` is 1 where the word has none (0 for \f and the like). */
static void act_on_state(rtf *r, const word *w, bool has_number, int64_t number)
{
    group *g = top(r);
    bool on = !has_number || number != 0;
    if (w->action == HTMLRTF)
        g->htmlrtf = on && r->kind == HAUL_RTF_HTML;
    else if (w->action == HIDDEN)
        g->hidden = on;
    else if (w->action == PLAIN) {
        g->hidden = false;
        g->font = r->default_font;
    } else if (w->action == UNICODE_SKIP)
        g->skip = (uint8_t)(number < 0 ? 0 : number > (int64_t)SKIP_MAX ? SKIP_MAX : number);
    else if (w->action == CODEPAGE)
        document_codepage(r, w->number);
    else if (w->action == ANSICPG)
        document_codepage(r, number);
    else if (w->action == DEFAULT_FONT && number >= 0 && number < FONT_MAX)
        g->font = r->default_font = (uint16_t)number;
    else if (w->action == FONT)
        select_font(r, number);
    else if (w->action == FONT_CHARSET)
        font_codepage(r, charset_codepage(number));
    else if (w->action == FONT_CPG)
        font_codepage(r, number);
}

static void act_on_group(rtf *r, const word *w)
{
    bool html = r->kind == HAUL_RTF_HTML;
    if (w->action == SKIP || (w->action == LIST_TEXT && html) || w->action == PICTURE)
        top(r)->destination = IN_NOTHING;
    else if (w->action == HTMLTAG)
        enter(r, html ? IN_HTMLTAG : IN_NOTHING);
    else if (w->action == FONTTBL)
        enter(r, IN_FONTTBL);
    else if (w->action == PARENT)
        enter_as_parent(r, 1);
    else if (w->action == UNICODE_TEXT)
        enter_as_parent(r, 2);
    if ((w->action == PICTURE || w->action == OBJECT) && r->kind == HAUL_RTF_REAL)
        r->info->objects = true;
}

static int compare_words(const void *name, const void *entry)
{
    return strcmp(name, ((const word *)entry)->name);
}

static void act(rtf *r, const char *name, bool has_number, int64_t number)
{
    r->fresh = false;
    const word *w = bsearch(name, words, HAUL_COUNT(words), sizeof(*words), compare_words);
    bool starred = r->star;
    r->star = false;
    if (w && w->action == BIN)
        pass_over(r, number);
    if (r->over)
        return;
    if (!w) {
        if (starred) /* "\*": pass over the group if you do not know the word */
            top(r)->destination = IN_NOTHING;
        return;
    }
    if (w->action == TEXT)
        put_text(r, r->kind == HAUL_RTF_HTML ? w->html : w->text);
    else if (w->action == REAL)
        put_text(r, r->kind == HAUL_RTF_REAL ? w->text : NULL);
    else if (w->action == UNICODE)
        put_unicode(r, number);
    else if (w->action == FROMHTML && (!has_number || number != 0))
        encapsulates(r, HAUL_RTF_HTML);
    else if (w->action == FROMTEXT)
        encapsulates(r, HAUL_RTF_TEXT);
    else {
        act_on_state(r, w, has_number, number);
        act_on_group(r, w);
    }
}

/* ── tokens ── */

static int64_t read_number(rtf *r, bool *ret_has)
{
    bool minus = r->at < r->n && r->p[r->at] == '-';
    size_t first = r->at + minus;
    int64_t v = 0;
    if (first >= r->n || !haul_is_digit((unsigned char)r->p[first]))
        return 0;
    for (r->at = first; r->at < r->n && haul_is_digit((unsigned char)r->p[r->at]); r->at++)
        v = v > NUMBER_MAX / 10 ? NUMBER_MAX : v * 10 + (r->p[r->at] - '0');
    *ret_has = true;
    return minus ? -v : v;
}

static void read_word(rtf *r)
{
    char name[WORD_MAX + 1];
    size_t n = 0;
    for (; r->at < r->n && haul_is_alpha((unsigned char)r->p[r->at]); r->at++)
        if (n <= WORD_MAX - 1)
            name[n++] = r->p[r->at];
    name[n] = '\0';
    bool has = false;
    int64_t number = read_number(r, &has);
    if (r->at < r->n && r->p[r->at] == ' ')
        r->at++;
    act(r, name, has, number);
}

static void read_hex(rtf *r)
{
    if (r->n - r->at < 2)
        return;
    int high = haul_hexval((unsigned char)r->p[r->at]), low = haul_hexval((unsigned char)r->p[r->at + 1]);
    if (high < 0 || low < 0)
        return; /* what follows is text then */
    r->at += 2;
    put_character(r, (char)(high << 4 | low));
}

static void read_symbol(rtf *r)
{
    static const word symbols[] = {
        {"~", TEXT, 0, "\xC2\xA0", "&nbsp;"},
        {"_", TEXT, 0, "\xE2\x80\x91", "&shy;"}, /* so says MS-OXRTFEX 2.1.3.1.4.2 of HTML */
        {"-", TEXT, 0, NULL, "&shy;"},
        {"\r", TEXT, 0, "\r\n", "\r\n"}, /* an escaped line end is a \par */
        {"\n", TEXT, 0, "\r\n", "\r\n"},
        {"\t", TEXT, 0, "\t", "\t"},
    };
    char c = r->p[r->at++];
    if (c == '{' || c == '}' || c == '\\') {
        put_character(r, c);
        return;
    }
    if (c == '\'')
        read_hex(r);
    r->star = c == '*' && r->fresh; /* elsewhere it says nothing about the group */
    if (c == '\r' && r->at < r->n && r->p[r->at] == '\n')
        r->at++;
    for (size_t i = 0; i < HAUL_COUNT(symbols); i++)
        if (symbols[i].name[0] == c)
            put_text(r, r->kind == HAUL_RTF_HTML ? symbols[i].html : symbols[i].text);
}

static bool is_text(char c)
{
    return c != '{' && c != '}' && c != '\\' && c != '\r' && c != '\n' && c != '\0';
}

/* Plain characters up to the next token. Line ends are no text. */
static void read_text(rtf *r)
{
    size_t n = 0;
    while (r->at + n < r->n && is_text(r->p[r->at + n]))
        n++;
    if (n == 0 || r->pending) {
        char c = r->p[r->at++];
        if (c != '\r' && c != '\n')
            put_character(r, c);
        return;
    }
    if (is_shown(r))
        put_octets(r, r->p + r->at, n);
    r->fresh = false;
    r->at += n;
}

/* False when the document is over. */
static bool read_token(rtf *r)
{
    if (r->at >= r->n)
        return false;
    char c = r->p[r->at];
    if (c == '{' || c == '}') {
        r->at++;
        if (c == '}')
            return close_group(r);
        open_group(r);
    } else if (c != '\\')
        read_text(r);
    else if (++r->at < r->n) {
        if (haul_is_alpha((unsigned char)r->p[r->at]))
            read_word(r);
        else
            read_symbol(r);
    }
    return true;
}

/* Only blanks and NULs may follow. */
static bool is_over(const rtf *r)
{
    for (size_t i = r->at; i < r->n; i++)
        if (r->p[i] && !strchr(" \t\r\n", r->p[i]))
            return false;
    return r->depth == 0;
}

haul_rtf_kind haul_rtf_extract(const char *p, size_t n, unsigned codepage, haul_str *to, haul_rtf_info *ret)
{
    haul_rtf_info ignored, *info = ret ? ret : &ignored;
    size_t at = 0;
    *info = (haul_rtf_info){0};
    while (at < n && (p[at] == ' ' || p[at] == '\t' || p[at] == '\r' || p[at] == '\n'))
        at++;
    if (n - at < 5 || memcmp(p + at, "{\\rtf", 5) != 0)
        return HAUL_RTF_NONE;
    rtf r = {.p = p, .n = n, .at = at, .to = to, .start = to->len, .kind = HAUL_RTF_REAL, .info = info};
    r.codepage = haul_codepage_mime(codepage) ? codepage : CP_DEFAULT;
    r.stack = haul_alloc(HAUL_RTF_DEPTH_MAX * sizeof(*r.stack));
    open_group(&r);
    r.at++;
    while (read_token(&r)) {
    }
    flush(&r);
    r.info->truncated = !is_over(&r);
    haul_str_done(&r.raw);
    free(r.stack);
    free(r.fonts);
    return r.kind;
}
