/* SPDX-License-Identifier: ISC */
/* Makes a client prove who it is. */
#include "session/authenticate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/peer.h"
#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/message.h"
#include "session/auth_query.h"
#include "session/client.h"
#include "session/login.h"
#include "session/outside.h"
#include "session/welcome.h"

/* The password is there; others say whether it is right. */
static void ask_outside(struct client *client)
{
	struct verify *verify = &client->login->verify;

	if (!outside_ask(client->login->outside, client->login->user, verify->password))
		client_close(client, SQLSTATE_TOO_MANY_CONNECTIONS,
			     "too many logins wait for %s authentication",
			     method_name(client->login->outside->method));
}

static void on_judged(struct client *client)
{
	struct outside *outside = client->login->outside;
	const char *method = outside->method == METHOD_LDAP ? "LDAP" : "PAM";

	if (outside->verdict.outcome == JUDGE_YES) {
		log_debug(client, "%s authentication: %s", method, outside->verdict.why);
		welcome_enter(client);
		if (client->state == CLIENT_CONSOLE)
			client_resume(client); /* it may have spoken meanwhile */
		return;
	}
	log_info(client, "login refused: %s: %s", method, outside->verdict.why);
	client_close(client,
		     outside->verdict.outcome == JUDGE_NO ? SQLSTATE_INVALID_PASSWORD
							  : SQLSTATE_INVALID_AUTHORIZATION,
		     "%s authentication failed for user \"%s\"", method, client->login->user);
}

static void auth_step(struct client *client, enum auth_step step, struct text *packet)
{
	struct verify *verify = &client->login->verify;

	if (packet->len != 0)
		client_send(client, packet->data, (uint32_t)packet->len);
	switch (step) {
	case AUTH_MORE:
		break;
	case AUTH_OK:
		welcome_enter(client);
		break;
	case AUTH_ELSEWHERE:
		ask_outside(client);
		break;
	case AUTH_FAILED:
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
	case AUTH_TYPE_HBA:
		return METHOD_HBA;
	case AUTH_TYPE_LDAP:
		return METHOD_LDAP;
	case AUTH_TYPE_PAM:
		return METHOD_PAM;
	}
	return METHOD_REJECT;
}

/* The user of this very process, over the Unix socket, is the operator. */
static bool is_local_operator(const struct client *client)
{
	const char *user = client->login->user;

	return client_is_local(client) &&
	       (strcmp(user, "pgbouncer") == 0 || strcmp(user, "pgweir") == 0);
}

/* What a client has to prove. */
struct demand {
	enum auth_method method;
	const char *map;   /* by which its name is found; "": it is the same */
	const char *words; /* LDAP: how the directory is asked */
};

static struct demand demand_by_rule(const struct client *client)
{
	const struct client_login *login = client->login;
	struct hba_client who = {
		.database = login->database,
		.user = login->user,
		.family = client->peer.family,
		.address = client->peer.bytes,
		.physical = client->holder.need.replication == REPLICATION_PHYSICAL,
	};
	const struct hba_rule *rule = hba_match(&client->pooler->access.hba, &who);
	struct demand demand = { METHOD_HBA, "", "" };

	if (rule == NULL) {
		log_info(client, "login refused: no line of auth_hba_file matches");
		return demand;
	}
	log_debug(client, "line %u of auth_hba_file matches", rule->line);
	demand.method = rule->method;
	demand.map = rule->map;
	demand.words = rule->words;
	return demand;
}

/* How this client proves who it is. */
static struct demand find_demand(const struct client *client)
{
	struct demand demand = { METHOD_ANY, "", "" };

	if (client->login->console && is_local_operator(client))
		return demand;
	demand.method = method_of(client->pooler->config->settings.auth_type);
	if (demand.method == METHOD_LDAP)
		demand.words = client->pooler->access.ldap;
	return demand.method == METHOD_HBA ? demand_by_rule(client) : demand;
}

/* The user of the process at the other end of the Unix socket may be this user. */
static bool is_peer(const struct client *client, const char *map)
{
	char name[256];

	if (client->peer.family != AF_UNIX || client->peer.uid == UID_UNKNOWN ||
	    !peer_name(client->peer.uid, name, sizeof(name)))
		return false;
	if (ident_allows(&client->pooler->access.ident, map, name, client->login->user))
		return true;
	if (map[0] != '\0')
		log_info(client, "ident map %s cannot be matched: %s may not be %s", map, name,
			 client->login->user);
	return false;
}

