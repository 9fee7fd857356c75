/* SPDX-License-Identifier: ISC */
/* Where clients come in. */
#include "main/listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/settings.h"
#include "io/socket.h"
#include "main/daemon.h"
#include "main/inherit.h"
#include "pool/database.h"
#include "session/client.h"

/* Connections taken a turn from one socket, so that a storm of them leaves time for the others. */
#define ACCEPTS_A_TURN 64

/* How long accepting rests when there are no more descriptors, and how often that is logged. */
#define REST_SECONDS 0.2
#define COMPLAIN_EVERY (10 * USEC_PER_SEC)

/* Seconds that the kernel waits for the first bytes of a connection (as PgBouncer). */
#define DEFER_ACCEPT_SECONDS 45

static struct listener *listener_add(struct listeners *listeners, int fd, const struct addr *addr)
{
	struct listener *listener = mem_zero(sizeof(*listener));

	listener->all = listeners;
	listener->fd = fd;
	listener->addr = *addr;
	list_append(&listeners->list, &listener->node);
	return listener;
}

static void listener_let_go(struct listener *listener)
{
	struct listeners *all = listener->all;

	if (all->pooler != NULL)
		ev_io_stop(all->pooler->loop->ev, &listener->watcher);
	close(listener->fd);
	list_remove(&listener->node);
	free(listener);
}

static void listener_close(struct listener *listener)
{
	struct stat file;
	const char *path = listener->addr.un.sun_path;

	if (addr_is_unix(&listener->addr) && path[0] != '\0' && listener->owner == LISTENER_OURS &&
	    stat(path, &file) == 0 && file.st_dev == listener->dev && file.st_ino == listener->ino)
		unlink(path);
	listener_let_go(listener);
}

/* What listening sockets are made from. */
struct binder {
	struct listeners *listeners;
	const struct settings *settings;
	const struct identity *owner;
	struct inherited *inherited;
};

/* ---- TCP ---- */

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

