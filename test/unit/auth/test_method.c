/* SPDX-License-Identifier: ISC */
#include "auth/method.h"

#include <check.h>
#include <stdlib.h>

START_TEST(test_methods_have_the_names_of_pgbouncer)
{
	static const char *const names[] = { "trust", "any", "plain", "md5", "scram-sha-256",
					     "cert",  "hba", "ldap",  "pam" };
	enum auth_method method;
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert(method_find(names[i], METHOD_IN_AUTH_TYPE, &method));
		ck_assert_str_eq(method_name(method), names[i]);
	}
	ck_assert(!method_find("peer", METHOD_IN_AUTH_TYPE, &method));
	ck_assert(!method_find("MD5", METHOD_IN_AUTH_TYPE, &method));
	ck_assert(!method_find("", METHOD_IN_AUTH_TYPE, &method));
}
END_TEST

START_TEST(test_hba_has_its_own_names)
{
	enum auth_method method;

	ck_assert(method_find("password", METHOD_IN_HBA, &method));
	ck_assert_int_eq(method, METHOD_PLAIN);
	ck_assert(method_find("peer", METHOD_IN_HBA, &method));
	ck_assert(method_find("reject", METHOD_IN_HBA, &method));
	ck_assert(!method_find("plain", METHOD_IN_HBA, &method));
	ck_assert(!method_find("hba", METHOD_IN_HBA, &method));
	ck_assert(!method_find("any", METHOD_IN_HBA, &method));
	ck_assert(!method_find("pam", METHOD_IN_HBA, &method));
}
END_TEST

START_TEST(test_md5_with_a_scram_secret_asks_for_scram)
{
	ck_assert_int_eq(method_ask(METHOD_MD5, SECRET_SCRAM), ASK_SCRAM);
	ck_assert_int_eq(method_ask(METHOD_MD5, SECRET_MD5), ASK_MD5);
	ck_assert_int_eq(method_ask(METHOD_MD5, SECRET_PLAIN), ASK_MD5);
	ck_assert_int_eq(method_ask(METHOD_MD5, SECRET_NONE), ASK_MD5);
	ck_assert_int_eq(method_ask(METHOD_SCRAM, SECRET_MD5), ASK_SCRAM);
	ck_assert_int_eq(method_ask(METHOD_PLAIN, SECRET_SCRAM), ASK_PLAIN);
}
END_TEST

START_TEST(test_unresolved_hba_lets_nobody_in)
{
	ck_assert_int_eq(method_ask(METHOD_HBA, SECRET_PLAIN), ASK_REFUSE);
	ck_assert_int_eq(method_ask(METHOD_REJECT, SECRET_PLAIN), ASK_REFUSE);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("method");
	Suite *suite = suite_create("auth/method");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_methods_have_the_names_of_pgbouncer);
	tcase_add_test(tests, test_hba_has_its_own_names);
	tcase_add_test(tests, test_md5_with_a_scram_secret_asks_for_scram);
	tcase_add_test(tests, test_unresolved_hba_lets_nobody_in);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
