/* What every format must do, run over every row of formats.def: no format is named here. */
#define _GNU_SOURCE /* nftw */
#include "pipe/job.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written for these tests: every trap of line ends, quoting, flags and headers in a few octets. */
static const char sample[] =
    "From alice@example.org Fri May 23 16:35:53 2025\n"
    "From: Alice <alice@example.org>\nSubject: one\nDate: Fri, 23 May 2025 18:35:53 +0200\n"
    "Message-ID: <1@example.org>\nStatus: RO\nX-Status: AF\nX-Keywords: work urgent\n\nHello.\n>From here\n\n"
    "From bob@example.org Sat May 24 10:00:00 2025\n"
    "From: Bob <bob@example.org>\r\nSubject: two\r\nMessage-ID: <2@example.org>\r\n\r\nCRLF lines.\r\n\r\n\n"
    "From carol@example.org Sun May 25 10:00:00 2025\n"
    "From: Carol <carol@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nStatus: O\n\n\n\nmany blank "
    "lines\n\n\n\n"
    "From dave@example.org Mon May 26 10:00:00 2025\n"
    "From: Dave <dave@example.org>\nSubject: CON\n\nthe same subject as a device\n\n"
    "From dave@example.org Mon May 26 10:00:00 2025\n"
    "From: Dave <dave@example.org>\nSubject: CON\n\nthe same subject as a device\n\n"
    "From erin@example.org Tue May 27 10:00:00 2025\n"
    "From: Erin <erin@example.org>\nSubject: last\nX-Status: D\n\nno final newline";

#define SAMPLE_MESSAGES 6

typedef struct run {
    haul_totals totals;
    haul_err err;
    haul_rc rc;
    unsigned stop_after; /* items, 0 = never */
    volatile sig_atomic_t stop;
} run;

static void on_progress(void *ctx, const haul_progress *p)
{
    run *r = ctx;
    if (r->stop_after && p->totals.found >= r->stop_after)
        r->stop = 1;
}

static void convert(run *r, const char *source, const char *target, const haul_format *to)
{
    const char *sources[] = {source, NULL};
    haul_job job = {.command = "convert",
                    .sources = sources,
                    .target = target,
                    .to = to,
                    .progress = on_progress,
                    .ctx = r,
                    .stop = &r->stop,
                    .commit_items = 1};
    r->stop = 0;
    r->rc = haul_convert(&job, &r->totals, NULL, &r->err);
}

static const char *make_sample(void)
{
    static char path[4096]; /* testing_path's own memory is a ring */
    snprintf(path, sizeof(path), "%s", testing_path("sample.mbox"));
    testing_write(path, sample, sizeof(sample) - 1);
    return path;
}

/* A format of servers has nothing that these tests could look at in the file system: its own test does. */
static bool is_written(const haul_format *f)
{
    return f->sink && !f->schemes;
}

static bool is_read(const haul_format *f)
{
    return f->reader && !f->schemes;
}

static bool both_ways(const haul_format *f)
{
    return is_read(f) && is_written(f);
}

static const char *target_path(const haul_format *f, const char *name)
{
    static char path[4][4096];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof(path[0]), "%s", testing_path("%s-%s", f->name, name));
    return p;
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What must survive any target, sorted: the digests of a dump; where messages are made anew their ids, and what else is known
 * of them. Places and keys differ. */
