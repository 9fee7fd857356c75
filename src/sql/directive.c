/* SPDX-License-Identifier: ISC */
/* Reads SET pgweir.<name> and its kin, and the routing hint in a leading comment. */

#include "sql/directive.h"

#include <string.h>

#include "sql/lex.h"

static const struct {
	const char *text;
	enum route_choice choice;
} route_choices[] = {
	{ "split", ROUTE_CHOICE_SPLIT },     { "primary", ROUTE_CHOICE_PRIMARY },
	{ "replica", ROUTE_CHOICE_REPLICA }, { "prefer-replica", ROUTE_CHOICE_PREFER_REPLICA },
	{ "any", ROUTE_CHOICE_ANY },
};

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool text_is(const char *text, size_t len, const char *word)
{
	size_t i;

	for (i = 0; i < len && word[i]; i++)
		if (fold(text[i]) != word[i])
			return false;
	return i == len && !word[i];
}

enum route_choice route_choice_find(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(route_choices) / sizeof(route_choices[0]); i++)
		if (text_is(text, len, route_choices[i].text))
			return route_choices[i].choice;
	return ROUTE_CHOICE_NONE;
}

/* Copy a word or a literal in quotes, without them; false if it is neither or too long. */
static bool copy_value(const struct lex *lex, const struct token *token, char *out, size_t room)
{
	const char *p = lex->start + token->pos;
	size_t len = token->len;
	size_t used = 0;
	bool word = token->kind == TOKEN_WORD || token->kind == TOKEN_NUMBER;
	char quote = *p;
	size_t i;

	if (!word && (quote != '\'' && quote != '"'))
		return false;
	if (!word) {
		p++;
		len -= 2;
	}
	for (i = 0; i < len; i++) {
		if (used + 1 >= room)
			return false;
		if (!word && p[i] == quote) {
			/* A lone quote would end the literal: it goes on after a newline. */
			if (i + 1 == len || p[i + 1] != quote)
				return false;
			i++;
		}
		if (p[i] == '\\' && !lex->std_strings)
			return false;
		out[used++] = word ? fold(p[i]) : p[i];
	}
	out[used] = '\0';
	return true;
}

/* pgweir.<name> from this token on; leaves the token after it. */
static bool read_name(struct lex *lex, struct token *token, struct directive *directive)
{
	if (token->kind != TOKEN_WORD || !token_is(lex, token, "pgweir"))
		return false;
	lex_next(lex, token);
	if (token->kind != TOKEN_DOT)
		return false;
	lex_next(lex, token);
	if (token->kind != TOKEN_WORD ||
	    !copy_value(lex, token, directive->name, sizeof(directive->name)))
		return false;
	lex_next(lex, token);
	return true;
}

static bool read_value(struct lex *lex, struct token *token, struct directive *directive)
{
	if (!token_is(lex, token, "=") && token->word != WORD_TO)
		return false;
	lex_next(lex, token);
	if (token->word == WORD_DEFAULT) {
		directive->kind = DIRECTIVE_RESET;
	} else if (token->kind != TOKEN_WORD && token->kind != TOKEN_NUMBER &&
		   token->kind != TOKEN_STRING && token->kind != TOKEN_QUOTED) {
		return false;
	} else if (!copy_value(lex, token, directive->value, sizeof(directive->value))) {
		return false;
	}
	lex_next(lex, token);
	return true;
}

static bool read_statement(struct lex *lex, struct directive *directive)
{
	struct token token;

	lex_next(lex, &token);
	if (token.word == WORD_SET)
		directive->kind = DIRECTIVE_SET;
	else if (token.word == WORD_RESET)
		directive->kind = DIRECTIVE_RESET;
	else if (token.word == WORD_SHOW)
		directive->kind = DIRECTIVE_SHOW;
	else
		return false;
	lex_next(lex, &token);
	if (directive->kind == DIRECTIVE_SET && token.word == WORD_SESSION)
		lex_next(lex, &token);
	if (!read_name(lex, &token, directive))
		return false;
	if (directive->kind == DIRECTIVE_SET && !read_value(lex, &token, directive))
		return false;
	while (token.kind == TOKEN_SEMICOLON)
		lex_next(lex, &token);
	return token.kind == TOKEN_END;
}

