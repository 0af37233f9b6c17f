#include "mime/header.h"

#include "base/time.h"
#include "base/utf.h"
#include "mime/class.h"
#include "mime/date.h"
#include "mime/words.h"

#include <string.h>

size_t haul_header_length(const char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        if (p[at] == '\n')
            return at + 1;
        if (p[at] == '\r' && at + 1 < n && p[at + 1] == '\n')
            return at + 2;
        const char *eol = memchr(p + at, '\n', n - at);
        if (!eol)
            return 0;
        at = (size_t)(eol - p) + 1;
    }
    return 0;
}

/* Length of the name at p when the line is a field: up to blanks or the colon; 0 when it is none. */
static size_t name_length(const char *p, size_t n, size_t *ret_colon)
{
    size_t len = 0, at;
    while (len < n && p[len] > 32 && p[len] < 127 && p[len] != ':')
        len++;
    for (at = len; at < n && (p[at] == ' ' || p[at] == '\t'); at++)
        ;
    if (!len || at >= n || p[at] != ':')
        return 0;
    *ret_colon = at;
    return len;
}

bool haul_header_like(const char *p, size_t n)
{
    size_t colon;
    size_t len = name_length(p, n, &colon);
    return len > 0 && len <= 76;
}

/* End of the field that starts at `at`: its line and all that begin with a blank. */
static size_t field_end(const char *p, size_t n, size_t at)
{
    for (;;) {
        const char *eol = memchr(p + at, '\n', n - at);
        if (!eol)
            return n;
        at = (size_t)(eol - p) + 1;
        if (at >= n || (p[at] != ' ' && p[at] != '\t'))
            return at;
    }
}

/* The field that starts at `at`; *ret_end also when it is none. */
static bool field_at(const char *p, size_t n, size_t at, haul_field *ret, size_t *ret_end)
{
    size_t colon, end = field_end(p, n, at), stop = end;
    size_t len = name_length(p + at, end - at, &colon);
    *ret_end = end;
    if (!len)
        return false;
    size_t from = at + colon + 1;
    while (stop > from && (p[stop - 1] == '\n' || p[stop - 1] == '\r'))
        stop--;
    *ret = (haul_field){{p + at, len}, {p + from, stop - from}, at, end};
    return true;
}

static bool is_empty_line(const char *p, size_t n)
{
    return n && (*p == '\n' || (n > 1 && p[0] == '\r' && p[1] == '\n'));
}

bool haul_header_next(const char *p, size_t n, size_t *pos, haul_field *ret)
{
    for (size_t at = *pos; at < n && !is_empty_line(p + at, n - at);) {
        if (!field_at(p, n, at, ret, &at))
            continue;
        *pos = at;
        return true;
    }
    *pos = n;
    return false;
}

bool haul_header_find(const char *p, size_t n, const char *name, haul_span *ret_value)
{
    haul_field f;
    for (size_t at = 0; at < n && !is_empty_line(p + at, n - at);) {
        size_t end;
        if (haul_istarts(p + at, n - at, name) && field_at(p, n, at, &f, &end) &&
            haul_span_is(f.name, name)) {
            *ret_value = f.value;
            return true;
        }
        const char *eol = memchr(p + at, '\n', n - at);
        at = eol ? (size_t)(eol - p) + 1 : n;
    }
    return false;
}

static bool is_plain(haul_span v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c >= 127 || (c < 32 && c != '\t') || (c == '=' && i + 1 < v.len && v.p[i + 1] == '?'))
            return false;
    }
    return true;
}

void haul_header_unfold(haul_span v, haul_str *to)
{
    haul_str_room(to, v.len);
    size_t start = to->len;
    haul_utf8_clean(to, v.p, v.len, true);
    size_t keep = start;
    for (size_t i = start; i < to->len; i++) {
        char c = to->p[i];
        if (c == '\r' || c == '\n')
            continue;
        to->p[keep++] = (unsigned char)c < 32 || c == 127 ? ' ' : c;
    }
    to->len = keep;
    to->p[keep] = 0;
}

void haul_header_decode(haul_span value, haul_str *to)
{
    value = haul_span_trim(value);
    if (is_plain(value)) {
        haul_str_add(to, value.p, value.len);
        return;
    }
    haul_auto_str flat = {0};
    haul_header_unfold(value, &flat);
    if (!strstr(haul_strz(&flat), "=?")) {
        haul_str_add(to, flat.p, flat.len);
        return;
    }
    haul_auto_str text = {0};
    haul_words_decode((haul_span){flat.p, flat.len}, &text);
    haul_header_unfold((haul_span){haul_strz(&text), text.len}, to);
}

/* Step over a quoted string or comment that starts at p[at]. */
static size_t skip_quoted(const char *p, size_t n, size_t at)
{
    char close = p[at] == '"' ? '"' : ')';
    for (at++; at < n && p[at] != close; at++)
        if (p[at] == '\\')
            at++;
    return at + 1;
}

