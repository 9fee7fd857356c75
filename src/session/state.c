/* SPDX-License-Identifier: ISC */
/*
 * The state of a session on its way from server to server.
 *
 * What a client's commands leave on its server is noted in server->left: by the tags of
 * CommandComplete, and by the text where a glance at it says that it may change something.  What
 * is left is cleaned before another client gets the server (pool_return).  With track_session the
 * server is first asked which settings differ: that takes in rollbacks, functions and DO.  The
 * answer is what the client wants from then on, and what the server is known to have, so
 * nothing needs to be cleaned unless something was set that the answer may lack.
 */
#include "session/state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "proto/compose.h"
#include "proto/extended.h"
#include "session/forward.h"
#include "session/names.h"
#include "session/replies.h"
#include "session/scan.h"

/* Bytes of names of settings that only their client knows (app.tenant), to ask for by name. */
#define NAMED_MAX 8192

/* Of set_config, and the first that PostgreSQL does not give to what is its own. */
#define OID_SET_CONFIG 2078
#define OID_FIRST_NORMAL 16384

/* ---- a server is leased ---- */

static void tell(struct client *client, int index, const char *value)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	compose_parameter_status(&writer, parameter_name(index), value);
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/* What the server is, and the client was told otherwise on another server. */
static void tell_facts(struct client *client, const struct server *server)
{
	for (int i = 0; i < parameters_count(); i++) {
		const char *value = parameters_value(server->parameters, i);
		const char *told = parameters_value(client->wanted, i);

		if (!parameter_is_told(i) || value == NULL || told == NULL || told == value)
			continue;
		tell(client, i, value);
		parameters_set(&client->wanted, i, value);
	}
}

/* What connect_query has set must not be lost by a RESET: begin anew, then all that is wanted. */
static void refit(struct client *client, const char *connect_query, struct text *sql)
{
	forward_own_query(client, SERVER_CLEANING, MARK_PARAMETERS);
	forward_own_query(client, connect_query, MARK_PARAMETERS);
	if (client->state == CLIENT_WELCOME)
		client_server(client)->left |= LEFT_SETTINGS; /* if the client's are refused */
	text_clear(sql);
	parameters_difference(client->wanted, NULL, sql);
}

bool state_fit(struct client *client)
{
	struct server *server = client_server(client);
	const char *connect_query = client->database->entry->connect_query;
	struct text sql = { 0 };
	enum difference difference;

	if (client->wanted == server->parameters)
		return false;
	if (client->state != CLIENT_WELCOME)
		tell_facts(client, server);
	difference = parameters_difference(client->wanted, server->parameters, &sql);
	if (difference == DIFFERENCE_RESETS && connect_query[0] != '\0')
		refit(client, connect_query, &sql);
	if (difference != DIFFERENCE_NONE) {
		forward_own_query(client, sql.data, MARK_PARAMETERS);
		server->used = true;
	}
	/* Not all are reported: search_path would stay for the next client. */
	if (client->state != CLIENT_WELCOME)
		parameters_share(&server->parameters, client->wanted);
	text_done(&sql);
	return difference != DIFFERENCE_NONE;
}

/* ---- a client's commands ---- */

static void note(struct server *server, unsigned left)
{
	server->left = (uint16_t)((server->left | left) & ~LEFT_ASKED);
}

static bool tracks(const struct client *client)
{
	const struct settings *settings = &client_pool(client)->settings;

	return settings->track_session && settings->pool_mode != POOL_MODE_SESSION;
}

/* Reported parameters are known without this. */
static bool is_reported(const struct server *server, const char *name)
{
	int index = parameter_index(name);

	return index >= 0 && !parameter_is_told(index) && (server->reported >> index & 1) != 0;
}

/* PostgreSQL does not list settings of a class that no module has defined. */
static void remember_name(struct server *server, const char *name)
{
	if (strchr(name, '.') == NULL)
		return;
	if (server->named.len + 2 * strlen(name) > NAMED_MAX) {
		note(server, LEFT_UNKNOWN);
		return;
	}
	text_add_char(&server->named, ',');
	parameters_literal(&server->named, name, NULL);
}

static void note_setting(struct client *client, struct server *server, const char *name)
{
	if (is_reported(server, name))
		return;
	note(server, LEFT_SETTINGS);
	if (tracks(client))
		remember_name(server, name);
}

