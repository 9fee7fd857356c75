/* SPDX-License-Identifier: ISC */
/* Sockets and their options. */
#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value)); /* a refusal costs comfort only */
}

static void set_if(int fd, int level, int option, int value)
{
	if (value > 0)
		set(fd, level, option, value);
}

void socket_tune(int fd, bool tcp, const struct socket_options *options)
{
	if (!tcp)
		return;
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (options->keepalive) {
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		set_if(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepcnt);
		set_if(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepidle);
		set_if(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepintvl);
	}
	set_if(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout);
	set_if(fd, SOL_SOCKET, SO_SNDBUF, options->buffer);
	set_if(fd, SOL_SOCKET, SO_RCVBUF, options->buffer);
}

int socket_new(const struct addr *addr, const struct socket_options *options, int *error)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*error = 0;
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	socket_tune(fd, !addr_is_unix(addr), options);
	return fd;
}
