/* SPDX-License-Identifier: ISC */
/* A takeover from its first word to the end of the old process; both sides. */
#include "main/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/operate.h"
#include "base/mem.h"
#include "base/text.h"
#include "main/program.h"
#include "proto/compose.h"
#include "session/cancel.h"
#include "session/client.h"

/* Requests that the process before us may have at a time; each costs two descriptors. */
#define RELAYS_MAX 256

/* The longest packet of a cancel request, with the word before it. */
#define CANCEL_BYTES (1 + 12 + 256)

/* A cancel request that the process before us has: it closes the other end when it is done. */
struct relay {
	struct list_node node;
	struct ev_io watcher;
	struct program *program;
	uint64_t client; /* id of its connection, which waits for that */
};

static void line_close(struct program *program, struct ev_io *line)
{
	if (line->fd < 0)
		return;
	ev_io_stop(program->loop.ev, line);
	close(line->fd);
	line->fd = -1;
}

static void line_watch(struct program *program, struct ev_io *line, int fd,
		       void (*on_word)(struct ev_loop *, struct ev_io *, int))
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ev_io_init(line, on_word, fd, EV_READ);
	line->data = program;
	ev_io_start(program->loop.ev, line);
}

/* ---- the old process ---- */

static void become(struct program *program, enum takeover_state state)
{
	program->takeover.state = state;
	program->pooler.offered = state == TAKEOVER_OFFERED;
}

static void take(struct program *program, const uint8_t *data, size_t len)
{
	if (len != 5 || program->takeover.state != TAKEOVER_OFFERED)
		return;
	become(program, TAKEOVER_TAKEN);
	shutdown_hand_over(program, (pid_t)be32_get(data + 1));
}

static void on_successor(struct ev_loop *ev, struct ev_io *line, int events)
{
	struct program *program = line->data;
	struct takeover *takeover = &program->takeover;
	uint8_t data[CANCEL_BYTES];
	int fds[SOCKET_FDS_MAX];
	unsigned count;
	ssize_t n = socket_receive_fds(line->fd, data, sizeof(data), fds, &count);

	(void)ev;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		line_close(program, line);
		if (takeover->state != TAKEOVER_OFFERED)
			return;
		become(program, TAKEOVER_NONE);
		log_warn(process, "takeover: the new process gave up, nothing has changed here");
		return;
	}
	if (data[0] == LINE_CANCEL && count > 0)
		client_adopt(&program->pooler, fds[--count], data + 1, (uint32_t)n - 1);
	else if (data[0] == LINE_TAKE)
		take(program, data, (size_t)n);
	while (count > 0)
		close(fds[--count]);
}

/* The sockets, on our end of the line. */
static bool send_offer(struct program *program, int line)
{
	uint8_t data[LINE_OFFER_BYTES] = { LINE_OFFER };
	int fds[SOCKET_FDS_MAX];
	unsigned count = 0;

	be32_put(data + 1, (uint32_t)getpid());
	list_for_each(&program->listeners.list, node, after) {
		const struct listener *listener = list_entry(node, struct listener, node);

		if (count == SOCKET_FDS_MAX)
			return false;
		data[5 + count] = listener->owner == LISTENER_MANAGED;
		fds[count++] = listener->fd;
	}
	return socket_send_fds(line, data, 5 + count, fds, count) == 5 + (ssize_t)count;
}

/* The other end of the line, to who asked. */
static bool send_line(struct client *client, int line)
{
	struct text packet = { 0 };
	struct writer writer;
	bool sent;

	writer_init_text(&writer, &packet);
	compose_notice(&writer, "the listening sockets come with this message");
	sent = stream_send_with_fd(&client->stream, packet.data, (uint32_t)packet.len, line);
	text_done(&packet);
	return sent;
}

static const char *why_not(const struct program *program, const struct client *client)
{
	const struct pooler *pooler = &program->pooler;

	if (!client_is_local(client))
		return "only for the process's own user, over the Unix socket";
	if (program->takeover.state != TAKEOVER_NONE)
		return "another process is taking over";
	if (pooler->shutting_down)
		return "pooler is shutting down";
	if (operate_is_paused(pooler))
		return "something is paused: RESUME first, or its clients would wait for ever";
	return NULL;
}

