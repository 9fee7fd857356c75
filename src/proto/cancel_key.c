/* SPDX-License-Identifier: ISC */
/* Cancel keys, and what processes that share an address write into them. */
#include "proto/cancel_key.h"

#include <assert.h>
#include <string.h>

void cancel_key_set(struct cancel_key *key, uint32_t pid, const uint8_t *bytes, uint32_t len)
{
	assert(len <= CANCEL_KEY_MAX);
	key->pid = pid;
	key->len = len;
	memcpy(key->bytes, bytes, len);
}

bool cancel_key_has_peer(const struct cancel_key *key)
{
	return key->len == CANCEL_KEY_SHORT || key->len == CANCEL_KEY_LONG;
}

unsigned cancel_key_peer(const struct cancel_key *key)
{
	if (key->len == CANCEL_KEY_SHORT)
		return (key->pid >> 16 & 0xff) | (key->pid >> 8 & 0xff) << 8;
	return key->bytes[0] | (unsigned)key->bytes[1] << 8;
}

void cancel_key_set_peer(struct cancel_key *key, unsigned id)
{
	if (key->len == CANCEL_KEY_SHORT) {
		key->pid = (key->pid & 0xff0000ff) | (id & 0xff) << 16 | (id >> 8 & 0xff) << 8;
		return;
	}
	key->bytes[0] = (uint8_t)id;
	key->bytes[1] = (uint8_t)(id >> 8);
}

unsigned cancel_key_hops(const struct cancel_key *key)
{
	return key->bytes[key->len - 1] & CANCEL_HOPS_MAX;
}

void cancel_key_set_hops(struct cancel_key *key, unsigned hops)
{
	uint8_t *last = &key->bytes[key->len - 1];

	*last = (uint8_t)((*last & ~CANCEL_HOPS_MAX) | (hops & CANCEL_HOPS_MAX));
}
