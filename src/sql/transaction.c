/* SPDX-License-Identifier: ISC */
/* Transaction control and SET: modes of this transaction and of those to come. */

#include "sql/scan.h"

static void expect_end(struct scan *scan)
{
	if (!scan_at_end(scan))
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
	scan_skip(scan);
}

#define MODES_TX (VERDICT_TX_RO | VERDICT_TX_RW | VERDICT_TX_SER)
#define MODES_NOT_SER VERDICT_DEFAULT_NOT_SER

/* One of ISOLATION LEVEL's, as VERDICT_TX_SER or MODES_NOT_SER; 0 if it is none. */
static uint64_t read_isolation(struct scan *scan)
{
	if (!scan_skip_word(scan, WORD_LEVEL))
		return 0;
	if (scan_skip_word(scan, WORD_SERIALIZABLE))
		return VERDICT_TX_SER;
	if (scan_skip_word(scan, WORD_REPEATABLE))
		return scan_skip_word(scan, WORD_READ) ? MODES_NOT_SER : 0;
	if (!scan_skip_word(scan, WORD_READ))
		return 0;
	return scan_skip_word(scan, WORD_COMMITTED) || scan_skip_word(scan, WORD_UNCOMMITTED)
		       ? MODES_NOT_SER
		       : 0;
}

/* What a list of transaction modes says, as MODES_*; false if it has other words. */
static bool read_modes(struct scan *scan, uint64_t *modes)
{
	for (*modes = 0; !scan_at_end(scan);) {
		if (scan_skip_word(scan, WORD_ISOLATION)) {
			uint64_t isolation = read_isolation(scan);

			if (!isolation)
				return false;
			*modes |= isolation;
		} else if (scan_skip_word(scan, WORD_READ)) {
			if (scan_skip_word(scan, WORD_ONLY))
				*modes |= VERDICT_TX_RO;
			else if (scan_skip_word(scan, WORD_WRITE))
				*modes |= VERDICT_TX_RW;
			else
				return false;
		} else {
			scan_skip_word(scan, WORD_NOT);
			if (!scan_skip_word(scan, WORD_DEFERRABLE))
				return false;
		}
		if (scan->token.kind == TOKEN_COMMA) {
			scan_next(scan);
			if (scan_at_end(scan))
				return false;
		}
	}
	return true;
}

void begin_scan(struct scan *scan)
{
	struct token first = scan->token;
	uint64_t modes;

	scan->verdict.flags |= VERDICT_BEGIN;
	scan_next(scan);
	if (first.word == WORD_START) {
		if (!scan_skip_word(scan, WORD_TRANSACTION)) {
			scan_doubt(scan, WHY_DOUBT_SYNTAX);
			scan_skip(scan);
			return;
		}
	} else if (!scan_skip_word(scan, WORD_TRANSACTION)) {
		scan_skip_word(scan, WORD_WORK);
	}
	if (read_modes(scan, &modes))
		scan->verdict.flags |= VERDICT_PLAIN_BEGIN;
	else
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
	scan->verdict.flags |= modes & MODES_TX;
	if (modes & (VERDICT_TX_SER | VERDICT_TX_RW))
		scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, &first);
	else if (modes & VERDICT_TX_RO)
		scan_mark(scan, ROUTE_REPLICA, WHY_READ, &first);
	else
		scan_mark(scan, ROUTE_PRIMARY, WHY_BEGIN, &first);
	scan_skip(scan);
}

/* COMMIT, END, ROLLBACK, ABORT; their PREPARED forms end another transaction. */
void finish_scan(struct scan *scan, uint64_t flags)
{
	struct token first = scan->token;

	scan_next(scan);
	if ((first.word == WORD_COMMIT || first.word == WORD_ROLLBACK) &&
	    scan_at_word(scan, WORD_PREPARED)) {
		scan->verdict.flags |= VERDICT_WRITE;
		scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, &first);
		scan_skip(scan);
		return;
	}
	if (!scan_skip_word(scan, WORD_TRANSACTION))
		scan_skip_word(scan, WORD_WORK);
	if (first.word == WORD_ROLLBACK && scan_at_word(scan, WORD_TO)) {
		scan->verdict.flags |= VERDICT_ROLLBACK_TO;
		scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, &first);
		scan_skip(scan);
		return;
	}
	if (scan_skip_word(scan, WORD_AND)) {
		if (!scan_skip_word(scan, WORD_NO))
			flags |= VERDICT_CHAIN;
		if (!scan_skip_word(scan, WORD_CHAIN))
			scan_doubt(scan, WHY_DOUBT_SYNTAX);
	}
	scan->verdict.flags |= flags;
	scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, &first);
	expect_end(scan);
}

