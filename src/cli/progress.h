/* What a run shows while it lasts, all of it on standard error: a line on a terminal, lines in a log, or
 * JSON for another program; and messages in between. Its clock is monotonic and reaches no output file. */
#ifndef HAUL_CLI_PROGRESS_H
#define HAUL_CLI_PROGRESS_H

#include "pipe/job.h"

typedef enum haul_show { HAUL_SHOW_NONE, HAUL_SHOW_BAR, HAUL_SHOW_PLAIN, HAUL_SHOW_JSON } haul_show;

#define HAUL_SAID_MAX 100u /* messages shown without --verbose; what follows is in items.jsonl */

typedef struct haul_bar {
    haul_show show;
    int fd;
    haul_severity least;          /* messages below it are not shown */
    bool mute, all;               /* --quiet, --verbose */
    bool drawn;                   /* the line is on the screen */
    int64_t began, shown;         /* monotonic microseconds */
    uint64_t items, octets;       /* when last shown */
    double item_rate, octet_rate; /* a second, smoothed */
    unsigned said;                /* messages so far */
} haul_bar;

/* how: "auto", "plain", "json" or "none"; NULL is auto. False for anything else. */
bool haul_show_find(const char *how, int fd, haul_show *ret);
void haul_bar_begin(haul_bar *b, haul_show show, int fd);
/* For haul_job: ctx is the haul_bar. */
void haul_bar_progress(void *ctx, const haul_progress *p);
void haul_bar_message(void *ctx, haul_severity s, const char *text);
/* Take the line off the screen. May be called again. */
void haul_bar_end(haul_bar *b);
/* Microseconds since haul_bar_begin. */
int64_t haul_bar_elapsed(const haul_bar *b);

/* The line itself, at most `columns` wide, for a moment `elapsed_us` after the beginning. Pure. */
void haul_bar_line(const haul_bar *b, const haul_progress *p, int64_t elapsed_us, size_t columns,
                   haul_str *to);

#endif
