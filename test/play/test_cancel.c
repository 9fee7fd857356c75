/* SPDX-License-Identifier: ISC */
/* Cancel requests: the right server, the right moment, nobody else. */
#include <stdio.h>

#include "link.h"
#include "play.h"

static struct link *client, *other, *server, *canceler, *carrier;

static void begin(void)
{
	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	hears(server, "Q{insert into t values (1)}");
}

static const char *cancel_of(const struct link *target)
{
	static char text[32];

	snprintf(text, sizeof(text), "cancel{%u}", link_pid(target));
	return text;
}

START_TEST(test_cancel_reaches_the_server_that_works)
{
	begin();
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	ck_assert_ptr_nonnull(carrier);
	hears(carrier, cancel_of(server));
	ck_assert(link_is_open(canceler));
	leaves(carrier);
	hears(canceler, "EOF");
	says(server, "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
	says(other, "Q{insert into t values (2)}");
	hears(server, "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_server_is_held_until_the_cancel_is_gone)
{
	begin();
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	says(other, "Q{insert into t values (2)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	/* The cancel may still hit whatever runs there. */
	hears(server, "");
	leaves(carrier);
	hears(server, "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_cancel_of_a_query_that_ended_meanwhile_is_not_sent)
{
	begin();
	host_hangs(PRIMARY);
	canceler = client_cancels(client);
	ck_assert_ptr_null(carrier_on(PRIMARY));
	says(server, "C{INSERT 0 1} Z{I}");
	says(other, "Q{insert into t values (2)}");
	hears(server, "");
	host_accepts(PRIMARY);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	hears(server, "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_cancel_is_not_held_for_ever)
{
	begin();
	canceler = client_cancels(client);
	says(server, "C{INSERT 0 1} Z{I}");
	says(other, "Q{insert into t values (2)}");
	hears(server, "");
	pass(11 * SEC);
	hears(server, "Q{insert into t values (2)}");
	hears(canceler, "EOF");
}
END_TEST

START_TEST(test_cancel_of_an_idle_client_comes_to_nothing)
{
	begin();
	says(server, "C{INSERT 0 1} Z{I}");
	canceler = client_cancels(client);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
}
END_TEST

START_TEST(test_cancel_of_a_waiting_client_ends_its_wait)
{
	begin();
	says(other, "Q{insert into t values (2)}");
	canceler = client_cancels(other);
	hears(other, "E{57014} Z{I}");
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	says(server, "C{INSERT 0 1} Z{I}");
	hears(server, "");
	says(other, "Q{insert into t values (3)}");
	hears(server, "Q{insert into t values (3)}");
}
END_TEST

/* The rest of its batch is skipped, up to a Sync that says more than it may, and comes in pieces. */
START_TEST(test_sync_with_a_body_ends_a_batch_that_was_refused)
{
	static const uint8_t sync[14] = { 'S', 0, 0, 0, 13, 'b', 'o', 'd', 'y' };
	static const size_t cuts[] = { 5, 9, 14 };

	begin();
	says(other, "P{|insert into t values (2)}");
	says(other, "B{|} E H");
	canceler = client_cancels(other);
	hears(other, "E{57014}");
	says_bytes(other, sync, cuts[_i]);
	if (cuts[_i] < sizeof(sync))
		says_bytes(other, sync + cuts[_i], sizeof(sync) - cuts[_i]);
	hears(other, "E{08P01} Z{I}");
	says(server, "C{INSERT 0 1} Z{I}");
	says(other, "Q{insert into t values (3)}");
	hears(server, "Q{insert into t values (3)}");
}
END_TEST

START_TEST(test_cancel_with_a_wrong_key_is_ignored)
{
	struct link *third;

	begin();
	third = client_in("app");
	leaves(third); /* its key is not valid any more */
	canceler = client_cancels(third);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
}
END_TEST

/* A pool of one has room for one carrier: the second cancel waits, and the query ends first. */
START_TEST(test_two_cancels_of_one_query)
{
	struct link *again;

	begin();
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	again = client_cancels(client);
	ck_assert_ptr_eq(carrier_on(PRIMARY), carrier);
	hears(again, "");
	says(server, "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
	hears(again, "EOF");
	says(other, "Q{insert into t values (2)}");
	hears(server, "");
	leaves(carrier);
	hears(canceler, "EOF");
	hears(server, "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_canceler_that_leaves_does_not_take_the_cancel_back)
{
	begin();
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	leaves(canceler);
	hears(carrier, cancel_of(server));
	leaves(carrier);
	says(server, "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
}
END_TEST

START_TEST(test_target_that_is_lost_frees_its_cancel)
{
	begin();
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	breaks(server);
	hears(client, "E{08007} Z{I}");
	leaves(carrier);
	hears(canceler, "EOF");
}
END_TEST

START_TEST(test_cancel_in_a_block_between_requests_comes_to_nothing)
{
	begin();
	says(server, "C{INSERT 0 1} Z{I}");
	says(client, "Q{begin} Q{select 1}");
	says(server, "C{BEGIN} Z{T} T D{1} C{SELECT 1} Z{T}");
	canceler = client_cancels(client);
	ck_assert_ptr_null(carrier_on(PRIMARY));
	hears(canceler, "EOF");
}
END_TEST

START_TEST(test_cancel_with_the_number_of_another_is_ignored)
{
	begin();
	client->key[client->key_len - 1] ^= 1;
	canceler = client_cancels(client);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	client->key[client->key_len - 1] ^= 1;
	canceler = client_cancels(client);
	ck_assert_ptr_nonnull(carrier_on(PRIMARY));
}
END_TEST

/*
 * It would hit what makes the server fit its client, and the client would be lost: 0: what
 * PostgreSQL reports goes along with the request, 1: what it does not report goes before it.
 */
START_TEST(test_cancel_does_not_hit_a_query_of_ours)
{
	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	server = server_on(PRIMARY);
	if (_i == 0) {
		client = client_as("alice", "plain", "|application_name=one");
	} else {
		client = client_new();
		says(client, "start{alice|plain|work_mem=5}");
		says(server, "T D{5} C{SELECT 1} Z{I}");
		heard(client);
		says(other, "Q{select 9}"); /* which has not set it */
		says(server, "T D{} C{SELECT 1} Z{I}");
		says(server, "T D{9} C{SELECT 1} Z{I}");
	}
	heard(server);
	says(client, "Q{select 1}");
	ck_assert_str_ne(heard(server), "Q{select 1}");
	canceler = client_cancels(client);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	says(server, "C{SET} Z{I}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	/* What it really has running can be canceled. */
	says(client, "Q{select 2}");
	heard(server);
	canceler = client_cancels(client);
	ck_assert_ptr_nonnull(carrier_on(PRIMARY));
}
END_TEST

START_TEST(test_cancel_ends_a_copy)
{
	begin();
	says(server, "C{INSERT 0 1} Z{I}");
	heard(client);
	says(client, "Q{copy t from stdin}");
	hears(server, "Q{copy t from stdin}");
	says(server, "G");
	says(client, "d{1}");
	canceler = client_cancels(client);
	carrier = carrier_on(PRIMARY);
	ck_assert_ptr_nonnull(carrier);
	says(server, "E{57014} Z{I}");
	hears(client, "G E{57014} Z{I}");
	says(client, "d{2} c");
	leaves(carrier);
	heard(server);
	says(other, "Q{insert into t values (2)}");
	hears(server, "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_cancel_of_a_request_that_waits_to_be_sent_anew)
{
	begin();
	says(other, "Q{select 1}");
	host_hangs(PRIMARY);
	host_hangs(REPLICA);
	breaks(server_on(REPLICA));
	hears(other, "");
	canceler = client_cancels(other);
	hears(canceler, "EOF");
	hears(other, "E{57014} Z{I}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(server, "");
}
END_TEST

START_TEST(test_cancel_between_the_requests_of_a_session_comes_to_nothing)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	says(client, "Q{select 1}");
	says(server_on(PRIMARY), "T D{1} C{SELECT 1} Z{I}");
	canceler = client_cancels(client);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
}
END_TEST

/* It was its server; its next client, or what cleans it, is not to be hit. */
START_TEST(test_cancel_of_a_client_whose_server_is_cleaned_comes_to_nothing)
{
	play_begin(.plain = "pool_size=1",
		   .global = "server_reset_query_always = 1\nserver_reset_query = discard all");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	heard(server);
	says(other, "Q{select 2}");
	if (_i == 0) { /* in the turn in which it gives it back */
		queues(server, "T D{1} C{SELECT 1} Z{I}");
		canceler = client_cancels(client);
	} else {
		says(server, "T D{1} C{SELECT 1} Z{I}");
		canceler = client_cancels(client);
	}
	carrier = carrier_on(PRIMARY);
	if (carrier != NULL) { /* it travels: all wait for it */
		hears(server, "");
		leaves(carrier);
	}
	hears(canceler, "EOF");
	hears(server, "Q{discard all}");
	if (_i == 2) {
		canceler = client_cancels(client);
		hears(canceler, "EOF");
	}
	ck_assert_ptr_null(carrier_on(PRIMARY));
	says(server, "C{DISCARD ALL} Z{I}");
	hears(server, "Q{select 2}");
	canceler = client_cancels(client);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	says(server, "T D{2} C{SELECT 1} Z{I}");
	hears(other, "T D{2} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

/* Its connection is being made when the client has the same server again, with another query. */
START_TEST(test_cancel_does_not_hit_the_next_lease_of_the_same_client)
{
	begin();
	says(server, "C{INSERT 0 1} Z{I}");
	heard(client);
	says(client, "Q{insert into t values (1)}");
	heard(server);
	host_hangs(PRIMARY);
	canceler = client_cancels(client);
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	says(client, "Q{insert into t values (2)}");
	host_accepts(PRIMARY);
	hears(canceler, "EOF");
	ck_assert_ptr_null(carrier_on(PRIMARY));
	hears(server, "Q{insert into t values (2)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
}
END_TEST

/* The target leaves while its cancel travels, or before that has begun. */
START_TEST(test_target_that_leaves_frees_its_cancel)
{
	begin();
	if (_i == 0)
		host_hangs(PRIMARY);
	canceler = client_cancels(client);
	leaves(client);
	ck_assert(!link_is_open(server));
	if (_i == 0) {
		host_accepts(PRIMARY);
	} else {
		carrier = carrier_on(PRIMARY);
		leaves(carrier);
	}
	hears(canceler, "EOF");
	says(other, "Q{insert into t values (2)}");
	server = server_on(PRIMARY);
	hears(server, "Q{insert into t values (2)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
}
END_TEST

/* Many at once for one that waits, for one that runs, and from clients that leave at once. */
START_TEST(test_many_cancels_cost_nobody_else)
{
	struct link *cancelers[8];

	begin();
	says(other, "Q{insert into t values (2)}");
	for (int i = 0; i < 8; i++) {
		cancelers[i] = client_cancels(i % 2 == 0 ? client : other);
		if (i % 3 == 0)
			leaves(cancelers[i]);
	}
	hears(other, "E{57014} Z{I}");
	carrier = carrier_on(PRIMARY);
	hears(carrier, cancel_of(server));
	leaves(carrier);
	says(server, "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
	while ((carrier = carrier_on(PRIMARY)) != NULL)
		leaves(carrier);
	for (int i = 0; i < 8; i++)
		ck_assert(!link_is_open(cancelers[i]));
	says(other, "Q{insert into t values (3)}");
	hears(server, "Q{insert into t values (3)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("cancel");

	tcase_add_test(plays, test_cancel_reaches_the_server_that_works);
	tcase_add_test(plays, test_server_is_held_until_the_cancel_is_gone);
	tcase_add_test(plays, test_cancel_of_a_query_that_ended_meanwhile_is_not_sent);
	tcase_add_test(plays, test_cancel_is_not_held_for_ever);
	tcase_add_test(plays, test_cancel_of_an_idle_client_comes_to_nothing);
	tcase_add_test(plays, test_cancel_of_a_waiting_client_ends_its_wait);
	tcase_add_loop_test(plays, test_sync_with_a_body_ends_a_batch_that_was_refused, 0, 3);
	tcase_add_test(plays, test_cancel_with_a_wrong_key_is_ignored);
	tcase_add_test(plays, test_two_cancels_of_one_query);
	tcase_add_test(plays, test_canceler_that_leaves_does_not_take_the_cancel_back);
	tcase_add_test(plays, test_target_that_is_lost_frees_its_cancel);
	tcase_add_test(plays, test_cancel_in_a_block_between_requests_comes_to_nothing);
	tcase_add_test(plays, test_cancel_with_the_number_of_another_is_ignored);
	tcase_add_loop_test(plays, test_cancel_does_not_hit_a_query_of_ours, 0, 2);
	tcase_add_test(plays, test_cancel_ends_a_copy);
	tcase_add_test(plays, test_cancel_of_a_request_that_waits_to_be_sent_anew);
	tcase_add_test(plays, test_cancel_between_the_requests_of_a_session_comes_to_nothing);
	tcase_add_loop_test(plays, test_cancel_of_a_client_whose_server_is_cleaned_comes_to_nothing,
			    0, 3);
	tcase_add_test(plays, test_cancel_does_not_hit_the_next_lease_of_the_same_client);
	tcase_add_loop_test(plays, test_target_that_leaves_frees_its_cancel, 0, 2);
	tcase_add_test(plays, test_many_cancels_cost_nobody_else);
	return play_main();
}
