/* SPDX-License-Identifier: ISC */
/* Pools of chunks. */
#include "io/chunk.h"

#include <stdlib.h>

#include "base/mem.h"

/* What is kept for reuse; a burst beyond it goes back to the system at once. */
#define KEEP_BYTES ((size_t)1 << 20)

struct chunk_pool {
	struct chunk *first;
	size_t kept;
	uint32_t cap;
};

static struct chunk_pool small = { .cap = CHUNK_SMALL };
static struct chunk_pool large = { .cap = CHUNK_LARGE };
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

struct chunk *chunk_new(uint32_t size)
{
	struct chunk *chunk = NULL;
	uint32_t cap = size;

	if (size <= small.cap) {
		chunk = take(&small);
		cap = small.cap;
	} else if (size <= large.cap) {
		chunk = take(&large);
		cap = large.cap;
	}
	if (chunk == NULL) {
		chunk = mem_alloc(sizeof(*chunk) + cap);
		chunk->cap = cap;
	}
	chunk->next = NULL;
	chunk->start = chunk->end = 0;
	used++;
	used_bytes += cap;
	return chunk;
}

static void keep(struct chunk_pool *pool, struct chunk *chunk)
{
	if ((pool->kept + 1) * pool->cap > KEEP_BYTES) {
		free(chunk);
		return;
	}
	chunk->next = pool->first;
	pool->first = chunk;
	pool->kept++;
}

void chunk_free(struct chunk *chunk)
{
	used--;
	used_bytes -= chunk->cap;
	if (chunk->cap == small.cap)
		keep(&small, chunk);
	else if (chunk->cap == large.cap)
		keep(&large, chunk);
	else
		free(chunk);
}

void chunk_trim(void)
{
	struct chunk *chunk;

	while ((chunk = take(&small)) != NULL)
		free(chunk);
	while ((chunk = take(&large)) != NULL)
		free(chunk);
}

struct chunk_stats chunk_stats(void)
{
	struct chunk_stats stats = {
		.used = used,
		.used_bytes = used_bytes,
		.kept = small.kept + large.kept,
		.kept_bytes = small.kept * small.cap + large.kept * large.cap,
	};

	return stats;
}
