/* Filling a package [hold-3]…[hold-9]: one message becomes its native file, its attachments, its text, and rows of the catalogue. */
#include "hold/sink.h"

#include "base/time.h"
#include "hold/catalog.h"
#include "hold/files.h"
#include "io/atomic.h"
#include "mime/facts.h"
#include "model/deliver.h"
#include "model/dirs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTACHMENTS_MAX 20000u /* of one message; more stay in its native only, and that is an exception */

const haul_format_option haul_hold_options[] = {
    {"text", HAUL_OPTION_FLAG, "no", "extract the text of every message"},
    {"dedupe", "off|digest|mih", "off", "what counts as the same message"},
    {"dedupe-scope", "all|custodian", "all", "where a message counts as the same"},
    {"control-prefix", NULL, "", "letters before the number of a document"},
    {"control-start", NULL, "1", "the first number"},
    {NULL, NULL, NULL, NULL},
};

/* As EML trees are named, but ASCII, which every tool and archive holds, and load files of any encoding; and with another sign: a '%'
 * would have to be encoded once more in a manifest (RFC 8493 2.1.3), and sha256sum does not undo that [hold-5]. */
static const haul_naming naming = {
    .reserved = "/\\:*?\"<>|%",
    .escape = '=',
    .first = ". ",
    .last = ". ",
    .windows_devices = true,
    .fold_case = true,
    .component_max = 120,
    .inbox_root = true,
    .ascii = true,
};

typedef struct hold_sink {
    bool ready;
    int root, natives, texts;
    haul_catalog *catalog;
    haul_digests *digests;
    haul_dirs dirs;
    haul_dirs_kept kept, texts_kept; /* below natives, below texts */
    bool text, mih, by_digest, by_custodian;
    const char *prefix;
    uint64_t next;    /* control number */
    haul_arena arena; /* of the message at hand */
    haul_str docid, path, place;
} hold_sink;

bool haul_control_parse(const char *prefix, const char *start, uint64_t *ret)
{
    size_t n = strlen(prefix);
    if (n > 16)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!haul_is_digit((unsigned char)prefix[i]) && !haul_is_alpha((unsigned char)prefix[i]) &&
            !strchr("-_.", prefix[i]))
            return false;
    return haul_parse_u64(start, strlen(start), ret) && *ret >= 1 && *ret < UINT64_C(1000000000000);
}

static const haul_naming *hold_naming(const haul_values *values)
{
    (void)values;
    return &naming;
}

/* ── opening ── */

static void options(hold_sink *s, const haul_values *v)
{
    s->text = haul_values_choice(v, &haul_hold_options[HAUL_HOLD_TEXT]) == 1;
    size_t how = haul_values_choice(v, &haul_hold_options[HAUL_HOLD_DEDUPE]);
    s->by_digest = how == 1;
    s->mih = how == 2;
    s->by_custodian = haul_values_choice(v, &haul_hold_options[HAUL_HOLD_SCOPE]) == 1;
    s->prefix = haul_values_get(v, &haul_hold_options[HAUL_HOLD_PREFIX]);
}

static void remove_path(void *ctx, const char *path)
{
    const hold_sink *s = ctx;
    (void)unlinkat(s->root, path, 0);
}

/* What is beyond the tokens was not committed: it comes again, and gets the same numbers. */
static haul_rc go_on(hold_sink *s, const haul_sink *sink, const haul_tokens *resume, haul_err *e)
{
    uint64_t row = 0, next = 0;
    const char *last = resume ? haul_tokens_get(resume, "row") : NULL;
    const char *number = resume ? haul_tokens_get(resume, "number") : NULL;
    const char *start = haul_values_get(sink->values, &haul_hold_options[HAUL_HOLD_START]);
    if (!haul_control_parse(s->prefix, start, &s->next))
        return haul_fail(e, HAUL_E_USAGE,
                         "--control-prefix '%s' --control-start '%s': a prefix is up to 16 letters, digits "
                         "and -_., a start a number from 1",
                         s->prefix, start);
    if (last && !haul_parse_u64(last, strlen(last), &row))
        return haul_fail(e, HAUL_E_STATE, "the journal's row '%s' is no number", last);
    if (number && haul_parse_u64(number, strlen(number), &next))
        s->next = next;
    return haul_catalog_cut(s->catalog, (int64_t)row, remove_path, s, e);
}

