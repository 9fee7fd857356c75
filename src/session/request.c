/* SPDX-License-Identifier: ISC */
/*
 * A client's requests, one after the other: looked through, routed, given a server, sent.
 *
 * A transaction stays where it began; a batch stays whole; everything else is routed anew, also
 * while replies are owed: a pipelined request that this server may not serve waits until they
 * are in.
 */
#include "session/request.h"

#include <string.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/block.h"
#include "session/client.h"
#include "session/forward.h"
#include "session/measure.h"
#include "session/prepare.h"
#include "session/route.h"
#include "session/scan.h"
#include "session/state.h"
#include "session/timeouts.h"

void request_forget_kept(struct client *client)
{
	if (client->kept != NULL)
		chunk_free(client->kept);
	client->kept = NULL;
}

bool request_holds_server(const struct client *client)
{
	const struct server *server = client_server(client);

	return server->transaction != 'I' || !pending_is_empty(&server->pending) ||
	       client->in_batch || server->pending.open || client->pass != 0 ||
	       client->skip_to_sync || server->copy != COPY_NONE || server->pass != 0;
}

static bool keeps_session(const struct client *client)
{
	return client_pool(client)->settings.pool_mode == POOL_MODE_SESSION;
}

/* The message belongs to what went to this server before it. */
static bool is_bound(const struct client *client)
{
	const struct server *server = client_server(client);

	return server != NULL &&
	       (client->in_batch || client->block == BLOCK_OPEN || server->copy != COPY_NONE ||
		server->transaction != 'I' ||
		(!database_is_split(client->database) && pending_owes_client(&server->pending)));
}

/* Sent along with the query that they are for, before the server asked for them. */
static bool is_copy(uint8_t type)
{
	return type == MSG_COPY_DATA || type == MSG_COPY_DONE || type == MSG_COPY_FAIL;
}

/* Of a COPY that is over, and of no request: PostgreSQL ignores it. */
static bool is_late_copy(const struct client *client, uint8_t type)
{
	const struct server *server = client_server(client);

	return is_copy(type) && (server == NULL || (server->copy == COPY_NONE &&
						    !pending_owes_client(&server->pending)));
}

static void give_back(struct client *client)
{
	struct server *server = client_server(client);

	client_become(client, CLIENT_IDLE, "server given back");
	pool_return(server);
}

/* Of an extended batch that can be sent once more. */
static bool may_be_repeated(uint8_t type)
{
	switch (type) {
	case MSG_PARSE:
	case MSG_BIND:
	case MSG_DESCRIBE:
	case MSG_EXECUTE:
	case MSG_CLOSE:
	case MSG_SYNC:
		return true;
	default:
		return false;
	}
}

/*
 * Length of the batch at the head of the input of a client that has prepared statements, so that
 * it can be sent once more should one of them have to be prepared anew.  0: it cannot; MORE: its
 * Sync is not there yet.
 */
static enum scan find_batch(const struct client *client, uint32_t *len)
{
	const uint8_t *data = stream_data(&client->stream);
	uint32_t avail = stream_available(&client->stream), at = 0;
	uint32_t limit = (uint32_t)client_pool(client)->settings.route_buffer;

	*len = 0;
	if (client->names == NULL)
		return SCAN_READY;
	for (;;) {
		uint32_t message_len;
		uint8_t type;

		switch (message_peek(data + at, avail - at, MESSAGE_MAX, &type, &message_len)) {
		case PEEK_SHORT:
			return at + MESSAGE_HEADER <= limit ? SCAN_MORE : SCAN_READY;
		case PEEK_BAD:
			return SCAN_READY;
		case PEEK_OK:
			break;
		}
		if (!may_be_repeated(type) || message_len > limit - at)
			return SCAN_READY;
		if (message_len > avail - at)
			return SCAN_MORE;
		at += message_len;
		if (type == MSG_SYNC) {
			*len = at;
			return SCAN_READY;
		}
	}
}

/* What is remembered of a request that waits for its server, so that it is not looked through again. */
static struct outline outline_of(const struct request *request)
{
	uint64_t flags = request->verdict.flags;
	struct outline outline = {
		.len = request->len,
		.known = true,
		.open = request->open,
		.reads = request->verdict.route == ROUTE_REPLICA,
		.commits = (flags & VERDICT_COMMIT) != 0,
		.begins = (flags & VERDICT_BEGIN) != 0,
		.session = (flags & VERDICT_SESSION) != 0,
	};

