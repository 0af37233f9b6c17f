/* Items of a store as MAPI objects: recipients, attachments, their data, messages embedded in them. */
#include "pff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pff_object {
    haul_mapi m;
    haul_pff *s;
    libpff_item_t *item;
    libpff_item_t *attachment; /* what `item` is embedded in: lives as long */
    libpff_item_t **open;      /* attachments whose data stays loaded; NULL = to be opened again */
    int *place;                /* of each attachment among libpff's */
    haul_node node;            /* nid 0 = not known */
    haul_direct_data *data;    /* of each attachment */
    bool quiet;                /* a first try: what is wrong is not told yet */
    bool trouble;              /* something was wrong */
} pff_object;

static pff_object *object_of(haul_mapi *m)
{
    return (pff_object *)m;
}

static void close_attachments(pff_object *o)
{
    for (size_t i = 0; i < o->m.n_attachments && o->open; i++)
        libpff_item_free(&o->open[i], NULL);
}

static void object_free(haul_mapi *m)
{
    pff_object *o = object_of(m);
    close_attachments(o);
    libpff_item_free(&o->item, NULL);
    libpff_item_free(&o->attachment, NULL);
    haul_arena_done(&m->arena);
    free(o);
}

/* ── recipients ── */

/* libpff gives a cell that a row does not have as zero; a cell that is zero says nothing more. */
static void drop_zero_cells(haul_bag *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        bool zero = true;
        for (size_t k = 0; k < b->v[i].n; k++)
            zero = zero && !b->v[i].p[k];
        if (!zero)
            b->v[kept++] = b->v[i];
    }
    b->n = kept;
}

static void note(pff_object *o, haul_issue_id id, const char *detail)
{
    o->trouble = true;
    if (o->s->pst.msg && !o->quiet)
        haul_msg_issue(o->s->pst.msg, id, "%s%s", o->m.depth ? "embedded message: " : "", detail);
}

static void load_recipients(pff_object *o)
{
    haul_mapi *m = &o->m;
    libpff_item_t *table = NULL;
    libpff_error_t *error = NULL;
    haul_err why = {0};
    int n = 0;
    int found = libpff_message_get_recipients(o->item, &table, &error);
    if (found == 0 ||
        (found == 1 && libpff_item_get_number_of_record_sets(table, &n, &error) == 1 && n == 0)) {
        libpff_item_free(&table, NULL);
        return;
    }
    if (n <= 0) {
        haul_pff_fail(&why, HAUL_SKIP, &error, "its recipients cannot be read", m->node);
        note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, why.text);
        libpff_item_free(&table, NULL);
        return;
    }
    if ((unsigned)n > HAUL_MAPI_RECIPIENTS_MAX) {
        note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, "more recipients than are read of one message");
        n = (int)HAUL_MAPI_RECIPIENTS_MAX;
    }
    o->s->doubt = false;
    m->recipients = haul_arena_calloc(&m->arena, (size_t)n * sizeof(*m->recipients));
    for (int i = 0; i < n; i++) {
        haul_bag *b = &m->recipients[m->n_recipients];
        b->codepage = m->props.codepage;
        if (haul_pff_bag(o->s, table, i, 0, &m->arena, b, &why) != HAUL_OK) {
            note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, why.text);
            continue;
        }
        if (!o->s->pst.unaided)
            drop_zero_cells(b);
        if (b->n)
            m->n_recipients++;
    }
    o->trouble = o->trouble || o->s->doubt;
    libpff_item_free(&table, NULL);
}

/* ── attachments ── */

