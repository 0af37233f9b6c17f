/* Read the target again and hold it against what was recorded. Both sides meet in a temporary SQLite
 * table, so that memory does not grow with the archive. */
#include "pipe/filter.h"
#include "pipe/measure.h"
#include "pipe/run.h"
#include "pipe/select.h"
#include "pipe/state.h"

#include "base/json.h"
#include "base/time.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HAUL_DIFFERENCES_MAX 1000u /* listed; all are counted */
#define HAUL_VERIFY_VERSION  1

static const char schema[] =
    "CREATE TABLE want(n INTEGER PRIMARY KEY, id TEXT, place TEXT, folder TEXT, message_id TEXT, keywords "
    "TEXT,"
    " sha256 BLOB, received INTEGER, flags INTEGER, lost INTEGER, in_target INTEGER DEFAULT 0,"
    " in_source INTEGER DEFAULT 0, dir TEXT NOT NULL, stored BLOB NOT NULL, canonical INTEGER);"
    "CREATE TABLE rest(n INTEGER PRIMARY KEY, place TEXT, sha256 BLOB, message_id TEXT);";
static const char indexes[] =
    "CREATE INDEX want_place ON want(place); CREATE INDEX want_id ON want(id);"
    "CREATE INDEX want_target ON want(stored, in_target, dir); CREATE INDEX want_source "
    "ON want(sha256, in_source);";

#define WANT                                                                                                 \
    "SELECT n, id, place, folder, message_id, keywords, sha256, received, flags, lost, stored, canonical "   \
    "FROM want "

enum {
    ST_ADD,
    ST_BY_PLACE,
    ST_BY_SHA,
    ST_HERE,
    ST_REST_ADD,
    ST_REST,
    ST_BY_ID,
    ST_ANY_SHA,
    ST_NEW_SHA,
    ST_HIT_TARGET,
    ST_HIT_SOURCE,
    ST_NO_TARGET,
    ST_NO_SOURCE,
    ST_COUNT
};

static const char *const statements[ST_COUNT] = {
    [ST_ADD] = "INSERT INTO want(id, place, folder, message_id, keywords, sha256, received, flags, lost, "
               "dir, stored, canonical)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [ST_BY_PLACE] = WANT "WHERE place = ?1 AND in_target = 0 LIMIT 1",
    [ST_BY_SHA] = WANT "WHERE stored = ?1 AND in_target = 0 LIMIT 1",
    [ST_HERE] = WANT "WHERE stored = ?1 AND in_target = 0 AND dir = ?2 LIMIT 1",
    [ST_REST_ADD] = "INSERT INTO rest(place, sha256, message_id) VALUES(?1, ?2, ?3)",
    [ST_REST] = "SELECT place, sha256, message_id FROM rest ORDER BY n",
    [ST_BY_ID] = WANT "WHERE id = ?1 LIMIT 1",
    [ST_NEW_SHA] = WANT "WHERE sha256 = ?1 AND in_source = 0 LIMIT 1",
    [ST_ANY_SHA] = WANT "WHERE sha256 = ?1 ORDER BY in_source LIMIT 1",
    [ST_HIT_TARGET] = "UPDATE want SET in_target = 1 WHERE n = ?1",
    [ST_HIT_SOURCE] = "UPDATE want SET in_source = 1 WHERE n = ?1",
    [ST_NO_TARGET] = WANT "WHERE in_target = 0 ORDER BY n",
    [ST_NO_SOURCE] = WANT "WHERE in_source = 0 ORDER BY n",
};

typedef struct verify {
    const haul_job *job;
    const haul_format *format;
    sqlite3 *db;
    sqlite3_stmt *st[ST_COUNT];
    haul_msg *msg;
    haul_select *select; /* of the sources; NULL: no filter needs a body */
    haul_report *names;  /* gives sources the names that the run gave them */
    json_t *list;
    haul_folders folders;
    haul_progress progress;
    uint64_t checked, agree, differ;
    uint64_t rebuilt; /* of them compared without their octets */
    const char *source;
    const char
        *file; /* of a target that is several, but the first: what places in it begin with; else NULL */
    haul_journal *journal; /* NULL: none */
    bool from_journal, merged, deduped;
    bool filling; /* no journal: the sources say what is wanted */
} verify;

