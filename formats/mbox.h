/* MBOX inside: one file read as a stream of messages, and the walk over trees of such files.
 * Rules: docs/formats/mbox.md [mbox-1]… */
#ifndef HAUL_FORMATS_MBOX_H
#define HAUL_FORMATS_MBOX_H

#include "mbox_vault.h"
#include "mime/status.h"
#include "model/format.h"

#define HAUL_MBOX_FROM_MAX  4096u                       /* octets of a From_ line that are looked at */
#define HAUL_MBOX_LOOK      (HAUL_MBOX_FROM_MAX + 512u) /* ahead of a line to judge it: [mbox-10] */
#define HAUL_MBOX_AHEAD     (1024u * 1024u) /* next() looks for the end of a message no further than this */
#define HAUL_MBOX_QUOTE_MAX 65536u          /* '>' in a row that still count as quoting of From_ lines */
#define HAUL_MBOX_META      "X-Mailhaul-Meta"
#define HAUL_MBOX_META_MAX  16u /* lines that the block in front of a message may hold */

/* ── separators (mbox_split.c) ── */

typedef struct haul_mbox_line { /* one From_ line, taken apart */
    size_t len;                 /* octets up to its line end, at most HAUL_MBOX_FROM_MAX */
    haul_span sender;           /* between "From " and the date, or all of it; borrowed */
    bool dated;                 /* a date was read into received_us and tz */
    bool exact;                 /* to the second, or "Fri May" in front */
    bool plain;                 /* at most one address, one date, nothing odd */
    int64_t received_us;
    int16_t tz;
    uint64_t shape; /* digest of the classes of its tokens: equal for lines of one writer */
} haul_mbox_line;

/* Parse the line at p, which begins with "From ". Never fails: an odd line is not `plain`. */
void haul_mbox_parse_line(const char *p, size_t n, char eol, haul_mbox_line *ret);

/* Octets of the quoted string at p with its quotes; 0 when p begins with none or it does not close. */
size_t haul_mbox_quoted_length(const char *p, size_t n);
/* The address in what stands before the date: within <>, else the first token when it has an @, else all. */
haul_span haul_mbox_address(haul_span sender);

/* True for what Vault calls a message in its From_ line: digits, "-", a UUID, ".mbox". [mbox-62] */
bool haul_mbox_is_vault_name(const char *p, size_t n);

typedef enum haul_mbox_verdict {
    HAUL_MBOX_TEXT,        /* plainly no separator */
    HAUL_MBOX_DOUBT_TEXT,  /* taken as text, to be reported */
    HAUL_MBOX_DOUBT_SPLIT, /* taken as a separator, to be reported */
    HAUL_MBOX_SPLIT,       /* a separator */
} haul_mbox_verdict;

/* Judge the line at p (beginning with "From "): p[0..n) holds HAUL_MBOX_LOOK octets or all up to the end of
 * the file. blank: the line before is empty, or there is none. shape: that of the file's first separator, 0 =
 * none yet. *ret_why: the missing criterion in words. Source: [mbox-10]…[mbox-14]. */
haul_mbox_verdict haul_mbox_judge(const char *p, size_t n, char eol, bool blank, uint64_t shape,
                                  const char **ret_why);
/* A separator for Content-Length: dated, or of the file's shape. */
bool haul_mbox_lands(const char *p, size_t n, char eol, uint64_t shape);

/* The first position in [p, end) that holds eol followed by 'F' or '>' within the range; NULL when none. */
const char *haul_mbox_find(const char *p, const char *end, char eol);
/* True when the line at p matches ^>+From_ (quoted), within n octets. *ret_more: undecided, n is too short. */
bool haul_mbox_is_quoted(const char *p, size_t n, bool *ret_more);
/* Octets of the empty line that ends right before p+at (0, 1 or 2), `start` = a line begins at p. */
size_t haul_mbox_blank_before(const char *p, size_t at, char eol, bool start);
/* Length of the header section at p with its empty line, 0 when there is none; like haul_header_length but
 * for any line end. */
size_t haul_mbox_header_length(const char *p, size_t n, char eol);
/* A file called .mbox that does not begin with a From_ line may still be one, damaged at its front: it holds
 * a From_ line within n octets, or begins with a header. [mbox-5] */
bool haul_mbox_may_lead(const char *p, size_t n);
/* Octets in front of the first From_ line that belong to no message: a byte order mark, empty lines, NULs. */
size_t haul_mbox_preamble(const char *p, size_t n);
bool haul_mbox_starts_from(const char *p, size_t n); /* "From " */

/* ── one file (mbox_read.c) ── */

typedef enum haul_mbox_quoting {
    HAUL_MBOX_AUTO,
    HAUL_MBOX_RD,
    HAUL_MBOX_O,
    HAUL_MBOX_NONE
} haul_mbox_quoting;

