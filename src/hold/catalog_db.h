/* What catalog.c and catalog_read.c share: the open catalogue, its statements, and how a document lies in a row. */
#ifndef HAUL_HOLD_CATALOG_DB_H
#define HAUL_HOLD_CATALOG_DB_H

#include "hold/catalog.h"

#include <sqlite3.h>

/* X(field): every text of a document that is a column of its own. custodian, source and folder are not: they are the same
 * for thousands, and stand once in `box`. */
#define HAUL_DOC_TEXTS(X)                                                                                    \
    X(docid)                                                                                                 \
    X(item_id)                                                                                               \
    X(native)                                                                                                \
    X(text)                                                                                                  \
    X(folder_written)                                                                                        \
    X(place)                                                                                                 \
    X(from)                                                                                                  \
    X(to)                                                                                                    \
    X(cc)                                                                                                    \
    X(bcc)                                                                                                   \
    X(subject)                                                                                               \
    X(date_field)                                                                                            \
    X(message_id)                                                                                            \
    X(mih)                                                                                                   \
    X(in_reply_to)                                                                                           \
    X(references)                                                                                            \
    X(conversation_index)                                                                                    \
    X(importance)                                                                                            \
    X(mime_type)                                                                                             \
    X(content_id)                                                                                            \
    X(keywords)                                                                                              \
    X(file_name)                                                                                             \
    X(exception)

/* What haul_catalog_read_doc reads, in this order. Select from DOC_FROM. */
#define HAUL_DOC_COLUMN(field) ", d.\"" #field "\""
#define HAUL_DOC_COLUMNS                                                                                     \
    "d.n, d.parent, d.kind, d.flags, d.sent, d.sent_tz, d.received, d.received_tz, d.created, d.modified,"   \
    " d.size, d.text_size, d.md5, d.sha1, d.sha256, d.canonical, d.text_sha256, b.custodian, b.source,"      \
    " b.folder" HAUL_DOC_TEXTS(HAUL_DOC_COLUMN)
/* CROSS JOIN: documents outside, so that they come in the order of their rows. */
#define HAUL_DOC_FROM " FROM doc d CROSS JOIN box b ON b.n = d.box"

/* X(enum, text): statements that are run once an item, prepared at their first use. Walks prepare their own, so that one
 * may be started within another. */
#define HAUL_CATALOG_STATEMENTS(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(META_GET, "SELECT value FROM meta WHERE key = ?1")                                                     \
    X(META_SET, "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2")                 \
    X(BOX_GET, "SELECT n FROM box WHERE custodian = ?1 AND source = ?2 AND folder = ?3")                     \
    X(BOX_ADD, "INSERT INTO box(custodian, source, folder) VALUES(?1, ?2, ?3)")                              \
    X(DOC_ADD, HAUL_DOC_INSERT)                                                                              \
    X(TWIN_ADD, "INSERT OR REPLACE INTO twin(doc, box, item_id, place) VALUES(?1, ?2, ?3, ?4)")              \
    X(LEFT_ADD, "INSERT OR REPLACE INTO left_out(box, item_id, status, place, kind, message_id, subject,"    \
                " reason, issues, stored_as) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")               \
    X(LEFT_DROP, "DELETE FROM left_out WHERE item_id = ?1")                                                  \
    X(EXCEPTION_ADD, "INSERT OR IGNORE INTO exception(box, docid, item_id, place, kind, issue, detail,"      \
                     " disposition) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                 \
    X(EXCEPTION_DROP, "DELETE FROM exception WHERE docid = '' AND item_id = ?1")                             \
    X(KIND_DROP, "DELETE FROM exception WHERE kind = ?1")                                                    \
    X(SOURCE_DROP, "DELETE FROM exception WHERE docid = '' AND item_id = ''"                                 \
                   " AND box IN (SELECT n FROM box WHERE source = ?1)")                                      \
    X(FILE_ADD, "INSERT OR REPLACE INTO file VALUES(?1, ?2, ?3, ?4)")                                        \
    X(FIND_DIGEST, HAUL_DOC_FIND("canonical"))                                                               \
    X(FIND_MIH, HAUL_DOC_FIND("mih"))

#define HAUL_DOC_FIELD(field) ", \"" #field "\""
#define HAUL_DOC_MARK(field)  ", ?"
#define HAUL_DOC_INSERT                                                                                      \
    "INSERT INTO doc(n, parent, box, kind, flags, sent, sent_tz, received, received_tz, created, modified,"  \
    " size, text_size, md5, sha1, sha256, canonical, text_sha256" HAUL_DOC_TEXTS(                            \
        HAUL_DOC_FIELD) ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?" HAUL_DOC_TEXTS(HAUL_DOC_MARK) ")"
#define HAUL_DOC_FIND(column)                                                                                \
    "SELECT " HAUL_DOC_COLUMNS HAUL_DOC_FROM " WHERE d.parent = 0 AND d." column                             \
    " = ?1 AND (?2 IS NULL OR b.custodian = ?2) ORDER BY d.n LIMIT 1"

enum {
#define X(id, text) HAUL_ST_##id,
    HAUL_CATALOG_STATEMENTS(X)
#undef X
        HAUL_ST_COUNT
};

struct haul_catalog {
    sqlite3 *db;
    sqlite3_stmt *st[HAUL_ST_COUNT];
    bool writing, read_only;
    bool indexed[2];      /* by digest, by MIH: made at the first haul_catalog_find */
    int64_t last, family; /* the highest row, and the row of the message it belongs to */
    haul_str box_key;     /* the last custodian, source and folder, which all items of a folder repeat */
    int64_t box;
    char *held; /* what haul_catalog_meta returns */
};

haul_rc haul_catalog_fail(haul_catalog *c, const char *what, haul_err *e);
/* A statement of the caller's own; finalize it. */
HAUL_MUST_USE haul_rc haul_catalog_prepare(haul_catalog *c, const char *sql, sqlite3_stmt **ret, haul_err *e);
/* A text of the row that s stands on, never NULL; lives until the next step. */
const char *haul_catalog_text(sqlite3_stmt *s, int column);
/* The document that s stands on; strings are copied to a. */
HAUL_MUST_USE haul_rc haul_catalog_read_doc(haul_catalog *c, sqlite3_stmt *s, haul_arena *a, haul_doc *ret,
                                            haul_err *e);
/* Where field i of HAUL_DOC_TEXTS lies in a haul_doc, in octets. */
extern const size_t haul_doc_text_at[];
extern const size_t haul_doc_texts;

#endif
