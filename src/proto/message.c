/* SPDX-License-Identifier: ISC */
/* Which messages there are, and a cursor over their bodies. */
#include "proto/message.h"

#include <string.h>

static const char *const client_names[256] = {
	[MSG_BIND] = "Bind",
	[MSG_CLOSE] = "Close",
	[MSG_COPY_DATA] = "CopyData",
	[MSG_COPY_DONE] = "CopyDone",
	[MSG_COPY_FAIL] = "CopyFail",
	[MSG_DESCRIBE] = "Describe",
	[MSG_EXECUTE] = "Execute",
	[MSG_FLUSH] = "Flush",
	[MSG_FUNCTION_CALL] = "FunctionCall",
	[MSG_PARSE] = "Parse",
	[MSG_PASSWORD] = "PasswordMessage",
	[MSG_QUERY] = "Query",
	[MSG_SYNC] = "Sync",
	[MSG_TERMINATE] = "Terminate",
};

static const char *const server_names[256] = {
	[MSG_AUTHENTICATION] = "Authentication",
	[MSG_BACKEND_KEY_DATA] = "BackendKeyData",
	[MSG_BIND_COMPLETE] = "BindComplete",
	[MSG_CLOSE_COMPLETE] = "CloseComplete",
	[MSG_COMMAND_COMPLETE] = "CommandComplete",
	[MSG_COPY_BOTH_RESPONSE] = "CopyBothResponse",
	[MSG_COPY_DATA] = "CopyData",
	[MSG_COPY_DONE] = "CopyDone",
	[MSG_COPY_IN_RESPONSE] = "CopyInResponse",
	[MSG_COPY_OUT_RESPONSE] = "CopyOutResponse",
	[MSG_DATA_ROW] = "DataRow",
	[MSG_EMPTY_QUERY_RESPONSE] = "EmptyQueryResponse",
	[MSG_ERROR_RESPONSE] = "ErrorResponse",
	[MSG_FUNCTION_CALL_RESPONSE] = "FunctionCallResponse",
	[MSG_NEGOTIATE_PROTOCOL_VERSION] = "NegotiateProtocolVersion",
	[MSG_NOTICE_RESPONSE] = "NoticeResponse",
	[MSG_NOTIFICATION_RESPONSE] = "NotificationResponse",
	[MSG_NO_DATA] = "NoData",
	[MSG_PARAMETER_DESCRIPTION] = "ParameterDescription",
	[MSG_PARAMETER_STATUS] = "ParameterStatus",
	[MSG_PARSE_COMPLETE] = "ParseComplete",
	[MSG_PORTAL_SUSPENDED] = "PortalSuspended",
	[MSG_READY_FOR_QUERY] = "ReadyForQuery",
	[MSG_ROW_DESCRIPTION] = "RowDescription",
};

bool client_may_send(uint8_t type)
{
	/* Passwords belong to the login, which asks for them. */
	return client_names[type] != NULL && type != MSG_PASSWORD;
}

bool server_may_send(uint8_t type)
{
	return server_names[type] != NULL;
}

const char *client_message_name(uint8_t type)
{
	return client_names[type] != NULL ? client_names[type] : "unknown";
}

const char *server_message_name(uint8_t type)
{
	return server_names[type] != NULL ? server_names[type] : "unknown";
}

static const uint8_t *take(struct reader *reader, size_t len)
{
	const uint8_t *p = reader->p;

	if (reader->bad || len > reader_left(reader)) {
		reader->bad = true;
		return NULL;
	}
	reader->p += len;
	return p;
}

uint8_t reader_u8(struct reader *reader)
{
	const uint8_t *p = take(reader, 1);

	return p != NULL ? *p : 0;
}

uint16_t reader_u16(struct reader *reader)
{
	const uint8_t *p = take(reader, 2);

	return p != NULL ? be16_get(p) : 0;
}

uint32_t reader_u32(struct reader *reader)
{
	const uint8_t *p = take(reader, 4);

	return p != NULL ? be32_get(p) : 0;
}

const char *reader_cstring(struct reader *reader)
{
	const uint8_t *p = reader->p;
	const uint8_t *nul;

	nul = reader->bad || p == reader->end ? NULL : memchr(p, 0, reader_left(reader));
	if (nul == NULL) {
		reader->bad = true;
		return "";
	}
	reader->p = nul + 1;
	return (const char *)p;
}

const uint8_t *reader_bytes(struct reader *reader, size_t len)
{
	return take(reader, len);
}
