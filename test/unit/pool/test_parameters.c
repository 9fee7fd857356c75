/* SPDX-License-Identifier: ISC */
#include "pool/parameters.h"

#include <check.h>
#include <stdio.h>
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

static void put(const struct parameters **slot, const char *name, const char *value)
{
	ck_assert(parameters_put(slot, name, value));
}

static const char *difference(void)
{
	enum difference difference;

	text_clear(&sql);
	difference = parameters_difference(wanted, has, &sql);
	ck_assert_int_eq(difference != DIFFERENCE_NONE, sql.len != 0);
	ck_assert_int_eq(difference == DIFFERENCE_RESETS,
			 strstr(text_string(&sql), "RESET ") != NULL ||
				 strstr(text_string(&sql), ",NULL,") != NULL);
	return text_string(&sql);
}

START_TEST(test_places_of_the_fixed_names_are_theirs)
{
	ck_assert_int_eq(parameter_index("client_encoding"), PARAMETER_CLIENT_ENCODING);
	ck_assert_int_eq(parameter_index("STANDARD_conforming_strings"), PARAMETER_STD_STRINGS);
	ck_assert_int_eq(parameter_index("application_name"), PARAMETER_APPLICATION_NAME);
	ck_assert_int_eq(parameter_index("default_transaction_read_only"),
			 PARAMETER_DEFAULT_READ_ONLY);
	ck_assert_int_eq(parameter_index("default_transaction_isolation"),
			 PARAMETER_DEFAULT_ISOLATION);
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
	parameters_setup("a b c d e f g h i j k l m n o p q r s t u v w");
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

/* Nobody knows which of them are lists. */
START_TEST(test_what_is_tracked_beside_them_stays_a_list)
{
	want("other", "a, \"b c\"");
	ck_assert_str_eq(difference(), "SELECT pg_catalog.set_config('other','a, \"b c\"',false);");
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

START_TEST(test_other_names_are_set_and_reset_with_set_config)
{
	put(&wanted, "Statement_Timeout", "5s");
	put(&wanted, "app.tenant", "it's");
	put(&has, "work_mem", "1MB");
	put(&has, "app.tenant", "theirs");
	ck_assert_str_eq(difference(), "SELECT pg_catalog.set_config('app.tenant','it''s',false),"
				       "pg_catalog.set_config('statement_timeout','5s',false),"
				       "pg_catalog.set_config('work_mem',NULL,false);");
	parameters_share(&has, wanted);
	ck_assert_str_eq(difference(), "");
}
END_TEST

START_TEST(test_a_short_timeout_is_lifted_first_and_set_last)
{
	static const char *const shorts[] = { "1", "999ms", "0.5s", "500 us" };
	static const char *const longs[] = { "0", "1000", "1s", "1min", "30 s", "1d" };
	const char *lifted = "SET statement_timeout=0;SELECT pg_catalog.set_config("
			     "'statement_timeout',NULL,false),pg_catalog.set_config('work_mem',"
			     "'1MB',false);";

	put(&wanted, "work_mem", "1MB");
	for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
		put(&has, "statement_timeout", shorts[i]);
		ck_assert_str_eq(difference(), lifted);
	}
	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
		put(&has, "statement_timeout", longs[i]);
		ck_assert_str_eq(difference(), strchr(lifted, ';') + 1);
	}
	put(&wanted, "work_mem", NULL);
	put(&wanted, "transaction_timeout", "1");
	put(&has, "statement_timeout", NULL);
	put(&has, "transaction_timeout", "1");
	ck_assert_str_eq(difference(), "");
	want("TimeZone", "CET");
	ck_assert_str_eq(difference(), "SET transaction_timeout=0;SET TimeZone='CET';SELECT "
				       "pg_catalog.set_config('transaction_timeout','1',false);");
}
END_TEST

START_TEST(test_who_the_session_is_goes_first_and_comes_last)
{
	put(&wanted, "role", "bob");
	put(&wanted, "session_authorization", "ann");
	put(&wanted, "zero_damaged_pages", "on");
	ck_assert_str_eq(difference(),
			 "SELECT pg_catalog.set_config('zero_damaged_pages','on',false),"
			 "pg_catalog.set_config('session_authorization','ann',false),"
			 "pg_catalog.set_config('role','bob',false);");
	put(&has, "role", "eve");
	put(&wanted, "session_authorization", NULL);
	ck_assert_str_eq(difference(), "SELECT pg_catalog.set_config('role',NULL,false);"
				       "SELECT pg_catalog.set_config('zero_damaged_pages','on',"
				       "false),pg_catalog.set_config('role','bob',false);");
}
END_TEST

