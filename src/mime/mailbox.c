#include "mime/mailbox.h"

#include "mime/header.h"

#include <string.h>

typedef haul_mailboxes scan;

typedef struct item { /* spans of the list */
    haul_span phrase; /* in front of "<", or all of it */
    haul_span angle;  /* between "<" and ">"; p NULL = none */
    bool group;       /* an empty one */
} item;

void haul_mailbox_done(haul_mailbox *m)
{
    haul_str_done(&m->name);
    haul_str_done(&m->addr);
}

/* Behind the quoted string at p[at], 0 when it is not closed. */
static size_t quoted_end(haul_span s, size_t at)
{
    for (at++; at < s.len; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '"')
            return at + 1;
    }
    return 0;
}

size_t haul_comment_end(haul_span s, size_t at)
{
    size_t depth = 0;
    for (; at < s.len; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '(')
            depth++;
        else if (s.p[at] == ')' && --depth == 0)
            return at + 1;
    }
    return 0;
}

/* Behind what begins at c->at: a quoted string, a comment, or one octet. */
static size_t step(scan *c)
{
    size_t end = 0;
    if (c->s.p[c->at] == '"' && !c->no_quote) {
        end = quoted_end(c->s, c->at);
        c->no_quote = !end;
    } else if (c->s.p[c->at] == '(' && !c->no_comment) {
        end = haul_comment_end(c->s, c->at);
        c->no_comment = !end;
    }
    return end ? end : c->at + 1;
}

/* The address at "<": up to ">", or where that is missing up to what can be no address. */
static haul_span take_angle(scan *c)
{
    size_t from = c->at + 1, at = from;
    while (at < c->s.len && c->s.p[at] == '<')
        from = ++at;
    size_t stop = 0; /* first separator */
    for (; at < c->s.len && c->s.p[at] != '>' && c->s.p[at] != '<'; at++) {
        if (!stop && strchr(",; ", c->s.p[at]))
            stop = at;
        if (c->s.p[at] == '"' && !stop && !c->no_quote) { /* a quoted local part may hold anything */
            size_t end = quoted_end(c->s, at);
            c->no_quote = !end;
            at = end ? end - 1 : at;
        }
    }
    bool closed = at < c->s.len && c->s.p[at] == '>';
    size_t end = closed || !stop ? at : stop;
    c->at = end;
    while (closed && c->at < c->s.len && c->s.p[c->at] == '>')
        c->at++;
    return (haul_span){c->s.p + from, end - from};
}

static bool is_prefix(haul_span phrase)
{
    phrase = haul_span_trim(phrase);
    return haul_span_is(phrase, "mailto") || haul_span_is(phrase, "smtp");
}

/* Nothing but blanks and comments up to ";" or the end: behind it, else 0. */
static size_t empty_rest(scan *c)
{
    scan look = *c;
    while (look.at < look.s.len && strchr(" \t(", look.s.p[look.at]))
        look.at = step(&look);
    c->no_comment = look.no_comment;
    if (look.at >= look.s.len)
        return look.at;
    return look.s.p[look.at] == ';' ? look.at + 1 : 0;
}

/* Up to the next separator at the top, which is passed over. */
static void take_item(scan *c, item *ret)
{
    size_t from = c->at, end;
    bool has_at = false;
    *ret = (item){.phrase = {c->s.p + from, 0}};
    while (c->at < c->s.len && c->s.p[c->at] != ',' && c->s.p[c->at] != ';') {
        char ch = c->s.p[c->at];
        haul_span before = {c->s.p + from, c->at - from};
        has_at |= ch == '@';
        if (ch == '<') {
            haul_span angle = take_angle(c);
            bool better = !ret->angle.p || (!memchr(ret->angle.p, '@', ret->angle.len) && angle.len);
            ret->phrase = ret->angle.p ? ret->phrase : before;
            ret->angle = better ? angle : ret->angle;
        } else if (ch == ':' && !ret->angle.p && !has_at && !is_prefix(before)) {
            c->at++;
            end = empty_rest(c);
            ret->group = end;
            ret->phrase = before;
            if (end) {
                c->at = end;
                return;
            }
            from = c->at;
        } else {
            c->at = step(c);
        }
    }
    if (!ret->angle.p)
        ret->phrase = (haul_span){c->s.p + from, c->at - from};
    c->at += c->at < c->s.len;
}

/* ── texts ── */

/* The words of a phrase without quotes and comments; what the first comment says goes to *comment. */
static void unquote(haul_span s, haul_str *to, haul_str *comment)
{
    scan c = {.s = s};
    while (c.at < s.len) {
        size_t from = c.at, end = step(&c);
        char ch = s.p[from];
        c.at = end;
        if (end == from + 1) {
            haul_str_addc(to, ch);
            continue;
        }
        haul_str *into = ch == '"' ? to : comment;
        if (ch == '(' && comment->len)
            continue;
        for (size_t i = from + 1; i + 1 < end; i++) {
            i += s.p[i] == '\\' && i + 2 < end;
            haul_str_addc(into, s.p[i]);
        }
    }
}

static void decode(const haul_str *raw, haul_str *to)
{
    haul_header_decode((haul_span){haul_strz(raw), raw->len}, to);
    haul_span s = haul_span_trim((haul_span){haul_strz(to), to->len});
    if (s.len && s.p != to->p)
        memmove(to->p, s.p, s.len);
    to->len = s.len;
    if (to->p)
        to->p[to->len] = '\0';
}

