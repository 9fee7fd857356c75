/* SPDX-License-Identifier: ISC */
/* The first packet of a connection, and what it asks for (PostgreSQL: backend_startup.c). */
#include "proto/startup.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "proto/compose.h"

#define REQUEST_MAJOR 1234u
#define REQUEST_CANCEL 5678u
#define REQUEST_SSL 5679u
#define REQUEST_GSS 5680u

/* First byte of a TLS record that carries a handshake. */
#define TLS_HANDSHAKE 0x16u

static enum startup_kind bad(struct startup *startup, const char *why)
{
	startup->why = why;
	return STARTUP_BAD;
}

static enum startup_kind read_cancel(const uint8_t *p, struct startup *startup)
{
	if (startup->len < 12 + CANCEL_KEY_SHORT || startup->len > 12 + CANCEL_KEY_MAX)
		return bad(startup, "invalid length of cancel request packet");
	startup->pid = be32_get(p + 8);
	startup->key = p + 12;
	startup->key_len = startup->len - 12;
	return STARTUP_CANCEL;
}

/* Names and values in turn, and one NUL as the very last byte. */
static enum startup_kind read_login(const uint8_t *p, struct startup *startup)
{
	const uint8_t *at = p + 8;
	const uint8_t *end = p + startup->len;
	int strings = 0;

	startup->params = (const char *)at;
	while (at < end && *at != 0) {
		for (strings = 0; strings < 2 && at != NULL && at < end; strings++) {
			at = memchr(at, 0, (size_t)(end - at));
			if (at != NULL)
				at++;
		}
		if (at == NULL || strings != 2)
			break;
	}
	if (at == NULL || at != end - 1)
		return bad(startup,
			   "invalid startup packet layout: expected terminator as last byte");
	startup->params_end = (const char *)at;
	return STARTUP_LOGIN;
}

enum startup_kind startup_read(const uint8_t *p, size_t avail, struct startup *startup)
{
	memset(startup, 0, sizeof(*startup));
	if (avail >= 1 && p[0] == TLS_HANDSHAKE)
		return STARTUP_TLS;
	if (avail < 4)
		return STARTUP_SHORT;
	startup->len = be32_get(p);
	if (startup->len < 8 || startup->len > STARTUP_MAX)
		return bad(startup, "invalid length of startup packet");
	if (avail < startup->len)
		return STARTUP_SHORT;
	startup->major = be16_get(p + 4);
	startup->minor = be16_get(p + 6);
	if (startup->major == REQUEST_MAJOR) {
		if (startup->minor == REQUEST_CANCEL)
			return read_cancel(p, startup);
		if (startup->minor == REQUEST_SSL || startup->minor == REQUEST_GSS) {
			if (startup->len != 8)
				return bad(startup, "invalid length of startup packet");
			return startup->minor == REQUEST_SSL ? STARTUP_SSL : STARTUP_GSS;
		}
	}
	if (startup->major == 2)
		return STARTUP_V2;
	if (startup->major != 3)
		return STARTUP_VERSION;
	return read_login(p, startup);
}

bool startup_next(const struct startup *startup, const char **at, const char **name,
		  const char **value)
{
	if (*at >= startup->params_end)
		return false;
	*name = *at;
	*value = *name + strlen(*name) + 1;
	*at = *value + strlen(*value) + 1;
	return true;
}

const char *startup_find(const struct startup *startup, const char *name)
{
	const char *at = startup->params;
	const char *found = NULL;
	const char *param;
	const char *value;

	while (startup_next(startup, &at, &param, &value)) {
		if (strcmp(param, name) == 0)
			found = value;
	}
	return found;
}

uint16_t startup_minor(const struct startup *startup)
{
	return startup->minor < PROTOCOL_MINOR ? startup->minor : PROTOCOL_MINOR;
}

bool startup_is_protocol_option(const char *name)
{
	return strncmp(name, "_pq_.", 5) == 0;
}

bool startup_negotiate(const struct startup *startup, struct writer *writer)
{
	const char *at = startup->params;
	const char *name;
	const char *value;
	uint32_t count = 0;

	while (startup_next(startup, &at, &name, &value))
		count += startup_is_protocol_option(name);
	if (count == 0 && startup->minor <= PROTOCOL_MINOR)
		return true;
	writer_begin(writer, MSG_NEGOTIATE_PROTOCOL_VERSION);
	writer_u32(writer, 3u << 16 | startup_minor(startup));
	writer_u32(writer, count);
	at = startup->params;
	while (startup_next(startup, &at, &name, &value)) {
		if (startup_is_protocol_option(name))
			writer_cstring(writer, name);
	}
	return writer_end(writer);
}

/* isspace() of the C locale, whatever the locale. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_spaces(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* Copies a word without its backslashes (pg_split_opts); false if there is none, or no room. */
static bool take_word(struct startup_options *options)
{
	const char *p = skip_spaces(options->at);
	size_t len = 0;

	options->rest = options->word;
	if (*p == '\0')
		return false;
	while (*p != '\0' && !is_space(*p)) {
		if (*p == '\\' && *++p == '\0')
			break;
		if (len + 1 >= options->size)
			return false;
		options->word[len++] = *p++;
	}
	options->word[len] = '\0';
	options->at = p;
	return true;
}

/*
 * The switches of a backend that mean a setting (PostgreSQL: process_postgres_switches).  Those
 * with a value take it from the rest of the word, or from the next one.
 */
