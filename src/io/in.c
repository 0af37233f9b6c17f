#include "io/in.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u

typedef struct hole {
    uint64_t from, to;
} hole;

struct haul_in {
    haul_feed feed;
    const char *p; /* the window: what is buffered is p[start..end) */
    char *own;     /* the buffer; p == own except over borrowed memory */
    size_t cap, start, end;
    uint64_t offset;  /* of p[start] */
    uint64_t expect;  /* size that fstat gave; UINT64_MAX = unknown */
    bool eof, failed; /* failed: failure tells why, again at each call */
    haul_err failure;
    int fd; /* of the file descriptor feed */
    bool reads_on;
    hole *holes; /* octets that could not be read, in order */
    size_t n_holes, cap_holes;
    uint64_t lost;   /* octets of them */
    haul_str name;   /* of it, for messages */
    const char *mem; /* of the memory feed: what is left to hand out */
    size_t mem_left, mem_step;
};

static haul_in *in_new(void)
{
    haul_in *in = haul_calloc(1, sizeof(*in));
    in->fd = -1;
    in->expect = UINT64_MAX;
    return in;
}

static void close_feed(haul_in *in)
{
    if (in->feed.close)
        in->feed.close(in->feed.ctx);
    in->feed = (haul_feed){0};
    haul_fd_autoclose(&in->fd);
}

void haul_in_reopen(haul_in *in, haul_feed feed)
{
    close_feed(in);
    in->feed = feed;
    in->p = in->own;
    in->start = in->end = 0;
    in->offset = 0;
    in->expect = UINT64_MAX;
    in->eof = in->failed = in->reads_on = false;
    in->n_holes = 0;
    in->lost = 0;
}

haul_in *haul_in_new(haul_feed feed)
{
    haul_in *in = in_new();
    in->feed = feed;
    return in;
}

/* NULs in place of the rest of a sector that cannot be read; 0 = it is the end, or nothing can be done. */
static ssize_t skip_sector(haul_in *in, void *to, size_t n)
{
    off_t at = in->reads_on ? lseek(in->fd, 0, SEEK_CUR) : -1;
    struct stat st;
    if (at < 0 || fstat(in->fd, &st) != 0 || at >= st.st_size || in->lost >= HAUL_IN_LOST_MAX)
        return 0;
    uint64_t from = (uint64_t)at, end = (from / SECTOR + 1) * SECTOR, size = (uint64_t)st.st_size;
    end = end < size ? end : size;
    n = n < end - from ? n : (size_t)(end - from);
    if (lseek(in->fd, (off_t)(from + n), SEEK_SET) < 0)
        return 0;
    memset(to, 0, n);
    hole *last = in->n_holes ? &in->holes[in->n_holes - 1] : NULL;
    in->lost += n;
    if (last && last->to == from) {
        last->to += n;
        return (ssize_t)n;
    }
    in->holes = haul_grown(in->holes, in->n_holes, &in->cap_holes, sizeof(*in->holes));
    in->holes[in->n_holes++] = (hole){.from = from, .to = from + n};
    return (ssize_t)n;
}

static ssize_t read_fd(void *ctx, void *to, size_t n, haul_err *e)
{
    haul_in *in = ctx;
    for (;;) {
        ssize_t got = read(in->fd, to, n);
        if (got >= 0)
            return got;
        int why = errno;
        ssize_t skipped = why == EIO ? skip_sector(in, to, n) : 0;
        if (skipped > 0)
            return skipped;
        errno = why;
        if (why != EINTR)
            return haul_fail_sys(e, HAUL_E_SOURCE, "reading %s", haul_strz(&in->name));
    }
}

void haul_in_read_on(haul_in *in)
{
    in->reads_on = in->fd >= 0;
}

