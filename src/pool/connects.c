/* SPDX-License-Identifier: ISC */
/*
 * Connections that a pool opens: how many, where, within which limits; and what follows when they
 * fail.
 */
#include "pool/connects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/choice.h"
#include "pool/database.h"
#include "pool/dedicated.h"
#include "pool/queue.h"
#include "pool/room.h"
#include "proto/error.h"

#define RETRY_MIN_USEC (50 * USEC_PER_MSEC)
#define POSTPONE_USEC USEC_PER_SEC

usec_t connects_retry_delay(const struct settings *settings)
{
	usec_t delay = settings->server_login_retry;

	return delay > RETRY_MIN_USEC ? delay : RETRY_MIN_USEC;
}

/* Its name is being looked up for the first time: the cluster tells when that is done. */
static bool awaits_address(const struct pool_host *at)
{
	return host_address(at->host) == NULL && at->host->cause != CAUSE_UNRESOLVED;
}

/* A connection to the host may be tried now. */
static bool may_try(const struct pool_host *at)
{
	return !at->removed && clock_now() >= at->retry_at &&
	       pool_host_unready(at) < CONNECTS_MAX && !awaits_address(at);
}

bool connects_have_surplus(const struct pool_host *at)
{
	const struct settings *settings = &at->pool->settings;

	return settings->default_pool_size > 0 &&
	       pool_sized_servers(at) > (unsigned)settings->default_pool_size +
						(unsigned)settings->reserve_pool_size;
}

/* There are as many servers as the limit says, if there is a limit at all. */
static bool is_beyond(const struct pool_host *at, unsigned limit)
{
	return at->pool->settings.default_pool_size > 0 && pool_sized_servers(at) >= limit;
}

static bool is_full(const struct pool_host *at, usec_t longest_wait)
{
	const struct settings *settings = &at->pool->settings;
	unsigned limit = (unsigned)settings->default_pool_size;

	if (settings->reserve_pool_timeout > 0 && longest_wait >= settings->reserve_pool_timeout)
		limit += (unsigned)settings->reserve_pool_size;
	return is_beyond(at, limit);
}

/* Room for one more: the limits of the pool, of the database, of the user. */
static bool may_connect(struct pool_host *at, usec_t longest_wait)
{
	return may_try(at) && !is_full(at, longest_wait) && room_for(at->pool);
}

static void set_retry(struct pool_host *at, usec_t moment)
{
	if (!list_has(&at->retry.node) || at->retry.at > moment)
		deadline_set(&at->pool->retries, &at->retry, moment);
}

/* Closes an idle server of the pool, or of its part on this host where each has its own size. */
static bool evict_idle(struct pool_host *at)
{
	struct pool *pool = at->pool;
	struct list_node *first = list_first(&at->servers[SERVER_IDLE]);

	if (!database_is_split(pool->database))
		list_for_each(&pool->hosts, node, after)
			if (first == NULL)
				first = list_first(&list_entry(node, struct pool_host, node)
							    ->servers[SERVER_IDLE]);
	if (first == NULL)
		return false;
	server_close(list_entry(first, struct server, node), "evicted for pool_size");
	return true;
}

bool connects_make_room(struct pool_host *at)
{
	if (clock_now() < at->retry_at)
		set_retry(at, at->retry_at);
	if (!may_try(at))
		return false;
	while (is_full(at, queue_longest_wait(at->pool))) /* it may be beyond, by its reserve */
		if (!evict_idle(at))
			return false;
	return room_for(at->pool);
}

/* Opens what those in the queues would use, beyond what is already on its way. */
static void connect_wanted(struct pool *pool)
{
	usec_t longest = queue_longest_wait(pool);

	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);
		unsigned coming = pool_host_coming(at);

		for (; at->wanted > coming && may_connect(at, longest); coming++) {
			if (is_beyond(at, (unsigned)pool->settings.default_pool_size))
				log_warn(pool, "taking connection from reserve_pool");
			if (server_connect(at) == NULL)
				break;
		}
		if (at->wanted > coming && clock_now() < at->retry_at)
			set_retry(at, at->retry_at);
		else if (at->wanted > 0 && pool->settings.reserve_pool_size > 0 &&
			 longest < pool->settings.reserve_pool_timeout)
			set_retry(at, clock_now() + pool->settings.reserve_pool_timeout - longest);
		at->wanted = 0;
	}
}

/* Without roles the minimum is all hosts' together; who waits comes first. */
static void keep_plain_minimum(struct pool *pool)
{
	list_for_each(&pool->hosts, node, after)
		if (list_entry(node, struct pool_host, node)->wanted != 0)
			return;
	for (unsigned i = pool->servers; i < (unsigned)pool->settings.min_pool_size; i++) {
		struct pool_host *at = choice_in_turn(pool);
		unsigned coming;

		if (at == NULL)
			return;
		coming = pool_host_coming(at);
		at->wanted = (at->wanted > coming ? at->wanted : coming) + 1;
	}
}

