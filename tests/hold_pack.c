/* hold_pack DIR [MESSAGES [OCTETS [MODE]]]: a whole sealed package without a run: files, catalogue, load files, log, seal. For
 * check_hold_bag.py and for measuring. Beside it DIR.source, the file that the log says it was made of. MODE: "odd" puts names
 * into the payload that a manifest has to encode, "cp1252" writes the DAT in Windows-1252. */
#include "base/digests.h"
#include "hold/package.h"
#include "io/atomic.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct pack {
    int root;
    haul_catalog *catalog;
    haul_audit *log;
    haul_digests *digests;
    haul_case k;
    unsigned messages;
    size_t octets; /* of a body */
    haul_str text;
    uint64_t files, size;
} pack;

/* A program for tests: what goes wrong ends it. */
static haul_err failure;
static void must(haul_rc rc, const char *what)
{
    if (rc == HAUL_OK)
        return;
    (void)fprintf(stderr, "hold_pack: %s: %s\n", what, failure.text);
    exit(2);
}

/* Open dir/name below the root for writing. */
static int make(const pack *p, const char *path)
{
    int dir = -1;
    haul_auto_str parent = {0};
    const char *slash = strrchr(path, '/');
    haul_str_add(&parent, path, slash ? (size_t)(slash - path) : 0);
    must(haul_dir_make(p->root, haul_strz(&parent), &dir, &failure), path);
    int fd = openat(dir, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    haul_fd_autoclose(&dir);
    if (fd < 0)
        must(haul_fail_sys(&failure, HAUL_E_TARGET, "making"), path);
    return fd;
}

static void put(pack *p, const char *path, const char *text, size_t n)
{
    haul_auto_fd int fd = make(p, path);
    must(haul_write_all(fd, text, n, path, &failure), path);
}

static void say(pack *p, const char *event, json_t *fields)
{
    must(haul_audit_event(p->log, event, fields, &failure), event);
}

/* ── the payload ── */

static const char *const folders[] = {"Inbox", "Archive/2019", "Entw\xc3\xbcrfe \xf0\x9f\x93\xa7"};

/* The digests of d, of what is put at d->native. */
static void put_native(pack *p, haul_doc *d)
{
    put(p, d->native, p->text.p, p->text.len);
    haul_digests_update(p->digests, p->text.p, p->text.len);
    haul_digests_final(p->digests, d->md5, d->sha1, d->sha256);
    d->size = p->text.len;
}

static void put_file(pack *p, const char *path, const char *text)
{
    uint8_t md5[HAUL_MD5_LEN], sha1[HAUL_SHA1_LEN], sha256[HAUL_SHA256_LEN];
    put(p, path, text, strlen(text));
    haul_digests_update(p->digests, text, strlen(text));
    haul_digests_final(p->digests, md5, sha1, sha256);
    must(haul_catalog_add_file(p->catalog, path, strlen(text), sha256, &failure), path);
}

static void fill(pack *p, unsigned seed)
{
    uint64_t x = seed + UINT64_C(88172645463325252);
    haul_str_room(&p->text, p->octets + 1);
    for (size_t i = 0; i < p->octets; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        haul_str_addc(&p->text, i % 64 == 63 ? '\n' : (char)('a' + (x >> 33) % 26));
    }
}

static haul_doc blank(void)
{
    haul_doc d = {0};
    const char **const texts[] = {&d.docid,
                                  &d.item_id,
                                  &d.custodian,
                                  &d.source,
                                  &d.folder,
                                  &d.place,
                                  &d.from,
                                  &d.to,
                                  &d.cc,
                                  &d.bcc,
                                  &d.subject,
                                  &d.date_field,
                                  &d.message_id,
                                  &d.mih,
                                  &d.in_reply_to,
                                  &d.references,
                                  &d.importance,
                                  &d.mime_type,
                                  &d.content_id,
                                  &d.keywords,
                                  &d.file_name,
                                  &d.native,
                                  &d.text,
                                  &d.exception,
                                  &d.folder_written,
                                  &d.conversation_index};
    for (size_t i = 0; i < HAUL_COUNT(texts); i++)
        *texts[i] = "";
    return d;
}

static void add_attachments(pack *p, const haul_doc *m)
{
    char docid[HAUL_DOCID_MAX], native[256];
    int64_t row = 0;
    for (int i = 1; i <= 2; i++) {
        haul_doc d = blank();
        (void)snprintf(docid, sizeof(docid), "%s-%03d", m->docid, i);
        (void)snprintf(native, sizeof(native), "data/attachments/%s/%04d-table.bin", m->docid, i);
        d.parent = m->row;
        d.docid = docid;
        d.item_id = m->item_id;
        d.custodian = m->custodian;
        d.source = m->source;
        d.folder = d.folder_written = m->folder;
        d.file_name = "table.bin";
        d.mime_type = "application/octet-stream";
        d.native = native;
        haul_str_clear(&p->text);
        haul_str_addf(&p->text, "attachment %d of %s\n", i, m->docid);
        put_native(p, &d);
        must(haul_catalog_add(p->catalog, &d, &row, &failure), docid);
    }
    (void)snprintf(native, sizeof(native), "data/attachments/%s/attachments.csv", m->docid);
    put_file(p, native, "\"Original-Filename\",\"Mailbag-Filename\",\"MimeType\",\"Content-ID\"\r\n");
}

static void log_item(pack *p, const haul_doc *d)
{
    haul_auto_str members = {0};
    haul_str_addf(&members, "\"status\":\"stored\",\"id\":\"%s\",\"stored_as\":\"%s\"", d->item_id,
                  d->native);
    must(haul_audit_event_text(p->log, "item", members.p, &failure), "item");
}

static void add_message(pack *p, unsigned n)
{
    char docid[HAUL_DOCID_MAX], item_id[33], native[256], text[256], id[64];
    haul_doc d = blank();
    const char *folder = folders[n % HAUL_COUNT(folders)];
    (void)snprintf(docid, sizeof(docid), "T%08u", n + 1);
    (void)snprintf(item_id, sizeof(item_id), "%032x", n + 1);
    (void)snprintf(native, sizeof(native), "data/eml/%s/%s.eml", folder, docid);
    (void)snprintf(text, sizeof(text), "data/text/%s/%s.txt", folder, docid);
    (void)snprintf(id, sizeof(id), "<%u@harbour.example>", n);
    haul_str_clear(&p->text);
    haul_str_addf(&p->text, "From: ada@harbour.example\r\nSubject: note %u\r\nMessage-ID: %s\r\n\r\n", n, id);
    fill(p, n);
    d.docid = docid;
    d.item_id = item_id;
    d.custodian = "legal";
    d.source = "source";
    d.folder = d.folder_written = folder;
    d.from = "Ada <ada@harbour.example>";
    d.subject = "note; \"quoted\"\nand more";
    d.message_id = id;
    d.mime_type = "text/plain";
    d.file_name = docid;
    d.native = native;
    put_native(p, &d);
    d.text = text;
    d.text_size = strlen(docid);
    haul_digests_update(p->digests, docid, strlen(docid));
    haul_digests_final(p->digests, (uint8_t[HAUL_MD5_LEN]){0}, (uint8_t[HAUL_SHA1_LEN]){0}, d.text_sha256);
    put(p, text, docid, strlen(docid));
    must(haul_catalog_add(p->catalog, &d, &d.row, &failure), docid);
    log_item(p, &d);
    if (n % 2 == 0)
        add_attachments(p, &d);
}

static void add_odd_names(pack *p)
{
    put_file(p, "data/odd/100%", "percent\n");
    put_file(p, "data/odd/%0A", "not a line end\n");
    put_file(p, "data/odd/two\nlines", "line end\n");
    put_file(p, "data/odd/return\r", "return\n");
    put_file(p, "data/odd/back\\slash *", "back slash\n");
    put_file(p, "data/odd/ blanks  ", "blanks\n");
    put_file(p, "data/odd-", "before the directory\n");
    put_file(p, "data/odd0", "behind it\n");
    put_file(p, "data/odd/empty", "");
}

/* ── the rest ── */

static void write_load(pack *p, const char *path, int which)
{
    haul_file f;
    haul_load_notes notes = {0};
    haul_file_init(&f, make(p, path), 0, path);
    haul_rc rc = HAUL_OK;
    if (which == 0)
        rc = haul_load_dat(p->catalog, &p->k, &f.out, &notes, &failure);
    else if (which == 1)
        rc = haul_load_opt(p->catalog, &p->k, &f.out, &failure);
    else if (which == 2)
        rc = haul_load_csv(p->catalog, &p->k, &f.out, &failure);
    else if (which == 3)
        rc = haul_load_edrm(p->catalog, &p->k, &f.out, &notes, &failure);
    else
        rc = haul_load_eaxs(p->catalog, &p->k, p->root, &f.out, &notes, &failure);
    must(rc == HAUL_OK ? haul_file_close(&f, &failure) : rc, path);
}

static void write_report(pack *p)
{
    haul_catalog_totals t;
    must(haul_catalog_count(p->catalog, &t, &failure), "counting");
    json_int_t n = (json_int_t)p->messages;
    json_t *package = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "documents",
                                (json_int_t)(t.messages + t.attachments), "messages", (json_int_t)t.messages,
                                "attachments", (json_int_t)t.attachments, "twins", (json_int_t)t.twins,
                                "left_out", (json_int_t)0, "exceptions", (json_int_t)t.exceptions, "files",
                                (json_int_t)t.files, "octets", (json_int_t)t.octets);
    json_t *o = json_pack("{s:i, s:{s:I, s:I}, s:o}", "version", 1, "totals", "found", n, "stored", n,
                          "package", package);
    char *text = json_dumps(o, JSON_INDENT(1));
    put(p, "report.json", text, strlen(text));
    put(p, ".mailhaul/report.json", text, strlen(text));
    put(p, "report.html", "<!doctype html>\n", 16);
    free(text);
    json_decref(o);
}

