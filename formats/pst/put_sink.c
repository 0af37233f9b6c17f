/* Outlook stores as a target: NAME.pst, and NAME-2.pst … where they are split. Rules: docs/formats/pst.md [pst-60]… */
#include "pst.h"
#include "put_files.h"

#include "base/thread.h"
#include "mime/outlook.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_MIN    (UINT64_C(16) * 1024 * 1024)
#define CLASS_MAX    16u /* octets of a folder's class */
#define VOLUMES_MAX  9999u
#define TITLE        "Outlook Data File"         /* what Outlook itself calls a new one */
#define AHEAD        64u                         /* messages on their way, at most, */
#define AHEAD_OCTETS (UINT64_C(4) * 1024 * 1024) /* and octets of them, unless it is one alone */

typedef struct place { /* a folder of the run, by its id */
    char *path;        /* for places: names joined by '/', both escaped as haul_folders_path does */
    char **parts;
    size_t n;
    haul_role role;
    uint32_t nid; /* in the open store; 0 = not yet there */
} place;

/* A message on its way into the store. From when it is given until it is taken back it is the writer's, and the store, too. */
typedef struct writing {
    haul_msg *msg;
    uint32_t id, folder, nid; /* its folder, in the run and in the store; itself */
    bool again; /* it was one too many for the store before: what there is to say of it is said */
    haul_rc rc; /* HAUL_END: the store is full */
    haul_err err;
    haul_sink *sink;
} writing;

typedef struct state {
    haul_pstw_files files;
    haul_thread *writer;
    writing writings[AHEAD];
    uint64_t come, given, done; /* messages: that came, that the writer was given, that have their receipts */
    uint64_t octets;            /* of those that came and have none */
    haul_rc rc;                 /* the writer's: HAUL_END = the store is full, < 0 = it is lost, and why */
    haul_err err;
    bool full;   /* the store; nothing is the writer's */
    bool ending; /* the store gets its name next */
    bool whole;  /* originals are kept */
    uint64_t split;
    bool changed;      /* tokens */
    unsigned known;    /* the volume that the journal goes on with: logs of those before may go */
    unsigned dropped;  /* volumes whose logs are gone */
    GHashTable *names; /* "PARENT NAME" → nid */
    GHashTable *ids;   /* place.path → 1 + id, of those that were declared */
    place *v;
    size_t n;
    haul_str line;
    haul_sink *sink;
} state;

/* ── the writer, in its thread ── */

static void on_issue(void *ctx, haul_issue_id id, const char *detail)
{
    const writing *w = ctx;
    if (w->again)
        return;
    haul_sink_issue(w->sink, w->msg, id, "%s", detail);
}

static void write_message(void *ctx, void *job)
{
    state *st = ctx;
    writing *w = job;
    haul_auto(haul_mapi) *object = NULL;
    haul_outlook_options opt = {.keep_original = st->whole, .issue = on_issue, .ctx = w};
    w->rc = st->rc;
    if (w->rc != HAUL_OK) {
        w->err = st->err;
        return;
    }
    w->rc = haul_outlook_open(w->msg, &opt, &object, &w->err);
    if (w->rc == HAUL_OK)
        w->rc = haul_pstw_message(st->files.store, w->folder, object, HAUL_PSTW_CONTENTS, &w->nid, &w->err);
    if (w->rc < 0 || w->rc == HAUL_END) {
        st->rc = w->rc;
        st->err = w->err;
    }
}

/* ── receipts ── */

/* The place of a message is "Folder#0x200024", in a further store "out-2.pst/Folder#0x200024". */
static void give_receipt(haul_sink *s, const writing *w, haul_rc rc, const haul_err *why)
{
    state *st = s->state;
    haul_str_clear(&st->line);
    if (st->files.volume > 1) {
        haul_pstw_file_name(st->files.name, st->files.volume, &st->line);
        haul_str_addc(&st->line, '/');
    }
    haul_str_addf(&st->line, "%s#0x%x", st->v[w->id].path, (unsigned)w->nid);
    haul_sink_receipt(s, w->msg, rc == HAUL_OK ? st->line.p : NULL, rc, why);
    st->octets -= w->msg->stored_size;
    st->done++;
    haul_msg_unref(w->msg);
}

