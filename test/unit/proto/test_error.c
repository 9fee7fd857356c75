/* SPDX-License-Identifier: ISC */
#include "proto/error.h"

#include <check.h>
#include <stdlib.h>

static struct error_fields fields;

#define read_literal(s) error_read((const uint8_t *)(s), sizeof(s) - 1, &fields)

START_TEST(test_untranslated_severity_wins)
{
	ck_assert(read_literal("SFATALE\0VFATAL\0C57P01\0Mbye\0Fpostgres.c\0L12\0\0"));
	ck_assert_str_eq(fields.severity, "FATAL");
	ck_assert_str_eq(fields.message, "bye");
	ck_assert_str_eq(fields.hint, "");
	ck_assert(error_is(&fields, SQLSTATE_ADMIN_SHUTDOWN));
	ck_assert(error_is_class(&fields, "57"));
	ck_assert(!error_is_class(&fields, "08"));
	ck_assert(error_is_fatal(&fields));
}
END_TEST

START_TEST(test_old_server_has_only_one_severity)
{
	ck_assert(read_literal("SERROR\0C25006\0Mx\0\0"));
	ck_assert_str_eq(fields.severity, "ERROR");
	ck_assert(!error_is_fatal(&fields));
	ck_assert(read_literal("\0"));
	ck_assert_str_eq(fields.sqlstate, "");
}
END_TEST

START_TEST(test_malformed_errors_are_refused)
{
	ck_assert(!error_read(NULL, 0, &fields));
	ck_assert(!read_literal("SERROR"));
	ck_assert(!read_literal("SERROR\0"));
	ck_assert(!read_literal("SERROR\0\0x"));
	ck_assert(!read_literal("C2500\0\0"));
	ck_assert(!read_literal("C25-06\0\0"));
	ck_assert(!read_literal("C250066\0\0"));
	ck_assert_str_eq(fields.sqlstate, "");
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("error");
	Suite *suite = suite_create("proto/error");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, test_untranslated_severity_wins);
	tcase_add_test(tests, test_old_server_has_only_one_severity);
	tcase_add_test(tests, test_malformed_errors_are_refused);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
