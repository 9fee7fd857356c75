/* SPDX-License-Identifier: ISC */
/*
 * Those who wait for a server of a pool.
 *
 * There is one place of waiting: a queue for those who need the primary and one for the others,
 * so that reads go on while writes are held; those who want a connection of their own have a
 * third, served by pool/dedicated.  Within a queue who came first is served first, as
 * far as its need allows.  Whatever may end a wait posts the pool's task, which calls queue_serve.
 */
#include "pool/queue.h"

#include <stdio.h>

#include "pool/connects.h"
#include "pool/database.h"
#include "pool/dedicated.h"
#include "proto/error.h"

static int queue_of(const struct need *need)
{
	if (need->replication != 0)
		return QUEUE_DEDICATED;
	return need->kind == NEED_WRITE ? QUEUE_WRITE : QUEUE_OTHER;
}

/* When a holder is told that it waits; INT64_MAX: not, or it was. */
static usec_t notice_at(const struct holder *holder)
{
	usec_t delay = holder->pool->settings.query_wait_notify;

	return delay > 0 && !holder->notified ? holder->wait_since + delay : INT64_MAX;
}

static usec_t limit(const struct holder *holder, const char **why)
{
	usec_t timeout = holder->pool->settings.query_wait_timeout;

	if (holder->calls->limit != NULL)
		return holder->calls->limit(holder, why);
	*why = "query_wait_timeout";
	return timeout > 0 ? holder->wait_since + timeout : INT64_MAX;
}

/* A read waits a moment for a replica, if need be; after that as long as everybody. */
static void set_wait_deadline(struct holder *holder)
{
	const char *why;
	usec_t at = holder->need.patient ? holder->wait_since + NEED_PATIENCE_USEC
					 : limit(holder, &why);

	if (notice_at(holder) < at)
		at = notice_at(holder);
	if (at != INT64_MAX)
		deadline_set(&holder->pool->waits, &holder->deadline, at);
	else
		deadline_clear(&holder->deadline);
}

static bool tells_of_wait(struct holder *holder)
{
	if (clock_now() < notice_at(holder))
		return false;
	holder->notified = true;
	if (holder->calls->waits != NULL)
		holder->calls->waits(holder);
	set_wait_deadline(holder);
	return true;
}

/* No replica became fresh enough in the moment that the read had: it falls back. */
static bool loses_patience(struct holder *holder)
{
	struct pool *pool = holder->pool;

	if (!holder->need.patient)
		return false;
	holder->need.patient = false;
	pool->impatient_until = clock_now() + USEC_PER_SEC;
	set_wait_deadline(holder);
	pool_wake(pool);
	return true;
}

void queue_on_timeout(struct deadlines *deadlines, struct list_node *node)
{
	struct holder *holder = deadline_entry(node, struct holder, deadline);
	struct pool *pool = holder->pool;
	const char *why;
	char text[256];

	(void)deadlines;
	if (tells_of_wait(holder) || loses_patience(holder))
		return;
	if (limit(holder, &why) > clock_now()) { /* it was raised meanwhile */
		set_wait_deadline(holder);
		return;
	}
	if (holder->need.kind == NEED_WRITE && database_is_split(pool->database) &&
	    cluster_primary(pool->database->cluster) == NULL)
		snprintf(text, sizeof(text), "%s: %s", why,
			 cluster_why_no_primary(pool->database->cluster));
	else
		snprintf(text, sizeof(text), "%s", why);
	queue_leave(holder);
	holder->calls->refused(holder, true, SQLSTATE_QUERY_CANCELED, text);
}

bool queue_is_empty(const struct pool *pool, const struct need *need)
{
	return list_is_empty(&pool->queues[queue_of(need)]);
}

bool queue_has_waiters(const struct pool *pool)
{
	return pool->queues[QUEUE_WRITE].count + pool->queues[QUEUE_OTHER].count +
		       pool->queues[QUEUE_DEDICATED].count !=
	       0;
}

void queue_join(struct holder *holder)
{
	holder->wait_since = clock_now();
	holder->notified = false;
	list_append(&holder->pool->queues[queue_of(&holder->need)], &holder->node);
	set_wait_deadline(holder);
	pool_wake(holder->pool);
}

void queue_leave(struct holder *holder)
{
	if (!list_has(&holder->node))
		return;
	list_remove(&holder->node);
	deadline_clear(&holder->deadline);
	holder->wait_since = 0;
	if (holder->need.replication != 0)
		dedicated_abandon(holder);
}

static void refuse_no_replica(struct holder *holder)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "no replica of cluster %s is up and fresh enough (max_replica_lag)",
		 holder->pool->database->cluster->name);
	queue_leave(holder);
	holder->calls->refused(holder, false, SQLSTATE_CANNOT_CONNECT_NOW, text);
}

/* Serves the first in a queue who can be; false if nobody can. */
static bool serve_queue(struct pool *pool, int number)
{
	bool any = false;

	list_for_each(&pool->queues[number], node, after) {
		struct holder *holder = list_entry(node, struct holder, node);
		struct pool_host *best;
		struct server *server = pool_try(holder, &best);

		if (server != NULL) {
			queue_leave(holder);
			holder->calls->leased(holder, server);
			any = true;
		} else if (best != NULL) {
			best->wanted++;
			if (number == 0 && best->wanted > CONNECTS_MAX)
				break; /* all who follow need the same */
		} else if (holder->need.kind == NEED_READ &&
			   holder->need.fallback == FALLBACK_ERROR) {
			refuse_no_replica(holder);
		} else if (number == 0) {
			break;
		}
	}
	return any;
}

/*
 * The queues take turns by who waits longest at their head, so that reads that fall back to the
 * primary do not overtake writes for ever.
 */
void queue_serve(struct pool *pool)
{
	int first = 0;

	if (pool->queues[QUEUE_WRITE].count != 0 && pool->queues[QUEUE_OTHER].count != 0) {
		struct holder *a =
			list_entry(list_first(&pool->queues[QUEUE_WRITE]), struct holder, node);
		struct holder *b =
			list_entry(list_first(&pool->queues[QUEUE_OTHER]), struct holder, node);

		first = a->wait_since <= b->wait_since ? 0 : 1;
	}
	serve_queue(pool, first);
	serve_queue(pool, 1 - first);
}

void queue_refresh(struct pool *pool)
{
	for (int i = 0; i < POOL_QUEUES; i++)
		list_for_each(&pool->queues[i], node, after)
			set_wait_deadline(list_entry(node, struct holder, node));
}

void queue_refuse_all(struct pool *pool, const char *sqlstate, const char *text)
{
	queue_refuse_after(pool, INT64_MIN, sqlstate, text);
}

/* Who came last is at the end of its queue. */
void queue_refuse_after(struct pool *pool, usec_t moment, const char *sqlstate, const char *text)
{
	for (int i = 0; i < POOL_QUEUES; i++) {
		struct list_node *node;

		while ((node = list_last(&pool->queues[i])) != NULL) {
			struct holder *holder = list_entry(node, struct holder, node);

			if (holder->wait_since <= moment)
				break;
			queue_leave(holder);
			holder->calls->refused(holder, true, sqlstate, text);
		}
	}
}

usec_t queue_longest_wait(const struct pool *pool)
{
	usec_t longest = 0;

	for (int i = 0; i < POOL_QUEUES; i++) {
		struct list_node *node = list_first(&pool->queues[i]);

		if (node != NULL) {
			usec_t wait =
				clock_now() - list_entry(node, struct holder, node)->wait_since;

			longest = wait > longest ? wait : longest;
		}
	}
	return longest;
}
