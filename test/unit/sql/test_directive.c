/* SPDX-License-Identifier: ISC */
/* SET pgweir.<name> is told from what is for the server; hints are read or counted as malformed. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sql/directive.h"

static struct directive read_text(const char *sql)
{
	struct directive directive;
	bool ours = directive_read(sql, strlen(sql), true, &directive);

	ck_assert_int_eq(ours, directive.kind != DIRECTIVE_NONE);
	return directive;
}

static void expect(const char *sql, enum directive_kind kind, const char *name, const char *value)
{
	struct directive directive = read_text(sql);

	ck_assert_msg(directive.kind == kind, "%s: kind %d", sql, directive.kind);
	ck_assert_str_eq(directive.name, name);
	ck_assert_str_eq(directive.value, value);
}

static void expect_not_ours(const char *sql)
{
	expect(sql, DIRECTIVE_NONE, "", "");
}

START_TEST(test_set_is_ours_in_each_spelling)
{
	expect("SET pgweir.route = 'primary'", DIRECTIVE_SET, "route", "primary");
	expect("set PGWEIR.Route to Replica;", DIRECTIVE_SET, "route", "replica");
	expect("SET SESSION pgweir.route='any' ; ", DIRECTIVE_SET, "route", "any");
	expect("/* a */ SET -- b\n pgweir /* c */ . route TO \"split\" ;;", DIRECTIVE_SET, "route",
	       "split");
	expect("SET pgweir.max_lag = 10", DIRECTIVE_SET, "max_lag", "10");
	expect("SET pgweir.route = ''", DIRECTIVE_SET, "route", "");
	expect("SET pgweir.route = 'it''s'", DIRECTIVE_SET, "route", "it's");
	expect("SET pgweir.route = 'Primary'", DIRECTIVE_SET, "route", "Primary");
}
END_TEST

START_TEST(test_reset_and_show_are_ours)
{
	expect("RESET pgweir.route", DIRECTIVE_RESET, "route", "");
	expect("SET pgweir.route TO DEFAULT", DIRECTIVE_RESET, "route", "");
	expect("SET pgweir.route = default;", DIRECTIVE_RESET, "route", "");
	expect("SHOW pgweir.route;", DIRECTIVE_SHOW, "route", "");
}
END_TEST

START_TEST(test_what_is_not_understood_is_not_ours)
{
	expect_not_ours("");
	expect_not_ours(";");
	expect_not_ours("SELECT 1");
	expect_not_ours("SET LOCAL pgweir.route = 'primary'");
	expect_not_ours("SET pgweir.route = 'a', 'b'");
	expect_not_ours("SET pgweir.route = E'a'");
	expect_not_ours("SET pgweir.route = $$a$$");
	expect_not_ours("SET pgweir.route = U&'a'");
	expect_not_ours("SET pgweir.route = 'a'\n'b'");
	expect_not_ours("SET pgweir.route = 'a");
	expect_not_ours("SET pgweir.route =");
	expect_not_ours("SET pgweir.route");
	expect_not_ours("SET pgweir = 'a'");
	expect_not_ours("SET pgweir.a.b = 'a'");
	expect_not_ours("SET \"pgweir\".route = 'a'");
	expect_not_ours("SET pgweirx.route = 'a'");
	expect_not_ours("SET pgweir.route := 'a'");
	expect_not_ours("SET pgweir.route = 'a'; SELECT 1");
	expect_not_ours("RESET pgweir.route foo");
	expect_not_ours("SHOW pgweir");
	expect_not_ours("SET pgweir.route = -1");
	expect_not_ours("/* SET pgweir.route = 'a'");
}
END_TEST

START_TEST(test_too_long_for_the_buffers_is_not_ours)
{
	char sql[512] = "SET pgweir.";
	struct directive directive;
	size_t len = strlen(sql);

	memset(sql + len, 'n', 64);
	strcpy(sql + len + 64, "='a'");
	ck_assert(!directive_read(sql, strlen(sql), true, &directive));
	strcpy(sql + len + 63, "='a'");
	ck_assert(directive_read(sql, strlen(sql), true, &directive));
	ck_assert_uint_eq(strlen(directive.name), 63);

	strcpy(sql, "SET pgweir.a='");
	memset(sql + 14, 'v', 256);
	strcpy(sql + 14 + 256, "'");
	ck_assert(!directive_read(sql, strlen(sql), true, &directive));
	strcpy(sql + 14 + 255, "'");
	ck_assert(directive_read(sql, strlen(sql), true, &directive));
	ck_assert_uint_eq(strlen(directive.value), 255);
}
END_TEST

START_TEST(test_backslash_without_standard_strings_is_not_ours)
{
	static const char sql[] = "SET pgweir.route = 'a\\n'";
	struct directive directive;

	ck_assert(directive_read(sql, strlen(sql), true, &directive));
	ck_assert_str_eq(directive.value, "a\\n");
	ck_assert(!directive_read(sql, strlen(sql), false, &directive));
}
END_TEST