static writing *writing_at(state *st, uint64_t i)
{
    return &st->writings[i % AHEAD];
}

/* Until no more than `left` messages are the writer's; each that is written has its receipt then. Where the store is lost, all
 * of them have. Where it is full, those that came behind are not given yet. */
static haul_rc settle(haul_sink *s, size_t left, haul_err *e)
{
    state *st = s->state;
    writing *w;
    haul_rc rc = HAUL_OK;
    if (!st->writer || !haul_thread_out(st->writer))
        return HAUL_OK;
    haul_thread_wait(st->writer, left);
    while ((w = haul_thread_take(st->writer))) {
        if (w->rc < 0 || w->rc == HAUL_END)
            haul_thread_wait(st->writer, 0);
        if (w->rc == HAUL_END) {
            w->again |= !st->full; /* it was taken apart, and the ones behind it were not */
            st->full = true;
            continue;
        }
        if (w->rc < 0 && rc == HAUL_OK) {
            rc = w->rc;
            if (e)
                *e = w->err;
        }
        give_receipt(s, w, w->rc, &w->err);
    }
    st->given = st->done + haul_thread_out(st->writer);
    return rc;
}

/* What came and was not given does not go into the store. */
static void refuse(haul_sink *s, haul_rc rc, const haul_err *why)
{
    state *st = s->state;
    while (st->given < st->come)
        give_receipt(s, writing_at(st, st->given++), rc, why);
}

/* ── opening ── */

static void know_name(state *st, uint32_t parent, const char *name, uint32_t nid)
{
    g_hash_table_insert(st->names, g_strdup_printf("%u %s", parent, name), GUINT_TO_POINTER(nid));
}

static void know_folders(state *st)
{
    uint32_t nid, parent;
    const char *name;
    haul_role role;
    g_hash_table_remove_all(st->names);
    for (size_t i = 0; haul_pstw_folder_at(st->files.store, i, &nid, &parent, &name, &role); i++)
        know_name(st, parent, name, nid);
    for (size_t i = 0; i < st->n; i++)
        st->v[i].nid = 0;
}

static haul_rc open_log(state *st, haul_err *e)
{
    haul_rc rc = haul_pstw_files_log(&st->files, TITLE, e);
    if (rc == HAUL_OK)
        know_folders(st);
    return rc;
}

static haul_rc read_tokens(state *st, const haul_tokens *t, haul_err *e)
{
    const char *volume = t ? haul_tokens_get(t, "volume") : NULL, *log = t ? haul_tokens_get(t, "log") : NULL;
    const char *finished = t ? haul_tokens_get(t, "finished") : NULL;
    const char *named = t ? haul_tokens_get(t, "named") : NULL; /* NULL: of an older version */
    uint64_t n;
    if (!volume || !log)
        return HAUL_OK;
    if (!haul_parse_u64(volume, strlen(volume), &n) || !n || n > VOLUMES_MAX ||
        !haul_parse_u64(log, strlen(log), &st->files.logged))
        return haul_fail(e, HAUL_E_STATE, "the journal's place in the store is no number");
    st->files.volume = st->known = (unsigned)n;
    st->files.claimed = true;
    st->files.finished = finished && *finished == '1';
    st->files.named = !named || *named == '1';
    return HAUL_OK;
}

