#include "mime/walk.h"

#include "base/err.h"
#include "mime/entity.h"

#include <stdlib.h>
#include <string.h>

typedef enum expect { EXPECT_MESSAGE, EXPECT_PART, EXPECT_BETWEEN, EXPECT_END } expect;

struct haul_walk {
    const char *p;
    size_t n, at;
    expect next;
    haul_levels levels;
    void (*watch)(void *ctx, size_t at);
    void *watch_ctx;
    size_t told;
};

static void tell(haul_walk *w, size_t at)
{
    if (!w->watch || at < w->told + HAUL_WALK_STEP)
        return;
    w->told = at;
    w->watch(w->watch_ctx, at);
}

static size_t line_end(const haul_walk *w, size_t at)
{
    const char *lf = memchr(w->p + at, '\n', w->n - at);
    return lf ? (size_t)(lf - w->p) + 1 : w->n;
}

/* The next delimiter at or behind `at`, which counts as the begin of a line: where its line begins, or the end of the message.
 * Hyphens are looked for, not lines: there are few in texts, and none in base64. */
static size_t find_delimiter(haul_walk *w, size_t at, size_t *ret_level, bool *ret_last)
{
    const size_t first = at;
    *ret_level = 0;
    while (w->levels.depth && at < w->n) {
        size_t to = w->n - at < HAUL_WALK_STEP / 2 ? w->n : at + HAUL_WALK_STEP / 2;
        const char *hyphen = memchr(w->p + at, '-', to - at);
        at = hyphen ? (size_t)(hyphen - w->p) : to;
        if (hyphen && (at == first || w->p[at - 1] == '\n')) {
            size_t end = line_end(w, at);
            *ret_level = haul_levels_match(&w->levels, w->p + at, end - at, ret_last);
            if (*ret_level)
                return at;
            at = end;
        }
        while (hyphen && at < to && w->p[at] == '-' && at != first && w->p[at - 1] != '\n')
            at++;
        tell(w, at);
    }
    return w->n;
}

static void take_leaf(haul_walk *w, haul_piece *e)
{
    size_t found;
    bool last;
    size_t end = find_delimiter(w, w->at, &found, &last), stop = end;
    e->delimited = found;
    if (found && stop > w->at && w->p[stop - 1] == '\n')
        stop--;
    if (found && stop < end && stop > w->at && w->p[stop - 1] == '\r')
        stop--;
    e->body = (haul_span){w->p + w->at, stop - w->at};
    w->at = stop;
    w->next = EXPECT_BETWEEN;
}

static void number_part(const haul_walk *w, haul_piece *e)
{
    haul_auto_str path = {0};
    haul_levels_path(&w->levels, &path);
    size_t n = path.len < HAUL_WALK_PATH ? path.len : HAUL_WALK_PATH - 1;
    memcpy(e->path, haul_strz(&path), n);
    e->path[n] = '\0';
    for (size_t i = 0; i < w->levels.depth; i++)
        e->is_signed |= w->levels.v[i].is_signed;
}

/* True when it is a leaf: a message that is not encoded is walked through as well. */
static bool read_entity(haul_walk *w, haul_piece *e)
{
    bool leaf = haul_entity_read(&w->levels, e);
    bool plain = e->encoding == HAUL_WALK_PLAIN || e->encoding == HAUL_WALK_BINARY;
    if (leaf && plain && (strcmp(e->type, "message/rfc822") == 0 || strcmp(e->type, "message/global") == 0))
        e->leaf = false;
    return e->leaf;
}

static void take_entity(haul_walk *w, haul_piece *e)
{
    bool blank;
    *e = (haul_piece){
        .entity = true, .message = w->next == EXPECT_MESSAGE, .depth = (unsigned)w->levels.depth};
    size_t end = w->at + haul_entity_header(&w->levels, w->p + w->at, w->n - w->at, &blank);
    size_t stop = blank ? line_end(w, end) : end;
    tell(w, stop);
    number_part(w, e);
    e->header = (haul_span){w->p + w->at, end - w->at};
    e->blank = (haul_span){w->p + end, stop - end};
    w->at = stop;
    if (read_entity(w, e))
        take_leaf(w, e);
    else
        w->next = e->class == HAUL_WALK_MESSAGE ? EXPECT_MESSAGE : EXPECT_BETWEEN;
    if (!e->leaf)
        e->body = (haul_span){w->p + stop, 0};
}

static void take_between(haul_walk *w, haul_piece *e)
{
    size_t found;
    bool last = false;
    size_t start = find_delimiter(w, w->at, &found, &last), end = found ? line_end(w, start) : start;
    *e = (haul_piece){.between = {w->p + w->at, start - w->at}, .delimiter = {w->p + start, end - start}};
    w->at = end;
    if (!found) {
        w->next = EXPECT_END;
        return;
    }
    haul_levels_close(&w->levels, found - last);
    e->depth = (unsigned)w->levels.depth;
    e->last = last;
    if (last)
        return;
    w->levels.v[found - 1].parts++;
    w->next = EXPECT_PART;
}

haul_walk *haul_walk_new(haul_span message)
{
    haul_walk *w = haul_calloc(1, sizeof(*w));
    w->p = message.p;
    w->n = message.len;
    return w;
}

void haul_walk_watch(haul_walk *w, void (*fn)(void *ctx, size_t at), void *ctx)
{
    w->watch = fn;
    w->watch_ctx = ctx;
}

void haul_walk_free(haul_walk *w)
{
    if (!w)
        return;
    haul_levels_close(&w->levels, 0);
    free(w);
}

bool haul_walk_next(haul_walk *w, haul_piece *ret)
{
    if (w->next == EXPECT_END || w->at > w->n)
        return false;
    if (w->next == EXPECT_BETWEEN) {
        if (w->at == w->n)
            return false;
        take_between(w, ret);
        return true;
    }
    take_entity(w, ret);
    return true;
}
