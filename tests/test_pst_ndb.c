/* Nodes, blocks, heaps and properties of the stores of the corpus: every property and every attachment's data as libpff
 * reads them. What is damaged: tests/check_pst_streams.py. */
#include "pst/names.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <libpff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORES HAUL_CORPUS "/pst/"

typedef struct pair { /* one store, opened twice */
    libpff_file_t *file;
    haul_view view;
    haul_nodes nodes;
    haul_names names;
    int fd;
    size_t objects, values, named, streams, faults, unread;
} pair;

static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    ((pair *)ctx)->faults++;
    fprintf(stderr, "%s 0x%llx at octet %llu: %s\n", f->page ? "page" : "block", (unsigned long long)f->id,
            (unsigned long long)f->at, f->what);
}

static bool open_pair(pair *p, const char *path)
{
    off_t size;
    *p = (pair){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    size = lseek(p->fd, 0, SEEK_END);
    haul_view_init(&p->view, p->fd, (uint64_t)size);
    bool opened = haul_nodes_open(&p->nodes, &p->view, NULL) == HAUL_OK;
    p->nodes.fault = on_fault;
    p->nodes.ctx = p;
    return opened && libpff_file_initialize(&p->file, NULL) == 1 &&
           libpff_file_open(p->file, path, LIBPFF_OPEN_READ, NULL) == 1;
}

static void close_pair(pair *p)
{
    if (p->file)
        libpff_file_free(&p->file, NULL);
    haul_names_done(&p->names);
    haul_nodes_done(&p->nodes);
    haul_view_done(&p->view);
    close(p->fd);
}

typedef struct octets {
    haul_out out;
    haul_str s;
} octets;

static haul_rc keep(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((octets *)o)->s, p, n);
    return HAUL_OK;
}

static void same_name(pair *p, libpff_record_entry_t *entry, uint16_t id)
{
    libpff_name_to_id_map_entry_t *named = NULL;
    haul_prop mine = {.id = id};
    uint8_t kind = 0, guid[16] = {0}, none[16] = {0}, text[1024] = "";
    uint32_t number = 0;
    if (id < 0x8000 || libpff_record_entry_get_name_to_id_map_entry(entry, &named, NULL) != 1)
        return;
    cr_assert(haul_names_find(&p->names, &mine), "0x%x", id);
    /* libpff has no GUID for numbers in PS_PUBLIC_STRINGS (wGuid 2, MS-PST 2.4.7.1). */
    if (libpff_name_to_id_map_entry_get_guid(named, guid, sizeof(guid), NULL) == 1 &&
        memcmp(guid, none, sizeof(guid)) != 0)
        cr_expect(memcmp(mine.guid, guid, sizeof(guid)) == 0, "0x%x", id);
    libpff_name_to_id_map_entry_get_type(named, &kind, NULL);
    if (kind == LIBPFF_NAME_TO_ID_MAP_ENTRY_TYPE_STRING) {
        libpff_name_to_id_map_entry_get_utf8_string(named, text, sizeof(text), NULL);
        cr_expect(mine.name && strcmp(mine.name, (char *)text) == 0, "0x%x: %s, %s", id, mine.name, text);
    } else {
        libpff_name_to_id_map_entry_get_number(named, &number, NULL);
        cr_expect(!mine.name && mine.lid == number, "0x%x", id);
    }
    p->named++;
}

static void same_value(pair *p, haul_props *props, libpff_record_entry_t *entry, uint32_t nid)
{
    uint32_t id = 0, type = 0;
    size_t n = 0;
    haul_props_entry found = {0};
    haul_span value = {0};
    haul_arena a = {0};
    haul_err e = {0};
    libpff_record_entry_get_entry_type(entry, &id, NULL);
    libpff_record_entry_get_value_type(entry, &type, NULL);
    if (libpff_record_entry_get_data_size(entry, &n, NULL) != 1)
        n = 0;
    uint8_t *data = calloc(1, n + 1);
    if (n)
        cr_assert_eq(libpff_record_entry_get_data(entry, data, n, NULL), 1);
    cr_assert_eq(haul_props_find(props, (uint16_t)id, &found, &e), HAUL_OK, "0x%x of 0x%x: %s", id, nid,
                 e.text);
    cr_expect_eq(found.type, type);
    haul_rc rc = haul_props_take(props, &found, SIZE_MAX, &a, &value, &e);
    cr_assert_eq(rc, HAUL_OK, "0x%x of type 0x%x of 0x%x: %s", id, type, nid, e.text);
    /* libpff drops nothing, and pads nothing. */
    cr_assert_eq(value.len, n, "0x%x of type 0x%x of 0x%x: %zu octets, libpff has %zu", id, type, nid,
                 value.len, n);
    cr_assert(n == 0 || memcmp(value.p, data, n) == 0, "0x%x of 0x%x", id, nid);
    p->values++;
    same_name(p, entry, (uint16_t)id);
    haul_arena_done(&a);
    free(data);
}

