/* Reading Maildir, Maildir++ and nested layouts.
 *
 * A stack of work: directories to look at, and the cur/ and new/ of those that are Maildirs, in the order of
 * the listing, so that an archive is read forwards. Names of one cur/ or new/ are in memory at a time. */
#include "maildir_courier.h"

#include "base/hash.h"
#include "base/utf.h"
#include "mime/head.h"
#include "model/declare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE         UINT32_MAX
#define STRAYS_NAMED 16u /* passed-over names of one directory that are reported one by one */
#define RELISTS_MAX  64u /* looks at one cur/ for files whose flags changed meanwhile */

typedef struct level { /* a folder, or a directory on the way to one */
    uint32_t parent;   /* index, NONE for the root */
    uint32_t folder;   /* id once declared, else HAUL_FOLDER_NONE */
    const char *path;  /* of the directory in the tree; NULL for levels that only a Maildir++ name implies */
    const char *name, *raw;
    const char *place; /* folder path as our sink writes it */
    unsigned depth;
    bool dotted; /* a Maildir++ directory beside cur/ */
} level;

typedef enum work_type { WORK_DIR, WORK_CUR, WORK_NEW } work_type;

typedef struct work {
    work_type type;
    uint32_t level;
} work;

typedef struct seen_set { /* digests of the keys given for one Maildir */
    uint64_t *v;
    size_t n, cap; /* cap: a power of two */
    uint32_t level;
} seen_set;

typedef struct maildir_reader {
    haul_arena arena; /* levels and their strings */
    level *levels;
    size_t n_levels, cap_levels;
    work *stack;
    size_t depth, cap_stack;
    haul_declared folders;
    /* the cur/ or new/ being read */
    haul_arena list;
    const level *at;
    const char *half; /* "cur" or "new" */
    haul_entry *files;
    size_t n_files, next_file;
    unsigned relists, strays;
    haul_letters letters;
    haul_courier *courier;
    seen_set seen;
    /* the message being read */
    haul_in *in;
    uint64_t file_size;
    bool packed;
    haul_str path;
} maildir_reader;

/* ── recognising it ── */

/* Is a file called as deliveries are: seconds, or flags behind it; or as Thunderbird calls them, digits and ".eml"? Folders of other
 * formats may be called "cur" and "new", too. */
static bool like_delivery(const char *name)
{
    enum { SECONDS = 9 }; /* digits, at least: since 1973 */
    size_t digits = strspn(name, "0123456789");
    haul_maildir_name n;
    haul_maildir_name_parse(name, &n);
    if (n.has_info)
        return true;
    return digits &&
           (haul_icmp(name + digits, ".eml") == 0 ||
            (digits >= SECONDS && (name[digits] == '.' || name[digits] == '_') && !haul_iends(name, ".eml")));
}

/* In a directory "cur" or "new", at its top; *ret_in: that it is in one at all. */
static bool is_delivery(const char *path, bool *ret_in)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    *ret_in = n >= 3 && (n == 3 || slash[-4] == '/') &&
              (memcmp(slash - 3, "cur", 3) == 0 || memcmp(slash - 3, "new", 3) == 0);
    return *ret_in && like_delivery(slash + 1);
}

/* One of cur and new, the other being empty and left out of a copy; or a folder of another format that is called so. */
static bool half_maildir(const haul_probe *p)
{
    bool any = false;
    for (size_t i = 0; i < p->n_files; i++) {
        bool in, is = is_delivery(p->files[i].label, &in);
        if (in && is && !strchr(strchr(p->files[i].label, '/') + 1, '/'))
            return true;
        any |= in;
    }
    return !any;
}

/* [maildir-1]: cur and new are three octets each, more than any content of their files can weigh. */
static int maildir_probe(const haul_probe *p)
{
    if (!p->is_dir)
        return 0;
    int found = haul_probe_has_dir(p, "cur") + haul_probe_has_dir(p, "new");
    if (found == 1 && !haul_probe_has_dir(p, "tmp") && !half_maildir(p))
        found = 0;
    if (found)
        return 72 + 24 * found + 24 * haul_probe_has_dir(p, "tmp");
    for (size_t i = 0; i < p->n_files; i++) {
        bool in;
        if (is_delivery(p->files[i].label, &in) || haul_ends(p->files[i].label, "/maildirfolder"))
            return 72;
    }
    return 0;
}

