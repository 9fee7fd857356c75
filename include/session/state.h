/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_STATE_H
#define PGWEIR_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/statement.h"
#include "proto/message.h"
#include "proto/tag.h"
#include "session/client.h"
#include "session/forward.h"
#include "sql/change.h"

/*
 * The state of a session on its way from server to server: what a server is made to have when
 * it is leased, what its client's commands leave on it, and what becomes of that.
 */

/*
 * Makes a server that was just leased have the client's parameters; whether that takes a query,
 * whose reply is owed now.
 */
bool state_fit(struct client *client);

/*
 * Whether the client's input waits for that: what it has set itself (a role, a class of its own)
 * PostgreSQL may refuse by now, and then nothing may run without it.
 */
static inline bool state_is_fitting(const struct client *client)
{
	const struct server *server = client_server(client);

	return server != NULL && server->pending.ours != 0 &&
	       pending_head(&server->pending)->mark == MARK_PARAMETERS &&
	       parameters_extras(client->wanted) != 0;
}

/*
 * What the text of a request would leave is noted.  True: all that its SET, RESET and DISCARD
 * leave was read in it, their tags tell nothing new.
 */
bool state_read_text(struct client *client, const char *sql, uint32_t len);

static inline bool state_note_text(struct client *client, const char *sql, uint32_t len)
{
	return (client_server(client)->named_left != 0 || change_is_possible(sql, len)) &&
	       state_read_text(client, sql, len);
}

/* The same for a named statement that is bound. */
bool state_note_statement(struct client *client, struct statement *statement);

/*
 * The same where names are the server's own: a named statement that is parsed, and one that is
 * bound, of which nothing is known but what all of that server's leave together.
 */
bool state_note_named(struct client *client, const char *sql, uint32_t len);

static inline void state_note_bound(struct server *server)
{
	if (server->named_left != 0)
		server->left = (uint16_t)((server->left | server->named_left) & ~LEFT_ASKED);
}

/* A function is called by its number. */
void state_note_function(struct server *server, uint32_t oid);

/* A command was done; `read`: its text was looked at. */
void state_note_tag(struct client *client, struct server *server, enum tag tag, bool read);

/* A parameter is about to change under the client's transaction. */
void state_before_change(struct client *client, struct server *server);

/* The server of a transaction is lost, which undoes what it changed: the client is told. */
void state_roll_back(struct client *client, struct server *server);

/*
 * The client has gone back to defaults in its transaction, and begins another request: it is given
 * those of its startup packet first.  Not earlier, and not before a SET TRANSACTION: that has to
 * come before any query.
 */
void state_renew_in_block(struct client *client, uint8_t type, uint32_t len);

/* The server has something left on it: whether a query of ours is under way because of it. */
bool state_settle(struct client *client);

/* That query was canceled: whether it is sent again, with time enough. */
bool state_asks_again(struct server *server);

/* The rows, the error and the end of that query. */
void state_take_row(struct server *server, const struct message *message);
void state_take_error(struct server *server, const char *text);
void state_take_end(struct client *client, struct server *server);

#endif
