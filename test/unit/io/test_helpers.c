/* SPDX-License-Identifier: ISC */
/* This very program is the helper, when it is run with an argument. */
#include "io/helpers.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define ARGUMENT "--help-a-test"
#define PATIENCE (200 * USEC_PER_MSEC)
#define REST (100 * USEC_PER_MSEC)

static struct loop loop;
static struct helpers helpers;
static struct helper_call calls[HELPER_QUEUE_MAX + HELPERS_MAX + 2];
static struct helper_call *last; /* that got an answer */
static unsigned answered, wanted;

/* "hang", "die", or else an echo. */
static size_t answer_test(const char *question, size_t len, char *answer)
{
	if (strcmp(question, "hang") == 0)
		pause();
	if (strcmp(question, "die") == 0)
		raise(SIGKILL);
	memcpy(answer, question, len);
	return len;
}

static void on_answered(struct helper_call *call)
{
	if (call->answer != NULL)
		last = call;
	if (++answered == wanted)
		loop_stop(&loop);
}

static bool ask(unsigned i, const char *queue, const char *question)
{
	calls[i].answered = on_answered;
	return helpers_ask(&helpers, &calls[i], queue, mem_string(question), strlen(question));
}

/* Runs until so many more are answered. */
static void await(unsigned count)
{
	wanted = answered + count;
	loop_run(&loop);
}

static void setup(void)
{
	memset(calls, 0, sizeof(calls));
	answered = 0;
	loop_init(&loop);
	helpers_init(&helpers, &loop, ARGUMENT, PATIENCE, REST);
}

static void teardown(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		helper_call_cancel(&calls[i]);
	helpers_done(&helpers);
	loop_done(&loop);
}

static pid_t helper_pid(unsigned i)
{
	return helpers.helpers[i].child.pid;
}

START_TEST(test_one_helper_answers_one_after_the_other)
{
	ck_assert(ask(0, "one", "alpha"));
	await(1);
	ck_assert_str_eq(calls[0].answer, "alpha");
	ck_assert(ask(1, "two", "beta"));
	await(1);
	ck_assert_str_eq(calls[1].answer, "beta");
	ck_assert_int_eq(helpers.helpers[0].state, HELPER_IDLE);
	ck_assert_int_eq(helpers.helpers[1].state, HELPER_NONE);
}
END_TEST

START_TEST(test_what_hangs_is_killed_and_replaced)
{
	ck_assert(ask(0, "one", "hang"));
	await(1);
	ck_assert_ptr_null(calls[0].answer);
	ck_assert_str_eq(calls[0].why, "no answer in time, killed");
	ck_assert(ask(1, "one", "alpha"));
	await(1);
	ck_assert_str_eq(calls[1].answer, "alpha");
}
END_TEST

START_TEST(test_a_helper_that_dies_costs_its_question_only)
{
	ck_assert(ask(0, "one", "die"));
	ck_assert(ask(1, "one", "alpha"));
	await(2);
	ck_assert_ptr_null(calls[0].answer);
	ck_assert_ptr_nonnull(calls[0].why);
	ck_assert_str_eq(calls[1].answer, "alpha");
}
END_TEST

START_TEST(test_one_queue_never_has_all_helpers)
{
	unsigned i;

	for (i = 0; i < HELPERS_OF_ONE_QUEUE + HELPER_QUEUE_MAX; i++)
		ck_assert(ask(i, "one", "hang"));
	ck_assert(!ask(i, "one", "hang"));
	ck_assert(ask(i + 1, "two", "alpha"));
	await(1);
	ck_assert_str_eq(calls[i + 1].answer, "alpha");
	ck_assert_int_eq(helpers.helpers[HELPERS_MAX - 1].state, HELPER_IDLE);
}
END_TEST

