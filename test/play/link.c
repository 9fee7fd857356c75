/* SPDX-License-Identifier: ISC */
/* The far ends of pgweir's connections. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct link *links[LINKS_MAX];
int link_count;
int link_refusal;
uint64_t links_moved;

struct link *link_new(enum link_kind kind)
{
	struct link *link = mem_zero(sizeof(*link));

	ck_assert_int_lt(link_count, LINKS_MAX);
	link->kind = kind;
	link->number = link_count;
	link->pid = 1000 + (uint32_t)link_count;
	link->room = SIZE_MAX;
	links[link_count++] = link;
	return link;
}

void links_free(void)
{
	for (int i = 0; i < link_count; i++) {
		text_done(&links[i]->said);
		text_done(&links[i]->rest);
		text_done(&links[i]->sent);
		text_done(&links[i]->heard);
		free(links[i]);
	}
	link_count = link_refusal = 0;
}

static int transport_connect(struct stream *stream, const struct addr *address,
			     const struct socket_options *options)
{
	struct link *link;

	(void)options;
	if (link_refusal != 0) {
		errno = link_refusal;
		return -1;
	}
	link = link_new(LINK_SERVER);
	link->stream = stream;
	link->host = (int)(ntohl(address->in.sin_addr.s_addr) & 0xff);
	stream->fd = link->number;
	links_moved++;
	errno = EINPROGRESS;
	return -1;
}

static struct link *link_of(const struct stream *stream)
{
	ck_assert_int_ge(stream->fd, 0);
	ck_assert_int_lt(stream->fd, link_count);
	return links[stream->fd];
}

static ssize_t transport_receive(struct stream *stream, void *buffer, size_t size)
{
	struct link *link = link_of(stream);
	size_t n = link->said.len - link->said_at;

	if (n > size)
		n = size;
	if (n > 0) {
		memcpy(buffer, link->said.data + link->said_at, n);
		link->said_at += n;
		links_moved++;
		return (ssize_t)n;
	}
	if (!link->ended) {
		errno = EAGAIN;
		return -1;
	}
	link->end_seen = true;
	links_moved++;
	errno = link->error;
	return link->error != 0 ? -1 : 0;
}

static ssize_t transport_send(struct stream *stream, const void *data, size_t size)
{
	struct link *link = link_of(stream);
	size_t n = size < link->room ? size : link->room;

	if (link->ended && link->error != 0) {
		errno = EPIPE;
		return -1;
	}
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (link->room != SIZE_MAX)
		link->room -= n;
	text_add_n(&link->sent, data, n);
	links_moved++;
	return (ssize_t)n;
}

static void transport_close(struct stream *stream)
{
	if (stream->fd < 0)
		return;
	link_of(stream)->stream = NULL;
	links_moved++;
}

const struct stream_transport play_transport = {
	.connect = transport_connect,
	.receive = transport_receive,
	.send = transport_send,
	.close = transport_close,
	.is_socket = false,
};