/* ── levels and work ── */

static uint32_t add_level(maildir_reader *s, level l)
{
    if (s->n_levels == s->cap_levels) {
        s->cap_levels = s->cap_levels ? s->cap_levels * 2 : 32;
        s->levels = haul_realloc(s->levels, s->cap_levels * sizeof(*s->levels));
    }
    s->levels[s->n_levels] = l;
    return (uint32_t)s->n_levels++;
}

static void push(maildir_reader *s, work_type type, uint32_t l)
{
    if (s->depth == s->cap_stack) {
        s->cap_stack = s->cap_stack ? s->cap_stack * 2 : 32;
        s->stack = haul_realloc(s->stack, s->cap_stack * sizeof(*s->stack));
    }
    s->stack[s->depth++] = (work){type, l};
}

static const char *join(haul_arena *a, const char *dir, const char *name)
{
    return *dir ? haul_arena_printf(a, "%s/%s", dir, name) : haul_arena_str(a, name);
}

/* Special uses by the names that Dovecot and Courier ship in their configuration [maildir-6]. */
static haul_role role_of(const char *name)
{
    static const struct {
        const char *name;
        haul_role role;
    } rows[] = {
        {"INBOX", HAUL_ROLE_INBOX},     {"Sent", HAUL_ROLE_SENT}, {"Drafts", HAUL_ROLE_DRAFTS},
        {"Trash", HAUL_ROLE_TRASH},     {"Junk", HAUL_ROLE_JUNK}, {"Spam", HAUL_ROLE_JUNK},
        {"Archive", HAUL_ROLE_ARCHIVE},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].role;
    return HAUL_ROLE_NONE;
}

/* A level below `parent` with the stored name p; naming says which escapes are undone [maildir-4] [maildir-5]. */
static uint32_t add_named(haul_reader *r, uint32_t parent, const char *p, size_t n, unsigned layout)
{
    maildir_reader *s = r->state;
    level l = {.parent = parent, .folder = HAUL_FOLDER_NONE, .depth = s->levels[parent].depth + 1};
    haul_auto_str text = {0}, plain = {0};
    bool sure = haul_maildir_decode(p, n, &text);
    if (!sure) {
        l.raw = haul_arena_strn(&s->arena, p, n);
        haul_reader_issue(r, HAUL_ISSUE_FOLDER_NAME_GUESSED, "%s", haul_strz(&text));
    }
    l.place = join(&s->arena, s->levels[parent].place, haul_strz(&text));
    bool escaped = haul_naming_unescape(&haul_maildir_naming[layout][0], haul_strz(&text), &plain) ||
                   haul_naming_unescape(&haul_maildir_naming[layout][1], haul_strz(&text), &plain);
    l.name = haul_arena_str(&s->arena, haul_strz(escaped ? &plain : &text));
    return add_level(s, l);
}

/* Length of the first level of a Maildir++ name: dots that separate nothing belong to the name after them. */
static size_t plus_level(const char *p)
{
    size_t n = strspn(p, ".");
    n += strcspn(p + n, ".");
    return p[n + strspn(p + n, ".")] ? n : strlen(p);
}

static bool too_deep(haul_reader *r, const level *l, const char *path)
{
    if (l->depth < HAUL_FOLDER_DEPTH_MAX)
        return false;
    haul_reader_issue(r, HAUL_ISSUE_FOLDER_DEPTH, "%s", path);
    return true;
}

/* ".A.B" beside cur/: levels A and B below the Maildir's base [maildir-3]. */
static void push_plus(haul_reader *r, uint32_t base, const char *name)
{
    maildir_reader *s = r->state;
    uint32_t at = base;
    const char *path = join(&s->arena, s->levels[base].path, name);
    for (const char *p = name + 1; *p;) {
        size_t n = plus_level(p);
        if (too_deep(r, &s->levels[at], path))
            return;
        at = add_named(r, at, p, n, HAUL_MAILDIR_PLUS);
        p += n + (p[n] == '.');
    }
    s->levels[at].path = path;
    s->levels[at].dotted = true;
    push(s, WORK_DIR, at);
}

