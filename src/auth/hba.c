/* SPDX-License-Identifier: ISC */
/*
 * The rules of auth_hba_file.
 *
 * A line that PostgreSQL would read as more than we can do (groups, host names, regular
 * expressions) is skipped with a warning, as PgBouncer does: it is never read as something else.
 */
#include "auth/hba.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/judge.h"
#include "auth/ldap_options.h"
#include "auth/tokens.h"
#include "base/mem.h"

/* @file within @file, as PostgreSQL. */
#define FILES_DEEP 10

/* What a line is read with. */
struct parse {
	struct tokens tokens;
	enum token token; /* the next one; its word in tokens.text */
	const char *file;
	const struct hba_reader *reader;
	char why[160];
};

static const char *word(const struct parse *parse)
{
	return text_string(&parse->tokens.text);
}

static void advance(struct parse *parse)
{
	parse->token = tokens_next(&parse->tokens);
}

static bool is_word(const struct parse *parse)
{
	return parse->token == TOKEN_WORD || parse->token == TOKEN_QUOTED;
}

static bool is_keyword(const struct parse *parse, const char *keyword)
{
	return parse->token == TOKEN_WORD && strcmp(word(parse), keyword) == 0;
}

static void warn(const struct parse *parse, const char *why)
{
	parse->reader->warn(parse->reader->arg, parse->file, parse->tokens.line, why);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct parse *parse, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(parse->why, sizeof(parse->why), fmt, ap);
	va_end(ap);
	return false;
}

static bool fail_missing(struct parse *parse, const char *what)
{
	if (parse->token == TOKEN_BAD)
		return fail(parse, "%s", parse->tokens.why);
	return fail(parse, "%s is missing", what);
}

/* ---- names ---- */

