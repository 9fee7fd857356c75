/* SPDX-License-Identifier: ISC */
/*
 * A connection's bytes.
 *
 *	socket -> in -> owner looks at them -> splice -> out of another stream -> socket
 *
 * Output leaves at the end of the loop turn, all streams at once, so messages coalesce and nobody
 * is called from inside another's send.  No callback is made from the flush: a socket that cannot
 * be written to is noticed by reading, where the peer's last words may still stand.
 */
#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/batch.h"

/*
 * Up to this, copying is cheaper than handing the chunk over: the chunk that was read into stays
 * in the processor's cache for the next read, and what waits to be sent takes little room.
 */
#define COPY_BYTES CHUNK_TINY

static int socket_connect(struct stream *stream, const struct addr *address,
			  const struct socket_options *options)
{
	int error;

	stream->fd = socket_new(address, options, &error);
	if (stream->fd < 0) {
		errno = error;
		return -1;
	}
	return connect(stream->fd, &address->sa, address->len);
}

static ssize_t socket_receive(struct stream *stream, void *buffer, size_t size)
{
	return recv(stream->fd, buffer, size, 0);
}

static ssize_t socket_send(struct stream *stream, const void *data, size_t size)
{
	return send(stream->fd, data, size, MSG_NOSIGNAL);
}

static void socket_close(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
}

const struct stream_transport stream_socket = {
	.connect = socket_connect,
	.receive = socket_receive,
	.send = socket_send,
	.close = socket_close,
	.is_socket = true,
};

