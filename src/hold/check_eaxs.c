/* EAXS against the DAT: each message has its file, with that file's digest. Bodies stand in this file whole, so it is read as a
 * stream of events: memory does not grow with one. */
#include "base/url.h"
#include "hold/check.h"

#include <inttypes.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 65536u /* octets of a value that is looked at */
#define FEED_MAX  65536u

typedef struct eaxs {
    haul_check *c;
    const char *path;
    haul_rc rc; /* of what is asked of the database */
    haul_err *e;
    xmlParserCtxtPtr parser;
    bool inside;                             /* of MessageProperties: the same names stand elsewhere, too */
    haul_str rel_path, size, digest, *value; /* value: where characters go, or NULL */
    uint64_t messages, unknown;              /* unknown: files that the DAT does not name */
    haul_str fault;
} eaxs;

static void differs(eaxs *x, const char *recorded, const char *found, const char *detail)
{
    int line = xmlSAX2GetLineNumber(x->parser);
    haul_check_load(x->c, x->path, line > 0 ? (uint64_t)line : 0, recorded, found, detail);
}

static bool is(const xmlChar *name, const char *want)
{
    return strcmp((const char *)name, want) == 0;
}

/* "../data/a%20b", as seen from the directory of this file. */
static bool path_of(const eaxs *x, haul_str *to)
{
    static const char up[] = "../";
    haul_span s = haul_span_trim((haul_span){haul_strz(&x->rel_path), x->rel_path.len});
    if (!haul_istarts(s.p, s.len, up))
        return false;
    return haul_url_decode((haul_span){s.p + sizeof(up) - 1, s.len - (sizeof(up) - 1)}, to);
}

static void compare(eaxs *x, const char *path, const haul_check_row *row)
{
    char hex[HAUL_SHA256_HEX], size[24];
    haul_span digest = haul_span_trim((haul_span){haul_strz(&x->digest), x->digest.len});
    haul_span said = haul_span_trim((haul_span){haul_strz(&x->size), x->size.len});
    haul_hex(hex, row->sha256, HAUL_SHA256_LEN);
    (void)snprintf(size, sizeof(size), "%" PRIu64, row->size);
    if (row->has_sha256 && !haul_span_is(digest, hex)) /* in capitals, as the schema wants it */
        differs(x, haul_strz(&x->digest), hex, path);
    if (row->has_size && !haul_span_is(said, size))
        differs(x, haul_strz(&x->size), size, path);
}

static void judge(eaxs *x)
{
    haul_auto_str path = {0};
    haul_check_row row;
    x->messages++;
    if (!path_of(x, &path)) {
        differs(x, haul_strz(&x->rel_path), "is no path of a file of the package", NULL);
        return;
    }
    haul_rc rc = haul_check_find_path(x->c, haul_strz(&path), false, &row, x->e);
    if (rc == HAUL_OK)
        compare(x, path.p, &row);
    else if (rc == HAUL_END && ++x->unknown > x->c->lossy_paths)
        differs(x, haul_strz(&path), "the DAT names no such file", NULL);
    else if (rc != HAUL_END)
        x->rc = rc;
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n, int n_default, const xmlChar **attributes)
{
    eaxs *x = ctx;
    (void)prefix, (void)uri, (void)n_ns, (void)ns, (void)n, (void)n_default, (void)attributes;
    if (is(name, "MessageProperties")) {
        x->inside = true;
        haul_str_clear(&x->rel_path);
        haul_str_clear(&x->size);
        haul_str_clear(&x->digest);
    }
    x->value = !x->inside            ? NULL
               : is(name, "RelPath") ? &x->rel_path
               : is(name, "Size")    ? &x->size
               : is(name, "Value")   ? &x->digest
                                     : NULL;
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    eaxs *x = ctx;
    (void)prefix, (void)uri;
    x->value = NULL;
    if (!x->inside || !is(name, "MessageProperties"))
        return;
    x->inside = false;
    judge(x);
    if (x->rc != HAUL_OK)
        xmlStopParser(x->parser);
}

static void on_characters(void *ctx, const xmlChar *p, int n)
{
    eaxs *x = ctx;
    if (x->value && x->value->len + (size_t)n <= VALUE_MAX)
        haul_str_add(x->value, p, (size_t)n);
}

/* Ours has none; entities are nobody's friend. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
    eaxs *x = ctx;
    (void)name, (void)id, (void)system;
    haul_str_addz(&x->fault, "has a document type");
    xmlStopParser(x->parser);
}

static void on_error(void *ctx, xmlErrorPtr error)
{
    haul_check_xml_fault(&((eaxs *)ctx)->fault, error);
}

static haul_rc parse(eaxs *x, haul_in *in)
{
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc;
    while ((rc = haul_in_peek(in, 1, &p, &n, x->e)) == HAUL_OK && n > 0 && !x->fault.len &&
           x->rc == HAUL_OK) {
        n = n < FEED_MAX ? n : FEED_MAX;
        (void)xmlParseChunk(x->parser, p, (int)n, 0);
        haul_in_consume(in, n);
    }
    if (rc == HAUL_OK && x->rc == HAUL_OK && !x->fault.len)
        (void)xmlParseChunk(x->parser, "", 0, 1);
    return rc == HAUL_OK ? x->rc : rc;
}

haul_rc haul_check_eaxs(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    eaxs x = {.c = c, .path = path, .e = e};
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .startElementNs = on_start,
                         .endElementNs = on_end,
                         .characters = on_characters,
                         .internalSubset = on_doctype,
                         .serror = on_error};
    if (c->seen.dat == HAUL_CHECK_UNKNOWN)
        return HAUL_OK; /* nothing to hold it against */
    x.parser = xmlCreatePushParserCtxt(&sax, &x, NULL, 0, NULL);
    if (!x.parser)
        return haul_fail(e, HAUL_E_STATE, "libxml2 gives no parser");
    (void)xmlCtxtUseOptions(x.parser, XML_PARSE_NONET | XML_PARSE_HUGE);
    haul_rc rc = parse(&x, in);
    if (rc == HAUL_OK && x.fault.len)
        differs(&x, NULL, haul_strz(&x.fault), NULL);
    else if (rc == HAUL_OK)
        c->seen.eaxs = x.messages;
    xmlFreeParserCtxt(x.parser);
    haul_str_done(&x.rel_path);
    haul_str_done(&x.size);
    haul_str_done(&x.digest);
    haul_str_done(&x.fault);
    return rc;
}
