/* SPDX-License-Identifier: ISC */
#include "auth/access.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/scram.h"
#include "conf/settings.h"

static char folder[] = "/tmp/test_access-XXXXXX";
static char users[64], hba[64], maps[64];
static struct settings settings;
static struct access access_of;
static char error[256];

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static void start(void)
{
	memcpy(folder, "/tmp/test_access-XXXXXX", sizeof(folder));
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(users, sizeof(users), "%s/users", folder);
	snprintf(hba, sizeof(hba), "%s/hba", folder);
	snprintf(maps, sizeof(maps), "%s/maps", folder);
	settings_init(&settings);
	settings.auth_file = users;
	memset(&access_of, 0, sizeof(access_of));
	write_file(users, "\"alice\" \"pencil\"\n");
}

static void stop(void)
{
	access_done(&access_of);
	unlink(users);
	unlink(hba);
	unlink(maps);
	rmdir(folder);
}

static bool load(void)
{
	struct access fresh = { 0 };

	if (!access_load(&fresh, &access_of, &settings, true, error, sizeof(error)))
		return false;
	access_replace(&access_of, &fresh);
	return true;
}

static const char *secret_of(const char *user)
{
	const struct secret *secret = secrets_find(&access_of.secrets, user);

	return secret != NULL ? secret->text : NULL;
}

START_TEST(test_a_file_that_is_the_same_keeps_what_was_derived)
{
	ck_assert(load());
	secret_derived(secrets_find(&access_of.secrets, "alice"))->iterations = 7;
	ck_assert(load());
	ck_assert_uint_eq(secret_derived(secrets_find(&access_of.secrets, "alice"))->iterations, 7);
}
END_TEST

START_TEST(test_a_file_that_changed_is_read_whatever_changed)
{
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	char other[80];

	ck_assert(load());
	write_file(users, "\"alice\" \"longer pencil\"\n"); /* its size */
	ck_assert(load());
	ck_assert_str_eq(secret_of("alice"), "longer pencil");
	write_file(users, "\"alice\" \"blunt  pencil\"\n"); /* its time */
	utimensat(AT_FDCWD, users, times, 0);
	ck_assert(load());
	ck_assert_str_eq(secret_of("alice"), "blunt  pencil");
	snprintf(other, sizeof(other), "%s/other", folder); /* its inode */
	write_file(other, "\"alice\" \"third  pencil\"\n");
	utimensat(AT_FDCWD, other, times, 0);
	ck_assert_int_eq(rename(other, users), 0);
	ck_assert(load());
	ck_assert_str_eq(secret_of("alice"), "third  pencil");
}
END_TEST

START_TEST(test_users_that_left_the_file_are_gone)
{
	ck_assert(load());
	write_file(users, "\"bob\" \"p\"\n");
	ck_assert(load());
	ck_assert_ptr_null(secret_of("alice"));
	ck_assert_str_eq(secret_of("bob"), "p");
	settings.auth_file = "";
	ck_assert(load());
	ck_assert_ptr_null(secret_of("bob"));
}
END_TEST

START_TEST(test_what_cannot_be_read_changes_nothing)
{
	settings.auth_type = AUTH_TYPE_HBA;
	settings.auth_hba_file = hba;
	settings.auth_ident_file = maps;
	write_file(hba, "local all all trust\n");
	write_file(maps, "m a b\n");
	ck_assert(load());
	ck_assert_uint_eq(access_of.hba.count, 1);
	write_file(users, "broken\n");
	write_file(hba, "");
	ck_assert(!load());
	ck_assert_ptr_nonnull(strstr(error, "users:1"));
	ck_assert_uint_eq(access_of.hba.count, 1);
	write_file(users, "\"carol\" \"c\"\n");
	unlink(hba);
	ck_assert(!load());
	ck_assert_ptr_nonnull(strstr(error, "hba: No such file"));
	write_file(hba, "");
	unlink(maps);
	ck_assert(!load());
	ck_assert_ptr_nonnull(strstr(error, "maps: No such file"));
	ck_assert_uint_eq(access_of.hba.count, 1);
	ck_assert_str_eq(secret_of("alice"), "pencil");
	ck_assert(ident_has_map(&access_of.ident, "m"));
}
END_TEST

START_TEST(test_rules_are_only_read_when_they_count)
{
	settings.auth_hba_file = "/nowhere";
	settings.auth_ident_file = "/nowhere";
	ck_assert(load());
	settings.auth_type = AUTH_TYPE_HBA;
	ck_assert(!load());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tc = tcase_create("access");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, test_a_file_that_is_the_same_keeps_what_was_derived);
	tcase_add_test(tc, test_a_file_that_changed_is_read_whatever_changed);
	tcase_add_test(tc, test_users_that_left_the_file_are_gone);
	tcase_add_test(tc, test_what_cannot_be_read_changes_nothing);
	tcase_add_test(tc, test_rules_are_only_read_when_they_count);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
