#include "mime/class.h"

#include <string.h>

bool haul_class_is(haul_span class, const char *of)
{
    size_t n = strlen(of);
    return haul_istarts(class.p, class.len, of) && (class.len == n || class.p[n] == '.');
}

haul_kind haul_class_kind(haul_span class)
{
    static const struct {
        const char *class;
        haul_kind kind;
    } table[] = {
        {"IPM.Contact", HAUL_KIND_CONTACT},
        {"IPM.DistList", HAUL_KIND_CONTACT},
        {"IPM.Appointment", HAUL_KIND_CALENDAR},
        {"IPM.Schedule", HAUL_KIND_CALENDAR},
        {"IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", HAUL_KIND_CALENDAR},
        {"IPM.Task", HAUL_KIND_TASK},
        {"IPM.TaskRequest", HAUL_KIND_TASK},
        {"IPM.StickyNote", HAUL_KIND_NOTE},
        {"IPM.Activity", HAUL_KIND_NOTE},
    };
    for (size_t i = 0; i < HAUL_COUNT(table); i++)
        if (haul_class_is(class, table[i].class))
            return table[i].kind;
    return HAUL_KIND_MAIL;
}
