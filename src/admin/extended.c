/* SPDX-License-Identifier: ISC */
/*
 * The extended protocol of the console.  A statement is a command that was read; a portal runs it
 * at its first Execute and hands out the rows in as many pieces as are asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/session.h"
#include "admin/show.h"
#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "session/client.h"

/* What a session may keep. */
#define STATEMENTS_MAX 256
#define PORTALS_MAX 16

struct statement_entry {
	struct list_node node;
	struct command command;
	char name[];
};

struct portal {
	struct list_node node;
	struct command command;
	struct result result;
	size_t sent; /* bytes of its rows */
	bool ran;
	char name[];
};

static struct statement_entry *find_statement(const struct console_session *session,
					      const char *name)
{
	list_for_each(&session->statements, node, after) {
		struct statement_entry *entry = list_entry(node, struct statement_entry, node);

		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

static struct portal *find_portal(const struct console_session *session, const char *name)
{
	list_for_each(&session->portals, node, after) {
		struct portal *portal = list_entry(node, struct portal, node);

		if (strcmp(portal->name, name) == 0)
			return portal;
	}
	return NULL;
}

static void free_statement(struct statement_entry *entry)
{
	if (entry == NULL)
		return;
	list_remove(&entry->node);
	free(entry);
}

static void free_portal(struct portal *portal)
{
	if (portal == NULL)
		return;
	list_remove(&portal->node);
	result_done(&portal->result);
	free(portal);
}

void extended_forget(struct console_session *session)
{
	struct list_node *node;

	while ((node = list_first(&session->statements)) != NULL)
		free_statement(list_entry(node, struct statement_entry, node));
	while ((node = list_first(&session->portals)) != NULL)
		free_portal(list_entry(node, struct portal, node));
}

static void fail(struct console_session *session, const char *sqlstate, const char *fmt,
		 const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), fmt, name);
	session_fail(session, sqlstate, text);
}

static void fail_malformed(struct console_session *session, const char *what)
{
	client_close(session->client, SQLSTATE_PROTOCOL_VIOLATION, "malformed %s message", what);
}

static void reply(struct console_session *session, const uint8_t *message)
{
	client_send(session->client, message, REPLY_LEN);
}

/* ---- Parse ---- */

static void add_statement(struct console_session *session, const struct parse_message *parse,
			  const struct command *command)
{
	struct statement_entry *entry = mem_zero(sizeof(*entry) + parse->name_len + 1);

	entry->command = *command;
	memcpy(entry->name, parse->name, parse->name_len + 1);
	list_append(&session->statements, &entry->node);
	reply(session, reply_parse_complete);
}

static void take_parse(struct console_session *session, const struct message *message)
{
	struct parse_message parse;
	struct command command;
	struct text why = { 0 };

	if (!parse_read(message->body, message->body_len, &parse)) {
		fail_malformed(session, "Parse");
		return;
	}
	if (parse.name[0] == '\0')
		free_statement(find_statement(session, ""));
	if (find_statement(session, parse.name) != NULL)
		fail(session, SQLSTATE_DUPLICATE_PSTATEMENT,
		     "prepared statement \"%s\" already exists", parse.name);
	else if (session->statements.count >= STATEMENTS_MAX)
		fail(session, SQLSTATE_PROGRAM_LIMIT, "too many prepared statements%s", "");
	else if (parse.type_count != 0)
		fail(session, SQLSTATE_FEATURE_NOT_SUPPORTED,
		     "commands of the console take no parameters%s", "");
	else if (!command_parse(parse.query, parse.query_len, &command, &why))
		session_fail(session, SQLSTATE_PROTOCOL_VIOLATION, text_string(&why));
	else
		add_statement(session, &parse, &command);
	text_done(&why);
}

/* ---- Bind ---- */

/* Result formats: 0 text, 1 binary; none, one for all, or one a column. */
static bool read_formats(struct reader *reader, struct formats *formats)
{
	unsigned count = reader_u16(reader), code, i;

	if (count > RESULT_COLUMNS_MAX)
		return false;
	formats->count = (uint16_t)count;
	for (i = 0; i < count; i++) {
		code = reader_u16(reader);
		if (code > 1)
			return false;
		formats->binary |= (uint64_t)code << i;
	}
	return !reader->bad;
}

