/* The load files that are tables: Concordance DAT, and CSV. Read as strictly as they are written: what cannot be read is said,
 * and the rest of that file is only digested. */
#include "hold/check.h"

#include "base/charset.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX   (64u * 1024u) /* octets of a value that is looked at; paths and digests are shorter */
#define SEPARATOR   0x14
#define REPLACED    "\xEF\xBF\xBD" /* stands for what the format cannot hold */
#define END_OF_FILE (-1)

typedef struct octets {
    haul_in *in;
    const char *p;
    size_t n, at;
    haul_rc rc; /* of reading */
    haul_err *e;
} octets;

static int next_octet(octets *o)
{
    if (o->at < o->n)
        return (unsigned char)o->p[o->at++];
    haul_in_consume(o->in, o->n);
    o->at = o->n = 0;
    if (o->rc == HAUL_OK)
        o->rc = haul_in_peek(o->in, 1, &o->p, &o->n, o->e);
    if (o->rc != HAUL_OK || o->n == 0) {
        o->n = 0;
        return END_OF_FILE;
    }
    return (unsigned char)o->p[o->at++];
}

/* ── Concordance DAT ── */

enum { DOCID, NATIVEPATH, TEXTPATH, FILESIZE, MD5HASH, SHA1HASH, SHA256HASH, ROLES };
static const char *const role_names[ROLES] = {"DOCID",   "NATIVEPATH", "TEXTPATH",  "FILESIZE",
                                              "MD5HASH", "SHA1HASH",   "SHA256HASH"};

typedef struct dat {
    haul_check *c;
    const char *path;
    octets o;
    bool cp1252;
    size_t columns, at[ROLES]; /* of the first record; column of each role, from 1; 0 = none */
    uint64_t record;           /* being read; the first one has the names */
    haul_str value[ROLES], name;
    bool lossy[ROLES]; /* characters of it were replaced: it cannot be compared */
} dat;

static haul_str *kept(dat *d, size_t column, size_t *ret_role)
{
    *ret_role = ROLES;
    if (d->record == 1)
        return &d->name;
    for (size_t r = 0; r < ROLES; r++)
        if (d->at[r] == column) {
            *ret_role = r;
            return &d->value[r];
        }
    return NULL;
}

static void learn_name(dat *d, size_t column)
{
    for (size_t r = 0; r < ROLES; r++)
        if (strcmp(haul_strz(&d->name), role_names[r]) == 0)
            d->at[r] = column;
    haul_str_clear(&d->name);
}

static void to_utf8(dat *d, size_t role)
{
    haul_str *v = &d->value[role];
    haul_auto_str text = {0};
    d->lossy[role] = d->cp1252 ? v->len && memchr(v->p, '?', v->len) : strstr(haul_strz(v), REPLACED) != NULL;
    if (!d->cp1252)
        return;
    (void)haul_charset_decode(1252, haul_strz(v), v->len, &text);
    haul_str_clear(v);
    haul_str_add(v, haul_strz(&text), text.len);
}

static bool take_qualifier(dat *d)
{
    return d->cp1252 ? next_octet(&d->o) == 0xfe : next_octet(&d->o) == 0xc3 && next_octet(&d->o) == 0xbe;
}

/* Up to the closing qualifier. False: there is none, or the value is too long to be one of those that are kept. */
static bool take_value(dat *d, haul_str *keep)
{
    int before = 0, c;
    while ((c = next_octet(&d->o)) != END_OF_FILE) {
        if (d->cp1252 ? c == 0xfe : c == 0xbe && before == 0xc3) {
            if (keep && !d->cp1252)
                keep->p[--keep->len] = '\0';
            return true;
        }
        before = c;
        if (keep && keep->len > VALUE_MAX)
            return false;
        if (keep)
            haul_str_addc(keep, (char)c);
    }
    return false;
}