/* The first hole that ends behind that octet. */
static size_t hole_behind(const haul_in *in, uint64_t at)
{
    size_t lo = 0, hi = in->n_holes;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (in->holes[mid].to <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint64_t haul_in_lost(const haul_in *in, uint64_t from, uint64_t to, uint64_t *ret_first)
{
    uint64_t lost = 0;
    for (size_t i = hole_behind(in, from); i < in->n_holes && in->holes[i].from < to; i++) {
        const hole *h = &in->holes[i];
        uint64_t a = h->from > from ? h->from : from, b = h->to < to ? h->to : to;
        if (!lost)
            *ret_first = a;
        lost += b - a;
    }
    return lost;
}

void haul_in_reopen_fd(haul_in *in, int fd)
{
    haul_in_reopen(in, (haul_feed){.read = read_fd, .ctx = in});
    in->fd = fd;
}

void haul_in_describe(haul_in *in, const char *name, uint64_t size)
{
    haul_str_clear(&in->name);
    haul_str_addz(&in->name, name);
    in->expect = size;
}

haul_in *haul_in_from_fd(int fd, const char *name)
{
    haul_in *in = in_new();
    haul_in_reopen_fd(in, fd);
    haul_in_describe(in, name, UINT64_MAX);
    return in;
}

static ssize_t read_mem(void *ctx, void *to, size_t n, haul_err *e)
{
    haul_in *in = ctx;
    (void)e;
    if (n > in->mem_step)
        n = in->mem_step;
    if (n > in->mem_left)
        n = in->mem_left;
    if (n)
        memcpy(to, in->mem, n);
    in->mem += n;
    in->mem_left -= n;
    return (ssize_t)n;
}

haul_in *haul_in_from_mem(const void *p, size_t n, size_t step)
{
    haul_in *in = in_new();
    in->feed = (haul_feed){.read = read_mem, .ctx = in};
    in->mem = p;
    in->mem_left = n;
    in->mem_step = step;
    if (step == 0) { /* the window is the memory itself */
        in->p = p;
        in->end = n;
        in->eof = true;
    }
    return in;
}

void haul_in_close(haul_in *in)
{
    if (!in)
        return;
    close_feed(in);
    haul_str_done(&in->name);
    free(in->holes);
    free(in->own);
    free(in);
}

/* Room for a whole chunk behind what is buffered. What is left is moved only when at least as much
 * was consumed, so that no octet is moved more than once on average. */
static void make_room(haul_in *in)
{
    size_t left = in->end - in->start;
    if (left == 0)
        in->start = in->end = 0;
    if (in->cap - in->end >= HAUL_IN_CHUNK)
        return;
    if (in->start >= left && in->cap - left >= HAUL_IN_CHUNK) {
        memmove(in->own, in->own + in->start, left);
    } else {
        size_t cap = left + HAUL_IN_CHUNK > in->cap ? left * 2 + 2 * HAUL_IN_CHUNK : in->cap * 2;
        char *grown = haul_alloc(cap);
        if (left)
            memcpy(grown, in->own + in->start, left);
        free(in->own);
        in->own = grown;
        in->cap = cap;
    }
    in->p = in->own;
    in->start = 0;
    in->end = left;
}

static void fill(haul_in *in)
{
    make_room(in);
    size_t room = in->cap - in->end;
    ssize_t got = in->feed.read(in->feed.ctx, in->own + in->end, room, &in->failure);
    if (got < 0) {
        in->failed = true;
        return;
    }
    in->end += (size_t)got;
    /* A file that came up short at or behind the size it said needs no second read to be at its end. */
    uint64_t total = in->offset + (in->end - in->start);
    in->eof = got == 0 || ((size_t)got < room && total >= in->expect);
}

haul_rc haul_in_peek(haul_in *in, size_t want, const char **ret_p, size_t *ret_n, haul_err *e)
{
    if (want > HAUL_IN_PEEK_MAX)
        want = HAUL_IN_PEEK_MAX;
    while (in->end - in->start < want && !in->eof) {
        if (!in->failed)
            fill(in);
        if (in->failed) {
            if (e)
                *e = in->failure;
            return in->failure.rc;
        }
    }
    *ret_p = in->p ? in->p + in->start : "";
    *ret_n = in->end - in->start;
    return HAUL_OK;
}

haul_rc haul_in_line(haul_in *in, size_t max, const char **ret_p, size_t *ret_n, haul_err *e)
{
    const char *p = NULL;
    size_t n = 0, before = 0;
    do {
        before = n;
        haul_rc rc = haul_in_peek(in, before + 1, &p, &n, e);
        if (rc != HAUL_OK)
            return rc;
        const char *end = n > before ? memchr(p + before, '\n', n - before) : NULL;
        if (end && (size_t)(end - p) <= max) {
            *ret_p = p;
            *ret_n = (size_t)(end - p);
            return HAUL_OK;
        }
    } while (n > before && n <= max);
    *ret_p = NULL;
    *ret_n = n;
    return HAUL_OK;
}

void haul_in_consume(haul_in *in, size_t n)
{
    size_t left = in->end - in->start;
    n = n < left ? n : left;
    in->start += n;
    in->offset += n;
}

uint64_t haul_in_offset(const haul_in *in)
{
    return in->offset;
}