haul_rc haul_hold_begun(haul_catalog *c, const haul_values *v, haul_err *e)
{
    const char *prefix = haul_values_get(v, &haul_hold_options[HAUL_HOLD_PREFIX]);
    const char *before = haul_catalog_meta(c, "control-prefix");
    if (before && !*before && *prefix)
        return haul_fail(
            e, HAUL_E_USAGE,
            "this package was begun without --control-prefix: leave it out, or make a new package");
    if (before && strcmp(before, prefix) != 0)
        return haul_fail(e, HAUL_E_USAGE,
                         "this package was begun with --control-prefix '%s'; say the same again", before);
    before = haul_catalog_meta(c, "text");
    bool text = haul_values_choice(v, &haul_hold_options[HAUL_HOLD_TEXT]) == 1;
    if (!before || (strcmp(before, "yes") == 0) == text)
        return HAUL_OK;
    return haul_fail(e, HAUL_E_USAGE,
                     text ? "this package was begun without --text: leave it out, or make a new package"
                          : "this package was begun with --text; say it again");
}

/* What all documents of a package have in common is decided by its first run. */
static haul_rc begin_package(hold_sink *s, const haul_values *v, haul_err *e)
{
    haul_rc rc = haul_hold_begun(s->catalog, v, e);
    if (rc == HAUL_OK && !haul_catalog_meta(s->catalog, "control-prefix"))
        rc = haul_catalog_set_meta(s->catalog, "control-prefix", s->prefix, e);
    if (rc == HAUL_OK && !haul_catalog_meta(s->catalog, "text") && !haul_catalog_last(s->catalog))
        rc = haul_catalog_set_meta(s->catalog, "text", s->text ? "yes" : "no", e);
    return rc;
}

static haul_rc hold_open(haul_sink *sink, const char *target, const haul_tokens *resume, haul_err *e)
{
    hold_sink *s = sink->state;
    haul_auto_str file = {0};
    s->ready = true;
    s->root = s->natives = s->texts = -1;
    haul_dirs_keep(&s->kept, -1);
    haul_dirs_keep(&s->texts_kept, -1);
    options(s, sink->values);
    s->digests = haul_digests_new();
    haul_rc rc = haul_deliver_open(target, &s->root, e);
    if (rc == HAUL_OK)
        rc = haul_dir_make(s->root, "data/eml", &s->natives, e);
    if (rc == HAUL_OK && s->text)
        rc = haul_dir_make(s->root, "data/text", &s->texts, e);
    s->kept.root = s->natives;
    s->texts_kept.root = s->texts;
    haul_str_addf(&file, "%s/" HAUL_CATALOG_FILE, target);
    if (rc == HAUL_OK)
        rc = haul_catalog_open(file.p, false, &s->catalog, e);
    if (rc == HAUL_OK)
        rc = begin_package(s, sink->values, e);
    return rc == HAUL_OK ? go_on(s, sink, resume, e) : rc;
}

static haul_rc hold_folder(haul_sink *sink, uint32_t id, const haul_path *path, haul_err *e)
{
    hold_sink *s = sink->state;
    haul_auto_fd int fd = -1;
    bool is_new = false;
    haul_rc rc = haul_dirs_add(&s->dirs, id, path->text, &is_new, e);
    return rc == HAUL_OK && is_new ? haul_dir_make(s->natives, path->text, &fd, e) : rc;
}

/* ── attachments ── */

typedef struct family { /* being written */
    hold_sink *s;
    haul_sink *sink;
    const haul_msg *msg;
    haul_doc parent;
    haul_doc *docs; /* attachments */
    size_t n, cap;
    uint64_t left; /* attachments beyond the limit */
    int dir;       /* of the attachments, -1 until there is one */
    haul_native native;
    haul_str name, list; /* of the attachment at hand; attachments.csv of this message */
    haul_str exceptions;
} family;

