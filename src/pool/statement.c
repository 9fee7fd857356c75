/* SPDX-License-Identifier: ISC */
/* Prepared statements, shared by text and parameter types. */
#include "pool/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sql/judgement.h"

static struct map statements;
static uint64_t last_id;
static uint64_t bytes;

struct wanted {
	const uint8_t *body;
	uint32_t len;
};

bool statement_is(const struct statement *statement, const uint8_t *body, uint32_t len)
{
	return statement->len == len && memcmp(statement->body, body, len) == 0;
}

static bool same(const void *value, const void *arg)
{
	const struct wanted *wanted = arg;

	return statement_is(value, wanted->body, wanted->len);
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
	memset(statement, 0, sizeof(*statement));
	statement->hash = hash;
	statement->id = ++last_id;
	snprintf(statement->name, sizeof(statement->name), STATEMENT_PREFIX "%llu",
		 (unsigned long long)statement->id);
	statement->refs = 1;
	statement->len = len;
	statement->text_len = text_len;
	statement->type_count = type_count;
	memcpy(statement->body, body, len);
	map_add(&statements, hash, statement);
	bytes += sizeof(*statement) + len;
	return statement;
}

static void judge(struct statement *statement)
{
	struct judgement judgement =
		judgement_of((const char *)statement->body, statement->text_len);

	statement->verdict = judgement.verdict;
	statement->hint = (uint8_t)judgement.hint;
	statement->judged = true;
}

const struct verdict *statement_verdict(struct statement *statement)
{
	if (!statement->judged)
		judge(statement);
	return &statement->verdict;
}

uint8_t statement_hint(struct statement *statement)
{
	if (!statement->judged)
		judge(statement);
	return statement->hint;
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

uint64_t statement_count(void)
{
	return statements.count;
}

uint64_t statement_bytes(void)
{
	return bytes;
}

const struct statement *statement_walk(size_t *at)
{
	return map_walk(&statements, at);
}

enum copy_state {
	COPY_SENT, /* its Parse is under way */
	COPY_THERE,
	COPY_CLOSING, /* its Close is under way */
};

/* A statement on a server. */
struct copy {
	struct list_node node;
	struct statement *statement;
	uint32_t generation; /* of the statement, when it was prepared here; another one: stale */
	uint32_t batch;	     /* in which the state became what it is */
	uint8_t state;
};

void prepared_set_init(struct prepared_set *set)
{
	memset(set, 0, sizeof(*set));
	list_init(&set->by_use);
}

static struct copy *find(const struct prepared_set *set, const struct statement *statement)
{
	return map_find(&set->by_id, statement->id);
}

static void forget(struct copy *copy)
{
	if (list_has(&copy->node))
		list_remove(&copy->node);
	copy->statement->servers--;
	statement_unref(copy->statement);
	free(copy);
}

void prepared_set_clear(struct prepared_set *set)
{
	struct copy *copy;
	size_t at = 0;

	while ((copy = map_walk(&set->by_id, &at)) != NULL)
		forget(copy);
	map_done(&set->by_id);
}

static void use(struct prepared_set *set, struct copy *copy)
{
	if (list_last(&set->by_use) == &copy->node)
		return;
	if (list_has(&copy->node))
		list_remove(&copy->node);
	list_append(&set->by_use, &copy->node);
}

enum prepared prepared_set_find(struct prepared_set *set, const struct statement *statement,
				uint32_t batch)
{
	struct copy *copy = find(set, statement);

	if (copy == NULL)
		return PREPARED_NOT;
	if (copy->state != COPY_THERE && copy->batch != batch)
		return PREPARED_UNSURE;
	if (copy->state == COPY_CLOSING)
		return PREPARED_CLOSING;
	if (copy->generation != statement->generation)
		return PREPARED_STALE;
	use(set, copy);
	return PREPARED_READY;
}

static struct copy *make(struct prepared_set *set, struct statement *statement)
{
	struct copy *copy = find(set, statement);

	if (copy == NULL) {
		copy = mem_zero(sizeof(*copy));
		copy->statement = statement_ref(statement);
		statement->servers++;
		map_add(&set->by_id, statement->id, copy);
	}
	use(set, copy);
	return copy;
}

void prepared_set_add(struct prepared_set *set, struct statement *statement, uint32_t batch)
{
	struct copy *copy = make(set, statement);

	copy->state = COPY_SENT;
	copy->batch = batch;
	copy->generation = statement->generation;
}

void prepared_set_confirm(struct prepared_set *set, const struct statement *statement)
{
	struct copy *copy = find(set, statement);

	if (copy != NULL && copy->state == COPY_SENT)
		copy->state = COPY_THERE;
}

void prepared_set_remove(struct prepared_set *set, const struct statement *statement)
{
	struct copy *copy = find(set, statement);

	if (copy == NULL)
		return;
	map_remove(&set->by_id, statement->id, copy);
	forget(copy);
}

void prepared_set_close(struct prepared_set *set, const struct statement *statement, uint32_t batch)
{
	struct copy *copy = find(set, statement);

	if (copy == NULL)
		return;
	copy->state = COPY_CLOSING;
	copy->batch = batch;
	if (list_has(&copy->node))
		list_remove(&copy->node);
}

void prepared_set_closed(struct prepared_set *set, const struct statement *statement)
{
	struct copy *copy = find(set, statement);

	if (copy != NULL && copy->state == COPY_CLOSING)
		prepared_set_remove(set, statement);
}

void prepared_set_reopen(struct prepared_set *set, const struct statement *statement)
{
	struct copy *copy = find(set, statement);

	if (copy == NULL || copy->state != COPY_CLOSING)
		return;
	copy->state = COPY_THERE;
	use(set, copy);
}

void prepared_set_deallocate(struct prepared_set *set)
{
	struct map kept = { 0 };
	struct copy *copy;
	size_t at = 0;

	while ((copy = map_walk(&set->by_id, &at)) != NULL) {
		if (copy->state == COPY_SENT || copy->state == COPY_CLOSING)
			map_add(&kept, copy->statement->id, copy);
		else
			forget(copy);
	}
	map_done(&set->by_id);
	set->by_id = kept;
}

void prepared_set_spoil(struct prepared_set *set, struct statement *statement)
{
	struct copy *copy = make(set, statement);

	copy->state = COPY_THERE;
	copy->generation = statement->generation - 1;
}

void prepared_set_outdate(const struct prepared_set *set, struct statement *statement)
{
	const struct copy *copy = find(set, statement);

	if (copy == NULL || copy->generation == statement->generation)
		statement->generation++;
}

struct statement *prepared_set_surplus(const struct prepared_set *set, unsigned limit)
{
	struct list_node *node = list_first(&set->by_use);

	if (node == NULL || set->by_use.count <= limit)
		return NULL;
	return list_entry(node, struct copy, node)->statement;
}