static const struct {
	char letter;
	const char *name;
	const char *value; /* NULL: the argument */
} switches[] = {
	{ 'B', "shared_buffers", NULL },
	{ 'd', "log_min_messages", NULL },
	{ 'e', "datestyle", "euro" },
	{ 'F', "fsync", "false" },
	{ 'h', "listen_addresses", NULL },
	{ 'i', "listen_addresses", "*" },
	{ 'k', "unix_socket_directories", NULL },
	{ 'l', "ssl", "true" },
	{ 'N', "max_connections", NULL },
	{ 'O', "allow_system_table_mods", "true" },
	{ 'P', "ignore_system_indexes", "true" },
	{ 'p', "port", NULL },
	{ 'S', "work_mem", NULL },
	{ 's', "log_statement_stats", "true" },
	{ 'W', "post_auth_delay", NULL },
};

/* -f and -t take a word that says which setting it is. */
static const struct {
	char letter;
	const char *word;
	const char *name;
	const char *value;
} choices[] = {
	{ 'f', "s", "enable_seqscan", "false" },       { 'f', "i", "enable_indexscan", "false" },
	{ 'f', "o", "enable_indexonlyscan", "false" }, { 'f', "b", "enable_bitmapscan", "false" },
	{ 'f', "t", "enable_tidscan", "false" },       { 'f', "n", "enable_nestloop", "false" },
	{ 'f', "m", "enable_mergejoin", "false" },     { 'f', "h", "enable_hashjoin", "false" },
	{ 't', "pa", "log_parser_stats", "true" },     { 't', "pl", "log_planner_stats", "true" },
	{ 't', "e", "log_executor_stats", "true" },
};

static enum startup_option read_pair(char *pair, const char **name, const char **value)
{
	char *equals = strchr(pair, '=');

	*name = pair;
	if (equals == NULL)
		return OPTION_LACKS_VALUE;
	*equals = '\0';
	for (char *c = pair; *c != '\0'; c++)
		if (*c == '-')
			*c = '_';
	*value = equals + 1;
	return OPTION_SET;
}

/* The argument of a switch: what is left of its word, or the next word. */
static bool take_argument(struct startup_options *options)
{
	return *options->rest != '\0' || take_word(options);
}

static enum startup_option read_choice(struct startup_options *options, char letter,
				       const char **name, const char **value)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].letter != letter || strcmp(choices[i].word, options->rest) != 0)
			continue;
		*name = choices[i].name;
		*value = choices[i].value;
		options->rest += strlen(options->rest);
		return OPTION_SET;
	}
	return OPTION_BAD;
}

static enum startup_option read_switch(struct startup_options *options, const char **name,
				       const char **value)
{
	char letter = *options->rest++;

	if (letter == 'c' || letter == '-' || letter == 'f' || letter == 't') {
		enum startup_option option;

		if (letter == '-' ? *options->rest == '\0' : !take_argument(options))
			return OPTION_BAD;
		if (letter == 'f' || letter == 't')
			return read_choice(options, letter, name, value);
		option = read_pair(options->rest, name, value);
		options->rest += strlen(options->rest) + (option == OPTION_SET);
		options->rest += strlen(options->rest);
		return option;
	}
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (switches[i].letter != letter)
			continue;
		*name = switches[i].name;
		*value = switches[i].value;
		if (*value == NULL) {
			if (!take_argument(options))
				return OPTION_BAD;
			*value = options->rest;
			options->rest += strlen(options->rest);
		}
		return OPTION_SET;
	}
	return OPTION_BAD;
}

void startup_options_begin(struct startup_options *options, const char *text, char *word,
			   size_t size)
{
	options->at = text;
	options->word = options->rest = word;
	options->size = size;
	word[0] = '\0';
}

enum startup_option startup_options_next(struct startup_options *options, const char **name,
					 const char **value)
{
	enum startup_option option = OPTION_BAD;

	if (*options->rest == '\0') {
		if (*skip_spaces(options->at) == '\0')
			return OPTION_END;
		*name = options->word;
		if (!take_word(options) || options->word[0] != '-' || options->word[1] == '\0')
			return OPTION_BAD;
		options->rest = options->word + 1;
	}
	option = read_switch(options, name, value);
	if (option == OPTION_BAD)
		*name = options->word;
	return option;
}

/* Whether `value` is `word` or an abbreviation of at least `least` characters, in any case. */
static bool abbreviates(const char *value, const char *word, size_t least)
{
	size_t len = strlen(value);

	return len >= least && len <= strlen(word) && strncasecmp(value, word, len) == 0;
}

enum replication startup_replication(const char *value)
{
	if (value == NULL)
		return REPLICATION_NONE;
	if (strcmp(value, "database") == 0)
		return REPLICATION_LOGICAL;
	if (abbreviates(value, "true", 1) || abbreviates(value, "yes", 1) ||
	    abbreviates(value, "on", 2) || strcmp(value, "1") == 0)
		return REPLICATION_PHYSICAL;
	if (abbreviates(value, "false", 1) || abbreviates(value, "no", 1) ||
	    abbreviates(value, "off", 2) || strcmp(value, "0") == 0)
		return REPLICATION_NONE;
	return REPLICATION_BAD;
}

const char *replication_name(uint8_t replication)
{
	static const char *const names[] = { "none", "physical", "logical" };

	return names[replication];
}

const char *replication_value(uint8_t replication)
{
	static const char *const values[] = { "no", "yes", "database" };

	return values[replication];
}
