#include "mime/ical_parts.h"
#include "mime/lids.h"

static icalcomponent *new_journal(haul_ical *c)
{
    const haul_bag *b = &c->o->props;
    icalcomponent *to = icalcomponent_new_vjournal();
    icalcomponent_add_component(c->calendar, to);
    c->uid = haul_ical_uid(c, b);
    haul_ical_common(c, to, b);
    /* RFC 5545 3.6.3 has no PRIORITY in a VJOURNAL. */
    icalproperty *p = icalcomponent_get_first_property(to, ICAL_PRIORITY_PROPERTY);
    if (p)
        icalcomponent_remove_property(to, p);
    icalproperty_free(p);
    haul_ical_text(c, to, ICAL_SUMMARY_PROPERTY, haul_ical_subject(c, b));
    haul_ical_text(c, to, ICAL_DESCRIPTION_PROPERTY, c->body);
    return to;
}

/* What was done with the document that the entry is about (MS-OXOJRNL 2.2.1.8 to .11). */
static void add_document(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    static const struct {
        uint32_t lid;
        const char *name;
    } done[] = {{HAUL_LID_LOG_PRINTED, "PRINTED"},
                {HAUL_LID_LOG_SAVED, "SAVED"},
                {HAUL_LID_LOG_ROUTED, "ROUTED"},
                {HAUL_LID_LOG_POSTED, "POSTED"}};
    for (size_t i = 0; i < HAUL_COUNT(done); i++)
        if (haul_prop_bool(haul_bag_lid(b, HAUL_PSET_LOG, done[i].lid)))
            haul_ical_x(c, to, "X-MAILHAUL-JOURNAL-DOCUMENT", done[i].name);
}

void haul_ical_journal(haul_ical *c)
{
    const haul_bag *b = &c->o->props;
    icalcomponent *to = new_journal(c);
    int64_t us, minutes;
    if (haul_ical_stored(haul_bag_lid(b, HAUL_PSET_LOG, HAUL_LID_LOG_START), &us) ||
        haul_ical_stored(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_COMMON_START), &us))
        haul_ical_utc(to, ICAL_DTSTART_PROPERTY, us);
    if (haul_ical_stored(haul_bag_lid(b, HAUL_PSET_LOG, HAUL_LID_LOG_END), &us))
        haul_ical_x_utc(c, to, "X-MAILHAUL-JOURNAL-END", us);
    if (haul_prop_int(haul_bag_lid(b, HAUL_PSET_LOG, HAUL_LID_LOG_DURATION), &minutes) && minutes >= 0)
        haul_ical_x(c, to, "X-MAILHAUL-JOURNAL-DURATION",
                    haul_arena_printf(c->a, "PT%lldM", (long long)minutes));
    haul_ical_x(c, to, "X-MAILHAUL-JOURNAL-TYPE", haul_ical_lid(c, b, HAUL_PSET_LOG, HAUL_LID_LOG_TYPE));
    haul_ical_x(c, to, "X-MAILHAUL-JOURNAL-TYPE-NAME",
                haul_ical_lid(c, b, HAUL_PSET_LOG, HAUL_LID_LOG_TYPE_DESC));
    add_document(c, to, b);
}

void haul_ical_note(haul_ical *c)
{
    static const char *const colors[] = {"blue", "green", "pink", "yellow", "white"};
    static const uint32_t places[] = {HAUL_LID_NOTE_X, HAUL_LID_NOTE_Y, HAUL_LID_NOTE_WIDTH,
                                      HAUL_LID_NOTE_HEIGHT};
    const haul_bag *b = &c->o->props;
    icalcomponent *to = new_journal(c);
    haul_auto_str place = {0};
    int64_t v;
    if (haul_prop_int(haul_bag_lid(b, HAUL_PSET_NOTE, HAUL_LID_NOTE_COLOR), &v) && v >= 0 &&
        v < (int64_t)HAUL_COUNT(colors))
        icalcomponent_add_property(to, icalproperty_new_color(colors[v])); /* RFC 7986 5.9 */
    for (size_t i = 0; i < HAUL_COUNT(places); i++)
        if (haul_prop_int(haul_bag_lid(b, HAUL_PSET_NOTE, places[i]), &v))
            haul_str_addf(&place, "%s%lld", place.len ? " " : "", (long long)v);
    haul_ical_x(c, to, "X-MAILHAUL-NOTE-WINDOW", haul_strz(&place));
}