/* The entry that the client asks for; NULL if there is none, which it learns later. */
static const struct config_database *find_entry(const struct client *client)
{
	const struct config *config = client->pooler->config;
	const struct config_database *entry = config_database_find(config, client->login->database);

	return entry != NULL ? entry : config_database_fallback(config);
}

/* What holds for logins: of the entry, but for the console. */
static const struct settings *login_settings(const struct client *client,
					     const struct config_database *entry)
{
	return entry != NULL && !client->login->console ? &entry->settings
							: &client->pooler->config->settings;
}

/* It can be asked, and who asks a directory or PAM has no use for auth_user: as with PgBouncer. */
static bool may_ask_outside(struct client *client, const struct demand *demand)
{
	if (!judge_is_built(demand->method)) {
		client_close(client, SQLSTATE_FEATURE_NOT_SUPPORTED,
			     "%s authentication is not supported by this build",
			     method_name(demand->method));
		return false;
	}
	if (client->pooler->config->settings.auth_type != AUTH_TYPE_HBA &&
	    login_settings(client, find_entry(client))->auth_user[0] != '\0') {
		log_warn(client, "auth_type=%s cannot be used together with auth_user",
			 method_name(demand->method));
		client_close(client, SQLSTATE_CONFIG_FILE_ERROR, "bouncer config error");
		return false;
	}
	return true;
}

/* What is known without asking the client; it is closed if that is not enough. */
static bool meets_demand(struct client *client, const struct demand *demand)
{
	switch (method_ask(demand->method, SECRET_NONE)) {
	case ASK_PEER:
		if (is_peer(client, demand->map))
			return true;
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "unix socket login rejected");
		return false;
	case ASK_CERTIFICATE:
		client_close(client, SQLSTATE_INVALID_AUTHORIZATION,
			     "certificate authentication failed");
		return false;
	case ASK_ELSEWHERE:
		return may_ask_outside(client, demand);
	case ASK_NOTHING:
	case ASK_REFUSE:
	case ASK_PLAIN:
	case ASK_MD5:
	case ASK_SCRAM:
		break;
	}
	return true;
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

/* ---- its secret ---- */

/*
 * An unknown user is asked as most others are: md5 is MD5 or SCRAM by the kind of the secret, and
 * would tell by it who has none.
 */
static enum auth_method disguise(const struct client *client, enum auth_method method)
{
	return method == METHOD_MD5 && client->pooler->access.usual_kind == SECRET_SCRAM
		       ? METHOD_SCRAM
		       : method;
}

/* Asks the client as the method says; `secret` NULL: there is no such user, which it is not told. */
static void ask_client(struct client *client, const struct demand *demand, const char *secret,
		       struct scram_secret *derived)
{
	enum auth_method method = demand->method;
	struct client_login *login = client->login;
	struct text packet = { 0 };
	struct writer writer;
	enum auth_step step;

	if (secret == NULL)
		method = disguise(client, method);
	if (method_ask(method, SECRET_NONE) == ASK_ELSEWHERE)
		login->outside = outside_new(client, method, demand->words, on_judged);
	writer_init_text(&writer, &packet);
	step = verify_begin(&login->verify, method, login->user, secret, derived, &writer);
	login->verify.says_sasl = demand->method == METHOD_SCRAM;
	auth_step(client, step, &packet);
}

/* The user is the one in the row, as with PgBouncer. */
static void take_found(struct client *client, const struct auth_query *query)
{
	struct client_login *login = client->login;
	struct demand demand;

	if (strcmp(login->user, query->user) != 0) {
		log_info(client, "auth_query: the user is %s", query->user);
		snprintf(login->user, sizeof(login->user), "%s", query->user);
		if (enters_console(client) && client->state == CLIENT_CLOSED)
			return; /* the other name had the right, this one has not */
	}
	if (query->secret != NULL)
		client->pooler->access.usual_kind = secret_kind(query->secret);
	demand = find_demand(client);
	/* A secret that is NULL is one that nothing satisfies. */
	if (meets_demand(client, &demand))
		ask_client(client, &demand, query->secret != NULL ? query->secret : "", NULL);
}