typedef struct want {
    int64_t n;
    const char *id, *place, *folder, *message_id, *keywords;
    uint64_t canonical;             /* octets of what the target got, as CRLF; 0 = not recorded */
    const uint8_t *sha256, *stored; /* of the source's message; of what the target got, most often the same */
    bool has_received;
    int64_t received_us;
    unsigned flags, lost;
} want;

static haul_rc db_fail(verify *v, haul_err *e)
{
    return haul_fail(e, HAUL_E_STATE, "verify: %s", sqlite3_errmsg(v->db));
}

static haul_rc open_db(verify *v, haul_err *e)
{
    if (sqlite3_open_v2("", &v->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return haul_fail(e, HAUL_E_STATE, "verify: no temporary database");
    if (sqlite3_exec(v->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(v->db, "PRAGMA synchronous=OFF; BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(v, e);
    for (int i = 0; i < ST_COUNT; i++)
        if (sqlite3_prepare_v2(v->db, statements[i], -1, &v->st[i], NULL) != SQLITE_OK)
            return db_fail(v, e);
    return HAUL_OK;
}

static void bind(sqlite3_stmt *s, int at, const char *z)
{
    if (z)
        sqlite3_bind_text(s, at, z, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(s, at);
}

/* "Work" of "Work/1.eml" and of "Work@123": which folder a place is in. "" without a journal, whose sources
 * name their folders in their own way. */
static void bind_dir(verify *v, sqlite3_stmt *s, int at, const char *place)
{
    size_t n = place ? strlen(place) : 0;
    while (n > 0 && place[n - 1] != '/' && place[n - 1] != '@')
        n--;
    sqlite3_bind_text(s, at, place ? place : "", v->from_journal ? (int)n : 0, SQLITE_TRANSIENT);
}

static haul_rc add_want(void *ctx, const haul_record *r, haul_err *e)
{
    verify *v = ctx;
    sqlite3_stmt *s = v->st[ST_ADD];
    sqlite3_reset(s);
    bind(s, 1, r->id);
    bind(s, 2, r->place);
    bind(s, 3, r->folder);
    bind(s, 4, r->message_id);
    bind(s, 5, r->keywords);
    sqlite3_bind_blob(s, 6, r->sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    if (r->has_received)
        sqlite3_bind_int64(s, 7, r->received_us);
    else
        sqlite3_bind_null(s, 7);
    sqlite3_bind_int64(s, 8, r->flags);
    sqlite3_bind_int64(s, 9, r->lost);
    bind_dir(v, s, 10, r->place);
    sqlite3_bind_blob(s, 11, haul_record_stored(r), HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 12, (int64_t)r->canonical);
    return sqlite3_step(s) == SQLITE_DONE ? HAUL_OK : db_fail(v, e);
}

/* The row that a statement (freshly bound) stands on; texts live until the statement is used again. */
static bool get_want(sqlite3_stmt *s, want *ret)
{
    if (sqlite3_step(s) != SQLITE_ROW)
        return false;
    *ret = (want){.n = sqlite3_column_int64(s, 0),
                  .id = (const char *)sqlite3_column_text(s, 1),
                  .place = (const char *)sqlite3_column_text(s, 2),
                  .folder = (const char *)sqlite3_column_text(s, 3),
                  .message_id = (const char *)sqlite3_column_text(s, 4),
                  .keywords = (const char *)sqlite3_column_text(s, 5),
                  .sha256 = sqlite3_column_blob(s, 6),
                  .has_received = sqlite3_column_type(s, 7) != SQLITE_NULL,
                  .received_us = sqlite3_column_int64(s, 7),
                  .flags = (unsigned)sqlite3_column_int(s, 8),
                  .lost = (unsigned)sqlite3_column_int(s, 9),
                  .stored = sqlite3_column_blob(s, 10),
                  .canonical = (uint64_t)sqlite3_column_int64(s, 11)};
    return true;
}

static bool find_text(verify *v, int which, const char *text, want *ret)
{
    sqlite3_stmt *s = v->st[which];
    sqlite3_reset(s);
    bind(s, 1, text);
    return get_want(s, ret);
}

static bool find_sha(verify *v, int which, const uint8_t *sha256, want *ret)
{
    sqlite3_stmt *s = v->st[which];
    sqlite3_reset(s);
    sqlite3_bind_blob(s, 1, sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    return get_want(s, ret);
}

static void hit(verify *v, int which, int64_t n)
{
    sqlite3_stmt *s = v->st[which];
    sqlite3_reset(s);
    sqlite3_bind_int64(s, 1, n);
    sqlite3_step(s);
    sqlite3_reset(s);
}

/* ── differences ── */

static void differ(verify *v, const char *kind, const want *w, const char *place, const char *recorded,
                   const char *found)
{
    v->differ++;
    if (json_array_size(v->list) >= HAUL_DIFFERENCES_MAX)
        return;
    json_t *o = json_object();
    json_object_set_new(o, "kind", json_string(kind));
    json_object_set_new(o, "folder", haul_json_from_text(w ? w->folder : NULL));
    json_object_set_new(o, "id", haul_json_from_text(w ? w->id : NULL));
    json_object_set_new(o, "place", haul_json_from_text(place));
    json_object_set_new(o, "message_id", haul_json_from_text(w ? w->message_id : v->msg->message_id));
    json_object_set_new(o, "recorded", haul_json_from_text(recorded));
    json_object_set_new(o, "found", haul_json_from_text(found));
    json_array_append_new(v->list, o);
}

static void differ_sha(verify *v, const want *w, const uint8_t *sha256, const char *place, const char *kind)
{
    char was[HAUL_SHA256_HEX], is[HAUL_SHA256_HEX];
    haul_hex(was, sha256, HAUL_SHA256_LEN);
    haul_hex(is, v->msg->sha256, HAUL_SHA256_LEN);
    differ(v, kind, w, place, was, is);
}

static int64_t seconds(int64_t us)
{
    return us >= 0 ? us / HAUL_US : -((HAUL_US - 1 - us) / HAUL_US);
}

static void compare_time(verify *v, const want *w, const char *place)
{
    char was[HAUL_ISO_LEN], is[HAUL_ISO_LEN] = "none";
    const haul_msg *m = v->msg;
    bool known = m->set & HAUL_SET_RECEIVED;
    if (!v->format->keeps_received || !w->has_received || w->lost & HAUL_LOST_TIME)
        return;
    if (known && seconds(m->received_us) == seconds(w->received_us))
        return;
    haul_iso_format(was, w->received_us);
    if (known)
        haul_iso_format(is, m->received_us);
    differ(v, "received", w, place, was, is);
}

static void compare_flags(verify *v, const want *w, const char *place)
{
    unsigned keeps = v->format->keeps_flags, was = w->flags & keeps, is = v->msg->flags & keeps;
    haul_auto_str was_text = {0}, is_text = {0};
    if (was == is || w->lost & HAUL_LOST_FLAGS)
        return;
    haul_flags_text(was, &was_text);
    haul_flags_text(is, &is_text);
    differ(v, "flags", w, place, haul_strz(&was_text), haul_strz(&is_text));
}

static void compare_keywords(verify *v, const want *w, const char *place)
{
    haul_auto_str is = {0};
    haul_keywords_text(v->msg, &is);
    if (!v->format->keeps_keywords || w->lost & HAUL_LOST_KEYWORDS ||
        strcmp(w->keywords, haul_strz(&is)) == 0)
        return;
    differ(v, "keywords", w, place, w->keywords, haul_strz(&is));
}

static bool find_here(verify *v, want *ret)
{
    sqlite3_stmt *s = v->st[ST_HERE];
    sqlite3_reset(s);
    sqlite3_bind_blob(s, 1, v->msg->sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    bind_dir(v, s, 2, v->msg->place);
    return get_want(s, ret);
}

/* Without a record in its place: it may be that of another folder, once all of those are taken. */
static haul_rc set_aside(verify *v, haul_err *e)
{
    sqlite3_stmt *s = v->st[ST_REST_ADD];
    sqlite3_reset(s);
    bind(s, 1, v->msg->place);
    sqlite3_bind_blob(s, 2, v->msg->sha256, HAUL_SHA256_LEN, SQLITE_TRANSIENT);
    bind(s, 3, v->msg->message_id);
    return sqlite3_step(s) == SQLITE_DONE ? HAUL_OK : db_fail(v, e);
}

static void check_rest(verify *v)
{
    want w;
    sqlite3_stmt *s = v->st[ST_REST];
    sqlite3_reset(s);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *place = (const char *)sqlite3_column_text(s, 0);
        haul_msg_reset(v->msg);
        v->msg->message_id = (const char *)sqlite3_column_text(s, 2);
        if (find_sha(v, ST_BY_SHA, sqlite3_column_blob(s, 1), &w)) {
            differ(v, "moved", &w, place, w.place, place);
            hit(v, ST_HIT_TARGET, w.n);
        } else if (!v->merged) { /* what was there before a merge has no record */
            differ(v, "extra", NULL, place, NULL, "a message that no record explains");
        }
    }
    haul_msg_reset(v->msg);
}

/* What a server tells of a message without giving it: size and message id. Servers give the whole field. */
static void compare_summary(verify *v, const want *w, const char *place)
{
    const haul_msg *m = v->msg;
    char was[24], is[24];
    if (w->canonical && m->set & HAUL_SET_SIZE && m->size != w->canonical) {
        snprintf(was, sizeof(was), "%llu", (unsigned long long)w->canonical);
        snprintf(is, sizeof(is), "%llu", (unsigned long long)m->size);
        differ(v, "size", w, place, was, is);
    }
    if (w->message_id && m->message_id && !strstr(m->message_id, w->message_id))
        differ(v, "message-id", w, place, w->message_id, m->message_id);
}

/* What is made anew on reading has other octets; it is the same message by its id. */
static void compare_rebuilt(verify *v, const want *w, const char *place)
{
    const char *is = v->msg->message_id;
    v->rebuilt++;
    if (w->message_id && (!is || strcmp(is, w->message_id) != 0))
        differ(v, "message-id", w, place, w->message_id, is);
}

/* A message that is not fetched whole. What no record explains was not ours. */
static haul_rc check_summary(verify *v)
{
    want w;
    uint64_t before = v->differ;
    if (!find_text(v, ST_BY_PLACE, v->msg->place, &w))
        return HAUL_OK;
    v->checked++;
    compare_summary(v, &w, v->msg->place);
    compare_time(v, &w, v->msg->place);
    compare_flags(v, &w, v->msg->place);
    compare_keywords(v, &w, v->msg->place);
    hit(v, ST_HIT_TARGET, w.n);
    v->agree += v->differ == before;
    return HAUL_OK;
}

/* A message of the target against its record. */
static haul_rc check_target_message(verify *v, haul_err *e)
{
    haul_msg *m = v->msg;
    want w;
    uint64_t before = v->differ;
    v->checked++;
    if (v->file)
        m->place = haul_arena_printf(&m->arena, "%s/%s", v->file, m->place);
    if (!(v->from_journal && find_text(v, ST_BY_PLACE, m->place, &w)) && !find_here(v, &w))
        return set_aside(v, e);
    if (memcmp(w.stored, m->sha256, HAUL_SHA256_LEN) != 0) {
        if (!v->format->rebuilds)
            differ_sha(v, &w, w.stored, m->place, "digest");
        else
            compare_rebuilt(v, &w, m->place);
    }
    compare_time(v, &w, m->place);
    compare_flags(v, &w, m->place);
    compare_keywords(v, &w, m->place);
    hit(v, ST_HIT_TARGET, w.n);
    v->agree += v->differ == before;
    return HAUL_OK;
}

/* A message of a source against its record. */
static haul_rc check_source_message(verify *v, haul_err *e)
{
    haul_msg *m = v->msg;
    want w;
    if (v->filling) {
        haul_auto_str keywords = {0};
        haul_keywords_text(m, &keywords);
        haul_record r = {.id = m->id,
                         .place = m->place,
                         .message_id = m->message_id,
                         .sha256 = m->sha256,
                         .keywords = haul_strz(&keywords),
                         .flags = m->flags,
                         .has_received = m->set & HAUL_SET_RECEIVED,
                         .received_us = m->received_us};
        return add_want(v, &r, e);
    }
    if (find_text(v, ST_BY_ID, m->id, &w) && memcmp(w.sha256, m->sha256, HAUL_SHA256_LEN) == 0) {
        hit(v, ST_HIT_SOURCE, w.n);
        return HAUL_OK;
    }
    /* Moved in its source, or, with --dedupe, a duplicate of what is stored. */
    if (find_sha(v, v->deduped ? ST_ANY_SHA : ST_NEW_SHA, m->sha256, &w)) {
        hit(v, ST_HIT_SOURCE, w.n);
        return HAUL_OK;
    }
    if (find_text(v, ST_BY_ID, m->id, &w)) {
        differ_sha(v, &w, w.sha256, m->place, "source-digest");
        hit(v, ST_HIT_SOURCE, w.n);
    } else {
        differ(v, "not-stored", NULL, m->place, NULL, "in the source, but not in the record");
    }
    return HAUL_OK;
}

/* ── reading ── */

static void ignore_issue(void *ctx, haul_issue_id id, const char *detail)
{
    (void)ctx;
    (void)id;
    (void)detail;
}

static haul_rc load_body(verify *v, haul_reader *r, haul_err *e)
{
    haul_msg *m = v->msg;
    if (!m->body)
        m->body = haul_spool_new(true);
    haul_rc rc = r->ops->body(r, m, haul_spool_out(m->body), e);
    if (rc == HAUL_OK)
        rc = haul_msg_freeze(m, e);
    if (rc == HAUL_OK)
        v->progress.octets_read += m->size;
    return rc;
}

static bool is_left_out(verify *v)
{
    haul_auto_str path = {0};
    haul_folders_path(&v->folders, v->msg->folder, &path);
    return haul_filter_folder(&v->job->filter, haul_strz(&path)) ||
           haul_filter_message(&v->job->filter, v->msg);
}

/* A message of a source, its body read: what the run left out is not asked for. */
static haul_rc check_selected(verify *v, haul_err *e)
{
    const char *left_out = NULL;
    if (is_left_out(v))
        return HAUL_OK;
    haul_rc rc = haul_select_message(v->select, v->msg, &left_out, e);
    return rc != HAUL_OK || left_out ? rc : check_source_message(v, e);
}

static haul_rc check_message(verify *v, haul_reader *r, bool is_source, haul_err *e)
{
    haul_msg *m = v->msg;
    haul_err why = {0};
    if (is_source) {
        m->source = v->source;
        haul_run_make_id(m, NULL);
        if (!(m->set & HAUL_SET_RECEIVED) && m->set & HAUL_SET_SENT)
            haul_msg_received(m, m->sent_us, m->sent_tz);
        if (is_left_out(v))
            return HAUL_OK;
    } else if (r->remote && !r->remote->full) {
        return check_summary(v);
    }
    haul_rc rc = load_body(v, r, &why);
    if (rc == HAUL_SKIP) {
        if (!is_source) /* an item that failed to be read was never stored */
            differ(v, "unreadable", NULL, m->place, NULL, why.text);
        return HAUL_OK;
    }
    if (rc != HAUL_OK) {
        *e = why;
        return rc;
    }
    return is_source ? check_selected(v, e) : check_target_message(v, e);
}

static haul_rc read_all(verify *v, haul_reader *r, bool is_source, haul_err *e)
{
    for (;;) {
        haul_err why = {0};
        haul_item it = {.msg = v->msg};
        if (v->job->stop && *v->job->stop)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
        haul_msg_reset(v->msg);
        haul_rc rc = r->ops->next(r, &it, &why);
        if (rc == HAUL_END)
            return HAUL_OK;
        if (rc == HAUL_SKIP) {
            if (!is_source)
                differ(v, "unreadable", NULL, v->msg->place, NULL, why.text);
        } else if (rc != HAUL_OK) {
            *e = why;
            return rc;
        } else if (it.type == HAUL_ITEM_FOLDER) {
            if (!haul_folders_add(&v->folders, &it.folder))
                return haul_fail(e, HAUL_E_FORMAT, "folder %u is declared out of order", it.folder.id);
        } else if ((rc = check_message(v, r, is_source, e)) != HAUL_OK) {
            return rc;
        }
        v->progress.totals.found = v->checked;
        v->progress.totals.failed = v->differ;
        if (v->job->progress)
            v->job->progress(v->job->ctx, &v->progress);
    }
}

static haul_rc read_pass(verify *v, haul_passes *p, const haul_format *f, haul_tree *t, bool is_source,
                         haul_err *e)
{
    haul_reader r = {0};
    haul_rc rc = haul_passes_open(p, &r, f, t, v->job->values, ignore_issue, NULL, e);
    if (rc == HAUL_OK)
        rc = read_all(v, &r, is_source, e);
    haul_passes_end(p, &r);
    haul_reader_close(&r);
    haul_folders_done(&v->folders);
    return rc;
}

/* format: NULL = detect. The target is read as what it was written as. */
static haul_rc read_tree(verify *v, const char *path, const haul_format *format, bool is_source, haul_err *e)
{
    haul_auto(haul_tree) *t = NULL;
    haul_passes passes = {0};
    haul_rc rc = haul_tree_open(path, &t, e);
    if (rc == HAUL_OK)
        rc = haul_passes_choose(&passes, format, t, e);
    if (rc == HAUL_OK && is_source)
        v->source = haul_report_source(v->names, v->journal, path, haul_tree_label(t), NULL);
    while (rc == HAUL_OK && (format = haul_passes_next(&passes))) {
        if (!is_source)
            v->format = format;
        rc = read_pass(v, &passes, format, t, is_source, e);
    }
    return rc == HAUL_OK || !t ? rc : haul_wrap(e, rc, "%s", path);
}

static bool remote_waits(void *ctx, const char *phase)
{
    verify *v = ctx;
    v->progress.phase = *phase ? phase : "verifying";
    if (v->job->progress)
        v->job->progress(v->job->ctx, &v->progress);
    return v->job->stop && *v->job->stop;
}

static haul_rc read_remote(verify *v, haul_err *e)
{
    haul_auto(haul_tokens) *tokens = haul_tokens_new();
    haul_remote remote = {.url = v->job->target,
                          .tokens = tokens,
                          .ask = &v->job->ask,
                          .full = v->job->full || !v->journal,
                          .waiting = remote_waits,
                          .ctx = v};
    haul_reader r = {0};
    if (!v->format || !v->format->reader || !v->format->schemes)
        return haul_fail(e, HAUL_E_USAGE, "%s cannot be read again by this build", v->job->target);
    haul_rc rc = v->journal ? haul_journal_get_tokens(v->journal, tokens, e) : HAUL_OK;
    if (rc == HAUL_OK)
        rc = haul_reader_open_remote(&r, v->format, &remote, v->job->values, ignore_issue, NULL, e);
    if (rc == HAUL_OK)
        rc = read_all(v, &r, false, e);
    haul_reader_close(&r);
    haul_folders_done(&v->folders);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", v->job->target);
}

static haul_rc read_file(verify *v, const char *path, haul_err *e)
{
    const char *slash = strrchr(path, '/');
    v->file = slash ? slash + 1 : path;
    haul_rc rc = read_tree(v, path, v->format, false, e);
    v->file = NULL;
    return rc;
}

/* Of a target that became several files, those after the first. One that is gone shows in what is missed. */
static haul_rc read_further(verify *v, haul_err *e)
{
    haul_auto(haul_tokens) *tokens = haul_tokens_new();
    haul_auto_str path = {0};
    bool several = v->format && v->format->sink && v->format->sink->further;
    haul_rc rc = several && v->journal ? haul_journal_get_tokens(v->journal, tokens, e) : HAUL_OK;
    for (unsigned n = 2; several && rc == HAUL_OK; n++) {
        if (!v->format->sink->further(v->job->target, n, v->journal ? tokens : NULL, &path))
            break;
        bool there = access(haul_strz(&path), F_OK) == 0;
        if (!there && !v->journal)
            break;
        if (there)
            rc = read_file(v, path.p, e);
    }
    return rc;
}

static haul_rc read_target(verify *v, haul_err *e)
{
    if (haul_target_is_remote(v->job->target))
        return read_remote(v, e);
    haul_rc rc = read_tree(v, v->job->target, v->format, false, e);
    return rc == HAUL_OK ? read_further(v, e) : rc;
}

static haul_rc read_sources(verify *v, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (const char *const *s = v->job->sources; s && *s && rc == HAUL_OK; s++)
        rc = read_tree(v, *s, v->job->from, true, e);
    return rc;
}

/* ── the run ── */

static haul_rc load_journal(verify *v, const char *state, haul_err *e)
{
    haul_auto_str file = {0};
    haul_str_addf(&file, "%s/journal.db", state);
    haul_rc rc = haul_journal_open(file.p, true, &v->journal, e);
    if (rc != HAUL_OK)
        return rc;
    haul_journal *j = v->journal;
    const char *format = haul_journal_meta(j, "format");
    v->format = format ? haul_format_find(format) : NULL;
    if (!v->format)
        return haul_fail(e, HAUL_E_STATE, "%s names no format of this build", file.p);
    const char *merge = haul_journal_meta(j, "merge");
    v->merged = merge && *merge == '1';
    v->deduped = haul_journal_meta(j, "dedupe") != NULL;
    v->from_journal = true;
    return haul_journal_each(j, add_want, v, e);
}

static haul_rc load_wanted(verify *v, haul_err *e)
{
    haul_auto_str state = {0};
    bool has_sources = v->job->sources && v->job->sources[0];
    haul_rc rc;
    v->format = v->job->to;
    if (haul_state_find(v->job->target, v->job->state_dir, &state)) {
        rc = load_journal(v, state.p, e);
    } else if (has_sources) {
        v->filling = true;
        rc = read_sources(v, e);
    } else {
        rc = haul_fail(e, HAUL_E_STATE, "%s has no journal; name the sources to compare it with",
                       v->job->target);
    }
    if (rc == HAUL_OK && sqlite3_exec(v->db, indexes, NULL, NULL, NULL) != SQLITE_OK)
        rc = db_fail(v, e);
    return rc;
}

static void list_missing(verify *v, int which, const char *kind, const char *what)
{
    want w;
    sqlite3_reset(v->st[which]);
    while (get_want(v->st[which], &w))
        differ(v, kind, &w, w.place, NULL, what);
}

static haul_rc compare(verify *v, haul_err *e)
{
    haul_rc rc = load_wanted(v, e);
    if (rc == HAUL_OK)
        rc = read_target(v, e);
    if (rc != HAUL_OK)
        return rc;
    check_rest(v);
    list_missing(v, ST_NO_TARGET, "missing", "recorded, but not in the target");
    if (v->filling || !v->job->sources || !v->job->sources[0])
        return HAUL_OK;
    rc = read_sources(v, e);
    if (rc == HAUL_OK)
        list_missing(v, ST_NO_SOURCE, "not-in-source", "recorded, but no longer in the source");
    return rc;
}

static json_t *result(const verify *v)
{
    json_t *o = json_object();
    json_object_set_new(o, "version", json_integer(HAUL_VERIFY_VERSION));
    json_object_set_new(o, "target", haul_json_from_text(v->job->target));
    json_object_set_new(o, "format", haul_json_from_text(v->format ? v->format->name : NULL));
    json_object_set_new(o, "checked", json_integer((json_int_t)v->checked));
    json_object_set_new(o, "agree", json_integer((json_int_t)v->agree));
    json_object_set_new(o, "differ", json_integer((json_int_t)v->differ));
    json_object_set_new(o, "rebuilt", json_integer((json_int_t)v->rebuilt));
    json_object_set(o, "differences", v->list);
    json_object_set_new(o, "truncated", json_boolean(v->differ > json_array_size(v->list)));
    return o;
}

static void close_verify(verify *v)
{
    for (int i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(v->st[i]);
    sqlite3_close(v->db);
    haul_report_free(v->names);
    haul_journal_close(v->journal);
    haul_msg_unref(v->msg);
    haul_select_free(v->select);
    haul_folders_done(&v->folders);
    json_decref(v->list);
}

haul_rc haul_verify(const haul_job *job, json_t **ret, haul_err *e)
{
    haul_err own = {0};
    e = e ? e : &own;
    verify v = {.job = job,
                .msg = haul_msg_new(),
                .select = haul_select_new(&job->filter),
                .list = json_array(),
                .progress = {.folder = "", .phase = "verifying"}};
    bool remote = haul_target_is_remote(job->target);
    const char *const target[] = {job->target, NULL};
    if (job->progress && !remote)
        v.progress.octets_total = haul_measure(target) + haul_measure(job->sources);
    haul_rc rc = remote || access(job->target, F_OK) == 0
                     ? haul_report_open(job, NULL, &v.names, e)
                     : haul_fail_sys(e, HAUL_E_TARGET, "%s", job->target);
    if (rc == HAUL_OK)
        rc = open_db(&v, e);
    if (rc == HAUL_OK)
        rc = compare(&v, e);
    if (rc == HAUL_OK && ret)
        *ret = result(&v);
    if (rc == HAUL_OK && v.differ)
        rc = haul_fail(e, HAUL_E_DIFFERS, "%llu differences", (unsigned long long)v.differ);
    close_verify(&v);
    return rc;
}
