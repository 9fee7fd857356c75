/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_AUTH_QUERY_H
#define PGWEIR_SESSION_AUTH_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "pool/pool.h"

struct client;

/*
 * Asks a server for the secret of a user that auth_file has not (auth_query).
 *
 * It is a holder as a client is: it leases a server of the pool of (auth_dbname, auth_user),
 * waits in its queue, and counts as one of its clients.  It lives no longer than the login that
 * began it.
 */
enum auth_query_state {
	AUTH_QUERY_WAITING, /* for a server */
	AUTH_QUERY_ASKING,  /* has one, and no ReadyForQuery yet */
	AUTH_QUERY_AGAIN,   /* lost its server: takes another at the end of the turn */
	AUTH_QUERY_ENDED,
};

enum auth_query_outcome {
	AUTH_QUERY_NOBODY, /* no row */
	AUTH_QUERY_FOUND,
	AUTH_QUERY_FAILED,
};

struct auth_query {
	struct holder holder;
	struct client *client;
	struct config *config; /* that the query is from; counted */
	const char *sql;
	void (*ended)(struct client *client);
	struct task task; /* tells the client, or leases again */
	uint8_t state;
	uint8_t outcome;
	uint8_t fitting; /* queries under way that undo what clients have set */
	bool retried;

	char *user;   /* FOUND: the name in the row */
	char *secret; /* FOUND: NULL if it is NULL */

	char sqlstate[6]; /* FAILED: with which the client is closed */
	char text[256];
};

/*
 * Asks for the user that the client gave, as the settings of its database say, over a server of
 * `database`.  `ended` comes in a later turn and may close the client or free it.
 */
struct auth_query *auth_query_begin(struct client *client, struct database *database,
				    const struct settings *settings,
				    void (*ended)(struct client *client));

/* Wipes and frees it, whatever its state; NULL is allowed. */
void auth_query_free(struct auth_query *query);

#endif
