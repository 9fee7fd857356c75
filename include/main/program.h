/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_PROGRAM_H
#define PGWEIR_MAIN_PROGRAM_H

#include <stdbool.h>

#include "admin/console.h"
#include "base/log.h"
#include "io/loop.h"
#include "main/listener.h"
#include "main/shutdown.h"
#include "main/signals.h"
#include "main/takeover.h"
#include "pool/database.h"

/* What the command line said. */
struct options {
	const char *path; /* of the configuration */
	const char *user; /* NULL: the configuration's */
	bool daemon;
	bool quiet;
	bool check;
	bool reboot;
	int verbose; /* how many -v */
};

/* The running process.  There is one, on main's stack. */
struct program {
	struct console_owner owner; /* what the console asks of us */
	struct options options;
	struct loop loop;
	struct pooler pooler;
	struct listeners listeners;
	struct signals signals;
	struct shutdown shutdown;
	struct takeover takeover;
};

/* Where lines go, by the settings and the command line. */
struct log_options program_log_options(const struct program *program,
				       const struct settings *settings);

#endif
