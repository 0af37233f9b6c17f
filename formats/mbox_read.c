/* One mbox file as a stream of messages. The window slides over the file once: next() looks a little
 * ahead for the end of the message, body() pushes spans of the window and drops quoting on the way. */
#include "base/utf.h"
#include "mbox.h"
#include "mime/header.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EOL_LOOK (64u * 1024u) /* octets that decide whether a file has the line ends of an old Mac */
#define KEEP     4u /* octets before `scanned` that are not pushed yet: an empty line and what precedes it */

typedef struct window { /* what a peek showed */
    const char *p;
    size_t n;
    uint64_t base; /* offset of p in the file */
    bool eof;      /* nothing follows p[n-1] */
} window;

static haul_rc look(haul_mbox *mb, size_t want, window *ret, haul_err *e)
{
    if (want > HAUL_IN_PEEK_MAX)
        want = HAUL_IN_PEEK_MAX;
    haul_rc rc = haul_in_peek(mb->in, want, &ret->p, &ret->n, e);
    if (rc != HAUL_OK)
        return rc;
    ret->base = haul_in_offset(mb->in);
    ret->eof = ret->n < want;
    return HAUL_OK;
}

HAUL_PRINTF(4, 5)
static void doubt(haul_mbox *mb, haul_msg *m, haul_issue_id id, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (m)
        haul_msg_issue(m, id, "%s", text);
    else if (mb->report)
        mb->report(mb->ctx, id, text);
}

void haul_mbox_start(haul_mbox *mb, haul_in *in)
{
    mb->in = in;
    mb->eol = '\n';
}

void haul_mbox_done(haul_mbox *mb)
{
    haul_in_close(mb->in);
    mb->in = NULL;
    haul_status_done(&mb->status);
    haul_str_done(&mb->scratch);
    haul_str_done(&mb->from);
}

/* The first octets, `want` of them and more: up to something that is no preamble, and a line of it, as far as can be seen. After a
 * crash a file may begin with megabytes of NULs. *ret_at: the octets of the preamble. */
static haul_rc look_at_start(haul_mbox *mb, size_t want, window *ret, size_t *ret_at, haul_err *e)
{
    for (size_t more = want;; more *= 2) {
        haul_rc rc = look(mb, more, ret, e);
        if (rc != HAUL_OK)
            return rc;
        *ret_at = haul_mbox_preamble(ret->p, ret->n);
        if (ret->eof || ret->n - *ret_at >= want || more >= HAUL_IN_PEEK_MAX)
            return HAUL_OK;
    }
}

haul_rc haul_mbox_check(haul_mbox *mb, bool *ret_is, bool *ret_empty, haul_err *e)
{
    window w;
    size_t at;
    haul_rc rc = look_at_start(mb, HAUL_MBOX_LOOK, &w, &at, e);
    if (rc != HAUL_OK)
        return rc;
    *ret_is = haul_mbox_starts_from(w.p + at, w.n - at);
    *ret_empty = w.n == 0;
    return HAUL_OK;
}

/* The line ends of the file, and its first From_ line or the lack of one. */
static haul_rc begin(haul_mbox *mb, haul_err *e)
{
    window w;
    size_t at;
    haul_rc rc = look_at_start(mb, EOL_LOOK, &w, &at, e);
    if (rc != HAUL_OK)
        return rc;
    size_t n = w.n - at < EOL_LOOK ? w.n : at + EOL_LOOK;
    mb->begun = true;
    mb->at_from = haul_mbox_starts_from(w.p + at, w.n - at);
    mb->done = w.eof && at == w.n;
    /* A preamble of LFs means LF; a CR without any LF in sight, an old Mac. */
    if (mb->at_from && !memchr(w.p, '\n', n) && memchr(w.p + at, '\r', n - at))
        mb->eol = '\r';
    if (mb->at_from)
        haul_in_consume(mb->in, at);
    mb->next_at = haul_in_offset(mb->in);
    return HAUL_OK;
}

/* ── the end of the message ── */

static void set_end(haul_mbox *mb, uint64_t end, uint64_t next, bool last)
{
    mb->ended = true;
    mb->end = mb->scanned = end;
    mb->next_at = next;
    mb->last = last;
    if (mb->header_end > end)
        mb->header_end = end;
}

