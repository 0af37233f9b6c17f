#include "imap/wire.h"

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 64u /* lists in lists */

/* ── replies ── */

/* "… {123}" or "… ~{123}" at the end of a line: a literal follows. False: it is none. */
static bool ends_in_literal(const char *p, size_t n, uint64_t *ret_size)
{
    if (n < 3 || p[n - 1] != '}')
        return false;
    size_t at = n - 1;
    while (at > 0 && haul_is_digit((unsigned char)p[at - 1]))
        at--;
    return at > 0 && at < n - 1 && p[at - 1] == '{' && haul_parse_u64(p + at, n - 1 - at, ret_size);
}

static bool is_body(const char *p, size_t n)
{
    const char *brace = p + n;
    while (brace > p && *--brace != '{')
        ;
    size_t len = (size_t)(brace - p);
    return len >= 7 && strncasecmp(p + len - 7, "BODY[] ", 7) == 0;
}

/* A line of the reply is complete: either a literal follows, or the reply is done. */
static haul_rc line_end(haul_imap_reader *r, bool *ret_done, haul_err *e)
{
    haul_str *l = &r->line;
    l->len -= l->len && l->p[l->len - 1] == '\n';
    l->len -= l->len && l->p[l->len - 1] == '\r';
    if (!ends_in_literal(haul_strz(l), l->len, &r->literal)) {
        haul_str_add(l, "", 0);
        *ret_done = true;
        return HAUL_OK;
    }
    r->streaming = r->body && !r->has_body && is_body(l->p, l->len);
    if (r->streaming) {
        while (l->p[l->len - 1] != '{')
            l->len--;
        haul_str_addz(l, "0}\r\n");
        r->has_body = true;
        return HAUL_OK;
    }
    haul_str_addz(l, "\r\n");
    if (r->literal > HAUL_IMAP_LITERAL_MAX || l->len + r->literal > HAUL_IMAP_LINE_MAX)
        return haul_fail(e, HAUL_E_NETWORK,
                         "the server sent a literal of %llu octets where a name was expected",
                         (unsigned long long)r->literal);
    return HAUL_OK;
}

static haul_rc take_literal(haul_imap_reader *r, const char *p, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (r->streaming)
        rc = haul_out_write(r->body, p, n, e);
    else
        haul_str_add(&r->line, p, n);
    r->literal -= n;
    return rc;
}

haul_rc haul_imap_read(haul_imap_reader *r, const char *p, size_t n, size_t *ret_used, bool *ret_done,
                       haul_err *e)
{
    size_t used = 0;
    haul_rc rc = HAUL_OK;
    *ret_done = false;
    while (rc == HAUL_OK && used < n && !*ret_done) {
        size_t left = n - used;
        if (r->literal) {
            size_t take = left < r->literal ? left : (size_t)r->literal;
            rc = take_literal(r, p + used, take, e);
            used += take;
            continue;
        }
        const char *lf = memchr(p + used, '\n', left);
        size_t take = lf ? (size_t)(lf - (p + used)) + 1 : left;
        if (r->line.len + take > HAUL_IMAP_LINE_MAX)
            return haul_fail(e, HAUL_E_NETWORK, "the server sent a line of more than %u octets",
                             HAUL_IMAP_LINE_MAX);
        haul_str_add(&r->line, p + used, take);
        used += take;
        if (lf)
            rc = line_end(r, ret_done, e);
    }
    *ret_used = used;
    return rc;
}

void haul_imap_reader_next(haul_imap_reader *r)
{
    haul_str_clear(&r->line);
    r->streaming = r->has_body = false;
    r->literal = 0;
}

void haul_imap_reader_done(haul_imap_reader *r)
{
    haul_str_done(&r->line);
}

/* ── tokens ── */

void haul_imap_tokens_init(haul_imap_tokens *t, haul_span s)
{
    *t = (haul_imap_tokens){.p = s.p, .end = s.p + s.len, .text = t->text};
}

void haul_imap_tokens_done(haul_imap_tokens *t)
{
    haul_str_done(&t->text);
}

static void take_quoted(haul_imap_tokens *t)
{
    for (t->p++; t->p < t->end && *t->p != '"'; t->p++) {
        if (*t->p == '\\' && t->p + 1 < t->end)
            t->p++;
        haul_str_addc(&t->text, *t->p);
    }
    t->type = t->p < t->end ? HAUL_IMAP_STRING : HAUL_IMAP_END;
    t->p += t->p < t->end;
}

static void take_literal_token(haul_imap_tokens *t)
{
    const char *close = memchr(t->p, '}', (size_t)(t->end - t->p));
    uint64_t n = 0;
    t->type = HAUL_IMAP_END;
    if (!close || !haul_parse_u64(t->p + 1, (size_t)(close - t->p - 1), &n) || t->end - close < 3 ||
        n > (uint64_t)(t->end - close - 3)) {
        t->p = t->end;
        return;
    }
    haul_str_add(&t->text, close + 3, (size_t)n);
    t->p = close + 3 + n;
    t->type = HAUL_IMAP_STRING;
}

/* An atom runs to a blank or parenthesis; in BODY[HEADER.FIELDS (Date)] the inside of [ ] belongs to it, in a keyword "[x"
 * it does not. */
