/* Properties put into a bag as a store holds them: the other direction of prop.h. A property that is there already stays:
 * the first counts. Source: MS-OXCDATA 2.11, MS-PST 2.3.3.4 (multi-values). */
#ifndef HAUL_MIME_PUT_H
#define HAUL_MIME_PUT_H

#include "mime/prop.h"

typedef struct haul_put { /* where to; values are copied into the arena */
    haul_bag *bag;
    haul_arena *a;
} haul_put;

typedef struct haul_key { /* which property */
    haul_pset set;        /* NONE: id is a tag */
    uint32_t id;          /* tag, or number in the set; 0 with a name */
    const char *name;     /* borrowed as long as the bag lives */
} haul_key;
#define HAUL_TAG(tag)        ((haul_key){HAUL_PSET_NONE, (tag), NULL})
#define HAUL_LID(set, lid)   ((haul_key){HAUL_PSET_##set, (lid), NULL})
#define HAUL_NAME(set, name) ((haul_key){HAUL_PSET_##set, 0, (name)})

bool haul_put_has(const haul_put *to, haul_key k);
/* PT_UNICODE of UTF-8; what is malformed becomes U+FFFD. NULL and "" put nothing; haul_put_textn puts an empty text, too. */
void haul_put_text(const haul_put *to, haul_key k, const char *z);
void haul_put_textn(const haul_put *to, haul_key k, const char *p, size_t n);
/* The same with every line end as CRLF. */
void haul_put_lines(const haul_put *to, haul_key k, const char *p, size_t n);
void haul_put_int(const haul_put *to, haul_key k, int64_t v); /* PT_I32: its low 32 bits */
void haul_put_bool(const haul_put *to, haul_key k, bool v);
void haul_put_real(const haul_put *to, haul_key k, double v);   /* PT_R64 */
void haul_put_time(const haul_put *to, haul_key k, int64_t us); /* microseconds since 1970 as FILETIME */
void haul_put_bin(const haul_put *to, haul_key k, const void *p, size_t n);
void haul_put_guid(const haul_put *to, haul_key k, const uint8_t guid[16]);
void haul_put_ints(const haul_put *to, haul_key k, const int32_t *v, size_t n); /* multi-value */
/* Multi-values of text and of octets; n = 0 puts nothing. */
void haul_put_texts(const haul_put *to, haul_key k, const char *const *z, size_t n);
void haul_put_bins(const haul_put *to, haul_key k, const haul_span *v, size_t n);

/* Append UTF-8 as UTF-16, little-endian. */
void haul_utf16_add(haul_str *to, const char *p, size_t n);
/* Microseconds since 1970 as FILETIME; 0 for what lies before 1601. */
uint64_t haul_filetime(int64_t us);
/* Octets, little-endian, appended. */
void haul_le_add(haul_str *to, uint64_t v, size_t n);

#endif