/* Does the quoted line at p lose its first '>'? `at` is its offset in the file. [mbox-21] */
static bool loses_quote(const haul_mbox *mb, const char *p, uint64_t at)
{
    return (mb->quoted_all || at >= mb->header_end) && !(mb->quoting == HAUL_MBOX_O && p[1] == '>');
}

static void refute(haul_mbox *mb, haul_msg *m)
{
    doubt(mb, m, HAUL_ISSUE_MBOX_CONTENT_LENGTH, "it says octet %llu", (unsigned long long)mb->lands_at);
    mb->lands_at = 0;
    mb->resolved = true;
}

/* The line at `at` of a message that Content-Length ends at `to`. True when it is a From_ line left unquoted. */
static bool look_at_inner(haul_mbox *mb, haul_msg *m, const window *w, size_t at, size_t to)
{
    bool more;
    const char *why, *p = w->p + at;
    if (haul_mbox_is_quoted(p, to - at, &more))
        mb->quoted += loses_quote(mb, p, w->base + at);
    if (!haul_mbox_starts_from(p, to - at))
        return false;
    bool blank = haul_mbox_blank_before(w->p, at, mb->eol, w->base == mb->content_at) > 0;
    if (haul_mbox_judge(p, w->n - at, mb->eol, blank, mb->shape, &why) == HAUL_MBOX_SPLIT)
        doubt(mb, m, HAUL_ISSUE_MBOX_AMBIGUOUS_SPLIT, "octet %llu: kept as text, Content-Length goes on",
              (unsigned long long)(w->base + at));
    return true;
}

/* Content-Length ends the message: are there From_ lines inside, so that nothing was ever quoted? [mbox-17]
 * `from`: the line that made it matter; no line end of the content precedes the first. */
static void look_inside(haul_mbox *mb, haul_msg *m, const window *w, size_t from, size_t to)
{
    bool raw = !from && look_at_inner(mb, m, w, 0, to);
    for (const char *q = w->p + (from ? from - 1 : 0); (q = haul_mbox_find(q, w->p + to, mb->eol)); q++)
        raw |= look_at_inner(mb, m, w, (size_t)(q - w->p) + 1, to);
    if (raw && mb->quoting == HAUL_MBOX_AUTO) {
        mb->no_unquote = true;
        mb->quoted = 0;
    }
}

/* Does Content-Length end the message exactly at a separator or at the end of the file? The window reaches
 * there. `from`: where the scan stands. [mbox-15] */
static void resolve(haul_mbox *mb, haul_msg *m, const window *w, size_t from)
{
    size_t l = (size_t)(mb->lands_at - w->base), next;
    if (l > w->n || !((l == 0 && w->base == mb->content_at) || (l && w->p[l - 1] == mb->eol))) {
        refute(mb, m);
        return;
    }
    next = l;
    if (next < w->n && w->p[next] == '\r' && mb->eol == '\n')
        next++;
    if (next < w->n && w->p[next] == mb->eol)
        next++;
    else
        next = l;
    bool last = w->eof && next == w->n;
    if (!last && haul_mbox_lands(w->p + l, w->n - l, mb->eol, mb->shape))
        next = l;
    else if (!last && !haul_mbox_lands(w->p + next, w->n - next, mb->eol, mb->shape)) {
        refute(mb, m);
        return;
    }
    mb->resolved = true;
    look_inside(mb, m, w, from, l);
    set_end(mb, mb->lands_at, w->base + next, last);
}

/* A line at `at` makes it matter whether Content-Length is right. True when that is settled; false: look
 * again with *ret_need octets in the window. */
static bool settle(haul_mbox *mb, haul_msg *m, const window *w, size_t at, size_t *ret_need)
{
    if (mb->resolved)
        return true;
    uint64_t need = mb->lands_at - w->base + HAUL_MBOX_LOOK;
    if (mb->lands_at < w->base + at || need > HAUL_IN_PEEK_MAX) {
        refute(mb, m);
    } else if (w->n >= need || w->eof) {
        resolve(mb, m, w, at);
    } else {
        *ret_need = (size_t)need;
        return false;
    }
    return true;
}

