/* SPDX-License-Identifier: ISC */
/*
 * Replication connections: a client and a server made for it, from the startup packet to the end.
 *
 * What passes is streamed as it is: nothing is put in or left out, so no replies are counted, and
 * copy-both mode needs no care.  Both directions are only walked from header to header, to see
 * that they are messages and when a command begins and ends.  Commands of a replication connection
 * run for months: of the time-outs only those of the login apply.
 */
#include "session/replication.h"

#include <stdio.h>
#include <string.h>

#include "pool/login.h"
#include "pool/queue.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/login.h"
#include "session/request.h"
#include "session/route.h"
#include "session/timeouts.h"
#include "session/welcome.h"

static struct client *client_of(struct holder *holder)
{
	return list_entry(holder, struct client, holder);
}

/* ---- the wait for the server ---- */

static void on_leased(struct holder *holder, struct server *server)
{
	welcome_greet_replication(client_of(holder), login_greeting(server));
}

static void on_refused(struct holder *holder, bool final, const char *sqlstate, const char *text)
{
	(void) final;
	client_close(client_of(holder), sqlstate, "%s", text);
}

static void on_login_failed(struct holder *holder, const char *sqlstate, const char *text)
{
	client_close_as(client_of(holder), "login failed", sqlstate, "login failed: %s", text);
}

static void on_introduce(struct holder *holder, struct writer *writer)
{
	const struct client *client = client_of(holder);
	const struct text *parameters = &client->login->server_parameters;
	const char *name = parameters_value(client->wanted, PARAMETER_APPLICATION_NAME);

	startup_param(writer, "replication", replication_value(holder->need.replication));
	if (name != NULL)
		startup_param(writer, "application_name", name);
	writer_bytes(writer, parameters->data, parameters->len);
}

/* ---- from the client ---- */

/* As much of the message under way as is there. */
static void pass_on(struct client *client)
{
	uint32_t avail = stream_available(&client->stream);
	uint32_t n = avail < client->pass ? avail : client->pass;

	client->pass -= n;
	client_pool(client)->stats.received += n;
	stream_splice(&client_server(client)->stream, &client->stream, n);
}

static enum step take(struct client *client)
{
	uint8_t type;
	uint32_t len;

	switch (message_peek(stream_data(&client->stream), stream_available(&client->stream),
			     client_message_max(client), &type, &len)) {
	case PEEK_SHORT:
		return STEP_WAIT;
	case PEEK_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length");
		return STEP_GONE;
	case PEEK_OK:
		break;
	}
	if (!client_may_send(type)) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
			     "invalid frontend message type %d", type);
		return STEP_GONE;
	}
	if (type == MSG_QUERY && client_pool(client)->settings.disable_pqexec) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "PQexec disallowed");
		return STEP_GONE;
	}
	client->pass = len;
	if (type == MSG_QUERY && client->request_at == 0)
		client->request_at = clock_now();
	if (type != MSG_TERMINATE)
		return STEP_NEXT;
	if (stream_available(&client->stream) >= len)
		pass_on(client);
	client_drop(client, "client close request");
	return STEP_GONE;
}

static bool takes_input(const struct client *client)
{
	return client->state == CLIENT_REPLICATION && stream_available(&client->stream) != 0 &&
	       !stream_is_full(&client->stream);
}

void replication_run(struct client *client)
{
	while (takes_input(client)) {
		if (client->pass == 0 && take(client) != STEP_NEXT)
			return;
		pass_on(client);
	}
}

/* ---- from the server ---- */

static void break_protocol(struct client *client, struct server *server, const char *what)
{
	char why[128];

	snprintf(why, sizeof(why), "server broke the protocol: %s", what);
	log_warn(server, "%s", why);
	client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "%s", why);
}

/* A command is over. */
static void note_ready(struct client *client)
{
	struct pool_stats *stats = &client_pool(client)->stats;

	stats->queries++;
	stats->transactions++;
	if (client->request_at != 0)
		stats->query_usec += (uint64_t)(clock_now() - client->request_at);
	client->request_at = 0;
}

/* The server's last words, as far as they are there: the end of the connection follows. */
static void note_error(struct server *server, const uint8_t *body, uint32_t len)
{
	struct error_fields fields;

	if (!error_read(body, len, &fields) || !error_is_fatal(&fields))
		return;
	log_warn(server, "%s: %s (%s)", fields.severity, fields.message, fields.sqlstate);
	memcpy(server->last_words, fields.sqlstate, strnlen(fields.sqlstate, 5));
	if (error_is(&fields, SQLSTATE_ADMIN_SHUTDOWN) ||
	    error_is(&fields, SQLSTATE_CRASH_SHUTDOWN))
		host_evidence(server->at->host, EVIDENCE_ADMIN_SHUTDOWN);
}

/*
 * Looks at the header at `at` of the server's input and moves on to the next, or to the end of
 * what is there.  False: the header is not there yet, or the client was closed.
 */
static bool walk_message(struct client *client, struct server *server, uint32_t *at)
{
	const uint8_t *data = stream_data(&server->stream) + *at;
	uint32_t avail = stream_available(&server->stream) - *at, len;
	uint8_t type;

	switch (message_peek(data, avail, client_message_max(client), &type, &len)) {
	case PEEK_SHORT:
		return false;
	case PEEK_BAD:
		break_protocol(client, server,
			       be32_get(data + 1) < 4 ? "broken message header"
						      : "a message larger than max_packet_size");
		return false;
	case PEEK_OK:
		break;
	}
	if (!server_may_send(type) || type == MSG_AUTHENTICATION) {
		break_protocol(client, server, "an unknown message");
		return false;
	}
	if (type == MSG_READY_FOR_QUERY)
		note_ready(client);
	else if (type == MSG_ERROR_RESPONSE && len <= avail)
		note_error(server, data + MESSAGE_HEADER, len - MESSAGE_HEADER);
	server->pass = len <= avail ? 0 : len - avail;
	*at += len <= avail ? len : avail;
	return true;
}

static void on_input(struct holder *holder, struct server *server)
{
	struct client *client = client_of(holder);
	uint32_t avail = stream_available(&server->stream);
	uint32_t at = avail < server->pass ? avail : server->pass;

	server->pass -= at;
	while (at < avail && walk_message(client, server, &at))
		;
	if (client->state != CLIENT_REPLICATION || at == 0)
		return;
	client_pool(client)->stats.sent += at;
	stream_splice(&client->stream, &server->stream, at);
}

/* ---- the end ---- */

static void on_lost(struct holder *holder, struct server *server, const char *why)
{
	struct client *client = client_of(holder);
	bool told = server->last_words[0] != '\0' || server->pass != 0;

	pool_detach(server);
	if (told)
		client_drop(client, why);
	else
		client_close(client, SQLSTATE_CONNECTION_FAILURE, "server connection lost: %s",
			     why);
}

void replication_leave(struct client *client)
{
	if (client_server(client) != NULL)
		server_abandon(client_server(client), "replication client disconnected");
}

static const struct holder_calls calls = {
	.leased = on_leased,
	.limit = timeouts_wait_limit,
	.refused = on_refused,
	.login_failed = on_login_failed,
	.introduce = on_introduce,
	.input = on_input,
	.lost = on_lost,
	.id = client_holder_id,
};

void replication_begin(struct client *client)
{
	struct need need = { .replication = client->holder.need.replication };

	client->holder.calls = &calls;
	route_replication(client, &need);
	client->holder.need = need;
	queue_join(&client->holder);
}
