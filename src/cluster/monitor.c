/* SPDX-License-Identifier: ISC */
/*
 * Asks one host what it is, over and over, on a connection of its own.
 *
 *	away -> connecting -> introducing -> preparing -> resting <-> asking
 *	  ^                                                  |          |
 *	  +------------------ any failure -------------------+----------+
 *
 * A primary on which nothing is committed does not flush what an open transaction wrote, so its
 * replicas never get to the insert position and would seem to lag (measured: for as long as the
 * transaction stays open).  Nothing tells apart what matters of it: commits under
 * synchronous_commit=off are not flushed either.  So a position that stays unflushed is nudged:
 * an empty commit under synchronous_commit=off has the WAL writer flush all.
 */
#include "cluster/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/pgquery.h"

/* Probes on demand are no closer than this, however many clients wait: 5 % of a core there. */
#define LEAST_GAP (5 * USEC_PER_MSEC)

/* Between attempts to connect: grows from the interval to this. */
#define LONGEST_PAUSE (500 * USEC_PER_MSEC)
#define LOGIN_PAUSE USEC_PER_SEC

/* A position that is not flushed for so long is nudged, and not more often than that. */
#define UNFLUSHED_BEFORE_NUDGE (500 * USEC_PER_MSEC)
#define NUDGE_GAP USEC_PER_SEC

enum monitor_state {
	MONITOR_AWAY,
	MONITOR_CONNECTING,
	MONITOR_INTRODUCING, /* asks for what does not change while the server runs */
	MONITOR_PREPARING,
	MONITOR_RESTING,
	MONITOR_ASKING,
	MONITOR_NUDGING,
};

struct monitor {
	struct host *host;
	struct pgquery *query;
	enum monitor_state state;
	struct deadline due;
	struct addr addr;  /* that the connection is to */
	usec_t connected;  /* when the connection was begun */
	unsigned failures; /* of connecting, in a row */
	unsigned refused;  /* addresses of the host that refused, in a row */
	bool again;	   /* ask once more right after this answer */
	bool limited;	   /* the role may not read control data */
	lsn_t flushed;	   /* of a primary, 0: not told */
	lsn_t unflushed;   /* a position that was not, when it was seen first */
	usec_t unflushed_since;
	usec_t nudged;
	struct host_answer answer; /* what does not change is kept from question to question */
};

static const char introduction[] =
	"select (select system_identifier from pg_control_system()),"
	" wal_block_size, bytes_per_wal_segment,"
	" (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint"
	" from pg_control_init()";

static const char limited_introduction[] =
	"select null, null, null,"
	" (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint";

/*
 * One look at pg_is_in_recovery() decides which functions may be called: those of the other state
 * are errors.  It can only turn from true to false meanwhile, and the functions of a standby go
 * on to work.  The control file of a primary tells its new timeline late, the name of the WAL
 * file at once; a standby is at least on the highest timeline of those that it knows of.
 */
#define PROBE(standby_timeline)                                                                    \
	"select r,"                                                                                \
	" case when r then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end,"         \
	" case when r then (" standby_timeline ")::text"                                           \
	" else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end,"                    \
	" case when not r then pg_current_wal_flush_lsn() end"                                     \
	" from (select pg_is_in_recovery() as r offset 0) as s"

static const char probe[] =
	PROBE("select greatest((select received_tli from pg_stat_wal_receiver),"
	      " (select timeline_id from pg_control_checkpoint()),"
	      " (select min_recovery_end_timeline from pg_control_recovery()))");

static const char limited_probe[] = PROBE("select received_tli from pg_stat_wal_receiver");

#define PROBE_NAME "pgweir_probe"

static struct cluster *cluster_of(const struct monitor *monitor)
{
	return monitor->host->cluster;
}

static void set_due(struct monitor *monitor, usec_t at)
{
	deadline_set(&cluster_of(monitor)->probes, &monitor->due, at);
}

static void leave(struct monitor *monitor)
{
	pgquery_close(monitor->query);
	monitor->query = NULL;
	monitor->state = MONITOR_AWAY;
	monitor->again = false;
}

/* The first attempt after a connection was lost is made at once. */
static usec_t pause_before_connect(const struct monitor *monitor)
{
	usec_t pause = cluster_of(monitor)->monitor_interval;

	if (monitor->failures == 0)
		return 0;
	for (unsigned i = 1; i < monitor->failures && pause < LONGEST_PAUSE; i++)
		pause *= 2;
	return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
}

static void ask(struct monitor *monitor)
{
	monitor->state = MONITOR_ASKING;
	monitor->again = false;
	pgquery_execute(monitor->query, PROBE_NAME, 0, NULL, cluster_of(monitor)->monitor_timeout);
}

static void rest(struct monitor *monitor)
{
	usec_t pause = monitor->again ? LEAST_GAP : cluster_of(monitor)->monitor_interval;

	monitor->state = MONITOR_RESTING;
	set_due(monitor, pgquery_sent(monitor->query) + pause);
}

/* Reading answers. */

static const char *value(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
}

