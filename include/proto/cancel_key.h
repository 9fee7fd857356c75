/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_CANCEL_KEY_H
#define PGWEIR_PROTO_CANCEL_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/startup.h"

/*
 * What BackendKeyData gives and CancelRequest brings back.  Where several processes are reached at
 * one address (peer_id), the key says which of them gave it out, and how often a request with it
 * may still be passed on:
 *
 *	up to protocol 3.1	|pid 4    |key 4    |	PgBouncer's layout since 1.21
 *				  0 i i 0   0 0 0 h	i: id, low byte first; h: hops, the low 2 bits
 *	from 3.2 on		|pid 4|key 32           |	ours; PgBouncer closes on such a length
 *					i i 0 ... 0 h
 */
struct cancel_key {
	uint32_t pid;
	uint32_t len;
	uint8_t bytes[CANCEL_KEY_MAX];
};

#define CANCEL_HOPS_MAX 3u

/* `len` is at most CANCEL_KEY_MAX. */
void cancel_key_set(struct cancel_key *key, uint32_t pid, const uint8_t *bytes, uint32_t len);

/* Whether a key of this length has room for an id. */
bool cancel_key_has_peer(const struct cancel_key *key);

/* Who gave it out, if it was given out by one who has peers. */
unsigned cancel_key_peer(const struct cancel_key *key);
void cancel_key_set_peer(struct cancel_key *key, unsigned id);

unsigned cancel_key_hops(const struct cancel_key *key);
void cancel_key_set_hops(struct cancel_key *key, unsigned hops);

#endif
