/* What the owner of a store, a form or a service set on an item and plain mail has no field for: follow-up, votes,
 * classification, user-defined fields. docs/mapi.md [mapi-17] */
#include "mime/builder.h"

#include "base/charset.h"
#include "base/time.h"
#include "mime/date.h"
#include "mime/encode.h"
#include "mime/ical.h"
#include "mime/lids.h"
#include "mime/marks.h"
#include "mime/vcard.h"

#include <inttypes.h>
#include <string.h>

#define NO_YEAR 4500 /* and later: what Outlook stores for "none" */

typedef struct marks {
    haul_builder *b;
    const haul_bag *bag;
    haul_span have;
    unsigned met; /* conditions of rows */
} marks;

const haul_mark haul_marks[] = {
    /* MS-OXCMAIL 2.1.3.2.25, 2.1.3.2.28; MS-OXOFLAG 2.2.1 */
    {"X-Message-Flag", HAUL_PSET_COMMON, HAUL_LID_FLAG_REQUEST, HAUL_MARK_TEXT, 0},
    {"Reply-By", HAUL_PSET_NONE, HAUL_TAG_REPLY_TIME, HAUL_MARK_TIME, HAUL_MARK_REQUEST},
    {"X-Mailhaul-Flag-Color", HAUL_PSET_NONE, 0x1095, HAUL_MARK_COLOR, 0},
    {"X-Mailhaul-Flag-Start", HAUL_PSET_TASK, HAUL_LID_TASK_START_DATE, HAUL_MARK_DAY, HAUL_MARK_NO_CALENDAR},
    {"X-Mailhaul-Flag-Due", HAUL_PSET_TASK, HAUL_LID_TASK_DUE_DATE, HAUL_MARK_DAY, HAUL_MARK_NO_CALENDAR},
    {"X-Mailhaul-Flag-Completed", HAUL_PSET_NONE, 0x1091, HAUL_MARK_TIME, HAUL_MARK_NO_CALENDAR},
    {"X-Mailhaul-Reminder", HAUL_PSET_COMMON, HAUL_LID_REMINDER_SIGNAL_TIME, HAUL_MARK_TIME,
     HAUL_MARK_NO_CALENDAR | HAUL_MARK_REMINDER},
    /* RFC 4021 2.1.50, 2.1.53 */
    {"Expires", HAUL_PSET_NONE, HAUL_TAG_EXPIRY_TIME, HAUL_MARK_TIME, 0},
    {"Deferred-Delivery", HAUL_PSET_NONE, 0x000f, HAUL_MARK_TIME, 0},
    {"X-Mailhaul-Vote", HAUL_PSET_COMMON, 0x8524, HAUL_MARK_TEXT, 0}, /* PidLidVerbResponse */
    /* MS-OXCMAIL 2.1.3.2.17 */
    {"X-Microsoft-Classified", HAUL_PSET_COMMON, HAUL_LID_CLASSIFIED, HAUL_MARK_TRUTH, HAUL_MARK_CLASSIFIED},
    {"X-Microsoft-Classification", HAUL_PSET_COMMON, 0x85b6, HAUL_MARK_TEXT, HAUL_MARK_CLASSIFIED},
    {"X-Microsoft-ClassDesc", HAUL_PSET_COMMON, 0x85b7, HAUL_MARK_TEXT, HAUL_MARK_CLASSIFIED},
    {"X-Microsoft-ClassID", HAUL_PSET_COMMON, 0x85b8, HAUL_MARK_TEXT, HAUL_MARK_CLASSIFIED},
    {"X-Microsoft-ClassKeep", HAUL_PSET_COMMON, 0x85ba, HAUL_MARK_TRUTH, HAUL_MARK_CLASSIFIED},
    /* MS-OXCMAIL 2.1.3.2.3 */
    {"X-VoiceMessageDuration", HAUL_PSET_NONE, 0x6801, HAUL_MARK_NUMBER, 0},
    {"X-CallingTelephoneNumber", HAUL_PSET_NONE, 0x6802, HAUL_MARK_TEXT, 0},
    {"X-VoiceMessageSenderName", HAUL_PSET_NONE, 0x6803, HAUL_MARK_TEXT, 0},
    {"X-FaxNumberOfPages", HAUL_PSET_NONE, 0x6804, HAUL_MARK_NUMBER, 0},
    {"X-AttachmentOrder", HAUL_PSET_NONE, 0x6805, HAUL_MARK_TEXT, 0},
    {"X-CallID", HAUL_PSET_NONE, 0x6806, HAUL_MARK_TEXT, 0},
    /* MS-OXRSS 2.2.1 */
    {"X-Mailhaul-Rss-Channel-Link", HAUL_PSET_RSS, 0x8900, HAUL_MARK_TEXT, 0},
    {"X-Mailhaul-Rss-Link", HAUL_PSET_RSS, 0x8901, HAUL_MARK_TEXT, 0},
    {"X-Mailhaul-Rss-Guid", HAUL_PSET_RSS, 0x8903, HAUL_MARK_TEXT, 0},
    {"X-Mailhaul-Rss-Channel", HAUL_PSET_RSS, 0x8904, HAUL_MARK_TEXT, 0},
    /* MS-OXCMSG 2.2.1.57 and its neighbours in PSETID_Common: links that people set */
    {"X-Mailhaul-Contact", HAUL_PSET_COMMON, HAUL_LID_CONTACTS, HAUL_MARK_TEXTS, HAUL_MARK_PLAIN},
    {"X-Mailhaul-Company", HAUL_PSET_COMMON, HAUL_LID_COMPANIES, HAUL_MARK_TEXTS, HAUL_MARK_PLAIN},
    {"X-Mailhaul-Billing", HAUL_PSET_COMMON, HAUL_LID_BILLING, HAUL_MARK_TEXT, HAUL_MARK_PLAIN},
    {"X-Mailhaul-Mileage", HAUL_PSET_COMMON, HAUL_LID_MILEAGE, HAUL_MARK_TEXT, HAUL_MARK_PLAIN},
};

