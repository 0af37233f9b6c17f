#include "mime/outlook_parts.h"
const char *haul_outlook_calendar(haul_outlook *x)
{
    (void)x;
    return NULL;
}
const char *haul_outlook_card(haul_outlook *x)
{
    (void)x;
    return NULL;
}