static char *sorted_facts(const char *jsonl, bool rebuilt)
{
    static const char *const keys[] = {"\"sha256\":\"", "\"message_id\":\"", "\"subject\":\"", "\"flags\":\"",
                                       "\"received\":\""};
    char *text = testing_read(jsonl, NULL), *lines[64];
    size_t n = 0;
    haul_str out = {0};
    for (size_t k = rebuilt ? 1 : 0; k < (rebuilt ? HAUL_COUNT(keys) : 1); k++)
        for (char *p = text; p && (p = strstr(p, keys[k])) && n < 64;) {
            p += strlen(keys[k]);
            if (*p != '"') /* no flags, and flags that nobody knows, are the same to some */
                lines[n++] = strndup(p, strcspn(p, "\""));
        }
    qsort(lines, n, sizeof(*lines), by_line);
    for (size_t i = 0; i < n; i++) {
        haul_str_addf(&out, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(text);
    haul_str_addz(&out, "");
    return out.p ? out.p : strdup("");
}

static char *facts_of(const char *source, const char *name, bool rebuilt)
{
    const haul_format *dump = haul_format_find("dump");
    const char *path = testing_path("%s.jsonl", name);
    run r = {0};
    convert(&r, source, path, dump);
    cr_expect_eq(r.rc, HAUL_OK, "%s: %s", source, r.err.text);
    return sorted_facts(path, rebuilt);
}

Test(conformance, every_format_is_complete)
{
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        cr_expect(f->name && f->title && *f->title && f->suffixes, "%s", f->name);
        cr_expect(f->reader || f->sink, "%s", f->name);
        cr_expect_eq(haul_format_find(f->name), f);
        for (size_t k = i + 1; haul_formats[k]; k++)
            cr_expect_str_neq(f->name, haul_formats[k]->name);
        for (const haul_format_option *o = f->options; o && o->name; o++) {
            haul_auto(haul_values) *v = haul_values_new();
            haul_values_set(v, o->name, o->value);
            cr_expect_str_eq(haul_values_get(v, o), o->value, "%s", o->name);
            cr_expect(o->help && *o->help, "%s", o->name);
            cr_expect(!o->choices || strstr(o->choices, o->value), "%s", o->name);
        }
    }
}

static size_t bars(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '|';
    return n;
}

/* What the rest of the program asks of a format whose targets are URLs, without naming one. */
Test(conformance, a_remote_format_is_known_by_its_schemes_alone)
{
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!f->schemes)
            continue;
        cr_expect_str_eq(f->suffixes, "", "%s: a file's name says nothing", f->name);
        cr_expect(!f->ports || bars(f->ports) == bars(f->schemes), "%s", f->name);
        cr_expect(!f->sink || !f->sink->is_file, "%s", f->name);
        for (const char *p = f->schemes; *p; p += strcspn(p, "|"), p += *p == '|') {
            haul_auto_str url = {0};
            haul_str_addf(&url, "%.*s://jo@h/A", (int)strcspn(p, "|"), p);
            cr_expect_eq(haul_format_for_target(url.p), f, "%s", url.p);
            cr_expect(haul_target_is_remote(url.p), "%s", url.p);
        }
        haul_probe files = {.label = "a", .head = sample, .head_len = sizeof(sample) - 1};
        haul_probe dir = {.label = "a", .is_dir = true, .head = ""};
        cr_expect(!f->reader || (!f->reader->probe(&files) && !f->reader->probe(&dir)), "%s", f->name);
        cr_expect_not(haul_target_is_remote(f->name));
    }
}

Test(conformance, written_is_recognised_and_read_back_the_same)
{
    const char *mbox = make_sample();
    char *want = facts_of(mbox, "want", false), *known = facts_of(mbox, "known", true);
    cr_expect_eq(strlen(want), SAMPLE_MESSAGES * 65);
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i], *seen = NULL;
        if (!both_ways(f))
            continue;
        run r = {0};
        const char *target = target_path(f, "same");
        convert(&r, mbox, target, f);
        cr_assert_eq(r.rc, HAUL_OK, "%s: %s", f->name, r.err.text);
        cr_expect_eq(r.totals.stored, SAMPLE_MESSAGES);
        haul_tree *t = NULL;
        cr_assert_eq(haul_tree_open(target, &t, &r.err), HAUL_OK, "%s", r.err.text);
        cr_expect_eq(haul_format_detect(t, &seen, &r.err), HAUL_OK);
        cr_expect_eq(seen, f, "%s was taken for %s", f->name, seen ? seen->name : "nothing");
        haul_tree_close(t);
        char *got = facts_of(target, f->name, f->rebuilds);
        cr_expect_str_eq(got, f->rebuilds ? known : want, "%s", f->name);
        free(got);
        haul_job verify = {.command = "verify", .target = target};
        cr_expect_eq(haul_verify(&verify, NULL, &r.err), HAUL_OK, "%s: %s", f->name, r.err.text);
    }
    free(want);
    free(known);
}

