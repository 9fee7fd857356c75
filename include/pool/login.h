/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_LOGIN_H
#define PGWEIR_POOL_LOGIN_H

struct greeting;
struct server;

/* A server's login: from the startup packet to the first ReadyForQuery. */

/* Sends the startup packet; the server is in SERVER_LOGIN. */
void login_begin(struct server *server);

/* Takes what the server says; it ends with pool_server_ready or with the server closed. */
void login_input(struct server *server);

/* What the server has told of itself by the end of its login; valid until login_free. */
const struct greeting *login_greeting(const struct server *server);

/* Wipes what the login knew; allowed at any time. */
void login_free(struct server *server);

#endif
