/* SPDX-License-Identifier: ISC */
/* The commands of the console: a new one is a row here. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/console.h"
#include "admin/operate.h"
#include "admin/session.h"
#include "admin/show.h"
#include "admin/suspend.h"
#include "pool/database.h"
#include "proto/error.h"
#include "session/client.h"

static struct pooler *pooler_of(const struct console_session *session)
{
	return session->client->pooler;
}

static void refuse(struct result *result, const char *why)
{
	result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "%s", why);
}

static struct database *answer_unknown(struct database *database, const struct command *command,
				       struct result *result)
{
	if (database == NULL)
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "no such database: %s",
			     command->name);
	return database;
}

static bool refuse_console(const struct command *command, struct result *result, const char *verb)
{
	if (!config_name_is_console(command->name))
		return false;
	result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "cannot %s admin db: %s", verb,
		     command->name);
	return true;
}

/*
 * The database that a command names, or NULL with the error answered.  One that `*` would make is
 * made, so that it can be paused before its first client comes.
 */
static struct database *find_database(struct console_session *session,
				      const struct command *command, struct result *result,
				      const char *verb)
{
	if (refuse_console(command, result, verb))
		return NULL;
	return answer_unknown(database_find(pooler_of(session), command->name), command, result);
}

static bool refuse_paused(struct console_session *session, struct result *result)
{
	const struct pooler *pooler = pooler_of(session);

	if (pooler->shutting_down)
		refuse(result, "pooler is shutting down");
	else if (pooler->offered)
		refuse(result, "another process is taking over"); /* nobody could resume then */
	else if (pooler->activity != POOLER_ACTIVE)
		refuse(result, "already suspended/paused");
	else
		return false;
	return true;
}

static void run_pause(struct console_session *session, const struct command *command,
		      struct result *result)
{
	struct database *database = NULL;

	if (refuse_paused(session, result))
		return;
	if (command->name[0] != '\0') {
		database = find_database(session, command, result, "pause");
		if (database == NULL)
			return;
		database_pause(database);
	} else {
		operate_pause(pooler_of(session));
	}
	session_wait(session, result, WAIT_QUIET, database, "PAUSE");
}

static void resume_database(struct console_session *session, const struct command *command,
			    struct result *result)
{
	struct database *database = database_existing(pooler_of(session), command->name);
	bool console = config_name_is_console(command->name);

	if (!console && answer_unknown(database, command, result) == NULL)
		return;
	if (console || !database->paused)
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "database %s is not paused",
			     command->name);
	else
		database_resume(database);
}

static void run_resume(struct console_session *session, const struct command *command,
		       struct result *result)
{
	struct pooler *pooler = pooler_of(session);

	result_tag(result, "RESUME");
	if (command->name[0] != '\0')
		resume_database(session, command, result);
	else if (pooler->shutting_down)
		refuse(result, "pooler is shutting down");
	else if (pooler->activity == POOLER_ACTIVE && !pooler->killed)
		refuse(result, "pooler is not paused/suspended");
	else
		operate_resume(pooler);
}

static void run_suspend(struct console_session *session, const struct command *command,
			struct result *result)
{
	(void)command;
	if (refuse_paused(session, result))
		return;
	if (operate_is_paused(pooler_of(session))) {
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION,
			     "cannot suspend with paused databases");
		return;
	}
	suspend_begin(pooler_of(session));
	session_wait(session, result, WAIT_UNSENT, NULL, "SUSPEND");
}

static void run_kill(struct console_session *session, const struct command *command,
		     struct result *result)
{
	struct database *database = NULL;

	if (refuse_paused(session, result))
		return;
	if (command->name[0] != '\0') {
		database = find_database(session, command, result, "kill");
		if (database == NULL)
			return;
	}
	result_tag(result, "KILL");
	operate_kill(pooler_of(session), database);
}

