#define _GNU_SOURCE /* FNM_LEADING_DIR */
#include "base/glob.h"

#include <fnmatch.h>
#include <locale.h>

bool haul_glob(const char *glob, const char *text, bool leading)
{
    static locale_t utf8; /* whatever the user's is: names are UTF-8 */
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    bool is = fnmatch(glob, text, leading ? FNM_LEADING_DIR : 0) == 0;
    if (utf8)
        (void)uselocale(before);
    return is;
}
