/* SPDX-License-Identifier: ISC */
/* Replies that a server still owes. */
#include "pool/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint32_t slot(const struct pending *pending, uint32_t i)
{
	return (pending->head + i) & (pending->capacity - 1);
}

void pending_done(struct pending *pending)
{
	free(pending->ring);
	memset(pending, 0, sizeof(*pending));
}

static void grow(struct pending *pending)
{
	uint32_t capacity = pending->capacity != 0 ? pending->capacity * 2 : 16;
	struct pending_entry *ring = mem_alloc(capacity * sizeof(*ring));

	for (uint32_t i = 0; i < pending->count; i++)
		ring[i] = pending->ring[slot(pending, i)];
	free(pending->ring);
	pending->ring = ring;
	pending->capacity = capacity;
	pending->head = 0;
}

/* One more, or (modulo 2^32) one less. */
static void count(struct pending *pending, const struct pending_entry *entry, uint32_t n)
{
	bool sync = pending_is_sync((enum pending_kind)entry->kind);
	bool dropped = entry->action == PENDING_DROP;
	bool runs = entry->kind == PENDING_EXECUTE || (sync && entry->kind != PENDING_SYNC);

	pending->syncs += sync ? n : 0;
	pending->dropped += dropped ? n : 0;
	pending->ours += sync && dropped ? n : 0;
	pending->runs += runs && !dropped ? n : 0;
}

void pending_push(struct pending *pending, enum pending_kind kind, enum pending_action action,
		  uint8_t mark, void *subject)
{
	struct pending_entry *entry;

	if (pending->count == pending->capacity)
		grow(pending);
	entry = &pending->ring[slot(pending, pending->count++)];
	if (kind != PENDING_COPY_END)
		pending->open = !pending_is_sync(kind);
	pending->flushed = false;
	entry->kind = (uint8_t)kind;
	entry->action = (uint8_t)action;
	entry->mark = mark;
	entry->note = 0;
	entry->subject = subject;
	count(pending, entry, 1);
}

struct pending_entry *pending_at(const struct pending *pending, uint32_t i)
{
	assert(i < pending->count);
	return &pending->ring[slot(pending, i)];
}

struct pending_entry *pending_head(const struct pending *pending)
{
	return pending->count != 0 ? &pending->ring[pending->head] : NULL;
}

bool pending_runs_ours(const struct pending *pending)
{
	const struct pending_entry *head = pending_head(pending);

	return head != NULL && head->kind == PENDING_QUERY && head->action == PENDING_DROP;
}

static struct pending_entry take_head(struct pending *pending)
{
	struct pending_entry entry = pending->ring[pending->head];

	pending->head = slot(pending, 1);
	pending->count--;
	count(pending, &entry, UINT32_MAX);
	return entry;
}

struct pending_entry pending_pop(struct pending *pending)
{
	struct pending_entry entry;

	assert(pending->count != 0);
	entry = take_head(pending);
	/* What would have ended the copy mode of a command that is over has ended nothing. */
	while (pending->count != 0 && pending_head(pending)->kind == PENDING_COPY_END)
		take_head(pending);
	return entry;
}

bool pending_enter_copy(struct pending *pending, uint32_t *ignored)
{
	uint32_t kept = 1, i;

	*ignored = 0;
	for (i = 1; i < pending->count; i++) {
		struct pending_entry *entry = pending_at(pending, i);

		if (entry->kind == PENDING_COPY_END)
			break;
		if (entry->kind == PENDING_SYNC) {
			count(pending, entry, UINT32_MAX);
			++*ignored;
			continue;
		}
		*pending_at(pending, kept++) = *entry;
	}
	if (i == pending->count) {
		pending->count = kept;
		return true;
	}
	/* It has its end: one that comes behind it is another COPY's. */
	count(pending, pending_at(pending, i), UINT32_MAX);
	while (++i < pending->count)
		*pending_at(pending, kept++) = *pending_at(pending, i);
	pending->count = kept;
	return false;
}
