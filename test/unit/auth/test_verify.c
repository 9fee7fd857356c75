/* SPDX-License-Identifier: ISC */
#include "auth/verify.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "auth/answer.h"
#include "auth/md5.h"
#include "proto/compose.h"

static struct verify verify;
static struct answer answer;
static struct scram_keys keys;
static uint8_t asked_bytes[2048];
static uint8_t answered_bytes[2048];
static struct writer asked;    /* by us as server */
static struct writer answered; /* by a client */

static char md5[MD5_SECRET_SIZE];
static char scram[256];

static void start(void)
{
	struct scram_secret secret;
	struct text text = { 0 };

	memset(&verify, 0, sizeof(verify));
	memset(&answer, 0, sizeof(answer));
	memset(&keys, 0, sizeof(keys));
	writer_init(&asked, asked_bytes, sizeof(asked_bytes));
	writer_init(&answered, answered_bytes, sizeof(answered_bytes));
	ck_assert(md5_secret("pencil", "alice", md5));
	ck_assert(scram_secret_make("pencil", (const uint8_t *)"saltsaltsaltsalt", 16, 4096,
				    &secret));
	scram_secret_write(&secret, &text);
	strcpy(scram, text.data);
	text_done(&text);
}

static void stop(void)
{
	verify_done(&verify);
	answer_done(&answer);
}

/* The only message in a writer, which is emptied. */
static struct message take(struct writer *writer)
{
	struct message message;

	ck_assert_int_eq(message_find(writer_data(writer), writer->len, MESSAGE_MAX, &message),
			 PEEK_OK);
	ck_assert_uint_eq(message.len, writer->len);
	writer->len = 0;
	return message;
}

/* A whole login of a client (answer.h) with us (verify.h). */
static enum auth_step login(enum auth_method method, const char *stored, const char *password)
{
	enum auth_step step;
	enum auth_step client;
	struct message message;

	step = verify_begin(&verify, method, "alice", stored, NULL, &asked);
	answer_begin(&answer, "alice", password, &keys);
	while (step == AUTH_MORE) {
		message = take(&asked);
		ck_assert_int_eq(message.type, 'R');
		client = answer_input(&answer, message.body, message.body_len, &answered);
		ck_assert_int_eq(client, AUTH_MORE);
		message = take(&answered);
		ck_assert_int_eq(message.type, 'p');
		step = verify_input(&verify, message.body, message.body_len, &asked);
	}
	if (step != AUTH_OK)
		return step;
	if (asked.len != 0) {
		message = take(&asked);
		ck_assert_int_eq(answer_input(&answer, message.body, message.body_len, &answered),
				 AUTH_MORE);
	}
	ck_assert_int_eq(answer_input(&answer, (const uint8_t *)"\0\0\0\0", 4, &answered), AUTH_OK);
	return step;
}

static const enum auth_method methods[] = { METHOD_PLAIN, METHOD_MD5, METHOD_SCRAM };

START_TEST(test_right_password_opens_and_a_wrong_one_does_not)
{
	const char *const stored[] = { "pencil", md5, scram };
	enum auth_method method = methods[_i / 3];
	const char *secret = stored[_i % 3];
	/* SCRAM cannot be verified with an MD5 secret. */
	bool possible = !(method == METHOD_SCRAM && secret == md5);

	ck_assert_int_eq(login(method, secret, "pencil"), possible ? AUTH_OK : AUTH_FAILED);
	stop();
	start();
	ck_assert_int_eq(login(method, secret, "Pencil"), AUTH_FAILED);
	ck_assert_str_eq(verify.sqlstate, "28P01");
	ck_assert_str_eq(verify.message, "password authentication failed for user \"alice\"");
}
END_TEST

