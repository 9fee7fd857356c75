/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_PARAMETERS_H
#define PGWEIR_POOL_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Settings that clients have of their own: each client has the values it wants, each server the
 * values it has, and the difference is set when a server changes hands.
 *
 * Some names are tracked: most of them PostgreSQL reports (ParameterStatus), so what a client
 * sets is known without a look at its SQL, and they are in every set.  All other names are
 * extras: of the startup packet, or found out by asking (track_session).
 */
#define PARAMETERS_MAX 32

/* Extras of one set: how many, and bytes of their names and values. */
#define PARAMETERS_EXTRA_MAX 256
#define PARAMETERS_EXTRA_BYTES 65536

/* Places of the fixed ones that the code looks at. */
enum {
	PARAMETER_CLIENT_ENCODING = 0,
	PARAMETER_DATE_STYLE = 1,
	PARAMETER_TIME_ZONE = 2,
	PARAMETER_STD_STRINGS = 3,
	PARAMETER_APPLICATION_NAME = 5,
	PARAMETER_DEFAULT_READ_ONLY = 7,
	PARAMETER_DEFAULT_ISOLATION = 8,
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

/* Tells what the server is, rather than what its client wants: is never set, only told. */
bool parameter_is_told(int index);

/* Tracked, but PgBouncer does not: there ignore_startup_parameters may drop it. */
bool parameter_is_ours(int index);

/* A value of a set, interned; NULL: not known. */
const char *parameters_value(const struct parameters *set, int index);

/* Whether its transactions are serializable, if nothing else is said. */
bool parameters_serializable(const struct parameters *set);

/* Whether they are read-only then. */
bool parameters_read_only(const struct parameters *set);

/* Extras in order of their names, which are in lower case; one by its name, NULL: not in it. */
unsigned parameters_extras(const struct parameters *set);
const char *parameters_extra(const struct parameters *set, unsigned i, const char **value);
const char *parameters_extra_value(const struct parameters *set, const char *name);

/*
 * What RESET means to the owner of this set: the values of its startup packet.  NULL: those of
 * the server.
 */
const struct parameters *parameters_base(const struct parameters *set);

/* Points *slot at the set that differs from it in this value; NULL: it is not known. */
void parameters_set(const struct parameters **slot, int index, const char *value);

/*
 * The same by name, tracked or not; a NULL value takes an extra out.  False if that would be too
 * many, or too much.
 */
bool parameters_put(const struct parameters **slot, const char *name, const char *value);

/* Points *slot at the set with this base. */
void parameters_rebase(const struct parameters **slot, const struct parameters *base);

/* Points *slot at the set without extras. */
void parameters_drop_extras(const struct parameters **slot);

/*
 * What a server has once its settings were reset: what it reports it goes on reporting, the rest
 * is as at its start.  `reported` has a bit for each index that it reports.
 */
void parameters_reset(const struct parameters **slot, uint32_t reported);

/* Points *slot at this set. */
void parameters_share(const struct parameters **slot, const struct parameters *set);

/* Lets the set go and leaves NULL. */
void parameters_clear(const struct parameters **slot);

/* Writes what makes a server that has one set have the other; `sql` is empty before. */
enum difference {
	DIFFERENCE_NONE,
	DIFFERENCE_SETS,
	DIFFERENCE_RESETS, /* some go back to what the server had at its start */
};
enum difference parameters_difference(const struct parameters *wanted, const struct parameters *has,
				      struct text *sql);

/*
 * Appends what sets anew those values of the startup packet (a base) that hold no more, since the
 * client went back to defaults; false if there are none.
 */
bool parameters_renewal(const struct parameters *base, struct text *sql);

/* Appends a literal that means these bytes, whatever encoding and settings the server has. */
void parameters_literal(struct text *sql, const char *value, const char *encoding);

#endif
