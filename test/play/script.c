/* SPDX-License-Identifier: ISC */
/* The notation of plays: messages from text, and text from messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "proto/message.h"
#include "proto/startup.h"

#define FIELDS_MAX 8
#define SHOWN_MAX 100

/* One word of a script, taken apart. */
struct word {
	char name[16];
	char *fields[FIELDS_MAX];
	int count;
	int times;
	char *memory;
};

/* "#5000" becomes as many bytes. */
static char *expand(char *field)
{
	size_t n = strtoul(field + 1, NULL, 10);
	char *bytes = malloc(n + 1);

	memset(bytes, 'x', n);
	bytes[n] = '\0';
	return bytes;
}

static const char *take_word(const char *at, struct word *word)
{
	size_t len = strcspn(at, " {*"), inner;
	char *field;

	memset(word, 0, sizeof(*word));
	ck_assert_msg(len > 0 && len < sizeof(word->name), "bad word in script: %s", at);
	memcpy(word->name, at, len);
	at += len;
	word->times = 1;
	if (*at == '{') {
		inner = strcspn(at, "}");
		ck_assert_msg(at[inner] == '}', "no } in script: %s", at);
		word->memory = strndup(at + 1, inner - 1);
		field = word->memory;
		do {
			ck_assert_int_lt(word->count, FIELDS_MAX);
			word->fields[word->count++] = strsep(&field, "|");
		} while (field != NULL);
		if (word->memory[0] == '#') {
			field = expand(word->memory);
			free(word->memory);
			word->memory = word->fields[0] = field;
		}
		at += inner + 1;
	}
	if (*at == '*')
		word->times = (int)strtol(at + 1, (char **)&at, 10);
	return at + strspn(at, " ");
}

static const char *field(const struct word *word, int i)
{
	return i < word->count ? word->fields[i] : "";
}

/* ---- clients ---- */

static void add_start(struct writer *writer, const struct word *word)
{
	startup_begin(writer, 0);
	startup_param(writer, "user", field(word, 0));
	startup_param(writer, "database", field(word, 1));
	for (int i = 2; i < word->count; i++) {
		char *value = strchr(word->fields[i], '=');

		*value = '\0';
		startup_param(writer, word->fields[i], value + 1);
		*value = '=';
	}
	startup_end(writer);
}

static void add_data(struct writer *writer, uint8_t type, const char *data)
{
	writer_begin(writer, type);
	writer_bytes(writer, data, strlen(data));
	writer_end(writer);
}

static void add_function_call(struct writer *writer, const char *oid)
{
	writer_begin(writer, MSG_FUNCTION_CALL);
	writer_u32(writer, (uint32_t)atoi(oid));
	for (int i = 0; i < 3; i++)
		writer_u16(writer, 0); /* formats, arguments, format of the result */
	writer_end(writer);
}

static void add_of_client(struct writer *writer, const struct word *word)
{
	const char *value = field(word, 2);

	if (strcmp(word->name, "start") == 0) {
		add_start(writer, word);
		return;
	}
	switch (word->name[0]) {
	case 'Q':
		compose_query(writer, field(word, 0));
		break;
	case 'P':
		compose_parse(writer, field(word, 0), field(word, 1), strlen(field(word, 1)), NULL,
			      0);
		break;
	case 'B':
		compose_bind(writer, field(word, 0), field(word, 1), &value, word->count > 2);
		break;
	case 'D':
		compose_describe(writer, field(word, 0)[0], field(word, 1));
		break;
	case 'C':
		compose_close(writer, field(word, 0)[0], field(word, 1));
		break;
	case 'E':
		compose_execute(writer, field(word, 0), (uint32_t)atoi(field(word, 1)));
		break;
	case 'S':
		compose_sync(writer);
		break;
	case 'H':
		compose_flush(writer);
		break;
	case 'X':
		compose_terminate(writer);
		break;
	case 'd':
	case 'c':
		add_data(writer, (uint8_t)word->name[0], field(word, 0));
		break;
	case 'f':
		compose_copy_fail(writer, field(word, 0));
		break;
	case 'F':
		add_function_call(writer, field(word, 0));
		break;
	default:
		ck_abort_msg("a client does not say %s", word->name);
	}
}

/* ---- servers ---- */

static void add_row_description(struct writer *writer, const struct word *word)
{
	struct column column = { word->count > 0 ? word->fields[0] : "c", OID_TEXT };

	compose_row_description(writer, &column, 1);
}

static void add_copy_response(struct writer *writer, uint8_t type)
{
	writer_begin(writer, type);
	writer_u8(writer, 0);
	writer_u16(writer, 0);
	writer_end(writer);
}

