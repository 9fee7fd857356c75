/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_LIST_H
#define PGWEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Doubly linked lists of embedded nodes.  A node knows its list, so it can never be removed from
 * the wrong one, and lists know how long they are.  A zeroed node is on no list.
 */
struct list_node {
	struct list_node *next;
	struct list_node *prev;
	struct list *list;
};

struct list {
	struct list_node head; /* head.next is the first, head.prev the last */
	unsigned count;
};

/* The struct of `type` whose member `field` is at `node`. */
#define list_entry(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

/* Makes an empty list; a zeroed struct is not one. */
static inline void list_init(struct list *list)
{
	list->head.next = list->head.prev = &list->head;
	list->head.list = list;
	list->count = 0;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->count == 0;
}

static inline bool list_has(const struct list_node *node)
{
	return node->list != NULL;
}

static inline struct list_node *list_first(const struct list *list)
{
	return list->count != 0 ? list->head.next : NULL;
}

static inline struct list_node *list_last(const struct list *list)
{
	return list->count != 0 ? list->head.prev : NULL;
}

/* The node behind `node`, NULL at the end. */
static inline struct list_node *list_next(const struct list_node *node)
{
	return node->next != &node->list->head ? node->next : NULL;
}

/* Puts a node that is on no list behind `where`, a node of `list` or its head. */
static inline void list_insert(struct list *list, struct list_node *where, struct list_node *node)
{
	node->list = list;
	node->prev = where;
	node->next = where->next;
	where->next->prev = node;
	where->next = node;
	list->count++;
}

static inline void list_append(struct list *list, struct list_node *node)
{
	list_insert(list, list->head.prev, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
	list_insert(list, &list->head, node);
}

/* Takes a node off the list that it is on; nothing happens if it is on none. */
static inline void list_remove(struct list_node *node)
{
	if (node->list == NULL)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->list->count--;
	node->list = NULL;
	node->next = node->prev = NULL;
}

/* Takes the first node off, NULL if there is none. */
static inline struct list_node *list_pop(struct list *list)
{
	struct list_node *node = list_first(list);

	if (node != NULL)
		list_remove(node);
	return node;
}

/* Walks a list; the body may remove `node` (and no other). */
#define list_for_each(list, node, after)                                                           \
	for (struct list_node *node = (list)->head.next, *after = node->next;                      \
	     node != &(list)->head; node = after, after = node->next)

#endif
