/* SPDX-License-Identifier: ISC */
/* Requests and their replies: who gets them, in which order. */
#include <stdio.h>
#include <string.h>

#include "play.h"

#define ANSWER "T D{1} C{SELECT 1} Z{I}"
#define INSERTED "C{INSERT 0 1} Z{I}"

START_TEST(test_simple_query_returns_the_server_to_the_pool)
{
	struct link *client, *other;

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
	says(server_on(REPLICA), ANSWER);
	hears(client, ANSWER);
	says(other, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
	says(server_on(REPLICA), ANSWER);
	hears(other, ANSWER);
	ck_assert_int_eq(servers_on(REPLICA), 1);
}
END_TEST

START_TEST(test_pipelined_queries_keep_their_order)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "Q{select 1} Q{select 2} Q{select 3}");
	hears(server_on(REPLICA), "Q{select 1} Q{select 2} Q{select 3}");
	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I} T D{2} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I} T D{2} C{SELECT 1} Z{I}");
	says(server_on(REPLICA), "T D{3} C{SELECT 1} Z{I}");
	hears(client, "T D{3} C{SELECT 1} Z{I}");
	ck_assert_int_eq(servers_on(REPLICA), 1);
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_pipelined_queries_keep_their_order_without_a_cluster)
{
	struct link *client;

	play_begin();
	client = client_in("plain");
	says(client, "Q{insert into t values (1)} Q{select 2}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)} Q{select 2}");
	says(server_on(PRIMARY), INSERTED " " ANSWER);
	hears(client, INSERTED " " ANSWER);
}
END_TEST

START_TEST(test_write_after_read_waits_for_the_replies_owed)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "Q{select 1} Q{insert into t values (1)}");
	hears(server_on(REPLICA), "Q{select 1}");
	ck_assert(host_is_silent(PRIMARY));
	says(server_on(REPLICA), ANSWER);
	hears(client, ANSWER);
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
	hears(server_on(REPLICA), "");
	says(server_on(PRIMARY), INSERTED);
	hears(client, INSERTED);
}
END_TEST

START_TEST(test_read_behind_a_write_stays_behind_it)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "Q{insert into t values (1)} Q{select 1}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)} Q{select 1}");
	hears(server_on(REPLICA), "");
	says(server_on(PRIMARY), INSERTED " " ANSWER);
	hears(client, INSERTED " " ANSWER);
}
END_TEST

START_TEST(test_reads_and_writes_in_one_pipeline_all_arrive)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "Q{select 1} Q{insert into t values (1)} Q{insert into t values (2)} "
		     "P{|select 2} B{|} E S Q{insert into t values (3)}");
	hears(server_on(REPLICA), "Q{select 1}");
	says(server_on(REPLICA), ANSWER);
	hears(server_on(PRIMARY), "Q{insert into t values (1)} Q{insert into t values (2)} "
				  "P{|select 2} B{|} E S Q{insert into t values (3)}");
	says(server_on(PRIMARY), INSERTED " " INSERTED);
	says(server_on(PRIMARY), "1 2 D{2} C{SELECT 1} Z{I} " INSERTED);
	hears(client, ANSWER " " INSERTED " " INSERTED " 1 2 D{2} C{SELECT 1} Z{I} " INSERTED);
}
END_TEST

