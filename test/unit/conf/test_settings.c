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

/* All settings of PgBouncer 1.25: default as SHOW CONFIG prints it, and whether it can change. */
static const struct {
	const char *name;
	const char *standard;
	bool changeable;
} theirs[] = {
	{ "admin_users", "", true },
	{ "application_name_add_host", "0", true },
	{ "auth_dbname", NULL, true },
	{ "auth_file", NULL, true },
	{ "auth_hba_file", "", true },
	{ "auth_ident_file", NULL, true },
	{ "auth_ldap_options", NULL, true },
	{ "auth_query",
	  "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END "
	  "FROM pg_authid WHERE rolname=$1 AND rolcanlogin",
	  true },
	{ "auth_type", "md5", true },
	{ "auth_user", NULL, true },
	{ "autodb_idle_timeout", "3600", true },
	{ "cancel_wait_timeout", "10", true },
	{ "client_idle_timeout", "0", true },
	{ "client_login_timeout", "60", true },
	{ "client_tls13_ciphers", NULL, true },
	{ "client_tls_ca_file", "", true },
	{ "client_tls_cert_file", "", true },
	{ "client_tls_ciphers", "default", true },
	{ "client_tls_dheparams", "auto", true },
	{ "client_tls_ecdhcurve", "auto", true },
	{ "client_tls_key_file", "", true },
	{ "client_tls_protocols", "secure", true },
	{ "client_tls_sslmode", "disable", true },
	{ "conffile", NULL, true },
	{ "default_pool_size", "20", true },
	{ "disable_pqexec", "0", false },
	{ "dns_max_ttl", "15", true },
	{ "dns_nxdomain_ttl", "15", true },
	{ "dns_zone_check_period", "0", true },
	{ "idle_transaction_timeout", "0", true },
	{ "ignore_startup_parameters", "", true },
	{ "job_name", "pgbouncer", false },
	{ "listen_addr", "", false },
	{ "listen_backlog", "128", false },
	{ "listen_port", "6432", false },
	{ "log_connections", "1", true },
	{ "log_disconnections", "1", true },
	{ "log_pooler_errors", "1", true },
	{ "log_stats", "1", true },
	{ "logfile", "", true },
	{ "login_notify_message", "", true },
	{ "max_client_conn", "100", true },
	{ "max_db_client_connections", "0", true },
	{ "max_db_connections", "0", true },
	{ "max_packet_size", "2147483647", true },
	{ "max_prepared_statements", "200", true },
	{ "max_user_client_connections", "0", true },
	{ "max_user_connections", "0", true },
	{ "min_pool_size", "0", true },
	{ "peer_id", "0", true },
	{ "pidfile", "", false },
	{ "pkt_buf", "4096", false },
	{ "pool_mode", "session", true },
	{ "pool_idle_timeout", "0", true },
	{ "query_timeout", "0", true },
	{ "query_wait_notify", "5", true },
	{ "query_wait_timeout", "120", true },
	{ "reserve_pool_size", "0", true },
	{ "reserve_pool_timeout", "5", true },
	{ "resolv_conf", "", false },
	{ "sbuf_loopcnt", "5", true },
	{ "scram_iterations", "4096", true },
	{ "server_check_delay", "30", true },
	{ "server_check_query", "<empty>", true },
	{ "server_connect_timeout", "15", true },
	{ "server_fast_close", "0", true },
	{ "server_idle_timeout", "600", true },
	{ "server_lifetime", "3600", true },
	{ "server_login_retry", "15", true },
	{ "server_reset_query", "DISCARD ALL", true },
	{ "server_reset_query_always", "0", true },
	{ "server_round_robin", "0", true },
	{ "server_tls13_ciphers", NULL, true },
	{ "server_tls_ca_file", "", true },
	{ "server_tls_cert_file", "", true },
	{ "server_tls_ciphers", "default", true },
	{ "server_tls_key_file", "", true },
	{ "server_tls_protocols", "secure", true },
	{ "server_tls_sslmode", "prefer", true },
	{ "service_name", NULL, false },
	{ "so_reuseport", "0", false },
	{ "stats_period", "60", true },
	{ "stats_users", "", true },
	{ "suspend_timeout", "10", true },
	{ "syslog", "0", true },
	{ "syslog_facility", "daemon", true },
	{ "syslog_ident", "pgbouncer", true },
	{ "tcp_defer_accept", "1", true },
	{ "tcp_keepalive", "1", true },
	{ "tcp_keepcnt", "0", true },
	{ "tcp_keepidle", "0", true },
	{ "tcp_keepintvl", "0", true },
	{ "tcp_socket_buffer", "0", true },
	{ "tcp_user_timeout", "0", true },
	{ "track_extra_parameters", "IntervalStyle", false },
	{ "transaction_timeout", "0", true },
	{ "unix_socket_dir", "/tmp", false },
	{ "unix_socket_group", "", false },
	{ "unix_socket_mode", "0777", false },
	{ "user", NULL, false },
	{ "verbose", NULL, true },
};

/* Where we are another program than PgBouncer, or have measured. */
static bool is_our_own(const char *name)
{
	return strcmp(name, "pkt_buf") == 0 || strcmp(name, "syslog_ident") == 0 ||
	       strcmp(name, "job_name") == 0 || strcmp(name, "service_name") == 0;
}