/* A socket bound to the address; -1 with errno. */
static int bound_tcp(const struct settings *settings, const struct addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (settings->so_reuseport)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (addr->sa.sa_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, &addr->sa, addr->len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool is_any(const struct addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
	return addr->sa.sa_family == AF_INET && addr->in.sin_addr.s_addr == INADDR_ANY;
}

/* Listens on one address; false with errno. */
static bool bind_tcp(const struct binder *binder, const struct addr *addr)
{
	const struct settings *settings = binder->settings;
	int fd = inherited_take(binder->inherited, addr);
	bool borrowed = fd >= 0;
	struct listener *listener;
	int saved;

	if (!borrowed)
		fd = bound_tcp(settings, addr);
	if (fd < 0)
		return false;
	set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
	    settings->tcp_defer_accept ? DEFER_ACCEPT_SECONDS : 0);
	if (listen(fd, settings->listen_backlog) == 0) {
		listener = listener_add(binder->listeners, fd, addr);
		listener->any = is_any(addr);
		listener->owner = borrowed ? LISTENER_BORROWED : LISTENER_OURS;
		return true;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return false;
}

/* Binds all addresses of a name; `why` gets what failed last.  Returns how many work. */
static int bind_name(const struct binder *binder, const char *name, char *why, size_t size)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	const char *node = strcmp(name, "*") == 0 ? NULL : name;
	struct addrinfo *found, *info;
	char port[16];
	int error, count = 0;

	snprintf(port, sizeof(port), "%d", binder->settings->listen_port);
	error = getaddrinfo(node, port, &hints, &found);
	if (error != 0) {
		snprintf(why, size, "%s: %s", name, gai_strerror(error));
		log_warn(process, "cannot listen on %s", why);
		return 0;
	}
	for (info = found; info != NULL; info = info->ai_next) {
		struct addr addr = { .len = (socklen_t)info->ai_addrlen };

		memcpy(&addr.sa, info->ai_addr, info->ai_addrlen);
		if (bind_tcp(binder, &addr)) {
			count++;
			continue;
		}
		/* A kernel without IPv6 still listens on all addresses that there are. */
		if (node == NULL && errno == EAFNOSUPPORT)
			continue;
		snprintf(why, size, "%s port %d: %s", name, binder->settings->listen_port,
			 strerror(errno));
		log_warn(process, "cannot listen on %s", why);
	}
	freeaddrinfo(found);
	return count;
}

/* The next name of a list separated by commas and blanks; false at its end. */
static bool next_name(const char **list, char *name, size_t size)
{
	const char *start = *list + strspn(*list, ", \t");
	size_t len = strcspn(start, ", \t");

	if (len == 0)
		return false;
	snprintf(name, size, "%.*s", (int)len, start);
	*list = start + len;
	return true;
}

static bool bind_all_tcp(const struct binder *binder, char *error, size_t size)
{
	const char *list = binder->settings->listen_addr;
	char name[256], why[400] = "";
	int asked = 0, count = 0;

	while (next_name(&list, name, sizeof(name))) {
		asked++;
		count += bind_name(binder, name, why, sizeof(why));
	}
	if (asked == 0 || count > 0)
		return true;
	snprintf(error, size, "cannot listen on any address of listen_addr: %s", why);
	return false;
}

void listeners_tune(struct listeners *listeners, const struct settings *settings)
{
	list_for_each(&listeners->list, node, after) {
		struct listener *listener = list_entry(node, struct listener, node);

		if (!addr_is_unix(&listener->addr))
			set(listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
			    settings->tcp_defer_accept ? DEFER_ACCEPT_SECONDS : 0);
	}
}

/* ---- the Unix socket ---- */

static bool somebody_listens(const struct addr *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answered;

	if (fd < 0)
		return false;
	/* EAGAIN: its backlog is full. */
	answered = connect(fd, &addr->sa, addr->len) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

/* Removes the file of a process that is gone. */
static bool clear_path(const struct settings *settings, const struct addr *addr, char *error,
		       size_t size)
{
	const char *path = addr->un.sun_path;
	char lock[sizeof(addr->un.sun_path) + 8];
	struct stat file;

	snprintf(lock, sizeof(lock), "%s.lock", path);
	if (lstat(lock, &file) == 0) {
		snprintf(error, size, "unix port %d is in use", settings->listen_port);
		return false;
	}
	if (lstat(path, &file) != 0)
		return true;
	if (somebody_listens(addr)) {
		snprintf(error, size, "unix socket is in use, cannot continue");
		return false;
	}
	if (!S_ISSOCK(file.st_mode) || unlink(path) != 0) {
		snprintf(error, size, "cannot remove \"%s\", which is in the way", path);
		return false;
	}
	return true;
}

static bool find_group(const char *name, gid_t *gid, char *error, size_t size)
{
	const struct group *group;

	if (name[0] == '\0')
		return true;
	group = getgrnam(name);
	if (group == NULL) {
		snprintf(error, size, "there is no group \"%s\" (unix_socket_group)", name);
		return false;
	}
	*gid = group->gr_gid;
	return true;
}

/* Owner, group and mode of the socket's file. */
static bool dress(struct listener *listener, const struct settings *settings,
		  const struct identity *owner, char *error, size_t size)
{
	const char *path = listener->addr.un.sun_path;
	uid_t uid = owner->change ? owner->uid : (uid_t)-1;
	gid_t gid = owner->change ? owner->gid : (gid_t)-1;
	struct stat file;

	if (stat(path, &file) == 0) {
		listener->dev = file.st_dev;
		listener->ino = file.st_ino;
	}
	if (!find_group(settings->unix_socket_group, &gid, error, size))
		return false;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && chown(path, uid, gid) != 0) {
		snprintf(error, size, "cannot change the owner of \"%s\": %s", path,
			 strerror(errno));
		return false;
	}
	if (chmod(path, (mode_t)settings->unix_socket_mode) != 0) {
		snprintf(error, size, "cannot change the mode of \"%s\": %s", path,
			 strerror(errno));
		return false;
	}
	return true;
}

/* A socket that listens on the address; -1 with an explanation. */
static int bound_unix(const struct settings *settings, const struct addr *addr, char *error,
		      size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[ADDR_TEXT_BYTES];
	mode_t mask;
	int failed;

	if (fd < 0) {
		snprintf(error, size, "cannot make a Unix socket: %s", strerror(errno));
		return -1;
	}
	mask = umask(0777); /* nobody may connect before owner and mode are right */
	failed = bind(fd, &addr->sa, addr->len) != 0;
	umask(mask);
	if (!failed && listen(fd, settings->listen_backlog) == 0)
		return fd;
	if (errno == EADDRINUSE)
		snprintf(error, size, "unix socket is in use, cannot continue");
	else
		snprintf(error, size, "cannot listen on %s: %s",
			 addr_text(addr, text, sizeof(text)), strerror(errno));
	close(fd);
	return -1;
}

static bool bind_unix(const struct binder *binder, char *error, size_t size)
{
	const struct settings *settings = binder->settings;
	struct listener *listener;
	struct addr addr;
	bool named, borrowed;
	int fd;

	if (settings->unix_socket_dir[0] == '\0')
		return true;
	if (!addr_parse(&addr, settings->unix_socket_dir, (uint16_t)settings->listen_port) ||
	    !addr_is_unix(&addr)) {
		snprintf(error, size,
			 "unix_socket_dir \"%s\" is no folder and no @name, or too long",
			 settings->unix_socket_dir);
		return false;
	}
	named = addr.un.sun_path[0] != '\0';
	fd = inherited_take(binder->inherited, &addr);
	borrowed = fd >= 0;
	if (borrowed) {
		listen(fd, settings->listen_backlog); /* it listens; this changes the number */
	} else {
		if (named && !clear_path(settings, &addr, error, size))
			return false;
		fd = bound_unix(settings, &addr, error, size);
		if (fd < 0)
			return false;
	}
	listener = listener_add(binder->listeners, fd, &addr);
	listener->owner = borrowed ? LISTENER_BORROWED : LISTENER_OURS;
	return !named || dress(listener, settings, binder->owner, error, size);
}

/* ---- sockets of the service manager ---- */

struct managed {
	bool tcp;
	bool unix_sockets;
};

static struct managed use_managed(const struct binder *binder)
{
	struct managed found = { false, false };
	struct inherited_socket *entry;

	while ((entry = inherited_next_managed(binder->inherited)) != NULL) {
		struct listener *listener =
			listener_add(binder->listeners, entry->fd, &entry->addr);

		entry->fd = -1;
		listener->owner = LISTENER_MANAGED;
		listener->any = is_any(&listener->addr);
		if (addr_is_unix(&listener->addr))
			found.unix_sockets = true;
		else
			found.tcp = true;
	}
	return found;
}

/* ---- all of them ---- */

bool listeners_bind(struct listeners *listeners, const struct settings *settings,
		    const struct identity *owner, struct inherited *inherited, char *error,
		    size_t size)
{
	const struct binder binder = { listeners, settings, owner, inherited };
	struct managed managed;

	memset(listeners, 0, sizeof(*listeners));
	list_init(&listeners->list);
	managed = use_managed(&binder);
	/* TCP last: who sees it listen may count on the Unix socket. */
	if ((!managed.unix_sockets && !bind_unix(&binder, error, size)) ||
	    (!managed.tcp && !bind_all_tcp(&binder, error, size))) {
		listeners_done(listeners);
		return false;
	}
	if (list_is_empty(&listeners->list)) {
		snprintf(error, size, "nowhere to listen on");
		return false;
	}
	return true;
}

static void watch_all(struct listeners *listeners, bool on)
{
	struct ev_loop *ev = listeners->pooler->loop->ev;

	list_for_each(&listeners->list, node, after) {
		struct listener *listener = list_entry(node, struct listener, node);

		if (on)
			ev_io_start(ev, &listener->watcher);
		else
			ev_io_stop(ev, &listener->watcher);
	}
}

void listeners_accept(struct listeners *listeners, bool on)
{
	ev_timer_stop(listeners->pooler->loop->ev, &listeners->rest);
	watch_all(listeners, on);
}

static void on_rested(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct listeners *listeners = list_entry(timer, struct listeners, rest);

	(void)ev;
	(void)events;
	watch_all(listeners, true);
}

/* Whoever knocks waits in the kernel's backlog until a descriptor is free again. */
static void take_a_rest(struct listeners *listeners, int error)
{
	struct ev_loop *ev = listeners->pooler->loop->ev;

	watch_all(listeners, false);
	ev_timer_set(&listeners->rest, REST_SECONDS, 0.);
	ev_timer_start(ev, &listeners->rest);
	if (listeners->complained != 0 && clock_now() - listeners->complained < COMPLAIN_EVERY)
		return;
	listeners->complained = clock_now();
	log_error(process, "accept() failed: %s; connections wait", strerror(error));
}

/* False: no more now. */
static bool accept_one(struct listener *listener)
{
	struct listeners *all = listener->all;
	struct addr peer = { .len = sizeof(peer) - offsetof(struct addr, sa) };
	struct addr local = listener->addr;
	struct socket_options options;
	int fd = accept4(listener->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		/* Gone again before we came: the next one may be there. */
		if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO)
			return true;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			take_a_rest(all, errno);
		return false;
	}
	if (listener->any) {
		local.len = sizeof(local) - offsetof(struct addr, sa);
		getsockname(fd, &local.sa, &local.len);
	}
	addr_unmap(&peer);
	addr_unmap(&local);
	options = pooler_socket_options(&all->pooler->config->settings);
	socket_tune(fd, !addr_is_unix(&listener->addr), &options);
	client_accept(all->pooler, fd, &peer, &local);
	return true;
}

