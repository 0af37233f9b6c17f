/* Figures of a mailbox for a person: by month, size, kind, folder and correspondent. Bounded memory. docs/hold.md [hold-40]. */
#ifndef HAUL_PIPE_STATS_H
#define HAUL_PIPE_STATS_H

#include "model/msg.h"

#include <jansson.h>

#define HAUL_STATS_MONTHS         4096u   /* months counted one by one, later ones together */
#define HAUL_STATS_CORRESPONDENTS 200000u /* addresses counted one by one; later ones together */

typedef struct haul_stats haul_stats;
haul_stats *haul_stats_new(void);
void haul_stats_free(haul_stats *s);
HAUL_DEFINE_AUTO(haul_stats, haul_stats_free)
/* One item. folder: its path. head: header octets for the correspondents, or NULL. octets: its size. */
void haul_stats_add(haul_stats *s, const haul_msg *m, const char *folder, uint64_t octets, const char *head, size_t n);
/* {months:[{month:"2019-07", items, octets}], undated, sizes:[{to:octets, items}], kinds{}, attachments…,
 *  correspondents:[{address, sent, received}] (the 50 highest), addresses, folders:[{path, items, octets, oldest, newest}]}. */
json_t *haul_stats_json(const haul_stats *s);

#endif
