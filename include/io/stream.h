/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_STREAM_H
#define PGWEIR_IO_STREAM_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/chunk.h"
#include "io/loop.h"
#include "io/socket.h"

struct stream;

/* What a stream tells its owner.  Any of them may close the stream. */
struct stream_owner {
	/* A connection begun by stream_connect is there. */
	void (*on_connected)(struct stream *stream);

	/* stream->in has bytes that are new; what is not consumed stays. */
	void (*on_input)(struct stream *stream);

	/*
	 * Its output went down to half of the high-water mark after it was stream_is_full.  Called
	 * from the flush: it may post a task and do nothing else.  May be NULL.
	 */
	void (*on_drained)(struct stream *stream);

	/* The peer closed (error 0) or the socket broke (errno); nothing more will be read. */
	void (*on_closed)(struct stream *stream, int error);
};

/*
 * Where bytes go to and come from: sockets, but in plays.  Return values and errno as those of
 * the system calls; `connect` sets stream->fd.
 */
struct stream_transport {
	int (*connect)(struct stream *stream, const struct addr *address,
		       const struct socket_options *options);
	ssize_t (*receive)(struct stream *stream, void *buffer, size_t size);
	ssize_t (*send)(struct stream *stream, const void *data, size_t size);
	void (*close)(struct stream *stream);
	bool is_socket; /* has a descriptor that the loop can watch and the kernel can batch */
};
extern const struct stream_transport stream_socket;

/* Why a stream is not read from; read while no bit is set. */
enum {
	STREAM_FULL = 1,    /* the destination of its bytes has too many queued */
	STREAM_NO_ROOM = 2, /* the owner does not consume what was read */
	STREAM_HELD = 4,    /* stream_hold */
};

/*
 * A connection's bytes: one socket, its watcher, its input and its output queue.  The output
 * queue is the only order there is; it is sent at the end of the loop turn (streams_flush).
 * Embedded in its owner; a zeroed struct with fd -1 is a closed stream.
 */
struct stream {
	struct ev_io watcher;
	const struct stream_owner *owner;
	struct streams *streams;
	struct chunk *in; /* what was read and not consumed; NULL: nothing */
	struct chunk *out_first;
	struct chunk *out_last;
	struct stream *next_flush;
	struct stream *next_ready;
	struct stream *source;	    /* paused until our output has drained */
	struct stream *destination; /* the reverse: whose output we wait for */
	uint32_t sent;		    /* bytes that the kernel took, modulo 2^32 */
	uint32_t out_bytes;
	uint32_t want; /* the owner needs so many contiguous bytes */
	int fd;
	uint8_t paused; /* STREAM_FULL and so on */
	bool connecting : 1;
	bool flush_queued : 1;
	bool ready : 1;		/* became readable in this turn */
	bool write_blocked : 1; /* waits for EV_WRITE */
	bool write_broken : 1;	/* the peer takes nothing more; what it sent may still be read */
	bool large : 1;		/* filled its last chunk */
};

/* All streams of a loop, and what they share. */
struct streams {
	struct loop *loop;
	const struct stream_transport *transport;
	struct stream *ready_first; /* readable in this turn, in the order of the kernel */
	struct stream *flush_first;
	struct stream **flush_last;
	struct batch *batch;   /* sends of a turn in one system call, NULL: one by one */
	uint32_t high_water;   /* queued bytes at which a source is paused */
	unsigned reads_a_turn; /* of one stream that fills what it is read into; 0: no bound */
	uint64_t pauses;       /* sources paused by a full destination */
};

/* `io_batch`: use io_uring where the kernel has it.  high_water in bytes. */
void streams_init(struct streams *streams, struct loop *loop, uint32_t high_water, bool io_batch);
void streams_done(struct streams *streams);

/* Whether sends are batched, for the log and SHOW. */
bool streams_batched(const struct streams *streams);

/* Takes a connected non-blocking socket and starts reading. */
void stream_open(struct stream *stream, struct streams *streams, const struct stream_owner *owner,
		 int fd);

/*
 * Begins to connect; on_connected or on_closed follows, never from inside this call.  Returns
 * 0, or errno if not even that could begin (the stream is closed then).
 */
int stream_connect(struct stream *stream, struct streams *streams, const struct stream_owner *owner,
		   const struct addr *address, const struct socket_options *options);

/* What connects without a descriptor (plays) says that it is through, or why not (errno). */
void stream_connected(struct stream *stream, int error);

/* Closes at once; bytes that are queued are lost.  Allowed on a closed stream. */
void stream_close(struct stream *stream);

/* Sends what the socket takes without waiting (a farewell), then closes. */
void stream_finish(struct stream *stream);

static inline bool stream_is_open(const struct stream *stream)
{
	return stream->streams != NULL;
}

/* Bytes read and not consumed. */
static inline uint32_t stream_available(const struct stream *stream)
{
	return stream->in != NULL ? chunk_len(stream->in) : 0;
}

/* The first of them; moves with every call that consumes or reads. */
static inline uint8_t *stream_data(const struct stream *stream)
{
	return stream->in->data + stream->in->start;
}

/* Consumes n of the available bytes. */
void stream_skip(struct stream *stream, uint32_t n);

/*
 * The owner can do nothing before n bytes are there in one piece: makes room for them.  It
 * bounds n.
 */
void stream_want(struct stream *stream, uint32_t n);

/* Reads no more, whatever is there, until stream_unhold. */
void stream_hold(struct stream *stream);
void stream_unhold(struct stream *stream);

/* Puts bytes in front of the input, to be read again; on_input is not called. */
void stream_unread(struct stream *stream, const void *data, uint32_t len);

/* Queues bytes for sending. */
void stream_send(struct stream *stream, const void *data, uint32_t len);

/*
 * Sends bytes at once, and a descriptor with them (a Unix socket; the caller keeps its own).
 * False if that cannot be: output is queued before them, or the socket takes nothing now.
 */
bool stream_send_with_fd(struct stream *stream, const void *data, uint32_t len, int fd);

/*
 * Moves the first n available bytes of `from` into the output of `to`: by handing over the
 * chunk where that is cheaper than copying.  Pauses `from` if `to` has too many queued.
 */
void stream_splice(struct stream *to, struct stream *from, uint32_t n);

/*
 * `from` is about to serve somebody else: a destination that takes its bytes too slowly pauses it
 * no longer.  That one is paused itself instead, so that it cannot ask for more meanwhile.
 */
void stream_part(struct stream *from);

/* Too much is queued for its peer: the owner is to take nothing more from it before on_drained. */
static inline bool stream_is_full(const struct stream *stream)
{
	return stream->source == stream && stream->source != NULL;
}

/* Takes all output of all streams to the kernel; the loop calls it. */
void streams_flush(struct streams *streams);

/* Whether anything waits for streams_flush. */
bool streams_has_output(const struct streams *streams);

/* There is something to receive, or the end: plays say so instead of the loop. */
void stream_readable(struct stream *stream);

/* The peer takes bytes again after a short send: likewise. */
void stream_writable(struct stream *stream);

#endif
