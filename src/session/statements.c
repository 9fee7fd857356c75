/* SPDX-License-Identifier: ISC */
/*
 * Prepared statements on their way to a server: names there are ours, so that clients share what
 * they prepare alike; what the server has is not prepared again, what it lacks is.
 */
#include "session/statements.h"

#include <stdio.h>
#include <string.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/forward.h"
#include "session/measure.h"
#include "session/names.h"
#include "session/scan.h"
#include "session/timeouts.h"

/* A Parse with a name is kept, so it is bounded; Describe and Close hold nothing but a name. */
#define NAMED_PARSE_MAX (16u << 20)
#define NAME_MESSAGE_MAX 65536u

/* Names of statements in SQL are cut at 63 bytes by PostgreSQL; a DEALLOCATE is hardly longer. */
#define NAME_TEXT_MAX 128
#define DEALLOCATE_TEXT_MAX 192u

static enum step refuse(struct client *client, const char *sqlstate, const char *text)
{
	client_close(client, sqlstate, "%s", text);
	return STEP_GONE;
}

static enum step refuse_broken(struct client *client, const char *what)
{
	char text[64];

	snprintf(text, sizeof(text), "broken %s packet", what);
	return refuse(client, SQLSTATE_PROTOCOL_VIOLATION, text);
}

static struct message message_at_head(const struct client *client, uint8_t type, uint32_t len)
{
	struct message message = {
		.type = type,
		.len = len,
		.body = stream_data(&client->stream) + MESSAGE_HEADER,
		.body_len = len - MESSAGE_HEADER,
	};

	return message;
}

/* In session pooling the server is the client's alone, so its own names do. */
static bool tracks_names(const struct client *client)
{
	const struct settings *settings = &client_pool(client)->settings;

	return settings->max_prepared_statements > 0 &&
	       (settings->pool_mode != POOL_MODE_SESSION || database_is_split(client->database));
}

/* ---- Parse ---- */

/* The server may not hold more statements than the setting says. */
static void close_surplus(struct client *client)
{
	struct server *server = client_server(client);
	unsigned limit = (unsigned)client_pool(client)->settings.max_prepared_statements;
	struct statement *oldest;

	while ((oldest = prepared_set_surplus(&server->prepared, limit)) != NULL) {
		char name[STATEMENT_NAME_MAX];
		struct text packet = { 0 };
		struct writer writer;

		statement_name(oldest, name);
		writer_init_text(&writer, &packet);
		compose_close(&writer, 'S', name);
		forward_text(server, &packet);
		pending_push(&server->pending, PENDING_CLOSE, PENDING_DROP, MARK_NONE,
			     statement_ref(oldest));
		prepared_set_remove(&server->prepared, oldest);
	}
}

static void send_parse(struct server *server, const struct statement *statement, const char *name)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	writer_begin(&writer, MSG_PARSE);
	writer_cstring(&writer, name);
	writer_bytes(&writer, statement->body, statement->len);
	writer_end(&writer);
	forward_text(server, &packet);
}

/* Sends a Parse of a statement under our name; it is taken for prepared from here on. */
static void parse_on_server(struct client *client, struct name_entry *entry,
			    enum pending_action action, enum pending_mark mark)
{
	struct server *server = client_server(client);
	char name[STATEMENT_NAME_MAX];

	statement_name(entry->statement, name);
	send_parse(server, entry->statement, name);
	pending_push(&server->pending, PENDING_PARSE, action, (uint8_t)mark, name_ref(entry));
	prepared_set_add(&server->prepared, entry->statement);
	client_pool(client)->stats.server_parses++;
	close_surplus(client);
}

static void ensure_prepared(struct client *client, struct name_entry *entry)
{
	if (!prepared_set_has(&client_server(client)->prepared, entry->statement))
		parse_on_server(client, entry, PENDING_DROP, MARK_NONE);
}

