#define _GNU_SOURCE
#define ZLIB_CONST
#include "io/atomic.h"
#include "io/eol.h"
#include "io/in.h"
#include "io/spool.h"
#include "testing.h"

#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* ── helpers ── */

static uint32_t lcg = 1;

static uint32_t roll(uint32_t n)
{
    lcg = lcg * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)lcg * n >> 32);
}

/* Mail-like octets with many of the ones that matter. */
static void fill_random(char *p, size_t n)
{
    static const char octets[] = "\r\r\n\n\0\xe4xyz ";
    uint32_t density = 2 + roll(40);
    for (size_t i = 0; i < n; i++)
        p[i] = roll(density) ? 'a' : octets[roll(10)];
}

typedef struct memory_out {
    haul_out out;
    haul_str text;
} memory_out;

static haul_rc memory_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((memory_out *)o)->text, p, n);
    return HAUL_OK;
}

/* ── the spool, against a second, naive implementation ── */

static void naive_eol(haul_str *to, const char *p, size_t n, haul_eol eol)
{
    for (size_t i = 0; i < n; i++) {
        bool before_lf = i + 1 < n && p[i + 1] == '\n', after_cr = i > 0 && p[i - 1] == '\r';
        if (eol == HAUL_EOL_LF && p[i] == '\r' && before_lf)
            continue;
        if (eol == HAUL_EOL_CRLF && p[i] == '\n' && !after_cr)
            haul_str_addc(to, '\r');
        haul_str_addc(to, p[i]);
    }
}

static haul_spool_facts naive_facts(const char *p, size_t n)
{
    haul_spool_facts f = {.size = n, .final_eol = n == 0 || p[n - 1] == '\n'};
    for (size_t i = 0; i < n; i++) {
        bool cr1 = i > 0 && p[i - 1] == '\r', cr2 = i > 1 && p[i - 2] == '\r';
        f.lf += p[i] == '\n' && !cr1;
        f.crlf += p[i] == '\n' && cr1;
        f.cr_crlf += p[i] == '\n' && cr1 && cr2;
        f.bare_cr += p[i] == '\r' && !(i + 1 < n && p[i + 1] == '\n');
        f.nul += p[i] == '\0';
        f.eight_bit |= (unsigned char)p[i] > 127;
    }
    haul_auto_str canonical = {0};
    haul_auto(haul_sha256) *h = haul_sha256_new();
    naive_eol(&canonical, p, n, HAUL_EOL_CRLF);
    haul_sha256_update(h, haul_strz(&canonical), canonical.len);
    haul_sha256_final(h, f.sha256);
    return f;
}

static bool same_facts(const haul_spool_facts *a, const haul_spool_facts *b)
{
    return a->size == b->size && a->lf == b->lf && a->crlf == b->crlf && a->bare_cr == b->bare_cr &&
           a->cr_crlf == b->cr_crlf && a->nul == b->nul && a->eight_bit == b->eight_bit &&
           a->final_eol == b->final_eol && memcmp(a->sha256, b->sha256, HAUL_SHA256_LEN) == 0;
}

static void push(haul_spool *s, const char *p, size_t n)
{
    cr_assert_eq(haul_out_write(haul_spool_out(s), p, n, NULL), HAUL_OK);
}

/* Freeze; facts and the three copies must be what the naive code says. */
static void check_spool(haul_spool *s, const char *p, size_t n, const haul_spool_facts *expected)
{
    static const haul_eol all[] = {HAUL_EOL_KEEP, HAUL_EOL_LF, HAUL_EOL_CRLF};
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    cr_assert(same_facts(haul_spool_get_facts(s), expected));
    for (size_t i = 0; i < HAUL_COUNT(all); i++) {
        memory_out got = {.out = {.write = memory_write}};
        haul_auto_str want = {0};
        naive_eol(&want, p, n, all[i]);
        cr_assert_eq(haul_spool_copy(s, all[i], &got.out, NULL), HAUL_OK);
        cr_assert_eq(got.text.len, want.len, "eol %d of %zu octets", (int)all[i], n);
        cr_assert_eq(memcmp(haul_strz(&got.text), haul_strz(&want), want.len), 0);
        cr_assert_eq(haul_eol_size(expected, all[i]), want.len);
        haul_str_done(&got.text);
    }
}

