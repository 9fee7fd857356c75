/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_SHUTDOWN_H
#define PGWEIR_MAIN_SHUTDOWN_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "admin/console.h"

struct program;

/* A shutdown under way. */
struct shutdown {
	struct ev_timer check; /* whether what it waits for has come */
	enum shutdown_mode mode;
	bool begun;
};

void shutdown_init(struct program *program);

/* Begins, or goes on in another mode; NOW ends the loop. */
void shutdown_begin(struct program *program, enum shutdown_mode mode, const char *why);

/*
 * Another process has taken over the listening sockets: they are let go, and the end comes when
 * all clients have left, and nobody needs our way to a process before us.
 */
void shutdown_hand_over(struct program *program, pid_t pid);

/* The loop has ended: closes everything and frees all memory. */
void shutdown_finish(struct program *program);

#endif
