/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_TAG_H
#define PGWEIR_PROTO_TAG_H

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
};

/*
 * Classifies a body of CommandComplete.  The number of rows at its end goes to *rows (0 if there
 * is none; may be NULL).  A malformed body is TAG_OTHER.
 */
enum tag tag_read(const uint8_t *body, size_t len, uint64_t *rows);

#endif