/* SET TRANSACTION modes, or what is the same: follows the transaction if it only restricts. */
static void set_transaction(struct scan *scan, const struct token *first)
{
	uint64_t modes;

	scan->verdict.flags |= VERDICT_SET_TRANSACTION;
	if (scan_at_end(scan) || !read_modes(scan, &modes)) {
		scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, first);
		scan_doubt(scan, WHY_DOUBT_SYNTAX); /* or SNAPSHOT, which may be refused */
		scan_skip(scan);
		return;
	}
	scan->verdict.flags |= modes & MODES_TX;
	if (modes & (VERDICT_TX_RW | VERDICT_TX_SER))
		scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, first);
	else
		scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, first);
}

static void set_session(struct scan *scan, uint64_t flags, const struct token *first)
{
	scan->verdict.flags |= VERDICT_SESSION | VERDICT_SET | flags;
	scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, first);
}

/* SET SESSION CHARACTERISTICS AS TRANSACTION modes; the token is CHARACTERISTICS. */
static void set_characteristics(struct scan *scan, const struct token *first)
{
	uint64_t modes = 0;
	uint64_t flags = 0;

	scan_next(scan);
	if (!scan_skip_word(scan, WORD_AS) || !scan_skip_word(scan, WORD_TRANSACTION) ||
	    !read_modes(scan, &modes))
		flags |= VERDICT_DEFAULT_RESET;
	if (modes & VERDICT_TX_RW)
		flags |= VERDICT_DEFAULT_RW;
	else if (modes & VERDICT_TX_RO)
		flags |= VERDICT_DEFAULT_RO;
	if (modes & VERDICT_TX_SER)
		flags |= VERDICT_DEFAULT_SER;
	else
		flags |= modes & MODES_NOT_SER;
	set_session(scan, flags, first);
	scan_skip(scan);
}

/* A value as PostgreSQL reads booleans: a unique prefix of the word, whatever its quotes. */
static bool is_boolean(const struct lex *lex, const struct token *value, bool *on)
{
	static const struct {
		const char *text;
		bool on;
	} words[] = {
		{ "on", true },	   { "true", true },   { "yes", true }, { "1", true },
		{ "off", false },  { "false", false }, { "no", false }, { "0", false },
		{ "t", true },	   { "tr", true },     { "tru", true }, { "y", true },
		{ "ye", true },	   { "f", false },     { "fa", false }, { "fal", false },
		{ "fals", false }, { "n", false },     { "of", false },
	};
	struct token bare = *value;
	size_t i;

	if (bare.len >= 2 && (bare.kind == TOKEN_QUOTED || lex->start[bare.pos] == '\'')) {
		bare.pos++;
		bare.len -= 2;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (token_is(lex, &bare, words[i].text)) {
			*on = words[i].on;
			return true;
		}
	}
	return false;
}

/* Modes, as VERDICT_TX_*, that this setting gives; false if it is not such a setting. */
static bool read_mode_setting(const struct scan *scan, const struct token *name,
			      const struct token *value, uint64_t *modes, bool *understood)
{
	struct token bare = *name;
	bool on = false;

	if (bare.kind == TOKEN_QUOTED) {
		bare.pos++;
		bare.len -= 2;
	}
	*modes = 0;
	*understood = true;
	if (token_is(&scan->lex, &bare, "default_transaction_read_only") ||
	    token_is(&scan->lex, &bare, "transaction_read_only")) {
		*understood = is_boolean(&scan->lex, value, &on);
		*modes = on ? VERDICT_TX_RO : VERDICT_TX_RW;
		return true;
	}
	if (token_is(&scan->lex, &bare, "default_transaction_isolation") ||
	    token_is(&scan->lex, &bare, "transaction_isolation")) {
		if (token_is(&scan->lex, value, "'serializable'") ||
		    token_is(&scan->lex, value, "serializable"))
			*modes = VERDICT_TX_SER;
		else
			*understood = token_is(&scan->lex, value, "'read committed'") ||
				      token_is(&scan->lex, value, "'read uncommitted'") ||
				      token_is(&scan->lex, value, "'repeatable read'");
		return true;
	}
	return false;
}

