#include "hold/eaxs.h"
#include "testing.h"
#include "testing_hold.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What xmllint and Python's email can judge is in check_hold_eaxs.py; here is what they cannot: folders, failures, which file a
 * part refers to, addresses in all their forms. */

static const haul_case the_case = {.matter = "M-17",
                                   .custodian = "legal",
                                   .description = "",
                                   .organization = "Harbour",
                                   .contact = "",
                                   .source_kinds = "eml",
                                   .created = "",
                                   .version = "0",
                                   .time_zone = "UTC",
                                   .volume = "VOL001"};

typedef struct package {
    char dir[512];
    int root;
    haul_catalog *c;
    unsigned n;
} package;

/* Valid until the next but three. */
static const char *in_package(const package *p, const char *name)
{
    static char paths[4][1024];
    static unsigned next;
    char *to = paths[next++ % HAUL_COUNT(paths)];
    snprintf(to, sizeof(paths[0]), "%s/%s", p->dir, name);
    return to;
}

static package open_package(void)
{
    static unsigned made;
    haul_err e = {0};
    package p = {0};
    snprintf(p.dir, sizeof(p.dir), "%s", testing_path("package%u", made++));
    testing_write(in_package(&p, "load/x"), "", 0);
    p.root = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(p.root >= 0);
    cr_assert(haul_catalog_open(in_package(&p, "catalog.db"), false, &p.c, &e) == HAUL_OK, "%s", e.text);
    return p;
}

static void close_package(package *p)
{
    haul_catalog_close(p->c);
    close(p->root);
}

static haul_doc blank(void)
{
    haul_doc d = {0};
#define X(field) d.field = "";
    TESTING_DOC_TEXTS(X)
#undef X
    d.custodian = "ada";
    d.source = "a.pst";
    d.mime_type = "message/rfc822";
    return d;
}

static int64_t add(package *p, haul_doc d, const char *octets, size_t n)
{
    char id[32], path[128];
    int64_t row = 0;
    haul_err e = {0};
    haul_auto(haul_sha256) *h = haul_sha256_new();
    snprintf(id, sizeof(id), "D%u", ++p->n);
    snprintf(path, sizeof(path), d.parent ? "data/attachments/%s/a b.bin" : "data/eml/%s.eml", id);
    if (octets)
        testing_write(in_package(p, path), octets, n);
    haul_sha256_update(h, octets ? octets : "", n);
    haul_sha256_final(h, d.sha256);
    d.size = n;
    d.docid = id;
    if (!*d.native)
        d.native = path;
    cr_assert(haul_catalog_add(p->c, &d, &row, &e) == HAUL_OK, "%s", e.text);
    return row;
}

static int64_t add_in(package *p, const char *custodian, const char *source, const char *folder)
{
    haul_doc d = blank();
    d.custodian = custodian;
    d.source = source;
    d.folder = folder;
    return add(p, d, "Subject: x\n\ny\n", 14);
}

/* ── writing into memory, perhaps not all of it ── */

typedef struct memory {
    haul_out out;
    haul_str s;
    size_t max;
} memory;

static haul_rc remember(haul_out *o, const void *q, size_t n, haul_err *e)
{
    memory *m = (memory *)o;
    if (m->s.len + n > m->max)
        return haul_fail(e, HAUL_E_LIMIT, "full at %zu", m->max);
    haul_str_add(&m->s, q, n);
    return HAUL_OK;
}

static haul_rc try_write(package *p, memory *m, haul_load_notes *n, haul_err *e)
{
    *m = (memory){.out = {remember}, .max = m->max ? m->max : SIZE_MAX};
    return haul_load_eaxs(p->c, &the_case, p->root, &m->out, n, e);
}

static char *written(package *p)
{
    memory m = {0};
    haul_err e = {0};
    haul_rc rc = try_write(p, &m, NULL, &e);
    cr_assert(rc == HAUL_OK, "%s", e.text);
    cr_assert(m.s.p);
    return m.s.p;
}

/* "ada{a.pst{D1 Box{D2 }}}" */
static void outline(const char *xml, haul_str *to)
{
    bool named = true;
    for (const char *p = strchr(xml, '<'); p; p = strchr(p + 1, '<')) {
        const char *text = strchr(p, '>') + 1;
        int n = (int)strcspn(text, "<");
        if (strncmp(p, "<Folder>", 8) == 0)
            named = false;
        else if (strncmp(p, "</Folder>", 9) == 0)
            haul_str_addc(to, '}');
        else if (strncmp(p, "<Guid>", 6) == 0)
            haul_str_addf(to, "%.*s ", n, text);
        else if (strncmp(p, "<Name>", 6) == 0 && !named) {
            haul_str_addf(to, "%.*s{", n, text);
            named = true;
        }
    }
}

