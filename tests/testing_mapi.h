/* MAPI message objects made by hand, for the tests of what is built from them. */
#ifndef HAUL_TESTING_MAPI_H
#define HAUL_TESTING_MAPI_H

#include "mime/mapi.h"

#define TESTING_MAPI_MAX 256 /* recipients and attachments of one object: pointers to them stay valid */

/* Which property: by tag, by number in a set, by name in a set. */
#define TAG(tag)       ((haul_prop){.id = (tag)})
#define LID(pset, n)   ((haul_prop){.id = 0x8000, .set = (pset), .lid = (n)})
#define NAMED(pset, s) ((haul_prop){.id = 0x8001, .set = (pset), .name = (s)})

/* An empty object without properties, freed by haul_mapi_free (haul_auto(haul_mapi)). */
haul_mapi *testing_mapi(const char *class);
/* Adds a recipient: PidTagRecipientType (1 To, 2 Cc, 3 Bcc), display name, SMTP address (both may be NULL). */
haul_bag *testing_recipient(haul_mapi *m, int type, const char *name, const char *address);
/* Adds an attachment by value, with PidTagAttachMethod 1 and its size; borrows the data. name: PidTagAttachLongFilename
 * or NULL. Its bag is &m->attachments[i].props; m->n_attachments - 1 is its index. */
haul_bag *testing_attachment(haul_mapi *m, const char *name, const void *p, size_t n);
/* The same with n octets of a pattern, never held in memory. */
haul_bag *testing_attachment_large(haul_mapi *m, const char *name, uint64_t n);
/* The data of the attachment added last end with HAUL_SKIP after n octets. */
void testing_attachment_breaks(haul_mapi *m, size_t n);
/* Adds an attachment with method 5; returns the message embedded in it, which belongs to m: give it properties. */
haul_mapi *testing_embedded(haul_mapi *m, const char *class);
/* How many embedded messages were opened so far. */
size_t testing_opened(void);
/* Adds an attachment with method 5 that holds m itself, as damaged stores have it. */
void testing_embed_itself(haul_mapi *m);

/* Add a property to a bag of m: `set_text(m, &m->props, TAG(0x0037), "subject")`. Values are copied. */
void set_text(haul_mapi *m, haul_bag *b, haul_prop which, const char *utf8);    /* PT_UNICODE */
void set_text8(haul_mapi *m, haul_bag *b, haul_prop which, const char *octets); /* PT_STRING8, as they are */
void set_int(haul_mapi *m, haul_bag *b, haul_prop which, int32_t v);
void set_i64(haul_mapi *m, haul_bag *b, haul_prop which, int64_t v);
void set_r64(haul_mapi *m, haul_bag *b, haul_prop which, double v);
void set_bool(haul_mapi *m, haul_bag *b, haul_prop which, bool v);
void set_time(haul_mapi *m, haul_bag *b, haul_prop which, const char *iso); /* "2024-02-03T04:05:06Z" */
void set_bin(haul_mapi *m, haul_bag *b, haul_prop which, const void *p, size_t n);
void set_texts(haul_mapi *m, haul_bag *b, haul_prop which, const char *const *utf8,
               size_t n); /* multi-value */
void set_bins(haul_mapi *m, haul_bag *b, haul_prop which, const haul_span *v, size_t n);

/* An output that collects what is pushed; up to `max` octets are kept (0 = all), all are counted. */
typedef struct testing_collect {
    haul_out out;
    haul_str text;
    size_t max;
    uint64_t n;
} testing_collect;
void testing_collect_init(testing_collect *c, size_t max);

#endif
