/* SPDX-License-Identifier: ISC */
/* The names that clients connect to, with their pools and the clusters behind them. */
#include "pool/database.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram.h"
#include "base/mem.h"
#include "pool/connects.h"
#include "pool/disuse.h"
#include "pool/pool.h"
#include "pool/queue.h"

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	snprintf(buffer, size, "D: %s", list_entry(subject, struct database, log)->name);
}

struct socket_options pooler_socket_options(const struct settings *settings)
{
	struct socket_options options = {
		.keepalive = settings->tcp_keepalive,
		.keepcnt = settings->tcp_keepcnt,
		.keepidle = settings->tcp_keepidle,
		.keepintvl = settings->tcp_keepintvl,
		.user_timeout = settings->tcp_user_timeout,
		.buffer = settings->tcp_socket_buffer,
	};

	return options;
}

/* ---- users ---- */

static bool is_user(const void *value, const void *name)
{
	return strcmp(((const struct pool_user *)value)->name, name) == 0;
}

struct pool_user *pooler_user(struct pooler *pooler, const char *name)
{
	uint64_t hash = map_hash(name, strlen(name));
	struct pool_user *user = map_find_match(&pooler->users, hash, is_user, name);

	if (user != NULL)
		return user;
	user = mem_zero(sizeof(*user));
	user->name = mem_string(name);
	list_init(&user->pools);
	list_init(&user->crowd);
	map_add(&pooler->users, hash, user);
	return user;
}

void pooler_user_left(struct pooler *pooler, struct pool_user *user)
{
	if (user->clients != 0 || !list_is_empty(&user->pools))
		return;
	map_remove(&pooler->users, map_hash(user->name, strlen(user->name)), user);
	free(user->name);
	free(user);
}

static void free_users(struct pooler *pooler)
{
	struct pool_user *user;
	size_t at = 0;

	while ((user = map_walk(&pooler->users, &at)) != NULL) {
		free(user->name);
		free(user);
	}
	map_done(&pooler->users);
}

/* ---- clusters ---- */

static struct host_options *host_options(const struct config_host *hosts, unsigned count)
{
	struct host_options *options = mem_zero(count * sizeof(*options));

	for (unsigned i = 0; i < count; i++) {
		options[i].name = hosts[i].host;
		options[i].port = (uint16_t)hosts[i].port;
		options[i].weight = 1;
	}
	return options;
}

/* The freshness samples must reach back as far as the most patient database allows. */
static usec_t longest_lag(const struct config *config, const struct config_cluster *cluster)
{
	usec_t longest = cluster->settings.max_replica_lag;

	for (unsigned i = 0; i < config->database_count; i++)
		if (config->databases[i].cluster == cluster &&
		    config->databases[i].settings.max_replica_lag > longest)
			longest = config->databases[i].settings.max_replica_lag;
	return longest;
}

static struct cluster_options monitored_options(const struct config *config,
						const struct config_cluster *entry)
{
	struct cluster_options options = {
		.name = entry->name,
		.monitored = true,
		.monitor_interval = entry->settings.monitor_interval,
		.monitor_timeout = entry->settings.monitor_timeout,
		.monitor_fall = entry->settings.monitor_fall,
		.monitor_rise = entry->settings.monitor_rise,
		.longest_lag = longest_lag(config, entry),
		.monitor_user = entry->monitor_user,
		.monitor_password =
			entry->monitor_password[0] != '\0' ? entry->monitor_password : NULL,
		.monitor_database = entry->monitor_dbname,
	};

	return options;
}

static struct pool_cluster *find_cluster(const struct pooler *pooler, const char *name)
{
	list_for_each(&pooler->clusters, node, after) {
		struct pool_cluster *cluster = list_entry(node, struct pool_cluster, node);

		if (strcmp(cluster->cluster->name, name) == 0)
			return cluster;
	}
	return NULL;
}

