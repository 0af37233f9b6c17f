/* Writing Maildir++ and nested Maildirs, as Dovecot wants them [maildir-17]… */
#include "maildir.h"

#include "base/hash.h"
#include "base/time.h"
#include "base/utf.h"
#include "io/atomic.h"
#include "model/declare.h"
#include "model/deliver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OURS              HAUL_MAILDIR_OURS /* in every name that we give */
#define OPEN_BOXES        16u               /* folders whose directories stay open */
#define FOLDERS_MAX       (1u << 24)
#define PLUS_NAME_MAX     250u /* octets of ".A.B.C": one directory name */
#define SUBSCRIPTIONS_MAX (16u * 1024u * 1024u)

typedef struct leftover { /* a message of ours that was there before this run */
    uint64_t base;        /* digest of its name without info */
    uint32_t letters;     /* the info, a bit a letter */
} leftover;

typedef struct box {
    char *dir;   /* below the target, "" = the root */
    char *place; /* as our reader names it */
    haul_letters letters;
    bool letters_changed;
    leftover *left; /* by base */
    size_t n_left;
} box;

typedef struct opened {
    uint32_t id;
    int cur, tmp; /* -1 = closed */
} opened;

typedef struct maildir_sink {
    bool ready; /* the descriptors below mean something */
    int root;
    unsigned layout, names;
    box *boxes;
    size_t n_boxes;
    opened open[OPEN_BOXES];
    size_t n_changed;         /* boxes with new keywords */
    haul_declared subscribed; /* as a set of names */
    haul_str subscriptions;
    bool subscriptions_v2, subscriptions_changed;
    haul_str base, name, place;
} maildir_sink;

/* ── names ── */

static void encode(const maildir_sink *s, const char *part, haul_str *to)
{
    if (s->names == HAUL_MAILDIR_MUTF7)
        haul_mutf7_encode(to, part);
    else
        haul_str_addz(to, part);
}

static bool is_root(const haul_path *path)
{
    return path->n == 0 || (path->n == 1 && strcmp(path->parts[0], "INBOX") == 0);
}

/* Storage name: parts in the target's charset, joined by '.' or '/'. */
static void storage_name(const maildir_sink *s, const haul_path *path, haul_str *to)
{
    for (size_t i = 0; i < path->n; i++) {
        if (i)
            haul_str_addc(to, s->layout == HAUL_MAILDIR_PLUS ? '.' : '/');
        encode(s, path->parts[i], to);
    }
}

/* A Maildir++ path is one directory name: where it is too long, a digest stands for its last levels. */
static haul_path shorten(const maildir_sink *s, const haul_path *path, haul_arena *a)
{
    haul_path cut = {.role = path->role};
    const char **parts = haul_arena_calloc(a, (path->n + 1) * sizeof(*parts));
    size_t used = 20;
    for (; cut.n < path->n; cut.n++) {
        haul_auto_str one = {0};
        encode(s, path->parts[cut.n], &one);
        used += one.len + 1;
        if (used > PLUS_NAME_MAX)
            break;
        parts[cut.n] = path->parts[cut.n];
    }
    uint64_t digest = haul_fnv64(path->text, strlen(path->text), 0);
    parts[cut.n++] = haul_arena_printf(a, "~%016llx", (unsigned long long)digest);
    cut.parts = parts;
    return cut;
}

static void set_names(haul_sink *sink, box *b, const haul_path *path)
{
    maildir_sink *s = sink->state;
    haul_arena a = {0};
    haul_path use = *path;
    haul_auto_str dir = {0}, place = {0};
    storage_name(s, path, &dir);
    if (s->layout == HAUL_MAILDIR_PLUS && dir.len > PLUS_NAME_MAX) {
        use = shorten(s, path, &a);
        haul_str_clear(&dir);
        storage_name(s, &use, &dir);
        haul_sink_issue(sink, NULL, HAUL_ISSUE_FOLDER_NAME_SHORTENED, "%s → %s", path->text, haul_strz(&dir));
    }
    for (size_t i = 0; i < use.n; i++)
        haul_str_addf(&place, "%s%s", i ? "/" : "", use.parts[i]);
    b->place = haul_strdup(use.n ? haul_strz(&place) : "INBOX");
    if (is_root(&use))
        b->dir = haul_strdup("");
    else if (s->layout == HAUL_MAILDIR_FS)
        b->dir = haul_strdup(haul_strz(&dir));
    else {
        haul_auto_str dotted = {0};
        haul_str_addf(&dotted, ".%s", haul_strz(&dir));
        b->dir = haul_strdup(dotted.p);
    }
    haul_arena_done(&a);
}

