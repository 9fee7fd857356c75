/* SPDX-License-Identifier: ISC */
/*
 * The servers for one (database, user): its life, its hosts, leases and returns.  Who waits is in
 * pool/queue, what is opened in pool/connects.  Whatever may end a wait posts the task `serve`.
 */
#include "pool/pool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pool/choice.h"
#include "pool/connects.h"
#include "pool/database.h"
#include "pool/dedicated.h"
#include "pool/disuse.h"
#include "pool/queue.h"
#include "pool/room.h"
#include "proto/error.h"

/* The pool was made smaller. */
#define TOO_MANY "too many servers in the pool"

static void serve(struct task *task);

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct pool *pool = list_entry(subject, struct pool, log);

	snprintf(buffer, size, "P: %s/%s", pool->database->name, pool->user);
}

void pool_wake(struct pool *pool)
{
	loop_post(pool->database->pooler->loop, &pool->serve);
}

unsigned pool_count(const struct pool *pool, enum server_state state)
{
	unsigned count = 0;

	list_for_each(&pool->hosts, node, after)
		count += list_entry(node, struct pool_host, node)->servers[state].count;
	return count;
}

unsigned pool_host_servers(const struct pool_host *at)
{
	unsigned count = 0;

	for (int state = 0; state < SERVER_STATES; state++)
		if (state != SERVER_CANCELING)
			count += at->servers[state].count;
	return count;
}

unsigned pool_host_unready(const struct pool_host *at)
{
	return at->servers[SERVER_CONNECTING].count + at->servers[SERVER_LOGIN].count;
}

unsigned pool_sized_servers(const struct pool_host *at)
{
	return database_is_split(at->pool->database) ? pool_host_servers(at) : at->pool->servers;
}

static unsigned count_for_all(const struct list *servers)
{
	unsigned count = 0;

	list_for_each(servers, node, after)
		count += list_entry(node, struct server, node)->intended == NULL;
	return count;
}

unsigned pool_host_coming(const struct pool_host *at)
{
	return count_for_all(&at->servers[SERVER_CONNECTING]) +
	       count_for_all(&at->servers[SERVER_LOGIN]) + at->servers[SERVER_CHORES].count;
}

/* ---- hosts ---- */

static void on_connect_timeout(struct deadlines *deadlines, struct list_node *node)
{
	struct server *server = deadline_entry(node, struct server, deadline);

	(void)deadlines;
	if (server->state == SERVER_CANCELING) {
		server_close(server, "cancel_wait_timeout");
		return;
	}
	if (server->state != SERVER_CHORES) {
		host_note_address(server->at->host, &server->address, false);
		host_evidence(server->at->host, EVIDENCE_CONNECT_TIMEOUT);
		connects_failed(server, SQLSTATE_CONNECTION_FAILURE, "connect timeout", false);
	}
	server_close(server,
		     server->state == SERVER_CHORES ? "test query timeout" : "connect timeout");
}

/* INT64_MAX: never. */
static usec_t idle_end(const struct server *server)
{
	usec_t timeout = server->pool->settings.server_idle_timeout;

	return timeout > 0 ? server->used_at + timeout : INT64_MAX;
}

/*
 * Those that were opened together are not closed together: between two there is the share that
 * each has of the life of a full pool.
 */
static usec_t life_end(const struct server *server)
{
	const struct settings *settings = &server->pool->settings;
	usec_t end = server->connected_at + settings->server_lifetime;
	usec_t turn = settings->default_pool_size > 0
			      ? server->at->aged_at +
					settings->server_lifetime / settings->default_pool_size
			      : 0;

	return server->at->aged_at != 0 && turn > end ? turn : end;
}

/* Whether it is too old; then it is closed, and the next one's turn comes later. */
static bool takes_its_turn(struct server *server)
{
	if (server->pool->settings.server_lifetime == 0)
		return server->leases != 0; /* one use; our own queries before it do not count */
	if (life_end(server) > clock_now())
		return false;
	server->at->aged_at = clock_now();
	return true;
}

