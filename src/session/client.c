/* SPDX-License-Identifier: ISC */
/* A connection from an application: its state, its beginning and its end. */
#include "session/client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slab.h"
#include "pool/queue.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "session/cancel.h"
#include "session/keys.h"
#include "session/peer.h"
#include "session/login.h"
#include "session/loss.h"
#include "session/names.h"
#include "session/outside.h"
#include "session/relay.h"
#include "session/replication.h"
#include "session/request.h"
#include "session/timeouts.h"

static struct slab slab;
static struct list states[CLIENT_STATES];
static const struct console_calls *console;

static const char *const state_names[CLIENT_STATES] = {
	[CLIENT_STARTUP] = "startup",	       [CLIENT_AUTH] = "login",
	[CLIENT_WELCOME] = "waiting_login",    [CLIENT_IDLE] = "idle",
	[CLIENT_WAITING] = "waiting",	       [CLIENT_ACTIVE] = "active",
	[CLIENT_REPLICATION] = "active",       [CLIENT_CONSOLE] = "active",
	[CLIENT_CANCEL] = "active_cancel_req", [CLIENT_CLOSED] = "closed",
};

#define TO(state) (1u << (state))
static const unsigned moves[CLIENT_STATES] = {
	[CLIENT_STARTUP] = TO(CLIENT_AUTH) | TO(CLIENT_CANCEL) | TO(CLIENT_CLOSED),
	[CLIENT_AUTH] = TO(CLIENT_WELCOME) | TO(CLIENT_CONSOLE) | TO(CLIENT_CLOSED),
	[CLIENT_WELCOME] = TO(CLIENT_IDLE) | TO(CLIENT_REPLICATION) | TO(CLIENT_CLOSED),
	[CLIENT_IDLE] = TO(CLIENT_ACTIVE) | TO(CLIENT_WAITING) | TO(CLIENT_CLOSED),
	[CLIENT_WAITING] = TO(CLIENT_ACTIVE) | TO(CLIENT_IDLE) | TO(CLIENT_CLOSED),
	[CLIENT_ACTIVE] = TO(CLIENT_IDLE) | TO(CLIENT_WAITING) | TO(CLIENT_CLOSED),
	[CLIENT_REPLICATION] = TO(CLIENT_CLOSED),
	[CLIENT_CONSOLE] = TO(CLIENT_CLOSED),
	[CLIENT_CANCEL] = TO(CLIENT_CLOSED),
	[CLIENT_CLOSED] = 0,
};

const char *client_state_name(enum client_state state)
{
	return state_names[state];
}

bool client_may_become(enum client_state from, enum client_state to)
{
	return (moves[from] & TO(to)) != 0;
}

void client_become(struct client *client, enum client_state state, const char *cause)
{
	enum client_state old = client->state;

#ifdef PGWEIR_DEBUG
	assert(client_may_become(old, state));
#endif
	log_noise(client, "%s -> %s: %s", state_names[old], state_names[state], cause);
	list_remove(&client->node);
	client->state = (uint8_t)state;
	list_append(&states[state], &client->node);
	timeouts_state_changed(client);
}

void clients_init(struct pooler *pooler)
{
	for (int i = 0; i < CLIENT_STATES; i++)
		list_init(&states[i]);
	slab_init(&slab, "client", sizeof(struct client));
	timeouts_init(pooler);
	peers_init(pooler);
	outside_init(pooler);
	pooler->close_clients = clients_close_database;
}

struct list *clients_in(enum client_state state)
{
	return &states[state];
}

unsigned clients_count(void)
{
	unsigned count = 0;

	for (int i = 0; i < CLIENT_CLOSED; i++)
		count += states[i].count;
	return count;
}

struct client *client_find(uint64_t id)
{
	for (int i = 0; i < CLIENT_CLOSED; i++)
		list_for_each(&states[i], node, after)
			if (list_entry(node, struct client, node)->id == id)
				return list_entry(node, struct client, node);
	return NULL;
}

void clients_set_console(const struct console_calls *calls)
{
	console = calls;
}

const struct console_calls *clients_console(void)
{
	return console;
}

void clients_close_database(struct database *database, const char *why)
{
	for (int i = 0; i < CLIENT_CLOSED; i++)
		list_for_each(&states[i], node, after) {
			struct client *client = list_entry(node, struct client, node);

			if (client->database == database || login_uses(client, database))
				client_close(client, SQLSTATE_ADMIN_SHUTDOWN, "%s", why);
		}
}

const char *client_peer_text(const struct client *client, char *buffer, size_t size)
{
	const struct client_peer *peer = &client->peer;
	char address[INET6_ADDRSTRLEN];

	if (peer->family == AF_UNIX) {
		snprintf(buffer, size, "unix(%u):%u", peer->pid, peer->local_port);
		return buffer;
	}
	inet_ntop(peer->family, peer->bytes, address, sizeof(address));
	snprintf(buffer, size, peer->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, peer->port);
	return buffer;
}

