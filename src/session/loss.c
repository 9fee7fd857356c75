/* SPDX-License-Identifier: ISC */
/*
 * What a client is told when its server is lost, and what is sent anew without telling.
 *
 * Nothing is sent anew once a byte of its answer was forwarded, and nothing that may have
 * written once a byte of it was sent.  A client that was in a transaction block is never told
 * that it is outside of one: it gets 25P02 until it rolls back (session/block).
 */
#include "session/loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/error.h"
#include "session/client.h"
#include "session/measure.h"
#include "session/replies.h"
#include "session/request.h"
#include "session/state.h"
#include "session/timeouts.h"

/* A request is sent anew that often at most. */
#define REPLAYS_MAX 3

/* Of all requests of a pool, so many percent may be; a few more when there were few. */
#define REPLAY_PERCENT 10
#define REPLAY_FREE 100

/* What was owed when the server went. */
struct owed {
	unsigned syncs; /* ReadyForQuery that the client waits for */
	bool anything;	/* requests of the client's were under way */
	bool in_block;	/* inside a transaction block that the server had */
	bool unsent;	/* nothing of the request reached the socket */
};

static struct owed take_owed(struct client *client, struct server *server)
{
	struct owed owed = { 0 };

	owed.unsent = server->stream.sent == server->sent_before;
	owed.in_block = client->block == BLOCK_OPEN;
	owed.anything = client->in_batch;
	while (!pending_is_empty(&server->pending)) {
		struct pending_entry entry = pending_pop(&server->pending);

		if (entry.action != PENDING_DROP) {
			owed.anything = true;
			owed.syncs += pending_is_sync(entry.kind);
		}
		replies_undo(client, server, &entry, false);
	}
	return owed;
}

static bool within_budget(const struct client *client)
{
	const struct pool *pool = client_pool(client);

	return client->replays < REPLAYS_MAX &&
	       pool->replays * 100 <= pool->stats.queries * REPLAY_PERCENT + REPLAY_FREE * 100;
}

static bool can_replay(const struct client *client)
{
	return client->kept != NULL && !client->answered && !client->canceled &&
	       !client->in_batch && client->pass == 0 && within_budget(client) &&
	       (client->block == BLOCK_NONE || client->begin != NULL);
}

void loss_replay(struct client *client)
{
	struct chunk *kept = client->kept;

	client->replaying = false;
	client->replays++;
	client_pool(client)->replays++;
	client->in_batch = false;
	client->settles = false;
	client->block = client->begin != NULL ? BLOCK_DEFERRED : BLOCK_NONE;
	client->kept = NULL;
	log_debug(client, "request is sent anew");
	stream_unread(&client->stream, kept->data, chunk_len(kept));
	chunk_free(kept);
	client_resume(client);
}

/* What a standby says to what it cannot do, be it for good or because it lags behind. */
static bool standby_refuses(const char *sqlstate, const char *message)
{
	static const char *const codes[] = {
		SQLSTATE_READ_ONLY_TX,
		SQLSTATE_SERIALIZATION,
		SQLSTATE_DEADLOCK,
		"42P01",
		"42703",
		"42883",
		"3F000",
		"42704",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(sqlstate, codes[i]) == 0)
			return true;
	if (strcmp(sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) != 0 &&
	    strcmp(sqlstate, SQLSTATE_NOT_IN_PREREQUISITE_STATE) != 0 &&
	    strcmp(sqlstate, SQLSTATE_INTERNAL_ERROR) != 0)
		return false;
	return strstr(message, "recovery") != NULL || strstr(message, "standby") != NULL;
}

bool loss_wants_replay(struct client *client, const struct server *server,
		       const struct error_fields *fields, bool mended)
{
	bool replica = server->at->host->role == ROLE_REPLICA;

	/* An error inside a block, be it begun just now, is the block's: only ROLLBACK ends it. */
	if (!can_replay(client) || client->block != BLOCK_NONE || client->begins ||
	    server->transaction != 'I' || server->pending.syncs != 1)
		return false;
	if (mended)
		return true;
	if (!database_is_split(client->database))
		return false;
	if (replica && client->reads && standby_refuses(fields->sqlstate, fields->message)) {
		client->must_write = true;
		return true;
	}
	/* A host that was the primary: PostgreSQL has rolled back, the new one will take it. */
	return !client->reads && client->replays == 0 && error_is(fields, SQLSTATE_READ_ONLY_TX) &&
	       !parameters_read_only(client->wanted);
}

/* ---- telling ---- */

static void tell_rest(struct client *client, unsigned syncs)
{
	for (; syncs > 0; syncs--) {
		if (client->block == BLOCK_LOST)
			client_error(client, SQLSTATE_IN_FAILED_TX,
				     "current transaction is aborted, commands ignored until end "
				     "of transaction block");
		else
			client_error(client, SQLSTATE_CONNECTION_FAILURE,
				     "server connection lost before this request was answered");
		client_ready(client);
	}
}

