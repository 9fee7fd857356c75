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

/* Free places are found by going on from the last one; the upper part of a number is random. */
#define PID_BITS 20
struct place {
	struct client *client; /* NULL: free */
};
static struct place *places;
static uint32_t place_count;
static uint32_t place_last;

/* Clients with short keys that carry our id, by number and key. */
static struct map peered;

/* The kernel's randomness, not the TLS library's, which would take megabytes for it. */
static void fill_random(void *buffer, size_t len)
{
	if (getrandom(buffer, len, 0) != (ssize_t)len)
		abort(); /* so few bytes cannot fail once the kernel is up */
}

/* A free place: one of the next, or any, or a new one. */
static uint32_t find_place(void)
{
	for (uint32_t i = 0; i < place_count; i++) {
		place_last = (place_last + 1) % place_count;
		if (places[place_last].client == NULL)
			return place_last;
	}
	place_last = place_count;
	place_count += place_count < 256 ? 64 : place_count / 4;
	places = mem_grow(places, place_count * sizeof(struct place));
	memset(places + place_last, 0, (place_count - place_last) * sizeof(struct place));
	return place_last;
}

/* The number that stands for a process id: positive. */
static uint32_t new_pid(uint32_t place)
{
	uint32_t pid;

	do {
		fill_random(&pid, sizeof(pid));
		pid = (pid & 0x7fffffff & ~((1u << PID_BITS) - 1)) | place;
	} while (pid == 0);
	return pid;
}

static struct place *place_of(uint32_t pid)
{
	uint32_t place = pid & ((1u << PID_BITS) - 1);

	return place < place_count ? &places[place] : NULL;
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

static void give_place(struct client *client)
{
	uint32_t place = find_place();

	client->cancel_pid = new_pid(place);
	places[place].client = client;
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
	struct place *place = place_of(client->cancel_pid);

	if (client->cancel_pid != 0) {
		if (place != NULL && place->client == client)
			place->client = NULL;
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
	struct place *place = place_of(key->pid);
	struct cancel_key whole = *key;

	if (place != NULL && place->client != NULL && has_key(place->client, key))
		return place->client;
	if (!cancel_key_has_peer(key))
		return NULL;
	cancel_key_set_hops(&whole, CANCEL_HOPS_MAX);
	if (place != NULL && place->client != NULL && key->len == CANCEL_KEY_LONG &&
	    has_key(place->client, &whole))
		return place->client;
	return find_peered(&whole);
}
