/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_POOL_DISUSE_H
#define PGWEIR_POOL_DISUSE_H

struct database;
struct pool;
struct pooler;

/*
 * Pools and automatic databases that nobody uses: dropped, with their statistics, after
 * pool_idle_timeout and autodb_idle_timeout.  A database of a login that proved nothing goes
 * sooner, or anybody could fill the memory with names: as soon as nobody remembers any more that a
 * connect to it failed (server_login_retry).
 */

void disuse_init(struct pooler *pooler);
void disuse_done(struct pooler *pooler);

/* Its clients or servers came or went; also notes its database. */
void disuse_note_pool(struct pool *pool);
void disuse_note_database(struct database *database);

/* One more database for a login that proved nothing is to be made: the oldest goes if there are many. */
void disuse_make_room(struct pooler *pooler);

/* The time-outs may have changed: counts from the time when the use ended. */
void disuse_renew(struct pooler *pooler);

#endif
