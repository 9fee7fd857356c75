/* SPDX-License-Identifier: ISC */
/*
 * Judgements lie one behind the other in a ring, so that long and short texts share it and the
 * oldest make room by themselves.  Positions count bytes since the start; what has been written
 * over is told by its position alone, so the index needs no cleaning.
 */
#include "sql/judgement.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "base/map.h"
#include "sql/classify.h"

#define INDEX_SIZE 4096

struct record {
	struct judgement judgement;
	uint32_t len;
	char text[];
};

static alignas(struct record) uint8_t ring[JUDGEMENT_BYTES_MAX];
static uint64_t head;		    /* where the next one goes */
static uint64_t places[INDEX_SIZE]; /* by hash: the position of the last such record, and 1 */

static struct record *record_at(uint64_t position)
{
	return (struct record *)(void *)(ring + position % sizeof(ring));
}

static const struct record *find(uint64_t place, const char *sql, size_t len)
{
	const struct record *record;

	if (place == 0 || head - (place - 1) > sizeof(ring))
		return NULL;
	record = record_at(place - 1);
	return record->len == len && memcmp(record->text, sql, len) == 0 ? record : NULL;
}

/* Room for a record, in one piece. */
static uint64_t make_room(size_t size)
{
	uint64_t tail = sizeof(ring) - head % sizeof(ring), at;

	if (size > tail)
		head += tail;
	at = head;
	head += size;
	return at;
}

static struct judgement judge(const char *sql, size_t len)
{
	struct classify_options options = { .std_strings = true, .max_scan = CLASSIFY_MAX_SCAN };
	struct judgement judgement = { .verdict = classify(sql, len, &options) };
	struct hint hint;

	if (hint_read(sql, len, &hint) == HINT_OK)
		judgement.hint = hint.route;
	return judgement;
}

struct judgement judgement_of(const char *sql, size_t len)
{
	const size_t align = alignof(struct record);
	const struct record *known;
	struct record *record;
	uint64_t *place;

	if (len > JUDGEMENT_TEXT_MAX)
		return judge(sql, len);
	place = &places[map_hash(sql, len) % INDEX_SIZE];
	known = find(*place, sql, len);
	if (known != NULL)
		return known->judgement;
	*place = make_room((sizeof(*record) + len + align - 1) / align * align) + 1;
	record = record_at(*place - 1);
	record->judgement = judge(sql, len);
	record->len = (uint32_t)len;
	memcpy(record->text, sql, len);
	return record->judgement;
}

size_t judgement_bytes(void)
{
	return head < sizeof(ring) ? (size_t)head : sizeof(ring);
}
