#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "io/spool.h"

#include "base/str.h"
#include "io/eol.h"
#include "io/temp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_CAP  (64u * 1024u)
#define WORK_SIZE  (64u * 1024u) /* octets handed to the digest, or to a sink, at a time */
#define WORK_INPUT (WORK_SIZE / 2)
#define AROUND                                                                                               \
    (64u *                                                                                                   \
     1024u) /* octets of a mapping that Linux brings along with the one that is looked at (fault_around_bytes) */

/* The first octets stay in memory, so that the header is always there; only what is beyond
 * HAUL_SPOOL_MEMORY goes into the file. */
struct haul_spool {
    haul_out out;
    char *mem;
    size_t len, cap;
    haul_file tail; /* fd < 0 and no buffer until it is needed */
    uint64_t size;
    haul_sha256 *sha; /* NULL: no digest wanted */
    haul_eol_state eol;
    char *work;       /* WORK_SIZE + HAUL_EOL_SLACK octets */
    size_t work_used; /* octets waiting for the digest */
    char last;
    bool frozen;
    char *map; /* of all octets, when there is a file; NULL until asked for */
    size_t map_len;
    haul_spool_facts facts;
};

/* ── in ── */

static void digest_work(haul_spool *s)
{
    haul_sha256_update(s->sha, s->work, s->work_used);
    s->work_used = 0;
}

/* The digest is of the octets with CRLF; most that are so already go to it as they are. */
static void spool_scan(haul_spool *s, const char *p, size_t n)
{
    if (!s->sha) {
        (void)haul_eol_scan(&s->eol, p, n, NULL);
        return;
    }
    while (n > 0) {
        size_t same = haul_eol_keep(&s->eol, p, n), room = (WORK_SIZE - s->work_used) / 2;
        if (same)
            digest_work(s);
        haul_sha256_update(s->sha, p, same);
        p += same;
        n -= same;
        size_t step = n < room ? n : room;
        s->work_used += haul_eol_scan(&s->eol, p, step, s->work + s->work_used);
        p += step;
        n -= step;
        if (s->work_used > WORK_INPUT)
            digest_work(s);
    }
}

static void mem_room(haul_spool *s, size_t n)
{
    size_t cap = s->cap ? s->cap : FIRST_CAP;
    while (cap < s->len + n)
        cap *= 2;
    if (cap > HAUL_SPOOL_MEMORY)
        cap = HAUL_SPOOL_MEMORY;
    if (cap == s->cap)
        return;
    s->mem = haul_realloc(s->mem, cap);
    s->cap = cap;
}

static haul_rc tail_open(haul_spool *s, haul_err *e)
{
    int fd = -1;
    haul_rc rc = haul_temp_open(&fd, NULL, e);
    if (rc == HAUL_OK)
        haul_file_init(&s->tail, fd, 0, HAUL_TEMP_NAME);
    return rc;
}

static haul_rc spool_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_spool *s = (haul_spool *)o; /* out is its first member */
    const char *from = p;
    if (n == 0)
        return HAUL_OK;
    size_t in_mem = n < HAUL_SPOOL_MEMORY - s->len ? n : HAUL_SPOOL_MEMORY - s->len;
    mem_room(s, in_mem);
    memcpy(s->mem + s->len, from, in_mem);
    if (n > in_mem) {
        haul_rc rc = s->tail.fd < 0 ? tail_open(s, e) : HAUL_OK;
        if (rc == HAUL_OK)
            rc = haul_out_write(&s->tail.out, from + in_mem, n - in_mem, e);
        if (rc != HAUL_OK)
            return rc;
    }
    s->len += in_mem;
    s->size += n;
    s->last = from[n - 1];
    spool_scan(s, from, n);
    return HAUL_OK;
}

haul_spool *haul_spool_new(bool digest)
{
    haul_spool *s = haul_calloc(1, sizeof(*s));
    s->out.write = spool_write;
    s->tail.fd = -1;
    s->sha = digest ? haul_sha256_new() : NULL;
    s->work = haul_alloc(WORK_SIZE + HAUL_EOL_SLACK);
    return s;
}

static void unmap(haul_spool *s)
{
    if (s->map)
        munmap(s->map, s->map_len);
    s->map = NULL;
}

void haul_spool_free(haul_spool *s)
{
    if (!s)
        return;
    unmap(s);
    haul_file_done(&s->tail);
    haul_sha256_free(s->sha);
    free(s->mem);
    free(s->work);
    free(s);
}

haul_out *haul_spool_out(haul_spool *s)
{
    return &s->out;
}

