/* SPDX-License-Identifier: ISC */
/* Processes beside ours for what blocks. */
#include "io/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* What is left to a helper whose asker has gone, and to one that is to end. */
#define GRACE USEC_PER_SEC

extern char **environ;

static void give_out(struct helpers *helpers);

/* ---- queues ---- */

static struct helper_queue *find_queue(struct helpers *helpers, const char *name)
{
	list_for_each(&helpers->queues, node, after) {
		struct helper_queue *queue = list_entry(node, struct helper_queue, node);

		if (strncmp(queue->name, name, HELPER_QUEUE_NAME_MAX) == 0)
			return queue;
	}
	return NULL;
}

static bool is_at_rest(const struct helper_queue *queue)
{
	return list_is_empty(&queue->waiting) && list_is_empty(&queue->asked) && queue->busy == 0;
}

/* A new one, or the one whose rest is the longest; NULL if none rests. */
static struct helper_queue *find_room(struct helpers *helpers)
{
	struct helper_queue *oldest = NULL;

	if (helpers->queues.count < HELPER_QUEUES_MAX)
		return mem_alloc(sizeof(*oldest));
	list_for_each(&helpers->queues, node, after) {
		struct helper_queue *queue = list_entry(node, struct helper_queue, node);

		if (is_at_rest(queue) && (oldest == NULL || queue->used_at < oldest->used_at))
			oldest = queue;
	}
	if (oldest != NULL)
		list_remove(&oldest->node);
	return oldest;
}

/* The queue of this name, made if there is none; NULL: there are too many. */
static struct helper_queue *take_queue(struct helpers *helpers, const char *name)
{
	struct helper_queue *queue = find_queue(helpers, name);

	if (queue == NULL && (queue = find_room(helpers)) != NULL) {
		memset(queue, 0, sizeof(*queue));
		snprintf(queue->name, sizeof(queue->name), "%s", name);
		list_init(&queue->waiting);
		list_init(&queue->asked);
		list_append(&helpers->queues, &queue->node);
	}
	return queue;
}

static struct helper_call *first_waiting(const struct helper_queue *queue)
{
	struct list_node *node = list_first(&queue->waiting);

	return node != NULL ? list_entry(node, struct helper_call, node) : NULL;
}

/* ---- a call ---- */

static void enqueue(struct helpers *helpers, struct helper_call *call)
{
	list_append(&call->queue->waiting, &call->node);
	call->queue->bytes += call->len;
	helpers->waiting_bytes += call->len;
}

static void forget_question(struct helper_call *call)
{
	if (call->question != NULL)
		mem_wipe(call->question, call->len);
	free(call->question);
	call->question = NULL;
}

/* It is on no list any more; nothing happens if it is on none. */
static void dequeue(struct helpers *helpers, struct helper_call *call)
{
	if (list_has(&call->node) && call->node.list == &call->queue->waiting) {
		call->queue->bytes -= call->len;
		helpers->waiting_bytes -= call->len;
	}
	list_remove(&call->node);
	forget_question(call);
}

static void on_task(struct task *task)
{
	struct helper_call *call = list_entry(task, struct helper_call, task);

	list_remove(&call->node);
	call->answered(call);
}

static void settle(struct helpers *helpers, struct helper_call *call, const char *why)
{
	dequeue(helpers, call);
	list_append(&call->queue->asked, &call->node);
	call->helper = NULL;
	call->why = why;
	loop_post(helpers->loop, &call->task);
}

void helper_call_cancel(struct helper_call *call)
{
	struct helper *helper = call->helper;

	if (list_has(&call->node)) {
		call->queue->left++;
		dequeue(call->helpers, call);
	}
	task_cancel(&call->task);
	if (helper != NULL) {
		usec_t at = clock_now() + GRACE;

		helper->call = NULL;
		if (helper->deadline.at > at)
			deadline_set(&helper->helpers->deadlines, &helper->deadline, at);
	}
	call->helper = NULL;
	free(call->answer);
	call->answer = NULL;
}

