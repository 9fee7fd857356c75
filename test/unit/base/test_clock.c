/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

START_TEST(test_time_stands_still_between_updates)
{
	usec_t before = clock_now(), wall;

	ck_assert_int_ne(before, 0);
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	ck_assert_int_eq(clock_now(), before);
	clock_update();
	ck_assert_int_ge(clock_now(), before + 2 * USEC_PER_MSEC);
	wall = clock_wall(clock_now()) / USEC_PER_SEC;
	ck_assert_int_le(llabs(wall - (int64_t)time(NULL)), 1);
}
END_TEST

START_TEST(test_faked_time_moves_only_when_told)
{
	clock_fake(5 * USEC_PER_SEC);
	clock_update();
	ck_assert_int_eq(clock_now(), 5 * USEC_PER_SEC);
	clock_fake(6 * USEC_PER_SEC);
	ck_assert_int_eq(clock_now(), 6 * USEC_PER_SEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_time_stands_still_between_updates);
	tcase_add_test(core, test_faked_time_moves_only_when_told);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