/* ── what is there already ── */

static haul_rc slurp(int dirfd, const char *name, size_t max, haul_str *to, haul_err *e)
{
    haul_auto_fd int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return HAUL_OK;
    while (fd >= 0 && to->len < max) {
        haul_str_room(to, 65536);
        ssize_t n = read(fd, to->p + to->len, 65536);
        if (n == 0)
            return HAUL_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        to->len += (size_t)n;
        to->p[to->len] = 0;
    }
    return fd >= 0 && to->len >= max ? haul_fail(e, HAUL_E_TARGET, "%s: too large to be continued", name)
                                     : haul_fail_sys(e, HAUL_E_TARGET, "reading %s", name);
}

static uint32_t letter_bit(char c)
{
    static const char capital[] = "DFPRST";
    const char *at;
    if (c >= 'a' && c <= 'z')
        return UINT32_C(1) << (c - 'a');
    at = c ? strchr(capital, c) : NULL;
    return at ? UINT32_C(1) << (26 + (at - capital)) : 0;
}

static void add_letters(uint32_t bits, haul_str *to)
{
    for (int i = 26; i < 32; i++)
        if (bits >> i & 1)
            haul_str_addc(to, "DFPRST"[i - 26]);
    for (int i = 0; i < 26; i++)
        if (bits >> i & 1)
            haul_str_addc(to, (char)('a' + i));
}

static int by_base(const void *a, const void *b)
{
    const leftover *x = a, *y = b;
    return (x->base > y->base) - (x->base < y->base);
}

static void add_leftover(box *b, size_t *cap, const char *name)
{
    haul_maildir_name n;
    leftover l = {0};
    if (!strstr(name, OURS))
        return;
    haul_maildir_name_parse(name, &n);
    for (size_t i = 0; i < n.letters.len; i++)
        l.letters |= letter_bit(n.letters.p[i]);
    l.base = haul_fnv64(n.base.p, n.base.len, 0);
    if (b->n_left == *cap) {
        *cap = *cap ? *cap * 2 : 256;
        b->left = haul_realloc(b->left, *cap * sizeof(*b->left));
    }
    b->left[b->n_left++] = l;
}

/* Our own messages that are in cur/ before we begin: one that comes again with other flags replaces them,
 * else a run that was killed before its commit would leave the message twice [maildir-22]. */
static void find_leftovers(box *b, int cur)
{
    size_t cap = 0;
    int fd = openat(cur, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        haul_fd_autoclose(&fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(d));)
        add_leftover(b, &cap, entry->d_name);
    (void)closedir(d);
    if (b->n_left)
        qsort(b->left, b->n_left, sizeof(*b->left), by_base);
}

static void remove_leftover(const box *b, int cur, const haul_str *base, uint32_t letters)
{
    leftover want = {.base = haul_fnv64(base->p, base->len, 0)};
    const leftover *l = b->n_left ? bsearch(&want, b->left, b->n_left, sizeof(want), by_base) : NULL;
    if (!l)
        return;
    while (l > b->left && l[-1].base == want.base)
        l--;
    for (; l < b->left + b->n_left && l->base == want.base; l++) {
        haul_auto_str name = {0};
        haul_str_addf(&name, "%s:2,", haul_strz(base));
        add_letters(l->letters, &name);
        if (l->letters != letters)
            (void)unlinkat(cur, name.p, 0);
    }
}

/* ── directories ── */

static haul_rc make_sub(maildir_sink *s, const char *dir, const char *sub, int *ret_fd, haul_err *e)
{
    haul_auto_str rel = {0};
    haul_str_addf(&rel, "%s%s%s", dir, *dir && *sub ? "/" : "", sub);
    return haul_dir_make(s->root, haul_strz(&rel), ret_fd, e);
}

static haul_rc touch(int dirfd, const char *name, haul_err *e)
{
    haul_auto_fd int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? haul_fail_sys(e, HAUL_E_TARGET, "making %s", name) : HAUL_OK;
}

