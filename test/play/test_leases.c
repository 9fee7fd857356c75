/* SPDX-License-Identifier: ISC */
/* What one client leaves behind for the next, and what nobody may wait for in vain. */
#include <stdio.h>
#include <string.h>

#include "play.h"

START_TEST(test_slow_reader_does_not_keep_a_server_that_it_gave_back)
{
	struct link *slow, *other, *server;

	play_begin(.plain = "pool_size=1");
	slow = client_in("plain");
	other = client_in("plain");
	takes_only(slow, 100);
	says(slow, "Q{select 1}");
	server = server_on(PRIMARY);
	hears(server, "Q{select 1}");
	says(server, "T D{#270000} C{SELECT 1} Z{I}");
	says(other, "Q{select 2}");
	hears(server, "Q{select 2}");
	says(server, "T D{2} C{SELECT 1} Z{I}");
	hears(other, "T D{2} C{SELECT 1} Z{I}");
	/* It gets no more to read before it has read that, however much it asks for. */
	says(slow, "Q{select 3}");
	hears(server, "");
	takes_all(slow);
	hears(server, "Q{select 3}");
}
END_TEST

START_TEST(test_slow_reader_goes_on_with_what_it_sent_before)
{
	struct link *slow, *server;

	play_begin();
	slow = client_in("app");
	takes_only(slow, 100);
	says(slow, "Q{select 1} Q{insert into t values (1)}");
	server = server_on(REPLICA);
	hears(server, "Q{select 1}");
	says(server, "T D{#270000} C{SELECT 1} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
	takes_all(slow);
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_batch_longer_than_the_replies_owed_may_be_goes_on)
{
	struct link *client, *server;

	play_begin();
	client = client_in("plain");
	says(client, "P{|select $1}*25000 B{||1}*25000 E*25000 S");
	server = server_on(PRIMARY);
	ck_assert_uint_gt(link_unread(client), 0);
	/* PostgreSQL keeps the last of what it has to say up to the Sync. */
	says(server, "1*25000 2*25000 C{SELECT 1}*15000");
	ck_assert_uint_eq(link_unread(client), 0);
	says(server, "C{SELECT 1}*10000 Z{I}");
	heard(client);
	says(client, "Q{select 1}");
	ck_assert(link_is_open(client));
}
END_TEST

START_TEST(test_flush_brings_what_is_made_up_behind_a_reply)
{
	struct link *client, *server;

	play_begin();
	client = client_in("plain");
	says(client, "P{a|select $1} S");
	server = server_on(PRIMARY);
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "P{x|select 7} P{b|select $1} H");
	says(server, "1");
	hears(client, "1 1");
}
END_TEST

START_TEST(test_batch_of_any_length_around_route_buffer_is_sent)
{
	struct link *client;
	char script[64];

	play_begin(.global = "route_buffer = 70000");
	for (int n = 69940; n < 69990; n++) {
		client = client_in("app");
		snprintf(script, sizeof(script), "P{|select 1} B{||#%d}", n);
		says(client, script);
		says(client, "E");
		says(client, "S");
		ck_assert_uint_eq(link_unread(client), 0);
		breaks(client);
	}
}
END_TEST

