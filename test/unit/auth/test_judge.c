/* SPDX-License-Identifier: ISC */
#include "auth/judge.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static enum auth_method built(void)
{
	return judge_is_built(METHOD_LDAP) ? METHOD_LDAP : METHOD_PAM;
}

START_TEST(test_a_question_arrives_as_it_was_asked)
{
	struct judge_question asked = { built(), "alice", "a b\nc", "10.0.0.1", "ldapserver=x\n" };
	struct judge_question question;
	size_t len;
	char *data = judge_compose(&asked, &len);

	if (judge_is_built(built())) {
		ck_assert(judge_read(data, len, &question));
		ck_assert_int_eq(question.method, asked.method);
		ck_assert_str_eq(question.user, "alice");
		ck_assert_str_eq(question.password, "a b\nc");
		ck_assert_str_eq(question.host, "10.0.0.1");
		ck_assert_str_eq(question.words, "ldapserver=x\n");
	}
	/* A piece of one, or more than one, is none. */
	for (size_t i = 0; i < len; i++)
		ck_assert(!judge_read(data, i, &question) || i == len);
	free(data);
	ck_assert(!judge_read("?a\0b\0c\0d", 9, &question));
	ck_assert(!judge_read("La\0b\0c\0d\0e", 11, &question));
}
END_TEST

START_TEST(test_only_yes_is_yes)
{
	struct judge_verdict verdict;

	judge_read_verdict("ybound", 6, &verdict);
	ck_assert_int_eq(verdict.outcome, JUDGE_YES);
	ck_assert_str_eq(verdict.why, "bound");
	judge_read_verdict("nwrong", 6, &verdict);
	ck_assert_int_eq(verdict.outcome, JUDGE_NO);
	judge_read_verdict("u", 1, &verdict);
	ck_assert_int_eq(verdict.outcome, JUDGE_UNAVAILABLE);
	judge_read_verdict("", 0, &verdict);
	ck_assert_int_eq(verdict.outcome, JUDGE_UNAVAILABLE);
	judge_read_verdict("\0yes", 4, &verdict);
	ck_assert_int_eq(verdict.outcome, JUDGE_UNAVAILABLE);
}
END_TEST

static const char *name_of(enum auth_method method, const char *words)
{
	static char name[64];
	struct judge_question question = { method, "alice", "secret", "", words };

	judge_name(&question, name, sizeof(name));
	return name;
}

START_TEST(test_who_is_asked_has_a_name_without_secrets)
{
	ck_assert_str_eq(name_of(METHOD_PAM, ""), "pam");
	ck_assert_str_eq(name_of(METHOD_LDAP, "ldapserver=a ::1 b:99\nldapprefix=x\n"),
			 "ldap://a:389 ldap://[::1]:389 ldap://b:99");
	/* Whatever else is asked of it: it hangs for all of them. */
	ck_assert_str_eq(
		name_of(METHOD_LDAP, "ldapserver=a\nldapbasedn=dc=x\nldapbindpasswd=hush\n"),
		"ldap://a:389");
	ck_assert_str_eq(name_of(METHOD_LDAP, "ldapbasedn=dc=x\nldapbindpasswd=hush\n"),
			 "ldap of dc=x");
	ck_assert_str_eq(name_of(METHOD_LDAP, "ldapbindpasswd=hush\n"), "ldap");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("judge");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_a_question_arrives_as_it_was_asked);
	tcase_add_test(tcase, test_only_yes_is_yes);
	tcase_add_test(tcase, test_who_is_asked_has_a_name_without_secrets);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
