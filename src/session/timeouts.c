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
	client_close(client, SQLSTATE_QUERY_CANCELED, "client_login_timeout");
}

static void on_client_idle(struct deadlines *deadlines, struct list_node *node)
{
	struct client *client = client_of(node);

	(void)deadlines;
	client_close(client, SQLSTATE_IDLE_SESSION_TIMEOUT, "client_idle_timeout");
}

/* The time counts from the client's last word, and a COPY is full of them. */
static bool goes_on(struct client *client)
{
	struct server *server = client_server(client);

	if (server == NULL || server->copy != COPY_IN || server->stream.sent == server->sent_seen)
		return false;
	server->sent_seen = server->stream.sent;
	timeouts_request_began(client, clock_now());
	return true;
}

/* A query that runs, or a transaction block in which the client says nothing. */
static void on_request(struct deadlines *deadlines, struct list_node *node)
{
	struct client *client = client_of(node);

	(void)deadlines;
	if (client->request_at != 0 && goes_on(client))
		return;
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

/*
 * Limits of a client are those of the user that logged in, where the pool's settings are those of
 * the user at the server: another one if the entry forces it.
 */
static usec_t of_login(const struct client *client, const char *name, usec_t of_pool)
{
	const struct config_database *entry = client->database->entry;

	if (entry->user[0] == '\0' || client->user == NULL)
		return of_pool;
	return config_user_time(client->database->config, entry, client->user->name, name);
}

static usec_t moment(usec_t since, usec_t timeout)
{
	return timeout > 0 ? since + timeout : INT64_MAX;
}

/* The sooner of two limits, with its name. */
static void limit_by(usec_t *at, const char **why, usec_t other, const char *name)
{
	if (other >= *at)
		return;
	*at = other;
	*why = name;
}

/* Who waits for the first server of a pool to be greeted is bound by query_timeout, too. */
usec_t timeouts_wait_limit(const struct holder *holder, const char **why)
{
	const struct client *client = list_entry(holder, struct client, holder);
	const struct settings *settings = &holder->pool->settings;
	bool welcome = client->state == CLIENT_WELCOME;
	usec_t at = INT64_MAX;

	*why = "";
	limit_by(&at, why,
		 moment(welcome ? holder->wait_since : client->request_at, settings->query_timeout),
		 "query_timeout");
	if (welcome)
		limit_by(&at, why, moment(client->connected_at, settings->client_login_timeout),
			 "client_login_timeout (server down)");
	limit_by(&at, why,
		 moment(holder->wait_since,
			of_login(client, "query_wait_timeout", settings->query_wait_timeout)),
		 "query_wait_timeout");
	return at;
}

void timeouts_init(struct pooler *pooler)
{
	deadlines_init(&logins, pooler->loop, on_login_timeout);
}

static void set(struct deadlines *list, struct deadline *deadline, usec_t at)
{
	if (at != INT64_MAX)
		deadline_set(list, deadline, at);
	else
		deadline_clear(deadline);
}

void timeouts_state_changed(struct client *client)
{
	struct pool *pool = client_pool(client);

	switch ((enum client_state)client->state) {
	case CLIENT_STARTUP:
		set(&logins, &client->holder.deadline,
		    moment(clock_now(), client->pooler->config->settings.client_login_timeout));
		break;
	case CLIENT_AUTH:
	case CLIENT_WELCOME:
		break; /* the login's deadline goes on */
	case CLIENT_WAITING:
		break; /* the pool's */
	case CLIENT_IDLE:
		pool->client_idles.expired = on_client_idle;
		set(&pool->client_idles, &client->holder.deadline,
		    moment(clock_now(), of_login(client, "client_idle_timeout",
						 pool->settings.client_idle_timeout)));
		break;
	default:
		deadline_clear(&client->holder.deadline);
	}
}

void timeouts_login(struct client *client)
{
	set(&logins, &client->holder.deadline,
	    moment(client->connected_at, client->pooler->config->settings.client_login_timeout));
}

static void bound_transaction(struct client *client)
{
	struct pool *pool = client_pool(client);

	pool->transactions.expired = on_transaction;
	set(&pool->transactions, &client_server(client)->transaction_deadline,
	    moment(client->transaction_at, pool->settings.transaction_timeout));
}

void timeouts_request_began(struct client *client, usec_t when)
{
	struct pool *pool = client_pool(client);

	pool->requests.expired = on_request;
	set(&pool->requests, &client->holder.deadline, moment(when, pool->settings.query_timeout));
	if (pool->settings.transaction_timeout != 0 &&
	    !list_has(&client_server(client)->transaction_deadline.node))
		bound_transaction(client);
}

void timeouts_transaction_idle(struct client *client)
{
	struct pool *pool = client_pool(client);

	pool->requests.expired = on_request;
	set(&pool->requests, &client->holder.deadline,
	    moment(clock_now(), pool->settings.idle_transaction_timeout));
}

void timeouts_transaction_ended(struct client *client)
{
	deadline_clear(&client->holder.deadline);
	if (client_server(client) != NULL)
		deadline_clear(&client_server(client)->transaction_deadline);
}

/* What runs is bound by the new settings; idleness counts anew. */
static void refresh(struct client *client)
{
	const struct settings *settings = &client->pooler->config->settings;

	switch ((enum client_state)client->state) {
	case CLIENT_STARTUP:
	case CLIENT_AUTH:
		set(&logins, &client->holder.deadline,
		    moment(client->connected_at, settings->client_login_timeout));
		break;
	case CLIENT_IDLE:
		timeouts_state_changed(client);
		break;
	case CLIENT_ACTIVE:
		if (client->request_at != 0)
			timeouts_request_began(client, client->request_at);
		else if (client->transaction_at != 0)
			timeouts_transaction_idle(client);
		if (client->transaction_at != 0)
			bound_transaction(client);
		break;
	default:
		break;
	}
}

void timeouts_refresh(void)
{
	static const enum client_state states[] = { CLIENT_STARTUP, CLIENT_AUTH, CLIENT_IDLE,
						    CLIENT_ACTIVE };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		list_for_each(clients_in(states[i]), node, after)
			refresh(list_entry(node, struct client, node));
}

void timeouts_forget(struct client *client)
{
	deadline_clear(&client->holder.deadline);
}
