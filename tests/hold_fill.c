/* Fills a catalogue with generated documents and writes the load files and tag files from it, for check_hold_load.py and
 * bench/hold_load. The same arguments give the same octets.
 *
 *   hold_fill MESSAGES DIR [truth] [cp1252] [tags] [ZONE]
 *
 * truth: DIR/truth.jsonl has what was put in, DIR/notes.jsonl what the writers said they replaced. tags: only those.
 * ZONE: minutes east of UTC. Prints one line a stage: name, seconds, seconds of CPU, peak memory of the process so far in kB. */
#include "base/json.h"
#include "base/time.h"
#include "hold/package.h"
#include "io/atomic.h"

#include "testing_hold.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 2000u /* documents a transaction, as in a run */

/* What a mailbox may hold, each of it a trap for one format or another. */
static const char *const hostile[] = {
    "Quarterly figures",
    "a\x14"
    "b separator",
    "\xC3\x9E\xC3\xB3r\xC3\xB0ur \xC3\xBE"
    "orsteinsson",
    "Brand\xC2\xAE name\xC2\xAE",
    "one\r\ntwo\nthree\rfour\n\r\nfive",
    "say \"yes\", \"\"no\"\"; 'perhaps'",
    "\xE2\x80\xAE"
    "\xD8\xB9\xD8\xB1\xD8\xA8\xD9\x8A \xD7\xA2\xD7\x91\xD7\xA8\xD7\x99\xD7\xAA\xE2\x80\xAC",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB \xF0\x9F\x8F\xB4\xE2\x80\x8D\xE2\x98\xA0\xEF\xB8\x8F",
    "\xEF\xBF\xBE between \xEF\xBF\xBF",
    "\x01\x02\x0B\x0C\x1A\x1B\x1F\x7F control",
    "\xC2\x85 next \xE2\x80\xA8 line \xE2\x80\xA9 ends",
    "=HYPERLINK(\"http://x.example\")",
    "+1-2@3",
    "  blanks at both ends  ",
    "\ttab\t",
    "<tag attr='x'>&amp;]]>",
    "\xEF\xBF\xBD was there before",
    "\xE2\x82\xAC \xE2\x80\x9Equoted\xE2\x80\x9C \xC5\xA1",
    "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E \xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4",
    "\xC2\x81\xC2\x8D C1",
    "\"",
    "\r",
    "100%25 of CON.txt",
    "e\xCC\x81 and \xC3\xA9",
};

typedef struct fill {
    haul_catalog *c;
    haul_case k;
    int root;
    FILE *truth, *notes;
    const char *stage; /* whose notes they are */
    uint64_t docs;
    haul_arena a; /* of one family */
} fill;

HAUL_NORETURN static void stop(const haul_err *e)
{
    (void)fprintf(stderr, "hold_fill: %s\n", e->text);
    _Exit(1);
}

static void must(haul_rc rc, const haul_err *e)
{
    if (rc != HAUL_OK)
        stop(e);
}

/* splitmix64 */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* One text in four is hostile. */
static const char *text(fill *f, uint64_t seed, const char *name)
{
    uint64_t r = mixed(seed ^ haul_fnv64(name, strlen(name), 0));
    if (r % 4 == 0)
        return hostile[r / 4 % HAUL_COUNT(hostile)];
    return haul_arena_printf(&f->a, "%s %" PRIu64, name, r % 100000);
}

static const char *people(fill *f, uint64_t seed, const char *name)
{
    uint64_t r = mixed(seed ^ haul_fnv64(name, strlen(name), 0));
    if (r % 5 == 0)
        return "";
    if (r % 50 == 1)
        return text(f, r, name);
    return haul_arena_printf(&f->a, "%s %" PRIu64 " <p%" PRIu64 "@%s.example>; q%" PRIu64 "@y.example", name,
                             r % 500, r % 500, name, r % 77);
}

static void octets(uint8_t *to, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(mixed(seed + i / 8 * 1000003) >> i % 8 * 8);
}

static const char *hex_of(fill *f, const uint8_t *p, size_t n)
{
    char *to = haul_arena_alloc(&f->a, 2 * n + 1);
    haul_hex(to, p, n);
    return to;
}

/* ── the truth ── */

static void truth_line(fill *f, haul_str *line)
{
    haul_str_addz(line, "}\n");
    (void)fwrite(line->p, 1, line->len, f->truth);
}

static void member(haul_str *line, const char *name, const char *z)
{
    haul_json_member(line, name, z ? z : "");
}

