/* SPDX-License-Identifier: ISC */
/* What the name of a built-in function means for routing. */

#ifndef PGWEIR_SQL_FUNCTIONS_H
#define PGWEIR_SQL_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum function_kind {
	FUNCTION_UNKNOWN,   /* not PostgreSQL's own: may do anything */
	FUNCTION_SAFE,	    /* every overload reads only, the same on each node */
	FUNCTION_EXTENSION, /* the same, of a usual extension: not in pg_catalog */
	FUNCTION_UNSAFE,    /* writes, locks, runs text, or is bound to the node */
	FUNCTION_ADVISORY,  /* session-level advisory locks */
	FUNCTION_SEQSTATE,  /* currval, lastval */
	FUNCTION_SESSION,   /* other state of the session */
	FUNCTION_LISTEN,
	FUNCTION_TEMP,
	FUNCTION_SET_CONFIG, /* of the session or the transaction: by its third argument */
	FUNCTION_SETTING,    /* current_setting: safe unless it asks for the role of the node */
};

/*
 * The kind of a bare function name of len bytes.  fold is for names written
 * without quotes.  The table is that of PostgreSQL 15 and the safe names of 16
 * to 18 (scripts/gen-functions).
 */
enum function_kind function_find(const char *name, size_t len, bool fold);

#endif
