#include "pst_make/bulk_text.h"

#include "base/utf.h"
#include "pst_make/le.h"

#include <string.h>

#define ASCII_WORDS 37u /* of the list; the others come behind them */

static const char *const words[] = {
    "the",      "harbour", "of",     "lantern", "and",    "signal", "for",    "keeper", "a",        "vessel",
    "to",       "report",  "tide",   "with",    "rope",   "from",   "anchor", "budget", "invoice",  "meeting",
    "cargo",    "on",      "is",     "crane",   "winter", "store",  "at",     "ledger", "schedule", "review",
    "manifest", "draft",   "answer", "by",      "please", "new",    "quay",   "Größe",  "naïve",    "Müller",
};
static const char *const first[] = {"Ada",  "Ben",  "Cleo", "Dora", "Emil",  "Frida", "Gus", "Hanna",
                                    "Ivo",  "Jana", "Karl", "Lena", "Mikko", "Nora",  "Oto", "Pia",
                                    "Quin", "Rosa", "Sven", "Tove", "Ugo",   "Vera",  "Wim", "Yara"};
static const char *const last[] = {"Keeper", "Lightkeeper", "Boatwright", "Cooper", "Fisher",
                                   "Mason",  "Pilot",       "Ropemaker",  "Sailor", "Tidewater"};
static const char *const domains[] = {"harbour.example", "lighthouse.example", "wharf.example",
                                      "office.harbour.example", "quay.example"};

unsigned haul_bulk_below(uint64_t *state, unsigned n)
{
    return (unsigned)(haul_mix64(state) % n);
}

/* The sum of twelve even numbers is near enough to normal; powers of two between whole ones are taken as straight. */
uint64_t haul_bulk_size(uint64_t *state, uint64_t median, unsigned spread)
{
    int64_t z = -6 * 65536;
    for (unsigned i = 0; i < 12; i++)
        z += (int64_t)(haul_mix64(state) & 0xffff);
    int64_t doublings = z * (int64_t)spread / 16 + (int64_t)32 * 65536; /* never negative */
    uint64_t whole = (uint64_t)doublings >> 16, part = (uint64_t)doublings & 0xffff;
    uint64_t n = median * (65536 + part) >> 16;
    return whole >= 32 ? n << (whole - 32) : n >> (32 - whole);
}

const char *haul_bulk_word(uint64_t *state, bool ascii)
{
    return words[haul_bulk_below(state, ascii ? ASCII_WORDS : HAUL_COUNT(words))];
}

haul_bulk_person haul_bulk_someone(uint64_t *state, haul_arena *a)
{
    const char *f = first[haul_bulk_below(state, HAUL_COUNT(first))];
    const char *l = last[haul_bulk_below(state, HAUL_COUNT(last))];
    const char *d = domains[haul_bulk_below(state, HAUL_COUNT(domains))];
    return (haul_bulk_person){.name = haul_arena_printf(a, "%s %s", f, l),
                              .address = haul_arena_printf(a, "%s.%s@%s", f, l, d)};
}

void haul_bulk_bodies(uint64_t *state, size_t octets, haul_str *plain, haul_str *html)
{
    haul_str_clear(plain);
    haul_str_clear(html);
    haul_str_addz(html, "<html><head><meta charset=\"utf-8\"></head><body>\r\n");
    while (plain->len < octets) {
        haul_str_addz(html, "<p style=\"margin:0cm;font-size:11.0pt;font-family:Calibri\">");
        for (unsigned i = 0, n = 8 + haul_bulk_below(state, 10); i < n; i++) {
            const char *w = haul_bulk_word(state, false);
            haul_str_addf(plain, "%s%s", i ? " " : "", w);
            haul_str_addf(html, i % 4 ? "%s " : "<b>%s</b> ", w);
        }
        haul_str_addz(plain, ".\r\n");
        haul_str_addz(html, "<o:p></o:p></p>\r\n");
    }
    haul_str_addz(html, "</body></html>\r\n");
}

/* Other letters as numbers, with a question mark for readers that know none. */
static void add_rtf_word(haul_str *to, const char *w)
{
    for (size_t left = strlen(w), n; left; w += n, left -= n) {
        uint32_t cp = 0;
        n = haul_utf8_next(w, left, &cp);
        if (cp < 0x80)
            haul_str_add(to, w, n);
        else
            haul_str_addf(to, "\\u%u?", (unsigned)cp);
    }
}

void haul_bulk_rtf(uint64_t *state, size_t octets, haul_str *plain, haul_str *rtf)
{
    haul_str_clear(plain);
    haul_str_clear(rtf);
    haul_str_addz(rtf, "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fswiss "
                       "Calibri;}}\r\n\\uc1\\pard\\plain\\f0\\fs22 ");
    while (plain->len < octets) {
        for (unsigned i = 0, n = 8 + haul_bulk_below(state, 10); i < n; i++) {
            const char *w = haul_bulk_word(state, false);
            haul_str_addf(plain, "%s%s", i ? " " : "", w);
            haul_str_addz(rtf, i ? " " : "");
            add_rtf_word(rtf, w);
        }
        haul_str_addz(plain, ".\r\n");
        haul_str_addz(rtf, ".\\par\r\n");
    }
    haul_str_addz(rtf, "}");
}

void haul_bulk_figures(uint64_t *state, haul_str *to)
{
    haul_str_addf(to, "%s;%u;%s;%u.%02u\r\n", haul_bulk_word(state, true), haul_bulk_below(state, 100000),
                  haul_bulk_word(state, true), haul_bulk_below(state, 10000), haul_bulk_below(state, 100));
}
