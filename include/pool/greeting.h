/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_GREETING_H
#define PGWEIR_POOL_GREETING_H

#include "pool/parameters.h"

/* What a server told at login, for greeting clients: name and value, interned. */
struct greeting_parameter {
	const char *name;
	const char *value;
};

/* All of them: what a server reported before it was ready for the first time. */
struct greeting {
	struct greeting_parameter *parameters;
	unsigned count;
};

void greeting_set(struct greeting *greeting, const char *name, const char *value);
void greeting_done(struct greeting *greeting);

/* A parameter's value; NULL if it was not reported. */
const char *greeting_find(const struct greeting *greeting, const char *name);

/* What its servers have while no client has changed anything. */
void greeting_parameters(const struct greeting *greeting, const struct parameters **slot);

/*
 * Sets of startup parameters that a server has accepted lately, each with what became of it
 * there.  Applications come with the same ones a thousand times.  Zeroed struct: none.
 */
struct startups {
	struct startup_outcome *outcomes;
	unsigned next;
};

/* What became of a set, NULL if it was not tried lately. */
const struct parameters *startups_find(const struct startups *startups,
				       const struct parameters *set);
void startups_learn(struct startups *startups, const struct parameters *set,
		    const struct parameters *outcome);
void startups_done(struct startups *startups);

#endif
