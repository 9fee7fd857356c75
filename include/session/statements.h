/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_STATEMENTS_H
#define PGWEIR_SESSION_STATEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "session/request.h"

struct client;

/* Takes a Parse, a Bind, a Describe or Close (`type`) at the head of the input to the server. */
enum step statements_parse(struct client *client, uint32_t len);
enum step statements_bind(struct client *client, uint32_t len);
enum step statements_target(struct client *client, uint8_t type, uint32_t len);

/* A Query that is about statements which only we know is answered here, if it is one of those. */
enum step statements_answer(struct client *client, uint32_t len, bool *answered);

#endif