static void on_readable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct listener *listener = list_entry(watcher, struct listener, watcher);
	int i;

	(void)ev;
	(void)events;
	for (i = 0; i < ACCEPTS_A_TURN && accept_one(listener); i++)
		;
}

void listeners_start(struct listeners *listeners, struct pooler *pooler)
{
	char text[ADDR_TEXT_BYTES];

	listeners->pooler = pooler;
	ev_timer_init(&listeners->rest, on_rested, REST_SECONDS, 0.);
	list_for_each(&listeners->list, node, after) {
		struct listener *listener = list_entry(node, struct listener, node);

		if (listener->owner == LISTENER_BORROWED)
			listener->owner = LISTENER_OURS;
		ev_io_init(&listener->watcher, on_readable, listener->fd, EV_READ);
		ev_io_start(pooler->loop->ev, &listener->watcher);
		log_info(process, "listening on %s%s", addr_is_unix(&listener->addr) ? "unix:" : "",
			 addr_text(&listener->addr, text, sizeof(text)));
	}
}

void listeners_hand_over(struct listeners *listeners)
{
	struct list_node *node;

	ev_timer_stop(listeners->pooler->loop->ev, &listeners->rest);
	while ((node = list_first(&listeners->list)) != NULL)
		listener_let_go(list_entry(node, struct listener, node));
}

void listeners_close_tcp(struct listeners *listeners)
{
	list_for_each(&listeners->list, node, after) {
		struct listener *listener = list_entry(node, struct listener, node);

		if (addr_is_unix(&listener->addr))
			continue;
		/* The kernel would reset whoever knocked already; the service manager keeps them. */
		while (listener->owner == LISTENER_OURS && accept_one(listener))
			;
		listener_close(listener);
	}
}

void listeners_done(struct listeners *listeners)
{
	struct list_node *node;

	if (listeners->pooler != NULL)
		ev_timer_stop(listeners->pooler->loop->ev, &listeners->rest);
	while ((node = list_first(&listeners->list)) != NULL)
		listener_close(list_entry(node, struct listener, node));
}