bool directive_read(const char *sql, size_t len, bool std_strings, struct directive *directive)
{
	struct lex lex;

	lex_init(&lex, sql, len, std_strings);
	memset(directive, 0, sizeof(*directive));
	if (read_statement(&lex, directive))
		return true;
	memset(directive, 0, sizeof(*directive));
	return false;
}

/* One key=value; false if it is none that we know. */
static bool read_pair(const char *pair, size_t len, struct hint *hint)
{
	static const char key[] = "route=";
	size_t skip = sizeof(key) - 1;

	if (len < skip || !text_is(pair, skip, key) || hint->route != ROUTE_CHOICE_NONE)
		return false;
	hint->route = route_choice_find(pair + skip, len - skip);
	return hint->route != ROUTE_CHOICE_NONE;
}

enum hint_result hint_read(const char *sql, size_t len, struct hint *hint)
{
	static const char mark[] = "pgweir:";
	const char *end = sql + len;
	const char *p = sql;
	const char *pair;

	hint->route = ROUTE_CHOICE_NONE;
	while (p < end && is_blank(*p))
		p++;
	if (end - p < 2 || p[0] != '/' || p[1] != '*')
		return HINT_NONE;
	for (p += 2; p < end && is_blank(*p);)
		p++;
	if ((size_t)(end - p) < sizeof(mark) - 1 || !text_is(p, sizeof(mark) - 1, mark))
		return HINT_NONE;
	for (p += sizeof(mark) - 1; p < end;) {
		if (is_blank(*p) || *p == ',') {
			p++;
			continue;
		}
		if (end - p >= 2 && p[0] == '*' && p[1] == '/') {
			if (hint->route != ROUTE_CHOICE_NONE)
				return HINT_OK;
			break;
		}
		for (pair = p; p < end && !is_blank(*p) && *p != ',' && *p != '*' && *p != '/';)
			p++;
		if (p == pair || !read_pair(pair, (size_t)(p - pair), hint))
			break;
	}
	hint->route = ROUTE_CHOICE_NONE;
	return HINT_MALFORMED;
}

/* The name behind a DEALLOCATE, with `end` being what follows it; ALL is no name. */
static bool read_deallocated(struct lex *lex, struct token *name, struct token *end)
{
	lex_next(lex, name);
	if (name->kind == TOKEN_WORD && token_is(lex, name, "prepare"))
		lex_next(lex, name);
	if (name->kind != TOKEN_QUOTED && (name->kind != TOKEN_WORD || token_is(lex, name, "all")))
		return false;
	lex_next(lex, end);
	return true;
}

bool deallocate_read(const char *sql, size_t len, char *name, size_t size)
{
	struct lex lex;
	struct token token;
	struct token end;

	lex_init(&lex, sql, len, true);
	lex_next(&lex, &token);
	if (token.kind != TOKEN_WORD || !token_is(&lex, &token, "deallocate") ||
	    !read_deallocated(&lex, &token, &end))
		return false;
	if (end.kind == TOKEN_SEMICOLON)
		lex_next(&lex, &end);
	return end.kind == TOKEN_END && copy_value(&lex, &token, name, size);
}

bool deallocate_find(const char *sql, size_t len, char *name, size_t size)
{
	struct lex lex;
	struct token token, end = { .kind = TOKEN_SEMICOLON };

	lex_init(&lex, sql, len, true);
	while (end.kind != TOKEN_END) {
		bool first = end.kind == TOKEN_SEMICOLON;

		lex_next(&lex, &token);
		end = token;
		if (first && token.kind == TOKEN_WORD && token_is(&lex, &token, "deallocate") &&
		    read_deallocated(&lex, &token, &end) &&
		    (end.kind == TOKEN_SEMICOLON || end.kind == TOKEN_END) &&
		    copy_value(&lex, &token, name, size))
			return true;
	}
	return false;
}

bool deallocate_begins(const char *sql, size_t len)
{
	struct lex lex;
	struct token token;

	while (len > 0 && is_blank(*sql)) {
		sql++;
		len--;
	}
	/* Nearly all texts are told apart by their first letter. */
	if (len == 0 || (*sql != 'd' && *sql != 'D' && *sql != '/' && *sql != '-' && *sql != ';'))
		return false;
	lex_init(&lex, sql, len, true);
	do
		lex_next(&lex, &token);
	while (token.kind == TOKEN_SEMICOLON);
	return token.kind == TOKEN_WORD &&
	       (token_is(&lex, &token, "deallocate") || token_is(&lex, &token, "discard"));
}