/* A format that takes messages apart has an option with which their octets go along. */
Test(conformance, what_is_rebuilt_can_be_kept)
{
    const char *mbox = make_sample();
    const char *sources[] = {mbox, NULL};
    char *want = facts_of(mbox, "want", false);
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!both_ways(f) || !f->rebuilds)
            continue;
        haul_auto(haul_values) *v = haul_values_new();
        haul_values_set(v, "keep-original", "yes");
        haul_totals totals = {0};
        haul_err e = {0};
        haul_job job = {
            .command = "convert", .sources = sources, .target = target_path(f, "kept"), .to = f, .values = v};
        cr_expect_eq(haul_convert(&job, &totals, NULL, &e), HAUL_OK, "%s: %s", f->name, e.text);
        char *got = facts_of(job.target, f->name, false);
        cr_expect_str_eq(got, want, "%s", f->name);
        free(got);
    }
    free(want);
}

static void ignore_issue(void *ctx, haul_issue_id id, const char *detail)
{
    (void)ctx;
    (void)id;
    (void)detail;
}

static haul_rc count_octets(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o;
    (void)p;
    (void)n;
    (void)e;
    return HAUL_OK;
}

/* Read a source to its end, bodies too. Returns the last code; *ret_keys joins all keys. */
static haul_rc read_whole(const haul_format *f, const char *path, haul_str *keys)
{
    haul_tree *t = NULL;
    haul_reader r = {0};
    haul_err e = {0};
    haul_out out = {.write = count_octets};
    haul_rc rc = haul_tree_open(path, &t, &e);
    if (rc == HAUL_OK)
        rc = haul_reader_open(&r, f, t, NULL, ignore_issue, NULL, &e);
    haul_msg *m = haul_msg_new();
    unsigned items = 0;
    while (rc >= HAUL_OK && rc != HAUL_END && items++ < 100000) {
        haul_item it = {.msg = m};
        haul_msg_reset(m);
        rc = r.ops->next(&r, &it, &e);
        if (rc == HAUL_OK && it.type == HAUL_ITEM_MESSAGE) {
            haul_str_addf(keys, "%s\n", m->key);
            if (items % 3) /* a body may be left out */
                rc = r.ops->body(&r, m, &out, &e);
        }
    }
    cr_expect_lt(items, 100000, "%s does not end", f->name);
    if (rc == HAUL_END) {
        haul_item it = {.msg = m};
        haul_msg_reset(m);
        cr_expect_eq(r.ops->next(&r, &it, &e), HAUL_END, "%s: END does not stay END", f->name);
    }
    if (rc < 0)
        cr_expect(e.text[0], "%s: a failure without a text", f->name);
    haul_msg_unref(m);
    haul_reader_close(&r);
    haul_tree_close(t);
    return rc;
}

Test(conformance, end_stays_and_keys_are_unique_and_stable)
{
    const char *mbox = make_sample();
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!both_ways(f))
            continue;
        run r = {0};
        const char *target = target_path(f, "keys");
        convert(&r, mbox, target, f);
        haul_auto_str a = {0}, b = {0};
        cr_expect_eq(read_whole(f, target, &a), HAUL_END);
        cr_expect_eq(read_whole(f, target, &b), HAUL_END);
        cr_expect_str_eq(haul_strz(&a), haul_strz(&b), "%s", f->name);
        size_t n = 0;
        for (char *p = a.p, *end; p && (end = strchr(p, '\n')); p = end + 1, n++) {
            *end = 0;
            char *again = strstr(end + 1, p);
            cr_expect(!again || again[-1] != '\n' || again[strlen(p)] != '\n', "%s: %s twice", f->name, p);
        }
        cr_expect_eq(n, SAMPLE_MESSAGES, "%s", f->name);
    }
}

Test(conformance, damaged_files_end_in_a_code, .timeout = TESTING_SECONDS)
{
    char victim[4096];
    snprintf(victim, sizeof(victim), "%s", testing_path("victim"));
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_read(f))
            continue;
        for (size_t n = 0; n < sizeof(sample) - 1; n += 3) {
            haul_auto_str keys = {0};
            testing_write(victim, sample, n);
            (void)read_whole(f, victim, &keys);
        }
        char damaged[sizeof(sample)];
        for (size_t at = 0; at < sizeof(sample) - 1; at += 2) {
            static const char octets[] = {0, '\r', '\n', (char)0xff, '>'};
            haul_auto_str keys = {0};
            memcpy(damaged, sample, sizeof(sample));
            damaged[at] = octets[at % sizeof(octets)];
            testing_write(victim, damaged, sizeof(sample) - 1);
            (void)read_whole(f, victim, &keys);
        }
    }
}

/* ── stopped anywhere, the same in the end ── */

static haul_str *walk_out;
static size_t walk_root;