typedef struct haul_mbox {
    haul_in *in;               /* owned */
    haul_mbox_quoting quoting; /* option */
    /* Doubts found while a body that nobody wants is skipped; may be NULL. */
    void (*report)(void *ctx, haul_issue_id id, const char *detail);
    void *ctx;
    char eol;       /* '\n', or '\r' for files of old Macs */
    uint64_t shape; /* of the first separator */
    bool begun, done;
    /* the current message; offsets count from the start of the unpacked file */
    uint64_t sep_at;           /* its From_ line */
    uint64_t content_at;       /* its first octet, after From_ line and block */
    uint64_t header_end;       /* first octet after its header section */
    uint64_t scanned;          /* no separator before this */
    uint64_t end, next_at;     /* valid when ended: its end, and the next From_ line or end of file */
    uint64_t quoted;           /* quoted lines before `scanned` */
    uint64_t lands_at;         /* where Content-Length ends it; 0 = none or refuted */
    bool at_from;              /* standing on a separator */
    bool leading;              /* the message is text before the first separator: it owns all its octets */
    bool ended, last;          /* the end is known; it is the end of the file */
    bool resolved;             /* Content-Length was looked up at its landing point */
    bool quoted_all;           /* unquote in the header section too */
    bool no_unquote, no_final; /* the octets are verbatim; the last line end is not the message's */
    bool line_start;           /* of the next octet to be pushed */
    bool block;                /* the block in front was ours: its flags are the only ones */
    haul_status status;        /* of the current message */
    haul_str from;             /* the first word of its From_ line */
    haul_str scratch;
} haul_mbox;

/* Take `in` (owned from here on, whatever happens). mb is zeroed by the caller but for quoting and report. */
void haul_mbox_start(haul_mbox *mb, haul_in *in);
void haul_mbox_done(haul_mbox *mb);
/* True when the file begins as an mbox does; an empty file: *ret_empty. */
HAUL_MUST_USE haul_rc haul_mbox_check(haul_mbox *mb, bool *ret_is, bool *ret_empty, haul_err *e);
/* Step to the next message and fill m with all but key, place and folder; OK, END or < 0. */
HAUL_MUST_USE haul_rc haul_mbox_next(haul_mbox *mb, haul_msg *m, haul_err *e);
/* Push its octets; to NULL = skip them. m may be NULL when skipping. */
HAUL_MUST_USE haul_rc haul_mbox_body(haul_mbox *mb, haul_msg *m, haul_out *to, haul_err *e);

/* ── trees (mbox_tree.c) ── */

typedef struct haul_mbox_frame haul_mbox_frame;

typedef struct haul_mbox_walk {
    haul_reader *r;
    haul_folders folders;
    haul_mbox_frame *top; /* the directory being read; NULL when all is read */
    haul_vault *vault;    /* what lies beside the files, NULL = nothing */
    haul_arena arena;     /* of the current file's names */
    const char *path;     /* of the current file in the tree */
    const char *text;     /* its folder as raw names joined by '/': what stored_as of our sink says */
    uint32_t folder;
    haul_in *in;    /* the file that was found, until somebody takes it */
    size_t emitted; /* folders that were given out */
    bool file_done; /* single-file source: read */
} haul_mbox_walk;

/* Begin at the root. */
HAUL_MUST_USE haul_rc haul_mbox_walk_start(haul_mbox_walk *w, haul_reader *r, haul_err *e);
/* Go on to the next mbox file: w->in, path, text, folder are set and its folders declared in w->folders.
 * END when there is none. A file that cannot be opened is reported and passed over. */
HAUL_MUST_USE haul_rc haul_mbox_walk_next(haul_mbox_walk *w, haul_err *e);
void haul_mbox_walk_done(haul_mbox_walk *w);
/* The name ends in .mbox or .mbx, packing aside. */
bool haul_mbox_is_named(const char *file);
/* A file name without packing and mbox suffixes, as valid UTF-8: what places begin with. In `to`, emptied first. */
const char *haul_mbox_text(const char *file, haul_str *to);
/* The name of a folder as its file says: without .mbox, .mbx and packing suffixes, escapes undone. */
const char *haul_mbox_name(haul_arena *a, const char *file, bool suffixes, bool *ret_guessed);

/* ── options and sink ── */

extern const haul_format_option haul_mbox_options[];
enum { HAUL_MBOX_OPT_VARIANT, HAUL_MBOX_OPT_LAYOUT, HAUL_MBOX_OPT_QUOTING, HAUL_MBOX_OPT_LABELS };
typedef enum haul_mbox_variant {
    HAUL_MBOX_MBOXRD,
    HAUL_MBOX_MBOXO,
    HAUL_MBOX_MBOXCL,
    HAUL_MBOX_MBOXCL2,
} haul_mbox_variant;
typedef enum haul_mbox_layout {
    HAUL_MBOX_LAYOUT_AUTO,
    HAUL_MBOX_LAYOUT_FILE,
    HAUL_MBOX_LAYOUT_TREE,
    HAUL_MBOX_LAYOUT_THUNDERBIRD,
} haul_mbox_layout;

extern const haul_sink_ops haul_mbox_sink;
extern const haul_naming haul_mbox_naming_tree, haul_mbox_naming_thunderbird;

#endif
