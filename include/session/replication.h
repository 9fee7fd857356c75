/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_REPLICATION_H
#define PGWEIR_SESSION_REPLICATION_H

struct client;

/* Replication connections, physical and logical: a client and a server made for it. */

/* The client is authenticated: asks the pool for its connection, and greets it when that is there. */
void replication_begin(struct client *client);

/* Takes the input of a client in CLIENT_REPLICATION. */
void replication_run(struct client *client);

/* The client leaves: its server goes with it. */
void replication_leave(struct client *client);

#endif
