/* Fields that say what people set on an item, as its properties again: the reverse of marks.c. MS-OXCMAIL 2.1.3.2.25 (flags),
 * MS-OXOMSG 2.2.1.74 (votes); docs/mapi.md [mapi-r16]. */
#include "base/time.h"
#include "base/utf.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/lids.h"
#include "mime/marks.h"
#include "mime/outlook_parts.h"

#include <string.h>

static const char *text_of(haul_outlook *x, haul_span value)
{
    haul_auto_str text = {0};
    haul_header_decode(value, &text);
    haul_span v = haul_span_trim((haul_span){haul_strz(&text), text.len});
    return haul_arena_strn(&x->o.arena, v.p, haul_utf8_cut(v.p, v.len, HAUL_OUTLOOK_TEXT_MAX));
}

/* All fields of that name, a value each. */
static void put_texts(haul_outlook *x, haul_key k, const char *name)
{
    const char *v[HAUL_MARK_FIELDS_MAX];
    size_t n = 0;
    haul_field f;
    for (size_t pos = 0; n < HAUL_MARK_FIELDS_MAX && haul_header_next(x->header.p, x->header.len, &pos, &f);)
        if (haul_span_is(f.name, name))
            v[n++] = text_of(x, f.value);
    haul_put_texts(&x->to, k, v, n);
}

static void put_color(haul_outlook *x, haul_key k, const char *z)
{
    for (int i = 1; i < (int)HAUL_MARK_COLORS; i++)
        if (haul_icmp(z, haul_mark_colors[i]) == 0)
            haul_put_int(&x->to, k, i);
}

static void put_mark(haul_outlook *x, const haul_mark *m, haul_span value)
{
    const haul_key k = {m->set, m->id, NULL};
    const char *z = text_of(x, value);
    int64_t us;
    int16_t tz;
    uint64_t n;
    switch (m->kind) {
    case HAUL_MARK_TEXT:
        haul_put_text(&x->to, k, z);
        break;
    case HAUL_MARK_TEXTS:
        put_texts(x, k, m->field);
        break;
    case HAUL_MARK_TIME:
        if (haul_date_parse(z, strlen(z), &us, &tz))
            haul_put_time(&x->to, k, us);
        if (m->needs & HAUL_MARK_REMINDER)
            haul_put_bool(&x->to, HAUL_LID(COMMON, HAUL_LID_REMINDER_SET), true);
        break;
    case HAUL_MARK_DAY:
        if (haul_iso_parse(z, &us))
            haul_put_time(&x->to, k, us);
        break;
    case HAUL_MARK_TRUTH:
        haul_put_bool(&x->to, k, haul_icmp(z, "true") == 0);
        break;
    case HAUL_MARK_COLOR:
        put_color(x, k, z);
        break;
    default:
        if (haul_parse_u64(z, strlen(z), &n) && n <= INT32_MAX)
            haul_put_int(&x->to, k, (int64_t)n);
    }
}

/* "name=value"; whatever type it had, it is text now. */
static void put_user_field(haul_outlook *x, haul_span value)
{
    const char *z = text_of(x, value), *equals = strchr(z, '=');
    if (!equals || x->n_user_fields >= HAUL_MARK_FIELDS_MAX)
        return;
    const char *name = haul_arena_strn(&x->o.arena, z, (size_t)(equals - z));
    if (!haul_mark_is_field(name))
        return;
    x->n_user_fields++;
    haul_put_text(&x->to, (haul_key){HAUL_PSET_PUBLIC_STRINGS, 0, name}, equals + 1);
}

/* ── PidLidVerbStream ── */

static void add_counted(haul_str *to, haul_span s)
{
    haul_le_add(to, s.len, 1);
    haul_str_add(to, s.p, s.len);
}

static void add_option(haul_str *to, haul_span name, size_t id)
{
    static const uint32_t tail[] = {1, 2, 2};
    haul_le_add(to, 4, 4); /* VerbType: a vote */
    add_counted(to, name);
    add_counted(to, (haul_span){"IPM.Note", 8});
    haul_le_add(to, 0, 1);
    add_counted(to, name);
    haul_le_add(to, 0, 4);
    haul_le_add(to, 0, 1);
    haul_le_add(to, 0, 4); /* fUseUSHeaders */
    for (size_t i = 0; i < HAUL_COUNT(tail); i++)
        haul_le_add(to, tail[i], 4); /* Internal4, SendBehavior: ask, Internal5 */
    haul_le_add(to, id, 4);
    haul_le_add(to, UINT32_MAX, 4);
}

static void put_votes(haul_outlook *x, haul_span value)
{
    haul_auto_str narrow = {0}, wide = {0}, stream = {0};
    size_t n = 0;
    for (const char *z = text_of(x, value); *z && n < HAUL_MARK_VOTES_MAX; z += *z == ';') {
        haul_span name = haul_span_trim((haul_span){z, strcspn(z, ";")});
        haul_auto_str utf16 = {0};
        z += strcspn(z, ";");
        haul_utf16_add(&utf16, name.p, name.len);
        if (!name.len || name.len > UINT8_MAX)
            continue;
        add_option(&narrow, name, ++n);
        for (unsigned twice = 0; twice < 2; twice++) {
            haul_le_add(&wide, utf16.len / 2, 1);
            haul_str_add(&wide, utf16.p, utf16.len);
        }
    }
    if (!n)
        return;
    haul_le_add(&stream, 0x0102, 2);
    haul_le_add(&stream, n, 4);
    haul_str_add(&stream, narrow.p, narrow.len);
    haul_le_add(&stream, 0x0104, 2);
    haul_str_add(&stream, wide.p, wide.len);
    haul_put_bin(&x->to, HAUL_LID(COMMON, HAUL_LID_VERB_STREAM), stream.p, stream.len);
}

void haul_outlook_mark(haul_outlook *x, const haul_field *f)
{
    for (size_t i = 0; i < haul_n_marks; i++)
        if (haul_span_is(f->name, haul_marks[i].field)) {
            put_mark(x, &haul_marks[i], f->value);
            return;
        }
    if (haul_span_is(f->name, "X-Mailhaul-Field"))
        put_user_field(x, f->value);
    else if (haul_span_is(f->name, "X-Mailhaul-Voting-Options"))
        put_votes(x, f->value);
    else if (haul_span_is(f->name, "X-Mailhaul-Flag-Status") &&
             haul_span_is(haul_span_trim(f->value), "complete"))
        haul_put_int(&x->to, HAUL_TAG(HAUL_TAG_FLAG_STATUS), 1); /* MS-OXOFLAG 2.2.1.1 */
}
