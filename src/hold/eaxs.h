/* load/eaxs.xml, inside: EAXS v2 as the XSD of the University of Illinois has it. Rules: docs/hold.md, "EAXS".
 *
 * eaxs.c is the account, its folders and their messages; eaxs_native.c gives the octets of an EML; eaxs_head.c writes what a
 * header says, eaxs_addr.c its addresses; eaxs_body.c the parts, eaxs_mime.c their Content-… fields, eaxs_content.c what is in
 * them; eaxs_xml.c is libxml2's xmlTextWriter with texts made fit for XML 1.0.
 *
 * The first failure is kept in haul_eaxs.rc; what is written after it goes nowhere, so that nobody asks at every element. */
#ifndef HAUL_HOLD_EAXS_H
#define HAUL_HOLD_EAXS_H

#include "base/arena.h"
#include "hold/load.h"
#include "mime/header.h"
#include "mime/walk.h"
#include "model/folder.h"

#include <gmime/gmime.h>
#include <libxml/xmlwriter.h>

#define HAUL_EAXS_NS   "https://github.com/StateArchivesOfNorthCarolina/tomes-eaxs-2"
#define HAUL_EAXS_READ (1024u * 1024u) /* octets of a message that is read; a longer file is mapped */
#define HAUL_EAXS_TEXT (1024u * 1024u) /* octets, decoded, of a content that stands in the document as text */
#define HAUL_EAXS_BASE64                                                                                     \
    (6u * 1024u * 1024u) /* in base64; readers of XML take 10 000 000 characters in a row */
#define HAUL_EAXS_VALUE      (1024u * 1024u) /* octets of a field, a preamble or an epilogue */
#define HAUL_EAXS_MAILBOX    (16u * 1024u) /* octets of one mailbox; a longer one is text without an address */
#define HAUL_EAXS_DEPTH      160u /* elements in one another below a message; readers of XML take 256 in all */
#define HAUL_EAXS_FOLDERS    (HAUL_FOLDER_DEPTH_MAX + 2u) /* below a custodian and a source */
#define HAUL_EAXS_GROUPS     8u                           /* groups of addresses in one another */
#define HAUL_EAXS_INCOMPLETE 32u                          /* of one message; more are counted in the last */
#define HAUL_EAXS_WINDOW     256u /* attachments that are looked at to find the one a part became */

/* ── octets of a native ── */
typedef struct haul_eaxs_native { /* zero-initialised, dir -1 */
    int dir;                      /* of the last file: messages come folder by folder */
    haul_str dir_path;
    char *buf;
    size_t cap;
    char *map;
    size_t mapped, dropped;
} haul_eaxs_native;
/* Octets of root/path, valid until the next call. path: as the catalogue has it; a link in it, "..", or a file that is
 * not there: HAUL_E_TARGET. */
HAUL_MUST_USE haul_rc haul_eaxs_native_read(haul_eaxs_native *n, int root, const char *path, haul_span *ret,
                                            haul_err *e);
/* What is mapped and lies before p need not stay in memory. */
void haul_eaxs_native_drop(haul_eaxs_native *n, const char *p);
void haul_eaxs_native_done(haul_eaxs_native *n);

/* ── state ── */
typedef struct haul_eaxs_frame { /* an open MultiBody or ChildMessage */
    bool child;                  /* SingleBody and ChildMessage */
    unsigned level;              /* multipart: its number among those around its parts, from 1 */
    unsigned parts;
    bool alternative, ended, preamble; /* its last delimiter was there; its preamble was */
} haul_eaxs_frame;

typedef struct haul_eaxs_incomplete {
    const char *type, *where; /* in the arena */
} haul_eaxs_incomplete;

typedef struct haul_eaxs {
    xmlTextWriterPtr w;
    haul_out *to;
    haul_rc rc; /* the first failure, its text in err */
    haul_err err;
    haul_load_notes *notes; /* may be NULL */
    haul_load_lost lost;
    haul_str fit, raw; /* of eaxs_xml.c: a text made fit; a value while it is decoded */

    int root;
    haul_str levels[HAUL_EAXS_FOLDERS]; /* names of the open folders */
    bool below[HAUL_EAXS_FOLDERS];      /* one of its subfolders has begun: no message may follow */
    size_t n_levels;
    int64_t next_id; /* for child messages that are no document */

    /* of one message */
    haul_arena arena;
    haul_eaxs_native native;
    const haul_family *family;
    const haul_doc *doc; /* the message */
    bool *used;          /* one for each document of the family: a part refers to it */
    size_t cursor;       /* the first that is not */
    unsigned children;   /* child messages begun, for their Guids */
    haul_eaxs_incomplete incomplete[HAUL_EAXS_INCOMPLETE];
    size_t n_incomplete;

    /* of its body */
    haul_eaxs_frame frames[HAUL_EAXS_DEPTH];
    size_t n_frames, weight; /* elements that the frames are */
    unsigned in_child;       /* frames that are child messages */
    const haul_doc *child;   /* the document that the child message to come is, or NULL */
    bool hidden;             /* too deep: nothing is written until a delimiter of hidden_depth */
    unsigned hidden_depth;
    unsigned n_leaves;          /* child messages count as one, parts in them do not */
    bool seen_plain, seen_html; /* the body texts */
    haul_sha256 *sha;
    haul_str kept, text; /* a content while it fits; as UTF-8 */
    char *lines;         /* of base64 */
} haul_eaxs;

