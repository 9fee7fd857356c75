/* SPDX-License-Identifier: ISC */
/* SHOW CLIENTS, SERVERS and SOCKETS. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "admin/console.h"
#include "admin/show.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "session/cancel.h"
#include "session/client.h"
#include "session/login.h"
#include "session/names.h"

/* A client or a server. */
struct row {
	const struct client *client;
	const struct server *server;
	bool prefixed;		 /* states as in SHOW SOCKETS */
	struct addr peer, local; /* of the server's socket */
};

enum {
	IS_TYPE,
	IS_USER,
	IS_DATABASE,
	IS_REPLICATION,
	IS_STATE,
	IS_ADDR,
	IS_PORT,
	IS_LOCAL_ADDR,
	IS_LOCAL_PORT,
	IS_CONNECT_TIME,
	IS_REQUEST_TIME,
	IS_WAIT,
	IS_WAIT_US,
	IS_CLOSE_NEEDED,
	IS_PTR,
	IS_LINK,
	IS_REMOTE_PID,
	IS_TLS,
	IS_APPLICATION,
	IS_PREPARED,
	IS_ID,
	IS_ZERO,
	IS_AVAILABLE,
	IS_MESSAGE_REST,
	IS_QUEUED,
};

static void cell_address(struct cell *cell, int family, const uint8_t *bytes)
{
	if (family == AF_UNIX)
		cell_text(cell, "unix");
	else
		cell_text(cell, inet_ntop(family, bytes, cell->buffer, sizeof(cell->buffer)));
}

static void stream_value(struct cell *cell, unsigned column, const struct stream *stream,
			 uint32_t rest)
{
	switch (column) {
	case IS_AVAILABLE:
		cell_integer(cell, stream_is_open(stream) ? stream_available(stream) : 0);
		break;
	case IS_MESSAGE_REST:
		cell_integer(cell, rest);
		break;
	case IS_QUEUED:
		cell_integer(cell, stream->out_bytes);
		break;
	default:
		cell_integer(cell, 0);
	}
}

static const char *client_database(const struct client *client)
{
	if (client->state == CLIENT_CONSOLE)
		return CONSOLE_DATABASE;
	if (client->state == CLIENT_CANCEL && client->carrier != NULL)
		return client->carrier->pool->database->name;
	return client->database != NULL ? client->database->name : login_database(client);
}

/* As PgBouncer counts it: since the request began, whether it waits or runs. */
static usec_t client_wait(const struct client *client)
{
	usec_t since = client->request_at != 0 ? client->request_at : client->holder.wait_since;

	return since != 0 ? clock_now() - since : 0;
}

static const char *client_state(const struct client *client, bool prefixed)
{
	switch ((enum client_state)client->state) {
	case CLIENT_STARTUP:
	case CLIENT_AUTH:
		return "login";
	case CLIENT_WELCOME:
	case CLIENT_WAITING:
		return "waiting";
	case CLIENT_ACTIVE:
	case CLIENT_REPLICATION:
		return "active";
	case CLIENT_IDLE:
	case CLIENT_CONSOLE:
		return prefixed ? "active" : "idle"; /* SHOW SOCKETS does not tell them apart */
	case CLIENT_CANCEL:
		return cancel_waits(client) || (client->carrier != NULL &&
						shown_server(client->carrier) == SHOWN_NEW)
			       ? "waiting_cancel_req"
			       : "active_cancel_req";
	case CLIENT_CLOSED:
	case CLIENT_STATES:
		break;
	}
	return "closed";
}