/* A From_ line at `at`: with Content-Length ending right here there is no doubt. */
static bool ends_by_length(const haul_mbox *mb, const window *w, size_t at, size_t blank)
{
    return mb->lands_at && (mb->lands_at == w->base + at || mb->lands_at == w->base + at - blank) &&
           haul_mbox_lands(w->p + at, w->n - at, mb->eol, mb->shape);
}

/* Judge the From_ line at `at`. True when the message ends there. */
static bool judge(haul_mbox *mb, haul_msg *m, const window *w, size_t at)
{
    const char *why;
    size_t blank = haul_mbox_blank_before(w->p, at, mb->eol, w->base == mb->content_at);
    haul_mbox_verdict v = haul_mbox_judge(w->p + at, w->n - at, mb->eol, blank > 0, mb->shape, &why);
    bool by_length = ends_by_length(mb, w, at, blank);
    if (!by_length && (v == HAUL_MBOX_DOUBT_TEXT || v == HAUL_MBOX_DOUBT_SPLIT))
        doubt(mb, m, HAUL_ISSUE_MBOX_AMBIGUOUS_SPLIT, "octet %llu: taken as %s: %s",
              (unsigned long long)(w->base + at), v == HAUL_MBOX_DOUBT_SPLIT ? "a separator" : "text", why);
    if (!by_length && v < HAUL_MBOX_DOUBT_SPLIT)
        return false;
    if (!by_length && !mb->resolved)
        refute(mb, m);
    uint64_t end = by_length ? mb->lands_at : w->base + at - blank;
    mb->resolved = true;
    set_end(mb, end, w->base + at, false);
    return true;
}

static void end_of_file(haul_mbox *mb, haul_msg *m, const window *w)
{
    size_t blank = haul_mbox_blank_before(w->p, w->n, mb->eol, w->base == mb->content_at);
    uint64_t next = w->base + w->n, end = next - (mb->leading ? 0 : blank);
    if (!mb->resolved && mb->lands_at != end && mb->lands_at != next)
        refute(mb, m);
    else if (!mb->resolved)
        end = mb->lands_at;
    mb->resolved = true;
    set_end(mb, end, next, true);
}

/* Look at the line at `at`, which begins with F or '>'. True when it is dealt with; false: more octets are
 * needed. Sets mb->ended when the message ends. */
static bool look_at_line(haul_mbox *mb, haul_msg *m, const window *w, size_t at, size_t *ret_need)
{
    bool more = false;
    if (w->p[at] == '>') {
        bool quoted = haul_mbox_is_quoted(w->p + at, w->n - at, &more);
        *ret_need = w->n + 1;
        if (more && !w->eof)
            return false;
        if (quoted && !settle(mb, m, w, at, ret_need))
            return false;
        if (quoted && !mb->ended)
            mb->quoted += loses_quote(mb, w->p + at, w->base + at);
        return true;
    }
    *ret_need = at + HAUL_MBOX_LOOK;
    if (w->n - at < HAUL_MBOX_LOOK && !w->eof)
        return false;
    if (!haul_mbox_starts_from(w->p + at, w->n - at))
        return true;
    size_t blank = haul_mbox_blank_before(w->p, at, mb->eol, w->base == mb->content_at);
    if (!ends_by_length(mb, w, at, blank) && !settle(mb, m, w, at, ret_need))
        return false;
    if (!mb->ended)
        judge(mb, m, w, at);
    return true;
}

/* Search the window for the end of the message. *ret_need: octets to look at next time when it is not there. */
static void scan(haul_mbox *mb, haul_msg *m, const window *w, size_t *ret_need)
{
    size_t at = (size_t)(mb->scanned - w->base);
    const char *end = w->p + w->n, *q = at ? w->p + at - 1 : w->p;
    *ret_need = w->n + 1;
    /* The first line of the content follows the From_ line, which is no line end of the content. */
    if (!at && w->n && (*q == 'F' || *q == '>') && !look_at_line(mb, m, w, 0, ret_need))
        return;
    while (!mb->ended && (q = haul_mbox_find(q, end, mb->eol))) {
        at = (size_t)(q - w->p) + 1;
        if (!look_at_line(mb, m, w, at, ret_need)) {
            mb->scanned = w->base + at;
            return;
        }
        q++;
    }
    if (mb->ended)
        return;
    mb->scanned = w->base + w->n;
    if (w->eof)
        end_of_file(mb, m, w);
}

