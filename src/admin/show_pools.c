/* SPDX-License-Identifier: ISC */
/* SHOW DATABASES, POOLS and USERS. */
#include <stdlib.h>
#include <string.h>

#include "admin/console.h"
#include "admin/show.h"
#include "base/mem.h"
#include "conf/mask.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "session/client.h"

static unsigned console_clients(void)
{
	return clients_in(CLIENT_CONSOLE)->count;
}

/* ---- DATABASES ---- */

struct database_row {
	const struct database *database; /* NULL: the console */
	const struct settings *global;
};

enum {
	DB_NAME,
	DB_HOST,
	DB_PORT,
	DB_DBNAME,
	DB_FORCE_USER,
	DB_POOL_SIZE,
	DB_MIN_POOL_SIZE,
	DB_RESERVE,
	DB_LIFETIME,
	DB_MODE,
	DB_BALANCE,
	DB_MAX,
	DB_CURRENT,
	DB_MAX_CLIENTS,
	DB_CLIENTS,
	DB_PAUSED,
	DB_DISABLED,
	DB_CLUSTER,
	DB_ROUTE,
};

static void console_value(struct cell *cell, unsigned column, const struct settings *global)
{
	switch (column) {
	case DB_NAME:
	case DB_DBNAME:
	case DB_FORCE_USER:
		cell_text(cell, CONSOLE_DATABASE);
		break;
	case DB_PORT:
		cell_integer(cell, global->listen_port);
		break;
	case DB_MODE:
		cell_text(cell, "statement");
		break;
	case DB_CLIENTS:
		cell_integer(cell, console_clients());
		break;
	case DB_HOST:
	case DB_BALANCE:
	case DB_CLUSTER:
	case DB_ROUTE:
		cell_null(cell);
		break;
	default:
		cell_integer(cell, 0);
	}
}

static void cell_string(struct cell *cell, const char *text)
{
	cell_text(cell, text[0] != '\0' ? text : NULL);
}

static void place_value(struct cell *cell, unsigned column, const struct config_database *entry)
{
	const struct config_cluster *cluster = entry->cluster;

	if (column == DB_HOST)
		cell_string(cell, cluster != NULL ? cluster->hosts_text : entry->host);
	else
		cell_integer(cell, cluster != NULL ? cluster->hosts[0].port : entry->port);
}

static const char *balance_name(const struct config_database *entry)
{
	return entry->load_balance_hosts == LOAD_BALANCE_DISABLE ? "disable" : "round-robin";
}

static void database_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct database_row *which = row;
	const struct database *database = which->database;
	const struct config_database *entry;
	const struct settings *settings;

	if (database == NULL) {
		console_value(cell, column->arg, which->global);
		return;
	}
	entry = database->entry;
	settings = &entry->settings;
	switch (column->arg) {
	case DB_NAME:
		cell_text(cell, database->name);
		break;
	case DB_HOST:
	case DB_PORT:
		place_value(cell, column->arg, entry);
		break;
	case DB_DBNAME:
		cell_text(cell, entry->dbname[0] != '\0' ? entry->dbname : database->name);
		break;
	case DB_FORCE_USER:
		cell_string(cell, entry->user);
		break;
	case DB_POOL_SIZE:
		cell_integer(cell, settings->default_pool_size);
		break;
	case DB_MIN_POOL_SIZE:
		cell_integer(cell, settings->min_pool_size);
		break;
	case DB_RESERVE:
		cell_integer(cell, settings->reserve_pool_size);
		break;
	case DB_LIFETIME:
		cell_integer(cell, settings->server_lifetime / USEC_PER_SEC);
		break;
	case DB_MODE:
		cell_setting(cell, "pool_mode", settings);
		break;
	case DB_BALANCE:
		cell_text(cell, entry->cluster != NULL ? NULL : balance_name(entry));
		break;
	case DB_MAX:
		cell_integer(cell, settings->max_db_connections);
		break;
	case DB_CURRENT:
		cell_integer(cell, database->servers);
		break;
	case DB_MAX_CLIENTS:
		cell_integer(cell, settings->max_db_client_connections);
		break;
	case DB_CLIENTS:
		cell_integer(cell, database->clients);
		break;
	case DB_PAUSED:
		cell_integer(cell, database->paused);
		break;
	case DB_DISABLED:
		cell_integer(cell, database->disabled);
		break;
	case DB_CLUSTER:
		cell_string(cell, entry->cluster_name);
		break;
	case DB_ROUTE:
		if (entry->cluster != NULL)
			cell_setting(cell, "route", settings);
	}
}

