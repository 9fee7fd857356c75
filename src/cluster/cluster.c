/* SPDX-License-Identifier: ISC */
/*
 * Hosts that replicate one another: what they say, what traffic shows, who is the primary.
 *
 *	monitor --- answers, failures --+
 *	servers --- evidence -----------+--> facts of hosts --> leader rules --> watchers, by a task
 *	console --- admin --------------+
 *
 * Evidence is ahead of any probe, but proves little: it can take the primary's role away for a
 * moment, and only an answer gives it back.
 */
#include "cluster/cluster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cluster/monitor.h"

/* Two servers that are told to go within this time: the host is going down. */
#define ENDED_TOGETHER (100 * USEC_PER_MSEC)

/* One that is told to go, and a connect refused within this time: the same. */
#define ENDED_AND_REFUSED (2 * USEC_PER_SEC)

/* Who wanted a fresh replica has given up after this time, or asked again. */
#define WANTED_FOR (250 * USEC_PER_MSEC)

/* How long a replica may take to follow a new primary before that is said. */
#define TIMELINE_PATIENCE (3 * USEC_PER_SEC)

/* Samples are kept at least for so long, to show the lag of a replica that is too far behind. */
#define LEAST_SPAN (600 * USEC_PER_SEC)

static void describe(const struct log_subject *subject, char *buffer, size_t size)
{
	const struct cluster *cluster = list_entry(subject, struct cluster, log);

	snprintf(buffer, size, "K-%s", cluster->name);
}

static struct host *host_of(struct list_node *node)
{
	return list_entry(node, struct host, node);
}

/* Watchers. */

static void tell_watchers(struct task *task)
{
	struct cluster *cluster = list_entry(task, struct cluster, tell);
	struct list_node *node = list_first(&cluster->watchers);
	unsigned changes = cluster->changes;

	cluster->changes = 0;
	while (node != NULL) {
		struct cluster_watcher *watcher = list_entry(node, struct cluster_watcher, node);

		cluster->telling = list_next(node);
		watcher->on_changed(watcher, cluster, changes);
		node = cluster->telling;
	}
}

void cluster_changed(struct cluster *cluster, unsigned changes)
{
	cluster->changes |= changes;
	if (!list_is_empty(&cluster->watchers))
		loop_post(cluster->loop, &cluster->tell);
}

void cluster_watch(struct cluster *cluster, struct cluster_watcher *watcher)
{
	watcher->cluster = cluster;
	list_append(&cluster->watchers, &watcher->node);
}

void cluster_unwatch(struct cluster_watcher *watcher)
{
	if (!list_has(&watcher->node))
		return;
	if (watcher->cluster->telling == &watcher->node)
		watcher->cluster->telling = list_next(&watcher->node);
	list_remove(&watcher->node);
}

static void probe_now(struct host *host)
{
	if (host->monitor != NULL)
		monitor_probe_now(host->monitor);
}

static void probe_all(struct cluster *cluster)
{
	list_for_each(&cluster->hosts, node, after)
		probe_now(host_of(node));
}

/* Who is the primary. */

/* Before every host has answered once there is nothing to warn of. */
static bool is_starting(const struct cluster *cluster)
{
	list_for_each(&cluster->hosts, node, after)
		if (host_of(node)->health == HEALTH_UNKNOWN)
			return true;
	return false;
}

static void log_primary(struct cluster *cluster, const struct host *before)
{
	const struct host *now = cluster->primary;

	if (now == NULL && before == NULL && is_starting(cluster))
		log_debug(cluster, "no primary yet: %s", leader_lack_text(cluster->lack));
	else if (now == NULL)
		log_warn(cluster, "no primary: %s", leader_lack_text(cluster->lack));
	else if (before == NULL || before == now)
		log_info(cluster, "primary is %s:%u (timeline %u)", now->name, now->port,
			 now->timeline);
	else
		log_info(cluster, "primary is %s:%u (timeline %u), was %s:%u", now->name, now->port,
			 now->timeline, before->name, before->port);
}

