/* Which folders of a store are given, and as what. All of them are read before the first item: a role may be said by a
 * folder that comes later, and a folder outside of the visible ones is given only when something is in it. */
#include "pst.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { /* MS-OXPROPS */
       DISPLAY_NAME = 0x3001,
       CONTENT_COUNT = 0x3602,
       CONTAINER_CLASS = 0x3613,
       ASSOCIATED_COUNT = 0x3617,
       PST_PASSWORD = 0x67ff,
};
#define NODE_CONTENTS(nid)   (((nid) & ~0x1fu) | 0x0eu) /* the contents table of a folder, MS-PST 2.4.4 */
#define NODE_ASSOCIATED(nid) (((nid) & ~0x1fu) | 0x0fu)
#define STORE_ROOT           "Store root"
#define ABSENT_MAX                                                                                           \
    5000000u /* rows without an item that are named, of all folders; a store of 50 GB has as many items */

typedef struct node { /* a folder of the store */
    uint32_t nid, up; /* up: index of its parent, NONE for a top one */
    uint32_t depth;   /* below a top one */
    uint32_t folder;  /* as declared */
    haul_pst_key id;  /* that Exchange gave it */
    const char *name; /* NULL: none that can be read */
    const char *class;
    int64_t items, associated; /* as the folder says; -1 = it does not */
    bool lost;                 /* its properties were not read */
    bool in;                   /* at or below the top of the visible folders */
    bool own;                  /* it has items to be given, or to be told of as lost */
    bool holds;                /* it, or one below it, has */
} node;

typedef struct planner {
    haul_pst *p;
    haul_reader *r;
    haul_pst_plan *plan;
    haul_declared *folders;
    haul_pst_roles roles;
    node *v;
    size_t n, cap;
    bool associated; /* associated items are asked for */
    uint32_t subtree, inbox;
    size_t searches;
    size_t absent; /* rows without an item that are named */
    haul_arena scratch;
} planner;

/* ── reading ── */

static void issue(planner *w, haul_issue_id id, const char *detail)
{
    w->r->issue(w->r->issue_ctx, id, detail);
}

