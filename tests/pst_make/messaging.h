/* Stores from descriptions, through the writer of the program (formats/pst/put.h): objects in memory, and attachments whose
 * octets are made as they are asked for. Errors stick: after the first one nothing more is written, and haul_made_close
 * tells it. */
#ifndef HAUL_MADE_MESSAGING_H
#define HAUL_MADE_MESSAGING_H

#include "pst/put.h"

typedef struct haul_made_value { /* borrowed */
    uint32_t tag;
    const void *p; /* as MAPI stores it: little-endian, strings without NUL */
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
    bool object; /* data behind a PT_OBJECT (OLE) instead of PT_BINARY; in memory */
    const void *data;
    uint64_t size;
    void (*fill)(void *ctx, uint8_t *p,
                 size_t n); /* instead of data: the next octets of it; asked for once each */
    void *ctx;
    const haul_made_message *embedded; /* or NULL */
} haul_made_attachment;

struct haul_made_message {
    haul_made_props props;
    const haul_made_props *recipients;
    size_t n_recipients;
    const haul_made_attachment *attachments;
    size_t n_attachments;
};

typedef struct haul_made haul_made;

/* Creates path with the folders every store has, empty. Never NULL. */
haul_made *haul_made_open(const char *path, const haul_pstw_kind *kind, const char *name);
HAUL_MUST_USE haul_rc haul_made_close(haul_made *s, haul_err *e);

/* A folder below another one. name is UTF-8, class may be NULL. Returns its nid. */
uint32_t haul_made_folder(haul_made *s, uint32_t parent, const char *name, const char *class, haul_role role);
/* Another name and class for a folder that is there (the wastebasket, say). */
void haul_made_rename(haul_made *s, uint32_t folder, const char *name, const char *class);
/* Make the folder claim this many items. */
void haul_made_claim(haul_made *s, uint32_t folder, uint32_t count);
/* One more property of a folder, or of the store (HAUL_PSTW_STORE). Copied. */
void haul_made_set(haul_made *s, uint32_t folder, uint32_t tag, const void *p, size_t n);
/* Entry id of a folder or message (2.4.3.2). */
void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID]);

/* Write a message into a folder. */
void haul_made_message_add(haul_made *s, uint32_t folder, const haul_made_message *m, haul_pstw_place place);

/* The property id of a name (2.4.7): of a number, or of a string when name is not NULL. guid: 16 octets as stored. */
uint16_t haul_made_named(haul_made *s, const uint8_t guid[16], uint32_t lid, const char *name);

#endif
