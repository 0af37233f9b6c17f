/* What people set on items and plain mail has no field for: which property is which field of a header, for those who write
 * them and those who read them. docs/mapi.md [mapi-17] */
#ifndef HAUL_MIME_MARKS_H
#define HAUL_MIME_MARKS_H

#include "mime/prop.h"

#define HAUL_MARK_FIELDS_MAX 256u /* user-defined fields of one item, values of one list */
#define HAUL_MARK_VOTES_MAX  64u  /* voting options of one message; Outlook takes 31 */

enum {                            /* conditions */
       HAUL_MARK_REQUEST = 1,     /* there is the text of a follow-up flag */
       HAUL_MARK_CLASSIFIED = 2,  /* PidLidClassified */
       HAUL_MARK_NO_CALENDAR = 4, /* no calendar object says it */
       HAUL_MARK_PLAIN = 8,       /* nor a card */
       HAUL_MARK_REMINDER = 16,
};

typedef enum haul_mark_kind {
    HAUL_MARK_TEXT,
    HAUL_MARK_TEXTS,
    HAUL_MARK_TIME,
    HAUL_MARK_DAY,
    HAUL_MARK_NUMBER,
    HAUL_MARK_TRUTH,
    HAUL_MARK_COLOR
} haul_mark_kind;

typedef struct haul_mark {
    const char *field;
    haul_pset set; /* NONE: id is a tag */
    uint16_t id;
    haul_mark_kind kind;
    unsigned needs;
} haul_mark;
extern const haul_mark haul_marks[];
extern const size_t haul_n_marks;

/* PidTagFollowupIcon, MS-OXOFLAG 2.2.1.2; 0 is "". */
#define HAUL_MARK_COLORS 7u
extern const char *const haul_mark_colors[HAUL_MARK_COLORS];

/* The name of a property of PS_PUBLIC_STRINGS is that of a user-defined field. */
bool haul_mark_is_field(const char *name);

#endif
