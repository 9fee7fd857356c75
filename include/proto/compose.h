/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_COMPOSE_H
#define PGWEIR_PROTO_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

struct text;

/*
 * Builds messages in a buffer of the caller or in a growing text.  Holds whole messages only: one
 * that does not fit is taken out again by writer_end, which then returns false and sets `full`.
 */
struct writer {
	uint8_t *data; /* fixed buffer, NULL with a text */
	size_t cap;
	struct text *text;
	size_t len;   /* bytes there; with a text, its length */
	size_t start; /* of the message that is open */
	size_t word;  /* of its length word */
	bool cut;     /* the open message did not fit */
	bool full;    /* some message did not fit */
};

/* Over `size` bytes of the caller. */
void writer_init(struct writer *writer, void *buffer, size_t size);

/* Appends to `text`; never full. */
void writer_init_text(struct writer *writer, struct text *text);

/* Where the bytes are (with a text: all of the text); valid until the next write. */
const uint8_t *writer_data(const struct writer *writer);

/* One message: begin, fields, end.  Type 0: a packet without type byte (startup, cancel). */
void writer_begin(struct writer *writer, uint8_t type);
void writer_u8(struct writer *writer, uint8_t v);
void writer_u16(struct writer *writer, uint16_t v);
void writer_u32(struct writer *writer, uint32_t v);
void writer_cstring(struct writer *writer, const char *s); /* with its NUL */
void writer_bytes(struct writer *writer, const void *data, size_t len);
bool writer_end(struct writer *writer);

/*
 * One call a message.  All return false if it did not fit (then nothing was written).
 */

/* As a server. */

enum severity {
	SEVERITY_ERROR,
	SEVERITY_FATAL,
	SEVERITY_PANIC,
	SEVERITY_WARNING, /* this and the following go into a NoticeResponse */
	SEVERITY_NOTICE,
	SEVERITY_DEBUG,
	SEVERITY_INFO,
	SEVERITY_LOG,
};

/* ErrorResponse or NoticeResponse by severity; fields S, V, C, M and, if not NULL, D and H. */
bool compose_report(struct writer *writer, enum severity severity, const char *sqlstate,
		    const char *message, const char *detail, const char *hint);

/* ErrorResponse (severity ERROR and FATAL) and NoticeResponse (NOTICE) without detail. */
bool compose_error(struct writer *writer, const char *sqlstate, const char *message);
bool compose_fatal(struct writer *writer, const char *sqlstate, const char *message);
bool compose_notice(struct writer *writer, const char *message);

/* An error as PostgreSQL's `routine` (field R, may be NULL) gives it. */
bool compose_error_of(struct writer *writer, const char *sqlstate, const char *message,
		      const char *routine);

bool compose_authentication_ok(struct writer *writer);
bool compose_authentication_cleartext(struct writer *writer);
bool compose_authentication_md5(struct writer *writer, const uint8_t salt[4]);
/* `mechanisms`: NULL-terminated. */
bool compose_authentication_sasl(struct writer *writer, const char *const *mechanisms);
bool compose_authentication_sasl_continue(struct writer *writer, const void *data, size_t len);
bool compose_authentication_sasl_final(struct writer *writer, const void *data, size_t len);

/* `newest_minor` of protocol 3 that we speak, and options that we do not know. */
bool compose_negotiate_protocol_version(struct writer *writer, uint16_t newest_minor,
					const char *const *options, uint32_t count);
bool compose_parameter_status(struct writer *writer, const char *name, const char *value);
/* `key_len` 4 up to protocol 3.1, up to 256 from 3.2 on. */
bool compose_backend_key_data(struct writer *writer, uint32_t pid, const void *key, size_t key_len);
/* `state`: 'I', 'T' or 'E'. */
bool compose_ready_for_query(struct writer *writer, char state);

bool compose_command_complete(struct writer *writer, const char *tag);
bool compose_command_complete_rows(struct writer *writer, const char *verb, uint64_t rows);
bool compose_empty_query_response(struct writer *writer);

/* Types of columns that we send ourselves, always in text format. */
enum column_oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_OID = 26,
	OID_FLOAT8 = 701,
	OID_TIMESTAMPTZ = 1184,
	OID_INTERVAL = 1186,
	OID_NUMERIC = 1700,
};

struct column {
	const char *name;
	uint32_t oid;
};

bool compose_row_description(struct writer *writer, const struct column *columns, uint16_t count);
/* All values of a row; NULL is SQL NULL. */
bool compose_data_row(struct writer *writer, const char *const *values, uint16_t count);
/* The same value by value: begin, `count` values, end. */
void row_begin(struct writer *writer, uint16_t count);
void row_value(struct writer *writer, const char *value);
void row_value_n(struct writer *writer, const char *value, size_t len);
void row_printf(struct writer *writer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool row_end(struct writer *writer);

/* Replies that never differ, 5 bytes each. */
#define REPLY_LEN 5u
extern const uint8_t reply_parse_complete[REPLY_LEN];
extern const uint8_t reply_bind_complete[REPLY_LEN];
extern const uint8_t reply_close_complete[REPLY_LEN];
extern const uint8_t reply_no_data[REPLY_LEN];
extern const uint8_t reply_portal_suspended[REPLY_LEN];
extern const uint8_t reply_empty_query[REPLY_LEN];
bool compose_reply(struct writer *writer, const uint8_t reply[REPLY_LEN]);

/* As a client. */

bool compose_query(struct writer *writer, const char *sql);
bool compose_query_n(struct writer *writer, const char *sql, size_t len);
/* `types`: `count` type oids in wire order, as Parse had them (NULL if 0). */
bool compose_parse(struct writer *writer, const char *name, const char *query, size_t query_len,
		   const uint8_t *types, uint16_t count);
/* Bind with `count` parameters in text format (NULL is SQL NULL), results in text format. */
bool compose_bind(struct writer *writer, const char *portal, const char *statement,
		  const char *const *values, uint16_t count);
/*
 * The start of a Bind with another statement name: header, portal, name.  `rest_len` more bytes,
 * which the caller has (struct bind_message), belong to the message and must follow.
 */
bool compose_bind_start(struct writer *writer, const char *portal, const char *statement,
			uint32_t rest_len);
/* `kind`: 'S' statement, 'P' portal. */
bool compose_describe(struct writer *writer, char kind, const char *name);
bool compose_close(struct writer *writer, char kind, const char *name);
bool compose_execute(struct writer *writer, const char *portal, uint32_t max_rows);
bool compose_sync(struct writer *writer);
bool compose_flush(struct writer *writer);
bool compose_terminate(struct writer *writer);
bool compose_copy_fail(struct writer *writer, const char *why);

bool compose_password(struct writer *writer, const char *password);
bool compose_sasl_initial_response(struct writer *writer, const char *mechanism, const void *data,
				   size_t len);
bool compose_sasl_response(struct writer *writer, const void *data, size_t len);

/* Startup packet: begin, names and values, end. */
void startup_begin(struct writer *writer, uint16_t minor);
void startup_param(struct writer *writer, const char *name, const char *value);
bool startup_end(struct writer *writer);

bool compose_ssl_request(struct writer *writer);
bool compose_cancel_request(struct writer *writer, uint32_t pid, const void *key, size_t key_len);

#endif
