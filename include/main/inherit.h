/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_INHERIT_H
#define PGWEIR_MAIN_INHERIT_H

#include <stdbool.h>

#include "io/addr.h"
#include "io/socket.h"

/* A listening socket that somebody else has made. */
struct inherited_socket {
	struct addr addr;
	int fd;	      /* -1: taken */
	bool managed; /* the service manager's: used as it is, whatever the settings say */
};

/* Those that the process has at its start. */
struct inherited {
	struct inherited_socket sockets[SOCKET_FDS_MAX];
	unsigned count;
};

/*
 * Adds a socket; false if it is none that listens for streams, or there are too many (the
 * descriptor is the caller's then).
 */
bool inherited_add(struct inherited *inherited, int fd, bool managed);

/* Takes the one that listens on this address; -1 if there is none. */
int inherited_take(struct inherited *inherited, const struct addr *addr);

/* The next of the service manager's, NULL if all are taken. */
struct inherited_socket *inherited_next_managed(struct inherited *inherited);

/* Closes what nobody took. */
void inherited_done(struct inherited *inherited);

#endif
