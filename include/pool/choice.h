/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_CHOICE_H
#define PGWEIR_POOL_CHOICE_H

#include <stdbool.h>

#include "pool/need.h"
#include "pool/pool.h"

/* Which hosts of a pool may serve a need, the best first.  On the stack; nothing to free. */
struct choice {
	struct pool *pool;
	const struct need *need;
	struct list_node *at; /* next host to offer */
	struct pool_host *first;
	int step;
};

void choice_begin(struct choice *choice, struct pool *pool, const struct need *need);

/* The next host, NULL when there are no more. */
struct pool_host *choice_next(struct choice *choice);

/*
 * Without roles: the host whose turn it is to get a connection, behind those that are wanted
 * already; one whose login failed lately only if all have.
 */
struct pool_host *choice_in_turn(struct pool *pool);

/* Whether this host may serve the need. */
bool choice_allows(const struct choice *choice, const struct pool_host *at);

/* Whether anybody could use a server there now (for min_pool_size). */
bool choice_host_is_useful(const struct pool_host *at);

/* The pool's part of a host, NULL if it has none. */
struct pool_host *pool_host_of(const struct pool *pool, const struct host *host);

#endif
