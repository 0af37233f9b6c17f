/* Folders of a store being written, and their tables. Source: MS-PST 2.4.4. */
#include "ndb.h"
#include "put_le.h"
#include "put_parts.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_INDEX 0x400u /* of folders other than the root; the second folder has the next one */

haul_pstw_box *haul_pstw_box_of(const haul_pstw *s, uint32_t nid)
{
    size_t i = nid == HAUL_PSTW_ROOT ? 0 : (nid >> 5) - FIRST_INDEX;
    return i < s->n && s->v[i].nid == nid ? &s->v[i] : NULL;
}

bool haul_pstw_has_others(const haul_pstw *s, uint32_t folder)
{
    size_t own = HAUL_PSTW_GIVEN;
    for (uint32_t nid = folder; (nid >> 5) - FIRST_INDEX >= HAUL_PSTW_GIVEN && nid != HAUL_PSTW_ROOT;
         nid = haul_pstw_box_of(s, nid)->parent)
        own++;
    return s->n > own;
}

haul_pstw_box *haul_pstw_box_add(haul_pstw *s, uint32_t nid, uint32_t parent, const char *name,
                                 const char *class, haul_role role)
{
    s->v = haul_grown(s->v, s->n, &s->cap, sizeof(*s->v));
    haul_pstw_box *f = &s->v[s->n];
    *f = (haul_pstw_box){.nid = nid, .parent = parent, .claimed = UINT32_MAX};
    haul_pstw_box_rename(s, f, name, class, role);
    s->n++;
    haul_pstw_box *above = haul_pstw_box_of(s, parent);
    if (s->n > 1 && above) {
        if (above->last)
            s->v[above->last].next = s->n - 1;
        else
            above->first = s->n - 1;
        above->last = s->n - 1;
    }
    return f;
}

static size_t text_of(const char *name, const char *class)
{
    return strlen(name) + (class ? strlen(class) : 0);
}

void haul_pstw_box_rename(haul_pstw *s, haul_pstw_box *f, const char *name, const char *class, haul_role role)
{
    char *old_name = f->name, *old_class = f->class;
    s->tail += haul_pstw_tail_folders(1, text_of(name, class));
    if (old_name)
        s->tail -= haul_pstw_tail_folders(1, text_of(old_name, old_class));
    f->name = haul_strdup(name);
    f->class = class ? haul_strdup(class) : NULL;
    f->role = role;
    free(old_name);
    free(old_class);
}

static void log_folder(haul_pstw *s, uint8_t type, const haul_pstw_box *f)
{
    haul_auto_str to = {0};
    uint8_t head[12];
    haul_put32(head, f->nid);
    haul_put32(head + 4, f->parent);
    haul_put32(head + 8, f->role);
    haul_str_add(&to, head, sizeof(head));
    haul_str_add(&to, f->name, strlen(f->name) + 1);
    haul_str_add(&to, f->class ? f->class : "", f->class ? strlen(f->class) + 1 : 1);
    haul_pstw_log_add(s, type, to.p, to.len);
}

bool haul_pstw_fits_folders(const haul_pstw *s, size_t n, size_t octets)
{
    haul_pstw_state now;
    haul_pstw_ndb_state(s->ndb, &now);
    return !s->most || (!now.nodes && s->n == HAUL_PSTW_GIVEN) ||
           haul_pstw_tail_size(s, 0, haul_pstw_tail_folders(n, octets)) <= s->most;
}

uint32_t haul_pstw_folder(haul_pstw *s, uint32_t parent, const char *name, const char *class, haul_role role)
{
    if (s->n >= HAUL_PSTW_FOLDERS_MAX)
        return 0;
    uint32_t nid = haul_pstw_new_nid(s->ndb, HAUL_PSTW_NID_FOLDER);
    log_folder(s, HAUL_PSTW_LOG_FOLDER, haul_pstw_box_add(s, nid, parent, name, class, role));
    return nid;
}

