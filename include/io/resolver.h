/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_RESOLVER_H
#define PGWEIR_IO_RESOLVER_H

#include "base/clock.h"
#include "base/list.h"
#include "io/addr.h"
#include "io/loop.h"

/*
 * Names to addresses, asynchronously (c-ares, /etc/hosts first), with a cache.  Numeric addresses
 * and sockets need no lookup.
 */
struct resolver;

struct resolver_options {
	usec_t max_ttl;		 /* an answer is not kept for longer (dns_max_ttl) */
	usec_t negative_ttl;	 /* how long "no such name" is believed (dns_nxdomain_ttl) */
	usec_t zone_period;	 /* how often serial numbers are polled, 0: never */
	const char *resolv_conf; /* NULL or "": the system's */
};

/* The library's name and version: "c-ares 1.18.1". */
const char *resolver_library(void);

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options);

/* Lookups in progress are dropped without a call. */
void resolver_free(struct resolver *resolver);

/* Takes new settings and asks anew for all names in use; lookups in progress go on. */
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

/* Walks the zones for SHOW DNS_ZONES: starts with *at = NULL, NULL at the end. */
const char *resolver_walk_zones(const struct resolver *resolver, const struct list_node **at,
				int64_t *serial, unsigned *names);
unsigned resolver_zones(const struct resolver *resolver);

/*
 * One question, embedded; a zeroed one is none.  `on_done` is called from the loop and never from
 * lookup_start; `list` is valid during the call, or NULL with the reason in `error`.  `until` is
 * the moment when to ask again.
 *
 * A lookup that was answered follows its name: on_done is called again when the addresses are
 * others, until lookup_cancel.  `is_used` (NULL: never) says whether there are connections to
 * them: then the name is asked for again as soon as the answer is too old, and not only when an
 * address is wanted.
 */
struct lookup {
	struct list_node node;
	struct task task;
	struct resolver *resolver; /* NULL: nothing was asked */
	struct name *name;
	uint16_t port;
	bool asking; /* on_done is due */
	struct addr_list *numeric;
	void (*on_done)(struct lookup *lookup, const struct addr_list *list, usec_t until,
			const char *error);
	bool (*is_used)(const struct lookup *lookup);
};
void lookup_start(struct lookup *lookup, struct resolver *resolver, const char *host, uint16_t port,
		  void (*on_done)(struct lookup *lookup, const struct addr_list *list, usec_t until,
				  const char *error));

/* No call will come any more; nothing happens if none is due. */
void lookup_cancel(struct lookup *lookup);

#endif
