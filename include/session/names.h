/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_NAMES_H
#define PGWEIR_SESSION_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/statement.h"

/* A client's names of prepared statements. */
struct names;

/* A name comes with its Parse and goes with its Close; both may still fail, or be skipped. */
enum name_state {
	NAME_NEW, /* its Parse is under way */
	NAME_KNOWN,
	NAME_CLOSING, /* its Close is under way */
	NAME_GONE,
};

/* A name and what it means.  Counted: a message under way keeps its name alive. */
struct name_entry {
	uint64_t hash;
	struct statement *statement;
	uint32_t refs;
	uint32_t batch;	     /* of its server, in which the state changed last */
	uint32_t generation; /* of the statement, as the client knows its columns */
	uint8_t state;
	bool confirmed; /* the Parse has succeeded */
	bool described; /* the client was told parameters and columns */
	char text[];
};

struct names *names_new(void);

/* Forgets all; NULL is allowed. */
void names_free(struct names *names);
unsigned names_count(const struct names *names); /* NULL: 0 */

/* Bytes of a client's names and of their statements, as if these were its own; NULL: 0. */
uint64_t names_bytes(const struct names *names);

/* All clients' names and their own bytes, for SHOW MEM. */
uint64_t names_total_count(void);
uint64_t names_total_bytes(void);

/*
 * The entry of a name, NULL if the client has none; `names` may be NULL.  One that is being
 * closed is found only if there is no other.
 */
struct name_entry *names_find(const struct names *names, const char *name);

/* Adds a name; the statement is counted. */
struct name_entry *names_add(struct names *names, const char *name, struct statement *statement,
			     uint32_t batch);

/* Its Parse succeeded; its Close was sent; that was not done after all; it was. */
void names_confirm(struct names *names, struct name_entry *entry);
void names_close(struct names *names, struct name_entry *entry, uint32_t batch);
void names_reopen(struct names *names, struct name_entry *entry);
void names_remove(struct names *names, struct name_entry *entry);

/* The name, or none, that the next DEALLOCATE in SQL takes. */
void names_expect(struct names *names, struct name_entry *entry);
void names_deallocated(struct names *names);

/* DEALLOCATE ALL, DISCARD ALL: all names go but those whose Parse comes later. */
void names_clear(struct names *names);

struct name_entry *name_ref(struct name_entry *entry);
void name_unref(struct name_entry *entry);

#endif
