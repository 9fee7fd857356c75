/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_text_grows_and_ends_with_nul)
{
	struct text text = { 0 };

	ck_assert_str_eq(text_string(&text), "");
	for (int i = 0; i < 1000; i++)
		text_printf(&text, "%d,", i % 10);
	text_add(&text, "end");
	text_add_char(&text, '!');
	text_add_n(&text, "abc", 2);
	ck_assert_uint_eq(text.len, 2000 + 6);
	ck_assert_uint_eq(strlen(text_string(&text)), text.len);
	ck_assert_str_eq(text_string(&text) + 2000, "end!ab");
	text_clear(&text);
	ck_assert_str_eq(text_string(&text), "");
	text_done(&text);
	ck_assert_ptr_null(text.data);
}
END_TEST

START_TEST(test_bytes_of_value_zero_are_kept)
{
	struct text text = { 0 };

	text_add_n(&text, "a\0b", 3);
	ck_assert_uint_eq(text.len, 3);
	ck_assert_int_eq(memcmp(text.data, "a\0b", 4), 0);
	text_done(&text);
}
END_TEST

START_TEST(test_taken_string_is_the_callers)
{
	struct text text = { 0 };
	char *s = text_take(&text);

	ck_assert_str_eq(s, "");
	free(s);
	text_add(&text, "mine");
	s = text_take(&text);
	ck_assert_str_eq(s, "mine");
	ck_assert_str_eq(text_string(&text), "");
	free(s);
}
END_TEST

START_TEST(test_words_of_a_list_are_found_whole)
{
	ck_assert(text_list_has("a, b\tc,d", "c"));
	ck_assert(text_list_has("a", "a"));
	ck_assert(text_list_has(",, a ,", "a"));
	ck_assert(!text_list_has("ab", "a"));
	ck_assert(!text_list_has("A", "a"));
	ck_assert(!text_list_has("a,,b", ""));
	ck_assert(!text_list_has("", "a"));
	ck_assert(!text_list_has(NULL, "a"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_text_grows_and_ends_with_nul);
	tcase_add_test(core, test_bytes_of_value_zero_are_kept);
	tcase_add_test(core, test_taken_string_is_the_callers);
	tcase_add_test(core, test_words_of_a_list_are_found_whole);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
