/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_MESSAGE_H
#define PGWEIR_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * Messages of the PostgreSQL protocol 3 as they lie in a buffer: a type byte, a length word that
 * counts itself but not the type, a body.  (The first packet of a connection has no type byte:
 * proto/startup.h.)  Specification: PostgreSQL manual, "Message Formats".
 */

/* Bytes before the body. */
#define MESSAGE_HEADER 5u

/* The longest message that PostgreSQL itself makes or takes (MaxAllocSize). */
#define MESSAGE_MAX 0x3fffffffu

enum peek {
	PEEK_OK,
	PEEK_SHORT, /* not all of it is there yet */
	PEEK_BAD,   /* can never become valid */
};

/* A message found in a buffer; points into it. */
struct message {
	uint8_t type;
	uint32_t len; /* all of it, with type byte and length word */
	const uint8_t *body;
	uint32_t body_len;
};

/* Type letters; both directions use some of them, with different meaning. */
enum message_type {
	/* from clients */
	MSG_BIND = 'B',
	MSG_CLOSE = 'C',
	MSG_DESCRIBE = 'D',
	MSG_EXECUTE = 'E',
	MSG_FUNCTION_CALL = 'F',
	MSG_FLUSH = 'H',
	MSG_PARSE = 'P',
	MSG_QUERY = 'Q',
	MSG_SYNC = 'S',
	MSG_TERMINATE = 'X',
	MSG_COPY_FAIL = 'f',
	MSG_PASSWORD = 'p', /* also SASLInitialResponse and SASLResponse */

	/* both ways */
	MSG_COPY_DONE = 'c',
	MSG_COPY_DATA = 'd',

	/* from servers */
	MSG_PARSE_COMPLETE = '1',
	MSG_BIND_COMPLETE = '2',
	MSG_CLOSE_COMPLETE = '3',
	MSG_NOTIFICATION_RESPONSE = 'A',
	MSG_COMMAND_COMPLETE = 'C',
	MSG_DATA_ROW = 'D',
	MSG_ERROR_RESPONSE = 'E',
	MSG_COPY_IN_RESPONSE = 'G',
	MSG_COPY_OUT_RESPONSE = 'H',
	MSG_EMPTY_QUERY_RESPONSE = 'I',
	MSG_BACKEND_KEY_DATA = 'K',
	MSG_NOTICE_RESPONSE = 'N',
	MSG_AUTHENTICATION = 'R',
	MSG_PARAMETER_STATUS = 'S',
	MSG_ROW_DESCRIPTION = 'T',
	MSG_FUNCTION_CALL_RESPONSE = 'V',
	MSG_COPY_BOTH_RESPONSE = 'W',
	MSG_READY_FOR_QUERY = 'Z',
	MSG_NO_DATA = 'n',
	MSG_PORTAL_SUSPENDED = 's',
	MSG_PARAMETER_DESCRIPTION = 't',
	MSG_NEGOTIATE_PROTOCOL_VERSION = 'v',
};

/* The number that starts the body of an Authentication message. */
enum authentication {
	AUTHENTICATION_OK = 0,
	AUTHENTICATION_CLEARTEXT = 3,
	AUTHENTICATION_MD5 = 5,
	AUTHENTICATION_GSS = 7,
	AUTHENTICATION_GSS_CONTINUE = 8,
	AUTHENTICATION_SSPI = 9,
	AUTHENTICATION_SASL = 10,
	AUTHENTICATION_SASL_CONTINUE = 11,
	AUTHENTICATION_SASL_FINAL = 12,
};

/*
 * Reads a header: type, and length of the whole message in bytes (5 at least).  SHORT below 5
 * bytes; BAD if the length word is impossible or the message would be longer than `max`.
 */
static inline enum peek message_peek(const uint8_t *p, size_t avail, uint32_t max, uint8_t *type,
				     uint32_t *len)
{
	uint32_t word;

	if (avail < MESSAGE_HEADER)
		return PEEK_SHORT;
	word = be32_get(p + 1);
	if (word < 4 || word >= max)
		return PEEK_BAD;
	*type = p[0];
	*len = word + 1;
	return PEEK_OK;
}

/* Finds a message of at most `max` bytes that is there as a whole. */
static inline enum peek message_find(const uint8_t *p, size_t avail, uint32_t max,
				     struct message *message)
{
	enum peek peek = message_peek(p, avail, max, &message->type, &message->len);

	if (peek != PEEK_OK)
		return peek;
	if (message->len > avail)
		return PEEK_SHORT;
	message->body = p + MESSAGE_HEADER;
	message->body_len = message->len - MESSAGE_HEADER;
	return PEEK_OK;
}

/* Whether clients may send this type once their startup packet is accepted. */
bool client_may_send(uint8_t type);

/* Whether servers may send this type. */
bool server_may_send(uint8_t type);

/* The manual's name of a type ("Bind", "DataRow"), "unknown" if it has none. */
const char *client_message_name(uint8_t type);
const char *server_message_name(uint8_t type);

/*
 * A cursor over a body.  A read beyond the end, or a string without its NUL, sets `bad` and gives
 * 0, "" or NULL; everything after that does the same.  So read all fields, then ask once with
 * reader_is_done or `bad`.
 */
struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static inline struct reader reader_over(const void *data, size_t len)
{
	struct reader reader = { data, (const uint8_t *)data + len, false };

	return reader;
}

static inline size_t reader_left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->p);
}

/* All was read and nothing was missing. */
static inline bool reader_is_done(const struct reader *reader)
{
	return !reader->bad && reader->p == reader->end;
}

uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);

/* A string up to its NUL, in place; "" if the NUL is missing. */
const char *reader_cstring(struct reader *reader);

/* The next `len` bytes, in place; NULL if there are not as many. */
const uint8_t *reader_bytes(struct reader *reader, size_t len);

#endif
