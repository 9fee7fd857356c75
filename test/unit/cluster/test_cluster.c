/* SPDX-License-Identifier: ISC */
#include "cluster/cluster.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC
#define SYSTEM 7

static struct loop loop;
static struct cluster *cluster;
static struct host *h[3];
static usec_t now;
static unsigned told;
static int calls;

static const struct host_options three[] = {
	{ "10.0.0.1", 5432, "a", 1 },
	{ "10.0.0.2", 5432, "b", 1 },
	{ "10.0.0.3", 5433, "b", 1 },
};

static struct cluster_options options = {
	.name = "main",
	.monitored = true,
	.monitor_interval = 100 * MSEC,
	.monitor_timeout = SEC,
	.monitor_fall = 3,
	.monitor_rise = 2,
	.longest_lag = 10 * SEC,
};

static void on_changed(struct cluster_watcher *watcher, struct cluster *which, unsigned changes)
{
	(void)watcher;
	ck_assert_ptr_eq(which, cluster);
	told |= changes;
	calls++;
}

static struct cluster_watcher watcher = { .on_changed = on_changed };

static void pass(usec_t time)
{
	now += time;
	clock_fake(now);
}

/* Ends the turn and returns what the watchers were told. */
static unsigned turn(void)
{
	unsigned was;

	told = 0;
	calls = 0;
	loop_end_turn(&loop);
	was = told;
	ck_assert_int_le(calls, 1);
	return was;
}

static void answer(struct host *host, bool in_recovery, uint32_t timeline, lsn_t position)
{
	cluster_observe(host, &(struct host_answer){ .asked = now,
						     .connected = now,
						     .in_recovery = in_recovery,
						     .position = position,
						     .timeline = timeline,
						     .system_id = SYSTEM,
						     .started = 1 });
}

static void primary(struct host *host, uint32_t timeline, lsn_t position)
{
	answer(host, false, timeline, position);
}

static void replica(struct host *host, uint32_t timeline, lsn_t position)
{
	answer(host, true, timeline, position);
}

static void setup(void)
{
	memset(&loop, 0, sizeof(loop));
	list_init(&loop.tasks);
	list_init(&loop.burials);
	now = 1000 * SEC;
	clock_fake(now);
	options.monitored = true;
	options.balance = BALANCE_ROUND_ROBIN;
	cluster = cluster_new(&loop, NULL, &options, three, 3);
	cluster->patient_until = 0; /* most tests have one host speak first */
	cluster_watch(cluster, &watcher);
	for (int i = 0; i < 3; i++)
		h[i] = cluster_find_host(cluster, three[i].name, three[i].port);
}

static void teardown(void)
{
	cluster_close(cluster);
	loop_end_turn(&loop);
	ck_assert(list_is_empty(&loop.burials));
}

/* A healthy cluster: h[0] is the primary, the replicas have all. */
static void settle(void)
{
	primary(h[0], 1, 1000);
	replica(h[1], 1, 1000);
	replica(h[2], 1, 1000);
	turn();
}

static const struct read_need any = { .max_lag = 10 * SEC };

START_TEST(test_nobody_takes_writes_before_it_was_asked)
{
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_ne(cluster_why_no_primary(cluster), "");
	ck_assert_ptr_null(cluster_choose_replica(cluster, &any, NULL));
	for (int i = 0; i < 3; i++) {
		ck_assert(!host_takes_writes(h[i]));
		ck_assert(!host_takes_reads(h[i]));
	}
}
END_TEST

START_TEST(test_first_primary_waits_for_word_of_every_host)
{
	cluster->patient_until = now + 2 * SEC;
	primary(h[0], 1, 9000); /* a deposed one that answers first */
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(cluster_why_no_primary(cluster), "not every host has answered yet");
	cluster_probe_failed(h[1], CAUSE_REFUSED, NULL);
	ck_assert_ptr_null(cluster_primary(cluster));
	primary(h[2], 2, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[2]);
	ck_assert_int_eq(h[0]->standing, STANDING_DEPOSED);
}
END_TEST

