/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CLUSTER_CLUSTER_H
#define PGWEIR_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/freshness.h"
#include "cluster/host.h"
#include "cluster/leader.h"
#include "io/resolver.h"
#include "io/deadline.h"
#include "io/loop.h"

/* How hosts without roles take turns (load_balance_hosts). */
enum cluster_balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_STICKY, /* the first that is not down */
};

/* What a cluster is made from; strings are copied. */
struct cluster_options {
	const char *name;
	bool monitored; /* false: hosts have no roles, each serves every need */
	enum cluster_balance balance;
	usec_t address_retry; /* a host, an address that failed is passed over (server_login_retry) */
	usec_t monitor_interval; /* between questions to a host */
	usec_t monitor_timeout;	 /* for an answer, and for a login */
	int monitor_fall;	 /* failures in a row: down */
	int monitor_rise;	 /* answers in a row after being down: up */
	usec_t longest_lag;	 /* the largest max_replica_lag of its databases */
	const char *monitor_user;
	const char *monitor_password; /* NULL: none; never logged */
	const char *monitor_database;
	const char *monitor_sslmode;	 /* NULL: disable */
	const char *monitor_sslrootcert; /* NULL: libpq's default */
};

struct host_options {
	const char *name;
	uint16_t port;
	const char *zone; /* NULL: none */
	unsigned weight;
};

/* What a watcher is told: a mask of what changed since it was called last. */
enum {
	CLUSTER_ROLES = 1,  /* role, standing, epoch or timeline of a host, or who the primary is */
	CLUSTER_HEALTH = 2, /* health, admin or `ending` of a host */
	CLUSTER_FRESH = 4,  /* a host became fresher, and cluster_want_fresh was called */
	CLUSTER_HOSTS = 8,  /* hosts came or went */
	CLUSTER_ADDRESS = 16, /* a host's address became known or unknown */
};

/* Embedded in who wants to know; called from a task, so it may do anything. */
struct cluster_watcher {
	struct list_node node;
	struct cluster *cluster;
	void (*on_changed)(struct cluster_watcher *watcher, struct cluster *cluster,
			   unsigned changes);
};

/* Hosts that replicate one another, or (unmonitored) the hosts of a plain database entry. */
struct cluster {
	struct log_subject log;
	char *name;
	struct loop *loop;
	struct resolver *resolver; /* NULL: no probes and no lookups (tests, plays) */
	struct list hosts;
	struct host *primary; /* who takes writes now, NULL: nobody */
	enum leader_lack lack;
	usec_t primary_since; /* of `primary`, or since when there is none */
	usec_t patient_until; /* the first primary waits for all hosts until then; 0: was found */
	struct leader_memory memory;
	struct freshness freshness; /* of `sampled` */
	const struct host *sampled; /* the last primary, compared only */
	bool monitored;
	enum cluster_balance balance;
	usec_t address_retry;
	usec_t monitor_interval;
	usec_t monitor_timeout;
	int monitor_fall;
	int monitor_rise;
	char *monitor_user;
	char *monitor_password;
	char *monitor_database;
	char *monitor_sslmode;
	char *monitor_sslrootcert;
	struct deadlines probes; /* of monitors */
	unsigned turn;		 /* rotates among equals */
	usec_t wanted;		 /* when cluster_want_fresh was called, 0: it was served */
	unsigned changes;	 /* not told yet */
	struct task tell;
	struct task burial;
	unsigned users; /* its hosts, and who made it */
	struct list watchers;
	struct list_node *telling; /* the watcher after the one that runs */
	char why[160];
};

/*
 * Makes a cluster and begins to look after its hosts.  Without a resolver there are no probes and
 * no lookups: facts come by cluster_observe, addresses must be numeric.
 */
struct cluster *cluster_new(struct loop *loop, struct resolver *resolver,
			    const struct cluster_options *options, const struct host_options *hosts,
			    unsigned count);

/* Stops the probes and removes the hosts; the cluster goes with the last user of a host. */
void cluster_close(struct cluster *cluster);

/* Takes new settings and hosts on reload: facts of hosts that stay (name, port) stay too. */
void cluster_reconfigure(struct cluster *cluster, const struct cluster_options *options,
			 const struct host_options *hosts, unsigned count);

/* Starts and stops telling; a watcher may stop itself or others while it is told. */
void cluster_watch(struct cluster *cluster, struct cluster_watcher *watcher);
void cluster_unwatch(struct cluster_watcher *watcher);

