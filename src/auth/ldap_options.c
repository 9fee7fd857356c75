/* SPDX-License-Identifier: ISC */
/* How a directory is asked: options of the method ldap, and names in what it is told. */
#include "auth/ldap_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/tokens.h"
#include "base/mem.h"
#ifdef HAVE_LDAP
#include <ldap.h>
#endif

/* Of libldap: the whole tree, the usual ports. */
#define SCOPE_SUBTREE 2
#define PORT_LDAP 389
#define PORT_LDAPS 636

static bool fail(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return false;
}

/* ---- words ---- */

bool ldap_words(const char *options, struct text *words, char *why, size_t size)
{
	struct tokens tokens;
	enum token token = TOKEN_END;
	bool ok = strlen(options) <= LDAP_OPTIONS_MAX;

	if (!ok)
		fail(why, size, "longer than 1023 bytes");
	tokens_init(&tokens, options, strlen(options));
	while (ok && tokens_line(&tokens))
		while (ok && (token = tokens_next(&tokens)) != TOKEN_END) {
			ok = token != TOKEN_BAD || fail(why, size, tokens.why);
			if (ok && token != TOKEN_COMMA) {
				text_add(words, text_string(&tokens.text));
				text_add_char(words, '\n');
			}
		}
	tokens_done(&tokens);
	return ok;
}

/* ---- options ---- */

static void set_string(char **field, const char *value)
{
	mem_free_secret(*field);
	*field = *value != '\0' ? mem_string(value) : NULL;
}

static bool read_port(const char *value, int *port)
{
	char *end;
	long number = strtol(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != '\0' || number < 1 || number > 65535)
		return false;
	*port = (int)number;
	return true;
}

static bool read_scheme(struct ldap_options *options, const char *value)
{
	options->ldaps = strcmp(value, "ldaps") == 0;
	return options->ldaps || strcmp(value, "ldap") == 0;
}

static bool read_tls(struct ldap_options *options, const char *value)
{
	options->tls = strcmp(value, "1") == 0;
	return options->tls || strcmp(value, "0") == 0;
}

#ifdef HAVE_LDAP
static bool read_url(struct ldap_options *options, const char *value)
{
	LDAPURLDesc *url;
	bool ok;

	if (ldap_url_parse(value, &url) != LDAP_SUCCESS)
		return false;
	ok = read_scheme(options, url->lud_scheme);
	set_string(&options->server, url->lud_host != NULL ? url->lud_host : "");
	options->port = url->lud_port;
	/* Also the root, which is the empty name. */
	mem_free_secret(options->basedn);
	options->basedn = mem_string(url->lud_dn != NULL ? url->lud_dn : "");
	if (url->lud_attrs != NULL && url->lud_attrs[0] != NULL)
		set_string(&options->searchattribute, url->lud_attrs[0]);
	if (url->lud_filter != NULL)
		set_string(&options->searchfilter, url->lud_filter);
	if (url->lud_scope != LDAP_SCOPE_DEFAULT)
		options->scope = url->lud_scope;
	ldap_free_urldesc(url);
	return ok;
}
#else
static bool read_url(struct ldap_options *options, const char *value)
{
	(void)options;
	(void)value;
	return false;
}
#endif

#define STRING(name)                                                                               \
	{                                                                                          \
		"ldap" #name, offsetof(struct ldap_options, name)                                  \
	}
static const struct {
	const char *key;
	size_t field;
} strings[] = {
	STRING(server), STRING(prefix),	    STRING(suffix),	     STRING(basedn),
	STRING(binddn), STRING(bindpasswd), STRING(searchattribute), STRING(searchfilter),
};

/* What is not a string as it stands. */
static bool read_special(struct ldap_options *options, const char *key, const char *value,
			 bool *known)
{
	*known = true;
	if (strcmp(key, "ldapport") == 0)
		return read_port(value, &options->port);
	if (strcmp(key, "ldapscheme") == 0)
		return read_scheme(options, value);
	if (strcmp(key, "ldaptls") == 0)
		return read_tls(options, value);
	if (strcmp(key, "ldapurl") == 0)
		return read_url(options, value);
	*known = false;
	return false;
}

static bool read_pair(struct ldap_options *options, const char *key, const char *value, char *why,
		      size_t size)
{
	bool known;

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (strcmp(key, strings[i].key) == 0) {
			set_string((char **)(void *)((char *)options + strings[i].field), value);
			return true;
		}
	if (read_special(options, key, value, &known))
		return true;
	snprintf(why, size, known ? "wrong value of %.60s" : "unknown option \"%.60s\"", key);
	return false;
}

static bool is_blank(const char *names)
{
	return names[strspn(names, " ")] == '\0';
}

