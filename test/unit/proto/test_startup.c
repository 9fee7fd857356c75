/* SPDX-License-Identifier: ISC */
#include "proto/startup.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/compose.h"

static struct startup startup;

/* A packet in memory of its exact size, with a length word put before `rest`. */
static enum startup_kind read_packet(const void *rest, size_t len)
{
	static uint8_t *packet;

	free(packet);
	packet = malloc(len + 4);
	be32_put(packet, (uint32_t)len + 4);
	memcpy(packet + 4, rest, len);
	return startup_read(packet, len + 4, &startup);
}

#define read_literal(s) read_packet(s, sizeof(s) - 1)

START_TEST(test_requests_are_told_apart)
{
	ck_assert_int_eq(read_literal("\x04\xd2\x16\x2f"), STARTUP_SSL);
	ck_assert_uint_eq(startup.len, 8);
	ck_assert_int_eq(read_literal("\x04\xd2\x16\x30"), STARTUP_GSS);
	ck_assert_int_eq(read_literal("\0\2\0\0user\0"), STARTUP_V2);
	ck_assert_int_eq(read_literal("\0\4\0\0user\0"), STARTUP_VERSION);
	ck_assert_int_eq(read_literal("\x04\xd2\x16\x31"), STARTUP_VERSION);
	ck_assert_int_eq(startup_read((const uint8_t *)"\x16\x03\x01", 3, &startup), STARTUP_TLS);
}
END_TEST

START_TEST(test_packet_is_short_until_its_last_byte)
{
	static const uint8_t packet[] = "\0\0\0\x10\0\3\0\0user\0u\0";
	size_t avail;

	for (avail = 0; avail < 16; avail++)
		ck_assert_int_eq(startup_read(packet, avail, &startup), STARTUP_SHORT);
	ck_assert_int_eq(startup_read(packet, 16, &startup), STARTUP_LOGIN);
}
END_TEST

START_TEST(test_absurd_lengths_are_bad_at_once)
{
	static const uint32_t lengths[] = { 0, 4, 7, STARTUP_MAX + 1, 0x7fffffff, 0xffffffff };
	uint8_t word[4];

	be32_put(word, lengths[_i]);
	ck_assert_int_eq(startup_read(word, 4, &startup), STARTUP_BAD);
	ck_assert_str_eq(startup.why, "invalid length of startup packet");
}
END_TEST

START_TEST(test_cancel_key_is_4_to_256_bytes)
{
	uint8_t rest[8 + 257] = { 0x04, 0xd2, 0x16, 0x2e, 0, 0, 1, 2, 'k' };

	ck_assert_int_eq(read_packet(rest, 8 + 4), STARTUP_CANCEL);
	ck_assert_uint_eq(startup.pid, 258);
	ck_assert_uint_eq(startup.key_len, 4);
	ck_assert_int_eq(startup.key[0], 'k');
	ck_assert_int_eq(read_packet(rest, 8 + 256), STARTUP_CANCEL);
	ck_assert_uint_eq(startup.key_len, 256);
	ck_assert_int_eq(read_packet(rest, 8 + 3), STARTUP_BAD);
	ck_assert_int_eq(read_packet(rest, 8 + 257), STARTUP_BAD);
	ck_assert_int_eq(read_packet(rest, 4), STARTUP_BAD);
}
END_TEST

START_TEST(test_parameters_come_in_order)
{
	const char *at;
	const char *name;
	const char *value;

	ck_assert_int_eq(read_literal("\0\3\0\0user\0u\0database\0\0user\0v\0\0"), STARTUP_LOGIN);
	at = startup.params;
	ck_assert(startup_next(&startup, &at, &name, &value));
	ck_assert_str_eq(name, "user");
	ck_assert_str_eq(value, "u");
	ck_assert(startup_next(&startup, &at, &name, &value));
	ck_assert_str_eq(name, "database");
	ck_assert_str_eq(value, "");
	ck_assert(startup_next(&startup, &at, &name, &value));
	ck_assert(!startup_next(&startup, &at, &name, &value));
	ck_assert_str_eq(startup_find(&startup, "user"), "v");
	ck_assert_ptr_null(startup_find(&startup, "options"));
	ck_assert_int_eq(read_literal("\0\3\0\0\0"), STARTUP_LOGIN);
	at = startup.params;
	ck_assert(!startup_next(&startup, &at, &name, &value));
}
END_TEST

static const struct {
	const char *rest;
	size_t len;
} broken[] = {
	{ "\0\3\0\0", 4 },		/* no terminator */
	{ "\0\3\0\0user\0u\0", 11 },	/* no terminator */
	{ "\0\3\0\0user\0u", 10 },	/* the value does not end */
	{ "\0\3\0\0user", 8 },		/* the name does not end */
	{ "\0\3\0\0user\0", 9 },	/* no value */
	{ "\0\3\0\0user\0u\0\0x", 13 }, /* something after the terminator */
	{ "\0\3\0\0\0\0", 6 },
};

START_TEST(test_broken_layouts_are_refused)
{
	ck_assert_int_eq(read_packet(broken[_i].rest, broken[_i].len), STARTUP_BAD);
	ck_assert_str_eq(startup.why,
			 "invalid startup packet layout: expected terminator as last byte");
}
END_TEST

