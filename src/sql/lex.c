/* SPDX-License-Identifier: ISC */
/* Cuts SQL into tokens, one pass, without recursion or allocation. */

#include "sql/lex.h"

#include <endian.h>
#include <string.h>

enum byte_class {
	BYTE_BAD,
	BYTE_BLANK,
	BYTE_NAME, /* starts a name */
	BYTE_DIGIT,
	BYTE_OPERATOR,
	BYTE_QUOTE,
	BYTE_DOUBLE, /* double quote */
	BYTE_DOLLAR,
	BYTE_DOT,
	BYTE_COLON,
	BYTE_SINGLE, /* a token by itself */

	BYTE_CLASS = 15,
	BYTE_NAMED = 16, /* goes on with a name: letters, digits, _ and $ */

	LETTER = BYTE_NAME | BYTE_NAMED,
	DIGIT = BYTE_DIGIT | BYTE_NAMED,
	DOLLAR = BYTE_DOLLAR | BYTE_NAMED,
};

#define B4(x) x, x, x, x
#define B16(x) B4(x), B4(x), B4(x), B4(x)
#define B64(x) B16(x), B16(x), B16(x), B16(x)

/* clang-format off */
static const uint8_t classes[256] = {
	/* 0x00 */ B4(0), B4(0), 0, BYTE_BLANK, BYTE_BLANK, BYTE_BLANK, BYTE_BLANK, BYTE_BLANK, 0, 0,
	/* 0x10 */ B16(0),
	/*  !"# */ BYTE_BLANK, BYTE_OPERATOR, BYTE_DOUBLE, BYTE_OPERATOR,
	/* $%&' */ DOLLAR, BYTE_OPERATOR, BYTE_OPERATOR, BYTE_QUOTE,
	/* ()*+ */ BYTE_SINGLE, BYTE_SINGLE, BYTE_OPERATOR, BYTE_OPERATOR,
	/* ,-./ */ BYTE_SINGLE, BYTE_OPERATOR, BYTE_DOT, BYTE_OPERATOR,
	/* 0-9  */ B4(DIGIT), B4(DIGIT), DIGIT, DIGIT,
	/* :;   */ BYTE_COLON, BYTE_SINGLE,
	/* <=>? */ B4(BYTE_OPERATOR),
	/* @    */ BYTE_OPERATOR,
	/* A-Z  */ B16(LETTER), B4(LETTER), B4(LETTER), LETTER, LETTER,
	/* [\]^ */ BYTE_SINGLE, BYTE_BAD, BYTE_SINGLE, BYTE_OPERATOR,
	/* _`   */ LETTER, BYTE_OPERATOR,
	/* a-z  */ B16(LETTER), B4(LETTER), B4(LETTER), LETTER, LETTER,
	/* {|}~ */ BYTE_BAD, BYTE_OPERATOR, BYTE_BAD, BYTE_OPERATOR, BYTE_BAD,
	/* 0x80 */ B64(LETTER), B64(LETTER),
};
/* clang-format on */

static unsigned byte_class(char c)
{
	return classes[(unsigned char)c] & BYTE_CLASS;
}

