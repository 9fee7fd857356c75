/* SPDX-License-Identifier: ISC */
/*
 * Looks through a request before it is sent anywhere.  The strictest statement decides: every
 * statement of a string, every message up to Sync.
 */
#include "session/scan.h"

#include <string.h>
#include <strings.h>

#include "base/intern.h"
#include "proto/extended.h"
#include "proto/message.h"
#include "session/client.h"
#include "session/names.h"
#include "sql/classify.h"
#include "sql/judgement.h"

static bool std_strings(const struct client *client)
{
	const char *value = parameters_value(client->wanted, PARAMETER_STD_STRINGS);

	return value == NULL || strcasecmp(value, "off") != 0;
}

/* Encodings in which a byte of a character can look like a quote or a backslash. */
static bool encoding_is_unsafe(const struct client *client)
{
	static const char *const names[] = { "SJIS",  "BIG5",	 "GBK",		  "UHC",
					     "JOHAB", "GB18030", "SHIFT_JIS_2004" };
	static const char *last; /* interned, so the same pointer is the same encoding */
	static bool last_unsafe;
	const char *encoding = parameters_value(client->wanted, PARAMETER_CLIENT_ENCODING);

	if (encoding == NULL || encoding == last)
		return encoding != NULL && last_unsafe;
	intern_unref(last);
	last = intern_ref(encoding); /* or another string could get its address */
	last_unsafe = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(encoding, names[i]) == 0)
			last_unsafe = true;
	return last_unsafe;
}

/* Whether a text is to the client what it is to a judgement. */
static bool reads_alike(const struct client *client)
{
	return std_strings(client) && !encoding_is_unsafe(client);
}

struct verdict client_classify(const struct client *client, const char *sql, uint32_t len)
{
	struct classify_options options = {
		.std_strings = std_strings(client),
		.unsafe_encoding = encoding_is_unsafe(client),
		.max_scan = CLASSIFY_MAX_SCAN,
	};

	return classify(sql, len, &options);
}

static struct verdict doubt(void)
{
	struct verdict verdict = { .route = ROUTE_PRIMARY,
				   .why = WHY_DOUBT_SIZE,
				   .statements = 1,
				   .flags = VERDICT_DOUBT | VERDICT_OPAQUE };

	return verdict;
}

static bool read_query(struct client *client, const struct message *message,
		       struct request *request)
{
	struct hint hint;

	if (message->body_len == 0 || message->body[message->body_len - 1] != '\0')
		return false;
	request->simple = true;
	request->sql = (const char *)message->body;
	request->sql_len = message->body_len - 1;
	request->verdict = client_classify(client, request->sql, request->sql_len);
	if (hint_read(request->sql, request->sql_len, &hint) == HINT_OK)
		request->hint = hint.route;
	return true;
}

static void join(struct request *request, struct verdict verdict)
{
	request->verdict = verdict_join(request->verdict, verdict);
}

/* Of several in one batch the strictest holds. */
static void take_hint(struct request *request, enum route_choice choice)
{
	if (choice != ROUTE_CHOICE_NONE && request->hint != ROUTE_CHOICE_PRIMARY)
		request->hint = choice;
}

static bool read_parse(struct client *client, const struct message *message,
		       struct request *request)
{
	struct parse_message parse;
	struct judgement judgement;

	if (!parse_read(message->body, message->body_len, &parse))
		return false;
	judgement = judgement_of(parse.query, parse.query_len);
	if (!reads_alike(client))
		judgement.verdict = client_classify(client, parse.query, parse.query_len);
	join(request, judgement.verdict);
	take_hint(request, judgement.hint);
	return true;
}

/* A statement that was prepared before: its verdict stands with it. */
static void use_statement(struct client *client, const char *name, bool parsed_here,
			  struct request *request)
{
	struct statement *statement = NULL;

	if (name[0] != '\0') {
		struct name_entry *entry = names_find(client->names, name);

		statement = entry != NULL ? entry->statement : NULL;
	} else if (!parsed_here) {
		statement = client->unnamed;
	}
	if (statement == NULL)
		return; /* parsed in this very request, or unknown: the server will say so */
	take_hint(request, (enum route_choice)statement_hint(statement));
	if (!reads_alike(client))
		join(request,
		     client_classify(client, (const char *)statement->body, statement->text_len));
	else
		join(request, *statement_verdict(statement));
}

static bool read_extended(struct client *client, const struct message *message,
			  struct request *request, bool *unnamed_parsed)
{
	struct target_message target;
	struct bind_message bind;

	switch (message->type) {
	case MSG_PARSE:
		*unnamed_parsed |= message->body_len != 0 && message->body[0] == '\0';
		return read_parse(client, message, request);
	case MSG_BIND:
		if (bind_read(message->body, message->body_len, message->body_len, &bind) !=
		    PEEK_OK)
			return false;
		use_statement(client, bind.statement, *unnamed_parsed, request);
		return true;
	case MSG_DESCRIBE:
		if (!target_read(message->body, message->body_len, &target))
			return false;
		if (target.kind == 'S')
			use_statement(client, target.name, *unnamed_parsed, request);
		return true;
	case MSG_FUNCTION_CALL:
	case MSG_QUERY: /* behind extended messages without a Sync */
		join(request, doubt());
		return true;
	default:
		return true;
	}
}

enum scan request_scan(struct client *client, struct request *request)
{
	const uint8_t *data = stream_data(&client->stream);
	uint32_t avail = stream_available(&client->stream), at = 0;
	uint32_t limit = (uint32_t)client_pool(client)->settings.route_buffer;
	bool unnamed_parsed = false;

	memset(request, 0, sizeof(*request));
	request->verdict.route = ROUTE_EITHER;
	for (;;) {
		struct message message;
		uint8_t type;
		uint32_t len;

		if (at != 0 && at + MESSAGE_HEADER > limit) {
			request->verdict = doubt(); /* no room for the header of what follows */
			return SCAN_READY;
		}
		if (message_peek(data + at, avail - at, MESSAGE_MAX, &type, &len) == PEEK_BAD)
			return SCAN_BAD;
		if (avail - at >= MESSAGE_HEADER && (len > limit || at + len > limit)) {
			request->verdict = doubt();
			request->simple = at == 0 && type == MSG_QUERY;
			return SCAN_READY;
		}
		if (message_find(data + at, avail - at, MESSAGE_MAX, &message) != PEEK_OK) {
			stream_want(&client->stream, limit);
			return SCAN_MORE;
		}
		at += message.len;
		if (message.type == MSG_QUERY && at == message.len) {
			request->len = at;
			return read_query(client, &message, request) ? SCAN_READY : SCAN_BAD;
		}
		if (!read_extended(client, &message, request, &unnamed_parsed))
			return SCAN_BAD;
		if (message.type == MSG_SYNC || message.type == MSG_FLUSH ||
		    message.type == MSG_QUERY || message.type == MSG_FUNCTION_CALL) {
			request->len = at;
			request->open = message.type == MSG_FLUSH;
			return SCAN_READY;
		}
		if (at == avail && at + MESSAGE_HEADER <= limit) {
			stream_want(&client->stream, limit);
			return SCAN_MORE;
		}
	}
}