static void member_int(haul_str *line, const char *name, bool set, int64_t v)
{
    haul_json_key(line, name);
    if (set)
        haul_str_addf(line, "%" PRId64, v);
    else
        haul_str_addz(line, "null");
}

static void truth_doc(fill *f, const haul_doc *d)
{
    haul_auto_str line = {0};
    if (!f->truth)
        return;
    haul_str_addz(&line, "{\"what\":\"doc\"");
    member_int(&line, "parent", true, d->parent);
    member(&line, "kind", haul_kind_name(d->kind));
#define X(field) member(&line, #field, d->field);
    TESTING_DOC_TEXTS(X)
#undef X
    member_int(&line, "sent_us", d->has_sent, d->sent_us);
    member_int(&line, "received_us", d->has_received, d->received_us);
    member_int(&line, "created_us", d->has_created, d->created_us);
    member_int(&line, "modified_us", d->has_modified, d->modified_us);
    member_int(&line, "flags", d->has_flags, d->flags);
    member_int(&line, "size", true, (int64_t)d->size);
    member_int(&line, "text_size", true, (int64_t)d->text_size);
    member(&line, "md5", hex_of(f, d->md5, sizeof(d->md5)));
    member(&line, "sha1", hex_of(f, d->sha1, sizeof(d->sha1)));
    member(&line, "sha256", hex_of(f, d->sha256, sizeof(d->sha256)));
    truth_line(f, &line);
}

static void truth_texts(fill *f, const char *what, const char *const *names, const char *const *v, size_t n)
{
    haul_auto_str line = {0};
    if (!f->truth)
        return;
    haul_str_addf(&line, "{\"what\":\"%s\"", what);
    for (size_t i = 0; i < n; i++)
        member(&line, names[i], v[i]);
    truth_line(f, &line);
}

/* ── filling ── */

static int64_t add(fill *f, const haul_doc *d)
{
    haul_err e = {0};
    int64_t row = 0;
    must(haul_catalog_add(f->c, d, &row, &e), &e);
    if (++f->docs % BATCH == 0)
        must(haul_catalog_commit(f->c, &e), &e);
    truth_doc(f, d);
    return row;
}

/* A 300-octet name now and then, in characters of two. */
static const char *file_name(fill *f, uint64_t r)
{
    static const char *const exts[] = {
        ".pdf", ".DOCX", "", ".tar.gz", ".a b", ".", ".this-is-longer-than-any-real-extension"};
    if (r % 11 == 0)
        return "";
    const char *stem = text(f, r, "file");
    if (r % 13 == 0) {
        char *name = haul_arena_alloc(&f->a, 297);
        for (size_t i = 0; i < 296; i += 2)
            memcpy(name + i, "\xC3\xBC", 2);
        name[296] = '\0';
        stem = name;
    }
    return haul_arena_printf(&f->a, "%s%s", stem, exts[r / 16 % HAUL_COUNT(exts)]);
}

static void set_digests(haul_doc *d, uint64_t seed)
{
    octets(d->md5, sizeof(d->md5), seed);
    octets(d->sha1, sizeof(d->sha1), seed + 1);
    octets(d->sha256, sizeof(d->sha256), seed + 2);
    octets(d->canonical, sizeof(d->canonical), seed + 3);
    octets(d->text_sha256, sizeof(d->text_sha256), seed + 4);
}

/* Custodian, source and folder of message i. Folders come in stretches, as in a store. */
static void set_place(fill *f, haul_doc *d, uint64_t i)
{
    uint64_t stretch = i / 50, r = mixed(stretch);
    d->custodian = r % 7 == 0 ? hostile[r / 7 % HAUL_COUNT(hostile)]
                              : haul_arena_printf(&f->a, "custodian %" PRIu64, r % 5);
    d->source = haul_arena_printf(&f->a, "archive %" PRIu64 ".store", r % 3);
    d->folder = r % 3 ? haul_arena_printf(&f->a, "Inbox/Year %" PRIu64, r % 400)
                      : haul_arena_printf(&f->a, "Inbox/%s", hostile[r / 3 % HAUL_COUNT(hostile)]);
    d->folder_written = haul_arena_printf(&f->a, "Inbox/F%" PRIu64, stretch);
    d->place = haul_arena_printf(&f->a, "%s@%" PRIu64, d->folder, i);
}

static void set_times(haul_doc *d, uint64_t r)
{
    d->has_sent = r % 9 != 0;
    d->sent_us = ((int64_t)(r % 3000000000u) - 500000000) * HAUL_US + (int64_t)(r % 1000000);
    d->sent_tz = (int)(r % 27) * 60 - 720;
    d->has_received = r % 8 != 0;
    d->received_us = d->sent_us + 5 * HAUL_US;
    d->has_flags = r % 7 != 0;
    d->flags = (unsigned)(r >> 20) & HAUL_FLAG_ALL;
}