void haul_pstw_rename(haul_pstw *s, uint32_t nid, const char *name, const char *class, haul_role role)
{
    haul_pstw_box *f = haul_pstw_box_of(s, nid);
    haul_pstw_box_rename(s, f, name, class, role);
    log_folder(s, HAUL_PSTW_LOG_RENAMED, f);
}

bool haul_pstw_folder_at(const haul_pstw *s, size_t i, uint32_t *ret_nid, uint32_t *ret_parent,
                         const char **ret_name, haul_role *ret_role)
{
    if (i >= s->n)
        return false;
    *ret_nid = s->v[i].nid;
    *ret_parent = s->v[i].parent;
    *ret_name = s->v[i].name;
    *ret_role = s->v[i].role;
    return true;
}

void haul_pstw_claim(haul_pstw *s, uint32_t nid, uint32_t count)
{
    haul_pstw_box_of(s, nid)->claimed = count;
}

void haul_pstw_set(haul_pstw *s, uint32_t nid, uint32_t tag, const void *p, size_t n)
{
    haul_pstw_cells_add(nid == HAUL_PSTW_STORE ? &s->props : &haul_pstw_box_of(s, nid)->props, tag, p, n);
}

void haul_pstw_row_add(haul_pstw *s, const uint8_t *p, size_t n, uint64_t at)
{
    haul_pstw_box *f = haul_pstw_box_of(s, haul_nodes32(p));
    bool associated = p[8] == HAUL_PSTW_ASSOCIATED;
    haul_pstw_rows *r = associated ? &f->associated : &f->contents;
    r->v = haul_grown(r->v, r->n, &r->cap, sizeof(*r->v));
    r->v[r->n++] = at;
    r->unread += p[9] != 0;
    haul_pstw_tail_row(s, r, associated ? HAUL_PSTW_T_ASSOC : HAUL_PSTW_T_CONTENTS,
                       (const char *)p + HAUL_PSTW_ROW_HEAD, n - HAUL_PSTW_ROW_HEAD);
}

/* ── at the end ── */

void haul_pstw_put_object(haul_pstw *s, uint32_t nid, haul_pstw_object o, uint32_t parent)
{
    haul_pstw_node_add(s->ndb, nid, o.data, o.sub, parent);
}

void haul_pstw_table(haul_pstw_tc *t, haul_pstw_ndb *n, haul_pstw_template_id id, size_t n_rows)
{
    haul_pstw_tc_init(t, n, haul_pstw_templates[id].columns, haul_pstw_templates[id].n, NULL, 0, n_rows);
}

static uint32_t claimed_count(const haul_pstw_box *f)
{
    return f->claimed == UINT32_MAX ? (uint32_t)f->contents.n : f->claimed;
}

void haul_pstw_put_row(haul_pstw_tc *t, const haul_pstw_box *f, bool has_children, uint32_t version)
{
    haul_pstw_tc_row(t, f->nid, version);
    haul_pstw_tc_text(t, 0x3001, f->name);
    haul_pstw_tc_u32(t, 0x36020003, claimed_count(f));
    haul_pstw_tc_u32(t, 0x36030003, f->contents.unread);
    haul_pstw_tc_u32(t, 0x360a000b, has_children);
    if (f->class)
        haul_pstw_tc_text(t, 0x3613, f->class);
}

static void put_hierarchy(haul_pstw *s, const haul_pstw_box *f)
{
    haul_pstw_tc t;
    bool root = f->nid == HAUL_PSTW_ROOT;
    size_t rows = root;
    uint32_t version = 0;
    for (size_t i = f->first; i; i = s->v[i].next)
        rows++;
    haul_pstw_table(&t, s->ndb, HAUL_PSTW_T_HIERARCHY, rows);
    for (size_t i = f->first; i; i = s->v[i].next)
        haul_pstw_put_row(&t, &s->v[i], s->v[i].first != 0, ++version);
    if (root) {
        char name[] = HAUL_PSTW_SEARCH_NAME;
        haul_pstw_box search = {.nid = HAUL_PSTW_SEARCH_FOLDER, .name = name, .claimed = UINT32_MAX};
        haul_pstw_put_row(&t, &search, false, ++version);
    }
    haul_pstw_put_object(s, haul_pstw_sibling(f->nid, HAUL_PSTW_NID_HIERARCHY), haul_pstw_tc_end(&t), 0);
}

