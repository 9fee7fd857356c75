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
#include "session/peer.h"

static unsigned console_clients(void)
{
	return clients_in(CLIENT_CONSOLE)->count;
}

/* The members of a list as an array that the caller frees, in order of their names. */
static struct list_node **sorted(const struct list *list,
				 int (*compare)(const void *a, const void *b))
{
	struct list_node **nodes = mem_zero((list->count + 1) * sizeof(struct list_node *));
	unsigned count = 0;

	list_for_each(list, node, after)
		nodes[count++] = node;
	qsort(nodes, count, sizeof(struct list_node *), compare);
	return nodes;
}

static int compare_databases(const void *a, const void *b)
{
	const struct list_node *const *one = a, *const *other = b;

	return strcmp(list_entry(*one, const struct database, node)->name,
		      list_entry(*other, const struct database, node)->name);
}

void show_each_database(struct show *show,
			void (*each)(struct show *show, const struct database *database))
{
	struct list_node **nodes = sorted(&show->pooler->databases, compare_databases);
	bool console_shown = false;

	for (unsigned i = 0; nodes[i] != NULL; i++) {
		const struct database *database = list_entry(nodes[i], struct database, node);

		if (database->removed)
			continue;
		if (!console_shown && strcmp(database->name, CONSOLE_DATABASE) > 0) {
			each(show, NULL);
			console_shown = true;
		}
		each(show, database);
	}
	if (!console_shown)
		each(show, NULL);
	free(nodes);
}

/* Whether an entry says so itself, rather than the global section. */
static bool sets(const struct config_mask *set, enum setting_where where, const char *name)
{
	const struct setting *row = settings_find(name, where, NULL);

	return row != NULL && mask_has(set, settings_index(row));
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
};

/* As PgBouncer lists its own. */
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
	case DB_POOL_SIZE:
		cell_integer(cell, 2);
		break;
	case DB_RESERVE:
		cell_integer(cell, global->reserve_pool_size);
		break;
	case DB_LIFETIME:
		cell_integer(cell, global->server_lifetime / USEC_PER_SEC);
		break;
	case DB_MODE:
		cell_text(cell, "statement");
		break;
	case DB_MAX:
		cell_integer(cell, global->max_db_connections);
		break;
	case DB_MAX_CLIENTS:
		cell_integer(cell, global->max_db_client_connections);
		break;
	case DB_CLIENTS:
		cell_integer(cell, console_clients());
		break;
	case DB_HOST:
	case DB_BALANCE:
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

/* Only where there is something to balance. */
static const char *balance_name(const struct config_database *entry)
{
	if (entry->cluster != NULL || strchr(entry->host, ',') == NULL)
		return NULL;
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
		if (sets(&entry->set, IN_DATABASE, "pool_mode"))
			cell_setting(cell, "pool_mode", settings);
		break;
	case DB_BALANCE:
		cell_text(cell, balance_name(entry));
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
	}
}

static void show_database(struct show *show, const struct database *database)
{
	struct database_row row = { database, &show->pooler->config->settings };

	show->row(show, &row);
}

static void walk_databases(struct show *show)
{
	show_each_database(show, show_database);
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
};
const struct show_table show_databases = SHOW_TABLE(database_columns, walk_databases);

/* ---- POOLS ---- */

enum {
	POOL_DATABASE,
	POOL_USER,
	POOL_ACTIVE,
	POOL_WAITING,
	POOL_CANCELS_SENT,
	POOL_CANCELS_WAITING,
	POOL_SERVERS_ACTIVE,
	POOL_SERVERS_CANCEL,
	POOL_SERVERS_CANCELED,
	POOL_SERVERS_IDLE,
	POOL_SERVERS_USED,
	POOL_SERVERS_TESTED,
	POOL_SERVERS_LOGIN,
	POOL_MAXWAIT,
	POOL_MAXWAIT_US,
	POOL_MODE,
	POOL_BALANCE,
	POOL_COLUMNS,
};

/* A pool, or the console, and its servers by the columns that count them. */
struct pool_row {
	const struct pool *pool; /* NULL: the console */
	unsigned counts[POOL_COLUMNS];
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

static void pool_value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct pool_row *row = data;
	const struct pool *pool = row->pool;

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
		cell_text(cell, balance_name(pool->database->entry));
		break;
	default:
		cell_integer(cell, row->counts[column->arg]);
	}
}

