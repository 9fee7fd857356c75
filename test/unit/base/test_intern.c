/* SPDX-License-Identifier: ISC */
#include "base/intern.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_equal_strings_are_the_same_pointer)
{
	char copy[] = "UTF8";
	const char *a = intern_string("UTF8");
	const char *b = intern_string(copy);
	const char *c = intern_string_n("UTF8!", 4);

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_eq(a, c);
	ck_assert_str_eq(a, "UTF8");
	ck_assert_ptr_ne(a, copy);
	ck_assert_uint_eq(intern_count(), 1);
	intern_unref(a);
	intern_unref(b);
	ck_assert_uint_eq(intern_count(), 1);
	intern_unref(c);
	ck_assert_uint_eq(intern_count(), 0);
	ck_assert_uint_eq(intern_bytes(), 0);
}
END_TEST

START_TEST(test_nothing_stays_nothing)
{
	ck_assert_ptr_null(intern_ref(NULL));
	intern_unref(NULL);
	ck_assert_uint_eq(intern_count(), 0);
}
END_TEST

START_TEST(test_many_strings_live_and_go)
{
	static const char *all[2000];
	char text[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "string %d", i);
		all[i] = intern_string(text);
	}
	ck_assert_uint_eq(intern_count(), 2000);
	for (int i = 0; i < 2000; i += 2)
		intern_unref(all[i]);
	for (int i = 1; i < 2000; i += 2) {
		snprintf(text, sizeof(text), "string %d", i);
		ck_assert_str_eq(all[i], text);
		ck_assert_ptr_eq(intern_string(text), all[i]);
		intern_unref(all[i]);
		intern_unref(all[i]);
	}
	ck_assert_uint_eq(intern_bytes(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("intern");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_equal_strings_are_the_same_pointer);
	tcase_add_test(core, test_nothing_stays_nothing);
	tcase_add_test(core, test_many_strings_live_and_go);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