/* The last line end is not the message's own: the block said so. */
static void drop_final(haul_mbox *mb, const window *w)
{
    if (mb->no_final && mb->end > mb->content_at && mb->end > w->base && w->p[mb->end - w->base - 1] == '\n')
        mb->end--;
    mb->no_final = false;
}

/* ── the block in front ── */

static bool is_known_field(const char *p, size_t n)
{
    static const char *const names[] = {
        "Status:",         "X-Status:",      "X-Keywords:", "X-Mozilla-Status:", "X-Mozilla-Status2:",
        "X-Mozilla-Keys:", "Content-Length:"};
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (haul_istarts(p, n, names[i]))
            return true;
    return false;
}

typedef struct meta { /* the first line of the block, read */
    uint64_t lines;
    bool no_final, quoted, no_quote, raw;
} meta;

static bool take_meta_word(meta *mt, haul_span word)
{
    if (haul_span_is(word, "nofinal"))
        return mt->no_final = true;
    if (haul_span_is(word, "quoted"))
        return mt->quoted = true;
    if (haul_span_is(word, "noquote"))
        return mt->no_quote = true;
    if (haul_span_is(word, "raw"))
        return mt->raw = true;
    return false;
}

/* "X-Mailhaul-Meta: 2; v=1; nofinal"; anything else is a field of the message itself. */
static bool read_meta(const char *p, size_t n, meta *ret)
{
    const size_t name = sizeof(HAUL_MBOX_META ":") - 1;
    size_t word = 0;
    *ret = (meta){0};
    if (n < name || memcmp(p, HAUL_MBOX_META ":", name) != 0)
        return false;
    for (size_t at = name; at <= n; word++) {
        const char *semi = memchr(p + at, ';', n - at);
        size_t len = semi ? (size_t)(semi - p) - at : n - at;
        haul_span s = haul_span_trim((haul_span){p + at, len});
        if (word == 0   ? !haul_parse_u64(s.p, s.len, &ret->lines) || ret->lines > HAUL_MBOX_META_MAX
            : word == 1 ? !haul_span_is(s, "v=1")
                        : !take_meta_word(ret, s))
            return false;
        at += len + 1;
    }
    return word >= 2;
}

/* Length of the block at p, 0 when it is none; *ret_body: where its fields begin. */
static size_t block_length(const char *p, size_t n, meta *ret, size_t *ret_fields)
{
    const char *eol = memchr(p, '\n', n);
    if (!eol || !read_meta(p, (size_t)(eol - p), ret))
        return 0;
    size_t at = (size_t)(eol - p) + 1;
    *ret_fields = at;
    for (uint64_t i = 0; i < ret->lines; i++) {
        eol = memchr(p + at, '\n', n - at);
        if (!eol || !is_known_field(p + at, (size_t)(eol - p) - at))
            return 0;
        at = (size_t)(eol - p) + 1;
    }
    if (!ret->raw)
        return at;
    size_t blank = at < n && p[at] == '\n' ? 1 : n - at >= 2 && memcmp(p + at, "\r\n", 2) == 0 ? 2 : 0;
    return blank ? at + blank : 0;
}

static void set_length(haul_mbox *mb, haul_span value)
{
    uint64_t length;
    value = haul_span_trim(value);
    if (!haul_parse_u64(value.p, value.len, &length))
        return;
    mb->lands_at = mb->header_end + length;
    mb->resolved = false;
}

