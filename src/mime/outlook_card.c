/* A vCard as a contact or a distribution list: the reverse of vcard_contact.c and vcard_list.c. The card itself is kept beside,
 * so that nothing of it is lost. MS-OXVCARD 2.1, MS-OXOCNTC 2.2; docs/mapi.md [mapi-r56], [mapi-r57]. */
#include "base/time.h"
#include "mime/header.h"
#include "mime/lids.h"
#include "mime/outlook_parts.h"
#include "mime/vcard_read.h"
#include "mime/vcard_rows.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define CARD_MAX       (8u * 1024u * 1024u) /* octets of a card that is looked into */
#define LINES_MAX      65536u
#define MEMBERS_MAX    4096u
#define LIST_MAX       256u
#define EMAILS         3u
#define OUTLOOK_NOYEAR 1604 /* the year of a date without one */

typedef struct card {
    haul_outlook *x;
    haul_span text;
    bool group;
    unsigned emails;
    const char *contacts[LIST_MAX], *companies[LIST_MAX], *children[LIST_MAX];
    size_t n_contacts, n_companies, n_children;
    haul_span members[MEMBERS_MAX];
    size_t n_members;
} card;

static haul_arena *arena_of(const card *c)
{
    return &c->x->o.arena;
}

static void put(const card *c, haul_key k, const char *z)
{
    size_t n = strlen(z);
    if (n && n <= HAUL_OUTLOOK_TEXT_MAX)
        haul_put_textn(&c->x->to, k, z, n);
}

static haul_key address_key(uint16_t number)
{
    return number >= 0x8000 ? HAUL_LID(ADDRESS, number) : HAUL_TAG(number);
}

/* ── lines of contacts ── */

static void take_email(card *c, const haul_card_line_in *l)
{
    uint32_t lid = HAUL_LID_EMAIL1 + 0x10 * c->emails;
    const char *addr = haul_vcard_plain(l->value, arena_of(c)), *name = haul_vcard_get(l, "X-NAME");
    haul_auto_str entry = {0};
    if (c->emails == EMAILS || !*addr)
        return;
    name = *name ? name : addr;
    put(c, HAUL_LID(ADDRESS, lid), name);
    put(c, HAUL_LID(ADDRESS, lid + 2), "SMTP");
    put(c, HAUL_LID(ADDRESS, lid + 3), addr);
    put(c, HAUL_LID(ADDRESS, lid + 4), addr);
    haul_one_off(&entry, name, "SMTP", addr);
    haul_put_bin(&c->x->to, HAUL_LID(ADDRESS, lid + 5), entry.p, entry.len);
    c->emails++;
}

/* All words of a row are among the types of the line. */
static bool fits(const haul_card_line_in *l, const char *types)
{
    for (size_t n; *types; types += n + (types[n] == ',')) {
        char word[32];
        n = strcspn(types, ",");
        if (n >= sizeof(word))
            return false;
        memcpy(word, types, n);
        word[n] = '\0';
        if (!haul_vcard_is_type(l, word))
            return false;
    }
    return true;
}

/* Cards of others do not say "voice", and say other things beside. */
static const char *usual_types(const haul_card_line_in *l)
{
    bool home = haul_vcard_is_type(l, "home");
    if (haul_vcard_is_type(l, "fax"))
        return home ? "home,fax" : haul_vcard_is_type(l, "work") ? "work,fax" : "fax";
    if (haul_vcard_is_type(l, "cell"))
        return "cell";
    if (haul_vcard_is_type(l, "pager"))
        return "pager";
    return home ? "home,voice" : haul_vcard_is_type(l, "work") ? "work,voice" : "x-other";
}

static bool put_phone(card *c, const haul_card_line_in *l, const char *types, const char *number)
{
    for (size_t i = 0; i < haul_card_n_phones; i++) {
        const haul_card_phone *p = &haul_card_phones[i];
        if ((types ? strcmp(p->types, types) != 0 : !fits(l, p->types)) ||
            haul_put_has(&c->x->to, HAUL_TAG(p->tag)))
            continue;
        put(c, HAUL_TAG(p->tag), number);
        return true;
    }
    return false;
}

