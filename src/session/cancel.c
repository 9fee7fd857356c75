/* SPDX-License-Identifier: ISC */
/* Cancel requests. */
#include "session/cancel.h"

#include "base/log.h"
#include "pool/queue.h"
#include "proto/cancel_key.h"
#include "proto/error.h"
#include "session/client.h"
#include "session/keys.h"
#include "session/peer.h"

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
	struct cancel_key whole;
	struct client *target;

	cancel_key_set(&whole, pid, key, key_len);
	target = keys_find(&whole);
	client_become(client, CLIENT_CANCEL, "cancel request");
	if (target == NULL) {
		if (!peer_pass(client->pooler, client->id, &whole) &&
		    (elsewhere.pass == NULL ||
		     !elsewhere.pass(elsewhere.arg, client, pid, key, key_len)))
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

bool cancel_waits(const struct client *client)
{
	if (client->state != CLIENT_CANCEL)
		return false;
	return client->carrier != NULL ? client->carrier->waits : peer_waits(client->id);
}

void cancel_client_left(struct client *client)
{
	client_drop(client, "cancel request ended");
}
