#include "hold/catalog_db.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID     0x4861556c /* "HaUl": a catalogue is not taken for a journal */
#define VERSION            1
#define SET(name, n)       "PRAGMA " name " = " SET_TEXT(n) ";"
#define SET_TEXT(n)        #n

#define TEXT_COLUMN(field) ", \"" #field "\" TEXT NOT NULL"
/* Digests and paths stand before the long texts of a row: counting and listing files need not read beyond them. */
static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE box(n INTEGER PRIMARY KEY, custodian TEXT NOT NULL, source TEXT NOT NULL, folder TEXT NOT "
    "NULL,"
    " UNIQUE(custodian, source, folder));"
    "CREATE TABLE doc(n INTEGER PRIMARY KEY, parent INTEGER NOT NULL, box INTEGER NOT NULL, kind INTEGER NOT "
    "NULL,"
    " flags INTEGER, sent INTEGER, sent_tz INTEGER, received INTEGER, received_tz INTEGER, created INTEGER,"
    " modified INTEGER, size INTEGER NOT NULL, text_size INTEGER NOT NULL, md5 BLOB NOT NULL, sha1 BLOB NOT "
    "NULL,"
    " sha256 BLOB NOT NULL, canonical BLOB, text_sha256 BLOB" HAUL_DOC_TEXTS(
        TEXT_COLUMN) ");"
                     "CREATE INDEX doc_box ON doc(box) WHERE parent = 0;"
                     "CREATE TABLE twin(n INTEGER PRIMARY KEY, doc INTEGER NOT NULL, box INTEGER NOT NULL, "
                     "item_id TEXT NOT NULL,"
                     " place TEXT NOT NULL);"
                     "CREATE INDEX twin_doc ON twin(doc);"
                     "CREATE UNIQUE INDEX twin_item ON twin(item_id) WHERE item_id <> '';"
                     "CREATE TABLE left_out(n INTEGER PRIMARY KEY, box INTEGER NOT NULL, item_id TEXT NOT "
                     "NULL UNIQUE,"
                     " status TEXT NOT NULL, place TEXT NOT NULL, kind TEXT NOT NULL, message_id TEXT NOT "
                     "NULL, subject TEXT NOT NULL,"
                     " reason TEXT NOT NULL, issues TEXT NOT NULL, stored_as TEXT NOT NULL);"
                     "CREATE TABLE exception(n INTEGER PRIMARY KEY, box INTEGER NOT NULL, docid TEXT NOT "
                     "NULL, item_id TEXT NOT NULL,"
                     " place TEXT NOT NULL, kind TEXT NOT NULL, issue TEXT NOT NULL, detail TEXT NOT NULL, "
                     "disposition TEXT NOT NULL,"
                     " UNIQUE(docid, item_id, kind, issue, detail, place, box, disposition));"
                     "CREATE TABLE file(path TEXT PRIMARY KEY, size INTEGER NOT NULL, sha256 BLOB NOT NULL, "
                     "at INTEGER NOT NULL)"
                     " WITHOUT ROWID;" SET("application_id", APPLICATION_ID) SET("user_version", VERSION);

static const char *const statement_text[HAUL_ST_COUNT] = {
#define X(id, text) text,
    HAUL_CATALOG_STATEMENTS(X)
#undef X
};

const size_t haul_doc_text_at[] = {
#define X(field) offsetof(haul_doc, field),
    HAUL_DOC_TEXTS(X)
#undef X
};
const size_t haul_doc_texts = HAUL_COUNT(haul_doc_text_at);

haul_rc haul_catalog_fail(haul_catalog *c, const char *what, haul_err *e)
{
    int code = sqlite3_errcode(c->db);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return haul_fail(e, HAUL_E_STATE, "the catalogue is in use: another run works on this package");
    int system = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(c->db) : 0;
    return haul_fail(e, HAUL_E_STATE, "catalogue: %s: %s%s%s", what, sqlite3_errmsg(c->db),
                     system ? ": " : "", system ? strerror(system) : "");
}

haul_rc haul_catalog_prepare(haul_catalog *c, const char *sql, sqlite3_stmt **ret, haul_err *e)
{
    return sqlite3_prepare_v2(c->db, sql, -1, ret, NULL) == SQLITE_OK ? HAUL_OK
                                                                      : haul_catalog_fail(c, "asking", e);
}

static sqlite3_stmt *stmt(haul_catalog *c, int which)
{
    if (!c->st[which])
        sqlite3_prepare_v3(c->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, &c->st[which], NULL);
    return c->st[which];
}

static void bind_text(sqlite3_stmt *s, int at, const char *z)
{
    if (s)
        sqlite3_bind_text(s, at, z ? z : "", -1, SQLITE_STATIC);
}

/* Texts from parameter `at` on. */
static void bind_texts(sqlite3_stmt *s, int at, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bind_text(s, at + (int)i, v[i]);
}

static void bind_int(sqlite3_stmt *s, int at, bool set, int64_t v)
{
    if (s && set)
        sqlite3_bind_int64(s, at, v);
    else if (s)
        sqlite3_bind_null(s, at);
}

static void bind_blob(sqlite3_stmt *s, int at, bool set, const void *p, int n)
{
    if (s && set)
        sqlite3_bind_blob(s, at, p, n, SQLITE_STATIC);
    else if (s)
        sqlite3_bind_null(s, at);
}

/* Step a statement that returns nothing. */
static haul_rc run_stmt(haul_catalog *c, sqlite3_stmt *s, const char *what, haul_err *e)
{
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    haul_rc rc = code == SQLITE_DONE || code == SQLITE_ROW ? HAUL_OK : haul_catalog_fail(c, what, e);
    if (s)
        sqlite3_reset(s);
    return rc;
}

static haul_rc exec(haul_catalog *c, const char *sql, const char *what, haul_err *e)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? HAUL_OK : haul_catalog_fail(c, what, e);
}