static void expect_hint(const char *sql, enum hint_result result, enum route_choice route)
{
	struct hint hint;

	ck_assert_msg(hint_read(sql, strlen(sql), &hint) == result, "%s", sql);
	ck_assert_int_eq(hint.route, route);
}

START_TEST(test_hint_gives_the_route)
{
	expect_hint("/* pgweir: route=primary */ SELECT 1", HINT_OK, ROUTE_CHOICE_PRIMARY);
	expect_hint(" \n\t/*pgweir:route=replica*/", HINT_OK, ROUTE_CHOICE_REPLICA);
	expect_hint("/* PGWEIR: Route=Any */", HINT_OK, ROUTE_CHOICE_ANY);
	expect_hint("/* pgweir: route=prefer-replica, */", HINT_OK, ROUTE_CHOICE_PREFER_REPLICA);
	expect_hint("/* pgweir: route=split */", HINT_OK, ROUTE_CHOICE_SPLIT);
}
END_TEST

START_TEST(test_other_comments_are_no_hint)
{
	expect_hint("", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("/", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("/*", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir */ SELECT 1", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("-- pgweir: route=primary\nSELECT 1", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("SELECT 1 /* pgweir: route=primary */", HINT_NONE, ROUTE_CHOICE_NONE);
	expect_hint("/* a */ /* pgweir: route=primary */", HINT_NONE, ROUTE_CHOICE_NONE);
}
END_TEST

START_TEST(test_malformed_hint_is_told)
{
	expect_hint("/* pgweir: */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=primary", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=primary *", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route = primary */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=leader */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: lag=1 */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=any, lag=1 */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=any route=any */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: /* route=any */ */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
	expect_hint("/* pgweir: route=any/**/ */", HINT_MALFORMED, ROUTE_CHOICE_NONE);
}
END_TEST

START_TEST(test_deallocate_of_a_name_is_read)
{
	static const struct {
		const char *sql;
		const char *name; /* NULL: none is read */
	} rows[] = {
		{ "DEALLOCATE _pg3_1", "_pg3_1" },
		{ "deallocate prepare Stmt;", "stmt" },
		{ "/* x */ DEALLOCATE \"Pdo \"\"1\" ; -- y", "Pdo \"1" },
		{ "DEALLOCATE ALL", NULL },
		{ "DEALLOCATE PREPARE ALL", NULL },
		{ "DEALLOCATE a; SELECT 1", NULL },
		{ "DEALLOCATE", NULL },
		{ "SELECT 1", NULL },
	};
	char name[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool read = deallocate_read(rows[i].sql, strlen(rows[i].sql), name, sizeof(name));

		ck_assert_int_eq(read, rows[i].name != NULL);
		if (read)
			ck_assert_str_eq(name, rows[i].name);
	}
	ck_assert(!deallocate_read("DEALLOCATE abcdef", 17, name, 4));
}
END_TEST

START_TEST(test_deallocate_is_found_among_statements)
{
	static const struct {
		const char *sql;
		const char *name; /* NULL: none is found */
	} rows[] = {
		{ "SAVEPOINT s;DEALLOCATE \"_PLAN0x1\";RELEASE s", "_PLAN0x1" },
		{ "SELECT 1; deallocate prepare Stmt", "stmt" },
		{ "DEALLOCATE a; DEALLOCATE b", "a" },
		{ "DEALLOCATE ALL; DEALLOCATE b;", "b" },
		{ ";; DEALLOCATE b", "b" },
		{ "SELECT deallocate, a; SELECT 'x; DEALLOCATE b'", NULL },
		{ "SELECT 1 /* ; */ DEALLOCATE b", NULL },
		{ "DEALLOCATE a b; SELECT 1", NULL },
		{ "SELECT 1; DEALLOCATE", NULL },
		{ "", NULL },
	};
	char name[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = deallocate_find(rows[i].sql, strlen(rows[i].sql), name, sizeof(name));

		ck_assert_msg(found == (rows[i].name != NULL), "%s", rows[i].sql);
		if (found)
			ck_assert_str_eq(name, rows[i].name);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("directive");
	TCase *tcase = tcase_create("directive");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_set_is_ours_in_each_spelling);
	tcase_add_test(tcase, test_reset_and_show_are_ours);
	tcase_add_test(tcase, test_what_is_not_understood_is_not_ours);
	tcase_add_test(tcase, test_too_long_for_the_buffers_is_not_ours);
	tcase_add_test(tcase, test_backslash_without_standard_strings_is_not_ours);
	tcase_add_test(tcase, test_hint_gives_the_route);
	tcase_add_test(tcase, test_other_comments_are_no_hint);
	tcase_add_test(tcase, test_malformed_hint_is_told);
	tcase_add_test(tcase, test_deallocate_of_a_name_is_read);
	tcase_add_test(tcase, test_deallocate_is_found_among_statements);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
