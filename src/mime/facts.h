/* What a review wants to know of a message: who, when, which one, and its parts decoded. From the octets alone; nothing
 * is rewritten. docs/hold.md [hold-10]…[hold-14]. */
#ifndef HAUL_MIME_FACTS_H
#define HAUL_MIME_FACTS_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "io/spool.h"

#define HAUL_MIH_LEN 33 /* 32 hex digits and NUL */

typedef struct haul_facts { /* strings from the arena given: valid UTF-8 on one line, never NULL, "" = absent */
    const char *from, *to, *cc, *bcc; /* every mailbox "Ada <ada@x.org>" or "ada@x.org", joined by "; " */
    const char *subject, *date_field; /* the Date field as it was found, unfolded */
    const char *message_id;           /* of several fields the first, with its angle brackets */
    const char *in_reply_to, *references, *conversation_index, *importance;
    const char *type; /* "multipart/mixed" of the message */
    bool has_sent;
    int64_t sent_us;
    int sent_tz;
    char mih[HAUL_MIH_LEN]; /* EDRM MIH 1.0; "" where there is no valid Message-ID */
} haul_facts;

/* p: a message, or its first HAUL_HEAD_MAX octets. Never fails: what cannot be read is absent. */
void haul_facts_read(const char *p, size_t n, haul_arena *a, haul_facts *ret);

/* Every addr-spec of the From, Sender, To, Cc and Bcc fields, lower case: fn for each. False from fn ends the walk. */
typedef enum haul_party { HAUL_PARTY_SENDER, HAUL_PARTY_RECIPIENT } haul_party;
void haul_facts_parties(const char *p, size_t n, bool (*fn)(void *ctx, haul_party who, const char *addr), void *ctx);

typedef struct haul_part { /* of a message; strings live until the part's end is told */
    const char *path;        /* "2.1" */
    const char *name;        /* as the message calls it (RFC 2231, 2047), UTF-8; "" = it does not */
    const char *type;        /* "image/png", lower case */
    const char *content_id;  /* without angle brackets; "" */
    const char *disposition; /* "inline", "attachment", "" */
    bool is_message;         /* message/rfc822 and its kin: one attachment, whole; it is not looked into */
    bool has_created, has_modified; /* RFC 2183 */
    int64_t created_us, modified_us;
    bool encrypted;   /* S/MIME or PGP, an encrypted zip, Office or PDF file as far as its first octets tell */
    bool undecodable; /* told at the end: its transfer encoding is broken or unknown; octets are what could be had */
    uint64_t size;    /* told at the end: octets decoded */
} haul_part;

typedef struct haul_parts_reader { /* any function may be NULL */
    /* An attachment begins: its decoded octets go to *ret_to, or nowhere where that stays NULL. Attachments are all leaf
     * parts but the body texts (the first text/plain and text/html that are no attachments, and the parts of
     * multipart/alternative beside them), structure of signatures included. */
    haul_rc (*begin)(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e);
    haul_rc (*end)(void *ctx, const haul_part *p, haul_err *e);
    /* The body texts go here: text/plain as UTF-8, else text/html as text (mime/html.h); line ends LF. */
    haul_out *text;
    void *ctx;
} haul_parts_reader;

/* body: frozen. Streams: memory does not grow with a part. SKIP: no message can be made out; *e says why. A failure of the
 * callbacks is returned as it came. */
HAUL_MUST_USE haul_rc haul_parts_read(haul_spool *body, const haul_parts_reader *to, haul_err *e);

#endif
