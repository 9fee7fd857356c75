/* SPDX-License-Identifier: ISC */
#include "auth/ident.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/peer.h"
#include "base/text.h"

static struct ident ident;
static struct text warnings;

static void warn(void *arg, const char *file, unsigned line, const char *why)
{
	(void)arg;
	text_printf(&warnings, "%s:%u: %s\n", file, line, why);
}

static void start(void)
{
	memset(&ident, 0, sizeof(ident));
}

static void stop(void)
{
	ident_done(&ident);
	text_done(&warnings);
}

static void read_text(const char *text)
{
	ident_done(&ident);
	text_clear(&warnings);
	ident_read(&ident, text, strlen(text), "maps", warn, NULL);
}

START_TEST(test_names_must_be_the_same_without_a_map)
{
	ck_assert(ident_allows(&ident, "", "alice", "alice"));
	ck_assert(!ident_allows(&ident, "", "alice", "bob"));
	ck_assert(!ident_allows(&ident, "", "alice", "Alice"));
}
END_TEST

START_TEST(test_maps)
{
	read_text("# map system user\n"
		  "m root postgres\n"
		  "m root app # both\n"
		  "ops \"jane doe\" \"all\"\n"
		  "any deploy all\n"
		  "last x y");
	ck_assert_str_eq(text_string(&warnings), "");
	ck_assert(ident_allows(&ident, "m", "root", "postgres"));
	ck_assert(ident_allows(&ident, "m", "root", "app"));
	ck_assert(!ident_allows(&ident, "m", "root", "root"));
	ck_assert(!ident_allows(&ident, "m", "alice", "alice"));
	ck_assert(ident_allows(&ident, "ops", "jane doe", "all"));
	ck_assert(!ident_allows(&ident, "ops", "jane doe", "bob"));
	ck_assert(ident_allows(&ident, "any", "deploy", "bob"));
	ck_assert(!ident_allows(&ident, "any", "bob", "bob"));
	ck_assert(ident_allows(&ident, "last", "x", "y"));
	ck_assert(!ident_allows(&ident, "absent", "root", "root"));
	ck_assert(ident_has_map(&ident, "ops"));
	ck_assert(!ident_has_map(&ident, "absent"));
}
END_TEST

START_TEST(test_lines_that_are_wrong_are_told_and_skipped)
{
	static const char *const lines[] = {
		"m",	  "m a",	   "m a b c",	      "m a b,c",      "m a,b c",
		", a b",  "m /^(.*)$ \\1", "m a +group",      "m a /^b",      "m a \"b",
		"m @a b", "include x",	   "include_dir x y", "m /x \"all\"", "m a @b",
	};
	char text[80];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "\n%s\ngood a b\n", lines[i]);
		read_text(text);
		ck_assert_msg(ident.count == 1, "taken: %s", lines[i]);
		ck_assert_ptr_nonnull(strstr(text_string(&warnings), "maps:2: "));
		ck_assert(ident_allows(&ident, "good", "a", "b"));
	}
}
END_TEST

START_TEST(test_quoted_words_are_names_whatever_they_look_like)
{
	read_text("m \"/a\" \"+b\"\n");
	ck_assert(ident_allows(&ident, "m", "/a", "+b"));
}
END_TEST

START_TEST(test_the_name_of_a_user_of_the_system)
{
	char name[64];

	ck_assert(peer_name(0, name, sizeof(name)));
	ck_assert_str_eq(name, "root");
	ck_assert(!peer_name(4000000000u, name, sizeof(name)));
	ck_assert(!peer_name(0, name, 3));
	ck_assert(!peer_name_in("/nowhere", 0, name, sizeof(name)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ident");
	TCase *tc = tcase_create("ident");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, test_names_must_be_the_same_without_a_map);
	tcase_add_test(tc, test_maps);
	tcase_add_test(tc, test_lines_that_are_wrong_are_told_and_skipped);
	tcase_add_test(tc, test_quoted_words_are_names_whatever_they_look_like);
	tcase_add_test(tc, test_the_name_of_a_user_of_the_system);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