void haul_spool_reset(haul_spool *s)
{
    uint8_t unused[HAUL_SHA256_LEN];
    if (s->sha && !s->frozen && s->size)
        haul_sha256_final(s->sha, unused);
    unmap(s);
    haul_file_done(&s->tail);
    s->len = s->work_used = 0;
    s->size = 0;
    s->frozen = false;
    s->eol = (haul_eol_state){0};
    s->facts = (haul_spool_facts){0};
}

haul_rc haul_spool_freeze(haul_spool *s, haul_err *e)
{
    if (s->frozen)
        return HAUL_OK;
    haul_rc rc = s->tail.fd < 0 ? HAUL_OK : haul_file_flush(&s->tail, e);
    if (rc != HAUL_OK)
        return rc;
    const haul_eol_state *eol = &s->eol;
    s->facts = (haul_spool_facts){.size = s->size,
                                  .lf = eol->lf - eol->crlf,
                                  .crlf = eol->crlf,
                                  .bare_cr = eol->cr - eol->crlf,
                                  .cr_crlf = eol->cr_crlf,
                                  .nul = eol->nul,
                                  .eight_bit = eol->eight_bit,
                                  .final_eol = s->size == 0 || s->last == '\n'};
    if (s->sha) {
        digest_work(s);
        haul_sha256_final(s->sha, s->facts.sha256);
    }
    s->frozen = true;
    return HAUL_OK;
}

const haul_spool_facts *haul_spool_get_facts(const haul_spool *s)
{
    return &s->facts;
}

haul_rc haul_spool_head(haul_spool *s, size_t max, const char **ret_p, size_t *ret_n, haul_err *e)
{
    (void)
        e; /* nothing can fail while the head is in memory; the contract leaves room for a spool that reads */
    *ret_p = s->mem ? s->mem : "";
    *ret_n = max < s->len ? max : s->len;
    return HAUL_OK;
}

/* The octets in memory are copied to the front of a stretch of addresses, the file is mapped behind them: their number is
 * a multiple of every page size once there is a file. */
static haul_rc map_all(haul_spool *s, haul_err *e)
{
    _Static_assert(HAUL_SPOOL_MEMORY % 65536 == 0, "the file must be mapped at a page");
    size_t n = (size_t)s->size;
    if (s->size > SIZE_MAX / 2)
        return haul_fail(e, HAUL_E_TARGET, HAUL_TEMP_NAME ": too large to be mapped");
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return haul_fail_sys(e, HAUL_E_TARGET, "mapping " HAUL_TEMP_NAME);
    memcpy(p, s->mem, s->len);
    if (mmap(p + s->len, n - s->len, PROT_READ, MAP_PRIVATE | MAP_FIXED, s->tail.fd, 0) == MAP_FAILED) {
        haul_rc rc = haul_fail_sys(e, HAUL_E_TARGET, "mapping " HAUL_TEMP_NAME);
        munmap(p, n);
        return rc;
    }
    s->map = p;
    s->map_len = n;
    return HAUL_OK;
}