static void same_props(pair *p, libpff_item_t *item, const haul_node *node)
{
    haul_props props = {0};
    haul_bth_walk w = {.tree = &props.tree};
    haul_props_entry entry;
    libpff_record_set_t *set = NULL;
    haul_err e = {0};
    int n = 0, walked = 0;
    if (libpff_item_get_record_set_by_index(item, 0, &set, NULL) != 1 ||
        libpff_record_set_get_number_of_entries(set, &n, NULL) != 1) {
        p->unread++;
        return;
    }
    cr_assert_eq(haul_props_open(&props, &p->nodes, node, &e), HAUL_OK, "0x%x: %s", node->nid, e.text);
    for (int i = 0; i < n; i++) {
        libpff_record_entry_t *record = NULL;
        if (libpff_record_set_get_entry_by_index(set, i, &record, NULL) == 1)
            same_value(p, &props, record, node->nid);
    }
    while (haul_props_next(&w, &entry, &e) == HAUL_OK)
        walked++;
    cr_expect_eq(walked, n, "0x%x", node->nid);
    p->objects++;
    haul_props_done(&props);
}

static void same_stream(pair *p, libpff_item_t *attachment, const haul_node *node)
{
    haul_props props = {0};
    haul_props_entry entry = {0};
    haul_props_value value = {0};
    haul_data_loss loss;
    octets mine = {.out = {keep}};
    size64_t size = 0;
    int type = 0;
    if (libpff_attachment_get_type(attachment, &type, NULL) != 1 || type != LIBPFF_ATTACHMENT_TYPE_DATA ||
        libpff_attachment_get_data_size(attachment, &size, NULL) != 1)
        return;
    uint8_t *data = calloc(1, size + 1);
    cr_assert_eq(libpff_attachment_data_read_buffer(attachment, data, size, NULL), (ssize_t)size);
    cr_assert_eq(haul_props_open(&props, &p->nodes, node, NULL), HAUL_OK);
    cr_assert_eq(haul_props_find(&props, 0x3701, &entry, NULL), HAUL_OK);
    cr_assert_eq(haul_props_value_of(&props, &entry, &value, NULL), HAUL_OK);
    cr_expect_eq(value.size, size);
    if (value.where == HAUL_PROPS_NODE) {
        cr_assert_eq(haul_nodes_pour(&p->nodes, value.data, &mine.out, &loss, NULL), HAUL_OK);
        cr_assert_eq(mine.s.len, size);
        cr_assert_eq(memcmp(mine.s.p, data, size), 0, "attachment 0x%x", node->nid);
        cr_expect_eq(loss.places, 0);
        p->streams++;
    }
    haul_str_done(&mine.s);
    haul_props_done(&props);
    free(data);
}

static void same_message(pair *p, libpff_item_t *item, const haul_node *node, int depth);

