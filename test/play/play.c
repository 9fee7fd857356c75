/* SPDX-License-Identifier: ISC */
/* The stage: pgweir without sockets, hosts that accept connections, time that is told. */
#include "play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "pool/pool.h"
#include "proto/compose.h"
#include "proto/startup.h"
#include "session/client.h"
#include "session/timeouts.h"

#define HOSTS_MAX 4
#define RUNS_MAX 20000
#define SYSTEM_ID 7
#define BEGINNING (1000 * SEC)

/* What the play thinks of a host. */
struct stand {
	int refuses;	     /* errno of connects, or -1: they hang */
	const char *rejects; /* logins, with this script */
	bool replica;
	lsn_t replayed;
};

struct pooler pooler;

static struct loop loop;
static struct stand stands[HOSTS_MAX];
static lsn_t written;
static usec_t now;
static bool begun;

/* ---- hosts ---- */

void host_refuses(int host, int error)
{
	stands[host].refuses = error;
}

void host_hangs(int host)
{
	stands[host].refuses = -1;
}

void host_accepts(int host)
{
	stands[host].refuses = 0;
	stands[host].rejects = NULL;
	play_run();
}

void connects_fail(int error)
{
	link_refusal = error;
}

void host_rejects(int host, const char *script)
{
	stands[host].rejects = script;
}

struct host *host_number(int host)
{
	struct pool_cluster *first =
		list_entry(list_first(&pooler.clusters), struct pool_cluster, node);
	struct host *found;
	char name[16];

	snprintf(name, sizeof(name), "10.0.0.%d", host);
	found = cluster_find_host(first->cluster, name, 5432);
	ck_assert_ptr_nonnull(found);
	return found;
}

/* No two questions are asked in the same moment. */
static void observe(int host, bool in_recovery, uint32_t timeline, lsn_t position)
{
	if (host_number(host)->asked >= now)
		pass(host_number(host)->asked - now + 1);
	stands[host].replica = in_recovery;
	cluster_observe(host_number(host), &(struct host_answer){ .asked = now,
								  .connected = now,
								  .in_recovery = in_recovery,
								  .position = position,
								  .timeline = timeline,
								  .system_id = SYSTEM_ID,
								  .started = 1 });
	play_run();
}

void primary_says(int host, uint32_t timeline)
{
	written += 100;
	observe(host, false, timeline, written);
}

void replica_says(int host, uint32_t timeline)
{
	stands[host].replayed = written;
	observe(host, true, timeline, written);
}

void replica_lags(int host, uint32_t timeline)
{
	observe(host, true, timeline, stands[host].replayed);
}

void host_is_down(int host)
{
	cluster_probe_failed(host_number(host), CAUSE_REFUSED, NULL);
	play_run();
}

void all_fresh(void)
{
	pass(MSEC);
	primary_says(PRIMARY, 1);
	for (unsigned i = REPLICA; i <= host_number(PRIMARY)->cluster->hosts.count; i++)
		replica_says((int)i, 1);
}

/* ---- servers ---- */

static bool is_server(const struct link *link, int host, bool carrier)
{
	return link->kind == LINK_SERVER && link->host == host && link->carrier == carrier &&
	       link->stream != NULL && !link->ended;
}

static struct link *find_asked(int host)
{
	for (int i = link_count; i-- > 0;)
		if (is_server(links[i], host, false) && link_unheard(links[i]) > 0)
			return links[i];
	return NULL;
}

struct link *server_on(int host)
{
	struct link *asked = find_asked(host);

	if (asked != NULL)
		return asked;
	for (int i = link_count; i-- > 0;)
		if (is_server(links[i], host, false))
			return links[i];
	ck_abort_msg("no connection to host %d", host);
}

struct link *server_asked(void)
{
	for (int host = PRIMARY; host < HOSTS_MAX; host++)
		if (find_asked(host) != NULL)
			return find_asked(host);
	ck_abort_msg("no server was asked for anything");
}

bool host_is_silent(int host)
{
	return find_asked(host) == NULL;
}

struct link *server_at(int host, int i)
{
	for (int at = 0; at < link_count; at++)
		if (is_server(links[at], host, false) && i-- == 0)
			return links[at];
	ck_abort_msg("not that many connections to host %d", host);
}

int servers_on(int host)
{
	int count = 0;

	for (int i = 0; i < link_count; i++)
		count += is_server(links[i], host, false);
	return count;
}

