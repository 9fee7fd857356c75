/* SPDX-License-Identifier: ISC */
/* Allocation that cannot fail. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t size)
{
	if (p == NULL) {
		fprintf(stderr, "pgweir: out of memory (%zu bytes)\n", size);
		abort();
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return checked(malloc(size != 0 ? size : 1), size);
}

void *mem_zero(size_t size)
{
	return checked(calloc(1, size != 0 ? size : 1), size);
}

void *mem_grow(void *old, size_t size)
{
	return checked(realloc(old, size != 0 ? size : 1), size);
}

char *mem_string_n(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *mem_string(const char *s)
{
	return mem_string_n(s, strlen(s));
}

void mem_wipe(void *p, size_t size)
{
	if (p != NULL)
		explicit_bzero(p, size);
}

void mem_free_secret(char *s)
{
	if (s != NULL)
		mem_wipe(s, strlen(s));
	free(s);
}
