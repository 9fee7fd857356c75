/* SPDX-License-Identifier: ISC */
/* Routes, reasons and flags that the corpus does not reach, and hostile input by class. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sql/classify.h"

static const struct classify_options plain = { .std_strings = true, .max_scan = 65536 };

static struct verdict judge(const char *sql)
{
	return classify(sql, strlen(sql), &plain);
}

static void expect(const char *sql, enum route route, enum verdict_why why)
{
	struct verdict v = judge(sql);

	ck_assert_msg(v.route == route && v.why == why, "%s: %s, %s", sql, route_name(v.route),
		      verdict_why_name(v.why));
}

static void expect_read(const char *sql)
{
	expect(sql, ROUTE_REPLICA, WHY_READ);
}

static void expect_unknown(const char *sql)
{
	expect(sql, ROUTE_PRIMARY, WHY_FUNCTION_UNKNOWN);
}

static void expect_flags(const char *sql, uint64_t flags)
{
	struct verdict v = judge(sql);

	ck_assert_msg(v.flags == flags, "%s: flags %llx, expected %llx", sql,
		      (unsigned long long)v.flags, (unsigned long long)flags);
}

START_TEST(test_unknown_function_is_a_write)
{
	expect_unknown("SELECT f(1)");
	expect_unknown("SELECT f (1)");
	expect_unknown("SELECT f/**/(1)");
	expect_unknown("SELECT \"Lower\"('a')");
	expect_unknown("SELECT \"low\"\"er\"('a')");
	expect_unknown("SELECT 1 FROM t JOIN f(1) ON true");
	expect_unknown("SELECT (a).f(1)");
	expect_unknown("SELECT a::f(1)");
}
END_TEST

START_TEST(test_key_words_after_a_dot_are_functions)
{
	expect_unknown("SELECT schema.on(1)");
	expect_unknown("SELECT schema.in (1)");
	expect_unknown("SELECT schema . /* a */ over(1)");
	expect_unknown("SELECT schema.coalesce(1)");
	expect_unknown("SELECT \"schema\".using(1)");
	expect_read("SELECT t.on, t.for, t.insert, t.into FROM t");
}
END_TEST

START_TEST(test_words_that_may_name_functions_are_functions_in_their_place)
{
	static const char *const names[] = {
		"over",	    "filter", "columns",      "second", "escape",  "passing", "ilike",
		"operator", "join",   "zone",	      "by",	"varying", "sets",    "first",
		"next",	    "rollup", "materialized", "range",	"rows",	   "value",   "key",
		"json",	    "temp",   "recursive",    "inner",	"full",
	};
	char sql[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcat(strcat(strcpy(sql, "SELECT "), names[i]), "(1)");
		expect_unknown(sql);
		strcat(strcat(strcpy(sql, "SELECT DISTINCT ON (1) "), names[i]), "(1)");
		expect_unknown(sql);
		strcat(strcat(strcpy(sql, "SELECT 1 OPERATOR(pg_catalog.+) "), names[i]), "(1)");
		expect_unknown(sql);
	}
}
END_TEST

START_TEST(test_grammar_with_parentheses_is_no_call)
{
	expect_read("SELECT sum(a) OVER (ORDER BY b), sum(a) FILTER (WHERE true) FROM t");
	expect_read(
		"SELECT a FROM t GROUP BY GROUPING SETS ((a), ROLLUP (a), CUBE (a)), ROLLUP (a)");
	expect_read("SELECT * FROM a x(i) LEFT JOIN (b JOIN (c JOIN d ON true) ON true) ON true");
	expect_read("WITH RECURSIVE a(i) AS (SELECT 1), b (j, k) AS MATERIALIZED (SELECT 2), "
		    "c AS NOT MATERIALIZED (SELECT 3) SELECT 1");
	expect_read("SELECT * FROM t TABLESAMPLE system (10) REPEATABLE (1)");
	expect_read("SELECT now() AT TIME ZONE ('UTC') ORDER BY (1)");
	expect_read("SELECT a::character varying (10), interval '1' second(2)");
	expect_read("SELECT a FROM t WHERE a LIKE ('x') ESCAPE ('y') FETCH FIRST (1) ROWS ONLY");
	expect_read("SELECT * FROM ROWS FROM (generate_series(1, 2)) AS x(a)");
}
END_TEST

