/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_SOCKET_H
#define PGWEIR_IO_SOCKET_H

#include <stdbool.h>

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

#endif
