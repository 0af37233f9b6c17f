/* What the files of haul_parts_read share. Contract: mime/facts.h. */
#ifndef HAUL_MIME_PARTS_H
#define HAUL_MIME_PARTS_H

#include "mime/decode.h"
#include "mime/entity.h"
#include "mime/facts.h"

/* The reading itself, for a message that comes in pieces of any size. */
typedef struct haul_parts haul_parts;
haul_parts *haul_parts_new(const haul_parts_reader *to); /* `to` is borrowed */
void haul_parts_free(haul_parts *r);
HAUL_DEFINE_AUTO(haul_parts, haul_parts_free)
haul_out *haul_parts_out(haul_parts *r);                             /* push the message here */
HAUL_MUST_USE haul_rc haul_parts_finish(haul_parts *r, haul_err *e); /* no more octets */

/* What the header section says of a part beside its type; name and dates included. e was read by haul_entity_read. */
void haul_part_describe(const haul_piece *e, haul_arena *a, haul_part *ret);
/* How its content is encoded. *ret_known false: in a way that nobody here knows. */
haul_decoding haul_part_decoding(const haul_piece *e, bool *ret_known);

#define HAUL_TEXT_CHUNK 65536u   /* octets of plain text that are decoded at a time, up to a line end */
#define HAUL_TEXT_LINE  1048576u /* octets of a line after which it may be cut at a blank, or anywhere */
#define HAUL_TEXT_BLANK 65536u   /* octets of blank text that wait for what is not blank */

typedef struct haul_body_text { /* decoded octets of body texts in, UTF-8 out */
    haul_out out;               /* push a part's octets into &b->out */
    haul_out *to;               /* NULL = nowhere */
    unsigned cp;
    bool html, whole; /* whole: it can only be decoded in one piece, HAUL_PARTS_WHOLE_MAX octets of it */
    bool any;         /* something not blank was written of this part */
    bool line_open;   /* of all parts: the last line written has no end */
    bool cut, undecodable, encrypted; /* of all parts */
    haul_str held, blank;
} haul_body_text;

void haul_body_text_begin(haul_body_text *b, const haul_piece *e);
/* b->any tells whether it held any text. */
HAUL_MUST_USE haul_rc haul_body_text_end(haul_body_text *b, haul_err *e);
void haul_body_text_done(haul_body_text *b);

#endif
