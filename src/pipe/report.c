#define _XOPEN_SOURCE 700 /* realpath */
#include "pipe/report.h"

#include "base/json.h"
#include "base/time.h"
#include "io/atomic.h"
#include "io/out.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct source_row {
    const char *real; /* resolved path */
    const char *path, *name, *format, *failure;
    bool digested;
    uint64_t size;
    const char *sha256, *custodian;
} source_row;

struct haul_report {
    const haul_job *job;
    haul_arena arena;
    haul_file items;
    uint64_t committed; /* octets of items.jsonl whose items the journal has */
    char *items_name;
    haul_str line;
    source_row *sources;
    size_t n_sources;
    haul_folder_count **folders;
    size_t n_folders, cap_folders;
    json_t *notices;
    char started[HAUL_ISO_LEN];
};

const char *haul_status_name(haul_status_id s)
{
    static const char *const names[] = {"stored", "filtered", "duplicate", "failed", "already_stored"};
    return (size_t)s < HAUL_COUNT(names) ? names[s] : "failed";
}

/* The reports are the one place that shows the clock; nothing that is converted does. */
haul_rc haul_report_open(const haul_job *job, const char *items, haul_report **ret, haul_err *e)
{
    haul_auto(haul_report) *r = haul_calloc(1, sizeof(*r));
    r->job = job;
    r->items.fd = -1;
    r->notices = json_array();
    haul_iso_now(r->started);
    if (items) {
        r->items_name = haul_strdup(items);
        int fd = open(items, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return haul_fail_sys(e, HAUL_E_STATE, "%s", items);
        haul_file_init(&r->items, fd, 0, r->items_name);
    }
    *ret = r;
    r = NULL;
    return HAUL_OK;
}

void haul_report_free(haul_report *r)
{
    if (!r)
        return;
    if (r->items_name)
        haul_file_done(&r->items);
    free(r->items_name);
    haul_str_done(&r->line);
    free(r->sources);
    free(r->folders);
    json_decref(r->notices);
    haul_arena_done(&r->arena);
    free(r);
}

static bool name_taken(const haul_report *r, const char *name)
{
    for (size_t i = 0; i < r->n_sources; i++)
        if (strcmp(r->sources[i].name, name) == 0)
            return true;
    return false;
}

static bool is_source(const haul_report *r, const char *real)
{
    bool is = false;
    for (const char *const *s = r->job->sources; *s && !is; s++) {
        char *other = realpath(*s, NULL);
        is = other && strcmp(other, real) == 0;
        free(other);
    }
    return is;
}

/* *ret_holder: the other path that an earlier run gave it to, where that does not matter any more. */
static bool name_free(const haul_report *r, haul_journal *j, const char *real, const char *name, bool copies,
                      const char **ret_holder)
{
    *ret_holder = NULL;
    if (name_taken(r, name))
        return false;
    const char *holder = j ? haul_journal_source_path(j, name) : NULL;
    if (!holder || strcmp(holder, real) == 0)
        return true;
    *ret_holder = holder;
    return !is_source(r, holder) && (copies || access(holder, F_OK) != 0);
}

static const char *choose_name(haul_report *r, haul_journal *j, const char *real, const char *label,
                               const char **ret_was)
{
    const char *known = j ? haul_journal_source_name(j, real) : NULL, *holder = NULL;
    if (known && !name_taken(r, known))
        return haul_arena_str(&r->arena, known);
    const char *name = haul_arena_str(&r->arena, label);
    for (unsigned i = 2; !name_free(r, j, real, name, !ret_was, &holder); i++)
        name = haul_arena_printf(&r->arena, "%s#%u", label, i);
    if (ret_was && holder)
        *ret_was = haul_arena_str(&r->arena, holder);
    return name;
}

const char *haul_report_source(haul_report *r, haul_journal *j, const char *path, const char *label,
                               const char **ret_was)
{
    char *resolved = realpath(path, NULL);
    const char *real = haul_arena_str(&r->arena, resolved ? resolved : path);
    if (ret_was)
        *ret_was = NULL;
    const char *name = choose_name(r, j, real, label, ret_was);
    free(resolved);
    r->sources = haul_realloc(r->sources, (r->n_sources + 1) * sizeof(*r->sources));
    source_row *s = &r->sources[r->n_sources++];
    *s = (source_row){.path = haul_arena_str(&r->arena, path), .name = name, .real = real};
    return name;
}

haul_rc haul_report_keep_source(haul_report *r, haul_journal *j, haul_err *e)
{
    const source_row *s = &r->sources[r->n_sources - 1];
    return haul_journal_add_source(j, s->real, s->name, e);
}

void haul_report_source_format(haul_report *r, const char *format)
{
    source_row *s = &r->sources[r->n_sources - 1];
    s->format = s->format ? haul_arena_printf(&r->arena, "%s+%s", s->format, format) : format;
}

void haul_report_source_facts(haul_report *r, uint64_t size, const char *sha256, const char *custodian)
{
    source_row *s = &r->sources[r->n_sources - 1];
    s->digested = true;
    s->size = size;
    s->sha256 = haul_arena_str(&r->arena, sha256);
    s->custodian = custodian ? haul_arena_str(&r->arena, custodian) : NULL;
}

static void source_facts(const source_row *s, json_t *o)
{
    if (!s->digested)
        return;
    json_object_set_new(o, "size", json_integer((json_int_t)s->size));
    json_object_set_new(o, "sha256", json_string(s->sha256));
    if (s->custodian)
        json_object_set_new(o, "custodian", haul_json_from_text(s->custodian));
}

void haul_report_source_failed(haul_report *r, const char *text)
{
    r->sources[r->n_sources - 1].failure = haul_arena_str(&r->arena, text);
}

/* The same folder may come again in a later pass over its source. */
static haul_folder_count *find_folder(const haul_report *r, const char *source, const char *path)
{
    for (size_t i = r->n_folders; i > 0 && r->folders[i - 1]->source == source; i--)
        if (strcmp(r->folders[i - 1]->path, path) == 0)
            return r->folders[i - 1];
    return NULL;
}

haul_folder_count *haul_report_folder(haul_report *r, const char *path, haul_role role)
{
    haul_folder_count *known = find_folder(r, r->sources[r->n_sources - 1].name, path);
    if (known)
        return known;
    if (r->n_folders == r->cap_folders) {
        r->cap_folders = r->cap_folders ? r->cap_folders * 2 : 16;
        r->folders = haul_realloc(r->folders, r->cap_folders * sizeof(haul_folder_count *));
    }
    haul_folder_count *f = haul_arena_calloc(&r->arena, sizeof(*f));
    f->source = r->sources[r->n_sources - 1].name;
    f->path = haul_arena_str(&r->arena, path);
    f->role = role;
    return r->folders[r->n_folders++] = f;
}

uint64_t haul_json_number(const json_t *o, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(o, key));
    return n > 0 ? (uint64_t)n : 0;
}

