/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_SERVER_H
#define PGWEIR_POOL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "io/deadline.h"
#include "io/stream.h"
#include "pool/parameters.h"
#include "pool/pending.h"
#include "pool/statement.h"
#include "proto/startup.h"

struct error_fields;
struct holder;
struct message;
struct pool;
struct pool_host;
struct server_login;

enum server_state {
	SERVER_CONNECTING,
	SERVER_LOGIN,	  /* startup packet sent, no ReadyForQuery yet */
	SERVER_CANCELING, /* carries a cancel request and nothing else */
	SERVER_IDLE,
	SERVER_LEASED, /* one holder */
	SERVER_CHORES, /* our own queries: reset, check */
	SERVER_HELD,   /* finished, but a cancel aimed at it still travels */
	SERVER_CLOSED,
	SERVER_STATES,
};

/* Copy mode as the server's replies tell it. */
enum server_copy {
	COPY_NONE,
	COPY_IN,
	COPY_OUT,
	COPY_BOTH,
};

/* What its client's commands left on a server, beyond `parameters`: a mask. */
enum server_left {
	LEFT_SETTINGS = 1 << 0, /* some that are not reported, or who it is */
	LEFT_UNKNOWN = 1 << 1,	/* such that nobody has read the names of */
	LEFT_DEFAULTS = 1 << 2, /* settings went back to defaults: the server's, not the client's */
	LEFT_CURSORS = 1 << 3,	/* WITH HOLD */
	LEFT_CHANNELS = 1 << 4, /* LISTEN */
	LEFT_TEMPORARY = 1 << 5, /* tables and the like */
	LEFT_ASKED = 1 << 6,	 /* the server was asked for the settings (track_session) */
	LEFT_FAILED = 1 << 7,	 /* and did not say */
	LEFT_HURRIED = 1 << 8,	 /* since its statement_timeout is shorter than that takes */
};

/* Undoes LEFT_SETTINGS. */
#define SERVER_CLEANING "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL"

/* One connection to PostgreSQL. */
struct server {
	struct log_subject log;
	struct list_node node; /* on its pool_host's list of this state */
	struct stream stream;
	struct task burial;
	struct pool *pool;
	struct pool_host *at;
	struct holder *holder;	     /* while leased */
	struct holder *intended;     /* connecting, login: made for it alone; NULL: for the pool */
	struct server_login *login;  /* until logged in */
	struct addr address;	     /* that it was connected to: one of its host's at that time */
	struct server *target;	     /* canceling: the server whose query is to be canceled */
	uint64_t lease_number;	     /* canceling: the lease of the target that it is about */
	void (*canceled)(void *who); /* canceling: it is through, or given up; NULL: nobody asks */
	void *who;
	uint64_t leases;      /* counts leases */
	uint32_t sent_before; /* stream.sent when it was leased */
	uint32_t sent_seen;   /* the same when its COPY began, or query_timeout was up in it last */
	uint64_t id;
	usec_t connected_at;	  /* when it began to connect */
	usec_t used_at;		  /* when it was leased or given back last */
	usec_t request_at;	  /* when the request that runs was sent */
	struct deadline deadline; /* connecting, login, chores: gives up; idle: is closed */
	struct deadline transaction_deadline; /* leased: the session layer's, transaction_timeout */
	const struct parameters *parameters;  /* that it has */
	const struct parameters *before; /* its client's, if the transaction has changed them */
	const struct parameters *found;	 /* settings of the session, while it lists them */
	struct text named;		 /* settings to ask for by name, as literals */
	uint32_t reported;		 /* a bit for each tracked parameter that it reports */
	struct pending pending;
	struct prepared_set prepared;
	uint64_t unnamed;	/* id of its unnamed statement; 0: none, or nobody knows */
	uint64_t unnamed_lease; /* in which its unnamed statement became what the holder means */
	uint32_t pid;
	uint32_t key_len;
	uint8_t key[CANCEL_KEY_MAX];
	uint32_t epoch; /* of the host, when this connection was made or verified */
	uint32_t pass;	/* bytes of a message under way that go through unseen */
	uint32_t batch; /* counts what ends with ReadyForQuery */
	uint32_t
		unnamed_batch; /* in which the holder parsed or closed its unnamed statement last */
	uint16_t cancels;      /* cancel requests aimed at it that still travel */
	uint16_t ignored; /* Syncs that it got in copy-in mode, and ignores unless that fails */
	uint16_t strays;  /* the same once it failed: each may be answered, or not */
	uint8_t state;
	uint8_t copy;
	uint16_t left;	     /* enum server_left */
	uint16_t named_left; /* what statements that clients gave names to leave when they run */
	char last_words[6];  /* SQLSTATE of a FATAL error; "": none */
	uint8_t replication; /* enum replication of proto/startup.h: what it is made for */
	char transaction;    /* of the last ReadyForQuery: I, T or E */
	bool close_needed;   /* is closed at the end of its lease */
	bool ended;	     /* a command has, well or not, since the last ReadyForQuery */
	bool spoilt;	     /* is not what it was before, and is closed at the end of its lease */
	bool skips;	     /* sent an error in a batch: ignores what comes before Sync */
	bool doubt;	     /* a statement under way may deallocate others */
	bool checked;	     /* answered its login or its check, and was not used since */
	bool used;	     /* has run a client's request since its last reset */
	bool reconnects;     /* connect_query is to be run again */
	bool pass_drop;	     /* what goes through unseen is dropped */
	bool waits;	     /* canceling: not begun, too many others are under way */
};

