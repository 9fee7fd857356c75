/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_RELAY_H
#define PGWEIR_SESSION_RELAY_H

#include "pool/pool.h"

struct client;
struct pending_entry;

/* The holder's call: takes what the server sent to its client. */
void relay_input(struct holder *holder, struct server *server);

/*
 * A reply will not come: the server skipped its message after an error, or is gone.  What the
 * message would have made known is forgotten.
 */
void relay_undo(struct client *client, struct server *server, const struct pending_entry *entry);

#endif
