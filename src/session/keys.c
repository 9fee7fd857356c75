/* SPDX-License-Identifier: ISC */
/*
 * The keys for cancel requests that we gave out.
 *
 * The lower part of a client's number is a place in a table.  With peers a short key has an id in
 * these bits, as PgBouncer wants it, so those are in a map.
 */
#include "session/keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/mem.h"
#include "proto/cancel_key.h"
#include "session/client.h"

/* The upper part of a number is random. */
#define PID_BITS 20
#define PLACES_MAX (1u << PID_BITS)

/* Free places are a list: `next` is the number of the one behind it, from 1 on, 0 at the end. */
union place {
	struct client *client;
	uintptr_t free; /* next << 1 | 1 */
};
static union place *places;
static uint32_t place_count;
static uint32_t free_first; /* number of the first free place, from 1 on; 0: all are taken */

/* Clients with short keys that carry our id, by number and key. */
static struct map peered;

/* The kernel's randomness, not the TLS library's, which would take megabytes for it. */
static void fill_random(void *buffer, size_t len)
{
	if (getrandom(buffer, len, 0) != (ssize_t)len)
		abort(); /* so few bytes cannot fail once the kernel is up */
}

static bool is_free(const union place *place)
{
	return (place->free & 1) != 0;
}

static void set_free(union place *place)
{
	place->free = (uintptr_t)free_first << 1 | 1;
	free_first = (uint32_t)(place - places) + 1;
}

static void add_places(void)
{
	uint32_t from = place_count;

	place_count += place_count < 256 ? 64 : place_count / 4;
	if (place_count > PLACES_MAX)
		place_count = PLACES_MAX;
	places = mem_grow(places, place_count * sizeof(*places));
	for (uint32_t i = place_count; i > from; i--)
		set_free(&places[i - 1]);
}

/* The number that stands for a process id: positive. */
static uint32_t new_pid(uint32_t place)
{
	uint32_t pid;

	do {
		fill_random(&pid, sizeof(pid));
		pid = (pid & 0x7fffffff & ~(PLACES_MAX - 1)) | place;
	} while (pid == 0);
	return pid;
}

/* The client in the place that a number names; NULL: nobody. */
static struct client *client_at(uint32_t pid)
{
	uint32_t place = pid & (PLACES_MAX - 1);

	return place < place_count && !is_free(&places[place]) ? places[place].client : NULL;
}

const uint8_t *key_of(const struct client *client)
{
	return client->long_key != NULL ? client->long_key : client->short_key;
}

static uint64_t hash_of(uint32_t pid, const uint8_t *key)
{
	uint8_t bytes[4 + CANCEL_KEY_SHORT];

	memcpy(bytes, &pid, 4);
	memcpy(bytes + 4, key, CANCEL_KEY_SHORT);
	return map_hash(bytes, sizeof(bytes));
}

static bool has_key(const struct client *client, const struct cancel_key *key)
{
	return client->cancel_pid == key->pid && client->cancel_key_len == key->len &&
	       CRYPTO_memcmp(key_of(client), key->bytes, key->len) == 0;
}

static bool map_matches(const void *value, const void *key)
{
	return has_key(value, key);
}

static struct client *find_peered(const struct cancel_key *key)
{
	if (key->len != CANCEL_KEY_SHORT)
		return NULL;
	return map_find_match(&peered, hash_of(key->pid, key->bytes), map_matches, key);
}

static void give_peered_key(struct client *client, unsigned id)
{
	struct cancel_key key = { .len = CANCEL_KEY_SHORT };

	do {
		fill_random(&key.pid, sizeof(key.pid));
		fill_random(key.bytes, key.len);
		key.pid &= 0x7fffffff;
		cancel_key_set_peer(&key, id);
		cancel_key_set_hops(&key, CANCEL_HOPS_MAX);
	} while (find_peered(&key) != NULL);
	client->cancel_pid = key.pid;
	memcpy(client->short_key, key.bytes, key.len);
	map_add(&peered, hash_of(key.pid, key.bytes), client);
}

/* More than there are places have numbers that cancel nothing. */
static void give_place(struct client *client)
{
	uint32_t place = 0;

	if (free_first == 0 && place_count < PLACES_MAX)
		add_places();
	if (free_first != 0) {
		place = free_first - 1;
		free_first = (uint32_t)(places[place].free >> 1);
		places[place].client = client;
	}
	client->cancel_pid = new_pid(place);
}

void keys_give(struct client *client)
{
	unsigned id = (unsigned)client->pooler->config->settings.peer_id;
	struct cancel_key key = { .len = client->cancel_key_len };

	if (client->cancel_key_len == CANCEL_KEY_SHORT && id != 0) {
		give_peered_key(client, id);
		return;
	}
	fill_random(key.bytes, key.len);
	if (key.len == CANCEL_KEY_SHORT) {
		memcpy(client->short_key, key.bytes, key.len);
	} else {
		cancel_key_set_peer(&key, id);
		cancel_key_set_hops(&key, CANCEL_HOPS_MAX);
		client->long_key = mem_alloc(key.len);
		memcpy(client->long_key, key.bytes, key.len);
	}
	give_place(client);
}

void keys_take_back(struct client *client)
{
	if (client->cancel_pid != 0) {
		if (client_at(client->cancel_pid) == client)
			set_free(&places[client->cancel_pid & (PLACES_MAX - 1)]);
		else
			map_remove(&peered, hash_of(client->cancel_pid, client->short_key), client);
		client->cancel_pid = 0;
	}
	free(client->long_key);
	client->long_key = NULL;
}

/* A request that was passed on has fewer hops left than the key that we gave out. */
struct client *keys_find(const struct cancel_key *key)
{
	struct client *client = client_at(key->pid);
	struct cancel_key whole = *key;

	if (client != NULL && has_key(client, key))
		return client;
	if (!cancel_key_has_peer(key))
		return NULL;
	cancel_key_set_hops(&whole, CANCEL_HOPS_MAX);
	if (client != NULL && key->len == CANCEL_KEY_LONG && has_key(client, &whole))
		return client;
	return find_peered(&whole);
}
