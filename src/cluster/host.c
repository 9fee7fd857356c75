/* SPDX-License-Identifier: ISC */
/*
 * One PostgreSQL instance: its facts, what follows from them, and its addresses.
 *
 *	role, timeline	what it says of itself		\
 *	standing	what the leader rules say	 > takes writes, takes reads, keeps leases
 *	health, ending	whether it answers		/
 *	admin		what the operator wants
 */
#include "cluster/host.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cluster/cluster.h"
#include "cluster/monitor.h"

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct host *host = list_entry(subject, struct host, log);

	snprintf(buffer, size, "H-%s:%u[%s]", host->name, host->port, health_name(host->health));
}

struct host *host_new(struct cluster *cluster, const char *name, uint16_t port)
{
	struct host *host = mem_zero(sizeof(*host));
	struct addr addr;

	host->log.describe = describe;
	host->cluster = cluster_ref(cluster);
	host->name = mem_string(name);
	host->port = port;
	host->zone = mem_string("");
	host->weight = 1;
	host->epoch = 1;
	host->keep_epoch = 1;
	host->users = 1; /* the cluster */
	if (addr_parse(&addr, name, port)) {
		host->addresses = addr_list_new(1);
		host->addresses->count = 1;
		host->addresses->addrs[0] = addr;
		host->failed_at = mem_zero(sizeof(*host->failed_at));
		host->addresses_until = INT64_MAX;
	}
	list_append(&cluster->hosts, &host->node);
	return host;
}

static void bury(struct task *task)
{
	struct host *host = list_entry(task, struct host, burial);

	free(host->name);
	free(host->zone);
	free(host->cause_text);
	free(host->addresses);
	free(host->failed_at);
	cluster_unref(host->cluster);
	free(host);
}

struct host *host_ref(struct host *host)
{
	host->users++;
	return host;
}

void host_unref(struct host *host)
{
	assert(host->users > 0);
	if (--host->users > 0)
		return;
	assert(host->admin == ADMIN_REMOVED);
	host->burial.run = bury;
	loop_bury(host->cluster->loop, &host->burial);
}

void host_remove(struct host *host)
{
	struct cluster *cluster = host->cluster;

	host_set_admin(host, ADMIN_REMOVED);
	if (host->monitor != NULL)
		monitor_close(host->monitor);
	host->monitor = NULL;
	lookup_cancel(&host->lookup);
	list_remove(&host->node);
	if (cluster->primary == host)
		cluster->primary = NULL;
	host_unref(host);
}

/* What follows from the facts. */

static bool answers(const struct host *host)
{
	return host->health == HEALTH_UP || host->health == HEALTH_SUSPECT;
}

bool host_takes_writes(const struct host *host)
{
	if (host->admin != ADMIN_ENABLED)
		return false;
	return !host->cluster->monitored || host->cluster->primary == host;
}

bool host_takes_reads(const struct host *host)
{
	if (host->admin != ADMIN_ENABLED)
		return false;
	if (!host->cluster->monitored || host->cluster->primary == host)
		return true;
	return host->role == ROLE_REPLICA && host->standing == STANDING_NONE && answers(host) &&
	       !host->ending;
}

bool host_keeps_leases(const struct host *host, unsigned epoch)
{
	return epoch >= host->keep_epoch && host->admin != ADMIN_DISABLED;
}

bool host_is_verified(const struct host *host, usec_t since)
{
	return host->asked > since;
}

usec_t host_lag(const struct host *host, usec_t now)
{
	if (host->cluster->primary == host)
		return 0;
	return freshness_lag(host->replayed.as_of, now);
}

/* The facts. */

static void tell(struct host *host, unsigned changes)
{
	if (host->admin != ADMIN_REMOVED)
		cluster_changed(host->cluster, changes);
}

static void log_health(struct host *host, enum health health, enum health_cause cause)
{
	const char *before = health_name(host->health), *after = health_name(health);
	const char *text = host->cause_text;

	if (health == HEALTH_UP && host->health == HEALTH_UNKNOWN)
		log_debug(host, "%s -> %s", before, after);
	else if (health == HEALTH_UP || health == HEALTH_UNKNOWN)
		log_info(host, "%s -> %s", before, after);
	else if (cause == CAUSE_LOGIN || cause == CAUSE_QUERY)
		log_warn(host, "%s -> %s: %s: %s", before, after, health_cause_text(cause),
			 text != NULL ? text : "no reason given");
	else
		log_warn(host, "%s -> %s: %s", before, after,
			 text != NULL ? text : health_cause_text(cause));
}

