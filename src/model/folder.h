/* Folders: a tree by ids, a UTF-8 name a level, a role that the format knows, not the language. */
#ifndef HAUL_MODEL_FOLDER_H
#define HAUL_MODEL_FOLDER_H

#include "base/arena.h"
#include "base/str.h"

#define HAUL_FOLDER_NONE      UINT32_MAX
#define HAUL_FOLDER_DEPTH_MAX 64u

/* X(enum, name): special uses of RFC 6154 plus what Outlook and Thunderbird know. */
#define HAUL_ROLE_LIST(X)                                                                                    \
    X(NONE, "")                                                                                              \
    X(INBOX, "inbox")                                                                                        \
    X(SENT, "sent")                                                                                          \
    X(DRAFTS, "drafts")                                                                                      \
    X(TRASH, "trash")                                                                                        \
    X(JUNK, "junk")                                                                                          \
    X(ARCHIVE, "archive")                                                                                    \
    X(ALL, "all")                                                                                            \
    X(FLAGGED, "flagged")                                                                                    \
    X(IMPORTANT, "important")                                                                                \
    X(OUTBOX, "outbox")                                                                                      \
    X(TEMPLATES, "templates")                                                                                \
    X(CALENDAR, "calendar")                                                                                  \
    X(CONTACTS, "contacts")                                                                                  \
    X(TASKS, "tasks") X(NOTES, "notes") X(JOURNAL, "journal")

typedef enum haul_role {
#define X(id, name) HAUL_ROLE_##id,
    HAUL_ROLE_LIST(X)
#undef X
        HAUL_ROLE_COUNT
} haul_role;

const char *haul_role_name(haul_role r); /* "" for none */

typedef struct haul_folder {
    uint32_t id;          /* dense from 0 in order of declaration, given by the reader */
    uint32_t parent;      /* an id declared before, or HAUL_FOLDER_NONE */
    const char *name;     /* one level, UTF-8, not empty, no separator meaning: may hold '/' or '.' */
    const char *raw_name; /* the octets as stored where they were not UTF-8, else NULL */
    haul_role role;
} haul_folder;

/* All folders of one source, by id. */
typedef struct haul_folders {
    haul_folder *v;
    size_t n, cap;
    haul_arena arena;
} haul_folders;

/* Copy f in; f->id must be n, its parent an earlier id or NONE; depth at most HAUL_FOLDER_DEPTH_MAX. False otherwise. */
bool haul_folders_add(haul_folders *fs, const haul_folder *f);
const haul_folder *haul_folders_get(const haul_folders *fs, uint32_t id); /* NULL when unknown */
/* Append the path: names joined by '/', with '/' and '\' inside a name written as "\/" and "\\". */
void haul_folders_path(const haul_folders *fs, uint32_t id, haul_str *to);
/* Octet order, but '/' before everything else: what is in a folder follows the folder. As strcmp. */
int haul_path_order(const char *a, const char *b);
/* Components from the top; at most HAUL_FOLDER_DEPTH_MAX. Returns their number. */
size_t haul_folders_chain(const haul_folders *fs, uint32_t id, const haul_folder *ret[HAUL_FOLDER_DEPTH_MAX]);
void haul_folders_done(haul_folders *fs);

#endif
