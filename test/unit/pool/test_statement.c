/* SPDX-License-Identifier: ISC */
#include "pool/statement.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct prepared_set set;

static void setup(void)
{
	prepared_set_init(&set);
}

static void teardown(void)
{
	prepared_set_clear(&set);
	ck_assert_uint_eq(statement_count(), 0);
	ck_assert_uint_eq(statement_bytes(), 0);
}

/* A body: text, NUL, no types. */
static struct statement *make(const char *text)
{
	uint8_t body[100] = { 0 };
	uint32_t len = (uint32_t)strlen(text);

	memcpy(body, text, len);
	return statement_intern(body, len + 3, len, 0);
}

START_TEST(test_equal_statements_are_shared)
{
	struct statement *a = make("select 1"), *b = make("select 1"), *c = make("select 2");
	static const uint8_t typed[] = "select 1\0\0\1\0\0\0\x17";
	struct statement *d = statement_intern(typed, sizeof(typed) - 1, 8, 1);
	char name[STATEMENT_NAME_MAX], other[STATEMENT_NAME_MAX];

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	ck_assert_ptr_ne(a, d);
	ck_assert_uint_eq(statement_count(), 3);
	ck_assert_int_eq(a->verdict.route, ROUTE_REPLICA);
	statement_name(a, name);
	statement_name(c, other);
	ck_assert_str_ne(name, other);
	statement_unref(a);
	ck_assert_uint_eq(statement_count(), 3);
	statement_unref(b);
	statement_unref(c);
	statement_unref(d);
	statement_unref(NULL);
}
END_TEST

START_TEST(test_name_of_a_statement_is_never_used_again)
{
	struct statement *a = make("select 1");
	uint64_t id = a->id;

	statement_unref(a);
	a = make("select 1");
	ck_assert_uint_ne(a->id, id);
	statement_unref(a);
}
END_TEST

START_TEST(test_surplus_is_what_was_not_used_longest)
{
	struct statement *a = make("select 1"), *b = make("select 2"), *c = make("select 3");

	ck_assert_ptr_null(prepared_set_surplus(&set, 0));
	prepared_set_add(&set, a);
	prepared_set_add(&set, b);
	prepared_set_add(&set, b);
	ck_assert_ptr_null(prepared_set_surplus(&set, 2));
	prepared_set_add(&set, c);
	ck_assert_ptr_eq(prepared_set_surplus(&set, 2), a);
	ck_assert(prepared_set_has(&set, a));
	ck_assert_ptr_eq(prepared_set_surplus(&set, 2), b);
	prepared_set_remove(&set, b);
	prepared_set_remove(&set, b);
	ck_assert(!prepared_set_has(&set, b));
	ck_assert_ptr_null(prepared_set_surplus(&set, 2));
	ck_assert_ptr_eq(prepared_set_surplus(&set, 1), c);
	ck_assert_ptr_eq(prepared_set_surplus(&set, 0), c);
	statement_unref(a);
	statement_unref(b);
	statement_unref(c);
	ck_assert_uint_eq(statement_count(), 2); /* the set keeps its own alive */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statement");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_equal_statements_are_shared);
	tcase_add_test(core, test_name_of_a_statement_is_never_used_again);
	tcase_add_test(core, test_surplus_is_what_was_not_used_longest);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
