#define _GNU_SOURCE
#include "model/confined.h"

#include "base/utf.h"
#include "io/confine.h"
#include "testing.h"
#include "toy_reader.h"

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
Test(confined, memory_in_some_items, .timeout = TESTING_SECONDS)
{
    if (has_limit(OOM))
        lose_each(OOM, NEXT, 17);
}
Test(confined, hang_in_some_items, .timeout = TESTING_SECONDS)
{
    lose_each(HANG, NEXT, 13);
    lose_each(SPIN, NEXT, 24);
}
Test(confined, crash_in_every_body)
{
    lose_each(CRASH, BODY, 1);
}
Test(confined, other_ends_in_some_bodies, .timeout = TESTING_SECONDS)
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

Test(confined, a_big_body_streams, .timeout = TESTING_SECONDS)
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
Test(confined, too_many_issues, .timeout = TESTING_SECONDS)
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
Test(confined, stops_when_asked, .timeout = TESTING_SECONDS)
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
