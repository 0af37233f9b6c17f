#include "mime/lids.h"
#include "mime/vcard_parts.h"

#include "base/time.h"

#include <string.h>

/* ── e-mail ── */

/* PidLidEmail1…3: five numbers each (MS-OXOCNTC 2.2.1.2), display name first. */
enum { EMAIL_NAME = 0, EMAIL_TYPE = 2, EMAIL_ADDRESS = 3, EMAIL_ORIGINAL = 4, EMAIL_ENTRY_ID = 5 };

static const char *email_text(haul_card *c, size_t i, uint32_t field)
{
    return haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_EMAIL1 + 0x10 * (uint32_t)i + field);
}

static const char *email_entry(haul_card *c, size_t i)
{
    const haul_prop *p =
        haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, HAUL_LID_EMAIL1 + 0x10 * (uint32_t)i + EMAIL_ENTRY_ID);
    haul_span v;
    haul_addr a = {0};
    if (haul_prop_bin(p, &v) && haul_addr_entry_id(v.p, v.len, c->o->props.codepage, &c->m->arena, &a))
        return a.smtp;
    return NULL;
}

/* An Exchange address has its Internet form in the original display name (MS-OXOCNTC 2.2.1.2.4). */
bool haul_card_email(haul_card *c, size_t i, haul_addr *ret)
{
    const char *type = email_text(c, i, EMAIL_TYPE), *address = email_text(c, i, EMAIL_ADDRESS);
    const char *original = email_text(c, i, EMAIL_ORIGINAL);
    haul_addr a = {.name = email_text(c, i, EMAIL_NAME)};
    bool internet = !type || haul_icmp(type, "SMTP") == 0;
    if (internet && address && haul_addr_ok(address))
        a.smtp = address;
    else if (original && haul_addr_ok(original))
        a.smtp = original;
    else
        a.smtp = email_entry(c, i);
    if (!a.smtp && address)
        a.other = haul_arena_printf(&c->m->arena, "%s:%s", type ? type : "", address);
    *ret = a;
    return a.smtp || a.other;
}

/* Outlook makes "Name (address)" of it; the address is in the line already. */
static const char *name_beside(haul_card *c, const haul_addr *a)
{
    size_t n = a->name ? strlen(a->name) : 0, k = strlen(a->smtp);
    if (n == 0 || haul_icmp(a->name, a->smtp) == 0)
        return NULL;
    if (n > k + 3 && a->name[n - 1] == ')' && strncmp(a->name + n - k - 3, " (", 2) == 0 &&
        strncmp(a->name + n - k - 1, a->smtp, k) == 0)
        return haul_arena_strn(&c->m->arena, a->name, n - k - 3);
    return a->name;
}

static void emails(haul_card *c)
{
    bool any = false;
    for (size_t i = 0; i < HAUL_CARD_EMAILS; i++) {
        haul_addr a;
        if (!haul_card_email(c, i, &a))
            continue;
        if (!a.smtp) {
            haul_card_unresolved(c, a.other, a.name);
            continue;
        }
        haul_vcard_start(&c->w, "EMAIL");
        haul_vcard_list(&c->w, "PREF", any ? NULL : "1");
        haul_vcard_param(&c->w, "X-NAME", name_beside(c, &a));
        haul_vcard_raw(&c->w, ":");
        haul_vcard_text(&c->w, a.smtp);
        haul_vcard_end(&c->w);
        any = true;
    }
}

/* ── telephones ── */

const haul_card_phone haul_card_phones[] = {
    {0x3a08, "work,voice"},     {0x3a1b, "work,voice"},  {0x3a09, "home,voice"}, {0x3a2f, "home,voice"},
    {0x3a1c, "cell"},           {0x3a1a, "voice"},       {0x3a1f, "x-other"},    {0x3a1e, "cell,x-car"},
    {0x3a57, "work,x-company"}, {0x3a2e, "x-assistant"}, {0x3a02, "x-callback"}, {0x3a1d, "x-radio"},
    {0x3a21, "pager"},          {0x3a2d, "x-isdn"},      {0x3a2c, "x-telex"},    {0x3a4b, "textphone"},
    {0x3a24, "work,fax"},       {0x3a25, "home,fax"},    {0x3a23, "fax"},
};
const size_t haul_card_n_phones = HAUL_COUNT(haul_card_phones);
#define TAG_PRIMARY 0x3a1a