START_TEST(test_extended_batch_goes_to_one_server)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{|select $1} B{||7} D{P|} E S");
	hears(server_on(REPLICA), "P{|select $1} B{||7} D{P|} E S");
	says(server_on(REPLICA), "1 2 T D{7} C{SELECT 1} Z{I}");
	hears(client, "1 2 T D{7} C{SELECT 1} Z{I}");
	says(client, "P{|insert into t values ($1)} B{||7} E P{|select 1} B{|} E S");
	hears(server_on(REPLICA), "");
	hears(server_on(PRIMARY), "P{|insert into t values ($1)} B{||7} E P{|select 1} B{|} E S");
	says(server_on(PRIMARY), "1 2 C{INSERT 0 1} 1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 C{INSERT 0 1} 1 2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_request_that_arrives_in_pieces_is_routed_once_it_is_whole)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says_part(client, "P{|insert into t values ($1)} B{||7} E S", 41);
	ck_assert(host_is_silent(PRIMARY));
	says_rest(client);
	hears(server_on(PRIMARY), "P{|insert into t values ($1)} B{||7} E S");
	says(server_on(PRIMARY), "1 2 C{INSERT 0 1} Z{I}");
	hears(client, "1 2 C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_request_above_route_buffer_is_a_write)
{
	struct link *client;

	play_begin(.global = "route_buffer = 1kB");
	client = client_in("app");
	says_part(client, "Q{#3000}", 2000);
	hears(server_on(PRIMARY), "+2000");
	says_rest(client);
	hears(server_on(PRIMARY), "Q{#3000}");
	says(server_on(PRIMARY), INSERTED);
	hears(client, INSERTED);
}
END_TEST

START_TEST(test_error_drops_replies_until_sync)
{
	struct link *client, *server;

	play_begin(.global = "max_prepared_statements = 1");
	client = client_in("app");
	says(client, "P{a|insert into t values ($1)} S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|insert into t values ($1)} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	/*
	 * Behind the error: a Close that is made up, a Parse that would be made up (another name of
	 * the same text), and a Close of our own for the statement that is too many.
	 */
	says(client,
	     "B{|a|x} E C{S|z} P{b|insert into t values ($1)} P{c|update t set a = 1} B{|c} "
	     "E S Q{insert into t values (2)}");
	hears(server,
	      "B{|PGWEIR_1|x} E P{PGWEIR_2|update t set a = 1} C{S|PGWEIR_1} B{|PGWEIR_2} E S "
	      "Q{insert into t values (2)}");
	says(server, "E{22P02} Z{I}");
	hears(client, "E{22P02} Z{I}");
	says(server, INSERTED);
	hears(client, INSERTED);
	/* None of the three happened: `a` is there under its name, `b` and `c` are free. */
	says(client, "P{b|insert into t values ($1)} P{c|update t set a = 1} B{|a|x} E S");
	hears(server,
	      "P{PGWEIR_3|update t set a = 1} C{S|PGWEIR_1} P{PGWEIR_1|insert into t values "
	      "($1)} C{S|PGWEIR_3} B{|PGWEIR_1|x} E S");
}
END_TEST

START_TEST(test_error_in_the_middle_of_a_pipeline_costs_only_its_batch)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{|select 1} B{|} E S P{|select 1/0} B{|} E S P{|select 2} B{|} E S");
	hears(server_on(REPLICA), "P{|select 1} B{|} E S P{|select 1/0} B{|} E S P{|select 2} B{|} "
				  "E S");
	says(server_on(REPLICA), "1 2 D{1} C{SELECT 1} Z{I} 1 2 E{22012} Z{I} 1 2 D{2} C{SELECT 1} "
				 "Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I} 1 2 E{22012} Z{I} 1 2 D{2} C{SELECT 1} Z{I}");
	says(client, "Q{select 3}");
	hears(server_on(REPLICA), "Q{select 3}");
}
END_TEST

START_TEST(test_flush_without_sync_keeps_the_server)
{
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1 route=replica");
	client = client_in("app");
	other = client_in("app");
	server = server_on(REPLICA);
	says(client, "P{|select $1} D{S|} H");
	hears(server, "P{|select $1} D{S|} H");
	says(server, "1 t T");
	hears(client, "1 t T");
	says(other, "Q{select 2}");
	hears(server, "");
	says(client, "B{||7} E S");
	hears(server, "B{||7} E S");
	says(server, "2 D{7} C{SELECT 1} Z{I}");
	hears(client, "2 D{7} C{SELECT 1} Z{I}");
	hears(server, "Q{select 2}");
}
END_TEST

/* It asks for what is there; there is nothing. */
START_TEST(test_flush_alone_is_no_request)
{
	struct link *client, *other, *server;

	play_begin(.plain = "pool_size=1", .global = "query_timeout = 5");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{select 1} H");
	server = server_on(PRIMARY);
	hears(server, "Q{select 1} H");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says(other, "Q{begin}");
	hears(server, "Q{begin}"); /* so nobody holds it */
	says(server, "C{BEGIN} Z{T}");
	hears(other, "C{BEGIN} Z{T}");
	says(other, "H");
	hears(server, "H");
	pass(6 * SEC);
	hears(other, "");
	ck_assert(link_is_open(other));
}
END_TEST

START_TEST(test_write_behind_a_flush_goes_where_the_batch_is)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{|insert into t values (1)} H B{|} E S");
	hears(server_on(PRIMARY), "P{|insert into t values (1)} H B{|} E S");
	says(server_on(PRIMARY), "1 2 C{INSERT 0 1} Z{I}");
	hears(client, "1 2 C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_batch_that_goes_on_behind_a_flush_is_the_primarys)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{|select 1} B{|} E H");
	hears(server_on(PRIMARY), "P{|select 1} B{|} E H");
	says(server_on(PRIMARY), "1 2 D{1} C{SELECT 1}");
	hears(client, "1 2 D{1} C{SELECT 1}");
	says(client, "P{|insert into t values (1)} B{|} E S");
	hears(server_on(PRIMARY), "P{|insert into t values (1)} B{|} E S");
}
END_TEST

START_TEST(test_portal_is_fetched_in_parts)
{
	struct link *client, *server;

	play_begin(.database = "route=replica");
	client = client_in("app");
	says(client, "P{|select a from t} B{|} E{|2} H");
	server = server_on(REPLICA);
	hears(server, "P{|select a from t} B{|} E{|2} H");
	says(server, "1 2 D{1} D{2} s");
	hears(client, "1 2 D{1} D{2} s");
	says(client, "E S");
	hears(server, "E S");
	says(server, "D{3} C{SELECT 1} Z{I}");
	hears(client, "D{3} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_empty_query_and_several_results)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "Q{}");
	server = server_asked();
	hears(server, "Q{}");
	says(server, "I Z{I}");
	hears(client, "I Z{I}");
	says(client, "Q{select 1; select 2}");
	hears(server_on(REPLICA), "Q{select 1; select 2}");
	says(server_on(REPLICA), "T D{1} C{SELECT 1} T D{2} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} T D{2} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_notices_and_notifications_go_through)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "Q{insert into t values (1)}");
	says(server_on(PRIMARY), "N{careful} A{channel} C{INSERT 0 1} Z{I}");
	hears(client, "N{00000} A{channel} C{INSERT 0 1} Z{I}");
}
END_TEST

/* ---- FunctionCall ---- */

static const char *const bases[] = { "app", "plain" };

START_TEST(test_function_call_is_a_request)
{
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	other = client_in(bases[_i]);
	says(client, "F{7}");
	server = server_on(PRIMARY); /* nobody knows what it does */
	hears(server, "F{7}");
	says(other, "F{8} F{9}");
	hears(server, "");
	says(server, "V Z{I}");
	hears(client, "V Z{I}");
	/* Of two, the first fails. */
	hears(server, "F{8} F{9}");
	says(server, "E{42883} Z{I} V Z{I}");
	hears(other, "E{42883} Z{I} V Z{I}");
	says(client, "Q{delete from t}");
	hears(server, "Q{delete from t}");
}
END_TEST

START_TEST(test_function_call_in_a_block)
{
	struct link *client, *server;

	play_begin();
	client = client_in(bases[_i]);
	says(client, "Q{begin} F{7} Q{select 1}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin} F{7} Q{select 1}");
	says(server, "C{BEGIN} Z{T} E{42883} Z{E} E{25P02} Z{E}");
	hears(client, "C{BEGIN} Z{T} E{42883} Z{E} E{25P02} Z{E}");
	says(client, "F{8}");
	hears(server, "F{8}");
	says(server, "E{25P02} Z{E}");
	hears(client, "E{25P02} Z{E}");
	says(client, "Q{rollback}");
	says(server, "C{ROLLBACK} Z{I}");
	hears(client, "C{ROLLBACK} Z{I}");
}
END_TEST

/* It ends a batch, as Query does: its ReadyForQuery is all that comes. */
START_TEST(test_function_call_ends_a_batch)
{
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	other = client_in(bases[_i]);
	says(client, "P{|delete from t} B{|} E F{7}");
	server = server_on(PRIMARY);
	hears(server, "P{|delete from t} B{|} E F{7}");
	says(server, "1 2 C{DELETE 1} V Z{I}");
	hears(client, "1 2 C{DELETE 1} V Z{I}");
	says(other, "Q{delete from o}");
	hears(server, "Q{delete from o}");
}
END_TEST

/* After an error the server skips it like all else up to Sync. */
START_TEST(test_function_call_behind_an_error_is_skipped)
{
	struct link *client, *server;

	play_begin();
	client = client_in(bases[_i]);
	says(client, "P{|delete from t} B{|} E F{7} S");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "E{42601}");
	hears(client, "E{42601}");
	says(server, "Z{I}");
	hears(client, "Z{I}");
	says(client, "Q{delete from o}");
	hears(server_on(PRIMARY), "Q{delete from o}");
}
END_TEST

START_TEST(test_lost_function_call_is_an_error)
{
	struct link *client;

	play_begin();
	client = client_in(bases[_i]);
	says(client, "F{7}");
	breaks(server_on(PRIMARY));
	hears(client, _i == 0 ? "E{08007} Z{I}" : "E{08006} Z{I}");
}
END_TEST

/* ---- those who break the protocol ---- */

static void server_talks_nonsense(const char *bytes, size_t n)
{
	struct link *client, *other, *server;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{select 1}");
	says_bytes(server, bytes, n);
	hears(client, "F{08P01} EOF");
	hears(server, "EOF");
	says(other, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
}

START_TEST(test_server_with_an_unknown_message_is_closed)
{
	server_talks_nonsense("?\0\0\0\4", 5);
}
END_TEST

START_TEST(test_server_with_a_broken_length_is_closed)
{
	server_talks_nonsense("T\0\0\0\1 Z\0\0\0\5I", 12);
}
END_TEST

START_TEST(test_server_with_an_answer_too_many_is_closed)
{
	server_talks_nonsense("1\0\0\0\4Z\0\0\0\5I", 11);
}
END_TEST

START_TEST(test_server_with_a_broken_ready_is_closed)
{
	server_talks_nonsense("Z\0\0\0\5X", 6);
}
END_TEST

START_TEST(test_server_that_talks_while_idle_is_closed)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	server = server_on(REPLICA);
	says(server, "T");
	hears(server, "X EOF");
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

START_TEST(test_client_that_breaks_the_protocol_is_told)
{
	struct link *client, *other;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says_bytes(client, "?\0\0\0\4", 5);
	hears(client, "F{08P01} EOF");
	client = client_in("app");
	says_bytes(client, "Q\0\0\0\3", 5);
	hears(client, "F{08P01} EOF");
	client = client_in("app");
	says_bytes(client, "Q\0\0\0\6ab", 7); /* no NUL */
	hears(client, "F{08P01} EOF");
	client = client_in("app");
	says_bytes(client, "P\0\0\0\7a\0b", 8);
	hears(client, "F{08P01} EOF");
	says(other, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
}
END_TEST

static const char *const databases[] = { "plain", "app" };

/* Each batch is answered, the wrong ones with their error; others wait no longer for it. */
START_TEST(test_errors_in_a_pipeline_of_a_hundred_batches_skip_their_own)
{
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1 route=primary", .plain = "pool_size=1");
	client = client_in(databases[_i]);
	other = client_in(databases[_i]);
	for (int i = 0; i < 100; i++) {
		char batch[100] = "P{|select 1} B{|} E S";

		if (i % 50 == 25)
			snprintf(batch, sizeof(batch),
				 "P{|selekt 1} B{|} D{P|} E P{s%d|select %d} C{S|s%d} S", i, i, i);
		else if (i % 10 == 5)
			snprintf(batch, sizeof(batch), "P{s%d|select %d} B{|s%d} E C{S|s%d} S", i,
				 i, i, i);
		queues(client, batch);
	}
	play_run();
	server = server_on(PRIMARY);
	says(other, "Q{select 9}");
	heard(server);
	for (int i = 0; i < 100; i++) {
		says(server, i % 50 == 25 ? "E{42601} Z{I}" : "1 2 D{1} C{SELECT 1} Z{I}");
		hears(client, i % 50 == 25  ? "E{42601} Z{I}"
			      : i % 10 == 5 ? "1 2 D{1} C{SELECT 1} 3 Z{I}"
					    : "1 2 D{1} C{SELECT 1} Z{I}");
	}
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{select 9}"));
	says(server, "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
}
END_TEST

/* Its answers came, its Sync did not: what the server has begun is nobody else's. */
START_TEST(test_client_vanishes_behind_a_flush)
{
	static const char *const ends[] = { "", "E ", "E P{|select 2} " };
	char said[100];
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1 route=primary", .plain = "pool_size=1");
	client = client_in(databases[_i % 2]);
	other = client_in(databases[_i % 2]);
	snprintf(said, sizeof(said), "P{|select 1} B{|} %sH", ends[_i / 2]);
	says(client, said);
	server = server_on(PRIMARY);
	hears(server, said);
	says(server, _i < 2 ? "1 2" : "1 2 D{1} C{SELECT 1}");
	hears(client, _i < 2 ? "1 2" : "1 2 D{1} C{SELECT 1}");
	says(other, "Q{select 9}");
	hears(server, "");
	leaves(client);
	ck_assert(!link_is_open(server));
	server = server_on(PRIMARY);
	hears(server, "Q{select 9}");
	says(server, "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
}
END_TEST

/* PostgreSQL refuses it, and then waits for a Sync: nobody else may get that server before. */
START_TEST(test_flush_with_a_body_keeps_its_server_to_the_sync)
{
	static const uint8_t flush[9] = { 'H', 0, 0, 0, 8, 'b', 'o', 'd', 'y' };
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1 route=primary", .plain = "pool_size=1");
	client = client_in(databases[_i % 2]);
	other = client_in(databases[_i % 2]);
	if (_i >= 2)
		says(client, "P{|select 1} B{|}");
	says_bytes(client, flush, 6);
	says_bytes(client, flush + 6, sizeof(flush) - 6);
	server = server_on(PRIMARY);
	heard(server);
	says(other, "Q{select 9}");
	hears(server, "");
	says(server, _i < 2 ? "E{08P01}" : "1 2 E{08P01}");
	hears(client, _i < 2 ? "E{08P01}" : "1 2 E{08P01}");
	says(client, "P{|select 2} B{|} E");
	hears(server, "");
	says(client, "S");
	hears(server, "S");
	says(server, "Z{I}");
	hears(client, "Z{I}");
	hears(server, "Q{select 9}");
	says(server, "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("query");

	tcase_add_test(plays, test_simple_query_returns_the_server_to_the_pool);
	tcase_add_test(plays, test_pipelined_queries_keep_their_order);
	tcase_add_test(plays, test_pipelined_queries_keep_their_order_without_a_cluster);
	tcase_add_test(plays, test_write_after_read_waits_for_the_replies_owed);
	tcase_add_test(plays, test_read_behind_a_write_stays_behind_it);
	tcase_add_test(plays, test_reads_and_writes_in_one_pipeline_all_arrive);
	tcase_add_test(plays, test_extended_batch_goes_to_one_server);
	tcase_add_test(plays, test_request_that_arrives_in_pieces_is_routed_once_it_is_whole);
	tcase_add_test(plays, test_request_above_route_buffer_is_a_write);
	tcase_add_test(plays, test_error_drops_replies_until_sync);
	tcase_add_test(plays, test_error_in_the_middle_of_a_pipeline_costs_only_its_batch);
	tcase_add_test(plays, test_flush_without_sync_keeps_the_server);
	tcase_add_test(plays, test_flush_alone_is_no_request);
	tcase_add_test(plays, test_write_behind_a_flush_goes_where_the_batch_is);
	tcase_add_test(plays, test_batch_that_goes_on_behind_a_flush_is_the_primarys);
	tcase_add_test(plays, test_portal_is_fetched_in_parts);
	tcase_add_test(plays, test_empty_query_and_several_results);
	tcase_add_test(plays, test_notices_and_notifications_go_through);
	tcase_add_test(plays, test_server_with_an_unknown_message_is_closed);
	tcase_add_test(plays, test_server_with_a_broken_length_is_closed);
	tcase_add_test(plays, test_server_with_an_answer_too_many_is_closed);
	tcase_add_test(plays, test_server_with_a_broken_ready_is_closed);
	tcase_add_test(plays, test_server_that_talks_while_idle_is_closed);
	tcase_add_test(plays, test_client_that_breaks_the_protocol_is_told);
	tcase_add_loop_test(plays, test_function_call_is_a_request, 0, 2);
	tcase_add_loop_test(plays, test_function_call_in_a_block, 0, 2);
	tcase_add_loop_test(plays, test_function_call_ends_a_batch, 0, 2);
	tcase_add_loop_test(plays, test_function_call_behind_an_error_is_skipped, 0, 2);
	tcase_add_loop_test(plays, test_lost_function_call_is_an_error, 0, 2);
	tcase_add_loop_test(plays, test_errors_in_a_pipeline_of_a_hundred_batches_skip_their_own, 0,
			    2);
	tcase_add_loop_test(plays, test_client_vanishes_behind_a_flush, 0, 6);
	tcase_add_loop_test(plays, test_flush_with_a_body_keeps_its_server_to_the_sync, 0, 4);
	return play_main();
}
