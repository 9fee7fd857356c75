/* SPDX-License-Identifier: ISC */
/* Counters of a pool. */
#include "pool/stats.h"

#include <assert.h>

static_assert(sizeof(struct pool_stats) == POOL_COUNTER_COUNT * sizeof(uint64_t),
	      "the counters are an array with names");

void pool_stats_add(struct pool_stats *sum, const struct pool_stats *more)
{
#define ADD(field, stats, avg, totals, total) sum->field += more->field;
	POOL_COUNTERS(ADD)
#undef ADD
}

const uint64_t *pool_stats_values(const struct pool_stats *stats)
{
	return (const uint64_t *)(const void *)stats;
}
