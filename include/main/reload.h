/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_RELOAD_H
#define PGWEIR_MAIN_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct program;

/*
 * Reads the configuration, the secrets and opens the log anew, then takes all of it over.  False,
 * with one line of explanation, if anything is wrong: then nothing has changed.
 */
bool reload_run(struct program *program, char *error, size_t size);

/* One setting, until the next reload; false as above. */
bool reload_set(struct program *program, const char *key, const char *value, char *error,
		size_t size);

/* Logs what is allowed in a configuration but hardly meant. */
void reload_warn(const struct config *config);

#endif