START_TEST(test_stranger_that_answers_first_does_not_name_the_cluster)
{
	cluster->patient_until = now + 2 * SEC;
	cluster_observe(h[0], &(struct host_answer){ .asked = now,
						     .connected = now,
						     .in_recovery = false,
						     .position = 5000,
						     .timeline = 9,
						     .system_id = 99 });
	replica(h[1], 1, 1000);
	primary(h[2], 1, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[2]);
	ck_assert_int_eq(h[0]->standing, STANDING_FOREIGN);
	ck_assert(!host_takes_reads(h[0]));
	ck_assert(host_takes_reads(h[1]));
	ck_assert_uint_eq(cluster->memory.timeline, 1);
}
END_TEST

START_TEST(test_first_primary_does_not_wait_for_ever)
{
	cluster->patient_until = now + 2 * SEC;
	primary(h[0], 1, 9000);
	pass(2 * SEC);
	primary(h[0], 1, 9000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_roles_follow_from_the_answers)
{
	primary(h[0], 1, 1000);
	ck_assert_uint_eq(turn() & CLUSTER_ROLES, CLUSTER_ROLES);
	replica(h[1], 1, 1000);
	replica(h[2], 1, 1000);
	turn();
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert_str_eq(cluster_why_no_primary(cluster), "");
	ck_assert(host_takes_writes(h[0]) && host_takes_reads(h[0]));
	ck_assert(!host_takes_writes(h[1]) && host_takes_reads(h[1]));
	pass(100 * MSEC);
	settle();
	ck_assert_uint_eq(turn(), 0);
}
END_TEST

START_TEST(test_one_late_probe_changes_nothing)
{
	unsigned epoch;

	settle();
	epoch = h[0]->epoch;
	cluster_probe_failed(h[0], CAUSE_TIMEOUT, "read timed out");
	cluster_probe_failed(h[0], CAUSE_TIMEOUT, "read timed out");
	ck_assert_int_eq(h[0]->health, HEALTH_SUSPECT);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert(host_takes_writes(h[0]));
	cluster_probe_failed(h[1], CAUSE_TIMEOUT, NULL);
	ck_assert(host_takes_reads(h[1]));
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert_int_eq(h[0]->health, HEALTH_UP);
	ck_assert_uint_eq(h[0]->epoch, epoch);
}
END_TEST

START_TEST(test_host_that_never_answered_is_down_at_its_first_failure)
{
	cluster_probe_failed(h[0], CAUSE_LOGIN, "password authentication failed");
	ck_assert_int_eq(h[0]->health, HEALTH_DOWN);
	ck_assert_int_eq(h[0]->cause, CAUSE_LOGIN);
	ck_assert_str_eq(h[0]->cause_text, "password authentication failed");
}
END_TEST

START_TEST(test_failures_in_a_row_mean_down_and_answers_in_a_row_up)
{
	settle();
	for (int i = 0; i < 3; i++)
		cluster_probe_failed(h[0], CAUSE_TIMEOUT, "read timed out");
	ck_assert_int_eq(h[0]->health, HEALTH_DOWN);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(cluster_why_no_primary(cluster), "the primary is down");
	ck_assert(turn() & CLUSTER_ROLES);
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert_ptr_null(cluster_primary(cluster));
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert(host_keeps_leases(h[0], h[0]->epoch));
}
END_TEST

START_TEST(test_refused_connection_means_down_at_once)
{
	settle();
	cluster_probe_failed(h[0], CAUSE_REFUSED, "Connection refused");
	ck_assert_int_eq(h[0]->health, HEALTH_DOWN);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_ptr_nonnull(cluster_choose_replica(cluster, &any, NULL));
}
END_TEST

START_TEST(test_promotion_is_followed_and_the_old_primary_deposed)
{
	unsigned before0, before1;

	settle();
	before0 = h[0]->epoch;
	before1 = h[1]->epoch;
	pass(100 * MSEC);
	/* The old one goes on, and is ahead. */
	primary(h[0], 1, 900000);
	primary(h[1], 2, 2000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[1]);
	ck_assert_int_eq(h[0]->standing, STANDING_DEPOSED);
	ck_assert(!host_takes_writes(h[0]) && !host_takes_reads(h[0]));
	/* Servers of the deposed one go, those of the promoted one can be relabelled. */
	ck_assert_uint_gt(h[0]->epoch, before0);
	ck_assert(!host_keeps_leases(h[0], before0));
	ck_assert_uint_gt(h[1]->epoch, before1);
	ck_assert(host_keeps_leases(h[1], before1));
	ck_assert(turn() & CLUSTER_ROLES);
	/* It stays so, whoever answers last. */
	pass(100 * MSEC);
	primary(h[1], 2, 2000);
	primary(h[0], 1, 990000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[1]);
	/* Also when the new one goes away. */
	cluster_probe_failed(h[1], CAUSE_REFUSED, NULL);
	pass(100 * MSEC);
	primary(h[0], 1, 995000);
	ck_assert_ptr_null(cluster_primary(cluster));
}
END_TEST

START_TEST(test_demoted_primary_comes_back_as_a_replica)
{
	unsigned epoch;

	settle();
	epoch = h[0]->epoch;
	pass(MSEC);
	replica(h[0], 1, 1000);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(cluster_why_no_primary(cluster), "every host that answers is in recovery");
	ck_assert(!host_keeps_leases(h[0], epoch));
	primary(h[2], 2, 1100);
	pass(MSEC);
	replica(h[0], 2, 1100);
	ck_assert(host_takes_reads(h[0]));
	ck_assert(host_keeps_leases(h[0], h[0]->epoch));
}
END_TEST

START_TEST(test_split_brain_holds_writes_and_lets_reads_go_on)
{
	unsigned epoch;

	settle();
	epoch = h[0]->epoch;
	pass(MSEC);
	primary(h[1], 1, 1000);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_ptr_nonnull(strstr(cluster_why_no_primary(cluster), "split brain"));
	ck_assert(!host_keeps_leases(h[0], epoch));
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, NULL), h[2]);
	pass(MSEC);
	replica(h[1], 1, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_host_of_another_cluster_gets_nothing)
{
	settle();
	pass(MSEC);
	cluster_observe(h[2], &(struct host_answer){ .asked = now,
						     .connected = now,
						     .in_recovery = false,
						     .position = 5000,
						     .timeline = 9,
						     .system_id = 99 });
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert_int_eq(h[2]->standing, STANDING_FOREIGN);
	ck_assert(!host_takes_reads(h[2]) && !host_takes_writes(h[2]));
	ck_assert(!host_keeps_leases(h[2], h[2]->epoch - 1));
	ck_assert_uint_eq(cluster->memory.timeline, 1);
}
END_TEST

