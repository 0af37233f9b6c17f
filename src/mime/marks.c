/* What the owner of a store, a form or a service set on an item and plain mail has no field for: follow-up, votes,
 * classification, user-defined fields. docs/mapi.md [mapi-17] */
#include "mime/builder.h"

#include "base/charset.h"
#include "base/time.h"
#include "mime/date.h"
#include "mime/encode.h"
#include "mime/ical.h"
#include "mime/vcard.h"

#include <inttypes.h>
#include <string.h>

#define FIELDS_MAX 256u /* user-defined fields of one item, values of one list */
#define VOTES_MAX  64u  /* voting options of one message; Outlook takes 31 */
#define NO_YEAR    4500 /* and later: what Outlook stores for "none" */

typedef struct marks {
    haul_builder *b;
    const haul_bag *bag;
    haul_span have;
    unsigned met; /* conditions of rows */
} marks;

enum {                  /* conditions */
       REQUEST = 1,     /* there is the text of a follow-up flag */
       CLASSIFIED = 2,  /* PidLidClassified */
       NO_CALENDAR = 4, /* no calendar object says it */
       PLAIN = 8,       /* nor a card */
       REMINDER = 16,
};

typedef enum kind { TEXT, TEXTS, TIME, DAY, NUMBER, TRUTH, COLOR } kind;

static const struct row {
    const char *field;
    haul_pset set; /* NONE: id is a tag */
    uint16_t id;
    kind kind;
    unsigned needs;
} rows[] = {
    /* MS-OXCMAIL 2.1.3.2.25, 2.1.3.2.28; MS-OXOFLAG 2.2.1 */
    {"X-Message-Flag", HAUL_PSET_COMMON, HAUL_LID_FLAG_REQUEST, TEXT, 0},
    {"Reply-By", HAUL_PSET_NONE, HAUL_TAG_REPLY_TIME, TIME, REQUEST},
    {"X-Mailhaul-Flag-Color", HAUL_PSET_NONE, 0x1095, COLOR, 0},
    {"X-Mailhaul-Flag-Start", HAUL_PSET_TASK, 0x8104, DAY, NO_CALENDAR},
    {"X-Mailhaul-Flag-Due", HAUL_PSET_TASK, 0x8105, DAY, NO_CALENDAR},
    {"X-Mailhaul-Flag-Completed", HAUL_PSET_NONE, 0x1091, TIME, NO_CALENDAR},
    {"X-Mailhaul-Reminder", HAUL_PSET_COMMON, 0x8560, TIME, NO_CALENDAR | REMINDER},
    /* RFC 4021 2.1.50, 2.1.53 */
    {"Expires", HAUL_PSET_NONE, HAUL_TAG_EXPIRY_TIME, TIME, 0},
    {"Deferred-Delivery", HAUL_PSET_NONE, 0x000f, TIME, 0},
    {"X-Mailhaul-Vote", HAUL_PSET_COMMON, 0x8524, TEXT, 0}, /* PidLidVerbResponse */
    /* MS-OXCMAIL 2.1.3.2.17 */
    {"X-Microsoft-Classified", HAUL_PSET_COMMON, 0x85b5, TRUTH, CLASSIFIED},
    {"X-Microsoft-Classification", HAUL_PSET_COMMON, 0x85b6, TEXT, CLASSIFIED},
    {"X-Microsoft-ClassDesc", HAUL_PSET_COMMON, 0x85b7, TEXT, CLASSIFIED},
    {"X-Microsoft-ClassID", HAUL_PSET_COMMON, 0x85b8, TEXT, CLASSIFIED},
    {"X-Microsoft-ClassKeep", HAUL_PSET_COMMON, 0x85ba, TRUTH, CLASSIFIED},
    /* MS-OXCMAIL 2.1.3.2.3 */
    {"X-VoiceMessageDuration", HAUL_PSET_NONE, 0x6801, NUMBER, 0},
    {"X-CallingTelephoneNumber", HAUL_PSET_NONE, 0x6802, TEXT, 0},
    {"X-VoiceMessageSenderName", HAUL_PSET_NONE, 0x6803, TEXT, 0},
    {"X-FaxNumberOfPages", HAUL_PSET_NONE, 0x6804, NUMBER, 0},
    {"X-AttachmentOrder", HAUL_PSET_NONE, 0x6805, TEXT, 0},
    {"X-CallID", HAUL_PSET_NONE, 0x6806, TEXT, 0},
    /* MS-OXRSS 2.2.1 */
    {"X-Mailhaul-Rss-Channel-Link", HAUL_PSET_RSS, 0x8900, TEXT, 0},
    {"X-Mailhaul-Rss-Link", HAUL_PSET_RSS, 0x8901, TEXT, 0},
    {"X-Mailhaul-Rss-Guid", HAUL_PSET_RSS, 0x8903, TEXT, 0},
    {"X-Mailhaul-Rss-Channel", HAUL_PSET_RSS, 0x8904, TEXT, 0},
    /* MS-OXCMSG 2.2.1.57 and its neighbours in PSETID_Common: links that people set */
    {"X-Mailhaul-Contact", HAUL_PSET_COMMON, 0x853a, TEXTS, PLAIN},
    {"X-Mailhaul-Company", HAUL_PSET_COMMON, 0x8539, TEXTS, PLAIN},
    {"X-Mailhaul-Billing", HAUL_PSET_COMMON, 0x8535, TEXT, PLAIN},
    {"X-Mailhaul-Mileage", HAUL_PSET_COMMON, 0x8534, TEXT, PLAIN},
};

