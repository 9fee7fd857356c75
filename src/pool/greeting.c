/* SPDX-License-Identifier: ISC */
/* What a pool knows for greeting clients without asking a server. */
#include "pool/greeting.h"

#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"

/* An application has one or two; beyond that the oldest goes. */
#define STARTUPS_MAX 16

/* PostgreSQL reports about 15 parameters. */
#define GREETING_MAX 256

void greeting_set(struct greeting *greeting, const char *name, const char *value)
{
	struct greeting_parameter *parameter;

	for (unsigned i = 0; i < greeting->count; i++) {
		parameter = &greeting->parameters[i];
		if (strcmp(parameter->name, name) == 0) {
			const char *old = parameter->value;

			parameter->value = intern_string(value);
			intern_unref(old);
			return;
		}
	}
	if (greeting->count == GREETING_MAX)
		return;
	greeting->parameters = mem_grow(greeting->parameters,
					(greeting->count + 1) * sizeof(*greeting->parameters));
	parameter = &greeting->parameters[greeting->count++];
	parameter->name = intern_string(name);
	parameter->value = intern_string(value);
}

const char *greeting_find(const struct greeting *greeting, const char *name)
{
	for (unsigned i = 0; i < greeting->count; i++)
		if (strcmp(greeting->parameters[i].name, name) == 0)
			return greeting->parameters[i].value;
	return NULL;
}

void greeting_done(struct greeting *greeting)
{
	for (unsigned i = 0; i < greeting->count; i++) {
		intern_unref(greeting->parameters[i].name);
		intern_unref(greeting->parameters[i].value);
	}
	free(greeting->parameters);
	memset(greeting, 0, sizeof(*greeting));
}

void greeting_parameters(const struct greeting *greeting, const struct parameters **slot)
{
	parameters_clear(slot);
	for (unsigned i = 0; i < greeting->count; i++) {
		int index = parameter_index(greeting->parameters[i].name);

		if (index >= 0)
			parameters_set(slot, index, greeting->parameters[i].value);
	}
}

struct startup_outcome {
	const struct parameters *set;
	const struct parameters *outcome;
};

const struct parameters *startups_find(const struct startups *startups,
				       const struct parameters *set)
{
	for (unsigned i = 0; startups->outcomes != NULL && i < STARTUPS_MAX; i++)
		if (startups->outcomes[i].set == set)
			return startups->outcomes[i].outcome;
	return NULL;
}

void startups_learn(struct startups *startups, const struct parameters *set,
		    const struct parameters *outcome)
{
	struct startup_outcome *to;

	if (startups_find(startups, set) != NULL)
		return;
	if (startups->outcomes == NULL)
		startups->outcomes = mem_zero(STARTUPS_MAX * sizeof(*startups->outcomes));
	to = &startups->outcomes[startups->next++ % STARTUPS_MAX];
	parameters_share(&to->set, set);
	parameters_share(&to->outcome, outcome);
}

void startups_done(struct startups *startups)
{
	for (unsigned i = 0; startups->outcomes != NULL && i < STARTUPS_MAX; i++) {
		parameters_clear(&startups->outcomes[i].set);
		parameters_clear(&startups->outcomes[i].outcome);
	}
	free(startups->outcomes);
	memset(startups, 0, sizeof(*startups));
}
