/* SPDX-License-Identifier: ISC */
/* Reads a command of the console. */
#include "admin/command.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define TOKENS_MAX 12

enum token_kind {
	TOKEN_WORD,   /* as it stands */
	TOKEN_NAME,   /* in double quotes */
	TOKEN_STRING, /* in single quotes */
	TOKEN_SIGN,   /* one character */
};

struct token {
	enum token_kind kind;
	char text[COMMAND_VALUE_MAX + 1];
};

struct tokens {
	unsigned count;
	struct token token[TOKENS_MAX];
};

struct input {
	const char *at;
	const char *end;
};

/* Blanks and comments; false if a comment does not end. */
static bool skip_blanks(struct input *input)
{
	while (input->at < input->end) {
		size_t left = (size_t)(input->end - input->at);

		if (isspace((unsigned char)*input->at)) {
			input->at++;
		} else if (left >= 2 && memcmp(input->at, "--", 2) == 0) {
			const char *line = memchr(input->at, '\n', left);

			input->at = line != NULL ? line : input->end;
		} else if (left >= 2 && memcmp(input->at, "/*", 2) == 0) {
			const char *close = memmem(input->at + 2, left - 2, "*/", 2);

			if (close == NULL)
				return false;
			input->at = close + 2;
		} else {
			return true;
		}
	}
	return true;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '_' || c == '-' ||
	       c == '.' || c == '$';
}

static bool add_char(struct token *token, size_t *len, char c)
{
	if (*len >= COMMAND_VALUE_MAX || c == '\0')
		return false;
	token->text[(*len)++] = c;
	token->text[*len] = '\0';
	return true;
}

/* Up to the closing quote; a doubled one stands for itself. */
static bool read_quoted(struct input *input, struct token *token)
{
	char quote = *input->at++;
	size_t len = 0;

	token->kind = quote == '"' ? TOKEN_NAME : TOKEN_STRING;
	for (; input->at < input->end; input->at++) {
		if (*input->at == quote) {
			input->at++;
			if (input->at == input->end || *input->at != quote)
				return true;
		}
		if (!add_char(token, &len, *input->at))
			return false;
	}
	return false;
}

static bool read_word(struct input *input, struct token *token)
{
	size_t len = 0;

	token->kind = TOKEN_WORD;
	while (input->at < input->end && is_word(*input->at))
		if (!add_char(token, &len, *input->at++))
			return false;
	return true;
}

static bool read_token(struct input *input, struct tokens *tokens)
{
	struct token *token;
	size_t len = 0;

	if (tokens->count == TOKENS_MAX)
		return false;
	token = &tokens->token[tokens->count++];
	token->text[0] = '\0';
	if (*input->at == '"' || *input->at == '\'')
		return read_quoted(input, token);
	if (is_word(*input->at))
		return read_word(input, token);
	token->kind = TOKEN_SIGN;
	return add_char(token, &len, *input->at++);
}

static bool read_tokens(const char *sql, size_t len, struct tokens *tokens)
{
	struct input input = { sql, sql + len };

	tokens->count = 0;
	for (;;) {
		if (!skip_blanks(&input))
			return false;
		if (input.at == input.end)
			return true;
		if (!read_token(&input, tokens))
			return false;
	}
}

static bool is_sign(const struct token *token, char c)
{
	return token->kind == TOKEN_SIGN && token->text[0] == c;
}

static bool is_keyword(const struct token *token, const char *word, size_t len)
{
	return token->kind == TOKEN_WORD && strlen(token->text) == len &&
	       strncasecmp(token->text, word, len) == 0;
}

static void drop_token(struct tokens *tokens, unsigned at)
{
	tokens->count--;
	memmove(&tokens->token[at], &tokens->token[at + 1],
		(tokens->count - at) * sizeof(tokens->token[0]));
}