static void put(marks *k, const char *field, const char *value)
{
    if (value && *value && !haul_builder_has(k->b, k->have, field))
        haul_field_text(&k->b->head, field, value);
}

static bool time_of(const haul_prop *p, int64_t *ret, haul_civil *ret_civil)
{
    if (!haul_prop_time(p, ret))
        return false;
    haul_civil_from(*ret / HAUL_US - (*ret % HAUL_US < 0), ret_civil);
    return ret_civil->year < NO_YEAR;
}

static void put_time(marks *k, const char *field, const haul_prop *p, bool day)
{
    haul_auto_str z = {0};
    int64_t us;
    haul_civil c;
    if (!time_of(p, &us, &c))
        return;
    if (day)
        haul_str_addf(&z, "%04d-%02d-%02d", c.year, c.month, c.day);
    else
        haul_date_format(&z, us, 0);
    put(k, field, z.p);
}

static void put_texts(marks *k, const char *field, const haul_prop *p)
{
    haul_prop one;
    bool said = haul_builder_has(k->b, k->have, field);
    for (size_t i = 0; i < FIELDS_MAX && !said && haul_multi_at(p, i, &one); i++) {
        const char *z = haul_prop_str(k->bag, &one, &k->b->arena);
        if (z)
            haul_field_text(&k->b->head, field, z);
    }
}

static void put_row(marks *k, const struct row *r)
{
    static const char *const colors[] = {NULL, "purple", "orange", "green", "yellow", "blue", "red"};
    const haul_prop *p = r->set ? haul_bag_lid(k->bag, r->set, r->id) : haul_bag_get(k->bag, r->id);
    int64_t v = 0;
    bool number = haul_prop_int(p, &v);
    switch (r->kind) {
    case TEXT:
        put(k, r->field, haul_prop_str(k->bag, p, &k->b->arena));
        break;
    case TEXTS:
        put_texts(k, r->field, p);
        break;
    case TIME:
    case DAY:
        put_time(k, r->field, p, r->kind == DAY);
        break;
    case TRUTH:
        put(k, r->field, number && v ? "true" : NULL);
        break;
    case COLOR: /* PidTagFollowupIcon, MS-OXOFLAG 2.2.1.2 */
        put(k, r->field, number && v > 0 && v < (int64_t)HAUL_COUNT(colors) ? colors[v] : NULL);
        break;
    default:
        if (number && v > 0)
            put(k, r->field, haul_arena_printf(&k->b->arena, "%" PRId64, v));
    }
}

/* ── voting options: PidLidVerbStream, MS-OXOMSG 2.2.1.74 ── */

#define VERB_VOTE 4u
#define VERB_TAIL 29u /* octets behind the names of an option */

static bool take(haul_span *in, size_t n, const uint8_t **ret)
{
    if (in->len < n)
        return false;
    *ret = (const uint8_t *)in->p;
    in->p += n;
    in->len -= n;
    return true;
}

static bool take_text(haul_span *in, size_t unit, haul_span *ret)
{
    const uint8_t *n, *p;
    if (!take(in, 1, &n) || !take(in, *n * unit, &p))
        return false;
    *ret = (haul_span){(const char *)p, *n * unit};
    return true;
}

static bool take_option(haul_span *in, haul_span *ret_name, bool *ret_vote)
{
    const uint8_t *type, *tail;
    haul_span other;
    if (!take(in, 4, &type) || !take_text(in, 1, ret_name))
        return false;
    for (unsigned i = 0; i < 3; i++) /* class, internal, the name again */
        if (!take_text(in, 1, &other))
            return false;
    *ret_vote = type[0] == VERB_VOTE && !type[1] && !type[2] && !type[3];
    return take(in, VERB_TAIL, &tail);
}

/* The names once more, in UTF-16: all of them, or none is used. */
static bool take_wide(haul_span in, haul_span *names, size_t n)
{
    const uint8_t *version;
    haul_span again;
    if (!take(&in, 2, &version) || version[0] != 0x04 || version[1] != 0x01)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_text(&in, 2, &names[i]) || !take_text(&in, 2, &again))
            return false;
    return true;
}

