/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_TIMEOUTS_H
#define PGWEIR_SESSION_TIMEOUTS_H

#include "base/clock.h"

struct client;
struct holder;
struct pooler;

/* How long a client may take for what; lists ordered by deadline, in the pools where they differ. */
void timeouts_init(struct pooler *pooler);

/* Called by client_become: the deadline of the new state replaces the old one. */
void timeouts_state_changed(struct client *client);

/* holder_calls.limit of clients: query_wait_timeout, client_login_timeout, query_timeout. */
usec_t timeouts_wait_limit(const struct holder *holder, const char **why);

/*
 * A request was sent to the server: query_timeout counts from `when`, transaction_timeout from
 * the beginning of the transaction.
 */
void timeouts_request_began(struct client *client, usec_t when);

/* A login goes on with a server's answer: client_login_timeout goes on. */
void timeouts_login(struct client *client);

/* The server is ready inside a transaction block: idle_transaction_timeout begins. */
void timeouts_transaction_idle(struct client *client);

/* The transaction is over. */
void timeouts_transaction_ended(struct client *client);

/* The settings have changed: all clients are bound by the new ones. */
void timeouts_refresh(void);

/* Takes the client off all lists. */
void timeouts_forget(struct client *client);

#endif
