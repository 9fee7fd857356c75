/* SPDX-License-Identifier: ISC */
/*
 * From a server to its client.
 *
 * Rows are skipped by the arithmetic of their headers, over the whole chunk; the messages that
 * answer something are matched with the replies owed (pool/pending.h), and what is to be
 * forwarded goes in one piece as long as nothing in between is dropped or made up.
 *
 *	server's input: |T|D|D|D|C|Z|        `at` runs over it; [0, at) is still to be forwarded
 *
 * While a request can be sent anew, its answer is looked at before any of it is forwarded.
 */
#include "session/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "proto/tag.h"
#include "session/client.h"
#include "session/forward.h"
#include "session/loss.h"
#include "session/measure.h"
#include "session/replies.h"
#include "session/request.h"
#include "session/state.h"
#include "session/timeouts.h"

/* Messages that we must see whole are not longer than this; longer errors are passed unseen. */
#define SEEN_MAX 65536u

#define STATEMENT_MODE_BROKEN "transaction blocks not allowed in statement pooling mode"

/* What is to be done with a message of the server. */
enum relay {
	RELAY_FORWARD,
	RELAY_DROP,
	RELAY_REPLACED, /* dropped; something else was sent in its place, behind what came before */
	RELAY_DONE,	/* the server was given back, or one of the two is gone */
};

/* The run of input that is to be forwarded in one piece. */
struct run {
	struct client *client;
	struct server *server;
	uint32_t at;
	uint32_t max; /* the largest message that may pass */
};

static void flush_run(struct run *run)
{
	if (run->at == 0)
		return;
	client_pool(run->client)->stats.sent += run->at;
	run->client->answered = true;
	stream_splice(&run->client->stream, &run->server->stream, run->at);
	run->at = 0;
}

/* Who has all its answers and waits for none is not hurt. */
static void break_protocol(struct run *run, const char *what)
{
	struct client *client = run->client;
	struct server *server = run->server;
	char why[128];

	snprintf(why, sizeof(why), "server broke the protocol: %s", what);
	log_warn(server, "%s", why);
	flush_run(run);
	if (pending_owes_client(&server->pending) || client->in_batch)
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "%s", why);
	server_close(server, why);
}

/* ---- single messages ---- */

static bool is_dropped(const struct pending_entry *head)
{
	return head != NULL && head->action == PENDING_DROP;
}

/* An injected or a client's Parse, Bind or Close succeeded. */
static enum relay take_complete(struct run *run, enum pending_kind kind)
{
	struct pending_entry *head = pending_head(&run->server->pending);
	struct pending_entry entry;

	if (head == NULL || head->kind != kind) {
		break_protocol(run, "an answer that nobody asked for");
		return RELAY_DONE;
	}
	entry = pending_pop(&run->server->pending);
	replies_done(run->client, run->server, &entry);
	return entry.action == PENDING_DROP ? RELAY_DROP : RELAY_FORWARD;
}

static enum relay take_parameters(struct run *run, const struct message *message)
{
	struct pending_entry *head = pending_head(&run->server->pending);

	if (head != NULL && head->kind == PENDING_DESCRIBE)
		replies_parameters(head, message);
	return is_dropped(head) ? RELAY_DROP : RELAY_FORWARD;
}

/*
 * RowDescription and NoData end a Describe; in a simple query they are part of the answer.  NULL:
 * too long to be looked at.
 */
static enum relay take_description(struct run *run, const struct message *message)
{
	struct pending_entry *head = pending_head(&run->server->pending);
	enum relay relay = is_dropped(head) ? RELAY_DROP : RELAY_FORWARD;

	if (head != NULL && head->kind == PENDING_DESCRIBE) {
		struct pending_entry entry = pending_pop(&run->server->pending);

		replies_described(run->client, run->server, &entry, message);
	}
	return relay;
}

