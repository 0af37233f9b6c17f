/* A package on disk: what is written when everything is stored, and what verify asks of it. docs/hold.md. */
#ifndef HAUL_HOLD_PACKAGE_H
#define HAUL_HOLD_PACKAGE_H

#include "hold/catalog.h"
#include "io/out.h"
#include "pipe/audit.h"

#include <jansson.h>
#include <signal.h>

typedef struct haul_case { /* what the user said of it; texts never NULL */
    const char *matter, *custodian, *description, *organization, *contact;
    const char *source_kinds; /* "pst; mbox" */
    const char *created;      /* RFC 3339, UTC: when the package was sealed */
    const char *version;      /* of mailhaul */
    const char *time_zone;    /* of dates in load files: "UTC" or "+01:00" */
    int tz_min;
    const char *volume; /* of the OPT file */
    bool cp1252;        /* DAT in Windows-1252 rather than UTF-8 with BOM */
    bool original_included;
    uint64_t payload_octets, payload_files; /* filled before the bag is written */
} haul_case;

/* Load files: each one walk of the catalogue. What had to be replaced is counted in *io_replaced (may be NULL), and listed
 * as exceptions by the caller that gives `replaced`. */
typedef struct haul_load_notes {
    uint64_t replaced; /* characters that the format cannot hold */
    haul_rc (*fn)(void *ctx, const char *docid, const char *field, unsigned codepoint, uint64_t n,
                  haul_err *e);
    void *ctx; /* of fn, which may be NULL */
} haul_load_notes;
HAUL_MUST_USE haul_rc haul_load_dat(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n,
                                    haul_err *e);
HAUL_MUST_USE haul_rc haul_load_opt(haul_catalog *c, const haul_case *k, haul_out *to, haul_err *e);
HAUL_MUST_USE haul_rc haul_load_csv(haul_catalog *c, const haul_case *k, haul_out *to,
                                    haul_err *e); /* items.csv */
HAUL_MUST_USE haul_rc haul_load_edrm(haul_catalog *c, const haul_case *k, haul_out *to, haul_load_notes *n,
                                     haul_err *e);
/* root: the package's directory: EAXS has headers and body structure, read from the natives. */
HAUL_MUST_USE haul_rc haul_load_eaxs(haul_catalog *c, const haul_case *k, int root, haul_out *to,
                                     haul_load_notes *n, haul_err *e);

/* Tag files of Mailbag 1.0, in the package's root: mailbag.csv (mailbag-1.csv … above 100 000 messages), attachments.csv,
 * exceptions.csv, folders_not_retained.txt, messages_not_retained.txt and .csv. */
HAUL_MUST_USE haul_rc haul_tags_write(haul_catalog *c, const haul_case *k, int root, haul_err *e);

/* bagit.txt, bag-info.txt, manifest-sha256.txt, and at the very end tagmanifest-sha256.txt, which seals the rest: every other
 * file of the package that is no payload. Takes a tagmanifest of an earlier run away first. */
HAUL_MUST_USE haul_rc haul_bag_seal(haul_catalog *c, const haul_case *k, const haul_audit_head *log, int root,
                                    haul_err *e);
/* Before a package is changed: it is no longer sealed. *ret_was: it was. */
HAUL_MUST_USE haul_rc haul_bag_unseal(int root, bool *ret_was, haul_err *e);

/* True when dir looks like a package of ours (bagit.txt with Bag-Type: Mailbag, or a catalogue). */
bool haul_package_is(const char *dir);

typedef struct haul_package_job {
    const char *dir;
    const char *const *sources; /* to be held against the log; NULL-ended; may be empty */
    void (*progress)(void *ctx, uint64_t octets, uint64_t of, const char *what); /* may be NULL */
    void *ctx;
    volatile sig_atomic_t *stop; /* may be NULL */
} haul_package_job;
#define HAUL_PACKAGE_CHECK_VERSION 1
/* Bag, tag files, chain, load files against files. *ret: {version, target, sealed, seal, checked{files, octets, tag_files, log_lines,
 * documents, sources}, agree, differ, differences:[{kind, place, line, recorded, found, detail}], truncated}. seal: the SHA-256 of
 * tagmanifest-sha256.txt, which stands for the whole package; agree: files whose digest is the one recorded. line counts
 * lines or records from 1; null where there is none. HAUL_OK · HAUL_E_DIFFERS: see *ret, which is also made of a package that is
 * not sealed · HAUL_E_TARGET: it cannot be read · HAUL_E_INTERRUPTED. Changes nothing. Kinds: docs/hold.md [hold-50]. */
HAUL_MUST_USE haul_rc haul_package_check(const haul_package_job *job, json_t **ret, haul_err *e);

#endif
