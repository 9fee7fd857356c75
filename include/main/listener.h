/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_LISTENER_H
#define PGWEIR_MAIN_LISTENER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/addr.h"

struct identity;
struct inherited;
struct listeners;
struct pooler;
struct settings;

/* Whose the socket is, and with it the file of a Unix socket. */
enum listener_owner {
	LISTENER_OURS,
	LISTENER_BORROWED, /* of the process before us, until we start */
	LISTENER_MANAGED,  /* of the service manager */
};

/* A listening socket. */
struct listener {
	struct list_node node;
	struct ev_io watcher;
	struct listeners *all;
	struct addr addr;
	int fd;
	enum listener_owner owner;
	bool any;  /* it listens on all addresses: that of a connection is asked for */
	dev_t dev; /* of the file of a Unix socket, so that only our own is removed */
	ino_t ino;
};

struct listeners {
	struct list list;
	struct pooler *pooler; /* NULL: not started */
	struct ev_timer rest;  /* no more descriptors: accepting rests for a moment */
	usec_t complained;     /* when that was logged last */
};

/*
 * Binds and listens as the settings say, or uses a socket of `inherited` that does; the files of
 * Unix sockets are given to `owner`.  Sockets of the service manager stand for those of the
 * settings: TCP for listen_addr, Unix for unix_socket_dir.  False, with an explanation, if there is
 * nothing to listen on.  An address that fails while others work is a warning.
 */
bool listeners_bind(struct listeners *listeners, const struct settings *settings,
		    const struct identity *owner, struct inherited *inherited, char *error,
		    size_t size);

/* Begins to accept, and says so in the log. */
void listeners_start(struct listeners *listeners, struct pooler *pooler);

/* Takes over what a reload may change. */
void listeners_tune(struct listeners *listeners, const struct settings *settings);

/* Whether connections are accepted; else they wait in the kernel. */
void listeners_accept(struct listeners *listeners, bool on);

/* Lets go of all: another process has them, and their files. */
void listeners_hand_over(struct listeners *listeners);

/* Closes those on TCP; the Unix socket stays for the operator. */
void listeners_close_tcp(struct listeners *listeners);

/* Closes all; files of Unix sockets are removed. */
void listeners_done(struct listeners *listeners);

#endif
