/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_CANCEL_H
#define PGWEIR_SESSION_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

struct client;

/* Cancel requests: found by the key that we gave out, passed on to the server that works now. */

/*
 * `client` is the connection of a CancelRequest.  It is closed without an answer, as PostgreSQL
 * does, when the request was passed on or came to nothing.
 */
void cancel_begin(struct client *client, uint32_t pid, const uint8_t *key, uint32_t key_len);

/*
 * Whom requests are offered to whose key is not ours: another process that may have given it out.
 * `pass` says whether it takes the request; then the client waits for cancel_done_elsewhere.
 */
void cancel_set_elsewhere(bool (*pass)(void *arg, const struct client *client, uint32_t pid,
				       const uint8_t *key, uint32_t key_len),
			  void *arg);

/* What was passed on for the client with this id is done; it may have left meanwhile. */
void cancel_done_elsewhere(uint64_t id);

/* Whether its request waits until others are through (SHOW: waiting_cancel_req). */
bool cancel_waits(const struct client *client);

/* The connection of a cancel request ended first. */
void cancel_client_left(struct client *client);

#endif
