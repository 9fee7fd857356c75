/* SPDX-License-Identifier: ISC */
/*
 * Cancel requests that are passed on to other processes.
 *
 * The configuration is asked anew for each request, so a reload needs no care.  A peer's struct is
 * there while it has requests.
 */
#include "session/peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/addr.h"
#include "pool/database.h"
#include "proto/cancel_key.h"
#include "proto/compose.h"
#include "session/cancel.h"

/* Anybody may send cancel requests: beyond this those that would wait for a peer are dropped. */
#define WAITING_MAX 1000

enum errand_state {
	ERRAND_WAITING,	   /* pool_size others travel */
	ERRAND_CONNECTING, /* its name is looked up, or it connects */
	ERRAND_SENT,	   /* the peer closes when it is done */
	ERRAND_STATES,
};

struct peer {
	struct log_subject log;
	struct list_node node;
	struct pooler *pooler;
	unsigned id;
	struct list errands[ERRAND_STATES];
	struct task serve;
	struct task burial;
};

/* One request on its way. */
struct errand {
	struct list_node node; /* of its peer, by its state */
	struct peer *peer;
	struct stream stream;
	struct lookup lookup;
	struct addr_list *addresses; /* NULL: not known yet */
	unsigned turn;		     /* of them: the next to be tried */
	struct deadline deadline;
	struct task burial;
	enum errand_state state;
	uint64_t client_id;
	struct cancel_key key;
};

static struct list peers;
static struct deadlines deadlines; /* of errands: cancel_wait_timeout */

static const struct config_peer *entry_of(const struct peer *peer)
{
	return config_peer_find(peer->pooler->config, peer->id);
}

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct peer *peer = list_entry(subject, struct peer, log);
	const struct config_peer *entry = entry_of(peer);

	snprintf(buffer, size, "peer-%u@%s:%d", peer->id, entry != NULL ? entry->host : "(removed)",
		 entry != NULL ? entry->port : 0);
}

static void become(struct errand *errand, enum errand_state state)
{
	list_remove(&errand->node);
	errand->state = state;
	list_append(&errand->peer->errands[state], &errand->node);
}

static void bury(struct task *task)
{
	free(list_entry(task, struct errand, burial));
}

/* It is through, or given up: who asked may go, and the next may travel. */
static void end(struct errand *errand, const char *why)
{
	struct peer *peer = errand->peer;

	log_debug(peer, "cancel request: %s", why);
	list_remove(&errand->node);
	deadline_clear(&errand->deadline);
	lookup_cancel(&errand->lookup);
	stream_close(&errand->stream);
	free(errand->addresses);
	errand->addresses = NULL;
	cancel_done_elsewhere(errand->client_id);
	errand->burial.run = bury;
	loop_bury(peer->pooler->loop, &errand->burial);
	loop_post(peer->pooler->loop, &peer->serve);
}

/* ---- the connection ---- */

static const struct stream_owner owner;

static void try_next(struct errand *errand)
{
	struct pooler *pooler = errand->peer->pooler;
	struct socket_options options = pooler_socket_options(&pooler->config->settings);

	while (errand->turn < errand->addresses->count) {
		const struct addr *addr = &errand->addresses->addrs[errand->turn++];

		if (stream_connect(&errand->stream, &pooler->streams, &owner, addr, &options) == 0)
			return;
	}
	log_warn(errand->peer, "cancel request not passed on: nobody listens");
	end(errand, "connect failed");
}

static void on_found(struct lookup *lookup, const struct addr_list *list, usec_t until,
		     const char *error)
{
	struct errand *errand = list_entry(lookup, struct errand, lookup);

	(void)until;
	if (list == NULL) {
		log_warn(errand->peer, "cancel request not passed on: %s", error);
		end(errand, "no address");
		return;
	}
	errand->addresses = addr_list_copy(list);
	lookup_cancel(lookup); /* it is on its way: what the name says later is for others */
	try_next(errand);
}

static void on_connected(struct stream *stream)
{
	struct errand *errand = list_entry(stream, struct errand, stream);
	uint8_t packet[16 + CANCEL_KEY_MAX];
	struct writer writer;

	writer_init(&writer, packet, sizeof(packet));
	compose_cancel_request(&writer, errand->key.pid, errand->key.bytes, errand->key.len);
	stream_send(stream, packet, (uint32_t)writer.len);
	become(errand, ERRAND_SENT);
}

static void on_input(struct stream *stream)
{
	stream_skip(stream, stream_available(stream));
}

static void on_closed(struct stream *stream, int error)
{
	struct errand *errand = list_entry(stream, struct errand, stream);

	(void)error;
	if (errand->state == ERRAND_SENT) {
		end(errand, "passed on");
		return;
	}
	stream_close(stream);
	try_next(errand);
}

static const struct stream_owner owner = {
	.on_connected = on_connected,
	.on_input = on_input,
	.on_closed = on_closed,
};

