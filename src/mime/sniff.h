/* Does a file look encrypted? Seen once, in passing: its first octets are kept, the rest is looked through with a small
 * window. What it cannot see is not said: a "false" proves nothing. */
#ifndef HAUL_MIME_SNIFF_H
#define HAUL_MIME_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAUL_SNIFF_HEAD 4096u
#define HAUL_SNIFF_WORD 32u /* the longest word that is looked for */

typedef struct haul_sniff { /* zero-initialised = nothing seen */
    char head[HAUL_SNIFF_HEAD];
    size_t n;
    const char *word; /* looked for; NULL = nothing is */
    size_t word_len;
    unsigned step;              /* it begins at a multiple of this */
    uint64_t seen;              /* octets */
    char tail[HAUL_SNIFF_WORD]; /* the last octets but one of a word */
    size_t n_tail;
    bool decided, found;
} haul_sniff;

void haul_sniff_feed(haul_sniff *s, const void *p, size_t n);
/* ZIP: its first member that is no directory has the bit of encryption. OLE2: a stream "EncryptedPackage", or
 * a Word or Excel document that says so where documents begin. PDF: an /Encrypt. CMS: enveloped data. OpenPGP: armour;
 * without armour where the name ends in .gpg or .pgp. All octets must have been fed; name may be "". */
bool haul_sniff_encrypted(haul_sniff *s, const char *name);

#endif
