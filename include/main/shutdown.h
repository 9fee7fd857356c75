/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_SHUTDOWN_H
#define PGWEIR_MAIN_SHUTDOWN_H

#include <ev.h>
#include <stdbool.h>

#include "admin/console.h"

struct program;

/* A shutdown under way. */
struct shutdown {
	struct ev_timer check; /* whether what it waits for has come */
	enum shutdown_mode mode;
	bool begun;
};

void shutdown_init(struct program *program);

/* Begins; NOW ends the loop.  False: one that waits is under way, and this is another. */
bool shutdown_begin(struct program *program, enum shutdown_mode mode, const char *why);

/* The loop has ended: closes everything and frees all memory. */
void shutdown_finish(struct program *program);

#endif