static bool outcome_is_unknown(const struct client *client, const struct owed *owed)
{
	if (client->commits)
		return true;
	return !owed->in_block && !client->reads && database_is_split(client->database);
}

static void tell(struct client *client, const struct owed *owed, const char *why)
{
	bool unknown = outcome_is_unknown(client, owed);

	client->block = owed->in_block && !client->commits ? BLOCK_LOST : BLOCK_NONE;
	/* It does not listen now: it is told at its next request. */
	client->loss_untold = !owed->anything && client->block == BLOCK_LOST;
	if (!owed->anything)
		return;
	if (unknown)
		client_error(client, SQLSTATE_TX_RESOLUTION_UNKNOWN,
			     "server connection lost while the transaction was being completed: "
			     "whether it was committed is not known (%s)",
			     why);
	else
		client_error(client, SQLSTATE_CONNECTION_FAILURE, "server connection lost: %s",
			     why);
	if (owed->syncs > 0) {
		client_ready(client);
		tell_rest(client, owed->syncs - 1);
	}
	if (client->in_batch)
		client->skip_to_sync = true;
}

static void forget_request(struct client *client)
{
	request_forget_kept(client);
	free(client->begin);
	client->begin = NULL;
	client->begin_flags = 0;
	measure_drop(client, client->block == BLOCK_NONE);
	client->in_batch = false;
	client->settles = false;
	client->commits = false;
	client->must_write = false;
	client->replays = 0;
	if (client->pass != 0)
		client->pass_drop = true;
	timeouts_transaction_ended(client);
}

/* Session pooling: what the server held for the client is gone with it. */
static bool session_is_lost(const struct client *client)
{
	return client_pool(client)->settings.pool_mode == POOL_MODE_SESSION &&
	       (client->session_state || !database_is_split(client->database));
}

void loss_server_lost(struct holder *holder, struct server *server, const char *why)
{
	struct client *client = list_entry(holder, struct client, holder);
	bool inside_message = server->pass != 0 && !server->pass_drop;
	bool refused = client->replaying; /* an error came: PostgreSQL has rolled back */
	struct owed owed = take_owed(client, server);
	char words[6];

	memcpy(words, server->last_words, sizeof(words));
	client->replaying = false;
	if (!inside_message)
		state_roll_back(client, server);
	pool_detach(server);
	if (inside_message) {
		client_drop(client, "server connection lost in the middle of a message");
		return;
	}
	/* What the client said has made PostgreSQL lose track of it: that is the client's end, too. */
	if (session_is_lost(client) || strcmp(words, SQLSTATE_PROTOCOL_VIOLATION) == 0) {
		client_close(client, words[0] != '\0' ? words : SQLSTATE_ADMIN_SHUTDOWN,
			     "server connection lost: %s", why);
		return;
	}
	client_become(client, CLIENT_IDLE, "server lost");
	if (can_replay(client) && owed.anything && (client->reads || owed.unsent || refused)) {
		timeouts_transaction_ended(client);
		loss_replay(client);
		return;
	}
	tell(client, &owed, why);
	forget_request(client);
	client_resume(client);
}

static bool is_between_requests(const struct client *client, const struct server *server,
				const struct owed *owed)
{
	return !owed->anything && !server->pending.open && client->pass == 0 && server->pass == 0 &&
	       server->copy == COPY_NONE;
}

/* A query of ours is under way and nothing else. */
static bool owes_us_alone(const struct pending *pending)
{
	return pending->count == 1 && pending->dropped == 1 && pending->syncs == 1;
}

/*
 * Between requests the server is as good as ever, after a ROLLBACK if need be.  In the middle of
 * one it is closed: nobody knows what it would say next, and when.
 */
void loss_client_leaves(struct client *client, struct server *server)
{
	bool idle = pending_is_empty(&server->pending);
	bool owes_us = owes_us_alone(&server->pending);
	struct owed owed = take_owed(client, server);

	if (owes_us && server->transaction == 'I' && server->cancels == 0 &&
	    is_between_requests(client, server, &owed)) {
		server->left |= LEFT_SETTINGS; /* that the answer would tell */
		text_done(&server->named);
		server_drain(server, "client disconnected, an answer to us is owed");
	} else if (!idle || !is_between_requests(client, server, &owed)) {
		server_abandon(server, "client disconnected in the middle of a request");
	} else if (server->transaction != 'I' && server->cancels != 0) {
		server_abandon(server, "client disconnected, a cancel request travels");
	} else if (server->transaction == 'I') {
		pool_return(server);
	} else if (client_pool(client)->settings.pool_mode == POOL_MODE_SESSION) {
		server_abandon(server, "client disconnected in a transaction");
	} else {
		pool_detach(server);
		server_run_chores(server, "ROLLBACK");
	}
}
