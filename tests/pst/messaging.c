#include "pst/messaging.h"

#include "mime/prop.h"
#include "pst/le.h"
#include "pst/namemap.h"
#include "pst/templates.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_FOLDER  0x2223u
#define SEARCH_NAME    "SPAM Search Folder 2"
#define RECEIVE_FOLDER 0x62bu
#define ATTACH_TABLE   0x671u
#define RECIP_TABLE    0x692u
#define FLAG_READ      0x01u
#define FLAG_ATTACH    0x10u
#define ROW_OVERHEAD   64u
#define DEPTH_MAX      32u
#define PIECE          65536u /* octets of an attachment in memory */

/* PidTagRecordKey of the store, part of every entry id. Fixed: the same description gives the same octets. */
static const uint8_t record_key[16] = {'m', 'a', 'i', 'l', 'h', 'a',  'u',  'l',
                                       '.', 't', 'e', 's', 't', 0x4d, 0x01, 0x9a};

typedef struct folder {
    uint32_t nid, parent;
    char *name, *class;
    uint32_t count, unread, assoc;
    uint32_t claimed; /* UINT32_MAX = the truth */
    haul_tc contents, associated;
    haul_pc props;
} folder;

struct haul_made {
    haul_ndb *ndb;
    folder *folders; /* parents first */
    size_t n, cap;
    haul_pc store;
    haul_namemap names;
    uint32_t inbox;
};

static void table_init(haul_tc *t, haul_ndb *n, haul_template_id id)
{
    haul_tc_init(t, n, haul_templates[id].columns, haul_templates[id].n, NULL, 0);
}

static folder *folder_of(haul_made *s, uint32_t nid)
{
    for (size_t i = s->n; i > 0; i--) /* the latest is the likeliest */
        if (s->folders[i - 1].nid == nid)
            return &s->folders[i - 1];
    return NULL;
}

static void add_folder(haul_made *s, uint32_t nid, uint32_t parent, const char *name, const char *class)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->folders = haul_realloc(s->folders, s->cap * sizeof(*s->folders));
    }
    folder *f = &s->folders[s->n++];
    *f = (folder){.nid = nid, .parent = parent, .name = haul_strdup(name), .claimed = UINT32_MAX};
    f->class = class ? haul_strdup(class) : NULL;
    table_init(&f->contents, s->ndb, HAUL_T_CONTENTS);
    table_init(&f->associated, s->ndb, HAUL_T_ASSOC);
    haul_pc_init(&f->props, s->ndb);
}

static void own_entry_id(haul_made *s, uint32_t tag, uint32_t nid)
{
    uint8_t id[HAUL_ENTRY_ID];
    haul_made_entry_id(nid, id);
    haul_pc_add(&s->store, tag, id, sizeof(id));
}

haul_made *haul_made_open(const char *path, const haul_ndb_kind *kind, const char *name)
{
    haul_made *s = haul_calloc(1, sizeof(*s));
    s->ndb = haul_ndb_open(path, kind);
    for (unsigned i = 0; i < 3; i++) /* 0x8022 to 0x8062 are given */
        (void)haul_ndb_new_nid(s->ndb, HAUL_NDB_NID_FOLDER);
    haul_pc_init(&s->store, s->ndb);
    haul_pc_add(&s->store, 0x0ff90102, record_key, sizeof(record_key));
    haul_pc_text(&s->store, 0x3001, name);
    haul_pc_u32(&s->store, 0x35df0003, 0x89); /* which of the entry ids below are valid */
    own_entry_id(s, 0x35e00102, HAUL_MADE_TOP);
    own_entry_id(s, 0x35e30102, HAUL_MADE_TRASH);
    own_entry_id(s, 0x35e70102, HAUL_MADE_FINDER);
    add_folder(s, HAUL_MADE_ROOT, HAUL_MADE_ROOT, "", NULL);
    add_folder(s, HAUL_MADE_TOP, HAUL_MADE_ROOT, "Top of Outlook data file", NULL);
    add_folder(s, HAUL_MADE_FINDER, HAUL_MADE_ROOT, "Search Root", NULL);
    add_folder(s, HAUL_MADE_TRASH, HAUL_MADE_TOP, "Deleted Items", NULL);
    return s;
}

void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_ENTRY_ID])
{
    memset(ret, 0, 4);
    memcpy(ret + 4, record_key, 16);
    haul_put32(ret + 20, nid);
}

