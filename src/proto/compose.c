/* SPDX-License-Identifier: ISC */
/* Builds messages, in the order of the manual's "Message Formats". */
#include "proto/compose.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

const uint8_t reply_parse_complete[REPLY_LEN] = { MSG_PARSE_COMPLETE, 0, 0, 0, 4 };
const uint8_t reply_bind_complete[REPLY_LEN] = { MSG_BIND_COMPLETE, 0, 0, 0, 4 };
const uint8_t reply_close_complete[REPLY_LEN] = { MSG_CLOSE_COMPLETE, 0, 0, 0, 4 };
const uint8_t reply_no_data[REPLY_LEN] = { MSG_NO_DATA, 0, 0, 0, 4 };
const uint8_t reply_portal_suspended[REPLY_LEN] = { MSG_PORTAL_SUSPENDED, 0, 0, 0, 4 };
const uint8_t reply_empty_query[REPLY_LEN] = { MSG_EMPTY_QUERY_RESPONSE, 0, 0, 0, 4 };

void writer_init(struct writer *writer, void *buffer, size_t size)
{
	memset(writer, 0, sizeof(*writer));
	writer->data = buffer;
	writer->cap = size;
}

void writer_init_text(struct writer *writer, struct text *text)
{
	memset(writer, 0, sizeof(*writer));
	writer->text = text;
	writer->len = text->len;
}

static uint8_t *writer_base(const struct writer *writer)
{
	return writer->text != NULL ? (uint8_t *)writer->text->data : writer->data;
}

const uint8_t *writer_data(const struct writer *writer)
{
	return writer_base(writer);
}

void writer_bytes(struct writer *writer, const void *data, size_t len)
{
	if (len == 0 || writer->cut)
		return;
	if (len >= MESSAGE_MAX - (writer->len - writer->start)) {
		writer->cut = true;
		return;
	}
	if (writer->text != NULL) {
		text_add_n(writer->text, data, len);
	} else {
		if (len > writer->cap - writer->len) {
			writer->cut = true;
			return;
		}
		memcpy(writer->data + writer->len, data, len);
	}
	writer->len += len;
}

void writer_u8(struct writer *writer, uint8_t v)
{
	writer_bytes(writer, &v, 1);
}

void writer_u16(struct writer *writer, uint16_t v)
{
	uint8_t bytes[2];

	be16_put(bytes, v);
	writer_bytes(writer, bytes, sizeof(bytes));
}

void writer_u32(struct writer *writer, uint32_t v)
{
	uint8_t bytes[4];

	be32_put(bytes, v);
	writer_bytes(writer, bytes, sizeof(bytes));
}

void writer_cstring(struct writer *writer, const char *s)
{
	writer_bytes(writer, s, strlen(s) + 1);
}

void writer_begin(struct writer *writer, uint8_t type)
{
	writer->start = writer->len;
	writer->cut = false;
	if (type != 0)
		writer_u8(writer, type);
	writer->word = writer->len;
	writer_u32(writer, 0);
}

/* A message that claims `more` bytes that the caller sends after it. */
static bool end_with_more(struct writer *writer, uint32_t more)
{
	size_t len = writer->len - writer->word;

	if (writer->cut || len > MESSAGE_MAX - more - 1) {
		writer->len = writer->start;
		if (writer->text != NULL && writer->text->data != NULL) {
			writer->text->len = writer->start;
			writer->text->data[writer->start] = '\0';
		}
		writer->full = true;
		writer->cut = false;
		return false;
	}
	be32_put(writer_base(writer) + writer->word, (uint32_t)len + more);
	return true;
}

bool writer_end(struct writer *writer)
{
	return end_with_more(writer, 0);
}

static bool compose_empty(struct writer *writer, uint8_t type)
{
	writer_begin(writer, type);
	return writer_end(writer);
}

static bool compose_string(struct writer *writer, uint8_t type, const char *s)
{
	writer_begin(writer, type);
	writer_cstring(writer, s);
	return writer_end(writer);
}

static bool compose_data(struct writer *writer, uint8_t type, const void *data, size_t len)
{
	writer_begin(writer, type);
	writer_bytes(writer, data, len);
	return writer_end(writer);
}

/* As a server. */

