/* SPDX-License-Identifier: ISC */
#include "base/list.h"

#include <check.h>
#include <stdlib.h>

struct item {
	int number;
	struct list_node node;
};

static int number_of(struct list_node *node)
{
	return list_entry(node, struct item, node)->number;
}

START_TEST(test_nodes_keep_their_order_and_know_their_list)
{
	struct item items[4] = {
		{ .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 }
	};
	struct list list;
	int expected = 0;

	list_init(&list);
	ck_assert(list_is_empty(&list));
	ck_assert_ptr_null(list_first(&list));
	ck_assert_ptr_null(list_last(&list));
	list_append(&list, &items[1].node);
	list_append(&list, &items[3].node);
	list_prepend(&list, &items[0].node);
	list_insert(&list, &items[1].node, &items[2].node);
	list_for_each(&list, node, after)
		ck_assert_int_eq(number_of(node), expected++);
	ck_assert_int_eq(expected, 4);
	ck_assert_uint_eq(list.count, 4);
	ck_assert_ptr_eq(items[2].node.list, &list);
	ck_assert_ptr_eq(list_next(&items[2].node), &items[3].node);
	ck_assert_ptr_null(list_next(&items[3].node));
}
END_TEST

START_TEST(test_removing_twice_does_nothing)
{
	struct item item = { .number = 1 };
	struct list list;

	list_init(&list);
	list_remove(&item.node);
	list_append(&list, &item.node);
	ck_assert(list_has(&item.node));
	list_remove(&item.node);
	list_remove(&item.node);
	ck_assert(!list_has(&item.node));
	ck_assert_uint_eq(list.count, 0);
	ck_assert_ptr_null(list_pop(&list));
}
END_TEST

START_TEST(test_body_of_a_walk_may_remove_its_node)
{
	struct item items[5] = { { .number = 0 } };
	struct list list, odd;

	list_init(&list);
	list_init(&odd);
	for (int i = 0; i < 5; i++) {
		items[i].number = i;
		list_append(&list, &items[i].node);
	}
	list_for_each(&list, node, after) {
		if (number_of(node) % 2 == 0)
			continue;
		list_remove(node);
		list_append(&odd, node);
	}
	ck_assert_uint_eq(list.count, 3);
	ck_assert_uint_eq(odd.count, 2);
	ck_assert_int_eq(number_of(list_pop(&odd)), 1);
	ck_assert_int_eq(number_of(list_pop(&odd)), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_nodes_keep_their_order_and_know_their_list);
	tcase_add_test(core, test_removing_twice_does_nothing);
	tcase_add_test(core, test_body_of_a_walk_may_remove_its_node);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
