/* SPDX-License-Identifier: ISC */
/* The lines that a configuration was made from, and the memory of its strings. */
#include "conf/source.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_SIZE 4000

struct source_block {
	struct source_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char data[];
};

/* A value that stands elsewhere, newest first. */
struct remembered {
	struct remembered *next;
	const char *name;
	const char *value;
};

struct config_source *source_new(void)
{
	return mem_zero(sizeof(struct config_source));
}

void source_free(struct config_source *source)
{
	struct source_block *block, *next;

	if (source == NULL)
		return;
	for (block = source->blocks; block != NULL; block = next) {
		next = block->next;
		mem_wipe(block->data, block->used);
		free(block);
	}
	free(source->assignments);
	free(source);
}

void *source_alloc(struct config_source *source, size_t size)
{
	size_t align = alignof(max_align_t);
	struct source_block *block = source->blocks;
	void *result;

	size = (size + align - 1) / align * align;
	if (block == NULL || block->size - block->used < size) {
		size_t block_size = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = mem_zero(sizeof(*block) + block_size);
		block->size = block_size;
		block->next = source->blocks;
		source->blocks = block;
	}
	result = block->data + block->used;
	block->used += size;
	return result;
}

const char *source_string_n(struct config_source *source, const char *s, size_t len)
{
	char *copy;

	if (len == 0)
		return "";
	copy = source_alloc(source, len + 1);
	memcpy(copy, s, len);
	return copy;
}

const char *source_string(struct config_source *source, const char *s)
{
	return source_string_n(source, s, strlen(s));
}

void source_add(struct config_source *source, const char *file, unsigned line,
		enum config_section section, const char *name, const char *value)
{
	struct assignment *at;

	if (source->count == source->capacity) {
		source->capacity = source->capacity != 0 ? source->capacity * 2 : 32;
		source->assignments = mem_grow(source->assignments,
					       source->capacity * sizeof(*source->assignments));
	}
	at = &source->assignments[source->count++];
	at->file = file;
	at->line = line;
	at->section = section;
	at->name = source_string(source, name);
	at->value = source_string(source, value);
}

const char *source_remember(struct config_source *source, const char *name, const char *data,
			    size_t len)
{
	struct remembered *remembered = source_alloc(source, sizeof(*remembered));

	remembered->name = source_string(source, name);
	remembered->value = source_string_n(source, data, len);
	remembered->next = source->remembered;
	source->remembered = remembered;
	return remembered->value;
}

const char *source_recall(const struct config_source *source, const char *name)
{
	const struct remembered *at;

	for (at = source->remembered; at != NULL; at = at->next)
		if (strcmp(at->name, name) == 0)
			return at->value;
	return NULL;
}

struct config_source *source_copy(const struct config_source *source)
{
	struct config_source *copy = source_new();
	const struct remembered *remembered;
	const char *from = NULL, *file = NULL;
	unsigned i;

	copy->in_memory = source->in_memory;
	for (remembered = source->remembered; remembered != NULL; remembered = remembered->next)
		source_remember(copy, remembered->name, remembered->value,
				strlen(remembered->value));
	for (i = 0; i < source->count; i++) {
		const struct assignment *at = &source->assignments[i];

		if (at->file != from) {
			from = at->file;
			file = source_string(copy, from);
		}
		source_add(copy, file, at->line, at->section, at->name, at->value);
	}
	return copy;
}

void config_error_set(struct config_error *error, const char *file, unsigned line, const char *fmt,
		      ...)
{
	va_list ap;
	char *p;

	memset(error, 0, sizeof(*error));
	error->line = line;
	if (file != NULL)
		snprintf(error->file, sizeof(error->file), "%s", file);
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	for (p = error->text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	for (p = error->file; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}
