/* dump: one JSON object a line for every folder and message: what a reader saw, for tests and for people. */
#include "base/json.h"
#include "base/time.h"
#include "io/atomic.h"
#include "io/out.h"
#include "model/format.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct dump {
    haul_file file;
    bool open;
    char *name;
    const char **folders; /* path texts by id; the core keeps them alive */
    size_t n_folders;
    haul_tokens *written; /* folders whose line is in the file, put again at every commit until durable */
    haul_str line;
} dump;

static const haul_naming naming = {.reserved = "/", .escape = '%'};

static const haul_naming *dump_naming(const haul_values *values)
{
    (void)values;
    return &naming;
}

static bool dump_is_file(const char *target, const haul_values *values)
{
    (void)target;
    (void)values;
    return true;
}

/* Where the last commit ended; a first run of a fresh file begins at 0, a merged one at its end. */
static haul_rc start_offset(haul_sink *s, int fd, const haul_tokens *resume, uint64_t *ret, haul_err *e)
{
    dump *d = s->state;
    const char *size = haul_tokens_get(resume, "size");
    off_t end = lseek(fd, 0, SEEK_END);
    uint64_t at = s->merge && end > 0 ? (uint64_t)end : 0;
    if (size && (!haul_parse_u64(size, strlen(size), &at) || at > (uint64_t)end))
        return haul_fail(e, HAUL_E_TARGET, "%s is shorter than when it was last written", d->name);
    if (ftruncate(fd, (off_t)at) != 0 || lseek(fd, (off_t)at, SEEK_SET) < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", d->name);
    *ret = at;
    return HAUL_OK;
}

static haul_rc dump_open(haul_sink *s, const char *target, const haul_tokens *resume, haul_err *e)
{
    dump *d = s->state;
    uint64_t at = 0;
    d->name = haul_strdup(target);
    d->written = haul_tokens_new();
    for (size_t i = 0; i < haul_tokens_count(resume); i++) {
        const char *key, *value;
        haul_tokens_at(resume, i, &key, &value);
        haul_tokens_put(d->written, key, value);
    }
    int fd = open(target, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", target);
    haul_rc rc = start_offset(s, fd, resume, &at, e);
    haul_file_init(&d->file, fd, at, d->name);
    d->open = true;
    return rc;
}

static haul_rc dump_folder(haul_sink *s, uint32_t id, const haul_path *path, haul_err *e)
{
    dump *d = s->state;
    if (id >= d->n_folders) {
        d->folders = haul_realloc(d->folders, (id + 1) * sizeof(*d->folders));
        while (d->n_folders <= id)
            d->folders[d->n_folders++] = NULL;
    } else if (d->folders[id]) {
        return HAUL_OK;
    }
    d->folders[id] = path->text;
    haul_auto_str key = {0};
    haul_str_addf(&key, "folder/%s", path->text);
    if (haul_tokens_get(d->written, key.p))
        return HAUL_OK;
    haul_tokens_put(d->written, key.p, "1");
    haul_str_clear(&d->line);
    haul_str_addc(&d->line, '{');
    haul_json_member(&d->line, "type", "folder");
    haul_json_member(&d->line, "folder", path->text);
    haul_json_member(&d->line, "role", haul_role_name(path->role));
    haul_str_addz(&d->line, "}\n");
    return haul_out_write(&d->file.out, d->line.p, d->line.len, e);
}

static void add_time(haul_str *s, const char *name, bool known, int64_t us, int tz)
{
    char iso[HAUL_ISO_LEN];
    haul_iso_format_tz(iso, us, tz);
    haul_json_member(s, name, known ? iso : NULL);
}

static void add_flags(haul_str *s, const haul_msg *m)
{
    haul_auto_str flags = {0};
    haul_flags_text(m->flags, &flags);
    haul_json_member(s, "flags", m->set & HAUL_SET_FLAGS ? haul_strz(&flags) : NULL);
    haul_json_member_list(s, "keywords", m->keywords, m->n_keywords);
}

static void add_facts(haul_str *s, const haul_msg *m)
{
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, m->sha256, HAUL_SHA256_LEN);
    haul_json_member_u64(s, "size", f->size);
    haul_json_member(s, "sha256", hex);
    haul_json_member_u64(s, "lf", f->lf);
    haul_json_member_u64(s, "crlf", f->crlf);
    haul_json_member_u64(s, "bare_cr", f->bare_cr);
    haul_json_member_u64(s, "nul", f->nul);
    haul_json_member(s, "final_eol", f->final_eol ? "yes" : "no");
}

static void add_issues(haul_str *s, const haul_msg *m)
{
    haul_json_key(s, "issues");
    haul_str_addc(s, '[');
    for (const haul_issue *i = m->issues; i; i = i->next) {
        if (i != m->issues)
            haul_str_addc(s, ',');
        const char *name = haul_issue_name(i->id);
        haul_json_str(s, name, strlen(name));
    }
    haul_str_addc(s, ']');
}

static haul_rc dump_message(haul_sink *s, uint32_t id, const haul_msg *m, haul_err *e)
{
    dump *d = s->state;
    haul_str *l = &d->line;
    uint64_t at = d->file.offset;
    haul_str_clear(l);
    haul_str_addc(l, '{');
    haul_json_member(l, "type", "message");
    haul_json_member(l, "folder", d->folders[id]);
    haul_json_member(l, "id", m->id);
    haul_json_member(l, "key", m->key);
    haul_json_member(l, "kind", haul_kind_name(m->kind));
    haul_json_member(l, "message_id", m->message_id);
    haul_json_member(l, "subject", m->subject);
    haul_json_member(l, "sender", m->sender);
    add_time(l, "received", m->set & HAUL_SET_RECEIVED, m->received_us, m->received_tz);
    add_time(l, "sent", m->set & HAUL_SET_SENT, m->sent_us, m->sent_tz);
    add_flags(l, m);
    add_facts(l, m);
    add_issues(l, m);
    haul_str_addz(l, "}\n");
    haul_rc rc = haul_out_write(&d->file.out, l->p, l->len, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto_str place = {0};
    haul_str_addf(&place, "@%llu", (unsigned long long)at);
    haul_sink_receipt(s, m, place.p, HAUL_OK, NULL);
    return HAUL_OK;
}

static haul_rc dump_commit(haul_sink *s, haul_tokens *ret, haul_err *e)
{
    dump *d = s->state;
    haul_auto_str size = {0};
    haul_rc rc = haul_file_flush(&d->file, e);
    if (rc == HAUL_OK && fdatasync(d->file.fd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "%s", d->name);
    haul_str_addf(&size, "%llu", (unsigned long long)d->file.offset);
    haul_tokens_put(d->written, "size", size.p);
    for (size_t i = 0; i < haul_tokens_count(d->written) && rc == HAUL_OK; i++) {
        const char *key, *value;
        haul_tokens_at(d->written, i, &key, &value);
        haul_tokens_put(ret, key, value);
    }
    return rc;
}

static haul_rc dump_finish(haul_sink *s, haul_err *e)
{
    (void)s;
    (void)e;
    return HAUL_OK;
}

static void dump_close(haul_sink *s)
{
    dump *d = s->state;
    if (d->open)
        haul_file_done(&d->file);
    haul_str_done(&d->line);
    haul_tokens_free(d->written);
    free(d->folders);
    free(d->name);
}

static const haul_sink_ops sink = {
    .state_size = sizeof(dump),
    .is_file = dump_is_file,
    .naming = dump_naming,
    .open = dump_open,
    .folder = dump_folder,
    .message = dump_message,
    .commit = dump_commit,
    .finish = dump_finish,
    .close = dump_close,
};

const haul_format haul_format_dump = {
    .name = "dump",
    .title = "JSON lines: what a reader saw, for tests and for people",
    .suffixes = ".jsonl|.ndjson",
    .sink = &sink,
};
