/* Lines of contents, written anew. */
#include "mime/mend.h"

#include <string.h>

#define BASE64_LINE 76u
#define QP_LINE     75u /* and the "=" of a soft line end */

static const char *find(haul_span s, size_t from, char c)
{
    return from < s.len ? memchr(s.p + from, c, s.len - from) : NULL;
}

void haul_mend_note_nul(haul_mend *m, const char *at, uint64_t n)
{
    if (!m->nul_removed)
        m->nul_first = (uint64_t)(at - m->start);
    m->nul_removed += n;
    m->changes++;
}

/* ── lines as they are read ── */

typedef struct line {
    haul_span text;
    size_t dropped; /* CRs in front of its line end */
    bool ended, by_cr;
} line;

typedef struct reading {
    haul_span s;
    size_t at, run_end; /* of the CRs last looked at, so that no long row of them is looked at twice */
    bool cr;            /* a bare CR ends a line as well, and CRs in front of a line end are no part of it */
} reading;

static bool is_lf(const reading *r, size_t i)
{
    return i < r->s.len && r->s.p[i] == '\n';
}

static size_t run_end(reading *r, size_t i)
{
    if (r->run_end <= i)
        for (r->run_end = i; r->run_end < r->s.len && r->s.p[r->run_end] == '\r';)
            r->run_end++;
    return r->run_end;
}

static line next_crs(reading *r)
{
    size_t i = r->at;
    while (i < r->s.len && r->s.p[i] != '\r' && r->s.p[i] != '\n')
        i++;
    line l = {.text = {r->s.p + r->at, i - r->at}, .ended = i < r->s.len};
    size_t crs = l.ended ? run_end(r, i) : i;
    if (is_lf(r, crs)) {
        l.dropped = crs > i + 1 ? crs - i - 1 : 0;
        i = crs;
    } else {
        l.by_cr = l.ended;
    }
    r->at = i + l.ended;
    return l;
}

static line next_line(reading *r)
{
    if (r->cr)
        return next_crs(r);
    const char *p = r->s.p + r->at, *lf = find(r->s, r->at, '\n');
    line l = {.text = {p, lf ? (size_t)(lf - p) : r->s.len - r->at}, .ended = lf};
    r->at += l.text.len + l.ended;
    l.text.len -= lf && l.text.len && p[l.text.len - 1] == '\r';
    return l;
}

static bool has_bare_cr(haul_span s)
{
    const char *cr = find(s, 0, '\r');
    while (cr && cr + 1 < s.p + s.len && cr[1] == '\n')
        cr = find(s, (size_t)(cr - s.p) + 1, '\r');
    return cr;
}

bool haul_mend_is_long(const haul_mend *m, haul_span s, bool cr)
{
    if (!(m->faults & HAUL_FAULT_LONG_LINE) || s.len <= m->line_max)
        return false;
    reading r = {.s = s, .cr = cr};
    while (r.at < s.len)
        if (next_line(&r).text.len > m->line_max)
            return true;
    return false;
}

static bool has_8bit(haul_span s)
{
    unsigned char any = 0;
    for (size_t i = 0; i < s.len; i++)
        any |= (unsigned char)s.p[i];
    return any & 0x80;
}

bool haul_mend_needed(const haul_mend *m, haul_span s, bool header)
{
    return (m->faults & HAUL_FAULT_NUL && find(s, 0, '\0')) ||
           (m->faults & HAUL_FAULT_BARE_CR && has_bare_cr(s)) || haul_mend_is_long(m, s, false) ||
           (header && m->faults & HAUL_FAULT_HEADER_8BIT && has_8bit(s));
}

haul_rc haul_mend_copy(haul_mend *m, haul_span s, haul_out *to, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    size_t from = 0;
    (void)m;
    for (const char *lf = find(s, 0, '\n'); lf && rc == HAUL_OK; lf = find(s, (size_t)(lf - s.p) + 1, '\n')) {
        size_t at = (size_t)(lf - s.p);
        if (at && lf[-1] == '\r')
            continue;
        rc = haul_out_write(to, s.p + from, at - from, e);
        if (rc == HAUL_OK)
            rc = haul_out_write(to, "\r", 1, e);
        from = at;
    }
    return rc == HAUL_OK ? haul_out_write(to, s.p + from, s.len - from, e) : rc;
}

/* ── lines as they are written ── */