static void add_notification(struct writer *writer, const struct word *word)
{
	writer_begin(writer, MSG_NOTIFICATION_RESPONSE);
	writer_u32(writer, 1);
	writer_cstring(writer, field(word, 0));
	writer_cstring(writer, "");
	writer_end(writer);
}

static void add_of_server(struct writer *writer, const struct word *word)
{
	const char *value = field(word, 0);
	const char *text = word->count > 1 ? word->fields[1] : "some error";

	switch (word->name[0]) {
	case '1':
	case '2':
	case '3':
	case 'n':
	case 's':
	case 'I':
	case 'c':
	case 'V':
		add_data(writer, (uint8_t)word->name[0], "");
		break;
	case 't':
		writer_begin(writer, MSG_PARAMETER_DESCRIPTION);
		writer_u16(writer, 0);
		writer_end(writer);
		break;
	case 'T':
		add_row_description(writer, word);
		break;
	case 'D':
		if (word->count > 1)
			compose_data_row(writer, (const char *const *)word->fields,
					 (uint16_t)word->count);
		else
			compose_data_row(writer, &value, 1);
		break;
	case 'C':
		compose_command_complete(writer, value);
		break;
	case 'Z':
		compose_ready_for_query(writer, value[0]);
		break;
	case 'E':
		compose_error(writer, value, text);
		break;
	case 'F':
		compose_fatal(writer, value, text);
		break;
	case 'N':
		compose_notice(writer, value);
		break;
	case 'S':
		compose_parameter_status(writer, value, field(word, 1));
		break;
	case 'G':
	case 'H':
		add_copy_response(writer, (uint8_t)word->name[0]);
		break;
	case 'd':
		add_data(writer, MSG_COPY_DATA, value);
		break;
	case 'A':
		add_notification(writer, word);
		break;
	default:
		ck_abort_msg("a server does not say %s", word->name);
	}
}

void script_compose(struct text *out, enum link_kind from, const char *script)
{
	struct writer writer;
	struct word word;

	writer_init_text(&writer, out);
	script += strspn(script, " ");
	while (*script != '\0') {
		script = take_word(script, &word);
		for (int i = 0; i < word.times; i++) {
			if (from == LINK_CLIENT)
				add_of_client(&writer, &word);
			else
				add_of_server(&writer, &word);
		}
		free(word.memory);
	}
}

/* ---- text from messages ---- */

static void describe_bytes(struct text *out, char type, const uint8_t *data, size_t len)
{
	if (len > SHOWN_MAX)
		text_printf(out, "%c{#%zu}", type, len);
	else
		text_printf(out, "%c{%.*s}", type, (int)len, (const char *)data);
}

static void describe_parse(struct text *out, const struct message *message)
{
	struct parse_message parse;

	ck_assert(parse_read(message->body, message->body_len, &parse));
	text_printf(out, "P{%s|%s}", parse.name, parse.query);
}

static void describe_bind(struct text *out, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *portal = reader_cstring(&reader), *statement = reader_cstring(&reader);
	unsigned formats, values;

	text_printf(out, "B{%s|%s", portal, statement);
	formats = reader_u16(&reader);
	reader_bytes(&reader, formats * 2);
	for (values = reader_u16(&reader); values > 0; values--) {
		uint32_t len = reader_u32(&reader);

		text_printf(out, "|%.*s", (int)len, (const char *)reader_bytes(&reader, len));
	}
	formats = reader_u16(&reader);
	reader_bytes(&reader, formats * 2);
	ck_assert_msg(reader_is_done(&reader), "broken Bind");
	text_add_char(out, '}');
}

static void describe_of_client(struct text *out, const struct message *message)
{
	struct target_message target;
	struct execute_message execute;

	switch (message->type) {
	case MSG_QUERY:
		ck_assert_int_eq(message->body[message->body_len - 1], 0);
		describe_bytes(out, 'Q', message->body, message->body_len - 1);
		break;
	case MSG_PARSE:
		describe_parse(out, message);
		break;
	case MSG_BIND:
		describe_bind(out, message);
		break;
	case MSG_DESCRIBE:
	case MSG_CLOSE:
		ck_assert(target_read(message->body, message->body_len, &target));
		text_printf(out, "%c{%c|%s}", message->type, target.kind, target.name);
		break;
	case MSG_EXECUTE:
		ck_assert(execute_read(message->body, message->body_len, &execute));
		if (execute.portal[0] != '\0' || execute.max_rows != 0)
			text_printf(out, "E{%s|%u}", execute.portal, execute.max_rows);
		else
			text_add_char(out, 'E');
		break;
	case MSG_COPY_DATA:
		describe_bytes(out, 'd', message->body, message->body_len);
		break;
	case MSG_FUNCTION_CALL:
		text_printf(out, "F{%u}", be32_get(message->body));
		break;
	case MSG_COPY_FAIL:
		text_printf(out, "f{%s}", (const char *)message->body);
		break;
	default:
		text_add_char(out, (char)message->type);
	}
}

