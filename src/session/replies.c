/* SPDX-License-Identifier: ISC */
/* What the replies to messages about prepared statements make true. */
#include "session/replies.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"
#include "proto/extended.h"
#include "session/client.h"
#include "session/forward.h"
#include "session/names.h"
#include "sql/directive.h"

/* Where PostgreSQL says that a statement's columns are not what they were. */
#define OUTDATED_ROUTINE "RevalidateCachedQuery"

struct own_error {
	char sqlstate[6];
	char text[];
};

void *own_error_new(const char *sqlstate, const char *text)
{
	size_t len = strlen(text) + 1;
	struct own_error *error = mem_zero(sizeof(*error) + len);

	memcpy(error->sqlstate, sqlstate, 5);
	memcpy(error->text, text, len);
	return error;
}

/* ---- done ---- */

/* What the unnamed statement is now, as the client means it. */
static void set_unnamed(struct client *client, struct server *server, struct statement *statement)
{
	statement_unref(client->unnamed);
	client->unnamed = statement;
	server->unnamed = statement != NULL ? statement->id : 0;
	server->unnamed_lease = server->leases;
}

void replies_forget_unnamed(struct client *client, struct server *server)
{
	set_unnamed(client, server, NULL);
}

void replies_lose_unnamed(struct client *client)
{
	struct server *server = client_server(client);

	statement_unref(client->unnamed);
	client->unnamed = NULL;
	if (server != NULL)
		server->unnamed_lease = 0;
}

static void name_done(struct client *client, struct server *server,
		      const struct pending_entry *entry)
{
	struct name_entry *name = entry->subject;

	if (name == NULL)
		return;
	if (entry->kind == PENDING_CLOSE) {
		names_remove(client->names, name);
	} else if (entry->kind == PENDING_PARSE) {
		if (entry->action != PENDING_MAKE_UP)
			prepared_set_confirm(&server->prepared, name->statement);
		if (entry->action != PENDING_DROP && client->replaying && !name->confirmed)
			names_remove(client->names, name); /* it is parsed anew */
		else if (entry->action != PENDING_DROP)
			names_confirm(client->names, name);
	}
	name_unref(name);
}

/* ---- parameters and columns ---- */

void replies_parameters(struct pending_entry *entry, const struct message *message)
{
	if (entry->subject != NULL)
		entry->note = (uint32_t)map_hash(message->body, message->body_len) | 1;
}

/* As PostgreSQL compares result types: names, types and modifiers, not where they come from. */
static uint64_t hash_columns(const struct message *message)
{
	uint64_t hash = 0;
	struct reader reader = reader_over(message->body, message->body_len);
	uint16_t count = message->type == MSG_ROW_DESCRIPTION ? reader_u16(&reader) : 0;

	for (hash = hash * 31 + count; count > 0 && !reader.bad; count--) {
		const char *name = reader_cstring(&reader);

		if (reader.bad)
			break;
		hash = hash * 31 + map_hash(name, strlen(name));
		reader_bytes(&reader, 6);		    /* table and attribute */
		hash = hash * 31 + reader_u32(&reader);	    /* type */
		reader_u16(&reader);			    /* its size */
		hash = hash * 31 + reader_u32(&reader) + 1; /* modifier */
		reader_u16(&reader);			    /* format */
	}
	return hash | 1;
}

/* Whether parameters (0: a portal has none) or columns are not what was described before. */
static bool takes_shape(struct statement *statement, uint32_t parameters, uint64_t columns)
{
	bool changed = (statement->columns != 0 && statement->columns != columns) ||
		       (statement->parameters != 0 && parameters != 0 &&
			statement->parameters != parameters);

	statement->columns = columns;
	if (parameters != 0)
		statement->parameters = parameters;
	return changed;
}

/* Most drivers that keep to portals ask each time: nothing is to be learned from that. */
static bool is_known_portal(const struct pending_entry *entry, const struct name_entry *name)
{
	return entry->note == 0 && name->described &&
	       name->generation == name->statement->generation && name->statement->columns != 0;
}

void replies_described(struct client *client, struct server *server,
		       const struct pending_entry *entry, const struct message *message)
{
	struct name_entry *name = entry->subject;
	struct statement *statement;

	if (name == NULL)
		return;
	statement = name->statement;
	if (message != NULL && !is_known_portal(entry, name) &&
	    takes_shape(statement, entry->note, hash_columns(message))) {
		prepared_set_outdate(&server->prepared, statement);
		prepared_set_add(&server->prepared, statement, server->batch);
		prepared_set_confirm(&server->prepared, statement);
	}
	if (entry->action == PENDING_FORWARD && !client->replaying) {
		name->described = true;
		name->generation = statement->generation;
	}
	name_unref(name);
}

/* ---- not done ---- */

static void unnamed_undone(struct client *client, struct server *server,
			   const struct pending_entry *entry, bool ran)
{
	if (ran && entry->kind == PENDING_PARSE) {
		if (entry->action == PENDING_FORWARD)
			set_unnamed(client, server, NULL);
		server->unnamed = 0;
	}
	statement_unref(entry->subject);
}

