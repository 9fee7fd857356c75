/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_STATS_H
#define PGWEIR_POOL_STATS_H

#include <stdint.h>

/*
 * Counters of a pool, added up when asked.  One list; the struct, SHOW STATS, SHOW TOTALS and
 * the averages are made from it: field, name in SHOW STATS, name of its average, name in SHOW
 * STATS_TOTALS and in SHOW TOTALS.  Times are microseconds.
 */
#define POOL_COUNTERS(X)                                                                           \
	X(server_assignments, "server_assignment_count", "server_assignment_count",                \
	  "server_assignment_count", "server_assignment_count")                                    \
	X(transactions, "xact_count", "xact_count", "xact_count", "xact_count")                    \
	X(queries, "query_count", "query_count", "query_count", "query_count")                     \
	X(received, "received", "recv", "bytes_received", "client_bytes")                          \
	X(sent, "sent", "sent", "bytes_sent", "server_bytes")                                      \
	X(transaction_usec, "xact_time", "xact_time", "xact_time", "xact_time")                    \
	X(query_usec, "query_time", "query_time", "query_time", "query_time")                      \
	X(wait_usec, "wait_time", "wait_time", "wait_time", "wait_time")                           \
	X(client_parses, "client_parse_count", "client_parse_count", "client_parse_count",         \
	  "ps_client_parse_count")                                                                 \
	X(server_parses, "server_parse_count", "server_parse_count", "server_parse_count",         \
	  "ps_server_parse_count")                                                                 \
	X(binds, "bind_count", "bind_count", "bind_count", "ps_bind_count")                        \
	X(client_logins, "client_login_count", "client_login_count", "client_login_count",         \
	  "client_login_count")

#define POOL_COUNTER_FIELD(field, stats, avg, totals, sum) uint64_t field;
struct pool_stats {
	POOL_COUNTERS(POOL_COUNTER_FIELD)
};
#undef POOL_COUNTER_FIELD

#define POOL_COUNTER_ONE(field, stats, avg, totals, sum) +1
enum { POOL_COUNTER_COUNT = 0 POOL_COUNTERS(POOL_COUNTER_ONE) };
#undef POOL_COUNTER_ONE

/* The counters as they were at the two last ends of a stats_period. */
struct pool_history {
	struct pool_stats newer;
	struct pool_stats older;
};

/* Adds `more` to `sum`. */
void pool_stats_add(struct pool_stats *sum, const struct pool_stats *more);

/* The counters as an array in the order of the list. */
const uint64_t *pool_stats_values(const struct pool_stats *stats);

#endif
