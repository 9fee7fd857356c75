/* SPDX-License-Identifier: ISC */
#include "auth/hba.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/judge.h"
#include "base/text.h"

static struct hba hba;
static struct text warnings; /* "file:line: why" a line */

static void warn(void *arg, const char *file, unsigned line, const char *why)
{
	(void)arg;
	text_printf(&warnings, "%s:%u: %s\n", file, line, why);
}

/* Files that lines name with @. */
static const char *const files[][2] = {
	{ "/etc/weir/names", "alice, bob\n# comment\n\n  carol \"all\"\n@more\n" },
	{ "/etc/weir/more", "dave" },
	{ "/etc/weir/loop", "@loop" },
	{ "/etc/weir/quote", "a\n\"b" },
	{ "/etc/weir/everybody", "all" },
	{ "/absolute", "erin" },
	{ "/etc/weir/empty", "" },
};

static char *read_file(void *arg, const char *path, size_t *len)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(files[i][0], path) == 0) {
			*len = strlen(files[i][1]);
			return strdup(files[i][1]);
		}
	}
	return NULL;
}

static const struct hba_reader reader = { .read = read_file, .warn = warn };

static void start(void)
{
	memset(&hba, 0, sizeof(hba));
}

static void stop(void)
{
	hba_done(&hba);
	text_done(&warnings);
}

/* The text lives in memory of its exact size, so that a sanitizer sees a byte read too many. */
static void read_n(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	memcpy(copy, text, len);
	hba_done(&hba);
	text_clear(&warnings);
	hba_read(&hba, copy, len, "/etc/weir/hba", &reader);
	free(copy);
}

static void read_text(const char *text)
{
	read_n(text, strlen(text));
}

/* The line that matches, 0 if none does.  `address` NULL: the Unix socket. */
static unsigned line_for(const char *database, const char *user, const char *address, bool tls,
			 bool physical)
{
	uint8_t bytes[16] = { 0 };
	struct hba_client client = { .database = database,
				     .user = user,
				     .family = AF_UNIX,
				     .address = bytes,
				     .tls = tls,
				     .physical = physical };
	const struct hba_rule *rule;

	if (address != NULL) {
		client.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
		ck_assert_int_eq(inet_pton(client.family, address, bytes), 1);
	}
	rule = hba_match(&hba, &client);
	return rule != NULL ? rule->line : 0;
}

static unsigned line_of(const char *database, const char *user, const char *address)
{
	return line_for(database, user, address, false, false);
}

static void check_skipped(const char *line, const char *why)
{
	read_text(line);
	ck_assert_msg(hba.count == 0, "taken: %s", line);
	ck_assert_msg(strstr(text_string(&warnings), why) != NULL, "%s: %s", line,
		      text_string(&warnings));
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), "/etc/weir/hba:1: "));
}

static void check_taken(const char *line)
{
	read_text(line);
	ck_assert_msg(hba.count == 1 && warnings.len == 0, "%s: %s", line, text_string(&warnings));
}

START_TEST(test_first_line_that_matches_counts)
{
	read_text("# who comes\n"
		  "local all all trust\n"
		  "host app alice 10.0.0.0/8 reject\n"
		  "\n"
		  "host app all 10.0.0.0/8 md5 # the rest\n"
		  "host all all 0.0.0.0/0 scram-sha-256\n");
	ck_assert_uint_eq(warnings.len, 0);
	ck_assert_uint_eq(line_of("x", "y", NULL), 2);
	ck_assert_uint_eq(line_of("app", "alice", "10.1.2.3"), 3);
	ck_assert_uint_eq(line_of("app", "bob", "10.1.2.3"), 5);
	ck_assert_uint_eq(line_of("other", "alice", "10.1.2.3"), 6);
	ck_assert_uint_eq(line_of("app", "bob", "11.1.2.3"), 6);
	ck_assert_uint_eq(line_of("app", "bob", "::1"), 0);
	ck_assert_int_eq(hba.rules[2].method, METHOD_MD5);
}
END_TEST

START_TEST(test_nobody_comes_in_without_a_line)
{
	read_text("");
	ck_assert_uint_eq(line_of("app", "alice", NULL), 0);
	read_text("host all all 127.0.0.1/32 trust");
	ck_assert_uint_eq(line_of("app", "alice", NULL), 0);
	read_text("local all all trust");
	ck_assert_uint_eq(line_of("app", "alice", "127.0.0.1"), 0);
}
END_TEST

