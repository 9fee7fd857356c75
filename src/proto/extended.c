/* SPDX-License-Identifier: ISC */
/* Reads bodies of the extended query protocol. */
#include "proto/extended.h"

#include <string.h>

/* A string and its length without NUL. */
static const char *read_name(struct reader *reader, uint32_t *len)
{
	const uint8_t *start = reader->p;
	const char *s = reader_cstring(reader);

	*len = reader->bad ? 0 : (uint32_t)(reader->p - start - 1);
	return s;
}

bool parse_read(const uint8_t *body, size_t len, struct parse_message *parse)
{
	struct reader reader = reader_over(body, len);

	parse->name = read_name(&reader, &parse->name_len);
	parse->query = read_name(&reader, &parse->query_len);
	parse->type_count = reader_u16(&reader);
	parse->types = reader_bytes(&reader, (size_t)parse->type_count * 4);
	return reader_is_done(&reader);
}

bool target_read(const uint8_t *body, size_t len, struct target_message *target)
{
	struct reader reader = reader_over(body, len);

	target->kind = (char)reader_u8(&reader);
	target->name = read_name(&reader, &target->name_len);
	return reader_is_done(&reader) && (target->kind == 'S' || target->kind == 'P');
}

bool execute_read(const uint8_t *body, size_t len, struct execute_message *execute)
{
	struct reader reader = reader_over(body, len);

	execute->portal = reader_cstring(&reader);
	execute->max_rows = reader_u32(&reader);
	return reader_is_done(&reader);
}

enum peek bind_read(const uint8_t *body, size_t avail, size_t len, struct bind_message *bind)
{
	struct reader reader = reader_over(body, avail < len ? avail : len);

	bind->portal = read_name(&reader, &bind->portal_len);
	bind->statement = read_name(&reader, &bind->statement_len);
	if (reader.bad)
		return avail < len ? PEEK_SHORT : PEEK_BAD;
	bind->rest_at = (uint32_t)(reader.p - body);
	/* Three counts at least must follow the names. */
	return len - bind->rest_at >= 6 ? PEEK_OK : PEEK_BAD;
}
