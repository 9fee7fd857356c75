/* SPDX-License-Identifier: ISC */
/* Servers that are lost, at all moments: what is sent anew, and what clients are told. */
#include "base/bytes.h"
#include "play.h"

static struct link *client, *server;

static void begin(void)
{
	play_begin();
	client = client_in("app");
}

START_TEST(test_idle_server_is_lost)
{
	begin();
	breaks(server_on(REPLICA));
	hears(client, "");
	all_fresh();
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

static void begin_block(void)
{
	begin();
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	heard(server);
}

static void check_lost_block(void)
{
	says(client, "Q{insert into t values (2)}");
	hears(client, "E{25P02} Z{E}");
	says(client, "Q{savepoint x} Q{commit prepared 'x'}");
	hears(client, "E{25P02} Z{E} E{25P02} Z{E}");
	says(client, "P{|insert into t values (2)} B{|} E S");
	hears(client, "E{25P02} Z{E}");
	says(client, "Q{commit}");
	hears(client, "C{ROLLBACK} Z{I}");
	all_fresh();
	says(client, "Q{insert into t values (3)}");
	hears(server_on(PRIMARY), "Q{insert into t values (3)}");
	says(server_on(PRIMARY), "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
}

START_TEST(test_server_is_lost_between_the_requests_of_a_block)
{
	begin_block();
	leaves(server);
	hears(client, "");
	says(client, "Q{insert into t values (2)}");
	hears(client, "E{08006} Z{E}");
	check_lost_block();
}
END_TEST

/* Few look at the tag: the ROLLBACK that answers a COMMIT would pass for success. */
START_TEST(test_commit_of_a_block_lost_between_requests_is_an_error)
{
	begin_block();
	leaves(server);
	hears(client, "");
	says(client, "Q{commit}");
	hears(client, "E{08006} Z{I}");
}
END_TEST

START_TEST(test_extended_commit_of_a_block_lost_between_requests_is_an_error)
{
	begin_block();
	leaves(server);
	hears(client, "");
	says(client, "P{|commit} B{|} E S");
	hears(client, "1 2 E{08006} Z{I}");
}
END_TEST

START_TEST(test_server_is_lost_in_a_request_of_a_block)
{
	begin_block();
	says(client, "Q{insert into t values (2)}");
	leaves(server);
	hears(client, "E{08006} Z{E}");
	check_lost_block();
}
END_TEST

START_TEST(test_server_is_lost_in_a_pipeline_of_a_block)
{
	begin_block();
	says(client,
	     "Q{insert into t values (2)} Q{insert into t values (3)} P{|select 1} B{|} E S");
	leaves(server);
	hears(client, "E{08006} Z{E} E{25P02} Z{E} E{25P02} Z{E}");
	check_lost_block();
}
END_TEST

START_TEST(test_server_is_lost_in_an_open_batch_of_a_block)
{
	begin_block();
	says(client, "P{|insert into t values (2)} B{|} H");
	says(server, "1 2");
	hears(client, "1 2");
	leaves(server);
	hears(client, "E{08006}");
	says(client, "E S");
	hears(client, "Z{E}");
	check_lost_block();
}
END_TEST

START_TEST(test_lost_block_ends_by_the_extended_protocol)
{
	begin_block();
	leaves(server);
	says(client, "P{|rollback} B{|} D{P|} E S");
	hears(client, "1 2 n C{ROLLBACK} Z{I}");
}
END_TEST

START_TEST(test_function_call_in_a_lost_block_is_refused_like_a_query)
{
	begin_block();
	leaves(server);
	says(client, "F{1299} F{1299} Q{rollback}");
	hears(client, "E{08006} Z{E} E{25P02} Z{E} C{ROLLBACK} Z{I}");
}
END_TEST

START_TEST(test_large_function_call_in_a_lost_block_is_refused_like_a_query)
{
	char call[9 + 40000] = "F";

	be32_put((uint8_t *)call + 1, sizeof(call) - 1);
	begin_block();
	leaves(server);
	says_bytes(client, call, sizeof(call));
	says(client, "Q{rollback}");
	hears(client, "E{08006} Z{E} C{ROLLBACK} Z{I}");
}
END_TEST

/* Which ends the batch: 0: one that has ended the block, 2: one that has not. */
START_TEST(test_query_behind_messages_without_a_sync_in_a_lost_block)
{
	static const char *const calls[] = { "Q{insert into t values (3)}", "F{1299}" };
	bool ends = _i < 2;

	begin_block();
	leaves(server);
	says(client, "Q{select 1}");
	hears(client, "E{08006} Z{E}");
	queues(client, ends ? "P{|rollback} B{|} E" : "P{|rollback} B{|}");
	says(client, calls[_i % 2]);
	if (!ends) {
		hears(client, "1 2 E{25P02} Z{E}");
		says(client, "Q{rollback}");
		hears(client, "C{ROLLBACK} Z{I}");
		return;
	}
	all_fresh();
	hears(client, "1 2 C{ROLLBACK}");
	hears(server_on(PRIMARY), calls[_i % 2]);
	says(server_on(PRIMARY), _i == 0 ? "C{INSERT 0 1} Z{I}" : "V Z{I}");
	hears(client, _i == 0 ? "C{INSERT 0 1} Z{I}" : "V Z{I}");
}
END_TEST

/* Drivers say ROLLBACK as any other statement of theirs: prepared under a name, and kept. */
START_TEST(test_lost_block_ends_by_a_statement_with_a_name)
{
	begin_block();
	leaves(server);
	says(client, "P{own|rollback} D{S|own} B{|own} E S");
	hears(client, "1 t n 2 C{ROLLBACK} Z{I}");
	all_fresh();
	says(client, "B{|own} E S");
	hears(server_on(PRIMARY), "P{PGWEIR_1|rollback} B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_lost_block_takes_no_other_statement_with_a_name)
{
	begin_block();
	leaves(server);
	says(client, "P{own|insert into t values (2)} B{|own} E S");
	hears(client, "E{08006} Z{E}");
	check_lost_block();
}
END_TEST

/* pgjdbc sends BEGIN and the first statement as one batch. */
START_TEST(test_an_error_behind_begin_in_one_batch_is_told)
{
	begin();
	says(client, "P{|begin read only} B{|} E P{|insert into t values (1)} B{|} E S");
	says(server_on(PRIMARY), "1 2 C{BEGIN} 1 2 E{25006} Z{E}");
	hears(client, "1 2 C{BEGIN} 1 2 E{25006} Z{E}");
	says(client, "Q{rollback}");
	says(server_on(PRIMARY), "C{ROLLBACK} Z{I}");
	hears(client, "C{ROLLBACK} Z{I}");
	all_fresh();
	says(client, "P{|begin read only} B{|} E P{|select * from t} B{|} E S");
	says(server_on(REPLICA), "1 2 C{BEGIN} E{42P01} Z{E}");
	hears(client, "1 2 C{BEGIN} E{42P01} Z{E}");
}
END_TEST

START_TEST(test_reads_of_a_block_are_not_sent_anew)
{
	begin_block();
	says(client, "Q{select 1}");
	leaves(server);
	hears(client, "E{08006} Z{E}");
}
END_TEST

START_TEST(test_commit_in_flight_has_an_unknown_outcome)
{
	begin_block();
	says(client, "Q{commit}");
	leaves(server);
	hears(client, "E{08007} Z{I}");
	all_fresh();
	says(client, "Q{insert into t values (3)}");
	hears(server_on(PRIMARY), "Q{insert into t values (3)}");
}
END_TEST

START_TEST(test_commit_by_the_extended_protocol_has_an_unknown_outcome)
{
	begin_block();
	says(client, "P{|commit} B{|} E S");
	leaves(server);
	hears(client, "E{08007} Z{I}");
}
END_TEST

START_TEST(test_prepared_commit_has_an_unknown_outcome)
{
	begin();
	says(client, "P{c|commit} S");
	server = server_asked();
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	says(client, "B{|c} E S");
	leaves(server);
	hears(client, "E{08007} Z{I}");
}
END_TEST

START_TEST(test_write_in_flight_has_an_unknown_outcome)
{
	begin();
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	breaks(server);
	hears(client, "E{08007} Z{I}");
	all_fresh();
	says(client, "Q{insert into t values (2)}");
	hears(server_on(PRIMARY), "Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_write_of_a_batch_in_flight_has_an_unknown_outcome)
{
	begin();
	says(client, "P{|insert into t values (1)} B{|} E S");
	server = server_on(PRIMARY);
	says(server, "1 2");
	breaks(server);
	hears(client, "E{08007} Z{I}");
}
END_TEST

START_TEST(test_write_that_was_told_to_go_is_not_sent_anew)
{
	begin();
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	queues(server, "F{57P01}");
	leaves(server);
	hears(client, "E{08007} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_write_that_was_never_sent_is_sent_anew)
{
	begin();
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	heard(server);
	takes_only(server, 0);
	says(client, "Q{insert into t values (2)}");
	breaks(server);
	hears(client, "");
	ck_assert_int_eq(servers_on(PRIMARY), 0); /* it may have crashed */
	all_fresh();
	ck_assert_ptr_ne(server_on(PRIMARY), server);
	hears(server_on(PRIMARY), "Q{insert into t values (2)}");
	says(server_on(PRIMARY), "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_read_in_flight_is_sent_anew)
{
	struct link *first;

	play_begin(.hosts = 3);
	client = client_in("app");
	says(client, "Q{select 1}");
	first = server_asked();
	hears(first, "Q{select 1}");
	breaks(first);
	hears(client, "");
	server = server_asked();
	ck_assert_ptr_ne(server, first);
	hears(server, "Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_read_of_a_batch_in_flight_is_sent_anew)
{
	begin();
	says(client, "P{s|select $1} B{|s|1} E S");
	server = server_on(REPLICA);
	hears(server, "P{PGWEIR_1|select $1} B{|PGWEIR_1|1} E S");
	says(server, "1 2");
	breaks(server);
	/* The only replica is doubtful now: the primary takes it. */
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_2|select $1} B{|PGWEIR_2|1} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I}");
	says(client, "B{|s|2} E S");
	pass(25 * MSEC); /* it waits a moment for the replica */
	hears(server_on(PRIMARY), "B{|PGWEIR_2|2} E S");
}
END_TEST

START_TEST(test_read_is_sent_anew_a_few_times_only)
{
	begin();
	says(client, "Q{select 1}");
	for (int i = 0; i < 4; i++) {
		server = server_on(i == 0 ? REPLICA : PRIMARY);
		hears(server, "Q{select 1}");
		hears(client, "");
		breaks(server);
		primary_says(PRIMARY, 1);
	}
	hears(client, "E{08006} Z{I}");
}
END_TEST

START_TEST(test_result_of_which_a_part_was_forwarded_is_not_sent_anew)
{
	begin();
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	says(server, "T D{1} D{2}");
	breaks(server);
	hears(client, "T D{1} D{2} E{08006} Z{I}");
	says(client, "Q{select 2}");
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_result_that_ends_inside_a_message_closes_the_client)
{
	begin();
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	says_part(server, "T D{1} D{#100000}", 50000);
	breaks(server);
	hears(client, "T D{1} +49961 EOF");
}
END_TEST

START_TEST(test_small_message_that_is_cut_off_closes_nobody)
{
	begin();
	says(client, "Q{insert into t values (1) returning a}");
	server = server_on(PRIMARY);
	says_part(server, "T D{1} C{INSERT 0 1}", 45);
	breaks(server);
	hears(client, "T D{1} E{08007} Z{I}");
}
END_TEST

START_TEST(test_pipeline_is_lost_with_its_server)
{
	begin();
	says(client, "Q{insert into t values (1)} Q{insert into t values (2)}");
	server = server_on(PRIMARY);
	breaks(server);
	hears(client, "E{08007} Z{I} E{08006} Z{I}");
}
END_TEST

START_TEST(test_pipeline_behind_an_injected_parse_waits_for_it)
{
	struct link *first;

	play_begin(.hosts = 3);
	client = client_in("app");
	says(client, "P{s|select $1} S");
	first = server_asked();
	says(first, "1 Z{I}");
	hears(client, "1 Z{I}");
	breaks(first);
	says(client, "B{|s|1} E S B{|s|2} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_1|select $1} B{|PGWEIR_1|1} E S");
	breaks(server);
	all_fresh();
	server = server_asked();
	hears(server, "P{PGWEIR_1|select $1} B{|PGWEIR_1|1} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
	all_fresh();
	ck_assert_ptr_nonnull(strstr(heard(server_asked()), "B{|PGWEIR_1|2} E S"));
}
END_TEST

START_TEST(test_answers_before_the_loss_are_forwarded)
{
	begin();
	says(client, "Q{insert into t values (1)} Q{insert into t values (2)}");
	server = server_on(PRIMARY);
	queues(server, "C{INSERT 0 1} Z{I}");
	leaves(server);
	hears(client, "C{INSERT 0 1} Z{I} E{08007} Z{I}");
}
END_TEST

/* ---- answers that a standby gives ---- */

START_TEST(test_read_that_a_replica_refuses_goes_to_the_primary)
{
	begin();
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{select 1}");
	says(server, "E{25006} Z{I}");
	hears(client, "");
	hears(server_on(PRIMARY), "Q{select 1}");
	says(server_on(PRIMARY), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	/* The replica's server is as good as ever. */
	all_fresh();
	says(client, "Q{select 2}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_write_of_a_client_that_only_reads_by_default_is_refused_at_once)
{
	begin();
	says(client, "Q{set default_transaction_read_only = on}");
	server = server_asked();
	heard(server);
	says(server, "S{default_transaction_read_only|on} C{SET} Z{I}");
	hears(client, "S{default_transaction_read_only|on} C{SET} Z{I}");
	for (int i = 0; i < 2; i++) {
		says(client, "Q{insert into t values (1)}");
		hears(server_on(PRIMARY), "Q{insert into t values (1)}");
		says(server_on(PRIMARY), "E{25006} Z{I}");
		hears(client, "E{25006} Z{I}");
	}
	says(client, "Q{set default_transaction_read_only = off}");
	heard(server_on(PRIMARY));
	says(server_on(PRIMARY), "S{default_transaction_read_only|off} C{SET} Z{I}");
	hears(client, "S{default_transaction_read_only|off} C{SET} Z{I}");
	says(client, "Q{insert into t values (1)}");
	says(server_on(PRIMARY), "E{25006} Z{I}");
	hears(client, "");
}
END_TEST

START_TEST(test_nothing_of_a_refused_answer_leaks)
{
	begin();
	says(client, "P{s|select a from t} B{|s} D{P|} E S");
	server = server_on(REPLICA);
	says(server, "1 2");
	hears(client, "");
	says(server, "T");
	hears(client, "");
	says(server, "E{25006}");
	hears(client, "");
	says(server, "Z{I}");
	hears(client, "");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select a from t} B{|PGWEIR_1} D{P|} E S");
	says(server, "1 2 T D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_statement_that_was_made_up_is_made_up_again)
{
	begin();
	says(client, "P{a|select a from t} S");
	server = server_on(REPLICA);
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	heard(server);
	says(client, "P{b|select a from t} B{|b} C{S|a} E S");
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "2 E{25006} Z{I}");
	hears(client, "");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select a from t} B{|PGWEIR_1} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 3 D{1} C{SELECT 1} Z{I}");
	says(client, "B{|a} E S");
	hears(server, "B{|a} E S"); /* closed: not known any more */
}
END_TEST

START_TEST(test_rows_before_the_error_of_a_refused_answer_do_not_leak)
{
	begin();
	says(client, "Q{select a from t}");
	server = server_on(REPLICA);
	says(server, "T D{1} D{2} E{40001} Z{I}");
	hears(client, "");
	server = server_on(PRIMARY);
	hears(server, "Q{select a from t}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_recovery_conflict_after_rows_is_told)
{
	begin();
	says(client, "Q{select a from t}");
	server = server_on(REPLICA);
	says(server, "T D{1}");
	says(server, "E{40001} Z{I}");
	hears(client, "T D{1} E{40001} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_refusal_of_a_pipelined_read_is_told)
{
	begin();
	says(client, "Q{select 1} Q{select 2}");
	server = server_on(REPLICA);
	says(server, "E{25006} Z{I} T D{2} C{SELECT 1} Z{I}");
	hears(client, "E{25006} Z{I} T D{2} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_error_of_the_users_is_told_at_once)
{
	begin();
	says(client, "Q{select 1/0}");
	says(server_on(REPLICA), "E{22012} Z{I}");
	hears(client, "E{22012} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_canceled_read_is_not_sent_anew)
{
	begin();
	says(client, "Q{select 1}");
	says(server_on(REPLICA), "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_canceled_read_whose_server_is_lost_is_not_sent_anew)
{
	begin();
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	client_cancels(client);
	breaks(server);
	hears(client, "E{08006} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_write_that_a_demoted_primary_refuses_goes_to_the_new_one)
{
	begin();
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	hears(server, "Q{insert into t values (1)}");
	says(server, "E{25006}");
	hears(client, "");
	primary_says(REPLICA, 2);
	hears(server, "EOF");
	hears(client, "");
	hears(server_on(REPLICA), "Q{insert into t values (1)}");
	says(server_on(REPLICA), "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
}
END_TEST

/* ---- without a cluster, and in session pooling ---- */

START_TEST(test_loss_without_a_cluster)
{
	play_begin();
	client = client_in("plain");
	says(client, "Q{select 1}");
	breaks(server_on(PRIMARY));
	hears(client, "E{08006} Z{I}");
	says(client, "Q{select 2}");
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_loss_in_a_block_without_a_cluster)
{
	play_begin();
	client = client_in("plain");
	says(client, "Q{begin}");
	says(server_on(PRIMARY), "C{BEGIN} Z{T}");
	leaves(server_on(PRIMARY));
	says(client, "Q{insert into t values (1)} Q{rollback} Q{select 1}");
	hears(client, "C{BEGIN} Z{T} E{08006} Z{E} C{ROLLBACK} Z{I}");
	hears(server_on(PRIMARY), "Q{select 1}");
}
END_TEST

START_TEST(test_loss_in_session_pooling_closes_the_client)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	says(client, "Q{select 1}");
	says(server_on(PRIMARY), "T D{1} C{SELECT 1} Z{I}");
	breaks(server_on(PRIMARY));
	hears(client, "T D{1} C{SELECT 1} Z{I} F{57P01} EOF");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("loss");

	tcase_add_test(plays, test_idle_server_is_lost);
	tcase_add_test(plays, test_server_is_lost_between_the_requests_of_a_block);
	tcase_add_test(plays, test_server_is_lost_in_a_request_of_a_block);
	tcase_add_test(plays, test_commit_of_a_block_lost_between_requests_is_an_error);
	tcase_add_test(plays, test_extended_commit_of_a_block_lost_between_requests_is_an_error);
	tcase_add_test(plays, test_server_is_lost_in_a_pipeline_of_a_block);
	tcase_add_test(plays, test_server_is_lost_in_an_open_batch_of_a_block);
	tcase_add_test(plays, test_lost_block_ends_by_the_extended_protocol);
	tcase_add_test(plays, test_function_call_in_a_lost_block_is_refused_like_a_query);
	tcase_add_test(plays, test_large_function_call_in_a_lost_block_is_refused_like_a_query);
	tcase_add_loop_test(plays, test_query_behind_messages_without_a_sync_in_a_lost_block, 0, 4);
	tcase_add_test(plays, test_lost_block_ends_by_a_statement_with_a_name);
	tcase_add_test(plays, test_lost_block_takes_no_other_statement_with_a_name);
	tcase_add_test(plays, test_an_error_behind_begin_in_one_batch_is_told);
	tcase_add_test(plays, test_reads_of_a_block_are_not_sent_anew);
	tcase_add_test(plays, test_commit_in_flight_has_an_unknown_outcome);
	tcase_add_test(plays, test_commit_by_the_extended_protocol_has_an_unknown_outcome);
	tcase_add_test(plays, test_prepared_commit_has_an_unknown_outcome);
	tcase_add_test(plays, test_write_in_flight_has_an_unknown_outcome);
	tcase_add_test(plays, test_write_of_a_batch_in_flight_has_an_unknown_outcome);
	tcase_add_test(plays, test_write_that_was_told_to_go_is_not_sent_anew);
	tcase_add_test(plays, test_write_that_was_never_sent_is_sent_anew);
	tcase_add_test(plays, test_read_in_flight_is_sent_anew);
	tcase_add_test(plays, test_read_of_a_batch_in_flight_is_sent_anew);
	tcase_add_test(plays, test_read_is_sent_anew_a_few_times_only);
	tcase_add_test(plays, test_result_of_which_a_part_was_forwarded_is_not_sent_anew);
	tcase_add_test(plays, test_result_that_ends_inside_a_message_closes_the_client);
	tcase_add_test(plays, test_small_message_that_is_cut_off_closes_nobody);
	tcase_add_test(plays, test_pipeline_is_lost_with_its_server);
	tcase_add_test(plays, test_pipeline_behind_an_injected_parse_waits_for_it);
	tcase_add_test(plays, test_answers_before_the_loss_are_forwarded);
	tcase_add_test(plays, test_read_that_a_replica_refuses_goes_to_the_primary);
	tcase_add_test(plays, test_write_of_a_client_that_only_reads_by_default_is_refused_at_once);
	tcase_add_test(plays, test_nothing_of_a_refused_answer_leaks);
	tcase_add_test(plays, test_statement_that_was_made_up_is_made_up_again);
	tcase_add_test(plays, test_rows_before_the_error_of_a_refused_answer_do_not_leak);
	tcase_add_test(plays, test_recovery_conflict_after_rows_is_told);
	tcase_add_test(plays, test_refusal_of_a_pipelined_read_is_told);
	tcase_add_test(plays, test_error_of_the_users_is_told_at_once);
	tcase_add_test(plays, test_canceled_read_is_not_sent_anew);
	tcase_add_test(plays, test_canceled_read_whose_server_is_lost_is_not_sent_anew);
	tcase_add_test(plays, test_write_that_a_demoted_primary_refuses_goes_to_the_new_one);
	tcase_add_test(plays, test_loss_without_a_cluster);
	tcase_add_test(plays, test_loss_in_a_block_without_a_cluster);
	tcase_add_test(plays, test_loss_in_session_pooling_closes_the_client);
	return play_main();
}