START_TEST(test_names)
{
	read_text("local a,b , c,\"d,e\" u trust\n"
		  "local sameuser all trust\n"
		  "local x \"all\",\"sameuser\" trust\n"
		  "local \"all\" v trust\n"
		  "local y replication,sameuser trust\n"
		  "local \"q\"\"uote\" w\"or\"d trust\n");
	ck_assert_str_eq(text_string(&warnings), "");
	ck_assert_uint_eq(line_of("a", "u", NULL), 1);
	ck_assert_uint_eq(line_of("c", "u", NULL), 1);
	ck_assert_uint_eq(line_of("d,e", "u", NULL), 1);
	ck_assert_uint_eq(line_of("A", "u", NULL), 0);
	ck_assert_uint_eq(line_of("bob", "bob", NULL), 2);
	ck_assert_uint_eq(line_of("x", "all", NULL), 3);
	ck_assert_uint_eq(line_of("x", "sameuser", NULL), 3);
	ck_assert_uint_eq(line_of("x", "u", NULL), 0);
	ck_assert_uint_eq(line_of("all", "v", NULL), 4);
	ck_assert_uint_eq(line_of("y", "replication", NULL), 5);
	ck_assert_uint_eq(line_of("y", "sameuser", NULL), 5);
	ck_assert_uint_eq(line_of("y", "z", NULL), 0);
	ck_assert_uint_eq(line_of("q\"uote", "word", NULL), 6);
}
END_TEST

START_TEST(test_physical_replication_is_only_what_the_keyword_says)
{
	read_text("local all all trust\n"
		  "local \"replication\" all trust\n"
		  "local app,replication r trust\n");
	ck_assert_uint_eq(line_for("x", "r", NULL, false, true), 3);
	ck_assert_uint_eq(line_for("x", "y", NULL, false, true), 0);
	ck_assert_uint_eq(line_for("replication", "r", NULL, false, false), 1);
	read_text("local \"replication\" all trust\nlocal replication all reject\n");
	ck_assert_uint_eq(line_for("replication", "r", NULL, false, false), 1);
	ck_assert_uint_eq(line_for("app", "r", NULL, false, false), 0);
}
END_TEST

START_TEST(test_names_from_files)
{
	read_text("local all @names trust\n"
		  "local \"@names\" x trust\n"
		  "local all @/absolute,frank reject\n"
		  "local all @empty trust\n");
	ck_assert_str_eq(text_string(&warnings), "");
	ck_assert_uint_eq(line_of("a", "alice", NULL), 1);
	ck_assert_uint_eq(line_of("a", "bob", NULL), 1);
	ck_assert_uint_eq(line_of("a", "carol", NULL), 1);
	ck_assert_uint_eq(line_of("a", "all", NULL), 1);
	ck_assert_uint_eq(line_of("a", "dave", NULL), 1);
	ck_assert_uint_eq(line_of("a", "x", NULL), 0);
	ck_assert_uint_eq(line_of("@names", "x", NULL), 2);
	ck_assert_uint_eq(line_of("a", "erin", NULL), 3);
	ck_assert_uint_eq(line_of("a", "frank", NULL), 3);
	read_text("local @everybody @everybody trust\n");
	ck_assert_uint_eq(line_of("a", "frank", NULL), 1);
	check_skipped("local all @absent trust", "@absent cannot be read");
	check_skipped("local all @loop trust", "too many files");
	check_skipped("local all @quote trust", "@quote:2: a quote is missing");
}
END_TEST

START_TEST(test_addresses)
{
	read_text("host a all 10.1.0.0/16 trust\n"
		  "host b all 10.2.0.0 255.255.0.0 trust\n"
		  "host c all 192.168.4.0/22 trust\n"
		  "host d all 2001:db8::/33 trust\n"
		  "host e all ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff trust\n"
		  "host f all all trust\n"
		  "host g all ::/0 trust\n"
		  "host h all 1.2.3.4/32 trust\n");
	ck_assert_str_eq(text_string(&warnings), "");
	ck_assert_uint_eq(line_of("a", "u", "10.1.255.255"), 1);
	ck_assert_uint_eq(line_of("a", "u", "10.2.0.0"), 0);
	ck_assert_uint_eq(line_of("b", "u", "10.2.3.4"), 2);
	ck_assert_uint_eq(line_of("b", "u", "10.3.3.4"), 0);
	ck_assert_uint_eq(line_of("c", "u", "192.168.7.255"), 3);
	ck_assert_uint_eq(line_of("c", "u", "192.168.8.0"), 0);
	ck_assert_uint_eq(line_of("d", "u", "2001:db8:7fff::1"), 4);
	ck_assert_uint_eq(line_of("d", "u", "2001:db8:8000::1"), 0);
	ck_assert_uint_eq(line_of("e", "u", "::1"), 5);
	ck_assert_uint_eq(line_of("e", "u", "::2"), 0);
	ck_assert_uint_eq(line_of("f", "u", "9.9.9.9"), 6);
	ck_assert_uint_eq(line_of("f", "u", "9::9"), 6);
	ck_assert_uint_eq(line_of("f", "u", NULL), 0);
	ck_assert_uint_eq(line_of("g", "u", "9::9"), 7);
	ck_assert_uint_eq(line_of("g", "u", "9.9.9.9"), 0);
	ck_assert_uint_eq(line_of("h", "u", "1.2.3.4"), 8);
	ck_assert_uint_eq(line_of("h", "u", "1.2.3.5"), 0);
}
END_TEST

