#include "pst_make/rtfz.h"

#include "pst/ndb.h"
#include "pst_make/le.h"

#include <string.h>

#define WINDOW    4096u
#define MATCH_MAX 17u
#define HEADER    16u

/* What the window holds at the start (MS-OXRTFCP 2.1.3.1.2). */
static const char first[] =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss "
    "\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier"
    "{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

typedef struct packer {
    uint8_t window[WINDOW];
    size_t at, filled; /* write position; octets that were ever written */
    haul_str *to;
    size_t control; /* offset of the open control octet in `to` */
    unsigned bit;   /* 8 = none open */
} packer;

static void keep(packer *p, uint8_t c)
{
    p->window[p->at] = c;
    p->at = (p->at + 1) % WINDOW;
    p->filled += p->filled < WINDOW;
}

/* The longest match for the n octets at `from` that ends before the write position. */
static size_t longest(const packer *p, const char *from, size_t n, size_t *ret_at)
{
    size_t best = 0, max = n < MATCH_MAX ? n : MATCH_MAX;
    for (size_t s = 0; s < p->filled && best < max; s++) {
        size_t start = p->filled < WINDOW ? s : (p->at + s) % WINDOW, len = 0;
        while (len < max && (start + len) % WINDOW != p->at &&
               p->window[(start + len) % WINDOW] == (uint8_t)from[len])
            len++;
        if (len > best) {
            best = len;
            *ret_at = start;
        }
    }
    return best;
}

static void token(packer *p, bool reference)
{
    if (p->bit == 8) {
        p->control = p->to->len;
        haul_str_addc(p->to, 0);
        p->bit = 0;
    }
    if (reference)
        p->to->p[p->control] = (char)(p->to->p[p->control] | 1 << p->bit);
    p->bit++;
}

static void reference(packer *p, size_t at, size_t len)
{
    size_t v = at << 4 | (len - 2);
    token(p, true);
    haul_str_addc(p->to, (char)(v >> 8)); /* big-endian */
    haul_str_addc(p->to, (char)(v & 0xff));
}

static void pack(haul_str *to, const char *rtf, size_t n)
{
    packer p = {.to = to, .bit = 8};
    for (size_t i = 0; i < sizeof(first) - 1; i++)
        keep(&p, (uint8_t)first[i]);
    for (size_t i = 0; i < n;) {
        size_t at = 0, len = longest(&p, rtf + i, n - i, &at);
        if (len >= 2) {
            reference(&p, at, len);
        } else {
            len = 1;
            token(&p, false);
            haul_str_addc(to, rtf[i]);
        }
        for (; len; len--)
            keep(&p, (uint8_t)rtf[i++]);
    }
    reference(&p, p.at, 2); /* a reference to the write position ends the stream */
}

void haul_rtfz(haul_str *to, const char *rtf, size_t n, bool stored, bool spoil)
{
    uint8_t header[HEADER] = {0};
    size_t start = to->len;
    haul_str_add(to, header, HEADER);
    if (stored)
        haul_str_add(to, rtf, n);
    else
        pack(to, rtf, n);
    size_t body = to->len - start - HEADER;
    uint32_t crc = stored ? 0 : haul_nodes_checksum((const uint8_t *)to->p + start + HEADER, body);
    haul_put32(header, body + HEADER - 4);
    haul_put32(header + 4, n);
    memcpy(header + 8, stored ? "MELA" : "LZFu", 4);
    haul_put32(header + 12, spoil ? ~(uint64_t)crc : crc);
    memcpy(to->p + start, header, HEADER);
}
