/* SPDX-License-Identifier: ISC */
/*
 * Names to addresses.
 *
 * A name that was asked for is remembered with what came of it; lookups for it wait on its list
 * while a question is on its way, so that a thousand connections ask once.  c-ares calls back
 * from within its own functions; waiting lookups are therefore answered by a task.  Those that
 * were answered stay with the name and hear of changes.
 */
#include "io/resolver.h"

#include <ares.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/readable.h"
#include "io/deadline.h"
#include "io/zones.h"

#define MAX_ADDRESSES 32
#define MAX_NAMES 4096	 /* cached; expired ones go first */
#define MAX_SOCKETS 16	 /* of c-ares, a few a server at most */
#define LOOKUP_MSEC 2000 /* first try of a name server; doubles */
#define LOOKUP_TRIES 2
#define NO_ANSWER_TTL USEC_PER_SEC /* when no name server could say */

/* One name, with the answer or the question. */
struct name {
	struct list_node node; /* of resolver->names, oldest question first */
	struct resolver *resolver;
	struct addr_list *list; /* NULL: none */
	char error[96];		/* why there is none */
	usec_t until;		/* the answer is good until then; 0: there is no answer */
	bool asking;
	bool changed;	      /* those that follow are not told yet */
	struct list waiting;  /* lookups */
	struct list answered; /* those that the task serves */
	struct list followers;
	struct deadline expiry; /* of the answer */
	struct task answer;
	char text[];
};

struct socket_watcher {
	struct ev_io io;
	struct resolver *resolver;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct resolver_options options;
	char *resolv_conf;
	struct map by_text;
	struct list names;
	struct list lookups; /* numeric ones, served by their own tasks */
	struct deadlines expiries;
	struct zones zones;
	unsigned queries;
	struct socket_watcher sockets[MAX_SOCKETS];
	struct ev_timer timer;
	bool ending;
};

/* The loop for c-ares. */

static void arm_timer(struct resolver *resolver)
{
	struct timeval tv;

	ev_timer_stop(resolver->loop->ev, &resolver->timer);
	if (resolver->channel == NULL || ares_timeout(resolver->channel, NULL, &tv) == NULL)
		return;
	ev_timer_set(&resolver->timer, (double)tv.tv_sec + (double)tv.tv_usec / 1e6 + 0.001, 0.);
	ev_timer_start(resolver->loop->ev, &resolver->timer);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct resolver *resolver = timer->data;

	(void)ev;
	(void)events;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_timer(resolver);
}

static void on_socket(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct resolver *resolver = ((struct socket_watcher *)(void *)io)->resolver;

	(void)ev;
	ares_process_fd(resolver->channel, (events & EV_READ) != 0 ? io->fd : ARES_SOCKET_BAD,
			(events & EV_WRITE) != 0 ? io->fd : ARES_SOCKET_BAD);
	arm_timer(resolver);
}

static struct socket_watcher *find_socket(struct resolver *resolver, int fd)
{
	struct socket_watcher *unused = NULL;

	for (int i = 0; i < MAX_SOCKETS; i++) {
		struct socket_watcher *watcher = &resolver->sockets[i];

		if (ev_is_active(&watcher->io) && watcher->io.fd == fd)
			return watcher;
		if (!ev_is_active(&watcher->io) && unused == NULL)
			unused = watcher;
	}
	return unused;
}

/* With no watcher left the question ends by its time-out. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = arg;
	struct socket_watcher *watcher = find_socket(resolver, fd);
	int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

	if (watcher == NULL)
		return;
	ev_io_stop(resolver->loop->ev, &watcher->io);
	if (events == 0)
		return;
	ev_io_set(&watcher->io, fd, events);
	ev_io_start(resolver->loop->ev, &watcher->io);
}

/* c-ares reads it, and would wait for a pipe.  What cannot be read names no servers. */
static char *readable_or_nothing(char *path)
{
	static char nothing[] = "/dev/null";
	const char *why;
	int fd = readable_open(path, READABLE_FILE, &why);

	if (fd < 0) {
		log_warn(process, "resolv_conf: cannot read \"%s\": %s", path, why);
		return nothing;
	}
	close(fd);
	return path;
}

