/* Delivery and read reports as multipart/report. RFC 3464, RFC 8098; MS-OXCMAIL 2.1.3.6; docs/mapi.md [mapi-45]… */
#include "mime/builder.h"

#include "mime/addr.h"
#include "mime/date.h"
#include "mime/encode.h"

#include <glib.h>
#include <string.h>

typedef enum report_kind { REPORT_NONE, REPORT_DELIVERY, REPORT_DISPOSITION, REPORT_OTHER } report_kind;

typedef struct report {
    report_kind kind;
    const char *action;      /* RFC 3464 2.3.3 */
    const char *disposition; /* RFC 8098 3.2.6 */
} report;

/* The last part of REPORT.IPM.Note.NDR says what it reports; MS-OXCMAIL 2.1.3.6.1.1 and 2.1.3.6.2.1. */
static report report_of(const haul_mapi *o)
{
    static const struct {
        const char *suffix;
        report r;
    } table[] = {
        {".NDR", {REPORT_DELIVERY, "failed", NULL}},
        {".Expanded.DR", {REPORT_DELIVERY, "expanded", NULL}},
        {".Relayed.DR", {REPORT_DELIVERY, "relayed", NULL}},
        {".Delayed.DR", {REPORT_DELIVERY, "delayed", NULL}},
        {".DR", {REPORT_DELIVERY, "delivered", NULL}},
        {".IPNRN", {REPORT_DISPOSITION, NULL, "displayed"}},
        {".IPNNRN", {REPORT_DISPOSITION, NULL, "deleted"}},
    };
    haul_arena a = {0};
    report r = {0};
    const char *class = haul_mapi_class(o, &a);
    if (haul_istarts(class, strlen(class), "REPORT.")) {
        r.kind = REPORT_OTHER;
        for (size_t i = 0; i < HAUL_COUNT(table) && r.kind == REPORT_OTHER; i++)
            if (haul_iends(class, table[i].suffix))
                r = table[i].r;
    }
    haul_arena_done(&a);
    return r;
}

bool haul_report_is(const haul_mapi *o)
{
    return report_of(o).kind != REPORT_NONE;
}

static void line(haul_str *to, const char *name, const char *value)
{
    if (value && *value)
        haul_field_text(to, name, value);
}

/* "5.1.1": PidTagNonDeliveryReportStatusCode is 511 (MS-OXCMAIL 2.2.3.7.1.3); a code in the supplementary info
 * ("<host #5.1.1 …>") is what the server said itself. */
static const char *status_of(haul_arena *a, const haul_bag *r, const char *info, const char *action)
{
    int64_t code = haul_prop_int_or(haul_bag_get(r, HAUL_TAG_NDR_STATUS_CODE), 0);
    const char *mark = info ? strchr(info, '#') : NULL;
    if (mark && haul_is_digit(mark[1]) && mark[2] == '.' && haul_is_digit(mark[3])) {
        size_t n = 1;
        while (haul_is_digit(mark[n]) || mark[n] == '.')
            n++;
        if (n <= 10 && mark[n - 1] != '.')
            return haul_arena_strn(a, mark + 1, n - 1);
    }
    if (code >= 200 && code <= 599)
        return haul_arena_printf(a, "%d.%d.%d", (int)(code / 100), (int)(code / 10 % 10), (int)(code % 10));
    return strcmp(action, "failed") == 0 ? "5.0.0" : strcmp(action, "delayed") == 0 ? "4.0.0" : "2.0.0";
}

static const char *typed_address(haul_arena *a, const haul_addr *who)
{
    if (who->smtp)
        return haul_arena_printf(a, "rfc822;%s", who->smtp);
    /* RFC 3464 2.1.2: an address of another type says so. */
    return haul_arena_printf(a, "x-unknown;%s", who->other ? who->other : who->name ? who->name : "unknown");
}