static haul_rc add(planner *w, uint32_t nid, uint32_t up, haul_err *e)
{
    if (w->n == HAUL_PST_FOLDERS_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u folders", HAUL_PST_FOLDERS_MAX);
    w->v = haul_grown(w->v, w->n, &w->cap, sizeof(*w->v));
    w->v[w->n] = (node){.nid = nid, .up = up, .items = -1, .associated = -1, .folder = HAUL_FOLDER_NONE};
    w->v[w->n].depth = up == HAUL_FOLDER_NONE ? 0 : w->v[up].depth + 1;
    w->n++;
    return HAUL_OK;
}

static void read_folder(planner *w, size_t i)
{
    node *f = &w->v[i];
    haul_err why = {0};
    haul_bag b = {0};
    if (haul_guard_step(w->r->guard, HAUL_GUARD_FOLDER, f->nid, HAUL_FOLDER_NONE) == HAUL_GUARD_LOST) {
        f->lost = true;
        return;
    }
    haul_arena_reset(&w->scratch);
    b.codepage = w->p->codepage;
    haul_rc rc = w->p->ops->folder(w->p, f->nid, &w->scratch, &b, &why);
    if (rc != HAUL_OK) {
        f->lost = true;
        issue(w, HAUL_ISSUE_PST_FOLDER_DAMAGED, why.text);
        return;
    }
    f->id = haul_pst_folder_id(&b);
    f->name = haul_bag_str(&b, DISPLAY_NAME, &w->plan->arena);
    f->class = haul_bag_str(&b, CONTAINER_CLASS, &w->plan->arena);
    f->items = haul_prop_int_or(haul_bag_get(&b, CONTENT_COUNT), -1);
    f->associated = haul_prop_int_or(haul_bag_get(&b, ASSOCIATED_COUNT), -1);
    /* Outlook writes the entry ids of the default folders to the root folder and to the Inbox [pst-9]. */
    if (haul_pst_roles_folder(&w->roles, &b) && f->nid != w->p->root && !w->inbox && f->depth)
        w->inbox = f->nid;
}

/* Depth first, so that a folder comes before what is in it: children are pushed in reverse. */
static haul_rc read_folders(planner *w, haul_err *e)
{
    struct todo {
        uint32_t nid, up;
    } *stack = NULL;
    size_t depth = 0, cap = 0;
    haul_rc rc = HAUL_OK;
    uint32_t at = 0, up = HAUL_FOLDER_NONE;
    for (;;) {
        haul_pst_children c = w->p->ops->children(w->p, at, HAUL_NID_FOLDER);
        if (depth + c.n > cap) {
            cap = (depth + c.n) * 2;
            stack = haul_realloc(stack, cap * sizeof(*stack));
        }
        for (size_t i = c.n; i > 0; i--)
            stack[depth++] = (struct todo){c.v[i - 1], up};
        while (depth && HAUL_NID_TYPE(stack[depth - 1].nid) == HAUL_NID_SEARCH) {
            w->searches++;
            depth--;
        }
        if (!depth || rc != HAUL_OK)
            break;
        struct todo t = stack[--depth];
        rc = add(w, t.nid, t.up, e);
        if (rc != HAUL_OK)
            break;
        up = (uint32_t)(w->n - 1);
        at = t.nid;
        read_folder(w, up);
    }
    free(stack);
    return rc;
}

static void read_store(planner *w)
{
    haul_bag b = {0};
    haul_err why = {0};
    haul_arena a = {0};
    if (w->p->ops->store(w->p, &a, &b, &why) != HAUL_OK) {
        issue(w, HAUL_ISSUE_PST_STORE_DAMAGED, why.text);
    } else {
        haul_pst_roles_store(&w->roles, &b);
        /* A checksum that Outlook compares: nothing is encrypted by it, MS-PST 4.1. */
        uint32_t sum = (uint32_t)haul_prop_int_or(haul_bag_get(&b, PST_PASSWORD), 0);
        if (!w->p->ost && sum) {
            haul_fail(&why, HAUL_SKIP, "its checksum is 0x%08x", sum);
            issue(w, HAUL_ISSUE_PST_PASSWORD, why.text);
        }
    }
    haul_arena_done(&a);
    if (w->p->ost)
        haul_pst_roles_ost(&w->roles);
    uint32_t inbox = w->p->ops->receive(w->p);
    if (inbox != w->p->root)
        haul_pst_role_set(&w->roles, inbox, HAUL_ROLE_INBOX);
}

/* ── counts ── */

/* False: an earlier parser died in the table of a folder. */
static bool enters_table(planner *w, const node *f, unsigned kind)
{
    uint32_t table = kind == HAUL_NID_ITEM ? NODE_CONTENTS(f->nid) : NODE_ASSOCIATED(f->nid);
    return haul_guard_step(w->r->guard, HAUL_GUARD_FOLDER, table, HAUL_FOLDER_NONE) != HAUL_GUARD_LOST;
}

static void compare_kind(planner *w, size_t i, unsigned kind, haul_pst_place *to)
{
    node *f = &w->v[i];
    bool ordinary = kind == HAUL_NID_ITEM;
    int64_t said = ordinary ? f->items : f->associated;
    size_t found = ordinary ? to->items.n : to->associated.n;
    haul_pst_counts c = {0};
    haul_err why = {0}, text;
    if (f->lost || said == (int64_t)found)
        return;
    if (!enters_table(w, f, kind))
        return;
    const char *name = f->name ? f->name : "", *what = ordinary ? "" : "associated ";
    if (w->absent == ABSENT_MAX) { /* folders that share one table would take hours */
        haul_fail(&text, HAUL_SKIP,
                  "%s (0x%x): says %lld %sitems, holds %zu; its table is not read: %u rows without an item "
                  "are named already",
                  name, f->nid, (long long)said, what, found, ABSENT_MAX);
        issue(w, HAUL_ISSUE_PST_TABLE_DAMAGED, text.text);
        return;
    }
    if (w->p->ops->counts(w->p, f->nid, kind, &w->plan->arena, &c, &why) != HAUL_OK) {
        haul_fail(&text, HAUL_SKIP,
                  "%s (0x%x): says %lld %sitems; %s; those that the node tree has are given: %zu", name,
                  f->nid, (long long)said, what, why.text, found);
        issue(w, HAUL_ISSUE_PST_TABLE_DAMAGED, text.text);
        return;
    }
    if (ordinary) {
        to->lost = c.lost;
        to->n_lost = c.absent < ABSENT_MAX - w->absent ? c.absent : ABSENT_MAX - w->absent;
        w->absent += to->n_lost;
    }
    if (said < 0 && !c.unlisted && !c.absent && !c.elsewhere)
        return;
    haul_fail(&text, HAUL_SKIP, "%s (0x%x): says %lld %sitems, lists %zu, holds %zu", name, f->nid,
              (long long)said, what, c.rows, found);
    if (c.elsewhere) {
        size_t n = strlen(text.text);
        snprintf(text.text + n, sizeof(text.text) - n, "; %zu of those it lists are in other folders",
                 c.elsewhere);
    }
    issue(w, HAUL_ISSUE_PST_FOLDER_COUNT, text.text);
}

/* ── what is given ── */

/* Does its table name items of which there is no node? */
static bool has_lost(planner *w, const node *f)
{
    haul_pst_counts c = {0};
    if (f->lost || f->items <= 0 || !enters_table(w, f, HAUL_NID_ITEM))
        return false;
    haul_arena_reset(&w->scratch);
    return w->p->ops->counts(w->p, f->nid, HAUL_NID_ITEM, &w->scratch, &c, NULL) == HAUL_OK && c.absent;
}

static bool has_own(planner *w, const node *f)
{
    return w->p->ops->children(w->p, f->nid, HAUL_NID_ITEM).n ||
           (w->associated && w->p->ops->children(w->p, f->nid, HAUL_NID_ASSOCIATED).n) || has_lost(w, f);
}

static void mark(planner *w)
{
    for (size_t i = 0; i < w->n; i++) {
        node *f = &w->v[i];
        f->in = f->nid == w->subtree || (f->up != HAUL_FOLDER_NONE && w->v[f->up].in);
    }
    for (size_t i = w->n; i > 0; i--) { /* children come after their parents */
        node *f = &w->v[i - 1];
        f->own = has_own(w, f);
        f->holds = f->holds || f->own;
        if (f->holds && f->up != HAUL_FOLDER_NONE && w->v[f->up].in == f->in)
            w->v[f->up].holds = true;
    }
}

/* The top of the visible folders [pst-7]. */
static void find_subtree(planner *w)
{
    haul_pst_key wanted = w->roles.subtree;
    bool usual = false;
    for (size_t i = 0; i < w->n; i++) {
        if (wanted && (w->v[i].nid == wanted || w->v[i].id == wanted))
            w->subtree = w->v[i].nid;
        usual = usual || w->v[i].nid == HAUL_NID_SUBTREE;
    }
    if (!w->subtree)
        w->subtree = usual && !w->p->ost ? HAUL_NID_SUBTREE : w->p->root;
}

static haul_role role_of(const planner *w, const node *f)
{
    haul_role role = haul_pst_role_of(&w->roles, f->nid);
    return role == HAUL_ROLE_NONE && f->id ? haul_pst_role_of(&w->roles, f->id) : role;
}

/* Roles by class for what no entry id names: the first one right below the top. */
static void roles_by_class(planner *w)
{
    if (w->inbox)
        haul_pst_role_set(&w->roles, w->inbox, HAUL_ROLE_INBOX);
    for (size_t i = 0; i < w->n; i++) {
        const node *f = &w->v[i];
        haul_role role = haul_pst_role_class(f->class);
        if (role != HAUL_ROLE_NONE && f->up != HAUL_FOLDER_NONE && w->v[f->up].nid == w->subtree)
            haul_pst_role_set(&w->roles, f->nid, role);
    }
}

static const char *name_of(planner *w, const node *f)
{
    if (f->name)
        return f->name;
    const char *name = haul_arena_printf(&w->plan->arena, "Folder 0x%x", f->nid);
    issue(w, HAUL_ISSUE_FOLDER_NAME_GUESSED, name);
    return name;
}

static void declare(planner *w, size_t i)
{
    node *f = &w->v[i];
    uint32_t parent = f->up == HAUL_FOLDER_NONE ? HAUL_FOLDER_NONE : w->v[f->up].folder;
    haul_role role = role_of(w, f);
    if (f->in &&
        f->nid == w->subtree) { /* its children are the top ones; it is one itself if it holds items */
        if (!f->own)
            return;
        f->folder = haul_declare(w->folders, HAUL_FOLDER_NONE, name_of(w, f), NULL, role);
        return;
    }
    if (f->in && w->v[f->up].nid == w->subtree)
        parent = HAUL_FOLDER_NONE;
    if (!f->in) {
        if (!f->holds)
            return;
        if (parent == HAUL_FOLDER_NONE)
            parent = haul_declare(w->folders, HAUL_FOLDER_NONE, STORE_ROOT, NULL, HAUL_ROLE_NONE);
        if (f->nid == w->p->root) {
            f->folder = parent;
            return;
        }
    }
    f->folder = haul_declare(w->folders, parent, name_of(w, f), NULL, role);
    if (f->folder == HAUL_FOLDER_NONE) {
        f->folder = parent;
        issue(w, HAUL_ISSUE_FOLDER_DEPTH, name_of(w, f));
    }
}

static void place(planner *w, size_t i)
{
    node *f = &w->v[i];
    haul_pst_plan *plan = w->plan;
    plan->v = haul_grown(plan->v, plan->n, &plan->cap, sizeof(*plan->v));
    haul_pst_place *to = &plan->v[plan->n];
    *to = (haul_pst_place){.nid = f->nid, .folder = f->folder};
    to->items = w->p->ops->children(w->p, f->nid, HAUL_NID_ITEM);
    to->associated = w->p->ops->children(w->p, f->nid, HAUL_NID_ASSOCIATED);
    compare_kind(w, i, HAUL_NID_ITEM, to);
    if (w->associated)
        compare_kind(w, i, HAUL_NID_ASSOCIATED, to);
    plan->n++;
}

haul_rc haul_pst_plan_make(haul_pst_plan *plan, haul_pst *p, haul_reader *r, haul_declared *d, haul_err *e)
{
    planner w = {.p = p, .r = r, .plan = plan, .folders = d};
    haul_err text;
    w.associated = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_ASSOCIATED]) == 1;
    read_store(&w);
    haul_rc rc = read_folders(&w, e);
    if (rc == HAUL_OK) {
        find_subtree(&w);
        roles_by_class(&w);
        mark(&w);
        for (size_t i = 0; i < w.n; i++)
            declare(&w, i);
        for (size_t i = 0; i < w.n; i++)
            if (w.v[i].folder != HAUL_FOLDER_NONE)
                place(&w, i);
    }
    if (rc == HAUL_OK && w.searches) {
        haul_fail(&text, HAUL_SKIP, "%zu of them", w.searches);
        issue(&w, HAUL_ISSUE_PST_SEARCH_FOLDER, text.text);
    }
    haul_arena_done(&w.scratch);
    free(w.v);
    return rc;
}

void haul_pst_plan_done(haul_pst_plan *plan)
{
    free(plan->v);
    haul_arena_done(&plan->arena);
    *plan = (haul_pst_plan){0};
}
