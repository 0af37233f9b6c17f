/* hold_eaxs make DIR FILE|TREE… : a package directory (catalogue, natives, attachments) of messages, "docid<TAB>path" a line.
 * hold_eaxs many DIR N          : of N small ones made up here.
 * hold_eaxs write DIR           : load/eaxs.xml of it; seconds and peak memory; every replaced character a line.
 * For check_hold_eaxs.py. GMime takes the attachments out, so that ours and its decoding are held against each other. */
#include "base/time.h"
#include "hold/package.h"
#include "io/atomic.h"
#include "mime/header.h"
#include "testing_hold.h"

#include <fcntl.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const haul_case the_case = {.matter = "M-17",
                                   .custodian = "ada@harbour.example",
                                   .description = "A test",
                                   .organization = "Harbour",
                                   .contact = "",
                                   .source_kinds = "eml",
                                   .created = "2026-11-27T03:00:00Z",
                                   .version = "0",
                                   .time_zone = "UTC",
                                   .volume = "VOL001"};

#define HEADER_MAX 65536u

typedef struct package {
    int root;
    haul_catalog *c;
    unsigned n; /* messages so far */
    char docid[HAUL_DOCID_MAX];
    const char *folder, *source;
    unsigned attachment;
    int64_t parent;
    haul_err e;
} package;

static void must(package *p, haul_rc rc, const char *what)
{
    if (rc == HAUL_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, p->e.text);
    exit(1);
}

static void put_file(package *p, const char *dir, const char *name, const void *octets, size_t n)
{
    haul_auto_fd int at = -1;
    must(p, haul_dir_make(p->root, dir, &at, &p->e), dir);
    haul_auto_fd int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(name);
        exit(1);
    }
    must(p, haul_write_all(fd, octets, n, name, &p->e), name);
}

static haul_doc blank(const package *p)
{
    haul_doc d = {0};
#define X(field) d.field = "";
    TESTING_DOC_TEXTS(X)
#undef X
    d.docid = p->docid;
    d.custodian = p->n % 3 ? "ada" : "ben";
    d.source = p->source;
    d.folder = d.folder_written = p->folder;
    d.mime_type = "message/rfc822";
    return d;
}

static int64_t add_doc(package *p, haul_doc *d, const void *octets, size_t n)
{
    int64_t row = 0;
    haul_auto(haul_sha256) *h = haul_sha256_new();
    haul_sha256_update(h, octets, n);
    haul_sha256_final(h, d->sha256);
    d->size = n;
    must(p, haul_catalog_add(p->c, d, &row, &p->e), "catalogue");
    return row;
}

/* ── attachments ── */

static void attach(package *p, const char *type, const char *name, GByteArray *octets)
{
    haul_auto_str dir = {0}, file = {0}, path = {0}, id = {0};
    p->attachment++;
    haul_str_addf(&dir, "data/attachments/%s", p->docid);
    haul_str_addf(&file, "%04u-part %u%%.bin", p->attachment, p->attachment);
    haul_str_addf(&path, "%s/%s", haul_strz(&dir), haul_strz(&file));
    haul_str_addf(&id, "%s-%03u", p->docid, p->attachment);
    put_file(p, haul_strz(&dir), haul_strz(&file), octets->data, octets->len);
    haul_doc d = blank(p);
    d.docid = haul_strz(&id);
    d.parent = p->parent;
    d.mime_type = type;
    d.file_name = name && g_utf8_validate(name, -1, NULL) ? name : "";
    d.native = haul_strz(&path);
    (void)add_doc(p, &d, octets->len ? octets->data : (const guint8 *)"", octets->len);
}

static void take_out(package *p, GMimeObject *o, const char *type)
{
    GMimeStream *to = g_mime_stream_mem_new();
    const char *name = NULL;
    if (GMIME_IS_MESSAGE_PART(o)) {
        g_mime_object_write_to_stream(GMIME_OBJECT(g_mime_message_part_get_message(GMIME_MESSAGE_PART(o))),
                                      NULL, to);
    } else {
        GMimeDataWrapper *w = g_mime_part_get_content(GMIME_PART(o));
        name = g_mime_part_get_filename(GMIME_PART(o));
        if (w)
            g_mime_data_wrapper_write_to_stream(w, to);
    }
    attach(p, type, name, g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(to)));
    g_object_unref(to);
}

/* All leaves but the first text/plain and text/html that are no attachments. */
static void walk(package *p, GMimeObject *o, unsigned *seen, unsigned depth)
{
    if (GMIME_IS_MULTIPART(o) && depth < 200) {
        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
            walk(p, g_mime_multipart_get_part(GMIME_MULTIPART(o), i), seen, depth + 1);
        return;
    }
    if (!GMIME_IS_PART(o) &&
        !(GMIME_IS_MESSAGE_PART(o) && g_mime_message_part_get_message(GMIME_MESSAGE_PART(o))))
        return;
    char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(o));
    unsigned bit = g_ascii_strcasecmp(type, "text/plain") == 0  ? 1
                   : g_ascii_strcasecmp(type, "text/html") == 0 ? 2
                                                                : 0;
    bool attached = GMIME_IS_PART(o) &&
                    (g_mime_part_is_attachment(GMIME_PART(o)) || g_mime_part_get_filename(GMIME_PART(o)));
    if (bit && !attached && !(*seen & bit))
        *seen |= bit;
    else
        take_out(p, o, type);
    g_free(type);
}

