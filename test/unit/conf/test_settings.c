/* SPDX-License-Identifier: ISC */
/* The table of settings and the values of its rows. */
#include "conf/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/entry.h"
#include "conf/spell.h"
#include "conf/value.h"

static struct settings settings;
static struct text why;

static void setup(void)
{
	settings_init(&settings);
	text_clear(&why);
}

static void teardown(void)
{
	text_done(&why);
}

static bool set(const char *key, const char *value)
{
	const struct setting *row = settings_find(key, IN_GLOBAL, &why);

	return row != NULL && value_read(row, value, &settings, &why);
}

static void check_shown(const char *key, const char *expected)
{
	struct text shown = { 0 };

	ck_assert(setting_show(settings_find(key, IN_GLOBAL, NULL), &settings, &shown));
	ck_assert_str_eq(text_string(&shown), expected);
	text_done(&shown);
}

START_TEST(test_rows_are_in_order_and_complete)
{
	unsigned i;

	ck_assert_uint_le(settings_count(), CONFIG_ROWS_MAX);
	for (i = 0; i < settings_count(); i++) {
		const struct setting *row = settings_row(i);

		if (i > 0)
			ck_assert_str_lt(settings_row(i - 1)->name, row->name);
		ck_assert_uint_eq(settings_index(row), i);
		ck_assert_ptr_eq(settings_find(row->name, IN_GLOBAL, NULL), row);
		ck_assert_ptr_nonnull(row->manual);
		ck_assert(row->type != KEY_WORD || row->words != NULL);
		ck_assert_msg(row->manual[strlen(row->manual) - 1] == '.', "%s", row->name);
	}
	ck_assert_ptr_null(settings_row(i));
}
END_TEST

START_TEST(test_defaults_are_pgbouncers)
{
	ck_assert_int_eq(settings.listen_port, 6432);
	ck_assert_int_eq(settings.default_pool_size, 20);
	ck_assert_int_eq(settings.max_client_conn, 100);
	ck_assert_int_eq(settings.pool_mode, POOL_MODE_SESSION);
	ck_assert_int_eq(settings.auth_type, AUTH_TYPE_MD5);
	ck_assert_int_eq(settings.server_idle_timeout, 600 * USEC_PER_SEC);
	ck_assert_int_eq(settings.unix_socket_mode, 0777);
	ck_assert_str_eq(settings.server_reset_query, "DISCARD ALL");
	ck_assert_str_eq(settings.auth_file, "");
	ck_assert_uint_eq(settings.max_packet_size, 2147483647);
	ck_assert_int_eq(settings.max_replica_lag, 10 * USEC_PER_SEC);
	ck_assert_int_eq(settings.monitor_interval, 100 * USEC_PER_MSEC);
	ck_assert_int_eq(settings.route, ROUTING_SPLIT);
	ck_assert(settings.lazy_begin);
}
END_TEST

START_TEST(test_values_print_as_pgbouncer_prints_them)
{
	struct text shown = { 0 };

	check_shown("query_wait_timeout", "120");
	check_shown("unix_socket_mode", "511");
	check_shown("monitor_interval", "0.1");
	check_shown("high_water", "262144");
	check_shown("log_stats", "1");
	check_shown("pool_mode", "session");
	ck_assert(set("query_wait_timeout", "0.000250"));
	check_shown("query_wait_timeout", "0.00025");
	ck_assert(!setting_show(settings_find("auth_file", IN_GLOBAL, NULL), &settings, &shown));
	ck_assert(!setting_show_default(settings_find("auth_file", IN_GLOBAL, NULL), &shown));
	ck_assert(setting_show(settings_find("logfile", IN_GLOBAL, NULL), &settings, &shown));
	ck_assert_str_eq(text_string(&shown), "");
	ck_assert(setting_show_default(settings_find("max_replica_lag", IN_GLOBAL, NULL), &shown));
	ck_assert_str_eq(text_string(&shown), "10");
	text_done(&shown);
	ck_assert(!setting_is_changeable(settings_find("listen_port", IN_GLOBAL, NULL)));
	ck_assert(setting_is_changeable(settings_find("pool_mode", IN_GLOBAL, NULL)));
}
END_TEST