START_TEST(test_late_answer_changes_no_role)
{
	usec_t asked = now;

	pass(MSEC);
	settle();
	cluster_observe(h[1], &(struct host_answer){ .asked = asked,
						     .connected = asked,
						     .in_recovery = false,
						     .position = 5000,
						     .timeline = 1,
						     .system_id = SYSTEM });
	ck_assert_int_eq(h[1]->role, ROLE_REPLICA);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_read_needs_data_later_than_the_write)
{
	struct read_need need = { .max_lag = 10 * SEC };

	settle();
	need.newer_than = now; /* written in the turn of the sample: it may have come before */
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	ck_assert(host_is_fresh_enough(h[0], &need));
	need.newer_than = now - 1;
	ck_assert_ptr_nonnull(cluster_choose_replica(cluster, &need, NULL));
	need.newer_than = now;
	pass(100 * MSEC);
	primary(h[0], 1, 1100);
	replica(h[1], 1, 1099);
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	pass(MSEC);
	replica(h[1], 1, 1100);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, NULL), h[1]);
	ck_assert_int_eq(host_lag(h[1], now), MSEC);
	ck_assert_int_eq(host_lag(h[2], now), 101 * MSEC);
	ck_assert_int_eq(host_lag(h[0], now), 0);
}
END_TEST