uint32_t haul_made_folder(haul_made *s, uint32_t parent, const char *name, const char *class)
{
    uint32_t nid = haul_ndb_new_nid(s->ndb, HAUL_NDB_NID_FOLDER);
    add_folder(s, nid, parent, name, class);
    return nid;
}

void haul_made_rename(haul_made *s, uint32_t nid, const char *name, const char *class)
{
    folder *f = folder_of(s, nid);
    free(f->name);
    free(f->class);
    f->name = haul_strdup(name);
    f->class = class ? haul_strdup(class) : NULL;
}

void haul_made_claim(haul_made *s, uint32_t nid, uint32_t count)
{
    folder_of(s, nid)->claimed = count;
}

void haul_made_set(haul_made *s, uint32_t nid, uint32_t tag, const void *p, size_t n)
{
    haul_pc_add(nid == HAUL_MADE_STORE ? &s->store : &folder_of(s, nid)->props, tag, p, n);
}

void haul_made_inbox(haul_made *s, uint32_t nid)
{
    s->inbox = nid;
}

uint16_t haul_made_named(haul_made *s, const uint8_t guid[16], uint32_t lid, const char *name)
{
    return haul_namemap_id(&s->names, guid, lid, name);
}

/* ── Messages ── */

static const haul_made_value *value_of(const haul_made_props *props, uint32_t tag)
{
    for (size_t i = 0; i < props->n; i++)
        if (props->v[i].tag == tag)
            return &props->v[i];
    return NULL;
}

static uint32_t u32_of(const haul_made_props *props, uint32_t tag, uint32_t otherwise)
{
    const haul_made_value *v = value_of(props, tag);
    return v && v->n >= 4 ? haul_le32(v->p) : otherwise;
}

static size_t size_of(const haul_made_props *props)
{
    size_t n = 0;
    for (size_t i = 0; i < props->n; i++)
        n += props->v[i].n + 8;
    return n;
}

static bool in_template(haul_template_id id, uint32_t tag)
{
    const haul_template *t = &haul_templates[id];
    for (size_t i = 0; i < t->n; i++)
        if (t->columns[i].tag == tag)
            return true;
    return false;
}

/* Tags that recipients have beyond the template, each once. */
static size_t more_columns(const haul_made_message *m, uint32_t *tags, size_t max)
{
    size_t n = 0;
    for (size_t r = 0; r < m->n_recipients; r++)
        for (size_t i = 0; i < m->recipients[r].n; i++) {
            uint32_t tag = m->recipients[r].v[i].tag;
            bool known = in_template(HAUL_T_RECIPIENTS, tag);
            for (size_t k = 0; k < n && !known; k++)
                known = tags[k] == tag;
            if (!known && n < max)
                tags[n++] = tag;
        }
    return n;
}

static void put_recipients(haul_made *s, const haul_made_message *m, haul_subnodes *subs) /* 2.4.5.3 */
{
    uint32_t more[64];
    size_t n = more_columns(m, more, HAUL_COUNT(more));
    const haul_template *base = &haul_templates[HAUL_T_RECIPIENTS];
    haul_tc t;
    haul_tc_init(&t, s->ndb, base->columns, base->n, more, n);
    for (size_t r = 0; r < m->n_recipients; r++) {
        haul_tc_row(&t, (uint32_t)r, 1);
        for (size_t i = 0; i < m->recipients[r].n; i++) {
            const haul_made_value *v = &m->recipients[r].v[i];
            haul_tc_cell(&t, v->tag, v->p, v->n);
        }
    }
    haul_object o = haul_tc_end(&t);
    haul_subnodes_add(subs, RECIP_TABLE, o.data, o.sub);
}

static haul_object put_message(haul_made *s, const haul_made_message *m, unsigned depth);

/* The data of an attachment as a data tree. */
static uint64_t put_data(haul_made *s, const haul_made_attachment *a)
{
    if (!a->fill)
        return haul_ndb_data(s->ndb, a->data, (size_t)a->size);
    haul_dtree t;
    haul_dtree_init(&t, s->ndb);
    uint8_t *p = haul_alloc(PIECE);
    for (uint64_t done = 0; done < a->size;) {
        size_t n = a->size - done < PIECE ? (size_t)(a->size - done) : PIECE;
        a->fill(a->ctx, p, n);
        haul_dtree_add(&t, p, n);
        done += n;
    }
    free(p);
    return haul_dtree_end(&t);
}

