/* SPDX-License-Identifier: ISC */
/* Lists ordered by deadline, one timer a list. */
#include "io/deadline.h"

#include <string.h>

static struct deadline *deadline_of(struct list_node *node)
{
	return list_entry(node, struct deadline, node);
}

/*
 * The timer is set for the first deadline at the time of setting and is not touched when that
 * one goes: it fires early then, finds nothing due and is set anew.  So a busy list costs no
 * timer work.
 */
static void arm(struct deadlines *deadlines)
{
	struct list_node *first = list_first(&deadlines->list);
	usec_t delay;

	if (first == NULL || ev_is_active(&deadlines->timer) || deadlines->loop->ev == NULL)
		return;
	deadlines->armed_at = deadline_of(first)->at;
	delay = deadlines->armed_at - clock_now();
	if (delay < USEC_PER_MSEC)
		delay = USEC_PER_MSEC;
	ev_now_update(deadlines->loop->ev);
	ev_timer_set(&deadlines->timer, (double)delay / (double)USEC_PER_SEC, 0.);
	ev_timer_start(deadlines->loop->ev, &deadlines->timer);
}

void deadlines_run(struct deadlines *deadlines)
{
	struct list_node *first;

	while ((first = list_first(&deadlines->list)) != NULL &&
	       deadline_of(first)->at <= clock_now()) {
		list_remove(first);
		deadlines->expired(deadlines, first);
	}
	arm(deadlines);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	deadlines_run(timer->data);
}

void deadlines_init(struct deadlines *deadlines, struct loop *loop,
		    void (*expired)(struct deadlines *deadlines, struct list_node *node))
{
	memset(deadlines, 0, sizeof(*deadlines));
	deadlines->loop = loop;
	deadlines->expired = expired;
	list_init(&deadlines->list);
	ev_init(&deadlines->timer, on_timer);
	deadlines->timer.data = deadlines;
}

void deadlines_done(struct deadlines *deadlines)
{
	while (list_pop(&deadlines->list) != NULL)
		;
	if (deadlines->loop->ev != NULL)
		ev_timer_stop(deadlines->loop->ev, &deadlines->timer);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, usec_t at)
{
	struct list_node *behind;
	bool first;

	list_remove(&deadline->node);
	behind = deadlines->list.head.prev;
	while (behind != &deadlines->list.head && deadline_of(behind)->at > at)
		behind = behind->prev;
	first = behind == &deadlines->list.head;
	deadline->at = at;
	list_insert(&deadlines->list, behind, &deadline->node);
	if (first) {
		if (ev_is_active(&deadlines->timer) && at < deadlines->armed_at)
			ev_timer_stop(deadlines->loop->ev, &deadlines->timer);
		arm(deadlines);
	}
}

void deadline_clear(struct deadline *deadline)
{
	list_remove(&deadline->node);
}
