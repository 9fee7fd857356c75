/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_ADDR_H
#define PGWEIR_IO_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "io/loop.h"

/* A socket address: IPv4, IPv6 or a Unix socket (abstract ones too). */
struct addr {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* Several addresses of one host. */
struct addr_list {
	unsigned count;
	struct addr addrs[];
};

#define ADDR_TEXT_BYTES 128

/*
 * Makes an address without asking anybody: a numeric one ("10.0.0.1", "::1", "fe80::1%eth0",
 * also in brackets), a socket directory ("/tmp" means /tmp/.s.PGSQL.PORT) or an abstract one
 * ("@/tmp" likewise).  False if `host` is a name (or a path that is too long).
 */
bool addr_parse(struct addr *addr, const char *host, uint16_t port);

/* Writes "10.0.0.1:5432", "[::1]:5432", "/tmp/.s.PGSQL.5432" or "@…"; returns `buffer`. */
const char *addr_text(const struct addr *addr, char *buffer, size_t size);

/* The address alone, as libpq's hostaddr wants it, or "" if it is a Unix socket. */
const char *addr_number(const struct addr *addr, char *buffer, size_t size);
uint16_t addr_port(const struct addr *addr);
bool addr_is_unix(const struct addr *addr);
bool addr_equals(const struct addr *a, const struct addr *b);

struct addr_list *addr_list_copy(const struct addr_list *list);

/*
 * Walks "db1,db2:5433,[::1]:5432,/tmp": takes the next host off *list into `host` (size bytes)
 * and its port into *port (`default_port` if it names none).  ADDR_END when there is nothing
 * more; ADDR_BAD if a part is empty, too long, or its port is not 1 to 65535.
 */
enum addr_step { ADDR_NEXT, ADDR_END, ADDR_BAD };
enum addr_step addr_list_next(const char **list, char *host, size_t size, uint16_t *port,
			      uint16_t default_port);

/*
 * Names to addresses, asynchronously (c-ares, /etc/hosts first), with a cache.  Numeric addresses
 * and sockets need no lookup.
 */
struct resolver;

struct resolver_options {
	usec_t max_ttl;		 /* an answer is not kept for longer (dns_max_ttl) */
	usec_t negative_ttl;	 /* how long "no such name" is believed (dns_nxdomain_ttl) */
	const char *resolv_conf; /* NULL or "": the system's */
};

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options);

/* Lookups in progress are dropped without a call. */
void resolver_free(struct resolver *resolver);

/* Takes new settings and forgets what is cached; lookups in progress go on. */
void resolver_reconfigure(struct resolver *resolver, const struct resolver_options *options);

/* Names in the cache and questions on their way, for SHOW. */
unsigned resolver_names(const struct resolver *resolver);
unsigned resolver_queries(const struct resolver *resolver);

/*
 * Walks the cache for SHOW DNS_HOSTS: starts with *at = 0, NULL at the end.  *list is NULL if the
 * name has no address; *ttl is what is left.
 */
const char *resolver_walk(const struct resolver *resolver, size_t *at,
			  const struct addr_list **list, usec_t *ttl);

/*
 * One question, embedded; a zeroed one is not in progress.  `on_done` is called once, from the
 * loop and never from lookup_start; `list` is valid during the call, or NULL with the reason in
 * `error`.  `until` is the moment when to ask again.
 */
struct lookup {
	struct list_node node;
	struct task task;
	struct resolver *resolver;
	struct name *name;
	uint16_t port;
	struct addr_list *numeric;
	void (*on_done)(struct lookup *lookup, const struct addr_list *list, usec_t until,
			const char *error);
};
void lookup_start(struct lookup *lookup, struct resolver *resolver, const char *host, uint16_t port,
		  void (*on_done)(struct lookup *lookup, const struct addr_list *list, usec_t until,
				  const char *error));

/* The call will not come; nothing happens if none is due. */
void lookup_cancel(struct lookup *lookup);

#endif
