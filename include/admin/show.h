/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_SHOW_H
#define PGWEIR_ADMIN_SHOW_H

#include <stdint.h>

#include "admin/result.h"

struct database;
struct pooler;
struct server;
struct settings;

/* A column of a result: its value is made from a row, whose type only the table knows. */
struct show_column {
	const char *name;
	uint32_t oid;
	void (*value)(struct cell *cell, const struct show_column *column, const void *row);
	unsigned arg; /* the column's own */
};

/* A walk over the rows of a table; who wants them embeds this. */
struct show {
	struct pooler *pooler;
	void (*row)(struct show *show, const void *row); /* valid during the call */
};

/* A result of the console.  Column names and order are PgBouncer's, ours stand at the end. */
struct show_table {
	const struct show_column *columns;
	unsigned count;
	void (*walk)(struct show *show);
};

/* The initializer of one, from its array of columns. */
#define SHOW_TABLE(columns, walk)                                                                  \
	{                                                                                          \
		columns, sizeof(columns) / sizeof((columns)[0]), walk                              \
	}

extern const struct show_table show_active_sockets, show_clients, show_config, show_counters,
	show_databases, show_dns_hosts, show_dns_zones, show_fds, show_helpers, show_hosts,
	show_lists, show_login_queues, show_mem, show_peer_pools, show_peers, show_pools,
	show_prepared_statements, show_routes, show_servers, show_sockets, show_state, show_stats,
	show_stats_averages, show_stats_totals, show_totals, show_users, show_version;

/* Parameters that drivers ask for; the values are constant. */
extern const struct show_table show_one, show_application_name, show_client_encoding,
	show_date_style, show_default_isolation, show_extra_float_digits, show_isolation,
	show_server_version, show_std_strings, show_time_zone;

/*
 * Calls `each` for the databases in order of name; the console's own, which is NULL, is one of
 * them.
 */
void show_each_database(struct show *show,
			void (*each)(struct show *show, const struct database *database));

/* How many rows SHOW USERS has. */
unsigned show_count_users(const struct pooler *pooler);

/* The states of servers as SHOW tells them, in PgBouncer's words. */
enum shown_server {
	SHOWN_NEW,
	SHOWN_IDLE,
	SHOWN_USED, /* rests for longer than server_check_delay: is checked before its next lease */
	SHOWN_TESTED,
	SHOWN_ACTIVE,
	SHOWN_CANCEL, /* carries a cancel request */
	SHOWN_CANCELED,
};
enum shown_server shown_server(const struct server *server);

/* The version that the console reports as PostgreSQL's. */
#define SHOW_SERVER_VERSION (PACKAGE_VERSION "/pgweir")

/* "2026-11-23 11:57:02 UTC" of a monotonic moment; SQL NULL if it is 0. */
void cell_time(struct cell *cell, int64_t moment);

/* A setting in the words of the configuration file. */
void cell_setting(struct cell *cell, const char *name, const struct settings *settings);

#endif