static void add_exception(haul_str *to, const char *issue)
{
    if (!strstr(haul_strz(to), issue))
        haul_str_addf(to, "%s%s", to->len ? "; " : "", issue);
}

static haul_rc attachment_begin(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e)
{
    family *f = ctx;
    hold_sink *s = f->s;
    haul_auto_str dir = {0};
    if (f->n >= ATTACHMENTS_MAX) {
        f->left++;
        return HAUL_OK;
    }
    haul_str_addf(&dir, "data/attachments/%s", f->parent.docid);
    haul_rc rc = f->dir >= 0 ? HAUL_OK : haul_dir_make(s->root, dir.p, &f->dir, e);
    if (rc != HAUL_OK)
        return rc;
    haul_native_name((unsigned)f->n + 1, p->name, p->type, &f->name);
    rc = haul_native_open(&f->native, f->dir, f->name.p, s->digests, e);
    *ret_to = rc == HAUL_OK ? &f->native.out : NULL;
    return rc;
}

static void next_docid(family *f, size_t number, haul_str *to)
{
    hold_sink *s = f->s;
    haul_str_clear(to);
    if (*s->prefix)
        haul_str_addf(to, "%s%0*llu", s->prefix, (int)HAUL_CONTROL_DIGITS, (unsigned long long)s->next++);
    else if (number)
        haul_str_addf(to, "%s-%03zu", f->msg->id, number);
    else
        haul_str_addz(to, f->msg->id);
}

/* Exceptions of an attachment are those of its message as well: a reviewer looks at families. */
static const char *exception_of(family *f, const haul_part *p)
{
    haul_auto_str own = {0};
    if (p->encrypted)
        add_exception(&own, "encrypted");
    if (p->undecodable)
        add_exception(&own, "damaged");
    if (!p->size)
        add_exception(&own, "empty");
    return haul_arena_str(&f->s->arena, haul_strz(&own));
}

static haul_rc attachment_end(void *ctx, const haul_part *p, haul_err *e)
{
    family *f = ctx;
    hold_sink *s = f->s;
    if (f->native.file.fd < 0)
        return HAUL_OK;
    haul_rc rc = haul_native_close(&f->native, e);
    if (rc != HAUL_OK)
        return rc;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 8;
        f->docs = haul_realloc(f->docs, f->cap * sizeof(*f->docs));
    }
    haul_doc *d = &f->docs[f->n++];
    *d = f->parent;
    next_docid(f, f->n, &s->docid);
    d->docid = haul_arena_str(&s->arena, s->docid.p);
    d->mime_type = haul_arena_str(&s->arena, p->type);
    d->content_id = haul_arena_str(&s->arena, p->content_id);
    d->file_name = haul_arena_str(&s->arena, *p->name ? p->name : f->name.p);
    d->native = haul_arena_printf(&s->arena, "data/attachments/%s/%s", f->parent.docid, f->name.p);
    d->text = "";
    d->text_size = 0;
    d->size = f->native.size;
    memcpy(d->md5, f->native.md5, sizeof(d->md5));
    memcpy(d->sha1, f->native.sha1, sizeof(d->sha1));
    memcpy(d->sha256, f->native.sha256, sizeof(d->sha256));
    d->has_created = p->has_created;
    d->created_us = p->created_us;
    d->has_modified = p->has_modified;
    d->modified_us = p->modified_us;
    d->exception = exception_of(f, p);
    return HAUL_OK;
}

static void csv_field(haul_str *to, const char *z, bool last)
{
    haul_str_addc(to, '"');
    for (; *z; z++) {
        if (*z == '"')
            haul_str_addc(to, '"');
        haul_str_addc(to, *z);
    }
    haul_str_addz(to, last ? "\"\r\n" : "\",");
}