/* CommandComplete, EmptyQueryResponse and PortalSuspended end an Execute. */
static enum relay take_end_of_command(struct run *run, const struct message *message)
{
	struct server *server = run->server;
	struct pending_entry *head = pending_head(&server->pending);
	enum relay relay = is_dropped(head) ? RELAY_DROP : RELAY_FORWARD;

	if (message->type == MSG_COMMAND_COMPLETE &&
	    tag_may_matter(message->body, message->body_len) && relay == RELAY_FORWARD)
		state_note_tag(run->client, server,
			       tag_read(message->body, message->body_len, NULL),
			       head != NULL && head->mark == MARK_READ);
	if (head != NULL && head->kind == PENDING_EXECUTE)
		pending_pop(&server->pending);
	server->copy = COPY_NONE;
	server->ignored = 0;
	server->ended = true;
	return relay;
}

static enum relay take_parameter(struct run *run, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *name = reader_cstring(&reader);
	const char *value = reader_cstring(&reader);
	struct client *client = run->client;
	const char *before;
	int index;

	if (reader.bad) {
		break_protocol(run, "broken ParameterStatus");
		return RELAY_DONE;
	}
	server_note_parameter(run->server, name, value);
	if (database_is_split(client->database) && strcmp(name, "in_hot_standby") == 0)
		return RELAY_DROP;
	index = parameter_index(name);
	if (index < 0)
		return RELAY_FORWARD;
	before = parameters_value(client->wanted, index);
	if (before != NULL && strcmp(before, value) == 0)
		return RELAY_DROP;
	if (!is_dropped(pending_head(&run->server->pending)))
		state_before_change(client, run->server);
	parameters_set(&client->wanted, index, value);
	return RELAY_FORWARD;
}

/* ---- errors ---- */

/*
 * After an error in a batch the server skips all up to Sync, be it a Query: what we expect in
 * between will not come.  After one in a Query it does not.
 */
static void skip_to_sync(struct run *run)
{
	struct pending *pending = &run->server->pending;
	struct pending_entry *head = pending_head(pending);
	bool ran = true;

	if (head != NULL && pending_is_sync(head->kind))
		return;
	for (; head != NULL && head->kind != PENDING_SYNC; head = pending_head(pending)) {
		struct pending_entry entry = pending_pop(pending);

		replies_undo(run->client, run->server, &entry, ran);
		ran = false;
	}
	run->server->skips = head == NULL;
}

/* An error in words of the client's, or one of ours. */
static enum relay word_error(struct run *run, const struct message *message)
{
	struct text packet = { 0 };

	if (!replies_word_error(run->client, pending_head(&run->server->pending), message, &packet))
		return RELAY_FORWARD;
	if (!run->client->replaying) {
		flush_run(run);
		client_send(run->client, packet.data, (uint32_t)packet.len);
	}
	text_done(&packet);
	return RELAY_REPLACED;
}

/* Whoever has asked for read-only transactions hears this from a primary, too. */
static void note_evidence(struct run *run, const struct error_fields *fields)
{
	struct host *host = run->server->at->host;

	if (error_is(fields, SQLSTATE_READ_ONLY_TX) && host->role == ROLE_PRIMARY &&
	    run->server->transaction == 'I' && !run->client->reads &&
	    !parameters_read_only(run->client->wanted))
		host_evidence(host, EVIDENCE_READ_ONLY);
}

/* The error of a query of ours; mostly that the server cannot be made to fit its client. */
static enum relay take_own_error(struct run *run, const struct error_fields *fields)
{
	enum pending_mark mark = pending_head(&run->server->pending)->mark;

	bool canceled = error_is(fields, SQLSTATE_QUERY_CANCELED);

	if (mark == MARK_STATE && canceled && state_asks_again(run->server))
		return RELAY_DROP;
	if (mark == MARK_STATE || mark == MARK_RENEWAL) {
		state_take_error(run->server, fields->message);
		return RELAY_DROP;
	}
	if (canceled) { /* which says nothing of the client */
		server_close(run->server, "a query of ours on it was canceled");
		return RELAY_DONE;
	}
	startups_done(&client_pool(run->client)->startups);
	client_close(run->client, fields->sqlstate, "invalid server parameter: %s",
		     fields->message);
	server_close(run->server, "it cannot be made to fit a client");
	return RELAY_DONE;
}

