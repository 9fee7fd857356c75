/* SPDX-License-Identifier: ISC */
/*
 * Whether PostgreSQL takes the startup parameters of a client: they are set on a server before
 * the client is greeted, unless a server took the same ones lately.  What is wrong with them the
 * client is told in PostgreSQL's words; the server has undone the lot and serves others.  Where
 * no server is free for a moment the client is greeted all the same, and told when it has one.
 */
#include "session/trial.h"

#include <stdio.h>
#include <string.h>

#include "base/intern.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/login.h"
#include "session/state.h"
#include "session/timeouts.h"
#include "session/welcome.h"

/* How often a server may be lost under the question. */
#define CHECKS_MAX 3

/* How long it waits for a server when it can do without. */
#define BRIEF_USEC USEC_PER_SEC

static void give_up(struct client *client)
{
	struct login_refusal *refusal = &client->login->refusal;

	client_close(client, refusal->sqlstate, "%s", refusal->text);
}

static void take_startup(struct client *client)
{
	struct client_login *login = client->login;

	parameters_share(&login->startup, client->wanted);
	parameters_share(&login->startup_key, client->wanted);
	if (login->startup_key != NULL) /* any name will do */
		parameters_set(&login->startup_key, PARAMETER_APPLICATION_NAME, NULL);
}

/* Nothing to accept, or what a server accepted lately. */
static bool is_accepted(struct client *client)
{
	struct client_login *login = client->login;
	const struct parameters *outcome;
	const char *name;

	if (login->startup_key == NULL)
		return true;
	outcome = startups_find(&client_pool(client)->startups, login->startup_key);
	if (outcome == NULL)
		return false;
	name = parameters_value(client->wanted, PARAMETER_APPLICATION_NAME);
	name = name != NULL ? intern_ref(name) : NULL;
	parameters_share(&client->wanted, outcome);
	if (name != NULL)
		parameters_set(&client->wanted, PARAMETER_APPLICATION_NAME, name);
	intern_unref(name);
	return true;
}

/* The server has taken them all: what it reports of them is how PostgreSQL spells the values. */
static void take_outcome(struct client *client, struct server *server)
{
	struct client_login *login = client->login;
	const struct parameters *outcome = NULL;

	for (int i = 0; i < parameters_count(); i++) {
		const char *value = parameters_value(server->parameters, i);

		if ((server->reported >> i & 1) != 0 && value != NULL &&
		    parameters_value(client->wanted, i) != NULL)
			parameters_set(&client->wanted, i, value);
	}
	parameters_share(&outcome, client->wanted);
	parameters_set(&outcome, PARAMETER_APPLICATION_NAME, NULL);
	startups_learn(&client_pool(client)->startups, login->startup_key, outcome);
	parameters_clear(&outcome);
	welcome_greet(client);
	parameters_share(&server->parameters, client->wanted);
}

static void check_on(struct client *client, struct server *server)
{
	pool_forgive(server);
	if (is_accepted(client)) {
		welcome_greet(client);
		pool_return(server);
		return;
	}
	welcome_complete(client);
	timeouts_login(client);
	if (!state_fit(client)) {
		take_outcome(client, server);
		pool_return(server);
	}
}

static void ask_for_server(struct client *client)
{
	memset(&client->holder.need, 0, sizeof(client->holder.need));
	client->holder.need.kind = NEED_ANY;
	client->holder.need.any_age = true;
	if (pool_lease(&client->holder) != NULL)
		check_on(client, client_server(client));
}

static void on_leased(struct holder *holder, struct server *server)
{
	check_on(list_entry(holder, struct client, holder), server);
}

/* It can be greeted, and the pool has servers: only none of them is free. */
static bool can_do_without(const struct client *client)
{
	const struct pool *pool = client_pool(client);

	return pool->greeting.count != 0 && pool->failure == NULL;
}

static usec_t wait_limit(const struct holder *holder, const char **why)
{
	const struct client *client = list_entry(holder, struct client, holder);
	usec_t at = timeouts_wait_limit(holder, why);
	usec_t brief = holder->wait_since + BRIEF_USEC;

	return brief < at && can_do_without(client) ? brief : at;
}

