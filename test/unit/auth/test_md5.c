/* SPDX-License-Identifier: ISC */
#include "auth/md5.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t salt[4] = { 1, 2, 3, 4 };

START_TEST(test_secret_is_that_of_postgresql)
{
	char secret[MD5_SECRET_SIZE];

	ck_assert(md5_secret("", "", secret));
	ck_assert_str_eq(secret, "md5d41d8cd98f00b204e9800998ecf8427e");
	/* RFC 1321: md5("abc"). */
	ck_assert(md5_secret("a", "bc", secret));
	ck_assert_str_eq(secret, "md5900150983cd24fb0d6963f7d28e17f72");
	ck_assert(md5_is_secret(secret));
}
END_TEST

START_TEST(test_answer_to_a_salt_is_verified)
{
	char secret[MD5_SECRET_SIZE];
	char answer[MD5_SECRET_SIZE];

	ck_assert(md5_secret("pencil", "user", secret));
	ck_assert(md5_answer(secret, salt, answer));
	ck_assert(md5_verify(secret, salt, answer));
	ck_assert(!md5_verify(secret, (const uint8_t *)"\1\2\3\5", answer));
	ck_assert(!md5_verify(secret, salt, secret));
	ck_assert(!md5_verify(secret, salt, ""));
	answer[MD5_SECRET_SIZE - 2] ^= 1;
	ck_assert(!md5_verify(secret, salt, answer));
}
END_TEST

START_TEST(test_other_forms_are_no_secrets)
{
	ck_assert(!md5_is_secret("md5"));
	ck_assert(!md5_is_secret("md5900150983cd24fb0d6963f7d28e17f7"));
	ck_assert(!md5_is_secret("md5900150983cd24fb0d6963f7d28e17f7g"));
	ck_assert(!md5_is_secret("md5900150983cd24fb0d6963f7d28e17f722"));
	ck_assert(!md5_is_secret("MD5900150983cd24fb0d6963f7d28e17f72"));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("md5");
	Suite *suite = suite_create("auth/md5");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_secret_is_that_of_postgresql);
	tcase_add_test(tests, test_answer_to_a_salt_is_verified);
	tcase_add_test(tests, test_other_forms_are_no_secrets);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