static enum relay take_error(struct run *run, const struct message *message)
{
	struct pending_entry *head = pending_head(&run->server->pending);
	struct error_fields fields;
	enum relay relay;

	if (!error_read(message->body, message->body_len, &fields)) {
		break_protocol(run, "broken ErrorResponse");
		return RELAY_DONE;
	}
	if (error_is_fatal(&fields)) {
		flush_run(run);
		server_take_fatal(run->server, &fields); /* then see loss_server_lost */
		return RELAY_DONE;
	}
	note_evidence(run, &fields);
	if (head == NULL) {
		break_protocol(run, "an error that nobody asked for");
		return RELAY_DONE;
	}
	run->server->copy = COPY_NONE;
	run->server->ended = true;
	if (head->action == PENDING_DROP && head->kind == PENDING_QUERY)
		return take_own_error(run, &fields);
	relay = word_error(run, message);
	replies_note_error(run->server, head, message);
	skip_to_sync(run);
	if (pending_is_empty(&run->server->pending))
		run->client->in_batch = true; /* the server waits for a Sync */
	return relay;
}

/* ---- ReadyForQuery ---- */

/*
 * What the client will be held to, and what it may expect to see, from now on.  A transaction
 * that never ends has written and shown nothing, so that a lost one does not bind the client to
 * a primary that is gone.
 */
static void note_moments(struct client *client, const struct server *server)
{
	struct need *need = &client->holder.need;

	if (!database_is_split(client->database) ||
	    client_pool(client)->settings.read_consistency != READ_CONSISTENCY_SESSION)
		return;
	if (server->transaction != 'I' && !client->commits) /* COMMIT AND CHAIN ends one, too */
		return;
	if (!client->reads && server->at->host->role != ROLE_REPLICA) {
		need->written = clock_now();
		return;
	}
	need->seen = clock_now();
	need->host = server->at->host;
}

static void note_times(struct client *client, const struct server *server, bool transaction_over)
{
	measure_end(client, transaction_over);
	if (transaction_over)
		timeouts_transaction_ended(client);
	else
		timeouts_transaction_idle(client);
	if (pending_is_empty(&server->pending))
		return;
	/* The next of a pipeline runs by now. */
	measure_begin(client);
	timeouts_request_began(client, client->request_at);
}

/* The client's own view of its transaction block. */
static void note_block(struct client *client, char transaction)
{
	request_forget_kept(client);
	client->must_write = false;
	client->replays = 0;
	client->commits = false;
	free(client->begin);
	client->begin = NULL;
	client->block = transaction == 'I' ? BLOCK_NONE : BLOCK_OPEN;
	if (transaction == 'I')
		client->begin_flags = 0;
}

static enum relay end_replayed_answer(struct run *run)
{
	struct client *client = run->client;

	stream_skip(&run->server->stream, MESSAGE_HEADER + 1);
	client_become(client, CLIENT_IDLE, "the request is sent anew");
	pool_return(run->server);
	loss_replay(client);
	return RELAY_DONE;
}

static bool is_transaction(char transaction)
{
	return transaction == 'I' || transaction == 'T' || transaction == 'E';
}

static bool breaks_statement_mode(const struct client *client, char transaction)
{
	return transaction != 'I' && client_pool(client)->settings.pool_mode == POOL_MODE_STATEMENT;
}

/*
 * Whether it answers a Sync that came in copy-in mode.  If that failed early, the server found the
 * Sync behind it; which of the two it was cannot be told from outside, until something else is
 * answered.
 */
static bool is_stray_ready(const struct server *server, const struct pending_entry *head)
{
	if (head == NULL || !pending_is_sync(head->kind))
		return server->strays + server->ignored != 0;
	return server->strays != 0 && head->kind != PENDING_SYNC && !server->ended;
}