static uint64_t number(const PGresult *result, int column, int base)
{
	const char *text = value(result, column);

	return text != NULL ? strtoull(text, NULL, base) : 0;
}

static bool is_row(const PGresult *result, int columns)
{
	return PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
	       PQnfields(result) == columns;
}

static bool is_forbidden(const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return code != NULL && strcmp(code, "42501") == 0;
}

/* An error for an answer; the connection is fine, but begins anew to be sure. */
static void fail_answer(struct monitor *monitor, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	leave(monitor);
	monitor->failures++;
	set_due(monitor, clock_now() + pause_before_connect(monitor));
	cluster_probe_failed(monitor->host, CAUSE_QUERY,
			     text != NULL ? text : "the answer makes no sense");
}

static void introduce(struct monitor *monitor)
{
	monitor->state = MONITOR_INTRODUCING;
	pgquery_send(monitor->query, monitor->limited ? limited_introduction : introduction,
		     cluster_of(monitor)->monitor_timeout);
}

static void take_introduction(struct monitor *monitor, const PGresult *result)
{
	struct host_answer *answer = &monitor->answer;

	if (!is_row(result, 4)) {
		if (is_forbidden(result) && !monitor->limited) {
			log_warn(monitor->host,
				 "the monitor may not read control data: the system identifier is "
				 "not checked, and a replica's timeline needs pg_monitor");
			monitor->limited = true;
			introduce(monitor);
			return;
		}
		fail_answer(monitor, result);
		return;
	}
	memset(answer, 0, sizeof(*answer));
	monitor->unflushed = 0;
	answer->connected = monitor->connected;
	answer->system_id = number(result, 0, 10);
	answer->wal_block_size = (uint32_t)number(result, 1, 10);
	answer->wal_segment_size = (uint32_t)number(result, 2, 10);
	answer->started = (int64_t)number(result, 3, 10);
	monitor->state = MONITOR_PREPARING;
	pgquery_prepare(monitor->query, PROBE_NAME, monitor->limited ? limited_probe : probe,
			cluster_of(monitor)->monitor_timeout);
}

static bool read_probe(struct monitor *monitor, const PGresult *result)
{
	struct host_answer *answer = &monitor->answer;
	const char *in_recovery, *position, *flushed;
	uint32_t timeline;

	if (!is_row(result, 4))
		return false;
	in_recovery = value(result, 0);
	position = value(result, 1);
	flushed = value(result, 3);
	if (in_recovery == NULL)
		return false;
	answer->in_recovery = in_recovery[0] == 't';
	answer->position = 0;
	if (position != NULL && !lsn_parse(position, &answer->position))
		return false;
	if (flushed == NULL || !lsn_parse(flushed, &monitor->flushed))
		monitor->flushed = 0;
	timeline = (uint32_t)number(result, 2, answer->in_recovery ? 10 : 16);
	/* A server that runs does not go back; only what it may tell can be less. */
	if (timeline > answer->timeline || !answer->in_recovery)
		answer->timeline = timeline;
	return true;
}

/* Whether the primary of some replicas has a position that nobody flushes. */
static bool needs_nudge(struct monitor *monitor)
{
	const struct host_answer *answer = &monitor->answer;
	lsn_t position =
		lsn_normalise(answer->position, answer->wal_block_size, answer->wal_segment_size);

	if (answer->in_recovery || monitor->flushed == 0 ||
	    monitor->unflushed <= monitor->flushed) {
		monitor->unflushed = position;
		monitor->unflushed_since = answer->asked;
		return false;
	}
	return host_takes_writes(monitor->host) && cluster_of(monitor)->hosts.count > 1 &&
	       answer->asked - monitor->unflushed_since >= UNFLUSHED_BEFORE_NUDGE &&
	       answer->asked - monitor->nudged >= NUDGE_GAP;
}

static void nudge(struct monitor *monitor)
{
	log_debug(monitor->host, "has WAL that nobody flushes: nudged");
	monitor->state = MONITOR_NUDGING;
	monitor->nudged = monitor->answer.asked;
	pgquery_send(monitor->query, "select txid_current()", cluster_of(monitor)->monitor_timeout);
}

static void take_probe(struct monitor *monitor, const PGresult *result)
{
	monitor->answer.asked = pgquery_sent(monitor->query);
	if (!read_probe(monitor, result)) {
		fail_answer(monitor, result);
		return;
	}
	monitor->failures = 0;
	monitor->refused = 0;
	if (needs_nudge(monitor))
		nudge(monitor);
	else
		rest(monitor);
	cluster_observe(monitor->host, &monitor->answer);
}

static void on_ready(struct pgquery *query)
{
	introduce(pgquery_arg(query));
}

static void on_answer(struct pgquery *query, const PGresult *result)
{
	struct monitor *monitor = pgquery_arg(query);

	switch (monitor->state) {
	case MONITOR_INTRODUCING:
		take_introduction(monitor, result);
		break;
	case MONITOR_PREPARING:
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			ask(monitor);
		else
			fail_answer(monitor, result);
		break;
	case MONITOR_NUDGING:
		rest(monitor);
		break;
	default:
		take_probe(monitor, result);
	}
}