START_TEST(test_other_than_ascii_is_sent_as_digits)
{
	want("client_encoding", "SJIS");
	have("client_encoding", "SJIS");
	put(&wanted, "a.b", "\x95\\'");
	ck_assert_str_eq(difference(), "SELECT pg_catalog.set_config('a.b',pg_catalog.convert_from("
				       "pg_catalog.decode('955c27','hex'),'SJIS'),false);");
}
END_TEST

START_TEST(test_sets_with_other_names_are_shared_whatever_the_order)
{
	put(&wanted, "b.b", "1");
	put(&wanted, "a.a", "2");
	put(&wanted, "c.c", "3");
	put(&has, "C.C", "3");
	put(&has, "a.a", "1");
	put(&has, "b.b", "1");
	ck_assert_ptr_ne(wanted, has);
	put(&has, "a.a", "2");
	ck_assert_ptr_eq(wanted, has);
	ck_assert_uint_eq(parameters_extras(wanted), 3);
	put(&has, "b.b", NULL);
	put(&has, "no.such", NULL);
	ck_assert_uint_eq(parameters_extras(has), 2);
	parameters_drop_extras(&has);
	ck_assert_ptr_null(has);
}
END_TEST

START_TEST(test_a_set_is_bounded)
{
	char *large = malloc(PARAMETERS_EXTRA_BYTES);
	char name[16];

	for (int i = 0; i < PARAMETERS_EXTRA_MAX; i++) {
		snprintf(name, sizeof(name), "a.b%d", i);
		put(&wanted, name, "");
	}
	ck_assert(!parameters_put(&wanted, "a.c", ""));
	ck_assert_uint_eq(parameters_extras(wanted), PARAMETERS_EXTRA_MAX);
	put(&wanted, "a.b7", "x");
	memset(large, 'x', PARAMETERS_EXTRA_BYTES);
	large[PARAMETERS_EXTRA_BYTES - 1] = '\0';
	ck_assert(!parameters_put(&has, "a.b", large));
	ck_assert_ptr_null(has);
	large[PARAMETERS_EXTRA_BYTES - 4] = '\0';
	put(&has, "a.b", large);
	free(large);
}
END_TEST

START_TEST(test_a_reset_server_has_what_it_reports)
{
	have("TimeZone", "CET");
	have("search_path", "mine");
	put(&has, "work_mem", "1MB");
	want("TimeZone", "CET");
	parameters_reset(&has, 1u << parameter_index("TimeZone"));
	ck_assert_ptr_eq(wanted, has);
}
END_TEST

START_TEST(test_what_reset_means_stays_with_the_set)
{
	put(&has, "work_mem", "1MB");
	want("TimeZone", "CET");
	parameters_rebase(&wanted, has);
	ck_assert_ptr_eq(parameters_base(wanted), has);
	want("TimeZone", "UTC");
	ck_assert_ptr_eq(parameters_base(wanted), has);
	parameters_clear(&has);
	ck_assert_uint_eq(parameters_extras(parameters_base(wanted)), 1);
	ck_assert(parameters_renewal(parameters_base(wanted), &sql));
	ck_assert_ptr_nonnull(strstr(text_string(&sql), "(VALUES ('work_mem','1MB'))"));
	ck_assert(!parameters_renewal(NULL, &sql));
}
END_TEST

START_TEST(test_what_the_server_is_is_never_set)
{
	want("in_hot_standby", "off");
	have("in_hot_standby", "on");
	ck_assert_str_eq(difference(), "");
	ck_assert(parameter_is_told(parameter_index("is_superuser")));
	ck_assert(parameter_is_ours(parameter_index("search_path")));
	ck_assert(!parameter_is_ours(parameter_index("TimeZone")));
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
	tcase_add_test(core, test_what_is_tracked_beside_them_stays_a_list);
	tcase_add_test(core, test_what_nobody_wants_is_reset);
	tcase_add_test(core, test_equal_sets_are_the_same);
	tcase_add_test(core, test_other_names_are_set_and_reset_with_set_config);
	tcase_add_test(core, test_a_short_timeout_is_lifted_first_and_set_last);
	tcase_add_test(core, test_who_the_session_is_goes_first_and_comes_last);
	tcase_add_test(core, test_other_than_ascii_is_sent_as_digits);
	tcase_add_test(core, test_sets_with_other_names_are_shared_whatever_the_order);
	tcase_add_test(core, test_a_set_is_bounded);
	tcase_add_test(core, test_a_reset_server_has_what_it_reports);
	tcase_add_test(core, test_what_reset_means_stays_with_the_set);
	tcase_add_test(core, test_what_the_server_is_is_never_set);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
