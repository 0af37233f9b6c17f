#include "mime/repair.h"

#include "base/utf.h"
#include "mime/header.h"
#include "mime/mend.h"
#include "mime/transfer.h"

#include <string.h>

#define NAMES_SHOWN 200u

/* ── the message in memory ── */

typedef struct memory {
    haul_out out;
    haul_str s;
} memory;

static haul_rc memory_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((memory *)o)->s, p, n);
    return HAUL_OK;
}

/* A message whose lines are all ended by CR: anything else would be one long line. */
static void all_lines_cr(haul_mend *m, const haul_spool_facts *f, haul_str *s)
{
    if (f->lf || f->crlf || !f->bare_cr || !(m->faults & HAUL_FAULT_BARE_CR))
        return;
    haul_auto_str lines = {0};
    haul_text_crlf(&lines, (haul_span){s->p, s->len});
    haul_str_clear(s);
    haul_str_add(s, lines.p, lines.len);
    m->cr_made += f->bare_cr;
    m->changes++;
}

/* ── parts ── */

/* Binary contents keep a bare LF when the source shows by CRLF elsewhere that it can tell the two apart. */
static bool lines_are_text(const haul_mend *m, const haul_piece *e)
{
    return e->encoding != HAUL_WALK_BINARY && !m->has_crlf;
}

static uint64_t count_nul(const haul_mend *m, haul_span s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len && m->faults & HAUL_FAULT_NUL; i++)
        n += !s.p[i];
    return n;
}

static haul_rc encode(haul_mend *m, const haul_piece *e, bool qp, haul_err *err)
{
    haul_transfer t;
    haul_rc rc;
    m->nul_encoded += count_nul(m, e->body);
    m->skip_end = !qp && e->delimited && e->body.len;
    haul_transfer_init(&t, qp, m->to);
    if (qp)
        rc = haul_mend_lines(m, e->body, HAUL_MEND_KEEP, &t.out, err);
    else if (lines_are_text(m, e))
        rc = haul_mend_copy(m, e->body, &t.out, err);
    else
        rc = haul_out_write(&t.out, e->body.p, e->body.len, err);
    if (rc == HAUL_OK)
        rc = haul_transfer_end(&t, err);
    haul_transfer_done(&t);
    return rc;
}

static bool has_nul(const haul_mend *m, haul_span s)
{
    return m->faults & HAUL_FAULT_NUL && s.len && memchr(s.p, 0, s.len);
}

/* The encoding a leaf gets, NULL = it stays in its own. */
static const char *new_encoding(const haul_mend *m, const haul_piece *e)
{
    bool plain = e->encoding == HAUL_WALK_PLAIN || e->encoding == HAUL_WALK_BINARY;
    if (!e->leaf || !plain || !haul_mend_needed(m, e->body, false))
        return NULL;
    if (e->class == HAUL_WALK_OCTETS || e->class == HAUL_WALK_WIDE)
        return "base64";
    if (e->class != HAUL_WALK_TEXT)
        return NULL; /* RFC 2046 5.2: not of a message, nor of a multipart */
    bool cr = m->faults & HAUL_FAULT_BARE_CR;
    return has_nul(m, e->body) || haul_mend_is_long(m, e->body, cr) ? "quoted-printable" : NULL;
}

static haul_mend_how how_of(const haul_piece *e)
{
    switch (e->encoding) {
    case HAUL_WALK_QP:
        return e->class == HAUL_WALK_TEXT ? HAUL_MEND_QP : HAUL_MEND_QP_CR;
    case HAUL_WALK_BASE64:
        return HAUL_MEND_BASE64;
    case HAUL_WALK_UNKNOWN:
        return HAUL_MEND_WHOLE;
    default:
        return HAUL_MEND_TEXT;
    }
}

static void list_part(haul_mend *m, const haul_piece *e, const char *cte)
{
    m->parts++;
    m->changes++;
    if (m->part_names.len > NAMES_SHOWN)
        return;
    haul_str_addf(&m->part_names, "%s%s%s (%s) as %s", m->part_names.len ? ", " : "",
                  *e->path ? "part " : "the body", e->path, e->type, cte);
}

static const char *guess_charset(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return haul_utf8_valid(s.p, s.len) ? "utf-8" : "windows-1252";
    return "us-ascii";
}

