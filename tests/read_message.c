/* read_message FILE…: for check_parts.py. What mime/facts.h makes of each message, a JSON object a line. */
#include "mime/facts.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_SHOWN (8u * 1024u * 1024u)

typedef struct digest_out {
    haul_out out;
    haul_sha256 *sha;
    haul_str *text; /* NULL: it is not kept */
} digest_out;

static haul_rc digest_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    digest_out *d = (digest_out *)o;
    (void)e;
    haul_sha256_update(d->sha, p, n);
    if (d->text && d->text->len < TEXT_SHOWN)
        haul_str_add(d->text, p, n);
    return HAUL_OK;
}

static json_t *digest_of(digest_out *d)
{
    uint8_t sha[HAUL_SHA256_LEN];
    char hex[HAUL_SHA256_HEX];
    haul_sha256_final(d->sha, sha);
    haul_hex(hex, sha, sizeof(sha));
    return json_string(hex);
}

typedef struct reading {
    json_t *parts;
    digest_out file;
} reading;

static haul_rc begin(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e)
{
    (void)p;
    (void)e;
    *ret_to = &((reading *)ctx)->file.out;
    return HAUL_OK;
}

static haul_rc end(void *ctx, const haul_part *p, haul_err *e)
{
    reading *r = ctx;
    (void)e;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:o}", "path", p->path, "name",
                          p->name, "type", p->type, "cid", p->content_id, "disposition", p->disposition,
                          "message", p->is_message, "encrypted", p->encrypted, "undecodable", p->undecodable,
                          "size", (json_int_t)p->size, "sha256", digest_of(&r->file));
    if (p->has_created)
        json_object_set_new(o, "created", json_integer(p->created_us));
    if (p->has_modified)
        json_object_set_new(o, "modified", json_integer(p->modified_us));
    return json_array_append_new(r->parts, o) ? HAUL_E_STATE : HAUL_OK;
}

static bool party(void *ctx, haul_party who, const char *addr)
{
    json_array_append_new(ctx, json_pack("[s, s]", who == HAUL_PARTY_SENDER ? "sender" : "recipient", addr));
    return true;
}

static haul_rc spool_file(const char *path, haul_spool *s, haul_err *e)
{
    static char buf[262144];
    haul_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    haul_rc rc = fd < 0 ? haul_fail_sys(e, HAUL_E_SOURCE, "%s", path) : HAUL_OK;
    for (ssize_t n; rc == HAUL_OK && (n = read(fd, buf, sizeof(buf))) > 0;)
        rc = haul_out_write(haul_spool_out(s), buf, (size_t)n, e);
    return rc == HAUL_OK ? haul_spool_freeze(s, e) : rc;
}

static json_t *facts(haul_spool *s)
{
    haul_arena a = {0};
    haul_facts f;
    const char *p = NULL;
    size_t n = 0;
    if (haul_spool_head(s, HAUL_HEAD_MAX, &p, &n, NULL) != HAUL_OK)
        return NULL;
    haul_facts_read(p, n, &a, &f);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "from", f.from,
                          "to", f.to, "cc", f.cc, "bcc", f.bcc, "subject", f.subject, "date_field",
                          f.date_field, "message_id", f.message_id, "in_reply_to", f.in_reply_to,
                          "references", f.references, "conversation_index", f.conversation_index,
                          "importance", f.importance, "type", f.type, "mih", f.mih);
    if (f.has_sent)
        json_object_set_new(o, "sent", json_pack("[I, i]", (json_int_t)f.sent_us, f.sent_tz));
    json_t *parties = json_array();
    haul_facts_parties(p, n, party, parties);
    json_object_set_new(o, "parties", parties);
    haul_arena_done(&a);
    return o;
}

static haul_rc read_message(const char *path, haul_err *e)
{
    haul_auto(haul_spool) *s = haul_spool_new(false);
    haul_auto_str body = {0};
    reading r = {.parts = json_array(), .file = {.out = {digest_write}, .sha = haul_sha256_new()}};
    digest_out text = {.out = {digest_write}, .sha = haul_sha256_new(), .text = &body};
    haul_parts_said said = {0};
    haul_parts_reader to = {.begin = begin, .end = end, .text = &text.out, .ctx = &r, .said = &said};
    haul_rc rc = spool_file(path, s, e);
    json_t *o = rc == HAUL_OK ? facts(s) : NULL;
    if (o)
        rc = haul_parts_read(s, &to, e);
    if (rc == HAUL_OK && o) {
        json_object_set_new(o, "text", json_stringn(haul_strz(&body), body.len));
        json_object_set_new(o, "said",
                            json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "text_cut", said.text_cut,
                                      "text_undecodable", said.text_undecodable, "text_encrypted",
                                      said.text_encrypted, "cut_off", said.cut_off, "too_many", said.too_many,
                                      "no_parts", said.no_parts));
        json_object_set(o, "parts", r.parts);
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(o);
    json_decref(r.parts);
    haul_sha256_free(r.file.sha);
    haul_sha256_free(text.sha);
    return rc;
}

int main(int argc, char **argv)
{
    haul_err e = {0};
    int status = 0;
    for (int i = 1; i < argc; i++)
        if (read_message(argv[i], &e) != HAUL_OK) {
            printf("null\n");
            fprintf(stderr, "%s: %s\n", argv[i], e.text);
            status = 1;
        }
    return status;
}
