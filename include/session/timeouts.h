/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_TIMEOUTS_H
#define PGWEIR_SESSION_TIMEOUTS_H

struct client;
struct pool;
struct pooler;

/* How long a client may take for what; lists ordered by deadline, in the pools where they differ. */
void timeouts_init(struct pooler *pooler);

/* Called by client_become: the deadline of the new state replaces the old one. */
void timeouts_state_changed(struct client *client);

/* A request was sent to the server: query_timeout and transaction_timeout begin. */
void timeouts_request_began(struct client *client);

/* The server is ready inside a transaction block: idle_transaction_timeout begins. */
void timeouts_transaction_idle(struct client *client);

/* The transaction is over. */
void timeouts_transaction_ended(struct client *client);

/* Takes the client off all lists. */
void timeouts_forget(struct client *client);

#endif
