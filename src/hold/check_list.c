/* What the load files name, in a temporary database: memory does not grow with the package. */
#include "hold/check.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
    "CREATE TABLE path(path BLOB PRIMARY KEY, record INTEGER, text INTEGER, size INTEGER, md5 BLOB, sha1 "
    "BLOB, "
    "sha256 BLOB, seen INTEGER DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE doc(id BLOB PRIMARY KEY, record INTEGER, seen INTEGER DEFAULT 0) WITHOUT ROWID;"
    "PRAGMA synchronous=OFF; PRAGMA cache_size=-16000; BEGIN";

enum { ADD_PATH, ADD_DOC, FIND_PATH, HIT_PATH, HIT_DOC, LEFT_PATHS, LEFT_DOCS, STATEMENTS };

static const char *const statements[STATEMENTS] = {
    [ADD_PATH] = "INSERT INTO path VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT DO NOTHING",
    [ADD_DOC] = "INSERT INTO doc VALUES(?1, ?2, 0) ON CONFLICT DO NOTHING",
    [FIND_PATH] = "SELECT record, text, size, md5, sha1, sha256 FROM path WHERE path = ?1",
    [HIT_PATH] = "UPDATE path SET seen = 1 WHERE path = ?1",
    [HIT_DOC] = "UPDATE doc SET seen = 1 WHERE id = ?1 AND seen = 0",
    [LEFT_PATHS] = "SELECT path, record FROM path WHERE seen = 0 ORDER BY record, path LIMIT ?1",
    [LEFT_DOCS] = "SELECT id, record FROM doc WHERE seen = 0 ORDER BY record LIMIT ?1",
};

struct haul_check_lists {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENTS];
    bool any_path;
};

static haul_rc db_fail(const haul_check_lists *l, haul_err *e)
{
    return haul_fail(e, HAUL_E_STATE, "temporary database: %s", sqlite3_errmsg(l->db));
}

haul_rc haul_check_lists_open(haul_check *c, haul_err *e)
{
    haul_check_lists *l = c->lists = haul_calloc(1, sizeof(*l));
    if (sqlite3_open_v2("", &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(l->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(l, e);
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v2(l->db, statements[i], -1, &l->st[i], NULL) != SQLITE_OK)
            return db_fail(l, e);
    return HAUL_OK;
}

void haul_check_lists_close(haul_check *c)
{
    haul_check_lists *l = c->lists;
    for (int i = 0; l && i < STATEMENTS; i++)
        sqlite3_finalize(l->st[i]);
    if (l)
        sqlite3_close(l->db);
    free(l);
    c->lists = NULL;
}

static sqlite3_stmt *start(haul_check_lists *l, int which, const char *key)
{
    sqlite3_stmt *s = l->st[which];
    sqlite3_reset(s);
    sqlite3_bind_blob(s, 1, key, (int)strlen(key), SQLITE_TRANSIENT);
    return s;
}

/* OK: one row was written; END: none. */
static haul_rc step(haul_check_lists *l, sqlite3_stmt *s, haul_err *e)
{
    int code = sqlite3_step(s);
    sqlite3_reset(s);
    if (code != SQLITE_DONE)
        return db_fail(l, e);
    return sqlite3_changes(l->db) ? HAUL_OK : HAUL_END;
}

static void bind_digest(sqlite3_stmt *s, int at, bool has, const uint8_t *p, int n)
{
    if (has)
        sqlite3_bind_blob(s, at, p, n, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(s, at);
}

haul_rc haul_check_add_path(haul_check *c, const char *path, const haul_check_row *row, haul_err *e)
{
    sqlite3_stmt *s = start(c->lists, ADD_PATH, path);
    sqlite3_bind_int64(s, 2, (int64_t)row->record);
    sqlite3_bind_int(s, 3, row->is_text);
    if (row->has_size)
        sqlite3_bind_int64(s, 4, (int64_t)row->size);
    else
        sqlite3_bind_null(s, 4);
    bind_digest(s, 5, row->has_md5, row->md5, HAUL_MD5_LEN);
    bind_digest(s, 6, row->has_sha1, row->sha1, HAUL_SHA1_LEN);
    bind_digest(s, 7, row->has_sha256, row->sha256, HAUL_SHA256_LEN);
    c->lists->any_path = true;
    return step(c->lists, s, e);
}

haul_rc haul_check_add_doc(haul_check *c, const char *docid, uint64_t record, haul_err *e)
{
    sqlite3_stmt *s = start(c->lists, ADD_DOC, docid);
    sqlite3_bind_int64(s, 2, (int64_t)record);
    return step(c->lists, s, e);
}

static bool get_digest(sqlite3_stmt *s, int at, uint8_t *to, int n)
{
    if (sqlite3_column_bytes(s, at) != n)
        return false;
    memcpy(to, sqlite3_column_blob(s, at), (size_t)n);
    return true;
}

static void get_row(sqlite3_stmt *s, haul_check_row *ret)
{
    *ret = (haul_check_row){.record = (uint64_t)sqlite3_column_int64(s, 0),
                            .is_text = sqlite3_column_int(s, 1) != 0,
                            .has_size = sqlite3_column_type(s, 2) != SQLITE_NULL,
                            .size = (uint64_t)sqlite3_column_int64(s, 2)};
    ret->has_md5 = get_digest(s, 3, ret->md5, HAUL_MD5_LEN);
    ret->has_sha1 = get_digest(s, 4, ret->sha1, HAUL_SHA1_LEN);
    ret->has_sha256 = get_digest(s, 5, ret->sha256, HAUL_SHA256_LEN);
}

haul_rc haul_check_find_path(haul_check *c, const char *path, bool there, haul_check_row *ret, haul_err *e)
{
    if (!c->lists->any_path)
        return HAUL_END;
    sqlite3_stmt *s = start(c->lists, FIND_PATH, path);
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        get_row(s, ret);
    sqlite3_reset(s);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? HAUL_END : db_fail(c->lists, e);
    return there ? step(c->lists, start(c->lists, HIT_PATH, path), e) : HAUL_OK;
}

haul_rc haul_check_find_doc(haul_check *c, const char *docid, haul_err *e)
{
    return step(c->lists, start(c->lists, HIT_DOC, docid), e);
}

static haul_rc left(haul_check *c, int which, const char *found, haul_err *e)
{
    sqlite3_stmt *s = c->lists->st[which];
    int code;
    sqlite3_reset(s);
    sqlite3_bind_int64(s, 1, HAUL_CHECK_LISTED_MAX + 1);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        haul_auto_str name = {0};
        haul_str_add(&name, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
        haul_check_load(c, HAUL_CHECK_DAT, (uint64_t)sqlite3_column_int64(s, 1), haul_strz(&name), found,
                        NULL);
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? HAUL_OK : db_fail(c->lists, e);
}

haul_rc haul_check_left(haul_check *c, haul_err *e)
{
    haul_rc rc = left(c, LEFT_PATHS, "no such file in the package", e);
    if (rc == HAUL_OK && c->seen.edrm != HAUL_CHECK_UNKNOWN)
        rc = left(c, LEFT_DOCS, "no such document in the EDRM file", e);
    return rc;
}