/* Session flags of a default_transaction_* that was set to these modes. */
static uint64_t default_flags(uint64_t modes, bool understood)
{
	if (!understood)
		return VERDICT_DEFAULT_RESET;
	if (modes & VERDICT_TX_RO)
		return VERDICT_DEFAULT_RO;
	if (modes & VERDICT_TX_RW)
		return VERDICT_DEFAULT_RW;
	if (modes & VERDICT_TX_SER)
		return VERDICT_DEFAULT_SER;
	return VERDICT_DEFAULT_NOT_SER;
}

/* SET [LOCAL] name = value; the token is the name. */
static void set_variable(struct scan *scan, bool local, const struct token *first)
{
	struct token name = scan->token;
	char start = scan->lex.start[name.pos + (name.kind == TOKEN_QUOTED)];
	uint64_t flags = 0;
	uint64_t modes = 0;
	bool understood = true;
	bool is_mode = false;

	scan_next(scan);
	if (scan->token.kind == TOKEN_OPERATOR || scan_at_word(scan, WORD_TO)) {
		scan_next(scan);
		is_mode = read_mode_setting(scan, &name, &scan->token, &modes, &understood);
		scan_next(scan);
	}
	if (is_mode && (start == 't' || start == 'T')) {
		/* These hold for the transaction only, also without LOCAL. */
		flags = VERDICT_SET_TRANSACTION | modes;
		if (!understood || !scan_at_end(scan)) {
			scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, first);
			scan_doubt(scan, WHY_DOUBT_SYNTAX);
		}
		if (modes & (VERDICT_TX_RW | VERDICT_TX_SER))
			scan_mark(scan, ROUTE_PRIMARY, WHY_TRANSACTION, first);
	} else if (is_mode && !local) {
		flags = default_flags(modes, understood);
	}
	if (local) {
		scan->verdict.flags |= VERDICT_SETLOCAL | flags;
		scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, first);
	} else {
		set_session(scan, flags, first);
	}
	scan_skip(scan);
}

/* Would a name like "local" be a key word here?  Not as the class of a setting. */
static bool is_class_of_setting(const struct scan *scan)
{
	struct lex lex = scan->lex;
	struct token next;

	lex_next(&lex, &next);
	return next.kind == TOKEN_DOT || next.kind == TOKEN_OPERATOR || next.word == WORD_TO ||
	       next.kind == TOKEN_END || next.kind == TOKEN_SEMICOLON;
}

static bool skip_set_word(struct scan *scan, enum word word)
{
	if (!scan_at_word(scan, word) || is_class_of_setting(scan))
		return false;
	scan_next(scan);
	return true;
}

void set_scan(struct scan *scan)
{
	struct token first = scan->token;
	bool session;
	bool local;

	scan_next(scan);
	local = skip_set_word(scan, WORD_LOCAL);
	session = !local && skip_set_word(scan, WORD_SESSION);
	if (!local && !session && skip_set_word(scan, WORD_CONSTRAINTS)) {
		scan->verdict.flags |= VERDICT_SETLOCAL;
		scan_mark(scan, ROUTE_EITHER, WHY_FOLLOW, &first);
		scan_skip(scan);
		return;
	}
	if (skip_set_word(scan, WORD_TRANSACTION)) {
		set_transaction(scan, &first);
		return;
	}
	if ((session || skip_set_word(scan, WORD_SESSION)) &&
	    scan_at_word(scan, WORD_CHARACTERISTICS)) {
		set_characteristics(scan, &first);
		return;
	}
	if (scan_at_end(scan) || scan->token.kind > TOKEN_QUOTED) {
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
		scan_skip(scan);
		return;
	}
	set_variable(scan, local, &first);
}
