/* Writing mbox: one file, a tree of NAME.mbox with NAME/ for children, or Thunderbird's NAME with NAME.sbd/.
 * Messages go out as they are; what their own header does not say goes into a block in front. */
#include "base/time.h"
#include "io/atomic.h"
#include "mbox.h"
#include "mime/header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE       SIZE_MAX
#define SENDER_MAX 512u      /* octets of an address in a From_ line */
#define LAYOUT     "/layout" /* a token that is not one of a file: those are below the target */

static const char *const layout_names[] = {"auto", "file", "tree", "thunderbird"}; /* haul_mbox_layout */

/* Endings that mean something beside mboxes: folders that are called so are escaped [mbox-46]. */
#define SUFFIXES ".mbox|.mbx|.sbd|.msf|.dat|.gz|.zst|.xz|.bz2|.lock|.mozmsgs|.cmeta"
#define NAMING(endings)                                                                                      \
    {                                                                                                        \
        .reserved = "<>:\"/\\|?*", .escape = '%', .first = ".", .last = ". ", .windows_devices = true,       \
        .fold_case = true, .component_max = 200, .suffixes = (endings), .inbox_root = true                   \
    }

const haul_naming haul_mbox_naming_tree = NAMING(SUFFIXES);
const haul_naming haul_mbox_naming_thunderbird = NAMING(SUFFIXES "|.html");

typedef struct entry { /* one mbox file of the target */
    char *rel, *text;  /* below the root; what places begin with */
    uint64_t size;
    bool opened, touched; /* in this run; since the last commit */
    bool foreign;         /* --merge: it may end without an empty line */
} entry;

typedef struct state {
    int root; /* the target directory, or the one that holds the file */
    haul_mbox_layout layout;
    haul_mbox_variant variant;
    char *file;          /* layout file: its name */
    haul_tokens *resume; /* sizes at the last commit of an earlier run; NULL = none */
    entry *v;
    size_t n, cap;
    size_t *by_id; /* entry of a folder id, NONE = undeclared */
    size_t n_ids;
    haul_file out;
    size_t current; /* entry that `out` is; NONE */
    size_t folders; /* declared, for layout file */
    haul_str block, line;
} state;

/* ── quoting on the way out ── */

typedef struct quoter {
    haul_out out;
    haul_out *to; /* NULL: only count */
    haul_mbox_variant variant;
    bool line_start;
    size_t run, held;    /* '>' seen at the line start; octets of "From " seen and not yet passed on */
    uint64_t total;      /* octets passed on */
    uint64_t header;     /* octets up to and including the first empty line; 0 = none yet */
    bool empty_line, cr; /* nothing but a CR on this line so far */
    bool lost;           /* quoting that cannot be undone */
    char last;
} quoter;

static void find_header_end(quoter *q, const char *p, size_t n)
{
    for (size_t i = 0; i < n && !q->header; i++) {
        if (p[i] == '\n' && q->empty_line)
            q->header = q->total + i + 1;
        q->empty_line = p[i] == '\n' || (q->empty_line && p[i] == '\r' && !q->cr);
        q->cr = p[i] == '\r';
    }
}

static haul_rc pass(quoter *q, const char *p, size_t n, haul_err *e)
{
    if (!n)
        return HAUL_OK;
    if (!q->to)
        find_header_end(q, p, n);
    q->total += n;
    q->last = p[n - 1];
    return q->to ? haul_out_write(q->to, p, n, e) : HAUL_OK;
}

/* "From " stands after q->run '>' at a line start: does it get one more? [mbox-41] */
static bool wants_quote(quoter *q)
{
    switch (q->variant) {
    case HAUL_MBOX_MBOXRD:
        q->lost |= q->run >= HAUL_MBOX_QUOTE_MAX;
        return q->run < HAUL_MBOX_QUOTE_MAX;
    case HAUL_MBOX_MBOXO:
    case HAUL_MBOX_MBOXCL:
        q->lost |= q->run > 0;
        return q->run == 0;
    case HAUL_MBOX_MBOXCL2:
        break;
    }
    return false;
}