static void client_value(struct cell *cell, unsigned column, const struct row *row)
{
	const struct client *client = row->client;
	const struct client_peer *peer = &client->peer;
	const struct server *server = client_server(client);
	uint8_t local[16];

	switch (column) {
	case IS_TYPE:
		cell_text(cell, "C");
		break;
	case IS_USER:
		cell_text(cell, client->user != NULL ? client->user->name : login_user(client));
		break;
	case IS_DATABASE:
		cell_text(cell, client_database(client));
		break;
	case IS_STATE:
		cell_printf(cell, "%s%s", row->prefixed ? "cl_" : "",
			    client_state(client, row->prefixed));
		break;
	case IS_ADDR:
		cell_address(cell, peer->family, peer->bytes);
		break;
	case IS_PORT:
		cell_integer(cell, peer->family == AF_UNIX ? peer->local_port : peer->port);
		break;
	case IS_LOCAL_ADDR:
		client_local_address(client, local);
		cell_address(cell, peer->family, local);
		break;
	case IS_LOCAL_PORT:
		cell_integer(cell, peer->local_port);
		break;
	case IS_CONNECT_TIME:
		cell_time(cell, client->connected_at);
		break;
	case IS_REQUEST_TIME:
		cell_time(cell, client->connected_at + client->asked * USEC_PER_SEC);
		break;
	case IS_WAIT:
		cell_integer(cell, client_wait(client) / USEC_PER_SEC);
		break;
	case IS_WAIT_US:
		cell_integer(cell, client_wait(client) % USEC_PER_SEC);
		break;
	case IS_LINK:
		cell_text(cell, "");
		if (server != NULL)
			cell_integer(cell, (int64_t)server->id);
		break;
	case IS_REMOTE_PID:
		cell_integer(cell, peer->family == AF_UNIX ? peer->pid : 0);
		break;
	case IS_APPLICATION:
		cell_text(cell, parameters_value(client->wanted, PARAMETER_APPLICATION_NAME));
		if (cell->text == NULL)
			cell_text(cell, "");
		break;
	case IS_PREPARED:
		cell_integer(cell, client_has_names(client) ? names_count(client->names) : 0);
		break;
	case IS_PTR:
	case IS_ID:
		cell_integer(cell, (int64_t)client->id);
		break;
	default:
		stream_value(cell, column, &client->stream, client->pass);
	}
}

enum shown_server shown_server(const struct server *server)
{
	switch ((enum server_state)server->state) {
	case SERVER_IDLE:
		return pool_wants_check(server) ? SHOWN_USED : SHOWN_IDLE;
	case SERVER_LEASED:
		return SHOWN_ACTIVE;
	case SERVER_CHORES:
		return SHOWN_TESTED;
	case SERVER_CANCELING:
		return server->stream.connecting ? SHOWN_NEW : SHOWN_CANCEL;
	case SERVER_HELD:
		return SHOWN_CANCELED;
	case SERVER_CONNECTING:
	case SERVER_LOGIN:
	case SERVER_CLOSED:
	case SERVER_STATES:
		break;
	}
	return SHOWN_NEW;
}

static const char *server_state(const struct server *server, bool prefixed)
{
	static const char *const names[] = {
		[SHOWN_NEW] = "new",
		[SHOWN_IDLE] = "idle",
		[SHOWN_USED] = "used",
		[SHOWN_TESTED] = "tested",
		[SHOWN_ACTIVE] = "active",
		[SHOWN_CANCEL] = "active_cancel",
		[SHOWN_CANCELED] = "being_canceled",
	};
	enum shown_server state = shown_server(server);

	return prefixed && state == SHOWN_NEW ? "login" : names[state];
}

static void cell_addr(struct cell *cell, const struct addr *addr)
{
	if (addr->sa.sa_family == AF_INET)
		cell_address(cell, AF_INET, (const uint8_t *)&addr->in.sin_addr);
	else if (addr->sa.sa_family == AF_INET6)
		cell_address(cell, AF_INET6, (const uint8_t *)&addr->in6.sin6_addr);
	else
		cell_text(cell, "unix");
}

