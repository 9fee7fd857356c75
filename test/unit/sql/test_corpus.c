/* SPDX-License-Identifier: ISC */
/* Every statement of the corpus gets the route that two real nodes taught. */

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/classify.h"

#ifndef TEST_DATA
#define TEST_DATA "test/data"
#endif

static const struct classify_options plain = { .std_strings = true, .max_scan = 65536 };

/*
 * Reads that only the catalogue can prove: they call functions of the user, and
 * without a catalogue an unknown function is a write.
 */
static const char *const need_catalogue[] = {
	"SELECT f_immutable(1)",
	"SELECT f_stable(1)",
	"SELECT f_lying_stable(1)",
};

/* "\n" and "\\", in place; returns the length. */
static size_t unescape(char *text)
{
	char *out = text;
	const char *in;

	for (in = text; *in; in++) {
		if (in[0] == '\\' && in[1]) {
			in++;
			*out++ = *in == 'n' ? '\n' : *in;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return (size_t)(out - text);
}

static bool needs_catalogue(const char *sql)
{
	size_t i;

	for (i = 0; i < sizeof(need_catalogue) / sizeof(need_catalogue[0]); i++)
		if (strcmp(sql, need_catalogue[i]) == 0)
			return true;
	return false;
}

/* A cursor that is not held follows its transaction; all else of a session is the primary's. */
static bool is_session(struct verdict v)
{
	return v.flags & VERDICT_SESSION &&
	       (v.route == ROUTE_PRIMARY ||
		(v.flags & VERDICT_CURSOR && !(v.flags & VERDICT_CURSOR_HOLD)));
}

static bool meets(const char *expected, struct verdict v)
{
	if (strcmp(expected, "session") == 0)
		return is_session(v);
	if (v.route == ROUTE_REPLICA && v.flags & (VERDICT_SESSION | VERDICT_WRITE))
		return false;
	return strcmp(expected, route_name(v.route)) == 0;
}

static bool judge_line(char *line)
{
	char *sql = strchr(line, '\t');
	char *why = sql ? strchr(sql + 1, '\t') : NULL;
	const char *expected = line;
	struct verdict v;

	ck_assert_ptr_nonnull(why);
	*sql++ = '\0';
	*why++ = '\0';
	if (strncmp(why, "[catalog]", 9) == 0 || strncmp(why, "[context]", 9) == 0)
		return true;
	unescape(sql);
	if (strncmp(sql, "-- pre:", 7) == 0)
		sql = strchr(sql, '\n') + 1;
	v = classify(sql, strlen(sql), &plain);
	if (needs_catalogue(sql))
		return v.route == ROUTE_PRIMARY && v.why == WHY_FUNCTION_UNKNOWN;
	if (meets(expected, v))
		return true;
	fprintf(stderr, "expected %s, got %s (%s at %u, flags %llx): %s\n", expected,
		route_name(v.route), verdict_why_name(v.why), v.pos, (unsigned long long)v.flags,
		sql);
	return false;
}

START_TEST(test_corpus_comes_out_as_expected)
{
	char line[4096];
	unsigned rows = 0;
	unsigned wrong = 0;
	FILE *file = fopen(TEST_DATA "/sql-corpus.tsv", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		rows++;
		wrong += !judge_line(line);
	}
	fclose(file);
	ck_assert_uint_gt(rows, 250);
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corpus");
	TCase *tcase = tcase_create("corpus");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_corpus_comes_out_as_expected);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
