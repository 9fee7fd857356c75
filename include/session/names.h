/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_NAMES_H
#define PGWEIR_SESSION_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/statement.h"

/* A client's names of prepared statements. */
struct names;

/* A name and what it means.  Counted: a Parse under way keeps its name alive. */
struct name_entry {
	uint64_t hash;
	struct statement *statement;
	uint32_t refs;
	bool known;	/* the client may use it: not closed meanwhile */
	bool confirmed; /* the server prepared it */
	char text[];
};

struct names *names_new(void);

/* Forgets all; NULL is allowed. */
void names_free(struct names *names);
unsigned names_count(const struct names *names); /* NULL: 0 */

/* The entry of a name, NULL if the client has none; `names` may be NULL. */
struct name_entry *names_find(const struct names *names, const char *name);

/* Adds a name that is not there; the statement is counted. */
struct name_entry *names_add(struct names *names, const char *name, struct statement *statement);

/* Takes a name off; the entry lives on while it is referred to. */
void names_remove(struct names *names, struct name_entry *entry);

/* Puts a name back that was taken off: its Close did not happen. */
void names_restore(struct names *names, struct name_entry *entry);

/* DEALLOCATE ALL, DISCARD ALL. */
void names_clear(struct names *names);

struct name_entry *name_ref(struct name_entry *entry);
void name_unref(struct name_entry *entry);

#endif
