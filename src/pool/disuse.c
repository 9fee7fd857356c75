/* SPDX-License-Identifier: ISC */
/*
 * Pools and automatic databases that nobody uses.  Where clients and servers are counted it is
 * noted when the last one goes; two lists of deadlines do the rest, so that a hundred thousand
 * pools at rest cost nothing.
 */
#include "pool/disuse.h"

#include "base/mem.h"
#include "pool/connects.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "pool/queue.h"

/* A database that is not used but may not go (PAUSE) is looked at again after this time. */
#define LOOK_AGAIN USEC_PER_SEC

/* So many databases that nobody uses may be there for logins that proved nothing. */
#define UNPROVED_MAX 1000

static bool is_pool_used(const struct pool *pool)
{
	return pool->clients != 0 || pool->servers != 0;
}

static bool is_database_used(const struct database *database)
{
	return database->clients != 0 || database->servers != 0 || !database->automatic;
}

/* What says that it is in use, or since when it is not; on the list while it is not. */
static void note(struct deadlines *deadlines, struct deadline *deadline, usec_t *since, bool used,
		 usec_t timeout)
{
	if (used) {
		*since = 0;
		deadline_clear(deadline);
		return;
	}
	if (*since == 0)
		*since = clock_now();
	else if (list_has(&deadline->node))
		return;
	if (timeout > 0)
		deadline_set(deadlines, deadline, *since + timeout);
}

void disuse_note_pool(struct pool *pool)
{
	struct pooler *pooler = pool->database->pooler;

	note(&pooler->idle_pools, &pool->disuse, &pool->unused_since, is_pool_used(pool),
	     pooler->config->settings.pool_idle_timeout);
	disuse_note_database(pool->database);
}

/* How long one that nobody uses stays that was made for a login that proved nothing. */
static usec_t unproved_timeout(const struct settings *settings)
{
	usec_t timeout = connects_retry_delay(settings);

	return settings->autodb_idle_timeout > 0 && settings->autodb_idle_timeout < timeout
		       ? settings->autodb_idle_timeout
		       : timeout;
}

void disuse_note_database(struct database *database)
{
	struct pooler *pooler = database->pooler;
	const struct settings *settings = &pooler->config->settings;

	note(database->proved ? &pooler->idle_databases : &pooler->unproved_databases,
	     &database->disuse, &database->unused_since, is_database_used(database),
	     database->proved ? settings->autodb_idle_timeout : unproved_timeout(settings));
}

/* Somebody who is no client may wait in it, or its cancels still travel. */
static bool may_drop_pool(const struct pool *pool)
{
	bool kept = pool->database->entry->user[0] != '\0' && pool->settings.min_pool_size > 0;

	return !kept && !queue_has_waiters(pool) && pool_count(pool, SERVER_CANCELING) == 0;
}

static void on_idle_pool(struct deadlines *deadlines, struct list_node *node)
{
	struct pool *pool = deadline_entry(node, struct pool, disuse);

	if (may_drop_pool(pool)) {
		log_debug(pool, "dropped: not used for pool_idle_timeout");
		pool_close(pool, "pool_idle_timeout");
	} else {
		deadline_set(deadlines, &pool->disuse, clock_now() + LOOK_AGAIN);
	}
}

static bool may_drop_database(const struct database *database)
{
	if (database->paused || database->disabled)
		return false;
	list_for_each(&database->pools, node, after) {
		const struct pool *pool = list_entry(node, struct pool, node);

		if (pool->clients != 0 || queue_has_waiters(pool) ||
		    pool_count(pool, SERVER_CANCELING) != 0)
			return false;
	}
	return true;
}

static void on_idle_database(struct deadlines *deadlines, struct list_node *node)
{
	struct database *database = deadline_entry(node, struct database, disuse);

	if (may_drop_database(database)) {
		log_info(database, database->proved ? "dropped: not used for autodb_idle_timeout"
						    : "dropped: nobody has logged in to it");
		database_drop(database);
	} else {
		deadline_set(deadlines, &database->disuse, clock_now() + LOOK_AGAIN);
	}
}

void disuse_make_room(struct pooler *pooler)
{
	struct deadlines *deadlines = &pooler->unproved_databases;

	if (deadlines->list.count >= UNPROVED_MAX)
		on_idle_database(deadlines, list_pop(&deadlines->list));
}

void disuse_init(struct pooler *pooler)
{
	deadlines_init(&pooler->idle_pools, pooler->loop, on_idle_pool);
	deadlines_init(&pooler->idle_databases, pooler->loop, on_idle_database);
	deadlines_init(&pooler->unproved_databases, pooler->loop, on_idle_database);
}

void disuse_done(struct pooler *pooler)
{
	deadlines_done(&pooler->idle_pools);
	deadlines_done(&pooler->idle_databases);
	deadlines_done(&pooler->unproved_databases);
}

void disuse_renew(struct pooler *pooler)
{
	list_for_each(&pooler->databases, database_node, after_database) {
		struct database *database = list_entry(database_node, struct database, node);

		deadline_clear(&database->disuse);
		disuse_note_database(database);
		list_for_each(&database->pools, node, after) {
			struct pool *pool = list_entry(node, struct pool, node);

			deadline_clear(&pool->disuse);
			disuse_note_pool(pool);
		}
	}
}
