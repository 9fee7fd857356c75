/* SPDX-License-Identifier: ISC */
/* Prepared statements, shared by text and parameter types. */
#include "pool/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sql/classify.h"
#include "sql/directive.h"

static struct map statements;
static uint64_t last_id;
static uint64_t bytes;

struct wanted {
	const uint8_t *body;
	uint32_t len;
};

static bool same(const void *value, const void *arg)
{
	const struct statement *statement = value;
	const struct wanted *wanted = arg;

	return statement->len == wanted->len &&
	       memcmp(statement->body, wanted->body, wanted->len) == 0;
}

/*
 * The verdict is that of standard_conforming_strings on and a harmless encoding; a client that
 * has set something else does not use it (session/route).
 */
static struct verdict judge(const uint8_t *text, uint32_t len)
{
	struct classify_options options = { .std_strings = true, .max_scan = CLASSIFY_MAX_SCAN };

	return classify((const char *)text, len, &options);
}

static enum route_choice read_hint(const uint8_t *text, uint32_t len)
{
	struct hint hint;

	return hint_read((const char *)text, len, &hint) == HINT_OK ? hint.route
								    : ROUTE_CHOICE_NONE;
}

struct statement *statement_intern(const uint8_t *body, uint32_t len, uint32_t text_len,
				   uint16_t type_count)
{
	struct wanted wanted = { body, len };
	uint64_t hash = map_hash(body, len);
	struct statement *statement = map_find_match(&statements, hash, same, &wanted);

	if (statement != NULL)
		return statement_ref(statement);
	statement = mem_alloc(sizeof(*statement) + len);
	statement->hash = hash;
	statement->id = ++last_id;
	statement->refs = 1;
	statement->len = len;
	statement->text_len = text_len;
	statement->type_count = type_count;
	memcpy(statement->body, body, len);
	statement->verdict = judge(body, text_len);
	statement->hint = (uint8_t)read_hint(body, text_len);
	map_add(&statements, hash, statement);
	bytes += sizeof(*statement) + len;
	return statement;
}

struct statement *statement_ref(struct statement *statement)
{
	statement->refs++;
	return statement;
}

void statement_unref(struct statement *statement)
{
	if (statement == NULL || --statement->refs != 0)
		return;
	map_remove(&statements, statement->hash, statement);
	bytes -= sizeof(*statement) + statement->len;
	free(statement);
	if (statements.count == 0)
		map_done(&statements);
}

void statement_name(const struct statement *statement, char *name)
{
	snprintf(name, STATEMENT_NAME_MAX, "PGWEIR_%llu", (unsigned long long)statement->id);
}

uint64_t statement_count(void)
{
	return statements.count;
}

uint64_t statement_bytes(void)
{
	return bytes;
}

/* A statement on a server. */
struct prepared {
	struct list_node node;
	struct statement *statement;
};

void prepared_set_init(struct prepared_set *set)
{
	memset(set, 0, sizeof(*set));
	list_init(&set->by_use);
}

static void forget(struct prepared_set *set, struct prepared *prepared)
{
	map_remove(&set->by_id, prepared->statement->id, prepared);
	list_remove(&prepared->node);
	statement_unref(prepared->statement);
	free(prepared);
}

void prepared_set_clear(struct prepared_set *set)
{
	struct list_node *node;

	while ((node = list_first(&set->by_use)) != NULL)
		forget(set, list_entry(node, struct prepared, node));
	map_done(&set->by_id);
}

bool prepared_set_has(struct prepared_set *set, const struct statement *statement)
{
	struct prepared *prepared = map_find(&set->by_id, statement->id);

	if (prepared == NULL)
		return false;
	if (list_last(&set->by_use) != &prepared->node) {
		list_remove(&prepared->node);
		list_append(&set->by_use, &prepared->node);
	}
	return true;
}

void prepared_set_add(struct prepared_set *set, struct statement *statement)
{
	struct prepared *prepared;

	if (prepared_set_has(set, statement))
		return;
	prepared = mem_zero(sizeof(*prepared));
	prepared->statement = statement_ref(statement);
	map_add(&set->by_id, statement->id, prepared);
	list_append(&set->by_use, &prepared->node);
}

void prepared_set_remove(struct prepared_set *set, const struct statement *statement)
{
	struct prepared *prepared = map_find(&set->by_id, statement->id);

	if (prepared != NULL)
		forget(set, prepared);
}

struct statement *prepared_set_surplus(const struct prepared_set *set, unsigned limit)
{
	struct list_node *node = list_first(&set->by_use);

	if (node == NULL || set->by_use.count <= limit)
		return NULL;
	return list_entry(node, struct prepared, node)->statement;
}
