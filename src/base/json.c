#include "base/json.h"

#include "base/utf.h"

#include <inttypes.h>
#include <string.h>

static void add_escape(haul_str *to, unsigned char c)
{
    static const char controls[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *at = c ? strchr(controls, c) : NULL;
    if (at)
        haul_str_addf(to, "\\%c", letters[at - controls]);
    else if (c == '"' || c == '\\')
        haul_str_addf(to, "\\%c", c);
    else
        haul_str_addf(to, "\\u%04x", c);
}

/* Octets from p on that can be written as they are. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        size_t step = c < 0x80 ? 1 : haul_utf8_next(p + i, n - i, NULL);
        if (step == 0)
            break;
        i += step;
    }
    return i;
}

void haul_json_str(haul_str *to, const char *p, size_t n)
{
    haul_str_room(to, n + 2);
    haul_str_addc(to, '"');
    for (size_t i = 0; i < n;) {
        size_t run = plain_run(p + i, n - i);
        haul_str_add(to, p + i, run);
        i += run;
        if (i == n)
            break;
        unsigned char c = (unsigned char)p[i++];
        if (c < 0x80)
            add_escape(to, c);
        else
            haul_utf8_add(to, 0xFFFD);
    }
    haul_str_addc(to, '"');
}

void haul_json_key(haul_str *to, const char *name)
{
    if (to->len && to->p[to->len - 1] != '{')
        haul_str_addc(to, ',');
    haul_str_addc(to, '"');
    haul_str_addz(to, name);
    haul_str_add(to, "\":", 2);
}

void haul_json_member(haul_str *to, const char *name, const char *z)
{
    haul_json_key(to, name);
    if (z)
        haul_json_str(to, z, strlen(z));
    else
        haul_str_addz(to, "null");
}

void haul_json_member_u64(haul_str *to, const char *name, uint64_t v)
{
    haul_json_key(to, name);
    haul_str_addf(to, "%" PRIu64, v);
}

void haul_json_member_list(haul_str *to, const char *name, const char *const *v, size_t n)
{
    haul_json_key(to, name);
    haul_str_addc(to, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            haul_str_addc(to, ',');
        haul_json_str(to, v[i], strlen(v[i]));
    }
    haul_str_addc(to, ']');
}
