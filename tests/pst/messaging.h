/* Stores, folders and messages. Source: MS-PST 2.4, 2.7; shared/reference/pst-writer.md and pst-template-tables.txt.
 *
 * Order: folders before what lies in them; messages are written at once, folders and the store at haul_made_close. Memory:
 * that of ndb.h and, of each folder's tables, of ltp.h; nothing of bodies. Errors stick, as in ndb.h. */
#ifndef HAUL_MADE_MESSAGING_H
#define HAUL_MADE_MESSAGING_H

#include "pst/ltp.h"

/* Nodes every store has (2.4.1, 2.7.3). */
#define HAUL_MADE_STORE  0x21u
#define HAUL_MADE_NAMES  0x61u
#define HAUL_MADE_ROOT   0x122u
#define HAUL_MADE_TOP    0x8022u /* IPM subtree */
#define HAUL_MADE_FINDER 0x8042u
#define HAUL_MADE_TRASH  0x8062u

#define HAUL_ENTRY_ID    24u

typedef struct haul_made_value { /* borrowed */
    uint32_t tag;
    const void *p; /* as haul_pc_add wants it */
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

typedef enum haul_made_place {
    HAUL_MADE_CONTENTS,
    HAUL_MADE_ASSOCIATED,
    HAUL_MADE_ORPHAN, /* a node whose folder does not list it, as after a deletion that was cut short */
} haul_made_place;

/* Creates path with the folders every store has, empty. Never NULL. */
haul_made *haul_made_open(const char *path, const haul_ndb_kind *kind, const char *name);
HAUL_MUST_USE haul_rc haul_made_close(haul_made *s, haul_err *e);

/* A folder below another one. name is UTF-8, class may be NULL. Returns its nid. */
uint32_t haul_made_folder(haul_made *s, uint32_t parent, const char *name, const char *class);
/* Another name and class for a folder that is there (the wastebasket, say). */
void haul_made_rename(haul_made *s, uint32_t folder, const char *name, const char *class);
/* Make the folder claim this many items. */
void haul_made_claim(haul_made *s, uint32_t folder, uint32_t count);
/* One more property of a folder, or of the store (HAUL_MADE_STORE). Copied. */
void haul_made_set(haul_made *s, uint32_t folder, uint32_t tag, const void *p, size_t n);
/* The folder that new mail goes to (2.7.3: receive folder table). */
void haul_made_inbox(haul_made *s, uint32_t folder);
/* Entry id of a folder or message (2.4.3.2). */
void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_ENTRY_ID]);

/* Write a message into a folder. Returns its nid. */
uint32_t haul_made_message_add(haul_made *s, uint32_t folder, const haul_made_message *m,
                               haul_made_place place);

/* The property id of a name (2.4.7): of a number, or of a string when name is not NULL. guid: 16 octets as stored. */
uint16_t haul_made_named(haul_made *s, const uint8_t guid[16], uint32_t lid, const char *name);

#endif
