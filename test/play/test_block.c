/* SPDX-License-Identifier: ISC */
/* Transaction blocks: those that no server has, and those that one has. */
#include <string.h>

#include "play.h"

static struct link *client, *server;

static void begin(void)
{
	play_begin();
	client = client_in("app");
}

START_TEST(test_begin_holds_no_server)
{
	struct link *other;

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{begin}");
	hears(client, "C{BEGIN} Z{T}");
	ck_assert(host_is_silent(PRIMARY));
	hears(server_on(REPLICA), "");
	says(other, "Q{insert into t values (1)}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}
END_TEST

START_TEST(test_begin_goes_out_with_the_first_statement)
{
	begin();
	says(client, "Q{BEGIN ISOLATION LEVEL REPEATABLE READ}");
	hears(client, "C{BEGIN} Z{T}");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	hears(server, "Q{BEGIN ISOLATION LEVEL REPEATABLE READ} Q{select 1}");
	says(server, "C{BEGIN} Z{T} T D{1} C{SELECT 1} Z{T}");
	hears(client, "T D{1} C{SELECT 1} Z{T}");
	says(client, "Q{insert into t values (1)}");
	hears(server, "Q{insert into t values (1)}");
	says(server, "C{INSERT 0 1} Z{T}");
	hears(client, "C{INSERT 0 1} Z{T}");
	says(client, "Q{commit}");
	hears(server, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	hears(client, "C{COMMIT} Z{I}");
}
END_TEST

START_TEST(test_begin_goes_out_before_a_batch)
{
	begin();
	says(client, "Q{begin} P{|insert into t values ($1)} B{||1} E S Q{commit}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin} P{|insert into t values ($1)} B{||1} E S Q{commit}");
	says(server, "C{BEGIN} Z{T} 1 2 C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} 1 2 C{INSERT 0 1} Z{T}");
	says(server, "C{COMMIT} Z{I}");
	hears(client, "C{COMMIT} Z{I}");
}
END_TEST

START_TEST(test_nothing_is_made_up_behind_a_batch_that_may_fail_the_block)
{
	begin();
	says(client, "P{a|select 1} S");
	server = server_on(REPLICA);
	hears(server, "P{PGWEIR_1|select 1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{begin read only}");
	hears(client, "C{BEGIN} Z{T}");
	says(client, "P{|selec} S P{b|select 1} S");
	hears(server, "Q{begin read only} P{|selec} S");
	says(server, "C{BEGIN} Z{T} E{42601} Z{E}");
	hears(client, "E{42601} Z{E}");
	hears(server, "C{S|PGWEIR_1} P{PGWEIR_1|select 1} S");
	says(server, "3 E{25P02} Z{E}");
	hears(client, "E{25P02} Z{E}");
}
END_TEST

START_TEST(test_answer_of_ours_drops_the_unnamed_statement)
{
	begin();
	says(client, "P{|select 1} S");
	server = server_on(REPLICA);
	hears(server, "P{|select 1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{begin} Q{commit}");
	hears(client, "C{BEGIN} Z{T} C{COMMIT} Z{I}");
	says(client, "B{||} E S");
	server = server_asked();
	hears(server, "C{S|} B{||} E S");
	says(server, "3 E{26000} Z{I}");
	hears(client, "E{26000} Z{I}");
}
END_TEST

START_TEST(test_answer_of_ours_drops_the_unnamed_statement_of_the_server_it_keeps)
{
	play_begin(.database = "pool_mode=session");
	client = client_in("app");
	says(client, "P{|select 1} S");
	server = server_asked();
	hears(server, "P{|select 1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{show pgweir.route}");
	hears(client, "T D{default} C{SHOW} Z{I}");
	says(client, "B{||} E S");
	hears(server, "C{S|} B{||} E S");
	says(server, "3 E{26000} Z{I}");
	hears(client, "E{26000} Z{I}");
}
END_TEST

START_TEST(test_begin_by_the_extended_protocol_goes_out_at_once)
{
	begin();
	says(client, "P{|begin} B{|} E S");
	server = server_on(PRIMARY);
	hears(server, "P{|begin} B{|} E S");
	says(server, "1 2 C{BEGIN} Z{T}");
	hears(client, "1 2 C{BEGIN} Z{T}");
	says(client, "Q{select 1}");
	hears(server, "Q{select 1}");
}
END_TEST

START_TEST(test_error_of_the_deferred_begin_is_told)
{
	begin();
	says(client, "Q{begin}");
	hears(client, "C{BEGIN} Z{T}");
	says(client, "Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} E{23505} Z{E}");
	hears(client, "E{23505} Z{E}");
	says(client, "Q{select 1}");
	says(server, "E{25P02} Z{E}");
	hears(client, "E{25P02} Z{E}");
	says(client, "Q{rollback}");
	says(server, "C{ROLLBACK} Z{I}");
	hears(client, "C{ROLLBACK} Z{I}");
}
END_TEST

START_TEST(test_read_only_block_goes_to_a_replica)
{
	begin();
	says(client, "Q{begin read only} Q{select now()}");
	server = server_on(REPLICA);
	hears(server, "Q{begin read only} Q{select now()}");
	says(server, "C{BEGIN} Z{T} T D{1} C{SELECT 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} T D{1} C{SELECT 1} Z{T}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_set_transaction_read_only_is_seen_in_time)
{
	begin();
	says(client, "Q{begin}");
	says(client, "Q{set transaction read only}");
	hears(client, "C{BEGIN} Z{T} C{SET} Z{T}");
	says(client, "Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{begin\n;set transaction read only} Q{select 1}");
	says(server, "C{BEGIN} C{SET} Z{T} T D{1} C{SELECT 1} Z{T}");
	hears(client, "T D{1} C{SELECT 1} Z{T}");
	says(client, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	hears(client, "C{COMMIT} Z{I}");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_end_of_an_empty_block_is_answered)
{
	begin();
	says(client, "Q{begin} Q{commit} Q{start transaction} Q{rollback}");
	hears(client, "C{BEGIN} Z{T} C{COMMIT} Z{I} C{START TRANSACTION} Z{T} C{ROLLBACK} Z{I}");
	hears(server_on(REPLICA), "");
	ck_assert(host_is_silent(PRIMARY));
}
END_TEST

START_TEST(test_second_begin_is_warned_of)
{
	begin();
	says(client, "Q{begin} Q{begin}");
	hears(client, "C{BEGIN} Z{T} N{25001} C{BEGIN} Z{T}");
}
END_TEST

START_TEST(test_deferred_block_is_not_hurt_by_a_failover)
{
	play_begin(.hosts = 3);
	client = client_in("app");
	says(client, "Q{begin}");
	host_is_down(PRIMARY);
	primary_says(REPLICA, 2);
	says(client, "Q{insert into t values (1)}");
	server = server_on(REPLICA);
	hears(server, "Q{begin} Q{insert into t values (1)}");
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	hears(client, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
}
END_TEST

START_TEST(test_read_only_block_that_was_not_answered_is_sent_anew)
{
	begin();
	says(client, "Q{begin read only} Q{select 1}");
	server = server_on(REPLICA);
	hears(server, "Q{begin read only} Q{select 1}");
	breaks(server);
	hears(client, "C{BEGIN} Z{T}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin read only} Q{select 1}");
	says(server, "C{BEGIN} Z{T} T D{1} C{SELECT 1} Z{T}");
	hears(client, "T D{1} C{SELECT 1} Z{T}");
}
END_TEST

START_TEST(test_block_keeps_its_server_and_its_host)
{
	struct link *other;

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	heard(server);
	says(other, "Q{insert into t values (2)}");
	hears(server, "");
	says(client, "Q{select 1}");
	hears(server, "Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{T}");
	says(client, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	hears(server, "Q{commit} Q{insert into t values (2)}");
}
END_TEST

START_TEST(test_block_without_a_cluster_begins_at_once)
{
	play_begin();
	client = client_in("plain");
	says(client, "Q{begin}");
	hears(server_on(PRIMARY), "Q{begin}");
	says(server_on(PRIMARY), "C{BEGIN} Z{T}");
	hears(client, "C{BEGIN} Z{T}");
}
END_TEST

START_TEST(test_lazy_begin_can_be_switched_off)
{
	play_begin(.database = "lazy_begin=0");
	client = client_in("app");
	says(client, "Q{begin}");
	hears(server_on(PRIMARY), "Q{begin}");
}
END_TEST

static void refuses_blocks(const char *database)
{
	struct link *next;

	play_begin(.global = "pool_mode = statement");
	client = client_in(database);
	next = client_in(database);
	says(client, "Q{begin}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	hears(client, "F{0A000} EOF");
	/* Its block must not become another client's. */
	says(next, "Q{insert into t values (1)}");
	if (link_is_open(server)) {
		hears(server, "Q{ROLLBACK}");
		says(server, "C{ROLLBACK} Z{I}");
	}
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
}

START_TEST(test_statement_pooling_refuses_blocks)
{
	refuses_blocks("app");
}
END_TEST

START_TEST(test_statement_pooling_refuses_blocks_without_a_cluster)
{
	refuses_blocks("plain");
}
END_TEST

/* A request that leaves a transaction open, and what the server says to it. */
static const struct {
	const char *request;
	const char *answer;
} openings[] = {
	{ "Q{begin}", "C{BEGIN} Z{T}" },
	{ "P{|begin} B{|} E S", "1 2 C{BEGIN} Z{T}" },
	{ "Q{insert into t values (1); begin}", "C{INSERT 0 1} C{BEGIN} Z{T}" },
	{ "Q{begin; select 1/0}", "C{BEGIN} E{22012} Z{E}" },
	{ "P{|begin} B{|} E P{|select 1/0} B{|} E S", "1 2 C{BEGIN} 1 2 E{22012} Z{E}" },
	{ "Q{commit and chain}", "C{COMMIT} Z{T}" },
};

#define OPENINGS (int)(sizeof(openings) / sizeof(openings[0]))

/* Both sides of it are closed, and nobody else is touched. */
START_TEST(test_statement_pooling_ends_who_opens_a_transaction)
{
	const char *database = _i < OPENINGS ? "app" : "plain";
	struct link *other, *busy;

	play_begin(.global = "pool_mode = statement", .database = "pool_size=2",
		   .plain = "pool_size=2");
	other = client_in(database);
	says(other, "Q{insert into o values (1)}");
	busy = server_on(PRIMARY);
	hears(busy, "Q{insert into o values (1)}");
	client = client_in(database);
	says(client, openings[_i % OPENINGS].request);
	server = server_on(PRIMARY);
	ck_assert_ptr_ne(server, busy);
	ck_assert_str_ne(heard(server), "");
	says(server, openings[_i % OPENINGS].answer);
	ck_assert_ptr_nonnull(strstr(heard(client), "F{0A000} EOF"));
	ck_assert_str_eq(link_error(client),
			 "transaction blocks not allowed in statement pooling mode");
	ck_assert(!link_is_open(server));
	says(busy, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
	says(other, "Q{insert into o values (2)}");
	hears(busy, "Q{insert into o values (2)}");
}
END_TEST

/* The transaction of a request ends with it, whatever is in it. */
START_TEST(test_statement_pooling_takes_blocks_that_end_in_their_request)
{
	struct link *other;

	play_begin(.global = "pool_mode = statement", .plain = "pool_size=1");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{begin; select 1; commit}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "C{BEGIN} T D{1} C{SELECT 1} C{COMMIT} Z{I}");
	hears(client, "C{BEGIN} T D{1} C{SELECT 1} C{COMMIT} Z{I}");
	says(client, "P{|select 1} B{|} E H");
	hears(server, "P{|select 1} B{|} E H");
	says(server, "1 2 D{1} C{SELECT 1}");
	hears(client, "1 2 D{1} C{SELECT 1}");
	says(other, "Q{select 9}");
	hears(server, ""); /* until Sync */
	says(client, "P{|select 2} B{|} E S");
	says(server, "1 2 D{2} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{2} C{SELECT 1} Z{I}");
	hears(server, "P{|select 2} B{|} E S Q{select 9}");
}
END_TEST

START_TEST(test_statement_pooling_answers_what_was_asked_before_a_block)
{
	play_begin(.global = "pool_mode = statement", .plain = "pool_size=1");
	client = client_in("plain");
	says(client, "Q{select 1} Q{begin} Q{select 2}");
	server = server_on(PRIMARY);
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says(server, "C{BEGIN} Z{T}");
	ck_assert_ptr_nonnull(strstr(heard(client), "F{0A000} EOF"));
	ck_assert(!link_is_open(server));
}
END_TEST

START_TEST(test_statement_pooling_has_prepared_statements)
{
	struct link *other, *second;

	play_begin(.global = "pool_mode = statement", .plain = "pool_size=2");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "P{a|select 1} S");
	server = server_on(PRIMARY);
	ck_assert_str_ne(heard(server), "");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(other, "Q{select 9}");
	hears(server, "Q{select 9}");
	says(client, "B{|a} E S B{|a} E S");
	second = server_on(PRIMARY); /* has to learn it first */
	ck_assert_ptr_ne(second, server);
	hears(second, "P{PGWEIR_1|select 1} B{|PGWEIR_1} E S");
	says(second, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
	hears(second, "B{|PGWEIR_1} E S");
	says(second, "2 D{2} C{SELECT 1} Z{I}");
	hears(client, "2 D{2} C{SELECT 1} Z{I}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("block");

	tcase_add_test(plays, test_begin_holds_no_server);
	tcase_add_test(plays, test_begin_goes_out_with_the_first_statement);
	tcase_add_test(plays, test_begin_goes_out_before_a_batch);
	tcase_add_test(plays, test_nothing_is_made_up_behind_a_batch_that_may_fail_the_block);
	tcase_add_test(plays, test_answer_of_ours_drops_the_unnamed_statement);
	tcase_add_test(plays,
		       test_answer_of_ours_drops_the_unnamed_statement_of_the_server_it_keeps);
	tcase_add_test(plays, test_begin_by_the_extended_protocol_goes_out_at_once);
	tcase_add_test(plays, test_error_of_the_deferred_begin_is_told);
	tcase_add_test(plays, test_read_only_block_goes_to_a_replica);
	tcase_add_test(plays, test_set_transaction_read_only_is_seen_in_time);
	tcase_add_test(plays, test_end_of_an_empty_block_is_answered);
	tcase_add_test(plays, test_second_begin_is_warned_of);
	tcase_add_test(plays, test_deferred_block_is_not_hurt_by_a_failover);
	tcase_add_test(plays, test_read_only_block_that_was_not_answered_is_sent_anew);
	tcase_add_test(plays, test_block_keeps_its_server_and_its_host);
	tcase_add_test(plays, test_block_without_a_cluster_begins_at_once);
	tcase_add_test(plays, test_lazy_begin_can_be_switched_off);
	tcase_add_test(plays, test_statement_pooling_refuses_blocks);
	tcase_add_test(plays, test_statement_pooling_refuses_blocks_without_a_cluster);
	tcase_add_loop_test(plays, test_statement_pooling_ends_who_opens_a_transaction, 0,
			    2 * OPENINGS);
	tcase_add_test(plays, test_statement_pooling_takes_blocks_that_end_in_their_request);
	tcase_add_test(plays, test_statement_pooling_answers_what_was_asked_before_a_block);
	tcase_add_test(plays, test_statement_pooling_has_prepared_statements);
	return play_main();
}
