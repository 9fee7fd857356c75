/* SPDX-License-Identifier: ISC */
/* A client's names of prepared statements. */
#include "session/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct names {
	struct map by_hash;
};

struct names *names_new(void)
{
	return mem_zero(sizeof(struct names));
}

struct name_entry *name_ref(struct name_entry *entry)
{
	entry->refs++;
	return entry;
}

void name_unref(struct name_entry *entry)
{
	if (--entry->refs != 0)
		return;
	statement_unref(entry->statement);
	free(entry);
}

void names_clear(struct names *names)
{
	struct name_entry *entry;
	size_t at = 0;

	if (names == NULL)
		return;
	while ((entry = map_walk(&names->by_hash, &at)) != NULL) {
		entry->known = false;
		name_unref(entry);
	}
	map_done(&names->by_hash);
}

void names_free(struct names *names)
{
	names_clear(names);
	free(names);
}

unsigned names_count(const struct names *names)
{
	return names != NULL ? (unsigned)names->by_hash.count : 0;
}

static bool same(const void *value, const void *arg)
{
	return strcmp(((const struct name_entry *)value)->text, arg) == 0;
}

struct name_entry *names_find(const struct names *names, const char *name)
{
	if (names == NULL)
		return NULL;
	return map_find_match(&names->by_hash, map_hash(name, strlen(name)), same, name);
}

struct name_entry *names_add(struct names *names, const char *name, struct statement *statement)
{
	size_t len = strlen(name);
	struct name_entry *entry = mem_zero(sizeof(*entry) + len + 1);

	entry->hash = map_hash(name, len);
	entry->statement = statement_ref(statement);
	entry->refs = 1;
	entry->known = true;
	memcpy(entry->text, name, len + 1);
	map_add(&names->by_hash, entry->hash, entry);
	return entry;
}

void names_remove(struct names *names, struct name_entry *entry)
{
	if (!entry->known)
		return;
	entry->known = false;
	map_remove(&names->by_hash, entry->hash, entry);
	name_unref(entry);
}

void names_restore(struct names *names, struct name_entry *entry)
{
	if (entry->known)
		return;
	entry->known = true;
	map_add(&names->by_hash, entry->hash, name_ref(entry));
}
