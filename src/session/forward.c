/* SPDX-License-Identifier: ISC */
/*
 * From a client to its server: messages go through as they are, but for the names of prepared
 * statements, which are ours on servers; each is noted with the reply that it makes the server
 * owe (pool/pending.h).
 */
#include "session/forward.h"

#include <string.h>

#include "base/bytes.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/deallocate.h"
#include "session/measure.h"
#include "session/names.h"
#include "session/replies.h"
#include "session/scan.h"
#include "session/state.h"
#include "session/statements.h"
#include "session/timeouts.h"

/* A text that ends a transaction is not longer than this, comments included. */
#define COMMIT_TEXT_MAX 128u

void forward_text(struct server *server, struct text *packet)
{
	stream_send(&server->stream, packet->data, (uint32_t)packet->len);
	text_done(packet);
}

void forward_own_query(struct client *client, const char *sql, enum pending_mark mark)
{
	struct server *server = client_server(client);
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	compose_query(&writer, sql);
	forward_text(server, &packet);
	server->unnamed = server->unnamed_lease = 0; /* a simple query drops it */
	pending_push(&server->pending, PENDING_QUERY, PENDING_DROP, (uint8_t)mark, NULL);
}

void forward_begin(struct client *client)
{
	forward_own_query(client, client->begin, MARK_BEGIN);
	client->block = BLOCK_OPEN;
}

enum step forward_whole(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	uint32_t avail = stream_available(&client->stream);
	uint32_t n = avail < len ? avail : len;

	client->pass = len - n;
	stream_splice(&server->stream, &client->stream, n);
	return STEP_NEXT;
}

bool forward_is_whole(struct client *client, uint32_t len)
{
	if (stream_available(&client->stream) >= len)
		return true;
	stream_want(&client->stream, len);
	return false;
}

void forward_note_commit(struct client *client, const uint8_t *sql, uint32_t len)
{
	struct verdict verdict;

	if (len > COMMIT_TEXT_MAX)
		return;
	verdict = client_classify(client, (const char *)sql, len);
	client->commits |= (verdict.flags & VERDICT_COMMIT) != 0;
}

void forward_made_up(struct client *client, struct server *server)
{
	struct pending_entry *head;

	if (server->pass != 0)
		return; /* it is not to stand inside of a message */
	while ((head = pending_head(&server->pending)) != NULL && head->action == PENDING_MAKE_UP) {
		struct pending_entry entry = pending_pop(&server->pending);

		client_send(client,
			    entry.kind == PENDING_PARSE ? reply_parse_complete
							: reply_close_complete,
			    REPLY_LEN);
		client->answered = true;
		replies_done(client, server, &entry);
	}
}

/*
 * What the query would leave on the server; of a large one its beginning is looked at, and the tags
 * tell of the rest.
 */
static bool note_query(struct client *client, uint32_t len)
{
	uint32_t avail = stream_available(&client->stream);
	uint32_t n = avail < len ? avail : len - 1;

	return n > MESSAGE_HEADER &&
	       state_note_text(client, (const char *)stream_data(&client->stream) + MESSAGE_HEADER,
			       n - MESSAGE_HEADER) &&
	       avail >= len;
}

/*
 * What ends a batch without a Sync makes PostgreSQL 18 lose count of its transactions: a later
 * statement fails with XX000, be it another client's.
 */
static void end_batch(struct client *client)
{
	struct server *server = client_server(client);

	if (client->in_batch && server->at->host->protocol_minor != 0)
		server->spoilt = true;
	client->in_batch = false;
	server->batch++;
}

static enum step forward_query(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	bool answered;
	enum step step;

	if (client->block == BLOCK_OPEN && len <= COMMIT_TEXT_MAX) {
		if (!forward_is_whole(client, len))
			return STEP_WAIT;
		if (len > MESSAGE_HEADER)
			forward_note_commit(client, stream_data(&client->stream) + MESSAGE_HEADER,
					    len - MESSAGE_HEADER - 1);
	}
	if (len <= (uint32_t)client_pool(client)->settings.route_buffer &&
	    !forward_is_whole(client, len))
		return STEP_WAIT;
	if (!pending_owes_client(&server->pending)) /* else one under way is still to be done */
		names_expect(client->names, NULL);
	step = deallocate_answer(client, len, &answered);
	if (step != STEP_NEXT || answered)
		return step;
	end_batch(client);
	pending_push(&server->pending, PENDING_QUERY, PENDING_FORWARD,
		     note_query(client, len) ? MARK_READ : MARK_NONE, NULL);
	return forward_whole(client, len);
}