static const struct {
	const char *word;
	bool notice;
} severities[] = {
	[SEVERITY_ERROR] = { "ERROR", false },	[SEVERITY_FATAL] = { "FATAL", false },
	[SEVERITY_PANIC] = { "PANIC", false },	[SEVERITY_WARNING] = { "WARNING", true },
	[SEVERITY_NOTICE] = { "NOTICE", true }, [SEVERITY_DEBUG] = { "DEBUG", true },
	[SEVERITY_INFO] = { "INFO", true },	[SEVERITY_LOG] = { "LOG", true },
};

static void write_field(struct writer *writer, char field, const char *value)
{
	if (value == NULL)
		return;
	writer_u8(writer, (uint8_t)field);
	writer_cstring(writer, value);
}

static void begin_report(struct writer *writer, enum severity severity, const char *sqlstate,
			 const char *message)
{
	writer_begin(writer,
		     severities[severity].notice ? MSG_NOTICE_RESPONSE : MSG_ERROR_RESPONSE);
	write_field(writer, 'S', severities[severity].word);
	write_field(writer, 'V', severities[severity].word);
	write_field(writer, 'C', sqlstate);
	write_field(writer, 'M', message);
}

bool compose_report(struct writer *writer, enum severity severity, const char *sqlstate,
		    const char *message, const char *detail, const char *hint)
{
	begin_report(writer, severity, sqlstate, message);
	write_field(writer, 'D', detail);
	write_field(writer, 'H', hint);
	writer_u8(writer, 0);
	return writer_end(writer);
}

bool compose_error_of(struct writer *writer, const char *sqlstate, const char *message,
		      const char *routine)
{
	begin_report(writer, SEVERITY_ERROR, sqlstate, message);
	write_field(writer, 'R', routine);
	writer_u8(writer, 0);
	return writer_end(writer);
}

bool compose_error(struct writer *writer, const char *sqlstate, const char *message)
{
	return compose_report(writer, SEVERITY_ERROR, sqlstate, message, NULL, NULL);
}

bool compose_fatal(struct writer *writer, const char *sqlstate, const char *message)
{
	return compose_report(writer, SEVERITY_FATAL, sqlstate, message, NULL, NULL);
}

bool compose_notice(struct writer *writer, const char *message)
{
	return compose_report(writer, SEVERITY_NOTICE, "00000", message, NULL, NULL);
}

static void begin_authentication(struct writer *writer, enum authentication code)
{
	writer_begin(writer, MSG_AUTHENTICATION);
	writer_u32(writer, code);
}

bool compose_authentication_ok(struct writer *writer)
{
	begin_authentication(writer, AUTHENTICATION_OK);
	return writer_end(writer);
}

bool compose_authentication_cleartext(struct writer *writer)
{
	begin_authentication(writer, AUTHENTICATION_CLEARTEXT);
	return writer_end(writer);
}

bool compose_authentication_md5(struct writer *writer, const uint8_t salt[4])
{
	begin_authentication(writer, AUTHENTICATION_MD5);
	writer_bytes(writer, salt, 4);
	return writer_end(writer);
}

bool compose_authentication_sasl(struct writer *writer, const char *const *mechanisms)
{
	begin_authentication(writer, AUTHENTICATION_SASL);
	for (; *mechanisms != NULL; mechanisms++)
		writer_cstring(writer, *mechanisms);
	writer_u8(writer, 0);
	return writer_end(writer);
}

bool compose_authentication_sasl_continue(struct writer *writer, const void *data, size_t len)
{
	begin_authentication(writer, AUTHENTICATION_SASL_CONTINUE);
	writer_bytes(writer, data, len);
	return writer_end(writer);
}

bool compose_authentication_sasl_final(struct writer *writer, const void *data, size_t len)
{
	begin_authentication(writer, AUTHENTICATION_SASL_FINAL);
	writer_bytes(writer, data, len);
	return writer_end(writer);
}

bool compose_negotiate_protocol_version(struct writer *writer, uint16_t newest_minor,
					const char *const *options, uint32_t count)
{
	uint32_t i;

	writer_begin(writer, MSG_NEGOTIATE_PROTOCOL_VERSION);
	writer_u32(writer, 3u << 16 | newest_minor);
	writer_u32(writer, count);
	for (i = 0; i < count; i++)
		writer_cstring(writer, options[i]);
	return writer_end(writer);
}