static int walk_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (strstr(path, ".mailhaul/") || haul_ends(path, ".mailhaul"))
        return 0;
    size_t n = 0;
    char *text = type == FTW_F ? testing_read(path, &n) : NULL;
    uint64_t sum = text ? haul_fnv64(text, n, 0) : 0;
    free(text);
    haul_str_addf(walk_out, "%s %zu %llx %lld\n", path + walk_root, n, (unsigned long long)sum,
                  type == FTW_F && strstr(path, "keywords") == NULL ? (long long)st->st_mtime : 0);
    return 0;
}

/* Names, contents and times of all files of a target, sorted. */
static char *picture(const char *target, bool with_times)
{
    haul_str out = {0};
    walk_out = &out;
    walk_root = strlen(target);
    nftw(target, walk_one, 8, FTW_PHYS);
    char *lines[4096];
    size_t n = 0;
    for (char *p = out.p, *end; p && (end = strchr(p, '\n')) && n < HAUL_COUNT(lines); p = end + 1) {
        *end = 0;
        if (!with_times && strrchr(p, ' '))
            *strrchr(p, ' ') = 0;
        lines[n++] = p;
    }
    qsort(lines, n, sizeof(*lines), by_line);
    haul_str sorted = {0};
    for (size_t i = 0; i < n; i++)
        haul_str_addf(&sorted, "%s\n", lines[i]);
    haul_str_done(&out);
    return sorted.p ? sorted.p : strdup("");
}

Test(conformance, stopped_at_every_message_it_goes_on, .timeout = TESTING_SECONDS)
{
    const char *mbox = make_sample();
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_written(f))
            continue;
        run r = {0};
        const char *whole = target_path(f, "whole");
        convert(&r, mbox, whole, f);
        cr_assert_eq(r.rc, HAUL_OK, "%s: %s", f->name, r.err.text);
        char *want = picture(whole, false);
        for (unsigned at = 1; at < SAMPLE_MESSAGES; at++) {
            char name[16];
            snprintf(name, sizeof(name), "stop%u", at);
            const char *target = target_path(f, name);
            r = (run){.stop_after = at};
            convert(&r, mbox, target, f);
            cr_expect_eq(r.rc, HAUL_E_INTERRUPTED, "%s: %s", f->name, haul_rc_name(r.rc));
            cr_expect_eq(r.totals.stored, at);
            r = (run){0};
            convert(&r, mbox, target, f);
            cr_expect_eq(r.rc, HAUL_OK, "%s: %s", f->name, r.err.text);
            cr_expect_eq(r.totals.already_stored, at, "%s at %u", f->name, at);
            cr_expect_eq(r.totals.stored, SAMPLE_MESSAGES - at, "%s at %u", f->name, at);
            char *got = picture(target, false);
            cr_expect_str_eq(got, want, "%s stopped at %u", f->name, at);
            free(got);
            convert(&r, mbox, target, f);
            cr_expect_eq(r.totals.already_stored, SAMPLE_MESSAGES, "%s at %u", f->name, at);
            cr_expect_eq(r.totals.found, SAMPLE_MESSAGES);
        }
        free(want);
    }
}

Test(conformance, a_target_that_is_not_ours_is_refused_and_left_alone)
{
    const char *mbox = make_sample();
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_written(f))
            continue;
        run r = {0};
        bool file = f->sink->is_file && f->sink->is_file(target_path(f, "mine"), NULL);
        const char *target = target_path(f, "mine");
        testing_write(file ? target : testing_path("%s-mine/precious", f->name), "precious", 8);
        char *before = picture(target, true);
        convert(&r, mbox, target, f);
        cr_expect_eq(r.rc, HAUL_E_TARGET, "%s: %s", f->name, haul_rc_name(r.rc));
        cr_expect(strstr(r.err.text, "--merge"), "%s: %s", f->name, r.err.text);
        const char *sources[] = {mbox, NULL};
        haul_job dry = {.command = "convert", .sources = sources, .target = target, .to = f, .dry_run = true};
        cr_expect_eq(haul_convert(&dry, &r.totals, NULL, &r.err), HAUL_E_TARGET, "%s: a dry run", f->name);
        char *after = picture(target, true);
        cr_expect_str_eq(before, after, "%s", f->name);
        free(before);
        free(after);
    }
}