static ares_channel open_channel(struct resolver *resolver)
{
	struct ares_options options = {
		.timeout = LOOKUP_MSEC,
		.tries = LOOKUP_TRIES,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	ares_channel channel;

	if (resolver->resolv_conf != NULL) {
		options.resolvconf_path = readable_or_nothing(resolver->resolv_conf);
		mask |= ARES_OPT_RESOLVCONF;
	}
	return ares_init_options(&channel, &options, mask) == ARES_SUCCESS ? channel : NULL;
}

/* The cache. */

static void forget_name(struct name *name)
{
	struct resolver *resolver = name->resolver;

	assert(!name->asking && list_is_empty(&name->waiting));
	task_cancel(&name->answer);
	list_remove(&name->node);
	deadline_clear(&name->expiry);
	zones_remove(&resolver->zones, name->text);
	map_remove(&resolver->by_text, map_hash(name->text, strlen(name->text)), name);
	free(name->list);
	free(name);
}

static bool is_in_use(const struct name *name)
{
	return name->asking || !list_is_empty(&name->waiting) || !list_is_empty(&name->answered) ||
	       !list_is_empty(&name->followers);
}

/* Names come from the configuration, so there are few; this bounds them all the same. */
static void make_room(struct resolver *resolver)
{
	if (resolver->names.count < MAX_NAMES)
		return;
	list_for_each(&resolver->names, node, after) {
		struct name *name = list_entry(node, struct name, node);

		if (!is_in_use(name)) {
			forget_name(name);
			return;
		}
	}
}

static bool has_text(const void *value, const void *arg)
{
	return strcmp(((const struct name *)value)->text, arg) == 0;
}

/* The call may start the lookup anew, end it, or free it: it is last. */
static void tell(struct lookup *lookup, const struct name *name)
{
	struct addr_list *list = NULL;

	if (name->list != NULL) {
		list = addr_list_copy(name->list);
		addr_list_set_port(list, lookup->port);
	}
	lookup->on_done(lookup, list, name->until, list != NULL ? NULL : name->error);
	free(list);
}

static void complete(struct lookup *lookup, struct name *name)
{
	lookup->asking = false;
	list_append(&name->followers, &lookup->node);
	tell(lookup, name);
}

static void tell_followers(struct name *name)
{
	name->changed = false;
	list_for_each(&name->followers, node, after)
		tell(list_entry(node, struct lookup, node), name);
}

/* A call may start a lookup of the same name, which may ask anew: so serve only who was there. */
static void run_answer(struct task *task)
{
	struct name *name = list_entry(task, struct name, answer);
	struct list_node *node;

	if (name->changed)
		tell_followers(name);
	while ((node = list_pop(&name->answered)) != NULL)
		complete(list_entry(node, struct lookup, node), name);
}

static void answer_all(struct name *name)
{
	struct list_node *node;

	while ((node = list_pop(&name->waiting)) != NULL)
		list_append(&name->answered, node);
	if (!list_is_empty(&name->answered) || name->changed)
		loop_post(name->resolver->loop, &name->answer);
}

static struct name *get_name(struct resolver *resolver, const char *text)
{
	size_t len = strlen(text);
	uint64_t hash = map_hash(text, len);
	struct name *name = map_find_match(&resolver->by_text, hash, has_text, text);

	if (name != NULL)
		return name;
	make_room(resolver);
	name = mem_zero(sizeof(*name) + len + 1);
	memcpy(name->text, text, len);
	name->resolver = resolver;
	name->answer.run = run_answer;
	list_init(&name->waiting);
	list_init(&name->answered);
	list_init(&name->followers);
	zones_add(&resolver->zones, text);
	list_append(&resolver->names, &name->node);
	map_add(&resolver->by_text, hash, name);
	return name;
}

static bool has_address(const struct addr_list *list, const struct addr *addr)
{
	for (unsigned i = 0; i < list->count; i++)
		if (addr_equals(&list->addrs[i], addr))
			return true;
	return false;
}

/* Name servers turn their answers around: the order is no change. */
static bool is_same_set(const struct addr_list *a, const struct addr_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!has_address(b, &a->addrs[i]))
			return false;
	return true;
}

/* Those that follow keep what they have: old addresses are better than none. */
static void lose_addresses(struct name *name, const char *why)
{
	free(name->list);
	name->list = NULL;
	snprintf(name->error, sizeof(name->error), "%s", why);
}

