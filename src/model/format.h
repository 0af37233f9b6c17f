/* The two vtables that a format plugs in with, and the registry of formats.
 *
 * Order of calls, reader: probe (any number) · open · next* with at most one body after each MESSAGE · close.
 * Order of calls, sink: open · (folder | message | commit)* · finish or give_up · close. All calls come from one thread; what
 * runs beside them is a format's own affair, and calls nothing of the core but haul_sink_issue for a message that it keeps.
 * Source of the shape: docs/architecture.md; how to add one: docs/adding-a-format.md. */
#ifndef HAUL_MODEL_FORMAT_H
#define HAUL_MODEL_FORMAT_H

#include "io/tree.h"
#include "model/finding.h"
#include "model/folder.h"
#include "model/guard.h"
#include "model/limits.h"
#include "model/msg.h"

/* ── options of a format: a table, shown by --help and checked by the core ── */

typedef struct haul_format_option {
    const char *name;    /* without "--": "mbox-variant" */
    const char *choices; /* "mboxrd|mboxo" or NULL for free text */
    const char *value;   /* the default, one of the choices; never NULL */
    const char *help;    /* one line */
} haul_format_option;

/* The choices of an option that is said without a value: "--recover" means "--recover=yes". Its default is "no". */
#define HAUL_OPTION_FLAG "no|yes"
bool haul_option_is_flag(const haul_format_option *o);
/* The choices of an option whose value is free text that may be left out: "--x" means "yes", else it is --x=TEXT. */
#define HAUL_OPTION_OPTIONAL ""
bool haul_option_is_optional(const haul_format_option *o); /* a flag is one, too */
/* Whether value is one of its choices, or they are free. */
bool haul_option_takes(const haul_format_option *o, const char *value);

typedef struct haul_values haul_values; /* what the user said, by option name */
haul_values *haul_values_new(void);
void haul_values_free(haul_values *v);
HAUL_DEFINE_AUTO(haul_values, haul_values_free)
void haul_values_set(haul_values *v, const char *name, const char *value);
/* What was set for o->name, else o->value. */
const char *haul_values_get(const haul_values *v, const haul_format_option *o);
/* Index of that among o->choices. The core has checked it before any format is opened. */
size_t haul_values_choice(const haul_values *v, const haul_format_option *o);

/* ── secrets ── */

/* Ask the user for a secret, without echo. what: "password of jo@example.org". Writes at most cap octets, NUL included.
 * HAUL_E_AUTH: nobody is there to ask. fn may be NULL: the same. */
typedef struct haul_ask {
    haul_rc (*fn)(void *ctx, const char *what, char *to, size_t cap, haul_err *e);
    void *ctx;
} haul_ask;

/* ── readers ── */

#define HAUL_PROBE_HEAD 4096u

typedef struct haul_probe { /* what the core has looked up; probe functions do no I/O of their own */
    const char *label;      /* name of the source; in `files` the path below it ("A/cur/1:2,S") */
    bool is_dir;
    const char *head; /* first octets of the file, unpacked; "" for a directory */
    size_t head_len;
    const haul_entry *entries; /* of the directory, NULL for a file */
    size_t n_entries;
    const struct haul_probe
        *files; /* directory: probes of some files found in it or below, for tree formats */
    size_t n_files;
} haul_probe;

bool haul_probe_has_dir(const haul_probe *p, const char *name); /* among its entries */

typedef enum haul_item_type { HAUL_ITEM_FOLDER, HAUL_ITEM_MESSAGE } haul_item_type;

typedef struct haul_item {
    haul_item_type type;
    haul_folder folder; /* FOLDER: filled by the reader, its strings valid until the next call */
    haul_msg *msg;      /* given empty by the core; MESSAGE and SKIP: filled by the reader */
} haul_item;

typedef struct haul_reader_ops haul_reader_ops;
typedef struct haul_tokens haul_tokens;

/* What verify reads of a target that is no file: the folders that a run of ours wrote to. */
typedef struct haul_remote {
    const char *url;
    const haul_tokens *tokens; /* of the last commit */
    const haul_ask *ask;
    bool full; /* bodies will be asked for, in order */
    /* As in a sink. */
    bool (*waiting)(void *ctx, const char *phase);
    void *ctx;
} haul_remote;