static void add_name(struct hba_names *names, const char *name)
{
	/* Powers of two: grown when the count is one. */
	if ((names->count & (names->count - 1)) == 0)
		names->names = mem_grow(names->names, (names->count != 0 ? names->count * 2 : 1) *
							      sizeof(*names->names));
	names->names[names->count++] = mem_string(name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct hba_names *names, const char *name)
{
	return names->count != 0 && bsearch(&name, names->names, names->count,
					    sizeof(*names->names), compare_names) != NULL;
}

static void free_names(struct hba_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
}

static bool read_name_file(struct parse *parse, struct hba_names *names, bool databases,
			   const char *name, unsigned depth);

/* Words without quotes that mean more than a name; false if this one is just that. */
static bool take_keyword(struct parse *parse, struct hba_names *names, bool databases)
{
	if (is_keyword(parse, "all"))
		names->all = true;
	else if (databases && is_keyword(parse, "sameuser"))
		names->same_user = true;
	else if (databases && is_keyword(parse, "replication"))
		names->replication = true;
	else
		return false;
	return true;
}

static bool is_supported(struct parse *parse, bool databases)
{
	if (parse->token != TOKEN_WORD)
		return true;
	if (word(parse)[0] == '+')
		return fail(parse, "groups (%s) are not supported", word(parse));
	if (word(parse)[0] == '/')
		return fail(parse, "regular expressions (%s) are not supported", word(parse));
	if (databases && (is_keyword(parse, "samerole") || is_keyword(parse, "samegroup")))
		return fail(parse, "%s is not supported", word(parse));
	return true;
}

static bool read_one_name(struct parse *parse, struct hba_names *names, bool databases,
			  unsigned depth)
{
	if (!is_supported(parse, databases))
		return false;
	if (take_keyword(parse, names, databases))
		return true;
	if (parse->token == TOKEN_WORD && word(parse)[0] == '@' && word(parse)[1] != '\0')
		return read_name_file(parse, names, databases, word(parse) + 1, depth);
	add_name(names, word(parse));
	return true;
}

/* Relative to the folder of the file that names it. */
static char *path_of(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	struct text path = { 0 };

	if (name[0] != '/' && slash != NULL)
		text_add_n(&path, file, (size_t)(slash - file) + 1);
	text_add(&path, name);
	return text_take(&path);
}

/* Names parted by blanks, commas and lines. */
static bool read_name_lines(struct parse *inner, struct hba_names *names, bool databases,
			    unsigned depth)
{
	while (tokens_line(&inner->tokens)) {
		for (advance(inner); inner->token != TOKEN_END; advance(inner)) {
			if (inner->token == TOKEN_COMMA)
				continue;
			if (!is_word(inner))
				return fail_missing(inner, "a name");
			if (!read_one_name(inner, names, databases, depth))
				return false;
		}
	}
	return true;
}

static bool read_name_file(struct parse *parse, struct hba_names *names, bool databases,
			   const char *name, unsigned depth)
{
	char *path = path_of(parse->file, name);
	struct parse inner = { .file = path, .reader = parse->reader };
	size_t len;
	char *data;
	bool ok;

	if (depth >= FILES_DEEP) {
		free(path);
		return fail(parse, "@%.80s: too many files in files", name);
	}
	data = parse->reader->read(parse->reader->arg, path, &len);
	if (data == NULL) {
		free(path);
		return fail(parse, "@%.80s cannot be read", name);
	}
	tokens_init(&inner.tokens, data, len);
	ok = read_name_lines(&inner, names, databases, depth + 1);
	if (!ok && inner.why[0] == '@') /* of a file further in */
		memcpy(parse->why, inner.why, sizeof(parse->why));
	else if (!ok)
		fail(parse, "@%.60s:%u: %.80s", name, inner.tokens.line, inner.why);
	tokens_done(&inner.tokens);
	free(data);
	free(path);
	return ok;
}

static bool read_names(struct parse *parse, struct hba_names *names, bool databases)
{
	const char *what = databases ? "the database" : "the user";

	for (;;) {
		if (!is_word(parse))
			return fail_missing(parse, what);
		if (!read_one_name(parse, names, databases, 0))
			return false;
		advance(parse);
		if (parse->token != TOKEN_COMMA)
			break;
		advance(parse);
	}
	if (names->count > 1)
		qsort(names->names, names->count, sizeof(*names->names), compare_names);
	return true;
}

/* ---- addresses ---- */

static size_t address_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

static bool read_bits(const char *s, unsigned max, unsigned *bits)
{
	*bits = 0;
	if (*s == '\0' || strlen(s) > 3)
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		*bits = *bits * 10 + (unsigned)(*s - '0');
	}
	return *bits <= max;
}

static void set_mask(uint8_t mask[16], unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80u >> i % 8);
}

static bool read_number(const char *s, int *family, uint8_t address[16])
{
	*family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(*family, s, address) == 1;
}

/* PgBouncer lets such a line match nothing, PostgreSQL the whole net: neither is what was meant. */
static bool check_mask(struct parse *parse, const struct hba_rule *rule)
{
	for (size_t i = 0; i < address_len(rule->family); i++)
		if ((rule->address[i] & ~rule->mask[i]) != 0)
			return fail(parse, "the address has bits outside of its mask");
	return true;
}

static bool read_mask(struct parse *parse, struct hba_rule *rule)
{
	int family;

	advance(parse);
	if (!is_word(parse) || !read_number(word(parse), &family, rule->mask) ||
	    family != rule->family)
		return fail(parse, "the address needs a mask (or /bits)");
	return true;
}

static bool read_address(struct parse *parse, struct hba_rule *rule)
{
	char number[64];
	char *slash;
	unsigned bits;

	if (!is_word(parse))
		return fail_missing(parse, "the address");
	if (is_keyword(parse, "all")) {
		advance(parse);
		return true;
	}
	if (is_keyword(parse, "samehost") || is_keyword(parse, "samenet"))
		return fail(parse, "%s is not supported", word(parse));
	snprintf(number, sizeof(number), "%s", word(parse));
	slash = strchr(number, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!read_number(number, &rule->family, rule->address))
		return fail(parse, "\"%.60s\" is no address (host names are not supported)",
			    word(parse));
	if (slash == NULL) {
		if (!read_mask(parse, rule))
			return false;
	} else if (!read_bits(slash + 1, rule->family == AF_INET ? 32 : 128, &bits)) {
		return fail(parse, "\"%.60s\": wrong number of bits", word(parse));
	} else {
		set_mask(rule->mask, bits);
	}
	advance(parse);
	return check_mask(parse, rule);
}

