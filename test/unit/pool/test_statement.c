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

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	ck_assert_ptr_ne(a, d);
	ck_assert_uint_eq(statement_count(), 3);
	ck_assert_int_eq(statement_verdict(a)->route, ROUTE_REPLICA);
	ck_assert_str_ne(a->name, c->name);
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

static void prepare(struct statement *statement)
{
	prepared_set_add(&set, statement, 1);
	prepared_set_confirm(&set, statement);
}

START_TEST(test_surplus_is_what_was_not_used_longest)
{
	struct statement *a = make("select 1"), *b = make("select 2"), *c = make("select 3");

	ck_assert_ptr_null(prepared_set_surplus(&set, 0));
	prepare(a);
	prepare(b);
	prepare(b);
	ck_assert_ptr_null(prepared_set_surplus(&set, 2));
	prepare(c);
	ck_assert_ptr_eq(prepared_set_surplus(&set, 2), a);
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_READY);
	ck_assert_ptr_eq(prepared_set_surplus(&set, 2), b);
	prepared_set_remove(&set, b);
	prepared_set_remove(&set, b);
	ck_assert_int_eq(prepared_set_find(&set, b, 1), PREPARED_NOT);
	ck_assert_ptr_null(prepared_set_surplus(&set, 2));
	ck_assert_ptr_eq(prepared_set_surplus(&set, 1), c);
	ck_assert_ptr_eq(prepared_set_surplus(&set, 0), c);
	statement_unref(a);
	statement_unref(b);
	statement_unref(c);
	ck_assert_uint_eq(statement_count(), 2); /* the set keeps its own alive */
}
END_TEST

START_TEST(test_what_is_under_way_is_sure_in_its_own_batch_only)
{
	struct statement *a = make("select 1");

	prepared_set_add(&set, a, 1);
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_READY);
	ck_assert_int_eq(prepared_set_find(&set, a, 2), PREPARED_UNSURE);
	prepared_set_confirm(&set, a);
	ck_assert_int_eq(prepared_set_find(&set, a, 2), PREPARED_READY);
	prepared_set_close(&set, a, 2);
	ck_assert_int_eq(prepared_set_find(&set, a, 2), PREPARED_CLOSING);
	prepared_set_reopen(&set, a);
	ck_assert_int_eq(prepared_set_find(&set, a, 3), PREPARED_READY);
	prepared_set_close(&set, a, 2);
	ck_assert_int_eq(prepared_set_find(&set, a, 3), PREPARED_UNSURE);
	ck_assert_ptr_null(prepared_set_surplus(&set, 0));
	prepared_set_add(&set, a, 2);
	prepared_set_closed(&set, a); /* the Close came before the Parse */
	ck_assert_int_eq(prepared_set_find(&set, a, 2), PREPARED_READY);
	prepared_set_close(&set, a, 3);
	prepared_set_closed(&set, a);
	ck_assert_int_eq(prepared_set_find(&set, a, 3), PREPARED_NOT);
	ck_assert_uint_eq(a->servers, 0);
	statement_unref(a);
}
END_TEST

START_TEST(test_changed_columns_make_the_copies_of_all_servers_stale)
{
	struct statement *a = make("select 1");
	struct prepared_set other;

	prepared_set_init(&other);
	prepare(a);
	prepared_set_add(&other, a, 1);
	prepared_set_confirm(&other, a);
	ck_assert_uint_eq(a->servers, 2);
	prepared_set_outdate(&set, a);
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_STALE);
	ck_assert_int_eq(prepared_set_find(&other, a, 1), PREPARED_STALE);
	prepare(a);
	prepared_set_outdate(&other, a); /* known already */
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_READY);
	prepared_set_spoil(&set, a);
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_STALE);
	prepared_set_clear(&other);
	statement_unref(a);
}
END_TEST

START_TEST(test_deallocate_leaves_what_is_prepared_behind_it)
{
	struct statement *a = make("select 1"), *b = make("select 2");

	prepare(a);
	prepared_set_add(&set, b, 1);
	prepared_set_deallocate(&set);
	ck_assert_int_eq(prepared_set_find(&set, a, 1), PREPARED_NOT);
	ck_assert_int_eq(prepared_set_find(&set, b, 1), PREPARED_READY);
	statement_unref(a);
	statement_unref(b);
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
	tcase_add_test(core, test_what_is_under_way_is_sure_in_its_own_batch_only);
	tcase_add_test(core, test_changed_columns_make_the_copies_of_all_servers_stale);
	tcase_add_test(core, test_deallocate_leaves_what_is_prepared_behind_it);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
