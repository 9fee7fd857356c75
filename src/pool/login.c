/* SPDX-License-Identifier: ISC */
/* A server's login: from the startup packet to the first ReadyForQuery. */
#include "pool/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/answer.h"
#include "base/mem.h"
#include "pool/connects.h"
#include "pool/database.h"
#include "pool/dedicated.h"
#include "pool/pool.h"
#include "pool/server.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"

#define LOGIN_MESSAGE_MAX 65536

/* The major version that brought protocol 3.2. */
#define PROTOCOL_MINOR_SINCE 18

/* What is only needed until the server is logged in. */
struct server_login {
	struct answer answer;
	struct greeting greeting;
	uint16_t minor; /* of the protocol: asked for, or what the server made of it */
	bool authenticated;
};

void login_free(struct server *server)
{
	if (server->login == NULL)
		return;
	answer_done(&server->login->answer);
	greeting_done(&server->login->greeting);
	free(server->login);
	server->login = NULL;
}

const struct greeting *login_greeting(const struct server *server)
{
	return &server->login->greeting;
}

static const char *database_name(const struct pool *pool)
{
	const char *name = pool->database->entry->dbname;

	return name[0] != '\0' ? name : pool->database->name;
}

void login_begin(struct server *server)
{
	const struct config_database *entry = server->pool->database->entry;
	struct text packet = { 0 };
	struct writer writer;

	server->login = mem_zero(sizeof(*server->login));
	answer_begin(&server->login->answer, server->pool->user, server->pool->secret,
		     &server->pool->keys);
	writer_init_text(&writer, &packet);
	server->login->minor = server->at->host->protocol_minor;
	startup_begin(&writer, server->login->minor);
	startup_param(&writer, "user", server->pool->user);
	startup_param(&writer, "database", database_name(server->pool));
	for (unsigned i = 0; i < entry->parameter_count; i++)
		startup_param(&writer, entry->parameters[i].name, entry->parameters[i].value);
	if (server->intended != NULL)
		server->intended->calls->introduce(server->intended, &writer);
	startup_end(&writer);
	stream_send(&server->stream, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/* It speaks nonsense: left alone for a while, or it would be asked again at once, for ever. */
static void break_login(struct server *server, const char *why)
{
	connects_failed(server, SQLSTATE_PROTOCOL_VIOLATION,
			"server broke the protocol during login", true);
	server_close(server, why);
}

static void take_authentication(struct server *server, const struct message *message)
{
	struct answer *answer = &server->login->answer;
	struct text packet = { 0 };
	struct writer writer;
	char why[160];

	writer_init_text(&writer, &packet);
	switch (answer_input(answer, message->body, message->body_len, &writer)) {
	case AUTH_FAILED:
	case AUTH_ELSEWHERE:
		snprintf(why, sizeof(why), "server login failed: %s", answer->reason);
		log_warn(server, "%s", why);
		connects_failed(server, SQLSTATE_INVALID_AUTHORIZATION, why, true);
		server_close(server, why);
		break;
	case AUTH_OK:
		server->login->authenticated = true;
		break;
	case AUTH_MORE:
		if (packet.len != 0)
			stream_send(&server->stream, packet.data, (uint32_t)packet.len);
	}
	if (packet.data != NULL)
		mem_wipe(packet.data, packet.cap);
	text_done(&packet);
}

/* Others than PostgreSQL 18 may not even know how to say that they do not have 3.2: not asked. */
static void note_version(struct host *host, const char *version)
{
	bool has_more = strtol(version, NULL, 10) >= PROTOCOL_MINOR_SINCE;

	host->protocol_minor = has_more && !host->protocol_refused ? PROTOCOL_MINOR : 0;
}

/* The server has less than was asked for; options it cannot refuse, for we ask for none. */
static void take_negotiation(struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	uint32_t newest = reader_u32(&reader);
	uint32_t options = reader_u32(&reader);

	if (!reader_is_done(&reader) || options != 0 || newest >> 16 != 3 ||
	    (newest & 0xffff) >= server->login->minor) {
		break_login(server, "broken NegotiateProtocolVersion");
		return;
	}
	server->login->minor = (uint16_t)(newest & 0xffff);
}

static void take_parameter(struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *name = reader_cstring(&reader);
	const char *value = reader_cstring(&reader);

	if (reader.bad) {
		break_login(server, "broken ParameterStatus");
		return;
	}
	if (strcmp(name, "server_version") == 0)
		note_version(server->at->host, value);
	server_note_parameter(server, name, value);
}

static void take_key(struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);

	server->pid = reader_u32(&reader);
	server->key_len = (uint32_t)reader_left(&reader);
	if (reader.bad || server->key_len < CANCEL_KEY_SHORT || server->key_len > CANCEL_KEY_MAX) {
		break_login(server, "broken BackendKeyData");
		return;
	}
	memcpy(server->key, reader_bytes(&reader, server->key_len), server->key_len);
}

/* A pooler before a new PostgreSQL tells that one's version, and may know 3.0 only. */
static bool refuses_protocol(const struct server *server, const struct error_fields *fields)
{
	return server->login->minor > 0 && !server->login->authenticated &&
	       (error_is(fields, SQLSTATE_FEATURE_NOT_SUPPORTED) ||
		error_is(fields, SQLSTATE_PROTOCOL_VIOLATION));
}

/*
 * Refused for what will pass (starting up, too many connections), those who wait go on waiting;
 * refused for good, they are told in the server's own words.
 */
static void take_error(struct server *server, const struct message *message)
{
	struct error_fields fields;
	char why[256];
	bool passing;

	if (!error_read(message->body, message->body_len, &fields)) {
		break_login(server, "broken ErrorResponse");
		return;
	}
	if (refuses_protocol(server, &fields)) {
		server->at->host->protocol_refused = true;
		server->at->host->protocol_minor = 0;
		server_close(server, "the server does not take its newest protocol: asked for 3.0");
		return;
	}
	passing = error_is(&fields, SQLSTATE_CANNOT_CONNECT_NOW) ||
		  error_is(&fields, SQLSTATE_TOO_MANY_CONNECTIONS) ||
		  error_is(&fields, SQLSTATE_ADMIN_SHUTDOWN);
	if (error_is(&fields, SQLSTATE_CANNOT_CONNECT_NOW))
		host_evidence(server->at->host, EVIDENCE_STARTING_UP);
	else if (error_is(&fields, SQLSTATE_ADMIN_SHUTDOWN))
		host_evidence(server->at->host, EVIDENCE_ADMIN_SHUTDOWN);
	log_warn(server, "server login failed: %s %s (%s)", fields.severity, fields.message,
		 fields.sqlstate);
	snprintf(why, sizeof(why), "%s",
		 server->intended != NULL ? "login failed" : fields.message);
	connects_failed(server, fields.sqlstate, fields.message,
			!passing || server->intended != NULL);
	server_close(server, why);
}

/* PostgreSQL from 14 on tells at login whether it is a standby; what does not counts as none. */
static bool is_wanted(const struct server *server)
{
	enum routing role = server->pool->database->entry->role;
	const char *standby = greeting_find(&server->login->greeting, "in_hot_standby");
	bool is_standby = standby != NULL && strcmp(standby, "on") == 0;

	return (role != ROUTING_PRIMARY || !is_standby) && (role != ROUTING_REPLICA || is_standby);
}

/* It lets us in, but is not what a plain entry asks for: another host of the list may be. */
static void refuse_unfit(struct server *server)
{
	static const char why[] = "server does not satisfy target_session_attrs";

	host_evidence(server->at->host, EVIDENCE_UNFIT);
	connects_failed(server, SQLSTATE_CONNECTION_FAILURE, why, false);
	server_close(server, why);
}

static void finish(struct server *server)
{
	struct pool *pool = server->pool;
	const char *query = pool->database->entry->connect_query;

	deadline_clear(&server->deadline);
	if (!is_wanted(server)) {
		refuse_unfit(server);
		return;
	}
	server->checked = true;
	server->at->retry_at = 0;
	host_note_address(server->at->host, &server->address, true);
	host_evidence(server->at->host, EVIDENCE_CONNECTED);
	if (server->intended != NULL) {
		dedicated_ready(server);
		login_free(server);
		return;
	}
	if (query[0] != '\0') {
		server_run_chores(server, query);
		return;
	}
	login_done(server);
	pool_server_ready(server);
}

void login_note_parameter(struct server *server, const char *name, const char *value)
{
	greeting_set(&server->login->greeting, name, value);
}

void login_done(struct server *server)
{
	struct pool *pool = server->pool;

	if (server->login == NULL)
		return;
	greeting_done(&pool->greeting);
	pool->greeting = server->login->greeting;
	memset(&server->login->greeting, 0, sizeof(server->login->greeting));
	login_free(server);
}

static void take_message(struct server *server, const struct message *message)
{
	switch (message->type) {
	case MSG_AUTHENTICATION:
		take_authentication(server, message);
		break;
	case MSG_PARAMETER_STATUS:
		take_parameter(server, message);
		break;
	case MSG_BACKEND_KEY_DATA:
		take_key(server, message);
		break;
	case MSG_ERROR_RESPONSE:
		take_error(server, message);
		break;
	case MSG_NEGOTIATE_PROTOCOL_VERSION:
		take_negotiation(server, message);
		break;
	case MSG_NOTICE_RESPONSE:
		break;
	case MSG_READY_FOR_QUERY:
		if (!server->login->authenticated)
			break_login(server, "ReadyForQuery before AuthenticationOk");
		else
			finish(server);
		break;
	default:
		break_login(server, "unexpected message during login");
	}
}

void login_input(struct server *server)
{
	while (server->state == SERVER_LOGIN && stream_available(&server->stream) > 0) {
		struct message message;

		switch (message_find(stream_data(&server->stream),
				     stream_available(&server->stream), LOGIN_MESSAGE_MAX,
				     &message)) {
		case PEEK_SHORT:
			stream_want(&server->stream, LOGIN_MESSAGE_MAX);
			return;
		case PEEK_BAD:
			break_login(server, "broken message during login");
			return;
		case PEEK_OK:
			take_message(server, &message);
			if (server->state != SERVER_CLOSED)
				stream_skip(&server->stream, message.len);
		}
	}
}
