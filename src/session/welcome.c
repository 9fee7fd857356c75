/* SPDX-License-Identifier: ISC */
/* A client that has proved who it is: where it goes, and what it is greeted with. */
#include "session/welcome.h"

#include <string.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "session/keys.h"
#include "session/client.h"
#include "session/login.h"
#include "session/replication.h"
#include "session/trial.h"

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
	database_enter(database);
	return true;
}

/* `others`: clients that the database has, with this entry (NULL: the console). */
static bool check_limits(struct client *client, const struct config_database *entry,
			 unsigned others)
{
	struct settings settings;

	config_effective(client->pooler->config, entry, client->login->user, &settings);
	return within(client, others, settings.max_db_client_connections,
		      "client connections exceeded (max_db_client_connections)") &&
	       within(client, client->user->clients - 1, settings.max_user_client_connections,
		      "client connections exceeded (max_user_client_connections)");
}

static void enter_console(struct client *client)
{
	client->console_admin = client->login->console_admin;
	client->user = pooler_user(client->pooler, client->login->user);
	client->user->clients++;
	if (!client->console_admin &&
	    !check_limits(client, NULL, clients_in(CLIENT_CONSOLE)->count))
		return;
	client_become(client, CLIENT_CONSOLE, "logged in");
	clients_console()->begin(client);
	login_forget(client);
}

/* What the pool logs in to its servers with: the entry's password, or what the client proved. */
static void hand_credentials(struct client *client, struct pool *pool)
{
	const struct config_database *entry = client->database->entry;
	struct verify *verify = &client->login->verify;
	const char *text = verify->secret;

	if (entry->user[0] != '\0') {
		struct secret *secret = secrets_find(&client->pooler->access.secrets, pool->user);

		text = secret != NULL ? secret->text : NULL;
		pool_credentials(pool, entry->password[0] != '\0' ? entry->password : text, NULL);
		return;
	}
	if (entry->password[0] != '\0')
		text = entry->password;
	else if (verify->password != NULL)
		text = verify->password;
	pool_credentials(pool, text, &verify->keys);
}

void welcome_enter(struct client *client)
{
	struct client_login *login = client->login;
	const struct config_database *entry;
	struct pool *pool;

	if (login->console) {
		enter_console(client);
		return;
	}
	if (!find_database(client))
		return;
	client->user = pooler_user(client->pooler, login->user);
	client->user->clients++;
	entry = client->database->entry;
	if (!check_limits(client, entry, client->database->clients - 1))
		return;
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
	pool_enter(pool);
	client_become(client, CLIENT_WELCOME, "authenticated");
	if (client->holder.need.replication != REPLICATION_NONE) {
		replication_begin(client);
		return;
	}
	trial_begin(client);
}

/* ---- the greeting ---- */

/*
 * What the endpoint is does not depend on the server that happened to greet first: it takes
 * writes, so it is not in recovery.
 */
static bool is_hidden(const struct client *client, const char *name)
{
	return database_is_split(client->database) && strcmp(name, "in_hot_standby") == 0;
}

void welcome_complete(struct client *client)
{
	const struct greeting *greeting = &client_pool(client)->greeting;

	for (unsigned i = 0; i < greeting->count; i++) {
		int index = parameter_index(greeting->parameters[i].name);

		if (index >= 0 && parameters_value(client->wanted, index) == NULL &&
		    !is_hidden(client, greeting->parameters[i].name))
			parameters_set(&client->wanted, index, greeting->parameters[i].value);
	}
}

static const char *shown_value(const struct client *client,
			       const struct greeting_parameter *parameter)
{
	int index = parameter_index(parameter->name);

	if (client->holder.need.replication != REPLICATION_NONE)
		return parameter->value;
	if (is_hidden(client, parameter->name))
		return "off";
	return index < 0 ? parameter->value : parameters_value(client->wanted, index);
}

static void make_key(struct client *client)
{
	client->cancel_key_len = client->login->minor >= 2 ? CANCEL_KEY_LONG : CANCEL_KEY_SHORT;
	keys_give(client);
}

static void greet(struct client *client, const struct greeting *greeting, enum client_state state)
{
	struct pool *pool = client_pool(client);
	const char *message = pool->settings.login_notify_message;
	struct text packet = { 0 };
	struct writer writer;

	make_key(client);
	writer_init_text(&writer, &packet);
	compose_authentication_ok(&writer);
	for (unsigned i = 0; i < greeting->count; i++)
		compose_parameter_status(&writer, greeting->parameters[i].name,
					 shown_value(client, &greeting->parameters[i]));
	compose_backend_key_data(&writer, client->cancel_pid, key_of(client),
				 client->cancel_key_len);
	if (message[0] != '\0')
		compose_notice(&writer, message);
	compose_ready_for_query(&writer, 'I');
	client_send(client, packet.data, (uint32_t)packet.len);
	text_done(&packet);
	pool->stats.client_logins++;
	login_forget(client);
	client_become(client, state, "logged in");
	if (stream_available(&client->stream) != 0)
		client_resume(client);
}

void welcome_greet(struct client *client)
{
	welcome_complete(client);
	parameters_rebase(&client->wanted, client->login->startup);
	client->holder.calls = &client_calls;
	greet(client, &client_pool(client)->greeting, CLIENT_IDLE);
}

void welcome_greet_replication(struct client *client, const struct greeting *greeting)
{
	greet(client, greeting, CLIENT_REPLICATION);
}
