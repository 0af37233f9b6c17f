/* Address lists of header fields, as mail in the wild writes them: split into mailboxes, nothing rejected. RFC 5322 3.4,
 * 4.4; RFC 2047 5 (3), and within quotes and brackets, where it is not allowed but met. */
#ifndef HAUL_MIME_MAILBOX_H
#define HAUL_MIME_MAILBOX_H

#include "base/str.h"

typedef struct haul_mailbox { /* texts: valid UTF-8 on one line */
    haul_str name; /* display name, decoded, without its quotes; of an empty group its name; may be empty */
    haul_str addr; /* addr-spec without blanks and comments, case as it is; may be empty, or lack its "@" */
} haul_mailbox;
void haul_mailbox_done(haul_mailbox *m);

/* A walk over a list on one line (haul_header_unfold), which is borrowed: {.s = list}. */
typedef struct haul_mailboxes {
    haul_span s;
    size_t at;
    bool no_quote,
        no_comment; /* what opens from here on is never closed: these characters stand for themselves */
} haul_mailboxes;

/* The next one into *io, which is zero-initialised first and then used again. Members of groups come one by one; a group
 * without members is a mailbox with its name alone. "," and ";" separate. False at the end. Linear in the list. */
bool haul_mailboxes_next(haul_mailboxes *l, haul_mailbox *io);
/* Append "Ada <ada@x.org>", "ada@x.org" or "Ada". A name that holds one of ;<>" is quoted, with \ before " and \. */
void haul_mailbox_write(const haul_mailbox *m, haul_str *to);
/* Behind the comment that begins at s.p[at], 0 when it is not closed: parentheses nest, a backslash quotes. */
size_t haul_comment_end(haul_span s, size_t at);

#endif
