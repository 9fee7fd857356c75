/* SPDX-License-Identifier: ISC */
/* What a client says to pgweir itself within its SQL: settings, and a hint in a comment. */

#ifndef PGWEIR_SQL_DIRECTIVE_H
#define PGWEIR_SQL_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>

enum directive_kind {
	DIRECTIVE_NONE, /* not ours: for the server */
	DIRECTIVE_SET,
	DIRECTIVE_RESET, /* RESET, or SET ... TO DEFAULT */
	DIRECTIVE_SHOW,
};

struct directive {
	enum directive_kind kind;
	char name[64];	 /* after "pgweir.", in lower case */
	char value[256]; /* of SET: quotes gone, a bare word in lower case */
};

/*
 * Is the text exactly one SET [SESSION], RESET or SHOW of a setting
 * pgweir.<name>?  Comments, blanks and a final semicolon are allowed, anything
 * that is not understood (SET LOCAL, lists, E'' strings, what is too long) is
 * DIRECTIVE_NONE.  Whether name and value mean something is for the caller.
 */
bool directive_read(const char *sql, size_t len, bool std_strings, struct directive *directive);

/* Names of statements in SQL are cut at 63 bytes by PostgreSQL. */
#define DEALLOCATE_NAME_MAX 128

/*
 * Is the text exactly one DEALLOCATE [PREPARE] of a name?  The name, as PostgreSQL would take it,
 * goes into `name` (size bytes); ALL is no name.
 */
bool deallocate_read(const char *sql, size_t len, char *name, size_t size);

/* The same for the first one among several statements. */
bool deallocate_find(const char *sql, size_t len, char *name, size_t size);

/* Does the text begin with DEALLOCATE or DISCARD? */
bool deallocate_begins(const char *sql, size_t len);

enum hint_result {
	HINT_NONE, /* no comment for us */
	HINT_OK,
	HINT_MALFORMED, /* for us, but not understood: ignore, and count */
};

/* Values of route=, in the hint and in the setting. */
enum route_choice {
	ROUTE_CHOICE_NONE,
	ROUTE_CHOICE_SPLIT,
	ROUTE_CHOICE_PRIMARY,
	ROUTE_CHOICE_REPLICA,
	ROUTE_CHOICE_PREFER_REPLICA,
	ROUTE_CHOICE_ANY,
};

/* The choice that this text names, whatever its case; ROUTE_CHOICE_NONE if none. */
enum route_choice route_choice_find(const char *text, size_t len);

struct hint {
	enum route_choice route;
};

/*
 * Read a leading comment, after blanks only: slash-star pgweir: route=primary
 * star-slash.  Several key=value pairs are separated by blanks or commas; with an
 * unknown key, an unknown value or a key given twice all of it is malformed, and
 * the hint is empty.
 */
enum hint_result hint_read(const char *sql, size_t len, struct hint *hint);

#endif