static void note_change(struct client *client, const struct change *change)
{
	struct server *server = client_server(client);

	if (change->later) {
		if (change->kind != CHANGE_SET || !is_reported(server, change->name))
			server->named_left |= LEFT_SETTINGS | LEFT_UNKNOWN;
		return;
	}
	switch (change->kind) {
	case CHANGE_RESET:
		note(server, LEFT_DEFAULTS);
		note_setting(client, server, change->name);
		break;
	case CHANGE_SET:
		note_setting(client, server, change->name);
		break;
	case CHANGE_ALL:
		note(server, LEFT_SETTINGS | LEFT_DEFAULTS);
		break;
	case CHANGE_UNKNOWN:
		note(server, LEFT_SETTINGS | LEFT_UNKNOWN);
		break;
	case CHANGE_CURSOR:
		note(server, LEFT_CURSORS);
		break;
	case CHANGE_CHANNEL:
		note(server, LEFT_CHANNELS);
		break;
	case CHANGE_TEMP:
		note(server, LEFT_TEMPORARY);
		break;
	case CHANGE_EXECUTE:
		state_note_bound(server);
		break;
	}
}

bool state_read_text(struct client *client, const char *sql, uint32_t len)
{
	const char *strings = parameters_value(client->wanted, PARAMETER_STD_STRINGS);
	struct change_reader reader;
	struct change change;

	change_begin(&reader, sql, len, strings == NULL || strcasecmp(strings, "off") != 0);
	while (change_next(&reader, &change))
		note_change(client, &change);
	return true;
}

bool state_note_statement(struct client *client, struct statement *statement)
{
	const uint64_t flags = VERDICT_SET | VERDICT_SETLOCAL | VERDICT_DISCARD | VERDICT_LISTEN |
			       VERDICT_DDL | VERDICT_CURSOR | VERDICT_PREPARE | VERDICT_DOUBT |
			       VERDICT_OPAQUE;

	return (statement_verdict(statement)->flags & flags) != 0 &&
	       state_read_text(client, (const char *)statement->body, statement->text_len);
}

bool state_note_named(struct client *client, const char *sql, uint32_t len)
{
	struct server *server = client_server(client);
	unsigned before = server->left;
	bool read;

	if (!change_is_possible(sql, len))
		return false;
	server->left = 0;
	read = state_read_text(client, sql, len);
	server->named_left |= server->left;
	if ((server->left & LEFT_SETTINGS) != 0)
		server->named_left |= LEFT_UNKNOWN; /* names are remembered for one lease */
	note(server, before);
	return read;
}

/* Of PostgreSQL's own functions that one changes settings; of others nothing is known. */
void state_note_function(struct server *server, uint32_t oid)
{
	if (oid == OID_SET_CONFIG || oid >= OID_FIRST_NORMAL)
		note(server, LEFT_SETTINGS | LEFT_UNKNOWN);
}

void state_note_tag(struct client *client, struct server *server, enum tag tag, bool read)
{
	switch (tag) {
	case TAG_SET:
		if (!read)
			note(server, LEFT_SETTINGS | LEFT_UNKNOWN);
		break;
	case TAG_RESET:
		note(server, read ? LEFT_DEFAULTS : LEFT_DEFAULTS | LEFT_SETTINGS | LEFT_UNKNOWN);
		break;
	case TAG_DISCARD_ALL:
		note(server, LEFT_DEFAULTS | LEFT_SETTINGS);
		/* fall through */
	case TAG_DEALLOCATE_ALL:
		replies_deallocated_all(client, server);
		break;
	case TAG_DEALLOCATE:
		replies_deallocated(client);
		break;
	case TAG_DO:
	case TAG_CALL:
		note(server, LEFT_SETTINGS | LEFT_UNKNOWN);
		break;
	case TAG_LISTEN:
		note(server, LEFT_CHANNELS);
		break;
	case TAG_CREATE:
		if (!read)
			note(server, LEFT_TEMPORARY);
		break;
	default:
		break;
	}
}

/* ---- values that come and go with a transaction ---- */

void state_before_change(struct client *client, struct server *server)
{
	if (server->before == NULL)
		parameters_share(&server->before, client->wanted);
}

void state_roll_back(struct client *client, struct server *server)
{
	if (server->before == NULL)
		return;
	for (int i = 0; i < parameters_count(); i++) {
		const char *value = parameters_value(server->before, i);

		if (value != NULL && value != parameters_value(client->wanted, i))
			tell(client, i, value);
	}
	parameters_share(&client->wanted, server->before);
	parameters_clear(&server->before);
}

