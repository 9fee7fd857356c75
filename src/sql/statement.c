/* SPDX-License-Identifier: ISC */
/*
 * One statement: its first word chooses a row of a table, which says what it is
 * or who reads on.  A statement without a row is a write.
 */

#include "sql/scan.h"

struct statement {
	void (*run)(struct scan *scan, const struct statement *statement);
	uint8_t why;
	bool explained; /* EXPLAIN may stand before it */
	uint64_t flags;
};

static const struct statement statements[WORD_COUNT];

static bool at_name(const struct scan *scan)
{
	return scan->token.kind == TOKEN_WORD || scan->token.kind == TOKEN_QUOTED;
}

/* The token after this one: a look ahead that judges nothing. */
static struct token peek(const struct scan *scan)
{
	struct lex lex = scan->lex;
	struct token token;

	lex_next(&lex, &token);
	return token;
}

static bool starts_query(const struct token *token)
{
	return token->kind == TOKEN_OPEN ||
	       (token->kind == TOKEN_WORD &&
		(token->word == WORD_SELECT || token->word == WORD_WITH ||
		 token->word == WORD_VALUES || token->word == WORD_TABLE));
}

static void run_query(struct scan *scan, const struct statement *statement)
{
	(void)statement;
	scan_mark(scan, ROUTE_REPLICA, WHY_READ, &scan->token);
	body_scan(scan, BODY_QUERY);
}

/* For the primary whatever it says; the body may still tell of session state. */
static void run_write(struct scan *scan, const struct statement *statement)
{
	bool create = scan_at_word(scan, WORD_CREATE);

	scan->verdict.flags |= statement->flags;
	scan_mark(scan, ROUTE_PRIMARY, (enum verdict_why)statement->why, &scan->token);
	if (create)
		body_scan(scan, BODY_CREATE);
	else
		body_scan(scan, statement->flags & VERDICT_DDL ? BODY_NO_CALLS : BODY_QUERY);
}

/* Works wherever the transaction is. */
static void run_follow(struct scan *scan, const struct statement *statement)
{
	scan->verdict.flags |= statement->flags;
	scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, &scan->token);
	scan_skip(scan);
}

/* EXPLAIN [ANALYZE] [VERBOSE] x, EXPLAIN (options) x: as x, also when it only plans. */
static void run_explain(struct scan *scan, const struct statement *statement)
{
	const struct statement *explained;
	struct token next;

	scan->verdict.flags |= statement->flags;
	scan_next(scan);
	next = peek(scan);
	if (scan->token.kind == TOKEN_OPEN && !starts_query(&next)) {
		while (!scan_at_end(scan) && scan->token.kind != TOKEN_CLOSE)
			scan_next(scan);
		if (scan->token.kind == TOKEN_CLOSE)
			scan_next(scan);
	}
	while (scan_skip_word(scan, WORD_ANALYZE) || scan_skip_word(scan, WORD_ANALYSE) ||
	       scan_skip_word(scan, WORD_VERBOSE))
		continue;
	if (scan->token.kind == TOKEN_OPEN) {
		run_query(scan, NULL);
		return;
	}
	explained = &statements[scan->token.word];
	if (explained->explained) {
		explained->run(scan, explained);
	} else {
		scan_doubt(scan, WHY_DOUBT_STATEMENT);
		scan_skip(scan);
	}
}

/* DECLARE name ... CURSOR [WITH HOLD] FOR query: in the transaction, unless held. */
static void run_declare(struct scan *scan, const struct statement *statement)
{
	struct token first = scan->token;

	scan->verdict.flags |= statement->flags;
	scan_next(scan);
	scan_next(scan);
	while (!scan_at_end(scan) && !scan_at_word(scan, WORD_FOR)) {
		if (scan_skip_word(scan, WORD_WITH)) {
			if (scan_at_word(scan, WORD_HOLD)) {
				scan->verdict.flags |= VERDICT_CURSOR_HOLD;
				scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, &first);
			}
		} else {
			scan_next(scan);
		}
	}
	if (scan_skip_word(scan, WORD_FOR) && starts_query(&scan->token)) {
		run_query(scan, NULL);
	} else {
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
		scan_skip(scan);
	}
}

