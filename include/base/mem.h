/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_MEM_H
#define PGWEIR_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that cannot fail: out of memory ends the process with a line in the log.  For sizes
 * that we chose; a size that a peer chose is bounded by a setting before it comes here.
 * Free with free().
 */
void *mem_alloc(size_t size);
void *mem_zero(size_t size);
void *mem_grow(void *old, size_t size);
char *mem_string(const char *s);
char *mem_string_n(const char *s, size_t len);

/* Overwrites a secret before its memory is given up; the compiler may not leave it out. */
void mem_wipe(void *p, size_t size);

/* Overwrites a string and frees it; NULL is allowed. */
void mem_free_secret(char *s);

#endif
