/* SPDX-License-Identifier: ISC */
/* The known name that is nearest to a mistyped one. */
#include "conf/spell.h"

#include <limits.h>
#include <string.h>

/* Longer names have no near one: settings are shorter, and the table is on the stack. */
#define SPELL_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned spell_distance(const char *a, const char *b)
{
	unsigned row[3][SPELL_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t i, j;

	if (a_len > SPELL_MAX || b_len > SPELL_MAX)
		return UINT_MAX;
	for (j = 0; j <= b_len; j++)
		row[0][j] = (unsigned)j;
	for (i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *above = row[(i + 2) % 3],
			 *two_above = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (j = 1; j <= b_len; j++) {
			now[j] = min3(above[j] + 1, now[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < now[j])
				now[j] = two_above[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

void spell_init(struct spell *spell, const char *wanted)
{
	size_t len = strlen(wanted);

	spell->wanted = wanted;
	spell->best = NULL;
	/* A third of the letters may be wrong; in short names one. */
	spell->distance = len < 4 ? 2 : len / 3 + 2;
}

void spell_try(struct spell *spell, const char *known)
{
	unsigned distance = spell_distance(spell->wanted, known);

	if (distance < spell->distance) {
		spell->distance = distance;
		spell->best = known;
	}
}