static void push_nested(haul_reader *r, uint32_t parent, const char *name)
{
    maildir_reader *s = r->state;
    const char *path = join(&s->arena, s->levels[parent].path, name);
    if (too_deep(r, &s->levels[parent], path))
        return;
    uint32_t at = add_named(r, parent, name, strlen(name), HAUL_MAILDIR_FS);
    s->levels[at].path = path;
    push(s, WORK_DIR, at);
}

/* The folder of a level, declared with its parents. The root's own mail is the INBOX [maildir-2]. */
static uint32_t declare(maildir_reader *s, uint32_t l)
{
    level *at = &s->levels[l];
    if (at->folder != HAUL_FOLDER_NONE)
        return at->folder;
    if (at->parent == NONE) {
        at->folder = haul_declare(&s->folders, HAUL_FOLDER_NONE, "INBOX", NULL, HAUL_ROLE_INBOX);
        return at->folder;
    }
    bool top = s->levels[at->parent].parent == NONE;
    uint32_t parent = top ? HAUL_FOLDER_NONE : declare(s, at->parent);
    at->folder =
        haul_declare(&s->folders, parent, at->name, at->raw, top ? role_of(at->name) : HAUL_ROLE_NONE);
    return at->folder;
}

/* ── directories ── */

/* Files and directories that servers keep beside the mail. */
static bool is_service(const char *name)
{
    static const char *const names[] = {"subscriptions", "maildirfolder", "maildirsize", "quotawarn",
                                        "sieve"};
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return name[0] == '.' || haul_istarts(name, strlen(name), "dovecot") ||
           haul_istarts(name, strlen(name), "courierimap");
}

static void stray(haul_reader *r, const char *dir, const char *name, const char *what)
{
    maildir_reader *s = r->state;
    if (s->strays++ < STRAYS_NAMED)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s%s%s: %s", dir, *dir ? "/" : "", name, what);
    else if (s->strays == STRAYS_NAMED + 1)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: and more, not listed", *dir ? dir : ".");
}

static bool listed(const haul_entry *v, size_t n, const char *name, haul_entry_type type)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].type == type && strcmp(v[i].name, name) == 0)
            return true;
    return false;
}

/* Unfinished deliveries are no messages; their number is reported [maildir-15]. */
static void report_tmp(haul_reader *r, const level *l)
{
    maildir_reader *s = r->state;
    haul_entry *v = NULL;
    size_t n = 0, files = 0;
    const char *path = join(&s->list, l->path, "tmp");
    if (haul_tree_list(r->tree, path, &s->list, &v, &n, NULL) != HAUL_OK)
        return;
    for (size_t i = 0; i < n; i++)
        files += v[i].type == HAUL_ENTRY_FILE && v[i].name[0] != '.';
    if (files)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: %zu unfinished deliveries", path, files);
}

static void visit_subdirectory(haul_reader *r, uint32_t l, const char *name, bool maildir)
{
    maildir_reader *s = r->state;
    if (maildir && (strcmp(name, "cur") == 0 || strcmp(name, "new") == 0))
        push(s, name[0] == 'c' ? WORK_CUR : WORK_NEW, l);
    else if (maildir && strcmp(name, "tmp") == 0)
        report_tmp(r, &s->levels[l]);
    else if (strcmp(name, ".mailhaul") == 0)
        return;
    else if (name[0] == '.')
        push_plus(r, l, name);
    else if (!maildir || !is_service(name))
        push_nested(r, l, name);
}

/* A Maildir++ directory with nothing in it: copies drop the empty cur/, new/ and tmp/ [maildir-3]. */
static bool bare_folder(const level *l, const haul_entry *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].name[0] != '.')
            return false;
    return l->dotted;
}

