/* EDRM XML 1.2. Three walks, because the format wants all documents before all relationships before all folders. */
#include "base/time.h"
#include "base/url.h"
#include "base/utf.h"
#include "hold/load.h"

#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <string.h>

/* X(id, spelling): every element and attribute. Readers differ in what they want here, so it is written once. */
#define WORDS(X)                                                                                             \
    X(ROOT, "Root")                                                                                          \
    X(MAJOR_VERSION, "MajorVersion")                                                                         \
    X(MINOR_VERSION, "MinorVersion")                                                                         \
    X(DESCRIPTION, "Description")                                                                            \
    X(LOCALE, "Locale")                                                                                      \
    X(INTERCHANGE_TYPE, "DataInterchangeType")                                                               \
    X(FIELDS, "Fields")                                                                                      \
    X(FIELD, "Field")                                                                                        \
    X(NAME, "Name")                                                                                          \
    X(DATA_TYPE, "DataType")                                                                                 \
    X(KEY, "Key")                                                                                            \
    X(BATCH, "Batch")                                                                                        \
    X(BATCH_NAME, "name")                                                                                    \
    X(DOCUMENTS, "Documents")                                                                                \
    X(DOCUMENT, "Document")                                                                                  \
    X(DOC_ID, "DocID")                                                                                       \
    X(DOC_TYPE, "DocType")                                                                                   \
    X(MIME_TYPE, "MimeType")                                                                                 \
    X(FILES, "Files")                                                                                        \
    X(FILE, "File")                                                                                          \
    X(FILE_TYPE, "FileType")                                                                                 \
    X(EXTERNAL_FILE, "ExternalFile")                                                                         \
    X(FILE_PATH, "FilePath")                                                                                 \
    X(FILE_NAME, "FileName")                                                                                 \
    X(FILE_SIZE, "FileSize")                                                                                 \
    X(HASH, "Hash")                                                                                          \
    X(LOCATIONS, "Locations")                                                                                \
    X(LOCATION, "Location")                                                                                  \
    X(CUSTODIAN, "Custodian")                                                                                \
    X(LOCATION_URI, "LocationURI")                                                                           \
    X(TAGS, "Tags")                                                                                          \
    X(TAG, "Tag")                                                                                            \
    X(TAG_NAME, "TagName")                                                                                   \
    X(TAG_VALUE, "TagValue")                                                                                 \
    X(TAG_DATA_TYPE, "TagDataType")                                                                          \
    X(RELATIONSHIPS, "Relationships")                                                                        \
    X(RELATIONSHIP, "Relationship")                                                                          \
    X(TYPE, "Type")                                                                                          \
    X(PARENT, "ParentDocID")                                                                                 \
    X(CHILD, "ChildDocID")                                                                                   \
    X(FOLDERS, "Folders")                                                                                    \
    X(FOLDER, "Folder")                                                                                      \
    X(FOLDER_NAME, "FolderName")

enum {
#define X(id, spelling) W_##id,
    WORDS(X)
#undef X
        W_COUNT
};
static const char *const words[W_COUNT] = {
#define X(id, spelling) spelling,
    WORDS(X)
#undef X
};

/* ── writing ── */

typedef struct edrm {
    haul_out *to;
    const haul_case *k;
    haul_load_notes *notes;
    xmlTextWriter *w;
    bool broken;  /* the writer failed; *why says so where it was ours */
    haul_err why; /* of the last write */
    haul_rc rc;   /* of the last write */
    const char *docid;
    haul_str scratch, text, uri;
    haul_load_lost lost;
    haul_str box; /* the folder that is open */
} edrm;

static int write_out(void *ctx, const char *p, int n)
{
    edrm *x = ctx;
    if (x->rc == HAUL_OK)
        x->rc = haul_out_write(x->to, p, (size_t)n, &x->why);
    return x->rc == HAUL_OK ? n : -1;
}

static haul_rc check(edrm *x, haul_err *e)
{
    if (x->rc != HAUL_OK && e)
        *e = x->why;
    if (x->rc != HAUL_OK)
        return x->rc;
    return x->broken ? haul_fail(e, HAUL_E_TARGET, "libxml2 could not write the EDRM load file") : HAUL_OK;
}

static const xmlChar *octets(const char *z)
{
    return (const xmlChar *)z;
}