static bool check(const struct ldap_options *options, char *why, size_t size)
{
	bool search = options->basedn != NULL || options->binddn != NULL ||
		      options->bindpasswd != NULL || options->searchattribute != NULL ||
		      options->searchfilter != NULL;

	if (options->basedn == NULL && options->prefix == NULL && options->suffix == NULL)
		return fail(why, size, "ldapbasedn, ldapprefix or ldapsuffix is needed");
	if (search && (options->prefix != NULL || options->suffix != NULL))
		return fail(why, size,
			    "ldapprefix and ldapsuffix do not go together with ldapbasedn, "
			    "ldapbinddn, ldapbindpasswd, ldapsearchattribute, ldapsearchfilter "
			    "or ldapurl");
	if (options->searchattribute != NULL && options->searchfilter != NULL)
		return fail(why, size,
			    "ldapsearchattribute and ldapsearchfilter exclude each other");
	if (options->server != NULL ? is_blank(options->server) : options->basedn == NULL)
		return fail(why, size, "ldapserver is needed");
	if (options->ldaps && options->tls)
		return fail(why, size, "ldaptls is for ldapscheme=ldap, not for ldaps");
	return true;
}

bool ldap_options_read(struct ldap_options *options, const char *words, char *why, size_t size)
{
	bool ok = true;

	memset(options, 0, sizeof(*options));
	options->scope = SCOPE_SUBTREE;
	while (ok && *words != '\0') {
		size_t len = strcspn(words, "\n");
		char *word = mem_string_n(words, len);
		char *equals = strchr(word, '=');

		words += words[len] != '\0' ? len + 1 : len;
		if (equals == NULL) {
			ok = fail(why, size, "an option is written key=value");
		} else {
			*equals = '\0';
			ok = read_pair(options, word, equals + 1, why, size);
			mem_wipe(equals + 1, strlen(equals + 1));
		}
		free(word);
	}
	return ok && check(options, why, size);
}

void ldap_options_done(struct ldap_options *options)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		mem_free_secret(*(char **)(void *)((char *)options + strings[i].field));
	memset(options, 0, sizeof(*options));
}

bool ldap_options_search(const struct ldap_options *options)
{
	return options->basedn != NULL;
}

/* ---- servers ---- */

/* An address of IPv6 that stands without brackets. */
static bool is_bare(const char *name)
{
	return name[0] != '[' && strchr(name, ':') != strrchr(name, ':');
}

static bool has_port(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL && strchr(colon, ']') == NULL && !is_bare(name);
}

bool ldap_uris(const struct ldap_options *options, const char *servers, struct text *uris)
{
	const char *scheme = options->ldaps ? "ldaps" : "ldap";
	int port = options->port != 0 ? options->port : options->ldaps ? PORT_LDAPS : PORT_LDAP;
	char *names = mem_string(servers != NULL ? servers : ""), *rest = NULL;

	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		text_printf(uris, is_bare(name) ? "%s%s://[%s]" : "%s%s://%s",
			    uris->len != 0 ? " " : "", scheme, name);
		if (!has_port(name))
			text_printf(uris, ":%d", port);
	}
	free(names);
	return uris->len != 0;
}

/* ---- names ---- */

static void escape_dn(const char *user, struct text *out)
{
	for (const char *p = user; *p != '\0'; p++) {
		bool at_edge = p == user || p[1] == '\0';

		if (strchr("\"+,;<=>\\", *p) != NULL || (*p == '#' && p == user) ||
		    (*p == ' ' && at_edge))
			text_add_char(out, '\\');
		text_add_char(out, *p);
	}
}

static void escape_filter(const char *user, struct text *out)
{
	for (const char *p = user; *p != '\0'; p++) {
		if (strchr("*()\\", *p) != NULL)
			text_printf(out, "\\%02x", (unsigned char)*p);
		else
			text_add_char(out, *p);
	}
}

void ldap_bind_name(const struct ldap_options *options, const char *user, struct text *out)
{
	const char *prefix = options->prefix != NULL ? options->prefix : "";
	const char *suffix = options->suffix != NULL ? options->suffix : "";

	text_add(out, prefix);
	/* "DOMAIN\" and "@domain" make no distinguished name. */
	if (strchr(prefix, '=') != NULL || strchr(suffix, '=') != NULL)
		escape_dn(user, out);
	else
		text_add(out, user);
	text_add(out, suffix);
}

void ldap_search_filter(const struct ldap_options *options, const char *user, struct text *out)
{
	static const char place[] = "$username";
	const char *p = options->searchfilter, *found;

	if (p == NULL) {
		text_printf(out, "(%s=",
			    options->searchattribute != NULL ? options->searchattribute : "uid");
		escape_filter(user, out);
		text_add_char(out, ')');
		return;
	}
	while ((found = strstr(p, place)) != NULL) {
		text_add_n(out, p, (size_t)(found - p));
		escape_filter(user, out);
		p = found + sizeof(place) - 1;
	}
	text_add(out, p);
}
