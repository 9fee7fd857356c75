/* SPDX-License-Identifier: ISC */
/* A stream of messages, each given to every reader that its type could mean. */
#include <stdlib.h>
#include <string.h>

#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "proto/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* A Bind read from every shorter prefix agrees with the whole one; a new name leaves the rest. */
static void try_bind(const uint8_t *body, size_t len)
{
	struct bind_message bind;
	struct bind_message part;
	struct message message;
	struct writer writer;
	uint8_t *buffer;
	enum peek peek;

	peek = bind_read(body, len, len, &bind);
	check(peek != PEEK_SHORT);
	if (peek != PEEK_OK)
		return;
	check(bind_read(body, bind.rest_at - 1, len, &part) == PEEK_SHORT);
	check(bind_read(body, bind.rest_at, len, &part) == PEEK_OK);
	check(part.rest_at == bind.rest_at && bind.rest_at <= len);
	buffer = malloc(len + 64);
	writer_init(&writer, buffer, len + 64);
	check(compose_bind_start(&writer, bind.portal, "renamed", (uint32_t)len - bind.rest_at));
	memcpy(buffer + writer.len, body + bind.rest_at, len - bind.rest_at);
	check(message_find(buffer, len + 64, MESSAGE_MAX, &message) == PEEK_OK);
	check(message.body_len == len - bind.statement_len + 7);
	check(bind_read(message.body, message.body_len, message.body_len, &part) == PEEK_OK);
	check(strcmp(part.statement, "renamed") == 0);
	free(buffer);
}

/* A Parse that was read can be written again, byte for byte. */
static void try_parse(const uint8_t *body, size_t len)
{
	struct parse_message parse;
	struct writer writer;
	uint8_t *buffer;

	if (!parse_read(body, len, &parse))
		return;
	buffer = malloc(len + MESSAGE_HEADER);
	writer_init(&writer, buffer, len + MESSAGE_HEADER);
	check(compose_parse(&writer, parse.name, parse.query, parse.query_len, parse.types,
			    parse.type_count));
	check(writer.len == len + MESSAGE_HEADER);
	check(memcmp(buffer + MESSAGE_HEADER, body, len) == 0);
	free(buffer);
}

static void try_error(const uint8_t *body, size_t len)
{
	struct error_fields fields;

	if (!error_read(body, len, &fields))
		return;
	check(strlen(fields.sqlstate) == 5 || fields.sqlstate[0] == '\0');
	check(strlen(fields.message) < len && strlen(fields.severity) < len);
	(void)error_is_fatal(&fields);
}

static void try_body(uint8_t type, const uint8_t *body, size_t len)
{
	struct execute_message execute;
	struct target_message target;
	uint64_t rows;

	(void)client_may_send(type);
	(void)server_may_send(type);
	switch (type) {
	case MSG_BIND:
		try_bind(body, len);
		break;
	case MSG_PARSE:
		try_parse(body, len);
		break;
	case MSG_DESCRIBE:
		(void)target_read(body, len, &target);
		break;
	case MSG_EXECUTE: /* and ErrorResponse */
		(void)execute_read(body, len, &execute);
		try_error(body, len);
		break;
	case MSG_CLOSE: /* and CommandComplete */
		(void)target_read(body, len, &target);
		(void)tag_read(body, len, &rows);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message;
	uint8_t *body;

	while (message_find(data, size, MESSAGE_MAX, &message) == PEEK_OK) {
		check(message.len >= MESSAGE_HEADER && message.len <= size);
		/* Of its exact size, so that a sanitizer sees the first byte too many. */
		body = malloc(message.body_len + 1u);
		memmove(body + 1, message.body, message.body_len);
		try_body(message.type, body + 1, message.body_len);
		free(body);
		data += message.len;
		size -= message.len;
	}
	return 0;
}
