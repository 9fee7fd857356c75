/* SPDX-License-Identifier: ISC */
#include "admin/command.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static bool parse(const char *sql, struct command *command)
{
	struct text why = { 0 };
	bool ok = command_parse(sql, strlen(sql), command, &why);

	ck_assert_int_eq(ok, why.len == 0);
	text_done(&why);
	return ok;
}

static const struct {
	const char *sql, *words, *name, *value;
} good[] = {
	{ "SHOW POOLS", "SHOW POOLS", "", "" },
	{ "show\tpools ; ;", "SHOW POOLS", "", "" },
	{ "SELECT pools", "SHOW POOLS", "", "" },
	{ "SHOW \"pools\"", "SHOW POOLS", "", "" },
	{ "SELECT version()", "SHOW VERSION", "", "" },
	{ "/* a */ SHOW -- b\n STATS", "SHOW STATS", "", "" },
	{ "SHOW TRANSACTION ISOLATION LEVEL", "SHOW TRANSACTION ISOLATION LEVEL", "", "" },
	{ "PAUSE", "PAUSE", "", "" },
	{ "PAUSE app", "PAUSE", "app", "" },
	{ "pause \"My \"\"DB\"\"\"", "PAUSE", "My \"DB\"", "" },
	{ "PAUSE 'x y'", "PAUSE", "x y", "" },
	{ "PAUSE d\xc3\xa9j\xc3\xa0", "PAUSE", "d\xc3\xa9j\xc3\xa0", "" },
	{ "KILL app", "KILL", "app", "" },
	{ "KILL \"client\"", "KILL", "client", "" },
	{ "KILL CLIENT 12", "KILL CLIENT", "12", "" },
	{ "KILL_CLIENT 12", "KILL_CLIENT", "12", "" },
	{ "SHUTDOWN", "SHUTDOWN", "", "" },
	{ "shutdown wait_for_servers", "SHUTDOWN WAIT_FOR_SERVERS", "", "" },
	{ "SET a=1", "SET", "a", "1" },
	{ "SET a = 'x, y'", "SET", "a", "x, y" },
	{ "SET a TO b", "SET", "a", "b" },
	{ "SET LOCAL a TO b", "SET", "a", "b" },
	{ "SET SESSION a TO ''", "SET", "a", "" },
	{ "SET session = 1", "SET", "session", "1" },
	{ "SET a TO read committed", "SET", "a", "read committed" },
	{ "SET a TO ISO, MDY", "SET", "a", "ISO, MDY" },
	{ "BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN", "", "" },
};

START_TEST(test_a_command_is_read)
{
	struct command command;

	ck_assert(parse(good[_i].sql, &command));
	ck_assert_ptr_nonnull(command.row);
	ck_assert_str_eq(command.row->words, good[_i].words);
	ck_assert_str_eq(command.name, good[_i].name);
	ck_assert_str_eq(command.value, good[_i].value);
}
END_TEST

static const char *const bad[] = {
	"SHOW",		  "POOLS",
	"SHOW POOL",	  "SHOW POOLSX",
	"\"SHOW\" POOLS", "SHOW POOLS x",
	"PAUSE a b",	  "PAUSE a; PAUSE",
	"PAUSE 'a",	  "PAUSE \"a",
	"PAUSE \"\"",	  "PAUSE =",
	"/* SHOW POOLS",  "SET",
	"SET a",	  "SET a =",
	"SET = 1",	  "SET a b",
	"RELOAD x",	  "SHUTDOWN x",
	"(SHOW POOLS)",	  "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
};

START_TEST(test_anything_else_is_refused)
{
	struct command command;

	ck_assert(!parse(bad[_i], &command));
}
END_TEST

START_TEST(test_blanks_and_comments_are_no_command)
{
	static const char *const nothing[] = { "", ";", " ;; ", "-- x", "/* x */" };
	struct command command;

	ck_assert(parse(nothing[_i], &command));
	ck_assert_ptr_null(command.row);
}
END_TEST

START_TEST(test_lengths_are_bounded)
{
	char sql[4096];
	struct command command;

	memset(sql, 'x', sizeof(sql));
	memcpy(sql, "PAUSE ", 6);
	sql[6 + COMMAND_NAME_MAX] = '\0';
	ck_assert(parse(sql, &command));
	memset(sql + 6, 'x', COMMAND_NAME_MAX + 1);
	sql[6 + COMMAND_NAME_MAX + 1] = '\0';
	ck_assert(!parse(sql, &command));
	memset(sql, 'x', sizeof(sql));
	memcpy(sql, "SET a = ", 8);
	sql[8 + COMMAND_VALUE_MAX] = '\0';
	ck_assert(parse(sql, &command));
	sql[8 + COMMAND_VALUE_MAX] = 'x';
	sql[8 + COMMAND_VALUE_MAX + 1] = '\0';
	ck_assert(!parse(sql, &command));
}
END_TEST

START_TEST(test_each_row_says_what_it_does)
{
	const struct command_row *row, *other;

	for (row = command_rows; row->words != NULL; row++) {
		ck_assert_msg((row->table != NULL) != (row->run != NULL), "%s", row->words);
		for (other = command_rows; other < row; other++)
			ck_assert_str_ne(row->words, other->words);
	}
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("command");
	Suite *suite = suite_create("admin/command");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, test_a_command_is_read, 0,
			    (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(tests, test_anything_else_is_refused, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_loop_test(tests, test_blanks_and_comments_are_no_command, 0, 5);
	tcase_add_test(tests, test_lengths_are_bounded);
	tcase_add_test(tests, test_each_row_says_what_it_does);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
