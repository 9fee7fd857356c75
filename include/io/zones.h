/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_ZONES_H
#define PGWEIR_IO_ZONES_H

#include <ares.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/loop.h"

/*
 * The DNS zones of the names that were asked for: what follows the first dot.  Their serial
 * numbers are polled; when one changes the names of the zone are to be asked for anew.
 */
struct zones {
	struct loop *loop;
	ares_channel channel; /* the resolver's; NULL: nothing can be asked */
	struct list list;
	struct ev_timer timer;
	usec_t period; /* 0: off */

	/* A question is on its way; a serial number changed. */
	void (*on_asked)(struct zones *zones);
	void (*on_changed)(struct zones *zones, const char *zone);
};

void zones_init(struct zones *zones, struct loop *loop);
void zones_done(struct zones *zones);

/* How often to ask; 0: never. */
void zones_set_period(struct zones *zones, usec_t period);

/* The channel is closed next: what is on its way comes to nothing. */
void zones_set_channel(struct zones *zones, ares_channel channel);

/* A name is cached, and is not any more. */
void zones_add(struct zones *zones, const char *host);
void zones_remove(struct zones *zones, const char *host);

/* The zone of a name, NULL if it has none. */
const char *zone_of(const char *host);

/* Walks them for SHOW, in no order: the one behind `node` (NULL: the first). */
const char *zones_walk(const struct zones *zones, const struct list_node **node, int64_t *serial,
		       unsigned *names);

#endif
