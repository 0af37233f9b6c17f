/* The metadata files of Vault exports: XML in the manner of EDRM, and the CSV of newer ones. Both are read as streams. */
#include "base/time.h"
#include "mbox_vault.h"

#include <glib.h>
#include <libxml/xmlreader.h>
#include <string.h>

#define VALUE_MAX   65536u          /* octets of a value that count */
#define RECORD_MAX  (1024u * 1024u) /* octets of a record of CSV */
#define COLUMNS_MAX 128u

/* ── entries ── */

static void set(haul_str *to, const char *value)
{
    haul_str_clear(to);
    if (strlen(value) <= VALUE_MAX)
        haul_str_addz(to, value);
}

static void clear(haul_vault_entry *e)
{
    e->dated = e->labelled = false;
    haul_str_clear(&e->labels);
    haul_str_clear(&e->file);
    haul_str_clear(&e->document);
    haul_str_clear(&e->message);
}

static void done(haul_vault_entry *e)
{
    haul_str_done(&e->labels);
    haul_str_done(&e->file);
    haul_str_done(&e->document);
    haul_str_done(&e->message);
}

/* "2019-07-04T09:15:20.123Z", "…+0200": haul_iso_parse knows neither fractions nor such zones. */
static bool read_time(const char *z, int64_t *ret)
{
    haul_auto_str text = {0};
    size_t n = strcspn(z, ".");
    haul_str_add(&text, z, n);
    if (z[n])
        n += 1 + strspn(z + n + 1, "0123456789");
    const char *zone = z + n;
    if ((*zone == '+' || *zone == '-') && strlen(zone) == 5)
        haul_str_addf(&text, "%.3s:%s", zone, zone + 3);
    else
        haul_str_addz(&text, zone);
    return haul_iso_parse(text.p, ret);
}

/* Gmail's number of a message: sixteen hex digits in its interfaces, decimal in From_ lines. */
static void take_number(haul_str *to, const char *value)
{
    uint64_t n = 0;
    size_t len = strlen(value);
    bool hex = len == 16;
    for (size_t i = 0; i < len && hex; i++) {
        int d = haul_hexval((unsigned char)value[i]);
        hex = d >= 0;
        n = n << 4 | (unsigned)(d & 15);
    }
    set(to, value);
    if (!hex)
        return;
    haul_str_clear(to);
    haul_str_addf(to, "%llu", (unsigned long long)n);
}

/* A tag of the XML or a column of the CSV, in any case of its name. */
static void take_value(haul_vault_entry *e, const char *name, const char *value)
{
    name += *name == '#';
    if (haul_icmp(name, "Labels") == 0 && strlen(value) <= VALUE_MAX) {
        e->labelled = true;
        set(&e->labels, value);
    } else if (haul_icmp(name, "DateReceived") == 0) {
        e->dated = read_time(value, &e->received_us);
    } else if (haul_icmp(name, "Rfc822MessageId") == 0 || haul_icmp(name, "MessageID") == 0) {
        set(&e->message, value);
    } else if (haul_icmp(name, "GmailMessageId") == 0) {
        take_number(&e->document, value);
    }
}

/* ── XML ── */

typedef struct xml {
    haul_vault *v;
    xmlTextReader *x;
    haul_in *in;
    haul_vault_entry entry; /* the document being read */
    bool open;
    haul_err why; /* of reading */
    char *wrong;
} xml;

/* An attribute in any case of its name: exports differ in DocID and DocId. False when it is absent. */
static bool attribute(const xml *ps, const char *name, haul_str *to)
{
    bool found = false;
    haul_str_clear(to);
    for (int more = xmlTextReaderMoveToFirstAttribute(ps->x); more == 1 && !found;
         more = xmlTextReaderMoveToNextAttribute(ps->x)) {
        const char *at = (const char *)xmlTextReaderConstLocalName(ps->x);
        const char *value = (const char *)xmlTextReaderConstValue(ps->x);
        found = at && value && haul_icmp(at, name) == 0;
        if (found)
            set(to, value);
    }
    (void)xmlTextReaderMoveToElement(ps->x);
    return found;
}

static void take_tag(xml *ps)
{
    haul_auto_str name = {0}, value = {0};
    if (attribute(ps, "TagName", &name) && attribute(ps, "TagValue", &value))
        take_value(&ps->entry, haul_strz(&name), haul_strz(&value));
}

static void end_document(xml *ps)
{
    if (ps->open)
        haul_vault_add(ps->v, &ps->entry);
    ps->open = false;
}

static void begin_document(xml *ps)
{
    clear(&ps->entry);
    (void)attribute(ps, "DocID", &ps->entry.document);
    ps->open = true;
    if (xmlTextReaderIsEmptyElement(ps->x))
        end_document(ps);
}

static void take_node(xml *ps)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(ps->x);
    int type = xmlTextReaderNodeType(ps->x);
    bool whole = name && strcmp(name, "Document") == 0;
    if (type == XML_READER_TYPE_END_ELEMENT && whole)
        end_document(ps);
    if (type != XML_READER_TYPE_ELEMENT || !name)
        return;
    if (whole)
        begin_document(ps);
    else if (ps->open && strcmp(name, "Tag") == 0)
        take_tag(ps);
    else if (ps->open && strcmp(name, "ExternalFile") == 0 && !ps->entry.file.len)
        (void)attribute(ps, "FileName", &ps->entry.file);
}

