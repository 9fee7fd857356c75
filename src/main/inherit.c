/* SPDX-License-Identifier: ISC */
/* Listening sockets from the process before us, or from the service manager. */
#include "main/inherit.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

bool inherited_add(struct inherited *inherited, int fd, bool managed)
{
	struct inherited_socket *entry = &inherited->sockets[inherited->count];

	if (inherited->count == SOCKET_FDS_MAX || option_of(fd, SO_TYPE) != SOCK_STREAM ||
	    option_of(fd, SO_ACCEPTCONN) != 1)
		return false;
	entry->addr.len = sizeof(entry->addr) - offsetof(struct addr, sa);
	if (getsockname(fd, &entry->addr.sa, &entry->addr.len) != 0)
		return false;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	entry->fd = fd;
	entry->managed = managed;
	inherited->count++;
	return true;
}

int inherited_take(struct inherited *inherited, const struct addr *addr)
{
	for (unsigned i = 0; i < inherited->count; i++) {
		struct inherited_socket *entry = &inherited->sockets[i];
		int fd = entry->fd;

		if (fd < 0 || entry->managed || !addr_equals(&entry->addr, addr))
			continue;
		entry->fd = -1;
		return fd;
	}
	return -1;
}

struct inherited_socket *inherited_next_managed(struct inherited *inherited)
{
	for (unsigned i = 0; i < inherited->count; i++)
		if (inherited->sockets[i].fd >= 0 && inherited->sockets[i].managed)
			return &inherited->sockets[i];
	return NULL;
}

void inherited_done(struct inherited *inherited)
{
	for (unsigned i = 0; i < inherited->count; i++)
		if (inherited->sockets[i].fd >= 0)
			close(inherited->sockets[i].fd);
	inherited->count = 0;
}