static haul_doc message(fill *f, uint64_t i)
{
    static const char *const importances[] = {"", "high", "low", "normal"};
    uint64_t r = mixed(i);
    char *docid = haul_arena_printf(&f->a, "%016" PRIx64 "%016" PRIx64, r, i);
    haul_doc d = {.docid = docid,
                  .item_id = docid,
                  .kind = (haul_kind)(r % 20 < HAUL_KIND_COUNT ? r % 20 : HAUL_KIND_MAIL)};
    set_place(f, &d, i);
    set_times(&d, r);
    set_digests(&d, r);
    d.from = people(f, i, "from");
    d.to = people(f, i, "to");
    d.cc = people(f, i, "cc");
    d.bcc = people(f, i, "bcc");
    d.subject = text(f, i, "subject");
    d.date_field = "Fri, 23 May 2025 18:35:53 +0200";
    d.message_id = r % 6 ? haul_arena_printf(&f->a, "<%" PRIx64 "@x.example>", r) : "";
    d.mih = *d.message_id ? hex_of(f, d.md5, 16) : "";
    d.in_reply_to = r % 3 ? "" : text(f, i, "in-reply-to");
    d.references = r % 3 ? "" : text(f, i, "references");
    d.conversation_index = r % 4 ? "" : "AdEx0000000000000000000000==";
    d.importance = importances[r / 8 % HAUL_COUNT(importances)];
    d.mime_type = r % 2 ? "multipart/mixed" : "text/plain";
    d.content_id = "";
    d.keywords = r % 5 ? "" : "one\ntwo";
    d.file_name = haul_arena_printf(&f->a, "%s.eml", docid);
    d.native = haul_arena_printf(&f->a, "data/eml/%s/%s.eml", d.folder_written, docid);
    d.text = r % 10 ? haul_arena_printf(&f->a, "data/text/%s/%s.txt", d.folder_written, docid) : "";
    d.size = r % 100000 + (i % 5000 == 0 ? UINT64_C(6000000000) : 0);
    d.text_size = *d.text ? d.size % 4000 : 0;
    d.exception = r % 40 ? "" : "date-guessed; charset-guessed";
    return d;
}

static haul_doc attachment(fill *f, const haul_doc *m, int64_t row, unsigned n)
{
    uint64_t r = mixed(haul_fnv64(m->docid, strlen(m->docid), n + 1));
    haul_doc d = {.parent = row,
                  .docid = haul_arena_printf(&f->a, "%s-%03u", m->docid, n),
                  .item_id = m->item_id,
                  .custodian = m->custodian,
                  .source = m->source,
                  .folder = m->folder,
                  .folder_written = m->folder_written,
                  .place = m->place};
    set_digests(&d, r);
    d.file_name = file_name(f, r);
    d.mime_type = r % 10 ? "application/pdf" : text(f, r, "type");
    d.content_id = r % 3 ? "" : text(f, r, "cid");
    d.native = haul_arena_printf(&f->a, "data/attachments/%s/%04u-part.bin", m->docid, n);
    d.size = r % 1000000;
    d.has_created = r % 2 == 0;
    d.created_us = (int64_t)(r % 2000000000u) * HAUL_US;
    d.has_modified = r % 3 == 0;
    d.modified_us = d.created_us + 86400 * HAUL_US;
    d.exception = r % 30 ? "" : "attachment-encrypted";
    return d;
}

static void add_twins(fill *f, const haul_doc *m, int64_t row, uint64_t i)
{
    static const char *const names[] = {"docid", "item_id", "custodian", "source", "folder", "place"};
    uint64_t n = i % 1000 == 0 ? 5 : i % 10 == 0;
    haul_err e = {0};
    for (uint64_t t = 0; t < n; t++) {
        uint64_t r = mixed(i * 8 + t + 77);
        haul_twin w = {.of = row,
                       .item_id = haul_arena_printf(&f->a, "%016" PRIx64 "%015" PRIx64 "%" PRIu64, r, i, t),
                       .custodian =
                           r % 4 ? haul_arena_printf(&f->a, "custodian %" PRIu64, r % 6) : text(f, r, "twin"),
                       .source = "copy.store",
                       .folder = "Copies",
                       .place = "Copies@7"};
        must(haul_catalog_add_twin(f->c, &w, &e), &e);
        truth_texts(f, "twin", names,
                    (const char *const[]){m->docid, w.item_id, w.custodian, w.source, w.folder, w.place}, 6);
    }
}