static void apply_cluster(struct pooler *pooler, const struct config_cluster *entry)
{
	struct cluster_options options = monitored_options(pooler->config, entry);
	struct host_options *hosts = host_options(entry->hosts, entry->host_count);
	struct pool_cluster *known = find_cluster(pooler, entry->name);

	if (known != NULL) {
		cluster_reconfigure(known->cluster, &options, hosts, entry->host_count);
	} else {
		known = mem_zero(sizeof(*known));
		known->cluster = cluster_new(pooler->loop, pooler->resolver, &options, hosts,
					     entry->host_count);
		list_append(&pooler->clusters, &known->node);
	}
	free(hosts);
}

static void drop_clusters(struct pooler *pooler, bool all)
{
	list_for_each(&pooler->clusters, node, after) {
		struct pool_cluster *known = list_entry(node, struct pool_cluster, node);

		if (!all && config_cluster_find(pooler->config, known->cluster->name) != NULL)
			continue;
		list_remove(&known->node);
		cluster_close(known->cluster);
		free(known);
	}
}

/* ---- databases ---- */

/* Facts about hosts changed: servers that may not be used go, those who wait look again. */
static void on_cluster_changed(struct cluster_watcher *watcher, struct cluster *cluster,
			       unsigned changes)
{
	struct database *database = list_entry(watcher, struct database, watcher);

	list_for_each(&database->pools, node, after) {
		struct pool *pool = list_entry(node, struct pool, node);

		if (changes & CLUSTER_HOSTS)
			pool_refresh(pool);
		if (changes & CLUSTER_ADDRESS) {
			pool_leave_addresses(pool);
			pool_retry(pool);
		}
		if (changes & (CLUSTER_ROLES | CLUSTER_HEALTH))
			list_for_each(&cluster->hosts, host_node, after_host)
				pool_host_changed(pool, list_entry(host_node, struct host, node));
		pool_wake(pool);
	}
}

static bool owns_cluster(const struct database *database)
{
	return !database->cluster->monitored;
}

static struct cluster_options plain_options(const struct database *database)
{
	struct cluster_options options = {
		.name = database->name,
		.monitored = false,
		.balance = database->entry->load_balance_hosts == LOAD_BALANCE_DISABLE
				   ? BALANCE_STICKY
				   : BALANCE_ROUND_ROBIN,
		.address_retry = connects_retry_delay(&database->entry->settings),
		.monitor_fall = 1,
		.monitor_rise = 1,
	};

	return options;
}

static void leave_cluster(struct database *database)
{
	if (database->cluster == NULL)
		return;
	cluster_unwatch(&database->watcher);
	if (owns_cluster(database))
		cluster_close(database->cluster);
	database->cluster = NULL;
}

/* Puts the database on the cluster that its entry says: a named one, or one of its own. */
static void join_cluster(struct database *database)
{
	const struct config_database *entry = database->entry;
	struct pooler *pooler = database->pooler;
	struct cluster_options options;
	struct host_options *hosts;

	if (entry->cluster != NULL) {
		struct cluster *cluster = find_cluster(pooler, entry->cluster->name)->cluster;

		if (database->cluster == cluster)
			return;
		leave_cluster(database);
		database->cluster = cluster;
		cluster_watch(cluster, &database->watcher);
		return;
	}
	options = plain_options(database);
	hosts = host_options(entry->hosts, entry->host_count);
	if (database->cluster != NULL && owns_cluster(database)) {
		cluster_reconfigure(database->cluster, &options, hosts, entry->host_count);
	} else {
		leave_cluster(database);
		database->cluster = cluster_new(pooler->loop, pooler->resolver, &options, hosts,
						entry->host_count);
		cluster_watch(database->cluster, &database->watcher);
	}
	free(hosts);
}

