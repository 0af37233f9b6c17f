/* What a run writes into the log of a package [hold-20]…[hold-24]: who ran what, what was read and whether it stayed as it was,
 * what became of every item. */
#include "base/json.h"
#include "base/time.h"
#include "io/digest.h"
#include "pipe/run.h"

#include <fcntl.h>
#include <libxml/xmlversion.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ── who, with what ── */

static json_t *libraries(void)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "sqlite", sqlite3_libversion(), "openssl",
                     OpenSSL_version(OPENSSL_VERSION_STRING), "libxml2", LIBXML_DOTTED_VERSION, "jansson",
                     jansson_version_str());
}

static json_t *operator_of(void)
{
    struct utsname host;
    const struct passwd *who = getpwuid(geteuid());
    json_t *o = json_object();
    json_object_set_new(o, "user", haul_json_from_text(who ? who->pw_name : NULL));
    json_object_set_new(o, "uid", json_integer((json_int_t)geteuid()));
    json_object_set_new(o, "host", uname(&host) == 0 ? haul_json_from_text(host.nodename) : json_null());
    return o;
}

static json_t *texts(const char *const *v)
{
    json_t *a = json_array();
    for (; v && *v; v++)
        json_array_append_new(a, haul_json_from_text(*v));
    return a;
}

/* A log whose last word is neither of these belongs to a run that was cut off. */
static bool ended(const char *event)
{
    static const char *const last[] = {"", "run-ended", "sealed", "interrupted"};
    for (size_t i = 0; i < HAUL_COUNT(last); i++)
        if (strcmp(event, last[i]) == 0)
            return true;
    return false;
}

static haul_rc say_resumed(haul_run *r, const char *last, haul_err *e)
{
    json_t *o = json_object();
    json_object_set_new(o, "after", haul_json_from_text(last));
    json_object_set_new(
        o, "detail",
        json_string(ended(last)
                        ? "the run before was stopped"
                        : "the run before was cut off: its events behind the last \"commit\" are not in "
                          "the package, and are done again"));
    return haul_audit_event(r->audit, "resumed", o, e);
}

