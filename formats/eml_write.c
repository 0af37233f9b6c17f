/* Writing EML trees: one directory a folder, one file a message [eml-13]… */
#include "eml.h"

#include "base/time.h"
#include "io/atomic.h"
#include "mime/header.h"
#include "mime/status.h"
#include "model/deliver.h"
#include "model/dirs.h"

#include <stdlib.h>
#include <string.h>

typedef struct eml_sink {
    bool ready; /* the descriptors below mean something */
    int root;
    haul_eol eol;
    haul_dirs dirs;
    haul_dirs_kept kept;
    haul_str name, tmp, place;
} eml_sink;

static const haul_naming *eml_naming(const haul_values *values)
{
    (void)values;
    return &haul_eml_naming;
}

static haul_rc eml_open(haul_sink *sink, const char *target, const haul_tokens *resume, haul_err *e)
{
    static const haul_eol eols[] = {HAUL_EOL_KEEP, HAUL_EOL_CRLF, HAUL_EOL_LF};
    eml_sink *s = sink->state;
    (void)resume; /* names depend on the message alone: what comes again is written over */
    s->ready = true;
    s->root = -1;
    haul_dirs_keep(&s->kept, -1);
    s->eol = eols[haul_values_choice(sink->values, &haul_eml_options[0])];
    haul_rc rc = haul_deliver_open(target, &s->root, e);
    s->kept.root = s->root;
    return rc;
}

static haul_rc eml_folder(haul_sink *sink, uint32_t id, const haul_path *path, haul_err *e)
{
    eml_sink *s = sink->state;
    haul_auto_fd int fd = -1;
    bool is_new = false;
    haul_rc rc = haul_dirs_add(&s->dirs, id, path->text, &is_new, e);
    if (rc != HAUL_OK || !is_new)
        return rc;
    rc = haul_dir_make(s->root, path->text, &fd, e);
    if (rc == HAUL_OK)
        haul_deliver_clean(fd, HAUL_EML_TMP);
    return rc;
}

/* "20250523T163553Z-0123456789abcdef-subject.eml": the same in every run [eml-15]. */
static void file_name(const haul_msg *m, haul_str *to)
{
    int64_t us = haul_msg_time(m), seconds = us / HAUL_US - (us % HAUL_US < 0);
    haul_civil c = {0};
    if (m->set & (HAUL_SET_RECEIVED | HAUL_SET_SENT))
        haul_civil_from(seconds, &c);
    haul_str_clear(to);
    haul_str_addf(to, "%04d%02d%02dT%02d%02d%02dZ-%.16s-", c.year, c.month, c.day, c.hour, c.minute, c.second,
                  m->id);
    size_t before = to->len;
    haul_eml_slug(m->subject, to);
    if (to->len == before)
        to->len--; /* no subject: no dash either */
    haul_str_addz(to, ".eml");
}

static bool has_keyword(const haul_status *st, const char *keyword)
{
    const char *p = haul_strz(&st->keywords);
    for (size_t i = 0; i < st->n_keywords; i++, p += strlen(p) + 1)
        if (strcmp(p, keyword) == 0)
            return true;
    p = haul_strz(&st->labels);
    for (size_t i = 0; i < st->n_labels; i++, p += strlen(p) + 1)
        if (strcmp(p, keyword) == 0)
            return true;
    return false;
}

static void report_lost(haul_sink *sink, const haul_msg *m, const char *p, size_t n)
{
    haul_status st = {0};
    haul_auto_str lost = {0}, wrong = {0}, keywords = {0};
    haul_status_parse(p, n, &st);
    haul_flags_text(m->flags & ~st.flags, &lost);
    haul_flags_text(st.flags & ~m->flags, &wrong);
    for (size_t i = 0; i < m->n_keywords; i++)
        if (!has_keyword(&st, m->keywords[i]))
            haul_str_addf(&keywords, "%s%s", keywords.len ? ", " : "", m->keywords[i]);
    if (lost.len)
        haul_sink_issue(sink, m, HAUL_ISSUE_TARGET_FLAGS_NOT_HELD, "%s", lost.p);
    if (wrong.len)
        haul_sink_issue(sink, m, HAUL_ISSUE_TARGET_FLAGS_NOT_HELD, "older headers of the message say: %s",
                        wrong.p);
    if (keywords.len)
        haul_sink_issue(sink, m, HAUL_ISSUE_KEYWORD_NOT_HELD, "%s", keywords.p);
    haul_status_done(&st);
}

/* An EML file holds flags only where the message's own headers say them; nothing is rewritten for it [eml-17]. */
static haul_rc check_flags(haul_sink *sink, const haul_msg *m, haul_err *e)
{
    const char *p;
    size_t n;
    haul_rc rc = haul_spool_head(m->body, HAUL_HEAD_MAX, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    size_t len = haul_header_length(p, n);
    if (!haul_status_agrees(p, len ? len : n, m))
        report_lost(sink, m, p, len ? len : n);
    return HAUL_OK;
}

static haul_rc eml_message(haul_sink *sink, uint32_t id, const haul_msg *m, haul_err *e)
{
    eml_sink *s = sink->state;
    int dir;
    const char *path = NULL;
    haul_rc rc = haul_dirs_path(&s->dirs, id, &path, e);
    if (rc == HAUL_OK)
        rc = haul_dirs_get(&s->kept, &s->dirs, id, &dir, e);
    if (rc == HAUL_OK)
        rc = check_flags(sink, m, e);
    if (rc != HAUL_OK)
        return rc;
    file_name(m, &s->name);
    haul_str_clear(&s->tmp);
    haul_str_addf(&s->tmp, HAUL_EML_TMP "%s", m->id);
    haul_delivery d = {.tmp_dir = dir, .tmp = s->tmp.p, .dir = dir, .name = s->name.p, .eol = s->eol};
    rc = haul_deliver(sink, m, &d, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_clear(&s->place);
    haul_str_addf(&s->place, "%s/%s", path, s->name.p);
    haul_sink_receipt(sink, m, s->place.p, HAUL_OK, NULL);
    return HAUL_OK;
}

static haul_rc eml_commit(haul_sink *sink, haul_tokens *ret, haul_err *e)
{
    eml_sink *s = sink->state;
    haul_tokens_put(ret, "eol", haul_values_get(sink->values, &haul_eml_options[0]));
    return haul_sync_fs(s->root, e);
}

static haul_rc eml_finish(haul_sink *sink, haul_err *e)
{
    (void)sink;
    (void)e;
    return HAUL_OK;
}

static void eml_close(haul_sink *sink)
{
    eml_sink *s = sink->state;
    if (!s->ready)
        return;
    haul_dirs_close(&s->kept);
    haul_dirs_done(&s->dirs);
    haul_str_done(&s->name);
    haul_str_done(&s->tmp);
    haul_str_done(&s->place);
    haul_fd_autoclose(&s->root);
}

const haul_sink_ops haul_eml_sink = {
    .state_size = sizeof(eml_sink),
    .naming = eml_naming,
    .open = eml_open,
    .folder = eml_folder,
    .message = eml_message,
    .commit = eml_commit,
    .finish = eml_finish,
    .close = eml_close,
};
