/* What a header says: ids, date, addresses, subject, and every field as it stands. */
#include "hold/eaxs.h"

#include "base/time.h"
#include "base/utf.h"
#include "mime/date.h"
#include "mime/header.h"

#include <stdlib.h>
#include <string.h>

#define ZONE_MAX (14 * 60) /* minutes: xs:dateTime has no zones beyond */

bool haul_eaxs_next(haul_span header, size_t *pos, const char *name, haul_span *ret)
{
    haul_field f;
    while (haul_header_next(header.p, header.len, pos, &f))
        if (haul_span_is(f.name, name)) {
            *ret = f.value;
            return true;
        }
    return false;
}

static bool is_dropped(haul_span v, size_t i, bool lines)
{
    if (lines)
        return v.p[i] == '\r' && i + 1 < v.len && v.p[i + 1] == '\n';
    return v.p[i] == '\r' || v.p[i] == '\n';
}

/* NULs stay, so that whoever writes the text counts them. */
void haul_eaxs_decode(haul_span value, bool lines, haul_str *to)
{
    haul_auto_str flat = {0};
    value = haul_span_trim(value);
    haul_str_room(&flat, value.len);
    for (size_t i = 0; i < value.len; i++)
        if (!is_dropped(value, i, lines))
            haul_str_addc(&flat, value.p[i]);
    for (size_t at = 0; at < flat.len;) {
        const char *nul = memchr(flat.p + at, '\0', flat.len - at);
        size_t n = nul ? (size_t)(nul - flat.p) - at : flat.len - at;
        haul_utf8_clean(to, flat.p + at, n, true);
        if (nul)
            haul_str_addc(to, '\0');
        at += n + 1;
    }
}

static void put_decoded(haul_eaxs *x, const char *name, haul_span value)
{
    haul_str_clear(&x->raw);
    if (value.len > HAUL_EAXS_VALUE)
        value.len = HAUL_EAXS_VALUE;
    haul_header_decode(value, &x->raw);
    haul_eaxs_text(x, name, name, haul_strz(&x->raw), x->raw.len);
}

static void each_decoded(haul_eaxs *x, haul_span header, const char *name)
{
    haul_span value;
    for (size_t pos = 0; haul_eaxs_next(header, &pos, name, &value);)
        put_decoded(x, name, value);
}

/* ── ids ── */

/* What the next angle brackets hold, from *at on. */
static bool next_id(haul_span v, size_t *at, haul_span *ret)
{
    const char *open = *at < v.len ? memchr(v.p + *at, '<', v.len - *at) : NULL;
    const char *end = open ? memchr(open, '>', v.len - (size_t)(open - v.p)) : NULL;
    if (!end)
        return false;
    *at = (size_t)(end - v.p) + 1;
    *ret = haul_span_trim((haul_span){open + 1, (size_t)(end - open) - 1});
    return true;
}

static void put_id(haul_eaxs *x, const char *name, haul_span id)
{
    haul_str_clear(&x->raw);
    if (id.len > HAUL_EAXS_VALUE)
        id.len = HAUL_EAXS_VALUE;
    haul_eaxs_decode(id, false, &x->raw);
    haul_eaxs_text(x, name, name, haul_strz(&x->raw), x->raw.len);
}

static void message_id(haul_eaxs *x, haul_span header, const char *guid)
{
    haul_span value = {0}, id;
    size_t pos = 0, at = 0;
    bool there = haul_eaxs_next(header, &pos, "Message-ID", &value);
    value = haul_span_trim(value);
    if (!there || !value.len) {
        haul_eaxs_open(x, "MessageId");
        haul_eaxs_attr(x, "Supplied", "true");
        haul_eaxs_chars(x, "MessageId", guid, strlen(guid));
        haul_eaxs_close(x);
        return;
    }
    put_id(x, "MessageId", next_id(value, &at, &id) && id.len ? id : value);
}

static void ids_of(haul_eaxs *x, haul_span header, const char *name, const char *field)
{
    haul_span value, id;
    for (size_t pos = 0; haul_eaxs_next(header, &pos, field, &value);) {
        size_t at = 0, n = 0;
        for (; next_id(value, &at, &id); n++)
            put_id(x, name, id);
        value = haul_span_trim(value);
        if (!n && value.len)
            put_id(x, name, value);
    }
}

/* ── the named fields ── */

