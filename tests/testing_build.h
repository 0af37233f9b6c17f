/* Messages built from MAPI objects, looked at by GMime's parser. */
#ifndef HAUL_TESTING_BUILD_H
#define HAUL_TESTING_BUILD_H

#include "mime/build.h"
#include "testing_mapi.h"

/* haul_mapi_fill and haul_mapi_build: the message as text, NUL-terminated, malloc'd. */
char *testing_build(haul_mapi *o, haul_msg *m, const haul_build_options *opt);
/* The tree of a message as GMime sees it: "multipart/mixed(text/plain image/png[a.png] message/rfc822{text/plain})". malloc'd. */
char *testing_outline(const char *message);
/* The decoded content of part "2.1" (children from 1; "1" of a message without parts is its body; the part of a
 * message/rfc822 is its inner message); appended to `to`. False when there is none. */
bool testing_part(const char *message, const char *path, haul_str *to);
/* Names of the issues of m, blanks between, in order of occurrence; malloc'd. */
char *testing_issues(const haul_msg *m);

#endif
