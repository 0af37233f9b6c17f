/* Reading EML files and trees, .emlx and MH folders. A stack of directories; one directory's names in memory. */
#include "eml.h"

#include "base/time.h"
#include "base/utf.h"
#include "mime/date.h"
#include "mime/head.h"
#include "mime/header.h"
#include "mime/status.h"
#include "model/declare.h"

#include <stdlib.h>
#include <string.h>

#define STRAYS_NAMED  16u  /* passed-over names of one directory that are reported one by one */
#define FROM_LINE_MAX 998u /* octets of an mbox From_ line in front of a message */

typedef enum kind { KIND_MAYBE, KIND_EML, KIND_EMLX, KIND_MH } kind;

typedef struct pending { /* a directory to be read */
    const char *path;
    uint32_t folder; /* NONE: the root */
    unsigned depth;
    bool bundle; /* within an Apple Mail "Name.mbox" */
} pending;

typedef struct eml_reader {
    haul_arena arena; /* paths of pending directories */
    pending *stack;
    size_t depth, cap;
    haul_declared folders;
    pending at;
    haul_arena list;
    haul_entry *files;
    size_t n_files, next_file;
    unsigned strays;
    bool mh, has_sequences;
    haul_mh *sequences;
    bool single; /* the source is one file, still to be read */
    /* the message being read */
    haul_in *in;
    bool packed;
    bool limited; /* an .emlx: the message is `len` octets after `skip` */
    uint64_t skip, len;
    haul_str path;
    haul_status status;
} eml_reader;

/* ── recognising it ── */

static bool is_number(const char *name)
{
    size_t n = strspn(name, "0123456789");
    return n > 0 && n <= 18 && !name[n];
}

static kind kind_of(const char *name)
{
    if (haul_iends(name, ".eml"))
        return KIND_EML;
    return haul_iends(name, ".emlx") ? KIND_EMLX : KIND_MAYBE;
}

/* A From_ line in front of header fields; its length, 0 when there is none [eml-4]. */
static size_t from_line(const char *p, size_t n)
{
    if (n < 5 || memcmp(p, "From ", 5) != 0)
        return 0;
    const char *eol = memchr(p, '\n', n < FROM_LINE_MAX ? n : FROM_LINE_MAX);
    size_t len = eol ? (size_t)(eol - p) + 1 : 0;
    return len && haul_header_like(p + len, n - len) ? len : 0;
}

static int probe_emlx(const char *p, size_t n)
{
    size_t start;
    uint64_t count;
    if (!haul_emlx_count(p, n, &start, &count))
        return 16;
    return 32 + haul_eml_score(p + start, n - start);
}

static int probe_file(const haul_probe *p)
{
    int score = haul_eml_score(p->head, p->head_len);
    switch (kind_of(p->label)) {
    case KIND_EMLX:
        return probe_emlx(p->head, p->head_len);
    case KIND_EML:
        return 24 + score; /* with a From_ line in front it may as well be an mbox: score is 0 */
    default:
        return score >= HAUL_EML_ENOUGH ? score : 0;
    }
}

static int eml_probe(const haul_probe *p)
{
    int best = 0;
    if (!p->is_dir)
        return probe_file(p);
    for (size_t i = 0; i < p->n_files; i++) {
        int score = probe_file(&p->files[i]);
        best = score > best ? score : best;
    }
    return best;
}

/* ── directories ── */

static void push(eml_reader *s, pending d)
{
    if (s->depth == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 32;
        s->stack = haul_realloc(s->stack, s->cap * sizeof(*s->stack));
    }
    s->stack[s->depth++] = d;
}

static const char *join(haul_arena *a, const char *dir, const char *name)
{
    return *dir ? haul_arena_printf(a, "%s/%s", dir, name) : haul_arena_str(a, name);
}

static void stray(haul_reader *r, const char *name, const char *what)
{
    eml_reader *s = r->state;
    const char *dir = s->at.path;
    if (s->strays++ < STRAYS_NAMED)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s%s%s: %s", dir, *dir ? "/" : "", name, what);
    else if (s->strays == STRAYS_NAMED + 1)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: and more, not listed", *dir ? dir : ".");
}

