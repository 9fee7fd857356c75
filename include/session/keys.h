/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_KEYS_H
#define PGWEIR_SESSION_KEYS_H

#include <stdint.h>

struct cancel_key;
struct client;

/* The keys for cancel requests that we gave out, and whose they are. */

/* Gives the client a key of client->cancel_key_len bytes and a number, and makes them known. */
void keys_give(struct client *client);

/* The client's key. */
const uint8_t *key_of(const struct client *client);

/* The key is not valid any more; allowed without one. */
void keys_take_back(struct client *client);

/* Whose key it is, NULL if it is nobody's. */
struct client *keys_find(const struct cancel_key *key);

#endif