struct link *carrier_on(int host)
{
	for (int i = link_count; i-- > 0;)
		if (is_server(links[i], host, true))
			return links[i];
	return NULL;
}

static void welcome(struct link *link)
{
	static const char *const parameters[][2] = {
		{ "server_version", "15.4" },	 { "client_encoding", "UTF8" },
		{ "DateStyle", "ISO, MDY" },	 { "TimeZone", "UTC" },
		{ "IntervalStyle", "postgres" }, { "standard_conforming_strings", "on" },
		{ "application_name", "" },	 { "default_transaction_read_only", "off" },
	};
	struct writer writer;
	uint8_t key[4];

	writer_init_text(&writer, &link->said);
	compose_authentication_ok(&writer);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		compose_parameter_status(&writer, parameters[i][0], parameters[i][1]);
	compose_parameter_status(&writer, "in_hot_standby",
				 stands[link->host].replica ? "on" : "off");
	be32_put(key, link->pid * 7);
	compose_backend_key_data(&writer, link->pid, key, sizeof(key));
	compose_ready_for_query(&writer, 'I');
}

/* Answers a startup packet; one that carries a cancel request is left to the play. */
static void greet(struct link *link)
{
	const uint8_t *data = (const uint8_t *)link->sent.data + link->sent_at;
	const char *rejects = stands[link->host].rejects;
	struct startup startup;

	if (link->started || link->carrier || link->stream == NULL || link->sent.len == 0)
		return;
	switch (startup_read(data, link->sent.len - link->sent_at, &startup)) {
	case STARTUP_CANCEL:
		link->carrier = true;
		break;
	case STARTUP_LOGIN:
		link->started = true;
		link->sent_at += startup.len;
		if (rejects == NULL) {
			welcome(link);
			break;
		}
		script_compose(&link->said, LINK_SERVER, rejects);
		link->ended = true;
		break;
	default:
		break;
	}
	links_moved++;
}

static void accept_connection(struct link *link)
{
	int refuses = stands[link->host].refuses;

	if (refuses < 0)
		return;
	links_moved++;
	stream_connected(link->stream, refuses);
}

/* ---- what happens ---- */

static void move(struct link *link)
{
	struct stream *stream = link->stream;

	if (stream == NULL)
		return;
	if (stream->connecting) {
		accept_connection(link);
		return;
	}
	if (stream->write_blocked && link->room > 0) {
		links_moved++;
		stream_writable(stream);
	}
	if (link->said.len > link->said_at || (link->ended && !link->end_seen))
		stream_readable(stream);
}

/* What must hold between any two turns. */
static void check_client(const struct client *client)
{
	const struct server *server = client_server(client);
	bool waits = list_has(&client->holder.node);

	ck_assert(server != NULL || client->state != CLIENT_ACTIVE);
	ck_assert(server == NULL || client->state == CLIENT_ACTIVE ||
		  client->state == CLIENT_WELCOME || client->state == CLIENT_REPLICATION);
	ck_assert(waits == (client->state == CLIENT_WAITING) ||
		  (waits && client->state == CLIENT_WELCOME));
	if (server != NULL) {
		ck_assert_ptr_eq(server->holder, &client->holder);
		ck_assert_int_eq(server->state, SERVER_LEASED);
	}
	if (client->state == CLIENT_IDLE)
		ck_assert_int_ne(client->block, BLOCK_OPEN);
}

static void check_server(const struct server *server)
{
	ck_assert_int_eq(server->state == SERVER_LEASED, server->holder != NULL);
	if (server->state != SERVER_IDLE)
		return;
	ck_assert(pending_is_empty(&server->pending));
	ck_assert_int_eq(server->transaction, 'I');
	ck_assert_uint_eq(server->pass, 0);
	ck_assert_uint_eq(server->cancels, 0);
	ck_assert_uint_eq(server->stream.out_bytes, 0);
}

static void check_pool(const struct pool *pool)
{
	unsigned servers = 0;

	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		for (int state = 0; state < SERVER_STATES; state++) {
			servers += state != SERVER_CANCELING ? at->servers[state].count : 0;
			list_for_each(&at->servers[state], server_node, after_server)
				check_server(list_entry(server_node, struct server, node));
		}
	}
	ck_assert_uint_eq(servers, pool->servers);
}

