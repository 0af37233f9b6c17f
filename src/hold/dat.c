/* Concordance DAT: separator 0x14, qualifier thorn, newline in a value ®; every record ends with CRLF. docs/hold.md. */
#include "base/charset.h"
#include "base/utf.h"
#include "hold/load.h"

#include <string.h>

#define BOM         "\xEF\xBB\xBF"
#define SEPARATOR   0x14u
#define THORN       0xFEu
#define REGISTERED  0xAEu
#define REPLACEMENT 0xFFFDu
#define ANSI        1252u

typedef struct dat {
    haul_out *to;
    haul_load_notes *notes;
    bool cp1252;
    haul_str line, scratch;
    haul_load_lost lost;
} dat;

/* A mark of the format itself: one octet in Windows-1252, two in UTF-8. */
static void put_mark(dat *w, uint32_t cp)
{
    if (w->cp1252)
        haul_str_addc(&w->line, (char)cp);
    else
        haul_utf8_add(&w->line, cp);
}

static void put_replacement(dat *w, uint32_t cp)
{
    if (w->cp1252)
        haul_str_addc(&w->line, '?');
    else
        haul_utf8_add(&w->line, REPLACEMENT);
    haul_load_lose(&w->lost, cp);
}

/* One character of a value, n octets. Thorn is a letter of Icelandic, but a reader would end the value there. */
static void put_char(dat *w, const char *p, size_t n, uint32_t cp)
{
    if (cp == SEPARATOR || cp == THORN || cp == REGISTERED)
        put_replacement(w, cp);
    else if (!w->cp1252 || cp < 0x80)
        haul_str_add(&w->line, p, n);
    else if (haul_charset_encode(ANSI, p, n, &w->line) > 0) /* it wrote '?' */
        haul_load_lose(&w->lost, cp);
}

/* CRLF, CR and LF alike become one newline mark. */
static void put_value(dat *w, const char *z)
{
    size_t n = strlen(z), len;
    put_mark(w, THORN);
    for (size_t i = 0; i < n; i += len) {
        uint32_t cp = REPLACEMENT;
        size_t plain = strcspn(z + i, "\r\n\x14");
        len = haul_ascii_run(z + i, plain);
        if (len) {
            haul_str_add(&w->line, z + i, len);
        } else if (z[i] == '\r' || z[i] == '\n') {
            len = z[i] == '\r' && z[i + 1] == '\n' ? 2 : 1;
            put_mark(w, REGISTERED);
        } else {
            len = haul_utf8_next(z + i, n - i, &cp);
            put_char(w, z + i, len, cp);
            len += !len; /* the catalogue holds UTF-8 only; whatever else there is must not stop us */
        }
    }
    put_mark(w, THORN);
}

/* Values are separated before all but the first; the record is complete behind the last. */
static haul_rc put_field(dat *w, haul_load_field f, const char *value, haul_err *e)
{
    if (f > 0)
        haul_str_addc(&w->line, (char)SEPARATOR);
    put_value(w, value);
    if (f + 1 < HAUL_LOAD_COUNT)
        return HAUL_OK;
    haul_str_addz(&w->line, "\r\n");
    haul_rc rc = haul_out_write(w->to, w->line.p, w->line.len, e);
    haul_str_clear(&w->line);
    return rc;
}

static haul_rc put_record(void *ctx, const haul_load_row *r, haul_err *e)
{
    dat *w = ctx;
    haul_rc rc = HAUL_OK;
    for (haul_load_field f = 0; f < HAUL_LOAD_COUNT && rc == HAUL_OK; f++) {
        rc = put_field(w, f, haul_load_value(f, r, &w->scratch), e);
        if (rc == HAUL_OK)
            rc = haul_load_tell(&w->lost, w->notes, r->d->docid, haul_load_name(f), e);
    }
    return rc;
}

haul_rc haul_load_dat(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n, haul_err *e)
{
    dat w = {.to = to, .notes = n, .cp1252 = k->cp1252};
    haul_rc rc = k->cp1252 ? HAUL_OK : haul_out_write(to, BOM, strlen(BOM), e);
    for (haul_load_field f = 0; f < HAUL_LOAD_COUNT && rc == HAUL_OK; f++)
        rc = put_field(&w, f, haul_load_name(f), e);
    if (rc == HAUL_OK)
        rc = haul_load_each(c, k, put_record, &w, e);
    haul_str_done(&w.line);
    haul_str_done(&w.scratch);
    haul_load_lost_done(&w.lost);
    return rc;
}
