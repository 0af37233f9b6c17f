#include "model/msg.h"

#include "base/err.h"
#include "base/utf.h"
#include "model/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

haul_msg *haul_msg_new(void)
{
    haul_msg *m = haul_calloc(1, sizeof(*m));
    m->refs = 1;
    m->issues_tail = &m->issues;
    return m;
}

haul_msg *haul_msg_ref(haul_msg *m)
{
    m->refs++;
    return m;
}

void haul_msg_unref(haul_msg *m)
{
    if (!m || --m->refs)
        return;
    haul_spool_free(m->body);
    haul_arena_done(&m->arena);
    free(m);
}

static void set_stored(haul_msg *m)
{
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    m->stored_size = f->size + f->lf;
    memcpy(m->stored_sha256, f->sha256, HAUL_SHA256_LEN);
}

haul_rc haul_msg_freeze(haul_msg *m, haul_err *e)
{
    haul_rc rc = haul_spool_freeze(m->body, e);
    if (rc != HAUL_OK)
        return rc;
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    m->size = f->size;
    memcpy(m->sha256, f->sha256, HAUL_SHA256_LEN);
    set_stored(m);
    m->set |= HAUL_SET_SIZE | HAUL_SET_BODY;
    return HAUL_OK;
}

void haul_msg_repaired(haul_msg *m, haul_spool *fixed)
{
    haul_spool_free(m->body);
    m->body = fixed;
    set_stored(m);
    m->set |= HAUL_SET_REPAIRED;
}

void haul_msg_reset(haul_msg *m)
{
    haul_arena arena = m->arena;
    haul_spool *body = m->body;
    haul_arena_reset(&arena);
    if (body)
        haul_spool_reset(body);
    *m = (haul_msg){.refs = m->refs, .arena = arena, .body = body, .folder = HAUL_FOLDER_NONE};
    m->issues_tail = &m->issues;
}

/* A text of size octets that was cut by vsnprintf: without the beginning of a character at its end. */
static void trim_cut(char *text, size_t size)
{
    size_t len = size - 1, at = len;
    while (at > 0 && at > len - 4 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at > 0 && (unsigned char)text[at - 1] >= 0xC0 && !haul_utf8_next(text + at - 1, len - at + 1, NULL))
        text[at - 1] = '\0';
}

void haul_msg_issue(haul_msg *m, haul_issue_id id, const char *fmt, ...)
{
    unsigned same = 0;
    for (const haul_issue *i = m->issues; i; i = i->next)
        same += i->id == id;
    if (same >= HAUL_ISSUES_EACH)
        return;
    char text[HAUL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) >= (int)sizeof(text))
        trim_cut(text, sizeof(text));
    va_end(ap);
    if (same == HAUL_ISSUES_EACH - 1)
        snprintf(text, sizeof(text), "and more of the same, not listed");
    haul_issue *i = haul_arena_alloc(&m->arena, sizeof(*i));
    *i = (haul_issue){.id = id, .detail = haul_arena_str(&m->arena, text)};
    *m->issues_tail = i;
    m->issues_tail = &i->next;
}

bool haul_msg_has_issue(const haul_msg *m, haul_issue_id id)
{
    for (const haul_issue *i = m->issues; i; i = i->next)
        if (i->id == id)
            return true;
    return false;
}

static const char *clean_copy(haul_msg *m, const char *p, size_t n)
{
    if (haul_utf8_valid(p, n) && !memchr(p, 0, n))
        return haul_arena_strn(&m->arena, p, n);
    haul_auto_str clean = {0};
    haul_utf8_clean(&clean, p, n, true);
    return haul_arena_strn(&m->arena, clean.p, clean.len);
}

bool haul_msg_keyword(haul_msg *m, const char *p, size_t n)
{
    if (!n)
        return true;
    const char *name = clean_copy(m, p, n);
    for (size_t i = 0; i < m->n_keywords; i++)
        if (strcmp(m->keywords[i], name) == 0)
            return true;
    if (m->n_keywords == HAUL_KEYWORDS_MAX) {
        haul_msg_issue(m, HAUL_ISSUE_KEYWORD_NOT_HELD, "more than %u keywords: %s", HAUL_KEYWORDS_MAX, name);
        return false;
    }
    if ((m->n_keywords & (m->n_keywords - 1)) == 0) { /* full at every power of two */
        size_t cap = m->n_keywords ? m->n_keywords * 2 : 1;
        const char **v = haul_arena_alloc(&m->arena, cap * sizeof(*v));
        for (size_t i = 0; i < m->n_keywords; i++)
            v[i] = m->keywords[i];
        m->keywords = v;
    }
    m->keywords[m->n_keywords++] = name;
    return true;
}

void haul_msg_received(haul_msg *m, int64_t us, int tz_min)
{
    m->received_us = us;
    m->received_tz = (int16_t)tz_min;
    m->set |= HAUL_SET_RECEIVED;
}

int64_t haul_msg_time(const haul_msg *m)
{
    if (m->set & HAUL_SET_RECEIVED)
        return m->received_us;
    return m->set & HAUL_SET_SENT ? m->sent_us : 0;
}

const char *haul_kind_name(haul_kind k)
{
    static const char *const names[] = {
#define X(id, name) name,
        HAUL_KIND_LIST(X)
#undef X
    };
    return (size_t)k < HAUL_KIND_COUNT ? names[k] : "mail";
}

static const struct flag_row {
    unsigned bit;
    const char *name;
} flag_rows[] = {
#define X(id, bit, name) {bit, name},
    HAUL_FLAG_LIST(X)
#undef X
};

/* The first name of each flag is what we write. */
static const struct flag_row keyword_rows[] = {
    {HAUL_FLAG_FORWARDED, "$Forwarded"}, {HAUL_FLAG_JUNK, "$Junk"},       {HAUL_FLAG_NOTJUNK, "$NotJunk"},
    {HAUL_FLAG_MDNSENT, "$MDNSent"},     {HAUL_FLAG_JUNK, "Junk"},        {HAUL_FLAG_NOTJUNK, "NonJunk"},
    {HAUL_FLAG_NOTJUNK, "NotJunk"},      {HAUL_FLAG_NOTJUNK, "$NonJunk"}, {HAUL_FLAG_FORWARDED, "Forwarded"},
    {HAUL_FLAG_MDNSENT, "MDNSent"},
};

void haul_flags_text(unsigned flags, haul_str *to)
{
    const char *blank = "";
    for (size_t i = 0; i < HAUL_COUNT(flag_rows); i++)
        if (flags & flag_rows[i].bit) {
            haul_str_addz(to, blank);
            haul_str_addz(to, flag_rows[i].name);
            blank = " ";
        }
}

unsigned haul_flag_of_keyword(const char *p, size_t n)
{
    for (size_t i = 0; i < HAUL_COUNT(keyword_rows); i++)
        if (haul_span_is((haul_span){p, n}, keyword_rows[i].name))
            return keyword_rows[i].bit;
    return 0;
}

const char *haul_flag_keyword(unsigned flag)
{
    for (size_t i = 0; i < HAUL_COUNT(keyword_rows); i++)
        if (keyword_rows[i].bit == flag)
            return keyword_rows[i].name;
    return NULL;
}

unsigned haul_flag_find(const char *p, size_t n)
{
    for (size_t i = 0; i < HAUL_COUNT(flag_rows); i++)
        if (haul_span_is((haul_span){p, n}, flag_rows[i].name))
            return flag_rows[i].bit;
    return 0;
}
