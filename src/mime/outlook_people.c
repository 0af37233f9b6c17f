/* Addresses as MAPI stores them: senders, recipients, Reply-To. MS-OXCMAIL 2.2.3, MS-OXCDATA 2.2.5.1, 2.3.3;
 * docs/mapi.md [mapi-r12]… */
#include "base/utf.h"
#include "mime/addr.h"
#include "mime/header.h"
#include "mime/mailbox.h"
#include "mime/outlook_parts.h"

#include <string.h>

#define NAME_MAX_OCTETS 4096u /* of a display name or address */
#define REPLY_TO_MAX    256u  /* addresses of Reply-To */

typedef struct person { /* texts borrowed; addr "" = it has none */
    const char *name, *addr;
} person;

static const uint8_t one_off_uid[16] = {0x81, 0x2b, 0x1f, 0xa4, 0xbe, 0xa3, 0x10, 0x19,
                                        0x9d, 0x6e, 0x00, 0xdd, 0x01, 0x0f, 0x54, 0x02};

/* MS-OXCDATA 2.2.5.1: flags, provider, version, then MAE and Unicode bits: not TNEF, MIME format. */
void haul_one_off(haul_str *to, const char *name, const char *type, const char *addr)
{
    const char *const v[] = {name, type, addr};
    haul_le_add(to, 0, 4);
    haul_str_add(to, one_off_uid, sizeof(one_off_uid));
    haul_le_add(to, 0, 2);
    haul_le_add(to, 0x9001, 2); /* M: no RTF to this one; U: Unicode */
    for (size_t i = 0; i < HAUL_COUNT(v); i++) {
        haul_utf16_add(to, v[i], strlen(v[i]));
        haul_le_add(to, 0, 2);
    }
}

/* "SMTP:ADA@X.ORG" with its NUL in upper case: PidTagSearchKey of an address. */
static void put_search_key(const haul_put *to, uint16_t tag, const char *addr)
{
    haul_auto_str key = {0};
    haul_str_addf(&key, "SMTP:%s", addr);
    for (size_t i = 0; i < key.len; i++)
        key.p[i] = (char)(key.p[i] >= 'a' && key.p[i] <= 'z' ? key.p[i] - 32 : key.p[i]);
    haul_put_bin(to, HAUL_TAG(tag), key.p, key.len + 1);
}

typedef struct person_tags {
    uint16_t name, type, email, smtp, entry, key;
} person_tags;

static void put_person(const haul_put *to, const person_tags *t, const person *p)
{
    haul_auto_str entry = {0};
    const char *name = *p->name ? p->name : p->addr;
    haul_put_text(to, HAUL_TAG(t->name), name);
    if (*p->addr) {
        if (t->type)
            haul_put_text(to, HAUL_TAG(t->type), "SMTP");
        if (t->email)
            haul_put_text(to, HAUL_TAG(t->email), p->addr);
        if (t->smtp)
            haul_put_text(to, HAUL_TAG(t->smtp), p->addr);
        put_search_key(to, t->key, p->addr);
    }
    haul_one_off(&entry, name, "SMTP", p->addr);
    haul_put_bin(to, HAUL_TAG(t->entry), entry.p, entry.len);
}

/* ── walking a field ── */

typedef struct people {
    haul_str flat;
    haul_mailbox box;
    haul_mailboxes list;
} people;

static void people_open(people *l, haul_span value)
{
    *l = (people){0};
    if (value.p)
        haul_header_unfold(value, &l->flat);
    l->list.s = (haul_span){haul_strz(&l->flat), l->flat.len};
}

/* A text of bounded length, from the arena; "" for none. */
static const char *kept(haul_outlook *x, const haul_str *s)
{
    return s->len ? haul_arena_strn(&x->o.arena, s->p, haul_utf8_cut(s->p, s->len, NAME_MAX_OCTETS)) : "";
}

static bool people_next(people *l, haul_outlook *x, person *ret)
{
    while (haul_mailboxes_next(&l->list, &l->box)) {
        *ret = (person){kept(x, &l->box.name), kept(x, &l->box.addr)};
        if (*ret->addr && !strchr(ret->addr, '@') &&
            !*ret->name) /* "root": a name, as far as Internet mail goes */
            *ret = (person){ret->addr, ""};
        if (*ret->name || *ret->addr)
            return true;
    }
    return false;
}

static void people_done(people *l)
{
    haul_mailbox_done(&l->box);
    haul_str_done(&l->flat);
}

/* ── senders ── */

bool haul_outlook_person(haul_outlook *x, haul_role role, haul_span value)
{
    return haul_outlook_people(x, value, &role, 1);
}

bool haul_outlook_people(haul_outlook *x, haul_span value, const haul_role *roles, size_t n)
{
    static const person_tags tags[] = {
        [HAUL_ROLE_SENDER] = {0x0c1a, 0x0c1e, 0x0c1f, 0x5d01, 0x0c19, 0x0c1d},
        [HAUL_ROLE_REPRESENTING] = {0x0042, 0x0064, 0x0065, 0x5d02, 0x0041, 0x003b},
        [HAUL_ROLE_READ_RECEIPT] = {0x402b, 0x4029, 0x402a, 0x5d05, 0x0046, 0x0053},
        [HAUL_ROLE_REPORT] = {0x003a, 0, 0, 0, 0x0045, 0x0054},
    };
    people l;
    person p;
    people_open(&l, value);
    bool is = people_next(&l, x, &p);
    for (size_t i = 0; is && i < n; i++)
        put_person(&x->to, &tags[roles[i]], &p);
    people_done(&l);
    return is;
}