START_TEST(test_description_that_is_too_long_to_look_at_is_an_answer)
{
	static uint8_t description[100001] = { 'T', 0, 1, 0x86, 0xa0 };
	struct link *client, *server;

	play_begin();
	client = client_in("plain");
	says(client, "P{|select 1} B{|} D{P|} E S");
	server = server_on(PRIMARY);
	says(server, "1 2");
	says_bytes(server, description, sizeof(description));
	says(server, "D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_write_with_a_read_behind_it_is_lost_as_a_write)
{
	struct link *client;

	play_begin(.hosts = 1);
	client = client_in("app");
	says(client, "Q{insert into t values (1)} Q{select 1}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)} Q{select 1}");
	breaks(server_on(PRIMARY));
	hears(client, "E{08007} Z{I} E{08006} Z{I}");
}
END_TEST

START_TEST(test_cancel_that_travels_does_not_meet_the_next_client)
{
	struct link *client, *server;

	play_begin(.plain = "pool_size=1");
	client = client_in("plain");
	says(client, "Q{begin}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T}");
	says(client, "Q{select 1}");
	client_cancels(client);
	ck_assert_ptr_nonnull(carrier_on(PRIMARY));
	says(server, "E{57014} Z{E}");
	leaves(client);
	ck_assert(!link_is_open(server));
}
END_TEST

START_TEST(test_setting_that_is_not_reported_does_not_stay_for_the_next)
{
	struct link *one, *other, *server;

	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	server = server_on(PRIMARY);
	one = client_new();
	says(one, "start{alice|plain|search_path=foo}");
	hears(server, "Q{SELECT pg_catalog.set_config('search_path','foo',false);}");
	says(server, "T D{foo} C{SELECT 1} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(one), "K Z{I}"));
	says(one, "Q{select 1}");
	hears(server, "Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(one, "T D{1} C{SELECT 1} Z{I}");
	says(one, "Q{select 2}");
	hears(server, "Q{select 2}");
	says(server, "C{SELECT 1} Z{I}");
	says(other, "Q{select 3}");
	hears(server, "Q{RESET search_path;} Q{select 3}");
	says(server, "C{RESET} Z{I} C{SELECT 1} Z{I}");
	says(other, "Q{select 4}");
	hears(server, "Q{select 4}");
}
END_TEST

/* ---- what a client sets ---- */

#define CLEANING "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;"

START_TEST(test_what_a_client_has_set_is_cleaned_before_the_next)
{
	struct link *one, *other, *server;

	play_begin(.plain = "pool_size=1");
	one = client_in("plain");
	other = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{set work_mem = 5}");
	says(server, "C{SET} Z{I}");
	hears(one, "C{SET} Z{I}");
	hears(server, "Q{set work_mem = 5} Q{" CLEANING "}");
	says(other, "Q{select 1}");
	hears(server, "");
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	hears(server, "Q{select 1}");
	says(server, "C{SELECT 1} Z{I}");
	says(one, "Q{select 2; set x.y = 1}");
	says(server, "C{SELECT 1} C{SET} Z{I}");
	hears(server, "Q{select 2; set x.y = 1} Q{" CLEANING "}");
}
END_TEST

START_TEST(test_function_call_in_pieces_is_cleaned_after_set_config_only)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	one = client_in("plain");
	server = server_on(PRIMARY);
	says_part(one, "F{2078}", (size_t)_i);
	says_rest(one);
	hears(server, "F{2078}");
	says(server, "V Z{I}");
	hears(one, "V Z{I}");
	hears(server, "Q{" CLEANING "}");
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	says_part(one, "F{952}", (size_t)_i); /* lo_open */
	says_rest(one);
	says(server, "V Z{I}");
	hears(server, "F{952}");
}
END_TEST

START_TEST(test_what_holds_for_the_transaction_is_not_cleaned)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	one = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{begin} Q{set local work_mem = 5} Q{commit}");
	says(server, "C{BEGIN} Z{T} C{SET} Z{T} C{COMMIT} Z{I}");
	hears(one, "C{BEGIN} Z{T} C{SET} Z{T} C{COMMIT} Z{I}");
	hears(server, "Q{begin} Q{set local work_mem = 5} Q{commit}");
	says(one, "P{|set local work_mem = 5} B{||} E S");
	says(server, "1 2 C{SET} Z{I}");
	hears(one, "1 2 C{SET} Z{I}");
	says(one, "Q{select 1}");
	hears(server, "P{|set local work_mem = 5} B{||} E S Q{select 1}");
}
END_TEST

START_TEST(test_what_is_sent_behind_the_question_is_asked_for_again)
{
	struct link *one, *other, *server;

	play_begin(.global = "track_session = 1", .plain = "pool_size=1");
	one = client_in("plain");
	other = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{set work_mem = 5}");
	says(server, "C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{set work_mem = 5} Q{#")); /* a long one */
	says(one, "Q{set geqo = off}");
	hears(server, "Q{set geqo = off}");
	says(server, "T D{work_mem|5} C{SELECT 1} Z{I}");
	hears(one, "C{SET} Z{I}");
	says(server, "C{SET} Z{I}");
	hears(one, "C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{#"));
	says(other, "Q{select 1}");
	hears(server, "");
	says(server, "T D{work_mem|5} D{geqo|off} C{SELECT 2} Z{I}");
	hears(server, "Q{SELECT pg_catalog.set_config('geqo',NULL,false),"
		      "pg_catalog.set_config('work_mem',NULL,false);} Q{select 1}");
	says(server, "T D{} C{SELECT 1} Z{I} C{SELECT 1} Z{I}");
	says(one, "Q{select 2}");
	hears(server, "Q{SELECT pg_catalog.set_config('geqo','off',false),"
		      "pg_catalog.set_config('work_mem','5',false);}");
	says(server, "T D{} C{SELECT 1} Z{I}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_question_that_was_canceled_is_asked_again_without_a_timeout)
{
	struct link *one, *other, *server;

	play_begin(.global = "track_session = 1", .plain = "pool_size=1");
	one = client_in("plain");
	other = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{set statement_timeout = 1}");
	says(server, "C{SET} Z{I}");
	hears(one, "C{SET} Z{I}");
	heard(server);
	says(server, "T E{57014} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{#"));
	says(server, "T D{1ms} C{SHOW} C{SET} T C{SELECT 0} Z{I}");
	hears(server, "");
	says(other, "Q{select 1}");
	hears(server, "Q{SET statement_timeout=0;"
		      "SELECT pg_catalog.set_config('statement_timeout',NULL,false);} Q{select 1}");
}
END_TEST

START_TEST(test_question_that_is_canceled_twice_is_not_asked_for_ever)
{
	struct link *one, *server;

	play_begin(.global = "track_session = 1", .plain = "pool_size=1");
	one = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{set statement_timeout = 1}");
	says(server, "C{SET} Z{I}");
	heard(server);
	for (int i = 0; i < 2; i++)
		says(server, "T E{57014} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "} Q{" CLEANING "}"));
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	says(one, "Q{select 1}");
	hears(server, "Q{select 1}");
}
END_TEST

START_TEST(test_client_whose_settings_are_canceled_stays)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	client_in("plain");
	one = client_as("alice", "plain", "|application_name=one");
	server = server_on(PRIMARY);
	says(one, "Q{select 1}");
	hears(server, "Q{SET application_name='one';} Q{select 1}");
	says(server, "E{57014} Z{I}");
	hears(server, "EOF");
	hears(one, "E{08006} Z{I}");
	says(one, "Q{select 2}");
	hears(server_on(PRIMARY), "Q{SET application_name='one';} Q{select 2}");
}
END_TEST

