/* SPDX-License-Identifier: ISC */
/* Pools of chunks. */
#include "io/chunk.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct chunk_pool {
	struct chunk *first;
	size_t kept;
	size_t keep; /* what is kept for reuse; a burst beyond it goes back to the system at once */
	uint32_t cap;
};

#define ROUND_SMALL 16384
#define OVERHEAD 64
#define PKT_BUF_MAX (1u << 20)

uint32_t chunk_small = ROUND_SMALL - OVERHEAD;

enum { TINY, SMALL, LARGE };
static struct chunk_pool pools[] = {
	[TINY] = { .cap = CHUNK_TINY, .keep = 32 },
	[SMALL] = { .cap = ROUND_SMALL - OVERHEAD, .keep = 8 },
	[LARGE] = { .cap = CHUNK_LARGE, .keep = 8 },
};
#define POOLS (sizeof(pools) / sizeof(pools[0]))

static size_t used, used_bytes;

static struct chunk *take(struct chunk_pool *pool)
{
	struct chunk *chunk = pool->first;

	if (chunk == NULL)
		return NULL;
	pool->first = chunk->next;
	pool->kept--;
	return chunk;
}

static struct chunk_pool *pool_for(uint32_t size)
{
	for (size_t i = 0; i < POOLS; i++)
		if (size <= pools[i].cap)
			return &pools[i];
	return NULL;
}

void chunk_setup(size_t pkt_buf)
{
	assert(used == 0);
	chunk_trim();
	chunk_small = CHUNK_TINY;
	if (pkt_buf > PKT_BUF_MAX)
		pkt_buf = PKT_BUF_MAX;
	if (pkt_buf > CHUNK_TINY + OVERHEAD)
		chunk_small = (uint32_t)pkt_buf - OVERHEAD;
	pools[SMALL].cap = chunk_small;
	pools[LARGE].cap = chunk_small > CHUNK_LARGE ? chunk_small : CHUNK_LARGE;
}

struct chunk *chunk_new(uint32_t size)
{
	struct chunk_pool *pool = pool_for(size);
	struct chunk *chunk = pool != NULL ? take(pool) : NULL;

	if (chunk == NULL) {
		uint32_t cap = pool != NULL ? pool->cap : size;

		chunk = mem_alloc(sizeof(*chunk) + cap);
		chunk->cap = cap;
	}
	chunk->next = NULL;
	chunk->start = chunk->end = 0;
	used++;
	used_bytes += chunk->cap;
	return chunk;
}

void chunk_free(struct chunk *chunk)
{
	struct chunk_pool *pool = pool_for(chunk->cap);

	used--;
	used_bytes -= chunk->cap;
	if (pool == NULL || chunk->cap != pool->cap || pool->kept == pool->keep) {
		free(chunk);
		return;
	}
	chunk->next = pool->first;
	pool->first = chunk;
	pool->kept++;
}

void chunk_trim(void)
{
	struct chunk *chunk;

	for (size_t i = 0; i < POOLS; i++)
		while ((chunk = take(&pools[i])) != NULL)
			free(chunk);
}

struct chunk_stats chunk_stats(void)
{
	struct chunk_stats stats = { .used = used, .used_bytes = used_bytes };

	for (size_t i = 0; i < POOLS; i++) {
		stats.kept += pools[i].kept;
		stats.kept_bytes += pools[i].kept * pools[i].cap;
	}
	return stats;
}
