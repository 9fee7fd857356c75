/* SPDX-License-Identifier: ISC */
/*
 * What a request needs.  In this order: what the request, the client or the database asks for;
 * certainly a read, outside a transaction block or in one begun READ ONLY: a replica; all else:
 * the primary.  Doubt means primary.
 */
#include "session/route.h"

#include "session/client.h"

static enum route_choice database_choice(enum routing routing)
{
	switch (routing) {
	case ROUTING_SPLIT:
		return ROUTE_CHOICE_SPLIT;
	case ROUTING_PRIMARY:
		return ROUTE_CHOICE_PRIMARY;
	case ROUTING_REPLICA:
		return ROUTE_CHOICE_REPLICA;
	case ROUTING_PREFER_REPLICA:
		return ROUTE_CHOICE_PREFER_REPLICA;
	case ROUTING_ANY:
		return ROUTE_CHOICE_ANY;
	}
	return ROUTE_CHOICE_PRIMARY;
}

static enum route_choice choice_of_client(const struct client *client)
{
	if (client->route != ROUTE_CHOICE_NONE)
		return client->route;
	return database_choice(client_pool(client)->settings.route);
}

static enum route_choice choice_of(const struct client *client, const struct request *request)
{
	if (client->must_write)
		return ROUTE_CHOICE_PRIMARY;
	if (request->hint != ROUTE_CHOICE_NONE)
		return request->hint;
	return choice_of_client(client);
}

static enum need_fallback fallback_of(const struct settings *settings)
{
	switch (settings->no_replica) {
	case NO_REPLICA_PRIMARY:
		return FALLBACK_PRIMARY;
	case NO_REPLICA_WAIT:
		return FALLBACK_WAIT;
	case NO_REPLICA_ERROR:
		return FALLBACK_ERROR;
	}
	return FALLBACK_PRIMARY;
}

/*
 * After a write a client reads from the primary, and each such read moves on what a replica must
 * have to be no step back in time: one that reads without a pause would stay there for ever.  So
 * once its write is an old story, a read waits a moment for a replica to be that fresh.
 */
#define READS_FROM_PRIMARY_USEC (20 * USEC_PER_MSEC)

static bool is_patient(const struct client *client)
{
	const struct pool *pool = client_pool(client);
	const struct need *need = &client->holder.need;

	return need->seen != 0 && need->host == client->database->cluster->primary &&
	       need->seen - need->written >= READS_FROM_PRIMARY_USEC &&
	       clock_now() >= pool->impatient_until;
}

/* Whether a block with these modes can do nothing but read, on a standby too. */
static bool block_only_reads(const struct client *client, uint64_t flags)
{
	if (flags & (VERDICT_TX_SER | VERDICT_TX_RW))
		return false;
	return (flags & VERDICT_TX_RO) != 0 || parameters_read_only(client->wanted);
}

static enum need_kind split(const struct client *client, const struct request *request)
{
	const struct verdict *verdict = &request->verdict;

	if (client->session_state || parameters_serializable(client->wanted))
		return NEED_WRITE; /* no standby has what it needs, or takes it at all */
	if (client->block == BLOCK_DEFERRED)
		return block_only_reads(client, client->begin_flags) ? NEED_READ : NEED_WRITE;
	if ((verdict->flags & VERDICT_PLAIN_BEGIN) != 0)
		return block_only_reads(client, verdict->flags) ? NEED_READ : NEED_WRITE;
	if (verdict->route == ROUTE_REPLICA) {
		/* A batch that goes on behind a Flush cannot be sent anew when a replica refuses. */
		return request->open ? NEED_WRITE : NEED_READ;
	}
	if (verdict->route == ROUTE_EITHER && verdict->why == WHY_EMPTY)
		return NEED_ANY;
	return NEED_WRITE;
}

const char *need_name(uint8_t kind)
{
	static const char *const names[] = {
		[NEED_WRITE] = "write", [NEED_READ] = "read", [NEED_ANY] = "any"
	};

	return names[kind];
}

/* What is asked for, whatever the statement. */
static void apply_choice(enum route_choice choice, struct need *need)
{
	switch (choice) {
	case ROUTE_CHOICE_NONE:
	case ROUTE_CHOICE_SPLIT:
	case ROUTE_CHOICE_PRIMARY:
		break;
	case ROUTE_CHOICE_REPLICA:
		need->kind = NEED_READ;
		if (need->fallback == FALLBACK_PRIMARY)
			need->fallback = FALLBACK_WAIT;
		break;
	case ROUTE_CHOICE_PREFER_REPLICA:
		need->kind = NEED_READ;
		need->fallback = FALLBACK_PRIMARY;
		break;
	case ROUTE_CHOICE_ANY:
		need->kind = NEED_ANY;
		break;
	}
}

void route_decide(const struct client *client, const struct request *request, struct need *need)
{
	const struct settings *settings = &client_pool(client)->settings;
	enum route_choice choice;

	*need = client->holder.need; /* with what it wrote and saw */
	need->kind = NEED_WRITE;
	need->patient = false;
	need->any_age = false;
	if (!database_is_split(client->database))
		return;
	need->fallback = (uint8_t)fallback_of(settings);
	need->patient = is_patient(client);
	choice = choice_of(client, request);
	if (choice == ROUTE_CHOICE_NONE || choice == ROUTE_CHOICE_SPLIT)
		need->kind = (uint8_t)split(client, request);
	else
		apply_choice(choice, need);
}

void route_replication(const struct client *client, struct need *need)
{
	need->kind = NEED_WRITE;
	need->any_age = true;
	if (!database_is_split(client->database))
		return;
	need->fallback = FALLBACK_WAIT;
	apply_choice(choice_of_client(client), need);
}
