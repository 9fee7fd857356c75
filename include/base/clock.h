/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_CLOCK_H
#define PGWEIR_BASE_CLOCK_H

#include <stdint.h>

/* A moment or a duration, in microseconds.  Moments are of the monotonic clock unless said. */
typedef int64_t usec_t;

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MSEC INT64_C(1000)

/* The monotonic clock as read at the beginning of this loop turn; never 0. */
usec_t clock_now(void);

/* Reads the clock anew; the loop does so once a turn, right after it woke up. */
void clock_update(void);

/* Wall-clock microseconds since 1970 that belong to a monotonic moment. */
int64_t clock_wall(usec_t moment);

/* Tests and plays set the time themselves: from then on it only moves by this call. */
void clock_fake(usec_t now);

#endif
