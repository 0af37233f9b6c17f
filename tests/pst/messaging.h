/* Stores, folders and messages. Source: MS-PST 2.4, 2.7; shared/reference/pst-writer.md and pst-template-tables.txt.
 *
 * Order: folders before what lies in them; messages are written at once, folders and the store at haul_pstw_close. Memory:
 * that of ndb.h and, of each folder's tables, of ltp.h; nothing of bodies. Errors stick, as in ndb.h. */
#ifndef HAUL_PSTW_MESSAGING_H
#define HAUL_PSTW_MESSAGING_H

#include "pst/ltp.h"

/* Nodes every store has (2.4.1, 2.7.3). */
#define HAUL_PSTW_STORE  0x21u
#define HAUL_PSTW_NAMES  0x61u
#define HAUL_PSTW_ROOT   0x122u
#define HAUL_PSTW_TOP    0x8022u /* IPM subtree */
#define HAUL_PSTW_FINDER 0x8042u
#define HAUL_PSTW_TRASH  0x8062u

#define HAUL_ENTRY_ID    24u

typedef struct haul_pstw_value { /* borrowed */
    uint32_t tag;
    const void *p; /* as haul_pc_add wants it */
    size_t n;
} haul_pstw_value;

typedef struct haul_pstw_props {
    const haul_pstw_value *v;
    size_t n;
} haul_pstw_props;

typedef struct haul_pstw_message haul_pstw_message;

typedef struct haul_pstw_attachment {
    haul_pstw_props props;
    bool has_data;
    bool object; /* data behind a PT_OBJECT (OLE) instead of PT_BINARY */
    const void *data;
    uint64_t size;
    void (*fill)(void *ctx, uint8_t *p,
                 size_t n); /* instead of data: the next octets of it; asked for once each */
    void *ctx;
    const haul_pstw_message *embedded; /* or NULL */
} haul_pstw_attachment;

struct haul_pstw_message {
    haul_pstw_props props;
    const haul_pstw_props *recipients;
    size_t n_recipients;
    const haul_pstw_attachment *attachments;
    size_t n_attachments;
};

typedef struct haul_pstw haul_pstw;

typedef enum haul_pstw_place {
    HAUL_PSTW_CONTENTS,
    HAUL_PSTW_ASSOCIATED,
    HAUL_PSTW_ORPHAN, /* a node whose folder does not list it, as after a deletion that was cut short */
} haul_pstw_place;

/* Creates path with the folders every store has, empty. Never NULL. */
haul_pstw *haul_pstw_open(const char *path, const haul_ndb_kind *kind, const char *name);
HAUL_MUST_USE haul_rc haul_pstw_close(haul_pstw *s, haul_err *e);

/* A folder below another one. name is UTF-8, class may be NULL. Returns its nid. */
uint32_t haul_pstw_folder(haul_pstw *s, uint32_t parent, const char *name, const char *class);
/* Another name and class for a folder that is there (the wastebasket, say). */
void haul_pstw_rename(haul_pstw *s, uint32_t folder, const char *name, const char *class);
/* Make the folder claim this many items. */
void haul_pstw_claim(haul_pstw *s, uint32_t folder, uint32_t count);
/* One more property of a folder, or of the store (HAUL_PSTW_STORE). Copied. */
void haul_pstw_set(haul_pstw *s, uint32_t folder, uint32_t tag, const void *p, size_t n);
/* The folder that new mail goes to (2.7.3: receive folder table). */
void haul_pstw_inbox(haul_pstw *s, uint32_t folder);
/* Entry id of a folder or message (2.4.3.2). */
void haul_pstw_entry_id(uint32_t nid, uint8_t ret[HAUL_ENTRY_ID]);

/* Write a message into a folder. Returns its nid. */
uint32_t haul_pstw_message_add(haul_pstw *s, uint32_t folder, const haul_pstw_message *m,
                               haul_pstw_place place);

/* The property id of a name (2.4.7): of a number, or of a string when name is not NULL. guid: 16 octets as stored. */
uint16_t haul_pstw_named(haul_pstw *s, const uint8_t guid[16], uint32_t lid, const char *name);

#endif