START_TEST(test_lag_excludes_also_when_all_lag)
{
	struct read_need need = { .max_lag = 500 * MSEC };

	settle();
	pass(500 * MSEC);
	ck_assert_ptr_nonnull(cluster_choose_replica(cluster, &need, NULL));
	pass(1);
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	need.max_lag = LAG_UNKNOWN;
	ck_assert_ptr_nonnull(cluster_choose_replica(cluster, &need, NULL));
}
END_TEST

START_TEST(test_unknown_freshness_fits_no_bound)
{
	struct read_need need = { .max_lag = LAG_UNKNOWN };

	replica(h[1], 1, 1000);
	ck_assert(host_takes_reads(h[1]));
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
}
END_TEST

START_TEST(test_other_replica_must_be_later_than_the_last_read)
{
	struct read_need need = { .max_lag = 10 * SEC };

	settle();
	pass(100 * MSEC);
	need.seen = now;
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, h[1]), h[1]);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, h[2]), h[2]);
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	pass(MSEC);
	primary(h[0], 1, 1001);
	replica(h[2], 1, 1001);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, NULL), h[2]);
	/* The one that it read from is down: another that is later will do. */
	cluster_probe_failed(h[1], CAUSE_REFUSED, NULL);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, h[1]), h[2]);
}
END_TEST

START_TEST(test_failover_invalidates_freshness)
{
	struct read_need need = { .max_lag = 10 * SEC };

	settle();
	pass(100 * MSEC);
	primary(h[1], 2, 1200);
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	ck_assert_int_eq(host_lag(h[2], now), LAG_UNKNOWN);
	pass(MSEC);
	replica(h[2], 1, 5000); /* diverged: further, on the old timeline */
	ck_assert_ptr_null(cluster_choose_replica(cluster, &need, NULL));
	pass(MSEC);
	replica(h[2], 2, 1200);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, NULL), h[2]);
}
END_TEST

START_TEST(test_restarted_or_lost_replica_is_asked_before_it_is_read_again)
{
	settle();
	host_evidence(h[1], EVIDENCE_CONNECTION_LOST);
	ck_assert_int_eq(host_lag(h[1], now), LAG_UNKNOWN);
	replica(h[1], 1, 1000); /* asked before it was lost */
	ck_assert_int_eq(host_lag(h[1], now), LAG_UNKNOWN);
	pass(MSEC);
	replica(h[1], 1, 1000);
	ck_assert_int_eq(host_lag(h[1], now), MSEC);
	pass(MSEC);
	cluster_observe(h[1], &(struct host_answer){ .asked = now,
						     .connected = now,
						     .in_recovery = true,
						     .position = 900,
						     .timeline = 1,
						     .system_id = SYSTEM,
						     .started = 2 });
	ck_assert_int_eq(host_lag(h[1], now), LAG_UNKNOWN);
}
END_TEST

START_TEST(test_least_loaded_replica_is_chosen_and_equals_take_turns)
{
	int served[3] = { 0 };

	settle();
	for (int i = 0; i < 100; i++)
		served[cluster_choose_replica(cluster, &any, NULL) == h[1] ? 1 : 2]++;
	ck_assert_int_eq(served[1], 50);
	h[1]->leased = 3;
	h[2]->leased = 2;
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, NULL), h[2]);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, h[1]), h[1]);
	h[1]->weight = 4;
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, NULL), h[1]);
	h[1]->weight = 0;
	h[2]->leased = 50;
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, NULL), h[2]);
}
END_TEST

