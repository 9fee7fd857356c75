/* SPDX-License-Identifier: ISC */
/* Cancel requests. */
#include "session/cancel.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/queue.h"
#include "proto/error.h"
#include "session/client.h"

/*
 * Clients by the lower part of their number, which is the index here; the upper part is random.
 * Free places are found by going on from the last one.
 */
#define PID_BITS 20
struct place {
	struct client *client; /* NULL: free */
};
static struct place *places;
static uint32_t place_count;
static uint32_t place_last;

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

static struct client *find_by_pid(uint32_t pid)
{
	uint32_t place = pid & ((1u << PID_BITS) - 1);
	struct client *client = place < place_count ? places[place].client : NULL;

	return client != NULL && client->cancel_pid == pid ? client : NULL;
}

const uint8_t *cancel_key(const struct client *client)
{
	return client->long_key != NULL ? client->long_key : client->short_key;
}

void cancel_register(struct client *client)
{
	uint32_t place;

	if (client->cancel_key_len > CANCEL_KEY_SHORT)
		client->long_key = mem_alloc(client->cancel_key_len);
	fill_random(client->long_key != NULL ? client->long_key : client->short_key,
		    client->cancel_key_len);
	place = find_place();
	client->cancel_pid = new_pid(place);
	places[place].client = client;
}

void cancel_forget(struct client *client)
{
	if (client->cancel_pid != 0) {
		places[client->cancel_pid & ((1u << PID_BITS) - 1)].client = NULL;
		client->cancel_pid = 0;
	}
	free(client->long_key);
	client->long_key = NULL;
}

static struct client *find_target(uint32_t pid, const uint8_t *key, uint32_t key_len)
{
	struct client *target = find_by_pid(pid);

	if (target == NULL || target->cancel_key_len != key_len ||
	    CRYPTO_memcmp(cancel_key(target), key, key_len) != 0)
		return NULL;
	return target;
}

static void on_canceled(void *who)
{
	struct client *client = who;

	client->carrier = NULL;
	client_drop(client, "cancel request passed on");
}

/* The client is told, by the end of its connection, when the request has reached the server. */
static bool pass_on(struct client *client, struct client *target)
{
	log_debug(target, "cancel request passed on");
	target->canceled = true;
	client->carrier = server_cancel(client_server(target), on_canceled, client);
	return client->carrier != NULL;
}

static struct {
	bool (*pass)(void *arg, const struct client *client, uint32_t pid, const uint8_t *key,
		     uint32_t key_len);
	void *arg;
} elsewhere;

void cancel_set_elsewhere(bool (*pass)(void *arg, const struct client *client, uint32_t pid,
				       const uint8_t *key, uint32_t key_len),
			  void *arg)
{
	elsewhere.pass = pass;
	elsewhere.arg = arg;
}

void cancel_done_elsewhere(uint64_t id)
{
	list_for_each(clients_in(CLIENT_CANCEL), node, after) {
		struct client *client = list_entry(node, struct client, node);

		if (client->id != id)
			continue;
		client_drop(client, "cancel request done by another process");
		return;
	}
}

void cancel_begin(struct client *client, uint32_t pid, const uint8_t *key, uint32_t key_len)
{
	struct client *target = find_target(pid, key, key_len);

	client_become(client, CLIENT_CANCEL, "cancel request");
	if (target == NULL) {
		if (elsewhere.pass == NULL ||
		    !elsewhere.pass(elsewhere.arg, client, pid, key, key_len))
			client_drop(client, "cancel request for nobody");
		return;
	}
	if (target->state == CLIENT_CONSOLE) {
		clients_console()->cancel(target);
	} else if (target->state == CLIENT_WAITING) {
		/* Nothing runs yet: the wait itself is what the user wants to end. */
		queue_leave(&target->holder);
		target->holder.calls->refused(&target->holder, false, SQLSTATE_QUERY_CANCELED,
					      "canceling statement due to user request");
	} else if (client_server(target) != NULL && target->request_at != 0 &&
		   pass_on(client, target)) {
		return;
	}
	client_drop(client, "cancel request came to nothing");
}

void cancel_client_left(struct client *client)
{
	client_drop(client, "cancel request ended");
}