static void take_phone(card *c, const haul_card_line_in *l)
{
    const char *z = haul_vcard_plain(l->value, arena_of(c));
    z += haul_istarts(z, strlen(z), "tel:") ? 4 : 0;
    const char *all = haul_vcard_get(l, "TYPE");
    if (!*z || put_phone(c, l, all, z)) /* as we write them ourselves */
        return;
    (void)(put_phone(c, l, usual_types(l), z) || put_phone(c, l, "voice", z));
}

static void take_address(card *c, const haul_card_line_in *l)
{
    static const char *const types[] = {"work", "home", "x-other"};
    size_t i = 0;
    while (i < HAUL_COUNT(types) && !haul_vcard_is_type(l, types[i]))
        i++;
    const haul_card_place *p = &haul_card_places[i];
    for (size_t k = 0; k < 7; k++)
        if (p->part[k])
            put(c, address_key(p->part[k]), haul_vcard_component(l->value, k, arena_of(c)));
    put(c, address_key(p->label), haul_vcard_get(l, "LABEL"));
    put(c, address_key(p->code), haul_vcard_get(l, "CC"));
    if (p->id && (*haul_vcard_get(l, "PREF") || haul_vcard_is_type(l, "pref")))
        haul_put_int(&c->x->to, HAUL_LID(ADDRESS, HAUL_LID_POSTAL_ADDRESS_ID), p->id);
}

/* "19800229", "1980-02-29", "--0229" and what is behind it. */
static bool parse_date(const char *z, haul_civil *ret)
{
    char digits[9];
    size_t n = 0;
    bool no_year = strncmp(z, "--", 2) == 0;
    for (; *z && *z != 'T' && n < 8; z++)
        if (haul_is_digit((unsigned char)*z))
            digits[n++] = *z;
        else if (*z != '-')
            return false;
    if (n != (no_year ? 4u : 8u))
        return false;
    digits[n] = '\0';
    const char *day = digits + (no_year ? 0 : 4);
    *ret =
        (haul_civil){.month = (day[0] - '0') * 10 + day[1] - '0', .day = (day[2] - '0') * 10 + day[3] - '0'};
    for (size_t i = 0; !no_year && i < 4; i++)
        ret->year = ret->year * 10 + digits[i] - '0';
    ret->year = no_year ? OUTLOOK_NOYEAR : ret->year;
    return haul_civil_ok(ret) && ret->year > 1601 && ret->year < 4500;
}

/* The date itself, and the instant that Outlook reckons with (MS-OXOCNTC 2.2.1.5). */
static void take_date(card *c, const haul_card_line_in *l, uint32_t local, uint16_t tag)
{
    haul_civil d;
    if (!parse_date(l->value, &d))
        return;
    int64_t us = haul_civil_to(&d) * HAUL_US;
    haul_put_time(&c->x->to, HAUL_LID(ADDRESS, local), us);
    haul_put_time(&c->x->to, HAUL_TAG(tag), us + (11 * 3600 + 59 * 60) * HAUL_US);
}

static void take_name(card *c, const haul_card_line_in *l)
{
    static const uint16_t ids[] = {0x3a11, 0x3a06, 0x3a44, 0x3a45, 0x3a05};
    for (size_t i = 0; i < HAUL_COUNT(ids); i++)
        put(c, HAUL_TAG(ids[i]), haul_vcard_component(l->value, i, arena_of(c)));
}

static void take_organization(card *c, const haul_card_line_in *l)
{
    put(c, HAUL_TAG(0x3a16), haul_vcard_component(l->value, 0, arena_of(c)));
    put(c, HAUL_TAG(0x3a18), haul_vcard_component(l->value, 1, arena_of(c)));
}

static void take_url(card *c, const haul_card_line_in *l)
{
    uint16_t tag = haul_vcard_is_type(l, "x-ftp") ? 0x3a4c : haul_vcard_is_type(l, "home") ? 0x3a50 : 0x3a51;
    put(c, HAUL_TAG(tag), l->value);
    if (tag == 0x3a51)
        put(c, HAUL_LID(ADDRESS, HAUL_LID_HTML), l->value);
}

static void add_to(const char **v, size_t *n, const char *z)
{
    if (*n < LIST_MAX && *z && strlen(z) <= HAUL_OUTLOOK_TEXT_MAX)
        v[(*n)++] = z;
}