/* What an encoding needs beside it, in the header of a message. */
static haul_rc add_fields(haul_mend *m, const haul_piece *e, haul_err *err)
{
    haul_auto_str text = {0};
    haul_span value;
    if (!e->message)
        return HAUL_OK;
    if (!haul_header_find(e->header.p, e->header.len, "mime-version", &value))
        haul_str_addz(&text, "MIME-Version: 1.0\r\n");
    if (!e->typed)
        haul_str_addf(&text, "Content-Type: text/plain; charset=%s\r\n", guess_charset(e->body));
    if (text.len && m->added.len < NAMES_SHOWN)
        haul_str_addf(&m->added, "%s%.*s", m->added.len ? ", " : "", (int)(text.len - 2), text.p);
    for (size_t i = 0; i < m->added.len; i++)
        if (m->added.p[i] == '\r' || m->added.p[i] == '\n')
            m->added.p[i] = m->added.p[i] == '\r' ? ',' : ' ';
    return haul_out_write(m->to, text.p, text.len, err);
}

/* Text that no empty line parts from the header is header to the target. */
static bool reads_as_header(const haul_mend *m, haul_span text)
{
    haul_mend high = {.faults = m->faults & HAUL_FAULT_HEADER_8BIT};
    size_t n = haul_header_length(text.p, text.len);
    return m->faults & HAUL_FAULT_HEADER_MALFORMED ||
           haul_mend_needed(&high, (haul_span){text.p, n ? n : text.len}, true);
}

static haul_rc put_header(haul_mend *m, const haul_piece *e, bool top, const char *cte, haul_err *err)
{
    haul_rc rc = haul_mend_header(m, e, top, cte, err);
    if (rc == HAUL_OK && cte)
        rc = add_fields(m, e, err);
    haul_span rest = {e->header.p + e->header.len, (size_t)(m->end - e->header.p) - e->header.len};
    bool missing = !e->blank.len && rest.len && (cte || (top && reads_as_header(m, rest)));
    m->separators += missing;
    m->changes += missing;
    if (rc == HAUL_OK && missing)
        rc = haul_out_write(m->to, "\r\n", 2, err);
    return rc == HAUL_OK ? haul_mend_lines(m, e->blank, HAUL_MEND_KEEP, m->to, err) : rc;
}

/* CRs between a text and the line end of its delimiter belong to that line end. */
static void trim_crs(haul_mend *m, haul_piece *e)
{
    bool text = e->class == HAUL_WALK_TEXT || e->class == HAUL_WALK_MESSAGE;
    while (text && e->delimited && m->faults & HAUL_FAULT_BARE_CR && e->body.len &&
           e->body.p[e->body.len - 1] == '\r') {
        e->body.len--;
        m->cr_dropped++;
        m->changes++;
    }
}

static haul_rc put_entity(haul_mend *m, haul_piece *e, bool top, haul_err *err)
{
    uint64_t before = m->changes;
    trim_crs(m, e);
    const char *cte = new_encoding(m, e);
    bool qp = cte && *cte == 'q';
    haul_rc rc = put_header(m, e, top, cte, err);
    if (rc == HAUL_OK && cte) {
        list_part(m, e, cte);
        rc = encode(m, e, qp, err);
    } else if (rc == HAUL_OK && haul_mend_needed(m, e->body, false)) {
        rc = haul_mend_lines(m, e->body, how_of(e), m->to, err);
    } else if (rc == HAUL_OK) {
        rc = haul_mend_copy(m, e->body, m->to, err);
    }
    if (e->is_signed && m->changes != before && !m->signatures.len)
        haul_str_addf(&m->signatures, "the signature over part %s no longer holds", e->path);
    return rc;
}

static haul_rc put_between(haul_mend *m, const haul_piece *e, haul_err *err)
{
    haul_span line = e->delimiter, between = e->between;
    if (m->skip_end) {
        const char *lf = memchr(between.p, '\n', between.len);
        size_t n = lf ? (size_t)(lf - between.p) + 1 : 0;
        between = (haul_span){between.p + n, between.len - n};
    }
    m->skip_end = false;
    haul_rc rc = haul_mend_needed(m, between, false) ? haul_mend_lines(m, between, HAUL_MEND_TEXT, m->to, err)
                                                     : haul_mend_copy(m, between, m->to, err);
    if (rc != HAUL_OK || !line.len || !haul_mend_needed(m, line, false))
        return rc == HAUL_OK ? haul_mend_copy(m, line, m->to, err) : rc;
    m->lines_broken++; /* blanks behind a delimiter mean nothing */
    m->changes++;
    line = haul_span_trim(line);
    rc = haul_out_write(m->to, line.p, line.len, err);
    return rc == HAUL_OK ? haul_out_write(m->to, "\r\n", 2, err) : rc;
}

