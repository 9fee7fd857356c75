/* SPDX-License-Identifier: ISC */
/* Processes beside ours for what blocks. */
#include "io/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Modules of PAM leak, and libraries read their files once: nobody helps for ever. */
#define ANSWERS_OF_A_LIFE 500u
#define LIFE (10 * 60 * USEC_PER_SEC)

/* What is left to a helper whose asker has gone. */
#define GRACE USEC_PER_SEC

extern char **environ;

static void give_out(struct helpers *helpers);

/* ---- a call ---- */

static void forget_question(struct helper_call *call)
{
	mem_wipe(call->question, call->len);
	free(call->question);
	call->question = NULL;
}

static void on_task(struct task *task)
{
	struct helper_call *call = list_entry(task, struct helper_call, task);

	call->answered(call);
}

static void settle(struct helpers *helpers, struct helper_call *call, const char *why)
{
	list_remove(&call->node);
	forget_question(call);
	call->helper = NULL;
	call->why = why;
	loop_post(helpers->loop, &call->task);
}

void helper_call_cancel(struct helper_call *call)
{
	struct helper *helper = call->helper;

	list_remove(&call->node);
	task_cancel(&call->task);
	forget_question(call);
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

/* Its end of the line goes; it ends by itself, unless it hangs. */
static void dismiss(struct helper *helper)
{
	struct helpers *helpers = helper->helpers;

	ev_io_stop(helpers->loop->ev, &helper->watcher);
	close(helper->fd);
	helper->fd = -1;
	deadline_clear(&helper->deadline);
	helper->state = HELPER_ENDING;
}

/* With SIGKILL, since what it hangs in may hold back all others. */
static void lose(struct helper *helper, const char *why)
{
	struct helpers *helpers = helper->helpers;

	log_warn(process, "helper %d: %s", (int)helper->child.pid, why);
	if (ev_is_active(&helper->child)) /* else it is gone, and its number may be another's */
		kill(helper->child.pid, SIGKILL);
	dismiss(helper);
	if (helper->call != NULL)
		settle(helpers, helper->call, why);
	helper->call = NULL;
}

static void on_child(struct ev_loop *ev, struct ev_child *child, int events)
{
	struct helper *helper = child->data;

	(void)events;
	ev_child_stop(ev, child);
	if (helper->state != HELPER_ENDING)
		lose(helper, "it has ended unexpectedly");
	helper->state = HELPER_NONE;
	give_out(helper->helpers);
}

static bool is_old(const struct helper *helper)
{
	return helper->answers >= ANSWERS_OF_A_LIFE || clock_now() - helper->started_at > LIFE;
}

static void take_answer(struct helper *helper, const char *data, size_t len)
{
	struct helper_call *call = helper->call;

	helper->call = NULL;
	helper->answers++;
	helper->state = HELPER_IDLE;
	deadline_set(&helper->helpers->deadlines, &helper->deadline,
		     clock_now() + helper->helpers->rest);
	if (is_old(helper))
		dismiss(helper);
	if (call == NULL)
		return;
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
	list_remove(&call->node);
	forget_question(call);
	call->helper = helper;
	helper->call = call;
	helper->kind = call->kind;
	helper->state = HELPER_BUSY;
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

static unsigned count_busy(const struct helpers *helpers, uint64_t kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < HELPERS_MAX; i++)
		count += helpers->helpers[i].state == HELPER_BUSY &&
			 helpers->helpers[i].kind == kind;
	return count;
}

static unsigned count_waiting(const struct helpers *helpers, uint64_t kind)
{
	unsigned count = 0;

	list_for_each(&helpers->waiting, node, after)
		count += list_entry(node, struct helper_call, node)->kind == kind;
	return count;
}

/* Gives those that wait to helpers that are free, in order. */
static void give_out(struct helpers *helpers)
{
	list_for_each(&helpers->waiting, node, after) {
		struct helper_call *call = list_entry(node, struct helper_call, node);
		struct helper *helper = find_free(helpers);

		if (helper == NULL)
			return;
		if (count_busy(helpers, call->kind) >= HELPERS_OF_ONE_KIND)
			continue;
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
	list_init(&helpers->waiting);
	deadlines_init(&helpers->deadlines, loop, on_silence);
	for (unsigned i = 0; i < HELPERS_MAX; i++) {
		helpers->helpers[i].helpers = helpers;
		helpers->helpers[i].fd = -1;
	}
}

void helpers_done(struct helpers *helpers)
{
	struct list_node *node;

	while ((node = list_first(&helpers->waiting)) != NULL)
		helper_call_cancel(list_entry(node, struct helper_call, node));
	for (unsigned i = 0; i < HELPERS_MAX; i++) {
		struct helper *helper = &helpers->helpers[i];

		if (helper->call != NULL)
			helper_call_cancel(helper->call);
		if (helper->state == HELPER_IDLE || helper->state == HELPER_BUSY)
			dismiss(helper);
		if (helper->state == HELPER_ENDING) {
			kill(helper->child.pid, SIGKILL);
			ev_child_stop(helpers->loop->ev, &helper->child);
		}
		helper->state = HELPER_NONE;
	}
	deadlines_done(&helpers->deadlines);
}

bool helpers_ask(struct helpers *helpers, struct helper_call *call, uint64_t kind, void *question,
		 size_t len)
{
	call->task.run = on_task;
	call->question = question;
	call->len = len;
	call->kind = kind;
	if (len > HELPERS_QUESTION_MAX || helpers->waiting.count >= HELPERS_WAITING_MAX ||
	    count_waiting(helpers, kind) >= HELPERS_WAITING_OF_ONE_KIND) {
		forget_question(call);
		return false;
	}
	list_append(&helpers->waiting, &call->node);
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

void helper_run(helper_answer *answer)
{
	char *question = mem_alloc(HELPERS_QUESTION_MAX + 1);
	char reply[HELPERS_ANSWER_MAX];
	int line;

	/* What cannot be set costs comfort only: the line closes when the process is gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	outlive_signals();
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