/* At a line start: go over '>' and "From " as far as p goes. *s: what was not passed on yet. */
static haul_rc at_line_start(quoter *q, const char **s, const char *p, const char *end, const char **ret,
                             haul_err *e)
{
    static const char from[] = "From ";
    size_t carried = q->held;
    haul_rc rc = HAUL_OK;
    while (!q->held && p < end && *p == '>') {
        q->run++;
        p++;
    }
    const char *start = p;
    while (q->held < 5 && p < end && *p == from[q->held]) {
        q->held++;
        p++;
    }
    *ret = p;
    if (q->held < 5 && p == end) { /* undecided: all but what is held goes on */
        rc = pass(q, *s, (size_t)(start - *s), e);
        *s = p;
        return rc;
    }
    if (q->held == 5 && wants_quote(q)) {
        rc = pass(q, *s, (size_t)(start - *s), e);
        *s = start;
        if (rc == HAUL_OK)
            rc = pass(q, ">", 1, e);
    }
    if (rc == HAUL_OK && carried)
        rc = pass(q, from, carried, e);
    q->line_start = false;
    q->held = q->run = 0;
    return rc;
}

static haul_rc quote(haul_out *o, const void *octets, size_t n, haul_err *e)
{
    quoter *q = (quoter *)o; /* out is its first member */
    const char *s = octets, *p = s, *end = s + n;
    haul_rc rc = HAUL_OK;
    if (q->variant == HAUL_MBOX_MBOXCL2)
        return pass(q, s, n, e);
    while (rc == HAUL_OK && p < end) {
        if (q->line_start) {
            rc = at_line_start(q, &s, p, end, &p, e);
            continue;
        }
        const char *hit = haul_mbox_find(p, end, '\n');
        q->line_start = hit || end[-1] == '\n';
        p = hit ? hit + 1 : end;
    }
    return rc == HAUL_OK ? pass(q, s, (size_t)(end - s), e) : rc;
}

static haul_rc copy_quoted(haul_spool *body, haul_eol eol, quoter *q, haul_err *e)
{
    q->out.write = quote;
    q->line_start = q->empty_line = true;
    haul_rc rc = haul_spool_copy(body, eol, &q->out, e);
    if (rc == HAUL_OK && q->held)
        rc = pass(q, "From ", q->held, e);
    return rc;
}

/* ── the block in front ── */

typedef struct form { /* how a message has to be written */
    const char *head;
    size_t head_len, header; /* octets looked at; of the header section, 0 = its end was not seen */
    haul_eol eol;
    bool raw, quoted, no_final, disagrees, meta, length;
    haul_mbox_variant variant;
} form;

static bool has_from_line(const char *p, size_t n)
{
    bool more;
    if (haul_mbox_starts_from(p, n) || haul_mbox_is_quoted(p, n, &more))
        return true;
    for (const char *q = p; (q = haul_mbox_find(q, p + n, '\n')); q++)
        if (haul_mbox_starts_from(q + 1, (size_t)(p + n - q - 1)) ||
            haul_mbox_is_quoted(q + 1, (size_t)(p + n - q - 1), &more))
            return true;
    return false;
}

/* A Content-Length of the message's own that reaches beyond it could swallow the next one. [mbox-44] */
static bool length_reaches_out(const form *f, const haul_msg *m)
{
    haul_span value;
    uint64_t length;
    if (!haul_header_find(f->head, f->header ? f->header : f->head_len, "Content-Length", &value))
        return false;
    value = haul_span_trim(value);
    return haul_parse_u64(value.p, value.len, &length) &&
           length + f->header > haul_spool_get_facts(m->body)->size;
}

static haul_rc examine(const state *st, const haul_msg *m, form *f, haul_err *e)
{
    const haul_spool_facts *facts = haul_spool_get_facts(m->body);
    *f = (form){.variant = st->variant, .eol = haul_eol_for(facts, HAUL_EOL_LF)};
    haul_rc rc = haul_spool_head(m->body, HAUL_HEAD_MAX / 2, &f->head, &f->head_len, e);
    if (rc != HAUL_OK)
        return rc;
    f->header = haul_header_length(f->head, f->head_len);
    size_t n = f->header ? f->header : f->head_len;
    f->raw = !haul_header_like(f->head, n);
    f->quoted = !f->raw && (has_from_line(f->head, n) || (!f->header && facts->size > f->head_len));
    f->no_final = !facts->final_eol;
    f->disagrees = !haul_status_agrees(f->head, f->raw ? 0 : n, m);
    f->meta = !f->raw && haul_istarts(f->head, n, HAUL_MBOX_META);
    f->length = st->variant >= HAUL_MBOX_MBOXCL || length_reaches_out(f, m);
    /* The length says nothing of the header section, and beyond the window no reader could check it: quote
     * instead, which our reader undoes. */
    if (f->variant == HAUL_MBOX_MBOXCL2 && (f->quoted || facts->size > HAUL_IN_PEEK_MAX / 2))
        f->variant = HAUL_MBOX_MBOXRD;
    return HAUL_OK;
}