	return outline;
}

/*
 * A copy of the request, so that it can be sent to another server if this one fails early.  Not
 * up to a Flush: the client waits for the answer to that part of its batch, however little that
 * answer says, and what follows is not in the copy.
 */
static void keep_request(struct client *client, const struct outline *outline)
{
	uint32_t len = outline->len;

	request_forget_kept(client);
	if (len == 0 || outline->open)
		return;
	client->kept = chunk_new(len);
	memcpy(client->kept->data, stream_data(&client->stream), len);
	client->kept->end = len;
}

static void count_request(struct server *server, bool reads)
{
	if (reads)
		server->at->host->reads++;
	else
		server->at->host->writes++;
}

/* The first request of those that are owed. */
static void note_first(struct client *client, const struct outline *outline)
{
	client->reads = outline->reads;
	client->commits = outline->commits;
	client->begins = outline->begins;
	client->answered = false;
	keep_request(client, outline);
}

/* Another one: what holds for one of those under way is said of all. */
static void note_further(struct client *client, const struct outline *outline)
{
	client->reads &= outline->reads;
	client->commits |= outline->commits;
	request_forget_kept(client);
}

/* The request at the head of the input goes to the server that the client has. */
static enum step start(struct client *client, const struct outline *outline, uint8_t type,
		       uint32_t len)
{
	struct server *server = client_server(client);
	bool first = !pending_owes_client(&server->pending);
	enum step step;

	client->canceled = false;
	if (first)
		note_first(client, outline);
	if (outline->session || !outline->reads)
		client->session_state |= keeps_session(client);
	if (client->block == BLOCK_DEFERRED)
		forward_begin(client);
	step = forward_message(client, type, len);
	if (step != STEP_NEXT)
		return step;
	if (!first)
		note_further(client, outline);
	count_request(server, outline->reads);
	return STEP_NEXT;
}

/* Not the start of a request, and there is no server to send it to: PostgreSQL's answers. */
static bool take_stray(struct client *client, uint8_t type, uint32_t len)
{
	switch (type) {
	case MSG_SYNC:
		if (len != MESSAGE_HEADER)
			return false; /* malformed: PostgreSQL says how */
		stream_skip(&client->stream, len);
		client_ready(client);
		return true;
	case MSG_FLUSH:
		if (len != MESSAGE_HEADER)
			return false;
		stream_skip(&client->stream, len);
		return true;
	default:
		return false;
	}
}

/* What was leased is made to fit; WAIT: the request is sent when it does. */
static enum step fit(struct client *client)
{
	if (!state_fit(client) || !state_is_fitting(client))
		return STEP_NEXT;
	timeouts_request_began(client, client->request_at);
	return STEP_WAIT;
}

static enum step wait_for_lease(struct client *client)
{
	measure_begin(client);
	if (pool_lease(&client->holder) == NULL) {
		client_become(client, CLIENT_WAITING, "no server free");
		return STEP_WAIT;
	}
	client_become(client, CLIENT_ACTIVE, "leased");
	return fit(client);
}

/*
 * The client holds a server that may not serve this need.  With replies owed it waits for them;
 * else it gives the server back and asks for another.
 */
static enum step change_server(struct client *client)
{
	if (request_holds_server(client))
		return STEP_WAIT;
	give_back(client);
	return STEP_NEXT;
}

static enum step begin_scanned(struct client *client, uint8_t type, uint32_t len)
{
	struct outline outline;
	struct request request;
	struct need need;