static void name_undone(struct client *client, struct server *server,
			const struct pending_entry *entry)
{
	struct name_entry *name = entry->subject;

	if (name == NULL)
		return;
	if (entry->kind == PENDING_CLOSE)
		names_reopen(client->names, name);
	if (entry->kind == PENDING_PARSE && entry->action != PENDING_MAKE_UP) {
		if (entry->mark == MARK_ANEW)
			prepared_set_spoil(&server->prepared, name->statement);
		else
			prepared_set_remove(&server->prepared, name->statement);
	}
	if (entry->kind == PENDING_PARSE && entry->action != PENDING_DROP && !name->confirmed)
		names_remove(client->names, name);
	name_unref(name);
}

/* ---- one or the other ---- */

enum outcome {
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_SKIPPED,
};

static void conclude(struct client *client, struct server *server,
		     const struct pending_entry *entry, enum outcome outcome)
{
	switch ((enum pending_mark)entry->mark) {
	case MARK_UNNAMED:
		if (outcome == OUTCOME_DONE)
			set_unnamed(client, server, entry->subject);
		else
			unnamed_undone(client, server, entry, outcome == OUTCOME_FAILED);
		break;
	case MARK_SURPLUS:
		if (outcome == OUTCOME_DONE)
			prepared_set_closed(&server->prepared, entry->subject);
		else
			prepared_set_reopen(&server->prepared, entry->subject);
		statement_unref(entry->subject);
		break;
	case MARK_OWN_ERROR:
		free(entry->subject);
		break;
	case MARK_OURS:
		break;
	case MARK_DUPLICATE:
		/* If the name was free after all, what the server has under it is nobody's. */
		name_unref(entry->subject);
		break;
	default:
		if (outcome == OUTCOME_DONE)
			name_done(client, server, entry);
		else
			name_undone(client, server, entry);
	}
}

void replies_done(struct client *client, struct server *server, const struct pending_entry *entry)
{
	conclude(client, server, entry, OUTCOME_DONE);
}

void replies_undo(struct client *client, struct server *server, const struct pending_entry *entry,
		  bool ran)
{
	conclude(client, server, entry, ran ? OUTCOME_FAILED : OUTCOME_SKIPPED);
}

/* ---- all of them ---- */

void replies_deallocated(struct client *client)
{
	names_deallocated(client->names);
}

void replies_deallocated_all(struct client *client, struct server *server)
{
	prepared_set_deallocate(&server->prepared);
	names_clear(client->names);
}

/* ---- errors ---- */

/* Of which name an entry is, if it is about one. */
static struct name_entry *name_of(const struct pending_entry *entry)
{
	bool named = entry->mark == MARK_NONE || entry->mark == MARK_ANEW ||
		     entry->mark == MARK_DUPLICATE;

	return named ? entry->subject : NULL;
}

/* A field of an error, "" if it is not there. */
static const char *error_field(const struct message *message, uint8_t wanted)
{
	struct reader reader = reader_over(message->body, message->body_len);
	uint8_t type;

	while ((type = reader_u8(&reader)) != 0) {
		const char *value = reader_cstring(&reader);

		if (type == wanted && !reader.bad)
			return value;
	}
	return "";
}

/*
 * The plan is of a table or a type that is another one by now: "cached plan must not change result
 * type" and "type with OID ... does not exist", in whatever language, and what PostgreSQL never
 * translates.
 */
static bool is_outdated(const struct message *message)
{
	static const struct {
		const char *sqlstate;
		const char *routine; /* NULL: any */
		const char *text;    /* that begins the message */
	} signs[] = {
		{ SQLSTATE_FEATURE_NOT_SUPPORTED, OUTDATED_ROUTINE, "" },
		{ SQLSTATE_UNDEFINED_OBJECT, "lookup_type_cache", "" },
		{ SQLSTATE_INTERNAL_ERROR, NULL, "cache lookup failed for type " },
	};
	const char *sqlstate = error_field(message, 'C');

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strcmp(sqlstate, signs[i].sqlstate) == 0)
			return (signs[i].routine == NULL ||
				strcmp(error_field(message, 'R'), signs[i].routine) == 0) &&
			       strncmp(error_field(message, 'M'), signs[i].text,
				       strlen(signs[i].text)) == 0;
	return false;
}

static bool is_lost(const struct message *message)
{
	return strcmp(error_field(message, 'C'), SQLSTATE_UNDEFINED_PSTATEMENT) == 0;
}

static bool is_foreign(const struct pending_entry *entry, const struct message *message)
{
	return entry->kind == PENDING_PARSE && entry->mark != MARK_DUPLICATE &&
	       strcmp(error_field(message, 'C'), SQLSTATE_DUPLICATE_PSTATEMENT) == 0;
}