bool compose_parameter_status(struct writer *writer, const char *name, const char *value)
{
	writer_begin(writer, MSG_PARAMETER_STATUS);
	writer_cstring(writer, name);
	writer_cstring(writer, value);
	return writer_end(writer);
}

bool compose_backend_key_data(struct writer *writer, uint32_t pid, const void *key, size_t key_len)
{
	assert(key_len >= 4 && key_len <= 256);
	writer_begin(writer, MSG_BACKEND_KEY_DATA);
	writer_u32(writer, pid);
	writer_bytes(writer, key, key_len);
	return writer_end(writer);
}

bool compose_ready_for_query(struct writer *writer, char state)
{
	return compose_data(writer, MSG_READY_FOR_QUERY, &state, 1);
}

bool compose_command_complete(struct writer *writer, const char *tag)
{
	return compose_string(writer, MSG_COMMAND_COMPLETE, tag);
}

bool compose_command_complete_rows(struct writer *writer, const char *verb, uint64_t rows)
{
	char digits[24];

	snprintf(digits, sizeof(digits), " %" PRIu64, rows);
	writer_begin(writer, MSG_COMMAND_COMPLETE);
	writer_bytes(writer, verb, strlen(verb));
	writer_cstring(writer, digits);
	return writer_end(writer);
}

bool compose_empty_query_response(struct writer *writer)
{
	return compose_empty(writer, MSG_EMPTY_QUERY_RESPONSE);
}

/* pg_type.typlen of the types that have a fixed one. */
static uint16_t column_type_len(uint32_t oid)
{
	switch (oid) {
	case OID_BOOL:
		return 1;
	case OID_INT4:
	case OID_OID:
		return 4;
	case OID_INT8:
	case OID_FLOAT8:
	case OID_TIMESTAMPTZ:
		return 8;
	case OID_INTERVAL:
		return 16;
	default:
		return 0xffff;
	}
}

bool compose_row_description(struct writer *writer, const struct column *columns, uint16_t count)
{
	uint16_t i;

	writer_begin(writer, MSG_ROW_DESCRIPTION);
	writer_u16(writer, count);
	for (i = 0; i < count; i++) {
		writer_cstring(writer, columns[i].name);
		writer_u32(writer, 0); /* table */
		writer_u16(writer, 0); /* its column */
		writer_u32(writer, columns[i].oid);
		writer_u16(writer, column_type_len(columns[i].oid));
		writer_u32(writer, 0xffffffff); /* no type modifier */
		writer_u16(writer, 0);		/* text format */
	}
	return writer_end(writer);
}

bool compose_data_row(struct writer *writer, const char *const *values, uint16_t count)
{
	uint16_t i;

	row_begin(writer, count);
	for (i = 0; i < count; i++)
		row_value(writer, values[i]);
	return row_end(writer);
}

void row_begin(struct writer *writer, uint16_t count)
{
	writer_begin(writer, MSG_DATA_ROW);
	writer_u16(writer, count);
}

void row_value(struct writer *writer, const char *value)
{
	if (value == NULL)
		writer_u32(writer, 0xffffffff);
	else
		row_value_n(writer, value, strlen(value));
}

void row_value_n(struct writer *writer, const char *value, size_t len)
{
	writer_u32(writer, (uint32_t)len);
	writer_bytes(writer, value, len);
}

void row_printf(struct writer *writer, const char *fmt, ...)
{
	struct text text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&text, fmt, ap);
	va_end(ap);
	row_value_n(writer, text_string(&text), text.len);
	text_done(&text);
}

bool row_end(struct writer *writer)
{
	return writer_end(writer);
}

bool compose_reply(struct writer *writer, const uint8_t reply[REPLY_LEN])
{
	return compose_empty(writer, reply[0]);
}

/* As a client. */

bool compose_query(struct writer *writer, const char *sql)
{
	return compose_string(writer, MSG_QUERY, sql);
}

bool compose_query_n(struct writer *writer, const char *sql, size_t len)
{
	writer_begin(writer, MSG_QUERY);
	writer_bytes(writer, sql, len);
	writer_u8(writer, 0);
	return writer_end(writer);
}