static void start(edrm *x, int word)
{
    x->broken |= xmlTextWriterStartElement(x->w, octets(words[word])) < 0;
}

static void end(edrm *x)
{
    x->broken |= xmlTextWriterEndElement(x->w) < 0;
}

static void attr(edrm *x, int word, const char *z)
{
    x->broken |= xmlTextWriterWriteAttribute(x->w, octets(words[word]), octets(z)) < 0;
}

/* XML 1.0 [2]: Char. What is given is UTF-8 already. */
static bool may_stand(uint32_t cp)
{
    return cp >= 0x20 ? cp != 0xFFFE && cp != 0xFFFF : cp == '\t' || cp == '\n' || cp == '\r';
}

static bool all_may_stand(const char *z)
{
    for (const unsigned char *p = (const unsigned char *)z; *p; p++)
        if (*p < 0x20 ? !may_stand(*p) : *p == 0xEF && p[1] == 0xBF && p[2] >= 0xBE)
            return false;
    return true;
}

/* z with U+FFFD for what XML cannot hold; lives until the next call. */
static const char *clean(edrm *x, const char *z)
{
    if (all_may_stand(z))
        return z;
    size_t n = strlen(z);
    haul_str_clear(&x->text);
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = haul_utf8_next(z + i, n - i, &cp);
        if (len && may_stand(cp)) {
            haul_str_add(&x->text, z + i, len);
        } else {
            haul_utf8_add(&x->text, 0xFFFD);
            haul_load_lose(&x->lost, cp);
            len += !len;
        }
    }
    return haul_strz(&x->text);
}

/* A value that may need cleaning. field: as it is told. */
static haul_rc attr_text(edrm *x, int word, const char *z, const char *field, haul_err *e)
{
    attr(x, word, clean(x, z));
    return haul_load_tell(&x->lost, x->notes, x->docid, field, e);
}

static haul_rc element_text(edrm *x, int word, const char *z, haul_err *e)
{
    x->broken |= xmlTextWriterWriteElement(x->w, octets(words[word]), octets(clean(x, z))) < 0;
    return haul_load_tell(&x->lost, x->notes, x->docid, words[word], e);
}

/* ── tags ── */

static void put_iso(const haul_load_row *r, bool has, int64_t us, haul_str *to)
{
    char iso[HAUL_ISO_LEN];
    haul_iso_format_tz(iso, us, r->k->tz_min);
    haul_str_addz(to, has ? iso : "");
}

static void put_sent(const haul_load_row *r, haul_str *to)
{
    put_iso(r, r->d->has_sent, r->d->sent_us, to);
}

static void put_received(const haul_load_row *r, haul_str *to)
{
    put_iso(r, r->d->has_received, r->d->received_us, to);
}

static void put_created(const haul_load_row *r, haul_str *to)
{
    put_iso(r, r->d->has_created, r->d->created_us, to);
}

static void put_modified(const haul_load_row *r, haul_str *to)
{
    put_iso(r, r->d->has_modified, r->d->modified_us, to);
}

static void put_has_attachments(const haul_load_row *r, haul_str *to)
{
    if (!r->d->parent)
        haul_str_addz(to, r->f->n > 1 ? "true" : "false");
}

static void put_read_flag(const haul_load_row *r, haul_str *to)
{
    if (!r->d->parent && r->d->has_flags)
        haul_str_addz(to, r->d->flags & HAUL_FLAG_SEEN ? "true" : "false");
}

static void put_flag_status(const haul_load_row *r, haul_str *to)
{
    if (!r->d->parent && r->d->has_flags)
        haul_str_addz(to, r->d->flags & HAUL_FLAG_FLAGGED ? "Flagged" : "Unflagged");
}

static void put_date_field(const haul_load_row *r, haul_str *to)
{
    haul_str_addz(to, r->d->date_field);
}

