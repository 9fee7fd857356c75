/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_SOURCE_H
#define PGWEIR_CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/config.h"

enum config_section {
	SECTION_PGWEIR, /* also [pgbouncer] */
	SECTION_CLUSTERS,
	SECTION_DATABASES,
	SECTION_USERS,
	SECTION_PEERS,
	SECTION_NONE, /* before the first header */
};

/* A line "name = value" of a file, as read. */
struct assignment {
	const char *file;
	unsigned line; /* 0: of no file but of SET, whose value is what it is */
	enum config_section section;
	const char *name;
	const char *value;
};

/*
 * What was read, in order, and the memory of all strings of a configuration.  Kept with it: SET
 * builds the next one from the same lines and one more.
 */
struct config_source {
	struct assignment *assignments;
	unsigned count;
	unsigned capacity;
	struct remembered *remembered;
	bool in_memory; /* came from no file: it may not read any either */
	struct source_block *blocks;
};

struct config_source *source_new(void);

/* Also overwrites the memory: there are passwords in it. */
void source_free(struct config_source *source);

/* Zeroed memory that lives as long as the source. */
void *source_alloc(struct config_source *source, size_t size);
const char *source_string(struct config_source *source, const char *s);
const char *source_string_n(struct config_source *source, const char *s, size_t len);

/* Adds a line; all strings are copied but `file`, which is the source's own. */
void source_add(struct config_source *source, const char *file, unsigned line,
		enum config_section section, const char *name, const char *value);

/* What conf/reference read, by name; NULL: nothing yet. */
const char *source_remember(struct config_source *source, const char *name, const char *data,
			    size_t len);
const char *source_recall(const struct config_source *source, const char *name);

/* A copy with memory of its own. */
struct config_source *source_copy(const struct config_source *source);

/* Fills in an error; control characters become '?'.  `file` may be NULL. */
void config_error_set(struct config_error *error, const char *file, unsigned line, const char *fmt,
		      ...) __attribute__((format(printf, 4, 5)));

#endif
