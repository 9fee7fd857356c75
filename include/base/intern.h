/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_INTERN_H
#define PGWEIR_BASE_INTERN_H

#include <stddef.h>

/*
 * Shared strings: equal ones are the same pointer, so thousands of connections with the same
 * parameters hold them once, and comparing is comparing pointers.  Counted; NULL is allowed
 * in intern_unref and stays NULL in intern_ref.
 */
const char *intern_string(const char *s);
const char *intern_string_n(const char *s, size_t len);
const char *intern_ref(const char *interned);
void intern_unref(const char *interned);

/* Shared strings alive and their bytes, for SHOW MEM. */
size_t intern_count(void);
size_t intern_bytes(void);

#endif
