/* The log beside a store being written: rows of tables to come, and all that a later run has to know. Records: type, octets
 * of the payload (4), payload. */
#include "ndb.h"
#include "put_le.h"
#include "put_parts.h"

#include "io/in.h"
#include "io/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER       (64u * 1024u)
#define WINDOW       8192u
#define HEAD         5u
#define PER_RECORD   65536u /* blocks or nodes */
#define BLOCK_OCTETS 8u
#define NODE_OCTETS  16u
#define STATE_OCTETS (32u + 32u * 4u)

static void flush(haul_pstw *s)
{
    haul_pstw_log *l = &s->log;
    uint64_t at = l->end - l->used;
    l->window_n = 0; /* what is written over was read, perhaps */
    if (s->rc == HAUL_OK)
        s->rc = haul_write_at(l->fd, at, l->buf, l->used, "the log of the store", &s->err);
    l->used = 0;
}

static void append(haul_pstw *s, const void *p, size_t n)
{
    haul_pstw_log *l = &s->log;
    const char *from = p;
    if (!l->buf)
        l->buf = haul_alloc(BUFFER);
    while (n) {
        size_t room = BUFFER - l->used, part = n < room ? n : room;
        memcpy(l->buf + l->used, from, part);
        l->used += part;
        l->end += part;
        from += part;
        n -= part;
        if (l->used == BUFFER)
            flush(s);
    }
}

uint64_t haul_pstw_log_add(haul_pstw *s, uint8_t type, const void *p, size_t n)
{
    uint8_t head[HEAD] = {type};
    uint64_t at = s->log.end;
    haul_put32(head + 1, n);
    append(s, head, HEAD);
    append(s, p, n);
    return at;
}

/* Octets of the log from there on in its window, as far as the file has them. */
static ssize_t look_at(haul_pstw_log *l, uint64_t at, size_t n)
{
    if (at >= l->window_at && at + n <= l->window_at + l->window_n)
        return (ssize_t)n;
    if (!l->window)
        l->window = haul_alloc(WINDOW);
    ssize_t got = pread(l->fd, l->window, WINDOW, (off_t)at);
    l->window_at = at;
    l->window_n = got > 0 ? (size_t)got : 0;
    return got > (ssize_t)n ? (ssize_t)n : got;
}

static bool read_at(haul_pstw *s, uint64_t at, void *to, size_t n)
{
    haul_pstw_log *l = &s->log;
    ssize_t got = n > WINDOW ? pread(l->fd, to, n, (off_t)at) : look_at(l, at, n);
    if (got == (ssize_t)n) {
        if (n <= WINDOW)
            memcpy(to, l->window + (at - l->window_at), n);
        return true;
    }
    if (s->rc == HAUL_OK)
        s->rc = got < 0 ? haul_fail_sys(&s->err, HAUL_E_TARGET, "reading the log of the store")
                        : haul_fail(&s->err, HAUL_E_TARGET, "the log of the store is cut off");
    return false;
}

bool haul_pstw_log_read(haul_pstw *s, uint64_t at, uint8_t type)
{
    uint8_t head[HEAD];
    if (s->log.used)
        flush(s);
    haul_str_clear(&s->scratch);
    if (!read_at(s, at, head, HEAD))
        return false;
    uint32_t n = haul_nodes32(head + 1);
    if (head[0] != type || n > HAUL_PSTW_RECORD_MAX) {
        s->rc = haul_fail(&s->err, HAUL_E_TARGET, "the log of the store is damaged at octet %llu",
                          (unsigned long long)at);
        return false;
    }
    haul_str_room(&s->scratch, n);
    s->scratch.len = n;
    return n == 0 || read_at(s, at + HEAD, s->scratch.p, n);
}

/* ── what a commit adds ── */

void haul_pstw_log_names(haul_pstw *s)
{
    for (; s->logged_names < s->names.n; s->logged_names++) {
        const haul_pstw_name *n = &s->names.v[s->logged_names];
        haul_auto_str to = {0};
        uint8_t head[5];
        haul_put32(head, n->lid);
        head[4] = n->name != NULL;
        haul_str_add(&to, n->guid, 16);
        haul_str_add(&to, head, sizeof(head));
        haul_str_add(&to, n->name ? n->name : "", n->name ? strlen(n->name) + 1 : 1);
        haul_pstw_log_add(s, HAUL_PSTW_LOG_NAME, to.p, to.len);
    }
}

