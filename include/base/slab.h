/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_SLAB_H
#define PGWEIR_BASE_SLAB_H

#include <stddef.h>

#include "base/list.h"

/*
 * Objects of one size, carved from pages and kept for reuse.  Memory is given back to the system
 * a page at a time, when all objects of a page are free and another page has free ones.
 */
struct slab {
	const char *name; /* as in SHOW MEM */
	size_t size;	  /* of one object, rounded up */
	size_t page_size;
	unsigned per_page;
	unsigned used; /* objects out */
	unsigned pages;
	struct list partial; /* pages with a free object */
	struct list full;
	struct list_node node; /* on the list of all slabs */
};

/* Prepares a slab; `name` is kept.  Slabs live as long as the process, or until slab_done. */
void slab_init(struct slab *slab, const char *name, size_t size);

/* Frees all pages; every object must be back. */
void slab_done(struct slab *slab);

/* A zeroed object; never NULL. */
void *slab_alloc(struct slab *slab);

/* Takes an object of this slab back; NULL is allowed. */
void slab_free(struct slab *slab, void *object);

/* Bytes held for this slab, and objects that are free. */
size_t slab_bytes(const struct slab *slab);
unsigned slab_free_count(const struct slab *slab);

/* All slabs in the order of their making, for SHOW MEM: the first, and the one after. */
const struct slab *slab_first(void);
const struct slab *slab_next(const struct slab *slab);

#endif