static bool is_name_byte(char c)
{
	return classes[(unsigned char)c] & BYTE_NAMED;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct word_row {
	uint64_t low;
	uint64_t high;
};

#include "words_table.h"

#define WORD_LONGEST 15

/* Up to eight bytes from p, the first lowest; nothing outside [start, end) is read. */
static uint64_t load_bytes(const char *p, size_t len, const char *start, const char *end)
{
	size_t room = (size_t)(end - p);
	uint64_t bytes = 0;

	if (room >= 8) {
		memcpy(&bytes, p, 8);
		bytes = le64toh(bytes);
	} else if (end - start >= 8) {
		memcpy(&bytes, end - 8, 8);
		bytes = le64toh(bytes) >> (64 - 8 * room);
	} else {
		while (room-- > 0)
			bytes = bytes << 8 | (unsigned char)p[room];
	}
	return (bytes | UINT64_C(0x2020202020202020)) & (UINT64_MAX >> (64 - 8 * len));
}

/*
 * The word as two halves of eight bytes with bit 5 set, which folds case; no two
 * names become the same by it that differ otherwise (names hold no controls).
 */
static unsigned find_word(const struct lex *lex, const char *name, size_t len)
{
	uint64_t low;
	uint64_t high = 0;
	unsigned row;

	if (len > WORD_LONGEST || !(word_lengths[*name & 31] >> len & 1))
		return WORD_NONE;
	low = load_bytes(name, len < 8 ? len : 8, lex->start, lex->end);
	if (len > 8)
		high = load_bytes(name + 8, len - 8, lex->start, lex->end);
	row = word_slots[((low ^ high * 31) * WORD_FACTOR) >> 53];
	if (word_rows[row].low == low && word_rows[row].high == high)
		return row;
	return WORD_NONE;
}

/* Past a comment that starts here; NULL if it does not end. */
static const char *skip_block_comment(const char *p, const char *end)
{
	size_t depth = 1;

	for (p += 2; end - p >= 2; p++) {
		if (p[0] == '*' && p[1] == '/') {
			p++;
			if (--depth == 0)
				return p + 1;
		} else if (p[0] == '/' && p[1] == '*') {
			p++;
			depth++;
		}
	}
	return NULL;
}

static const char *skip_line(const char *p, const char *end)
{
	while (p < end && *p != '\n' && *p != '\r')
		p++;
	return p;
}

static bool starts(const char *p, const char *end, char first, char second)
{
	return end - p >= 2 && p[0] == first && p[1] == second;
}

/* Past a quoted body; p is after the opening quote.  NULL if it does not end. */
static const char *skip_quoted(const char *p, const char *end, char quote, bool escapes)
{
	while (p < end) {
		if (*p == quote) {
			p++;
			if (p == end || *p != quote)
				return p;
		} else if (*p == '\\' && escapes) {
			p++;
			if (p == end)
				return NULL;
		}
		p++;
	}
	return NULL;
}

/*
 * A literal goes on, in the same mode, when only blanks and line comments with
 * at least one newline stand before the next quote.  Returns that quote or NULL.
 */
static const char *find_continuation(const char *p, const char *end)
{
	bool newline = false;

	for (; p < end; p++) {
		if (*p == '\n' || *p == '\r') {
			newline = true;
		} else if (starts(p, end, '-', '-')) {
			p = skip_line(p, end);
			if (p == end)
				return NULL;
			newline = true;
		} else if (byte_class(*p) != BYTE_BLANK) {
			return newline && *p == '\'' ? p : NULL;
		}
	}
	return NULL;
}

static const char *skip_string(const char *p, const char *end, bool escapes)
{
	const char *next = p;

	do {
		p = skip_quoted(next + 1, end, '\'', escapes);
		next = p ? find_continuation(p, end) : NULL;
	} while (next);
	return p;
}

/* $tag$ ... $tag$: past it; NULL if it does not end; p if it is none. */
static const char *skip_dollar_quoted(const char *p, const char *end)
{
	const char *tag = p++;
	size_t len;

	while (p < end && *p != '$' && is_name_byte(*p))
		p++;
	if (p == end || *p != '$')
		return tag;
	len = (size_t)(++p - tag);
	for (;;) {
		p = memchr(p, '$', (size_t)(end - p));
		if (!p || (size_t)(end - p) < len)
			return NULL;
		if (memcmp(p, tag, len) == 0)
			return p + len;
		p++;
	}
}

/* Digits, fraction, exponent; "1..2" is 1 and two dots. */
static const char *skip_number(const char *p, const char *end)
{
	const char *exponent;

	while (p < end && is_digit(*p))
		p++;
	if (p < end && *p == '.' && !starts(p, end, '.', '.'))
		for (p++; p < end && is_digit(*p);)
			p++;
	if (p < end && (*p == 'e' || *p == 'E')) {
		exponent = p + 1;
		if (exponent < end && (*exponent == '+' || *exponent == '-'))
			exponent++;
		if (exponent < end && is_digit(*exponent))
			for (p = exponent; p < end && is_digit(*p);)
				p++;
	}
	return p;
}

/* A run of operator characters, which ends where a comment starts. */
static const char *skip_operator(const char *p, const char *end)
{
	do
		p++;
	while (p < end && byte_class(*p) == BYTE_OPERATOR && !starts(p, end, '-', '-') &&
	       !starts(p, end, '/', '*'));
	return p;
}

static const char *lex_literal(struct token *token, enum token_kind kind, const char *end,
			       const char *limit)
{
	token->kind = (uint8_t)(end ? kind : TOKEN_UNTERMINATED);
	return end ? end : limit;
}

static const char *lex_word(struct lex *lex, struct token *token)
{
	const char *p = lex->at + 1;

	while (p < lex->end && is_name_byte(*p))
		p++;
	token->kind = TOKEN_WORD;
	token->word = (uint8_t)find_word(lex, lex->at, (size_t)(p - lex->at));
	return p;
}

/* May the letter at lex->at begin a literal: E'', B'', X'', U&''? */
static bool is_literal_letter(const struct lex *lex)
{
	return lex->end - lex->at >= 2 && (lex->at[1] == '\'' || lex->at[1] == '&');
}

static const char *lex_name(struct lex *lex, struct token *token)
{
	char letter = (char)(*lex->at | 0x20);
	const char *p = lex->at + 1;
	const char *end = lex->end;

	if (!is_literal_letter(lex))
		return lex_word(lex, token);
	if (*p == '\'' && (letter == 'e' || letter == 'b' || letter == 'x'))
		return lex_literal(token, TOKEN_STRING, skip_string(p, end, letter == 'e'), end);
	if (letter == 'u' && starts(p, end, '&', '\''))
		return lex_literal(token, TOKEN_UNICODE, skip_string(p + 1, end, false), end);
	if (letter == 'u' && starts(p, end, '&', '"'))
		return lex_literal(token, TOKEN_UNICODE, skip_quoted(p + 2, end, '"', false), end);
	return lex_word(lex, token);
}

static const char *lex_dollar(struct lex *lex, struct token *token)
{
	const char *p = lex->at + 1;

	if (p < lex->end && is_digit(*p)) {
		token->kind = TOKEN_PARAM;
		while (p < lex->end && is_digit(*p))
			p++;
		return p;
	}
	p = skip_dollar_quoted(lex->at, lex->end);
	if (p == lex->at) {
		token->kind = TOKEN_BAD;
		return p + 1;
	}
	return lex_literal(token, TOKEN_STRING, p, lex->end);
}

/* clang-format off */
static const uint8_t single_kinds[256] = {
	['('] = TOKEN_OPEN,    [')'] = TOKEN_CLOSE, ['['] = TOKEN_BRACKET, [']'] = TOKEN_UNBRACKET,
	[','] = TOKEN_COMMA,   [';'] = TOKEN_SEMICOLON,
};
/* clang-format on */

/* The token at lex->at, which is no blank and no comment; returns its end. */
static const char *lex_token(struct lex *lex, struct token *token)
{
	const char *p = lex->at;
	const char *end = lex->end;

	switch (byte_class(*p)) {
	case BYTE_NAME:
		return lex_name(lex, token);
	case BYTE_DIGIT:
		token->kind = TOKEN_NUMBER;
		return skip_number(p, end);
	case BYTE_OPERATOR:
		token->kind = TOKEN_OPERATOR;
		return skip_operator(p, end);
	case BYTE_QUOTE:
		return lex_literal(token, TOKEN_STRING, skip_string(p, end, !lex->std_strings),
				   end);
	case BYTE_DOUBLE:
		return lex_literal(token, TOKEN_QUOTED, skip_quoted(p + 1, end, '"', false), end);
	case BYTE_DOLLAR:
		return lex_dollar(lex, token);
	case BYTE_DOT:
		token->kind = TOKEN_DOT;
		if (end - p >= 2 && is_digit(p[1])) {
			token->kind = TOKEN_NUMBER;
			return skip_number(p, end);
		}
		return p + 1;
	case BYTE_COLON:
		token->kind = (uint8_t)(starts(p, end, ':', ':') ? TOKEN_CAST : TOKEN_COLON);
		return p + (token->kind == TOKEN_CAST ? 2 : 1);
	case BYTE_SINGLE:
		token->kind = single_kinds[(unsigned char)*p];
		return p + 1;
	default:
		token->kind = TOKEN_BAD;
		return p + 1;
	}
}

void lex_init(struct lex *lex, const char *sql, size_t len, bool std_strings)
{
	lex->start = sql;
	lex->at = sql;
	lex->end = sql + len;
	lex->std_strings = std_strings;
}

/* Past a comment that starts at p; p if none does, NULL if it does not end. */
static const char *skip_comment(const char *p, const char *end)
{
	if (starts(p, end, '-', '-'))
		return skip_line(p, end);
	if (starts(p, end, '/', '*'))
		return skip_block_comment(p, end);
	return p;
}

/* Past blanks and comments; NULL if a comment does not end, which then starts at *start. */
static const char *skip_space(const char *p, const char *end, const char **start)
{
	while (p < end) {
		if (byte_class(*p) == BYTE_BLANK) {
			p++;
		} else {
			*start = p;
			p = skip_comment(p, end);
			if (!p || p == *start)
				return p;
		}
	}
	return p;
}

/* Any token, wherever it starts; not inlined, so that words stay cheap. */
static void __attribute__((noinline)) lex_any(struct lex *lex, struct token *token)
{
	const char *end = lex->end;
	const char *start = lex->at;
	const char *p = skip_space(start, end, &start);

	token->kind = (uint8_t)(p ? TOKEN_END : TOKEN_UNTERMINATED);
	if (!p || p == end) {
		p = p ? end : start;
		lex->at = end;
	} else {
		lex->at = p;
		lex->at = lex_token(lex, token);
	}
	token->pos = (uint32_t)(p - lex->start);
	token->len = (uint32_t)(lex->at - p);
}

void lex_next(struct lex *lex, struct token *token)
{
	const char *end = lex->end;
	const char *p = lex->at;

	unsigned class;

	token->word = WORD_NONE;
	while (p < end && *p == ' ')
		p++;
	lex->at = p;
	class = p < end ? classes[(unsigned char)*p] : BYTE_BLANK;
	if (class == LETTER && !is_literal_letter(lex)) {
		lex->at = lex_word(lex, token);
	} else if (class == BYTE_SINGLE) {
		token->kind = single_kinds[(unsigned char)*p];
		lex->at = p + 1;
	} else if (class == DIGIT) {
		token->kind = TOKEN_NUMBER;
		lex->at = skip_number(p, end);
	} else {
		lex_any(lex, token);
		return;
	}
	token->pos = (uint32_t)(p - lex->start);
	token->len = (uint32_t)(lex->at - p);
}

bool token_is(const struct lex *lex, const struct token *token, const char *text)
{
	const char *p = lex->start + token->pos;
	size_t i;

	for (i = 0; i < token->len && text[i]; i++) {
		char c = p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != text[i])
			return false;
	}
	return i == token->len && !text[i];
}
