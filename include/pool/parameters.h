/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_PARAMETERS_H
#define PGWEIR_POOL_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Settings that clients change and that PostgreSQL reports (ParameterStatus): each client has
 * the values it wants, each server the values it has, and the difference is SET when a server
 * changes hands.  Values are shared strings, so that equal ones are equal pointers.
 */
#define PARAMETERS_MAX 16

/* Places of the fixed ones that the code looks at. */
enum {
	PARAMETER_CLIENT_ENCODING = 0,
	PARAMETER_DATE_STYLE = 1,
	PARAMETER_TIME_ZONE = 2,
	PARAMETER_STD_STRINGS = 3,
	PARAMETER_APPLICATION_NAME = 5,
	PARAMETER_DEFAULT_READ_ONLY = 7,
};

/*
 * A set of values.  Equal sets are the same pointer and counted; NULL is the set in which nothing
 * is known.  So a thousand clients with the same values cost a pointer each, and seeing that a
 * server fits its client costs a comparison.
 */
struct parameters;

/* The tracked names: a fixed set and those of track_extra_parameters.  Once, at start. */
void parameters_setup(const char *extra);

/* How many are tracked; their names as PostgreSQL spells them. */
int parameters_count(void);
const char *parameter_name(int index);

/* -1 if the name is not tracked; case does not count. */
int parameter_index(const char *name);

/* A value of a set, interned; NULL: not known. */
const char *parameters_value(const struct parameters *set, int index);

/* Points *slot at the set that differs from it in this value. */
void parameters_set(const struct parameters **slot, int index, const char *value);

/* Points *slot at this set. */
void parameters_share(const struct parameters **slot, const struct parameters *set);

/* Lets the set go and leaves NULL. */
void parameters_clear(const struct parameters **slot);

/*
 * Appends "SET name = 'value';" for each value that is wanted and differs from what the server
 * has, and "RESET name;" for what it has and nobody wants; false if there is none.
 */
bool parameters_difference(const struct parameters *wanted, const struct parameters *has,
			   struct text *sql);

#endif
