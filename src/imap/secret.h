/* A password or token in memory, and where it comes from.
 *
 * The octets have pages of their own: never in a core dump, not in a forked child, locked against swapping where the
 * system lets us, wiped before they are given back. They do not pass through haul_str, stdio or the text of an error.
 * What libcrypto and libcurl copy for themselves is out of reach: a program that holds secrets still turns its core
 * dumps off (HAUL_CONFINE_CORE). */
#ifndef HAUL_IMAP_SECRET_H
#define HAUL_IMAP_SECRET_H

#include "base/err.h"
#include "model/format.h"

#define HAUL_SECRET_MAX        65536u /* octets of one secret, or of a SASL message */
#define HAUL_SECRET_PROMPT_MAX 4096u  /* octets of an answer to a prompt, NUL included */
#define HAUL_SECRET_COMMAND_MS 60000u /* until a command has to be done */
#define HAUL_SECRET_SHOWN_MIN  4u     /* octets of a secret that is looked for in a text */

typedef struct haul_secret haul_secret;

haul_secret *haul_secret_new(void); /* empty */
void haul_secret_free(haul_secret *s);
HAUL_DEFINE_AUTO(haul_secret, haul_secret_free)
/* Wipe it, keep the pages. */
void haul_secret_clear(haul_secret *s);

/* Append n octets, which may hold NULs; the rest of an array of C strings that ends in NULL; a base64 form (RFC 4648,
 * padded, one line). HAUL_E_AUTH: it would have more than HAUL_SECRET_MAX octets; nothing was appended. */
HAUL_MUST_USE haul_rc haul_secret_add(haul_secret *s, const void *p, size_t n, haul_err *e);
HAUL_MUST_USE haul_rc haul_secret_addv(haul_secret *s, const char *const *z, haul_err *e);
HAUL_MUST_USE haul_rc haul_secret_base64(haul_secret *s, const haul_secret *from, haul_err *e);
HAUL_MUST_USE haul_rc haul_secret_base64n(haul_secret *s, const void *p, size_t n, haul_err *e);
/* haul_secret_cat(s, e, "user=", user, "\1"): at least one C string. */
#define haul_secret_cat(s, e, ...) haul_secret_addv((s), (const char *const[]){__VA_ARGS__, NULL}, (e))
/* Append n zero octets for the caller to write; NULL: too many. */
void *haul_secret_grow(haul_secret *s, size_t n);
/* Keep the first n octets, wipe the others. n ≥ the length: nothing happens. */
void haul_secret_cut(haul_secret *s, size_t n);

/* The octets, NUL-terminated, aligned for any object. The address stays the same until the secret is freed. */
const char *haul_secret_text(const haul_secret *s);
size_t haul_secret_len(const haul_secret *s);
/* True when text holds the secret: a server may send back what it was sent, and its words are reported. False for
 * secrets of less than HAUL_SECRET_SHOWN_MIN octets. */
bool haul_secret_shown(const haul_secret *s, const char *text);

/* ── where it comes from ── */

/* Asked in this order: the first that is not NULL (an environment variable: that is set) decides. */
typedef struct haul_secret_source {
    const char *file; /* a path; FIFOs and /dev/fd/N too: its first line, without the line end */
    const char *
        command; /* for /bin/sh -c: the first line it writes; errors and prompts of its own go to the terminal */
    const char *env;     /* the name of a variable, which is overwritten and removed */
    const haul_ask *ask; /* a prompt; may be NULL */
    const char *what;    /* for the prompt and for errors: "password of jo@example.org" */
    unsigned command_ms; /* until the command has to be done; 0 = HAUL_SECRET_COMMAND_MS */
} haul_secret_source;

/* Get the secret; never an empty one.
 *   to           out  emptied first; whole, or empty on failure
 *   ret_exposed  out  may be NULL; true: it came from a file that other users can read
 *   HAUL_E_AUTH         there is none, it is empty, it holds a NUL, or it is longer than HAUL_SECRET_MAX; the command failed
 *                       or took too long (it is killed). The text says which, never what was read.
 *   HAUL_E_INTERRUPTED  a signal came while the command ran (it is killed)
 * Blocks: for the writer of a FIFO, the command, the user. */
HAUL_MUST_USE haul_rc haul_secret_get(const haul_secret_source *src, haul_secret *to, bool *ret_exposed,
                                      haul_err *e);
/* True: another haul_secret_get reads it anew (file, command), as a token that has run out needs it. False: what the
 * environment or the user said must be kept by the caller. */
bool haul_secret_renews(const haul_secret_source *src);

#endif