START_TEST(test_version_is_negotiated_down_to_ours)
{
	uint8_t bytes[64];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(read_literal("\0\3\0\0user\0u\0\0"), STARTUP_LOGIN);
	ck_assert_uint_eq(startup_minor(&startup), 0);
	ck_assert(startup_negotiate(&startup, &writer));
	ck_assert_int_eq(read_literal("\0\3\0\2user\0u\0\0"), STARTUP_LOGIN);
	ck_assert_uint_eq(startup_minor(&startup), 2);
	ck_assert(startup_negotiate(&startup, &writer));
	ck_assert_uint_eq(writer.len, 0);
	/* libpq's grease. */
	ck_assert_int_eq(read_literal("\0\3\x27\x0fuser\0u\0_pq_.test\0\0\0"), STARTUP_LOGIN);
	ck_assert_uint_eq(startup.minor, 9999);
	ck_assert_uint_eq(startup_minor(&startup), 2);
	ck_assert(startup_negotiate(&startup, &writer));
	ck_assert_uint_eq(writer.len, 23);
	ck_assert_mem_eq(bytes, "v\0\0\0\x16\0\3\0\2\0\0\0\1_pq_.test\0", 23);
}
END_TEST

/* All of the options as "name=value;", and how they end: "." well, "!word" badly. */
static const char *read_options(const char *text)
{
	static char out[256];
	struct startup_options options;
	const char *name = "", *value = "";
	char word[32];
	size_t len = 0;

	startup_options_begin(&options, text, word, sizeof(word));
	for (;;) {
		switch (startup_options_next(&options, &name, &value)) {
		case OPTION_SET:
			len += (size_t)snprintf(out + len, sizeof(out) - len, "%s=%s;", name,
						value);
			break;
		case OPTION_END:
			snprintf(out + len, sizeof(out) - len, ".");
			return out;
		case OPTION_BAD:
			snprintf(out + len, sizeof(out) - len, "!%s", name);
			return out;
		case OPTION_LACKS_VALUE:
			snprintf(out + len, sizeof(out) - len, "?%s", name);
			return out;
		}
	}
}

START_TEST(test_options_take_three_forms)
{
	ck_assert_str_eq(read_options("  -c a=1 -cb=2\t--c-d=3=4  -c e=x\\ y\\\\ --f="),
			 "a=1;b=2;c_d=3=4;e=x y\\;f=;.");
	ck_assert_str_eq(read_options(""), ".");
	ck_assert_str_eq(read_options(" \t"), ".");
	ck_assert_str_eq(read_options("\\-c a\\=1"), "a=1;.");
}
END_TEST

START_TEST(test_switches_of_a_backend_are_settings)
{
	ck_assert_str_eq(read_options("-fs -f h -S 64 -eP -tpa -t e -B10 -W5"),
			 "enable_seqscan=false;enable_hashjoin=false;work_mem=64;datestyle=euro;"
			 "ignore_system_indexes=true;log_parser_stats=true;log_executor_stats=true;"
			 "shared_buffers=10;post_auth_delay=5;.");
}
END_TEST

START_TEST(test_other_options_are_bad)
{
	static const char *const bad[][2] = {
		{ "a=1", "!a=1" },
		{ "-c", "!-c" },
		{ "-c ", "!-c" },
		{ "--", "!--" },
		{ "-c a", "?a" },
		{ "--a", "?a" },
		{ "-", "!-" },
		{ "-c\\", "!-c" },
		{ "-Z", "!-Z" },
		{ "-fx", "!-fx" },
		{ "-tp", "!-tp" },
		{ "-S", "!-S" },
		{ "-eZ", "datestyle=euro;!-eZ" },
	};
	const char *too_long = "--name=a-value-that-does-not-fit-into-it";

	ck_assert_str_eq(read_options(bad[_i][0]), bad[_i][1]);
	ck_assert_int_eq(read_options(too_long)[0], '!');
}
END_TEST

START_TEST(test_replication_takes_boolean_words)
{
	ck_assert_int_eq(startup_replication(NULL), REPLICATION_NONE);
	ck_assert_int_eq(startup_replication("database"), REPLICATION_LOGICAL);
	ck_assert_int_eq(startup_replication("true"), REPLICATION_PHYSICAL);
	ck_assert_int_eq(startup_replication("YES"), REPLICATION_PHYSICAL);
	ck_assert_int_eq(startup_replication("on"), REPLICATION_PHYSICAL);
	ck_assert_int_eq(startup_replication("1"), REPLICATION_PHYSICAL);
	ck_assert_int_eq(startup_replication("off"), REPLICATION_NONE);
	ck_assert_int_eq(startup_replication("f"), REPLICATION_NONE);
	ck_assert_int_eq(startup_replication("0"), REPLICATION_NONE);
	ck_assert_int_eq(startup_replication("o"), REPLICATION_BAD);
	ck_assert_int_eq(startup_replication(""), REPLICATION_BAD);
	ck_assert_int_eq(startup_replication("2"), REPLICATION_BAD);
	ck_assert_int_eq(startup_replication("trues"), REPLICATION_BAD);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("startup");
	Suite *suite = suite_create("proto/startup");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_requests_are_told_apart);
	tcase_add_test(tests, test_packet_is_short_until_its_last_byte);
	tcase_add_loop_test(tests, test_absurd_lengths_are_bad_at_once, 0, 6);
	tcase_add_test(tests, test_cancel_key_is_4_to_256_bytes);
	tcase_add_test(tests, test_parameters_come_in_order);
	tcase_add_loop_test(tests, test_broken_layouts_are_refused, 0, 7);
	tcase_add_test(tests, test_version_is_negotiated_down_to_ours);
	tcase_add_test(tests, test_options_take_three_forms);
	tcase_add_test(tests, test_switches_of_a_backend_are_settings);
	tcase_add_loop_test(tests, test_other_options_are_bad, 0, 13);
	tcase_add_test(tests, test_replication_takes_boolean_words);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