/* Apple Mail's names on disk are the same in every language [eml-9]. */
static haul_role role_of(const char *name, bool top, bool bundle)
{
    static const struct {
        const char *name;
        haul_role role;
    } rows[] = {
        {"Sent Messages", HAUL_ROLE_SENT}, {"Deleted Messages", HAUL_ROLE_TRASH},
        {"Drafts", HAUL_ROLE_DRAFTS},      {"Junk", HAUL_ROLE_JUNK},
        {"Archive", HAUL_ROLE_ARCHIVE},    {"Outbox", HAUL_ROLE_OUTBOX},
    };
    if (top && strcmp(name, "INBOX") == 0)
        return HAUL_ROLE_INBOX;
    for (size_t i = 0; i < HAUL_COUNT(rows) && bundle; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].role;
    return HAUL_ROLE_NONE;
}

/* Declare the folder that a directory is. Names of ours are unescaped, others are as they are [eml-5]. */
static uint32_t declare(haul_reader *r, uint32_t parent, const char *name, bool bundle)
{
    eml_reader *s = r->state;
    haul_auto_str text = {0}, plain = {0};
    const char *raw = NULL;
    if (!haul_utf8_clean(&text, name, strlen(name) - (bundle ? 5 : 0), true)) {
        raw = name;
        haul_reader_issue(r, HAUL_ISSUE_FOLDER_NAME_GUESSED, "%s", haul_strz(&text));
    }
    const char *use =
        haul_naming_unescape(&haul_eml_naming, haul_strz(&text), &plain) ? plain.p : haul_strz(&text);
    return haul_declare(&s->folders, parent, use, raw, role_of(use, parent == HAUL_FOLDER_NONE, bundle));
}

static bool is_uuid(const char *name)
{
    return strlen(name) == 36 && strspn(name, "0123456789abcdefABCDEF-") == 36;
}

/* Within a bundle: directories that are no folders of their own [eml-9]. */
static bool collapses(const char *name)
{
    return strcmp(name, "Messages") == 0 || strcmp(name, "Data") == 0 || is_uuid(name) ||
           (haul_is_digit((unsigned char)name[0]) && !name[1]);
}

static bool is_bundle(const char *name)
{
    return haul_iends(name, ".mbox") && strlen(name) > 5;
}

static void push_directory(haul_reader *r, const char *name)
{
    eml_reader *s = r->state;
    pending d = {.path = join(&s->arena, s->at.path, name), .depth = s->at.depth + 1, .bundle = s->at.bundle};
    bool bundle = is_bundle(name);
    if (!haul_reader_claims_dir(r, s->at.path, s->files, s->n_files, name))
        return;
    if (s->at.bundle && strcmp(name, "Attachments") == 0) {
        stray(r, name, "attachments beside .partial.emlx files");
        return;
    }
    if (s->at.bundle && collapses(name)) {
        d.folder = s->at.folder;
    } else {
        d.folder = declare(r, s->at.folder, name, bundle);
        d.bundle = bundle || s->at.bundle;
    }
    if (d.folder == HAUL_FOLDER_NONE || d.depth >= HAUL_TREE_DEPTH_MAX) {
        haul_reader_issue(r, HAUL_ISSUE_FOLDER_DEPTH, "%s", d.path);
        return;
    }
    push(s, d);
}

