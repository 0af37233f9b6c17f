/* A MIME message as stretches of its octets: headers, contents, and what stands between parts. Nothing is decoded and
 * nothing is left out: the spans of all pieces, one after the other, are the message. RFC 2046 5.1.1, 5.2.1. */
#ifndef HAUL_MIME_WALK_H
#define HAUL_MIME_WALK_H

#include "base/str.h"

#define HAUL_WALK_DEPTH 128u /* multiparts in one another; a deeper one is a leaf that stays as it is */
#define HAUL_WALK_PATH  64u  /* octets of a part's number, NUL included */
#define HAUL_WALK_FIELD                                                                                      \
    16384u /* octets of a Content-Type that is looked at; a longer one counts as unknown */

typedef enum haul_line_kind {
    HAUL_LINE_FIELD,
    HAUL_LINE_FOLD,
    HAUL_LINE_FROM,
    HAUL_LINE_BLANK,
    HAUL_LINE_OTHER
} haul_line_kind;
/* What a line of a header section is (n octets, its line end may be among them). FIELD: a name of octets 33..126,
 * perhaps blanks, a colon. BLANK: nothing but CRs. NULs are
 * looked through. FROM: "From ". */
haul_line_kind haul_line_is(const char *p, size_t n);

typedef enum haul_walk_class {
    HAUL_WALK_TEXT,
    HAUL_WALK_WIDE,
    HAUL_WALK_OCTETS,
    HAUL_WALK_MESSAGE,
    HAUL_WALK_MULTIPART
} haul_walk_class;
typedef enum haul_walk_encoding {
    HAUL_WALK_PLAIN,
    HAUL_WALK_BINARY,
    HAUL_WALK_QP,
    HAUL_WALK_BASE64,
    HAUL_WALK_UNKNOWN
} haul_walk_encoding;

typedef struct haul_piece {
    bool entity; /* header, blank and body; else between and delimiter */
    haul_span
        header; /* the section without its empty line; up to the first line of text where that is missing */
    haul_span blank; /* its empty line; empty where there is none */
    haul_span body; /* a leaf's content, without the line end in front of a delimiter; empty of a container */
    haul_span between;   /* preamble or epilogue, or the line end in front of the delimiter */
    haul_span delimiter; /* that line; empty at the end of the message */
    bool message, leaf;  /* the header is a message's; nothing is in it that is an entity itself */
    bool is_signed;      /* within a multipart/signed */
    bool delimited;      /* leaf: a delimiter follows */
    bool typed;          /* it has a Content-Type */
    haul_walk_class class;
    haul_walk_encoding encoding;
    unsigned cp;               /* code page of its charset, 0 = not said or not known */
    char type[128];            /* "text/plain", cut, printable ASCII */
    char path[HAUL_WALK_PATH]; /* "2.1"; "" outside of every multipart */
    unsigned
        depth; /* multiparts around an entity; of what is between, those still open behind its delimiter */
    bool last; /* between: its delimiter ends that multipart, which `depth` no longer counts */
} haul_piece;

typedef struct haul_walk haul_walk;
haul_walk *haul_walk_new(haul_span message); /* borrowed */
void haul_walk_free(haul_walk *w);
HAUL_DEFINE_AUTO(haul_walk, haul_walk_free)
/* Where the message is a file mapped into memory: how far it was read, told at least every HAUL_WALK_STEP octets that hold
 * more than one line, so that what lies before can be let go. */
#define HAUL_WALK_STEP (4u * 1024u * 1024u)
void haul_walk_watch(haul_walk *w, void (*fn)(void *ctx, size_t at), void *ctx);
/* False at the end. Time is linear in the octets (times the depth, for lines that begin with "--"), memory in the depth. */
bool haul_walk_next(haul_walk *w, haul_piece *ret);

#endif
