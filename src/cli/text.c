#include "cli/text.h"

#include "base/utf.h"
#include "io/out.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Controls, and the characters of Unicode's bidirectional algorithm that reorder what follows them. */
static const range unsafe[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200e, 0x200f},
                               {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};
/* East Asian Width W and F, in blocks (UAX #11). */
static const range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                             {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                             {0x1f300, 0x1f64f}, {0x1f680, 0x1faff}, {0x20000, 0x3fffd}};
static const range combining[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
                                  {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

static bool in_ranges(uint32_t cp, const range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cp >= r[i].first && cp <= r[i].last)
            return true;
    return false;
}

void haul_text_clean(haul_str *to, const char *z)
{
    size_t len = strlen(z), n = 0;
    for (size_t i = 0; i < len; i += n ? n : 1) {
        uint32_t cp = 0;
        n = haul_utf8_next(z + i, len - i, &cp);
        if (!n || in_ranges(cp, unsafe, HAUL_COUNT(unsafe)))
            haul_utf8_add(to, 0xfffd);
        else
            haul_str_add(to, z + i, n);
    }
}

/* Columns of the first character at z; its length in octets to *ret_n. */
static size_t one_column(const char *z, size_t len, size_t *ret_n)
{
    uint32_t cp = 0xfffd;
    size_t n = haul_utf8_next(z, len, &cp);
    *ret_n = n ? n : 1;
    if (in_ranges(cp, combining, HAUL_COUNT(combining)))
        return 0;
    return in_ranges(cp, wide, HAUL_COUNT(wide)) ? 2 : 1;
}

size_t haul_text_columns(const char *z, size_t len)
{
    size_t columns = 0, n = 0;
    for (size_t i = 0; i < len; i += n)
        columns += one_column(z + i, len - i, &n);
    return columns;
}

size_t haul_text_fit(const char *z, size_t len, size_t columns)
{
    size_t i = 0, n = 0, used = 0;
    for (; i < len; i += n) {
        used += one_column(z + i, len - i, &n);
        if (used > columns)
            break;
    }
    return i < len ? i : len;
}

static void blanks(haul_str *to, size_t n)
{
    while (n--)
        haul_str_addc(to, ' ');
}

void haul_text_cell(haul_str *to, const char *z, size_t columns, bool right)
{
    haul_auto_str clean = {0};
    haul_text_clean(&clean, z);
    size_t used = haul_text_columns(haul_strz(&clean), clean.len);
    size_t pad = used < columns ? columns - used : 0;
    blanks(to, right ? pad : 0);
    haul_str_add(to, haul_strz(&clean), clean.len);
    blanks(to, right ? 0 : pad);
}

void haul_text_duration(haul_str *to, uint64_t seconds)
{
    unsigned long long hours = seconds / 3600;
    unsigned minutes = (unsigned)(seconds / 60 % 60), rest = (unsigned)(seconds % 60);
    if (hours)
        haul_str_addf(to, "%llu:%02u:%02u", hours, minutes, rest);
    else
        haul_str_addf(to, "%u:%02u", minutes, rest);
}

/* Octets of the word at text that go on one line: all of it, or, of choices that are too many for one, up to a '|'. */
static size_t word_len(const char *text, size_t room)
{
    size_t len = strcspn(text, " "), cut = len;
    while (cut && haul_text_columns(text, cut) > room)
        for (cut--; cut && text[cut - 1] != '|'; cut--)
            ;
    return cut ? cut : len;
}

void haul_text_wrap(haul_str *to, const char *text, size_t at, size_t indent, size_t width)
{
    bool fresh = true, broken = false;
    while (*text) {
        size_t len = word_len(text, width - indent), columns = haul_text_columns(text, len);
        if (broken || (!fresh && at + 1 + columns > width)) {
            haul_str_addc(to, '\n');
            blanks(to, indent);
            at = indent;
            fresh = true;
        }
        if (!fresh)
            haul_str_addc(to, ' ');
        haul_str_add(to, text, len);
        at += columns + !fresh;
        fresh = false;
        text += len;
        broken = *text && *text != ' ';
        text += strspn(text, " ");
    }
    haul_str_addc(to, '\n');
}

void haul_table_cell(haul_table *t, const char *z)
{
    haul_str_addz(&t->cells, z);
    haul_str_addc(&t->cells, '\0');
    t->n++;
}

void haul_table_number(haul_table *t, uint64_t n)
{
    haul_auto_str s = {0};
    haul_text_number(&s, n);
    haul_table_cell(t, haul_strz(&s));
}

void haul_table_size(haul_table *t, uint64_t octets)
{
    haul_auto_str s = {0};
    haul_text_size(&s, octets);
    haul_table_cell(t, haul_strz(&s));
}

void haul_table_print(haul_table *t, haul_str *to)
{
    size_t width[HAUL_TABLE_COLUMNS] = {0};
    const char *z = haul_strz(&t->cells);
    for (size_t i = 0; i < t->n; i++, z += strlen(z) + 1) {
        size_t w = haul_text_columns(z, strlen(z)), c = i % t->columns;
        width[c] = w > width[c] ? w : width[c];
    }
    z = haul_strz(&t->cells);
    for (size_t i = 0; i < t->n; i++, z += strlen(z) + 1) {
        size_t c = i % t->columns;
        bool right = t->right >> c & 1u, last = c + 1 == t->columns;
        blanks(to, c ? 2 : t->indent);
        haul_text_cell(to, z, last && !right ? 0 : width[c], right);
        while (last && to->len && to->p[to->len - 1] == ' ')
            to->p[--to->len] = '\0';
        if (last)
            haul_str_addc(to, '\n');
    }
    haul_str_clear(&t->cells);
    t->n = 0;
}

haul_rc haul_print(const haul_str *s, haul_err *e)
{
    return haul_write_all(STDOUT_FILENO, haul_strz(s), s->len, "standard output", e);
}

haul_rc haul_print_json(const json_t *j, haul_err *e)
{
    haul_auto_str s = {0};
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (!text)
        haul_oom();
    haul_str_addz(&s, text);
    haul_str_addc(&s, '\n');
    free(text);
    return haul_print(&s, e);
}

void haul_complain(const char *text)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, "mailhaul: ");
    haul_text_clean(&s, text);
    haul_str_addc(&s, '\n');
    haul_rc rc = haul_write_all(STDERR_FILENO, s.p, s.len, "standard error", NULL);
    (void)rc; /* there is nobody left to tell */
}