static void take_related(card *c, const haul_card_line_in *l)
{
    const char *z = haul_vcard_plain(l->value, arena_of(c));
    if (haul_vcard_is_type(l, "spouse"))
        put(c, HAUL_TAG(0x3a48), z);
    else if (haul_vcard_is_type(l, "x-manager"))
        put(c, HAUL_TAG(0x3a4e), z);
    else if (haul_vcard_is_type(l, "agent"))
        put(c, HAUL_TAG(0x3a30), z);
    else if (haul_vcard_is_type(l, "child"))
        add_to(c->children, &c->n_children, z);
}

static void take_gender(card *c, const haul_card_line_in *l)
{
    if (l->value[0] == 'F' || l->value[0] == 'M')
        haul_put_int(&c->x->to, HAUL_TAG(0x3a4d), l->value[0] == 'F' ? 1 : 2);
}

/* The picture is an attachment of that name (MS-OXOCNTC 2.2.1.8). */
static void take_photo(card *c, const haul_card_line_in *l)
{
    const char *base64 = strstr(l->value, ";base64,");
    bool data = haul_istarts(l->value, strlen(l->value), "data:image/") && base64;
    gsize n = 0;
    if (!data)
        return;
    guchar *p = g_base64_decode(base64 + 8, &n);
    haul_held held = {.how = HAUL_CONTENT_TEXT,
                      .text = {haul_arena_strn(arena_of(c), n ? p : (const guchar *)"", n), n}};
    g_free(p);
    if (!n)
        return;
    haul_put to = haul_outlook_attach(c->x, held, "image/jpeg");
    c->x->o.attachments[c->x->o.n_attachments - 1].size = n;
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_LONG_FILENAME), "ContactPicture.jpg");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_FILENAME), "ContactP.jpg");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_EXTENSION), ".jpg");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), "ContactPicture.jpg");
    haul_put_bool(&to, HAUL_TAG(0x7fff), true); /* PidTagAttachmentContactPhoto */
    haul_put_bool(&to, HAUL_TAG(HAUL_TAG_ATTACH_HIDDEN), true);
    haul_put_bool(&c->x->to, HAUL_LID(ADDRESS, HAUL_LID_HAS_PICTURE), true);
}

/* ── lines of lists: MS-OXOCNTC 2.2.2.2 ── */

static void take_member(card *c, const haul_card_line_in *l, bool resolved)
{
    haul_auto_str entry = {0};
    const char *addr = "", *name = haul_vcard_get(l, "X-NAME");
    if (c->n_members == MEMBERS_MAX)
        return;
    if (resolved && haul_istarts(l->value, strlen(l->value), "mailto:")) {
        char *z = g_uri_unescape_string(l->value + 7, NULL);
        addr = haul_arena_str(arena_of(c), z ? z : l->value + 7);
        g_free(z);
    } else {
        name = haul_vcard_plain(l->value, arena_of(c));
    }
    haul_one_off(&entry, *name ? name : addr, "SMTP", addr);
    c->members[c->n_members++] = (haul_span){haul_arena_strn(arena_of(c), entry.p, entry.len), entry.len};
}

/* ── the card ── */

static void take_common(card *c, const haul_card_line_in *l)
{
    static const char *const classes[] = {"PERSONAL", "PRIVATE", "CONFIDENTIAL"};
    haul_arena *a = arena_of(c);
    if (strcmp(l->name, "FN") == 0) {
        put(c, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), haul_vcard_plain(l->value, a));
        if (c->group)
            put(c, HAUL_LID(ADDRESS, HAUL_LID_LIST_NAME), haul_vcard_plain(l->value, a));
    } else if (strcmp(l->name, "NOTE") == 0 && c->x->text == HAUL_NO_NODE && c->x->html == HAUL_NO_NODE) {
        const char *z = haul_vcard_plain(l->value, a);
        haul_put_lines(&c->x->to, HAUL_TAG(HAUL_TAG_BODY), z, strlen(z));
    } else if (strcmp(l->name, "X-CLASS") == 0 || strcmp(l->name, "CLASS") == 0) {
        for (int i = 0; i < (int)HAUL_COUNT(classes); i++)
            if (haul_icmp(l->value, classes[i]) == 0)
                haul_put_int(&c->x->to, HAUL_TAG(HAUL_TAG_SENSITIVITY), i + 1);
    } else if (strcmp(l->name, "X-CONTACT") == 0) {
        add_to(c->contacts, &c->n_contacts, haul_vcard_plain(l->value, a));
    } else if (strcmp(l->name, "X-COMPANY") == 0) {
        add_to(c->companies, &c->n_companies, haul_vcard_plain(l->value, a));
    }
}

