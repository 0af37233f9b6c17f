/* The pieces of a page (page.h). Markup here has single quotes, so that C reads well. */
#ifndef HAUL_PIPE_PAGE_PARTS_H
#define HAUL_PIPE_PAGE_PARTS_H

#include "base/str.h"
#include "pipe/page.h"
#include "pipe/report.h"

/* ── text (page_text.c) ── */

/* Append text of any kind: escaped, at most HAUL_PAGE_TEXT_MAX octets of it. Controls, marks of direction, line separators and
 * what XML cannot hold become <span class='ctl'>U+202E</span>. */
void haul_page_text(haul_str *to, const char *p, size_t n);
/* The same without markup, for attributes and titles. */
void haul_page_plain(haul_str *to, const char *p, size_t n);
/* A text of o in <bdi>; nothing when it is absent or "". */
void haul_page_bdi(haul_str *to, const json_t *o, const char *key);
void haul_page_bdiz(haul_str *to, const char *z);
/* <data value='1234'>1,234</data>, <data value='1234'>1.2 kB</data>, <time datetime='…'>2019-12-31</time> */
void haul_page_number(haul_str *to, uint64_t n);
void haul_page_size(haul_str *to, uint64_t octets);
void haul_page_date(haul_str *to, const char *iso);

/* ── frame ── */

void haul_page_section(haul_str *to, const char *id, const char *heading);
void haul_page_section_end(haul_str *to);
/* A table in a box of its own that scrolls where the page is narrow. class: of the table. */
void haul_page_table(haul_str *to, const char *class, const char *label, const char *caption);
void haul_page_table_end(haul_str *to);
/* "<p class='more'>and 12 more in exceptions.csv.</p>" when total > shown; file may be NULL. */
void haul_page_more(haul_str *to, uint64_t total, uint64_t shown, const char *what, const char *file);
/* A per cent of 0…100 with three digits, the same in every locale: "12.345%". of 0 gives 0. */
void haul_page_percent(haul_str *to, uint64_t part, uint64_t of);

extern const char *const haul_page_style[]; /* NULL-ended (page_style.c) */

/* ── sections: each writes nothing when its facts are absent ── */

void haul_page_folders(haul_str *to, const json_t *facts); /* page_folders.c */
void haul_page_months(haul_str *to, const json_t *stats);  /* page_months.c */
void haul_page_kinds(haul_str *to, const json_t *stats);   /* page_bars.c */
void haul_page_people(haul_str *to, const json_t *stats);
void haul_page_terms(haul_str *to, const json_t *facts);
void haul_page_sources(haul_str *to, const json_t *facts); /* page_lists.c */
void haul_page_exceptions(haul_str *to, const json_t *facts);
void haul_page_issues(haul_str *to, const json_t *facts);
void haul_page_digests(haul_str *to, const json_t *facts);

#endif
