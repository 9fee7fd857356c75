/* SPDX-License-Identifier: ISC */
/* A remembered judgement is that of its text and of no other, however much was judged between. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/classify.h"
#include "sql/judgement.h"

static void expect_right(const char *sql, size_t len)
{
	struct classify_options options = { .std_strings = true, .max_scan = CLASSIFY_MAX_SCAN };
	struct verdict wanted = classify(sql, len, &options);
	struct judgement judgement = judgement_of(sql, len);
	struct hint hint;

	if (hint_read(sql, len, &hint) != HINT_OK)
		hint.route = ROUTE_CHOICE_NONE;
	ck_assert_int_eq(judgement.verdict.route, wanted.route);
	ck_assert_int_eq(judgement.verdict.why, wanted.why);
	ck_assert_int_eq(judgement.verdict.statements, wanted.statements);
	ck_assert_uint_eq(judgement.verdict.pos, wanted.pos);
	ck_assert_uint_eq(judgement.verdict.len, wanted.len);
	ck_assert_uint_eq(judgement.verdict.flags, wanted.flags);
	ck_assert_int_eq(judgement.hint, hint.route);
}

static void expect_text(const char *sql)
{
	expect_right(sql, strlen(sql));
}

START_TEST(test_a_text_is_judged_the_same_again)
{
	for (int i = 0; i < 3; i++) {
		expect_text("SELECT 1");
		expect_text("SELECT 2");
		expect_text("UPDATE t SET a = 1");
		expect_text("/* pgweir: route=primary */ SELECT 1");
		expect_text("");
		expect_right("SELECT 1; DELETE FROM t", 8);
	}
}
END_TEST

/* As many as must share places in any index. */
START_TEST(test_texts_of_one_length_are_told_apart)
{
	for (int i = 0; i < 20000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s a%07d", i % 2 == 0 ? "SELECT" : "LISTEN", i);
		expect_text(text);
	}
}
END_TEST

/* Longer and shorter ones, reads and writes, each seen twice: many times the room for them. */
START_TEST(test_judgements_stay_right_when_the_oldest_make_room)
{
	static char text[2 * JUDGEMENT_TEXT_MAX];
	unsigned random = 1;

	for (int i = 0; i < 4000; i++) {
		int len;

		random = random * 1103515245u + 12345u;
		len = snprintf(text, sizeof(text), "%s /* %*d */",
			       i % 3 == 0 ? "DELETE FROM t" : "SELECT 1",
			       (int)(random >> 16) % (JUDGEMENT_TEXT_MAX + 200), i % 700);
		expect_right(text, (size_t)len);
		expect_right(text, (size_t)len);
		expect_text("SELECT a FROM b");
	}
	ck_assert_uint_eq(judgement_bytes(), JUDGEMENT_BYTES_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("judgement");
	TCase *tcase = tcase_create("judgement");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_a_text_is_judged_the_same_again);
	tcase_add_test(tcase, test_texts_of_one_length_are_told_apart);
	tcase_add_test(tcase, test_judgements_stay_right_when_the_oldest_make_room);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
