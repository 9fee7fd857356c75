/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_LOSS_H
#define PGWEIR_SESSION_LOSS_H

#include <stdbool.h>

#include "pool/pool.h"

struct client;
struct error_fields;

/* What a client is told when its server is lost, and what is sent anew without telling. */

/* The holder's call: the connection to the server broke, or was broken. */
void loss_server_lost(struct holder *holder, struct server *server, const char *why);

/* The other way round: the client leaves, with a server in its hands. */
void loss_client_leaves(struct client *client, struct server *server);

/*
 * Whether an error that came before anything was forwarded calls for sending the request anew;
 * then the rest of this answer is to be dropped (client->replaying) and loss_replay called after
 * its ReadyForQuery.  `mended`: a statement that the server has to prepare anew was all.
 */
bool loss_wants_replay(struct client *client, const struct server *server,
		       const struct error_fields *fields, bool mended);

/* Puts the request that was kept in front of the input again; the server was given back. */
void loss_replay(struct client *client);

#endif