/* Watches for what we want to know now; libev tells the kernel once a turn, if it changed. */
static void watch(struct stream *stream)
{
	int events = 0;

	if (!stream->streams->transport->is_socket)
		return;
	if (stream->connecting || stream->write_blocked)
		events |= EV_WRITE;
	if (!stream->connecting && stream->paused == 0)
		events |= EV_READ;
	if (ev_is_active(&stream->watcher) &&
	    (stream->watcher.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(stream->streams->loop->ev, &stream->watcher);
	if (events == 0)
		return;
	ev_io_set(&stream->watcher, stream->fd, events);
	ev_io_start(stream->streams->loop->ev, &stream->watcher);
}

static void pause_for(struct stream *stream, uint8_t reason)
{
	stream->paused |= reason;
	watch(stream);
}

static void resume_from(struct stream *stream, uint8_t reason)
{
	if ((stream->paused & reason) == 0)
		return;
	stream->paused &= (uint8_t)~reason;
	watch(stream);
}

/* `from` stops being read until the output of `to` has drained. */
static void block(struct stream *to, struct stream *from)
{
	if (to->source != NULL || from->destination != NULL)
		return;
	to->source = from;
	from->destination = to;
	to->streams->pauses++;
	pause_for(from, STREAM_FULL);
}

static void unblock(struct stream *to)
{
	struct stream *from = to->source;

	if (from == NULL)
		return;
	to->source = NULL;
	from->destination = NULL;
	resume_from(from, STREAM_FULL);
}

void stream_part(struct stream *from)
{
	struct stream *to = from->destination;

	if (to == NULL || to == from)
		return;
	unblock(to);
	block(to, to);
}

/* There is room again: who waited for it goes on. */
static void drained(struct stream *stream)
{
	bool told = stream_is_full(stream) && stream->owner->on_drained != NULL;

	unblock(stream);
	if (told)
		stream->owner->on_drained(stream);
}

static void queue_flush(struct stream *stream)
{
	if (stream->flush_queued || stream->write_blocked || stream->connecting)
		return;
	stream->flush_queued = true;
	stream->next_flush = NULL;
	*stream->streams->flush_last = stream;
	stream->streams->flush_last = &stream->next_flush;
}

static void unqueue_flush(struct stream *stream)
{
	struct streams *streams = stream->streams;
	struct stream **at = &streams->flush_first;

	if (!stream->flush_queued)
		return;
	while (*at != stream)
		at = &(*at)->next_flush;
	*at = stream->next_flush;
	if (streams->flush_last == &stream->next_flush)
		streams->flush_last = at;
	stream->flush_queued = false;
}

static void drop_output(struct stream *stream)
{
	while (stream->out_first != NULL) {
		struct chunk *chunk = stream->out_first;

		stream->out_first = chunk->next;
		chunk_free(chunk);
	}
	stream->out_last = NULL;
	stream->out_bytes = 0;
}

static void drop_input(struct stream *stream)
{
	if (stream->in != NULL)
		chunk_free(stream->in);
	stream->in = NULL;
	stream->want = 0;
}

/* Moves what is left of the input into a chunk with room for `size` bytes in all. */
static void move_input(struct stream *stream, uint32_t size)
{
	struct chunk *old = stream->in;
	struct chunk *chunk = chunk_new(size);

	memcpy(chunk->data, old->data + old->start, chunk_len(old));
	chunk->end = chunk_len(old);
	stream->in = chunk;
	chunk_free(old);
}

/* Makes room to read into; false if the owner has to consume something first. */
static bool make_room(struct stream *stream)
{
	struct chunk *in = stream->in;

	if (in == NULL) {
		stream->in = chunk_new(stream->large ? CHUNK_LARGE : chunk_small);
		return true;
	}
	if (stream->want > in->cap || in->cap <= CHUNK_TINY) {
		move_input(stream, stream->want > chunk_small ? stream->want : chunk_small);
		return true;
	}
	if (chunk_room(in) >= in->cap / 4 && stream->want <= in->cap - in->start)
		return true;
	if (in->start > 0) {
		memmove(in->data, in->data + in->start, chunk_len(in));
		in->end -= in->start;
		in->start = 0;
	}
	return chunk_room(in) > 0;
}

/* What waits with its connection does so in as little room as it needs. */
static void shrink_input(struct stream *stream)
{
	if (stream->in != NULL && stream->in->cap > CHUNK_TINY && stream->want <= CHUNK_TINY &&
	    chunk_len(stream->in) <= CHUNK_TINY / 2)
		move_input(stream, CHUNK_TINY);
}

/* True: there may be more, for all the room was filled. */
static bool read_once(struct stream *stream)
{
	uint32_t room;
	ssize_t n;
	int error;

	if (!make_room(stream)) {
		pause_for(stream, STREAM_NO_ROOM);
		return false;
	}
	room = chunk_room(stream->in);
	n = stream->streams->transport->receive(stream, stream->in->data + stream->in->end, room);
	error = errno;
	if (n > 0) {
		stream->in->end += (uint32_t)n;
		stream->large =
			(uint32_t)n == room ? true : stream->large && (uint32_t)n > chunk_small;
		stream->owner->on_input(stream);
		shrink_input(stream);
		return (uint32_t)n == room;
	}
	if (chunk_len(stream->in) == 0)
		drop_input(stream);
	if (n < 0 && (error == EAGAIN || error == EINTR))
		return false;
	stream->owner->on_closed(stream, n == 0 ? 0 : error);
	return false;
}

/* A stream that always fills its room has its turns, then others have theirs. */
static void read_input(struct stream *stream)
{
	unsigned reads = 1;

	while (read_once(stream) && stream->streams != NULL && stream->paused == 0 &&
	       reads++ != stream->streams->reads_a_turn)
		;
}

/*
 * libev calls back in the reverse of the order in which the kernel says that sockets became
 * ready.  Who came first is to be served first, so reads wait until all have been called, and
 * each was put in front of those before it.
 */
static void read_ready(void *arg)
{
	struct streams *streams = arg;
	struct stream *stream;

	while ((stream = streams->ready_first) != NULL) {
		streams->ready_first = stream->next_ready;
		stream->ready = false;
		if (stream->streams != NULL && stream->paused == 0 && !stream->connecting)
			read_input(stream);
	}
}

static int connect_error(const struct stream *stream)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error;
}

void stream_connected(struct stream *stream, int error)
{
	if (error != 0) {
		stream->owner->on_closed(stream, error);
		return;
	}
	stream->connecting = false;
	watch(stream);
	if (stream->out_first != NULL)
		queue_flush(stream);
	stream->owner->on_connected(stream);
}

static void on_event(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct stream *stream = watcher->data;

	(void)ev;
	if (stream->connecting) {
		stream_connected(stream, connect_error(stream));
		return;
	}
	if (events & EV_WRITE)
		stream_writable(stream);
	if ((events & EV_READ) && !stream->ready) {
		stream->ready = true;
		stream->next_ready = stream->streams->ready_first;
		stream->streams->ready_first = stream;
	}
}

static void init(struct stream *stream, struct streams *streams, const struct stream_owner *owner,
		 int fd)
{
	memset(stream, 0, sizeof(*stream));
	stream->owner = owner;
	stream->streams = streams;
	stream->fd = fd;
	ev_init(&stream->watcher, on_event);
	stream->watcher.data = stream;
}

void stream_open(struct stream *stream, struct streams *streams, const struct stream_owner *owner,
		 int fd)
{
	init(stream, streams, owner, fd);
	watch(stream);
}

int stream_connect(struct stream *stream, struct streams *streams, const struct stream_owner *owner,
		   const struct addr *address, const struct socket_options *options)
{
	init(stream, streams, owner, -1);
	stream->connecting = true;
	if (streams->transport->connect(stream, address, options) != 0 && errno != EINPROGRESS) {
		int error = errno;

		stream_close(stream);
		return error;
	}
	watch(stream);
	return 0;
}

void stream_close(struct stream *stream)
{
	if (stream->streams == NULL)
		return;
	unblock(stream);
	if (stream->destination != NULL) {
		stream->destination->source = NULL;
		stream->destination = NULL;
	}
	unqueue_flush(stream);
	drop_output(stream);
	drop_input(stream);
	if (stream->streams->transport->is_socket)
		ev_io_stop(stream->streams->loop->ev, &stream->watcher);
	stream->streams->transport->close(stream);
	stream->fd = -1;
	stream->streams = NULL;
}

void stream_finish(struct stream *stream)
{
	while (stream->streams != NULL && !stream->connecting && stream->out_first != NULL) {
		struct chunk *chunk = stream->out_first;
		ssize_t n = stream->streams->transport->send(stream, chunk->data + chunk->start,
							     chunk_len(chunk));

		if (n < (ssize_t)chunk_len(chunk))
			break;
		stream->out_first = chunk->next;
		chunk_free(chunk);
	}
	stream_close(stream);
}

/* Takes n bytes off the input. */
static void consumed(struct stream *stream, uint32_t n)
{
	struct chunk *in = stream->in;

	assert(n <= chunk_len(in));
	in->start += n;
	stream->want = 0;
	if (in->start == in->end)
		drop_input(stream);
	resume_from(stream, STREAM_NO_ROOM);
}

void stream_skip(struct stream *stream, uint32_t n)
{
	if (n > 0)
		consumed(stream, n);
}

void stream_want(struct stream *stream, uint32_t n)
{
	stream->want = n;
	resume_from(stream, STREAM_NO_ROOM);
}

void stream_hold(struct stream *stream)
{
	if (stream_is_open(stream))
		pause_for(stream, STREAM_HELD);
}

void stream_unhold(struct stream *stream)
{
	if (stream_is_open(stream))
		resume_from(stream, STREAM_HELD);
}

void stream_unread(struct stream *stream, const void *data, uint32_t len)
{
	uint32_t rest = stream_available(stream);
	struct chunk *chunk = chunk_new(len + rest);

	memcpy(chunk->data, data, len);
	if (rest > 0)
		memcpy(chunk->data + len, stream_data(stream), rest);
	chunk->end = len + rest;
	drop_input(stream);
	stream->in = chunk;
}

static void append(struct stream *stream, struct chunk *chunk)
{
	chunk->next = NULL;
	if (stream->out_last != NULL)
		stream->out_last->next = chunk;
	else
		stream->out_first = chunk;
	stream->out_last = chunk;
}

void stream_send(struct stream *stream, const void *data, uint32_t len)
{
	const uint8_t *at = data;

	if (stream->streams == NULL || stream->write_broken || len == 0)
		return;
	stream->out_bytes += len;
	while (len > 0) {
		struct chunk *tail = stream->out_last;
		uint32_t n;

		if (tail == NULL || chunk_room(tail) == 0) {
			tail = chunk_new(tail != NULL && len < chunk_small ? chunk_small : len);
			append(stream, tail);
		}
		n = chunk_room(tail) < len ? chunk_room(tail) : len;
		memcpy(tail->data + tail->end, at, n);
		tail->end += n;
		at += n;
		len -= n;
	}
	queue_flush(stream);
}

bool stream_send_with_fd(struct stream *stream, const void *data, uint32_t len, int fd)
{
	ssize_t n;

	if (stream->streams == NULL || !stream->streams->transport->is_socket ||
	    stream->out_first != NULL)
		return false;
	n = socket_send_fds(stream->fd, data, len, &fd, 1);
	if (n < 0)
		return false;
	stream->sent += (uint32_t)n;
	stream_send(stream, (const uint8_t *)data + n, len - (uint32_t)n);
	return true;
}

/* Hands the whole input chunk over but for a rest behind the first n bytes, which is copied. */
static void hand_over(struct stream *to, struct stream *from, uint32_t n)
{
	struct chunk *chunk = from->in;
	uint32_t rest = chunk_len(chunk) - n;

	from->in = NULL;
	if (rest > 0) {
		from->in = chunk_new(rest > from->want ? rest : from->want);
		memcpy(from->in->data, chunk->data + chunk->start + n, rest);
		from->in->end = rest;
		chunk->end -= rest;
	}
	append(to, chunk);
	to->out_bytes += n;
	from->want = 0;
	resume_from(from, STREAM_NO_ROOM);
	queue_flush(to);
}

void stream_splice(struct stream *to, struct stream *from, uint32_t n)
{
	uint32_t rest;

	if (n == 0)
		return;
	if (to->streams == NULL || to->write_broken) {
		stream_skip(from, n);
		return;
	}
	rest = chunk_len(from->in) - n;
	if (n <= COPY_BYTES || rest >= n) {
		stream_send(to, stream_data(from), n);
		consumed(from, n);
	} else {
		hand_over(to, from, n);
	}
	if (to->out_bytes > to->streams->high_water && from->streams != NULL)
		block(to, from);
}

static void wait_for_write(struct stream *stream)
{
	stream->write_blocked = true;
	watch(stream);
}

/* The kernel took n bytes (or refused with -errno). */
static void on_sent(void *who, ssize_t n)
{
	struct stream *stream = who;
	bool full = n <= 0;
	uint32_t left;

	if (n < 0) {
		if (n == -EAGAIN || n == -EINTR || n == -EWOULDBLOCK) {
			n = 0;
		} else {
			stream->write_broken = true;
			drop_output(stream);
			drained(stream);
			return;
		}
	}
	stream->sent += (uint32_t)n;
	stream->out_bytes -= (uint32_t)n;
	left = (uint32_t)n;
	while (left > 0) {
		struct chunk *chunk = stream->out_first;
		uint32_t len = chunk_len(chunk);

		if (left < len) {
			chunk->start += left;
			full = true;
			break;
		}
		left -= len;
		stream->out_first = chunk->next;
		chunk_free(chunk);
	}
	if (stream->out_first == NULL)
		stream->out_last = NULL;
	else if (full)
		wait_for_write(stream);
	else
		queue_flush(stream); /* more pieces than one send takes */
	if (stream->out_bytes <= stream->streams->high_water / 2)
		drained(stream);
}

static int gather(const struct stream *stream, struct iovec *pieces)
{
	int count = 0;

	for (struct chunk *chunk = stream->out_first; chunk != NULL && count < BATCH_PIECES;
	     chunk = chunk->next) {
		pieces[count].iov_base = chunk->data + chunk->start;
		pieces[count].iov_len = chunk_len(chunk);
		count++;
	}
	return count;
}

static void send_now(struct stream *stream)
{
	struct iovec pieces[BATCH_PIECES];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t n;

	if (stream->out_first->next == NULL || !stream->streams->transport->is_socket) {
		n = stream->streams->transport->send(
			stream, stream->out_first->data + stream->out_first->start,
			chunk_len(stream->out_first));
	} else {
		message.msg_iovlen = (size_t)gather(stream, pieces);
		n = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	}
	on_sent(stream, n < 0 ? -errno : n);
}

static struct stream *next_to_flush(struct streams *streams)
{
	struct stream *stream = streams->flush_first;

	if (stream == NULL)
		return NULL;
	streams->flush_first = stream->next_flush;
	if (streams->flush_first == NULL)
		streams->flush_last = &streams->flush_first;
	stream->flush_queued = false;
	return stream;
}

void streams_flush(struct streams *streams)
{
	struct iovec pieces[BATCH_PIECES];
	struct stream *stream;
	bool batching;

	batching = streams->batch != NULL && streams->flush_first != NULL &&
		   streams->flush_first->next_flush != NULL;
	while ((stream = next_to_flush(streams)) != NULL) {
		if (stream->out_first == NULL || stream->write_blocked)
			continue;
		if (batching && stream->streams->transport->is_socket) {
			int count = gather(stream, pieces);

			if (batch_add(streams->batch, stream->fd, pieces, count, stream))
				continue;
			batch_run(streams->batch, on_sent);
			if (batch_add(streams->batch, stream->fd, pieces, count, stream))
				continue;
		}
		send_now(stream);
	}
	if (batching)
		batch_run(streams->batch, on_sent);
}

bool streams_has_output(const struct streams *streams)
{
	return streams->flush_first != NULL;
}

static void flush_all(void *arg)
{
	streams_flush(arg);
}

static bool has_output(void *arg)
{
	return streams_has_output(arg);
}

void streams_init(struct streams *streams, struct loop *loop, uint32_t high_water, bool io_batch)
{
	memset(streams, 0, sizeof(*streams));
	streams->loop = loop;
	streams->transport = &stream_socket;
	streams->flush_last = &streams->flush_first;
	streams->high_water = high_water;
	streams->reads_a_turn = 1;
	streams->batch = io_batch ? batch_new() : NULL;
	loop->read = read_ready;
	loop->flush = flush_all;
	loop->has_output = has_output;
	loop->flush_arg = streams;
}

void streams_done(struct streams *streams)
{
	batch_free(streams->batch);
	streams->batch = NULL;
	streams->loop->read = NULL;
	streams->loop->flush = NULL;
	streams->loop->has_output = NULL;
}

bool streams_batched(const struct streams *streams)
{
	return streams->batch != NULL;
}

void stream_readable(struct stream *stream)
{
	if (stream->streams != NULL && !stream->connecting && stream->paused == 0)
		read_input(stream);
}

void stream_writable(struct stream *stream)
{
	if (stream->streams == NULL || !stream->write_blocked)
		return;
	stream->write_blocked = false;
	watch(stream);
	if (stream->out_first != NULL)
		queue_flush(stream);
}
