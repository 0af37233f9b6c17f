/* The table of code pages, for charset.c. */
#ifndef HAUL_BASE_CODEPAGE_H
#define HAUL_BASE_CODEPAGE_H

#include "base/charset.h"

typedef enum haul_codepage_kind {
    HAUL_CP_SINGLE,   /* 0x00 to 0x7f are ASCII, each octet a character; iconv */
    HAUL_CP_DOUBLE,   /* ASCII likewise at the start of a character, others take two octets or more; iconv */
    HAUL_CP_STATEFUL, /* an ASCII octet need not mean itself; iconv */
    HAUL_CP_WIDE,     /* units of two octets; iconv */
    HAUL_CP_QUAD,     /* units of four octets; iconv */
    HAUL_CP_UTF16LE,
    HAUL_CP_UTF8,
    HAUL_CP_TABLE, /* as SINGLE, but unknown to iconv: a table of ours */
    HAUL_CP_JIS,   /* ISO-2022-JP with all that Windows puts into it */
    HAUL_CP_HZ,    /* RFC 1843 */
} haul_codepage_kind;

typedef struct haul_codepage {
    unsigned number;
    haul_codepage_kind kind;
    const char *iconv, *mime, *names;
} haul_codepage;

#define HAUL_CODEPAGE(number, kind, iconv, mime, names) +1
enum {
    HAUL_CODEPAGE_COUNT = 0
#include "base/codepage.def"
};
#undef HAUL_CODEPAGE

extern const haul_codepage haul_codepages[HAUL_CODEPAGE_COUNT]; /* by number */

/* Its place in haul_codepages; HAUL_CODEPAGE_COUNT when unknown. */
size_t haul_codepage_index(unsigned cp);
/* What the octets 0x80 to 0xff stand for: 128 code points, 0 = undefined; NULL when it is no TABLE. */
const uint16_t *haul_codepage_table(unsigned cp);

#endif
