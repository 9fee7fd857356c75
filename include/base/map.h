/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_MAP_H
#define PGWEIR_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A map from 64-bit keys to pointers (open addressing, at most 3/4 full).  A zeroed struct is an
 * empty map without memory.  Several entries may share a key when the caller uses a hash as the
 * key: map_find_match tells them apart.
 */
struct map {
	struct map_slot *slots;
	size_t capacity; /* power of two, or 0 */
	size_t count;
};

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free */
};

/* Forgets all entries and frees the table; the values stay the caller's. */
void map_done(struct map *map);

/* Adds an entry, also if the key is there already; `value` is not NULL. */
void map_add(struct map *map, uint64_t key, void *value);

/* A value with this key, NULL if there is none. */
void *map_find(const struct map *map, uint64_t key);

/* A value with this key for which `match(value, arg)` holds, NULL if there is none. */
void *map_find_match(const struct map *map, uint64_t key,
		     bool (*match)(const void *value, const void *arg), const void *arg);

/* Removes the entry of this very value; false if it is not there. */
bool map_remove(struct map *map, uint64_t key, const void *value);

/* Walks the entries in no order: starts with *at = 0; NULL at the end.  No changes meanwhile. */
void *map_walk(const struct map *map, size_t *at);

/* A 64-bit hash of bytes, seeded once a process (xxHash). */
uint64_t map_hash(const void *data, size_t len);

#endif