void host_set_health(struct host *host, enum health health, enum health_cause cause,
		     const char *text)
{
	bool other_cause = host->cause != cause;

	if (text == NULL || host->cause_text == NULL || strcmp(text, host->cause_text) != 0) {
		free(host->cause_text);
		host->cause_text = text != NULL ? mem_string(text) : NULL;
	}
	host->cause = cause;
	if (host->health == health) {
		if (other_cause && health == HEALTH_DOWN)
			log_info(host, "still down: %s",
				 text != NULL ? text : health_cause_text(cause));
		return;
	}
	log_health(host, health, cause);
	host->health = health;
	tell(host, CLUSTER_HEALTH);
}

/* Servers of earlier epochs are not leased before they were verified, or must go. */
static void begin_epoch(struct host *host, bool keeps)
{
	host->epoch++;
	if (!keeps)
		host->keep_epoch = host->epoch;
	tell(host, CLUSTER_ROLES);
}

void host_set_role(struct host *host, enum role role, uint32_t timeline)
{
	enum role before = host->role;

	if (before == role && host->timeline == timeline)
		return;
	if (before != role)
		log_info(host, "role %s -> %s (timeline %u)", role_name(before), role_name(role),
			 timeline);
	else
		log_info(host, "timeline %u -> %u", host->timeline, timeline);
	host->role = role;
	host->timeline = timeline;
	if (before == ROLE_PRIMARY || role != ROLE_REPLICA)
		replayed_forget(&host->replayed);
	/* A promoted host's sessions become writable; a demoted one's are dead or lie. */
	begin_epoch(host, before != ROLE_PRIMARY);
}

static bool is_outcast(enum standing standing)
{
	return standing == STANDING_DEPOSED || standing == STANDING_RIVAL ||
	       standing == STANDING_FOREIGN;
}

static void log_standing(const struct host *host, enum standing standing)
{
	const struct leader_memory *memory = &host->cluster->memory;

	switch (standing) {
	case STANDING_DEPOSED:
		log_warn(host, "deposed: still a primary on timeline %u, the cluster is on %u",
			 host->timeline, memory->timeline);
		break;
	case STANDING_RIVAL:
		log_error(host, "split brain: another primary on timeline %u; writes are held",
			  host->timeline);
		break;
	case STANDING_FOREIGN:
		log_error(host, "ignored: system identifier %llu, the cluster's is %llu",
			  (unsigned long long)host->system_id,
			  (unsigned long long)memory->system_id);
		break;
	case STANDING_UNSURE:
		log_warn(host, "a primary whose timeline is not known gets no writes");
		break;
	default:
		break;
	}
}

void host_set_standing(struct host *host, enum standing standing)
{
	enum standing before = host->standing;

	if (before == standing)
		return;
	host->standing = standing;
	log_standing(host, standing);
	if (is_outcast(standing) != is_outcast(before))
		begin_epoch(host, !is_outcast(standing));
	else
		tell(host, CLUSTER_ROLES);
}

void host_set_admin(struct host *host, enum admin admin)
{
	if (host->admin == admin)
		return;
	if (admin != ADMIN_REMOVED)
		log_info(host, "%s -> %s", admin_name(host->admin), admin_name(admin));
	host->admin = admin;
	tell(host, CLUSTER_HEALTH);
}

void host_set_ending(struct host *host, const char *why)
{
	if (why == NULL) {
		if (!host->ending)
			return;
		host->ending = false;
		log_info(host, "does not go down: it answers on a new connection");
	} else {
		if (host->ending)
			return;
		host->ending = true;
		host->ending_since = clock_now();
		log_warn(host, "going down: %s", why);
	}
	tell(host, CLUSTER_HEALTH);
}

/* Addresses. */

static bool knows(const struct addr_list *list, const struct addr *addr)
{
	for (unsigned i = 0; list != NULL && i < list->count; i++)
		if (addr_equals(&list->addrs[i], addr))
			return true;
	return false;
}

/* What is known of an address that stays is kept. */
static void take_addresses(struct host *host, const struct addr_list *list)
{
	usec_t *failed_at = mem_zero(list->count * sizeof(*failed_at));

	for (unsigned i = 0; i < list->count; i++)
		for (unsigned j = 0; host->addresses != NULL && j < host->addresses->count; j++)
			if (addr_equals(&list->addrs[i], &host->addresses->addrs[j]))
				failed_at[i] = host->failed_at[j];
	free(host->addresses);
	free(host->failed_at);
	host->addresses = addr_list_copy(list);
	host->failed_at = failed_at;
}