haul_rc haul_log_open(haul_run *r, haul_err *e)
{
    const haul_job *job = r->job;
    if (!job->audit_dir || job->dry_run)
        return HAUL_OK;
    haul_auto_fd int fd = open(job->audit_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", job->audit_dir);
    haul_rc rc = haul_audit_open(fd, HAUL_AUDIT_FILE, &r->audit, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto_str last = {0};
    haul_str_addz(&last, haul_audit_last_event(r->audit));
    if (strcmp(haul_strz(&last), "interrupted") == 0 || !ended(haul_strz(&last)))
        rc = say_resumed(r, haul_strz(&last), e);
    json_t *o = json_object();
    json_object_set_new(o, "command", haul_json_from_text(job->command));
    json_object_set_new(o, "program", json_string("mailhaul " HAUL_VERSION));
    json_object_set_new(o, "libraries", libraries());
    json_object_set_new(o, "operator", operator_of());
    json_object_set_new(o, "options", texts(job->said));
    json_object_set_new(o, "sources", texts(job->sources));
    json_object_set_new(o, "target", haul_json_from_text(job->target));
    if (rc != HAUL_OK) {
        json_decref(o);
        return rc;
    }
    rc = haul_audit_event(r->audit, "run-started", o, e);
    return rc == HAUL_OK ? haul_audit_commit(r->audit, e) : rc;
}

/* ── sources ── */

static bool on_digested(void *ctx, uint64_t octets)
{
    haul_run *r = ctx;
    const char *before = r->progress.phase;
    (void)octets;
    r->progress.phase = "digesting the source";
    if (r->job->progress)
        r->job->progress(r->job->ctx, &r->progress);
    r->progress.phase = before;
    return r->job->stop && *r->job->stop;
}

static json_t *source_event(const haul_run *r, const char *path, const haul_source_digest *d,
                            const haul_err *why)
{
    char hex[HAUL_SHA256_HEX];
    json_t *o = json_object();
    haul_hex(hex, d->sha256, HAUL_SHA256_LEN);
    json_object_set_new(o, "source", haul_json_from_text(r->source));
    json_object_set_new(o, "path", haul_json_from_text(path));
    if (why) {
        json_object_set_new(o, "error", haul_json_from_text(why->text));
        return o;
    }
    json_object_set_new(o, "type", json_string(d->is_dir ? "directory" : "file"));
    json_object_set_new(o, "files", json_integer((json_int_t)d->files));
    json_object_set_new(o, "size", json_integer((json_int_t)d->octets));
    json_object_set_new(o, "sha256", json_string(hex));
    return o;
}

/* What was read is held against what is there now. A source that could not be digested before is not said to have changed. */
static void compare_source(haul_run *r, const char *path, const haul_source_digest *d, json_t *o)
{
    const haul_source_digest *before = &r->source_before;
    bool same = d->octets == before->octets && d->files == before->files &&
                memcmp(d->sha256, before->sha256, HAUL_SHA256_LEN) == 0;
    if (!r->source_digested)
        return;
    json_object_set_new(o, "unchanged", json_boolean(same));
    if (!same)
        haul_run_notice(r, r->source, HAUL_ISSUE_SOURCE_TOUCHED, path);
    r->totals.damaged += !same;
}

haul_rc haul_log_source(haul_run *r, const char *path, bool closed, haul_err *e)
{
    haul_source_digest d = {0};
    haul_err why = {0};
    if (!r->audit)
        return HAUL_OK;
    haul_rc rc = haul_digest_source(path, on_digested, r, &d, &why);
    if (rc == HAUL_E_INTERRUPTED) {
        if (e)
            *e = why;
        return rc;
    }
    json_t *o = source_event(r, path, &d, rc == HAUL_OK ? NULL : &why);
    if (!closed)
        r->source_digested = rc == HAUL_OK;
    if (rc == HAUL_OK && closed) {
        compare_source(r, path, &d, o);
    } else if (rc == HAUL_OK) {
        r->source_before = d;
        const char *whose = haul_custodian_of(r->job->custodians, path, NULL, NULL);
        haul_report_source_facts(r->report, d.octets, json_string_value(json_object_get(o, "sha256")),
                                 whose ? whose : r->source);
    }
    rc = haul_audit_event(r->audit, closed ? "source-closed" : "source-opened", o, e);
    return rc == HAUL_OK ? haul_audit_commit(r->audit, e) : rc;
}

/* ── items ── */

haul_rc haul_log_item(haul_run *r, const haul_item_line *line, haul_err *e)
{
    char hex[HAUL_SHA256_HEX];
    if (!r->audit)
        return HAUL_OK;
    haul_str *s = &r->log_line;
    haul_str_clear(s);
    haul_str_addc(s, '{');
    haul_json_member(s, "status", haul_status_name(line->status));
    haul_json_member(s, "id", line->msg->id);
    haul_json_member(s, "source", line->msg->source);
    haul_json_member(s, "folder", line->folder);
    haul_json_member(s, "place", line->msg->place);
    if (line->sha256) {
        haul_hex(hex, line->sha256, HAUL_SHA256_LEN);
        haul_json_member(s, "sha256", hex);
    }
    if (line->stored_as)
        haul_json_member(s, "stored_as", line->stored_as);
    if (line->duplicate_of)
        haul_json_member(s, "duplicate_of", line->duplicate_of);
    if (line->reason)
        haul_json_member(s, "reason", line->reason);
    return haul_audit_event_text(r->audit, "item", s->p + 1, e);
}

haul_rc haul_log_commit(haul_run *r, uint64_t items, haul_err *e)
{
    if (!r->audit)
        return HAUL_OK;
    json_t *o = json_object();
    json_object_set_new(o, "items", json_integer((json_int_t)items));
    json_object_set_new(o, "stored", json_integer((json_int_t)r->totals.stored));
    haul_rc rc = haul_audit_event(r->audit, "commit", o, e);
    return rc == HAUL_OK ? haul_audit_commit(r->audit, e) : rc;
}

haul_rc haul_log_end(haul_run *r, haul_rc rc, const haul_err *why, haul_err *e)
{
    const haul_totals *t = &r->totals;
    if (!r->audit)
        return HAUL_OK;
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "found", (json_int_t)t->found, "stored",
                          (json_int_t)t->stored, "filtered", (json_int_t)t->filtered, "duplicate",
                          (json_int_t)t->duplicate, "failed", (json_int_t)t->failed, "already_stored",
                          (json_int_t)t->already_stored);
    if (rc != HAUL_OK)
        json_object_set_new(o, "error", haul_json_from_text(why ? why->text : ""));
    haul_rc done = haul_audit_event(r->audit, rc == HAUL_E_INTERRUPTED ? "interrupted" : "run-ended", o, e);
    return done == HAUL_OK ? haul_audit_commit(r->audit, e) : done;
}
