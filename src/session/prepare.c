/* SPDX-License-Identifier: ISC */
/*
 * Prepared statements on their way to a server: names there are ours, so that clients share what
 * they prepare alike; what the server has is not prepared again, what it lacks is.
 *
 * What a batch changes (a name comes, goes, is given again) holds for the rest of that batch at
 * once: should a message in it fail, the server skips the rest, too.  A later batch that is sent
 * before the first one is answered cannot know, so a message that depends on it waits (settle).
 */
#include "session/prepare.h"

#include "proto/compose.h"
#include "session/request.h"

/* ---- waiting until it is known what there is ---- */

enum step prepare_settle(struct client *client)
{
	struct server *server = client_server(client);
	uint8_t packet[MESSAGE_HEADER];
	struct writer writer;

	forward_made_up(client, server);
	if (pending_is_empty(&server->pending)) {
		server->doubt = client->settles = false;
		return STEP_NEXT;
	}
	if ((client->in_batch || server->pending.open) && !server->pending.flushed) {
		writer_init(&writer, packet, sizeof(packet));
		compose_flush(&writer);
		stream_send(&server->stream, packet, (uint32_t)writer.len);
		if (pending_owes_client(&server->pending))
			request_forget_kept(client); /* replies must not be withheld */
		server->pending.flushed = true;
	}
	client->settles = true;
	return STEP_WAIT;
}

/* It is not known yet whether the client has this name. */
static bool is_unsettled(const struct server *server, const struct name_entry *entry)
{
	return entry != NULL && (entry->state == NAME_NEW || entry->state == NAME_CLOSING) &&
	       entry->batch != server->batch;
}

enum step prepare_find_name(struct client *client, const char *name, struct name_entry **entry)
{
	struct server *server = client_server(client);

	if (server->doubt && prepare_settle(client) != STEP_NEXT)
		return STEP_WAIT;
	*entry = names_find(client->names, name);
	if (*entry == NULL)
		return STEP_NEXT;
	if (is_unsettled(server, *entry))
		return prepare_settle(client);
	if ((*entry)->state == NAME_CLOSING)
		*entry = NULL;
	return STEP_NEXT;
}

/* ---- what is sent ---- */

void prepare_send_close(struct server *server, const char *name)
{
	uint8_t packet[MESSAGE_HEADER + 1 + STATEMENT_NAME_MAX];
	struct writer writer;

	writer_init(&writer, packet, sizeof(packet));
	compose_close(&writer, 'S', name);
	stream_send(&server->stream, packet, (uint32_t)writer.len);
}

void prepare_send_parse(struct server *server, const char *name, const void *body, uint32_t len)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	writer_begin(&writer, MSG_PARSE);
	writer_cstring(&writer, name);
	writer_bytes(&writer, body, len);
	writer_end(&writer);
	forward_text(server, &packet);
}

/*
 * The server may not hold more statements than the setting says, and, once memory for them becomes
 * scarce, none that no client has.
 */
static struct statement *find_surplus(const struct client *client)
{
	const struct settings *settings = &client_pool(client)->settings;
	const struct prepared_set *set = &client_server(client)->prepared;
	uint64_t scarce = (uint64_t)settings->max_statement_memory / 4 * 3;
	struct statement *oldest =
		prepared_set_surplus(set, (unsigned)settings->max_prepared_statements);

	if (oldest != NULL || scarce == 0 || statement_bytes() + names_total_bytes() < scarce)
		return oldest;
	oldest = prepared_set_surplus(set, 0);
	return oldest != NULL && oldest->clients == 0 ? oldest : NULL;
}

static void close_surplus(struct client *client)
{
	struct server *server = client_server(client);
	struct statement *oldest;

	while ((oldest = find_surplus(client)) != NULL) {
		prepare_send_close(server, oldest->name);
		prepare_owe(client, PENDING_CLOSE, PENDING_DROP, MARK_SURPLUS,
			    statement_ref(oldest));
		prepared_set_close(&server->prepared, oldest, server->batch);
	}
}

enum prepared prepare_find(const struct client *client, const struct name_entry *entry)
{
	struct server *server = client_server(client);

	return prepared_set_find(&server->prepared, entry->statement, server->batch);
}

void prepare_on_server(struct client *client, struct name_entry *entry, enum pending_action action)
{
	struct server *server = client_server(client);
	struct statement *statement = entry->statement;
	enum prepared before = prepare_find(client, entry);
	enum pending_mark mark = before == PREPARED_NOT ? MARK_NONE : MARK_ANEW;

	if (before == PREPARED_STALE || before == PREPARED_READY) {
		prepare_send_close(server, statement->name);
		prepare_owe(client, PENDING_CLOSE, PENDING_DROP, MARK_OURS, NULL);
	}
	prepare_send_parse(server, statement->name, statement->body, statement->len);
	prepare_owe(client, PENDING_PARSE, action, mark, name_ref(entry));
	prepared_set_add(&server->prepared, statement, server->batch);
	client_pool(client)->stats.server_parses++;
	close_surplus(client);
}

enum step prepare_ensure(struct client *client, struct name_entry *entry)
{
	switch (prepare_find(client, entry)) {
	case PREPARED_READY:
		return STEP_NEXT;
	case PREPARED_UNSURE:
		if (prepare_settle(client) != STEP_NEXT)
			return STEP_WAIT;
		return prepare_ensure(client, entry);
	case PREPARED_NOT:
	case PREPARED_STALE:
	case PREPARED_CLOSING:
		break;
	}
	prepare_on_server(client, entry, PENDING_DROP);
	return STEP_NEXT;
}
