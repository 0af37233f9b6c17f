#define _GNU_SOURCE
#include "toy_reader.h"

#include "base/utf.h"
#include "io/confine.h"
#include "model/confined_child.h"
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

const char *const WHY[ACTS] = {
    [CRASH] = "the parser crashed (signal 11, SIGSEGV)",
    [HANG] = "the parser took more than 1 s",
    [SPIN] = "the parser took more than 1 s",
    [EXIT] = "the parser ended with status 9",
    [OOM] = "the parser needed more than 1G of memory",
    [GARBAGE] = "the parser answered with nonsense",
    [KILLED] = "the parser was killed (signal 9, SIGKILL)",
};

struct toy toy;

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

const haul_reader_ops TOY = {.state_size = sizeof(toy_state),
                             .open = toy_open,
                             .next = toy_next,
                             .body = toy_body,
                             .close = toy_close};

/* ── reading all of it as text ── */

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

int open_source(void)
{
    static const char text[] = "TOY: the source, 32 octets long..";
    testing_write(testing_path("toy"), text, 32);
    int fd = open(testing_path("toy"), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

const haul_confined_limits LIMITS = {.item_seconds = 1, .memory = UINT64_C(1) << 30};

void run_begin(run *r, haul_confined_limits limits)
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

haul_rc run_next(run *r, haul_msg *m)
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

char *run_end(run *r)
{
    haul_confined_free(r->c);
    haul_folders_done(&r->folders);
    return r->text.p;
}

char *read_all(haul_confined_limits limits)
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

char *read_here(void)
{
    return read_all((haul_confined_limits){.off = true});
}

/* want with the line that begins with `line` replaced. */
char *with(const char *want, const char *line, const char *instead)
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

void expect_text(const char *got, const char *want, const char *what)
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
char *without_item(const char *want, uint64_t node, toy_act act, toy_where where)
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

size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/* Lines that begin with z. */
size_t count_lines(const char *text, const char *end, const char *z)
{
    size_t n = 0;
    for (; text < end; text = strchr(text, '\n') + 1)
        n += strncmp(text, z, strlen(z)) == 0;
    return n;
}

size_t count_text(const char *text, const char *z)
{
    size_t n = 0;
    for (; (text = strstr(text, z)); text += strlen(z))
        n++;
    return n;
}

void expect_no_child(void)
{
    cr_expect(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
}

bool has_limit(toy_act act)
{
    return act != OOM || !haul_confine_sanitized();
}

void lose_each(toy_act act, toy_where where, unsigned step)
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
