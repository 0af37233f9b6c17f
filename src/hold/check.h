/* The pieces of haul_package_check, and what they share. Nothing that is read is believed: names are compared with names that
 * are there, never opened. */
#ifndef HAUL_HOLD_CHECK_H
#define HAUL_HOLD_CHECK_H

#include "base/digests.h"
#include "hold/bag.h"
#include "hold/package.h"

#include <libxml/xmlerror.h>

#define HAUL_CHECK_LISTED_MAX 1000u               /* differences listed; all are counted */
#define HAUL_CHECK_TAGS_MAX   1000000u            /* files that tagmanifest may list */
#define HAUL_CHECK_INFO_MAX   (1024u * 1024u)     /* octets of bag-info.txt */
#define HAUL_CHECK_JSON_MAX   (64u * 1024 * 1024) /* octets of report.json */
#define HAUL_CHECK_BLOCK      (256u * 1024u)
#define HAUL_CHECK_DAT        "load/concordance.dat"
#define HAUL_CHECK_UNKNOWN    UINT64_MAX /* a count that was not made */

typedef struct haul_check_tag { /* a line of tagmanifest-sha256.txt */
    const char *path;
    uint64_t line;
    uint8_t sha256[HAUL_SHA256_LEN];
    bool seen;
} haul_check_tag;

typedef struct haul_check_seen { /* counts of what the files say; HAUL_CHECK_UNKNOWN until they were read */
    uint64_t dat, edrm, eaxs, items, mailbag, attachments, exceptions;
} haul_check_seen;

typedef struct haul_check_lists haul_check_lists; /* what the load files name: check_list.c */

typedef struct haul_check {
    const haul_package_job *job;
    int root;
    json_t *differences;
    uint64_t differ;
    uint64_t files, octets, tag_files, log_lines, sources, agree; /* of the result */
    uint64_t read, total;                                         /* for progress */
    char seal[HAUL_SHA256_HEX];
    haul_arena arena;
    haul_check_tag *tags;
    size_t n_tags, cap_tags;
    haul_str info; /* bag-info.txt */
    bool has_info, catalog_agrees;
    haul_audit_check log;
    json_t *origins; /* source → the last event of the log that has its digest */
    json_t *report;  /* report.json, or NULL */
    haul_check_seen seen;
    uint64_t lossy_paths; /* that the DAT could not hold: so many elsewhere are not contradicted */
    haul_check_lists *lists;
    haul_sha256 *sha256, *payload; /* of tag files; of a file of the payload meanwhile */
    haul_digests *three;
    char *block;
} haul_check;

typedef struct haul_difference { /* texts may be NULL, line 0 */
    const char *kind, *place;
    uint64_t line;
    const char *recorded, *found, *detail;
} haul_difference;
void haul_check_differ(haul_check *c, const haul_difference *d);
/* Numbers that should be the same. what: "documents". */
void haul_check_numbers(haul_check *c, const char *kind, const char *place, const char *what,
                        uint64_t recorded, uint64_t found);

/* Of kind "load-file": place is one of them. */
void haul_check_load(haul_check *c, const char *place, uint64_t line, const char *recorded, const char *found,
                     const char *detail);

/* Octets went by. HAUL_E_INTERRUPTED: the user wants no more. */
HAUL_MUST_USE haul_rc haul_check_tick(haul_check *c, uint64_t octets, const char *path, haul_err *e);

typedef struct haul_check_feed { /* octets of one file, digested on their way to whoever reads them */
    haul_check *c;
    int fd; /* borrowed */
    const char *path;
} haul_check_feed;
haul_feed haul_check_feeding(haul_check_feed *f);
/* What nobody has read, and the digest. */
HAUL_MUST_USE haul_rc haul_check_drain(haul_check_feed *f, haul_in *in, uint8_t ret[HAUL_SHA256_LEN],
                                       haul_err *e);

typedef haul_rc haul_check_reader(haul_check *c, haul_in *in, const char *path, haul_err *e);

/* ── the bag: check_bag.c, check_payload.c ── */