/* Mailbag 1.0: attachments.csv beside the files. */
static haul_rc list_attachments(family *f, haul_err *e)
{
    hold_sink *s = f->s;
    haul_native w = {.file.fd = -1};
    haul_auto_str path = {0};
    haul_str_clear(&f->list);
    haul_str_addz(&f->list, "\"Original-Filename\",\"Mailbag-Filename\",\"MimeType\",\"Content-ID\"\r\n");
    for (size_t i = 0; i < f->n; i++) {
        csv_field(&f->list, f->docs[i].file_name, false);
        csv_field(&f->list, strrchr(f->docs[i].native, '/') + 1, false);
        csv_field(&f->list, f->docs[i].mime_type, false);
        csv_field(&f->list, f->docs[i].content_id, true);
    }
    haul_rc rc = haul_native_open(&w, f->dir, "attachments.csv", s->digests, e);
    if (rc == HAUL_OK)
        rc = haul_out_write(&w.out, f->list.p, f->list.len, e);
    if (rc == HAUL_OK)
        rc = haul_native_close(&w, e);
    else
        haul_native_done(&w);
    haul_str_addf(&path, "data/attachments/%s/attachments.csv", f->parent.docid);
    return rc == HAUL_OK ? haul_catalog_add_file(s->catalog, path.p, w.size, w.sha256, e) : rc;
}

/* ── the native ── */

static haul_rc write_native(family *f, uint32_t id, haul_err *e)
{
    hold_sink *s = f->s;
    int dir = -1;
    haul_auto_str name = {0};
    haul_str_addf(&name, "%s.eml", f->parent.docid);
    haul_rc rc = haul_dirs_get(&s->kept, &s->dirs, id, &dir, e);
    if (rc == HAUL_OK)
        rc = haul_native_open(&f->native, dir, name.p, s->digests, e);
    if (rc != HAUL_OK)
        return rc;
    rc = haul_spool_copy(f->msg->body, HAUL_EOL_KEEP, &f->native.out, e);
    if (rc == HAUL_OK)
        rc = haul_native_close(&f->native, e);
    haul_native_done(&f->native);
    haul_doc *d = &f->parent;
    d->file_name = haul_arena_str(&s->arena, name.p);
    d->native = haul_arena_printf(&s->arena, "data/eml/%s/%s", f->parent.folder_written, name.p);
    d->size = f->native.size;
    memcpy(d->md5, f->native.md5, sizeof(d->md5));
    memcpy(d->sha1, f->native.sha1, sizeof(d->sha1));
    memcpy(d->sha256, f->native.sha256, sizeof(d->sha256));
    return rc;
}

/* ── facts ── */

static haul_rc read_facts(family *f, haul_facts *ret, haul_err *e)
{
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc = haul_spool_head(f->msg->body, HAUL_HEAD_MAX, &p, &n, e);
    if (rc == HAUL_OK)
        haul_facts_read(p, n, &f->s->arena, ret);
    return rc;
}

static const char *text_of(const char *z)
{
    return z ? z : "";
}

static const char *joined_keywords(hold_sink *s, const haul_msg *m)
{
    haul_auto_str all = {0};
    for (size_t i = 0; i < m->n_keywords; i++)
        haul_str_addf(&all, "%s%s", i ? "\n" : "", m->keywords[i]);
    return haul_arena_str(&s->arena, haul_strz(&all));
}

static void set_facts(family *f, const haul_facts *x)
{
    haul_doc *d = &f->parent;
    d->from = x->from;
    d->to = x->to;
    d->cc = x->cc;
    d->bcc = x->bcc;
    d->subject = x->subject;
    d->date_field = x->date_field;
    d->message_id = x->message_id;
    d->mih = haul_arena_str(&f->s->arena, x->mih);
    d->in_reply_to = x->in_reply_to;
    d->references = x->references;
    d->conversation_index = x->conversation_index;
    d->importance = x->importance;
    d->mime_type = *x->type ? x->type : "message/rfc822";
    d->has_sent = x->has_sent;
    d->sent_us = x->sent_us;
    d->sent_tz = x->sent_tz;
}