/* MH: .mh_sequences, or nothing but numbers for names [eml-10]. */
static void recognise_mh(haul_reader *r)
{
    eml_reader *s = r->state;
    size_t numbers = 0, others = 0;
    char *text;
    size_t n;
    haul_mh_free(s->sequences);
    s->sequences = NULL;
    s->has_sequences = false;
    for (size_t i = 0; i < s->n_files; i++) {
        if (s->files[i].type != HAUL_ENTRY_FILE)
            continue;
        if (strcmp(s->files[i].name, ".mh_sequences") == 0)
            s->has_sequences = true;
        else if (is_number(s->files[i].name))
            numbers++;
        else if (s->files[i].name[0] != '.' && s->files[i].name[0] != ',')
            others++;
    }
    s->mh = s->has_sequences || (numbers && !others);
    if (s->has_sequences && haul_tree_slurp(r->tree, join(&s->list, s->at.path, ".mh_sequences"),
                                            HAUL_MH_SEQUENCES_FILE, &s->list, &text, &n, NULL) == HAUL_OK)
        s->sequences = haul_mh_parse(text, n);
}

static haul_rc visit(haul_reader *r, haul_err *e)
{
    eml_reader *s = r->state;
    haul_err why = {0};
    s->at = s->stack[--s->depth];
    haul_arena_reset(&s->list);
    s->next_file = s->n_files = 0;
    s->strays = 0;
    haul_rc rc = haul_tree_list(r->tree, s->at.path, &s->list, &s->files, &s->n_files, &why);
    if (rc != HAUL_OK) {
        s->n_files = 0;
        if (!s->at.path[0])
            return haul_fail(e, rc < 0 ? rc : HAUL_E_SOURCE, "%s", why.text);
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", s->at.path, why.text);
        return HAUL_OK;
    }
    recognise_mh(r);
    size_t bottom = s->depth;
    for (size_t i = 0; i < s->n_files; i++) {
        if (s->files[i].type == HAUL_ENTRY_DIR && s->files[i].name[0] != '.')
            push_directory(r, s->files[i].name);
        else if (haul_reader_hides(&s->files[i]) && !haul_iends(s->files[i].name, ".directory"))
            stray(r, s->files[i].name, HAUL_READER_HIDDEN); /* KMail's .NAME.directory holds mboxes */
    }
    for (size_t i = bottom, k = s->depth; i + 1 < k; i++) { /* the first one is the next */
        pending swap = s->stack[i];
        s->stack[i] = s->stack[--k];
        s->stack[k] = swap;
    }
    return HAUL_OK;
}

/* ── messages ── */

static haul_rc lost(haul_rc rc)
{
    return rc == HAUL_E_SOURCE || rc == HAUL_E_FORMAT || rc == HAUL_E_LIMIT ? HAUL_SKIP : rc;
}

static const char *text_of(haul_arena *a, const char *raw)
{
    haul_auto_str text = {0};
    haul_utf8_clean(&text, raw, strlen(raw), true);
    return haul_arena_str(a, haul_strz(&text));
}

/* Files beside the folders go to one named as the source is [eml-3]. */
static void folder_here(haul_reader *r)
{
    eml_reader *s = r->state;
    const char *label = haul_tree_label(r->tree);
    s->at.folder = declare(r, HAUL_FOLDER_NONE, *label ? label : "Messages", false);
}

static void identify(eml_reader *s, haul_msg *m, const char *label)
{
    const char *path = haul_strz(&s->path);
    m->key = haul_arena_str(&m->arena, *path ? path : label);
    m->place = text_of(&m->arena, *path ? path : label);
}

static haul_rc open_file(haul_reader *r, haul_stat *st, haul_err *e)
{
    eml_reader *s = r->state;
    if (s->packed) { /* an unpacker is no file to be opened anew */
        haul_in_close(s->in);
        s->in = NULL;
        s->packed = false;
    }
    s->limited = false;
    return haul_tree_reread(r->tree, haul_strz(&s->path), &s->in, st, e);
}

/* The date of a From_ line stands somewhere after the address, which may hold blanks. */
static void from_line_date(haul_msg *m, const char *p, size_t n)
{
    int64_t us;
    int16_t tz;
    size_t used;
    for (size_t at = 5; at < n; at++)
        if (p[at - 1] == ' ' && haul_date_asctime(p + at, n - at, &us, &tz, &used)) {
            haul_msg_received(m, us, tz);
            return;
        }
}