haul_rc haul_spool_map(haul_spool *s, const char **ret_p, size_t *ret_n, haul_err *e)
{
    haul_rc rc = s->tail.fd >= 0 && !s->map ? map_all(s, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    *ret_p = s->map ? s->map : s->mem ? s->mem : "";
    *ret_n = (size_t)s->size;
    return HAUL_OK;
}

void haul_spool_let_go(haul_spool *s, const char *p, size_t n)
{
    long page = sysconf(_SC_PAGESIZE);
    if (!s || !s->map || page <= 0 || p < s->map || (size_t)(p - s->map) > s->map_len)
        return;
    size_t from = (size_t)(p - s->map), end = from + (n < s->map_len - from ? n : s->map_len - from);
    from -= from < AROUND ? from : AROUND; /* came back with what was looked at behind it */
    if (from < s->len)                     /* what is a copy of the memory in front has no file behind it */
        from = s->len;
    from -= from % (size_t)page;
    end -= end % (size_t)page;
    if (end > from)
        (void)madvise(s->map + from, end - from, MADV_DONTNEED);
}

/* ── out ── */

haul_eol haul_eol_for(const haul_spool_facts *f, haul_eol want)
{
    if (want == HAUL_EOL_CRLF && f->lf > 0)
        return HAUL_EOL_CRLF;
    if (want == HAUL_EOL_LF && f->crlf > 0 && f->cr_crlf == 0)
        return HAUL_EOL_LF;
    return HAUL_EOL_KEEP;
}

uint64_t haul_eol_size(const haul_spool_facts *f, haul_eol eol)
{
    if (eol == HAUL_EOL_CRLF)
        return f->size + f->lf;
    return eol == HAUL_EOL_LF ? f->size - f->crlf : f->size;
}

typedef struct copy { /* one copy under way */
    haul_out *to;
    haul_eol eol;
    haul_eol_state state; /* CRLF */
    bool held_cr;         /* LF: a CR at the end of the last piece waits for its successor */
    char *work;
} copy;

static haul_rc copy_crlf(copy *c, const char *p, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (n > 0 && rc == HAUL_OK) {
        size_t step = n < WORK_INPUT ? n : WORK_INPUT;
        size_t out = haul_eol_scan(&c->state, p, step, c->work);
        rc = haul_out_write(c->to, c->work, out, e);
        p += step;
        n -= step;
    }
    return rc;
}

static haul_rc copy_lf(copy *c, const char *p, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (n > 0 && rc == HAUL_OK) {
        size_t step = n < WORK_INPUT ? n : WORK_INPUT, at = 0;
        if (c->held_cr && *p != '\n')
            c->work[at++] = '\r';
        at += haul_eol_strip(p, step, c->work + at, &c->held_cr);
        rc = haul_out_write(c->to, c->work, at, e);
        p += step;
        n -= step;
    }
    return rc;
}

static haul_rc copy_piece(copy *c, const char *p, size_t n, haul_err *e)
{
    switch (c->eol) {
    case HAUL_EOL_CRLF:
        return copy_crlf(c, p, n, e);
    case HAUL_EOL_LF:
        return copy_lf(c, p, n, e);
    case HAUL_EOL_KEEP:
        break;
    }
    return haul_out_write(c->to, p, n, e);
}

/* The part of the body that is in the file. Its write buffer is empty by now and serves for reading. */
static haul_rc copy_tail(haul_spool *s, copy *c, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (uint64_t at = 0; at < s->tail.offset && rc == HAUL_OK;) {
        ssize_t n = pread(s->tail.fd, s->tail.buf, HAUL_OUT_BUFFER, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "reading back " HAUL_TEMP_NAME);
        if (n == 0)
            return haul_fail(e, HAUL_E_TARGET, "reading back " HAUL_TEMP_NAME ": it has become shorter");
        rc = copy_piece(c, s->tail.buf, (size_t)n, e);
        at += (uint64_t)n;
    }
    return rc;
}

haul_rc haul_spool_copy(haul_spool *s, haul_eol eol, haul_out *to, haul_err *e)
{
    copy c = {.to = to, .eol = eol, .work = s->work};
    haul_rc rc = copy_piece(&c, s->mem, s->len, e);
    if (rc == HAUL_OK && s->tail.fd >= 0)
        rc = copy_tail(s, &c, e);
    if (rc == HAUL_OK && c.held_cr)
        rc = haul_out_write(to, "\r", 1, e);
    return rc;
}

/* Octets as they are, from `at` on; memory where it is there. */
static haul_rc raw_at(haul_spool *s, uint64_t at, size_t max, const char **ret, size_t *ret_n, haul_err *e)
{
    if (at < s->len) {
        *ret = s->mem + at;
        *ret_n = s->len - at < max ? (size_t)(s->len - at) : max;
        return HAUL_OK;
    }
    *ret_n = 0;
    if (s->tail.fd < 0 || at - s->len >= s->tail.offset)
        return HAUL_OK;
    ssize_t n;
    do
        n = pread(s->tail.fd, s->tail.buf, max < HAUL_OUT_BUFFER ? max : HAUL_OUT_BUFFER,
                  (off_t)(at - s->len));
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "reading back " HAUL_TEMP_NAME);
    *ret = s->tail.buf;
    *ret_n = (size_t)n;
    return HAUL_OK;
}

haul_rc haul_spool_pull(haul_spool *s, haul_spool_cursor *c, char *to, size_t cap, size_t *ret_n, haul_err *e)
{
    const char *p = NULL;
    size_t n = 0, most = cap - HAUL_EOL_SLACK;
    haul_rc rc = raw_at(s, c->at, s->facts.lf ? most / 2 : most, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    c->at += n;
    if (s->facts.lf) {
        *ret_n = haul_eol_scan(&c->eol, p, n, to);
        return HAUL_OK;
    }
    memcpy(to, p ? p : "", n);
    *ret_n = n;
    return HAUL_OK;
}

typedef struct fd_out {
    haul_out out;
    int fd;
    const char *name;
} fd_out;

static haul_rc fd_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    const fd_out *f = (const fd_out *)o;
    return haul_write_all(f->fd, p, n, f->name, e);
}

haul_rc haul_spool_to_fd(haul_spool *s, haul_eol eol, int fd, const char *name, haul_err *e)
{
    fd_out f = {.out = {.write = fd_write}, .fd = fd, .name = name};
    return haul_spool_copy(s, eol, &f.out, e);
}
