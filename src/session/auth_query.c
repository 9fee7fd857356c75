/* SPDX-License-Identifier: ISC */
/* Asks a server for the secret of a user that auth_file has not (auth_query). */
#include "session/auth_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/secrets.h"
#include "base/mem.h"
#include "pool/database.h"
#include "pool/queue.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/login.h"

/* A row with the longest secret fits; what is longer is none. */
#define ANSWER_MAX (SECRET_TEXT_MAX + 1024)

/* The row: name and secret. */
#define ANSWER_COLUMNS 2

/* What the client is told of a mistake that only the operator can mend. */
#define CONFIG_ERROR "bouncer config error"

static void become(struct auth_query *query, enum auth_query_state state, const char *cause)
{
	static const char *const names[] = { "waiting", "asking", "again", "ended" };

	log_noise(query->client, "auth_query %s -> %s: %s", names[query->state], names[state],
		  cause);
	query->state = (uint8_t)state;
}

static void forget_answer(struct auth_query *query)
{
	mem_free_secret(query->user);
	mem_free_secret(query->secret);
	query->user = query->secret = NULL;
	query->outcome = AUTH_QUERY_NOBODY;
}

static void leave_pool(struct auth_query *query)
{
	struct pool *pool = query->holder.pool;

	query->holder.pool = NULL;
	if (pool != NULL)
		pool_leave(pool);
}

/* It has no server any more and does not wait for one; its client hears of it in another turn. */
static void end(struct auth_query *query, const char *cause)
{
	become(query, AUTH_QUERY_ENDED, cause);
	leave_pool(query);
	loop_post(query->client->pooler->loop, &query->task);
}

static void set_failed(struct auth_query *query, const char *sqlstate, const char *text)
{
	forget_answer(query);
	query->outcome = AUTH_QUERY_FAILED;
	snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", sqlstate);
	snprintf(query->text, sizeof(query->text), "%s", text);
}

/* The answer is of no use, for a reason that the operator finds in the log. */
static void set_misconfigured(struct auth_query *query, const char *why)
{
	if (query->outcome == AUTH_QUERY_FAILED)
		return;
	log_warn(query->client, "auth_query: %s", why);
	set_failed(query, SQLSTATE_CONFIG_FILE_ERROR, CONFIG_ERROR);
}

/* ---- asking ---- */

static void send_query(struct auth_query *query, struct text *packet, const char *sql)
{
	struct writer writer;

	writer_init_text(&writer, packet);
	compose_query(&writer, sql);
	query->fitting++;
}

/* The settings of a client that had the server are not those to ask under: a role, a search_path. */
static void undo_settings(struct auth_query *query, struct server *server, struct text *packet)
{
	const char *connect_query = server->pool->database->entry->connect_query;
	const struct parameters *plain = NULL;
	struct text sql = { 0 };
	enum difference difference;

	query->fitting = 0;
	greeting_parameters(&server->pool->greeting, &plain);
	difference = parameters_difference(plain, server->parameters, &sql);
	if (difference == DIFFERENCE_RESETS && connect_query[0] != '\0') {
		send_query(query, packet, SERVER_CLEANING);
		send_query(query, packet, connect_query);
		text_clear(&sql);
		parameters_difference(plain, NULL, &sql);
	}
	if (difference != DIFFERENCE_NONE) {
		send_query(query, packet, sql.data);
		parameters_share(&server->parameters, plain);
	}
	parameters_clear(&plain);
	text_done(&sql);
}