/* PidTagAttachDataBinary */
static void put_binary(haul_made *s, haul_pc *pc, const haul_made_attachment *a)
{
    uint8_t p[HAUL_HEAP_MAX];
    if (a->fill && a->size > sizeof(p)) {
        haul_pc_tree(pc, 0x37010102, put_data(s, a));
        return;
    }
    if (a->fill)
        a->fill(a->ctx, p, (size_t)a->size);
    haul_pc_add(pc, 0x37010102, a->fill ? p : a->data, (size_t)a->size);
}

/* PidTagAttachDataObject: a message or an OLE storage in a subnode (2.4.6.2). */
static void put_object(haul_made *s, haul_pc *pc, const haul_made_attachment *a, unsigned depth)
{
    haul_object o = {0};
    uint32_t nid = haul_subnodes_new(&pc->subs, a->embedded ? HAUL_NDB_NID_MESSAGE : HAUL_NDB_NID_LTP);
    if (a->embedded)
        o = put_message(s, a->embedded, depth + 1);
    else
        o.data = put_data(s, a);
    haul_subnodes_add(&pc->subs, nid, o.data, o.sub);
    haul_pc_object(pc, 0x3701000d, nid, (uint32_t)a->size);
}

static uint32_t bounded(uint64_t n) /* sizes are signed (MS-OXCDATA 2.11.1) */
{
    return n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

static haul_object put_attachment(haul_made *s, const haul_made_attachment *a, size_t index, unsigned depth)
{
    haul_pc pc;
    haul_pc_init(&pc, s->ndb);
    for (size_t i = 0; i < a->props.n; i++)
        haul_pc_add(&pc, a->props.v[i].tag, a->props.v[i].p, a->props.v[i].n);
    haul_pc_u32(&pc, 0x0e200003, bounded(a->size + size_of(&a->props)));
    haul_pc_u32(&pc, 0x0e210003, (uint32_t)index);
    haul_pc_u32(&pc, 0x370b0003, UINT32_MAX);
    if (a->embedded || (a->has_data && a->object))
        put_object(s, &pc, a, depth);
    else if (a->has_data)
        put_binary(s, &pc, a);
    return haul_pc_end(&pc);
}

static void put_attachments(haul_made *s, const haul_made_message *m, haul_subnodes *subs,
                            unsigned depth) /* 2.4.6 */
{
    haul_tc t;
    table_init(&t, s->ndb, HAUL_T_ATTACHMENTS);
    for (size_t i = 0; i < m->n_attachments; i++) {
        const haul_made_attachment *a = &m->attachments[i];
        uint32_t nid = haul_subnodes_new(subs, HAUL_NDB_NID_ATTACHMENT);
        haul_object o = put_attachment(s, a, i, depth);
        haul_subnodes_add(subs, nid, o.data, o.sub);
        haul_tc_row(&t, nid, 1);
        haul_tc_u32(&t, 0x0e200003, bounded(a->size + size_of(&a->props)));
        haul_tc_u32(&t, 0x37050003, u32_of(&a->props, 0x37050003, 0));
        haul_tc_u32(&t, 0x370b0003, u32_of(&a->props, 0x370b0003, UINT32_MAX));
        const haul_made_value *name = value_of(&a->props, 0x3704001f);
        if (name)
            haul_tc_cell(&t, 0x3704001f, name->p, name->n);
    }
    haul_object o = haul_tc_end(&t);
    haul_subnodes_add(subs, ATTACH_TABLE, o.data, o.sub);
}

static uint32_t message_flags(const haul_made_message *m)
{
    return u32_of(&m->props, 0x0e070003, FLAG_READ | (m->n_attachments ? FLAG_ATTACH : 0));
}

static uint32_t message_size(const haul_made_message *m)
{
    uint64_t n = size_of(&m->props);
    for (size_t i = 0; i < m->n_recipients; i++)
        n += size_of(&m->recipients[i]) + ROW_OVERHEAD;
    for (size_t i = 0; i < m->n_attachments; i++)
        n += m->attachments[i].size + size_of(&m->attachments[i].props);
    return bounded(n);
}

static haul_object put_message(haul_made *s, const haul_made_message *m, unsigned depth) /* 2.4.5 */
{
    haul_pc pc;
    haul_pc_init(&pc, s->ndb);
    for (size_t i = 0; i < m->props.n; i++)
        haul_pc_add(&pc, m->props.v[i].tag, m->props.v[i].p, m->props.v[i].n);
    haul_pc_u32(&pc, 0x0e070003, message_flags(m));
    haul_pc_u32(&pc, 0x0e080003, message_size(m));
    haul_pc_u32(&pc, 0x0e1b000b, m->n_attachments > 0);
    put_recipients(s, m, &pc.subs);
    if (m->n_attachments && depth < DEPTH_MAX)
        put_attachments(s, m, &pc.subs, depth);
    return haul_pc_end(&pc);
}

static void put_row(haul_tc *t, haul_template_id id, const haul_made_message *m, uint32_t nid,
                    uint32_t version)
{
    const haul_template *columns = &haul_templates[id];
    haul_tc_row(t, nid, version);
    for (size_t i = 0; i < columns->n; i++) {
        const haul_made_value *v = value_of(&m->props, columns->columns[i].tag);
        if (v)
            haul_tc_cell(t, v->tag, v->p, v->n);
    }
    haul_tc_u32(t, 0x0e070003, message_flags(m));
    haul_tc_u32(t, 0x0e080003, message_size(m));
    haul_tc_u32(t, 0x0e170003, u32_of(&m->props, 0x0e170003, 0));
}

uint32_t haul_made_message_add(haul_made *s, uint32_t into, const haul_made_message *m, haul_made_place place)
{
    folder *f = folder_of(s, into);
    uint32_t nid = haul_ndb_new_nid(s->ndb, place == HAUL_MADE_ASSOCIATED ? HAUL_NDB_NID_ASSOCIATED
                                                                          : HAUL_NDB_NID_MESSAGE);
    haul_object o = put_message(s, m, 0);
    haul_ndb_node(s->ndb, nid, o.data, o.sub, into);
    if (place == HAUL_MADE_ASSOCIATED) {
        put_row(&f->associated, HAUL_T_ASSOC, m, nid, ++f->assoc);
    } else if (place == HAUL_MADE_CONTENTS) {
        put_row(&f->contents, HAUL_T_CONTENTS, m, nid, ++f->count);
        f->unread += !(message_flags(m) & FLAG_READ);
    }
    return nid;
}

/* ── Folders and the rest, at the end ── */

static void put_object_node(haul_made *s, uint32_t nid, haul_object o, uint32_t parent)
{
    haul_ndb_node(s->ndb, nid, o.data, o.sub, parent);
}

static uint32_t sibling(uint32_t folder_nid, unsigned type) /* 2.4.4: the tables share the folder's index */
{
    return HAUL_NDB_NID(folder_nid >> 5, type);
}

static bool has_children(const haul_made *s, const folder *f)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->folders[i].parent == f->nid && s->folders[i].nid != f->nid)
            return true;
    return f->nid == HAUL_MADE_ROOT;
}

