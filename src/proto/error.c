/* SPDX-License-Identifier: ISC */
/* Reads ErrorResponse and NoticeResponse. */
#include "proto/error.h"

#include <string.h>

#include "proto/message.h"

/* Five characters 0-9 A-Z, or nothing. */
static bool is_sqlstate(const char *s)
{
	size_t len = strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return s[len] == '\0' && (len == 5 || len == 0);
}

static const char **find_field(struct error_fields *fields, uint8_t type)
{
	switch (type) {
	case 'V':
		return &fields->severity;
	case 'C':
		return &fields->sqlstate;
	case 'M':
		return &fields->message;
	case 'D':
		return &fields->detail;
	case 'H':
		return &fields->hint;
	case 'R':
		return &fields->routine;
	default:
		return NULL;
	}
}

bool error_read(const uint8_t *body, size_t len, struct error_fields *fields)
{
	struct reader reader = reader_over(body, len);
	const char *translated = "";
	const char **field;
	const char *value;
	uint8_t type;

	*fields = (struct error_fields){ "", "", "", "", "", "" };
	while ((type = reader_u8(&reader)) != 0) {
		value = reader_cstring(&reader);
		field = find_field(fields, type);
		if (field != NULL)
			*field = value;
		else if (type == 'S')
			translated = value;
	}
	if (fields->severity[0] == '\0')
		fields->severity = translated;
	if (reader_is_done(&reader) && is_sqlstate(fields->sqlstate))
		return true;
	*fields = (struct error_fields){ "", "", "", "", "", "" };
	return false;
}

bool error_is(const struct error_fields *fields, const char *sqlstate)
{
	return strcmp(fields->sqlstate, sqlstate) == 0;
}

bool error_is_class(const struct error_fields *fields, const char *class)
{
	return strncmp(fields->sqlstate, class, 2) == 0;
}

bool error_is_fatal(const struct error_fields *fields)
{
	return strcmp(fields->severity, "FATAL") == 0 || strcmp(fields->severity, "PANIC") == 0;
}
