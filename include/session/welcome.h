/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_WELCOME_H
#define PGWEIR_SESSION_WELCOME_H

struct client;
struct greeting;

/* A client that has proved who it is goes to the console or to its pool, within the limits. */
void welcome_enter(struct client *client);

/* Fills in what the client did not ask for, as the servers have it. */
void welcome_complete(struct client *client);

/* There are parameters to greet the client with: it becomes idle. */
void welcome_greet(struct client *client);

/* The same for a replication client, with what its own server told. */
void welcome_greet_replication(struct client *client, const struct greeting *greeting);

#endif