/* Take the block off the front. *ret_length: its Content-Length, valid while the window is. */
static haul_rc take_block(haul_mbox *mb, haul_str *ret_fields, meta *ret, haul_err *e)
{
    window w;
    size_t fields = 0, want = HAUL_MBOX_LOOK;
    haul_str_clear(ret_fields);
    *ret = (meta){0};
    mb->block = false;
    for (;; want = w.n + 1) {
        haul_rc rc = look(mb, want, &w, e);
        if (rc != HAUL_OK)
            return rc;
        if (mb->eol != '\n' || !haul_istarts(w.p, w.n, HAUL_MBOX_META ":"))
            return HAUL_OK;
        size_t len = block_length(w.p, w.n, ret, &fields);
        if (len) {
            haul_str_add(ret_fields, w.p + fields, len - fields);
            haul_in_consume(mb->in, len);
            mb->block = true;
            return HAUL_OK;
        }
        *ret = (meta){0};
        if (w.eof || w.n >= HAUL_HEAD_MAX)
            return HAUL_OK;
    }
}

/* ── next ── */

/* Step over the From_ line; what it says goes to m. */
static haul_rc take_from(haul_mbox *mb, haul_msg *m, haul_err *e)
{
    window w;
    haul_mbox_line l;
    haul_rc rc = look(mb, HAUL_MBOX_LOOK, &w, e);
    if (rc != HAUL_OK)
        return rc;
    haul_mbox_parse_line(w.p, w.n, mb->eol, &l);
    if (!mb->shape)
        mb->shape = l.shape;
    if (l.dated)
        haul_msg_received(m, l.received_us, l.tz);
    else
        haul_msg_issue(m, HAUL_ISSUE_MBOX_DATE_UNREADABLE, "octet %llu", (unsigned long long)mb->sep_at);
    haul_span sender = haul_mbox_address(l.sender);
    size_t word = 0;
    while (word < l.sender.len && l.sender.p[word] != ' ')
        word++;
    haul_str_clear(&mb->from);
    haul_str_add(&mb->from, l.sender.p, word);
    bool own = sender.len && !haul_mbox_is_vault_name(haul_strz(&mb->from), mb->from.len) && /* [mbox-62] */
               !haul_span_is(sender, "-") && !haul_span_is(sender, "MAILER-DAEMON") &&
               !(sender.len > 4 && memcmp(sender.p + sender.len - 4, "@xxx", 4) == 0);
    if (own) {
        haul_str_clear(&mb->scratch);
        haul_utf8_clean(&mb->scratch, sender.p, sender.len, true);
        m->sender = haul_arena_strn(&m->arena, mb->scratch.p, mb->scratch.len);
    }
    haul_in_consume(mb->in, l.len);
    for (;;) { /* a From_ line longer than we look at loses its end, no message does */
        rc = look(mb, HAUL_MBOX_LOOK, &w, e);
        if (rc != HAUL_OK || !w.n)
            return rc;
        const char *eol = memchr(w.p, mb->eol, w.n);
        haul_in_consume(mb->in, eol ? (size_t)(eol - w.p) + 1 : w.n);
        if (eol)
            return HAUL_OK;
    }
}

/* Find the end of the header section within HAUL_HEAD_MAX. */
static haul_rc find_header(haul_mbox *mb, haul_msg *m, window *w, haul_err *e)
{
    size_t want = HAUL_MBOX_LOOK, len = 0;
    for (;; want = w->n + 1) {
        haul_rc rc = look(mb, want, w, e);
        if (rc != HAUL_OK)
            return rc;
        len = haul_mbox_header_length(w->p, w->n, mb->eol);
        if (len || w->eof || w->n >= HAUL_HEAD_MAX)
            break;
    }
    if ((!len && !w->eof) || len > HAUL_HEAD_MAX)
        haul_msg_issue(m, HAUL_ISSUE_HEADER_TOO_LONG, "%s", "");
    if (!len || len > HAUL_HEAD_MAX)
        len = w->n < HAUL_HEAD_MAX ? w->n : HAUL_HEAD_MAX;
    mb->header_end = w->base + len;
    return HAUL_OK;
}

/* Look for the end of the message, not further than HAUL_MBOX_AHEAD. */
static haul_rc find_end(haul_mbox *mb, haul_msg *m, window *w, haul_err *e)
{
    size_t need = 0;
    for (scan(mb, m, w, &need); !mb->ended; scan(mb, m, w, &need)) {
        if (need > HAUL_MBOX_AHEAD)
            break;
        haul_rc rc = look(mb, need, w, e);
        if (rc != HAUL_OK)
            return rc;
    }
    if (mb->ended)
        drop_final(mb, w);
    return HAUL_OK;
}

