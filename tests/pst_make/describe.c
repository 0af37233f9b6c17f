#include "pst_make/describe.h"

#include "pst/ndb.h"
#include "pst_make/le.h"
#include "pst_make/messaging.h"
#include "pst_make/values.h"

#include <stdlib.h>
#include <string.h>

#define PROPS_MAX   256u /* of one object */
#define FOLDERS_MAX 64u  /* nested */

typedef struct maker {
    haul_made *pst;
    haul_values values;
    uint32_t inbox;
    haul_made_value roles[16]; /* entry ids for the inbox and the root */
    size_t n_roles;
    uint32_t ren[5]; /* PidTagAdditionalRenEntryIds: nids, 0 = none */
} maker;

/* ── Properties ── */

typedef struct bag {
    maker *m;
    haul_made_value *v;
    size_t n;
} bag;

static bag bag_new(maker *m)
{
    return (bag){.m = m, .v = haul_arena_calloc(&m->values.arena, PROPS_MAX * sizeof(haul_made_value))};
}

static haul_made_props bag_props(const bag *b)
{
    return (haul_made_props){.v = b->v, .n = b->n};
}

static void bag_value(bag *b, haul_made_value v)
{
    if (b->n < PROPS_MAX)
        b->v[b->n++] = v;
    else
        haul_value_bad(&b->m->values, "more than %u properties", PROPS_MAX);
}

static void bag_put(bag *b, uint32_t tag, const json_t *j)
{
    if (j)
        bag_value(b, haul_value(&b->m->values, tag, j));
}

static void bag_u32(bag *b, uint32_t tag, uint32_t n)
{
    uint8_t p[4];
    haul_put32(p, n);
    bag_value(b, (haul_made_value){.tag = tag, .p = haul_arena_strn(&b->m->values.arena, p, 4), .n = 4});
}

/* "props": {"0x0037001F": value} */
static void bag_object(bag *b, const json_t *props)
{
    const char *key;
    const json_t *j;
    void *p = NULL;
    memcpy(&p, &props, sizeof(p)); /* the iterator of jansson takes no const */
    json_object_foreach((json_t *)p, key, j) bag_put(b, haul_value_tag(&b->m->values, key), j);
}

/* "named": [{"set", "lid" or "name", "type", "value"}] */
static void bag_named(bag *b, const json_t *named)
{
    size_t i;
    const json_t *j;
    json_array_foreach(named, i, j)
    {
        haul_values *v = &b->m->values;
        const char *set = json_string_value(json_object_get(j, "set"));
        const char *type = json_string_value(json_object_get(j, "type"));
        const json_t *lid = json_object_get(j, "lid");
        const char *name = json_string_value(json_object_get(j, "name"));
        if (!set || !type || (!lid && !name)) {
            haul_value_bad(v, "a named property needs set, type, and lid or name");
            return;
        }
        uint8_t guid[16] = {0};
        haul_value_guid(v, set, guid);
        uint32_t number = json_is_string(lid) ? haul_value_tag(v, json_string_value(lid))
                                              : (uint32_t)json_integer_value(lid);
        uint32_t id = haul_made_named(b->m->pst, guid, name ? 0 : number, name);
        bag_put(b, id << 16 | (haul_value_tag(v, type) & 0xffff), json_object_get(j, "value"));
    }
}

/* Short words for what nearly every object has; "props" comes first and wins. */
typedef struct word {
    const char *name;
    uint32_t tag;
} word;

static void bag_words(bag *b, const json_t *j, const word *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bag_put(b, words[i].tag, json_object_get(j, words[i].name));
}

/* ── Messages ── */

static haul_made_message *make_message(maker *m, const json_t *j);

static const word message_words[] = {
    {"class", 0x001a001f},       {"subject", 0x0037001f},  {"body", 0x1000001f},
    {"rtf", 0x10090102},         {"html", 0x10130102},     {"sent", 0x00390040},
    {"received", 0x0e060040},    {"created", 0x30070040},  {"modified", 0x30080040},
    {"headers", 0x007d001f},     {"flags", 0x0e070003},    {"message_id", 0x1035001f},
    {"in_reply_to", 0x1042001f}, {"codepage", 0x3fde0003},
};

static const word sender_words[] = {
    {"name", 0x0c1a001f}, {"type", 0x0c1e001f},  {"address", 0x0c1f001f},
    {"smtp", 0x5d01001f}, {"entry", 0x0c190102},
};
static const word represented_words[] = {
    {"name", 0x0042001f}, {"type", 0x0064001f},  {"address", 0x0065001f},
    {"smtp", 0x5d02001f}, {"entry", 0x00410102},
};
static const word recipient_words[] = {
    {"name", 0x3001001f}, {"addrtype", 0x3002001f}, {"address", 0x3003001f},
    {"smtp", 0x39fe001f}, {"entry", 0x0fff0102},
};
static const word attachment_words[] = {
    {"name", 0x3707001f}, {"short", 0x3704001f},    {"display", 0x3001001f}, {"mime", 0x370e001f},
    {"cid", 0x3712001f},  {"location", 0x3713001f}, {"path", 0x370d001f},
};

