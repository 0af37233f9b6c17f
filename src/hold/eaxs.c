/* The account, its folders, and what of a message is not its header or body. */
#include "hold/eaxs.h"

#include <stdlib.h>
#include <string.h>

#define EOL_LOOK (64u * 1024u) /* octets that are looked at for line ends */

/* ── folders ── */

/* custodian, source, then the levels of the path, whose names have "\/" and "\\" where they hold '/' and '\'. A path with
 * more levels than there can be has the rest of them in its last name. */
static size_t split(haul_eaxs *x, const haul_doc *d, const char *ret[HAUL_EAXS_FOLDERS])
{
    haul_auto_str name = {0};
    size_t n = 0;
    ret[n++] = d->custodian;
    ret[n++] = d->source;
    for (const char *p = d->folder; *p; p++) {
        if (*p == '/' && n + 1 < HAUL_EAXS_FOLDERS) {
            ret[n++] = haul_arena_strn(&x->arena, haul_strz(&name), name.len);
            haul_str_clear(&name);
            continue;
        }
        if (*p == '\\' && p[1])
            p++;
        haul_str_addc(&name, *p);
    }
    if (*d->folder)
        ret[n++] = haul_arena_strn(&x->arena, haul_strz(&name), name.len);
    return n;
}

static void close_folders(haul_eaxs *x, size_t n)
{
    for (; x->n_levels > n; x->n_levels--)
        haul_eaxs_close(x);
}

/* Messages come before subfolders: where one has begun, its folder is closed and another of the same name begins. */
static void enter(haul_eaxs *x, const haul_doc *d)
{
    const char *names[HAUL_EAXS_FOLDERS];
    size_t n = split(x, d, names), same = 0;
    while (same < n && same < x->n_levels && strcmp(haul_strz(&x->levels[same]), names[same]) == 0)
        same++;
    if (same == n && x->below[n - 1])
        same--;
    close_folders(x, same);
    for (; same < n; same++) {
        if (same)
            x->below[same - 1] = true;
        x->below[same] = false;
        haul_str_clear(&x->levels[same]);
        haul_str_addz(&x->levels[same], names[same]);
        x->n_levels++;
        haul_eaxs_open(x, "Folder");
        haul_eaxs_z(x, "Name", names[same]);
    }
}

/* ── messages ── */

void haul_eaxs_flags(haul_eaxs *x)
{
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = {{HAUL_FLAG_SEEN, "Seen"},
                 {HAUL_FLAG_ANSWERED, "Answered"},
                 {HAUL_FLAG_FLAGGED, "Flagged"},
                 {HAUL_FLAG_DELETED, "Deleted"},
                 {HAUL_FLAG_DRAFT, "Draft"}};
    for (size_t i = 0; i < HAUL_COUNT(flags); i++)
        if (x->doc->flags & flags[i].flag)
            haul_eaxs_z(x, "StatusFlag", flags[i].name);
}

static void incompletes(haul_eaxs *x)
{
    for (size_t i = 0; i < x->n_incomplete && i < HAUL_EAXS_INCOMPLETE; i++) {
        haul_eaxs_open(x, "Incomplete");
        haul_eaxs_z(x, "ErrorType", x->incomplete[i].type);
        haul_eaxs_z(x, "ErrorLocation", x->incomplete[i].where);
        haul_eaxs_close(x);
    }
    if (x->n_incomplete > HAUL_EAXS_INCOMPLETE) {
        haul_eaxs_open(x, "Incomplete");
        haul_eaxs_z(x, "ErrorType", "More");
        haul_eaxs_number(x, "ErrorLocation", (int64_t)(x->n_incomplete - HAUL_EAXS_INCOMPLETE));
        haul_eaxs_close(x);
    }
}

/* Of the first line ends, when they are all of one kind. */
static const char *eol_of(haul_span s)
{
    haul_eol_state seen = {0};
    (void)haul_eol_scan(&seen, s.p, s.len < EOL_LOOK ? s.len : EOL_LOOK, NULL);
    uint64_t bare = seen.lf - seen.crlf;
    if (seen.lf)
        return !bare ? "CRLF" : !seen.crlf ? "LF" : "UNKNOWN";
    return seen.cr ? "CR" : "UNKNOWN";
}

static void properties(haul_eaxs *x, haul_span octets)
{
    haul_eaxs_open(x, "MessageProperties");
    haul_eaxs_path(x, "RelPath", "../", x->doc->native);
    const char *dot = strrchr(x->doc->native, '.');
    if (dot && dot[1] && !strchr(dot, '/'))
        haul_eaxs_z(x, "FileExt", dot);
    haul_eaxs_z(x, "ContentType", "message/rfc822");
    haul_eaxs_z(x, "Eol", eol_of(octets));
    haul_eaxs_hash(x, x->doc->sha256);
    haul_eaxs_number(x, "Size", (int64_t)x->doc->size);
    haul_eaxs_close(x);
}

static haul_rc message(haul_eaxs *x, haul_err *e)
{
    haul_span octets = {"", 0};
    haul_rc rc = HAUL_OK;
    if (*x->doc->native)
        rc = haul_eaxs_native_read(&x->native, x->root, x->doc->native, &octets, e);
    else
        haul_eaxs_incomplete_add(x, "Native", "the package has no file of it");
    if (rc == HAUL_OK && octets.len != x->doc->size)
        rc = haul_fail(e, HAUL_E_TARGET, "%s: %zu octets, and %llu were stored", x->doc->native, octets.len,
                       (unsigned long long)x->doc->size);
    if (rc != HAUL_OK)
        return rc;
    haul_eaxs_open(x, "Message");
    haul_eaxs_z(x, "RelPath", ".."); /* from load/ to the package's root, where paths of attachments begin */
    haul_eaxs_message(x, octets);
    incompletes(x);
    if (*x->doc->native)
        properties(x, octets);
    haul_eaxs_close(x);
    return x->rc;
}

