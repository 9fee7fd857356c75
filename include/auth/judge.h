/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_JUDGE_H
#define PGWEIR_AUTH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/method.h"

/*
 * Passwords that others judge: PAM, or a directory.  Both block, so the question goes to a helper
 * process (io/helpers.h) and the verdict comes back.
 */

/* With this argument the program is such a helper. */
#define JUDGE_ARGUMENT "--judge-passwords"

struct judge_question {
	enum auth_method method; /* METHOD_LDAP or METHOD_PAM */
	const char *user;
	const char *password;
	const char *host;  /* where the client is, for PAM; "" : here */
	const char *words; /* LDAP: options (auth/ldap_options.h) */
};

enum judge_outcome {
	JUDGE_YES,
	JUDGE_NO,	   /* the password is not this user's, or there is no such user */
	JUDGE_UNAVAILABLE, /* it could not be asked */
};

struct judge_verdict {
	enum judge_outcome outcome;
	char why[512]; /* for the log */
};

/* Whether this build can ask. */
bool judge_is_built(enum auth_method method);

/*
 * Who is asked, as one line without secrets: "pam", "ldap ldap1:389 ldap2:389".  What has the same
 * name answers, or hangs, together.
 */
void judge_name(const struct judge_question *question, char *name, size_t size);

/* A question as bytes, in memory of its own. */
char *judge_compose(const struct judge_question *question, size_t *len);

/* Reads one; the strings are in `data`, which has a NUL behind its end. */
bool judge_read(const char *data, size_t len, struct judge_question *question);

/* Reads what a helper answered; what is no verdict is UNAVAILABLE. */
void judge_read_verdict(const char *data, size_t len, struct judge_verdict *verdict);

/* What the helper does.  Blocking. */
void judge_run(void) __attribute__((noreturn));

#endif