static void recipient_fields(haul_builder *b, const haul_bag *r, const char *action, haul_str *to)
{
    haul_addr who = {0};
    haul_arena *a = &b->arena;
    int64_t us;
    haul_addr_get(r, HAUL_ADDR_RECIPIENT, a, &who);
    if (!who.smtp && b->transport.len)
        haul_addr_from_header(b->transport.p, b->transport.len, &who, a);
    const char *info = haul_bag_str(r, HAUL_TAG_SUPPLEMENTARY_INFO, a);
    const char *mta = haul_bag_str(r, HAUL_TAG_REMOTE_MTA, a);
    haul_str_addz(to, "\r\n");
    line(to, "Final-Recipient", typed_address(a, &who));
    line(to, "Action", action);
    line(to, "Status", status_of(a, r, info, action));
    if (mta)
        line(to, "Remote-MTA", haul_arena_printf(a, "dns;%s", mta));
    line(to, "X-Supplementary-Info", info);
    line(to, "X-Report-Text", haul_bag_str(r, HAUL_TAG_REPORT_TEXT, a));
    if (haul_prop_time(haul_bag_get(r, HAUL_TAG_REPORT_TIME), &us)) {
        haul_auto_str date = {0};
        haul_date_format(&date, us, 0);
        line(to, "X-Report-Time", haul_strz(&date));
    }
    line(to, "X-Display-Name", who.name);
}

static haul_part *status_part(haul_builder *b, const char *type, haul_str *text)
{
    haul_part *p = haul_part_new(&b->arena, type);
    p->text = (haul_span){haul_arena_strn(&b->arena, haul_strz(text), text->len), text->len};
    p->encoding = HAUL_ENC_7BIT;
    return p;
}

/* MS-OXOMSG 2.2.2: what the report says of the message that it is about, and has no field. */
static void original_fields(haul_builder *b, haul_str *to)
{
    static const struct {
        const char *field;
        uint16_t tag;
    } rows[] = {{"X-Original-Subject", 0x0049},     {"X-Original-To", 0x0074},
                {"X-Original-Cc", 0x0073},          {"X-Original-Bcc", 0x0072},
                {"X-Original-Submit-Time", 0x004e}, {"X-Original-Delivery-Time", 0x0055},
                {"X-Receipt-Time", 0x002a},         {"X-Report-Time", HAUL_TAG_REPORT_TIME},
                {"X-Original-Sender-Name", 0x005a}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const haul_prop *p = haul_bag_get(&b->o->props, rows[i].tag);
        haul_auto_str date = {0};
        int64_t us;
        if (haul_prop_time(p, &us)) {
            haul_date_format(&date, us, 0);
            line(to, rows[i].field, date.p);
        } else {
            line(to, rows[i].field, haul_prop_str(&b->o->props, p, &b->arena));
        }
    }
}

static haul_part *delivery_status(haul_builder *b, const char *action)
{
    haul_auto_str text = {0};
    haul_arena *a = &b->arena;
    int64_t us;
    const char *mta = haul_bag_str(&b->o->props, HAUL_TAG_REPORTING_MTA, a);
    /* The field is required (RFC 3464 2.2.2); MS-OXCMAIL puts the name of the converting host, which we do not know. */
    line(&text, "Reporting-MTA", haul_arena_printf(a, "dns;%s", mta ? mta : "unknown"));
    if (haul_prop_time(haul_bag_get(&b->o->props, HAUL_TAG_ORIGINAL_SUBMIT_TIME), &us)) {
        haul_auto_str date = {0};
        haul_date_format(&date, us, 0);
        line(&text, "Arrival-Date", haul_strz(&date));
    }
    original_fields(b, &text);
    for (size_t i = 0; i < b->o->n_recipients; i++)
        recipient_fields(b, &b->o->recipients[i], action, &text);
    if (!b->o->n_recipients) { /* one group is required, RFC 3464 2.1 */
        haul_bag nobody = {0};
        recipient_fields(b, &nobody, action, &text);
    }
    return status_part(b, "message/delivery-status", &text);
}