static void run_kill_client(struct console_session *session, const struct command *command,
			    struct result *result)
{
	struct client *client;
	uint64_t id;
	char *end;

	(void)session;
	errno = 0;
	id = strtoull(command->name, &end, 10);
	if (command->name[0] < '0' || command->name[0] > '9' || *end != '\0' || errno != 0) {
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION,
			     "invalid client pointer supplied: KILL_CLIENT takes the id of SHOW "
			     "CLIENTS");
		return;
	}
	client = client_find(id);
	if (client == NULL) {
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "client not found");
		return;
	}
	result_tag(result, "KILL_CLIENT");
	operate_close_client(client, SQLSTATE_ADMIN_SHUTDOWN, "admin forced disconnect");
}

static void run_reconnect(struct console_session *session, const struct command *command,
			  struct result *result)
{
	struct database *database = NULL;

	if (command->name[0] != '\0') {
		database = find_database(session, command, result, "reconnect");
		if (database == NULL)
			return;
	}
	result_tag(result, "RECONNECT");
	operate_reconnect(pooler_of(session), database);
}

static void run_wait_close(struct console_session *session, const struct command *command,
			   struct result *result)
{
	struct database *database = NULL;

	if (command->name[0] != '\0') {
		database = find_database(session, command, result, "wait in");
		if (database == NULL)
			return;
	}
	session_wait(session, result, WAIT_RECONNECTED, database, "WAIT_CLOSE");
}

static bool refuse_nameless(const struct command *command, struct result *result)
{
	if (command->name[0] != '\0')
		return false;
	result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "a database is required");
	return true;
}

static void run_disable(struct console_session *session, const struct command *command,
			struct result *result)
{
	struct database *database;

	if (refuse_nameless(command, result))
		return;
	database = find_database(session, command, result, "disable");
	if (database == NULL)
		return;
	database->disabled = true;
	result_tag(result, "DISABLE");
}

static void run_enable(struct console_session *session, const struct command *command,
		       struct result *result)
{
	struct database *database;

	if (refuse_nameless(command, result) || refuse_console(command, result, "enable"))
		return;
	database = answer_unknown(database_existing(pooler_of(session), command->name), command,
				  result);
	if (database == NULL)
		return;
	database->disabled = false;
	result_tag(result, "ENABLE");
}

static void run_reload(struct console_session *session, const struct command *command,
		       struct result *result)
{
	char error[1024];

	(void)command;
	result_tag(result, "RELOAD");
	if (console_owner()->reload(console_owner(), error, sizeof(error)))
		return;
	log_error(session->client, "reload failed, nothing has changed: %s", error);
	result_error(result, SQLSTATE_CONFIG_FILE_ERROR,
		     "RELOAD failed, see logs for additional details; nothing has changed: %s",
		     error);
}

/* What drivers set at login; nothing depends on it here. */
static const char *const ignored_settings[] = {
	"application_name",
	"client_encoding",
	"client_min_messages",
	"datestyle",
	"default_transaction_isolation",
	"default_transaction_read_only",
	"extra_float_digits",
	"intervalstyle",
	"search_path",
	"standard_conforming_strings",
	"statement_timeout",
	"timezone",
};

static bool is_ignored(const char *name)
{
	for (size_t i = 0; i < sizeof(ignored_settings) / sizeof(ignored_settings[0]); i++)
		if (strcasecmp(name, ignored_settings[i]) == 0)
			return true;
	return false;
}

static void run_set(struct console_session *session, const struct command *command,
		    struct result *result)
{
	char error[1024];

	if (is_ignored(command->name)) {
		result_notice(result, "SET ignored", NULL);
		result_tag(result, "SET");
		return;
	}
	if (!session->client->console_admin) {
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "admin access needed");
		return;
	}
	log_info(session->client, "SET %s command issued", command->name);
	if (console_owner()->set(console_owner(), command->name, command->value, error,
				 sizeof(error)))
		result_tag(result, "SET %s=%.200s", command->name, command->value);
	else
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "SET failed: %s", error);
}

