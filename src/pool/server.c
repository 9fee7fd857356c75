/* SPDX-License-Identifier: ISC */
/*
 * One connection to PostgreSQL: its states, its socket, and its input while nobody holds it.
 * While it is leased its holder reads its messages.
 */
#include "pool/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slab.h"
#include "io/socket.h"
#include "pool/connects.h"
#include "pool/database.h"
#include "pool/disuse.h"
#include "pool/login.h"
#include "pool/pool.h"
#include "pool/room.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "proto/tag.h"

/* Messages that we read ourselves are not longer than this; longer ones end the connection. */
#define OWN_MESSAGE_MAX 65536

static struct slab slab;

static const char *const state_names[SERVER_STATES] = {
	[SERVER_CONNECTING] = "connecting",   [SERVER_LOGIN] = "login",
	[SERVER_CANCELING] = "active_cancel", [SERVER_IDLE] = "idle",
	[SERVER_LEASED] = "active",	      [SERVER_CHORES] = "tested",
	[SERVER_HELD] = "being_canceled",     [SERVER_CLOSED] = "closed",
};

#define TO(state) (1u << (state))
static const unsigned moves[SERVER_STATES] = {
	[SERVER_CONNECTING] = TO(SERVER_LOGIN) | TO(SERVER_CLOSED),
	[SERVER_LOGIN] =
		TO(SERVER_IDLE) | TO(SERVER_CHORES) | TO(SERVER_LEASED) | TO(SERVER_CLOSED),
	[SERVER_CANCELING] = TO(SERVER_CLOSED),
	[SERVER_IDLE] = TO(SERVER_LEASED) | TO(SERVER_CHORES) | TO(SERVER_CLOSED),
	[SERVER_LEASED] = TO(SERVER_IDLE) | TO(SERVER_CHORES) | TO(SERVER_HELD) | TO(SERVER_CLOSED),
	[SERVER_CHORES] = TO(SERVER_IDLE) | TO(SERVER_CLOSED),
	[SERVER_HELD] = TO(SERVER_IDLE) | TO(SERVER_CHORES) | TO(SERVER_CLOSED),
	[SERVER_CLOSED] = 0,
};

const char *server_state_name(enum server_state state)
{
	return state_names[state];
}

bool server_may_become(enum server_state from, enum server_state to)
{
	return (moves[from] & TO(to)) != 0;
}

void server_become(struct server *server, enum server_state state, const char *cause)
{
#ifdef PGWEIR_DEBUG
	assert(server_may_become(server->state, state));
#endif
	log_noise(server, "%s -> %s: %s", state_names[server->state], state_names[state], cause);
	list_remove(&server->node);
	server->state = (uint8_t)state;
	if (state != SERVER_CLOSED)
		list_append(&server->at->servers[state], &server->node);
}

int server_age(const struct server *server)
{
	return (int)((clock_now() - server->connected_at) / USEC_PER_SEC);
}

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct server *server = list_entry(subject, struct server, log);

	snprintf(buffer, size, "S-%llu: %s/%s@%s:%u", (unsigned long long)server->id,
		 server->pool->database->name, server->pool->user, server->at->host->name,
		 server->at->host->port);
}

static void bury(struct task *task)
{
	struct server *server = list_entry(task, struct server, burial);

	pending_done(&server->pending);
	slab_free(&slab, server);
}

static void count_connection(struct server *server, int by)
{
	struct pool *pool = server->pool;

	server->at->host->connections += (unsigned)by;
	pool->servers += (unsigned)by;
	pool->database->servers += (unsigned)by;
	pool->database->pooler->servers += (unsigned)by;
	pool->account->servers += (unsigned)by;
	disuse_note_pool(pool);
}

/* A cancel request is carried by a connection of its own; its target waits until that is gone. */
static void end_cancel(struct server *server)
{
	struct server *target = server->target;

	server->target = NULL;
	if (target != NULL)
		server_cancel_ended(target);
	if (server->canceled != NULL)
		server->canceled(server->who);
	server->canceled = NULL;
}

/* The cancels that travel to a server that goes away have no target any more. */
static void orphan_cancels(struct server *server)
{
	if (server->cancels == 0)
		return;
	server_drop_waiting_cancels(server);
	list_for_each(&server->at->servers[SERVER_CANCELING], node, after) {
		struct server *carrier = list_entry(node, struct server, node);

		if (carrier->target == server)
			carrier->lease_number = 0; /* matches no lease: it will send nothing */
		if (carrier->target == server)
			carrier->target = NULL;
	}
	server->cancels = 0;
}

