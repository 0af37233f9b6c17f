#include "pipe/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows are appended without an index: a first run never looks one up. Indexes are made when a later run
 * finds rows, in one sort. */
static const char schema[] = "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE token(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE folder(source TEXT, path TEXT, target TEXT NOT NULL, PRIMARY "
                             "KEY(source, path)) WITHOUT ROWID;"
                             "CREATE TABLE source(path TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE name(n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
                             "CREATE TABLE item(n INTEGER PRIMARY KEY, id BLOB NOT NULL, source INTEGER NOT "
                             "NULL, folder INTEGER NOT NULL,"
                             " place TEXT NOT NULL, message_id TEXT, keywords TEXT NOT NULL, sha256 BLOB NOT "
                             "NULL, size INTEGER NOT NULL,"
                             " received INTEGER, flags INTEGER NOT NULL, lost INTEGER NOT NULL, run INTEGER "
                             "NOT NULL, seen INTEGER NOT NULL, stored BLOB, canonical INTEGER);";
/* What version 2 added; and how a version 1 that may not be changed is read as one. */
static const char upgrade[] =
    "ALTER TABLE item ADD COLUMN stored BLOB; ALTER TABLE item ADD COLUMN canonical INTEGER;";
static const char as_new[] =
    "CREATE TEMP VIEW item AS SELECT *, NULL AS stored, NULL AS canonical FROM main.item;";

/* X(enum, text): every statement, prepared at its first use. */
#define STATEMENTS(X)                                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(META_GET, "SELECT value FROM meta WHERE key = ?1")                                                     \
    X(META_SET, "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2")                 \
    X(NAME_ADD, "INSERT INTO name(text) VALUES(?1)")                                                         \
    X(NAME_GET, "SELECT n FROM name WHERE text = ?1 LIMIT 1")                                                \
    X(SOURCE_NAME, "SELECT name FROM source WHERE path = ?1")                                                \
    X(SOURCE_PATH, "SELECT path FROM source WHERE name = ?1 ORDER BY path LIMIT 1")                          \
    X(SOURCE_ADD, "INSERT OR IGNORE INTO source VALUES(?1, ?2)")                                             \
    X(SOURCE_LEAVE, "DELETE FROM source WHERE name = ?2 AND path <> ?1")                                     \
    X(FOLDER_GET, "SELECT target FROM folder WHERE source = ?1 AND path = ?2")                               \
    X(FOLDER_ALL, "SELECT DISTINCT target FROM folder ORDER BY target")                                      \
    X(FOLDER_ADD, "INSERT INTO folder VALUES(?1, ?2, ?3)")                                                   \
    X(TOKEN_PUT, "INSERT INTO token VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2")               \
    X(TOKEN_ALL, "SELECT key, value FROM token ORDER BY key")                                                \
    X(ITEM_ADD, "INSERT INTO item(id, source, folder, place, message_id, keywords, sha256, size,"            \
                " received, flags, lost, run, seen, stored, canonical)"                                      \
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14)")                 \
    X(ITEM_MOVE, "UPDATE item SET place = ?2 WHERE n = ?1")                                                  \
    X(ITEM_FORGET, "DELETE FROM item WHERE n = ?1")                                                          \
    X(ITEM_SEEN, "UPDATE item SET seen = ?2 WHERE n = ?1")                                                   \
    X(ITEM_ID, "SELECT " COLUMNS " WHERE i.id = ?1 ORDER BY i.n LIMIT 1")                                    \
    X(ITEM_MOVED, "SELECT " COLUMNS " WHERE i.sha256 = ?1 AND i.seen < ?2 AND s.text = ?3"                   \
                  " AND f.text = ?4 ORDER BY i.seen, i.n LIMIT 1")                                           \
    X(ITEM_DIGEST, "SELECT " COLUMNS " WHERE i.sha256 = ?1 LIMIT 1")                                         \
    X(ITEM_IN, "SELECT " COLUMNS " WHERE f.text = ?1 AND i.n > ?2 ORDER BY i.n LIMIT 1")                     \
    X(ITEM_ALL, "SELECT " COLUMNS " ORDER BY i.n")

#define COLUMNS                                                                                              \
    "i.n, lower(hex(i.id)), s.text, f.text, i.place, i.message_id, i.keywords, i.sha256, i.size, "           \
    "i.received,"                                                                                            \
    " i.flags, i.lost, i.seen, i.stored, i.canonical FROM item i JOIN name s ON s.n = i.source JOIN name f " \
    "ON "                                                                                                    \
    "f.n = i.folder"