START_TEST(test_who_leaves_is_told_nothing_and_frees_the_helper)
{
	unsigned i;

	for (i = 0; i < HELPERS_OF_ONE_QUEUE; i++)
		ck_assert(ask(i, "one", "hang"));
	ck_assert(ask(i, "one", "alpha"));
	ck_assert(ask(i + 1, "one", "beta"));
	helper_call_cancel(&calls[i]);
	for (unsigned k = 0; k < i; k++)
		helper_call_cancel(&calls[k]);
	await(1);
	ck_assert_str_eq(calls[i + 1].answer, "beta");
	ck_assert_int_eq(answered, 1);
}
END_TEST

START_TEST(test_a_question_that_is_too_long_is_refused)
{
	char *question = mem_zero(HELPERS_QUESTION_MAX + 1);

	ck_assert(!helpers_ask(&helpers, &calls[0], "one", question, HELPERS_QUESTION_MAX + 1));
	ck_assert_uint_eq(helpers.waiting_bytes, 0);
}
END_TEST

START_TEST(test_what_waits_for_all_takes_bounded_memory)
{
	unsigned i = 0, count = HELPERS_WAITING_BYTES_MAX / HELPERS_QUESTION_MAX;

	for (; i < HELPERS_OF_ONE_QUEUE; i++)
		ck_assert(ask(i, "one", "hang"));
	for (; i < HELPERS_OF_ONE_QUEUE + count; i++)
		ck_assert(helpers_ask(&helpers, &calls[i], "one", mem_zero(HELPERS_QUESTION_MAX),
				      HELPERS_QUESTION_MAX));
	ck_assert(!ask(i, "one", "x"));
	helper_call_cancel(&calls[i - 1]);
	ck_assert(ask(i, "one", "x"));
	ck_assert_uint_eq(helpers.waiting_bytes, (count - 1) * HELPERS_QUESTION_MAX + 1);
}
END_TEST

static struct helper_queue *queue_of(unsigned i)
{
	return calls[i].queue;
}

START_TEST(test_a_queue_knows_what_came_of_its_questions)
{
	unsigned i;

	ck_assert(ask(0, "one", "alpha"));
	ck_assert_uint_eq(queue_of(0)->busy, 1);
	await(1);
	ck_assert_uint_eq(queue_of(0)->busy, 0);
	ck_assert_uint_eq(queue_of(0)->asked.count, 0);
	for (i = 1; i <= HELPERS_OF_ONE_QUEUE; i++)
		ck_assert(ask(i, "one", "hang"));
	ck_assert(ask(i, "one", "beta"));
	ck_assert_uint_eq(queue_of(i)->waiting.count, 1);
	ck_assert_uint_eq(queue_of(i)->bytes, 4);
	helper_call_cancel(&calls[i]);
	helper_call_cancel(&calls[1]);
	ck_assert_uint_eq(queue_of(0)->left, 2);
	ck_assert_uint_eq(queue_of(0)->busy, HELPERS_OF_ONE_QUEUE);
	await(HELPERS_OF_ONE_QUEUE - 1);
	ck_assert_uint_eq(helpers.lost, HELPERS_OF_ONE_QUEUE);
	ck_assert_uint_eq(helpers.started, HELPERS_OF_ONE_QUEUE);
	ck_assert_uint_eq(queue_of(0)->busy, 0);
}
END_TEST

START_TEST(test_who_waits_the_longest_is_asked_first_whatever_its_queue)
{
	unsigned i = 0;

	for (; i < HELPERS_OF_ONE_QUEUE; i++)
		ck_assert(ask(i, "one", "hang"));
	ck_assert(ask(i++, "two", "hang"));
	ck_assert(ask(i, "three", "early"));
	calls[i++].asked_at -= 1;
	ck_assert(ask(i, "two", "late"));
	kill(helper_pid(0), SIGKILL);
	while (calls[i].answer == NULL)
		ev_run(loop.ev, EVRUN_ONCE);
	ck_assert_str_eq(calls[i - 1].answer, "early");
	ck_assert_ptr_eq(last, &calls[i - 1]); /* the other one is about to be told */
}
END_TEST

