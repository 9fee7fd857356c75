/* SPDX-License-Identifier: ISC */
/* The service manager. */
#include "main/service.h"

#include "base/log.h"
#include "io/loop.h"

#ifdef HAVE_SYSTEMD

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "main/inherit.h"

static struct {
	bool handed_over;
	struct ev_timer watchdog;
} service;

bool service_is_known(void)
{
	return true;
}

static void tell(const char *words)
{
	if (!service.handed_over)
		sd_notify(0, words);
}

bool service_take_sockets(struct inherited *inherited, char *error, size_t size)
{
	int count = sd_listen_fds(1);

	if (count < 0) {
		snprintf(error, size, "cannot take the service manager's sockets: %s",
			 strerror(-count));
		return false;
	}
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
		if (inherited_add(inherited, fd, true))
			continue;
		snprintf(error, size,
			 "the service manager's socket %d is none that listens for streams "
			 "(ListenStream=, Accept=no), or there are more than %u",
			 fd, SOCKET_FDS_MAX);
		return false;
	}
	return true;
}

void service_ready(void)
{
	tell("READY=1");
}

void service_reloading(void)
{
	char words[64];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(words);
}

void service_stopping(void)
{
	tell("STOPPING=1");
}

void service_status(const char *line)
{
	char words[600];

	snprintf(words, sizeof(words), "STATUS=%s", line);
	tell(words);
}

void service_hand_over(pid_t pid)
{
	char words[32];

	snprintf(words, sizeof(words), "MAINPID=%ld", (long)pid);
	tell(words);
	service.handed_over = true;
}

static void on_watchdog(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
	tell("WATCHDOG=1");
}

/* Twice as often as it must be: one that comes late is no reason to be killed. */
void service_watch(struct loop *loop)
{
	uint64_t usec;
	double seconds;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	seconds = (double)usec / 2e6;
	ev_timer_init(&service.watchdog, on_watchdog, seconds, seconds);
	ev_timer_start(loop->ev, &service.watchdog);
	log_info(process, "the service manager's watchdog hears from us every %.3f s", seconds);
}

void service_unwatch(struct loop *loop)
{
	ev_timer_stop(loop->ev, &service.watchdog);
}

#else

bool service_is_known(void)
{
	return false;
}

bool service_take_sockets(struct inherited *inherited, char *error, size_t size)
{
	(void)inherited;
	(void)error;
	(void)size;
	return true;
}

void service_ready(void)
{
}

void service_reloading(void)
{
}

void service_stopping(void)
{
}

void service_status(const char *line)
{
	(void)line;
}

void service_hand_over(pid_t pid)
{
	(void)pid;
}

void service_watch(struct loop *loop)
{
	(void)loop;
}

void service_unwatch(struct loop *loop)
{
	(void)loop;
}

#endif
