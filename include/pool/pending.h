/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_PENDING_H
#define PGWEIR_POOL_PENDING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Replies that a server still owes, in order, each with what to do about it: forward it to the
 * client, drop it (we asked ourselves), or make it up (the server was never asked).
 *
 *	client: Parse(s1) Bind(s1) Execute Sync        s1 is on this server already
 *	server:           Bind     Execute Sync
 *	pending: PARSE make up, BIND forward, EXECUTE forward, SYNC forward
 *
 * After an ErrorResponse the server skips everything up to Sync, so the replies we expect in
 * between will not come (PostgreSQL documentation, "Message Flow", "Extended Query").
 */
enum pending_kind {
	PENDING_PARSE,
	PENDING_BIND,
	PENDING_CLOSE,
	PENDING_DESCRIBE,
	PENDING_EXECUTE,
	PENDING_SYNC,
	PENDING_QUERY,
	PENDING_FUNCTION,
	PENDING_COPY_END, /* CopyDone or CopyFail: no reply of its own, marks where copy mode ends */
};

enum pending_action {
	PENDING_FORWARD,
	PENDING_DROP,
	PENDING_MAKE_UP,
};

struct pending_entry {
	uint8_t kind;
	uint8_t action;
	uint8_t mark;  /* the session's: what this reply means to it */
	uint32_t note; /* the session's: what it has seen of the reply */
	void *subject; /* the session's: what a Parse makes known or a Close forgets, or NULL */
};

/* A ring.  Zeroed struct: empty, without memory. */
struct pending {
	struct pending_entry *ring;
	uint32_t capacity; /* power of two, or 0 */
	uint32_t head;
	uint32_t count;
	uint32_t syncs;	  /* entries that end with ReadyForQuery */
	uint32_t dropped; /* entries whose replies are nobody's but ours */
	uint32_t ours;	  /* entries of both kinds */
	uint32_t runs;	  /* of the client's, those that run something */
	bool open;	  /* the newest entry ends no batch: the server waits for a Sync */
	bool flushed;	  /* and was told to send what it has by then */
};

#define PENDING_MAX 65536

void pending_done(struct pending *pending);

static inline bool pending_is_empty(const struct pending *pending)
{
	return pending->count == 0;
}

/* Replies to the client are owed, not just to us. */
static inline bool pending_owes_client(const struct pending *pending)
{
	return pending->count != pending->dropped;
}

/* Whole requests of the client are unanswered, beside the one that is being sent. */
static inline bool pending_owes_requests(const struct pending *pending)
{
	return pending->syncs != pending->ours;
}

/* The client is to be read no further until replies came in. */
static inline bool pending_is_full(const struct pending *pending)
{
	return pending->count >= PENDING_MAX;
}

/* Adds an entry at the end. */
void pending_push(struct pending *pending, enum pending_kind kind, enum pending_action action,
		  uint8_t mark, void *subject);

/* The oldest entry, NULL if nothing is owed. */
struct pending_entry *pending_head(const struct pending *pending);

/* A query of our own is what the server is at now. */
bool pending_runs_ours(const struct pending *pending);

/* The i-th entry from the oldest on, i < count. */
struct pending_entry *pending_at(const struct pending *pending, uint32_t i);

/* Takes the oldest entry off; there is one.  The next one is none that nothing will answer. */
struct pending_entry pending_pop(struct pending *pending);

/*
 * The server went into copy-in mode for the oldest entry: it ignores each Sync sent up to
 * CopyDone or CopyFail, which goes with it; `ignored` is how many.  Returns whether the copy mode
 * lasts (no such end was sent yet).
 */
bool pending_enter_copy(struct pending *pending, uint32_t *ignored);

/* Whether this kind ends with ReadyForQuery. */
static inline bool pending_is_sync(enum pending_kind kind)
{
	return kind == PENDING_SYNC || kind == PENDING_QUERY || kind == PENDING_FUNCTION;
}

#endif
