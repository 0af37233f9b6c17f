#include "pff.h"

#include <stdlib.h>
#include <string.h>

/* PidTagLtpRowId, MS-PST 2.3.4.4.1: what a row of a contents table is about. */
#define ROW_ID         0x67f2u

#define STORE          0x21u /* MS-PST 2.4.1 */
#define CONTENTS       0x0eu /* node types of tables, 2.2.2.1 */
#define ASSOC_CONTENTS 0x0fu

void haul_pst_close(haul_pst *p)
{
    if (p)
        p->ops->close(p);
}

static void pff_close(haul_pst *p)
{
    haul_pff *s = (haul_pff *)p;
    haul_pff_tree_done(s);
    if (s->file) {
        libpff_file_close(s->file, NULL);
        libpff_file_free(&s->file, NULL);
    }
    if (s->io)
        libbfio_handle_free(&s->io, NULL);
    haul_view_done(&s->view);
    haul_direct_done(&s->direct);
    haul_arena_done(&s->arena);
    free(s->names);
    free(s->chunk);
    free(s->found);
    free(s->mended);
    free(s);
}

static haul_rc pff_store(haul_pst *p, haul_arena *a, haul_bag *ret, haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    libpff_item_t *item = NULL;
    libpff_error_t *error = NULL;
    int found = libpff_file_get_message_store(s->file, &item, &error);
    if (found != 1)
        return haul_pff_fail(e, HAUL_SKIP, &error, "no message store", 0x21);
    haul_rc rc = haul_pff_bag(s, item, 0, 0, a, ret, e);
    if (rc == HAUL_SKIP && haul_pff_mend(s, STORE))
        rc = haul_pff_bag(s, item, 0, 0, a, ret, e);
    libpff_item_free(&item, NULL);
    return rc;
}

static uint32_t pff_receive(haul_pst *p)
{
    haul_pff *s = (haul_pff *)p;
    libpff_item_t *table = NULL;
    haul_pst_receiver found = {0};
    haul_arena a = {0};
    int n = 0;
    if (libpff_file_get_item_by_identifier(s->file, HAUL_NID_RECEIVE, &table, NULL) == 1 &&
        libpff_item_get_number_of_record_sets(table, &n, NULL) != 1)
        n = 0;
    for (int i = 0; i < n && i < (int)HAUL_PST_RECEIVERS_MAX; i++) {
        haul_bag row = {0};
        if (haul_pff_bag(s, table, i, 0, &a, &row, NULL) == HAUL_OK)
            haul_pst_receiver_row(&found, &row, &a);
    }
    libpff_item_free(&table, NULL);
    haul_arena_done(&a);
    return found.nid;
}

static haul_pst_children pff_children(haul_pst *p, uint32_t nid, unsigned kind)
{
    const haul_pff_branch *b = haul_pff_find((haul_pff *)p, nid);
    int k = kind == HAUL_NID_FOLDER ? HAUL_PFF_FOLDERS
            : kind == HAUL_NID_ITEM ? HAUL_PFF_ITEMS
                                    : HAUL_PFF_ASSOCIATED;
    return b ? (haul_pst_children){b->lists[k].nid, b->lists[k].n} : (haul_pst_children){NULL, 0};
}

static haul_rc pff_folder(haul_pst *p, uint32_t nid, haul_arena *a, haul_bag *ret, haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    const haul_pff_branch *b = haul_pff_find(s, nid);
    if (!b)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no such folder", nid);
    haul_rc rc = haul_pff_bag(s, b->item, 0, 0, a, ret, e);
    if (rc == HAUL_SKIP && haul_pff_mend(s, nid))
        rc = haul_pff_bag(s, b->item, 0, 0, a, ret, e);
    return rc;
}

/* ── the contents table ── */