static bool is_qp(haul_mend_how how)
{
    return how == HAUL_MEND_QP || how == HAUL_MEND_QP_CR;
}

/* The line without what it must not hold. */
static void clean_line(haul_mend *m, haul_span s, haul_mend_how how, haul_str *to)
{
    size_t from = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool nul = !s.p[i] && m->faults & HAUL_FAULT_NUL;
        bool cr = s.p[i] == '\r' && how == HAUL_MEND_QP_CR && m->faults & HAUL_FAULT_BARE_CR;
        if (!nul && !cr)
            continue;
        haul_str_add(to, s.p + from, i - from);
        from = i + 1;
        if (is_qp(how)) {
            haul_str_addz(to, nul ? "=00" : "=0D");
            m->nul_encoded += nul;
            m->changes++;
        } else {
            haul_mend_note_nul(m, s.p + i, 1);
            n++;
        }
    }
    haul_str_add(to, s.p + from, s.len - from);
}

/* Octets of the first piece of a line that is too long. */
static size_t cut_at(const haul_mend *m, haul_span s, haul_mend_how how)
{
    size_t n = how == HAUL_MEND_BASE64 ? BASE64_LINE : is_qp(how) ? QP_LINE : m->line_max;
    n = is_qp(how) && n > m->line_max - 1 ? m->line_max - 1 : n > m->line_max ? m->line_max : n;
    if (is_qp(how) && n > 3)
        for (size_t back = 1; back <= 2; back++)
            if (s.p[n - back] == '=')
                return n - back;
    for (size_t i = n; how == HAUL_MEND_TEXT && i > n / 2; i--)
        if (s.p[i] == ' ') /* in front of it: what is a field (message/delivery-status) is folded */
            return i;
    return n ? n : 1;
}

static haul_rc put_broken(haul_mend *m, haul_span s, haul_mend_how how, haul_out *to, haul_err *e)
{
    const char *end = is_qp(how) ? "=\r\n" : "\r\n";
    haul_rc rc = HAUL_OK;
    while (s.len > m->line_max && rc == HAUL_OK) {
        do { /* once begun, an encoded line is broken as it would have been */
            size_t n = cut_at(m, s, how);
            rc = haul_out_write(to, s.p, n, e);
            if (rc == HAUL_OK)
                rc = haul_out_write(to, end, strlen(end), e);
            s = (haul_span){s.p + n, s.len - n};
        } while (rc == HAUL_OK && how != HAUL_MEND_TEXT && s.len > (is_qp(how) ? QP_LINE + 1 : BASE64_LINE));
    }
    m->lines_broken++;
    m->changes++;
    return rc == HAUL_OK ? haul_out_write(to, s.p, s.len, e) : rc;
}

static haul_rc put_line(haul_mend *m, haul_span s, haul_mend_how how, haul_out *to, haul_err *e)
{
    haul_auto_str clean = {0};
    bool nul = m->faults & HAUL_FAULT_NUL && find(s, 0, '\0');
    bool cr = m->faults & HAUL_FAULT_BARE_CR && how == HAUL_MEND_QP_CR && find(s, 0, '\r');
    if (how != HAUL_MEND_KEEP && (nul || cr)) {
        clean_line(m, s, how, &clean);
        s = (haul_span){haul_strz(&clean), clean.len};
    }
    bool breaks = m->faults & HAUL_FAULT_LONG_LINE && how != HAUL_MEND_KEEP && how != HAUL_MEND_WHOLE;
    return breaks && s.len > m->line_max ? put_broken(m, s, how, to, e) : haul_out_write(to, s.p, s.len, e);
}

haul_rc haul_mend_lines(haul_mend *m, haul_span s, haul_mend_how how, haul_out *to, haul_err *e)
{
    reading r = {.s = s, .cr = m->faults & HAUL_FAULT_BARE_CR && how != HAUL_MEND_QP_CR};
    haul_rc rc = HAUL_OK;
    while (r.at < s.len && rc == HAUL_OK) {
        line l = next_line(&r);
        m->cr_dropped += l.dropped;
        m->cr_made += l.by_cr;
        m->changes += l.dropped || l.by_cr;
        rc = put_line(m, l.text, how, to, e);
        if (rc == HAUL_OK && l.ended)
            rc = haul_out_write(to, "\r\n", 2, e);
    }
    return rc;
}