static void set_idle_deadline(struct server *server)
{
	usec_t at = idle_end(server);

	if (server->pool->settings.server_lifetime > 0 && life_end(server) < at)
		at = life_end(server);
	if (at <= clock_now()) /* min_pool_size keeps it: later again */
		at = clock_now() + USEC_PER_SEC;
	if (at != INT64_MAX)
		deadline_set(&server->pool->idles, &server->deadline, at);
	else
		deadline_clear(&server->deadline);
}

static void on_idle_timeout(struct deadlines *deadlines, struct list_node *node)
{
	struct server *server = deadline_entry(node, struct server, deadline);
	int minimum = server->pool->settings.min_pool_size;

	(void)deadlines;
	if (takes_its_turn(server))
		server_close(server, "server lifetime over");
	else if (idle_end(server) <= clock_now() && (int)pool_sized_servers(server->at) > minimum)
		server_close(server, "server idle timeout");
	else
		set_idle_deadline(server);
}

static void on_retry(struct deadlines *deadlines, struct list_node *node)
{
	(void)deadlines;
	pool_wake(deadline_entry(node, struct pool_host, retry)->pool);
}

static struct pool_host *host_add(struct pool *pool, struct host *host)
{
	struct pool_host *at = mem_zero(sizeof(*at));

	at->pool = pool;
	at->host = host_ref(host);
	for (int state = 0; state < SERVER_STATES; state++)
		list_init(&at->servers[state]);
	list_append(&pool->hosts, &at->node);
	return at;
}

static void host_free(struct pool_host *at)
{
	deadline_clear(&at->retry);
	list_remove(&at->node);
	host_unref(at->host);
	free(at);
}

struct pool_host *pool_host_of(const struct pool *pool, const struct host *host)
{
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (at->host == host)
			return at;
	}
	return NULL;
}

/* Its holder, if it has one, gives it back first; but some never do (pool/dedicated.h). */
static bool comes_back(const struct server *server)
{
	switch ((enum server_state)server->state) {
	case SERVER_LEASED:
		return server->replication == 0;
	case SERVER_CHORES:
		return server->login == NULL; /* else it is the connect_query */
	case SERVER_HELD:
		return true;
	default:
		return false;
	}
}

/* A server is closed when it is free; on its way it is of no use: who waits gets another one. */
static void replace(struct server *server, const char *why)
{
	struct holder *holder = server->holder;

	if (server->state == SERVER_CANCELING)
		return;
	if (!comes_back(server)) {
		server_close(server, why);
		return;
	}
	server->close_needed = true;
	if (holder != NULL && holder->calls->replace != NULL)
		holder->calls->replace(holder);
}

static void replace_all_at(struct pool_host *at, const char *why)
{
	for (int state = 0; state < SERVER_CLOSED; state++)
		list_for_each(&at->servers[state], node, after)
			replace(list_entry(node, struct server, node), why);
}

/* Hosts follow those of the cluster; one that left it goes when its servers are gone. */
static void refresh_hosts(struct pool *pool)
{
	list_for_each(&pool->database->cluster->hosts, node, after) {
		struct host *host = list_entry(node, struct host, node);

		if (pool_host_of(pool, host) == NULL)
			host_add(pool, host);
	}
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		bool removed = at->host->admin == ADMIN_REMOVED ||
			       at->host->cluster != pool->database->cluster;

		if (removed && !at->removed)
			replace_all_at(at, "host removed from the configuration");
		at->removed = removed;
		if (at->removed && pool_host_servers(at) + at->servers[SERVER_CANCELING].count == 0)
			host_free(at);
	}
}

/* ---- the pool ---- */

static uint64_t hash_of(const char *user)
{
	return map_hash(user, strlen(user));
}

static bool has_user(const void *value, const void *user)
{
	return strcmp(((const struct pool *)value)->user, user) == 0;
}

struct pool *pool_find(const struct database *database, const char *user)
{
	return map_find_match(&database->by_user, hash_of(user), has_user, user);
}

struct pool *pool_get(struct database *database, const char *user)
{
	struct loop *loop = database->pooler->loop;
	struct pool *pool = pool_find(database, user);