Test(spool, every_split_of_short_bodies)
{
    haul_auto(haul_spool) *s = haul_spool_new(true);
    char body[200];
    for (unsigned round = 0; round < 60; round++) {
        size_t n = roll(round < 30 ? 12 : sizeof(body));
        fill_random(body, n);
        haul_spool_facts expected = naive_facts(body, n);
        for (size_t at = 0; at <= n; at++) {
            haul_spool_reset(s);
            push(s, body, at);
            push(s, body + at, n - at);
            check_spool(s, body, n, &expected);
        }
        haul_spool_reset(s);
        for (size_t i = 0; i < n; i++)
            push(s, body + i, 1);
        check_spool(s, body, n, &expected);
    }
}

Test(spool, random_splits_of_long_bodies)
{
    haul_auto(haul_spool) *s = haul_spool_new(true);
    size_t cap = 300 * 1000;
    char *body = malloc(cap);
    for (unsigned round = 0; round < 40; round++) {
        size_t n = roll((uint32_t)cap), max = 1 + roll(round % 2 ? 200 : 200000);
        fill_random(body, n);
        haul_spool_facts expected = naive_facts(body, n);
        haul_spool_reset(s);
        for (size_t at = 0, step; at < n; at += step) {
            step = 1 + roll((uint32_t)max);
            step = step < n - at ? step : n - at;
            push(s, body + at, step);
        }
        check_spool(s, body, n, &expected);
    }
    free(body);
}

/* Line ends that lie on the seam between memory and file. */
Test(spool, bodies_larger_than_memory)
{
    haul_auto(haul_spool) *s = haul_spool_new(true);
    size_t n = HAUL_SPOOL_MEMORY + 700 * 1000;
    char *body = malloc(n);
    for (int seam = 0; seam < 3; seam++) {
        memset(body, 'x', n);
        for (size_t i = 70; i < n; i += 71)
            body[i] = '\n';
        memcpy(body + HAUL_SPOOL_MEMORY - seam, "\r\n", 2);
        body[n - 1] = '\r';
        haul_spool_facts expected = naive_facts(body, n);
        haul_spool_reset(s);
        for (size_t at = 0; at < n; at += 100000)
            push(s, body + at, n - at < 100000 ? n - at : 100000);
        check_spool(s, body, n, &expected);
        const char *head;
        size_t head_n;
        cr_assert_eq(haul_spool_head(s, 1024 * 1024, &head, &head_n, NULL), HAUL_OK);
        cr_expect_eq(head_n, 1024 * 1024);
        cr_expect_eq(memcmp(head, body, head_n), 0);
        const char *path = testing_path("copy");
        haul_auto_fd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_eq(haul_spool_to_fd(s, HAUL_EOL_KEEP, fd, path, NULL), HAUL_OK);
        size_t read_n = 0;
        char *back = testing_read(path, &read_n);
        cr_expect(read_n == n && memcmp(back, body, n) == 0);
        free(back);
    }
    free(body);
}

/* sha256sum over the same octets with CRLF line ends. */
/* Octets of the mapping that begins at p which are in memory, by /proc/self/smaps. */
static size_t resident_at(const char *p)
{
    char line[512], start[32];
    size_t kb = SIZE_MAX;
    bool ours = false;
    (void)snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)p);
    FILE *f = fopen("/proc/self/smaps", "r");
    cr_assert_not_null(f);
    while (kb == SIZE_MAX && fgets(line, sizeof(line), f)) {
        ours |= strncmp(line, start, strlen(start)) == 0;
        if (ours && strncmp(line, "Rss:", 4) == 0)
            kb = strtoul(line + 4, NULL, 10);
    }
    fclose(f);
    cr_assert_neq(kb, SIZE_MAX, "no mapping at %s", start);
    return kb * 1024;
}

