/* SPDX-License-Identifier: ISC */
/*
 * Our own queries through libpq, asynchronously.
 *
 *	pgquery_open -> connecting -> ready <-> busy -> dead -> pgquery_close
 *
 * libpq owns the socket and may change it while it connects, so the watcher is set anew after
 * each step.  Failures in functions that the owner calls are told by a task.
 */
#include "io/pgquery.h"

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum pgquery_state {
	QUERY_CONNECTING,
	QUERY_READY,
	QUERY_BUSY,
	QUERY_DEAD,
	QUERY_CLOSED,
};

struct pgquery {
	struct loop *loop;
	PGconn *conn;
	enum pgquery_state state;
	const struct pgquery_owner *owner;
	void *arg;
	PGresult *result; /* of the command under way: its last but the final NULL */
	usec_t sent;
	struct ev_io io;
	struct ev_timer timer;
	struct task task; /* tells a failure, then frees */
	enum pgquery_failure failure;
	char sqlstate[6];     /* of an error that ended the connection */
	char last_words[160]; /* and what it said */
	char text[256];
};

/* The first line of what libpq says; the rest repeats the address or gives hints. */
static void note_text(struct pgquery *query, const char *text)
{
	size_t len = strcspn(text, "\n");

	snprintf(query->text, sizeof(query->text), "%.*s", (int)len, text);
}

static void stop(struct pgquery *query)
{
	ev_io_stop(query->loop->ev, &query->io);
	ev_timer_stop(query->loop->ev, &query->timer);
}

static void tell_failure(struct task *task)
{
	struct pgquery *query = list_entry(task, struct pgquery, task);

	query->owner->on_failed(query, query->failure, query->sqlstate, query->text);
}

static void fail(struct pgquery *query, enum pgquery_failure failure, const char *text)
{
	stop(query);
	query->state = QUERY_DEAD;
	query->failure = failure;
	note_text(query, text);
	loop_post(query->loop, &query->task);
}

/*
 * libpq hands on what the server said while connecting as text only, but with the code when
 * verbosity is "sqlstate"; what it says itself has none.
 */
