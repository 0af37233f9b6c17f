/* MBOX: single files, trees of them, Thunderbird and Apple Mail, Takeout. The table of the format, and the
 * reader over its parts: walk (which file), mbox (which message), labels (which folder). */
#include "mbox.h"

#include "base/hash.h"
#include "mime/header.h"
#include "mime/labels.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_DEPTH 16u /* levels of a Gmail label; further ones stay in the last name */

const haul_format_option haul_mbox_options[] = {
    {"mbox-variant", "mboxrd|mboxo|mboxcl|mboxcl2", "mboxrd",
     "how From_ lines in bodies are kept when writing"},
    {"mbox-layout", "auto|file|tree|thunderbird", "auto",
     "one file, NAME.mbox with NAME/, or NAME with NAME.sbd/"},
    {"mbox-quoting", "auto|rd|o|none", "auto", "which '>' in front of From are taken off when reading"},
    {"labels", "keywords|folders", "keywords", "what becomes of Gmail labels"},
    {NULL, NULL, NULL, NULL},
};

typedef struct label_folder { /* a folder made from labels, by the digest of its path */
    uint64_t path;
    uint32_t id;
} label_folder;

typedef struct state {
    haul_mbox_walk walk;
    haul_mbox mbox;
    haul_msg *ahead; /* labels: the message that waits for its folder to be declared */
    label_folder *labels;
    size_t n_labels, cap_labels;
    bool open, by_label, waiting;
    haul_rc waiting_rc;
    haul_mbox_quoting quoting;
} state;

/* ── detection ── */

static int probe_head(const char *label, const char *p, size_t n)
{
    const char *why;
    size_t at = haul_mbox_preamble(p, n);
    if (!haul_mbox_starts_from(p + at, n - at)) /* its name decides against single messages [mbox-5] */
        return haul_mbox_is_named(label) && haul_mbox_may_lead(p, n) ? 100 : 0;
    char eol = memchr(p, '\n', n) ? '\n' : '\r';
    haul_mbox_line l;
    haul_mbox_parse_line(p + at, n - at, eol, &l);
    haul_mbox_verdict v = haul_mbox_judge(p + at, n - at, eol, true, l.shape, &why);
    if (haul_iends(label, ".eml"))
        return v == HAUL_MBOX_SPLIT ? 8 : 0;
    return v == HAUL_MBOX_SPLIT         ? 40 + (l.dated ? 60 : 0)
           : v == HAUL_MBOX_DOUBT_SPLIT ? 40
           : l.plain                    ? 24
                                        : 0;
}

static int probe_dir(const haul_probe *p)
{
    int best = 0;
    if (haul_probe_has_dir(p, "cur") && haul_probe_has_dir(p, "new"))
        return 0;
    for (size_t i = 0; i < p->n_files; i++) {
        int bits = probe_head(p->files[i].label, p->files[i].head, p->files[i].head_len);
        if (!bits && !p->files[i].head_len && haul_iends(p->files[i].label, ".mbox"))
            bits = 16;
        best = bits > best ? bits : best;
    }
    for (size_t i = 0; i < p->n_entries && !best; i++)
        if (haul_iends(p->entries[i].name, ".msf") || haul_iends(p->entries[i].name, ".sbd"))
            best = 32;
    return best;
}

static int probe(const haul_probe *p)
{
    if (p->is_dir)
        return probe_dir(p);
    if (!p->head_len)
        return haul_iends(p->label, ".mbox") || haul_iends(p->label, ".mbx") ? 8 : 0;
    return probe_head(p->label, p->head, p->head_len);
}

/* ── labels as folders ── */