START_TEST(test_times_are_seconds_or_have_a_unit)
{
	static const struct {
		const char *text;
		usec_t usec;
	} good[] = {
		{ "0", 0 },
		{ "15", 15 * USEC_PER_SEC },
		{ "0.5", USEC_PER_SEC / 2 },
		{ ".25", USEC_PER_SEC / 4 },
		{ "500ms", 500 * USEC_PER_MSEC },
		{ "250us", 250 },
		{ "3s", 3 * USEC_PER_SEC },
		{ "1.5h", 5400 * USEC_PER_SEC },
		{ "5min", 300 * USEC_PER_SEC },
		{ "2 d", 172800 * USEC_PER_SEC },
		{ "0.1", 100 * USEC_PER_MSEC },
	};
	static const char *const bad[] = { "",	       "s",
					   ".",	       "-1",
					   "1m",       "1 S",
					   "1e3",      "0x10",
					   "nan",      "inf",
					   "1,5",      "1s ",
					   "1000000d", "99999999999999999999999999999999999999" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(set("server_lifetime", good[i].text), "%s", good[i].text);
		ck_assert_int_eq(settings.server_lifetime, good[i].usec);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!set("server_lifetime", bad[i]), "%s", bad[i]);
	ck_assert_int_eq(settings.server_lifetime, USEC_PER_SEC / 10);
}
END_TEST

START_TEST(test_sizes_are_bytes_or_have_a_unit)
{
	ck_assert(set("route_buffer", "65536"));
	ck_assert_uint_eq(settings.route_buffer, 65536);
	ck_assert(set("route_buffer", "128kB"));
	ck_assert_uint_eq(settings.route_buffer, 128 << 10);
	ck_assert(set("route_buffer", "1MB"));
	ck_assert_uint_eq(settings.route_buffer, 1 << 20);
	ck_assert(!set("route_buffer", "1mb"));
	ck_assert(!set("route_buffer", "-1"));
	ck_assert(!set("route_buffer", "1"));
	ck_assert(!set("route_buffer", "9223372036854775807GB"));
	ck_assert(!set("route_buffer", "99999999999999999999"));
	ck_assert_uint_eq(settings.route_buffer, 1 << 20);
}
END_TEST

START_TEST(test_numbers_are_in_c_notation_and_in_range)
{
	ck_assert(set("listen_port", "0x1900"));
	ck_assert_int_eq(settings.listen_port, 6400);
	ck_assert(set("unix_socket_mode", "0700"));
	ck_assert_int_eq(settings.unix_socket_mode, 0700);
	ck_assert(!set("unix_socket_mode", "777"));
	ck_assert(!set("listen_port", "0"));
	ck_assert(!set("listen_port", "65536"));
	ck_assert(!set("listen_port", "6432x"));
	ck_assert(!set("listen_port", ""));
	ck_assert(!set("listen_port", "4294973728"));
	ck_assert(!set("default_pool_size", "-1"));
	ck_assert(set("log_stats", "0"));
	ck_assert(!settings.log_stats);
	ck_assert(set("log_stats", "on"));
	ck_assert(settings.log_stats);
	ck_assert(!set("log_stats", "2"));
}
END_TEST

START_TEST(test_a_bad_value_says_what_is_allowed)
{
	ck_assert(!set("listen_port", "many"));
	ck_assert_str_eq(text_string(&why),
			 "listen_port is a whole number: 1 .. 65535, not \"many\"");
	text_clear(&why);
	ck_assert(!set("pool_mode", "transactions"));
	ck_assert_str_eq(
		text_string(&why),
		"pool_mode is one of session, transaction, statement, not \"transactions\"");
	text_clear(&why);
	ck_assert(!set("syslog_facility", "kern"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "local7"));
}
END_TEST

START_TEST(test_an_unknown_key_names_the_nearest)
{
	ck_assert(!set("max_replica_leg", "1"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "nearest known is max_replica_lag"));
	text_clear(&why);
	ck_assert(!set("something_quite_else", "1"));
	ck_assert_ptr_null(strstr(text_string(&why), "nearest"));
	text_clear(&why);
	ck_assert(!set("abc", "1"));
	ck_assert_ptr_null(strstr(text_string(&why), "nearest"));
}
END_TEST

START_TEST(test_what_pgbouncer_has_and_we_have_not_is_refused)
{
	static const char *const keys[] = {
		"auth_query", "auth_hba_file",	     "peer_id",
		"pkt_buf",    "client_tls_key_file", "server_tls13_ciphers"
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		text_clear(&why);
		ck_assert(!set(keys[i], "1"));
		ck_assert_ptr_nonnull(
			strstr(text_string(&why), "not supported by this version of pgweir"));
	}
	text_clear(&why);
	ck_assert(set("client_tls_sslmode", "disable"));
	ck_assert(!set("client_tls_sslmode", "require"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "TLS is not there yet"));
	text_clear(&why);
	ck_assert(!set("read_consistency", "strong"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "allowed: session, eventual"));
	ck_assert(!set("auth_type", "hba"));
}
END_TEST

START_TEST(test_a_key_in_the_wrong_place_is_refused)
{
	ck_assert_ptr_null(settings_find("listen_port", IN_DATABASE, &why));
	ck_assert_str_eq(text_string(&why), "listen_port cannot be set for a database");
	text_clear(&why);
	ck_assert_ptr_null(settings_find("default_pool_size", IN_USER, &why));
	ck_assert_str_eq(text_string(&why),
			 "default_pool_size cannot be set for a user; write pool_size");
	ck_assert_ptr_null(settings_find("pool_size", IN_GLOBAL, &why));
	ck_assert_str_eq(settings_find("pool_size", IN_USER, NULL)->name, "default_pool_size");
	ck_assert_str_eq(settings_find("reserve_pool", IN_DATABASE, NULL)->name,
			 "reserve_pool_size");
}
END_TEST

