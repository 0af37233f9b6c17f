#define _GNU_SOURCE
#include "model/confined.h"
#include "model/confined_child.h"

#include "base/utf.h"
#include "io/confine.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ── a reader that can be told to misbehave ──
 * Five folders, declared one by one; in each a subfolder that comes up late, then ten items. What it does wrong is in
 * `toy`, which the child has by fork. */

enum { FOLDERS = 5, EACH = 10, ITEMS = FOLDERS * EACH };
#define STORE_NODE  1u
#define FOLDER_NODE 0x100u
#define ITEM_NODE   0x1000u
#define BIG         (300u * 1000u) /* octets of every seventh body */

typedef enum toy_act { NOTHING, CRASH, HANG, SPIN, EXIT, OOM, GARBAGE, KILLED, ACTS } toy_act;
typedef enum toy_where { NEXT, BODY, AT_FOLDER, AT_FOLDER_LATE, AT_STORE } toy_where;

static const char *const WHY[ACTS] = {
    [CRASH] = "the parser crashed (signal 11, SIGSEGV)",
    [HANG] = "the parser took more than 1 s",
    [SPIN] = "the parser took more than 1 s",
    [EXIT] = "the parser ended with status 9",
    [OOM] = "the parser needed more than 1G of memory",
    [GARBAGE] = "the parser answered with nonsense",
    [KILLED] = "the parser was killed (signal 9, SIGKILL)",
};

static struct {
    toy_act act;
    toy_where where;
    uint64_t node; /* 0 = every one */
    uint64_t body; /* octets of every body instead of what is usual */
    bool sick;     /* items 3 and 4 of each folder are SKIP, a row of each folder cannot be read */
    bool
        wordy; /* the first item of each folder has a subject, each late folder a name, that fits in no frame */
    bool tells; /* issues of the source in every kind of step */
    void (*evil)(haul_reader *r);
    unsigned jobs;
} toy;

typedef struct toy_state {
    unsigned folder, item;
    int stage; /* of the folder: 0 to be declared, 1 its step, 2 late subfolder, 3 items */
    uint32_t ids, here;
    int fd;
    char name[32];
} toy_state;

/* Octets that are no frame; within a body, where they would be taken for its own, a position that cannot be. */
static void say_nonsense(haul_reader *r, toy_where where)
{
    size_t room = 0;
    haul_ring *ring = r->guard->ring;
    char *to = haul_ring_room(ring, &room);
    if (where == BODY) {
        haul_ring_add(ring, 2 * ring->size);
    } else if (room >= 8) {
        memcpy(to, "\x07\0\0\0\xff\xff\xff\xff", 8);
        haul_ring_add(ring, 8);
    }
    (void)haul_ring_publish(ring, false);
}

static void misbehave(haul_reader *r, toy_where where, uint64_t node)
{
    if (toy.act == NOTHING || toy.where != where || (toy.node && toy.node != node))
        return;
    switch (toy.act) {
    case CRASH:
        (void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
        (void)raise(SIGSEGV);
        break;
    case HANG:
        for (;;)
            (void)poll(NULL, 0, -1);
    case SPIN:
        for (volatile unsigned i = 0;; i++)
            ;
    case EXIT:
        _exit(9);
    case OOM:
        for (int i = 0; !haul_confine_sanitized() && i < 8192; i++)
            *(volatile char *)haul_alloc(1 << 20) = 1;
        haul_oom();
    case GARBAGE:
        say_nonsense(r, where);
        break;
    case KILLED:
        (void)signal(SIGKILL, SIG_DFL);
        (void)raise(SIGKILL);
        break;
    case NOTHING:
    case ACTS:
        break;
    }
    (void)r;
}

static haul_rc toy_open(haul_reader *r, haul_err *e)
{
    toy_state *s = r->state;
    if (haul_guard_step(r->guard, HAUL_GUARD_STORE, STORE_NODE, HAUL_FOLDER_NONE) != HAUL_GUARD_GO)
        return haul_fail(e, HAUL_E_SOURCE, "a store is never passed over");
    if (toy.tells)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "store");
    misbehave(r, AT_STORE, STORE_NODE);
    if (toy.evil)
        toy.evil(r);
    return haul_tree_fd(r->tree, "", &s->fd, NULL, e);
}

static haul_rc toy_declare(toy_state *s, haul_item *it, uint32_t parent, const char *name)
{
    (void)snprintf(s->name, sizeof(s->name), "%s %u", name, s->folder);
    it->type = HAUL_ITEM_FOLDER;
    it->folder = (haul_folder){.id = s->ids++,
                               .parent = parent,
                               .name = s->name,
                               .raw_name = s->folder == 4 ? "\xe4" : NULL,
                               .role = s->folder == 1 ? HAUL_ROLE_INBOX : HAUL_ROLE_NONE};
    s->stage++;
    return HAUL_OK;
}

