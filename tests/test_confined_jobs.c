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

/* ── several children ── */

Test(confined, several_are_like_one, .timeout = TESTING_SECONDS)
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
Test(confined, several_and_a_crash_in_every_item, .timeout = TESTING_SECONDS)
{
    toy.jobs = 2;
    lose_each(CRASH, NEXT, 3);
    toy.jobs = 3;
    lose_each(GARBAGE, NEXT, 7);
}
Test(confined, several_and_a_crash_in_some_bodies, .timeout = TESTING_SECONDS)
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
