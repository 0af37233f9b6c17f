/* Buffered octets in: peek at what is ahead, consume what is done with. One object for files, gzip,
 * archive members and memory; readers never see which. */
#ifndef HAUL_IO_IN_H
#define HAUL_IO_IN_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define HAUL_IN_CHUNK    (256u * 1024u)        /* octets asked of a source at a time */
#define HAUL_IN_PEEK_MAX (64u * 1024u * 1024u) /* the largest window anybody may ask for */

typedef struct haul_in haul_in;

/* What feeds a haul_in. read: up to n octets into to; 0 = end; < 0 = failed, *e filled. */
typedef struct haul_feed {
    ssize_t (*read)(void *ctx, void *to, size_t n, haul_err *e);
    void (*close)(void *ctx); /* may be NULL */
    void *ctx;
} haul_feed;

haul_in *haul_in_new(haul_feed feed);
haul_in *haul_in_from_fd(int fd, const char *name); /* owns fd; name is copied for messages */
/* Borrows p for its lifetime. `step` > 0 hands out at most that many octets a read: tests feed
 * every parser one octet at a time with it. */
haul_in *haul_in_from_mem(const void *p, size_t n, size_t step);
/* Reuse an object, and its buffer, for another feed or file descriptor (owned): one allocation for a
 * million files. What fed it before is closed. */
void haul_in_reopen(haul_in *in, haul_feed feed);
void haul_in_reopen_fd(haul_in *in, int fd);
/* Name the file for messages (copied), and say what size fstat gave (UINT64_MAX: unknown): a short read
 * that reaches it is taken for the last one. A file that is longer, or shorter, is still read to its end. */
void haul_in_describe(haul_in *in, const char *name, uint64_t size);
/* Of a regular file: octets that the disk cannot read (EIO) are NULs from here on, 512 at a time, and reading goes on behind them;
 * HAUL_IN_LOST_MAX of them at most. Nothing for other feeds: half of a compressed stream is worth nothing. */
#define HAUL_IN_LOST_MAX (UINT64_C(64) * 1024 * 1024)
void haul_in_read_on(haul_in *in);
/* How many of the octets [from, to) that was; *ret_first: the offset of the first. */
uint64_t haul_in_lost(const haul_in *in, uint64_t from, uint64_t to, uint64_t *ret_first);
void haul_in_close(haul_in *in); /* NULL is accepted */
HAUL_DEFINE_AUTO(haul_in, haul_in_close)

/* See at least `want` octets ahead, or all there are before the end. *ret_p stays valid until the next
 * call on in. *ret_n may be larger than want: everything buffered. At the end *ret_n < want, 0 = no more.
 * want > HAUL_IN_PEEK_MAX is cut to it. Fails only when the feed fails (HAUL_E_SOURCE, HAUL_E_LIMIT), and
 * then again at each call; the octets before the failure can still be had with a want that they satisfy. */
HAUL_MUST_USE haul_rc haul_in_peek(haul_in *in, size_t want, const char **ret_p, size_t *ret_n, haul_err *e);
/* Step over n octets, n at most what the last peek showed. */
void haul_in_consume(haul_in *in, size_t n);
/* See the next line, of at most max octets, as haul_in_peek does. Its LF is not counted, and not consumed: that takes *ret_n + 1.
 * *ret_p NULL: there is no LF so near; *ret_n is what there is instead, 0 = the end, more than max = a longer line. */
HAUL_MUST_USE haul_rc haul_in_line(haul_in *in, size_t max, const char **ret_p, size_t *ret_n, haul_err *e);
/* Octets consumed since the start: the offset of the next octet, for error messages. */
uint64_t haul_in_offset(const haul_in *in);

/* Wrap a compressed stream: gzip through zlib (many members, as `cat a.gz b.gz`), zstd, xz, bzip2
 * through libarchive. Owns inner. A corrupt or truncated stream fails at the octet where it breaks. */
HAUL_MUST_USE haul_rc haul_in_gunzip(haul_in *inner, haul_in **ret, haul_err *e);
HAUL_MUST_USE haul_rc haul_in_decompress(haul_in *inner, haul_in **ret, haul_err *e);
#define HAUL_PACKED_HEAD 10u
/* True when the first octets (HAUL_PACKED_HEAD are enough) are those of gzip, zstd, xz or bzip2 data. */
bool haul_in_is_packed(const char *p, size_t n);
/* Look at the first octets: gzip, zstd, xz and bzip2 are unpacked, everything else returned as it is.
 * Takes inner in every case; on failure inner is closed. */
HAUL_MUST_USE haul_rc haul_in_auto(haul_in *inner, haul_in **ret, haul_err *e);

#endif