static void put_items(haul_pstw *s, uint32_t nid, haul_pstw_template_id id, const haul_pstw_rows *rows,
                      haul_sha256 *sum, size_t *left_out)
{
    haul_pstw_tc t;
    haul_pstw_table(&t, s->ndb, id, rows->n);
    for (size_t i = 0; i < rows->n && haul_pstw_log_read(s, rows->v[i], HAUL_PSTW_LOG_ROW); i++) {
        haul_pstw_cell c;
        size_t at = HAUL_PSTW_ROW_HEAD;
        haul_sha256_update(sum, s->scratch.p, s->scratch.len);
        haul_pstw_tc_row(&t, haul_nodes32((const uint8_t *)s->scratch.p + 4), (uint32_t)(i + 1));
        while (haul_pstw_cells_next(s->scratch.p, s->scratch.len, &at, &c))
            haul_pstw_tc_cell(&t, c.tag, c.p, c.n);
    }
    *left_out += t.left_out;
    haul_pstw_put_object(s, nid, haul_pstw_tc_end(&t), 0);
}

void haul_pstw_put_tables(haul_pstw *s, haul_sha256 *sum, size_t *ret_left_out)
{
    for (size_t i = 0; i < s->n && s->rc == HAUL_OK; i++) {
        const haul_pstw_box *f = &s->v[i];
        haul_sha256_update(sum, f->name, strlen(f->name) + 1);
        put_hierarchy(s, f);
        put_items(s, haul_pstw_sibling(f->nid, HAUL_PSTW_NID_CONTENTS), HAUL_PSTW_T_CONTENTS, &f->contents,
                  sum, ret_left_out);
        put_items(s, haul_pstw_sibling(f->nid, HAUL_PSTW_NID_ASSOC_CONTENTS), HAUL_PSTW_T_ASSOC,
                  &f->associated, sum, ret_left_out);
    }
}

static void put_folder(haul_pstw *s, const haul_pstw_box *f, uint32_t inbox)
{
    haul_pstw_pc pc;
    haul_pstw_cell c;
    haul_pstw_pc_init(&pc, s->ndb);
    for (size_t at = 0; haul_pstw_cells_next(f->props.p, f->props.len, &at, &c);)
        haul_pstw_pc_add(&pc, c.tag, c.p, c.n);
    haul_pstw_pc_text(&pc, 0x3001, f->name);
    haul_pstw_pc_u32(&pc, 0x36020003, claimed_count(f));
    haul_pstw_pc_u32(&pc, 0x36030003, f->contents.unread);
    haul_pstw_pc_u32(&pc, 0x360a000b, f->first != 0);
    if (f->class)
        haul_pstw_pc_text(&pc, 0x3613, f->class);
    if (f->associated.n)
        haul_pstw_pc_u32(&pc, 0x36170003, (uint32_t)f->associated.n);
    if (f->nid == HAUL_PSTW_ROOT || f->nid == inbox)
        haul_pstw_put_roles(s, &pc, false);
    haul_pstw_put_object(s, f->nid, haul_pstw_pc_end(&pc), f->parent);
}

void haul_pstw_put_folders(haul_pstw *s)
{
    uint32_t inbox = haul_pstw_role(s, HAUL_ROLE_INBOX);
    for (size_t i = 0; i < s->n; i++)
        put_folder(s, &s->v[i], inbox);
}
