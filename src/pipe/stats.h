/* Figures of a mailbox for a person: by month, size, kind, folder and correspondent. Bounded memory. docs/hold.md [hold-40]. */
#ifndef HAUL_PIPE_STATS_H
#define HAUL_PIPE_STATS_H

#include "model/msg.h"

#include <jansson.h>

#define HAUL_STATS_YEAR           1900u         /* of the first month … */
#define HAUL_STATS_MONTHS         (8100u * 12u) /* … and all that a time can be in (HAUL_TIME_MIN, _MAX) */
#define HAUL_STATS_CORRESPONDENTS 200000u       /* addresses counted one by one; later ones together */
#define HAUL_STATS_SHOWN          50u           /* of these in the object: the ones with the most messages */
#define HAUL_STATS_PARTIES        10000u        /* addresses of one message that are looked at */
#define HAUL_STATS_FOLDERS        100000u       /* folders counted one by one; items of later ones together */

typedef struct haul_stats haul_stats;
haul_stats *haul_stats_new(void);
void haul_stats_free(haul_stats *s);
HAUL_DEFINE_AUTO(haul_stats, haul_stats_free)
/* One item. folder: its path, or NULL. octets: its size. head: header octets for the correspondents, or NULL. */
void haul_stats_add(haul_stats *s, const haul_msg *m, const char *folder, uint64_t octets, const char *head,
                    size_t n);
/* A new object, the same whatever the order of the items, as long as no limit is reached (then the items that came first are
 * the ones counted one by one):
 * months:[{month:"2019-07", items, octets}] with items, by their received, else sent time in UTC; undated: items;
 * sizes:[{label, to, items, octets}] to: the first size that is larger than the class, null of the last one;
 * kinds:{kind: items};
 * correspondents:[{address, sent, received}] lower case; sent: items with it in From or Sender, received: in To, Cc or Bcc;
 *   an item counts once for each; the HAUL_STATS_SHOWN highest by the sum, then by address;
 * addresses: how many there are; more: {sent, received} mentions of addresses beyond HAUL_STATS_CORRESPONDENTS, absent if none;
 * folders:[{path, items, octets, oldest, newest}] by haul_path_order; more_folders: items beyond HAUL_STATS_FOLDERS, absent
 *   if none. */
json_t *haul_stats_json(const haul_stats *s);

#endif
