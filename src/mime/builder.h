/* What the files of the message builder share (build.h is what others see). */
#ifndef HAUL_MIME_BUILDER_H
#define HAUL_MIME_BUILDER_H

#include "mime/build.h"
#include "mime/part.h"
#include "mime/rtf.h"
#include "mime/tags.h"
#include "mime/types.h"

#define HAUL_CLASS_MAX       256u                  /* octets of a message class that are looked at */
#define HAUL_HTML_SEARCH_MAX (16u * 1024u * 1024u) /* octets of HTML searched for references to attachments */
#define HAUL_REFERENCES_MAX  4096u                 /* such references of one message */
#define HAUL_REPLY_TO_MAX    256u                  /* addresses of one Reply-To field */
#define HAUL_TRANSPORT_MAX   (16u * 1024u * 1024u) /* octets of transport headers */
#define HAUL_UNPACKED_MAX    16u                   /* winmail.dat streams unpacked of one message */

#define HAUL_EMBEDDED_MAX    16384u /* messages inside one item, at all depths: an object may hold itself */
#define HAUL_SCANNED_MAX     65536u /* of them opened to see whether something is 8bit */
#define HAUL_SEARCHED_MAX    (UINT64_C(1) << 29) /* octets of headers gone over for addresses of recipients */

typedef struct haul_budget { /* of one item, shared by the builders of what is embedded in it */
    unsigned embedded, scanned;
    uint64_t searched; /* octets of headers gone over for addresses */
    haul_arena *arena; /* of the outermost message */
} haul_budget;

typedef struct haul_nested { /* what is known of an embedded message and all that is embedded in it */
    size_t at;               /* the attachment that it is in */
    bool eight;              /* something in it is 8bit */
    struct haul_nested *inside;
    size_t n; /* by attachment */
} haul_nested;

typedef struct haul_body {
    haul_str text; /* UTF-8 */
    haul_str html; /* octets in html_charset */
    haul_str rtf;  /* unpacked, real RTF only */
    bool rtf_best; /* RTF is the native body: the last alternative */
    bool has_text, has_html, has_rtf;
    const char *html_charset;
} haul_body;

/* Which fields there may be: one bit of a hash of each name. Most that are asked for are not there. */
typedef struct haul_field_names {
    uint64_t bits[4];
    haul_span have; /* of this header section, */
    size_t head;    /* and of so many octets of what is being built */
} haul_field_names;

/* One message object on its way into MIME. Lives until its parts have been written. */
typedef struct haul_builder {
    haul_mapi *o;
    haul_msg *m; /* takes the issues */
    const haul_build_options *opt;
    const char *where; /* "attachment 2: " for the parts of an embedded message, "" outermost */
    uint64_t seed;     /* of boundaries */
    haul_body body;
    haul_str head; /* header fields, without MIME-Version */
    haul_field_names names;
    haul_str transport; /* transport headers in the form that is used, UTF-8 where they were Unicode */
    unsigned transport_cp;
    bool has_transport;
    haul_budget *budget, own_budget; /* budget: of the outermost message */
    const haul_nested *nested;       /* of this message; NULL outermost: not looked at yet */
    bool entity_has_version;         /* the restored entity brings its own MIME-Version */
    bool *used;                      /* attachments that have found another place than the end */
    haul_mapi *unpacked[HAUL_UNPACKED_MAX];
    haul_str unpacked_data[HAUL_UNPACKED_MAX]; /* what they borrow from */
    size_t n_unpacked;
    haul_arena arena; /* parts and their strings */
} haul_builder;

void haul_builder_init(haul_builder *b, haul_mapi *o, haul_msg *m, const haul_build_options *opt);
void haul_builder_done(haul_builder *b);
/* haul_msg_issue with the place in front of the detail. */
void haul_builder_issue(haul_builder *b, haul_issue_id id, const char *fmt, ...) HAUL_PRINTF(3, 4);
/* build.c: a winmail.dat that is to be replaced by what it holds. */
bool haul_unpack_wanted(haul_builder *b, const haul_mapi_attach *at);
/* Header and tree of b->o, then all of it to `to`. */
HAUL_MUST_USE haul_rc haul_builder_write(haul_builder *b, haul_out *to, haul_err *e);

/* fill.c: the subject without its prefix mark, from the arena, NULL when there is none. [mapi-6] */
const char *haul_mapi_subject(const haul_mapi *o, haul_arena *a);
/* PidTagInternetMessageId when it is one: printable ASCII in angle brackets; else NULL. What many programs write is no
 * RFC 5322 msg-id (two "@", none): such ids are kept, because other messages refer to them. */