	if (pool != NULL)
		return pool;
	pool = mem_zero(sizeof(*pool));
	pool->log.describe = describe;
	pool->database = database;
	pool->user = mem_string(user);
	pool->serve.run = serve;
	list_init(&pool->hosts);
	for (int i = 0; i < POOL_QUEUES; i++)
		list_init(&pool->queues[i]);
	deadlines_init(&pool->waits, loop, queue_on_timeout);
	deadlines_init(&pool->connects, loop, on_connect_timeout);
	deadlines_init(&pool->idles, loop, on_idle_timeout);
	deadlines_init(&pool->retries, loop, on_retry);
	deadlines_init(&pool->client_idles, loop, NULL);
	deadlines_init(&pool->requests, loop, NULL);
	deadlines_init(&pool->transactions, loop, NULL);
	list_append(&database->pools, &pool->node);
	map_add(&database->by_user, hash_of(user), pool);
	pool->account = pooler_user(database->pooler, user);
	list_append(&pool->account->pools, &pool->of_account);
	pool_refresh(pool);
	disuse_note_pool(pool);
	return pool;
}

void pool_enter(struct pool *pool)
{
	pool->clients++;
	disuse_note_pool(pool);
}

void pool_leave(struct pool *pool)
{
	pool->clients--;
	disuse_note_pool(pool);
}

/* Nothing may come up in a pool that is closed: its database is gone before it is. */
static void stop_deadlines(struct pool *pool)
{
	deadlines_done(&pool->waits);
	deadlines_done(&pool->connects);
	deadlines_done(&pool->idles);
	deadlines_done(&pool->retries);
	deadlines_done(&pool->client_idles);
	deadlines_done(&pool->requests);
	deadlines_done(&pool->transactions);
}

static void bury(struct task *task)
{
	struct pool *pool = list_entry(task, struct pool, burial);
	struct list_node *node;

	task_cancel(&pool->serve);
	while ((node = list_first(&pool->hosts)) != NULL)
		host_free(list_entry(node, struct pool_host, node));
	greeting_done(&pool->greeting);
	startups_done(&pool->startups);
	free(pool->failure);
	mem_free_secret(pool->secret);
	mem_wipe(&pool->keys, sizeof(pool->keys));
	config_unref(pool->config);
	free(pool->user);
	free(pool);
}

static void close_servers(struct pool *pool, unsigned states, const char *why)
{
	list_for_each(&pool->hosts, host_node, after_host) {
		struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (int state = 0; state < SERVER_CLOSED; state++) {
			struct list_node *node;

			while ((states & (1u << state)) != 0 &&
			       (node = list_first(&at->servers[state])) != NULL)
				server_close(list_entry(node, struct server, node), why);
		}
	}
}

void pool_close_all(struct pool *pool, const char *why)
{
	close_servers(pool, ~0u, why);
}

void pool_close(struct pool *pool, const char *why)
{
	assert(pool->clients == 0);
	pool_close_all(pool, why);
	stop_deadlines(pool);
	task_cancel(&pool->serve); /* nobody waits, and the database may be gone before it runs */
	deadline_clear(&pool->disuse);
	room_leave(pool);
	list_remove(&pool->of_account);
	pooler_user_left(pool->database->pooler, pool->account);
	pool->account = NULL;
	list_remove(&pool->node);
	map_remove(&pool->database->by_user, hash_of(pool->user), pool);
	pool->burial.run = bury;
	loop_bury(pool->database->pooler->loop, &pool->burial);
}

/* Idle servers get their time anew; those beyond the size of the pool go. */
static void refresh_idle(struct pool *pool)
{
	list_for_each(&pool->hosts, host_node, after_host) {
		struct pool_host *at = list_entry(host_node, struct pool_host, node);

		list_for_each(&at->servers[SERVER_IDLE], node, after) {
			struct server *server = list_entry(node, struct server, node);

			if (connects_have_surplus(at))
				server_close(server, TOO_MANY);
			else
				set_idle_deadline(server);
		}
	}
}

/* Connections under way, and what carries cancel requests. */
static void refresh_connects(struct pool *pool)
{
	static const enum server_state states[] = { SERVER_CONNECTING, SERVER_LOGIN,
						    SERVER_CANCELING };

	list_for_each(&pool->hosts, host_node, after_host) {
		struct pool_host *at = list_entry(host_node, struct pool_host, node);

		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			list_for_each(&at->servers[states[i]], node, after)
				server_set_deadline(list_entry(node, struct server, node));
	}
}