/* ---- a helper ---- */

static void take_up(struct helper *helper, struct helper_call *call)
{
	dequeue(helper->helpers, call);
	list_append(&call->queue->asked, &call->node);
	call->helper = helper;
	helper->call = call;
	helper->queue = call->queue;
	helper->queue->busy++;
	helper->asked_at = clock_now();
	helper->state = HELPER_BUSY;
}

/* Whose question it had; NULL: nobody's. */
static struct helper_call *put_down(struct helper *helper)
{
	struct helper_call *call = helper->call;

	if (helper->queue != NULL)
		helper->queue->busy--;
	helper->queue = NULL;
	helper->call = NULL;
	return call;
}

/* Its end of the line goes; it ends by itself, unless it hangs. */
static void dismiss(struct helper *helper)
{
	struct helpers *helpers = helper->helpers;

	ev_io_stop(helpers->loop->ev, &helper->watcher);
	close(helper->fd);
	helper->fd = -1;
	helper->state = HELPER_ENDING;
	deadline_set(&helpers->deadlines, &helper->deadline, clock_now() + GRACE);
}

/* With SIGKILL, since what it hangs in may hold back all others. */
static void lose(struct helper *helper, const char *why)
{
	struct helper_call *call = put_down(helper);

	log_warn(process, "helper %d: %s", (int)helper->child.pid, why);
	helper->helpers->lost++;
	if (ev_is_active(&helper->child)) /* else it is gone, and its number may be another's */
		kill(helper->child.pid, SIGKILL);
	dismiss(helper);
	if (call != NULL)
		settle(helper->helpers, call, why);
}

static void on_child(struct ev_loop *ev, struct ev_child *child, int events)
{
	struct helper *helper = child->data;

	(void)events;
	ev_child_stop(ev, child);
	if (helper->state != HELPER_ENDING)
		lose(helper, "it has ended unexpectedly");
	deadline_clear(&helper->deadline);
	helper->state = HELPER_NONE;
	give_out(helper->helpers);
}

static bool is_old(const struct helper *helper)
{
	return helper->answers >= HELPER_ANSWERS_MAX ||
	       clock_now() - helper->started_at > HELPER_AGE_MAX;
}

static void take_answer(struct helper *helper, const char *data, size_t len)
{
	struct helper_call *call = put_down(helper);

	helper->answers++;
	helper->state = HELPER_IDLE;
	deadline_set(&helper->helpers->deadlines, &helper->deadline,
		     clock_now() + helper->helpers->rest);
	if (is_old(helper))
		dismiss(helper);
	if (call == NULL)
		return;
	call->queue->usec += (uint64_t)(clock_now() - call->asked_at);
	call->answer = mem_string_n(data, len);
	call->answer_len = len;
	settle(helper->helpers, call, NULL);
}

static void on_input(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct helper *helper = watcher->data;
	char buffer[HELPERS_ANSWER_MAX];
	ssize_t len = recv(helper->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	(void)ev;
	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0 || helper->state != HELPER_BUSY)
		lose(helper, len <= 0 ? "it has closed the line" : "it spoke without being asked");
	else
		take_answer(helper, buffer, (size_t)len);
	give_out(helper->helpers);
}

static void on_silence(struct deadlines *deadlines, struct list_node *node)
{
	struct helper *helper = deadline_entry(node, struct helper, deadline);

	(void)deadlines;
	if (helper->state == HELPER_IDLE) {
		dismiss(helper); /* nobody needs it any more */
		return;
	}
	if (helper->state == HELPER_ENDING) {
		kill(helper->child.pid, SIGKILL); /* it is still there: on_child takes this off */
		return;
	}
	lose(helper, helper->call != NULL ? "no answer in time, killed"
					  : "no answer, and nobody waits any more: killed");
	give_out(helper->helpers);
}

