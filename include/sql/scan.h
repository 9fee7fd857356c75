/* SPDX-License-Identifier: ISC */
/* The text, the token and the verdict so far: what the parts of the classifier share. */

#ifndef PGWEIR_SQL_SCAN_H
#define PGWEIR_SQL_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "sql/lex.h"
#include "sql/verdict.h"

struct scan {
	struct lex lex;
	struct token token; /* the one to be judged next */
	struct verdict verdict;
	const char *looked; /* how far ahead calls have been read; NULL at first */
	bool capped;	    /* lex.end is not the end of the text */
};

/* Go to the next token; what is no proper token becomes a doubt. */
void scan_next(struct scan *scan);

/* Only the first that asks for a stricter route than all before is remembered. */
void scan_mark(struct scan *scan, enum route route, enum verdict_why why,
	       const struct token *token);

/* The primary, as this is not understood. */
void scan_doubt(struct scan *scan, enum verdict_why why);

/* Is the token the end of a statement, if outside parentheses? */
static inline bool scan_at_end(const struct scan *scan)
{
	return scan->token.kind == TOKEN_SEMICOLON || scan->token.kind == TOKEN_END;
}

static inline bool scan_at_word(const struct scan *scan, enum word word)
{
	return scan->token.kind == TOKEN_WORD && scan->token.word == word;
}

/* If the token is this word, go past it. */
static inline bool scan_skip_word(struct scan *scan, enum word word)
{
	if (!scan_at_word(scan, word))
		return false;
	scan_next(scan);
	return true;
}

/* To the end of the statement. */
void scan_skip(struct scan *scan);

/* Names that no replica may answer for: mark the relation named by the token. */
void scan_relation(struct scan *scan, const struct token *token);

/* Run one statement, from its first token to the semicolon or the end. */
void statement_scan(struct scan *scan);

/* BEGIN and START; COMMIT, END, ROLLBACK and ABORT with the flags they have if whole; SET. */
void begin_scan(struct scan *scan);
void finish_scan(struct scan *scan, uint64_t flags);
void set_scan(struct scan *scan);

enum body_kind {
	BODY_QUERY,    /* to the end of the statement */
	BODY_ENCLOSED, /* from "(" to past the matching ")" */
	BODY_CREATE,   /* a query may follow AS; BEGIN ATOMIC holds semicolons */
	BODY_NO_CALLS, /* names with parentheses are not calls */
};

/*
 * Scan queries and anything made like them, at any depth: calls, locks, INTO,
 * relations, data-modifying WITH.  The first token is looked at already.
 */
void body_scan(struct scan *scan, enum body_kind kind);

#endif
