/* SPDX-License-Identifier: ISC */
#include "io/chunk.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void teardown(void)
{
	ck_assert_uint_eq(chunk_stats().used, 0);
	ck_assert_uint_eq(chunk_stats().used_bytes, 0);
	chunk_trim();
	ck_assert_uint_eq(chunk_stats().kept, 0);
	ck_assert_uint_eq(chunk_stats().kept_bytes, 0);
}

static void setup(void)
{
	chunk_trim();
}

START_TEST(test_chunk_has_room_for_what_was_asked)
{
	const uint32_t sizes[] = {
		1,	     CHUNK_TINY,      CHUNK_TINY + 1, chunk_small, chunk_small + 1,
		CHUNK_LARGE, CHUNK_LARGE + 1, 5000000
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct chunk *chunk = chunk_new(sizes[i]);

		ck_assert_uint_ge(chunk->cap, sizes[i]);
		ck_assert_uint_eq(chunk_len(chunk), 0);
		ck_assert_uint_eq(chunk_room(chunk), chunk->cap);
		memset(chunk->data, 1, chunk->cap);
		ck_assert_uint_eq(chunk_stats().used, 1);
		ck_assert_uint_eq(chunk_stats().used_bytes, chunk->cap);
		chunk_free(chunk);
	}
}
END_TEST

START_TEST(test_chunks_of_the_usual_sizes_are_kept_for_reuse)
{
	struct chunk *chunk = chunk_new(chunk_small), *again;

	chunk->start = chunk->end = 7;
	chunk_free(chunk);
	ck_assert_uint_eq(chunk_stats().kept, 1);
	again = chunk_new(chunk_small);
	ck_assert_ptr_eq(again, chunk);
	ck_assert_uint_eq(again->end, 0);
	chunk_free(again);
}
END_TEST

START_TEST(test_the_usual_size_is_a_setting)
{
	static const struct {
		size_t pkt_buf;
		uint32_t small;
	} cases[] = { { 4096, 4096 - 64 },  { 0, CHUNK_TINY },
		      { 1, CHUNK_TINY },    { 2147483647, (1 << 20) - 64 },
		      { 1024, CHUNK_TINY }, { 1 << 20, (1 << 20) - 64 },
		      { 16384, 16384 - 64 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chunk *chunk;

		chunk_setup(cases[i].pkt_buf);
		ck_assert_uint_eq(chunk_small, cases[i].small);
		chunk = chunk_new(chunk_small);
		ck_assert_uint_eq(chunk->cap, cases[i].small);
		chunk_free(chunk);
		chunk = chunk_new(CHUNK_LARGE);
		ck_assert_uint_ge(chunk->cap, CHUNK_LARGE);
		chunk_free(chunk);
		ck_assert_uint_ge(chunk_stats().kept, 1);
	}
}
END_TEST

START_TEST(test_burst_goes_back_to_the_system)
{
	static struct chunk *chunks[500];

	for (int i = 0; i < 500; i++)
		chunks[i] = chunk_new(CHUNK_LARGE);
	for (int i = 0; i < 500; i++)
		chunk_free(chunks[i]);
	ck_assert_uint_lt(chunk_stats().kept, 100);
	chunk_free(chunk_new(CHUNK_LARGE + 1));
	ck_assert_uint_lt(chunk_stats().kept, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chunk");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_chunk_has_room_for_what_was_asked);
	tcase_add_test(core, test_chunks_of_the_usual_sizes_are_kept_for_reuse);
	tcase_add_test(core, test_the_usual_size_is_a_setting);
	tcase_add_test(core, test_burst_goes_back_to_the_system);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
