/* SPDX-License-Identifier: ISC */
/* Verdicts: their words, and the verdict of several messages as one request. */

#include "sql/verdict.h"

const char *verdict_why_name(unsigned why)
{
	static const char *const names[WHY_COUNT] = {
#define X(name, word) word,
		VERDICT_WHYS(X)
#undef X
	};

	return why < WHY_COUNT ? names[why] : "?";
}

const char *route_name(unsigned route)
{
	static const char *const names[] = { "either", "replica", "primary" };

	return route <= ROUTE_PRIMARY ? names[route] : "?";
}

struct verdict verdict_join(struct verdict first, struct verdict second)
{
	struct verdict sum = first;
	unsigned statements = (unsigned)first.statements + second.statements;

	if (second.route > first.route || first.why == WHY_EMPTY)
		sum = second;
	sum.statements = (uint16_t)(statements < UINT16_MAX ? statements : UINT16_MAX);
	sum.flags = first.flags | second.flags;
	if (statements > 1) {
		sum.flags |= VERDICT_MULTI;
		sum.flags &= ~VERDICT_PLAIN_BEGIN;
	}
	return sum;
}