START_TEST(test_zone_comes_before_load)
{
	struct read_need need = { .max_lag = 10 * SEC, .zone = "b" };
	struct host *far = h[1];

	settle();
	far->zone[0] = 'c';
	h[2]->leased = 40;
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, NULL), h[2]);
	cluster_probe_failed(h[2], CAUSE_REFUSED, NULL);
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &need, NULL), far);
}
END_TEST

START_TEST(test_several_terminations_at_once_mean_going_down)
{
	settle();
	host_evidence(h[0], EVIDENCE_ADMIN_SHUTDOWN);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	host_evidence(h[0], EVIDENCE_ADMIN_SHUTDOWN);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(cluster_why_no_primary(cluster), "the primary is shutting down");
	ck_assert(!host_takes_reads(h[0]));
	ck_assert(turn() & CLUSTER_ROLES);
	/* An answer on an old connection proves nothing. */
	pass(MSEC);
	cluster_observe(h[0], &(struct host_answer){ .asked = now,
						     .connected = now - 2 * MSEC,
						     .in_recovery = false,
						     .position = 1000,
						     .timeline = 1,
						     .system_id = SYSTEM,
						     .started = 1 });
	ck_assert_ptr_null(cluster_primary(cluster));
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_a_crashed_process_means_that_all_connections_end)
{
	unsigned epoch;

	settle();
	epoch = h[0]->epoch;
	host_evidence(h[0], EVIDENCE_CRASHED);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert(!host_takes_reads(h[0]));
	/* Who has one keeps it until that one ends. */
	ck_assert(host_keeps_leases(h[0], epoch));
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert(host_keeps_leases(h[0], epoch));
	host_evidence(h[1], EVIDENCE_CRASHED);
	ck_assert(!host_takes_reads(h[1]));
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_terminations_apart_are_terminated_backends)
{
	settle();
	for (int i = 0; i < 10; i++) {
		host_evidence(h[0], EVIDENCE_ADMIN_SHUTDOWN);
		ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
		pass(200 * MSEC);
	}
}
END_TEST

START_TEST(test_termination_and_a_refused_connection_mean_going_down)
{
	settle();
	host_evidence(h[0], EVIDENCE_ADMIN_SHUTDOWN);
	pass(500 * MSEC);
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	ck_assert_ptr_null(cluster_primary(cluster));
}
END_TEST

START_TEST(test_refused_connection_alone_makes_suspect)
{
	settle();
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	ck_assert_int_eq(h[0]->health, HEALTH_SUSPECT);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_host_that_starts_up_takes_nothing_until_it_answers)
{
	settle();
	host_evidence(h[0], EVIDENCE_STARTING_UP);
	ck_assert_ptr_null(cluster_primary(cluster));
	host_evidence(h[1], EVIDENCE_STARTING_UP);
	ck_assert(!host_takes_reads(h[1]));
	pass(MSEC);
	replica(h[1], 1, 1000);
	ck_assert(host_takes_reads(h[1]));
}
END_TEST

START_TEST(test_read_only_primary_is_verified_by_a_later_question)
{
	settle();
	host_evidence(h[0], EVIDENCE_READ_ONLY);
	ck_assert(!host_is_verified(h[0], now));
	pass(MSEC);
	primary(h[0], 1, 1000);
	ck_assert(host_is_verified(h[0], now - MSEC));
}
END_TEST

START_TEST(test_disabled_and_draining_hosts_get_nothing_new)
{
	settle();
	cluster_set_admin(h[0], ADMIN_DRAINING);
	ck_assert_ptr_null(cluster_primary(cluster));
	ck_assert_str_eq(cluster_why_no_primary(cluster), "the primary 10.0.0.1:5432 is draining");
	ck_assert(host_keeps_leases(h[0], h[0]->epoch));
	cluster_set_admin(h[1], ADMIN_DISABLED);
	ck_assert(!host_takes_reads(h[1]));
	ck_assert(!host_keeps_leases(h[1], h[1]->epoch));
	ck_assert(turn() & CLUSTER_HEALTH);
	cluster_set_admin(h[0], ADMIN_ENABLED);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
}
END_TEST

