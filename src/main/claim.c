/* SPDX-License-Identifier: ISC */
/*
 * The first half of a takeover, as the new process sees it: a short conversation with the old
 * one's console, before there is a loop.
 *
 *	new				old
 *	startup, user pgbouncer	->
 *				<-	AuthenticationOk ... ReadyForQuery
 *	TAKEOVER		->
 *				<-	a notice, with one end of the line
 *				<-	on the line: its pid, its listening sockets
 */
#include "main/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/text.h"
#include "conf/settings.h"
#include "main/daemon.h"
#include "main/inherit.h"
#include "main/takeover.h"
#include "proto/compose.h"
#include "proto/error.h"

#define PATIENCE_SECONDS 10
#define ANSWER_BYTES 16384

/* The old process calls its version so: "0.1.0/pgweir", and PgBouncer "1.25.2/bouncer". */
#define OURS "/pgweir"

/* The conversation. */
struct dialog {
	int console;
	int line; /* -1: not there yet */
	uint8_t data[ANSWER_BYTES];
	size_t len;
	char *error;
	size_t size;
};

static bool fail(struct dialog *dialog, const char *why)
{
	snprintf(dialog->error, dialog->size, "takeover: %s", why);
	return false;
}

static bool fail_unanswered(struct dialog *dialog)
{
	return fail(dialog, errno == EAGAIN || errno == EWOULDBLOCK
				    ? "the old process does not answer"
				    : "the old process ended the conversation");
}

/* ---- the console ---- */

static bool send_packet(struct dialog *dialog, struct text *packet)
{
	ssize_t n = send(dialog->console, packet->data, packet->len, MSG_NOSIGNAL);
	bool sent = n == (ssize_t)packet->len;

	text_done(packet);
	return sent || fail_unanswered(dialog);
}

/* More bytes, and the line if it comes with them. */
static bool receive(struct dialog *dialog)
{
	int fds[SOCKET_FDS_MAX];
	unsigned count;
	ssize_t n = socket_receive_fds(dialog->console, dialog->data + dialog->len,
				       sizeof(dialog->data) - dialog->len, fds, &count);

	for (unsigned i = 0; n > 0 && i < count; i++) {
		if (dialog->line < 0)
			dialog->line = fds[i];
		else
			close(fds[i]);
	}
	if (n <= 0) {
		errno = n == 0 ? ECONNRESET : errno;
		return fail_unanswered(dialog);
	}
	dialog->len += (size_t)n;
	return true;
}

static bool take_error(struct dialog *dialog, const struct message *message)
{
	struct error_fields fields;
	char text[512];

	if (!error_read(message->body, message->body_len, &fields))
		return fail(dialog, "the old process gave an unreadable answer");
	snprintf(text, sizeof(text), "refused by the old process: %s%s", fields.message,
		 error_is_class(&fields, "28") ? " (does it run as another user?)" : "");
	return fail(dialog, text);
}

static bool check_version(struct dialog *dialog, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);
	const char *name = reader_cstring(&reader), *value = reader_cstring(&reader);
	size_t len = strlen(value);
	char text[256];

	if (strcmp(name, "server_version") != 0 ||
	    (len >= strlen(OURS) && strcmp(value + len - strlen(OURS), OURS) == 0))
		return true;
	snprintf(text, sizeof(text),
		 "the old process is no pgweir, its version is \"%.80s\": stop it, then start "
		 "pgweir without -R",
		 value);
	return fail(dialog, text);
}

static bool check_authentication(struct dialog *dialog, const struct message *message)
{
	struct reader reader = reader_over(message->body, message->body_len);

	if (reader_u32(&reader) == AUTHENTICATION_OK)
		return true;
	return fail(dialog, "the old process asks for a password: it runs as another user");
}

/* One message of the answer; *ready at its end. */
static bool take_message(struct dialog *dialog, const struct message *message, bool *ready)
{
	switch (message->type) {
	case MSG_AUTHENTICATION:
		return check_authentication(dialog, message);
	case MSG_PARAMETER_STATUS:
		return check_version(dialog, message);
	case MSG_ERROR_RESPONSE:
		return take_error(dialog, message);
	case MSG_READY_FOR_QUERY:
		*ready = true;
	}
	return true;
}

