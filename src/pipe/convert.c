/* The loop of design.md section 3: one direction, one item at a time, every item accounted for. */
#include "pipe/filter.h"
#include "pipe/measure.h"
#include "pipe/preflight.h"
#include "pipe/run.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int haul_totals_exit(const haul_totals *t)
{
    return t->failed || t->damaged ? 1 : 0;
}

/* ── accounting ── */

static uint64_t *status_total(haul_totals *t, haul_status_id s)
{
    switch (s) {
    case HAUL_STORED:
        return &t->stored;
    case HAUL_FILTERED:
        return &t->filtered;
    case HAUL_DUPLICATE:
        return &t->duplicate;
    case HAUL_ALREADY_STORED:
        return &t->already_stored;
    default:
        return &t->failed;
    }
}

haul_rc haul_run_account(haul_run *r, const haul_item_line *line, haul_err *e)
{
    bool damaged = line->status == HAUL_FAILED;
    if (line->msg == r->msg)
        r->owed = false;
    ++*status_total(&r->totals, line->status);
    for (const haul_issue *i = line->msg->issues; i; i = i->next) {
        r->totals.issues[i->id]++;
        damaged |= haul_issue_severity(i->id) == HAUL_DAMAGE;
    }
    r->totals.damaged += damaged;
    if (line->msg->folder < r->folders.n)
        r->by_folder[line->msg->folder].count->by_status[line->status]++;
    haul_rc rc = haul_report_item(r->report, line, e);
    if (rc == HAUL_OK)
        rc = haul_log_item(r, line, e);
    bool out = line->status == HAUL_FILTERED || line->status == HAUL_FAILED;
    if (rc == HAUL_OK && out && r->to->sink->left_out && !r->job->dry_run)
        rc = r->to->sink->left_out(&r->sink, line->msg, haul_status_name(line->status),
                                   line->reason ? line->reason : "", e);
    return rc;
}

static haul_rc account(haul_run *r, haul_status_id status, const char *reason, haul_err *e)
{
    haul_msg *m = r->msg;
    bool body = m->set & HAUL_SET_BODY;
    haul_item_line line = {.msg = m,
                           .status = status,
                           .reason = reason,
                           .size = m->size,
                           .has_size = m->set & HAUL_SET_SIZE,
                           .sha256 = body ? m->sha256 : NULL};
    if (m->folder < r->folders.n)
        line.folder = r->by_folder[m->folder].path;
    haul_rc rc = haul_store_receipts(r, e);
    return rc == HAUL_OK ? haul_run_account(r, &line, e) : rc;
}

static void tick(haul_run *r)
{
    if (!r->job->progress)
        return;
    r->progress.totals = r->totals;
    r->job->progress(r->job->ctx, &r->progress);
}

void haul_run_early(haul_run *r, haul_report *report)
{
    for (unsigned i = 0; i < r->n_early; i++) {
        if (report)
            haul_report_notice(report, NULL, r->early[i].id, r->early[i].detail);
        free(r->early[i].detail);
    }
    r->n_early = 0;
}

void haul_run_notice(haul_run *r, const char *source, haul_issue_id id, const char *detail)
{
    haul_err text;
    r->totals.issues[id]++;
    if (r->report)
        haul_report_notice(r->report, source, id, detail);
    else if (r->n_early < HAUL_EARLY_MAX) /* a sink that is being opened */
        r->early[r->n_early++] = (haul_early){.id = id, .detail = haul_strdup(detail)};
    if (!r->job->message)
        return;
    bool several = source && r->job->sources[0] && r->job->sources[1];
    haul_fail(&text, HAUL_SKIP, "%s%s%s: %s (%s)", several ? source : "", several ? ": " : "",
              haul_issue_text(id), detail, haul_issue_name(id));
    r->job->message(r->job->ctx, haul_issue_severity(id), text.text);
}

/* ── one message ── */