static uint32_t label_level(state *s, const char *path, size_t len, uint32_t parent, const char *name,
                            size_t n, haul_role role)
{
    uint64_t key = haul_fnv64(path, len, 0);
    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].path == key)
            return s->labels[i].id;
    haul_arena a = {0};
    haul_folder f = {.id = (uint32_t)s->walk.folders.n, .parent = parent, .role = role};
    f.name = haul_arena_strn(&a, name, n);
    uint32_t id = haul_folders_add(&s->walk.folders, &f) ? f.id : parent;
    haul_arena_done(&a);
    if (s->n_labels == s->cap_labels) {
        s->cap_labels = s->cap_labels ? s->cap_labels * 2 : 64;
        s->labels = haul_realloc(s->labels, s->cap_labels * sizeof(*s->labels));
    }
    s->labels[s->n_labels++] = (label_folder){key, id};
    return id;
}

/* "Work/Taxes" is Taxes below Work, as Gmail shows it. */
static uint32_t label_path(state *s, const char *label, haul_role role)
{
    uint32_t id = HAUL_FOLDER_NONE;
    size_t at = 0, len = strlen(label);
    for (size_t depth = 0; at < len; depth++) {
        size_t n = depth + 1 < LABEL_DEPTH ? strcspn(label + at, "/") : len - at;
        if (n)
            id = label_level(s, label, at + n, id, label + at, n, at + n == len ? role : HAUL_ROLE_NONE);
        at += n + 1;
    }
    return id;
}

/* The folder of a message by its labels: the first of the user's own, else the first that is a place, else
 * the one its flags mean. NULL: the folder of the file. */
static const char *choose_label(const haul_status *st, haul_role *ret_role)
{
    const char *system = NULL;
    *ret_role = HAUL_ROLE_NONE;
    for (size_t at = 0; at < st->labels.len; at += strlen(st->labels.p + at) + 1) {
        const char *l = st->labels.p + at;
        haul_label label = haul_label_find(l, strlen(l));
        if (label == HAUL_LABEL_USER) {
            *ret_role = HAUL_ROLE_NONE;
            return l;
        }
        if (!system && (label == HAUL_LABEL_INBOX || label == HAUL_LABEL_SENT || label == HAUL_LABEL_TRASH ||
                        label == HAUL_LABEL_ARCHIVED || label == HAUL_LABEL_CHAT)) {
            system = l;
            *ret_role = haul_status_label_role(l);
        }
    }
    if (!system && st->flags & (HAUL_FLAG_DRAFT | HAUL_FLAG_JUNK)) {
        system = st->flags & HAUL_FLAG_DRAFT ? "Drafts" : "Spam";
        *ret_role = st->flags & HAUL_FLAG_DRAFT ? HAUL_ROLE_DRAFTS : HAUL_ROLE_JUNK;
    }
    return system;
}

/* The labels that the folder does not say stay keywords. */
static void place_by_label(state *s, haul_msg *m)
{
    const haul_status *st = &s->mbox.status;
    haul_role role;
    const char *chosen = choose_label(st, &role);
    if (chosen)
        m->folder = label_path(s, chosen, role);
    for (size_t at = 0; at < st->labels.len; at += strlen(st->labels.p + at) + 1)
        if (!chosen || strcmp(st->labels.p + at, chosen) != 0)
            haul_msg_keyword(m, st->labels.p + at, strlen(st->labels.p + at));
}

/* ── reader ── */

static void report(void *ctx, haul_issue_id id, const char *detail)
{
    haul_reader *r = ctx;
    const state *s = r->state;
    haul_reader_issue(r, id, "%s: %s", s->walk.path, detail);
}

static haul_rc reader_open(haul_reader *r, haul_err *e)
{
    state *s = r->state;
    s->by_label = haul_values_choice(r->values, &haul_mbox_options[HAUL_MBOX_OPT_LABELS]) == 1;
    s->quoting = (haul_mbox_quoting)haul_values_choice(r->values, &haul_mbox_options[HAUL_MBOX_OPT_QUOTING]);
    return haul_mbox_walk_start(&s->walk, r, e);
}

