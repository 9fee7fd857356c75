/* SPDX-License-Identifier: ISC */
/* What an operator does to databases and clients. */
#include "admin/operate.h"

#include "admin/suspend.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "proto/error.h"
#include "session/cancel.h"
#include "session/client.h"

/* What those are told that KILL closes, in PgBouncer's words. */
#define KILLED "database removed"

/* Calls `act` for each pool of a database, or of all. */
static void for_pools(struct pooler *pooler, struct database *database,
		      void (*act)(struct pool *pool))
{
	list_for_each(&pooler->databases, node, after) {
		struct database *each = list_entry(node, struct database, node);

		if (database != NULL && each != database)
			continue;
		list_for_each(&each->pools, pool_node, after_pool)
			act(list_entry(pool_node, struct pool, node));
	}
}

static void close_idle(struct pool *pool)
{
	pool_close_idle(pool, "pause mode");
}

static void close_all(struct pool *pool)
{
	pool_close_all(pool, KILLED);
}

static void reconnect(struct pool *pool)
{
	pool_reconnect(pool, "admin reconnect");
}

void operate_pause(struct pooler *pooler)
{
	pooler->activity = POOLER_PAUSED;
	for_pools(pooler, NULL, close_idle);
}

void operate_resume(struct pooler *pooler)
{
	bool killed = pooler->killed;

	if (pooler->activity == POOLER_SUSPENDED)
		suspend_end(pooler);
	pooler->activity = POOLER_ACTIVE;
	pooler->killed = false;
	list_for_each(&pooler->databases, node, after) {
		struct database *database = list_entry(node, struct database, node);

		if (killed)
			database->paused = false;
	}
	for_pools(pooler, NULL, pool_wake);
}

bool operate_is_paused(const struct pooler *pooler)
{
	list_for_each(&pooler->databases, node, after)
		if (list_entry(node, struct database, node)->paused)
			return true;
	return pooler->activity != POOLER_ACTIVE;
}

bool operate_is_quiet(struct pooler *pooler, struct database *database)
{
	bool quiet = true;

	/* Those that were logging in when the pause began are idle by now. */
	for_pools(pooler, database, close_idle);
	list_for_each(&pooler->databases, node, after) {
		const struct database *each = list_entry(node, struct database, node);

		if (database == NULL || each == database)
			quiet = quiet && database_is_quiet(each);
	}
	return quiet;
}

void operate_kill(struct pooler *pooler, struct database *database)
{
	pooler->killed |= database == NULL;
	list_for_each(&pooler->databases, node, after) {
		struct database *each = list_entry(node, struct database, node);

		if (database != NULL && each != database)
			continue;
		each->paused = true;
		clients_close_database(each, KILLED);
	}
	for_pools(pooler, database, close_all);
}

void operate_reconnect(struct pooler *pooler, struct database *database)
{
	for_pools(pooler, database, reconnect);
}

static bool has_server_to_replace(const struct pool *pool)
{
	list_for_each(&pool->hosts, host_node, after_host) {
		const struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (int state = 0; state < SERVER_CLOSED; state++)
			list_for_each(&at->servers[state], node, after)
				if (list_entry(node, struct server, node)->close_needed)
					return true;
	}
	return false;
}

bool operate_is_reconnected(const struct pooler *pooler, const struct database *database)
{
	list_for_each(&pooler->databases, node, after) {
		const struct database *each = list_entry(node, struct database, node);

		if (database != NULL && each != database)
			continue;
		list_for_each(&each->pools, pool_node, after_pool)
			if (has_server_to_replace(list_entry(pool_node, struct pool, node)))
				return false;
	}
	return true;
}

void operate_close_client(struct client *client, const char *sqlstate, const char *why)
{
	if (client->state == CLIENT_CANCEL)
		cancel_client_left(client);
	else
		client_close(client, sqlstate, "%s", why);
}

/* From the first each time: closing one may close others. */
static void close_state(enum client_state state, const char *sqlstate, const char *why)
{
	struct list_node *node;

	while ((node = list_first(clients_in(state))) != NULL)
		operate_close_client(list_entry(node, struct client, node), sqlstate, why);
}

void operate_close_waiting(const char *sqlstate, const char *why)
{
	close_state(CLIENT_WELCOME, sqlstate, why);
	close_state(CLIENT_WAITING, sqlstate, why);
}

void operate_close_clients(const char *sqlstate, const char *why)
{
	for (int state = 0; state < CLIENT_CLOSED; state++)
		close_state((enum client_state)state, sqlstate, why);
}