static haul_rc put_all(haul_mend *m, haul_span all, haul_err *e)
{
    haul_auto(haul_walk) *w = haul_walk_new(all);
    haul_piece p;
    haul_rc rc = HAUL_OK;
    for (bool top = true; rc == HAUL_OK && haul_walk_next(w, &p); top = false) {
        if (top)
            m->cp = p.cp;
        rc = p.entity ? put_entity(m, &p, top, e) : put_between(m, &p, e);
    }
    return rc;
}

/* ── what was done ── */

static void say(haul_str *to, uint64_t n, const char *what, const char *done)
{
    if (!n)
        return;
    haul_str_addz(to, to->len ? "; " : "");
    haul_say_count(to, n, what);
    haul_str_addf(to, " %s", done);
}

static void say_list(haul_str *to, const haul_str *names, const char *format_before, const char *behind)
{
    if (names->len)
        haul_str_addf(to, "%s%s%s%s", to->len ? "; " : "", format_before, names->p, behind);
}

static void say_nul(haul_str *to, const haul_mend *m)
{
    if (m->nul_removed) {
        say(to, m->nul_removed, "NUL octet", "removed, the first at octet ");
        haul_say_number(to, m->nul_first);
    }
    say(to, m->nul_encoded, "NUL octet", "encoded");
}

static void say_lines(haul_str *to, const haul_mend *m)
{
    say(to, m->cr_made, "carriage return", "made line ends");
    say(to, m->cr_dropped, "carriage return", "dropped in front of line ends");
    say(to, m->cr_blank, "carriage return", "in the header made blanks");
    say(to, m->lines_broken, "long line", "broken");
    say(to, m->separators, "empty line", "put between header and text");
    say(to, m->ends, "line end", "added behind the header");
    say(to, m->lines_kept, "line", "of the header, no fields, kept as X-Mailhaul-Line");
    say(to, m->colons, "blank", "before a colon removed");
}

static void say_what(haul_str *to, const haul_mend *m)
{
    haul_auto_str s = {0};
    say_nul(&s, m);
    say_lines(&s, m);
    say_list(&s, &m->field_names, "written anew: ", "");
    say_list(&s, &m->part_names, "encoded: ", m->part_names.len > NAMES_SHOWN ? " …" : "");
    say_list(&s, &m->added, "added: ", "");
    say_list(&s, &m->signatures, "", "");
    haul_auto_str utf8 = {0};
    haul_utf8_clean(&utf8, haul_strz(&s), s.len, true);
    size_t n = utf8.len;
    if (n > HAUL_REPAIR_WHAT)
        for (n = HAUL_REPAIR_WHAT; n && ((unsigned char)utf8.p[n] & 0xC0) == 0x80;)
            n--;
    haul_str_add(to, haul_strz(&utf8), n);
    haul_str_addz(to, n < utf8.len ? "…" : "");
}

static void mend_done(haul_mend *m)
{
    haul_str_done(&m->field_names);
    haul_str_done(&m->part_names);
    haul_str_done(&m->added);
    haul_str_done(&m->signatures);
}

haul_rc haul_repair(haul_spool *from, unsigned faults, const haul_limits *l, haul_out *to, haul_str *what,
                    haul_err *e)
{
    const haul_spool_facts *f = haul_spool_get_facts(from);
    memory in = {.out = {memory_write}};
    haul_mend m = {.faults = faults & HAUL_FAULTS_MENDED,
                   .line_max = l->line_max ? l->line_max : SIZE_MAX,
                   .to = to,
                   .has_crlf = f->crlf > 0};
    m.faults |= m.faults & HAUL_FAULT_LOST_CR ? HAUL_FAULT_BARE_CR : 0;
    if (f->size > HAUL_REPAIR_MAX)
        return haul_fail(e, HAUL_SKIP, "messages over %u MiB are not repaired",
                         HAUL_REPAIR_MAX / 1024 / 1024);
    haul_str_room(&in.s, (size_t)f->size + 1);
    haul_rc rc = haul_spool_copy(from, HAUL_EOL_KEEP, &in.out, e);
    if (rc == HAUL_OK) {
        all_lines_cr(&m, f, &in.s);
        m.start = haul_strz(&in.s);
        m.end = m.start + in.s.len;
        rc = put_all(&m, (haul_span){m.start, in.s.len}, e);
    }
    if (rc == HAUL_OK)
        say_what(what, &m);
    mend_done(&m);
    haul_str_done(&in.s);
    return rc;
}
