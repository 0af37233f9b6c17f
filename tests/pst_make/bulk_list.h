/* The list of what a generated store holds: digests by the generator, for judges that compare what a reader gives. */
#ifndef HAUL_MADE_BULK_LIST_H
#define HAUL_MADE_BULK_LIST_H

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "pst_make/bulk_text.h"

#include <stdio.h>

typedef struct haul_bulk_list {
    FILE *file; /* NULL = no list is wanted */
    const char *path;
    haul_sha256 *digest;
    haul_str line;
} haul_bulk_list;

typedef struct haul_bulk_made { /* borrowed */
    const char *folder, *subject, *message_id;
    haul_bulk_person from;
    const haul_bulk_person *to;
    size_t n_to;
    int64_t received; /* µs */
    bool read;
    const haul_str *plain, *html; /* or NULL */
    bool rtf;                     /* plain is what RTF says */
    const char *attachment;       /* name, or NULL */
    uint64_t size;
    const uint8_t *sum; /* SHA-256 of the attachment */
} haul_bulk_made;

HAUL_MUST_USE haul_rc haul_bulk_list_open(haul_bulk_list *l, const char *path, haul_err *e); /* NULL = none */
void haul_bulk_list_add(haul_bulk_list *l, const haul_bulk_made *m);
HAUL_MUST_USE haul_rc haul_bulk_list_close(haul_bulk_list *l, haul_err *e);

#endif