static haul_rc make_box(maildir_sink *s, box *b, haul_err *e)
{
    haul_auto_fd int cur = -1, fresh = -1, tmp = -1, top = -1;
    haul_auto_str text = {0};
    haul_rc rc = make_sub(s, b->dir, "cur", &cur, e);
    if (rc == HAUL_OK)
        rc = make_sub(s, b->dir, "new", &fresh, e);
    if (rc == HAUL_OK)
        rc = make_sub(s, b->dir, "tmp", &tmp, e);
    if (rc == HAUL_OK)
        rc = make_sub(s, b->dir, "", &top, e);
    if (rc == HAUL_OK && *b->dir && s->layout == HAUL_MAILDIR_PLUS)
        rc = touch(top, "maildirfolder", e);
    if (rc == HAUL_OK)
        rc = slurp(top, "dovecot-keywords", HAUL_MAILDIR_KEYWORD_FILE, &text, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, rc, "folder %s", b->place);
    haul_letters_parse(&b->letters, haul_strz(&text), text.len);
    haul_deliver_clean(tmp, OURS);
    find_leftovers(b, cur);
    return HAUL_OK;
}

static haul_rc open_box(maildir_sink *s, uint32_t id, opened **ret, haul_err *e)
{
    opened *o = &s->open[id % OPEN_BOXES];
    *ret = o;
    if (o->id == id && o->cur >= 0 && o->tmp >= 0)
        return HAUL_OK;
    haul_fd_autoclose(&o->cur);
    haul_fd_autoclose(&o->tmp);
    o->cur = o->tmp = -1;
    o->id = id;
    haul_rc rc = make_sub(s, s->boxes[id].dir, "cur", &o->cur, e);
    return rc == HAUL_OK ? make_sub(s, s->boxes[id].dir, "tmp", &o->tmp, e) : rc;
}

/* ── subscriptions [maildir-21] ── */

static bool subscribe_name(maildir_sink *s, const char *name)
{
    size_t before = s->subscribed.all.n;
    (void)haul_declare(&s->subscribed, HAUL_FOLDER_NONE, name, NULL, HAUL_ROLE_NONE);
    return s->subscribed.all.n > before;
}

static haul_rc load_subscriptions(maildir_sink *s, haul_err *e)
{
    haul_rc rc = slurp(s->root, "subscriptions", SUBSCRIPTIONS_MAX, &s->subscriptions, e);
    const char *p = haul_strz(&s->subscriptions);
    s->subscriptions_v2 = strncmp(p, "V\t2\n", 4) == 0;
    while (*p) {
        size_t n = strcspn(p, "\n");
        haul_auto_str line = {0};
        haul_str_add(&line, p, n);
        if (n)
            (void)subscribe_name(s, line.p);
        p += n + (p[n] == '\n');
    }
    if (s->subscriptions.len && s->subscriptions.p[s->subscriptions.len - 1] != '\n')
        haul_str_addc(&s->subscriptions, '\n');
    return rc;
}

static void subscribe(maildir_sink *s, const box *b)
{
    haul_auto_str name = {0};
    const char *dir = s->layout == HAUL_MAILDIR_PLUS && *b->dir ? b->dir + 1 : b->dir;
    for (const char *p = *dir ? dir : "INBOX"; *p; p++)
        haul_str_addc(&name,
                      s->subscriptions_v2 && *p == (s->layout == HAUL_MAILDIR_PLUS ? '.' : '/') ? '\t' : *p);
    if (!subscribe_name(s, name.p))
        return;
    haul_str_addf(&s->subscriptions, "%s\n", name.p);
    s->subscriptions_changed = true;
}

/* ── the sink ── */

static const haul_naming *maildir_naming(const haul_values *values)
{
    return &haul_maildir_naming[haul_values_choice(values, &haul_maildir_options[0])]
                               [haul_values_choice(values, &haul_maildir_options[1])];
}

/* A Maildir++ root is a Maildir whether or not an INBOX comes: servers insist on it [maildir-17]. */
static haul_rc make_root(maildir_sink *s, haul_err *e)
{
    static const char *const subs[] = {"cur", "new", "tmp"};
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < HAUL_COUNT(subs) && rc == HAUL_OK && s->layout == HAUL_MAILDIR_PLUS; i++) {
        haul_auto_fd int fd = -1;
        rc = haul_dir_make(s->root, subs[i], &fd, e);
    }
    return rc;
}

