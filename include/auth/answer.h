/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_ANSWER_H
#define PGWEIR_AUTH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/method.h"
#include "auth/scram.h"

struct writer;

/*
 * Answers a server's Authentication messages; knows nothing of sockets.  Zero it, begin, feed it
 * the bodies of 'R' messages until OK or FAILED, done it.
 */
struct answer {
	const char *user;
	const char *secret;
	enum secret_kind kind;
	struct scram_keys *keys;
	bool scram_started;
	bool scram_finished;
	bool answered; /* one password request only */
	struct scram_client scram;
	const char *reason; /* after FAILED: static text, to follow "server login failed: " */
};

/*
 * Begins.  `secret` is a password or a stored md5 or SCRAM secret (NULL: none); `keys` are those
 * that a client's SCRAM login gave, or with a password a memory that saves the hashing of later
 * logins (NULL: none).  All are the caller's and must live until done.
 */
void answer_begin(struct answer *answer, const char *user, const char *secret,
		  struct scram_keys *keys);

/* Takes the body of an Authentication message; MORE also if there is nothing to send. */
enum auth_step answer_input(struct answer *answer, const uint8_t *body, size_t len,
			    struct writer *writer);

/* Wipes and frees; allowed on a zeroed struct. */
void answer_done(struct answer *answer);

#endif
