#include "pst_make/values.h"

#include "base/time.h"
#include "mime/prop.h"
#include "mime/put.h"
#include "pst_make/le.h"
#include "pst_make/rtfz.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILETIME_1970 INT64_C(116444736000000000) /* 100 ns from 1601 to 1970 */
#define MINUTES_1970  INT64_C(194074560)

void haul_value_bad(haul_values *v, const char *fmt, ...)
{
    if (v->rc != HAUL_OK)
        return;
    va_list args;
    va_start(args, fmt);
    char *line = haul_alloc(HAUL_ERR_TEXT);
    vsnprintf(line, HAUL_ERR_TEXT, fmt, args);
    va_end(args);
    v->rc = haul_fail(&v->err, HAUL_E_FORMAT, "%s", line);
    free(line);
}

uint32_t haul_value_tag(haul_values *v, const char *text)
{
    char *end = NULL;
    unsigned long tag = strtoul(text, &end, 16);
    if (strncmp(text, "0x", 2) != 0 || *end || tag > UINT32_MAX)
        haul_value_bad(v, "no property tag: %s", text);
    return (uint32_t)tag;
}

const char *haul_value_text(haul_values *v, const json_t *j)
{
    const char *z = json_string_value(j);
    haul_auto_str s = {0};
    if (!z)
        return NULL;
    for (const char *at; (at = strstr(z, "{n}")); z = at + 3) {
        haul_str_add(&s, z, (size_t)(at - z));
        haul_str_addf(&s, "%ld", v->number);
    }
    haul_str_addz(&s, z);
    return haul_arena_strn(&v->arena, haul_strz(&s), s.len);
}

/* iconv by itself: the tests of the converter must not lean on the converter's own names. */
static const char *charset_name(unsigned codepage, char name[24])
{
    switch (codepage) {
    case 65001:
        return "UTF-8";
    case 20127:
        return "ASCII";
    case 50220:
        return "ISO-2022-JP";
    case 20866:
        return "KOI8-R";
    default:
        if (codepage >= 28591 && codepage <= 28605)
            snprintf(name, 24, "ISO-8859-%u", codepage - 28590);
        else
            snprintf(name, 24, "CP%u", codepage);
        return name;
    }
}

void haul_value_encode(haul_values *v, unsigned codepage, const char *utf8, haul_str *to)
{
    char name[24];
    iconv_t cd = iconv_open(charset_name(codepage, name), "UTF-8");
    if (cd == (iconv_t)-1) {
        haul_value_bad(v, "no code page %u", codepage);
        return;
    }
    size_t left = strlen(utf8), room = 4 * left + 64;
    haul_auto_str copy = {0};
    haul_str_addz(&copy, utf8);
    haul_str_room(to, room);
    char *in = copy.p, *out = to->p + to->len;
    bool good =
        iconv(cd, &in, &left, &out, &room) != (size_t)-1 && iconv(cd, NULL, NULL, &out, &room) != (size_t)-1;
    to->len = (size_t)(out - to->p);
    iconv_close(cd);
    if (!good)
        haul_value_bad(v, "not in code page %u: %s", codepage, utf8);
}

/* ── GUIDs ── */

static bool guid_octets(const char *z, uint8_t ret[16])
{
    static const uint8_t place[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                      8, 9, 10, 11, 12, 13, 14, 15}; /* MS-DTYP 2.3.4.2 */
    size_t n = 0;
    for (; *z && n < 16; z++) {
        if (*z == '-')
            continue;
        int high = haul_hexval(z[0]), low = high < 0 ? -1 : haul_hexval(z[1]);
        if (low < 0)
            return false;
        ret[place[n++]] = (uint8_t)(high << 4 | low);
        z++;
    }
    return n == 16 && !*z;
}

void haul_value_guid(haul_values *v, const char *text, uint8_t ret[16])
{
    static const struct {
        const char *name, *guid;
    } sets[] = {
#define X(id, guid_) {#id, guid_},
        HAUL_PSET_LIST(X)
#undef X
    };
    for (size_t i = 0; i < HAUL_COUNT(sets); i++)
        if (strcmp(text, sets[i].name) == 0)
            text = sets[i].guid;
    if (!guid_octets(text, ret))
        haul_value_bad(v, "no property set or GUID: %s", text);
}

/* ── Octets ── */

static void add_hex(haul_values *v, const char *z, haul_str *to)
{
    for (; *z; z++) {
        if (*z == ' ')
            continue;
        int high = haul_hexval(z[0]), low = high < 0 ? -1 : haul_hexval(z[1]);
        if (low < 0) {
            haul_value_bad(v, "no hex digits: %s", z);
            return;
        }
        haul_str_addc(to, (char)(high << 4 | low));
        z++;
    }
}

