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
#include "proto/error.h"
#include "session/client.h"

#define CHECK_SECONDS 0.02
#define FAREWELL "server shutting down"

/* Clients with a session: the console's, and those that have not logged in, do not hold us up. */
static unsigned count_clients(void)
{
	static const enum client_state states[] = { CLIENT_WELCOME, CLIENT_IDLE, CLIENT_WAITING,
						    CLIENT_ACTIVE, CLIENT_REPLICATION };
	unsigned count = 0;
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		count += clients_in(states[i])->count;
	return count;
}

static bool is_complete(struct program *program)
{
	if (program->shutdown.mode == SHUTDOWN_WAIT_FOR_CLIENTS)
		return count_clients() == 0;
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

bool shutdown_begin(struct program *program, enum shutdown_mode mode, const char *why)
{
	struct shutdown *shutdown = &program->shutdown;

	if (mode == SHUTDOWN_NOW) {
		log_info(process, "exiting: %s", why);
		shutdown->begun = true;
		shutdown->mode = SHUTDOWN_NOW;
		loop_stop(&program->loop);
		return true;
	}
	if (shutdown->begun)
		return false;
	shutdown->begun = true;
	shutdown->mode = mode;
	program->pooler.shutting_down = true;
	listeners_close_tcp(&program->listeners);
	if (mode == SHUTDOWN_WAIT_FOR_SERVERS)
		operate_pause(&program->pooler);
	ev_timer_start(program->loop.ev, &shutdown->check);
	return true;
}

void shutdown_finish(struct program *program)
{
	char pidfile[4096];

	/* The configuration, and its strings, go before the file does. */
	snprintf(pidfile, sizeof(pidfile), "%s", program->pooler.config->settings.pidfile);
	signals_done(program);
	ev_timer_stop(program->loop.ev, &program->shutdown.check);
	listeners_done(&program->listeners);
	if (program->shutdown.mode != SHUTDOWN_NOW)
		console_shutdown_complete();
	operate_close_clients(SQLSTATE_ADMIN_SHUTDOWN, FAREWELL);
	loop_end_turn(&program->loop);
	stats_done();
	console_done();
	pooler_done(&program->pooler);
	loop_done(&program->loop);
	pidfile_remove(pidfile);
	log_info(process, "process ended");
	log_close();
}
