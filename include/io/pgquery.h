/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_PGQUERY_H
#define PGWEIR_IO_PGQUERY_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/clock.h"
#include "io/addr.h"
#include "io/loop.h"

/*
 * A connection for our own queries: libpq, asynchronous, on the loop.  One command at a time.
 * Calls come from the loop only, never from within a function of this file; each of them may
 * close the connection.
 */
struct pgquery;

/* Why a connection is of no use any more. */
enum pgquery_failure {
	PGQUERY_REFUSED, /* nobody listens there */
	PGQUERY_TIMEOUT, /* login or answer took too long */
	PGQUERY_LOGIN,	 /* the server refused us; see sqlstate */
	PGQUERY_LOST,	 /* the connection broke, or the server ended it; see sqlstate */
};

struct pgquery_owner {
	/* Logged in: a command may be sent. */
	void (*on_ready)(struct pgquery *query);

	/*
	 * The answer to the command: a result of any status, also an error, valid during the call.
	 * Another command may be sent.
	 */
	void (*on_answer)(struct pgquery *query, const PGresult *result);

	/*
	 * It is dead; nothing but pgquery_close remains.  `sqlstate` is "" if the server gave none;
	 * `text` is one line without secrets.
	 */
	void (*on_failed)(struct pgquery *query, enum pgquery_failure failure, const char *sqlstate,
			  const char *text);
};

struct pgquery_login {
	const struct addr *addr;
	const char *host; /* the name, for certificates; may be NULL */
	const char *user;
	const char *password; /* NULL: none */
	const char *database;
	const char *application_name;
	const char *sslmode;	 /* NULL: disable */
	const char *sslrootcert; /* NULL: libpq's default */
	const char *options;	 /* "-c …", NULL: none */
};

/* Begins to connect; `login` and what it points to are needed during the call only. */
struct pgquery *pgquery_open(struct loop *loop, const struct pgquery_login *login, usec_t timeout,
			     const struct pgquery_owner *owner, void *arg);

/* Ends it at any time, also from its own calls; no call comes any more.  NULL is allowed. */
void pgquery_close(struct pgquery *query);

/*
 * Send one command; only when ready and not busy.  An answer that does not come in time fails
 * the connection.  Failures to send are told by on_failed.
 */
void pgquery_send(struct pgquery *query, const char *sql, usec_t timeout);
void pgquery_prepare(struct pgquery *query, const char *name, const char *sql, usec_t timeout);
void pgquery_execute(struct pgquery *query, const char *name, int count, const char *const *values,
		     usec_t timeout);

bool pgquery_is_busy(const struct pgquery *query);
bool pgquery_is_ready(const struct pgquery *query); /* logged in, alive and not busy */
void *pgquery_arg(const struct pgquery *query);

/* When the last command was given: before its first byte was sent. */
usec_t pgquery_sent(const struct pgquery *query);

#endif
