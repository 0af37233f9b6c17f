/* Exports of Google Vault: flags, labels and dates that lie beside the mbox files, and digests of files. Rules: docs/formats/mbox.md
 * [mbox-60]… */
#ifndef HAUL_FORMATS_MBOX_VAULT_H
#define HAUL_FORMATS_MBOX_VAULT_H

#include "mime/status.h"
#include "model/format.h"

#define HAUL_VAULT_ENTRIES_MAX 4000000u /* of all metadata files; 72 octets each at most, and their labels */
#define HAUL_VAULT_LABELS_MAX  (64u * 1024u * 1024u) /* octets of all lists of labels that differ */
#define HAUL_VAULT_FILES_MAX   1000u                 /* metadata files */

typedef struct haul_vault haul_vault; /* what the metadata files so far say; made by the first of them */

/* The entries of a directory that the walk comes to, before anything in it is read: metadata files are read into *io (NULL at
 * first), and below the top digests are compared where a file of checksums stands. What is wrong becomes issues of the reader; memory is bounded. */
void haul_vault_look(haul_vault **io, haul_reader *r, const char *dir, const haul_entry *v, size_t n);
haul_vault *haul_vault_new(void);
void haul_vault_free(haul_vault *v);
HAUL_DEFINE_AUTO(haul_vault, haul_vault_free)

/* True for a file that this module has used, or that only counts what is in an export. */
bool haul_vault_is_note(const char *name);

/* Find m's entry by the first word of its From_ line, else by its Message-ID, and put flags and labels of it in s; its received
 * time in m, where the From_ line had none. m without entry gets the issue mbox.vault-no-entry. v may be NULL. */
void haul_vault_apply(haul_vault *v, haul_span from, haul_msg *m, haul_status *s);
/* All is read: entries that no message had are an issue of the reader, once. */
void haul_vault_end(haul_vault *v, haul_reader *r);

/* ── reading (mbox_vault_read.c) ── */

#define HAUL_VAULT_WRONG 512u /* octets of what is wrong with a file, NUL included */

typedef struct haul_vault_entry { /* what is said of one message; zero = nothing yet */
    bool labelled, dated;
    int64_t received_us;
    haul_str labels;
    haul_str file, document,
        message; /* what it may be called in the MBOX file: a file's name, an id, its Message-ID */
} haul_vault_entry;

/* Add to the table; is_full: at one of the limits above. */
void haul_vault_add(haul_vault *v, const haul_vault_entry *e);
bool haul_vault_is_full(const haul_vault *v);
haul_span haul_vault_bare_id(haul_span s); /* a Message-ID without blanks and angle brackets */

/* Read all entries of a file. What is wrong with it goes to `wrong`, "" at first; entries before that count. */
void haul_vault_read_xml(haul_vault *v, haul_in *in, char wrong[HAUL_VAULT_WRONG]);
void haul_vault_read_csv(haul_vault *v, haul_in *in, char wrong[HAUL_VAULT_WRONG]);

#endif