static void run_takeover(struct console_session *session, const struct command *command,
			 struct result *result)
{
	char error[256];

	(void)command;
	result_tag(result, "TAKEOVER");
	if (!console_owner()->take_over(console_owner(), session->client, error, sizeof(error)))
		result_error(result, SQLSTATE_PROTOCOL_VIOLATION, "%s", error);
}

static void shut_down(struct console_session *session, struct result *result,
		      enum shutdown_mode mode)
{
	console_owner()->shut_down(console_owner(), mode);
	if (mode == SHUTDOWN_NOW)
		session_wait(session, result, WAIT_END, NULL, "SHUTDOWN");
	else
		result_tag(result, "SHUTDOWN");
}

static void run_shutdown(struct console_session *session, const struct command *command,
			 struct result *result)
{
	(void)command;
	shut_down(session, result, SHUTDOWN_NOW);
}

static void run_shutdown_servers(struct console_session *session, const struct command *command,
				 struct result *result)
{
	(void)command;
	shut_down(session, result, SHUTDOWN_WAIT_FOR_SERVERS);
}

static void run_shutdown_clients(struct console_session *session, const struct command *command,
				 struct result *result)
{
	(void)command;
	shut_down(session, result, SHUTDOWN_WAIT_FOR_CLIENTS);
}

/* Drivers open and close transactions around what they send: there is nothing to do for us. */
static void run_nothing(struct console_session *session, const struct command *command,
			struct result *result)
{
	(void)session;
	result_tag(result, "%s", command->row->words);
}

static void add_usage(struct text *text, const struct command_row *row)
{
	static const char *const arguments[] = {
		[TAKES_NOTHING] = "",	[TAKES_OPTIONAL] = " [name]",
		[TAKES_NAME] = " name", [TAKES_SETTING] = " key = value",
		[TAKES_ANYTHING] = "",
	};
	size_t begin = text->len;

	text_printf(text, "\t%s%s", row->words, arguments[row->argument]);
	while (text->len < begin + 30)
		text_add_char(text, ' ');
	text_printf(text, " %s\n", row->help);
}

static void run_help(struct console_session *session, const struct command *command,
		     struct result *result)
{
	struct text text = { 0 };

	(void)session;
	(void)command;
	text_add_char(&text, '\n');
	for (const struct command_row *row = command_rows; row->words != NULL; row++)
		if (row->help != NULL)
			add_usage(&text, row);
	result_notice(result, "Console usage", text_string(&text));
	result_tag(result, "SHOW");
	text_done(&text);
}

