/* SPDX-License-Identifier: ISC */
/*
 * A suspension: all connections stand still with nothing on its way out of us.  Servers that log
 * in or do chores finish that, for somebody else's clock is running there; nobody is given them.
 */
#include "admin/suspend.h"

#include "admin/console.h"
#include "admin/session.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "proto/error.h"
#include "session/client.h"

/* What is to be done with each connection. */
struct visit {
	void (*client)(struct visit *visit, struct client *client);
	void (*server)(struct visit *visit, struct server *server);
	bool complete;
	bool force;
};

static void visit_servers(struct visit *visit, const struct pool *pool)
{
	static const enum server_state states[] = { SERVER_IDLE, SERVER_LEASED, SERVER_CHORES,
						    SERVER_HELD };

	list_for_each(&pool->hosts, host_node, after_host) {
		struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			list_for_each(&at->servers[states[i]], node, after)
				visit->server(visit, list_entry(node, struct server, node));
	}
}

static void visit_all(struct visit *visit, struct pooler *pooler)
{
	for (int state = 0; state < CLIENT_CLOSED; state++) {
		if (state == CLIENT_CONSOLE)
			continue;
		list_for_each(clients_in((enum client_state)state), node, after)
			visit->client(visit, list_entry(node, struct client, node));
	}
	list_for_each(&pooler->databases, node, after)
		list_for_each(&list_entry(node, struct database, node)->pools, pool_node,
			      after_pool)
			visit_servers(visit, list_entry(pool_node, struct pool, node));
}

static void hold_client(struct visit *visit, struct client *client)
{
	(void)visit;
	stream_hold(&client->stream);
}

static void hold_server(struct visit *visit, struct server *server)
{
	(void)visit;
	if (server->state != SERVER_CHORES)
		stream_hold(&server->stream);
}

static void free_client(struct visit *visit, struct client *client)
{
	(void)visit;
	stream_unhold(&client->stream);
}

/* Some came to chores meanwhile: their clients' time was up. */
static void free_server(struct visit *visit, struct server *server)
{
	(void)visit;
	stream_unhold(&server->stream);
}

static void check_client(struct visit *visit, struct client *client)
{
	if (client->stream.out_bytes == 0)
		return;
	if (visit->force)
		client_close(client, SQLSTATE_ADMIN_SHUTDOWN, "suspend_timeout");
	else
		visit->complete = false;
}

static void check_server(struct visit *visit, struct server *server)
{
	if (server->state == SERVER_CHORES || server->stream.out_bytes == 0)
		return;
	if (visit->force)
		server_close(server, "suspend_timeout");
	else
		visit->complete = false;
}

void suspend_begin(struct pooler *pooler)
{
	struct visit visit = { hold_client, hold_server, true, false };

	pooler->activity = POOLER_SUSPENDED;
	console_owner()->accept(console_owner(), false);
	visit_all(&visit, pooler);
}

bool suspend_is_complete(struct pooler *pooler, bool force)
{
	struct visit visit = { check_client, check_server, true, force };

	visit_all(&visit, pooler);
	return visit.complete;
}

void suspend_end(struct pooler *pooler)
{
	struct visit visit = { free_client, free_server, true, false };

	visit_all(&visit, pooler);
	console_owner()->accept(console_owner(), true);
}