/* Reads up to the next ReadyForQuery. */
static bool read_answer(struct dialog *dialog)
{
	struct message message;
	bool ready = false;

	while (!ready) {
		switch (message_find(dialog->data, dialog->len, sizeof(dialog->data), &message)) {
		case PEEK_BAD:
			return fail(dialog, "the old process gave an unreadable answer");
		case PEEK_SHORT:
			if (!receive(dialog))
				return false;
			continue;
		case PEEK_OK:
			break;
		}
		if (!take_message(dialog, &message, &ready))
			return false;
		dialog->len -= message.len;
		memmove(dialog->data, dialog->data + message.len, dialog->len);
	}
	return true;
}

static bool log_in(struct dialog *dialog)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	startup_begin(&writer, 0);
	startup_param(&writer, "user", "pgbouncer");
	startup_param(&writer, "database", "pgbouncer");
	startup_end(&writer);
	return send_packet(dialog, &packet) && read_answer(dialog);
}

static bool ask(struct dialog *dialog)
{
	struct text packet = { 0 };
	struct writer writer;

	writer_init_text(&writer, &packet);
	compose_query(&writer, "TAKEOVER");
	if (!send_packet(dialog, &packet) || !read_answer(dialog))
		return false;
	return dialog->line >= 0 || fail(dialog, "the old process hands nothing over");
}

/* ---- the line ---- */

static void be_patient(int fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static bool read_offer(struct dialog *dialog, struct claim *claim, struct inherited *inherited)
{
	uint8_t data[LINE_OFFER_BYTES];
	int fds[SOCKET_FDS_MAX];
	unsigned count, taken = 0;
	ssize_t n;

	be_patient(dialog->line);
	n = socket_receive_fds(dialog->line, data, sizeof(data), fds, &count);
	if (n < 5 || data[0] != LINE_OFFER || (size_t)n != 5 + count) {
		while (n > 0 && count > 0)
			close(fds[--count]);
		return fail(dialog, "the old process gave an unreadable answer");
	}
	claim->pid = (pid_t)be32_get(data + 1);
	while (taken < count && inherited_add(inherited, fds[taken], data[5 + taken] != 0))
		taken++;
	if (taken == count)
		return true;
	while (taken < count)
		close(fds[taken++]);
	return fail(dialog, "the old process handed over what does not listen");
}

/* ---- both ---- */

/* The socket's other end sees who asks. */
static int connect_as(const struct addr *addr, const struct identity *identity)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uid_t uid = geteuid();
	int rc = -1, saved;

	if (fd < 0)
		return -1;
	be_patient(fd);
	if (!identity->change || seteuid(identity->uid) == 0)
		rc = connect(fd, &addr->sa, addr->len);
	saved = errno;
	if ((!identity->change || seteuid(uid) == 0) && rc == 0)
		return fd;
	close(fd);
	errno = saved;
	return -1;
}

static enum claim_result converse(struct dialog *dialog, struct claim *claim,
				  struct inherited *inherited)
{
	bool made = log_in(dialog) && ask(dialog) && read_offer(dialog, claim, inherited);

	close(dialog->console);
	if (made) {
		claim->line = dialog->line;
		return CLAIM_MADE;
	}
	if (dialog->line >= 0)
		close(dialog->line);
	inherited_done(inherited);
	return CLAIM_REFUSED;
}

enum claim_result claim_make(struct claim *claim, struct inherited *inherited,
			     const struct settings *settings, const struct identity *identity,
			     char *error, size_t size)
{
	struct dialog dialog = { .line = -1, .error = error, .size = size };
	char text[ADDR_TEXT_BYTES];
	struct addr addr;

	claim->line = -1;
	if (!addr_parse(&addr, settings->unix_socket_dir, (uint16_t)settings->listen_port) ||
	    !addr_is_unix(&addr)) {
		fail(&dialog, "unix_socket_dir is needed to find the old process");
		return CLAIM_REFUSED;
	}
	dialog.console = connect_as(&addr, identity);
	if (dialog.console >= 0)
		return converse(&dialog, claim, inherited);
	snprintf(error, size, "takeover: cannot connect to %s: %s",
		 addr_text(&addr, text, sizeof(text)), strerror(errno));
	return errno == ENOENT || errno == ECONNREFUSED ? CLAIM_NOBODY : CLAIM_REFUSED;
}
