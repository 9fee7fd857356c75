/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_NEED_H
#define PGWEIR_POOL_NEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct host;

/* What a client requires of a server. */

enum need_kind {
	NEED_WRITE, /* the primary */
	NEED_READ,  /* a replica, fresh enough */
	NEED_ANY,   /* whatever host is up */
};

/* What a read does when no replica fits. */
enum need_fallback {
	FALLBACK_PRIMARY,
	FALLBACK_WAIT,
	FALLBACK_ERROR,
};

struct need {
	uint8_t kind;
	uint8_t fallback;
	bool patient;		 /* a read: waits a moment for a replica before it falls back */
	bool any_age;		 /* whatever its lag: a greeting */
	uint8_t replication;	 /* enum replication: a connection made for it and nobody else */
	const struct host *host; /* that the client read from last: compared, never followed */
	usec_t written;		 /* when its last write was answered; 0: never */
	usec_t seen; /* when its last read was answered: only that replica may be older */
};

/* How long a patient read waits. */
#define NEED_PATIENCE_USEC (20 * USEC_PER_MSEC)

#endif