static void add_number(haul_str *to, uint64_t n, size_t octets)
{
    uint8_t p[8];
    haul_put64(p, n);
    haul_str_add(to, p, octets);
}

static int64_t instant(haul_values *v, const char *text)
{
    int64_t us = 0;
    if (!text || !haul_iso_parse(text, &us))
        haul_value_bad(v, "no time: %s", text ? text : "?");
    return us;
}

/* ["u16", 7], ["hex", "00ff"], ["minutes", "2024-03-04T10:00"] …: one piece of a structure. */
static void add_part(haul_values *v, const json_t *part, haul_str *to)
{
    const char *kind = json_string_value(json_array_get(part, 0));
    const json_t *j = json_array_get(part, 1);
    const char *text = haul_value_text(v, j);
    if (!kind)
        kind = "?";
    if (strcmp(kind, "u8") == 0 || strcmp(kind, "u16") == 0 || strcmp(kind, "u32") == 0 ||
        strcmp(kind, "u64") == 0)
        add_number(to, (uint64_t)json_integer_value(j), strtoul(kind + 1, NULL, 10) / 8);
    else if (strcmp(kind, "minutes") == 0) /* since 1601 (MS-OXOCAL 2.2.1.44) */
        add_number(to, (uint64_t)(instant(v, text) / (60 * HAUL_US) + MINUTES_1970), 4);
    else if (strcmp(kind, "filetime") == 0)
        add_number(to, (uint64_t)(instant(v, text) * 10 + FILETIME_1970), 8);
    else if (strcmp(kind, "hex") == 0 && text)
        add_hex(v, text, to);
    else if (strcmp(kind, "utf16") == 0 && text)
        haul_utf16_add(to, text, strlen(text));
    else if (strcmp(kind, "text") == 0 && text)
        haul_str_addz(to, text);
    else
        haul_value_bad(v, "no piece of a structure: %s", kind);
}

/* MS-OXCDATA 2.2.5.1, in UTF-16. */
static void add_one_off(haul_values *v, const json_t *j, haul_str *to)
{
    static const uint8_t head[24] = {0,    0,    0,    0,    0x81, 0x2b, 0x1f, 0xa4, 0xbe, 0xa3, 0x10, 0x19,
                                     0x9d, 0x6e, 0x00, 0xdd, 0x01, 0x0f, 0x54, 0x02, 0,    0,    0x01, 0x90};
    static const char *const keys[] = {"name", "type", "address"};
    haul_str_add(to, head, sizeof(head));
    for (size_t i = 0; i < HAUL_COUNT(keys); i++) {
        const char *z = haul_value_text(v, json_object_get(j, keys[i]));
        haul_utf16_add(to, z ? z : "", z ? strlen(z) : 0);
        add_number(to, 0, 2);
    }
}

/* MS-OXCDATA 2.2.5.2 */
static void add_exchange(const char *dn, haul_str *to)
{
    static const uint8_t head[28] = {0,    0,    0,    0,    0xdc, 0xa7, 0x40, 0xc8, 0xc0, 0x42,
                                     0x10, 0x1a, 0xb4, 0xb9, 0x08, 0x00, 0x2b, 0x2f, 0xe1, 0x82,
                                     1,    0,    0,    0,    0,    0,    0,    0};
    haul_str_add(to, head, sizeof(head));
    haul_str_add(to, dn, strlen(dn) + 1);
}

static void add_fill(const json_t *j, haul_str *to)
{
    uint64_t state = (uint64_t)json_integer_value(json_object_get(j, "seed"));
    for (json_int_t left = json_integer_value(json_object_get(j, "fill")); left > 0; left -= 8)
        add_number(to, haul_mix64(&state), left < 8 ? (size_t)left : 8);
}

static void add_object(haul_values *v, const json_t *j, haul_str *to)
{
    const json_t *x = NULL;
    const char *text = NULL;
    size_t i;
    if ((text = haul_value_text(v, json_object_get(j, "text")))) {
        x = json_object_get(j, "codepage");
        haul_value_encode(v, x ? (unsigned)json_integer_value(x) : 65001, text, to);
        for (json_int_t times = json_integer_value(json_object_get(j, "times")); times > 1; times--)
            haul_str_addz(to, text);
    } else if ((text = haul_value_text(v, json_object_get(j, "hex")))) {
        add_hex(v, text, to);
    } else if ((text = haul_value_text(v, json_object_get(j, "utf16")))) {
        haul_utf16_add(to, text, strlen(text));
    } else if ((text = haul_value_text(v, json_object_get(j, "rtf")))) {
        haul_rtfz(to, text, strlen(text), json_is_true(json_object_get(j, "stored")),
                  json_is_true(json_object_get(j, "spoil")));
    } else if ((text = haul_value_text(v, json_object_get(j, "exchange")))) {
        add_exchange(text, to);
    } else if ((x = json_object_get(j, "oneoff"))) {
        add_one_off(v, x, to);
    } else if (json_object_get(j, "fill")) {
        add_fill(j, to);
    } else if ((x = json_object_get(j, "parts"))) {
        const json_t *part;
        json_array_foreach(x, i, part) add_part(v, part, to);
    } else {
        haul_value_bad(v, "an object that says of no octets how they are made");
    }
}