static void ask(struct auth_query *query, struct server *server)
{
	const char *user = login_user(query->client);
	struct text packet = { 0 };
	struct writer writer;

	become(query, AUTH_QUERY_ASKING, "leased");
	forget_answer(query);
	undo_settings(query, server, &packet);
	writer_init_text(&writer, &packet);
	compose_parse(&writer, "", query->sql, strlen(query->sql), NULL, 0);
	compose_bind(&writer, "", "", &user, 1);
	compose_describe(&writer, 'P', "");
	compose_execute(&writer, "", 0);
	compose_sync(&writer);
	server->unnamed = server->unnamed_lease = 0; /* it was a client's */
	server->request_at = clock_now();
	stream_send(&server->stream, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/*
 * The primary if there is one: a user that was just made, or has just changed its password, is to
 * get in.  Without one any host will do.
 */
static void lease(struct auth_query *query)
{
	struct holder *holder = &query->holder;
	struct database *database = holder->pool->database;
	struct server *server;

	memset(&holder->need, 0, sizeof(holder->need));
	holder->need.kind = NEED_ANY;
	if (database_is_split(database) && cluster_primary(database->cluster) != NULL)
		holder->need.kind = NEED_WRITE;
	holder->need.any_age = true;
	become(query, AUTH_QUERY_WAITING, "needs a server");
	server = pool_lease(holder);
	if (server != NULL)
		ask(query, server);
}

static void on_task(struct task *task)
{
	struct auth_query *query = list_entry(task, struct auth_query, task);

	if (query->state == AUTH_QUERY_AGAIN)
		lease(query);
	else
		query->ended(query->client);
}

/* ---- the answer ---- */

/* A value of the row: copied; NULL if it is NULL, or bad. */
static char *read_value(struct reader *reader, size_t max, bool *bad)
{
	uint32_t len = reader_u32(reader);
	const uint8_t *value;
	char *copy;

	if (len == UINT32_MAX)
		return NULL;
	value = reader_bytes(reader, len);
	if (reader->bad || len > max || memchr(value, 0, len) != NULL) {
		*bad = true;
		return NULL;
	}
	copy = mem_alloc(len + 1);
	memcpy(copy, value, len);
	copy[len] = '\0';
	return copy;
}

/* Of several rows the last counts, as with PgBouncer. */
static void take_row(struct auth_query *query, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	bool bad = reader_u16(&reader) != ANSWER_COLUMNS;

	if (query->outcome == AUTH_QUERY_FAILED)
		return;
	forget_answer(query);
	query->outcome = AUTH_QUERY_FOUND;
	query->user = read_value(&reader, SECRET_USER_MAX, &bad);
	query->secret = read_value(&reader, SECRET_TEXT_MAX, &bad);
	if (bad || !reader_is_done(&reader))
		set_misconfigured(query, "the row's name or secret is too long or malformed");
	else if (query->user == NULL)
		set_misconfigured(query, "the row's name is NULL");
}

static void take_description(struct auth_query *query, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	char why[64];
	unsigned count = reader_u16(&reader);

	if (count == ANSWER_COLUMNS)
		return;
	snprintf(why, sizeof(why), "%u columns, where 2 are wanted: name and secret", count);
	set_misconfigured(query, why);
}

static void take_error(struct auth_query *query, struct server *server,
		       const struct message *message)
{
	struct error_fields fields;
	char why[300];

	if (!error_read(message->body, message->body_len, &fields)) {
		set_misconfigured(query, "broken ErrorResponse");
		return;
	}
	if (error_is_fatal(&fields)) {
		server_take_fatal(server, &fields); /* it is asked of another */
		return;
	}
	snprintf(why, sizeof(why), "%s (%s)", fields.message, fields.sqlstate);
	set_misconfigured(query, why);
}

static void take_ready(struct auth_query *query, struct server *server,
		       const struct message *message)
{
	server->transaction = message->body_len == 1 ? (char)message->body[0] : '?';
	stream_skip(&server->stream, message->len);
	if (server->transaction == 'I')
		pool_return(server);
	else
		server_abandon(server, "auth_query left a transaction open");
	end(query, "answered");
}

static void give_up(struct auth_query *query, struct server *server, const char *why)
{
	set_misconfigured(query, why);
	server_abandon(server, why);
	end(query, why);
}

/* False: it belongs to the answer. */
static bool take_fitting(struct auth_query *query, struct server *server,
			 const struct message *message)
{
	if (query->fitting == 0)
		return false;
	if (message->type == MSG_PARAMETER_STATUS)
		server_take_parameter(server, message);
	else if (message->type == MSG_ERROR_RESPONSE)
		take_error(query, server, message);
	else if (message->type == MSG_READY_FOR_QUERY)
		query->fitting--;
	if (query->state != AUTH_QUERY_ASKING)
		return true;
	if (query->outcome == AUTH_QUERY_FAILED) {
		give_up(query, server, "settings of a client stay on the server");
		return true;
	}
	stream_skip(&server->stream, message->len);
	return true;
}

/* Takes a message that does not end the answer. */
static void take_reply(struct auth_query *query, struct server *server,
		       const struct message *message)
{
	switch (message->type) {
	case MSG_ROW_DESCRIPTION:
		take_description(query, message);
		break;
	case MSG_DATA_ROW:
		take_row(query, message);
		break;
	case MSG_NO_DATA:
		set_misconfigured(query, "the query gives no rows");
		break;
	case MSG_ERROR_RESPONSE:
		take_error(query, server, message);
		break;
	case MSG_PARAMETER_STATUS:
		server_take_parameter(server, message);
		break;
	case MSG_PARSE_COMPLETE:
	case MSG_BIND_COMPLETE:
	case MSG_COMMAND_COMPLETE:
	case MSG_EMPTY_QUERY_RESPONSE:
	case MSG_NOTICE_RESPONSE:
	case MSG_NOTIFICATION_RESPONSE:
		break;
	default: /* COPY, or nonsense: there is no way on */
		give_up(query, server, "unexpected message in the answer");
	}
}

static void on_input(struct holder *holder, struct server *server)
{
	struct auth_query *query = list_entry(holder, struct auth_query, holder);
	struct stream *stream = &server->stream;
	struct message message;

	while (query->state == AUTH_QUERY_ASKING && stream_available(stream) > 0) {
		switch (message_find(stream_data(stream), stream_available(stream), ANSWER_MAX,
				     &message)) {
		case PEEK_SHORT:
			stream_want(stream, ANSWER_MAX);
			return;
		case PEEK_BAD:
			give_up(query, server, "the answer is too long");
			return;
		case PEEK_OK:
			break;
		}
		if (take_fitting(query, server, &message))
			continue;
		if (message.type == MSG_READY_FOR_QUERY) {
			take_ready(query, server, &message);
			return;
		}
		take_reply(query, server, &message);
		if (query->state == AUTH_QUERY_ASKING)
			stream_skip(stream, message.len);
	}
}

/* ---- the pool ---- */

static void on_leased(struct holder *holder, struct server *server)
{
	ask(list_entry(holder, struct auth_query, holder), server);
}

/* There is no such database: the client's own mistake if it is the one that it asks for. */
static bool is_clients_mistake(const struct auth_query *query, const char *sqlstate)
{
	return strncmp(sqlstate, "3D", 2) == 0 &&
	       strcmp(query->holder.pool->database->name, query->client->login->database) == 0;
}

/*
 * A server that refuses auth_user is the operator's business: its words would make the client
 * think that its own password is wrong.
 */
static void on_refused(struct holder *holder, bool final, const char *sqlstate, const char *text)
{
	struct auth_query *query = list_entry(holder, struct auth_query, holder);

	(void) final;
	if (!is_clients_mistake(query, sqlstate) &&
	    (strncmp(sqlstate, "28", 2) == 0 || strncmp(sqlstate, "3D", 2) == 0))
		set_misconfigured(query, text);
	else if (query->outcome != AUTH_QUERY_FAILED)
		set_failed(query, sqlstate, text);
	end(query, text);
}

/* It only reads, so that it can be asked again; once, or a query that kills would kill for ever. */
static void on_lost(struct holder *holder, struct server *server, const char *why)
{
	struct auth_query *query = list_entry(holder, struct auth_query, holder);

	(void)server;
	if (query->retried || query->outcome == AUTH_QUERY_FAILED) {
		if (query->outcome != AUTH_QUERY_FAILED)
			set_failed(query, SQLSTATE_CONNECTION_FAILURE, why);
		end(query, why);
		return;
	}
	query->retried = true;
	become(query, AUTH_QUERY_AGAIN, why);
	loop_post(query->client->pooler->loop, &query->task);
}

static uint64_t holder_id(const struct holder *holder)
{
	return list_entry(holder, struct auth_query, holder)->client->id;
}

static const struct holder_calls calls = {
	.leased = on_leased,
	.refused = on_refused,
	.input = on_input,
	.lost = on_lost,
	.id = holder_id,
};

/* The pool logs in as auth_user: with the entry's password if that is for it, or auth_file's. */
static struct pool *find_pool(struct database *database, const char *auth_user)
{
	struct pool *pool = pool_get(database, auth_user);
	struct secret *secret = secrets_find(&database->pooler->access.secrets, auth_user);
	const char *text = database_password_of(database, auth_user);

	if (text == NULL && secret != NULL)
		text = secret->text;
	if (text != NULL)
		pool_credentials(pool, text, NULL);
	return pool;
}

struct auth_query *auth_query_begin(struct client *client, struct database *database,
				    const struct settings *settings,
				    void (*ended)(struct client *client))
{
	struct auth_query *query = mem_zero(sizeof(*query));

	query->holder.calls = &calls;
	query->holder.pool = find_pool(database, settings->auth_user);
	pool_enter(query->holder.pool);
	query->client = client;
	query->config = config_ref(client->pooler->config);
	query->sql = settings->auth_query;
	query->ended = ended;
	query->task.run = on_task;
	lease(query);
	return query;
}

void auth_query_free(struct auth_query *query)
{
	if (query == NULL)
		return;
	task_cancel(&query->task);
	queue_leave(&query->holder);
	if (query->holder.server != NULL)
		server_drain(query->holder.server, "its client left during auth_query");
	leave_pool(query);
	forget_answer(query);
	config_unref(query->config);
	free(query);
}