/* ── recipients ── */

static haul_bag *new_recipient(haul_outlook *x)
{
    haul_mapi *o = &x->o;
    if (o->n_recipients == x->cap_recipients) {
        size_t cap = x->cap_recipients ? x->cap_recipients * 2 : 8;
        haul_bag *v = haul_arena_calloc(&o->arena, cap * sizeof(*v));
        if (o->n_recipients)
            memcpy(v, o->recipients, o->n_recipients * sizeof(*v));
        o->recipients = v;
        x->cap_recipients = cap;
    }
    return &o->recipients[o->n_recipients++];
}

haul_bag *haul_outlook_recipient(haul_outlook *x, int type, const char *name, const char *addr, int flags)
{
    static const person_tags tags = {HAUL_TAG_DISPLAY_NAME, 0x3002, 0x3003, 0x39fe, 0x0fff, 0x300b};
    haul_bag *bag = new_recipient(x);
    const haul_put to = {bag, &x->o.arena};
    const char *shown = *name ? name : addr;
    haul_put_int(&to, HAUL_TAG(HAUL_TAG_RECIPIENT_TYPE), type);
    put_person(&to, &tags, &(person){name, addr});
    haul_put_text(&to, HAUL_TAG(0x5ff6), shown); /* PidTagRecipientDisplayName */
    haul_put_bool(&to, HAUL_TAG(0x0e0f), true);  /* PidTagResponsibility */
    haul_put_int(&to, HAUL_TAG(0x0ffe), 6);      /* PidTagObjectType: a mail user */
    haul_put_int(&to, HAUL_TAG(0x3900), 0);      /* PidTagDisplayType */
    haul_put_bool(&to, HAUL_TAG(0x3a40), false); /* PidTagSendRichInfo */
    haul_put_int(&to, HAUL_TAG(0x5ffd), flags);  /* PidTagRecipientFlags */
    return bag;
}

/* A group without members ("undisclosed-recipients:;") is nobody, but for those we wrote ourselves. [mapi-13] */
void haul_outlook_recipients(haul_outlook *x, int type, haul_span value)
{
    people l;
    person p;
    if (x->own_recipients)
        return;
    people_open(&l, value);
    while (people_next(&l, x, &p)) {
        bool nobody = !*p.addr && (haul_icmp(p.name, "undisclosed-recipients") == 0 ||
                                   haul_icmp(p.name, "undisclosed recipients") == 0);
        if (nobody)
            continue;
        if (x->o.n_recipients < HAUL_OUTLOOK_RECIPIENTS_MAX) {
            haul_outlook_recipient(x, type, p.name, p.addr, HAUL_RECIPIENT_SENDABLE);
            continue;
        }
        if (!x->too_many_recipients)
            haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_RECIPIENTS, "more than %u", HAUL_OUTLOOK_RECIPIENTS_MAX);
        x->too_many_recipients = true;
        break;
    }
    people_done(&l);
}

/* PidTagDisplayTo, …Cc, …Bcc: names with "; " between. */
void haul_outlook_displayed(haul_outlook *x)
{
    static const uint16_t tags[] = {0x0e04, 0x0e03, 0x0e02};
    haul_str v[3] = {0};
    for (size_t i = 0; i < x->o.n_recipients; i++) {
        const haul_bag *r = &x->o.recipients[i];
        int64_t type = haul_prop_int_or(haul_bag_get(r, HAUL_TAG_RECIPIENT_TYPE), 1);
        haul_str *to = &v[type < 1 || type > 3 ? 0 : type - 1];
        if (to->len > HAUL_OUTLOOK_TEXT_MAX)
            continue;
        haul_str_addz(to, to->len ? "; " : "");
        (void)haul_prop_text(r, haul_bag_get(r, HAUL_TAG_DISPLAY_NAME), to, NULL);
    }
    for (size_t i = 0; i < HAUL_COUNT(tags); i++) {
        haul_put_textn(&x->to, HAUL_TAG(tags[i]), haul_strz(&v[i]), v[i].len);
        haul_str_done(&v[i]);
    }
}

/* ── Reply-To: a FlatEntryList of one-off entry ids, MS-OXOMSG 2.2.1.43, MS-OXCDATA 2.3.3 ── */

void haul_outlook_reply_to(haul_outlook *x, haul_span value)
{
    haul_auto_str entries = {0}, names = {0}, flat = {0};
    people l;
    person p;
    size_t n = 0;
    people_open(&l, value);
    while (n < REPLY_TO_MAX && people_next(&l, x, &p)) {
        haul_auto_str one = {0};
        const char *name = *p.name ? p.name : p.addr;
        haul_one_off(&one, name, "SMTP", p.addr);
        haul_le_add(&entries, one.len, 4);
        haul_str_add(&entries, one.p, one.len);
        haul_le_add(&entries, 0, (4 - one.len % 4) % 4);
        haul_str_addf(&names, "%s%s", n ? "; " : "", name);
        n++;
    }
    people_done(&l);
    if (!n)
        return;
    haul_le_add(&flat, n, 4);
    haul_le_add(&flat, entries.len, 4);
    haul_str_add(&flat, entries.p, entries.len);
    haul_put_bin(&x->to, HAUL_TAG(HAUL_TAG_REPLY_RECIPIENT_ENTRIES), flat.p, flat.len);
    haul_put_text(&x->to, HAUL_TAG(HAUL_TAG_REPLY_RECIPIENT_NAMES), names.p);
}
