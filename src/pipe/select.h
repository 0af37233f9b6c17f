/* The filters that need a message's octets: who wrote it or got it (--party), and key words (--term). They are asked once its
 * body is there; filter.h asks the others before. */
#ifndef HAUL_PIPE_SELECT_H
#define HAUL_PIPE_SELECT_H

#include "pipe/job.h"

/* False: it is neither an address nor a domain. */
bool haul_party_ok(const char *who);
/* True when addr (an addr-spec, lower case) is that person's, or of that domain or one below it. who: "ada@x.org", "@x.org" or
 * "x.org". ASCII letters match in any case. */
bool haul_party_is(const char *who, const char *addr);

typedef struct haul_select haul_select;

/* NULL when f has no such filter. Borrows f. */
haul_select *haul_select_new(const haul_filter *f);
void haul_select_free(haul_select *s);
HAUL_DEFINE_AUTO(haul_select, haul_select_free)

/* *ret_reason: "party" or "term", why m (its body is frozen) is left out, or NULL: it is taken. Key words found in an item
 * that is taken are counted. s NULL takes everything. Where the text of a message cannot be read, or part of it is encrypted,
 * and no key word is found in the rest, m gets the issue select.unsearched. */
HAUL_MUST_USE haul_rc haul_select_message(haul_select *s, haul_msg *m, const char **ret_reason, haul_err *e);
/* True when each item has to be read to its end, though it is stored already: key words are counted. */
bool haul_select_counts(const haul_select *s);
/* Put the member "terms" [{term, items, hits}] into report.json. */
void haul_select_report(const haul_select *s, json_t *report);

#endif