static void take_addresses(struct name *name, const struct ares_addrinfo *info, usec_t *ttl)
{
	struct addr_list *list = addr_list_new(MAX_ADDRESSES);

	for (const struct ares_addrinfo_node *at = info->nodes; at != NULL; at = at->ai_next) {
		struct addr *addr = &list->addrs[list->count];
		usec_t its = at->ai_ttl * USEC_PER_SEC;

		if (list->count == MAX_ADDRESSES || at->ai_addrlen > sizeof(addr->in6))
			break;
		memcpy(&addr->sa, at->ai_addr, at->ai_addrlen);
		addr->len = at->ai_addrlen;
		list->count++;
		/* Entries of the hosts file have none. */
		if (its > 0 && its < *ttl)
			*ttl = its;
	}
	if (list->count == 0) {
		free(list);
		lose_addresses(name, "the name has no address");
		return;
	}
	if (name->list != NULL && is_same_set(name->list, list)) {
		free(list);
		return;
	}
	name->changed = true;
	free(name->list);
	name->list = list;
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct name *name = arg;
	struct resolver *resolver = name->resolver;
	usec_t ttl = resolver->options.max_ttl;

	(void)timeouts;
	name->asking = false;
	resolver->queries--;
	if (resolver->ending) {
		ares_freeaddrinfo(info);
		return;
	}
	if (status == ARES_SUCCESS) {
		take_addresses(name, info, &ttl);
	} else {
		lose_addresses(name, ares_strerror(status));
	}
	if (name->list == NULL)
		ttl = resolver->options.negative_ttl;
	/* No answer is not an answer: ask again soon. */
	if (status != ARES_SUCCESS && status != ARES_ENOTFOUND && status != ARES_ENODATA &&
	    ttl > NO_ANSWER_TTL)
		ttl = NO_ANSWER_TTL;
	if (ttl < USEC_PER_SEC / 10)
		ttl = USEC_PER_SEC / 10;
	name->until = clock_now() + ttl;
	deadline_set(&resolver->expiries, &name->expiry, name->until);
	ares_freeaddrinfo(info);
	answer_all(name);
}

static void ask(struct name *name)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct resolver *resolver = name->resolver;

	name->asking = true;
	resolver->queries++;
	list_remove(&name->node);
	list_append(&resolver->names, &name->node);
	ares_getaddrinfo(resolver->channel, name->text, NULL, &hints, on_addresses, name);
	arm_timer(resolver);
}

static bool has_user(const struct name *name)
{
	list_for_each(&name->followers, node, after) {
		const struct lookup *lookup = list_entry(node, struct lookup, node);

		if (lookup->is_used != NULL && lookup->is_used(lookup))
			return true;
	}
	return false;
}

/* The answer says nothing any more; who has connections there hears soon what the new one is. */
static void expire(struct name *name)
{
	struct resolver *resolver = name->resolver;

	name->until = 0;
	if (!name->asking && resolver->channel != NULL &&
	    (!list_is_empty(&name->waiting) || has_user(name)))
		ask(name);
}

static void on_expired(struct deadlines *deadlines, struct list_node *node)
{
	(void)deadlines;
	expire(deadline_entry(node, struct name, expiry));
}

static void on_zone_asked(struct zones *zones)
{
	arm_timer(list_entry(zones, struct resolver, zones));
}

static void on_zone_changed(struct zones *zones, const char *zone)
{
	struct resolver *resolver = list_entry(zones, struct resolver, zones);

	/* Asking puts a name at the end of the list. */
	for (unsigned left = resolver->names.count; left > 0; left--) {
		struct name *name = list_entry(list_pop(&resolver->names), struct name, node);
		const char *its = zone_of(name->text);

		list_append(&resolver->names, &name->node);
		if (its != NULL && strcasecmp(its, zone) == 0)
			expire(name);
	}
}

static void set_options(struct resolver *resolver, const struct resolver_options *options)
{
	free(resolver->resolv_conf);
	resolver->resolv_conf = NULL;
	if (options->resolv_conf != NULL && options->resolv_conf[0] != '\0')
		resolver->resolv_conf = mem_string(options->resolv_conf);
	resolver->options = *options;
	resolver->options.resolv_conf = resolver->resolv_conf;
	zones_set_period(&resolver->zones, options->zone_period);
}

const char *resolver_library(void)
{
	static char name[40];

	snprintf(name, sizeof(name), "c-ares %s", ares_version(NULL));
	return name;
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options)
{
	struct resolver *resolver = mem_zero(sizeof(*resolver));

	resolver->loop = loop;
	list_init(&resolver->names);
	list_init(&resolver->lookups);
	for (int i = 0; i < MAX_SOCKETS; i++) {
		ev_init(&resolver->sockets[i].io, on_socket);
		resolver->sockets[i].resolver = resolver;
	}
	ev_init(&resolver->timer, on_timer);
	resolver->timer.data = resolver;
	deadlines_init(&resolver->expiries, loop, on_expired);
	zones_init(&resolver->zones, loop);
	resolver->zones.on_asked = on_zone_asked;
	resolver->zones.on_changed = on_zone_changed;
	set_options(resolver, options);
	ares_library_init(ARES_LIB_INIT_ALL);
	resolver->channel = open_channel(resolver);
	zones_set_channel(&resolver->zones, resolver->channel);
	return resolver;
}

