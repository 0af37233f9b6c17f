#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void haul_view_init(haul_view *v, int fd, uint64_t size)
{
    *v = (haul_view){.fd = fd, .size = size};
    v->window = haul_alloc(HAUL_VIEW_WINDOW);
}

void haul_view_done(haul_view *v)
{
    free(v->window);
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

ssize_t haul_view_read(haul_view *v, uint64_t at, void *to, size_t n)
{
    if (at >= v->size)
        return 0;
    n = n < v->size - at ? n : (size_t)(v->size - at);
    if (n > HAUL_VIEW_WINDOW / 2) {
        ssize_t got = read_at(v->fd, at, to, n);
        if (got > 0 && v->n_patches)
            lay_over(v, at, to, (size_t)got);
        return got;
    }
    if (at < v->start || at + n > v->start + v->len) {
        ssize_t got = read_at(v->fd, at, v->window, HAUL_VIEW_WINDOW);
        if (got < 0)
            return -1;
        v->start = at;
        v->len = (size_t)got;
        if (v->n_patches)
            lay_over(v, at, v->window, v->len);
        n = n < v->len ? n : v->len;
    }
    memcpy(to, v->window + (at - v->start), n);
    return (ssize_t)n;
}

bool haul_view_patch_add(haul_view *v, uint64_t at, const uint8_t *p, size_t n)
{
    if (v->n_patches >= HAUL_VIEW_PATCHES || n > HAUL_VIEW_PATCH)
        return false;
    if (v->n_patches == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        v->patches = haul_realloc(v->patches, v->cap * sizeof(*v->patches));
    }
    size_t i = v->n_patches++;
    for (; i > 0 && v->patches[i - 1].at > at; i--)
        v->patches[i] = v->patches[i - 1];
    v->patches[i] = (haul_view_patch){.at = at, .n = (uint8_t)n};
    memcpy(v->patches[i].octets, p, n);
    v->start = v->len = 0;
    return true;
}
