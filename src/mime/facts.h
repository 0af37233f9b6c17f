/* What a review wants to know of a message: who, when, which one, and its parts decoded. From the octets alone; nothing
 * is rewritten. docs/hold.md [hold-10]…[hold-14]. */
#ifndef HAUL_MIME_FACTS_H
#define HAUL_MIME_FACTS_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "io/spool.h"
#include "model/msg.h"

#define HAUL_MIH_LEN 33 /* 32 hex digits and NUL */

typedef struct
    haul_facts { /* strings from the arena given: valid UTF-8 on one line, never NULL, "" = absent */
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
void haul_facts_parties(const char *p, size_t n, bool (*fn)(void *ctx, haul_party who, const char *addr),
                        void *ctx);

#define HAUL_PARTS_MAX       9999u           /* entities of a message; their nesting: HAUL_WALK_DEPTH */
#define HAUL_PARTS_WHOLE_MAX (4096u * 1024u) /* octets of a body text that must be in memory: HTML, UTF-16 */
#define HAUL_PARTS_PREAMBLE  65536u /* octets of a multipart's preamble: where no part comes, it has none */
#define HAUL_PARTS_FIELD     16384u /* octets of a part's field; a longer one counts as absent */

typedef struct haul_part {   /* of a message; strings live until the part's end is told */
    const char *path;        /* "2.1" */
    const char *name;        /* as the message calls it (RFC 2231, 2047), UTF-8; "" = it does not */
    const char *type;        /* "image/png", lower case */
    const char *content_id;  /* without angle brackets; "" */
    const char *disposition; /* "inline", "attachment", "" */
    bool is_message;         /* message/rfc822 and its kin: one attachment, whole; it is not looked into */
    bool has_created, has_modified; /* RFC 2183 */
    int64_t created_us, modified_us;
    /* Told at the end: */
    bool encrypted;   /* S/MIME, PGP, or as far as its octets tell: mime/sniff.h */
    bool undecodable; /* its transfer encoding is broken or unknown; octets are what could be had */
    uint64_t size;    /* octets decoded */
} haul_part;

typedef struct haul_parts_said { /* of the whole message */
    bool text_cut;         /* over HAUL_PARTS_WHOLE_MAX, or more than libxml2 is given: its tail is missing */
    bool text_undecodable; /* its encoding is broken, or it is not in the character set that it names */
    bool text_encrypted;   /* it holds a PGP message */
    bool cut_off;          /* the message ends within a multipart */
    bool too_many;         /* the last part is the rest of the message, as it is: HAUL_PARTS_MAX */
    bool
        no_parts; /* a multipart without a part: what is in it is the text, or, within another, an attachment */
} haul_parts_said;

typedef struct haul_parts_reader { /* any function may be NULL */
    /* An attachment begins: its decoded octets go to *ret_to, or nowhere where that stays NULL; line ends are those of the
     * message. Attachments are all leaf parts but the body texts (the first text/plain and text/html that are no
     * attachments, and what else is text/… beside them in a multipart/alternative), structure of signatures included. A
     * text is an attachment when its disposition says so, or when it has a name and is not the first leaf. */
    haul_rc (*begin)(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e);
    haul_rc (*end)(void *ctx, const haul_part *p, haul_err *e);
    /* The body texts go here: text/plain as UTF-8, else text/html as text (mime/html.h); line ends LF. Of a
     * multipart/alternative the first that is not blank; where the two are no alternatives, both. */
    haul_out *text;
    void *ctx;
    haul_parts_said *said; /* may be NULL: filled in the end */
} haul_parts_reader;

/* body: frozen. Streams: memory does not grow with a part. SKIP: no message can be made out; *e says why. A failure of the
 * callbacks is returned as it came. */
HAUL_MUST_USE haul_rc haul_parts_read(haul_spool *body, const haul_parts_reader *to, haul_err *e);

#endif
