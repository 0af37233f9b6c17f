/* A store being written as a whole: begun, gone on with, finished. Source: MS-PST 2.4.1, 2.4.3, 2.7.3. */
#include "put_le.h"
#include "put_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECEIVE_FOLDER 0x62bu

static void free_box(haul_pstw_box *f)
{
    free(f->name);
    free(f->class);
    free(f->contents.v);
    free(f->associated.v);
    haul_str_done(&f->props);
}

void haul_pstw_free(haul_pstw *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free_box(&s->v[i]);
    free(s->v);
    free(s->title);
    free(s->log.buf);
    free(s->log.window);
    haul_fd_autoclose(&s->log.fd);
    haul_pstw_names_done(&s->names);
    haul_pstw_ndb_free(s->ndb);
    haul_str_done(&s->scratch);
    haul_str_done(&s->row);
    haul_str_done(&s->props);
    free(s);
}

haul_rc haul_pstw_open(const haul_pstw_setup *setup, haul_pstw **ret, haul_err *e)
{
    haul_pstw *s = haul_calloc(1, sizeof(*s));
    s->ndb = haul_pstw_ndb_new(setup->name, &setup->kind);
    s->log.fd = setup->log;
    s->title = haul_strdup(setup->title);
    s->has_key = setup->record_key != NULL;
    s->bare = setup->bare;
    s->most = setup->most;
    if (s->has_key)
        memcpy(s->key, setup->record_key, sizeof(s->key));
    for (unsigned i = 0; i < 3; i++) /* 0x8022 to 0x8062 are given */
        (void)haul_pstw_new_nid(s->ndb, HAUL_PSTW_NID_FOLDER);
    haul_pstw_box_add(s, HAUL_PSTW_ROOT, HAUL_PSTW_ROOT, "", NULL, HAUL_ROLE_NONE);
    haul_pstw_box_add(s, HAUL_PSTW_TOP, HAUL_PSTW_ROOT, "Top of Outlook data file", NULL, HAUL_ROLE_NONE);
    haul_pstw_box_add(s, HAUL_PSTW_FINDER, HAUL_PSTW_ROOT, "Search Root", NULL, HAUL_ROLE_NONE);
    haul_pstw_box_add(s, HAUL_PSTW_TRASH, HAUL_PSTW_TOP, "Deleted Items", NULL, HAUL_ROLE_NONE);
    haul_rc rc = setup->resume ? haul_pstw_log_replay(s, setup->resume, e) : HAUL_OK;
    if (rc == HAUL_OK && setup->fd >= 0)
        rc = haul_pstw_use(s, setup->fd, e);
    if (rc != HAUL_OK) {
        haul_pstw_free(s);
        return rc;
    }
    *ret = s;
    return HAUL_OK;
}

haul_rc haul_pstw_use(haul_pstw *s, int fd, haul_err *e)
{
    haul_pstw_ndb_use(s->ndb, fd, s->logged.end ? &s->logged : NULL);
    return haul_pstw_ndb_failed(s->ndb, e);
}

/* The log has it when something that stays needs it, and at the next commit. */
uint16_t haul_pstw_named(haul_pstw *s, const uint8_t guid[16], uint32_t lid, const char *name)
{
    bool added;
    return haul_pstw_names_id(&s->names, guid, lid, name, &added);
}

haul_rc haul_pstw_commit(haul_pstw *s, uint64_t *ret_log, haul_err *e)
{
    haul_pstw_ndb_sync(s->ndb);
    haul_rc rc = haul_pstw_ndb_failed(s->ndb, e);
    return rc == HAUL_OK ? haul_pstw_log_sync(s, ret_log, e) : rc;
}

/* ── the end ── */

static void put_empty_table(haul_pstw *s, uint32_t nid, haul_pstw_template_id id)
{
    haul_pstw_tc t;
    haul_pstw_table(&t, s->ndb, id, 0);
    haul_pstw_put_object(s, nid, haul_pstw_tc_end(&t), 0);
}

/* What MAPI has in a store that mail is delivered to ("MAPI Receive Folders"; seen in Outlook's own): mail, reports and all that is
 * not said in the Inbox, messages between programs (IPC) in the root folder. In a store without an Inbox, all in the latter. */
static void put_receive_table(haul_pstw *s)
{
    static const char *const classes[] = {NULL, "IPM", "Report.IPM", "IPC"};
    uint32_t inbox = haul_pstw_role(s, HAUL_ROLE_INBOX), n = inbox ? HAUL_COUNT(classes) : 1;
    haul_pstw_tc t;
    haul_pstw_table(&t, s->ndb, HAUL_PSTW_T_RECEIVE, n);
    for (uint32_t i = 0; i < n; i++) {
        bool to_inbox = inbox && i + 1 < HAUL_COUNT(classes);
        haul_pstw_tc_row(&t, i + 1, i + 2);
        haul_pstw_tc_u32(&t, 0x66050003, to_inbox ? inbox : HAUL_PSTW_ROOT);
        if (classes[i])
            haul_pstw_tc_text(&t, 0x001a, classes[i]);
    }
    haul_pstw_put_object(s, RECEIVE_FOLDER, haul_pstw_tc_end(&t), 0);
}

