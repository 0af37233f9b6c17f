#include "mime/faults.h"

#include <string.h>

#define NAME_SHOWN  60u /* octets of a field name in a text */
#define NAMES_SHOWN 3u

typedef enum place { AT_START, IN_NAME, IN_VALUE, IN_CRS } place;

typedef struct scan { /* fed with any pieces of a body */
    haul_out out;
    unsigned want;
    uint32_t line_max;
    bool header, done;
    place at;
    bool bad, high_field;  /* this line is no field; this field has been named */
    bool last_cr, two_cr;  /* the last octets of this line are such */
    uint64_t line, length; /* from 1; octets so far */
    char name[NAME_SHOWN + 1];
    size_t name_len;
    uint64_t bad_lines, bad_first, long_lines, long_first, long_length;
    uint64_t lost_crs;
    bool unended; /* nothing but header, and no line end behind it */
    size_t high_fields;
    haul_str high; /* names of the first ones */
} scan;

static bool is_ftext(unsigned char c)
{
    return c > 32 && c < 127 && c != ':';
}

static void add_name(scan *s, char c)
{
    if (s->name_len < NAME_SHOWN)
        s->name[s->name_len++] = c;
}

/* One octet of the header section. */
static void header_octet(scan *s, unsigned char c)
{
    switch (s->at) {
    case AT_START:
        if (c == '\r') {
            s->at = IN_CRS;
        } else if (c == ' ' || c == '\t') {
            s->at = IN_VALUE; /* a fold: the field is the last one's */
        } else {
            s->name_len = 0;
            s->high_field = false;
            s->bad = !is_ftext(c);
            s->at = s->bad ? IN_VALUE : IN_NAME;
            if (!s->bad)
                add_name(s, (char)c);
        }
        break;
    case IN_NAME:
        if (is_ftext(c)) {
            add_name(s, (char)c);
            break;
        }
        s->bad = c != ':' && !(c == ' ' && s->name_len == 4 && memcmp(s->name, "From", 4) == 0);
        s->at = IN_VALUE;
        break;
    case IN_CRS:
        s->bad = c != '\r';
        s->at = s->bad ? IN_VALUE : IN_CRS;
        break;
    case IN_VALUE:
        break;
    }
}

static void note_high(scan *s)
{
    if (s->high_field)
        return;
    s->high_field = true;
    if (s->high_fields++ >= NAMES_SHOWN)
        return;
    haul_str_addz(&s->high, s->high.len ? ", " : "");
    haul_str_add(&s->high, s->name_len ? s->name : "(no field)", s->name_len ? s->name_len : 10);
}

static void header_piece(scan *s, const char *p, size_t n)
{
    size_t i = 0;
    for (; i < n && s->at != IN_VALUE; i++) {
        header_octet(s, (unsigned char)p[i]);
        if ((unsigned char)p[i] >= 0x80)
            note_high(s);
    }
    if (!(s->want & HAUL_FAULT_HEADER_8BIT))
        return;
    for (; i < n && !s->high_field; i++)
        if ((unsigned char)p[i] >= 0x80)
            note_high(s);
}

static void piece(scan *s, const char *p, size_t n)
{
    if (!n)
        return;
    s->length += n;
    s->two_cr = p[n - 1] == '\r' && (n > 1 ? p[n - 2] == '\r' : s->last_cr);
    s->last_cr = p[n - 1] == '\r';
    if (s->header)
        header_piece(s, p, n);
}

static void line_end(scan *s)
{
    uint64_t length = s->length - s->last_cr;
    if (s->header && (s->at == AT_START || s->at == IN_CRS)) {
        s->header = false;
        s->done = !(s->want & (HAUL_FAULT_LONG_LINE | HAUL_FAULT_LOST_CR));
    } else if (s->header && (s->bad || s->at == IN_NAME)) {
        s->bad_first = s->bad_lines++ ? s->bad_first : s->line;
    }
    if (length > s->line_max && !s->long_lines++) {
        s->long_first = s->line;
        s->long_length = length;
    }
    s->lost_crs += s->two_cr;
    s->line++;
    s->length = 0;
    s->last_cr = s->two_cr = s->bad = false;
    s->at = AT_START;
}

