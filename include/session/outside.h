/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_OUTSIDE_H
#define PGWEIR_SESSION_OUTSIDE_H

#include "auth/judge.h"
#include "io/helpers.h"

struct client;
struct pooler;

/*
 * A login whose password is judged outside: by a directory or by PAM.  It is made when the client
 * is asked for its password, and keeps what the configuration says at that moment.
 */
struct outside {
	struct helper_call call;
	struct client *client;
	enum auth_method method;
	char *words; /* LDAP: options */
	bool asking;
	void (*ended)(struct client *client);

	struct judge_verdict verdict; /* once it has ended */
};

void outside_init(struct pooler *pooler);
void outside_done(void);

/* Who judges, for the console; the outcomes of a queue are those of judge.h. */
const struct helpers *outside_helpers(void);

/* `ended` comes in a later turn than outside_ask, and may close the client or free it. */
struct outside *outside_new(struct client *client, enum auth_method method, const char *words,
			    void (*ended)(struct client *client));

/* Asks; false: too many logins wait. */
bool outside_ask(struct outside *outside, const char *user, const char *password);

/* Wipes and frees it, whatever its state; NULL is allowed. */
void outside_free(struct outside *outside);

#endif
