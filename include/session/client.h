/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_CLIENT_H
#define PGWEIR_SESSION_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "io/addr.h"
#include "io/deadline.h"
#include "io/stream.h"
#include "pool/database.h"
#include "pool/parameters.h"
#include "pool/pool.h"
#include "proto/message.h"
#include "sql/directive.h"
#include "sql/verdict.h"

struct client_login;
struct console_session;
struct names;

enum client_state {
	CLIENT_STARTUP,	    /* before its startup packet */
	CLIENT_AUTH,	    /* proving who it is */
	CLIENT_WELCOME,	    /* accepted; no parameters are known yet to greet it with */
	CLIENT_IDLE,	    /* between requests, without a server */
	CLIENT_WAITING,	    /* in the queue with its need */
	CLIENT_ACTIVE,	    /* exactly one server */
	CLIENT_REPLICATION, /* a server of its own, to its end */
	CLIENT_CONSOLE,	    /* talks to us */
	CLIENT_CANCEL,	    /* a cancel request, waiting for its connection to the server */
	CLIENT_CLOSED,
	CLIENT_STATES,
};

/* The transaction block as the client sees it. */
enum client_block {
	BLOCK_NONE,	/* ReadyForQuery I */
	BLOCK_DEFERRED, /* we answered BEGIN; no server has it yet */
	BLOCK_OPEN,	/* on its server; T or E as the server said */
	BLOCK_LOST,	/* the server is gone: 25P02 until ROLLBACK */
};

/* No user has this number. */
#define UID_UNKNOWN UINT32_MAX

/* Where a client is: enough for logs and SHOW, in little room. */
struct client_peer {
	union {
		uint8_t bytes[16]; /* of the address; IPv4 in the first four */
		struct {
			uint32_t uid; /* AF_UNIX: of the other process */
			uint32_t pid;
		};
	};
	uint16_t port;	     /* of the client, host order */
	uint16_t local_port; /* AF_UNIX: that which is in the name of the socket */
	uint8_t family;	     /* AF_INET, AF_INET6, AF_UNIX */
};

/* What was found out about the request at the head of the input, before it waited for a server. */
struct outline {
	uint32_t len; /* of what can be sent anew; 0: it cannot */
	bool known;
	bool open; /* it ends with Flush (struct request, session/scan.h) */
	bool reads;
	bool commits;
	bool begins;
	bool session; /* it makes or needs state of the session */
};

/* A connection from an application. */
struct client {
	struct log_subject log;
	struct list_node node; /* on the list of its state */
	struct stream stream;
	/*
	 * Its lease, or its wait.  Its need remembers what it wrote and saw, and from the startup
	 * packet on, before anybody is asked who it is, whether this is a replication connection
	 * (need.replication, enum replication of proto/startup.h).
	 */
	struct holder holder;
	struct task
		task; /* goes on with input that could not be taken earlier; in the end, buries */
	struct pooler *pooler;
	struct database *database;  /* from the startup packet on */
	struct pool_user *user;	    /* that it logged in as */
	struct client_login *login; /* until logged in */
	union {
		struct names *names;		 /* its prepared statements; NULL: none yet */
		struct console_session *console; /* CLIENT_CONSOLE; the admin layer's */
		struct server *carrier;		 /* CLIENT_CANCEL: its connection to the server */
	};
	char *begin;	    /* BLOCK_DEFERRED: what we answered and did not send */
	struct chunk *kept; /* the request under way, while it can be sent anew; else NULL */
	const struct parameters *wanted; /* what its servers are made to have */
	struct client_peer peer;
	uint64_t id;
	usec_t connected_at;
	usec_t request_at;	   /* when the request under way began; 0: none */
	usec_t transaction_at;	   /* when the transaction under way began; 0: none */
	struct statement *unnamed; /* its unnamed statement, once that outlived its batch */
	uint8_t *long_key;	   /* its cancel key, from protocol 3.2 on; else NULL */
	struct outline outline;	   /* of a request that waits */
	uint32_t pass;		   /* bytes of a message under way that go through unseen */
	uint32_t begin_flags;	   /* BLOCK_DEFERRED, BLOCK_OPEN: VERDICT_TX_RO and so on */
	uint32_t asked;		   /* seconds from its connection to its last request */
	uint8_t short_key[4];	   /* the same up to 3.1 */
	uint32_t cancel_pid;	   /* told in BackendKeyData with the key */
	uint8_t cancel_key_len;
	uint8_t replays; /* of the request under way */
	uint8_t state;
	uint8_t block;
	uint8_t route;	    /* enum route_choice: asked for with pgweir.route */
	bool in_batch;	    /* extended messages were sent and no Sync yet */
	bool skip_to_sync;  /* we answered an error: the rest of the batch is dropped */
	bool pass_drop;	    /* what goes through unseen is dropped */
	bool answered;	    /* something of the answer to this request was forwarded */
	bool replaying;	    /* the answer is dropped and the request sent anew after it */
	bool must_write;    /* the request that is sent anew goes to the primary */
	bool begins;	    /* the request under way begins a transaction block */
	bool reads;	    /* the request under way is certainly a read */
	bool writes;	    /* the transaction under way may have written */
	bool parsed_read;   /* what its unnamed statement leaves behind was read in its text */
	bool bound_read;    /* the same of the statement that was bound last */
	bool session_state; /* it made state on its server that others lack */
	bool console_admin;
	bool commits;	  /* a COMMIT is under way */
	bool settles;	  /* what comes next depends on replies that are owed */
	bool canceled;	  /* its request is being canceled: never sent anew */
	bool loss_untold; /* BLOCK_LOST: it has not been told yet */
};

