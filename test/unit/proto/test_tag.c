/* SPDX-License-Identifier: ISC */
#include "proto/tag.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *tag;
	enum tag expected;
	uint64_t rows;
} tags[] = {
	{ "SELECT 5", TAG_SELECT, 5 },
	{ "INSERT 0 1", TAG_INSERT, 1 },
	{ "INSERT 12345 17", TAG_INSERT, 17 },
	{ "UPDATE 0", TAG_UPDATE, 0 },
	{ "COPY 18446744073709551609", TAG_COPY, 18446744073709551609u },
	{ "COPY 99999999999999999999999", TAG_COPY, UINT64_MAX },
	{ "BEGIN", TAG_BEGIN, 0 },
	{ "START TRANSACTION", TAG_BEGIN, 0 },
	{ "COMMIT", TAG_COMMIT, 0 },
	{ "COMMIT PREPARED", TAG_COMMIT_PREPARED, 0 },
	{ "ROLLBACK", TAG_ROLLBACK, 0 },
	{ "PREPARE TRANSACTION", TAG_PREPARE_TRANSACTION, 0 },
	{ "PREPARE", TAG_PREPARE, 0 },
	{ "SET", TAG_SET, 0 },
	{ "RESET", TAG_RESET, 0 },
	{ "DISCARD ALL", TAG_DISCARD_ALL, 0 },
	{ "DISCARD PLANS", TAG_DISCARD, 0 },
	{ "DEALLOCATE", TAG_DEALLOCATE, 0 },
	{ "DEALLOCATE ALL", TAG_DEALLOCATE_ALL, 0 },
	{ "CREATE TABLE", TAG_CREATE, 0 },
	{ "SELECTED 5", TAG_OTHER, 5 },
	{ "SEL", TAG_OTHER, 0 },
	{ "begin", TAG_OTHER, 0 },
	{ "5", TAG_OTHER, 0 },
	{ " 5", TAG_OTHER, 5 },
	{ "", TAG_OTHER, 0 },
};

/* At a glance nothing that changes a session is passed, and the ordinary is. */
START_TEST(test_ordinary_tags_do_not_matter)
{
	static const char *const matter[] = { "SET", "RESET", "DISCARD ALL",  "DEALLOCATE ALL",
					      "DO",  "CALL",  "CREATE TABLE", "LISTEN" };
	static const char *const ordinary[] = { "SELECT 1", "INSERT 0 1", "UPDATE 1", "DELETE 1",
						"BEGIN",    "COMMIT",	  "ROLLBACK", "COPY 5",
						"SHOW",	    "FETCH 1",	  "MERGE 1",  "" };

	for (size_t i = 0; i < sizeof(matter) / sizeof(matter[0]); i++)
		ck_assert(tag_may_matter((const uint8_t *)matter[i], strlen(matter[i]) + 1));
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
		ck_assert(!tag_may_matter((const uint8_t *)ordinary[i], strlen(ordinary[i]) + 1));
}
END_TEST

START_TEST(test_tags_are_read_with_their_rows)
{
	const char *tag = tags[_i].tag;
	uint64_t rows;

	ck_assert_int_eq(tag_read((const uint8_t *)tag, strlen(tag) + 1, &rows), tags[_i].expected);
	ck_assert_uint_eq(rows, tags[_i].rows);
	ck_assert_int_eq(tag_read((const uint8_t *)tag, strlen(tag) + 1, NULL), tags[_i].expected);
}
END_TEST

START_TEST(test_malformed_tags_are_other)
{
	ck_assert_int_eq(tag_read(NULL, 0, NULL), TAG_OTHER);
	ck_assert_int_eq(tag_read((const uint8_t *)"BEGIN", 5, NULL), TAG_OTHER);
	ck_assert_int_eq(tag_read((const uint8_t *)"BEGIN\0x", 7, NULL), TAG_OTHER);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("tag");
	Suite *suite = suite_create("proto/tag");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, test_tags_are_read_with_their_rows, 0,
			    (int)(sizeof(tags) / sizeof(tags[0])));
	tcase_add_test(tests, test_ordinary_tags_do_not_matter);
	tcase_add_test(tests, test_malformed_tags_are_other);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
