/* SPDX-License-Identifier: ISC */
#include "base/map.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 64
#define VALUES 512

static char values[VALUES];

struct model {
	bool there[VALUES];
	uint64_t key[VALUES];
	unsigned count;
};

static bool is_value(const void *value, const void *arg)
{
	return value == arg;
}

static void check_against(const struct map *map, const struct model *model)
{
	size_t at = 0;
	unsigned walked = 0;

	ck_assert_uint_eq(map->count, model->count);
	for (int i = 0; i < VALUES; i++)
		if (model->there[i])
			ck_assert_ptr_eq(map_find_match(map, model->key[i], is_value, &values[i]),
					 &values[i]);
	while (map_walk(map, &at) != NULL)
		walked++;
	ck_assert_uint_eq(walked, model->count);
}

/* Few keys and many values: long runs of collisions, in which entries are removed. */
START_TEST(test_map_does_what_a_table_of_all_entries_does)
{
	static struct model model;
	struct map map = { 0 };

	srandom(7);
	for (int step = 0; step < 20000; step++) {
		int i = (int)(random() % VALUES);
		/* Neighbouring keys and equal ones; the last slots wrap around. */
		uint64_t key = (uint64_t)random() % KEYS;

		if (!model.there[i] && random() % 3 != 0) {
			map_add(&map, key, &values[i]);
			model.there[i] = true;
			model.key[i] = key;
			model.count++;
		} else if (model.there[i]) {
			ck_assert(map_remove(&map, model.key[i], &values[i]));
			ck_assert(!map_remove(&map, model.key[i], &values[i]));
			model.there[i] = false;
			model.count--;
		}
		if (step % 97 == 0)
			check_against(&map, &model);
	}
	map_done(&map);
	ck_assert_ptr_null(map.slots);
}
END_TEST

START_TEST(test_zeroed_map_is_empty)
{
	struct map map = { 0 };
	size_t at = 0;

	ck_assert_ptr_null(map_find(&map, 1));
	ck_assert(!map_remove(&map, 1, values));
	ck_assert_ptr_null(map_walk(&map, &at));
	map_done(&map);
}
END_TEST

START_TEST(test_value_under_another_key_is_not_removed)
{
	struct map map = { 0 };

	map_add(&map, 1, &values[1]);
	ck_assert(!map_remove(&map, 2, &values[1]));
	ck_assert(!map_remove(&map, 1, &values[2]));
	ck_assert_ptr_eq(map_find(&map, 1), &values[1]);
	map_done(&map);
}
END_TEST

START_TEST(test_hash_is_the_same_for_the_same_bytes)
{
	ck_assert_uint_eq(map_hash("abc", 3), map_hash("abcd", 3));
	ck_assert_uint_ne(map_hash("abc", 3), map_hash("abd", 3));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_map_does_what_a_table_of_all_entries_does);
	tcase_add_test(core, test_zeroed_map_is_empty);
	tcase_add_test(core, test_value_under_another_key_is_not_removed);
	tcase_add_test(core, test_hash_is_the_same_for_the_same_bytes);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
