#include "hold/bag.h"

#include <string.h>

void haul_bag_line(haul_str *to, const uint8_t sha256[HAUL_SHA256_LEN], const char *path)
{
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    haul_str_add(to, hex, HAUL_SHA256_HEX - 1);
    haul_str_add(to, "  ", 2);
    for (size_t n; *path; path += n) {
        n = strcspn(path, "\r\n%");
        haul_str_add(to, path, n);
        if (path[n])
            haul_str_addf(to, "%%%02X", (unsigned)(unsigned char)path[n++]);
    }
    haul_str_addc(to, '\n');
}

static bool parse_digest(const char *p, uint8_t ret[HAUL_SHA256_LEN])
{
    for (size_t i = 0; i < HAUL_SHA256_LEN; i++) {
        int high = haul_hexval((unsigned char)p[2 * i]), low = haul_hexval((unsigned char)p[2 * i + 1]);
        bool upper = (p[2 * i] >= 'A' && p[2 * i] <= 'F') || (p[2 * i + 1] >= 'A' && p[2 * i + 1] <= 'F');
        if (high < 0 || low < 0 || upper)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Only what the writer encodes is encoded; each path has one spelling. */
static bool decode(const char *p, size_t n, haul_str *to)
{
    static const char *const codes[] = {"0D", "0A", "25"};
    static const char octets[] = "\r\n%";
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        if (p[i] == '\r' || p[i] == '\0')
            return false;
        if (p[i] != '%') {
            haul_str_addc(to, p[i]);
            continue;
        }
        while (k < HAUL_COUNT(codes) && (n - i < 3 || memcmp(p + i + 1, codes[k], 2) != 0))
            k++;
        if (k == HAUL_COUNT(codes))
            return false;
        haul_str_addc(to, octets[k]);
        i += 2;
    }
    return true;
}

static bool stays_inside(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && memcmp(path, "..", 2) == 0))
            return false;
        if (!path[n])
            return true;
        path += n + 1;
    }
}

static const char *path_fault(const char *path, bool payload)
{
    static const char below[] = HAUL_BAG_PAYLOAD "/";
    bool is_payload = strncmp(path, below, sizeof(below) - 1) == 0;
    if (!stays_inside(path))
        return "the path leads out of the package";
    if (payload != is_payload)
        return payload ? "the path is not below data/" : "the path is one of the payload";
    return strcmp(path, HAUL_BAG_SEAL) == 0 ? "the file that lists them cannot list itself" : NULL;
}

const char *haul_bag_parse(const char *p, size_t n, bool payload, haul_bag_entry *io)
{
    const size_t hex = HAUL_SHA256_HEX - 1;
    if (n <= hex + 2)
        return "too short for a digest and a path";
    if (!parse_digest(p, io->sha256))
        return "the digest is not 64 lower-case hex digits";
    if (p[hex] != ' ' || p[hex + 1] != ' ')
        return "no two blanks between digest and path";
    haul_str_clear(&io->path);
    if (!decode(p + hex + 2, n - hex - 2, &io->path))
        return "the path is not encoded as RFC 8493 wants it";
    if (io->path.len > HAUL_BAG_PATH_MAX)
        return "the path is too long";
    return path_fault(io->path.p, payload);
}

static const char *order_fault(haul_bag_list *l)
{
    int order = strcmp(haul_strz(&l->last), l->entry.path.p);
    if (order == 0)
        return "the path is listed twice";
    if (order > 0)
        return "the path is not in octet order";
    haul_str_clear(&l->last);
    haul_str_add(&l->last, l->entry.path.p, l->entry.path.len);
    return NULL;
}

/* What is left has no line end, or none that is near enough. */
static haul_rc no_line(haul_bag_list *l, size_t n, const char **ret_fault, haul_err *e)
{
    *ret_fault = n > HAUL_BAG_LINE_MAX ? "the line is too long" : "the line has no end";
    for (const char *p = NULL; n > 0;) { /* up to the next line */
        haul_rc rc = haul_in_peek(l->in, 1, &p, &n, e);
        if (rc != HAUL_OK)
            return rc;
        const char *end = n ? memchr(p, '\n', n) : NULL;
        haul_in_consume(l->in, end ? (size_t)(end - p) + 1 : n);
        if (end)
            break;
    }
    return HAUL_OK;
}

haul_rc haul_bag_next(haul_bag_list *l, const char **ret_fault, haul_err *e)
{
    const char *p = NULL, *fault = NULL;
    size_t n = 0;
    haul_rc rc = haul_in_line(l->in, HAUL_BAG_LINE_MAX, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    if (!p && n == 0)
        return HAUL_END;
    l->line++;
    if (!p)
        return no_line(l, n, ret_fault, e);
    fault = haul_bag_parse(p, n, l->payload, &l->entry);
    *ret_fault = fault ? fault : order_fault(l);
    haul_in_consume(l->in, n + 1);
    return HAUL_OK;
}

void haul_bag_list_done(haul_bag_list *l)
{
    haul_str_done(&l->entry.path);
    haul_str_done(&l->last);
}

/* ── bag-info.txt ── */

typedef struct info_line {
    haul_span text; /* without its end */
    const char *next;
} info_line;

static bool take_line(const char *p, const char *end, info_line *ret)
{
    if (p == end)
        return false;
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    const char *stop = lf ? lf : end;
    ret->next = lf ? lf + 1 : end;
    ret->text = (haul_span){p, (size_t)(stop - p)};
    return true;
}

static bool is_folded(haul_span s)
{
    return s.len && (*s.p == ' ' || *s.p == '\t');
}

unsigned haul_bag_field(const char *info, size_t n, const char *label, haul_str *ret)
{
    unsigned count = 0;
    bool inside = false;
    info_line l;
    size_t len = strlen(label);
    for (const char *p = info; take_line(p, info + n, &l); p = l.next) {
        haul_span value = l.text;
        if (!is_folded(l.text)) {
            inside = l.text.len > len && l.text.p[len] == ':' && haul_istarts(l.text.p, l.text.len, label);
            count += inside;
            value = inside ? (haul_span){l.text.p + len + 1, l.text.len - len - 1} : l.text;
        }
        if (!inside || count > 1)
            continue;
        value = haul_span_trim(value);
        haul_str_addz(ret, ret->len && value.len ? " " : "");
        haul_str_add(ret, value.p, value.len);
    }
    return count;
}
