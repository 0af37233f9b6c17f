/* From an Internet message to a MAPI message object, as an Outlook store holds it: the reverse of build.h.
 * Authorities: MS-OXCMAIL 2.2 (from MIME to message objects), MS-OXCMSG, MS-OXOMSG, MS-OXOSMIME. Rules: docs/mapi.md
 * [mapi-r1]…
 *
 * The object is a haul_mapi like those that readers of stores give: a writer takes its bags as they are, and
 * haul_mapi_build makes a message of it again. Values are as stored: text is PT_UNICODE, HTML PT_BINARY. Named properties
 * have set and lid or name; their id says nothing. What belongs to a store is the writer's: sizes, entry and record
 * keys, change keys, the rows of tables. */
#ifndef HAUL_MIME_OUTLOOK_H
#define HAUL_MIME_OUTLOOK_H

#include "mime/mapi.h"
#include "model/msg.h"

#define HAUL_OUTLOOK_BODY_MAX                                                                                \
    (32u * 1024u * 1024u)                  /* octets of a text, encoded; a larger one is an attachment */
#define HAUL_OUTLOOK_DEPTH_MAX      30u    /* messages in one another: 64 nodes within nodes hold them */
#define HAUL_OUTLOOK_RECIPIENTS_MAX 16384u /* of one message; more stay in its transport headers alone */
#define HAUL_OUTLOOK_PARTS_MAX                                                                               \
    16384u /* MIME entities of one message; behind them the rest is one attachment */
#define HAUL_OUTLOOK_HEADER_MAX                                                                              \
    (4u * 1024u * 1024u)             /* octets of the header section that are kept and looked at */
#define HAUL_OUTLOOK_TEXT_MAX 65536u /* octets of one property made of a field: a subject, a name */

/* An attachment of this type, hidden, holds the message as it was (keep_original); see haul_original_push. */
#define HAUL_ORIGINAL_TYPE "application/x-mailhaul-original"

typedef struct haul_outlook_options {
    bool keep_original; /* the octets of the message go along */
    /* What was lost or guessed, and where ("part 2.1: …"); may be NULL. */
    void (*issue)(void *ctx, haul_issue_id id, const char *detail);
    void *ctx;
} haul_outlook_options;

/* m: frozen, with its body; it and opt are borrowed as long as the object lives. Times, flags, keywords and kind are those of
 * m; all else comes from the octets. *ret is to be freed by haul_mapi_free. Nothing of an attachment is held: ops->data
 * decodes it anew each time. Failures are those of reading the spool: HAUL_E_TARGET. */
HAUL_MUST_USE haul_rc haul_outlook_open(const haul_msg *m, const haul_outlook_options *opt, haul_mapi **ret,
                                        haul_err *e);

#endif