static void set_origin(family *f, const char *folder)
{
    const haul_msg *m = f->msg;
    hold_sink *s = f->s;
    haul_origin from = f->sink->origin(f->sink->ctx, m);
    haul_doc *d = &f->parent;
    next_docid(f, 0, &s->docid);
    d->docid = haul_arena_str(&s->arena, s->docid.p);
    d->item_id = m->id;
    d->source = text_of(from.source);
    d->custodian = from.custodian ? from.custodian : d->source;
    d->folder = text_of(from.folder);
    d->folder_written = folder;
    d->place = text_of(m->place);
    d->kind = m->kind;
    d->has_received = m->set & HAUL_SET_RECEIVED && !haul_msg_has_issue(m, HAUL_ISSUE_TIME_GUESSED);
    d->received_us = m->received_us;
    d->received_tz = m->received_tz;
    d->has_flags = m->set & HAUL_SET_FLAGS;
    d->flags = m->flags;
    d->keywords = joined_keywords(s, m);
    d->text = d->content_id = d->exception = "";
    memcpy(d->canonical, m->sha256, sizeof(d->canonical));
}

/* ── text ── */

static haul_rc open_text(family *f, uint32_t id, haul_native *w, haul_err *e)
{
    hold_sink *s = f->s;
    int dir = -1;
    haul_auto_str name = {0};
    haul_str_addf(&name, "%s.txt", f->parent.docid);
    haul_rc rc = haul_dirs_get(&s->texts_kept, &s->dirs, id, &dir, e);
    if (rc == HAUL_OK)
        rc = haul_native_open(w, dir, name.p, haul_digests_new(), e);
    f->parent.text = haul_arena_printf(&s->arena, "data/text/%s/%s", f->parent.folder_written, name.p);
    return rc;
}

static haul_rc close_text(family *f, haul_native *w, haul_rc rc, haul_err *e)
{
    if (rc == HAUL_OK)
        rc = haul_native_close(w, e);
    else
        haul_native_done(w);
    haul_digests_free(w->digests);
    f->parent.text_size = w->size;
    memcpy(f->parent.text_sha256, w->sha256, sizeof(f->parent.text_sha256));
    return rc;
}

