/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_CHUNK_H
#define PGWEIR_IO_CHUNK_H

#include <stddef.h>
#include <stdint.h>

/* Each is a little less than a round number, for the header and the allocator's. */
#define CHUNK_TINY ((uint32_t)2048 - 64)
#define CHUNK_LARGE ((uint32_t)65536 - 64)

/* What a socket is read into unless it fills it: pkt_buf. */
extern uint32_t chunk_small;

/* Sets chunk_small from pkt_buf, before any chunk is in use. */
void chunk_setup(size_t pkt_buf);

/*
 * A piece of a byte stream.  It is read into, handed from stream to stream and sent; it belongs
 * to one input or one output queue at a time, and connections at rest own none.
 */
struct chunk {
	struct chunk *next;
	uint32_t start; /* bytes [start, end) of data count */
	uint32_t end;
	uint32_t cap;
	uint8_t data[];
};

/*
 * A chunk with room for `size` bytes at least: tiny, small and large ones come from pools kept
 * for reuse, larger ones (requests held whole) from malloc.  Never NULL.
 */
struct chunk *chunk_new(uint32_t size);
void chunk_free(struct chunk *chunk);

/* Gives pooled chunks back to the system. */
void chunk_trim(void);

static inline uint32_t chunk_len(const struct chunk *chunk)
{
	return chunk->end - chunk->start;
}

static inline uint32_t chunk_room(const struct chunk *chunk)
{
	return chunk->cap - chunk->end;
}

/* Bytes in use and kept for reuse, for SHOW MEM. */
struct chunk_stats {
	size_t used;
	size_t used_bytes;
	size_t kept;
	size_t kept_bytes;
};
struct chunk_stats chunk_stats(void);

#endif