static void phone_line(haul_card *c, const haul_card_phone *p, const char *number)
{
    haul_vcard_start(&c->w, "TEL");
    haul_vcard_list(&c->w, "TYPE", p->types);
    haul_vcard_list(&c->w, "PREF", p->tag == TAG_PRIMARY ? "1" : NULL);
    if (strpbrk(number, ",\\")) /* text is what TEL is, but readers that take it for a URI undo no escapes */
        haul_vcard_list(&c->w, "VALUE", "text");
    haul_vcard_raw(&c->w, ":");
    haul_vcard_text(&c->w, number);
    haul_vcard_end(&c->w);
}

static size_t digits(const char *z, char to[32])
{
    size_t n = 0;
    for (; *z; z++)
        if (haul_is_digit((unsigned char)*z) && n < 31)
            to[n++] = *z;
    to[n] = 0;
    return n;
}

/* One of the fax numbers is this one; the country may be in front of it here alone. */
static bool has_fax(haul_card *c, const char *number)
{
    char own[32], other[32];
    size_t n = digits(number, own);
    for (uint16_t tag = 0x3a23; tag <= 0x3a25; tag++) {
        const char *z = haul_card_tag(c, tag);
        size_t k = z ? digits(z, other) : 0;
        if (z && (strcmp(z, number) == 0 || (k > 0 && k <= n && strcmp(own + n - k, other) == 0)))
            return true;
    }
    return false;
}

/* PidLidFax1…3EmailAddress: "name@number", made from the three fax numbers; they count when those are not there. */
static void fax_addresses(haul_card *c)
{
    static const haul_card_phone fax = {0, "fax"};
    for (uint32_t lid = 0x80b3; lid <= 0x80d3; lid += 0x10) {
        const char *z = haul_card_lid(c, HAUL_PSET_ADDRESS, lid), *at = z ? strrchr(z, '@') : NULL;
        if (at && at[1] && !has_fax(c, at + 1))
            phone_line(c, &fax, at + 1);
    }
}

/* The second business and home numbers may be several (MS-OXPROPS). */
static void telephones(haul_card *c)
{
    for (size_t i = 0; i < HAUL_COUNT(haul_card_phones); i++) {
        const haul_prop *p = haul_bag_get(&c->o->props, haul_card_phones[i].tag);
        const char *z = haul_card_prop(c, p);
        haul_prop one;
        if (z)
            phone_line(c, &haul_card_phones[i], z);
        for (size_t k = 0; haul_multi_at(p, k, &one); k++)
            if ((z = haul_card_prop(c, &one)))
                phone_line(c, &haul_card_phones[i], z);
    }
    fax_addresses(c);
}

/* ── postal addresses ── */

const haul_card_place haul_card_places[HAUL_CARD_PLACES] = {
    {"work", {0x804a, 0, 0x8045, 0x8046, 0x8047, 0x8048, 0x8049}, 0x801b, 0x80db, 2},
    {"home", {0x3a5e, 0, 0x3a5d, 0x3a59, 0x3a5c, 0x3a5b, 0x3a5a}, 0x801a, 0x80da, 1},
    {"x-other", {0x3a64, 0, 0x3a63, 0x3a5f, 0x3a62, 0x3a61, 0x3a60}, 0x801c, 0x80dc, 3},
    /* The mailing address: a copy of the one that PidLidPostalAddressId names. */
    {NULL, {0x3a2b, 0, 0x3a29, 0x3a27, 0x3a28, 0x3a2a, 0x3a26}, 0x3a15, 0x80dd, 0},
};
#define MAILING (HAUL_CARD_PLACES - 1)

static const char *place_text(haul_card *c, uint16_t number)
{
    if (number >= 0x8000)
        return haul_card_lid(c, HAUL_PSET_ADDRESS, number);
    return number ? haul_card_tag(c, number) : NULL;
}

static bool place_parts(haul_card *c, const haul_card_place *p, const char *ret[7])
{
    bool any = false;
    for (size_t i = 0; i < 7; i++) {
        ret[i] = place_text(c, p->part[i]);
        any |= ret[i] != NULL;
    }
    return any;
}

