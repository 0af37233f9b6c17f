/* Stores and messages as tests describe them, over the writer of formats/pst: values by tag, whatever they are. Odd
 * structures are made of odd values; what the writer itself decides (layout, maps, B-trees) is always sound. */
#ifndef HAUL_MADE_MESSAGING_H
#define HAUL_MADE_MESSAGING_H

#include "../../formats/pst/put.h"
#include "../../formats/pst/put_ltp.h"

typedef struct haul_made_value { /* borrowed */
    uint32_t tag;                /* ids from 0x8000 are of haul_pstw_named */
    const void *p;               /* as haul_pstw_pc_add wants it */
    size_t n;
} haul_made_value;

typedef struct haul_made_props {
    const haul_made_value *v;
    size_t n;
} haul_made_props;

typedef struct haul_made_message haul_made_message;

typedef struct haul_made_attachment {
    haul_made_props props;
    bool has_data;
    bool object; /* data behind a PT_OBJECT (OLE) instead of PT_BINARY */
    const void *data;
    size_t size;
    const haul_made_message *embedded; /* or NULL */
} haul_made_attachment;

struct haul_made_message {
    haul_made_props props;
    const haul_made_props *recipients;
    size_t n_recipients;
    const haul_made_attachment *attachments;
    size_t n_attachments;
};

/* Creates path with the folders every store has, empty. */
HAUL_MUST_USE haul_rc haul_made_open(const char *path, uint8_t crypt, const char *name, haul_pstw **ret,
                                     haul_err *e);
/* Finish and free. */
HAUL_MUST_USE haul_rc haul_made_close(haul_pstw *s, haul_err *e);
/* Entry id of a folder or message (2.4.3.2) in a store of haul_made_open. */
void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID]);
/* Write a message into a folder. */
HAUL_MUST_USE haul_rc haul_made_add(haul_pstw *s, uint32_t folder, const haul_made_message *m,
                                    haul_pstw_place place, haul_err *e);

#endif
