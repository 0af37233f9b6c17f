#include "hold/eaxs.h"

#include "base/url.h"
#include "base/utf.h"

#include <stdio.h>
#include <string.h>

/* libxml2 says no only where the output fails, which has its text already, or memory ends. */
static void did(haul_eaxs *x, int n)
{
    if (n < 0 && x->rc == HAUL_OK)
        x->rc = haul_fail(&x->err, HAUL_E_TARGET, "libxml2 could not write an element");
}

void haul_eaxs_fail(haul_eaxs *x, haul_rc rc, const haul_err *e)
{
    if (x->rc != HAUL_OK)
        return;
    x->rc = rc;
    x->err = *e;
}

void haul_eaxs_open(haul_eaxs *x, const char *name)
{
    did(x, xmlTextWriterStartElement(x->w, (const xmlChar *)name));
}

void haul_eaxs_close(haul_eaxs *x)
{
    did(x, xmlTextWriterEndElement(x->w));
}

/* ── texts made fit ── */

/* The next character from `at` on that XML 1.0 has not: its octets in *ret_len. False: none. */
static bool next_unfit(const char *p, size_t n, size_t *at, uint32_t *ret, size_t *ret_len)
{
    for (size_t i = *at; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 32 && c != 0xef)
            continue;
        if (c < 32 && c != '\t' && c != '\n' && c != '\r') {
            *ret = c;
            *ret_len = 1;
            *at = i;
            return true;
        }
        if (c == 0xef && i + 2 < n && (unsigned char)p[i + 1] == 0xbf &&
            ((unsigned char)p[i + 2] | 1) == 0xbf) {
            *ret = 0xfffeu | (p[i + 2] & 1u);
            *ret_len = 3;
            *at = i;
            return true;
        }
    }
    return false;
}

bool haul_eaxs_fits(const char *p, size_t n)
{
    size_t at = 0, len;
    uint32_t cp;
    return haul_utf8_valid(p, n) && !next_unfit(p, n, &at, &cp, &len);
}

/* Into x->fit. What is no UTF-8 here came out of GMime: U+FFFD, octet by octet. */
static const xmlChar *fit(haul_eaxs *x, const char *field, const char *p, size_t n)
{
    haul_auto_str clean = {0};
    size_t from = 0, at = 0, len;
    uint32_t cp;
    haul_err e = {0};
    if (!haul_utf8_valid(p, n)) {
        haul_utf8_clean(&clean, p, n, false);
        p = haul_strz(&clean);
        n = clean.len;
    }
    haul_str_clear(&x->fit);
    for (; next_unfit(p, n, &at, &cp, &len); from = at) {
        haul_str_add(&x->fit, p + from, at - from);
        haul_utf8_add(&x->fit, 0xfffd);
        haul_load_lose(&x->lost, cp);
        at += len;
    }
    haul_str_add(&x->fit, p + from, n - from);
    haul_rc rc = from ? haul_load_tell(&x->lost, x->notes, x->doc ? x->doc->docid : "", field, &e) : HAUL_OK;
    if (rc != HAUL_OK)
        haul_eaxs_fail(x, rc, &e);
    return (const xmlChar *)haul_strz(&x->fit);
}

void haul_eaxs_attr(haul_eaxs *x, const char *name, const char *z)
{
    did(x, xmlTextWriterWriteAttribute(x->w, (const xmlChar *)name, fit(x, name, z, strlen(z))));
}

void haul_eaxs_chars(haul_eaxs *x, const char *field, const char *p, size_t n)
{
    did(x, xmlTextWriterWriteString(x->w, fit(x, field, p, n)));
}

void haul_eaxs_text(haul_eaxs *x, const char *name, const char *field, const char *p, size_t n)
{
    haul_eaxs_open(x, name);
    haul_eaxs_chars(x, field, p, n);
    haul_eaxs_close(x);
}

void haul_eaxs_z(haul_eaxs *x, const char *name, const char *z)
{
    haul_eaxs_text(x, name, name, z, strlen(z));
}

void haul_eaxs_number(haul_eaxs *x, const char *name, int64_t n)
{
    did(x, xmlTextWriterWriteFormatElement(x->w, (const xmlChar *)name, "%lld", (long long)n));
}

void haul_eaxs_markup(haul_eaxs *x, const char *z)
{
    did(x, xmlTextWriterWriteRaw(x->w, (const xmlChar *)z));
}

/* ── values of their own ── */

void haul_eaxs_path(haul_eaxs *x, const char *name, const char *prefix, const char *path)
{
    haul_auto_str uri = {0};
    haul_str_addz(&uri, prefix);
    haul_url_encode((haul_span){path, strlen(path)}, "-._~/", &uri);
    haul_eaxs_z(x, name, haul_strz(&uri));
}

void haul_eaxs_hash(haul_eaxs *x, const uint8_t sha256[HAUL_SHA256_LEN])
{
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    for (char *p = hex; *p; p++) /* the canonical form of hexBinary */
        if (haul_is_alpha(*p))
            *p = (char)(*p - 32);
    haul_eaxs_open(x, "Hash");
    haul_eaxs_z(x, "Value", hex);
    haul_eaxs_z(x, "Function", "SHA256");
    haul_eaxs_close(x);
}

void haul_eaxs_incomplete_add(haul_eaxs *x, const char *type, const char *fmt, ...)
{
    if (x->n_incomplete++ >= HAUL_EAXS_INCOMPLETE)
        return;
    haul_auto_str where = {0};
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    haul_utf8_clean(&where, text, strlen(text), false);
    x->incomplete[x->n_incomplete - 1] =
        (haul_eaxs_incomplete){type, haul_arena_strn(&x->arena, haul_strz(&where), where.len)};
}
