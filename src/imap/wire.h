/* What a server says, taken apart: replies out of octets, tokens out of replies.
 *
 * Nothing a server sends is trusted: lines, literals and nesting are bounded by named limits, and a reply that
 * breaks the grammar is HAUL_E_NETWORK, which ends the connection. Source: RFC 9051 section 9, RFC 3501 section 9. */
#ifndef HAUL_IMAP_WIRE_H
#define HAUL_IMAP_WIRE_H

#include "base/str.h"
#include "io/out.h"

#include <stdint.h>

#define HAUL_IMAP_LINE_MAX                                                                                   \
    (64u * 1024u * 1024u) /* octets of one reply, its kept literals included: UIDs of a SEARCH */
#define HAUL_IMAP_LITERAL_MAX (1024u * 1024u) /* octets of a literal that is kept: names, envelopes */
#define HAUL_IMAP_UID_MAX     UINT32_MAX

/* ── replies ── */

typedef struct haul_imap_reader { /* zero-initialised = at the start of a reply */
    haul_str line;    /* so far, without the last CRLF; a literal stands in it as "{n}\r\n" and its octets */
    uint64_t literal; /* octets of a literal still to come */
    bool streaming;   /* they go to `body` and are not kept: the reply then has "{0}\r\n" in their place */
    bool has_body;    /* a literal of this reply went to `body` */
    haul_out *body;   /* where the literal of BODY[] goes; NULL = no body was asked for */
} haul_imap_reader;

/* Take octets of p until a reply is complete. *ret_used: octets taken; *ret_done: r->line is a whole reply; call
 * haul_imap_reader_next before the next call. A failure of `body` is returned as it came. */
HAUL_MUST_USE haul_rc haul_imap_read(haul_imap_reader *r, const char *p, size_t n, size_t *ret_used,
                                     bool *ret_done, haul_err *e);
void haul_imap_reader_next(haul_imap_reader *r);
void haul_imap_reader_done(haul_imap_reader *r);

/* ── tokens ── */

typedef enum haul_imap_type {
    HAUL_IMAP_END,    /* of the reply, or of what is not understood */
    HAUL_IMAP_ATOM,   /* also numbers, flags with their backslash, BODY[…] */
    HAUL_IMAP_STRING, /* quoted or literal; text is unescaped */
    HAUL_IMAP_NIL,
    HAUL_IMAP_OPEN,
    HAUL_IMAP_CLOSE,
} haul_imap_type;

typedef struct haul_imap_tokens { /* a walk over octets that outlive it */
    const char *p, *end;
    haul_imap_type type; /* of the token under hand */
    haul_str text;       /* its octets, NUL-terminated, until the next step */
} haul_imap_tokens;

void haul_imap_tokens_init(haul_imap_tokens *t, haul_span s);
void haul_imap_tokens_done(haul_imap_tokens *t);
haul_imap_type haul_imap_step(haul_imap_tokens *t); /* the next token; END stays END */
bool haul_imap_step_flag(
    haul_imap_tokens *t); /* the next one is an atom: in a list of flags NIL is one, too */
bool haul_imap_step_number(haul_imap_tokens *t,
                           uint64_t *ret); /* false, and the step is done, when it is none */
/* Pass over the value that comes next: one token, or a list with all in it. False at END or when nested too deep. */
bool haul_imap_pass(haul_imap_tokens *t);
bool haul_imap_token_is(const haul_imap_tokens *t, const char *atom); /* an atom, ASCII case ignored */

/* ── what every reply begins with ── */

typedef enum haul_imap_kind {
    HAUL_IMAP_CONTINUE, /* "+ …" */
    HAUL_IMAP_DATA,     /* "* 12 EXISTS", "* LIST …": rest is what follows the star */
    HAUL_IMAP_OK,       /* tagged, or untagged with tag "*" */
    HAUL_IMAP_NO,
    HAUL_IMAP_BAD,
    HAUL_IMAP_BYE,
} haul_imap_kind;

typedef struct haul_imap_reply { /* views of the line */
    haul_imap_kind kind;
    haul_span tag;   /* "*" for untagged */
    haul_span code;  /* inside of [ ], empty = none: "APPENDUID 38505 3955" */
    haul_span rest;  /* human text; of DATA and CONTINUE everything */
    uint64_t number; /* DATA that begins with one: "12 EXISTS", "7 FETCH (…)"; rest is behind it */
    bool has_number;
} haul_imap_reply;

HAUL_MUST_USE bool haul_imap_reply_parse(haul_span line, haul_imap_reply *ret);
/* The response code's name is `name`; *ret_args (may be NULL) is what follows it. */
bool haul_imap_code(const haul_imap_reply *r, const char *name, haul_span *ret_args);

/* Octets of a UID that a reply gave, 0 when it is none (0 is no UID). */
uint32_t haul_imap_uid(haul_span s);

#endif