static const char *wordy(haul_arena *a)
{
    haul_auto_str text = {0};
    while (text.len < 3u << 20)
        haul_str_addz(&text, "Hafenmeisterei Großbüttel ");
    return haul_arena_strn(a, text.p, text.len);
}

static haul_rc toy_item(haul_reader *r, haul_item *it, haul_err *e, bool *ret_again)
{
    toy_state *s = r->state;
    haul_msg *m = it->msg;
    uint64_t node = ITEM_NODE + s->folder * 0x10 + s->item++;
    if (haul_guard_step(r->guard, HAUL_GUARD_ITEM, node, s->here) != HAUL_GUARD_GO) {
        *ret_again = true;
        return HAUL_OK;
    }
    misbehave(r, NEXT, node);
    it->type = HAUL_ITEM_MESSAGE;
    m->key = haul_arena_printf(&m->arena, "0x%" PRIx64, node);
    m->place = haul_arena_printf(&m->arena, "place %" PRIu64, node);
    m->folder = s->here;
    if (toy.sick && (s->item == 3 || s->item == 4))
        return haul_fail(e, HAUL_SKIP, "a sick item");
    m->fingerprint = node * UINT64_C(0x9E3779B97F4A7C15);
    m->kind = s->item % 5;
    m->flags = s->item;
    m->may_grow = s->item == 5;
    m->set = HAUL_SET_FLAGS | HAUL_SET_SENT | HAUL_SET_SIZE;
    m->sent_us = -(int64_t)node;
    m->sent_tz = -90;
    m->size = node;
    if (s->item & 1)
        haul_msg_received(m, (int64_t)node * 1000000, 60);
    m->subject = s->item == 2 ? NULL : haul_arena_printf(&m->arena, "Grüße %" PRIu64, node);
    if (toy.wordy && s->item == 1)
        m->subject = wordy(&m->arena);
    m->sender = "ada@harbour.example";
    m->message_id = "";
    for (unsigned i = 0; i < s->item % 4; i++)
        (void)haul_msg_keyword(m, "abc" + i, 3 - i);
    for (unsigned i = 0; i < s->item % 3; i++)
        haul_msg_issue(m, i ? HAUL_ISSUE_MSG_NUL : HAUL_ISSUE_TIME_GUESSED, "%u of item", i);
    return HAUL_OK;
}

static haul_rc toy_next(haul_reader *r, haul_item *it, haul_err *e)
{
    toy_state *s = r->state;
    for (;;) {
        uint64_t node = FOLDER_NODE + s->folder;
        if (s->folder == FOLDERS)
            return HAUL_END;
        switch (s->stage) {
        case 0:
            s->here = s->ids;
            return toy_declare(s, it, HAUL_FOLDER_NONE, "Folder");
        case 1:
            s->stage++;
            if (haul_guard_step(r->guard, HAUL_GUARD_FOLDER, node, s->here) == HAUL_GUARD_LOST) {
                s->folder++;
                s->stage = 0;
                break;
            }
            misbehave(r, AT_FOLDER, node);
            if (toy.tells)
                haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "folder %u", s->folder);
            if (toy.sick) {
                it->msg->place = "a row";
                it->msg->folder = s->here;
                return haul_fail(e, HAUL_SKIP, "row of folder %u", s->folder);
            }
            break;
        case 2:
            (void)toy_declare(s, it, s->here, "Late");
            if (toy.wordy)
                it->folder.name = wordy(&it->msg->arena);
            return HAUL_OK;
        default:
            if (s->item == 0)
                misbehave(r, AT_FOLDER_LATE, node);
            if (s->item == EACH) {
                if (toy.tells)
                    haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "end of folder %u", s->folder);
                s->folder++;
                s->item = 0;
                s->stage = 0;
                break;
            }
            bool again = false;
            haul_rc rc = toy_item(r, it, e, &again);
            if (!again)
                return rc;
        }
    }
}

/* Octets that depend on the item and on the source. */
static haul_rc toy_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    toy_state *s = r->state;
    static char block[256 * 1024];
    uint64_t node = m->size, left = toy.body ? toy.body : node % 7 ? node % 100 : BIG;
    char head[64] = "";
    if (pread(s->fd, head, 16, (off_t)(node % 8)) <= 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "reading");
    memset(block, 'a' + (int)(node % 26), sizeof(block));
    haul_rc rc = haul_out_write(to, head, strlen(head), e);
    for (bool first = true; left && rc == HAUL_OK; first = false) {
        size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);
        rc = haul_out_write(to, block, n, e);
        left -= n;
        if (first)
            misbehave(r, BODY, node);
    }
    misbehave(r, BODY, node);
    haul_msg_issue(m, HAUL_ISSUE_MSG_BARE_CR, "of body");
    if (toy.sick && rc == HAUL_OK && s->item == 8)
        return haul_fail(e, HAUL_SKIP, "a sick body");
    return rc;
}