Test(spool, what_was_looked_at_leaves_memory)
{
    haul_auto(haul_spool) *s = haul_spool_new(false);
    size_t step = 300001, n; /* in the middle of pages, and of what comes with them */
    char *piece = calloc(1, 1 << 20);
    for (unsigned i = 0; i < 48; i++)
        push(s, piece, 1 << 20);
    free(piece);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    const char *p;
    unsigned sum = 0;
    cr_assert_eq(haul_spool_map(s, &p, &n, NULL), HAUL_OK);
    for (size_t at = 0; at < n; at += step) {
        for (size_t i = at; i < n && i < at + step; i += 64)
            sum += (unsigned char)p[i];
        haul_spool_let_go(s, p + at, step < n - at ? step : n - at);
    }
    cr_assert_eq(sum, 0);
    size_t left = resident_at(p + HAUL_SPOOL_MEMORY);
    cr_assert_leq(left, 256 * 1024, "%zu octets", left);
    for (size_t i = 0; i < n; i += 4096)
        sum += (unsigned char)p[i];
    cr_assert_eq(sum, 0, "they come back");
}

Test(spool, digest_of_the_canonical_form)
{
    static const char *const bodies[] = {"Subject: x\n\nbody\n", "Subject: x\r\n\r\nbody\r\n",
                                         "Subject: x\n\r\nbody\r\n"};
    haul_auto(haul_spool) *s = haul_spool_new(true);
    for (size_t i = 0; i < HAUL_COUNT(bodies); i++) {
        char hex[HAUL_SHA256_HEX];
        haul_spool_reset(s);
        push(s, bodies[i], strlen(bodies[i]));
        cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
        haul_hex(hex, haul_spool_get_facts(s)->sha256, HAUL_SHA256_LEN);
        cr_expect_str_eq(hex, "94aa02c65e3473d1c7d53430c4fd2b49d6b8cbc875139d1b4b248e6a8243bf38", "body %zu",
                         i);
    }
    haul_spool_reset(s);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, haul_spool_get_facts(s)->sha256, HAUL_SHA256_LEN);
    cr_expect_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* A body given up half-way leaves nothing behind, in memory, file or digest. */
Test(spool, reset_forgets_everything)
{
    haul_auto(haul_spool) *s = haul_spool_new(true), *facts_only = haul_spool_new(false);
    static char junk[HAUL_SPOOL_MEMORY + 100000];
    memset(junk, '\r', sizeof(junk));
    push(s, junk, sizeof(junk));
    haul_spool_reset(s);
    haul_spool_facts expected = naive_facts("\na\n", 3);
    push(s, "\na\n", 3);
    check_spool(s, "\na\n", 3, &expected);
    push(facts_only, "\r\r\n", 3);
    cr_assert_eq(haul_spool_freeze(facts_only, NULL), HAUL_OK);
    cr_expect_eq(haul_spool_get_facts(facts_only)->cr_crlf, 1);
    cr_expect_eq(haul_spool_get_facts(facts_only)->sha256[0], 0);
}

Test(spool, which_line_ends_a_copy_gets)
{
    haul_spool_facts lf = {.size = 9, .lf = 2}, crlf = {.size = 9, .crlf = 2};
    haul_spool_facts odd = {.size = 9, .crlf = 2, .cr_crlf = 1, .bare_cr = 1},
                     mixed = {.size = 9, .lf = 1, .crlf = 1};
    cr_expect_eq(haul_eol_for(&lf, HAUL_EOL_LF), HAUL_EOL_KEEP);
    cr_expect_eq(haul_eol_for(&lf, HAUL_EOL_CRLF), HAUL_EOL_CRLF);
    cr_expect_eq(haul_eol_for(&crlf, HAUL_EOL_LF), HAUL_EOL_LF);
    cr_expect_eq(haul_eol_for(&crlf, HAUL_EOL_CRLF), HAUL_EOL_KEEP);
    cr_expect_eq(haul_eol_for(&odd, HAUL_EOL_LF), HAUL_EOL_KEEP, "CR CR LF would become CR LF");
    cr_expect_eq(haul_eol_for(&mixed, HAUL_EOL_LF), HAUL_EOL_LF);
    cr_expect_eq(haul_eol_for(&mixed, HAUL_EOL_CRLF), HAUL_EOL_CRLF);
    cr_expect_eq(haul_eol_for(&mixed, HAUL_EOL_KEEP), HAUL_EOL_KEEP);
}