static enum health_cause cause_of(enum pgquery_failure failure, const char *sqlstate)
{
	if (strcmp(sqlstate, "57P03") == 0)
		return CAUSE_STARTING;
	if (strcmp(sqlstate, "57P01") == 0 || strcmp(sqlstate, "57P02") == 0)
		return CAUSE_ENDING;
	switch (failure) {
	case PGQUERY_REFUSED:
		return CAUSE_REFUSED;
	case PGQUERY_TIMEOUT:
		return CAUSE_TIMEOUT;
	case PGQUERY_LOGIN:
		return CAUSE_LOGIN;
	default:
		return CAUSE_LOST;
	}
}

static void on_failed(struct pgquery *query, enum pgquery_failure failure, const char *sqlstate,
		      const char *text)
{
	struct monitor *monitor = pgquery_arg(query);
	struct host *host = monitor->host;
	enum health_cause cause = cause_of(failure, sqlstate);
	bool was_connected = monitor->state > MONITOR_CONNECTING;
	char copy[256];

	/* The text goes with the connection. */
	snprintf(copy, sizeof(copy), "%s", text);
	leave(monitor);
	if (!was_connected) {
		host->address_turn++;
		if (cause == CAUSE_REFUSED && host->addresses != NULL &&
		    ++monitor->refused < host->addresses->count) {
			set_due(monitor, clock_now());
			return;
		}
		monitor->refused = 0;
		monitor->failures++;
	}
	set_due(monitor,
		clock_now() + (cause == CAUSE_LOGIN ? LOGIN_PAUSE : pause_before_connect(monitor)));
	cluster_probe_failed(host, cause, copy);
}

static const struct pgquery_owner owner = {
	.on_ready = on_ready,
	.on_answer = on_answer,
	.on_failed = on_failed,
};

static void connect_host(struct monitor *monitor)
{
	struct cluster *cluster = cluster_of(monitor);
	const struct addr *addr = host_address(monitor->host);
	struct pgquery_login login = {
		.addr = addr,
		.host = monitor->host->name,
		.user = cluster->monitor_user,
		.password = cluster->monitor_password,
		.database = cluster->monitor_database,
		.application_name = "pgweir monitor",
		.sslmode = cluster->monitor_sslmode,
		.sslrootcert = cluster->monitor_sslrootcert,
		.options = "-c search_path=pg_catalog -c synchronous_commit=off",
	};

	if (addr == NULL) {
		/* The lookup calls when it is done. */
		set_due(monitor, clock_now() + LONGEST_PAUSE);
		return;
	}
	monitor->state = MONITOR_CONNECTING;
	monitor->addr = *addr;
	monitor->connected = clock_now();
	monitor->limited = false;
	monitor->query =
		pgquery_open(cluster->loop, &login, cluster->monitor_timeout, &owner, monitor);
}

static void on_due(struct deadlines *deadlines, struct list_node *node)
{
	struct monitor *monitor = deadline_entry(node, struct monitor, due);

	(void)deadlines;
	switch (monitor->state) {
	case MONITOR_AWAY:
		connect_host(monitor);
		break;
	case MONITOR_RESTING:
		/* Its end may be told in this turn. */
		if (pgquery_is_ready(monitor->query))
			ask(monitor);
		break;
	default:
		break;
	}
}

void monitor_probes_init(struct deadlines *probes, struct loop *loop)
{
	deadlines_init(probes, loop, on_due);
}

struct monitor *monitor_new(struct host *host)
{
	struct monitor *monitor = mem_zero(sizeof(*monitor));

	monitor->host = host;
	set_due(monitor, clock_now());
	return monitor;
}

void monitor_close(struct monitor *monitor)
{
	leave(monitor);
	deadline_clear(&monitor->due);
	free(monitor);
}

void monitor_probe_now(struct monitor *monitor)
{
	usec_t at = clock_now();

	switch (monitor->state) {
	case MONITOR_RESTING:
		if (at < pgquery_sent(monitor->query) + LEAST_GAP)
			at = pgquery_sent(monitor->query) + LEAST_GAP;
		if (at < monitor->due.at)
			set_due(monitor, at);
		break;
	case MONITOR_AWAY:
		/* Evidence that comes in numbers must not become a storm of logins. */
		if (monitor->failures < 2 && at < monitor->due.at)
			set_due(monitor, at);
		break;
	case MONITOR_ASKING:
	case MONITOR_NUDGING:
		monitor->again = true;
		break;
	default:
		break;
	}
}

void monitor_follow(struct monitor *monitor)
{
	if (monitor->state != MONITOR_AWAY && !host_knows_address(monitor->host, &monitor->addr))
		monitor_reconnect(monitor);
	else
		monitor_probe_now(monitor);
}

void monitor_reconnect(struct monitor *monitor)
{
	leave(monitor);
	monitor->failures = 0;
	set_due(monitor, clock_now());
}