static bool needs_block(const form *f)
{
    return f->raw || f->quoted || f->no_final || f->disagrees || f->meta || f->length;
}

/* Content-Length counts what follows the header section as it will stand in the file. */
static haul_rc add_length(const haul_msg *m, const form *f, haul_str *fields, haul_err *e)
{
    quoter q = {.variant = f->variant};
    haul_rc rc = copy_quoted(m->body, f->eol, &q, e);
    if (rc != HAUL_OK)
        return rc;
    uint64_t header = f->raw ? 0 : q.header;
    if (f->raw || q.header)
        haul_str_addf(fields, "Content-Length: %llu\n", (unsigned long long)(q.total - header + f->no_final));
    return HAUL_OK;
}

static haul_rc build_block(state *st, const haul_msg *m, const form *f, haul_err *e)
{
    haul_auto_str fields = {0};
    size_t lines = 0;
    haul_status_write(m, st->layout == HAUL_MBOX_LAYOUT_THUNDERBIRD, &fields);
    if (st->variant >= HAUL_MBOX_MBOXCL) {
        haul_rc rc = add_length(m, f, &fields, e);
        if (rc != HAUL_OK)
            return rc;
    }
    for (size_t i = 0; i < fields.len; i++)
        lines += fields.p[i] == '\n';
    haul_str_addf(&st->block, HAUL_MBOX_META ": %zu; v=1%s%s%s%s\n", lines, f->no_final ? "; nofinal" : "",
                  f->quoted ? "; quoted" : "", f->variant == HAUL_MBOX_MBOXCL2 ? "; noquote" : "",
                  f->raw ? "; raw" : "");
    haul_str_add(&st->block, fields.p, fields.len);
    if (f->raw)
        haul_str_addc(&st->block, '\n');
    return HAUL_OK;
}

/* ── files ── */

