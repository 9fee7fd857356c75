/* SPDX-License-Identifier: ISC */
#include "base/slab.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct slab slab;
static void *objects[1000];

START_TEST(test_objects_are_zeroed_aligned_and_apart)
{
	slab_init(&slab, "things", 100);
	for (int i = 0; i < 1000; i++) {
		objects[i] = slab_alloc(&slab);
		ck_assert_uint_eq((uintptr_t)objects[i] % 16, 0);
		for (int b = 0; b < 100; b++)
			ck_assert_int_eq(((char *)objects[i])[b], 0);
		memset(objects[i], i & 0x7f, 100);
	}
	for (int i = 0; i < 1000; i++)
		for (int b = 0; b < 100; b++)
			ck_assert_int_eq(((char *)objects[i])[b], i & 0x7f);
	ck_assert_uint_eq(slab.used, 1000);
	for (int i = 0; i < 1000; i++)
		slab_free(&slab, objects[i]);
	/* What comes back is zeroed again. */
	objects[0] = slab_alloc(&slab);
	for (int b = 0; b < 100; b++)
		ck_assert_int_eq(((char *)objects[0])[b], 0);
	slab_free(&slab, objects[0]);
	slab_done(&slab);
}
END_TEST

START_TEST(test_pages_that_are_empty_are_given_back)
{
	unsigned most;

	slab_init(&slab, "things", 200);
	for (int i = 0; i < 1000; i++)
		objects[i] = slab_alloc(&slab);
	most = slab.pages;
	ck_assert_uint_gt(most, 2);
	ck_assert_uint_eq(slab_bytes(&slab), most * slab.page_size);
	srandom(3);
	for (int left = 1000; left > 0; left--) {
		int i = (int)(random() % left);

		slab_free(&slab, objects[i]);
		objects[i] = objects[left - 1];
		ck_assert_uint_eq(slab_free_count(&slab),
				  slab.pages * slab.per_page - (unsigned)(left - 1));
	}
	ck_assert_uint_eq(slab.used, 0);
	ck_assert_uint_le(slab.pages, 1);
	slab_free(&slab, NULL);
	slab_done(&slab);
}
END_TEST

START_TEST(test_large_objects_get_larger_pages)
{
	void *one;

	slab_init(&slab, "large", 10000);
	ck_assert_uint_ge(slab.per_page, 8);
	one = slab_alloc(&slab);
	memset(one, 1, 10000);
	slab_free(&slab, one);
	slab_done(&slab);
}
END_TEST

START_TEST(test_slabs_can_be_listed_in_the_order_of_their_making)
{
	static struct slab a, b;

	slab_init(&a, "a", 16);
	slab_init(&b, "b", 16);
	ck_assert_ptr_eq(slab_first(), &a);
	ck_assert_ptr_eq(slab_next(&a), &b);
	ck_assert_ptr_null(slab_next(&b));
	slab_done(&a);
	ck_assert_ptr_eq(slab_first(), &b);
	slab_done(&b);
	ck_assert_ptr_null(slab_first());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slab");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_objects_are_zeroed_aligned_and_apart);
	tcase_add_test(core, test_pages_that_are_empty_are_given_back);
	tcase_add_test(core, test_large_objects_get_larger_pages);
	tcase_add_test(core, test_slabs_can_be_listed_in_the_order_of_their_making);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