static enum relay take_stray_ready(struct run *run, char transaction)
{
	struct client *client = run->client;
	struct server *server = run->server;

	if (server->strays != 0)
		server->strays--;
	else
		server->ignored--;
	server->transaction = transaction;
	server->skips = server->ended = false;
	if (pending_is_empty(&server->pending))
		client->in_batch = server->pending.open = false;
	note_block(client, transaction);
	return RELAY_FORWARD;
}

static enum relay take_ready(struct run *run, const struct message *message)
{
	struct client *client = run->client;
	struct server *server = run->server;
	struct pending_entry *head = pending_head(&server->pending);
	struct pending_entry entry;
	char transaction = message->body_len == 1 ? (char)message->body[0] : '\0';

	if (is_stray_ready(server, head) && is_transaction(transaction))
		return take_stray_ready(run, transaction);
	if (head == NULL || !pending_is_sync(head->kind) || !is_transaction(transaction)) {
		break_protocol(run, "ReadyForQuery that nobody asked for");
		return RELAY_DONE;
	}
	entry = pending_pop(&server->pending);
	server->strays =
		server_add_syncs(server, server->ended ? 0 : server->strays, server->ignored);
	server->ignored = 0;
	server->ended = false;
	server->transaction = transaction;
	server->copy = COPY_NONE;
	if (transaction == 'I' && server->before != NULL)
		parameters_clear(&server->before);
	if (entry.mark == MARK_STATE)
		state_take_end(client, server);
	if (client->replaying && pending_is_empty(&server->pending) && transaction == 'I')
		return end_replayed_answer(run);
	if (entry.action == PENDING_DROP)
		return RELAY_DROP;
	if (entry.kind == PENDING_QUERY)
		replies_forget_unnamed(client, server);
	if (breaks_statement_mode(client, transaction)) {
		client_close(client, SQLSTATE_FEATURE_NOT_SUPPORTED, STATEMENT_MODE_BROKEN);
		server_close(server, STATEMENT_MODE_BROKEN);
		return RELAY_DONE;
	}
	note_moments(client, server);
	note_times(client, server, transaction == 'I');
	note_block(client, transaction);
	return RELAY_FORWARD;
}

/* A batch whose Sync came too early, and was ignored, goes on until the next one. */
static enum relay take_copy_in(struct run *run)
{
	struct server *server = run->server;
	uint32_t ignored = 0;

	server->copy = COPY_IN;
	server->sent_seen = server->stream.sent;
	if (!pending_is_empty(&server->pending) && !pending_enter_copy(&server->pending, &ignored))
		server->copy = COPY_NONE;
	server->ignored = server_add_syncs(server, server->ignored, ignored);
	if (server->pending.syncs == 0)
		run->client->in_batch = true;
	/* What waited for the command's end belongs into the copy mode, if only to break it. */
	client_resume(run->client);
	return RELAY_FORWARD;
}

static enum relay take_message(struct run *run, const struct message *message)
{
	struct server *server = run->server;
	const struct pending_entry *head = pending_head(&server->pending);

