/* SPDX-License-Identifier: ISC */
#include "admin/stats.h"

#include <check.h>
#include <stdlib.h>

START_TEST(test_counts_are_per_second)
{
	struct pool_stats before = { .queries = 100, .received = 5000 };
	struct pool_stats after = { .queries = 700, .received = 5000 };
	struct pool_stats average;

	stats_average(&before, &after, 60000000, &average);
	ck_assert_uint_eq(average.queries, 10);
	ck_assert_uint_eq(average.received, 0);
}
END_TEST

START_TEST(test_times_are_per_event)
{
	struct pool_stats before = { .queries = 10, .query_usec = 1000, .transactions = 4 };
	struct pool_stats after = { .queries = 14,
				    .query_usec = 1800,
				    .transactions = 4,
				    .server_assignments = 3,
				    .wait_usec = 300 };
	struct pool_stats average;

	stats_average(&before, &after, 1000000, &average);
	ck_assert_uint_eq(average.query_usec, 200);
	ck_assert_uint_eq(average.transaction_usec, 0);
	ck_assert_uint_eq(average.wait_usec, 100);
}
END_TEST

START_TEST(test_no_time_is_no_division_by_zero)
{
	struct pool_stats none = { 0 }, average;

	stats_average(&none, &none, 0, &average);
	ck_assert_uint_eq(average.queries, 0);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("stats");
	Suite *suite = suite_create("admin/stats");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_counts_are_per_second);
	tcase_add_test(tests, test_times_are_per_event);
	tcase_add_test(tests, test_no_time_is_no_division_by_zero);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
