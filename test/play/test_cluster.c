/* SPDX-License-Identifier: ISC */
/* Hosts that change their roles, and how fresh a read is. */
#include "play.h"

#define ANSWER "T D{1} C{SELECT 1} Z{I}"
#define INSERTED "C{INSERT 0 1} Z{I}"

static struct link *client, *server;

/* The client writes and is answered. */
static void write_something(void)
{
	says(client, "Q{insert into t values (1)}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
	says(server_on(PRIMARY), INSERTED);
	hears(client, INSERTED);
}

/* It reads, from this host, and is answered. */
static void reads_from(int host)
{
	says(client, "Q{select 1}");
	hears(server_on(host), "Q{select 1}");
	says(server_on(host), ANSWER);
	hears(client, ANSWER);
}

/* ---- freshness ---- */

START_TEST(test_read_after_write_goes_to_the_primary_until_a_replica_is_fresh)
{
	play_begin();
	client = client_in("app");
	reads_from(REPLICA);
	write_something();
	reads_from(PRIMARY);
	/* A sample that was asked for before the write was answered proves nothing. */
	replica_says(REPLICA, 1);
	reads_from(PRIMARY);
	all_fresh();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_replica_that_has_not_replayed_the_write_is_not_read_from)
{
	play_begin();
	client = client_in("app");
	write_something();
	pass(MSEC);
	primary_says(PRIMARY, 1);
	replica_lags(REPLICA, 1);
	reads_from(PRIMARY);
	all_fresh();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_writes_of_others_do_not_matter)
{
	struct link *other;

	play_begin();
	other = client_in("app");
	client = other;
	write_something();
	client = client_in("app");
	reads_from(REPLICA);
	client = other;
	reads_from(PRIMARY);
}
END_TEST

START_TEST(test_eventual_reads_do_not_wait_for_own_writes)
{
	play_begin(.database = "read_consistency=eventual");
	client = client_in("app");
	write_something();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_block_that_wrote_counts_as_a_write)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{begin} Q{insert into t values (1)} Q{commit}");
	says(server_on(PRIMARY), "C{BEGIN} Z{T} C{INSERT 0 1} Z{T} C{COMMIT} Z{I}");
	heard(client);
	heard(server_on(PRIMARY));
	reads_from(PRIMARY);
	all_fresh();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_max_replica_lag_keeps_reads_off)
{
	play_begin(.database = "max_replica_lag=5");
	client = client_in("app");
	pass(4 * SEC);
	reads_from(REPLICA);
	pass(2 * SEC);
	client = client_in("app");
	reads_from(PRIMARY);
	all_fresh();
	client = client_in("app");
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_idle_primary_does_not_make_replicas_old)
{
	play_begin(.database = "max_replica_lag=5");
	client = client_in("app");
	for (int i = 0; i < 10; i++)
		all_fresh();
	pass(4 * SEC);
	all_fresh();
	pass(4 * SEC);
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_read_that_finds_no_replica_may_wait)
{
	play_begin(.database = "no_replica=wait max_replica_lag=5");
	client = client_in("app");
	pass(6 * SEC);
	says(client, "Q{select 1}");
	hears(client, "");
	ck_assert(host_is_silent(PRIMARY));
	all_fresh();
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

START_TEST(test_read_that_finds_no_replica_may_fail)
{
	play_begin(.database = "no_replica=error max_replica_lag=5");
	client = client_in("app");
	pass(6 * SEC);
	says(client, "Q{select 1}");
	hears(client, "E{57P03} Z{I}");
	all_fresh();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_reads_do_not_go_back_in_time)
{
	int first, second;

	play_begin(.hosts = 3);
	client = client_in("app");
	says(client, "Q{select 1}");
	first = host_is_silent(REPLICA) ? OTHER_REPLICA : REPLICA;
	second = REPLICA + OTHER_REPLICA - first;
	says(server_asked(), ANSWER);
	heard(client);
	heard(server_on(first));
	/* The other one is behind what the client has seen: it stays, and goes to the primary. */
	pass(MSEC);
	primary_says(PRIMARY, 1);
	replica_says(first, 1);
	replica_lags(second, 1);
	reads_from(first);
	host_is_down(first);
	says(client, "Q{select 2}");
	pass(25 * MSEC);
	hears(server_on(PRIMARY), "Q{select 2}");
	says(server_on(PRIMARY), ANSWER);
	heard(client);
	pass(MSEC);
	primary_says(PRIMARY, 1);
	replica_says(second, 1);
	reads_from(second);
}
END_TEST

/* ---- asking for a route ---- */

START_TEST(test_setting_chooses_the_route)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{set pgweir.route = 'primary'}");
	hears(client, "C{SET} Z{I}");
	reads_from(PRIMARY);
	says(client, "Q{show pgweir.route}");
	hears(client, "T D{primary} C{SHOW} Z{I}");
	says(client, "Q{reset pgweir.route}");
	hears(client, "C{RESET} Z{I}");
	all_fresh();
	reads_from(REPLICA);
	says(client, "Q{set pgweir.route to nonsense} Q{set pgweir.rout to any}");
	hears(client, "E{22023} Z{I} E{42704} Z{I}");
}
END_TEST

