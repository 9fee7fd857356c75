/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CLUSTER_FRESHNESS_H
#define PGWEIR_CLUSTER_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * How old the data of a replica can be at most.  The primary is asked for its WAL position; a
 * sample is (at, lsn), `at` being the moment at which the question was *sent*: all that was
 * committed by then ends at or before lsn.  A replica that has replayed lsn is fresh as of `at`.
 * One number, fresh-as-of, serves as lag (now minus it) and for read-your-writes (later than the
 * client's last write).  Nothing here ever errs towards too fresh.  Pure: no I/O, no clock.
 */

/* A position in the WAL, in bytes; 0 is none. */
typedef uint64_t lsn_t;

/* The lag of a replica of which nothing is known. */
#define LAG_UNKNOWN INT64_MAX

#define WAL_BLOCK_DEFAULT 8192
#define WAL_SEGMENT_DEFAULT (16 * 1024 * 1024)

/* Reads "16/B374D848"; false if the text is anything else. */
bool lsn_parse(const char *text, lsn_t *lsn);

/*
 * The end of the last record before an insert position.  When a record ends with its page,
 * pg_current_wal_insert_lsn() stands behind the header of the next page (24 bytes, at the start
 * of a segment 40), where no replica arrives until another record is written.  The sizes are
 * powers of two as in pg_control_init(); 0 means the default.
 */
lsn_t lsn_normalise(lsn_t insert, uint32_t wal_block_size, uint32_t wal_segment_size);

#define FRESHNESS_SAMPLES 256

struct freshness_sample {
	usec_t at;
	lsn_t lsn;
};

/*
 * What the primary said, of one timeline of one primary; both columns ascend.  Positions that did
 * not move take one place; when all are taken the sample that is missed least goes, so that
 * recent ones stay dense and old ones get sparse.  Leaving one out makes replicas look older.
 */
struct freshness {
	uint32_t timeline; /* 0: no samples are taken */
	usec_t span;	   /* samples older than this are forgotten */
	unsigned count;
	struct freshness_sample samples[FRESHNESS_SAMPLES];
};

/* What is known of one replica. A zeroed one is infinitely stale. */
struct replayed {
	usec_t as_of;	   /* 0: unknown */
	usec_t asked;	   /* when the last question that was answered was sent */
	lsn_t lsn;	   /* replayed by then */
	uint32_t timeline; /* it is at least on this one */
};

/* Starts anew for another primary or timeline (0: there is no primary). */
void freshness_reset(struct freshness *freshness, uint32_t timeline, usec_t span);

/*
 * Takes a sample: question sent at `at`, normalised insert position `lsn`.  One that was asked
 * earlier than the newest changes nothing.  A position that went back (the primary lost WAL in a
 * crash) forgets all earlier ones.  Returns whether there is something new to compare with.
 */
bool freshness_sample(struct freshness *freshness, uint32_t timeline, usec_t at, lsn_t lsn);

/* The latest moment as of which a replica at `lsn` of the same timeline is fresh; 0: unknown. */
usec_t freshness_as_of(const struct freshness *freshness, lsn_t lsn);

/*
 * Takes a replica's answer to a question sent at `asked`; an answer that comes after one asked
 * later is ignored.  A position that went back (restart, rewind) can make it older.  Returns
 * whether it became fresher.
 */
bool replayed_observe(struct replayed *replayed, const struct freshness *freshness, usec_t asked,
		      lsn_t lsn, uint32_t timeline);

/* Compares again, after a new sample; returns whether it became fresher. */
bool replayed_update(struct replayed *replayed, const struct freshness *freshness);

/* Nothing is known any more: connection lost, restart, other timeline. */
void replayed_forget(struct replayed *replayed);

/* now minus as_of, never negative; LAG_UNKNOWN if as_of is 0. */
usec_t freshness_lag(usec_t as_of, usec_t now);

#endif
