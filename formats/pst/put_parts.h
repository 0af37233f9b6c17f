/* A store being written, for its own sources. */
#ifndef HAUL_FORMATS_PST_PUT_PARTS_H
#define HAUL_FORMATS_PST_PUT_PARTS_H

#include "put.h"
#include "put_names.h"
#include "put_templates.h"

#include "base/hash.h"

typedef struct haul_pstw_rows { /* of a folder's table: places in the log */
    uint64_t *v;
    size_t n, cap;
    uint32_t unread;
    uint32_t pages, used; /* of its heap, and octets of the last page, when cells are all that is in it */
    uint64_t large;       /* octets that its cells take as subnodes */
    uint64_t tail;        /* what the table will take, at most */
} haul_pstw_rows;

typedef struct haul_pstw_box { /* a folder */
    uint32_t nid, parent;
    char *name, *class; /* class may be NULL */
    haul_role role;
    size_t first, last, next; /* children, and the next child of the same parent: indexes, 0 = none */
    haul_pstw_rows contents, associated;
    uint32_t claimed; /* UINT32_MAX = the truth */
    haul_str props;   /* as haul_pstw_cells reads them */
} haul_pstw_box;

typedef struct haul_pstw_log {
    int fd;
    char *buf; /* what is not in the file yet */
    size_t used;
    uint64_t end; /* octets, with those */
    char *window; /* what was read last: rows of a folder often lie behind one another */
    uint64_t window_at;
    size_t window_n;
} haul_pstw_log;

struct haul_pstw {
    haul_pstw_ndb *ndb;
    haul_pstw_box *v; /* parents first; the first is the root */
    size_t n, cap;
    haul_pstw_names names;
    haul_pstw_log log;
    haul_str scratch, row;
    char *title;
    haul_str props; /* of the store */
    bool has_key, bare;
    uint64_t most; /* octets of the file; 0 = as it comes */
    uint64_t tail; /* what folders and tables that are still to be written take, at most */
    uint8_t key[16];
    haul_pstw_state logged; /* blocks and nodes that the log has, */
    size_t logged_names;    /* and names */
    haul_rc rc;             /* of the log; sticks */
    haul_err err;
};

/* ── records of the log (put_log.c) ── */

enum {
    HAUL_PSTW_LOG_BLOCKS = 'C',
    HAUL_PSTW_LOG_NODES = 'N',
    HAUL_PSTW_LOG_NAME = 'M',
    HAUL_PSTW_LOG_FOLDER = 'F',
    HAUL_PSTW_LOG_RENAMED = 'G',
    HAUL_PSTW_LOG_ROW = 'R',
    HAUL_PSTW_LOG_STATE = 'S',
};
#define HAUL_PSTW_RECORD_MAX (16u * 1024u * 1024u)

/* Returns where it is. */
uint64_t haul_pstw_log_add(haul_pstw *s, uint8_t type, const void *p, size_t n);
/* Rows: folder and nid of the message (4 octets each), haul_pstw_place, whether it is unread (1 each), then cells. */
#define HAUL_PSTW_ROW_HEAD 16u
/* The names that it does not have yet. */
void haul_pstw_log_names(haul_pstw *s);
/* The payload of a record, into s->scratch. False: it cannot be read; s->rc says why. */
bool haul_pstw_log_read(haul_pstw *s, uint64_t at, uint8_t type);
HAUL_MUST_USE haul_rc haul_pstw_log_sync(haul_pstw *s, uint64_t *ret_end, haul_err *e);
/* Take up what is in front of `end`; the next record goes there. */
HAUL_MUST_USE haul_rc haul_pstw_log_replay(haul_pstw *s, uint64_t end, haul_err *e);

/* ── cells: tag, octets of the value, value ── */

void haul_pstw_cells_add(haul_str *to, uint32_t tag, const void *p, size_t n);

typedef struct haul_pstw_cell {
    uint32_t tag, n;
    const uint8_t *p;
} haul_pstw_cell;

/* The next cell at *at of n octets; false: no more. */
bool haul_pstw_cells_next(const char *p, size_t n, size_t *at, haul_pstw_cell *ret);

/* ── folders (put_folder.c) ── */

#define HAUL_PSTW_GIVEN 4u /* folders that every store has */

/* Folders other than those that every store has, this one and those above it. */
bool haul_pstw_has_others(const haul_pstw *s, uint32_t folder);
haul_pstw_box *haul_pstw_box_of(const haul_pstw *s, uint32_t nid);
/* Without logging. */
haul_pstw_box *haul_pstw_box_add(haul_pstw *s, uint32_t nid, uint32_t parent, const char *name,
                                 const char *class, haul_role role);
void haul_pstw_box_rename(haul_pstw *s, haul_pstw_box *f, const char *name, const char *class,
                          haul_role role);
/* A row of a table, of n octets (p) at that place of the log. */
void haul_pstw_row_add(haul_pstw *s, const uint8_t *p, size_t n, uint64_t at);
/* Tables of all folders; what is in the rows goes into sum. Then the folders themselves, which say entry ids. */
void haul_pstw_put_tables(haul_pstw *s, haul_sha256 *sum, size_t *ret_left_out);
void haul_pstw_put_folders(haul_pstw *s);
void haul_pstw_put_row(haul_pstw_tc *t, const haul_pstw_box *f, bool has_children, uint32_t version);

/* ── what the end takes (put_tail.c) ── */

/* The last row of r has those cells. */
void haul_pstw_tail_row(haul_pstw *s, haul_pstw_rows *r, haul_pstw_template_id id, const char *cells,
                        size_t n);
/* Octets of the finished file, at most, if all that came were another node, a row of that size, and as many more octets. */
uint64_t haul_pstw_tail_size(const haul_pstw *s, size_t row, uint64_t more);
/* What n folders take, at most, whose names and classes have so many octets together. */
uint64_t haul_pstw_tail_folders(size_t n, size_t octets);

void haul_pstw_put_object(haul_pstw *s, uint32_t nid, haul_pstw_object o, uint32_t parent);
static inline uint32_t haul_pstw_sibling(uint32_t folder,
                                         unsigned type) /* 2.4.4: the tables share the folder's index */
{
    return HAUL_PSTW_NID(folder >> 5, type);
}
void haul_pstw_table(haul_pstw_tc *t, haul_pstw_ndb *n, haul_pstw_template_id id, size_t n_rows);

/* Folders by what they are for (put_roles.c): which property of the store, or of the inbox and the root, names them. */
void haul_pstw_put_roles(const haul_pstw *s, haul_pstw_pc *to, bool store);
/* The folder with that role; 0 = none. */
uint32_t haul_pstw_role(const haul_pstw *s, haul_role role);

#define HAUL_PSTW_SEARCH_FOLDER 0x2223u
#define HAUL_PSTW_SEARCH_NAME   "SPAM Search Folder 2"

#endif