static void add_message(package *p, const char *octets, size_t n)
{
    haul_auto_str dir = {0}, name = {0}, path = {0};
    snprintf(p->docid, sizeof(p->docid), "ABC%08u", ++p->n);
    haul_str_addf(&dir, "data/eml/%u", p->n / 1000);
    haul_str_addf(&name, "%s.eml", p->docid);
    haul_str_addf(&path, "%s/%s", haul_strz(&dir), haul_strz(&name));
    put_file(p, haul_strz(&dir), haul_strz(&name), octets, n);
    haul_doc d = blank(p);
    d.file_name = haul_strz(&name);
    d.native = haul_strz(&path);
    d.has_flags = true;
    d.flags = p->n & 31;
    d.keywords = p->n % 5 ? "" : "Work\nécole";
    p->parent = add_doc(p, &d, octets, n);
    p->attachment = 0;
}

/* Not out of what has a giant header: GMime's reading of addresses within it takes hours, or the whole stack. */
static void add_parts(package *p, const char *octets, size_t n)
{
    if (haul_header_length(octets, n) > HEADER_MAX)
        return;
    unsigned seen = 0;
    GMimeStream *from = g_mime_stream_mem_new_with_buffer(octets, n);
    GMimeParser *parser = g_mime_parser_new_with_stream(from);
    GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
    if (m && g_mime_message_get_mime_part(m))
        walk(p, g_mime_message_get_mime_part(m), &seen, 0);
    if (m)
        g_object_unref(m);
    g_object_unref(parser);
    g_object_unref(from);
}

/* ── the three commands ── */

static void add_file(package *p, const char *path)
{
    gchar *octets;
    gsize n;
    if (!g_file_get_contents(path, &octets, &n, NULL)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    add_message(p, octets, n);
    add_parts(p, octets, n);
    printf("%s\t%s\n", p->docid, path);
    g_free(octets);
}

static int by_octets(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_tree(package *p, const char *path, const char *folder)
{
    GDir *d = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; d && (name = g_dir_read_name(d));)
        g_ptr_array_add(names, g_strdup(name));
    if (names->len)
        qsort(names->pdata, names->len, sizeof(*names->pdata), by_octets);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        char *below = g_strdup_printf("%s/%s", path, name);
        char *in = *folder ? g_strdup_printf("%s/%s", folder, name) : g_strdup(name);
        p->folder = folder;
        if (g_file_test(below, G_FILE_TEST_IS_DIR))
            add_tree(p, below, in);
        else
            add_file(p, below);
        g_free(below);
        g_free(in);
    }
    g_ptr_array_unref(names);
    if (d)
        g_dir_close(d);
}

static void add_many(package *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        haul_auto_str m = {0}, folder = {0};
        haul_str_addf(&folder, "Box %u/Day %u", i % 20, i % 140);
        haul_str_addf(
            &m,
            "From: Ada <ada@harbour.example>\r\nTo: ben@lighthouse.example\r\nSubject: number %u\r\n"
            "Date: Mon, 4 Mar 2019 09:15:20 +0100\r\nMessage-ID: <%u@harbour.example>\r\n\r\nHello.\r\n",
            i, i);
        p->folder = haul_strz(&folder);
        add_message(p, m.p, m.len);
    }
}

static haul_rc say_replaced(void *ctx, const char *docid, const char *field, unsigned cp, uint64_t n,
                            haul_err *e)
{
    (void)ctx;
    (void)e;
    printf("replaced\t%s\t%.60s\t%04X\t%llu\n", docid, field, cp, (unsigned long long)n);
    return HAUL_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* KiB; getrusage would tell of whoever started this, too. */
static long peak(void)
{
    long kib = 0;
    gchar *status = NULL;
    if (g_file_get_contents("/proc/self/status", &status, NULL, NULL)) {
        const char *line = strstr(status, "VmHWM:");
        kib = line ? strtol(line + 6, NULL, 10) : 0;
    }
    g_free(status);
    return kib;
}

static void write_it(package *p)
{
    haul_file f;
    haul_load_notes notes = {.fn = say_replaced};
    haul_auto_fd int load = -1;
    must(p, haul_dir_make(p->root, "load", &load, &p->e), "load");
    haul_file_init(&f, openat(load, "eaxs.xml", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 0,
                   "eaxs.xml");
    double start = seconds();
    must(p, haul_load_eaxs(p->c, &the_case, p->root, &f.out, &notes, &p->e), "eaxs");
    must(p, haul_file_close(&f, &p->e), "eaxs.xml");
    printf("written\t%.2f s\t%ld KiB\t%llu replaced\n", seconds() - start, peak(),
           (unsigned long long)notes.replaced);
}

int main(int argc, char **argv)
{
    package p = {.source = "/srv/mail", .folder = ""};
    if (argc < 3)
        return 2;
    bool writes = strcmp(argv[1], "write") == 0;
    haul_auto_str file = {0};
    haul_auto_fd int root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return 2;
    p.root = root;
    g_mime_init();
    haul_str_addf(&file, "%s/catalog.db", argv[2]);
    must(&p, haul_catalog_open(haul_strz(&file), writes, &p.c, &p.e), "catalogue");
    if (writes)
        write_it(&p);
    else if (strcmp(argv[1], "many") == 0)
        add_many(&p, argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0);
    for (int i = 3; i < argc && strcmp(argv[1], "make") == 0; i++) {
        p.folder = "";
        if (g_file_test(argv[i], G_FILE_TEST_IS_DIR))
            add_tree(&p, argv[i], "");
        else
            add_file(&p, argv[i]);
    }
    must(&p, writes ? HAUL_OK : haul_catalog_commit(p.c, &p.e), "catalogue");
    haul_catalog_close(p.c);
    return 0;
}
