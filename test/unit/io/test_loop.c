/* SPDX-License-Identifier: ISC */
#include "io/loop.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct loop loop;
static char story[64];
static int output;

static void tell(char c)
{
	size_t n = strlen(story);

	ck_assert_uint_lt(n, sizeof(story) - 1);
	story[n] = c;
}

static struct task second, last;

static void run_first(struct task *task)
{
	(void)task;
	tell('1');
	loop_post(&loop, &second);
	loop_post(&loop, &second);
	loop_bury(&loop, &last);
}

static void run_second(struct task *task)
{
	(void)task;
	tell('2');
}

static void run_last(struct task *task)
{
	(void)task;
	tell('B');
}

static struct task first = { .run = run_first };

static void flush(void *arg)
{
	ck_assert_ptr_eq(arg, &output);
	tell('F');
	output = output > 0 ? output - 1 : 0;
}

static bool has_output(void *arg)
{
	(void)arg;
	return output > 0;
}

static void setup(void)
{
	loop_init(&loop);
	loop.flush = flush;
	loop.has_output = has_output;
	loop.flush_arg = &output;
	second.run = run_second;
	last.run = run_last;
	memset(story, 0, sizeof(story));
	output = 0;
}

static void teardown(void)
{
	loop.flush = NULL;
	loop.has_output = NULL;
	loop_done(&loop);
}

START_TEST(test_turn_runs_tasks_of_tasks_flushes_and_buries_last)
{
	loop_post(&loop, &first);
	loop_end_turn(&loop);
	ck_assert_str_eq(story, "12FB");
}
END_TEST

START_TEST(test_turn_flushes_until_nothing_is_left)
{
	output = 3;
	loop_bury(&loop, &last);
	loop_end_turn(&loop);
	ck_assert_str_eq(story, "FFFB");
}
END_TEST

static void post_second(void *arg)
{
	flush(arg);
	if (strlen(story) < 2)
		loop_post(&loop, &second);
}

START_TEST(test_task_posted_by_the_flush_runs_in_this_turn)
{
	loop.flush = post_second;
	loop_end_turn(&loop);
	ck_assert_str_eq(story, "F2F");
}
END_TEST

START_TEST(test_canceled_task_does_not_run)
{
	loop_post(&loop, &second);
	task_cancel(&second);
	task_cancel(&second);
	loop_end_turn(&loop);
	ck_assert_str_eq(story, "F");
}
END_TEST

START_TEST(test_burial_takes_the_place_of_a_post)
{
	loop_post(&loop, &last);
	loop_bury(&loop, &last);
	loop_bury(&loop, &last);
	loop_post(&loop, &last);
	loop_end_turn(&loop);
	ck_assert_str_eq(story, "FB");
}
END_TEST

static void stop(struct task *task)
{
	(void)task;
	tell('S');
	loop_stop(&loop);
}

static void on_time(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	tell('T');
	loop_post(&loop, timer->data);
}

START_TEST(test_loop_ends_its_turns_before_it_sleeps)
{
	struct task stopping = { .run = stop };
	struct ev_timer timer;

	ev_timer_init(&timer, on_time, 0., 1.);
	timer.data = &stopping;
	ev_timer_start(loop.ev, &timer);
	loop_run(&loop);
	ev_timer_stop(loop.ev, &timer);
	ck_assert_ptr_nonnull(strstr(story, "TS"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_turn_runs_tasks_of_tasks_flushes_and_buries_last);
	tcase_add_test(core, test_turn_flushes_until_nothing_is_left);
	tcase_add_test(core, test_task_posted_by_the_flush_runs_in_this_turn);
	tcase_add_test(core, test_canceled_task_does_not_run);
	tcase_add_test(core, test_burial_takes_the_place_of_a_post);
	tcase_add_test(core, test_loop_ends_its_turns_before_it_sleeps);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