/* A mail program's copy may carry the From_ line of the mbox it came from [eml-4]. */
static haul_rc drop_from_line(eml_reader *s, haul_msg *m, haul_head *h, haul_err *e)
{
    size_t n = from_line(h->p, h->n);
    if (!n)
        return HAUL_OK;
    haul_msg_issue(m, HAUL_ISSUE_EML_FROM_LINE, "%s", "");
    from_line_date(m, h->p, n);
    if (s->limited) {
        s->skip += n;
        s->len -= n;
        haul_head_find(h->p + n, h->n - n, h);
        return HAUL_OK;
    }
    haul_in_consume(s->in, n);
    return haul_head_peek(s->in, h, e);
}

static void fill_time(haul_msg *m, const haul_head *h, const haul_stat *st, bool guess)
{
    haul_head_fill(m, h, guess && !(m->set & HAUL_SET_RECEIVED));
    if (guess && !(m->set & HAUL_SET_RECEIVED) && st->mtime_us) {
        haul_msg_received(m, st->mtime_us, 0);
        haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from the file");
    }
}

/* Flags: Apple's property list, else MH sequences, else header fields, else none known [eml-11]. */
static void fill_flags(eml_reader *s, haul_msg *m, const haul_head *h, const char *name, kind k)
{
    uint64_t number = 0;
    if (m->set & HAUL_SET_FLAGS)
        return;
    haul_status_parse(h->p, h->len, &s->status);
    bool known = s->status.known;
    if (k == KIND_MH && (s->has_sequences || !known)) {
        haul_parse_u64(name, strlen(name), &number);
        haul_mh_apply(s->sequences, number, m);
    } else if (known) {
        haul_status_apply(&s->status, m, true);
    }
    haul_status_clear(&s->status);
}

/* Our own names tell the received time to the second, the file's time the rest of it [eml-15]. */
static bool own_time(haul_msg *m, const char *name, const haul_stat *st, bool *ret_guess)
{
    bool known;
    int64_t us;
    if (!haul_eml_name_time(name, &known, &us))
        return false;
    int64_t rest = st->mtime_us - us;
    if (known)
        haul_msg_received(m, rest > 0 && rest < HAUL_US ? st->mtime_us : us, 0);
    *ret_guess = known;
    return true;
}

static haul_rc plain(eml_reader *s, haul_msg *m, const char *name, kind k, const haul_stat *st, haul_head *h,
                     haul_err *e)
{
    bool guess = true;
    haul_rc rc = HAUL_OK;
    if (!own_time(m, name, st, &guess))
        rc = drop_from_line(s, m, h, e);
    if (rc != HAUL_OK)
        return rc;
    fill_time(m, h, st, guess);
    fill_flags(s, m, h, name, k);
    if (!s->packed) {
        m->size = st->size - haul_in_offset(s->in);
        m->set |= HAUL_SET_SIZE;
    }
    haul_head_seal(m);
    return HAUL_OK;
}

static void emlx_issues(haul_msg *m, const haul_emlx *x, const char *name)
{
    if (haul_iends(name, ".partial.emlx"))
        haul_msg_issue(m, HAUL_ISSUE_EML_EMLX_PARTIAL, "%s", "");
    if (x->length_wrong)
        haul_msg_issue(m, HAUL_ISSUE_EML_EMLX_LENGTH, "the message was read as %zu octets", x->len);
    if (!x->has_plist)
        haul_msg_issue(m, HAUL_ISSUE_EML_EMLX_PLIST, "%s", "");
}

/* A file larger than the window is taken by its count line; its property list is out of sight [eml-7]. */
static void emlx_beyond(const char *p, size_t n, uint64_t size, haul_emlx *x)
{
    uint64_t count = 0;
    *x = (haul_emlx){0};
    if (!haul_emlx_count(p, n, &x->start, &count) || count > size - x->start) {
        x->length_wrong = true;
        count = size - x->start;
    }
    x->len = (size_t)count;
}

