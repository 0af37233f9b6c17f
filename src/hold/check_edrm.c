/* EDRM XML against the DAT: the same documents, the same files. */
#include "hold/check.h"

#include <inttypes.h>
#include <libxml/xmlreader.h>
#include <stdio.h>
#include <string.h>

#define REPLACED "\xEF\xBF\xBD"

typedef struct edrm {
    haul_check *c;
    const char *path;
    haul_in *in;
    haul_rc rc; /* of reading octets */
    haul_err *e;
    xmlTextReaderPtr r;
    bool inside; /* of Documents: elsewhere the names mean something else */
    bool native;
    uint64_t documents, unknown; /* unknown: files that the DAT does not name */
    haul_str fault;
} edrm;

static int pull(void *ctx, char *to, int n)
{
    edrm *x = ctx;
    const char *p = NULL;
    size_t have = 0;
    x->rc = haul_in_peek(x->in, 1, &p, &have, x->e);
    if (x->rc != HAUL_OK)
        return -1;
    have = have < (size_t)n ? have : (size_t)n;
    memcpy(to, p, have);
    haul_in_consume(x->in, have);
    return (int)have;
}

static void differs(edrm *x, const char *recorded, const char *found, const char *detail)
{
    int line = x->r ? xmlTextReaderGetParserLineNumber(x->r) : 0;
    haul_check_load(x->c, x->path, line > 0 ? (uint64_t)line : 0, recorded, found, detail);
}

/* The first complaint is the one that counts. */
void haul_check_xml_fault(haul_str *to, const xmlError *error)
{
    if (to->len || !error || error->level < XML_ERR_ERROR)
        return;
    const char *text = error->message ? error->message : "is not XML";
    haul_str_addf(to, "line %d: %.*s", error->line, (int)strcspn(text, "\n"), text);
}

static void on_error(void *ctx, xmlErrorPtr error)
{
    haul_check_xml_fault(&((edrm *)ctx)->fault, error);
}

static void attribute(const edrm *x, const char *name, haul_str *to)
{
    xmlChar *value = xmlTextReaderGetAttribute(x->r, (const xmlChar *)name);
    haul_str_clear(to);
    haul_str_addz(to, value ? (const char *)value : "");
    xmlFree(value);
}

static haul_rc see_document(edrm *x)
{
    haul_auto_str id = {0};
    attribute(x, "DocID", &id);
    x->documents++;
    haul_rc rc = haul_check_find_doc(x->c, haul_strz(&id), x->e);
    if (rc != HAUL_END)
        return rc;
    differs(x, haul_strz(&id), "the DAT has no such document, or it was here before", NULL);
    return HAUL_OK;
}

static void compare_native(edrm *x, const char *path, const haul_check_row *row)
{
    char md5[2 * HAUL_MD5_LEN + 1], size[24];
    haul_auto_str value = {0};
    haul_hex(md5, row->md5, HAUL_MD5_LEN);
    (void)snprintf(size, sizeof(size), "%" PRIu64, row->size);
    attribute(x, "Hash", &value);
    if (row->has_md5 && strcmp(haul_strz(&value), md5) != 0)
        differs(x, haul_strz(&value), md5, path);
    attribute(x, "FileSize", &value);
    if (row->has_size && strcmp(haul_strz(&value), size) != 0)
        differs(x, haul_strz(&value), size, path);
}

static haul_rc see_file(edrm *x)
{
    haul_auto_str path = {0}, name = {0};
    haul_check_row row;
    attribute(x, "FilePath", &path);
    attribute(x, "FileName", &name);
    haul_str_addz(&path, path.len ? "/" : "");
    haul_str_addz(&path, haul_strz(&name));
    if (strstr(haul_strz(&path), REPLACED))
        return HAUL_OK; /* XML cannot hold the name as it is */
    haul_rc rc = haul_check_find_path(x->c, haul_strz(&path), false, &row, x->e);
    if (rc == HAUL_OK && x->native)
        compare_native(x, path.p, &row);
    if (rc != HAUL_END)
        return rc;
    if (++x->unknown > x->c->lossy_paths)
        differs(x, haul_strz(&path), "the DAT names no such file", NULL);
    return HAUL_OK;
}

static haul_rc see_element(edrm *x, const char *name)
{
    haul_auto_str type = {0};
    if (strcmp(name, "Documents") == 0)
        x->inside = true;
    if (!x->inside)
        return HAUL_OK;
    if (strcmp(name, "Document") == 0)
        return see_document(x);
    if (strcmp(name, "ExternalFile") == 0)
        return see_file(x);
    if (strcmp(name, "File") == 0) {
        attribute(x, "FileType", &type);
        x->native = strcmp(haul_strz(&type), "Native") == 0;
    }
    return HAUL_OK;
}

static haul_rc see_all(edrm *x)
{
    int more;
    while ((more = xmlTextReaderRead(x->r)) == 1) {
        int type = xmlTextReaderNodeType(x->r);
        const xmlChar *name = xmlTextReaderConstLocalName(x->r);
        haul_rc rc = HAUL_OK;
        if (type == XML_READER_TYPE_DOCUMENT_TYPE) { /* ours has none; entities are nobody's friend */
            haul_str_addz(&x->fault, "has a document type");
            break;
        }
        if (type == XML_READER_TYPE_ELEMENT && name)
            rc = see_element(x, (const char *)name);
        else if (type == XML_READER_TYPE_END_ELEMENT && name && strcmp((const char *)name, "Documents") == 0)
            x->inside = false;
        if (rc != HAUL_OK)
            return rc;
    }
    if (more < 0 && !x->fault.len)
        haul_str_addz(&x->fault, "is not well-formed XML");
    return x->rc;
}

haul_rc haul_check_edrm(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    edrm x = {.c = c, .path = path, .in = in, .e = e};
    if (c->seen.dat == HAUL_CHECK_UNKNOWN)
        return HAUL_OK; /* nothing to hold it against */
    x.r = xmlReaderForIO(pull, NULL, &x, NULL, NULL, XML_PARSE_NONET);
    if (!x.r)
        return haul_fail(e, HAUL_E_STATE, "libxml2 gives no reader");
    xmlTextReaderSetStructuredErrorHandler(x.r, on_error, &x);
    haul_rc rc = see_all(&x);
    if (rc == HAUL_OK && x.fault.len)
        differs(&x, NULL, haul_strz(&x.fault), NULL);
    else
        c->seen.edrm = x.documents;
    xmlFreeTextReader(x.r);
    haul_str_done(&x.fault);
    return rc;
}
