/* SPDX-License-Identifier: ISC */
/* Tokens end where PostgreSQL's do, and each consumes what it covers. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sql/lex.h"

/* The kinds of all tokens as letters, in order. */
static const char *kinds(const char *sql, bool std_strings)
{
	static const char letters[] = ".wqsnpo()[],;d:cU?!";
	static char out[128];
	struct lex lex;
	struct token token;
	size_t used = 0;

	lex_init(&lex, sql, strlen(sql), std_strings);
	do {
		lex_next(&lex, &token);
		ck_assert_uint_lt(used, sizeof(out) - 1);
		out[used++] = letters[token.kind];
	} while (token.kind != TOKEN_END);
	out[used] = '\0';
	return out;
}

START_TEST(test_blanks_and_comments_are_no_tokens)
{
	ck_assert_str_eq(kinds("", true), ".");
	ck_assert_str_eq(kinds(" \t\r\n\f\v", true), ".");
	ck_assert_str_eq(kinds("-- a\n  ", true), ".");
	ck_assert_str_eq(kinds("-- a\rb", true), "w.");
	ck_assert_str_eq(kinds("/* /* a */ b */c/**/", true), "w.");
	ck_assert_str_eq(kinds("/*/ a */b", true), "w.");
	ck_assert_str_eq(kinds("a /* /* */ b", true), "w?.");
	ck_assert_str_eq(kinds("/*", true), "?.");
}
END_TEST

START_TEST(test_comment_ends_an_operator)
{
	ck_assert_str_eq(kinds("1 +-- c\n 2", true), "non.");
	ck_assert_str_eq(kinds("4 */* c */ 2", true), "non.");
	ck_assert_str_eq(kinds("a @>/b", true), "wow.");
	ck_assert_str_eq(kinds("a - -b", true), "woow.");
}
END_TEST

START_TEST(test_literals_end_where_they_should)
{
	ck_assert_str_eq(kinds("'a''b' c", true), "sw.");
	ck_assert_str_eq(kinds("'a\\' b", true), "sw.");
	ck_assert_str_eq(kinds("'a\\' b", false), "?.");
	ck_assert_str_eq(kinds("'a\\' b'", false), "s.");
	ck_assert_str_eq(kinds("e'a\\' b' c", true), "sw.");
	ck_assert_str_eq(kinds("E'a\\\\' c", true), "sw.");
	ck_assert_str_eq(kinds("b'01' x'1f' n'a' c", true), "sswsw.");
	ck_assert_str_eq(kinds("xe'a\\' b", true), "wsw.");
	ck_assert_str_eq(kinds("'a", true), "?.");
	ck_assert_str_eq(kinds("E'a\\", true), "?.");
}
END_TEST

START_TEST(test_literal_goes_on_after_a_newline_in_its_mode)
{
	ck_assert_str_eq(kinds("E'a'\n'b\\'c' d", true), "sw.");
	ck_assert_str_eq(kinds("E'a' -- c\n -- d\n  'b\\'c' d", true), "sw.");
	ck_assert_str_eq(kinds("E'a' 'b\\' c", true), "ssw.");
	ck_assert_str_eq(kinds("E'a'\n/* */ 'b\\' c", true), "ssw.");
	ck_assert_str_eq(kinds("b'1'\n'\\' c", false), "sw.");
}
END_TEST

START_TEST(test_dollar_quotes)
{
	ck_assert_str_eq(kinds("$$a'b$$ c", true), "sw.");
	ck_assert_str_eq(kinds("$a$ $b$ $$ $a$ c", true), "sw.");
	ck_assert_str_eq(kinds("$a$ $A$", true), "?.");
	ck_assert_str_eq(kinds("$1$$x$$", true), "ps.");
	ck_assert_str_eq(kinds("a$b$c", true), "w.");
	ck_assert_str_eq(kinds("$1a$$", true), "pw.");
	ck_assert_str_eq(kinds("$\xc3\xa9$ ' $\xc3\xa9$", true), "s.");
}
END_TEST

