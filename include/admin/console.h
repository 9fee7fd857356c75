/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_CONSOLE_H
#define PGWEIR_ADMIN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

struct addr;
struct client;
struct pooler;

/* How the process ends. */
enum shutdown_mode {
	SHUTDOWN_NOW,
	SHUTDOWN_WAIT_FOR_SERVERS, /* when no server is in use any more */
	SHUTDOWN_WAIT_FOR_CLIENTS, /* when all clients have left */
};

/* What the console asks of the program; embedded in it. */
struct console_owner {
	/*
	 * RELOAD: the configuration is read anew.  False, with one line of explanation: nothing
	 * has changed.
	 */
	bool (*reload)(struct console_owner *owner, char *error, size_t size);

	/* SET: one setting, until the next reload.  False as above. */
	bool (*set)(struct console_owner *owner, const char *key, const char *value, char *error,
		    size_t size);

	/* SUSPEND and its end: whether connections are accepted. */
	void (*accept)(struct console_owner *owner, bool on);

	/* SHOW FDS: calls for each listening socket. */
	void (*walk_listeners)(struct console_owner *owner,
			       void (*each)(void *arg, int fd, const struct addr *addr), void *arg);

	/* The line of statistics of each stats_period. */
	void (*status)(struct console_owner *owner, const char *line);

	/*
	 * TAKEOVER: the process at the other end of the client's socket gets our listening
	 * sockets, and accepts in our place once it is up.  False as above.
	 */
	bool (*take_over)(struct console_owner *owner, struct client *client, char *error,
			  size_t size);

	/* SHUTDOWN: begins; the process ends later.  Again: in another mode. */
	void (*shut_down)(struct console_owner *owner, enum shutdown_mode mode);
};

/*
 * The virtual databases `pgweir` and `pgbouncer`: commands for the operator, over the simple and
 * the extended protocol.  Once, after clients_init; `owner` is kept.
 */
void console_init(struct pooler *pooler, struct console_owner *owner);

/* All clients are closed. */
void console_done(void);

/* "pgweir 0.1.0": the first line of -V and the answer to SHOW VERSION. */
const char *console_version(void);

#endif
