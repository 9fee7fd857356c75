/* SPDX-License-Identifier: ISC */
/*
 * The end.  A shutdown that waits closes the TCP listeners, so that others can take over, and
 * looks every few milliseconds whether what it waits for has come; the Unix socket stays open for
 * the operator.
 */
#include "main/shutdown.h"

#include <stdio.h>
#include <string.h>

#include "admin/operate.h"
#include "admin/stats.h"
#include "main/daemon.h"
#include "main/program.h"
#include "main/service.h"
#include "proto/error.h"
#include "session/client.h"
#include "session/outside.h"
#include "session/peer.h"

#define CHECK_SECONDS 0.02
#define FAREWELL "server shutting down"

/* All who came as applications do, those that are logging in too; the console's do not count. */
static unsigned count_clients(void)
{
	return clients_count() - clients_in(CLIENT_CONSOLE)->count;
}

static bool is_complete(struct program *program)
{
	/* After a takeover, cancel requests for the process before us come by way of us. */
	if (program->shutdown.mode == SHUTDOWN_WAIT_FOR_CLIENTS)
		return count_clients() == 0 && (program->takeover.state != TAKEOVER_TAKEN ||
						!takeover_has_predecessor(program));
	operate_close_waiting(SQLSTATE_ADMIN_SHUTDOWN, FAREWELL);
	return operate_is_quiet(&program->pooler, NULL);
}

static void on_check(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct program *program = timer->data;

	(void)events;
	if (!is_complete(program))
		return;
	log_info(process, "%s, exiting",
		 program->shutdown.mode == SHUTDOWN_WAIT_FOR_CLIENTS
			 ? "all clients have disconnected"
			 : "all servers have been released");
	ev_timer_stop(ev, timer);
	loop_stop(&program->loop);
}

void shutdown_init(struct program *program)
{
	memset(&program->shutdown, 0, sizeof(program->shutdown));
	ev_timer_init(&program->shutdown.check, on_check, CHECK_SECONDS, CHECK_SECONDS);
	program->shutdown.check.data = program;
}

/* What all shutdowns that wait have in common. */
static void begin_waiting(struct program *program, enum shutdown_mode mode)
{
	program->shutdown.begun = true;
	program->shutdown.mode = mode;
	program->pooler.shutting_down = clock_now();
	ev_timer_start(program->loop.ev, &program->shutdown.check);
}

void shutdown_hand_over(struct program *program, pid_t pid)
{
	log_info(process,
		 "takeover: process %d has the listening sockets, waiting for clients "
		 "to disconnect",
		 (int)pid);
	service_hand_over(pid);
	listeners_hand_over(&program->listeners);
	begin_waiting(program, SHUTDOWN_WAIT_FOR_CLIENTS);
}

/* A shutdown under way goes on in another mode. */
static void change_mode(struct program *program, enum shutdown_mode mode)
{
	if (program->shutdown.mode == mode)
		return;
	program->shutdown.mode = mode;
	if (mode == SHUTDOWN_WAIT_FOR_SERVERS)
		operate_pause(&program->pooler);
	else
		operate_resume(&program->pooler);
}

void shutdown_begin(struct program *program, enum shutdown_mode mode, const char *why)
{
	struct shutdown *shutdown = &program->shutdown;

	if (!shutdown->begun)
		service_stopping();
	if (mode == SHUTDOWN_NOW) {
		log_info(process, "exiting: %s", why);
		shutdown->begun = true;
		shutdown->mode = SHUTDOWN_NOW;
		loop_stop(&program->loop);
		return;
	}
	if (shutdown->begun) {
		change_mode(program, mode);
		return;
	}
	if (program->pooler.activity == POOLER_SUSPENDED)
		operate_resume(&program->pooler); /* or what it waits for could not come */
	begin_waiting(program, mode);
	listeners_close_tcp(&program->listeners);
	if (mode == SHUTDOWN_WAIT_FOR_SERVERS)
		operate_pause(&program->pooler);
}

void shutdown_finish(struct program *program)
{
	char pidfile[4096];

	/* The configuration, and its strings, go before the file does. */
	snprintf(pidfile, sizeof(pidfile), "%s", program->pooler.config->settings.pidfile);
	signals_done(program);
	service_unwatch(&program->loop);
	ev_timer_stop(program->loop.ev, &program->shutdown.check);
	takeover_done(program);
	listeners_done(&program->listeners);
	operate_close_clients(SQLSTATE_ADMIN_SHUTDOWN, FAREWELL);
	loop_end_turn(&program->loop);
	outside_done();
	peers_done();
	stats_done();
	console_done();
	pooler_done(&program->pooler);
	loop_done(&program->loop);
	pidfile_remove(pidfile);
	log_info(process, "process ended");
	log_close();
}
