/* What repair.c and mend.c share: the message under repair, and lines written anew. */
#ifndef HAUL_MIME_MEND_H
#define HAUL_MIME_MEND_H

#include "mime/repair.h"
#include "mime/walk.h"

typedef struct haul_mend {
    unsigned faults;
    size_t line_max; /* SIZE_MAX = no limit */
    haul_out *to;
    const char *start, *end; /* of the message: offsets are from start */
    unsigned cp;             /* of its header, 0 = unknown */
    bool has_crlf;           /* the source has CRLF line ends: a bare LF may be data */
    bool skip_end; /* base64 has ended its last line: the line end in front of the delimiter is there */
    /* What was done. */
    uint64_t nul_removed, nul_first, nul_encoded, cr_made, cr_dropped, cr_blank, lines_kept, lines_broken;
    uint64_t fields, colons, parts, separators, ends;
    uint64_t changes; /* grows with every one */
    haul_str field_names, part_names, added, signatures;
} haul_mend;

typedef enum haul_mend_how {
    HAUL_MEND_TEXT, /* NUL goes, CR ends a line, long lines are broken, in front of a blank where there is one */
    HAUL_MEND_WHOLE,  /* the same, but lines stay whole */
    HAUL_MEND_KEEP,   /* only CR ends a line: the rest is encoded by the caller */
    HAUL_MEND_BASE64, /* as TEXT, but broken at 76 */
    HAUL_MEND_QP,     /* as text of quoted-printable: NUL is encoded, lines get soft ends */
    HAUL_MEND_QP_CR   /* the same of what is no text: CR is encoded, too */
} haul_mend_how;

/* Any of the faults asked for in these octets (header: 8-bit octets count, too). */
bool haul_mend_needed(const haul_mend *m, haul_span s, bool header);
/* A line longer than the limit, where CR ends lines as well if cr says so. */
bool haul_mend_is_long(const haul_mend *m, haul_span s, bool cr);
/* Write the lines of s with CRLF: as they are, or mended. */
HAUL_MUST_USE haul_rc haul_mend_copy(haul_mend *m, haul_span s, haul_out *to, haul_err *e);
HAUL_MUST_USE haul_rc haul_mend_lines(haul_mend *m, haul_span s, haul_mend_how how, haul_out *to,
                                      haul_err *e);
/* Write the header section (no empty line) of e, mended; cte: the Content-Transfer-Encoding it gets, NULL = its own. */
HAUL_MUST_USE haul_rc haul_mend_header(haul_mend *m, const haul_piece *e, bool top, const char *cte,
                                       haul_err *err);
void haul_mend_note_nul(haul_mend *m, const char *at, uint64_t n);

#endif