const char *const haul_mark_colors[HAUL_MARK_COLORS] = {"",       "purple", "orange", "green",
                                                        "yellow", "blue",   "red"};
const size_t haul_n_marks = HAUL_COUNT(haul_marks);

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
    for (size_t i = 0; i < HAUL_MARK_FIELDS_MAX && !said && haul_multi_at(p, i, &one); i++) {
        const char *z = haul_prop_str(k->bag, &one, &k->b->arena);
        if (z)
            haul_field_text(&k->b->head, field, z);
    }
}

static void put_row(marks *k, const haul_mark *r)
{
    const haul_prop *p = r->set ? haul_bag_lid(k->bag, r->set, r->id) : haul_bag_get(k->bag, r->id);
    int64_t v = 0;
    bool number = haul_prop_int(p, &v);
    switch (r->kind) {
    case HAUL_MARK_TEXT:
        put(k, r->field, haul_prop_str(k->bag, p, &k->b->arena));
        break;
    case HAUL_MARK_TEXTS:
        put_texts(k, r->field, p);
        break;
    case HAUL_MARK_TIME:
    case HAUL_MARK_DAY:
        put_time(k, r->field, p, r->kind == HAUL_MARK_DAY);
        break;
    case HAUL_MARK_TRUTH:
        put(k, r->field, number && v ? "true" : NULL);
        break;
    case HAUL_MARK_COLOR: /* PidTagFollowupIcon, MS-OXOFLAG 2.2.1.2 */
        put(k, r->field, number && v > 0 && v < (int64_t)HAUL_MARK_COLORS ? haul_mark_colors[v] : NULL);
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
    haul_span in, narrow[HAUL_MARK_VOTES_MAX], wide[HAUL_MARK_VOTES_MAX];
    bool vote[HAUL_MARK_VOTES_MAX];
    const uint8_t *h;
    haul_auto_str z = {0};
    if (!haul_prop_bin(haul_bag_lid(k->bag, HAUL_PSET_COMMON, HAUL_LID_VERB_STREAM), &in) ||
        !take(&in, 6, &h) || h[0] != 0x02 || h[1] != 0x01)
        return;
    size_t n = 0, count = h[2] | (size_t)h[3] << 8;
    while (n < count && n < HAUL_MARK_VOTES_MAX && take_option(&in, &narrow[n], &vote[n]))
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

static bool is_user_field(const haul_prop *p)
{
    return p->set == HAUL_PSET_PUBLIC_STRINGS && p->name && haul_mark_is_field(p->name);
}

/* Names with a colon are those of services ("urn:schemas:…", "http://schemas.…"). */
bool haul_mark_is_field(const char *name)
{
    return *name && !strchr(name, ':') && haul_icmp(name, "Keywords") != 0 &&
           haul_icmp(name, "DoNotForward") != 0;
}

static void put_user_fields(marks *k)
{
    size_t n = haul_builder_has(k->b, k->have, "X-Mailhaul-Field") ? HAUL_MARK_FIELDS_MAX : 0;
    for (size_t i = 0; i < k->bag->n && n < HAUL_MARK_FIELDS_MAX; i++) {
        const haul_prop *p = &k->bag->v[i];
        haul_auto_str z = {0};
        haul_prop one;
        if (!is_user_field(p))
            continue;
        if (!(p->type & HAUL_PT_MULTI))
            add_value(k, p, &z);
        for (size_t m = 0; m < HAUL_MARK_FIELDS_MAX && haul_multi_at(p, m, &one); m++) {
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
        k.met |= HAUL_MARK_REQUEST;
    if (haul_prop_bool(haul_bag_lid(k.bag, HAUL_PSET_COMMON, HAUL_LID_CLASSIFIED)))
        k.met |= HAUL_MARK_CLASSIFIED;
    if (haul_prop_bool(haul_bag_lid(k.bag, HAUL_PSET_COMMON, HAUL_LID_REMINDER_SET)))
        k.met |= HAUL_MARK_REMINDER;
    if (!haul_ical_is(b->o))
        k.met |= HAUL_MARK_NO_CALENDAR | (haul_vcard_is(b->o) ? 0 : HAUL_MARK_PLAIN);
    for (size_t i = 0; i < HAUL_COUNT(haul_marks); i++)
        if ((haul_marks[i].needs & k.met) == haul_marks[i].needs)
            put_row(&k, &haul_marks[i]);
    if (haul_prop_int_or(haul_bag_get(k.bag, HAUL_TAG_FLAG_STATUS), 0) == 1) /* MS-OXOFLAG 2.2.1.1 */
        put(&k, "X-Mailhaul-Flag-Status", "complete");
    put_votes(&k);
    put_user_fields(&k);
}