/* The host that takes writes now (unmonitored: the next in turn); NULL: writes wait. */
struct host *cluster_primary(struct cluster *cluster);

/*
 * Unmonitored: the host whose turn it is after so many that connect before, and after so many
 * hosts that are passed over.  Turns pass by connecting, not by asking: who asks may ask again
 * before there is a server.
 */
struct host *cluster_next_host(struct cluster *cluster, unsigned ahead, unsigned passed);
void cluster_note_connect(const struct host *host);

/* Unmonitored: something else is asked for, so that hosts which were not that may do now. */
void cluster_forget_unfit(struct cluster *cluster);

/* A sentence on why cluster_primary is NULL; "" if it is not. */
const char *cluster_why_no_primary(struct cluster *cluster);

/* What a read requires of a host. */
struct read_need {
	usec_t newer_than; /* its data must be later than this moment (last write); 0: any */
	usec_t seen;	/* of hosts but `preferred` also later than this one (last read); 0: any */
	usec_t max_lag; /* and no older than this; LAG_UNKNOWN: no bound */
	const char *zone; /* hosts of this zone first; NULL or "": no matter */
};

/*
 * The replica for a read, NULL if none fits.  `preferred`, that the client read from last, is kept
 * if it still fits; it is compared, never followed, so it may be gone or NULL.
 */
struct host *cluster_choose_replica(struct cluster *cluster, const struct read_need *need,
				    const struct host *preferred);

/* Any host that takes reads and is fresh enough, primary included (route=any). */
struct host *cluster_choose_any(struct cluster *cluster, const struct read_need *need,
				const struct host *preferred);

/* Whether its data satisfies the need, `seen` left aside; the primary's always does. */
bool host_is_fresh_enough(const struct host *host, const struct read_need *need);

/*
 * Asks the primary and then the replicas at once, and tells the watchers (CLUSTER_FRESH) when a
 * replica became fresher.  For one time: who still waits then calls again.
 */
void cluster_want_fresh(struct cluster *cluster);

/* What the traffic of servers shows of a host, ahead of any probe. */
enum evidence {
	EVIDENCE_CONNECTED,	  /* a login succeeded */
	EVIDENCE_CONNECT_REFUSED, /* ECONNREFUSED, ENOENT of a socket, no route */
	EVIDENCE_CONNECT_TIMEOUT,
	EVIDENCE_CONNECTION_LOST, /* EOF or reset without a word */
	EVIDENCE_ADMIN_SHUTDOWN,  /* 57P01 */
	EVIDENCE_CRASHED,	  /* a process of it died, which ends all the others */
	EVIDENCE_STARTING_UP,	  /* 57P03 at login */
	EVIDENCE_READ_ONLY,	  /* 25006 from a host that was the primary */
	EVIDENCE_UNFIT,		  /* a plain entry asks for another role */
	EVIDENCE_UNRESOLVED,	  /* a connection was wanted, and its name has no address */
};
void host_evidence(struct host *host, enum evidence evidence);

/* An answer of a host to the monitor's question. */
struct host_answer {
	usec_t asked;	  /* when the question was sent */
	usec_t connected; /* when its connection was begun */
	bool in_recovery;
	lsn_t position; /* inserted, not normalised, or replayed; 0: none */
	uint32_t timeline;
	uint64_t system_id;
	int64_t started;
	uint32_t wal_block_size;
	uint32_t wal_segment_size;
};

/* What the monitor calls: takes an answer, or counts a failure.  Tests and plays call them too. */
void cluster_observe(struct host *host, const struct host_answer *answer);
void cluster_probe_failed(struct host *host, enum health_cause cause, const char *text);

/* For the cluster layer: hosts keep their cluster. */
struct cluster *cluster_ref(struct cluster *cluster);
void cluster_unref(struct cluster *cluster);

/* For the cluster layer: facts changed, so judge anew; and what to tell the watchers. */
void cluster_decide(struct cluster *cluster);
void cluster_changed(struct cluster *cluster, unsigned changes);

/* Console: ENABLE, DRAIN, DISABLE of a host. */
void cluster_set_admin(struct host *host, enum admin admin);

/* The host with this name and port, NULL if there is none. */
struct host *cluster_find_host(struct cluster *cluster, const char *name, uint16_t port);

#endif