/* Samples belong to one timeline of one host: those of another say nothing. */
static void follow_primary(struct cluster *cluster)
{
	const struct host *primary = cluster->primary;
	bool first = cluster->sampled == NULL;

	if (primary == NULL ||
	    (cluster->sampled == primary && cluster->freshness.timeline == primary->timeline))
		return;
	cluster->sampled = primary;
	freshness_reset(&cluster->freshness, primary->timeline, cluster->freshness.span);
	/* The first one has been asked already, while others had not been heard of. */
	if (first && primary->position != 0)
		freshness_sample(&cluster->freshness, primary->timeline, primary->asked,
				 primary->position);
	list_for_each(&cluster->hosts, node, after) {
		if (first)
			replayed_update(&host_of(node)->replayed, &cluster->freshness);
		else
			replayed_forget(&host_of(node)->replayed);
	}
	probe_all(cluster);
}

/*
 * The first host that says primary may be a deposed one that answers sooner than the others, so
 * the first decision waits until each host has answered or failed: as long as an answer may take.
 */
static bool waits_for_others(const struct cluster *cluster)
{
	return clock_now() < cluster->patient_until && is_starting(cluster);
}

static unsigned count_of_identity(const struct cluster *cluster, uint64_t system_id)
{
	unsigned count = 0;

	list_for_each(&cluster->hosts, node, after)
		count += host_of(node)->system_id == system_id;
	return count;
}

/*
 * Before the first primary the cluster is what most of its hosts are, not what the one is that
 * answered first: that may be a stranger.  Equal numbers: the host that is configured first.
 */
static void find_identity(struct cluster *cluster)
{
	unsigned most = 0;

	list_for_each(&cluster->hosts, node, after) {
		uint64_t system_id = host_of(node)->system_id;
		unsigned count = system_id != 0 ? count_of_identity(cluster, system_id) : 0;

		if (count <= most)
			continue;
		most = count;
		if (system_id != cluster->memory.system_id)
			cluster->memory = (struct leader_memory){ .system_id = system_id };
	}
	list_for_each(&cluster->hosts, node2, after2)
		leader_remember(&cluster->memory,
				&(struct leader_claim){ .timeline = host_of(node2)->timeline,
							.system_id = host_of(node2)->system_id });
}

void cluster_decide(struct cluster *cluster)
{
	unsigned count = cluster->hosts.count, at = 0;
	struct leader_claim *claims;
	enum standing *standings;
	struct host *before = cluster->primary, *winner = NULL;
	enum leader_lack lack;
	int primary;

	if (!cluster->monitored || count == 0)
		return;
	if (cluster->patient_until != 0)
		find_identity(cluster);
	claims = mem_zero(count * sizeof(*claims));
	standings = mem_zero(count * sizeof(*standings));
	list_for_each(&cluster->hosts, node, after) {
		const struct host *host = host_of(node);

		claims[at++] = (struct leader_claim){
			.role = host->role,
			.up = host->health == HEALTH_UP || host->health == HEALTH_SUSPECT,
			.ending = host->ending,
			.timeline = host->timeline,
			.system_id = host->system_id,
		};
	}
	primary = leader_decide(&cluster->memory, claims, (int)count, standings, &lack);
	if (primary >= 0 && waits_for_others(cluster)) {
		standings[primary] = STANDING_ABSENT;
		primary = -1;
		lack = LACK_STARTING;
	} else if (primary >= 0) {
		cluster->patient_until = 0;
	}
	at = 0;
	list_for_each(&cluster->hosts, node2, after2) {
		if ((int)at == primary)
			winner = host_of(node2);
		host_set_standing(host_of(node2), standings[at++]);
	}
	free(claims);
	free(standings);
	if (winner != before || lack != cluster->lack) {
		cluster->primary = winner;
		cluster->lack = lack;
		if (winner != before)
			cluster->primary_since = clock_now();
		log_primary(cluster, before);
		cluster_changed(cluster, CLUSTER_ROLES);
	}
	follow_primary(cluster);
}

/* The next of a plain entry's hosts; those that nobody could connect to only if there is no other. */
static struct host *next_plain(const struct cluster *cluster, unsigned ahead)
{
	unsigned turn = cluster->turn + ahead;
	unsigned count = cluster->hosts.count, at = 0;
	struct host *found = NULL, *poor = NULL;
	unsigned found_at = 0;