/* Where PgBouncer has no bounds, a file with odd values is no error. */
START_TEST(test_values_that_pgbouncer_takes_are_taken)
{
	static const struct {
		const char *name;
		const char *value;
	} odd[] = {
		{ "stats_period", "0" },      { "stats_period", "604800" },
		{ "pkt_buf", "0" },	      { "pkt_buf", "16777216" },
		{ "max_packet_size", "0" },   { "max_packet_size", "500" },
		{ "stats_period", "-1" },     { "sbuf_loopcnt", "0" },
		{ "listen_backlog", "0" },    { "tcp_keepidle", "0" },
		{ "dns_max_ttl", "0" },	      { "max_client_conn", "0" },
		{ "query_wait_notify", "0" }, { "server_lifetime", "0" },
		{ "suspend_timeout", "0" },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct config *config;
		struct config_error error;
		char text[100];

		snprintf(text, sizeof(text), "[pgbouncer]\n%s = %s\n", odd[i].name, odd[i].value);
		config = config_load_text(text, strlen(text), &error);
		ck_assert_msg(config != NULL, "%s", error.text);
		config_unref(config);
	}
}
END_TEST

START_TEST(test_pgbouncers_settings_have_its_defaults)
{
	struct text shown = { 0 };
	size_t i;

	for (i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
		const struct setting *row;
		bool has;

		text_clear(&why);
		text_clear(&shown);
		row = settings_find(theirs[i].name, IN_GLOBAL, &why);
		ck_assert_msg(row != NULL, "%s: %s", theirs[i].name, text_string(&why));
		has = setting_show_default(row, &shown);
		ck_assert_msg(has == (theirs[i].standard != NULL), "%s", theirs[i].name);
		if (has && !is_our_own(theirs[i].name))
			ck_assert_str_eq(text_string(&shown), theirs[i].standard);
		ck_assert_msg(setting_is_changeable(row) == theirs[i].changeable, "%s",
			      theirs[i].name);
	}
	text_done(&shown);
}
END_TEST

START_TEST(test_a_file_with_all_of_pgbouncers_defaults_is_taken)
{
	struct text file = { 0 };
	struct config_error error;
	struct config *config;
	size_t i;

	text_add(&file, "[pgbouncer]\n");
	for (i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (settings_find(theirs[i].name, IN_GLOBAL, NULL) != NULL)
			text_printf(&file, "%s%s = %s\n", theirs[i].standard != NULL ? "" : ";",
				    theirs[i].name,
				    theirs[i].standard != NULL ? theirs[i].standard : "");
	text_add(&file,
		 "verbose = 0\nclient_tls13_ciphers =\nclient_tls_ca_file = <system default>\n"
		 "server_tls_ca_file = <system default>\nclient_tls_ciphers = fast\n"
		 "tcp_defer_accept = 45\nlisten_addr = localhost\n");
	config = config_load_text(text_string(&file), file.len, &error);
	ck_assert_msg(config != NULL, "line %u: %s", error.line, error.text);
	config_unref(config);
	text_done(&file);
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
					   ".",	       "--1",
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
	ck_assert(!set("listen_port", "-1"));
	ck_assert(!set("route_buffer", "-65536"));
	ck_assert(set("log_stats", "0"));
	ck_assert(!settings.log_stats);
	ck_assert(set("log_stats", "on"));
	ck_assert(settings.log_stats);
	ck_assert(set("log_stats", "0"));
	ck_assert(set("log_stats", "2"));
	ck_assert(settings.log_stats);
	ck_assert(!set("log_stats", "maybe"));
}
END_TEST

START_TEST(test_less_than_nothing_is_nothing)
{
	ck_assert(set("query_timeout", "5"));
	ck_assert(set("query_timeout", "-1"));
	ck_assert_int_eq(settings.query_timeout, 0);
	ck_assert(set("max_db_connections", "-1"));
	ck_assert_int_eq(settings.max_db_connections, 0);
	ck_assert(value_is_negative(settings_find("pool_size", IN_USER, NULL), "-1"));
	ck_assert(!value_is_negative(settings_find("pool_size", IN_USER, NULL), "0"));
	ck_assert(!value_is_negative(settings_find("pool_mode", IN_USER, NULL), "-1"));
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
	ck_assert(set("client_tls_sslmode", "disable"));
	ck_assert(set("server_tls_sslmode", "prefer"));
	ck_assert(!set("client_tls_sslmode", "require"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "TLS is not there yet"));
	text_clear(&why);
	ck_assert(!set("read_consistency", "strong"));
	ck_assert_ptr_nonnull(strstr(text_string(&why), "allowed: session, eventual"));
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
	tcase_add_test(tests, test_values_that_pgbouncer_takes_are_taken);
	tcase_add_test(tests, test_pgbouncers_settings_have_its_defaults);
	tcase_add_test(tests, test_a_file_with_all_of_pgbouncers_defaults_is_taken);
	tcase_add_test(tests, test_defaults_are_pgbouncers);
	tcase_add_test(tests, test_values_print_as_pgbouncer_prints_them);
	tcase_add_test(tests, test_times_are_seconds_or_have_a_unit);
	tcase_add_test(tests, test_sizes_are_bytes_or_have_a_unit);
	tcase_add_test(tests, test_numbers_are_in_c_notation_and_in_range);
	tcase_add_test(tests, test_less_than_nothing_is_nothing);
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