static void log_source(pack *p, const char *event, const char *path, const char *text)
{
    char hex[HAUL_SHA256_HEX];
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_auto(haul_sha256) *h = haul_sha256_new();
    haul_sha256_update(h, text, strlen(text));
    haul_sha256_final(h, sha256);
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
    say(p, event,
        json_pack("{s:s, s:s, s:s, s:i, s:I, s:s}", "source", "source", "path", path, "type", "file", "files",
                  1, "size", (json_int_t)strlen(text), "sha256", hex));
}

static void write_source(const char *path, const char *text)
{
    haul_auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(haul_write_all(fd, text, strlen(text), path, &failure), path);
}

static void open_catalog(pack *p, const char *dir, bool read_only)
{
    haul_auto_str file = {0};
    haul_str_addf(&file, "%s/.mailhaul/catalog.db", dir);
    haul_catalog_close(p->catalog);
    p->catalog = NULL;
    must(haul_catalog_open(file.p, read_only, &p->catalog, &failure), file.p);
}

static void write_all(pack *p, const char *dir, const char *mode)
{
    static const char source[] = "all the mail there is\n";
    haul_auto_str path = {0};
    haul_str_addf(&path, "%s.source", dir);
    write_source(path.p, source);
    put(p, ".mailhaul/items.jsonl", "{}\n", 3);
    open_catalog(p, dir, false);
    must(haul_audit_open(p->root, HAUL_AUDIT_FILE, &p->log, &failure), "the log");
    say(p, "run-started", json_pack("{s:s}", "command", "hold"));
    log_source(p, "source-opened", path.p, source);
    for (unsigned i = 0; i < p->messages; i++)
        add_message(p, i);
    if (strcmp(mode, "odd") == 0)
        add_odd_names(p);
    log_source(p, "source-closed", path.p, source);
    must(haul_catalog_commit(p->catalog, &failure), "the catalogue");
}