static haul_rc begin(haul_catalog *c, haul_err *e)
{
    if (c->writing)
        return HAUL_OK;
    haul_rc rc = run_stmt(c, stmt(c, HAUL_ST_BEGIN), "begin", e);
    c->writing = rc == HAUL_OK;
    return rc;
}

/* The first column of the first row; 0 where there is none. */
static haul_rc scalar(haul_catalog *c, const char *sql, int64_t *ret, haul_err *e)
{
    sqlite3_stmt *s = NULL;
    haul_rc rc = haul_catalog_prepare(c, sql, &s, e);
    int code = rc == HAUL_OK ? sqlite3_step(s) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    else if (code == SQLITE_DONE)
        *ret = 0;
    else if (rc == HAUL_OK)
        rc = haul_catalog_fail(c, "reading", e);
    sqlite3_finalize(s);
    return rc;
}

/* ── opening ── */

static haul_rc create_or_check(haul_catalog *c, haul_err *e)
{
    int64_t id = 0, version = 0, tables = 0;
    haul_rc rc = scalar(c, "PRAGMA application_id", &id, e);
    if (rc == HAUL_OK)
        rc = scalar(c, "PRAGMA user_version", &version, e);
    if (rc == HAUL_OK)
        rc = scalar(c, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (rc != HAUL_OK || (id == APPLICATION_ID && version == VERSION))
        return rc;
    if (id == APPLICATION_ID)
        return haul_fail(e, HAUL_E_STATE, "the catalogue is of version %lld, this program knows %d",
                         (long long)version, VERSION);
    if (tables || c->read_only)
        return haul_fail(e, HAUL_E_STATE, "this is not a catalogue of mailhaul");
    rc = begin(c, e);
    if (rc == HAUL_OK)
        rc = exec(c, schema, "creating tables", e);
    return rc == HAUL_OK ? haul_catalog_commit(c, e) : rc;
}

/* What is looked up all the time: where writing goes on. */
static haul_rc read_last(haul_catalog *c, haul_err *e)
{
    haul_rc rc = scalar(c, "SELECT max(n) FROM doc", &c->last, e);
    if (rc == HAUL_OK && c->last)
        rc = scalar(c, "SELECT n FROM doc WHERE parent = 0 ORDER BY n DESC LIMIT 1", &c->family, e);
    else
        c->family = 0;
    return rc;
}

static haul_rc open_db(haul_catalog *c, const char *file, haul_err *e)
{
    haul_auto_fd int fd = /* SQLite's own would be 0644 */
        c->read_only ? -1 : open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int flags = c->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(file, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return haul_fail(e, HAUL_E_STATE, "%s: %s", file, c->db ? sqlite3_errmsg(c->db) : "out of memory");
    sqlite3_busy_timeout(c->db, 500);
    haul_rc rc = exec(c, "PRAGMA cache_size = -16000;", "opening", e);
    /* As in the journal: one writer for the whole run, so that WAL needs no shared memory. */
    if (rc == HAUL_OK && !c->read_only)
        rc = exec(c, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                  "opening", e);
    if (rc == HAUL_OK)
        rc = create_or_check(c, e);
    if (rc == HAUL_OK)
        rc = read_last(c, e);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", file);
}

haul_rc haul_catalog_open(const char *file, bool read_only, haul_catalog **ret, haul_err *e)
{
    haul_auto(haul_catalog) *c = haul_calloc(1, sizeof(*c));
    c->read_only = read_only;
    haul_rc rc = open_db(c, file, e);
    if (rc != HAUL_OK)
        return rc;
    *ret = c;
    c = NULL;
    return HAUL_OK;
}

void haul_catalog_close(haul_catalog *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < HAUL_ST_COUNT; i++)
        sqlite3_finalize(c->st[i]);
    if (c->db &&
        !c->read_only) { /* one file remains, which can be sealed, and read where nothing can be written */
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
        sqlite3_exec(c->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(c->db);
    haul_str_done(&c->box_key);
    free(c->held);
    free(c);
}

haul_rc haul_catalog_commit(haul_catalog *c, haul_err *e)
{
    if (!c->writing)
        return HAUL_OK;
    haul_rc rc = run_stmt(c, stmt(c, HAUL_ST_COMMIT), "commit", e);
    if (rc == HAUL_OK)
        c->writing = false;
    return rc;
}

/* ── writing ── */

static haul_rc box_look_up(haul_catalog *c, const char *const key[3], haul_err *e)
{
    sqlite3_stmt *s = stmt(c, HAUL_ST_BOX_GET);
    bind_texts(s, 1, key, 3);
    bool known = s && sqlite3_step(s) == SQLITE_ROW;
    if (known)
        c->box = sqlite3_column_int64(s, 0);
    if (s)
        sqlite3_reset(s);
    if (known)
        return HAUL_OK;
    s = stmt(c, HAUL_ST_BOX_ADD);
    bind_texts(s, 1, key, 3);
    haul_rc rc = run_stmt(c, s, "writing", e);
    c->box = sqlite3_last_insert_rowid(c->db);
    return rc;
}

/* The transaction is begun, and c->box is the row of this folder. */
static haul_rc begin_in(haul_catalog *c, const char *custodian, const char *source, const char *folder,
                        haul_err *e)
{
    const char *const key[3] = {custodian ? custodian : "", source ? source : "", folder ? folder : ""};
    haul_auto_str joined = {0};
    for (size_t i = 0; i < 3; i++)
        haul_str_add(&joined, key[i], strlen(key[i]) + 1);
    haul_rc rc = begin(c, e);
    if (rc != HAUL_OK || (joined.len == c->box_key.len && memcmp(joined.p, c->box_key.p, joined.len) == 0))
        return rc;
    haul_str_clear(&c->box_key);
    rc = box_look_up(c, key, e);
    if (rc == HAUL_OK)
        haul_str_add(&c->box_key, joined.p, joined.len);
    return rc;
}

static void bind_doc(haul_catalog *c, sqlite3_stmt *s, const haul_doc *d)
{
    int at = 0;
    bool text = d->text && *d->text;
    bind_int(s, ++at, true, c->last + 1);
    bind_int(s, ++at, true, d->parent);
    bind_int(s, ++at, true, c->box);
    bind_int(s, ++at, true, d->kind);
    bind_int(s, ++at, d->has_flags, d->flags);
    bind_int(s, ++at, d->has_sent, d->sent_us);
    bind_int(s, ++at, d->has_sent, d->sent_tz);
    bind_int(s, ++at, d->has_received, d->received_us);
    bind_int(s, ++at, d->has_received, d->received_tz);
    bind_int(s, ++at, d->has_created, d->created_us);
    bind_int(s, ++at, d->has_modified, d->modified_us);
    bind_int(s, ++at, true, (int64_t)d->size);
    bind_int(s, ++at, true, text ? (int64_t)d->text_size : 0);
    bind_blob(s, ++at, true, d->md5, sizeof(d->md5));
    bind_blob(s, ++at, true, d->sha1, sizeof(d->sha1));
    bind_blob(s, ++at, true, d->sha256, sizeof(d->sha256));
    bind_blob(s, ++at, !d->parent, d->canonical, sizeof(d->canonical));
    bind_blob(s, ++at, text, d->text_sha256, sizeof(d->text_sha256));
    for (size_t i = 0; i < haul_doc_texts; i++)
        bind_text(s, ++at, *(const char *const *)(const void *)((const char *)d + haul_doc_text_at[i]));
}

haul_rc haul_catalog_add(haul_catalog *c, const haul_doc *d, int64_t *ret_row, haul_err *e)
{
    /* A family is read as one stretch of rows. */
    if (d->parent && d->parent != c->family)
        return haul_fail(e, HAUL_E_STATE, "catalogue: the attachment %s does not follow its message",
                         d->docid);
    haul_rc rc = begin_in(c, d->custodian, d->source, d->folder, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(c, HAUL_ST_DOC_ADD);
    if (s)
        bind_doc(c, s, d);
    rc = run_stmt(c, s, "writing", e);
    if (rc != HAUL_OK)
        return rc;
    c->last++;
    c->family = d->parent ? c->family : c->last;
    *ret_row = c->last;
    return HAUL_OK;
}

int64_t haul_catalog_last(haul_catalog *c)
{
    return c->last;
}

/* fn for each path that goes: ?1 is the last row that stays. */
static haul_rc tell_cut(haul_catalog *c, int64_t last, void (*fn)(void *ctx, const char *path), void *ctx,
                        haul_err *e)
{
    sqlite3_stmt *s = NULL;
    haul_rc rc = haul_catalog_prepare(c,
                                      "SELECT native FROM doc WHERE n > ?1 AND native <> '' UNION ALL"
                                      " SELECT text FROM doc WHERE n > ?1 AND text <> '' UNION ALL"
                                      " SELECT path FROM file WHERE at > ?1 ORDER BY 1",
                                      &s, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_bind_int64(s, 1, last);
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW)
        fn(ctx, haul_catalog_text(s, 0));
    rc = code == SQLITE_DONE ? HAUL_OK : haul_catalog_fail(c, "reading", e);
    sqlite3_finalize(s);
    return rc;
}

static haul_rc delete_beyond(haul_catalog *c, const char *sql, int64_t last, haul_err *e)
{
    sqlite3_stmt *s = NULL;
    haul_rc rc = haul_catalog_prepare(c, sql, &s, e);
    bind_int(s, 1, true, last);
    if (rc == HAUL_OK)
        rc = run_stmt(c, s, "forgetting", e);
    sqlite3_finalize(s);
    return rc;
}

haul_rc haul_catalog_cut(haul_catalog *c, int64_t last, void (*fn)(void *ctx, const char *path), void *ctx,
                         haul_err *e)
{
    static const char *const beyond[] = {
        "DELETE FROM exception WHERE docid IN (SELECT docid FROM doc WHERE n > ?1)",
        "DELETE FROM twin WHERE doc > ?1",
        "DELETE FROM file WHERE at > ?1",
        "DELETE FROM doc WHERE n > ?1",
    };
    if (last >= c->last)
        return HAUL_OK;
    haul_rc rc = begin(c, e);
    if (rc == HAUL_OK && fn)
        rc = tell_cut(c, last, fn, ctx, e);
    for (size_t i = 0; i < HAUL_COUNT(beyond) && rc == HAUL_OK; i++)
        rc = delete_beyond(c, beyond[i], last, e);
    return rc == HAUL_OK ? read_last(c, e) : rc;
}

haul_rc haul_catalog_add_twin(haul_catalog *c, const haul_twin *t, haul_err *e)
{
    haul_rc rc = begin_in(c, t->custodian, t->source, t->folder, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(c, HAUL_ST_TWIN_ADD);
    bind_int(s, 1, true, t->of);
    bind_int(s, 2, true, c->box);
    bind_texts(s, 3, (const char *const[]){t->item_id, t->place}, 2);
    return run_stmt(c, s, "writing", e);
}

haul_rc haul_catalog_add_left_out(haul_catalog *c, const haul_left_out *l, haul_err *e)
{
    haul_rc rc = begin_in(c, l->custodian, l->source, l->folder, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(c, HAUL_ST_LEFT_ADD);
    bind_int(s, 1, true, c->box);
    bind_texts(s, 2,
               (const char *const[]){l->item_id, l->status, l->place, l->kind, l->message_id, l->subject,
                                     l->reason, l->issues, l->stored_as},
               9);
    return run_stmt(c, s, "writing", e);
}

static haul_rc drop(haul_catalog *c, int which, const char *key, haul_err *e)
{
    haul_rc rc = begin(c, e);
    sqlite3_stmt *s = stmt(c, which);
    bind_text(s, 1, key);
    return rc == HAUL_OK ? run_stmt(c, s, "writing", e) : rc;
}

haul_rc haul_catalog_drop_left_out(haul_catalog *c, const char *item_id, haul_err *e)
{
    haul_rc rc = drop(c, HAUL_ST_LEFT_DROP, item_id, e);
    return rc == HAUL_OK ? drop(c, HAUL_ST_EXCEPTION_DROP, item_id, e) : rc;
}

haul_rc haul_catalog_drop_kind(haul_catalog *c, const char *kind, haul_err *e)
{
    return drop(c, HAUL_ST_KIND_DROP, kind, e);
}

haul_rc haul_catalog_drop_source(haul_catalog *c, const char *source, haul_err *e)
{
    return drop(c, HAUL_ST_SOURCE_DROP, source, e);
}

/* CROSS JOIN: one walk over the documents, the others by their index. */
haul_rc haul_catalog_settle(haul_catalog *c, haul_err *e)
{
    static const char *const sql[] = {
        "DELETE FROM twin WHERE item_id IN (SELECT d.item_id FROM doc d CROSS JOIN twin t"
        " ON t.item_id = d.item_id AND t.item_id <> '' WHERE d.parent = 0)",
        "DELETE FROM left_out WHERE item_id IN (SELECT d.item_id FROM doc d CROSS JOIN left_out l"
        " ON l.item_id = d.item_id WHERE d.parent = 0)",
        "DELETE FROM left_out WHERE item_id IN (SELECT item_id FROM twin)",
        "DELETE FROM exception WHERE kind = 'failed' AND item_id <> '' AND item_id NOT IN (SELECT item_id "
        "FROM "
        "left_out WHERE status = 'failed')"};
    haul_rc rc = begin(c, e);
    for (size_t i = 0; i < HAUL_COUNT(sql) && rc == HAUL_OK; i++)
        rc = exec(c, sql[i], "settling", e);
    return rc;
}

haul_rc haul_catalog_add_exception(haul_catalog *c, const haul_exception *x, haul_err *e)
{
    haul_rc rc = begin_in(c, x->custodian, x->source, x->folder, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(c, HAUL_ST_EXCEPTION_ADD);
    bind_int(s, 1, true, c->box);
    bind_texts(
        s, 2,
        (const char *const[]){x->docid, x->item_id, x->place, x->kind, x->issue, x->detail, x->disposition},
        7);
    return run_stmt(c, s, "writing", e);
}

haul_rc haul_catalog_add_file(haul_catalog *c, const char *path, uint64_t size,
                              const uint8_t sha256[HAUL_SHA256_LEN], haul_err *e)
{
    haul_rc rc = begin(c, e);
    sqlite3_stmt *s = stmt(c, HAUL_ST_FILE_ADD);
    bind_text(s, 1, path);
    bind_int(s, 2, true, (int64_t)size);
    bind_blob(s, 3, true, sha256, HAUL_SHA256_LEN);
    bind_int(s, 4, true, c->last);
    return rc == HAUL_OK ? run_stmt(c, s, "writing", e) : rc;
}

/* ── asking ── */

/* A run that never looks for twins pays for no index. */
static haul_rc index_for(haul_catalog *c, bool by_mih, haul_err *e)
{
    if (c->indexed[by_mih] || c->read_only)
        return HAUL_OK;
    haul_rc rc = begin(c, e);
    if (rc == HAUL_OK)
        rc = exec(c,
                  by_mih ? "CREATE INDEX IF NOT EXISTS doc_mih ON doc(mih) WHERE parent = 0"
                         : "CREATE INDEX IF NOT EXISTS doc_canonical ON doc(canonical) WHERE parent = 0",
                  "indexing", e);
    c->indexed[by_mih] = rc == HAUL_OK;
    return rc;
}

haul_rc haul_catalog_find(haul_catalog *c, bool by_mih, const void *key, const char *custodian, haul_arena *a,
                          haul_doc *ret, haul_err *e)
{
    haul_rc rc = index_for(c, by_mih, e);
    if (rc != HAUL_OK)
        return rc;
    sqlite3_stmt *s = stmt(c, by_mih ? HAUL_ST_FIND_MIH : HAUL_ST_FIND_DIGEST);
    if (by_mih)
        bind_text(s, 1, key);
    else
        bind_blob(s, 1, true, key, HAUL_SHA256_LEN);
    if (custodian)
        bind_text(s, 2, custodian);
    else
        bind_int(s, 2, false, 0);
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        rc = haul_catalog_read_doc(c, s, a, ret, e);
    else
        rc = code == SQLITE_DONE ? HAUL_END : haul_catalog_fail(c, "looking up", e);
    if (s)
        sqlite3_reset(s);
    return rc;
}

const char *haul_catalog_meta(haul_catalog *c, const char *key)
{
    sqlite3_stmt *s = stmt(c, HAUL_ST_META_GET);
    bind_text(s, 1, key);
    free(c->held);
    c->held = s && sqlite3_step(s) == SQLITE_ROW ? haul_strdup(haul_catalog_text(s, 0)) : NULL;
    if (s)
        sqlite3_reset(s);
    return c->held;
}

haul_rc haul_catalog_set_meta(haul_catalog *c, const char *key, const char *value, haul_err *e)
{
    haul_rc rc = begin(c, e);
    sqlite3_stmt *s = stmt(c, HAUL_ST_META_SET);
    bind_texts(s, 1, (const char *const[]){key, value}, 2);
    return rc == HAUL_OK ? run_stmt(c, s, "writing", e) : rc;
}
