/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CLUSTER_LEADER_H
#define PGWEIR_CLUSTER_LEADER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which host takes writes: rules over what the hosts say of themselves.  Timelines decide, never
 * WAL positions: a deposed primary can be ahead.  Pure.
 */

enum role {
	ROLE_UNKNOWN,
	ROLE_PRIMARY, /* says that it is not in recovery */
	ROLE_REPLICA,
};

/* What one host says. */
struct leader_claim {
	enum role role;	    /* as last seen */
	bool up;	    /* answers, or was heard of a moment ago */
	bool ending;	    /* known to be going down, not verified since */
	uint32_t timeline;  /* 0: not known */
	uint64_t system_id; /* 0: not known */
};

/* What the rules make of one host. */
enum standing {
	STANDING_NONE,	  /* it does not claim to be a primary */
	STANDING_PRIMARY, /* takes writes */
	STANDING_ABSENT,  /* the primary as last seen, but it does not answer or is going down */
	STANDING_DEPOSED, /* a primary of a timeline below one that was seen */
	STANDING_RIVAL,	  /* one of several on the same timeline: split brain */
	STANDING_FOREIGN, /* of another cluster: its system identifier differs */
	STANDING_UNSURE,  /* says primary, but its timeline is not known */
};

/* Why there is no primary. */
enum leader_lack {
	LACK_NOTHING,	  /* there is one */
	LACK_SILENCE,	  /* no host answers */
	LACK_CLAIM,	  /* all that answer are in recovery */
	LACK_ABSENT,	  /* the last primary is down */
	LACK_ENDING,	  /* it is going down */
	LACK_DEPOSED,	  /* only deposed ones are left */
	LACK_SPLIT_BRAIN, /* two on the highest timeline */
	LACK_FOREIGN,	  /* only hosts of other clusters */
	LACK_UNSURE,
	LACK_STARTING, /* not every host was heard of yet */
};

/* What is remembered: the cluster's identity and the highest timeline that any host was on. */
struct leader_memory {
	uint64_t system_id;
	uint32_t timeline;
};

/* Remembers a claim; a foreign host's timeline does not count.  Returns whether that was new. */
bool leader_remember(struct leader_memory *memory, const struct leader_claim *claim);

/*
 * Judges `count` hosts; `standings[i]` tells what host i is.  Returns the index of the host that
 * takes writes, or -1 with *lack.
 */
int leader_decide(const struct leader_memory *memory, const struct leader_claim *claims, int count,
		  enum standing *standings, enum leader_lack *lack);

/* Words for logs and SHOW HOSTS. */
const char *role_name(enum role role);
const char *standing_name(enum standing standing);
const char *leader_lack_text(enum leader_lack lack);

#endif