void pool_refresh(struct pool *pool)
{
	struct database *database = pool->database;
	struct config *old = pool->config;

	pool->config = config_ref(database->config);
	config_effective(pool->config, database->entry, pool->user, &pool->settings);
	config_unref(old);
	refresh_hosts(pool);
	queue_refresh(pool);
	refresh_idle(pool);
	refresh_connects(pool);
	pool_wake(pool);
}

void pool_credentials(struct pool *pool, const char *secret, const struct scram_keys *keys)
{
	bool same = (secret == NULL) == (pool->secret == NULL) &&
		    (secret == NULL || strcmp(secret, pool->secret) == 0);

	if (!same) {
		mem_free_secret(pool->secret);
		pool->secret = secret != NULL ? mem_string(secret) : NULL;
		memset(&pool->keys, 0, sizeof(pool->keys));
		pool_retry(pool);
	}
	if (keys != NULL && keys->salt_len != 0)
		pool->keys = *keys;
}

/* ---- leases ---- */

void pool_attach(struct server *server, struct holder *holder)
{
	struct pool *pool = server->pool;

	deadline_clear(&server->deadline);
	server->holder = holder;
	holder->server = server;
	server->leases++;
	server->sent_before = server->stream.sent;
	server->used_at = clock_now();
	server->epoch = server->at->host->epoch;
	server->batch++;
	server->doubt = false;
	server->at->host->leased++;
	server_become(server, SERVER_LEASED, "leased");
	pool->stats.server_assignments++;
	if (holder->wait_since != 0)
		pool->stats.wait_usec += (uint64_t)(clock_now() - holder->wait_since);
	holder->wait_since = 0;
}

void pool_forgive(struct server *server)
{
	server->leases--;
	server->pool->stats.server_assignments--;
}

void pool_detach(struct server *server)
{
	struct holder *holder = server->holder;

	if (holder == NULL)
		return;
	server->holder = NULL;
	holder->server = NULL;
	stream_part(&server->stream);
	server->checked &= server->stream.sent == server->sent_before;
	deadline_clear(&server->transaction_deadline);
	parameters_clear(&server->before);
	server->at->host->leased--;
}

static const char *check_query(const struct settings *settings)
{
	return strcmp(settings->server_check_query, "<empty>") == 0 ? ""
								    : settings->server_check_query;
}

/* A check is good for a moment at least, or a delay of 0 would check for ever. */
bool pool_wants_check(const struct server *server)
{
	const struct settings *settings = &server->pool->settings;
	usec_t rested = clock_now() - server->used_at;

	return settings->server_check_query[0] != '\0' && rested >= settings->server_check_delay &&
	       (!server->checked || rested >= USEC_PER_SEC);
}

/*
 * An idle server on this host that can be leased at once.  One that rested for long is checked
 * first: its chores end in another turn.
 */
static struct server *take_idle(struct pool_host *at)
{
	struct list *idle = &at->servers[SERVER_IDLE];

	while (!list_is_empty(idle)) {
		struct list_node *node =
			at->pool->settings.server_round_robin ? list_first(idle) : list_last(idle);
		struct server *server = list_entry(node, struct server, node);

		if (server->close_needed || !host_keeps_leases(at->host, server->epoch)) {
			server_close(server, "not usable any more");
		} else if (pool_wants_check(server)) {
			deadline_clear(&server->deadline);
			server->used_at = clock_now();
			server->checked = true;
			server_run_chores(server, check_query(&at->pool->settings));
		} else {
			return server;
		}
	}
	return NULL;
}

static struct server *find_server(struct pool *pool, const struct need *need,
				  struct pool_host **best)
{
	struct choice choice;
	struct pool_host *at;

	*best = NULL;
	choice_begin(&choice, pool, need);
	while ((at = choice_next(&choice)) != NULL) {
		struct server *server = take_idle(at);

		if (server != NULL)
			return server;
		if (*best == NULL)
			*best = at;
	}
	return NULL;
}

static bool may_lease(const struct pool *pool)
{
	return !pool->database->paused && pool->database->pooler->activity == POOLER_ACTIVE;
}

/*
 * Another host had a server free, which is faster than a new connection; but the host that was
 * chosen gets one too, for the next time: else one that came back is never used again.
 */
