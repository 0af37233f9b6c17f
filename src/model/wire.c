#include "model/wire.h"

#include "base/err.h"
#include "base/time.h"
#include "base/utf.h"

#include <string.h>

#define ABSENT       UINT32_MAX /* length of a text that is NULL */
#define TZ_MAX       1439
#define READER_SETS  (HAUL_SET_RECEIVED | HAUL_SET_SENT | HAUL_SET_FLAGS | HAUL_SET_SIZE)
#define FAIL_DEFAULT HAUL_E_SOURCE

/* ── encoding ── */

static void put_le(haul_str *to, uint64_t v, unsigned octets)
{
    char b[8];
    for (unsigned i = 0; i < octets; i++)
        b[i] = (char)(v >> (8 * i) & 0xFF);
    haul_str_add(to, b, octets);
}

static void put_text(haul_str *to, const char *z)
{
    size_t n = z ? strlen(z) : 0;
    if (n > HAUL_WIRE_FRAME_MAX) /* the frame will be refused: no need to copy all of it */
        n = HAUL_WIRE_FRAME_MAX;
    put_le(to, z ? n : ABSENT, 4);
    if (n)
        haul_str_add(to, z, n);
}

void haul_wire_chunk_head(char to[HAUL_WIRE_HEAD], uint32_t n)
{
    memset(to, 0, HAUL_WIRE_HEAD);
    to[0] = HAUL_WIRE_CHUNK;
    for (unsigned i = 0; i < 4; i++)
        to[4 + i] = (char)(n >> (8 * i) & 0xFF);
}

static size_t begin(haul_str *to, haul_wire_type type)
{
    size_t at = to->len;
    put_le(to, (uint64_t)type, HAUL_WIRE_HEAD);
    return at;
}

/* Write the length into the head; an oversized frame is taken back. */
static bool finish(haul_str *to, size_t at)
{
    size_t n = to->len - at - HAUL_WIRE_HEAD;
    if (n > HAUL_WIRE_FRAME_MAX) {
        to->len = at;
        to->p[at] = '\0';
        return false;
    }
    for (unsigned i = 0; i < 4; i++)
        to->p[at + 4 + i] = (char)(n >> (8 * i) & 0xFF);
    return true;
}

static void put_at(haul_str *to, haul_wire_at at)
{
    put_le(to, at.step, 8);
    put_le(to, at.ordinal, 4);
}

static void put_issues(haul_str *to, const haul_issue *first)
{
    uint32_t n = 0;
    for (const haul_issue *i = first; i; i = i->next)
        n++;
    put_le(to, n, 4);
    for (const haul_issue *i = first; i; i = i->next) {
        put_le(to, (uint64_t)i->id, 2);
        put_text(to, i->detail);
    }
}

static void put_fields(haul_str *to, haul_wire_at at, const haul_msg *m)
{
    put_at(to, at);
    put_le(to, m->set & READER_SETS, 4);
    put_le(to, m->fingerprint, 8);
    put_le(to, m->may_grow, 1);
    put_le(to, m->folder, 4);
    put_le(to, (uint64_t)m->kind, 1);
    put_le(to, (uint64_t)m->received_us, 8);
    put_le(to, (uint64_t)m->sent_us, 8);
    put_le(to, (uint16_t)m->received_tz, 2);
    put_le(to, (uint16_t)m->sent_tz, 2);
    put_le(to, m->flags, 4);
    put_le(to, m->size, 8);
    put_text(to, m->key);
    put_text(to, m->place);
    put_text(to, m->message_id);
    put_text(to, m->subject);
    put_text(to, m->sender);
    put_le(to, m->n_keywords, 2);
    for (size_t i = 0; i < m->n_keywords; i++)
        put_text(to, m->keywords[i]);
    put_issues(to, m->issues);
}