static void on_looked_up(struct client *client)
{
	struct auth_query *query = client->login->query;
	struct demand demand;

	client->login->query = NULL;
	switch ((enum auth_query_outcome)query->outcome) {
	case AUTH_QUERY_FOUND:
		take_found(client, query);
		break;
	case AUTH_QUERY_NOBODY:
		demand = find_demand(client);
		if (method_ask(demand.method, SECRET_NONE) == ASK_NOTHING) /* tells it anyway */
			client_close(client, SQLSTATE_INVALID_AUTHORIZATION, "no such user");
		else if (meets_demand(client, &demand))
			ask_client(client, &demand, NULL, NULL);
		break;
	case AUTH_QUERY_FAILED:
		client_close(client, query->sqlstate, "%s", query->text);
	}
	auth_query_free(query);
	login_run(client); /* it may have spoken meanwhile */
}

static struct database *find_auth_database(struct client *client, const struct settings *settings)
{
	bool is_configured = settings->auth_dbname[0] != '\0';
	const char *name = is_configured ? settings->auth_dbname : client->login->database;
	struct database *database = NULL;

	if (!config_name_is_console(name))
		database = is_configured ? database_find(client->pooler, name)
					 : database_for_login(client->pooler, name);
	if (database == NULL) {
		if (config_name_is_console(name))
			log_warn(client,
				 "cannot use the reserved \"%s\" database as an auth_dbname", name);
		else
			log_warn(client,
				 "authentication database \"%s\" is not configured (auth_dbname)",
				 name);
		client_close(client, SQLSTATE_CONFIG_FILE_ERROR, "bouncer config error");
	} else if (database->disabled) {
		client_close(client, SQLSTATE_CANNOT_CONNECT_NOW,
			     "authentication database \"%s\" is disabled", name);
		database = NULL;
	}
	return database;
}

/* Begins to ask a server for the client's secret; false if this is not how it is done here. */
static bool look_up(struct client *client)
{
	const struct config_database *entry = find_entry(client);
	const struct settings *settings = login_settings(client, entry);
	struct database *database;

	if (settings->auth_user[0] == '\0')
		return false;
	/* Of a database that is not there, another one can still be asked. */
	if (entry == NULL && !client->login->console && settings->auth_dbname[0] == '\0')
		return false;
	database = find_auth_database(client, settings);
	if (database != NULL)
		client->login->query = auth_query_begin(client, database, settings, on_looked_up);
	return true;
}

static bool needs_secret(enum auth_method method)
{
	enum auth_ask ask = method_ask(method, SECRET_NONE);

	return method != METHOD_ANY && ask != ASK_REFUSE && ask != ASK_ELSEWHERE;
}

void authenticate_begin(struct client *client)
{
	struct client_login *login = client->login;
	struct secret *secret = secrets_find(&client->pooler->access.secrets, login->user);
	struct demand demand;

	if (client->pooler->config->settings.log_connections)
		log_info(client, "login attempt: db=%s user=%s tls=no replication=%s",
			 login->database, login->user,
			 replication_value(client->holder.need.replication));
	if (client->pooler->shutting_down != 0 &&
	    client->connected_at > client->pooler->shutting_down &&
	    !config_name_is_console(login->database)) {
		client_close(client, SQLSTATE_CANNOT_CONNECT_NOW, "pooler is shutting down");
		return;
	}
	if (enters_console(client) && client->state == CLIENT_CLOSED)
		return;
	demand = find_demand(client);
	if (!meets_demand(client, &demand))
		return;
	if (secret != NULL)
		ask_client(client, &demand, secret->text, secret_derived(secret));
	else if (!needs_secret(demand.method) || !look_up(client))
		ask_client(client, &demand, NULL, NULL);
}

void authenticate_input(struct client *client)
{
	struct verify *verify = &client->login->verify;
	uint32_t max = (uint32_t)verify_input_max(verify) + MESSAGE_HEADER;
	struct message message = { .len = MESSAGE_HEADER };
	struct text packet = { 0 };
	struct writer writer;
	enum auth_step step;

	switch (message_find(stream_data(&client->stream), stream_available(&client->stream),
			     max + 1, &message)) {
	case PEEK_SHORT:
		stream_want(&client->stream, message.len);
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
	step = verify_input(verify, message.body, message.body_len, &writer);
	/* The chunk is used again for others' bytes, but who knows when. */
	mem_wipe((void *)message.body, message.body_len);
	auth_step(client, step, &packet);
	if (client->state != CLIENT_CLOSED)
		stream_skip(&client->stream, message.len);
}