	list_for_each(&cluster->hosts, node, after) {
		struct host *host = host_of(node);
		unsigned distance = (at++ + count - turn % count) % count;

		if (host->admin != ADMIN_ENABLED)
			continue;
		if (host->health == HEALTH_DOWN &&
		    clock_now() - host->last_refused < cluster->address_retry) {
			if (poor == NULL || host->last_refused < poor->last_refused)
				poor = host;
			continue;
		}
		if (found == NULL || distance < found_at) {
			found = host;
			found_at = distance;
		}
	}
	return found != NULL ? found : poor;
}

struct host *cluster_next_host(struct cluster *cluster, unsigned ahead, unsigned passed)
{
	if (cluster->balance == BALANCE_STICKY)
		ahead = 0; /* all go to the same */
	return cluster->hosts.count > 0 ? next_plain(cluster, ahead + passed) : NULL;
}

void cluster_note_connect(const struct host *host)
{
	struct cluster *cluster = host->cluster;
	unsigned at = 0;

	if (cluster->monitored || cluster->balance != BALANCE_ROUND_ROBIN)
		return;
	list_for_each(&cluster->hosts, node, after) {
		at++;
		if (host_of(node) == host)
			cluster->turn = at;
	}
}

struct host *cluster_primary(struct cluster *cluster)
{
	if (!cluster->monitored)
		return cluster_next_host(cluster, 0, 0);
	if (cluster->primary == NULL || !host_takes_writes(cluster->primary))
		return NULL;
	return cluster->primary;
}

const char *cluster_why_no_primary(struct cluster *cluster)
{
	const struct host *primary = cluster->primary;

	if (!cluster->monitored)
		return "all hosts are disabled";
	if (primary == NULL)
		return leader_lack_text(cluster->lack == LACK_NOTHING ? LACK_SILENCE
								      : cluster->lack);
	if (host_takes_writes(primary))
		return "";
	snprintf(cluster->why, sizeof(cluster->why), "the primary %s:%u is %s", primary->name,
		 primary->port, admin_name(primary->admin));
	return cluster->why;
}

/* Choice of a replica. */

bool host_is_fresh_enough(const struct host *host, const struct read_need *need)
{
	const struct cluster *cluster = host->cluster;
	usec_t as_of = host->replayed.as_of;

	if (host->admin == ADMIN_REMOVED)
		return false;
	if (!cluster->monitored || cluster->primary == host)
		return true;
	/* A sample asked for in the turn of the write may have been sent before its answer came. */
	if (as_of == 0 || as_of <= need->newer_than)
		return false;
	return freshness_lag(as_of, clock_now()) <= need->max_lag;
}

static bool fits(const struct host *host, const struct read_need *need,
		 const struct host *preferred)
{
	if (!host_takes_reads(host) || !host_is_fresh_enough(host, need))
		return false;
	return host == preferred || host->cluster->primary == host || need->seen == 0 ||
	       host->replayed.as_of > need->seen;
}

struct choice {
	struct host *host;
	bool near;
	double load;
	unsigned distance;
};

static bool is_better(const struct choice *a, const struct choice *b)
{
	if (b->host == NULL)
		return true;
	if ((a->host->weight > 0) != (b->host->weight > 0))
		return a->host->weight > 0;
	if (a->near != b->near)
		return a->near;
	if (a->load != b->load)
		return a->load < b->load;
	return a->distance < b->distance;
}

static struct host *choose(struct cluster *cluster, const struct read_need *need,
			   const struct host *preferred, bool primary_too)
{
	unsigned count = cluster->hosts.count, at = 0;
	struct choice best = { 0 };

	list_for_each(&cluster->hosts, node, after) {
		struct host *host = host_of(node);
		unsigned place = at++;
		struct choice choice;

		if ((host == cluster->primary && !primary_too) || !fits(host, need, preferred))
			continue;
		if (host == preferred)
			return host;
		choice = (struct choice){
			.host = host,
			.near = need->zone != NULL && strcmp(host->zone, need->zone) == 0,
			.load = (double)(host->leased + 1) / (host->weight > 0 ? host->weight : 1),
			.distance = (place + count - cluster->turn % count) % count,
		};
		if (is_better(&choice, &best))
			best = choice;
	}
	if (best.host != NULL)
		cluster->turn += best.distance + 1;
	return best.host;
}

