/* The walk over a tree of mbox files: which files are folders, what they are called, whose children they
 * are. Directories are read as they come, so that members of a container are read in archive order. */
#include "base/utf.h"
#include "mbox.h"
#include "mime/header.h"

#include <stdlib.h>
#include <string.h>

typedef enum place {
    PLACE_PLAIN,
    PLACE_TAKEOUT,  /* Takeout/: its directories are no folders */
    PLACE_PROFILE,  /* a Thunderbird profile: only Mail/ and ImapMail/ hold mail */
    PLACE_ACCOUNTS, /* Mail/ or ImapMail/: a directory an account */
    PLACE_BUNDLE,   /* Apple Mail's NAME.mbox/ */
} place;

typedef struct child { /* a folder known by its raw name */
    const char *raw;
    uint32_t id;
} child;

struct haul_mbox_frame {
    haul_mbox_frame *up;
    haul_arena arena;
    const char *dir; /* path in the tree */
    const char *raw; /* the folder this directory is, by its raw name; NULL = it is none of its own */
    uint32_t folder; /* NONE until something is found in it */
    haul_entry *v;
    size_t n, i, depth;
    child *children;
    size_t n_children, cap_children;
    place place;
    bool thunderbird, account; /* its conventions hold; the top of an account */
    bool name_accounts;        /* there is more than one */
    bool packed; /* a container in a directory of downloads: no folder, but part of where things are */
};

/* ── names ── */

static size_t strip(const char *name, size_t len, const char *suffix)
{
    size_t n = strlen(suffix);
    if (len > n && haul_istarts(name + len - n, n, suffix))
        return len - n;
    return len;
}

/* Length of a file name without packing and mbox suffixes. */
static size_t base_length(const char *name)
{
    static const char *const packed[] = {".gz", ".zst", ".xz", ".bz2"};
    size_t len = strlen(name);
    for (size_t i = 0; i < HAUL_COUNT(packed); i++)
        len = strip(name, len, packed[i]);
    size_t bare = strip(name, len, ".mbox");
    return bare == len ? strip(name, len, ".mbx") : bare;
}

bool haul_mbox_is_named(const char *name)
{
    static const char *const packed[] = {".gz", ".zst", ".xz", ".bz2"};
    size_t len = strlen(name);
    for (size_t i = 0; i < HAUL_COUNT(packed); i++)
        len = strip(name, len, packed[i]);
    return base_length(name) < len;
}

/* Valid UTF-8 of raw octets; *ret_guessed when they were not. */
static char *clean(haul_arena *a, const char *p, size_t n, bool *ret_guessed)
{
    haul_auto_str text = {0};
    *ret_guessed = !haul_utf8_clean(&text, p, n, true);
    return haul_arena_strn(a, haul_strz(&text), text.len);
}

const char *haul_mbox_name(haul_arena *a, const char *file, bool suffixes, bool *ret_guessed)
{
    haul_auto_str plain = {0};
    const char *name = clean(a, file, suffixes ? base_length(file) : strlen(file), ret_guessed);
    if (!*ret_guessed && (haul_naming_unescape(&haul_mbox_naming_tree, name, &plain) ||
                          haul_naming_unescape(&haul_mbox_naming_thunderbird, name, &plain)))
        return haul_arena_strn(a, plain.p, plain.len);
    return name;
}

const char *haul_mbox_text(const char *file, haul_str *to)
{
    haul_str_clear(to);
    haul_utf8_clean(to, file, base_length(file), true);
    return haul_strz(to);
}

