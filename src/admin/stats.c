/* SPDX-License-Identifier: ISC */
/* Averages over the last whole stats_period. */
#include "admin/stats.h"

#include <inttypes.h>
#include <string.h>

#include "io/deadline.h"
#include "pool/database.h"
#include "pool/pool.h"

/* The one timer, and when the period under way began. */
static struct {
	struct pooler *pooler;
	struct deadlines timer;
	struct deadline next;
	usec_t began;
} period;

static uint64_t per_second(uint64_t before, uint64_t after, int64_t usec)
{
	/* A pool that is new counts from 0; one never counts backwards. */
	return (uint64_t)((double)(after - before) * (double)USEC_PER_SEC / (double)usec);
}

static uint64_t per_event(uint64_t before, uint64_t after, uint64_t events)
{
	return events != 0 ? (after - before) / events : 0;
}

void stats_average(const struct pool_stats *before, const struct pool_stats *after, int64_t usec,
		   struct pool_stats *average)
{
	if (usec <= 0)
		usec = 1;
#define AVERAGE(field, stats, avg, totals, sum)                                                    \
	average->field = per_second(before->field, after->field, usec);
	POOL_COUNTERS(AVERAGE)
#undef AVERAGE
	average->transaction_usec = per_event(before->transaction_usec, after->transaction_usec,
					      after->transactions - before->transactions);
	average->query_usec =
		per_event(before->query_usec, after->query_usec, after->queries - before->queries);
}

void stats_totals(const struct database *database, struct pool_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	list_for_each(&database->pools, node, after)
		pool_stats_add(sum, &list_entry(node, struct pool, node)->stats);
}

/* Of several pools: rates add up, times are weighted by their events. */
static void weigh(struct pool_stats *sum, const struct pool_stats *more)
{
	uint64_t transactions = sum->transactions + more->transactions;
	uint64_t queries = sum->queries + more->queries;
	uint64_t transaction_usec = sum->transaction_usec * sum->transactions +
				    more->transaction_usec * more->transactions;
	uint64_t query_usec = sum->query_usec * sum->queries + more->query_usec * more->queries;

	/* Less than one a second: the larger of the two is the better guess. */
	if (transactions == 0)
		transaction_usec = sum->transaction_usec > more->transaction_usec
					   ? sum->transaction_usec
					   : more->transaction_usec;
	if (queries == 0)
		query_usec =
			sum->query_usec > more->query_usec ? sum->query_usec : more->query_usec;
	pool_stats_add(sum, more);
	sum->transaction_usec =
		transactions != 0 ? transaction_usec / transactions : transaction_usec;
	sum->query_usec = queries != 0 ? query_usec / queries : query_usec;
}

void stats_averages(const struct database *database, struct pool_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	list_for_each(&database->pools, node, after)
		weigh(sum, &list_entry(node, struct pool, node)->averages);
}

void stats_process(const struct pooler *pooler, struct pool_stats *totals,
		   struct pool_stats *averages)
{
	struct pool_stats sum;

	memset(totals, 0, sizeof(*totals));
	memset(averages, 0, sizeof(*averages));
	list_for_each(&pooler->databases, node, after) {
		const struct database *database = list_entry(node, struct database, node);

		stats_totals(database, &sum);
		pool_stats_add(totals, &sum);
		stats_averages(database, &sum);
		weigh(averages, &sum);
	}
}

static void log_averages(const struct pool_stats *average)
{
	log_info(process,
		 "stats: %" PRIu64 " xacts/s, %" PRIu64 " queries/s, %" PRIu64
		 " client parses/s, %" PRIu64 " server parses/s, %" PRIu64 " binds/s, %" PRIu64
		 " client logins/s, in %" PRIu64 " B/s, out %" PRIu64 " B/s, xact %" PRIu64
		 " us, query %" PRIu64 " us, wait %" PRIu64 " us",
		 average->transactions, average->queries, average->client_parses,
		 average->server_parses, average->binds, average->client_logins, average->received,
		 average->sent, average->transaction_usec, average->query_usec, average->wait_usec);
}

static void end_database(const struct database *database, usec_t usec)
{
	list_for_each(&database->pools, node, after) {
		struct pool *pool = list_entry(node, struct pool, node);

		stats_average(&pool->averaged, &pool->stats, usec, &pool->averages);
		pool->averaged = pool->stats;
	}
}

static void begin_period(void)
{
	usec_t length = period.pooler->config->settings.stats_period;

	period.began = clock_now();
	deadline_set(&period.timer, &period.next, period.began + length);
}

static void on_period(struct deadlines *deadlines, struct list_node *node)
{
	usec_t usec = clock_now() - period.began;
	struct pool_stats totals, averages;

	(void)deadlines;
	(void)node;
	list_for_each(&period.pooler->databases, database_node, after)
		end_database(list_entry(database_node, struct database, node), usec);
	if (period.pooler->config->settings.log_stats) {
		stats_process(period.pooler, &totals, &averages);
		log_averages(&averages);
	}
	begin_period();
}

void stats_init(struct pooler *pooler)
{
	memset(&period, 0, sizeof(period));
	period.pooler = pooler;
	deadlines_init(&period.timer, pooler->loop, on_period);
	begin_period();
}

void stats_done(void)
{
	deadlines_done(&period.timer);
}