/* What follows the names of a Bind; false if malformed. */
static bool read_bind_rest(const struct message *message, const struct bind_message *bind,
			   unsigned *parameters, struct formats *formats)
{
	struct reader reader =
		reader_over(message->body + bind->rest_at, message->body_len - bind->rest_at);
	unsigned count = reader_u16(&reader);

	while (count-- > 0)
		reader_u16(&reader); /* formats of parameters */
	*parameters = reader_u16(&reader);
	if (*parameters != 0)
		return !reader.bad;
	return read_formats(&reader, formats) && reader_is_done(&reader);
}

static void add_portal(struct console_session *session, const struct bind_message *bind,
		       const struct command *command, const struct formats *formats)
{
	struct portal *portal = mem_zero(sizeof(*portal) + bind->portal_len + 1);

	portal->command = *command;
	portal->result.formats = *formats;
	memcpy(portal->name, bind->portal, bind->portal_len + 1);
	list_append(&session->portals, &portal->node);
	reply(session, reply_bind_complete);
}

static bool formats_fit(const struct formats *formats, const struct command *command)
{
	const struct show_table *table = command->row != NULL ? command->row->table : NULL;

	return formats->count <= 1 || (table != NULL && formats->count == table->count);
}

static void take_bind(struct console_session *session, const struct message *message)
{
	struct formats formats = { 0 };
	struct statement_entry *entry;
	struct bind_message bind;
	unsigned parameters;

	if (bind_read(message->body, message->body_len, message->body_len, &bind) != PEEK_OK ||
	    !read_bind_rest(message, &bind, &parameters, &formats)) {
		fail_malformed(session, "Bind");
		return;
	}
	entry = find_statement(session, bind.statement);
	if (bind.portal[0] == '\0')
		free_portal(find_portal(session, ""));
	if (entry == NULL)
		fail(session, SQLSTATE_UNDEFINED_PSTATEMENT,
		     "prepared statement \"%s\" does not exist", bind.statement);
	else if (parameters != 0)
		fail(session, SQLSTATE_PROTOCOL_VIOLATION,
		     "bind message supplies parameters, but prepared statement \"%s\" takes none",
		     bind.statement);
	else if (find_portal(session, bind.portal) != NULL)
		fail(session, "42P03", "cursor \"%s\" already exists", bind.portal);
	else if (session->portals.count >= PORTALS_MAX)
		fail(session, SQLSTATE_PROGRAM_LIMIT, "too many portals%s", "");
	else if (!formats_fit(&formats, &entry->command))
		fail(session, SQLSTATE_PROTOCOL_VIOLATION,
		     "bind message has another number of result formats than portal \"%s\" has "
		     "columns",
		     bind.portal);
	else
		add_portal(session, &bind, &entry->command, &formats);
}

/* ---- Describe, Close ---- */