START_TEST(test_lone_dollar_is_one_byte_long)
{
	struct lex lex;
	struct token token;

	lex_init(&lex, "$ abcdef", 8, true);
	lex_next(&lex, &token);
	ck_assert_int_eq(token.kind, TOKEN_BAD);
	ck_assert_uint_eq(token.len, 1);
	ck_assert_str_eq(kinds("$", true), "!.");
	ck_assert_str_eq(kinds("$a", true), "!w.");
	ck_assert_str_eq(kinds("a $ b", true), "w!w.");
}
END_TEST

START_TEST(test_numbers)
{
	ck_assert_str_eq(kinds("1.5e+3 .5 1. 1e5", true), "nnnn.");
	ck_assert_str_eq(kinds("1FOR", true), "nw.");
	ck_assert_str_eq(kinds("1.FOR", true), "nw.");
	ck_assert_str_eq(kinds("1e", true), "nw.");
	ck_assert_str_eq(kinds("1e+x", true), "nwow.");
	ck_assert_str_eq(kinds("1..2", true), "ndn.");
	ck_assert_str_eq(kinds("a.5", true), "wn.");
	ck_assert_str_eq(kinds("0xFF", true), "nw.");
}
END_TEST

START_TEST(test_unicode_literals_consume_themselves)
{
	ck_assert_str_eq(kinds("U&\"a\"\"b\" c", true), "Uw.");
	ck_assert_str_eq(kinds("u&'a\\' b", true), "Uw.");
	ck_assert_str_eq(kinds("U&\"", true), "?.");
	ck_assert_str_eq(kinds("U&'", true), "?.");
	ck_assert_str_eq(kinds("U& \"a\"", true), "woq.");
}
END_TEST

START_TEST(test_words_are_found_whatever_their_case_and_place)
{
	static const struct {
		const char *text;
		enum word word;
	} words[] = {
		{ "SELECT", WORD_SELECT },
		{ "Update", WORD_UPDATE },
		{ "by", WORD_BY },
		{ "characteristics", WORD_CHARACTERISTICS },
		{ "xmlnamespaces", WORD_XMLNAMESPACES },
		{ "selec", WORD_NONE },
		{ "selects", WORD_NONE },
		{ "a", WORD_NONE },
		{ "characteristicss", WORD_NONE },
		{ "pgbench_accounts", WORD_NONE },
		{ "for\xc3\xa9", WORD_NONE },
	};
	char sql[64];
	size_t i;
	size_t pad;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (pad = 0; pad < 18; pad++) {
			struct lex lex;
			struct token token;
			size_t len;

			/* Near the end and near the start of the text the bytes are read otherwise. */
			memset(sql, ' ', sizeof(sql));
			memcpy(sql + pad, words[i].text, strlen(words[i].text));
			len = pad + strlen(words[i].text);
			lex_init(&lex, sql, len + 17 - pad, true);
			lex_next(&lex, &token);
			ck_assert_int_eq(token.word, words[i].word);
			lex_init(&lex, sql, len, true);
			lex_next(&lex, &token);
			ck_assert_int_eq(token.word, words[i].word);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lex");
	TCase *tcase = tcase_create("lex");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_blanks_and_comments_are_no_tokens);
	tcase_add_test(tcase, test_comment_ends_an_operator);
	tcase_add_test(tcase, test_literals_end_where_they_should);
	tcase_add_test(tcase, test_literal_goes_on_after_a_newline_in_its_mode);
	tcase_add_test(tcase, test_dollar_quotes);
	tcase_add_test(tcase, test_lone_dollar_is_one_byte_long);
	tcase_add_test(tcase, test_numbers);
	tcase_add_test(tcase, test_unicode_literals_consume_themselves);
	tcase_add_test(tcase, test_words_are_found_whatever_their_case_and_place);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
