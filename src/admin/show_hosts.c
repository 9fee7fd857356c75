/* SPDX-License-Identifier: ISC */
/* SHOW HOSTS. */
#include "admin/show.h"
#include "cluster/cluster.h"
#include "pool/database.h"

enum {
	HOST_CLUSTER,
	HOST_NAME,
	HOST_PORT,
	HOST_ROLE,
	HOST_HEALTH,
	HOST_ADMIN,
	HOST_LAG,
	HOST_TIMELINE,
	HOST_LSN,
	HOST_CONNECTIONS,
	HOST_LEASED,
	HOST_READS,
	HOST_WRITES,
	HOST_CAUSE,
};

static void host_lag_value(struct cell *cell, const struct host *host)
{
	usec_t lag = host_lag(host, clock_now());

	if (host->cluster->monitored && lag != LAG_UNKNOWN)
		cell_printf(cell, "%lld.%03lld", (long long)(lag / USEC_PER_SEC),
			    (long long)(lag % USEC_PER_SEC / USEC_PER_MSEC));
}

/* Why it is not used as its role would have it. */
static void host_cause_value(struct cell *cell, const struct host *host)
{
	if (host->cause != CAUSE_NONE)
		cell_text(cell, host->cause_text != NULL ? host->cause_text
							 : health_cause_text(host->cause));
	else if (host->ending)
		cell_text(cell, "going down");
	else if (host->standing != STANDING_NONE && host->standing != STANDING_PRIMARY)
		cell_text(cell, standing_name(host->standing));
}

static void host_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct host *host = row;

	switch (column->arg) {
	case HOST_CLUSTER:
		cell_text(cell, host->cluster->name);
		break;
	case HOST_NAME:
		cell_text(cell, host->name);
		break;
	case HOST_PORT:
		cell_integer(cell, host->port);
		break;
	case HOST_ROLE:
		cell_text(cell, host->cluster->monitored ? role_name(host->role) : NULL);
		break;
	case HOST_HEALTH:
		cell_text(cell, health_name(host->health));
		break;
	case HOST_ADMIN:
		cell_text(cell, admin_name(host->admin));
		break;
	case HOST_LAG:
		host_lag_value(cell, host);
		break;
	case HOST_TIMELINE:
		if (host->timeline != 0)
			cell_integer(cell, host->timeline);
		break;
	case HOST_LSN:
		if (host->position != 0)
			cell_printf(cell, "%X/%X", (unsigned)(host->position >> 32),
				    (unsigned)host->position);
		break;
	case HOST_CONNECTIONS:
		cell_integer(cell, host->connections);
		break;
	case HOST_LEASED:
		cell_integer(cell, host->leased);
		break;
	case HOST_READS:
		cell_integer(cell, (int64_t)host->reads);
		break;
	case HOST_WRITES:
		cell_integer(cell, (int64_t)host->writes);
		break;
	case HOST_CAUSE:
		host_cause_value(cell, host);
	}
}

static void walk_cluster(struct show *show, const struct cluster *cluster)
{
	list_for_each(&cluster->hosts, node, after)
		show->row(show, list_entry(node, struct host, node));
}

/* The clusters of the configuration, then the hosts of plain databases. */
static void walk_hosts(struct show *show)
{
	list_for_each(&show->pooler->clusters, node, after)
		walk_cluster(show, list_entry(node, struct pool_cluster, node)->cluster);
	list_for_each(&show->pooler->databases, node, after) {
		const struct database *database = list_entry(node, struct database, node);

		if (!database->removed && !database_is_split(database))
			walk_cluster(show, database->cluster);
	}
}

static const struct show_column host_columns[] = {
	{ "cluster", OID_TEXT, host_value, HOST_CLUSTER },
	{ "host", OID_TEXT, host_value, HOST_NAME },
	{ "port", OID_INT4, host_value, HOST_PORT },
	{ "role", OID_TEXT, host_value, HOST_ROLE },
	{ "health", OID_TEXT, host_value, HOST_HEALTH },
	{ "admin", OID_TEXT, host_value, HOST_ADMIN },
	{ "lag", OID_NUMERIC, host_value, HOST_LAG },
	{ "timeline", OID_INT8, host_value, HOST_TIMELINE },
	{ "lsn", OID_TEXT, host_value, HOST_LSN },
	{ "connections", OID_INT4, host_value, HOST_CONNECTIONS },
	{ "leased", OID_INT4, host_value, HOST_LEASED },
	{ "reads", OID_INT8, host_value, HOST_READS },
	{ "writes", OID_INT8, host_value, HOST_WRITES },
	{ "cause", OID_TEXT, host_value, HOST_CAUSE },
};
const struct show_table show_hosts = SHOW_TABLE(host_columns, walk_hosts);

/* ---- ROUTES: how the databases with a cluster are split ---- */

enum { ROUTE_DATABASE, ROUTE_CLUSTER };

static void route_name(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct database *database = row;

	cell_text(cell,
		  column->arg == ROUTE_DATABASE ? database->name : database->entry->cluster_name);
}

/* Of the setting that has the column's name. */
static void route_setting(struct cell *cell, const struct show_column *column, const void *row)
{
	cell_setting(cell, column->name, &((const struct database *)row)->entry->settings);
}

static void show_route(struct show *show, const struct database *database)
{
	if (database != NULL && database->entry->cluster != NULL)
		show->row(show, database);
}

static void walk_routes(struct show *show)
{
	show_each_database(show, show_route);
}

static const struct show_column route_columns[] = {
	{ "database", OID_TEXT, route_name, ROUTE_DATABASE },
	{ "cluster", OID_TEXT, route_name, ROUTE_CLUSTER },
	{ "route", OID_TEXT, route_setting, 0 },
	{ "read_consistency", OID_TEXT, route_setting, 0 },
	{ "max_replica_lag", OID_TEXT, route_setting, 0 },
	{ "no_replica", OID_TEXT, route_setting, 0 },
};
const struct show_table show_routes = SHOW_TABLE(route_columns, walk_routes);