static haul_rc family(void *ctx, const haul_family *f, haul_err *e)
{
    haul_eaxs *x = ctx;
    haul_arena_reset(&x->arena);
    x->family = f;
    x->doc = &f->docs[0];
    x->used = haul_arena_calloc(&x->arena, f->n * sizeof(*x->used));
    x->used[0] = true;
    x->cursor = 1;
    x->children = 0;
    x->n_incomplete = 0;
    enter(x, x->doc);
    haul_rc rc = message(x, e);
    if (x->rc != HAUL_OK) {
        rc = x->rc;
        if (e)
            *e = x->err;
    }
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", x->doc->docid);
}

/* ── the account ── */

/* Never says that it failed, which libxml2 would print: x->rc is what counts. */
static int write_some(void *ctx, const char *p, int n)
{
    haul_eaxs *x = ctx;
    if (x->rc == HAUL_OK && n > 0)
        x->rc = haul_out_write(x->to, p, (size_t)n, &x->err);
    return n;
}

static haul_rc open_writer(haul_eaxs *x, haul_err *e)
{
    xmlOutputBufferPtr out = xmlOutputBufferCreateIO(write_some, NULL, x, NULL);
    x->w = out ? xmlNewTextWriter(out) : NULL;
    if (!x->w) {
        if (out)
            xmlOutputBufferClose(out);
        return haul_fail(e, HAUL_E_TARGET, "libxml2 gives no writer");
    }
    xmlTextWriterSetIndent(x->w, 1);
    haul_eaxs_markup(x, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    return HAUL_OK;
}

/* The account's name for good: what the package was given, else made of what names the case, so that the same case has the
 * same one at every run. A UUID of version 8 (RFC 9562). */
static void global_id(haul_eaxs *x, haul_catalog *c, const haul_case *k)
{
    uint8_t sum[HAUL_SHA256_LEN];
    char hex[HAUL_SHA256_HEX];
    const char *given = haul_catalog_meta(c, "global-id");
    if (given && *given) {
        haul_eaxs_z(x, "GlobalId", given);
        return;
    }
    const char *said[] = {k->organization, k->matter, k->custodian, k->description};
    for (size_t i = 0; i < HAUL_COUNT(said); i++)
        haul_sha256_update(x->sha, said[i], strlen(said[i]) + 1);
    haul_sha256_final(x->sha, sum);
    sum[6] = (uint8_t)((sum[6] & 0x0f) | 0x80);
    sum[8] = (uint8_t)((sum[8] & 0x3f) | 0x80);
    haul_hex(hex, sum, 16);
    haul_auto_str urn = {0};
    haul_str_addf(&urn, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    haul_eaxs_z(x, "GlobalId", haul_strz(&urn));
}

static haul_rc account(haul_eaxs *x, haul_catalog *c, const haul_case *k, haul_err *e)
{
    haul_eaxs_open(x, "Account");
    haul_eaxs_attr(x, "xmlns", HAUL_EAXS_NS);
    if (strchr(k->custodian, '@'))
        haul_eaxs_z(x, "EmailAddress", k->custodian);
    global_id(x, c, k);
    x->next_id = haul_catalog_last(c) + 1;
    haul_rc rc = haul_catalog_families(c, HAUL_BY_FOLDER, family, x, e);
    if (rc != HAUL_OK)
        return rc;
    close_folders(x, 0);
    haul_eaxs_close(x);
    if (x->rc == HAUL_OK && xmlTextWriterFlush(x->w) < 0 && x->rc == HAUL_OK)
        return haul_fail(e, HAUL_E_TARGET, "libxml2 could not write the end");
    if (x->rc != HAUL_OK && e)
        *e = x->err;
    return x->rc;
}

static void done(haul_eaxs *x)
{
    if (x->rc == HAUL_OK)
        x->rc = HAUL_E_TARGET; /* nothing more goes out while the writer is freed */
    xmlFreeTextWriter(x->w);
    for (size_t i = 0; i < HAUL_EAXS_FOLDERS; i++)
        haul_str_done(&x->levels[i]);
    haul_eaxs_native_done(&x->native);
    haul_arena_done(&x->arena);
    haul_sha256_free(x->sha);
    haul_load_lost_done(&x->lost);
    haul_str_done(&x->fit);
    haul_str_done(&x->raw);
    haul_str_done(&x->kept);
    haul_str_done(&x->text);
    free(x->lines);
    free(x);
}

haul_rc haul_load_eaxs(haul_catalog *c, const haul_case *k, int root, haul_out *to, haul_load_notes *n,
                       haul_err *e)
{
    haul_eaxs *x = haul_calloc(1, sizeof(*x));
    x->to = to;
    x->notes = n;
    x->root = root;
    x->native.dir = -1;
    x->sha = haul_sha256_new();
    g_mime_init();
    haul_rc rc = open_writer(x, e);
    if (rc == HAUL_OK)
        rc = account(x, c, k, e);
    done(x);
    return rc;
}
