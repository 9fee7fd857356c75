/* SPDX-License-Identifier: ISC */
/* How clients are greeted, and that they may vanish at all moments. */
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "play.h"

static struct link *client, *other, *server;

static void begin(const char *database)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(database);
	other = client_in(database);
}

/* The same server serves the next client. */
static void check_next(void)
{
	says(other, "Q{insert into o values (1)}");
	hears(server, "Q{insert into o values (1)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
}

/* The server is gone, another one serves the next client. */
static void check_replaced(void)
{
	hears(server, "EOF");
	says(other, "Q{insert into o values (1)}");
	ck_assert_ptr_ne(server_on(PRIMARY), server);
	hears(server_on(PRIMARY), "Q{insert into o values (1)}");
}

START_TEST(test_idle_client_vanishes)
{
	begin("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{INSERT 0 1} Z{I}");
	heard(server);
	leaves(client);
	ck_assert(!link_is_open(client));
	check_next();
}
END_TEST

START_TEST(test_client_says_goodbye)
{
	begin("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{INSERT 0 1} Z{I}");
	heard(server);
	says(client, "X");
	hears(client, "C{INSERT 0 1} Z{I} EOF");
	check_next();
}
END_TEST

START_TEST(test_waiting_client_vanishes)
{
	struct link *third;

	begin("app");
	third = client_in("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(other, "Q{insert into t values (2)}");
	says(third, "Q{insert into t values (3)}");
	leaves(other);
	says(server, "C{INSERT 0 1} Z{I}");
	hears(server, "Q{insert into t values (1)} Q{insert into t values (3)}");
	hears(client, "C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_client_vanishes_in_a_request)
{
	begin("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	hears(server, "Q{insert into t values (1)}");
	breaks(client);
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_while_its_answer_arrives)
{
	begin("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	hears(server, "Q{insert into t values (1)}");
	queues(server, "C{INSERT 0 1} Z{I}");
	leaves(client);
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_in_a_transaction)
{
	begin("app");
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	heard(server);
	leaves(client);
	hears(server, "Q{ROLLBACK}");
	says(other, "Q{insert into o values (1)}");
	hears(server, "");
	says(server, "C{ROLLBACK} Z{I}");
	hears(server, "Q{insert into o values (1)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_client_vanishes_in_a_transaction_of_session_pooling)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{begin}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T}");
	heard(server);
	leaves(client);
	check_replaced();
}
END_TEST

START_TEST(test_session_is_reset_before_the_next_client)
{
	play_begin(.global = "pool_mode = session", .plain = "pool_size=1");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{set x = 1}");
	server = server_on(PRIMARY);
	says(server, "C{SET} Z{I}");
	heard(server);
	leaves(client);
	hears(server, "Q{DISCARD ALL}");
	says(other, "Q{insert into o values (1)}");
	hears(server, "");
	says(server, "C{DISCARD ALL} Z{I}");
	hears(server, "Q{insert into o values (1)}");
}
END_TEST

START_TEST(test_reset_that_fails_costs_the_server)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{set x = 1}");
	server = server_on(PRIMARY);
	says(server, "C{SET} Z{I}");
	leaves(client);
	hears(server, "Q{set x = 1} Q{DISCARD ALL}");
	says(server, "E{57014} Z{I}");
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_with_a_block_that_nobody_has)
{
	begin("app");
	says(client, "Q{begin}");
	hears(client, "C{BEGIN} Z{T}");
	leaves(client);
	ck_assert(host_is_silent(PRIMARY));
	server = server_on(REPLICA);
	hears(server, "");
}
END_TEST

START_TEST(test_client_vanishes_in_copy_in)
{
	begin("app");
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	says(client, "d{1}");
	hears(server, "Q{copy t from stdin} d{1}");
	leaves(client);
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_in_copy_out)
{
	begin("plain");
	says(client, "Q{copy t to stdout}");
	server = server_on(PRIMARY);
	hears(server, "Q{copy t to stdout}");
	says(server, "H d{1}");
	leaves(client);
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_in_a_partial_message)
{
	begin("plain");
	says_part(client, "Q{#100000}", 50000);
	server = server_on(PRIMARY);
	hears(server, "+50000");
	leaves(client);
	hears(server, "+50000 EOF");
	heard(server);
	says(other, "Q{select 1}");
	hears(server_on(PRIMARY), "Q{select 1}");
}
END_TEST

START_TEST(test_client_vanishes_with_a_request_that_is_not_whole)
{
	begin("app");
	says_part(client, "Q{insert into t values (1)}", 20);
	leaves(client);
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_client_vanishes_in_a_partial_answer)
{
	begin("app");
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{select 1}");
	says_part(server, "T D{#100000} C{SELECT 1} Z{I}", 50000);
	leaves(client);
	hears(server, "EOF");
	says(other, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
}
END_TEST

START_TEST(test_client_vanishes_in_a_batch)
{
	begin("app");
	says(client, "P{|insert into t values (1)} B{|} H");
	server = server_on(PRIMARY);
	hears(server, "P{|insert into t values (1)} B{|} H");
	says(server, "1 2");
	leaves(client);
	check_replaced();
}
END_TEST

START_TEST(test_client_vanishes_before_its_greeting)
{
	play_begin();
	host_hangs(PRIMARY);
	host_hangs(REPLICA);
	client = client_new();
	says(client, "start{alice|app}");
	hears(client, "");
	leaves(client);
	host_accepts(PRIMARY);
	host_accepts(REPLICA);
	other = client_in("app");
	says(other, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

START_TEST(test_client_vanishes_in_its_startup_packet)
{
	play_begin();
	client = client_new();
	says_part(client, "start{alice|app}", 10);
	leaves(client);
	ck_assert(!link_is_open(client));
	client = client_new();
	says_part(client, "start{alice|app}", 10);
	pass(61 * SEC);
	hears(client, "F{57014} EOF");
}
END_TEST

/* ---- the greeting ---- */

START_TEST(test_message_at_the_login_comes_before_it_is_over)
{
	play_begin(.global = "login_notify_message = be kind");
	client = client_new();
	says(client, "start{alice|plain}");
	ck_assert_ptr_nonnull(strstr(heard(client), " K N{00000} Z{I}"));
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

/* With its address behind it a name stays whole enough to be told, and what is set later is. */
START_TEST(test_address_of_the_client_is_part_of_its_name)
{
	const char *name = _i == 0 ? "" : _i == 1 ? "|application_name=x" : "|application_name=";
	char script[256];

	play_begin(.global = "application_name_add_host = 1");
	client = client_as("alice", "plain", name);
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	snprintf(script, sizeof(script), "Q{SET application_name='%s - 10.1.0.1:%d';} Q{select 1}",
		 _i == 0   ? "app"
		 : _i == 1 ? "x"
			   : "",
		 40000 + client->number);
	hears(server, script);
	says(server, "C{SET} Z{I} T D{1} C{SELECT 1} Z{I}");
	says(client, "Q{set application_name = 'y'}");
	hears(server, "Q{set application_name = 'y'}");
	says(server, "S{application_name|y} C{SET} Z{I}");
	heard(client);
	other = client_in("plain");
	says(other, "Q{select 2}");
	heard(server);
	says(server, "C{SET} Z{I} T D{2} C{SELECT 1} Z{I}");
	says(client, "Q{select 3}");
	hears(server, "Q{SET application_name='y';} Q{select 3}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("client");

	tcase_add_test(plays, test_idle_client_vanishes);
	tcase_add_test(plays, test_client_says_goodbye);
	tcase_add_test(plays, test_waiting_client_vanishes);
	tcase_add_test(plays, test_client_vanishes_in_a_request);
	tcase_add_test(plays, test_client_vanishes_while_its_answer_arrives);
	tcase_add_test(plays, test_client_vanishes_in_a_transaction);
	tcase_add_test(plays, test_client_vanishes_in_a_transaction_of_session_pooling);
	tcase_add_test(plays, test_session_is_reset_before_the_next_client);
	tcase_add_test(plays, test_reset_that_fails_costs_the_server);
	tcase_add_test(plays, test_client_vanishes_with_a_block_that_nobody_has);
	tcase_add_test(plays, test_client_vanishes_in_copy_in);
	tcase_add_test(plays, test_client_vanishes_in_copy_out);
	tcase_add_test(plays, test_client_vanishes_in_a_partial_message);
	tcase_add_test(plays, test_client_vanishes_with_a_request_that_is_not_whole);
	tcase_add_test(plays, test_client_vanishes_in_a_partial_answer);
	tcase_add_test(plays, test_client_vanishes_in_a_batch);
	tcase_add_test(plays, test_client_vanishes_before_its_greeting);
	tcase_add_test(plays, test_client_vanishes_in_its_startup_packet);
	tcase_add_test(plays, test_message_at_the_login_comes_before_it_is_over);
	tcase_add_loop_test(plays, test_address_of_the_client_is_part_of_its_name, 0, 3);
	return play_main();
}