enum {
#define X(id, text) ST_##id,
    STATEMENTS(X)
#undef X
        ST_COUNT
};

static const char *const statement_text[ST_COUNT] = {
#define X(id, text) text,
    STATEMENTS(X)
#undef X
};

struct haul_journal {
    sqlite3 *db;
    sqlite3_stmt *st[ST_COUNT];
    bool writing, has_items, read_only;
    int64_t run;
    char *name_text[2]; /* the last source and folder, whose rows every item of a folder repeats */
    int64_t name_row[2];
    char *held; /* what haul_journal_meta and _folder return */
};

static haul_rc db_fail(haul_journal *j, const char *what, haul_err *e)
{
    int code = sqlite3_errcode(j->db);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return haul_fail(e, HAUL_E_STATE, "the journal is in use: another run works on this target");
    return haul_fail(e, HAUL_E_STATE, "journal: %s: %s", what, sqlite3_errmsg(j->db));
}

static sqlite3_stmt *stmt(haul_journal *j, int which)
{
    if (!j->st[which])
        sqlite3_prepare_v3(j->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, &j->st[which], NULL);
    return j->st[which];
}

static void bind_text(sqlite3_stmt *s, int at, const char *z)
{
    if (s && z)
        sqlite3_bind_text(s, at, z, -1, SQLITE_STATIC);
    else if (s)
        sqlite3_bind_null(s, at);
}

/* Step a statement that returns nothing. */
static haul_rc run_stmt(haul_journal *j, sqlite3_stmt *s, const char *what, haul_err *e)
{
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    haul_rc rc = code == SQLITE_DONE || code == SQLITE_ROW ? HAUL_OK : db_fail(j, what, e);
    if (s)
        sqlite3_reset(s);
    return rc;
}

static haul_rc exec(haul_journal *j, const char *sql, const char *what, haul_err *e)
{
    return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? HAUL_OK : db_fail(j, what, e);
}

static haul_rc begin(haul_journal *j, haul_err *e)
{
    if (j->writing)
        return HAUL_OK;
    haul_rc rc = run_stmt(j, stmt(j, ST_BEGIN), "begin", e);
    j->writing = rc == HAUL_OK;
    return rc;
}

