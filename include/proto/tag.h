/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_TAG_H
#define PGWEIR_PROTO_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a CommandComplete says was done. */
enum tag {
	TAG_OTHER, /* DDL and whatever is not below */
	TAG_SELECT,
	TAG_INSERT,
	TAG_UPDATE,
	TAG_DELETE,
	TAG_MERGE,
	TAG_FETCH,
	TAG_MOVE,
	TAG_COPY,
	TAG_BEGIN, /* also START TRANSACTION */
	TAG_COMMIT,
	TAG_ROLLBACK, /* also of a failed COMMIT, and to a savepoint */
	TAG_SAVEPOINT,
	TAG_RELEASE,
	TAG_PREPARE_TRANSACTION,
	TAG_COMMIT_PREPARED,
	TAG_ROLLBACK_PREPARED,
	TAG_SET,
	TAG_SET_CONSTRAINTS,
	TAG_RESET,
	TAG_SHOW,
	TAG_DISCARD_ALL,
	TAG_DISCARD, /* PLANS, SEQUENCES, TEMP */
	TAG_PREPARE,
	TAG_DEALLOCATE,
	TAG_DEALLOCATE_ALL,
	TAG_DECLARE_CURSOR,
	TAG_CLOSE_CURSOR, /* also ALL */
	TAG_LISTEN,
	TAG_UNLISTEN,
	TAG_NOTIFY,
	TAG_LOAD,
	TAG_LOCK_TABLE,
	TAG_DO,
	TAG_CALL,
	TAG_CREATE, /* anything */
};

/*
 * Whether a body of CommandComplete may say that a session was changed; false for what
 * is ordinary.
 */
static inline bool tag_may_matter(const uint8_t *body, size_t len)
{
	if (len < 4)
		return len > 1 && body[0] == 'D'; /* DO */
	switch (body[0]) {
	case 'S': /* SET, not SELECT */
		return body[2] == 'T';
	case 'R': /* RESET, not ROLLBACK */
		return body[2] == 'S';
	case 'D': /* DISCARD, DEALLOCATE, DO; not DELETE */
		return body[2] != 'L';
	case 'C': /* CREATE, CALL; not COMMIT, COPY */
		return body[1] != 'O';
	case 'L': /* LISTEN */
		return body[1] == 'I';
	default:
		return false;
	}
}

/*
 * Classifies a body of CommandComplete.  The number of rows at its end goes to *rows (0 if there
 * is none; may be NULL).  A malformed body is TAG_OTHER.
 */
enum tag tag_read(const uint8_t *body, size_t len, uint64_t *rows);

#endif