Test(hold_eaxs, folders)
{
    haul_auto_str got = {0};
    package p = open_package();
    static const char *const in[][3] = {
        {"ben", "b.mbox", "A/B"},    {"ada", "a.pst", "A B"},     {"ada", "a.pst", "A/B/C"},
        {"ada", "a.pst", "A"},       {"ada", "a.pst", "A-B"},     {"ada", "a.pst", "A/B"},
        {"ada", "z.pst", ""},        {"ada", "a.pst", ""},        {"ada", "a.pst", "x\\/y\\\\/z"},
        {"ada", "a.pst", "A/B/C/D"}, {"ada", "a.pst", "A/a<&>b"}, {"ada", "a.pst", "A"},
        {"ada", "a.pst", "\001/B"},  {"ada", "a.pst", "A\001B"},  {"", "", "A"},
    };
    for (size_t i = 0; i < HAUL_COUNT(in); i++)
        add_in(&p, in[i][0], in[i][1], in[i][2]);
    char *xml = written(&p);
    outline(xml, &got);
    cr_assert_str_eq(haul_strz(&got),
                     "{{A{D15 }}}"
                     "ada{a.pst{D8 \xef\xbf\xbd{B{D13 }}A{D4 D12 }A\xef\xbf\xbd"
                     "B{D14 }A{B{D6 C{D3 D{D10 }}}a&lt;&amp;&gt;b{D11 }}A B{D2 }A-B{D5 }x/y\\{z{D9 }}}"
                     "z.pst{D7 }}"
                     "ben{b.mbox{A{B{D1 }}}}");
    free(xml);
    close_package(&p);
}

Test(hold_eaxs, many_levels)
{
    haul_auto_str folder = {0}, got = {0};
    package p = open_package();
    for (int i = 0; i < 100; i++)
        haul_str_addf(&folder, "%s%d", i ? "/" : "", i);
    add_in(&p, "ada", "a", haul_strz(&folder));
    char *xml = written(&p);
    outline(xml, &got);
    cr_assert(strstr(haul_strz(&got), "62{63/64/65/66/"), "%s", haul_strz(&got));
    cr_assert(strstr(haul_strz(&got), "98/99{D1 }"));
    free(xml);
    close_package(&p);
}

/* ── failures ── */

Test(hold_eaxs, natives_that_are_not_there)
{
    static const char *const paths[] = {"data/eml/none.eml", "../outside.eml", "data/../catalog.db",
                                        "data/link.eml",     "data/way/x.eml", "data"};
    for (size_t i = 0; i < HAUL_COUNT(paths); i++) {
        haul_err e = {0};
        memory m = {0};
        package p = open_package();
        haul_doc d = blank();
        d.native = paths[i];
        testing_write(in_package(&p, "data/real/x.eml"), "Subject: x\n\n", 12);
        cr_assert(symlink("real/x.eml", in_package(&p, "data/link.eml")) == 0);
        cr_assert(symlink("real", in_package(&p, "data/way")) == 0);
        add(&p, d, NULL, 0);
        cr_expect(try_write(&p, &m, NULL, &e) == HAUL_E_TARGET, "%s", paths[i]);
        cr_expect(strstr(e.text, "D1: ") && strstr(e.text, paths[i]), "%s", e.text);
        haul_str_done(&m.s);
        close_package(&p);
    }
}

Test(hold_eaxs, a_native_that_was_cut)
{
    haul_err e = {0};
    memory m = {0};
    package p = open_package();
    add_in(&p, "ada", "a.pst", "A");
    testing_write(in_package(&p, "data/eml/D1.eml"), "Subject: x\n", 11);
    cr_assert(try_write(&p, &m, NULL, &e) == HAUL_E_TARGET);
    cr_assert(strstr(e.text, "D1: data/eml/D1.eml: 11 octets, and 14 were stored"), "%s", e.text);
    haul_str_done(&m.s);
    close_package(&p);
}