struct host *cluster_choose_replica(struct cluster *cluster, const struct read_need *need,
				    const struct host *preferred)
{
	if (cluster->hosts.count == 0)
		return NULL;
	if (!cluster->monitored)
		return next_plain(cluster, 0);
	return choose(cluster, need, preferred, false);
}

struct host *cluster_choose_any(struct cluster *cluster, const struct read_need *need,
				const struct host *preferred)
{
	if (cluster->hosts.count == 0)
		return NULL;
	if (!cluster->monitored)
		return next_plain(cluster, 0);
	return choose(cluster, need, preferred, true);
}

void cluster_want_fresh(struct cluster *cluster)
{
	cluster->wanted = clock_now();
	if (cluster->primary != NULL)
		probe_now(cluster->primary);
	else
		probe_all(cluster);
}

static bool is_wanted(const struct cluster *cluster)
{
	return cluster->wanted != 0 && clock_now() - cluster->wanted < WANTED_FOR;
}

/* Answers and failures. */

static void note_fresher(struct cluster *cluster)
{
	if (cluster->wanted == 0)
		return;
	cluster->wanted = 0;
	cluster_changed(cluster, CLUSTER_FRESH);
}

static void take_sample(struct host *host, const struct host_answer *answer)
{
	struct cluster *cluster = host->cluster;
	bool fresher = false;

	if (cluster->primary != host ||
	    !freshness_sample(&cluster->freshness, answer->timeline, answer->asked, host->position))
		return;
	list_for_each(&cluster->hosts, node, after)
		if (replayed_update(&host_of(node)->replayed, &cluster->freshness))
			fresher = true;
	if (fresher)
		note_fresher(cluster);
	if (!is_wanted(cluster))
		return;
	list_for_each(&cluster->hosts, node2, after2)
		if (host_of(node2) != host)
			probe_now(host_of(node2));
}

/* Says once why a healthy replica gets no reads after a failover. */
static void note_timeline(struct host *host, const struct host_answer *answer)
{
	uint32_t wanted = host->cluster->freshness.timeline;

	if (answer->timeline >= wanted || host->behind_timeline == wanted ||
	    clock_now() - host->cluster->primary_since < TIMELINE_PATIENCE)
		return;
	host->behind_timeline = wanted;
	log_info(host,
		 "gets no reads: not known to be on timeline %u yet (a monitor that has "
		 "pg_monitor is told at once, others at the replica's next restart point)",
		 wanted);
}

static void take_replayed(struct host *host, const struct host_answer *answer)
{
	struct cluster *cluster = host->cluster;

	if (host->standing != STANDING_NONE)
		return;
	note_timeline(host, answer);
	if (replayed_observe(&host->replayed, &cluster->freshness, answer->asked, answer->position,
			     answer->timeline))
		note_fresher(cluster);
	else if (is_wanted(cluster))
		probe_now(host); /* it has not replayed the last sample yet */
}

static void note_passed(struct host *host)
{
	host->failed = 0;
	host->passed++;
	if (host->health == HEALTH_UP)
		return;
	if (host->health == HEALTH_DOWN && host->passed < host->cluster->monitor_rise) {
		probe_now(host);
		return;
	}
	host_set_health(host, HEALTH_UP, CAUSE_NONE, NULL);
}

/* The postmaster was started anew: it may have less than it had. */
static void note_start(struct host *host, int64_t started)
{
	if (host->started != 0 && started != 0 && host->started != started) {
		log_info(host, "was restarted");
		replayed_forget(&host->replayed);
		host->ended_count = 0;
	}
	host->started = started;
}

