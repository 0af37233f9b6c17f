#include "mime/lzfu.h"

#include <string.h>
#include <zlib.h>

#define HEADER     16u
#define COMPRESSED 0x75465a4cu /* "LZFu" */
#define RAW        0x414c454du /* "MELA" */
#define WINDOW     4096u
#define RUN_MAX    (8u * 17u) /* octets that one control octet can stand for */

/* MS-OXRTFCP 2.1.3.1.3: what the dictionary holds at first. */
static const char START[] =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    "\\fdecor MS "
    "Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    "\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

typedef struct lzfu {
    const uint8_t *p;
    size_t n, at;
    char window[WINDOW];
    size_t write;
    bool ended; /* the mark of the end was seen */
} lzfu;

/* One octet into the window and out; there is room for it. */
static void put(lzfu *z, haul_str *to, char c)
{
    z->window[z->write] = c;
    z->write = (z->write + 1) % WINDOW;
    to->p[to->len++] = c;
}

/* A reference: 12 bits of offset, 4 of length, big-endian (2.1.3.1.5). To where writing goes on is the end. */
static void copy(lzfu *z, haul_str *to)
{
    size_t from = (size_t)z->p[z->at] << 4 | z->p[z->at + 1] >> 4;
    size_t length = (z->p[z->at + 1] & 15u) + 2u;
    z->at += 2;
    z->ended = from == z->write;
    if (z->ended)
        return;
    size_t write = z->write; /* in variables of its own: what is stored may be anything to the compiler */
    char *at = to->p + to->len;
    for (size_t i = 0; i < length; i++) {
        at[i] = z->window[write] = z->window[(from + i) % WINDOW];
        write = (write + 1) % WINDOW;
    }
    z->write = write;
    to->len += length;
}

/* A control octet and the up to eight tokens that it tells apart. False at the end of the input. */
static bool run(lzfu *z, haul_str *to)
{
    if (z->at >= z->n)
        return false;
    unsigned control = z->p[z->at++];
    haul_str_room(to, RUN_MAX);
    for (unsigned bit = 0; bit < 8 && !z->ended; bit++) {
        bool reference = control >> bit & 1;
        if (z->n - z->at < (reference ? 2u : 1u))
            return false;
        if (reference)
            copy(z, to);
        else
            put(z, to, (char)z->p[z->at++]);
    }
    return !z->ended;
}

static bool unpack(const uint8_t *p, size_t n, haul_str *to)
{
    lzfu z = {.p = p, .n = n, .at = HEADER, .write = sizeof(START) - 1};
    size_t most = to->len + HAUL_RTF_MAX - RUN_MAX;
    memcpy(z.window, START, sizeof(START) - 1);
    memset(z.window + sizeof(START) - 1, ' ', WINDOW - (sizeof(START) - 1));
    haul_str_room(to, n); /* what was packed is no shorter */
    while (to->len <= most && run(&z, to)) {
    }
    to->p[to->len] = '\0';
    return z.ended;
}

/* CRC-32 that starts with 0 and is not inverted (MS-OXRTFCP 2.1.3.2); zlib inverts before and after. */
static uint32_t checksum(const uint8_t *p, size_t n)
{
    return ~(uint32_t)crc32(0xFFFFFFFFu, p, (uInt)n);
}

/* Outlook wrote sizes that are off by some octets: the sum may be over what the size says or over all. */
static bool checks(const uint8_t *p, size_t n)
{
    uint64_t end = (uint64_t)little32(p) + 4;
    uint32_t crc = little32(p + 12);
    if (end > HEADER && end < n && checksum(p + HEADER, (size_t)end - HEADER) == crc)
        return true;
    return checksum(p + HEADER, n - HEADER) == crc;
}

static haul_lzfu decode_packed(const uint8_t *p, size_t n, haul_str *to)
{
    size_t start = to->len, raw = little32(p + 4);
    bool ended = unpack(p, n, to);
    if (!ended && to->len - start > raw) { /* no mark of the end: what follows is padding */
        to->len = start + raw;
        to->p[to->len] = '\0';
    }
    if (to->len - start != raw)
        return HAUL_LZFU_SHORT;
    return checks(p, n) ? HAUL_LZFU_OK : HAUL_LZFU_CRC;
}

static haul_lzfu decode_raw(const uint8_t *p, size_t n, haul_str *to)
{
    size_t raw = little32(p + 4), have = n - HEADER < HAUL_RTF_MAX ? n - HEADER : HAUL_RTF_MAX;
    haul_str_add(to, p + HEADER, raw < have ? raw : have);
    /* Some writers count 12 octets of the header in RAWSIZE as in COMPSIZE. */
    bool whole = raw <= have || (raw == have + 12 && (uint64_t)little32(p) + 4 == n);
    return whole ? HAUL_LZFU_OK : HAUL_LZFU_SHORT;
}

haul_lzfu haul_lzfu_decode(const void *octets, size_t n, haul_str *to)
{
    const uint8_t *p = octets;
    if (n < HEADER || n > UINT32_MAX)
        return HAUL_LZFU_BAD;
    uint32_t kind = little32(p + 8);
    if (kind == RAW)
        return decode_raw(p, n, to);
    return kind == COMPRESSED ? decode_packed(p, n, to) : HAUL_LZFU_BAD;
}