/* The fingerprint tells apart what a changed source puts under an old key. */
void haul_run_make_id(haul_msg *m, const uint8_t *salt)
{
    static haul_sha256 *h; /* one context for millions of ids */
    uint8_t digest[HAUL_SHA256_LEN], print[8];
    if (!h)
        h = haul_sha256_new();
    for (int i = 0; i < 8; i++)
        print[i] = (uint8_t)(m->fingerprint >> (8 * i));
    haul_sha256_update(h, m->source, strlen(m->source) + 1);
    haul_sha256_update(h, m->key, strlen(m->key) + 1);
    haul_sha256_update(h, print, sizeof(print));
    if (salt)
        haul_sha256_update(h, salt, HAUL_SHA256_LEN);
    haul_sha256_final(h, digest);
    haul_hex(m->id, digest, 16);
}

static void note_facts(haul_msg *m, const haul_spool_facts *f)
{
    if (!f->size)
        haul_msg_issue(m, HAUL_ISSUE_MSG_EMPTY, "%s", "");
    if (f->nul)
        haul_msg_issue(m, HAUL_ISSUE_MSG_NUL, "%llu", (unsigned long long)f->nul);
    if (f->bare_cr)
        haul_msg_issue(m, HAUL_ISSUE_MSG_BARE_CR, "%llu", (unsigned long long)f->bare_cr);
}

static void settle_time(haul_msg *m)
{
    if (m->set & HAUL_SET_RECEIVED)
        return;
    if (m->set & HAUL_SET_SENT) {
        haul_msg_received(m, m->sent_us, m->sent_tz);
        haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from Date");
    } else {
        haul_msg_issue(m, HAUL_ISSUE_TIME_UNKNOWN, "%s", "");
    }
}

static haul_rc load_body(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    if (!m->body)
        m->body = haul_spool_new(true);
    haul_rc rc = r->reader.ops->body(&r->reader, m, haul_spool_out(m->body), e);
    return rc == HAUL_OK ? haul_msg_freeze(m, e) : rc;
}

/* Read the body into the spool and freeze the message. SKIP: this item failed and is accounted for. */
static haul_rc read_body(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    haul_err why = {0};
    haul_rc rc = load_body(r, &why);
    if (rc == HAUL_SKIP) {
        haul_msg_issue(m, HAUL_ISSUE_MSG_READ_FAILED, "%s", why.text);
        rc = account(r, HAUL_FAILED, why.text, e);
        return rc == HAUL_OK ? HAUL_SKIP : rc;
    }
    if (rc != HAUL_OK) {
        if (e)
            *e = why;
        return rc;
    }
    r->progress.octets_read += m->size;
    note_facts(m, haul_spool_get_facts(m->body));
    return HAUL_OK;
}

static haul_rc already_stored(haul_run *r, const haul_record *rec, haul_err *e)
{
    haul_msg *m = r->msg;
    haul_item_line line = {.msg = m,
                           .folder = r->by_folder[m->folder].path,
                           .status = HAUL_ALREADY_STORED,
                           .stored_as = rec->place,
                           .sha256 = rec->sha256,
                           .size = rec->size,
                           .has_size = true};
    if (!(m->set & HAUL_SET_BODY))
        r->progress.octets_read += rec->size;
    haul_rc rc = haul_journal_mark_seen(r->journal, rec->row, e);
    if (rc == HAUL_OK)
        rc = haul_store_receipts(r, e);
    return rc == HAUL_OK ? haul_run_account(r, &line, e) : rc;
}

/* An earlier run stored it: it is read for its key words alone, and what reading notices was told then. */
static haul_rc count_stored(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    haul_issue **tail = m->issues_tail;
    const char *reason;
    haul_err why = {0};
    haul_rc rc = load_body(r, &why);
    if (rc == HAUL_OK) {
        r->progress.octets_read += m->size;
        rc = haul_select_message(r->select, m, &reason, &why);
    }
    *tail = NULL;
    m->issues_tail = tail;
    if (rc < 0 && e)
        *e = why;
    return rc < 0 ? rc : HAUL_OK;
}