void cluster_observe(struct host *host, const struct host_answer *answer)
{
	struct cluster *cluster = host->cluster;

	if (host->admin == ADMIN_REMOVED || answer->asked <= host->asked)
		return;
	host->asked = answer->asked;
	host->round_trip = clock_now() - answer->asked;
	note_start(host, answer->started);
	host->system_id = answer->system_id;
	host->position = answer->in_recovery
				 ? answer->position
				 : lsn_normalise(answer->position, answer->wal_block_size,
						 answer->wal_segment_size);
	host_set_role(host, answer->in_recovery ? ROLE_REPLICA : ROLE_PRIMARY, answer->timeline);
	if (host->ending && answer->connected >= host->ending_since)
		host_set_ending(host, NULL);
	note_passed(host);
	leader_remember(&cluster->memory, &(struct leader_claim){ .timeline = answer->timeline,
								  .system_id = answer->system_id });
	cluster_decide(cluster);
	if (answer->in_recovery)
		take_replayed(host, answer);
	else
		take_sample(host, answer);
}

/* Nobody there, or somebody who says no: not a matter of lateness, so nothing is counted. */
static bool is_certain(enum health_cause cause)
{
	return cause == CAUSE_REFUSED || cause == CAUSE_STARTING;
}

void cluster_probe_failed(struct host *host, enum health_cause cause, const char *text)
{
	struct cluster *cluster = host->cluster;
	enum health health = host->health;

	if (host->admin == ADMIN_REMOVED)
		return;
	host->passed = 0;
	host->failed++;
	if (cause == CAUSE_LOST || cause == CAUSE_ENDING || is_certain(cause))
		replayed_forget(&host->replayed);
	if (is_certain(cause) || health == HEALTH_UNKNOWN || host->failed >= cluster->monitor_fall)
		health = HEALTH_DOWN;
	else if (health == HEALTH_UP)
		health = HEALTH_SUSPECT;
	host_set_health(host, health, cause, text);
	if (cause == CAUSE_ENDING)
		host_evidence(host, EVIDENCE_ADMIN_SHUTDOWN);
	cluster_decide(cluster);
}

/* Evidence from traffic. */

static void go_down(struct host *host, const char *why)
{
	host_set_ending(host, why);
	replayed_forget(&host->replayed);
	cluster_decide(host->cluster);
	if (host->monitor != NULL)
		monitor_reconnect(host->monitor);
}

static void note_ended(struct host *host)
{
	usec_t now = clock_now();

	if (host->ended_count == 0 || now - host->last_ended > ENDED_TOGETHER)
		host->ended_count = 0;
	host->ended_count++;
	host->last_ended = now;
	if (host->ended_count >= 2)
		go_down(host, "several connections were told to go");
	else
		probe_now(host);
}

static void note_refused(struct host *host)
{
	usec_t now = clock_now();

	host->last_refused = now;
	host->address_turn++;
	if (host->addresses != NULL && host->addresses->count > 1)
		probe_now(host);
	else if (host->ended_count > 0 && now - host->last_ended <= ENDED_AND_REFUSED)
		go_down(host, "a connection was told to go, another is refused");
	else if (host->health == HEALTH_UP)
		host_set_health(host, HEALTH_SUSPECT, CAUSE_REFUSED, NULL);
	probe_now(host);
}

/* Perhaps all of the host's connections were: an answer that is under way proves nothing. */
static void note_lost(struct host *host)
{
	replayed_forget(&host->replayed);
	host->replayed.asked = clock_now();
	probe_now(host);
}

/* load_balance_hosts=disable: the next host of the list is the one to keep to. */
static void move_on(const struct host *host)
{
	struct cluster *cluster = host->cluster;
	unsigned at = 0;

	if (cluster->balance != BALANCE_STICKY)
		return;
	list_for_each(&cluster->hosts, node, after) {
		if (host_of(node) == host && cluster->turn % cluster->hosts.count == at) {
			cluster->turn++;
			return;
		}
		at++;
	}
}

/* A plain entry's host is known by its connects only. */
static void note_plain(struct host *host, enum evidence evidence)
{
	switch (evidence) {
	case EVIDENCE_CONNECTED:
		host->last_connected = clock_now();
		host_set_health(host, HEALTH_UP, CAUSE_NONE, NULL);
		break;
	case EVIDENCE_CONNECT_REFUSED:
	case EVIDENCE_CONNECT_TIMEOUT:
	case EVIDENCE_STARTING_UP:
		host->last_refused = clock_now();
		if (host->addresses != NULL && host->addresses->count > 1 &&
		    host_has_good_address(host))
			break;
		host_set_health(host, HEALTH_DOWN,
				evidence == EVIDENCE_CONNECT_REFUSED   ? CAUSE_REFUSED
				: evidence == EVIDENCE_CONNECT_TIMEOUT ? CAUSE_TIMEOUT
								       : CAUSE_STARTING,
				NULL);
		move_on(host);
		break;
	case EVIDENCE_UNFIT:
		host->last_refused = clock_now();
		host_set_health(host, HEALTH_DOWN, CAUSE_UNFIT, NULL);
		move_on(host);
		break;
	case EVIDENCE_UNRESOLVED:
		host->last_refused = clock_now();
		move_on(host);
		break;
	default:
		break;
	}
}

