/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_PREPARE_H
#define PGWEIR_SESSION_PREPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "pool/pending.h"
#include "pool/statement.h"
#include "session/client.h"
#include "session/forward.h"
#include "session/names.h"

/*
 * A client's names of prepared statements, and what its server has of these statements: what a
 * message about them is made of.
 */

/* In session pooling the server is the client's alone, so its own names do. */
static inline bool prepare_tracks_names(const struct client *client)
{
	const struct settings *settings = &client_pool(client)->settings;

	return settings->max_prepared_statements > 0 &&
	       (settings->pool_mode != POOL_MODE_SESSION || database_is_split(client->database));
}

/*
 * A name that the client has not prepared is the server's to complain of; but not one that begins
 * like ours, or the client would get at what others prepared.
 */
static inline bool prepare_is_reserved(const char *name)
{
	return strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0;
}

/* The reply to a message that is sent is owed. */
static inline void prepare_owe(struct client *client, enum pending_kind kind,
			       enum pending_action action, enum pending_mark mark, void *subject)
{
	pending_push(&client_server(client)->pending, kind, action, (uint8_t)mark, subject);
}

/*
 * What comes next depends on replies that are owed: NEXT if none are; else waits for them, and asks
 * for them (Flush) if no Sync has.
 */
enum step prepare_settle(struct client *client);

/*
 * Finds what a name means now.  WAIT: that is not known yet; else the entry, or NULL if the client
 * has no such name.
 */
enum step prepare_find_name(struct client *client, const char *name, struct name_entry **entry);

/* Sends a Close, or a Parse with this body. */
void prepare_send_close(struct server *server, const char *name);
void prepare_send_parse(struct server *server, const char *name, const void *body, uint32_t len);

/* What the server has of a statement. */
enum prepared prepare_find(const struct client *client, const struct name_entry *entry);

/* Sends a Parse of it under our name; its reply is owed. */
void prepare_on_server(struct client *client, struct name_entry *entry, enum pending_action action);

/* The same if the server lacks it.  WAIT: that is not known yet. */
enum step prepare_ensure(struct client *client, struct name_entry *entry);

#endif