static const struct {
    const char *name;
    void (*take)(card *c, const haul_card_line_in *l);
} takers[] = {{"N", take_name},          {"ORG", take_organization}, {"EMAIL", take_email},
              {"TEL", take_phone},       {"ADR", take_address},      {"URL", take_url},
              {"RELATED", take_related}, {"GENDER", take_gender},    {"PHOTO", take_photo}};

static void take_contact(card *c, const haul_card_line_in *l)
{
    haul_arena *a = arena_of(c);
    for (size_t i = 0; i < HAUL_COUNT(takers); i++)
        if (strcmp(l->name, takers[i].name) == 0)
            takers[i].take(c, l);
    for (size_t i = 0; i < haul_card_n_rows; i++) {
        const haul_card_row *r = &haul_card_rows[i];
        if (strcmp(l->name, r->name) == 0)
            put(c, r->tag ? HAUL_TAG(r->tag) : (haul_key){r->set, r->lid, NULL},
                haul_vcard_plain(l->value, a));
    }
    if (strcmp(l->name, "BDAY") == 0)
        take_date(c, l, HAUL_LID_BIRTHDAY_LOCAL, 0x3a42);
    else if (strcmp(l->name, "ANNIVERSARY") == 0)
        take_date(c, l, HAUL_LID_ANNIVERSARY_LOCAL, 0x3a41);
    else if (strcmp(l->name, "FBURL") == 0)
        put(c, HAUL_LID(ADDRESS, HAUL_LID_FREE_BUSY), l->value);
    else if (strcmp(l->name, "IMPP") == 0 || strcmp(l->name, "X-IM") == 0)
        put(c, HAUL_LID(ADDRESS, HAUL_LID_INSTANT_MESSAGING), haul_vcard_plain(l->value, a));
    else if (strcmp(l->name, "LANG") == 0 || strcmp(l->name, "X-LANGUAGE") == 0)
        put(c, HAUL_TAG(0x3a0c), haul_vcard_plain(l->value, a));
}

/* "Lovelace, Ada", as Outlook sorts contacts. */
static void put_file_under(const card *c)
{
    const haul_bag *b = c->x->to.bag;
    const char *last = haul_bag_str(b, 0x3a11, arena_of(c)), *first = haul_bag_str(b, 0x3a06, arena_of(c));
    const char *name = haul_bag_str(b, HAUL_TAG_DISPLAY_NAME, arena_of(c));
    if (last && first)
        name = haul_arena_printf(arena_of(c), "%s, %s", last, first);
    put(c, HAUL_LID(ADDRESS, HAUL_LID_FILE_UNDER), name ? name : "");
}

static void finish(card *c)
{
    static const int32_t slots[] = {0, 1, 2};
    const haul_put *to = &c->x->to;
    haul_span v;
    const char *name = haul_bag_str(to->bag, HAUL_TAG_DISPLAY_NAME, arena_of(c));
    if (name && !haul_header_find(c->x->header.p, c->x->header.len, "Subject", &v))
        put(c, HAUL_TAG(HAUL_TAG_SUBJECT), name);
    put_file_under(c);
    haul_put_texts(to, HAUL_LID(COMMON, HAUL_LID_CONTACTS), c->contacts, c->n_contacts);
    haul_put_texts(to, HAUL_LID(COMMON, HAUL_LID_COMPANIES), c->companies, c->n_companies);
    haul_put_texts(to, HAUL_TAG(0x3a58), c->children, c->n_children);
    haul_put_int(to, HAUL_TAG(HAUL_TAG_ICON_INDEX), c->group ? 0x202 : 0x200); /* MS-OXOCNTC 2.2.1.11 */
    if (c->group) {
        haul_put_bins(to, HAUL_LID(ADDRESS, HAUL_LID_LIST_MEMBERS), c->members, c->n_members);
        haul_put_bins(to, HAUL_LID(ADDRESS, HAUL_LID_LIST_ONE_OFF_MEMBERS), c->members, c->n_members);
    } else if (c->emails) { /* MS-OXOCNTC 2.2.1.2.11, .12: which of the addresses are there */
        haul_put_ints(to, HAUL_LID(ADDRESS, HAUL_LID_ADDRESS_BOOK_EMAILS), slots, c->emails);
        haul_put_int(to, HAUL_LID(ADDRESS, HAUL_LID_ADDRESS_BOOK_TYPES), (1 << c->emails) - 1);
    }
}