/* Names with '#' are those of EDRM; the others are ours, as in the DAT. put NULL: the value of field. */
static const struct tag {
    const char *name, *type;
    haul_load_field field;
    void (*put)(const haul_load_row *r, haul_str *to);
} tags[] = {
    {"#From", "Text", HAUL_LOAD_FROM, NULL},
    {"#To", "LongText", HAUL_LOAD_TO, NULL},
    {"#CC", "LongText", HAUL_LOAD_CC, NULL},
    {"#BCC", "LongText", HAUL_LOAD_BCC, NULL},
    {"#Subject", "LongText", HAUL_LOAD_SUBJECT, NULL},
    {"#DateSent", "DateTime", 0, put_sent},
    {"#DateReceived", "DateTime", 0, put_received},
    {"#HasAttachments", "Boolean", 0, put_has_attachments},
    {"#AttachmentCount", "Integer", HAUL_LOAD_ATTACHCOUNT, NULL},
    {"#AttachmentNames", "LongText", HAUL_LOAD_ATTACHNAMES, NULL},
    {"#ReadFlag", "Boolean", 0, put_read_flag},
    {"#ImportanceFlag", "Text", HAUL_LOAD_IMPORTANCE, NULL},
    {"#FlagStatus", "Text", 0, put_flag_status},
    {"#MessageID", "Text", HAUL_LOAD_INTMSGID, NULL},
    {"#FileName", "Text", HAUL_LOAD_FILENAME, NULL},
    {"#FileExtension", "Text", HAUL_LOAD_FILEEXT, NULL},
    {"#FileSize", "LongInteger", HAUL_LOAD_FILESIZE, NULL},
    {"#DateCreated", "DateTime", 0, put_created},
    {"#DateModified", "DateTime", 0, put_modified},
    {"BEGATTACH", "Text", HAUL_LOAD_BEGATTACH, NULL},
    {"ENDATTACH", "Text", HAUL_LOAD_ENDATTACH, NULL},
    {"ALL_CUSTODIANS", "LongText", HAUL_LOAD_ALL_CUSTODIANS, NULL},
    {"SOURCEFILE", "Text", HAUL_LOAD_SOURCEFILE, NULL},
    {"FOLDERPATH", "LongText", HAUL_LOAD_FOLDERPATH, NULL},
    {"RECORDTYPE", "Text", HAUL_LOAD_RECORDTYPE, NULL},
    {"DATEFIELD", "Text", 0, put_date_field},
    {"TIMEZONE", "Text", HAUL_LOAD_TIMEZONE, NULL},
    {"EDRM_MIH", "Text", HAUL_LOAD_EDRM_MIH, NULL},
    {"INREPLYTO", "LongText", HAUL_LOAD_INREPLYTO, NULL},
    {"REFERENCES", "LongText", HAUL_LOAD_REFERENCES, NULL},
    {"CONVERSATIONINDEX", "LongText", HAUL_LOAD_CONVERSATIONINDEX, NULL},
    {"SHA1HASH", "Text", HAUL_LOAD_SHA1HASH, NULL},
    {"SHA256HASH", "Text", HAUL_LOAD_SHA256HASH, NULL},
    {"EXCEPTION", "LongText", HAUL_LOAD_EXCEPTION, NULL},
};

static const char *tag_value(edrm *x, const struct tag *t, const haul_load_row *r)
{
    if (!t->put)
        return haul_load_value(t->field, r, &x->scratch);
    haul_str_clear(&x->scratch);
    t->put(r, &x->scratch);
    return haul_strz(&x->scratch);
}

/* Absent values have no tag. */
static haul_rc write_tags(edrm *x, const haul_load_row *r, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    start(x, W_TAGS);
    for (size_t i = 0; i < HAUL_COUNT(tags) && rc == HAUL_OK; i++) {
        const char *value = tag_value(x, &tags[i], r);
        if (!*value)
            continue;
        start(x, W_TAG);
        attr(x, W_TAG_NAME, tags[i].name);
        rc = attr_text(x, W_TAG_VALUE, value, tags[i].name, e);
        attr(x, W_TAG_DATA_TYPE, tags[i].type);
        end(x);
    }
    end(x);
    return rc;
}

static void write_fields(edrm *x)
{
    start(x, W_FIELDS);
    for (size_t i = 0; i < HAUL_COUNT(tags); i++) {
        start(x, W_FIELD);
        attr(x, W_NAME, tags[i].name + (tags[i].name[0] == '#'));
        attr(x, W_DATA_TYPE, tags[i].type);
        attr(x, W_KEY, tags[i].name);
        end(x);
    }
    end(x);
}

/* ── documents ── */