bool haul_header_addr(haul_span value, haul_span *ret)
{
    size_t word = 0;
    bool angled = value.len && memchr(value.p, '<', value.len);
    for (size_t at = 0; at < value.len;) {
        char c = value.p[at];
        if (c == '<') {
            const char *close = memchr(value.p + at, '>', value.len - at);
            size_t end = close ? (size_t)(close - value.p) : value.len;
            *ret = haul_span_trim((haul_span){value.p + at + 1, end - at - 1});
            return ret->len > 0;
        }
        if (c == '"' || c == '(') {
            at = skip_quoted(value.p, value.len, at);
            continue;
        }
        at++;
        if (c == ' ' || c == '\t' || c == ',' || c == ':' || c == '\n' || c == '\r')
            word = at;
        else if (c == '@' && !angled) {
            size_t end = at;
            while (end < value.len && !strchr(" \t,;()\r\n", value.p[end]))
                end++;
            *ret = (haul_span){value.p + word, end - word};
            return true;
        }
    }
    return false;
}

typedef struct fill {
    haul_msg *m;
    haul_span received; /* the topmost */
    haul_span from, return_path;
    haul_span subject, message_id;
    haul_kind class; /* of an Outlook item that we made a message of; its type is multipart, perhaps */
    bool has_type, has_date;
} fill;

static void fill_kind(haul_msg *m, haul_span type)
{
    type = haul_span_trim(type);
    if (haul_istarts(type.p, type.len, "text/calendar"))
        m->kind = HAUL_KIND_CALENDAR;
    else if (haul_istarts(type.p, type.len, "text/vcard") || haul_istarts(type.p, type.len, "text/x-vcard"))
        m->kind = HAUL_KIND_CONTACT;
}

static void fill_date(haul_msg *m, haul_span date)
{
    if (haul_date_parse(date.p, date.len, &m->sent_us, &m->sent_tz))
        m->set |= HAUL_SET_SENT;
}

/* The first field of each name counts; one comparison by first letter keeps the rest of a header cheap. */
static void fill_field(fill *f, const haul_field *field)
{
    haul_span name = field->name;
    switch (haul_lower(name.p[0])) {
    case 'c':
        if (!f->has_type && haul_span_is(name, "content-type")) {
            f->has_type = true;
            fill_kind(f->m, field->value);
        }
        break;
    case 'd':
        if (!f->has_date && haul_span_is(name, "date")) {
            f->has_date = true;
            fill_date(f->m, field->value);
        }
        break;
    case 'f':
        if (!f->from.p && haul_span_is(name, "from"))
            f->from = field->value;
        break;
    case 'm':
        if (!f->message_id.p && haul_span_is(name, "message-id"))
            f->message_id = field->value;
        break;
    case 'r':
        if (!f->received.p && haul_span_is(name, "received"))
            f->received = field->value;
        else if (!f->return_path.p && haul_span_is(name, "return-path"))
            f->return_path = field->value;
        break;
    case 's':
        if (!f->subject.p && haul_span_is(name, "subject"))
            f->subject = field->value;
        break;
    case 'x':
        if (haul_span_is(name, "x-mailhaul-class"))
            f->class = haul_class_kind(haul_span_trim(field->value));
        break;
    default:
        break;
    }
}

static const char *decoded(haul_msg *m, haul_span value)
{
    haul_auto_str text = {0};
    if (!value.p)
        return NULL;
    haul_header_decode(value, &text);
    return haul_arena_strn(&m->arena, haul_strz(&text), text.len);
}

/* Message-ID as it stands, on one line: the angle brackets and what is between them when they are there. */
static const char *message_id(haul_msg *m, haul_span value)
{
    value = haul_span_trim(value);
    const char *open = value.len ? memchr(value.p, '<', value.len) : NULL;
    const char *close = open ? memchr(open, '>', value.len - (size_t)(open - value.p)) : NULL;
    if (close)
        value = (haul_span){open, (size_t)(close - open) + 1};
    if (!value.len)
        return NULL;
    if (is_plain(value))
        return haul_arena_strn(&m->arena, value.p, value.len);
    haul_auto_str text = {0};
    haul_header_unfold(value, &text);
    return haul_arena_strn(&m->arena, text.p, text.len);
}

static void guess_time(haul_msg *m, haul_span received)
{
    int64_t us;
    int16_t tz;
    const char *semi = NULL;
    for (size_t i = received.len; i > 0 && !semi; i--)
        if (received.p[i - 1] == ';')
            semi = received.p + i;
    if (semi && haul_date_parse(semi, received.len - (size_t)(semi - received.p), &us, &tz)) {
        haul_msg_received(m, us, tz);
        haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from Received");
    } else if (m->set & HAUL_SET_SENT) {
        haul_msg_received(m, m->sent_us, m->sent_tz);
        haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from Date");
    }
}

void haul_header_fill(haul_msg *m, const char *p, size_t n, bool guess_received)
{
    fill f = {.m = m};
    haul_field field;
    for (size_t pos = 0; haul_header_next(p, n, &pos, &field);)
        fill_field(&f, &field);
    if (f.class != HAUL_KIND_MAIL)
        m->kind = f.class;
    haul_span addr;
    if (f.message_id.p && !m->message_id)
        m->message_id = message_id(m, f.message_id);
    if (!m->subject)
        m->subject = decoded(m, f.subject);
    if (!m->sender && ((f.return_path.p && haul_header_addr(f.return_path, &addr)) ||
                       (f.from.p && haul_header_addr(f.from, &addr))))
        m->sender = decoded(m, addr);
    if (guess_received && !(m->set & HAUL_SET_RECEIVED))
        guess_time(m, f.received);
}