const char *client_state_name(enum client_state state);
bool client_may_become(enum client_state from, enum client_state to);

/* The one function that changes the state: moves it to its list, logs the cause. */
void client_become(struct client *client, enum client_state state, const char *cause);

/* Prepares the lists; once. */
void clients_init(struct pooler *pooler);

/* All clients in a state, for SHOW and the operator's commands. */
struct list *clients_in(enum client_state state);

/* Closes all clients of a database. */
void clients_close_database(struct database *database, const char *why);

/* How many there are in all states but closed. */
unsigned clients_count(void);

/* The client with this id, NULL if there is none. */
struct client *client_find(uint64_t id);

/*
 * Takes an accepted socket (tuned, non-blocking): a client in CLIENT_STARTUP, or closed at once
 * if it cannot be taken.  `unix_peer`: it came over a Unix socket.
 */
void client_accept(struct pooler *pooler, int fd, const struct addr *peer,
		   const struct addr *local);

/*
 * Takes one end of a pair of sockets from another process of ours, with what a client of that one
 * sent.
 */
void client_adopt(struct pooler *pooler, int fd, const void *data, uint32_t len);

/* Whether it is a process of our own user, on the Unix socket. */
bool client_is_local(const struct client *client);

/* Closes with an error that the client gets as FATAL (NULL sqlstate: without a word); logged. */
void client_close(struct client *client, const char *sqlstate, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with another reason in the log. */
void client_close_as(struct client *client, const char *why, const char *sqlstate, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

/* Closes without telling: it left, or has been told. */
void client_drop(struct client *client, const char *why);

/* Sends bytes to the client at the end of the turn. */
void client_send(struct client *client, const void *data, uint32_t len);

/* Sends an ErrorResponse of severity ERROR, without ReadyForQuery. */
void client_error(struct client *client, const char *sqlstate, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends ReadyForQuery as the client's block says. */
void client_ready(struct client *client);

/* Goes on with input that is there, at the end of this turn. */
void client_resume(struct client *client);

/* The pool it belongs to, NULL before it is logged in. */
static inline struct pool *client_pool(const struct client *client)
{
	return client->holder.pool;
}

/* The largest message that may pass, either way. */
static inline uint32_t client_message_max(const struct client *client)
{
	size_t max = client_pool(client)->settings.max_packet_size;

	return max < MESSAGE_MAX ? (uint32_t)max : MESSAGE_MAX;
}

static inline struct server *client_server(const struct client *client)
{
	return client->holder.server;
}

/* Whether `names` is what its room is used for. */
static inline bool client_has_names(const struct client *client)
{
	return client->state != CLIENT_CONSOLE && client->state != CLIENT_CANCEL;
}

/* Our address on its connection, as in client_peer; zeros if it is not known. */
void client_local_address(const struct client *client, uint8_t bytes[16]);

/* The id of the client that this holder is embedded in. */
uint64_t client_holder_id(const struct holder *holder);

/* "10.0.0.1:5000", "unix(123)@5000". */
const char *client_peer_text(const struct client *client, char *buffer, size_t size);

/* How a client that is logged in takes what happens to its lease. */
extern const struct holder_calls client_calls;

/* Console and status: the admin layer's calls, set at start. */
struct console_calls {
	/* Whether the user may enter, and as whom; `local`: Unix socket of the same user. */
	bool (*may_enter)(const struct client *client, const char *user, bool local, bool *admin);
	void (*begin)(struct client *client); /* greets; the client is in CLIENT_CONSOLE */
	void (*input)(struct client *client);
	void (*cancel)(struct client *client); /* a cancel request for it came */
	void (*end)(struct client *client);    /* it is being closed */
};
void clients_set_console(const struct console_calls *calls);
const struct console_calls *clients_console(void);

#endif
