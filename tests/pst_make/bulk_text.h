/* Made-up words, people and sizes for large stores: numbers that look like chance, and nothing but them, so that the same
 * seed gives the same octets on every machine. */
#ifndef HAUL_MADE_BULK_TEXT_H
#define HAUL_MADE_BULK_TEXT_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct haul_bulk_person {
    const char *name, *address; /* of the arena that was given */
} haul_bulk_person;

/* 0 to n - 1. */
unsigned haul_bulk_below(uint64_t *state, unsigned n);
/* A log-normal number: half of them are below `median`; one standard deviation is `spread` sixteenths of a doubling (23 =
 * sigma 1.0). Integers only. */
uint64_t haul_bulk_size(uint64_t *state, uint64_t median, unsigned spread);
/* ascii: none with other letters. */
const char *haul_bulk_word(uint64_t *state, bool ascii);
haul_bulk_person haul_bulk_someone(uint64_t *state, haul_arena *a);

/* The same paragraphs as plain text (CRLF) of about `octets` and as HTML. */
void haul_bulk_bodies(uint64_t *state, size_t octets, haul_str *plain, haul_str *html);
/* And as RTF; `plain` gets what it says. */
void haul_bulk_rtf(uint64_t *state, size_t octets, haul_str *plain, haul_str *rtf);
/* A line of a table of figures, CRLF included. */
void haul_bulk_figures(uint64_t *state, haul_str *to);

#endif