static haul_rc read_split(haul_sink *s, haul_err *e)
{
    state *st = s->state;
    const char *text = haul_values_get(s->values, &haul_pst_options[HAUL_PST_SPLIT]);
    if (!haul_parse_size(text, &st->split) || (st->split && st->split < SPLIT_MIN) ||
        st->split > HAUL_PSTW_LARGEST)
        return haul_fail(e, HAUL_E_USAGE, "--split-size: '%s' is no size from 16M to 50G", text);
    if (!st->split && s->expected > HAUL_PSTW_LARGEST)
        return haul_fail(e, HAUL_E_USAGE,
                         "the sources have %llu GB, but Outlook opens no store of more than 50; have several "
                         "made with --split-size 40G",
                         (unsigned long long)(s->expected >> 30));
    st->files.most = st->split ? st->split : HAUL_PSTW_LARGEST;
    return HAUL_OK;
}

static haul_rc sink_open(haul_sink *s, const char *target, const haul_tokens *resume, haul_err *e)
{
    state *st = s->state;
    st->sink = s;
    st->whole = haul_values_choice(s->values, &haul_pst_options[HAUL_PST_ORIGINAL]) == 1;
    st->writer = haul_thread_new(write_message, st, AHEAD);
    st->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    st->ids = g_hash_table_new(g_str_hash, g_str_equal);
    haul_rc rc = haul_pstw_files_init(&st->files, target, s->own, e);
    if (rc == HAUL_OK)
        rc = read_split(s, e);
    if (rc == HAUL_OK)
        rc = read_tokens(st, resume, e);
    bool fresh = rc == HAUL_OK && !st->files.logged;
    if (fresh)
        rc = haul_pstw_files_free(&st->files, st->files.volume, e);
    if (fresh && rc == HAUL_OK && st->split) /* hours later is too late */
        rc = haul_pstw_files_free(&st->files, st->files.volume + 1, e);
    return rc == HAUL_OK ? open_log(st, e) : rc;
}

/* ── the place in the store that the journal has ── */

static void put_tokens(const state *st, haul_tokens *to)
{
    char text[24];
    snprintf(text, sizeof(text), "%u", st->files.volume);
    haul_tokens_put(to, "volume", text);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)st->files.logged);
    haul_tokens_put(to, "log", text);
    haul_tokens_put(to, "finished", st->files.finished ? "1" : "0");
    haul_tokens_put(to, "named",
                    st->files.named || st->ending ? "1" : "0"); /* it may have it when that is read */
}

static haul_rc save(state *st, haul_err *e)
{
    haul_auto(haul_tokens) *t = haul_tokens_new();
    put_tokens(st, t);
    return st->sink->save(st->sink->ctx, t, e);
}

/* The unfinished store is made only when the journal knows that it is ours: then it may be there, and with what is in it, when this
 * is read. */
static haul_rc begin(state *st, haul_err *e)
{
    if (st->files.begun)
        return HAUL_OK;
    haul_rc rc = st->files.claimed ? HAUL_OK : save(st, e);
    st->files.claimed |= rc == HAUL_OK;
    return rc == HAUL_OK ? haul_pstw_files_begin(&st->files, e) : rc;
}

/* ── folders ── */

static const char *class_of(haul_role role)
{
    switch (role) {
    case HAUL_ROLE_CALENDAR:
        return "IPF.Appointment";
    case HAUL_ROLE_CONTACTS:
        return "IPF.Contact";
    case HAUL_ROLE_TASKS:
        return "IPF.Task";
    case HAUL_ROLE_NOTES:
        return "IPF.StickyNote";
    case HAUL_ROLE_JOURNAL:
        return "IPF.Journal";
    default:
        return "IPF.Note";
    }
}

/* One level of a path. The top folder for deleted items is there in every store. */
static uint32_t folder_below(state *st, uint32_t parent, const char *name, haul_role role)
{
    char *key = g_strdup_printf("%u %s", parent, name);
    uint32_t nid = GPOINTER_TO_UINT(g_hash_table_lookup(st->names, key));
    g_free(key);
    if (nid)
        return nid;
    if (parent == HAUL_PSTW_TOP && role == HAUL_ROLE_TRASH) {
        nid = HAUL_PSTW_TRASH;
        haul_pstw_rename(st->files.store, nid, name, class_of(role), role);
    } else {
        nid = haul_pstw_folder(st->files.store, parent, name, class_of(role), role);
    }
    know_name(st, parent, name, nid);
    return nid;
}

