/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_MAIN_DAEMON_H
#define PGWEIR_MAIN_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;

/* Who the process is to be. */
struct identity {
	uid_t uid;
	gid_t gid;
	char name[128];
	bool change; /* it is another one than now */
};

/*
 * Finds the user to become; "" is staying who we are.  False, with an explanation, if there is no
 * such user, we may not become it, or it would be root.
 */
bool identity_find(struct identity *identity, const char *user, char *error, size_t size);

/* Becomes it, for ever.  False, with an explanation. */
bool identity_become(const struct identity *identity, char *error, size_t size);

/* Leaves terminal, session and working process behind; false with errno if a fork failed. */
bool daemon_detach(void);

/*
 * Whether the process of a pidfile is alive: then false, with an explanation.  A stale one goes.
 * That of `old` (0: nobody) may be there; we take over from it.
 */
bool pidfile_check(const char *path, pid_t old, char *error, size_t size);

/* Writes our number, in place of that of a process that we take over from. */
bool pidfile_write(const char *path, pid_t old, char *error, size_t size);

/* Removes the file if our number stands in it. */
void pidfile_remove(const char *path);

/* Raises the limit of open files as far as allowed, and warns if it may not suffice. */
void limits_raise(const struct config *config); /* at start: says what there is, too */
void limits_check(const struct config *config); /* after a change */

#endif
