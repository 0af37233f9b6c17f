/* Properties as MAPI stores them: a bag of raw values by property tag or name, whoever read them (a PST engine,
 * TNEF, .msg). Values stay as stored, little-endian; what they mean is decided where they are used.
 * Source: MS-OXCDATA 2.11 (types), MS-OXPROPS (ids), MS-PST 2.4.7 (named properties). */
#ifndef HAUL_MIME_PROP_H
#define HAUL_MIME_PROP_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* MS-OXCDATA 2.11.1 */
enum {
    HAUL_PT_I16 = 0x0002,
    HAUL_PT_I32 = 0x0003,
    HAUL_PT_R32 = 0x0004,
    HAUL_PT_R64 = 0x0005,
    HAUL_PT_CURRENCY = 0x0006,
    HAUL_PT_APPTIME = 0x0007,
    HAUL_PT_ERROR = 0x000a,
    HAUL_PT_BOOL = 0x000b,
    HAUL_PT_OBJECT = 0x000d,
    HAUL_PT_I64 = 0x0014,
    HAUL_PT_STRING8 = 0x001e,
    HAUL_PT_UNICODE = 0x001f,
    HAUL_PT_TIME = 0x0040,
    HAUL_PT_GUID = 0x0048,
    HAUL_PT_BINARY = 0x0102,
    HAUL_PT_MULTI = 0x1000,
};

/* Octets of a value of a single type (MS-OXCDATA 2.11.1): 0 = they differ; SIZE_MAX = no such type. */
size_t haul_prop_width(unsigned type);

#define HAUL_PROP_MAX  (512u * 1024u * 1024u) /* octets of one value in a bag (attachment data is no value) */
#define HAUL_BAG_MAX   65536u                 /* properties of one object */
#define HAUL_MULTI_MAX 65536u                 /* values of one multi-value */

/* X(enum, GUID as text): property sets whose named properties we use (MS-OXPROPS 1.3.2). */
#define HAUL_PSET_LIST(X)                                                                                    \
    X(MAPI, "00020328-0000-0000-C000-000000000046")                                                          \
    X(PUBLIC_STRINGS, "00020329-0000-0000-C000-000000000046")                                                \
    X(INTERNET_HEADERS, "00020386-0000-0000-C000-000000000046")                                              \
    X(APPOINTMENT, "00062002-0000-0000-C000-000000000046")                                                   \
    X(TASK, "00062003-0000-0000-C000-000000000046")                                                          \
    X(ADDRESS, "00062004-0000-0000-C000-000000000046")                                                       \
    X(COMMON, "00062008-0000-0000-C000-000000000046")                                                        \
    X(LOG, "0006200A-0000-0000-C000-000000000046")                                                           \
    X(NOTE, "0006200E-0000-0000-C000-000000000046")                                                          \
    X(SHARING, "00062040-0000-0000-C000-000000000046")                                                       \
    X(REMOTE, "00062014-0000-0000-C000-000000000046")                                                        \
    X(RSS, "00062041-0000-0000-C000-000000000046")                                                           \
    X(MEETING, "6ED8DA90-450B-101B-98DA-00AA003F1305")                                                       \
    X(CALENDAR_ASSISTANT, "11000E07-B51B-40D6-AF21-CAA85EDAB1D0")                                            \
    X(AIRSYNC, "71035549-0739-4DCB-9163-00F0580DBBDF")                                                       \
    X(UNIFIED_MESSAGING, "4442858E-A9E3-4E80-B900-317A210CC15B")                                             \
    X(ATTACHMENT, "96357F7F-59E1-47D0-99A7-46515C183B54")

typedef enum haul_pset {
    HAUL_PSET_NONE, /* not a named property */
#define X(id, guid) HAUL_PSET_##id,
    HAUL_PSET_LIST(X)
#undef X
        HAUL_PSET_OTHER, /* some other set; see haul_prop.guid */
} haul_pset;

typedef struct haul_prop {
    uint16_t id;         /* as stored; >= 0x8000 is named and means nothing by itself */
    uint16_t type;       /* HAUL_PT_*, with HAUL_PT_MULTI */
    haul_pset set;       /* of a named property */
    uint32_t lid;        /* its number when name is NULL */
    const char *name;    /* its name, UTF-8, or NULL */
    const uint8_t *guid; /* 16 octets as stored when set is not NONE, else NULL */
    const uint8_t
        *p;   /* the value: fixed types in full (bool: 1 or 2 octets, i16: 2), strings without trailing NUL */
    size_t n; /* octets */
} haul_prop;

typedef struct haul_bag { /* zero-initialised = empty; values live in the arena of whoever filled it */
    haul_prop *v;
    size_t n, cap;
    unsigned codepage; /* of PT_STRING8 values; 0 = unknown: Windows-1252 */
    uint64_t keys[4];  /* a bit for 8 bits of each id or number that haul_bag_add put in */
    size_t keyed;      /* how often it did; the bits say nothing when that is not n */
} haul_bag;

/* Add p to the bag, growing it in a; the value is borrowed. False when the bag is full (HAUL_BAG_MAX). */
bool haul_bag_add(haul_bag *b, haul_arena *a, const haul_prop *p);
/* The set of a GUID as stored (MS-DTYP 2.3.4.2: first three fields little-endian); OTHER when it is none of ours. */
haul_pset haul_pset_find(const uint8_t guid[16]);

/* The property with that id (any type), or that name; NULL when absent or of type PT_ERROR. The first counts. */
const haul_prop *haul_bag_get(const haul_bag *b, uint16_t id);
const haul_prop *haul_bag_lid(const haul_bag *b, haul_pset set, uint32_t lid);
const haul_prop *haul_bag_name(const haul_bag *b, haul_pset set, const char *name); /* ASCII case ignored */

/* Values. p may be NULL: then, and when the type does not fit, the answer is false / the given default and *ret
 * stays untouched. Integers of any width, and booleans, are read as integers. */
bool haul_prop_int(const haul_prop *p, int64_t *ret);
int64_t haul_prop_int_or(const haul_prop *p, int64_t otherwise);
bool haul_prop_bool(const haul_prop *p);              /* false when absent */
bool haul_prop_real(const haul_prop *p, double *ret); /* R32, R64, APPTIME; false for NaN and infinity */
/* FILETIME or APPTIME as microseconds since 1970 UTC; false when it lies outside HAUL_TIME_MIN..MAX or is 0. */
bool haul_prop_time(const haul_prop *p, int64_t *ret_us);
bool haul_prop_bin(const haul_prop *p, haul_span *ret); /* PT_BINARY, PT_OBJECT, PT_GUID */
/* Text of PT_UNICODE or PT_STRING8 (in b->codepage) as UTF-8 appended to `to`, cut at the first NUL.
 * *ret_bad (may be NULL) += characters that did not decode. */
bool haul_prop_text(const haul_bag *b, const haul_prop *p, haul_str *to, size_t *ret_bad);
/* The same from the arena, NUL-terminated; NULL when absent or empty. */
const char *haul_prop_str(const haul_bag *b, const haul_prop *p, haul_arena *a);
/* Shorthand for haul_prop_str(b, haul_bag_get(b, id), a). */
const char *haul_bag_str(const haul_bag *b, uint16_t id, haul_arena *a);

/* Value i of a multi-value as a property of the single type, borrowed. MS-PST 2.3.3.4: fixed ones packed, variable
 * ones behind a count and offsets. haul_multi_count is 0 for anything malformed or no multi-value. */
size_t haul_multi_count(const haul_prop *p);
bool haul_multi_at(const haul_prop *p, size_t i, haul_prop *ret);

#endif
