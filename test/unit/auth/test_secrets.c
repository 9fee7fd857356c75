/* SPDX-License-Identifier: ISC */
#include "auth/secrets.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/scram.h"

static struct secrets secrets;
static char error[256];

static void start(void)
{
	memset(&secrets, 0, sizeof(secrets));
	error[0] = '\0';
}

static void stop(void)
{
	secrets_done(&secrets);
}

/* The text lives in memory of its exact size, so that a sanitizer sees a byte read too many. */
static bool read_text(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	bool ok;

	memcpy(copy, text, len);
	ok = secrets_read(&secrets, copy, len, "users", error, sizeof(error));
	free(copy);
	return ok;
}

START_TEST(test_kind_is_told_by_the_form)
{
	ck_assert_int_eq(secret_kind(NULL), SECRET_NONE);
	ck_assert_int_eq(secret_kind(""), SECRET_NONE);
	ck_assert_int_eq(secret_kind("pencil"), SECRET_PLAIN);
	ck_assert_int_eq(secret_kind("md5"), SECRET_PLAIN);
	ck_assert_int_eq(secret_kind("md5900150983cd24fb0d6963f7d28e17f72"), SECRET_MD5);
	ck_assert_int_eq(secret_kind("SCRAM-SHA-256$4096:x"), SECRET_SCRAM);
}
END_TEST

START_TEST(test_file_has_users_comments_and_blank_lines)
{
	ck_assert(read_text("; list of users\n"
			    "\n"
			    "\"alice\" \"pencil\"\n"
			    "  \"bob\"\t\"md5900150983cd24fb0d6963f7d28e17f72\" \"\" ignored\r\n"
			    "\"quo\"\"te\" \"a\"\"b\"\n"
			    "\"empty\" \"\"\n"
			    "\"last\" \"line\""));
	ck_assert_str_eq(secrets_find(&secrets, "alice")->text, "pencil");
	ck_assert_int_eq(secrets_find(&secrets, "alice")->kind, SECRET_PLAIN);
	ck_assert_int_eq(secrets_find(&secrets, "bob")->kind, SECRET_MD5);
	ck_assert_str_eq(secrets_find(&secrets, "quo\"te")->text, "a\"b");
	ck_assert_int_eq(secrets_find(&secrets, "empty")->kind, SECRET_NONE);
	ck_assert_str_eq(secrets_find(&secrets, "last")->text, "line");
	ck_assert_ptr_null(secrets_find(&secrets, "carol"));
}
END_TEST

START_TEST(test_last_line_of_a_user_counts)
{
	struct secret *secret;

	ck_assert(read_text("\"a\" \"old\"\n\"a\" \"new\"\n"));
	secret = secrets_find(&secrets, "a");
	ck_assert_str_eq(secret->text, "new");
	secret_derived(secret)->iterations = 1;
	ck_assert(secrets_set(&secrets, "a", "newer"));
	ck_assert_ptr_null(secret->derived);
	ck_assert_uint_eq(secret_derived(secret)->iterations, 0);
}
END_TEST

static const struct {
	const char *text;
	const char *error;
} broken[] = {
	{ "alice pencil\n", "users:1: expected \"user\" \"secret\"" },
	{ "\"a\" \"b\"\n\n  x\n", "users:3: expected \"user\" \"secret\"" },
	{ "\"alice\n", "users:1: a quote is missing" },
	{ "\"", "users:1: a quote is missing" },
	{ "\"a\"\"", "users:1: a quote is missing" },
	{ "\"alice\"", "users:1: the secret is missing" },
	{ "\"alice\"\n\"bob\" \"x\"", "users:1: the secret is missing" },
	{ "\"a\" \"b\"\n\"alice\" \"pencil\n\n", "users:2: a quote is missing" },
};

START_TEST(test_malformed_lines_are_named)
{
	ck_assert(!read_text(broken[_i].text));
	ck_assert_str_eq(error, broken[_i].error);
	ck_assert_ptr_null(secrets_find(&secrets, "a"));
}
END_TEST

START_TEST(test_nul_bytes_are_refused)
{
	ck_assert(!secrets_read(&secrets, "\"a\0b\" \"c\"", 9, "users", error, sizeof(error)));
	ck_assert_str_eq(error, "users:1: a NUL byte");
	ck_assert(!secrets_read(&secrets, "\0", 1, "users", error, sizeof(error)));
}
END_TEST

START_TEST(test_lengths_are_bounded)
{
	static char line[SECRET_TEXT_MAX + 256];
	char user[SECRET_USER_MAX + 2];

	memset(user, 'u', sizeof(user));
	user[SECRET_USER_MAX + 1] = '\0';
	snprintf(line, sizeof(line), "\"%s\" \"x\"", user);
	ck_assert(!read_text(line));
	ck_assert_str_eq(error, "users:1: the user name is too long");
	ck_assert(!secrets_set(&secrets, user, "x"));
	snprintf(line, sizeof(line), "\"%s\" \"x\"", user + 1);
	ck_assert(read_text(line));
	ck_assert_ptr_nonnull(secrets_find(&secrets, user + 1));

	memset(line, 's', sizeof(line));
	memcpy(line, "\"b\" \"", 5);
	strcpy(line + 5 + SECRET_TEXT_MAX, "\"");
	ck_assert(read_text(line));
	memset(line + 5 + SECRET_TEXT_MAX, 's', 1);
	strcpy(line + 6 + SECRET_TEXT_MAX, "\"");
	ck_assert(!read_text(line));
	ck_assert_str_eq(error, "users:1: the secret is too long");
}
END_TEST

START_TEST(test_file_is_loaded)
{
	char path[] = "/tmp/test_secrets.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct secret *secret;
	unsigned users = 0;
	char name[16];
	size_t at = 0;
	unsigned i;

	for (i = 0; i < 5000; i++)
		fprintf(file, "\"user%u\" \"secret of user %u\"\n", i, i);
	fclose(file);
	ck_assert(secrets_load(&secrets, path, error, sizeof(error)));
	unlink(path);
	while ((secret = secrets_walk(&secrets, &at)) != NULL)
		users++;
	ck_assert_uint_eq(users, 5000);
	snprintf(name, sizeof(name), "user%u", 4999u);
	ck_assert_str_eq(secrets_find(&secrets, name)->text, "secret of user 4999");
	ck_assert(!secrets_load(&secrets, path, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "No such file"));
	ck_assert(!secrets_load(&secrets, "/", error, sizeof(error)));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("secrets");
	Suite *suite = suite_create("auth/secrets");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, test_kind_is_told_by_the_form);
	tcase_add_test(tests, test_file_has_users_comments_and_blank_lines);
	tcase_add_test(tests, test_last_line_of_a_user_counts);
	tcase_add_loop_test(tests, test_malformed_lines_are_named, 0, 8);
	tcase_add_test(tests, test_nul_bytes_are_refused);
	tcase_add_test(tests, test_lengths_are_bounded);
	tcase_add_test(tests, test_file_is_loaded);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
