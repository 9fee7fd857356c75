/* SPDX-License-Identifier: ISC */
/* Shared strings, found by their hash. */
#include "base/intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct interned {
	uint64_t hash;
	size_t refs;
	size_t len;
	char string[];
};

static struct map strings;
static size_t bytes;

struct wanted {
	const char *string;
	size_t len;
};

static bool same(const void *value, const void *arg)
{
	const struct interned *entry = value;
	const struct wanted *wanted = arg;

	return entry->len == wanted->len && memcmp(entry->string, wanted->string, wanted->len) == 0;
}

static struct interned *entry_of(const char *interned)
{
	return (struct interned *)(void *)((char *)(uintptr_t)interned -
					   offsetof(struct interned, string));
}

const char *intern_string_n(const char *s, size_t len)
{
	struct wanted wanted = { s, len };
	uint64_t hash = map_hash(s, len);
	struct interned *entry = map_find_match(&strings, hash, same, &wanted);

	if (entry == NULL) {
		entry = mem_alloc(sizeof(*entry) + len + 1);
		entry->hash = hash;
		entry->refs = 0;
		entry->len = len;
		memcpy(entry->string, s, len);
		entry->string[len] = '\0';
		map_add(&strings, hash, entry);
		bytes += sizeof(*entry) + len + 1;
	}
	entry->refs++;
	return entry->string;
}

const char *intern_string(const char *s)
{
	return intern_string_n(s, strlen(s));
}

const char *intern_ref(const char *interned)
{
	if (interned != NULL)
		entry_of(interned)->refs++;
	return interned;
}

void intern_unref(const char *interned)
{
	struct interned *entry;

	if (interned == NULL)
		return;
	entry = entry_of(interned);
	if (--entry->refs != 0)
		return;
	map_remove(&strings, entry->hash, entry);
	bytes -= sizeof(*entry) + entry->len + 1;
	free(entry);
	if (strings.count == 0)
		map_done(&strings);
}

size_t intern_count(void)
{
	return strings.count;
}

size_t intern_bytes(void)
{
	return bytes;
}
