/* SPDX-License-Identifier: ISC */
/*
 * Transaction blocks that no server has.
 *
 * Deferred: BEGIN was answered by us and is sent together with the first statement.  A client
 * that has only said BEGIN holds no server and is not hurt by a failover, and READ ONLY told by
 * SET TRANSACTION right after is seen in time.
 *
 * Lost: the server is gone.  A script that ignores the error must not run the rest of its
 * transaction statement by statement, so everything but the end of the block is refused.
 */
#include "session/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/measure.h"
#include "session/names.h"
#include "session/replies.h"
#include "session/statements.h"

#define ENDS_BLOCK (VERDICT_COMMIT | VERDICT_ROLLBACK)

/* A deferred BEGIN with its SET TRANSACTIONs is not larger than this. */
#define BEGIN_MAX 1024

static void send_complete(struct client *client, const char *tag)
{
	uint8_t packet[64];
	struct writer writer;

	writer_init(&writer, packet, sizeof(packet));
	compose_command_complete(&writer, tag);
	client_send(client, packet, (uint32_t)writer.len);
}

static void finish(struct client *client, const struct request *request, const char *tag)
{
	stream_skip(&client->stream, request->len);
	if (tag != NULL)
		send_complete(client, tag);
	client_ready(client);
}

static bool is_single(const struct verdict *verdict)
{
	return verdict->statements == 1 && (verdict->flags & VERDICT_MULTI) == 0;
}

/* ---- SET pgweir.route ---- */

static bool read_own(const struct request *request, struct directive *directive)
{
	/* Longer than a directive can be with its comments: not worth a look. */
	return request->simple && request->sql != NULL && request->sql_len < 512 &&
	       request->verdict.route != ROUTE_REPLICA &&
	       (request->verdict.flags & VERDICT_WRITE) == 0 &&
	       directive_read(request->sql, request->sql_len, true, directive);
}

static const char *choice_name(uint8_t choice)
{
	static const char *const names[] = { "default", "split",	  "primary",
					     "replica", "prefer-replica", "any" };

	return names[choice];
}