static haul_rc maildir_open(haul_sink *sink, const char *target, const haul_tokens *resume, haul_err *e)
{
    maildir_sink *s = sink->state;
    s->ready = true;
    s->root = -1;
    for (size_t i = 0; i < OPEN_BOXES; i++)
        s->open[i] = (opened){.cur = -1, .tmp = -1};
    s->layout = (unsigned)haul_values_choice(sink->values, &haul_maildir_options[0]);
    s->names = (unsigned)haul_values_choice(sink->values, &haul_maildir_options[1]);
    const char *layout = haul_tokens_get(resume, "layout");
    if (layout && strcmp(layout, haul_values_get(sink->values, &haul_maildir_options[0])) != 0)
        return haul_fail(e, HAUL_E_USAGE, "%s was begun with --maildir-layout %s", target, layout);
    const char *names = haul_tokens_get(resume, "names");
    if (names && strcmp(names, haul_values_get(sink->values, &haul_maildir_options[1])) != 0)
        return haul_fail(e, HAUL_E_USAGE, "%s was begun with --maildir-names %s", target, names);
    haul_rc rc = haul_deliver_open(target, &s->root, e);
    if (rc == HAUL_OK)
        rc = make_root(s, e);
    return rc == HAUL_OK ? load_subscriptions(s, e) : rc;
}

static haul_rc maildir_folder(haul_sink *sink, uint32_t id, const haul_path *path, haul_err *e)
{
    maildir_sink *s = sink->state;
    if (id >= FOLDERS_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u folders", FOLDERS_MAX);
    if (id >= s->n_boxes) {
        size_t n = (size_t)id + 1 + id / 2;
        s->boxes = haul_realloc(s->boxes, n * sizeof(*s->boxes));
        memset(s->boxes + s->n_boxes, 0, (n - s->n_boxes) * sizeof(*s->boxes));
        s->n_boxes = n;
    }
    box *b = &s->boxes[id];
    if (b->dir)
        return HAUL_OK;
    set_names(sink, b, path);
    subscribe(s, b);
    return make_box(s, b, e);
}

/* The letter of one keyword, as a bit; 0 when the folder has no letter left. */
static uint32_t keyword_bit(maildir_sink *s, box *b, const char *atom)
{
    bool is_new;
    int i = haul_letters_put(&b->letters, atom, &is_new);
    if (is_new && !b->letters_changed) {
        b->letters_changed = true;
        s->n_changed++;
    }
    return i < 0 ? 0 : UINT32_C(1) << i;
}

static bool means_flag(const char *atom)
{
    haul_msg probe = {0};
    probe.issues_tail = &probe.issues;
    haul_maildir_keyword(&probe, atom, strlen(atom));
    bool flag = probe.flags != 0;
    haul_arena_done(&probe.arena);
    return flag;
}

static uint32_t keywords_of(haul_sink *sink, box *b, const haul_msg *m)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < m->n_keywords; i++) {
        haul_auto_str atom = {0};
        bool exact = haul_maildir_atom(m->keywords[i], &atom);
        uint32_t bit = keyword_bit(sink->state, b, haul_strz(&atom));
        int at = bit ? haul_letters_find(&b->letters, haul_strz(&atom)) : -1;
        if (!bit)
            haul_sink_issue(sink, m, HAUL_ISSUE_MAILDIR_KEYWORDS_FULL, "%s", m->keywords[i]);
        else if (!exact || strcmp(b->letters.name[at], haul_strz(&atom)) != 0)
            haul_sink_issue(sink, m, HAUL_ISSUE_KEYWORD_NAME_CHANGED, "%s → %s", m->keywords[i],
                            b->letters.name[at]);
        if (bit && means_flag(haul_strz(&atom))) {
            haul_sink_issue(sink, m, HAUL_ISSUE_KEYWORD_NAME_CHANGED, "%s reads as a flag here",
                            m->keywords[i]);
            haul_sink_issue(sink, m, HAUL_ISSUE_TARGET_FLAGS_NOT_HELD, "%s reads as a flag here",
                            m->keywords[i]);
        }
        bits |= bit;
    }
    return bits;
}

static uint32_t letters_of(haul_sink *sink, box *b, const haul_msg *m)
{
    char letters[8];
    const char *names[5];
    uint32_t bits = 0;
    haul_maildir_letters(m, letters, names);
    for (const char *c = letters; *c; c++)
        bits |= letter_bit(*c);
    for (size_t i = 0; names[i]; i++) {
        uint32_t bit = keyword_bit(sink->state, b, names[i]);
        if (!bit && strcmp(names[i], "$Forwarded") != 0) /* P holds that one */
            haul_sink_issue(sink, m, HAUL_ISSUE_TARGET_FLAGS_NOT_HELD, "%s: no letter is left", names[i]);
        bits |= bit;
    }
    return bits | keywords_of(sink, b, m);
}

