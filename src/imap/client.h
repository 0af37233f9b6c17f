/* Commands over a connection, many at a time: each is queued, sent as the server lets it, answered in order.
 *
 * A command is text in pieces; before a piece that follows a synchronising literal the server must have said "+". A
 * command that was refused at such a place is not sent further. BAD is the end of the connection: a server that
 * did not understand what precedes a literal may take the literal for commands (docs/formats/imap.md [imap-20]). */
#ifndef HAUL_IMAP_CLIENT_H
#define HAUL_IMAP_CLIENT_H

#include "imap/conn.h"
#include "imap/wire.h"
#include "io/spool.h"

typedef struct haul_imap_client haul_imap_client;
typedef struct haul_imap_command haul_imap_command;

typedef struct haul_imap_piece {
    bool wait;         /* the server must have said "+" first */
    size_t at, len;    /* octets of the command's text … */
    haul_spool *spool; /* … or, where set, the canonical form of this body (len octets), borrowed */
} haul_imap_piece;

struct haul_imap_command {
    haul_imap_command *next;
    haul_str text; /* room for the tag and a blank, then "APPEND …"; ends with CRLF */
    haul_imap_piece *pieces;
    size_t n_pieces;
    /* An untagged reply that came while this was the oldest command that takes any. May be NULL. */
    void (*data)(haul_imap_command *c, const haul_imap_reply *r);
    /* The tagged reply: OK or NO. The command is freed when this returns, unless keep is set. May be NULL. */
    void (*tagged)(haul_imap_command *c, const haul_imap_reply *r);
    void *ctx;
    haul_imap_client *client;
    bool keep;
    bool literal; /* it holds one: BAD ends the connection */
    /* set by the client */
    char tag[12];
    size_t piece, sent;
    haul_str early; /* the answer, where it came before the whole command was sent */
    bool done;
    haul_str bad; /* "BAD …": the answer that ended the connection */
    int64_t queued_ms;
};

/* End the text under way as one piece; the next one begins behind it. */
void haul_imap_piece_end(haul_imap_command *c, bool wait_before_next);
/* A body as a piece of its own, canonical, `size` octets; must outlive the command. */
void haul_imap_piece_body(haul_imap_command *c, haul_spool *body, uint64_t size);
haul_imap_command *haul_imap_command_new(const char *fmt, ...) HAUL_PRINTF(1, 2);
void haul_imap_command_free(haul_imap_command *c); /* NULL is accepted */

struct haul_imap_client {
    haul_conn *conn;
    haul_imap_reader reader;
    bool taken; /* the reader holds a reply that haul_imap_next_reply gave */
    char *in;   /* octets read and not yet taken: in[in_at..in_len) */
    size_t in_at, in_len;
    haul_imap_command *first, **last, *sending; /* queue; `sending` is the first not wholly sent, or NULL */
    size_t n_queued;
    bool has_early;
    bool go_on;  /* "+" came for `sending` */
    char *chunk; /* of a body under way: chunk[chunk_at..chunk_len) */
    size_t chunk_at, chunk_len;
    haul_spool_cursor cursor;
    uint32_t tags;
    haul_rc dead; /* and why */
    haul_err why;
    haul_str bye;
    int64_t heard_ms, spoke_ms; /* when octets last came, or went */
    unsigned silence_s;         /* with commands waiting; then the connection counts as lost */
    bool (*waiting)(void *ctx, const char *phase);
    void *ctx;
};

/* Takes the connection. */
void haul_imap_client_init(haul_imap_client *c, haul_conn *conn);
/* Close it; commands without an answer are freed. */
void haul_imap_client_done(haul_imap_client *c);
/* Put a command at the end of the queue; it is the client's from here on. */
void haul_imap_queue(haul_imap_client *c, haul_imap_command *cmd);
/* Send and take in what is possible now. Not HAUL_OK: the connection is lost, the same code ever after. */
HAUL_MUST_USE haul_rc haul_imap_pump(haul_imap_client *c, haul_err *e);
/* Whether the pump would send if the socket took octets. */
bool haul_imap_wants_write(const haul_imap_client *c);
/* The client's connection is lost when it has been silent for too long while commands wait. */
HAUL_MUST_USE haul_rc haul_imap_check_silence(haul_imap_client *c, haul_err *e);

typedef struct haul_imap_result { /* zero-initialised; of one command that was waited for */
    haul_imap_kind kind;
    haul_str code, text;
} haul_imap_result;
void haul_imap_result_done(haul_imap_result *r);
bool haul_imap_result_is(const haul_imap_result *r, const char *code); /* its response code */

/* Queue cmd, wait for its answer. OK also for NO, which is in *ret (may be NULL). Not OK: lost, or HAUL_E_INTERRUPTED. */
HAUL_MUST_USE haul_rc haul_imap_run(haul_imap_client *c, haul_imap_command *cmd, haul_imap_result *ret,
                                    haul_err *e);
/* Queue all of them, wait for every answer, OK or NO. An untagged reply may come to any one's data: let it be the same. */
HAUL_MUST_USE haul_rc haul_imap_run_all(haul_imap_client *c, haul_imap_command *const *cmds, size_t n,
                                        haul_err *e);
/* Wait until a queued command is done; it was queued with keep, and is the caller's to free in any case but a lost
 * connection, whose queue it stays in. */
HAUL_MUST_USE haul_rc haul_imap_wait(haul_imap_client *c, haul_imap_command *cmd, haul_err *e);
/* The same, NO being a failure: "fmt: the server said: …". */
HAUL_MUST_USE haul_rc haul_imap_must(haul_imap_client *c, haul_imap_command *cmd, haul_rc code,
                                     const char *doing, haul_err *e);

/* For what must not lie in ordinary memory: send all of p at once; nothing may be queued. */
HAUL_MUST_USE haul_rc haul_imap_send_now(haul_imap_client *c, const char *p, size_t n, haul_err *e);
/* The next reply; *ret lives until the next call on c. Nothing may be queued. */
HAUL_MUST_USE haul_rc haul_imap_next_reply(haul_imap_client *c, haul_imap_reply *ret, haul_err *e);
void haul_imap_next_tag(haul_imap_client *c, char tag[12]);

#endif
