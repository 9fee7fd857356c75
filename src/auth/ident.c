/* SPDX-License-Identifier: ISC */
/* Which user of the operating system, or of a certificate, may be which user of the database. */
#include "auth/ident.h"

#include <stdlib.h>
#include <string.h>

#include "auth/tokens.h"
#include "base/mem.h"

static void free_line(struct ident_line *line)
{
	free(line->map);
	free(line->system_user);
	free(line->user);
}

/* A word that PostgreSQL would read as more than a name. */
static const char *unsupported(enum token token, const char *word)
{
	if (token == TOKEN_WORD && word[0] == '/')
		return "regular expressions are not supported";
	if (token == TOKEN_WORD && word[0] == '+')
		return "groups (+name) are not supported";
	if (token == TOKEN_WORD && word[0] == '@')
		return "@file is not supported here";
	return NULL;
}

/* One name into `to`; a reason if there is none. */
static const char *read_name(struct tokens *tokens, bool may_be_all, char **to)
{
	enum token token = tokens_next(tokens);
	const char *word = text_string(&tokens->text);
	const char *why;

	switch (token) {
	case TOKEN_BAD:
		return tokens->why;
	case TOKEN_END:
		return "expected: map system-user database-user";
	case TOKEN_COMMA:
		return "lists of names are not supported";
	case TOKEN_WORD:
	case TOKEN_QUOTED:
		break;
	}
	why = unsupported(token, word);
	if (why == NULL && !(may_be_all && token == TOKEN_WORD && strcmp(word, "all") == 0))
		*to = mem_string(word);
	return why;
}

/* The line's three names; a reason if they are not there.  `*empty` if nothing is. */
static const char *read_line(struct tokens *tokens, struct ident_line *line, bool *empty)
{
	enum token token = tokens_next(tokens);
	const char *why;

	*empty = token == TOKEN_END;
	if (*empty)
		return NULL;
	if (token == TOKEN_BAD)
		return tokens->why;
	if (token == TOKEN_COMMA)
		return "expected: map system-user database-user";
	if (token == TOKEN_WORD && strncmp(text_string(&tokens->text), "include", 7) == 0)
		return "include is not supported";
	line->map = mem_string(text_string(&tokens->text));
	why = read_name(tokens, false, &line->system_user);
	if (why == NULL)
		why = read_name(tokens, true, &line->user);
	if (why == NULL && tokens_next(tokens) != TOKEN_END)
		why = "there is something behind the third name";
	return why;
}

void ident_read(struct ident *ident, const char *data, size_t len, const char *file,
		ident_warn *warn, void *arg)
{
	struct tokens tokens;

	tokens_init(&tokens, data, len);
	while (tokens_line(&tokens)) {
		struct ident_line line = { 0 };
		bool empty;
		const char *why = read_line(&tokens, &line, &empty);

		if (why != NULL)
			warn(arg, file, tokens.line, why);
		if (why != NULL || empty) {
			free_line(&line);
			continue;
		}
		/* Powers of two: grown when the count is one. */
		if ((ident->count & (ident->count - 1)) == 0)
			ident->lines =
				mem_grow(ident->lines, (ident->count != 0 ? ident->count * 2 : 1) *
							       sizeof(*ident->lines));
		ident->lines[ident->count++] = line;
	}
	tokens_done(&tokens);
}

void ident_done(struct ident *ident)
{
	for (size_t i = 0; i < ident->count; i++)
		free_line(&ident->lines[i]);
	free(ident->lines);
	memset(ident, 0, sizeof(*ident));
}

bool ident_has_map(const struct ident *ident, const char *map)
{
	for (size_t i = 0; i < ident->count; i++)
		if (strcmp(ident->lines[i].map, map) == 0)
			return true;
	return false;
}

bool ident_allows(const struct ident *ident, const char *map, const char *system_user,
		  const char *user)
{
	if (map[0] == '\0')
		return strcmp(system_user, user) == 0;
	for (size_t i = 0; i < ident->count; i++) {
		const struct ident_line *line = &ident->lines[i];

		if (strcmp(line->map, map) == 0 && strcmp(line->system_user, system_user) == 0 &&
		    (line->user == NULL || strcmp(line->user, user) == 0))
			return true;
	}
	return false;
}