/* Indexes and settings that mail programs keep beside their mailboxes. */
static bool is_index(const char *name)
{
    static const char *const ends[] = {
        ".msf",     ".dat", ".cmeta", ".ev-summary", ".ev-summary-meta", ".ibex.index", ".ibex.index.data",
        ".mozmsgs", ".lock"};
    static const char *const names[] = {"filterlog.html",    "archive_browser.html",
                                        "table_of_contents", "Info.plist",
                                        "popstate",          "filterlog",
                                        "rules.dat",         "mlimport"};
    for (size_t i = 0; i < HAUL_COUNT(ends); i++)
        if (haul_iends(name, ends[i]))
            return true;
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (haul_icmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The fixed file names of Thunderbird, whatever its language. */
static haul_role thunderbird_role(const char *raw)
{
    static const struct {
        const char *name;
        haul_role role;
    } names[] = {
        {"Inbox", HAUL_ROLE_INBOX},      {"Sent", HAUL_ROLE_SENT},
        {"Drafts", HAUL_ROLE_DRAFTS},    {"Trash", HAUL_ROLE_TRASH},
        {"Junk", HAUL_ROLE_JUNK},        {"Templates", HAUL_ROLE_TEMPLATES},
        {"Archives", HAUL_ROLE_ARCHIVE}, {"Unsent Messages", HAUL_ROLE_OUTBOX},
        {"INBOX", HAUL_ROLE_INBOX},
    };
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (strcmp(names[i].name, raw) == 0)
            return names[i].role;
    return HAUL_ROLE_NONE;
}

/* ── folders ── */

static uint32_t declare(haul_mbox_walk *w, uint32_t parent, const char *raw, haul_role role)
{
    bool guessed;
    haul_arena a = {0};
    haul_folder f = {.id = (uint32_t)w->folders.n, .parent = parent, .role = role};
    f.name = haul_mbox_name(&a, raw, false, &guessed);
    f.raw_name = guessed ? raw : NULL;
    if (!*f.name)
        f.name = "mbox";
    bool ok = haul_folders_add(&w->folders, &f);
    if (!ok)
        haul_reader_issue(w->r, HAUL_ISSUE_FOLDER_DEPTH, "%s", f.name);
    else if (guessed)
        haul_reader_issue(w->r, HAUL_ISSUE_FOLDER_NAME_GUESSED, "%s", f.name);
    haul_arena_done(&a);
    return ok ? f.id : parent;
}

static uint32_t frame_folder(haul_mbox_walk *w, haul_mbox_frame *f);

/* The folder that a raw name stands for below this directory; declared when it is new. */
static uint32_t child_folder(haul_mbox_walk *w, haul_mbox_frame *f, const char *raw)
{
    bool fixed_names = f->account || (f->thunderbird && !f->raw);
    while (f->up && !f->raw)
        f = f->up;
    for (size_t i = 0; i < f->n_children; i++)
        if (strcmp(f->children[i].raw, raw) == 0)
            return f->children[i].id;
    uint32_t parent = frame_folder(w, f);
    haul_role role = fixed_names ? thunderbird_role(raw) : HAUL_ROLE_NONE;
    if (parent == HAUL_FOLDER_NONE && haul_icmp(raw, "inbox") == 0)
        role = HAUL_ROLE_INBOX;
    if (f->n_children == f->cap_children) {
        f->cap_children = f->cap_children ? f->cap_children * 2 : 16;
        f->children = haul_realloc(f->children, f->cap_children * sizeof(child));
    }
    child *c = &f->children[f->n_children++];
    *c = (child){haul_arena_str(&f->arena, raw), declare(w, parent, raw, role)};
    return c->id;
}

static uint32_t frame_folder(haul_mbox_walk *w, haul_mbox_frame *f)
{
    while (f && !f->raw)
        f = f->up;
    if (!f)
        return HAUL_FOLDER_NONE;
    if (f->folder == HAUL_FOLDER_NONE && f->up)
        f->folder = child_folder(w, f->up, f->raw);
    else if (f->folder == HAUL_FOLDER_NONE) /* the source itself is a bundle */
        f->folder = declare(w, HAUL_FOLDER_NONE, f->raw,
                            haul_icmp(f->raw, "inbox") == 0 ? HAUL_ROLE_INBOX : HAUL_ROLE_NONE);
    return f->folder;
}

/* Raw names from the top, joined by '/', where it lies in a download behind that one's name. */
static void frame_text(const haul_mbox_frame *f, haul_str *to)
{
    if (!f)
        return;
    frame_text(f->up, to);
    const char *name = f->packed ? f->dir : f->raw;
    if (!name)
        return;
    if (to->len)
        haul_str_addc(to, '/');
    haul_utf8_clean(to, name, strlen(name), true);
}

/* ── directories ── */

static bool has_entry(const haul_mbox_frame *f, const char *name, haul_entry_type type)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].type == type && strcmp(f->v[i].name, name) == 0)
            return true;
    return false;
}

static bool has_ending(const haul_mbox_frame *f, const char *end, haul_entry_type type)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].type == type && haul_iends(f->v[i].name, end))
            return true;
    return false;
}

static bool only_directories(const haul_mbox_frame *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].type == HAUL_ENTRY_FILE && f->v[i].name[0] != '.' && !is_index(f->v[i].name))
            return false;
    return true;
}