START_TEST(test_alias_exemption_ends_with_its_clause)
{
	expect_unknown("SELECT * FROM t WHERE a f(1)");
	expect_unknown("WITH x AS (SELECT 1) (SELECT 1) ORDER BY 1, f(1)");
	expect_unknown("SELECT * FROM a() WITH ORDINALITY, f(1)");
	expect_unknown("SELECT * FROM t JOIN u ON ts AT TIME ZONE f(1)");
	expect_unknown("SELECT 1 AS not, f(1)");
	expect_unknown("SELECT percentile_cont(1) WITHIN GROUP (ORDER BY n), rollup(1)");
}
END_TEST

START_TEST(test_label_hides_no_clause)
{
	expect("SELECT 1 AS not INTO x", ROUTE_PRIMARY, WHY_INTO);
	expect("SELECT 1 AS for FOR UPDATE", ROUTE_PRIMARY, WHY_LOCKING);
	expect_read("SELECT 1 AS for, 2 AS into, 3 AS update");
	expect("SELECT 1.FOR UPDATE", ROUTE_PRIMARY, WHY_LOCKING);
}
END_TEST

START_TEST(test_foreign_schema_is_trusted_with_extensions_only)
{
	expect_unknown("SELECT audit.log('x')");
	expect_unknown("SELECT a.pg_catalog.b.lower('x')");
	expect_unknown("SELECT pg_catalog.similarity('a', 'b')");
	expect_read("SELECT public.similarity('a', 'b'), extensions.uuid_generate_v4()");
	expect_read("SELECT \"pg_catalog\".\"lower\"('A')");
	expect_unknown("SELECT \"PG_CATALOG\".lower('A')");
}
END_TEST

START_TEST(test_functions_of_later_versions_are_known)
{
	expect_read(
		"SELECT any_value(a), array_sort(b), uuidv7(), random_normal(), crc32('a') FROM t");
	expect_read("SELECT json_value(a, '$'), json_array(1), json_exists(a, '$.b') FROM t");
}
END_TEST

START_TEST(test_functions_that_run_text_or_tell_the_node_are_unsafe)
{
	static const char *const sqls[] = {
		"SELECT query_to_xml('a', true, true, '')",
		"SELECT * FROM crosstab('a') AS x(a int)",
		"SELECT ts_stat('a')",
		"SELECT table_to_xml('t', true, true, '')",
		"SELECT inet_server_addr()",
		"SELECT pg_export_snapshot()",
		"SELECT lo_unlink(1)",
	};
	size_t i;

	for (i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++)
		expect(sqls[i], ROUTE_PRIMARY, WHY_FUNCTION_UNSAFE);
	expect("SELECT current_setting('transaction_read_only')", ROUTE_PRIMARY, WHY_NODE);
	expect_read("SELECT current_setting('work_mem')");
}
END_TEST

START_TEST(test_session_functions_tell_what_they_leave)
{
	expect_flags("SELECT pg_advisory_lock(1)", VERDICT_SESSION | VERDICT_ADVISORY);
	expect_flags("SELECT currval('s')", VERDICT_SESSION | VERDICT_SEQSTATE);
	expect_flags("INSERT INTO t VALUES (currval('s'))",
		     VERDICT_WRITE | VERDICT_SESSION | VERDICT_SEQSTATE);
	expect_flags("SELECT pg_advisory_xact_lock(1)", 0);
	expect_flags("SELECT set_config('a', 'b', true)", VERDICT_SETLOCAL);
	expect_flags("SELECT set_config('a', f(1, 2), 't')", VERDICT_SETLOCAL);
	expect_flags("SELECT set_config('a', 'b', true OR false)", VERDICT_SESSION | VERDICT_SET);
	expect_flags("SELECT set_config('a', 'b', $1)", VERDICT_SESSION | VERDICT_SET);
	expect_flags("SELECT set_config('a', set_config('b', 'c', false), true)",
		     VERDICT_SETLOCAL | VERDICT_SESSION | VERDICT_SET);
}
END_TEST