static void describe_error(struct link *link, struct text *out, const struct message *message)
{
	struct error_fields fields;

	ck_assert(error_read(message->body, message->body_len, &fields));
	if (message->type == MSG_ERROR_RESPONSE)
		snprintf(link->text, sizeof(link->text), "%s", fields.message);
	text_printf(out, "%c{%s}",
		    message->type == MSG_NOTICE_RESPONSE ? 'N'
		    : error_is_fatal(&fields)		 ? 'F'
							 : 'E',
		    fields.sqlstate);
}

static void take_key(struct link *link, const struct message *message)
{
	link->pid = be32_get(message->body);
	link->key_len = message->body_len - 4;
	ck_assert_uint_le(link->key_len, sizeof(link->key));
	memcpy(link->key, message->body + 4, link->key_len);
}

static void describe_of_server(struct link *link, struct text *out, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);

	switch (message->type) {
	case MSG_DATA_ROW:
		ck_assert_uint_eq(reader_u16(&reader), 1);
		reader_u32(&reader);
		describe_bytes(out, 'D', reader.p, reader_left(&reader));
		break;
	case MSG_COMMAND_COMPLETE:
		text_printf(out, "C{%s}", (const char *)message->body);
		break;
	case MSG_READY_FOR_QUERY:
		text_printf(out, "Z{%c}", message->body[0]);
		break;
	case MSG_ERROR_RESPONSE:
	case MSG_NOTICE_RESPONSE:
		describe_error(link, out, message);
		break;
	case MSG_PARAMETER_STATUS:
		text_printf(out, "S{%s|", reader_cstring(&reader));
		text_printf(out, "%s}", reader_cstring(&reader));
		break;
	case MSG_COPY_DATA:
		describe_bytes(out, 'd', message->body, message->body_len);
		break;
	case MSG_NOTIFICATION_RESPONSE:
		reader_u32(&reader);
		text_printf(out, "A{%s}", reader_cstring(&reader));
		break;
	case MSG_BACKEND_KEY_DATA:
		take_key(link, message);
		text_add_char(out, 'K');
		break;
	default:
		text_add_char(out, (char)message->type);
	}
}

/* The first packet of a server's connection has no type byte. */
static bool describe_start(struct link *link, struct text *out)
{
	const uint8_t *data = (const uint8_t *)link->sent.data + link->sent_at;
	struct startup startup;

	switch (startup_read(data, link->sent.len - link->sent_at, &startup)) {
	case STARTUP_LOGIN:
		text_printf(out, "start{%s|%s}", startup_find(&startup, "user"),
			    startup_find(&startup, "database"));
		break;
	case STARTUP_CANCEL:
		text_printf(out, "cancel{%u}", startup.pid);
		break;
	default:
		return false;
	}
	link->sent_at += startup.len;
	link->started = true;
	return true;
}

static bool describe_next(struct link *link, struct text *out)
{
	const uint8_t *data = (const uint8_t *)link->sent.data + link->sent_at;
	size_t avail = link->sent.len - link->sent_at;
	struct message message;

	if (avail == 0)
		return false;
	if (link->kind == LINK_SERVER && !link->started)
		return describe_start(link, out);
	switch (message_find(data, avail, MESSAGE_MAX, &message)) {
	case PEEK_OK:
		break;
	case PEEK_SHORT:
		return false;
	case PEEK_BAD:
		ck_abort_msg("pgweir sent a broken message");
	}
	if (link->kind == LINK_SERVER)
		describe_of_client(out, &message);
	else
		describe_of_server(link, out, &message);
	link->sent_at += message.len;
	return true;
}

static void add_word(struct text *out, const struct text *word, int times)
{
	if (times == 0)
		return;
	for (int i = 0; i < (times > 3 ? 1 : times); i++) {
		if (out->len != 0)
			text_add_char(out, ' ');
		text_add_n(out, word->data, word->len);
	}
	if (times > 3)
		text_printf(out, "*%d", times);
}

void script_describe(struct link *link, struct text *out)
{
	struct text last = { 0 }, word = { 0 };
	int times = 0;

	text_clear(out);
	while (describe_next(link, &word)) {
		if (times > 0 && strcmp(word.data, last.data) != 0) {
			add_word(out, &last, times);
			times = 0;
		}
		times++;
		text_clear(&last);
		text_add_n(&last, word.data, word.len);
		text_clear(&word);
	}
	add_word(out, &last, times);
	if (link->sent.len != link->sent_at)
		text_printf(out, "%s+%zu", out->len != 0 ? " " : "",
			    link->sent.len - link->sent_at);
	if (link->stream == NULL)
		text_add(out, out->len != 0 ? " EOF" : "EOF");
	text_done(&last);
	text_done(&word);
}
