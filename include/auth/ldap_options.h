/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_LDAP_OPTIONS_H
#define PGWEIR_AUTH_LDAP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Options longer than this, all in all, are refused: as many as PgBouncer takes. */
#define LDAP_OPTIONS_MAX 1023u

/* How a directory is asked: PostgreSQL's options of the method ldap.  Strings not given are NULL. */
struct ldap_options {
	char *server; /* names, separated by blanks; NULL: found by DNS from the base */
	int port;     /* 0: the scheme's */
	bool ldaps;
	bool tls; /* StartTLS */

	/* The name is put between these two and binds; or it is searched for below `basedn`. */
	char *prefix;
	char *suffix;
	char *basedn;
	char *binddn;
	char *bindpasswd;
	char *searchattribute;
	char *searchfilter;
	int scope; /* as in libldap; of a URL */
};

/*
 * A line of options (auth_ldap_options) as words: `key=value`, a word a line, quotes taken off;
 * between them are blanks or commas.  This is how options travel; false, with an explanation, if
 * it is too long or a quote is missing.
 */
bool ldap_words(const char *options, struct text *words, char *why, size_t size);

/*
 * Reads words; what they say together is checked as PostgreSQL does.  An explanation names options
 * and never has a value in it.  Done it in any case.
 */
bool ldap_options_read(struct ldap_options *options, const char *words, char *why, size_t size);

/* Wipes and frees. */
void ldap_options_done(struct ldap_options *options);

/* Whether the user is searched for, else the name binds. */
bool ldap_options_search(const struct ldap_options *options);

/*
 * The URIs of servers, separated by blanks, from a list of names: what DNS said, or the option.
 * False: there is no name in it, or no list.
 */
bool ldap_uris(const struct ldap_options *options, const char *servers, struct text *uris);

/* ---- names in what the directory is told ---- */

/*
 * The name as which a user binds: between prefix and suffix, escaped (RFC 4514) if these two make
 * it a distinguished name.
 */
void ldap_bind_name(const struct ldap_options *options, const char *user, struct text *out);

/* The filter that finds a user, whose name is escaped in it (RFC 4515). */
void ldap_search_filter(const struct ldap_options *options, const char *user, struct text *out);

#endif