	switch (message->type) {
	case MSG_READY_FOR_QUERY:
		return take_ready(run, message);
	case MSG_ERROR_RESPONSE:
		return take_error(run, message);
	case MSG_PARSE_COMPLETE:
		return take_complete(run, PENDING_PARSE);
	case MSG_BIND_COMPLETE:
		return take_complete(run, PENDING_BIND);
	case MSG_CLOSE_COMPLETE:
		return take_complete(run, PENDING_CLOSE);
	case MSG_PARAMETER_DESCRIPTION:
		return take_parameters(run, message);
	case MSG_ROW_DESCRIPTION:
	case MSG_NO_DATA:
		return take_description(run, message);
	case MSG_COMMAND_COMPLETE:
	case MSG_EMPTY_QUERY_RESPONSE:
	case MSG_PORTAL_SUSPENDED:
		return take_end_of_command(run, message);
	case MSG_PARAMETER_STATUS:
		return take_parameter(run, message);
	case MSG_NOTICE_RESPONSE:
		return is_dropped(head) ? RELAY_DROP : RELAY_FORWARD;
	case MSG_COPY_IN_RESPONSE:
		return take_copy_in(run);
	case MSG_COPY_OUT_RESPONSE:
		server->copy = COPY_OUT;
		return RELAY_FORWARD;
	case MSG_COPY_BOTH_RESPONSE:
		server->copy = COPY_BOTH;
		return RELAY_FORWARD;
	case MSG_NOTIFICATION_RESPONSE:
		return RELAY_FORWARD; /* of a channel of its own, whatever it comes along with */
	case MSG_FUNCTION_CALL_RESPONSE:
		server->ended = true;
		return RELAY_FORWARD;
	case MSG_COPY_DONE:
	case MSG_DATA_ROW:
	case MSG_COPY_DATA:
		if (head != NULL && head->mark == MARK_STATE)
			state_take_row(server, message);
		return is_dropped(head) ? RELAY_DROP : RELAY_FORWARD;
	default:
		break_protocol(run, "an unknown message");
		return RELAY_DONE;
	}
}

/* ---- the input ---- */

/* What may come before an answer shows whether it is an error. */
static bool comes_before_answer(uint8_t type)
{
	switch (type) {
	case MSG_PARSE_COMPLETE:
	case MSG_BIND_COMPLETE:
	case MSG_CLOSE_COMPLETE:
	case MSG_ROW_DESCRIPTION:
	case MSG_PARAMETER_DESCRIPTION:
	case MSG_NO_DATA:
	case MSG_PARAMETER_STATUS:
	case MSG_NOTICE_RESPONSE:
	case MSG_NOTIFICATION_RESPONSE:
		return true;
	default:
		return false;
	}
}

/* Waits for more of an answer, unless there is too much of it already to be held back. */
static bool wait_for_more(struct server *server, uint32_t avail)
{
	if (avail >= SEEN_MAX)
		return true;
	stream_want(&server->stream, avail < SEEN_MAX / 2 ? SEEN_MAX : SEEN_MAX + 1);
	return false;
}

/* The entry that a message answers, the i-th being the next one; what it ends is counted off. */
static const struct pending_entry *answered_by(const struct pending *pending, uint8_t type,
					       uint32_t *i)
{
	const struct pending_entry *entry;

	while (*i < pending->count && pending_at(pending, *i)->action == PENDING_MAKE_UP)
		++*i;
	if (*i == pending->count)
		return NULL;
	entry = pending_at(pending, *i);
	switch (type) {
	case MSG_PARSE_COMPLETE:
	case MSG_BIND_COMPLETE:
	case MSG_CLOSE_COMPLETE:
		++*i;
		break;
	case MSG_ROW_DESCRIPTION:
	case MSG_NO_DATA:
		*i += entry->kind == PENDING_DESCRIBE;
		break;
	case MSG_COMMAND_COMPLETE:
	case MSG_EMPTY_QUERY_RESPONSE:
	case MSG_PORTAL_SUSPENDED:
		*i += entry->kind == PENDING_EXECUTE;
		break;
	}
	return entry;
}

/* Whether an error that came before anything was forwarded is kept from the client. */
static bool is_mended(struct client *client, struct server *server,
		      const struct pending_entry *entry, const struct message *message)
{
	struct error_fields fields;

	return error_read(message->body, message->body_len, &fields) && !error_is_fatal(&fields) &&
	       loss_wants_replay(client, server, &fields,
				 entry != NULL && replies_mends(client, entry, message));
}

/* Its last words, before anything was forwarded: the request may be sent anew. */
static bool is_last(struct server *server, const struct message *message)
{
	struct error_fields fields;

	if (!error_read(message->body, message->body_len, &fields) || !error_is_fatal(&fields))
		return false;
	server_take_fatal(server, &fields);
	return true;
}