static haul_rc full_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o, (void)p, (void)n;
    return haul_fail(e, HAUL_E_TARGET, "full");
}

Test(spool, a_failing_target_is_told)
{
    haul_auto(haul_spool) *s = haul_spool_new(true);
    haul_out full = {.write = full_write};
    haul_err e;
    push(s, "a\r\nb\n", 5);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    for (int eol = HAUL_EOL_KEEP; eol <= HAUL_EOL_CRLF; eol++)
        cr_expect_eq(haul_spool_copy(s, (haul_eol)eol, &full, &e), HAUL_E_TARGET);
    haul_auto_fd int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_expect_eq(haul_spool_to_fd(s, HAUL_EOL_KEEP, fd, "/dev/full", &e), HAUL_E_TARGET);
    cr_expect_str_eq(e.text, "writing /dev/full: No space left on device");
}

/* ── files out ── */

Test(out, buffered_file)
{
    const char *path = testing_path("out");
    haul_file f;
    haul_auto_str want = {0};
    haul_file_init(&f, open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0, path);
    for (unsigned i = 0; i < 400; i++) {
        static char piece[HAUL_OUT_BUFFER + 5];
        size_t n = i % 50 == 49 ? sizeof(piece) - i % 10 : roll(3000);
        memset(piece, (int)('a' + i % 26), n);
        cr_assert_eq(haul_out_write(&f.out, piece, n, NULL), HAUL_OK);
        haul_str_add(&want, piece, n);
        cr_assert_eq(f.offset, want.len);
    }
    cr_assert_eq(haul_file_close(&f, NULL), HAUL_OK);
    size_t n = 0;
    char *back = testing_read(path, &n);
    cr_expect(n == want.len && memcmp(back, want.p, n) == 0);
    free(back);
}

Test(out, full_disk_is_told)
{
    haul_err e;
    haul_file f;
    haul_file_init(&f, open("/dev/full", O_WRONLY | O_CLOEXEC), 0, "/dev/full");
    cr_expect_eq(haul_out_write(&f.out, "x", 1, &e), HAUL_OK);
    cr_expect_eq(haul_file_close(&f, &e), HAUL_E_TARGET);
    cr_expect_eq(e.sys, ENOSPC);
    haul_file_done(&f);
}

/* ── octets in ── */

/* All octets of in, through peeks of many sizes. */
static void drain(haul_in *in, haul_str *to, size_t want)
{
    for (;;) {
        const char *p;
        size_t n;
        cr_assert_eq(haul_in_peek(in, want, &p, &n, NULL), HAUL_OK);
        cr_assert_eq(haul_in_offset(in), to->len);
        if (n == 0)
            return;
        size_t take = n < want ? n : 1 + roll((uint32_t)n);
        haul_str_add(to, p, take);
        haul_in_consume(in, take);
    }
}

Test(in, memory_in_every_step)
{
    char data[2000];
    fill_random(data, sizeof(data));
    static const size_t steps[] = {0, 1, 2, 7, 1999, 5000}, wants[] = {1, 2, 100, 2000, 3000};
    for (size_t i = 0; i < HAUL_COUNT(steps); i++)
        for (size_t k = 0; k < HAUL_COUNT(wants); k++) {
            haul_auto(haul_in) *in = haul_in_from_mem(data, sizeof(data), steps[i]);
            haul_auto_str got = {0};
            drain(in, &got, wants[k]);
            cr_expect(got.len == sizeof(data) && memcmp(got.p, data, sizeof(data)) == 0);
        }
    haul_auto(haul_in) *one = haul_in_from_mem("abc", 3, 1);
    const char *p;
    size_t n;
    cr_assert_eq(haul_in_peek(one, 2, &p, &n, NULL), HAUL_OK);
    cr_expect_eq(n, 2, "not more than was asked for, one at a time");
    haul_auto(haul_in) *none = haul_in_from_mem("", 0, 0);
    cr_assert_eq(haul_in_peek(none, 1, &p, &n, NULL), HAUL_OK);
    cr_expect_eq(n, 0);
}

