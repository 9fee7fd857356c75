/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_ROOM_H
#define PGWEIR_POOL_ROOM_H

#include <stdbool.h>

struct pool;

/* Room under the limits that pools share: max_db_connections and max_user_connections. */

/*
 * Whether the pool may open one more server; idle servers of others are closed for those who wait
 * in it, but not for its min_pool_size, or two pools would close each other's in turn.  False: if
 * somebody waits, the pool is woken when there is room for it.
 */
bool room_for(struct pool *pool);

/*
 * Whether a server that comes back to this pool should be given up: another pool's client has
 * waited for room for some time, and longer than this one's.
 */
bool room_is_owed(const struct pool *pool);

/* A server of the pool became idle or was closed: who waits longest may look again. */
void room_left(const struct pool *pool);

/* The pool asks anew, or is to be freed; true: it was waiting for room. */
bool room_leave(struct pool *pool);

#endif