/* A forced user's pool exists, and keeps its minimum, before the first client comes. */
static void open_forced_pool(struct database *database)
{
	const struct config_database *entry = database->entry;
	struct secret *secret;
	struct pool *pool;

	if (entry->user[0] == '\0')
		return;
	pool = pool_get(database, entry->user);
	secret = secrets_find(&database->pooler->access.secrets, entry->user);
	pool_credentials(pool,
			 entry->password[0] != '\0' ? entry->password
			 : secret != NULL	    ? secret->text
						    : NULL,
			 NULL);
}

static uint64_t hash_of(const char *name)
{
	return map_hash(name, strlen(name));
}

static struct database *database_new(struct pooler *pooler, const char *name,
				     const struct config_database *entry)
{
	struct database *database = mem_zero(sizeof(*database));

	database->log.describe = describe;
	database->pooler = pooler;
	database->name = mem_string(name);
	database->entry = entry;
	database->config = config_ref(pooler->config);
	database->paused = pooler->killed;
	database->watcher.on_changed = on_cluster_changed;
	list_init(&database->pools);
	list_init(&database->crowd);
	list_append(&pooler->databases, &database->node);
	map_add(&pooler->by_name, hash_of(name), database);
	join_cluster(database);
	open_forced_pool(database);
	return database;
}

static void close_pools(struct database *database, const char *why)
{
	list_for_each(&database->pools, node, after) {
		struct pool *pool = list_entry(node, struct pool, node);

		if (pool->clients == 0)
			pool_close(pool, why);
		else
			pool_close_all(pool, why);
	}
}

/* Freed behind its pools, whose burial was posted before. */
static void bury(struct task *task)
{
	struct database *database = list_entry(task, struct database, burial);

	map_done(&database->by_user);
	config_unref(database->config);
	free(database->name);
	free(database);
}

/* Nobody finds it any more; another one may have its name. */
static void unlist(struct database *database)
{
	map_remove(&database->pooler->by_name, hash_of(database->name), database);
}

void database_drop(struct database *database)
{
	close_pools(database, "database removed");
	assert(list_is_empty(&database->pools));
	unlist(database);
	deadline_clear(&database->disuse);
	leave_cluster(database);
	list_remove(&database->node);
	database->burial.run = bury;
	loop_bury(database->pooler->loop, &database->burial);
}

static void drop_removed(struct database *database)
{
	if (database->removed && database->clients == 0)
		database_drop(database);
}

void database_enter(struct database *database)
{
	database->clients++;
	disuse_note_database(database);
}

void database_leave(struct database *database)
{
	database->clients--;
	disuse_note_database(database);
	drop_removed(database);
}

static bool has_name(const void *value, const void *name)
{
	return strcmp(((const struct database *)value)->name, name) == 0;
}

struct database *database_existing(const struct pooler *pooler, const char *name)
{
	return map_find_match(&pooler->by_name, hash_of(name), has_name, name);
}

struct database *database_for_login(struct pooler *pooler, const char *name)
{
	struct database *database = database_existing(pooler, name);
	const struct config_database *fallback = config_database_fallback(pooler->config);

	if (database != NULL || fallback == NULL)
		return database;
	disuse_make_room(pooler);
	database = database_new(pooler, name, fallback);
	database->automatic = true;
	log_info(process, "registered new auto-database: db=%s", name);
	disuse_note_database(database);
	return database;
}

struct database *database_find(struct pooler *pooler, const char *name)
{
	struct database *database = database_for_login(pooler, name);

	if (database != NULL && database->automatic && !database->proved) {
		deadline_clear(&database->disuse);
		database->proved = true;
		disuse_note_database(database);
	}
	return database;
}

const char *database_password_of(const struct database *database, const char *user)
{
	const struct config_database *entry = database->entry;
	bool is_its = entry->user[0] == '\0' || strcmp(entry->user, user) == 0;

	return entry->password[0] != '\0' && is_its ? entry->password : NULL;
}

void database_pause(struct database *database)
{
	database->paused = true;
	list_for_each(&database->pools, node, after)
		pool_close_idle(list_entry(node, struct pool, node), "pause mode");
}