/* ---- what becomes of it ---- */

/* The client went back to defaults: those of its startup packet are its own. */
static bool renew(struct client *client, struct server *server)
{
	struct text sql = { 0 };
	bool any = parameters_renewal(parameters_base(client->wanted), &sql);

	server->left &= (uint16_t)~LEFT_DEFAULTS;
	if (any)
		forward_own_query(client, sql.data, MARK_RENEWAL);
	text_done(&sql);
	return any;
}

/*
 * Which settings are the session's, in words that set_config takes.  A timeout of the client's that
 * has cut this short is lifted for it; then that alone does not tell whose it is.
 */
static void ask(struct client *client, struct server *server)
{
	const char *value;
	struct text sql = { 0 };

	if ((server->left & LEFT_HURRIED) != 0)
		text_add(&sql, "SHOW statement_timeout;SET LOCAL statement_timeout=0;");
	for (unsigned i = 0; i < parameters_extras(client->wanted); i++)
		remember_name(server, parameters_extra(client->wanted, i, &value));
	text_add(&sql, "SELECT name,pg_catalog.current_setting(name) FROM pg_catalog.pg_settings "
		       "WHERE source='session' AND name NOT IN ('transaction_isolation',"
		       "'transaction_read_only','transaction_deferrable'");
	if ((server->left & LEFT_HURRIED) != 0)
		text_add(&sql, ",'statement_timeout'");
	text_add(&sql, ") UNION ALL SELECT 'role',r FROM pg_catalog.current_setting('role') r "
		       "WHERE r<>'none' "
		       "UNION ALL SELECT 'session_authorization',u::pg_catalog.text "
		       "FROM (SELECT session_user) s(u) WHERE u<>");
	parameters_literal(&sql, client_pool(client)->user, NULL);
	if (server->named.len != 0)
		text_printf(&sql,
			    " UNION ALL SELECT n,pg_catalog.current_setting(n,true) "
			    "FROM pg_catalog.unnest(ARRAY[%s]) n "
			    "WHERE pg_catalog.current_setting(n,true) IS NOT NULL",
			    server->named.data + 1);
	forward_own_query(client, sql.data, MARK_STATE);
	text_done(&sql);
	parameters_clear(&server->found);
	server->left |= LEFT_ASKED;
}

static bool is_quiet(const struct client *client, const struct server *server)
{
	return pending_is_empty(&server->pending) && !client->in_batch && !server->pending.open &&
	       client->pass == 0 && !client->skip_to_sync && server->copy == COPY_NONE &&
	       server->pass == 0;
}

/* One alone: with others behind it, those need what is renewed. */
static bool is_set_transaction(const struct verdict *verdict)
{
	return verdict->statements == 1 && (verdict->flags & VERDICT_SET_TRANSACTION) != 0;
}

static bool text_sets_transaction(const struct client *client, uint8_t type, uint32_t len)
{
	const uint8_t *body = stream_data(&client->stream) + MESSAGE_HEADER;
	struct parse_message parse;
	struct verdict verdict;

	if (len <= MESSAGE_HEADER)
		return false;
	if (stream_available(&client->stream) < len) /* will it wait, and come here again? */
		return len <= (uint32_t)client_pool(client)->settings.route_buffer;
	if (type == MSG_QUERY)
		verdict = client_classify(client, (const char *)body, len - MESSAGE_HEADER - 1);
	else if (parse_read(body, len - MESSAGE_HEADER, &parse))
		verdict = client_classify(client, parse.query, parse.query_len);
	else
		return false;
	return is_set_transaction(&verdict);
}

/* The statement that a Bind means.  Where names are the server's own it is not known. */
static bool bound_sets_transaction(const struct client *client, uint32_t len)
{
	uint32_t avail = stream_available(&client->stream);
	struct statement *statement = client->unnamed;
	struct name_entry *entry;
	struct bind_message bind;

	switch (bind_read(stream_data(&client->stream) + MESSAGE_HEADER,
			  (avail < len ? avail : len) - MESSAGE_HEADER, len - MESSAGE_HEADER,
			  &bind)) {
	case PEEK_SHORT:
		return true; /* it waits, and comes here again */
	case PEEK_BAD:
		return false;
	case PEEK_OK:
		break;
	}
	if (bind.statement[0] != '\0') {
		entry = names_find(client->names, bind.statement);
		statement = entry != NULL ? entry->statement : NULL;
	}
	return statement != NULL && is_set_transaction(statement_verdict(statement));
}

