/* Outlook stores: what the parts of the reader share. Rules: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_H
#define HAUL_FORMATS_PST_H

#include "engine.h"
#include "model/declare.h"

#define HAUL_PST_FOLDERS_MAX 1000000u /* of one store */

enum { /* of haul_pst_options */
       HAUL_PST_RECOVER,
       HAUL_PST_ASSOCIATED,
       HAUL_PST_TNEF,
       HAUL_PST_CODEPAGE,
       HAUL_PST_ENGINE,
       HAUL_PST_SECONDS,
       HAUL_PST_MEMORY,
       HAUL_PST_CONFINE,
       HAUL_PST_JOBS,
       HAUL_PST_ORIGINAL, /* of the sink */
       HAUL_PST_SPLIT,
};
extern const haul_format_option haul_pst_options[];

/* One store as a reader: its tree is a single file. The format serves it through model/confined.h. */
extern const haul_reader_ops haul_pst_store;
extern const haul_sink_ops haul_pst_sink;

/* ── roles ── */

#define HAUL_PST_ROLES_MAX 32u

/* What an entry id names, in one number: a node id, or an id that Exchange gave [pst-10]. 0 = nothing. */
typedef uint64_t haul_pst_key;
#define HAUL_PST_KEY_EXCHANGE (UINT64_C(1) << 63) /* the global counter of a folder id */
#define HAUL_PST_KEY_LOCAL    (UINT64_C(1) << 62) /* the same of the store's own (replica 0) */

typedef struct haul_pst_roles { /* zero-initialised = none */
    struct {
        haul_pst_key key;
        haul_role role;
    } v[HAUL_PST_ROLES_MAX];
    size_t n;
    haul_pst_key subtree; /* top of the visible folders; 0 = not said */
} haul_pst_roles;

/* The folder that an entry id names; 0 = none. */
haul_pst_key haul_pst_entry(const void *p, size_t n);
/* What Exchange calls a folder of an OST; 0 = it says nothing. */
haul_pst_key haul_pst_folder_id(const haul_bag *folder);
/* From the message store: subtree, outbox, trash, sent. */
void haul_pst_roles_store(haul_pst_roles *r, const haul_bag *store);
/* What has a fixed number in every OST. */
void haul_pst_roles_ost(haul_pst_roles *r);
/* From the root folder or the Inbox: calendar, contacts, journal, notes, tasks, drafts, junk. True when b names any. */
bool haul_pst_roles_folder(haul_pst_roles *r, const haul_bag *b);
/* What is set first stays, of keys and of roles; a key of 0 is passed over. */
void haul_pst_role_set(haul_pst_roles *r, haul_pst_key key, haul_role role);
haul_role haul_pst_role_of(const haul_pst_roles *r, haul_pst_key key);
bool haul_pst_role_taken(const haul_pst_roles *r, haul_role role);
/* By PidTagContainerClass, for what has no entry id: "IPF.Appointment". NONE for mail. */
haul_role haul_pst_role_class(const char *class);

/* ── the plan: which folders are given, as what ── */

typedef struct haul_pst_place { /* a folder with what is in it */
    uint32_t nid;
    uint32_t folder; /* as declared */
    haul_pst_children items, associated;
    const uint32_t *lost; /* ids that its table names and that do not exist */
    size_t n_lost;
} haul_pst_place;

typedef struct haul_pst_plan {
    haul_pst_place *v;
    size_t n, cap;
    haul_arena arena;
} haul_pst_plan;

/* Read all folders, declare those that are given, and note what is wrong with them as issues of r. */
HAUL_MUST_USE haul_rc haul_pst_plan_make(haul_pst_plan *plan, haul_pst *p, haul_reader *r, haul_declared *d,
                                         haul_err *e);
void haul_pst_plan_done(haul_pst_plan *plan);

#endif
