/* SPDX-License-Identifier: ISC */
#include "pool/pending.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MODEL 5000

static struct pending pending;

static void teardown(void)
{
	pending_done(&pending);
}

static void setup(void)
{
	memset(&pending, 0, sizeof(pending));
}

static void push(enum pending_kind kind)
{
	pending_push(&pending, kind, PENDING_FORWARD, 0, NULL);
}

START_TEST(test_queue_does_what_an_array_does)
{
	static struct pending_entry model[MODEL];
	unsigned first = 0, last = 0;

	srandom(11);
	while (last < MODEL) {
		unsigned syncs = 0, dropped = 0;

		if (random() % 5 < 3) {
			struct pending_entry *entry = &model[last++];

			entry->kind = (uint8_t)(random() % PENDING_COPY_END);
			entry->action = (uint8_t)(random() % 3);
			entry->mark = (uint8_t)random();
			entry->subject = entry;
			pending_push(&pending, entry->kind, entry->action, entry->mark, entry);
		} else if (first < last) {
			struct pending_entry entry = pending_pop(&pending);

			ck_assert_ptr_eq(entry.subject, &model[first]);
			ck_assert_uint_eq(entry.kind, model[first].kind);
			ck_assert_uint_eq(entry.action, model[first].action);
			ck_assert_uint_eq(entry.mark, model[first].mark);
			first++;
		}
		ck_assert_uint_eq(pending.count, last - first);
		for (unsigned i = first; i < last; i++) {
			syncs += pending_is_sync(model[i].kind);
			dropped += model[i].action == PENDING_DROP;
		}
		ck_assert_uint_eq(pending.syncs, syncs);
		ck_assert_int_eq(pending_owes_client(&pending), dropped != last - first);
		if (first < last) {
			ck_assert_ptr_eq(pending_head(&pending)->subject, &model[first]);
			ck_assert_ptr_eq(pending_at(&pending, last - first - 1)->subject,
					 &model[last - 1]);
		} else {
			ck_assert_ptr_null(pending_head(&pending));
			ck_assert(pending_is_empty(&pending));
		}
	}
}
END_TEST

START_TEST(test_copy_swallows_the_syncs_before_its_end)
{
	uint32_t ignored;

	push(PENDING_EXECUTE);
	push(PENDING_SYNC);
	push(PENDING_SYNC);
	push(PENDING_COPY_END);
	push(PENDING_SYNC);
	push(PENDING_QUERY);
	ck_assert(!pending_enter_copy(&pending, &ignored));
	ck_assert_uint_eq(ignored, 2);
	ck_assert_uint_eq(pending.count, 3);
	ck_assert_uint_eq(pending.syncs, 2);
	ck_assert_uint_eq(pending_pop(&pending).kind, PENDING_EXECUTE);
	ck_assert_uint_eq(pending_pop(&pending).kind, PENDING_SYNC);
	ck_assert_uint_eq(pending_pop(&pending).kind, PENDING_QUERY);
}
END_TEST

START_TEST(test_copy_without_an_end_lasts)
{
	uint32_t ignored;

	push(PENDING_EXECUTE);
	push(PENDING_SYNC);
	ck_assert(pending_enter_copy(&pending, &ignored));
	ck_assert_uint_eq(ignored, 1);
	ck_assert_uint_eq(pending.count, 1);
	ck_assert_uint_eq(pending.syncs, 0);
	pending_done(&pending);
	push(PENDING_QUERY);
	ck_assert(pending_enter_copy(&pending, &ignored));
	ck_assert_uint_eq(ignored, 0);
	ck_assert_uint_eq(pending.count, 1);
	ck_assert_uint_eq(pending.syncs, 1);
}
END_TEST

START_TEST(test_copy_end_that_ends_nothing_goes_with_what_was_before_it)
{
	push(PENDING_PARSE);
	push(PENDING_COPY_END);
	push(PENDING_COPY_END);
	push(PENDING_SYNC);
	push(PENDING_COPY_END);
	ck_assert_uint_eq(pending_pop(&pending).kind, PENDING_PARSE);
	ck_assert_uint_eq(pending_head(&pending)->kind, PENDING_SYNC);
	ck_assert_uint_eq(pending_pop(&pending).kind, PENDING_SYNC);
	ck_assert(pending_is_empty(&pending));
}
END_TEST

START_TEST(test_queue_is_full_at_its_bound)
{
	for (int i = 0; i < PENDING_MAX; i++) {
		ck_assert(!pending_is_full(&pending));
		push(PENDING_BIND);
	}
	ck_assert(pending_is_full(&pending));
	pending_pop(&pending);
	ck_assert(!pending_is_full(&pending));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pending");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_queue_does_what_an_array_does);
	tcase_add_test(core, test_copy_swallows_the_syncs_before_its_end);
	tcase_add_test(core, test_copy_without_an_end_lasts);
	tcase_add_test(core, test_copy_end_that_ends_nothing_goes_with_what_was_before_it);
	tcase_add_test(core, test_queue_is_full_at_its_bound);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