/* A table with columns or a query in parentheses; false if it is neither. */
static bool read_copy_source(struct scan *scan)
{
	struct token next = peek(scan);

	if (scan->token.kind == TOKEN_OPEN) {
		body_scan(scan, BODY_ENCLOSED);
		return true;
	}
	if (scan_at_word(scan, WORD_BINARY) &&
	    (next.kind == TOKEN_QUOTED ||
	     (next.kind == TOKEN_WORD && next.word != WORD_TO && next.word != WORD_FROM)))
		scan_next(scan);
	if (!at_name(scan))
		return false;
	for (;;) {
		next = scan->token;
		scan_next(scan);
		scan_relation(scan, &next);
		if (scan->token.kind != TOKEN_DOT)
			break;
		scan_next(scan);
		if (!at_name(scan))
			return false;
	}
	if (scan->token.kind == TOKEN_OPEN)
		body_scan(scan, BODY_ENCLOSED);
	return true;
}

/* To the client it is a read; to or from a file or a program, the primary's. */
static void run_copy(struct scan *scan, const struct statement *statement)
{
	struct token first = scan->token;
	bool from;

	(void)statement;
	scan_next(scan);
	if (!read_copy_source(scan) ||
	    !(scan_at_word(scan, WORD_TO) || scan_at_word(scan, WORD_FROM))) {
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
		scan_skip(scan);
		return;
	}
	from = scan_at_word(scan, WORD_FROM);
	scan_next(scan);
	if (scan_at_word(scan, WORD_STDIN) || scan_at_word(scan, WORD_STDOUT))
		scan->verdict.flags |= from ? VERDICT_COPY_IN : VERDICT_COPY_OUT;
	else
		from = true;
	if (from) {
		scan->verdict.flags |= VERDICT_WRITE;
		scan_mark(scan, ROUTE_PRIMARY, WHY_COPY, &first);
	} else {
		scan_mark(scan, ROUTE_REPLICA, WHY_READ, &first);
	}
	scan_skip(scan);
}

/* PREPARE TRANSACTION 'id', or a prepared statement of SQL. */
static void run_prepare(struct scan *scan, const struct statement *statement)
{
	struct token first = scan->token;

	scan_next(scan);
	if (scan_at_word(scan, WORD_TRANSACTION) && peek(scan).kind == TOKEN_STRING) {
		scan->verdict.flags |= VERDICT_PREPARE_TRANSACTION | VERDICT_WRITE;
		scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, &first);
		scan_skip(scan);
		return;
	}
	scan->verdict.flags |= statement->flags;
	scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, &first);
	body_scan(scan, BODY_QUERY);
}

static void run_session(struct scan *scan, const struct statement *statement)
{
	scan->verdict.flags |= statement->flags;
	scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, &scan->token);
	scan_next(scan);
	if (statement->flags & (VERDICT_DISCARD | VERDICT_SET) &&
	    (scan_at_word(scan, WORD_ALL) ||
	     token_is(&scan->lex, &scan->token, "default_transaction_read_only") ||
	     token_is(&scan->lex, &scan->token, "default_transaction_isolation") ||
	     scan->token.kind == TOKEN_QUOTED))
		scan->verdict.flags |= VERDICT_DEFAULT_RESET;
	body_scan(scan, BODY_QUERY);
}

/* Clients find the primary by asking; the answer must be the primary's. */
static void run_show(struct scan *scan, const struct statement *statement)
{
	struct token first = scan->token;

	scan_next(scan);
	if (scan_at_word(scan, WORD_ALL) || scan->token.kind == TOKEN_QUOTED ||
	    token_is(&scan->lex, &scan->token, "transaction_read_only") ||
	    token_is(&scan->lex, &scan->token, "in_hot_standby")) {
		scan_mark(scan, ROUTE_PRIMARY, WHY_NODE, &scan->token);
		scan_skip(scan);
		return;
	}
	(void)statement;
	scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, &first);
	scan_skip(scan);
}

static void run_begin(struct scan *scan, const struct statement *statement)
{
	(void)statement;
	begin_scan(scan);
}

static void run_finish(struct scan *scan, const struct statement *statement)
{
	finish_scan(scan, statement->flags);
}

static void run_set(struct scan *scan, const struct statement *statement)
{
	(void)statement;
	set_scan(scan);
}

/* clang-format off */
#define DDL    { run_write, WHY_DDL, false, VERDICT_DDL | VERDICT_WRITE }
#define WRITE  { run_write, WHY_WRITE, false, VERDICT_WRITE }
#define CHANGE { run_write, WHY_WRITE, true, VERDICT_WRITE }
#define QUERY  { run_query, WHY_READ, true, 0 }
#define SESSION(flags) { run_session, WHY_SESSION, false, VERDICT_SESSION | (flags) }
#define FOLLOW(flags)  { run_follow, WHY_FOLLOW, false, flags }
#define FINISH(flags)  { run_finish, WHY_FOLLOW, false, flags }
/* clang-format on */