static void log_blocks(haul_pstw *s, size_t to)
{
    const haul_pstw_block *v = haul_pstw_ndb_blocks(s->ndb);
    for (size_t i = s->logged.blocks; i < to;) {
        size_t n = to - i < PER_RECORD ? to - i : PER_RECORD;
        haul_str_clear(&s->scratch);
        haul_str_room(&s->scratch, n * BLOCK_OCTETS);
        for (size_t k = 0; k < n; k++, i++) {
            uint8_t b[BLOCK_OCTETS];
            haul_put32(b, v[i].at | (uint32_t)v[i].internal << 31);
            haul_put16(b + 4, v[i].stored);
            haul_put16(b + 6, v[i].size);
            haul_str_add(&s->scratch, b, sizeof(b));
        }
        haul_pstw_log_add(s, HAUL_PSTW_LOG_BLOCKS, s->scratch.p, s->scratch.len);
    }
}

static void log_nodes(haul_pstw *s, size_t to)
{
    const haul_pstw_node *v = haul_pstw_ndb_nodes(s->ndb);
    for (size_t i = s->logged.nodes; i < to;) {
        size_t n = to - i < PER_RECORD ? to - i : PER_RECORD;
        haul_str_clear(&s->scratch);
        for (size_t k = 0; k < n; k++, i++) {
            uint8_t b[NODE_OCTETS];
            haul_put32(b, v[i].nid);
            haul_put32(b + 4, v[i].parent);
            haul_put32(b + 8, v[i].data);
            haul_put32(b + 12, v[i].sub);
            haul_str_add(&s->scratch, b, sizeof(b));
        }
        haul_pstw_log_add(s, HAUL_PSTW_LOG_NODES, s->scratch.p, s->scratch.len);
    }
}

static void log_state(haul_pstw *s, const haul_pstw_state *now)
{
    uint8_t p[STATE_OCTETS];
    haul_put64(p, now->end);
    haul_put64(p + 8, now->free);
    haul_put64(p + 16, now->blocks);
    haul_put64(p + 24, now->nodes);
    for (size_t i = 0; i < 32; i++)
        haul_put32(p + 32 + 4 * i, now->last_index[i]);
    haul_pstw_log_add(s, HAUL_PSTW_LOG_STATE, p, sizeof(p));
}

haul_rc haul_pstw_log_sync(haul_pstw *s, uint64_t *ret_end, haul_err *e)
{
    haul_pstw_state now;
    haul_pstw_ndb_state(s->ndb, &now);
    haul_pstw_log_names(s);
    log_blocks(s, (size_t)now.blocks);
    log_nodes(s, (size_t)now.nodes);
    log_state(s, &now);
    flush(s);
    if (s->rc == HAUL_OK && fdatasync(s->log.fd) != 0)
        s->rc = haul_fail_sys(&s->err, HAUL_E_TARGET, "writing the log of the store");
    if (s->rc == HAUL_OK) {
        s->logged = now;
        *ret_end = s->log.end;
    } else if (e) {
        *e = s->err;
    }
    return s->rc;
}

/* ── taking it up ── */

static bool take_blocks(haul_pstw *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + BLOCK_OCTETS <= n; i += BLOCK_OCTETS) {
        uint32_t at = haul_nodes32(p + i);
        haul_pstw_block b = {.at = at & INT32_MAX,
                             .internal = at >> 31 != 0,
                             .stored = (uint16_t)haul_nodes16(p + i + 4),
                             .size = (uint16_t)haul_nodes16(p + i + 6)};
        haul_pstw_ndb_known(s->ndb, &b, 1, NULL, 0);
    }
    return n % BLOCK_OCTETS == 0;
}

static bool take_nodes(haul_pstw *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + NODE_OCTETS <= n; i += NODE_OCTETS) {
        haul_pstw_node v = {.nid = haul_nodes32(p + i),
                            .parent = haul_nodes32(p + i + 4),
                            .data = haul_nodes32(p + i + 8),
                            .sub = haul_nodes32(p + i + 12)};
        haul_pstw_ndb_known(s->ndb, NULL, 0, &v, 1);
    }
    return n % NODE_OCTETS == 0;
}

static bool take_name(haul_pstw *s, const uint8_t *p, size_t n)
{
    bool added;
    if (n < 21 || p[n - 1])
        return false;
    bool taken = haul_pstw_names_id(&s->names, p, haul_nodes32(p + 16), p[20] ? (const char *)p + 21 : NULL,
                                    &added) != 0;
    s->logged_names = s->names.n;
    return taken;
}

