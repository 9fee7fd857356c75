/* SPDX-License-Identifier: ISC */
/*
 * Cuts SQL into tokens as PostgreSQL's scan.l does (12 to 18), as far as it
 * matters where a literal, a comment or a name ends.  Looks at [at, end) only,
 * allocates nothing, and every token but TOKEN_END consumes at least a byte.
 */

#ifndef PGWEIR_SQL_LEX_H
#define PGWEIR_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/words.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* name or key word without quotes */
	TOKEN_QUOTED, /* "name", with its quotes */
	TOKEN_STRING, /* '', E'', B'', X'', $$ $$; with its continuations */
	TOKEN_NUMBER,
	TOKEN_PARAM,	/* $1 */
	TOKEN_OPERATOR, /* a run of operator characters */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_BRACKET,
	TOKEN_UNBRACKET,
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_DOT,
	TOKEN_COLON,
	TOKEN_CAST,	    /* :: */
	TOKEN_UNICODE,	    /* U&'' and U&"": their meaning depends on UESCAPE */
	TOKEN_UNTERMINATED, /* a literal, quoted name or comment that does not end */
	TOKEN_BAD,	    /* a byte that starts no token */
};

struct lex {
	const char *start;
	const char *at;
	const char *end;
	bool std_strings; /* standard_conforming_strings */
};

struct token {
	uint8_t kind;
	uint8_t word; /* enum word, of a TOKEN_WORD; else WORD_NONE */
	uint32_t pos; /* from start; text longer than 4 GB is not for us */
	uint32_t len;
};

#define WORD_IS_RESERVED 1 /* never the name of a function, unless quoted or after a dot */
#define WORD_IS_PREFIX 2   /* an expression may follow it */

extern const uint8_t word_flags[WORD_COUNT];

void lex_init(struct lex *lex, const char *sql, size_t len, bool std_strings);

/* Read the next token, past blanks and comments. */
void lex_next(struct lex *lex, struct token *token);

/* Does the token, of any kind, read as this lower-case ASCII text, whatever its case? */
bool token_is(const struct lex *lex, const struct token *token, const char *text);

#endif