void server_close(struct server *server, const char *why)
{
	struct pool *pool = server->pool;
	bool carries_cancel = server->state == SERVER_CANCELING;

	if (server->state == SERVER_CLOSED)
		return;
	if (server->holder != NULL) {
		struct holder *holder = server->holder;

		holder->calls->lost(holder, server, why);
		pool_detach(server);
	}
	if (!carries_cancel && pool->settings.log_disconnections)
		log_info(server, "closing because: %s (age=%ds)", why, server_age(server));
	if (server->state == SERVER_IDLE) {
		struct writer writer;
		uint8_t farewell[8];

		writer_init(&writer, farewell, sizeof(farewell));
		compose_terminate(&writer);
		stream_send(&server->stream, farewell, (uint32_t)writer.len);
	}
	server_become(server, SERVER_CLOSED, why);
	deadline_clear(&server->deadline);
	deadline_clear(&server->transaction_deadline);
	stream_finish(&server->stream);
	orphan_cancels(server);
	if (carries_cancel) {
		server->at->host->connections -= !server->waits;
		end_cancel(server);
	} else {
		count_connection(server, -1);
	}
	login_free(server);
	parameters_clear(&server->parameters);
	parameters_clear(&server->before);
	parameters_clear(&server->found);
	text_done(&server->named);
	prepared_set_clear(&server->prepared);
	server->burial.run = bury;
	loop_bury(pool->database->pooler->loop, &server->burial);
	pool_wake(pool);
	room_left(pool);
}

void server_abandon(struct server *server, const char *why)
{
	pool_detach(server);
	server_close(server, why);
}

static void set_chores_deadline(struct server *server)
{
	usec_t timeout = server->pool->settings.server_connect_timeout;

	if (timeout > 0)
		deadline_set(&server->pool->connects, &server->deadline, clock_now() + timeout);
}

void server_drain(struct server *server, const char *why)
{
	pool_detach(server);
	server_become(server, SERVER_CHORES, why);
	set_chores_deadline(server);
}

void server_note_parameter(struct server *server, const char *name, const char *value)
{
	int index = parameter_index(name);

	if (server->login != NULL)
		login_note_parameter(server, name, value);
	if (index < 0)
		return;
	if (server->login != NULL)
		server->reported |= 1u << index;
	parameters_set(&server->parameters, index, value);
}

void server_cancel_ended(struct server *server)
{
	assert(server->cancels > 0);
	server->cancels--;
	if (server->state == SERVER_HELD && server->cancels == 0)
		pool_return(server);
}

/*
 * Told to all processes because another one crashed; or found out by one that the postmaster is
 * gone, which PostgreSQL calls a shutdown (be-secure.c).
 */
static bool is_crash(const struct error_fields *fields)
{
	return error_is(fields, SQLSTATE_CRASH_SHUTDOWN) ||
	       (error_is(fields, SQLSTATE_ADMIN_SHUTDOWN) &&
		(strcmp(fields->routine, "secure_read") == 0 ||
		 strcmp(fields->routine, "secure_write") == 0));
}

void server_take_fatal(struct server *server, const struct error_fields *fields)
{
	char why[256];

	if (server->holder != NULL) {
		log_warn(server, "%s: %s (%s)", fields->severity, fields->message,
			 fields->sqlstate);
		memcpy(server->last_words, fields->sqlstate, strnlen(fields->sqlstate, 5));
		host_evidence(server->at->host, EVIDENCE_CONNECTION_LOST);
	}
	if (is_crash(fields))
		host_evidence(server->at->host, EVIDENCE_CRASHED);
	else if (error_is(fields, SQLSTATE_ADMIN_SHUTDOWN))
		host_evidence(server->at->host, EVIDENCE_ADMIN_SHUTDOWN);
	snprintf(why, sizeof(why), "%s (%s)", fields->message, fields->sqlstate);
	server_close(server, why);
}

void server_take_parameter(struct server *server, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *name = reader_cstring(&reader);
	const char *value = reader_cstring(&reader);

	if (!reader.bad)
		server_note_parameter(server, name, value);
}

