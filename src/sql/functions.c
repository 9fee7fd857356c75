/* SPDX-License-Identifier: ISC */
/* Looks up built-in function names in a generated open-addressing table. */

#include "sql/functions.h"

#include <stdint.h>
#include <string.h>

#define FUNCTION_NAME_ROOM 43

struct function_row {
	char name[FUNCTION_NAME_ROOM + 1];
	uint8_t len;
	uint8_t kind;
};

#include "functions_table.h"

enum function_kind function_find(const char *name, size_t len, bool fold)
{
	char folded[FUNCTION_NAME_ROOM];
	uint32_t hash = 2166136261u;
	unsigned slot;
	size_t i;

	if (len > sizeof(folded))
		return FUNCTION_UNKNOWN;
	for (i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (fold && byte >= 'A' && byte <= 'Z')
			byte |= 0x20;
		folded[i] = (char)byte;
		hash = (hash ^ byte) * 16777619u;
	}
	hash ^= hash >> 15;
	slot = hash % FUNCTION_SLOTS;
	while (function_slots[slot]) {
		const struct function_row *row = &function_rows[function_slots[slot] - 1];

		if (row->len == len && memcmp(row->name, folded, len) == 0)
			return (enum function_kind)row->kind;
		slot = (slot + 1) % FUNCTION_SLOTS;
	}
	return FUNCTION_UNKNOWN;
}
