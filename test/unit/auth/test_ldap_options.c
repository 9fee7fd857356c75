/* SPDX-License-Identifier: ISC */
#include "auth/ldap_options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct ldap_options options;
static struct text words, out;
static char why[200];

static void teardown(void)
{
	ldap_options_done(&options);
	text_done(&words);
	text_done(&out);
}

/* Reads a line of options; false with `why`. */
static bool read_line(const char *line)
{
	teardown();
	return ldap_words(line, &words, why, sizeof(why)) &&
	       ldap_options_read(&options, text_string(&words), why, sizeof(why));
}

static void check_refused(const char *line, const char *reason)
{
	ck_assert_msg(!read_line(line), "taken: %s", line);
	ck_assert_msg(strstr(why, reason) != NULL, "%s: %s", line, why);
}

static const char *bind_name(const char *user)
{
	text_clear(&out);
	ldap_bind_name(&options, user, &out);
	return text_string(&out);
}

static const char *filter(const char *user)
{
	text_clear(&out);
	ldap_search_filter(&options, user, &out);
	return text_string(&out);
}

START_TEST(test_options_are_read_as_postgres_reads_them)
{
	ck_assert(read_line("ldapserver=\"a b\" ldapport=1389 ldapprefix=\"cn=\" ldaptls=1 "
			    "ldapsuffix=\", dc=example, dc=net\""));
	ck_assert_str_eq(options.server, "a b");
	ck_assert_int_eq(options.port, 1389);
	ck_assert(options.tls && !options.ldaps && !ldap_options_search(&options));
	ck_assert_str_eq(options.suffix, ", dc=example, dc=net");
	ck_assert(read_line("ldapserver=a ldapscheme=ldaps ldapbasedn=\"dc=x\" ldapbinddn=\"cn=b\" "
			    "ldapbindpasswd=\"a=b\" ldapsearchfilter=\"(uid=$username)\""));
	ck_assert(options.ldaps && ldap_options_search(&options));
	ck_assert_str_eq(options.bindpasswd, "a=b");
	ck_assert_int_eq(options.scope, 2);
	ck_assert(read_line("ldapserver=a,ldapprefix=b , ldapsuffix=c"));
	ck_assert_str_eq(options.suffix, "c");
	/* The servers are found by DNS. */
	ck_assert(read_line("ldapbasedn=\"dc=example,dc=net\""));
	ck_assert_ptr_null(options.server);
}
END_TEST

#ifdef HAVE_LDAP
START_TEST(test_a_url_says_all_at_once)
{
	ck_assert(read_line("ldapurl=\"ldaps://h:1636/dc=a,dc=b?mail?one\""));
	ck_assert_str_eq(options.server, "h");
	ck_assert_str_eq(options.basedn, "dc=a,dc=b");
	ck_assert_str_eq(options.searchattribute, "mail");
	ck_assert_int_eq(options.port, 1636);
	ck_assert_int_eq(options.scope, 1);
	ck_assert(options.ldaps);
	ck_assert(read_line("ldapurl=\"ldap://h/dc=a??sub?(cn=$username)\""));
	ck_assert_str_eq(options.searchfilter, "(cn=$username)");
	ck_assert(read_line("ldapurl=\"ldap://h/?cn?sub\""));
	ck_assert(ldap_options_search(&options));
	ck_assert_str_eq(options.basedn, "");
	check_refused("ldapurl=\"ldapi://h/dc=a\"", "wrong value of ldapurl");
	check_refused("ldapurl=\"http://h/\"", "wrong value of ldapurl");
}
END_TEST
#endif

START_TEST(test_what_makes_no_sense_is_refused)
{
	check_refused("", "ldapbasedn, ldapprefix or ldapsuffix is needed");
	check_refused("ldapserver=a", "ldapbasedn, ldapprefix or ldapsuffix is needed");
	check_refused("ldapprefix=a", "ldapserver is needed");
	check_refused("ldapserver=\" \" ldapprefix=a", "ldapserver is needed");
	check_refused("ldapserver=\" \" ldapbasedn=a", "ldapserver is needed");
	check_refused("ldapserver=a ldapprefix=\"cn=\" ldapbasedn=x", "do not go together");
	check_refused("ldapserver=a ldapsuffix=b ldapbinddn=x", "do not go together");
	check_refused("ldapserver=a ldapbasedn=b ldapsearchattribute=c ldapsearchfilter=d",
		      "exclude each other");
	check_refused("ldapserver=a ldapprefix=b ldapscheme=ldaps ldaptls=1", "ldaptls is for");
	check_refused("ldapserver=a ldapprefix=b ldapport=0", "wrong value of ldapport");
	check_refused("ldapserver=a ldapprefix=b ldapport=+5", "wrong value of ldapport");
	check_refused("ldapserver=a ldapprefix=b ldapport=65536", "wrong value of ldapport");
	check_refused("ldapserver=a ldapprefix=b ldaptls=yes", "wrong value of ldaptls");
	check_refused("ldapserver=a ldapprefix=b ldapscheme=ldapi", "wrong value of ldapscheme");
	check_refused("ldapserver=a ldapprefix=b ldap=x", "unknown option \"ldap\"");
	check_refused("ldapserver", "key=value");
	check_refused("ldapserver=\"a", "a quote is missing");
}
END_TEST

