/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_STATEMENT_H
#define PGWEIR_POOL_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "sql/verdict.h"

/*
 * A prepared statement as clients mean it: text and parameter types, shared by all clients that
 * prepare the same, with its verdict and hint.  Servers know it by a name of ours; a client's name for it
 * is the session layer's business.
 */
struct statement {
	uint64_t hash;
	uint64_t id;
	struct verdict verdict;
	uint32_t refs;
	uint32_t len;	   /* bytes of `body` */
	uint32_t text_len; /* of the query text that begins the body */
	uint16_t type_count;
	uint8_t hint;	/* enum route_choice of the comment in front */
	uint8_t body[]; /* of a Parse message, behind the name: text, NUL, count, types */
};

/* Longest name of a statement on a server, with its NUL. */
#define STATEMENT_NAME_MAX 32

/*
 * The statement with this body; made, with its verdict, if it is not there.  `body` is well
 * formed (proto/extended.h has read it).  Counted: statement_unref.
 */
struct statement *statement_intern(const uint8_t *body, uint32_t len, uint32_t text_len,
				   uint16_t type_count);
struct statement *statement_ref(struct statement *statement);
void statement_unref(struct statement *statement);

/* Its name on servers, into a buffer of STATEMENT_NAME_MAX bytes. */
void statement_name(const struct statement *statement, char *name);

/* Statements alive and their bytes, for SHOW MEM. */
uint64_t statement_count(void);
uint64_t statement_bytes(void);

/* The statements that a server has, the least recently used first.  Zeroed: empty. */
struct prepared_set {
	struct map by_id;
	struct list by_use;
};

void prepared_set_init(struct prepared_set *set);
void prepared_set_clear(struct prepared_set *set);

/* Whether the statement is there; it becomes the most recently used. */
bool prepared_set_has(struct prepared_set *set, const struct statement *statement);
void prepared_set_add(struct prepared_set *set, struct statement *statement);
void prepared_set_remove(struct prepared_set *set, const struct statement *statement);

/* The least recently used statement if there are more than `limit`, else NULL. */
struct statement *prepared_set_surplus(const struct prepared_set *set, unsigned limit);

#endif
