/* Messages of any octets: facts and parties are text on one line; parts come in pairs of begin and end; what is told does not
 * depend on how the octets come in. */
#include "fuzz.h"

#include "mime/facts.h"
#include "mime/parts.h"

typedef struct told {
    haul_out file, text;
    haul_str log; /* what was told, in order */
    haul_str body;
    bool open;
    uint64_t size, hash;
} told;

static void check_line(const char *z)
{
    check(z && !strpbrk(z, "\r\n"));
    check_text(z);
}

static haul_rc file_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    told *t = (told *)((char *)o - offsetof(told, file));
    (void)e;
    check(t->open && n);
    t->size += n;
    for (size_t i = 0; i < n; i++)
        t->hash = (t->hash ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
    return HAUL_OK;
}

static haul_rc text_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((told *)((char *)o - offsetof(told, text)))->body, p, n);
    return HAUL_OK;
}

static haul_rc begin(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e)
{
    told *t = ctx;
    (void)e;
    check(!t->open);
    t->open = true;
    t->size = t->hash = 0;
    check_line(p->path);
    check_line(p->name);
    check_line(p->type);
    check_line(p->content_id);
    check_line(p->disposition);
    haul_str_addf(&t->log, "%s|%s|%s|%s|%s|%d|", p->path, p->name, p->type, p->content_id, p->disposition,
                  p->is_message);
    *ret_to = &t->file;
    return HAUL_OK;
}

static haul_rc end(void *ctx, const haul_part *p, haul_err *e)
{
    told *t = ctx;
    (void)e;
    check(t->open && t->size == p->size);
    t->open = false;
    haul_str_addf(&t->log, "%d|%d|%llu|%llx\n", p->encrypted, p->undecodable, (unsigned long long)p->size,
                  (unsigned long long)t->hash);
    return HAUL_OK;
}

static void read_parts(const char *p, size_t n, size_t piece, told *t)
{
    haul_parts_said said = {0};
    haul_parts_reader to = {begin, end, &t->text, t, &said};
    haul_auto(haul_parts) *r = haul_parts_new(&to);
    *t = (told){.file = {file_write}, .text = {text_write}};
    for (size_t at = 0; at < n; at += piece)
        check(haul_out_write(haul_parts_out(r), p + at, n - at < piece ? n - at : piece, NULL) == HAUL_OK);
    check(haul_parts_finish(r, NULL) == HAUL_OK && !t->open);
    check(!memchr(haul_strz(&t->body), '\0', t->body.len) && !strchr(haul_strz(&t->body), '\r'));
    check_text(t->body.p);
    haul_str_addf(&t->log, "%d%d%d%d%d%d", said.text_cut, said.text_undecodable, said.text_encrypted,
                  said.cut_off, said.too_many, said.no_parts);
}

static void told_done(told *t)
{
    haul_str_done(&t->log);
    haul_str_done(&t->body);
}

static void check_parts(const char *p, size_t n)
{
    static const size_t pieces[] = {1, 7};
    told whole, split;
    read_parts(p, n, n ? n : 1, &whole);
    for (size_t i = 0; i < HAUL_COUNT(pieces); i++) {
        read_parts(p, n, pieces[i], &split);
        check(whole.log.len == split.log.len && memcmp(whole.log.p, split.log.p, whole.log.len) == 0);
        check(whole.body.len == split.body.len &&
              strcmp(haul_strz(&whole.body), haul_strz(&split.body)) == 0);
        told_done(&split);
    }
    told_done(&whole);
}

static bool party(void *ctx, haul_party who, const char *addr)
{
    (void)ctx;
    (void)who;
    check_line(addr);
    check(strchr(addr, '@'));
    return true;
}

static void check_facts(const char *p, size_t n)
{
    haul_arena a = {0};
    haul_facts f;
    haul_facts_read(p, n, &a, &f);
    check_line(f.from);
    check_line(f.to);
    check_line(f.cc);
    check_line(f.bcc);
    check_line(f.subject);
    check_line(f.date_field);
    check_line(f.message_id);
    check_line(f.in_reply_to);
    check_line(f.references);
    check_line(f.conversation_index);
    check_line(f.importance);
    check_line(f.type);
    check(!f.mih[0] || (strlen(f.mih) == HAUL_MIH_LEN - 1 && *f.message_id == '<'));
    haul_facts_parties(p, n, party, NULL);
    haul_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    memcpy(p, data, size);
    check_facts(p, size);
    check_parts(p, size);
    free(p);
    return 0;
}