static void seal(pack *p, const char *dir)
{
    static const char *const load[] = {"load/concordance.dat", "load/concordance.opt", "load/items.csv",
                                       "load/edrm.xml", "load/eaxs.xml"};
    for (int i = 0; i < (int)HAUL_COUNT(load); i++)
        write_load(p, load[i], i);
    must(haul_tags_write(p->catalog, &p->k, p->root, &failure), "tag files");
    write_report(p);
    say(p, "sealed", NULL);
    must(haul_audit_commit(p->log, &failure), "the log");
    open_catalog(p, dir, true);
    haul_audit_head head = haul_audit_get_head(p->log);
    must(haul_bag_seal(p->catalog, &p->k, &head, p->root, &failure), "sealing");
}

int main(int argc, char **argv)
{
    uint64_t messages = 4, octets = 700;
    if (argc < 2 || argc > 5 || (argc > 2 && !haul_parse_u64(argv[2], strlen(argv[2]), &messages)) ||
        (argc > 3 && !haul_parse_u64(argv[3], strlen(argv[3]), &octets))) {
        (void)fprintf(stderr, "usage: hold_pack DIR [MESSAGES [OCTETS [odd|cp1252]]]\n");
        return 2;
    }
    const char *mode = argc > 4 ? argv[4] : "";
    pack p = {.messages = (unsigned)messages, .octets = (size_t)octets, .digests = haul_digests_new()};
    p.k = (haul_case){.matter = "M-17",
                      .custodian = "legal",
                      .description = "a package of the tests",
                      .organization = "Harbour",
                      .contact = "Ada",
                      .source_kinds = "none",
                      .created = "2026-11-27T03:00:00Z",
                      .version = HAUL_VERSION,
                      .time_zone = "UTC",
                      .volume = "VOL001",
                      .cp1252 = strcmp(mode, "cp1252") == 0};
    must(haul_dirs_make(argv[1], &failure), argv[1]);
    p.root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_all(&p, argv[1], mode);
    seal(&p, argv[1]);
    haul_audit_close(p.log);
    haul_catalog_close(p.catalog);
    haul_digests_free(p.digests);
    haul_str_done(&p.text);
    haul_fd_autoclose(&p.root);
    return 0;
}