static void check_all(void)
{
	for (int i = 0; i < CLIENT_STATES; i++)
		list_for_each(clients_in(i), node, after)
			check_client(list_entry(node, struct client, node));
	list_for_each(&pooler.databases, node2, after2) {
		struct database *database = list_entry(node2, struct database, node);

		list_for_each(&database->pools, pool_node, after_pool)
			check_pool(list_entry(pool_node, struct pool, node));
	}
}

void play_run(void)
{
	uint64_t before;
	int runs = 0;

	loop_end_turn(&loop);
	do {
		before = links_moved;
		for (int i = 0; i < link_count; i++)
			move(links[i]);
		loop_end_turn(&loop);
		for (int i = 0; i < link_count; i++)
			if (links[i]->kind == LINK_SERVER)
				greet(links[i]);
		check_all();
		ck_assert_msg(++runs < RUNS_MAX, "the play does not come to rest");
	} while (links_moved != before);
}

/* ---- time ---- */

static void run_pool(struct pool *pool)
{
	struct deadlines *all[] = { &pool->waits,	&pool->connects,     &pool->idles,
				    &pool->retries,	&pool->client_idles, &pool->requests,
				    &pool->transactions };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		deadlines_run(all[i]);
}

/* The list of login time-outs is known to its members only. */
static void run_logins(void)
{
	for (int state = CLIENT_STARTUP; state <= CLIENT_WELCOME; state++) {
		struct list_node *node = list_first(clients_in(state));
		struct list *list = NULL;

		if (node != NULL)
			list = list_entry(node, struct client, node)->holder.deadline.node.list;
		if (list != NULL)
			deadlines_run(list_entry(list, struct deadlines, list));
	}
}

void pass(usec_t time)
{
	now += time;
	clock_fake(now);
	list_for_each(&pooler.databases, node, after) {
		struct database *database = list_entry(node, struct database, node);

		list_for_each(&database->pools, pool_node, after_pool)
			run_pool(list_entry(pool_node, struct pool, node));
	}
	deadlines_run(&pooler.idle_pools);
	deadlines_run(&pooler.idle_databases);
	deadlines_run(&pooler.unproved_databases);
	run_logins();
	play_run();
}

/* ---- clients ---- */

struct link *client_new(void)
{
	struct link *link = link_new(LINK_CLIENT);
	struct addr peer, local;

	ck_assert(addr_parse(&peer, "10.1.0.1", (uint16_t)(40000 + link->number)));
	ck_assert(addr_parse(&local, "10.1.0.9", 6432));
	client_accept(&pooler, link->number, &peer, &local);
	link->stream = &client_find(pooler.last_id)->stream;
	return link;
}

struct link *client_as(const char *user, const char *database, const char *more)
{
	struct link *link = client_new();
	char script[256];
	const char *answer;

	snprintf(script, sizeof(script), "start{%s|%s%s}", user, database, more);
	says(link, script);
	answer = heard(link);
	ck_assert_msg(strstr(answer, "K Z{I}") != NULL, "no welcome but: %s", answer);
	return link;
}

struct link *client_in(const char *database)
{
	return client_as("alice", database, "");
}

struct link *client_cancels(struct link *client)
{
	struct link *link = client_new();
	struct writer writer;

	writer_init_text(&writer, &link->said);
	compose_cancel_request(&writer, client->pid, client->key, client->key_len);
	play_run();
	return link;
}

uint32_t link_pid(const struct link *link)
{
	return link->pid;
}

bool link_is_open(const struct link *link)
{
	return link->stream != NULL;
}

/* ---- speech ---- */

void queues(struct link *link, const char *script)
{
	ck_assert_msg(link->stream != NULL, "pgweir has closed this connection: %s", heard(link));
	script_compose(&link->said, link->kind, script);
}

void says(struct link *link, const char *script)
{
	queues(link, script);
	play_run();
}

void says_part(struct link *link, const char *script, size_t n)
{
	struct text all = { 0 };

	script_compose(&all, link->kind, script);
	ck_assert_uint_le(n, all.len);
	text_add_n(&link->said, all.data, n);
	text_clear(&link->rest);
	text_add_n(&link->rest, all.data + n, all.len - n);
	text_done(&all);
	play_run();
}

void says_rest(struct link *link)
{
	text_add_n(&link->said, link->rest.data, link->rest.len);
	text_clear(&link->rest);
	play_run();
}

void says_bytes(struct link *link, const void *bytes, size_t n)
{
	text_add_n(&link->said, bytes, n);
	play_run();
}