static char *join(haul_arena *a, const char *dir, const char *name)
{
    return *dir ? haul_arena_printf(a, "%s/%s", dir, name) : haul_arena_str(a, name);
}

/* Accounts below Mail/ or ImapMail/ that hold any mailbox. */
static size_t count_accounts(haul_mbox_walk *w, const char *dir)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0, count = 0;
    if (haul_tree_list(w->r->tree, dir, &a, &v, &n, NULL) != HAUL_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        haul_mbox_frame f = {0};
        if (v[i].type == HAUL_ENTRY_DIR &&
            haul_tree_list(w->r->tree, join(&a, dir, v[i].name), &a, &f.v, &f.n, NULL) == HAUL_OK)
            count += !only_directories(&f) || has_ending(&f, ".sbd", HAUL_ENTRY_DIR);
    }
    haul_arena_done(&a);
    return count;
}

static bool is_accounts_name(const char *name)
{
    return strcmp(name, "Mail") == 0 || strcmp(name, "ImapMail") == 0;
}

/* What kind of directory this is, from what is in it. */
static void classify(haul_mbox_walk *w, haul_mbox_frame *f)
{
    const char *label = haul_tree_label(w->r->tree);
    bool mail = has_entry(f, "Mail", HAUL_ENTRY_DIR), cached = has_entry(f, "ImapMail", HAUL_ENTRY_DIR);
    f->thunderbird |= has_ending(f, ".msf", HAUL_ENTRY_FILE) || has_ending(f, ".sbd", HAUL_ENTRY_DIR);
    if (f->place != PLACE_PLAIN)
        return;
    if (!f->up && haul_mbox_is_named(label) && has_entry(f, "mbox", HAUL_ENTRY_FILE)) {
        f->place = PLACE_BUNDLE; /* what Apple Mail exports */
        f->raw = haul_arena_strn(&f->arena, label, base_length(label));
    } else if ((mail && cached) || ((mail || cached) && has_entry(f, "prefs.js", HAUL_ENTRY_FILE))) {
        f->place = PLACE_PROFILE;
        f->name_accounts = (mail ? count_accounts(w, join(&f->arena, f->dir, "Mail")) : 0) +
                               (cached ? count_accounts(w, join(&f->arena, f->dir, "ImapMail")) : 0) >
                           1;
    } else if (!f->up && strcmp(label, "Takeout") == 0) {
        f->place = PLACE_TAKEOUT;
    } else if (!f->up && is_accounts_name(label) && only_directories(f) && !f->thunderbird) {
        f->place = PLACE_ACCOUNTS;
        f->name_accounts = count_accounts(w, "") > 1;
    }
}

static haul_rc enter(haul_mbox_walk *w, const haul_mbox_frame *like, haul_err *e)
{
    haul_mbox_frame *f = haul_alloc(sizeof(*f));
    *f = *like;
    f->arena = (haul_arena){0};
    f->folder = HAUL_FOLDER_NONE;
    f->up = w->top;
    f->depth = w->top ? w->top->depth + 1 : 0;
    f->dir = haul_arena_str(&f->arena, like->dir);
    f->raw = haul_arena_str(&f->arena, like->raw);
    w->top = f;
    haul_rc rc = haul_tree_list(w->r->tree, f->dir, &f->arena, &f->v, &f->n, e);
    if (rc == HAUL_OK) {
        classify(w, f);
        haul_vault_look(&w->vault, w->r, f->dir, f->v, f->n);
    }
    return rc;
}

static void leave(haul_mbox_walk *w)
{
    haul_mbox_frame *f = w->top;
    w->top = f->up;
    haul_arena_done(&f->arena);
    free(f->children);
    free(f);
}

