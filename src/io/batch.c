/* SPDX-License-Identifier: ISC */
/* Many sends in one system call. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "io/batch.h"

#ifdef HAVE_LIBURING

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct send {
	struct msghdr message;
	struct iovec pieces[BATCH_PIECES];
	void *who;
};

struct batch {
	struct io_uring ring;
	unsigned count;
	struct send sends[BATCH_SENDS];
};

struct batch *batch_new(void)
{
	struct batch *batch = mem_zero(sizeof(*batch));
	struct io_uring_params params;

	memset(&params, 0, sizeof(params));
	params.flags = IORING_SETUP_SUBMIT_ALL;
	if (io_uring_queue_init_params(BATCH_SENDS, &batch->ring, &params) != 0) {
		free(batch);
		return NULL;
	}
	return batch;
}

void batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	io_uring_queue_exit(&batch->ring);
	free(batch);
}

bool batch_add(struct batch *batch, int fd, const struct iovec *pieces, int count, void *who)
{
	struct io_uring_sqe *sqe;
	struct send *send;

	if (batch->count == BATCH_SENDS)
		return false;
	sqe = io_uring_get_sqe(&batch->ring);
	if (sqe == NULL)
		return false;
	send = &batch->sends[batch->count++];
	send->who = who;
	if (count == 1) {
		io_uring_prep_send(sqe, fd, pieces[0].iov_base, pieces[0].iov_len,
				   MSG_NOSIGNAL | MSG_DONTWAIT);
	} else {
		memcpy(send->pieces, pieces, (size_t)count * sizeof(*pieces));
		memset(&send->message, 0, sizeof(send->message));
		send->message.msg_iov = send->pieces;
		send->message.msg_iovlen = (size_t)count;
		io_uring_prep_sendmsg(sqe, fd, &send->message, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	io_uring_sqe_set_data(sqe, send);
	return true;
}

void batch_run(struct batch *batch, void (*sent)(void *who, ssize_t result))
{
	unsigned left = batch->count;

	batch->count = 0;
	while (left > 0) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;
		int rc = io_uring_submit_and_wait(&batch->ring, left);

		if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
			abort(); /* the ring is ours alone: nothing else can be wrong with it */
		io_uring_for_each_cqe(&batch->ring, head, cqe)
		{
			struct send *send = io_uring_cqe_get_data(cqe);

			sent(send->who, cqe->res);
			seen++;
		}
		io_uring_cq_advance(&batch->ring, seen);
		left -= seen;
	}
}

#else

struct batch *batch_new(void)
{
	return NULL;
}

void batch_free(struct batch *batch)
{
	(void)batch;
}

bool batch_add(struct batch *batch, int fd, const struct iovec *pieces, int count, void *who)
{
	(void)batch;
	(void)fd;
	(void)pieces;
	(void)count;
	(void)who;
	return false;
}

void batch_run(struct batch *batch, void (*sent)(void *who, ssize_t result))
{
	(void)batch;
	(void)sent;
}

#endif
