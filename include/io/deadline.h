/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_DEADLINE_H
#define PGWEIR_IO_DEADLINE_H

#include <ev.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/loop.h"

/*
 * A list ordered by deadline with one timer for all of it.  Connections whose time-outs are the
 * same length share a list, so that adding is appending; there is no timer a connection and no
 * walk over all of them.
 */
struct deadlines {
	struct loop *loop;
	struct list list;
	struct ev_timer timer;
	usec_t armed_at; /* what the timer is set to */
	void (*expired)(struct deadlines *deadlines, struct list_node *node);
};

/* A place on such a list.  A zeroed struct is on none. */
struct deadline {
	struct list_node node;
	usec_t at;
};

#define deadline_entry(n, type, field) list_entry(n, type, field.node)

/* `expired` gets each node whose time has come, already off the list. */
void deadlines_init(struct deadlines *deadlines, struct loop *loop,
		    void (*expired)(struct deadlines *deadlines, struct list_node *node));

/* Stops the timer; members are taken off. */
void deadlines_done(struct deadlines *deadlines);

/* Puts `deadline` on the list for the moment `at`; moves it if it is on one already. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, usec_t at);

/* Takes it off; nothing happens if it is on no list. */
void deadline_clear(struct deadline *deadline);

/* Runs what is due at clock_now(); the timer calls it, plays call it by hand. */
void deadlines_run(struct deadlines *deadlines);

#endif