typedef struct haul_reader {
    const haul_reader_ops *ops;
    void *state;               /* ops->state_size octets, zeroed by the core */
    haul_tree *tree;           /* the source, open; owned by the core; NULL for a remote format */
    const haul_remote *remote; /* what is read instead, for a remote format */
    const haul_values *values;
    haul_guard *guard; /* in a confined process: what is about to be touched is said here first; else NULL */
    /* An issue of the source rather than of an item ("a/b.lock: a FIFO"); never NULL. */
    void (*issue)(void *ctx, haul_issue_id id, const char *detail);
    void *issue_ctx;
    bool exclusive;  /* the user chose the format: every file of a tree is this reader's to judge */
    bool later;      /* not the first pass: what is passed over was reported before */
    uint32_t others; /* formats, by index, whose files this reader passed over */
} haul_reader;

struct haul_reader_ops {
    size_t state_size;
    /* Bits verified by what was seen (libarchive's rule), 0 = not this format. Pure. */
    int (*probe)(const haul_probe *p);
    /* close() follows even when this fails. */
    haul_rc (*open)(haul_reader *r, haul_err *e);
    /* OK: *it filled · END: no more, and END again ever after · SKIP: this item is lost, *e says why and
     * it->msg has key, place and folder if known; go on · < 0: the source is lost. A folder comes before
     * any message in it. Metadata only: set what is known without reading the body. */
    haul_rc (*next)(haul_reader *r, haul_item *it, haul_err *e);
    /* Push the octets of the last message, at most once, or never. OK · SKIP: the item is lost or cut
     * short (what was pushed is discarded by the core) · < 0: the source is lost. A failure of `to` is
     * returned as it came. May add issues to the message. */
    haul_rc (*body)(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e);
    void (*close)(haul_reader *r); /* takes any half-open state */
};

void haul_reader_issue(haul_reader *r, haul_issue_id id, const char *fmt, ...) HAUL_PRINTF(3, 4);

/* ── sinks ── */

/* How a target names folders: data for map.c, no code in the sink. */
typedef struct haul_naming {
    const char *reserved; /* octets that may not stand in a component: escaped as %XX, or as `escape` says */
    char escape;          /* '%' → %2F, '=' → =2F; '\\' → \2f (Dovecot's listescape) */
    const char *first;    /* octets that may not begin a component (".") */
    const char *last;     /* octets that may not end one (". ") */
    bool windows_devices; /* CON, NUL, COM1… are escaped */
    bool fold_case;       /* names that differ in case only are kept apart */
    size_t component_max; /* octets of one component after `expand`, 0 = no limit */
    bool mutf7;           /* lengths count in modified UTF-7 */
    const char *suffixes; /* '|'-separated endings that the layout gives a meaning (".sbd|.msf"); escaped */
    const char *const
        *reserved_names; /* whole components the layout needs for itself ("cur"), NULL-ended; or NULL */
    const char *const *reserved_top; /* the same for a top folder only ("[Gmail]"); or NULL */
    bool net_unicode; /* C1 controls and line separators are escaped, too (RFC 5198, RFC 9051 5.1) */
    bool ascii;       /* every octet outside ASCII is escaped */
    bool inbox_root;  /* a top folder named INBOX in any case, or with role inbox, is "INBOX" */
    bool inbox_once;  /* INBOX directly below it is escaped: servers take the two for one */
} haul_naming;

/* Where a component stands; reserved_top and inbox_once look at it. */
typedef enum haul_name_level {
    HAUL_LEVEL_ANY,
    HAUL_LEVEL_TOP,
    HAUL_LEVEL_INBOX /* below INBOX */
} haul_name_level;

/* Write one folder name as naming asks, and read it back. Unescaping returns false, to untouched, when name
 * is not what escaping of some name would have written, so that names of other programs stay as they are.
 * *ret_cut: the name was too long; "~" and 8 hex digits of its digest stand for its end (not reversible). */
void haul_naming_escape(const haul_naming *n, const char *name, haul_str *to, bool *ret_cut);
void haul_naming_escape_at(const haul_naming *n, haul_name_level level, const char *name, haul_str *to,
                           bool *ret_cut);
bool haul_naming_unescape(const haul_naming *n, const char *name, haul_str *to);

