/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_COMMAND_H
#define PGWEIR_ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/result.h"

struct console_session;
struct command;
struct show_table;
struct text;

enum command_privilege {
	MAY_LOOK,    /* admin_users and stats_users */
	MAY_CONTROL, /* admin_users */
};

enum command_argument {
	TAKES_NOTHING,
	TAKES_OPTIONAL, /* a name */
	TAKES_NAME,
	TAKES_SETTING,	/* name = value, name TO value */
	TAKES_ANYTHING, /* what follows is of no interest */
};

/* A command of the console. */
struct command_row {
	const char *words; /* in capitals; SELECT is another word for SHOW */
	enum command_privilege privilege;
	enum command_argument argument;
	const struct show_table *table; /* what it shows, or NULL */
	void (*run)(struct console_session *session, const struct command *command,
		    struct result *result); /* NULL: it shows the table */
	const char *help;		    /* NULL: not listed in SHOW HELP */
};

/* All of them, ended by one without words. */
extern const struct command_row command_rows[];

#define COMMAND_NAME_MAX 127
#define COMMAND_VALUE_MAX 1023

/* A command as it was given. */
struct command {
	const struct command_row *row; /* NULL: nothing but blanks, comments or ; */
	char name[COMMAND_NAME_MAX + 1];
	char value[COMMAND_VALUE_MAX + 1];
};

/*
 * Reads one command: words in any case, names and values plain, in "double" or 'single' quotes,
 * comments, a ; at the end.  False: `why` says what is wrong.
 */
bool command_parse(const char *sql, size_t len, struct command *command, struct text *why);

#endif