static void drop_lookups(struct list *list)
{
	struct list_node *node;

	while ((node = list_pop(list)) != NULL) {
		struct lookup *lookup = list_entry(node, struct lookup, node);

		lookup_cancel(lookup);
	}
}

void resolver_free(struct resolver *resolver)
{
	struct list_node *node;

	if (resolver == NULL)
		return;
	resolver->ending = true;
	if (resolver->channel != NULL)
		ares_destroy(resolver->channel);
	ev_timer_stop(resolver->loop->ev, &resolver->timer);
	for (int i = 0; i < MAX_SOCKETS; i++)
		ev_io_stop(resolver->loop->ev, &resolver->sockets[i].io);
	drop_lookups(&resolver->lookups);
	while ((node = list_first(&resolver->names)) != NULL) {
		struct name *name = list_entry(node, struct name, node);

		drop_lookups(&name->waiting);
		drop_lookups(&name->answered);
		drop_lookups(&name->followers);
		forget_name(name);
	}
	zones_done(&resolver->zones);
	deadlines_done(&resolver->expiries);
	map_done(&resolver->by_text);
	free(resolver->resolv_conf);
	free(resolver);
	ares_library_cleanup();
}

/*
 * A channel reads its name servers once, so it is made anew; questions on their way die with the
 * old one and are asked again.
 */
void resolver_reconfigure(struct resolver *resolver, const struct resolver_options *options)
{
	ares_channel old = resolver->channel;

	set_options(resolver, options);
	resolver->ending = true;
	if (old != NULL)
		ares_destroy(old);
	resolver->ending = false;
	resolver->channel = open_channel(resolver);
	zones_set_channel(&resolver->zones, resolver->channel);
	for (unsigned left = resolver->names.count; left > 0; left--) {
		struct name *name = list_entry(list_pop(&resolver->names), struct name, node);

		list_append(&resolver->names, &name->node);
		expire(name);
	}
}

unsigned resolver_names(const struct resolver *resolver)
{
	return resolver->names.count;
}

unsigned resolver_queries(const struct resolver *resolver)
{
	return resolver->queries;
}

const char *resolver_walk(const struct resolver *resolver, size_t *at,
			  const struct addr_list **list, usec_t *ttl)
{
	const struct name *name = map_walk(&resolver->by_text, at);

	if (name == NULL)
		return NULL;
	*list = name->list;
	*ttl = name->until > clock_now() ? name->until - clock_now() : 0;
	return name->text;
}

const char *resolver_walk_zones(const struct resolver *resolver, const struct list_node **at,
				int64_t *serial, unsigned *names)
{
	return zones_walk(&resolver->zones, at, serial, names);
}

unsigned resolver_zones(const struct resolver *resolver)
{
	return resolver->zones.list.count;
}

/* Lookups. */

static void run_numeric(struct task *task)
{
	struct lookup *lookup = list_entry(task, struct lookup, task);
	struct addr_list *list = lookup->numeric;

	list_remove(&lookup->node);
	lookup->numeric = NULL;
	lookup->resolver = NULL;
	lookup->asking = false;
	lookup->on_done(lookup, list, INT64_MAX, NULL);
	free(list);
}

void lookup_start(struct lookup *lookup, struct resolver *resolver, const char *host, uint16_t port,
		  void (*on_done)(struct lookup *lookup, const struct addr_list *list, usec_t until,
				  const char *error))
{
	struct addr addr;
	struct name *name;

	assert(!lookup->asking);
	list_remove(&lookup->node);
	lookup->asking = true;
	lookup->resolver = resolver;
	lookup->port = port;
	lookup->on_done = on_done;
	if (addr_parse(&addr, host, port)) {
		lookup->numeric = addr_list_new(1);
		lookup->numeric->count = 1;
		lookup->numeric->addrs[0] = addr;
		lookup->task.run = run_numeric;
		list_append(&resolver->lookups, &lookup->node);
		loop_post(resolver->loop, &lookup->task);
		return;
	}
	name = get_name(resolver, host);
	lookup->name = name;
	list_append(&name->waiting, &lookup->node);
	if (name->asking)
		return;
	if (name->until > clock_now()) {
		answer_all(name);
	} else if (resolver->channel == NULL) {
		snprintf(name->error, sizeof(name->error), "no resolver");
		answer_all(name);
	} else {
		ask(name);
	}
}

void lookup_cancel(struct lookup *lookup)
{
	if (lookup->resolver == NULL)
		return;
	list_remove(&lookup->node);
	task_cancel(&lookup->task);
	free(lookup->numeric);
	lookup->numeric = NULL;
	lookup->name = NULL;
	lookup->resolver = NULL;
	lookup->asking = false;
}