/* What the directory of a target's journal is called in it, or beside a file behind the file's name. */
#define HAUL_STATE_DIR ".mailhaul"

typedef struct haul_path { /* a mapped folder in the target */
    size_t n;
    const char *const
        *parts;       /* UTF-8, already escaped by `naming`; the sink adds only its charset and layout */
    const char *text; /* parts joined by '/': unique in the target, for reports and stored_as */
    haul_role role;
    bool known; /* an earlier run declared it, and it was committed */
} haul_path;

/* Durable state of a sink, as named values: what is needed to go on after the last commit. Only
 * changed ones are put; the core keeps them in the journal and gives all of them back at open. */
haul_tokens *haul_tokens_new(void);
void haul_tokens_free(haul_tokens *t);
HAUL_DEFINE_AUTO(haul_tokens, haul_tokens_free)
void haul_tokens_put(haul_tokens *t, const char *key, const char *value);
const char *haul_tokens_get(const haul_tokens *t, const char *key); /* NULL when absent */
size_t haul_tokens_count(const haul_tokens *t);
void haul_tokens_at(const haul_tokens *t, size_t i, const char **ret_key, const char **ret_value);
void haul_tokens_clear(haul_tokens *t);

typedef struct haul_sink_ops haul_sink_ops;

typedef struct haul_stored { /* a message of the journal, for a sink that has to find its own again */
    const char *place;
    const uint8_t *sha256; /* of what was stored, canonical */
    uint64_t size;         /* of the same; 0 = not recorded */
    unsigned flags;
    bool has_received;
    int64_t received_us;
} haul_stored;

typedef struct haul_origin { /* where a message comes from; strings live as long as its source is read */
    const char *custodian;   /* whose it is; NULL: nobody was named */
    const char *source;      /* name of the source, as in reports */
    const char *folder;      /* path in the source */
} haul_origin;

typedef struct haul_sink {
    const haul_sink_ops *ops;
    void *state;
    const haul_values *values;
    bool merge; /* --merge: the target had content of its own before our first run */
    bool
        dry_run; /* only where ops->opens_dry: look at the target, change nothing; folder and message do not follow */
    bool
        settle; /* commit: true = give every outstanding receipt; false = those of ops->commit_items may stay out */
    bool
        at_once; /* of a sink without commit_items: every receipt before message returns; something depends on it */
    bool kept_body; /* set by haul_sink_keep: the core leaves the body to the message that is held */
    const haul_ask *ask;
    const char *own;   /* the directory of the journal, where a sink may keep files that go with it */
    uint64_t expected; /* octets of the sources, about; 0 = unknown, or not asked for (ops->asks_size) */
    /* Filled by open where the target decides it; the core has put ops->naming(values) before. */
    const haul_naming *naming;
    const char *const
        *roles; /* by haul_role: the path text of the folder that has this role here, or NULL; or NULL */
    haul_limits limits; /* what the target does not take of a message; zero = nothing */
    /* To the core: make these tokens (others may come to them), and every receipt given so far, durable now: before something is done that
     * cannot be told from another's work without them. */
    haul_rc (*save)(void *ctx, haul_tokens *t, haul_err *e);
    /* To the core, at least once a second while the sink waits: what for ("", "the server asks to wait 300 s").
     * True: the user wants to stop; return HAUL_E_INTERRUPTED from message, or end commit soon. */
    bool (*waiting)(void *ctx, const char *phase);
    /* To the core: every message recorded as stored in the folder `path` (its text). fn returns the place it has now:
     * the same pointer, another one, or NULL when the message is gone, and the record goes with it. */
    haul_rc (*recorded)(void *ctx, const char *path, const char *(*fn)(void *fn_ctx, const haul_stored *s),
                        void *fn_ctx, haul_err *e);
    /* To the core: message m is written (durable after the next commit) at `place`, or refused. */
    void (*receipt)(void *ctx, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why);
    void (*issue)(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail);
    /* To the core: of a message that was just given to the sink. */
    haul_origin (*origin)(void *ctx, const haul_msg *m);
    void *ctx;
} haul_sink;

