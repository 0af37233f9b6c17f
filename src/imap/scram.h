/* SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677), for sasl.c. */
#ifndef HAUL_IMAP_SCRAM_H
#define HAUL_IMAP_SCRAM_H

#include "imap/sasl.h"

typedef struct haul_scram haul_scram;

haul_scram *haul_scram_new(bool sha256, const haul_sasl_login *login);
void haul_scram_free(haul_scram *s);
/* The three messages of the client in turn: first, final, and an empty one. p: the server's, n octets; nothing before the
 * first. HAUL_E_AUTH as in haul_sasl_step. */
HAUL_MUST_USE haul_rc haul_scram_step(haul_scram *s, const char *p, size_t n, haul_secret *ret, haul_err *e);
bool haul_scram_verified(const haul_scram *s);

#endif
