/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_QUEUE_H
#define PGWEIR_POOL_QUEUE_H

#include <stdbool.h>

#include "pool/pool.h"

/* Those who wait for a server of a pool: the holders in pool->queues. */

/* Puts a holder at the end of the queue of its need; `leased` or `refused` follows. */
void queue_join(struct holder *holder);

/* Leaves the queue; nothing happens if it does not wait. */
void queue_leave(struct holder *holder);

/* Whether nobody waits who would have to be served before this need. */
bool queue_is_empty(const struct pool *pool, const struct need *need);

/* Whether anybody waits at all. */
bool queue_has_waiters(const struct pool *pool);

/*
 * Hands servers to those who can be served and notes in pool_host.wanted what the rest would use;
 * the pool's task calls it.
 */
void queue_serve(struct pool *pool);

/* The settings have changed: those who wait are bound by the new ones. */
void queue_refresh(struct pool *pool);

/* Refuses all who wait, for good. */
void queue_refuse_all(struct pool *pool, const char *sqlstate, const char *text);

/* Refuses those who came after this moment. */
void queue_refuse_after(struct pool *pool, usec_t moment, const char *sqlstate, const char *text);

/* How long the longest waiting holder has waited, in microseconds; 0: nobody waits. */
usec_t queue_longest_wait(const struct pool *pool);

/* The time of a holder in pool->waits has come: it is told, falls back or is refused. */
void queue_on_timeout(struct deadlines *deadlines, struct list_node *node);

#endif