bool compose_parse(struct writer *writer, const char *name, const char *query, size_t query_len,
		   const uint8_t *types, uint16_t count)
{
	writer_begin(writer, MSG_PARSE);
	writer_cstring(writer, name);
	writer_bytes(writer, query, query_len);
	writer_u8(writer, 0);
	writer_u16(writer, count);
	writer_bytes(writer, types, (size_t)count * 4);
	return writer_end(writer);
}

bool compose_bind(struct writer *writer, const char *portal, const char *statement,
		  const char *const *values, uint16_t count)
{
	uint16_t i;

	writer_begin(writer, MSG_BIND);
	writer_cstring(writer, portal);
	writer_cstring(writer, statement);
	writer_u16(writer, 0); /* all parameters are text */
	writer_u16(writer, count);
	for (i = 0; i < count; i++)
		row_value(writer, values[i]);
	writer_u16(writer, 0); /* all results are text */
	return writer_end(writer);
}

bool compose_bind_start(struct writer *writer, const char *portal, const char *statement,
			uint32_t rest_len)
{
	writer_begin(writer, MSG_BIND);
	writer_cstring(writer, portal);
	writer_cstring(writer, statement);
	if (rest_len >= MESSAGE_MAX)
		writer->cut = true;
	return end_with_more(writer, writer->cut ? 0 : rest_len);
}

static bool compose_target(struct writer *writer, uint8_t type, char kind, const char *name)
{
	writer_begin(writer, type);
	writer_u8(writer, (uint8_t)kind);
	writer_cstring(writer, name);
	return writer_end(writer);
}

bool compose_describe(struct writer *writer, char kind, const char *name)
{
	return compose_target(writer, MSG_DESCRIBE, kind, name);
}

bool compose_close(struct writer *writer, char kind, const char *name)
{
	return compose_target(writer, MSG_CLOSE, kind, name);
}

bool compose_execute(struct writer *writer, const char *portal, uint32_t max_rows)
{
	writer_begin(writer, MSG_EXECUTE);
	writer_cstring(writer, portal);
	writer_u32(writer, max_rows);
	return writer_end(writer);
}

bool compose_sync(struct writer *writer)
{
	return compose_empty(writer, MSG_SYNC);
}

bool compose_flush(struct writer *writer)
{
	return compose_empty(writer, MSG_FLUSH);
}

bool compose_terminate(struct writer *writer)
{
	return compose_empty(writer, MSG_TERMINATE);
}

bool compose_copy_fail(struct writer *writer, const char *why)
{
	return compose_string(writer, MSG_COPY_FAIL, why);
}

bool compose_password(struct writer *writer, const char *password)
{
	return compose_string(writer, MSG_PASSWORD, password);
}

bool compose_sasl_initial_response(struct writer *writer, const char *mechanism, const void *data,
				   size_t len)
{
	writer_begin(writer, MSG_PASSWORD);
	writer_cstring(writer, mechanism);
	writer_u32(writer, (uint32_t)len);
	writer_bytes(writer, data, len);
	return writer_end(writer);
}

bool compose_sasl_response(struct writer *writer, const void *data, size_t len)
{
	return compose_data(writer, MSG_PASSWORD, data, len);
}

void startup_begin(struct writer *writer, uint16_t minor)
{
	writer_begin(writer, 0);
	writer_u32(writer, 3u << 16 | minor);
}

void startup_param(struct writer *writer, const char *name, const char *value)
{
	writer_cstring(writer, name);
	writer_cstring(writer, value);
}

bool startup_end(struct writer *writer)
{
	writer_u8(writer, 0);
	return writer_end(writer);
}

bool compose_ssl_request(struct writer *writer)
{
	writer_begin(writer, 0);
	writer_u32(writer, 1234u << 16 | 5679);
	return writer_end(writer);
}

bool compose_cancel_request(struct writer *writer, uint32_t pid, const void *key, size_t key_len)
{
	assert(key_len >= 4 && key_len <= 256);
	writer_begin(writer, 0);
	writer_u32(writer, 1234u << 16 | 5678);
	writer_u32(writer, pid);
	writer_bytes(writer, key, key_len);
	return writer_end(writer);
}
