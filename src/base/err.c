#include "base/err.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OOM_STATUS 4

typedef struct rc_row {
    haul_rc rc;
    int status;
    const char *name, *text;
} rc_row;

static const rc_row ROWS[] = {
#define X(id, value, label, exit_status, sentence)                                                           \
    {.rc = HAUL_##id, .status = (exit_status), .name = (label), .text = (sentence)},
    HAUL_RC_LIST(X)
#undef X
};

static const rc_row *row_of(haul_rc rc)
{
    static const rc_row unknown = {.status = 1, .name = "unknown", .text = "an unknown result code"};
    for (size_t i = 0; i < HAUL_COUNT(ROWS); i++)
        if (ROWS[i].rc == rc)
            return &ROWS[i];
    return &unknown;
}

const char *haul_rc_name(haul_rc rc)
{
    return row_of(rc)->name;
}

const char *haul_rc_text(haul_rc rc)
{
    return row_of(rc)->text;
}

int haul_rc_exit(haul_rc rc)
{
    return row_of(rc)->status;
}

/* Let a text of which vsnprintf wanted `full` octets end in "…", on a character boundary. */
static void mark_cut(char *text, size_t full)
{
    static const char more[] = "…";
    if (full < HAUL_ERR_TEXT)
        return;
    size_t at = HAUL_ERR_TEXT - sizeof(more);
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, more, sizeof(more));
}

/* Append to the text at *len, which counts what did not fit as well. */
HAUL_PRINTF(3, 0) static void append(char *text, size_t *len, const char *fmt, va_list args)
{
    size_t at = *len < HAUL_ERR_TEXT ? *len : HAUL_ERR_TEXT - 1;
    int n = vsnprintf(text + at, HAUL_ERR_TEXT - at, fmt, args);
    *len += n > 0 ? (size_t)n : 0;
}

static void append_text(char *text, size_t *len, const char *z)
{
    size_t at = *len < HAUL_ERR_TEXT ? *len : HAUL_ERR_TEXT - 1;
    int n = snprintf(text + at, HAUL_ERR_TEXT - at, "%s", z);
    *len += n > 0 ? (size_t)n : 0;
}

haul_rc haul_fail(haul_err *e, haul_rc rc, const char *fmt, ...)
{
    if (!e)
        return rc;
    char text[HAUL_ERR_TEXT] = ""; /* the arguments may point into e->text */
    size_t len = 0;
    va_list args;
    va_start(args, fmt);
    append(text, &len, fmt, args);
    va_end(args);
    mark_cut(text, len);
    memcpy(e->text, text, sizeof(text));
    e->rc = rc;
    e->sys = 0;
    return rc;
}

/* The text of errno that is the same in every locale of the host. */
static const char *sys_text(int sys)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c ? strerror_l(sys, c) : "system error";
}

haul_rc haul_fail_sys(haul_err *e, haul_rc rc, const char *fmt, ...)
{
    int sys = errno;
    if (!e)
        return rc;
    char text[HAUL_ERR_TEXT] = "";
    size_t len = 0;
    va_list args;
    va_start(args, fmt);
    append(text, &len, fmt, args);
    va_end(args);
    append_text(text, &len, ": ");
    append_text(text, &len, sys_text(sys));
    mark_cut(text, len);
    memcpy(e->text, text, sizeof(text));
    e->rc = rc;
    e->sys = sys;
    errno = sys;
    return rc;
}

haul_rc haul_wrap(haul_err *e, haul_rc rc, const char *fmt, ...)
{
    if (!e)
        return rc;
    char text[HAUL_ERR_TEXT] = "";
    size_t len = 0;
    va_list args;
    va_start(args, fmt);
    append(text, &len, fmt, args);
    va_end(args);
    append_text(text, &len, ": ");
    append_text(text, &len, e->text);
    mark_cut(text, len);
    memcpy(e->text, text, sizeof(text));
    e->rc = rc;
    return rc;
}

void haul_oom(void)
{
    static const char line[] = "mailhaul: out of memory; run the same command again to go on\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(OOM_STATUS);
}

void *haul_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        haul_oom();
    return p;
}

void *haul_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        haul_oom();
    return p;
}

void *haul_realloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (!grown)
        haul_oom();
    return grown;
}

void *haul_grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? *cap * 2 : 64;
    return haul_realloc(v, *cap * size);
}

char *haul_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(haul_alloc(n), s, n);
}
