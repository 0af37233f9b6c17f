/* Octets out: the interface that bodies are pushed into, and a buffered file. */
#ifndef HAUL_IO_OUT_H
#define HAUL_IO_OUT_H

#include "base/err.h"

#include <stdint.h>

typedef struct haul_out haul_out;
struct haul_out {
    haul_rc (*write)(haul_out *o, const void *p, size_t n, haul_err *e);
};

HAUL_MUST_USE static inline haul_rc haul_out_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    return n ? o->write(o, p, n, e) : HAUL_OK;
}

#define HAUL_OUT_BUFFER (256u * 1024u)

/* A buffered file for appending. Zero-initialise fd to -1 with haul_file_init. */
typedef struct haul_file {
    haul_out out; /* push into &f->out */
    int fd;
    char *buf;
    size_t used;
    uint64_t offset;  /* octets in the file including the buffered ones */
    const char *name; /* borrowed, for messages */
} haul_file;

/* Owns fd; offset is where writing starts. */
void haul_file_init(haul_file *f, int fd, uint64_t offset, const char *name);
HAUL_MUST_USE haul_rc haul_file_flush(haul_file *f, haul_err *e);
/* Flush and close; may fail. haul_file_done drops what is buffered and cannot fail. */
HAUL_MUST_USE haul_rc haul_file_close(haul_file *f, haul_err *e);
void haul_file_done(haul_file *f);

/* Write all n octets to fd, going on after short writes and EINTR. HAUL_E_TARGET names `name`. */
HAUL_MUST_USE haul_rc haul_write_all(int fd, const void *p, size_t n, const char *name, haul_err *e);
/* The same from octet `at` of the file on; its position is neither used nor moved. */
HAUL_MUST_USE haul_rc haul_write_at(int fd, uint64_t at, const void *p, size_t n, const char *name,
                                    haul_err *e);

#endif