void database_resume(struct database *database)
{
	database->paused = false;
	list_for_each(&database->pools, node, after)
		pool_wake(list_entry(node, struct pool, node));
}

bool database_is_quiet(const struct database *database)
{
	list_for_each(&database->pools, node, after) {
		const struct pool *pool = list_entry(node, struct pool, node);

		if (pool_count(pool, SERVER_LEASED) + pool_count(pool, SERVER_CHORES) +
			    pool_count(pool, SERVER_HELD) !=
		    0)
			return false;
	}
	return true;
}

/* ---- the pooler ---- */

/* Pools that log in with what the auth_file said go on with what it says now. */
static void follow_secret(struct pool *pool, const struct secrets *fresh)
{
	const struct secret *before =
		secrets_find(&pool->database->pooler->access.secrets, pool->user);
	const struct secret *now = secrets_find(fresh, pool->user);

	if (database_password_of(pool->database, pool->user) != NULL)
		return;
	if (before != NULL && now != NULL && pool->secret != NULL &&
	    strcmp(pool->secret, before->text) == 0)
		pool_credentials(pool, now->text, NULL);
}

static void follow_secrets(struct pooler *pooler, const struct secrets *fresh)
{
	list_for_each(&pooler->databases, database_node, after_database) {
		struct database *database = list_entry(database_node, struct database, node);

		list_for_each(&database->pools, node, after)
			follow_secret(list_entry(node, struct pool, node), fresh);
	}
}

bool pooler_load_access(struct pooler *pooler, const struct config *config, char *error,
			size_t size)
{
	struct access fresh = { 0 };

	if (!access_load(&fresh, &pooler->access, &config->settings, false, error, size))
		return false;
	if (!fresh.same_secrets)
		follow_secrets(pooler, &fresh.secrets);
	access_replace(&pooler->access, &fresh);
	return true;
}

static void apply_config(struct pooler *pooler)
{
	const struct config *config = pooler->config;

	for (unsigned i = 0; i < config->cluster_count; i++)
		apply_cluster(pooler, &config->clusters[i]);
	for (unsigned i = 0; i < config->database_count; i++)
		if (database_existing(pooler, config->databases[i].name) == NULL)
			database_new(pooler, config->databases[i].name, &config->databases[i]);
	drop_clusters(pooler, false);
}

static struct resolver_options resolver_options(const struct settings *settings)
{
	struct resolver_options options = {
		.max_ttl = settings->dns_max_ttl,
		.negative_ttl = settings->dns_nxdomain_ttl,
		.zone_period = settings->dns_zone_check_period,
		.resolv_conf = settings->resolv_conf,
	};

	return options;
}

bool pooler_init(struct pooler *pooler, struct loop *loop, const struct stream_transport *transport,
		 struct config *config, char *error, size_t size)
{
	const struct settings *settings = &config->settings;
	struct resolver_options resolver = resolver_options(settings);

	memset(pooler, 0, sizeof(*pooler));
	pooler->loop = loop;
	list_init(&pooler->databases);
	list_init(&pooler->clusters);
	disuse_init(pooler);
	parameters_setup(settings->track_extra_parameters);
	scram_set_iterations((uint32_t)settings->scram_iterations);
	if (!pooler_load_access(pooler, config, error, size))
		return false;
	chunk_setup(settings->pkt_buf);
	streams_init(&pooler->streams, loop, (uint32_t)settings->high_water,
		     settings->io_batch == IO_BATCH_AUTO);
	pooler->streams.reads_a_turn = (unsigned)settings->sbuf_loopcnt;
	pooler->streams.transport = transport;
	if (transport->is_socket)
		pooler->resolver = resolver_new(loop, &resolver);
	pooler->config = config;
	apply_config(pooler);
	return true;
}