static void count_server(struct pool_row *row, const struct server *server)
{
	static const uint8_t columns[] = {
		[SHOWN_NEW] = POOL_SERVERS_LOGIN,	  [SHOWN_IDLE] = POOL_SERVERS_IDLE,
		[SHOWN_USED] = POOL_SERVERS_USED,	  [SHOWN_TESTED] = POOL_SERVERS_TESTED,
		[SHOWN_ACTIVE] = POOL_SERVERS_ACTIVE,	  [SHOWN_CANCEL] = POOL_SERVERS_CANCEL,
		[SHOWN_CANCELED] = POOL_SERVERS_CANCELED,
	};
	enum shown_server state = shown_server(server);

	if (server->waits) { /* it has no connection yet */
		row->counts[POOL_CANCELS_WAITING]++;
		return;
	}
	row->counts[columns[state]]++;
	if (server->state == SERVER_CANCELING)
		row->counts[state == SHOWN_NEW ? POOL_CANCELS_WAITING : POOL_CANCELS_SENT]++;
}

static void show_pool(struct show *show, const struct pool *pool)
{
	struct pool_row row = { .pool = pool };

	list_for_each(&pool->hosts, host_node, after_host) {
		const struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (int state = 0; state < SERVER_CLOSED; state++)
			list_for_each(&at->servers[state], node, after)
				count_server(&row, list_entry(node, struct server, node));
	}
	show->row(show, &row);
}

static int compare_pools(const void *a, const void *b)
{
	const struct list_node *const *one = a, *const *other = b;

	return strcmp(list_entry(*one, const struct pool, node)->user,
		      list_entry(*other, const struct pool, node)->user);
}

static void show_pools_of(struct show *show, const struct database *database)
{
	struct pool_row console = { .pool = NULL };
	struct list_node **nodes;

	if (database == NULL) {
		show->row(show, &console);
		return;
	}
	nodes = sorted(&database->pools, compare_pools);
	for (unsigned i = 0; nodes[i] != NULL; i++)
		show_pool(show, list_entry(nodes[i], struct pool, node));
	free(nodes);
}

static void walk_pools(struct show *show)
{
	show_each_database(show, show_pools_of);
}

static const struct show_column pool_columns[] = {
	{ "database", OID_TEXT, pool_value, POOL_DATABASE },
	{ "user", OID_TEXT, pool_value, POOL_USER },
	{ "cl_active", OID_INT4, pool_value, POOL_ACTIVE },
	{ "cl_waiting", OID_INT4, pool_value, POOL_WAITING },
	{ "cl_active_cancel_req", OID_INT4, pool_value, POOL_CANCELS_SENT },
	{ "cl_waiting_cancel_req", OID_INT4, pool_value, POOL_CANCELS_WAITING },
	{ "sv_active", OID_INT4, pool_value, POOL_SERVERS_ACTIVE },
	{ "sv_active_cancel", OID_INT4, pool_value, POOL_SERVERS_CANCEL },
	{ "sv_being_canceled", OID_INT4, pool_value, POOL_SERVERS_CANCELED },
	{ "sv_idle", OID_INT4, pool_value, POOL_SERVERS_IDLE },
	{ "sv_used", OID_INT4, pool_value, POOL_SERVERS_USED },
	{ "sv_tested", OID_INT4, pool_value, POOL_SERVERS_TESTED },
	{ "sv_login", OID_INT4, pool_value, POOL_SERVERS_LOGIN },
	{ "maxwait", OID_INT4, pool_value, POOL_MAXWAIT },
	{ "maxwait_us", OID_INT4, pool_value, POOL_MAXWAIT_US },
	{ "pool_mode", OID_TEXT, pool_value, POOL_MODE },
	{ "load_balance_hosts", OID_TEXT, pool_value, POOL_BALANCE },
};
const struct show_table show_pools = SHOW_TABLE(pool_columns, walk_pools);

/* ---- USERS ---- */

struct user_row {
	const char *name;
	const struct settings *global;
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

static bool user_sets(const struct user_row *user, const char *name)
{
	return user->entry != NULL && sets(&user->entry->set, IN_USER, name);
}

/* PgBouncer aligns these two to the right, and leaves them empty when they are not set. */
static void user_size(struct cell *cell, bool set, int size)
{
	if (set)
		cell_printf(cell, "%9d", size);
	else
		cell_text(cell, "");
}

/* What holds for the user: its own, or everybody's. */
static const struct settings *user_limits(const struct user_row *user, const char *name)
{
	return user_sets(user, name) ? &user->entry->settings : user->global;
}

static void user_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct user_row *user = row;

