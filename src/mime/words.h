/* RFC 2047 words that stand side by side. */
#ifndef HAUL_MIME_WORDS_H
#define HAUL_MIME_WORDS_H

#include "base/str.h"

/* Make one word of adjacent B words in one character set wherever padding ends one of them within: GMime decodes such a row as one
 * base64 text, and loses what comes after the padding. Words that divide a character between them stay together. */
void haul_words_join(haul_str *io);

#endif
