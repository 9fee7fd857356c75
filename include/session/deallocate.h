/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_DEALLOCATE_H
#define PGWEIR_SESSION_DEALLOCATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/statement.h"
#include "session/request.h"

struct client;

/* DEALLOCATE in SQL of statements that the protocol gave a name. */

/*
 * The Query at the head of the input is answered here if it is one, unless the transaction has
 * failed.  One among other statements is made to find something to drop.
 */
enum step deallocate_answer(struct client *client, uint32_t len, bool *answered);

/*
 * Sends the Parse of an unnamed statement that is one, in words that the server understands.
 * False: it is something else, and nothing was sent.
 */
bool deallocate_translate(struct client *client, const struct statement *statement);

/* The same before the Bind of one with a name: it is run as it is, and finds something to drop. */
enum step deallocate_lend(struct client *client, const struct statement *statement);

#endif
