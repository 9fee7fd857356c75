/* SPDX-License-Identifier: ISC */
#include "session/names.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct names *names;

static void setup(void)
{
	names = names_new();
}

static void teardown(void)
{
	names_free(names);
	ck_assert_uint_eq(statement_count(), 0);
}

static struct name_entry *add(const char *name, const char *text)
{
	uint8_t body[100] = { 0 };
	uint32_t len = (uint32_t)strlen(text);
	struct statement *statement;
	struct name_entry *entry;

	memcpy(body, text, len);
	statement = statement_intern(body, len + 3, len, 0);
	entry = names_add(names, name, statement, 1);
	statement_unref(statement);
	return entry;
}

START_TEST(test_names_are_found_until_they_are_removed)
{
	struct name_entry *a = add("a", "select 1");

	add("b", "select 1");
	ck_assert_ptr_eq(names_find(names, "a"), a);
	ck_assert_ptr_null(names_find(names, "A"));
	ck_assert_ptr_null(names_find(NULL, "a"));
	ck_assert_uint_eq(names_count(names), 2);
	ck_assert_uint_eq(statement_count(), 1);
	names_remove(names, a);
	ck_assert_ptr_null(names_find(names, "a"));
	ck_assert_uint_eq(names_count(names), 1);
	ck_assert_uint_eq(names_count(NULL), 0);
}
END_TEST

START_TEST(test_entry_lives_while_it_is_referred_to)
{
	struct name_entry *a = name_ref(add("a", "select 1")), *b = name_ref(add("b", "select 2"));

	ck_assert_uint_eq(names_total_count(), 2);
	ck_assert_uint_gt(names_bytes(names), 2 * sizeof(struct name_entry));
	names_remove(names, a);
	names_remove(names, a);
	ck_assert_int_eq(a->state, NAME_GONE);
	ck_assert_str_eq(a->text, "a");
	names_confirm(names, b);
	names_clear(names);
	ck_assert_int_eq(b->state, NAME_GONE);
	names_remove(names, b);
	ck_assert_uint_eq(names_bytes(names), 0);
	ck_assert_uint_eq(statement_count(), 2);
	name_unref(a);
	name_unref(b);
	ck_assert_uint_eq(statement_count(), 0);
	ck_assert_uint_eq(names_total_bytes(), 0);
}
END_TEST

START_TEST(test_name_that_was_not_closed_after_all_is_back)
{
	struct name_entry *a = add("a", "select 1");

	names_confirm(names, a);
	names_close(names, a, 2);
	ck_assert_ptr_eq(names_find(names, "a"), a); /* it is not sure yet */
	ck_assert_int_eq(a->state, NAME_CLOSING);
	ck_assert_uint_eq(names_count(names), 0);
	names_reopen(names, a);
	names_reopen(names, a);
	ck_assert_int_eq(a->state, NAME_KNOWN);
	ck_assert_uint_eq(names_count(names), 1);
}
END_TEST

START_TEST(test_name_given_again_is_found_before_the_one_being_closed)
{
	struct name_entry *a = add("a", "select 1"), *b;

	names_close(names, a, 1);
	b = add("a", "select 2");
	ck_assert_ptr_eq(names_find(names, "a"), b);
	names_remove(names, b);
	ck_assert_ptr_eq(names_find(names, "a"), a);
	names_remove(names, a);
	ck_assert_ptr_null(names_find(names, "a"));
}
END_TEST

START_TEST(test_deallocate_all_leaves_what_is_parsed_behind_it)
{
	struct name_entry *a = add("a", "select 1"), *b = add("b", "select 2");

	names_confirm(names, a);
	names_clear(names);
	ck_assert_ptr_null(names_find(names, "a"));
	ck_assert_ptr_eq(names_find(names, "b"), b);
	names_clear(NULL);
}
END_TEST

START_TEST(test_deallocate_takes_the_name_that_was_expected)
{
	struct name_entry *a = add("a", "select 1");

	names_deallocated(names);
	names_expect(names, a);
	names_expect(names, NULL);
	names_deallocated(names);
	ck_assert_ptr_eq(names_find(names, "a"), a);
	names_expect(names, a);
	names_deallocated(names);
	ck_assert_ptr_null(names_find(names, "a"));
	names_deallocated(NULL);
}
END_TEST

START_TEST(test_many_names)
{
	char name[16];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		add(name, "select 1");
	}
	for (int i = 0; i < 3000; i += 3) {
		snprintf(name, sizeof(name), "s%d", i);
		names_remove(names, names_find(names, name));
	}
	ck_assert_uint_eq(names_count(names), 2000);
	names_clear(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_names_are_found_until_they_are_removed);
	tcase_add_test(core, test_entry_lives_while_it_is_referred_to);
	tcase_add_test(core, test_name_that_was_not_closed_after_all_is_back);
	tcase_add_test(core, test_name_given_again_is_found_before_the_one_being_closed);
	tcase_add_test(core, test_deallocate_all_leaves_what_is_parsed_behind_it);
	tcase_add_test(core, test_deallocate_takes_the_name_that_was_expected);
	tcase_add_test(core, test_many_names);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