/* What means the same in fewer words. */
static void simplify(struct tokens *tokens)
{
	while (tokens->count > 0 && is_sign(&tokens->token[tokens->count - 1], ';'))
		tokens->count--;
	if (tokens->count == 0)
		return;
	if (is_keyword(&tokens->token[0], "select", 6)) {
		memcpy(tokens->token[0].text, "SHOW", 5);
		/* SELECT version() */
		if (tokens->count >= 2 && is_sign(&tokens->token[tokens->count - 1], ')') &&
		    is_sign(&tokens->token[tokens->count - 2], '('))
			tokens->count -= 2;
	}
	if (is_keyword(&tokens->token[0], "show", 4) && tokens->count == 2 &&
	    tokens->token[1].kind == TOKEN_NAME)
		tokens->token[1].kind = TOKEN_WORD;
	if (is_keyword(&tokens->token[0], "set", 3) && tokens->count > 2 &&
	    tokens->token[2].kind != TOKEN_SIGN &&
	    (is_keyword(&tokens->token[1], "session", 7) ||
	     is_keyword(&tokens->token[1], "local", 5)))
		drop_token(tokens, 1);
}

/* How many tokens the words of a row take, 0 if they are not these. */
static unsigned match(const char *words, const struct tokens *tokens)
{
	unsigned count = 0;

	for (;;) {
		size_t len = strcspn(words, " ");

		if (count == tokens->count || !is_keyword(&tokens->token[count], words, len))
			return 0;
		count++;
		if (words[len] == '\0')
			return count;
		words += len + 1;
	}
}

static const struct command_row *find_row(const struct tokens *tokens, unsigned *used)
{
	const struct command_row *best = NULL, *row;

	*used = 0;
	for (row = command_rows; row->words != NULL; row++) {
		unsigned count = match(row->words, tokens);

		if (count > *used) {
			*used = count;
			best = row;
		}
	}
	return best;
}

static bool take_name(struct command *command, const struct token *token)
{
	if (token->kind == TOKEN_SIGN || token->text[0] == '\0' ||
	    strlen(token->text) > COMMAND_NAME_MAX)
		return false;
	memcpy(command->name, token->text, strlen(token->text) + 1);
	return true;
}

/* name = value, name TO value; a value may have several words (read committed). */
static bool take_setting(struct command *command, const struct tokens *tokens, unsigned at)
{
	size_t len = 0;

	if (at + 2 >= tokens->count || !take_name(command, &tokens->token[at]))
		return false;
	if (!is_sign(&tokens->token[at + 1], '=') && !is_keyword(&tokens->token[at + 1], "to", 2))
		return false;
	for (at += 2; at < tokens->count; at++) {
		const char *text = tokens->token[at].text;
		bool blank = len != 0 && text[0] != ',';

		if (len + strlen(text) + blank > COMMAND_VALUE_MAX)
			return false;
		if (blank)
			command->value[len++] = ' ';
		memcpy(command->value + len, text, strlen(text) + 1);
		len += strlen(text);
	}
	return true;
}

static bool take_argument(struct command *command, const struct tokens *tokens, unsigned at)
{
	unsigned left = tokens->count - at;

	switch (command->row->argument) {
	case TAKES_NOTHING:
		return left == 0;
	case TAKES_OPTIONAL:
		return left == 0 || (left == 1 && take_name(command, &tokens->token[at]));
	case TAKES_NAME:
		/* The command itself says what is missing. */
		return left == 0 || (left == 1 && take_name(command, &tokens->token[at]));
	case TAKES_SETTING:
		return take_setting(command, tokens, at);
	case TAKES_ANYTHING:
		return true;
	}
	return false;
}

static bool refuse(struct text *why, const char *sql, size_t len)
{
	int shown = len > 100 ? 100 : (int)len;

	text_printf(why, "invalid command '%.*s', use SHOW HELP;", shown, sql);
	return false;
}

bool command_parse(const char *sql, size_t len, struct command *command, struct text *why)
{
	struct tokens tokens = { 0 };
	unsigned used;

	memset(command, 0, sizeof(*command));
	if (!read_tokens(sql, len, &tokens))
		return refuse(why, sql, len);
	simplify(&tokens);
	if (tokens.count == 0)
		return true;
	command->row = find_row(&tokens, &used);
	if (command->row == NULL || !take_argument(command, &tokens, used))
		return refuse(why, sql, len);
	return true;
}