static void walk_databases(struct show *show)
{
	struct database_row row = { .global = &show->pooler->config->settings };

	list_for_each(&show->pooler->databases, node, after) {
		row.database = list_entry(node, struct database, node);
		if (!row.database->removed)
			show->row(show, &row);
	}
	row.database = NULL;
	show->row(show, &row);
}

static const struct show_column database_columns[] = {
	{ "name", OID_TEXT, database_value, DB_NAME },
	{ "host", OID_TEXT, database_value, DB_HOST },
	{ "port", OID_INT4, database_value, DB_PORT },
	{ "database", OID_TEXT, database_value, DB_DBNAME },
	{ "force_user", OID_TEXT, database_value, DB_FORCE_USER },
	{ "pool_size", OID_INT4, database_value, DB_POOL_SIZE },
	{ "min_pool_size", OID_INT4, database_value, DB_MIN_POOL_SIZE },
	{ "reserve_pool_size", OID_INT4, database_value, DB_RESERVE },
	{ "server_lifetime", OID_INT4, database_value, DB_LIFETIME },
	{ "pool_mode", OID_TEXT, database_value, DB_MODE },
	{ "load_balance_hosts", OID_TEXT, database_value, DB_BALANCE },
	{ "max_connections", OID_INT4, database_value, DB_MAX },
	{ "current_connections", OID_INT4, database_value, DB_CURRENT },
	{ "max_client_connections", OID_INT4, database_value, DB_MAX_CLIENTS },
	{ "current_client_connections", OID_INT4, database_value, DB_CLIENTS },
	{ "paused", OID_INT4, database_value, DB_PAUSED },
	{ "disabled", OID_INT4, database_value, DB_DISABLED },
	{ "cluster", OID_TEXT, database_value, DB_CLUSTER },
	{ "route", OID_TEXT, database_value, DB_ROUTE },
};
const struct show_table show_databases = SHOW_TABLE(database_columns, walk_databases);

/* ---- POOLS ---- */

enum {
	POOL_DATABASE,
	POOL_USER,
	POOL_ACTIVE,
	POOL_WAITING,
	POOL_CANCELS,
	POOL_MAXWAIT,
	POOL_MAXWAIT_US,
	POOL_MODE,
	POOL_BALANCE,
	POOL_ZERO,
};

static unsigned waiting(const struct pool *pool)
{
	return pool->queues[QUEUE_WRITE].count + pool->queues[QUEUE_OTHER].count +
	       pool->queues[QUEUE_DEDICATED].count;
}

static void console_pool_value(struct cell *cell, unsigned column)
{
	switch (column) {
	case POOL_DATABASE:
	case POOL_USER:
		cell_text(cell, CONSOLE_DATABASE);
		break;
	case POOL_ACTIVE:
		cell_integer(cell, console_clients());
		break;
	case POOL_MODE:
		cell_text(cell, "statement");
		break;
	case POOL_BALANCE:
		cell_null(cell);
		break;
	default:
		cell_integer(cell, 0);
	}
}

static void pool_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct pool *pool = row;

	if (pool == NULL) {
		console_pool_value(cell, column->arg);
		return;
	}
	switch (column->arg) {
	case POOL_DATABASE:
		cell_text(cell, pool->database->name);
		break;
	case POOL_USER:
		cell_text(cell, pool->user);
		break;
	case POOL_ACTIVE: /* with and without a server, but not waiting */
		cell_integer(cell, (int64_t)pool->clients - waiting(pool));
		break;
	case POOL_WAITING:
		cell_integer(cell, waiting(pool));
		break;
	case POOL_CANCELS:
		cell_integer(cell, pool_count(pool, SERVER_CANCELING));
		break;
	case POOL_MAXWAIT:
		cell_integer(cell, queue_longest_wait(pool) / USEC_PER_SEC);
		break;
	case POOL_MAXWAIT_US:
		cell_integer(cell, queue_longest_wait(pool) % USEC_PER_SEC);
		break;
	case POOL_MODE:
		cell_setting(cell, "pool_mode", &pool->settings);
		break;
	case POOL_BALANCE:
		cell_text(cell, pool->database->entry->cluster != NULL
					? NULL
					: balance_name(pool->database->entry));
		break;
	case POOL_ZERO:
		cell_integer(cell, 0);
	}
}

