/* SPDX-License-Identifier: ISC */
#include "admin/result.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "admin/show.h"

/* As PostgreSQL's numeric_send gives them: digits, weight, sign, scale, digits of base 10000. */
static const struct {
	const char *value;
	unsigned count;
	int weight;
	unsigned sign, scale;
	unsigned digits[5];
} numerics[] = {
	{ "0", 0, 0, 0, 0, { 0 } },
	{ "0.000", 0, 0, 0, 3, { 0 } },
	{ "1", 1, 0, 0, 0, { 1 } },
	{ "9999", 1, 0, 0, 0, { 9999 } },
	{ "10000", 1, 1, 0, 0, { 1 } },
	{ "12345", 2, 1, 0, 0, { 1, 2345 } },
	{ "100000001", 3, 2, 0, 0, { 1, 0, 1 } },
	{ "18446744073709551615", 5, 4, 0, 0, { 1844, 6744, 737, 955, 1615 } },
	{ "-12", 1, 0, 0x4000, 0, { 12 } },
	{ "0.5", 1, -1, 0, 1, { 5000 } },
	{ "0.001", 1, -1, 0, 3, { 10 } },
	{ "0.00001", 1, -2, 0, 5, { 1000 } },
	{ "12.345", 2, 0, 0, 3, { 12, 3450 } },
	{ "10000.0001", 3, 1, 0, 4, { 1, 0, 1 } },
};

START_TEST(test_numeric_has_postgresql_binary_form)
{
	struct text out = { 0 };
	const uint8_t *bytes;

	result_binary(&out, OID_NUMERIC, numerics[_i].value);
	bytes = (const uint8_t *)text_string(&out);
	ck_assert_uint_eq(out.len, 8 + 2 * numerics[_i].count);
	ck_assert_uint_eq(be16_get(bytes), numerics[_i].count);
	ck_assert_int_eq((int16_t)be16_get(bytes + 2), numerics[_i].weight);
	ck_assert_uint_eq(be16_get(bytes + 4), numerics[_i].sign);
	ck_assert_uint_eq(be16_get(bytes + 6), numerics[_i].scale);
	for (unsigned i = 0; i < numerics[_i].count; i++)
		ck_assert_uint_eq(be16_get(bytes + 8 + 2 * i), numerics[_i].digits[i]);
	text_done(&out);
}
END_TEST

START_TEST(test_integers_have_their_size)
{
	struct text out = { 0 };

	result_binary(&out, OID_INT4, "-2");
	ck_assert_uint_eq(out.len, 4);
	ck_assert_mem_eq(out.data, "\xff\xff\xff\xfe", 4);
	text_clear(&out);
	result_binary(&out, OID_INT8, "4294967298");
	ck_assert_uint_eq(out.len, 8);
	ck_assert_mem_eq(out.data, "\0\0\0\1\0\0\0\2", 8);
	text_clear(&out);
	result_binary(&out, OID_TEXT, "as it is");
	ck_assert_str_eq(text_string(&out), "as it is");
	text_done(&out);
}
END_TEST

START_TEST(test_formats_are_none_one_or_one_a_column)
{
	struct formats none = { 0 }, all = { 1, 1 }, each = { 3, 4 };

	ck_assert(!formats_is_binary(&none, 0));
	ck_assert(formats_is_binary(&all, 0) && formats_is_binary(&all, 63));
	ck_assert(!formats_is_binary(&each, 0) && !formats_is_binary(&each, 1));
	ck_assert(formats_is_binary(&each, 2) && !formats_is_binary(&each, 3));
}
END_TEST

static void number(struct cell *cell, const struct show_column *column, const void *row)
{
	if (column->arg != 0)
		cell_integer(cell, *(const int *)row);
}

START_TEST(test_a_row_has_nulls_text_and_binary)
{
	static const struct show_column columns[] = {
		{ "null", OID_TEXT, number, 0 },
		{ "text", OID_INT4, number, 1 },
		{ "binary", OID_INT4, number, 1 },
	};
	static const uint8_t expected[] = { 'D',  0,	0, 0, 25, 0, 3,	  0xff, 0xff,
					    0xff, 0xff, 0, 0, 0,  3, '2', '5',	'8',
					    0,	  0,	0, 4, 0,  0, 1,	  2 };
	struct result result = { .formats = { 3, 4 } };
	int value = 258;

	result_row(&result, columns, 3, &value);
	ck_assert_uint_eq(result.rows.len, sizeof(expected));
	ck_assert_mem_eq(result.rows.data, expected, sizeof(expected));
	result_done(&result);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("result");
	Suite *suite = suite_create("admin/result");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, test_numeric_has_postgresql_binary_form, 0,
			    (int)(sizeof(numerics) / sizeof(numerics[0])));
	tcase_add_test(tests, test_integers_have_their_size);
	tcase_add_test(tests, test_formats_are_none_one_or_one_a_column);
	tcase_add_test(tests, test_a_row_has_nulls_text_and_binary);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