/* Ask the journal before the body is read. END: known and accounted for; OK: go on. */
static haul_rc known_by_id(haul_run *r, bool *ret_reused, haul_err *e)
{
    haul_record rec;
    bool seen = false;
    *ret_reused = false;
    haul_rc rc = haul_journal_find(r->journal, r->msg->id, &rec, &seen, e);
    if (rc == HAUL_END)
        return HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    if (seen || r->msg->may_grow || rec.lost & HAUL_LOST_END) {
        *ret_reused = true; /* the digest decides */
        return HAUL_OK;
    }
    rc = haul_select_counts(r->select) ? count_stored(r, e) : HAUL_OK;
    if (rc == HAUL_OK)
        rc = already_stored(r, &rec, e);
    return rc == HAUL_OK ? HAUL_END : rc;
}

/* Ask again with the digest: the message may have moved within its source. END as above. */
static haul_rc known_by_digest(haul_run *r, bool reused, haul_err *e)
{
    haul_msg *m = r->msg;
    haul_record rec;
    if (!haul_journal_has_items(r->journal))
        return HAUL_OK;
    haul_record like = {
        .source = m->source, .folder = r->by_folder[m->folder].to.path.text, .sha256 = m->sha256};
    haul_rc rc = haul_journal_find_moved(r->journal, &like, &rec, e);
    if (rc == HAUL_OK) {
        rc = already_stored(r, &rec, e);
        return rc == HAUL_OK ? HAUL_END : rc;
    }
    if (rc != HAUL_END)
        return rc;
    if (reused) { /* another message under a known id */
        haul_run_make_id(m, m->sha256);
        haul_msg_issue(m, HAUL_ISSUE_SOURCE_CHANGED, "%s", "");
    }
    return HAUL_OK;
}

/* Where the same message is already, NULL when nowhere: the sink may have its own idea of the same. */
static haul_rc find_twin(haul_run *r, const char **ret_place, haul_err *e)
{
    haul_record rec;
    haul_msg *m = r->msg;
    *ret_place = NULL;
    if (r->to->sink->twin && !r->job->dry_run)
        return r->to->sink->twin(&r->sink, m, ret_place, e);
    if (!r->job->dedupe)
        return HAUL_OK;
    haul_rc rc = haul_store_know(r, m->sha256, e);
    if (rc == HAUL_OK)
        rc = haul_journal_find_digest(r->journal, m->sha256, &rec, e);
    if (rc == HAUL_OK)
        *ret_place = rec.place;
    return rc == HAUL_END ? HAUL_OK : rc;
}

static haul_rc is_duplicate(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    const char *place = NULL;
    haul_rc rc = find_twin(r, &place, e);
    if (rc != HAUL_OK || !place)
        return rc;
    haul_item_line line = {.msg = m,
                           .folder = r->by_folder[m->folder].path,
                           .status = HAUL_DUPLICATE,
                           .duplicate_of = place,
                           .sha256 = m->sha256,
                           .size = m->size,
                           .has_size = true};
    rc = haul_run_account(r, &line, e);
    return rc == HAUL_OK ? HAUL_END : rc;
}

/* The steps of the drawing that need the body. */
static haul_rc take_body(haul_run *r, bool reused, haul_err *e)
{
    haul_rc rc = read_body(r, e);
    if (rc != HAUL_OK)
        return rc == HAUL_SKIP ? HAUL_OK : rc;
    const char *left_out = haul_filter_message(&r->job->filter, r->msg); /* its size is known only now */
    if (!left_out)
        rc = haul_select_message(r->select, r->msg, &left_out, e);
    if (rc == HAUL_OK && left_out)
        return account(r, HAUL_FILTERED, left_out, e);
    if (rc == HAUL_OK)
        rc = known_by_digest(r, reused, e);
    if (rc == HAUL_OK)
        rc = is_duplicate(r, e);
    if (rc == HAUL_OK)
        rc = haul_store_message(r, e);
    return rc == HAUL_END ? HAUL_OK : rc;
}