static void show_route(struct client *client)
{
	struct column column = { "pgweir.route", OID_TEXT };
	const char *value = choice_name(client->route);
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	compose_row_description(&writer, &column, 1);
	compose_data_row(&writer, &value, 1);
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

static void answer_own(struct client *client, const struct request *request,
		       const struct directive *directive)
{
	enum route_choice choice = ROUTE_CHOICE_NONE;
	const char *tag = directive->kind == DIRECTIVE_SET     ? "SET"
			  : directive->kind == DIRECTIVE_RESET ? "RESET"
							       : "SHOW";

	if (strcmp(directive->name, "route") != 0) {
		client_error(client, SQLSTATE_UNDEFINED_OBJECT,
			     "unrecognized configuration parameter \"pgweir.%s\"", directive->name);
		finish(client, request, NULL);
		return;
	}
	if (directive->kind == DIRECTIVE_SET) {
		choice = route_choice_find(directive->value, strlen(directive->value));
		if (choice == ROUTE_CHOICE_NONE) {
			client_error(
				client, SQLSTATE_INVALID_PARAMETER,
				"invalid value for parameter \"pgweir.route\": \"%s\"; it takes "
				"split, primary, replica, prefer-replica or any",
				directive->value);
			finish(client, request, NULL);
			return;
		}
	}
	if (directive->kind == DIRECTIVE_SHOW)
		show_route(client);
	else
		client->route = (uint8_t)choice;
	finish(client, request, tag);
}

/* ---- deferred ---- */

static bool may_defer(const struct client *client, const struct request *request)
{
	const struct settings *settings = &client_pool(client)->settings;

	return settings->lazy_begin && settings->pool_mode != POOL_MODE_STATEMENT &&
	       !client->session_state && client->block == BLOCK_NONE && request->simple &&
	       request->len != 0 && request->sql_len < BEGIN_MAX / 2 &&
	       (request->verdict.flags & VERDICT_PLAIN_BEGIN) != 0;
}

static bool changes_modes(const struct client *client, const struct request *request)
{
	return request->simple && is_single(&request->verdict) &&
	       (request->verdict.flags & VERDICT_SET_TRANSACTION) != 0 &&
	       (request->verdict.flags & VERDICT_DOUBT) == 0 &&
	       strlen(client->begin) + request->sql_len + 3 < BEGIN_MAX;
}

static bool deferred_answers(const struct client *client, const struct request *request)
{
	uint64_t flags = request->verdict.flags;

	if (!request->simple || request->len == 0 || !is_single(&request->verdict))
		return false;
	return ((flags & ENDS_BLOCK) != 0 && (flags & VERDICT_CHAIN) == 0) ||
	       (flags & VERDICT_PLAIN_BEGIN) != 0 || changes_modes(client, request);
}

/* The verdict of a plain BEGIN points at its first word. */
static const char *begin_tag(const struct request *request)
{
	const char *word = request->sql + request->verdict.pos;

	return (*word | 0x20) == 's' ? "START TRANSACTION" : "BEGIN";
}

static void defer(struct client *client, const struct request *request)
{
	client->begin = mem_string_n(request->sql, request->sql_len);
	client->begin_flags = (uint32_t)request->verdict.flags;
	client->block = BLOCK_DEFERRED;
	finish(client, request, begin_tag(request));
}

static void warn_begun(struct client *client)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	compose_report(&writer, SEVERITY_WARNING, SQLSTATE_ACTIVE_TX,
		       "there is already a transaction in progress", NULL, NULL);
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/* What we hold back grows by a SET TRANSACTION; later modes win.  It may end with a comment. */
static void add_modes(struct client *client, const struct request *request)
{
	const uint64_t access = VERDICT_TX_RO | VERDICT_TX_RW;
	struct text text = { 0 };

	text_printf(&text, "%s\n;%.*s", client->begin, (int)request->sql_len, request->sql);
	free(client->begin);
	client->begin = text_take(&text);
	if (request->verdict.flags & access)
		client->begin_flags &= (uint32_t)~access;
	client->begin_flags |= (uint32_t)(request->verdict.flags & (access | VERDICT_TX_SER));
	finish(client, request, "SET");
}

static void end_block(struct client *client)
{
	free(client->begin);
	client->begin = NULL;
	client->begin_flags = 0;
	client->block = BLOCK_NONE;
	client->loss_untold = false;
}

static void answer_deferred(struct client *client, const struct request *request)
{
	uint64_t flags = request->verdict.flags;

	if (flags & VERDICT_PLAIN_BEGIN) {
		warn_begun(client);
		finish(client, request, begin_tag(request));
	} else if (flags & ENDS_BLOCK) {
		end_block(client);
		finish(client, request, (flags & VERDICT_COMMIT) != 0 ? "COMMIT" : "ROLLBACK");
	} else {
		add_modes(client, request);
	}
}

/* ---- lost ---- */

static void refuse(struct client *client)
{
	if (client->loss_untold)
		client_error(client, SQLSTATE_CONNECTION_FAILURE,
			     "the server of this transaction was lost; roll back and try again");
	else
		client_error(client, SQLSTATE_IN_FAILED_TX,
			     "current transaction is aborted, commands ignored until end of "
			     "transaction block");
	client->loss_untold = false;
}

static bool only_ends(const struct verdict *verdict)
{
	return is_single(verdict) && (verdict->flags & ENDS_BLOCK) != 0 &&
	       (verdict->flags & VERDICT_PREPARE_TRANSACTION) == 0;
}

/*
 * A client that has not been told must not take the ROLLBACK that answers its COMMIT for success:
 * few look at the tag.
 */
static bool is_untold_commit(const struct client *client, const struct verdict *verdict)
{
	return client->loss_untold && only_ends(verdict) && (verdict->flags & VERDICT_COMMIT) != 0;
}

static void refuse_lost_call(struct client *client, const struct request *request)
{
	refuse(client);
	finish(client, request, NULL);
}

static void answer_lost_query(struct client *client, const struct request *request)
{
	bool untold = is_untold_commit(client, &request->verdict);

	if (untold || !only_ends(&request->verdict)) {
		refuse(client);
		if (untold)
			end_block(client);
		finish(client, request, NULL);
		return;
	}
	end_block(client);
	finish(client, request, "ROLLBACK");
}

/* How a statement ends the block: VERDICT_COMMIT, VERDICT_ROLLBACK, or 0: not at all. */
static uint64_t ending_of(const struct verdict *verdict)
{
	return only_ends(verdict) ? verdict->flags & ENDS_BLOCK : 0;
}

/* The same for the statement that a Bind means. */
static uint64_t statement_ends(const struct client *client, const char *name,
			       const uint64_t *unnamed)
{
	struct name_entry *entry;

	if (name[0] == '\0')
		return *unnamed;
	entry = names_find(client->names, name);
	return entry != NULL ? ending_of(statement_verdict(entry->statement)) : 0;
}

/* ParameterDescription of a statement without any. */
static const uint8_t reply_no_parameters[] = { MSG_PARAMETER_DESCRIPTION, 0, 0, 0, 6, 0, 0 };

/* One message of an extended batch; false: it was refused, the rest is dropped up to Sync. */
static bool answer_lost_message(struct client *client, const struct message *message,
				uint64_t *ends)
{
	struct parse_message parse;
	struct bind_message bind;
	struct target_message target;
	struct verdict verdict;

	switch (message->type) {
	case MSG_PARSE:
		if (!parse_read(message->body, message->body_len, &parse))
			return false;
		verdict = client_classify(client, parse.query, parse.query_len);
		if (ending_of(&verdict) == 0)
			return false;
		if (parse.name_len == 0)
			*ends = ending_of(&verdict);
		else if (!statements_learn(client, &parse, message))
			return false;
		client_send(client, reply_parse_complete, REPLY_LEN);
		return true;
	case MSG_BIND:
		if (bind_read(message->body, message->body_len, message->body_len, &bind) !=
		    PEEK_OK)
			return false;
		*ends = statement_ends(client, bind.statement, ends);
		if (*ends != 0)
			client_send(client, reply_bind_complete, REPLY_LEN);
		return *ends != 0;
	case MSG_DESCRIBE:
		if (!target_read(message->body, message->body_len, &target) ||
		    (target.kind == 'S' ? statement_ends(client, target.name, ends) : *ends) == 0)
			return false;
		if (target.kind == 'S')
			client_send(client, reply_no_parameters, sizeof(reply_no_parameters));
		client_send(client, reply_no_data, REPLY_LEN);
		return true;
	case MSG_EXECUTE:
		if (*ends == 0 || (client->loss_untold && (*ends & VERDICT_COMMIT) != 0))
			return false;
		end_block(client);
		send_complete(client, "ROLLBACK");
		return true;
	case MSG_CLOSE:
		client_send(client, reply_close_complete, REPLY_LEN);
		return true;
	case MSG_FLUSH:
		return true;
	default:
		return false;
	}
}

/* Query and FunctionCall end a batch, and each is a request of its own. */
static bool is_own_request(uint8_t type)
{
	return type == MSG_QUERY || type == MSG_FUNCTION_CALL;
}

/* Up to its Sync, its Flush, or a request that begins without either. */
static void answer_lost_batch(struct client *client)
{
	uint64_t ends = client->unnamed != NULL ? ending_of(statement_verdict(client->unnamed)) : 0;

	while (stream_available(&client->stream) != 0) {
		struct message message;
		bool done;

		if (message_find(stream_data(&client->stream), stream_available(&client->stream),
				 MESSAGE_MAX, &message) != PEEK_OK ||
		    is_own_request(message.type))
			return;
		if (message.type == MSG_SYNC) {
			stream_skip(&client->stream, message.len);
			client_ready(client);
			return;
		}
		if (!answer_lost_message(client, &message, &ends)) {
			bool commit = message.type == MSG_EXECUTE && (ends & VERDICT_COMMIT) != 0;

			refuse(client);
			if (commit)
				end_block(client);
			client->skip_to_sync = true;
			stream_skip(&client->stream, message.len);
			return;
		}
		done = message.type == MSG_FLUSH;
		stream_skip(&client->stream, message.len);
		if (done)
			return;
	}
}

/* Too large to be looked at: it cannot be the end of the block. */
static void refuse_large(struct client *client)
{
	refuse(client);
	if (!is_own_request(stream_data(&client->stream)[0])) {
		client->skip_to_sync = true;
		return;
	}
	client->pass = be32_get(stream_data(&client->stream) + 1) + 1;
	client->pass_drop = true;
	client_ready(client);
}

/* ---- what is ours ---- */

bool block_answers(const struct client *client, const struct request *request)
{
	struct directive directive;

	if (client->block == BLOCK_LOST)
		return true;
	if (database_is_split(client->database) && read_own(request, &directive))
		return true;
	if (client->block == BLOCK_DEFERRED)
		return deferred_answers(client, request);
	return may_defer(client, request);
}

void block_answer(struct client *client, const struct request *request)
{
	struct directive directive;

	measure_begin(client);
	if (request->simple)
		replies_lose_unnamed(client);
	if (database_is_split(client->database) && read_own(request, &directive))
		answer_own(client, request, &directive);
	else if (client->block == BLOCK_DEFERRED)
		answer_deferred(client, request);
	else if (client->block == BLOCK_NONE)
		defer(client, request);
	else if (request->len == 0)
		refuse_large(client);
	else if (request->simple)
		answer_lost_query(client, request);
	else if (stream_data(&client->stream)[0] == MSG_FUNCTION_CALL)
		refuse_lost_call(client, request);
	else
		answer_lost_batch(client);
	if (client->state != CLIENT_CLOSED)
		measure_end(client, client->block == BLOCK_NONE);
}
