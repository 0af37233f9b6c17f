/* PST and OST: what the format is called and offers, how it is recognised, and which stores of a tree are read. Each
 * store is parsed in a process of its own that can do nothing else. */
#include "pst.h"

#include "check.h"

#include "base/charset.h"
#include "base/utf.h"
#include "mime/html.h"
#include "mime/ical.h"
#include "model/confined.h"

#include <unistd.h>

#include <stdlib.h>
#include <string.h>

#define SUFFIX_LENGTH 4u

const haul_format_option haul_pst_options[] = {
    [HAUL_PST_RECOVER] = {"recover", HAUL_OPTION_FLAG, "no",
                          "look for deleted items of Outlook stores, too; they go to \"Recovered items\""},
    [HAUL_PST_ASSOCIATED] = {"associated", HAUL_OPTION_FLAG, "no",
                             "read associated items (views, rules, settings) of Outlook folders, too"},
    [HAUL_PST_TNEF] = {"unpack-tnef", HAUL_OPTION_FLAG, "no",
                       "put what a winmail.dat attachment holds in its place"},
    [HAUL_PST_CODEPAGE] =
        {"pst-codepage", NULL, "",
         "character set of old (ANSI) Outlook items that name none: windows-1252, shift_jis, …"},
    [HAUL_PST_ENGINE] = {"engine", "auto|libpff|native|both", "auto",
                         "what parses Outlook stores; both: two parsers, and how they differ"},
    [HAUL_PST_SECONDS] = {"item-timeout", NULL, "300",
                          "give an Outlook item up after so many seconds; 0 = never"},
    [HAUL_PST_MEMORY] = {"item-memory", NULL, "4G",
                         "give an Outlook item up that needs more memory than this; 0 = never"},
    [HAUL_PST_CONFINE] = {"confine", "yes|no", "yes",
                          "parse Outlook stores in a process that can do nothing else"},
    [HAUL_PST_JOBS] =
        {"jobs", NULL, "1",
         "read an Outlook store with so many processes at once (1 to 16); the result is the same"},
    [HAUL_PST_ORIGINAL] =
        {"keep-original", HAUL_OPTION_FLAG, "no",
         "put each message into an Outlook store as it was, too, so that it comes out the same"},
    [HAUL_PST_SPLIT] = {"split-size", NULL, "0",
                        "begin another Outlook store (NAME-2.pst) before one is larger; 0 = at 50G stop"},
    {NULL, NULL, NULL, NULL},
};

typedef struct directory { /* to be read; a folder is declared for it when a store is found below it */
    const char *path;
    unsigned depth;
} directory;

typedef struct pst_reader {
    haul_arena arena;
    directory *stack;
    size_t depth, cap;
    directory at;
    haul_arena list;
    haul_entry *v;
    size_t n, i;
    bool single; /* the source is one file, still to be read */
    bool any;
    /* the store being read */
    haul_confined *store;
    const char *prefix; /* of its keys and places, "" for a single file */
    uint32_t top;       /* its folder, NONE for a single file */
    uint32_t *ids;      /* its folder ids as ours */
    size_t n_ids, cap_ids;
    haul_declared folders;
    haul_confined_limits limits;
} pst_reader;

/* ── recognising it ── */

/* MS-PST 2.2.2.6: magic "!BDN", dwCRCPartial, "SM" (PST), "SO" (OST) or "AB" (PAB), wVer, wVerClient, bPlatformCreate and
 * bPlatformAccess. Where the magic is damaged the others tell. */
static int score(const char *p, size_t n)
{
    if (n < 12)
        return 0;
    if (memcmp(p, "!BDN", 4) != 0)
        return n >= 16 && p[8] == 'S' && (p[9] == 'M' || p[9] == 'O') && (p[12] == 19 || p[12] == 12) &&
                       !p[13] && p[14] == 1 && p[15] == 1
                   ? 48
                   : 0;
    bool known = memcmp(p + 8, "SM", 2) == 0 || memcmp(p + 8, "SO", 2) == 0 || memcmp(p + 8, "AB", 2) == 0;
    return known ? 64 : 32;
}