static void put_votes(marks *k)
{
    haul_span in, narrow[VOTES_MAX], wide[VOTES_MAX];
    bool vote[VOTES_MAX];
    const uint8_t *h;
    haul_auto_str z = {0};
    if (!haul_prop_bin(haul_bag_lid(k->bag, HAUL_PSET_COMMON, 0x8520), &in) || !take(&in, 6, &h) ||
        h[0] != 0x02 || h[1] != 0x01)
        return;
    size_t n = 0, count = h[2] | (size_t)h[3] << 8;
    while (n < count && n < VOTES_MAX && take_option(&in, &narrow[n], &vote[n]))
        n++;
    bool is_wide = n == count && take_wide(in, wide, n);
    for (size_t i = 0; i < n; i++) {
        if (!vote[i])
            continue;
        if (z.len)
            haul_str_addz(&z, "; ");
        if (is_wide)
            haul_utf16_decode(wide[i].p, wide[i].len, &z);
        else
            haul_charset_decode(k->bag->codepage ? k->bag->codepage : 1252, narrow[i].p, narrow[i].len, &z);
    }
    put(k, "X-Mailhaul-Voting-Options", haul_strz(&z));
}

/* ── user-defined fields: string-named properties of PS_PUBLIC_STRINGS (MS-OXOCFG 2.2.5 lists a form's) ── */

static void add_value(marks *k, const haul_prop *p, haul_str *to)
{
    int64_t v;
    double real;
    haul_civil c;
    const char *z = haul_prop_str(k->bag, p, &k->b->arena);
    if (z) {
        haul_str_addz(to, z);
    } else if (time_of(p, &v, &c)) {
        char iso[HAUL_ISO_LEN];
        haul_iso_format(iso, v);
        haul_str_addz(to, iso);
    } else if (p->type == HAUL_PT_BOOL) {
        haul_str_addz(to, haul_prop_bool(p) ? "true" : "");
    } else if (p->type == HAUL_PT_R32 || p->type == HAUL_PT_R64) {
        if (haul_prop_real(p, &real))
            haul_str_addf(to, "%.15g", real);
    } else if ((p->type == HAUL_PT_I16 || p->type == HAUL_PT_I32 || p->type == HAUL_PT_I64) &&
               haul_prop_int(p, &v)) {
        haul_str_addf(to, "%" PRId64, v);
    }
}

/* Names with a colon are those of services ("urn:schemas:…", "http://schemas.…"). */
static bool is_user_field(const haul_prop *p)
{
    return p->set == HAUL_PSET_PUBLIC_STRINGS && p->name && !strchr(p->name, ':') &&
           haul_icmp(p->name, "Keywords") != 0 && haul_icmp(p->name, "DoNotForward") != 0;
}

static void put_user_fields(marks *k)
{
    size_t n = haul_builder_has(k->b, k->have, "X-Mailhaul-Field") ? FIELDS_MAX : 0;
    for (size_t i = 0; i < k->bag->n && n < FIELDS_MAX; i++) {
        const haul_prop *p = &k->bag->v[i];
        haul_auto_str z = {0};
        haul_prop one;
        if (!is_user_field(p))
            continue;
        if (!(p->type & HAUL_PT_MULTI))
            add_value(k, p, &z);
        for (size_t m = 0; m < FIELDS_MAX && haul_multi_at(p, m, &one); m++) {
            haul_str_addz(&z, m ? "; " : "");
            add_value(k, &one, &z);
        }
        if (!z.len)
            continue;
        haul_field_text(&k->b->head, "X-Mailhaul-Field",
                        haul_arena_printf(&k->b->arena, "%s=%s", p->name, z.p));
        n++;
    }
}

void haul_builder_marks(haul_builder *b, haul_span have)
{
    marks k = {.b = b, .bag = &b->o->props, .have = have};
    if (haul_prop_str(k.bag, haul_bag_lid(k.bag, HAUL_PSET_COMMON, HAUL_LID_FLAG_REQUEST), &b->arena))
        k.met |= REQUEST;
    if (haul_prop_bool(haul_bag_lid(k.bag, HAUL_PSET_COMMON, 0x85b5)))
        k.met |= CLASSIFIED;
    if (haul_prop_bool(haul_bag_lid(k.bag, HAUL_PSET_COMMON, 0x8503)))
        k.met |= REMINDER;
    if (!haul_ical_is(b->o))
        k.met |= NO_CALENDAR | (haul_vcard_is(b->o) ? 0 : PLAIN);
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if ((rows[i].needs & k.met) == rows[i].needs)
            put_row(&k, &rows[i]);
    if (haul_prop_int_or(haul_bag_get(k.bag, HAUL_TAG_FLAG_STATUS), 0) == 1) /* MS-OXOFLAG 2.2.1.1 */
        put(&k, "X-Mailhaul-Flag-Status", "complete");
    put_votes(&k);
    put_user_fields(&k);
}