bool takeover_offer(struct program *program, struct client *client, char *error, size_t size)
{
	struct takeover *takeover = &program->takeover;
	const char *why = why_not(program, client);
	int pair[2];

	if (why != NULL) {
		snprintf(error, size, "%s", why);
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		snprintf(error, size, "cannot make sockets: %s", strerror(errno));
		return false;
	}
	if (!send_offer(program, pair[0]) || !send_line(client, pair[1])) {
		snprintf(error, size, "the sockets cannot be sent");
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	close(pair[1]);
	line_watch(program, &takeover->successor, pair[0], on_successor);
	become(program, TAKEOVER_OFFERED);
	log_info(client, "takeover: listening sockets offered");
	return true;
}

/* ---- the new process ---- */

static void relay_end(struct relay *relay)
{
	ev_io_stop(relay->program->loop.ev, &relay->watcher);
	close(relay->watcher.fd);
	list_remove(&relay->node);
	free(relay);
}

static void on_relay_done(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct relay *relay = list_entry(watcher, struct relay, watcher);
	uint64_t client = relay->client;

	(void)ev;
	(void)events;
	relay_end(relay);
	cancel_done_elsewhere(client);
}

static bool send_cancel(struct program *program, uint32_t pid, const uint8_t *key, uint32_t key_len,
			int done)
{
	uint8_t data[CANCEL_BYTES] = { LINE_CANCEL };
	struct writer writer;

	writer_init(&writer, data + 1, sizeof(data) - 1);
	return compose_cancel_request(&writer, pid, key, key_len) &&
	       socket_send_fds(program->takeover.predecessor.fd, data, 1 + writer.len, &done, 1) >
		       0;
}

/* The key is not ours: the process before us may have given it out. */
static bool pass_cancel(void *arg, const struct client *client, uint32_t pid, const uint8_t *key,
			uint32_t key_len)
{
	struct program *program = arg;
	struct list *relays = &program->takeover.relays;
	struct relay *relay;
	int pair[2];

	if (relays->count == RELAYS_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	if (!send_cancel(program, pid, key, key_len, pair[1])) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	close(pair[1]);
	relay = mem_zero(sizeof(*relay));
	relay->program = program;
	relay->client = client->id;
	ev_io_init(&relay->watcher, on_relay_done, pair[0], EV_READ);
	ev_io_start(program->loop.ev, &relay->watcher);
	list_append(relays, &relay->node);
	return true;
}

/* It says nothing any more but its end. */
static void on_predecessor(struct ev_loop *ev, struct ev_io *line, int events)
{
	struct program *program = line->data;
	uint8_t byte;
	ssize_t n = recv(line->fd, &byte, sizeof(byte), 0);

	(void)ev;
	(void)events;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	log_info(process, "takeover: the old process has ended");
	cancel_set_elsewhere(NULL, NULL);
	line_close(program, line);
}

bool takeover_begin(struct program *program, const struct claim *claim)
{
	uint8_t data[5] = { LINE_TAKE };

	be32_put(data + 1, (uint32_t)getpid());
	if (socket_send_fds(claim->line, data, sizeof(data), NULL, 0) != (ssize_t)sizeof(data))
		return false;
	line_watch(program, &program->takeover.predecessor, claim->line, on_predecessor);
	cancel_set_elsewhere(pass_cancel, program);
	log_info(process, "takeover: the listening sockets of process %d are ours", claim->pid);
	return true;
}

bool takeover_has_predecessor(const struct program *program)
{
	return program->takeover.predecessor.fd >= 0;
}

/* ---- both ---- */

void takeover_init(struct program *program)
{
	struct takeover *takeover = &program->takeover;

	memset(takeover, 0, sizeof(*takeover));
	list_init(&takeover->relays);
	takeover->successor.fd = -1;
	takeover->predecessor.fd = -1;
}

void takeover_done(struct program *program)
{
	struct takeover *takeover = &program->takeover;
	struct list_node *node;

	cancel_set_elsewhere(NULL, NULL);
	while ((node = list_first(&takeover->relays)) != NULL)
		relay_end(list_entry(node, struct relay, node));
	line_close(program, &takeover->successor);
	line_close(program, &takeover->predecessor);
}
