/* libxml2 says what is an element, its attributes and text; here is what a line becomes of. docs/mapi.md [mapi-26] */
#include "mime/html.h"

#include "base/charset.h"
#include "base/err.h"
#include "base/utf.h"

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include <stdio.h>
#include <string.h>

#define WORD_MAX      4096u /* ASCII octets without blank, quote or bracket: a picture in a data: URI, no text */
#define LISTS_MAX     8u    /* lists and tables in one another that are told apart */
#define CONDITION_MAX 256u
#define URL_MAX       2048u

typedef enum kind {
    INLINE,
    LINE,
    PARAGRAPH,
    BREAK,
    ITEM,
    ROW,
    CELL,
    LIST,
    TABLE,
    PRE,
    LINK,
    IMAGE,
    HIDDEN
} kind;

typedef struct text {
    haul_str *to;
    size_t begin; /* of what is appended */
    htmlParserCtxtPtr parser;
    unsigned depth, hidden, pre;
    unsigned breaks; /* line ends due before the next text */
    bool blank;      /* a blank is due */
    bool fresh;      /* a cell or list item has just begun: its first paragraph is on the same line */
    unsigned lists, items[LISTS_MAX]; /* numbers of ordered lists, 0 = not ordered */
    unsigned tables, cells[LISTS_MAX];
    bool in_link;
    size_t link; /* where its text begins */
    char url[URL_MAX + 1];
    bool cut;
} text;

static kind kind_of(const xmlChar *name)
{
    static const struct {
        const char *name;
        kind kind;
    } v[] = {{"a", LINK},
             {"address", LINE},
             {"article", LINE},
             {"aside", LINE},
             {"blockquote", PARAGRAPH},
             {"br", BREAK},
             {"caption", LINE},
             {"center", LINE},
             {"dd", LINE},
             {"dir", LIST},
             {"div", LINE},
             {"dl", PARAGRAPH},
             {"dt", LINE},
             {"fieldset", LINE},
             {"figcaption", LINE},
             {"figure", PARAGRAPH},
             {"footer", LINE},
             {"form", LINE},
             {"h1", PARAGRAPH},
             {"h2", PARAGRAPH},
             {"h3", PARAGRAPH},
             {"h4", PARAGRAPH},
             {"h5", PARAGRAPH},
             {"h6", PARAGRAPH},
             {"head", HIDDEN},
             {"header", LINE},
             {"hr", PARAGRAPH},
             {"img", IMAGE},
             {"legend", LINE},
             {"li", ITEM},
             {"listing", PRE},
             {"main", LINE},
             {"menu", LIST},
             {"nav", LINE},
             {"ol", LIST},
             {"option", LINE},
             {"p", PARAGRAPH},
             {"plaintext", PRE},
             {"pre", PRE},
             {"script", HIDDEN},
             {"section", LINE},
             {"style", HIDDEN},
             {"table", TABLE},
             {"td", CELL},
             {"template", HIDDEN},
             {"textarea", PRE},
             {"th", CELL},
             {"title", HIDDEN},
             {"tr", ROW},
             {"ul", LIST},
             {"xmp", PRE}};
    size_t low = 0, high = HAUL_COUNT(v);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = haul_icmp((const char *)name, v[mid].name);
        if (c == 0)
            return v[mid].kind;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return INLINE;
}

static unsigned line_ends(const text *t)
{
    unsigned n = 0;
    for (size_t i = t->to->len; i > t->begin && t->to->p[i - 1] == '\n'; i--)
        n++;
    return n;
}

static void trim(text *t)
{
    while (t->to->len > t->begin && strchr(" \t", t->to->p[t->to->len - 1]))
        t->to->p[--t->to->len] = 0;
}

static void end_line(text *t)
{
    trim(t);
    haul_str_addc(t->to, '\n');
    t->blank = false;
}

/* What is due before anything else is written. Nothing is due at the very beginning. */
static void settle(text *t)
{
    if (t->to->len > t->begin) {
        trim(t);
        for (unsigned have = line_ends(t); have < t->breaks; have++)
            haul_str_addc(t->to, '\n');
    }
    t->breaks = 0;
}

static void want_breaks(text *t, unsigned n)
{
    if (t->fresh)
        return;
    t->breaks = n > t->breaks ? n : t->breaks;
    t->blank = false;
}

static void put(text *t, const char *p, size_t n)
{
    if (t->breaks)
        settle(t);
    if (t->blank && t->to->len > t->begin && !strchr("\n\t ", t->to->p[t->to->len - 1]))
        haul_str_addc(t->to, ' ');
    t->blank = t->fresh = false;
    haul_str_add(t->to, p, n);
}

/* Octets of white space that folds at p; NO-BREAK SPACE is how editors write empty lines and indents. */
static size_t space(const char *p, size_t n)
{
    if (n >= 2 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] == 0xa0)
        return 2;
    return n && (*p == ' ' || (*p <= '\r' && *p >= '\t' && *p != '\v')) ? 1 : 0;
}