static bool same_parts(const char *a[7], const char *b[7])
{
    for (size_t i = 0; i < 7; i++)
        if (strcmp(a[i] ? a[i] : "", b[i] ? b[i] : "") != 0)
            return false;
    return true;
}

/* The mailing address is written when no other is equal to it. */
static bool is_copy(haul_card *c, const char *parts[7], const char *label)
{
    for (size_t i = 0; i < MAILING; i++) {
        const char *others[7], *z = place_text(c, haul_card_places[i].label);
        bool any = place_parts(c, &haul_card_places[i], others);
        if ((any || z) && same_parts(parts, others) && (!label || (z && strcmp(z, label) == 0) || any))
            return true;
    }
    return false;
}

static void address(haul_card *c, const haul_card_place *p, bool preferred)
{
    const char *parts[7], *label = place_text(c, p->label), *code = place_text(c, p->code);
    bool any = place_parts(c, p, parts);
    if ((!any && !label) || (p == &haul_card_places[MAILING] && is_copy(c, parts, label)))
        return;
    haul_vcard_start(&c->w, "ADR");
    haul_vcard_list(&c->w, "TYPE", p->type);
    haul_vcard_list(&c->w, "PREF", preferred ? "1" : NULL);
    haul_vcard_param(&c->w, "LABEL", label);
    if (code && strlen(code) == 2) /* RFC 8605 2.1 */
        haul_vcard_param(&c->w, "CC", code);
    for (size_t i = 0; i < 7; i++) {
        haul_vcard_raw(&c->w, i ? ";" : ":");
        haul_vcard_part(&c->w, parts[i]);
    }
    haul_vcard_end(&c->w);
}

static void addresses(haul_card *c)
{
    int64_t id =
        haul_prop_int_or(haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, HAUL_LID_POSTAL_ADDRESS_ID), 0);
    for (size_t i = 0; i < HAUL_CARD_PLACES; i++)
        address(c, &haul_card_places[i], haul_card_places[i].id && id == haul_card_places[i].id);
}

/* ── dates ── */

#define DAY_US         (86400 * HAUL_US)
#define FILETIME_1970  INT64_C(116444736000000000)
#define OUTLOOK_NOYEAR 1604 /* the year of a date without one, a leap year */

/* haul_prop_time ends at 1900; people and Outlook's year 1604 do not. */
static bool date_us(const haul_prop *p, int64_t *ret)
{
    uint64_t v = 0;
    if (!p || p->type != HAUL_PT_TIME || p->n < 8)
        return false;
    for (size_t i = 8; i-- > 0;)
        v = v << 8 | p->p[i];
    if (v == 0 || v > (uint64_t)(FILETIME_1970 + HAUL_TIME_MAX * 10))
        return false;
    *ret = ((int64_t)v - FILETIME_1970) / 10;
    return true;
}

static void date_line(haul_card *c, const char *name, int64_t us)
{
    haul_civil d;
    haul_civil_from(us / HAUL_US - (us % HAUL_US < 0), &d);
    haul_vcard_start(&c->w, name);
    if (d.year == OUTLOOK_NOYEAR)
        haul_str_addf(&c->w.line, ":--%02d%02d", d.month, d.day);
    else
        haul_str_addf(&c->w.line, ":%04d%02d%02d", d.year, d.month, d.day);
    haul_vcard_end(&c->w);
}

/* The …Local property is the date at midnight without a zone. The tag is midnight in the zone of who entered it, as
 * UTC, or 11:59, which is no time at all (MS-ASCNTC 2.2.2.6). Half a day more finds the date for all zones from -11 to
 * +12; without the first property and off midnight that is a guess. */
static void date(haul_card *c, const char *name, uint32_t local, uint16_t tag)
{
    int64_t us;
    if (date_us(haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, local), &us))
        date_line(c, name, us);
    else if (date_us(haul_bag_get(&c->o->props, tag), &us)) {
        int64_t minute = ((us % DAY_US + DAY_US) % DAY_US) / (60 * HAUL_US);
        date_line(c, name, us + DAY_US / 2);
        if (minute != 0 && minute != 11 * 60 + 59)
            haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CONTACT_DATE_GUESSED, "%s", name);
    }
}