static void add_left_out(fill *f, uint64_t i)
{
    static const char *const names[] = {"item_id",   "status", "reason", "kind",  "message_id", "subject",
                                        "custodian", "source", "folder", "place", "issues",     "stored_as"};
    static const char *const status[] = {"filtered", "failed", "duplicate"};
    haul_err e = {0};
    haul_doc m = message(f, i / 2); /* where others stay */
    haul_left_out l = {.item_id = haul_arena_printf(&f->a, "%032" PRIx64, i),
                       .status = status[mixed(i) % 3],
                       .reason = text(f, i, "reason"),
                       .kind = "mail",
                       .message_id = m.message_id,
                       .subject = m.subject,
                       .custodian = m.custodian,
                       .source = m.source,
                       .folder = i % 3 ? m.folder : haul_arena_printf(&f->a, "Left/%s", m.folder),
                       .place = m.place,
                       .issues = m.exception,
                       .stored_as = mixed(i) % 3 == 2 ? m.docid : ""};
    must(haul_catalog_add_left_out(f->c, &l, &e), &e);
    truth_texts(f, "left", names,
                (const char *const[]){l.item_id, l.status, l.reason, l.kind, l.message_id, l.subject,
                                      l.custodian, l.source, l.folder, l.place, l.issues, l.stored_as},
                12);
}

static void add_exception(fill *f, const haul_doc *d)
{
    static const char *const names[] = {"docid", "item_id", "custodian", "source", "folder",
                                        "place", "kind",    "issue",     "detail", "disposition"};
    haul_err e = {0};
    haul_exception x = {.docid = d->docid,
                        .item_id = d->item_id,
                        .custodian = d->custodian,
                        .source = d->source,
                        .folder = d->folder,
                        .place = d->place,
                        .kind = "damaged",
                        .issue = "date-guessed",
                        .detail = d->subject,
                        .disposition = "native kept, octets as they are"};
    must(haul_catalog_add_exception(f->c, &x, &e), &e);
    truth_texts(f, "exception", names,
                (const char *const[]){x.docid, x.item_id, x.custodian, x.source, x.folder, x.place, x.kind,
                                      x.issue, x.detail, x.disposition},
                10);
}

static void fill_catalog(fill *f, uint64_t messages)
{
    haul_err e = {0};
    for (uint64_t i = 0; i < messages; i++) {
        haul_doc m = message(f, i);
        int64_t row = add(f, &m);
        for (unsigned n = 1; n <= (i % 4 == 3 ? 1 + mixed(i) % 3 : 0); n++) {
            haul_doc d = attachment(f, &m, row, n);
            (void)add(f, &d);
        }
        add_twins(f, &m, row, i);
        if (*m.exception)
            add_exception(f, &m);
        if (i % 20 == 7)
            add_left_out(f, messages + i);
        haul_arena_reset(&f->a);
    }
    must(haul_catalog_commit(f->c, &e), &e);
}

/* ── writing ── */

static haul_rc note(void *ctx, const char *docid, const char *field, unsigned codepoint, uint64_t n,
                    haul_err *e)
{
    fill *f = ctx;
    haul_auto_str line = {0};
    (void)e;
    haul_str_addz(&line, "{");
    member(&line, "file", f->stage);
    member(&line, "docid", docid);
    member(&line, "field", field);
    haul_json_member_u64(&line, "codepoint", codepoint);
    haul_json_member_u64(&line, "n", n);
    haul_str_addz(&line, "}\n");
    return fwrite(line.p, 1, line.len, f->notes) == line.len ? HAUL_OK : HAUL_E_TARGET;
}

typedef struct moment {
    double wall, cpu; /* seconds */
} moment;

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static moment now(void)
{
    struct timespec t;
    struct rusage u;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    (void)getrusage(RUSAGE_SELF, &u);
    return (moment){(double)t.tv_sec + (double)t.tv_nsec / 1e9, seconds(u.ru_utime) + seconds(u.ru_stime)};
}

static void say(const char *stage, moment since)
{
    struct rusage u;
    moment then = now();
    (void)getrusage(RUSAGE_SELF, &u);
    (void)printf("%s %.3f %.3f %ld\n", stage, then.wall - since.wall, then.cpu - since.cpu, u.ru_maxrss);
    (void)fflush(stdout);
}

static haul_rc load_opt(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n, haul_err *e)
{
    (void)n;
    return haul_load_opt(c, k, to, e);
}

static haul_rc load_csv(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n, haul_err *e)
{
    (void)n;
    return haul_load_csv(c, k, to, e);
}

