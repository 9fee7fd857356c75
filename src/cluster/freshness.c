/* SPDX-License-Identifier: ISC */
/*
 * How old a replica's data can be at most, from samples of the primary and what it has replayed.
 *
 *	primary   question sent at t1 ---- insert position 500
 *	          question sent at t2 ---- insert position 700
 *	replica   has replayed 620: it has all that was committed by t1
 *
 * An answer is as good as the moment at which its question was sent, whenever it arrives: what is
 * committed meanwhile can only make the position larger, and a larger one asks more of a replica.
 */
#include "cluster/freshness.h"

#include <assert.h>
#include <string.h>

#define SHORT_PAGE_HEADER 24
#define LONG_PAGE_HEADER 40

static bool parse_hex(const char **text, char end, uint64_t *value)
{
	int digits = 0;

	*value = 0;
	for (; **text != end; (*text)++, digits++) {
		char c = **text;

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint64_t)(c - '0');
		else if ((c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'))
			*value = *value << 4 | (uint64_t)((c | 0x20) - 'a' + 10);
		else
			return false;
		if (digits == 8)
			return false;
	}
	return digits > 0;
}

bool lsn_parse(const char *text, lsn_t *lsn)
{
	uint64_t high, low;

	if (!parse_hex(&text, '/', &high))
		return false;
	text++;
	if (!parse_hex(&text, '\0', &low))
		return false;
	*lsn = high << 32 | low;
	return true;
}

lsn_t lsn_normalise(lsn_t insert, uint32_t wal_block_size, uint32_t wal_segment_size)
{
	uint32_t block = wal_block_size != 0 ? wal_block_size : WAL_BLOCK_DEFAULT;
	uint32_t segment = wal_segment_size != 0 ? wal_segment_size : WAL_SEGMENT_DEFAULT;
	lsn_t page = insert - insert % block;
	lsn_t header = page % segment == 0 ? LONG_PAGE_HEADER : SHORT_PAGE_HEADER;

	/* No record ends inside a header, so all of them end at or before the page's start. */
	return insert - page <= header ? page : insert;
}

void freshness_reset(struct freshness *freshness, uint32_t timeline, usec_t span)
{
	freshness->timeline = timeline;
	freshness->span = span;
	freshness->count = 0;
}

static void drop_samples(struct freshness *freshness, unsigned from, unsigned count)
{
	unsigned behind = freshness->count - from - count;

	memmove(freshness->samples + from, freshness->samples + from + count,
		behind * sizeof(freshness->samples[0]));
	freshness->count -= count;
}

static void drop_old(struct freshness *freshness, usec_t now)
{
	unsigned old = 0;

	while (old < freshness->count && now - freshness->samples[old].at > freshness->span)
		old++;
	if (old > 0)
		drop_samples(freshness, 0, old);
}

/*
 * Makes room: without sample i, replicas between it and the next count as old as the sample
 * before it.  Dropped is the one where the gap is smallest compared with its age, so that gaps
 * grow in proportion to the age and the ring spans any time.
 */
static void drop_least(struct freshness *freshness, usec_t now)
{
	const struct freshness_sample *s = freshness->samples;
	double least = 0;
	unsigned which = 0;

	for (unsigned i = 1; i + 1 < freshness->count; i++) {
		double gap = (double)(s[i + 1].at - s[i - 1].at) / (double)(now - s[i].at + 1);

		if (which == 0 || gap < least) {
			least = gap;
			which = i;
		}
	}
	drop_samples(freshness, which, 1);
}

bool freshness_sample(struct freshness *freshness, uint32_t timeline, usec_t at, lsn_t lsn)
{
	struct freshness_sample *last;

	if (timeline == 0 || timeline != freshness->timeline || lsn == 0)
		return false;
	if (freshness->count > 0) {
		last = &freshness->samples[freshness->count - 1];
		if (at <= last->at)
			return false;
		if (lsn < last->lsn) {
			freshness->count = 0;
		} else if (lsn == last->lsn) {
			last->at = at;
			return true;
		}
	}
	drop_old(freshness, at);
	if (freshness->count == FRESHNESS_SAMPLES)
		drop_least(freshness, at);
	last = &freshness->samples[freshness->count++];
	last->at = at;
	last->lsn = lsn;
	return true;
}

usec_t freshness_as_of(const struct freshness *freshness, lsn_t lsn)
{
	unsigned low = 0, high = freshness->count;

	/* Finds how many samples have at most this position: the last of them tells. */
	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (freshness->samples[middle].lsn <= lsn)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? freshness->samples[low - 1].at : 0;
}

bool replayed_update(struct replayed *replayed, const struct freshness *freshness)
{
	usec_t as_of;

	/* Positions of another timeline mean nothing here: a diverged replica can be ahead. */
	if (freshness->timeline == 0 || replayed->timeline != freshness->timeline)
		return false;
	as_of = freshness_as_of(freshness, replayed->lsn);
	if (as_of <= replayed->as_of)
		return false;
	replayed->as_of = as_of;
	return true;
}

bool replayed_observe(struct replayed *replayed, const struct freshness *freshness, usec_t asked,
		      lsn_t lsn, uint32_t timeline)
{
	if (asked <= replayed->asked)
		return false;
	/* What was shown for a position or timeline that it has no more holds no more. */
	if (lsn < replayed->lsn || timeline != replayed->timeline)
		replayed->as_of = 0;
	replayed->asked = asked;
	replayed->lsn = lsn;
	replayed->timeline = timeline;
	return replayed_update(replayed, freshness);
}

void replayed_forget(struct replayed *replayed)
{
	replayed->as_of = 0;
	replayed->lsn = 0;
	replayed->timeline = 0;
}

usec_t freshness_lag(usec_t as_of, usec_t now)
{
	if (as_of == 0)
		return LAG_UNKNOWN;
	return now > as_of ? now - as_of : 0;
}