/* The header octets as haul_header_* want them: line ends of an old Mac become LF. */
static const char *header_octets(haul_mbox *mb, const window *w, size_t n)
{
    if (mb->eol == '\n')
        return w->p;
    haul_str_clear(&mb->scratch);
    haul_str_add(&mb->scratch, w->p, n);
    for (size_t i = 0; i < n; i++)
        if (mb->scratch.p[i] == '\r')
            mb->scratch.p[i] = '\n';
    return haul_strz(&mb->scratch);
}

static void fill(haul_mbox *mb, haul_msg *m, const window *w)
{
    size_t n = mb->header_end > w->base ? (size_t)(mb->header_end - w->base) : 0;
    const char *p = header_octets(mb, w, n);
    m->fingerprint = haul_hash64(w->p, n);
    if (!haul_header_like(p, n) && !(n > 6 && memcmp(p, ">From ", 6) == 0))
        haul_msg_issue(m, HAUL_ISSUE_HEADER_NONE, "%s", "");
    if (!mb->block) {
        haul_status_clear(&mb->status);
        haul_status_parse(p, n, &mb->status);
    }
    haul_header_fill(m, p, n, true);
    m->may_grow = mb->last || !mb->ended;
    if (mb->ended) {
        m->size = mb->end - mb->content_at - (mb->no_unquote ? 0 : mb->quoted);
        m->set |= HAUL_SET_SIZE;
    }
}

static void start_message(haul_mbox *mb)
{
    mb->content_at = mb->scanned = haul_in_offset(mb->in);
    mb->quoted = mb->lands_at = 0;
    mb->ended = mb->last = false;
    mb->resolved = true;
    mb->line_start = true;
    mb->quoted_all = mb->quoting == HAUL_MBOX_RD;
    mb->no_unquote = mb->quoting == HAUL_MBOX_NONE;
    mb->no_final = false;
}

/* What the block or the message's own header says about length and quoting. */
static void apply_block(haul_mbox *mb, const meta *mt, const haul_str *fields, const window *w)
{
    haul_span value;
    const char *p = mb->block ? haul_strz(fields) : w->p;
    size_t n = mb->block ? fields->len : (size_t)(mb->header_end - w->base);
    if (mt->raw)
        mb->header_end = mb->content_at;
    if (mb->eol == '\n' && haul_header_find(p, n, "Content-Length", &value))
        set_length(mb, value);
    mb->quoted_all |= mt->quoted || mt->raw;
    mb->no_unquote |= mt->no_quote;
    mb->no_final = mt->no_final;
    if (mb->block) {
        haul_status_clear(&mb->status);
        haul_status_parse(p, n, &mb->status);
    }
}

static haul_rc open_message(haul_mbox *mb, haul_msg *m, haul_err *e)
{
    haul_auto_str fields = {0};
    meta mt = {0};
    window w;
    bool leading = !mb->at_from;
    haul_str_clear(&mb->from);
    mb->sep_at = haul_in_offset(mb->in);
    haul_rc rc = leading ? HAUL_OK : take_from(mb, m, e);
    if (rc == HAUL_OK)
        rc = take_block(mb, &fields, &mt, e);
    if (rc != HAUL_OK)
        return rc;
    mb->leading = leading;
    if (leading)
        haul_msg_issue(m, HAUL_ISSUE_MBOX_LEADING_TEXT, "%s", "");
    start_message(mb);
    rc = find_header(mb, m, &w, e);
    if (rc != HAUL_OK)
        return rc;
    uint64_t header_end = mb->header_end;
    apply_block(mb, &mt, &fields, &w);
    rc = find_end(mb, m, &w, e);
    if (rc != HAUL_OK)
        return rc;
    if (mt.raw) /* the octets may still look like a header */
        mb->header_end = mb->ended && header_end > mb->end ? mb->end : header_end;
    fill(mb, m, &w);
    if (mt.raw)
        mb->header_end = mb->content_at;
    return HAUL_OK;
}