struct haul_sink_ops {
    size_t state_size;
    bool opens_dry; /* open is called in a dry run, too, with dry_run set */
    unsigned
        commit_items; /* receipts come late: commit without settle after so many items; 0 = the core's own */
    bool asks_size;   /* fill haul_sink.expected */
    /* What a target that is one file has behind its name until it is finished (".part"); NULL: nothing. */
    const char *unfinished;
    /* True when this target is one file, so that state goes beside it; NULL = always a directory. */
    bool (*is_file)(const char *target, const haul_values *values);
    /* NULL, or: the path of file n (from 2) of a target that becomes several. Places in it begin with its name and '/'. False:
     * by what it saved (t; NULL = that is not known) it has fewer. */
    bool (*further)(const char *target, unsigned n, const haul_tokens *t, haul_str *ret);
    /* Naming for these options; constant data. */
    const haul_naming *(*naming)(const haul_values *values);
    /* resume: the tokens of the last commit, NULL on a first run. Whatever lies beyond them in the target
     * is ours and unfinished: cut it off or write over it. close() follows even when this fails. */
    haul_rc (*open)(haul_sink *s, const char *target, const haul_tokens *resume, haul_err *e);
    /* Declare a folder (an empty one appears in the target too). A repeated declaration is harmless. id is
     * the handle that later messages use in m->folder: unique per mapped path. */
    haul_rc (*folder)(haul_sink *s, uint32_t id, const haul_path *path, haul_err *e);
    /* Take one frozen message for the folder `id`. Exactly one receipt, now or before commit returns; a
     * receipt with rc != OK costs this item only. < 0: the target is lost. */
    haul_rc (*message)(haul_sink *s, uint32_t id, const haul_msg *m, haul_err *e);
    /* NULL, or: *ret_place is where a message that counts as the same is already, else NULL; lives until the next call. The
     * core then accounts for m as a duplicate, and does not give it to `message`. */
    haul_rc (*twin)(haul_sink *s, const haul_msg *m, const char **ret_place, haul_err *e);
    /* NULL, or told of every item that does not get into the target: status "filtered", "failed". */
    haul_rc (*left_out)(haul_sink *s, const haul_msg *m, const char *status, const char *reason, haul_err *e);
    /* Make everything received so far durable, give all outstanding receipts, put changed tokens. */
    haul_rc (*commit)(haul_sink *s, haul_tokens *ret, haul_err *e);
    /* NULL, or: give all outstanding receipts, in order: something that came behind these messages is accounted for. */
    haul_rc (*receipts)(haul_sink *s, haul_err *e);
    /* NULL, or: the run ends without a commit, and why; give all outstanding receipts. Only close follows. */
    void (*give_up)(haul_sink *s, haul_rc rc, const haul_err *why);
    haul_rc (*finish)(haul_sink *s, haul_err *e); /* trailers, indexes; may fail; followed by a last commit */
    void (*close)(haul_sink *s);                  /* may not fail; takes any half-open state */
};

void haul_sink_receipt(haul_sink *s, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why);
/* Hold a message beyond the call of `message`: a reference, to be dropped by haul_msg_unref after its receipt. body:
 * its spool as well; without, it must not be read later. */
haul_msg *haul_sink_keep(haul_sink *s, const haul_msg *m, bool body);
void haul_sink_issue(haul_sink *s, const haul_msg *m, haul_issue_id id, const char *fmt, ...)
    HAUL_PRINTF(4, 5);

/* ── the registry: built from formats/formats.def ── */

typedef struct haul_format {
    const char *name;     /* "maildir" */
    const char *title;    /* "Maildir, Maildir++ and nested layouts" */
    const char *suffixes; /* of target names that mean this format, '|'-separated: ".mbox|.mbx", or "" */
    const char *
        schemes; /* of URLs that mean it: "imaps|imap"; NULL = its targets are paths. Such a format is remote */
    const char *ports; /* of these schemes: "993|143"; saying one is the same as saying none; or NULL */
    const haul_reader_ops *reader; /* NULL: not read */
    const haul_sink_ops *sink;     /* NULL: not written */
    /* Subdirectories that make a directory this format's; other readers leave them to it. NULL-ended; or NULL. */
    const char *const *layout_dirs;
    const haul_format_option *options; /* ended by name == NULL; or NULL */
    /* Hold one file against the format's specification: every finding goes to c->found. HAUL_E_FORMAT: it cannot be
     * checked at all. Runs in a confined process (model/confined_check.h). NULL: there is no check. */
    haul_rc (*check)(haul_checking *c, haul_err *e);
    const char *const
        *check_suffixes;  /* of names of files that a check expects to be such; NULL-ended; or NULL */
    unsigned keeps_flags; /* HAUL_FLAG_* that survive reading back */
    bool rebuilds;        /* messages are taken apart and made anew: their octets do not survive */
    bool keeps_keywords, keeps_received, keeps_folders, keeps_empty_folders;
} haul_format;

