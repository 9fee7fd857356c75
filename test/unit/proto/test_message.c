/* SPDX-License-Identifier: ISC */
#include "proto/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_header_needs_five_bytes)
{
	static const uint8_t query[] = { 'Q', 0, 0, 0, 6, 'x', 0 };
	uint32_t len = 0;
	uint8_t type = 0;
	size_t avail;

	for (avail = 0; avail < 5; avail++)
		ck_assert_int_eq(message_peek(query, avail, MESSAGE_MAX, &type, &len), PEEK_SHORT);
	ck_assert_int_eq(message_peek(query, 5, MESSAGE_MAX, &type, &len), PEEK_OK);
	ck_assert_int_eq(type, 'Q');
	ck_assert_uint_eq(len, 7);
}
END_TEST

START_TEST(test_impossible_lengths_are_bad)
{
	static const uint8_t words[][5] = {
		{ 'Q', 0, 0, 0, 0 },
		{ 'Q', 0, 0, 0, 3 },
		{ 'Q', 0xff, 0xff, 0xff, 0xff },
		{ 'Q', 0x80, 0, 0, 0 },
		{ 'Q', 0x3f, 0xff, 0xff, 0xff },
	};
	uint32_t len;
	uint8_t type;

	ck_assert_int_eq(message_peek(words[_i], 5, MESSAGE_MAX, &type, &len), PEEK_BAD);
}
END_TEST

START_TEST(test_length_may_reach_but_not_pass_the_limit)
{
	static const uint8_t sync[] = { 'S', 0, 0, 0, 4 };
	uint32_t len;
	uint8_t type;

	ck_assert_int_eq(message_peek(sync, 5, 5, &type, &len), PEEK_OK);
	ck_assert_int_eq(message_peek(sync, 5, 4, &type, &len), PEEK_BAD);
}
END_TEST

START_TEST(test_message_is_found_only_when_whole)
{
	static const uint8_t query[] = { 'Q', 0, 0, 0, 6, 'x', 0, 'S' };
	struct message message;

	ck_assert_int_eq(message_find(query, 6, MESSAGE_MAX, &message), PEEK_SHORT);
	ck_assert_int_eq(message_find(query, 8, MESSAGE_MAX, &message), PEEK_OK);
	ck_assert_uint_eq(message.len, 7);
	ck_assert_uint_eq(message.body_len, 2);
	ck_assert_str_eq((const char *)message.body, "x");
}
END_TEST

START_TEST(test_directions_have_their_own_types)
{
	ck_assert(client_may_send('Q'));
	ck_assert(!client_may_send('Z'));
	ck_assert(!client_may_send('p'));
	ck_assert(!client_may_send(0));
	ck_assert(server_may_send('Z'));
	ck_assert(!server_may_send('Q'));
	ck_assert(!server_may_send(0xff));
	ck_assert_str_eq(client_message_name('D'), "Describe");
	ck_assert_str_eq(server_message_name('D'), "DataRow");
	ck_assert_str_eq(server_message_name('Q'), "unknown");
}
END_TEST

START_TEST(test_reader_stops_at_the_end)
{
	static const uint8_t body[] = { 1, 0, 2, 0, 0, 0, 3, 'a', 0, 'b' };
	struct reader reader = reader_over(body, sizeof(body));

	ck_assert_uint_eq(reader_u8(&reader), 1);
	ck_assert_uint_eq(reader_u16(&reader), 2);
	ck_assert_uint_eq(reader_u32(&reader), 3);
	ck_assert_str_eq(reader_cstring(&reader), "a");
	ck_assert(!reader_is_done(&reader));
	ck_assert_uint_eq(reader_left(&reader), 1);
	ck_assert_str_eq(reader_cstring(&reader), "");
	ck_assert(reader.bad);
	ck_assert_uint_eq(reader_u8(&reader), 0);
	ck_assert_ptr_null(reader_bytes(&reader, 0));
	ck_assert(!reader_is_done(&reader));
}
END_TEST

START_TEST(test_reader_refuses_absurd_lengths)
{
	static const uint8_t body[] = { 1, 2, 3 };
	struct reader reader = reader_over(body, sizeof(body));

	ck_assert_ptr_null(reader_bytes(&reader, SIZE_MAX));
	ck_assert(reader.bad);
	reader = reader_over(body, sizeof(body));
	ck_assert_ptr_eq(reader_bytes(&reader, 3), body);
	ck_assert(reader_is_done(&reader));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("message");
	Suite *suite = suite_create("proto/message");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_header_needs_five_bytes);
	tcase_add_loop_test(tests, test_impossible_lengths_are_bad, 0, 5);
	tcase_add_test(tests, test_length_may_reach_but_not_pass_the_limit);
	tcase_add_test(tests, test_message_is_found_only_when_whole);
	tcase_add_test(tests, test_directions_have_their_own_types);
	tcase_add_test(tests, test_reader_stops_at_the_end);
	tcase_add_test(tests, test_reader_refuses_absurd_lengths);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
