/* Flags and keywords that mail programs keep in header fields of the message itself:
 * Status, X-Status, X-Keywords (mbox programs), X-Mozilla-Status, -Status2, -Keys (Thunderbird),
 * X-Gmail-Labels (Takeout). Source: docs/formats/mbox.md [mbox-30]… */
#ifndef HAUL_MIME_STATUS_H
#define HAUL_MIME_STATUS_H

#include "model/folder.h"
#include "model/msg.h"

typedef struct haul_status {
    bool known;        /* any of the fields was there */
    unsigned flags;    /* HAUL_FLAG_* */
    haul_str keywords; /* UTF-8, each ended by NUL, no duplicates */
    size_t n_keywords;
    haul_str labels; /* Gmail labels that are no flag, each ended by NUL, decoded, in order */
    size_t n_labels;
    size_t n_dropped; /* of both, beyond HAUL_KEYWORDS_MAX */
} haul_status;

/* Read all such fields of a header section. Gmail labels that mean a flag (Unread, Starred, Draft, Spam in
 * the languages Google ships) go to flags; the others to `labels`. */
void haul_status_parse(const char *p, size_t n, haul_status *ret);
/* A list of labels that lies beside the message, as in X-Gmail-Labels but decoded; Vault's "^INBOX" is Inbox. It takes the place
 * of what the header says of seen, flagged, draft and junk. */
void haul_status_labels(haul_status *s, const char *list);
void haul_status_clear(haul_status *s); /* for reuse */
void haul_status_done(haul_status *s);
/* Into a message: flags, HAUL_SET_FLAGS when known, keywords, and labels as keywords when asked. */
void haul_status_apply(const haul_status *s, haul_msg *m, bool labels_as_keywords);
/* What m's own header section says, with labels as keywords, is just what m's flags and keywords are (so
 * that a target which keeps headers keeps them). Keyword order does not matter. */
bool haul_status_agrees(const char *p, size_t n, const haul_msg *m);
/* The folder that a Gmail label stands for: its role (localised system labels), HAUL_ROLE_NONE for a user's own. */
haul_role haul_status_label_role(const char *label);

/* Write fields for m's flags and keywords, each line ended by LF. Thunderbird's fields, or the classic three.
 * Keywords that X-Keywords cannot hold (blanks, controls, over 7 bit) are RFC 2047-encoded words. */
void haul_status_write(const haul_msg *m, bool mozilla, haul_str *to);

#endif