static void want_on_chosen(struct pool *pool, const struct need *need, const struct server *server,
			   struct pool_host *best)
{
	if (need->kind != NEED_READ || best == NULL || best == server->at || best->wanted != 0 ||
	    pool_host_unready(best) != 0 || !database_is_split(pool->database))
		return;
	best->wanted = 1;
	pool_wake(pool);
}

struct server *pool_try(struct holder *holder, struct pool_host **best)
{
	struct server *server = find_server(holder->pool, &holder->need, best);

	if (server == NULL)
		return NULL;
	want_on_chosen(holder->pool, &holder->need, server, *best);
	pool_attach(server, holder);
	return server;
}

struct server *pool_lease(struct holder *holder)
{
	struct pool *pool = holder->pool;
	struct server *server = NULL;
	struct pool_host *best;

	assert(holder->server == NULL && holder->wait_since == 0);
	if (may_lease(pool) && queue_is_empty(pool, &holder->need))
		server = pool_try(holder, &best);
	if (server == NULL)
		queue_join(holder);
	return server;
}

bool pool_server_meets(const struct server *server, const struct need *need)
{
	struct choice choice;

	if (server->close_needed || !host_keeps_leases(server->at->host, server->epoch))
		return false;
	choice_begin(&choice, server->pool, need);
	return choice_allows(&choice, server->at);
}

static void rest(struct server *server, const char *cause)
{
	struct pool *pool = server->pool;

	server_become(server, SERVER_IDLE, cause);
	server->used_at = clock_now();
	set_idle_deadline(server);
	if (queue_has_waiters(pool))
		pool_wake(pool);
	room_left(pool);
}

static const char *why_to_close(struct server *server)
{
	const struct pool *pool = server->pool;

	if (server->close_needed)
		return "database configuration changed";
	if (server->spoilt)
		return "what its client sent has spoilt it";
	if (server->at->removed)
		return "host removed from the configuration";
	if (!host_keeps_leases(server->at->host, server->epoch))
		return "host changed its role";
	if (takes_its_turn(server))
		return "server lifetime over";
	if (pool->database->paused || pool->database->pooler->activity == POOLER_PAUSED)
		return "pause mode";
	if (connects_have_surplus(server->at))
		return TOO_MANY;
	if (room_is_owed(pool))
		return "evicted";
	return NULL;
}

static bool resets(const struct settings *settings)
{
	return settings->server_reset_query[0] != '\0' &&
	       (settings->pool_mode == POOL_MODE_SESSION || settings->server_reset_query_always);
}

/*
 * What a client left on the server is taken off.  In session pooling that is the reset query's
 * business, but what we have set ourselves and the client may have changed is not known any more.
 */
static void clean(struct server *server)
{
	static const struct {
		unsigned left;
		const char *sql;
	} cleanings[] = {
		{ LEFT_SETTINGS, SERVER_CLEANING ";" },
		{ LEFT_CURSORS, "CLOSE ALL;" },
		{ LEFT_CHANNELS, "UNLISTEN *;" },
		{ LEFT_TEMPORARY, "DISCARD TEMP;" },
	};
	const unsigned again = LEFT_SETTINGS | LEFT_CHANNELS | LEFT_TEMPORARY;
	struct text sql = { 0 };

	for (size_t i = 0; i < sizeof(cleanings) / sizeof(cleanings[0]); i++)
		if ((server->left & cleanings[i].left) != 0)
			text_add(&sql, cleanings[i].sql);
	server->reconnects = (server->left & again) != 0;
	if ((server->left & LEFT_SETTINGS) != 0)
		parameters_reset(&server->parameters, server->reported);
	server_run_chores(server, text_string(&sql));
	text_done(&sql);
}

/* Runs what is to be run before the server may be leased again; false if that is nothing. */
static bool do_chore(struct server *server)
{
	const unsigned cleaned = LEFT_SETTINGS | LEFT_CURSORS | LEFT_CHANNELS | LEFT_TEMPORARY;
	const struct settings *settings = &server->pool->settings;
	const char *connect_query = server->pool->database->entry->connect_query;
	unsigned left = server->left;

	if (server->used && resets(settings)) {
		server->used = false;
		server_run_chores(server, settings->server_reset_query);
		return true;
	}
	if ((left & cleaned) != 0 && settings->pool_mode != POOL_MODE_SESSION) {
		clean(server);
		server->left = 0;
		return true;
	}
	server->left = 0;
	if (server->reconnects && connect_query[0] != '\0') {
		server->reconnects = false;
		server_run_chores(server, connect_query);
		return true;
	}
	server->reconnects = false;
	if (server->strays != 0) {
		server_run_chores(server, ";"); /* behind whose answer nothing stray will come */
		return true;
	}
	return false;
}