/* The value of PidTagAttachDataBinary / …DataObject without loading it into the bag: its type and size. */
static bool data_entry(libpff_item_t *attachment, uint32_t *ret_type, size_t *ret_size)
{
    libpff_record_set_t *set = NULL;
    libpff_record_entry_t *entry = NULL;
    return libpff_item_get_record_set_by_index(attachment, 0, &set, NULL) == 1 &&
           libpff_record_set_get_entry_by_type(set, HAUL_ATTACH_DATA, 0, &entry,
                                               LIBPFF_ENTRY_VALUE_FLAG_MATCH_ANY_VALUE_TYPE, NULL) == 1 &&
           libpff_record_entry_get_value_type(entry, ret_type, NULL) == 1 &&
           libpff_record_entry_get_data_size(entry, ret_size, NULL) == 1;
}

/* Without libpff, which would load the data to tell their size. */
static bool measure_past(pff_object *o, haul_mapi_attach *at, int64_t method)
{
    const haul_direct_data *d = &o->data[o->m.n_attachments];
    if (!d->known)
        return false;
    at->embedded = d->type == HAUL_PT_OBJECT && method == HAUL_ATTACH_EMBEDDED;
    at->size = at->embedded ? UINT64_MAX : d->size;
    if (d->type && d->type != HAUL_PT_OBJECT && method == HAUL_ATTACH_VALUE)
        haul_direct_doubt(at, &o->m.arena);
    return true;
}

static void measure(pff_object *o, libpff_item_t *item, haul_mapi_attach *at)
{
    uint32_t type = 0;
    size_t size = 0;
    size64_t stream = 0;
    libpff_error_t *error = NULL;
    int64_t method = haul_prop_int_or(haul_bag_get(&at->props, HAUL_ATTACH_METHOD), HAUL_ATTACH_VALUE);
    at->size = 0;
    if (measure_past(o, at, method) || !data_entry(item, &type, &size))
        return;
    if (type != HAUL_PT_OBJECT) {
        at->size = size;
        if (method == HAUL_ATTACH_VALUE && !o->s->pst.unaided)
            haul_direct_doubt(at, &o->m.arena);
        return;
    }
    if (method == HAUL_ATTACH_EMBEDDED) {
        at->embedded = true;
        at->size = UINT64_MAX;
        return;
    }
    if (libpff_attachment_get_data_size(item, &stream, &error) == 1) {
        at->size = stream;
        return;
    }
    haul_err why = {0};
    haul_pff_fail(&why, HAUL_SKIP, &error, "its object cannot be read", o->m.node);
    at->lost = true;
    at->why = haul_arena_str(&o->m.arena, why.text);
}

/* libpff would load them with the first property that it is asked for. */
static bool too_large(pff_object *o, const haul_node *node)
{
    haul_direct_data d;
    uint64_t kept = HAUL_DIRECT_KEPT;
    haul_arena a = {0};
    bool large = node->nid && haul_direct_locate(&o->s->direct, node, &kept, &a, &d, NULL) == HAUL_OK &&
                 d.size > HAUL_PST_LOADED_MAX;
    haul_arena_done(&a);
    return large;
}

static haul_rc read_props(pff_object *o, libpff_item_t *item, haul_mapi_attach *at, uint64_t *kept,
                          haul_err *e)
{
    haul_mapi *m = &o->m;
    haul_direct_data *d = &o->data[m->n_attachments];
    haul_node node = {0};
    uint32_t nid = 0;
    if (libpff_item_get_identifier(item, &nid, NULL) == 1)
        node = haul_pff_sub(o->s, &o->node, nid);
    at->node = nid;
    if (o->s->pst.unaided && too_large(o, &node))
        return haul_fail(e, HAUL_SKIP, "larger than libpff is asked for");
    if (o->s->pst.unaided)
        return haul_pff_bag(o->s, item, 0, HAUL_ATTACH_DATA, &m->arena, &at->props, e);
    if (node.nid && haul_direct_locate(&o->s->direct, &node, kept, &m->arena, d, NULL) == HAUL_OK &&
        d->type != HAUL_PT_OBJECT && d->size > HAUL_PFF_LARGE &&
        haul_direct_bag(&o->s->direct, &node, HAUL_ATTACH_DATA, &m->arena, &at->props, NULL) == HAUL_OK)
        return HAUL_OK;
    return haul_pff_bag(o->s, item, 0, HAUL_ATTACH_DATA, &m->arena, &at->props, e);
}