/* What folder the directory `name` is, and by whose conventions. False: it is passed over. */
static bool plan(haul_mbox_walk *w, const haul_mbox_frame *f, const haul_entry *entry, haul_mbox_frame *ret)
{
    const char *name = entry->name;
    size_t len = strlen(name);
    bool top = !f->up || f->packed;
    ret->raw = name;
    ret->packed = entry->packed;
    if (entry->packed) {
        ret->raw = NULL;
        return true;
    }
    if (name[0] == '.') { /* KMail's .NAME.directory/; anything else is hidden for a reason */
        size_t n = strip(name, len, ".directory");
        ret->raw = haul_arena_strn(&w->arena, name + 1, n - 1);
        return n < len && n > 1;
    }
    if (is_index(name) || (f->place == PLACE_PROFILE && !is_accounts_name(name)))
        return false;
    if (f->place == PLACE_PROFILE || f->place == PLACE_TAKEOUT || (top && strcmp(name, "Takeout") == 0)) {
        ret->raw = NULL;
        ret->place = f->place == PLACE_PROFILE   ? PLACE_ACCOUNTS
                     : f->place == PLACE_TAKEOUT ? PLACE_PLAIN
                                                 : PLACE_TAKEOUT;
        ret->name_accounts = f->name_accounts;
    } else if (f->place == PLACE_ACCOUNTS) {
        ret->raw = f->name_accounts ? name : NULL;
        ret->thunderbird = ret->account = true;
    } else if (haul_iends(name, ".sbd") && len > 4) {
        ret->raw = haul_arena_strn(&w->arena, name, len - 4);
        ret->thunderbird = true;
    } else if (haul_mbox_is_named(name)) {
        ret->raw = haul_arena_strn(&w->arena, name, base_length(name));
        ret->place = PLACE_BUNDLE;
    } else if (f->place == PLACE_BUNDLE) {
        ret->raw = NULL;
        ret->place = PLACE_BUNDLE;
    }
    return true;
}

static haul_rc visit_dir(haul_mbox_walk *w, const haul_entry *entry, haul_err *e)
{
    haul_mbox_frame like = {0};
    if (!haul_reader_claims_dir(w->r, w->top->dir, w->top->v, w->top->n, entry->name))
        return HAUL_OK;
    like.dir = join(&w->arena, w->top->dir, entry->name);
    if (!plan(w, w->top, entry, &like)) {
        if (haul_reader_hides(entry))
            haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: " HAUL_READER_HIDDEN, like.dir);
        return HAUL_OK;
    }
    if (w->top->depth + 1 >= HAUL_TREE_DEPTH_MAX) {
        haul_reader_issue(w->r, HAUL_ISSUE_FOLDER_DEPTH, "%s", like.dir);
        return HAUL_OK;
    }
    haul_err why = {0};
    haul_rc rc = enter(w, &like, &why);
    if (rc == HAUL_OK)
        return rc;
    leave(w);
    haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", like.dir, why.text);
    (void)e;
    return HAUL_OK;
}

/* ── files ── */

typedef enum content { CONTENT_NONE, CONTENT_EMPTY, CONTENT_MBOX } content;

static haul_rc look(haul_in *in, const char *name, content *ret, haul_err *e)
{
    haul_mbox mb = {.in = in};
    const char *p;
    size_t n;
    bool is = false, empty = false;
    haul_rc rc = haul_mbox_check(&mb, &is, &empty, e);
    if (rc == HAUL_OK && !is && !empty && haul_mbox_is_named(name)) {
        rc = haul_in_peek(in, 64u * 1024u, &p, &n, e);
        is = rc == HAUL_OK && haul_mbox_may_lead(p, n);
    }
    *ret = is ? CONTENT_MBOX : empty ? CONTENT_EMPTY : CONTENT_NONE;
    return rc;
}

static haul_rc open_file(haul_mbox_walk *w, const char *path, haul_err *e)
{
    haul_in *raw = NULL;
    haul_rc rc = haul_tree_read(w->r->tree, path, &raw, NULL, e);
    return rc == HAUL_OK ? haul_in_auto(raw, &w->in, e) : rc;
}

/* Trees may hold single messages beside mboxes: those are another reader's [mbox-3]. */
static bool claimed(haul_mbox_walk *w, const char *path)
{
    const char *p;
    size_t n;
    return haul_in_peek(w->in, HAUL_PROBE_HEAD, &p, &n, NULL) != HAUL_OK ||
           haul_reader_claims(w->r, path, p, n);
}

static void set_file(haul_mbox_walk *w, const char *path, const char *raw)
{
    haul_auto_str text = {0};
    frame_text(w->top, &text);
    if (raw && text.len)
        haul_str_addc(&text, '/');
    if (raw)
        haul_utf8_clean(&text, raw, strlen(raw), true);
    w->path = haul_arena_str(&w->arena, path);
    w->text = haul_arena_strn(&w->arena, haul_strz(&text), text.len);
    w->folder = raw ? child_folder(w, w->top, raw) : frame_folder(w, w->top);
}

static void close_file(haul_mbox_walk *w)
{
    haul_in_close(w->in);
    w->in = NULL;
}

