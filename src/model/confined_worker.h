/* One child process of a confined reader, as its parent sees it: started, asked, listened to, ended. What its answers mean
 * for the run is confined.c's. Part of confined.c. */
#ifndef HAUL_MODEL_CONFINED_WORKER_H
#define HAUL_MODEL_CONFINED_WORKER_H

#include "model/confined.h"
#include "model/confined_child.h"
#include "model/wire.h"

#define HAUL_WORKER_WHY 160

typedef enum haul_death { HAUL_DIED, HAUL_TOO_LONG, HAUL_NONSENSE, HAUL_STOPPED } haul_death;

typedef struct haul_worker { /* zero-initialised = none */
    pid_t pid;               /* 0 = none */
    int sock;
    haul_guard_page *page;
    haul_ring ring;
    const haul_confined_limits *limits; /* borrowed; set before haul_worker_start */
    char *in;                           /* what a frame was copied to */
    size_t cap;
    uint64_t known; /* step up to which it only goes over what we have */
    unsigned owed;  /* answers to NEXT or BOTH */
    bool ahead;     /* these are answers to BOTH */
    haul_death how; /* it was lost */
    char why[HAUL_WORKER_WHY];
} haul_worker;

/* Fork the child; its descriptors are kept in it, everything else is closed. shares: others run at the same time. HAUL_E_SOURCE:
 * it cannot be. */
HAUL_MUST_USE haul_rc haul_worker_start(haul_worker *w, haul_child *child, bool shares, haul_err *e);
/* End it if there is one. w->why says how it ended, if it was lost. */
void haul_worker_end(haul_worker *w);
void haul_worker_done(haul_worker *w);

/* Ask `what`, n times. */
void haul_worker_ask(const haul_worker *w, char what, unsigned n);
/* From here on false = it is lost, w->how says why. */
bool haul_worker_lost(haul_worker *w, haul_death how); /* false, always */
/* The head of the next frame; all of it is in w->in unless it is a CHUNK, whose octets come from haul_worker_octets. */
bool haul_worker_frame(haul_worker *w, haul_wire_type *ret_type, uint32_t *ret_n);
/* Some of the octets of a CHUNK, max at most; *ret until the next call. */
bool haul_worker_octets(haul_worker *w, size_t max, const char **ret, size_t *ret_n);
/* We turn to another one: it may have back what we have taken. */
void haul_worker_leave(haul_worker *w);

/* As haul_confined_stop. */
void haul_worker_stop(const volatile sig_atomic_t *stop);

#endif
