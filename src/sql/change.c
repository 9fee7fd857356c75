/* SPDX-License-Identifier: ISC */
/* Reads what a text changes of its session: settings, and what else outlives a transaction. */
#include "sql/change.h"

#include <string.h>

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- at a glance ---- */

static bool begins_with(const char *at, const char *end, const char *word)
{
	for (; *word != '\0'; at++, word++)
		if (at == end || fold(*at) != *word)
			return false;
	return true;
}

/* First letters are enough to pass SELECT, INSERT, UPDATE, DELETE, BEGIN and COMMIT. */
static bool begins_a_change(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	if (end - at < 2)
		return false;
	switch (fold(*at)) {
	case 's':
		return begins_with(at, end, "set");
	case 'r':
		return begins_with(at, end, "reset");
	case 'd':
		return begins_with(at, end, "discard") || begins_with(at, end, "declare");
	case 'c':
		return begins_with(at, end, "create");
	case 'l':
		return begins_with(at, end, "listen");
	case '-':
	case '/':
		return true; /* a comment */
	default:
		return false;
	}
}

/* Is what stands before a parenthesis the end of set_config, or of a comment behind it? */
static bool ends_in_set_config(const char *start, const char *at)
{
	static const char name[] = "set_config";
	size_t len = sizeof(name) - 1;

	while (at > start && is_blank(at[-1]))
		at--;
	if (at > start && at[-1] == '"')
		at--;
	if (at == start)
		return false;
	if (at[-1] == '/')
		return at - start > 1 && at[-2] == '*';
	return fold(at[-1]) == 'g' && (size_t)(at - start) >= len &&
	       begins_with(at - len, at, name);
}

bool change_is_possible(const char *sql, size_t len)
{
	const char *end = sql + len;
	const char *at = sql;

	if (begins_a_change(sql, end))
		return true;
	while (at < end && (at = memchr(at, '(', (size_t)(end - at))) != NULL) {
		if (ends_in_set_config(sql, at))
			return true;
		at++;
	}
	return false;
}

/* ---- token by token ---- */

/* Unquotes a token of any kind as lower case; false if there is no room, or it has escapes. */
static bool copy_token(const struct lex *lex, const struct token *token, char *to, size_t size)
{
	const char *from = lex->start + token->pos;
	size_t len = token->len, used = 0;
	char quote = *from;

	if (quote == '\'' || quote == '"') {
		from++;
		len -= 2;
	} else if (token->kind != TOKEN_WORD) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (used + 1 >= size || strchr("\\'\"", from[i]) != NULL) /* or NUL */
			return false;
		to[used++] = fold(from[i]);
	}
	to[used] = '\0';
	return used != 0;
}

/* A name with its dots, from the token on; leaves the token behind it. */
static bool read_name(struct lex *lex, struct token *token, char *to, size_t size)
{
	size_t used = 0;

	for (;;) {
		if ((token->kind != TOKEN_WORD && token->kind != TOKEN_QUOTED) ||
		    !copy_token(lex, token, to + used, size - used))
			return false;
		used += strlen(to + used);
		lex_next(lex, token);
		if (token->kind != TOKEN_DOT)
			return true;
		if (used + 2 >= size)
			return false;
		to[used++] = '.';
		lex_next(lex, token);
	}
}

/* Some setting: what was read of a name is none. */
static bool change_unknown(struct change *change)
{
	change->kind = CHANGE_UNKNOWN;
	change->name[0] = '\0';
	return true;
}

static bool name_change(struct change *change, const char *name)
{
	memcpy(change->name, name, strlen(name) + 1);
	return true;
}

