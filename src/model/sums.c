/* Files of checksums: lines with a name and a digest in hex, as CSV in any order of columns or as md5sum writes them. */
#include "model/sums.h"

#include <openssl/evp.h>
#include <string.h>

#define FIELDS_MAX 16u
#define HEX_MAX    128u

bool haul_sums_is(const char *name)
{
    const char *base = name;
    static const char *const ends[] = {"checksums", "checksums.csv", "checksums.txt", ".md5", ".sha256"};
    for (size_t i = 0; i < HAUL_COUNT(ends); i++)
        if (haul_iends(base, ends[i]))
            return true;
    return false;
}

/* The digest that so many hex digits are; NULL: none. */
static const EVP_MD *digest_of(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (haul_hexval((unsigned char)s.p[i]) < 0)
            return NULL;
    switch (s.len) {
    case 32:
        return EVP_md5();
    case 40:
        return EVP_sha1();
    case 64:
        return EVP_sha256();
    case HEX_MAX:
        return EVP_sha512();
    default:
        return NULL;
    }
}

/* A field of the line at *at: up to a comma, semicolon, tab or, behind a digest, blanks; quotes and "*" are taken off. */
static bool next_field(haul_span line, size_t *at, haul_span *ret)
{
    size_t i = *at, first = i;
    if (i >= line.len)
        return false;
    if (line.p[i] == '"') {
        for (first = ++i; i < line.len && line.p[i] != '"'; i++)
            ;
        *ret = (haul_span){line.p + first, i - first};
        while (i < line.len && !strchr(",;\t", line.p[i]))
            i++;
    } else {
        while (i < line.len && !strchr(",;\t", line.p[i]) &&
               !(line.p[i] == ' ' && digest_of((haul_span){line.p + first, i - first})))
            i++;
        *ret = haul_span_trim((haul_span){line.p + first, i - first});
    }
    *at = i + 1;
    while (*at < line.len && (line.p[*at] == ' ' || line.p[*at] == '*'))
        ++*at;
    return true;
}

static haul_rc hash_file(haul_reader *r, const char *path, const EVP_MD *md, char hex[HEX_MAX + 1],
                         haul_err *e)
{
    haul_auto(haul_in) *in = NULL;
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const char *p;
    size_t n = 1;
    haul_rc rc = haul_tree_read(r->tree, path, &in, NULL, e);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || EVP_DigestInit_ex(c, md, NULL) != 1)
        rc = rc == HAUL_OK ? haul_fail(e, HAUL_SKIP, "%s: this digest cannot be computed", path) : rc;
    while (rc == HAUL_OK && n) {
        rc = haul_in_peek(in, 1, &p, &n, e);
        if (rc == HAUL_OK && n) {
            (void)EVP_DigestUpdate(c, p, n);
            haul_in_consume(in, n);
        }
    }
    if (rc == HAUL_OK)
        (void)EVP_DigestFinal_ex(c, sum, &len);
    EVP_MD_CTX_free(c);
    haul_hex(hex, sum, len);
    return rc;
}

static void compare(haul_reader *r, const char *sums, const char *path, haul_span wanted)
{
    char hex[HEX_MAX + 1];
    haul_err why = {0};
    if (hash_file(r, path, digest_of(wanted), hex, &why) != HAUL_OK)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", sums, why.text);
    else if (!haul_span_is(wanted, hex))
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHECKSUM, "%s: it has %s, %s says %.*s", path, hex, sums,
                          (int)wanted.len, wanted.p);
}

typedef struct place { /* where files of the export may lie */
    haul_reader *r;
    const char *dir;
    const haul_entry *v;
    size_t n;
    haul_arena *a;
} place;

static const char *at(const place *w, const char *below, haul_span name)
{
    return haul_arena_printf(w->a, "%s%s%s%s%.*s", w->dir, *w->dir ? "/" : "", below, *below ? "/" : "",
                             (int)name.len, name.p);
}

/* The path of a file of that name, beside the checksums or in a download beside them; NULL when it is not there. */
static const char *locate(const place *w, haul_span name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strlen(w->v[i].name) == name.len && memcmp(w->v[i].name, name.p, name.len) == 0 &&
            (w->v[i].type == HAUL_ENTRY_FILE || w->v[i].packed))
            return at(w, "", name);
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].packed && haul_tree_has(w->r->tree, at(w, w->v[i].name, name), HAUL_ENTRY_FILE))
            return at(w, w->v[i].name, name);
    return NULL;
}

static void take_line(const place *w, const char *sums, haul_span line)
{
    haul_span f[FIELDS_MAX], wanted = {0};
    size_t n = 0, pos = 0;
    const char *path = NULL;
    while (n < FIELDS_MAX && next_field(line, &pos, &f[n]))
        n++;
    for (size_t i = 0; i < n && !wanted.len; i++)
        if (digest_of(f[i]))
            wanted = f[i];
    for (size_t i = 0; i < n && wanted.len && !path; i++) {
        haul_span name = f[i];
        for (size_t k = 0; k < f[i].len; k++)
            if (f[i].p[k] == '/' || f[i].p[k] == '\\')
                name = (haul_span){f[i].p + k + 1, f[i].len - k - 1};
        path = name.len && name.p != wanted.p ? locate(w, name) : NULL;
    }
    if (path)
        compare(w->r, sums, path, wanted);
    else if (wanted.len)
        haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_CHECKSUM_ABSENT, "%s: %.*s", sums,
                          (int)(line.len < 200 ? line.len : 200), line.p);
}

static void check_file(haul_reader *r, const char *dir, const char *name, const haul_entry *v, size_t n)
{
    haul_arena a = {0};
    char *text = NULL;
    size_t len = 0;
    haul_err why = {0};
    const char *path = *dir ? haul_arena_printf(&a, "%s/%s", dir, name) : name;
    if (haul_tree_slurp(r->tree, path, HAUL_SUMS_MAX, &a, &text, &len, &why) != HAUL_OK)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s", why.text);
    for (size_t pos = 0; pos < len;) {
        const char *eol = memchr(text + pos, '\n', len - pos);
        size_t of = eol ? (size_t)(eol - text) - pos : len - pos;
        haul_arena line = {0};
        place w = {.r = r, .dir = dir, .v = v, .n = n, .a = &line};
        take_line(&w, path, haul_span_trim((haul_span){text + pos, of}));
        haul_arena_done(&line);
        pos += of + 1;
    }
    haul_arena_done(&a);
}

void haul_sums_check(haul_reader *r, const char *dir, const haul_entry *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].type == HAUL_ENTRY_FILE && haul_sums_is(v[i].name))
            check_file(r, dir, v[i].name, v, n);
}

void haul_sums_check_top(haul_reader *r)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0;
    if (haul_tree_list(r->tree, "", &a, &v, &n, NULL) == HAUL_OK)
        haul_sums_check(r, "", v, n);
    haul_arena_done(&a);
}
