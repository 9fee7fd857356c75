/* SPDX-License-Identifier: ISC */
/* A client's login: from its first packet to its first ReadyForQuery. */
#include "session/login.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "auth/verify.h"
#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "proto/startup.h"
#include "session/cancel.h"
#include "session/client.h"

#define DATABASE_NAME_MAX 63
#define USER_NAME_MAX 127

/* What is only needed until the client is logged in. */
struct client_login {
	char database[DATABASE_NAME_MAX + 1];
	char user[USER_NAME_MAX + 1];
	char *application_name;
	struct verify verify;
	uint16_t minor;
	bool console;
	bool console_admin;
	uint8_t requests;
};

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

void login_forget(struct client *client)
{
	struct client_login *login = client->login;

	if (login == NULL)
		return;
	verify_done(&login->verify);
	free(login->application_name);
	free(login);
	client->login = NULL;
}

/* ---- the startup packet ---- */

static bool is_ignored(const struct client *client, const char *name)
{
	return text_list_has(client->pooler->config->settings.ignore_startup_parameters, name);
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

/* A setting that is to hold for this client; false if it is none that we can keep. */
static bool take_setting(struct client *client, const char *name, const char *value)
{
	int index = parameter_index(name);

	if (index < 0)
		return false;
	parameters_set(&client->wanted, index, value);
	return true;
}

static void take_options(struct client *client, const char *options)
{
	char buffer[1024];
	const char *at = options, *name, *value;

	for (;;) {
		switch (startup_option_next(&at, buffer, sizeof(buffer), &name, &value)) {
		case OPTION_END:
			return;
		case OPTION_BAD:
			if (!is_ignored(client, "options"))
				client_close(client, SQLSTATE_INVALID_PARAMETER,
					     "unsupported options startup parameter: only '-c "
					     "config=val' and '--config=val' are allowed");
			return;
		case OPTION_SET:
			if (!take_own(client, name, value) && !take_setting(client, name, value) &&
			    !is_ignored(client, name) && !is_ignored(client, "options"))
				client_close(client, SQLSTATE_UNDEFINED_OBJECT,
					     "unsupported startup parameter in options: %s", name);
		}
		if (client->state == CLIENT_CLOSED)
			return;
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
		take_options(client, value);
	} else if (strcmp(name, "replication") == 0) {
		if (startup_replication(value) != REPLICATION_NONE)
			client_close(client, SQLSTATE_FEATURE_NOT_SUPPORTED,
				     "replication connections are not supported: connect to the "
				     "host itself");
	} else if (strcmp(name, "application_name") == 0) {
		free(login->application_name);
		login->application_name = mem_string(value);
	} else if (!startup_is_protocol_option(name) && !take_setting(client, name, value) &&
		   !is_ignored(client, name)) {
		client_close(client, SQLSTATE_UNDEFINED_OBJECT, "unsupported startup parameter: %s",
			     name);
	}
}

/* application_name, with the client's address if the operator wants to see it at the server. */
static void name_application(struct client *client)
{
	const char *name = client->login->application_name;
	char peer[80], text[160];

	if (client->pooler->config->settings.application_name_add_host) {
		snprintf(text, sizeof(text), "%.60s - %s", name != NULL ? name : "app",
			 client_peer_text(client, peer, sizeof(peer)));
		name = text;
	}
	if (name != NULL)
		parameters_set(&client->wanted, PARAMETER_APPLICATION_NAME, name);
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

static void begin_auth(struct client *client);

static void take_login(struct client *client, const struct startup *startup)
{
	const char *at = startup->params, *name, *value;
	struct client_login *login = client->login;

	login->minor = startup_minor(startup);
	while (client->state != CLIENT_CLOSED && startup_next(startup, &at, &name, &value))
		take_parameter(client, name, value);
	if (client->state == CLIENT_CLOSED)
		return;
	if (login->user[0] == '\0') {
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "no username supplied");
		return;
	}
	if (login->database[0] == '\0')
		memcpy(login->database, login->user, strnlen(login->user, DATABASE_NAME_MAX));
	name_application(client);
	send_negotiation(client, startup);
	client_become(client, CLIENT_AUTH, "startup packet");
	begin_auth(client);
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

/* ---- who it is ---- */

static void enter(struct client *client);

static void auth_step(struct client *client, enum auth_step step, struct text *packet)
{
	struct verify *verify = &client->login->verify;

	if (packet->len != 0)
		client_send(client, packet->data, (uint32_t)packet->len);
	switch (step) {
	case AUTH_MORE:
		break;
	case AUTH_OK:
		enter(client);
		break;
	case AUTH_FAILED:
	case AUTH_ELSEWHERE:
		if (verify->detail != NULL)
			log_info(client, "login refused: %s", verify->detail);
		client_close(client,
			     verify->sqlstate != NULL ? verify->sqlstate
						      : SQLSTATE_INVALID_PASSWORD,
			     "%s", verify->message);
	}
	text_done(packet);
}

static enum auth_method method_of(enum auth_type type)
{
	switch (type) {
	case AUTH_TYPE_ANY:
		return METHOD_ANY;
	case AUTH_TYPE_TRUST:
		return METHOD_TRUST;
	case AUTH_TYPE_PLAIN:
		return METHOD_PLAIN;
	case AUTH_TYPE_MD5:
		return METHOD_MD5;
	case AUTH_TYPE_SCRAM:
		return METHOD_SCRAM;
	}
	return METHOD_REJECT;
}

/* The user of this very process, over the Unix socket, is the operator. */
static bool is_local_operator(const struct client *client)
{
	const char *user = client->login->user;

	return client->peer.family == AF_UNIX && client->peer.uid == (uint32_t)geteuid() &&
	       (strcmp(user, "pgbouncer") == 0 || strcmp(user, "pgweir") == 0);
}

static bool enters_console(struct client *client)
{
	struct client_login *login = client->login;
	const struct console_calls *console = clients_console();

	login->console = config_name_is_console(login->database);
	if (!login->console)
		return false;
	if (console == NULL || !console->may_enter(client, login->user, is_local_operator(client),
						   &login->console_admin))
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "not allowed");
	return true;
}

static void begin_auth(struct client *client)
{
	struct client_login *login = client->login;
	struct secret *secret = secrets_find(&client->pooler->secrets, login->user);
	enum auth_method method = method_of(client->pooler->config->settings.auth_type);
	struct text packet = { 0 };
	struct writer writer;
	enum auth_step step;

	if (client->pooler->config->settings.log_connections)
		log_info(client, "login attempt: db=%s user=%s tls=no replication=no",
			 login->database, login->user);
	if (client->pooler->shutting_down && !config_name_is_console(login->database)) {
		client_close(client, SQLSTATE_CANNOT_CONNECT_NOW, "pooler is shutting down");
		return;
	}
	if (enters_console(client)) {
		if (client->state == CLIENT_CLOSED)
			return;
		if (is_local_operator(client))
			method = METHOD_ANY;
	}
	writer_init_text(&writer, &packet);
	step = verify_begin(&login->verify, method, login->user,
			    secret != NULL ? secret->text : NULL,
			    secret != NULL ? secret_derived(secret) : NULL, &writer);
	auth_step(client, step, &packet);
}

static void read_password(struct client *client)
{
	struct verify *verify = &client->login->verify;
	uint32_t max = (uint32_t)verify_input_max(verify) + MESSAGE_HEADER;
	struct message message;
	struct text packet = { 0 };
	struct writer writer;

	switch (message_find(stream_data(&client->stream), stream_available(&client->stream),
			     max + 1, &message)) {
	case PEEK_SHORT:
		stream_want(&client->stream, max);
		return;
	case PEEK_BAD:
		client_close(client, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length");
		return;
	case PEEK_OK:
		break;
	}
	if (message.type != MSG_PASSWORD) {
		if (message.type == MSG_TERMINATE)
			client_drop(client, "client close request");
		else
			client_close(client, SQLSTATE_PROTOCOL_VIOLATION,
				     "expected password response, got message type %d",
				     message.type);
		return;
	}
	writer_init_text(&writer, &packet);
	auth_step(client, verify_input(verify, message.body, message.body_len, &writer), &packet);
	if (client->state != CLIENT_CLOSED)
		stream_skip(&client->stream, message.len);
}

/* ---- where it goes ---- */

static bool within(struct client *client, unsigned used, int limit, const char *sqlstate_text)
{
	if (limit <= 0 || used < (unsigned)limit)
		return true;
	client_close(client, SQLSTATE_TOO_MANY_CONNECTIONS, "%s", sqlstate_text);
	return false;
}

static bool find_database(struct client *client)
{
	struct client_login *login = client->login;
	struct database *database = database_find(client->pooler, login->database);

	if (database == NULL) {
		client_close(client, SQLSTATE_UNDEFINED_DATABASE, "no such database: %s",
			     login->database);
		return false;
	}
	if (database->disabled) {
		client_close(client, SQLSTATE_CANNOT_CONNECT_NOW, "database \"%s\" is disabled",
			     database->name);
		return false;
	}
	client->database = database;
	database->clients++;
	return true;
}

/* Clients of the console and those who only cancel are not counted. */
static unsigned other_clients(void)
{
	return clients_count() - 1 - clients_in(CLIENT_CONSOLE)->count -
	       clients_in(CLIENT_CANCEL)->count;
}

static bool check_limits(struct client *client, struct database *database)
{
	struct settings settings;

	config_effective(client->pooler->config, database->entry, client->login->user, &settings);
	return within(client, other_clients(), client->pooler->config->settings.max_client_conn,
		      "no more connections allowed (max_client_conn)") &&
	       within(client, database->clients - 1, settings.max_db_client_connections,
		      "client connections exceeded (max_db_client_connections)") &&
	       within(client, client->user->clients - 1, settings.max_user_client_connections,
		      "client connections exceeded (max_user_client_connections)");
}

/* What the pool logs in to its servers with: the entry's password, or what the client proved. */
static void hand_credentials(struct client *client, struct pool *pool)
{
	const struct config_database *entry = client->database->entry;
	struct verify *verify = &client->login->verify;
	struct secret *secret = secrets_find(&client->pooler->secrets, pool->user);
	const char *text = secret != NULL ? secret->text : NULL;

	if (entry->user[0] != '\0') {
		pool_credentials(pool, entry->password[0] != '\0' ? entry->password : text, NULL);
		return;
	}
	if (entry->password[0] != '\0')
		text = entry->password;
	else if (verify->password != NULL)
		text = verify->password;
	pool_credentials(pool, text, &verify->keys);
}

static void enter(struct client *client)
{
	struct client_login *login = client->login;
	const struct config_database *entry;
	struct pool *pool;

	if (login->console) {
		client->console_admin = login->console_admin;
		client->user = pooler_user(client->pooler, login->user);
		client->user->clients++;
		client_become(client, CLIENT_CONSOLE, "logged in");
		clients_console()->begin(client);
		login_forget(client);
		return;
	}
	if (!find_database(client))
		return;
	client->user = pooler_user(client->pooler, login->user);
	client->user->clients++;
	if (!check_limits(client, client->database))
		return;
	entry = client->database->entry;
	if (client->pooler->config->settings.auth_type == AUTH_TYPE_ANY && entry->user[0] == '\0') {
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION,
			     "bouncer config error: auth_type=any needs a forced user for database "
			     "\"%s\"",
			     client->database->name);
		return;
	}
	pool = pool_get(client->database, entry->user[0] != '\0' ? entry->user : login->user);
	hand_credentials(client, pool);
	client->holder.pool = pool;
	pool->clients++;
	client_become(client, CLIENT_WELCOME, "authenticated");
	if (pool->greeting.count != 0) {
		login_greet(client);
		return;
	}
	memset(&client->holder.need, 0, sizeof(client->holder.need));
	client->holder.need.kind = NEED_ANY;
	client->holder.need.any_age = true;
	if (pool_lease(&client->holder) != NULL) {
		struct server *server = client_server(client);

		login_greet(client);
		pool_return(server);
	}
}

/* ---- the greeting ---- */

/*
 * What the endpoint is does not depend on the server that happened to greet first: it takes
 * writes, so it is not in recovery.
 */
static const char *shown_value(struct client *client, const struct greeting_parameter *parameter)
{
	int index = parameter_index(parameter->name);

	if (database_is_split(client->database) && strcmp(parameter->name, "in_hot_standby") == 0)
		return "off";
	if (index < 0)
		return parameter->value;
	if (parameters_value(client->wanted, index) == NULL)
		parameters_set(&client->wanted, index, parameter->value);
	return parameters_value(client->wanted, index);
}

static void make_key(struct client *client)
{
	client->cancel_key_len = client->login->minor >= 2 ? CANCEL_KEY_LONG : CANCEL_KEY_SHORT;
	cancel_register(client);
}

void login_greet(struct client *client)
{
	struct pool *pool = client_pool(client);
	const char *message = pool->settings.login_notify_message;
	struct text packet = { 0 };
	struct writer writer;

	make_key(client);
	writer_init_text(&writer, &packet);
	compose_authentication_ok(&writer);
	for (unsigned i = 0; i < pool->greeting.count; i++)
		compose_parameter_status(&writer, pool->greeting.parameters[i].name,
					 shown_value(client, &pool->greeting.parameters[i]));
	compose_backend_key_data(&writer, client->cancel_pid, cancel_key(client),
				 client->cancel_key_len);
	if (message[0] != '\0')
		compose_notice(&writer, message);
	compose_ready_for_query(&writer, 'I');
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
	pool->stats.client_logins++;
	login_forget(client);
	client_become(client, CLIENT_IDLE, "logged in");
	if (stream_available(&client->stream) != 0)
		client_resume(client);
}

void login_run(struct client *client)
{
	while ((client->state == CLIENT_STARTUP || client->state == CLIENT_AUTH) &&
	       stream_available(&client->stream) != 0) {
		uint32_t before = stream_available(&client->stream);
		enum client_state state = client->state;

		if (state == CLIENT_STARTUP)
			read_startup(client);
		else
			read_password(client);
		if (client->state == state && stream_is_open(&client->stream) &&
		    stream_available(&client->stream) == before)
			return; /* waits for more */
	}
}