/* Forms of SET and RESET that spell the name of a setting in words of their own. */
static bool read_special(struct lex *lex, struct token *token, struct change *change)
{
	static const struct {
		const char *first;
		const char *second; /* NULL: none */
		const char *name;
	} forms[] = {
		{ "time", "zone", "timezone" },
		{ "names", NULL, "client_encoding" },
		{ "schema", NULL, "search_path" },
		{ "role", NULL, "role" },
		{ "session", "authorization", "session_authorization" },
		{ "xml", "option", "xmloption" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct lex ahead = *lex;
		struct token next;

		if (!token_is(lex, token, forms[i].first))
			continue;
		lex_next(&ahead, &next);
		if (forms[i].second != NULL) {
			if (!token_is(&ahead, &next, forms[i].second))
				continue;
			lex_next(&ahead, &next);
		}
		if (next.kind == TOKEN_DOT)
			continue; /* time.zone: the class of a setting */
		*lex = ahead;
		*token = next;
		return name_change(change, forms[i].name);
	}
	return false;
}

/* Is the token a key word of SET, rather than the class or the name of a setting? */
static bool is_key_word(const struct lex *lex, const struct token *token, const char *word)
{
	struct lex ahead = *lex;
	struct token next;

	if (!token_is(lex, token, word))
		return false;
	lex_next(&ahead, &next);
	return next.kind != TOKEN_DOT && next.kind != TOKEN_OPERATOR && next.word != WORD_TO;
}

/* SET LOCAL, SET TRANSACTION, SET CONSTRAINTS: gone with the transaction. */
static bool is_passing(const struct lex *lex, const struct token *token)
{
	return is_key_word(lex, token, "local") || is_key_word(lex, token, "transaction") ||
	       is_key_word(lex, token, "constraints");
}

/* These hold for the transaction only, also without LOCAL. */
static bool names_transaction(const struct change *change)
{
	return strcmp(change->name, "transaction_isolation") == 0 ||
	       strcmp(change->name, "transaction_read_only") == 0 ||
	       strcmp(change->name, "transaction_deferrable") == 0;
}

/* The token behind SET. */
static bool read_set(struct lex *lex, struct token *token, struct change *change)
{
	change->kind = CHANGE_SET;
	if (is_passing(lex, token))
		return false;
	if (read_special(lex, token, change)) {
		if (token->word == WORD_DEFAULT)
			change->kind = CHANGE_RESET;
		return true;
	}
	if (is_key_word(lex, token, "session")) {
		lex_next(lex, token);
		if (is_key_word(lex, token, "characteristics"))
			return change_unknown(change);
		if (read_special(lex, token, change)) {
			if (token->word == WORD_DEFAULT)
				change->kind = CHANGE_RESET;
			return true;
		}
	}
	if (!read_name(lex, token, change->name, sizeof(change->name)))
		return change_unknown(change);
	lex_next(lex, token); /* past TO or = */
	if (token->word == WORD_DEFAULT)
		change->kind = CHANGE_RESET;
	return !names_transaction(change);
}

static bool read_reset(struct lex *lex, struct token *token, struct change *change)
{
	change->kind = CHANGE_RESET;
	if (token->word == WORD_ALL) {
		change->kind = CHANGE_ALL;
		return true;
	}
	if (!read_special(lex, token, change) &&
	    !read_name(lex, token, change->name, sizeof(change->name)))
		return change_unknown(change);
	return true;
}

/* CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMPORARY ...; leaves an EXECUTE to be seen. */
static bool read_create(struct lex *lex, struct token *token, struct change *change)
{
	for (int words = 0; words < 4 && token->kind == TOKEN_WORD; words++) {
		if (token->word == WORD_EXECUTE)
			return false;
		if (token_is(lex, token, "temp") || token_is(lex, token, "temporary")) {
			change->kind = CHANGE_TEMP;
			return true;
		}
		lex_next(lex, token);
	}
	return false;
}

/* DECLARE name ... WITH HOLD */
static bool read_declare(struct lex *lex, struct token *token, struct change *change)
{
	while (token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED) {
		if (token->word == WORD_FOR)
			return false;
		if (token->word == WORD_WITH) {
			lex_next(lex, token);
			change->kind = CHANGE_CURSOR;
			return token_is(lex, token, "hold");
		}
		lex_next(lex, token);
	}
	return false;
}

/* The first token of a statement; leaves the lexer behind what was looked at. */
static bool read_statement(struct lex *lex, struct token *token, struct change *change)
{
	uint8_t word = token->word;

	switch (word) {
	case WORD_SET:
	case WORD_RESET:
	case WORD_DISCARD:
	case WORD_CREATE:
	case WORD_DECLARE:
	case WORD_LISTEN:
		break;
	default:
		return false;
	}
	lex_next(lex, token);
	switch (word) {
	case WORD_SET:
		return read_set(lex, token, change);
	case WORD_RESET:
		return read_reset(lex, token, change);
	case WORD_DISCARD:
		change->kind = CHANGE_ALL;
		return token->word == WORD_ALL;
	case WORD_CREATE:
		return read_create(lex, token, change);
	case WORD_DECLARE:
		return read_declare(lex, token, change);
	default:
		change->kind = CHANGE_CHANNEL;
		return true;
	}
}

static bool is_true(const struct lex *lex, const struct token *token)
{
	return token->word == WORD_TRUE || token_is(lex, token, "'t'") ||
	       token_is(lex, token, "'true'");
}

/* Arguments of set_config that are looked through for the last one. */
#define ARGUMENT_TOKENS 64

/*
 * set_config(name, value, local), from the parenthesis on.  The lexer stays behind the name, so
 * that calls within the value are seen, too.
 */
static bool read_call(struct lex *lex, struct token *token, struct change *change)
{
	struct lex ahead;
	unsigned depth = 1, commas = 0;
	bool local = false;

	change->kind = CHANGE_SET;
	lex_next(lex, token);
	if (token->kind != TOKEN_STRING || lex->start[token->pos] != '\'' ||
	    !copy_token(lex, token, change->name, sizeof(change->name)))
		change_unknown(change);
	ahead = *lex;
	for (int i = 0; i < ARGUMENT_TOKENS && depth > 0; i++) {
		lex_next(&ahead, token);
		if (token->kind == TOKEN_END)
			break;
		depth += token->kind == TOKEN_OPEN;
		depth -= token->kind == TOKEN_CLOSE;
		if (token->kind == TOKEN_COMMA && depth == 1) {
			commas++;
			local = true;
		} else if (commas == 2 && depth > 0) {
			local = local && is_true(&ahead, token);
		}
	}
	return !(depth == 0 && commas == 2 && local) && !names_transaction(change);
}

void change_begin(struct change_reader *reader, const char *sql, size_t len, bool std_strings)
{
	lex_init(&reader->lex, sql, len, std_strings);
	reader->at_start = true;
	reader->prepares = false;
}

bool change_next(struct change_reader *reader, struct change *change)
{
	struct lex *lex = &reader->lex;
	struct token token;
	bool called = false;

	for (;;) {
		lex_next(lex, &token);
		change->name[0] = '\0';
		if (reader->at_start)
			reader->prepares = token.word == WORD_PREPARE;
		change->later = reader->prepares;
		if (reader->at_start) {
			bool changes = read_statement(lex, &token, change);

			reader->at_start = token.kind == TOKEN_SEMICOLON;
			if (changes)
				return true;
		}
		switch (token.kind) {
		case TOKEN_END:
			return false;
		case TOKEN_UNTERMINATED:
		case TOKEN_BAD:
			reader->lex.at = reader->lex.end; /* the server refuses it, or we err */
			change->later = false;
			return change_unknown(change);
		case TOKEN_SEMICOLON:
			reader->at_start = true;
			called = false;
			break;
		case TOKEN_OPEN:
			if (called && read_call(lex, &token, change))
				return true;
			called = false;
			break;
		case TOKEN_UNICODE:
			called = true; /* what it means is not known */
			break;
		default:
			if (token.word == WORD_EXECUTE) {
				change->kind = CHANGE_EXECUTE;
				return true;
			}
			called = token_is(lex, &token, "set_config") ||
				 token_is(lex, &token, "\"set_config\"");
		}
	}
}
