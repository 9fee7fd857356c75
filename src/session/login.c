/* SPDX-License-Identifier: ISC */
/* A client's startup packet, and what it asks for. */
#include "session/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/startup.h"
#include "session/auth_query.h"
#include "session/authenticate.h"
#include "session/cancel.h"
#include "session/client.h"
#include "session/outside.h"

/* Refused encryption requests before we lose patience: one of each kind is what clients send. */
#define ENCRYPTION_REQUESTS_MAX 2

const char *login_database(const struct client *client)
{
	const struct client_login *login = client->login;

	return login != NULL && login->database[0] != '\0' ? login->database : "(nodb)";
}

const char *login_user(const struct client *client)
{
	const struct client_login *login = client->login;

	return login != NULL && login->user[0] != '\0' ? login->user : "(nouser)";
}

bool login_uses(const struct client *client, const struct database *database)
{
	const struct auth_query *query = client->login != NULL ? client->login->query : NULL;

	return query != NULL && query->holder.pool != NULL &&
	       query->holder.pool->database == database;
}

void login_forget(struct client *client)
{
	struct client_login *login = client->login;

	if (login == NULL)
		return;
	auth_query_free(login->query);
	outside_free(login->outside);
	verify_done(&login->verify);
	free(login->application_name);
	text_done(&login->server_parameters);
	parameters_clear(&login->startup);
	parameters_clear(&login->startup_key);
	free(login);
	client->login = NULL;
}

/* The console has no settings of its own: whatever a driver sends is fine. */
static bool is_ignored(const struct client *client, const char *name)
{
	return client->login->console ||
	       text_list_has(client->pooler->config->settings.ignore_startup_parameters, name);
}

/* pgweir.route=... in the startup packet's options. */
static bool take_own(struct client *client, const char *name, const char *value)
{
	enum route_choice choice;

	if (strncasecmp(name, "pgweir.", 7) != 0)
		return false;
	choice = strcasecmp(name, "pgweir.route") == 0 ? route_choice_find(value, strlen(value))
						       : ROUTE_CHOICE_NONE;
	if (choice == ROUTE_CHOICE_NONE)
		client_close(
			client, SQLSTATE_INVALID_PARAMETER,
			"invalid value for parameter \"%s\": \"%s\"; pgweir.route takes split, "
			"primary, replica, prefer-replica or any",
			name, value);
	else
		client->route = (uint8_t)choice;
	return true;
}

/*
 * A setting that is to hold for this client.  What ignore_startup_parameters drops is what
 * PgBouncer would refuse: it knows the tracked ones.
 */
static void take_setting(struct client *client, const char *name, const char *value, bool ignored)
{
	int index = parameter_index(name);
	bool shared = index >= 0 && !parameter_is_ours(index) && !parameter_is_told(index);

	if (take_own(client, name, value) || (!shared && (ignored || is_ignored(client, name))))
		return;
	if (!parameters_put(&client->wanted, name, value))
		client_close(client, SQLSTATE_PROGRAM_LIMIT,
			     "too many startup parameters: %d names and %d bytes are the limit",
			     PARAMETERS_EXTRA_MAX, PARAMETERS_EXTRA_BYTES);
}

static void take_options(struct client *client, const char *text)
{
	bool ignored = is_ignored(client, "options");
	struct startup_options options;
	char word[STARTUP_MAX];
	const char *name, *value;

	startup_options_begin(&options, text, word, sizeof(word));
	while (client->state != CLIENT_CLOSED) {
		switch (startup_options_next(&options, &name, &value)) {
		case OPTION_END:
			return;
		case OPTION_SET:
			take_setting(client, name, value, ignored);
			break;
		case OPTION_BAD:
			if (!ignored)
				client_close(client, SQLSTATE_SYNTAX_ERROR,
					     "invalid command-line argument for server process: %s",
					     name);
			return;
		case OPTION_LACKS_VALUE:
			if (!ignored)
				client_close(client, SQLSTATE_SYNTAX_ERROR, "%s%s requires a value",
					     options.word[0] == '-' && options.word[1] == '-'
						     ? "--"
						     : "-c ",
					     name);
			return;
		}
	}
}