static uint32_t one_of(maker *m, const char *z, const char *const *names, uint32_t n, uint32_t otherwise)
{
    if (!z)
        return otherwise;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(z, names[i]) == 0)
            return i;
    haul_value_bad(&m->values, "unknown word: %s", z);
    return otherwise;
}

static haul_made_props make_recipient(maker *m, const json_t *j)
{
    static const char *const types[] = {"originator", "to", "cc", "bcc"};
    bag b = bag_new(m);
    bag_object(&b, json_object_get(j, "props"));
    bag_words(&b, j, recipient_words, HAUL_COUNT(recipient_words));
    bag_u32(&b, 0x0c150003, one_of(m, json_string_value(json_object_get(j, "type")), types, 4, 1));
    if (!json_object_get(j, "addrtype") && json_object_get(j, "address"))
        bag_value(&b, (haul_made_value){.tag = 0x3002001f, .p = "S\0M\0T\0P", .n = 8});
    bag_u32(&b, 0x0ffe0003, 6);
    bag_u32(&b, 0x39000003, 0);
    return bag_props(&b);
}

/* How often an element stands for itself: "repeat": n, with {n} in its texts counting from 1. */
static long repeats(const json_t *j)
{
    const json_t *n = json_object_get(j, "repeat");
    return n ? (long)json_integer_value(n) : 1;
}

static size_t total(const json_t *list)
{
    size_t n = 0, i;
    const json_t *j;
    json_array_foreach(list, i, j) n += (size_t)repeats(j);
    return n;
}

/* make(m, j, to, n) for each member of the list as often as it says, n counting up; the values of a repeated one know
 * which it is. */
static size_t make_each(maker *m, const json_t *list, void (*make)(maker *, const json_t *, void *, size_t),
                        void *to)
{
    size_t i, n = 0;
    const json_t *j;
    json_array_foreach(list, i, j)
    {
        long outer = m->values.number, times = repeats(j);
        for (long k = 1; k <= times; k++) {
            if (times > 1)
                m->values.number = k;
            make(m, j, to, n++);
        }
        m->values.number = outer;
    }
    return n;
}

static void put_recipient(maker *m, const json_t *j, void *to, size_t n)
{
    ((haul_made_props *)to)[n] = make_recipient(m, j);
}

static void make_recipients(maker *m, const json_t *list, haul_made_message *to)
{
    haul_made_props *v = haul_arena_calloc(&m->values.arena, (total(list) + 1) * sizeof(*v));
    to->recipients = v;
    to->n_recipients = make_each(m, list, put_recipient, v);
}

static haul_made_attachment make_attachment(maker *m, const json_t *j)
{
    /* MS-OXCMSG 2.2.2.9 */
    static const char *const methods[] = {"none",           "value",    "reference", "resolve",
                                          "reference-only", "embedded", "ole",       "web"};
    const json_t *data = json_object_get(j, "data"), *embedded = json_object_get(j, "embedded");
    uint32_t method = one_of(m, json_string_value(json_object_get(j, "method")), methods, HAUL_COUNT(methods),
                             embedded ? 5 : 1);
    haul_made_attachment a = {.has_data = data != NULL, .object = json_is_true(json_object_get(j, "object"))};
    bag b = bag_new(m);
    bag_object(&b, json_object_get(j, "props"));
    bag_words(&b, j, attachment_words, HAUL_COUNT(attachment_words));
    bag_named(&b, json_object_get(j, "named"));
    bag_u32(&b, 0x37050003, method);
    a.props = bag_props(&b);
    if (data) {
        haul_auto_str s = haul_value_octets(&m->values, data);
        a.data = haul_arena_strn(&m->values.arena, haul_strz(&s), s.len);
        a.size = s.len;
    }
    if (embedded)
        a.embedded = make_message(m, embedded);
    return a;
}

static void put_attachment(maker *m, const json_t *j, void *to, size_t n)
{
    ((haul_made_attachment *)to)[n] = make_attachment(m, j);
}

static void make_attachments(maker *m, const json_t *list, haul_made_message *to)
{
    haul_made_attachment *v = haul_arena_calloc(&m->values.arena, (total(list) + 1) * sizeof(*v));
    to->attachments = v;
    to->n_attachments = make_each(m, list, put_attachment, v);
}