START_TEST(test_login_whose_settings_are_canceled_is_tried_on_another_server)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	client_in("plain");
	server = server_on(PRIMARY);
	one = client_new();
	says(one, "start{alice|plain|work_mem=5}");
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem','5',false);}");
	says(server, "E{57014} Z{I}");
	hears(server, "EOF");
	hears(one, "");
	server = server_on(PRIMARY);
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem','5',false);}");
	says(server, "T D{5} C{SELECT 1} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(one), "K Z{I}"));
}
END_TEST

START_TEST(test_nothing_is_sent_before_its_settings_are_taken)
{
	struct link *one, *other, *server;

	play_begin(.global = "track_session = 1", .plain = "pool_size=1");
	one = client_in("plain");
	other = client_in("plain");
	server = server_on(PRIMARY);
	says(one, "Q{set role x}");
	says(server, "C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{set role x} Q{#"));
	says(server, "T D{role|x} C{SELECT 1} Z{I}");
	hears(one, "C{SET} Z{I}");
	hears(server, "Q{" CLEANING "}");
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	says(one, "Q{delete from t} Q{select 1}");
	says(other, "Q{select 2}");
	hears(server, "Q{SELECT pg_catalog.set_config('role','x',false);}");
	says(server, "E{42501} Z{I}");
	hears(server, "EOF");
	hears(one, "F{42501} EOF");
}
END_TEST

/* ---- what a RESET of a client should not have reset ---- */

static struct link *begin_reset(struct link **server)
{
	struct link *one = client_new();

	says(one, "start{alice|plain|search_path=foo}");
	*server = server_on(PRIMARY);
	hears(*server, "Q{SELECT pg_catalog.set_config('search_path','foo',false);}");
	says(*server, "T D{foo} C{SELECT 1} Z{I}");
	says(one, "P{s|set transaction read only} S");
	says(*server, "1 Z{I}");
	says(one, "Q{begin} Q{reset all}");
	says(*server, "C{BEGIN} Z{T} C{RESET} Z{T}");
	ck_assert_ptr_nonnull(strstr(heard(one), "C{RESET} Z{T}"));
	hears(*server, "P{PGWEIR_1|set transaction read only} S Q{begin} Q{reset all}");
	return one;
}

/* What follows SET TRANSACTION, and not that itself, has the client's values again before it. */
static void check_renewal(struct link *one, struct link *server)
{
	ck_assert_ptr_nonnull(strstr(heard(one), "C{SET} Z{T}"));
	says(one, "Q{select 1}");
	ck_assert_ptr_nonnull(strstr(heard(server), "} Q{select 1}"));
	says(server, "T C{SELECT 0} Z{T} C{SELECT 1} Z{T}");
	hears(one, "C{SELECT 1} Z{T}");
}

START_TEST(test_set_transaction_in_pieces_comes_before_what_a_reset_makes_due)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	one = begin_reset(&server);
	says_part(one, "Q{set transaction read only}", (size_t)_i);
	hears(server, "");
	says_rest(one);
	hears(server, "Q{set transaction read only}");
	says(server, "C{SET} Z{T}");
	check_renewal(one, server);
}
END_TEST

