/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_SOCKET_H
#define PGWEIR_IO_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "io/addr.h"

/* What TCP sockets get (tcp_keepalive and so on); 0 is the system's choice. */
struct socket_options {
	bool keepalive;
	int keepcnt;
	int keepidle;	  /* seconds */
	int keepintvl;	  /* seconds */
	int user_timeout; /* milliseconds */
	int buffer;	  /* bytes, both ways */
};

/* A non-blocking socket for connecting to `addr`; -1 with errno in *error. */
int socket_new(const struct addr *addr, const struct socket_options *options, int *error);

/* Makes an accepted socket non-blocking and applies the options where they mean something. */
void socket_tune(int fd, bool tcp, const struct socket_options *options);

/* Descriptors that go with one message. */
#define SOCKET_FDS_MAX 64u

/*
 * send() and recv() on a Unix socket with descriptors that go along (SCM_RIGHTS).  Those that
 * are received close on exec and are the caller's; more than SOCKET_FDS_MAX are lost.
 */
ssize_t socket_send_fds(int socket, const void *data, size_t len, const int *fds, unsigned count);
ssize_t socket_receive_fds(int socket, void *data, size_t size, int fds[SOCKET_FDS_MAX],
			   unsigned *count);

#endif