static void server_value(struct cell *cell, unsigned column, const struct row *row)
{
	const struct server *server = row->server;
	const struct holder *holder = server->holder;
	const struct settings *settings = &server->pool->database->pooler->config->settings;

	switch (column) {
	case IS_TYPE:
		cell_text(cell, "S");
		break;
	case IS_USER:
		cell_text(cell, server->pool->user);
		break;
	case IS_DATABASE:
		cell_text(cell, server->pool->database->name);
		break;
	case IS_STATE:
		cell_printf(cell, "%s%s", row->prefixed ? "sv_" : "",
			    server_state(server, row->prefixed));
		break;
	case IS_ADDR:
		cell_addr(cell, &row->peer);
		break;
	case IS_PORT:
		cell_integer(cell, server->at->host->port);
		break;
	case IS_LOCAL_ADDR:
		cell_addr(cell, &row->local);
		break;
	case IS_LOCAL_PORT:
		cell_integer(cell, addr_is_unix(&row->local) ? settings->listen_port
							     : addr_port(&row->local));
		break;
	case IS_CONNECT_TIME:
		cell_time(cell, server->connected_at);
		break;
	case IS_REQUEST_TIME:
		cell_time(cell, server->request_at != 0 ? server->request_at : server->used_at);
		break;
	case IS_CLOSE_NEEDED:
		cell_integer(cell, server->close_needed);
		break;
	case IS_LINK:
		cell_text(cell, "");
		if (holder != NULL)
			cell_integer(cell, (int64_t)holder->calls->id(holder));
		break;
	case IS_REMOTE_PID:
		cell_integer(cell, server->pid);
		break;
	case IS_APPLICATION:
		cell_text(cell, parameters_value(server->parameters, PARAMETER_APPLICATION_NAME));
		if (cell->text == NULL)
			cell_text(cell, "");
		break;
	case IS_PREPARED:
		cell_integer(cell, server->prepared.by_use.count);
		break;
	case IS_PTR:
	case IS_ID:
		cell_integer(cell, (int64_t)server->id);
		break;
	default:
		stream_value(cell, column, &server->stream, server->pass);
	}
}

static void value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct row *row = data;

	if (column->arg == IS_REPLICATION)
		cell_text(cell, replication_name(row->client != NULL
							 ? row->client->holder.need.replication
							 : row->server->replication));
	else if (column->arg == IS_TLS)
		cell_text(cell, "");
	else if (row->client != NULL)
		client_value(cell, column->arg, row);
	else
		server_value(cell, column->arg, row);
}

/* ---- walks ---- */

static void show_client_state(struct show *show, enum client_state state, bool prefixed)
{
	struct row row = { .prefixed = prefixed };

	list_for_each(clients_in(state), node, after) {
		row.client = list_entry(node, struct client, node);
		show->row(show, &row);
	}
}

/* Those that are still logging in are not listed by SHOW CLIENTS. */
static void show_clients_from(struct show *show, enum client_state first, bool prefixed)
{
	for (int state = first; state < CLIENT_CLOSED; state++)
		show_client_state(show, (enum client_state)state, prefixed);
}

static void find_addresses(struct row *row)
{
	int fd = row->server->stream.fd;

	memset(&row->peer, 0, sizeof(row->peer));
	memset(&row->local, 0, sizeof(row->local));
	row->peer.sa.sa_family = row->local.sa.sa_family = AF_UNIX;
	if (!stream_is_open(&row->server->stream) || fd < 0)
		return;
	row->peer.len = row->local.len = sizeof(struct sockaddr_un);
	getpeername(fd, &row->peer.sa, &row->peer.len);
	getsockname(fd, &row->local.sa, &row->local.len);
}

static void walk_pool_servers(struct show *show, const struct pool *pool, unsigned states,
			      bool prefixed)
{
	struct row row = { .prefixed = prefixed };

	list_for_each(&pool->hosts, host_node, after_host) {
		const struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (int state = 0; state < SERVER_CLOSED; state++) {
			if ((states & 1u << state) == 0)
				continue;
			list_for_each(&at->servers[state], node, after) {
				row.server = list_entry(node, struct server, node);
				if (row.server->waits)
					continue;
				find_addresses(&row);
				show->row(show, &row);
			}
		}
	}
}

