#include "pipe/select.h"

#include "mime/facts.h"
#include "mime/header.h"
#include "pipe/report.h"
#include "pipe/terms.h"

#include <stdlib.h>
#include <string.h>

struct haul_select {
    const haul_filter *f;
    haul_search *search; /* NULL: no key words */
    bool unsearched;     /* a part of this item cannot be looked into */
};

/* ── people ── */

static bool is_domain(const char *z, bool dotted)
{
    for (const char *p = z; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '@' || *p == ',' || *p == ';' || *p == '<' || *p == '>')
            return false;
    return *z && *z != '.' && (!dotted || strchr(z, '.'));
}

bool haul_party_ok(const char *who)
{
    const char *at = strrchr(who, '@');
    if (!at || at == who)
        return is_domain(at ? at + 1 : who, !at);
    for (const char *p = who; p < at; p++)
        if ((unsigned char)*p <= ' ' || *p == '<' || *p == ',')
            return false;
    return at[1] && !strpbrk(at, " ,;<>");
}

bool haul_party_is(const char *who, const char *addr)
{
    const char *domain = strrchr(addr, '@'), *at = strrchr(who, '@');
    if (at && at != who)
        return haul_icmp(who, addr) == 0;
    who += at != NULL;
    size_t n = domain ? strlen(++domain) : 0, len = strlen(who);
    if (n < len || haul_icmp(domain + n - len, who) != 0)
        return false;
    return n == len || domain[n - len - 1] == '.';
}

typedef struct people {
    const char *const *wanted;
    bool found;
} people;

static bool see_party(void *ctx, haul_party role, const char *addr)
{
    people *p = ctx;
    (void)role;
    for (const char *const *w = p->wanted; *w && !p->found; w++)
        p->found = haul_party_is(*w, addr);
    return !p->found;
}

/* "Resent-To: …" is read as "To: …". */
static void see_resent(const char *head, size_t n, people *p)
{
    static const char *const names[] = {"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
                                        "Resent-Bcc"};
    haul_field f;
    for (size_t pos = 0; !p->found && haul_header_next(head, n, &pos, &f);)
        for (size_t i = 0; i < HAUL_COUNT(names); i++) {
            haul_auto_str plain = {0};
            if (!haul_span_is(f.name, names[i]))
                continue;
            haul_str_addz(&plain, "To:");
            haul_str_add(&plain, f.value.p, f.value.len);
            haul_str_addz(&plain, "\n\n");
            haul_facts_parties(plain.p, plain.len, see_party, p);
        }
}

static haul_rc has_party(const haul_select *s, haul_msg *m, bool *ret, haul_err *e)
{
    const char *head;
    size_t n;
    people p = {.wanted = s->f->parties};
    haul_rc rc = haul_spool_head(m->body, HAUL_HEAD_MAX, &head, &n, e);
    size_t len = rc == HAUL_OK ? haul_header_length(head, n) : 0;
    if (rc == HAUL_OK)
        haul_facts_parties(head, n, see_party, &p);
    if (rc == HAUL_OK)
        see_resent(head, len ? len : n, &p);
    *ret = p.found;
    return rc;
}

/* ── key words ── */

static haul_rc search_text(haul_select *s, const char *text, haul_err *e)
{
    haul_rc rc = haul_out_write(haul_search_out(s->search), text, strlen(text), e);
    haul_search_break(s->search);
    return rc;
}

/* The body text may go on behind this part: its name waits for the end. */
typedef struct names {
    haul_select *s;
    haul_arena arena;
    const char **v;
    size_t n, cap;
} names;

static haul_rc see_part(void *ctx, const haul_part *p, haul_err *e)
{
    names *k = ctx;
    (void)e;
    k->s->unsearched |= p->encrypted;
    if (!*p->name)
        return HAUL_OK;
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 16;
        k->v = haul_realloc(k->v, k->cap * sizeof(*k->v));
    }
    k->v[k->n++] = haul_arena_str(&k->arena, p->name);
    return HAUL_OK;
}