/* ── eaxs_xml.c ── */
void haul_eaxs_open(haul_eaxs *x, const char *name);
void haul_eaxs_close(haul_eaxs *x);
void haul_eaxs_attr(haul_eaxs *x, const char *name, const char *z); /* also as field of a note */
/* Characters that XML 1.0 cannot hold become U+FFFD, and the notes are told, under the name of `field`. */
void haul_eaxs_chars(haul_eaxs *x, const char *field, const char *p, size_t n);
/* <name>text</name>; of z an element even where it is "". */
void haul_eaxs_text(haul_eaxs *x, const char *name, const char *field, const char *p, size_t n);
void haul_eaxs_z(haul_eaxs *x, const char *name, const char *z);
void haul_eaxs_number(haul_eaxs *x, const char *name, int64_t n);
void haul_eaxs_markup(haul_eaxs *x, const char *z); /* as it is */
/* prefix + path as a relative reference: what is not unreserved in RFC 3986 becomes %XX. */
void haul_eaxs_path(haul_eaxs *x, const char *name, const char *prefix, const char *path);
void haul_eaxs_hash(haul_eaxs *x, const uint8_t sha256[HAUL_SHA256_LEN]);
/* True when all of it may stand in XML 1.0: well-formed UTF-8 of its characters. */
bool haul_eaxs_fits(const char *p, size_t n);
/* What could not be parsed or is not in the document. */
void haul_eaxs_incomplete_add(haul_eaxs *x, const char *type, const char *fmt, ...) HAUL_PRINTF(3, 4);
void haul_eaxs_fail(haul_eaxs *x, haul_rc rc, const haul_err *e);

/* ── eaxs_head.c ── */
/* LocalId … Headers of a message or child message. ids: of a document, or, NULL, given here. */
void haul_eaxs_head(haul_eaxs *x, haul_span header, const haul_doc *ids);
/* <element><Name/><Value/></element>: the value as it stands, on one line, 8-bit octets as UTF-8. */
void haul_eaxs_field(haul_eaxs *x, const char *element, const haul_field *f);
/* Append octets, trimmed, as UTF-8 (what is none as Windows-1252), encoded words as they are: on one line, or with its line
 * ends as LF. NULs stay: haul_eaxs_chars takes them out and notes them. */
void haul_eaxs_decode(haul_span value, bool lines, haul_str *to);
/* The next field of that name; false at the end. *pos from 0. */
bool haul_eaxs_next(haul_span header, size_t *pos, const char *name, haul_span *ret);

/* ── eaxs_addr.c ── */
/* <name>, an address as the XSD defines it, of all fields of that name; nothing where there is none. */
void haul_eaxs_addresses(haul_eaxs *x, haul_span header, const char *name, const char *field);
/* The first mailbox of the first field of that name, as <name>. */
void haul_eaxs_mailbox(haul_eaxs *x, haul_span header, const char *name, const char *field);

/* ── eaxs_mime.c ── */
typedef struct haul_eaxs_mime { /* what the Content-… fields say; strings in the arena, UTF-8, "" = absent */
    const char *type, *charset, *name, *boundary;
    const char *encoding, *disposition, *file_name;
    GMimeContentType *content_type; /* NULL where there is none, or none that is read */
    GMimeContentDisposition *content_disposition;
} haul_eaxs_mime;
void haul_eaxs_mime_read(haul_eaxs *x, const haul_piece *p, haul_eaxs_mime *ret);
/* ContentType … OtherMimeHeader. boundary: of a MultiBody. */
void haul_eaxs_mime_write(haul_eaxs *x, const haul_piece *p, const haul_eaxs_mime *m, bool multi);
void haul_eaxs_mime_done(haul_eaxs_mime *m);

/* ── eaxs_content.c ── */
/* The SingleBody of a leaf. */
void haul_eaxs_leaf(haul_eaxs *x, const haul_piece *p);
/* The document that this child message is, from those that no part refers to yet; NULL = none. */
const haul_doc *haul_eaxs_take_message(haul_eaxs *x, const char *type);

/* ── eaxs_body.c ── */
/* LocalId … the end of the body, StatusFlags among it. */
void haul_eaxs_message(haul_eaxs *x, haul_span octets);
/* StatusFlags of the document. */
void haul_eaxs_flags(haul_eaxs *x);

#endif