/* Runs this very program, whatever stands at its path by now. */
static int spawn(const char *argument, int line, pid_t *pid)
{
	char name[] = "pgweir";
	char *arguments[] = { name, (char *)argument, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, line, STDIN_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	error = posix_spawn(pid, "/proc/self/exe", &files, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

static bool start(struct helper *helper)
{
	struct helpers *helpers = helper->helpers;
	int pair[2], error, size = HELPERS_QUESTION_MAX;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_error(process, "cannot start a helper: %s", strerror(errno));
		return false;
	}
	error = spawn(helpers->argument, pair[1], &pid);
	close(pair[1]);
	if (error != 0) {
		log_error(process, "cannot start a helper: %s", strerror(error));
		close(pair[0]);
		return false;
	}
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	helper->fd = pair[0];
	helper->answers = 0;
	helper->started_at = clock_now();
	ev_io_init(&helper->watcher, on_input, helper->fd, EV_READ);
	helper->watcher.data = helper;
	ev_io_start(helpers->loop->ev, &helper->watcher);
	ev_child_init(&helper->child, on_child, pid, 0);
	helper->child.data = helper;
	ev_child_start(helpers->loop->ev, &helper->child);
	helper->state = HELPER_IDLE;
	helpers->started++;
	log_debug(process, "helper %d: started", (int)pid);
	return true;
}

static void hand_to(struct helper *helper, struct helper_call *call)
{
	struct helpers *helpers = helper->helpers;
	ssize_t sent = send(helper->fd, call->question, call->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent != (ssize_t)call->len) {
		lose(helper, strerror(errno));
		settle(helpers, call, "the helper took no question");
		return;
	}
	take_up(helper, call);
	deadline_set(&helpers->deadlines, &helper->deadline, clock_now() + helpers->patience);
}

/* ---- all of them ---- */

/* One that is free, or can be started; NULL if there is none. */
static struct helper *find_free(struct helpers *helpers)
{
	struct helper *unborn = NULL;

	for (unsigned i = 0; i < HELPERS_MAX; i++) {
		struct helper *helper = &helpers->helpers[i];

		if (helper->state == HELPER_IDLE)
			return helper;
		if (helper->state == HELPER_NONE && unborn == NULL)
			unborn = helper;
	}
	return unborn;
}

/* Who has waited the longest of those who may be asked now; NULL if there is nobody. */
static struct helper_call *find_next(const struct helpers *helpers)
{
	struct helper_call *next = NULL;

	list_for_each(&helpers->queues, node, after) {
		const struct helper_queue *queue = list_entry(node, struct helper_queue, node);
		struct helper_call *call = first_waiting(queue);

		if (call != NULL && queue->busy < HELPERS_OF_ONE_QUEUE &&
		    (next == NULL || call->asked_at < next->asked_at))
			next = call;
	}
	return next;
}

/* Gives those that wait to helpers that are free. */
static void give_out(struct helpers *helpers)
{
	struct helper_call *call;
	struct helper *helper;

	while ((call = find_next(helpers)) != NULL && (helper = find_free(helpers)) != NULL) {
		if (helper->state == HELPER_NONE && !start(helper))
			settle(helpers, call, "no helper can be started");
		else
			hand_to(helper, call);
	}
}

void helpers_init(struct helpers *helpers, struct loop *loop, const char *argument, usec_t patience,
		  usec_t rest)
{
	memset(helpers, 0, sizeof(*helpers));
	helpers->loop = loop;
	helpers->argument = argument;
	helpers->patience = patience;
	helpers->rest = rest;
	list_init(&helpers->queues);
	deadlines_init(&helpers->deadlines, loop, on_silence);
	for (unsigned i = 0; i < HELPERS_MAX; i++) {
		helpers->helpers[i].helpers = helpers;
		helpers->helpers[i].fd = -1;
	}
}

static void end_at_once(struct helper *helper)
{
	put_down(helper);
	if (helper->state == HELPER_IDLE || helper->state == HELPER_BUSY)
		dismiss(helper);
	if (helper->state == HELPER_ENDING) {
		kill(helper->child.pid, SIGKILL);
		ev_child_stop(helper->helpers->loop->ev, &helper->child);
	}
	helper->state = HELPER_NONE;
}

static void cancel_all(struct list *calls)
{
	struct list_node *node;

	while ((node = list_first(calls)) != NULL)
		helper_call_cancel(list_entry(node, struct helper_call, node));
}

void helpers_done(struct helpers *helpers)
{
	list_for_each(&helpers->queues, node, after) {
		struct helper_queue *queue = list_entry(node, struct helper_queue, node);

		cancel_all(&queue->waiting);
		cancel_all(&queue->asked);
	}
	for (unsigned i = 0; i < HELPERS_MAX; i++)
		end_at_once(&helpers->helpers[i]);
	list_for_each(&helpers->queues, node, after) {
		list_remove(node);
		free(list_entry(node, struct helper_queue, node));
	}
	deadlines_done(&helpers->deadlines);
}

/* Whether one more may wait. */
static bool has_room(const struct helpers *helpers, const struct helper_queue *queue, size_t len)
{
	return len <= HELPERS_QUESTION_MAX && queue->waiting.count < HELPER_QUEUE_MAX &&
	       helpers->waiting_bytes + len <= HELPERS_WAITING_BYTES_MAX;
}

bool helpers_ask(struct helpers *helpers, struct helper_call *call, const char *name,
		 void *question, size_t len)
{
	struct helper_queue *queue = take_queue(helpers, name);

	call->task.run = on_task;
	call->helpers = helpers;
	call->queue = queue;
	call->question = question;
	call->len = len;
	call->asked_at = clock_now();
	if (queue == NULL || !has_room(helpers, queue, len)) {
		if (queue != NULL)
			queue->refused++;
		forget_question(call);
		return false;
	}
	queue->used_at = call->asked_at;
	enqueue(helpers, call);
	give_out(helpers);
	return true;
}

/* ---- the other side ---- */

static void on_signal(int number)
{
	(void)number;
}

/*
 * Terminals and service managers tell all processes to end, while ours still waits for its
 * clients, some of whom may be logging in; and a server that leaves is an error, not the end
 * (SIGPIPE).  No SIG_IGN, which programs run by modules would inherit.
 */
static void outlive_signals(void)
{
	static const int numbers[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE
	};
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

/* The line on a descriptor that no program run by a module inherits; nothing else is left open. */
static int take_line(void)
{
	int line = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (line < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(1);
	close(null);
	if (line != 3 && dup3(line, 3, O_CLOEXEC) == 3)
		line = 3;
#ifdef SYS_close_range
	syscall(SYS_close_range, (unsigned)line + 1, ~0u, 0u);
#endif
	return line;
}

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/* What leaks or runs wild is its own end only.  The address sanitizer maps more than any limit. */
static void bound_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > HELPER_MEMORY_MAX) {
		limit.rlim_cur = HELPER_MEMORY_MAX;
		setrlimit(RLIMIT_DATA, &limit);
	}
#endif
}

void helper_run(helper_answer *answer)
{
	char *question = mem_alloc(HELPERS_QUESTION_MAX + 1);
	char reply[HELPERS_ANSWER_MAX];
	int line;

	/* What cannot be set costs comfort only: the line closes when the process is gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	outlive_signals();
	bound_memory();
	line = take_line();
	for (;;) {
		ssize_t len = recv(line, question, HELPERS_QUESTION_MAX, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			_exit(0);
		question[len] = '\0';
		len = (ssize_t)answer(question, (size_t)len, reply);
		mem_wipe(question, HELPERS_QUESTION_MAX);
		if (send(line, reply, (size_t)len, MSG_NOSIGNAL) != len)
			_exit(0);
	}
}