/* Without blanks, comments, a route, "mailto:". */
static void clean_addr(haul_span s, haul_str *to)
{
    haul_auto_str raw = {0}, text = {0};
    scan c = {.s = s};
    while (c.at < s.len) {
        size_t from = c.at;
        c.at = step(&c);
        if (s.p[from] == '(' && c.at > from + 1)
            continue;
        if (c.at > from + 1 || !strchr(" \t", s.p[from]))
            haul_str_add(&raw, s.p + from, c.at - from);
    }
    haul_span a = {haul_strz(&raw), raw.len};
    const char *colon = a.len ? memchr(a.p, ':', a.len) : NULL;
    bool prefix = haul_istarts(a.p, a.len, "mailto:") || haul_istarts(a.p, a.len, "smtp:");
    if (colon && (*a.p == '@' || prefix))
        a = (haul_span){colon + 1, a.len - (size_t)(colon + 1 - a.p)};
    if (!prefix && a.len >= 2 && a.p[0] == '\'' && a.p[a.len - 1] == '\'')
        a = (haul_span){a.p + 1, a.len - 2};
    haul_header_decode(a, &text);
    haul_str_add(to, haul_strz(&text), text.len);
}

/* Behind the blanks at s.p[at]. */
static size_t skip_blanks(haul_span s, size_t at)
{
    while (at < s.len && (s.p[at] == ' ' || s.p[at] == '\t'))
        at++;
    return at;
}

/* The word with the "@" in it; blanks around its dots and "@" belong to it (RFC 5322 4.4). */
static haul_span find_word(haul_span s)
{
    scan c = {.s = s};
    size_t word = 0;
    bool has_at = false;
    while (c.at < s.len) {
        char ch = s.p[c.at];
        size_t next = skip_blanks(s, c.at);
        if (next > c.at && has_at && next < s.len &&
            (strchr(".@", s.p[next]) || strchr(".@", s.p[c.at - 1]))) {
            c.at = next;
        } else if (next > c.at || ch == '(') {
            if (has_at)
                break;
            c.at = next > c.at ? next : step(&c);
            word = c.at;
        } else {
            has_at |= ch == '@';
            c.at = step(&c);
        }
    }
    return (haul_span){s.p + word, has_at ? c.at - word : 0};
}

/* A phrase that has an address in it and no brackets: the other words are the name. */
static void split_words(haul_span s, haul_mailbox *m, haul_str *name)
{
    haul_span word = find_word(s);
    haul_auto_str comment = {0};
    if (word.len < 3 || word.p[0] == '@' || word.p[word.len - 1] == '@') {
        clean_addr(s, &m->addr);
        return;
    }
    clean_addr(word, &m->addr);
    unquote((haul_span){s.p, (size_t)(word.p - s.p)}, name, &comment);
    unquote((haul_span){word.p + word.len, s.len - (size_t)(word.p - s.p) - word.len}, name, &comment);
    if (!haul_span_trim((haul_span){haul_strz(name), name->len}).len)
        haul_str_add(name, haul_strz(&comment), comment.len);
}

/* "@" outside of comments and quotes, or behind a quoted local part. */
static bool has_addr(haul_span s)
{
    scan c = {.s = s};
    while (c.at < s.len) {
        if (s.p[c.at] == '@')
            return true;
        c.at = step(&c);
    }
    return false;
}

static void read_item(const item *i, haul_mailbox *m)
{
    haul_auto_str name = {0}, comment = {0};
    if (i->angle.p) {
        unquote(i->phrase, &name, &comment);
        clean_addr(i->angle, &m->addr);
    } else if (!i->group && has_addr(i->phrase)) {
        split_words(i->phrase, m, &name);
    } else {
        unquote(i->phrase, &name, &comment);
    }
    if (!haul_span_trim((haul_span){haul_strz(&name), name.len}).len)
        haul_str_add(&name, haul_strz(&comment), comment.len);
    decode(&name, &m->name);
}

/* An encoded word that holds brackets and all: what it says is read once more. */
static void read_decoded(haul_mailbox *m)
{
    haul_auto_str text = {0};
    haul_str_add(&text, m->name.p, m->name.len);
    scan c = {.s = {text.p, text.len}};
    item i;
    take_item(&c, &i);
    haul_span angle = i.angle;
    bool whole = angle.p ? memchr(angle.p, '@', angle.len) != NULL : has_addr(i.phrase);
    if (i.group || !whole || haul_span_trim((haul_span){text.p + c.at, text.len - c.at}).len)
        return;
    haul_str_clear(&m->name);
    haul_str_clear(&m->addr);
    read_item(&i, m);
}

static bool is_nothing(const item *i)
{
    return !i->angle.p && !haul_span_trim(i->phrase).len;
}

bool haul_mailboxes_next(haul_mailboxes *l, haul_mailbox *io)
{
    while (l->at < l->s.len) {
        item i;
        take_item(l, &i);
        if (is_nothing(&i))
            continue;
        haul_str_clear(&io->name);
        haul_str_clear(&io->addr);
        read_item(&i, io);
        if (!io->addr.len && io->name.len && !i.group && memchr(i.phrase.p, '?', i.phrase.len))
            read_decoded(io);
        if (io->name.len || io->addr.len)
            return true;
    }
    return false;
}

void haul_mailbox_write(const haul_mailbox *m, haul_str *to)
{
    const char *name = haul_strz(&m->name), *addr = haul_strz(&m->addr);
    bool named = m->name.len && haul_icmp(name, addr) != 0;
    bool quoted = named && name[strcspn(name, ";<>\"")];
    haul_str_addz(to, quoted ? "\"" : "");
    for (size_t i = 0; named && i < m->name.len; i++) {
        if (quoted && (name[i] == '"' || name[i] == '\\'))
            haul_str_addc(to, '\\');
        haul_str_addc(to, name[i]);
    }
    haul_str_addz(to, quoted ? "\"" : "");
    if (m->addr.len && named)
        haul_str_addf(to, " <%s>", addr);
    else
        haul_str_add(to, addr, m->addr.len);
}
