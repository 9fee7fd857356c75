/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_IDENT_H
#define PGWEIR_AUTH_IDENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The maps of auth_ident_file, in the form of pg_ident.conf: `map system-user database-user` a
 * line, where an unquoted `all` is any user of the database.
 */
struct ident_line {
	char *map;
	char *system_user;
	char *user; /* NULL: all */
};

/* A zeroed struct has no maps. */
struct ident {
	struct ident_line *lines;
	size_t count;
};

/* Told of each line that is not taken, or that may not mean what its author thinks. */
typedef void ident_warn(void *arg, const char *file, unsigned line, const char *why);

/* Reads a file's text; lines that are malformed are told of and skipped. */
void ident_read(struct ident *ident, const char *data, size_t len, const char *file,
		ident_warn *warn, void *arg);
void ident_done(struct ident *ident);

bool ident_has_map(const struct ident *ident, const char *map);

/*
 * Whether the user that another system knows by `system_user` may log in as `user`.  Without a map
 * ("") the names must be the same.
 */
bool ident_allows(const struct ident *ident, const char *map, const char *system_user,
		  const char *user);

#endif