/* The reset query may have removed the prepared statements. */
static void take_tag(struct server *server, const struct message *message)
{
	switch (tag_read(message->body, message->body_len, NULL)) {
	case TAG_DISCARD_ALL:
		parameters_reset(&server->parameters, server->reported);
		server->left = 0;
		prepared_set_clear(&server->prepared);
		server->named_left = 0;
		break;
	case TAG_DEALLOCATE_ALL:
		prepared_set_clear(&server->prepared);
		server->named_left = 0;
		break;
	default:
		break;
	}
}

/* A connect_query, part of the login, would fail again at once: as bad as no connection. */
static void take_own_error(struct server *server, const struct error_fields *fields)
{
	log_warn(server, "own query failed: %s (%s)", fields->message, fields->sqlstate);
	if (server->login == NULL) {
		server_close(server, "reset or check query failed");
		return;
	}
	server_close(server, "connect_query failed");
	connects_failed(server, fields->sqlstate, fields->message,
			!database_is_split(server->pool->database));
}

/* Replies to our own queries; an error among them costs the connection. */
static void take_own_reply(struct server *server, const struct message *message)
{
	struct error_fields fields;

	switch (message->type) {
	case MSG_PARAMETER_STATUS:
		server_take_parameter(server, message);
		break;
	case MSG_ERROR_RESPONSE:
		if (!error_read(message->body, message->body_len, &fields)) {
			server_close(server, "broken ErrorResponse");
		} else if (error_is_fatal(&fields)) {
			server_take_fatal(server, &fields);
		} else if (server->state == SERVER_CHORES) {
			take_own_error(server, &fields);
		} else {
			server_close(server, "unexpected error while idle");
		}
		break;
	case MSG_READY_FOR_QUERY:
		if (server->strays != 0 && !server->ended) {
			server->strays--; /* our query is still to be answered */
		} else if (server->state != SERVER_CHORES || message->body_len != 1) {
			server_close(server, "unexpected ReadyForQuery");
		} else if (message->body[0] != 'I') {
			server_close(server, "reset or check query left a transaction open");
		} else {
			server->transaction = 'I';
			server->strays = 0;
			server->ended = false;
			login_done(server);
			pool_server_ready(server);
		}
		break;
	case MSG_NOTICE_RESPONSE:
	case MSG_NOTIFICATION_RESPONSE:
		break;
	case MSG_COMMAND_COMPLETE:
		take_tag(server, message);
		server->ended = true;
		break;
	case MSG_EMPTY_QUERY_RESPONSE:
		server->ended = true;
		/* fall through */
	default:
		if (server->state != SERVER_CHORES || !server_may_send(message->type))
			server_close(server, "unexpected message while idle");
	}
}

static void read_own(struct server *server)
{
	enum server_state state = server->state;

	while (server->state == state && stream_available(&server->stream) > 0) {
		struct message message;

		switch (message_find(stream_data(&server->stream),
				     stream_available(&server->stream), OWN_MESSAGE_MAX,
				     &message)) {
		case PEEK_SHORT:
			stream_want(&server->stream, OWN_MESSAGE_MAX);
			return;
		case PEEK_BAD:
			server_close(server, "broken message header");
			return;
		case PEEK_OK:
			take_own_reply(server, &message);
			if (server->state != SERVER_CLOSED)
				stream_skip(&server->stream, message.len);
		}
	}
}

static void on_input(struct stream *stream)
{
	struct server *server = list_entry(stream, struct server, stream);

	switch ((enum server_state)server->state) {
	case SERVER_LEASED:
		server->holder->calls->input(server->holder, server);
		break;
	case SERVER_LOGIN:
		login_input(server);
		break;
	case SERVER_IDLE:
	case SERVER_CHORES:
	case SERVER_HELD:
		read_own(server);
		break;
	case SERVER_CANCELING:
		stream_skip(stream, stream_available(stream));
		break;
	case SERVER_CONNECTING:
	case SERVER_CLOSED:
	case SERVER_STATES:
		break;
	}
}

/* The target still runs what the client wanted to cancel, for the same client. */
static void send_cancel(struct server *server)
{
	struct server *target = server->target;
	uint8_t packet[16 + CANCEL_KEY_MAX];
	struct writer writer;

	if (target == NULL || target->state != SERVER_LEASED ||
	    target->leases != server->lease_number) {
		server_close(server, "nothing to cancel any more");
		return;
	}
	if (pending_runs_ours(&target->pending)) {
		server_close(server, "nothing of the client's to cancel");
		return;
	}
	writer_init(&writer, packet, sizeof(packet));
	compose_cancel_request(&writer, target->pid, target->key, target->key_len);
	stream_send(&server->stream, packet, (uint32_t)writer.len);
}