static void write_loads(fill *f)
{
    static const struct {
        const char *name;
        haul_rc (*write)(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n, haul_err *e);
    } loads[] = {{"concordance.dat", haul_load_dat},
                 {"concordance.opt", load_opt},
                 {"items.csv", load_csv},
                 {"edrm.xml", haul_load_edrm}};
    for (size_t i = 0; i < HAUL_COUNT(loads); i++) {
        haul_err e = {0};
        moment since = now();
        haul_atomic to;
        haul_load_notes notes = {.fn = f->notes ? note : NULL, .ctx = f};
        f->stage = loads[i].name;
        must(haul_atomic_open(&to, f->root, loads[i].name, &e), &e);
        must(loads[i].write(f->c, &f->k, &to.file.out, &notes, &e), &e);
        must(haul_atomic_commit(&to, &e), &e);
        say(loads[i].name, since);
    }
}

static haul_rc count_file(void *ctx, const char *path, uint64_t size, const uint8_t sha256[HAUL_SHA256_LEN],
                          haul_err *e)
{
    (void)path;
    (void)size;
    (void)sha256;
    (void)e;
    ++*(uint64_t *)ctx;
    return HAUL_OK;
}

static void find_some(fill *f, uint64_t messages)
{
    haul_err e = {0};
    for (uint64_t i = 0; i < messages; i++) {
        haul_doc m = message(f, i), found = {0};
        must(haul_catalog_find(f->c, false, m.canonical, NULL, &f->a, &found, &e), &e);
        haul_arena_reset(&f->a);
    }
    must(haul_catalog_commit(f->c, &e), &e);
}

static FILE *open_text(const char *dir, const char *name)
{
    haul_auto_str path = {0};
    haul_str_addf(&path, "%s/%s", dir, name);
    FILE *to = fopen(path.p, "we");
    if (!to)
        stop(&(haul_err){.text = "a file cannot be made"});
    return to;
}

static void open_all(fill *f, const char *dir, bool truth)
{
    haul_err e = {0};
    haul_auto_str path = {0};
    must(haul_dirs_make(dir, &e), &e);
    f->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    haul_str_addf(&path, "%s/catalog.db", dir);
    must(haul_catalog_open(path.p, false, &f->c, &e), &e);
    f->truth = truth ? open_text(dir, "truth.jsonl") : NULL;
    f->notes = truth ? open_text(dir, "notes.jsonl") : NULL;
}

/* All that a run does with a catalogue, stage by stage. */
static void work(fill *f, uint64_t messages, bool tags_only)
{
    haul_err e = {0};
    uint64_t files = 0;
    moment since = now();
    fill_catalog(f, messages);
    say("fill", since);
    since = now();
    if (!tags_only) {
        write_loads(f);
        since = now();
        must(haul_catalog_files(f->c, count_file, &files, &e), &e);
        say("files", since);
        since = now();
        find_some(f, messages);
        say("find", since);
        since = now();
    }
    must(haul_tags_write(f->c, &f->k, f->root, &e), &e);
    say("tags", since);
}

int main(int argc, char **argv)
{
    uint64_t messages = 0;
    bool truth = false, tags_only = false;
    fill f = {.k = {.matter = "M-17 \"quoted\" \x01",
                    .description = "Generated & hostile",
                    .custodian = "",
                    .organization = "",
                    .contact = "",
                    .source_kinds = "",
                    .created = "",
                    .version = HAUL_VERSION,
                    .time_zone = "UTC",
                    .volume = "V1"}};
    char zone[16];
    if (argc < 3 || !haul_parse_u64(argv[1], strlen(argv[1]), &messages))
        return 2;
    for (int i = 3; i < argc; i++) {
        truth |= strcmp(argv[i], "truth") == 0;
        tags_only |= strcmp(argv[i], "tags") == 0;
        f.k.cp1252 |= strcmp(argv[i], "cp1252") == 0;
        if (haul_is_digit((unsigned char)argv[i][0]) || argv[i][0] == '-') {
            f.k.tz_min = (int)strtol(argv[i], NULL, 10);
            (void)snprintf(zone, sizeof(zone), "%c%02d:%02d", f.k.tz_min < 0 ? '-' : '+',
                           abs(f.k.tz_min) / 60 % 24, abs(f.k.tz_min) % 60);
            f.k.time_zone = zone;
        }
    }
    open_all(&f, argv[2], truth);
    work(&f, messages, tags_only);
    haul_catalog_close(f.c);
    haul_arena_done(&f.a);
    (void)close(f.root);
    int bad = f.truth ? fclose(f.truth) | fclose(f.notes) : 0;
    return bad ? 1 : 0;
}