static void take_name(struct client *client, char *to, size_t size, const char *value,
		      const char *what)
{
	if (strlen(value) >= size) {
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "%s too long", what);
		return;
	}
	memcpy(to, value, strlen(value) + 1);
}

static void take_parameter(struct client *client, const char *name, const char *value)
{
	struct client_login *login = client->login;

	if (strcmp(name, "user") == 0) {
		take_name(client, login->user, sizeof(login->user), value, "username");
	} else if (strcmp(name, "database") == 0) {
		take_name(client, login->database, sizeof(login->database), value, "database name");
	} else if (strcmp(name, "options") == 0) {
		return; /* read before the others, which go before it */
	} else if (strcmp(name, "replication") == 0) {
		/* Read first of all (take_replication). */
	} else if (strcmp(name, "application_name") == 0) {
		free(login->application_name);
		login->application_name = mem_string(value);
	} else if (!startup_is_protocol_option(name)) {
		take_setting(client, name, value, false);
	}
}

/* As PostgreSQL does it: nobody's log or terminal is to be confused by a name. */
static void clean_name(char *name)
{
	for (; *name != '\0'; name++)
		if (*name < ' ' || *name > '~')
			*name = '?';
}

/* Where it is, for whoever sees only us: the processes of a Unix socket are known by host, too. */
static void whereabouts(const struct client *client, char *buffer, size_t size)
{
	char host[80] = "";

	if (client->peer.family == AF_UNIX) {
		gethostname(host, sizeof(host) - 1);
		snprintf(buffer, size, "unix(%u@%.60s):%u", client->peer.pid, host,
			 client->peer.local_port);
	} else {
		client_peer_text(client, buffer, size);
	}
}

/* application_name, with the client's address if the operator wants to see it at the server. */
static void name_application(struct client *client)
{
	char *name = client->login->application_name;
	char peer[100], text[180];

	if (name != NULL)
		clean_name(name);

	if (client->pooler->config->settings.application_name_add_host) {
		whereabouts(client, peer, sizeof(peer));
		snprintf(text, sizeof(text), "%.60s - %s", name != NULL ? name : "app", peer);
		name = text;
	}
	if (name != NULL)
		parameters_set(&client->wanted, PARAMETER_APPLICATION_NAME, name);
}

/* A replication connection: what the others are told is for its server to judge. */
static bool take_replication(struct client *client, const struct startup *startup)
{
	const char *value = startup_find(startup, "replication");
	enum replication replication = startup_replication(value);

	if (replication == REPLICATION_BAD) {
		client_close(client, SQLSTATE_INVALID_PARAMETER,
			     "invalid value for parameter \"replication\": \"%s\"", value);
		return false;
	}
	client->holder.need.replication = (uint8_t)replication;
	return true;
}

static void keep_for_server(struct client *client, const char *name, const char *value)
{
	struct writer writer;

	if (startup_is_protocol_option(name))
		return;
	writer_init_text(&writer, &client->login->server_parameters);
	startup_param(&writer, name, value);
}

/* pgweir.route in the options of a replication client; the string goes to the server whole. */
static void take_route(struct client *client, const char *text)
{
	struct startup_options options;
	char word[STARTUP_MAX];
	const char *name, *value;

	startup_options_begin(&options, text, word, sizeof(word));
	while (client->state != CLIENT_CLOSED &&
	       startup_options_next(&options, &name, &value) == OPTION_SET)
		take_own(client, name, value);
}

static void take_parameter_for_server(struct client *client, const char *name, const char *value)
{
	static const char *const ours[] = { "user", "database", "application_name", "replication" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0) {
			take_parameter(client, name, value);
			return;
		}
	if (strcmp(name, "options") == 0)
		take_route(client, value);
	keep_for_server(client, name, value);
}

static void send_negotiation(struct client *client, const struct startup *startup)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	startup_negotiate(startup, &writer);
	if (packet.len != 0)
		client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
}

/*
 * As with PgBouncer all connections count, those too that have not logged in, and one too many is
 * refused before it costs anything.  Those of the console and of cancel requests do not count.
 */