Test(hold_eaxs, full_at_every_octet)
{
    package p = open_package();
    for (int i = 0; i < 20; i++)
        add_in(&p, "ada", "a.pst", i % 2 ? "A" : "B");
    char *xml = written(&p);
    size_t n = strlen(xml);
    for (size_t max = 1; max < n; max += 97) {
        haul_err e = {0};
        memory m = {.max = max};
        cr_assert(try_write(&p, &m, NULL, &e) == HAUL_E_LIMIT, "%zu", max);
        cr_assert(strstr(e.text, "full at"), "%s", e.text);
        cr_assert(strncmp(xml, haul_strz(&m.s), m.s.len) == 0);
        haul_str_done(&m.s);
    }
    free(xml);
    close_package(&p);
}

typedef struct noted {
    haul_str text;
    bool fails;
} noted;

static haul_rc take_note(void *ctx, const char *docid, const char *field, unsigned cp, uint64_t n,
                         haul_err *e)
{
    noted *t = ctx;
    haul_str_addf(&t->text, "%s %s %04X %llu\n", docid, field, cp, (unsigned long long)n);
    return t->fails ? haul_fail(e, HAUL_E_STATE, "no more notes") : HAUL_OK;
}

Test(hold_eaxs, notes)
{
    static const char message[] = "X-A: \1\0\1 \xef\xbf\xbe\nX-B: \x1f\n\n\1\2";
    haul_err e = {0};
    memory m = {0};
    noted t = {0};
    haul_load_notes n = {.fn = take_note, .ctx = &t};
    package p = open_package();
    haul_doc d = blank();
    d.folder = "a\002";
    add(&p, d, message, sizeof(message) - 1);
    cr_assert(try_write(&p, &m, &n, &e) == HAUL_OK, "%s", e.text);
    cr_assert_str_eq(haul_strz(&t.text),
                     "D1 Name 0002 1\nD1 X-A 0000 1\nD1 X-A 0001 2\nD1 X-A FFFE 1\nD1 X-B 001F 1\n");
    cr_assert(n.replaced == 6);
    cr_assert(strstr(m.s.p, "<Value>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd</Value>"), "%s", m.s.p);
    cr_assert(strstr(m.s.p, "<Content>AQI=</Content>") || strstr(m.s.p, "<Content>AQI=\n</Content>"), "%s",
              m.s.p);
    haul_str_done(&m.s);
    t.fails = true;
    cr_assert(try_write(&p, &m, &n, &e) == HAUL_E_STATE);
    cr_assert(strstr(e.text, "no more notes"), "%s", e.text);
    haul_str_done(&m.s);
    haul_str_done(&t.text);
    close_package(&p);
}

Test(hold_eaxs, global_id)
{
    haul_err e = {0};
    package p = open_package();
    char *xml = written(&p), *again = written(&p);
    cr_assert(strstr(xml, "<GlobalId>urn:uuid:"), "%s", xml);
    cr_assert_str_eq(xml, again);
    free(xml);
    free(again);
    cr_assert(haul_catalog_set_meta(p.c, "global-id", "https://x.example/M-17", &e) == HAUL_OK);
    xml = written(&p);
    cr_assert(strstr(xml, "<GlobalId>https://x.example/M-17</GlobalId>"), "%s", xml);
    free(xml);
    close_package(&p);
}

/* ── which file a part refers to ── */

static int64_t attach(package *p, int64_t parent, const char *octets, const char *name, const char *type)
{
    haul_doc d = blank();
    d.parent = parent;
    d.file_name = name;
    d.mime_type = type;
    return add(p, d, octets, strlen(octets));
}

/* "text", a number (of the document), or "base64", of every leaf. */
static void contents(const char *xml, haul_str *to)
{
    for (const char *p = strstr(xml, "<SingleBody"); p; p = strstr(p + 1, "<SingleBody")) {
        const char *end = strstr(p, "</SingleBody>"), *ext = strstr(p, "data/attachments/D");
        const char *base64 = strstr(p, "<TransferEncoding>base64</TransferEncoding>\n");
        const char *child = strstr(p, "<ChildMessage>");
        if (child && child < end)
            continue;
        if (ext && ext < end)
            haul_str_addf(to, "%.*s ", (int)strspn(ext + 18, "0123456789"), ext + 18);
        else
            haul_str_addz(to, base64 && base64 < end ? "base64 " : "text ");
    }
}

