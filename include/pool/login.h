/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_LOGIN_H
#define PGWEIR_POOL_LOGIN_H

struct greeting;
struct server;

/* A server's login: from the startup packet to the end of connect_query. */

/* Sends the startup packet; the server is in SERVER_LOGIN. */
void login_begin(struct server *server);

/* Takes what the server says; it ends with pool_server_ready or with the server closed. */
void login_input(struct server *server);

/* What the server has told of itself by the end of its login; valid until login_free. */
const struct greeting *login_greeting(const struct server *server);

/* A parameter that clients are to be greeted with: of the login, or of connect_query after it. */
void login_note_parameter(struct server *server, const char *name, const char *value);

/* The server is ready for the first time: clients are greeted with what it said. */
void login_done(struct server *server);

/* Wipes what the login knew; allowed at any time. */
void login_free(struct server *server);

#endif