static haul_rc open_at(const state *st, const char *rel, int flags, int *ret, haul_err *e)
{
    const char *slash = strrchr(rel, '/');
    haul_auto_fd int dir = -1;
    haul_auto_str parent = {0};
    haul_str_add(&parent, rel, slash ? (size_t)(slash - rel) : 0);
    haul_rc rc = haul_dir_make(st->root, haul_strz(&parent), &dir, e);
    if (rc != HAUL_OK)
        return rc;
    int fd = openat(dir, slash ? slash + 1 : rel, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening %s", rel);
    *ret = fd;
    return HAUL_OK;
}

static haul_rc file_size(int fd, const char *name, uint64_t *ret, haul_err *e)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "reading the size of %s", name);
    if (!S_ISREG(s.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s is no plain file", name);
    *ret = (uint64_t)s.st_size;
    return HAUL_OK;
}

static haul_rc cut(int fd, const char *name, uint64_t size, haul_err *e)
{
    if (ftruncate(fd, (off_t)size) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "cutting %s to %llu octets", name, (unsigned long long)size);
    return HAUL_OK;
}

/* The size that this file had at the last commit; false when it had none. */
static haul_rc token_size(const state *st, const char *rel, bool *ret_known, uint64_t *ret, haul_err *e)
{
    const char *z = st->resume ? haul_tokens_get(st->resume, rel) : NULL;
    *ret_known = z != NULL;
    if (z && !haul_parse_u64(z, strlen(z), ret))
        return haul_fail(e, HAUL_E_STATE, "%s: the journal's size for it is not a number", rel);
    return HAUL_OK;
}

/* What lies beyond the last commit is ours and unfinished. [mbox-50] */
static haul_rc restore(state *st, haul_err *e)
{
    for (size_t i = 0; i < haul_tokens_count(st->resume); i++) {
        const char *rel, *value;
        uint64_t want = 0, have = 0;
        bool known;
        haul_auto_fd int fd = -1;
        haul_tokens_at(st->resume, i, &rel, &value);
        if (strcmp(rel, LAYOUT) == 0)
            continue;
        haul_rc rc = token_size(st, rel, &known, &want, e);
        if (rc == HAUL_OK)
            rc = open_at(st, rel, O_RDWR, &fd, e);
        if (rc == HAUL_OK)
            rc = file_size(fd, rel, &have, e);
        if (rc == HAUL_OK && have < want)
            rc = haul_fail(e, HAUL_E_TARGET, "%s has %llu octets, but %llu were stored: it was changed since",
                           rel, (unsigned long long)have, (unsigned long long)want);
        if (rc == HAUL_OK && have > want)
            rc = cut(fd, rel, want, e);
        if (rc != HAUL_OK)
            return rc;
    }
    return HAUL_OK;
}

static haul_rc leave_current(state *st, haul_err *e)
{
    if (st->current == NONE)
        return HAUL_OK;
    st->current = NONE;
    return haul_file_close(&st->out, e);
}

/* First use in this run: a file without a token is empty, or (--merge) somebody else's. */
static haul_rc adopt(haul_sink *s, entry *v, int fd, haul_err *e)
{
    state *st = s->state;
    uint64_t want = 0;
    bool known;
    haul_rc rc = token_size(st, v->rel, &known, &want, e);
    if (rc == HAUL_OK)
        rc = file_size(fd, v->rel, &v->size, e);
    if (rc != HAUL_OK)
        return rc;
    v->opened = v->touched = true;
    v->foreign = s->merge;
    if (known)
        v->size = want;
    else if (!s->merge)
        v->size = 0;
    return cut(fd, v->rel, v->size, e);
}

/* What is packed, or has the line ends of an old Mac, would not be read any more with lines of ours behind it. */
static haul_rc check_foreign(const entry *v, int fd, haul_err *e)
{
    char head[4096];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "reading the start of %s", v->rel);
    const char *why = haul_in_is_packed(head, (size_t)n) ? "is packed: unpack it first"
                      : n && !memchr(head, '\n', (size_t)n) && memchr(head, '\r', (size_t)n)
                          ? "has CR for its line ends: convert it to a new file first"
                          : NULL;
    return why ? haul_fail(e, HAUL_E_TARGET, "%s %s; nothing can be added to it as it is", v->rel, why)
               : HAUL_OK;
}

/* Somebody else's last message may end without a line end or an empty line. */
static haul_rc end_foreign(state *st, entry *v, int fd, haul_err *e)
{
    char tail[4] = {'\n', '\n', '\n', '\n'};
    size_t n = v->size < sizeof(tail) ? (size_t)v->size : sizeof(tail);
    haul_rc rc = check_foreign(v, fd, e);
    if (rc != HAUL_OK)
        return rc;
    v->foreign = false;
    if (n && pread(fd, tail + sizeof(tail) - n, n, (off_t)(v->size - n)) != (ssize_t)n)
        return haul_fail_sys(e, HAUL_E_TARGET, "reading the end of %s", v->rel);
    if (!v->size || (tail[2] == '\n' && tail[3] == '\n') || memcmp(tail, "\r\n\r\n", 4) == 0)
        return HAUL_OK;
    return haul_out_write(&st->out.out, "\n\n", tail[3] == '\n' ? 1 : 2, e);
}

/* Make entry i the file that is written to. */
static haul_rc use(haul_sink *s, size_t i, haul_err *e)
{
    state *st = s->state;
    entry *v = &st->v[i];
    haul_auto_fd int fd = -1;
    if (st->current == i)
        return HAUL_OK;
    haul_rc rc = leave_current(st, e);
    if (rc == HAUL_OK)
        rc = open_at(st, v->rel, O_RDWR | O_CREAT, &fd, e);
    if (rc == HAUL_OK && !v->opened)
        rc = adopt(s, v, fd, e);
    if (rc != HAUL_OK)
        return rc;
    if (lseek(fd, (off_t)v->size, SEEK_SET) < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "going to the end of %s", v->rel);
    haul_file_init(&st->out, fd, v->size, v->rel);
    fd = -1;
    st->current = i;
    return HAUL_OK;
}

