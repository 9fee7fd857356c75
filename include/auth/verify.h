/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_VERIFY_H
#define PGWEIR_AUTH_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/method.h"
#include "auth/scram.h"

struct writer;

/* The longest body of a password message that is taken, as in PostgreSQL. */
#define VERIFY_INPUT_MAX 65535u

/*
 * Makes a client prove who it is; knows nothing of sockets.  Zero it, begin, feed it the bodies
 * of the client's 'p' messages while it says MORE, take the results, done it.
 */
struct verify {
	enum auth_ask ask;
	char *user;
	char *secret; /* NULL: unknown user */
	enum secret_kind kind;
	uint8_t salt[4];
	bool mechanism_chosen;
	bool says_sasl; /* SCRAM is what the client was asked for: its error says so, as PgBouncer's */
	bool keeps_keys; /* the secret is SCRAM: its keys are good for servers too */
	struct scram_server scram;

	/* After OK: what the login gave for logging in to servers; both NULL or empty if nothing. */
	char *password;		/* as the client gave it (plain, LDAP, PAM) */
	struct scram_keys keys; /* from a SCRAM secret */

	/* After FAILED. */
	const char *sqlstate;
	char message[192];  /* for the client */
	const char *detail; /* static, for the log; NULL: nothing to add */
};

/*
 * Starts: writes the request to the client, if one is needed.  `secret` is the stored text (NULL:
 * unknown user, for whom a mock exchange is held).  `derived`, if not NULL, is where the SCRAM
 * form of a plain secret is kept between logins (iterations 0: not made yet).
 * AuthenticationOk is never written: it is the start of the welcome.  METHOD_CERT and METHOD_PEER
 * are not decided here: OK if the user is known by other means, so decide first.
 */
enum auth_step verify_begin(struct verify *verify, enum auth_method method, const char *user,
			    const char *secret, struct scram_secret *derived,
			    struct writer *writer);

/*
 * Takes the body of a 'p' message.  At OK there can be bytes to send too (AuthenticationSASLFinal).
 * What is written never exceeds 2 KiB.
 */
enum auth_step verify_input(struct verify *verify, const uint8_t *body, size_t len,
			    struct writer *writer);

/* The longest body that the next message may have. */
size_t verify_input_max(const struct verify *verify);

/* Wipes and frees; allowed on a zeroed struct. */
void verify_done(struct verify *verify);

#endif