	switch (column->arg) {
	case USER_NAME:
		cell_text(cell, user->name);
		break;
	case USER_POOL_SIZE:
		user_size(cell, user_sets(user, "pool_size"),
			  user->entry != NULL ? user->entry->settings.default_pool_size : 0);
		break;
	case USER_RESERVE:
		user_size(cell, user_sets(user, "reserve_pool_size"),
			  user->entry != NULL ? user->entry->settings.reserve_pool_size : 0);
		break;
	case USER_MODE:
		if (user_sets(user, "pool_mode"))
			cell_setting(cell, "pool_mode", &user->entry->settings);
		break;
	case USER_MAX:
		cell_integer(cell, user_limits(user, "max_user_connections")->max_user_connections);
		break;
	case USER_SERVERS:
		cell_integer(cell, user->count != NULL ? user->count->servers : 0);
		break;
	case USER_MAX_CLIENTS:
		cell_integer(cell, user_limits(user, "max_user_client_connections")
					   ->max_user_client_connections);
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

/*
 * The console's, those of the auth_file, with an entry, and all who have been here: each once, in
 * order.  The caller frees them.
 */
static struct user_row *collect_users(const struct pooler *pooler, unsigned *count)
{
	const struct config *config = pooler->config;
	size_t room =
		pooler->access.secrets.by_user.count + config->user_count + pooler->users.count + 1;
	struct user_row *rows = mem_zero(room * sizeof(*rows));
	const struct pool_user *user;
	const struct secret *secret;
	unsigned all = 0, i;
	size_t at = 0;

	rows[all++].name = CONSOLE_DATABASE;
	while ((secret = secrets_walk(&pooler->access.secrets, &at)) != NULL)
		rows[all++].name = secret->user;
	for (i = 0; i < config->user_count; i++)
		rows[all++].name = config->users[i].name;
	for (at = 0; (user = map_walk(&pooler->users, &at)) != NULL;)
		rows[all++].name = user->name;
	qsort(rows, all, sizeof(*rows), compare_users);
	*count = 0;
	for (i = 0; i < all; i++)
		if (i == 0 || strcmp(rows[i].name, rows[*count - 1].name) != 0)
			rows[(*count)++] = rows[i];
	return rows;
}

unsigned show_count_users(const struct pooler *pooler)
{
	unsigned count;

	free(collect_users(pooler, &count));
	return count;
}

static void walk_users(struct show *show)
{
	const struct pooler *pooler = show->pooler;
	unsigned count;
	struct user_row *rows = collect_users(pooler, &count);

	for (unsigned i = 0; i < count; i++) {
		const char *name = rows[i].name;

		rows[i].global = &pooler->config->settings;
		rows[i].entry = config_user_find(pooler->config, name);
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

/* ---- PEERS and PEER_POOLS ---- */

enum {
	PEER_ID,
	PEER_HOST,
	PEER_PORT,
	PEER_POOL_SIZE,
	PEER_WAITING_CANCELS,
	PEER_SENT,
	PEER_CONNECTING,
};

static void peer_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct config_peer *peer = row;
	struct peer_counts counts = peer_counts(peer->id);

	switch (column->arg) {
	case PEER_ID:
		cell_integer(cell, peer->id);
		break;
	case PEER_HOST:
		cell_text(cell, peer->host);
		break;
	case PEER_PORT:
		cell_integer(cell, peer->port);
		break;
	case PEER_POOL_SIZE:
		cell_integer(cell, peer->pool_size);
		break;
	case PEER_WAITING_CANCELS:
		cell_integer(cell, (int64_t)counts.waiting + counts.connecting);
		break;
	case PEER_SENT:
		cell_integer(cell, counts.sent);
		break;
	case PEER_CONNECTING:
		cell_integer(cell, counts.connecting);
	}
}

static void walk_peers(struct show *show)
{
	const struct config *config = show->pooler->config;

	for (unsigned i = 0; i < config->peer_count; i++)
		show->row(show, &config->peers[i]);
}

static const struct show_column peer_columns[] = {
	{ "peer_id", OID_INT4, peer_value, PEER_ID },
	{ "host", OID_TEXT, peer_value, PEER_HOST },
	{ "port", OID_INT4, peer_value, PEER_PORT },
	{ "pool_size", OID_INT4, peer_value, PEER_POOL_SIZE },
};
const struct show_table show_peers = SHOW_TABLE(peer_columns, walk_peers);

static const struct show_column peer_pool_columns[] = {
	{ "peer_id", OID_INT4, peer_value, PEER_ID },
	{ "cl_active_cancel_req", OID_INT4, peer_value, PEER_SENT },
	{ "cl_waiting_cancel_req", OID_INT4, peer_value, PEER_WAITING_CANCELS },
	{ "sv_active_cancel", OID_INT4, peer_value, PEER_SENT },
	{ "sv_login", OID_INT4, peer_value, PEER_CONNECTING },
};
const struct show_table show_peer_pools = SHOW_TABLE(peer_pool_columns, walk_peers);