START_TEST(test_who_waits_for_fresh_data_is_told_once)
{
	settle();
	pass(100 * MSEC);
	primary(h[0], 1, 1100);
	replica(h[1], 1, 1100);
	ck_assert_uint_eq(turn(), 0);
	cluster_want_fresh(cluster);
	pass(MSEC);
	primary(h[0], 1, 1200);
	ck_assert_uint_eq(turn(), 0);
	replica(h[1], 1, 1200);
	ck_assert_uint_eq(turn(), CLUSTER_FRESH);
	replica(h[2], 1, 1200);
	ck_assert_uint_eq(turn(), 0);
}
END_TEST

START_TEST(test_position_behind_a_page_header_counts_as_the_page_start)
{
	settle();
	pass(MSEC);
	primary(h[0], 1, 8192 * 5 + 24);
	replica(h[1], 1, 8192 * 5);
	ck_assert_int_eq(host_lag(h[1], now), 0);
	pass(MSEC);
	primary(h[0], 1, UINT64_C(16777216) * 3 + 40);
	replica(h[1], 1, UINT64_C(16777216) * 3);
	ck_assert_int_eq(host_lag(h[1], now), 0);
}
END_TEST

static struct cluster_watcher others[3];
static int others_called;

static void on_changed_unwatch_all(struct cluster_watcher *who, struct cluster *which,
				   unsigned changes)
{
	(void)who;
	(void)which;
	(void)changes;
	others_called++;
	for (int i = 0; i < 3; i++)
		cluster_unwatch(&others[i]);
}

START_TEST(test_watcher_may_stop_itself_and_others)
{
	for (int i = 0; i < 3; i++) {
		others[i].on_changed = on_changed_unwatch_all;
		cluster_watch(cluster, &others[i]);
	}
	others_called = 0;
	settle();
	ck_assert_int_eq(others_called, 1);
	ck_assert_uint_eq(cluster->watchers.count, 1);
}
END_TEST

START_TEST(test_reload_keeps_what_is_known_of_hosts_that_stay)
{
	static const struct host_options two[] = {
		{ "10.0.0.9", 5432, NULL, 1 },
		{ "10.0.0.1", 5432, "z", 5 },
	};
	struct host *kept;
	struct addr addr;

	settle();
	kept = host_ref(h[1]);
	cluster_reconfigure(cluster, &options, two, 2);
	ck_assert(turn() & CLUSTER_HOSTS);
	ck_assert_ptr_eq(cluster_primary(cluster), h[0]);
	ck_assert_uint_eq(h[0]->weight, 5);
	ck_assert_str_eq(h[0]->zone, "z");
	ck_assert_uint_eq(cluster->hosts.count, 2);
	ck_assert_ptr_eq(list_first(&cluster->hosts),
			 &cluster_find_host(cluster, "10.0.0.9", 5432)->node);
	/* Gone from the cluster, alive for its user. */
	ck_assert_int_eq(kept->admin, ADMIN_REMOVED);
	ck_assert(!host_takes_reads(kept) && !host_takes_writes(kept));
	host_evidence(kept, EVIDENCE_CONNECTION_LOST);
	ck_assert(host_keeps_leases(kept, kept->epoch));
	ck_assert(!host_is_fresh_enough(kept, &any));
	host_unref(kept);
	addr_parse(&addr, "10.0.0.1", 5432);
	ck_assert(addr_equals(host_address(h[0]), &addr));
	/* The primary goes. */
	cluster_reconfigure(cluster, &options, two, 1);
	ck_assert_ptr_null(cluster_primary(cluster));
	turn();
}
END_TEST

/* Plain entries. */

