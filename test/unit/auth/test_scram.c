/* SPDX-License-Identifier: ISC */
#include "auth/scram.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The exchange of RFC 7677, section 3. */
#define CLIENT_FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define SERVER_FIRST                                                                               \
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define FINAL_BARE "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CLIENT_FINAL FINAL_BARE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

/* What PostgreSQL stores for "pencil" under that salt. */
#define SECRET                                                                                     \
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"                                             \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static struct scram_server server;
static struct scram_client client;
static struct text out;

static void start(void)
{
	struct scram_secret secret;

	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	memset(&out, 0, sizeof(out));
	ck_assert(scram_secret_read(SECRET, &secret));
	strcpy(server.server_nonce, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	ck_assert(scram_server_start(&server, &secret, false));
	strcpy(client.client_nonce, "rOprNGfwEbeRWgbNEkqO");
	client.user = "user";
}

static void stop(void)
{
	scram_server_done(&server);
	scram_client_done(&client);
	text_done(&out);
}

/* Inputs live in memory of their exact size, so that a sanitizer sees a byte read too many. */
static enum scram_step to_server(const char *message)
{
	size_t len = strlen(message);
	char *copy = malloc(len + 1);
	enum scram_step step;

	memcpy(copy, message, len);
	text_clear(&out);
	step = scram_server_input(&server, copy, len, &out);
	free(copy);
	return step;
}

static enum scram_step to_client(const char *message)
{
	text_clear(&out);
	return scram_client_input(&client, message, strlen(message), &out);
}

START_TEST(test_server_speaks_as_rfc_7677)
{
	ck_assert_int_eq(to_server(CLIENT_FIRST), SCRAM_MORE);
	ck_assert_str_eq(out.data, SERVER_FIRST);
	ck_assert_int_eq(to_server(CLIENT_FINAL), SCRAM_DONE);
	ck_assert_str_eq(out.data, SERVER_FINAL);
	ck_assert_uint_eq(server.keys.iterations, 4096);
	ck_assert_int_eq(to_server(CLIENT_FINAL), SCRAM_BROKEN);
}
END_TEST

START_TEST(test_client_speaks_as_rfc_7677)
{
	struct scram_keys keys = { 0 };

	ck_assert(scram_client_start(&client, "pencil", &keys, &out));
	ck_assert_str_eq(out.data, CLIENT_FIRST);
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	ck_assert_str_eq(out.data, CLIENT_FINAL);
	ck_assert_int_eq(to_client(SERVER_FINAL), SCRAM_DONE);
	ck_assert_uint_eq(keys.salt_len, 16);
	ck_assert_int_eq(to_client(SERVER_FINAL), SCRAM_BROKEN);
}
END_TEST

START_TEST(test_keys_of_a_login_log_in_elsewhere)
{
	struct scram_keys keys;

	to_server(CLIENT_FIRST);
	ck_assert_int_eq(to_server(CLIENT_FINAL), SCRAM_DONE);
	keys = server.keys;
	text_clear(&out);
	ck_assert(scram_client_start(&client, NULL, &keys, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	ck_assert_str_eq(out.data, CLIENT_FINAL);
	ck_assert_int_eq(to_client(SERVER_FINAL), SCRAM_DONE);
}
END_TEST

START_TEST(test_keys_of_another_salt_are_not_tried)
{
	struct scram_keys keys = { .iterations = 4096, .salt_len = 16 };

	ck_assert(scram_client_start(&client, NULL, &keys, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_REFUSED);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_remembered_keys_spare_the_password)
{
	struct scram_keys keys = { 0 };

	ck_assert(scram_client_start(&client, "pencil", &keys, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	scram_client_done(&client);
	strcpy(client.client_nonce, "rOprNGfwEbeRWgbNEkqO");
	client.user = "user";
	/* A wrong password shows that it is not hashed. */
	ck_assert(scram_client_start(&client, "chalk", &keys, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	ck_assert_str_eq(out.data, CLIENT_FINAL);
}
END_TEST

START_TEST(test_wrong_proof_is_refused)
{
	to_server(CLIENT_FIRST);
	ck_assert_int_eq(to_server(FINAL_BARE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			 SCRAM_REFUSED);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_uint_eq(server.keys.salt_len, 0);
}
END_TEST

START_TEST(test_mock_refuses_even_a_right_proof)
{
	struct scram_secret secret = server.secret;

	ck_assert(scram_server_start(&server, &secret, true));
	to_server(CLIENT_FIRST);
	ck_assert_int_eq(to_server(CLIENT_FINAL), SCRAM_REFUSED);
	ck_assert_uint_eq(server.keys.salt_len, 0);
}
END_TEST

START_TEST(test_mock_secret_is_stable_and_of_the_user)
{
	struct scram_secret a;
	struct scram_secret b;

	ck_assert(scram_secret_mock("alice", &a));
	ck_assert(scram_secret_mock("alice", &b));
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_uint_eq(a.salt_len, 16);
	ck_assert(scram_secret_mock("bob", &b));
	ck_assert_mem_ne(a.salt, b.salt, 16);
}
END_TEST

START_TEST(test_client_without_binding_may_say_so)
{
	ck_assert_int_eq(to_server("y,,n=,r=abc"), SCRAM_MORE);
	/* c= must be that of "y,,". */
	ck_assert_int_eq(to_server("c=biws,r=abc%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAA"),
			 SCRAM_BROKEN);
	ck_assert_str_eq(server.why, "channel binding does not match");
}
END_TEST

static const char *const bad_first[] = {
	"",
	"n",
	"n,",
	"n,,",
	"x,,n=,r=abc",
	"p=tls-server-end-point,,n=,r=abc",
	"n,a=bob,n=,r=abc",
	"n,x,n=,r=abc",
	"n,,m=x,n=,r=abc",
	"n,,r=abc",
	"n,,n=",
	"n,,n=,",
	"n,,n=,r=",
	"n,,n=,r",
	"n,,n=,r=a\x01",
	"n,,n=,r=\xff",
	"n,,n=,x=abc",
};

START_TEST(test_malformed_first_messages_break)
{
	ck_assert_int_eq(to_server(bad_first[_i]), SCRAM_BROKEN);
	ck_assert_ptr_nonnull(server.why);
	ck_assert_int_eq(to_server(CLIENT_FIRST), SCRAM_BROKEN);
}
END_TEST

#define NONCE "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static const char *const bad_final[] = {
	"",
	"c=biws",
	"c=biws,",
	"c=biws," NONCE,
	"c=biws," NONCE ",",
	"c=biws," NONCE ",x=y",
	"c=biws," NONCE "," PROOF ",",
	"c=biws," NONCE "," PROOF ",x=y",
	"c=biws," NONCE ",p=",
	"c=biws," NONCE ",p=AAAA",
	"c=biws," NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ",
	"c=biws," NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndV==",
	"c=biws," NONCE ",p=d zbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	"c=biws,r=rOprNGfwEbeRWgbNEkqO," PROOF,
	"c=biws,r=xOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," PROOF,
	"c=biws,r=," PROOF,
	"c=eSws," NONCE "," PROOF,
	NONCE "," PROOF,
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
};

START_TEST(test_malformed_final_messages_break)
{
	ck_assert_int_eq(to_server(CLIENT_FIRST), SCRAM_MORE);
	ck_assert_int_eq(to_server(bad_final[_i]), SCRAM_BROKEN);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_extensions_before_the_proof_are_signed)
{
	ck_assert_int_eq(to_server(CLIENT_FIRST ",x=y"), SCRAM_MORE);
	ck_assert_int_eq(to_server("c=biws," NONCE ",x=y," PROOF), SCRAM_REFUSED);
}
END_TEST

START_TEST(test_messages_are_bounded_and_have_no_nul)
{
	char message[SCRAM_MESSAGE_MAX + 1];

	memset(message, 'a', sizeof(message));
	memcpy(message, "n,,n=,r=", 8);
	ck_assert_int_eq(scram_server_input(&server, message, sizeof(message), &out), SCRAM_BROKEN);
	stop();
	start();
	ck_assert_int_eq(scram_server_input(&server, message, SCRAM_MESSAGE_MAX, &out), SCRAM_MORE);
	stop();
	start();
	message[20] = '\0';
	ck_assert_int_eq(scram_server_input(&server, message, 40, &out), SCRAM_BROKEN);
}
END_TEST

static const char *const bad_server_first[] = {
	"",
	"m=x",
	"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	"r=xOprNGfwEbeRWgbNEkqO1234,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	"r=,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	NONCE,
	NONCE ",s=,i=4096",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967297",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,",
	NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,x=y",
	NONCE ",s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	      "AAAAAAAAAAAAAAAAAAAAAAAA,i=4096",
};

START_TEST(test_malformed_servers_break)
{
	ck_assert(scram_client_start(&client, "pencil", NULL, &out));
	ck_assert_int_eq(to_client(bad_server_first[_i]), SCRAM_BROKEN);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_server_without_the_secret_is_found_out)
{
	static const char *const finals[] = {
		"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		"v=",
		"v=AAAA",
		"x=y",
		"",
		SERVER_FINAL ",x",
	};

	ck_assert(scram_client_start(&client, "pencil", NULL, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	ck_assert_int_eq(to_client(finals[_i]), SCRAM_BROKEN);
}
END_TEST

START_TEST(test_refusal_by_the_server_is_told)
{
	ck_assert(scram_client_start(&client, "pencil", NULL, &out));
	ck_assert_int_eq(to_client(SERVER_FIRST), SCRAM_MORE);
	ck_assert_int_eq(to_client("e=invalid-proof"), SCRAM_REFUSED);
}
END_TEST

START_TEST(test_secret_is_made_read_and_written_as_postgresql_does)
{
	struct scram_secret secret;

	ck_assert(scram_secret_make("pencil", server.secret.salt, 16, 4096, &secret));
	scram_secret_write(&secret, &out);
	ck_assert_str_eq(out.data, SECRET);
	ck_assert(scram_verify_plain(&secret, "pencil"));
	ck_assert(!scram_verify_plain(&secret, "Pencil"));
	ck_assert(!scram_secret_make("pencil", server.secret.salt, 0, 4096, &secret));
	ck_assert(!scram_secret_make("pencil", server.secret.salt, 16, 0, &secret));
}
END_TEST

#define KEY "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="

static const char *const bad_secrets[] = {
	"",
	"SCRAM-SHA-256",
	"SCRAM-SHA-256$",
	"SCRAM-SHA-256$4096",
	"SCRAM-SHA-256$4096:",
	"SCRAM-SHA-256$4096:AAAA$" KEY,
	"SCRAM-SHA-256$4096:AAAA$" KEY ":",
	"SCRAM-SHA-256$4096:AAAA$" KEY ":" KEY "x",
	"SCRAM-SHA-256$4096:AAAA$" KEY ":AAAA",
	"SCRAM-SHA-256$4096:$" KEY ":" KEY,
	"SCRAM-SHA-256$0:AAAA$" KEY ":" KEY,
	"SCRAM-SHA-256$x:AAAA$" KEY ":" KEY,
	"SCRAM-SHA-256$9999999999:AAAA$" KEY ":" KEY,
	"SCRAM-SHA-1$4096:AAAA$" KEY ":" KEY,
};

START_TEST(test_malformed_secrets_are_refused)
{
	struct scram_secret secret;

	ck_assert(!scram_secret_read(bad_secrets[_i], &secret));
}
END_TEST

START_TEST(test_passwords_that_saslprep_refuses_stay_as_they_are)
{
	static const char *const kept[] = { "pencil", "", "\xff\xfe", "\xc3\xa9t\xc3\xa9",
					    "\xd8\xa7\x31" };
	char *prepared = scram_prepare_password(kept[_i]);

	ck_assert_str_eq(prepared, kept[_i]);
	free(prepared);
}
END_TEST

#ifdef HAVE_LIBIDN
START_TEST(test_saslprep_makes_equal_what_looks_equal)
{
	/* Examples of RFC 4013, section 3, and a decomposed accent. */
	static const char *const pairs[][2] = { { "I\xc2\xadX", "IX" },
						{ "\xc2\xaa", "a" },
						{ "\xe2\x85\xa8", "IX" },
						{ "e\xcc\x81", "\xc3\xa9" },
						{ "a\xc2\xa0z", "a z" } };
	char *prepared = scram_prepare_password(pairs[_i][0]);

	ck_assert_str_eq(prepared, pairs[_i][1]);
	free(prepared);
}
END_TEST
#endif

#define count_of(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	TCase *tests = tcase_create("scram");
	Suite *suite = suite_create("auth/scram");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_server_speaks_as_rfc_7677);
	tcase_add_test(tests, test_client_speaks_as_rfc_7677);
	tcase_add_test(tests, test_keys_of_a_login_log_in_elsewhere);
	tcase_add_test(tests, test_keys_of_another_salt_are_not_tried);
	tcase_add_test(tests, test_remembered_keys_spare_the_password);
	tcase_add_test(tests, test_wrong_proof_is_refused);
	tcase_add_test(tests, test_mock_refuses_even_a_right_proof);
	tcase_add_test(tests, test_mock_secret_is_stable_and_of_the_user);
	tcase_add_test(tests, test_client_without_binding_may_say_so);
	tcase_add_loop_test(tests, test_malformed_first_messages_break, 0, count_of(bad_first));
	tcase_add_loop_test(tests, test_malformed_final_messages_break, 0, count_of(bad_final));
	tcase_add_test(tests, test_extensions_before_the_proof_are_signed);
	tcase_add_test(tests, test_messages_are_bounded_and_have_no_nul);
	tcase_add_loop_test(tests, test_malformed_servers_break, 0, count_of(bad_server_first));
	tcase_add_loop_test(tests, test_server_without_the_secret_is_found_out, 0, 6);
	tcase_add_test(tests, test_refusal_by_the_server_is_told);
	tcase_add_test(tests, test_secret_is_made_read_and_written_as_postgresql_does);
	tcase_add_loop_test(tests, test_malformed_secrets_are_refused, 0, count_of(bad_secrets));
	tcase_add_loop_test(tests, test_passwords_that_saslprep_refuses_stay_as_they_are, 0, 5);
#ifdef HAVE_LIBIDN
	tcase_add_loop_test(tests, test_saslprep_makes_equal_what_looks_equal, 0, 5);
#endif
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