static const char *uris(const char *line)
{
	text_clear(&out);
	ck_assert(read_line(line));
	ck_assert(ldap_uris(&options, options.server, &out));
	return text_string(&out);
}

START_TEST(test_servers_are_names_addresses_and_ports)
{
	ck_assert_str_eq(uris("ldapserver=\" a  b:99 \" ldapprefix=x"), "ldap://a:389 ldap://b:99");
	ck_assert_str_eq(uris("ldapserver=a ldapprefix=x ldapscheme=ldaps"), "ldaps://a:636");
	ck_assert_str_eq(uris("ldapserver=\"::1 [::1] [::1]:9\" ldapprefix=x ldapport=7"),
			 "ldap://[::1]:7 ldap://[::1]:7 ldap://[::1]:9");
}
END_TEST

START_TEST(test_no_explanation_has_a_value_in_it)
{
	check_refused("ldapbindpasswd=hush", "");
	ck_assert_ptr_null(strstr(why, "hush"));
	check_refused("ldapport=hush", "");
	ck_assert_ptr_null(strstr(why, "hush"));
}
END_TEST

START_TEST(test_options_are_bounded)
{
	char *line = malloc(LDAP_OPTIONS_MAX + 2);

	memset(line, 'a', LDAP_OPTIONS_MAX + 1);
	line[LDAP_OPTIONS_MAX + 1] = '\0';
	check_refused(line, "longer than");
	free(line);
}
END_TEST

START_TEST(test_a_name_in_a_distinguished_name_is_one_value)
{
	ck_assert(read_line("ldapserver=a ldapprefix=\"cn=\" ldapsuffix=\",dc=x\""));
	ck_assert_str_eq(bind_name("alice"), "cn=alice,dc=x");
	ck_assert_str_eq(bind_name("a,ou=b"), "cn=a\\,ou\\=b,dc=x");
	ck_assert_str_eq(bind_name("a+b\"c\\d<e>f;g"), "cn=a\\+b\\\"c\\\\d\\<e\\>f\\;g,dc=x");
	ck_assert_str_eq(bind_name("#a#"), "cn=\\#a#,dc=x");
	ck_assert_str_eq(bind_name(" a b "), "cn=\\ a b\\ ,dc=x");
	ck_assert_str_eq(bind_name(" "), "cn=\\ ,dc=x");
	ck_assert_str_eq(bind_name("j\xc3\xb6rg"), "cn=j\xc3\xb6rg,dc=x");
}
END_TEST

START_TEST(test_names_of_a_domain_are_taken_as_they_are)
{
	ck_assert(read_line("ldapserver=a ldapsuffix=\"@example.net\""));
	ck_assert_str_eq(bind_name("alice+x"), "alice+x@example.net");
	ck_assert(read_line("ldapserver=a ldapprefix=\"DOMAIN\\\""));
	ck_assert_str_eq(bind_name("alice"), "DOMAIN\\alice");
}
END_TEST

START_TEST(test_a_name_in_a_filter_is_one_value)
{
	ck_assert(read_line("ldapserver=a ldapbasedn=b"));
	ck_assert_str_eq(filter("alice"), "(uid=alice)");
	ck_assert_str_eq(filter("*)(uid=\\"), "(uid=\\2a\\29\\28uid=\\5c)");
	ck_assert(read_line("ldapserver=a ldapbasedn=b ldapsearchattribute=cn"));
	ck_assert_str_eq(filter("alice"), "(cn=alice)");
	ck_assert(read_line("ldapserver=a ldapbasedn=b "
			    "ldapsearchfilter=\"(|(uid=$username)(mail=$username)(x=$user))\""));
	ck_assert_str_eq(filter("a*"), "(|(uid=a\\2a)(mail=a\\2a)(x=$user))");
	/* What a name says is not read again. */
	ck_assert_str_eq(filter("$username"), "(|(uid=$username)(mail=$username)(x=$user))");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ldap_options");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, test_options_are_read_as_postgres_reads_them);
#ifdef HAVE_LDAP
	tcase_add_test(tcase, test_a_url_says_all_at_once);
#endif
	tcase_add_test(tcase, test_what_makes_no_sense_is_refused);
	tcase_add_test(tcase, test_servers_are_names_addresses_and_ports);
	tcase_add_test(tcase, test_no_explanation_has_a_value_in_it);
	tcase_add_test(tcase, test_options_are_bounded);
	tcase_add_test(tcase, test_a_name_in_a_distinguished_name_is_one_value);
	tcase_add_test(tcase, test_names_of_a_domain_are_taken_as_they_are);
	tcase_add_test(tcase, test_a_name_in_a_filter_is_one_value);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
