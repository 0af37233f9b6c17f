/* Header sections, written anew field by field. */
#include "mime/encode.h"
#include "mime/header.h"
#include "mime/mend.h"

#include <string.h>

#define NAMES_SHOWN 200u /* octets of a list of names in a text */

typedef struct field {
    haul_span raw;  /* its line and the folds behind it */
    haul_str clean; /* without NUL and the CRs in front of line ends, where these are faults */
    haul_line_kind kind;
    bool unended; /* the message ends in it, without a line end */
} field;

static void list(haul_str *to, const char *p, size_t n)
{
    if (to->len > NAMES_SHOWN)
        return;
    haul_str_addz(to, to->len ? ", " : "");
    if (to->len > NAMES_SHOWN)
        haul_str_addz(to, "…");
    else
        haul_str_add(to, p, n < 60 ? n : 60);
}

static size_t line_end(haul_span s, size_t at)
{
    const char *lf = at < s.len ? memchr(s.p + at, '\n', s.len - at) : NULL;
    return lf ? (size_t)(lf - s.p) + 1 : s.len;
}

/* The field at *at with its folds. */
static haul_span next_field(haul_span s, size_t *at)
{
    size_t start = *at, end = line_end(s, start);
    while (end < s.len && (s.p[end] == ' ' || s.p[end] == '\t'))
        end = line_end(s, end);
    *at = end;
    return (haul_span){s.p + start, end - start};
}

static size_t trailing_crs(const haul_str *s)
{
    size_t n = 0;
    while (n < s->len && s->p[s->len - 1 - n] == '\r')
        n++;
    return n;
}

/* Its lines end in CRLF. */
static void clean(haul_mend *m, field *f)
{
    bool cr = m->faults & HAUL_FAULT_BARE_CR, nul = m->faults & HAUL_FAULT_NUL;
    haul_str_room(&f->clean, f->raw.len + 2);
    for (size_t i = 0; i < f->raw.len; i++) {
        char c = f->raw.p[i];
        if (nul && !c) {
            haul_mend_note_nul(m, f->raw.p + i, 1);
            continue;
        }
        size_t crs = c == '\n' ? trailing_crs(&f->clean) : 0, drop = cr && crs > 1 ? crs - 1 : 0;
        f->clean.len -= drop;
        m->cr_dropped += drop;
        m->changes += drop > 0;
        if (c == '\n' && !crs)
            haul_str_addc(&f->clean, '\r');
        haul_str_addc(&f->clean, c);
    }
    f->unended = !f->clean.len || f->clean.p[f->clean.len - 1] != '\n';
    if (f->unended)
        haul_str_addz(&f->clean, "\r\n");
    f->kind = haul_line_is(f->clean.p, line_end((haul_span){f->clean.p, f->clean.len}, 0));
}

static haul_span without_end(const field *f)
{
    haul_span s = {f->clean.p, f->clean.len};
    if (s.len && s.p[s.len - 1] == '\n')
        s.len--;
    if (s.len && s.p[s.len - 1] == '\r')
        s.len--;
    return s;
}

static void count_crs(haul_mend *m, haul_span s)
{
    for (size_t i = 0; i < s.len && m->faults & HAUL_FAULT_BARE_CR; i++)
        m->cr_blank += s.p[i] == '\r' && (i + 1 == s.len || s.p[i + 1] != '\n');
}

static haul_rc keep(haul_mend *m, haul_span name, haul_span value, haul_err *e)
{
    haul_auto_str text = {0};
    count_crs(m, value);
    m->changes++;
    haul_field_keep(&text, name, value, m->cp);
    return haul_out_write(m->to, text.p, text.len, e);
}

/* What is no field becomes the text of one. */
static haul_rc put_other(haul_mend *m, const field *f, haul_err *e)
{
    haul_auto_str value = {0};
    haul_span text = without_end(f);
    haul_str_addc(&value, ' ');
    haul_str_add(&value, text.p, text.len);
    m->lines_kept++;
    return keep(m, (haul_span){"X-Mailhaul-Line", 15}, (haul_span){value.p, value.len}, e);
}

