/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_STATEMENTS_H
#define PGWEIR_SESSION_STATEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "session/request.h"

struct client;
struct message;
struct parse_message;

/* Takes a Parse, a Bind, a Describe or Close (`type`) at the head of the input to the server. */
enum step statements_parse(struct client *client, uint32_t len);
enum step statements_bind(struct client *client, uint32_t len);
enum step statements_target(struct client *client, uint8_t type, uint32_t len);

/*
 * A Parse with a name that no server is told of yet; each is when it needs the statement.  False:
 * the client cannot have it.
 */
bool statements_learn(struct client *client, const struct parse_message *parse,
		      const struct message *message);

#endif
