/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_STATS_H
#define PGWEIR_ADMIN_STATS_H

#include "pool/stats.h"

struct database;
struct pooler;

/*
 * Totals and averages.  An average is over the last whole stats_period and what has gone of the
 * one under way, as in PgBouncer: it is there at once and follows a change within two periods.
 * One timer; the period is read from the settings each time.
 */
void stats_init(struct pooler *pooler);
void stats_done(void);

/* Of the pools of a database, the console's own if NULL. */
void stats_database(const struct database *database, struct pool_stats *totals,
		    struct pool_stats *averages);

/* Of all of them. */
void stats_process(const struct pooler *pooler, struct pool_stats *totals,
		   struct pool_stats *averages);

/* The console counts its commands and logins here. */
struct pool_stats *stats_console(void);

/* What happened from `before` to `after` in `usec` microseconds: per second, times per event. */
void stats_average(const struct pool_stats *before, const struct pool_stats *after, int64_t usec,
		   struct pool_stats *average);

#endif