const char *haul_json_text(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z ? z : "";
}

void haul_json_set_u64(json_t *o, const char *key, uint64_t n)
{
    json_object_set_new(o, key, json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX));
}

void haul_json_set_time(json_t *o, const char *key, bool has, int64_t us)
{
    char text[HAUL_ISO_LEN];
    haul_iso_format(text, us);
    json_object_set_new(o, key, has ? json_string(text) : json_null());
}

json_t *haul_json_from_text(const char *z)
{
    haul_auto_str line = {0};
    if (!z)
        return json_null();
    haul_json_str(&line, z, strlen(z));
    json_t *v = json_loadb(line.p, line.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return v ? v : json_null();
}

void haul_report_notice(haul_report *r, const char *source, haul_issue_id id, const char *detail)
{
    if (json_array_size(r->notices) >= HAUL_REPORT_NOTICES_MAX)
        return;
    json_t *o = json_object();
    json_object_set_new(o, "source", haul_json_from_text(source));
    json_object_set_new(o, "issue", json_string(haul_issue_name(id)));
    json_object_set_new(o, "severity", json_string(haul_severity_name(haul_issue_severity(id))));
    json_object_set_new(o, "detail", haul_json_from_text(detail ? detail : ""));
    json_array_append_new(r->notices, o);
}

static void line_time(haul_str *s, const char *name, bool known, int64_t us, int tz)
{
    char text[HAUL_ISO_LEN];
    if (known && tz)
        haul_iso_format_tz(text, us, tz);
    else if (known)
        haul_iso_format(text, us);
    haul_json_member(s, name, known ? text : NULL);
}

static void line_flags(haul_str *s, unsigned flags)
{
    haul_auto_str text = {0};
    haul_flags_text(flags, &text);
    haul_json_key(s, "flags");
    haul_str_addc(s, '[');
    for (const char *p = haul_strz(&text); *p;) {
        size_t n = strcspn(p, " ");
        haul_json_str(s, p, n);
        p += n;
        if (*p++ != ' ')
            break;
        haul_str_addc(s, ',');
    }
    haul_str_addc(s, ']');
}

static void line_issues(haul_str *s, const haul_msg *m)
{
    haul_json_key(s, "issues");
    haul_str_addc(s, '[');
    for (const haul_issue *i = m->issues; i; i = i->next) {
        if (i != m->issues)
            haul_str_addc(s, ',');
        haul_str_addc(s, '{');
        haul_json_member(s, "id", haul_issue_name(i->id));
        if (*i->detail)
            haul_json_member(s, "detail", i->detail);
        haul_str_addc(s, '}');
    }
    haul_str_addc(s, ']');
}

static void line_result(haul_str *s, const haul_item_line *l)
{
    if (l->has_size)
        haul_json_member_u64(s, "size", l->size);
    else
        haul_json_member(s, "size", NULL);
    char hex[HAUL_SHA256_HEX];
    if (l->sha256)
        haul_hex(hex, l->sha256, HAUL_SHA256_LEN);
    haul_json_member(s, "sha256", l->sha256 ? hex : NULL);
    haul_json_member(s, "status", haul_status_name(l->status));
    haul_json_member(s, "stored_as", l->stored_as);
    if (l->duplicate_of)
        haul_json_member(s, "duplicate_of", l->duplicate_of);
    if (l->reason)
        haul_json_member(s, "reason", l->reason);
}

haul_rc haul_report_item(haul_report *r, const haul_item_line *l, haul_err *e)
{
    const haul_msg *m = l->msg;
    haul_str *s = &r->line;
    if (!r->items_name)
        return HAUL_OK;
    haul_str_clear(s);
    haul_str_addc(s, '{');
    haul_json_member(s, "id", m->id);
    haul_json_member(s, "source", m->source);
    haul_json_member(s, "source_place", m->place);
    haul_json_member(s, "folder", l->folder);
    haul_json_member(s, "kind", haul_kind_name(m->kind));
    haul_json_member(s, "message_id", m->message_id);
    line_time(s, "received", m->set & HAUL_SET_RECEIVED, m->received_us, m->received_tz);
    line_time(s, "sent", m->set & HAUL_SET_SENT, m->sent_us, m->sent_tz);
    line_flags(s, m->flags);
    haul_json_member_list(s, "keywords", m->keywords, m->n_keywords);
    line_result(s, l);
    line_issues(s, m);
    haul_str_addz(s, "}\n");
    return haul_out_write(&r->items.out, s->p, s->len, e);
}

haul_rc haul_report_commit(haul_report *r, haul_err *e)
{
    haul_rc rc = r->items_name ? haul_file_flush(&r->items, e) : HAUL_OK;
    if (rc == HAUL_OK)
        r->committed = r->items.offset;
    for (size_t i = 0; i < r->n_folders; i++)
        r->folders[i]->pending = 0;
    return rc;
}

uint64_t haul_report_roll_back(haul_report *r)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < r->n_folders; i++) {
        haul_folder_count *f = r->folders[i];
        f->by_status[HAUL_STORED] -= f->pending;
        f->by_status[HAUL_FAILED] += f->pending;
        lost += f->pending;
        f->pending = 0;
    }
    if (r->items_name) {
        r->items.used = 0;
        (void)!ftruncate(r->items.fd,
                         (off_t)r->committed); /* the report is told apart by complete: false anyway */
    }
    return lost;
}

