/* SPDX-License-Identifier: ISC */
/*
 * The virtual databases of the operator: sessions, the simple protocol, and waits.
 *
 * A command that waits leaves its session marked; one timer for all of them looks again every few
 * milliseconds while somebody waits, and the rest of the session's input stays where it is.
 */
#include "admin/console.h"

#include <stdlib.h>
#include <string.h>

#include "admin/operate.h"
#include "admin/session.h"
#include "admin/show.h"
#include "admin/stats.h"
#include "admin/suspend.h"
#include "base/mem.h"
#include "pool/database.h"
#include "proto/error.h"
#include "session/keys.h"
#include "session/client.h"

/* The longest message that an operator may send. */
#define MESSAGE_BYTES_MAX 65536u

#define CHECK_EVERY (20 * USEC_PER_MSEC)

static struct {
	struct console_owner *owner;
	struct deadlines checks;
	uint32_t *high_water; /* a session is read no further while more than this is unsent */
} console;

const char *console_version(void)
{
	return "pgweir " PACKAGE_VERSION;
}

struct console_owner *console_owner(void)
{
	return console.owner;
}

/* ---- who may enter ---- */

static bool may_enter(const struct client *client, const char *user, bool local, bool *admin)
{
	const struct settings *settings = &client->pooler->config->settings;

	*admin = local || text_list_has(settings->admin_users, user);
	return *admin || text_list_has(settings->stats_users, user) ||
	       settings->auth_type == AUTH_TYPE_ANY;
}

static void run_session(struct console_session *session);

static void on_more(struct task *task)
{
	run_session(list_entry(task, struct console_session, more));
}

static void send_text(struct client *client, struct text *packet)
{
	if (packet->len != 0)
		client_send(client, packet->data, (uint32_t)packet->len);
	text_done(packet);
}

static void greet(struct client *client)
{
	static const char *const parameters[][2] = {
		{ "server_version", SHOW_SERVER_VERSION },
		{ "client_encoding", "UTF8" },
		{ "server_encoding", "UTF8" },
		{ "DateStyle", "ISO" },
		{ "TimeZone", "GMT" },
		{ "standard_conforming_strings", "on" },
		{ "integer_datetimes", "on" },
		{ "is_superuser", "on" },
	};
	struct text packet = { 0 };
	struct writer writer;
	size_t i;

	client->cancel_key_len = CANCEL_KEY_SHORT;
	keys_give(client);
	writer_init_text(&writer, &packet);
	compose_authentication_ok(&writer);
	for (i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		compose_parameter_status(&writer, parameters[i][0], parameters[i][1]);
	compose_backend_key_data(&writer, client->cancel_pid, key_of(client),
				 client->cancel_key_len);
	compose_ready_for_query(&writer, 'I');
	send_text(client, &packet);
}

static void begin(struct client *client)
{
	struct console_session *session = mem_zero(sizeof(*session));

	session->client = client;
	session->more.run = on_more;
	list_init(&session->statements);
	list_init(&session->portals);
	client->console = session;
	stats_console()->client_logins++;
	greet(client);
	loop_post(client->pooler->loop, &session->more);
}

/* A session that ends gives up its wait; what it began goes on. */
static void end(struct client *client)
{
	struct console_session *session = client->console;

	if (session == NULL)
		return;
	client->console = NULL;
	if (session->suspends && client->pooler->activity == POOLER_SUSPENDED) {
		log_warn(client, "the connection that suspended is gone, resuming");
		operate_resume(client->pooler);
	}
	task_cancel(&session->more);
	deadline_clear(&session->check);
	extended_forget(session);
	free(session->database);
	free(session);
}

/* ---- results ---- */

void session_fail(struct console_session *session, const char *sqlstate, const char *text)
{
	client_error(session->client, sqlstate, "%s", text);
	if (session->simple)
		client_ready(session->client);
	else
		session->skip_to_sync = true;
}

/* A walk whose rows go into a result. */
struct result_walk {
	struct show show;
	struct result *result;
	const struct show_table *table;
};

static void on_row(struct show *show, const void *row)
{
	struct result_walk *into = list_entry(show, struct result_walk, show);

	result_row(into->result, into->table->columns, into->table->count, row);
}

static void show_rows(struct console_session *session, const struct show_table *table,
		      struct result *result)
{
	struct result_walk into = {
		.show = { .pooler = session->client->pooler, .row = on_row },
		.result = result,
		.table = table,
	};

	table->walk(&into.show);
	result_tag(result, "SHOW");
}

static void log_command(const struct client *client, const struct command *command)
{
	if (command->name[0] != '\0')
		log_info(client, "%s '%s' command issued", command->row->words, command->name);
	else
		log_info(client, "%s command issued", command->row->words);
}

void session_run_command(struct console_session *session, const struct command *command,
			 struct result *result)
{
	const struct command_row *row = command->row;
	struct client *client = session->client;

	stats_console()->transactions++;
	stats_console()->queries++;
	client->asked = (uint32_t)((clock_now() - client->connected_at) / USEC_PER_SEC);
	if (row->privilege == MAY_CONTROL && !client->console_admin) {
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "admin access needed");
		return;
	}
	if (row->privilege == MAY_CONTROL)
		log_command(client, command);
	if (row->table != NULL)
		show_rows(session, row->table, result);
	else
		row->run(session, command, result);
}