static size_t add_entry(state *st, const char *rel, const char *text)
{
    for (size_t i = 0; i < st->n; i++)
        if (strcmp(st->v[i].rel, rel) == 0)
            return i;
    if (st->n == st->cap) {
        st->cap = st->cap ? st->cap * 2 : 32;
        st->v = haul_realloc(st->v, st->cap * sizeof(entry));
    }
    st->v[st->n] = (entry){.rel = haul_strdup(rel), .text = haul_strdup(text)};
    return st->n++;
}

/* ── folders ── */

/* A part as a file name: the inbox of a Thunderbird account is called Inbox. */
static const char *part(const state *st, const haul_path *path, size_t i)
{
    if (st->layout == HAUL_MBOX_LAYOUT_THUNDERBIRD && i == 0 && strcmp(path->parts[0], "INBOX") == 0)
        return "Inbox";
    return path->parts[i];
}

/* "A/B.mbox", or "A.sbd/B", of the first n parts; and what the reader will call it. */
static void file_name(const state *st, const haul_path *path, size_t n, haul_str *rel, haul_str *text)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = part(st, path, i);
        bool last = i + 1 == n;
        haul_str_addz(rel, name);
        if (st->layout == HAUL_MBOX_LAYOUT_THUNDERBIRD)
            haul_str_addz(rel, last ? "" : ".sbd/");
        else
            haul_str_addz(rel, last ? ".mbox" : "/");
        haul_str_addz(text, name);
        haul_str_addz(text, last ? "" : "/");
    }
}

/* Thunderbird shows NAME.sbd/ only when there is a NAME. */
static haul_rc make_parents(state *st, const haul_path *path, haul_err *e)
{
    for (size_t n = 1; n < path->n; n++) {
        haul_auto_str rel = {0}, text = {0};
        haul_auto_fd int fd = -1;
        file_name(st, path, n, &rel, &text);
        haul_rc rc = open_at(st, haul_strz(&rel), O_RDWR | O_CREAT, &fd, e);
        if (rc != HAUL_OK)
            return rc;
    }
    return HAUL_OK;
}

static void set_id(state *st, uint32_t id, size_t i)
{
    if (id >= st->n_ids) {
        size_t n = st->n_ids ? st->n_ids : 64;
        while (n <= id)
            n *= 2;
        st->by_id = haul_realloc(st->by_id, n * sizeof(*st->by_id));
        while (st->n_ids < n)
            st->by_id[st->n_ids++] = NONE;
    }
    st->by_id[id] = i;
}

static bool is_declared(const state *st, uint32_t id)
{
    return id < st->n_ids && st->by_id[id] != NONE;
}

static haul_rc sink_folder(haul_sink *s, uint32_t id, const haul_path *path, haul_err *e)
{
    state *st = s->state;
    haul_auto_str rel = {0}, text = {0};
    haul_rc rc = HAUL_OK;
    if (is_declared(st, id))
        return HAUL_OK;
    if (st->layout == HAUL_MBOX_LAYOUT_FILE) {
        haul_str_addz(&rel, st->file);
        haul_str_addz(&text, haul_mbox_text(st->file, &st->line));
        if (st->folders++)
            haul_sink_issue(s, NULL, HAUL_ISSUE_MBOX_FOLDERS_MERGED, "%s", path->text);
    } else {
        file_name(st, path, path->n, &rel, &text);
        if (st->layout == HAUL_MBOX_LAYOUT_THUNDERBIRD)
            rc = make_parents(st, path, e);
    }
    if (rc != HAUL_OK)
        return rc;
    size_t i = add_entry(st, haul_strz(&rel), haul_strz(&text));
    rc = use(s, i, e);
    if (rc == HAUL_OK)
        set_id(st, id, i);
    return rc;
}

/* ── messages ── */

/* Only what may stand in a From_ line: no controls, and blanks only in a quoted local part. */
static void add_sender(const char *sender, haul_str *to)
{
    const char *z = sender ? sender : "";
    size_t before = to->len, n = strlen(z), quoted = haul_mbox_quoted_length(z, n < SENDER_MAX ? n : 0);
    for (size_t i = 0; i < n && to->len - before < SENDER_MAX; i++)
        if (((unsigned char)z[i] > 32 || (z[i] == ' ' && i < quoted)) && z[i] != 127)
            haul_str_addc(to, z[i]);
    if (to->len == before)
        haul_str_addz(to, "MAILER-DAEMON");
}

