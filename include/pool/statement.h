/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_STATEMENT_H
#define PGWEIR_POOL_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "sql/verdict.h"

/* Names of ours on servers begin with this; no client gets at them under these names. */
#define STATEMENT_PREFIX "PGWEIR_"

/* Longest name of a statement on a server, with its NUL. */
#define STATEMENT_NAME_MAX 32

/*
 * A prepared statement as clients mean it: text and parameter types, shared by all clients that
 * prepare the same, with its verdict and hint.  Servers know it by a name of ours; a client's name for it
 * is the session layer's business.
 */
struct statement {
	uint64_t hash;
	uint64_t id;
	uint64_t columns;	/* hash of them as last described; 0: never were */
	uint64_t uses;		/* how often it was bound */
	struct verdict verdict; /* once judged: statement_verdict */
	uint32_t refs;
	uint32_t parameters; /* hash of their types as last described; 0: never were */
	uint32_t generation; /* counts changes of its columns: what was prepared before is stale */
	uint32_t clients;    /* that have a name for it */
	uint32_t servers;    /* that have it */
	uint32_t len;	     /* bytes of `body` */
	uint32_t text_len;   /* of the query text that begins the body */
	uint16_t type_count;
	uint8_t hint; /* enum route_choice of the comment in front; once judged */
	bool judged;
	char name[STATEMENT_NAME_MAX]; /* on servers */
	uint8_t body[]; /* of a Parse message, behind the name: text, NUL, count, types */
};

/*
 * The statement with this body; made if it is not there.  `body` is well formed
 * (proto/extended.h has read it).  Counted: statement_unref.
 */
struct statement *statement_intern(const uint8_t *body, uint32_t len, uint32_t text_len,
				   uint16_t type_count);
struct statement *statement_ref(struct statement *statement);
void statement_unref(struct statement *statement);

/* Whether its body is this. */
bool statement_is(const struct statement *statement, const uint8_t *body, uint32_t len);

/*
 * Its verdict, with standard_conforming_strings on and a harmless encoding: a client that has set
 * something else does not use it (session/scan).
 */
const struct verdict *statement_verdict(struct statement *statement);
uint8_t statement_hint(struct statement *statement); /* enum route_choice */

/* Statements alive and their bytes, and all of them, for SHOW. */
uint64_t statement_count(void);
uint64_t statement_bytes(void);
const struct statement *statement_walk(size_t *at);

/* The statements that a server has, the least recently used first.  Zeroed: empty. */
struct prepared_set {
	struct map by_id;
	struct list by_use; /* without those that are being closed */
};

/*
 * What a server has of a statement.  Parse and Close are taken for done in the batch in which they
 * are sent: if anything fails there, the rest is skipped with them.  For a later batch it is
 * unsure until they were answered.
 */
enum prepared {
	PREPARED_NOT,
	PREPARED_UNSURE,  /* replies that are owed will tell */
	PREPARED_STALE,	  /* something that is not as it should be: to be closed, then prepared */
	PREPARED_CLOSING, /* nothing any more, once this batch has come so far */
	PREPARED_READY,
};

void prepared_set_init(struct prepared_set *set);
void prepared_set_clear(struct prepared_set *set);

/* What the server has, seen from a batch; it becomes the most recently used. */
enum prepared prepared_set_find(struct prepared_set *set, const struct statement *statement,
				uint32_t batch);

/* A Parse is sent; it succeeded; it did not. */
void prepared_set_add(struct prepared_set *set, struct statement *statement, uint32_t batch);
void prepared_set_confirm(struct prepared_set *set, const struct statement *statement);
void prepared_set_remove(struct prepared_set *set, const struct statement *statement);

/* A Close is sent; it was done; it was not. */
void prepared_set_close(struct prepared_set *set, const struct statement *statement,
			uint32_t batch);
void prepared_set_closed(struct prepared_set *set, const struct statement *statement);
void prepared_set_reopen(struct prepared_set *set, const struct statement *statement);

/* Nobody knows what the server has under its name. */
void prepared_set_spoil(struct prepared_set *set, struct statement *statement);

/* DEALLOCATE ALL: all is gone but what is prepared after it. */
void prepared_set_deallocate(struct prepared_set *set);

/* The columns are not any more what this server prepared: the copies of all servers are stale. */
void prepared_set_outdate(const struct prepared_set *set, struct statement *statement);

/* The least recently used statement if there are more than `limit`, else NULL. */
struct statement *prepared_set_surplus(const struct prepared_set *set, unsigned limit);

#endif
