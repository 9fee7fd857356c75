/* SPDX-License-Identifier: ISC */
/* Values that stand in the environment or in files. */
#include "conf/reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/diff.h"

static char folder[64];
static struct config_error error;
static struct text text;

static void setup(void)
{
	strcpy(folder, "/tmp/pgweir-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	setenv("PGWEIR_TEST", "s3cret", 1);
	unsetenv("PGWEIR_NONE");
	text_clear(&text);
}

static void teardown(void)
{
	static const char *const names[] = { "main.ini", "secret", "pipe" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	text_done(&text);
}

static void write_file(const char *name, const char *data, size_t len)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, len, file), len);
	fclose(file);
}

/* A configuration with these lines behind a head of two. */
static struct config *load(const char *lines)
{
	struct text file = { 0 };
	struct config *config;

	text_printf(&file, "[pgweir]\nauth_type = trust\n%s", lines);
	write_file("main.ini", text_string(&file), file.len);
	text_done(&file);
	config = config_load("main.ini", &error);
	return config;
}

static struct config *load_good(const char *lines)
{
	struct config *config = load(lines);

	ck_assert_msg(config != NULL, "%s:%u: %s", error.file, error.line, error.text);
	return config;
}

static void check_refused(const char *lines, unsigned line, const char *part)
{
	ck_assert_msg(load(lines) == NULL, "taken: %s", lines);
	ck_assert_msg(strstr(error.text, part) != NULL, "\"%s\" has no \"%s\"", error.text, part);
	ck_assert_msg(strstr(error.text, "s3cret") == NULL, "%s", error.text);
	ck_assert_str_eq(error.file, "main.ini");
	ck_assert_uint_eq(error.line, line);
}

START_TEST(test_values_come_from_environment_and_files)
{
	struct config *config;
	const struct config_database *a;

	write_file("secret", "p w'\"x\n", 7);
	config = load_good("login_notify_message = a ${env:PGWEIR_TEST} $b ${c} ${file:secret}\n"
			   "[clusters]\nm = hosts=h monitor_password=${file:secret}\n"
			   "[databases]\n"
			   "a = host=h password=${file:secret} user='x ${env:PGWEIR_TEST}y'\n"
			   "[users]\nu = pool_size=3\n");
	a = config_database_find(config, "a");
	ck_assert_str_eq(config->settings.login_notify_message, "a s3cret $b ${c} p w'\"x");
	ck_assert_str_eq(a->password, "p w'\"x");
	ck_assert_str_eq(a->user, "x s3crety");
	ck_assert_str_eq(config_cluster_find(config, "m")->monitor_password, "p w'\"x");
	config_unref(config);
}
END_TEST

START_TEST(test_one_line_end_of_a_file_is_cut)
{
	static const struct {
		const char *data;
		const char *value;
	} cases[] = {
		{ "x", "x" },	    { "x\n", "x" },   { "x\r\n", "x" },
		{ "x\n\n", "x\n" }, { " x ", " x " },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config;

		write_file("secret", cases[i].data, strlen(cases[i].data));
		config = load_good("login_notify_message=${file:secret}\n");
		ck_assert_str_eq(config->settings.login_notify_message, cases[i].value);
		config_unref(config);
	}
}
END_TEST

START_TEST(test_a_second_dollar_makes_them_letters)
{
	struct config *config = load_good("login_notify_message=$${env:X}${env:PGWEIR_TEST}$$\n");

	ck_assert_str_eq(config->settings.login_notify_message, "${env:X}s3cret$$");
	config_unref(config);
}
END_TEST

