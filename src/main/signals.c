/* SPDX-License-Identifier: ISC */
/* Signals, with the meaning that they have for PgBouncer. */
#include "main/signals.h"

#include <signal.h>
#include <string.h>

#include "admin/operate.h"
#include "main/program.h"
#include "main/reload.h"

static struct program *program_of(struct ev_signal *watcher)
{
	return watcher->data;
}

static void on_reload(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	char error[1024];

	(void)ev;
	(void)events;
	log_info(process, "got SIGHUP, re-reading config");
	if (!reload_run(program_of(watcher), error, sizeof(error)))
		log_error(process, "reload failed, nothing has changed: %s", error);
}

/* Whoever asks twice does not want to wait; and while all is suspended nothing would come. */
static void shut_down(struct program *program, enum shutdown_mode mode, const char *name)
{
	bool suspended = program->pooler.activity == POOLER_SUSPENDED;

	if (program->shutdown.begun || suspended) {
		log_info(process, "got %s while %s, fast exit", name,
			 suspended ? "suspended" : "shutting down");
		shutdown_begin(program, SHUTDOWN_NOW, suspended ? name : "second signal");
		return;
	}
	log_info(process, "got %s, shutting down, waiting for %s", name,
		 mode == SHUTDOWN_WAIT_FOR_SERVERS ? "servers to be released"
						   : "clients to disconnect");
	shutdown_begin(program, mode, name);
}

static void on_terminate(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	(void)ev;
	(void)events;
	shut_down(program_of(watcher), SHUTDOWN_WAIT_FOR_CLIENTS, "SIGTERM");
}

static void on_interrupt(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	(void)ev;
	(void)events;
	shut_down(program_of(watcher), SHUTDOWN_WAIT_FOR_SERVERS, "SIGINT");
}

static void on_quit(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	(void)ev;
	(void)events;
	log_info(process, "got SIGQUIT, fast exit");
	shutdown_begin(program_of(watcher), SHUTDOWN_NOW, "SIGQUIT");
}

static bool is_ending(const struct program *program, const char *name)
{
	if (program->shutdown.begun)
		log_info(process, "got %s while shutting down, ignoring", name);
	return program->shutdown.begun;
}

static void on_pause(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	struct program *program = program_of(watcher);

	(void)ev;
	(void)events;
	if (is_ending(program, "SIGUSR1"))
		return;
	if (program->pooler.offered) {
		log_info(process, "got SIGUSR1, but another process is taking over");
		return;
	}
	if (program->pooler.activity != POOLER_ACTIVE) {
		log_info(process, "got SIGUSR1, but already paused/suspended");
		return;
	}
	log_info(process, "got SIGUSR1, pausing all activity");
	operate_pause(&program->pooler);
}

static void on_resume(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	struct program *program = program_of(watcher);

	(void)ev;
	(void)events;
	if (is_ending(program, "SIGUSR2"))
		return;
	if (program->pooler.activity == POOLER_ACTIVE) {
		log_info(process, "got SIGUSR2, but not paused/suspended");
		return;
	}
	log_info(process, "got SIGUSR2, resuming activity");
	operate_resume(&program->pooler);
}

static const struct {
	int number;
	void (*run)(struct ev_loop *ev, struct ev_signal *watcher, int events);
} table[SIGNALS_COUNT] = {
	{ SIGHUP, on_reload }, { SIGTERM, on_terminate }, { SIGINT, on_interrupt },
	{ SIGQUIT, on_quit },  { SIGUSR1, on_pause },	  { SIGUSR2, on_resume },
};

static void mask_ours(int how)
{
	sigset_t set;
	int i;

	sigemptyset(&set);
	for (i = 0; i < SIGNALS_COUNT; i++)
		sigaddset(&set, table[i].number);
	sigprocmask(how, &set, NULL);
}

void signals_hold(void)
{
	mask_ours(SIG_BLOCK);
}

void signals_init(struct program *program)
{
	int i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < SIGNALS_COUNT; i++) {
		struct ev_signal *watcher = &program->signals.watchers[i];

		ev_signal_init(watcher, table[i].run, table[i].number);
		watcher->data = program;
		ev_signal_start(program->loop.ev, watcher);
	}
	mask_ours(SIG_UNBLOCK);
}

void signals_done(struct program *program)
{
	int i;

	/* Without its watcher each would end the process at once, with what it has still to do. */
	mask_ours(SIG_BLOCK);
	for (i = 0; i < SIGNALS_COUNT; i++) {
		ev_signal_stop(program->loop.ev, &program->signals.watchers[i]);
		if (table[i].number != SIGQUIT)
			signal(table[i].number, SIG_IGN);
	}
	mask_ours(SIG_UNBLOCK);
}