static void take_atom(haul_imap_tokens *t)
{
    const char *from = t->p;
    bool inside = false, section = haul_istarts(from, (size_t)(t->end - from), "BODY[") ||
                                   haul_istarts(from, (size_t)(t->end - from), "BINARY");
    for (; t->p < t->end; t->p++) {
        inside = section && (*t->p == '[' || (inside && *t->p != ']'));
        if (!inside && (*t->p == ' ' || *t->p == '(' || *t->p == ')'))
            break;
    }
    haul_str_add(&t->text, from, (size_t)(t->p - from));
    t->type = t->text.len == 3 && strncasecmp(t->text.p, "NIL", 3) == 0 ? HAUL_IMAP_NIL : HAUL_IMAP_ATOM;
}

haul_imap_type haul_imap_step(haul_imap_tokens *t)
{
    haul_str_clear(&t->text);
    while (t->p < t->end && *t->p == ' ')
        t->p++;
    t->type = HAUL_IMAP_END;
    if (t->p >= t->end)
        return t->type;
    if (*t->p == '"') {
        take_quoted(t);
    } else if (*t->p == '{') {
        take_literal_token(t);
    } else if (*t->p == '(' || *t->p == ')') {
        t->type = *t->p == '(' ? HAUL_IMAP_OPEN : HAUL_IMAP_CLOSE;
        t->p++;
    } else {
        take_atom(t);
    }
    return t->type;
}

bool haul_imap_step_flag(haul_imap_tokens *t)
{
    haul_imap_type type = haul_imap_step(t);
    return type == HAUL_IMAP_ATOM || type == HAUL_IMAP_NIL;
}

bool haul_imap_step_number(haul_imap_tokens *t, uint64_t *ret)
{
    return haul_imap_step(t) == HAUL_IMAP_ATOM && haul_parse_u64(t->text.p, t->text.len, ret);
}

bool haul_imap_pass(haul_imap_tokens *t)
{
    unsigned depth = 0;
    do {
        switch (haul_imap_step(t)) {
        case HAUL_IMAP_END:
            return false;
        case HAUL_IMAP_OPEN:
            if (++depth > DEPTH_MAX)
                return false;
            break;
        case HAUL_IMAP_CLOSE:
            if (!depth)
                return false;
            depth--;
            break;
        default:
            break;
        }
    } while (depth);
    return true;
}

bool haul_imap_token_is(const haul_imap_tokens *t, const char *atom)
{
    return t->type == HAUL_IMAP_ATOM && haul_span_is((haul_span){haul_strz(&t->text), t->text.len}, atom);
}

/* ── what every reply begins with ── */

static haul_span word(haul_span *s)
{
    size_t n = 0;
    while (n < s->len && s->p[n] != ' ')
        n++;
    haul_span w = {s->p, n};
    n += n < s->len;
    s->p += n;
    s->len -= n;
    return w;
}

static void take_code(haul_imap_reply *r)
{
    if (!r->rest.len || r->rest.p[0] != '[')
        return;
    const char *close = memchr(r->rest.p, ']', r->rest.len);
    if (!close)
        return;
    r->code = (haul_span){r->rest.p + 1, (size_t)(close - r->rest.p) - 1};
    r->rest.len -= (size_t)(close + 1 - r->rest.p);
    r->rest.p = close + 1;
    r->rest = haul_span_trim(r->rest);
}

static bool status_kind(haul_span w, haul_imap_kind *ret)
{
    static const struct {
        const char *word;
        haul_imap_kind kind;
    } kinds[] = {{"OK", HAUL_IMAP_OK},
                 {"NO", HAUL_IMAP_NO},
                 {"BAD", HAUL_IMAP_BAD},
                 {"BYE", HAUL_IMAP_BYE},
                 {"PREAUTH", HAUL_IMAP_OK}};
    for (size_t i = 0; i < HAUL_COUNT(kinds); i++)
        if (haul_span_is(w, kinds[i].word)) {
            *ret = kinds[i].kind;
            return true;
        }
    return false;
}

bool haul_imap_reply_parse(haul_span line, haul_imap_reply *ret)
{
    haul_imap_reply r = {.kind = HAUL_IMAP_DATA, .rest = line};
    r.tag = word(&r.rest);
    if (haul_span_is(r.tag, "+")) {
        r.kind = HAUL_IMAP_CONTINUE;
        *ret = r;
        return true;
    }
    haul_span behind = r.rest, first = word(&behind);
    if (status_kind(first, &r.kind)) {
        r.rest = behind;
        take_code(&r);
    } else if (!haul_span_is(r.tag, "*")) {
        return false;
    } else if (haul_parse_u64(first.p, first.len, &r.number)) {
        r.has_number = true;
        r.rest = behind;
    }
    *ret = r;
    return r.tag.len > 0;
}

bool haul_imap_code(const haul_imap_reply *r, const char *name, haul_span *ret_args)
{
    haul_span args = r->code, w = word(&args);
    if (!w.len || !haul_span_is(w, name))
        return false;
    if (ret_args)
        *ret_args = args;
    return true;
}

uint32_t haul_imap_uid(haul_span s)
{
    uint64_t n = 0;
    return haul_parse_u64(s.p, s.len, &n) && n <= HAUL_IMAP_UID_MAX ? (uint32_t)n : 0;
}