START_TEST(test_bind_of_set_transaction_comes_before_what_a_reset_makes_due)
{
	struct link *one, *server;

	play_begin(.plain = "pool_size=1");
	one = begin_reset(&server);
	says_part(one, "B{|s} E S", (size_t)_i);
	says_rest(one);
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "2 C{SET} Z{T}");
	check_renewal(one, server);
}
END_TEST

START_TEST(test_client_that_leaves_its_login_costs_no_server)
{
	struct link *one, *other, *server;

	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	server = server_on(PRIMARY);
	one = client_new();
	says(one, "start{alice|plain|work_mem=5}");
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem','5',false);}");
	leaves(one);
	says(other, "Q{select 1}");
	hears(server, "");
	says(server, "T D{5} C{SELECT 1} Z{I}");
	hears(server, "Q{" CLEANING "}");
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	hears(server, "Q{select 1}");
}
END_TEST

START_TEST(test_login_goes_on_when_no_server_is_free)
{
	struct link *one, *other;

	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	says(other, "Q{begin}");
	says(server_on(PRIMARY), "C{BEGIN} Z{T}");
	one = client_new();
	says(one, "start{alice|plain|work_mem=5}");
	hears(one, "");
	pass(SEC);
	ck_assert_ptr_nonnull(strstr(heard(one), "K Z{I}"));
}
END_TEST

START_TEST(test_server_of_no_lifetime_serves_once)
{
	struct link *client, *server;

	play_begin(.global = "server_lifetime = 0", .plain = "connect_query='select 7'");
	client = client_new();
	says(client, "start{alice|plain}");
	server = server_on(PRIMARY);
	hears(server, "Q{select 7}");
	says(server, "C{SELECT 1} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(client), "Z{I}"));
	ck_assert(link_is_open(server)); /* a greeting is no use of it */
	says(client, "Q{select 1}");
	hears(server, "Q{select 1}");
	says(server, "C{SELECT 1} Z{I}");
	hears(client, "C{SELECT 1} Z{I}");
	ck_assert(!link_is_open(server));
}
END_TEST

START_TEST(test_connect_query_that_fails_is_not_tried_again_at_once)
{
	struct link *client;

	play_begin(.plain = "connect_query='select 7'");
	client = client_new();
	says(client, "start{alice|plain}");
	says(server_on(PRIMARY), "E{42601} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
	hears(client, "F{42601} EOF");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("leases");

	tcase_add_test(plays, test_slow_reader_does_not_keep_a_server_that_it_gave_back);
	tcase_add_test(plays, test_slow_reader_goes_on_with_what_it_sent_before);
	tcase_add_test(plays, test_batch_longer_than_the_replies_owed_may_be_goes_on);
	tcase_add_test(plays, test_flush_brings_what_is_made_up_behind_a_reply);
	tcase_add_test(plays, test_batch_of_any_length_around_route_buffer_is_sent);
	tcase_add_test(plays, test_description_that_is_too_long_to_look_at_is_an_answer);
	tcase_add_test(plays, test_write_with_a_read_behind_it_is_lost_as_a_write);
	tcase_add_test(plays, test_cancel_that_travels_does_not_meet_the_next_client);
	tcase_add_test(plays, test_setting_that_is_not_reported_does_not_stay_for_the_next);
	tcase_add_test(plays, test_what_a_client_has_set_is_cleaned_before_the_next);
	tcase_add_loop_test(plays, test_function_call_in_pieces_is_cleaned_after_set_config_only, 1,
			    12);
	tcase_add_test(plays, test_what_holds_for_the_transaction_is_not_cleaned);
	tcase_add_test(plays, test_what_is_sent_behind_the_question_is_asked_for_again);
	tcase_add_test(plays, test_question_that_was_canceled_is_asked_again_without_a_timeout);
	tcase_add_test(plays, test_question_that_is_canceled_twice_is_not_asked_for_ever);
	tcase_add_test(plays, test_client_whose_settings_are_canceled_stays);
	tcase_add_test(plays, test_login_whose_settings_are_canceled_is_tried_on_another_server);
	tcase_add_test(plays, test_nothing_is_sent_before_its_settings_are_taken);
	tcase_add_loop_test(
		plays, test_set_transaction_in_pieces_comes_before_what_a_reset_makes_due, 1, 20);
	tcase_add_loop_test(plays, test_bind_of_set_transaction_comes_before_what_a_reset_makes_due,
			    1, 15);
	tcase_add_test(plays, test_client_that_leaves_its_login_costs_no_server);
	tcase_add_test(plays, test_login_goes_on_when_no_server_is_free);
	tcase_add_test(plays, test_server_of_no_lifetime_serves_once);
	tcase_add_test(plays, test_connect_query_that_fails_is_not_tried_again_at_once);
	return play_main();
}