static int pst_probe(const haul_probe *p)
{
    int best = 0;
    if (!p->is_dir)
        return score(p->head, p->head_len);
    for (size_t i = 0; i < p->n_files; i++) {
        int bits = score(p->files[i].head, p->files[i].head_len);
        best = bits > best ? bits : best;
    }
    return best;
}

/* ── a store of the tree ── */

static void prepare(void)
{
    haul_charset_preload();
    haul_ical_preload();
    haul_html_preload();
}

static const char *text_of(haul_arena *a, const char *raw, size_t n)
{
    haul_auto_str text = {0};
    haul_utf8_clean(&text, raw, n, true);
    return haul_arena_str(a, haul_strz(&text));
}

static bool is_named(const char *name)
{
    return haul_iends(name, ".pst") || haul_iends(name, ".ost") || haul_iends(name, ".pab");
}

static const char *join(haul_arena *a, const char *dir, const char *name)
{
    return *dir ? haul_arena_printf(a, "%s/%s", dir, name) : haul_arena_str(a, name);
}

/* The folder of a store in a tree: one of its name, below one for each directory that leads to it. */
static uint32_t declare_store(pst_reader *s, const char *path)
{
    uint32_t id = HAUL_FOLDER_NONE;
    for (const char *from = path; *from;) {
        size_t n = strcspn(from, "/");
        bool last = !from[n];
        size_t keep = last && is_named(from) && n > SUFFIX_LENGTH ? n - SUFFIX_LENGTH : n;
        uint32_t below = haul_declare(&s->folders, id, text_of(&s->arena, from, keep), NULL, HAUL_ROLE_NONE);
        id = below == HAUL_FOLDER_NONE ? id : below;
        from += n + !last;
    }
    return id;
}

/* Is the file an Outlook store, and ours to read? */
static haul_rc look(haul_reader *r, const char *path, bool *ret, haul_err *e)
{
    haul_in *raw = NULL;
    haul_auto(haul_in) *in = NULL;
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc = haul_tree_read(r->tree, path, &raw, NULL, e);
    if (rc == HAUL_OK)
        rc = haul_in_auto(raw, &in, e);
    if (rc == HAUL_OK)
        rc = haul_in_peek(in, HAUL_PROBE_HEAD, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    n = n < HAUL_PROBE_HEAD ? n : HAUL_PROBE_HEAD;
    if (!haul_reader_claims(r, path, p, n))
        return HAUL_OK;
    *ret = score(p, n) > 0;
    if (!*ret)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: %s", path,
                          haul_unread_kind(p, n, "no Outlook store"));
    return HAUL_OK;
}

/* What a store says of itself; in a tree it is named. */
static void store_issue(void *ctx, haul_issue_id id, const char *detail)
{
    haul_reader *r = ctx;
    const pst_reader *s = r->state;
    if (*s->prefix)
        haul_reader_issue(r, id, "%s %s", s->prefix, detail);
    else
        r->issue(r->issue_ctx, id, detail);
}

static haul_rc start(haul_reader *r, const char *path, haul_err *e)
{
    pst_reader *s = r->state;
    int fd = -1;
    haul_rc rc = haul_tree_fd(r->tree, path, &fd, NULL, e);
    if (rc != HAUL_OK)
        return rc;
    s->n_ids = 0;
    s->prefix = *path ? haul_arena_printf(&s->arena, "%s:", text_of(&s->arena, path, strlen(path))) : "";
    s->top = *path ? declare_store(s, path) : HAUL_FOLDER_NONE;
    s->store = haul_confined_new(&haul_pst_store, prepare, fd, *path ? path : haul_tree_label(r->tree),
                                 r->values, &s->limits, store_issue, r);
    return HAUL_OK;
}

static void stop(pst_reader *s)
{
    haul_confined_free(s->store);
    s->store = NULL;
}

/* ── what comes out of a store, in terms of the whole source ── */

static uint32_t folder_of(const pst_reader *s, uint32_t id)
{
    return id < s->n_ids ? s->ids[id] : s->top;
}