/* Names of the states for SHOW and logs. */
const char *server_state_name(enum server_state state);

/* Whether a state may follow another; the setter refuses the rest in debug builds. */
bool server_may_become(enum server_state from, enum server_state to);

/* The one function that changes the state: moves the server to its list, logs the cause. */
void server_become(struct server *server, enum server_state state, const char *cause);

/*
 * Begins a connection for a pool on one of its hosts; it becomes idle, or closes, later.  NULL
 * if not even a socket could be had.
 */
struct server *server_connect(struct pool_host *at);

/* The same for one holder alone (pool/dedicated.h). */
struct server *server_connect_for(struct pool_host *at, struct holder *holder);

/*
 * So many Syncs of copy-in mode and some more: their sum.  More than can be counted spoil the
 * server, since it may answer more of them than are known.
 */
uint16_t server_add_syncs(struct server *server, uint32_t known, uint32_t more);

/*
 * How long it may take to connect and log in, or a cancel request to be through, counted from its
 * beginning; again when the settings have changed.
 */
void server_set_deadline(struct server *server);

/*
 * Begins a connection that cancels what `target` runs now; `canceled` is called when that is
 * through or given up.  NULL if it could not begin.  Servers and those that carry cancels are no
 * more than twice the pool's size: beyond that it waits, up to cancel_wait_timeout.
 */
struct server *server_cancel(struct server *target, void (*canceled)(void *who), void *who);

/* Lets those go that have waited long enough; the pool's task calls it. */
void server_open_cancels(struct pool_host *at);

/* A server is given back: cancels of what it ran that have not even begun come to nothing. */
void server_drop_waiting_cancels(struct server *target);

/*
 * Closes: stops the stream, tells its holder (lost) if it has one, leaves all lists, frees itself
 * at the end of the loop turn.  `why` is logged ("closing because: why").
 */
void server_close(struct server *server, const char *why);

/* The same by its holder, who is not told: it knows. */
void server_abandon(struct server *server, const char *why);

/*
 * Its holder has no use for the rest of an answer: that is read to its end, within
 * server_connect_timeout, and the server is idle afterwards.  `pass` is 0.
 */
void server_drain(struct server *server, const char *why);

/* A tracked parameter changed on the server. */
void server_note_parameter(struct server *server, const char *name, const char *value);

/* The same from a ParameterStatus message. */
void server_take_parameter(struct server *server, const struct message *message);

/* The server has said why it goes (FATAL, PANIC): it is closed, whether it does so or not. */
void server_take_fatal(struct server *server, const struct error_fields *fields);

/* A cancel request aimed at it is through or given up. */
void server_cancel_ended(struct server *server);

/* Starts a query of ours before the server may be leased; pool_server_ready follows. */
void server_run_chores(struct server *server, const char *sql);

/* Seconds since it began to connect. */
int server_age(const struct server *server);

#endif
