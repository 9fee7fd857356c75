/* SPDX-License-Identifier: ISC */
/*
 * Options of a directory, and names from hostile hands.  What is before the first NUL byte are the
 * options, what is behind it is the user: it must never be more than one value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ldap_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How often a character stands in a string and means itself there: no backslash before it. */
static unsigned bare(const char *s, char c)
{
	unsigned count = 0;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else
			count += *s == c;
	}
	return count;
}

static void check_dn(const char *user)
{
	struct ldap_options options = { .prefix = (char *)"cn=", .suffix = (char *)",dc=x" };
	struct text name = { 0 };

	ldap_bind_name(&options, user, &name);
	if (bare(text_string(&name), ',') != 1 || bare(text_string(&name), '=') != 2 ||
	    bare(text_string(&name), '+') != 0)
		abort();
	text_done(&name);
}

static void check_filter(const char *user)
{
	struct ldap_options options = { .basedn = (char *)"dc=x" };
	struct text filter = { 0 };

	ldap_search_filter(&options, user, &filter);
	if (strchr(text_string(&filter) + 1, '(') != NULL ||
	    strchr(text_string(&filter), ')') != text_string(&filter) + filter.len - 1 ||
	    strchr(text_string(&filter), '*') != NULL)
		abort();
	text_done(&filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 2);
	const char *user;
	struct ldap_options options = { 0 };
	struct text words = { 0 }, out = { 0 };
	char why[200];

	memcpy(line, data, size);
	line[size] = line[size + 1] = '\0';
	user = line + strlen(line) + 1 <= line + size ? line + strlen(line) + 1 : "alice";
	check_dn(user);
	check_filter(user);
	if (ldap_words(line, &words, why, sizeof(why)) &&
	    ldap_options_read(&options, text_string(&words), why, sizeof(why))) {
		ldap_bind_name(&options, user, &out);
		ldap_search_filter(&options, user, &out);
		if (!ldap_options_search(&options) && options.server == NULL)
			abort();
	}
	ldap_options_done(&options);
	text_done(&words);
	text_done(&out);
	free(line);
	return 0;
}
