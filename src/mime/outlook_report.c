/* Delivery and read reports. MS-OXCMAIL 2.2.3.7, RFC 3464, RFC 8098; docs/mapi.md [mapi-r45]… */
#include "base/utf.h"
#include "mime/header.h"
#include "mime/outlook_parts.h"

#include <string.h>

#define MACHINE_MAX 1048576u /* octets of the part for machines that are looked at */

/* The text behind "rfc822;", "dns;": the type is said by the property. */
static const char *behind_type(haul_outlook *x, haul_span v)
{
    haul_auto_str text = {0};
    haul_header_decode(v, &text);
    const char *semicolon = text.len ? memchr(text.p, ';', text.len) : NULL;
    const char *from = semicolon ? semicolon + 1 : haul_strz(&text);
    haul_span one = haul_span_trim((haul_span){from, strlen(from)});
    return haul_arena_strn(&x->o.arena, one.p, haul_utf8_cut(one.p, one.len, HAUL_OUTLOOK_TEXT_MAX));
}

static const char *field(haul_outlook *x, haul_span block, const char *name, bool typed)
{
    haul_span v;
    haul_auto_str text = {0};
    if (!haul_header_find(block.p, block.len, name, &v))
        return NULL;
    if (typed)
        return behind_type(x, v);
    haul_header_decode(haul_span_trim(v), &text);
    return haul_arena_strn(&x->o.arena, haul_strz(&text),
                           haul_utf8_cut(haul_strz(&text), text.len, HAUL_OUTLOOK_TEXT_MAX));
}

/* The next block of fields of the part, without its empty line. */
static bool next_block(haul_span *rest, haul_span *ret)
{
    while (rest->len && strchr("\r\n", *rest->p)) {
        rest->p++;
        rest->len--;
    }
    size_t n = haul_header_length(rest->p, rest->len);
    n = n ? n : rest->len;
    *ret = (haul_span){rest->p, n};
    *rest = (haul_span){rest->p + n, rest->len - n};
    return n;
}

/* "5.1.1" as 511 (MS-OXCMAIL 2.2.3.7.1.3); 0 for what has no such form. */
static int64_t status_code(const char *z)
{
    if (!z || strlen(z) < 5 || !haul_is_digit(z[0]) || z[1] != '.' || !haul_is_digit(z[2]) || z[3] != '.' ||
        !haul_is_digit(z[4]))
        return 0;
    return (z[0] - '0') * 100 + (z[2] - '0') * 10 + (z[4] - '0');
}

static void put_failed(haul_outlook *x, haul_span block)
{
    const char *addr = field(x, block, "Final-Recipient", true);
    if (!addr)
        addr = field(x, block, "Original-Recipient", true);
    if (!addr || x->o.n_recipients >= HAUL_OUTLOOK_RECIPIENTS_MAX)
        return;
    const char *name = field(x, block, "X-Display-Name", false);
    const haul_put to = {haul_outlook_recipient(x, 1, name ? name : "", addr, HAUL_RECIPIENT_SENDABLE),
                         &x->o.arena};
    const char *info = field(x, block, "X-Supplementary-Info", false);
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_SUPPLEMENTARY_INFO),
                  info ? info : field(x, block, "Diagnostic-Code", true));
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_REPORT_TEXT), field(x, block, "X-Report-Text", false));
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_REMOTE_MTA), field(x, block, "Remote-MTA", true));
    int64_t code = status_code(field(x, block, "Status", false));
    if (code)
        haul_put_int(&to, HAUL_TAG(HAUL_TAG_NDR_STATUS_CODE), code);
}

static const char *delivery_class(const char *action)
{
    static const struct {
        const char *action, *class;
    } v[] = {{"failed", "REPORT.IPM.Note.NDR"},
             {"delivered", "REPORT.IPM.Note.DR"},
             {"delayed", "REPORT.IPM.Note.Delayed.DR"},
             {"relayed", "REPORT.IPM.Note.Relayed.DR"},
             {"expanded", "REPORT.IPM.Note.Expanded.DR"}};
    for (size_t i = 0; action && i < HAUL_COUNT(v); i++)
        if (haul_icmp(action, v[i].action) == 0)
            return v[i].class;
    return NULL;
}

static const char *delivery(haul_outlook *x, haul_span text)
{
    haul_span block;
    const char *class = NULL, *mta = NULL;
    for (unsigned i = 0; next_block(&text, &block); i++) {
        if (!i)
            mta = field(x, block, "Reporting-MTA", true);
        const char *action = field(x, block, "Action", false);
        class = class ? class : delivery_class(action);
        x->own_recipients = class;
        if (action && class)
            put_failed(x, block);
    }
    if (class)
        haul_put_text(&x->to, HAUL_TAG(HAUL_TAG_REPORTING_MTA), mta);
    return class;
}

static const char *disposition(haul_outlook *x, haul_span block)
{
    const char *said = field(x, block, "Disposition", true);
    if (!said || (haul_icmp(said, "displayed") != 0 && haul_icmp(said, "deleted") != 0))
        return NULL;
    haul_put_text(&x->to, HAUL_TAG(HAUL_TAG_ORIGINAL_MESSAGE_ID),
                  field(x, block, "Original-Message-ID", false));
    return haul_icmp(said, "displayed") == 0 ? "REPORT.IPM.Note.IPNRN" : "REPORT.IPM.Note.IPNNRN";
}

/* The part itself stays as an attachment: nothing made of properties says as much. [mapi-47] */
const char *haul_outlook_report(haul_outlook *x)
{
    haul_auto_str text = {0};
    if (strcmp(x->nodes->type, "multipart/report") != 0)
        return NULL;
    size_t status = haul_outlook_child(x, 0, "message/delivery-status");
    size_t i = status != HAUL_NO_NODE ? status : haul_outlook_child(x, 0, "message/disposition-notification");
    if (i == HAUL_NO_NODE || !haul_outlook_octets(&x->nodes[i], MACHINE_MAX, &text, NULL))
        return NULL;
    haul_span s = {haul_strz(&text), text.len};
    return i == status ? delivery(x, s) : disposition(x, s);
}