static bool adds_up(const haul_totals *t)
{
    return t->found == t->stored + t->filtered + t->duplicate + t->failed + t->already_stored;
}

/* A message too large for memory, and no place for it: the item at hand is counted, and comes next time. */
Test(conformance, a_run_that_breaks_adds_up_and_goes_on)
{
    haul_str big = {0};
    haul_str_addz(&big, sample);
    haul_str_addz(
        &big,
        "\n\nFrom zoe@example.org Wed May 28 10:00:00 2025\nFrom: Zoe <z@example.org>\nSubject: big\n\n");
    while (big.len < HAUL_SPOOL_MEMORY + 100000)
        haul_str_addz(&big, "a line of the large message, which has many of them\n");
    char mbox[4096];
    snprintf(mbox, sizeof(mbox), "%s", testing_path("big.mbox"));
    testing_write(mbox, big.p, big.len);
    haul_str_done(&big);
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_written(f))
            continue;
        run r = {0};
        const char *target = target_path(f, "broken");
        setenv("TMPDIR", "/nonexistent", 1);
        convert(&r, mbox, target, f);
        unsetenv("TMPDIR");
        cr_expect_eq(r.rc, HAUL_E_TARGET, "%s: %s", f->name, r.err.text);
        cr_expect_eq(r.totals.failed, 1, "%s", f->name);
        cr_expect(adds_up(&r.totals), "%s", f->name);
        r = (run){0};
        convert(&r, mbox, target, f);
        cr_expect_eq(r.rc, HAUL_OK, "%s: %s", f->name, r.err.text);
        cr_expect_eq(r.totals.stored, 1, "%s", f->name);
        cr_expect_eq(r.totals.already_stored, SAMPLE_MESSAGES, "%s", f->name);

        /* In one batch: what was not committed is not reported as stored. */
        const char *sources[] = {mbox, NULL};
        haul_job job = {.command = "convert", .sources = sources, .target = target_path(f, "batch"), .to = f};
        setenv("TMPDIR", "/nonexistent", 1);
        cr_expect_eq(haul_convert(&job, &r.totals, NULL, &r.err), HAUL_E_TARGET, "%s", f->name);
        unsetenv("TMPDIR");
        cr_expect_eq(r.totals.stored, 0, "%s", f->name);
        cr_expect_eq(r.totals.failed, SAMPLE_MESSAGES + 1, "%s", f->name);
        cr_expect(adds_up(&r.totals), "%s", f->name);
        cr_expect_eq(haul_convert(&job, &r.totals, NULL, &r.err), HAUL_OK, "%s: %s", f->name, r.err.text);
        cr_expect_eq(r.totals.stored, SAMPLE_MESSAGES + 1, "%s", f->name);
    }
}

/* Another target, or an emptied one, under the same state: nothing of the journal is there. */
Test(conformance, an_empty_target_has_nothing_already_stored)
{
    const char *mbox = make_sample();
    const char *sources[] = {mbox, NULL};
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        char state[4096];
        if (!is_written(f))
            continue;
        snprintf(state, sizeof(state), "%s", testing_path("%s-state", f->name));
        for (int turn = 0; turn < 2; turn++) {
            haul_totals totals = {0};
            haul_err e = {0};
            haul_job job = {.command = "convert",
                            .sources = sources,
                            .target = target_path(f, turn ? "second" : "first"),
                            .to = f,
                            .state_dir = state};
            haul_rc rc = haul_convert(&job, &totals, NULL, &e);
            cr_expect_eq(rc, turn ? HAUL_E_TARGET : HAUL_OK, "%s: %s", f->name, e.text);
            cr_expect_eq(totals.stored, turn ? 0 : SAMPLE_MESSAGES, "%s", f->name);
        }
    }
}

