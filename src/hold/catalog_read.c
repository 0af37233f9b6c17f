/* Walks through a catalogue: nothing is kept of what was seen but the family at hand. */
#include "hold/catalog_db.h"

#include <stdlib.h>
#include <string.h>

const char *haul_catalog_text(sqlite3_stmt *s, int column)
{
    const char *z = (const char *)sqlite3_column_text(s, column);
    return z ? z : "";
}

/* A row of documents, column by column. */
typedef struct cursor {
    sqlite3_stmt *s;
    haul_arena *arena;
    int at;
    bool damaged;
} cursor;

static int64_t take_int(cursor *u, bool *ret_set)
{
    if (ret_set)
        *ret_set = sqlite3_column_type(u->s, u->at) != SQLITE_NULL;
    return sqlite3_column_int64(u->s, u->at++);
}

static const char *take_text(cursor *u)
{
    const char *z = haul_catalog_text(u->s, u->at);
    return haul_arena_strn(u->arena, z, (size_t)sqlite3_column_bytes(u->s, u->at++));
}

/* n octets, or, where `may_lack`, none. */
static void take_blob(cursor *u, uint8_t *to, int n, bool may_lack)
{
    const void *p = sqlite3_column_blob(u->s, u->at);
    int have = sqlite3_column_bytes(u->s, u->at++);
    if (p && have == n)
        memcpy(to, p, (size_t)n);
    else if (have || !may_lack)
        u->damaged = true;
}

haul_rc haul_catalog_read_doc(haul_catalog *c, sqlite3_stmt *s, haul_arena *a, haul_doc *ret, haul_err *e)
{
    (void)c;
    cursor u = {.s = s, .arena = a};
    haul_doc d = {.row = take_int(&u, NULL)};
    d.parent = take_int(&u, NULL);
    int64_t kind = take_int(&u, NULL);
    d.flags = (unsigned)take_int(&u, &d.has_flags);
    d.sent_us = take_int(&u, &d.has_sent);
    d.sent_tz = (int)take_int(&u, NULL);
    d.received_us = take_int(&u, &d.has_received);
    d.received_tz = (int)take_int(&u, NULL);
    d.created_us = take_int(&u, &d.has_created);
    d.modified_us = take_int(&u, &d.has_modified);
    d.size = (uint64_t)take_int(&u, NULL);
    d.text_size = (uint64_t)take_int(&u, NULL);
    take_blob(&u, d.md5, sizeof(d.md5), false);
    take_blob(&u, d.sha1, sizeof(d.sha1), false);
    take_blob(&u, d.sha256, sizeof(d.sha256), false);
    take_blob(&u, d.canonical, sizeof(d.canonical), true);
    take_blob(&u, d.text_sha256, sizeof(d.text_sha256), true);
    d.custodian = take_text(&u);
    d.source = take_text(&u);
    d.folder = take_text(&u);
    for (size_t i = 0; i < haul_doc_texts; i++)
        *(const char **)(void *)((char *)&d + haul_doc_text_at[i]) = take_text(&u);
    if (u.damaged || kind < 0 || kind >= HAUL_KIND_COUNT)
        return haul_fail(e, HAUL_E_STATE, "catalogue: row %lld is damaged", (long long)d.row);
    d.kind = (haul_kind)kind;
    *ret = d;
    return HAUL_OK;
}

/* ── families ── */

typedef struct walk {
    haul_catalog *c;
    sqlite3_stmt *rows;  /* documents in the order of their rows, standing on the next one */
    sqlite3_stmt *heads; /* by folder: rows of messages; NULL by row */
    sqlite3_stmt *twins; /* NULL when the catalogue has none */
    int code;            /* of the last step of rows */
    haul_arena arena;    /* the texts of one family */
    haul_doc *docs;
    size_t n, cap;
    haul_twin *twin;
    size_t n_twins, cap_twins;
    const char **names; /* custodians of the family, each once */
    size_t n_names, cap_names;
    haul_str custodians;
} walk;

