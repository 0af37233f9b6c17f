/* TNEF streams: docs/tnef.md [tnef-1]…[tnef-12]. Streams are built here octet by octet; real ones lie in the corpus with
 * what another program took out of them. */
#include "mime/tnef.h"
#include "testing.h"
#include "testing_mapi.h"

#include "base/time.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void le(haul_str *s, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        haul_str_addc(s, (char)(v >> (8 * i)));
}

static void begin(haul_str *s)
{
    le(s, 0x223e9f78, 4);
    le(s, 1, 2);
}

static void attribute(haul_str *s, int level, uint32_t id, const void *p, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((const unsigned char *)p)[i];
    haul_str_addc(s, (char)level);
    le(s, id, 4);
    le(s, n, 4);
    haul_str_add(s, p, n);
    le(s, sum & 0xffff, 2);
}

#define TEXT(s, level, id, z) attribute(s, level, id, z, sizeof(z))

/* One property of variable size with its count and padding; the value is as long as it says. */
static void variable(haul_str *s, uint32_t type_id, const void *p, size_t n)
{
    le(s, type_id, 4);
    le(s, 1, 4);
    le(s, n, 4);
    haul_str_add(s, p, n);
    le(s, 0, (int)((4 - n % 4) % 4));
}

static haul_mapi *open_ok(const haul_str *s, bool damaged)
{
    haul_mapi *m = NULL;
    bool bad = false;
    haul_err e = {0};
    cr_assert_eq(haul_tnef_open(s->p, s->len, 0, &m, &bad, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(bad, damaged, "damaged: %d", bad);
    cr_assert_eq(haul_mapi_load(m, &e), HAUL_OK);
    return m;
}

static const char *text(haul_mapi *m, const haul_bag *b, uint16_t id)
{
    const char *z = haul_bag_str(b, id, &m->arena);
    return z ? z : "(none)";
}

static void renddata(haul_str *s, int type)
{
    haul_auto_str v = {0};
    le(&v, (uint64_t)type, 2);
    le(&v, 0xffffffff, 4);
    le(&v, 0, 8);
    attribute(s, 2, 0x00069002, v.p, v.len);
}

Test(tnef, attributes_of_the_message)
{
    haul_auto_str s = {0}, v = {0};
    begin(&s);
    attribute(&s, 1, 0x00089006, "\0\0\1\0", 4);
    attribute(&s, 1, 0x00069007, "\xe3\4\0\0\0\0\0\0", 8); /* 1251 */
    TEXT(&s, 1, 0x00078008, "IPM.Microsoft Mail.Note");
    TEXT(&s, 1, 0x00018004, "\xcf\xf0\xe8\xe2\xe5\xf2");
    attribute(&s, 1, 0x0004800d, "\1\0", 2);
    attribute(&s, 1, 0x00038005, "\xd4\7\2\0\x11\0\xb\0\x19\0\x23\0\3\0", 14); /* 2004-02-17 11:25:35 */
    TEXT(&s, 1, 0x00018009, "757BB19CDE936A40");
    attribute(&s, 1, 0x00068007, "\x24", 1);
    TEXT(&s, 1, 0x0002800c, "body\r\n");
    le(&v, 4, 2);
    le(&v, 16 + 4 + 15, 2);
    le(&v, 4, 2);
    le(&v, 15, 2);
    haul_str_add(&v, "Ann\0SMTP:ann@x.org\0\0\0\0\0\0\0\0", 4 + 15 + 8);
    attribute(&s, 1, 0x00008000, v.p, v.len);
    haul_auto(haul_mapi) *m = open_ok(&s, false);
    const haul_bag *b = &m->props;
    cr_assert_str_eq(text(m, b, 0x001a), "IPM.Note");
    cr_assert_str_eq(text(m, b, 0x0037), "Привет");
    cr_assert_str_eq(text(m, b, 0x1000), "body\r\n");
    cr_assert_str_eq(text(m, b, 0x0c1a), "Ann");
    cr_assert_str_eq(text(m, b, 0x0c1e), "SMTP");
    cr_assert_str_eq(text(m, b, 0x0c1f), "ann@x.org");
    cr_assert_eq(haul_prop_int_or(haul_bag_get(b, 0x0017), -1), 2, "1 is the highest priority");
    cr_assert_eq(haul_prop_int_or(haul_bag_get(b, 0x0e07), -1), 0x01 | 0x02 | 0x04);
    int64_t us = 0;
    cr_assert(haul_prop_time(haul_bag_get(b, 0x0039), &us));
    char iso[HAUL_ISO_LEN];
    haul_iso_format(iso, us);
    cr_assert_str_eq(iso, "2004-02-17T11:25:35Z");
    haul_span key;
    cr_assert(haul_prop_bin(haul_bag_get(b, 0x300b), &key));
    cr_assert(key.len == 8 && memcmp(key.p, "\x75\x7b\xb1\x9c\xde\x93\x6a\x40", 8) == 0);
}

Test(tnef, owner_depends_on_the_class)
{
    static const struct {
        const char *class;
        uint16_t tag;
    } rows[] = {{"IPM.Microsoft Schedule.MtgReq", 0x0042},
                {"IPM.Microsoft Schedule.MtgRespP", 0x0044},
                {"IPM.Microsoft Schedule.MtgCncl", 0x0042}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str s = {0};
        begin(&s);
        attribute(&s, 1, 0x00060000, "\4\0Bob\0\xe\0SMTP:bob@x.or", 6 + 16);
        attribute(&s, 1, 0x00078008, rows[i].class, strlen(rows[i].class) + 1);
        haul_auto(haul_mapi) *m = open_ok(&s, false);
        cr_assert_str_eq(text(m, &m->props, rows[i].tag), "Bob", "%s", rows[i].class);
        cr_assert_str_eq(text(m, &m->props, rows[i].tag == 0x0042 ? 0x0065 : 0x0078), "bob@x.or");
        cr_assert_null(haul_bag_get(&m->props, rows[i].tag ^ 0x0042 ^ 0x0044));
    }
}

/* Named by number and by name, 16-bit values in 32 bits, multi-values of both kinds, padding. */
Test(tnef, properties)
{
    static const char address[16] = "\4\x20\6\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    static const char strings[16] = "\x29\3\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    haul_auto_str s = {0}, v = {0};
    begin(&s);
    TEXT(&s, 1, 0x00018004, "old");
    le(&v, 6, 4);
    variable(&v, 0x0037001f, "n\0e\0w\0\0\0", 8);
    le(&v, 0x3a40000b, 4);
    le(&v, 1, 4);
    le(&v, 0x8001001e, 4);
    haul_str_add(&v, address, 16);
    le(&v, 0, 4);
    le(&v, 0x8083, 4);
    le(&v, 1, 4);
    le(&v, 6, 4);
    haul_str_add(&v, "a@b.c\0\0\0", 8);
    le(&v, 0x8002101f, 4);
    haul_str_add(&v, strings, 16);
    le(&v, 1, 4);
    le(&v, 18, 4);
    haul_str_add(&v, "K\0e\0y\0w\0o\0r\0d\0s\0\0\0\0\0", 20);
    le(&v, 2, 4);
    le(&v, 4, 4);
    haul_str_add(&v, "A\0\0\0", 4);
    le(&v, 6, 4);
    haul_str_add(&v, "B\0C\0\0\0\0\0", 8);
    le(&v, 0x66001002, 4);
    le(&v, 2, 4);
    le(&v, 7, 4);
    le(&v, 9, 4);
    le(&v, 0x00170003, 4);
    le(&v, 2, 4);
    attribute(&s, 1, 0x00069003, v.p, v.len);
    haul_auto(haul_mapi) *m = open_ok(&s, false);
    cr_assert_str_eq(text(m, &m->props, 0x0037), "new", "a property goes before an attribute");
    cr_assert(haul_prop_bool(haul_bag_get(&m->props, 0x3a40)));
    cr_assert_eq(haul_prop_int_or(haul_bag_get(&m->props, 0x0017), -1), 2,
                 "what follows the others is in step");
    const haul_prop *mail = haul_bag_lid(&m->props, HAUL_PSET_ADDRESS, 0x8083);
    cr_assert_str_eq(haul_prop_str(&m->props, mail, &m->arena), "a@b.c");
    const haul_prop *words = haul_bag_name(&m->props, HAUL_PSET_PUBLIC_STRINGS, "Keywords");
    haul_prop one;
    cr_assert_eq(haul_multi_count(words), 2);
    cr_assert(haul_multi_at(words, 1, &one));
    cr_assert_str_eq(haul_prop_str(&m->props, &one, &m->arena), "BC");
    const haul_prop *shorts = haul_bag_get(&m->props, 0x6600);
    cr_assert_eq(haul_multi_count(shorts), 2);
    cr_assert(haul_multi_at(shorts, 1, &one));
    cr_assert_eq(haul_prop_int_or(&one, -1), 9);
}

Test(tnef, recipients)
{
    haul_auto_str s = {0}, v = {0};
    begin(&s);
    le(&v, 2, 4);
    for (unsigned i = 1; i <= 2; i++) {
        le(&v, 2, 4);
        le(&v, 0x0c150003, 4);
        le(&v, i, 4);
        variable(&v, 0x39fe001e, i == 1 ? "a@x.org" : "b@x.org", 8);
    }
    attribute(&s, 1, 0x00069004, v.p, v.len);
    haul_auto(haul_mapi) *m = open_ok(&s, false);
    cr_assert_eq(m->n_recipients, 2);
    cr_assert_eq(haul_prop_int_or(haul_bag_get(&m->recipients[1], 0x0c15), 0), 2);
    cr_assert_str_eq(text(m, &m->recipients[1], 0x39fe), "b@x.org");
}

/* An attachment by value, one whose data are a property, an OLE object, an embedded message. */
Test(tnef, attachments)
{
    static const char message[16] = "\7\3\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    static const char storage[16] = "\xb\0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    haul_auto_str s = {0}, v = {0}, inner = {0}, object = {0};
    begin(&inner);
    TEXT(&inner, 1, 0x00018004, "inner");
    begin(&s);
    renddata(&s, 1);
    attribute(&s, 2, 0x0006800f, "data", 4); /* before its name */
    TEXT(&s, 2, 0x00018010, "a.txt");
    renddata(&s, 1);
    attribute(&s, 2, 0x0006800f, "substitute", 10);
    le(&v, 2, 4);
    variable(&v, 0x3707001f, "b\0\0\0", 4);
    variable(&v, 0x37010102, "real", 4);
    attribute(&s, 2, 0x00069005, v.p, v.len);
    renddata(&s, 2);
    haul_str_add(&object, storage, 16);
    haul_str_addz(&object, "OLE");
    haul_str_clear(&v);
    le(&v, 1, 4);
    variable(&v, 0x3701000d, object.p, object.len);
    attribute(&s, 2, 0x00069005, v.p, v.len);
    renddata(&s, 1);
    haul_str_clear(&object);
    haul_str_add(&object, message, 16);
    haul_str_add(&object, inner.p, inner.len);
    haul_str_clear(&v);
    le(&v, 1, 4);
    variable(&v, 0x3701000d, object.p, object.len);
    attribute(&s, 2, 0x00069005, v.p, v.len);

    static const struct {
        const char *data;
        int method;
        bool embedded;
    } want[] = {{"data", 1, false}, {"real", 1, false}, {"OLE", 6, false}, {NULL, 5, true}};
    haul_auto(haul_mapi) *m = open_ok(&s, false);
    cr_assert_eq(m->n_attachments, HAUL_COUNT(want));
    for (size_t i = 0; i < HAUL_COUNT(want); i++) {
        haul_auto_str data = {0};
        const haul_mapi_attach *a = &m->attachments[i];
        cr_assert_eq(haul_prop_int_or(haul_bag_get(&a->props, 0x3705), 0), want[i].method, "%zu", i);
        cr_assert_eq(a->embedded, want[i].embedded, "%zu", i);
        cr_assert_null(haul_bag_get(&a->props, 0x3701));
        cr_assert_eq(haul_mapi_slurp(m, i, 4096, &data, NULL), HAUL_OK);
        cr_assert_eq(a->size, data.len);
        if (want[i].data)
            cr_assert_str_eq(haul_strz(&data), want[i].data);
    }
    cr_assert_str_eq(text(m, &m->attachments[0].props, 0x3704), "a.txt");
    haul_auto(haul_mapi) *in = NULL;
    cr_assert_eq(m->ops->embedded(m, 3, &in, NULL), HAUL_OK);
    cr_assert_str_eq(text(in, &in->props, 0x0037), "inner");
    cr_assert_eq(in->depth, 1);
    haul_mapi *none = NULL;
    cr_assert_eq(m->ops->embedded(m, 0, &none, NULL), HAUL_SKIP);
}

Test(tnef, refused)
{
    haul_auto_str s = {0};
    haul_mapi *m = NULL;
    bool bad = false;
    begin(&s);
    cr_assert_eq(haul_tnef_open(s.p, s.len, 0, &m, &bad, NULL), HAUL_SKIP, "nothing in it");
    TEXT(&s, 1, 0x00018004, "x");
    cr_assert_eq(haul_tnef_open(s.p, s.len, HAUL_MAPI_DEPTH_MAX + 1, &m, &bad, NULL), HAUL_SKIP);
    s.p[0] ^= 1;
    cr_assert_eq(haul_tnef_open(s.p, s.len, 0, &m, &bad, NULL), HAUL_SKIP, "signature");
    cr_assert_not(haul_tnef_like(s.p, s.len));
    cr_assert_not(haul_tnef_like(s.p, 3));
    cr_assert_null(m);
}

/* What came before the damage stays, and the beginning of cut data too. */
Test(tnef, damage)
{
    haul_auto_str s = {0};
    begin(&s);
    TEXT(&s, 1, 0x00018004, "subject");
    size_t sum = s.len - 2, mark;
    renddata(&s, 1);
    attribute(&s, 2, 0x0006800f, "0123456789", 10);
    s.p[sum] ^= 1;
    haul_auto(haul_mapi) *a = open_ok(&s, true);
    cr_assert_str_eq(text(a, &a->props, 0x0037), "subject");
    s.p[sum] ^= 1;
    mark = s.len;
    s.len -= 7;
    haul_auto(haul_mapi) *b = open_ok(&s, true);
    cr_assert_eq(b->n_attachments, 1);
    cr_assert_eq(b->attachments[0].size, 5);
    s.len = mark;
    haul_str_add(&s, "\0\0\0", 3);
    haul_auto(haul_mapi) *c = open_ok(&s, false);
    cr_assert_eq(c->n_attachments, 1);
    haul_str_add(&s, "garbage at the end", 18);
    haul_auto(haul_mapi) *d = open_ok(&s, true);
    cr_assert_eq(d->attachments[0].size, 10);
}

/* A count that the stream cannot hold takes neither time nor memory. */
Test(tnef, lying_counts)
{
    static const uint32_t ids[] = {0x00069003, 0x00069004, 0x00069005};
    for (size_t i = 0; i < HAUL_COUNT(ids); i++) {
        haul_auto_str s = {0};
        begin(&s);
        attribute(&s, ids[i] == 0x00069005 ? 2 : 1, ids[i], "\xff\xff\xff\xff\2\x10\0\x66\xff\xff\xff\xff",
                  12);
        haul_auto(haul_mapi) *m = open_ok(&s, true);
        cr_assert_eq(m->props.n, 0);
        cr_assert_lt(m->arena.used, 4096);
    }
}

/* ── the corpus ── */

#define CORPUS HAUL_CORPUS "/misc"
/* The sentence for readers that know no embedded messages, which the other program took for an attachment. */
#define SUBSTITUTE "christmas__Untitled Attachment.1"

/* The text files beside the streams went through git, which took their CRs. */
static bool same_but_cr(const haul_str *data, const char *p, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < data->len; i++) {
        if (data->p[i] == '\r' && i + 1 < data->len && data->p[i + 1] == '\n')
            continue;
        if (k == n || data->p[i] != p[k++])
            return false;
    }
    return k == n;
}

static bool has_data(haul_mapi *m, const char *p, size_t n);

static bool embedded_has_data(haul_mapi *m, size_t i, const char *p, size_t n)
{
    haul_auto(haul_mapi) *in = NULL;
    cr_assert_eq(m->ops->embedded(m, i, &in, NULL), HAUL_OK);
    return has_data(in, p, n);
}

static bool has_data(haul_mapi *m, const char *p, size_t n)
{
    /* The other program leaves the id in front of an object; this is all of it but the first octet. */
    static const char tail[] = "\0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    for (size_t i = 0; i < m->n_attachments; i++) {
        haul_auto_str data = {0};
        cr_assert_eq(haul_mapi_slurp(m, i, HAUL_TNEF_MAX, &data, NULL), HAUL_OK);
        cr_assert_eq(data.len, m->attachments[i].size);
        if ((data.len == n && (n == 0 || memcmp(data.p, p, n) == 0)) || same_but_cr(&data, p, n))
            return true;
        if (data.len + 16 == n && memcmp(p + 1, tail, 15) == 0 && memcmp(data.p, p + 16, n - 16) == 0)
            return true;
        if (m->attachments[i].embedded && embedded_has_data(m, i, p, n))
            return true;
    }
    return false;
}