static void make_sender(bag *b, const json_t *j)
{
    const json_t *from = json_object_get(j, "from"), *sender = json_object_get(j, "sender");
    if (!sender)
        sender = from;
    bag_words(b, sender, sender_words, HAUL_COUNT(sender_words));
    bag_words(b, from, represented_words, HAUL_COUNT(represented_words));
    static const uint32_t types[] = {0x0c1e001f, 0x0064001f};
    for (size_t i = 0; i < 2; i++) {
        const json_t *who = i ? from : sender;
        if (who && !json_object_get(who, "type") && json_object_get(who, "address"))
            bag_value(b, (haul_made_value){.tag = types[i], .p = "S\0M\0T\0P", .n = 8});
    }
}

static haul_made_message *make_message(maker *m, const json_t *j)
{
    haul_made_message *to = haul_arena_calloc(&m->values.arena, sizeof(*to));
    bag b = bag_new(m);
    bag_object(&b, json_object_get(j, "props"));
    bag_named(&b, json_object_get(j, "named"));
    bag_words(&b, j, message_words, HAUL_COUNT(message_words));
    make_sender(&b, j);
    if (!json_object_get(j, "class"))
        bag_value(&b, (haul_made_value){.tag = 0x001a001f, .p = "I\0P\0M\0.\0N\0o\0t\0e", .n = 16});
    make_recipients(m, json_object_get(j, "recipients"), to);
    make_attachments(m, json_object_get(j, "attachments"), to);
    to->props = bag_props(&b);
    return to;
}

static void add_messages(maker *m, const json_t *list, uint32_t folder, haul_pstw_place place)
{
    size_t i;
    const json_t *j;
    json_array_foreach(list, i, j)
    {
        for (long k = 1, times = repeats(j); k <= times; k++) {
            m->values.number = k;
            const haul_made_message *made = make_message(m, j);
            if (m->values.rc == HAUL_OK)
                haul_made_message_add(m->pst, folder, made, place);
        }
    }
}

/* ── Folders ── */

/* Roles whose entry id the store keeps, and those that the inbox and the root keep (MS-OXOSFLD 2.2.3). */
static const word store_roles[] = {{"outbox", 0x35e20102}, {"trash", 0x35e30102}, {"sent", 0x35e40102}};
static const word inbox_roles[] = {
    {"calendar", 0x36d00102}, {"contacts", 0x36d10102}, {"journal", 0x36d20102},
    {"notes", 0x36d30102},    {"tasks", 0x36d40102},    {"drafts", 0x36d70102},
};
static const char *const ren_roles[] = {"conflicts", "sync", "local", "server", "junk"};

static haul_made_value entry_value(maker *m, uint32_t tag, uint32_t nid)
{
    uint8_t id[HAUL_PSTW_ENTRY_ID];
    haul_made_entry_id(nid, id);
    return (haul_made_value){
        .tag = tag, .p = haul_arena_strn(&m->values.arena, id, sizeof(id)), .n = sizeof(id)};
}

static void give_role(maker *m, uint32_t nid, const char *role)
{
    for (size_t i = 0; i < HAUL_COUNT(store_roles); i++)
        if (strcmp(role, store_roles[i].name) == 0) {
            haul_made_value v = entry_value(m, store_roles[i].tag, nid);
            haul_made_set(m->pst, HAUL_PSTW_STORE, v.tag, v.p, v.n);
            return;
        }
    for (size_t i = 0; i < HAUL_COUNT(inbox_roles); i++)
        if (strcmp(role, inbox_roles[i].name) == 0) {
            m->roles[m->n_roles++ % HAUL_COUNT(m->roles)] = entry_value(m, inbox_roles[i].tag, nid);
            return;
        }
    if (strcmp(role, "inbox") == 0) {
        m->inbox = nid;
        return;
    }
    m->ren[one_of(m, role, ren_roles, HAUL_COUNT(ren_roles), 0)] = nid;
}

/* PidTagAdditionalRenEntryIds: a multi-value, one place a role, empty where there is none. */
static void ren_value(maker *m, haul_str *to)
{
    uint8_t id[HAUL_PSTW_ENTRY_ID], head[4 + 4 * HAUL_COUNT(m->ren)];
    haul_auto_str values = {0};
    haul_put32(head, HAUL_COUNT(m->ren));
    for (size_t i = 0; i < HAUL_COUNT(m->ren); i++) {
        haul_put32(head + 4 + 4 * i, sizeof(head) + values.len);
        haul_made_entry_id(m->ren[i], id);
        if (m->ren[i])
            haul_str_add(&values, id, sizeof(id));
    }
    haul_str_add(to, head, sizeof(head));
    haul_str_add(to, haul_strz(&values), values.len);
}