static bool is_there(const state *st, const place *p)
{
    uint32_t nid = HAUL_PSTW_TOP;
    for (size_t i = 0; i < p->n && nid; i++) {
        char *key = g_strdup_printf("%u %s", nid, p->parts[i]);
        nid = GPOINTER_TO_UINT(g_hash_table_lookup(st->names, key));
        g_free(key);
    }
    return nid != 0;
}

static void escape(const char *name, haul_str *to)
{
    for (; *name; name++) {
        if (*name == '/' || *name == '\\')
            haul_str_addc(to, '\\');
        haul_str_addc(to, *name);
    }
}

/* Of the folder of that path, where it was declared: parents come into a further store before their own messages do. */
static haul_role role_at(const state *st, const haul_str *path)
{
    uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(st->ids, path->p));
    return id ? st->v[id - 1].role : HAUL_ROLE_NONE;
}

/* Nothing is the writer's. */
static haul_rc use_folder(state *st, place *p, haul_err *e)
{
    uint32_t nid = HAUL_PSTW_TOP;
    haul_auto_str path = {0};
    for (size_t i = 0; i < p->n && nid; i++) {
        if (i)
            haul_str_addc(&path, '/');
        escape(p->parts[i], &path);
        nid = folder_below(st, nid, p->parts[i], i + 1 == p->n ? p->role : role_at(st, &path));
    }
    p->nid = nid;
    return nid ? HAUL_OK
               : haul_fail(e, HAUL_E_LIMIT, "more than %u folders do not fit a store", HAUL_PSTW_FOLDERS_MAX);
}

/* ── volumes ── */

/* All that is in the store, so that the journal knows it. */
static haul_rc keep(state *st, haul_err *e)
{
    haul_rc rc = begin(st, e);
    if (rc == HAUL_OK)
        rc = haul_pstw_commit(st->files.store, &st->files.logged, e);
    return rc == HAUL_OK ? save(st, e) : rc;
}

static haul_rc end_volume(state *st, haul_err *e)
{
    size_t left_out = 0;
    st->ending = true;
    haul_rc rc = keep(st, e); /* a store that has its name is one that the journal knows */
    if (rc == HAUL_OK)
        rc = haul_pstw_finish(st->files.store, &left_out, e);
    if (rc == HAUL_OK)
        rc = haul_pstw_files_publish(&st->files, e);
    if (rc != HAUL_OK)
        return rc;
    if (left_out)
        haul_sink_issue(st->sink, NULL, HAUL_ISSUE_PST_TABLE_FULL, "%zu values", left_out);
    st->changed = true;
    return HAUL_OK;
}

static haul_rc next_volume(state *st, haul_err *e)
{
    haul_rc rc = end_volume(st, e);
    if (rc == HAUL_OK && st->files.volume == VOLUMES_MAX)
        rc = haul_fail(e, HAUL_E_LIMIT, "more than %u stores; choose a larger --split-size", VOLUMES_MAX);
    if (rc != HAUL_OK)
        return rc;
    st->files.volume++;
    st->files.logged = 0;
    st->files.claimed = st->files.finished = st->files.named = st->ending = false;
    rc = haul_pstw_files_free(&st->files, st->files.volume, e);
    if (rc == HAUL_OK)
        rc = open_log(st, e);
    return rc == HAUL_OK ? begin(st, e) : rc;
}

/* ── messages, into whichever store ── */

/* Nothing is the writer's. */
static haul_rc leave_full(state *st, haul_err *e)
{
    haul_rc rc = st->split ? next_volume(st, e) : keep(st, e);
    if (rc == HAUL_OK && !st->split)
        return haul_fail(
            e, HAUL_E_TARGET,
            "%s has 50 GB, and Outlook opens none that is larger; go on with --split-size 40G, which makes "
            "several",
            st->files.name);
    st->full = false;
    st->rc = HAUL_OK;
    return rc;
}

