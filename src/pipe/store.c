/* The target side of a run: journal, sink, receipts, commits. */
#include "pipe/measure.h"
#include "pipe/preflight.h"
#include "pipe/run.h"

#include "io/atomic.h"
#include "pipe/state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static haul_run_folder *folder_of(haul_run *r, const haul_msg *m)
{
    return &r->by_folder[m->folder];
}

/* The core made every message; sinks only borrow them as const. */
static haul_msg *own(const haul_msg *m)
{
    return (haul_msg *)(uintptr_t)m;
}

static unsigned lost_of(const haul_msg *m)
{
    unsigned lost = 0;
    for (const haul_issue *i = m->issues; i; i = i->next) {
        if (i->id == HAUL_ISSUE_TARGET_FLAGS_NOT_HELD)
            lost |= HAUL_LOST_FLAGS;
        if (i->id == HAUL_ISSUE_KEYWORD_NOT_HELD || i->id == HAUL_ISSUE_KEYWORD_NAME_CHANGED ||
            i->id == HAUL_ISSUE_MAILDIR_KEYWORDS_FULL)
            lost |= HAUL_LOST_KEYWORDS;
        if (i->id == HAUL_ISSUE_TARGET_TIME_CLAMPED || i->id == HAUL_ISSUE_TIME_UNKNOWN)
            lost |= HAUL_LOST_TIME;
    }
    return lost | (m->may_grow ? HAUL_LOST_END : 0u);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void haul_keywords_text(const haul_msg *m, haul_str *to)
{
    const char *sorted[HAUL_KEYWORDS_MAX];
    if (!m->n_keywords)
        return;
    memcpy(sorted, m->keywords, m->n_keywords * sizeof(*sorted));
    qsort(sorted, m->n_keywords, sizeof(*sorted), by_text);
    for (size_t i = 0; i < m->n_keywords; i++)
        haul_str_addf(to, "%s%s", i ? "\n" : "", sorted[i]);
}

/* What items.jsonl will say of m, but for the place or the reason. */
static haul_item_line line_of(haul_run *r, const haul_msg *m, haul_status_id status)
{
    return (haul_item_line){.msg = m,
                            .folder = folder_of(r, m)->path,
                            .status = status,
                            .sha256 = m->sha256,
                            .size = m->size,
                            .has_size = true};
}

haul_rc haul_store_refused(haul_run *r, const haul_msg *m, const haul_err *why, haul_err *e)
{
    const char *text = why && why->text[0] ? why->text : "the target refused it";
    r->refused |= m == r->msg;
    haul_msg_issue(own(m), HAUL_ISSUE_TARGET_REFUSED, "%s", text);
    haul_item_line line = line_of(r, m, HAUL_FAILED);
    line.reason = text;
    return haul_run_account(r, &line, e);
}

static haul_rc record_stored(haul_run *r, const haul_msg *m, const char *place, haul_err *e)
{
    haul_auto_str keywords = {0};
    haul_keywords_text(m, &keywords);
    haul_record rec = {.id = m->id,
                       .source = m->source,
                       .folder = folder_of(r, m)->to.path.text,
                       .place = place,
                       .message_id = m->message_id,
                       .keywords = haul_strz(&keywords),
                       .sha256 = m->sha256,
                       .stored = m->set & HAUL_SET_REPAIRED ? m->stored_sha256 : NULL,
                       .size = m->size,
                       .canonical = m->stored_size,
                       .has_received = m->set & HAUL_SET_RECEIVED,
                       .received_us = m->received_us,
                       .flags = m->flags,
                       .lost = lost_of(m)};
    haul_err why = {0};
    haul_rc rc = haul_journal_add(r->journal, &rec, &why);
    if (rc != HAUL_OK) { /* what the journal does not have is not stored, for all that later runs know */
        (void)!haul_store_refused(r, m, &why, NULL);
        if (e)
            *e = why;
        return rc;
    }
    r->totals.octets += m->size;
    folder_of(r, m)->count->pending++;
    haul_item_line line = line_of(r, m, HAUL_STORED);
    line.stored_as = place;
    return haul_run_account(r, &line, e);
}

static void on_receipt(void *ctx, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why)
{
    haul_run *r = ctx;
    if (rc != HAUL_OK)
        haul_preflight_returned(r, m);
    haul_err err = {0};
    haul_rc done = rc == HAUL_OK ? record_stored(r, m, place, &err) : haul_store_refused(r, m, why, &err);
    if (done == HAUL_OK || r->deferred != HAUL_OK)
        return;
    r->deferred = done;
    r->deferred_err = err;
}

static void on_issue(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail)
{
    haul_run *r = ctx;
    if (m) {
        haul_msg_issue(own(m), id, "%s", detail);
        return;
    }
    r->totals.damaged += haul_issue_severity(id) == HAUL_DAMAGE;
    haul_run_notice(r, NULL, id, detail);
}

typedef struct recorded {
    haul_journal *journal;
    const char *(*fn)(void *ctx, const haul_stored *s);
    void *ctx;
} recorded;

/* One record is the sink's to find again: it stays, moves, or goes. */
static haul_rc on_record(void *ctx, const haul_record *r, haul_err *e)
{
    recorded *to = ctx;
    haul_stored s = {.place = r->place,
                     .sha256 = haul_record_stored(r),
                     .size = r->canonical,
                     .flags = r->flags,
                     .has_received = r->has_received,
                     .received_us = r->received_us};
    const char *place = to->fn(to->ctx, &s);
    if (!place)
        return haul_journal_forget(to->journal, r->row, e);
    return place == s.place || strcmp(place, s.place) == 0 ? HAUL_OK
                                                           : haul_journal_move(to->journal, r->row, place, e);
}

static haul_rc on_recorded(void *ctx, const char *path, const char *(*fn)(void *, const haul_stored *),
                           void *fn_ctx, haul_err *e)
{
    haul_run *r = ctx;
    recorded to = {.journal = r->journal, .fn = fn, .ctx = fn_ctx};
    return haul_journal_each_in_folder(r->journal, path, on_record, &to, e);
}

/* What the journal will have, calendars, address books and the log have; then it is told where to go on (t), and has it. */
static haul_rc commit_journal(haul_run *r, haul_tokens *t, haul_err *e)
{
    haul_rc rc = r->pim ? haul_pim_commit(r->pim, t, e) : HAUL_OK;
    if (rc == HAUL_OK && r->audit)
        rc = haul_audit_commit(r->audit, e);
    if (rc == HAUL_OK)
        rc = haul_journal_put_tokens(r->journal, t, e);
    return rc == HAUL_OK ? haul_journal_commit(r->journal, e) : rc;
}

/* What a sink has to be sure of before it goes on. */
static haul_rc on_save(void *ctx, haul_tokens *t, haul_err *e)
{
    haul_run *r = ctx;
    haul_rc rc = commit_journal(r, t, e);
    r->batch_octets = rc == HAUL_OK ? 0 : r->batch_octets; /* what a run that ends then has not kept */
    return rc == HAUL_OK && r->report ? haul_report_commit(r->report, e) : rc;
}

static bool on_waiting(void *ctx, const char *phase)
{
    haul_run *r = ctx;
    const char *before = r->progress.phase;
    if (r->job->progress) {
        r->progress.phase = *phase ? phase : before;
        r->progress.totals = r->totals;
        r->job->progress(r->job->ctx, &r->progress);
        r->progress.phase = before;
    }
    return r->job->stop && *r->job->stop;
}

static haul_origin on_origin(void *ctx, const haul_msg *m)
{
    const haul_run *r = ctx;
    return (haul_origin){.custodian = haul_custodian_of(r->job->custodians, r->source_path, m->place, m->key),
                         .source = m->source,
                         .folder = m->folder < r->folders.n ? r->by_folder[m->folder].path : ""};
}

static haul_rc take_deferred(haul_run *r, haul_err *e)
{
    haul_rc rc = r->deferred;
    if (rc != HAUL_OK && e)
        *e = r->deferred_err;
    r->deferred = HAUL_OK;
    return rc;
}

/* A target belongs to one format; a later run must not mix another into it. */
static haul_rc check_meta(haul_run *r, haul_err *e)
{
    if (r->job->dedupe) { /* verify must know that one stored message may stand for several */
        haul_rc rc = haul_journal_set_meta(r->journal, "dedupe", "1", e);
        if (rc != HAUL_OK)
            return rc;
    }
    const char *format = haul_journal_meta(r->journal, "format");
    if (format && strcmp(format, r->to->name) != 0)
        return haul_fail(e, HAUL_E_USAGE, "%s was written as %s, not as %s", r->job->target, format,
                         r->to->name);
    if (format)
        return HAUL_OK;
    haul_rc rc = haul_journal_set_meta(r->journal, "format", r->to->name, e);
    if (rc == HAUL_OK)
        rc = haul_journal_set_meta(r->journal, "merge", r->job->merge ? "1" : "0", e);
    return rc == HAUL_OK ? haul_journal_commit(r->journal, e) : rc;
}

static void reserve(void *ctx, const char *target)
{
    haul_map_reserve(ctx, target);
}

/* Start the run, knowing the names that earlier ones gave. */
static haul_rc begin_run(haul_run *r, haul_err *e)
{
    haul_rc rc = haul_journal_begin_run(r->journal, r->job->dedupe, e);
    return rc == HAUL_OK ? haul_journal_each_folder(r->journal, reserve, r->map, e) : rc;
}

static bool is_empty(const haul_run *r, bool is_file)
{
    struct stat st;
    const char *target = r->job->target, *unfinished = r->to->sink->unfinished;
    haul_auto_str part = {0};
    if (is_file && unfinished) {
        haul_str_addf(&part, "%s%s", target, unfinished);
        if (stat(part.p, &st) == 0 && st.st_size)
            return false;
    }
    if (is_file)
        return stat(target, &st) != 0 || st.st_size == 0;
    haul_auto_fd int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && haul_dir_is_empty(fd, HAUL_STATE_DIR);
}

/* Nothing is "already stored" in a target that holds nothing: the state is another target's (--state), or
 * what this one held is gone. */
static haul_rc check_content(const haul_run *r, bool is_file, haul_err *e)
{
    if (haul_target_is_remote(r->job->target) || !haul_journal_has_items(r->journal) || !is_empty(r, is_file))
        return HAUL_OK;
    return haul_fail(e, HAUL_E_TARGET,
                     "%s is empty, but the journal in %s has stored items in it; give it a state of its own, "
                     "or remove that one to begin anew",
                     r->job->target, r->state.p);
}

static haul_rc open_journal(haul_run *r, bool *ret_existed, haul_err *e)
{
    haul_auto_str file = {0};
    bool is_file = r->to->sink->is_file && r->to->sink->is_file(r->job->target, r->job->values);
    haul_rc rc = haul_state_prepare(r->job->target, is_file, r->state.p, r->job->merge, ret_existed, e);
    haul_str_addf(&file, "%s/journal.db", r->state.p);
    if (rc == HAUL_OK)
        rc = haul_journal_open(file.p, false, &r->journal, e);
    if (rc == HAUL_OK)
        rc = check_meta(r, e);
    return rc == HAUL_OK ? check_content(r, is_file, e) : rc;
}

/* Once begun, the files are kept up by every run: an item that is stored already is not read again. */
static haul_rc open_pim(haul_run *r, const haul_tokens *resume, haul_err *e)
{
    const char *meta = haul_journal_meta(r->journal, "pim");
    bool begun = meta && *meta == '1';
    haul_rc rc = HAUL_OK;
    if (!begun && !r->job->pim_files)
        return HAUL_OK;
    if (!begun && haul_journal_has_items(r->journal))
        return haul_fail(e, HAUL_E_USAGE,
                         "%s was begun without --pim-files; convert into a new target to have them",
                         r->job->target);
    haul_str_addz(&r->pim_dir, r->job->target);
    while (r->pim_dir.len > 1 && r->pim_dir.p[r->pim_dir.len - 1] == '/')
        r->pim_dir.p[--r->pim_dir.len] = '\0';
    haul_str_addz(&r->pim_dir, ".pim");
    rc = haul_pim_open(r->job, r->pim_dir.p, begun ? resume : NULL, &r->pim, e);
    if (rc == HAUL_OK && !begun)
        rc = haul_journal_set_meta(r->journal, "pim", "1", e);
    return rc == HAUL_OK && !begun ? haul_journal_commit(r->journal, e) : rc;
}

/* The sink knows only its own tokens. */
static haul_rc get_tokens(haul_run *r, haul_tokens *ret_sink, haul_tokens *ret_all, haul_err *e)
{
    haul_rc rc = haul_journal_get_tokens(r->journal, ret_all, e);
    for (size_t i = 0; rc == HAUL_OK && i < haul_tokens_count(ret_all); i++) {
        const char *key, *value;
        haul_tokens_at(ret_all, i, &key, &value);
        if (!haul_pim_owns(key))
            haul_tokens_put(ret_sink, key, value);
    }
    return rc;
}

static haul_rc open_sink(haul_run *r, bool existed, haul_err *e)
{
    haul_auto(haul_tokens) *resume = haul_tokens_new(), *all = haul_tokens_new();
    const char *merge = haul_journal_meta(r->journal, "merge");
    r->sink.merge = (merge && *merge == '1') || r->job->merge;
    r->sink.dry_run = r->job->dry_run;
    r->sink.state = haul_calloc(1, r->to->sink->state_size);
    haul_rc rc = get_tokens(r, resume, all, e);
    if (rc == HAUL_OK && !r->job->dry_run)
        rc = open_pim(r, all, e);
    r->sink.at_once = r->job->dedupe ||
                      r->pim; /* the next message may be the same; what was refused is left out there, too */
    return rc == HAUL_OK ? r->sink.ops->open(&r->sink, r->job->target, existed ? resume : NULL, e) : rc;
}

/* Only the open sink of a server knows how folders are named there, and which have a special use. */
static haul_rc open_map(haul_run *r, haul_err *e)
{
    const haul_job *job = r->job;
    r->map = haul_map_new(r->sink.naming, r->sink.roles, job->rules, job->n_rules, job->prefix);
    return begin_run(r, e);
}

static haul_rc open_report(haul_run *r, const char *items, haul_err *e)
{
    haul_rc rc = haul_report_open(r->job, items, &r->report, e);
    haul_run_early(r, r->report);
    return rc;
}

/* A dry run asks a copy of the journal what is stored already, and writes nothing. */
static haul_rc open_dry(haul_run *r, haul_err *e)
{
    haul_auto_str file = {0};
    bool existed, is_file = r->to->sink->is_file && r->to->sink->is_file(r->job->target, r->job->values);
    haul_str_addf(&file, "%s/journal.db", r->state.p);
    haul_rc rc = haul_state_check(r->job->target, is_file, r->state.p, r->job->merge, &existed, e);
    if (rc == HAUL_OK)
        rc = haul_journal_open_copy(file.p, &r->journal, e);
    if (rc == HAUL_OK)
        rc = check_meta(r, e);
    if (rc == HAUL_OK && r->to->sink->opens_dry)
        rc = open_sink(r, existed, e);
    if (rc == HAUL_OK)
        rc = open_map(r, e);
    return rc == HAUL_OK ? open_report(r, NULL, e) : rc;
}

haul_rc haul_store_open(haul_run *r, haul_err *e)
{
    const haul_job *job = r->job;
    bool existed = false;
    r->sink = (haul_sink){.ops = r->to->sink,
                          .values = job->values,
                          .naming = r->to->sink->naming(job->values),
                          .ask = &job->ask,
                          .receipt = on_receipt,
                          .issue = on_issue,
                          .save = on_save,
                          .waiting = on_waiting,
                          .recorded = on_recorded,
                          .origin = on_origin,
                          .ctx = r};
    r->tokens = haul_tokens_new();
    if (r->to->sink->commit_items && !job->commit_items)
        r->batch_limit = r->to->sink->commit_items;
    haul_state_path(job->target, r->to, job->values, job->state_dir, &r->state);
    r->sink.own = haul_strz(&r->state);
    if (r->to->sink->asks_size)
        r->sink.expected = haul_measure(job->sources);
    if (job->dry_run)
        return open_dry(r, e);
    haul_auto_str items = {0};
    haul_str_addf(&items, "%s/items.jsonl", r->state.p);
    haul_rc rc = open_journal(r, &existed, e);
    if (rc == HAUL_OK)
        rc = open_sink(r, existed, e);
    if (rc == HAUL_OK)
        rc = open_map(r, e);
    return rc == HAUL_OK ? open_report(r, items.p, e) : rc;
}

static void folder_notice(haul_run *r, const haul_run_folder *f, haul_issue_id id)
{
    haul_auto_str text = {0};
    haul_str_addf(&text, "%s → %s", f->path, f->to.path.text);
    haul_run_notice(r, r->source, id, text.p);
}

/* The journal has it only behind what the sink may commit while it is declared. */
static haul_rc declare(haul_run *r, haul_run_folder *f, haul_err *e)
{
    bool dry = r->job->dry_run;
    haul_rc rc = dry ? HAUL_OK : r->sink.ops->folder(&r->sink, f->to.id, &f->to.path, e);
    if (rc == HAUL_OK && !f->to.path.known)
        rc = haul_journal_add_folder(r->journal, r->source, f->path, f->to.path.text, e);
    /* What was in a merged target before is known only by a token taken before the first message. */
    if (rc == HAUL_OK && !dry && r->sink.merge && !f->to.known && !r->to->schemes)
        rc = haul_store_commit(r, true, e);
    return rc;
}

haul_rc haul_store_folder(haul_run *r, uint32_t folder, haul_err *e)
{
    haul_run_folder *f = &r->by_folder[folder];
    const char *earlier = haul_journal_folder(r->journal, r->source, f->path);
    haul_map_folder(r->map, &r->folders, folder, earlier, &f->to);
    f->to.path.known = earlier != NULL;
    f->mapped = true;
    f->count->target = f->to.path.text;
    if (f->to.known && !f->to.path.known)
        folder_notice(r, f, HAUL_ISSUE_FOLDER_MERGED);
    if (f->to.cut)
        folder_notice(r, f, HAUL_ISSUE_FOLDER_NAME_SHORTENED);
    else if (f->to.changed)
        folder_notice(r, f, HAUL_ISSUE_FOLDER_NAME_CHANGED);
    return declare(r, f, e);
}

/* A sink that gives receipts late holds the message; the next one is read into another. */
static void replace_kept(haul_run *r)
{
    haul_msg *m = r->msg;
    bool kept_body = r->sink.kept_body;
    r->sink.kept_body = false;
    if (m->refs < 2)
        return;
    r->msg = haul_msg_new();
    r->owed = false;
    if (!kept_body) {
        r->msg->body = m->body;
        m->body = NULL;
    }
    haul_msg_unref(m);
}

haul_rc haul_store_know(haul_run *r, const uint8_t *sha256, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (!r->to->sink->commit_items || r->job->dry_run)
        return HAUL_OK;
    if (!r->flying)
        r->flying = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    GBytes *key = g_bytes_new(sha256, HAUL_SHA256_LEN);
    if (g_hash_table_contains(r->flying, key))
        rc = haul_store_commit(r, true, e);
    if (rc == HAUL_OK && g_hash_table_size(r->flying) >= HAUL_COMMIT_ITEMS)
        rc = haul_store_commit(r, true, e);
    g_hash_table_add(r->flying, key);
    return rc;
}

static haul_rc commit_in_time(haul_run *r, haul_err *e)
{
    bool late = r->to->sink->commit_items;
    if (r->batch_items < r->batch_limit && (late || r->batch_octets < HAUL_COMMIT_OCTETS))
        return HAUL_OK;
    return haul_store_commit(r, !late, e);
}

haul_rc haul_store_message(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    haul_run_folder *f = folder_of(r, m);
    haul_rc rc = haul_preflight_message(r, e);
    if (rc != HAUL_OK)
        return rc == HAUL_END ? HAUL_OK : rc;
    if (r->job->dry_run)
        return record_stored(r, m, "", e);
    r->refused = false;
    rc = r->sink.ops->message(&r->sink, f->to.id, m, e);
    if (rc == HAUL_OK)
        rc = take_deferred(r, e);
    if (rc == HAUL_OK && r->pim && !r->refused)
        rc = haul_pim_message(r->pim, &r->folders, m, e);
    if (rc != HAUL_OK && !r->to->sink->receipts) /* else it may be one before it */
        (void)haul_wrap(e, rc, "storing %s", m->place ? m->place : m->key);
    r->batch_items++;
    r->batch_octets += m->stored_size;
    replace_kept(r);
    return rc == HAUL_OK ? commit_in_time(r, e) : rc;
}

static haul_rc commit(haul_run *r, bool settle, haul_err *e)
{
    r->sink.settle = settle;
    haul_rc rc = r->sink.ops->commit(&r->sink, r->tokens, e);
    if (rc == HAUL_OK)
        rc = take_deferred(r, e);
    if (rc == HAUL_OK)
        rc = commit_journal(r, r->tokens, e);
    if (rc != HAUL_OK)
        return rc;
    if (settle && r->flying)
        g_hash_table_remove_all(r->flying);
    haul_tokens_clear(r->tokens);
    uint64_t items = r->batch_items;
    r->batch_items = 0;
    r->batch_octets = 0;
    r->progress.phase = "reading";
    rc = haul_report_commit(r->report, e);
    return rc == HAUL_OK ? haul_log_commit(r, items, e) : rc;
}

/* A lost server leaves receipts behind; what was stored by then is stored, and need not be looked for again. */
static haul_rc keep_receipts(haul_run *r, haul_rc rc)
{
    if (rc != HAUL_OK && r->to->schemes)
        (void)!commit(r, false, NULL);
    return rc;
}

haul_rc haul_store_commit(haul_run *r, bool settle, haul_err *e)
{
    if (r->job->dry_run)
        return haul_report_commit(r->report, e);
    r->progress.phase = settle ? "syncing" : r->progress.phase;
    return keep_receipts(r, commit(r, settle, e));
}

haul_rc haul_store_receipts(haul_run *r, haul_err *e)
{
    if (!r->to->sink->receipts || r->job->dry_run)
        return HAUL_OK;
    haul_rc rc = r->to->sink->receipts(&r->sink, e);
    return rc == HAUL_OK ? take_deferred(r, e) : rc;
}

unsigned haul_store_files(const haul_run *r)
{
    haul_auto(haul_tokens) *tokens = haul_tokens_new();
    haul_auto_str path = {0};
    unsigned n = 1;
    if (!r->journal || !r->to->sink->further || haul_journal_get_tokens(r->journal, tokens, NULL) != HAUL_OK)
        return n;
    while (r->to->sink->further(r->job->target, n + 1, tokens, &path))
        n++;
    return n;
}

void haul_store_give_up(haul_run *r, haul_rc rc, const haul_err *why)
{
    static const haul_err unsaid = {0};
    if (r->sink.ops->give_up && !r->job->dry_run)
        r->sink.ops->give_up(&r->sink, rc, why ? why : &unsaid);
}

haul_rc haul_store_finish(haul_run *r, haul_err *e)
{
    if (r->job->dry_run)
        return HAUL_OK;
    haul_rc rc = r->sink.ops->finish(&r->sink, e);
    return rc == HAUL_OK ? haul_store_commit(r, true, e) : keep_receipts(r, rc);
}

void haul_store_close(haul_run *r)
{
    if (r->sink.state)
        r->sink.ops->close(&r->sink);
    free(r->sink.state);
    haul_pim_close(r->pim);
    haul_preflight_free(r->preflight);
    haul_str_done(&r->pim_dir);
    haul_tokens_free(r->tokens);
    haul_journal_close(r->journal);
    haul_map_free(r->map);
    haul_run_early(r, r->report);
    haul_report_free(r->report);
    if (r->flying)
        g_hash_table_destroy(r->flying);
    haul_audit_close(r->audit);
    haul_str_done(&r->log_line);
    haul_str_done(&r->state);
}