static void on_timeout(struct deadlines *list, struct list_node *node)
{
	(void)list;
	end(deadline_entry(node, struct errand, deadline), "cancel_wait_timeout");
}

/* ---- peers ---- */

static struct peer *find(unsigned id)
{
	list_for_each(&peers, node, after) {
		struct peer *peer = list_entry(node, struct peer, node);

		if (peer->id == id)
			return peer;
	}
	return NULL;
}

static bool has_room(const struct peer *peer, const struct config_peer *entry)
{
	unsigned travelling =
		peer->errands[ERRAND_CONNECTING].count + peer->errands[ERRAND_SENT].count;

	return entry->pool_size == 0 || travelling < (unsigned)entry->pool_size;
}

static void bury_peer(struct task *task)
{
	free(list_entry(task, struct peer, burial));
}

static bool is_idle(const struct peer *peer)
{
	unsigned count = 0;

	for (int state = 0; state < ERRAND_STATES; state++)
		count += peer->errands[state].count;
	return count == 0;
}

/* Sends the next ones on their way; a peer without requests goes. */
static void serve(struct task *task)
{
	struct peer *peer = list_entry(task, struct peer, serve);
	const struct config_peer *entry = entry_of(peer);
	struct list_node *node;

	while ((node = list_first(&peer->errands[ERRAND_WAITING])) != NULL) {
		struct errand *errand = list_entry(node, struct errand, node);

		if (entry == NULL) {
			end(errand, "peer removed from the configuration");
			continue;
		}
		if (!has_room(peer, entry))
			return;
		become(errand, ERRAND_CONNECTING);
		lookup_start(&errand->lookup, peer->pooler->resolver, entry->host,
			     (uint16_t)entry->port, on_found);
	}
	if (!is_idle(peer))
		return;
	list_remove(&peer->node);
	peer->burial.run = bury_peer;
	loop_bury(peer->pooler->loop, &peer->burial);
}

static struct peer *make(struct pooler *pooler, unsigned id)
{
	struct peer *peer = mem_zero(sizeof(*peer));

	peer->log.describe = describe;
	peer->pooler = pooler;
	peer->id = id;
	peer->serve.run = serve;
	for (int state = 0; state < ERRAND_STATES; state++)
		list_init(&peer->errands[state]);
	list_append(&peers, &peer->node);
	return peer;
}

void peers_init(struct pooler *pooler)
{
	list_init(&peers);
	deadlines_init(&deadlines, pooler->loop, on_timeout);
}

void peers_done(void)
{
	list_for_each(&peers, node, after) {
		struct peer *peer = list_entry(node, struct peer, node);

		for (int state = 0; state < ERRAND_STATES; state++) {
			struct list_node *first;

			while ((first = list_first(&peer->errands[state])) != NULL)
				end(list_entry(first, struct errand, node), "shutting down");
		}
	}
	deadlines_done(&deadlines);
}

bool peer_pass(struct pooler *pooler, uint64_t client_id, const struct cancel_key *key)
{
	const struct settings *settings = &pooler->config->settings;
	unsigned id = cancel_key_has_peer(key) ? cancel_key_peer(key) : 0;
	struct peer *peer = find(id);
	struct errand *errand;

	if (settings->peer_id == 0 || id == (unsigned)settings->peer_id ||
	    cancel_key_hops(key) == 0 || config_peer_find(pooler->config, id) == NULL)
		return false;
	if (peer == NULL)
		peer = make(pooler, id);
	if (peer->errands[ERRAND_WAITING].count >= WAITING_MAX)
		return false;
	errand = mem_zero(sizeof(*errand));
	errand->peer = peer;
	errand->stream.fd = -1;
	errand->client_id = client_id;
	errand->key = *key;
	cancel_key_set_hops(&errand->key, cancel_key_hops(key) - 1);
	list_append(&peer->errands[ERRAND_WAITING], &errand->node);
	if (settings->cancel_wait_timeout > 0)
		deadline_set(&deadlines, &errand->deadline,
			     clock_now() + settings->cancel_wait_timeout);
	loop_post(pooler->loop, &peer->serve);
	return true;
}

struct peer_counts peer_counts(unsigned id)
{
	const struct peer *peer = find(id);
	struct peer_counts counts = { 0 };

	if (peer == NULL)
		return counts;
	counts.waiting = peer->errands[ERRAND_WAITING].count;
	counts.connecting = peer->errands[ERRAND_CONNECTING].count;
	counts.sent = peer->errands[ERRAND_SENT].count;
	return counts;
}

bool peer_waits(uint64_t client_id)
{
	list_for_each(&peers, node, after) {
		struct peer *peer = list_entry(node, struct peer, node);

		list_for_each(&peer->errands[ERRAND_WAITING], errand_node, after_errand)
			if (list_entry(errand_node, struct errand, node)->client_id == client_id)
				return true;
	}
	return false;
}