static uint32_t claimed_count(const folder *f)
{
    return f->claimed == UINT32_MAX ? f->count : f->claimed;
}

static void hierarchy_row(const haul_made *s, haul_tc *t, const folder *f, uint32_t version)
{
    haul_tc_row(t, f->nid, version);
    haul_tc_text(t, 0x3001, f->name);
    haul_tc_u32(t, 0x36020003, claimed_count(f));
    haul_tc_u32(t, 0x36030003, f->unread);
    haul_tc_u32(t, 0x360a000b, has_children(s, f));
    if (f->class)
        haul_tc_text(t, 0x3613, f->class);
}

static void put_hierarchy(haul_made *s, const folder *f)
{
    haul_tc t;
    table_init(&t, s->ndb, HAUL_T_HIERARCHY);
    uint32_t version = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->folders[i].parent == f->nid && s->folders[i].nid != f->nid)
            hierarchy_row(s, &t, &s->folders[i], ++version);
    if (f->nid == HAUL_MADE_ROOT) {
        char name[] = SEARCH_NAME;
        folder search = {.nid = SEARCH_FOLDER, .name = name, .claimed = UINT32_MAX};
        hierarchy_row(s, &t, &search, ++version);
    }
    put_object_node(s, sibling(f->nid, HAUL_NDB_NID_HIERARCHY), haul_tc_end(&t), 0);
}

static void put_folder(haul_made *s, folder *f) /* 2.4.4 */
{
    haul_pc_text(&f->props, 0x3001, f->name);
    haul_pc_u32(&f->props, 0x36020003, claimed_count(f));
    haul_pc_u32(&f->props, 0x36030003, f->unread);
    haul_pc_u32(&f->props, 0x360a000b, has_children(s, f));
    if (f->class)
        haul_pc_text(&f->props, 0x3613, f->class);
    if (f->assoc)
        haul_pc_u32(&f->props, 0x36170003, f->assoc);
    put_object_node(s, f->nid, haul_pc_end(&f->props), f->parent);
    put_hierarchy(s, f);
    put_object_node(s, sibling(f->nid, HAUL_NDB_NID_CONTENTS), haul_tc_end(&f->contents), 0);
    put_object_node(s, sibling(f->nid, HAUL_NDB_NID_ASSOC_CONTENTS), haul_tc_end(&f->associated), 0);
}

