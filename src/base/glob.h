/* Patterns of folder and path names: those of fnmatch (POSIX.1-2017, Shell 2.13), for UTF-8 on every machine. */
#ifndef HAUL_BASE_GLOB_H
#define HAUL_BASE_GLOB_H

#include <stdbool.h>

/* `*`, `?` (a character), `[…]`, and `\` in front of one of them to mean itself; all match '/', too. leading: what is in front of a '/' is
 * enough. */
bool haul_glob(const char *glob, const char *text, bool leading);

#endif
