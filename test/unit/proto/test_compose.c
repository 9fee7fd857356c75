/* SPDX-License-Identifier: ISC */
#include "proto/compose.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/error.h"

static uint8_t buffer[512];
static struct writer writer;

static void start(void)
{
	memset(buffer, 0xaa, sizeof(buffer));
	writer_init(&writer, buffer, sizeof(buffer));
}

#define ck_assert_written(bytes)                                                                   \
	do {                                                                                       \
		ck_assert_uint_eq(writer.len, sizeof(bytes) - 1);                                  \
		ck_assert_mem_eq(writer_data(&writer), bytes, sizeof(bytes) - 1);                  \
	} while (0)

START_TEST(test_error_has_severity_code_and_message)
{
	struct error_fields fields;

	ck_assert(compose_report(&writer, SEVERITY_FATAL, "28P01", "no", "detail", NULL));
	ck_assert_written("E\0\0\0\x26SFATAL\0VFATAL\0C28P01\0Mno\0Ddetail\0\0");
	ck_assert(error_read(buffer + 5, writer.len - 5, &fields));
	ck_assert(error_is(&fields, "28P01"));
	ck_assert(error_is_fatal(&fields));
	ck_assert_str_eq(fields.detail, "detail");
}
END_TEST

START_TEST(test_notice_is_a_notice_response)
{
	ck_assert(compose_notice(&writer, "hello"));
	ck_assert_written("N\0\0\0\x23SNOTICE\0VNOTICE\0C00000\0Mhello\0\0");
}
END_TEST

START_TEST(test_login_messages_have_their_bytes)
{
	static const char *const mechanisms[] = { "SCRAM-SHA-256", NULL };

	ck_assert(compose_authentication_ok(&writer));
	ck_assert_written("R\0\0\0\x08\0\0\0\0");
	start();
	ck_assert(compose_authentication_md5(&writer, (const uint8_t *)"abcd"));
	ck_assert_written("R\0\0\0\x0c\0\0\0\x05"
			  "abcd");
	start();
	ck_assert(compose_authentication_sasl(&writer, mechanisms));
	ck_assert_written("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0");
	start();
	ck_assert(compose_parameter_status(&writer, "TimeZone", "UTC"));
	ck_assert_written("S\0\0\0\x11TimeZone\0UTC\0");
	start();
	ck_assert(compose_backend_key_data(&writer, 258, "abcd", 4));
	ck_assert_written("K\0\0\0\x0c\0\0\1\2abcd");
	start();
	ck_assert(compose_ready_for_query(&writer, 'I'));
	ck_assert_written("Z\0\0\0\5I");
}
END_TEST

START_TEST(test_negotiation_lists_options)
{
	static const char *const options[] = { "_pq_.a", "_pq_.b" };

	ck_assert(compose_negotiate_protocol_version(&writer, 2, options, 2));
	ck_assert_written("v\0\0\0\x1a\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0");
}
END_TEST

