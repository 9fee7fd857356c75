/* SPDX-License-Identifier: ISC */
/* How long a client may take for what. */
#include "session/timeouts.h"

#include "proto/error.h"
#include "session/client.h"

static struct deadlines logins;

static struct client *client_of(struct list_node *node)
{
	return list_entry(deadline_entry(node, struct holder, deadline), struct client, holder);
}

static void on_login_timeout(struct deadlines *deadlines, struct list_node *node)
{
	struct client *client = client_of(node);

	(void)deadlines;
	client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "client_login_timeout%s",
		     client->state == CLIENT_WELCOME ? " (server down)" : "");
}

static void on_client_idle(struct deadlines *deadlines, struct list_node *node)
{
	struct client *client = client_of(node);

	(void)deadlines;
	client_close(client, SQLSTATE_IDLE_SESSION_TIMEOUT, "client_idle_timeout");
}

/* A query that runs, or a transaction block in which the client says nothing. */
static void on_request(struct deadlines *deadlines, struct list_node *node)
{
	struct client *client = client_of(node);

	(void)deadlines;
	if (client->request_at != 0)
		client_close(client, SQLSTATE_QUERY_CANCELED, "query timeout");
	else
		client_close(client, SQLSTATE_IDLE_IN_TX_TIMEOUT, "idle transaction timeout");
}

static void on_transaction(struct deadlines *deadlines, struct list_node *node)
{
	struct server *server = deadline_entry(node, struct server, transaction_deadline);
	struct client *client = list_entry(server->holder, struct client, holder);

	(void)deadlines;
	client_close(client, SQLSTATE_TX_TIMEOUT, "transaction timeout");
}

void timeouts_init(struct pooler *pooler)
{
	deadlines_init(&logins, pooler->loop, on_login_timeout);
}

static void set(struct deadlines *list, struct deadline *deadline, usec_t timeout)
{
	if (timeout > 0)
		deadline_set(list, deadline, clock_now() + timeout);
}

void timeouts_state_changed(struct client *client)
{
	struct pool *pool = client_pool(client);

	switch ((enum client_state)client->state) {
	case CLIENT_STARTUP:
		set(&logins, &client->holder.deadline,
		    client->pooler->config->settings.client_login_timeout);
		break;
	case CLIENT_AUTH:
	case CLIENT_WELCOME:
		break; /* the login's deadline goes on */
	case CLIENT_WAITING:
		break; /* the pool's */
	case CLIENT_IDLE:
		deadline_clear(&client->holder.deadline);
		pool->client_idles.expired = on_client_idle;
		set(&pool->client_idles, &client->holder.deadline,
		    pool->settings.client_idle_timeout);
		break;
	default:
		deadline_clear(&client->holder.deadline);
	}
}

void timeouts_request_began(struct client *client)
{
	struct pool *pool = client_pool(client);
	struct deadline *transaction = &client_server(client)->transaction_deadline;

	deadline_clear(&client->holder.deadline);
	pool->requests.expired = on_request;
	set(&pool->requests, &client->holder.deadline, pool->settings.query_timeout);
	if (pool->settings.transaction_timeout == 0 || list_has(&transaction->node))
		return;
	pool->transactions.expired = on_transaction;
	set(&pool->transactions, transaction, pool->settings.transaction_timeout);
}

void timeouts_transaction_idle(struct client *client)
{
	struct pool *pool = client_pool(client);

	deadline_clear(&client->holder.deadline);
	set(&pool->requests, &client->holder.deadline, pool->settings.idle_transaction_timeout);
}

void timeouts_transaction_ended(struct client *client)
{
	deadline_clear(&client->holder.deadline);
	if (client_server(client) != NULL)
		deadline_clear(&client_server(client)->transaction_deadline);
}

void timeouts_forget(struct client *client)
{
	deadline_clear(&client->holder.deadline);
}