static haul_rc put_field(haul_mend *m, const field *f, bool faulty, bool top, haul_err *e)
{
    haul_span all = without_end(f);
    const char *colon = memchr(all.p, ':', all.len);
    haul_span name = {all.p, (size_t)(colon - all.p)}, value = {colon + 1, all.len - name.len - 1};
    while (name.p[name.len - 1] == ' ' || name.p[name.len - 1] == '\t')
        name.len--;
    bool taken = f->clean.len > 5 && memcmp(f->clean.p, "From ", 5) == 0; /* "From :" is no fault */
    bool blanks = top && m->faults & HAUL_FAULT_HEADER_MALFORMED && name.p + name.len < colon && !taken;
    m->colons += blanks;
    m->changes += blanks;
    if (faulty) {
        m->fields++;
        list(&m->field_names, name.p, name.len);
        return keep(m, name, value, e);
    }
    haul_rc rc = haul_out_write(m->to, name.p, blanks ? name.len : (size_t)(colon - name.p), e);
    size_t rest = f->clean.len - (size_t)(colon - f->clean.p);
    return rc == HAUL_OK ? haul_out_write(m->to, colon, rest, e) : rc;
}

/* NULs that are no fault to this target, but make a name none. */
static bool nul_in_name(const field *f)
{
    return memchr(f->clean.p, 0, (size_t)((char *)memchr(f->clean.p, ':', f->clean.len) - f->clean.p));
}

static haul_rc put(haul_mend *m, field *f, bool top, haul_err *e)
{
    bool bad = top && m->faults & HAUL_FAULT_HEADER_MALFORMED;
    clean(m, f);
    bool faulty = haul_mend_needed(m, (haul_span){f->clean.p, f->clean.len}, top);
    m->ends += f->unended && bad;
    m->changes += f->unended && bad;
    if (f->unended && !bad)
        f->clean.len -= 2;
    switch (f->kind) {
    case HAUL_LINE_BLANK: /* a line of NULs: it must not end the header */
        return HAUL_OK;
    case HAUL_LINE_FIELD:
        if (!bad || !nul_in_name(f))
            return put_field(m, f, faulty, top, e);
        break;
    case HAUL_LINE_OTHER:
        bad |= faulty;
        break;
    default: /* a fold at the very beginning, an mbox line */
        bad = faulty || (bad && !f->clean.p[0]);
        break;
    }
    return bad ? put_other(m, f, e) : haul_out_write(m->to, f->clean.p, f->clean.len, e);
}

static bool is_encoding(haul_span raw)
{
    const char *colon = memchr(raw.p, ':', raw.len);
    return colon && haul_span_is(haul_span_trim((haul_span){raw.p, (size_t)(colon - raw.p)}),
                                 "content-transfer-encoding");
}

static haul_rc put_encoding(haul_mend *m, const char *cte, haul_err *e)
{
    haul_auto_str text = {0};
    haul_str_addf(&text, "Content-Transfer-Encoding: %s\r\n", cte);
    return haul_out_write(m->to, text.p, text.len, e);
}

haul_rc haul_mend_header(haul_mend *m, const haul_piece *e, bool top, const char *cte, haul_err *err)
{
    haul_rc rc = HAUL_OK;
    haul_span has;
    bool add = cte && !haul_header_find(e->header.p, e->header.len, "content-transfer-encoding", &has);
    bool said = false;
    for (size_t at = 0; at < e->header.len && rc == HAUL_OK;) {
        field f = {.raw = next_field(e->header, &at)};
        bool encoding = cte && !add && is_encoding(f.raw),
             stray = add && haul_line_is(f.raw.p, f.raw.len) == HAUL_LINE_OTHER;
        if ((encoding || stray) &&
            !said) /* further ones meant nothing; some readers end the header at a stray line */
            rc = put_encoding(m, cte, err);
        said |= encoding || stray;
        if (rc == HAUL_OK && !encoding)
            rc = put(m, &f, top, err);
        haul_str_done(&f.clean);
    }
    return rc == HAUL_OK && cte && !said ? put_encoding(m, cte, err) : rc;
}
