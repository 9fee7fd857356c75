/* SPDX-License-Identifier: ISC */
/* A client's names of prepared statements. */
#include "session/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct names {
	struct map by_hash;	     /* all that are not gone */
	struct name_entry *expected; /* a DEALLOCATE of it was parsed */
	uint64_t bytes;
	unsigned closing; /* how many of them are NAME_CLOSING */
};

static uint64_t total_count, total_bytes;

struct names *names_new(void)
{
	return mem_zero(sizeof(struct names));
}

struct name_entry *name_ref(struct name_entry *entry)
{
	entry->refs++;
	return entry;
}

static size_t own_bytes(const struct name_entry *entry)
{
	return sizeof(*entry) + strlen(entry->text) + 1;
}

void name_unref(struct name_entry *entry)
{
	if (--entry->refs != 0)
		return;
	total_count--;
	total_bytes -= own_bytes(entry);
	statement_unref(entry->statement);
	free(entry);
}

static void become(struct names *names, struct name_entry *entry, enum name_state state)
{
	names->closing += (state == NAME_CLOSING) - (entry->state == NAME_CLOSING);
	entry->state = (uint8_t)state;
}

/* What a name counts for: as if the statement were the client's alone. */
static uint64_t counted_bytes(const struct name_entry *entry)
{
	return own_bytes(entry) + sizeof(struct statement) + entry->statement->len;
}

/* It is off the map, or about to be. */
static void let_go(struct names *names, struct name_entry *entry)
{
	become(names, entry, NAME_GONE);
	names->bytes -= counted_bytes(entry);
	entry->statement->clients--;
	name_unref(entry);
}

void names_clear(struct names *names)
{
	struct map kept = { 0 };
	struct name_entry *entry;
	size_t at = 0;

	if (names == NULL)
		return;
	while ((entry = map_walk(&names->by_hash, &at)) != NULL) {
		if (entry->confirmed)
			let_go(names, entry);
		else
			map_add(&kept, entry->hash, entry);
	}
	map_done(&names->by_hash);
	names->by_hash = kept;
}

unsigned names_count(const struct names *names)
{
	return names != NULL ? (unsigned)names->by_hash.count - names->closing : 0;
}

uint64_t names_bytes(const struct names *names)
{
	return names != NULL ? names->bytes : 0;
}

uint64_t names_total_count(void)
{
	return total_count;
}

uint64_t names_total_bytes(void)
{
	return total_bytes;
}

static bool same_and_open(const void *value, const void *arg)
{
	const struct name_entry *entry = value;

	return entry->state != NAME_CLOSING && strcmp(entry->text, arg) == 0;
}

static bool same(const void *value, const void *arg)
{
	return strcmp(((const struct name_entry *)value)->text, arg) == 0;
}

struct name_entry *names_find(const struct names *names, const char *name)
{
	struct name_entry *entry;
	uint64_t hash;

	if (names == NULL)
		return NULL;
	hash = map_hash(name, strlen(name));
	entry = map_find_match(&names->by_hash, hash, same_and_open, name);
	if (entry == NULL && names->closing != 0)
		entry = map_find_match(&names->by_hash, hash, same, name);
	return entry;
}

struct name_entry *names_add(struct names *names, const char *name, struct statement *statement,
			     uint32_t batch)
{
	size_t len = strlen(name);
	struct name_entry *entry = mem_zero(sizeof(*entry) + len + 1);

	memcpy(entry->text, name, len + 1);
	entry->hash = map_hash(name, len);
	entry->statement = statement_ref(statement);
	entry->refs = 1;
	entry->batch = batch;
	statement->clients++;
	map_add(&names->by_hash, entry->hash, entry);
	names->bytes += counted_bytes(entry);
	total_count++;
	total_bytes += own_bytes(entry);
	return entry;
}

void names_confirm(struct names *names, struct name_entry *entry)
{
	entry->confirmed = true;
	if (entry->state == NAME_NEW)
		become(names, entry, NAME_KNOWN);
}

void names_close(struct names *names, struct name_entry *entry, uint32_t batch)
{
	assert(entry->state == NAME_NEW || entry->state == NAME_KNOWN);
	become(names, entry, NAME_CLOSING);
	entry->batch = batch;
}

void names_reopen(struct names *names, struct name_entry *entry)
{
	if (entry->state == NAME_CLOSING)
		become(names, entry, entry->confirmed ? NAME_KNOWN : NAME_NEW);
}

void names_remove(struct names *names, struct name_entry *entry)
{
	if (entry->state == NAME_GONE)
		return;
	map_remove(&names->by_hash, entry->hash, entry);
	let_go(names, entry);
}

void names_expect(struct names *names, struct name_entry *entry)
{
	if (names == NULL)
		return;
	if (names->expected != NULL)
		name_unref(names->expected);
	names->expected = entry != NULL ? name_ref(entry) : NULL;
}

void names_deallocated(struct names *names)
{
	if (names == NULL || names->expected == NULL)
		return;
	names_remove(names, names->expected);
	names_expect(names, NULL);
}

void names_free(struct names *names)
{
	struct name_entry *entry;
	size_t at = 0;

	if (names == NULL)
		return;
	while ((entry = map_walk(&names->by_hash, &at)) != NULL)
		let_go(names, entry);
	map_done(&names->by_hash);
	names_expect(names, NULL);
	free(names);
}