void client_local_address(const struct client *client, uint8_t bytes[16])
{
	struct addr local = { .len = sizeof(local) - offsetof(struct addr, sa) };

	memset(bytes, 0, 16);
	if (getsockname(client->stream.fd, &local.sa, &local.len) != 0)
		return;
	addr_unmap(&local);
	if (local.sa.sa_family == AF_INET)
		memcpy(bytes, &local.in.sin_addr, 4);
	else if (local.sa.sa_family == AF_INET6)
		memcpy(bytes, &local.in6.sin6_addr, 16);
}

static const char *database_name(const struct client *client)
{
	if (client->database != NULL)
		return client->database->name;
	return client->state == CLIENT_CONSOLE ? CONSOLE_DATABASE : login_database(client);
}

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct client *client = list_entry(subject, struct client, log);
	char peer[80];

	snprintf(buffer, size, "C-%llu: %s/%s@%s", (unsigned long long)client->id,
		 database_name(client),
		 client->user != NULL ? client->user->name : login_user(client),
		 client_peer_text(client, peer, sizeof(peer)));
}

static void bury(struct task *task)
{
	slab_free(&slab, list_entry(task, struct client, task));
}

static void forget_request(struct client *client)
{
	if (client->kept != NULL)
		chunk_free(client->kept);
	client->kept = NULL;
	free(client->begin);
	client->begin = NULL;
	statement_unref(client->unnamed);
	client->unnamed = NULL;
}

static void leave_pool(struct client *client)
{
	struct pool *pool = client_pool(client);

	queue_leave(&client->holder);
	if (client->state == CLIENT_REPLICATION)
		replication_leave(client);
	else if (client_server(client) != NULL)
		loss_client_leaves(client, client_server(client));
	if (pool == NULL)
		return;
	pool_leave(pool);
	client->holder.pool = NULL;
}

static void leave_limits(struct client *client)
{
	struct database *database = client->database;

	if (client->user != NULL) {
		client->user->clients--;
		pooler_user_left(client->pooler, client->user);
		client->user = NULL;
	}
	if (database == NULL)
		return;
	client->database = NULL;
	database_leave(database);
}

/* Health checks connect and say nothing, or say goodbye before they say who they are. */
static bool is_worth_a_line(const struct client *client, bool told)
{
	return told || (client->state != CLIENT_STARTUP && client->state != CLIENT_CANCEL);
}

/* Everything but the farewell: the client has been told all that it will be told. */
static void end(struct client *client, const char *why, bool told)
{
	enum client_state old = client->state;
	const struct settings *settings = &client->pooler->config->settings;

	if (settings->log_disconnections && is_worth_a_line(client, told))
		log_info(client, "closing because: %s (age=%ds)", why,
			 (int)((clock_now() - client->connected_at) / USEC_PER_SEC));
	if (client->state == CLIENT_CONSOLE)
		console->end(client);
	keys_take_back(client);
	if (client->state == CLIENT_CANCEL && client->carrier != NULL)
		client->carrier->canceled = NULL;
	leave_pool(client);
	client_become(client, CLIENT_CLOSED, why);
	timeouts_forget(client);
	forget_request(client);
	if (old != CLIENT_CONSOLE && old != CLIENT_CANCEL)
		names_free(client->names);
	client->names = NULL;
	login_forget(client);
	leave_limits(client);
	parameters_clear(&client->wanted);
	stream_finish(&client->stream);
	list_remove(&client->node);
	client->task.run = bury;
	loop_bury(client->pooler->loop, &client->task);
}

void client_drop(struct client *client, const char *why)
{
	if (client->state != CLIENT_CLOSED)
		end(client, why, false);
}

/* NULL for `why`: what the client is told. */
static void close_saying(struct client *client, const char *why, const char *sqlstate,
			 const char *fmt, va_list ap)
{
	char text[512];
	struct text packet = { 0 };
	struct writer writer;

	if (client->state == CLIENT_CLOSED)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (sqlstate != NULL) {
		if (client->pooler->config->settings.log_pooler_errors)
			log_warn(client, "pooler error: %s", text);
		writer_init_text(&writer, &packet);
		compose_fatal(&writer, sqlstate, text);
		client_send(client, packet.data, (uint32_t)packet.len);
		text_done(&packet);
	}
	end(client, why != NULL ? why : text, sqlstate != NULL);
}

void client_close(struct client *client, const char *sqlstate, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	close_saying(client, NULL, sqlstate, fmt, ap);
	va_end(ap);
}

void client_close_as(struct client *client, const char *why, const char *sqlstate, const char *fmt,
		     ...)
{
	va_list ap;

	va_start(ap, fmt);
	close_saying(client, why, sqlstate, fmt, ap);
	va_end(ap);
}

void client_send(struct client *client, const void *data, uint32_t len)
{
	stream_send(&client->stream, data, len);
}

