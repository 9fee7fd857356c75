/* SPDX-License-Identifier: ISC */
/* The time, read once a loop turn. */
#include "base/clock.h"

#include <stdbool.h>
#include <time.h>

static usec_t now_usec;
static int64_t wall_offset; /* wall minus monotonic, of the last update */
static bool faked;

static int64_t read_usec(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

usec_t clock_now(void)
{
	if (now_usec == 0)
		clock_update();
	return now_usec;
}

void clock_update(void)
{
	if (faked)
		return;
	now_usec = read_usec(CLOCK_MONOTONIC);
}

int64_t clock_wall(usec_t moment)
{
	if (!faked)
		wall_offset = read_usec(CLOCK_REALTIME) - read_usec(CLOCK_MONOTONIC);
	return moment + wall_offset;
}

void clock_fake(usec_t now)
{
	faked = true;
	now_usec = now;
}
