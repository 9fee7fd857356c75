/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_CLAIM_H
#define PGWEIR_MAIN_CLAIM_H

#include <stddef.h>
#include <sys/types.h>

struct identity;
struct inherited;
struct settings;

/* What a process that starts with -R has from the one that runs; see main/takeover.h. */
struct claim {
	int line;  /* to it; -1: there is none */
	pid_t pid; /* of it */
};

enum claim_result {
	CLAIM_MADE,
	CLAIM_NOBODY, /* no process answers there */
	CLAIM_REFUSED,
};

/*
 * Asks the process on the Unix socket that the settings name for its listening sockets, as the
 * user that we are to become.  It goes on as before until it hears that we are up
 * (takeover_begin).  Waits for it some seconds.  NOBODY and REFUSED explain.
 */
enum claim_result claim_make(struct claim *claim, struct inherited *inherited,
			     const struct settings *settings, const struct identity *identity,
			     char *error, size_t size);

#endif