static void note_line_ends(haul_sink *s, const haul_msg *m, const form *f)
{
    const haul_spool_facts *facts = haul_spool_get_facts(m->body);
    if (f->eol == HAUL_EOL_KEEP && facts->crlf)
        haul_sink_issue(s, m, HAUL_ISSUE_MSG_EOL_KEPT, "%s", "");
    else if (facts->crlf && facts->lf)
        haul_sink_issue(s, m, HAUL_ISSUE_MSG_EOL_MIXED, "%llu CRLF, %llu LF", (unsigned long long)facts->crlf,
                        (unsigned long long)facts->lf);
}

static void note_conflict(haul_sink *s, const haul_msg *m, const form *f)
{
    haul_status older = {0};
    haul_status_parse(f->head, f->raw ? 0 : f->header ? f->header : f->head_len, &older);
    if (older.known && f->disagrees)
        haul_sink_issue(s, m, HAUL_ISSUE_MBOX_STATUS_CONFLICT, "%s", "");
    haul_status_done(&older);
}

static haul_rc write_head(haul_sink *s, const haul_msg *m, form *f, haul_err *e)
{
    state *st = s->state;
    char date[HAUL_ISO_LEN];
    haul_rc rc = examine(st, m, f, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_clear(&st->block);
    haul_asctime(date, haul_msg_time(m));
    haul_str_addz(&st->block, "From ");
    add_sender(m->sender, &st->block);
    haul_str_addf(&st->block, " %s\n", date);
    if (needs_block(f)) {
        rc = build_block(st, m, f, e);
        note_conflict(s, m, f);
    }
    note_line_ends(s, m, f);
    return rc == HAUL_OK ? haul_out_write(&st->out.out, st->block.p, st->block.len, e) : rc;
}

static haul_rc write_message(haul_sink *s, const haul_msg *m, haul_err *e)
{
    state *st = s->state;
    form f;
    haul_rc rc = write_head(s, m, &f, e);
    quoter q = {.to = &st->out.out, .variant = f.variant, .last = '\n'};
    if (rc == HAUL_OK)
        rc = copy_quoted(m->body, f.eol, &q, e);
    if (rc == HAUL_OK)
        rc = haul_out_write(&st->out.out, "\n\n", q.last == '\n' ? 1 : 2, e);
    if (rc == HAUL_OK && q.lost)
        haul_sink_issue(s, m, HAUL_ISSUE_MBOX_QUOTING_LOST, "%s", "");
    return rc;
}

static haul_rc sink_message(haul_sink *s, uint32_t id, const haul_msg *m, haul_err *e)
{
    state *st = s->state;
    if (!is_declared(st, id))
        return haul_fail(e, HAUL_E_TARGET, "a message for folder %u, which was never declared", (unsigned)id);
    haul_rc rc = use(s, st->by_id[id], e);
    entry *v = &st->v[st->by_id[id]];
    if (rc == HAUL_OK && v->foreign)
        rc = end_foreign(st, v, st->out.fd, e);
    uint64_t at = st->out.offset;
    if (rc == HAUL_OK)
        rc = write_message(s, m, e);
    if (rc != HAUL_OK)
        return rc;
    v->size = st->out.offset;
    v->touched = true;
    haul_str_clear(&st->line);
    haul_str_addf(&st->line, "%s@%llu", v->text, (unsigned long long)at);
    haul_sink_receipt(s, m, st->line.p, HAUL_OK, NULL);
    return HAUL_OK;
}

static haul_rc sink_commit(haul_sink *s, haul_tokens *ret, haul_err *e)
{
    state *st = s->state;
    haul_rc rc = st->current == NONE ? HAUL_OK : haul_file_flush(&st->out, e);
    if (rc == HAUL_OK)
        rc = haul_sync_fs(st->root, e);
    for (size_t i = 0; rc == HAUL_OK && i < st->n; i++) {
        if (!st->v[i].touched)
            continue;
        haul_str_clear(&st->line);
        haul_str_addf(&st->line, "%llu", (unsigned long long)st->v[i].size);
        st->v[i].touched = false;
        haul_tokens_put(ret, st->v[i].rel, st->line.p);
    }
    if (rc == HAUL_OK && st->n)
        haul_tokens_put(ret, LAYOUT, layout_names[st->layout]);
    return rc;
}

/* ── target ── */

static bool names_file(const char *target)
{
    size_t n = strlen(target);
    struct stat s;
    if (!n || target[n - 1] == '/' || (!haul_iends(target, ".mbox") && !haul_iends(target, ".mbx")))
        return false;
    return stat(target, &s) != 0 || !S_ISDIR(s.st_mode);
}

static haul_mbox_layout layout_for(const char *target, const haul_values *values)
{
    size_t choice = haul_values_choice(values, &haul_mbox_options[HAUL_MBOX_OPT_LAYOUT]);
    if (choice != HAUL_MBOX_LAYOUT_AUTO)
        return (haul_mbox_layout)choice;
    return names_file(target) ? HAUL_MBOX_LAYOUT_FILE : HAUL_MBOX_LAYOUT_TREE;
}

static bool sink_is_file(const char *target, const haul_values *values)
{
    return layout_for(target, values) == HAUL_MBOX_LAYOUT_FILE;
}

static const haul_naming *sink_naming(const haul_values *values)
{
    size_t choice = haul_values_choice(values, &haul_mbox_options[HAUL_MBOX_OPT_LAYOUT]);
    return choice == HAUL_MBOX_LAYOUT_THUNDERBIRD ? &haul_mbox_naming_thunderbird : &haul_mbox_naming_tree;
}

/* Open a directory, made with its parents where they are missing. */
static haul_rc open_directory(const char *path, int *ret, haul_err *e)
{
    haul_rc rc = haul_dirs_make(path, e);
    if (rc != HAUL_OK)
        return rc;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening %s", path);
    *ret = fd;
    return HAUL_OK;
}

static haul_rc open_root(state *st, const char *target, haul_err *e)
{
    haul_auto_str dir = {0};
    const char *slash = strrchr(target, '/');
    if (st->layout != HAUL_MBOX_LAYOUT_FILE)
        return open_directory(target, &st->root, e);
    st->file = haul_strdup(slash ? slash + 1 : target);
    if (!*st->file || strcmp(st->file, ".") == 0 || strcmp(st->file, "..") == 0)
        return haul_fail(e, HAUL_E_TARGET, "%s names no file", target);
    if (slash)
        haul_str_add(&dir, target, slash == target ? 1 : (size_t)(slash - target));
    else
        haul_str_addc(&dir, '.');
    return open_directory(dir.p, &st->root, e);
}

static haul_rc sink_open(haul_sink *s, const char *target, const haul_tokens *resume, haul_err *e)
{
    state *st = s->state;
    st->root = -1;
    st->out.fd = -1;
    st->current = NONE;
    st->layout = layout_for(target, s->values);
    st->variant = (haul_mbox_variant)haul_values_choice(s->values, &haul_mbox_options[HAUL_MBOX_OPT_VARIANT]);
    const char *layout = resume ? haul_tokens_get(resume, LAYOUT) : NULL;
    if (layout && strcmp(layout, layout_names[st->layout]) != 0)
        return haul_fail(e, HAUL_E_USAGE, "%s was begun with --mbox-layout %s", target, layout);
    haul_rc rc = open_root(st, target, e);
    if (rc != HAUL_OK || !resume)
        return rc;
    st->resume = haul_tokens_new();
    for (size_t i = 0; i < haul_tokens_count(resume); i++) {
        const char *key, *value;
        haul_tokens_at(resume, i, &key, &value);
        haul_tokens_put(st->resume, key, value);
    }
    return restore(st, e);
}

static haul_rc sink_finish(haul_sink *s, haul_err *e)
{
    return leave_current(s->state, e);
}

static void sink_close(haul_sink *s)
{
    state *st = s->state;
    if (st->current != NONE)
        haul_file_done(&st->out);
    haul_fd_autoclose(&st->root);
    for (size_t i = 0; i < st->n; i++) {
        free(st->v[i].rel);
        free(st->v[i].text);
    }
    free(st->v);
    free(st->by_id);
    free(st->file);
    haul_tokens_free(st->resume);
    haul_str_done(&st->block);
    haul_str_done(&st->line);
}

const haul_sink_ops haul_mbox_sink = {
    .state_size = sizeof(state),
    .is_file = sink_is_file,
    .naming = sink_naming,
    .open = sink_open,
    .folder = sink_folder,
    .message = sink_message,
    .commit = sink_commit,
    .finish = sink_finish,
    .close = sink_close,
};