START_TEST(test_tls_and_not)
{
	read_text("hostssl a all all trust\nhostnossl b all all trust\nhost c all all trust\n");
	ck_assert_uint_eq(line_for("a", "u", "1.1.1.1", true, false), 1);
	ck_assert_uint_eq(line_for("a", "u", "1.1.1.1", false, false), 0);
	ck_assert_uint_eq(line_for("b", "u", "1.1.1.1", true, false), 0);
	ck_assert_uint_eq(line_for("b", "u", "1.1.1.1", false, false), 2);
	ck_assert_uint_eq(line_for("c", "u", "1.1.1.1", true, false), 3);
	ck_assert_uint_eq(line_for("c", "u", "1.1.1.1", false, false), 3);
}
END_TEST

START_TEST(test_methods_and_maps)
{
	static const struct {
		const char *name;
		enum auth_method method;
	} methods[] = {
		{ "trust", METHOD_TRUST },     { "reject", METHOD_REJECT },
		{ "md5", METHOD_MD5 },	       { "password", METHOD_PLAIN },
		{ "peer", METHOD_PEER },       { "scram-sha-256", METHOD_SCRAM },
		{ "peer map=m", METHOD_PEER }, { "peer \"map=m n\"", METHOD_PEER },
	};
	char line[80];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(line, sizeof(line), "local all all %s", methods[i].name);
		check_taken(line);
		ck_assert_int_eq(hba.rules[0].method, methods[i].method);
	}
	ck_assert_str_eq(hba.rules[0].map, "m n");
	check_taken("hostssl all all all cert map=x");
	ck_assert_str_eq(hba.rules[0].map, "x");
}
END_TEST

/* They let nobody in; to skip them could let in whom a later line takes. */
START_TEST(test_lines_that_cannot_be_met_refuse)
{
	read_text("host all all all peer\n"
		  "host all all all cert\n");
	ck_assert_uint_eq(hba.count, 2);
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":1: peer needs a local line"));
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":2: cert needs a hostssl line"));
}
END_TEST

START_TEST(test_lines_with_ldap_have_their_options)
{
	if (!judge_is_built(METHOD_LDAP)) {
		read_text("host all all all ldap ldapserver=x ldapurl=\"ldap://a,b/c\" , \n");
		ck_assert_uint_eq(hba.count, 1);
		ck_assert_ptr_nonnull(
			strstr(text_string(&warnings), ":1: ldap is not in this build"));
		return;
	}
	check_taken("host all all all ldap ldapserver=\"a b\" ldapprefix=\"cn=\" "
		    "ldapsuffix=\",dc=x\"");
	ck_assert_str_eq(hba.rules[0].words, "ldapserver=a b\nldapprefix=cn=\nldapsuffix=,dc=x\n");
	/* To skip these could let in whom a later line takes. */
	read_text("local all all ldap\n"
		  "local all all ldap ldapserver=a, ldapbasedn=b, ldapprefix=c\n"
		  "local all all ldap ldapserver=a map=b\n");
	ck_assert_uint_eq(hba.count, 3);
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":1: ldap: ldapbasedn, ldapprefix"));
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":2: ldap: ldapprefix and"));
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":3: ldap: unknown option \"map\""));
	ck_assert_str_eq(hba.rules[2].words, "");
	check_taken("local all all ldap ldapserver=a, ldapprefix=b");
	ck_assert_str_eq(hba.rules[0].words, "ldapserver=a\nldapprefix=b\n");
	check_skipped("local all all md5 ldapbindpasswd=hush", "option \"ldapbindpasswd\" is not");
}
END_TEST

