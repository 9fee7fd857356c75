/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_STATS_H
#define PGWEIR_ADMIN_STATS_H

#include "pool/stats.h"

struct database;
struct pooler;

/*
 * Averages over the last whole stats_period, kept in each pool and logged.  One timer; the period
 * is read from the settings each time.
 */
void stats_init(struct pooler *pooler);
void stats_done(void);

/* Sums over the pools of a database. */
void stats_totals(const struct database *database, struct pool_stats *sum);
void stats_averages(const struct database *database, struct pool_stats *sum);

/* The same for the whole process. */
void stats_process(const struct pooler *pooler, struct pool_stats *totals,
		   struct pool_stats *averages);

/* What happened from `before` to `after` in `usec` microseconds: per second, times per event. */
void stats_average(const struct pool_stats *before, const struct pool_stats *after, int64_t usec,
		   struct pool_stats *average);

#endif
