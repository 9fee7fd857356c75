/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_CONNECTS_H
#define PGWEIR_POOL_CONNECTS_H

#include <stdbool.h>

#include "pool/pool.h"

/* Connections of a pool to one host that are under way at a time. */
#define CONNECTS_MAX 8

/*
 * How long a host, and each of its addresses, is left alone after a failure: server_login_retry,
 * but never so short that a host that refuses at once would keep a turn of the loop from ending.
 */
usec_t connects_retry_delay(const struct settings *settings);

/*
 * Opens what those who wait would use (pool_host.wanted) and what min_pool_size asks for, as far
 * as the limits of the pool, the database and the user allow.
 */
void connects_open(struct pool *pool);

/*
 * Whether one more may be opened on this host for somebody who goes before the pool: an idle
 * server makes room if need be.  When it may not for now, the pool is woken later.
 */
bool connects_make_room(struct pool_host *at);

/* Whether there are more servers than the pool's size and its reserve: it was made smaller. */
bool connects_have_surplus(const struct pool_host *at);

/*
 * A server could not be had: no other is tried for a while.  If the server refused us (`final`),
 * or there is no other host to wait for, those who wait are refused with this error.  When a
 * server refuses one that was made for one holder, that is between these two.
 */
void connects_failed(struct server *server, const char *sqlstate, const char *text, bool final);

/* No connection to whatever host can begin now (no descriptors): those who wait go on waiting. */
void connects_postpone(struct pool_host *at);

/*
 * Whether a plain entry's hosts refused us lately and nothing works: who comes now is told
 * pool->failure at once, rather than after server_login_retry.
 */
bool connects_are_failing(const struct pool *pool);

/* A server works: the last failure is over. */
void connects_forget_failure(struct pool *pool);

#endif
