/* SPDX-License-Identifier: ISC */
/* Which host takes writes, by timeline and identity. */
#include "cluster/leader.h"

#include <stddef.h>

static bool is_foreign(const struct leader_memory *memory, const struct leader_claim *claim)
{
	return claim->system_id != 0 && memory->system_id != 0 &&
	       claim->system_id != memory->system_id;
}

bool leader_remember(struct leader_memory *memory, const struct leader_claim *claim)
{
	bool news = false;

	if (is_foreign(memory, claim))
		return false;
	if (memory->system_id == 0 && claim->system_id != 0) {
		memory->system_id = claim->system_id;
		news = true;
	}
	if (claim->timeline > memory->timeline) {
		memory->timeline = claim->timeline;
		news = true;
	}
	return news;
}

/* What can be said of one host without looking at the others. */
static enum standing judge(const struct leader_memory *memory, const struct leader_claim *claim)
{
	if (is_foreign(memory, claim))
		return STANDING_FOREIGN;
	if (claim->role != ROLE_PRIMARY)
		return STANDING_NONE;
	if (claim->timeline == 0)
		return STANDING_UNSURE;
	if (claim->timeline < memory->timeline)
		return STANDING_DEPOSED;
	if (!claim->up || claim->ending)
		return STANDING_ABSENT;
	return STANDING_PRIMARY;
}

/* The reason that says most, for when no host may take writes. */
static enum leader_lack explain(const struct leader_claim *claims, int count,
				const enum standing *standings)
{
	bool seen[STANDING_UNSURE + 1] = { false };
	bool ending = false, heard = false;

	for (int i = 0; i < count; i++) {
		seen[standings[i]] = true;
		if (standings[i] == STANDING_ABSENT && claims[i].ending)
			ending = true;
		if (standings[i] == STANDING_NONE && claims[i].up && claims[i].role != ROLE_UNKNOWN)
			heard = true;
	}
	if (ending)
		return LACK_ENDING;
	if (seen[STANDING_ABSENT])
		return LACK_ABSENT;
	if (seen[STANDING_DEPOSED])
		return LACK_DEPOSED;
	if (seen[STANDING_UNSURE])
		return LACK_UNSURE;
	if (heard)
		return LACK_CLAIM;
	return seen[STANDING_FOREIGN] ? LACK_FOREIGN : LACK_SILENCE;
}

int leader_decide(const struct leader_memory *memory, const struct leader_claim *claims, int count,
		  enum standing *standings, enum leader_lack *lack)
{
	int primary = -1, claimants = 0;

	for (int i = 0; i < count; i++) {
		standings[i] = judge(memory, &claims[i]);
		if (standings[i] == STANDING_PRIMARY) {
			primary = i;
			claimants++;
		}
	}
	if (claimants == 1) {
		*lack = LACK_NOTHING;
		return primary;
	}
	if (claimants == 0) {
		*lack = explain(claims, count, standings);
		return -1;
	}
	for (int i = 0; i < count; i++)
		if (standings[i] == STANDING_PRIMARY)
			standings[i] = STANDING_RIVAL;
	*lack = LACK_SPLIT_BRAIN;
	return -1;
}

const char *role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_UNKNOWN] = "unknown",
		[ROLE_PRIMARY] = "primary",
		[ROLE_REPLICA] = "replica",
	};

	return names[role];
}

const char *standing_name(enum standing standing)
{
	static const char *const names[] = {
		[STANDING_NONE] = "none",     [STANDING_PRIMARY] = "primary",
		[STANDING_ABSENT] = "absent", [STANDING_DEPOSED] = "deposed",
		[STANDING_RIVAL] = "rival",   [STANDING_FOREIGN] = "foreign",
		[STANDING_UNSURE] = "unsure",
	};

	return names[standing];
}

const char *leader_lack_text(enum leader_lack lack)
{
	static const char *const texts[] = {
		[LACK_NOTHING] = "",
		[LACK_SILENCE] = "no host answers",
		[LACK_CLAIM] = "every host that answers is in recovery",
		[LACK_ABSENT] = "the primary is down",
		[LACK_ENDING] = "the primary is shutting down",
		[LACK_DEPOSED] = "the only primary is on an old timeline",
		[LACK_SPLIT_BRAIN] = "two primaries on the same timeline (split brain)",
		[LACK_FOREIGN] = "the hosts that answer belong to another cluster",
		[LACK_UNSURE] = "the primary's timeline is not known",
		[LACK_STARTING] = "not every host has answered yet",
	};

	return texts[lack];
}