/* A source whose only entry is one Maildir, as archives of it have it, is that Maildir [maildir-1]. */
static bool only_maildir(haul_reader *r, const haul_entry *v, size_t n)
{
    maildir_reader *s = r->state;
    haul_entry *in;
    size_t n_in;
    if (n != 1 || v[0].type != HAUL_ENTRY_DIR || v[0].name[0] == '.' || s->levels[0].path[0])
        return false;
    const char *path = haul_arena_str(&s->arena, v[0].name);
    if (haul_tree_list(r->tree, path, &s->list, &in, &n_in, NULL) != HAUL_OK ||
        (!listed(in, n_in, "cur", HAUL_ENTRY_DIR) && !listed(in, n_in, "new", HAUL_ENTRY_DIR)))
        return false;
    s->levels[0].path = path;
    push(s, WORK_DIR, 0);
    return true;
}

static haul_rc visit(haul_reader *r, uint32_t l, haul_err *e)
{
    maildir_reader *s = r->state;
    haul_entry *v = NULL;
    size_t n = 0;
    const char *path = s->levels[l].path;
    haul_err why = {0};
    haul_arena_reset(&s->list);
    s->strays = 0;
    haul_rc rc = haul_tree_list(r->tree, path, &s->list, &v, &n, &why);
    if (rc != HAUL_OK && l == 0)
        return haul_fail(e, rc < 0 ? rc : HAUL_E_SOURCE, "%s", why.text);
    if (rc != HAUL_OK) {
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", path, why.text);
        return HAUL_OK;
    }
    if (l == 0 && only_maildir(r, v, n))
        return HAUL_OK;
    bool maildir = listed(v, n, "cur", HAUL_ENTRY_DIR) || listed(v, n, "new", HAUL_ENTRY_DIR);
    if (maildir || listed(v, n, "maildirfolder", HAUL_ENTRY_FILE) || bare_folder(&s->levels[l], v, n))
        declare(s, l);
    size_t bottom = s->depth;
    for (size_t i = 0; i < n; i++)
        if (v[i].type == HAUL_ENTRY_DIR)
            visit_subdirectory(r, l, v[i].name, maildir);
        else if (!is_service(v[i].name))
            stray(r, path, v[i].name,
                  v[i].type == HAUL_ENTRY_FILE ? "not in cur or new" : "not a regular file");
    for (size_t i = bottom, k = s->depth; i + 1 < k; i++) { /* the first one is the next */
        work swap = s->stack[i];
        s->stack[i] = s->stack[--k];
        s->stack[k] = swap;
    }
    return HAUL_OK;
}

static void read_letters(haul_reader *r, const level *l)
{
    maildir_reader *s = r->state;
    char *text;
    size_t n;
    haul_letters_done(&s->letters);
    if (haul_tree_slurp(r->tree, join(&s->list, l->path, "dovecot-keywords"), HAUL_MAILDIR_KEYWORD_FILE,
                        &s->list, &text, &n, NULL) == HAUL_OK)
        haul_letters_parse(&s->letters, text, n);
    haul_courier_free(s->courier);
    s->courier = haul_courier_read(r->tree, l->path);
    if (haul_courier_is_cut(s->courier))
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE,
                          "%s: courierimapkeywords: not all keywords could be read",
                          *l->path ? l->path : ".");
}

static void start_half(haul_reader *r, const work *w)
{
    maildir_reader *s = r->state;
    haul_err why = {0};
    haul_arena_reset(&s->list);
    s->at = &s->levels[w->level];
    s->half = w->type == WORK_CUR ? "cur" : "new";
    s->n_files = s->next_file = 0;
    s->relists = s->strays = 0;
    if (s->seen.level != w->level) {
        s->seen.n = 0;
        s->seen.level = w->level;
        if (s->seen.cap)
            memset(s->seen.v, 0, s->seen.cap * sizeof(*s->seen.v));
    }
    read_letters(r, s->at);
    const char *path = join(&s->list, s->at->path, s->half);
    if (haul_tree_list(r->tree, path, &s->list, &s->files, &s->n_files, &why) != HAUL_OK) {
        s->n_files = 0;
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", path, why.text);
    }
}

/* ── messages ── */