static void take_folder(pst_reader *s, const haul_folder *f)
{
    uint32_t parent = f->parent == HAUL_FOLDER_NONE ? s->top : folder_of(s, f->parent);
    uint32_t id = haul_declare(&s->folders, parent, f->name, f->raw_name, f->role);
    if (s->n_ids == s->cap_ids) {
        s->cap_ids = s->cap_ids ? s->cap_ids * 2 : 64;
        s->ids = haul_realloc(s->ids, s->cap_ids * sizeof(*s->ids));
    }
    s->ids[s->n_ids++] = id == HAUL_FOLDER_NONE ? parent : id;
}

static void take_message(pst_reader *s, haul_msg *m)
{
    m->folder = folder_of(s, m->folder);
    if (!*s->prefix)
        return;
    if (m->key)
        m->key = haul_arena_printf(&m->arena, "%s%s", s->prefix, m->key);
    if (m->place)
        m->place = haul_arena_printf(&m->arena, "%s%s", s->prefix, m->place);
}

/* END when the store is done. */
static haul_rc next_of_store(haul_reader *r, haul_item *it, haul_err *e)
{
    pst_reader *s = r->state;
    haul_err why = {0};
    for (;;) {
        if (haul_declared_next(&s->folders, it))
            return HAUL_OK;
        haul_rc rc = haul_confined_next(s->store, it, &why);
        if (rc == HAUL_OK && it->type == HAUL_ITEM_FOLDER) {
            take_folder(s, &it->folder);
            continue;
        }
        if (rc == HAUL_OK || rc == HAUL_SKIP) {
            take_message(s, it->msg);
            if (rc == HAUL_SKIP)
                return haul_fail(e, rc, "%s", why.text);
            return rc;
        }
        stop(s);
        if (rc == HAUL_END || rc == HAUL_E_INTERRUPTED || rc == HAUL_E_USAGE || haul_tree_is_file(r->tree))
            return rc == HAUL_END ? rc : haul_fail(e, rc, "%s", why.text);
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s %s", s->prefix, why.text);
        return HAUL_END;
    }
}

/* ── the walk ── */

static void push(pst_reader *s, directory d)
{
    s->stack = haul_grown(s->stack, s->depth, &s->cap, sizeof(*s->stack));
    s->stack[s->depth++] = d;
}

static haul_rc visit(haul_reader *r, haul_err *e)
{
    pst_reader *s = r->state;
    haul_err why = {0};
    s->at = s->stack[--s->depth];
    haul_arena_reset(&s->list);
    s->n = s->i = 0;
    haul_rc rc = haul_tree_list(r->tree, s->at.path, &s->list, &s->v, &s->n, &why);
    if (rc != HAUL_OK) {
        s->n = 0;
        if (!*s->at.path)
            return haul_fail(e, rc < 0 ? rc : HAUL_E_SOURCE, "%s", why.text);
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", s->at.path, why.text);
        return HAUL_OK;
    }
    for (size_t i = s->n; i > 0; i--) {
        const haul_entry *d = &s->v[i - 1];
        if (d->type != HAUL_ENTRY_DIR || strcmp(d->name, ".mailhaul") == 0 ||
            !haul_reader_claims_dir(r, s->at.path, s->v, s->n, d->name))
            continue;
        if (s->at.depth + 1 >= HAUL_TREE_DEPTH_MAX)
            haul_reader_issue(r, HAUL_ISSUE_FOLDER_DEPTH, "%s/%s", s->at.path, d->name);
        else
            push(s, (directory){join(&s->arena, s->at.path, d->name), s->at.depth + 1});
    }
    return HAUL_OK;
}

/* The next file of the directory; END: no more. */
static haul_rc next_file(haul_reader *r, haul_err *e)
{
    pst_reader *s = r->state;
    while (s->i < s->n) {
        const haul_entry *f = &s->v[s->i++];
        const char *path = join(&s->arena, s->at.path, f->name);
        haul_err why = {0};
        bool ours = false;
        if (f->type == HAUL_ENTRY_OTHER)
            haul_reader_issue(r, HAUL_ISSUE_SOURCE_ENTRY_SKIPPED, "%s: no plain file", path);
        if (f->type != HAUL_ENTRY_FILE)
            continue;
        haul_rc rc = look(r, path, &ours, &why);
        if (rc == HAUL_OK && ours)
            rc = start(r, path, &why);
        if (rc == HAUL_E_INTERRUPTED || rc == HAUL_E_TARGET)
            return haul_fail(e, rc, "%s", why.text);
        if (rc != HAUL_OK)
            haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s", path, why.text);
        else if (ours)
            return HAUL_OK;
    }
    return HAUL_END;
}

