/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CLUSTER_HOST_H
#define PGWEIR_CLUSTER_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/freshness.h"
#include "cluster/leader.h"
#include "io/resolver.h"
#include "io/loop.h"

struct cluster;
struct monitor;

enum health {
	HEALTH_UNKNOWN, /* not heard of yet */
	HEALTH_UP,
	HEALTH_SUSPECT, /* a probe failed, not often enough to mean anything; still used */
	HEALTH_DOWN,
};

/* Why a host is not up. */
enum health_cause {
	CAUSE_NONE,
	CAUSE_UNRESOLVED, /* its name has no address */
	CAUSE_REFUSED,	  /* nobody listens */
	CAUSE_TIMEOUT,	  /* no answer in monitor_timeout */
	CAUSE_LOST,	  /* the connection broke */
	CAUSE_STARTING,	  /* 57P03: starting up, shutting down, in recovery */
	CAUSE_ENDING,	  /* 57P01, 57P02: it told its connections to go */
	CAUSE_LOGIN,	  /* the monitor is not let in */
	CAUSE_UNFIT,	  /* a plain entry asks for another role (target_session_attrs) */
	CAUSE_QUERY,	  /* the probe's answer is an error or makes no sense */
};

enum admin {
	ADMIN_ENABLED,
	ADMIN_DRAINING, /* no new leases */
	ADMIN_DISABLED, /* none at all */
	ADMIN_REMOVED,	/* not in the configuration any more; freed with its last user */
};

/*
 * One PostgreSQL instance: three facts (role, health, admin) that never mix, and what follows
 * from them, computed by host_takes_writes, host_takes_reads and host_keeps_leases only.  Owned
 * by its cluster; pools hold it with host_ref.  Read by everybody, written by the cluster layer
 * (the counters: by the pool layer).
 */
struct host {
	struct log_subject log;
	struct list_node node;	 /* of cluster->hosts, in the order of the configuration */
	struct cluster *cluster; /* lives as long as its hosts */
	char *name;		 /* as configured: a name, an address, a directory or @abstract */
	uint16_t port;
	char *zone;	 /* "" if none */
	unsigned weight; /* 0: no reads unless nobody else fits */

	enum role role;		/* as last seen */
	enum standing standing; /* what the leader rules make of it */
	enum health health;
	enum health_cause cause;
	char *cause_text; /* details, NULL if there are none */
	enum admin admin;
	bool ending; /* going down; until verified on a new connection */

	uint32_t timeline;  /* 0: not known; of a replica: at least this one */
	uint64_t system_id; /* 0: not known */
	usec_t asked;	    /* when the last question that was answered was sent; 0: never */
	usec_t round_trip;  /* of that question */
	lsn_t position;	    /* inserted (primary) or replayed (replica), 0: not known */
	int64_t started;    /* the postmaster's start, wall clock usec; another one: restarted */
	struct replayed replayed;
	uint32_t behind_timeline; /* that it was said not to have reached */

	/*
	 * The epoch changes with (role, timeline, standing).  A server carries the epoch it was
	 * made in and is leased in that one only; servers of an epoch before `keep_epoch` must go,
	 * later ones may be relabelled to `epoch` while idle.
	 */
	unsigned epoch;
	unsigned keep_epoch;

	unsigned users; /* host_ref */
	struct monitor *monitor;
	struct lookup lookup;
	struct task burial;
	struct addr_list *addresses; /* NULL: not known yet */
	usec_t *failed_at;	     /* by address: the last connect that failed; 0: none did */
	unsigned address_turn;
	usec_t addresses_until; /* to be looked up again */

	int failed; /* probes in a row */
	int passed;
	usec_t ending_since;   /* when it was learnt that it goes down */
	usec_t last_ended;     /* when a server last got 57P01, 0: never */
	unsigned ended_count;  /* how many in a short while */
	usec_t last_connected; /* evidence from traffic */
	usec_t last_refused;

	/* Kept by the pool layer. */
	uint8_t protocol_minor; /* newest of protocol 3 to ask for: 0, unless it is known to have more */
	bool protocol_refused; /* it said that it had more, and then did not take it */
	unsigned connections;  /* servers, in any state */
	unsigned leased;
	uint64_t reads; /* requests sent */
	uint64_t writes;
};

/* New requests that may write can go there now. */
bool host_takes_writes(const struct host *host);

/* New reads can go there, as far as freshness allows (host_is_fresh_enough). */
bool host_takes_reads(const struct host *host);

/* A server made in `epoch` may go on serving the client that holds it, and be pooled after. */
bool host_keeps_leases(const struct host *host, unsigned epoch);

/* An answer to a question sent after `since` confirmed its role: for replay after 25006. */
bool host_is_verified(const struct host *host, usec_t since);

/* Upper bound of the age of its data; 0 for the primary, LAG_UNKNOWN if nothing is known. */
usec_t host_lag(const struct host *host, usec_t now);

/*
 * The address to connect to next, NULL while none is known (the cluster's watchers are told when
 * that changes; host->cause_text says why not).  Several addresses take turns after a failed
 * connect (host_evidence).  Expired ones are used until the new lookup, begun here, is done.
 */
const struct addr *host_address(struct host *host);

/*
 * The address for a new connection: those of a host without role take turns, and one that failed
 * lately comes only when all did.
 */
const struct addr *host_next_address(struct host *host);

/* What became of a connect to one of its addresses; and whether there is one that may work. */
void host_note_address(struct host *host, const struct addr *addr, bool works);
bool host_has_good_address(const struct host *host);

/* Whether it is among them still: names change. */
bool host_knows_address(const struct host *host, const struct addr *addr);

/* Pools keep hosts that left the configuration alive with these. */
struct host *host_ref(struct host *host);
void host_unref(struct host *host);

/* For the cluster layer: the life of a host. */
struct host *host_new(struct cluster *cluster, const char *name, uint16_t port);
void host_remove(struct host *host);

/*
 * For the cluster layer: the setters of its facts, which log what changed and tell the cluster.
 * `text` (may be NULL) are details of the cause.
 */
void host_set_health(struct host *host, enum health health, enum health_cause cause,
		     const char *text);
void host_set_role(struct host *host, enum role role, uint32_t timeline);
void host_set_standing(struct host *host, enum standing standing);
void host_set_admin(struct host *host, enum admin admin);
void host_set_ending(struct host *host, const char *why);

/* Words for logs and SHOW HOSTS. */
const char *health_name(enum health health);
const char *health_cause_text(enum health_cause cause);
const char *admin_name(enum admin admin);

#endif
