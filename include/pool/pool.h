/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_POOL_H
#define PGWEIR_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/scram.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/host.h"
#include "conf/settings.h"
#include "io/deadline.h"
#include "pool/greeting.h"
#include "pool/need.h"
#include "pool/parameters.h"
#include "pool/server.h"
#include "pool/stats.h"

struct config;
struct database;
struct holder;
struct writer;

/* What a holder is told.  None of these comes from inside a call of the holder's own. */
struct holder_calls {
	/* The wait is over: the server is leased to it. */
	void (*leased)(struct holder *holder, struct server *server);

	/*
	 * The moment until which it waits at most, INT64_MAX for ever, and what its client is told
	 * then.  NULL: query_wait_timeout of the pool.
	 */
	usec_t (*limit)(const struct holder *holder, const char **why);

	/* It has waited for query_wait_notify, and goes on. */
	void (*waits)(struct holder *holder);

	/*
	 * The wait is over without a server; with the error for the client.  `final`: there is no
	 * use in staying.
	 */
	void (*refused)(struct holder *holder, bool final, const char *sqlstate, const char *text);

	/* The connection that is made for it alone was refused: in the server's words. */
	void (*login_failed)(struct holder *holder, const char *sqlstate, const char *text);

	/*
	 * A connection that is made for it alone is about to log in: adds startup parameters to
	 * those of the database.  NULL for who needs none.
	 */
	void (*introduce)(struct holder *holder, struct writer *writer);

	/* Its server is to be replaced; it may part with it early.  NULL for who does not. */
	void (*replace)(struct holder *holder);

	/* Its server has input. */
	void (*input)(struct holder *holder, struct server *server);

	/*
	 * Its server is lost: the connection broke, or was broken for a reason.  The server is
	 * freed after this; what it still owed can be read in server->pending.
	 */
	void (*lost)(struct holder *holder, struct server *server, const char *why);

	/* The id of the client for which it holds servers, for SHOW. */
	uint64_t (*id)(const struct holder *holder);
};

/* One who leases servers: embedded in a client. */
struct holder {
	const struct holder_calls *calls;
	struct pool *pool;
	struct server *server;	  /* leased; its reverse is server->holder */
	struct list_node node;	  /* in the pool's queue, while it waits */
	struct deadline deadline; /* the pool's while it waits: told, refused; else its owner's */
	struct need need;	  /* what it waits for */
	usec_t wait_since;	  /* 0: does not wait */
	bool notified;		  /* knows that it waits */
};

/* The servers of a pool on one host. */
struct pool_host {
	struct list_node node;
	struct pool *pool;
	struct host *host;
	struct list servers[SERVER_STATES];
	usec_t retry_at; /* no connection is tried before: the last one failed */
	struct deadline retry;
	usec_t aged_at;	 /* when a server was closed last because of its age; 0: never */
	unsigned wanted; /* connections that waiting holders would use, while serving */
	bool removed;	 /* the host left the cluster: closed when its servers are gone */
};

/* Who waits: for the primary, for another host, for a connection of their own. */
enum pool_queue {
	QUEUE_WRITE,
	QUEUE_OTHER,
	QUEUE_DEDICATED,
	POOL_QUEUES,
};

/* The servers for one (database, user), grouped by host, with the clients that wait. */
struct pool {
	struct log_subject log;
	struct list_node node; /* on its database's list */
	struct database *database;
	char *user;		  /* at the server */
	struct settings settings; /* effective ones; strings are the configuration's */
	struct config *config;	  /* that they are from; counted */
	struct list hosts;
	struct list queues[POOL_QUEUES];
	struct deadlines waits;	       /* of holders in the queues */
	struct deadlines connects;     /* of servers that connect, log in or do chores */
	struct deadlines idles;	       /* of idle servers */
	struct deadlines retries;      /* of pool_hosts */
	struct deadlines client_idles; /* the session layer's: idle clients */
	struct deadlines requests; /* the session layer's: query and idle transaction time-outs */
	struct deadlines transactions; /* the session layer's: transaction time-outs */
	struct task serve;
	struct task burial;
	struct deadline disuse;
	usec_t unused_since;	  /* no clients, no servers; 0: there are some */
	struct greeting greeting; /* of the last server that logged in; empty: none did yet */
	struct startups startups; /* startup packets that servers have accepted */
	char *failure;		  /* why the last attempt to connect failed; NULL: it did not */
	char failure_state[6];	  /* its SQLSTATE */
	usec_t failing_since;	  /* when the first did after one that succeeded */
	char *secret;		  /* password or stored secret for servers; NULL: none */
	struct scram_keys keys;
	struct pool_user *account;   /* of its user */
	struct list_node of_account; /* on the account's list */
	struct list_node crowd;	     /* while it waits for room (room.c) */
	usec_t crowded_since;	     /* when who waits longest came */
	unsigned clients;	     /* that belong to it */
	unsigned servers;	     /* connections, those that carry cancels excluded */
	struct pool_stats stats;
	struct pool_history history;
	usec_t impatient_until; /* waiting for a replica did not pay: reads do not, up to then */
	uint64_t replays;	/* requests that were sent anew */
};