static haul_rc read_parts(family *f, uint32_t id, haul_err *e)
{
    hold_sink *s = f->s;
    haul_native text = {.file.fd = -1};
    haul_parts_reader to = {.begin = attachment_begin, .end = attachment_end, .ctx = f};
    haul_err why = {0};
    haul_rc rc = s->text ? open_text(f, id, &text, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    to.text = s->text ? &text.out : NULL;
    rc = haul_parts_read(f->msg->body, &to, &why);
    haul_native_done(&f->native);
    if (rc == HAUL_SKIP) { /* the native is there; only its parts are not */
        add_exception(&f->exceptions, "unsupported");
        rc = HAUL_OK;
    } else if (rc != HAUL_OK && e) {
        *e = why;
    }
    if (s->text)
        rc = close_text(f, &text, rc, e);
    return rc;
}

/* ── exceptions ── */

static const char *kind_of_issue(haul_issue_id id)
{
    switch ((int)id) {
    case HAUL_ISSUE_MSG_EMPTY:
        return "empty";
    case HAUL_ISSUE_PST_RECOVERED:
        return "recovered";
    default:
        return haul_issue_severity(id) == HAUL_DAMAGE ? "damaged" : NULL;
    }
}

static haul_rc note_exception(family *f, const haul_doc *d, const char *kind, const char *issue,
                              const char *detail, haul_err *e)
{
    haul_exception x = {.docid = d->docid,
                        .item_id = d->item_id,
                        .custodian = d->custodian,
                        .source = d->source,
                        .folder = d->folder,
                        .place = d->place,
                        .kind = kind,
                        .issue = issue,
                        .detail = detail,
                        .disposition = "in the package; its native has the octets that could be had"};
    return haul_catalog_add_exception(f->s->catalog, &x, e);
}

static haul_rc note_issues(family *f, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (const haul_issue *i = f->msg->issues; i && rc == HAUL_OK; i = i->next) {
        const char *kind = kind_of_issue(i->id);
        if (kind)
            rc = note_exception(f, &f->parent, kind, haul_issue_name(i->id), text_of(i->detail), e);
    }
    for (size_t i = 0; i < f->n && rc == HAUL_OK; i++)
        if (*f->docs[i].exception)
            rc = note_exception(f, &f->docs[i], f->docs[i].exception, "", f->docs[i].file_name, e);
    if (rc == HAUL_OK && strstr(haul_strz(&f->exceptions), "unsupported"))
        rc = note_exception(f, &f->parent, "unsupported", "", "its parts could not be told apart", e);
    if (rc == HAUL_OK && f->left) {
        haul_auto_str more = {0};
        haul_str_addf(&more, "%llu attachments are in the native only", (unsigned long long)f->left);
        rc = note_exception(f, &f->parent, "over-size", "", more.p, e);
    }
    return rc;
}

static void collect_exceptions(family *f)
{
    for (const haul_issue *i = f->msg->issues; i; i = i->next)
        if (kind_of_issue(i->id))
            add_exception(&f->exceptions, kind_of_issue(i->id));
    for (size_t i = 0; i < f->n; i++)
        if (*f->docs[i].exception)
            add_exception(&f->exceptions, f->docs[i].exception);
    if (f->left)
        add_exception(&f->exceptions, "over-size");
    f->parent.exception = haul_arena_str(&f->s->arena, haul_strz(&f->exceptions));
}

/* ── one message ── */

static haul_rc record(family *f, haul_err *e)
{
    hold_sink *s = f->s;
    collect_exceptions(f);
    haul_rc rc = haul_catalog_add(s->catalog, &f->parent, &f->parent.row, e);
    for (size_t i = 0; i < f->n && rc == HAUL_OK; i++) {
        f->docs[i].parent = f->parent.row;
        rc = haul_catalog_add(s->catalog, &f->docs[i], &f->docs[i].row, e);
    }
    if (rc == HAUL_OK && f->n) /* behind its documents, with which it goes when they are forgotten */
        rc = list_attachments(f, e);
    if (rc == HAUL_OK)
        rc = note_issues(f, e);
    return rc == HAUL_OK ? haul_catalog_drop_left_out(s->catalog, f->msg->id, e) : rc;
}

static haul_rc hold_message(haul_sink *sink, uint32_t id, const haul_msg *m, haul_err *e)
{
    hold_sink *s = sink->state;
    haul_facts facts;
    family f = {.s = s, .sink = sink, .msg = m, .dir = -1, .native.file.fd = -1};
    const char *folder = NULL;
    haul_arena_reset(&s->arena);
    haul_rc rc = haul_dirs_path(&s->dirs, id, &folder, e);
    if (rc == HAUL_OK)
        rc = read_facts(&f, &facts, e);
    if (rc == HAUL_OK) {
        set_origin(&f, folder);
        set_facts(&f, &facts);
        rc = write_native(&f, id, e);
    }
    if (rc == HAUL_OK)
        rc = read_parts(&f, id, e);
    if (rc == HAUL_OK)
        rc = record(&f, e);
    haul_fd_autoclose(&f.dir);
    if (rc == HAUL_OK) {
        haul_str_clear(&s->place);
        haul_str_addz(&s->place, f.parent.native);
        haul_sink_receipt(sink, m, s->place.p, HAUL_OK, NULL);
    }
    free(f.docs);
    haul_str_done(&f.name);
    haul_str_done(&f.list);
    haul_str_done(&f.exceptions);
    return rc;
}

/* ── what is not stored ── */

static haul_rc hold_twin(haul_sink *sink, const haul_msg *m, const char **ret_place, haul_err *e)
{
    hold_sink *s = sink->state;
    haul_doc of = {0};
    haul_facts facts = {0};
    family f = {.s = s, .sink = sink, .msg = m};
    *ret_place = NULL;
    if (!s->by_digest && !s->mih)
        return HAUL_OK;
    haul_arena_reset(&s->arena);
    haul_rc rc = s->mih ? read_facts(&f, &facts, e) : HAUL_OK;
    if (rc != HAUL_OK || (s->mih && !*facts.mih))
        return rc;
    haul_origin from = sink->origin(sink->ctx, m);
    const char *custodian = from.custodian ? from.custodian : text_of(from.source);
    rc = haul_catalog_find(s->catalog, s->mih, s->mih ? (const void *)facts.mih : m->sha256,
                           s->by_custodian ? custodian : NULL, &s->arena, &of, e);
    if (rc != HAUL_OK)
        return rc == HAUL_END ? HAUL_OK : rc;
    haul_twin t = {.of = of.row,
                   .item_id = m->id,
                   .custodian = custodian,
                   .source = text_of(from.source),
                   .folder = text_of(from.folder),
                   .place = text_of(m->place)};
    haul_str_clear(&s->place);
    haul_str_addz(&s->place, of.native);
    *ret_place = s->place.p;
    return haul_catalog_add_twin(s->catalog, &t, e);
}

static const char *issues_text(hold_sink *s, const haul_msg *m)
{
    haul_auto_str all = {0};
    for (const haul_issue *i = m->issues; i; i = i->next)
        add_exception(&all, haul_issue_name(i->id));
    return haul_arena_str(&s->arena, haul_strz(&all));
}

static haul_rc hold_left_out(haul_sink *sink, const haul_msg *m, const char *status, const char *reason,
                             haul_err *e)
{
    hold_sink *s = sink->state;
    haul_origin from = sink->origin(sink->ctx, m);
    haul_arena_reset(&s->arena);
    haul_left_out l = {.item_id = m->id,
                       .status = status,
                       .custodian = from.custodian ? from.custodian : text_of(from.source),
                       .source = text_of(from.source),
                       .folder = text_of(from.folder),
                       .place = text_of(m->place ? m->place : m->key),
                       .kind = haul_kind_name(m->kind),
                       .message_id = text_of(m->message_id),
                       .subject = text_of(m->subject),
                       .reason = reason,
                       .issues = issues_text(s, m),
                       .stored_as = ""};
    haul_rc rc = haul_catalog_add_left_out(s->catalog, &l, e);
    if (rc != HAUL_OK || strcmp(status, "failed") != 0)
        return rc;
    haul_exception x = {.docid = "",
                        .item_id = m->id,
                        .custodian = l.custodian,
                        .source = l.source,
                        .folder = l.folder,
                        .place = l.place,
                        .kind = "failed",
                        .issue = l.issues,
                        .detail = reason,
                        .disposition = "not in the package; its source has it"};
    return haul_catalog_add_exception(s->catalog, &x, e);
}

/* ── commits ── */

static haul_rc hold_commit(haul_sink *sink, haul_tokens *ret, haul_err *e)
{
    hold_sink *s = sink->state;
    haul_auto_str row = {0}, number = {0};
    haul_rc rc = haul_sync_fs(s->root, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_commit(s->catalog, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_addf(&row, "%lld", (long long)haul_catalog_last(s->catalog));
    haul_str_addf(&number, "%llu", (unsigned long long)s->next);
    haul_tokens_put(ret, "row", row.p);
    haul_tokens_put(ret, "number", number.p);
    return HAUL_OK;
}

static haul_rc hold_finish(haul_sink *sink, haul_err *e)
{
    (void)sink;
    (void)e;
    return HAUL_OK;
}

static void hold_close(haul_sink *sink)
{
    hold_sink *s = sink->state;
    if (!s->ready)
        return;
    haul_dirs_close(&s->kept);
    haul_dirs_close(&s->texts_kept);
    haul_dirs_done(&s->dirs);
    haul_catalog_close(s->catalog);
    haul_digests_free(s->digests);
    haul_arena_done(&s->arena);
    haul_str_done(&s->docid);
    haul_str_done(&s->path);
    haul_str_done(&s->place);
    haul_fd_autoclose(&s->natives);
    haul_fd_autoclose(&s->texts);
    haul_fd_autoclose(&s->root);
}

static const haul_sink_ops hold_sink_ops = {.state_size = sizeof(hold_sink),
                                            .naming = hold_naming,
                                            .open = hold_open,
                                            .folder = hold_folder,
                                            .message = hold_message,
                                            .twin = hold_twin,
                                            .left_out = hold_left_out,
                                            .commit = hold_commit,
                                            .finish = hold_finish,
                                            .close = hold_close};

const haul_format haul_format_hold = {.name = "hold",
                                      .title = "a legal-hold package",
                                      .suffixes = "",
                                      .sink = &hold_sink_ops,
                                      .options = haul_hold_options,
                                      .keeps_flags = HAUL_FLAG_ALL,
                                      .keeps_keywords = true,
                                      .keeps_received = true,
                                      .keeps_folders = true,
                                      .keeps_empty_folders = true};