haul_rc haul_mbox_next(haul_mbox *mb, haul_msg *m, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (!mb->begun) {
        rc = begin(mb, e);
    } else if (!mb->done) {
        rc = haul_mbox_body(mb, NULL, NULL, e);
        mb->done = mb->last;
        mb->at_from = true;
    }
    if (rc != HAUL_OK)
        return rc;
    return mb->done ? HAUL_END : open_message(mb, m, e);
}

/* ── body ── */

static bool drops_quote(const haul_mbox *mb, const char *p, const char *end, uint64_t at)
{
    bool more;
    return p < end && haul_mbox_is_quoted(p, (size_t)(end - p), &more) && loses_quote(mb, p, at);
}

/* Push p[0..n) without the first '>' of quoted lines; octets up to wend may be looked at. */
static haul_rc push(haul_mbox *mb, const window *w, size_t n, haul_out *to, haul_err *e)
{
    const char *s = w->p, *end = s + n, *wend = w->p + w->n;
    haul_rc rc = HAUL_OK;
    if (mb->no_unquote || (mb->ended && !mb->quoted))
        return haul_out_write(to, s, n, e);
    if (mb->line_start && drops_quote(mb, s, wend, w->base))
        s++;
    for (const char *q = s; rc == HAUL_OK && (q = haul_mbox_find(q, end, mb->eol)); q++) {
        if (!drops_quote(mb, q + 1, wend, w->base + (uint64_t)(q + 1 - w->p)))
            continue;
        rc = haul_out_write(to, s, (size_t)(q + 1 - s), e);
        s = q + 2;
    }
    mb->line_start = n && end[-1] == mb->eol;
    return rc == HAUL_OK && s < end ? haul_out_write(to, s, (size_t)(end - s), e) : rc;
}

/* The message goes on beyond the window: leave out a last line that may turn out to be quoted. */
static size_t without_partial(const haul_mbox *mb, const window *w)
{
    bool more;
    size_t at = w->n;
    while (at && w->n - at <= HAUL_MBOX_QUOTE_MAX + 5 && w->p[at - 1] != mb->eol)
        at--;
    haul_mbox_is_quoted(w->p + at, w->n - at, &more);
    return more && !mb->no_unquote && !w->eof && (at || mb->line_start) ? at : w->n;
}

/* How many octets of the window are certainly this message's. */
static size_t ready(const haul_mbox *mb, const window *w)
{
    uint64_t stop = mb->ended ? mb->end : mb->scanned;
    if (!mb->ended)
        stop = stop > mb->content_at + KEEP ? stop - KEEP : mb->content_at;
    if (stop <= w->base)
        return 0;
    return stop - w->base <= w->n ? (size_t)(stop - w->base) : without_partial(mb, w);
}

/* The separator's own octets: an empty line, and a line end that was not the message's. */
static haul_rc skip_to_next(haul_mbox *mb, haul_err *e)
{
    window w;
    while (haul_in_offset(mb->in) < mb->next_at) {
        haul_rc rc = look(mb, 1, &w, e);
        if (rc != HAUL_OK)
            return rc;
        uint64_t left = mb->next_at - w.base;
        haul_in_consume(mb->in, left < w.n ? (size_t)left : w.n);
    }
    return HAUL_OK;
}

haul_rc haul_mbox_body(haul_mbox *mb, haul_msg *m, haul_out *to, haul_err *e)
{
    window w;
    size_t need = HAUL_MBOX_LOOK;
    while (!mb->ended || haul_in_offset(mb->in) < mb->end) {
        haul_rc rc = look(mb, need, &w, e);
        if (rc != HAUL_OK)
            return rc;
        if (!mb->ended) {
            scan(mb, m, &w, &need);
            if (mb->ended)
                drop_final(mb, &w);
        }
        size_t n = ready(mb, &w);
        rc = to ? push(mb, &w, n, to, e) : HAUL_OK;
        if (rc != HAUL_OK)
            return rc;
        if (!n && need <= w.n)
            need = w.n + 1;
        haul_in_consume(mb->in, n);
        need -= need > n ? n : need;
        if (need < HAUL_MBOX_LOOK)
            need = HAUL_MBOX_LOOK;
    }
    return skip_to_next(mb, e);
}