static void load_attachment(pff_object *o, int place, uint64_t *kept)
{
    haul_mapi *m = &o->m;
    libpff_item_t *item = NULL;
    libpff_error_t *error = NULL;
    haul_err why = {0};
    haul_mapi_attach *at = &m->attachments[m->n_attachments];
    at->props.codepage = m->props.codepage;
    o->place[m->n_attachments] = place;
    if (libpff_message_get_attachment(o->item, place, &item, &error) != 1) {
        haul_pff_fail(&why, HAUL_SKIP, &error, "an attachment cannot be opened", m->node);
        at->lost = true;
    } else if (read_props(o, item, at, kept, &why) != HAUL_OK) {
        at->lost = true;
    } else {
        measure(o, item, at);
    }
    o->trouble = o->trouble || at->lost;
    if (at->lost && !at->why)
        at->why = haul_arena_str(&m->arena, why.text);
    if (!at->lost && !at->embedded && !o->data[m->n_attachments].known &&
        at->size <= HAUL_DIRECT_KEPT - *kept) {
        *kept += at->size;
        o->open[m->n_attachments] = item;
    } else {
        libpff_item_free(&item, NULL);
    }
    m->n_attachments++;
}

/* Rows of the attachment table: more than there are attachments when libpff stopped at a bad one. */
static int count_rows(pff_object *o)
{
    libpff_item_t *table = NULL;
    int n = 0;
    if (libpff_message_get_attachments(o->item, &table, NULL) != 1 ||
        libpff_item_get_number_of_record_sets(table, &n, NULL) != 1)
        n = 0;
    libpff_item_free(&table, NULL);
    return n;
}

/* Attachments that the table names and libpff did not reach. */
static void add_missing(pff_object *o, int from, int to, const char *why)
{
    haul_mapi *m = &o->m;
    for (int i = from; i < to; i++) {
        haul_mapi_attach *at = &m->attachments[m->n_attachments];
        o->place[m->n_attachments++] = -1;
        at->lost = true;
        at->why = haul_arena_str(&m->arena, why);
    }
}

/* libpff finds attachments through their table only; those without one are told. */
static void count_hidden(pff_object *o)
{
    char text[128];
    int64_t flags = haul_prop_int_or(haul_bag_get(&o->m.props, HAUL_MESSAGE_FLAGS), 0);
    size_t n = o->m.depth || !(flags & HAUL_HAS_ATTACHMENTS) || !o->s->direct.open || !o->s->top
                   ? 0
                   : haul_mend_attachments(&o->s->direct.nodes, o->s->top);
    if (!n)
        return;
    snprintf(text, sizeof(text), "%zu attachments are in no table that can be read", n);
    note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, text);
}

static void load_attachments(pff_object *o)
{
    haul_mapi *m = &o->m;
    libpff_error_t *error = NULL;
    haul_err why = {0};
    uint64_t kept = 0;
    int n = 0, rows;
    int found = libpff_message_get_number_of_attachments(o->item, &n, &error);
    rows = n;
    if (found != 1) {
        haul_pff_fail(&why, HAUL_SKIP, &error, "its attachments cannot be read", m->node);
        /* The second answer counts those in front of the bad one. */
        if (libpff_message_get_number_of_attachments(o->item, &n, NULL) != 1)
            n = 0;
        rows = count_rows(o);
        note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, why.text);
    }
    rows = rows > n ? rows : n;
    if ((unsigned)rows > HAUL_MAPI_ATTACHMENTS_MAX) {
        note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, "more attachments than are read of one message");
        rows = (int)HAUL_MAPI_ATTACHMENTS_MAX;
        n = n < rows ? n : rows;
    }
    if (rows <= 0) {
        count_hidden(o);
        return;
    }
    m->attachments = haul_arena_calloc(&m->arena, (size_t)rows * sizeof(*m->attachments));
    o->open = haul_arena_calloc(&m->arena, (size_t)rows * sizeof(*o->open));
    o->place = haul_arena_calloc(&m->arena, (size_t)rows * sizeof(*o->place));
    o->data = haul_arena_calloc(&m->arena, (size_t)rows * sizeof(*o->data));
    for (int i = 0; i < n; i++)
        load_attachment(o, i, &kept);
    add_missing(o, n, rows, why.text);
}

