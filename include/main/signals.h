/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_SIGNALS_H
#define PGWEIR_MAIN_SIGNALS_H

#include <ev.h>

struct program;

#define SIGNALS_COUNT 6

/* Watchers of the signals that an operator sends. */
struct signals {
	struct ev_signal watchers[SIGNALS_COUNT];
};

/* Those signals wait from now on until signals_init: a process that is starting is not killed. */
void signals_hold(void);

/* HUP reload, TERM and INT shut down, QUIT ends at once, USR1 pause, USR2 resume. */
void signals_init(struct program *program);
void signals_done(struct program *program);

#endif
