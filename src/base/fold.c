#include "base/fold.h"

#include "base/attr.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define CACHED   0x10000u /* characters whose folding is remembered */
#define KNOWN    0x80000000u
#define MANY     0x40000000u /* becomes none, or more than one */
#define HANGUL   0xac00u
#define HANGUL_Z 0xd7a3u

#define CHEROKEE                                                                                             \
    0x13a0u /* capitals, to which Unicode folds the small letters; GLib turns them into each other */
#define CHEROKEE_Z 0x13f5u

typedef struct range {
    uint32_t first, last;
} range;

/* Blocks of scripts that put no blanks between words. */
static const range alone[] = {
    {0x0e00, 0x0fff}, {0x1000, 0x109f}, {0x1780, 0x17ff},   {0x19e0, 0x1aaf},
    {0x2e80, 0x2fdf}, {0x3005, 0x3007}, {0x3021, 0x302f},   {0x3040, 0x312f},
    {0x31a0, 0x31bf}, {0x31f0, 0x31ff}, {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},
    {0xf900, 0xfaff}, {0xff66, 0xff9f}, {0x1b000, 0x1b16f}, {0x20000, 0x3ffff},
};

static size_t take_apart(uint32_t cp, uint32_t *to, size_t room)
{
    if (cp >= HANGUL && cp <= HANGUL_Z) {
        *to = cp;
        return 1;
    }
    return g_unichar_fully_decompose(cp, FALSE, to, room);
}

static size_t fold(uint32_t cp, uint32_t to[HAUL_FOLD_MAX])
{
    char text[6];
    size_t n = 0;
    if (!g_unichar_validate(cp) || g_unichar_type(cp) == G_UNICODE_CONTROL) {
        *to = ' ';
        return 1;
    }
    if (g_unichar_type(cp) == G_UNICODE_FORMAT)
        return 0;
    if (g_unichar_isspace(cp)) {
        *to = ' ';
        return 1;
    }
    if (cp >= CHEROKEE && cp <= CHEROKEE_Z) {
        *to = cp;
        return 1;
    }
    char *folded = g_utf8_casefold(text, g_unichar_to_utf8(cp, text));
    for (char *p = folded; *p && n < HAUL_FOLD_MAX; p = g_utf8_next_char(p)) {
        size_t got = take_apart(g_utf8_get_char(p), to + n, HAUL_FOLD_MAX - n);
        n = got < HAUL_FOLD_MAX - n ? n + got : HAUL_FOLD_MAX;
    }
    g_free(folded);
    return n;
}

size_t haul_fold(uint32_t cp, uint32_t to[HAUL_FOLD_MAX])
{
    static _Thread_local uint32_t cache[CACHED]; /* a hundred megabytes of text go through here */
    if (cp >= CACHED)
        return fold(cp, to);
    if (!(cache[cp] & KNOWN)) {
        size_t n = fold(cp, to);
        cache[cp] = KNOWN | (n == 1 ? *to : MANY);
        return n;
    }
    if (cache[cp] & MANY)
        return fold(cp, to);
    *to = cache[cp] & ~KNOWN;
    return 1;
}

static bool is_alone(uint32_t cp)
{
    for (size_t i = 0; i < HAUL_COUNT(alone) && cp >= alone[i].first; i++)
        if (cp <= alone[i].last)
            return true;
    return false;
}

haul_letter haul_letter_of(uint32_t cp)
{
    if (cp < 0x80)
        return g_ascii_isalnum((char)cp) ? HAUL_LETTER_WORD : HAUL_LETTER_NONE;
    switch (g_unichar_type(cp)) {
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_NON_SPACING_MARK:
        return HAUL_LETTER_MARK;
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
        return is_alone(cp) ? HAUL_LETTER_ALONE : HAUL_LETTER_WORD;
    default:
        return HAUL_LETTER_NONE;
    }
}