const char *haul_mapi_message_id(const haul_mapi *o, haul_arena *a);
/* PidTagMessageClass, "" when absent, at most HAUL_CLASS_MAX octets. */
const char *haul_mapi_class(const haul_mapi *o, haul_arena *a);
/* The transport headers as UTF-8 or, in an ANSI store, octets of *ret_cp: their first section, without the line that
 * Outlook puts in front. False when there are none. [mapi-10] */
bool haul_mapi_transport(const haul_mapi *o, haul_str *to, unsigned *ret_cp);

/* Its creation and change are no times: the store wanted some. [mapi-r2] */
bool haul_mapi_undated(const haul_mapi *o);

/* fields.c: b->head. [mapi-10]… */
void haul_builder_head(haul_builder *b);
/* synth.c: the fields that the properties give and `have` (a header section) lacks. all: those of a message that
 * never had transport headers. */
void haul_builder_fields(haul_builder *b, haul_span have, bool all);
/* The field is in `have` or in b->head. */
bool haul_builder_has(haul_builder *b, haul_span have, const char *name);
/* marks.c: fields for what people set on the item, whether or not it has transport headers. [mapi-17] */
void haul_builder_marks(haul_builder *b, haul_span have);

/* body.c: b->body. [mapi-20]… */
void haul_builder_body(haul_builder *b);
/* Its text, drawn out of the HTML when there is no other: for what has room for plain text alone; NULL = none. From the
 * arena. [mapi-26] */
const char *haul_builder_plain(haul_builder *b);
/* The body as parts: NULL when there is none; else text/…, or multipart/alternative with `last` behind the text. */
haul_part *haul_builder_body_part(haul_builder *b, haul_part *last);
/* charset.c of HTML: the MIME name of the character set that the octets are in; an issue when it is a guess. [mapi-22] */
const char *haul_html_charset(haul_builder *b, const haul_bag *bag, const char *p, size_t n);
/* Text of a property as UTF-8, guessing its code page where the store does not know it. False when absent. */
bool haul_builder_text(haul_builder *b, const haul_prop *p, haul_str *to);
haul_part *haul_text_part(haul_builder *b, const char *type, const char *p, size_t n);

/* attach.c: parts of attachments. [mapi-30]… */
/* The parts of attachment i of o, added to `to` in order. inlined: below multipart/related. */
void haul_attach_parts(haul_builder *b, haul_mapi *o, size_t i, bool inlined, haul_part *to);
/* Its MIME type: from the tag when that is one, else the name's extension, else application/octet-stream. */
const char *haul_attach_type(haul_builder *b, haul_mapi *o, size_t i, const char *name);
/* Its name, one path component; NULL when it has none. */
const char *haul_attach_name(haul_builder *b, haul_mapi *o, size_t i);
/* Its Content-ID without <>, its Content-Location; NULL when it has none that can be written. */
const char *haul_attach_id(haul_builder *b, const haul_mapi_attach *at);
const char *haul_attach_location(haul_builder *b, const haul_mapi_attach *at);
/* Printable ASCII without blanks: may stand in Content-Location. */
bool haul_uri_ok(const char *z);
/* A part that pushes the data of attachment i. */
haul_part *haul_attach_data(haul_builder *b, haul_mapi *o, size_t i, const char *type);
/* nested.c: whether the octets of attachment i may stand as message/…, and under which encoding. [mapi-34] */
bool haul_message_fits(haul_mapi *o, size_t i, haul_encoding *ret);
/* Of the message embedded in attachment i, once built: 7bit, or 8bit when something in it is restored as it was (or
 * there is too much to look at). Each message inside an item is opened once for this, however deep it lies. */
const haul_nested *haul_nested_scan(haul_builder *b, haul_mapi *o, size_t i);
/* related.c: which attachments the HTML shows. inlined: one flag an attachment. [mapi-31] */
void haul_related_find(haul_builder *b, bool *inlined, size_t *ret_n);

/* smime.c: the message as it was signed or encrypted; NULL when it is not what its class says (an issue then). [mapi-40] */
haul_part *haul_smime_part(haul_builder *b);
bool haul_smime_is(const haul_mapi *o, bool *ret_clear);

/* kept.c: the calendar object or card that the store holds as it came, marked with that name; NULL when there is none, or the
 * item was changed since. represented: the item says all of it, an old one is left out. From a. [mapi-r50] */
haul_part *haul_kept_part(haul_builder *b, const char *name, bool represented, haul_arena *a);

/* pgp.c: multipart/encrypted of PGP/MIME put together again; NULL when that is not certain. After haul_builder_body. [mapi-43] */
haul_part *haul_pgp_part(haul_builder *b);

/* report.c: multipart/report; NULL when the class is no report. [mapi-45] */
haul_part *haul_report_part(haul_builder *b);
bool haul_report_is(const haul_mapi *o);

#endif
