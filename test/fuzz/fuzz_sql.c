/* SPDX-License-Identifier: ISC */
/* Any text, under every option: nothing outside it is read, and verdicts keep their promises. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sql/change.h"
#include "sql/classify.h"
#include "sql/directive.h"
#include "sql/lex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

/* Each token but the last consumes, and lies within the text, in order. */
static void check_tokens(const char *sql, size_t size, bool std_strings)
{
	struct lex lex;
	struct token token;
	size_t past = 0;

	lex_init(&lex, sql, size, std_strings);
	for (;;) {
		lex_next(&lex, &token);
		require(token.pos >= past && (size_t)token.pos + token.len <= size);
		require(token.word == WORD_NONE || token.kind == TOKEN_WORD);
		if (token.kind == TOKEN_END)
			break;
		require(token.len > 0);
		past = (size_t)token.pos + token.len;
	}
	require(token.len == 0);
}

static void check_verdict(const char *sql, size_t size, const struct classify_options *options)
{
	struct verdict verdict = classify(sql, size, options);
	struct verdict again = classify(sql, size, options);

	require(verdict.route <= ROUTE_PRIMARY && verdict.why < WHY_COUNT);
	require((size_t)verdict.pos + verdict.len <= size);
	require(verdict.route == again.route && verdict.why == again.why);
	require(verdict.flags == again.flags && verdict.statements == again.statements);
	require(verdict.pos == again.pos && verdict.len == again.len);
	if (verdict.flags & (VERDICT_DOUBT | VERDICT_OPAQUE | VERDICT_WRITE))
		require(verdict.route == ROUTE_PRIMARY);
	if (verdict.flags & VERDICT_PLAIN_BEGIN)
		require(verdict.flags & VERDICT_BEGIN && verdict.statements == 1);
	if (options->unsafe_encoding || size > options->max_scan)
		require(verdict.route == ROUTE_PRIMARY);
	if (verdict.route == ROUTE_REPLICA)
		require(!(verdict.flags & VERDICT_SESSION) || verdict.flags & VERDICT_CURSOR);
}

/* More statements make no request less strict. */
static void check_appended(const char *sql, size_t size, const struct classify_options *options)
{
	static const char more[] = ";SELECT 1";
	char *longer = malloc(size + sizeof(more) - 1);

	require(longer != NULL);
	memcpy(longer, sql, size);
	memcpy(longer + size, more, sizeof(more) - 1);
	if (classify(sql, size, options).route == ROUTE_PRIMARY)
		require(classify(longer, size + sizeof(more) - 1, options).route == ROUTE_PRIMARY);
	free(longer);
}

/* Changes end, and their names are names. */
static void check_changes(const char *sql, size_t size, bool std_strings)
{
	struct change_reader reader;
	struct change change;
	size_t left = size + 1;

	(void)change_is_possible(sql, size);
	change_begin(&reader, sql, size, std_strings);
	while (change_next(&reader, &change)) {
		require(left-- > 0);
		require(strlen(change.name) < sizeof(change.name));
		if (change.kind == CHANGE_SET || change.kind == CHANGE_RESET)
			require(change.name[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t caps[] = { 0, 17, CLASSIFY_MAX_SCAN };
	/* Exactly as long as the text, so that a read beyond it is seen. */
	char *sql = malloc(size ? size : 1);
	struct directive directive;
	struct hint hint;
	unsigned i;

	require(sql != NULL);
	if (size)
		memcpy(sql, data, size);
	for (i = 0; i < 12; i++) {
		struct classify_options options = {
			.std_strings = i & 1,
			.unsafe_encoding = i & 2,
			.max_scan = caps[i / 4],
		};

		check_verdict(sql, size, &options);
		check_appended(sql, size, &options);
	}
	for (i = 0; i < 2; i++) {
		check_tokens(sql, size, i);
		check_changes(sql, size, i);
		if (directive_read(sql, size, i, &directive))
			require(directive.kind != DIRECTIVE_NONE && directive.name[0]);
	}
	if (hint_read(sql, size, &hint) != HINT_OK)
		require(hint.route == ROUTE_CHOICE_NONE);
	free(sql);
	return 0;
}
