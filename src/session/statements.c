/* SPDX-License-Identifier: ISC */
/* A client's messages about prepared statements: Parse, Bind, Describe and Close. */
#include "session/statements.h"

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/deallocate.h"
#include "session/forward.h"
#include "session/names.h"
#include "session/prepare.h"
#include "session/replies.h"
#include "session/scan.h"
#include "session/state.h"

/* A Parse with a name is kept, so it is bounded; Describe and Close hold nothing but a name. */
#define NAMED_PARSE_MAX (16u << 20)
#define NAME_MESSAGE_MAX 65536u

/* A name of ours that no statement has. */
#define NO_STATEMENT STATEMENT_PREFIX "none"

static enum step refuse(struct client *client, const char *sqlstate, const char *text)
{
	client_close(client, sqlstate, "%s", text);
	return STEP_GONE;
}

/*
 * Malformed: PostgreSQL says so in its place among the other answers, and goes on at the next Sync.
 */
static enum step forward_broken(struct client *client, uint32_t len)
{
	pending_push(&client_server(client)->pending, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE,
		     NULL);
	return forward_whole(client, len);
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

/*
 * An error of ours, where it belongs among the server's answers: the server is made to fail, so
 * that it, too, takes the transaction for failed and skips the rest of the batch.
 */
static enum step fail_in_order(struct client *client, uint32_t len, const char *sqlstate,
			       const char *text)
{
	struct server *server = client_server(client);
	uint8_t packet[64];
	struct writer writer;

	writer_init(&writer, packet, sizeof(packet));
	compose_bind_start(&writer, "", NO_STATEMENT, 6);
	writer_u16(&writer, 0);
	writer_u16(&writer, 0);
	writer_u16(&writer, 0);
	stream_send(&server->stream, packet, (uint32_t)writer.len);
	prepare_owe(client, PENDING_BIND, PENDING_FORWARD, MARK_OWN_ERROR,
		    own_error_new(sqlstate, text));
	client->pass = len;
	client->pass_drop = true;
	return STEP_NEXT;
}

/* ---- Parse with a name ---- */

/*
 * The name is in use.  PostgreSQL says so after it has analysed the text, so the text is parsed
 * under a name that is certainly in use.
 */
static void parse_duplicate(struct client *client, struct name_entry *entry,
			    const struct message *message, uint32_t body_at)
{
	static const uint8_t empty[3];
	struct server *server = client_server(client);

	if (client->pooler->config->settings.log_pooler_errors)
		log_warn(client, "prepared statement '%.63s' was already prepared", entry->text);
	prepare_send_close(server, SCRATCH_STATEMENT);
	prepare_owe(client, PENDING_CLOSE, PENDING_DROP, MARK_OURS, NULL);
	prepare_send_parse(server, SCRATCH_STATEMENT, empty, sizeof(empty));
	prepare_owe(client, PENDING_PARSE, PENDING_DROP, MARK_OURS, NULL);
	prepare_send_parse(server, SCRATCH_STATEMENT, message->body + body_at,
			   message->body_len - body_at);
	prepare_owe(client, PENDING_PARSE, PENDING_FORWARD, MARK_DUPLICATE, name_ref(entry));
}

/*
 * Whether PostgreSQL would certainly say ParseComplete to what it has.  Not in a transaction that
 * failed, and what comes before may make it fail (also one whose BEGIN is under way), or
 * deallocate.
 */
static bool may_make_up(const struct client *client)
{
	const struct server *server = client_server(client);

	if (!pending_owes_requests(&server->pending))
		return server->transaction != 'E';
	return server->pending.runs == 0 && server->transaction == 'I' &&
	       client->block != BLOCK_OPEN;
}

/* Why a client may have no more statements, NULL if it may. */
static const char *lacks_memory(const struct client *client, uint32_t len)
{
	const struct settings *settings = &client_pool(client)->settings;
	uint64_t client_limit = (uint64_t)settings->max_client_statement_memory;
	uint64_t limit = (uint64_t)settings->max_statement_memory;

	if (client_limit != 0 && names_bytes(client->names) + len > client_limit)
		return "too many prepared statements: this client's take more than "
		       "max_client_statement_memory";
	if (limit != 0 && statement_bytes() + names_total_bytes() + len > limit)
		return "too many prepared statements: all clients' take more than "
		       "max_statement_memory";
	return NULL;
}

/* A Parse of a new name. */
static enum step parse_new(struct client *client, const struct parse_message *parse,
			   const struct message *message, uint32_t body_at)
{
	struct server *server = client_server(client);
	const char *why = lacks_memory(client, message->body_len);
	struct statement *statement;
	struct name_entry *entry;
	enum prepared prepared;

	if (why != NULL)
		return fail_in_order(client, message->len, SQLSTATE_OUT_OF_MEMORY, why);
	statement = statement_intern(message->body + body_at, message->body_len - body_at,
				     parse->query_len, parse->type_count);
	prepared = prepared_set_find(&server->prepared, statement, server->batch);
	if (prepared == PREPARED_UNSURE ||
	    (prepared == PREPARED_READY && pending_owes_requests(&server->pending) &&
	     !may_make_up(client))) {
		statement_unref(statement);
		return prepare_settle(client) == STEP_NEXT
			       ? parse_new(client, parse, message, body_at)
			       : STEP_WAIT;
	}
	entry = names_add(client->names, parse->name, statement, server->batch);
	statement_unref(statement);
	if (prepared == PREPARED_READY && may_make_up(client))
		prepare_owe(client, PENDING_PARSE, PENDING_MAKE_UP, MARK_NONE, name_ref(entry));
	else
		prepare_on_server(client, entry, PENDING_FORWARD);
	stream_skip(&client->stream, message->len);
	return STEP_NEXT;
}

static enum step forward_named_parse(struct client *client, uint32_t len)
{
	struct parse_message parse;
	struct message message;
	struct name_entry *entry;
	enum step step;