void leaves(struct link *link)
{
	link->ended = true;
	play_run();
}

void breaks(struct link *link)
{
	link->error = ECONNRESET;
	leaves(link);
}

const char *heard(struct link *link)
{
	script_describe(link, &link->heard);
	return text_string(&link->heard);
}

const char *link_error(const struct link *link)
{
	return link->text;
}

void takes_only(struct link *link, size_t n)
{
	link->room = n;
	play_run();
}

void takes_all(struct link *link)
{
	takes_only(link, SIZE_MAX);
}

size_t link_unread(const struct link *link)
{
	return link->said.len - link->said_at;
}

size_t link_unheard(const struct link *link)
{
	return link->sent.len - link->sent_at;
}

/* ---- the beginning and the end ---- */

static char *config_text(const struct play_options *options)
{
	const char *hosts = options->hosts == 3	  ? "10.0.0.1,10.0.0.2,10.0.0.3"
			    : options->hosts == 1 ? "10.0.0.1"
						  : "10.0.0.1,10.0.0.2";
	const char *database = options->database != NULL ? options->database : "";
	const char *plain = options->plain != NULL ? options->plain : "";
	struct text text = { 0 };

	text_printf(&text,
		    "[pgweir]\npool_mode = transaction\nauth_type = trust\n"
		    "listen_addr = 10.1.0.9\nio_batch = off\nmax_client_conn = 1000\n%s\n",
		    options->global != NULL ? options->global : "");
	text_printf(&text, "[clusters]\nmain = hosts=%s\n", hosts);
	text_printf(&text, "[databases]\napp = cluster=main %s\n", database);
	text_printf(&text, "plain = host=10.0.0.1 %s\n", plain);
	text_printf(&text, "%s\n", options->more != NULL ? options->more : "");
	return text_take(&text);
}

static void open_log(void)
{
	const char *verbose = getenv("PLAY_VERBOSE");
	struct log_options options = { .to_stderr = verbose != NULL };
	char error[256];

	options.verbose = verbose != NULL ? atoi(verbose) : 0;
	ck_assert_msg(log_open(&options, error, sizeof(error)), "%s", error);
}

static struct config *make_config(const struct play_options *options)
{
	char *text = config_text(options), error[512];
	struct config_error wrong;
	struct config *config = config_load_text(text, strlen(text), &wrong);

	if (config == NULL) {
		config_error_format(&wrong, error, sizeof(error));
		ck_abort_msg("%s in\n%s", error, text);
	}
	free(text);
	return config;
}

void play_reload_with(const struct play_options *options)
{
	pooler_reconfigure(&pooler, make_config(options));
	timeouts_refresh();
	play_run();
}

void play_begin_with(const struct play_options *options)
{
	struct config *config = make_config(options);
	char error[512];

	open_log();
	now = BEGINNING;
	clock_fake(now);
	written = 1000000;
	loop_init(&loop);
	ck_assert_msg(pooler_init(&pooler, &loop, &play_transport, config, error, sizeof(error)),
		      "%s", error);
	ck_assert(secrets_set(&pooler.access.secrets, "alice", "a"));
	ck_assert(secrets_set(&pooler.access.secrets, "bob", "b"));
	clients_init(&pooler);
	begun = true;
	all_fresh(); /* who is the primary is known once every host was heard of */
	all_fresh();
}

static void drop_clients(void)
{
	for (int state = 0; state < CLIENT_CLOSED; state++)
		list_for_each(clients_in(state), node, after)
			client_drop(list_entry(node, struct client, node), "the play is over");
}

void play_end(void)
{
	if (!begun)
		return;
	begun = false;
	drop_clients();
	play_run();
	pooler_done(&pooler);
	loop_done(&loop);
	for (int i = 0; i < link_count; i++)
		ck_assert_msg(links[i]->stream == NULL, "connection %d was left open", i);
	ck_assert_uint_eq(chunk_stats().used, 0);
	ck_assert_uint_eq(statement_count(), 0);
	links_free();
	log_close();
}

/* ---- the program ---- */

static SRunner *runner;

TCase *play_case(const char *name)
{
	Suite *suite = suite_create(name);
	TCase *plays = tcase_create(name);

	tcase_add_checked_fixture(plays, NULL, play_end);
	tcase_set_timeout(plays, 60);
	suite_add_tcase(suite, plays);
	runner = srunner_create(suite);
	return plays;
}

int play_main(void)
{
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