/* `arg` is a set of states. */
static void pool_servers(struct cell *cell, const struct show_column *column, const void *row)
{
	unsigned count = 0;

	for (unsigned state = 0; row != NULL && state < SERVER_CLOSED; state++)
		if ((column->arg & 1u << state) != 0)
			count += pool_count(row, (enum server_state)state);
	cell_integer(cell, count);
}

static void walk_pools(struct show *show)
{
	list_for_each(&show->pooler->databases, node, after) {
		const struct database *database = list_entry(node, struct database, node);

		list_for_each(&database->pools, pool_node, after_pool)
			show->row(show, list_entry(pool_node, struct pool, node));
	}
	if (console_clients() != 0)
		show->row(show, NULL);
}

static const struct show_column pool_columns[] = {
	{ "database", OID_TEXT, pool_value, POOL_DATABASE },
	{ "user", OID_TEXT, pool_value, POOL_USER },
	{ "cl_active", OID_INT4, pool_value, POOL_ACTIVE },
	{ "cl_waiting", OID_INT4, pool_value, POOL_WAITING },
	{ "cl_active_cancel_req", OID_INT4, pool_value, POOL_CANCELS },
	{ "cl_waiting_cancel_req", OID_INT4, pool_value, POOL_ZERO },
	{ "sv_active", OID_INT4, pool_servers, 1 << SERVER_LEASED },
	{ "sv_active_cancel", OID_INT4, pool_servers, 1 << SERVER_CANCELING },
	{ "sv_being_canceled", OID_INT4, pool_servers, 1 << SERVER_HELD },
	{ "sv_idle", OID_INT4, pool_servers, 1 << SERVER_IDLE },
	{ "sv_used", OID_INT4, pool_value, POOL_ZERO },
	{ "sv_tested", OID_INT4, pool_servers, 1 << SERVER_CHORES },
	{ "sv_login", OID_INT4, pool_servers, 1 << SERVER_CONNECTING | 1 << SERVER_LOGIN },
	{ "maxwait", OID_INT4, pool_value, POOL_MAXWAIT },
	{ "maxwait_us", OID_INT4, pool_value, POOL_MAXWAIT_US },
	{ "pool_mode", OID_TEXT, pool_value, POOL_MODE },
	{ "load_balance_hosts", OID_TEXT, pool_value, POOL_BALANCE },
};
const struct show_table show_pools = SHOW_TABLE(pool_columns, walk_pools);

/* ---- USERS ---- */

struct user_row {
	const char *name;
	const struct config_user *entry; /* NULL: none */
	const struct pool_user *count;	 /* NULL: no connections yet */
};

enum {
	USER_NAME,
	USER_POOL_SIZE,
	USER_RESERVE,
	USER_MODE,
	USER_MAX,
	USER_SERVERS,
	USER_MAX_CLIENTS,
	USER_CLIENTS
};

static bool sets(const struct config_user *entry, const char *name)
{
	const struct setting *row = settings_find(name, IN_USER, NULL);

	return entry != NULL && row != NULL && mask_has(&entry->set, settings_index(row));
}

/* PgBouncer aligns these two to the right, and leaves them empty when they are not set. */
static void user_size(struct cell *cell, bool set, int size)
{
	if (set)
		cell_printf(cell, "%9d", size);
	else
		cell_text(cell, "");
}