/* clang-format off */
const struct command_row command_rows[] = {
{ "SHOW HELP", MAY_LOOK, TAKES_NOTHING, NULL, run_help, "this list" },
{ "SHOW CLIENTS", MAY_LOOK, TAKES_NOTHING, &show_clients, NULL, "connections from applications" },
{ "SHOW CONFIG", MAY_LOOK, TAKES_NOTHING, &show_config, NULL, "settings in force" },
{ "SHOW COUNTERS", MAY_LOOK, TAKES_NOTHING, &show_counters, NULL, "counters of the process" },
{ "SHOW DATABASES", MAY_LOOK, TAKES_NOTHING, &show_databases, NULL, "names to connect to" },
{ "SHOW DNS_HOSTS", MAY_LOOK, TAKES_NOTHING, &show_dns_hosts, NULL,
  "host names and their addresses" },
{ "SHOW DNS_ZONES", MAY_LOOK, TAKES_NOTHING, &show_dns_zones, NULL,
  "DNS zones, for dns_zone_check_period" },
{ "SHOW FDS", MAY_CONTROL, TAKES_NOTHING, &show_fds, NULL, "open sockets" },
{ "SHOW HELPERS", MAY_LOOK, TAKES_NOTHING, &show_helpers, NULL,
  "processes that ask PAM and directories" },
{ "SHOW HOSTS", MAY_LOOK, TAKES_NOTHING, &show_hosts, NULL,
  "PostgreSQL hosts: role, health, lag, load" },
{ "SHOW LISTS", MAY_LOOK, TAKES_NOTHING, &show_lists, NULL, "how many there are of what" },
{ "SHOW LOGIN_QUEUES", MAY_LOOK, TAKES_NOTHING, &show_login_queues, NULL,
  "logins that wait for PAM and directories" },
{ "SHOW MEM", MAY_LOOK, TAKES_NOTHING, &show_mem, NULL, "memory" },
{ "SHOW PEERS", MAY_LOOK, TAKES_NOTHING, &show_peers, NULL, "other processes of [peers]" },
{ "SHOW PEER_POOLS", MAY_LOOK, TAKES_NOTHING, &show_peer_pools, NULL,
  "cancel requests for other processes" },
{ "SHOW POOLS", MAY_LOOK, TAKES_NOTHING, &show_pools, NULL,
  "clients and servers of each user and database" },
{ "SHOW PREPARED_STATEMENTS", MAY_CONTROL, TAKES_NOTHING, &show_prepared_statements, NULL,
  "statements that clients share" },
{ "SHOW ROUTES", MAY_LOOK, TAKES_NOTHING, &show_routes, NULL,
  "how databases with a cluster are split" },
{ "SHOW SERVERS", MAY_LOOK, TAKES_NOTHING, &show_servers, NULL, "connections to PostgreSQL" },
{ "SHOW SOCKETS", MAY_LOOK, TAKES_NOTHING, &show_sockets, NULL, "both, with their buffers" },
{ "SHOW ACTIVE_SOCKETS", MAY_LOOK, TAKES_NOTHING, &show_active_sockets, NULL,
  "those that work now" },
{ "SHOW STATE", MAY_LOOK, TAKES_NOTHING, &show_state, NULL, "active or paused" },
{ "SHOW STATS", MAY_LOOK, TAKES_NOTHING, &show_stats, NULL, "statistics of databases" },
{ "SHOW STATS_AVERAGES", MAY_LOOK, TAKES_NOTHING, &show_stats_averages, NULL,
  "averages of the last stats_period" },
{ "SHOW STATS_TOTALS", MAY_LOOK, TAKES_NOTHING, &show_stats_totals, NULL, "sums since the start" },
{ "SHOW TOTALS", MAY_LOOK, TAKES_NOTHING, &show_totals, NULL,
  "statistics of all databases together" },
{ "SHOW USERS", MAY_LOOK, TAKES_NOTHING, &show_users, NULL, "users and their limits" },
{ "SHOW VERSION", MAY_LOOK, TAKES_NOTHING, &show_version, NULL, "version of the program" },
{ "SET", MAY_LOOK, TAKES_SETTING, NULL, run_set, "change a setting until the next reload" },
{ "RELOAD", MAY_CONTROL, TAKES_NOTHING, NULL, run_reload, "read the configuration anew" },
{ "PAUSE", MAY_CONTROL, TAKES_OPTIONAL, NULL, run_pause,
  "begin no more transactions; answers when none is left" },
{ "RESUME", MAY_CONTROL, TAKES_OPTIONAL, NULL, run_resume, "undo PAUSE, KILL and SUSPEND" },
{ "SUSPEND", MAY_CONTROL, TAKES_NOTHING, NULL, run_suspend,
  "send what is queued, read and accept nothing more" },
{ "DISABLE", MAY_CONTROL, TAKES_NAME, NULL, run_disable, "refuse new clients of a database" },
{ "ENABLE", MAY_CONTROL, TAKES_NAME, NULL, run_enable, "undo DISABLE" },
{ "RECONNECT", MAY_CONTROL, TAKES_OPTIONAL, NULL, run_reconnect,
  "replace servers when they are free" },
{ "WAIT_CLOSE", MAY_CONTROL, TAKES_OPTIONAL, NULL, run_wait_close,
  "wait until RECONNECT or RELOAD replaced all" },
{ "KILL", MAY_CONTROL, TAKES_OPTIONAL, NULL, run_kill,
  "close clients and servers at once, and pause" },
{ "KILL CLIENT", MAY_CONTROL, TAKES_NAME, NULL, run_kill_client, "close one client by its id" },
{ "KILL_CLIENT", MAY_CONTROL, TAKES_NAME, NULL, run_kill_client, NULL },
{ "SHUTDOWN", MAY_CONTROL, TAKES_NOTHING, NULL, run_shutdown, "end the process at once" },
{ "SHUTDOWN WAIT_FOR_SERVERS", MAY_CONTROL, TAKES_NOTHING, NULL, run_shutdown_servers,
  "end when transactions are finished" },
{ "SHUTDOWN WAIT_FOR_CLIENTS", MAY_CONTROL, TAKES_NOTHING, NULL, run_shutdown_clients,
  "end when all clients have left" },
{ "TAKEOVER", MAY_CONTROL, TAKES_NOTHING, NULL, run_takeover, NULL }, /* pgweir -R */

/* What drivers send by themselves. */
{ "SHOW 1", MAY_LOOK, TAKES_NOTHING, &show_one, NULL, NULL },
{ "SHOW APPLICATION_NAME", MAY_LOOK, TAKES_NOTHING, &show_application_name, NULL, NULL },
{ "SHOW CLIENT_ENCODING", MAY_LOOK, TAKES_NOTHING, &show_client_encoding, NULL, NULL },
{ "SHOW DATESTYLE", MAY_LOOK, TAKES_NOTHING, &show_date_style, NULL, NULL },
{ "SHOW DEFAULT_TRANSACTION_ISOLATION", MAY_LOOK, TAKES_NOTHING, &show_default_isolation, NULL,
  NULL },
{ "SHOW EXTRA_FLOAT_DIGITS", MAY_LOOK, TAKES_NOTHING, &show_extra_float_digits, NULL, NULL },
{ "SHOW SERVER_VERSION", MAY_LOOK, TAKES_NOTHING, &show_server_version, NULL, NULL },
{ "SHOW STANDARD_CONFORMING_STRINGS", MAY_LOOK, TAKES_NOTHING, &show_std_strings, NULL, NULL },
{ "SHOW TIMEZONE", MAY_LOOK, TAKES_NOTHING, &show_time_zone, NULL, NULL },
{ "SHOW TRANSACTION ISOLATION LEVEL", MAY_LOOK, TAKES_NOTHING, &show_isolation, NULL, NULL },
{ "SHOW TRANSACTION_ISOLATION", MAY_LOOK, TAKES_NOTHING, &show_isolation, NULL, NULL },
{ "BEGIN", MAY_LOOK, TAKES_ANYTHING, NULL, run_nothing, NULL },
{ "START TRANSACTION", MAY_LOOK, TAKES_ANYTHING, NULL, run_nothing, NULL },
{ "COMMIT", MAY_LOOK, TAKES_NOTHING, NULL, run_nothing, NULL },
{ "ROLLBACK", MAY_LOOK, TAKES_NOTHING, NULL, run_nothing, NULL },
{ "DISCARD ALL", MAY_LOOK, TAKES_NOTHING, NULL, run_nothing, NULL },
{ "RESET ALL", MAY_LOOK, TAKES_NOTHING, NULL, run_nothing, NULL },
{ "DEALLOCATE ALL", MAY_LOOK, TAKES_NOTHING, NULL, run_nothing, NULL },
{ NULL, MAY_LOOK, TAKES_NOTHING, NULL, NULL, NULL },
};
/* clang-format on */