static struct cluster *plain(enum cluster_balance balance)
{
	cluster_close(cluster);
	loop_end_turn(&loop);
	options.monitored = false;
	options.balance = balance;
	options.address_retry = 15 * USEC_PER_SEC;
	cluster = cluster_new(&loop, NULL, &options, three, 3);
	for (int i = 0; i < 3; i++)
		h[i] = cluster_find_host(cluster, three[i].name, three[i].port);
	return cluster;
}

/* The host whose turn it is, which gets a connection. */
static struct host *take_turn(void)
{
	struct host *host = cluster_primary(cluster);

	cluster_note_connect(host);
	return host;
}

START_TEST(test_plain_hosts_take_turns_and_serve_all_needs)
{
	plain(BALANCE_ROUND_ROBIN);
	for (int i = 0; i < 6; i++) {
		ck_assert_ptr_eq(cluster_next_host(cluster, 2, 0), h[(i + 2) % 3]);
		ck_assert_ptr_eq(cluster_primary(cluster), h[i % 3]); /* asking is for nothing */
		ck_assert_ptr_eq(take_turn(), h[i % 3]);
	}
	ck_assert(host_takes_writes(h[1]) && host_takes_reads(h[1]));
	ck_assert(host_is_fresh_enough(h[1], &any));
	ck_assert_ptr_eq(cluster_choose_replica(cluster, &any, NULL), h[0]);
	ck_assert_ptr_eq(cluster_choose_any(cluster, &any, NULL), h[0]);
}
END_TEST

START_TEST(test_plain_host_that_refuses_is_passed_over_for_a_while)
{
	plain(BALANCE_ROUND_ROBIN);
	host_evidence(h[1], EVIDENCE_CONNECT_REFUSED);
	for (int i = 0; i < 6; i++)
		ck_assert_ptr_eq(take_turn(), h[i % 2 * 2]);
	/* All refuse: the one that did so first is tried. */
	pass(MSEC);
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	host_evidence(h[2], EVIDENCE_CONNECT_TIMEOUT);
	ck_assert_ptr_eq(cluster_primary(cluster), h[1]);
	host_evidence(h[2], EVIDENCE_CONNECTED);
	ck_assert_ptr_eq(cluster_primary(cluster), h[2]);
	pass(options.address_retry);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(take_turn());
}
END_TEST

/* A name with several addresses: two more than the numeric one. */
static void give_addresses(struct host *host)
{
	struct addr_list *list = addr_list_new(3);

	list->count = 3;
	addr_parse(&list->addrs[0], "10.9.0.1", 5432);
	addr_parse(&list->addrs[1], "10.9.0.2", 5432);
	addr_parse(&list->addrs[2], "10.9.0.3", 5432);
	free(host->addresses);
	free(host->failed_at);
	host->addresses = list;
	host->failed_at = calloc(3, sizeof(*host->failed_at));
}

START_TEST(test_addresses_of_a_plain_host_take_turns_without_those_that_fail)
{
	plain(BALANCE_ROUND_ROBIN);
	give_addresses(h[0]);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_ptr_eq(host_next_address(h[0]), &h[0]->addresses->addrs[i % 3]);
	host_note_address(h[0], &h[0]->addresses->addrs[1], false);
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	ck_assert(host_has_good_address(h[0]));
	ck_assert_int_ne(h[0]->health, HEALTH_DOWN);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_ptr_ne(host_next_address(h[0]), &h[0]->addresses->addrs[1]);
	host_note_address(h[0], &h[0]->addresses->addrs[0], false);
	host_note_address(h[0], &h[0]->addresses->addrs[2], false);
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	ck_assert(!host_has_good_address(h[0]));
	ck_assert_int_eq(h[0]->health, HEALTH_DOWN);
	ck_assert_ptr_nonnull(host_next_address(h[0]));
	host_note_address(h[0], &h[0]->addresses->addrs[2], true);
	ck_assert_ptr_eq(host_next_address(h[0]), &h[0]->addresses->addrs[2]);
	ck_assert_ptr_eq(host_next_address(h[0]), &h[0]->addresses->addrs[2]);
	pass(options.address_retry);
	ck_assert_ptr_eq(host_next_address(h[0]), &h[0]->addresses->addrs[0]);
}
END_TEST