/* The pool of a database for a user; made if it is not there.  `user` is the server's. */
struct pool *pool_get(struct database *database, const char *user);
struct pool *pool_find(const struct database *database, const char *user);

/* A client belongs to the pool, or does not any more. */
void pool_enter(struct pool *pool);
void pool_leave(struct pool *pool);

/*
 * Closes all servers and frees the pool at the end of the turn.  It has no clients.
 */
void pool_close(struct pool *pool, const char *why);

/* Closes all servers, also leased ones (KILL, removal). */
void pool_close_all(struct pool *pool, const char *why);

/* What to log in to servers with; copied.  Keys of a client's SCRAM login, or NULL. */
void pool_credentials(struct pool *pool, const char *secret, const struct scram_keys *keys);

/*
 * Takes a server that meets holder->need at once if there is one and nobody waits longer; else
 * the holder is queued, NULL is returned, and `leased` or `refused` follows.
 */
struct server *pool_lease(struct holder *holder);

/*
 * The same without queueing, whoever waits: for the queue.  When there is none to be had, *best is
 * the host where a new connection would serve the need, or NULL.
 */
struct server *pool_try(struct holder *holder, struct pool_host **best);

/*
 * Gives a server back: the last ReadyForQuery said I and nothing is owed.  It becomes idle, does
 * chores, waits for a cancel, or is closed.
 */
void pool_return(struct server *server);

/* Hands a server to a holder that has none. */
void pool_attach(struct server *server, struct holder *holder);

/* A lease for no request, but for greeting a client: not an assignment, nor the server's one use. */
void pool_forgive(struct server *server);

/* A server finished logging in, its chores, or its wait for a cancel: it may be leased. */
void pool_server_ready(struct server *server);

/* Takes a server out of its holder's hands; it must be closed or given back next. */
void pool_detach(struct server *server);

/* Something changed that those who wait may wait for: serves them at the end of the turn. */
void pool_wake(struct pool *pool);

/* Whether an idle server has rested for so long that it is checked before its next lease. */
bool pool_wants_check(const struct server *server);

/* Whether this server may serve a need: host, role, epoch, freshness. */
bool pool_server_meets(const struct server *server, const struct need *need);

/* The reason why connections failed may be gone: they are tried again at once. */
void pool_retry(struct pool *pool);

/* Servers at addresses that their host does not have any more are closed when they are free. */
void pool_leave_addresses(struct pool *pool);

/* Closes servers: those at rest or on their way at once, others when they come back. */
void pool_reconnect(struct pool *pool, const char *why);

/* Closes idle servers at once (PAUSE). */
void pool_close_idle(struct pool *pool, const char *why);

/* Servers in a state, over all hosts. */
unsigned pool_count(const struct pool *pool, enum server_state state);

/* Servers on a host that are there or will be, without carriers of cancel requests. */
unsigned pool_host_servers(const struct pool_host *at);

/* Those that a size of the pool is about: the host's of a database with a cluster, else all. */
unsigned pool_sized_servers(const struct pool_host *at);

/* Those of a host that connect or log in. */
unsigned pool_host_unready(const struct pool_host *at);

/*
 * Those that will be idle soon without anybody's doing: also those at their chores, but not what
 * is made for one holder.
 */
unsigned pool_host_coming(const struct pool_host *at);

/* Brings hosts and settings up to date after a reload or a change in the cluster. */
void pool_refresh(struct pool *pool);

/* The facts about a host changed (role, health): closes what may not be used any more. */
void pool_host_changed(struct pool *pool, struct host *host);

#endif
