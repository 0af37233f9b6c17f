/* A reader that can be told to misbehave, and all that a confined run of it gives as text. For tests of model/confined.h and
 * what confines it. */
#ifndef HAUL_TESTS_TOY_READER_H
#define HAUL_TESTS_TOY_READER_H

#include "model/confined.h"

#include "base/str.h"

/* Five folders, declared one by one; in each a subfolder that comes up late, then ten items. What it does wrong is in `toy`,
 * which the child has by fork. */
enum { FOLDERS = 5, EACH = 10, ITEMS = FOLDERS * EACH };
#define STORE_NODE  1u
#define FOLDER_NODE 0x100u
#define ITEM_NODE   0x1000u
#define BIG         (300u * 1000u) /* octets of every seventh body */

typedef enum toy_act { NOTHING, CRASH, HANG, SPIN, EXIT, OOM, GARBAGE, KILLED, ACTS } toy_act;
typedef enum toy_where { NEXT, BODY, AT_FOLDER, AT_FOLDER_LATE, AT_STORE } toy_where;

extern const char *const WHY[ACTS];

extern struct toy {
    toy_act act;
    toy_where where;
    uint64_t node; /* 0 = every one */
    uint64_t body; /* octets of every body instead of what is usual */
    bool sick;     /* items 3 and 4 of each folder are SKIP, a row of each folder cannot be read */
    bool
        wordy; /* the first item of each folder has a subject, each late folder a name, that fits in no frame */
    bool tells; /* issues of the source in every kind of step */
    void (*evil)(haul_reader *r);
    unsigned jobs;
} toy;

typedef struct run {
    haul_str text;
    haul_out out;
    uint64_t hash, size;
    haul_folders folders;
    haul_confined *c;
    bool without_bodies;
} run;

extern const haul_reader_ops TOY;
extern const haul_confined_limits LIMITS;

void run_begin(run *r, haul_confined_limits limits);
haul_rc run_next(run *r, haul_msg *m);
/* The text, to be freed. */
char *run_end(run *r);
/* A whole run, to be freed. */
char *read_all(haul_confined_limits limits);
/* The same without a child. */
char *read_here(void);
/* want with the line that begins with `line` replaced. */
char *with(const char *want, const char *line, const char *instead);
void expect_text(const char *got, const char *want, const char *what);
/* The text of a run in which the item at node is lost. */
char *without_item(const char *want, uint64_t node, toy_act act, toy_where where);
size_t open_files(void);
/* Lines before end that begin with z. */
size_t count_lines(const char *text, const char *end, const char *z);
size_t count_text(const char *text, const char *z);
void expect_no_child(void);
bool has_limit(toy_act act);
/* Every step-th item is lost by `act`, and nothing else. */
void lose_each(toy_act act, toy_where where, unsigned step);
int open_source(void);

#endif