/* path: below the package's root. hash: "" = left out. */
static haul_rc write_file(edrm *x, const char *type, const char *path, uint64_t size, const char *hash,
                          haul_err *e)
{
    char number[24];
    const char *slash = strrchr(path, '/');
    haul_auto_str dir = {0};
    haul_str_add(&dir, path, slash ? (size_t)(slash - path) : 0);
    (void)snprintf(number, sizeof(number), "%" PRIu64, size);
    start(x, W_FILE);
    attr(x, W_FILE_TYPE, type);
    start(x, W_EXTERNAL_FILE);
    haul_rc rc = attr_text(x, W_FILE_PATH, haul_strz(&dir), words[W_FILE_PATH], e);
    if (rc == HAUL_OK)
        rc = attr_text(x, W_FILE_NAME, slash ? slash + 1 : path, words[W_FILE_NAME], e);
    attr(x, W_FILE_SIZE, number);
    if (*hash)
        attr(x, W_HASH, hash);
    end(x);
    end(x);
    return rc;
}

/* MD5 is what readers expect of Hash; of a text it is not known. */
static haul_rc write_files(edrm *x, const haul_load_row *r, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    start(x, W_FILES);
    if (*r->d->native)
        rc = write_file(x, "Native", r->d->native, r->d->size,
                        haul_load_value(HAUL_LOAD_MD5HASH, r, &x->scratch), e);
    if (rc == HAUL_OK && *r->d->text)
        rc = write_file(x, "Text", r->d->text, r->d->text_size, "", e);
    end(x);
    return rc;
}

/* source#place as a URI reference; Description is the folder as it is. */
static haul_rc write_location(edrm *x, const char *custodian, const char *source, const char *place,
                              const char *folder, haul_err *e)
{
    haul_str_clear(&x->uri);
    haul_url_encode((haul_span){source, strlen(source)}, "/-._~", &x->uri);
    haul_str_addc(&x->uri, '#');
    haul_url_encode((haul_span){place, strlen(place)}, "/-._~@", &x->uri);
    start(x, W_LOCATION);
    haul_rc rc = element_text(x, W_CUSTODIAN, custodian, e);
    if (rc == HAUL_OK)
        rc = element_text(x, W_LOCATION_URI, haul_strz(&x->uri), e);
    if (rc == HAUL_OK)
        rc = element_text(x, W_DESCRIPTION, folder, e);
    end(x);
    return rc;
}

/* An attachment is wherever its message is, and so are the twins'. */
static haul_rc write_locations(edrm *x, const haul_load_row *r, haul_err *e)
{
    const haul_doc *m = &r->f->docs[0];
    start(x, W_LOCATIONS);
    haul_rc rc = write_location(x, m->custodian, m->source, m->place, m->folder, e);
    for (size_t i = 0; i < r->f->n_twins && rc == HAUL_OK; i++) {
        const haul_twin *t = &r->f->twins[i];
        rc = write_location(x, t->custodian, t->source, t->place, t->folder, e);
    }
    end(x);
    return rc;
}

static haul_rc write_document(void *ctx, const haul_load_row *r, haul_err *e)
{
    edrm *x = ctx;
    x->docid = r->d->docid;
    start(x, W_DOCUMENT);
    attr(x, W_DOC_ID, r->d->docid);
    attr(x, W_DOC_TYPE, r->d->parent ? "File" : "Message");
    haul_rc rc = attr_text(x, W_MIME_TYPE, r->d->mime_type, words[W_MIME_TYPE], e);
    if (rc == HAUL_OK)
        rc = write_files(x, r, e);
    if (rc == HAUL_OK)
        rc = write_locations(x, r, e);
    if (rc == HAUL_OK)
        rc = write_tags(x, r, e);
    end(x);
    return rc == HAUL_OK ? check(x, e) : rc;
}

static haul_rc write_relationship(void *ctx, const haul_load_row *r, haul_err *e)
{
    edrm *x = ctx;
    if (!r->d->parent)
        return HAUL_OK;
    start(x, W_RELATIONSHIP);
    attr(x, W_TYPE, "Attachment");
    attr(x, W_PARENT, r->f->docs[0].docid);
    attr(x, W_CHILD, r->d->docid);
    end(x);
    return check(x, e);
}

/* ── folders ── */