extern const haul_format *const haul_formats[];        /* NULL-ended, in the order of formats.def */
const haul_format *haul_format_find(const char *name); /* NULL when unknown */
/* The format whose probe verifies the most bits of the open source; NULL when none does. */
HAUL_MUST_USE haul_rc haul_format_detect(haul_tree *t, const haul_format **ret, haul_err *e);
/* The same of one file of the source ("" when it is a file). HAUL_SKIP: the file cannot be read. */
HAUL_MUST_USE haul_rc haul_format_detect_file(haul_tree *t, const char *path, const haul_format **ret,
                                              haul_err *e);
/* By the scheme of a URL or the suffix of a name; NULL when it says nothing. */
const haul_format *haul_format_for_target(const char *target);
/* True when target is a URL of a format of this build: there is nothing to look at in the file system. */
bool haul_target_is_remote(const char *target);

/* Open the only reader of an open tree: allocates the state. On failure the reader is closed already. */
HAUL_MUST_USE haul_rc haul_reader_open(haul_reader *r, const haul_format *f, haul_tree *t,
                                       const haul_values *v,
                                       void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                                       haul_err *e);
/* The same of a remote target, for verify. */
HAUL_MUST_USE haul_rc haul_reader_open_remote(haul_reader *r, const haul_format *f, const haul_remote *remote,
                                              const haul_values *v,
                                              void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                                              haul_err *e);
void haul_reader_close(haul_reader *r); /* NULL state is accepted */

/* ── trees that hold files of several formats ──
 * A tree is read in passes, one a format, and every file by exactly one of them: the one whose probe of
 * that file alone verifies the most bits. A reader of single files asks before it takes one. */

/* False: another format's pass takes this file (head: its first HAUL_PROBE_HEAD octets, unpacked); pass over
 * it without an issue. True: it is ours, or nobody's. */
bool haul_reader_claims(haul_reader *r, const char *path, const char *head, size_t n);

/* What a file is that no format reads although it may hold mail, from its first octets; `otherwise` where that is not known. */
#define HAUL_UNREAD_HEAD 8u
const char *haul_unread_kind(const char *p, size_t n, const char *otherwise);

/* The same of a subdirectory `name` of directory `dir` that is another format's by its layout alone (entries: all
 * of that directory; and the names of some files in the subdirectory are looked at), and that this layout keeps for itself: false = pass
 * over it. */
bool haul_reader_claims_dir(haul_reader *r, const char *dir, const haul_entry *entries, size_t n,
                            const char *name);
/* Is it a directory that readers pass over, and name, because it begins with a dot? Our own is not worth a word. */
bool haul_reader_hides(const haul_entry *entry);
#define HAUL_READER_HIDDEN "begins with a dot, not looked into; give it as a source of its own"

typedef struct haul_passes {
    uint32_t todo, done; /* formats by index */
    bool exclusive;
} haul_passes;

/* chosen: what the user said (its reader then judges every file), or NULL: what haul_format_detect says.
 * HAUL_E_FORMAT: nothing is recognised. HAUL_E_USAGE: the chosen format is not read. */
HAUL_MUST_USE haul_rc haul_passes_choose(haul_passes *p, const haul_format *chosen, haul_tree *t,
                                         haul_err *e);
const haul_format *haul_passes_next(haul_passes *p); /* NULL when all are done */
/* haul_reader_open for a pass, and after reading: what the reader left to others. */
HAUL_MUST_USE haul_rc haul_passes_open(const haul_passes *p, haul_reader *r, const haul_format *f,
                                       haul_tree *t, const haul_values *v,
                                       void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                                       haul_err *e);
void haul_passes_end(haul_passes *p, haul_reader *r);

#endif
