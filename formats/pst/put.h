/* An Outlook store being written: folders and messages. Source: MS-PST 2.4, 2.7. Rules: docs/pst-writing.md.
 *
 * Messages go into the file as they come; what the folders' tables will say of them goes to a log beside it, with all that
 * has to be known to go on after a run that was cut off. Folders, tables and the store object are written by
 * haul_pstw_finish. Memory: 8 octets a block, 16 a node, 8 a message, and the folders. */
#ifndef HAUL_FORMATS_PST_PUT_H
#define HAUL_FORMATS_PST_PUT_H

#include "put_ndb.h"

#include "mime/mapi.h"
#include "model/folder.h"

/* Nodes every store has (2.4.1, 2.7.3). */
#define HAUL_PSTW_STORE       0x21u
#define HAUL_PSTW_NAME_MAP    0x61u
#define HAUL_PSTW_ROOT        0x122u
#define HAUL_PSTW_TOP         0x8022u /* IPM subtree */
#define HAUL_PSTW_FINDER      0x8042u
#define HAUL_PSTW_TRASH       0x8062u

#define HAUL_PSTW_ENTRY_ID    24u
#define HAUL_PSTW_FOLDERS_MAX 1000000u
#define HAUL_PSTW_CELL_MAX                                                                                   \
    65536u /* octets of a value that a folder's table repeats; larger ones are left out of it */
#define HAUL_PSTW_LARGEST (UINT64_C(50) * 1024 * 1024 * 1024) /* octets of a store that Outlook opens */

typedef struct haul_pstw haul_pstw;

typedef struct haul_pstw_setup {
    int fd, log;       /* the store and its log, which read and write; owned, whatever happens */
    const char *name;  /* of the file, for messages */
    const char *title; /* of the store, as Outlook shows it */
    haul_pstw_kind kind;
    const uint8_t *record_key; /* 16 octets; NULL: derived from what is in the store */
    bool bare;                 /* for test stores: items get no property that they should have and do not */
    uint64_t resume;           /* what the last haul_pstw_commit gave; 0 = a new store */
    uint64_t most; /* octets of the finished file, unless one message takes more; 0 = as it comes */
} haul_pstw_setup;

typedef enum haul_pstw_place {
    HAUL_PSTW_CONTENTS,
    HAUL_PSTW_ASSOCIATED,
    HAUL_PSTW_ORPHAN, /* a node whose folder does not list it, as after a deletion that was cut short */
} haul_pstw_place;

/* A store with the folders that every store has, empty; or as it was at a commit. HAUL_E_STATE: the log is not what was
 * committed. */
HAUL_MUST_USE haul_rc haul_pstw_open(const haul_pstw_setup *setup, haul_pstw **ret, haul_err *e);
/* The file of the store, owned, before anything is added to it. */
HAUL_MUST_USE haul_rc haul_pstw_use(haul_pstw *s, int fd, haul_err *e);
void haul_pstw_free(haul_pstw *s); /* NULL is accepted */

/* Whether the store has room for n more folders whose names and classes have so many octets together, or has nothing in it yet. */
bool haul_pstw_fits_folders(const haul_pstw *s, size_t n, size_t octets);
/* A folder below another one. name is UTF-8, class may be NULL. Returns its nid; 0: there are HAUL_PSTW_FOLDERS_MAX. */
uint32_t haul_pstw_folder(haul_pstw *s, uint32_t parent, const char *name, const char *class, haul_role role);
/* The same name, class and role for a folder that is there (the wastebasket, say). */
void haul_pstw_rename(haul_pstw *s, uint32_t folder, const char *name, const char *class, haul_role role);
/* The folders, in order of their making; false: there are not so many. */
bool haul_pstw_folder_at(const haul_pstw *s, size_t i, uint32_t *ret_nid, uint32_t *ret_parent,
                         const char **ret_name, haul_role *ret_role);
/* Make the folder claim this many items. Not logged. */
void haul_pstw_claim(haul_pstw *s, uint32_t folder, uint32_t count);
/* One more property of a folder, or of the store (HAUL_PSTW_STORE). Copied, and not logged. */
void haul_pstw_set(haul_pstw *s, uint32_t folder, uint32_t tag, const void *p, size_t n);
/* Entry id of a folder or message (2.4.3.2) in the store with that record key. */
void haul_pstw_entry_id(const uint8_t record_key[16], uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID]);

/* Write a message into a folder. HAUL_SKIP: it does not fit, or m cannot be read to its end; HAUL_END: the store has other
 * messages, or folders that this one is not below, and with it would be larger than haul_pstw_setup says. Nothing of it stays then. */
HAUL_MUST_USE haul_rc haul_pstw_message(haul_pstw *s, uint32_t folder, haul_mapi *m, haul_pstw_place place,
                                        uint32_t *ret_nid, haul_err *e);

/* The property id of a name (2.4.7): of a number, or of a string when name is not NULL. guid: 16 octets as stored. 0: the
 * map is full. */
uint16_t haul_pstw_named(haul_pstw *s, const uint8_t guid[16], uint32_t lid, const char *name);

/* All so far on disk; *ret_log is where to go on after a run that is cut off. */
HAUL_MUST_USE haul_rc haul_pstw_commit(haul_pstw *s, uint64_t *ret_log, haul_err *e);
/* The rest of the store, on disk; nothing may follow but haul_pstw_free. *ret_left_out: values for which tables of folders had
 * no room (they stay in the items). */
HAUL_MUST_USE haul_rc haul_pstw_finish(haul_pstw *s, size_t *ret_left_out, haul_err *e);

#endif