START_TEST(test_what_is_not_there_is_an_error_with_file_and_line)
{
	char large[70000];

	memset(large, 'x', sizeof(large));
	check_refused("\nlogfile=${env:PGWEIR_NONE}\n", 4, "${env:PGWEIR_NONE}: the environment");
	check_refused("logfile=${file:nowhere}\n", 3, "${file:nowhere}: cannot read the file: No");
	check_refused("logfile=${file:.}\n", 3, "${file:.}: cannot read the file");
	check_refused("logfile=${file:x\n", 3, "'}' is missing");
	check_refused("logfile=${env:}\n", 3, "no usable name");
	check_refused("[databases]\na=host=h password=${file:nowhere}\n", 4, "a: ${file:nowhere}");
	write_file("secret", large, sizeof(large));
	check_refused("logfile=${file:secret}\n", 3, "larger than 64 kB");
	write_file("secret", "a\0b", 3);
	check_refused("logfile=${file:secret}\n", 3, "NUL");
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	check_refused("logfile=${file:pipe}\n", 3, "cannot read the file: not a regular file");
	check_refused("logfile=${file:/dev/null}\n", 3, "${file:/dev/null}: the file is empty");
	write_file("secret", "\r\n", 2);
	check_refused("logfile=${file:secret}\n", 3, "${file:secret}: the file is empty");
	check_refused("%include .\n", 3, "cannot open \".\": Is a directory");
	ck_assert_ptr_null(config_load_text("[pgweir]\nlogfile=${file:secret}\n", 32, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "not possible here"));
}
END_TEST

START_TEST(test_errors_and_shows_have_the_reference_not_the_value)
{
	struct config *config;
	const struct setting *row = settings_find("server_check_query", IN_GLOBAL, NULL);

	check_refused("pool_mode=${env:PGWEIR_TEST}\n", 3, "not \"${env:PGWEIR_TEST}\"");
	check_refused("listen_port=1${env:PGWEIR_TEST}\n", 3, "not \"1${env:PGWEIR_TEST}\"");
	check_refused("[databases]\na=port=${env:PGWEIR_TEST}\n", 4, "not \"${env:PGWEIR_TEST}\"");
	setenv("PGWEIR_PORT", "77", 1);
	config = load_good(
		"server_check_query=q ${env:PGWEIR_TEST}\nlisten_port=${env:PGWEIR_PORT}\n");
	ck_assert(config_show(config, row, &text));
	ck_assert_str_eq(text_string(&text), "q ${env:PGWEIR_TEST}");
	text_clear(&text);
	ck_assert(config_show(config, settings_find("listen_port", IN_GLOBAL, NULL), &text));
	ck_assert_str_eq(text_string(&text), "77");
	config_unref(config);
}
END_TEST

static void on_difference(void *arg, const struct config_difference *difference)
{
	char line[200];

	config_difference_format(difference, line, sizeof(line));
	text_printf(arg, "%s\n", line);
}

START_TEST(test_a_reload_reads_them_anew_and_does_not_tell)
{
	struct config *before = load_good("server_check_query=${env:PGWEIR_TEST}\n"
					  "[databases]\na=host=h password=${env:PGWEIR_TEST}\n");
	struct config *after;

	setenv("PGWEIR_TEST", "other", 1);
	after = config_load("main.ini", &error);
	ck_assert_str_eq(config_database_find(after, "a")->password, "other");
	config_diff(before, after, on_difference, &text);
	ck_assert_str_eq(text_string(&text),
			 "setting server_check_query: changed: ${env:PGWEIR_TEST} -> "
			 "${env:PGWEIR_TEST}\n"
			 "database a: changed: password (for new connections)\n");
	config_unref(before);
	config_unref(after);
}
END_TEST

START_TEST(test_set_reads_nothing)
{
	struct config *before = load_good("server_check_query=${env:PGWEIR_TEST}\n");
	struct config *after;

	setenv("PGWEIR_TEST", "other", 1);
	after = config_set(before, "login_notify_message", "${env:PGWEIR_TEST}", &error);
	ck_assert_str_eq(after->settings.server_check_query, "s3cret");
	ck_assert_str_eq(after->settings.login_notify_message, "${env:PGWEIR_TEST}");
	config_unref(before);
	ck_assert(config_show(after, settings_find("server_check_query", IN_GLOBAL, NULL), &text));
	ck_assert_str_eq(text_string(&text), "${env:PGWEIR_TEST}");
	config_unref(after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference");
	TCase *tests = tcase_create("reference");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_values_come_from_environment_and_files);
	tcase_add_test(tests, test_one_line_end_of_a_file_is_cut);
	tcase_add_test(tests, test_a_second_dollar_makes_them_letters);
	tcase_add_test(tests, test_what_is_not_there_is_an_error_with_file_and_line);
	tcase_add_test(tests, test_errors_and_shows_have_the_reference_not_the_value);
	tcase_add_test(tests, test_a_reload_reads_them_anew_and_does_not_tell);
	tcase_add_test(tests, test_set_reads_nothing);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
