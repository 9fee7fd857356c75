/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_LOOP_H
#define PGWEIR_IO_LOOP_H

#include <ev.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/list.h"

/*
 * The loop.  A turn is: sleep, run the callbacks of what became ready, read from the streams in
 * the order in which they became readable, run the posted tasks, flush the streams that have bytes
 * to send (io/stream), bury what was closed.  A callback of one
 * connection never runs another connection's code: it posts a task.
 */
struct loop {
	struct ev_loop *ev;
	struct ev_prepare before_sleep;
	struct ev_check after_sleep;
	struct list tasks;
	struct list burials;
	void (*read)(void *arg);  /* reads what became readable; set by io/stream */
	void (*flush)(void *arg); /* sends all that is queued; set by io/stream */
	void *flush_arg;
	bool (*has_output)(void *arg);
};

/* Work for the end of this turn.  Embedded; a task that is posted twice runs once. */
struct task {
	struct list_node node;
	void (*run)(struct task *task);
};

/* Uses libev's default loop with epoll.  One loop a process. */
void loop_init(struct loop *loop);
void loop_done(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs at the end of this turn, before the flush; of tasks posted by tasks too. */
void loop_post(struct loop *loop, struct task *task);

/* Runs after the flush, when no callback holds a pointer any more: frees what was closed. */
void loop_bury(struct loop *loop, struct task *task);

/* Takes a task back that has not run; nothing happens if it is not posted. */
void task_cancel(struct task *task);

/* Ends a turn by hand, for plays that have no event loop: tasks, flush, burials. */
void loop_end_turn(struct loop *loop);

#endif
