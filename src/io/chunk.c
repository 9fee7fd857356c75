/* SPDX-License-Identifier: ISC */
/* Pools of chunks. */
#include "io/chunk.h"

#include <stdlib.h>

#include "base/mem.h"

struct chunk_pool {
	struct chunk *first;
	size_t kept;
	size_t keep; /* what is kept for reuse; a burst beyond it goes back to the system at once */
	uint32_t cap;
};

static struct chunk_pool pools[] = {
	{ .cap = CHUNK_TINY, .keep = 32 },
	{ .cap = CHUNK_SMALL, .keep = 8 },
	{ .cap = CHUNK_LARGE, .keep = 8 },
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