haul_str haul_value_octets(haul_values *v, const json_t *j)
{
    haul_str s = {0};
    const char *text = haul_value_text(v, j);
    if (text)
        haul_str_addz(&s, text);
    else
        add_object(v, j, &s);
    return s;
}

/* ── Values ── */

static void add_single(haul_values *v, unsigned type, const json_t *j, haul_str *to);

/* MS-PST 2.3.3.4.2: a count and offsets, for types of variable size. */
static void add_multi(haul_values *v, unsigned type, const json_t *j, haul_str *to)
{
    haul_auto_str values = {0};
    size_t n = json_array_size(j), i;
    bool variable = type == HAUL_PT_UNICODE || type == HAUL_PT_STRING8 || type == HAUL_PT_BINARY;
    const json_t *one;
    if (variable)
        add_number(to, n, 4);
    json_array_foreach(j, i, one)
    {
        if (variable)
            add_number(to, 4 + 4 * n + values.len, 4);
        add_single(v, type, one, &values);
    }
    haul_str_add(to, haul_strz(&values), values.len);
}

static void add_real(const json_t *j, unsigned type, haul_str *to)
{
    double d = json_number_value(j);
    float f = (float)d;
    uint64_t bits = 0;
    uint32_t half = 0;
    memcpy(&bits, &d, sizeof(bits));
    memcpy(&half, &f, sizeof(half));
    if (type == HAUL_PT_R32)
        add_number(to, half, 4);
    else
        add_number(to, bits, 8);
}

static void add_number_of(haul_values *v, unsigned type, const json_t *j, haul_str *to)
{
    size_t size = type == HAUL_PT_I64 || type == HAUL_PT_CURRENCY ? 8 : type == HAUL_PT_I16 ? 2 : 4;
    if (!json_is_integer(j))
        haul_value_bad(v, "no integer for type 0x%04x", type);
    add_number(to, (uint64_t)json_integer_value(j), size);
}

static void add_text(haul_values *v, unsigned type, const char *text, haul_str *to)
{
    uint8_t guid[16] = {0};
    switch (type) {
    case HAUL_PT_UNICODE:
        haul_utf16_add(to, text, strlen(text));
        break;
    case HAUL_PT_STRING8:
        haul_value_encode(v, v->codepage, text, to);
        break;
    case HAUL_PT_TIME:
        add_number(to, (uint64_t)(instant(v, text) * 10 + FILETIME_1970), 8);
        break;
    case HAUL_PT_GUID:
        haul_value_guid(v, text, guid);
        haul_str_add(to, guid, 16);
        break;
    case HAUL_PT_BINARY:
        haul_str_addz(to, text);
        break;
    default:
        haul_value_bad(v, "text for type 0x%04x: %s", type, text);
    }
}

static void add_single(haul_values *v, unsigned type, const json_t *j, haul_str *to)
{
    const char *text = haul_value_text(v, j);
    if (json_is_object(j))
        add_object(v, j, to);
    else if (text)
        add_text(v, type, text, to);
    else if (json_is_boolean(j) && type == HAUL_PT_BOOL)
        haul_str_addc(to, json_is_true(j) ? 1 : 0);
    else if (type == HAUL_PT_R64 || type == HAUL_PT_R32 || type == HAUL_PT_APPTIME)
        add_real(j, type, to);
    else
        add_number_of(v, type, j, to);
}

haul_made_value haul_value(haul_values *v, uint32_t tag, const json_t *j)
{
    haul_auto_str s = {0};
    unsigned type = tag & 0xffff;
    if (json_is_object(j) || !(type & HAUL_PT_MULTI))
        add_single(v, type, j, &s);
    else
        add_multi(v, type & ~(unsigned)HAUL_PT_MULTI, j, &s);
    return (haul_made_value){.tag = tag, .p = haul_arena_strn(&v->arena, haul_strz(&s), s.len), .n = s.len};
}