static haul_rc emlx(eml_reader *s, haul_msg *m, const char *name, const haul_stat *st, haul_err *e)
{
    haul_emlx x;
    haul_head h;
    const char *p;
    size_t n;
    size_t want = s->packed || st->size >= HAUL_IN_PEEK_MAX ? HAUL_IN_PEEK_MAX : (size_t)st->size + 1;
    haul_rc rc = haul_in_peek(s->in, want, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    if (n < want)
        haul_emlx_parse(p, n, &x);
    else
        emlx_beyond(p, n, st->size > n ? st->size : n, &x);
    s->limited = true;
    s->skip = x.start;
    s->len = x.len;
    size_t seen = n - x.start < x.len ? n - x.start : x.len;
    haul_head_find(p + x.start, seen, &h);
    rc = drop_from_line(s, m, &h, e);
    if (rc != HAUL_OK)
        return rc;
    emlx_issues(m, &x, name);
    if (x.has_received)
        haul_msg_received(m, x.received_us, 0);
    if (x.has_flags) {
        m->flags = x.flags;
        m->set |= HAUL_SET_FLAGS;
    }
    fill_time(m, &h, st, true);
    fill_flags(s, m, &h, name, KIND_EMLX);
    m->size = s->len;
    m->set |= HAUL_SET_SIZE;
    haul_head_seal(m);
    return HAUL_OK;
}

/* Whether a file that its name does not call a message is one [eml-2]. */
static bool like_message(const haul_head *h)
{
    size_t from = from_line(h->p, h->n), seen = h->n < HAUL_PROBE_HEAD ? h->n : HAUL_PROBE_HEAD;
    return seen > from && haul_eml_score(h->p + from, seen - from) >= HAUL_EML_ENOUGH;
}

/* HAUL_END: no item comes of the file yet, or ever. */
static haul_rc message(haul_reader *r, const char *name, kind k, haul_item *it, haul_err *e)
{
    eml_reader *s = r->state;
    haul_msg *m = it->msg;
    haul_stat st = {0};
    haul_head head = {0};
    it->type = HAUL_ITEM_MESSAGE;
    haul_rc rc = open_file(r, &st, e);
    if (rc == HAUL_OK)
        rc = haul_head_open(&s->in, &s->packed, &head, e);
    /* Trees may hold mboxes beside messages: those are another reader's [eml-2]. */
    if (rc == HAUL_OK && !haul_tree_is_file(r->tree) && (k == KIND_MAYBE || k == KIND_MH) &&
        !haul_reader_claims(r, haul_strz(&s->path), head.p, head.n))
        return HAUL_END;
    if (rc == HAUL_OK && k == KIND_MAYBE && !like_message(&head)) {
        stray(r, name, haul_unread_kind(head.p, head.n, "does not begin like a message"));
        return HAUL_END;
    }
    if (s->at.folder == HAUL_FOLDER_NONE) { /* its folder comes first, then this file again */
        folder_here(r);
        s->next_file--;
        return HAUL_END;
    }
    m->folder = s->at.folder;
    identify(s, m, haul_tree_label(r->tree));
    if (rc == HAUL_OK)
        rc = k == KIND_EMLX ? emlx(s, m, name, &st, e) : plain(s, m, name, k, &st, &head, e);
    return rc == HAUL_OK ? HAUL_OK : lost(rc);
}

/* The next message of the directory; HAUL_END when none is left or a folder was declared. */
static haul_rc next_file(haul_reader *r, haul_item *it, haul_err *e)
{
    eml_reader *s = r->state;
    while (s->next_file < s->n_files) {
        const haul_entry *f = &s->files[s->next_file];
        if (f->type == HAUL_ENTRY_OTHER && f->name[0] != '.')
            stray(r, f->name, "not a regular file");
        if (f->type != HAUL_ENTRY_FILE || f->name[0] == '.') {
            s->next_file++;
            continue;
        }
        kind k = s->mh && is_number(f->name) ? KIND_MH : kind_of(f->name);
        s->next_file++;
        haul_str_clear(&s->path);
        haul_str_addf(&s->path, "%s%s%s", s->at.path, *s->at.path ? "/" : "", f->name);
        haul_rc rc = message(r, f->name, k, it, e);
        if (rc != HAUL_END || s->folders.handed < s->folders.all.n)
            return rc;
    }
    return HAUL_END;
}

static haul_rc eml_next(haul_reader *r, haul_item *it, haul_err *e)
{
    eml_reader *s = r->state;
    for (;;) {
        if (haul_declared_next(&s->folders, it))
            return HAUL_OK;
        if (s->single) {
            const char *label = haul_tree_label(r->tree);
            s->single = false;
            kind k = kind_of(label);
            return message(r, label, k == KIND_MAYBE ? KIND_EML : k, it, e);
        }
        haul_rc rc = next_file(r, it, e);
        if (rc != HAUL_END)
            return rc;
        if (s->folders.handed < s->folders.all.n)
            continue;
        if (!s->depth)
            return HAUL_END;
        rc = visit(r, e);
        if (rc != HAUL_OK)
            return rc;
    }
}

static haul_rc eml_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    eml_reader *s = r->state;
    uint64_t skip = s->limited ? s->skip : 0, left = s->limited ? s->len : UINT64_MAX;
    (void)m;
    while (left) {
        const char *p;
        size_t n;
        haul_rc rc = haul_in_peek(s->in, 1, &p, &n, e);
        if (rc != HAUL_OK)
            return lost(rc);
        if (n == 0)
            return s->limited ? haul_fail(e, HAUL_SKIP, "%s: ends within the message", haul_strz(&s->path))
                              : HAUL_OK;
        size_t step = skip ? (skip < n ? (size_t)skip : n) : left < n ? (size_t)left : n;
        if (skip) {
            skip -= step;
        } else {
            rc = haul_out_write(to, p, step, e);
            if (rc != HAUL_OK)
                return rc;
            left -= step;
        }
        haul_in_consume(s->in, step);
    }
    return HAUL_OK;
}

