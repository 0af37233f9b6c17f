#include "base/figures.h"
#include "base/utf.h"
#include "pipe/page_parts.h"

#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Shown by number: controls, what turns the direction of writing, separators of lines, what XML 1.0 cannot hold. */
static const range named[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x061c, 0x061c},
                              {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
                              {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}};

static bool is_named(uint32_t cp)
{
    for (size_t i = 0; i < HAUL_COUNT(named); i++)
        if (cp >= named[i].first && cp <= named[i].last)
            return true;
    return cp > 0xffff && (cp & 0xfffe) == 0xfffe;
}

static void show(haul_str *to, uint32_t cp, bool markup)
{
    haul_str_addf(to, markup ? "<span class='ctl'>U+%04X</span>" : "U+%04X", (unsigned)cp);
}

static bool escape(haul_str *to, char c)
{
    const char *z = c == '&'    ? "&amp;"
                    : c == '<'  ? "&lt;"
                    : c == '>'  ? "&gt;"
                    : c == '"'  ? "&quot;"
                    : c == '\'' ? "&#39;"
                                : NULL;
    if (z)
        haul_str_addz(to, z);
    return z != NULL;
}

static void add_text(haul_str *to, const char *p, size_t n, bool markup)
{
    size_t shown = n > HAUL_PAGE_TEXT_MAX ? haul_utf8_cut(p, n, HAUL_PAGE_TEXT_MAX) : n, len = 0;
    for (size_t i = 0; i < shown; i += len ? len : 1) {
        uint32_t cp = 0xfffd;
        len = haul_utf8_next(p + i, shown - i, &cp);
        if (!len)
            haul_utf8_add(to, 0xfffd);
        else if (is_named(cp))
            show(to, cp, markup);
        else if (!escape(to, p[i]))
            haul_str_add(to, p + i, len);
    }
    if (shown < n)
        haul_str_addz(to, "…");
}

void haul_page_text(haul_str *to, const char *p, size_t n)
{
    add_text(to, p, n, true);
}

void haul_page_plain(haul_str *to, const char *p, size_t n)
{
    add_text(to, p, n, false);
}

void haul_page_bdiz(haul_str *to, const char *z)
{
    haul_str_addz(to, "<bdi>");
    haul_page_text(to, z, strlen(z));
    haul_str_addz(to, "</bdi>");
}

void haul_page_bdi(haul_str *to, const json_t *o, const char *key)
{
    const json_t *text = json_object_get(o, key);
    if (!json_string_length(text))
        return;
    haul_str_addz(to, "<bdi>");
    haul_page_text(to, json_string_value(text), json_string_length(text));
    haul_str_addz(to, "</bdi>");
}

void haul_page_number(haul_str *to, uint64_t n)
{
    haul_str_addf(to, "<data value='%llu'>", (unsigned long long)n);
    haul_text_number(to, n);
    haul_str_addz(to, "</data>");
}

void haul_page_size(haul_str *to, uint64_t octets)
{
    haul_str_addf(to, "<data value='%llu'>", (unsigned long long)octets);
    haul_text_size(to, octets);
    haul_str_addz(to, "</data>");
}

void haul_page_date(haul_str *to, const char *iso)
{
    haul_str_addz(to, "<time datetime='");
    haul_page_plain(to, iso, strlen(iso));
    haul_str_addz(to, "'>");
    haul_page_plain(to, iso, strcspn(iso, "T"));
    haul_str_addz(to, "</time>");
}

void haul_page_section(haul_str *to, const char *id, const char *heading)
{
    haul_str_addf(to, "\n<section id='%s' aria-labelledby='%s-h'>\n<h2 id='%s-h'>%s</h2>\n", id, id, id,
                  heading);
}

void haul_page_section_end(haul_str *to)
{
    haul_str_addz(to, "</section>\n");
}

void haul_page_table(haul_str *to, const char *class, const char *label, const char *caption)
{
    haul_str_addf(to,
                  "<div class='box' role='region' tabindex='0' aria-label='%s'>\n<table "
                  "class='%s'>\n<caption>%s</caption>\n",
                  label, class, caption);
}

void haul_page_table_end(haul_str *to)
{
    haul_str_addz(to, "</table>\n</div>\n");
}

void haul_page_more(haul_str *to, uint64_t total, uint64_t shown, const char *what, const char *file)
{
    if (total <= shown)
        return;
    haul_str_addz(to, "<p class='more'>… and ");
    haul_page_number(to, total - shown);
    haul_str_addf(to, " more%s%s%s%s.</p>\n", *what ? " " : "", what, file ? " in " : "", file ? file : "");
}

void haul_page_percent(haul_str *to, uint64_t part, uint64_t of)
{
    while (of >> 44) { /* no overflow below; what is cut off is no thousandth */
        part >>= 1;
        of >>= 1;
    }
    uint64_t n = of ? (part * 100000 + of / 2) / of : 0;
    haul_str_addf(to, "%u.%03u%%", (unsigned)(n / 1000), (unsigned)(n % 1000));
}
