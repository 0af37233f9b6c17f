/* What the writers of load files share: the fields of a document, and the count of what had to be replaced. */
#ifndef HAUL_HOLD_LOAD_H
#define HAUL_HOLD_LOAD_H

#include "base/str.h"
#include "hold/package.h"

/* T(NAME, field): a text of haul_doc as it is. P(NAME, function): put_function in load.c. In the order of the DAT. */
#define HAUL_LOAD_FIELDS(T, P)                                                                               \
    T(DOCID, docid)                                                                                          \
    P(PARENT_DOCID, parent)                                                                                  \
    T(BEGDOC, docid)                                                                                         \
    T(ENDDOC, docid)                                                                                         \
    P(BEGATTACH, beg_attach)                                                                                 \
    P(ENDATTACH, end_attach)                                                                                 \
    P(ATTCHIDS, attch_ids)                                                                                   \
    T(CUSTODIAN, custodian)                                                                                  \
    P(ALL_CUSTODIANS, all_custodians)                                                                        \
    T(SOURCEFILE, source)                                                                                    \
    T(FOLDERPATH, folder)                                                                                    \
    P(RECORDTYPE, record_type)                                                                               \
    T(FROM, from)                                                                                            \
    T(TO, to)                                                                                                \
    T(CC, cc)                                                                                                \
    T(BCC, bcc)                                                                                              \
    T(SUBJECT, subject)                                                                                      \
    P(DATESENT, date_sent)                                                                                   \
    P(TIMESENT, time_sent)                                                                                   \
    P(DATERCVD, date_received)                                                                               \
    P(TIMERCVD, time_received)                                                                               \
    P(TIMEZONE, time_zone)                                                                                   \
    T(INTMSGID, message_id)                                                                                  \
    T(EDRM_MIH, mih)                                                                                         \
    T(INREPLYTO, in_reply_to)                                                                                \
    T(REFERENCES, references)                                                                                \
    T(CONVERSATIONINDEX, conversation_index)                                                                 \
    T(IMPORTANCE, importance)                                                                                \
    P(READ, read)                                                                                            \
    P(FLAGGED, flagged)                                                                                      \
    P(ATTACHCOUNT, attach_count)                                                                             \
    P(ATTACHNAMES, attach_names)                                                                             \
    T(FILENAME, file_name)                                                                                   \
    P(FILEEXT, file_ext)                                                                                     \
    T(MIMETYPE, mime_type)                                                                                   \
    P(FILESIZE, file_size)                                                                                   \
    P(MD5HASH, md5)                                                                                          \
    P(SHA1HASH, sha1)                                                                                        \
    P(SHA256HASH, sha256)                                                                                    \
    P(DATECRTD, date_created)                                                                                \
    P(DATEMOD, date_modified)                                                                                \
    T(NATIVEPATH, native)                                                                                    \
    T(TEXTPATH, text)                                                                                        \
    T(EXCEPTION, exception)

typedef enum haul_load_field {
#define X(name, what) HAUL_LOAD_##name,
    HAUL_LOAD_FIELDS(X, X)
#undef X
        HAUL_LOAD_COUNT
} haul_load_field;

typedef struct haul_load_row { /* one document of one family */
    const haul_case *k;
    const haul_family *f;
    const haul_doc *d;
} haul_load_row;

const char *haul_load_name(haul_load_field f);
/* The value as text, "" = absent; it lives as long as the family or until scratch is changed. */
const char *haul_load_value(haul_load_field f, const haul_load_row *r, haul_str *scratch);
/* Every document of every family, as stored. */
typedef haul_rc (*haul_load_fn)(void *ctx, const haul_load_row *r, haul_err *e);
HAUL_MUST_USE haul_rc haul_load_each(haul_catalog *c, const haul_case *k, haul_load_fn fn, void *ctx,
                                     haul_err *e);

/* Characters of one value that a format could not hold. */
typedef struct haul_load_lost { /* zero-initialised = none */
    uint32_t *cp;
    size_t n, cap;
} haul_load_lost;
void haul_load_lose(haul_load_lost *l, uint32_t cp);
/* Count them and tell notes->fn, by code point in ascending order; none are left then. notes may be NULL. */
HAUL_MUST_USE haul_rc haul_load_tell(haul_load_lost *l, haul_load_notes *notes, const char *docid,
                                     const char *field, haul_err *e);
void haul_load_lost_done(haul_load_lost *l);

#endif