/* Room for one more in an array of n elements. */
static void *grow(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap * 2 : 16;
    return haul_realloc(p, *cap * size);
}

static haul_rc walk_open(walk *w, haul_catalog_order order, haul_err *e)
{
    static const char by_row[] = "SELECT " HAUL_DOC_COLUMNS HAUL_DOC_FROM " WHERE d.n >= ?1 ORDER BY d.n";
    static const char by_folder[] =
        "SELECT d.n FROM box b CROSS JOIN doc d ON d.box = b.n WHERE d.parent = 0"
        " ORDER BY b.custodian, b.source, replace(b.folder, '/', char(1)), b.folder, d.n";
    static const char twins[] = "SELECT t.item_id, t.place, b.custodian, b.source, b.folder FROM twin t"
                                " CROSS JOIN box b ON b.n = t.box WHERE t.doc = ?1 ORDER BY t.n";
    sqlite3_stmt *any = NULL;
    haul_rc rc = haul_catalog_prepare(w->c, by_row, &w->rows, e);
    if (rc == HAUL_OK && order == HAUL_BY_FOLDER)
        rc = haul_catalog_prepare(w->c, by_folder, &w->heads, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_prepare(w->c, "SELECT 1 FROM twin LIMIT 1", &any, e);
    if (rc == HAUL_OK && sqlite3_step(any) == SQLITE_ROW)
        rc = haul_catalog_prepare(w->c, twins, &w->twins, e);
    sqlite3_finalize(any);
    if (rc == HAUL_OK && !w->heads) {
        sqlite3_bind_int64(w->rows, 1, 0);
        w->code = sqlite3_step(w->rows);
    }
    return rc;
}

static void walk_close(walk *w)
{
    sqlite3_finalize(w->rows);
    sqlite3_finalize(w->heads);
    sqlite3_finalize(w->twins);
    haul_arena_done(&w->arena);
    haul_str_done(&w->custodians);
    free(w->docs);
    free(w->twin);
    free(w->names);
}

/* By folder: put rows on the next message. */
static haul_rc next_head(walk *w, haul_err *e)
{
    int code = sqlite3_step(w->heads);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? HAUL_END : haul_catalog_fail(w->c, "reading", e);
    sqlite3_reset(w->rows);
    sqlite3_bind_int64(w->rows, 1, sqlite3_column_int64(w->heads, 0));
    w->code = sqlite3_step(w->rows);
    return HAUL_OK;
}

/* The message that rows stands on, and the attachments behind it. */
static haul_rc gather_docs(walk *w, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (w->n = 0; w->code == SQLITE_ROW && rc == HAUL_OK; w->code = sqlite3_step(w->rows)) {
        int64_t parent = sqlite3_column_int64(w->rows, 1);
        if (w->n && !parent)
            return HAUL_OK;
        if (w->n ? parent != w->docs[0].row : parent != 0)
            return haul_fail(e, HAUL_E_STATE, "catalogue: row %lld is an attachment without its message",
                             (long long)sqlite3_column_int64(w->rows, 0));
        w->docs = grow(w->docs, w->n, &w->cap, sizeof(*w->docs));
        rc = haul_catalog_read_doc(w->c, w->rows, &w->arena, &w->docs[w->n], e);
        w->n += rc == HAUL_OK;
    }
    if (rc == HAUL_OK && w->code != SQLITE_DONE)
        rc = haul_catalog_fail(w->c, "reading", e);
    return rc == HAUL_OK && !w->n ? HAUL_END : rc;
}

static haul_rc gather_twins(walk *w, haul_err *e)
{
    w->n_twins = 0;
    if (!w->twins)
        return HAUL_OK;
    sqlite3_reset(w->twins);
    sqlite3_bind_int64(w->twins, 1, w->docs[0].row);
    int code;
    while ((code = sqlite3_step(w->twins)) == SQLITE_ROW) {
        cursor u = {.s = w->twins, .arena = &w->arena};
        w->twin = grow(w->twin, w->n_twins, &w->cap_twins, sizeof(*w->twin));
        haul_twin *t = &w->twin[w->n_twins++];
        t->of = w->docs[0].row;
        t->item_id = take_text(&u);
        t->place = take_text(&u);
        t->custodian = take_text(&u);
        t->source = take_text(&u);
        t->folder = take_text(&u);
    }
    return code == SQLITE_DONE ? HAUL_OK : haul_catalog_fail(w->c, "reading", e);
}

static void name_custodian(walk *w, const char *name)
{
    for (size_t i = 0; i < w->n_names; i++)
        if (strcmp(w->names[i], name) == 0)
            return;
    if (!*name)
        return;
    w->names = grow(w->names, w->n_names, &w->cap_names, sizeof(*w->names));
    w->names[w->n_names++] = name;
    haul_str_addz(&w->custodians, w->custodians.len ? "; " : "");
    haul_str_addz(&w->custodians, name);
}

static haul_rc next_family(walk *w, haul_family *ret, haul_err *e)
{
    haul_arena_reset(&w->arena);
    haul_str_clear(&w->custodians);
    w->n_names = 0;
    haul_rc rc = w->heads ? next_head(w, e) : HAUL_OK;
    if (rc == HAUL_OK)
        rc = gather_docs(w, e);
    if (rc == HAUL_OK)
        rc = gather_twins(w, e);
    if (rc != HAUL_OK)
        return rc;
    name_custodian(w, w->docs[0].custodian);
    for (size_t i = 0; i < w->n_twins; i++)
        name_custodian(w, w->twin[i].custodian);
    *ret = (haul_family){.docs = w->docs,
                         .n = w->n,
                         .custodians = haul_strz(&w->custodians),
                         .twins = w->twin,
                         .n_twins = w->n_twins};
    return HAUL_OK;
}

haul_rc haul_catalog_families(haul_catalog *c, haul_catalog_order order,
                              haul_rc (*fn)(void *ctx, const haul_family *f, haul_err *e), void *ctx,
                              haul_err *e)
{
    walk w = {.c = c};
    haul_family f;
    haul_rc rc = walk_open(&w, order, e);
    while (rc == HAUL_OK && (rc = next_family(&w, &f, e)) == HAUL_OK)
        rc = fn(ctx, &f, e);
    walk_close(&w);
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* ── the smaller lists ── */

/* Every row of a statement. */
typedef haul_rc (*row_fn)(void *ctx, sqlite3_stmt *s, haul_err *e);

static haul_rc each_row(haul_catalog *c, const char *sql, row_fn fn, void *ctx, haul_err *e)
{
    sqlite3_stmt *s = NULL;
    haul_rc rc = haul_catalog_prepare(c, sql, &s, e);
    int code = SQLITE_DONE;
    while (rc == HAUL_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        rc = fn(ctx, s, e);
    if (rc == HAUL_OK && code != SQLITE_DONE)
        rc = haul_catalog_fail(c, "reading", e);
    sqlite3_finalize(s);
    return rc == HAUL_END ? HAUL_OK : rc;
}

typedef struct left_out_to {
    haul_rc (*fn)(void *ctx, const haul_left_out *l, haul_err *e);
    void *ctx;
} left_out_to;

static haul_rc give_left_out(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    const left_out_to *to = ctx;
    haul_left_out l = {.custodian = haul_catalog_text(s, 0),
                       .source = haul_catalog_text(s, 1),
                       .folder = haul_catalog_text(s, 2),
                       .item_id = haul_catalog_text(s, 3),
                       .status = haul_catalog_text(s, 4),
                       .place = haul_catalog_text(s, 5),
                       .kind = haul_catalog_text(s, 6),
                       .message_id = haul_catalog_text(s, 7),
                       .subject = haul_catalog_text(s, 8),
                       .reason = haul_catalog_text(s, 9),
                       .issues = haul_catalog_text(s, 10),
                       .stored_as = haul_catalog_text(s, 11)};
    return to->fn(to->ctx, &l, e);
}

haul_rc haul_catalog_left_out(haul_catalog *c, haul_rc (*fn)(void *ctx, const haul_left_out *l, haul_err *e),
                              void *ctx, haul_err *e)
{
    left_out_to to = {fn, ctx};
    return each_row(
        c,
        "SELECT b.custodian, b.source, b.folder, l.item_id, l.status, l.place, l.kind, l.message_id,"
        " l.subject, l.reason, l.issues, l.stored_as FROM left_out l CROSS JOIN box b ON b.n = l.box"
        " ORDER BY l.n",
        give_left_out, &to, e);
}

typedef struct exception_to {
    haul_rc (*fn)(void *ctx, const haul_exception *x, haul_err *e);
    void *ctx;
} exception_to;

static haul_rc give_exception(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    const exception_to *to = ctx;
    haul_exception x = {.custodian = haul_catalog_text(s, 0),
                        .source = haul_catalog_text(s, 1),
                        .folder = haul_catalog_text(s, 2),
                        .docid = haul_catalog_text(s, 3),
                        .item_id = haul_catalog_text(s, 4),
                        .place = haul_catalog_text(s, 5),
                        .kind = haul_catalog_text(s, 6),
                        .issue = haul_catalog_text(s, 7),
                        .detail = haul_catalog_text(s, 8),
                        .disposition = haul_catalog_text(s, 9)};
    return to->fn(to->ctx, &x, e);
}

haul_rc haul_catalog_exceptions(haul_catalog *c,
                                haul_rc (*fn)(void *ctx, const haul_exception *x, haul_err *e), void *ctx,
                                haul_err *e)
{
    exception_to to = {fn, ctx};
    return each_row(
        c,
        "SELECT b.custodian, b.source, b.folder, x.docid, x.item_id, x.place, x.kind, x.issue, x.detail,"
        " x.disposition FROM exception x CROSS JOIN box b ON b.n = x.box ORDER BY x.n",
        give_exception, &to, e);
}

typedef struct file_to {
    haul_catalog *c;
    haul_rc (*fn)(void *ctx, const char *path, uint64_t size, const uint8_t sha256[HAUL_SHA256_LEN],
                  haul_err *e);
    void *ctx;
} file_to;

static haul_rc give_file(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    const file_to *to = ctx;
    if (sqlite3_column_bytes(s, 2) != HAUL_SHA256_LEN)
        return haul_fail(e, HAUL_E_STATE, "catalogue: %s has no digest", haul_catalog_text(s, 0));
    return to->fn(to->ctx, haul_catalog_text(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
                  sqlite3_column_blob(s, 2), e);
}

/* SQLite sorts in its cache and, beyond that, in an unlinked temporary file. */
haul_rc haul_catalog_files(haul_catalog *c,
                           haul_rc (*fn)(void *ctx, const char *path, uint64_t size,
                                         const uint8_t sha256[HAUL_SHA256_LEN], haul_err *e),
                           void *ctx, haul_err *e)
{
    file_to to = {c, fn, ctx};
    return each_row(c,
                    "SELECT native, size, sha256 FROM doc WHERE native <> '' UNION ALL"
                    " SELECT text, text_size, text_sha256 FROM doc WHERE text <> '' UNION ALL"
                    " SELECT path, size, sha256 FROM file ORDER BY 1",
                    give_file, &to, e);
}

typedef struct folder_to {
    haul_rc (*fn)(void *ctx, const char *custodian, const char *source, const char *folder, haul_err *e);
    void *ctx;
} folder_to;

static haul_rc give_folder(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    const folder_to *to = ctx;
    return to->fn(to->ctx, haul_catalog_text(s, 0), haul_catalog_text(s, 1), haul_catalog_text(s, 2), e);
}

haul_rc haul_catalog_folders_left_out(haul_catalog *c,
                                      haul_rc (*fn)(void *ctx, const char *custodian, const char *source,
                                                    const char *folder, haul_err *e),
                                      void *ctx, haul_err *e)
{
    folder_to to = {fn, ctx};
    return each_row(c,
                    "SELECT custodian, source, folder FROM box"
                    " WHERE n IN (SELECT box FROM left_out WHERE status <> 'duplicate')"
                    " AND n NOT IN (SELECT box FROM doc WHERE parent = 0) AND n NOT IN (SELECT box FROM twin)"
                    " ORDER BY custodian, source, folder",
                    give_folder, &to, e);
}

typedef struct totals_to {
    haul_rc (*fn)(void *ctx, const haul_folder_totals *f, haul_err *e);
    void *ctx;
} totals_to;

static haul_rc give_totals(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    const totals_to *to = ctx;
    haul_folder_totals f = {.source = haul_catalog_text(s, 0),
                            .folder = haul_catalog_text(s, 1),
                            .stored = (uint64_t)sqlite3_column_int64(s, 2),
                            .duplicate = (uint64_t)sqlite3_column_int64(s, 3),
                            .filtered = (uint64_t)sqlite3_column_int64(s, 4),
                            .failed = (uint64_t)sqlite3_column_int64(s, 5)};
    return to->fn(to->ctx, &f, e);
}

haul_rc haul_catalog_folders(haul_catalog *c,
                             haul_rc (*fn)(void *ctx, const haul_folder_totals *f, haul_err *e), void *ctx,
                             haul_err *e)
{
    totals_to to = {fn, ctx};
    return each_row(
        c,
        "SELECT b.source, b.folder, sum(stored), sum(twins), sum(filtered), sum(failed) FROM ("
        " SELECT box, count(*) stored, 0 twins, 0 filtered, 0 failed FROM doc WHERE parent = 0 GROUP BY box"
        " UNION ALL SELECT box, 0, count(*), 0, 0 FROM twin GROUP BY box"
        " UNION ALL SELECT box, 0, 0, sum(status = 'filtered'), sum(status = 'failed') FROM left_out"
        " GROUP BY box) x JOIN box b ON b.n = x.box GROUP BY b.source, b.folder ORDER BY min(b.n)",
        give_totals, &to, e);
}

static haul_rc add_total(void *ctx, sqlite3_stmt *s, haul_err *e)
{
    (void)e;
    uint64_t **at = ctx;
    for (int i = 0; at[i]; i++)
        *at[i] += (uint64_t)sqlite3_column_int64(s, i);
    return HAUL_OK;
}

haul_rc haul_catalog_count(haul_catalog *c, haul_catalog_totals *ret, haul_err *e)
{
    haul_catalog_totals t = {0};
    struct {
        const char *sql;
        uint64_t *at[5];
    } const ask[] = {
        {"SELECT coalesce(sum(parent = 0), 0), coalesce(sum(parent <> 0), 0), coalesce(sum((native <> '') + "
         "(text <> '')),"
         " 0), coalesce(sum(iif(native <> '', size, 0) + text_size), 0) FROM doc",
         {&t.messages, &t.attachments, &t.files, &t.octets}},
        {"SELECT count(*), coalesce(sum(size), 0) FROM file", {&t.files, &t.octets}},
        {"SELECT count(*) FROM twin", {&t.twins}},
        {"SELECT count(*) FROM exception", {&t.exceptions}},
        {"SELECT coalesce(sum(status = 'filtered'), 0), coalesce(sum(status = 'failed'), 0) FROM left_out",
         {&t.left_out_filtered, &t.left_out_failed}},
    };
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < HAUL_COUNT(ask) && rc == HAUL_OK; i++) {
        uint64_t *at[5];
        memcpy(at, ask[i].at, sizeof(at));
        rc = each_row(c, ask[i].sql, add_total, at, e);
    }
    if (rc == HAUL_OK)
        *ret = t;
    return rc;
}
