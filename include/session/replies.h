/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_REPLIES_H
#define PGWEIR_SESSION_REPLIES_H

#include <stdbool.h>

#include "pool/pending.h"
#include "proto/message.h"

struct client;
struct server;
struct text;

/*
 * What the replies to messages about prepared statements make true: of the client's names, of
 * what the server has.  The subject of a pending entry says what it was about (enum pending_mark).
 */

/* A name that is in use on a server for as long as it takes to make an error of it. */
#define SCRATCH_STATEMENT "PGWEIR_new"

/* What a client's DEALLOCATE drops in the place of its own name; a number follows. */
#define GONE_STATEMENT "pgweir_gone_"

/* An error of ours, to be given in place of one that the server was made to give. */
void *own_error_new(const char *sqlstate, const char *text);

/* It was done. */
void replies_done(struct client *client, struct server *server, const struct pending_entry *entry);

/* Describe is answered: parameters first, then columns (NULL: too long to be looked at). */
void replies_parameters(struct pending_entry *entry, const struct message *message);
void replies_described(struct client *client, struct server *server,
		       const struct pending_entry *entry, const struct message *message);

/*
 * A reply will not come: the server failed at its message (`ran`), skipped it after an error, or is
 * gone.  What the message would have made known is forgotten.
 */
void replies_undo(struct client *client, struct server *server, const struct pending_entry *entry,
		  bool ran);

/* A DEALLOCATE or DISCARD ran, of a name or of all. */
void replies_deallocated(struct client *client);
void replies_deallocated_all(struct client *client, struct server *server);

/* A simple query ran: there is no unnamed statement any more. */
void replies_forget_unnamed(struct client *client, struct server *server);

/* A simple query was answered by us: the same, but what the server has it still has. */
void replies_lose_unnamed(struct client *client);

/* What an error, the answer to this entry, says of the statement on the server. */
void replies_note_error(struct server *server, struct pending_entry *entry,
			const struct message *message);

/* Whether such an error is mended by preparing anew and sending the request once more. */
bool replies_mends(const struct client *client, const struct pending_entry *entry,
		   const struct message *message);

/* The error in the client's words; false if the server's are as good. */
bool replies_word_error(const struct client *client, const struct pending_entry *entry,
			const struct message *message, struct text *packet);

#endif