START_TEST(test_setting_behind_requests_is_answered_in_order)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{select 1} Q{set pgweir.route = 'primary'} Q{select 2}");
	hears(server_on(REPLICA), "Q{select 1}");
	hears(client, "");
	says(server_on(REPLICA), ANSWER);
	hears(client, ANSWER " C{SET} Z{I}");
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_setting_in_the_startup_packet)
{
	play_begin();
	client = client_as("alice", "app", "|options=-c pgweir.route=primary");
	reads_from(PRIMARY);
}
END_TEST

START_TEST(test_hint_chooses_for_one_request)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{/* pgweir: route=primary */ select 1}");
	hears(server_on(PRIMARY), "Q{/* pgweir: route=primary */ select 1}");
	says(server_on(PRIMARY), ANSWER);
	hears(client, ANSWER);
	all_fresh();
	reads_from(REPLICA);
}
END_TEST

START_TEST(test_hint_counts_in_a_batch)
{
	play_begin();
	client = client_in("app");
	says(client, "P{|/* pgweir: route=primary */ select 1} B{|} E S");
	hears(server_on(PRIMARY), "P{|/* pgweir: route=primary */ select 1} B{|} E S");
}
END_TEST

START_TEST(test_database_chooses_the_route)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	reads_from(PRIMARY);
}
END_TEST

/* ---- failover ---- */

START_TEST(test_deposed_primary_loses_its_servers)
{
	struct link *idle, *idle_server;

	play_begin();
	client = client_in("app");
	idle = client_in("app");
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin} Q{insert into t values (1)}");
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	says(idle, "Q{insert into t values (2)}");
	idle_server = server_on(PRIMARY);
	hears(idle_server, "Q{insert into t values (2)}");
	says(idle_server, INSERTED);
	hears(idle, INSERTED);
	primary_says(REPLICA, 2);
	hears(idle_server, "X EOF");
	hears(server, "EOF");
	says(client, "Q{insert into t values (3)}");
	hears(client, "E{08006} Z{E}");
	says(client, "Q{rollback}");
	hears(client, "C{ROLLBACK} Z{I}");
	hears(idle, "");
	says(idle, "Q{insert into t values (4)}");
	hears(server_on(REPLICA), "Q{insert into t values (4)}");
}
END_TEST

START_TEST(test_write_at_a_deposed_primary_has_an_unknown_outcome)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	primary_says(REPLICA, 2);
	hears(client, "E{08007} Z{I}");
	hears(server, "Q{insert into t values (1)} EOF");
}
END_TEST

START_TEST(test_promoted_host_keeps_its_idle_servers)
{
	int before;

	play_begin();
	client = client_in("app");
	reads_from(REPLICA);
	server = server_on(REPLICA);
	before = servers_on(REPLICA);
	host_is_down(PRIMARY);
	says(client, "Q{insert into t values (1)}");
	hears(server, "");
	primary_says(REPLICA, 2);
	hears(server_on(REPLICA), "Q{insert into t values (1)}");
	ck_assert(link_is_open(server));
	ck_assert_int_eq(servers_on(REPLICA), before);
}
END_TEST

