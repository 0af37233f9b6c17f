/* What walk.c and parts.c share: which line is a delimiter, where a header section ends, what it says of its entity. */
#ifndef HAUL_MIME_ENTITY_H
#define HAUL_MIME_ENTITY_H

#include "mime/walk.h"

typedef struct haul_level { /* an open multipart */
    char *boundary;
    size_t len;
    bool digest, is_signed, alternative, encrypted;
    bool has_text; /* for parts.c: a text was taken from it */
    unsigned parts;
} haul_level;

typedef struct haul_levels { /* zero-initialised = outside of every multipart */
    haul_level v[HAUL_WALK_DEPTH];
    size_t depth;
} haul_levels;

/* The open multipart whose delimiter the line at p is (n octets, its line end may be among them): the innermost, from
 * 1; 0 = none. *ret_last: it closes it. */
size_t haul_levels_match(const haul_levels *l, const char *p, size_t n, bool *ret_last);
/* Forget all but the outermost `depth`. */
void haul_levels_close(haul_levels *l, size_t depth);
/* Append the number of the part at hand, "2.1"; nothing outside of every multipart. */
void haul_levels_path(const haul_levels *l, haul_str *to);

/* Octets of the header section at p: in front of an empty line, a delimiter, or the text where no empty line is. */
size_t haul_entity_header(const haul_levels *l, const char *p, size_t n, bool *ret_blank);
/* Fill what e->header says of type and encoding, leaf too; a multipart becomes the innermost level. e->message must be
 * set. True when it is a leaf: no multipart, or one without boundary, or too deep. */
bool haul_entity_read(haul_levels *l, haul_piece *e);

#endif