static void update_database(struct database *database, const struct config_database *entry)
{
	struct config *old = database->config;

	database->config = config_ref(database->pooler->config);
	database->entry = entry;
	join_cluster(database);
	open_forced_pool(database);
	list_for_each(&database->pools, node, after) {
		struct pool *pool = list_entry(node, struct pool, node);

		pool_refresh(pool);
		if (database_password_of(database, pool->user) != NULL)
			pool_credentials(pool, entry->password, NULL);
	}
	config_unref(old);
}

static void remove_database(struct database *database)
{
	log_info(database, "removed from the configuration");
	database->removed = true;
	unlist(database);
	if (database->pooler->close_clients != NULL)
		database->pooler->close_clients(database, "database removed");
	close_pools(database, "database removed");
	drop_removed(database);
}

static bool asks_for_other_hosts(const struct config_difference *difference)
{
	const struct config_database *before = difference->before, *after = difference->after;

	return before->role != after->role;
}

/*
 * What failed with the entry as it was may do with what it is now.  Servers are closed when they
 * are free if what changed matters to them.
 */
static void follow_entry(struct database *database, const struct config_difference *difference)
{
	if (owns_cluster(database) && asks_for_other_hosts(difference))
		cluster_forget_unfit(database->cluster);
	list_for_each(&database->pools, node, after) {
		struct pool *pool = list_entry(node, struct pool, node);

		connects_forget_failure(pool);
		pool_retry(pool);
		if (difference->applies == RECONNECT)
			pool_reconnect(pool, "database configuration changed");
	}
}

static void on_difference(void *arg, const struct config_difference *difference)
{
	struct pooler *pooler = arg;
	struct database *database;
	char line[512];

	config_difference_format(difference, line, sizeof(line));
	log_info(process, "%s", line);
	if (difference->kind != CONFIG_DATABASE || difference->change != CONFIG_CHANGED)
		return;
	list_for_each(&pooler->databases, node, after) {
		database = list_entry(node, struct database, node);
		if (strcmp(database->name, difference->name) == 0 ||
		    (database->automatic && strcmp(difference->name, "*") == 0))
			follow_entry(database, difference);
	}
}

void pooler_reconfigure(struct pooler *pooler, struct config *config)
{
	struct config *old = pooler->config;
	struct resolver_options resolver = resolver_options(&config->settings);

	pooler->config = config;
	pooler->streams.high_water = (uint32_t)config->settings.high_water;
	pooler->streams.reads_a_turn = (unsigned)config->settings.sbuf_loopcnt;
	scram_set_iterations((uint32_t)config->settings.scram_iterations);
	if (pooler->resolver != NULL)
		resolver_reconfigure(pooler->resolver, &resolver);
	for (unsigned i = 0; i < config->cluster_count; i++)
		apply_cluster(pooler, &config->clusters[i]);
	list_for_each(&pooler->databases, node, after) {
		struct database *database = list_entry(node, struct database, node);
		const struct config_database *entry = config_database_find(config, database->name);

		if (entry != NULL)
			database->automatic = false;
		else if (database->automatic)
			entry = config_database_fallback(config);
		if (database->removed)
			continue;
		if (entry != NULL)
			update_database(database, entry);
		else
			remove_database(database);
	}
	config_diff(old, config, on_difference, pooler);
	apply_config(pooler);
	disuse_renew(pooler);
	config_unref(old);
}

void pooler_done(struct pooler *pooler)
{
	struct list_node *node;

	while ((node = list_first(&pooler->databases)) != NULL)
		database_drop(list_entry(node, struct database, node));
	drop_clusters(pooler, true);
	loop_end_turn(pooler->loop);
	if (pooler->resolver != NULL)
		resolver_free(pooler->resolver);
	access_done(&pooler->access);
	free_users(pooler);
	map_done(&pooler->by_name);
	disuse_done(pooler);
	config_unref(pooler->config);
	streams_done(&pooler->streams);
	chunk_trim();
}