static const struct statement statements[WORD_COUNT] = {
	[WORD_SELECT] = QUERY,
	[WORD_VALUES] = QUERY,
	[WORD_TABLE] = QUERY,
	[WORD_WITH] = QUERY,
	[WORD_EXPLAIN] = { run_explain, WHY_READ, false, VERDICT_EXPLAIN },
	[WORD_COPY] = { run_copy, WHY_COPY, false, 0 },

	[WORD_INSERT] = CHANGE,
	[WORD_UPDATE] = CHANGE,
	[WORD_DELETE] = CHANGE,
	[WORD_MERGE] = CHANGE,
	[WORD_TRUNCATE] = WRITE,
	[WORD_VACUUM] = WRITE,
	[WORD_ANALYZE] = WRITE,
	[WORD_ANALYSE] = WRITE,
	[WORD_CLUSTER] = WRITE,
	[WORD_REINDEX] = WRITE,
	[WORD_REFRESH] = CHANGE,
	[WORD_NOTIFY] = WRITE,
	[WORD_LOCK] = { run_write, WHY_LOCKING, false, VERDICT_WRITE },
	[WORD_CALL] = { run_write, WHY_OPAQUE, false, VERDICT_WRITE },
	[WORD_DO] = { run_write, WHY_OPAQUE, false, VERDICT_WRITE },

	[WORD_CREATE] = { run_write, WHY_DDL, true, VERDICT_DDL | VERDICT_WRITE },
	[WORD_ALTER] = DDL,
	[WORD_DROP] = DDL,
	[WORD_GRANT] = DDL,
	[WORD_REVOKE] = DDL,
	[WORD_COMMENT] = DDL,
	[WORD_SECURITY] = DDL,
	[WORD_IMPORT] = DDL,
	[WORD_REASSIGN] = DDL,

	[WORD_BEGIN] = { run_begin, WHY_BEGIN, false, 0 },
	[WORD_START] = { run_begin, WHY_BEGIN, false, 0 },
	[WORD_COMMIT] = FINISH(VERDICT_COMMIT),
	[WORD_END] = FINISH(VERDICT_COMMIT),
	[WORD_ROLLBACK] = FINISH(VERDICT_ROLLBACK),
	[WORD_ABORT] = FINISH(VERDICT_ROLLBACK),
	[WORD_SAVEPOINT] = FOLLOW(VERDICT_SAVEPOINT),
	[WORD_RELEASE] = FOLLOW(VERDICT_SAVEPOINT),
	[WORD_SET] = { run_set, WHY_SESSION, false, 0 },

	[WORD_SHOW] = { run_show, WHY_FOLLOW, false, 0 },
	[WORD_CHECKPOINT] = FOLLOW(0),
	[WORD_FETCH] = FOLLOW(VERDICT_SESSION | VERDICT_CURSOR),
	[WORD_MOVE] = FOLLOW(VERDICT_SESSION | VERDICT_CURSOR),
	[WORD_CLOSE] = FOLLOW(VERDICT_SESSION | VERDICT_CURSOR),
	[WORD_DECLARE] = { run_declare, WHY_READ, true, VERDICT_SESSION | VERDICT_CURSOR },

	[WORD_RESET] = SESSION(VERDICT_SET),
	[WORD_DISCARD] = SESSION(VERDICT_DISCARD),
	[WORD_PREPARE] = { run_prepare, WHY_SESSION, false, VERDICT_SESSION | VERDICT_PREPARE },
	[WORD_EXECUTE] = { run_session, WHY_SESSION, true, VERDICT_SESSION | VERDICT_PREPARE },
	[WORD_DEALLOCATE] = SESSION(VERDICT_DEALLOCATE),
	[WORD_LISTEN] = SESSION(VERDICT_LISTEN),
	[WORD_UNLISTEN] = SESSION(VERDICT_LISTEN),
	[WORD_LOAD] = SESSION(0),
};

void statement_scan(struct scan *scan)
{
	const struct statement *statement = &statements[scan->token.word];

	if (scan->token.kind == TOKEN_OPEN) {
		run_query(scan, NULL);
	} else if (statement->run) {
		statement->run(scan, statement);
	} else {
		scan_doubt(scan, WHY_DOUBT_STATEMENT);
		scan_skip(scan);
	}
}