void replies_note_error(struct server *server, struct pending_entry *entry,
			const struct message *message)
{
	struct name_entry *name = name_of(entry);

	if (name == NULL)
		return;
	if (is_foreign(entry, message)) {
		entry->mark = MARK_ANEW; /* to be closed first */
	} else if (entry->kind == PENDING_BIND || entry->kind == PENDING_DESCRIBE) {
		if (is_outdated(message))
			prepared_set_outdate(&server->prepared, name->statement);
		else if (is_lost(message) && name->state != NAME_GONE)
			prepared_set_spoil(&server->prepared, name->statement);
	}
}

/* In the request that was kept, whoever binds this name asks for the columns right behind. */
static bool asks_for_columns(const struct client *client, const char *name)
{
	const uint8_t *data = client->kept->data;
	uint32_t avail = chunk_len(client->kept), at = 0;
	struct message message, next;
	struct bind_message bind;

	for (; message_find(data + at, avail - at, MESSAGE_MAX, &message) == PEEK_OK;) {
		at += message.len;
		if (message.type != MSG_BIND ||
		    bind_read(message.body, message.body_len, message.body_len, &bind) != PEEK_OK ||
		    strcmp(bind.statement, name) != 0)
			continue;
		if (message_find(data + at, avail - at, MESSAGE_MAX, &next) != PEEK_OK ||
		    next.type != MSG_DESCRIBE || next.body_len == 0 || next.body[0] != 'P')
			return false;
	}
	return true;
}

bool replies_mends(const struct client *client, const struct pending_entry *entry,
		   const struct message *message)
{
	const struct name_entry *name = name_of(entry);

	if (name == NULL || name->state == NAME_GONE)
		return false;
	if (is_foreign(entry, message))
		return true;
	if (entry->kind != PENDING_BIND && entry->kind != PENDING_DESCRIBE)
		return false;
	if (is_lost(message))
		return true;
	return is_outdated(message) && (!name->described || entry->kind == PENDING_DESCRIBE ||
					asks_for_columns(client, name->text));
}

/* Copies the fields with another name in the message. */
static void write_fields(struct writer *writer, const struct message *message, const char *found,
			 size_t found_len, const char *name)
{
	struct reader reader = reader_over(message->body, message->body_len);
	uint8_t type;

	writer_begin(writer, MSG_ERROR_RESPONSE);
	while ((type = reader_u8(&reader)) != 0) {
		const char *value = reader_cstring(&reader);

		writer_u8(writer, type);
		if (found >= value && found < value + strlen(value)) {
			writer_bytes(writer, value, (size_t)(found - value));
			writer_bytes(writer, name, strlen(name));
			value = found + found_len;
		}
		writer_cstring(writer, value);
	}
	writer_u8(writer, 0);
	writer_end(writer);
}

/*
 * Where PostgreSQL would have found it: drivers go by that, not by the SQLSTATE, when they decide
 * to prepare anew and try again.
 */
static const char *routine_of(const char *sqlstate)
{
	if (strcmp(sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) == 0)
		return OUTDATED_ROUTINE;
	if (strcmp(sqlstate, SQLSTATE_UNDEFINED_PSTATEMENT) == 0)
		return "FetchPreparedStatement";
	return NULL;
}

/* The unnamed DEALLOCATE was run before, and has dropped what stood for the client's name. */
static bool word_gone(const struct client *client, const struct message *message,
		      struct writer *writer)
{
	const size_t prefix = strlen(GONE_STATEMENT);
	const struct statement *unnamed = client->unnamed;
	char name[DEALLOCATE_NAME_MAX];
	const char *found;

	if (unnamed == NULL || !is_lost(message) ||
	    (found = strstr(error_field(message, 'M'), GONE_STATEMENT)) == NULL ||
	    !deallocate_read((const char *)unnamed->body, unnamed->text_len, name, sizeof(name)))
		return false;
	write_fields(writer, message, found, prefix + strspn(found + prefix, "0123456789"), name);
	return true;
}

bool replies_word_error(const struct client *client, const struct pending_entry *entry,
			const struct message *message, struct text *packet)
{
	const struct name_entry *name = name_of(entry);
	const char *ours = SCRATCH_STATEMENT;
	const char *found;
	struct writer writer;

	writer_init_text(&writer, packet);
	if (entry->mark == MARK_OWN_ERROR) {
		const struct own_error *error = entry->subject;

		compose_error_of(&writer, error->sqlstate, error->text,
				 routine_of(error->sqlstate));
		return true;
	}
	if (entry->kind == PENDING_EXECUTE)
		return word_gone(client, message, &writer);
	if (name == NULL)
		return false;
	if (entry->mark != MARK_DUPLICATE)
		ours = name->statement->name;
	found = strstr(error_field(message, 'M'), ours);
	if (found == NULL || (found[strlen(ours)] >= '0' && found[strlen(ours)] <= '9'))
		return false;
	write_fields(&writer, message, found, strlen(ours), name->text);
	return true;
}
