/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_FORWARD_H
#define PGWEIR_SESSION_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "session/request.h"

struct client;
struct server;
struct text;

/*
 * What a reply means beyond its kind (struct pending_entry, mark).  The subject of MARK_NONE is a
 * name of a statement (struct name_entry), or NULL.
 */
enum pending_mark {
	MARK_NONE,
	MARK_PARAMETERS, /* of the SETs that make the server fit its client */
	MARK_BEGIN,	 /* of the BEGIN that was deferred */
	MARK_UNNAMED,	 /* about the unnamed statement; subject: what it becomes, or NULL */
	MARK_ANEW,	 /* a Parse behind a Close of the same; subject: as of MARK_NONE */
	MARK_SURPLUS,	 /* a Close of the statement that is the subject */
	MARK_OURS,	 /* nothing that is remembered */
	MARK_DUPLICATE,	 /* a Parse that must fail, since the client has the name */
	MARK_OWN_ERROR,	 /* made to fail; subject: what is said instead (session/replies) */
	MARK_READ,	 /* what the request leaves on its server was read in its text */
	MARK_RENEWAL,	 /* of the SETs of what a client's RESET should not have reset */
	MARK_STATE,	 /* of the question for the settings of the session */
};

/* Sends a query of ours; its reply is owed and dropped. */
void forward_own_query(struct client *client, const char *sql, enum pending_mark mark);

/* Sends the BEGIN that was deferred. */
void forward_begin(struct client *client);

/*
 * Takes the message at the head of the client's input to its server, noting the reply that will
 * be owed: `type` and `len` are its header's.
 */
enum step forward_message(struct client *client, uint8_t type, uint32_t len);

/* Passes the whole message, as much of it as is there and the rest as it comes. */
enum step forward_whole(struct client *client, uint32_t len);

/* Whether all of the message at the head of the input is there; else room for it is made. */
bool forward_is_whole(struct client *client, uint32_t len);

/* Sends messages of ours, and frees them. */
void forward_text(struct server *server, struct text *packet);

/* In a block: whether this text ends it is remembered. */
void forward_note_commit(struct client *client, const uint8_t *sql, uint32_t len);

/* Sends replies that are made up and have nothing in front of them. */
void forward_made_up(struct client *client, struct server *server);

#endif
