/* Text as it is compared: without case, marks taken apart, and where words begin and end. Not for storing: what is
 * folded is no longer what somebody wrote. docs/cli.md, "Key words". */
#ifndef HAUL_BASE_FOLD_H
#define HAUL_BASE_FOLD_H

#include <stddef.h>
#include <stdint.h>

#define HAUL_FOLD_MAX                                                                                        \
    18u /* code points that one character becomes: three by case, each of them taken apart */

/* The folded form of a character: Unicode's full case folding (ß → ss, Σ and ς → σ, İ → i and U+0307, whatever the language),
 * then its canonical decomposition, Hangul aside. Every white space is a blank. 0: it is no more than a hint for the
 * layout (soft hyphen, joiners; general category Cf) and is passed over. Returns how many are in `to`. */
size_t haul_fold(uint32_t cp, uint32_t to[HAUL_FOLD_MAX]);

typedef enum haul_letter {
    HAUL_LETTER_NONE, /* blanks, punctuation, symbols, controls */
    HAUL_LETTER_WORD, /* letters and numbers */
    HAUL_LETTER_ALONE, /* of scripts that put no blanks between words (Han, Kana, Thai …): a word may end beside it */
    HAUL_LETTER_MARK, /* belongs to the character before it */
} haul_letter;
haul_letter haul_letter_of(uint32_t cp);

#endif
