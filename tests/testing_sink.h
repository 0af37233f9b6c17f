/* Driving a sink by hand: one message at a time, receipts and issues kept as text. */
#ifndef HAUL_TESTING_SINK_H
#define HAUL_TESTING_SINK_H

#include "base/err.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sink_test {
    haul_sink sink;
    haul_str log; /* "stored PLACE" and "issue NAME DETAIL" lines */
    haul_tokens *tokens;
    unsigned serial;
} sink_test;

static void sink_test_receipt(void *ctx, const haul_msg *m, const char *place, haul_rc rc,
                              const haul_err *why)
{
    sink_test *t = ctx;
    (void)m;
    haul_str_addf(&t->log, "%s %s\n", rc == HAUL_OK ? "stored" : why->text, place);
}

static void sink_test_issue(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail)
{
    sink_test *t = ctx;
    (void)m;
    haul_str_addf(&t->log, "issue %s %s\n", haul_issue_name(id), detail);
}

HAUL_UNUSED static haul_rc sink_test_open(sink_test *t, const haul_sink_ops *ops, const haul_values *v,
                                          const char *target, const haul_tokens *resume)
{
    *t = (sink_test){.tokens = haul_tokens_new()};
    t->sink = (haul_sink){
        .ops = ops, .values = v, .receipt = sink_test_receipt, .issue = sink_test_issue, .ctx = t};
    t->sink.state = haul_calloc(1, ops->state_size);
    return ops->open(&t->sink, target, resume, NULL);
}

HAUL_UNUSED static haul_rc sink_test_folder(sink_test *t, uint32_t id, const char *path)
{
    const char *parts[HAUL_FOLDER_DEPTH_MAX];
    haul_path p = {.parts = parts, .text = path};
    haul_arena a = {0};
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        parts[p.n++] = haul_arena_strn(&a, at, n);
        at += n + (at[n] == '/');
    }
    haul_rc rc = t->sink.ops->folder(&t->sink, id, &p, NULL);
    haul_arena_done(&a);
    return rc;
}

/* A message with the given octets and time; fill in flags and keywords, then store it. */
HAUL_UNUSED static haul_msg *sink_test_message(sink_test *t, const char *octets, int64_t us)
{
    haul_msg *m = haul_msg_new();
    m->body = haul_spool_new(true);
    if (haul_out_write(haul_spool_out(m->body), octets, strlen(octets), NULL) != HAUL_OK ||
        haul_spool_freeze(m->body, NULL) != HAUL_OK)
        abort();
    snprintf(m->id, sizeof(m->id), "%08x0123456789abcdef01234567", t->serial++);
    m->size = strlen(octets);
    m->set |= HAUL_SET_BODY;
    if (us)
        haul_msg_received(m, us, 0);
    return m;
}

HAUL_UNUSED static haul_rc sink_test_store(sink_test *t, uint32_t folder, haul_msg *m)
{
    haul_rc rc = t->sink.ops->message(&t->sink, folder, m, NULL);
    haul_msg_unref(m);
    return rc;
}

HAUL_UNUSED static haul_rc sink_test_commit(sink_test *t)
{
    return t->sink.ops->commit(&t->sink, t->tokens, NULL);
}

HAUL_UNUSED static void sink_test_close(sink_test *t)
{
    t->sink.ops->close(&t->sink);
    free(t->sink.state);
    haul_tokens_free(t->tokens);
    haul_str_done(&t->log);
}

#endif