static void put_folded(text *t, const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = space(p + i, n - i), from = i;
        if (k) {
            t->blank = true;
            i += k;
            continue;
        }
        while (i < n && !space(p + i, n - i))
            i++;
        put(t, p + from, i - from);
    }
}

static void put_kept(text *t, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\r')
            continue;
        put(t, "", 0);
        if (p[i] == '\n')
            end_line(t);
        else
            haul_str_addc(t->to, p[i]);
    }
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    text *t = ctx;
    if (t->cut || t->hidden || n <= 0)
        return;
    if (t->pre)
        put_kept(t, (const char *)p, (size_t)n);
    else
        put_folded(t, (const char *)p, (size_t)n);
}

static const char *attribute(const xmlChar **v, const char *name)
{
    for (; v && v[0]; v += 2)
        if (v[1] && haul_icmp((const char *)v[0], name) == 0)
            return (const char *)v[1];
    return NULL;
}

static void begin_link(text *t, const xmlChar **attributes)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "mailto:", "tel:"};
    const char *url = attribute(attributes, "href");
    haul_span v = haul_span_trim((haul_span){url ? url : "", url ? strlen(url) : 0});
    t->in_link = false;
    for (size_t i = 0; i < HAUL_COUNT(schemes) && v.len <= URL_MAX; i++)
        t->in_link = t->in_link || haul_istarts(v.p, v.len, schemes[i]);
    for (size_t i = 0; i < v.len && t->in_link; i++)
        t->in_link = (unsigned char)v.p[i] > ' ' && !strchr("<>\"", v.p[i]);
    if (!t->in_link)
        return;
    memcpy(t->url, v.p, v.len);
    t->url[v.len] = 0;
    t->link = t->to->len;
}

/* The address behind the text, unless the text says it: "Join the meeting <https://…>". */
static void end_link(text *t)
{
    char bare[URL_MAX + 1];
    if (!t->in_link)
        return;
    t->in_link = false;
    const char *slashes = strstr(t->url, "://"), *from = slashes ? slashes + 3 : strchr(t->url, ':') + 1;
    size_t n = slashes ? strlen(from) : strcspn(from, "?");
    n -= n && slashes && from[n - 1] == '/';
    memcpy(bare, from, n);
    bare[n] = 0;
    size_t end = t->to->len, at = t->link < end ? t->link : end;
    bool some = at < end;
    while (at < end && !haul_istarts(t->to->p + at, end - at, bare))
        at++;
    if (!n || at < end)
        return;
    t->blank = t->blank || some;
    put(t, "<", 1);
    haul_str_addz(t->to, t->url);
    haul_str_addc(t->to, '>');
}

static void begin_item(text *t)
{
    char mark[16] = "- ";
    unsigned deep = t->lists < LISTS_MAX ? t->lists : LISTS_MAX;
    t->fresh = false;
    want_breaks(t, 1);
    if (deep && t->items[deep - 1])
        snprintf(mark, sizeof mark, "%u. ", t->items[deep - 1]++);
    settle(t);
    for (unsigned i = 1; i < deep; i++)
        haul_str_addz(t->to, "  ");
    haul_str_addz(t->to, mark);
    t->blank = false;
    t->fresh = true;
}

static void begin_cell(text *t)
{
    unsigned deep = t->tables < LISTS_MAX ? t->tables : LISTS_MAX;
    if (!deep || !t->cells[deep - 1]++) {
        settle(t);
    } else {
        t->breaks = 0;
        t->blank = false;
        haul_str_addc(t->to, '\t');
    }
    t->fresh = true;
}

static void begin_list(text *t, bool ordered)
{
    want_breaks(t, t->lists ? 1 : 2);
    if (t->lists++ < LISTS_MAX)
        t->items[t->lists - 1] = ordered;
}

static void begin_table(text *t)
{
    want_breaks(t, 1);
    if (t->tables++ < LISTS_MAX)
        t->cells[t->tables - 1] = 0;
}

static void begin_row(text *t)
{
    want_breaks(t, 1);
    if (t->tables)
        t->cells[(t->tables < LISTS_MAX ? t->tables : LISTS_MAX) - 1] = 0;
}

static void put_image(text *t, const xmlChar **attributes)
{
    const char *alt = attribute(attributes, "alt");
    if (!alt || !alt[strspn(alt, " \t\r\n")])
        return;
    put(t, "[", 1);
    put_folded(t, alt, strlen(alt));
    t->blank = false;
    put(t, "]", 1);
}

