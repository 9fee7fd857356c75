/* SPDX-License-Identifier: ISC */
/* The words of a file in the form of pg_hba.conf. */
#include "auth/tokens.h"

#include <string.h>

void tokens_init(struct tokens *tokens, const char *data, size_t len)
{
	memset(tokens, 0, sizeof(*tokens));
	tokens->p = data;
	tokens->end = data + len;
	tokens->next = 1;
}

void tokens_done(struct tokens *tokens)
{
	text_done(&tokens->text);
}

/* A backslash before the end of a line, with or without a carriage return; its length, or 0. */
static size_t joint(const char *p, const char *end)
{
	if (end - p >= 2 && p[0] == '\\' && p[1] == '\n')
		return 2;
	if (end - p >= 3 && p[0] == '\\' && p[1] == '\r' && p[2] == '\n')
		return 3;
	return 0;
}

/* Lines that are joined are one. */
static void skip_joints(struct tokens *tokens)
{
	size_t len;

	while ((len = joint(tokens->p, tokens->end)) != 0) {
		tokens->p += len;
		tokens->next++;
	}
}

static bool is_at_end(const struct tokens *tokens)
{
	return tokens->p >= tokens->end || *tokens->p == '\n';
}

static void skip_comment(struct tokens *tokens)
{
	while (!is_at_end(tokens)) {
		if (joint(tokens->p, tokens->end) != 0)
			tokens->swallows = true;
		tokens->p++;
	}
}

bool tokens_line(struct tokens *tokens)
{
	if (tokens->line != 0) {
		while (!is_at_end(tokens)) {
			skip_joints(tokens);
			tokens->p += !is_at_end(tokens);
		}
		if (tokens->p < tokens->end) {
			tokens->p++;
			tokens->next++;
		}
	}
	tokens->line = tokens->next;
	tokens->swallows = false;
	return tokens->p < tokens->end;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

static enum token fail(struct tokens *tokens, const char *why)
{
	tokens->why = why;
	return TOKEN_BAD;
}

/* What is in quotes may stand next to what is not: they are one word. */
static enum token read_word(struct tokens *tokens)
{
	enum token token = *tokens->p == '"' ? TOKEN_QUOTED : TOKEN_WORD;
	bool in_quotes = false;
	bool closed = false; /* the character before ended a quotation */

	text_clear(&tokens->text);
	for (;; tokens->p++) {
		skip_joints(tokens);
		if (is_at_end(tokens))
			break;
		if (*tokens->p == '\0')
			return fail(tokens, "a NUL byte");
		if (*tokens->p == '"') {
			if (closed) /* doubled: one is meant */
				text_add_char(&tokens->text, '"');
			closed = in_quotes;
			in_quotes = !in_quotes;
			continue;
		}
		closed = false;
		if (!in_quotes && (is_blank(*tokens->p) || *tokens->p == ',' || *tokens->p == '#'))
			break;
		text_add_char(&tokens->text, *tokens->p);
	}
	return in_quotes ? fail(tokens, "a quote is missing") : token;
}

enum token tokens_next(struct tokens *tokens)
{
	for (;;) {
		skip_joints(tokens);
		if (is_at_end(tokens))
			return TOKEN_END;
		if (!is_blank(*tokens->p))
			break;
		tokens->p++;
	}
	if (*tokens->p == '#') {
		skip_comment(tokens);
		return TOKEN_END;
	}
	if (*tokens->p == ',') {
		tokens->p++;
		return TOKEN_COMMA;
	}
	return read_word(tokens);
}
