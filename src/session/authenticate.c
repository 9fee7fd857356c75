/* SPDX-License-Identifier: ISC */
/* Makes a client prove who it is. */
#include "session/authenticate.h"

#include <string.h>
#include <unistd.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/login.h"
#include "session/welcome.h"

static void auth_step(struct client *client, enum auth_step step, struct text *packet)
{
	struct verify *verify = &client->login->verify;

	if (packet->len != 0)
		client_send(client, packet->data, (uint32_t)packet->len);
	switch (step) {
	case AUTH_MORE:
		break;
	case AUTH_OK:
		welcome_enter(client);
		break;
	case AUTH_FAILED:
	case AUTH_ELSEWHERE:
		if (verify->detail != NULL)
			log_info(client, "login refused: %s", verify->detail);
		client_close(client,
			     verify->sqlstate != NULL ? verify->sqlstate
						      : SQLSTATE_INVALID_PASSWORD,
			     "%s", verify->message);
	}
	text_done(packet);
}

static enum auth_method method_of(enum auth_type type)
{
	switch (type) {
	case AUTH_TYPE_ANY:
		return METHOD_ANY;
	case AUTH_TYPE_TRUST:
		return METHOD_TRUST;
	case AUTH_TYPE_PLAIN:
		return METHOD_PLAIN;
	case AUTH_TYPE_MD5:
		return METHOD_MD5;
	case AUTH_TYPE_SCRAM:
		return METHOD_SCRAM;
	}
	return METHOD_REJECT;
}

/* The user of this very process, over the Unix socket, is the operator. */
static bool is_local_operator(const struct client *client)
{
	const char *user = client->login->user;

	return client_is_local(client) &&
	       (strcmp(user, "pgbouncer") == 0 || strcmp(user, "pgweir") == 0);
}

static bool enters_console(struct client *client)
{
	struct client_login *login = client->login;
	const struct console_calls *console = clients_console();

	login->console = config_name_is_console(login->database);
	if (!login->console)
		return false;
	if (console == NULL || !console->may_enter(client, login->user, is_local_operator(client),
						   &login->console_admin))
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "not allowed");
	return true;
}

void authenticate_begin(struct client *client)
{
	struct client_login *login = client->login;
	struct secret *secret = secrets_find(&client->pooler->secrets, login->user);
	enum auth_method method = method_of(client->pooler->config->settings.auth_type);
	struct text packet = { 0 };
	struct writer writer;
	enum auth_step step;

	if (client->pooler->config->settings.log_connections)
		log_info(client, "login attempt: db=%s user=%s tls=no replication=%s",
			 login->database, login->user,
			 replication_value(client->holder.need.replication));
	if (client->pooler->shutting_down != 0 &&
	    client->connected_at > client->pooler->shutting_down &&
	    !config_name_is_console(login->database)) {
		client_close(client, SQLSTATE_CANNOT_CONNECT_NOW, "pooler is shutting down");
		return;
	}
	if (enters_console(client)) {
		if (client->state == CLIENT_CLOSED)
			return;
		if (is_local_operator(client))
			method = METHOD_ANY;
	}
	writer_init_text(&writer, &packet);
	step = verify_begin(&login->verify, method, login->user,
			    secret != NULL ? secret->text : NULL,
			    secret != NULL ? secret_derived(secret) : NULL, &writer);
	auth_step(client, step, &packet);
}

void authenticate_input(struct client *client)
{
	struct verify *verify = &client->login->verify;
	uint32_t max = (uint32_t)verify_input_max(verify) + MESSAGE_HEADER;
	struct message message;
	struct text packet = { 0 };
	struct writer writer;

	switch (message_find(stream_data(&client->stream), stream_available(&client->stream),
			     max + 1, &message)) {
	case PEEK_SHORT:
		stream_want(&client->stream, max);
		return;
	case PEEK_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length");
		return;
	case PEEK_OK:
		break;
	}
	if (message.type != MSG_PASSWORD) {
		if (message.type == MSG_TERMINATE)
			client_drop(client, "client close request");
		else
			client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
				     "expected password response, got message type %d",
				     message.type);
		return;
	}
	writer_init_text(&writer, &packet);
	auth_step(client, verify_input(verify, message.body, message.body_len, &writer), &packet);
	if (client->state != CLIENT_CLOSED)
		stream_skip(&client->stream, message.len);
}
