/* VTODO as a task, VJOURNAL as an entry of the journal or a sticky note. MS-OXCICAL, MS-OXOTASK 2.2.2.2, MS-OXOJRNL 2.2.1,
 * MS-OXONOTE 2.2.1; docs/mapi.md [mapi-r54], [mapi-r55]. */
#include "mime/lids.h"
#include "mime/outlook_ical.h"

#include <string.h>

static const haul_put *to_of(const haul_object *o)
{
    return &o->x->to;
}

static bool when_of(haul_object *o, icalproperty_kind kind, haul_moment *ret)
{
    return haul_object_moment(o, icalcomponent_get_first_property(o->c, kind), ret);
}

/* Days are stored as their midnight without a zone (MS-OXOTASK 2.2.2.2.4, .5). */
static void put_day(haul_object *o, uint32_t lid, uint32_t common, const haul_moment *m)
{
    int64_t midnight = m->local - ((m->local % 86400) + 86400) % 86400;
    haul_put_time(to_of(o), HAUL_LID(TASK, lid), midnight * HAUL_US);
    haul_put_time(to_of(o), HAUL_LID(COMMON, common), midnight * HAUL_US);
}

static int64_t status_of(const haul_object *o, int percent)
{
    static const char *const names[] = {"NOT-STARTED", "IN-PROGRESS", "COMPLETE", "WAITING", "DEFERRED"};
    const char *z = haul_object_x(o, "X-MAILHAUL-TASK-STATUS");
    for (int i = 0; z && i < (int)HAUL_COUNT(names); i++)
        if (strcmp(z, names[i]) == 0)
            return i;
    switch (icalcomponent_get_status(o->c)) {
    case ICAL_STATUS_COMPLETED:
        return 2;
    case ICAL_STATUS_INPROCESS:
        return 1;
    default:
        return percent == 100 ? 2 : percent > 0 ? 1 : 0;
    }
}

static void put_status(haul_object *o)
{
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_PERCENTCOMPLETE_PROPERTY);
    int percent = p ? icalproperty_get_percentcomplete(p) : 0;
    int64_t status = status_of(o, percent);
    haul_moment done;
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    haul_put_int(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_STATUS), status);
    haul_put_bool(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_COMPLETE), status == 2);
    haul_put_real(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_PERCENT_COMPLETE),
                  status == 2 && !p ? 1 : percent / 100.0);
    if (when_of(o, ICAL_COMPLETED_PROPERTY, &done))
        haul_put_time(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_DATE_COMPLETED), done.us);
}

static void put_dates(haul_object *o)
{
    haul_moment start, due;
    haul_recur r;
    bool has_start = when_of(o, ICAL_DTSTART_PROPERTY, &start), has_due = when_of(o, ICAL_DUE_PROPERTY, &due);
    if (has_start)
        put_day(o, HAUL_LID_TASK_START_DATE, HAUL_LID_COMMON_START, &start);
    if (has_due)
        put_day(o, HAUL_LID_TASK_DUE_DATE, HAUL_LID_COMMON_END, &due);
    bool recurs = has_start && haul_object_recurrence(o, &start, 0, &r);
    haul_put_bool(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_RECURRING), recurs);
    if (!recurs)
        return;
    haul_auto_str blob = {0};
    haul_recur_write(&r, false, &blob);
    haul_put_bin(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_RECURRENCE), blob.p, blob.len);
}

static void put_numbers(haul_object *o)
{
    static const struct {
        const char *name;
        uint32_t lid;
        bool number;
    } rows[] = {{"X-MAILHAUL-TASK-OWNER", HAUL_LID_TASK_OWNER, false},
                {"X-MAILHAUL-TASK-ASSIGNER", HAUL_LID_TASK_ASSIGNER, false},
                {"X-MAILHAUL-TASK-LAST-USER", HAUL_LID_TASK_LAST_USER, false},
                {"X-MAILHAUL-TASK-LAST-DELEGATE", HAUL_LID_TASK_LAST_DELEGATE, false},
                {"X-MAILHAUL-TASK-ROLE", HAUL_LID_TASK_ROLE, false},
                {"X-MAILHAUL-TASK-ACTUAL-MINUTES", HAUL_LID_TASK_ACTUAL_EFFORT, true},
                {"X-MAILHAUL-TASK-ESTIMATED-MINUTES", HAUL_LID_TASK_ESTIMATED_EFFORT, true},
                {"X-MAILHAUL-TASK-OWNERSHIP", HAUL_LID_TASK_OWNERSHIP, true}};
    static const char *const answers[] = {"", "NEEDS-ACTION", "ACCEPTED", "DECLINED"};
    icalproperty *sequence = icalcomponent_get_first_property(o->c, ICAL_SEQUENCE_PROPERTY);
    const char *answer = haul_object_x(o, "X-MAILHAUL-TASK-ACCEPTANCE");
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const char *z = haul_object_x(o, rows[i].name);
        uint64_t v;
        if (z && !rows[i].number)
            haul_put_text(to_of(o), HAUL_LID(TASK, rows[i].lid), z);
        else if (z && haul_parse_u64(z, strlen(z), &v) && v <= INT32_MAX)
            haul_put_int(to_of(o), HAUL_LID(TASK, rows[i].lid), (int64_t)v);
    }
    for (int i = 1; answer && i < (int)HAUL_COUNT(answers); i++)
        if (strcmp(answer, answers[i]) == 0)
            haul_put_int(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_ACCEPTANCE), i);
    haul_put_bool(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_TEAM), haul_object_x(o, "X-MAILHAUL-TASK-TEAM"));
    haul_put_int(to_of(o), HAUL_LID(TASK, HAUL_LID_TASK_VERSION),
                 sequence ? icalproperty_get_sequence(sequence) : 1);
}