/*
 * Whether the answer may begin to be forwarded: it may once it is known that the request will
 * not be sent anew.  For a split database looks through all that has come, since errors tend to
 * come early; else only a statement that has to be prepared anew is at stake, which shows before
 * it runs.
 */
static bool may_begin(struct client *client, struct server *server)
{
	const uint8_t *data = stream_data(&server->stream);
	uint32_t avail = stream_available(&server->stream), at = 0, i = 0;
	bool split = database_is_split(client->database), decided = false;

	for (;;) {
		const struct pending_entry *entry;
		struct message message;

		switch (message_find(data + at, avail - at, MESSAGE_MAX, &message)) {
		case PEEK_OK:
			break;
		case PEEK_SHORT:
			return decided || wait_for_more(server, avail);
		case PEEK_BAD:
			return true;
		}
		at += message.len;
		if (decided && message.type == MSG_DATA_ROW)
			continue;
		entry = answered_by(&server->pending, message.type, &i);
		if (message.type == MSG_ERROR_RESPONSE) {
			client->replaying = is_mended(client, server, entry, &message);
			return decided || !is_last(server, &message);
		}
		if (!comes_before_answer(message.type))
			decided = true;
		if (decided && !split)
			return true;
	}
}

static bool answer_is_withheld(struct client *client, struct server *server)
{
	if (client->kept == NULL || client->answered || client->replaying ||
	    is_dropped(pending_head(&server->pending)))
		return false;
	return !may_begin(client, server);
}

/* Rows and the like, that need no look, and of which a part will do. */
static bool passes_unseen(uint8_t type, uint32_t len)
{
	switch (type) {
	case MSG_DATA_ROW:
	case MSG_COPY_DATA:
		return true;
	case MSG_ROW_DESCRIPTION:
	case MSG_PARAMETER_DESCRIPTION:
	case MSG_ERROR_RESPONSE:
	case MSG_PARAMETER_STATUS:
	case MSG_READY_FOR_QUERY:
	case MSG_COMMAND_COMPLETE:
		return false;
	default:
		return len > SEEN_MAX;
	}
}

/* Too long to be looked at; what it answers is answered all the same. */
static void take_unseen(struct run *run, uint8_t type)
{
	if (type == MSG_ROW_DESCRIPTION) {
		take_description(run, NULL);
	} else if (type == MSG_ERROR_RESPONSE) {
		run->server->copy = COPY_NONE;
		run->server->ended = true;
		skip_to_sync(run);
	}
}

/* A message whose end is not there yet, and which may go through in pieces. */
static void begin_pass(struct run *run, uint8_t type, uint32_t len)
{
	struct server *server = run->server;
	uint32_t avail = stream_available(&server->stream);
	const struct pending_entry *head = pending_head(&server->pending);
	bool drop = run->client->replaying || is_dropped(head);

	if (is_dropped(head) && head->mark == MARK_STATE)
		state_take_error(server, "a value is too long");
	take_unseen(run, type);
	server->pass = len - (avail - run->at);
	server->pass_drop = drop;
	if (drop) {
		flush_run(run);
		stream_skip(&server->stream, stream_available(&server->stream));
		return;
	}
	run->at = avail;
	flush_run(run);
}

static void pass_on(struct run *run)
{
	struct server *server = run->server;
	uint32_t avail = stream_available(&server->stream);
	uint32_t n = avail < server->pass ? avail : server->pass;

	server->pass -= n;
	if (server->pass_drop) {
		stream_skip(&server->stream, n);
	} else {
		client_pool(run->client)->stats.sent += n;
		stream_splice(&run->client->stream, &server->stream, n);
	}
}

/* Rows that are forwarded: as many as are there. */
static void skip_rows(struct run *run, const uint8_t *data, uint32_t avail)
{
	while (avail - run->at >= MESSAGE_HEADER) {
		const uint8_t *p = data + run->at;
		uint32_t len = be32_get(p + 1) + 1;

		if ((*p != MSG_DATA_ROW && *p != MSG_COPY_DATA) || len > avail - run->at ||
		    len > run->max || len < MESSAGE_HEADER)
			return;
		run->at += len;
	}
}