START_TEST(test_queues_at_rest_make_room)
{
	char name[32];
	unsigned i;

	for (i = 0; i < HELPER_QUEUES_MAX; i++) {
		snprintf(name, sizeof(name), "queue %u", i);
		ck_assert(ask(i, name, "alpha"));
		await(1);
		calls[i].queue->used_at = (usec_t)i + 1; /* the first rests the longest */
	}
	ck_assert(ask(i, "one more", "alpha"));
	ck_assert_uint_eq(helpers.queues.count, HELPER_QUEUES_MAX);
	ck_assert_str_eq(calls[0].queue->name, "one more");
	await(1);
}
END_TEST

START_TEST(test_an_answer_that_nobody_was_told_of_goes_with_the_helpers)
{
	ck_assert(ask(0, "one", "alpha"));
	while (calls[0].answer == NULL)
		ev_run(loop.ev, EVRUN_ONCE);
	helpers_done(&helpers);
	helper_call_cancel(&calls[0]);
	ck_assert_uint_eq(answered, 0);
}
END_TEST

START_TEST(test_a_helper_that_does_not_end_is_killed)
{
	ck_assert(ask(0, "one", "alpha"));
	await(1);
	kill(helper_pid(0), SIGSTOP);
	while (helpers.helpers[0].state != HELPER_NONE)
		ev_run(loop.ev, EVRUN_ONCE);
}
END_TEST

START_TEST(test_helpers_end_with_the_loop)
{
	pid_t pid;

	ck_assert(ask(0, "one", "alpha"));
	await(1);
	pid = helper_pid(0);
	ck_assert_int_eq(kill(pid, 0), 0);
	helpers_done(&helpers);
	ck_assert_int_eq(helpers.helpers[0].state, HELPER_NONE);
}
END_TEST

static void look_for_end(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
	if (helpers.helpers[0].state == HELPER_NONE)
		loop_stop(&loop);
}

START_TEST(test_a_helper_that_nobody_asks_goes)
{
	struct ev_timer timer;

	ck_assert(ask(0, "one", "alpha"));
	await(1);
	ev_timer_init(&timer, look_for_end, 0.005, 0.005);
	ev_timer_start(loop.ev, &timer);
	loop_run(&loop);
	ev_timer_stop(loop.ev, &timer);
	ck_assert(ask(1, "one", "beta"));
	await(1);
	ck_assert_str_eq(calls[1].answer, "beta");
}
END_TEST

static int run(void)
{
	Suite *suite = suite_create("helpers");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_one_helper_answers_one_after_the_other);
	tcase_add_test(tcase, test_what_hangs_is_killed_and_replaced);
	tcase_add_test(tcase, test_a_helper_that_dies_costs_its_question_only);
	tcase_add_test(tcase, test_one_queue_never_has_all_helpers);
	tcase_add_test(tcase, test_who_leaves_is_told_nothing_and_frees_the_helper);
	tcase_add_test(tcase, test_a_question_that_is_too_long_is_refused);
	tcase_add_test(tcase, test_a_helper_that_nobody_asks_goes);
	tcase_add_test(tcase, test_what_waits_for_all_takes_bounded_memory);
	tcase_add_test(tcase, test_a_queue_knows_what_came_of_its_questions);
	tcase_add_test(tcase, test_who_waits_the_longest_is_asked_first_whatever_its_queue);
	tcase_add_test(tcase, test_queues_at_rest_make_room);
	tcase_add_test(tcase, test_an_answer_that_nobody_was_told_of_goes_with_the_helpers);
	tcase_add_test(tcase, test_a_helper_that_does_not_end_is_killed);
	tcase_add_test(tcase, test_helpers_end_with_the_loop);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], ARGUMENT) == 0)
		helper_run(answer_test);
	return run();
}