/* ── text lines ── */

const haul_card_row haul_card_rows[] = {
    {"NICKNAME", 0x3a4f, HAUL_PSET_NONE, 0},
    {"TITLE", 0x3a17, HAUL_PSET_NONE, 0},
    {"ROLE", 0x3a46, HAUL_PSET_NONE, 0},
    {"HOBBY", 0x3a43, HAUL_PSET_NONE, 0}, /* RFC 6715 2.2 */
    {"X-FILE-AS", 0, HAUL_PSET_ADDRESS, HAUL_LID_FILE_UNDER},
    {"X-PHONETIC-FIRST-NAME", 0, HAUL_PSET_ADDRESS, 0x802c},
    {"X-PHONETIC-LAST-NAME", 0, HAUL_PSET_ADDRESS, 0x802d},
    {"X-PHONETIC-ORG", 0, HAUL_PSET_ADDRESS, 0x802e},
    {"X-INITIALS", 0x3a0a, HAUL_PSET_NONE, 0},
    {"X-OFFICE", 0x3a19, HAUL_PSET_NONE, 0},
    {"X-LOCATION", 0x3a0d, HAUL_PSET_NONE, 0},
    {"X-ACCOUNT", 0x3a00, HAUL_PSET_NONE, 0},
    {"X-CUSTOMER-ID", 0x3a4a, HAUL_PSET_NONE, 0},
    {"X-GOVERNMENT-ID", 0x3a07, HAUL_PSET_NONE, 0},
    {"X-ORGANIZATIONAL-ID", 0x3a10, HAUL_PSET_NONE, 0},
    {"X-COMPUTER-NETWORK", 0x3a49, HAUL_PSET_NONE, 0},
    {"X-REFERRED-BY", 0x3a47, HAUL_PSET_NONE, 0},
    {"X-BILLING", 0, HAUL_PSET_COMMON, HAUL_LID_BILLING},
    {"X-MILEAGE", 0, HAUL_PSET_COMMON, HAUL_LID_MILEAGE},
    {"X-USER-FIELD-1", 0, HAUL_PSET_ADDRESS, 0x804f},
    {"X-USER-FIELD-2", 0, HAUL_PSET_ADDRESS, 0x8050},
    {"X-USER-FIELD-3", 0, HAUL_PSET_ADDRESS, 0x8051},
    {"X-USER-FIELD-4", 0, HAUL_PSET_ADDRESS, 0x8052},
};

const size_t haul_card_n_rows = HAUL_COUNT(haul_card_rows);

static void text_lines(haul_card *c)
{
    for (size_t i = 0; i < HAUL_COUNT(haul_card_rows); i++) {
        const haul_card_row *l = &haul_card_rows[i];
        haul_card_line(c, l->name, NULL,
                       l->tag ? haul_card_tag(c, l->tag) : haul_card_lid(c, l->set, l->lid));
    }
}

/* A line for each. */
static void many(haul_card *c, const char *name, const haul_prop *p)
{
    haul_prop one;
    for (size_t i = 0; haul_multi_at(p, i, &one); i++)
        haul_card_line(c, name, NULL, haul_card_prop(c, &one));
}

static void names(haul_card *c)
{
    static const uint16_t ids[] = {0x3a11, 0x3a06, 0x3a44, 0x3a45, 0x3a05}; /* in the order of N (6.2.2) */
    bool any = false;
    haul_vcard_start(&c->w, "N");
    for (size_t i = 0; i < HAUL_COUNT(ids); i++) {
        const char *z = haul_card_tag(c, ids[i]);
        haul_vcard_raw(&c->w, i ? ";" : ":");
        haul_vcard_part(&c->w, z);
        any |= z != NULL;
    }
    if (any)
        haul_vcard_end(&c->w);
}

static void organization(haul_card *c)
{
    const char *company = haul_card_tag(c, 0x3a16), *unit = haul_card_tag(c, 0x3a18);
    if (!unit)
        unit = haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_DEPARTMENT);
    if (!company && !unit)
        return;
    haul_vcard_start(&c->w, "ORG");
    haul_vcard_raw(&c->w, ":");
    haul_vcard_part(&c->w, company);
    if (unit) {
        haul_vcard_raw(&c->w, ";");
        haul_vcard_part(&c->w, unit);
    }
    haul_vcard_end(&c->w);
}

