/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_LOGIN_H
#define PGWEIR_SESSION_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/verify.h"
#include "base/text.h"

struct client;
struct database;
struct auth_query;
struct outside;
struct parameters;

/* A client's login: from its first packet to its first ReadyForQuery. */

#define DATABASE_NAME_MAX 63
#define USER_NAME_MAX 127

/* In what words PostgreSQL refused the startup parameters. */
struct login_refusal {
	char sqlstate[6]; /* "": it did not */
	char text[512];
};

/* What is only needed until the client is logged in. */
struct client_login {
	char database[DATABASE_NAME_MAX + 1];
	char user[USER_NAME_MAX + 1];
	char *application_name;
	struct text server_parameters; /* replication: for its server, as in a startup packet */
	struct verify verify;
	struct auth_query *query;	      /* auth_query, while it is asked; else NULL */
	struct outside *outside;	      /* its password is judged outside; else NULL */
	const struct parameters *startup;     /* of the startup packet */
	const struct parameters *startup_key; /* the same without application_name */
	struct login_refusal refusal;
	uint16_t minor;
	bool console;
	bool console_admin;
	uint8_t requests;
	uint8_t checks; /* servers that were lost before they said what they think of it */
};

/* Takes the input of a client in CLIENT_STARTUP or CLIENT_AUTH. */
void login_run(struct client *client);

/* Whether its auth_query is asked over servers of this database. */
bool login_uses(const struct client *client, const struct database *database);

/* Wipes what the login knew; allowed at any time. */
void login_forget(struct client *client);

/* The names that the client gave, for the log; "(nodb)" and "(nouser)" before. */
const char *login_database(const struct client *client);
const char *login_user(const struct client *client);

#endif