Test(hold_eaxs, attachments)
{
    static const char message[] =
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\n\nbody\n"
        "--b\nContent-Type: image/png\n\npng\n"
        "--b\nContent-Disposition: attachment; filename=a.txt\n\nbody\n"
        "--b\n\na footer that is no document\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: image/png\n\npng\n"
        "--b\nContent-Type: application/x-odd; name=odd\n\ndecoded in another way\n"
        "--b\nContent-Type: application/x-lost\n\nnobody took it out\n"
        "--b--\n";
    haul_auto_str got = {0};
    package p = open_package();
    int64_t of = add(&p, blank(), message, sizeof(message) - 1);
    attach(&p, of, "png", "", "image/png");
    attach(&p, of, "body", "a.txt", "text/plain");
    attach(&p, of, "Subject: inner\r\n", "", "message/rfc822");
    attach(&p, of, "DECODED", "odd", "application/x-odd");
    char *xml = written(&p);
    contents(xml, &got);
    cr_assert_str_eq(haul_strz(&got), "text 2 3 text base64 5 base64 ", "%s", xml);
    cr_assert(strstr(xml, "<RelPath>data/attachments/D2/a%20b.bin</RelPath>"), "%s", xml);
    cr_assert(strstr(xml, "<Guid>D4</Guid>"), "%s", xml);
    free(xml);
    close_package(&p);
}

/* ── addresses ── */

Test(hold_eaxs, addresses)
{
    static const char *const rows[][2] = {
        {"a@x", "<Mailbox address=\"a@x\">a@x</Mailbox>"},
        {"Ada <a@x>, b@x", "<Mailbox name=\"Ada\" address=\"a@x\">Ada &lt;a@x&gt;</Mailbox><Mailbox "
                           "address=\"b@x\">b@x</Mailbox>"},
        {"\"X, Y\" <a@x>", "<Mailbox name=\"X, Y\" address=\"a@x\">&quot;X, Y&quot; &lt;a@x&gt;</Mailbox>"},
        {"a@x; b@x", "<Mailbox address=\"a@x\">a@x</Mailbox><Mailbox address=\"b@x\">b@x</Mailbox>"},
        {"none:;", "<Group><Name>none</Name></Group>"},
        {"T: a@x, b@x; , c@x", "<Group><Name>T</Name><Mailbox address=\"a@x\">a@x</Mailbox><Mailbox "
                               "address=\"b@x\">b@x</Mailbox></Group><Mailbox address=\"c@x\">c@x</Mailbox>"},
        {"\"T: u\": a@x", "<Group><Name>T: u</Name><Mailbox address=\"a@x\">a@x</Mailbox></Group>"},
        {"root", "<Mailbox address=\"root\">root</Mailbox>"},
        {"a@[IPv6:::1]", "<Mailbox address=\"a@[IPv6:::1]\">a@[IPv6:::1]</Mailbox>"},
        {",,", ""},
        {"<>", "<Mailbox>&lt;&gt;</Mailbox>"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str message = {0}, got = {0};
        package p = open_package();
        haul_str_addf(&message, "To: %s\n\n", rows[i][0]);
        add(&p, blank(), message.p, message.len);
        char *xml = written(&p), *from = strstr(xml, "<To>"), *end = strstr(xml, "</To>");
        for (char *c = from ? from + 4 : xml; from && c < end; c++)
            if (*c != '\n' && !(*c == ' ' && (c[-1] == '\n' || c[-1] == ' ')))
                haul_str_addc(&got, *c);
        cr_expect_str_eq(haul_strz(&got), rows[i][1]);
        free(xml);
        close_package(&p);
    }
}

Test(hold_eaxs, a_mapped_file)
{
    haul_err e = {0};
    haul_span got;
    package p = open_package();
    size_t n = 3 * HAUL_EAXS_READ + 17;
    char *octets = malloc(n);
    cr_assert(octets);
    for (size_t i = 0; i < n; i++)
        octets[i] = (char)(i * 7 >> 3);
    testing_write(in_package(&p, "data/x"), octets, n);
    testing_write(in_package(&p, "data/small"), "abc", 3);
    haul_eaxs_native file = {.dir = -1};
    cr_assert(haul_eaxs_native_read(&file, p.root, "data/x", &got, &e) == HAUL_OK, "%s", e.text);
    cr_assert(got.len == n && memcmp(got.p, octets, n) == 0);
    haul_eaxs_native_drop(&file, got.p + n / 2);
    haul_eaxs_native_drop(&file, got.p + n);
    cr_assert(memcmp(got.p, octets, n) == 0);
    cr_assert(haul_eaxs_native_read(&file, p.root, "data/small", &got, &e) == HAUL_OK, "%s", e.text);
    cr_assert(got.len == 3 && memcmp(got.p, "abc", 3) == 0);
    haul_eaxs_native_drop(&file, got.p + 3);
    haul_eaxs_native_done(&file);
    free(octets);
    close_package(&p);
}