static void date(haul_eaxs *x, haul_span header)
{
    haul_span value;
    int64_t us;
    int16_t tz;
    char iso[HAUL_ISO_LEN];
    size_t pos = 0;
    if (!haul_eaxs_next(header, &pos, "Date", &value))
        return;
    value = haul_span_trim(value);
    if (!haul_date_parse(value.p, value.len, &us, &tz) || us < HAUL_TIME_MIN || us > HAUL_TIME_MAX) {
        haul_eaxs_incomplete_add(x, "Date", "no time can be read: %.*s",
                                 (int)(value.len < 80 ? value.len : 80), value.p);
        return;
    }
    if (abs(tz) <= ZONE_MAX)
        haul_iso_format_tz(iso, us, tz);
    else
        haul_iso_format(iso, us);
    haul_eaxs_z(x, "OrigDate", iso);
}

static bool said(haul_span header, haul_span text)
{
    haul_span value;
    size_t pos = 0;
    for (size_t n = 0; n < HAUL_KEYWORDS_MAX && haul_eaxs_next(header, &pos, "Keywords", &value); n++) {
        haul_auto_str decoded = {0};
        haul_header_decode(value, &decoded);
        if (decoded.len == text.len && memcmp(haul_strz(&decoded), text.p, text.len) == 0)
            return true;
    }
    return false;
}

/* The fields, then what the source keeps as keywords or labels beside the message. */
static void keywords(haul_eaxs *x, haul_span header, const char *kept)
{
    each_decoded(x, header, "Keywords");
    for (const char *z = kept, *end; *z; z = *end ? end + 1 : end) {
        end = z + strcspn(z, "\n");
        haul_span one = {z, (size_t)(end - z)};
        if (one.len && !said(header, one))
            haul_eaxs_text(x, "Keywords", "Keywords", one.p, one.len);
    }
}

static void named(haul_eaxs *x, haul_span header, const char *kept)
{
    haul_span value;
    size_t pos = 0;
    date(x, header);
    haul_eaxs_addresses(x, header, "From", "From");
    haul_eaxs_mailbox(x, header, "Sender", "Sender");
    haul_eaxs_addresses(x, header, "ReplyTo", "Reply-To");
    haul_eaxs_addresses(x, header, "To", "To");
    haul_eaxs_addresses(x, header, "Cc", "Cc");
    haul_eaxs_addresses(x, header, "Bcc", "Bcc");
    ids_of(x, header, "InReplyTo", "In-Reply-To");
    ids_of(x, header, "References", "References");
    if (haul_eaxs_next(header, &pos, "Subject", &value))
        put_decoded(x, "Subject", value);
    each_decoded(x, header, "Comments");
    keywords(x, header, kept);
}

/* ── all fields ── */

/* Octets from..to of the header belong to no field. */
static void gap(haul_eaxs *x, haul_span header, size_t from, size_t to)
{
    haul_span s = haul_span_trim((haul_span){header.p + from, to - from});
    if (s.len)
        haul_eaxs_incomplete_add(x, "Header", "octets %zu to %zu of the header are no field", from, to);
}

void haul_eaxs_field(haul_eaxs *x, const char *element, const haul_field *f)
{
    haul_auto_str name = {0};
    haul_span value = f->value;
    haul_str_add(&name, f->name.p, f->name.len < HAUL_EAXS_VALUE ? f->name.len : HAUL_EAXS_VALUE);
    if (value.len > HAUL_EAXS_VALUE) {
        haul_eaxs_incomplete_add(x, "Header", "%.80s: the first %u of %zu octets", name.p, HAUL_EAXS_VALUE,
                                 value.len);
        value.len = HAUL_EAXS_VALUE;
    }
    haul_eaxs_open(x, element);
    haul_eaxs_z(x, "Name", name.p);
    haul_str_clear(&x->raw);
    haul_eaxs_decode(value, false, &x->raw);
    haul_eaxs_text(x, "Value", name.p, haul_strz(&x->raw), x->raw.len);
    haul_eaxs_close(x);
}

static void all_fields(haul_eaxs *x, haul_span header)
{
    haul_field f;
    size_t end = 0;
    haul_eaxs_open(x, "Headers");
    for (size_t pos = 0; haul_header_next(header.p, header.len, &pos, &f); end = f.end) {
        gap(x, header, end, f.start);
        haul_eaxs_field(x, "Header", &f);
    }
    gap(x, header, end, header.len);
    haul_eaxs_close(x);
}

void haul_eaxs_head(haul_eaxs *x, haul_span header, const haul_doc *ids)
{
    haul_span value;
    size_t pos = 0;
    const char *guid = ids ? ids->docid : haul_arena_printf(&x->arena, "%s:%u", x->doc->docid, ++x->children);
    haul_eaxs_number(x, "LocalId", ids ? ids->row : x->next_id++);
    haul_eaxs_z(x, "Guid", guid);
    message_id(x, header, guid);
    if (haul_eaxs_next(header, &pos, "MIME-Version", &value))
        put_decoded(x, "MimeVersion", value);
    named(x, header, ids == x->doc ? ids->keywords : "");
    all_fields(x, header);
}
