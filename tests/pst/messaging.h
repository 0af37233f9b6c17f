/* Stores, folders and messages. Source: MS-PST 2.4, 2.7; shared/reference/pst-writer.md and pst-template-tables.txt.
 *
 * Order: folders before what lies in them; messages are written at once, folders and the store at haul_pst_close. Memory:
 * the rows of each folder's tables, nothing of bodies. Errors stick, as in ndb.h. */
#ifndef HAUL_PST_MESSAGING_H
#define HAUL_PST_MESSAGING_H

#include "pst/ltp.h"

/* Nodes every store has (2.4.1, 2.7.3). */
#define HAUL_PST_STORE  0x21u
#define HAUL_PST_NAMES  0x61u
#define HAUL_PST_ROOT   0x122u
#define HAUL_PST_TOP    0x8022u /* IPM subtree */
#define HAUL_PST_FINDER 0x8042u
#define HAUL_PST_TRASH  0x8062u

#define HAUL_ENTRY_ID   24u

typedef struct haul_pst_value { /* borrowed */
    uint32_t tag;
    const void *p; /* as haul_pc_add wants it */
    size_t n;
} haul_pst_value;

typedef struct haul_pst_props {
    const haul_pst_value *v;
    size_t n;
} haul_pst_props;

typedef struct haul_pst_message haul_pst_message;

typedef struct haul_pst_attachment {
    haul_pst_props props;
    bool has_data;
    bool object; /* data behind a PT_OBJECT (OLE) instead of PT_BINARY */
    const void *data;
    size_t size;
    const haul_pst_message *embedded; /* or NULL */
} haul_pst_attachment;

struct haul_pst_message {
    haul_pst_props props;
    const haul_pst_props *recipients;
    size_t n_recipients;
    const haul_pst_attachment *attachments;
    size_t n_attachments;
};

typedef struct haul_pst haul_pst;

typedef enum haul_pst_place {
    HAUL_PST_CONTENTS,
    HAUL_PST_ASSOCIATED,
    HAUL_PST_ORPHAN, /* a node whose folder does not list it, as after a deletion that was cut short */
} haul_pst_place;

/* Creates path with the folders every store has, empty. Never NULL. */
haul_pst *haul_pst_open(const char *path, haul_ndb_crypt crypt, const char *name);
HAUL_MUST_USE haul_rc haul_pst_close(haul_pst *s, haul_err *e);

/* A folder below another one. name is UTF-8, class may be NULL. Returns its nid. */
uint32_t haul_pst_folder(haul_pst *s, uint32_t parent, const char *name, const char *class);
/* Another name and class for a folder that is there (the wastebasket, say). */
void haul_pst_rename(haul_pst *s, uint32_t folder, const char *name, const char *class);
/* Make the folder claim this many items. */
void haul_pst_claim(haul_pst *s, uint32_t folder, uint32_t count);
/* One more property of a folder, or of the store (HAUL_PST_STORE). Copied. */
void haul_pst_set(haul_pst *s, uint32_t folder, uint32_t tag, const void *p, size_t n);
/* The folder that new mail goes to (2.7.3: receive folder table). */
void haul_pst_inbox(haul_pst *s, uint32_t folder);
/* Entry id of a folder or message (2.4.3.2). */
void haul_pst_entry_id(uint32_t nid, uint8_t ret[HAUL_ENTRY_ID]);

/* Write a message into a folder. Returns its nid. */
uint32_t haul_pst_message_add(haul_pst *s, uint32_t folder, const haul_pst_message *m, haul_pst_place place);

/* The property id of a name (2.4.7): of a number, or of a string when name is not NULL. guid: 16 octets as stored. */
uint16_t haul_pst_named(haul_pst *s, const uint8_t guid[16], uint32_t lid, const char *name);

#endif
