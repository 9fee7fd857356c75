/* SPDX-License-Identifier: ISC */
/*
 * Room under the limits that pools share.
 *
 * Where there is none, pools wait in a crowd, one a database and one a user, the pool whose client
 * came first in front: what becomes free is its.  Idle servers make room at once; a pool that is
 * always busy has none, so it gives one up when it comes back.
 */
#include "pool/room.h"

#include "pool/database.h"
#include "pool/pool.h"
#include "pool/queue.h"

/* A connection costs more than many queries: one changes hands no more often than this. */
#define PATIENCE_USEC (100 * USEC_PER_MSEC)

static struct pool *pool_of(struct list_node *node)
{
	return list_entry(node, struct pool, crowd);
}

static bool is_paused(const struct pool *pool)
{
	return pool->database->paused || pool->database->pooler->activity != POOLER_ACTIVE;
}

/* The first of a crowd who still waits. */
static struct pool *first_of(struct list *crowd)
{
	struct list_node *node;

	while ((node = list_first(crowd)) != NULL) {
		if (queue_has_waiters(pool_of(node)) && !is_paused(pool_of(node)))
			return pool_of(node);
		list_remove(node);
	}
	return NULL;
}

static void join(struct pool *pool, struct list *crowd)
{
	struct list_node *behind = crowd->head.prev;

	pool->crowded_since = clock_now() - queue_longest_wait(pool);
	while (behind != &crowd->head && pool_of(behind)->crowded_since > pool->crowded_since)
		behind = behind->prev;
	list_insert(crowd, behind, &pool->crowd);
}

bool room_leave(struct pool *pool)
{
	bool crowded = list_has(&pool->crowd);

	list_remove(&pool->crowd);
	return crowded;
}

/* ---- limits ---- */

struct limit {
	struct list *crowd;
	unsigned servers;
	int max; /* 0: none */
	bool (*evict)(struct pool *pool);
};

/* The idlest server of a pool, if it has rested for longer than `idlest`. */
static struct server *idlest_of(const struct pool *pool, struct server *idlest)
{
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);
		struct list_node *first = list_first(&at->servers[SERVER_IDLE]);
		struct server *server;

		if (first == NULL)
			continue;
		server = list_entry(first, struct server, node);
		if (idlest == NULL || server->used_at < idlest->used_at)
			idlest = server;
	}
	return idlest;
}

static bool evict(struct server *server)
{
	if (server == NULL)
		return false;
	server_close(server, "evicted");
	return true;
}

static bool evict_of_database(struct pool *pool)
{
	struct server *idlest = NULL;

	list_for_each(&pool->database->pools, node, after)
		idlest = idlest_of(list_entry(node, struct pool, node), idlest);
	return evict(idlest);
}

static bool evict_of_user(struct pool *pool)
{
	struct server *idlest = NULL;

	list_for_each(&pool->account->pools, node, after)
		idlest = idlest_of(list_entry(node, struct pool, of_account), idlest);
	return evict(idlest);
}

static bool fits(struct pool *pool, const struct limit *limit)
{
	bool waits = queue_has_waiters(pool);
	struct pool *first = first_of(limit->crowd);

	if (limit->max <= 0)
		return true;
	if (first != NULL && first != pool && queue_longest_wait(first) > queue_longest_wait(pool))
		pool_wake(first);
	else if (limit->servers < (unsigned)limit->max || (waits && limit->evict(pool)))
		return true;
	if (waits && !list_has(&pool->crowd))
		join(pool, limit->crowd);
	return false;
}

bool room_for(struct pool *pool)
{
	const struct settings *settings = &pool->settings;
	struct limit user = { &pool->account->crowd, pool->account->servers,
			      settings->max_user_connections, evict_of_user };
	struct limit database = { &pool->database->crowd, pool->database->servers,
				  settings->max_db_connections, evict_of_database };

	return fits(pool, &user) && fits(pool, &database);
}

/* ---- those who have servers ---- */

static bool is_owed_to(struct list *crowd, const struct pool *pool)
{
	const struct pool *first = first_of(crowd);
	usec_t wait;

	if (first == NULL || first == pool)
		return false;
	wait = queue_longest_wait(first);
	return wait >= PATIENCE_USEC && wait > queue_longest_wait(pool);
}

bool room_is_owed(const struct pool *pool)
{
	return is_owed_to(&pool->account->crowd, pool) || is_owed_to(&pool->database->crowd, pool);
}

static void wake_first(struct list *crowd)
{
	struct pool *first = first_of(crowd);

	if (first != NULL)
		pool_wake(first);
}

void room_left(const struct pool *pool)
{
	wake_first(&pool->account->crowd);
	wake_first(&pool->database->crowd);
}