static bool is_same(const struct addr_list *before, const struct addr_list *now)
{
	if (before == NULL || before->count != now->count)
		return false;
	for (unsigned i = 0; i < now->count; i++)
		if (!knows(before, &now->addrs[i]))
			return false;
	return true;
}

static void on_addresses(struct lookup *lookup, const struct addr_list *list, usec_t until,
			 const char *error)
{
	struct host *host = list_entry(lookup, struct host, lookup);

	host->addresses_until = until;
	if (list == NULL) {
		log_warn(host, "name lookup failed: %s", error);
		/* Old addresses are better than none. */
		if (host->addresses == NULL)
			cluster_probe_failed(host, CAUSE_UNRESOLVED, error);
		tell(host, CLUSTER_ADDRESS);
		return;
	}
	if (!is_same(host->addresses, list)) {
		if (host->addresses != NULL)
			log_info(host, "its name has other addresses now");
		take_addresses(host, list);
		tell(host, CLUSTER_ADDRESS);
	}
	if (host->monitor != NULL)
		monitor_follow(host->monitor);
}

static bool has_connections(const struct lookup *lookup)
{
	return list_entry(lookup, struct host, lookup)->connections != 0;
}

const struct addr *host_address(struct host *host)
{
	if (host->addresses_until <= clock_now() && !host->lookup.asking &&
	    host->admin != ADMIN_REMOVED && host->cluster->resolver != NULL) {
		host->lookup.is_used = has_connections;
		lookup_start(&host->lookup, host->cluster->resolver, host->name, host->port,
			     on_addresses);
	}
	if (host->addresses == NULL)
		return NULL;
	return &host->addresses->addrs[host->address_turn % host->addresses->count];
}

static bool failed_lately(const struct host *host, unsigned i)
{
	return host->failed_at[i] != 0 &&
	       clock_now() - host->failed_at[i] < host->cluster->address_retry;
}

bool host_has_good_address(const struct host *host)
{
	for (unsigned i = 0; host->addresses != NULL && i < host->addresses->count; i++)
		if (!failed_lately(host, i))
			return true;
	return false;
}

const struct addr *host_next_address(struct host *host)
{
	const struct addr *addr = host_address(host);
	unsigned i;

	if (addr == NULL || host->cluster->monitored || host->addresses->count == 1)
		return addr;
	for (i = 0; i < host->addresses->count; i++) {
		unsigned at = (host->address_turn + i) % host->addresses->count;

		if (!failed_lately(host, at)) {
			host->address_turn = at + 1;
			return &host->addresses->addrs[at];
		}
	}
	host->address_turn++;
	return addr;
}

void host_note_address(struct host *host, const struct addr *addr, bool works)
{
	for (unsigned i = 0; host->addresses != NULL && i < host->addresses->count; i++)
		if (addr_equals(&host->addresses->addrs[i], addr))
			host->failed_at[i] = works ? 0 : clock_now();
}

bool host_knows_address(const struct host *host, const struct addr *addr)
{
	return knows(host->addresses, addr);
}

/* Words. */

const char *health_name(enum health health)
{
	static const char *const names[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_UP] = "up",
		[HEALTH_SUSPECT] = "suspect",
		[HEALTH_DOWN] = "down",
	};

	return names[health];
}

const char *health_cause_text(enum health_cause cause)
{
	static const char *const texts[] = {
		[CAUSE_NONE] = "",
		[CAUSE_UNRESOLVED] = "its name has no address",
		[CAUSE_REFUSED] = "connection refused",
		[CAUSE_TIMEOUT] = "timed out",
		[CAUSE_LOST] = "connection lost",
		[CAUSE_STARTING] = "not accepting connections",
		[CAUSE_ENDING] = "shutting down",
		[CAUSE_LOGIN] = "the monitor cannot log in",
		[CAUSE_QUERY] = "the probe failed",
		[CAUSE_UNFIT] = "not what target_session_attrs asks for",
	};

	return texts[cause];
}

const char *admin_name(enum admin admin)
{
	static const char *const names[] = {
		[ADMIN_ENABLED] = "enabled",
		[ADMIN_DRAINING] = "draining",
		[ADMIN_DISABLED] = "disabled",
		[ADMIN_REMOVED] = "removed",
	};

	return names[admin];
}