void pool_return(struct server *server)
{
	const char *why = why_to_close(server);

	assert(pending_is_empty(&server->pending) && server->transaction == 'I');
	pool_detach(server);
	if (server->cancels != 0)
		server_drop_waiting_cancels(server);
	if (why != NULL)
		server_close(server, why);
	else if (server->cancels != 0)
		server_become(server, SERVER_HELD, "a cancel request travels");
	else if (!do_chore(server))
		rest(server, "returned");
}

void pool_server_ready(struct server *server)
{
	const char *why = why_to_close(server);

	deadline_clear(&server->deadline);
	connects_forget_failure(server->pool);
	if (why != NULL && server->state != SERVER_LOGIN)
		server_close(server, why);
	else if (!do_chore(server))
		rest(server, "ready");
	pool_wake(server->pool);
}

static void serve_now(struct pool *pool)
{
	list_for_each(&pool->hosts, node, after)
		server_open_cancels(list_entry(node, struct pool_host, node));
	if (!may_lease(pool))
		return;
	refresh_hosts(pool);
	if (connects_are_failing(pool))
		queue_refuse_after(pool, pool->failing_since, pool->failure_state, pool->failure);
	dedicated_open(pool);
	queue_serve(pool);
	connects_open(pool);
}

/* Something may end a wait, or call for connections. */
static void serve(struct task *task)
{
	struct pool *pool = list_entry(task, struct pool, serve);
	bool crowded = room_leave(pool);

	serve_now(pool);
	if (crowded && !list_has(&pool->crowd))
		room_left(pool); /* it has what it wanted: the next one's turn */
}

/* ---- the operator, and the cluster ---- */

void pool_close_idle(struct pool *pool, const char *why)
{
	close_servers(pool, 1u << SERVER_IDLE, why);
}

void pool_retry(struct pool *pool)
{
	list_for_each(&pool->hosts, node, after)
		list_entry(node, struct pool_host, node)->retry_at = 0;
	pool_wake(pool);
}

static void leave_addresses(struct pool_host *at, enum server_state state)
{
	list_for_each(&at->servers[state], node, after) {
		struct server *server = list_entry(node, struct server, node);

		if (host_knows_address(at->host, &server->address))
			continue;
		replace(server, "server DNS name has other addresses");
	}
}

void pool_leave_addresses(struct pool *pool)
{
	list_for_each(&pool->hosts, node, after) {
		struct pool_host *at = list_entry(node, struct pool_host, node);

		if (at->host->addresses == NULL)
			continue;
		for (int state = 0; state < SERVER_CLOSED; state++)
			if (state != SERVER_CANCELING)
				leave_addresses(at, (enum server_state)state);
	}
}

void pool_reconnect(struct pool *pool, const char *why)
{
	list_for_each(&pool->hosts, node, after)
		replace_all_at(list_entry(node, struct pool_host, node), why);
	greeting_done(&pool->greeting);
	startups_done(&pool->startups);
	pool_wake(pool);
}

/*
 * A host lost its role or is gone: its servers of an epoch that does not hold any more are closed
 * if nobody uses them, and broken if somebody does.
 */
void pool_host_changed(struct pool *pool, struct host *host)
{
	struct pool_host *at = pool_host_of(pool, host);

	if (at == NULL)
		return;
	if (host->health == HEALTH_UP)
		at->retry_at = 0;
	for (int state = 0; state < SERVER_CLOSED; state++) {
		if (state == SERVER_CANCELING)
			continue;
		list_for_each(&at->servers[state], node, after) {
			struct server *server = list_entry(node, struct server, node);

			if (!host_keeps_leases(host, server->epoch))
				server_close(server, "host lost its role");
		}
	}
	pool_wake(pool);
}
