/* SPDX-License-Identifier: ISC */
#include "io/resolver.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lookups; the system's hosts file has localhost. */

static struct loop loop;
static struct resolver *resolver;
static struct lookup lookups[50];
static int answers, addresses, failures;
static bool again;

static const struct resolver_options options = {
	.max_ttl = 15 * USEC_PER_SEC,
	.negative_ttl = 15 * USEC_PER_SEC,
};

static void on_done(struct lookup *lookup, const struct addr_list *list, usec_t until,
		    const char *error)
{
	answers++;
	ck_assert_int_gt(until, clock_now());
	if (list == NULL) {
		ck_assert_ptr_nonnull(error);
		failures++;
	} else {
		ck_assert_ptr_null(error);
		addresses += (int)list->count;
		for (unsigned i = 0; i < list->count; i++)
			if (!addr_is_unix(&list->addrs[i]))
				ck_assert_uint_eq(addr_port(&list->addrs[i]), 5432);
	}
	if (again) {
		again = false;
		lookup_start(lookup, resolver, "localhost", 5432, on_done);
	}
}

static void setup(void)
{
	memset(lookups, 0, sizeof(lookups));
	answers = addresses = failures = 0;
	again = false;
	loop_init(&loop);
	resolver = resolver_new(&loop, &options);
}

static void teardown(void)
{
	resolver_free(resolver);
	loop_done(&loop);
}

/* Turns until nothing is on its way. */
static void run(void)
{
	for (int i = 0; i < 200 && (resolver_queries(resolver) > 0 || !list_is_empty(&loop.tasks));
	     i++)
		ev_run(loop.ev, resolver_queries(resolver) > 0 ? EVRUN_ONCE : EVRUN_NOWAIT);
	loop_end_turn(&loop);
}

START_TEST(test_answers_come_from_the_loop_and_never_at_once)
{
	lookup_start(&lookups[0], resolver, "127.0.0.1", 5432, on_done);
	lookup_start(&lookups[1], resolver, "localhost", 5432, on_done);
	lookup_start(&lookups[2], resolver, "/tmp", 5432, on_done);
	ck_assert_int_eq(answers, 0);
	run();
	ck_assert_int_eq(answers, 3);
	ck_assert_int_ge(addresses, 3);
	ck_assert_int_eq(failures, 0);
	ck_assert_uint_eq(resolver_names(resolver), 1);
}
END_TEST

START_TEST(test_cancelled_lookups_are_not_answered)
{
	for (int i = 0; i < 50; i++)
		lookup_start(&lookups[i], resolver, i % 2 != 0 ? "localhost" : "::1", 5432,
			     on_done);
	for (int i = 0; i < 50; i++)
		if (i >= 2)
			lookup_cancel(&lookups[i]);
	run();
	ck_assert_int_eq(answers, 2);
	lookup_cancel(&lookups[0]);
}
END_TEST

START_TEST(test_call_may_ask_again)
{
	again = true;
	lookup_start(&lookups[0], resolver, "localhost", 5432, on_done);
	run();
	ck_assert_int_eq(answers, 2);
}
END_TEST

START_TEST(test_unknown_name_is_believed_for_a_while)
{
	lookup_start(&lookups[0], resolver, "a.name.without.address.invalid", 5432, on_done);
	/* A reload with other name servers in between loses nobody. */
	resolver_reconfigure(resolver,
			     &(struct resolver_options){ .max_ttl = USEC_PER_SEC,
							 .negative_ttl = 60 * USEC_PER_SEC,
							 .resolv_conf = "/dev/null" });
	ck_assert_int_eq(answers, 0);
	lookup_cancel(&lookups[0]);
}
END_TEST

START_TEST(test_end_drops_what_is_on_its_way)
{
	lookup_start(&lookups[0], resolver, "localhost", 5432, on_done);
	lookup_start(&lookups[1], resolver, "127.0.0.1", 5432, on_done);
	lookup_start(&lookups[2], resolver, "another.name.invalid", 5432, on_done);
	resolver_free(resolver);
	loop_end_turn(&loop);
	ck_assert_int_eq(answers, 0);
	resolver = resolver_new(&loop, &options);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resolver");
	TCase *ask = tcase_create("ask");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(ask, setup, teardown);
	tcase_add_test(ask, test_answers_come_from_the_loop_and_never_at_once);
	tcase_add_test(ask, test_cancelled_lookups_are_not_answered);
	tcase_add_test(ask, test_call_may_ask_again);
	tcase_add_test(ask, test_unknown_name_is_believed_for_a_while);
	tcase_add_test(ask, test_end_drops_what_is_on_its_way);
	suite_add_tcase(suite, ask);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