static void give_folder(state *s, haul_item *it)
{
    it->type = HAUL_ITEM_FOLDER;
    it->folder = *haul_folders_get(&s->walk.folders, (uint32_t)s->walk.emitted++);
}

/* Of the file, in all: messages whose bodies nobody asks for say nothing of it. */
static void tell_lost(haul_reader *r)
{
    const state *s = r->state;
    uint64_t first = 0, lost = haul_in_lost(s->mbox.in, 0, UINT64_MAX, &first);
    if (lost)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %llu octets, the first at octet %llu",
                          s->walk.path, (unsigned long long)lost, (unsigned long long)first);
}

static void close_mbox(haul_reader *r)
{
    state *s = r->state;
    if (s->mbox.in)
        tell_lost(r);
    haul_mbox_done(&s->mbox);
    s->mbox = (haul_mbox){0};
    s->open = false;
}

/* Everything the message says about itself beyond its octets. */
static void describe(state *s, haul_msg *m)
{
    m->folder = s->walk.folder;
    m->key = haul_arena_printf(&m->arena, "%s@%llu", s->walk.path, (unsigned long long)s->mbox.sep_at);
    m->place = haul_arena_printf(&m->arena, "%s@%llu", s->walk.text, (unsigned long long)s->mbox.sep_at);
    haul_vault_apply(s->walk.vault, (haul_span){haul_strz(&s->mbox.from), s->mbox.from.len}, m,
                     &s->mbox.status);
    haul_status_apply(&s->mbox.status, m, !s->by_label);
    if (s->by_label && s->mbox.status.n_labels)
        place_by_label(s, m);
    else if (s->by_label && s->mbox.status.flags & (HAUL_FLAG_DRAFT | HAUL_FLAG_JUNK) && !s->mbox.block)
        place_by_label(s, m);
}

static haul_rc next_file(haul_reader *r, haul_err *e)
{
    state *s = r->state;
    haul_rc rc = haul_mbox_walk_next(&s->walk, e);
    if (rc == HAUL_END)
        haul_vault_end(s->walk.vault, r);
    if (rc != HAUL_OK)
        return rc;
    s->mbox = (haul_mbox){.quoting = s->quoting, .report = report, .ctx = r};
    haul_in_read_on(s->walk.in);
    haul_mbox_start(&s->mbox, s->walk.in);
    s->walk.in = NULL;
    s->open = true;
    return HAUL_OK;
}

/* A file that breaks off costs its rest, not the other files: the item is skipped, the file closed. */
static haul_rc lose_rest(haul_reader *r, haul_msg *m, haul_rc rc, haul_err *e)
{
    state *s = r->state;
    haul_err none;
    if (rc != HAUL_E_SOURCE && rc != HAUL_E_FORMAT && rc != HAUL_E_LIMIT)
        return rc;
    if (!e)
        e = &none;
    haul_wrap(e, rc, "%s: octet %llu", s->walk.path, (unsigned long long)haul_in_offset(s->mbox.in));
    haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s", e->text);
    if (!m->key) {
        haul_status_clear(&s->mbox.status);
        s->mbox.sep_at = haul_in_offset(s->mbox.in);
        describe(s, m);
    }
    close_mbox(r);
    return HAUL_SKIP;
}

/* Read the next message of the open file into m. END: the file is read. */
static haul_rc read_message(haul_reader *r, haul_msg *m, haul_err *e)
{
    state *s = r->state;
    haul_rc rc = haul_mbox_next(&s->mbox, m, e);
    if (rc == HAUL_OK)
        describe(s, m);
    else if (rc == HAUL_END)
        close_mbox(r);
    else
        rc = lose_rest(r, m, rc, e);
    return rc;
}

/* What was read ahead changes places with the core's empty message. */
static void hand_over(haul_msg *from, haul_msg *to)
{
    haul_msg t = *to;
    unsigned refs = to->refs;
    *to = *from;
    *from = t;
    from->refs = to->refs;
    to->refs = refs;
    if (!to->issues)
        to->issues_tail = &to->issues;
    if (!from->issues)
        from->issues_tail = &from->issues;
}

