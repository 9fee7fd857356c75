/* SPDX-License-Identifier: ISC */
/* SHOW STATS and its relatives, made from the list of counters. */
#include "admin/console.h"
#include "admin/show.h"
#include "admin/stats.h"
#include "pool/database.h"
#include "pool/pool.h"

#define COUNTER(field, stats, avg, totals, sum) COUNTER_##field,
enum { POOL_COUNTERS(COUNTER) };
#undef COUNTER

struct row {
	const char *database;
	struct pool_stats totals;
	struct pool_stats averages;
};

static void database_name(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)column;
	cell_text(cell, ((const struct row *)row)->database);
}

static void total(struct cell *cell, const struct show_column *column, const void *row)
{
	cell_integer(cell,
		     (int64_t)pool_stats_values(&((const struct row *)row)->totals)[column->arg]);
}

static void average(struct cell *cell, const struct show_column *column, const void *row)
{
	cell_integer(cell,
		     (int64_t)pool_stats_values(&((const struct row *)row)->averages)[column->arg]);
}

/* A database without pools has no row, as in PgBouncer. */
static void show_database(struct show *show, const struct database *database)
{
	struct row row = { .database = database != NULL ? database->name : CONSOLE_DATABASE };

	if (database != NULL && list_is_empty(&database->pools))
		return;
	stats_database(database, &row.totals, &row.averages);
	show->row(show, &row);
}

static void walk(struct show *show)
{
	show_each_database(show, show_database);
}

#define TOTAL(field, stats, avg, totals, sum)                                                      \
	{ "total_" stats, OID_NUMERIC, total, COUNTER_##field },
#define AVERAGE(field, stats, avg, totals, sum)                                                    \
	{ "avg_" avg, OID_NUMERIC, average, COUNTER_##field },
#define PLAIN_TOTAL(field, stats, avg, totals, sum) { totals, OID_NUMERIC, total, COUNTER_##field },

static const struct show_column stats_columns[] = { { "database", OID_TEXT, database_name, 0 },
						    POOL_COUNTERS(TOTAL) POOL_COUNTERS(AVERAGE) };

static const struct show_column totals_columns[] = { { "database", OID_TEXT, database_name, 0 },
						     POOL_COUNTERS(PLAIN_TOTAL) };

/* PgBouncer prefixes the last four only. */
static const struct show_column averages_columns[] = {
	{ "database", OID_TEXT, database_name, 0 },
	{ "server_assignment_count", OID_NUMERIC, average, COUNTER_server_assignments },
	{ "xact_count", OID_NUMERIC, average, COUNTER_transactions },
	{ "query_count", OID_NUMERIC, average, COUNTER_queries },
	{ "bytes_received", OID_NUMERIC, average, COUNTER_received },
	{ "bytes_sent", OID_NUMERIC, average, COUNTER_sent },
	{ "xact_time", OID_NUMERIC, average, COUNTER_transaction_usec },
	{ "query_time", OID_NUMERIC, average, COUNTER_query_usec },
	{ "wait_time", OID_NUMERIC, average, COUNTER_wait_usec },
	{ "avg_client_parse_count", OID_NUMERIC, average, COUNTER_client_parses },
	{ "avg_server_parse_count", OID_NUMERIC, average, COUNTER_server_parses },
	{ "avg_bind_count", OID_NUMERIC, average, COUNTER_binds },
	{ "avg_client_login_count", OID_NUMERIC, average, COUNTER_client_logins },
};

const struct show_table show_stats = SHOW_TABLE(stats_columns, walk);
const struct show_table show_stats_totals = SHOW_TABLE(totals_columns, walk);
const struct show_table show_stats_averages = SHOW_TABLE(averages_columns, walk);

/* ---- TOTALS: one row a counter ---- */

struct sum {
	const char *name;
	uint64_t value;
};

static void sum_name(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)column;
	cell_text(cell, ((const struct sum *)row)->name);
}

static void sum_value(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)column;
	cell_integer(cell, (int64_t)((const struct sum *)row)->value);
}

#define TOTAL_NAME(field, stats, avg, totals, sum) "total_" sum,
#define AVERAGE_NAME(field, stats, avg, totals, sum) "avg_" sum,
static const char *const sum_names[2][POOL_COUNTER_COUNT] = {
	{ POOL_COUNTERS(TOTAL_NAME) },
	{ POOL_COUNTERS(AVERAGE_NAME) },
};

static void walk_sums(struct show *show)
{
	struct pool_stats totals, averages;

	stats_process(show->pooler, &totals, &averages);
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < POOL_COUNTER_COUNT; j++) {
			const uint64_t *values = pool_stats_values(i == 0 ? &totals : &averages);
			struct sum sum = { sum_names[i][j], values[j] };

			show->row(show, &sum);
		}
}

static const struct show_column sum_columns[] = {
	{ "name", OID_TEXT, sum_name, 0 },
	{ "value", OID_NUMERIC, sum_value, 0 },
};
const struct show_table show_totals = { sum_columns, 2, walk_sums };
