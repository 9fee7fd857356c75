/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_SESSION_H
#define PGWEIR_ADMIN_SESSION_H

#include <stdbool.h>

#include "admin/command.h"
#include "base/list.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "proto/message.h"

struct client;
struct console_owner;
struct database;

/* What a session waits for before it answers. */
enum console_wait {
	WAIT_NOTHING,
	WAIT_QUIET,	  /* PAUSE: no server is in use */
	WAIT_RECONNECTED, /* WAIT_CLOSE: no server is left that must be replaced */
	WAIT_UNSENT,	  /* SUSPEND: nothing is queued for anybody */
	WAIT_END,	  /* SHUTDOWN: there will be no answer */
};

/* One operator's connection. */
struct console_session {
	struct client *client;
	struct task more;      /* goes on with input that is there */
	struct deadline check; /* looks again: at what it waits for, or whether its output left */
	enum console_wait wait;
	usec_t since;	   /* when the wait began */
	bool suspends;	   /* it has suspended all: its end resumes */
	char *database;	   /* that it waits for; NULL: all */
	const char *tag;   /* of the answer to come; constant */
	bool simple;	   /* that answer ends with ReadyForQuery */
	bool skip_to_sync; /* after an error in the extended protocol */
	bool canceled;	   /* a cancel request came: the wait is to end */
	struct list statements;
	struct list portals;
};

/* The answer to the command that runs comes later, with this tag. */
void session_wait(struct console_session *session, struct result *result, enum console_wait wait,
		  const struct database *database, const char *tag);

/* Runs a command: privilege, log, then what it does.  The client may be closed afterwards. */
void session_run_command(struct console_session *session, const struct command *command,
			 struct result *result);

/* Answers with an error; the extended protocol then skips to Sync. */
void session_fail(struct console_session *session, const char *sqlstate, const char *text);

struct console_owner *console_owner(void);

/* The extended protocol (admin/extended.c): takes one message, of a type that it knows. */
void extended_take(struct console_session *session, const struct message *message);

/* Frees statements and portals. */
void extended_forget(struct console_session *session);

#endif