static bool scalar(haul_journal *j, const char *sql, int64_t *ret)
{
    sqlite3_stmt *s = NULL;
    bool row = sqlite3_prepare_v2(j->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    if (row)
        *ret = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return row;
}

/* Run `sql` and give the journal the version of this build, in one transaction. */
static haul_rc set_up(haul_journal *j, const char *sql, haul_err *e)
{
    char set[64];
    snprintf(set, sizeof(set), "PRAGMA user_version = %d", HAUL_JOURNAL_VERSION);
    haul_rc rc = begin(j, e);
    if (rc == HAUL_OK)
        rc = exec(j, sql, "creating tables", e);
    if (rc == HAUL_OK)
        rc = exec(j, set, "creating tables", e);
    return rc == HAUL_OK ? haul_journal_commit(j, e) : rc;
}

static haul_rc create_or_check(haul_journal *j, bool read_only, haul_err *e)
{
    int64_t version = 0, tables = 0;
    if (!scalar(j, "PRAGMA user_version", &version) ||
        !scalar(j, "SELECT count(*) FROM sqlite_schema", &tables))
        return db_fail(j, "opening", e);
    if (version == HAUL_JOURNAL_VERSION)
        return HAUL_OK;
    if (version > HAUL_JOURNAL_VERSION)
        return haul_fail(e, HAUL_E_STATE, "the journal was written by a newer mailhaul (version %lld)",
                         (long long)version);
    if (version == 1)
        return read_only ? exec(j, as_new, "opening", e) : set_up(j, upgrade, e);
    if (tables || read_only)
        return haul_fail(e, HAUL_E_STATE, "this is not a journal of mailhaul");
    return set_up(j, schema, e);
}

static haul_rc open_db(haul_journal *j, const char *file, bool read_only, haul_err *e)
{
    haul_auto_fd int fd =
        read_only ? -1 : open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* SQLite's own would be 0644 */
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(file, &j->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return haul_fail(e, HAUL_E_STATE, "%s: %s", file, j->db ? sqlite3_errmsg(j->db) : "out of memory");
    sqlite3_busy_timeout(j->db, 500);
    haul_rc rc = HAUL_OK;
    /* One writer for the whole run: exclusive locking also spares WAL its shared memory. */
    if (!read_only)
        rc = exec(j,
                  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                  "PRAGMA cache_size = -8000;",
                  "opening", e);
    if (rc == HAUL_OK)
        rc = create_or_check(j, read_only, e);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", file);
}

static void count_items(haul_journal *j)
{
    int64_t n = 0;
    j->has_items = scalar(j, "SELECT max(n) FROM item", &n) && n > 0;
}

haul_rc haul_journal_open(const char *file, bool read_only, haul_journal **ret, haul_err *e)
{
    haul_auto(haul_journal) *j = haul_calloc(1, sizeof(*j));
    j->read_only = read_only;
    haul_rc rc = open_db(j, file, read_only, e);
    if (rc != HAUL_OK)
        return rc;
    count_items(j);
    *ret = j;
    j = NULL;
    return HAUL_OK;
}

static haul_rc copy_db(haul_journal *j, const char *file, haul_err *e)
{
    sqlite3 *from = NULL;
    haul_rc rc = HAUL_OK;
    if (sqlite3_open_v2(file, &from, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        sqlite3_backup *b = sqlite3_backup_init(j->db, "main", from, "main");
        if (!b || sqlite3_backup_step(b, -1) != SQLITE_DONE)
            rc = db_fail(j, "copying for a dry run", e);
        sqlite3_backup_finish(b);
    }
    sqlite3_close(from);
    return rc;
}

haul_rc haul_journal_open_copy(const char *file, haul_journal **ret, haul_err *e)
{
    haul_auto(haul_journal) *j = haul_calloc(1, sizeof(*j));
    if (sqlite3_open_v2("", &j->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return haul_fail(e, HAUL_E_STATE, "making a temporary journal");
    haul_rc rc = access(file, F_OK) == 0 ? copy_db(j, file, e) : HAUL_OK;
    if (rc == HAUL_OK)
        rc = create_or_check(j, false, e);
    if (rc != HAUL_OK)
        return rc;
    count_items(j);
    *ret = j;
    j = NULL;
    return HAUL_OK;
}

void haul_journal_close(haul_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(j->st[i]);
    if (j->db && !j->read_only) { /* a file without a log can be read where nothing can be written */
        sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
        sqlite3_exec(j->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(j->db); /* rolls back */
    free(j->name_text[0]);
    free(j->name_text[1]);
    free(j->held);
    free(j);
}

haul_rc haul_journal_commit(haul_journal *j, haul_err *e)
{
    if (!j->writing)
        return HAUL_OK;
    haul_rc rc = run_stmt(j, stmt(j, ST_COMMIT), "commit", e);
    if (rc == HAUL_OK)
        j->writing = false;
    return rc;
}

/* The first column of the first row as text that lives until the next call. */
static const char *hold_text(haul_journal *j, sqlite3_stmt *s)
{
    free(j->held);
    j->held = NULL;
    if (s && sqlite3_step(s) == SQLITE_ROW)
        j->held = haul_strdup((const char *)sqlite3_column_text(s, 0));
    if (s)
        sqlite3_reset(s);
    return j->held;
}

const char *haul_journal_meta(haul_journal *j, const char *key)
{
    sqlite3_stmt *s = stmt(j, ST_META_GET);
    bind_text(s, 1, key);
    return hold_text(j, s);
}

haul_rc haul_journal_set_meta(haul_journal *j, const char *key, const char *value, haul_err *e)
{
    haul_rc rc = begin(j, e);
    sqlite3_stmt *s = stmt(j, ST_META_SET);
    bind_text(s, 1, key);
    bind_text(s, 2, value);
    return rc == HAUL_OK ? run_stmt(j, s, "writing", e) : rc;
}

bool haul_journal_has_items(const haul_journal *j)
{
    return j->has_items;
}

haul_rc haul_journal_begin_run(haul_journal *j, bool by_digest, haul_err *e)
{
    haul_rc rc = begin(j, e);
    const char *last = haul_journal_meta(j, "run");
    char number[24];
    j->run = (last ? strtoll(last, NULL, 10) : 0) + 1;
    snprintf(number, sizeof(number), "%lld", (long long)j->run);
    if (rc == HAUL_OK)
        rc = haul_journal_set_meta(j, "run", number, e);
    if (rc == HAUL_OK && j->has_items)
        rc = exec(j, "CREATE INDEX IF NOT EXISTS item_id ON item(id)", "indexing", e);
    if (rc == HAUL_OK && (by_digest || j->has_items))
        rc = exec(j, "CREATE INDEX IF NOT EXISTS item_sha256 ON item(sha256, seen)", "indexing", e);
    return rc == HAUL_OK ? haul_journal_commit(j, e) : rc;
}

static bool id_octets(const char *hex, uint8_t to[16])
{
    for (size_t i = 0; i < 16; i++) {
        int hi = haul_hexval((unsigned char)hex[2 * i]),
            lo = hi < 0 ? -1 : haul_hexval((unsigned char)hex[2 * i + 1]);
        if (lo < 0)
            return false;
        to[i] = (uint8_t)(hi * 16 + lo);
    }
    return true;
}

static const char *text_at(sqlite3_stmt *s, int column)
{
    return (const char *)sqlite3_column_text(s, column);
}

/* The row a look-up stands on; its texts live until the statement is reset by the next look-up. */
static haul_rc read_row(haul_journal *j, sqlite3_stmt *s, haul_record *ret, int64_t *ret_seen, haul_err *e)
{
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    if (code == SQLITE_DONE)
        return HAUL_END;
    if (code != SQLITE_ROW)
        return db_fail(j, "reading", e);
    bool differs = sqlite3_column_type(s, 13) != SQLITE_NULL;
    if (sqlite3_column_bytes(s, 7) != HAUL_SHA256_LEN ||
        (differs && sqlite3_column_bytes(s, 13) != HAUL_SHA256_LEN))
        return haul_fail(e, HAUL_E_STATE, "journal: a damaged row");
    *ret = (haul_record){.row = sqlite3_column_int64(s, 0),
                         .id = text_at(s, 1),
                         .source = text_at(s, 2),
                         .folder = text_at(s, 3),
                         .place = text_at(s, 4),
                         .message_id = text_at(s, 5),
                         .keywords = text_at(s, 6),
                         .sha256 = sqlite3_column_blob(s, 7),
                         .size = (uint64_t)sqlite3_column_int64(s, 8),
                         .has_received = sqlite3_column_type(s, 9) != SQLITE_NULL,
                         .received_us = sqlite3_column_int64(s, 9),
                         .flags = (unsigned)sqlite3_column_int(s, 10),
                         .lost = (unsigned)sqlite3_column_int(s, 11),
                         .stored = differs ? sqlite3_column_blob(s, 13) : NULL,
                         .canonical = (uint64_t)sqlite3_column_int64(s, 14)};
    if (ret_seen)
        *ret_seen = sqlite3_column_int64(s, 12);
    return HAUL_OK;
}

static sqlite3_stmt *fresh(haul_journal *j, int which)
{
    sqlite3_stmt *s = stmt(j, which);
    if (s)
        sqlite3_reset(s);
    return s;
}

haul_rc haul_journal_find(haul_journal *j, const char *id, haul_record *ret, bool *ret_seen, haul_err *e)
{
    uint8_t raw[16];
    int64_t seen = 0;
    if (!j->has_items || !id_octets(id, raw))
        return HAUL_END;
    sqlite3_stmt *s = fresh(j, ST_ITEM_ID);
    if (s)
        sqlite3_bind_blob(s, 1, raw, sizeof(raw), SQLITE_TRANSIENT);
    haul_rc rc = read_row(j, s, ret, &seen, e);
    if (rc == HAUL_OK)
        *ret_seen = seen == j->run;
    return rc;
}

haul_rc haul_journal_find_moved(haul_journal *j, const haul_record *like, haul_record *ret, haul_err *e)
{
    if (!j->has_items)
        return HAUL_END;
    sqlite3_stmt *s = fresh(j, ST_ITEM_MOVED);
    if (s) {
        sqlite3_bind_blob(s, 1, like->sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 2, j->run);
        sqlite3_bind_text(s, 3, like->source, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 4, like->folder, -1, SQLITE_TRANSIENT);
    }
    return read_row(j, s, ret, NULL, e);
}

haul_rc haul_journal_find_digest(haul_journal *j, const uint8_t *sha256, haul_record *ret, haul_err *e)
{
    sqlite3_stmt *s = fresh(j, ST_ITEM_DIGEST);
    if (s)
        sqlite3_bind_blob(s, 1, sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    return read_row(j, s, ret, NULL, e);
}

haul_rc haul_journal_mark_seen(haul_journal *j, int64_t row, haul_err *e)
{
    haul_rc rc = begin(j, e);
    sqlite3_stmt *s = stmt(j, ST_ITEM_SEEN);
    if (s) {
        sqlite3_bind_int64(s, 1, row);
        sqlite3_bind_int64(s, 2, j->run);
    }
    return rc == HAUL_OK ? run_stmt(j, s, "writing", e) : rc;
}

/* The row of a repeated name; slot 0 is for sources, 1 for folders. */
static haul_rc name_row(haul_journal *j, int slot, const char *text, int64_t *ret, haul_err *e)
{
    if (j->name_text[slot] && strcmp(j->name_text[slot], text) == 0) {
        *ret = j->name_row[slot];
        return HAUL_OK;
    }
    haul_rc rc = HAUL_OK;
    sqlite3_stmt *s = stmt(j, ST_NAME_GET);
    bind_text(s, 1, text);
    bool known = s && sqlite3_step(s) == SQLITE_ROW;
    if (known)
        j->name_row[slot] = sqlite3_column_int64(s, 0);
    if (s)
        sqlite3_reset(s);
    if (!known) {
        s = stmt(j, ST_NAME_ADD);
        bind_text(s, 1, text);
        rc = run_stmt(j, s, "writing", e);
        j->name_row[slot] = sqlite3_last_insert_rowid(j->db);
    }
    free(j->name_text[slot]);
    j->name_text[slot] = rc == HAUL_OK ? haul_strdup(text) : NULL;
    *ret = j->name_row[slot];
    return rc;
}

static void bind_item(haul_journal *j, sqlite3_stmt *s, const haul_record *r, const uint8_t id[16],
                      int64_t source, int64_t folder)
{
    sqlite3_bind_blob(s, 1, id, 16, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, source);
    sqlite3_bind_int64(s, 3, folder);
    bind_text(s, 4, r->place);
    bind_text(s, 5, r->message_id);
    bind_text(s, 6, r->keywords);
    sqlite3_bind_blob(s, 7, r->sha256, HAUL_SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(s, 8, (int64_t)r->size);
    if (r->has_received)
        sqlite3_bind_int64(s, 9, r->received_us);
    else
        sqlite3_bind_null(s, 9);
    sqlite3_bind_int64(s, 10, r->flags);
    sqlite3_bind_int64(s, 11, r->lost);
    sqlite3_bind_int64(s, 12, j->run);
    if (r->stored)
        sqlite3_bind_blob(s, 13, r->stored, HAUL_SHA256_LEN, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, 13);
    sqlite3_bind_int64(s, 14, (int64_t)r->canonical);
}

haul_rc haul_journal_add(haul_journal *j, const haul_record *r, haul_err *e)
{
    uint8_t id[16];
    int64_t source, folder;
    if (!id_octets(r->id, id))
        return haul_fail(e, HAUL_E_STATE, "journal: a malformed id");
    haul_rc rc = begin(j, e);
    if (rc == HAUL_OK)
        rc = name_row(j, 0, r->source, &source, e);
    if (rc == HAUL_OK)
        rc = name_row(j, 1, r->folder, &folder, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(j, ST_ITEM_ADD);
    if (s)
        bind_item(j, s, r, id, source, folder);
    return run_stmt(j, s, "writing", e);
}

haul_rc haul_journal_move(haul_journal *j, int64_t row, const char *place, haul_err *e)
{
    haul_rc rc = begin(j, e);
    sqlite3_stmt *s = stmt(j, ST_ITEM_MOVE);
    if (s)
        sqlite3_bind_int64(s, 1, row);
    bind_text(s, 2, place);
    return rc == HAUL_OK ? run_stmt(j, s, "writing", e) : rc;
}

haul_rc haul_journal_forget(haul_journal *j, int64_t row, haul_err *e)
{
    haul_rc rc = begin(j, e);
    sqlite3_stmt *s = stmt(j, ST_ITEM_FORGET);
    if (s)
        sqlite3_bind_int64(s, 1, row);
    return rc == HAUL_OK ? run_stmt(j, s, "writing", e) : rc;
}

const char *haul_journal_source_name(haul_journal *j, const char *path)
{
    sqlite3_stmt *s = stmt(j, ST_SOURCE_NAME);
    bind_text(s, 1, path);
    return hold_text(j, s);
}

const char *haul_journal_source_path(haul_journal *j, const char *name)
{
    sqlite3_stmt *s = stmt(j, ST_SOURCE_PATH);
    bind_text(s, 1, name);
    return hold_text(j, s);
}

haul_rc haul_journal_add_source(haul_journal *j, const char *path, const char *name, haul_err *e)
{
    static const int both[] = {ST_SOURCE_LEAVE, ST_SOURCE_ADD};
    haul_rc rc = begin(j, e);
    for (size_t i = 0; i < HAUL_COUNT(both) && rc == HAUL_OK; i++) {
        sqlite3_stmt *s = stmt(j, both[i]);
        bind_text(s, 1, path);
        bind_text(s, 2, name);
        rc = run_stmt(j, s, "writing", e);
    }
    return rc;
}

const char *haul_journal_folder(haul_journal *j, const char *source, const char *path)
{
    sqlite3_stmt *s = stmt(j, ST_FOLDER_GET);
    bind_text(s, 1, source);
    bind_text(s, 2, path);
    return hold_text(j, s);
}

haul_rc haul_journal_each_folder(haul_journal *j, void (*fn)(void *ctx, const char *target), void *ctx,
                                 haul_err *e)
{
    sqlite3_stmt *s = fresh(j, ST_FOLDER_ALL);
    int code = SQLITE_ERROR;
    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        fn(ctx, text_at(s, 0));
    if (s)
        sqlite3_reset(s);
    return code == SQLITE_DONE ? HAUL_OK : db_fail(j, "reading", e);
}

haul_rc haul_journal_add_folder(haul_journal *j, const char *source, const char *path, const char *target,
                                haul_err *e)
{
    haul_rc rc = begin(j, e);
    sqlite3_stmt *s = stmt(j, ST_FOLDER_ADD);
    bind_text(s, 1, source);
    bind_text(s, 2, path);
    bind_text(s, 3, target);
    return rc == HAUL_OK ? run_stmt(j, s, "writing", e) : rc;
}

haul_rc haul_journal_put_tokens(haul_journal *j, const haul_tokens *t, haul_err *e)
{
    haul_rc rc = haul_tokens_count(t) ? begin(j, e) : HAUL_OK;
    for (size_t i = 0; i < haul_tokens_count(t) && rc == HAUL_OK; i++) {
        const char *key, *value;
        haul_tokens_at(t, i, &key, &value);
        sqlite3_stmt *s = stmt(j, ST_TOKEN_PUT);
        bind_text(s, 1, key);
        bind_text(s, 2, value);
        rc = run_stmt(j, s, "writing", e);
    }
    return rc;
}

haul_rc haul_journal_get_tokens(haul_journal *j, haul_tokens *to, haul_err *e)
{
    sqlite3_stmt *s = fresh(j, ST_TOKEN_ALL);
    int code = SQLITE_ERROR;
    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        haul_tokens_put(to, text_at(s, 0), text_at(s, 1));
    if (s)
        sqlite3_reset(s);
    return code == SQLITE_DONE ? HAUL_OK : db_fail(j, "reading", e);
}

haul_rc haul_journal_each(haul_journal *j, haul_rc (*fn)(void *ctx, const haul_record *r, haul_err *e),
                          void *ctx, haul_err *e)
{
    sqlite3_stmt *s = fresh(j, ST_ITEM_ALL);
    haul_record r;
    haul_rc rc;
    while ((rc = read_row(j, s, &r, NULL, e)) == HAUL_OK && (rc = fn(ctx, &r, e)) == HAUL_OK)
        ;
    if (s)
        sqlite3_reset(s);
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* Looked up one by one, so that fn may change the record it stands on. */
haul_rc haul_journal_each_in_folder(haul_journal *j, const char *folder,
                                    haul_rc (*fn)(void *ctx, const haul_record *r, haul_err *e), void *ctx,
                                    haul_err *e)
{
    haul_record r = {0};
    haul_rc rc = j->read_only ? HAUL_OK : begin(j, e);
    if (rc == HAUL_OK && !j->read_only)
        rc = exec(j, "CREATE INDEX IF NOT EXISTS item_folder ON item(folder)", "indexing", e);
    while (rc == HAUL_OK) {
        sqlite3_stmt *s = fresh(j, ST_ITEM_IN);
        bind_text(s, 1, folder);
        if (s)
            sqlite3_bind_int64(s, 2, r.row);
        rc = read_row(j, s, &r, NULL, e);
        if (rc == HAUL_OK)
            rc = fn(ctx, &r, e);
    }
    if (j->st[ST_ITEM_IN])
        sqlite3_reset(j->st[ST_ITEM_IN]);
    return rc == HAUL_END ? HAUL_OK : rc;
}
