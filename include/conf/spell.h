/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_SPELL_H
#define PGWEIR_CONF_SPELL_H

/* A search for the known name that a mistyped one probably means. */
struct spell {
	const char *wanted;
	const char *best; /* NULL: nothing is near enough */
	unsigned distance;
};

void spell_init(struct spell *spell, const char *wanted);

/* Offers a known name; it is kept if it is nearer than all before and near enough. */
void spell_try(struct spell *spell, const char *known);

/* Letters to add, drop, change or swap with their neighbour to make one name of the other. */
unsigned spell_distance(const char *a, const char *b);

#endif
