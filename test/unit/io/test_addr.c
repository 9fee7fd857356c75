/* SPDX-License-Identifier: ISC */
#include "io/addr.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *host;
	const char *text; /* NULL: it is a name */
	const char *number;
} forms[] = {
	{ "10.0.0.1", "10.0.0.1:5432", "10.0.0.1" },
	{ "::1", "[::1]:5432", "::1" },
	{ "[::1]", "[::1]:5432", "::1" },
	{ "2001:DB8::A", "[2001:db8::a]:5432", "2001:db8::a" },
	{ "fe80::1%7", "[fe80::1%7]:5432", "fe80::1%7" },
	{ "/tmp", "/tmp/.s.PGSQL.5432", "" },
	{ "@/tmp/x", "@/tmp/x/.s.PGSQL.5432", "" },
	{ "localhost", NULL, NULL },
	{ "db1.example.org", NULL, NULL },
	{ "10.0.0", NULL, NULL },
	{ "10.0.0.1.5", NULL, NULL },
	{ "256.0.0.1", NULL, NULL },
	{ "", NULL, NULL },
	{ "[::1", NULL, NULL },
	{ "[]", NULL, NULL },
	{ ":::", NULL, NULL },
	{ "/a/path/that/is/longer/than/what/fits/into/the/path/of/a/socket/address/which/are/108/bytes/on/linux/and/more",
	  NULL, NULL },
};

START_TEST(test_numeric_addresses_and_sockets_need_no_lookup)
{
	char text[ADDR_TEXT_BYTES], number[ADDR_TEXT_BYTES];
	struct addr addr, same;

	ck_assert_int_eq(addr_parse(&addr, forms[_i].host, 5432), forms[_i].text != NULL);
	if (forms[_i].text == NULL)
		return;
	ck_assert_str_eq(addr_text(&addr, text, sizeof(text)), forms[_i].text);
	ck_assert_str_eq(addr_number(&addr, number, sizeof(number)), forms[_i].number);
	ck_assert_int_eq(addr_port(&addr), addr_is_unix(&addr) ? 0 : 5432);
	addr_parse(&same, forms[_i].host, 5432);
	ck_assert(addr_equals(&addr, &same));
	addr_parse(&same, forms[_i].host, 5433);
	ck_assert(!addr_equals(&addr, &same));
}
END_TEST

START_TEST(test_abstract_socket_has_no_terminator_in_its_length)
{
	struct addr addr;

	ck_assert(addr_parse(&addr, "@x", 1));
	ck_assert_int_eq(addr.un.sun_path[0], '\0');
	ck_assert_uint_eq(addr.len,
			  offsetof(struct sockaddr_un, sun_path) + strlen("@x/.s.PGSQL.1"));
	ck_assert(addr_parse(&addr, "/x", 1));
	ck_assert_uint_eq(addr.len,
			  offsetof(struct sockaddr_un, sun_path) + strlen("/x/.s.PGSQL.1") + 1);
}
END_TEST

static void check_list(const char *text, const char *expected)
{
	char all[256] = "", host[32];
	enum addr_step step;
	uint16_t port;

	while ((step = addr_list_next(&text, host, sizeof(host), &port, 5432)) == ADDR_NEXT)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "<%s %u>", host, port);
	if (step == ADDR_BAD)
		strcat(all, "bad");
	ck_assert_str_eq(all, expected);
}

START_TEST(test_list_of_hosts_is_read)
{
	check_list("", "");
	check_list("  ", "");
	check_list("db1", "<db1 5432>");
	check_list("db1,db2:5433, 10.0.0.1:1 ,::1,[::1]:65535,[fe80::1]",
		   "<db1 5432><db2 5433><10.0.0.1 1><::1 5432><::1 65535><fe80::1 5432>");
	check_list("/tmp,/var/run/postgresql:5440,@abs",
		   "</tmp 5432></var/run/postgresql 5440><@abs 5432>");
	check_list(",", "bad");
	check_list("a,,b", "<a 5432>bad");
	check_list("a,", "bad");
	check_list("a:0", "bad");
	check_list("a:65536", "bad");
	check_list("a:", "bad");
	check_list("a:x", "bad");
	check_list(":5432", "bad");
	check_list("a b", "bad");
	check_list("[::1", "bad");
	check_list("[::1]x", "bad");
	check_list("[]:1", "bad");
	check_list("0123456789012345678901234567890", "<0123456789012345678901234567890 5432>");
	check_list("01234567890123456789012345678901", "bad");
}
END_TEST

START_TEST(test_an_address_of_ipv4_is_one_over_a_socket_for_both_too)
{
	static const char *const same[] = { "::1", "10.0.0.1", "::fffe:0:1", "/tmp" };
	char text[ADDR_TEXT_BYTES], before[ADDR_TEXT_BYTES];
	struct addr addr, plain;

	ck_assert(addr_parse(&addr, "::ffff:10.0.0.1", 5432));
	ck_assert(addr_parse(&plain, "10.0.0.1", 5432));
	addr_unmap(&addr);
	ck_assert(addr_equals(&addr, &plain));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		ck_assert(addr_parse(&addr, same[i], 5432));
		addr_text(&addr, before, sizeof(before));
		addr_unmap(&addr);
		ck_assert_str_eq(addr_text(&addr, text, sizeof(text)), before);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *parse = tcase_create("parse");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(parse, test_numeric_addresses_and_sockets_need_no_lookup, 0,
			    sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(parse, test_abstract_socket_has_no_terminator_in_its_length);
	tcase_add_test(parse, test_list_of_hosts_is_read);
	tcase_add_test(parse, test_an_address_of_ipv4_is_one_over_a_socket_for_both_too);
	suite_add_tcase(suite, parse);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