START_TEST(test_sticky_host_is_kept_until_it_refuses)
{
	plain(BALANCE_STICKY);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(take_turn(), h[0]);
	ck_assert_ptr_eq(cluster_next_host(cluster, 1, 0), h[0]);
	ck_assert_ptr_eq(cluster_next_host(cluster, 1, 1), h[1]);
	host_evidence(h[0], EVIDENCE_CONNECT_REFUSED);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(take_turn(), h[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cluster");
	TCase *tc = tcase_create("cluster");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_nobody_takes_writes_before_it_was_asked);
	tcase_add_test(tc, test_first_primary_waits_for_word_of_every_host);
	tcase_add_test(tc, test_stranger_that_answers_first_does_not_name_the_cluster);
	tcase_add_test(tc, test_first_primary_does_not_wait_for_ever);
	tcase_add_test(tc, test_roles_follow_from_the_answers);
	tcase_add_test(tc, test_one_late_probe_changes_nothing);
	tcase_add_test(tc, test_host_that_never_answered_is_down_at_its_first_failure);
	tcase_add_test(tc, test_failures_in_a_row_mean_down_and_answers_in_a_row_up);
	tcase_add_test(tc, test_refused_connection_means_down_at_once);
	tcase_add_test(tc, test_promotion_is_followed_and_the_old_primary_deposed);
	tcase_add_test(tc, test_demoted_primary_comes_back_as_a_replica);
	tcase_add_test(tc, test_split_brain_holds_writes_and_lets_reads_go_on);
	tcase_add_test(tc, test_host_of_another_cluster_gets_nothing);
	tcase_add_test(tc, test_late_answer_changes_no_role);
	tcase_add_test(tc, test_read_needs_data_later_than_the_write);
	tcase_add_test(tc, test_lag_excludes_also_when_all_lag);
	tcase_add_test(tc, test_unknown_freshness_fits_no_bound);
	tcase_add_test(tc, test_other_replica_must_be_later_than_the_last_read);
	tcase_add_test(tc, test_failover_invalidates_freshness);
	tcase_add_test(tc, test_restarted_or_lost_replica_is_asked_before_it_is_read_again);
	tcase_add_test(tc, test_least_loaded_replica_is_chosen_and_equals_take_turns);
	tcase_add_test(tc, test_zone_comes_before_load);
	tcase_add_test(tc, test_several_terminations_at_once_mean_going_down);
	tcase_add_test(tc, test_a_crashed_process_means_that_all_connections_end);
	tcase_add_test(tc, test_terminations_apart_are_terminated_backends);
	tcase_add_test(tc, test_termination_and_a_refused_connection_mean_going_down);
	tcase_add_test(tc, test_refused_connection_alone_makes_suspect);
	tcase_add_test(tc, test_host_that_starts_up_takes_nothing_until_it_answers);
	tcase_add_test(tc, test_read_only_primary_is_verified_by_a_later_question);
	tcase_add_test(tc, test_disabled_and_draining_hosts_get_nothing_new);
	tcase_add_test(tc, test_who_waits_for_fresh_data_is_told_once);
	tcase_add_test(tc, test_position_behind_a_page_header_counts_as_the_page_start);
	tcase_add_test(tc, test_watcher_may_stop_itself_and_others);
	tcase_add_test(tc, test_reload_keeps_what_is_known_of_hosts_that_stay);
	tcase_add_test(tc, test_plain_hosts_take_turns_and_serve_all_needs);
	tcase_add_test(tc, test_plain_host_that_refuses_is_passed_over_for_a_while);
	tcase_add_test(tc, test_addresses_of_a_plain_host_take_turns_without_those_that_fail);
	tcase_add_test(tc, test_sticky_host_is_kept_until_it_refuses);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
