/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_RELAY_H
#define PGWEIR_SESSION_RELAY_H

#include "pool/pool.h"

/* The holder's call: takes what the server sent to its client. */
void relay_input(struct holder *holder, struct server *server);

#endif
