/* SPDX-License-Identifier: ISC */
/* The tables of keys that only entries of [databases], [clusters] and [peers] have. */
#include "conf/entry.h"

#include <string.h>

#include "conf/spell.h"
#include "conf/value.h"

#define IN_DB(name) offsetof(struct config_database, name)
#define IN_CL(name) offsetof(struct config_cluster, name)
#define IN_PR(name) offsetof(struct config_peer, name)

static const struct setting_word load_balances[] = {
	{ "round-robin", LOAD_BALANCE_ROUND_ROBIN },
	{ "disable", LOAD_BALANCE_DISABLE },
	{ NULL, 0 },
};

static const struct setting_word discoveries[] = {
	{ "hosts", 0 },
	{ "patroni", WORD_REFUSED },
	{ "etcd", WORD_REFUSED },
	{ NULL, 0 },
};

/* clang-format off */
static const struct setting database_rows[] = {
{ "application_name", KEY_STRING, IN_DB(application_name), "", NULL, NULL, NULL, IN_DATABASE,
  NEW_CONNECTIONS, "Startup parameter of the servers." },
{ "client_encoding", KEY_STRING, IN_DB(client_encoding), "", NULL, NULL, NULL, IN_DATABASE,
  NEW_CONNECTIONS, "Startup parameter of the servers." },
{ "cluster", KEY_STRING, IN_DB(cluster_name), "", NULL, NULL, NULL, IN_DATABASE, RECONNECT,
  "The entry of `[clusters]` that serves this database; in place of `host`." },
{ "connect_query", KEY_STRING, IN_DB(connect_query), "", NULL, NULL, NULL, IN_DATABASE, RECONNECT,
  "Query that each server runs once after its login." },
{ "datestyle", KEY_STRING, IN_DB(datestyle), "", NULL, NULL, NULL, IN_DATABASE, NEW_CONNECTIONS,
  "Startup parameter of the servers." },
{ "dbname", KEY_STRING, IN_DB(dbname), "", NULL, NULL, NULL, IN_DATABASE, RECONNECT,
  "Name of the database at the server; the name of the entry unless said." },
{ "host", KEY_STRING, IN_DB(host), "", NULL, NULL, NULL, IN_DATABASE, RECONNECT,
  "Names, addresses, `/folder` or `@abstract`, separated by commas; `unix_socket_dir` "
  "unless said." },
{ "load_balance_hosts", KEY_WORD, IN_DB(load_balance_hosts), "round-robin", NULL, NULL,
  load_balances, IN_DATABASE, RECONNECT,
  "With several hosts: take turns, or stay on one until a connect fails." },
{ "password", KEY_SECRET, IN_DB(password), "", NULL, NULL, NULL, IN_DATABASE, NEW_CONNECTIONS,
  "Password for the servers; clients do not need to know it." },
{ "port", KEY_INT, IN_DB(port), "5432", "1", "65535", NULL, IN_DATABASE, RECONNECT,
  "Port of all hosts." },
{ "timezone", KEY_STRING, IN_DB(timezone), "", NULL, NULL, NULL, IN_DATABASE, NEW_CONNECTIONS,
  "Startup parameter of the servers." },
{ "user", KEY_STRING, IN_DB(user), "", NULL, NULL, NULL, IN_DATABASE, RECONNECT,
  "All servers log in as this user: one pool for all clients." },
};

static const struct setting cluster_rows[] = {
{ "discovery", KEY_WORD, IN_CL(discovery), "hosts", NULL, NULL, discoveries, IN_CLUSTER, RECONNECT,
  "How hosts are found: `hosts` names them all and their roles are found by asking." },
{ "hosts", KEY_STRING, IN_CL(hosts_text), "", NULL, NULL, NULL, IN_CLUSTER, RECONNECT,
  "`host`, `host:port`, `[IPv6]:port` or `/folder:port`, separated by commas." },
{ "monitor_dbname", KEY_STRING, IN_CL(monitor_dbname), "postgres", NULL, NULL, NULL, IN_CLUSTER,
  LIVE, "Database that the monitor connects to." },
{ "monitor_password", KEY_SECRET, IN_CL(monitor_password), "", NULL, NULL, NULL, IN_CLUSTER, LIVE,
  "Password of monitor_user." },
{ "monitor_user", KEY_STRING, IN_CL(monitor_user), "", NULL, NULL, NULL, IN_CLUSTER, LIVE,
  "User of the monitor; it needs the rights of pg_monitor." },
};

static const struct setting peer_rows[] = {
{ "host", KEY_STRING, IN_PR(host), "", NULL, NULL, NULL, IN_PEER, LIVE,
  "Name, address, `/folder` or `@abstract` where the other process listens." },
{ "pool_size", KEY_INT, IN_PR(pool_size), "0", "0", NULL, NULL, IN_PEER, LIVE,
  "Cancel requests on their way to it at a time; 0 is `default_pool_size`." },
{ "port", KEY_INT, IN_PR(port), "6432", "1", "65535", NULL, IN_PEER, LIVE, "Its port." },
};
/* clang-format on */

#define DATABASE_ROWS (sizeof(database_rows) / sizeof(database_rows[0]))
#define CLUSTER_ROWS (sizeof(cluster_rows) / sizeof(cluster_rows[0]))
#define PEER_ROWS (sizeof(peer_rows) / sizeof(peer_rows[0]))

static const struct shelf {
	enum setting_where where;
	const struct setting *rows;
	unsigned count;
} shelves[] = {
	{ IN_DATABASE, database_rows, DATABASE_ROWS },
	{ IN_CLUSTER, cluster_rows, CLUSTER_ROWS },
	{ IN_PEER, peer_rows, PEER_ROWS },
};

static const struct shelf *shelf_of(enum setting_where where)
{
	static const struct shelf none;

	for (size_t i = 0; i < sizeof(shelves) / sizeof(shelves[0]); i++)
		if (shelves[i].where == where)
			return &shelves[i];
	return &none;
}

unsigned entry_count(enum setting_where where)
{
	return shelf_of(where)->count;
}

const struct setting *entry_row(enum setting_where where, unsigned i)
{
	const struct shelf *shelf = shelf_of(where);

	return i < shelf->count ? &shelf->rows[i] : NULL;
}

const struct setting *entry_find(const char *key, enum setting_where where, bool *own,
				 struct text *why)
{
	const struct setting *row;
	struct spell near;
	unsigned i;

	*own = true;
	for (i = 0; (row = entry_row(where, i)) != NULL; i++)
		if (strcmp(row->name, key) == 0)
			return row;
	*own = false;
	row = settings_find(key, where, NULL);
	if (row != NULL)
		return row;
	spell_init(&near, key);
	for (i = 0; (row = entry_row(where, i)) != NULL; i++)
		spell_try(&near, row->name);
	settings_explain(key, where, &near, why);
	return NULL;
}

void entry_init(enum setting_where where, void *entry)
{
	unsigned i;

	for (i = 0; i < entry_count(where); i++)
		value_reset(entry_row(where, i), entry);
}