static void walk_server_states(struct show *show, unsigned states, bool prefixed)
{
	list_for_each(&show->pooler->databases, node, after) {
		const struct database *database = list_entry(node, struct database, node);

		list_for_each(&database->pools, pool_node, after_pool)
			walk_pool_servers(show, list_entry(pool_node, struct pool, node), states,
					  prefixed);
	}
}

static void walk_clients(struct show *show)
{
	show_clients_from(show, CLIENT_WELCOME, false);
}

static void walk_servers(struct show *show)
{
	walk_server_states(show, ~0u, false);
}

static void walk_sockets(struct show *show)
{
	show_clients_from(show, CLIENT_STARTUP, true);
	walk_server_states(show, ~0u, true);
}

static void walk_active_sockets(struct show *show)
{
	show_client_state(show, CLIENT_ACTIVE, true);
	show_client_state(show, CLIENT_REPLICATION, true);
	walk_server_states(show, 1u << SERVER_LEASED, true);
}

#define CONNECTION_COLUMNS                                                                         \
	{ "type", OID_TEXT, value, IS_TYPE }, { "user", OID_TEXT, value, IS_USER },                \
		{ "database", OID_TEXT, value, IS_DATABASE },                                      \
		{ "replication", OID_TEXT, value, IS_REPLICATION },                                \
		{ "state", OID_TEXT, value, IS_STATE }, { "addr", OID_TEXT, value, IS_ADDR },      \
		{ "port", OID_INT4, value, IS_PORT },                                              \
		{ "local_addr", OID_TEXT, value, IS_LOCAL_ADDR },                                  \
		{ "local_port", OID_INT4, value, IS_LOCAL_PORT },                                  \
		{ "connect_time", OID_TEXT, value, IS_CONNECT_TIME },                              \
		{ "request_time", OID_TEXT, value, IS_REQUEST_TIME },                              \
		{ "wait", OID_INT4, value, IS_WAIT }, { "wait_us", OID_INT4, value, IS_WAIT_US },  \
		{ "close_needed", OID_INT4, value, IS_CLOSE_NEEDED },                              \
		{ "ptr", OID_TEXT, value, IS_PTR }, { "link", OID_TEXT, value, IS_LINK },          \
		{ "remote_pid", OID_INT4, value, IS_REMOTE_PID },                                  \
		{ "tls", OID_TEXT, value, IS_TLS },                                                \
		{ "application_name", OID_TEXT, value, IS_APPLICATION },                           \
		{ "prepared_statements", OID_INT4, value, IS_PREPARED },                           \
	{                                                                                          \
		"id", OID_INT4, value, IS_ID                                                       \
	}

static const struct show_column connection_columns[] = {
	CONNECTION_COLUMNS,
};

static const struct show_column socket_columns[] = {
	CONNECTION_COLUMNS,
	{ "recv_pos", OID_INT4, value, IS_AVAILABLE },
	{ "pkt_pos", OID_INT4, value, IS_ZERO },
	{ "pkt_remain", OID_INT4, value, IS_MESSAGE_REST },
	{ "send_pos", OID_INT4, value, IS_ZERO },
	{ "send_remain", OID_INT4, value, IS_QUEUED },
	{ "pkt_avail", OID_INT4, value, IS_AVAILABLE },
	{ "send_avail", OID_INT4, value, IS_QUEUED },
};

const struct show_table show_clients = SHOW_TABLE(connection_columns, walk_clients);
const struct show_table show_servers = SHOW_TABLE(connection_columns, walk_servers);
const struct show_table show_sockets = SHOW_TABLE(socket_columns, walk_sockets);
const struct show_table show_active_sockets = SHOW_TABLE(socket_columns, walk_active_sockets);
