/* SPDX-License-Identifier: ISC */
/*
 * DEALLOCATE in SQL of a statement that the protocol gave a name, as drivers say it: the server
 * does not know that name, and has the statement for others, too.
 */
#include "session/deallocate.h"

#include <stdio.h>
#include <string.h>

#include "proto/compose.h"
#include "proto/message.h"
#include "session/measure.h"
#include "session/prepare.h"
#include "session/replies.h"
#include "session/timeouts.h"
#include "sql/directive.h"

/* A DEALLOCATE is hardly longer. */
#define DEALLOCATE_TEXT_MAX 192u

/* The name that the text drops; NULL if it is something else. */
static struct name_entry *find_dropped(const struct client *client, const char *sql, uint32_t len)
{
	char name[DEALLOCATE_NAME_MAX];

	if (len > DEALLOCATE_TEXT_MAX || client->names == NULL || !prepare_tracks_names(client) ||
	    !deallocate_begins(sql, len) || !deallocate_read(sql, len, name, sizeof(name)))
		return NULL;
	return names_find(client->names, name);
}

/*
 * The server is given a statement of the client's name, so that it has one to drop.  It may have
 * one already, of a request that failed before it came to its DEALLOCATE.
 */
static enum step lend_name(struct client *client, const char *name)
{
	static const uint8_t empty[3];
	struct text packet = { 0 };
	struct writer writer;
	struct name_entry *entry;

	if (prepare_is_reserved(name))
		return STEP_NEXT;
	if (prepare_find_name(client, name, &entry) != STEP_NEXT)
		return STEP_WAIT;
	if (entry == NULL)
		return STEP_NEXT;
	writer_init_text(&writer, &packet);
	compose_close(&writer, 'S', name);
	forward_text(client_server(client), &packet);
	prepare_owe(client, PENDING_CLOSE, PENDING_DROP, MARK_OURS, NULL);
	prepare_send_parse(client_server(client), name, empty, sizeof(empty));
	prepare_owe(client, PENDING_PARSE, PENDING_DROP, MARK_OURS, NULL);
	names_expect(client->names, entry);
	client_server(client)->doubt = true;
	return STEP_NEXT;
}

/* A DEALLOCATE among other statements: psqlODBC has a savepoint around it. */
static enum step lend_among_others(struct client *client, const char *sql, uint32_t len)
{
	char name[DEALLOCATE_NAME_MAX];

	if (names_count(client->names) == 0 || memchr(sql, ';', len) == NULL ||
	    !deallocate_find(sql, len, name, sizeof(name)))
		return STEP_NEXT;
	return lend_name(client, name);
}

enum step deallocate_lend(struct client *client, const struct statement *statement)
{
	const char *text = (const char *)statement->body;
	char name[DEALLOCATE_NAME_MAX];

	if (!pending_owes_client(&client_server(client)->pending))
		names_expect(client->names, NULL);
	if (statement->text_len > DEALLOCATE_TEXT_MAX ||
	    !deallocate_read(text, statement->text_len, name, sizeof(name)))
		return STEP_NEXT;
	return lend_name(client, name);
}

/* The client's name goes; the server keeps the statement, for others. */
static void drop_name(struct client *client, struct name_entry *entry, uint32_t len)
{
	bool in_block = client->block == BLOCK_OPEN;
	uint8_t packet[64];
	struct writer writer;

	names_remove(client->names, entry);
	writer_init(&writer, packet, sizeof(packet));
	compose_command_complete(&writer, "DEALLOCATE");
	compose_ready_for_query(&writer, in_block ? 'T' : 'I');
	client_send(client, packet, (uint32_t)writer.len);
	stream_skip(&client->stream, len);
	client->in_batch = false;
	client_server(client)->batch++;
	replies_lose_unnamed(client);
	request_forget_kept(client);
	measure_end(client, client->block == BLOCK_NONE);
	if (client->block == BLOCK_NONE)
		timeouts_transaction_ended(client);
	else
		timeouts_transaction_idle(client);
	request_finished(client);
}

enum step deallocate_answer(struct client *client, uint32_t len, bool *answered)
{
	const char *sql = (const char *)stream_data(&client->stream) + MESSAGE_HEADER;
	struct name_entry *entry;

	*answered = false;
	if (len <= MESSAGE_HEADER || len > DEALLOCATE_TEXT_MAX || !prepare_tracks_names(client))
		return STEP_NEXT;
	if (!forward_is_whole(client, len))
		return STEP_WAIT;
	if (!deallocate_begins(sql, len - MESSAGE_HEADER - 1))
		return lend_among_others(client, sql, len - MESSAGE_HEADER - 1);
	client_server(client)->doubt = true;
	entry = find_dropped(client, sql, len - MESSAGE_HEADER - 1);
	if (entry == NULL)
		return STEP_NEXT;
	if (client->in_batch || client_server(client)->pending.open)
		return lend_name(client, entry->text); /* PostgreSQL has a batch to end */
	if (prepare_settle(client) != STEP_NEXT)
		return STEP_WAIT;
	if (client_server(client)->transaction == 'E')
		return STEP_NEXT;
	drop_name(client, entry, len);
	*answered = true;
	return STEP_NEXT;
}

/*
 * In the extended protocol the server is given a statement that is there for this, and parses
 * the client's DEALLOCATE as one of it: so all answers are its own.
 */
static void parse_stand_in(struct client *client, struct name_entry *entry,
			   const struct statement *statement)
{
	static uint64_t number;
	static const uint8_t empty[3];
	struct server *server = client_server(client);
	uint32_t types_at = statement->text_len + 1;
	char name[STATEMENT_NAME_MAX], sql[64];
	struct text packet = { 0 };
	struct writer writer;

	snprintf(name, sizeof(name), GONE_STATEMENT "%llu", (unsigned long long)++number);
	snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
	prepare_send_parse(server, name, empty, sizeof(empty));
	prepare_owe(client, PENDING_PARSE, PENDING_DROP, MARK_OURS, NULL);
	writer_init_text(&writer, &packet);
	writer_begin(&writer, MSG_PARSE);
	writer_cstring(&writer, "");
	writer_cstring(&writer, sql);
	writer_bytes(&writer, statement->body + types_at, statement->len - types_at);
	writer_end(&writer);
	forward_text(server, &packet);
	names_expect(client->names, entry);
}

bool deallocate_translate(struct client *client, const struct statement *statement)
{
	const char *text = (const char *)statement->body;
	struct name_entry *entry = find_dropped(client, text, statement->text_len);

	client_server(client)->doubt |= deallocate_begins(text, statement->text_len);
	if (entry == NULL || entry->state == NAME_CLOSING)
		return false;
	parse_stand_in(client, entry, statement);
	return true;
}