static void tell_roles(maker *m, uint32_t folder)
{
    for (size_t i = 0; i < m->n_roles && i < HAUL_COUNT(m->roles); i++)
        haul_made_set(m->pst, folder, m->roles[i].tag, m->roles[i].p, m->roles[i].n);
    bool any = false;
    for (size_t i = 0; i < HAUL_COUNT(m->ren); i++)
        any = any || m->ren[i];
    haul_auto_str s = {0};
    ren_value(m, &s);
    if (any)
        haul_made_set(m->pst, folder, 0x36d81102, s.p, s.len);
}

static uint32_t make_folder(maker *m, const json_t *j, uint32_t parent)
{
    const char *name = haul_value_text(&m->values, json_object_get(j, "name"));
    const char *class = haul_value_text(&m->values, json_object_get(j, "class"));
    const char *role = json_string_value(json_object_get(j, "role"));
    uint32_t nid = HAUL_PSTW_TRASH;
    if (!name)
        haul_value_bad(&m->values, "a folder without name");
    if (role && strcmp(role, "trash") == 0)
        haul_made_rename(m->pst, nid, name ? name : "", class);
    else
        nid = haul_made_folder(m->pst, parent, name ? name : "", class,
                               role && strcmp(role, "inbox") == 0 ? HAUL_ROLE_INBOX : HAUL_ROLE_NONE);
    if (role)
        give_role(m, nid, role);
    const json_t *claim = json_object_get(j, "declared_count");
    if (claim)
        haul_made_claim(m->pst, nid, (uint32_t)json_integer_value(claim));
    bag b = bag_new(m);
    bag_object(&b, json_object_get(j, "props"));
    for (size_t i = 0; i < b.n; i++)
        haul_made_set(m->pst, nid, b.v[i].tag, b.v[i].p, b.v[i].n);
    add_messages(m, json_object_get(j, "messages"), nid, HAUL_PSTW_CONTENTS);
    add_messages(m, json_object_get(j, "associated"), nid, HAUL_PSTW_ASSOCIATED);
    add_messages(m, json_object_get(j, "orphans"), nid, HAUL_PSTW_ORPHAN);
    return nid;
}

static void make_folders(maker *m, const json_t *list, uint32_t parent, unsigned depth)
{
    size_t i;
    const json_t *j;
    if (depth > FOLDERS_MAX)
        haul_value_bad(&m->values, "folders nested deeper than %u", FOLDERS_MAX);
    json_array_foreach(list, i, j)
    {
        if (m->values.rc == HAUL_OK)
            make_folders(m, json_object_get(j, "folders"), make_folder(m, j, parent), depth + 1);
    }
}

static void make_store(maker *m, const json_t *store)
{
    const char *password = json_string_value(json_object_get(store, "password"));
    const char *at = json_string_value(json_object_get(store, "special_on"));
    if (password) { /* PidTagPstPassword: no more than a checksum (MS-PST 4.3.2.1) */
        uint8_t crc[4];
        haul_put32(crc, haul_nodes_checksum((const uint8_t *)password, strlen(password)));
        haul_made_set(m->pst, HAUL_PSTW_STORE, 0x67ff0003, crc, 4);
    }
    bag b = bag_new(m);
    bag_object(&b, json_object_get(store, "props"));
    for (size_t i = 0; i < b.n; i++)
        haul_made_set(m->pst, HAUL_PSTW_STORE, b.v[i].tag, b.v[i].p, b.v[i].n);
    make_folders(m, json_object_get(store, "folders"), HAUL_PSTW_TOP, 0);
    if (m->inbox && (!at || strcmp(at, "inbox") == 0))
        tell_roles(m, m->inbox);
    if (!at || strcmp(at, "root") == 0)
        tell_roles(m, HAUL_PSTW_ROOT);
}

haul_rc haul_made_describe(const char *path, const json_t *store, haul_err *e)
{
    static const char *const encodings[] = {"none", "compressible", "high"};
    const json_t *codepage = json_object_get(store, "codepage");
    const char *name = json_string_value(json_object_get(store, "name"));
    maker m = {.values = {.codepage = codepage ? (unsigned)json_integer_value(codepage) : 1252}};
    static const char *const pages[] = {"512", "4k"}, *const orders[] = {"encoded", "packed"};
    haul_pstw_kind kind = {
        .crypt =
            (uint8_t)one_of(&m, json_string_value(json_object_get(store, "encryption")), encodings, 3, 1),
        .wide = one_of(&m, json_string_value(json_object_get(store, "pages")), pages, 2, 0),
        .pack_first = one_of(&m, json_string_value(json_object_get(store, "first")), orders, 2, 0)};
    m.pst = haul_made_open(path, &kind, name ? name : "test");
    make_store(&m, store);
    haul_rc rc = haul_made_close(m.pst, e);
    if (m.values.rc != HAUL_OK) {
        rc = m.values.rc;
        if (e)
            *e = m.values.err;
    }
    haul_arena_done(&m.values.arena);
    return rc;
}