static void skipped(haul_mbox_walk *w, const char *path)
{
    const char *p = NULL, *kind = NULL;
    size_t n = 0;
    if (haul_in_peek(w->in, HAUL_UNREAD_HEAD, &p, &n, NULL) == HAUL_OK)
        kind = haul_unread_kind(p, n, NULL);
    haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s%s%s", path, kind ? ": " : "",
                      kind ? kind : "");
}

/* *ret_found: w->in and its names are set. */
static haul_rc visit_file(haul_mbox_walk *w, const char *name, bool *ret_found)
{
    haul_mbox_frame *f = w->top;
    haul_err why = {0};
    content what = CONTENT_NONE;
    bool bundle = f->place == PLACE_BUNDLE && strcmp(name, "mbox") == 0;
    if (name[0] == '.' || is_index(name) || haul_vault_is_note(name) || f->place == PLACE_PROFILE)
        return HAUL_OK;
    const char *path = join(&w->arena, f->dir, name);
    haul_rc rc = open_file(w, path, &why);
    if (rc == HAUL_OK)
        rc = look(w->in, name, &what, &why);
    if (rc != HAUL_OK) {
        close_file(w);
        if (rc == HAUL_E_INTERRUPTED)
            return rc;
        haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", path, why.text);
        return HAUL_OK;
    }
    if (what == CONTENT_EMPTY && !bundle && !f->thunderbird && strchr(name, '.') && !haul_mbox_is_named(name))
        what = CONTENT_NONE;
    if (what != CONTENT_EMPTY && !claimed(w, path)) {
        close_file(w);
        return HAUL_OK;
    }
    if (what == CONTENT_NONE) {
        skipped(w, path);
        close_file(w);
        return HAUL_OK;
    }
    set_file(w, path, bundle ? NULL : haul_arena_strn(&w->arena, name, base_length(name)));
    *ret_found = true;
    return HAUL_OK;
}

/* ── the walk ── */

/* A source that is one file: the folder is called as the file. */
static haul_rc only_file(haul_mbox_walk *w, haul_err *e)
{
    const char *label = haul_tree_label(w->r->tree);
    haul_auto_str text = {0};
    if (w->file_done)
        return HAUL_END;
    w->file_done = true;
    haul_rc rc = open_file(w, "", e);
    if (rc != HAUL_OK)
        return rc == HAUL_SKIP ? HAUL_E_SOURCE : rc;
    size_t len = base_length(label);
    const char *raw = haul_arena_strn(&w->arena, label, len);
    w->path = haul_arena_str(&w->arena, label);
    w->text = haul_arena_str(&w->arena, haul_mbox_text(label, &text));
    w->folder =
        declare(w, HAUL_FOLDER_NONE, raw, haul_icmp(raw, "inbox") == 0 ? HAUL_ROLE_INBOX : HAUL_ROLE_NONE);
    return HAUL_OK;
}

haul_rc haul_mbox_walk_start(haul_mbox_walk *w, haul_reader *r, haul_err *e)
{
    w->r = r;
    w->folder = HAUL_FOLDER_NONE;
    if (haul_tree_is_file(r->tree))
        return HAUL_OK;
    return enter(w, &(haul_mbox_frame){.dir = ""}, e);
}

haul_rc haul_mbox_walk_next(haul_mbox_walk *w, haul_err *e)
{
    bool found = false;
    haul_rc rc = HAUL_OK;
    haul_arena_reset(&w->arena);
    if (haul_tree_is_file(w->r->tree))
        return only_file(w, e);
    while (rc == HAUL_OK && !found && w->top) {
        haul_mbox_frame *f = w->top;
        if (f->i >= f->n) {
            leave(w);
            continue;
        }
        const haul_entry *entry = &f->v[f->i++];
        if (entry->type == HAUL_ENTRY_DIR)
            rc = visit_dir(w, entry, e);
        else if (entry->type == HAUL_ENTRY_FILE)
            rc = visit_file(w, entry->name, &found);
        else if (entry->name[0] != '.' && f->place != PLACE_PROFILE)
            haul_reader_issue(w->r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s%s%s: no plain file", f->dir,
                              *f->dir ? "/" : "", entry->name);
    }
    return rc != HAUL_OK ? rc : found ? HAUL_OK : HAUL_END;
}

void haul_mbox_walk_done(haul_mbox_walk *w)
{
    while (w->top)
        leave(w);
    close_file(w);
    haul_vault_free(w->vault);
    haul_folders_done(&w->folders);
    haul_arena_done(&w->arena);
}
