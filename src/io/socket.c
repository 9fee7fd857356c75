/* SPDX-License-Identifier: ISC */
/* Sockets and their options. */
#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
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

/* Room for the control message, aligned as the kernel wants it. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
};

ssize_t socket_send_fds(int socket, const void *data, size_t len, const int *fds, unsigned count)
{
	union control control = { 0 };
	struct iovec piece = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	struct cmsghdr *header;

	if (count > SOCKET_FDS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t socket_receive_fds(int socket, void *data, size_t size, int fds[SOCKET_FDS_MAX],
			   unsigned *count)
{
	union control control;
	struct iovec piece = { .iov_base = data, .iov_len = size };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header;

	*count = 0;
	if (n < 0)
		return n;
	for (header = CMSG_FIRSTHDR(&message); header != NULL;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		*count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	}
	return n;
}