static void begin_shown(text *t, kind k, const xmlChar *name, const xmlChar **attributes)
{
    switch (k) {
    case LINE:
        want_breaks(t, 1);
        break;
    case PARAGRAPH:
        want_breaks(t, 2);
        break;
    case BREAK:
        put(t, "", 0);
        end_line(t);
        break;
    case ITEM:
        begin_item(t);
        break;
    case ROW:
        begin_row(t);
        break;
    case CELL:
        begin_cell(t);
        break;
    case LIST:
        begin_list(t, haul_icmp((const char *)name, "ol") == 0);
        break;
    case TABLE:
        begin_table(t);
        break;
    case PRE:
        want_breaks(t, 2);
        t->pre++;
        break;
    case LINK:
        begin_link(t, attributes);
        break;
    case IMAGE:
        put_image(t, attributes);
        break;
    default:
        break;
    }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
    text *t = ctx;
    kind k = kind_of(name);
    if (t->cut)
        return;
    if (++t->depth > HAUL_HTML_DEPTH) {
        t->cut = true;
        xmlStopParser(t->parser);
    } else if (k == HIDDEN) {
        t->hidden++;
    } else if (!t->hidden) {
        begin_shown(t, k, name, attributes);
    }
}

static void end_shown(text *t, kind k)
{
    switch (k) {
    case ITEM:
    case ROW:
        t->fresh = false;
        want_breaks(t, 1);
        break;
    case LINE:
        want_breaks(t, 1);
        break;
    case PRE:
        t->pre -= t->pre > 0;
        want_breaks(t, 2);
        break;
    case PARAGRAPH:
        want_breaks(t, 2);
        break;
    case LIST:
        t->lists -= t->lists > 0;
        t->fresh = false;
        want_breaks(t, t->lists ? 1 : 2);
        break;
    case TABLE:
        t->tables -= t->tables > 0;
        t->fresh = false;
        want_breaks(t, 1);
        break;
    case LINK:
        end_link(t);
        break;
    default:
        break;
    }
}

static void on_end(void *ctx, const xmlChar *name)
{
    text *t = ctx;
    kind k = kind_of(name);
    t->depth -= t->depth > 0;
    if (t->cut)
        return;
    if (k == HIDDEN)
        t->hidden -= t->hidden > 0;
    else if (!t->hidden)
        end_shown(t, k);
}

/* "<![if !vml]>" and "<![endif]>", which show to everybody what lies between them: marks to Word, text to libxml2. */
static size_t condition(const char *p, size_t n)
{
    static const char end[] = "<![endif]>";
    if (*p != '<')
        return 0;
    if (haul_istarts(p, n, end))
        return sizeof end - 1;
    const char *close =
        haul_istarts(p, n, "<![if ") ? memchr(p, '>', n < CONDITION_MAX ? n : CONDITION_MAX) : NULL;
    return close ? (size_t)(close - p) + 1 : 0;
}

static bool ends_word(unsigned char c)
{
    return c <= ' ' ? !c || c == ' ' || c == '\t' || c == '\r' || c == '\n'
                    : c >= 128 || c == '"' || c == '<' || c == '>' || (c >= '\'' && c <= ')');
}

/* libxml2 compares each attribute of a tag with all before it, so that time grows with the square of what it is
 * given: embedded pictures are left out before the size is bounded. False: it was cut. */
static bool prepare(unsigned cp, const char *p, size_t n, haul_str *to)
{
    haul_auto_str whole = {0};
    bool all = n <= 16u * HAUL_HTML_TEXT_MAX;
    haul_str_addz(to, "<html><body>"); /* else libxml2 puts text that stands alone into a paragraph */
    haul_charset_decode(cp, p, all ? n : 16u * HAUL_HTML_TEXT_MAX, &whole);
    for (size_t i = 0, word = 0; i < whole.len; i = word) {
        for (word = i; word < whole.len && !ends_word((unsigned char)whole.p[word]);)
            word++;
        size_t mark = condition(whole.p + i, whole.len - i);
        if (mark) {
            word = i + mark;
            continue;
        }
        word += word == i;
        if (word - i > WORD_MAX)
            continue;
        if (to->len + (word - i) > HAUL_HTML_TEXT_MAX)
            return false;
        haul_str_add(to, whole.p + i, word - i);
    }
    return all;
}

void haul_html_preload(void)
{
    xmlInitParser();
}

bool haul_html_text(unsigned cp, const char *p, size_t n, haul_str *to)
{
    static const int options = HTML_PARSE_RECOVER | HTML_PARSE_NODEFDTD | HTML_PARSE_NOERROR |
                               HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC;
    haul_auto_str html = {0};
    text t = {.to = to, .begin = to->len, .cut = !prepare(cp, p, n, &html)};
    bool whole = !t.cut;
    t.cut = false;
    t.parser = htmlNewParserCtxt();
    if (!t.parser)
        haul_oom();
    *t.parser->sax = (xmlSAXHandler){.startElement = on_start,
                                     .endElement = on_end,
                                     .characters = on_text,
                                     .ignorableWhitespace = on_text};
    t.parser->userData = &t;
    xmlFreeDoc(htmlCtxtReadMemory(t.parser, html.p, (int)html.len, NULL, "UTF-8", options));
    htmlFreeParserCtxt(t.parser);
    while (to->len > t.begin && strchr(" \t\n", to->p[to->len - 1]))
        to->p[--to->len] = 0;
    return whole && !t.cut;
}