static haul_rc take_message(haul_run *r, haul_err *e)
{
    haul_msg *m = r->msg;
    r->totals.found++;
    r->owed = true;
    if (m->folder >= r->folders.n)
        return haul_fail(e, HAUL_E_FORMAT, "%s: a message without a folder", m->key);
    haul_run_folder *f = &r->by_folder[m->folder];
    f->count->found++;
    m->source = r->source;
    haul_run_make_id(m, NULL);
    r->progress.folder = f->path;
    settle_time(m);
    const char *left_out = f->left_out ? f->left_out : haul_filter_message(&r->job->filter, m);
    if (left_out) {
        r->progress.octets_read += m->set & HAUL_SET_SIZE ? m->size : 0;
        return account(r, HAUL_FILTERED, left_out, e);
    }
    haul_rc rc = f->mapped ? HAUL_OK : haul_store_folder(r, m->folder, e);
    bool reused = false;
    if (rc == HAUL_OK)
        rc = known_by_id(r, &reused, e);
    if (rc == HAUL_OK)
        rc = take_body(r, reused, e);
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* An item the reader could not give: it counts, with what is known of it. */
static haul_rc take_lost(haul_run *r, const haul_err *why, haul_err *e)
{
    haul_msg *m = r->msg;
    r->totals.found++;
    m->source = r->source;
    if (!m->key)
        m->key = haul_arena_printf(&m->arena, "lost-%llu", (unsigned long long)r->totals.found);
    haul_run_make_id(m, NULL);
    const haul_run_folder *f = m->folder < r->folders.n ? &r->by_folder[m->folder] : NULL;
    if (f)
        f->count->found++;
    if (f && f->left_out)
        return account(r, HAUL_FILTERED, f->left_out, e);
    haul_msg_issue(m, HAUL_ISSUE_MSG_READ_FAILED, "%s", why->text);
    return account(r, HAUL_FAILED, why->text, e);
}

/* What ends the run, or costs the source, costs the item at hand as well: it counts as failed. */
static haul_rc take_counted(haul_run *r, haul_err *e)
{
    haul_rc rc = take_message(r, e);
    haul_err late = {0};
    if (rc != HAUL_OK && r->owed && account(r, HAUL_FAILED, e ? e->text : "", &late) != HAUL_OK && e &&
        !e->text[0])
        *e = late;
    return rc;
}

/* ── one source ── */

static haul_rc take_folder(haul_run *r, const haul_folder *f, haul_err *e)
{
    if (!haul_folders_add(&r->folders, f))
        return haul_fail(e, HAUL_E_FORMAT, "folder %u is declared out of order", f->id);
    r->by_folder = haul_realloc(r->by_folder, r->folders.n * sizeof(*r->by_folder));
    haul_run_folder *to = &r->by_folder[f->id];
    haul_auto_str path = {0};
    haul_folders_path(&r->folders, f->id, &path);
    *to = (haul_run_folder){.path = haul_arena_str(&r->paths, path.p),
                            .left_out = haul_filter_folder(&r->job->filter, path.p)};
    to->count = haul_report_folder(r->report, path.p, f->role);
    return to->left_out ? HAUL_OK : haul_store_folder(r, f->id, e);
}

static void on_source_issue(void *ctx, haul_issue_id id, const char *detail)
{
    haul_run *r = ctx;
    r->totals.damaged += haul_issue_severity(id) == HAUL_DAMAGE;
    haul_run_notice(r, r->source, id, detail);
}

static bool is_source_loss(haul_rc rc)
{
    return rc == HAUL_E_SOURCE || rc == HAUL_E_FORMAT || rc == HAUL_E_LIMIT;
}

/* Pull until the end. *ret_source_lost: the failure is the source's, not the target's. */
static haul_rc pull(haul_run *r, haul_err *e)
{
    for (;;) {
        haul_err why = {0};
        haul_item it = {.msg = r->msg};
        if (r->job->stop && *r->job->stop)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
        haul_msg_reset(r->msg);
        haul_rc rc = r->reader.ops->next(&r->reader, &it, &why);
        if (rc == HAUL_END)
            return HAUL_OK;
        if (rc == HAUL_SKIP) {
            rc = haul_store_receipts(r, e);
            rc = rc == HAUL_OK ? take_lost(r, &why, e) : rc;
        } else if (rc != HAUL_OK && e)
            *e = why;
        else if (it.type == HAUL_ITEM_FOLDER)
            rc = take_folder(r, &it.folder, e);
        else
            rc = take_counted(r, e);
        if (rc != HAUL_OK)
            return rc;
        tick(r);
    }
}

static void forget_pass(haul_run *r)
{
    haul_folders_done(&r->folders);
    free(r->by_folder);
    r->by_folder = NULL;
    haul_arena_reset(&r->paths);
}

/* Receipts still out refer to this pass's folders: commit before they go. */
static haul_rc end_pass(haul_run *r, haul_rc rc, haul_err *e)
{
    haul_err late = {0};
    /* A lost server leaves its receipts behind: what was stored by then is stored. */
    if (rc == HAUL_OK || is_source_loss(rc) || rc == HAUL_E_INTERRUPTED || rc == HAUL_E_NETWORK ||
        rc == HAUL_E_AUTH) {
        haul_rc done = haul_store_commit(r, true, &late);
        if (done != HAUL_OK && (rc == HAUL_OK || done != HAUL_E_NETWORK)) {
            if (e)
                *e = late;
            rc = done;
        }
    } else {
        haul_store_give_up(r, rc, e);
    }
    haul_reader_close(&r->reader);
    forget_pass(r);
    return rc;
}

static haul_rc read_pass(haul_run *r, haul_passes *p, const haul_format *f, haul_tree *t, haul_err *e)
{
    haul_report_source_format(r->report, f->name);
    haul_rc rc = haul_passes_open(p, &r->reader, f, t, r->job->values, on_source_issue, r, e);
    if (rc == HAUL_OK)
        rc = pull(r, e);
    haul_passes_end(p, &r->reader);
    return end_pass(r, rc, e);
}

static haul_rc read_source(haul_run *r, const char *path, haul_err *e)
{
    haul_auto(haul_tree) *t = NULL;
    haul_passes passes = {0};
    haul_rc rc = haul_tree_open(path, &t, e);
    r->source_path = path;
    char *label = t ? haul_strdup(haul_tree_label(t)) : haul_tree_label_of(path, path);
    const char *was;
    r->source = haul_report_source(r->report, r->journal, path, label, &was);
    free(label);
    if (was && rc == HAUL_OK)
        haul_run_notice(r, r->source, HAUL_ISSUE_SOURCE_MOVED, was);
    haul_rc logged = haul_log_source(r, path, false, rc == HAUL_OK ? e : NULL);
    rc = rc == HAUL_OK ? logged : rc;
    if (rc == HAUL_OK)
        rc = haul_passes_choose(&passes, r->job->from, t, e);
    if (rc == HAUL_OK)
        rc = haul_report_keep_source(r->report, r->journal, e);
    const haul_format *f;
    while (rc == HAUL_OK && (f = haul_passes_next(&passes)))
        rc = read_pass(r, &passes, f, t, e);
    if (rc == HAUL_OK || is_source_loss(rc)) {
        logged = haul_log_source(r, path, true, rc == HAUL_OK ? e : NULL);
        rc = rc == HAUL_OK ? logged : rc;
    }
    return rc == HAUL_OK || !t ? rc : haul_wrap(e, rc, "%s", path);
}

/* Every source, whatever became of the one before; the first loss is what the run reports. */
static haul_rc read_sources(haul_run *r, haul_err *e)
{
    haul_rc first = HAUL_OK;
    for (const char *const *s = r->job->sources; *s; s++) {
        haul_err why = {0};
        haul_rc rc = read_source(r, *s, &why);
        if (rc == HAUL_OK)
            continue;
        haul_report_source_failed(r->report, why.text);
        bool told_later = first == HAUL_OK; /* the run's own failure is the caller's to tell */
        if (first == HAUL_OK || !is_source_loss(rc)) {
            first = rc;
            if (e)
                *e = why;
        }
        if (!is_source_loss(rc))
            return rc;
        if (r->job->message && !told_later)
            r->job->message(r->job->ctx, HAUL_DAMAGE, why.text);
    }
    return first;
}

/* ── the run ── */

/* Whether a source can be opened and is of a known format. Packed ones are not unpacked to find out. */
static haul_rc check_source(const haul_job *job, const char *path, haul_err *e)
{
    haul_auto(haul_tree) *t = NULL;
    haul_passes passes;
    if (access(path, R_OK) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", path);
    if (haul_measure_is_packed(path))
        return HAUL_OK;
    haul_rc rc = haul_tree_open(path, &t, e);
    if (rc != HAUL_OK)
        return rc;
    rc = haul_passes_choose(&passes, job->from, t, e);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", path);
}

haul_rc haul_sources_readable(const haul_job *job, haul_err *e)
{
    haul_rc first = HAUL_OK;
    for (const char *const *s = job->sources; *s; s++) {
        haul_rc rc = check_source(job, *s, first == HAUL_OK ? e : NULL);
        if (rc == HAUL_OK)
            return rc;
        first = first == HAUL_OK ? rc : first;
    }
    return first;
}

/* What the journal does not have is not stored, whatever the target holds of it: the next run brings it. */
static void roll_back(haul_run *r)
{
    uint64_t lost = haul_report_roll_back(r->report);
    r->totals.stored -= lost;
    r->totals.failed += lost;
    r->totals.damaged += lost;
    r->totals.octets -= r->batch_octets < r->totals.octets ? r->batch_octets : r->totals.octets;
}

/* A report that a killed run leaves behind must not be that of the run before. */
static haul_rc begin_report(haul_run *r, haul_err *e)
{
    if (r->job->dry_run)
        return HAUL_OK;
    json_t *json = haul_report_json(r->report, &r->totals, r->to, "this run has not ended");
    haul_rc rc = haul_report_write(r->report, json, r->state.p, e);
    json_decref(json);
    return rc;
}

static haul_rc report(haul_run *r, haul_rc rc, json_t **ret_report, haul_err *e)
{
    if (!r->report)
        return rc;
    haul_err why = {0};
    if (rc != HAUL_OK)
        roll_back(r);
    json_t *json = haul_report_json(r->report, &r->totals, r->to, rc == HAUL_OK || !e ? NULL : e->text);
    haul_preflight_report(r, json);
    unsigned files = haul_store_files(r);
    if (files > 1)
        json_object_set_new(json, "files", json_integer(files));
    haul_select_report(r->select, json);
    haul_rc done = haul_report_write(r->report, json, r->job->dry_run ? NULL : r->state.p, &why);
    if (ret_report)
        *ret_report = json_incref(json);
    json_decref(json);
    if (rc == HAUL_OK && done != HAUL_OK) {
        rc = done;
        if (e)
            *e = why;
    }
    return rc;
}

haul_rc haul_convert(const haul_job *job, haul_totals *ret_totals, json_t **ret_report, haul_err *e)
{
    haul_err own = {0};
    haul_run r = {.job = job,
                  .to = job->to,
                  .msg = haul_msg_new(),
                  .select = haul_select_new(&job->filter),
                  .batch_limit = job->commit_items ? job->commit_items : HAUL_COMMIT_ITEMS,
                  .progress = {.folder = "", .phase = "reading"}};
    e = e ? e : &own;
    if (job->progress)
        r.progress.octets_total = haul_measure(job->sources);
    haul_rc rc = haul_sources_readable(job, e);
    if (rc == HAUL_OK)
        rc = haul_store_open(&r, e);
    if (rc == HAUL_OK)
        rc = begin_report(&r, e);
    if (rc == HAUL_OK)
        rc = haul_log_open(&r, e);
    if (rc == HAUL_OK) {
        rc = read_sources(&r, e);
        if (rc == HAUL_OK || is_source_loss(rc)) {
            haul_err why = {0};
            haul_rc done = haul_store_finish(&r, &why);
            if (done != HAUL_OK) {
                rc = done;
                *e = why;
            }
        }
        tick(&r);
    }
    haul_err late = {0};
    haul_rc logged = haul_log_end(&r, rc, e, &late);
    if (rc == HAUL_OK && logged != HAUL_OK) {
        rc = logged;
        *e = late;
    }
    rc = report(&r, rc, ret_report, e);
    *ret_totals = r.totals;
    haul_store_close(&r);
    haul_msg_unref(r.msg);
    haul_select_free(r.select);
    haul_arena_done(&r.paths);
    return rc;
}