static void user_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct user_row *user = row;
	const struct config_user *entry = user->entry;

	switch (column->arg) {
	case USER_NAME:
		cell_text(cell, user->name);
		break;
	case USER_POOL_SIZE:
		user_size(cell, sets(entry, "pool_size"),
			  entry != NULL ? entry->settings.default_pool_size : 0);
		break;
	case USER_RESERVE:
		user_size(cell, sets(entry, "reserve_pool_size"),
			  entry != NULL ? entry->settings.reserve_pool_size : 0);
		break;
	case USER_MODE:
		if (sets(entry, "pool_mode"))
			cell_setting(cell, "pool_mode", &entry->settings);
		break;
	case USER_MAX:
		cell_integer(cell, sets(entry, "max_user_connections")
					   ? entry->settings.max_user_connections
					   : 0);
		break;
	case USER_SERVERS:
		cell_integer(cell, user->count != NULL ? user->count->servers : 0);
		break;
	case USER_MAX_CLIENTS:
		cell_integer(cell, sets(entry, "max_user_client_connections")
					   ? entry->settings.max_user_client_connections
					   : 0);
		break;
	case USER_CLIENTS:
		cell_integer(cell, user->count != NULL ? user->count->clients : 0);
	}
}

static int compare_users(const void *a, const void *b)
{
	return strcmp(((const struct user_row *)a)->name, ((const struct user_row *)b)->name);
}

static bool is_user(const void *value, const void *name)
{
	return strcmp(((const struct pool_user *)value)->name, name) == 0;
}

/* Users of the auth_file, those with an entry, and all who have been here: each once. */
static void walk_users(struct show *show)
{
	const struct pooler *pooler = show->pooler;
	const struct config *config = pooler->config;
	size_t room = pooler->secrets.by_user.count + config->user_count + pooler->users.count;
	struct user_row *rows = mem_zero((room + 1) * sizeof(*rows));
	const struct pool_user *user;
	const struct secret *secret;
	unsigned count = 0, i;
	size_t at = 0;

	while ((secret = secrets_walk(&pooler->secrets, &at)) != NULL)
		rows[count++].name = secret->user;
	for (i = 0; i < config->user_count; i++)
		rows[count++].name = config->users[i].name;
	for (at = 0; (user = map_walk(&pooler->users, &at)) != NULL;)
		rows[count++].name = user->name;
	qsort(rows, count, sizeof(*rows), compare_users);
	for (i = 0; i < count; i++) {
		const char *name = rows[i].name;

		if (i > 0 && strcmp(name, rows[i - 1].name) == 0)
			continue;
		rows[i].entry = config_user_find(config, name);
		rows[i].count =
			map_find_match(&pooler->users, map_hash(name, strlen(name)), is_user, name);
		show->row(show, &rows[i]);
	}
	free(rows);
}

static const struct show_column user_columns[] = {
	{ "name", OID_TEXT, user_value, USER_NAME },
	{ "pool_size", OID_TEXT, user_value, USER_POOL_SIZE },
	{ "reserve_pool_size", OID_TEXT, user_value, USER_RESERVE },
	{ "pool_mode", OID_TEXT, user_value, USER_MODE },
	{ "max_user_connections", OID_INT4, user_value, USER_MAX },
	{ "current_connections", OID_INT4, user_value, USER_SERVERS },
	{ "max_user_client_connections", OID_INT4, user_value, USER_MAX_CLIENTS },
	{ "current_client_connections", OID_INT4, user_value, USER_CLIENTS },
};
const struct show_table show_users = SHOW_TABLE(user_columns, walk_users);

/* ---- what we have not: the tables are there for scripts that read them ---- */

static void no_value(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)column;
	(void)row;
	cell_null(cell);
}

static void walk_nothing(struct show *show)
{
	(void)show;
}

static const struct show_column peer_columns[] = {
	{ "peer_id", OID_INT4, no_value, 0 },
	{ "host", OID_TEXT, no_value, 0 },
	{ "port", OID_INT4, no_value, 0 },
	{ "pool_size", OID_INT4, no_value, 0 },
};
const struct show_table show_peers = SHOW_TABLE(peer_columns, walk_nothing);

static const struct show_column peer_pool_columns[] = {
	{ "peer_id", OID_INT4, no_value, 0 },
	{ "cl_active_cancel_req", OID_INT4, no_value, 0 },
	{ "cl_waiting_cancel_req", OID_INT4, no_value, 0 },
	{ "sv_active_cancel", OID_INT4, no_value, 0 },
	{ "sv_login", OID_INT4, no_value, 0 },
};
const struct show_table show_peer_pools = SHOW_TABLE(peer_pool_columns, walk_nothing);