static bool seen_add(seen_set *set, uint64_t digest)
{
    digest += !digest; /* 0 marks a free slot */
    if ((set->n + 1) * 2 > set->cap) {
        seen_set old = *set;
        set->cap = old.cap ? old.cap * 2 : 1024;
        set->v = haul_calloc(set->cap, sizeof(*set->v));
        set->n = 0;
        for (size_t i = 0; i < old.cap; i++)
            if (old.v[i])
                seen_add(set, old.v[i]);
        free(old.v);
    }
    size_t at = (size_t)digest & (set->cap - 1);
    for (; set->v[at]; at = (at + 1) & (set->cap - 1))
        if (set->v[at] == digest)
            return false;
    set->v[at] = digest;
    set->n++;
    return true;
}

/* Key and place: where it is without what changes. Two files with one unique part get "#2" [maildir-14]. */
static void identify(maildir_reader *s, const haul_maildir_name *n, haul_msg *m)
{
    haul_auto_str unique = {0};
    haul_maildir_unique(n, &unique);
    const char *name = haul_strz(&unique), *mark = "";
    for (unsigned i = 2; !seen_add(&s->seen, haul_fnv64(name, strlen(name), 0)); i++) {
        mark = haul_arena_printf(&m->arena, "#%u", i);
        name = haul_arena_printf(&m->arena, "%s%s", haul_strz(&unique), mark);
    }
    m->key = join(&m->arena, s->at->path, name);
    haul_auto_str text = {0};
    haul_utf8_clean(&text, name, strlen(name), true);
    m->place =
        haul_arena_printf(&m->arena, "%s/%s", *s->at->place ? s->at->place : "INBOX", haul_strz(&text));
}

static haul_rc open_file(haul_reader *r, const char *half, const char *name, haul_stat *st, haul_err *e)
{
    maildir_reader *s = r->state;
    haul_str_clear(&s->path);
    haul_str_addf(&s->path, "%s%s%s/%s", s->at->path, *s->at->path ? "/" : "", half, name);
    if (s->packed) { /* an unpacker is no file to be opened anew */
        haul_in_close(s->in);
        s->in = NULL;
        s->packed = false;
    }
    return haul_tree_reread(r->tree, haul_strz(&s->path), &s->in, st, e);
}

/* A program that changed flags meanwhile has renamed the file, perhaps from new/ to cur/: same unique part. */
static haul_rc find_again(haul_reader *r, haul_maildir_name *n, haul_stat *st, haul_err *e)
{
    maildir_reader *s = r->state;
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t count = 0;
    haul_rc rc = HAUL_SKIP;
    const char *path = join(&a, s->at->path, "cur");
    if (s->relists++ < RELISTS_MAX && haul_tree_list(r->tree, path, &a, &v, &count, NULL) == HAUL_OK)
        for (size_t i = 0; i < count && rc == HAUL_SKIP; i++)
            if (v[i].type == HAUL_ENTRY_FILE && strncmp(v[i].name, n->base.p, n->base.len) == 0) {
                haul_maildir_name other;
                haul_maildir_name_parse(v[i].name, &other);
                if (other.base.len != n->base.len)
                    continue;
                rc = open_file(r, "cur", v[i].name, st, e);
                if (rc == HAUL_OK)
                    haul_maildir_name_parse(haul_arena_str(&s->list, v[i].name), n);
            }
    haul_arena_done(&a);
    return rc;
}

static haul_rc lost(haul_rc rc)
{
    return rc == HAUL_E_SOURCE || rc == HAUL_E_FORMAT || rc == HAUL_E_LIMIT ? HAUL_SKIP : rc;
}

static void fill(maildir_reader *s, haul_msg *m, const haul_maildir_name *n, const haul_stat *st,
                 const haul_head *h)
{
    haul_maildir_flags(m, n, &s->letters);
    haul_courier_apply(s->courier, n->base, m);
    m->size = s->packed && n->has_size ? n->size : st->size;
    if (!s->packed || n->has_size)
        m->set |= HAUL_SET_SIZE;
    if (n->has_size && !s->packed && n->size != st->size)
        haul_msg_issue(m, HAUL_ISSUE_MAILDIR_SIZE_WRONG, "S=%llu, the file has %llu octets",
                       (unsigned long long)n->size, (unsigned long long)st->size);
    /* A time of 0 means none was kept, except in files of ours, where it is one [maildir-9]. */
    bool timed = st->mtime_us || strstr(n->base.p, HAUL_MAILDIR_OURS);
    if (timed)
        haul_msg_received(m, st->mtime_us, 0);
    haul_head_fill(m, h, !timed);
    haul_head_seal(m);
}

