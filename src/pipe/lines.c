#include "pipe/lines.h"

#include "base/utf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536u

static haul_rc load(int fd, const char *file, size_t max, haul_str *to, haul_err *e)
{
    for (;;) {
        haul_str_room(to, CHUNK);
        ssize_t n = read(fd, to->p + to->len, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_USAGE, "%s", file);
        to->len += (size_t)n;
        to->p[to->len] = '\0';
        if (!n)
            return HAUL_OK;
        if (to->len > max)
            return haul_fail(e, HAUL_E_USAGE, "%s: larger than %zu octets", file, max);
    }
}

static haul_rc check(const char *file, const haul_str *s, haul_err *e)
{
    unsigned line = 0;
    for (size_t at = 0; at < s->len;) {
        const char *eol = memchr(s->p + at, '\n', s->len - at);
        size_t n = eol ? (size_t)(eol - s->p) - at : s->len - at;
        line++;
        if (!haul_utf8_valid(s->p + at, n) || memchr(s->p + at, 0, n))
            return haul_fail(e, HAUL_E_USAGE, "%s: line %u is not UTF-8", file, line);
        at += n + 1;
    }
    return HAUL_OK;
}

haul_rc haul_lines_load(const char *file, size_t max, haul_str *to, haul_err *e)
{
    haul_auto_fd int fd = open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_USAGE, "%s", file);
    haul_str_clear(to);
    haul_rc rc = load(fd, file, max, to, e);
    return rc == HAUL_OK ? check(file, to, e) : rc;
}

bool haul_lines_next(haul_lines *l, haul_span *ret)
{
    if (!l->at && l->n >= 3 && memcmp(l->p, "\xef\xbb\xbf", 3) == 0)
        l->at = 3;
    while (l->at < l->n) {
        const char *p = l->p + l->at, *eol = memchr(p, '\n', l->n - l->at);
        size_t n = eol ? (size_t)(eol - p) : l->n - l->at;
        l->at += n + 1;
        l->line++;
        haul_span s = haul_span_trim((haul_span){p, n});
        if (!s.len || *s.p == '#')
            continue;
        if (s.len > 1 && s.p[0] == '\\' && s.p[1] == '#')
            s = (haul_span){s.p + 1, s.len - 1};
        *ret = s;
        return true;
    }
    return false;
}
