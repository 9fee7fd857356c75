/* SPDX-License-Identifier: ISC */
#include "io/deadline.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SEC USEC_PER_SEC
#define BEGINNING (1000 * SEC)

struct item {
	int number;
	struct deadline deadline;
};

static struct loop loop;
static struct deadlines deadlines;
static struct item items[8];
static int fired[16], count;
static void (*also)(struct item *item);

static void expired(struct deadlines *list, struct list_node *node)
{
	struct item *item = deadline_entry(node, struct item, deadline);

	ck_assert_ptr_eq(list, &deadlines);
	ck_assert(!list_has(node));
	fired[count++] = item->number;
	if (also != NULL)
		also(item);
}

static void pass(usec_t time)
{
	clock_fake(clock_now() + time);
	deadlines_run(&deadlines);
}

static void setup(void)
{
	memset(&loop, 0, sizeof(loop));
	memset(items, 0, sizeof(items));
	clock_fake(BEGINNING);
	deadlines_init(&deadlines, &loop, expired);
	for (int i = 0; i < 8; i++)
		items[i].number = i;
	count = 0;
	also = NULL;
}

static void teardown(void)
{
	deadlines_done(&deadlines);
	ck_assert(list_is_empty(&deadlines.list));
}

START_TEST(test_they_fire_in_the_order_of_their_moments)
{
	deadline_set(&deadlines, &items[0].deadline, BEGINNING + 3 * SEC);
	deadline_set(&deadlines, &items[1].deadline, BEGINNING + SEC);
	deadline_set(&deadlines, &items[2].deadline, BEGINNING + 2 * SEC);
	deadline_set(&deadlines, &items[3].deadline, BEGINNING + SEC);
	pass(SEC - 1);
	ck_assert_int_eq(count, 0);
	pass(1);
	ck_assert_int_eq(count, 2);
	ck_assert_int_eq(fired[0], 1);
	ck_assert_int_eq(fired[1], 3); /* as they were set, at the same moment */
	pass(5 * SEC);
	ck_assert_int_eq(count, 4);
	ck_assert_int_eq(fired[2], 2);
	ck_assert_int_eq(fired[3], 0);
}
END_TEST

START_TEST(test_setting_again_moves)
{
	deadline_set(&deadlines, &items[0].deadline, BEGINNING + SEC);
	deadline_set(&deadlines, &items[1].deadline, BEGINNING + 2 * SEC);
	deadline_set(&deadlines, &items[0].deadline, BEGINNING + 3 * SEC);
	ck_assert_uint_eq(deadlines.list.count, 2);
	pass(2 * SEC);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(fired[0], 1);
	deadline_set(&deadlines, &items[0].deadline, BEGINNING);
	pass(0);
	ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(test_cleared_ones_do_not_fire)
{
	deadline_set(&deadlines, &items[0].deadline, BEGINNING + SEC);
	deadline_clear(&items[0].deadline);
	deadline_clear(&items[0].deadline);
	pass(2 * SEC);
	ck_assert_int_eq(count, 0);
}
END_TEST

static void clear_next(struct item *item)
{
	if (item->number < 7)
		deadline_clear(&items[item->number + 1].deadline);
}

START_TEST(test_one_may_clear_the_next)
{
	for (int i = 0; i < 4; i++)
		deadline_set(&deadlines, &items[i].deadline, BEGINNING + SEC);
	also = clear_next;
	pass(SEC);
	ck_assert_int_eq(count, 2);
	ck_assert_int_eq(fired[1], 2);
}
END_TEST

static void set_again(struct item *item)
{
	deadline_set(&deadlines, &item->deadline, clock_now() + SEC);
}

START_TEST(test_one_may_set_itself_again)
{
	deadline_set(&deadlines, &items[0].deadline, BEGINNING + SEC);
	also = set_again;
	pass(SEC);
	pass(SEC / 2);
	pass(SEC / 2);
	ck_assert_int_eq(count, 2);
}
END_TEST

/* A busy list costs no timer work: the timer is left alone, but for an earlier moment. */
START_TEST(test_timer_is_touched_for_an_earlier_moment_only)
{
	struct loop real;
	struct deadlines timed;

	loop_init(&real);
	deadlines_init(&timed, &real, expired);
	deadline_set(&timed, &items[0].deadline, BEGINNING + 10 * SEC);
	ck_assert_int_eq(timed.armed_at, BEGINNING + 10 * SEC);
	deadline_set(&timed, &items[1].deadline, BEGINNING + 20 * SEC);
	ck_assert_int_eq(timed.armed_at, BEGINNING + 10 * SEC);
	deadline_set(&timed, &items[2].deadline, BEGINNING + 5 * SEC);
	ck_assert_int_eq(timed.armed_at, BEGINNING + 5 * SEC);
	deadline_clear(&items[2].deadline);
	ck_assert_int_eq(timed.armed_at, BEGINNING + 5 * SEC);
	ck_assert(ev_is_active(&timed.timer));
	deadlines_done(&timed);
	ck_assert(!ev_is_active(&timed.timer));
	loop_done(&real);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadline");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_they_fire_in_the_order_of_their_moments);
	tcase_add_test(core, test_setting_again_moves);
	tcase_add_test(core, test_cleared_ones_do_not_fire);
	tcase_add_test(core, test_one_may_clear_the_next);
	tcase_add_test(core, test_one_may_set_itself_again);
	tcase_add_test(core, test_timer_is_touched_for_an_earlier_moment_only);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
