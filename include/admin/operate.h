/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_OPERATE_H
#define PGWEIR_ADMIN_OPERATE_H

#include <stdbool.h>

struct client;
struct database;
struct pooler;

/* What an operator does to databases and clients, by command or by signal. */

/* PAUSE of all databases: idle servers close, those in use when they are given back. */
void operate_pause(struct pooler *pooler);

/*
 * RESUME of all databases, from a suspension too; those that were paused by name stay so, unless
 * all were killed.
 */
void operate_resume(struct pooler *pooler);

/* Whether anything is paused: all, or a database. */
bool operate_is_paused(const struct pooler *pooler);

/* Whether a pause is complete: no server is in use.  `database` NULL: all of them. */
bool operate_is_quiet(struct pooler *pooler, struct database *database);

/*
 * KILL: clients and servers are closed at once, the database stays paused.  `database` NULL: all
 * databases.
 */
void operate_kill(struct pooler *pooler, struct database *database);

/* RECONNECT: every server is replaced once it is free.  `database` NULL: of all. */
void operate_reconnect(struct pooler *pooler, struct database *database);

/* Whether no server is left that must be replaced. */
bool operate_is_reconnected(const struct pooler *pooler, const struct database *database);

/* Closes one client with an error; a cancel request under way is given up. */
void operate_close_client(struct client *client, const char *sqlstate, const char *why);

/* The same for those who wait for a server; for all, sessions of the console too. */
void operate_close_waiting(const char *sqlstate, const char *why);
void operate_close_clients(const char *sqlstate, const char *why);

#endif
