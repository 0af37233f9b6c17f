/* EML files and trees, Apple Mail's .emlx and MH folders: what reader, writer, tests and fuzzing share.
 * Rules: docs/formats/eml.md. */
#ifndef HAUL_FORMATS_EML_H
#define HAUL_FORMATS_EML_H

#include "model/format.h"

#define HAUL_EML_TMP           ".mailhaul-tmp-"      /* in front of names of files being written */
#define HAUL_EML_SLUG_MAX      60u                   /* octets of a subject in a file name */
#define HAUL_EMLX_PLIST_MAX    (1024u * 1024u)       /* octets of a property list that are parsed */
#define HAUL_MH_SEQUENCES_FILE (16u * 1024u * 1024u) /* octets of .mh_sequences that are read */
#define HAUL_MH_SEQUENCES_MAX  256u                  /* sequences of one folder */
#define HAUL_MH_RANGES_MAX     1000000u              /* ranges of one folder */

extern const haul_reader_ops haul_eml_reader;
extern const haul_sink_ops haul_eml_sink;
extern const haul_format_option haul_eml_options[]; /* [0] eol */
extern const haul_naming haul_eml_naming;

/* Bits verified by the head of a file: 8 for each well-known field, 8 for a well-formed section; 0 = no message. */
int haul_eml_score(const char *p, size_t n);
#define HAUL_EML_ENOUGH 16 /* what a file without .eml in its name needs [eml-2] */

/* A file name in our own form [eml-15]. False when name is not; *ret_known: it tells a time. */
bool haul_eml_name_time(const char *name, bool *ret_known, int64_t *ret_us);
/* The subject as part of a file name: at most HAUL_EML_SLUG_MAX octets, "" when nothing is left [eml-16]. */
void haul_eml_slug(const char *subject, haul_str *to);

/* ── .emlx ── */

typedef struct haul_emlx {
    size_t start, len; /* the message within the file */
    bool
        length_wrong; /* the octet count line is missing or wrong; the message was cut at the property list */
    bool has_plist;   /* it could be parsed */
    bool has_flags, has_received;
    unsigned flags; /* HAUL_FLAG_* */
    int64_t received_us;
} haul_emlx;

/* Take a whole .emlx apart. Any octets are accepted [eml-7]. */
void haul_emlx_parse(const char *p, size_t n, haul_emlx *ret);
/* The octet count line alone: *ret_start is where the message begins. False when there is none. */
bool haul_emlx_count(const char *p, size_t n, size_t *ret_start, uint64_t *ret_count);

/* ── MH ── */

typedef struct haul_mh haul_mh;

/* The sequences of one folder from its .mh_sequences. Any octets are accepted [eml-10]. Never NULL. */
haul_mh *haul_mh_parse(const char *text, size_t n);
/* Flags and keywords of message `number` into m; mh NULL = no sequences: all are seen. */
void haul_mh_apply(const haul_mh *mh, uint64_t number, haul_msg *m);
void haul_mh_free(haul_mh *mh); /* NULL is accepted */

#endif