static haul_rc message(haul_reader *r, const char *name, haul_item *it, haul_err *e)
{
    maildir_reader *s = r->state;
    haul_maildir_name n;
    haul_stat st = {0};
    haul_head head = {0};
    it->type = HAUL_ITEM_MESSAGE;
    it->msg->folder = s->at->folder;
    haul_maildir_name_parse(name, &n);
    identify(s, &n, it->msg);
    haul_rc rc = open_file(r, s->half, name, &st, e);
    if (rc == HAUL_SKIP && e && e->sys == ENOENT)
        rc = find_again(r, &n, &st, e);
    if (rc == HAUL_OK)
        rc = haul_head_open(&s->in, &s->packed, &head, e); /* [maildir-16] */
    if (rc != HAUL_OK)
        return lost(rc);
    s->file_size = st.size;
    fill(s, it->msg, &n, &st, &head);
    return HAUL_OK;
}

static haul_rc maildir_next(haul_reader *r, haul_item *it, haul_err *e)
{
    maildir_reader *s = r->state;
    for (;;) {
        if (haul_declared_next(&s->folders, it))
            return HAUL_OK;
        while (s->next_file < s->n_files) {
            const haul_entry *f = &s->files[s->next_file++];
            if (f->name[0] == '.')
                continue;
            if (f->type == HAUL_ENTRY_FILE)
                return message(r, f->name, it, e);
            stray(r, join(&s->list, s->at->path, s->half), f->name,
                  f->type == HAUL_ENTRY_DIR ? "a directory" : "not a regular file");
        }
        if (!s->depth)
            return HAUL_END;
        work w = s->stack[--s->depth];
        if (w.type != WORK_DIR) {
            start_half(r, &w);
            continue;
        }
        haul_rc rc = visit(r, w.level, e);
        if (rc != HAUL_OK)
            return rc;
    }
}

static haul_rc maildir_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    maildir_reader *s = r->state;
    (void)m;
    for (;;) {
        const char *p;
        size_t n;
        haul_rc rc = haul_in_peek(s->in, 1, &p, &n, e);
        if (rc != HAUL_OK)
            return lost(rc);
        if (n == 0)
            return HAUL_OK;
        rc = haul_out_write(to, p, n, e);
        if (rc != HAUL_OK)
            return rc;
        haul_in_consume(s->in, n);
        if (!s->packed && haul_in_offset(s->in) == s->file_size)
            return HAUL_OK; /* spares the read that would say so */
    }
}

static haul_rc maildir_open(haul_reader *r, haul_err *e)
{
    maildir_reader *s = r->state;
    if (haul_tree_is_file(r->tree))
        return haul_fail(e, HAUL_E_FORMAT, "%s: a file, not a Maildir", haul_tree_path(r->tree));
    s->seen.level = NONE;
    add_level(s, (level){.parent = NONE, .folder = HAUL_FOLDER_NONE, .path = "", .name = "", .place = ""});
    push(s, WORK_DIR, 0);
    return HAUL_OK;
}

static void maildir_close(haul_reader *r)
{
    maildir_reader *s = r->state;
    haul_in_close(s->in);
    haul_courier_free(s->courier);
    haul_letters_done(&s->letters);
    haul_declared_done(&s->folders);
    haul_str_done(&s->path);
    haul_arena_done(&s->list);
    haul_arena_done(&s->arena);
    free(s->seen.v);
    free(s->stack);
    free(s->levels);
}

const haul_reader_ops haul_maildir_reader = {
    .state_size = sizeof(maildir_reader),
    .probe = maildir_probe,
    .open = maildir_open,
    .next = maildir_next,
    .body = maildir_body,
    .close = maildir_close,
};