/* The search folder that Outlook makes in every store (2.4.8.6). */
static void put_search_folder(haul_pstw *s)
{
    static const uint8_t list[4] = {0x23, 0x22, 0, 0};
    haul_pstw_pc pc;
    haul_pstw_pc_init(&pc, s->ndb);
    haul_pstw_pc_text(&pc, 0x3001, HAUL_PSTW_SEARCH_NAME);
    haul_pstw_pc_u32(&pc, 0x36020003, 0);
    haul_pstw_pc_u32(&pc, 0x36030003, 0);
    haul_pstw_pc_u32(&pc, 0x360a000b, 0);
    haul_pstw_put_object(s, HAUL_PSTW_SEARCH_FOLDER, haul_pstw_pc_end(&pc), HAUL_PSTW_ROOT);
    haul_pstw_node_add(s->ndb, haul_pstw_sibling(HAUL_PSTW_SEARCH_FOLDER, HAUL_PSTW_NID_SEARCH_QUEUE), 0, 0,
                       0);
    haul_pstw_pc_init(&pc, s->ndb);
    haul_pstw_pc_u32(&pc, 0x660b0003, 0);
    haul_pstw_put_object(s, haul_pstw_sibling(HAUL_PSTW_SEARCH_FOLDER, HAUL_PSTW_NID_SEARCH_CRITERIA),
                         haul_pstw_pc_end(&pc), 0);
    put_empty_table(s, haul_pstw_sibling(HAUL_PSTW_SEARCH_FOLDER, HAUL_PSTW_NID_SEARCH_CONTENTS),
                    HAUL_PSTW_T_SEARCH);
    haul_pstw_node_add(s->ndb, 0x201, haul_pstw_data(s->ndb, list, sizeof(list)), 0, 0);
}

/* Nodes that every store has, with nothing in them (2.7.3). */
static void put_fixed_nodes(haul_pstw *s)
{
    static const uint32_t empty[] = {0x1e1, 0x261, 0xec1};
    for (size_t i = 0; i < HAUL_COUNT(empty); i++)
        haul_pstw_node_add(s->ndb, empty[i], 0, 0, 0);
    for (unsigned i = 0; i < HAUL_PSTW_T_COUNT; i++)
        if (i != HAUL_PSTW_T_RECEIVE)
            put_empty_table(s, haul_pstw_templates[i].nid, (haul_pstw_template_id)i);
    static const uint8_t root[4] = {0x40, 0, 0, 0};
    haul_pstw_heap h;
    haul_pstw_heap_init(&h, s->ndb, HAUL_PSTW_QUEUE);
    haul_pstw_heap_add(&h, root, sizeof(root));
    haul_pstw_heap_add(&h, NULL, 8);
    haul_pstw_bth(&h, 0x40, 16, 4, NULL, 0);
    haul_pstw_node_add(s->ndb, 0xc01, haul_pstw_heap_end(&h, 0x20), 0, 0);
}

static void put_store(haul_pstw *s) /* 2.4.3 */
{
    haul_pstw_pc pc;
    haul_pstw_cell c;
    haul_pstw_pc_init(&pc, s->ndb);
    for (size_t at = 0; haul_pstw_cells_next(s->props.p, s->props.len, &at, &c);)
        haul_pstw_pc_add(&pc, c.tag, c.p, c.n);
    haul_pstw_pc_add(&pc, 0x0ff90102, s->key, sizeof(s->key));
    haul_pstw_pc_text(&pc, 0x3001, s->title);
    haul_pstw_put_roles(s, &pc, true);
    haul_pstw_pc_u32(&pc, 0x6633000b, 1);
    haul_pstw_pc_u32(&pc, 0x66fa0003, 0xe0011);
    haul_pstw_pc_u32(&pc, 0x67ff0003, 0); /* no password */
    haul_pstw_put_object(s, HAUL_PSTW_STORE, haul_pstw_pc_end(&pc), 0);
}

/* Two stores with one record key cannot be open in Outlook together; and no clock or chance may make it. */
static void derive_key(haul_pstw *s, haul_sha256 *sum)
{
    uint8_t digest[HAUL_SHA256_LEN];
    haul_sha256_update(sum, s->title, strlen(s->title));
    haul_sha256_final(sum, digest);
    if (!s->has_key)
        memcpy(s->key, digest, sizeof(s->key));
}

haul_rc haul_pstw_finish(haul_pstw *s, size_t *ret_left_out, haul_err *e)
{
    haul_auto(haul_sha256) *sum = haul_sha256_new();
    uint64_t size;
    *ret_left_out = 0;
    haul_pstw_put_tables(s, sum, ret_left_out);
    derive_key(s, sum);
    haul_pstw_put_folders(s);
    put_store(s);
    haul_pstw_put_object(s, HAUL_PSTW_NAME_MAP, haul_pstw_names_put(&s->names, s->ndb), 0);
    put_receive_table(s);
    put_search_folder(s);
    put_fixed_nodes(s);
    if (s->rc != HAUL_OK && e)
        *e = s->err;
    return s->rc == HAUL_OK ? haul_pstw_ndb_finish(s->ndb, &size, e) : s->rc;
}
