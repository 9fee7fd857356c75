/* SPDX-License-Identifier: ISC */
/* Totals and averages of the counters. */
#include "admin/stats.h"

#include <inttypes.h>
#include <string.h>

#include "admin/console.h"
#include "admin/session.h"
#include "base/text.h"
#include "io/deadline.h"
#include "pool/database.h"
#include "pool/pool.h"

/* The one timer, and when the period under way and the one before it began. */
static struct {
	struct pooler *pooler;
	struct deadlines timer;
	struct deadline next;
	usec_t newer;
	usec_t older;
} period;

/* The console has no pool. */
static struct {
	struct pool_stats stats;
	struct pool_history history;
} console;

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
	average->wait_usec = per_event(before->wait_usec, after->wait_usec,
				       after->server_assignments - before->server_assignments);
}

struct pool_stats *stats_console(void)
{
	return &console.stats;
}

static void add_database(const struct database *database, struct pool_stats *totals,
			 struct pool_stats *older)
{
	if (database == NULL) {
		pool_stats_add(totals, &console.stats);
		pool_stats_add(older, &console.history.older);
		return;
	}
	list_for_each(&database->pools, node, after) {
		const struct pool *pool = list_entry(node, struct pool, node);

		pool_stats_add(totals, &pool->stats);
		pool_stats_add(older, &pool->history.older);
	}
}

void stats_database(const struct database *database, struct pool_stats *totals,
		    struct pool_stats *averages)
{
	struct pool_stats older = { 0 };

	memset(totals, 0, sizeof(*totals));
	add_database(database, totals, &older);
	stats_average(&older, totals, clock_now() - period.older, averages);
}

void stats_process(const struct pooler *pooler, struct pool_stats *totals,
		   struct pool_stats *averages)
{
	struct pool_stats older = { 0 };

	memset(totals, 0, sizeof(*totals));
	list_for_each(&pooler->databases, node, after)
		add_database(list_entry(node, struct database, node), totals, &older);
	add_database(NULL, totals, &older);
	stats_average(&older, totals, clock_now() - period.older, averages);
}

/* The line of the log, which the service manager gets too. */
static void say_averages(const struct pool_stats *average)
{
	struct text line = { 0 };

	text_printf(&line,
		    "stats: %" PRIu64 " xacts/s, %" PRIu64 " queries/s, %" PRIu64
		    " client parses/s, %" PRIu64 " server parses/s, %" PRIu64 " binds/s, %" PRIu64
		    " client logins/s, in %" PRIu64 " B/s, out %" PRIu64 " B/s, xact %" PRIu64
		    " us, query %" PRIu64 " us, wait %" PRIu64 " us",
		    average->transactions, average->queries, average->client_parses,
		    average->server_parses, average->binds, average->client_logins,
		    average->received, average->sent, average->transaction_usec,
		    average->query_usec, average->wait_usec);
	if (period.pooler->config->settings.log_stats)
		log_info(process, "%s", text_string(&line));
	console_owner()->status(console_owner(), text_string(&line));
	text_done(&line);
}

static void turn_page(struct pool_history *history, const struct pool_stats *stats)
{
	history->older = history->newer;
	history->newer = *stats;
}

static void turn_pages(struct pooler *pooler)
{
	list_for_each(&pooler->databases, database_node, after_database) {
		struct database *database = list_entry(database_node, struct database, node);

		list_for_each(&database->pools, node, after) {
			struct pool *pool = list_entry(node, struct pool, node);

			turn_page(&pool->history, &pool->stats);
		}
	}
	turn_page(&console.history, &console.stats);
}

static void begin_period(void)
{
	usec_t length = period.pooler->config->settings.stats_period;

	if (length < USEC_PER_SEC)
		length = USEC_PER_SEC;
	period.older = period.newer;
	period.newer = clock_now();
	deadline_set(&period.timer, &period.next, period.newer + length);
}

/* The line is about the period that ends, which is the last whole one by then. */
static void on_period(struct deadlines *deadlines, struct list_node *node)
{
	struct pool_stats totals, averages;

	(void)deadlines;
	(void)node;
	turn_pages(period.pooler);
	begin_period();
	stats_process(period.pooler, &totals, &averages);
	say_averages(&averages);
}

/* Up to the end of the first period it is as if there had been a second before the start. */
void stats_init(struct pooler *pooler)
{
	memset(&period, 0, sizeof(period));
	memset(&console, 0, sizeof(console));
	period.pooler = pooler;
	period.newer = clock_now() - USEC_PER_SEC;
	deadlines_init(&period.timer, pooler->loop, on_period);
	begin_period();
}

void stats_done(void)
{
	deadlines_done(&period.timer);
}
