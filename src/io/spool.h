/* The body spool: where one message comes to rest between reader and sinks.
 *
 * It is pushed into (it is a haul_out), lives in memory up to HAUL_SPOOL_MEMORY octets and in an
 * unlinked temporary file beyond, and learns on the way what every sink wants to know before its
 * first octet leaves: size, line ends, and the digest. */
#ifndef HAUL_IO_SPOOL_H
#define HAUL_IO_SPOOL_H

#include "base/hash.h"
#include "io/eol.h"
#include "io/out.h"

#include <stdbool.h>

#define HAUL_SPOOL_MEMORY (8u * 1024u * 1024u) /* octets kept in memory, beyond that a file */

/* Facts about the octets, complete after haul_spool_freeze. A line end is LF or CRLF. */
typedef struct haul_spool_facts {
    uint64_t size;                   /* octets as they are */
    uint64_t lf;                     /* line ends that are a bare LF */
    uint64_t crlf;                   /* line ends that are CRLF */
    uint64_t bare_cr;                /* CR not followed by LF */
    uint64_t cr_crlf;                /* CR CR LF: cannot be told from CRLF once line ends are turned to LF */
    uint64_t nul;                    /* NUL octets */
    bool eight_bit;                  /* any octet above 127 */
    bool final_eol;                  /* the last octet is LF; true for an empty body */
    uint8_t sha256[HAUL_SHA256_LEN]; /* of the canonical form: every line end CRLF */
} haul_spool_facts;
/* Octets of the canonical form: facts.size + facts.lf. */

typedef struct haul_spool haul_spool;

/* digest false: facts only, for inspect. */
haul_spool *haul_spool_new(bool digest);
void haul_spool_free(haul_spool *s);
HAUL_DEFINE_AUTO(haul_spool, haul_spool_free)
haul_out *haul_spool_out(haul_spool *s); /* push the message here */
void haul_spool_reset(haul_spool *s);    /* empty again; keeps its memory, drops its file */
/* No more octets: computes the facts. Afterwards the spool may be read any number of times. */
HAUL_MUST_USE haul_rc haul_spool_freeze(haul_spool *s, haul_err *e);
const haul_spool_facts *haul_spool_get_facts(const haul_spool *s);
/* Up to max octets from the start, for header parsing: memory when it is there, else read back
 * into a buffer of the spool. Valid until the next call on s. */
HAUL_MUST_USE haul_rc haul_spool_head(haul_spool *s, size_t max, const char **ret_p, size_t *ret_n,
                                      haul_err *e);
/* All of it, as it is, at one place: memory, or for what is in the file a mapping, so that nothing is read before it is
 * looked at. After the freeze; valid until the spool is reset or freed. HAUL_E_TARGET: it cannot be mapped. */
HAUL_MUST_USE haul_rc haul_spool_map(haul_spool *s, const char **ret_p, size_t *ret_n, haul_err *e);

/* Of that mapping: the n octets at p are not looked at for now; their memory goes, and comes back when they are. */
void haul_spool_let_go(haul_spool *s, const char *p, size_t n);

/* Line ends of a copy. LF of a body with cr_crlf > 0 would change the message: haul_spool_copy
 * refuses nothing, so sinks ask haul_eol_for() first. */
typedef enum haul_eol { HAUL_EOL_KEEP, HAUL_EOL_LF, HAUL_EOL_CRLF } haul_eol;
/* What `want` becomes for this body: KEEP where nothing needs changing, or where LF would lose CR CR LF. */
haul_eol haul_eol_for(const haul_spool_facts *f, haul_eol want);
/* Octets that haul_spool_copy will write. */
uint64_t haul_eol_size(const haul_spool_facts *f, haul_eol eol);
HAUL_MUST_USE haul_rc haul_spool_copy(haul_spool *s, haul_eol eol, haul_out *to, haul_err *e);
/* The canonical form (CRLF) pulled piece by piece, for a sender that is not always ready. */
typedef struct haul_spool_cursor { /* zero-initialised = at the start */
    uint64_t at;
    haul_eol_state eol;
} haul_spool_cursor;
/* The next octets, at most cap (no less than HAUL_SPOOL_PULL_MIN); *ret_n 0 = the end. */
#define HAUL_SPOOL_PULL_MIN 1024u
HAUL_MUST_USE haul_rc haul_spool_pull(haul_spool *s, haul_spool_cursor *c, char *to, size_t cap,
                                      size_t *ret_n, haul_err *e);
/* haul_spool_copy straight into a file descriptor; unchanged in-memory bodies leave in one write. */
HAUL_MUST_USE haul_rc haul_spool_to_fd(haul_spool *s, haul_eol eol, int fd, const char *name, haul_err *e);

#endif