void haul_wire_put_ready(haul_str *to, uint32_t held)
{
    size_t at = begin(to, HAUL_WIRE_READY);
    put_le(to, held, 4);
    (void)finish(to, at);
}

void haul_wire_put_issue(haul_str *to, haul_wire_at at, haul_issue_id id, const char *detail)
{
    size_t start = begin(to, HAUL_WIRE_ISSUE);
    put_at(to, at);
    put_le(to, (uint64_t)id, 2);
    put_text(to, detail);
    (void)finish(to, start);
}

bool haul_wire_put_folder(haul_str *to, const haul_folder *f)
{
    size_t at = begin(to, HAUL_WIRE_FOLDER);
    put_le(to, f->id, 4);
    put_le(to, f->parent, 4);
    put_le(to, (uint64_t)f->role, 1);
    put_text(to, f->name);
    put_text(to, f->raw_name);
    return finish(to, at);
}

bool haul_wire_put_message(haul_str *to, haul_wire_at at, const haul_msg *m)
{
    size_t start = begin(to, HAUL_WIRE_MESSAGE);
    put_fields(to, at, m);
    return finish(to, start);
}

bool haul_wire_put_lost(haul_str *to, haul_wire_at at, const haul_msg *m, const char *why)
{
    size_t start = begin(to, HAUL_WIRE_LOST);
    put_fields(to, at, m);
    put_text(to, why);
    return finish(to, start);
}

bool haul_wire_put_body_end(haul_str *to, haul_rc rc, const char *why, const haul_issue *issues)
{
    size_t at = begin(to, HAUL_WIRE_BODY_END);
    put_le(to, rc == HAUL_SKIP, 1);
    put_text(to, why);
    put_issues(to, issues);
    return finish(to, at);
}

void haul_wire_put_end(haul_str *to)
{
    (void)finish(to, begin(to, HAUL_WIRE_END));
}

void haul_wire_put_turn(haul_str *to, uint64_t stretch)
{
    size_t at = begin(to, HAUL_WIRE_TURN);
    put_le(to, stretch, 8);
    (void)finish(to, at);
}

void haul_wire_put_fail(haul_str *to, haul_rc rc, const char *why)
{
    size_t at = begin(to, HAUL_WIRE_FAIL);
    put_le(to, (uint64_t) - (int64_t)rc, 1);
    put_text(to, why);
    (void)finish(to, at);
}

/* ── decoding ── */

typedef struct cursor { /* once bad, everything after is zero */
    const char *p;
    size_t left;
    bool bad;
} cursor;

static const char *take(cursor *c, size_t n)
{
    if (c->bad || n > c->left) {
        c->bad = true;
        return NULL;
    }
    const char *p = c->p;
    c->p += n;
    c->left -= n;
    return p;
}

static uint64_t get_le(cursor *c, unsigned octets)
{
    const char *p = take(c, octets);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < octets; i++)
        v |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return v;
}

/* A number that must be below `end`. */
static uint64_t get_below(cursor *c, unsigned octets, uint64_t end)
{
    uint64_t v = get_le(c, octets);
    if (v >= end)
        c->bad = true;
    return c->bad ? 0 : v;
}

static haul_span get_octets(cursor *c)
{
    uint64_t n = get_le(c, 4);
    if (c->bad || n == ABSENT)
        return (haul_span){0};
    const char *p = take(c, (size_t)n);
    return (haul_span){.p = p, .len = p ? (size_t)n : 0};
}

/* NULL where NULL was sent; else valid UTF-8 without NUL. */
static const char *get_text(cursor *c, haul_arena *a)
{
    haul_span s = get_octets(c);
    if (!s.p)
        return NULL;
    if (haul_utf8_valid(s.p, s.len) && !memchr(s.p, 0, s.len))
        return haul_arena_strn(a, s.p, s.len);
    haul_auto_str clean = {0};
    haul_utf8_clean(&clean, s.p, s.len, false);
    return haul_arena_strn(a, haul_strz(&clean), clean.len);
}