static bool has_name(haul_mapi *m, const char *name, size_t n)
{
    for (size_t i = 0; i < m->n_attachments; i++) {
        haul_bag *b = &m->attachments[i].props;
        const char *z[] = {haul_bag_str(b, 0x3707, &m->arena), haul_bag_str(b, 0x3704, &m->arena)};
        for (size_t k = 0; k < 2; k++)
            if (z[k] && strlen(z[k]) == n && memcmp(z[k], name, n) == 0)
                return true;
    }
    return false;
}

static void check_list(haul_mapi *m, const char *base)
{
    haul_auto_str path = {0};
    haul_str_addf(&path, CORPUS "/%s.list", base);
    char *list = testing_read(path.p, NULL);
    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, "\r\n");
        if (n && strncmp(p, "body.", 5) && strncmp(p, "Untitled", 8))
            cr_expect(has_name(m, p, n), "%s: no attachment %.*s", base, (int)n, p);
        p += n + strspn(p + n, "\r\n");
    }
    free(list);
}

static void check_stream(const char *file, size_t *ret_compared)
{
    haul_auto_str path = {0};
    char base[256];
    size_t n = 0, length = strlen(file) - 5;
    cr_assert_lt(length, sizeof(base));
    memcpy(base, file, length);
    base[length] = 0;
    haul_str_addf(&path, CORPUS "/%s", file);
    char *p = testing_read(path.p, &n);
    haul_auto(haul_mapi) *m = NULL;
    bool damaged = false;
    haul_err e = {0};
    cr_assert_eq(haul_tnef_open(p, n, 0, &m, &damaged, &e), HAUL_OK, "%s: %s", file, e.text);
    /* This one alone has something behind its last attribute that is long enough to be one, and is none. */
    cr_expect_eq(damaged, strstr(file, "panic") != NULL, "%s: damaged %d", file, damaged);
    check_list(m, base);
    DIR *dir = opendir(CORPUS);
    for (struct dirent *d; (d = readdir(dir));) {
        if (strncmp(d->d_name, base, length) || strncmp(d->d_name + length, "__", 2) ||
            strncmp(d->d_name + length + 2, "message.", 8) == 0 || haul_ends(d->d_name, SUBSTITUTE))
            continue;
        size_t size = 0;
        haul_str_clear(&path);
        haul_str_addf(&path, CORPUS "/%s", d->d_name);
        char *want = testing_read(path.p, &size);
        cr_expect(has_data(m, want, size), "no attachment with the octets of %s", d->d_name);
        ++*ret_compared;
        free(want);
    }
    closedir(dir);
    haul_mapi_free(m);
    m = NULL;
    free(p);
}

Test(tnef, corpus)
{
    DIR *dir = opendir(CORPUS);
    size_t streams = 0, compared = 0;
    if (!dir)
        cr_skip_test("no corpus");
    for (struct dirent *d; (d = readdir(dir));)
        if (haul_ends(d->d_name, ".tnef") || haul_ends(d->d_name, "WINMAIL.dat")) {
            if (haul_ends(d->d_name, ".tnef"))
                check_stream(d->d_name, &compared);
            streams++;
        }
    closedir(dir);
    cr_assert_geq(streams, 15);
    cr_assert_geq(compared, 20);
}