/* Keeps min_pool_size servers while there is somebody to use them. */
static void keep_minimum(struct pool *pool)
{
	bool used = pool->clients > 0 || pool->database->entry->user[0] != '\0';

	if (!used || pool->settings.min_pool_size <= 0)
		return;
	if (!database_is_split(pool->database)) {
		keep_plain_minimum(pool);
		return;
	}
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (pool_host_servers(at) < (unsigned)pool->settings.min_pool_size &&
		    choice_host_is_useful(at) && at->wanted == 0)
			at->wanted = (unsigned)pool->settings.min_pool_size -
				     pool_host_servers(at) + pool_host_coming(at);
	}
}

void connects_open(struct pool *pool)
{
	keep_minimum(pool);
	connect_wanted(pool);
}

static bool works(const struct pool_host *at, enum server_state state)
{
	list_for_each(&at->servers[state], node, after)
		if (!list_entry(node, struct server, node)->close_needed)
			return true;
	return false;
}

/*
 * Whether some server works, so that those who wait have something to wait for: not one that is
 * closed when it comes back.
 */
static bool has_working_server(const struct pool *pool)
{
	static const enum server_state states[] = { SERVER_IDLE, SERVER_LEASED, SERVER_CHORES,
						    SERVER_HELD };

	list_for_each(&pool->hosts, node, after)
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			if (works(list_entry(node, struct pool_host, node), states[i]))
				return true;
	return false;
}

void connects_forget_failure(struct pool *pool)
{
	free(pool->failure);
	pool->failure = NULL;
}

static void remember_failure(struct pool *pool, const char *sqlstate, const char *text)
{
	char why[320];

	snprintf(why, sizeof(why),
		 "server login has been failing, cached error: %s (server_login_retry)", text);
	if (pool->failure == NULL)
		pool->failing_since = clock_now();
	connects_forget_failure(pool);
	pool->failure = mem_string(why);
	memcpy(pool->failure_state, sqlstate, sizeof(pool->failure_state) - 1);
}

/*
 * A plain entry whose hosts all refused us lately: who comes now is told why at once, rather than
 * after server_login_retry.  Who waited before it began goes on waiting: a server that starts anew
 * is back soon.
 */
bool connects_are_failing(const struct pool *pool)
{
	if (pool->failure == NULL || database_is_split(pool->database) || has_working_server(pool))
		return false;
	list_for_each(&pool->hosts, node, after) {
		const struct pool_host *at = list_entry(node, struct pool_host, node);

		if (!at->removed && (clock_now() >= at->retry_at || pool_host_unready(at) != 0))
			return false;
	}
	return true;
}

static bool another_host_may_do(const struct pool_host *failed)
{
	list_for_each(&failed->pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (at != failed && !at->removed && clock_now() >= at->retry_at)
			return true;
	}
	return false;
}

/* The name of a plain entry's host has an address that did not fail lately. */
static bool another_address_may_do(const struct pool_host *failed)
{
	const struct host *host = failed->host;

	return !host->cluster->monitored && host->addresses != NULL && host->addresses->count > 1 &&
	       host_has_good_address(host);
}

/* In a cluster, the host that knows best who may log in. */
static bool is_primary(const struct pool_host *at)
{
	return database_is_split(at->pool->database) &&
	       at->host == cluster_primary(at->pool->database->cluster);
}

void connects_postpone(struct pool_host *at)
{
	at->retry_at = clock_now() + POSTPONE_USEC;
	set_retry(at, at->retry_at);
}

void connects_failed(struct server *server, const char *sqlstate, const char *text, bool final)
{
	struct pool *pool = server->pool;
	bool another;

	host_note_address(server->at->host, &server->address, false);
	if (server->intended != NULL && final) {
		dedicated_refused(server, sqlstate, text);
		return;
	}
	if (!another_address_may_do(server->at)) {
		server->at->retry_at = clock_now() + connects_retry_delay(&pool->settings);
		set_retry(server->at, server->at->retry_at);
	}
	pool_wake(pool);
	if (has_working_server(pool))
		return;
	another = another_address_may_do(server->at) || another_host_may_do(server->at);
	if (final && (!another || is_primary(server->at))) {
		remember_failure(pool, sqlstate, text);
		queue_refuse_all(pool, sqlstate, text);
		return;
	}
	if (database_is_split(pool->database) || another ||
	    strcmp(sqlstate, SQLSTATE_CANNOT_CONNECT_NOW) == 0)
		return;
	remember_failure(pool, sqlstate, text);
}
