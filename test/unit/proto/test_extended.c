/* SPDX-License-Identifier: ISC */
#include "proto/extended.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/compose.h"

#define literal(s) (const uint8_t *)(s), sizeof(s) - 1

START_TEST(test_parse_has_name_query_and_types)
{
	struct parse_message parse;

	ck_assert(parse_read(literal("s1\0select $1\0\0\2\0\0\0\x17\0\0\0\x19"), &parse));
	ck_assert_str_eq(parse.name, "s1");
	ck_assert_uint_eq(parse.name_len, 2);
	ck_assert_str_eq(parse.query, "select $1");
	ck_assert_uint_eq(parse.query_len, 9);
	ck_assert_uint_eq(parse.type_count, 2);
	ck_assert_int_eq(parse.types[7], 25);
	ck_assert(parse_read(literal("\0\0\0\0"), &parse));
}
END_TEST

START_TEST(test_malformed_parses_are_refused)
{
	struct parse_message parse;

	ck_assert(!parse_read(literal(""), &parse));
	ck_assert(!parse_read(literal("s1"), &parse));
	ck_assert(!parse_read(literal("s1\0q"), &parse));
	ck_assert(!parse_read(literal("s1\0q\0"), &parse));
	ck_assert(!parse_read(literal("s1\0q\0\0\1\0\0\0"), &parse));
	ck_assert(!parse_read(literal("s1\0q\0\xff\xff"), &parse));
	ck_assert(!parse_read(literal("s1\0q\0\0\0x"), &parse));
}
END_TEST

START_TEST(test_bind_is_read_from_its_beginning)
{
	static const uint8_t body[] = "p\0stmt\0\0\0\0\1\0\0\0\3abc\0\0";
	size_t len = sizeof(body) - 1;
	struct bind_message bind;
	size_t avail;

	for (avail = 0; avail < 7; avail++)
		ck_assert_int_eq(bind_read(body, avail, len, &bind), PEEK_SHORT);
	ck_assert_int_eq(bind_read(body, 7, len, &bind), PEEK_OK);
	ck_assert_str_eq(bind.portal, "p");
	ck_assert_str_eq(bind.statement, "stmt");
	ck_assert_uint_eq(bind.statement_len, 4);
	ck_assert_uint_eq(bind.rest_at, 7);
}
END_TEST

START_TEST(test_bind_without_end_of_names_is_bad)
{
	struct bind_message bind;

	ck_assert_int_eq(bind_read((const uint8_t *)"abcdef", 6, 6, &bind), PEEK_BAD);
	ck_assert_int_eq(bind_read((const uint8_t *)"a\0cdef", 6, 6, &bind), PEEK_BAD);
	ck_assert_int_eq(bind_read((const uint8_t *)"\0\0\0\0\0\0\0", 7, 7, &bind), PEEK_BAD);
	ck_assert_int_eq(bind_read((const uint8_t *)"\0\0\0\0\0\0\0", 8, 8, &bind), PEEK_OK);
	ck_assert_int_eq(bind_read(NULL, 0, 0, &bind), PEEK_BAD);
}
END_TEST

START_TEST(test_renamed_bind_keeps_the_rest)
{
	static const uint8_t body[] = "p\0stmt\0\0\0\0\1\0\0\0\3abc\0\0";
	size_t len = sizeof(body) - 1;
	struct bind_message bind;
	struct message message;
	struct writer writer;
	uint8_t buffer[64];

	writer_init(&writer, buffer, sizeof(buffer));
	ck_assert_int_eq(bind_read(body, len, len, &bind), PEEK_OK);
	ck_assert(compose_bind_start(&writer, bind.portal, "other", (uint32_t)len - bind.rest_at));
	memcpy(buffer + writer.len, body + bind.rest_at, len - bind.rest_at);
	ck_assert_int_eq(message_find(buffer, sizeof(buffer), MESSAGE_MAX, &message), PEEK_OK);
	ck_assert_uint_eq(message.body_len, len + 1);
	ck_assert_mem_eq(message.body, "p\0other\0\0\0\0\1\0\0\0\3abc\0\0", len + 1);
}
END_TEST

START_TEST(test_targets_are_statements_or_portals)
{
	struct target_message target;

	ck_assert(target_read(literal("Sname\0"), &target));
	ck_assert_int_eq(target.kind, 'S');
	ck_assert_str_eq(target.name, "name");
	ck_assert(target_read(literal("P\0"), &target));
	ck_assert(!target_read(literal("X\0"), &target));
	ck_assert(!target_read(literal("S"), &target));
	ck_assert(!target_read(literal("Sname"), &target));
	ck_assert(!target_read(literal("Sname\0x"), &target));
	ck_assert(!target_read(literal(""), &target));
}
END_TEST

START_TEST(test_execute_has_portal_and_limit)
{
	struct execute_message execute;

	ck_assert(execute_read(literal("p\0\0\0\0\5"), &execute));
	ck_assert_str_eq(execute.portal, "p");
	ck_assert_uint_eq(execute.max_rows, 5);
	ck_assert(!execute_read(literal("p\0\0\0\0"), &execute));
	ck_assert(!execute_read(literal("p\0\0\0\0\0\0"), &execute));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("extended");
	Suite *suite = suite_create("proto/extended");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_parse_has_name_query_and_types);
	tcase_add_test(tests, test_malformed_parses_are_refused);
	tcase_add_test(tests, test_bind_is_read_from_its_beginning);
	tcase_add_test(tests, test_bind_without_end_of_names_is_bad);
	tcase_add_test(tests, test_renamed_bind_keeps_the_rest);
	tcase_add_test(tests, test_targets_are_statements_or_portals);
	tcase_add_test(tests, test_execute_has_portal_and_limit);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
