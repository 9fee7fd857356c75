/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_SECRETS_H
#define PGWEIR_AUTH_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"

struct scram_secret;

/* Limits of PgBouncer's auth_file: bytes without NUL. */
#define SECRET_USER_MAX 127u
#define SECRET_TEXT_MAX 65530u

enum secret_kind {
	SECRET_NONE, /* empty: satisfied by nothing */
	SECRET_PLAIN,
	SECRET_MD5,
	SECRET_SCRAM,
};

/* What a stored secret is, by its form. */
enum secret_kind secret_kind(const char *text);

struct secret {
	char *user;
	char *text;
	enum secret_kind kind;
	struct scram_secret *derived; /* a plain password's SCRAM form, made at its first use */
};

/* The users of an auth_file.  A zeroed struct has none. */
struct secrets {
	struct map by_user;
};

/*
 * Reads PgBouncer's format: `"user" "secret"` a line, quotes within doubled, the rest of the line
 * ignored, `;` starts a comment line.  The last line of a user counts.  On a malformed line the
 * users read so far are forgotten, "file:line: why" goes to `error`, and false is returned.
 */
bool secrets_read(struct secrets *secrets, const char *data, size_t len, const char *file,
		  char *error, size_t size);

/* The same from a file (blocking: at start and reload only). */
bool secrets_load(struct secrets *secrets, const char *file, char *error, size_t size);

/* Adds a user or gives it another secret; both are copied.  False if one is too long. */
bool secrets_set(struct secrets *secrets, const char *user, const char *text);

/* The secret of a user, NULL if there is none; valid until secrets_done. */
struct secret *secrets_find(const struct secrets *secrets, const char *user);

/* Where the SCRAM form of a plain secret is kept, for verify_begin; zeroed until it is made. */
struct scram_secret *secret_derived(struct secret *secret);

/* Walks the users in no order: starts with *at = 0; NULL at the end. */
struct secret *secrets_walk(const struct secrets *secrets, size_t *at);

/* Wipes and frees everything. */
void secrets_done(struct secrets *secrets);

#endif
