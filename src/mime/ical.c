#include "mime/ical.h"

#include "mime/ical_parts.h"

#include <limits.h>

/* The class of the message in which an exception is embedded (MS-OXOCAL 2.2.10.2). */
#define EXCEPTION_CLASS "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"

typedef enum shape { SHAPE_NONE, SHAPE_EVENT, SHAPE_TASK, SHAPE_JOURNAL, SHAPE_NOTE } shape;

static shape shape_of(const haul_mapi *o)
{
    static const struct {
        const char *class;
        shape shape;
    } rows[] = {
        {"IPM.Appointment", SHAPE_EVENT}, {"IPM.Schedule.Meeting", SHAPE_EVENT},
        {EXCEPTION_CLASS, SHAPE_EVENT},   {"IPM.Task", SHAPE_TASK},
        {"IPM.TaskRequest", SHAPE_TASK},  {"IPM.Activity", SHAPE_JOURNAL},
        {"IPM.StickyNote", SHAPE_NOTE},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (haul_mapi_is(o, rows[i].class))
            return rows[i].shape;
    return SHAPE_NONE;
}

bool haul_ical_is(const haul_mapi *o)
{
    return shape_of(o) != SHAPE_NONE;
}

void haul_ical_preload(void)
{
    icalerror_set_errors_are_fatal(0);
    (void)icaltimezone_get_utc_timezone(); /* reads the table of zone names, once */
}

static icalcomponent *new_calendar(void)
{
    icalcomponent *calendar = icalcomponent_new_vcalendar();
    icalcomponent_add_property(calendar, icalproperty_new_prodid("-//mailhaul//EN"));
    icalcomponent_add_property(calendar, icalproperty_new_version("2.0"));
    return calendar;
}

static haul_rc add_object(haul_ical *c, haul_err *e)
{
    switch (shape_of(c->o)) {
    case SHAPE_EVENT:
        return haul_ical_event(c, e);
    case SHAPE_TASK:
        return haul_ical_task(c, e);
    case SHAPE_JOURNAL:
        haul_ical_journal(c);
        return HAUL_OK;
    case SHAPE_NOTE:
        haul_ical_note(c);
        return HAUL_OK;
    default:
        return haul_fail(e, HAUL_SKIP, "not an item of a calendar");
    }
}

static void move(icalcomponent *from, icalcomponent *to)
{
    icalcomponent *part;
    while ((part = icalcomponent_get_first_component(from, ICAL_ANY_COMPONENT))) {
        icalcomponent_remove_component(from, part);
        icalcomponent_add_component(to, part);
    }
}

/* Zones are known last and stand first: not every reader looks ahead. */
static void write(haul_ical *c, haul_str *to)
{
    icalcomponent *items = icalcomponent_new(ICAL_XROOT_COMPONENT);
    move(c->calendar, items);
    haul_ical_zones_add(c);
    move(items, c->calendar);
    icalcomponent_free(items);
    if (c->method)
        icalcomponent_add_property(c->calendar,
                                   icalproperty_new_method(icalproperty_string_to_method(c->method)));
    char *text = icalcomponent_as_ical_string_r(c->calendar);
    haul_str_addz(to, text);
    icalmemory_free_buffer(text);
}

haul_rc haul_ical_build(haul_mapi *o, haul_msg *m, const char *body, haul_str *to, const char **ret_method,
                        haul_err *e)
{
    haul_arena arena = {0};
    haul_rc rc = haul_mapi_load(o, e);
    if (rc != HAUL_OK)
        return rc;
    haul_ical_preload();
    haul_ical c = {.o = o, .m = m, .a = &arena, .body = body, .first_year = INT_MAX};
    c.calendar = new_calendar();
    rc = add_object(&c, e);
    if (rc == HAUL_OK) {
        write(&c, to);
        *ret_method = c.method;
    }
    icalcomponent_free(c.calendar);
    haul_arena_done(&arena);
    return rc;
}