void cluster_forget_unfit(struct cluster *cluster)
{
	list_for_each(&cluster->hosts, node, after)
		if (host_of(node)->cause == CAUSE_UNFIT)
			host_set_health(host_of(node), HEALTH_UNKNOWN, CAUSE_NONE, NULL);
}

void host_evidence(struct host *host, enum evidence evidence)
{
	if (host->admin == ADMIN_REMOVED)
		return;
	if (!host->cluster->monitored) {
		note_plain(host, evidence);
		return;
	}
	switch (evidence) {
	case EVIDENCE_CONNECTED:
		host->last_connected = clock_now();
		if (host->health != HEALTH_UP)
			probe_now(host);
		break;
	case EVIDENCE_CONNECT_REFUSED:
		note_refused(host);
		break;
	case EVIDENCE_CONNECT_TIMEOUT:
		host->address_turn++;
		probe_now(host);
		break;
	case EVIDENCE_CONNECTION_LOST:
		note_lost(host);
		break;
	case EVIDENCE_ADMIN_SHUTDOWN:
		note_ended(host);
		break;
	case EVIDENCE_CRASHED:
		note_lost(host);
		go_down(host, "a server process died");
		break;
	case EVIDENCE_STARTING_UP:
		go_down(host, "it accepts no connections");
		break;
	case EVIDENCE_READ_ONLY:
		probe_now(host);
		break;
	case EVIDENCE_UNRESOLVED: /* the lookup has told */
	case EVIDENCE_UNFIT:
		break;
	}
}

void cluster_set_admin(struct host *host, enum admin admin)
{
	assert(admin != ADMIN_REMOVED);
	host_set_admin(host, admin);
}

/* Life. */

static void set_string(char **slot, const char *value)
{
	free(*slot);
	*slot = value != NULL && *value != '\0' ? mem_string(value) : NULL;
}