static haul_part *disposition(haul_builder *b, const char *disposition)
{
    haul_auto_str text = {0};
    haul_addr who = {0};
    haul_span key;
    haul_arena *a = &b->arena;
    const haul_bag *bag = &b->o->props;
    if (!haul_addr_get(bag, HAUL_ADDR_SENDER, a, &who))
        haul_addr_get(bag, HAUL_ADDR_REPRESENTING, a, &who);
    if (!who.smtp && b->transport.len)
        haul_addr_from_header(b->transport.p, b->transport.len, &who, a);
    line(&text, "Final-Recipient", typed_address(a, &who));
    line(&text, "Original-Message-ID", haul_bag_str(bag, HAUL_TAG_ORIGINAL_MESSAGE_ID, a));
    line(&text, "Disposition",
         haul_arena_printf(a, "automatic-action/MDN-sent-automatically; %s", disposition));
    if (haul_prop_bin(haul_bag_get(bag, HAUL_TAG_PARENT_KEY), &key) && key.len && key.len < 512) {
        char *base64 = g_base64_encode((const guchar *)key.p, key.len);
        line(&text, "X-MSExch-Correlation-Key", base64);
        g_free(base64);
    }
    line(&text, "X-Display-Name", who.name);
    original_fields(b, &text);
    return status_part(b, "message/disposition-notification", &text);
}

/* What people read: the body, else the report text. */
static haul_part *words(haul_builder *b)
{
    haul_part *body = haul_builder_body_part(b, NULL);
    haul_str *text = &b->body.text;
    if (body)
        return body;
    haul_str_clear(text);
    haul_builder_text(b, haul_bag_get(&b->o->props, HAUL_TAG_REPORT_TEXT), text);
    return haul_text_part(b, "text/plain", haul_strz(text), text->len);
}

/* The report part as it came, when the store kept it as an attachment: nothing made anew says as much. [mapi-47] */
static haul_part *stored_part(haul_builder *b, const char *type)
{
    haul_encoding how;
    for (size_t i = 0; i < b->o->n_attachments; i++) {
        const haul_mapi_attach *at = &b->o->attachments[i];
        const char *tag = haul_bag_str(&at->props, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
        if (at->embedded || at->lost || !tag || haul_icmp(tag, type) != 0 ||
            !haul_message_fits(b->o, i, &how) || how != HAUL_ENC_7BIT)
            continue;
        haul_part *p = haul_attach_data(b, b->o, i, type);
        p->encoding = how;
        b->used[i] = true;
        return p;
    }
    return NULL;
}

static haul_part *machine_part(haul_builder *b, const report *r)
{
    bool delivery = r->kind == REPORT_DELIVERY;
    haul_part *p = stored_part(b, delivery ? "message/delivery-status" : "message/disposition-notification");
    if (p)
        return p;
    return delivery ? delivery_status(b, r->action) : disposition(b, r->disposition);
}

haul_part *haul_report_part(haul_builder *b)
{
    report r = report_of(b->o);
    if (r.kind != REPORT_DELIVERY && r.kind != REPORT_DISPOSITION)
        return NULL;
    haul_part *p = haul_part_new(&b->arena, "multipart/report");
    bool delivery = r.kind == REPORT_DELIVERY;
    haul_part_param(p, &b->arena, "report-type", delivery ? "delivery-status" : "disposition-notification");
    haul_part_add(p, words(b));
    haul_part_add(p, machine_part(b, &r));
    /* RFC 6522 3: a third part is the message that is reported on; anything else goes beside the report. */
    for (size_t i = 0; i < b->o->n_attachments; i++)
        if (b->o->attachments[i].embedded) {
            haul_attach_parts(b, b->o, i, false, p);
            b->used[i] = true;
            break;
        }
    return p;
}
