/* SPDX-License-Identifier: ISC */
/* The key=value pairs of an entry of [databases], [users] and [clusters]. */
#include "conf/connstr.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void connstr_init(struct connstr *connstr, const char *s, struct config_source *source)
{
	connstr->start = connstr->at = s;
	connstr->source = source;
}

static void skip_blanks(struct connstr *connstr)
{
	while (isspace((unsigned char)*connstr->at))
		connstr->at++;
}

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Positions, not text: what stands there may be a piece of a password. */
static enum connstr_result refuse(const struct connstr *connstr, const char *what, struct text *why)
{
	text_printf(why, "%s at byte %zu of the entry", what,
		    (size_t)(connstr->at - connstr->start) + 1);
	return CONNSTR_BAD;
}

static bool read_quoted(struct connstr *connstr, const char **value)
{
	struct text text = { 0 };
	const char *p;

	for (p = connstr->at + 1; *p != '\0'; p++) {
		if (*p == '\'' && *++p != '\'') {
			*value = source_string_n(connstr->source, text_string(&text), text.len);
			text_done(&text);
			connstr->at = p;
			return true;
		}
		text_add_char(&text, *p);
	}
	text_done(&text);
	return false;
}

enum connstr_result connstr_next(struct connstr *connstr, const char **key, const char **value,
				 struct text *why)
{
	const char *start;

	skip_blanks(connstr);
	if (*connstr->at == '\0')
		return CONNSTR_END;
	start = connstr->at;
	while (is_key_char(*connstr->at))
		connstr->at++;
	if (connstr->at == start)
		return refuse(connstr,
			      *start == ';' || *start == '#'
				      ? "comments stand on lines of their own, not"
				      : "a key=value pair is expected",
			      why);
	*key = source_string_n(connstr->source, start, (size_t)(connstr->at - start));
	skip_blanks(connstr);
	if (*connstr->at != '=')
		return refuse(connstr, "'=' is missing (values with blanks need single quotes)",
			      why);
	connstr->at++;
	skip_blanks(connstr);

	if (*connstr->at == '\'') {
		if (!read_quoted(connstr, value))
			return refuse(connstr, "a quote without end", why);
		if (*connstr->at != '\0' && !isspace((unsigned char)*connstr->at))
			return refuse(connstr, "a blank is missing", why);
		return CONNSTR_PAIR;
	}
	start = connstr->at;
	while (*connstr->at != '\0' && !isspace((unsigned char)*connstr->at))
		connstr->at++;
	if (connstr->at == start)
		return refuse(connstr, "a value is missing", why);
	*value = source_string_n(connstr->source, start, (size_t)(connstr->at - start));
	return CONNSTR_PAIR;
}