START_TEST(test_lines_that_are_wrong_are_told_and_skipped)
{
	check_skipped("locale all all trust", "\"locale\" is not supported");
	check_skipped("hostgssenc all all all trust", "\"hostgssenc\" is not supported");
	check_skipped("include other", "\"include\" is not supported");
	check_skipped("LOCAL all all trust", "not supported");
	check_skipped("\"local\" all all trust", "not supported");
	check_skipped(",local all all trust", "type of connection is missing");
	check_skipped("local", "the database is missing");
	check_skipped("local all", "the user is missing");
	check_skipped("local all,", "the database is missing");
	check_skipped("local all all", "the method is missing");
	check_skipped("host all all", "the address is missing");
	check_skipped("host all all 10.0.0.0/8", "the method is missing");
	check_skipped("local all all whatever", "method \"whatever\" is not supported");
	check_skipped("local all all ident", "method \"ident\"");
	check_skipped("host all all all gss", "method \"gss\"");
	check_skipped("local all all TRUST", "method");
	check_skipped("local all all trust map=x", "option \"map\" is not supported");
	check_skipped("hostssl all all all scram-sha-256 clientcert=verify-full", "option");
	check_skipped("local all all peer map=a,b", "option");
	check_skipped("local all +group trust", "groups (+group)");
	check_skipped("local +group all trust", "groups");
	check_skipped("local all /^a trust", "regular expressions");
	check_skipped("local samerole all trust", "samerole is not supported");
	check_skipped("local samegroup all trust", "samegroup is not supported");
	check_skipped("host all all samehost trust", "samehost is not supported");
	check_skipped("host all all samenet trust", "samenet is not supported");
	check_skipped("host all all \"all\" trust", "is no address");
	check_skipped("host all all db.example.com trust", "host names are not supported");
	check_skipped("host all all .example.com trust", "host names are not supported");
	check_skipped("host all all 10.0.0.1 trust", "needs a mask");
	check_skipped("host all all 10.0.0.1 ffff:: trust", "needs a mask");
	check_skipped("host all all 10.0.0.0/33 trust", "wrong number of bits");
	check_skipped("host all all ::/129 trust", "wrong number of bits");
	check_skipped("host all all 10.0.0.0/ trust", "wrong number of bits");
	check_skipped("host all all 10.0.0.0/8x trust", "wrong number of bits");
	check_skipped("host all all 10.0.0.0/-1 trust", "wrong number of bits");
	check_skipped("host all all 10.0.0.0/8/8 trust", "wrong number of bits");
	check_skipped("host all all 10.1.0.0/8 trust", "bits outside of its mask");
	check_skipped("host all all 10.0.0.1 255.255.255.0 trust", "bits outside of its mask");
	check_skipped("host all all fe80::1%eth0/128 trust", "is no address");
	check_skipped("local all \"all trust", "a quote is missing");
	check_skipped("local \"\" all", "the method is missing");
}
END_TEST

START_TEST(test_a_wrong_line_costs_only_itself)
{
	read_text("local all all nonsense\nlocal \"x all trust\nlocal all all trust");
	ck_assert_uint_eq(hba.count, 1);
	ck_assert_uint_eq(hba.rules[0].line, 3);
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":1: "));
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":2: "));
}
END_TEST

START_TEST(test_lines_are_joined_by_a_backslash)
{
	read_text("local all \\\n  alice \\\r\n trust\nlocal all b\\\nob md5\n");
	ck_assert_str_eq(text_string(&warnings), "");
	ck_assert_uint_eq(line_of("a", "alice", NULL), 1);
	ck_assert_uint_eq(line_of("a", "bob", NULL), 4);
	read_text("# a comment \\\nlocal all all trust\n");
	ck_assert_uint_eq(line_of("a", "alice", NULL), 2);
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), ":1: PostgreSQL takes the next line"));
	check_skipped("local all all nonsense\\", "method");
}
END_TEST

START_TEST(test_bytes_that_belong_in_no_file)
{
	read_n("local all a\0b trust\nlocal x y trust", 35);
	ck_assert_uint_eq(hba.count, 1);
	ck_assert_ptr_nonnull(strstr(text_string(&warnings), "a NUL byte"));
	read_text("local\tall\v\fall\rtrust\r\n");
	ck_assert_uint_eq(line_of("x", "y", NULL), 1);
	read_text("local all all trust#comment\nlocal all all#trust");
	ck_assert_uint_eq(hba.count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hba");
	TCase *tc = tcase_create("hba");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, test_first_line_that_matches_counts);
	tcase_add_test(tc, test_nobody_comes_in_without_a_line);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_physical_replication_is_only_what_the_keyword_says);
	tcase_add_test(tc, test_names_from_files);
	tcase_add_test(tc, test_addresses);
	tcase_add_test(tc, test_tls_and_not);
	tcase_add_test(tc, test_methods_and_maps);
	tcase_add_test(tc, test_lines_that_cannot_be_met_refuse);
	tcase_add_test(tc, test_lines_with_ldap_have_their_options);
	tcase_add_test(tc, test_lines_that_are_wrong_are_told_and_skipped);
	tcase_add_test(tc, test_a_wrong_line_costs_only_itself);
	tcase_add_test(tc, test_lines_are_joined_by_a_backslash);
	tcase_add_test(tc, test_bytes_that_belong_in_no_file);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