Test(in, files_and_reuse)
{
    size_t size = 3 * HAUL_IN_CHUNK + 77;
    char *data = malloc(size);
    fill_random(data, size);
    haul_in *in = NULL;
    static const size_t wants[] = {1, 3000, HAUL_IN_CHUNK, 2 * HAUL_IN_CHUNK + 1, 100 * 1000 * 1000};
    for (size_t i = 0; i < HAUL_COUNT(wants); i++)
        for (size_t n = size; n > 0; n /= 50) {
            const char *path = testing_path("in");
            testing_write(path, data, n);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            haul_auto_str got = {0};
            if (in)
                haul_in_reopen_fd(in, fd);
            else
                in = haul_in_from_fd(fd, path);
            haul_in_describe(in, path, i % 2 ? n : n / 2); /* a file may grow after fstat */
            drain(in, &got, wants[i]);
            cr_expect(got.len == n && memcmp(got.p, data, n) == 0, "want %zu of %zu", wants[i], n);
        }
    haul_in_close(in);
    free(data);
}

static ssize_t failing_read(void *ctx, void *to, size_t n, haul_err *e)
{
    size_t *left = ctx;
    if (*left == 0)
        return haul_fail(e, HAUL_E_SOURCE, "broken here");
    n = n < *left ? n : *left;
    memset(to, 'x', n);
    *left -= n;
    return (ssize_t)n;
}

Test(in, failure_is_told_again_and_what_came_before_is_kept)
{
    size_t left = 10;
    haul_auto(haul_in) *in = haul_in_new((haul_feed){.read = failing_read, .ctx = &left});
    const char *p;
    size_t n;
    haul_err e;
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(haul_in_peek(in, 11, &p, &n, &e), HAUL_E_SOURCE);
        cr_expect_str_eq(e.text, "broken here");
    }
    cr_expect_eq(haul_in_peek(in, 10, &p, &n, &e), HAUL_OK);
    cr_expect_eq(n, 10);
    haul_in_consume(in, 10);
    cr_expect_eq(haul_in_peek(in, 1, &p, &n, NULL), HAUL_E_SOURCE);
}

Test(in, a_directory_cannot_be_read)
{
    haul_auto(haul_in) *in = haul_in_from_fd(open("/", O_RDONLY | O_CLOEXEC), "/");
    haul_err e;
    const char *p;
    size_t n;
    cr_expect_eq(haul_in_peek(in, 1, &p, &n, &e), HAUL_E_SOURCE);
    cr_expect_str_eq(e.text, "reading /: Is a directory");
}

/* ── compressed data ── */

/* gzip (zlib) of n octets, appended to `to`. */
static void gzip_member(haul_str *to, const void *p, size_t n)
{
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    haul_str_room(to, deflateBound(&z, n));
    z.next_in = (const Bytef *)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)to->p + to->len;
    z.avail_out = (uInt)(to->cap - to->len);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->len += z.total_out;
    (void)deflateEnd(&z);
}

/* One compressed stream made by libarchive's own writer. */
static void pack(haul_str *to, int filter, const void *p, size_t n)
{
    struct archive *a = archive_write_new();
    size_t used = 0, cap = n + n / 10 + 65536;
    cr_assert_eq(archive_write_add_filter(a, filter), ARCHIVE_OK);
    cr_assert_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
    cr_assert_eq(archive_write_set_bytes_per_block(a, 0), ARCHIVE_OK);
    haul_str_room(to, cap);
    cr_assert_eq(archive_write_open_memory(a, to->p + to->len, cap, &used), ARCHIVE_OK);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
    cr_assert_eq(archive_write_data(a, p, n), (la_ssize_t)n);
    cr_assert_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(a);
    to->len += used;
}