/* ---- the simple protocol ---- */

static void send_result(struct client *client, const struct command *command,
			const struct result *result)
{
	const struct show_table *table = command->row->table;
	struct text packet = { 0 };
	struct writer writer;

	text_add_n(&packet, text_string(&result->notices), result->notices.len);
	writer_init_text(&writer, &packet);
	if (table != NULL)
		result_describe(&writer, table->columns, table->count, &result->formats);
	text_add_n(&packet, text_string(&result->rows), result->rows.len);
	writer_init_text(&writer, &packet);
	compose_command_complete(&writer, result->tag);
	send_text(client, &packet);
	client_ready(client);
}

static void run_query(struct console_session *session, const char *sql)
{
	struct client *client = session->client;
	struct result result = { 0 };
	struct text why = { 0 };
	struct command command;

	session->simple = true;
	if (!command_parse(sql, strlen(sql), &command, &why)) {
		session_fail(session, SQLSTATE_PROTOCOL_VIOLATION, text_string(&why));
	} else if (command.row == NULL) {
		client_send(client, reply_empty_query, REPLY_LEN);
		client_ready(client);
	} else {
		session_run_command(session, &command, &result);
		if (client->state == CLIENT_CLOSED || result.waits)
			; /* there is nobody to answer, or nothing yet */
		else if (result.sqlstate != NULL)
			session_fail(session, result.sqlstate, result.error);
		else
			send_result(client, &command, &result);
	}
	result_done(&result);
	text_done(&why);
}

static void take_query(struct console_session *session, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *sql = reader_cstring(&reader);

	session->skip_to_sync = false;
	if (!reader_is_done(&reader))
		client_close(session->client, SQLSTATE_PROTOCOL_VIOLATION,
			     "malformed Query message");
	else
		run_query(session, sql);
}

/* ---- input ---- */

static void take_message(struct console_session *session, const struct message *message)
{
	struct client *client = session->client;

	if (session->skip_to_sync && message->type != MSG_SYNC && message->type != MSG_TERMINATE)
		return;
	switch (message->type) {
	case MSG_QUERY:
		take_query(session, message);
		break;
	case MSG_PARSE:
	case MSG_BIND:
	case MSG_DESCRIBE:
	case MSG_EXECUTE:
	case MSG_CLOSE:
	case MSG_SYNC:
	case MSG_FLUSH:
		session->simple = false;
		extended_take(session, message);
		break;
	case MSG_FUNCTION_CALL:
		session->simple = true;
		session_fail(session, SQLSTATE_FEATURE_NOT_SUPPORTED,
			     "function calls are not supported by the console");
		break;
	case MSG_COPY_DATA:
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		break; /* as PostgreSQL: what is left of a COPY that failed */
	case MSG_TERMINATE:
		client_drop(client, "client close request");
		break;
	default:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "unknown pkt: %d", message->type);
	}
}

/* One message, if all of it is there. */
static bool take_next(struct console_session *session)
{
	struct client *client = session->client;
	struct stream *stream = &client->stream;
	struct message message = { 0 };

	switch (message_find(stream_data(stream), stream_available(stream), MESSAGE_BYTES_MAX,
			     &message)) {
	case PEEK_SHORT:
		if (message.len != 0)
			stream_want(stream, message.len);
		return false;
	case PEEK_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
			     "invalid message length, or more than %u bytes", MESSAGE_BYTES_MAX);
		return false;
	case PEEK_OK:
		break;
	}
	take_message(session, &message);
	if (client->state == CLIENT_CLOSED)
		return false;
	stream_skip(stream, message.len);
	return true;
}

