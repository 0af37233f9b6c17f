/* The tag files of Mailbag 1.0 and our own beside them, each one walk, each written whole or not at all. */
#include "hold/csv.h"
#include "hold/load.h"
#include "io/atomic.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_A_FILE 100000u /* of mailbag.csv, Mailbag 5.3.3 */

typedef struct tag_file {
    haul_atomic file;
    haul_csv csv;
    int root;
    uint64_t rows; /* mailbag.csv: in all files so far */
    unsigned parts,
        digits; /* mailbag.csv: how many files, 0 = one without a number; and digits of the last number */
} tag_file;

static haul_rc open_tag(tag_file *t, const char *name, haul_err *e)
{
    haul_rc rc = haul_atomic_open(&t->file, t->root, name, e);
    t->csv.to = &t->file.file.out;
    return rc;
}

static void tag_done(tag_file *t)
{
    haul_atomic_drop(&t->file);
    haul_csv_done(&t->csv);
}

/* A line of a text file: what would end it, and '%', percent-encoded as in BagIt manifests (RFC 8493 2.1.3). */
static haul_rc put_line(tag_file *t, const char *p, size_t n, haul_err *e)
{
    haul_auto_str line = {0};
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\r' || p[i] == '\n' || p[i] == '%')
            haul_str_addf(&line, "%%%02X", (unsigned)(unsigned char)p[i]);
        else
            haul_str_addc(&line, p[i]);
    }
    haul_str_addc(&line, '\n');
    return haul_out_write(t->csv.to, line.p, line.len, e);
}

/* A whole file with one walk: header (may be NULL), then what `walk` puts. */
static haul_rc write_tag(haul_catalog *c, int root, const char *name, const char *const *header, size_t n,
                         haul_rc (*walk)(haul_catalog *c, tag_file *t, haul_err *e), haul_err *e)
{
    tag_file t = {.file = {.file = {.fd = -1}}, .root = root};
    haul_rc rc = open_tag(&t, name, e);
    if (rc == HAUL_OK && n)
        rc = haul_csv_record(&t.csv, header, n, e);
    if (rc == HAUL_OK)
        rc = walk(c, &t, e);
    if (rc == HAUL_OK)
        rc = haul_atomic_commit(&t.file, e);
    tag_done(&t);
    return rc;
}

/* ── mailbag.csv ── */

static const char *const mailbag_header[] = {
    "Error",        "Mailbag-Message-ID",
    "Message-ID",   "Original-File",
    "Message-Path", "Derivatives-Path",
    "Attachments",  "Date",
    "From",         "To",
    "Cc",           "Bcc",
    "Subject",      "Content-Type",
};

/* Numbers have as many digits as the last one. part 0: the one file without a number. */
static void mailbag_name(char to[32], unsigned part, unsigned digits)
{
    if (part == 0)
        (void)snprintf(to, 32, "mailbag.csv");
    else
        (void)snprintf(to, 32, "mailbag-%0*u.csv", (int)digits, part);
}

/* Before the first message, and before every 100 000th after it, where the messages need several files. */
static haul_rc next_part(tag_file *t, haul_err *e)
{
    char name[32];
    haul_rc rc = t->rows ? haul_atomic_commit(&t->file, e) : HAUL_OK;
    mailbag_name(name, t->parts ? (unsigned)(t->rows / MESSAGES_A_FILE) + 1 : 0, t->digits);
    if (rc == HAUL_OK)
        rc = open_tag(t, name, e);
    if (rc == HAUL_OK && !t->rows)
        rc = haul_csv_record(&t->csv, mailbag_header, HAUL_COUNT(mailbag_header), e);
    return rc;
}