static json_t *counts_json(uint64_t found, const uint64_t by_status[HAUL_STATUS_COUNT])
{
    static const char *const names[] = {"stored", "filtered", "duplicate", "failed", "already_stored"};
    json_t *o = json_object();
    json_object_set_new(o, "found", json_integer((json_int_t)found));
    for (size_t i = 0; i < HAUL_STATUS_COUNT; i++)
        json_object_set_new(o, names[i], json_integer((json_int_t)by_status[i]));
    return o;
}

static json_t *folders_json(const haul_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_folders; i++) {
        const haul_folder_count *f = r->folders[i];
        json_t *o = json_object(), *counts = counts_json(f->found, f->by_status);
        json_object_set_new(o, "source", haul_json_from_text(f->source));
        json_object_set_new(o, "path", haul_json_from_text(f->path));
        json_object_set_new(o, "target", haul_json_from_text(f->target));
        json_object_set_new(o, "role",
                            *haul_role_name(f->role) ? json_string(haul_role_name(f->role)) : json_null());
        json_object_update(o, counts);
        json_decref(counts);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *sources_json(const haul_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_sources; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "path", haul_json_from_text(r->sources[i].path));
        json_object_set_new(o, "name", haul_json_from_text(r->sources[i].name));
        json_object_set_new(o, "format", haul_json_from_text(r->sources[i].format));
        source_facts(&r->sources[i], o);
        if (r->sources[i].failure)
            json_object_set_new(o, "error", haul_json_from_text(r->sources[i].failure));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *totals_json(const haul_totals *t)
{
    const uint64_t by_status[] = {t->stored, t->filtered, t->duplicate, t->failed, t->already_stored};
    json_t *o = counts_json(t->found, by_status), *issues = json_object();
    json_object_set_new(o, "damaged", json_integer((json_int_t)t->damaged));
    json_object_set_new(o, "octets", json_integer((json_int_t)t->octets));
    for (size_t i = 0; i < HAUL_ISSUE_COUNT; i++)
        if (t->issues[i])
            json_object_set_new(issues, haul_issue_name((haul_issue_id)i),
                                json_integer((json_int_t)t->issues[i]));
    json_object_set_new(o, "issues", issues);
    return o;
}

json_t *haul_report_json(haul_report *r, const haul_totals *t, const haul_format *to, const char *failure)
{
    char finished[HAUL_ISO_LEN];
    haul_iso_now(finished);
    json_t *o = json_object();
    json_object_set_new(o, "version", json_integer(HAUL_REPORT_VERSION));
    json_object_set_new(o, "tool", json_string("mailhaul " HAUL_VERSION));
    json_object_set_new(o, "command", json_string(r->job->command));
    json_object_set_new(o, "dry_run", json_boolean(r->job->dry_run));
    json_object_set_new(o, "sources", sources_json(r));
    json_object_set_new(o, "target", haul_json_from_text(r->job->target));
    json_object_set_new(o, "target_format", json_string(to->name));
    json_object_set_new(o, "started", json_string(r->started));
    json_object_set_new(o, "finished", json_string(finished));
    json_object_set_new(o, "complete", json_boolean(!failure));
    json_object_set_new(o, "error", haul_json_from_text(failure));
    json_object_set_new(o, "totals", totals_json(t));
    json_object_set_new(o, "folders", folders_json(r));
    json_object_set(o, "notices", r->notices);
    return o;
}

static haul_rc write_to(const char *dir, const char *name, const char *text, haul_err *e)
{
    haul_auto_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_STATE, "%s", dir);
    return haul_write_file(fd, name, text, strlen(text), e);
}

haul_rc haul_report_write(haul_report *r, const json_t *json, const char *state, haul_err *e)
{
    char *dump = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    haul_auto_str text = {0};
    haul_rc rc = HAUL_OK;
    haul_str_addz(&text, dump);
    haul_str_addc(&text, '\n');
    free(dump);
    if (state)
        rc = write_to(state, "report.json", text.p, e);
    if (rc == HAUL_OK && r->job->report) {
        int fd = open(r->job->report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "%s", r->job->report);
        rc = haul_write_all(fd, text.p, text.len, r->job->report, e);
        if (close(fd) != 0 && rc == HAUL_OK)
            rc = haul_fail_sys(e, HAUL_E_TARGET, "%s", r->job->report);
    }
    return rc;
}