static bool same_string(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Whether monitors must log in anew with these options. */
static bool login_differs(const struct cluster *cluster, const struct cluster_options *options)
{
	return !same_string(cluster->monitor_user, options->monitor_user) ||
	       !same_string(cluster->monitor_password, options->monitor_password) ||
	       !same_string(cluster->monitor_database, options->monitor_database) ||
	       !same_string(cluster->monitor_sslmode, options->monitor_sslmode) ||
	       !same_string(cluster->monitor_sslrootcert, options->monitor_sslrootcert);
}

static void set_password(struct cluster *cluster, const char *password)
{
	if (cluster->monitor_password != NULL)
		mem_wipe(cluster->monitor_password, strlen(cluster->monitor_password));
	set_string(&cluster->monitor_password, password);
}

static void set_options(struct cluster *cluster, const struct cluster_options *options)
{
	cluster->balance = options->balance;
	cluster->address_retry = options->address_retry;
	cluster->monitor_interval = options->monitor_interval;
	cluster->monitor_timeout = options->monitor_timeout;
	cluster->monitor_fall = options->monitor_fall > 0 ? options->monitor_fall : 1;
	cluster->monitor_rise = options->monitor_rise > 0 ? options->monitor_rise : 1;
	set_string(&cluster->monitor_user, options->monitor_user);
	set_password(cluster, options->monitor_password);
	set_string(&cluster->monitor_database, options->monitor_database);
	set_string(&cluster->monitor_sslmode, options->monitor_sslmode);
	set_string(&cluster->monitor_sslrootcert, options->monitor_sslrootcert);
	cluster->freshness.span =
		options->longest_lag > LEAST_SPAN ? options->longest_lag : LEAST_SPAN;
}

static void set_host(struct cluster *cluster, const struct host_options *options)
{
	struct host *host = cluster_find_host(cluster, options->name, options->port);
	const char *zone = options->zone != NULL ? options->zone : "";

	if (host == NULL) {
		host = host_new(cluster, options->name, options->port);
		cluster_changed(cluster, CLUSTER_HOSTS);
	}
	list_remove(&host->node);
	list_append(&cluster->hosts, &host->node);
	host->weight = options->weight;
	if (strcmp(host->zone, zone) != 0) {
		free(host->zone);
		host->zone = mem_string(zone);
	}
	if (cluster->resolver == NULL)
		return;
	if (cluster->monitored && host->monitor == NULL)
		host->monitor = monitor_new(host);
	else if (!cluster->monitored)
		host_address(host);
}

struct cluster *cluster_new(struct loop *loop, struct resolver *resolver,
			    const struct cluster_options *options, const struct host_options *hosts,
			    unsigned count)
{
	struct cluster *cluster = mem_zero(sizeof(*cluster));

	cluster->log.describe = describe;
	cluster->name = mem_string(options->name);
	cluster->loop = loop;
	cluster->users = 1;
	cluster->resolver = resolver;
	cluster->monitored = options->monitored;
	cluster->lack = LACK_SILENCE;
	cluster->primary_since = clock_now();
	cluster->patient_until = clock_now() + 2 * options->monitor_timeout;
	cluster->tell.run = tell_watchers;
	list_init(&cluster->hosts);
	list_init(&cluster->watchers);
	set_options(cluster, options);
	if (resolver != NULL)
		monitor_probes_init(&cluster->probes, loop);
	for (unsigned i = 0; i < count; i++)
		set_host(cluster, &hosts[i]);
	return cluster;
}

static void bury(struct task *task)
{
	struct cluster *cluster = list_entry(task, struct cluster, burial);

	set_password(cluster, NULL);
	free(cluster->monitor_user);
	free(cluster->monitor_database);
	free(cluster->monitor_sslmode);
	free(cluster->monitor_sslrootcert);
	free(cluster->name);
	free(cluster);
}

struct cluster *cluster_ref(struct cluster *cluster)
{
	cluster->users++;
	return cluster;
}

void cluster_unref(struct cluster *cluster)
{
	assert(cluster->users > 0);
	if (--cluster->users > 0)
		return;
	cluster->burial.run = bury;
	loop_bury(cluster->loop, &cluster->burial);
}

void cluster_close(struct cluster *cluster)
{
	struct list_node *node;

	while ((node = list_first(&cluster->hosts)) != NULL)
		host_remove(host_of(node));
	while ((node = list_first(&cluster->watchers)) != NULL)
		cluster_unwatch(list_entry(node, struct cluster_watcher, node));
	if (cluster->resolver != NULL)
		deadlines_done(&cluster->probes);
	task_cancel(&cluster->tell);
	cluster_unref(cluster);
}

static bool is_listed(const struct host *host, const struct host_options *hosts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(host->name, hosts[i].name) == 0 && host->port == hosts[i].port)
			return true;
	return false;
}

void cluster_reconfigure(struct cluster *cluster, const struct cluster_options *options,
			 const struct host_options *hosts, unsigned count)
{
	bool anew = login_differs(cluster, options);

	assert(cluster->monitored == options->monitored);
	set_options(cluster, options);
	list_for_each(&cluster->hosts, node, after)
		if (!is_listed(host_of(node), hosts, count)) {
			log_info(host_of(node), "removed from the configuration");
			host_remove(host_of(node));
			cluster_changed(cluster, CLUSTER_HOSTS);
		}
	for (unsigned i = 0; i < count; i++)
		set_host(cluster, &hosts[i]);
	list_for_each(&cluster->hosts, node2, after2)
		if (anew && host_of(node2)->monitor != NULL)
			monitor_reconnect(host_of(node2)->monitor);
	cluster_decide(cluster);
}

struct host *cluster_find_host(struct cluster *cluster, const char *name, uint16_t port)
{
	list_for_each(&cluster->hosts, node, after)
		if (strcmp(host_of(node)->name, name) == 0 && host_of(node)->port == port)
			return host_of(node);
	return NULL;
}
