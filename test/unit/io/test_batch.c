/* SPDX-License-Identifier: ISC */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "io/batch.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct batch *batch;
static ssize_t results[BATCH_SENDS];
static int told;

static void sent(void *who, ssize_t result)
{
	results[(size_t)who] = result;
	told++;
}

static void setup(void)
{
	batch = batch_new(); /* NULL where the kernel forbids it: then there is nothing to test */
	told = 0;
}

static void teardown(void)
{
	batch_free(batch);
}

static void pair(int *ends)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
}

START_TEST(test_all_sends_arrive_and_each_is_told)
{
	static char hello[] = "hello there";
	static int ends[BATCH_SENDS][2];
	char buffer[16];

	if (batch == NULL)
		return;
	for (size_t i = 0; i < BATCH_SENDS; i++) {
		struct iovec pieces[2] = { { hello, 6 }, { hello + 6, 5 } };

		pair(ends[i]);
		ck_assert(batch_add(batch, ends[i][0], pieces, i % 2 == 0 ? 2 : 1, (void *)i));
	}
	ck_assert(!batch_add(batch, ends[0][0], &(struct iovec){ hello, 1 }, 1, NULL));
	batch_run(batch, sent);
	ck_assert_int_eq(told, BATCH_SENDS);
	for (size_t i = 0; i < BATCH_SENDS; i++) {
		ssize_t n = i % 2 == 0 ? 11 : 6;

		ck_assert_int_eq(results[i], n);
		ck_assert_int_eq(read(ends[i][1], buffer, sizeof(buffer)), n);
		ck_assert_int_eq(memcmp(buffer, "hello there", (size_t)n), 0);
		close(ends[i][0]);
		close(ends[i][1]);
	}
}
END_TEST

START_TEST(test_full_and_broken_sockets_are_told_apart)
{
	static char much[1 << 20];
	struct iovec piece = { much, sizeof(much) };
	int full[2], broken[2];

	if (batch == NULL)
		return;
	pair(full);
	pair(broken);
	close(broken[1]);
	ck_assert(batch_add(batch, full[0], &piece, 1, (void *)0));
	ck_assert(batch_add(batch, broken[0], &piece, 1, (void *)1));
	batch_run(batch, sent);
	ck_assert_int_eq(told, 2);
	ck_assert_int_gt(results[0], 0);
	ck_assert_int_lt(results[0], (ssize_t)sizeof(much));
	ck_assert_int_eq(results[1], -EPIPE);
	ck_assert(batch_add(batch, full[0], &piece, 1, (void *)2));
	batch_run(batch, sent);
	ck_assert_int_eq(results[2], -EAGAIN);
	close(full[0]);
	close(full[1]);
	close(broken[0]);
}
END_TEST

START_TEST(test_empty_batch_is_nothing)
{
	if (batch == NULL)
		return;
	batch_run(batch, sent);
	ck_assert_int_eq(told, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_all_sends_arrive_and_each_is_told);
	tcase_add_test(core, test_full_and_broken_sockets_are_told_apart);
	tcase_add_test(core, test_empty_batch_is_nothing);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
