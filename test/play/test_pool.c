/* SPDX-License-Identifier: ISC */
/* Who waits for whom, for how long, and what clients leave on servers. */
#include <errno.h>
#include <string.h>

#include "play.h"
#include "pool/connects.h"

#define INSERTED "C{INSERT 0 1} Z{I}"

static struct link *client, *server;

START_TEST(test_waiting_clients_are_served_first_come_first_served)
{
	struct link *waiting[4];
	char script[64], wanted[64];

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	says(client, "Q{insert into t values (0)}");
	server = server_on(PRIMARY);
	heard(server);
	for (int i = 0; i < 4; i++) {
		waiting[i] = client_in("app");
		snprintf(script, sizeof(script), "Q{insert into t values (%d)}", i + 1);
		says(waiting[i], script);
	}
	hears(server, "");
	for (int i = 0; i < 4; i++) {
		says(server, INSERTED);
		snprintf(wanted, sizeof(wanted), "Q{insert into t values (%d)}", i + 1);
		hears(server, wanted);
	}
	says(server, INSERTED);
	for (int i = 0; i < 4; i++)
		hears(waiting[i], INSERTED);
	ck_assert_int_eq(servers_on(PRIMARY), 1);
}
END_TEST

START_TEST(test_client_that_just_gave_back_waits_behind_others)
{
	struct link *other;

	play_begin(.plain = "pool_size=1");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{select 1}");
	says(other, "Q{select 2}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "T D{1} C{SELECT 1} Z{I}");
	says(client, "Q{select 3}");
	hears(server, "Q{select 2}");
	says(server, "T D{2} C{SELECT 1} Z{I}");
	hears(server, "Q{select 3}");
}
END_TEST

START_TEST(test_pool_grows_to_its_size)
{
	struct link *clients[5];

	play_begin(.database = "pool_size=3");
	for (int i = 0; i < 5; i++) {
		clients[i] = client_in("app");
		says(clients[i], "Q{insert into t values (1)}");
	}
	ck_assert_int_eq(servers_on(PRIMARY), 3);
	for (int i = 0; i < 3; i++)
		hears(server_at(PRIMARY, i), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_reads_go_on_while_writes_are_held)
{
	struct link *writer;

	play_begin(.hosts = 3);
	client = client_in("app");
	writer = client_in("app");
	host_is_down(PRIMARY);
	says(writer, "Q{insert into t values (1)}");
	hears(writer, "");
	says(client, "Q{select 1}");
	server = server_asked();
	hears(server, "Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	primary_says(REPLICA, 2);
	hears(server_on(REPLICA), "Q{insert into t values (1)}");
	says(server_on(REPLICA), INSERTED);
	hears(writer, INSERTED);
}
END_TEST

START_TEST(test_client_that_waits_is_told_once_a_wait)
{
	struct link *waiting, *brief;

	play_begin(.global = "query_wait_notify = 3", .plain = "pool_size=1");
	client = client_in("plain");
	waiting = client_in("plain");
	for (int i = 0; i < 2; i++) {
		says(client, "Q{select 1}");
		server = server_on(PRIMARY);
		says(waiting, i == 0 ? "Q{select 2}" : "P{|select 2} B{|} E S");
		pass(3 * SEC - MSEC);
		hears(waiting, "");
		pass(MSEC);
		hears(waiting, "N{00000}");
		pass(20 * SEC);
		hears(waiting, "");
		says(server, "T D{1} C{SELECT 1} Z{I}");
		hears(client, "T D{1} C{SELECT 1} Z{I}");
		says(server, i == 0 ? "T D{2} C{SELECT 1} Z{I}" : "1 2 D{2} C{SELECT 1} Z{I}");
		hears(waiting, i == 0 ? "T D{2} C{SELECT 1} Z{I}" : "1 2 D{2} C{SELECT 1} Z{I}");
	}
	/* Who is served in time hears nothing, then or later. */
	says(client, "Q{select 1}");
	brief = client_in("plain");
	says(brief, "Q{select 3}");
	pass(2 * SEC);
	says(server, "T D{1} C{SELECT 1} Z{I}");
	pass(20 * SEC);
	hears(brief, "");
	hears(waiting, "");
}
END_TEST

/* Its server comes free in the very moment in which it is to be told (0: told first). */
START_TEST(test_client_that_is_served_when_it_is_to_be_told)
{
	struct link *waiting;
	const char *said;

	play_begin(.global = "query_wait_notify = 3", .plain = "pool_size=1");
	client = client_in("plain");
	waiting = client_in("plain");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	heard(server);
	says(waiting, _i < 2 ? "Q{select 2}" : "P{|select 2} B{|} E S");
	pass(3 * SEC - MSEC);
	queues(server, "T D{1} C{SELECT 1} Z{I}");
	pass(_i % 2 == 0 ? MSEC : 2 * MSEC);
	hears(server, _i < 2 ? "Q{select 2}" : "P{|select 2} B{|} E S");
	says(server, _i < 2 ? "T D{2} C{SELECT 1} Z{I}" : "1 2 D{2} C{SELECT 1} Z{I}");
	said = heard(waiting);
	if (strncmp(said, "N{00000} ", 9) == 0)
		said += 9;
	ck_assert_str_eq(said, _i < 2 ? "T D{2} C{SELECT 1} Z{I}" : "1 2 D{2} C{SELECT 1} Z{I}");
	pass(20 * SEC);
	hears(waiting, "");
}
END_TEST

/* Before it was told, after it, and in the very moment. */
START_TEST(test_client_that_waits_and_leaves_takes_its_notice_along)
{
	struct link *waiting, *last;

	play_begin(.global = "query_wait_notify = 3", .plain = "pool_size=1");
	client = client_in("plain");
	waiting = client_in("plain");
	last = client_in("plain");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	heard(server);
	says(waiting, "Q{select 2}");
	says(last, "Q{select 3}");
	pass(_i * SEC);
	if (_i == 2)
		queues(waiting, "X");
	leaves(waiting);
	ck_assert(!link_is_open(waiting));
	pass(SEC);
	hears(last, _i < 2 ? "" : "N{00000}");
	pass(20 * SEC);
	hears(last, _i < 2 ? "N{00000}" : "");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(server, "Q{select 3}");
	says(server, "T D{3} C{SELECT 1} Z{I}");
	hears(last, "T D{3} C{SELECT 1} Z{I}");
}
END_TEST

/* A pipeline whose second request waits: the notice stands between two answers. */
START_TEST(test_client_that_waits_in_a_pipeline_is_told_between_answers)
{
	struct link *other;

	play_begin(.global = "query_wait_notify = 3", .database = "pool_size=1");
	other = client_in("app");
	client = client_in("app");
	says(other, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	heard(server);
	says(client, "Q{select 1} Q{insert into t values (2)}");
	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	pass(3 * SEC);
	hears(client, "N{00000}");
	says(server, INSERTED);
	hears(server, "Q{insert into t values (2)}");
	says(server, INSERTED);
	hears(client, INSERTED);
}
END_TEST

START_TEST(test_client_that_waits_is_not_told_before_its_greeting)
{
	play_begin(.global = "query_wait_notify = 3");
	host_hangs(PRIMARY);
	client = client_new();
	says(client, "start{alice|plain}");
	pass(10 * SEC);
	hears(client, "");
	host_accepts(PRIMARY);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
	ck_assert_ptr_null(strstr(heard(client), "N{"));
}
END_TEST

START_TEST(test_clients_that_wait_need_not_be_told)
{
	play_begin(.global = "query_wait_notify = 0", .plain = "pool_size=1");
	client = client_in("plain");
	says(client, "Q{select 1}");
	client = client_in("plain");
	says(client, "Q{select 2}");
	pass(60 * SEC);
	hears(client, "");
}
END_TEST

START_TEST(test_query_wait_timeout_closes_the_client)
{
	struct link *waiting;

	play_begin(.global = "query_wait_timeout = 4", .database = "pool_size=1");
	client = client_in("app");
	waiting = client_in("app");
	says(client, "Q{insert into t values (0)}");
	says(waiting, "Q{insert into t values (1)}");
	pass(3 * SEC);
	hears(waiting, "");
	pass(SEC);
	hears(waiting, "F{57014} EOF");
	says(server_on(PRIMARY), INSERTED);
	hears(client, INSERTED);
	hears(server_on(PRIMARY), "Q{insert into t values (0)}");
}
END_TEST

START_TEST(test_write_that_waits_for_a_primary_is_told_why)
{
	play_begin(.global = "query_wait_timeout = 4");
	client = client_in("app");
	host_is_down(PRIMARY);
	says(client, "Q{insert into t values (1)}");
	pass(4 * SEC);
	hears(client, "F{57014} EOF");
	ck_assert_str_eq(link_error(client), "query_wait_timeout: the primary is down");
}
END_TEST

START_TEST(test_idle_transaction_timeout)
{
	play_begin(.global = "idle_transaction_timeout = 5");
	client = client_in("app");
	says(client, "Q{begin} Q{insert into t values (0)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	pass(4 * SEC);
	says(client, "Q{insert into t values (1)}");
	says(server, "C{INSERT 0 1} Z{T}");
	heard(server);
	pass(4 * SEC);
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T} C{INSERT 0 1} Z{T}");
	pass(SEC);
	hears(client, "F{25P03} EOF");
	hears(server, "Q{ROLLBACK}");
}
END_TEST

START_TEST(test_query_timeout)
{
	play_begin(.global = "query_timeout = 5");
	client = client_in("app");
	says(client, "Q{select 1}");
	pass(4 * SEC);
	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	pass(10 * SEC);
	all_fresh();
	hears(client, "");
	says(client, "Q{select 2}");
	server = server_on(REPLICA);
	pass(5 * SEC);
	hears(client, "F{57014} EOF");
	ck_assert(!link_is_open(server));
}
END_TEST

/* What goes out before it, and that is not the client's, does not hide it. */
START_TEST(test_query_timeout_behind_a_deferred_begin)
{
	play_begin(.global = "query_timeout = 5");
	client = client_as("alice", "app", "|application_name=x");
	says(client, "Q{begin} Q{insert into t values (0)}");
	pass(5 * SEC);
	hears(client, "C{BEGIN} Z{T} F{57014} EOF");
}
END_TEST

START_TEST(test_transaction_timeout)
{
	play_begin(.global = "transaction_timeout = 5");
	client = client_in("app");
	says(client, "Q{begin} Q{insert into t values (0)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	for (int i = 0; i < 4; i++) {
		pass(SEC);
		says(client, "Q{insert into t values (1)}");
		says(server, "C{INSERT 0 1} Z{T}");
	}
	heard(client);
	pass(SEC);
	hears(client, "F{25P04} EOF");
}
END_TEST

START_TEST(test_client_idle_timeout)
{
	play_begin(.global = "client_idle_timeout = 5");
	client = client_in("app");
	pass(4 * SEC);
	hears(client, "");
	pass(SEC);
	hears(client, "F{57P05} EOF");
}
END_TEST

/* ---- what clients leave ---- */

START_TEST(test_parameters_are_restored_between_two_clients)
{
	struct link *other;

	play_begin(.database = "pool_size=1");
	client = client_as("alice", "app", "|application_name=one");
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{SET application_name='one';} Q{select 1}");
	says(server, "S{application_name|one} C{SET} Z{I} T D{1} C{SELECT 1} Z{I}");
	other = client_new();
	says(other, "start{alice|app|application_name=two|timezone=cet}");
	hears(server, "Q{SET TimeZone='cet';SET application_name='two';}");
	says(server, "S{TimeZone|CET} C{SET} S{application_name|two} C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(other), "S{TimeZone|CET}"));
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says(client, "Q{select 2}");
	hears(server, "Q{SET TimeZone='UTC';SET application_name='one';} Q{select 2}");
	says(server, "S{TimeZone|UTC} C{SET} S{application_name|one} C{SET} Z{I} "
		     "T D{2} C{SELECT 1} Z{I}");
	hears(client, "T D{2} C{SELECT 1} Z{I}");
	says(other, "Q{select 3}");
	hears(server, "Q{SET TimeZone='CET';SET application_name='two';} Q{select 3}");
	says(server, "S{TimeZone|CET} C{SET} S{application_name|two} C{SET} Z{I} "
		     "T D{3} C{SELECT 1} Z{I}");
	hears(other, "T D{3} C{SELECT 1} Z{I}");
	says(client, "Q{select 4}");
	hears(server, "Q{SET TimeZone='UTC';SET application_name='one';} Q{select 4}");
}
END_TEST

START_TEST(test_parameter_that_a_client_sets_follows_it)
{
	play_begin();
	client = client_in("app");
	says(client, "Q{set timezone = 'CET'}");
	says(server_on(PRIMARY), "S{TimeZone|CET} C{SET} Z{I}");
	hears(client, "S{TimeZone|CET} C{SET} Z{I}");
	all_fresh();
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{SET TimeZone='CET';} Q{select 1}");
	says(server, "S{TimeZone|CET} C{SET} Z{I} T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_parameter_that_the_server_refuses_costs_its_client_the_login)
{
	struct link *other;

	play_begin();
	other = client_in("app");
	server = server_on(REPLICA);
	client = client_new();
	says(client, "start{alice|app|timezone=Nowhere}");
	hears(server, "Q{SET TimeZone='Nowhere';}");
	hears(client, "");
	says(server, "E{22023} Z{I}");
	hears(client, "F{22023} EOF");
	says(other, "Q{select 2}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_in_hot_standby_never_leaks)
{
	play_begin();
	client = client_new();
	says(client, "start{alice|app}");
	ck_assert_ptr_nonnull(strstr(heard(client), "S{in_hot_standby|off}"));
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	says(server, "S{in_hot_standby|off} T D{1} C{SELECT 1} Z{I}");
	says(client, "Q{select 2}");
	says(server, "S{in_hot_standby|on} S{is_superuser|off} T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I} S{is_superuser|off} T D{1} C{SELECT 1} Z{I}");
}
END_TEST

/* ---- servers ---- */

START_TEST(test_server_that_rested_for_long_is_checked)
{
	play_begin();
	client = client_in("app");
	server = server_on(REPLICA);
	pass(31 * SEC);
	all_fresh();
	says(client, "Q{select 1}");
	hears(server, "Q{}");
	hears(client, "");
	says(server, "I Z{I}");
	hears(server, "Q{select 1}");
}
END_TEST

START_TEST(test_server_that_does_not_answer_its_check_is_replaced)
{
	play_begin();
	client = client_in("app");
	server = server_on(REPLICA);
	pass(31 * SEC);
	all_fresh();
	says(client, "Q{select 1}");
	pass(8 * SEC);
	all_fresh();
	pass(8 * SEC);
	hears(server, "Q{} EOF");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

/* It has greeted only: its check is not part of its login for that. */
START_TEST(test_server_that_fails_its_check_before_its_first_use_is_replaced)
{
	play_begin(.global = "server_check_query = select f()");
	client = client_in("plain");
	server = server_on(PRIMARY);
	pass(31 * SEC);
	says(client, "Q{select 1}");
	hears(server, "Q{select f()}");
	says(server, "E{42883} Z{I}");
	hears(server, "EOF");
	hears(client, "");
	hears(server_on(PRIMARY), "Q{select 1}");
	says(server_on(PRIMARY), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_idle_servers_are_closed_after_a_while)
{
	play_begin();
	client = client_in("app");
	server = server_on(REPLICA);
	pass(601 * SEC);
	hears(server, "X EOF");
	hears(client, "");
}
END_TEST

START_TEST(test_refused_connection_is_tried_again)
{
	play_begin();
	host_refuses(PRIMARY, ECONNREFUSED);
	client = client_in("app");
	says(client, "Q{insert into t values (1)}");
	hears(client, "");
	ck_assert(host_is_silent(PRIMARY));
	host_accepts(PRIMARY);
	pass(16 * SEC);
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_no_more_descriptors_only_delay)
{
	play_begin();
	connects_fail(EMFILE);
	client = client_new();
	says(client, "start{alice|plain}");
	hears(client, "");
	connects_fail(0);
	pass(SEC);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

START_TEST(test_no_more_descriptors_say_nothing_of_the_host)
{
	play_begin();
	client = client_in("app");
	connects_fail(EMFILE);
	says(client, "Q{insert into t values (1)}");
	ck_assert_int_eq(host_number(PRIMARY)->health, HEALTH_UP);
	connects_fail(ECONNREFUSED);
	pass(SEC);
	ck_assert_int_eq(host_number(PRIMARY)->health, HEALTH_SUSPECT);
}
END_TEST

START_TEST(test_refused_connection_is_not_tried_again_in_the_same_moment)
{
	struct link *waiting;
	int before;

	play_begin(.global = "server_login_retry = 0");
	client = client_in("plain");
	waiting = client_in("plain");
	says(client, "Q{select 1}");
	heard(server_on(PRIMARY));
	connects_fail(_i == 0 ? ECONNREFUSED : 0); /* at once, or soon */
	host_refuses(PRIMARY, ECONNREFUSED);
	says(waiting, "Q{select 2}"); /* this comes to rest */
	connects_fail(0);
	host_accepts(PRIMARY);
	before = servers_on(PRIMARY);
	pass(SEC);
	ck_assert_int_eq(servers_on(PRIMARY), before + 1);
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_host_that_is_up_again_is_tried_at_once)
{
	play_begin();
	host_refuses(PRIMARY, ECONNREFUSED);
	client = client_in("app");
	says(client, "Q{insert into t values (1)}");
	host_is_down(PRIMARY);
	host_accepts(PRIMARY);
	primary_says(PRIMARY, 1);
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_login_that_is_refused_for_good_is_told)
{
	play_begin();
	host_rejects(PRIMARY, "F{28P01|password authentication failed}");
	client = client_new();
	says(client, "start{bob|plain}");
	hears(client, "F{28P01} EOF");
	ck_assert_str_eq(link_error(client), "password authentication failed");
}
END_TEST

/* A role that was just made is not on the replica yet. */
START_TEST(test_login_that_only_a_replica_refuses_is_the_primarys)
{
	play_begin();
	host_rejects(REPLICA, "F{28000|role does not exist}");
	client = client_new();
	says(client, "start{bob|app}");
	ck_assert(link_is_open(client));
	heard(client);
	says(client, "Q{select 1}");
	hears(server_on(PRIMARY), "Q{select 1}");
	says(server_on(PRIMARY), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	host_accepts(REPLICA);
	pass(16 * SEC);
	all_fresh();
	says(client, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
}
END_TEST

START_TEST(test_login_that_every_host_refuses_is_told)
{
	play_begin();
	host_rejects(REPLICA, "F{28000|role does not exist}");
	host_rejects(PRIMARY, "F{28000|role does not exist}");
	client = client_new();
	says(client, "start{bob|app}");
	hears(client, "F{28000} EOF");
}
END_TEST

START_TEST(test_own_connection_passes_over_the_host_of_a_list_that_refused_a_login)
{
	struct link *dedicated;

	play_begin(.more = "list = host=10.0.0.1,10.0.0.2");
	host_rejects(PRIMARY, "F{28000|role does not exist}");
	client = client_in("list");
	ck_assert_int_eq(servers_on(REPLICA), 1);
	dedicated = client_new();
	says(dedicated, "start{alice|list|replication=true}");
	ck_assert_ptr_nonnull(strstr(heard(dedicated), "K Z{I}"));
	ck_assert_int_eq(servers_on(REPLICA), 2);
}
END_TEST

/* Refusing a login is no failed connect, which alone moves the list on for all pools. */
START_TEST(test_list_that_keeps_to_a_host_passes_over_it_when_it_refuses_a_login)
{
	play_begin(.more = "list = host=10.0.0.1,10.0.0.2 load_balance_hosts=disable");
	host_rejects(PRIMARY, "F{28000|role does not exist}");
	client = client_in("list");
	ck_assert_int_eq(servers_on(REPLICA), 1);
	host_accepts(PRIMARY);
	client = client_as("bob", "list", "");
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	ck_assert_int_eq(servers_on(REPLICA), 1);
}
END_TEST

START_TEST(test_login_that_is_refused_for_now_is_tried_again)
{
	play_begin();
	host_rejects(PRIMARY, "F{53300}");
	client = client_in("app");
	says(client, "Q{insert into t values (1)}");
	hears(client, "");
	host_accepts(PRIMARY);
	pass(16 * SEC);
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}
END_TEST

/* A connection that is made for one holder is on its way for nobody else. */
START_TEST(test_client_does_not_wait_for_a_connection_that_is_anothers)
{
	struct link *dedicated;

	play_begin();
	host_hangs(PRIMARY);
	dedicated = client_new();
	says(dedicated, "start{alice|plain|replication=true}");
	client = client_new();
	says(client, "start{alice|plain}");
	ck_assert_int_eq(servers_on(PRIMARY), 2);
	host_accepts(PRIMARY);
	ck_assert_ptr_nonnull(strstr(heard(dedicated), "K Z{I}"));
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

START_TEST(test_client_is_served_when_those_before_it_have_connections_of_their_own)
{
	play_begin();
	client_as("bob", "plain", ""); /* the host is known to be up: that is no news below */
	host_hangs(PRIMARY);
	for (int i = 0; i < CONNECTS_MAX; i++)
		says(client_new(), "start{alice|plain|replication=true}");
	client = client_new();
	says(client, "start{alice|plain}");
	ck_assert_int_eq(servers_on(PRIMARY), CONNECTS_MAX + 1);
	host_accepts(PRIMARY);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

START_TEST(test_users_do_not_share_servers)
{
	struct link *bob;

	play_begin();
	client = client_in("app");
	bob = client_as("bob", "app", "");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, INSERTED);
	heard(server);
	says(bob, "Q{insert into t values (2)}");
	hears(server, "");
	ck_assert_int_eq(servers_on(PRIMARY), 2);
}
END_TEST

START_TEST(test_pause_lets_requests_finish_and_holds_new_ones)
{
	struct link *other;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	heard(server);
	database_pause(database_existing(&pooler, "app"));
	says(other, "Q{insert into t values (2)}");
	says(server, INSERTED);
	hears(client, INSERTED);
	hears(server, "EOF");
	ck_assert(database_is_quiet(database_existing(&pooler, "app")));
	database_resume(database_existing(&pooler, "app"));
	play_run();
	hears(server_on(PRIMARY), "Q{insert into t values (2)}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("pool");

	tcase_add_test(plays, test_waiting_clients_are_served_first_come_first_served);
	tcase_add_test(plays, test_client_that_just_gave_back_waits_behind_others);
	tcase_add_test(plays, test_pool_grows_to_its_size);
	tcase_add_test(plays, test_reads_go_on_while_writes_are_held);
	tcase_add_test(plays, test_client_that_waits_is_told_once_a_wait);
	tcase_add_loop_test(plays, test_client_that_is_served_when_it_is_to_be_told, 0, 4);
	tcase_add_loop_test(plays, test_client_that_waits_and_leaves_takes_its_notice_along, 0, 5);
	tcase_add_test(plays, test_client_that_waits_in_a_pipeline_is_told_between_answers);
	tcase_add_test(plays, test_client_that_waits_is_not_told_before_its_greeting);
	tcase_add_test(plays, test_clients_that_wait_need_not_be_told);
	tcase_add_test(plays, test_query_wait_timeout_closes_the_client);
	tcase_add_test(plays, test_write_that_waits_for_a_primary_is_told_why);
	tcase_add_test(plays, test_idle_transaction_timeout);
	tcase_add_test(plays, test_query_timeout);
	tcase_add_test(plays, test_query_timeout_behind_a_deferred_begin);
	tcase_add_test(plays, test_transaction_timeout);
	tcase_add_test(plays, test_client_idle_timeout);
	tcase_add_test(plays, test_parameters_are_restored_between_two_clients);
	tcase_add_test(plays, test_parameter_that_a_client_sets_follows_it);
	tcase_add_test(plays, test_parameter_that_the_server_refuses_costs_its_client_the_login);
	tcase_add_test(plays, test_in_hot_standby_never_leaks);
	tcase_add_test(plays, test_server_that_rested_for_long_is_checked);
	tcase_add_test(plays, test_server_that_does_not_answer_its_check_is_replaced);
	tcase_add_test(plays, test_server_that_fails_its_check_before_its_first_use_is_replaced);
	tcase_add_test(plays, test_idle_servers_are_closed_after_a_while);
	tcase_add_test(plays, test_refused_connection_is_tried_again);
	tcase_add_test(plays, test_no_more_descriptors_only_delay);
	tcase_add_test(plays, test_no_more_descriptors_say_nothing_of_the_host);
	tcase_add_loop_test(plays, test_refused_connection_is_not_tried_again_in_the_same_moment, 0,
			    2);
	tcase_add_test(plays, test_host_that_is_up_again_is_tried_at_once);
	tcase_add_test(plays, test_login_that_is_refused_for_good_is_told);
	tcase_add_test(plays, test_login_that_only_a_replica_refuses_is_the_primarys);
	tcase_add_test(plays, test_login_that_every_host_refuses_is_told);
	tcase_add_test(plays,
		       test_own_connection_passes_over_the_host_of_a_list_that_refused_a_login);
	tcase_add_test(plays,
		       test_list_that_keeps_to_a_host_passes_over_it_when_it_refuses_a_login);
	tcase_add_test(plays, test_login_that_is_refused_for_now_is_tried_again);
	tcase_add_test(plays, test_client_does_not_wait_for_a_connection_that_is_anothers);
	tcase_add_test(plays,
		       test_client_is_served_when_those_before_it_have_connections_of_their_own);
	tcase_add_test(plays, test_users_do_not_share_servers);
	tcase_add_test(plays, test_pause_lets_requests_finish_and_holds_new_ones);
	return play_main();
}