/* ── people around, web, the rest ── */

static void related(haul_card *c, const char *type, const char *name)
{
    if (!name)
        return;
    haul_vcard_start(&c->w, "RELATED");
    haul_vcard_list(&c->w, "TYPE", type);
    haul_vcard_list(&c->w, "VALUE", "text");
    haul_vcard_raw(&c->w, ":");
    haul_vcard_text(&c->w, name);
    haul_vcard_end(&c->w);
}

/* "agent" may act on behalf of the contact (RFC 6350 6.6.6), which is what an assistant does. */
static void people(haul_card *c)
{
    const haul_prop *children = haul_bag_get(&c->o->props, 0x3a58);
    haul_prop one;
    related(c, "spouse", haul_card_tag(c, 0x3a48));
    for (size_t i = 0; haul_multi_at(children, i, &one); i++)
        related(c, "child", haul_card_prop(c, &one));
    related(c, "x-manager", haul_card_tag(c, 0x3a4e));
    related(c, "agent", haul_card_tag(c, 0x3a30));
    many(c, "X-CONTACT", haul_bag_lid(&c->o->props, HAUL_PSET_COMMON, HAUL_LID_CONTACTS));
    many(c, "X-COMPANY", haul_bag_lid(&c->o->props, HAUL_PSET_COMMON, HAUL_LID_COMPANIES));
}

static void url(haul_card *c, const char *name, const char *type, const char *scheme, const char *z)
{
    if (!z)
        return;
    haul_vcard_start(&c->w, name);
    haul_vcard_list(&c->w, "TYPE", type);
    haul_vcard_raw(&c->w, ":");
    haul_vcard_uri(&c->w, scheme, z);
    haul_vcard_end(&c->w);
}

static void web(haul_card *c)
{
    const char *business = haul_card_tag(c, 0x3a51),
               *html = haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_HTML);
    url(c, "URL", "work", "http://", business);
    if (html && (!business || strcmp(business, html) != 0)) /* PidLidHtml repeats it */
        url(c, "URL", "work", "http://", html);
    url(c, "URL", "home", "http://", haul_card_tag(c, 0x3a50));
    url(c, "URL", "x-ftp", "ftp://", haul_card_tag(c, 0x3a4c));
    url(c, "FBURL", NULL, "http://", haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_FREE_BUSY));
}

/* An address without a scheme may be of any service; "im:" says just that (RFC 3860). */
static void instant_messages(haul_card *c)
{
    const char *z = haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_INSTANT_MESSAGING);
    if (z && (haul_vcard_scheme(z) || haul_addr_ok(z)))
        url(c, "IMPP", NULL, "im:", z);
    else
        haul_card_line(c, "X-IM", NULL, z);
}

/* A language tag has letters, digits and hyphens (RFC 5646); Outlook lets people write anything. */
static void language(haul_card *c)
{
    const char *z = haul_card_tag(c, 0x3a0c);
    size_t n = 0, letters = 0;
    if (!z)
        return;
    while (haul_is_alpha((unsigned char)z[letters]))
        letters++;
    for (n = letters;
         haul_is_alpha((unsigned char)z[n]) || haul_is_digit((unsigned char)z[n]) || z[n] == '-';)
        n++;
    bool tag = !z[n] && letters >= 2 && letters <= 3;
    haul_card_line(c, tag ? "LANG" : "X-LANGUAGE", NULL, z);
}

static void gender(haul_card *c)
{
    int64_t v = haul_prop_int_or(haul_bag_get(&c->o->props, 0x3a4d), 0); /* 1 female, 2 male */
    haul_card_line(c, "GENDER", NULL, v == 1 ? "F" : v == 2 ? "M" : NULL);
}

void haul_card_contact(haul_card *c)
{
    names(c);
    organization(c);
    emails(c);
    telephones(c);
    addresses(c);
    web(c);
    instant_messages(c);
    date(c, "BDAY", 0x80de, 0x3a42);
    date(c, "ANNIVERSARY", 0x80df, 0x3a41);
    gender(c);
    language(c);
    people(c);
    text_lines(c);
}