static void check_later(struct console_session *session)
{
	deadline_set(&console.checks, &session->check, clock_now() + CHECK_EVERY);
}

static void run_session(struct console_session *session)
{
	struct client *client = session->client;

	while (session->wait == WAIT_NOTHING && stream_available(&client->stream) != 0) {
		/* An answer at a time, for who does not read them. */
		if (client->stream.out_bytes > *console.high_water) {
			check_later(session);
			return;
		}
		if (!take_next(session))
			return;
	}
}

static void input(struct client *client)
{
	run_session(client->console);
}

/* ---- waits ---- */

void session_wait(struct console_session *session, struct result *result, enum console_wait wait,
		  const struct database *database, const char *tag)
{
	result->waits = true;
	result_tag(result, "%s", tag);
	session->wait = wait;
	session->canceled = false;
	session->since = clock_now();
	session->suspends = wait == WAIT_UNSENT;
	session->tag = tag;
	free(session->database);
	session->database = database != NULL ? mem_string(database->name) : NULL;
	if (wait != WAIT_END)
		check_later(session);
}

static void complete(struct console_session *session)
{
	struct text packet = { 0 };
	struct writer writer;

	session->wait = WAIT_NOTHING;
	writer_init_text(&writer, &packet);
	compose_command_complete(&writer, session->tag);
	send_text(session->client, &packet);
	if (session->simple)
		client_ready(session->client);
}

static void give_up(struct console_session *session, const char *why)
{
	session->wait = WAIT_NOTHING;
	session_fail(session, SQLSTATE_QUERY_CANCELED, why);
}

/* What was waited for is undone: who presses ^C does not want a pause that comes later. */
static void undo(struct console_session *session, struct database *database)
{
	struct pooler *pooler = session->client->pooler;

	if (session->wait == WAIT_QUIET && database != NULL)
		database_resume(database);
	else if (session->wait != WAIT_RECONNECTED && !pooler->shutting_down)
		operate_resume(pooler);
	give_up(session, "canceling statement due to user request");
}

/* Who does not take what is queued for it holds up the suspension for so long only. */
static void look_at_unsent(struct console_session *session)
{
	struct pooler *pooler = session->client->pooler;
	usec_t timeout = pooler->config->settings.suspend_timeout;

	if (pooler->activity != POOLER_SUSPENDED)
		give_up(session, "the suspension was ended by another command");
	else if (suspend_is_complete(pooler,
				     timeout > 0 && clock_now() - session->since >= timeout))
		complete(session);
	else
		check_later(session);
}

static void look_again(struct console_session *session)
{
	struct pooler *pooler = session->client->pooler;
	struct database *database = NULL;

	if (session->database != NULL) {
		database = database_existing(pooler, session->database);
		if (database == NULL) {
			complete(session); /* it was removed, with all its servers */
			return;
		}
	}
	if (session->canceled) {
		undo(session, database);
	} else if (session->wait == WAIT_UNSENT) {
		look_at_unsent(session);
	} else if (session->wait == WAIT_QUIET) {
		if (!(database != NULL ? database->paused : pooler->activity == POOLER_PAUSED))
			give_up(session, "the pause was ended by another command");
		else if (operate_is_quiet(pooler, database))
			complete(session);
		else
			check_later(session);
	} else if (operate_is_reconnected(pooler, database)) {
		complete(session);
	} else {
		check_later(session);
	}
}

static void on_check(struct deadlines *deadlines, struct list_node *node)
{
	struct console_session *session = deadline_entry(node, struct console_session, check);

	(void)deadlines;
	if (session->wait != WAIT_NOTHING)
		look_again(session);
	run_session(session);
}

/* Looked at in the session's own time: this is another client's. */
static void cancel(struct client *client)
{
	struct console_session *session = client->console;

	if (session->wait == WAIT_NOTHING || session->wait == WAIT_END)
		return;
	session->canceled = true;
	deadline_set(&console.checks, &session->check, clock_now());
}

/* ---- start and end ---- */

static const struct console_calls calls = {
	.may_enter = may_enter,
	.begin = begin,
	.input = input,
	.cancel = cancel,
	.end = end,
};

void console_init(struct pooler *pooler, struct console_owner *owner)
{
	console.owner = owner;
	console.high_water = &pooler->streams.high_water;
	deadlines_init(&console.checks, pooler->loop, on_check);
	clients_set_console(&calls);
}

void console_done(void)
{
	deadlines_done(&console.checks);
	clients_set_console(NULL);
}