void client_error(struct client *client, const char *sqlstate, const char *fmt, ...)
{
	char text[512];
	struct text packet = { 0 };
	struct writer writer;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (client->pooler->config->settings.log_pooler_errors)
		log_warn(client, "pooler error: %s", text);
	writer_init_text(&writer, &packet);
	compose_error(&writer, sqlstate, text);
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

void client_ready(struct client *client)
{
	static const char letters[] = {
		[BLOCK_NONE] = 'I', [BLOCK_DEFERRED] = 'T', [BLOCK_OPEN] = 'T', [BLOCK_LOST] = 'E'
	};
	uint8_t packet[8];
	struct writer writer;

	writer_init(&writer, packet, sizeof(packet));
	compose_ready_for_query(&writer, letters[client->block]);
	client_send(client, packet, (uint32_t)writer.len);
}

void client_resume(struct client *client)
{
	if (client->state != CLIENT_CLOSED)
		loop_post(client->pooler->loop, &client->task);
}

static void on_resume(struct task *task)
{
	struct client *client = list_entry(task, struct client, task);

	if (client->state == CLIENT_REPLICATION)
		replication_run(client);
	else
		request_run(client);
	request_part(client);
}

static void on_input(struct stream *stream)
{
	struct client *client = list_entry(stream, struct client, stream);

	switch ((enum client_state)client->state) {
	case CLIENT_IDLE:
	case CLIENT_ACTIVE:
		request_run(client);
		break;
	case CLIENT_STARTUP:
	case CLIENT_AUTH:
		login_run(client);
		break;
	case CLIENT_REPLICATION:
		replication_run(client);
		break;
	case CLIENT_CONSOLE:
		console->input(client);
		break;
	case CLIENT_CANCEL:
		stream_skip(stream, stream_available(stream));
		break;
	case CLIENT_WELCOME:
	case CLIENT_WAITING:
	case CLIENT_CLOSED:
	case CLIENT_STATES:
		break; /* its input waits with it */
	}
}

static void on_closed(struct stream *stream, int error)
{
	struct client *client = list_entry(stream, struct client, stream);

	if (client->state == CLIENT_CANCEL) {
		cancel_client_left(client);
		return;
	}
	client_drop(client, error == 0 ? "client unexpected eof" : strerror(error));
}

static void on_drained(struct stream *stream)
{
	client_resume(list_entry(stream, struct client, stream));
}

static const struct stream_owner owner = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

uint64_t client_holder_id(const struct holder *holder)
{
	return list_entry(holder, struct client, holder)->id;
}

const struct holder_calls client_calls = {
	.leased = request_leased,
	.limit = timeouts_wait_limit,
	.waits = request_waits,
	.refused = request_refused,
	.replace = request_replace,
	.input = relay_input,
	.lost = loss_server_lost,
	.id = client_holder_id,
};

static void take_peer(struct client_peer *to, int fd, const struct addr *peer,
		      const struct addr *local)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);

	to->family = (uint8_t)local->sa.sa_family;
	to->local_port = addr_port(local);
	if (local->sa.sa_family == AF_INET) {
		memcpy(to->bytes, &peer->in.sin_addr, 4);
		to->port = addr_port(peer);
	} else if (local->sa.sa_family == AF_INET6) {
		memcpy(to->bytes, &peer->in6.sin6_addr, 16);
		to->port = addr_port(peer);
	} else {
		bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0;

		to->uid = known ? (uint32_t)credentials.uid : UID_UNKNOWN;
		to->pid = known ? (uint32_t)credentials.pid : 0;
	}
}

static struct client *take_socket(struct pooler *pooler, int fd, const struct addr *peer,
				  const struct addr *local)
{
	struct client *client = slab_alloc(&slab);

	client->log.describe = describe;
	client->pooler = pooler;
	client->holder.calls = &client_calls;
	client->id = ++pooler->last_id;
	client->connected_at = clock_now();
	client->task.run = on_resume;
	client->state = CLIENT_STARTUP;
	take_peer(&client->peer, fd, peer, local);
	if (client->peer.family == AF_UNIX)
		client->peer.local_port = (uint16_t)pooler->config->settings.listen_port;
	list_append(&states[CLIENT_STARTUP], &client->node);
	stream_open(&client->stream, &pooler->streams, &owner, fd);
	timeouts_state_changed(client);
	return client;
}

void client_accept(struct pooler *pooler, int fd, const struct addr *peer, const struct addr *local)
{
	take_socket(pooler, fd, peer, local);
}

void client_adopt(struct pooler *pooler, int fd, const void *data, uint32_t len)
{
	static const struct addr unnamed = { .len = sizeof(sa_family_t), .un.sun_family = AF_UNIX };
	struct client *client;

	client = take_socket(pooler, fd, &unnamed, &unnamed);
	stream_unread(&client->stream, data, len);
	login_run(client);
}

bool client_is_local(const struct client *client)
{
	return client->peer.family == AF_UNIX && client->peer.uid == (uint32_t)geteuid();
}