static haul_rc scan_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    scan *s = (scan *)o; /* out is its first member */
    const char *at = p, *end = at + n, *lf;
    while (!s->done && (lf = memchr(at, '\n', (size_t)(end - at)))) {
        piece(s, at, (size_t)(lf - at));
        line_end(s);
        at = lf + 1;
    }
    if (s->done)
        return haul_fail(e, HAUL_E_INTERRUPTED, "enough");
    piece(s, at, (size_t)(end - at));
    return HAUL_OK;
}

static void scan_end(scan *s)
{
    if (!s->length || s->done)
        return;
    s->unended = s->header;
    s->two_cr = s->last_cr; /* the end of the message counts as one of a line */
    line_end(s);
}

/* In memory as it stands, else read back from its file: no further than the header when nothing else is asked. */
static haul_rc scan_body(scan *s, haul_spool *body, haul_err *e)
{
    const char *p = "";
    size_t n = 0;
    haul_rc rc = haul_spool_head(body, HAUL_SPOOL_MEMORY, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    if (n == haul_spool_get_facts(body)->size)
        rc = scan_write(&s->out, p, n, NULL);
    else
        rc = haul_spool_copy(body, HAUL_EOL_KEEP, &s->out, e);
    if (rc != HAUL_OK && !s->done)
        return rc;
    scan_end(s);
    return HAUL_OK;
}

/* ── texts ── */

void haul_say_number(haul_str *to, uint64_t n)
{
    if (n >= 1000) {
        haul_say_number(to, n / 1000);
        haul_str_addf(to, ",%03u", (unsigned)(n % 1000));
    } else {
        haul_str_addf(to, "%u", (unsigned)n);
    }
}

void haul_say_count(haul_str *to, uint64_t n, const char *what)
{
    haul_say_number(to, n);
    haul_str_addf(to, " %s%s", what, n == 1 ? "" : "s");
}

static void say_size(haul_str *to, uint64_t n, bool exact)
{
    if (exact || n < 1000 * 1000) {
        haul_say_count(to, n, "octet");
        return;
    }
    uint64_t tenths = (n + 50000) / 100000;
    haul_say_number(to, tenths / 10);
    haul_str_addf(to, ".%u MB", (unsigned)(tenths % 10));
}

/* "26.4 MB, the server takes 25.0 MB", in octets where they would read the same. */
static void say_sizes(haul_str *to, uint64_t has, const char *what, uint64_t limit)
{
    bool exact = has >= limit && has - limit < 100000;
    say_size(to, has, exact);
    haul_str_addf(to, ", %s ", what);
    say_size(to, limit, exact);
}

static void say_long(haul_str *to, const scan *s)
{
    haul_str_addz(to, "line ");
    haul_say_number(to, s->long_first);
    haul_str_addz(to, " has ");
    haul_say_count(to, s->long_length, "octet");
    haul_str_addz(to, ", the limit is ");
    haul_say_number(to, s->line_max);
    if (s->long_lines == 1)
        return;
    haul_str_addz(to, "; so have ");
    haul_say_count(to, s->long_lines - 1, "more line");
}

static void say_malformed(haul_str *to, const scan *s)
{
    if (!s->bad_lines) {
        haul_str_addz(to, "the header has no line end behind it");
        return;
    }
    haul_str_addz(to, "line ");
    haul_say_number(to, s->bad_first);
    haul_str_addz(to, " is no header field");
    if (s->bad_lines == 1)
        return;
    haul_str_addz(to, ", and ");
    haul_say_count(to, s->bad_lines - 1, "more line");
}

static void say_high(haul_str *to, const scan *s)
{
    haul_str_addf(to, "8-bit octets in %s", haul_strz(&s->high));
    if (s->high_fields <= NAMES_SHOWN)
        return;
    haul_str_addz(to, " and ");
    haul_say_count(to, s->high_fields - NAMES_SHOWN, "more field");
}

typedef struct fact_view {
    const haul_spool_facts *facts;
    const haul_limits *limits;
    const scan *scan;
} fact_view;

static void say(haul_str *to, unsigned fault, const fact_view *v)
{
    const haul_spool_facts *f = v->facts;
    switch (fault) {
    case HAUL_FAULT_NUL:
        haul_say_count(to, f->nul, "NUL octet");
        break;
    case HAUL_FAULT_BARE_CR:
        haul_say_count(to, f->bare_cr, "carriage return");
        haul_str_addz(to, f->bare_cr == 1 ? " that ends no line" : " that end no line");
        break;
    case HAUL_FAULT_LOST_CR:
        haul_say_count(to, v->scan->lost_crs, "carriage return");
        haul_str_addz(to, " in front of a line end");
        break;
    case HAUL_FAULT_HEADER_8BIT:
        say_high(to, v->scan);
        break;
    case HAUL_FAULT_HEADER_MALFORMED:
        say_malformed(to, v->scan);
        break;
    case HAUL_FAULT_LONG_LINE:
        say_long(to, v->scan);
        break;
    case HAUL_FAULT_TOO_LARGE:
        say_sizes(to, f->size + f->lf, "the server takes", v->limits->size_max);
        break;
    case HAUL_FAULT_QUOTA:
        say_sizes(to, f->size + f->lf, "the account has room for", v->limits->room);
        break;
    default:
        haul_str_addz(to, haul_fault_text(fault));
        break;
    }
}

static const struct fault_row {
    unsigned bit;
    const char *name, *text;
} fault_rows[] = {
#define X(id, bit, name, text) {bit, name, text},
    HAUL_FAULT_LIST(X)
#undef X
};

static const struct fault_row *row_of(unsigned fault)
{
    for (size_t i = 0; i < HAUL_COUNT(fault_rows); i++)
        if (fault & fault_rows[i].bit)
            return &fault_rows[i];
    return NULL;
}

const char *haul_fault_name(unsigned fault)
{
    const struct fault_row *r = row_of(fault);
    return r ? r->name : "";
}

const char *haul_fault_text(unsigned fault)
{
    const struct fault_row *r = row_of(fault);
    return r ? r->text : "";
}

/* ── what there is ── */

static unsigned from_facts(const haul_spool_facts *f, const haul_limits *l)
{
    uint64_t size = f->size + f->lf;
    unsigned found = 0;
    found |= !f->size ? HAUL_FAULT_EMPTY : 0u;
    found |= f->nul ? HAUL_FAULT_NUL : 0u;
    found |= f->bare_cr ? HAUL_FAULT_BARE_CR : 0u;
    found |= l->size_max && size > l->size_max ? HAUL_FAULT_TOO_LARGE : 0u;
    found |= size > l->room ? HAUL_FAULT_QUOTA : 0u;
    return found & l->faults;
}

/* What only the octets can tell, as far as the facts leave it open. */
static unsigned to_scan(const haul_spool_facts *f, const haul_limits *l)
{
    unsigned want = f->size ? l->faults & HAUL_FAULT_HEADER_MALFORMED : 0u;
    want |= f->eight_bit ? l->faults & HAUL_FAULT_HEADER_8BIT : 0u;
    want |= f->bare_cr ? l->faults & HAUL_FAULT_LOST_CR : 0u;
    want |= l->line_max && f->size > l->line_max ? l->faults & HAUL_FAULT_LONG_LINE : 0u;
    return want;
}

static unsigned from_scan(const scan *s)
{
    unsigned found = 0;
    found |= s->high_fields ? HAUL_FAULT_HEADER_8BIT : 0u;
    found |= s->bad_lines || s->unended ? HAUL_FAULT_HEADER_MALFORMED : 0u;
    found |= s->long_lines ? HAUL_FAULT_LONG_LINE : 0u;
    found |= s->lost_crs ? HAUL_FAULT_LOST_CR : 0u;
    return found & s->want;
}

haul_rc haul_faults_find(haul_spool *body, const haul_limits *l, unsigned *ret, haul_str *detail, haul_err *e)
{
    const haul_spool_facts *f = haul_spool_get_facts(body);
    scan s = {.out = {scan_write},
              .want = to_scan(f, l),
              .line = 1,
              .header = true,
              .line_max = l->line_max ? l->line_max : UINT32_MAX};
    haul_rc rc = s.want ? scan_body(&s, body, e) : HAUL_OK;
    unsigned found = from_facts(f, l) | from_scan(&s);
    fact_view view = {f, l, &s};
    for (size_t i = 0; rc == HAUL_OK && detail && i < HAUL_COUNT(fault_rows); i++) {
        if (!(found & fault_rows[i].bit))
            continue;
        haul_str_addz(detail, detail->len ? "; " : "");
        say(detail, fault_rows[i].bit, &view);
    }
    haul_str_done(&s.high);
    if (rc == HAUL_OK)
        *ret = found;
    return rc;
}
