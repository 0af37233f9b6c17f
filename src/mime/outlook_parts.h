/* What the files of outlook.h share. Nobody else includes it. */
#ifndef HAUL_MIME_OUTLOOK_PARTS_H
#define HAUL_MIME_OUTLOOK_PARTS_H

#include "mime/class.h"
#include "mime/header.h"
#include "mime/outlook.h"
#include "mime/parts.h"
#include "mime/put.h"
#include "mime/tags.h"
#include "mime/walk.h"

#define HAUL_NO_NODE SIZE_MAX

typedef enum haul_node_kind { HAUL_NODE_LEAF, HAUL_NODE_MULTIPART, HAUL_NODE_MESSAGE } haul_node_kind;

typedef struct haul_node { /* a MIME entity of the message; those of messages inside it are not among them */
    haul_node_kind kind;
    size_t parent;          /* the multipart around it, HAUL_NO_NODE = it is the message itself */
    size_t next;            /* the first node behind it that is not inside it */
    haul_span header, body; /* body: its octets, encoded; of a multipart or a message all that is inside */
    const char *type;       /* "text/plain" */
    unsigned cp;            /* of its charset, 0 = not said or not known */
    bool typed;             /* it names its type */
    haul_walk_encoding encoding;
    haul_part part; /* name, disposition, content id, dates */
    bool used;      /* it has another place than among the attachments */
    bool inlined;   /* it is shown within the text */
} haul_node;

typedef enum haul_content {                        /* what ops->data pushes */
                            HAUL_CONTENT_NODE,     /* the decoded octets of a node */
                            HAUL_CONTENT_ENTITY,   /* a node with its own header, line ends CRLF */
                            HAUL_CONTENT_MESSAGE,  /* a message object */
                            HAUL_CONTENT_TEXT,     /* octets of the arena */
                            HAUL_CONTENT_ORIGINAL, /* the octets of the whole message */
} haul_content;

typedef struct haul_held { /* by attachment: what is in it */
    haul_content how;
    size_t node;
    haul_span text;
    bool told; /* that it is damaged */
} haul_held;

typedef struct haul_outlook { /* one message object on its way out of MIME */
    haul_mapi o;              /* first member: ops->free frees all of it */
    const haul_msg *m;        /* NULL: it is inside another message */
    const haul_outlook_options *opt;
    const char *where; /* "attachment 2: ", "" outermost */
    haul_spool *own;   /* an encoded message inside another, decoded */
    haul_span octets;
    haul_spool *spool; /* that they lie in; its memory is let go */
    haul_put to;       /* o.props */
    haul_node *nodes;
    size_t n_nodes, cap_nodes;
    haul_span header;  /* of the message, cut at HAUL_OUTLOOK_HEADER_MAX */
    size_t text, html; /* nodes of the bodies */
    size_t calendar, card, rtf;
    haul_held *held;
    size_t cap_attachments;
    size_t cap_recipients;
    bool too_many_recipients;
    bool own_recipients; /* they are not those of To, Cc and Bcc */
    bool keeps;          /* the item holds a calendar object or a card as it came */
    size_t n_user_fields;
    const char *stated; /* X-Mailhaul-Class when it has the form of one below IPM; NULL = none */
    unsigned unnamed;   /* attachments that were given a name */
} haul_outlook;

void haul_outlook_issue(haul_outlook *x, haul_issue_id id, const char *fmt, ...) HAUL_PRINTF(3, 4);

#define HAUL_OUTLOOK_STEP (4u * 1024u * 1024u) /* octets after which the memory of what was read is let go */

/* outlook_tree.c: x->nodes. */
void haul_outlook_tree(haul_outlook *x);
/* Which nodes are bodies. [mapi-r20] */
void haul_outlook_bodies(haul_outlook *x);
/* The decoded octets of a leaf, at most max of them encoded; false when there are more. *ret_broken may be NULL. */
bool haul_outlook_octets(const haul_node *n, size_t max, haul_str *to, bool *ret_broken);
/* The node of that type nearest to the start whose parent is `parent`; HAUL_NO_NODE. */
size_t haul_outlook_child(const haul_outlook *x, size_t parent, const char *type);

/* outlook_head.c: properties that the header section gives. [mapi-r10]… */
void haul_outlook_head(haul_outlook *x);
/* outlook_marks.c: a field that no other rule is about. [mapi-r16] */
void haul_outlook_mark(haul_outlook *x, const haul_field *f);
/* outlook_flags.c: what the model says. [mapi-r1]… */
void haul_outlook_model(haul_outlook *x);

/* outlook_people.c. Addresses of a field into sender properties or recipients. [mapi-r12]… */
typedef enum haul_role { /* whose properties */
                         HAUL_ROLE_SENDER,
                         HAUL_ROLE_REPRESENTING,
                         HAUL_ROLE_READ_RECEIPT,
                         HAUL_ROLE_REPORT
} haul_role;
/* The first mailbox of a field; false when it has none. */
bool haul_outlook_person(haul_outlook *x, haul_role role, haul_span value);
/* The same, for n roles at once. */
bool haul_outlook_people(haul_outlook *x, haul_span value, const haul_role *roles, size_t n);
void haul_outlook_recipients(haul_outlook *x, int type, haul_span value); /* 1 To, 2 Cc, 3 Bcc */
/* flags: PidTagRecipientFlags, MS-OXOCAL 2.2.4.10.1. */
#define HAUL_RECIPIENT_SENDABLE  0x1
#define HAUL_RECIPIENT_ORGANIZER 0x2
haul_bag *haul_outlook_recipient(haul_outlook *x, int type, const char *name, const char *addr, int flags);
void haul_outlook_reply_to(haul_outlook *x, haul_span value);
void haul_outlook_displayed(haul_outlook *x); /* PidTagDisplayTo…, after all recipients */
/* Append a one-off entry id (MS-OXCDATA 2.2.5.1), Unicode. */
void haul_one_off(haul_str *to, const char *name, const char *type, const char *addr);

/* outlook_body.c: PidTagBody, PidTagHtml. [mapi-r20]… */
void haul_outlook_body(haul_outlook *x);

/* outlook_attach.c [mapi-r30]… */
void haul_outlook_attachments(haul_outlook *x);
/* A further attachment by value, without a name; its properties. */
haul_put haul_outlook_attach(haul_outlook *x, haul_held held, const char *type);
extern const haul_mapi_ops haul_outlook_ops;

/* outlook.c: the message inside attachment i; own is taken over. */
haul_mapi *haul_outlook_inside(haul_outlook *x, haul_span octets, haul_spool *own, size_t i);

/* original.c: the octets of the message as a last, hidden attachment. [mapi-r60] */
void haul_outlook_original(haul_outlook *x);

/* outlook_class.c: the message class, and what goes with it. [mapi-r40]… */
void haul_outlook_class(haul_outlook *x);
/* A parameter of the Content-Type of a node; from the arena, "" = absent. */
const char *haul_outlook_parameter(haul_outlook *x, const haul_node *n, const char *name);
/* outlook_report.c, outlook_calendar.c, outlook_card.c: the class of the item, NULL = it is none of these. What is
 * represented by properties is marked used. [mapi-r45]… */
const char *haul_outlook_report(haul_outlook *x);
const char *haul_outlook_calendar(haul_outlook *x);
const char *haul_outlook_card(haul_outlook *x);
/* The octets of a node as an attachment that the reader gives back in its place, as long as the item is not changed: marked
 * with a property of that name, which holds `value`. [mapi-r50] */
void haul_outlook_keep(haul_outlook *x, size_t node, const char *name, const char *value, bool hidden);

#endif