/* Of an issue: no longer than haul_msg_issue makes it. */
static const char *get_detail(cursor *c, haul_arena *a)
{
    cursor ahead = *c;
    if (get_octets(&ahead).len >= HAUL_ERR_TEXT)
        c->bad = true;
    const char *z = get_text(c, a);
    return z ? z : "";
}

static void get_why(cursor *c, haul_rc rc, haul_err *ret)
{
    haul_span s = get_octets(c);
    haul_auto_str clean = {0};
    if (s.len > HAUL_ERR_TEXT)
        c->bad = true;
    if (c->bad)
        return;
    haul_utf8_clean(&clean, s.p ? s.p : "", s.len, false);
    (void)haul_fail(ret, rc, "%s", haul_strz(&clean));
}

static haul_wire_at get_at(cursor *c)
{
    haul_wire_at at = {.step = get_le(c, 8)};
    at.ordinal = (uint32_t)get_le(c, 4);
    return at;
}

/* A time of a field that `set` says is there, else 0. */
static int64_t get_time(cursor *c, bool is_set)
{
    int64_t us = (int64_t)get_le(c, 8);
    if (is_set && (us < HAUL_TIME_MIN || us > HAUL_TIME_MAX))
        c->bad = true;
    return is_set ? us : 0;
}

static int16_t get_tz(cursor *c)
{
    int tz = (int)get_le(c, 2);
    tz = tz >= 0x8000 ? tz - 0x10000 : tz;
    if (tz < -TZ_MAX || tz > TZ_MAX)
        c->bad = true;
    return c->bad ? 0 : (int16_t)tz;
}

static void get_keywords(cursor *c, haul_msg *m)
{
    uint64_t n = get_below(c, 2, HAUL_KEYWORDS_MAX + 1);
    for (uint64_t i = 0; i < n && !c->bad; i++) {
        const char *word = get_text(c, &m->arena);
        if (word)
            (void)haul_msg_keyword(m, word, strlen(word));
    }
}

static void get_issues(cursor *c, haul_msg *m)
{
    uint64_t n = get_below(c, 4, HAUL_WIRE_ISSUES_MAX + 1);
    for (uint64_t i = 0; i < n && !c->bad; i++) {
        haul_issue_id id = (haul_issue_id)get_below(c, 2, HAUL_ISSUE_COUNT);
        const char *detail = get_detail(c, &m->arena);
        if (!c->bad)
            haul_msg_issue(m, id, "%s", detail);
    }
}

static haul_wire_at get_fields(cursor *c, haul_msg *m)
{
    haul_wire_at at = get_at(c);
    m->set = (unsigned)get_le(c, 4);
    if (m->set & ~(unsigned)READER_SETS)
        c->bad = true;
    m->fingerprint = get_le(c, 8);
    m->may_grow = get_below(c, 1, 2) != 0;
    m->folder = (uint32_t)get_le(c, 4);
    m->kind = (haul_kind)get_below(c, 1, HAUL_KIND_COUNT);
    m->received_us = get_time(c, m->set & HAUL_SET_RECEIVED);
    m->sent_us = get_time(c, m->set & HAUL_SET_SENT);
    m->received_tz = get_tz(c);
    m->sent_tz = get_tz(c);
    m->flags = (unsigned)get_below(c, 4, HAUL_FLAG_ALL + 1);
    m->size = get_le(c, 8);
    m->key = get_text(c, &m->arena);
    m->place = get_text(c, &m->arena);
    m->message_id = get_text(c, &m->arena);
    m->subject = get_text(c, &m->arena);
    m->sender = get_text(c, &m->arena);
    get_keywords(c, m);
    get_issues(c, m);
    return at;
}

/* All was there, and nothing behind it. */
static bool done(const cursor *c)
{
    return !c->bad && c->left == 0;
}