	switch (request_scan(client, &request)) {
	case SCAN_MORE:
		return STEP_WAIT;
	case SCAN_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message format");
		return STEP_GONE;
	case SCAN_READY:
		break;
	}
	if (block_answers(client, &request) &&
	    (client->state == CLIENT_IDLE || client->block == BLOCK_NONE)) {
		if (client->state == CLIENT_ACTIVE) {
			if (!keeps_session(client) || request_holds_server(client))
				return change_server(client);
		}
		block_answer(client, &request);
		return STEP_NEXT;
	}
	route_decide(client, &request, &need);
	log_debug(client, "%s: %s", need_name(need.kind), verdict_why_name(request.verdict.why));
	outline = outline_of(&request);
	if (client->state == CLIENT_IDLE) {
		client->holder.need = need;
		if (wait_for_lease(client) != STEP_NEXT) {
			client->outline = outline;
			return STEP_WAIT;
		}
	} else if (!pool_server_meets(client_server(client), &need)) {
		return change_server(client);
	}
	return start(client, &outline, type, len);
}

/* A plain database entry: where it goes does not depend on what it says. */
static enum step begin_plain(struct client *client, uint8_t type, uint32_t len)
{
	struct outline outline = { .known = true }; /* a write, for all that is known */

	if (find_batch(client, &outline.len) == SCAN_MORE) {
		stream_want(&client->stream, (uint32_t)client_pool(client)->settings.route_buffer);
		return STEP_WAIT;
	}
	if (client->state == CLIENT_IDLE) {
		memset(&client->holder.need, 0, sizeof(client->holder.need));
		if (wait_for_lease(client) != STEP_NEXT) {
			client->outline = outline;
			return STEP_WAIT;
		}
	}
	return start(client, &outline, type, len);
}

static enum step begin(struct client *client, uint8_t type, uint32_t len)
{
	struct outline outline = client->outline;

	client->outline.known = false;
	if (outline.known && client->state == CLIENT_ACTIVE)
		return start(client, &outline, type, len); /* it waited for this server */
	if (client->state == CLIENT_IDLE && take_stray(client, type, len))
		return STEP_NEXT;
	if (database_is_split(client->database) || client->block == BLOCK_LOST)
		return begin_scanned(client, type, len);
	return begin_plain(client, type, len);
}

static void pass_on(struct client *client)
{
	uint32_t avail = stream_available(&client->stream);
	uint32_t n = avail < client->pass ? avail : client->pass;
	struct server *server = client_server(client);

	client->pass -= n;
	if (client->pass_drop || server == NULL)
		stream_skip(&client->stream, n);
	else
		stream_splice(&server->stream, &client->stream, n);
	if (client->pass == 0)
		client->pass_drop = false;
}

static enum step drop_message(struct client *client, uint32_t len)
{
	client->pass = len;
	client->pass_drop = true;
	return STEP_NEXT;
}

/* We answered an error in an extended batch: the rest of it is not looked at. */
static enum step skip_message(struct client *client, uint8_t type, uint32_t len)
{
	if (type != MSG_SYNC)
		return drop_message(client, len);
	if (len != MESSAGE_HEADER)
		client_error(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message format");
	client->skip_to_sync = false;
	client_ready(client);
	return drop_message(client, len); /* of which not all need be there */
}

static enum step take(struct client *client)
{
	uint32_t max = (uint32_t)client_pool(client)->settings.max_packet_size;
	uint8_t type;
	uint32_t len;

	if (client->pass != 0) {
		pass_on(client);
		return STEP_NEXT;
	}
	switch (message_peek(stream_data(&client->stream), stream_available(&client->stream), max,
			     &type, &len)) {
	case PEEK_SHORT:
		return STEP_WAIT;
	case PEEK_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length");
		return STEP_GONE;
	case PEEK_OK:
		break;
	}
	if (!client_may_send(type) || type == MSG_PASSWORD) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
			     "invalid frontend message type %d", type);
		return STEP_GONE;
	}
	if (type == MSG_QUERY && client_pool(client)->settings.disable_pqexec) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "PQexec disallowed");
		return STEP_GONE;
	}
	if (type == MSG_TERMINATE) {
		client_drop(client, "client close request");
		return STEP_GONE;
	}
	if (client->skip_to_sync)
		return skip_message(client, type, len);
	if (is_late_copy(client, type))
		return drop_message(client, len);
	if (is_bound(client) || is_copy(type))
		return forward_message(client, type, len);
	return begin(client, type, len);
}

static bool takes_input(const struct client *client)
{
	return (client->state == CLIENT_IDLE || client->state == CLIENT_ACTIVE) &&
	       !client->replaying && stream_available(&client->stream) != 0 &&
	       !stream_is_full(&client->stream) && !state_is_fitting(client);
}

