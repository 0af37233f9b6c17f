/* A server of canned lines on loopback: a forked child that follows a script, and says what was not as it should be. */
#ifndef HAUL_TESTING_SERVER_H
#define HAUL_TESTING_SERVER_H

#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

/* A script is lines, ended by NULL:
 *   "S text"   send the text and CRLF; "s text" without CRLF
 *   "C text"   read a line; it has to end with the text (tags stand in front)
 *   "B n"      read n octets, whatever they are; their sum stands for %x in the "S" lines behind it; %t there is the tag of the last line that was read
 *   "Q ms"     nothing may come for so long
 *   "P ms"     pause
 *   "N"        answer every NOOP with OK, until another command comes, which is left to the next "C"
 *   "X"        reset the connection: nothing more is sent or read
 *   "---"      the connection is closed and the next one accepted
 * At its end the connection is closed once the client has closed it. What libcurl asks first is answered by itself: greeting
 * and CAPABILITY with the words of `caps`. */
typedef struct testing_server {
    pid_t pid;
    unsigned port;
} testing_server;

testing_server testing_server_start(const char *caps, const char *const *script);
/* Wait for its end. True: all went as the script says; else it has written to standard error what did not. */
bool testing_server_done(const testing_server *s);

/* The sum of "B", from 0. */
uint64_t testing_sum(uint64_t sum, const char *p, size_t n);

#endif
