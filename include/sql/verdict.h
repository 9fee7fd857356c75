/* SPDX-License-Identifier: ISC */
/* What the text of a request alone says of it: a value, copied and compared. */

#ifndef PGWEIR_SQL_VERDICT_H
#define PGWEIR_SQL_VERDICT_H

#include <stddef.h>
#include <stdint.h>

/* Ordered: the strictest statement of a request decides. */
enum route {
	ROUTE_EITHER,  /* follows the open transaction; without one, any node will do */
	ROUTE_REPLICA, /* certainly a read */
	ROUTE_PRIMARY, /* a write, or not certainly a read */
};

/* clang-format off */
/* X(name, word in logs, SHOW and counters) */
#define VERDICT_WHYS(X)                                                          \
	X(WHY_EMPTY, "empty")                       /* no statement */           \
	X(WHY_FOLLOW, "follow")                     /* COMMIT, SHOW, SET LOCAL */ \
	X(WHY_READ, "read")                                                      \
	X(WHY_BEGIN, "begin")                       /* a block that may write */ \
	X(WHY_TRANSACTION, "transaction")           /* two-phase, READ WRITE, SERIALIZABLE */ \
	X(WHY_WRITE, "write")                                                    \
	X(WHY_DDL, "ddl")                                                        \
	X(WHY_OPAQUE, "opaque")                     /* CALL, DO */               \
	X(WHY_LOCKING, "locking")                   /* FOR UPDATE and kin, LOCK */ \
	X(WHY_INTO, "into")                                                      \
	X(WHY_COPY, "copy")                         /* FROM, or to a file or program */ \
	X(WHY_FUNCTION_UNKNOWN, "function_unknown")                              \
	X(WHY_FUNCTION_UNSAFE, "function_unsafe")                                \
	X(WHY_RELATION, "relation")                 /* system or sequence relation */ \
	X(WHY_NODE, "node")                         /* SHOW of what differs by node */ \
	X(WHY_SESSION, "session")                                                \
	X(WHY_DOUBT_STATEMENT, "doubt_statement")   /* not a statement we know */ \
	X(WHY_DOUBT_SYNTAX, "doubt_syntax")                                      \
	X(WHY_DOUBT_LITERAL, "doubt_literal")       /* unterminated, or U& */    \
	X(WHY_DOUBT_DEPTH, "doubt_depth")                                        \
	X(WHY_DOUBT_SIZE, "doubt_size")                                          \
	X(WHY_DOUBT_ENCODING, "doubt_encoding")
/* clang-format on */

enum verdict_why {
#define X(name, word) name,
	VERDICT_WHYS(X)
#undef X
		WHY_COUNT
};

#define VERDICT_BIT(n) (UINT64_C(1) << (n))

/* clang-format off */
/* State of the session: made, changed or needed. */
#define VERDICT_SESSION             VERDICT_BIT(0)  /* any of it; the next ones say which */
#define VERDICT_SET                 VERDICT_BIT(1)  /* SET, RESET, set_config */
#define VERDICT_PREPARE             VERDICT_BIT(2)  /* SQL PREPARE, EXECUTE */
#define VERDICT_DEALLOCATE          VERDICT_BIT(3)
#define VERDICT_DISCARD             VERDICT_BIT(4)
#define VERDICT_CURSOR              VERDICT_BIT(5)  /* DECLARE, FETCH, MOVE, CLOSE */
#define VERDICT_CURSOR_HOLD         VERDICT_BIT(6)  /* outlives the transaction */
#define VERDICT_LISTEN              VERDICT_BIT(7)
#define VERDICT_TEMP                VERDICT_BIT(8)
#define VERDICT_ADVISORY            VERDICT_BIT(9)
#define VERDICT_SEQSTATE            VERDICT_BIT(10) /* currval, lastval */

/* Transaction control. */
#define VERDICT_BEGIN               VERDICT_BIT(11)
#define VERDICT_COMMIT              VERDICT_BIT(12) /* not COMMIT PREPARED */
#define VERDICT_ROLLBACK            VERDICT_BIT(13) /* whole; not PREPARED, not TO */
#define VERDICT_ROLLBACK_TO         VERDICT_BIT(14)
#define VERDICT_SAVEPOINT           VERDICT_BIT(15) /* SAVEPOINT, RELEASE */
#define VERDICT_PREPARE_TRANSACTION VERDICT_BIT(16)
#define VERDICT_CHAIN               VERDICT_BIT(17)
#define VERDICT_PLAIN_BEGIN         VERDICT_BIT(18) /* the text is one BEGIN, all understood */
#define VERDICT_TX_RO               VERDICT_BIT(19) /* modes of BEGIN and SET TRANSACTION */
#define VERDICT_TX_RW               VERDICT_BIT(20)
#define VERDICT_TX_SER              VERDICT_BIT(21)
#define VERDICT_SET_TRANSACTION     VERDICT_BIT(22)
#define VERDICT_SETLOCAL            VERDICT_BIT(23)

/* What later transactions of the session will be. */
#define VERDICT_DEFAULT_RO          VERDICT_BIT(24)
#define VERDICT_DEFAULT_RW          VERDICT_BIT(25)
#define VERDICT_DEFAULT_SER         VERDICT_BIT(26)
#define VERDICT_DEFAULT_NOT_SER     VERDICT_BIT(27)
#define VERDICT_DEFAULT_RESET       VERDICT_BIT(28) /* back to those of the start, or unsure */

/* What else the request is. */
#define VERDICT_COPY_IN             VERDICT_BIT(29) /* COPY FROM STDIN */
#define VERDICT_COPY_OUT            VERDICT_BIT(30) /* COPY TO STDOUT */
#define VERDICT_DDL                 VERDICT_BIT(31)
#define VERDICT_WRITE               VERDICT_BIT(32) /* holds a statement that may write data */
#define VERDICT_EXPLAIN             VERDICT_BIT(33)
#define VERDICT_MULTI               VERDICT_BIT(34) /* more than one statement */
#define VERDICT_DOUBT               VERDICT_BIT(35) /* some of it was not understood */
#define VERDICT_OPAQUE              VERDICT_BIT(36) /* not read to its end: flags are incomplete */
/* clang-format on */

/* pos and len name the token that decided, within the text; len may be 0. */
struct verdict {
	uint8_t route;
	uint8_t why;
	uint16_t statements; /* stops counting at 65535 */
	uint32_t pos;
	uint32_t len;
	uint64_t flags;
};

/* One word for logs, SHOW and the names of counters; never NULL. */
const char *verdict_why_name(unsigned why);

/* "either", "replica" or "primary". */
const char *route_name(unsigned route);

/* The verdict of both, in this order, sent as one request. */
struct verdict verdict_join(struct verdict first, struct verdict second);

#endif