static void give(state *st, writing *w)
{
    w->folder = st->v[w->id].nid;
    st->given++;
    haul_thread_give(st->writer, w);
}

static bool fits(const state *st, const place *p)
{
    return haul_pstw_fits_folders(st->files.store, p->n, strlen(p->path) + p->n * CLASS_MAX);
}

/* All that came, in order, into the store that has room for it and the folder that is there for it. */
static haul_rc give_all(haul_sink *s, haul_err *e)
{
    state *st = s->state;
    haul_err why = {0};
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && st->given < st->come) {
        writing *w = writing_at(st, st->given);
        if (st->full)
            rc = leave_full(st, &why);
        else if (st->v[w->id].nid)
            give(st, w);
        else if (haul_thread_out(st->writer))
            rc = settle(s, 0, &why);
        else if (!is_there(st, &st->v[w->id]) && !fits(st, &st->v[w->id]))
            st->full = true;
        else
            rc = use_folder(st, &st->v[w->id], &why);
    }
    if (rc == HAUL_OK)
        return HAUL_OK;
    refuse(s, rc, &why);
    if (e)
        *e = why;
    return rc;
}

/* All that came are in a store, and have their receipts. */
static haul_rc flush(haul_sink *s, haul_err *e)
{
    const state *st = s->state;
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && st->done < st->come) {
        rc = settle(s, 0, e);
        if (rc == HAUL_OK)
            rc = give_all(s, e);
    }
    return rc;
}

/* ── folders that are declared ── */

static place *place_of(state *st, uint32_t id)
{
    if (id >= st->n) {
        size_t n = st->n ? st->n : 64;
        while (n <= id)
            n *= 2;
        st->v = haul_realloc(st->v, n * sizeof(*st->v));
        memset(st->v + st->n, 0, (n - st->n) * sizeof(*st->v));
        st->n = n;
    }
    return &st->v[id];
}

static haul_rc sink_folder(haul_sink *s, uint32_t id, const haul_path *path, haul_err *e)
{
    state *st = s->state;
    place *p = place_of(st, id);
    haul_auto_str text = {0};
    if (p->path)
        return HAUL_OK;
    *p = (place){.n = path->n, .role = path->role};
    p->parts = haul_calloc(path->n + 1, sizeof(*p->parts));
    for (size_t i = 0; i < path->n; i++) {
        p->parts[i] = haul_strdup(path->parts[i]);
        if (i)
            haul_str_addc(&text, '/');
        escape(path->parts[i], &text);
    }
    p->path = haul_strdup(haul_strz(&text));
    haul_rc rc = flush(s, e);
    if (rc == HAUL_OK) /* not before: messages that came earlier must not meet it */
        g_hash_table_insert(st->ids, p->path, GUINT_TO_POINTER(id + 1));
    if (rc != HAUL_OK || (path->known && st->files.volume > 1)) /* one of the stores has it */
        return rc;
    if (!is_there(st, p))
        rc = begin(st, e);
    if (rc == HAUL_OK && !is_there(st, p) && !fits(st, p))
        rc = leave_full(st, e);
    return rc == HAUL_OK ? use_folder(st, p, e) : rc;
}

/* ── messages that come ── */

/* No more is on its way than may be with another one of that size. */
static haul_rc wait_for_room(haul_sink *s, uint64_t size, haul_err *e)
{
    const state *st = s->state;
    haul_rc rc = HAUL_OK;
    uint64_t out;
    while (rc == HAUL_OK && (out = st->come - st->done) &&
           (out == AHEAD || st->octets + size > AHEAD_OCTETS)) {
        rc = settle(s, out / 2, e);
        if (rc == HAUL_OK)
            rc = give_all(s, e);
    }
    return rc;
}

