/* SPDX-License-Identifier: ISC */
#include "auth/answer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "auth/md5.h"
#include "proto/compose.h"

#define OK "\0\0\0\0"
#define CLEARTEXT "\0\0\0\3"
#define MD5 "\0\0\0\5\1\2\3\4"
#define SASL "\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
#define SCRAM_SECRET                                                                               \
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"                                             \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static struct answer answer;
static struct scram_keys keys;
static uint8_t bytes[1024];
static struct writer writer;

static void start(void)
{
	memset(&answer, 0, sizeof(answer));
	memset(&keys, 0, sizeof(keys));
	writer_init(&writer, bytes, sizeof(bytes));
}

static void stop(void)
{
	answer_done(&answer);
}

#define ask(s) answer_input(&answer, (const uint8_t *)(s), sizeof(s) - 1, &writer)

START_TEST(test_trust_needs_nothing)
{
	answer_begin(&answer, "alice", NULL, NULL);
	ck_assert_int_eq(ask(OK), AUTH_OK);
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

START_TEST(test_cleartext_gets_the_password)
{
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask(CLEARTEXT), AUTH_MORE);
	ck_assert_mem_eq(bytes, "p\0\0\0\x0bpencil\0", 12);
	ck_assert_int_eq(ask(OK), AUTH_OK);
}
END_TEST

START_TEST(test_md5_is_answered_from_password_and_secret)
{
	char secret[MD5_SECRET_SIZE];
	char expected[MD5_SECRET_SIZE];

	ck_assert(md5_secret("pencil", "alice", secret));
	ck_assert(md5_answer(secret, (const uint8_t *)"\1\2\3\4", expected));
	answer_begin(&answer, "alice", _i == 0 ? "pencil" : secret, NULL);
	ck_assert_int_eq(ask(MD5), AUTH_MORE);
	ck_assert_uint_eq(writer.len, 5 + MD5_SECRET_SIZE);
	ck_assert_str_eq((char *)bytes + 5, expected);
}
END_TEST

static const struct {
	const char *secret;
	const char *reason;
} wrong[] = {
	{ NULL, "no password for the server" },
	{ "", "no password for the server" },
	{ SCRAM_SECRET, "wrong password type" },
	{ "md5900150983cd24fb0d6963f7d28e17f72", "wrong password type" },
};

START_TEST(test_secret_of_the_wrong_kind_fails)
{
	answer_begin(&answer, "alice", wrong[_i].secret, NULL);
	ck_assert_int_eq(ask(CLEARTEXT), AUTH_FAILED);
	ck_assert_str_eq(answer.reason, wrong[_i].reason);
	stop();
	/* Keys that were never filled are none. */
	answer_begin(&answer, "alice", wrong[_i].secret, &keys);
	ck_assert_int_eq(ask(SASL), AUTH_FAILED);
	ck_assert_str_eq(answer.reason, wrong[_i].reason);
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

START_TEST(test_scram_starts_with_password_or_keys)
{
	if (_i == 1)
		keys.salt_len = 16;
	answer_begin(&answer, "alice", _i == 0 ? "pencil" : SCRAM_SECRET, &keys);
	ck_assert_int_eq(ask(SASL), AUTH_MORE);
	ck_assert_mem_eq(bytes, "p\0\0\0\x36SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=", 31);
	ck_assert_uint_eq(writer.len, 55);
}
END_TEST

START_TEST(test_server_may_not_skip_its_proof)
{
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask(SASL), AUTH_MORE);
	ck_assert_int_eq(ask(OK), AUTH_FAILED);
	ck_assert_str_eq(answer.reason, "SCRAM exchange cut short");
}
END_TEST

START_TEST(test_server_may_not_end_before_it_began)
{
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask("\0\0\0\x0cv=AAAA"), AUTH_FAILED);
	stop();
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask(SASL), AUTH_MORE);
	ck_assert_int_eq(ask("\0\0\0\x0cv=AAAA"), AUTH_FAILED);
	ck_assert_int_eq(ask(OK), AUTH_FAILED);
}
END_TEST

START_TEST(test_server_may_not_ask_for_less_after_scram)
{
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask(SASL), AUTH_MORE);
	writer.len = 0;
	ck_assert_int_eq(ask(CLEARTEXT), AUTH_FAILED);
	ck_assert_str_eq(answer.reason, "asked for a password twice");
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

START_TEST(test_malformed_or_unknown_requests_fail)
{
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask(""), AUTH_FAILED);
	ck_assert_int_eq(ask("\0\0\0"), AUTH_FAILED);
	ck_assert_int_eq(ask(OK "x"), AUTH_FAILED);
	ck_assert_int_eq(ask("\0\0\0\7"), AUTH_FAILED);
	ck_assert_str_eq(answer.reason, "unsupported authentication method");
	stop();
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask("\0\0\0\5\1\2\3"), AUTH_FAILED);
	stop();
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask("\0\0\0\x0aSCRAM-SHA-256"), AUTH_FAILED);
	stop();
	answer_begin(&answer, "alice", "pencil", NULL);
	ck_assert_int_eq(ask("\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0"), AUTH_FAILED);
	ck_assert_str_eq(answer.reason,
			 "none of the server's SASL authentication mechanisms are supported");
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("answer");
	Suite *suite = suite_create("auth/answer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_trust_needs_nothing);
	tcase_add_test(tests, test_cleartext_gets_the_password);
	tcase_add_loop_test(tests, test_md5_is_answered_from_password_and_secret, 0, 2);
	tcase_add_loop_test(tests, test_secret_of_the_wrong_kind_fails, 0, 4);
	tcase_add_loop_test(tests, test_scram_starts_with_password_or_keys, 0, 2);
	tcase_add_test(tests, test_server_may_not_skip_its_proof);
	tcase_add_test(tests, test_server_may_not_end_before_it_began);
	tcase_add_test(tests, test_server_may_not_ask_for_less_after_scram);
	tcase_add_test(tests, test_malformed_or_unknown_requests_fail);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