/* ---- lines ---- */

static bool read_type(struct parse *parse, struct hba_rule *rule)
{
	static const char *const names[] = {
		[HBA_LOCAL] = "local",
		[HBA_HOST] = "host",
		[HBA_HOSTSSL] = "hostssl",
		[HBA_HOSTNOSSL] = "hostnossl",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is_keyword(parse, names[i])) {
			rule->type = (enum hba_type)i;
			advance(parse);
			return true;
		}
	}
	if (!is_word(parse))
		return fail_missing(parse, "the type of connection");
	return fail(parse, "\"%.40s\" is not supported; known are local, host, hostssl, hostnossl",
		    word(parse));
}

static bool read_method(struct parse *parse, struct hba_rule *rule)
{
	if (!is_word(parse))
		return fail_missing(parse, "the method");
	if (!method_find(word(parse), METHOD_IN_HBA, &rule->method))
		return fail(parse,
			    "method \"%.40s\" is not supported; known are trust, reject, password, "
			    "md5, scram-sha-256, peer, cert, ldap",
			    word(parse));
	advance(parse);
	return true;
}

static bool takes_map(const struct hba_rule *rule)
{
	return rule->method == METHOD_PEER || rule->method == METHOD_CERT;
}

/* The option's name, without its value, which may be a secret. */
static bool fail_option(struct parse *parse)
{
	const char *option = is_word(parse) ? word(parse) : ",";

	return fail(parse, "option \"%.*s\" is not supported for this method",
		    (int)strcspn(option, "="), option);
}

/* Options that make no sense are told of; the line stands and refuses, as with PgBouncer. */
static void check_ldap_options(const struct parse *parse, struct hba_rule *rule)
{
	struct ldap_options options = { 0 };
	char why[120], text[200];
	bool ok = ldap_options_read(&options, rule->words, why, sizeof(why));

	ldap_options_done(&options);
	if (ok || !judge_is_built(METHOD_LDAP))
		return;
	snprintf(text, sizeof(text), "ldap: %s: whom this line matches is refused", why);
	warn(parse, text);
	mem_free_secret(rule->words);
	rule->words = mem_string("");
}

/* Between them may be commas, as PgBouncer allows. */
static bool read_ldap_options(struct parse *parse, struct hba_rule *rule)
{
	struct text words = { 0 };

	for (; is_word(parse) || parse->token == TOKEN_COMMA; advance(parse))
		if (is_word(parse)) {
			text_add(&words, word(parse));
			text_add_char(&words, '\n');
		}
	free(rule->words);
	rule->words = words.len != 0 ? text_take(&words) : mem_string("");
	if (parse->token == TOKEN_BAD)
		return fail(parse, "%s", parse->tokens.why);
	check_ldap_options(parse, rule);
	return true;
}

static bool read_options(struct parse *parse, struct hba_rule *rule)
{
	if (rule->method == METHOD_LDAP)
		return read_ldap_options(parse, rule);
	for (; parse->token != TOKEN_END; advance(parse)) {
		if (parse->token == TOKEN_BAD)
			return fail(parse, "%s", parse->tokens.why);
		if (!takes_map(rule) || !is_word(parse) || strncmp(word(parse), "map=", 4) != 0)
			return fail_option(parse);
		free(rule->map);
		rule->map = mem_string(word(parse) + 4);
	}
	return true;
}