static void load_all(pff_object *o)
{
    load_recipients(o);
    load_attachments(o);
}

/* libpff keeps what it has read of an item, and what it failed to read. */
static void renew(pff_object *o)
{
    libpff_item_t *item = NULL;
    if (o->m.depth == 0 && haul_pff_knows(o->s, (uint32_t)o->m.node))
        libpff_file_get_item_by_identifier(o->s->file, (uint32_t)o->m.node, &item, NULL);
    else if (o->attachment)
        libpff_attachment_get_item(o->attachment, &item, NULL);
    if (!item)
        return;
    libpff_item_free(&o->item, NULL);
    o->item = item;
}

static haul_rc object_load(haul_mapi *m, haul_err *e)
{
    pff_object *o = object_of(m);
    (void)e;
    o->quiet = true;
    load_all(o);
    o->quiet = false;
    if (!o->trouble)
        return HAUL_OK;
    close_attachments(o);
    m->n_recipients = m->n_attachments = 0;
    o->open = NULL;
    haul_pff_mend(o->s, o->s->top);
    renew(o);
    load_all(o);
    return HAUL_OK;
}

static haul_rc reopen(pff_object *o, size_t i, libpff_item_t **ret, haul_err *e)
{
    libpff_error_t *error = NULL;
    if (o->m.attachments[i].lost)
        return haul_fail(e, HAUL_SKIP, "%s", o->m.attachments[i].why);
    if (libpff_message_get_attachment(o->item, o->place[i], ret, &error) != 1)
        return haul_pff_fail(e, HAUL_SKIP, &error, "an attachment cannot be opened", o->m.node);
    return HAUL_OK;
}

static haul_rc pour(pff_object *o, libpff_item_t *item, uint64_t size, haul_out *to, haul_err *e)
{
    libpff_error_t *error = NULL;
    if (libpff_attachment_data_seek_offset(item, 0, SEEK_SET, &error) != 0)
        return haul_pff_fail(e, HAUL_SKIP, &error, "the data of an attachment cannot be read", o->m.node);
    for (uint64_t left = size; left > 0;) {
        size_t want = left < HAUL_PFF_CHUNK ? (size_t)left : HAUL_PFF_CHUNK;
        ssize_t got = libpff_attachment_data_read_buffer(item, o->s->chunk, want, &error);
        if (got < 0)
            return haul_pff_fail(e, HAUL_SKIP, &error, "the data of an attachment cannot be read", o->m.node);
        if (got == 0)
            return haul_fail(e, HAUL_SKIP, "node 0x%llx: the data of an attachment ends %llu octets early",
                             (unsigned long long)o->m.node, (unsigned long long)left);
        haul_rc rc = haul_out_write(to, o->s->chunk, (size_t)got, e);
        if (rc != HAUL_OK)
            return rc;
        left -= (uint64_t)got;
    }
    return HAUL_OK;
}

static haul_rc object_data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    pff_object *o = object_of(m);
    libpff_item_t *item = o->open[i];
    if (o->data[i].known && !m->attachments[i].lost)
        return haul_direct_pour(&o->s->direct, &o->data[i], to, e);
    haul_rc rc = item ? HAUL_OK : reopen(o, i, &item, e);
    if (rc == HAUL_OK && m->attachments[i].size)
        rc = pour(o, item, m->attachments[i].size, to, e);
    if (!o->open[i])
        libpff_item_free(&item, NULL);
    return rc;
}

/* ── embedded messages ── */

