/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_WELCOME_H
#define PGWEIR_SESSION_WELCOME_H

struct client;

/* A client that has proved who it is goes to the console or to its pool, within the limits. */
void welcome_enter(struct client *client);

/* There are parameters to greet the client with: it becomes idle. */
void welcome_greet(struct client *client);

#endif
