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

/* Copies a word without its backslashes (pg_split_opts); false if it does not fit. */
static bool copy_word(const char **at, char *buffer, size_t size)
{
	const char *p = *at;
	size_t len = 0;

	while (*p != '\0' && !is_space(*p)) {
		if (*p == '\\' && *++p == '\0')
			break;
		if (len + 1 >= size)
			return false;
		buffer[len++] = *p++;
	}
	buffer[len] = '\0';
	*at = p;
	return true;
}

enum startup_option startup_option_next(const char **at, char *buffer, size_t size,
					const char **name, const char **value)
{
	const char *p = skip_spaces(*at);
	char *equals;
	char *c;

	if (*p == '\0')
		return OPTION_END;
	if (p[0] == '-' && p[1] == 'c')
		p = skip_spaces(p + 2);
	else if (p[0] == '-' && p[1] == '-')
		p += 2;
	else
		return OPTION_BAD;
	if (size == 0 || !copy_word(&p, buffer, size))
		return OPTION_BAD;
	equals = strchr(buffer, '=');
	if (equals == NULL || equals == buffer)
		return OPTION_BAD;
	*equals = '\0';
	for (c = buffer; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
	}
	*name = buffer;
	*value = equals + 1;
	*at = p;
	return OPTION_SET;
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
