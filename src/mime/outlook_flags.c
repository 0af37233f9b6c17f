/* What the model says of a message: times, flags, keywords. The reverse of fill.c; docs/mapi.md [mapi-r1]… */
#include "base/time.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/outlook_parts.h"

enum { /* PidTagMessageFlags, MS-OXCMSG 2.2.1.6 */
       FLAG_READ = 0x01,
       FLAG_UNMODIFIED = 0x02,
       FLAG_UNSENT = 0x08,
       FLAG_HAS_ATTACH = 0x10,
};

enum { /* PidTagMessageStatus, mapidefs.h */
       STATUS_DELMARKED = 0x008,
       STATUS_DRAFT = 0x100,
       STATUS_ANSWERED = 0x200,
};

enum { /* PidTagLastVerbExecuted, MS-OXOMSG 2.2.1.10; PidTagIconIndex, 2.2.1.11 */
       VERB_REPLY = 102,
       VERB_FORWARD = 104,
       ICON_REPLIED = 0x105,
       ICON_FORWARDED = 0x106,
};

#define ELSEWHERE                                                                                            \
    (HAUL_FLAG_JUNK | HAUL_FLAG_NOTJUNK | HAUL_FLAG_MDNSENT) /* flags that MAPI has no place for */

static bool shows_attachment(const haul_mapi *o)
{
    for (size_t i = 0; i < o->n_attachments; i++)
        if (!haul_prop_bool(haul_bag_get(&o->attachments[i].props, HAUL_TAG_ATTACH_HIDDEN)))
            return true;
    return false;
}

/* Answered and forwarded are two flags here and one verb there: the icon or the status holds the other. */
static void put_verb(const haul_put *to, unsigned flags, int64_t *status)
{
    bool answered = flags & HAUL_FLAG_ANSWERED, forwarded = flags & HAUL_FLAG_FORWARDED;
    if (answered && forwarded)
        *status |= STATUS_ANSWERED;
    if (!answered && !forwarded)
        return;
    haul_put_int(to, HAUL_TAG(HAUL_TAG_LAST_VERB_EXECUTED), forwarded ? VERB_FORWARD : VERB_REPLY);
    haul_put_int(to, HAUL_TAG(HAUL_TAG_ICON_INDEX), forwarded ? ICON_FORWARDED : ICON_REPLIED);
}

static void put_flags(haul_outlook *x)
{
    const haul_put *to = &x->to;
    unsigned flags = x->m ? x->m->flags : HAUL_FLAG_SEEN;
    int64_t bits = 0, status = 0;
    bits |= flags & HAUL_FLAG_SEEN ? FLAG_READ : 0;
    bits |= flags & HAUL_FLAG_DRAFT ? FLAG_UNSENT : FLAG_UNMODIFIED;
    bits |= shows_attachment(&x->o) ? FLAG_HAS_ATTACH : 0;
    status |= flags & HAUL_FLAG_DELETED ? STATUS_DELMARKED : 0;
    status |= flags & HAUL_FLAG_DRAFT ? STATUS_DRAFT
                                      : 0; /* of a class that is never sent, the other bit says nothing */
    put_verb(to, flags, &status);
    haul_put_int(to, HAUL_TAG(HAUL_TAG_MESSAGE_FLAGS), bits);
    haul_put_int(to, HAUL_TAG(HAUL_TAG_MESSAGE_STATUS), status);
    if (flags & HAUL_FLAG_FLAGGED) {
        haul_put_int(to, HAUL_TAG(HAUL_TAG_FLAG_STATUS), 2); /* MS-OXOFLAG 2.2.1.1 */
        haul_put_int(to, HAUL_TAG(0x0e2b), 1);               /* PidTagToDoItemFlags: a time flag, 2.2.1.6 */
    }
    haul_auto_str other = {0};
    haul_flags_text(flags & ELSEWHERE, &other);
    haul_put_text(to, HAUL_NAME(MAILHAUL, "Flags"), haul_strz(&other));
}

/* The zone of the received time, where the topmost Received field does not say it. [mapi-r3] */
static void put_zone(haul_outlook *x)
{
    haul_span v;
    int64_t us;
    int16_t tz = 0;
    if (haul_header_find(x->header.p, x->header.len, "Received", &v))
        for (size_t i = v.len; i > 0; i--)
            if (v.p[i - 1] == ';') {
                if (!haul_date_parse(v.p + i, v.len - i, &us, &tz))
                    tz = 0;
                break;
            }
    if (tz != x->m->received_tz)
        haul_put_int(&x->to, HAUL_NAME(MAILHAUL, "ReceivedZone"), x->m->received_tz);
}

/* Without a clock: an item was made and changed when it came. */
static void put_times(haul_outlook *x)
{
    int64_t us = 0;
    bool known = haul_prop_time(haul_bag_get(x->to.bag, HAUL_TAG_CLIENT_SUBMIT_TIME), &us);
    if (x->m && x->m->set & HAUL_SET_RECEIVED) {
        us = x->m->received_us;
        known = true;
        put_zone(x);
    }
    if (!known) { /* a store wants a time: the first second of 1970, which the reader does not believe */
        us = HAUL_US;
        haul_put_bool(&x->to, HAUL_NAME(MAILHAUL, "Undated"), true);
    }
    if (known && (!x->m || x->m->set & HAUL_SET_RECEIVED))
        haul_put_time(&x->to, HAUL_TAG(HAUL_TAG_MESSAGE_DELIVERY_TIME), us);
    haul_put_time(&x->to, HAUL_TAG(HAUL_TAG_CREATION_TIME), us);
    haul_put_time(&x->to, HAUL_TAG(HAUL_TAG_LAST_MODIFICATION_TIME), us);
    if (x->keeps && haul_prop_time(haul_bag_get(x->to.bag, HAUL_TAG_LAST_MODIFICATION_TIME), &us))
        haul_put_time(&x->to, HAUL_NAME(MAILHAUL, "Unchanged"), us);
}

void haul_outlook_model(haul_outlook *x)
{
    put_flags(x);
    put_times(x);
    if (!x->m)
        return;
    haul_put_texts(&x->to, HAUL_NAME(PUBLIC_STRINGS, "Keywords"), x->m->keywords, x->m->n_keywords);
    if (x->m->set & HAUL_SET_BODY)
        haul_put_bin(&x->to, HAUL_TAG(HAUL_TAG_SEARCH_KEY), x->m->sha256, 16);
}