static bool read_rule(struct parse *parse, struct hba_rule *rule)
{
	rule->line = parse->tokens.line;
	rule->map = mem_string("");
	rule->words = mem_string("");
	return read_type(parse, rule) && read_names(parse, &rule->databases, true) &&
	       read_names(parse, &rule->users, false) &&
	       (rule->type == HBA_LOCAL || read_address(parse, rule)) && read_method(parse, rule) &&
	       read_options(parse, rule);
}

static void free_rule(struct hba_rule *rule)
{
	free_names(&rule->databases);
	free_names(&rule->users);
	free(rule->map);
	mem_free_secret(rule->words);
}

/* The line stands, and lets nobody in. */
static void warn_of_effect(const struct parse *parse, const struct hba_rule *rule)
{
	if (rule->method == METHOD_PEER && rule->type != HBA_LOCAL)
		warn(parse, "peer needs a local line: whom this one matches is refused");
	if (rule->method == METHOD_LDAP && !judge_is_built(METHOD_LDAP))
		warn(parse, "ldap is not in this build: whom this line matches is refused");
	if (rule->method == METHOD_CERT && rule->type != HBA_HOSTSSL)
		warn(parse,
		     "cert needs a hostssl line: without TLS whom this one matches is refused");
}

static void add_rule(struct hba *hba, const struct hba_rule *rule)
{
	if ((hba->count & (hba->count - 1)) == 0)
		hba->rules = mem_grow(hba->rules,
				      (hba->count != 0 ? hba->count * 2 : 1) * sizeof(*hba->rules));
	hba->rules[hba->count++] = *rule;
}

void hba_read(struct hba *hba, const char *data, size_t len, const char *file,
	      const struct hba_reader *reader)
{
	struct parse parse = { .file = file, .reader = reader };

	tokens_init(&parse.tokens, data, len);
	while (tokens_line(&parse.tokens)) {
		struct hba_rule rule = { 0 };

		advance(&parse);
		if (parse.token == TOKEN_END) {
			; /* blank, or a comment */
		} else if (read_rule(&parse, &rule)) {
			warn_of_effect(&parse, &rule);
			add_rule(hba, &rule);
		} else {
			warn(&parse, parse.why);
			free_rule(&rule);
		}
		if (parse.tokens.swallows)
			warn(&parse, "PostgreSQL takes the next line for a part of this comment, "
				     "which ends with a backslash");
	}
	tokens_done(&parse.tokens);
}

void hba_done(struct hba *hba)
{
	for (size_t i = 0; i < hba->count; i++)
		free_rule(&hba->rules[i]);
	free(hba->rules);
	memset(hba, 0, sizeof(*hba));
}

/* ---- who comes ---- */

static bool type_matches(const struct hba_rule *rule, const struct hba_client *client)
{
	if ((client->family == AF_UNIX) != (rule->type == HBA_LOCAL))
		return false;
	return !(rule->type == HBA_HOSTSSL && !client->tls) &&
	       !(rule->type == HBA_HOSTNOSSL && client->tls);
}

static bool address_matches(const struct hba_rule *rule, const struct hba_client *client)
{
	if (client->family == AF_UNIX || rule->family == AF_UNSPEC)
		return true;
	if (client->family != rule->family)
		return false;
	for (size_t i = 0; i < address_len(rule->family); i++)
		if ((client->address[i] & rule->mask[i]) != rule->address[i])
			return false;
	return true;
}

/* Physical replication belongs to no database: only the keyword is about it. */
static bool database_matches(const struct hba_names *names, const struct hba_client *client)
{
	if (client->physical)
		return names->replication;
	return names->all || (names->same_user && strcmp(client->database, client->user) == 0) ||
	       has_name(names, client->database);
}

const struct hba_rule *hba_match(const struct hba *hba, const struct hba_client *client)
{
	for (size_t i = 0; i < hba->count; i++) {
		const struct hba_rule *rule = &hba->rules[i];

		if (type_matches(rule, client) && address_matches(rule, client) &&
		    database_matches(&rule->databases, client) &&
		    (rule->users.all || has_name(&rule->users, client->user)))
			return rule;
	}
	return NULL;
}