static haul_rc search_subject(haul_select *s, haul_msg *m, haul_err *e)
{
    const char *head;
    size_t n, pos = 0;
    haul_field f;
    haul_rc rc = haul_spool_head(m->body, HAUL_HEAD_MAX, &head, &n, e);
    size_t len = rc == HAUL_OK ? haul_header_length(head, n) : 0;
    while (rc == HAUL_OK && haul_header_next(head, len ? len : n, &pos, &f)) {
        haul_auto_str text = {0};
        if (!haul_span_is(f.name, "Subject"))
            continue;
        haul_header_decode(f.value, &text);
        rc = search_text(s, haul_strz(&text), e);
    }
    return rc;
}

static haul_rc search_parts(haul_select *s, haul_msg *m, haul_err *e)
{
    haul_err why = {0};
    names k = {.s = s};
    haul_parts_said said = {0};
    haul_parts_reader to = {.end = see_part, .text = haul_search_out(s->search), .ctx = &k, .said = &said};
    haul_rc rc = haul_parts_read(m->body, &to, &why);
    haul_search_break(s->search);
    s->unsearched |= said.text_cut || said.text_undecodable || said.text_encrypted || said.too_many;
    if (rc == HAUL_SKIP) {
        s->unsearched = true;
        rc = HAUL_OK;
    } else if (rc != HAUL_OK && e) {
        *e = why;
    }
    for (size_t i = 0; i < k.n && rc == HAUL_OK; i++)
        rc = search_text(s, k.v[i], e);
    haul_arena_done(&k.arena);
    free(k.v);
    return rc;
}

static haul_rc has_term(haul_select *s, haul_msg *m, bool *ret, haul_err *e)
{
    s->unsearched = false;
    haul_rc rc = search_subject(s, m, e);
    if (rc == HAUL_OK)
        rc = search_parts(s, m, e);
    *ret = haul_search_end(s->search, rc == HAUL_OK);
    if (rc == HAUL_OK && !*ret && s->unsearched)
        haul_msg_issue(m, HAUL_ISSUE_SELECT_UNSEARCHED, "%s", "");
    return rc;
}

/* ── the filter ── */

haul_select *haul_select_new(const haul_filter *f)
{
    if (!(f->parties && *f->parties) && !f->terms)
        return NULL;
    haul_select *s = haul_calloc(1, sizeof(*s));
    s->f = f;
    s->search = f->terms ? haul_search_new(f->terms) : NULL;
    return s;
}

void haul_select_free(haul_select *s)
{
    if (!s)
        return;
    haul_search_free(s->search);
    free(s);
}

haul_rc haul_select_message(haul_select *s, haul_msg *m, const char **ret_reason, haul_err *e)
{
    bool taken = true;
    haul_rc rc = HAUL_OK;
    *ret_reason = NULL;
    if (s && s->f->parties && *s->f->parties) {
        rc = has_party(s, m, &taken, e);
        *ret_reason = taken ? NULL : "party";
    }
    if (s && s->search && rc == HAUL_OK && taken) {
        rc = has_term(s, m, &taken, e);
        *ret_reason = taken ? NULL : "term";
    }
    return rc;
}

bool haul_select_counts(const haul_select *s)
{
    return s && s->search;
}

void haul_select_report(const haul_select *s, json_t *report)
{
    if (!haul_select_counts(s))
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < haul_terms_count(s->f->terms); i++) {
        json_t *o = json_object();
        json_object_set_new(o, "term", haul_json_from_text(haul_terms_text(s->f->terms, i)));
        json_object_set_new(o, "items", json_integer((json_int_t)haul_search_items(s->search, i)));
        json_object_set_new(o, "hits", json_integer((json_int_t)haul_search_hits(s->search, i)));
        json_array_append_new(list, o);
    }
    json_object_set_new(report, "terms", list);
}