static bool is_one_too_many(const struct client *client)
{
	int limit = client->pooler->config->settings.max_client_conn;
	unsigned count = clients_count() - clients_in(CLIENT_CONSOLE)->count -
			 clients_in(CLIENT_CANCEL)->count;

	return limit > 0 && count > (unsigned)limit &&
	       !config_name_is_console(client->login->database);
}

static void take_login(struct client *client, const struct startup *startup)
{
	const char *at = startup->params, *name, *value;
	struct client_login *login = client->login;

	const char *database = startup_find(startup, "database");
	const char *options = startup_find(startup, "options");

	login->minor = startup_minor(startup);
	login->console = database != NULL && config_name_is_console(database);
	if (!take_replication(client, startup))
		return;
	if (client->holder.need.replication == REPLICATION_NONE && options != NULL)
		take_options(client, options);
	while (client->state != CLIENT_CLOSED && startup_next(startup, &at, &name, &value)) {
		if (client->holder.need.replication != REPLICATION_NONE)
			take_parameter_for_server(client, name, value);
		else
			take_parameter(client, name, value);
	}
	if (client->state == CLIENT_CLOSED)
		return;
	if (login->user[0] == '\0') {
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "no username supplied");
		return;
	}
	if (login->database[0] == '\0')
		memcpy(login->database, login->user, strnlen(login->user, DATABASE_NAME_MAX));
	if (is_one_too_many(client)) {
		client_close(client, SQLSTATE_TOO_MANY_CONNECTIONS,
			     "no more connections allowed (max_client_conn)");
		return;
	}
	name_application(client);
	send_negotiation(client, startup);
	client_become(client, CLIENT_AUTH, "startup packet");
	authenticate_begin(client);
}

/* No TLS and no GSSAPI here: the client goes on in plain, or gives up. */
static void refuse_encryption(struct client *client, const struct startup *startup)
{
	stream_skip(&client->stream, startup->len);
	if (stream_available(&client->stream) != 0) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
			     "received unencrypted data after SSL request");
		return;
	}
	if (++client->login->requests > ENCRYPTION_REQUESTS_MAX) {
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "client re-sent startup pkt");
		return;
	}
	client_send(client, "N", 1);
}

static void read_startup(struct client *client)
{
	struct startup startup;

	if (client->login == NULL)
		client->login = mem_zero(sizeof(*client->login));
	switch (startup_read(stream_data(&client->stream), stream_available(&client->stream),
			     &startup)) {
	case STARTUP_SHORT:
		stream_want(&client->stream, STARTUP_MAX);
		break;
	case STARTUP_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "%s", startup.why);
		break;
	case STARTUP_TLS:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
			     "TLS is not enabled: connect with sslmode=disable or prefer");
		break;
	case STARTUP_SSL:
	case STARTUP_GSS:
		refuse_encryption(client, &startup);
		break;
	case STARTUP_CANCEL:
		cancel_begin(client, startup.pid, startup.key, startup.key_len);
		break;
	case STARTUP_LOGIN:
		take_login(client, &startup);
		if (client->state != CLIENT_CLOSED)
			stream_skip(&client->stream, startup.len);
		break;
	case STARTUP_V2:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "old V2 protocol not supported");
		break;
	case STARTUP_VERSION:
		client_close(client, SQLSTATE_FEATURE_NOT_SUPPORTED,
			     "unsupported frontend protocol %u.%u: server supports 3.0 to 3.%u",
			     startup.major, startup.minor, PROTOCOL_MINOR);
	}
}

/* Somebody else is being asked about the client: what it says meanwhile is left for later. */
static bool waits(const struct client_login *login)
{
	return login->query != NULL || (login->outside != NULL && login->outside->asking);
}

void login_run(struct client *client)
{
	while ((client->state == CLIENT_STARTUP || client->state == CLIENT_AUTH) &&
	       stream_available(&client->stream) != 0) {
		uint32_t before = stream_available(&client->stream);
		enum client_state state = client->state;

		if (state == CLIENT_STARTUP)
			read_startup(client);
		else if (!waits(client->login))
			authenticate_input(client);
		if (client->state == state && stream_is_open(&client->stream) &&
		    stream_available(&client->stream) == before)
			return; /* waits for more */
	}
}