/* "custodian/source/folder", each once, with the documents in it. */
static haul_rc open_folder(edrm *x, const haul_doc *m, haul_err *e)
{
    const char *const part[3] = {m->custodian, m->source, m->folder};
    haul_auto_str key = {0}, name = {0};
    for (size_t i = 0; i < 3; i++) {
        haul_str_add(&key, part[i], strlen(part[i]) + 1);
        haul_str_addz(&name, name.len && *part[i] ? "/" : "");
        haul_str_addz(&name, part[i]);
    }
    if (x->box.len == key.len && memcmp(x->box.p, key.p, key.len) == 0)
        return HAUL_OK;
    if (x->box.len)
        end(x);
    haul_str_clear(&x->box);
    haul_str_add(&x->box, key.p, key.len);
    start(x, W_FOLDER);
    return attr_text(x, W_FOLDER_NAME, haul_strz(&name), words[W_FOLDER_NAME], e);
}

static haul_rc write_in_folder(void *ctx, const haul_family *f, haul_err *e)
{
    edrm *x = ctx;
    x->docid = f->docs[0].docid;
    haul_rc rc = open_folder(x, &f->docs[0], e);
    for (size_t i = 0; i < f->n; i++) {
        start(x, W_DOCUMENT);
        attr(x, W_DOC_ID, f->docs[i].docid);
        end(x);
    }
    return rc == HAUL_OK ? check(x, e) : rc;
}

/* ── the whole ── */

static haul_rc start_root(edrm *x, haul_err *e)
{
    xmlTextWriterSetIndent(x->w, 1);
    xmlTextWriterSetIndentString(x->w, octets(" "));
    x->broken |= xmlTextWriterStartDocument(x->w, "1.0", "UTF-8", NULL) < 0;
    start(x, W_ROOT);
    attr(x, W_MAJOR_VERSION, "1");
    attr(x, W_MINOR_VERSION, "2");
    haul_rc rc = attr_text(x, W_DESCRIPTION, x->k->description, words[W_DESCRIPTION], e);
    attr(x, W_LOCALE, "US");
    attr(x, W_INTERCHANGE_TYPE, "Update");
    write_fields(x);
    start(x, W_BATCH);
    return rc == HAUL_OK ? attr_text(x, W_BATCH_NAME, x->k->matter, words[W_BATCH_NAME], e) : rc;
}

static haul_rc write_batch(edrm *x, haul_catalog *c, haul_err *e)
{
    start(x, W_DOCUMENTS);
    haul_rc rc = haul_load_each(c, x->k, write_document, x, e);
    end(x);
    start(x, W_RELATIONSHIPS);
    if (rc == HAUL_OK)
        rc = haul_load_each(c, x->k, write_relationship, x, e);
    end(x);
    start(x, W_FOLDERS);
    if (rc == HAUL_OK)
        rc = haul_catalog_families(c, HAUL_BY_FOLDER, write_in_folder, x, e);
    return rc;
}

/* libxml2 would print: what went wrong is in x.why. */
static void say_nothing(void *ctx, xmlErrorPtr error)
{
    (void)ctx;
    (void)error;
}

haul_rc haul_load_edrm(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n, haul_err *e)
{
    edrm x = {.to = to, .k = k, .notes = n, .docid = ""};
    xmlOutputBuffer *out = xmlOutputBufferCreateIO(write_out, NULL, &x, NULL);
    x.w = out ? xmlNewTextWriter(out) : NULL;
    if (!x.w) {
        xmlOutputBufferClose(out);
        haul_oom();
    }
    xmlStructuredErrorFunc said = xmlStructuredError;
    void *said_to = xmlStructuredErrorContext;
    xmlSetStructuredErrorFunc(NULL, say_nothing);
    haul_rc rc = start_root(&x, e);
    if (rc == HAUL_OK)
        rc = write_batch(&x, c, e);
    if (rc == HAUL_OK)
        x.broken |= xmlTextWriterEndDocument(x.w) < 0; /* closes what is open */
    xmlFreeTextWriter(x.w);                            /* flushes */
    xmlSetStructuredErrorFunc(said_to, said);
    if (rc == HAUL_OK)
        rc = check(&x, e);
    haul_str_done(&x.scratch);
    haul_str_done(&x.text);
    haul_str_done(&x.uri);
    haul_str_done(&x.box);
    haul_load_lost_done(&x.lost);
    return rc;
}