static void describe(struct console_session *session, const struct command *command,
		     const struct formats *formats, bool statement)
{
	const struct show_table *table = command->row != NULL ? command->row->table : NULL;
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	if (statement) {
		writer_begin(&writer, MSG_PARAMETER_DESCRIPTION);
		writer_u16(&writer, 0);
		writer_end(&writer);
	}
	if (table != NULL)
		result_describe(&writer, table->columns, table->count, formats);
	else
		compose_reply(&writer, reply_no_data);
	client_send(session->client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

static void describe_statement(struct console_session *session, const char *name)
{
	static const struct formats text;
	const struct statement_entry *entry = find_statement(session, name);

	if (entry == NULL)
		fail(session, SQLSTATE_UNDEFINED_PSTATEMENT,
		     "prepared statement \"%s\" does not exist", name);
	else
		describe(session, &entry->command, &text, true);
}

static void describe_portal(struct console_session *session, const char *name)
{
	const struct portal *portal = find_portal(session, name);

	if (portal == NULL)
		fail(session, SQLSTATE_INVALID_CURSOR_NAME, "portal \"%s\" does not exist", name);
	else
		describe(session, &portal->command, &portal->result.formats, false);
}

static void take_describe(struct console_session *session, const struct message *message)
{
	struct target_message target;

	if (!target_read(message->body, message->body_len, &target))
		fail_malformed(session, "Describe");
	else if (target.kind == 'S')
		describe_statement(session, target.name);
	else
		describe_portal(session, target.name);
}

static void take_close(struct console_session *session, const struct message *message)
{
	struct target_message target;

	if (!target_read(message->body, message->body_len, &target)) {
		fail_malformed(session, "Close");
		return;
	}
	if (target.kind == 'S')
		free_statement(find_statement(session, target.name));
	else
		free_portal(find_portal(session, target.name));
	reply(session, reply_close_complete);
}

/* ---- Execute ---- */

/* The end of the next `max` rows (0: all) of those not sent yet. */
static size_t rows_end(const struct portal *portal, uint32_t max)
{
	const struct text *rows = &portal->result.rows;
	size_t at = portal->sent;

	if (max == 0)
		return rows->len;
	for (; max > 0 && at < rows->len; max--)
		at += 1 + be32_get((const uint8_t *)rows->data + at + 1);
	return at;
}

static void send_rows(struct console_session *session, struct portal *portal, uint32_t max)
{
	struct result *result = &portal->result;
	struct client *client = session->client;
	size_t end = rows_end(portal, max);
	struct text packet = { 0 };
	struct writer writer;

	if (result->notices.len != 0)
		client_send(client, result->notices.data, (uint32_t)result->notices.len);
	text_done(&result->notices);
	if (end > portal->sent)
		client_send(client, result->rows.data + portal->sent,
			    (uint32_t)(end - portal->sent));
	portal->sent = end;
	if (end < result->rows.len) {
		reply(session, reply_portal_suspended);
		return;
	}
	text_done(&result->rows);
	portal->sent = 0;
	writer_init_text(&writer, &packet);
	compose_command_complete(&writer, result->tag);
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/* The portal is gone if the client is, so the command writes into a result of its own. */
static void run_portal(struct console_session *session, struct portal *portal, uint32_t max)
{
	struct client *client = session->client;
	struct result result = { .formats = portal->result.formats };

	session_run_command(session, &portal->command, &result);
	if (client->state == CLIENT_CLOSED) {
		result_done(&result);
		return;
	}
	portal->result = result;
	portal->ran = true;
	if (result.waits)
		return;
	if (result.sqlstate != NULL)
		session_fail(session, result.sqlstate, result.error);
	else
		send_rows(session, portal, max);
}

static void take_execute(struct console_session *session, const struct message *message)
{
	struct execute_message execute;
	struct portal *portal;

	if (!execute_read(message->body, message->body_len, &execute)) {
		fail_malformed(session, "Execute");
		return;
	}
	portal = find_portal(session, execute.portal);
	if (portal == NULL)
		fail(session, SQLSTATE_INVALID_CURSOR_NAME, "portal \"%s\" does not exist",
		     execute.portal);
	else if (portal->command.row == NULL)
		reply(session, reply_empty_query);
	else if (portal->ran)
		send_rows(session, portal, execute.max_rows);
	else
		run_portal(session, portal, execute.max_rows);
}

/* ---- */

static void take_sync(struct console_session *session)
{
	session->skip_to_sync = false;
	client_ready(session->client);
}

void extended_take(struct console_session *session, const struct message *message)
{
	switch (message->type) {
	case MSG_PARSE:
		take_parse(session, message);
		break;
	case MSG_BIND:
		take_bind(session, message);
		break;
	case MSG_DESCRIBE:
		take_describe(session, message);
		break;
	case MSG_EXECUTE:
		take_execute(session, message);
		break;
	case MSG_CLOSE:
		take_close(session, message);
		break;
	case MSG_SYNC:
		take_sync(session);
		break;
	default:
		break; /* Flush: all is sent at the end of the turn anyway */
	}
}
