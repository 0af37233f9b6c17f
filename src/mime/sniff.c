#include "mime/sniff.h"

#include "base/str.h"

#include <string.h>

#define ZIP_HEADER 30u   /* octets of a local file header (APPNOTE 4.3.7) */
#define PDF_LOOK   1024u /* octets in which "%PDF-" may begin (ISO 32000-1 annex H, note 13) */
#define OLE_MAGIC  "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#define OLE_SECTOR 512u /* where streams begin in what Word and Excel write */
#define CMS_LOOK   64u

static bool at(const haul_sniff *s, size_t i, const char *octets, size_t n)
{
    return i <= s->n && s->n - i >= n && memcmp(s->head + i, octets, n) == 0;
}
#define AT(s, i, z) at((s), (i), (z), sizeof(z) - 1)

static unsigned u16(const haul_sniff *s, size_t i)
{
    return (unsigned)(unsigned char)s->head[i] | (unsigned)(unsigned char)s->head[i + 1] << 8;
}

static bool head_has(const haul_sniff *s, size_t most, const char *word, size_t len)
{
    return haul_find(s->head, s->n < most ? s->n : most, word, len);
}

/* Is the word among the n octets at p, the first of which is octet `first` of the file? */
static bool has_word(const haul_sniff *s, const char *p, size_t n, uint64_t first)
{
    const char *at = p, *end = p + n;
    while ((at = haul_find(at, (size_t)(end - at), s->word, s->word_len))) {
        if ((first + (uint64_t)(at - p)) % s->step == 0)
            return true;
        at++;
    }
    return false;
}

/* The whole head is there, or all there is: what will be looked for in the rest. Directory entries have 128 octets and
 * begin with their names [MS-CFB 2.6.1]; this one is of [MS-OFFCRYPTO 2.3.4.4]. */
static void decide(haul_sniff *s)
{
    static const char ole[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0", pdf[] = "/Encrypt";
    s->decided = true;
    s->step = 1;
    if (AT(s, 0, OLE_MAGIC)) {
        s->word = ole;
        s->word_len = sizeof(ole) - 1;
        s->step = 128;
    } else if (head_has(s, PDF_LOOK, "%PDF-", 5)) {
        s->word = pdf;
        s->word_len = sizeof(pdf) - 1;
    }
    s->found = s->word && has_word(s, s->head, s->n, 0);
    size_t keep = s->word ? s->word_len - 1 : 0;
    s->n_tail = s->n < keep ? s->n : keep;
    memcpy(s->tail, s->head + s->n - s->n_tail, s->n_tail);
}

/* The last octets of what was fed so far. */
static void keep_tail(haul_sniff *s, const char *p, size_t n)
{
    size_t keep = s->word_len - 1;
    if (n >= keep) {
        memcpy(s->tail, p + n - keep, keep);
        s->n_tail = keep;
        return;
    }
    size_t old = s->n_tail < keep - n ? s->n_tail : keep - n;
    memmove(s->tail, s->tail + s->n_tail - old, old);
    memcpy(s->tail + old, p, n);
    s->n_tail = old + n;
}

static void look(haul_sniff *s, const char *p, size_t n)
{
    char seam[2 * HAUL_SNIFF_WORD];
    size_t more = n < s->word_len - 1 ? n : s->word_len - 1;
    memcpy(seam, s->tail, s->n_tail);
    memcpy(seam + s->n_tail, p, more);
    s->found = has_word(s, seam, s->n_tail + more, s->seen - s->n_tail) || has_word(s, p, n, s->seen);
    keep_tail(s, p, n);
}

void haul_sniff_feed(haul_sniff *s, const void *octets, size_t n)
{
    const char *p = octets;
    size_t take = HAUL_SNIFF_HEAD - s->n < n ? HAUL_SNIFF_HEAD - s->n : n;
    memcpy(s->head + s->n, p, take);
    s->n += take;
    s->seen += take;
    if (s->n == HAUL_SNIFF_HEAD && !s->decided)
        decide(s);
    if (n > take && s->word && !s->found)
        look(s, p + take, n - take);
    s->seen += n - take;
}

/* APPNOTE 4.4.4: bit 0 encrypted, bit 3 sizes are not known here. Directories come first and are not encrypted. */
static bool zip_encrypted(const haul_sniff *s)
{
    for (size_t i = 0; AT(s, i, "PK\3\4") && s->n - i >= ZIP_HEADER;) {
        unsigned flags = u16(s, i + 6);
        if (flags & 1)
            return true;
        if (flags & 8 || u16(s, i + 18) || u16(s, i + 20))
            return false;
        i += ZIP_HEADER + u16(s, i + 26) + u16(s, i + 28);
    }
    return false;
}

/* Word: FibBase.fEncrypted [MS-DOC 2.5.2]. Excel: FilePass behind BOF [MS-XLS 2.4.117]. */
static bool ole_encrypted(const haul_sniff *s)
{
    if (!AT(s, 0, OLE_MAGIC))
        return false;
    if (AT(s, OLE_SECTOR, "\xec\xa5") && s->n >= OLE_SECTOR + 12)
        return u16(s, OLE_SECTOR + 10) & 0x0100;
    if (!AT(s, OLE_SECTOR, "\x09\x08") || s->n < OLE_SECTOR + 4)
        return false;
    return AT(s, OLE_SECTOR + 4 + u16(s, OLE_SECTOR + 2), "\x2f\x00");
}

/* 1.2.840.113549.1.7.3 enveloped-data; 1.2.840.113549.1.9.16.1.23 authEnvelopedData (RFC 5083). */
static bool cms_encrypted(const haul_sniff *s)
{
    static const char enveloped[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
    static const char authenticated[] = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
    return s->n && s->head[0] == '\x30' &&
           (head_has(s, CMS_LOOK, enveloped, sizeof(enveloped) - 1) ||
            head_has(s, CMS_LOOK, authenticated, sizeof(authenticated) - 1));
}

/* Armour, or the tag of a packet that holds a session key (RFC 4880 4.3). */
static bool pgp_encrypted(const haul_sniff *s, const char *name)
{
    if (AT(s, 0, "-----BEGIN PGP MESSAGE-----"))
        return true;
    if (!s->n || !(haul_iends(name, ".gpg") || haul_iends(name, ".pgp")))
        return false;
    unsigned c = (unsigned char)s->head[0];
    unsigned tag = c & 0x40 ? c & 0x3f : c >> 2 & 0x0f;
    return c & 0x80 && (tag == 1 || tag == 3);
}

bool haul_sniff_encrypted(haul_sniff *s, const char *name)
{
    if (!s->decided)
        decide(s);
    return s->found || zip_encrypted(s) || ole_encrypted(s) || cms_encrypted(s) || pgp_encrypted(s, name);
}