/*
 * Whether one more reply may be owed.  If not, what is made up is given, and the rest is asked for:
 * the Sync that would bring it may be behind what is not read.
 */
static bool has_room(struct client *client)
{
	struct server *server = client_server(client);

	if (server == NULL || !pending_is_full(&server->pending) || client->pass != 0)
		return true;
	prepare_settle(client);
	return !pending_is_full(&server->pending);
}

/* What was taken last may be owed nothing, like the rest of a COPY that failed. */
static void rest(struct client *client)
{
	if (client->state == CLIENT_ACTIVE && !request_holds_server(client) &&
	    !keeps_session(client))
		give_back(client);
}

void request_run(struct client *client)
{
	while (takes_input(client) && has_room(client)) {
		enum step step = take(client);

		if (step == STEP_GONE)
			return;
		if (step == STEP_WAIT)
			break;
	}
	rest(client);
}

void request_leased(struct holder *holder, struct server *server)
{
	struct client *client = list_entry(holder, struct client, holder);

	(void)server;
	client_become(client, CLIENT_ACTIVE, "leased");
	fit(client);
	request_run(client);
}

/* The request that waited is answered with an error; the client stays. */
static void refuse_request(struct client *client, const char *sqlstate, const char *text)
{
	uint8_t type = 0;
	uint32_t len = 0;

	client_become(client, CLIENT_IDLE, text);
	measure_drop(client, client->block == BLOCK_NONE);
	client->must_write = false;
	client->replays = 0;
	client_error(client, sqlstate, "%s", text);
	if (client->block == BLOCK_DEFERRED)
		client->block = BLOCK_LOST;
	if (stream_available(&client->stream) == 0 ||
	    message_peek(stream_data(&client->stream), stream_available(&client->stream),
			 MESSAGE_MAX, &type, &len) != PEEK_OK)
		return;
	if (type == MSG_QUERY || type == MSG_FUNCTION_CALL) {
		client->pass = len;
		client->pass_drop = true;
		client_ready(client);
	} else {
		client->skip_to_sync = true;
	}
	client_resume(client);
}

void request_waits(struct holder *holder)
{
	struct client *client = list_entry(holder, struct client, holder);
	struct text packet = { 0 };
	struct writer writer;

	if (client->state != CLIENT_WAITING)
		return; /* before the greeting there are no notices */
	writer_init_text(&writer, &packet);
	compose_notice(&writer, "No server connection available in postgres backend, "
				"client being queued");
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

void request_refused(struct holder *holder, bool final, const char *sqlstate, const char *text)
{
	struct client *client = list_entry(holder, struct client, holder);

	if (final || client->state != CLIENT_WAITING)
		client_close(client, sqlstate, "%s", text);
	else
		refuse_request(client, sqlstate, text);
}

/*
 * Who holds a server for its whole session would keep one that is to be replaced for ever.
 */
void request_part(struct client *client)
{
	const struct server *server = client_server(client);

	if (client->state == CLIENT_ACTIVE && server->close_needed && keeps_session(client) &&
	    client_pool(client)->settings.server_fast_close && !request_holds_server(client))
		client_close(client, SQLSTATE_ADMIN_SHUTDOWN, "database configuration changed");
}

/* In its own time: this is the operator's. */
void request_replace(struct holder *holder)
{
	client_resume(list_entry(holder, struct client, holder));
}

/* In session pooling with splitting a client may leave a replica, which it left no state on. */
void request_finished(struct client *client)
{
	if (client->state != CLIENT_ACTIVE ||
	    (client_server(client)->left != 0 && state_settle(client)))
		return;
	if (request_holds_server(client)) {
		/* It waited for another server, and belongs to the block that has begun. */
		if (stream_available(&client->stream) != 0 &&
		    pending_is_empty(&client_server(client)->pending))
			client_resume(client);
		return;
	}
	if (!keeps_session(client)) {
		give_back(client);
	} else if (client_server(client)->close_needed) {
		request_part(client);
		if (client->state == CLIENT_CLOSED)
			return;
	}
	if (stream_available(&client->stream) != 0)
		client_resume(client);
}