/* The ids that the rows name. */
static size_t row_ids(libpff_item_t *table, int n, uint32_t *ret)
{
    size_t got = 0;
    for (int i = 0; i < n; i++) {
        libpff_record_set_t *set = NULL;
        libpff_record_entry_t *entry = NULL;
        uint8_t id[8] = {0};
        size_t size = 0;
        if (libpff_item_get_record_set_by_index(table, i, &set, NULL) != 1 ||
            libpff_record_set_get_entry_by_type(set, ROW_ID, HAUL_PT_I32, &entry, 0, NULL) != 1 ||
            libpff_record_entry_get_data_size(entry, &size, NULL) != 1 || size != 4 ||
            libpff_record_entry_get_data(entry, id, sizeof(id), NULL) != 1)
            continue;
        ret[got++] = (uint32_t)id[0] | (uint32_t)id[1] << 8 | (uint32_t)id[2] << 16 | (uint32_t)id[3] << 24;
    }
    return got;
}

static int open_contents(const haul_pff_branch *b, bool ordinary, libpff_item_t **ret, int *ret_n,
                         libpff_error_t **error)
{
    *ret_n = 0;
    int found = ordinary ? libpff_folder_get_sub_messages(b->item, ret, error)
                         : libpff_folder_get_sub_associated_contents(b->item, ret, error);
    if (found == 1 && libpff_item_get_number_of_record_sets(*ret, ret_n, error) != 1)
        found = -1;
    if (found < 0)
        libpff_item_free(ret, NULL);
    return found;
}

static bool is_there(haul_pst *p, uint32_t nid)
{
    libpff_item_t *item = NULL;
    bool is = libpff_file_get_item_by_identifier(((haul_pff *)p)->file, nid, &item, NULL) == 1;
    libpff_item_free(&item, NULL);
    return is;
}

static haul_rc pff_counts(haul_pst *p, uint32_t nid, unsigned kind, haul_arena *a, haul_pst_counts *ret,
                          haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    const haul_pff_branch *b = haul_pff_find(s, nid);
    libpff_item_t *table = NULL;
    libpff_error_t *error = NULL;
    bool ordinary = kind == HAUL_NID_ITEM;
    int n = 0, found;
    if (!b)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no such folder", nid);
    found = open_contents(b, ordinary, &table, &n, &error);
    if (found < 0 && haul_pff_mend(s, (nid & ~0x1fu) | (ordinary ? CONTENTS : ASSOC_CONTENTS))) {
        libpff_error_free(&error);
        found = open_contents(b, ordinary, &table, &n, &error);
    }
    if (found < 0)
        return haul_pff_fail(e, HAUL_SKIP, &error, "the table of its items cannot be read", nid);
    libpff_error_free(&error);
    uint32_t *rows = haul_calloc(n > 0 ? (size_t)n : 1, sizeof(*rows));
    size_t named = table && n > 0 ? row_ids(table, n, rows) : 0;
    haul_direct_compare(pff_children(p, nid, kind), rows, named, is_there, p, a, ret);
    free(rows);
    libpff_item_free(&table, NULL);
    return HAUL_OK;
}

static haul_rc open_item(haul_pff *s, uint32_t parent, uint32_t nid, haul_mapi **ret, haul_err *e)
{
    libpff_item_t *folder = NULL, *item = NULL;
    libpff_error_t *error = NULL;
    int place = 0;
    if (!haul_pff_place(s, parent, nid, &folder, &place))
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no such item", nid);
    if (libpff_item_get_sub_item(folder, place, &item, &error) != 1)
        return haul_pff_fail(e, HAUL_SKIP, &error, "the item cannot be opened", nid);
    return haul_pff_object(s, item, nid, 0, ret, e);
}

static haul_rc pff_item(haul_pst *p, uint32_t parent, uint32_t nid, haul_mapi **ret, haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    s->top = nid;
    haul_pff_recall(s, nid);
    haul_rc rc = open_item(s, parent, nid, ret, e);
    if (rc == HAUL_SKIP && haul_pff_mend(s, nid))
        rc = open_item(s, parent, nid, ret, e);
    return rc;
}