/* The folder of a labelled message is known only when the message is read, and has to be given first. */
static haul_rc next_labelled(haul_reader *r, haul_err *e)
{
    state *s = r->state;
    if (!s->ahead)
        s->ahead = haul_msg_new();
    haul_msg_reset(s->ahead);
    haul_rc rc = read_message(r, s->ahead, e);
    s->waiting = rc == HAUL_OK || rc == HAUL_SKIP;
    s->waiting_rc = rc;
    return s->waiting ? HAUL_OK : rc;
}

static haul_rc next_message(haul_reader *r, haul_item *it, haul_err *e)
{
    state *s = r->state;
    it->type = HAUL_ITEM_MESSAGE;
    if (!s->waiting)
        return read_message(r, it->msg, e);
    hand_over(s->ahead, it->msg);
    s->waiting = false;
    if (s->waiting_rc != HAUL_OK)
        haul_fail(e, s->waiting_rc, "%s: the rest of the file cannot be read", s->walk.path);
    return s->waiting_rc;
}

/* One step: an item into *it, or *ret_none when there was none yet (a file began or ended). */
static haul_rc step(haul_reader *r, haul_item *it, bool *ret_none, haul_err *e)
{
    state *s = r->state;
    haul_rc rc = HAUL_OK;
    *ret_none = false;
    if (s->open && s->by_label && !s->waiting)
        rc = next_labelled(r, e);
    if (rc == HAUL_OK && s->walk.emitted < s->walk.folders.n) {
        give_folder(s, it);
        return HAUL_OK;
    }
    if (rc == HAUL_OK && (s->open || s->waiting)) {
        rc = next_message(r, it, e);
    } else if (rc == HAUL_OK) {
        rc = next_file(r, e);
        *ret_none = rc == HAUL_OK;
        return rc;
    }
    *ret_none = rc == HAUL_END; /* of the file, not of the source */
    return rc;
}

static haul_rc reader_next(haul_reader *r, haul_item *it, haul_err *e)
{
    bool none = true;
    haul_rc rc = HAUL_OK;
    while (none)
        rc = step(r, it, &none, e);
    return rc;
}

static haul_rc reader_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    state *s = r->state;
    uint64_t from = s->mbox.sep_at, first = 0;
    haul_rc rc = haul_mbox_body(&s->mbox, m, to, e);
    uint64_t lost = haul_in_lost(s->mbox.in, from, haul_in_offset(s->mbox.in), &first);
    if (lost)
        haul_msg_issue(m, HAUL_ISSUE_MSG_OCTETS_LOST, "%llu of them, the first at octet %llu of the file",
                       (unsigned long long)lost, (unsigned long long)first);
    return rc < 0 ? lose_rest(r, m, rc, e) : rc;
}

static void reader_close(haul_reader *r)
{
    state *s = r->state;
    haul_mbox_done(&s->mbox);
    haul_mbox_walk_done(&s->walk);
    haul_msg_unref(s->ahead);
    free(s->labels);
}

static const haul_reader_ops reader = {
    .state_size = sizeof(state),
    .probe = probe,
    .open = reader_open,
    .next = reader_next,
    .body = reader_body,
    .close = reader_close,
};

const haul_format haul_format_mbox = {
    .name = "mbox",
    .title = "MBOX files and trees, Thunderbird, Apple Mail, Google Takeout and Vault",
    .suffixes = ".mbox|.mbx",
    .reader = &reader,
    .sink = &haul_mbox_sink,
    .options = haul_mbox_options,
    .keeps_flags = HAUL_FLAG_ALL,
    .keeps_keywords = true,
    .keeps_received = true,
    .keeps_folders = true,
    .keeps_empty_folders = true,
};
