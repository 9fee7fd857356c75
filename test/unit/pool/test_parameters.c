/* SPDX-License-Identifier: ISC */
#include "pool/parameters.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"

static const struct parameters *wanted, *has;
static struct text sql;

static void setup(void)
{
	parameters_setup(" extra.one, TimeZone  other ");
	wanted = has = NULL;
	memset(&sql, 0, sizeof(sql));
}

static void teardown(void)
{
	parameters_clear(&wanted);
	parameters_clear(&has);
	text_done(&sql);
	parameters_setup("");
	ck_assert_uint_eq(intern_count(), 0);
}

static void want(const char *name, const char *value)
{
	parameters_set(&wanted, parameter_index(name), value);
}

static void have(const char *name, const char *value)
{
	parameters_set(&has, parameter_index(name), value);
}

static const char *difference(void)
{
	bool any;

	text_clear(&sql);
	any = parameters_difference(wanted, has, &sql);
	ck_assert_int_eq(any, sql.len != 0);
	return text_string(&sql);
}

START_TEST(test_places_of_the_fixed_names_are_theirs)
{
	ck_assert_int_eq(parameter_index("client_encoding"), PARAMETER_CLIENT_ENCODING);
	ck_assert_int_eq(parameter_index("STANDARD_conforming_strings"), PARAMETER_STD_STRINGS);
	ck_assert_int_eq(parameter_index("application_name"), PARAMETER_APPLICATION_NAME);
	ck_assert_int_eq(parameter_index("default_transaction_read_only"),
			 PARAMETER_DEFAULT_READ_ONLY);
	ck_assert_int_eq(parameter_index("work_mem"), -1);
}
END_TEST

START_TEST(test_extra_names_are_tracked_once)
{
	int count = parameters_count();

	ck_assert_str_eq(parameter_name(count - 2), "extra.one");
	ck_assert_str_eq(parameter_name(count - 1), "other");
	parameters_setup("");
	ck_assert_int_eq(parameters_count(), count - 2);
	parameters_setup("a b c d e f g h i j k l m n o p q");
	ck_assert_int_eq(parameters_count(), PARAMETERS_MAX);
}
END_TEST

START_TEST(test_what_differs_is_set)
{
	ck_assert_str_eq(difference(), "");
	want("TimeZone", "CET");
	ck_assert_str_eq(difference(), "SET TimeZone='CET';");
	have("TimeZone", "UTC");
	have("DateStyle", "ISO");
	want("DateStyle", "ISO");
	want("application_name", "a");
	ck_assert_str_eq(difference(), "SET TimeZone='CET';SET application_name='a';");
	have("TimeZone", "CET");
	have("application_name", "a");
	ck_assert_str_eq(difference(), "");
}
END_TEST

START_TEST(test_case_counts_in_application_names_only)
{
	want("DateStyle", "iso, mdy");
	have("DateStyle", "ISO, MDY");
	want("application_name", "App");
	have("application_name", "app");
	ck_assert_str_eq(difference(), "SET application_name='App';");
}
END_TEST

START_TEST(test_quotes_and_backslashes_are_safe)
{
	want("application_name", "o'clock");
	ck_assert_str_eq(difference(), "SET application_name='o''clock';");
	want("application_name", "\\'; drop table t; --");
	ck_assert_str_eq(difference(), "SET application_name= E'\\\\''; drop table t; --';");
	want("application_name", "");
	ck_assert_str_eq(difference(), "SET application_name='';");
}
END_TEST

START_TEST(test_search_path_stays_a_list)
{
	want("search_path", "\"$user\", 'x', public");
	ck_assert_str_eq(difference(), "SELECT pg_catalog.set_config('search_path',"
				       "'\"$user\", ''x'', public',false);");
}
END_TEST

START_TEST(test_what_nobody_wants_is_reset)
{
	want("TimeZone", "UTC");
	have("TimeZone", "UTC");
	have("search_path", "foo");
	ck_assert_str_eq(difference(), "RESET search_path;");
	parameters_share(&has, wanted);
	ck_assert_ptr_eq(has, wanted);
	ck_assert_str_eq(difference(), "");
}
END_TEST

START_TEST(test_equal_sets_are_the_same)
{
	want("TimeZone", "UTC");
	want("DateStyle", "ISO");
	have("DateStyle", "ISO");
	ck_assert_ptr_ne(wanted, has);
	have("TimeZone", "UTC");
	ck_assert_ptr_eq(wanted, has);
	have("TimeZone", "UTC");
	ck_assert_ptr_eq(wanted, has);
	have("TimeZone", "CET");
	ck_assert_str_eq(parameters_value(wanted, parameter_index("TimeZone")), "UTC");
	parameters_share(&wanted, wanted);
	parameters_share(&wanted, NULL);
	ck_assert_ptr_null(wanted);
	ck_assert_ptr_null(parameters_value(wanted, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parameters");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_places_of_the_fixed_names_are_theirs);
	tcase_add_test(core, test_extra_names_are_tracked_once);
	tcase_add_test(core, test_what_differs_is_set);
	tcase_add_test(core, test_case_counts_in_application_names_only);
	tcase_add_test(core, test_quotes_and_backslashes_are_safe);
	tcase_add_test(core, test_search_path_stays_a_list);
	tcase_add_test(core, test_what_nobody_wants_is_reset);
	tcase_add_test(core, test_equal_sets_are_the_same);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