static bool rows_are_forwarded(const struct run *run)
{
	return !run->client->replaying && !is_dropped(pending_head(&run->server->pending));
}

/* The request is sent anew: what would be made up will be then. */
static void undo_made_up(struct client *client, struct server *server)
{
	struct pending_entry *head;

	while ((head = pending_head(&server->pending)) != NULL && head->action == PENDING_MAKE_UP) {
		struct pending_entry entry = pending_pop(&server->pending);

		replies_undo(client, server, &entry, false);
	}
}

/* Handles one whole message; false when there is nothing more to do. */
static bool relay_one(struct run *run, const struct message *message)
{
	enum relay relay = take_message(run, message);
	if (relay == RELAY_DONE)
		return false;
	if (run->client->replaying && relay == RELAY_FORWARD)
		relay = RELAY_DROP;
	if (relay == RELAY_FORWARD) {
		run->at += message->len;
		return true;
	}
	flush_run(run);
	stream_skip(&run->server->stream, message->len);
	return true;
}

/* Rows that we have asked for. */
static bool is_ours(const struct server *server)
{
	const struct pending_entry *head = pending_head(&server->pending);

	return head != NULL && head->mark == MARK_STATE;
}

/* What is made up comes before anything that the server has to say. */
static bool is_made_up(const struct pending_entry *head)
{
	return head != NULL && head->action == PENDING_MAKE_UP;
}

static void make_up(struct run *run)
{
	flush_run(run);
	if (run->client->replaying)
		undo_made_up(run->client, run->server);
	else
		forward_made_up(run->client, run->server);
}

static bool relay_some(struct run *run)
{
	struct server *server = run->server;
	const uint8_t *data = stream_data(&server->stream);
	uint32_t avail = stream_available(&server->stream);
	struct message message;
	uint8_t type;
	uint32_t len;

	if (is_made_up(pending_head(&server->pending))) {
		make_up(run);
		return true;
	}
	if (rows_are_forwarded(run))
		skip_rows(run, data, avail);
	switch (message_peek(data + run->at, avail - run->at, run->max, &type, &len)) {
	case PEEK_BAD:
		break_protocol(run, be32_get(data + run->at + 1) < 4
					    ? "broken message header"
					    : "a message larger than max_packet_size");
		return false;
	case PEEK_SHORT:
		flush_run(run);
		return false;
	case PEEK_OK:
		break;
	}
	if (message_find(data + run->at, avail - run->at, run->max, &message) == PEEK_OK)
		return relay_one(run, &message);
	if (len > SEEN_MAX || (passes_unseen(type, len) && !is_ours(run->server))) {
		begin_pass(run, type, len);
		return false;
	}
	flush_run(run);
	stream_want(&server->stream, len);
	return false;
}

void relay_input(struct holder *holder, struct server *server)
{
	struct client *client = list_entry(holder, struct client, holder);
	struct run run = { client, server, 0, client_message_max(client) };
	bool was_full = pending_is_full(&server->pending);
	bool was_fitting = state_is_fitting(client);

	while (server->holder == holder && stream_available(&server->stream) > run.at) {
		if (server->pass != 0) {
			pass_on(&run);
			continue;
		}
		if (run.at == 0 && answer_is_withheld(client, server))
			return;
		if (!relay_some(&run))
			break;
	}
	if (server->holder != holder)
		return;
	flush_run(&run);
	if (client->replaying)
		return;
	if (was_fitting) {
		client_resume(client); /* with the request that this server was leased for */
		return;
	}
	/* A Flush may have asked for what stands at the head now: nothing more need come. */
	forward_made_up(client, server);
	if (was_full || (client->settles && pending_is_empty(&server->pending))) {
		client->settles = false;
		client_resume(client);
	}
	request_finished(client);
}