static bool sets_transaction(const struct client *client, uint8_t type, uint32_t len)
{
	switch (type) {
	case MSG_QUERY:
	case MSG_PARSE:
		return text_sets_transaction(client, type, len);
	case MSG_BIND:
		return bound_sets_transaction(client, len);
	default:
		return false;
	}
}

void state_renew_in_block(struct client *client, uint8_t type, uint32_t len)
{
	struct server *server = client_server(client);

	if (server->transaction == 'T' && is_quiet(client, server) &&
	    !sets_transaction(client, type, len))
		renew(client, server);
}

bool state_settle(struct client *client)
{
	struct server *server = client_server(client);

	if (server->transaction != 'I' || !is_quiet(client, server))
		return false;
	if ((server->left & LEFT_DEFAULTS) != 0 && renew(client, server))
		return true;
	if ((server->left & LEFT_SETTINGS) == 0 || (server->left & LEFT_ASKED) != 0 ||
	    !tracks(client))
		return false;
	ask(client, server);
	return true;
}

/* A string of a row, with a NUL at its end; NULL if there is none. */
static char *take_column(struct reader *reader)
{
	uint32_t len = reader_u32(reader);
	const uint8_t *bytes = len == UINT32_MAX ? NULL : reader_bytes(reader, len);

	return bytes != NULL && !reader->bad ? mem_string_n((const char *)bytes, len) : NULL;
}

void state_take_row(struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	bool shown = reader_u16(&reader) == 1; /* the timeout alone, and first */
	char *name, *value;

	name = shown ? mem_string("statement_timeout") : take_column(&reader);
	value = name != NULL ? take_column(&reader) : NULL;
	if (value != NULL && !is_reported(server, name) &&
	    !parameters_put(&server->found, name, value)) {
		log_warn(server, "a client has set more than can follow it: %d names and %d bytes",
			 PARAMETERS_EXTRA_MAX, PARAMETERS_EXTRA_BYTES);
		server->left |= LEFT_SETTINGS | LEFT_UNKNOWN;
	}
	free(name);
	free(value);
}

bool state_asks_again(struct server *server)
{
	if ((server->left & LEFT_HURRIED) != 0)
		return false;
	server->left |= LEFT_FAILED | LEFT_HURRIED;
	server->left &= (uint16_t)~LEFT_ASKED;
	return true;
}

/* What was not found out does not follow, and is cleaned. */
void state_take_error(struct server *server, const char *text)
{
	log_warn(server, "settings of a session do not follow it: %s", text);
	server->left |= LEFT_SETTINGS | LEFT_UNKNOWN | LEFT_ASKED | LEFT_FAILED;
}

/* What PostgreSQL does not report is as found; the rest is known. */
static void adopt(struct client *client, struct server *server)
{
	const char *value;

	for (int i = 0; i < parameters_count(); i++)
		if (!parameter_is_told(i) && (server->reported >> i & 1) == 0)
			parameters_set(&client->wanted, i, parameters_value(server->found, i));
	parameters_drop_extras(&client->wanted);
	for (unsigned i = 0; i < parameters_extras(server->found); i++) {
		const char *name = parameters_extra(server->found, i, &value);

		parameters_put(&client->wanted, name, value);
	}
}

/*
 * A superuser who has become somebody else may not see all that it set before; and what
 * connect_query set is not the client's to take along to where it was not run.
 */
static bool answer_is_whole(const struct client *client, const struct server *server)
{
	return (server->left & LEFT_UNKNOWN) == 0 &&
	       client->database->entry->connect_query[0] == '\0' &&
	       parameters_extra_value(server->found, "role") == NULL &&
	       parameters_extra_value(server->found, "session_authorization") == NULL;
}

void state_take_end(struct client *client, struct server *server)
{
	if ((server->left & LEFT_ASKED) != 0)
		text_done(&server->named); /* else they will be asked for again */
	if ((server->left & LEFT_FAILED) == 0) {
		adopt(client, server);
		/* Not asked any more: the client has gone on, and it will be asked anew. */
		if ((server->left & LEFT_ASKED) != 0 && answer_is_whole(client, server)) {
			parameters_share(&server->parameters, client->wanted);
			server->left &= (uint16_t) ~(LEFT_SETTINGS | LEFT_ASKED);
		}
	}
	server->left &= (uint16_t)~LEFT_FAILED;
	parameters_clear(&server->found);
}
