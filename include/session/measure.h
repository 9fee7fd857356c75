/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_MEASURE_H
#define PGWEIR_SESSION_MEASURE_H

#include <stdbool.h>

struct client;

/*
 * What SHOW STATS counts of a client's requests: queries and transactions when they begin, their
 * times when they end, as PgBouncer does; each request of a pipeline counts.
 */

/* A request, or more of one, came; it may be the first of a transaction. */
void measure_begin(struct client *client);

/* The answer to a request is complete; `over`: its transaction, too. */
void measure_end(struct client *client, bool over);

/* A request ended without an answer of a server. */
void measure_drop(struct client *client, bool over);

#endif