bool haul_wire_get_head(const char p[HAUL_WIRE_HEAD], haul_wire_type *ret_type, uint32_t *ret_len)
{
    cursor c = {.p = p, .left = HAUL_WIRE_HEAD};
    uint64_t type = get_below(&c, 4, HAUL_WIRE_TYPES);
    uint64_t len = get_le(&c, 4);
    if (c.bad || type == 0 || len > (type == HAUL_WIRE_CHUNK ? HAUL_WIRE_CHUNK_MAX : HAUL_WIRE_FRAME_MAX))
        return false;
    *ret_type = (haul_wire_type)type;
    *ret_len = (uint32_t)len;
    return true;
}

bool haul_wire_get_ready(const char *p, size_t n, uint32_t *ret_held)
{
    cursor c = {.p = p, .left = n};
    *ret_held = (uint32_t)get_le(&c, 4);
    return done(&c);
}

bool haul_wire_get_issue(const char *p, size_t n, haul_arena *a, haul_wire_at *ret_at, haul_issue_id *ret_id,
                         const char **ret_detail)
{
    cursor c = {.p = p, .left = n};
    *ret_at = get_at(&c);
    *ret_id = (haul_issue_id)get_below(&c, 2, HAUL_ISSUE_COUNT);
    *ret_detail = get_detail(&c, a);
    return done(&c);
}

bool haul_wire_get_folder(const char *p, size_t n, haul_arena *a, haul_folder *ret)
{
    cursor c = {.p = p, .left = n};
    *ret = (haul_folder){.id = (uint32_t)get_le(&c, 4)};
    ret->parent = (uint32_t)get_le(&c, 4);
    ret->role = (haul_role)get_below(&c, 1, HAUL_ROLE_COUNT);
    ret->name = get_text(&c, a);
    haul_span raw = get_octets(&c); /* not UTF-8: that is what it is for */
    ret->raw_name = raw.p && !memchr(raw.p, 0, raw.len) ? haul_arena_strn(a, raw.p, raw.len) : NULL;
    return done(&c) && ret->name && ret->name[0];
}

bool haul_wire_get_message(const char *p, size_t n, haul_wire_at *ret_at, haul_msg *m)
{
    cursor c = {.p = p, .left = n};
    *ret_at = get_fields(&c, m);
    return done(&c) && m->key;
}

bool haul_wire_get_lost(const char *p, size_t n, haul_wire_at *ret_at, haul_msg *m, haul_err *ret_why)
{
    cursor c = {.p = p, .left = n};
    *ret_at = get_fields(&c, m);
    get_why(&c, HAUL_SKIP, ret_why);
    return done(&c);
}

bool haul_wire_get_body_end(const char *p, size_t n, haul_msg *m, haul_rc *ret_rc, haul_err *ret_why)
{
    cursor c = {.p = p, .left = n};
    haul_err why = {0};
    *ret_rc = get_below(&c, 1, 2) ? HAUL_SKIP : HAUL_OK;
    get_why(&c, *ret_rc, &why);
    get_issues(&c, m);
    if (*ret_rc != HAUL_OK && ret_why)
        *ret_why = why;
    return done(&c);
}

bool haul_wire_get_turn(const char *p, size_t n, uint64_t *ret_stretch)
{
    cursor c = {.p = p, .left = n};
    *ret_stretch = get_le(&c, 8);
    return done(&c);
}

bool haul_wire_get_fail(const char *p, size_t n, haul_rc *ret_rc, haul_err *ret_why)
{
    cursor c = {.p = p, .left = n};
    int rc = -(int)get_below(&c, 1, 128);
    bool ours = rc == HAUL_E_SOURCE || rc == HAUL_E_FORMAT || rc == HAUL_E_LIMIT ||
                rc == HAUL_E_USAGE; /* what a reader may say */
    *ret_rc = ours ? (haul_rc)rc : FAIL_DEFAULT;
    get_why(&c, *ret_rc, ret_why);
    return done(&c);
}