static void log_connection(const struct server *server)
{
	struct addr local = { .len = sizeof(local) - offsetof(struct addr, sa) };
	char text[ADDR_TEXT_BYTES];

	if (!server->pool->settings.log_connections)
		return;
	if (getsockname(server->stream.fd, &local.sa, &local.len) == 0 && !addr_is_unix(&local))
		log_info(server, "new connection to server (from %s)",
			 addr_text(&local, text, sizeof(text)));
	else
		log_info(server, "new connection to server");
}

static void on_connected(struct stream *stream)
{
	struct server *server = list_entry(stream, struct server, stream);

	if (server->state == SERVER_CANCELING) {
		send_cancel(server);
		return;
	}
	log_connection(server);
	server_become(server, SERVER_LOGIN, "connected");
	login_begin(server);
}

static const char *closing_text(int error, char *buffer, size_t size)
{
	if (error == 0)
		return "server conn crashed?";
	snprintf(buffer, size, "%s", strerror(error));
	return buffer;
}

static void on_closed(struct stream *stream, int error)
{
	struct server *server = list_entry(stream, struct server, stream);
	char why[128];

	switch ((enum server_state)server->state) {
	case SERVER_CONNECTING:
		snprintf(why, sizeof(why), "connect failed: %s", strerror(error));
		host_note_address(server->at->host, &server->address, false);
		host_evidence(server->at->host, error == ETIMEDOUT ? EVIDENCE_CONNECT_TIMEOUT
								   : EVIDENCE_CONNECT_REFUSED);
		connects_failed(server, SQLSTATE_CONNECTION_FAILURE, why, false);
		server_close(server, why);
		break;
	case SERVER_LOGIN:
		host_evidence(server->at->host, EVIDENCE_CONNECTION_LOST);
		connects_failed(server, SQLSTATE_CONNECTION_FAILURE,
				"server closed the connection during login", false);
		server_close(server, closing_text(error, why, sizeof(why)));
		break;
	case SERVER_CANCELING:
		server_close(server, "cancel request delivered");
		break;
	default:
		/* Without a word under a request: hardly the network's doing, and then soon known. */
		host_evidence(server->at->host, pending_is_empty(&server->pending)
							? EVIDENCE_CONNECTION_LOST
							: EVIDENCE_CRASHED);
		server_close(server, closing_text(error, why, sizeof(why)));
	}
}

static const struct stream_owner owner = {
	.on_connected = on_connected,
	.on_input = on_input,
	.on_closed = on_closed,
};

static struct server *server_new(struct pool_host *at, enum server_state state)
{
	struct pooler *pooler = at->pool->database->pooler;
	struct server *server;

	if (slab.name == NULL)
		slab_init(&slab, "server", sizeof(struct server));
	server = slab_alloc(&slab);
	server->log.describe = describe;
	server->pool = at->pool;
	server->at = at;
	server->id = ++pooler->last_id;
	server->connected_at = server->used_at = clock_now();
	server->epoch = at->host->epoch;
	server->transaction = 'I';
	server->stream.fd = -1;
	server->state = (uint8_t)state;
	prepared_set_init(&server->prepared);
	list_append(&at->servers[state], &server->node);
	return server;
}

/* It is us who cannot connect, to whatever host: this says nothing of it. */
static bool is_our_failure(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
	       error == EADDRNOTAVAIL;
}

/* Connects the stream; the errno (and an explanation) if that could not even begin. */
static int begin_connect(struct server *server, const struct addr *addr, char *why, size_t size)
{
	struct host *host = server->at->host;
	struct pooler *pooler = server->pool->database->pooler;
	struct socket_options options = pooler_socket_options(&server->pool->settings);
	int error;

	if (addr == NULL) {
		snprintf(why, size, "server DNS lookup failed: %s",
			 host->cause_text != NULL ? host->cause_text : "no address yet");
		host_evidence(host, EVIDENCE_UNRESOLVED);
		return EHOSTUNREACH;
	}
	server->address = *addr;
	error = stream_connect(&server->stream, &pooler->streams, &owner, addr, &options);
	if (error == 0)
		return 0;
	snprintf(why, size, "connect failed: %s", strerror(error));
	if (!is_our_failure(error)) {
		host_note_address(host, addr, false);
		host_evidence(host, EVIDENCE_CONNECT_REFUSED);
	}
	return error;
}