START_TEST(test_system_relations_are_the_primarys)
{
	expect("SELECT * FROM pg_class", ROUTE_PRIMARY, WHY_RELATION);
	expect("SELECT * FROM pg_catalog.pg_class", ROUTE_PRIMARY, WHY_RELATION);
	expect("SELECT * FROM \"pg_class\"", ROUTE_PRIMARY, WHY_RELATION);
	expect("TABLE information_schema.tables", ROUTE_PRIMARY, WHY_RELATION);
	expect("COPY pg_class TO STDOUT", ROUTE_PRIMARY, WHY_RELATION);
	expect("SELECT s.last_value FROM s", ROUTE_PRIMARY, WHY_RELATION);
	expect("SELECT \"is_called\" FROM s", ROUTE_PRIMARY, WHY_RELATION);
	expect("SELECT * FROM PG_Temp.x", ROUTE_PRIMARY, WHY_SESSION);
	expect_flags("SELECT 'a'::pg_temp_3.x", VERDICT_SESSION | VERDICT_TEMP);
	expect_read(
		"SELECT last_value(a) OVER () AS last_value, 'a'::pg_lsn FROM pgbench_accounts");
}
END_TEST

START_TEST(test_transaction_control)
{
	expect_flags("BEGIN", VERDICT_BEGIN | VERDICT_PLAIN_BEGIN);
	expect_flags("/* a */ begin work; -- b", VERDICT_BEGIN | VERDICT_PLAIN_BEGIN);
	expect_flags("START TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ NOT DEFERRABLE",
		     VERDICT_BEGIN | VERDICT_PLAIN_BEGIN | VERDICT_TX_RO);
	expect_flags("BEGIN; SELECT 1", VERDICT_BEGIN | VERDICT_MULTI);
	expect_flags("BEGIN READ", VERDICT_BEGIN | VERDICT_DOUBT);
	expect_flags("BEGIN READ ONLY,", VERDICT_BEGIN | VERDICT_DOUBT | VERDICT_TX_RO);
	expect("BEGIN READ ONLY READ WRITE", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect("BEGIN READ ONLY; SELECT 1; COMMIT", ROUTE_REPLICA, WHY_READ);
	expect_flags("COMMIT AND CHAIN", VERDICT_COMMIT | VERDICT_CHAIN);
	expect_flags("END WORK AND NO CHAIN", VERDICT_COMMIT);
	expect_flags("ABORT", VERDICT_ROLLBACK);
	expect_flags("ROLLBACK TRANSACTION TO SAVEPOINT a", VERDICT_ROLLBACK_TO);
	expect_flags("COMMIT PREPARED 'a'", VERDICT_WRITE);
	expect_flags("ROLLBACK PREPARED 'a'", VERDICT_WRITE);
	expect_flags("PREPARE TRANSACTION 'a'", VERDICT_PREPARE_TRANSACTION | VERDICT_WRITE);
	expect_flags("PREPARE transaction AS SELECT 1", VERDICT_SESSION | VERDICT_PREPARE);
	expect_flags("RELEASE a", VERDICT_SAVEPOINT);
	expect("COMMIT", ROUTE_EITHER, WHY_FOLLOW);
}
END_TEST

START_TEST(test_set_tells_what_it_changes)
{
	uint64_t set = VERDICT_SESSION | VERDICT_SET;

	expect_flags("SET work_mem = 1", set);
	expect_flags("SET local.foo = 1", set);
	expect_flags("SET session.foo = 1", set);
	expect_flags("SET LOCAL work_mem = 1", VERDICT_SETLOCAL);
	expect_flags("SET LOCAL ROLE x", VERDICT_SETLOCAL);
	expect_flags("SET CONSTRAINTS ALL DEFERRED", VERDICT_SETLOCAL);
	expect_flags("SET SESSION AUTHORIZATION x", set);
	expect_flags("SET TRANSACTION READ ONLY", VERDICT_SET_TRANSACTION | VERDICT_TX_RO);
	expect_flags("SET LOCAL TRANSACTION READ WRITE", VERDICT_SET_TRANSACTION | VERDICT_TX_RW);
	expect("SET SESSION TRANSACTION READ WRITE", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect("SET TRANSACTION SNAPSHOT 'a'", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect_flags("SET TRANSACTION SNAPSHOT 'a'", VERDICT_SET_TRANSACTION | VERDICT_DOUBT);
	expect_flags("SET TRANSACTION READ ONLY x", VERDICT_SET_TRANSACTION | VERDICT_DOUBT);
	expect_flags("SET LOCAL transaction_isolation = 'x'",
		     VERDICT_SETLOCAL | VERDICT_SET_TRANSACTION | VERDICT_DOUBT);
	expect_flags("SET LOCAL transaction_read_only = on on",
		     VERDICT_SETLOCAL | VERDICT_SET_TRANSACTION | VERDICT_TX_RO | VERDICT_DOUBT);
	expect("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect_flags("SET LOCAL transaction_read_only TO on",
		     VERDICT_SETLOCAL | VERDICT_SET_TRANSACTION | VERDICT_TX_RO);
	expect("SET LOCAL \"Transaction_Read_Only\" = 'off'", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect("SET LOCAL transaction_isolation = 'SERIALIZABLE'", ROUTE_PRIMARY, WHY_TRANSACTION);
	expect("SET LOCAL transaction_read_only = DEFAULT", ROUTE_PRIMARY, WHY_TRANSACTION);
}
END_TEST

START_TEST(test_set_tells_the_defaults_of_later_transactions)
{
	uint64_t set = VERDICT_SESSION | VERDICT_SET;

	expect_flags("SET default_transaction_read_only = on", set | VERDICT_DEFAULT_RO);
	expect_flags("SET SESSION Default_Transaction_Read_Only TO 'f'", set | VERDICT_DEFAULT_RW);
	expect_flags("SET default_transaction_read_only = DEFAULT", set | VERDICT_DEFAULT_RESET);
	expect_flags("SET default_transaction_isolation = 'serializable'",
		     set | VERDICT_DEFAULT_SER);
	expect_flags("SET default_transaction_isolation = 'read committed'",
		     set | VERDICT_DEFAULT_NOT_SER);
	expect_flags("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
		     set | VERDICT_DEFAULT_RO);
	expect_flags("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, "
		     "READ WRITE",
		     set | VERDICT_DEFAULT_SER | VERDICT_DEFAULT_RW);
	expect_flags("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
		     set | VERDICT_DEFAULT_NOT_SER);
	expect_flags("RESET ALL", set | VERDICT_DEFAULT_RESET);
	expect_flags("RESET default_transaction_read_only", set | VERDICT_DEFAULT_RESET);
	expect_flags("DISCARD ALL", VERDICT_SESSION | VERDICT_DISCARD | VERDICT_DEFAULT_RESET);
	expect_flags("DISCARD PLANS", VERDICT_SESSION | VERDICT_DISCARD);
	expect_flags("SET LOCAL default_transaction_read_only = on", VERDICT_SETLOCAL);
}
END_TEST

START_TEST(test_copy)
{
	expect_flags("COPY t TO STDOUT", VERDICT_COPY_OUT);
	expect_flags("COPY t (a, b) FROM STDIN (FORMAT csv, FORCE_NULL (a))",
		     VERDICT_COPY_IN | VERDICT_WRITE);
	expect_read("COPY t (a, b) TO STDOUT (FORMAT csv, FORCE_QUOTE (a))");
	expect_read("COPY BINARY public.t TO STDOUT");
	expect_read("COPY binary TO STDOUT");
	expect_read("COPY (SELECT 1 FROM t) TO STDOUT");
	expect_unknown("COPY (SELECT f(1)) TO STDOUT");
	expect("COPY t TO 'file'", ROUTE_PRIMARY, WHY_COPY);
	expect("COPY t TO PROGRAM 'x'", ROUTE_PRIMARY, WHY_COPY);
	expect("COPY t", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
}
END_TEST

START_TEST(test_explain_is_as_what_it_explains)
{
	expect_read("EXPLAIN SELECT 1");
	expect_read("EXPLAIN ANALYZE VERBOSE SELECT 1");
	expect_read("EXPLAIN (ANALYZE, COSTS off) (SELECT 1)");
	expect_read("EXPLAIN (SELECT 1)");
	expect("EXPLAIN (ANALYZE) DELETE FROM t", ROUTE_PRIMARY, WHY_WRITE);
	expect("EXPLAIN EXECUTE p", ROUTE_PRIMARY, WHY_SESSION);
	expect("EXPLAIN BEGIN", ROUTE_PRIMARY, WHY_DOUBT_STATEMENT);
	expect_flags("EXPLAIN BEGIN", VERDICT_EXPLAIN | VERDICT_DOUBT);
}
END_TEST

START_TEST(test_cursors)
{
	expect_flags("DECLARE c CURSOR FOR SELECT 1", VERDICT_SESSION | VERDICT_CURSOR);
	expect("DECLARE c CURSOR FOR SELECT 1", ROUTE_REPLICA, WHY_READ);
	expect("DECLARE c CURSOR WITH HOLD FOR SELECT 1", ROUTE_PRIMARY, WHY_SESSION);
	expect("DECLARE c CURSOR FOR SELECT 1 FOR UPDATE", ROUTE_PRIMARY, WHY_LOCKING);
	expect("CLOSE ALL", ROUTE_EITHER, WHY_FOLLOW);
}
END_TEST

START_TEST(test_temp_is_session_state)
{
	uint64_t temp = VERDICT_SESSION | VERDICT_TEMP | VERDICT_WRITE;

	expect_flags("CREATE TEMP TABLE t (a int)", temp | VERDICT_DDL);
	expect_flags("CREATE OR REPLACE LOCAL TEMPORARY VIEW v AS SELECT 1", temp | VERDICT_DDL);
	expect_flags("SELECT 1 INTO LOCAL TEMP x", temp);
	expect_flags("INSERT INTO temp VALUES (1)", VERDICT_WRITE);
	expect_flags("CREATE TABLE temp (a int)", VERDICT_DDL | VERDICT_WRITE);
}
END_TEST

START_TEST(test_semicolons_inside_create_end_nothing)
{
	struct verdict v = judge("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; "
				 "SELECT CASE WHEN true THEN 1 END; END; COMMIT");

	ck_assert_uint_eq(v.statements, 2);
	ck_assert(v.flags & VERDICT_COMMIT);
	v = judge("CREATE RULE r AS ON INSERT TO u DO ALSO (DELETE FROM a; COMMIT); SELECT 1");
	ck_assert_uint_eq(v.statements, 2);
	ck_assert(!(v.flags & VERDICT_COMMIT));
}
END_TEST

START_TEST(test_role_probes_are_the_primarys)
{
	expect("SHOW transaction_read_only", ROUTE_PRIMARY, WHY_NODE);
	expect("show IN_HOT_STANDBY;", ROUTE_PRIMARY, WHY_NODE);
	expect("SHOW ALL", ROUTE_PRIMARY, WHY_NODE);
	expect("SHOW search_path", ROUTE_EITHER, WHY_FOLLOW);
}
END_TEST

START_TEST(test_strictest_statement_decides_and_is_named)
{
	struct verdict v = judge("SELECT 1; SELECT f(2); DELETE FROM t");

	ck_assert_int_eq(v.why, WHY_FUNCTION_UNKNOWN);
	ck_assert_uint_eq(v.pos, 17);
	ck_assert_uint_eq(v.len, 1);
	ck_assert_uint_eq(v.statements, 3);
	ck_assert(v.flags == (VERDICT_MULTI | VERDICT_WRITE));
	expect(";;", ROUTE_EITHER, WHY_EMPTY);
	expect("COMMIT; SELECT 1", ROUTE_REPLICA, WHY_READ);
	expect("SELECT 1; COMMIT", ROUTE_REPLICA, WHY_READ);
}
END_TEST

START_TEST(test_join_of_messages_is_the_strictest)
{
	struct verdict v = verdict_join(judge("BEGIN"), judge("SELECT 1"));

	ck_assert_int_eq(v.route, ROUTE_PRIMARY);
	ck_assert_int_eq(v.why, WHY_BEGIN);
	ck_assert(v.flags == (VERDICT_BEGIN | VERDICT_MULTI));
	v = verdict_join(judge(""), judge("COMMIT"));
	ck_assert_int_eq(v.why, WHY_FOLLOW);
	ck_assert_uint_eq(v.statements, 1);
	ck_assert_int_eq(verdict_join(judge("SELECT 1"), judge("DELETE FROM t")).why, WHY_WRITE);
}
END_TEST

START_TEST(test_unterminated_text_is_a_doubt)
{
	static const char *const sqls[] = {
		"SELECT 'a",	 "SELECT \"a", "SELECT $$a",	  "SELECT $a$ $b$",
		"SELECT E'a\\'", "SELECT /*",  "SELECT /* /* */",
	};
	size_t i;

	for (i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++)
		expect(sqls[i], ROUTE_PRIMARY, WHY_DOUBT_LITERAL);
}
END_TEST

START_TEST(test_unicode_names_are_a_doubt_wherever_they_stand)
{
	static const char *const sqls[] = {
		"SELECT U&\"a\"",
		"SELECT U&'a'",
		"SELECT U&\"",
		"EXPLAIN U&\"a\"",
		"EXPLAIN (U&\"",
		"BEGIN U&\"",
		"BEGIN U&\"a\"",
		"COPY U&\"a\" TO STDOUT",
		"DECLARE U&\"a\" CURSOR FOR SELECT 1",
		"DECLARE c U&\"",
		"SET U&\"a\" = 1",
		"COMMIT U&\"",
		"PREPARE U&\"a\"",
		"U&\"a\"",
	};
	size_t i;

	for (i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++)
		ck_assert_msg(judge(sqls[i]).route == ROUTE_PRIMARY &&
				      judge(sqls[i]).flags & VERDICT_DOUBT,
			      "%s", sqls[i]);
}
END_TEST

START_TEST(test_bytes_outside_the_grammar_are_a_doubt)
{
	expect("SELECT $", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	expect("SELECT 1 \\g", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	expect("SELECT {1}", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	ck_assert_int_eq(classify("SELECT 1\0", 9, &plain).why, WHY_DOUBT_SYNTAX);
	expect("SELECT 1)", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	expect("SELECT (1", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	expect("SELECT (1; SELECT 2)", ROUTE_PRIMARY, WHY_DOUBT_SYNTAX);
	expect("'a'", ROUTE_PRIMARY, WHY_DOUBT_STATEMENT);
	expect("1", ROUTE_PRIMARY, WHY_DOUBT_STATEMENT);
	expect("frobnicate", ROUTE_PRIMARY, WHY_DOUBT_STATEMENT);
}
END_TEST

START_TEST(test_depth_beyond_the_masks_is_a_doubt)
{
	char sql[256] = "SELECT ";

	memset(sql + 7, '(', 63);
	sql[70] = '1';
	memset(sql + 71, ')', 63);
	sql[134] = '\0';
	expect_read(sql);
	memset(sql + 7, '(', 64);
	sql[71] = '1';
	memset(sql + 72, ')', 64);
	sql[136] = '\0';
	expect(sql, ROUTE_PRIMARY, WHY_DOUBT_DEPTH);
}
END_TEST

START_TEST(test_more_than_the_cap_is_a_doubt)
{
	struct classify_options options = { .std_strings = true, .max_scan = 8 };
	struct verdict v = classify("SELECT 1", 8, &options);

	ck_assert_int_eq(v.route, ROUTE_REPLICA);
	v = classify("SELECT 12", 9, &options);
	ck_assert_int_eq(v.why, WHY_DOUBT_SIZE);
	ck_assert(v.flags == (VERDICT_OPAQUE | VERDICT_DOUBT));
	v = classify("SELECT 'a'", 10, &options);
	ck_assert_int_eq(v.why, WHY_DOUBT_SIZE);
	v = classify("BEGIN                  ", 20, &options);
	ck_assert(!(v.flags & VERDICT_PLAIN_BEGIN));
}
END_TEST

START_TEST(test_unsafe_encoding_is_a_doubt)
{
	struct classify_options options = { .std_strings = true,
					    .unsafe_encoding = true,
					    .max_scan = 65536 };
	static const char trail[] = "SELECT '\x95\\', nextval('s') --'";
	struct verdict v = classify("SELECT 1", 8, &options);

	ck_assert_int_eq(v.why, WHY_DOUBT_ENCODING);
	ck_assert(v.flags == VERDICT_DOUBT);
	v = classify(trail, sizeof(trail) - 1, &options);
	ck_assert_int_eq(v.route, ROUTE_PRIMARY);
	ck_assert(v.flags & VERDICT_OPAQUE);
}
END_TEST

START_TEST(test_old_strings_are_honoured)
{
	struct classify_options old = { .std_strings = false, .max_scan = 65536 };
	static const char sql[] = "SELECT 'a\\', nextval(''s'') --'";
	static const char hidden[] = "SELECT '\\' || ', f(1), '\\''";

	ck_assert_int_eq(classify(sql, sizeof(sql) - 1, &old).route, ROUTE_REPLICA);
	ck_assert_int_eq(classify(sql, sizeof(sql) - 1, &plain).route, ROUTE_PRIMARY);
	ck_assert_int_eq(classify(hidden, sizeof(hidden) - 1, &old).why, WHY_FUNCTION_UNKNOWN);
}
END_TEST

START_TEST(test_hostile_text_takes_linear_time)
{
	static const char *const pieces[] = {
		"(",	  "f(",	       "/*",	      "set_config(", "$a",
		"E'a'\n", "EXPLAIN (", ";",	      "a.",	     "U&\"\"",
		"-",	  "'",	       "WITH a AS (", "AS not ",     "current_setting(",
	};
	static char sql[1 << 20];
	struct classify_options options = { .std_strings = true, .max_scan = sizeof(sql) };
	size_t i;
	size_t j;

	/* Quadratic time would take minutes; the test's time limit is seconds. */
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t len = strlen(pieces[i]);

		memcpy(sql, "SELECT ", 7);
		for (j = 7; j < sizeof(sql); j++)
			sql[j] = pieces[i][(j - 7) % len];
		ck_assert_int_le(classify(sql, sizeof(sql), &options).route, ROUTE_PRIMARY);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("classify");
	TCase *tcase = tcase_create("classify");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_unknown_function_is_a_write);
	tcase_add_test(tcase, test_key_words_after_a_dot_are_functions);
	tcase_add_test(tcase, test_words_that_may_name_functions_are_functions_in_their_place);
	tcase_add_test(tcase, test_grammar_with_parentheses_is_no_call);
	tcase_add_test(tcase, test_alias_exemption_ends_with_its_clause);
	tcase_add_test(tcase, test_label_hides_no_clause);
	tcase_add_test(tcase, test_foreign_schema_is_trusted_with_extensions_only);
	tcase_add_test(tcase, test_functions_of_later_versions_are_known);
	tcase_add_test(tcase, test_functions_that_run_text_or_tell_the_node_are_unsafe);
	tcase_add_test(tcase, test_session_functions_tell_what_they_leave);
	tcase_add_test(tcase, test_system_relations_are_the_primarys);
	tcase_add_test(tcase, test_transaction_control);
	tcase_add_test(tcase, test_set_tells_what_it_changes);
	tcase_add_test(tcase, test_set_tells_the_defaults_of_later_transactions);
	tcase_add_test(tcase, test_copy);
	tcase_add_test(tcase, test_explain_is_as_what_it_explains);
	tcase_add_test(tcase, test_cursors);
	tcase_add_test(tcase, test_temp_is_session_state);
	tcase_add_test(tcase, test_semicolons_inside_create_end_nothing);
	tcase_add_test(tcase, test_role_probes_are_the_primarys);
	tcase_add_test(tcase, test_strictest_statement_decides_and_is_named);
	tcase_add_test(tcase, test_join_of_messages_is_the_strictest);
	tcase_add_test(tcase, test_unterminated_text_is_a_doubt);
	tcase_add_test(tcase, test_unicode_names_are_a_doubt_wherever_they_stand);
	tcase_add_test(tcase, test_bytes_outside_the_grammar_are_a_doubt);
	tcase_add_test(tcase, test_depth_beyond_the_masks_is_a_doubt);
	tcase_add_test(tcase, test_more_than_the_cap_is_a_doubt);
	tcase_add_test(tcase, test_unsafe_encoding_is_a_doubt);
	tcase_add_test(tcase, test_old_strings_are_honoured);
	tcase_add_test(tcase, test_hostile_text_takes_linear_time);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
