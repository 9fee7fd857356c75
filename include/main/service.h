/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_SERVICE_H
#define PGWEIR_MAIN_SERVICE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct inherited;
struct loop;

/*
 * The service manager (systemd): what it is told, and the sockets that it gives.  Without one, or
 * without libsystemd, nothing happens.
 */

/* Whether the program was built with it. */
bool service_is_known(void);

/* Takes the sockets that it listens on for us.  False, with an explanation, if one is useless. */
bool service_take_sockets(struct inherited *inherited, char *error, size_t size);

void service_ready(void);
void service_reloading(void); /* service_ready follows */
void service_stopping(void);
void service_status(const char *line);

/* Another process is the service from now on: we say nothing more. */
void service_hand_over(pid_t pid);

/* Tells it that we are alive, as often as it wants to hear it. */
void service_watch(struct loop *loop);
void service_unwatch(struct loop *loop);

#endif