/* What is left out is left out, readable or not. */
Test(conformance, what_is_filtered_cannot_fail)
{
    static const char packed[] = "\x1f\x8b\x08\x00 not really packed";
    const char *not_folders[] = {"Trash", NULL};
    testing_write(testing_path("mail/Inbox/1.eml"), "From: a@b\nSubject: x\n\nx\n", 24);
    testing_write(testing_path("mail/Trash/2.eml"), packed, sizeof(packed) - 1);
    const char *sources[] = {testing_path("mail"), NULL};
    haul_totals t = {0};
    haul_err e = {0};
    size_t any = 0;
    while (!is_written(haul_formats[any]))
        any++;
    haul_job job = {.command = "convert",
                    .sources = sources,
                    .target = testing_path("filtered"),
                    .to = haul_formats[any],
                    .filter = {.not_folders = not_folders}};
    cr_expect_eq(haul_convert(&job, &t, NULL, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(t.failed, 0);
    cr_expect_eq(t.filtered, 1);
    cr_expect(adds_up(&t));
}

Test(conformance, dry_run_writes_nothing)
{
    const char *mbox = make_sample();
    const char *sources[] = {mbox, NULL};
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_written(f))
            continue;
        haul_totals totals = {0};
        haul_err e = {0};
        const char *target = target_path(f, "dry");
        haul_job job = {.command = "convert", .sources = sources, .target = target, .to = f, .dry_run = true};
        cr_expect_eq(haul_convert(&job, &totals, NULL, &e), HAUL_OK, "%s: %s", f->name, e.text);
        cr_expect_eq(totals.stored, SAMPLE_MESSAGES);
        cr_expect_neq(access(target, F_OK), 0, "%s", target);
    }
}

Test(conformance, duplicates_are_named_not_stored)
{
    const char *mbox = make_sample();
    const char *sources[] = {mbox, NULL};
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        if (!is_written(f))
            continue;
        haul_totals t = {0};
        haul_err e = {0};
        haul_job job = {.command = "convert",
                        .sources = sources,
                        .target = target_path(f, "dedupe"),
                        .to = f,
                        .dedupe = true};
        cr_expect_eq(haul_convert(&job, &t, NULL, &e), HAUL_OK, "%s: %s", f->name, e.text);
        cr_expect_eq(t.duplicate, 1, "%s", f->name);
        cr_expect_eq(t.found, t.stored + t.filtered + t.duplicate + t.failed + t.already_stored);
    }
}