/* "<seconds>.<digits of id>.mailhaul,S=…,W=…": the same in every run [maildir-18]. */
static void base_name(const haul_msg *m, haul_str *to)
{
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    int64_t us = haul_msg_time(m), seconds = us / HAUL_US - (us % HAUL_US < 0);
    uint64_t size = haul_eol_size(f, haul_eol_for(f, HAUL_EOL_LF));
    haul_str_clear(to);
    haul_str_addf(to, "%lld.%.20s" OURS "S=%llu,W=%llu", (long long)seconds, m->id, (unsigned long long)size,
                  (unsigned long long)(f->size + f->lf));
}

static haul_rc maildir_message(haul_sink *sink, uint32_t id, const haul_msg *m, haul_err *e)
{
    maildir_sink *s = sink->state;
    opened *o;
    if (id >= s->n_boxes || !s->boxes[id].dir)
        return haul_fail(e, HAUL_E_TARGET, "folder %u was not declared", id);
    box *b = &s->boxes[id];
    haul_rc rc = open_box(s, id, &o, e);
    if (rc != HAUL_OK)
        return rc;
    uint32_t letters = letters_of(sink, b, m);
    base_name(m, &s->base);
    haul_str_clear(&s->name);
    haul_str_addf(&s->name, "%s:2,", s->base.p);
    add_letters(letters, &s->name);
    haul_delivery d = {
        .tmp_dir = o->tmp, .tmp = s->base.p, .dir = o->cur, .name = s->name.p, .eol = HAUL_EOL_LF};
    rc = haul_deliver(sink, m, &d, e);
    if (rc != HAUL_OK)
        return rc;
    remove_leftover(b, o->cur, &s->base, letters);
    haul_str_clear(&s->place);
    haul_str_addf(&s->place, "%s/%s", b->place, s->base.p);
    haul_sink_receipt(sink, m, s->place.p, HAUL_OK, NULL);
    return HAUL_OK;
}

static haul_rc write_letters(maildir_sink *s, box *b, haul_err *e)
{
    haul_auto_fd int dir = -1;
    haul_auto_str text = {0};
    haul_rc rc = make_sub(s, b->dir, "", &dir, e);
    haul_letters_write(&b->letters, &text);
    if (rc == HAUL_OK)
        rc = haul_write_file(dir, "dovecot-keywords", text.p, text.len, e);
    b->letters_changed = rc != HAUL_OK;
    return rc;
}

/* Names of letters first: a message must not become durable before the meaning of its letters. */
static haul_rc maildir_commit(haul_sink *sink, haul_tokens *ret, haul_err *e)
{
    maildir_sink *s = sink->state;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < s->n_boxes && s->n_changed && rc == HAUL_OK; i++)
        if (s->boxes[i].letters_changed) {
            rc = write_letters(s, &s->boxes[i], e);
            s->n_changed--;
        }
    if (rc == HAUL_OK && s->subscriptions_changed) {
        rc = haul_write_file(s->root, "subscriptions", s->subscriptions.p, s->subscriptions.len, e);
        s->subscriptions_changed = rc != HAUL_OK;
    }
    haul_tokens_put(ret, "layout", haul_values_get(sink->values, &haul_maildir_options[0]));
    haul_tokens_put(ret, "names", haul_values_get(sink->values, &haul_maildir_options[1]));
    return rc == HAUL_OK ? haul_sync_fs(s->root, e) : rc;
}

static haul_rc maildir_finish(haul_sink *sink, haul_err *e)
{
    (void)sink;
    (void)e;
    return HAUL_OK;
}

static void maildir_close(haul_sink *sink)
{
    maildir_sink *s = sink->state;
    if (!s->ready)
        return;
    for (size_t i = 0; i < OPEN_BOXES; i++) {
        haul_fd_autoclose(&s->open[i].cur);
        haul_fd_autoclose(&s->open[i].tmp);
    }
    for (size_t i = 0; i < s->n_boxes; i++) {
        free(s->boxes[i].dir);
        free(s->boxes[i].place);
        free(s->boxes[i].left);
        haul_letters_done(&s->boxes[i].letters);
    }
    free(s->boxes);
    haul_declared_done(&s->subscribed);
    haul_str_done(&s->subscriptions);
    haul_str_done(&s->base);
    haul_str_done(&s->name);
    haul_str_done(&s->place);
    haul_fd_autoclose(&s->root);
}

const haul_sink_ops haul_maildir_sink = {
    .state_size = sizeof(maildir_sink),
    .naming = maildir_naming,
    .open = maildir_open,
    .folder = maildir_folder,
    .message = maildir_message,
    .commit = maildir_commit,
    .finish = maildir_finish,
    .close = maildir_close,
};