START_TEST(test_unknown_user_fails_like_a_wrong_password)
{
	ck_assert_int_eq(login(methods[_i], NULL, "pencil"), AUTH_FAILED);
	ck_assert_str_eq(verify.sqlstate, "28P01");
	ck_assert_str_eq(verify.message, "password authentication failed for user \"alice\"");
	ck_assert_str_eq(verify.detail, "no such user");
	stop();
	start();
	ck_assert_int_eq(login(methods[_i], "", "pencil"), AUTH_FAILED);
	ck_assert_str_eq(verify.sqlstate, "28P01");
}
END_TEST

START_TEST(test_unknown_user_is_asked_under_the_salt_of_a_plain_one)
{
	struct verify other = { 0 };

	verify_begin(&verify, METHOD_SCRAM, "alice", "pencil", NULL, &asked);
	verify_begin(&other, METHOD_SCRAM, "alice", NULL, NULL, &asked);
	ck_assert_mem_eq(verify.scram.secret.salt, other.scram.secret.salt, SCRAM_SALT_MAX);
	ck_assert_uint_eq(verify.scram.secret.iterations, other.scram.secret.iterations);
	verify_done(&other);
}
END_TEST

START_TEST(test_md5_asks_for_scram_if_the_secret_is_scram)
{
	struct message message;

	ck_assert_int_eq(verify_begin(&verify, METHOD_MD5, "alice", scram, NULL, &asked),
			 AUTH_MORE);
	message = take(&asked);
	ck_assert_mem_eq(message.body, "\0\0\0\x0aSCRAM-SHA-256\0\0", 19);
}
END_TEST

START_TEST(test_scram_secret_gives_keys_for_servers)
{
	ck_assert_int_eq(login(METHOD_SCRAM, scram, "pencil"), AUTH_OK);
	ck_assert_uint_eq(verify.keys.salt_len, 16);
	ck_assert_mem_eq(&verify.keys, &keys, sizeof(keys));
	stop();
	start();
	/* Those of a plain secret have our salt, which no server has. */
	ck_assert_int_eq(login(METHOD_SCRAM, "pencil", "pencil"), AUTH_OK);
	ck_assert_uint_eq(verify.keys.salt_len, 0);
	stop();
	start();
	ck_assert_int_eq(login(METHOD_PLAIN, scram, "pencil"), AUTH_OK);
	ck_assert_str_eq(verify.password, "pencil");
}
END_TEST

START_TEST(test_derived_secret_is_kept)
{
	struct scram_secret derived = { 0 };
	struct scram_secret first;

	verify_begin(&verify, METHOD_SCRAM, "alice", "pencil", &derived, &asked);
	ck_assert_uint_eq(derived.iterations, SCRAM_ITERATIONS_DEFAULT);
	ck_assert(scram_verify_plain(&derived, "pencil"));
	verify_done(&verify);
	first = derived;
	verify_begin(&verify, METHOD_SCRAM, "alice", "pencil", &derived, &asked);
	ck_assert_mem_eq(&first, &derived, sizeof(first));
	ck_assert_mem_eq(&verify.scram.secret, &derived, sizeof(first));
}
END_TEST

START_TEST(test_trust_wants_a_known_user_and_any_does_not)
{
	ck_assert_int_eq(verify_begin(&verify, METHOD_TRUST, "alice", "", NULL, &asked), AUTH_OK);
	verify_done(&verify);
	ck_assert_int_eq(verify_begin(&verify, METHOD_ANY, "alice", NULL, NULL, &asked), AUTH_OK);
	verify_done(&verify);
	ck_assert_int_eq(verify_begin(&verify, METHOD_TRUST, "alice", NULL, NULL, &asked),
			 AUTH_FAILED);
	ck_assert_str_eq(verify.message, "\"trust\" authentication failed");
	verify_done(&verify);
	ck_assert_int_eq(verify_begin(&verify, METHOD_REJECT, "alice", "x", NULL, &asked),
			 AUTH_FAILED);
	ck_assert_str_eq(verify.message, "login rejected");
	ck_assert_str_eq(verify.sqlstate, "28000");
	ck_assert_uint_eq(asked.len, 0);
}
END_TEST

