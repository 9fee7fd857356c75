/* SPDX-License-Identifier: ISC */
/* A map from 64-bit keys to pointers: linear probing, backward-shift deletion. */
#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/mem.h"

/* Keys may be counters: spread them. */
static size_t home_of(const struct map *map, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (map->capacity - 1);
}

static void put(struct map *map, uint64_t key, void *value)
{
	size_t i = home_of(map, key);

	while (map->slots[i].value != NULL)
		i = (i + 1) & (map->capacity - 1);
	map->slots[i].key = key;
	map->slots[i].value = value;
}

static void resize(struct map *map, size_t capacity)
{
	struct map old = *map;

	map->capacity = capacity;
	map->slots = mem_zero(capacity * sizeof(struct map_slot));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].value != NULL)
			put(map, old.slots[i].key, old.slots[i].value);
	free(old.slots);
}

void map_done(struct map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->capacity = map->count = 0;
}

void map_add(struct map *map, uint64_t key, void *value)
{
	if ((map->count + 1) * 4 > map->capacity * 3)
		resize(map, map->capacity != 0 ? map->capacity * 2 : 8);
	put(map, key, value);
	map->count++;
}

void *map_find(const struct map *map, uint64_t key)
{
	return map_find_match(map, key, NULL, NULL);
}

void *map_find_match(const struct map *map, uint64_t key,
		     bool (*match)(const void *value, const void *arg), const void *arg)
{
	size_t i;

	if (map->count == 0)
		return NULL;
	for (i = home_of(map, key); map->slots[i].value != NULL; i = (i + 1) & (map->capacity - 1))
		if (map->slots[i].key == key && (match == NULL || match(map->slots[i].value, arg)))
			return map->slots[i].value;
	return NULL;
}

/* Moves the entries behind a freed slot forward, so that no search stops too early. */
static void close_gap(struct map *map, size_t gap)
{
	size_t mask = map->capacity - 1;

	for (size_t i = (gap + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
		size_t home = home_of(map, map->slots[i].key);

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			map->slots[gap] = map->slots[i];
			gap = i;
		}
	}
	map->slots[gap].value = NULL;
}

bool map_remove(struct map *map, uint64_t key, const void *value)
{
	size_t i;

	if (map->count == 0)
		return false;
	for (i = home_of(map, key); map->slots[i].value != NULL;
	     i = (i + 1) & (map->capacity - 1)) {
		if (map->slots[i].key == key && map->slots[i].value == value) {
			close_gap(map, i);
			map->count--;
			return true;
		}
	}
	return false;
}

void *map_walk(const struct map *map, size_t *at)
{
	while (*at < map->capacity) {
		void *value = map->slots[(*at)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}

uint64_t map_hash(const void *data, size_t len)
{
	static uint64_t seed;

	while (seed == 0)
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			seed = 0;
	return XXH3_64bits_withSeed(data, len, seed);
}
