/* SPDX-License-Identifier: ISC */
/* What a text changes of the session that it runs in, and would leave to the next one. */

#ifndef PGWEIR_SQL_CHANGE_H
#define PGWEIR_SQL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "sql/lex.h"

enum change_kind {
	CHANGE_SET,	/* the setting `name`, for the session: SET, set_config */
	CHANGE_RESET,	/* the setting `name`, to its default */
	CHANGE_ALL,	/* all settings, to their defaults: RESET ALL, DISCARD ALL */
	CHANGE_UNKNOWN, /* settings that the text does not name */
	CHANGE_CURSOR,	/* declares one that outlives the transaction */
	CHANGE_CHANNEL, /* LISTEN */
	CHANGE_TEMP,	/* creates something temporary */
	CHANGE_EXECUTE, /* whatever the statement does that PREPARE gave a name */
};

struct change {
	enum change_kind kind;
	bool later;    /* when what the text PREPAREs is executed */
	char name[64]; /* in lower case; "" of other kinds; what is longer is CHANGE_UNKNOWN */
};

/*
 * Whether a text may change anything, seen from so little of it that it costs next to nothing:
 * how it begins, and whether set_config is called.  False is not certain: "SELECT 1; SET a = 1"
 * (its tags tell), a function that calls set_config.
 */
bool change_is_possible(const char *sql, size_t len);

/* Reads the changes of a text one by one. */
struct change_reader {
	struct lex lex;
	bool at_start; /* of a statement */
	bool prepares; /* this statement is for later */
};

void change_begin(struct change_reader *reader, const char *sql, size_t len, bool std_strings);

/*
 * The next one; false at the end.  What holds for the transaction only (SET LOCAL, set_config
 * with true, SET TRANSACTION) is none.
 */
bool change_next(struct change_reader *reader, struct change *change);

#endif
