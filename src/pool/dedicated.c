/* SPDX-License-Identifier: ISC */
/*
 * Connections that are made for one holder and closed with it.
 *
 * The holder stays in QUEUE_DEDICATED while its connection is on the way (server->intended), so
 * that its time and its end are those of everybody who waits.
 */
#include "pool/dedicated.h"

#include "pool/choice.h"
#include "pool/connects.h"
#include "pool/database.h"
#include "pool/login.h"
#include "pool/queue.h"

static struct server *find_in(const struct list *servers, const struct holder *holder)
{
	list_for_each(servers, node, after) {
		struct server *server = list_entry(node, struct server, node);

		if (server->intended == holder)
			return server;
	}
	return NULL;
}

/* The connection that is on its way for a holder, NULL if there is none. */
static struct server *coming(const struct holder *holder)
{
	list_for_each(&holder->pool->hosts, node, after) {
		const struct pool_host *at = list_entry(node, struct pool_host, node);
		struct server *server = find_in(&at->servers[SERVER_CONNECTING], holder);

		if (server == NULL)
			server = find_in(&at->servers[SERVER_LOGIN], holder);
		if (server != NULL)
			return server;
	}
	return NULL;
}

/* Where it goes: the best host for the need; without roles the one whose turn it is. */
static struct pool_host *choose(const struct holder *holder)
{
	struct pool *pool = holder->pool;
	struct choice choice;

	if (!pool->database->cluster->monitored)
		return choice_in_turn(pool);
	choice_begin(&choice, pool, &holder->need);
	return choice_next(&choice);
}

void dedicated_open(struct pool *pool)
{
	list_for_each(&pool->queues[QUEUE_DEDICATED], node, after) {
		struct holder *holder = list_entry(node, struct holder, node);
		struct pool_host *at;

		if (coming(holder) != NULL)
			continue;
		at = choose(holder);
		if (at == NULL || !connects_make_room(at))
			continue;
		if (server_connect_for(at, holder) == NULL)
			return; /* who waits may have been refused */
	}
}

void dedicated_ready(struct server *server)
{
	struct holder *holder = server->intended;

	server->intended = NULL;
	connects_forget_failure(server->pool);
	pool_wake(server->pool); /* others may connect now (CONNECTS_MAX) */
	pool_attach(server, holder);
	queue_leave(holder);
	holder->calls->leased(holder, server);
}

void dedicated_refused(struct server *server, const char *sqlstate, const char *text)
{
	struct holder *holder = server->intended;

	server->intended = NULL;
	queue_leave(holder);
	holder->calls->login_failed(holder, sqlstate, text);
}

void dedicated_abandon(struct holder *holder)
{
	struct server *server = coming(holder);

	if (server == NULL)
		return;
	server->intended = NULL;
	server_close(server, "who it was made for has left");
}