/* tagmanifest-sha256.txt into c->tags. *ret_sealed: it is there. */
HAUL_MUST_USE haul_rc haul_check_seal(haul_check *c, bool *ret_sealed, haul_err *e);
/* bag-info.txt, and what has to be known before the payload is read. */
HAUL_MUST_USE haul_rc haul_check_first(haul_check *c, haul_err *e);
HAUL_MUST_USE haul_rc haul_check_payload(haul_check *c, haul_err *e);
/* Every other file, and those that are missing. */
HAUL_MUST_USE haul_rc haul_check_tags(haul_check *c, haul_err *e);
/* The fields of bag-info.txt against what was found. */
void haul_check_info(haul_check *c);

/* A tag file that is there, name in dirfd: reader (may be NULL), then its digest. */
HAUL_MUST_USE haul_rc haul_check_tag_file(haul_check *c, const char *path, int dirfd, const char *name,
                                          haul_check_reader *reader, haul_err *e);
/* A failure of one file (HAUL_E_SOURCE) is a difference; any other rc is handed on, with its text. */
HAUL_MUST_USE haul_rc haul_check_unreadable(haul_check *c, const char *path, haul_rc rc, const haul_err *why,
                                            haul_err *e);
/* Counts the file as one that agrees, or says that it does not. */
void haul_check_digest(haul_check *c, const char *path, const char *list, uint64_t line,
                       const uint8_t *recorded, const uint8_t *found);
void haul_check_bad_line(haul_check *c, const char *list, uint64_t line, const char *fault);
/* Payload-Oxum of bag-info.txt; false when it cannot be read. */
bool haul_check_oxum(const haul_check *c, uint64_t *ret_octets, uint64_t *ret_files);

/* ── what is in the tag files; each reads as far as it can, and says what it finds ── */

haul_check_reader haul_check_log, haul_check_report, haul_check_dat, haul_check_edrm, haul_check_eaxs,
    haul_check_csv;
/* For their readers: what libxml2 complains of first. */
void haul_check_xml_fault(haul_str *to, const xmlError *error);
/* NULL: nothing is asked of this file but its digest. */
haul_check_reader *haul_check_reader_of(const char *path);

/* The sources that the user names, against the log. */
HAUL_MUST_USE haul_rc haul_check_sources(haul_check *c, haul_err *e);
/* Counts of files, report and catalogue. */
HAUL_MUST_USE haul_rc haul_check_counts(haul_check *c, haul_err *e);

/* ── check_list.c: the rows of the load files, by path and by id, in a temporary database ── */

typedef struct haul_check_row { /* what a load file says of a file; path: below the root */
    uint64_t record;
    bool is_text, has_size, has_md5, has_sha1, has_sha256;
    uint64_t size;
    uint8_t md5[HAUL_MD5_LEN], sha1[HAUL_SHA1_LEN], sha256[HAUL_SHA256_LEN];
} haul_check_row;

HAUL_MUST_USE haul_rc haul_check_lists_open(haul_check *c, haul_err *e);
void haul_check_lists_close(haul_check *c);
/* END: the path, or the id, is there already. */
HAUL_MUST_USE haul_rc haul_check_add_path(haul_check *c, const char *path, const haul_check_row *row,
                                          haul_err *e);
HAUL_MUST_USE haul_rc haul_check_add_doc(haul_check *c, const char *docid, uint64_t record, haul_err *e);
/* *ret: what the load file says of a file. END: nothing. there: it is in the package, and will not be missed. */
HAUL_MUST_USE haul_rc haul_check_find_path(haul_check *c, const char *path, bool there, haul_check_row *ret,
                                           haul_err *e);
/* Another load file has the document, too. END: the first one has not, or it came before. */
HAUL_MUST_USE haul_rc haul_check_find_doc(haul_check *c, const char *docid, haul_err *e);
/* What nothing answered to, as differences. */
HAUL_MUST_USE haul_rc haul_check_left(haul_check *c, haul_err *e);

#endif
