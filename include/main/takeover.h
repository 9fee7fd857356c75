/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_TAKEOVER_H
#define PGWEIR_MAIN_TAKEOVER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "io/socket.h"
#include "main/claim.h"

/*
 * A new process takes over the listening sockets of an old one, which serves its clients until
 * they leave (-R).
 *
 *	claim (main/claim)	the new process asks on the old one's console for its sockets; the
 *				old one offers them over a line (a pair of sockets), and goes on
 *	take			the new one is up: it accepts, the old one does not any more
 *	cancel			a cancel request with a key that the new process did not give out
 *				goes to the old one, until that has ended
 *
 * If either ends before the take, nothing has happened.  Each datagram on the line begins with
 * one of these; what follows:
 */
enum line_word {
	LINE_OFFER = 'O', /* old to new: pid, a byte a socket (managed?), the sockets themselves */
	LINE_TAKE = 'T',  /* new to old: pid */
	LINE_CANCEL =
		'C', /* new to old: the request's packet, and where to close when it is done */
};
#define LINE_OFFER_BYTES (5 + SOCKET_FDS_MAX)

struct client;
struct program;

enum takeover_state {
	TAKEOVER_NONE,
	TAKEOVER_OFFERED, /* a new process has our sockets too, and is starting */
	TAKEOVER_TAKEN,	  /* it accepts, we only serve who is there */
};

struct takeover {
	enum takeover_state state;
	struct ev_io successor;	  /* the line to the process after us */
	struct ev_io predecessor; /* to the one before us */
	struct list relays;	  /* cancel requests that the latter has */
};

void takeover_init(struct program *program);
void takeover_done(struct program *program);

/*
 * TAKEOVER of the console: offers the sockets to the process at the other end of the client's
 * Unix socket.  False, with an explanation.
 */
bool takeover_offer(struct program *program, struct client *client, char *error, size_t size);

/* We are up: the process that the claim is for is told.  False: it is gone. */
bool takeover_begin(struct program *program, const struct claim *claim);

/* Whether cancel requests may still have to go to a process before us. */
bool takeover_has_predecessor(const struct program *program);

#endif