static void remove_unborn(struct server *server)
{
	list_remove(&server->node);
	slab_free(&slab, server);
}

uint16_t server_add_syncs(struct server *server, uint32_t known, uint32_t more)
{
	if (known + more <= UINT16_MAX)
		return (uint16_t)(known + more);
	server->spoilt = true;
	return UINT16_MAX;
}

void server_set_deadline(struct server *server)
{
	struct pool *pool = server->pool;
	usec_t timeout = server->state == SERVER_CANCELING ? pool->settings.cancel_wait_timeout
							   : pool->settings.server_connect_timeout;

	if (timeout > 0)
		deadline_set(&pool->connects, &server->deadline, server->connected_at + timeout);
	else
		deadline_clear(&server->deadline);
}

struct server *server_connect_for(struct pool_host *at, struct holder *holder)
{
	struct server *server = server_new(at, SERVER_CONNECTING);
	const struct addr *addr = host_next_address(at->host);
	char why[160];
	int error = begin_connect(server, addr, why, sizeof(why));

	cluster_note_connect(at->host);
	if (error != 0) {
		log_warn(server, "closing because: %s (age=0s)", why);
		if (is_our_failure(error))
			connects_postpone(at);
		else
			connects_failed(server, SQLSTATE_CONNECTION_FAILURE, why,
					addr == NULL && !database_is_split(at->pool->database));
		remove_unborn(server);
		return NULL;
	}
	server->intended = holder;
	server->replication = holder != NULL ? holder->need.replication : 0;
	count_connection(server, 1);
	server_set_deadline(server);
	return server;
}

struct server *server_connect(struct pool_host *at)
{
	return server_connect_for(at, NULL);
}

static unsigned count_waiting(const struct pool_host *at)
{
	unsigned count = 0;

	list_for_each(&at->servers[SERVER_CANCELING], node, after)
		count += list_entry(node, struct server, node)->waits;
	return count;
}

static bool may_carry(const struct pool_host *at)
{
	const struct settings *settings = &at->pool->settings;
	unsigned travelling = at->servers[SERVER_CANCELING].count - count_waiting(at);
	unsigned limit = (unsigned)settings->default_pool_size * 2;

	return limit == 0 || travelling == 0 || travelling + pool_host_servers(at) < limit;
}

static bool begin_cancel(struct server *server)
{
	char why[160];

	/* Of several addresses only one has the query. */
	server->waits = begin_connect(server, &server->target->address, why, sizeof(why)) != 0;
	if (server->waits)
		log_warn(server, "cancel request: %s", why);
	else
		server->at->host->connections++;
	return !server->waits;
}

void server_open_cancels(struct pool_host *at)
{
	list_for_each(&at->servers[SERVER_CANCELING], node, after) {
		struct server *server = list_entry(node, struct server, node);

		if (!server->waits)
			continue;
		if (!may_carry(at))
			return;
		if (!begin_cancel(server))
			server_close(server, "cancel request: connect failed");
	}
}

void server_drop_waiting_cancels(struct server *target)
{
	list_for_each(&target->at->servers[SERVER_CANCELING], node, after) {
		struct server *server = list_entry(node, struct server, node);

		if (server->target == target && server->waits)
			server_close(server, "nothing to cancel any more");
	}
}

struct server *server_cancel(struct server *target, void (*canceled)(void *who), void *who)
{
	bool waits = !may_carry(target->at);
	struct server *server;

	if (target->key_len == 0) {
		log_warn(target, "cancel request: the server gave no key");
		return NULL;
	}
	server = server_new(target->at, SERVER_CANCELING);
	server->target = target;
	server->waits = waits;
	if (!waits && !begin_cancel(server)) {
		remove_unborn(server);
		return NULL;
	}
	server->canceled = canceled;
	server->who = who;
	server->lease_number = target->leases;
	target->cancels++;
	server_set_deadline(server);
	return server;
}

void server_run_chores(struct server *server, const char *sql)
{
	struct text message = { 0 };
	struct writer writer;

	if (server->state != SERVER_CHORES)
		server_become(server, SERVER_CHORES, sql);
	server->unnamed = 0; /* a simple query drops it */
	server->ended = false;
	writer_init_text(&writer, &message);
	compose_query(&writer, sql);
	stream_send(&server->stream, message.data, (uint32_t)message.len);
	text_done(&message);
	set_chores_deadline(server);
}
