/* The package as a target: natives, attachments and texts as files, everything else in the catalogue. docs/hold.md. */
#ifndef HAUL_HOLD_SINK_H
#define HAUL_HOLD_SINK_H

#include "hold/catalog.h"
#include "model/format.h"

#define HAUL_CATALOG_FILE ".mailhaul/catalog.db"

extern const haul_format_option haul_hold_options[];
enum { /* index into haul_hold_options */
       HAUL_HOLD_TEXT,
       HAUL_HOLD_DEDUPE,
       HAUL_HOLD_SCOPE,
       HAUL_HOLD_PREFIX,
       HAUL_HOLD_START
};

/* Not in the registry: nothing but the command hold writes packages. */
extern const haul_format haul_format_hold;

/* HAUL_E_USAGE where the package of this catalogue was begun with another --control-prefix, or with or without --text: what is in
 * it could not be brought in line any more. */
HAUL_MUST_USE haul_rc haul_hold_begun(haul_catalog *c, const haul_values *v, haul_err *e);

/* A number that --control-start takes, and the digits that all numbers get; false for what is none. */
#define HAUL_CONTROL_DIGITS 8u
bool haul_control_parse(const char *prefix, const char *start, uint64_t *ret);

#endif
