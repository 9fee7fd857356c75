/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_DEDICATED_H
#define PGWEIR_POOL_DEDICATED_H

#include "pool/pool.h"

/*
 * Connections that are made for one holder (need.replication) and closed with it: replication.  They
 * count in the size of the pool, and an idle server makes room for one if need be.  They never come
 * back to be replaced: those that must be are closed at once.
 */

/* Opens connections for those in QUEUE_DEDICATED that have none coming; the pool's task calls it. */
void dedicated_open(struct pool *pool);

/* Its login is through: it is leased to whom it was made for. */
void dedicated_ready(struct server *server);

/* The server refused the login: its holder is told, and nobody else. */
void dedicated_refused(struct server *server, const char *sqlstate, const char *text);

/* The holder waits no more: the connection that is coming for it is closed. */
void dedicated_abandon(struct holder *holder);

#endif