START_TEST(test_read_goes_on_through_the_promotion_of_its_host)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{select 1}");
	primary_says(REPLICA, 2);
	says(server, ANSWER);
	hears(client, ANSWER);
	says(client, "Q{insert into t values (1)}");
	hears(server, "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_writes_are_held_until_there_is_a_primary)
{
	struct link *other;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	host_is_down(PRIMARY);
	says(client, "Q{insert into t values (1)}");
	says(other, "Q{begin} Q{insert into t values (2)}");
	hears(other, "C{BEGIN} Z{T}");
	pass(4 * SEC);
	hears(client, "");
	primary_says(REPLICA, 2);
	hears(server_at(REPLICA, 0), "Q{insert into t values (1)}");
	hears(server_asked(), "Q{begin} Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_split_brain_holds_writes)
{
	play_begin(.hosts = 3);
	client = client_in("app");
	primary_says(REPLICA, 1);
	says(client, "Q{insert into t values (1)}");
	hears(client, "");
	ck_assert(host_is_silent(PRIMARY) && host_is_silent(REPLICA));
	/* One of them wins. */
	primary_says(REPLICA, 2);
	hears(server_on(REPLICA), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_split_brain_breaks_what_both_have_leased)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	primary_says(REPLICA, 1);
	ck_assert(!link_is_open(server));
	says(client, "Q{commit}");
	hears(client, "E{08006} Z{I}");
}
END_TEST

START_TEST(test_host_that_tells_its_connections_to_go_gets_no_writes)
{
	struct link *first, *second, *other;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{insert into t values (1)}");
	first = server_on(PRIMARY);
	heard(first);
	says(other, "Q{insert into t values (2)}");
	second = server_on(PRIMARY);
	heard(second);
	says(first, INSERTED);
	says(second, INSERTED);
	heard(client);
	queues(first, "F{57P01}");
	leaves(first);
	queues(second, "F{57P01}");
	leaves(second);
	says(client, "Q{insert into t values (3)}");
	hears(client, "");
	ck_assert(host_is_silent(PRIMARY));
	primary_says(REPLICA, 2);
	hears(server_on(REPLICA), "Q{insert into t values (3)}");
}
END_TEST

START_TEST(test_host_that_is_disabled_is_left)
{
	play_begin(.hosts = 3);
	client = client_in("app");
	says(client, "Q{select 1}");
	server = server_asked();
	says(server, ANSWER);
	heard(client);
	heard(server);
	cluster_set_admin(host_number(REPLICA), ADMIN_DISABLED);
	cluster_set_admin(host_number(OTHER_REPLICA), ADMIN_DISABLED);
	play_run();
	pass(MSEC);
	primary_says(PRIMARY, 1);
	says(client, "Q{select 2}");
	pass(25 * MSEC);
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_database_that_is_removed_closes_its_clients)
{
	static const char text[] = "[pgweir]\npool_mode = transaction\nauth_type = trust\n"
				   "listen_addr = 10.1.0.9\nio_batch = off\n[databases]\n"
				   "plain = host=10.0.0.1\n";
	struct config_error error;
	struct link *plain;

	play_begin();
	client = client_in("app");
	plain = client_in("plain");
	reads_from(REPLICA);
	pooler_reconfigure(&pooler, config_load_text(text, sizeof(text) - 1, &error));
	play_run();
	hears(client, "F{57P01} EOF");
	says(plain, "Q{select 1}");
	hears(server_on(PRIMARY), "Q{select 1}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("cluster");

	tcase_add_test(plays, test_read_after_write_goes_to_the_primary_until_a_replica_is_fresh);
	tcase_add_test(plays, test_replica_that_has_not_replayed_the_write_is_not_read_from);
	tcase_add_test(plays, test_writes_of_others_do_not_matter);
	tcase_add_test(plays, test_eventual_reads_do_not_wait_for_own_writes);
	tcase_add_test(plays, test_block_that_wrote_counts_as_a_write);
	tcase_add_test(plays, test_max_replica_lag_keeps_reads_off);
	tcase_add_test(plays, test_idle_primary_does_not_make_replicas_old);
	tcase_add_test(plays, test_read_that_finds_no_replica_may_wait);
	tcase_add_test(plays, test_read_that_finds_no_replica_may_fail);
	tcase_add_test(plays, test_reads_do_not_go_back_in_time);
	tcase_add_test(plays, test_setting_chooses_the_route);
	tcase_add_test(plays, test_setting_behind_requests_is_answered_in_order);
	tcase_add_test(plays, test_setting_in_the_startup_packet);
	tcase_add_test(plays, test_hint_chooses_for_one_request);
	tcase_add_test(plays, test_hint_counts_in_a_batch);
	tcase_add_test(plays, test_database_chooses_the_route);
	tcase_add_test(plays, test_deposed_primary_loses_its_servers);
	tcase_add_test(plays, test_write_at_a_deposed_primary_has_an_unknown_outcome);
	tcase_add_test(plays, test_promoted_host_keeps_its_idle_servers);
	tcase_add_test(plays, test_read_goes_on_through_the_promotion_of_its_host);
	tcase_add_test(plays, test_writes_are_held_until_there_is_a_primary);
	tcase_add_test(plays, test_split_brain_holds_writes);
	tcase_add_test(plays, test_split_brain_breaks_what_both_have_leased);
	tcase_add_test(plays, test_host_that_tells_its_connections_to_go_gets_no_writes);
	tcase_add_test(plays, test_host_that_is_disabled_is_left);
	tcase_add_test(plays, test_database_that_is_removed_closes_its_clients);
	return play_main();
}