static int read_octets(void *ctx, char *to, int want)
{
    xml *ps = ctx;
    const char *p;
    size_t n;
    if (haul_in_peek(ps->in, 1, &p, &n, &ps->why) != HAUL_OK)
        return -1;
    n = n < (size_t)want ? n : (size_t)want;
    memcpy(to, p, n);
    haul_in_consume(ps->in, n);
    return (int)n;
}

/* The first complaint counts. */
static void hear(void *ctx, const char *text, xmlParserSeverities severity, xmlTextReaderLocatorPtr where)
{
    xml *ps = ctx;
    if (*ps->wrong || severity == XML_PARSER_SEVERITY_VALIDITY_WARNING ||
        severity == XML_PARSER_SEVERITY_WARNING)
        return;
    g_snprintf(ps->wrong, HAUL_VAULT_WRONG, "line %d: %s", xmlTextReaderLocatorLineNumber(where), text);
    ps->wrong[strcspn(ps->wrong, "\r\n")] = '\0';
}

static void read_nodes(xml *ps)
{
    int more;
    xmlTextReaderSetErrorHandler(ps->x, hear, ps);
    while ((more = xmlTextReaderRead(ps->x)) == 1 && !haul_vault_is_full(ps->v)) {
        if (xmlTextReaderNodeType(ps->x) == XML_READER_TYPE_DOCUMENT_TYPE) { /* entities; no export has any */
            g_strlcpy(ps->wrong, "it has a document type", HAUL_VAULT_WRONG);
            return;
        }
        take_node(ps);
    }
    if (more < 0 && !*ps->wrong)
        g_strlcpy(ps->wrong, *ps->why.text ? ps->why.text : "it is no XML", HAUL_VAULT_WRONG);
}

void haul_vault_read_xml(haul_vault *v, haul_in *in, char wrong[HAUL_VAULT_WRONG])
{
    xml ps = {.v = v, .in = in, .wrong = wrong};
    ps.x = xmlReaderForIO(read_octets, NULL, &ps, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (ps.x)
        read_nodes(&ps);
    else
        g_strlcpy(wrong, "it is no XML", HAUL_VAULT_WRONG);
    xmlFreeTextReader(ps.x);
    done(&ps.entry);
}

/* ── CSV ── */

typedef struct record { /* its fields, each ended by a NUL */
    haul_str text;
    size_t at[COLUMNS_MAX], n;
} record;

/* The next octet, or -1 at the end; *ret_rc when it cannot be read. */
static int next_octet(haul_in *in, haul_rc *ret_rc, haul_err *e)
{
    const char *p;
    size_t n = 0;
    *ret_rc = haul_in_peek(in, 1, &p, &n, e);
    if (*ret_rc != HAUL_OK || !n)
        return -1;
    unsigned char c = (unsigned char)*p;
    haul_in_consume(in, 1);
    return c;
}

static void end_field(record *r, size_t *start)
{
    haul_str_addc(&r->text, '\0');
    if (r->n < COLUMNS_MAX)
        r->at[r->n++] = *start;
    *start = r->text.len;
}

/* A record as RFC 4180 has it. END: there is none; LIMIT: it is longer than RECORD_MAX. */
static haul_rc next_record(haul_in *in, record *r, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    bool quoted = false, any = false;
    size_t start = 0;
    haul_str_clear(&r->text);
    r->n = 0;
    for (int c, was = 0; (c = next_octet(in, &rc, e)) >= 0; was = c) {
        any = true;
        if (r->text.len > RECORD_MAX)
            return haul_fail(e, HAUL_E_LIMIT, "a record of more than %u octets", RECORD_MAX);
        if (c == '"') {
            if (!quoted && was == '"')
                haul_str_addc(&r->text, '"'); /* a doubled one closed it, and opens it again */
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            end_field(r, &start);
        } else if (c == '\n' && !quoted) {
            break;
        } else if (c && (c != '\r' || quoted)) {
            haul_str_addc(&r->text, (char)c);
        }
    }
    if (rc == HAUL_OK && any)
        end_field(r, &start);
    return rc == HAUL_OK && !any ? HAUL_END : rc;
}

static const char *field(const record *r, size_t i)
{
    return i < r->n ? r->text.p + r->at[i] : "";
}

static void add_record(haul_vault *v, haul_vault_entry *entry, const record *names, const record *r)
{
    clear(entry);
    for (size_t i = 0; i < names->n && i < r->n; i++)
        take_value(entry, field(names, i), field(r, i));
    if (entry->message.len || entry->document.len)
        haul_vault_add(v, entry);
}

void haul_vault_read_csv(haul_vault *v, haul_in *in, char wrong[HAUL_VAULT_WRONG])
{
    record names = {0}, r = {0};
    haul_vault_entry entry = {0};
    haul_err why = {0};
    haul_rc rc = next_record(in, &names, &why);
    if (rc == HAUL_OK && names.text.len > 3 && memcmp(names.text.p, "\xef\xbb\xbf", 3) == 0)
        names.at[0] += 3;
    while (rc == HAUL_OK && !haul_vault_is_full(v)) {
        rc = next_record(in, &r, &why);
        if (rc == HAUL_OK)
            add_record(v, &entry, &names, &r);
    }
    if (rc < 0)
        g_strlcpy(wrong, why.text, HAUL_VAULT_WRONG);
    haul_str_done(&names.text);
    haul_str_done(&r.text);
    done(&entry);
}