START_TEST(test_password_for_others_is_handed_out)
{
	ck_assert_int_eq(verify_begin(&verify, METHOD_LDAP, "alice", NULL, NULL, &asked),
			 AUTH_MORE);
	ck_assert_int_eq(verify_input(&verify, (const uint8_t *)"pencil", 7, &asked),
			 AUTH_ELSEWHERE);
	ck_assert_str_eq(verify.password, "pencil");
}
END_TEST

static const struct {
	enum auth_method method;
	const char *body;
	size_t len;
	const char *message;
} hostile[] = {
	{ METHOD_PLAIN, "", 0, "invalid password packet size" },
	{ METHOD_PLAIN, "pencil", 6, "invalid password packet size" },
	{ METHOD_PLAIN, "pencil\0x", 8, "invalid password packet size" },
	{ METHOD_PLAIN, "pencil\0", 8, "invalid password packet size" },
	{ METHOD_PLAIN, "", 1, "empty password returned by client" },
	{ METHOD_MD5, "", 1, "empty password returned by client" },
	{ METHOD_SCRAM, "", 0, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256", 13, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256\0\0\0\0", 17, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256\0\xff\xff\xff\xff", 18, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256\0\0\0\0\4abc", 21, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256\0\0\0\0\2abc", 21, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256\0\0\0\0\0", 18, "SASL authentication failed" },
	{ METHOD_SCRAM, "SCRAM-SHA-256-PLUS\0\0\0\0\1n", 24,
	  "client selected an invalid SASL authentication mechanism" },
};

START_TEST(test_hostile_messages_fail)
{
	verify_begin(&verify, hostile[_i].method, "alice", "pencil", NULL, &asked);
	ck_assert_int_eq(
		verify_input(&verify, (const uint8_t *)hostile[_i].body, hostile[_i].len, &asked),
		AUTH_FAILED);
	ck_assert_str_eq(verify.message, hostile[_i].message);
}
END_TEST

START_TEST(test_sizes_are_bounded)
{
	static uint8_t body[VERIFY_INPUT_MAX + 1];

	memset(body, 'x', sizeof(body) - 1);
	verify_begin(&verify, METHOD_PLAIN, "alice", "pencil", NULL, &asked);
	ck_assert_uint_eq(verify_input_max(&verify), VERIFY_INPUT_MAX);
	ck_assert_int_eq(verify_input(&verify, body, sizeof(body), &asked), AUTH_FAILED);
	ck_assert_str_eq(verify.sqlstate, "08P01");
	verify_done(&verify);
	verify_begin(&verify, METHOD_SCRAM, "alice", "pencil", NULL, &asked);
	ck_assert_uint_lt(verify_input_max(&verify), 2000);
	ck_assert_int_eq(verify_input(&verify, body, 2000, &asked), AUTH_FAILED);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("verify");
	Suite *suite = suite_create("auth/verify");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_loop_test(tests, test_right_password_opens_and_a_wrong_one_does_not, 0, 9);
	tcase_add_loop_test(tests, test_unknown_user_fails_like_a_wrong_password, 0, 3);
	tcase_add_test(tests, test_unknown_user_is_asked_under_the_salt_of_a_plain_one);
	tcase_add_test(tests, test_md5_asks_for_scram_if_the_secret_is_scram);
	tcase_add_test(tests, test_scram_secret_gives_keys_for_servers);
	tcase_add_test(tests, test_derived_secret_is_kept);
	tcase_add_test(tests, test_trust_wants_a_known_user_and_any_does_not);
	tcase_add_test(tests, test_password_for_others_is_handed_out);
	tcase_add_loop_test(tests, test_hostile_messages_fail, 0,
			    (int)(sizeof(hostile) / sizeof(hostile[0])));
	tcase_add_test(tests, test_sizes_are_bounded);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