static haul_rc pst_next(haul_reader *r, haul_item *it, haul_err *e)
{
    pst_reader *s = r->state;
    for (;;) {
        haul_rc rc = s->store ? next_of_store(r, it, e) : HAUL_END;
        if (rc != HAUL_END)
            return rc;
        if (s->single) {
            s->single = false;
            rc = start(r, "", e);
            if (rc != HAUL_OK)
                return rc == HAUL_SKIP ? HAUL_E_SOURCE : rc;
            continue;
        }
        rc = next_file(r, e);
        if (rc == HAUL_END && !s->depth)
            return HAUL_END;
        if (rc == HAUL_END)
            rc = visit(r, e);
        if (rc != HAUL_OK)
            return rc;
    }
}

static haul_rc pst_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    pst_reader *s = r->state;
    return s->store ? haul_confined_body(s->store, m, to, e) : haul_fail(e, HAUL_SKIP, "no item is open");
}

/* ── opening ── */

static haul_rc read_limits(haul_reader *r, haul_confined_limits *ret, haul_err *e)
{
    uint64_t seconds = 0;
    const char *text = haul_values_get(r->values, &haul_pst_options[HAUL_PST_SECONDS]);
    if (!haul_parse_u64(text, strlen(text), &seconds) || seconds > UINT32_MAX)
        return haul_fail(e, HAUL_E_USAGE, "--item-timeout: '%s' is no number of seconds", text);
    text = haul_values_get(r->values, &haul_pst_options[HAUL_PST_MEMORY]);
    if (!haul_parse_size(text, &ret->memory))
        return haul_fail(e, HAUL_E_USAGE, "--item-memory: '%s' is no size; write 500M or 4G", text);
    uint64_t jobs = 0;
    text = haul_values_get(r->values, &haul_pst_options[HAUL_PST_JOBS]);
    if (!haul_parse_u64(text, strlen(text), &jobs) || jobs < 1 || jobs > HAUL_CONFINED_JOBS_MAX)
        return haul_fail(e, HAUL_E_USAGE, "--jobs: '%s' is no number from 1 to %u", text,
                         HAUL_CONFINED_JOBS_MAX);
    ret->jobs = (unsigned)jobs;
    ret->seconds_option = "--item-timeout";
    ret->memory_option = "--item-memory";
    ret->item_seconds = (unsigned)seconds;
    ret->off = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_CONFINE]) == 1;
    return HAUL_OK;
}

static haul_rc pst_open(haul_reader *r, haul_err *e)
{
    pst_reader *s = r->state;
    s->top = HAUL_FOLDER_NONE;
    s->prefix = "";
    s->at.path = "";
    s->single = haul_tree_is_file(r->tree);
    if (!s->single)
        push(s, (directory){"", 0});
    return read_limits(r, &s->limits, e);
}

static void pst_close(haul_reader *r)
{
    pst_reader *s = r->state;
    stop(s);
    haul_declared_done(&s->folders);
    haul_arena_done(&s->list);
    haul_arena_done(&s->arena);
    free(s->stack);
    free(s->ids);
}

static const haul_reader_ops pst_reader_ops = {
    .state_size = sizeof(pst_reader),
    .probe = pst_probe,
    .open = pst_open,
    .next = pst_next,
    .body = pst_body,
    .close = pst_close,
};

static const char *const store_suffixes[] = {".pst", ".ost", NULL};

const haul_format haul_format_pst = {
    .name = "pst",
    .title = "Outlook PST and OST",
    .suffixes = ".pst",
    .reader = &pst_reader_ops,
    .sink = &haul_pst_sink,
    .rebuilds = true,
    .options = haul_pst_options,
    .check = haul_pst_check_run,
    .check_suffixes = store_suffixes,
    .keeps_flags = HAUL_FLAG_ALL,
    .keeps_keywords = true,
    .keeps_received = true,
    .keeps_folders = true,
    .keeps_empty_folders = true,
};
