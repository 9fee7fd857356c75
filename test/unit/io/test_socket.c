/* SPDX-License-Identifier: ISC */
#include "io/socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pair[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void teardown(void)
{
	close(pair[0]);
	close(pair[1]);
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

START_TEST(test_descriptors_go_along_with_bytes)
{
	int sent[2], got[SOCKET_FDS_MAX];
	char data[16];
	unsigned count;

	ck_assert_int_eq(pipe(sent), 0);
	ck_assert_int_eq(socket_send_fds(pair[0], "hello", 5, sent, 2), 5);
	ck_assert_int_eq(socket_receive_fds(pair[1], data, sizeof(data), got, &count), 5);
	ck_assert_mem_eq(data, "hello", 5);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(write(got[1], "x", 1), 1);
	ck_assert_int_eq(read(sent[0], data, 1), 1);
	ck_assert_int_ne(fcntl(got[0], F_GETFD) & FD_CLOEXEC, 0);
	close_all(got, count);
	close_all(sent, 2);
}
END_TEST

START_TEST(test_bytes_go_without_descriptors)
{
	int got[SOCKET_FDS_MAX];
	char data[16];
	unsigned count = 7;

	ck_assert_int_eq(socket_send_fds(pair[0], "a", 1, NULL, 0), 1);
	ck_assert_int_eq(socket_receive_fds(pair[1], data, sizeof(data), got, &count), 1);
	ck_assert_uint_eq(count, 0);
	close(pair[0]);
	ck_assert_int_eq(socket_receive_fds(pair[1], data, sizeof(data), got, &count), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(test_no_more_descriptors_go_than_can_be_received)
{
	int many[SOCKET_FDS_MAX + 1], got[SOCKET_FDS_MAX];
	char data[16];
	unsigned count;

	for (unsigned i = 0; i <= SOCKET_FDS_MAX; i++)
		many[i] = pair[0];
	ck_assert_int_eq(socket_send_fds(pair[0], "a", 1, many, SOCKET_FDS_MAX + 1), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(socket_send_fds(pair[0], "a", 1, many, SOCKET_FDS_MAX), 1);
	ck_assert_int_eq(socket_receive_fds(pair[1], data, sizeof(data), got, &count), 1);
	ck_assert_uint_eq(count, SOCKET_FDS_MAX);
	close_all(got, count);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_descriptors_go_along_with_bytes);
	tcase_add_test(core, test_bytes_go_without_descriptors);
	tcase_add_test(core, test_no_more_descriptors_go_than_can_be_received);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