static void same_attachment(pair *p, libpff_item_t *attachment, const haul_node *message, int depth)
{
    uint32_t nid = 0;
    haul_node node = {0}, below = {0};
    haul_props props = {0};
    haul_props_entry entry = {0};
    libpff_item_t *embedded = NULL;
    haul_err e = {0};
    cr_assert_eq(libpff_item_get_identifier(attachment, &nid, NULL), 1);
    cr_assert_eq(haul_nodes_sub(&p->nodes, message->sub, nid, &node, &e), HAUL_OK, "%s", e.text);
    same_props(p, attachment, &node);
    same_stream(p, attachment, &node);
    int type = 0;
    if (libpff_attachment_get_type(attachment, &type, NULL) == 1 && type == LIBPFF_ATTACHMENT_TYPE_ITEM &&
        libpff_attachment_get_item(attachment, &embedded, NULL) == 1) {
        cr_assert_eq(haul_props_open(&props, &p->nodes, &node, NULL), HAUL_OK);
        cr_assert_eq(haul_props_find(&props, 0x3701, &entry, NULL), HAUL_OK);
        cr_assert_eq(haul_props_object(&props, &entry, &below, &e), HAUL_OK, "0x%x: value 0x%x: %s", node.nid,
                     entry.value, e.text);
        same_message(p, embedded, &below, depth + 1);
        haul_props_done(&props);
        libpff_item_free(&embedded, NULL);
    }
}

static void same_message(pair *p, libpff_item_t *item, const haul_node *node, int depth)
{
    int n = 0;
    same_props(p, item, node);
    if (depth > 8 || libpff_message_get_number_of_attachments(item, &n, NULL) != 1)
        return;
    for (int i = 0; i < n; i++) {
        libpff_item_t *attachment = NULL;
        cr_assert_eq(libpff_message_get_attachment(item, i, &attachment, NULL), 1);
        same_attachment(p, attachment, node, depth);
        libpff_item_free(&attachment, NULL);
    }
}

static void same_below(pair *p, libpff_item_t *parent)
{
    int n = 0;
    libpff_item_get_number_of_sub_items(parent, &n, NULL);
    for (int i = 0; i < n; i++) {
        libpff_item_t *item = NULL;
        haul_node node = {0};
        uint32_t nid = 0;
        cr_assert_eq(libpff_item_get_sub_item(parent, i, &item, NULL), 1);
        cr_assert_eq(libpff_item_get_identifier(item, &nid, NULL), 1);
        cr_assert_eq(haul_nodes_find(&p->nodes, nid, &node, NULL), HAUL_OK, "node 0x%x", nid);
        if ((nid & 0x1f) == 0x04 || (nid & 0x1f) == 0x08)
            same_message(p, item, &node, 0);
        else if ((nid & 0x1f) == 0x02)
            same_props(p, item, &node);
        same_below(p, item);
        libpff_item_free(&item, NULL);
    }
}

/* MS-PST 5.3, bit by bit: the reflected polynomial, begun with 0, not inverted at the end. */
static uint32_t slow_checksum(const uint8_t *p, size_t n)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return crc;
}

Test(pst_ndb, checksum)
{
    uint8_t p[1200];
    for (size_t i = 0; i < sizeof(p); i++)
        p[i] = (uint8_t)(i * 37 + i / 100);
    for (size_t from = 0; from < 40; from += 3)
        for (size_t n = 0; from + n <= sizeof(p); n += n < 300 ? 1 : 97)
            cr_assert_eq(haul_nodes_checksum(p + from, n), slow_checksum(p + from, n), "%zu at %zu", n, from);
}

static haul_rc add_node(void *ctx, const haul_node *node, haul_err *e)
{
    (void)e;
    haul_str_add(ctx, node, sizeof(*node));
    return HAUL_OK;
}

/* A key of the root of the blocks is damaged: what was looked up before changes nothing all the same, on either side of
 * that key. */
static void same_as_alone(pair *p, uint64_t damage)
{
    static uint8_t to[HAUL_NODES_BLOCK];
    haul_view view;
    haul_nodes together = {0};
    size_t width = p->nodes.layout->id;
    uint64_t at = p->nodes.block_root + damage % 3 * 3 * width, key = 0;
    uint8_t octet = (uint8_t)(damage * 37);
    haul_view_init(&view, p->fd, p->view.size);
    cr_assert(haul_view_patch_add(&view, at + damage / 3 % 2, &octet, 1));
    cr_assert_eq(haul_view_read(&view, at, &key, 4), 4);
    cr_assert_eq(haul_nodes_open(&together, &view, NULL), HAUL_OK);
    for (uint64_t id = key < 160 ? 4 : (key & ~UINT64_C(3)) - 160; id < key + 160; id += 4) {
        haul_nodes alone = {0};
        haul_block got = {0}, want = {0};
        cr_assert_eq(haul_nodes_open(&alone, &view, NULL), HAUL_OK);
        haul_rc rc = haul_nodes_block(&alone, id, to, &want, NULL);
        cr_assert_eq(haul_nodes_block(&together, id, to, &got, NULL), rc, "block 0x%llx",
                     (unsigned long long)id);
        cr_assert(got.at == want.at && got.n == want.n);
        haul_nodes_done(&alone);
    }
    haul_nodes_done(&together);
    haul_view_done(&view);
}