static void put_empty_table(haul_made *s, uint32_t nid, haul_template_id id)
{
    haul_tc t;
    table_init(&t, s->ndb, id);
    put_object_node(s, nid, haul_tc_end(&t), 0);
}

static void put_receive_table(haul_made *s)
{
    haul_tc t;
    table_init(&t, s->ndb, HAUL_T_RECEIVE);
    haul_tc_row(&t, 1, 2);
    haul_tc_u32(&t, 0x66050003, HAUL_MADE_ROOT);
    if (s->inbox) {
        haul_tc_row(&t, 2, 3);
        haul_tc_u32(&t, 0x66050003, s->inbox);
        haul_tc_text(&t, 0x001a, "IPM");
    }
    put_object_node(s, RECEIVE_FOLDER, haul_tc_end(&t), 0);
}

/* The search folder that Outlook makes in every store (2.4.8.6). */
static void put_search_folder(haul_made *s)
{
    static const uint8_t list[4] = {0x23, 0x22, 0, 0};
    haul_pc pc;
    haul_pc_init(&pc, s->ndb);
    haul_pc_text(&pc, 0x3001, SEARCH_NAME);
    haul_pc_u32(&pc, 0x36020003, 0);
    haul_pc_u32(&pc, 0x36030003, 0);
    haul_pc_u32(&pc, 0x360a000b, 0);
    put_object_node(s, SEARCH_FOLDER, haul_pc_end(&pc), HAUL_MADE_ROOT);
    haul_ndb_node(s->ndb, sibling(SEARCH_FOLDER, HAUL_NDB_NID_SEARCH_QUEUE), 0, 0, 0);
    haul_pc_init(&pc, s->ndb);
    haul_pc_u32(&pc, 0x660b0003, 0);
    put_object_node(s, sibling(SEARCH_FOLDER, HAUL_NDB_NID_SEARCH_CRITERIA), haul_pc_end(&pc), 0);
    put_empty_table(s, sibling(SEARCH_FOLDER, HAUL_NDB_NID_SEARCH_CONTENTS), HAUL_T_SEARCH);
    haul_ndb_node(s->ndb, 0x201, haul_ndb_data(s->ndb, list, sizeof(list)), 0, 0);
}

/* Nodes that every store has, with nothing in them (2.7.3). */
static void put_fixed_nodes(haul_made *s)
{
    static const uint32_t empty[] = {0x1e1, 0x261, 0xec1};
    for (size_t i = 0; i < HAUL_COUNT(empty); i++)
        haul_ndb_node(s->ndb, empty[i], 0, 0, 0);
    for (unsigned i = 0; i < HAUL_T_COUNT; i++)
        if (i != HAUL_T_RECEIVE)
            put_empty_table(s, haul_templates[i].nid, (haul_template_id)i);
    static const uint8_t root[4] = {0x40, 0, 0, 0};
    haul_heap h;
    haul_heap_init(&h, s->ndb, HAUL_HEAP_QUEUE);
    haul_heap_add(&h, root, sizeof(root));
    haul_heap_add(&h, NULL, 8);
    haul_bth_build(&h, 0x40, 16, 4, NULL, 0);
    haul_ndb_node(s->ndb, 0xc01, haul_heap_end(&h, 0x20), 0, 0);
}

haul_rc haul_made_close(haul_made *s, haul_err *e)
{
    for (size_t i = 0; i < s->n; i++)
        put_folder(s, &s->folders[i]);
    for (size_t i = 0; i < s->n; i++) {
        free(s->folders[i].name);
        free(s->folders[i].class);
    }
    free(s->folders);
    haul_pc_u32(&s->store, 0x6633000b, 1);
    haul_pc_u32(&s->store, 0x66fa0003, 0xe0011);
    haul_pc_u32(&s->store, 0x67ff0003, 0); /* no password */
    put_object_node(s, HAUL_MADE_STORE, haul_pc_end(&s->store), 0);
    put_object_node(s, HAUL_MADE_NAMES, haul_namemap_end(&s->names, s->ndb), 0);
    put_receive_table(s);
    put_search_folder(s);
    put_fixed_nodes(s);
    haul_rc rc = haul_ndb_close(s->ndb, e);
    free(s);
    return rc;
}