/* One card of version 3 or 4; *ret_group tells a list. */
static bool is_readable(haul_span text, haul_arena *a, bool *ret_group)
{
    haul_card_line_in l;
    unsigned begun = 0, lines = 0;
    bool version = false;
    for (size_t pos = 0; haul_vcard_next(text, &pos, a, &l) && lines < LINES_MAX; lines++) {
        begun += strcmp(l.name, "BEGIN") == 0 && haul_icmp(l.value, "VCARD") == 0;
        version = version || (strcmp(l.name, "VERSION") == 0 && (l.value[0] == '3' || l.value[0] == '4'));
        *ret_group = *ret_group || (strcmp(l.name, "KIND") == 0 && haul_icmp(l.value, "group") == 0);
    }
    return begun == 1 && version && lines < LINES_MAX;
}

static void take_lines(card *c)
{
    haul_card_line_in l;
    for (size_t pos = 0; haul_vcard_next(c->text, &pos, arena_of(c), &l);) {
        take_common(c, &l);
        if (!c->group)
            take_contact(c, &l);
        else if (strcmp(l.name, "MEMBER") == 0 || strcmp(l.name, "X-MEMBER") == 0)
            take_member(c, &l, l.name[0] == 'M');
        else if (strcmp(l.name, "X-FILE-AS") == 0)
            put(c, HAUL_LID(ADDRESS, HAUL_LID_FILE_UNDER), haul_vcard_plain(l.value, arena_of(c)));
    }
    finish(c);
}

static bool is_card(const haul_node *n)
{
    return n->kind == HAUL_NODE_LEAF &&
           (strcmp(n->type, "text/vcard") == 0 || strcmp(n->type, "text/x-vcard") == 0 ||
            strcmp(n->type, "text/directory") == 0);
}

/* The card of a message that is nothing but a contact: mail may have cards as attachments. */
static size_t find_card(const haul_outlook *x, const char *stated)
{
    haul_span s = {stated ? stated : "", stated ? strlen(stated) : 0};
    bool item = haul_class_kind(s) == HAUL_KIND_CONTACT || (x->m && x->m->kind == HAUL_KIND_CONTACT) ||
                is_card(x->nodes);
    for (size_t i = 0; item && i < x->n_nodes; i++)
        if (is_card(&x->nodes[i]))
            return i;
    return HAUL_NO_NODE;
}

const char *haul_outlook_card(haul_outlook *x)
{
    haul_auto_str text = {0};
    const char *stated = x->stated;
    bool group = false;
    x->card = find_card(x, stated);
    if (x->card == HAUL_NO_NODE)
        return NULL;
    if (!haul_outlook_octets(&x->nodes[x->card], CARD_MAX, &text, NULL) ||
        !is_readable((haul_span){haul_strz(&text), text.len}, &x->o.arena, &group)) {
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_CARD_UNREAD, "%s", x->nodes[x->card].part.name);
        return NULL;
    }
    card *c = haul_calloc(1, sizeof(*c)); /* too large for the stack */
    *c = (card){.x = x, .text = {haul_strz(&text), text.len}, .group = group};
    take_lines(c);
    free(c);
    haul_outlook_keep(x, x->card, "Card", "", true);
    const char *class = group ? "IPM.DistList" : "IPM.Contact";
    return stated && haul_class_is((haul_span){stated, strlen(stated)}, class) ? stated : class;
}