/* The node id in a PtypObject value, MS-PST 2.3.3.5. */
static uint32_t object_nid(libpff_item_t *attachment)
{
    libpff_record_set_t *set = NULL;
    libpff_record_entry_t *entry = NULL;
    uint8_t v[64] = {0};
    size_t n = 0;
    if (libpff_item_get_record_set_by_index(attachment, 0, &set, NULL) != 1 ||
        libpff_record_set_get_entry_by_type(set, HAUL_ATTACH_DATA, HAUL_PT_OBJECT, &entry, 0, NULL) != 1 ||
        libpff_record_entry_get_data_size(entry, &n, NULL) != 1 || n < 4 || n > sizeof(v) ||
        libpff_record_entry_get_data(entry, v, sizeof(v), NULL) != 1)
        return 0;
    return (uint32_t)v[0] | (uint32_t)v[1] << 8 | (uint32_t)v[2] << 16 | (uint32_t)v[3] << 24;
}

static haul_rc open_embedded(pff_object *o, size_t i, haul_mapi **ret, haul_err *e)
{
    haul_mapi *m = &o->m;
    libpff_item_t *attachment = NULL, *item = NULL;
    libpff_error_t *error = NULL;
    if (m->depth >= HAUL_MAPI_DEPTH_MAX)
        return haul_fail(e, HAUL_SKIP, "messages are embedded in one another more than %u deep",
                         HAUL_MAPI_DEPTH_MAX);
    haul_rc rc = reopen(o, i, &attachment, e);
    if (rc != HAUL_OK)
        return rc;
    uint32_t nid = object_nid(attachment);
    /* libpff looks for the id among all items of the store first, and takes that one. */
    if (nid && haul_pff_knows(o->s, nid))
        rc = haul_fail(e, HAUL_SKIP, "embedded message 0x%x: an item of the store has the same node id", nid);
    else if (libpff_attachment_get_item(attachment, &item, &error) != 1)
        rc = haul_pff_fail(e, HAUL_SKIP, &error, "an embedded message cannot be opened", nid);
    if (rc == HAUL_OK)
        rc = haul_pff_object(o->s, item, nid, m->depth + 1, ret, e);
    if (rc != HAUL_OK) {
        libpff_item_free(&attachment, NULL);
        return rc;
    }
    object_of(*ret)->attachment = attachment;
    object_of(*ret)->node = o->data[i].object;
    return HAUL_OK;
}

static haul_rc object_embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    pff_object *o = object_of(m);
    haul_rc rc = open_embedded(o, i, ret, e);
    if (rc != HAUL_SKIP || !haul_pff_mend(o->s, o->s->top))
        return rc;
    renew(o);
    return open_embedded(o, i, ret, e);
}

static const haul_mapi_ops object_ops = {
    .load = object_load,
    .data = object_data,
    .embedded = object_embedded,
    .free = object_free,
};

haul_rc haul_pff_object(haul_pff *s, libpff_item_t *item, uint32_t nid, unsigned depth, haul_mapi **ret,
                        haul_err *e)
{
    pff_object *o = haul_calloc(1, sizeof(*o));
    o->m = (haul_mapi){.ops = &object_ops, .source = s, .node = nid, .depth = depth};
    o->s = s;
    o->item = item;
    s->doubt = false;
    haul_rc rc = haul_pff_bag(s, item, 0, 0, &o->m.arena, &o->m.props, e);
    if (rc == HAUL_OK && s->doubt) /* names what does not exist; nothing is to be read again */
        haul_pff_mend(s, s->top);
    if (rc != HAUL_OK) {
        object_free(&o->m);
        return rc;
    }
    o->m.props.codepage = haul_direct_codepage(&o->m.props, s->pst.codepage);
    if (!depth && nid == s->top) /* else a recovered one, whose node is another's or nobody's */
        o->node = haul_pff_node(s, nid);
    *ret = &o->m;
    return HAUL_OK;
}