static void on_refused(struct holder *holder, bool final, const char *sqlstate, const char *text)
{
	struct client *client = list_entry(holder, struct client, holder);
	usec_t timeout = client_pool(client)->settings.client_login_timeout;

	(void) final;
	if (can_do_without(client) && strcmp(sqlstate, SQLSTATE_QUERY_CANCELED) == 0 &&
	    (timeout == 0 || clock_now() < client->connected_at + timeout))
		welcome_greet(client); /* what PostgreSQL says to its parameters will be seen */
	else
		client_close(client, sqlstate, "%s", text);
}

static void on_lost(struct holder *holder, struct server *server, const char *why)
{
	struct client *client = list_entry(holder, struct client, holder);

	pool_detach(server);
	if (++client->login->checks >= CHECKS_MAX)
		client_close(client, SQLSTATE_CONNECTION_FAILURE, "server connection lost: %s",
			     why);
	else
		ask_for_server(client);
}

/*
 * PostgreSQL has undone what came before in the same query: the server is as it was.  What was
 * canceled, by a timeout that it has for somebody else, says nothing: another server is asked.
 */
static void note_refusal(struct client *client, struct server *server,
			 const struct message *message)
{
	struct login_refusal *refusal = &client->login->refusal;
	struct error_fields fields;

	if (!error_read(message->body, message->body_len, &fields))
		return;
	if (error_is_fatal(&fields)) {
		server_take_fatal(server, &fields); /* these words are of itself */
		return;
	}
	if (error_is(&fields, SQLSTATE_QUERY_CANCELED)) {
		server_close(server, "a query of ours on it was canceled");
		return;
	}
	snprintf(refusal->sqlstate, sizeof(refusal->sqlstate), "%s", fields.sqlstate);
	snprintf(refusal->text, sizeof(refusal->text), "%s", fields.message);
}

static void end_check(struct client *client, struct server *server)
{
	bool refused = client->login->refusal.sqlstate[0] != '\0';

	pending_pop(&server->pending);
	if (!pending_is_empty(&server->pending))
		return;
	if (!refused)
		take_outcome(client, server);
	pool_return(server);
	if (refused)
		give_up(client);
}

static void take_answer(struct client *client, struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *name, *value;

	switch (message->type) {
	case MSG_PARAMETER_STATUS:
		name = reader_cstring(&reader);
		value = reader_cstring(&reader);
		if (!reader.bad)
			server_note_parameter(server, name, value);
		break;
	case MSG_ERROR_RESPONSE:
		note_refusal(client, server, message);
		break;
	default:
		break;
	}
}

/* Answers to a query of ours are short. */
#define ANSWER_MAX 65536u

static void on_input(struct holder *holder, struct server *server)
{
	struct client *client = list_entry(holder, struct client, holder);

	while (server->holder == holder && stream_available(&server->stream) > 0) {
		struct message message = { 0 };

		switch (message_find(stream_data(&server->stream),
				     stream_available(&server->stream), ANSWER_MAX, &message)) {
		case PEEK_SHORT:
			stream_want(&server->stream, ANSWER_MAX);
			return;
		case PEEK_BAD:
			server_close(server, "broken message header");
			return;
		case PEEK_OK:
			take_answer(client, server, &message);
			if (server->holder != holder)
				return;
			stream_skip(&server->stream, message.len);
			if (message.type == MSG_READY_FOR_QUERY)
				end_check(client, server);
		}
	}
}

static const struct holder_calls calls = {
	.limit = wait_limit,
	.leased = on_leased,
	.refused = on_refused,
	.input = on_input,
	.lost = on_lost,
};

void trial_begin(struct client *client)
{
	client->holder.calls = &calls;
	take_startup(client);
	if (client_pool(client)->greeting.count != 0 && is_accepted(client))
		welcome_greet(client);
	else
		ask_for_server(client);
}
