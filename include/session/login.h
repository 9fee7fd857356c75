/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_LOGIN_H
#define PGWEIR_SESSION_LOGIN_H

#include <stdbool.h>

struct client;

/* A client's login: from its first packet to its first ReadyForQuery. */

/* Takes the input of a client in CLIENT_STARTUP or CLIENT_AUTH. */
void login_run(struct client *client);

/* There are parameters to greet the client with: it becomes idle. */
void login_greet(struct client *client);

/* Wipes what the login knew; allowed at any time. */
void login_forget(struct client *client);

/* The names that the client gave, for the log; "(nodb)" and "(nouser)" before. */
const char *login_database(const struct client *client);
const char *login_user(const struct client *client);

#endif