static haul_rc sink_message(haul_sink *s, uint32_t id, const haul_msg *m, haul_err *e)
{
    state *st = s->state;
    if (id >= st->n || !st->v[id].path)
        return haul_fail(e, HAUL_E_TARGET, "a message for folder %u, which was never declared", (unsigned)id);
    haul_rc rc = begin(st, e);
    if (rc == HAUL_OK)
        rc = wait_for_room(s, m->stored_size, e);
    if (rc != HAUL_OK)
        return rc;
    *writing_at(st, st->come++) = (writing){.msg = haul_sink_keep(s, m, true), .id = id, .sink = s};
    st->octets += m->stored_size;
    rc = give_all(s, e);
    if (rc == HAUL_OK)
        rc = s->at_once ? flush(s, e) : settle(s, AHEAD, e);
    return rc;
}

static void drop_logs(state *st)
{
    while (st->dropped + 1 < st->known)
        haul_pstw_files_drop(&st->files, ++st->dropped);
}

static haul_rc sink_commit(haul_sink *s, haul_tokens *ret, haul_err *e)
{
    state *st = s->state;
    haul_rc rc = flush(s, e);
    drop_logs(st); /* of what the journal has known since the commit before */
    if (rc == HAUL_OK && st->files.begun) {
        rc = haul_pstw_commit(st->files.store, &st->files.logged, e);
        st->changed = true;
    }
    if (rc != HAUL_OK || !st->changed)
        return rc;
    put_tokens(st, ret);
    st->known = st->files.volume;
    st->changed = false;
    return HAUL_OK;
}

static haul_rc sink_receipts(haul_sink *s, haul_err *e)
{
    return flush(s, e);
}

static void sink_give_up(haul_sink *s, haul_rc rc, const haul_err *why)
{
    (void)!settle(s, 0, NULL);
    refuse(s, rc, why);
}

static haul_rc sink_finish(haul_sink *s, haul_err *e)
{
    state *st = s->state;
    haul_rc rc = flush(s, e);
    return rc != HAUL_OK || st->files.finished ? rc : end_volume(st, e);
}

static void sink_close(haul_sink *s)
{
    state *st = s->state;
    if (!st->sink) /* never opened */
        return;
    haul_thread_free(st->writer);
    haul_pstw_files_done(&st->files);
    g_hash_table_destroy(st->names);
    g_hash_table_destroy(st->ids);
    for (size_t i = 0; i < st->n; i++) {
        for (size_t k = 0; k < st->v[i].n; k++)
            free(st->v[i].parts[k]);
        free(st->v[i].parts);
        free(st->v[i].path);
    }
    free(st->v);
    haul_str_done(&st->line);
}

static bool sink_is_file(const char *target, const haul_values *values)
{
    (void)target;
    (void)values;
    return true;
}

static bool sink_further(const char *target, unsigned n, const haul_tokens *t, haul_str *ret)
{
    const char *volume = t ? haul_tokens_get(t, "volume") : NULL;
    uint64_t last = t ? 1 : VOLUMES_MAX;
    if (volume)
        (void)haul_parse_u64(volume, strlen(volume), &last);
    haul_pstw_file_name(target, n, ret);
    return n <= last;
}

/* Outlook takes names of up to 255 characters, and no two in one folder that differ in case only. A '/' it would take; paths here
 * would not. */
static const haul_naming *sink_naming(const haul_values *values)
{
    static const haul_naming naming = {
        .reserved = "/", .escape = '%', .fold_case = true, .component_max = 255};
    (void)values;
    return &naming;
}

const haul_sink_ops haul_pst_sink = {
    .state_size = sizeof(state),
    .asks_size = true,
    .unfinished = HAUL_PSTW_UNFINISHED,
    .is_file = sink_is_file,
    .further = sink_further,
    .naming = sink_naming,
    .open = sink_open,
    .folder = sink_folder,
    .message = sink_message,
    .commit = sink_commit,
    .receipts = sink_receipts,
    .give_up = sink_give_up,
    .finish = sink_finish,
    .close = sink_close,
};
