#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void haul_view_init(haul_view *v, int fd, uint64_t size)
{
    *v = (haul_view){.fd = fd, .size = size};
}

void haul_view_done(haul_view *v)
{
    for (size_t i = 0; i < HAUL_VIEW_WINDOWS; i++) {
        free(v->blocks[i].octets);
        free(v->pages[i].octets);
    }
    free(v->patches);
    *v = (haul_view){.fd = -1};
}

static ssize_t read_at(int fd, uint64_t at, uint8_t *to, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, to + got, n - got, (off_t)(at + got));
        if (r == 0)
            break;
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

/* The first patch that ends behind `at`. */
static size_t first_patch(const haul_view *v, uint64_t at)
{
    size_t low = 0, high = v->n_patches;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->patches[mid].at + v->patches[mid].n <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void lay_over(const haul_view *v, uint64_t at, uint8_t *to, size_t n)
{
    for (size_t i = first_patch(v, at); i < v->n_patches && v->patches[i].at < at + n; i++) {
        const haul_view_patch *p = &v->patches[i];
        for (size_t k = 0; k < p->n; k++)
            if (p->at + k >= at && p->at + k < at + n)
                to[p->at + k - at] = p->octets[k];
    }
}

bool haul_view_patched(const haul_view *v, uint64_t at, size_t n)
{
    size_t i = first_patch(v, at);
    return i < v->n_patches && v->patches[i].at < at + n;
}

/* ── windows ── */

/* Blocks of one message lie side by side, its pages elsewhere; many writers put the block that is read first behind the
 * others: what lies between a new place and the window behind it is read then, and no more. */

static bool is_in(const haul_view_window *w, uint64_t at, size_t n)
{
    return at >= w->start && at + n <= w->start + w->len;
}

static bool goes_on(const haul_view_window *w, uint64_t at)
{
    return w->len && at >= w->start && at - w->start <= w->len + HAUL_VIEW_GAP;
}

static bool is_before(const haul_view_window *w, uint64_t at)
{
    return w->len && at < w->start && w->start - at <= HAUL_VIEW_BACK;
}

/* Of `windows`, the one with these octets, else the one to read them into: that of the octets in front of them, or the one that was
 * not used for longest. *ret_ahead: octets to read then. */
static haul_view_window *window_for(haul_view_window *windows, uint64_t at, size_t n, size_t *ret_ahead)
{
    haul_view_window *old = windows, *near = NULL;
    size_t ahead = HAUL_VIEW_FIRST, back = 0;
    for (haul_view_window *w = windows; w < windows + HAUL_VIEW_WINDOWS; w++) {
        if (is_in(w, at, n))
            return w;
        near = goes_on(w, at) ? w : near;
        if (is_before(w, at) && (!back || w->start - at < back))
            back = (size_t)(w->start - at);
        old = w->used < old->used ? w : old;
    }
    if (near)
        ahead = near->ahead * 2 < HAUL_VIEW_WINDOW ? near->ahead * 2 : HAUL_VIEW_WINDOW;
    else if (back)
        ahead = back;
    *ret_ahead = ahead;
    return near ? near : old;
}

static bool fill(haul_view *v, haul_view_window *w, uint64_t at, size_t n, size_t ahead)
{
    if (!w->octets)
        w->octets = haul_alloc(HAUL_VIEW_WINDOW);
    *w = (haul_view_window){.start = at, .ahead = ahead, .octets = w->octets};
    ssize_t got = read_at(v->fd, at, w->octets, n < ahead ? ahead : n);
    if (got < 0) /* a bad place of the disk may be near, not here */
        got = read_at(v->fd, at, w->octets, n);
    if (got < 0)
        return false;
    w->len = (size_t)got;
    if (v->n_patches)
        lay_over(v, w->start, w->octets, w->len);
    return true;
}

static ssize_t look_in(haul_view *v, haul_view_window *windows, uint64_t at, size_t n, const uint8_t **ret)
{
    if (at >= v->size || n > HAUL_VIEW_LOOK)
        return 0;
    n = n < v->size - at ? n : (size_t)(v->size - at);
    size_t ahead = 0;
    haul_view_window *w = window_for(windows, at, n, &ahead);
    if (ahead && !fill(v, w, at, n, ahead))
        return -1;
    size_t from = (size_t)(at - w->start);
    w->used = ++v->uses;
    if (from >= w->len)
        return 0;
    *ret = w->octets + from;
    return (ssize_t)(n < w->len - from ? n : w->len - from);
}

ssize_t haul_view_look(haul_view *v, uint64_t at, size_t n, const uint8_t **ret)
{
    return look_in(v, v->blocks, at, n, ret);
}

ssize_t haul_view_read(haul_view *v, uint64_t at, void *to, size_t n)
{
    const uint8_t *p = NULL;
    if (at >= v->size)
        return 0;
    n = n < v->size - at ? n : (size_t)(v->size - at);
    ssize_t got = n > HAUL_VIEW_LOOK ? read_at(v->fd, at, to, n) : look_in(v, v->pages, at, n, &p);
    if (n > HAUL_VIEW_LOOK && got > 0 && v->n_patches)
        lay_over(v, at, to, (size_t)got);
    if (n <= HAUL_VIEW_LOOK && got > 0)
        memcpy(to, p, (size_t)got);
    return got;
}

ssize_t haul_view_salvage(haul_view *v, uint64_t at, void *to, size_t n)
{
    uint8_t *p = to;
    ssize_t got = haul_view_read(v, at, p, n), piece = 1;
    if (got >= 0)
        return got;
    for (got = 0; (size_t)got < n && piece != 0; got += piece) {
        size_t left = n - (size_t)got, sector = left < HAUL_VIEW_SECTOR ? left : HAUL_VIEW_SECTOR;
        piece = haul_view_read(v, at + (uint64_t)got, p + got, sector);
        if (piece < 0) {
            memset(p + got, 0, sector);
            piece = (ssize_t)sector;
        }
    }
    return got;
}

bool haul_view_patch_add(haul_view *v, uint64_t at, const uint8_t *p, size_t n)
{
    if (v->n_patches >= HAUL_VIEW_PATCHES || n > HAUL_VIEW_PATCH)
        return false;
    v->patches = haul_grown(v->patches, v->n_patches, &v->cap, sizeof(*v->patches));
    size_t i = v->n_patches++;
    for (; i > 0 && v->patches[i - 1].at > at; i--)
        v->patches[i] = v->patches[i - 1];
    v->patches[i] = (haul_view_patch){.at = at, .n = (uint8_t)n};
    memcpy(v->patches[i].octets, p, n);
    for (size_t k = 0; k < HAUL_VIEW_WINDOWS; k++)
        v->blocks[k].len = v->pages[k].len = 0;
    return true;
}