static void toy_close(haul_reader *r)
{
    toy_state *s = r->state;
    haul_fd_autoclose(&s->fd);
}

static const haul_reader_ops TOY = {.state_size = sizeof(toy_state),
                                    .open = toy_open,
                                    .next = toy_next,
                                    .body = toy_body,
                                    .close = toy_close};

/* ── reading all of it as text ── */

typedef struct run {
    haul_str text;
    haul_out out;
    uint64_t hash, size;
    haul_folders folders;
    haul_confined *c;
    bool without_bodies;
} run;

static haul_rc run_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    run *r = (run *)(void *)((char *)o - offsetof(run, out));
    for (size_t i = 0; i < n && r->size + i < 2 * BIG; i++) /* not more than tells bodies apart */
        r->hash = r->hash * 31 + ((const unsigned char *)p)[i];
    r->size += n;
    return HAUL_OK;
}

static void run_issue(void *ctx, haul_issue_id id, const char *detail)
{
    run *r = ctx;
    haul_str_addf(&r->text, "I %s %s\n", haul_issue_name(id), detail);
}

static int open_source(void)
{
    static const char text[] = "TOY: the source, 32 octets long..";
    testing_write(testing_path("toy"), text, 32);
    int fd = open(testing_path("toy"), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

static const haul_confined_limits LIMITS = {.item_seconds = 1, .memory = UINT64_C(1) << 30};

static void run_begin(run *r, haul_confined_limits limits)
{
    *r = (run){.out = {.write = run_write}};
    r->c = haul_confined_new(&TOY, NULL, open_source(), "toy.pst", NULL, &limits, run_issue, r);
}

static const char *or_null(const char *z)
{
    return z ? z : "(null)";
}

static void run_message(run *r, haul_msg *m)
{
    haul_err e = {0};
    haul_auto_str path = {0};
    r->hash = r->size = 0;
    haul_rc rc = r->without_bodies ? HAUL_OK : haul_confined_body(r->c, m, &r->out, &e);
    haul_folders_path(&r->folders, m->folder, &path);
    if (rc != HAUL_OK) {
        haul_str_addf(&r->text, "B %s %s %s\n", m->key, haul_rc_name(rc), e.text);
        return;
    }
    haul_str_addf(&r->text,
                  "M %s '%s' %s set=%x fp=%" PRIx64 " grow=%d kind=%d r=%" PRId64 "/%d s=%" PRId64 "/%d",
                  m->key, m->place, haul_strz(&path), m->set, m->fingerprint, m->may_grow, (int)m->kind,
                  m->received_us, m->received_tz, m->sent_us, m->sent_tz);
    haul_str_addf(&r->text, " flags=%x size=%" PRIu64 " id=%s subject=%s from=%s body=%" PRIu64 "/%" PRIx64,
                  m->flags, m->size, or_null(m->message_id), or_null(m->subject), or_null(m->sender), r->size,
                  r->hash);
    for (size_t i = 0; i < m->n_keywords; i++)
        haul_str_addf(&r->text, " k=%s", m->keywords[i]);
    for (const haul_issue *i = m->issues; i; i = i->next)
        haul_str_addf(&r->text, " i=%s:%s", haul_issue_name(i->id), i->detail);
    haul_str_addc(&r->text, '\n');
}

static haul_rc run_next(run *r, haul_msg *m)
{
    haul_err e = {0};
    haul_item it = {.msg = m};
    haul_msg_reset(m);
    haul_rc rc = haul_confined_next(r->c, &it, &e);
    if (rc == HAUL_OK && it.type == HAUL_ITEM_FOLDER) {
        haul_auto_str path = {0};
        cr_assert(haul_folders_add(&r->folders, &it.folder), "folder %u", it.folder.id);
        haul_folders_path(&r->folders, it.folder.id, &path);
        haul_str_addf(&r->text, "F %s role=%s raw=%s\n", path.p, haul_role_name(it.folder.role),
                      or_null(it.folder.raw_name));
    } else if (rc == HAUL_OK) {
        run_message(r, m);
    } else if (rc == HAUL_SKIP) {
        haul_auto_str path = {0};
        haul_folders_path(&r->folders, m->folder, &path);
        haul_str_addf(&r->text, "S %s '%s' %s: %s\n", or_null(m->key), or_null(m->place), haul_strz(&path),
                      e.text);
        return HAUL_OK;
    } else if (rc < 0) {
        haul_str_addf(&r->text, "E %s %s\n", haul_rc_name(rc), e.text);
    }
    return rc;
}

static char *run_end(run *r)
{
    haul_confined_free(r->c);
    haul_folders_done(&r->folders);
    return r->text.p;
}

static char *read_all(haul_confined_limits limits)
{
    run r;
    haul_msg *m = haul_msg_new();
    run_begin(&r, limits);
    haul_rc rc;
    do
        rc = run_next(&r, m);
    while (rc == HAUL_OK);
    cr_expect_eq(run_next(&r, m), rc, "END stays END, a failure a failure");
    haul_msg_unref(m);
    return run_end(&r);
}

static char *read_here(void)
{
    return read_all((haul_confined_limits){.off = true});
}

/* want with the line that begins with `line` replaced. */
static char *with(const char *want, const char *line, const char *instead)
{
    haul_str s = {0};
    const char *at = strstr(want, line);
    cr_assert_not_null(at, "%s", line);
    const char *end = strchr(at, '\n') + 1;
    haul_str_add(&s, want, (size_t)(at - want));
    haul_str_addz(&s, instead);
    haul_str_addz(&s, end);
    return s.p;
}

static void expect_text(const char *got, const char *want, const char *what)
{
    size_t line = 1, at = 0;
    while (got[at] && got[at] == want[at])
        line += got[at++] == '\n';
    cr_expect(got[at] == want[at], "%s: line %zu: got %.200s wanted %.200s", what, line, got + at, want + at);
}

static const char *folder_of(uint64_t node, char to[32])
{
    (void)snprintf(to, 32, "Folder %u", (unsigned)((node - ITEM_NODE) / 0x10));
    return to;
}

/* The text of a run in which the item at node is lost. */
static char *without_item(const char *want, uint64_t node, toy_act act, toy_where where)
{
    char line[64], instead[256], folder[32];
    (void)snprintf(line, sizeof(line), "M 0x%" PRIx64 " ", node);
    if (where == BODY)
        (void)snprintf(instead, sizeof(instead), "B 0x%" PRIx64 " skip %s\n", node, WHY[act]);
    else
        (void)snprintf(instead, sizeof(instead),
                       "S 0x%" PRIx64 " 'node 0x%" PRIx64 "' %s: %s at node 0x%" PRIx64 "\n", node, node,
                       folder_of(node, folder), WHY[act], node);
    return with(want, line, instead);
}

static size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/* Lines that begin with z. */
static size_t count_lines(const char *text, const char *end, const char *z)
{
    size_t n = 0;
    for (; text < end; text = strchr(text, '\n') + 1)
        n += strncmp(text, z, strlen(z)) == 0;
    return n;
}

static size_t count_text(const char *text, const char *z)
{
    size_t n = 0;
    for (; (text = strstr(text, z)); text += strlen(z))
        n++;
    return n;
}

static void expect_no_child(void)
{
    cr_expect(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
}

static bool has_limit(toy_act act)
{
    return act != OOM || !haul_confine_sanitized();
}

/* ── the same as without a child ── */

Test(confined, the_same_as_unconfined)
{
    size_t files = open_files();
    for (int sick = 0; sick < 4; sick++) {
        toy.sick = sick & 1;
        toy.tells = sick & 2;
        char *want = read_here(), *got = read_all(LIMITS);
        expect_text(got, want, "confined");
        cr_expect(strstr(want, "Late 4") && strstr(want, "300016/") && !strstr(want, "\nE "), "%s", want);
        free(want);
        free(got);
    }
    cr_expect_eq(open_files(), files);
    expect_no_child();
}

/* ── one item at a time ── */

static void lose_each(toy_act act, toy_where where, unsigned step)
{
    toy.act = NOTHING;
    char *want = read_here();
    size_t files = open_files();
    for (unsigned i = 0; i < ITEMS; i += step) {
        uint64_t node = ITEM_NODE + i / EACH * 0x10 + i % EACH;
        char what[64];
        (void)snprintf(what, sizeof(what), "act %d at item %u", act, i);
        char *changed = without_item(want, node, act, where);
        toy.act = act;
        toy.where = where;
        toy.node = node;
        haul_confined_limits limits = LIMITS;
        limits.jobs = toy.jobs;
        char *got = read_all(limits);
        expect_text(got, changed, what);
        free(got);
        free(changed);
    }
    cr_expect_eq(open_files(), files);
    expect_no_child();
    free(want);
}

Test(confined, crash_in_every_item)
{
    lose_each(CRASH, NEXT, 1);
}
Test(confined, exit_in_every_item)
{
    lose_each(EXIT, NEXT, 1);
}
Test(confined, nonsense_in_every_item)
{
    lose_each(GARBAGE, NEXT, 1);
}
Test(confined, killed_in_some_items)
{
    lose_each(KILLED, NEXT, 9);
}
Test(confined, memory_in_some_items, .timeout = 120)
{
    if (has_limit(OOM))
        lose_each(OOM, NEXT, 17);
}
Test(confined, hang_in_some_items, .timeout = 120)
{
    lose_each(HANG, NEXT, 13);
    lose_each(SPIN, NEXT, 24);
}
Test(confined, crash_in_every_body)
{
    lose_each(CRASH, BODY, 1);
}
Test(confined, other_ends_in_some_bodies, .timeout = 120)
{
    lose_each(HANG, BODY, 21);
    lose_each(EXIT, BODY, 7);
}

/* Where bodies come unasked, nonsense in one may be noticed at an item before it: that one is lost, too, but no other, and
 * none without a word. */
Test(confined, nonsense_in_some_bodies)
{
    char *want = read_here();
    for (unsigned i = 0; i < ITEMS; i += 7) {
        toy.act = GARBAGE;
        toy.where = BODY;
        toy.node = ITEM_NODE + i / EACH * 0x10 + i % EACH;
        char *got = read_all(LIMITS), *end = got + strlen(got), *want_end = want + strlen(want);
        size_t lost = count_text(got, WHY[GARBAGE]);
        cr_expect(lost == 1 || lost == 2, "%s", got);
        cr_expect_eq(count_lines(got, end, "M ") + count_lines(got, end, "S ") + count_lines(got, end, "B "),
                     count_lines(want, want_end, "M ") + count_lines(want, want_end, "S ") +
                         count_lines(want, want_end, "B "));
        free(got);
    }
    free(want);
}

/* ── several children ── */

Test(confined, several_are_like_one, .timeout = 120)
{
    size_t files = open_files();
    char *want = read_here();
    for (haul_confined_limits limits = LIMITS; limits.jobs < 6; limits.jobs++) {
        char *got = read_all(limits);
        expect_text(got, want, "several");
        free(got);
    }
    free(want);
    cr_expect_eq(open_files(), files);
    expect_no_child();
}
Test(confined, several_with_sick_items)
{
    toy.sick = toy.tells = true;
    char *want = read_here();
    haul_confined_limits limits = LIMITS;
    limits.jobs = 3;
    char *got = read_all(limits);
    expect_text(got, want, "several");
    free(got);
    free(want);
}
Test(confined, several_and_a_crash_in_every_item, .timeout = 120)
{
    toy.jobs = 2;
    lose_each(CRASH, NEXT, 3);
    toy.jobs = 3;
    lose_each(GARBAGE, NEXT, 7);
}
Test(confined, several_and_a_crash_in_some_bodies, .timeout = 120)
{
    toy.jobs = 3;
    lose_each(CRASH, BODY, 7);
}

/* What was given before is given once: folders, lost rows, sick items, issues of the source. */
Test(confined, nothing_twice)
{
    toy.sick = toy.tells = true;
    lose_each(CRASH, NEXT, 5);
}

Test(confined, crash_in_all_items)
{
    char *want = read_here();
    for (unsigned i = 0; i < ITEMS; i++) {
        char *changed = without_item(want, ITEM_NODE + i / EACH * 0x10 + i % EACH, CRASH, NEXT);
        free(want);
        want = changed;
    }
    toy.act = CRASH;
    toy.where = NEXT;
    char *got = read_all(LIMITS);
    expect_text(got, want, "all items");
    free(got);
    free(want);
    expect_no_child();
}

/* ── folders and the store ── */

/* The lines of folder f after its own, without or with that of the late subfolder. */
static char *without_folder(const char *want, unsigned f, bool late)
{
    char line[64];
    haul_str s = {0};
    (void)snprintf(line, sizeof(line), "F Folder %u%s role", f, late ? "/Late " : "");
    if (late)
        (void)snprintf(line, sizeof(line), "F Folder %u/Late %u role", f, f);
    const char *at = strchr(strstr(want, line), '\n') + 1;
    haul_str_add(&s, want, (size_t)(at - want));
    haul_str_addf(&s, "I reader.lost-folder toy.pst: node 0x%x: %s\n", FOLDER_NODE + f, WHY[CRASH]);
    (void)snprintf(line, sizeof(line), "F Folder %u role", f + 1);
    const char *next = strstr(want, line);
    haul_str_addz(&s, next ? next : "");
    return s.p;
}

Test(confined, crash_in_every_folder)
{
    char *want = read_here();
    haul_confined_limits limits = LIMITS;
    for (unsigned late = 0; late < 4; late++)
        for (unsigned f = 0; f < FOLDERS; f++) {
            char *changed = without_folder(want, f, late % 2);
            toy.act = CRASH;
            toy.where = late % 2 ? AT_FOLDER_LATE : AT_FOLDER;
            toy.node = FOLDER_NODE + f;
            limits.jobs = late < 2 ? 1 : 3;
            char *got = read_all(limits);
            expect_text(got, changed, late % 2 ? "late in a folder" : "folder");
            free(got);
            free(changed);
        }
    free(want);
    expect_no_child();
}

Test(confined, crash_in_the_store)
{
    toy.act = CRASH;
    toy.where = AT_STORE;
    char *got = read_all(LIMITS);
    expect_text(
        got,
        "E source toy.pst: the parser crashed (signal 11, SIGSEGV)\nE source toy.pst: the parser crashed "
        "(signal 11, SIGSEGV)\n",
        "store");
    free(got);
    expect_no_child();
}

/* ── bodies ── */

Test(confined, a_big_body_streams, .timeout = 120)
{
    haul_msg *m = haul_msg_new();
    struct rusage before, after, child;
    run r;
    toy.body = UINT64_C(200) << 20;
    run_begin(&r, LIMITS);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(run_next(&r, m), HAUL_OK);
    (void)getrusage(RUSAGE_SELF, &before);
    cr_assert_eq(run_next(&r, m), HAUL_OK);
    (void)getrusage(RUSAGE_SELF, &after);
    char *text = run_end(&r);
    (void)getrusage(RUSAGE_CHILDREN, &child);
    cr_expect(strstr(text, " body=209715216/"), "%s", text);
    if (!haul_confine_sanitized()) {
        cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 4096, "%ld KiB more",
                     after.ru_maxrss - before.ru_maxrss);
        cr_expect_lt(child.ru_maxrss, before.ru_maxrss + 8192, "%ld KiB in the child", child.ru_maxrss);
    }
    free(text);
    haul_msg_unref(m);
}

static haul_rc full(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o;
    (void)p;
    (void)n;
    return haul_fail(e, HAUL_E_TARGET, "no room");
}

/* A target that fails is told as it is, and the next item is there all the same. */
Test(confined, the_target_fails)
{
    haul_msg *m = haul_msg_new();
    haul_err e = {0};
    haul_out no_room = {.write = full};
    run r;
    run_begin(&r, LIMITS);
    r.without_bodies = true;
    toy.body = 1 << 20;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(run_next(&r, m), HAUL_OK);
    cr_expect_eq(haul_confined_body(r.c, m, &no_room, &e), HAUL_E_TARGET);
    cr_expect_str_eq(e.text, "no room");
    cr_expect_eq(run_next(&r, m), HAUL_OK);
    cr_expect_str_eq(m->key, "0x1001");
    free(run_end(&r));
    haul_msg_unref(m);
    expect_no_child();
}

/* Bodies may be left out, as inspect does. */
Test(confined, without_bodies)
{
    run r[2];
    char *text[2];
    for (int i = 0; i < 2; i++) {
        haul_msg *m = haul_msg_new();
        run_begin(&r[i], i ? LIMITS : (haul_confined_limits){.off = true});
        r[i].without_bodies = true;
        while (run_next(&r[i], m) == HAUL_OK)
            ;
        haul_msg_unref(m);
        text[i] = run_end(&r[i]);
    }
    expect_text(text[1], text[0], "without bodies");
    free(text[0]);
    free(text[1]);
}

/* ── what the child may not do ── */

/* errno of what a parser has no business with, 0 = it worked. */
static int try_open(void)
{
    haul_auto_fd int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

static int try_make(void)
{
    haul_auto_fd int fd = open("/tmp/haul-test-made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int ret = fd < 0 ? errno : 0;
    (void)unlink("/tmp/haul-test-made");
    return ret;
}

static int try_socket(void)
{
    haul_auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : 0;
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : waitpid(pid, NULL, 0) == pid ? 0 : errno;
}

/* In this process: it is over when it works. */
static int try_exec(void)
{
    char *args[] = {(char[]){"true"}, NULL};
    (void)execv("/bin/true", args);
    return errno;
}

static int try_signal_outside(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static const struct {
    const char *name;
    int (*act)(void);
} TRIES[] = {
    {"open", try_open},           {"make", try_make}, {"socket", try_socket}, {"fork", try_fork},
    {"kill", try_signal_outside}, {"code", try_code}, {"exec", try_exec}, /* last */
};

/* All in a forked process confined as `want` says; `to` gets a line. */
static void try_all(unsigned want, haul_str *to)
{
    int pair[2];
    cr_assert_eq(pipe(pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)haul_confine(want, NULL, 0, 0);
        for (size_t i = 0; i < HAUL_COUNT(TRIES); i++) {
            signed char got = (signed char)TRIES[i].act();
            if (write(pair[1], &got, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    (void)close(pair[1]);
    signed char got;
    for (size_t i = 0; i < HAUL_COUNT(TRIES); i++)
        if (read(pair[0], &got, 1) == 1)
            haul_str_addf(to, "%s=%s ", TRIES[i].name, got ? strerrorname_np(got) : "ok");
        else
            haul_str_addf(to, "%s=gone ", TRIES[i].name);
    (void)close(pair[0]);
    (void)waitpid(pid, NULL, 0);
}

Test(confine, alone_and_together)
{
    static const struct {
        unsigned want;
        const char *text;
    } rows[] = {
        {0, "open=ok make=ok socket=ok fork=ok kill=ok code=ok exec=gone "},
        {HAUL_CONFINE_FILES, "open=EACCES make=EACCES socket=ok fork=ok kill=EPERM code=ok exec=EACCES "},
        {HAUL_CONFINE_CALLS,
         "open=EPERM make=EPERM socket=EPERM fork=EPERM kill=EPERM code=EPERM exec=EPERM "},
        {HAUL_CONFINE_FILES | HAUL_CONFINE_CALLS,
         "open=EPERM make=EPERM socket=EPERM fork=EPERM kill=EPERM code=EPERM exec=EPERM "},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str got = {0};
        try_all(rows[i].want, &got);
        cr_expect_str_eq(got.p, rows[i].text, "row %zu: %s", i, got.p);
    }
}

/* Descriptors below 64 that are open in a process confined by HAUL_CONFINE_OPEN, 3 kept; 0 = it does not hold. */
static int count_open(bool without_close_range)
{
    int source = open("/dev/zero", O_RDONLY), status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        const int keep[] = {60};
        int open_now = 0;
        while (dup(source) < keep[0])
            ;
        if (without_close_range) {
            scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
            if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(close_range), 0) != 0 ||
                seccomp_load(f) != 0)
                _exit(0);
            seccomp_release(f);
        }
        if (without_close_range)
            (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){16, 16});
        if (haul_confine(HAUL_CONFINE_OPEN, keep, HAUL_COUNT(keep), 0) != HAUL_CONFINE_OPEN)
            _exit(0);
        for (int fd = 0; fd < 64; fd++)
            open_now += fcntl(fd, F_GETFD) >= 0;
        _exit(open_now);
    }
    (void)close(source);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Before Linux 5.9, and below a filter that does not know the call; also when the limit was lowered meanwhile. */
Test(confine, closes_without_close_range)
{
    cr_expect_eq(count_open(false), 4);
    cr_expect_eq(count_open(true), 4);
}

static void evil(haul_reader *r)
{
    for (size_t i = 0; i < HAUL_COUNT(TRIES); i++)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%s=%s", TRIES[i].name,
                          strerrorname_np(TRIES[i].act()));
    int fds = 0;
    for (int fd = 0; fd < 1024; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%d descriptors", fds);
}

Test(confine, the_child_of_a_reader)
{
    int other = open("/etc/passwd", O_RDONLY);
    toy.evil = evil;
    char *got = read_all(LIMITS);
    static const char want[] =
        "I source.changed open=EPERM\nI source.changed make=EPERM\nI source.changed socket=EPERM\n"
        "I source.changed fork=EPERM\nI source.changed kill=EPERM\nI source.changed code=EPERM\n"
        "I source.changed exec=EPERM\nI source.changed 5 descriptors\nF Folder 0 ";
    cr_expect_eq(strncmp(got, want, sizeof(want) - 1), 0, "%.400s", got);
    cr_expect(strstr(got, "Folder 4"));
    free(got);
    (void)close(other);
}

static void tell_pid(haul_reader *r)
{
    haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%d", (int)getpid());
}

static void pass_pid(void *ctx, haul_issue_id id, const char *detail)
{
    (void)id;
    ssize_t n = write(*(int *)ctx, detail, strlen(detail));
    (void)n;
}

/* The parent is killed while the child spins: it must not live on. */
Test(confine, dies_with_its_parent, .timeout = 30)
{
    int pair[2], status = 0;
    char text[32] = "";
    cr_assert_eq(pipe(pair), 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t middle = fork();
    if (middle == 0) {
        haul_msg *m = haul_msg_new();
        haul_item it = {.msg = m};
        toy.evil = tell_pid;
        toy.act = SPIN;
        toy.where = AT_FOLDER;
        haul_confined_limits no_limit = {0};
        haul_confined *c =
            haul_confined_new(&TOY, NULL, open_source(), "x", NULL, &no_limit, pass_pid, &pair[1]);
        for (int i = 0; i < 3; i++)
            if (haul_confined_next(c, &it, NULL) != HAUL_OK)
                _exit(1);
        _exit(0);
    }
    (void)close(pair[1]);
    cr_assert_gt(read(pair[0], text, sizeof(text) - 1), 0);
    (void)poll(NULL, 0, 100);
    pid_t child = (pid_t)strtol(text, NULL, 10);
    cr_assert_eq(kill(child, 0), 0);
    cr_assert_eq(kill(middle, SIGKILL), 0);
    cr_assert_eq(waitpid(middle, &status, 0), middle);
    cr_assert_eq(waitpid(child, &status, 0), child, "ours by now: we reap orphans");
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)close(pair[0]);
}

/* Ctrl-C reaches the whole process group: the child leaves it to its parent. */
Test(confine, is_not_interrupted)
{
    haul_msg *m = haul_msg_new();
    run r;
    toy.evil = tell_pid;
    run_begin(&r, LIMITS);
    cr_assert_eq(run_next(&r, m), HAUL_OK);
    pid_t child = (pid_t)strtol(strstr(r.text.p, "changed ") + 8, NULL, 10);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < HAUL_COUNT(signals); i++)
        cr_assert_eq(kill(child, signals[i]), 0);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(run_next(&r, m), HAUL_OK);
    cr_expect_null(strstr(r.text.p, "the parser"), "%s", r.text.p);
    free(run_end(&r));
    haul_msg_unref(m);
}

/* No item and no store is lost because a text is long. */
Test(confined, long_texts)
{
    haul_msg *m = haul_msg_new();
    unsigned messages = 0;
    run r;
    toy.wordy = true;
    run_begin(&r, LIMITS);
    r.without_bodies = true;
    while (run_next(&r, m) == HAUL_OK)
        messages += m->key && (!m->subject || haul_utf8_valid(m->subject, strlen(m->subject)));
    cr_expect_eq(messages, ITEMS);
    cr_expect_eq(r.folders.n, 2 * FOLDERS);
    cr_expect_not_null(strstr(r.text.p, "folder.name-shortened"));
    free(run_end(&r));
    haul_msg_unref(m);
}

static void tell_too_much(haul_reader *r)
{
    for (unsigned i = 0; i < 1000003; i++)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%u", i % 1000000);
}

/* A million issues of a source are told, and that there were more; no item is lost for them. */
Test(confined, too_many_issues, .timeout = 120)
{
    char *want = read_here();
    toy.evil = tell_too_much;
    char *got = read_all((haul_confined_limits){.item_seconds = 60, .memory = LIMITS.memory});
    const char *last = strstr(got, "I reader.issues-dropped toy.pst\n");
    cr_assert_not_null(last);
    cr_expect_eq(count_lines(got, last, "I source.changed "), 1000000);
    expect_text(strchr(last, '\n') + 1, want, "items");
    free(want);
    free(got);
}

/* An interrupted run does not wait for a parser that hangs, in an item or in a body, and says so from then on. */
Test(confined, stops_when_asked, .timeout = 60)
{
    static const toy_where places[] = {NEXT, BODY};
    for (size_t i = 0; i < HAUL_COUNT(places); i++) {
        volatile sig_atomic_t stop = 0;
        haul_msg *m = haul_msg_new();
        haul_rc rc = HAUL_OK;
        run r;
        toy.act = HANG;
        toy.where = places[i];
        toy.node = ITEM_NODE + 0x10 + 2;
        haul_confined_stop(&stop);
        run_begin(&r, (haul_confined_limits){.item_seconds = 300, .memory = LIMITS.memory});
        cr_assert_eq(run_next(&r, m), HAUL_OK);
        stop = 1; /* what does not hang is still given */
        for (unsigned n = 0; rc == HAUL_OK && n < 2 * ITEMS; n++)
            rc = run_next(&r, m);
        cr_expect_eq(rc, HAUL_E_INTERRUPTED, "row %zu: %s", i, r.text.p);
        cr_expect_not_null(strstr(r.text.p, "M 0x1011 "), "row %zu: %s", i, r.text.p);
        haul_confined_stop(NULL);
        free(run_end(&r));
        haul_msg_unref(m);
    }
}

#ifdef MAILHAUL_FAULTS
Test(confined, faults_by_environment)
{
    char *want = read_here();
    char *first = without_item(want, ITEM_NODE + 0x10 + 2, CRASH, NEXT);
    char *both = with(first, "M 0x1041 ",
                      "S 0x1041 'node 0x1041' Folder 4: the parser ended with status 7 at node 0x1041\n");
    (void)setenv("MAILHAUL_FAULT", "crash@12,exit@41", 1);
    char *got = read_all(LIMITS);
    expect_text(got, both, "two faults");
    (void)setenv("MAILHAUL_FAULT", "crash@f2", 1);
    char *folder = without_folder(want, 2, false), *lost = read_all(LIMITS);
    expect_text(lost, folder, "folder");
    (void)unsetenv("MAILHAUL_FAULT");
    free(want);
    free(first);
    free(both);
    free(got);
    free(folder);
    free(lost);
}
#endif
