/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_REQUEST_H
#define PGWEIR_SESSION_REQUEST_H

#include "pool/pool.h"

struct client;

/* What a step of a connection led to; after GONE touch nothing. */
enum step {
	STEP_NEXT,
	STEP_WAIT,
	STEP_GONE,
};

/* Takes what can be taken of the input of a client that is idle or active. */
void request_run(struct client *client);

/* The holder's calls: its wait is over, with a server or without. */
void request_leased(struct holder *holder, struct server *server);

void request_waits(struct holder *holder);
void request_refused(struct holder *holder, bool final, const char *sqlstate, const char *text);

/*
 * A reply ended a request: gives the server back if nothing holds it, and goes on with input
 * that waited for this.
 */
void request_finished(struct client *client);

/* Closes the client if its server is to be replaced and server_fast_close says so. */
void request_part(struct client *client);
void request_replace(struct holder *holder);

/* Whether the client must keep its server: a block, a batch, a COPY, a message under way. */
bool request_holds_server(const struct client *client);

/* Forgets the copy of the request under way: it will not be sent anew. */
void request_forget_kept(struct client *client);

#endif
