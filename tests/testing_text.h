/* Files with a time, and looking into dumps: shared by the tests of formats that are trees of files. */
#ifndef HAUL_TESTING_TEXT_H
#define HAUL_TESTING_TEXT_H

#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MESSAGE "From: a@example.org\nSubject: one\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\ntext\n"

HAUL_UNUSED static void put(const char *path, const char *text, int64_t seconds)
{
    testing_write(path, text, strlen(text));
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Substring of a dump, with the dump shown when it is missing. */
HAUL_UNUSED static void has(const char *dump, const char *want)
{
    cr_expect(strstr(dump, want) != NULL, "no \"%s\" in\n%s", want, dump);
}

HAUL_UNUSED static void has_not(const char *dump, const char *want)
{
    cr_expect(strstr(dump, want) == NULL, "\"%s\" in\n%s", want, dump);
}

HAUL_UNUSED static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

#endif