static bool take_folder(haul_pstw *s, uint8_t type, const uint8_t *p, size_t n)
{
    const char *name = (const char *)p + 12, *end = (const char *)p + n;
    if (n < 14 || end[-1])
        return false;
    const char *class = name + strlen(name) + 1;
    if (class >= end)
        return false;
    uint32_t nid = haul_nodes32(p), parent = haul_nodes32(p + 4), role = haul_nodes32(p + 8);
    haul_pstw_box *f = haul_pstw_box_of(s, nid);
    if (role >= HAUL_ROLE_COUNT || (type == HAUL_PSTW_LOG_RENAMED) != (f != NULL) ||
        !haul_pstw_box_of(s, parent))
        return false;
    if (f)
        haul_pstw_box_rename(s, f, name, *class ? class : NULL, (haul_role)role);
    else
        haul_pstw_box_add(s, nid, parent, name, *class ? class : NULL, (haul_role)role);
    return haul_pstw_box_of(s, nid) != NULL;
}

static bool take_row(haul_pstw *s, const uint8_t *p, size_t n, uint64_t at)
{
    if (n < HAUL_PSTW_ROW_HEAD || !haul_pstw_box_of(s, haul_nodes32(p)))
        return false;
    haul_pstw_row_add(s, p, n, at);
    return true;
}

static bool take_state(haul_pstw *s, const uint8_t *p, size_t n)
{
    if (n != STATE_OCTETS)
        return false;
    s->logged = (haul_pstw_state){.end = haul_nodes64(p),
                                  .free = haul_nodes64(p + 8),
                                  .blocks = haul_nodes64(p + 16),
                                  .nodes = haul_nodes64(p + 24)};
    for (size_t i = 0; i < 32; i++)
        s->logged.last_index[i] = haul_nodes32(p + 32 + 4 * i);
    return true;
}

static bool take(haul_pstw *s, uint8_t type, const uint8_t *p, size_t n, uint64_t at)
{
    switch (type) {
    case HAUL_PSTW_LOG_BLOCKS:
        return take_blocks(s, p, n);
    case HAUL_PSTW_LOG_NODES:
        return take_nodes(s, p, n);
    case HAUL_PSTW_LOG_NAME:
        return take_name(s, p, n);
    case HAUL_PSTW_LOG_FOLDER:
    case HAUL_PSTW_LOG_RENAMED:
        return take_folder(s, type, p, n);
    case HAUL_PSTW_LOG_ROW:
        return take_row(s, p, n, at);
    case HAUL_PSTW_LOG_STATE:
        return take_state(s, p, n);
    }
    return false;
}

haul_rc haul_pstw_log_replay(haul_pstw *s, uint64_t end, haul_err *e)
{
    uint64_t at = 0;
    uint8_t type = 0;
    s->log.end = end;
    while (at < end) {
        uint8_t head[HEAD];
        if (!read_at(s, at, head, HEAD))
            break;
        type = head[0];
        if (!haul_pstw_log_read(s, at, type))
            break;
        const uint8_t *p = (const uint8_t *)haul_strz(&s->scratch);
        if (!take(s, type, p, s->scratch.len, at))
            break;
        at += HEAD + s->scratch.len;
    }
    if (at != end || type != HAUL_PSTW_LOG_STATE)
        return haul_fail(e, HAUL_E_STATE, "the log of the unfinished store is damaged at octet %llu of %llu",
                         (unsigned long long)at, (unsigned long long)end);
    return HAUL_OK;
}

/* ── cells ── */

void haul_pstw_cells_add(haul_str *to, uint32_t tag, const void *p, size_t n)
{
    uint8_t head[8];
    haul_put32(head, tag);
    haul_put32(head + 4, n);
    haul_str_add(to, head, sizeof(head));
    haul_str_add(to, p, n);
}

bool haul_pstw_cells_next(const char *p, size_t n, size_t *at, haul_pstw_cell *ret)
{
    if (n - *at < 8)
        return false;
    const uint8_t *o = (const uint8_t *)p + *at;
    *ret = (haul_pstw_cell){.tag = haul_nodes32(o), .n = haul_nodes32(o + 4), .p = o + 8};
    if (ret->n > n - *at - 8)
        return false;
    *at += 8 + ret->n;
    return true;
}
