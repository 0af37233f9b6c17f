/* Apple Mail's .emlx: octet count line, message, XML property list [eml-7]…[eml-9]. */
#include "eml.h"

#include "base/time.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

/* Bits of "flags", as Apple Mail has written them since 10.4 [eml-8]. */
static const struct {
    unsigned bit;
    unsigned flag;
} flag_bits[] = {
    {0, HAUL_FLAG_SEEN},  {1, HAUL_FLAG_DELETED},   {2, HAUL_FLAG_ANSWERED}, {4, HAUL_FLAG_FLAGGED},
    {6, HAUL_FLAG_DRAFT}, {8, HAUL_FLAG_FORWARDED}, {24, HAUL_FLAG_JUNK},    {25, HAUL_FLAG_NOTJUNK},
};

bool haul_emlx_count(const char *p, size_t n, size_t *ret_start, uint64_t *ret_count)
{
    size_t seen = n < 64 ? n : 64;
    const char *eol = seen ? memchr(p, '\n', seen) : NULL;
    if (!eol)
        return false;
    haul_span line = haul_span_trim((haul_span){p, (size_t)(eol - p)});
    if (!haul_parse_u64(line.p, line.len, ret_count))
        return false;
    *ret_start = (size_t)(eol - p) + 1;
    return true;
}

static bool begins_plist(const char *p, size_t n)
{
    while (n && (*p == '\n' || *p == '\r' || *p == ' ' || *p == '\t')) {
        p++;
        n--;
    }
    return haul_istarts(p, n, "<?xml") || haul_istarts(p, n, "<!DOCTYPE plist") ||
           haul_istarts(p, n, "<plist");
}

/* Start of the last property list at a line start; n when there is none. */
static size_t find_plist(const char *p, size_t from, size_t n)
{
    for (size_t at = n; at-- > from;)
        if (p[at] == '<' && (at == from || p[at - 1] == '\n') && haul_istarts(p + at, n - at, "<?xml"))
            return at;
    return n;
}

static const char *node_text(const xmlNode *node)
{
    const xmlNode *t = node->children;
    return t && t->type == XML_TEXT_NODE && t->content ? (const char *)t->content : "";
}

static void read_flags(haul_emlx *x, const char *value)
{
    uint64_t bits;
    if (!haul_parse_u64(value, strlen(value), &bits))
        return;
    x->has_flags = true;
    for (size_t i = 0; i < HAUL_COUNT(flag_bits); i++)
        if (bits >> flag_bits[i].bit & 1)
            x->flags |= flag_bits[i].flag;
}

/* Seconds since 1970, as <integer> or <real>; fractions are dropped. */
static void read_received(haul_emlx *x, const char *value)
{
    uint64_t seconds;
    if (!haul_parse_u64(value, strcspn(value, "."), &seconds) || seconds == 0 ||
        seconds > (uint64_t)(HAUL_TIME_MAX / HAUL_US))
        return;
    x->has_received = true;
    x->received_us = (int64_t)seconds * HAUL_US;
}

static void read_dict(haul_emlx *x, const xmlNode *dict)
{
    const char *key = "";
    for (const xmlNode *c = dict->children; c; c = c->next) {
        if (c->type != XML_ELEMENT_NODE)
            continue;
        if (xmlStrEqual(c->name, BAD_CAST "key")) {
            key = node_text(c);
            continue;
        }
        if (strcmp(key, "flags") == 0 && !x->has_flags)
            read_flags(x, node_text(c));
        else if (strcmp(key, "date-received") == 0 && !x->has_received)
            read_received(x, node_text(c));
        key = "";
    }
}

/* No network, no external or expanded entities, no errors on stderr. */
static void read_plist(haul_emlx *x, const char *p, size_t n)
{
    if (n == 0 || n > HAUL_EMLX_PLIST_MAX)
        return;
    xmlDoc *doc = xmlReadMemory(p, (int)n, "plist.xml", NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    for (const xmlNode *c = root ? root->children : NULL; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && xmlStrEqual(c->name, BAD_CAST "dict")) {
            x->has_plist = true;
            read_dict(x, c);
            break;
        }
    xmlFreeDoc(doc);
}

void haul_emlx_parse(const char *p, size_t n, haul_emlx *ret)
{
    uint64_t count = 0;
    *ret = (haul_emlx){0};
    bool counted = haul_emlx_count(p, n, &ret->start, &count);
    size_t rest = n - ret->start, plist;
    if (counted && count <= rest &&
        (count == rest || begins_plist(p + ret->start + count, rest - (size_t)count))) {
        ret->len = (size_t)count;
        plist = ret->start + ret->len;
        while (plist < n && p[plist] != '<')
            plist++;
    } else {
        ret->length_wrong = true;
        plist = find_plist(p, ret->start, n);
        ret->len = plist - ret->start;
    }
    read_plist(ret, p + plist, n - plist);
}