Test(conformance, a_tree_of_several_formats_is_read_file_by_file_once)
{
    static const char eml[] =
        "From: Zoe <z@example.org>\nSubject: alone\nDate: Fri, 23 May 2025 18:35:53 +0200\n\nHi\n";
    static const char mbox_like[] =
        "From zoe@example.org Fri May 23 16:35:53 2025\nFrom: Zoe <z@example.org>\n"
        "Subject: kept with its From_ line\n\nFrom here on one message\n";
    haul_totals t = {0};
    haul_err e = {0};
    char root[4096], target[4096];
    snprintf(root, sizeof(root), "%s", testing_path("mixed"));
    snprintf(target, sizeof(target), "%s", testing_path("mixed.jsonl"));
    testing_write(testing_path("mixed/a.mbox"), sample, sizeof(sample) - 1);
    testing_write(testing_path("mixed/b.eml"), eml, sizeof(eml) - 1);
    testing_write(testing_path("mixed/sub/c"), eml, sizeof(eml) - 1);
    testing_write(testing_path("mixed/sub/d.eml"), mbox_like, sizeof(mbox_like) - 1);
    testing_write(testing_path("mixed/sub/e"), sample, sizeof(sample) - 1);
    testing_write(testing_path("mixed/sub/picture.jpg"), "\xff\xd8\xff\xe0\0\0", 6);
    testing_write(testing_path("mixed/sub/old.msg"), "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
    testing_write(testing_path("mixed/md/cur/1.2.3:2,FS"), eml, sizeof(eml) - 1);
    testing_write(testing_path("mixed/md/new/2.2.3"), eml, sizeof(eml) - 1);
    const char *sources[] = {root, NULL};
    haul_job job = {
        .command = "convert", .sources = sources, .target = target, .to = haul_format_find("dump")};
    json_t *report = NULL;
    cr_expect_eq(haul_convert(&job, &t, &report, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(t.found, 2 * SAMPLE_MESSAGES + 5);
    char *lines = testing_read(target, NULL);
    cr_expect(strstr(lines, "\"flags\":\"seen flagged\""), "the names of a Maildir say flags");
    free(lines);
    cr_expect_eq(t.stored, t.found);
    cr_expect_eq(t.issues[HAUL_ISSUE_SOURCE_ENTRY_SKIPPED], 2,
                 "the picture, and a kind of mail that is not read");
    char *said = json_dumps(json_object_get(report, "notices"), JSON_COMPACT);
    cr_expect(strstr(said, "old.msg: an OLE file"), "%s", said);
    free(said);
    const char *format =
        json_string_value(json_object_get(json_array_get(json_object_get(report, "sources"), 0), "format"));
    cr_expect(format && strchr(format, '+'), "%s", format);
    json_decref(report);
    job.from = haul_format_find("eml");
    job.target = testing_path("only.jsonl");
    cr_expect_eq(haul_convert(&job, &t, NULL, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(t.found, 7, "a chosen reader judges every file");
}

/* What a tree holds, into ROOT.jsonl beside it; the report is the caller's. */
static json_t *dumped(const char *root, haul_totals *ret)
{
    char target[4096];
    snprintf(target, sizeof(target), "%s.jsonl", root);
    const char *sources[] = {root, NULL};
    haul_job job = {
        .command = "convert", .sources = sources, .target = target, .to = haul_format_find("dump")};
    haul_err e = {0};
    json_t *report = NULL;
    cr_expect_eq(haul_convert(&job, ret, &report, &e), HAUL_OK, "%s", e.text);
    return report;
}

/* "new" and "cur" are words, too. Names of files: NUL at the end. */
Test(conformance, a_folder_called_as_a_maildir_calls_its_own_is_a_folder)
{
    static const char eml[] =
        "From: Zoe <z@example.org>\nSubject: alone\nDate: Fri, 23 May 2025 18:35:53 +0200\n\nHi\n";
    static const struct {
        const char *format, *files[6];
        size_t found;
    } rows[] = {
        {"eml", {"Mail/new/a.eml", "Mail/old/b.eml", "Mail/old/c.eml"}, 3},
        {"eml", {"new/a.eml", "old/b.eml"}, 2},
        {"eml", {"cur/a.eml", "old/b.eml"}, 2},
        {"eml", {"inbox/1", "inbox/2", "new/1", "new/2"}, 4},
        {"mbox", {"inbox.mbox", "new/2019.mbox", "new/2020.mbox"}, 3 * SAMPLE_MESSAGES},
        {"maildir", {"md/cur/1748018153.1.host:2,S", "other/new/1748018153.2.host"}, 2},
        {"maildir", {"new/1748018153.1.host"}, 1},
        {"maildir", {"cur/odd:2,S"}, 1},
        {"maildir", {"cur/1.eml", "tmp/x"}, 1},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        bool mbox = strcmp(rows[i].format, "mbox") == 0;
        char root[4000], path[4096];
        snprintf(path, sizeof(path), "called%zu", i);
        snprintf(root, sizeof(root), "%s", testing_path("%s", path));
        for (size_t k = 0; k < HAUL_COUNT(rows[i].files) && rows[i].files[k]; k++) {
            snprintf(path, sizeof(path), "%s/%s", root, rows[i].files[k]);
            testing_write(path, mbox ? sample : eml, mbox ? sizeof(sample) - 1 : sizeof(eml) - 1);
        }
        haul_totals t = {0};
        json_t *report = dumped(root, &t);
        cr_expect_eq(t.stored, rows[i].found, "%zu: %llu", i, (unsigned long long)t.stored);
        const char *format = json_string_value(
            json_object_get(json_array_get(json_object_get(report, "sources"), 0), "format"));
        cr_expect_str_eq(format, rows[i].format, "%zu", i);
        json_decref(report);
    }
}

Test(conformance, a_bundle_of_apple_mail_is_the_same_folder_alone_and_in_a_directory)
{
    static const char emlx[] = "39        \nFrom: z@example.org\nSubject: alone\n\nHi.\n";
    static const struct {
        const char *file, *more;
        bool mbox;
    } rows[] = {{"Projects.mbox/mbox", "Projects.mbox/table_of_contents", true},
                {"Projects.mbox/Messages/1.emlx", "Projects.mbox/Info.plist", false}};
    for (size_t i = 0; i < 2 * HAUL_COUNT(rows); i++) {
        char root[4000];
        snprintf(root, sizeof(root), "%s", testing_path("bundle%zu", i));
        bool mbox = rows[i / 2].mbox;
        testing_write(testing_path("bundle%zu/%s", i, rows[i / 2].file), mbox ? sample : emlx,
                      mbox ? sizeof(sample) - 1 : sizeof(emlx) - 1);
        testing_write(testing_path("bundle%zu/%s", i, rows[i / 2].more), "", 0);
        if (i % 2)
            snprintf(root, sizeof(root), "%s", testing_path("bundle%zu/Projects.mbox", i));
        haul_totals t = {0};
        json_t *report = dumped(root, &t);
        json_t *folder = json_array_get(json_object_get(report, "folders"), 0);
        cr_expect_str_eq(json_string_value(json_object_get(folder, "path")), "Projects", "%zu", i);
        cr_expect_eq(t.stored, mbox ? SAMPLE_MESSAGES : 1, "%zu", i);
        cr_expect_eq(json_array_size(json_object_get(report, "folders")), 1, "%zu", i);
        json_decref(report);
    }
}

/* Ids hang on the names of sources: what else a run reads must not change them. */
Test(conformance, a_source_keeps_its_name_whatever_else_is_read)
{
    char a[4096], b[4096];
    snprintf(a, sizeof(a), "%s", testing_path("a/box.mbox"));
    snprintf(b, sizeof(b), "%s", testing_path("b/box.mbox"));
    testing_write(a, sample, sizeof(sample) - 1);
    testing_write(b, sample, sizeof(sample) - 1);
    const char *both[] = {a, b, NULL}, *only_b[] = {b, NULL}, *turned[] = {b, a, NULL};
    const char *const *runs[] = {both, only_b, turned};
    static const uint64_t stored[] = {2 * SAMPLE_MESSAGES, 0, 0};
    for (size_t i = 0; haul_formats[i]; i++)
        for (size_t k = 0; is_written(haul_formats[i]) && k < HAUL_COUNT(runs); k++) {
            haul_totals t = {0};
            haul_err e = {0};
            haul_job job = {.command = "convert",
                            .sources = runs[k],
                            .target = target_path(haul_formats[i], "names"),
                            .to = haul_formats[i]};
            cr_expect_eq(haul_convert(&job, &t, NULL, &e), HAUL_OK, "%s", e.text);
            cr_expect_eq(t.stored, stored[k], "%s, run %zu: %llu", haul_formats[i]->name, k,
                         (unsigned long long)t.stored);
            if (!haul_formats[i]->reader)
                continue;
            haul_job check = {.command = "verify", .target = job.target, .sources = both};
            cr_expect_eq(haul_verify(&check, NULL, &e), HAUL_OK, "%s, run %zu: %s", haul_formats[i]->name, k,
                         e.text);
        }
}

Test(conformance, a_message_that_was_never_stored_is_missed_although_its_twin_was)
{
    const char *mbox = make_sample();
    run r = {0};
    const haul_format *f = haul_format_find("eml");
    const char *target = target_path(f, "twins");
    convert(&r, mbox, target, f);
    haul_auto_str grown = {0};
    haul_str_add(&grown, sample, sizeof(sample) - 1);
    haul_str_addz(&grown,
                  "\n\nFrom dave@example.org Mon May 26 10:00:00 2025\nFrom: Dave <dave@example.org>\n"
                  "Subject: CON\n\nthe same subject as a device\n\n");
    testing_write(mbox, grown.p, grown.len);
    const char *sources[] = {mbox, NULL};
    haul_err e = {0};
    haul_job check = {.command = "verify", .target = target, .sources = sources};
    cr_expect_eq(haul_verify(&check, NULL, &e), HAUL_E_DIFFERS, "%s", e.text);
}

Test(conformance, a_foreign_target_cannot_say_where_the_record_goes)
{
    const char *mbox = make_sample();
    const char *sources[] = {mbox, NULL};
    const haul_format *f = haul_format_find("eml");
    char target[4096], away[4096], link[4100];
    snprintf(target, sizeof(target), "%s", testing_path("linked"));
    snprintf(away, sizeof(away), "%s", testing_path("away"));
    snprintf(link, sizeof(link), "%s", testing_path("linked/.mailhaul"));
    testing_write(testing_path("linked/old.eml"), "From: a@b\n\nx\n", 13);
    testing_write(testing_path("away/items.jsonl"), "precious", 8);
    cr_assert_eq(symlink(away, link), 0);
    haul_totals t = {0};
    haul_err e = {0};
    haul_job job = {.command = "convert", .sources = sources, .target = target, .to = f, .merge = true};
    cr_expect_eq(haul_convert(&job, &t, NULL, &e), HAUL_E_TARGET, "%s", e.text);
    char *kept = testing_read(testing_path("away/items.jsonl"), NULL);
    cr_expect_str_eq(kept, "precious");
    free(kept);
}