START_TEST(test_rows_are_text)
{
	static const struct column columns[] = { { "n", OID_INT4 }, { "t", OID_TEXT } };
	static const char *const values[] = { "17", NULL };

	ck_assert(compose_row_description(&writer, columns, 2));
	ck_assert_written("T\0\0\0\x2e\0\2"
			  "n\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
			  "t\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
	start();
	ck_assert(compose_data_row(&writer, values, 2));
	ck_assert_written("D\0\0\0\x10\0\2\0\0\0\2"
			  "17\xff\xff\xff\xff");
	start();
	row_begin(&writer, 2);
	row_printf(&writer, "%d", 17);
	row_value(&writer, NULL);
	ck_assert(row_end(&writer));
	ck_assert_written("D\0\0\0\x10\0\2\0\0\0\2"
			  "17\xff\xff\xff\xff");
	start();
	ck_assert(compose_command_complete_rows(&writer, "SHOW", 18446744073709551615u));
	ck_assert_written("C\0\0\0\x1eSHOW 18446744073709551615\0");
}
END_TEST

START_TEST(test_client_messages_have_their_bytes)
{
	static const char *const values[] = { "1", NULL };
	static const uint8_t types[] = { 0, 0, 0, 23 };

	ck_assert(compose_query_n(&writer, "select 1;", 8));
	ck_assert_written("Q\0\0\0\x0dselect 1\0");
	start();
	ck_assert(compose_parse(&writer, "s", "q", 1, types, 1));
	ck_assert_written("P\0\0\0\x0es\0q\0\0\1\0\0\0\x17");
	start();
	ck_assert(compose_bind(&writer, "", "s", values, 2));
	ck_assert_written("B\0\0\0\x16\0s\0\0\0\0\2\0\0\0\1"
			  "1\xff\xff\xff\xff\0\0");
	start();
	ck_assert(compose_describe(&writer, 'S', "s"));
	ck_assert(compose_close(&writer, 'P', ""));
	ck_assert(compose_execute(&writer, "", 0));
	ck_assert(compose_sync(&writer));
	ck_assert(compose_reply(&writer, reply_parse_complete));
	ck_assert_written("D\0\0\0\7Ss\0C\0\0\0\6P\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\4\x31\0\0\0\4");
}
END_TEST

START_TEST(test_packets_without_type_have_none)
{
	startup_begin(&writer, 0);
	startup_param(&writer, "user", "u");
	ck_assert(startup_end(&writer));
	ck_assert_written("\0\0\0\x10\0\3\0\0user\0u\0\0");
	start();
	ck_assert(compose_cancel_request(&writer, 1, "abcdefgh", 8));
	ck_assert_written("\0\0\0\x14\x04\xd2\x16\x2e\0\0\0\1abcdefgh");
	start();
	ck_assert(compose_ssl_request(&writer));
	ck_assert_written("\0\0\0\x08\x04\xd2\x16\x2f");
}
END_TEST

START_TEST(test_bind_start_counts_what_follows)
{
	ck_assert(compose_bind_start(&writer, "p", "new", 100));
	ck_assert_written("B\0\0\0\x6ep\0new\0");
	ck_assert(!compose_bind_start(&writer, "p", "new", 0xffffffff));
	ck_assert_uint_eq(writer.len, 11);
}
END_TEST

START_TEST(test_message_that_does_not_fit_leaves_nothing)
{
	writer_init(&writer, buffer, 16);
	ck_assert(compose_sync(&writer));
	ck_assert(!compose_query(&writer, "select 12345"));
	ck_assert(writer.full);
	ck_assert_uint_eq(writer.len, 5);
	ck_assert_uint_eq(buffer[16], 0xaa);
	ck_assert(compose_sync(&writer));
	ck_assert_uint_eq(writer.len, 10);
	writer_init(&writer, buffer, 0);
	ck_assert(!compose_sync(&writer));
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

START_TEST(test_text_grows_and_keeps_what_it_had)
{
	struct text text = { 0 };
	unsigned i;

	text_add(&text, "abc");
	writer_init_text(&writer, &text);
	for (i = 0; i < 1000; i++)
		ck_assert(compose_sync(&writer));
	ck_assert_uint_eq(text.len, 5003);
	ck_assert_uint_eq(writer.len, text.len);
	ck_assert_mem_eq(text.data, "abcS\0\0\0\4S\0\0\0\4", 13);
	/* No message may be longer than PostgreSQL takes. */
	writer_begin(&writer, 'Q');
	writer_bytes(&writer, "x", MESSAGE_MAX);
	ck_assert(!writer_end(&writer));
	ck_assert_uint_eq(text.len, 5003);
	text_done(&text);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("compose");
	Suite *suite = suite_create("proto/compose");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, start, NULL);
	tcase_add_test(tests, test_error_has_severity_code_and_message);
	tcase_add_test(tests, test_notice_is_a_notice_response);
	tcase_add_test(tests, test_login_messages_have_their_bytes);
	tcase_add_test(tests, test_negotiation_lists_options);
	tcase_add_test(tests, test_rows_are_text);
	tcase_add_test(tests, test_client_messages_have_their_bytes);
	tcase_add_test(tests, test_packets_without_type_have_none);
	tcase_add_test(tests, test_bind_start_counts_what_follows);
	tcase_add_test(tests, test_message_that_does_not_fit_leaves_nothing);
	tcase_add_test(tests, test_text_grows_and_keeps_what_it_had);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
