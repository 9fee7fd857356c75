/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_STATEMENTS_H
#define PGWEIR_SESSION_STATEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "session/request.h"

struct client;
struct pending_entry;
struct server;

/* Takes a Parse, a Bind, a Describe or Close (`type`) at the head of the input to the server. */
enum step statements_parse(struct client *client, uint32_t len);
enum step statements_bind(struct client *client, uint32_t len);
enum step statements_target(struct client *client, uint8_t type, uint32_t len);

/*
 * A Query that is about statements which only we know is answered here; false if it is not one
 * of those.
 */
bool statements_answer(struct client *client, uint32_t len);

/*
 * A reply will not come: the server skipped its message after an error, or is gone.  What the
 * message would have made known is forgotten.
 */
void statements_undo(struct client *client, struct server *server,
		     const struct pending_entry *entry);

#endif