	if (len > NAMED_PARSE_MAX)
		return fail_in_order(client, len, SQLSTATE_PROGRAM_LIMIT,
				     "prepared statement is too large");
	if (!forward_is_whole(client, len))
		return STEP_WAIT;
	message = message_at_head(client, MSG_PARSE, len);
	if (!parse_read(message.body, message.body_len, &parse))
		return forward_broken(client, len);
	if (client->names == NULL)
		client->names = names_new();
	step = prepare_find_name(client, parse.name, &entry);
	if (step == STEP_NEXT && entry == NULL)
		step = parse_new(client, &parse, &message, parse.name_len + 1);
	else if (step == STEP_NEXT && pending_owes_requests(&client_server(client)->pending))
		step = prepare_settle(client); /* the name may be deallocated meanwhile */
	else if (step == STEP_NEXT) {
		parse_duplicate(client, entry, &message, parse.name_len + 1);
		stream_skip(&client->stream, len);
	}
	client_pool(client)->stats.client_parses += step == STEP_NEXT;
	return step;
}

bool statements_learn(struct client *client, const struct parse_message *parse,
		      const struct message *message)
{
	uint32_t body_at = parse->name_len + 1;
	struct statement *statement;
	struct name_entry *entry;

	if (!prepare_tracks_names(client) || names_find(client->names, parse->name) != NULL ||
	    lacks_memory(client, message->body_len) != NULL)
		return false;
	if (client->names == NULL)
		client->names = names_new();
	statement = statement_intern(message->body + body_at, message->body_len - body_at,
				     parse->query_len, parse->type_count);
	entry = names_add(client->names, parse->name, statement, 0);
	statement_unref(statement);
	names_confirm(client->names, entry);
	return true;
}

/* ---- the unnamed statement ---- */

/* A Parse of the unnamed statement that is ours to send. */
static void send_unnamed(struct client *client, const struct statement *statement)
{
	if (!deallocate_translate(client, statement))
		prepare_send_parse(client_server(client), "", statement->body, statement->len);
}

/* The statement, so that it can be prepared again elsewhere; equal ones are not looked up. */
static struct statement *keep_unnamed(const struct client *client, const uint8_t *body,
				      uint32_t len, const struct parse_message *parse)
{
	if (client->unnamed != NULL && statement_is(client->unnamed, body, len))
		return statement_ref(client->unnamed);
	return statement_intern(body, len, parse->query_len, parse->type_count);
}

/* One that is too large to be kept goes through unseen, and is there for its own lease only. */
static bool is_looked_at(const struct client *client, uint32_t len)
{
	if (len <= (uint32_t)client_pool(client)->settings.route_buffer)
		return true;
	return prepare_tracks_names(client) && len <= NAMED_PARSE_MAX &&
	       lacks_memory(client, len) == NULL;
}

static enum step forward_unnamed_parse(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	bool seen = is_looked_at(client, len), deallocates;
	struct statement *statement = NULL;
	struct parse_message parse;
	struct message message;

	if (seen && !forward_is_whole(client, len))
		return STEP_WAIT;
	client->parsed_read = false;
	message = message_at_head(client, MSG_PARSE, len);
	if (!seen || !parse_read(message.body, message.body_len, &parse)) {
		server->unnamed_batch = server->batch;
		prepare_owe(client, PENDING_PARSE, PENDING_FORWARD, MARK_UNNAMED, NULL);
		return forward_whole(client, len);
	}
	deallocates =
		prepare_tracks_names(client) && deallocate_begins(parse.query, parse.query_len);
	if (deallocates && prepare_settle(client) != STEP_NEXT)
		return STEP_WAIT; /* it may mean a name that is under way */
	client->parsed_read = parse.name_len == 0
				      ? state_note_text(client, parse.query, parse.query_len)
				      : state_note_named(client, parse.query, parse.query_len);
	if (client->block == BLOCK_OPEN)
		forward_note_commit(client, (const uint8_t *)parse.query, parse.query_len);
	if (!pending_owes_client(&server->pending))
		names_expect(client->names, NULL);
	if (prepare_tracks_names(client))
		statement = keep_unnamed(client, message.body + 1, message.body_len - 1, &parse);
	server->unnamed_batch = server->batch;
	if (statement != NULL && deallocates)
		send_unnamed(client, statement);
	prepare_owe(client, PENDING_PARSE, PENDING_FORWARD, MARK_UNNAMED, statement);
	if (!deallocates)
		return forward_whole(client, len);
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

/*
 * The unnamed statement of an earlier request: the server may have another client's by now, so
 * it is parsed again, or closed if this client has none.
 */
static enum step ensure_unnamed(struct client *client)
{
	struct server *server = client_server(client);
	struct statement *unnamed;

	if (!prepare_tracks_names(client) || server->unnamed_lease == server->leases ||
	    server->unnamed_batch == server->batch)
		return STEP_NEXT;
	if (pending_owes_requests(&server->pending))
		return prepare_settle(client);
	unnamed = client->unnamed;
	if (unnamed != NULL && unnamed->id == server->unnamed)
		return STEP_NEXT;
	server->unnamed_batch = server->batch;
	if (unnamed == NULL) {
		prepare_send_close(server, "");
		prepare_owe(client, PENDING_CLOSE, PENDING_DROP, MARK_UNNAMED, NULL);
		return STEP_NEXT;
	}
	send_unnamed(client, unnamed);
	prepare_owe(client, PENDING_PARSE, PENDING_DROP, MARK_UNNAMED, statement_ref(unnamed));
	return STEP_NEXT;
}

enum step statements_parse(struct client *client, uint32_t len)
{
	enum step step;

	if (stream_available(&client->stream) <= MESSAGE_HEADER) {
		stream_want(&client->stream, MESSAGE_HEADER + 1);
		return STEP_WAIT;
	}
	if (!prepare_tracks_names(client) || stream_data(&client->stream)[MESSAGE_HEADER] == '\0')
		step = forward_unnamed_parse(client, len);
	else
		step = forward_named_parse(client, len);
	client->in_batch |= step == STEP_NEXT;
	return step;
}

/* ---- Bind ---- */

static enum step deny_name(struct client *client, const char *name, uint32_t len)
{
	struct text text = { 0 };
	enum step step;

	text_printf(&text, "prepared statement \"%s\" does not exist", name);
	step = fail_in_order(client, len, SQLSTATE_UNDEFINED_PSTATEMENT, text_string(&text));
	text_done(&text);
	return step;
}

/* The same Bind of a statement with another name. */
static enum step rename_bind(struct client *client, const struct bind_message *bind,
			     const char *name, uint32_t len)
{
	uint32_t rest = len - MESSAGE_HEADER - bind->rest_at;
	uint8_t packet[512];
	struct writer writer;
	struct text text = { 0 };

	if (bind->portal_len + strlen(name) + 2 + MESSAGE_HEADER <= sizeof(packet)) {
		writer_init(&writer, packet, sizeof(packet));
		compose_bind_start(&writer, bind->portal, name, rest);
		stream_send(&client_server(client)->stream, packet, (uint32_t)writer.len);
	} else {
		writer_init_text(&writer, &text);
		compose_bind_start(&writer, bind->portal, name, rest);
		forward_text(client_server(client), &text);
	}
	stream_skip(&client->stream, MESSAGE_HEADER + bind->rest_at);
	client->pass = rest;
	return STEP_NEXT;
}

static enum step bind_unknown(struct client *client, const struct bind_message *bind, uint32_t len)
{
	client->bound_read = false;
	if (prepare_is_reserved(bind->statement))
		return deny_name(client, bind->statement, len);
	prepare_owe(client, PENDING_BIND, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

static enum step bind_unnamed(struct client *client, uint32_t len)
{
	struct statement *unnamed = client->unnamed;
	bool parsed_here = client_server(client)->unnamed_batch == client_server(client)->batch;

	if (ensure_unnamed(client) != STEP_NEXT)
		return STEP_WAIT;
	if (unnamed != NULL && deallocate_begins((const char *)unnamed->body, unnamed->text_len))
		client_server(client)->doubt = true;
	client->bound_read = parsed_here ? client->parsed_read
					 : unnamed != NULL && state_note_statement(client, unnamed);
	prepare_owe(client, PENDING_BIND, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

/* The client asks for the columns itself, right behind this message. */
static bool describe_follows(const struct client *client, uint32_t len)
{
	const uint8_t *next = stream_data(&client->stream) + len;

	return stream_available(&client->stream) > len + MESSAGE_HEADER &&
	       next[0] == MSG_DESCRIBE && next[MESSAGE_HEADER] == 'P';
}

/*
 * A client that was told columns will read rows by them.  So it must not get rows of a server
 * where the statement was prepared after they have changed: PostgreSQL's own error makes drivers
 * prepare anew.
 */
static bool has_old_columns(const struct client *client, const struct name_entry *entry,
			    uint32_t len)
{
	return entry->described && entry->generation != entry->statement->generation &&
	       !describe_follows(client, len);
}

/* What a server that gets the statement only now takes its columns to be. */
static enum step compare_columns(struct client *client, struct name_entry *entry, uint32_t len)
{
	struct server *server = client_server(client);
	uint8_t packet[MESSAGE_HEADER + 1 + STATEMENT_NAME_MAX];
	struct writer writer;

	if (!entry->described || describe_follows(client, len) ||
	    prepare_find(client, entry) == PREPARED_READY)
		return STEP_NEXT;
	if (prepare_ensure(client, entry) != STEP_NEXT)
		return STEP_WAIT;
	writer_init(&writer, packet, sizeof(packet));
	compose_describe(&writer, 'S', entry->statement->name);
	stream_send(&server->stream, packet, (uint32_t)writer.len);
	prepare_owe(client, PENDING_DESCRIBE, PENDING_DROP, MARK_NONE, name_ref(entry));
	return prepare_settle(client);
}

static enum step bind_known(struct client *client, struct name_entry *entry,
			    const struct bind_message *bind, uint32_t len)
{
	uint64_t flags;

	if (compare_columns(client, entry, len) != STEP_NEXT)
		return STEP_WAIT;
	if (has_old_columns(client, entry, len))
		return fail_in_order(client, len, SQLSTATE_FEATURE_NOT_SUPPORTED,
				     "cached plan must not change result type");
	if (prepare_ensure(client, entry) != STEP_NEXT)
		return STEP_WAIT;
	flags = statement_verdict(entry->statement)->flags;
	if ((flags & VERDICT_DEALLOCATE) != 0 &&
	    deallocate_lend(client, entry->statement) != STEP_NEXT)
		return STEP_WAIT;
	entry->statement->uses++;
	client->bound_read = state_note_statement(client, entry->statement);
	client->commits |= (flags & VERDICT_COMMIT) != 0;
	client_server(client)->doubt |= (flags & (VERDICT_DEALLOCATE | VERDICT_DISCARD)) != 0;
	prepare_owe(client, PENDING_BIND, PENDING_FORWARD, MARK_NONE, name_ref(entry));
	return rename_bind(client, bind, entry->statement->name, len);
}

static enum step take_bind(struct client *client, const struct bind_message *bind, uint32_t len)
{
	struct name_entry *entry;

	if (bind->statement[0] == '\0')
		return bind_unnamed(client, len);
	if (!prepare_tracks_names(client)) {
		client->bound_read = false;
		state_note_bound(client_server(client));
		prepare_owe(client, PENDING_BIND, PENDING_FORWARD, MARK_NONE, NULL);
		return forward_whole(client, len);
	}
	if (prepare_find_name(client, bind->statement, &entry) != STEP_NEXT)
		return STEP_WAIT;
	return entry != NULL ? bind_known(client, entry, bind, len)
			     : bind_unknown(client, bind, len);
}

enum step statements_bind(struct client *client, uint32_t len)
{
	uint32_t avail = stream_available(&client->stream);
	struct bind_message bind;
	bool is_tracked;
	enum step step;

	switch (bind_read(stream_data(&client->stream) + MESSAGE_HEADER,
			  (avail < len ? avail : len) - MESSAGE_HEADER, len - MESSAGE_HEADER,
			  &bind)) {
	case PEEK_SHORT:
		if (avail > NAME_MESSAGE_MAX)
			return refuse(client, SQLSTATE_PROGRAM_LIMIT, "statement name is too long");
		stream_want(&client->stream, len < NAME_MESSAGE_MAX ? len : NAME_MESSAGE_MAX + 1);
		return STEP_WAIT;
	case PEEK_BAD:
		return forward_broken(client, len);
	case PEEK_OK:
		break;
	}
	is_tracked = bind.statement[0] != '\0' && prepare_tracks_names(client);
	step = take_bind(client, &bind, len);
	if (step == STEP_NEXT) {
		client->in_batch = true;
		client_pool(client)->stats.binds += is_tracked;
	}
	return step;
}

/* ---- Describe, Close ---- */

static enum step describe_named(struct client *client, const char *target, uint32_t len)
{
	struct server *server = client_server(client);
	uint8_t packet[MESSAGE_HEADER + 1 + STATEMENT_NAME_MAX];
	struct name_entry *entry;
	struct writer writer;

	if (prepare_find_name(client, target, &entry) != STEP_NEXT)
		return STEP_WAIT;
	if (entry == NULL && prepare_is_reserved(target))
		return deny_name(client, target, len);
	if (entry == NULL) {
		prepare_owe(client, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE, NULL);
		return forward_whole(client, len);
	}
	if (prepare_ensure(client, entry) != STEP_NEXT)
		return STEP_WAIT;
	writer_init(&writer, packet, sizeof(packet));
	compose_describe(&writer, 'S', entry->statement->name);
	stream_send(&server->stream, packet, (uint32_t)writer.len);
	prepare_owe(client, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE, name_ref(entry));
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

/* A named statement stays on the server for others: only the client's name for it goes. */
static enum step close_named(struct client *client, const char *name, uint32_t len)
{
	struct name_entry *entry;

	if (prepare_find_name(client, name, &entry) != STEP_NEXT)
		return STEP_WAIT;
	prepare_owe(client, PENDING_CLOSE, PENDING_MAKE_UP, MARK_NONE,
		    entry != NULL ? name_ref(entry) : NULL);
	if (entry != NULL)
		names_close(client->names, entry, client_server(client)->batch);
	stream_skip(&client->stream, len);
	return STEP_NEXT;
}

static enum step describe_unnamed(struct client *client, uint32_t len)
{
	if (ensure_unnamed(client) != STEP_NEXT)
		return STEP_WAIT;
	prepare_owe(client, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

static enum step close_unnamed(struct client *client, uint32_t len)
{
	client_server(client)->unnamed_batch = client_server(client)->batch;
	prepare_owe(client, PENDING_CLOSE, PENDING_FORWARD, MARK_UNNAMED, NULL);
	return forward_whole(client, len);
}

/*
 * The name whose portal the client has just bound; NULL if that was not the last that it said.
 * Drivers that describe it (pgjdbc) read later rows by what they are told.
 */
static struct name_entry *bound_name(const struct pending *pending)
{
	const struct pending_entry *last =
		pending->count > 0 ? pending_at(pending, pending->count - 1) : NULL;

	return last != NULL && last->kind == PENDING_BIND && last->mark == MARK_NONE ? last->subject
										     : NULL;
}

static enum step describe_portal(struct client *client, uint32_t len)
{
	struct name_entry *entry = bound_name(&client_server(client)->pending);

	prepare_owe(client, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE,
		    entry != NULL ? name_ref(entry) : NULL);
	return forward_whole(client, len);
}

static enum step take_target(struct client *client, uint8_t type,
			     const struct target_message *target, uint32_t len)
{
	bool unnamed = target->name[0] == '\0';

	if (target->kind == 'P' && type == MSG_DESCRIBE)
		return describe_portal(client, len);
	if (target->kind != 'S' || !prepare_tracks_names(client)) {
		prepare_owe(client, type == MSG_CLOSE ? PENDING_CLOSE : PENDING_DESCRIBE,
			    PENDING_FORWARD, MARK_NONE, NULL);
		return forward_whole(client, len);
	}
	if (type == MSG_CLOSE)
		return unnamed ? close_unnamed(client, len)
			       : close_named(client, target->name, len);
	return unnamed ? describe_unnamed(client, len) : describe_named(client, target->name, len);
}

enum step statements_target(struct client *client, uint8_t type, uint32_t len)
{
	struct target_message target;
	struct message message;
	enum step step;

	if (len > NAME_MESSAGE_MAX)
		return refuse(client, SQLSTATE_PROGRAM_LIMIT, "name is too long");
	if (!forward_is_whole(client, len))
		return STEP_WAIT;
	message = message_at_head(client, type, len);
	if (!target_read(message.body, message.body_len, &target))
		return forward_broken(client, len);
	step = take_target(client, type, &target, len);
	client->in_batch |= step == STEP_NEXT;
	return step;
}
