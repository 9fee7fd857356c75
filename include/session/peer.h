/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_PEER_H
#define PGWEIR_SESSION_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct cancel_key;
struct pooler;

/*
 * Other processes at the same address (so_reuseport, a balancer in front): a cancel request with a
 * key that one of them gave out is passed on to it ([peers], proto/cancel_key.h).
 */
void peers_init(struct pooler *pooler);

/* Gives up all requests. */
void peers_done(void);

/*
 * Passes a request on for the client with this id, to whom cancel_done_elsewhere tells the end;
 * false if the key is none of a peer's.
 */
bool peer_pass(struct pooler *pooler, uint64_t client_id, const struct cancel_key *key);

/* Requests of a peer, for SHOW PEER_POOLS. */
struct peer_counts {
	unsigned waiting;
	unsigned connecting;
	unsigned sent;
};
struct peer_counts peer_counts(unsigned id);

/* Whether the request of the client with this id waits for its turn. */
bool peer_waits(uint64_t client_id);

#endif