static const haul_pst_ops pff_ops = {
    .name = "libpff",
    .close = pff_close,
    .store = pff_store,
    .receive = pff_receive,
    .children = pff_children,
    .folder = pff_folder,
    .counts = pff_counts,
    .item = pff_item,
    .recover = haul_pff_recover,
    .recovered = haul_pff_recovered,
};

/* ── opening ── */

/* What libpff would refuse the whole store for [pst-33]. A node has to have one id for all who read. */
static void mend_parents(haul_pff *s)
{
    if (!haul_direct_parents(&s->direct, &s->view))
        return;
    for (size_t i = 0; i < s->view.n_patches; i++) {
        const haul_view_patch *p = &s->view.patches[i];
        (void)haul_view_patch_add(&s->direct.view, p->at, p->octets, p->n);
    }
}

static void describe(haul_pff *s)
{
    uint8_t content = 0, type = 0, encryption = 0;
    if (libpff_file_get_content_type(s->file, &content, NULL) == 1)
        s->pst.ost = content == LIBPFF_FILE_CONTENT_TYPE_OST;
    if (libpff_file_get_type(s->file, &type, NULL) == 1)
        s->pst.version = type;
    if (libpff_file_get_encryption_type(s->file, &encryption, NULL) == 1)
        s->pst.encryption = encryption == LIBPFF_ENCRYPTION_TYPE_HIGH           ? HAUL_PST_CYCLIC
                            : encryption == LIBPFF_ENCRYPTION_TYPE_COMPRESSIBLE ? HAUL_PST_PERMUTE
                                                                                : HAUL_PST_PLAIN;
}

static haul_rc open_file(haul_pff *s, haul_err *e)
{
    libpff_error_t *error = NULL;
    if (libpff_file_initialize(&s->file, &error) == 1 &&
        libpff_file_open_file_io_handle(s->file, s->io, LIBPFF_ACCESS_FLAG_READ, &error) == 1)
        return HAUL_OK;
    libpff_file_free(&s->file, NULL);
    return haul_pff_fail(e, HAUL_E_FORMAT, &error, "the store cannot be opened", 0);
}

haul_rc haul_pff_open(int fd, uint64_t size, void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                      haul_pst **ret, haul_err *e)
{
    haul_pff *s = haul_calloc(1, sizeof(*s));
    s->pst = (haul_pst){.ops = &pff_ops, .issue = issue, .issue_ctx = ctx};
    s->chunk = haul_alloc(HAUL_PFF_CHUNK);
    haul_view_init(&s->view, fd, size);
    haul_direct_header(&s->pst, &s->view);
    if (haul_direct_open(&s->direct, &s->pst, fd, size, NULL) != HAUL_OK)
        s->direct.open = false;
    mend_parents(s);
    haul_rc rc = haul_pff_io(s, e);
    if (rc == HAUL_OK)
        rc = open_file(s, e);
    if (rc == HAUL_E_FORMAT && haul_pff_mend(s, HAUL_NID_NAMES))
        rc = open_file(s, e);
    if (rc == HAUL_E_FORMAT && s->direct.open && haul_mend_names(&s->direct.nodes, &s->view) &&
        open_file(s, NULL) == HAUL_OK) {
        rc = HAUL_OK;
        issue(ctx, HAUL_ISSUE_PST_NAME_MAP, e ? e->text : "");
    } else if (rc == HAUL_OK && s->direct.open && !haul_mend_has_names(&s->direct.nodes)) {
        issue(ctx, HAUL_ISSUE_PST_NAME_MAP, "there is none");
    }
    if (rc == HAUL_OK)
        rc = haul_pff_tree(s, e);
    if (rc != HAUL_OK) {
        pff_close(&s->pst);
        return rc;
    }
    describe(s);
    s->pst.root = haul_pff_find(s, HAUL_NID_ROOT) ? HAUL_NID_ROOT : 0;
    *ret = &s->pst;
    return HAUL_OK;
}
