/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_BATCH_H
#define PGWEIR_IO_BATCH_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Many sends in one system call (io_uring).  Waking many receivers one send at a time costs more
 * than the sends: each wake-up may take the processor away from us.
 */
struct batch;

#define BATCH_SENDS 256
#define BATCH_PIECES 8 /* pieces of one send */

/* NULL where the kernel has no io_uring, forbids it, or we were built without it. */
struct batch *batch_new(void);
void batch_free(struct batch *batch);

/* Adds a non-blocking send; false if the batch is full.  The pieces' bytes stay the caller's. */
bool batch_add(struct batch *batch, int fd, const struct iovec *pieces, int count, void *who);

/*
 * Takes all sends to the kernel and calls `sent` with the result of each (bytes, or -errno), in
 * any order.  The batch is empty afterwards.
 */
void batch_run(struct batch *batch, void (*sent)(void *who, ssize_t result));

#endif