static void put_reminder(haul_object *o)
{
    icalcomponent *alarm = icalcomponent_get_first_component(o->c, ICAL_VALARM_COMPONENT);
    icalproperty *p = alarm ? icalcomponent_get_first_property(alarm, ICAL_TRIGGER_PROPERTY) : NULL;
    if (!p)
        return;
    icaltimetype t = icalproperty_get_trigger(p).time;
    haul_civil c = {t.year, t.month, t.day, t.hour, t.minute, t.second, 0};
    if (icaltime_is_null_time(t) || !haul_civil_ok(&c) || c.year < 1602 || c.year > 4500)
        return;
    haul_put_bool(to_of(o), HAUL_LID(COMMON, HAUL_LID_REMINDER_SET), true);
    haul_put_time(to_of(o), HAUL_LID(COMMON, HAUL_LID_REMINDER_TIME), haul_civil_to(&c) * HAUL_US);
    haul_put_time(to_of(o), HAUL_LID(COMMON, HAUL_LID_REMINDER_SIGNAL_TIME), haul_civil_to(&c) * HAUL_US);
}

/* A UID that is hexadecimal is an id of Outlook's own. */
static void put_id(haul_object *o)
{
    haul_auto_str id = {0};
    const char *z = haul_object_text(o, ICAL_UID_PROPERTY);
    size_t n = z ? strlen(z) : 0;
    bool hex = n >= 2 && n % 2 == 0 && n <= 128;
    for (size_t i = 0; i < n && hex; i += 2) {
        int high = haul_hexval((unsigned char)z[i]), low = haul_hexval((unsigned char)z[i + 1]);
        hex = high >= 0 && low >= 0;
        haul_str_addc(&id, (char)(high << 4 | low));
    }
    if (hex)
        haul_put_bin(to_of(o), HAUL_LID(COMMON, HAUL_LID_TASK_GLOBAL_ID), id.p, id.len);
}

void haul_object_task(haul_object *o)
{
    put_id(o);
    put_dates(o);
    put_status(o);
    put_numbers(o);
    put_reminder(o);
    haul_put_int(to_of(o), HAUL_TAG(HAUL_TAG_ICON_INDEX), 0x500);
}

static void put_note(haul_object *o)
{
    static const char *const colors[] = {"blue", "green", "pink", "yellow", "white"};
    static const uint32_t places[] = {HAUL_LID_NOTE_X, HAUL_LID_NOTE_Y, HAUL_LID_NOTE_WIDTH,
                                      HAUL_LID_NOTE_HEIGHT};
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_COLOR_PROPERTY);
    const char *color = p ? icalproperty_get_color(p) : NULL, *z = haul_object_x(o, "X-MAILHAUL-NOTE-WINDOW");
    int64_t index = 3;
    for (int i = 0; color && i < (int)HAUL_COUNT(colors); i++)
        index = haul_icmp(color, colors[i]) == 0 ? i : index;
    haul_put_int(to_of(o), HAUL_LID(NOTE, HAUL_LID_NOTE_COLOR), index);
    haul_put_int(to_of(o), HAUL_TAG(HAUL_TAG_ICON_INDEX), 0x300 + index); /* MS-OXONOTE 2.2.2.2 */
    for (size_t i = 0; z && *z && i < HAUL_COUNT(places); i++) {
        size_t n = strcspn(z, " ");
        uint64_t v;
        bool minus = *z == '-';
        if (haul_parse_u64(z + minus, n - minus, &v) && v <= INT32_MAX)
            haul_put_int(to_of(o), HAUL_LID(NOTE, places[i]), minus ? -(int64_t)v : (int64_t)v);
        z += n + (z[n] == ' ');
    }
}

void haul_object_journal(haul_object *o)
{
    haul_moment m;
    haul_span class = {o->class, strlen(o->class)};
    if (haul_class_is(class, "IPM.StickyNote")) {
        put_note(o);
        return;
    }
    const char *minutes = haul_object_x(o, "X-MAILHAUL-JOURNAL-DURATION");
    const char *end = haul_object_x(o, "X-MAILHAUL-JOURNAL-END");
    uint64_t v;
    if (when_of(o, ICAL_DTSTART_PROPERTY, &m)) {
        haul_put_time(to_of(o), HAUL_LID(LOG, HAUL_LID_LOG_START), m.us);
        haul_put_time(to_of(o), HAUL_LID(COMMON, HAUL_LID_COMMON_START), m.us);
    }
    icaltimetype t = end ? icaltime_from_string(end) : icaltime_null_time();
    haul_civil c = {t.year, t.month, t.day, t.hour, t.minute, t.second, 0};
    if (!icaltime_is_null_time(t) && haul_civil_ok(&c) && c.year > 1601 && c.year < 4500)
        haul_put_time(to_of(o), HAUL_LID(LOG, HAUL_LID_LOG_END), haul_civil_to(&c) * HAUL_US);
    if (minutes && haul_istarts(minutes, strlen(minutes), "PT") &&
        haul_parse_u64(minutes + 2, strcspn(minutes + 2, "M"), &v) && v <= INT32_MAX)
        haul_put_int(to_of(o), HAUL_LID(LOG, HAUL_LID_LOG_DURATION), (int64_t)v);
    haul_object_put(o, HAUL_LID(LOG, HAUL_LID_LOG_TYPE), haul_object_x(o, "X-MAILHAUL-JOURNAL-TYPE"));
    haul_object_put(o, HAUL_LID(LOG, HAUL_LID_LOG_TYPE_DESC),
                    haul_object_x(o, "X-MAILHAUL-JOURNAL-TYPE-NAME"));
}
