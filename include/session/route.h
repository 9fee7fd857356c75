/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_ROUTE_H
#define PGWEIR_SESSION_ROUTE_H

#include <stdbool.h>

#include "pool/need.h"
#include "session/scan.h"

struct client;

/* "write", "read" or "any": what a need asks for, in the log. */
const char *need_name(uint8_t kind);

/* The one place of decision: what a request needs, given what its text says and who asks. */
void route_decide(const struct client *client, const struct request *request, struct need *need);

/* Where a replication connection goes: to the primary, unless the client or the database says. */
void route_replication(const struct client *client, struct need *need);

#endif