/* One record into d->value. "" = good; NULL = the end; else what is wrong. */
static const char *take_record(dat *d)
{
    size_t column = 0, role;
    int c = next_octet(&d->o);
    if (c == END_OF_FILE)
        return NULL;
    d->o.at--; /* the octet just read is still in the window */
    for (;;) {
        haul_str *keep = kept(d, ++column, &role);
        if (keep)
            haul_str_clear(keep);
        if (!take_qualifier(d))
            return "a value does not begin with its qualifier";
        if (!take_value(d, keep))
            return "a value has no end";
        if (d->record == 1)
            learn_name(d, column);
        else if (role < ROLES)
            to_utf8(d, role);
        c = next_octet(&d->o);
        if (c == SEPARATOR)
            continue;
        if (c != '\r' || next_octet(&d->o) != '\n')
            return "a value is followed by neither separator nor line end";
        break;
    }
    if (d->record > 1 && column != d->columns)
        return "has not as many values as there are names";
    d->columns = column;
    return "";
}

static bool take_digest(const haul_str *s, uint8_t *to, size_t n)
{
    if (s->len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = haul_hexval((unsigned char)s->p[2 * i]), low = haul_hexval((unsigned char)s->p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void no_value(dat *d, size_t role)
{
    haul_auto_str what = {0};
    if (!d->at[role])
        return; /* no such column */
    haul_str_addf(&what, "%s is none", role_names[role]);
    haul_check_load(d->c, d->path, d->record, haul_strz(&d->value[role]), what.p, NULL);
}

static haul_rc add_path(dat *d, size_t role, haul_check_row *row, haul_err *e)
{
    const char *path = haul_strz(&d->value[role]);
    d->c->lossy_paths += d->lossy[role];
    if (!*path || d->lossy[role])
        return HAUL_OK;
    haul_rc rc = haul_check_add_path(d->c, path, row, e);
    if (rc == HAUL_END)
        haul_check_load(d->c, d->path, d->record, path, "another record has the same file", NULL);
    return rc == HAUL_END ? HAUL_OK : rc;
}

static haul_rc judge_record(dat *d, haul_err *e)
{
    haul_check_row native = {.record = d->record}, text = {.record = d->record, .is_text = true};
    const haul_str *v = d->value;
    const char *docid = haul_strz(&v[DOCID]);
    native.has_size = haul_parse_u64(haul_strz(&v[FILESIZE]), v[FILESIZE].len, &native.size);
    native.has_md5 = take_digest(&v[MD5HASH], native.md5, HAUL_MD5_LEN);
    native.has_sha1 = take_digest(&v[SHA1HASH], native.sha1, HAUL_SHA1_LEN);
    native.has_sha256 = take_digest(&v[SHA256HASH], native.sha256, HAUL_SHA256_LEN);
    const bool has[] = {native.has_size, native.has_md5, native.has_sha1, native.has_sha256};
    for (size_t i = 0; v[NATIVEPATH].len && i < HAUL_COUNT(has); i++)
        if (!has[i])
            no_value(d, FILESIZE + i);
    haul_rc rc = *docid ? haul_check_add_doc(d->c, docid, d->record, e) : HAUL_END;
    if (rc == HAUL_END)
        haul_check_load(d->c, d->path, d->record, docid, "DOCID is empty, or of an earlier record", NULL);
    else if (rc != HAUL_OK)
        return rc;
    rc = add_path(d, NATIVEPATH, &native, e);
    return rc == HAUL_OK ? add_path(d, TEXTPATH, &text, e) : rc;
}

static haul_rc read_dat(dat *d, haul_err *e)
{
    for (d->record = 1;; d->record++) {
        const char *fault = take_record(d);
        if (d->o.rc != HAUL_OK)
            return d->o.rc;
        if (!fault || *fault) {
            if (fault)
                haul_check_load(d->c, d->path, d->record, NULL, fault, NULL);
            else if (d->record == 1)
                haul_check_load(d->c, d->path, 1, NULL, "has no record with the names of its fields", NULL);
            else
                d->c->seen.dat = d->record - 2;
            return HAUL_OK;
        }
        if (d->record == 1 && (!d->at[DOCID] || !d->at[NATIVEPATH])) {
            haul_check_load(d->c, d->path, 1, NULL, "has no DOCID or NATIVEPATH", NULL);
            return HAUL_OK;
        }
        haul_rc rc = d->record > 1 ? judge_record(d, e) : HAUL_OK;
        if (rc != HAUL_OK)
            return rc;
    }
}

haul_rc haul_check_dat(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    dat d = {.c = c, .path = path, .o = {.in = in, .e = e}, .cp1252 = true};
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc = haul_in_peek(in, 3, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
        d.cp1252 = false;
        haul_in_consume(in, 3);
    }
    rc = read_dat(&d, e);
    for (size_t r = 0; r < ROLES; r++)
        haul_str_done(&d.value[r]);
    haul_str_done(&d.name);
    return rc;
}

/* ── CSV ── */

/* Behind the opening quote, up to the octet that follows the closing one, which is returned. */
static int take_quoted(octets *o)
{
    int c;
    while ((c = next_octet(o)) != END_OF_FILE)
        if (c == '"' && (c = next_octet(o)) != '"')
            return c;
    return END_OF_FILE;
}

/* As take_record. */
static const char *take_csv_record(octets *o, size_t *ret_fields)
{
    int c = next_octet(o);
    *ret_fields = 0;
    if (c == END_OF_FILE)
        return NULL;
    for (;; c = next_octet(o)) {
        if (c != '"')
            return "a field does not begin with a quote";
        c = take_quoted(o);
        ++*ret_fields;
        if (c == ',')
            continue;
        return c == '\r' && next_octet(o) == '\n' ? "" : "a field is followed by neither comma nor line end";
    }
}

static haul_rc count_csv(haul_check *c, haul_in *in, const char *path, bool header, uint64_t *io, haul_err *e)
{
    octets o = {.in = in, .e = e};
    size_t fields = 0, wanted = 0;
    uint64_t n = 0;
    const char *fault;
    while ((fault = take_csv_record(&o, &fields)) && !*fault && (n == 0 || fields == wanted)) {
        wanted = fields;
        n++;
    }
    if (o.rc != HAUL_OK)
        return o.rc;
    if (fault)
        haul_check_load(c, path, n + 1, NULL, *fault ? fault : "has not as many fields as the record before",
                        NULL);
    else if (header && n == 0)
        haul_check_load(c, path, 1, NULL, "has no record with the names of its fields", NULL);
    *io = (*io == HAUL_CHECK_UNKNOWN ? 0 : *io) + n - (header && n > 0);
    return HAUL_OK;
}

/* "mailbag-12.csv" → 12; 0 = no such name. */
static uint64_t part_of(const char *path)
{
    static const char before[] = "mailbag-", after[] = ".csv";
    uint64_t n = 0;
    size_t len = strlen(path), frame = sizeof(before) + sizeof(after) - 2;
    if (len <= frame || strncmp(path, before, sizeof(before) - 1) != 0 || !haul_ends(path, after) ||
        !haul_parse_u64(path + sizeof(before) - 1, len - frame, &n))
        return 0;
    return n;
}

static uint64_t *counter_of(haul_check_seen *s, const char *path)
{
    if (strcmp(path, "mailbag.csv") == 0 || part_of(path))
        return &s->mailbag;
    if (strcmp(path, "load/items.csv") == 0)
        return &s->items;
    if (strcmp(path, "attachments.csv") == 0)
        return &s->attachments;
    return strcmp(path, "exceptions.csv") == 0 ? &s->exceptions : NULL;
}

haul_rc haul_check_csv(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    return count_csv(c, in, path, part_of(path) <= 1, counter_of(&c->seen, path), e);
}

haul_check_reader *haul_check_reader_of(const char *path)
{
    haul_check_seen any;
    if (strcmp(path, HAUL_AUDIT_FILE) == 0)
        return haul_check_log;
    if (strcmp(path, "report.json") == 0)
        return haul_check_report;
    if (strcmp(path, "load/edrm.xml") == 0)
        return haul_check_edrm;
    if (strcmp(path, "load/eaxs.xml") == 0)
        return haul_check_eaxs;
    return counter_of(&any, path) ? haul_check_csv : NULL;
}