START_TEST(test_target_session_attrs_is_route_in_libpqs_words)
{
	ck_assert(set("target_session_attrs", "prefer-standby"));
	ck_assert_int_eq(settings.route, ROUTING_PREFER_REPLICA);
	check_shown("route", "prefer-replica");
	ck_assert(set("target_session_attrs", "read-write"));
	ck_assert_int_eq(settings.route, ROUTING_PRIMARY);
	ck_assert(!set("target_session_attrs", "split"));
}
END_TEST

START_TEST(test_distance_counts_swapped_letters_once)
{
	char longer[200];

	ck_assert_uint_eq(spell_distance("port", "port"), 0);
	ck_assert_uint_eq(spell_distance("prot", "port"), 1);
	ck_assert_uint_eq(spell_distance("", "abc"), 3);
	ck_assert_uint_eq(spell_distance("kitten", "sitting"), 3);
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_uint_gt(spell_distance(longer, "a"), 1000);
}
END_TEST

START_TEST(test_entry_rows_are_in_order_and_apart_from_settings)
{
	static const enum setting_where places[] = { IN_DATABASE, IN_CLUSTER };
	const struct setting *row;
	unsigned i, j;
	bool own;

	for (i = 0; i < 2; i++) {
		for (j = 0; (row = entry_row(places[i], j)) != NULL; j++) {
			if (j > 0)
				ck_assert_str_lt(entry_row(places[i], j - 1)->name, row->name);
			ck_assert_ptr_null(settings_find(row->name, places[i], NULL));
			ck_assert_ptr_eq(entry_find(row->name, places[i], &own, &why), row);
			ck_assert(own);
		}
	}
	ck_assert_ptr_null(entry_find("hots", IN_DATABASE, &own, &why));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "nearest known is host"));
}
END_TEST

/* A file of the source tree, NULL if the test does not run in a build; to be freed. */
static char *read_source_file(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096], *page = NULL;
	size_t size = 0;
	FILE *file, *out;
	int c;

	if (srcdir == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", srcdir, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	out = open_memstream(&page, &size);
	while ((c = getc(file)) != EOF)
		putc(c, out);
	fclose(out);
	fclose(file);
	return page;
}

START_TEST(test_the_example_is_a_configuration)
{
	char *page = read_source_file("etc/pgweir.ini");
	struct config_error error;
	struct config *config;

	if (page == NULL)
		return;
	config = config_load_text(page, strlen(page), &error);
	ck_assert_msg(config != NULL, "line %u: %s", error.line, error.text);
	config_unref(config);
	free(page);
}
END_TEST

START_TEST(test_manual_has_every_row)
{
	char *document = read_source_file("doc/settings.md");
	char *page = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&page, &size);
	unsigned i;

	settings_print_manual(out);
	fclose(out);
	for (i = 0; i < settings_count(); i++) {
		char cell[80];

		snprintf(cell, sizeof(cell), "| `%s` |", settings_row(i)->name);
		ck_assert_msg(strstr(page, cell) != NULL, "%s", cell);
	}
	ck_assert_ptr_nonnull(strstr(page, "| `monitor_user` |"));
	ck_assert_msg(document == NULL || strstr(document, page) != NULL,
		      "run scripts/gen-settings-doc");
	free(document);
	free(page);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tests = tcase_create("settings");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_rows_are_in_order_and_complete);
	tcase_add_test(tests, test_defaults_are_pgbouncers);
	tcase_add_test(tests, test_values_print_as_pgbouncer_prints_them);
	tcase_add_test(tests, test_times_are_seconds_or_have_a_unit);
	tcase_add_test(tests, test_sizes_are_bytes_or_have_a_unit);
	tcase_add_test(tests, test_numbers_are_in_c_notation_and_in_range);
	tcase_add_test(tests, test_a_bad_value_says_what_is_allowed);
	tcase_add_test(tests, test_an_unknown_key_names_the_nearest);
	tcase_add_test(tests, test_what_pgbouncer_has_and_we_have_not_is_refused);
	tcase_add_test(tests, test_a_key_in_the_wrong_place_is_refused);
	tcase_add_test(tests, test_target_session_attrs_is_route_in_libpqs_words);
	tcase_add_test(tests, test_distance_counts_swapped_letters_once);
	tcase_add_test(tests, test_entry_rows_are_in_order_and_apart_from_settings);
	tcase_add_test(tests, test_the_example_is_a_configuration);
	tcase_add_test(tests, test_manual_has_every_row);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