/* Unpack by content. Returns false when it fails, after having shown how much came before. */
static bool unpack(const haul_str *packed, size_t step, haul_str *ret, haul_err *e)
{
    haul_auto(haul_in) *in = NULL;
    if (haul_in_auto(haul_in_from_mem(haul_strz(packed), packed->len, step), &in, e) != HAUL_OK)
        return false;
    for (;;) {
        const char *p;
        size_t n;
        if (haul_in_peek(in, 1, &p, &n, e) != HAUL_OK)
            return false;
        if (n == 0)
            return true;
        haul_str_add(ret, p, n);
        haul_in_consume(in, n);
    }
}

static const int FILTERS[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ,
                              ARCHIVE_FILTER_BZIP2};

Test(unpack, whole_and_several_streams)
{
    size_t size = 700 * 1000;
    char *data = malloc(size);
    fill_random(data, size);
    for (size_t i = 0; i < HAUL_COUNT(FILTERS); i++)
        for (size_t step = 0; step <= 4097; step = step * 64 + 1) {
            haul_auto_str packed = {0}, got = {0};
            haul_err e = {0};
            pack(&packed, FILTERS[i], data, 1000);
            pack(&packed, FILTERS[i], data + 1000, size - 1000);
            cr_expect(unpack(&packed, step, &got, &e), "filter %d step %zu: %s", FILTERS[i], step, e.text);
            cr_expect(got.len == size && memcmp(got.p, data, size) == 0, "filter %d: %zu", FILTERS[i],
                      got.len);
        }
    free(data);
}

Test(unpack, truncation_is_told_at_every_length)
{
    char data[3000];
    fill_random(data, sizeof(data));
    for (size_t i = 0; i < HAUL_COUNT(FILTERS); i++) {
        haul_auto_str packed = {0};
        pack(&packed, FILTERS[i], data, sizeof(data));
        for (size_t n = 10; n < packed.len; n++) {
            haul_str cut = {.p = packed.p, .len = n};
            haul_auto_str got = {0};
            haul_err e = {0};
            cr_expect_not(unpack(&cut, 0, &got, &e), "filter %d: %zu of %zu octets", FILTERS[i], n,
                          packed.len);
            cr_expect(got.len <= sizeof(data) && memcmp(haul_strz(&got), data, got.len) == 0);
            cr_expect_neq(e.text[0], '\0');
        }
    }
}

Test(unpack, flipped_octets_never_crash)
{
    char data[3000];
    fill_random(data, sizeof(data));
    for (size_t i = 0; i < HAUL_COUNT(FILTERS); i++) {
        haul_auto_str packed = {0};
        size_t refused = 0;
        pack(&packed, FILTERS[i], data, sizeof(data));
        for (size_t at = 0; at < packed.len; at++) {
            haul_auto_str got = {0};
            haul_err e = {0};
            packed.p[at] ^= 0x41;
            refused += !unpack(&packed, 0, &got, &e);
            packed.p[at] ^= 0x41;
        }
        cr_expect_gt(refused, packed.len / 2, "filter %d: checksums find damage", FILTERS[i]);
    }
}

typedef struct tail_row {
    const char *tail;
    size_t n;
    bool ok;
} tail_row;

