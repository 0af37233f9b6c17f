/* hold_eaxs make DIR FILE|TREE… : a package directory (catalogue, natives, attachments) of messages, "docid<TAB>path" a line.
 *                                 "+docid<TAB>type<TAB>path" an attachment before it.
 * hold_eaxs many DIR N          : of N small ones made up here.
 * hold_eaxs write DIR           : load/eaxs.xml of it; seconds and peak memory; every replaced character a line.
 * For check_hold_eaxs.py. */
#include "base/time.h"
#include "hold/package.h"
#include "io/atomic.h"
#include "mime/facts.h"
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

typedef struct taken { /* what haul_parts_read tells of one */
    haul_out out;
    package *p;
    haul_str octets;
} taken;

static haul_rc take(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((taken *)o)->octets, p, n);
    return HAUL_OK;
}

static haul_rc begin(void *ctx, const haul_part *part, haul_out **ret_to, haul_err *e)
{
    taken *t = ctx;
    (void)part;
    (void)e;
    haul_str_clear(&t->octets);
    *ret_to = &t->out;
    return HAUL_OK;
}

/* "+docid<TAB>type<TAB>path". */
static haul_rc end(void *ctx, const haul_part *part, haul_err *e)
{
    taken *t = ctx;
    package *p = t->p;
    haul_auto_str dir = {0}, file = {0}, path = {0}, id = {0};
    (void)e;
    p->attachment++;
    haul_str_addf(&dir, "data/attachments/%s", p->docid);
    haul_str_addf(&file, "%04u-part %u%%.bin", p->attachment, p->attachment);
    haul_str_addf(&path, "%s/%s", haul_strz(&dir), haul_strz(&file));
    haul_str_addf(&id, "%s-%03u", p->docid, p->attachment);
    put_file(p, haul_strz(&dir), haul_strz(&file), haul_strz(&t->octets), t->octets.len);
    haul_doc d = blank(p);
    d.docid = haul_strz(&id);
    d.parent = p->parent;
    d.mime_type = part->type;
    d.file_name = part->name;
    d.native = haul_strz(&path);
    (void)add_doc(p, &d, haul_strz(&t->octets), t->octets.len);
    printf("+%s\t%s\t%s\n", d.docid, part->type, d.native);
    return HAUL_OK;
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

static void add_parts(package *p, const char *octets, size_t n)
{
    taken t = {.out = {take}, .p = p};
    haul_auto(haul_spool) *body = haul_spool_new(false);
    must(p, haul_out_write(haul_spool_out(body), octets, n, &p->e), "spool");
    must(p, haul_spool_freeze(body, &p->e), "spool");
    haul_parts_reader reader = {.begin = begin, .end = end, .ctx = &t};
    haul_rc rc = haul_parts_read(body, &reader, &p->e);
    must(p, rc == HAUL_SKIP ? HAUL_OK : rc, "parts"); /* an empty message has none */
    haul_str_done(&t.octets);
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