/* Is the source itself a bundle of Apple Mail? Others may be called so, too: what is in it decides. */
static bool starts_in_bundle(haul_reader *r)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0;
    bool is = false;
    if (is_bundle(haul_tree_label(r->tree)) && haul_tree_list(r->tree, "", &a, &v, &n, NULL) == HAUL_OK)
        for (size_t i = 0; i < n && !is; i++)
            is = v[i].type == HAUL_ENTRY_DIR ? strcmp(v[i].name, "Messages") == 0 || is_uuid(v[i].name)
                                             : strcmp(v[i].name, "Info.plist") == 0;
    haul_arena_done(&a);
    return is;
}

static haul_rc eml_open(haul_reader *r, haul_err *e)
{
    eml_reader *s = r->state;
    (void)e;
    s->at = (pending){.path = "", .folder = HAUL_FOLDER_NONE};
    if (haul_tree_is_file(r->tree)) {
        s->single = true;
        s->at.folder = haul_declare(&s->folders, HAUL_FOLDER_NONE, "INBOX", NULL, HAUL_ROLE_INBOX);
    } else {
        s->at.bundle = starts_in_bundle(r); /* as below a directory that holds it */
        if (s->at.bundle)
            s->at.folder = declare(r, HAUL_FOLDER_NONE, haul_tree_label(r->tree), true);
        push(s, s->at);
    }
    return HAUL_OK;
}

static void eml_close(haul_reader *r)
{
    eml_reader *s = r->state;
    haul_in_close(s->in);
    haul_mh_free(s->sequences);
    haul_declared_done(&s->folders);
    haul_status_done(&s->status);
    haul_str_done(&s->path);
    haul_arena_done(&s->list);
    haul_arena_done(&s->arena);
    free(s->stack);
}

const haul_reader_ops haul_eml_reader = {
    .state_size = sizeof(eml_reader),
    .probe = eml_probe,
    .open = eml_open,
    .next = eml_next,
    .body = eml_body,
    .close = eml_close,
};