Test(unpack, what_may_follow_a_gzip_member)
{
    static const tail_row rows[] = {{"", 0, true},     {"\0\0\0\0", 4, true}, {"\0", 1, true},
                                    {"x", 1, false},   {"\0\0x", 3, false},   {"\x1f\x8b", 2, false},
                                    {"\x1f", 1, false}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (size_t step = 0; step < 2; step++) {
            haul_auto_str packed = {0}, got = {0};
            haul_err e = {0};
            gzip_member(&packed, "hello ", 6);
            gzip_member(&packed, "", 0);
            gzip_member(&packed, "world", 5);
            haul_str_add(&packed, rows[i].tail, rows[i].n);
            cr_expect_eq(unpack(&packed, step, &got, &e), rows[i].ok, "row %zu: %s", i, e.text);
            cr_expect_str_eq(haul_strz(&got), "hello world", "row %zu", i);
        }
    haul_auto_str hidden = {0}, got = {0};
    gzip_member(&hidden, "a", 1);
    haul_str_add(&hidden, "\0", 1);
    gzip_member(&hidden, "b", 1);
    cr_expect_not(unpack(&hidden, 0, &got, NULL), "a member behind padding is not passed over in silence");
}

Test(unpack, text_is_left_alone)
{
    static const char *const texts[] = {"",
                                        "B",
                                        "BZh9 is how some mail begins",
                                        "From a@b Thu Jan  1 00:00:00 1970\n",
                                        "\x1f\x8b",
                                        "PK\3\4",
                                        "(\xb5/ and more",
                                        "\xfd"
                                        "7zX and more"};
    for (size_t i = 0; i < HAUL_COUNT(texts); i++) {
        haul_auto_str got = {0}, in = {0};
        haul_str_addz(&in, texts[i]);
        cr_expect(unpack(&in, 1, &got, NULL));
        cr_expect_str_eq(haul_strz(&got), texts[i]);
    }
}

/* ── files that appear whole ── */

static int open_test_dir(void)
{
    return open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

Test(atomic, directories_stay_below_their_root)
{
    haul_auto_fd int top = open_test_dir();
    haul_err e;
    for (int i = 0; i < 2; i++) { /* made, then found */
        haul_auto_fd int fd = -1;
        cr_assert_eq(haul_dir_make(top, "a/b/c", &fd, &e), HAUL_OK);
        cr_expect_eq(faccessat(top, "a/b/c", R_OK | W_OK | X_OK, 0), 0);
        cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    haul_auto_fd int same = -1;
    cr_expect_eq(haul_dir_make(top, "", &same, &e), HAUL_OK);
    cr_assert_eq(symlinkat("/tmp", top, "link"), 0);
    cr_assert_eq(symlinkat("loop", top, "loop"), 0);
    testing_write(testing_path("file"), "x", 1);
    static const char *const refused[] = {"link", "link/x", "loop", "file", "file/x",
                                          "..",   "a/../b", "/abs", "a//b"};
    for (size_t i = 0; i < HAUL_COUNT(refused); i++) {
        int fd = -7;
        cr_expect_eq(haul_dir_make(top, refused[i], &fd, &e), HAUL_E_TARGET, "%s", refused[i]);
        cr_expect_eq(fd, -7, "untouched on failure");
    }
}

Test(atomic, small_files_and_emptiness)
{
    haul_auto_fd int top = open_test_dir();
    haul_err e;
    cr_expect(haul_dir_is_empty(top, NULL));
    testing_write(testing_path(".state.json.tmp"), "left by a killed run", 20);
    cr_assert_eq(haul_write_file(top, "state.json", "one", 3, &e), HAUL_OK);
    cr_assert_eq(haul_write_file(top, "state.json", "two!", 4, &e), HAUL_OK);
    char *back = testing_read(testing_path("state.json"), NULL);
    cr_expect_str_eq(back, "two!");
    free(back);
    cr_expect(haul_dir_is_empty(top, "state.json"), "no temporary file is left");
    cr_expect_not(haul_dir_is_empty(top, "other"));
    cr_expect_not(haul_dir_is_empty(-1, NULL), "what cannot be listed is not called empty");
    cr_expect_eq(haul_write_file(top, "a/b", "x", 1, &e), HAUL_E_TARGET);
    cr_assert_eq(mkdirat(top, "dir", 0700), 0);
    cr_expect_eq(haul_write_file(top, "dir", "x", 1, &e), HAUL_E_TARGET);
    cr_expect_eq(faccessat(top, ".dir.tmp", F_OK, 0), -1);
}

static void expect_content(const char *name, const char *want)
{
    char *got = testing_read(testing_path("%s", name), NULL);
    cr_expect_str_eq(got ? got : "absent", want, "%s: %s", name, got ? got : "absent");
    free(got);
}

Test(atomic, a_file_of_any_size_appears_whole_or_not_at_all)
{
    haul_auto_fd int top = open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    haul_atomic a = {.file = {.fd = -1}};
    haul_err e = {0};
    haul_atomic_drop(&a); /* does nothing */
    testing_write(testing_path("f"), "old", 3);
    for (int commit = 0; commit < 2; commit++) {
        testing_write(testing_path(".f.tmp"), "of a run that was killed", 24);
        cr_assert_eq(haul_atomic_open(&a, top, "f", &e), HAUL_OK, "%s", e.text);
        cr_assert_eq(haul_out_write(&a.file.out, "new", 3, &e), HAUL_OK);
        expect_content("f", "old");
        if (commit)
            cr_assert_eq(haul_atomic_commit(&a, &e), HAUL_OK, "%s", e.text);
        haul_atomic_drop(&a);
        expect_content("f", commit ? "new" : "old");
        expect_content(".f.tmp", "absent");
    }
    cr_expect_eq(haul_atomic_open(&a, top, "d/f", &e), HAUL_E_TARGET);
    testing_write(testing_path("dir/x"), "", 0);
    cr_assert_eq(haul_atomic_open(&a, top, "dir", &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(haul_atomic_commit(&a, &e), HAUL_E_TARGET); /* a directory is in its place */
    expect_content(".dir.tmp", "absent");
}

Test(atomic, times)
{
    static const int64_t seconds[] = {0, 1748018153, -1, -1000000000, INT32_MAX};
    const char *path = testing_path("f");
    testing_write(path, "", 0);
    haul_auto_fd int fd = open(path, O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < HAUL_COUNT(seconds); i++) {
        struct stat st;
        cr_expect_eq(haul_set_mtime(fd, seconds[i] * 1000000 + 250000, path, NULL), HAUL_OK);
        cr_assert_eq(fstat(fd, &st), 0);
        cr_expect_eq(st.st_mtim.tv_sec, seconds[i]);
        cr_expect_eq(st.st_mtim.tv_nsec, 250000000);
    }
    cr_expect_eq(haul_set_mtime(fd, INT64_MAX, path, NULL), HAUL_OK, "clamped");
    cr_expect_eq(haul_sync_fs(fd, NULL), HAUL_OK);
    cr_expect_eq(haul_sync_fs(-1, NULL), HAUL_E_TARGET);
}

/* A write of just the buffer's size into an empty buffer was neither buffered nor written once. */
Test(out, every_size_around_the_buffer_arrives)
{
    static const size_t sizes[] = {1, HAUL_OUT_BUFFER - 1, HAUL_OUT_BUFFER, HAUL_OUT_BUFFER + 1,
                                   2 * HAUL_OUT_BUFFER};
    char *octets = haul_alloc(2 * HAUL_OUT_BUFFER);
    memset(octets, 'x', 2 * HAUL_OUT_BUFFER);
    for (size_t a = 0; a < HAUL_COUNT(sizes); a++)
        for (size_t b = 0; b < HAUL_COUNT(sizes); b++) {
            const char *path = testing_path("sizes-%zu-%zu", a, b);
            haul_file f;
            haul_err e = {0};
            size_t n = 0;
            haul_file_init(&f, open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0, path);
            cr_assert_eq(haul_out_write(&f.out, octets, sizes[a], &e), HAUL_OK, "%s", e.text);
            cr_assert_eq(haul_out_write(&f.out, octets, sizes[b], &e), HAUL_OK, "%s", e.text);
            cr_expect_eq(f.offset, sizes[a] + sizes[b]);
            cr_assert_eq(haul_file_close(&f, &e), HAUL_OK, "%s", e.text);
            free(testing_read(path, &n));
            cr_expect_eq(n, sizes[a] + sizes[b], "%zu then %zu: %zu", sizes[a], sizes[b], n);
        }
    free(octets);
}
