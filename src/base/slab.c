/* SPDX-License-Identifier: ISC */
/*
 * Objects of one size in aligned pages: the page of an object is found by masking its address,
 * so an object needs no header.
 *
 * Pages come straight from the kernel: aligned blocks of the C library's heap would waste half
 * of it.
 */
#include "base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES ((size_t)65536)

struct page {
	struct list_node node;
	struct slab *slab;
	void *free; /* chain of free objects through their first word */
	unsigned used;
	unsigned fresh; /* objects never handed out begin at this index */
};

static struct list slabs;

static size_t page_head(void)
{
	return (sizeof(struct page) + 15) & ~(size_t)15;
}

static struct page *page_of(const struct slab *slab, void *object)
{
	return (struct page *)((uintptr_t)object & ~(uintptr_t)(slab->page_size - 1));
}

/* An aligned piece of fresh, zeroed memory: mapped twice as large, the ends given back. */
static void *map_aligned(const struct slab *slab)
{
	size_t size = slab->page_size;
	char *map =
		mmap(NULL, size * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (map == MAP_FAILED) {
		fprintf(stderr, "pgweir: out of memory (slab %s)\n", slab->name);
		abort();
	}
	before = (size - ((uintptr_t)map & (size - 1))) & (size - 1);
	if (before != 0)
		munmap(map, before);
	munmap(map + before + size, size - before);
	return map + before;
}

static struct page *page_new(struct slab *slab)
{
	struct page *page = map_aligned(slab);

	page->slab = slab;
	slab->pages++;
	list_append(&slab->partial, &page->node);
	return page;
}

void slab_init(struct slab *slab, const char *name, size_t size)
{
	if (slabs.head.list == NULL)
		list_init(&slabs);
	memset(slab, 0, sizeof(*slab));
	slab->name = name;
	slab->size = (size + 15) & ~(size_t)15;
	slab->page_size = PAGE_BYTES;
	while ((slab->page_size - page_head()) / slab->size < 8)
		slab->page_size *= 2;
	slab->per_page = (unsigned)((slab->page_size - page_head()) / slab->size);
	list_init(&slab->partial);
	list_init(&slab->full);
	list_append(&slabs, &slab->node);
}

static void page_free(struct slab *slab, struct page *page)
{
	list_remove(&page->node);
	slab->pages--;
	munmap(page, slab->page_size);
}

void slab_done(struct slab *slab)
{
	struct list_node *node;

	assert(slab->used == 0);
	while ((node = list_first(&slab->partial)) != NULL)
		page_free(slab, list_entry(node, struct page, node));
	list_remove(&slab->node);
}

void *slab_alloc(struct slab *slab)
{
	struct list_node *node = list_first(&slab->partial);
	struct page *page = node != NULL ? list_entry(node, struct page, node) : page_new(slab);
	void *object;

	if (page->free != NULL) {
		object = page->free;
		memcpy(&page->free, object, sizeof(void *));
	} else {
		object = (char *)page + page_head() + page->fresh++ * slab->size;
	}
	memset(object, 0, slab->size);
	slab->used++;
	if (++page->used == slab->per_page) {
		list_remove(&page->node);
		list_append(&slab->full, &page->node);
	}
	return object;
}

void slab_free(struct slab *slab, void *object)
{
	struct page *page;

	if (object == NULL)
		return;
	page = page_of(slab, object);
	assert(page->slab == slab);
	memcpy(object, &page->free, sizeof(void *));
	page->free = object;
	slab->used--;
	if (page->used-- == slab->per_page) {
		list_remove(&page->node);
		list_prepend(&slab->partial, &page->node);
	}
	if (page->used == 0 && slab->partial.count > 1)
		page_free(slab, page);
}

size_t slab_bytes(const struct slab *slab)
{
	return slab->pages * slab->page_size;
}

unsigned slab_free_count(const struct slab *slab)
{
	return slab->pages * slab->per_page - slab->used;
}

const struct slab *slab_first(void)
{
	struct list_node *node = slabs.head.list != NULL ? list_first(&slabs) : NULL;

	return node != NULL ? list_entry(node, struct slab, node) : NULL;
}

const struct slab *slab_next(const struct slab *slab)
{
	struct list_node *node = list_next(&slab->node);

	return node != NULL ? list_entry(node, struct slab, node) : NULL;
}
