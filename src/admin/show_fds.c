/* SPDX-License-Identifier: ISC */
/*
 * SHOW FDS, with the columns that PgBouncer hands its connections over with.  Here they stay where
 * they are (main/takeover.h), so neither descriptors nor secrets go along.
 */
#include <arpa/inet.h>
#include <string.h>

#include "admin/console.h"
#include "admin/session.h"
#include "admin/show.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "session/client.h"

enum {
	FD_NUMBER,
	FD_TASK,
	FD_USER,
	FD_DATABASE,
	FD_ADDR,
	FD_PORT,
	FD_CANCEL,
	FD_LINK,
	FD_PARAMETER,
	FD_SECRET = FD_PARAMETER + PARAMETERS_MAX,
};

/* An open socket. */
struct fd_row {
	const char *task;
	int fd;
	int link; /* of the other end; 0: none */
	const char *user;
	const char *database;
	struct addr addr;
	uint16_t unix_port; /* that which is in the name of a Unix socket */
	const struct parameters *parameters;
};

static void cell_host(struct cell *cell, const struct addr *addr)
{
	char number[ADDR_TEXT_BYTES];

	if (addr_is_unix(addr))
		cell_text(cell, "unix");
	else
		cell_printf(cell, "%s", addr_number(addr, number, sizeof(number)));
}

static void fd_value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct fd_row *row = data;

	switch (column->arg) {
	case FD_NUMBER:
		cell_integer(cell, row->fd);
		break;
	case FD_TASK:
		cell_text(cell, row->task);
		break;
	case FD_USER:
		cell_text(cell, row->user);
		break;
	case FD_DATABASE:
		cell_text(cell, row->database);
		break;
	case FD_ADDR:
		cell_host(cell, &row->addr);
		break;
	case FD_PORT:
		cell_integer(cell,
			     addr_is_unix(&row->addr) ? row->unix_port : addr_port(&row->addr));
		break;
	case FD_CANCEL:
		cell_integer(cell, 0);
		break;
	case FD_LINK:
		cell_integer(cell, row->link);
		break;
	case FD_SECRET:
		cell_null(cell);
		break;
	default:
		cell_text(cell,
			  parameters_value(row->parameters, (int)(column->arg - FD_PARAMETER)));
	}
}

static void show_listener(void *arg, int fd, const struct addr *addr)
{
	struct show *show = arg;
	struct fd_row row = {
		.task = "pooler",
		.fd = fd,
		.addr = *addr,
		.unix_port = (uint16_t)show->pooler->config->settings.listen_port,
	};

	show->row(show, &row);
}

static void take_peer(struct addr *addr, int fd)
{
	addr->len = sizeof(*addr) - offsetof(struct addr, sa);
	addr->sa.sa_family = AF_UNSPEC;
	if (getpeername(fd, &addr->sa, &addr->len) != 0)
		addr->sa.sa_family = AF_UNSPEC;
}

static void show_client(struct show *show, const struct client *client)
{
	const struct server *server = client_server(client);
	struct fd_row row = {
		.task = "client",
		.fd = client->stream.fd,
		.link = server != NULL ? server->stream.fd : 0,
		.user = client->user != NULL ? client->user->name : NULL,
		.database = client->database != NULL ? client->database->name : NULL,
		.unix_port = client->peer.local_port,
		.parameters = client->wanted,
	};

	take_peer(&row.addr, row.fd);
	show->row(show, &row);
}

static void show_server(struct show *show, const struct server *server)
{
	const struct holder *holder = server->holder;
	struct fd_row row = {
		.task = "server",
		.fd = server->stream.fd,
		.link = holder != NULL ? list_entry(holder, struct client, holder)->stream.fd : 0,
		.user = server->pool->user,
		.database = server->pool->database->name,
		.unix_port = server->at->host->port,
		.parameters = server->parameters,
	};

	take_peer(&row.addr, row.fd);
	show->row(show, &row);
}

static void walk_servers(struct show *show, const struct pool *pool)
{
	static const enum server_state states[] = { SERVER_LEASED, SERVER_IDLE };

	list_for_each(&pool->hosts, host_node, after_host) {
		struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			list_for_each(&at->servers[states[i]], node, after)
				show_server(show, list_entry(node, struct server, node));
	}
}

/* Those that PgBouncer shows: listening, clients with a session, their servers. */
static void walk_fds(struct show *show)
{
	static const enum client_state states[] = { CLIENT_ACTIVE, CLIENT_IDLE, CLIENT_WAITING };

	console_owner()->walk_listeners(console_owner(), show_listener, show);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		list_for_each(clients_in(states[i]), node, after)
			show_client(show, list_entry(node, struct client, node));
	list_for_each(&show->pooler->databases, node, after)
		list_for_each(&list_entry(node, struct database, node)->pools, pool_node,
			      after_pool)
			walk_servers(show, list_entry(pool_node, struct pool, node));
}

static const struct show_column fd_columns[] = {
	{ "fd", OID_INT4, fd_value, FD_NUMBER },
	{ "task", OID_TEXT, fd_value, FD_TASK },
	{ "user", OID_TEXT, fd_value, FD_USER },
	{ "database", OID_TEXT, fd_value, FD_DATABASE },
	{ "addr", OID_TEXT, fd_value, FD_ADDR },
	{ "port", OID_INT4, fd_value, FD_PORT },
	{ "cancel", OID_INT8, fd_value, FD_CANCEL },
	{ "link", OID_INT4, fd_value, FD_LINK },
	{ "client_encoding", OID_TEXT, fd_value, FD_PARAMETER + PARAMETER_CLIENT_ENCODING },
	{ "std_strings", OID_TEXT, fd_value, FD_PARAMETER + PARAMETER_STD_STRINGS },
	{ "datestyle", OID_TEXT, fd_value, FD_PARAMETER + PARAMETER_DATE_STYLE },
	{ "timezone", OID_TEXT, fd_value, FD_PARAMETER + PARAMETER_TIME_ZONE },
	{ "password", OID_TEXT, fd_value, FD_SECRET },
	{ "scram_client_key", OID_BYTEA, fd_value, FD_SECRET },
	{ "scram_server_key", OID_BYTEA, fd_value, FD_SECRET },
};
const struct show_table show_fds = SHOW_TABLE(fd_columns, walk_fds);
