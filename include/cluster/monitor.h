/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CLUSTER_MONITOR_H
#define PGWEIR_CLUSTER_MONITOR_H

#include "cluster/cluster.h"
#include "cluster/host.h"

/*
 * Asks one host, every monitor_interval on a connection of its own, for role, WAL position,
 * timeline and identity, and tells its cluster (cluster_observe, cluster_probe_failed).  A probe
 * has its own deadline; a lost connection is made again at most a second later.  Any role that
 * may log in will do; one with pg_monitor sees a replica's new timeline at once after a failover,
 * others only with its next restart point.
 */
struct monitor;

/* Prepares cluster->probes, the list of when to ask whom. */
void monitor_probes_init(struct deadlines *probes, struct loop *loop);

/* Begins; the settings are read from the host's cluster each time. */
struct monitor *monitor_new(struct host *host);
void monitor_close(struct monitor *monitor);

/* Asks now, or right after the answer to the question that is on its way. */
void monitor_probe_now(struct monitor *monitor);

/* Asks on a new connection: a server that shuts down can still answer on an old one. */
void monitor_reconnect(struct monitor *monitor);

/* The host's addresses changed: a connection to one that is not among them says nothing any more. */
void monitor_follow(struct monitor *monitor);

#endif
