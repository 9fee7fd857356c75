/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_DATABASE_H
#define PGWEIR_POOL_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "cluster/cluster.h"
#include "conf/config.h"
#include "conf/diff.h"
#include "io/resolver.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/socket.h"
#include "io/stream.h"

struct database;

/* What an operator lets all databases do. */
enum pooler_activity {
	POOLER_ACTIVE,
	POOLER_PAUSED,	  /* no server is leased, idle ones are closed */
	POOLER_SUSPENDED, /* nothing is read, accepted or leased; what is queued is sent */
};

/*
 * What the running program has: the configuration in force, the databases that clients connect
 * to with their pools, the clusters behind them.  One a process, passed to whoever needs it.
 */
struct pooler {
	struct loop *loop;
	struct streams streams;
	struct resolver *resolver;
	struct config *config; /* counted */
	struct access access;
	struct list databases;
	struct list clusters;
	struct map by_name;	     /* databases that are not removed, by the hash of their name */
	struct deadlines idle_pools; /* pools and automatic databases that nobody uses */
	struct deadlines idle_databases;
	struct deadlines unproved_databases; /* the same, of logins that proved nothing */
	struct map users;		     /* struct pool_user by the hash of its name */
	uint64_t last_id;		     /* of clients and servers: one counter */
	unsigned servers;
	enum pooler_activity activity;
	bool offered;	      /* another process is about to take the listening sockets over */
	bool killed;	      /* KILL of all databases: each is paused, new ones too */
	usec_t shutting_down; /* since when; 0: not.  Who came before is still let in */

	/* The session layer's: closes all clients of a database that is removed or killed. */
	void (*close_clients)(struct database *database, const char *why);
};

/* A cluster of the configuration, shared by its databases. */
struct pool_cluster {
	struct list_node node;
	struct cluster *cluster;
};

/* A name that clients connect to. */
struct database {
	struct log_subject log;
	struct list_node node;
	struct pooler *pooler;
	char *name;
	const struct config_database *entry; /* of `config` */
	struct config *config;		     /* counted */
	struct cluster *cluster;
	struct cluster_watcher watcher;
	struct list pools;
	struct list crowd;  /* those that wait for room under max_db_connections (room.c) */
	struct map by_user; /* the same, by the hash of their user */
	struct task burial;
	struct deadline disuse;
	usec_t unused_since; /* no clients, no servers; 0: there are some */
	unsigned servers;
	unsigned clients;
	bool automatic; /* made from the `*` entry */
	bool proved;	/* automatic: who asked for it may: a client that logged in, the operator */
	bool paused;
	bool disabled;
	bool removed; /* gone from the configuration: freed when its clients are */
};

/* A user's connections over all databases, for its limits. */
struct pool_user {
	char *name;
	unsigned servers;
	unsigned clients;
	struct list pools; /* of its name at servers */
	struct list crowd; /* those that wait for room under max_user_connections (room.c) */
};

/*
 * Begins with a configuration (taken over) and secrets; false, with an explanation, if not.
 * Connections go over `transport`; without sockets (plays) no names are looked up and no hosts
 * probed: addresses are numeric and facts come by cluster_observe.
 */
bool pooler_init(struct pooler *pooler, struct loop *loop, const struct stream_transport *transport,
		 struct config *config, char *error, size_t size);
void pooler_done(struct pooler *pooler);

/* Takes over a new configuration: databases and clusters appear, change and go. */
void pooler_reconfigure(struct pooler *pooler, struct config *config);

/* Reads the files that say who may come in; false, with an explanation: what was known stays. */
bool pooler_load_access(struct pooler *pooler, const struct config *config, char *error,
			size_t size);

/* The options of TCP sockets from the settings. */
struct socket_options pooler_socket_options(const struct settings *settings);

/* The database of a name; made from `*` if that exists.  NULL: no such database. */
struct database *database_find(struct pooler *pooler, const char *name);

/*
 * The same for somebody who has yet to prove who it is: what it makes goes soon, and there are not
 * many of the kind.
 */
struct database *database_for_login(struct pooler *pooler, const char *name);

/* One that exists already. */
struct database *database_existing(const struct pooler *pooler, const char *name);

/* Whether the database belongs to a monitored cluster, so that statements are split. */
static inline bool database_is_split(const struct database *database)
{
	return database->cluster->monitored;
}

/*
 * The password that the entry has for a user at servers, NULL: none.  It is that of the user whom
 * the entry forces, else of all; auth_user beside a forced one has its own.
 */
const char *database_password_of(const struct database *database, const char *user);

/* PAUSE and RESUME of all databases or one; database_is_quiet when no server is in use. */
void database_pause(struct database *database);
void database_resume(struct database *database);
bool database_is_quiet(const struct database *database);

/*
 * A client belongs to the database, or does not any more.  The last one that leaves a database
 * that is not in the configuration any more ends it.
 */
void database_enter(struct database *database);
void database_leave(struct database *database);

/* Frees a database that has no clients. */
void database_drop(struct database *database);

/* The counters of a user, made if they are not there. */
struct pool_user *pooler_user(struct pooler *pooler, const char *name);

/* A client or a pool of the user is gone; without any left the counters go. */
void pooler_user_left(struct pooler *pooler, struct pool_user *user);

#endif