/* Whatever was looked up before: the same node as the walk through the whole tree; and none where there is none. */
static void found_in_any_order(pair *p)
{
    haul_auto_str all = {0};
    cr_assert_eq(haul_nodes_walk(&p->nodes, add_node, &all, NULL), HAUL_OK);
    const haul_node *v = (const haul_node *)(const void *)haul_strz(&all);
    size_t n = all.len / sizeof(*v);
    for (uint64_t damage = 0; damage < 12; damage++)
        same_as_alone(p, damage);
    for (size_t i = 0; i < 3 * n; i++) {
        const haul_node *want = &v[i < n ? i : haul_fnv64(&i, sizeof(i), 3) % n];
        haul_node got = {0};
        cr_assert_eq(haul_nodes_find(&p->nodes, want->nid, &got, NULL), HAUL_OK, "node 0x%x", want->nid);
        cr_assert(got.nid == want->nid && got.data == want->data && got.sub == want->sub &&
                  got.parent == want->parent && got.at == want->at);
        bool last = want == &v[n - 1];
        if (last || want[1].nid != want->nid + 1)
            cr_assert_eq(haul_nodes_find(&p->nodes, want->nid + 1, &got, NULL), HAUL_SKIP);
    }
}

Test(pst_ndb, every_value_as_libpff_reads_it, .timeout = TESTING_SECONDS)
{
    DIR *d = opendir(STORES);
    size_t stores = 0, objects = 0, values = 0, named = 0, streams = 0;
    unsigned versions[66] = {0};
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[1024];
        pair p;
        libpff_item_t *root = NULL;
        if (f->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s%s", STORES, f->d_name);
        if (open_pair(&p, path)) {
            cr_expect_eq(haul_names_open(&p.names, &p.nodes, NULL), HAUL_OK, "%s", f->d_name);
            cr_assert_eq(libpff_file_get_root_item(p.file, &root, NULL), 1);
            found_in_any_order(&p);
            same_below(&p, root);
            libpff_item_free(&root, NULL);
            cr_expect_eq(p.faults, 0, "%s: %zu faults", f->d_name, p.faults);
            versions[p.nodes.version]++;
            stores++;
            objects += p.objects;
            values += p.values;
            named += p.named;
            streams += p.streams;
        }
        close_pair(&p);
    }
    if (!d)
        return; /* no corpus here */
    closedir(d);
    fprintf(stderr, "%zu stores, %zu objects, %zu values, %zu named, %zu attachments\n", stores, objects,
            values, named, streams);
    cr_expect(versions[32] && versions[64] && versions[65]);
    cr_expect(stores > 30 && objects > 1000 && values > 30000 && named > 10000 && streams > 50);
}

/* An entry whose text is not there has no name at all; number 0 of the set is another one. */
Test(pst_ndb, names_whose_text_is_not_there)
{
    static const char entries[] = "\0\0\0\0\5\0\0\0"  /* text 0 in set 2 */
                                  "\0\0\0\0\4\0\1\0"  /* number 0 in set 2 */
                                  "\0\1\0\0\5\0\2\0"; /* text 256 */
    static const char strings[] = "\2\0\0\0x\0";
    haul_names m = {.entries = {entries, 24}, .strings = {strings, 6}};
    haul_prop text = {.id = 0x8000}, number = {.id = 0x8001}, none = {.id = 0x8002};
    cr_expect(haul_names_find(&m, &text) && text.set == HAUL_PSET_PUBLIC_STRINGS);
    cr_expect(text.name && strcmp(text.name, "x") == 0);
    cr_expect(haul_names_find(&m, &number) && number.set == HAUL_PSET_PUBLIC_STRINGS && !number.name);
    cr_expect(!haul_names_find(&m, &none) && none.set == HAUL_PSET_NONE && !none.guid);
    haul_names_done(&m);
}