static enum step forward_named_parse(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	struct parse_message parse;
	struct message message;
	struct name_entry *entry;

	if (len > NAMED_PARSE_MAX)
		return refuse(client, SQLSTATE_PROGRAM_LIMIT, "prepared statement is too large");
	if (!forward_is_whole(client, len))
		return STEP_WAIT;
	message = message_at_head(client, MSG_PARSE, len);
	if (!parse_read(message.body, message.body_len, &parse))
		return refuse_broken(client, "Parse");
	if (client->names == NULL)
		client->names = names_new();
	client_pool(client)->stats.client_parses++;
	entry = names_find(client->names, parse.name);
	if (entry != NULL) {
		ensure_prepared(client, entry);
		parse_on_server(client, entry, PENDING_FORWARD, MARK_DUPLICATE);
	} else {
		uint32_t skip = parse.name_len + 1;
		struct statement *statement =
			statement_intern(message.body + skip, message.body_len - skip,
					 parse.query_len, parse.type_count);

		entry = names_add(client->names, parse.name, statement);
		statement_unref(statement);
		if (prepared_set_has(&server->prepared, statement))
			pending_push(&server->pending, PENDING_PARSE, PENDING_MAKE_UP, MARK_NONE,
				     name_ref(entry));
		else
			parse_on_server(client, entry, PENDING_FORWARD, MARK_NONE);
	}
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

/* ---- DEALLOCATE ---- */

/*
 * DEALLOCATE of a name that the client gave to a statement of the protocol, as drivers say it in
 * SQL: the server does not know the name, and has the statement for others too.  The name is
 * taken from the client; false if the text is something else.
 */
static bool take_deallocate(struct client *client, const char *sql, uint32_t len)
{
	char name[NAME_TEXT_MAX];
	struct name_entry *entry;

	if (len > DEALLOCATE_TEXT_MAX || names_count(client->names) == 0 || !tracks_names(client) ||
	    client_server(client)->transaction == 'E' ||
	    !deallocate_read(sql, len, name, sizeof(name)))
		return false;
	entry = names_find(client->names, name);
	if (entry == NULL)
		return false;
	names_remove(client->names, entry);
	return true;
}

/* As a simple query it is answered here. */
bool statements_answer(struct client *client, uint32_t len)
{
	const char *sql = (const char *)stream_data(&client->stream) + MESSAGE_HEADER;
	uint8_t packet[64];
	struct writer writer;

	if (stream_available(&client->stream) < len || len <= MESSAGE_HEADER ||
	    pending_owes_client(&client_server(client)->pending) ||
	    !take_deallocate(client, sql, len - MESSAGE_HEADER - 1))
		return false;
	writer_init(&writer, packet, sizeof(packet));
	compose_command_complete(&writer, "DEALLOCATE");
	compose_ready_for_query(&writer, client->block == BLOCK_OPEN ? 'T' : 'I');
	client_send(client, packet, (uint32_t)writer.len);
	stream_skip(&client->stream, len);
	request_forget_kept(client);
	measure_end(client, client->block == BLOCK_NONE);
	timeouts_transaction_idle(client);
	request_finished(client);
	return true;
}

/*
 * In the extended protocol the server is given a statement that is there for this, and parses
 * the client's DEALLOCATE as one of it: so all answers are its own.
 */
static bool parse_deallocate(struct client *client, uint32_t len)
{
	static uint64_t number;
	struct server *server = client_server(client);
	struct message message = message_at_head(client, MSG_PARSE, len);
	struct parse_message parse;
	char name[STATEMENT_NAME_MAX], sql[64];
	struct text packet = { 0 };
	struct writer writer;

	if (!parse_read(message.body, message.body_len, &parse) ||
	    !take_deallocate(client, parse.query, parse.query_len))
		return false;
	snprintf(name, sizeof(name), "pgweir_gone_%llu", (unsigned long long)++number);
	snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
	writer_init_text(&writer, &packet);
	compose_parse(&writer, name, "SELECT 1", 8, NULL, 0);
	compose_parse(&writer, "", sql, strlen(sql), NULL, 0);
	forward_text(server, &packet);
	pending_push(&server->pending, PENDING_PARSE, PENDING_DROP, MARK_NONE, NULL);
	pending_push(&server->pending, PENDING_PARSE, PENDING_FORWARD, MARK_NONE, NULL);
	stream_skip(&client->stream, len);
	return true;
}

/*
 * Most drivers send Bind right behind an unnamed Parse.  Where none follows, the statement is to
 * be used in a later request, maybe on another server: then it is kept.
 */
static bool bind_follows(const struct client *client, uint32_t len)
{
	return stream_available(&client->stream) > len &&
	       stream_data(&client->stream)[len] == MSG_BIND;
}

static void keep_unnamed(struct client *client, uint32_t len)
{
	struct message message = message_at_head(client, MSG_PARSE, len);
	struct parse_message parse;

	if (!parse_read(message.body, message.body_len, &parse))
		return; /* the server will say so */
	client->unnamed = statement_intern(message.body + 1, message.body_len - 1, parse.query_len,
					   parse.type_count);
	client_server(client)->unnamed = client->unnamed;
}

static enum step forward_unnamed_parse(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	uint32_t limit = (uint32_t)client_pool(client)->settings.route_buffer;

	if (len <= limit && !forward_is_whole(client, len))
		return STEP_WAIT;
	statement_unref(client->unnamed);
	client->unnamed = NULL;
	server->unnamed = NULL;
	if (len <= limit && parse_deallocate(client, len))
		return STEP_NEXT;
	if (len <= limit) {
		if (tracks_names(client) && !bind_follows(client, len))
			keep_unnamed(client, len);
		if (client->block == BLOCK_OPEN)
			forward_note_commit(client,
					    stream_data(&client->stream) + MESSAGE_HEADER + 1,
					    len - MESSAGE_HEADER - 1);
	}
	pending_push(&server->pending, PENDING_PARSE, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

enum step statements_parse(struct client *client, uint32_t len)
{
	if (stream_available(&client->stream) <= MESSAGE_HEADER) {
		stream_want(&client->stream, MESSAGE_HEADER + 1);
		return STEP_WAIT;
	}
	client->in_batch = true;
	if (tracks_names(client) && stream_data(&client->stream)[MESSAGE_HEADER] != '\0')
		return forward_named_parse(client, len);
	return forward_unnamed_parse(client, len);
}

/* ---- Bind, Describe, Close ---- */

/* The unnamed statement of an earlier request may be another client's by now. */
static void ensure_unnamed(struct client *client)
{
	struct server *server = client_server(client);

	if (client->unnamed == NULL || server->unnamed == client->unnamed)
		return;
	send_parse(server, client->unnamed, "");
	pending_push(&server->pending, PENDING_PARSE, PENDING_DROP, MARK_NONE, NULL);
	server->unnamed = client->unnamed;
}

enum step statements_bind(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	uint32_t avail = stream_available(&client->stream);
	struct name_entry *entry;
	struct bind_message bind;
	struct text packet = { 0 };
	struct writer writer;
	char name[STATEMENT_NAME_MAX];

	client->in_batch = true;
	switch (bind_read(stream_data(&client->stream) + MESSAGE_HEADER,
			  (avail < len ? avail : len) - MESSAGE_HEADER, len - MESSAGE_HEADER,
			  &bind)) {
	case PEEK_SHORT:
		if (avail > NAME_MESSAGE_MAX)
			return refuse(client, SQLSTATE_PROGRAM_LIMIT, "statement name is too long");
		stream_want(&client->stream, len < NAME_MESSAGE_MAX ? len : NAME_MESSAGE_MAX + 1);
		return STEP_WAIT;
	case PEEK_BAD:
		return refuse_broken(client, "Bind");
	case PEEK_OK:
		break;
	}
	client_pool(client)->stats.binds++;
	entry = tracks_names(client) && bind.statement[0] != '\0'
			? names_find(client->names, bind.statement)
			: NULL;
	if (entry == NULL) {
		if (bind.statement[0] == '\0')
			ensure_unnamed(client);
		pending_push(&server->pending, PENDING_BIND, PENDING_FORWARD, MARK_NONE, NULL);
		return forward_whole(client, len);
	}
	ensure_prepared(client, entry);
	client->commits |= (entry->statement->verdict.flags & VERDICT_COMMIT) != 0;
	statement_name(entry->statement, name);
	writer_init_text(&writer, &packet);
	compose_bind_start(&writer, bind.portal, name, len - MESSAGE_HEADER - bind.rest_at);
	forward_text(server, &packet);
	pending_push(&server->pending, PENDING_BIND, PENDING_FORWARD, MARK_NONE, NULL);
	stream_skip(&client->stream, MESSAGE_HEADER + bind.rest_at);
	client->pass = len - MESSAGE_HEADER - bind.rest_at;
	return STEP_NEXT;
}

static enum step forward_renamed_describe(struct client *client, struct name_entry *entry,
					  uint32_t len)
{
	struct server *server = client_server(client);
	char name[STATEMENT_NAME_MAX];
	struct text packet = { 0 };
	struct writer writer;

	ensure_prepared(client, entry);
	statement_name(entry->statement, name);
	writer_init_text(&writer, &packet);
	compose_describe(&writer, 'S', name);
	forward_text(server, &packet);
	pending_push(&server->pending, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE, NULL);
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

/* A named statement stays on the server for others: only the client's name for it goes. */
static enum step forward_renamed_close(struct client *client, const char *name, uint32_t len)
{
	struct name_entry *entry = names_find(client->names, name);

	pending_push(&client_server(client)->pending, PENDING_CLOSE, PENDING_MAKE_UP, MARK_NONE,
		     entry != NULL ? name_ref(entry) : NULL);
	if (entry != NULL)
		names_remove(client->names, entry);
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

enum step statements_target(struct client *client, uint8_t type, uint32_t len)
{
	struct server *server = client_server(client);
	struct target_message target;
	struct message message;

	if (len > NAME_MESSAGE_MAX)
		return refuse(client, SQLSTATE_PROGRAM_LIMIT, "name is too long");
	client->in_batch = true;
	if (!forward_is_whole(client, len))
		return STEP_WAIT;
	message = message_at_head(client, type, len);
	if (!target_read(message.body, message.body_len, &target))
		return refuse_broken(client, type == MSG_CLOSE ? "Close" : "Describe");
	if (target.kind == 'S' && tracks_names(client)) {
		struct name_entry *entry =
			target.name[0] != '\0' ? names_find(client->names, target.name) : NULL;

		if (target.name[0] != '\0' && type == MSG_CLOSE)
			return forward_renamed_close(client, target.name, len);
		if (entry != NULL)
			return forward_renamed_describe(client, entry, len);
		if (target.name[0] == '\0' && type == MSG_DESCRIBE)
			ensure_unnamed(client);
	}
	if (target.kind == 'S' && target.name[0] == '\0' && type == MSG_CLOSE) {
		statement_unref(client->unnamed);
		client->unnamed = NULL;
	}
	pending_push(&server->pending, type == MSG_CLOSE ? PENDING_CLOSE : PENDING_DESCRIBE,
		     PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

/* ---- what did not happen ---- */

/* The statement is still there, on the server or under the client's name. */
static void undo_close(struct client *client, struct server *server,
		       const struct pending_entry *entry)
{
	if (entry->subject == NULL)
		return;
	if (entry->action == PENDING_DROP) {
		prepared_set_add(&server->prepared, entry->subject);
		statement_unref(entry->subject);
	} else {
		names_restore(client->names, entry->subject);
		name_unref(entry->subject);
	}
}

void statements_undo(struct client *client, struct server *server,
		     const struct pending_entry *entry)
{
	struct name_entry *name = entry->subject;

	if (entry->kind == PENDING_CLOSE)
		undo_close(client, server, entry);
	if (entry->kind != PENDING_PARSE)
		return;
	if (name == NULL) {
		if (client->unnamed == server->unnamed)
			server->unnamed = NULL;
		return;
	}
	if (entry->action != PENDING_MAKE_UP && entry->mark != MARK_DUPLICATE)
		prepared_set_remove(&server->prepared, name->statement);
	if (!name->confirmed && entry->action != PENDING_DROP)
		names_remove(client->names, name);
	name_unref(name);
}
