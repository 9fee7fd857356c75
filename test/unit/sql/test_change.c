/* SPDX-License-Identifier: ISC */
#include "sql/change.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All changes of a text, like "set:a reset:b all". */
static const char *changes(const char *sql)
{
	static const char *const words[] = {
		[CHANGE_SET] = "set",	    [CHANGE_RESET] = "reset",
		[CHANGE_ALL] = "all",	    [CHANGE_UNKNOWN] = "unknown",
		[CHANGE_CURSOR] = "cursor", [CHANGE_CHANNEL] = "channel",
		[CHANGE_TEMP] = "temp",	    [CHANGE_EXECUTE] = "execute",
	};
	static char out[512];
	struct change_reader reader;
	struct change change;
	size_t len = 0;

	out[0] = '\0';
	change_begin(&reader, sql, strlen(sql), true);
	while (change_next(&reader, &change)) {
		bool named = change.kind == CHANGE_SET || change.kind == CHANGE_RESET;

		ck_assert(named == (change.name[0] != '\0'));
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s%s%s%s",
					len != 0 ? " " : "", change.later ? "later:" : "",
					words[change.kind], named ? ":" : "",
					named ? change.name : "");
	}
	return out;
}

static const struct {
	const char *sql;
	const char *changes;
} texts[] = {
	{ "", "" },
	{ "SELECT 1", "" },
	{ "SET work_mem = '1MB'", "set:work_mem" },
	{ "set Work_Mem to 5; ", "set:work_mem" },
	{ "SET SESSION app.tenant TO 'x'", "set:app.tenant" },
	{ "SET \"app\".\"Tenant\" = 'x'", "set:app.tenant" },
	{ "SET LOCAL work_mem = 5", "" },
	{ "SET local.x = 5", "set:local.x" },
	{ "SET session.x = 5", "set:session.x" },
	{ "SET SESSION session.x = 5", "set:session.x" },
	{ "SET TIME ZONE 'UTC'", "set:timezone" },
	{ "SET TIME ZONE DEFAULT", "reset:timezone" },
	{ "SET SESSION TIME ZONE LOCAL", "set:timezone" },
	{ "SET LOCAL TIME ZONE 'UTC'", "" },
	{ "SET NAMES 'LATIN1'", "set:client_encoding" },
	{ "SET SCHEMA 'x'", "set:search_path" },
	{ "SET ROLE bob", "set:role" },
	{ "SET ROLE NONE", "set:role" },
	{ "SET SESSION AUTHORIZATION bob", "set:session_authorization" },
	{ "SET SESSION AUTHORIZATION DEFAULT", "reset:session_authorization" },
	{ "SET LOCAL ROLE bob", "" },
	{ "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "unknown" },
	{ "SET TRANSACTION READ ONLY", "" },
	{ "SET transaction_isolation = 'serializable'", "" },
	{ "SET CONSTRAINTS ALL DEFERRED", "" },
	{ "SET search_path FROM CURRENT", "set:search_path" },
	{ "SET work_mem TO DEFAULT", "reset:work_mem" },
	{ "RESET work_mem", "reset:work_mem" },
	{ "RESET app.tenant", "reset:app.tenant" },
	{ "RESET ALL", "all" },
	{ "RESET ROLE", "reset:role" },
	{ "RESET SESSION AUTHORIZATION", "reset:session_authorization" },
	{ "RESET TIME ZONE", "reset:timezone" },
	{ "DISCARD ALL", "all" },
	{ "DISCARD PLANS", "" },
	{ "/* c */ SET a.b = 1 -- x\n; select 1;\nset c.d=2", "set:a.b set:c.d" },
	{ "UPDATE t SET a = 1", "" },
	{ "ALTER ROLE bob SET work_mem = 5", "" },
	{ "SELECT 'SET a = 1; SET b = 2'", "" },
	{ "SELECT set_config('a.b', 'x', false)", "set:a.b" },
	{ "SELECT set_config('a.b', 'x', true)", "" },
	{ "SELECT set_config('a.b', 'x', 't'), pg_catalog.set_config('C','y',false)", "set:c" },
	{ "SELECT set_config('a.b', set_config('c.d', 'x', false), true)", "set:c.d" },
	{ "SELECT set_config($1, 'x', false)", "unknown" },
	{ "SELECT set_config('a.b', 'x', $1)", "set:a.b" },
	{ "SELECT set_config(E'a\\x2eb', 'x', false)", "unknown" },
	{ "SELECT \"set_config\" /**/ ('a.b', 'x', false)", "set:a.b" },
	{ "SELECT U&\"set\\005fconfig\"('a.b', 'x', false)", "set:a.b" },
	{ "WITH w AS (SELECT set_config('a.b', 'x', false)) INSERT INTO t TABLE w", "set:a.b" },
	{ "SELECT set_config FROM t", "" },
	{ "SELECT set_config('transaction_read_only', 'on', false)", "" },
	{ "SET a.b = 'x", "set:a.b" },
	{ "SELECT 'x", "unknown" },
	{ "CREATE TABLE t (temp int)", "" },
	{ "CREATE TEMP TABLE t ()", "temp" },
	{ "create local temporary view v as select 1", "temp" },
	{ "CREATE OR REPLACE TEMP VIEW v AS SELECT 1", "temp" },
	{ "DECLARE c CURSOR FOR SELECT 1", "" },
	{ "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT 1", "cursor" },
	{ "DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", "" },
	{ "LISTEN c", "channel" },
	{ "SET", "unknown" },
	{ "RESET", "unknown" },
	{ ";;;", "" },
	{ "PREPARE p AS SELECT set_config('a.b', $1, false)", "later:set:a.b" },
	{ "prepare p (text) as SELECT 1; SELECT set_config('a.b', '', false)", "set:a.b" },
	{ "PREPARE p AS SELECT set_config('a.b', '', false); SET c.d = 1",
	  "later:set:a.b set:c.d" },
	{ "PREPARE p AS SELECT 'x", "unknown" },
	{ "PREPARE TRANSACTION 'x'", "" },
};

/* Of these nothing is seen at a glance, and nothing needs to as long as nothing was prepared. */
static const struct {
	const char *sql;
	const char *changes;
} executions[] = {
	{ "EXECUTE p", "execute" },
	{ "SELECT 1; execute p('x'); SET a.b = 1", "execute set:a.b" },
	{ "EXPLAIN ANALYZE EXECUTE p", "execute" },
	{ "CREATE TABLE t AS EXECUTE p", "execute" },
	{ "CREATE UNLOGGED TABLE s.t WITH (fillfactor = 50) AS EXECUTE p", "execute" },
	{ "SELECT \"execute\", 'execute'", "" },
};

START_TEST(test_changes_of_a_text)
{
	ck_assert_str_eq(changes(texts[_i].sql), texts[_i].changes);
}
END_TEST

START_TEST(test_whoever_executes_may_change_what_was_prepared)
{
	ck_assert_str_eq(changes(executions[_i].sql), executions[_i].changes);
}
END_TEST

/* Nothing that changes something is passed at a glance. */
START_TEST(test_a_glance_misses_none_that_begins_with_it)
{
	if (texts[_i].changes[0] != '\0' && strstr(texts[_i].sql, "U&") == NULL &&
	    strcmp(texts[_i].changes, "unknown") != 0)
		ck_assert(change_is_possible(texts[_i].sql, strlen(texts[_i].sql)));
}
END_TEST

START_TEST(test_a_glance_passes_the_ordinary)
{
	static const char *const sql[] = {
		"SELECT abalance FROM pgbench_accounts WHERE aid = 1",
		"  select count(*) from t where f(x) = (1 + 2) and config (1)",
		"INSERT INTO t VALUES (1), ( 2 )",
		"UPDATE t SET a = 1",
		"DELETE FROM t",
		"BEGIN",
		"COMMIT",
		"(SELECT 1)",
		"(",
		"g(",
		"\"(",
		"",
		"c",
	};

	ck_assert(!change_is_possible(sql[_i], strlen(sql[_i])));
}
END_TEST

START_TEST(test_names_are_bounded)
{
	char sql[200] = "SET ";

	memset(sql + 4, 'x', 63);
	strcpy(sql + 67, " = 1");
	ck_assert_uint_eq(strlen(changes(sql)), strlen("set:") + 63);
	memset(sql + 4, 'x', 64);
	strcpy(sql + 68, " = 1");
	ck_assert_str_eq(changes(sql), "unknown");
	ck_assert_str_eq(
		changes("SET app.x.'y' = 1; RESET app.x.$1; SELECT set_config('a\"', '', $1)"),
		"unknown unknown unknown");
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("change");
	Suite *suite = suite_create("sql/change");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, test_changes_of_a_text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_loop_test(tests, test_whoever_executes_may_change_what_was_prepared, 0,
			    sizeof(executions) / sizeof(executions[0]));
	tcase_add_loop_test(tests, test_a_glance_misses_none_that_begins_with_it, 0,
			    sizeof(texts) / sizeof(texts[0]));
	tcase_add_loop_test(tests, test_a_glance_passes_the_ordinary, 0, 13);
	tcase_add_test(tests, test_names_are_bounded);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
