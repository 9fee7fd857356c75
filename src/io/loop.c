/* SPDX-License-Identifier: ISC */
/*
 * The loop turn on top of libev:
 *
 *	sleep -> callbacks of ready sockets and timers -> reads -> tasks -> flush -> burials -> sleep
 *
 * The second half runs in libev's prepare watcher, right before it sleeps again.
 */
#include "io/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void run_all(struct list *list)
{
	struct list_node *node;

	while ((node = list_pop(list)) != NULL) {
		struct task *task = list_entry(node, struct task, node);

		task->run(task);
	}
}

void loop_end_turn(struct loop *loop)
{
	if (loop->read != NULL)
		loop->read(loop->flush_arg);
	do {
		run_all(&loop->tasks);
		if (loop->flush != NULL)
			loop->flush(loop->flush_arg);
	} while (!list_is_empty(&loop->tasks) ||
		 (loop->has_output != NULL && loop->has_output(loop->flush_arg)));
	run_all(&loop->burials);
}

static void on_before_sleep(struct ev_loop *ev, struct ev_prepare *watcher, int events)
{
	(void)ev;
	(void)events;
	loop_end_turn(watcher->data);
}

static void on_after_sleep(struct ev_loop *ev, struct ev_check *watcher, int events)
{
	(void)ev;
	(void)watcher;
	(void)events;
	clock_update();
}

void loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	list_init(&loop->tasks);
	list_init(&loop->burials);
	loop->ev = ev_default_loop(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (loop->ev == NULL) {
		log_fatal(process, "cannot make an event loop: epoll is not available");
		exit(1);
	}
	ev_prepare_init(&loop->before_sleep, on_before_sleep);
	loop->before_sleep.data = loop;
	ev_set_priority(&loop->before_sleep, EV_MINPRI); /* behind all other work of the turn */
	ev_prepare_start(loop->ev, &loop->before_sleep);
	ev_unref(loop->ev);
	ev_check_init(&loop->after_sleep, on_after_sleep);
	ev_set_priority(&loop->after_sleep, EV_MAXPRI);
	ev_check_start(loop->ev, &loop->after_sleep);
	ev_unref(loop->ev);
	clock_update();
}

void loop_done(struct loop *loop)
{
	loop_end_turn(loop);
	ev_ref(loop->ev);
	ev_prepare_stop(loop->ev, &loop->before_sleep);
	ev_ref(loop->ev);
	ev_check_stop(loop->ev, &loop->after_sleep);
	ev_loop_destroy(loop->ev);
	loop->ev = NULL;
}

void loop_run(struct loop *loop)
{
	ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

void loop_post(struct loop *loop, struct task *task)
{
	if (!list_has(&task->node))
		list_append(&loop->tasks, &task->node);
}

void loop_bury(struct loop *loop, struct task *task)
{
	task_cancel(task);
	list_append(&loop->burials, &task->node);
}

void task_cancel(struct task *task)
{
	list_remove(&task->node);
}
