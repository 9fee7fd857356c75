/* SPDX-License-Identifier: ISC */
/*
 * Which hosts of a pool may serve a need, the best first.
 *
 * A plain database entry has hosts without roles: those with idle servers come first, and a new
 * connection goes to the next in turn.  In a cluster a write has one host.  A read keeps to the
 * replica that it read from last; another one is offered if it is fresher than what the client
 * has seen.  When no replica fits, the fallback says what then.
 */
#include "pool/choice.h"

#include "pool/database.h"

static struct read_need read_need(const struct choice *choice)
{
	const struct need *need = choice->need;
	struct read_need read = {
		.newer_than = need->written,
		.seen = need->seen,
		.max_lag = choice->pool->settings.max_replica_lag,
	};

	if (need->any_age || read.max_lag == 0)
		read.max_lag = LAG_UNKNOWN;
	return read;
}

/* Fresh enough for the client; the host that it read from last need not be newer than that. */
static bool is_fresh(const struct choice *choice, const struct host *host)
{
	struct read_need read = read_need(choice);

	return host_is_fresh_enough(host, &read) &&
	       (host == choice->need->host || host->cluster->primary == host || read.seen == 0 ||
		host->replayed.as_of > read.seen);
}

static bool replica_fits(const struct choice *choice, const struct host *host)
{
	return host->role == ROLE_REPLICA && host_takes_reads(host) && is_fresh(choice, host);
}

static bool any_fits(const struct choice *choice, const struct host *host)
{
	return host_takes_reads(host) && is_fresh(choice, host);
}

static bool primary_may_read(const struct need *need)
{
	return need->kind == NEED_READ && need->fallback == FALLBACK_PRIMARY && !need->patient;
}

bool choice_allows(const struct choice *choice, const struct pool_host *at)
{
	struct cluster *cluster = choice->pool->database->cluster;

	if (at->removed)
		return false;
	if (!cluster->monitored)
		return at->host->admin == ADMIN_ENABLED;
	switch ((enum need_kind)choice->need->kind) {
	case NEED_WRITE:
		return host_takes_writes(at->host);
	case NEED_ANY:
		return any_fits(choice, at->host);
	case NEED_READ:
		return replica_fits(choice, at->host) ||
		       (primary_may_read(choice->need) && choice->first == NULL &&
			host_takes_writes(at->host));
	}
	return false;
}

static struct pool_host *find(const struct choice *choice, const struct host *host)
{
	return host != NULL ? pool_host_of(choice->pool, host) : NULL;
}

/* The replica of the last read if it still fits; else the cluster's choice. */
static struct pool_host *best_replica(const struct choice *choice)
{
	struct read_need need = read_need(choice);
	struct cluster *cluster = choice->pool->database->cluster;

	if (choice->need->kind == NEED_ANY)
		return find(choice, cluster_choose_any(cluster, &need, choice->need->host));
	return find(choice, cluster_choose_replica(cluster, &need, choice->need->host));
}

void choice_begin(struct choice *choice, struct pool *pool, const struct need *need)
{
	choice->pool = pool;
	choice->need = need;
	choice->at = list_first(&pool->hosts);
	choice->first = NULL;
	choice->step = 0;
}

/*
 * Its last login was refused or came to nothing, and it has no server free: a role, say, that was
 * just made is not on a replica yet.
 */
static bool is_out(const struct pool_host *at)
{
	return clock_now() < at->retry_at && at->servers[SERVER_IDLE].count == 0;
}

/* A host with a server on its way that nobody before in the queue waits for. */
static struct pool_host *first_coming(const struct pool *pool)
{
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (!at->removed && at->wanted < pool_host_coming(at))
			return at;
	}
	return NULL;
}

/* Connections that are to be opened for those before in the queue. */
static unsigned count_new(const struct pool *pool)
{
	unsigned count = 0;

	list_for_each(&pool->hosts, node, after) {
		const struct pool_host *at = list_entry(node, struct pool_host, node);
		unsigned coming = pool_host_coming(at);

		count += at->wanted > coming ? at->wanted - coming : 0;
	}
	return count;
}

struct pool_host *choice_in_turn(struct pool *pool)
{
	unsigned ahead = count_new(pool);
	struct pool_host *first = NULL;

	for (unsigned i = 0; i < pool->hosts.count; i++) {
		const struct host *host = cluster_next_host(pool->database->cluster, ahead, i);
		struct pool_host *at = host != NULL ? pool_host_of(pool, host) : NULL;

		if (at != NULL && clock_now() >= at->retry_at)
			return at;
		if (first == NULL)
			first = at;
	}
	return first;
}

/* Without roles: hosts with idle servers, then where one is coming, then the one in turn. */
static struct pool_host *next_plain(struct choice *choice)
{
	struct pool_host *coming;

	while (choice->at != NULL) {
		struct pool_host *at = list_entry(choice->at, struct pool_host, node);

		choice->at = list_next(choice->at);
		if (!at->removed && at->servers[SERVER_IDLE].count != 0)
			return at;
	}
	if (choice->step++ > 0)
		return NULL;
	coming = first_coming(choice->pool);
	return coming != NULL ? coming : choice_in_turn(choice->pool);
}

static bool fits(const struct choice *choice, const struct host *host)
{
	return choice->need->kind == NEED_ANY ? any_fits(choice, host) : replica_fits(choice, host);
}

/* The best replica is out: another host that fits and is not. */
static struct pool_host *first_not_out(const struct choice *choice)
{
	list_for_each(&choice->pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (!at->removed && !is_out(at) && fits(choice, at->host))
			return at;
	}
	return NULL;
}

/* Other hosts that fit and have a server free. */
static struct pool_host *next_with_idle(struct choice *choice)
{
	while (choice->at != NULL) {
		struct pool_host *at = list_entry(choice->at, struct pool_host, node);

		choice->at = list_next(choice->at);
		if (at == choice->first || at->removed || at->servers[SERVER_IDLE].count == 0)
			continue;
		if (fits(choice, at->host))
			return at;
	}
	return NULL;
}

static struct pool_host *fall_back(struct choice *choice)
{
	struct cluster *cluster = choice->pool->database->cluster;

	if (choice->need->kind == NEED_READ)
		cluster_want_fresh(cluster);
	if (!primary_may_read(choice->need))
		return NULL;
	return find(choice, cluster_primary(cluster));
}

struct pool_host *choice_next(struct choice *choice)
{
	struct cluster *cluster = choice->pool->database->cluster;

	if (!cluster->monitored)
		return next_plain(choice);
	if (choice->step++ > 0)
		return choice->need->kind == NEED_WRITE || choice->first == NULL
			       ? NULL
			       : next_with_idle(choice);
	if (choice->need->kind == NEED_WRITE)
		return find(choice, cluster_primary(cluster));
	choice->first = best_replica(choice);
	if (choice->first != NULL && is_out(choice->first))
		choice->first = first_not_out(choice);
	return choice->first != NULL ? choice->first : fall_back(choice);
}

bool choice_host_is_useful(const struct pool_host *at)
{
	return !at->removed && (!at->host->cluster->monitored || host_takes_reads(at->host) ||
				host_takes_writes(at->host));
}