static haul_rc put_mailbag(void *ctx, const haul_family *f, haul_err *e)
{
    tag_file *t = ctx;
    const haul_doc *m = &f->docs[0];
    haul_rc rc = t->parts && t->rows && t->rows % MESSAGES_A_FILE == 0 ? next_part(t, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    const char *const before[] = {m->exception, m->docid,  m->message_id,
                                  m->source,    m->folder, m->folder_written};
    const char *const after[] = {m->date_field, m->from, m->to, m->cc, m->bcc, m->subject, m->mime_type};
    for (size_t i = 0; i < HAUL_COUNT(before); i++)
        haul_csv_put(&t->csv, before[i]);
    haul_csv_put_u64(&t->csv, f->n - 1);
    t->rows++;
    return haul_csv_record(&t->csv, after, HAUL_COUNT(after), e);
}

/* What a run with fewer or more messages left: another number of digits, numbers beyond the last, or the one file. */
static void remove_stale(const tag_file *t)
{
    char name[32];
    if (t->parts)
        (void)unlinkat(t->root, "mailbag.csv", 0);
    for (unsigned digits = 1, beyond = 10; digits <= 6; digits++, beyond *= 10) {
        unsigned part = t->parts && digits == t->digits ? t->parts + 1 : 1;
        bool was = true;
        for (; was && part < beyond; part++) {
            mailbag_name(name, part, digits);
            was = unlinkat(t->root, name, 0) == 0;
        }
    }
}

static haul_rc write_mailbag(haul_catalog *c, int root, haul_err *e)
{
    tag_file t = {.file = {.file = {.fd = -1}}, .root = root};
    haul_catalog_totals totals;
    haul_rc rc = haul_catalog_count(c, &totals, e);
    if (rc == HAUL_OK && totals.messages > MESSAGES_A_FILE) {
        t.parts = (unsigned)((totals.messages + MESSAGES_A_FILE - 1) / MESSAGES_A_FILE);
        for (unsigned n = t.parts; n; n /= 10)
            t.digits++;
    }
    if (rc == HAUL_OK)
        rc = next_part(&t, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_families(c, HAUL_BY_ROW, put_mailbag, &t, e);
    if (rc == HAUL_OK)
        rc = haul_atomic_commit(&t.file, e);
    if (rc == HAUL_OK)
        remove_stale(&t);
    tag_done(&t);
    return rc;
}

/* ── attachments.csv ── */

static const char *const attachments_header[] = {"Mailbag-Message-ID", "Attachment-ID", "Original-Filename",
                                                 "Mailbag-Filename",   "MimeType",      "Content-ID"};

static haul_rc put_attachments(void *ctx, const haul_family *f, haul_err *e)
{
    tag_file *t = ctx;
    haul_rc rc = HAUL_OK;
    for (size_t i = 1; i < f->n && rc == HAUL_OK; i++) {
        const haul_doc *d = &f->docs[i];
        const char *slash = strrchr(d->native, '/');
        const char *const v[] = {f->docs[0].docid,
                                 d->docid,
                                 *d->file_name ? d->file_name : "unknown", /* Mailbag 4.3.2 */
                                 slash ? slash + 1 : d->native,
                                 d->mime_type,
                                 d->content_id};
        rc = haul_csv_record(&t->csv, v, HAUL_COUNT(v), e);
    }
    return rc;
}

static haul_rc walk_attachments(haul_catalog *c, tag_file *t, haul_err *e)
{
    return haul_catalog_families(c, HAUL_BY_ROW, put_attachments, t, e);
}

/* ── exceptions.csv ── */

static const char *const exceptions_header[] = {
    "Mailbag-Message-ID", "Item", "Custodian", "Source", "Folder", "Place", "Kind", "Issue", "Detail",
    "Disposition"};

static haul_rc put_exception(void *ctx, const haul_exception *x, haul_err *e)
{
    tag_file *t = ctx;
    const char *const v[] = {x->docid, x->item_id, x->custodian, x->source, x->folder,
                             x->place, x->kind,    x->issue,     x->detail, x->disposition};
    return haul_csv_record(&t->csv, v, HAUL_COUNT(v), e);
}

static haul_rc walk_exceptions(haul_catalog *c, tag_file *t, haul_err *e)
{
    return haul_catalog_exceptions(c, put_exception, t, e);
}

/* ── what is not in the package ── */

static const char *const left_out_header[] = {"Item",       "Status",  "Reason",    "Kind",
                                              "Message-ID", "Subject", "Custodian", "Source",
                                              "Folder",     "Place",   "Issues",    "Stored-As"};

static haul_rc put_left_out(void *ctx, const haul_left_out *l, haul_err *e)
{
    tag_file *t = ctx;
    const char *const v[] = {l->item_id,   l->status, l->reason, l->kind,  l->message_id, l->subject,
                             l->custodian, l->source, l->folder, l->place, l->issues,     l->stored_as};
    return haul_csv_record(&t->csv, v, HAUL_COUNT(v), e);
}

static haul_rc walk_left_out(haul_catalog *c, tag_file *t, haul_err *e)
{
    return haul_catalog_left_out(c, put_left_out, t, e);
}

/* Mailbag 5.4: a line is a Message-ID, as RFC 2392 has it: without its brackets. Items that have none are in the CSV only, and duplicates
 * are not here, because their content is in the package. */
static haul_rc put_message_id(void *ctx, const haul_left_out *l, haul_err *e)
{
    size_t n = strlen(l->message_id);
    bool bracketed = n > 2 && l->message_id[0] == '<' && l->message_id[n - 1] == '>';
    if (!n || strcmp(l->status, "duplicate") == 0)
        return HAUL_OK;
    return put_line(ctx, l->message_id + bracketed, n - 2 * (size_t)bracketed, e);
}

static haul_rc walk_message_ids(haul_catalog *c, tag_file *t, haul_err *e)
{
    return haul_catalog_left_out(c, put_message_id, t, e);
}

/* A folder of an account; the account is its source, which matters where there are several. */
static haul_rc put_folder(void *ctx, const char *custodian, const char *source, const char *folder,
                          haul_err *e)
{
    (void)custodian;
    (void)source;
    return *folder ? put_line(ctx, folder, strlen(folder), e) : HAUL_OK;
}

static haul_rc walk_folders(haul_catalog *c, tag_file *t, haul_err *e)
{
    return haul_catalog_folders_left_out(c, put_folder, t, e);
}

haul_rc haul_tags_write(haul_catalog *c, const haul_case *k, int root, haul_err *e)
{
    static const struct {
        const char *name;
        const char *const *header;
        size_t n;
        haul_rc (*walk)(haul_catalog *c, tag_file *t, haul_err *e);
    } files[] = {
        {"attachments.csv", attachments_header, HAUL_COUNT(attachments_header), walk_attachments},
        {"exceptions.csv", exceptions_header, HAUL_COUNT(exceptions_header), walk_exceptions},
        {"messages_not_retained.csv", left_out_header, HAUL_COUNT(left_out_header), walk_left_out},
        {"messages_not_retained.txt", NULL, 0, walk_message_ids},
        {"folders_not_retained.txt", NULL, 0, walk_folders},
    };
    (void)k;
    haul_rc rc = write_mailbag(c, root, e);
    for (size_t i = 0; i < HAUL_COUNT(files) && rc == HAUL_OK; i++)
        rc = write_tag(c, root, files[i].name, files[i].header, files[i].n, files[i].walk, e);
    return rc;
}
