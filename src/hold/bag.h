/* The names and lines of a BagIt bag (RFC 8493), strict on reading: what is not exactly as we write it is a difference.
 * docs/hold.md [hold-1] */
#ifndef HAUL_HOLD_BAG_H
#define HAUL_HOLD_BAG_H

#include "base/hash.h"
#include "base/str.h"
#include "io/in.h"

#define HAUL_BAG_DECLARATION "bagit.txt"
#define HAUL_BAG_INFO        "bag-info.txt"
#define HAUL_BAG_MANIFEST    "manifest-sha256.txt"
#define HAUL_BAG_SEAL        "tagmanifest-sha256.txt"
#define HAUL_BAG_PAYLOAD     "data"
#define HAUL_BAG_LOG_COUNT   "Audit-Log-Count"
#define HAUL_BAG_LOG_HEAD    "Audit-Log-Head"
#define HAUL_BAG_OXUM        "Payload-Oxum"

#define HAUL_BAG_PATH_MAX    16384u                        /* octets of a path below the root */
#define HAUL_BAG_LINE_MAX    (3u * HAUL_BAG_PATH_MAX + 66) /* of a line of a manifest, its end not counted */

/* "<64 hex digits>  <path>\n"; CR, LF and % of the path as %0D, %0A, %25. */
void haul_bag_line(haul_str *to, const uint8_t sha256[HAUL_SHA256_LEN], const char *path);

typedef struct haul_bag_entry { /* zero-initialised; haul_str_done(&path) */
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_str path; /* decoded */
} haul_bag_entry;

/* A line without its end. payload: its path has to lie below data/, else it must not. NULL, or what is wrong with it:
 * "the digest is not 64 lower-case hex digits", "the path leads out of the package" … */
const char *haul_bag_parse(const char *p, size_t n, bool payload, haul_bag_entry *io);

typedef struct haul_bag_list { /* a manifest being read; zero-initialised but for the first two */
    haul_in *in;               /* borrowed */
    bool payload;              /* see haul_bag_parse */
    uint64_t line;             /* number of the line that was read last, from 1 */
    haul_bag_entry entry;
    haul_str last; /* the path before, for the order */
} haul_bag_list;
/* The next line. OK: it is l->entry, or *ret_fault is not NULL and says what is wrong with it (paths have to come in octet order,
 * each once) · END. */
HAUL_MUST_USE haul_rc haul_bag_next(haul_bag_list *l, const char **ret_fault, haul_err *e);
void haul_bag_list_done(haul_bag_list *l);

/* The value of a field of bag-info.txt, its folded lines joined by one blank, into ret. How many times it is there. */
unsigned haul_bag_field(const char *info, size_t n, const char *label, haul_str *ret);

#endif