static bool is_sqlstate(const char *s)
{
	for (int i = 0; i < 5; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return s[5] == ':' || s[5] == '\n' || s[5] == '\0';
}

static void find_sqlstate(struct pgquery *query, const char *text)
{
	for (const char *at = text; (at = strstr(at, ":  ")) != NULL; at += 3)
		if (is_sqlstate(at + 3)) {
			memcpy(query->sqlstate, at + 3, 5);
			return;
		}
}

static void fail_connect(struct pgquery *query)
{
	const char *text = PQerrorMessage(query->conn);

	find_sqlstate(query, text);
	if (query->sqlstate[0] != '\0')
		fail(query, PGQUERY_LOGIN, text);
	else if (strstr(text, "Connection refused") != NULL ||
		 strstr(text, "No such file or directory") != NULL ||
		 strstr(text, "No route to host") != NULL ||
		 strstr(text, "Network is unreachable") != NULL)
		fail(query, PGQUERY_REFUSED, text);
	else if (PQconnectionNeedsPassword(query->conn))
		fail(query, PGQUERY_LOGIN, text);
	else
		fail(query, PGQUERY_LOST, text);
}

static void watch(struct pgquery *query, int events)
{
	ev_io_stop(query->loop->ev, &query->io);
	ev_io_set(&query->io, PQsocket(query->conn), events);
	ev_io_start(query->loop->ev, &query->io);
}

static void arm(struct pgquery *query, usec_t timeout)
{
	ev_timer_stop(query->loop->ev, &query->timer);
	ev_now_update(query->loop->ev);
	ev_timer_set(&query->timer, (double)timeout / (double)USEC_PER_SEC, 0.);
	ev_timer_start(query->loop->ev, &query->timer);
}

static void become_ready(struct pgquery *query)
{
	ev_timer_stop(query->loop->ev, &query->timer);
	PQsetErrorVerbosity(query->conn, PQERRORS_DEFAULT);
	if (PQsetnonblocking(query->conn, 1) != 0) {
		fail(query, PGQUERY_LOST, PQerrorMessage(query->conn));
		return;
	}
	query->state = QUERY_READY;
	watch(query, EV_READ);
	query->owner->on_ready(query);
}

static void connect_step(struct pgquery *query)
{
	switch (PQconnectPoll(query->conn)) {
	case PGRES_POLLING_READING:
		watch(query, EV_READ);
		break;
	case PGRES_POLLING_WRITING:
		watch(query, EV_WRITE);
		break;
	case PGRES_POLLING_OK:
		become_ready(query);
		break;
	default:
		fail_connect(query);
	}
}

/* Keeps the error that ends the connection (57P01). */
static void note_end(struct pgquery *query, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (severity == NULL || code == NULL || text == NULL)
		return;
	if (strcmp(severity, "FATAL") != 0 && strcmp(severity, "PANIC") != 0)
		return;
	snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", code);
	snprintf(query->last_words, sizeof(query->last_words), "%s", text);
}

static void note_result(struct pgquery *query, PGresult *result)
{
	note_end(query, result);
	PQclear(query->result);
	query->result = result;
}

/*
 * A server that goes sends its reason and closes.  While nothing is asked libpq takes an error for
 * a notice.
 */
static void on_notice(void *arg, const PGresult *result)
{
	note_end(arg, result);
}

static void fail_lost(struct pgquery *query)
{
	fail(query, PGQUERY_LOST,
	     query->last_words[0] != '\0' ? query->last_words : PQerrorMessage(query->conn));
}

static void finish_command(struct pgquery *query)
{
	PGresult *result = query->result;

	query->result = NULL;
	ev_timer_stop(query->loop->ev, &query->timer);
	query->state = QUERY_READY;
	query->owner->on_answer(query, result);
	PQclear(result);
}

static void read_answer(struct pgquery *query)
{
	PGresult *result;

	if (PQconsumeInput(query->conn) == 0) {
		/* What came before the end may still say why. */
		while (PQisBusy(query->conn) == 0 && (result = PQgetResult(query->conn)) != NULL)
			note_result(query, result);
		fail_lost(query);
		return;
	}
	if (query->state == QUERY_READY) {
		PQisBusy(query->conn);
		return;
	}
	while (PQisBusy(query->conn) == 0) {
		result = PQgetResult(query->conn);
		if (result == NULL) {
			if (PQstatus(query->conn) == CONNECTION_BAD || query->result == NULL)
				fail_lost(query);
			else
				finish_command(query);
			return;
		}
		note_result(query, result);
	}
}

static void flush(struct pgquery *query)
{
	int left = PQflush(query->conn);

	if (left < 0)
		fail_lost(query);
	else
		watch(query, left > 0 ? EV_READ | EV_WRITE : EV_READ);
}

static void on_io(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct pgquery *query = io->data;

	(void)ev;
	if (query->state == QUERY_CONNECTING) {
		connect_step(query);
		return;
	}
	if ((events & EV_WRITE) != 0)
		flush(query);
	if ((events & EV_READ) != 0 && query->state != QUERY_DEAD)
		read_answer(query);
}

static void on_timeout(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct pgquery *query = timer->data;

	(void)ev;
	(void)events;
	fail(query, PGQUERY_TIMEOUT,
	     query->state == QUERY_CONNECTING ? "login timed out" : "read timed out");
}

#define MAX_KEYS 20

/* Keys and values for PQconnectStartParams; all of them point into the login or to `text`. */
struct conninfo {
	const char *keys[MAX_KEYS];
	const char *values[MAX_KEYS];
	int count;
	char number[ADDR_TEXT_BYTES];
	char port[8];
	char directory[ADDR_TEXT_BYTES];
};

static void add(struct conninfo *info, const char *key, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	assert(info->count < MAX_KEYS - 1);
	info->keys[info->count] = key;
	info->values[info->count++] = value;
}

/* libpq takes a directory and a port and makes the socket's path of them: the reverse of ours. */
static void add_unix(struct conninfo *info, const struct addr *addr)
{
	char *suffix;

	addr_text(addr, info->directory, sizeof(info->directory));
	suffix = strrchr(info->directory, '/');
	if (suffix != NULL && sscanf(suffix, "/.s.PGSQL.%7[0-9]", info->port) == 1)
		*suffix = '\0';
	add(info, "host", info->directory);
	add(info, "port", info->port);
}

static void make_conninfo(struct conninfo *info, const struct pgquery_login *login)
{
	memset(info, 0, sizeof(*info));
	if (addr_is_unix(login->addr)) {
		add_unix(info, login->addr);
	} else {
		add(info, "host", login->host);
		add(info, "hostaddr", addr_number(login->addr, info->number, sizeof(info->number)));
		snprintf(info->port, sizeof(info->port), "%u", addr_port(login->addr));
		add(info, "port", info->port);
	}
	add(info, "user", login->user);
	add(info, "password", login->password);
	add(info, "dbname", login->database);
	add(info, "application_name", login->application_name);
	add(info, "sslmode", login->sslmode != NULL ? login->sslmode : "disable");
	add(info, "sslrootcert", login->sslrootcert);
	add(info, "options", login->options);
	add(info, "gssencmode", "disable"); /* Kerberos would block */
	add(info, "client_encoding", "UTF8");
	add(info, "target_session_attrs", "any");
}

struct pgquery *pgquery_open(struct loop *loop, const struct pgquery_login *login, usec_t timeout,
			     const struct pgquery_owner *owner, void *arg)
{
	struct pgquery *query = mem_zero(sizeof(*query));
	struct conninfo info;

	query->loop = loop;
	query->owner = owner;
	query->arg = arg;
	query->task.run = tell_failure;
	query->sent = clock_now();
	ev_init(&query->io, on_io);
	query->io.data = query;
	ev_init(&query->timer, on_timeout);
	query->timer.data = query;
	make_conninfo(&info, login);
	query->conn = PQconnectStartParams(info.keys, info.values, 0);
	if (query->conn == NULL) {
		fail(query, PGQUERY_LOST, "out of memory");
		return query;
	}
	PQsetNoticeReceiver(query->conn, on_notice, query);
	PQsetErrorVerbosity(query->conn, PQERRORS_VERBOSE);
	if (PQstatus(query->conn) == CONNECTION_BAD) {
		fail_connect(query);
		return query;
	}
	arm(query, timeout);
	watch(query, EV_WRITE);
	return query;
}

static void bury(struct task *task)
{
	struct pgquery *query = list_entry(task, struct pgquery, task);

	PQclear(query->result);
	PQfinish(query->conn);
	free(query);
}

void pgquery_close(struct pgquery *query)
{
	if (query == NULL)
		return;
	assert(query->state != QUERY_CLOSED);
	stop(query);
	query->state = QUERY_CLOSED;
	task_cancel(&query->task);
	query->task.run = bury;
	loop_bury(query->loop, &query->task);
}

static void begin_command(struct pgquery *query, usec_t timeout)
{
	assert(query->state == QUERY_READY);
	query->state = QUERY_BUSY;
	query->sent = clock_now();
	arm(query, timeout);
}

static void end_begin(struct pgquery *query, int sent)
{
	if (sent == 1)
		flush(query);
	else
		fail_lost(query);
}

void pgquery_send(struct pgquery *query, const char *sql, usec_t timeout)
{
	begin_command(query, timeout);
	end_begin(query, PQsendQuery(query->conn, sql));
}

void pgquery_prepare(struct pgquery *query, const char *name, const char *sql, usec_t timeout)
{
	begin_command(query, timeout);
	end_begin(query, PQsendPrepare(query->conn, name, sql, 0, NULL));
}

void pgquery_execute(struct pgquery *query, const char *name, int count, const char *const *values,
		     usec_t timeout)
{
	begin_command(query, timeout);
	end_begin(query, PQsendQueryPrepared(query->conn, name, count, values, NULL, NULL, 0));
}

bool pgquery_is_busy(const struct pgquery *query)
{
	return query->state == QUERY_BUSY;
}

bool pgquery_is_ready(const struct pgquery *query)
{
	return query->state == QUERY_READY;
}

void *pgquery_arg(const struct pgquery *query)
{
	return query->arg;
}

usec_t pgquery_sent(const struct pgquery *query)
{
	return query->sent;
}
