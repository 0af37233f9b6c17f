/* outlook_message [--original|--plain|--rebuilt] FILE…: for check_outlook.py. Each message through an Outlook item and back: a line of JSON (what the
 * model was given and what came back), then so many octets of the message that was built. */
#include "mime/build.h"
#include "mime/header.h"
#include "mime/outlook.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static haul_rc spool_file(const char *path, haul_spool *s, haul_err *e)
{
    static char buf[262144];
    haul_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    haul_rc rc = fd < 0 ? haul_fail_sys(e, HAUL_E_SOURCE, "%s", path) : HAUL_OK;
    for (ssize_t n; rc == HAUL_OK && (n = read(fd, buf, sizeof(buf))) > 0;)
        rc = haul_out_write(haul_spool_out(s), buf, (size_t)n, e);
    return rc;
}

static void on_issue(void *ctx, haul_issue_id id, const char *detail)
{
    json_array_append_new(ctx, json_sprintf("%s: %s", haul_issue_name(id), detail));
}

static json_t *model(const haul_msg *m)
{
    json_t *o = json_object(), *keywords = json_array();
    haul_auto_str flags = {0};
    haul_flags_text(m->flags, &flags);
    for (size_t i = 0; i < m->n_keywords; i++)
        json_array_append_new(keywords, json_string(m->keywords[i]));
    json_object_set_new(o, "flags", json_string(haul_strz(&flags)));
    json_object_set_new(o, "keywords", keywords);
    json_object_set_new(o, "kind", json_string(haul_kind_name(m->kind)));
    if (m->set & HAUL_SET_RECEIVED)
        json_object_set_new(o, "received", json_pack("[I, i]", (json_int_t)m->received_us, m->received_tz));
    if (m->set & HAUL_SET_SENT)
        json_object_set_new(o, "sent", json_pack("[I, i]", (json_int_t)m->sent_us, m->sent_tz));
    if (m->message_id)
        json_object_set_new(o, "message_id", json_string(m->message_id));
    return o;
}

/* Flags and times that differ from message to message, so that all of them are seen. */
static void invent(haul_msg *m, int i)
{
    m->flags = (unsigned)(i * 37) & HAUL_FLAG_ALL;
    m->set |= HAUL_SET_FLAGS;
    if (i % 3 == 0)
        haul_msg_keyword(m, "Wichtig für Ada", strlen("Wichtig für Ada"));
    if (i % 5 == 0)
        haul_msg_keyword(m, "a,b", 3);
    if (i % 4 == 0)
        haul_msg_received(m, (INT64_C(1700000000) + i) * 1000000 + i, i % 8 ? 90 : -300);
}

static json_t *issues_of(const haul_msg *m)
{
    json_t *v = json_array();
    for (const haul_issue *i = m->issues; i; i = i->next)
        json_array_append_new(v, json_sprintf("%s: %s", haul_issue_name(i->id), i->detail));
    return v;
}

static haul_rc back(haul_mapi *o, json_t *line, haul_spool *to, haul_err *e)
{
    haul_msg *m = haul_msg_new();
    haul_mapi_fill(m, o);
    haul_rc rc = haul_mapi_build(o, m, NULL, haul_spool_out(to), e);
    haul_arena a = {0};
    const char *class = haul_bag_str(&o->props, 0x001a, &a);
    json_object_set_new(line, "class", json_string(class ? class : ""));
    json_object_set_new(line, "recipients", json_integer((json_int_t)o->n_recipients));
    json_object_set_new(line, "attachments", json_integer((json_int_t)o->n_attachments));
    json_object_set_new(line, "got", model(m));
    json_object_set_new(line, "back", issues_of(m));
    haul_arena_done(&a);
    haul_msg_unref(m);
    return rc == HAUL_OK ? haul_spool_freeze(to, e) : rc;
}

typedef struct standard {
    haul_out out;
} standard;

static haul_rc standard_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o;
    return fwrite(p, 1, n, stdout) == n ? HAUL_OK : haul_fail(e, HAUL_E_TARGET, "stdout");
}

/* As if somebody had saved the item: what it holds besides its properties no longer counts. */
static void touch(haul_mapi *o)
{
    for (size_t i = 0; i < o->props.n; i++)
        if (o->props.v[i].set == HAUL_PSET_MAILHAUL && strcmp(o->props.v[i].name, "Unchanged") == 0)
            o->props.v[i].name = "touched";
}

static haul_rc one(const char *path, int i, const char *option, haul_err *e)
{
    haul_msg *m = haul_msg_new();
    haul_auto(haul_mapi) *o = NULL;
    haul_auto(haul_spool) *built = haul_spool_new(false);
    json_t *line = json_object(), *issues = json_array();
    const char *p = NULL;
    size_t n = 0;
    const haul_outlook_options opt = {strcmp(option, "--original") == 0, on_issue, issues};
    if (!m->body)
        m->body = haul_spool_new(true);
    haul_rc rc = spool_file(path, m->body, e);
    if (rc == HAUL_OK)
        rc = haul_msg_freeze(m, e);
    if (rc == HAUL_OK)
        rc = haul_spool_head(m->body, HAUL_HEAD_MAX, &p, &n, e);
    if (rc == HAUL_OK) {
        haul_header_fill(m, p, n, true);
        if (strcmp(option, "--plain") != 0 && strcmp(option, "--rebuilt") != 0)
            invent(m, i);
        rc = haul_outlook_open(m, &opt, &o, e);
    }
    if (rc == HAUL_OK && strcmp(option, "--rebuilt") == 0)
        touch(o);
    if (rc == HAUL_OK)
        rc = back(o, line, built, e);
    if (rc == HAUL_OK) {
        json_object_set_new(line, "gave", model(m));
        json_object_set(line, "issues", issues);
        json_object_set_new(line, "octets", json_integer((json_int_t)haul_spool_get_facts(built)->size));
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
        standard to = {{standard_write}};
        rc = haul_spool_copy(built, HAUL_EOL_KEEP, &to.out, e);
    }
    json_decref(line);
    json_decref(issues);
    haul_mapi_free(o);
    o = NULL;
    haul_msg_unref(m);
    return rc;
}

int main(int argc, char **argv)
{
    haul_err e = {0};
    int from = argc > 1 && strncmp(argv[1], "--", 2) == 0 ? 2 : 1;
    for (int i = from; i < argc; i++)
        if (one(argv[i], i - from, from == 2 ? argv[1] : "", &e) != HAUL_OK) {
            fprintf(stderr, "%s: %s\n", argv[i], e.text);
            return 1;
        }
    return 0;
}
