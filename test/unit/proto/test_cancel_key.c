/* SPDX-License-Identifier: ISC */
#include "proto/cancel_key.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static struct cancel_key key_of_zeros(uint32_t len)
{
	struct cancel_key key = { .len = len };

	return key;
}

/* PgBouncer's bytes, as they stand in BackendKeyData and CancelRequest. */
START_TEST(test_a_short_key_has_the_id_in_bytes_2_and_3_and_the_hops_in_the_last)
{
	struct cancel_key key = key_of_zeros(CANCEL_KEY_SHORT);
	static const uint8_t wanted[8] = { 0, 0x34, 0x12, 0, 0, 0, 0, 3 };
	uint8_t bytes[8];

	cancel_key_set_peer(&key, 0x1234);
	cancel_key_set_hops(&key, CANCEL_HOPS_MAX);
	be32_put(bytes, key.pid);
	memcpy(bytes + 4, key.bytes, 4);
	ck_assert_mem_eq(bytes, wanted, 8);
	ck_assert_uint_eq(cancel_key_peer(&key), 0x1234);
	ck_assert_uint_eq(cancel_key_hops(&key), 3);
}
END_TEST

START_TEST(test_marks_leave_the_other_bits_alone)
{
	static const uint32_t lengths[] = { CANCEL_KEY_SHORT, CANCEL_KEY_LONG };

	for (size_t i = 0; i < 2; i++) {
		struct cancel_key key = { .pid = 0x7fffffff, .len = lengths[i] }, before;

		memset(key.bytes, 0xff, sizeof(key.bytes));
		before = key;
		cancel_key_set_peer(&key, 16383);
		cancel_key_set_hops(&key, 1);
		ck_assert_uint_eq(cancel_key_peer(&key), 16383);
		ck_assert_uint_eq(cancel_key_hops(&key), 1);
		cancel_key_set_peer(&key, 65535);
		cancel_key_set_hops(&key, 3);
		ck_assert_uint_eq(key.pid, before.pid);
		ck_assert_mem_eq(key.bytes, before.bytes, key.len);
	}
}
END_TEST

START_TEST(test_a_long_key_has_its_marks_inside_the_key)
{
	struct cancel_key key = key_of_zeros(CANCEL_KEY_LONG);

	cancel_key_set_peer(&key, 0x0102);
	cancel_key_set_hops(&key, 2);
	ck_assert_uint_eq(key.pid, 0);
	ck_assert_uint_eq(key.bytes[0], 2);
	ck_assert_uint_eq(key.bytes[1], 1);
	ck_assert_uint_eq(key.bytes[31], 2);
}
END_TEST

START_TEST(test_only_the_lengths_that_we_give_out_have_a_peer)
{
	for (uint32_t len = 4; len <= CANCEL_KEY_MAX; len++) {
		struct cancel_key key = key_of_zeros(len);

		ck_assert(cancel_key_has_peer(&key) == (len == 4 || len == 32));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/cancel_key");
	TCase *tests = tcase_create("cancel_key");
	SRunner *runner;
	int failed;

	tcase_add_test(tests,
		       test_a_short_key_has_the_id_in_bytes_2_and_3_and_the_hops_in_the_last);
	tcase_add_test(tests, test_marks_leave_the_other_bits_alone);
	tcase_add_test(tests, test_a_long_key_has_its_marks_inside_the_key);
	tcase_add_test(tests, test_only_the_lengths_that_we_give_out_have_a_peer);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