/* Ends a batch, as Query does. */
static enum step forward_function_call(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);

	if (len >= MESSAGE_HEADER + 4) {
		if (!forward_is_whole(client, MESSAGE_HEADER + 4))
			return STEP_WAIT;
		state_note_function(server,
				    be32_get(stream_data(&client->stream) + MESSAGE_HEADER));
	}
	end_batch(client);
	pending_push(&server->pending, PENDING_FUNCTION, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

/* In copy-in mode the server ignores Sync, so it owes nothing for it. */
static enum step forward_sync(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);

	server->skips = false;
	server->batch++;
	if (server->copy == COPY_NONE || server->copy == COPY_OUT) {
		pending_push(&server->pending, PENDING_SYNC, PENDING_FORWARD, MARK_NONE, NULL);
		client->in_batch = false;
	} else {
		server->ignored = server_add_syncs(server, server->ignored, 1);
	}
	return forward_whole(client, len);
}

static enum step forward_copy_end(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);

	if (server->copy == COPY_IN)
		server->copy = COPY_NONE;
	else if (server->copy == COPY_NONE && !pending_is_empty(&server->pending))
		pending_push(&server->pending, PENDING_COPY_END, PENDING_FORWARD, MARK_NONE, NULL);
	return forward_whole(client, len);
}

/* Asks for what there is, and begins nothing; with a body it is refused, like any that is malformed. */
static enum step forward_flush(struct client *client, uint32_t len)
{
	struct server *server = client_server(client);
	enum step step = forward_whole(client, len);

	if (len != MESSAGE_HEADER && server->copy != COPY_IN) {
		pending_push(&server->pending, PENDING_DESCRIBE, PENDING_FORWARD, MARK_NONE, NULL);
		client->in_batch = true;
	}
	forward_made_up(client, server);
	return step;
}

/* In copy-in mode PostgreSQL takes no other message, and ends the connection over it. */
static bool breaks_copy(const struct server *server, uint8_t type)
{
	return server->copy == COPY_IN && type != MSG_COPY_DATA && type != MSG_COPY_DONE &&
	       type != MSG_COPY_FAIL && type != MSG_SYNC && type != MSG_FLUSH;
}

static void note_begin(struct client *client)
{
	measure_begin(client);
	timeouts_request_began(client, client->in_batch ? clock_now() : client->request_at);
}

static enum step take_message(struct client *client, uint8_t type, uint32_t len)
{
	struct server *server = client_server(client);
	enum step step = STEP_NEXT;

	server->used = true;
	if (server->skips && type != MSG_SYNC) {
		client->pass = len; /* nothing will be answered before Sync */
		client->pass_drop = true;
		return STEP_NEXT;
	}
	if (breaks_copy(server, type))
		return forward_whole(client, len);
	if (type != MSG_FLUSH &&
	    (client->request_at == 0 || !pending_owes_client(&server->pending))) {
		note_begin(client);
		if ((server->left & LEFT_DEFAULTS) != 0)
			state_renew_in_block(client, type, len);
	}
	switch (type) {
	case MSG_QUERY:
		return forward_query(client, len);
	case MSG_PARSE:
		step = statements_parse(client, len);
		break;
	case MSG_BIND:
		step = statements_bind(client, len);
		break;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		step = statements_target(client, type, len);
		break;
	case MSG_EXECUTE:
		client->in_batch = true;
		pending_push(&server->pending, PENDING_EXECUTE, PENDING_FORWARD,
			     client->bound_read ? MARK_READ : MARK_NONE, NULL);
		return forward_whole(client, len);
	case MSG_FUNCTION_CALL:
		return forward_function_call(client, len);
	case MSG_SYNC:
		return forward_sync(client, len);
	case MSG_COPY_DONE:
	case MSG_COPY_FAIL:
		return forward_copy_end(client, len);
	case MSG_FLUSH:
		return forward_flush(client, len);
	default: /* CopyData */
		return forward_whole(client, len);
	}
	return step;
}

/* One that has to wait comes here again. */
enum step forward_message(struct client *client, uint8_t type, uint32_t len)
{
	struct pool *pool = client_pool(client);
	enum step step = take_message(client, type, len);

	if (step == STEP_NEXT)
		pool->stats.received += len;
	return step;
}
