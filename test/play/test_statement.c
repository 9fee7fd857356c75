/* SPDX-License-Identifier: ISC */
/* Prepared statements: names of clients, statements of servers. */
#include <string.h>

#include "base/bytes.h"
#include "play.h"

START_TEST(test_parse_known_to_the_server_is_made_up_in_order)
{
	struct link *client, *other, *server;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	server = server_on(REPLICA);
	says(client, "P{s1|select $1} B{|s1|1} E S");
	hears(server, "P{PGWEIR_1|select $1} B{|PGWEIR_1|1} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I}");
	says(other, "P{mine|select $1} B{|mine|2} E S");
	hears(server, "B{|PGWEIR_1|2} E S");
	says(server, "2 D{2} C{SELECT 1} Z{I}");
	hears(other, "1 2 D{2} C{SELECT 1} Z{I}");
	/* In the middle of a batch, too. */
	says(other, "B{|mine|3} E P{again|select $1} D{S|again} S");
	hears(server, "B{|PGWEIR_1|3} E D{S|PGWEIR_1} S");
	says(server, "2 D{3}");
	hears(other, "2 D{3}");
	says(server, "C{SELECT 1} t T Z{I}");
	hears(other, "C{SELECT 1} 1 t T Z{I}");
}
END_TEST

START_TEST(test_made_up_reply_comes_before_a_row_that_is_not_whole)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "B{|a} C{S|a} E S");
	server = server_asked();
	hears(server, "B{|a} E S");
	says_part(server, "2 D{#100000} C{SELECT 1} Z{I}", 70000);
	hears(client, "2 3 +69995");
	says_rest(server);
	hears(client, "D{#100000} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_made_up_reply_comes_behind_a_description_that_is_not_whole)
{
	struct link *client, *server;
	uint8_t columns[5 + 100000] = "T";

	be32_put(columns + 1, sizeof(columns) - 1);
	play_begin();
	client = client_in("plain");
	says(client, "D{S|a} C{S|a} S");
	server = server_asked();
	hears(server, "D{S|a} S");
	says(server, "t");
	says_bytes(server, columns, 70000);
	hears(client, "t +70000");
	says_bytes(server, columns + 70000, sizeof(columns) - 70000);
	says(server, "Z{I}");
	hears(client, "T 3 Z{I}");
}
END_TEST

/* More than a server may owe, and the Sync that would bring it is behind. */
START_TEST(test_endless_batch_of_which_all_is_made_up)
{
	struct link *client, *server;

	play_begin();
	client = client_in(_i == 0 ? "app" : "plain");
	says(client, "C{S|a}*150000 S");
	server = server_asked();
	hears(server, "S");
	says(server, "Z{I}");
	hears(client, "3*150000 Z{I}");
}
END_TEST

START_TEST(test_endless_batch_is_asked_for_what_it_owes)
{
	struct link *client, *server;

	play_begin();
	client = client_in(_i == 0 ? "app" : "plain");
	says(client, "P{|select 1} C{S|a}*70000 S");
	server = server_asked();
	hears(server, "P{|select 1} H");
	says(server, "1");
	hears(server, "S");
	says(server, "Z{I}");
	hears(client, "1 3*70000 Z{I}");
}
END_TEST

START_TEST(test_last_message_of_all_that_may_be_owed_reaches_the_server_whole)
{
	struct link *client, *server;
	uint8_t execute[5 + 100000] = "E";

	be32_put(execute + 1, sizeof(execute) - 1);
	memset(execute + 5, 'x', 100000 - 5); /* the portal's name */
	play_begin();
	client = client_in("plain");
	says(client, "P{|select 1}*65535");
	server = server_asked();
	heard(server);
	says_bytes(client, execute, 70000);
	says_bytes(client, execute + 70000, sizeof(execute) - 70000);
	says(client, "S");
	ck_assert_uint_eq(link_unheard(server), sizeof(execute) + 5); /* and a Flush */
	heard(server);
	says(server, "1*65535 C{SELECT 0}");
	hears(server, "S");
	says(server, "Z{I}");
	hears(client, "1*65535 C{SELECT 0} Z{I}");
}
END_TEST

START_TEST(test_batch_of_which_all_is_made_up_is_answered_in_order)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	server = server_on(REPLICA);
	says(client, "P{a|select $1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "P{b|select $1} C{S|a} S");
	hears(server, "P{PGWEIR_1|select $1} S S");
	says(server, "Z{I}");
	hears(client, "1 3 Z{I}");
}
END_TEST

START_TEST(test_flush_brings_what_is_made_up)
{
	struct link *client, *server;

	play_begin(.database = "route=replica");
	client = client_in("app");
	server = server_on(REPLICA);
	says(client, "P{a|select $1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "P{b|select $1} H");
	hears(client, "1");
	says(client, "C{S|b} H");
	hears(client, "3");
	says(client, "S");
	says(server, "Z{I}");
	hears(client, "Z{I}");
}
END_TEST

START_TEST(test_bind_on_another_server_prepares_there)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{s1|select $1} S");
	says(server_on(REPLICA), "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{set pgweir.route = 'primary'}");
	hears(client, "C{SET} Z{I}");
	says(client, "B{|s1|x} D{S|s1} E S");
	hears(server_on(PRIMARY), "P{PGWEIR_1|select $1} B{|PGWEIR_1|x} D{S|PGWEIR_1} E S");
	says(server_on(PRIMARY), "1 2 t T D{x} C{SELECT 1} Z{I}");
	hears(client, "2 t T D{x} C{SELECT 1} Z{I}");
	says(client, "B{|s1|y} E S");
	hears(server_on(PRIMARY), "B{|PGWEIR_1|y} E S");
}
END_TEST

START_TEST(test_failed_injected_parse_is_not_taken_for_prepared)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "P{s1|select a from t} S");
	says(server_on(REPLICA), "1 Z{I}");
	says(client, "Q{set pgweir.route = 'primary'}");
	hears(client, "1 Z{I} C{SET} Z{I}");
	says(client, "B{|s1} E S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select a from t} B{|PGWEIR_1} E S");
	says(server, "E{42P01} Z{I}");
	hears(client, "E{42P01} Z{I}");
	/* The name is still the client's, the statement is tried again. */
	says(client, "B{|s1} E S");
	hears(server, "P{PGWEIR_1|select a from t} B{|PGWEIR_1} E S");
	says(server, "1 2 C{SELECT 0} Z{I}");
	hears(client, "2 C{SELECT 0} Z{I}");
}
END_TEST

START_TEST(test_failed_parse_leaves_the_name_free)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "P{s1|selec} B{|s1} E S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|selec} B{|PGWEIR_1} E S");
	says(server, "E{42601} Z{I}");
	hears(client, "E{42601} Z{I}");
	says(client, "P{s1|insert into t values (1)} B{|s1} E S");
	hears(server, "P{PGWEIR_2|insert into t values (1)} B{|PGWEIR_2} E S");
	says(server, "1 2 C{INSERT 0 1} Z{I}");
	hears(client, "1 2 C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_parse_that_never_ran_is_not_taken_for_prepared)
{
	struct link *client, *other, *server;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says(client, "P{|insert into x values (1)} B{|} E P{s1|insert into t values (1)} S");
	server = server_on(PRIMARY);
	hears(server, "P{|insert into x values (1)} B{|} E P{PGWEIR_2|insert into t values (1)} S");
	says(server, "1 2 E{42P01} Z{I}");
	hears(client, "1 2 E{42P01} Z{I}");
	says(other, "P{s2|insert into t values (1)} S");
	hears(server, "P{PGWEIR_3|insert into t values (1)} S");
	says(server, "1 Z{I}");
	hears(other, "1 Z{I}");
}
END_TEST

START_TEST(test_duplicate_name_is_told_with_the_name_of_the_client)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "P{s1|insert into t values (1)} S");
	server = server_on(PRIMARY);
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	hears(server, "P{PGWEIR_1|insert into t values (1)} S");
	says(client, "P{s1|insert into t values (2)} B{|s1} E S");
	hears(server, "C{S|PGWEIR_new} P{PGWEIR_new|} P{PGWEIR_new|insert into t values (2)} "
		      "B{|PGWEIR_1} E S");
	says(server, "3 1 E{42P05|prepared statement \"PGWEIR_new\" already exists} Z{I}");
	hears(client, "E{42P05} Z{I}");
	ck_assert_str_eq(link_error(client), "prepared statement \"s1\" already exists");
	says(client, "B{|s1} E S");
	hears(server, "B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_unknown_name_is_left_to_the_server)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "B{|nope} E S");
	server = server_asked();
	hears(server, "B{|nope} E S");
	says(server, "E{26000} Z{I}");
	hears(client, "E{26000} Z{I}");
}
END_TEST

START_TEST(test_close_is_made_up_and_frees_the_name)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "P{s1|insert into t values (1)} S");
	server = server_on(PRIMARY);
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	heard(server);
	says(client, "C{S|s1} P{s1|insert into t values (2)} S");
	hears(server, "P{PGWEIR_2|insert into t values (2)} S");
	says(server, "1 Z{I}");
	hears(client, "3 1 Z{I}");
}
END_TEST

START_TEST(test_surplus_statements_are_closed_least_used_first)
{
	struct link *client, *server;

	play_begin(.global = "max_prepared_statements = 2");
	client = client_in("app");
	says(client, "P{a|insert into a values (1)} P{b|insert into b values (1)} B{|a} E S");
	server = server_on(PRIMARY);
	says(server, "1 1 2 C{INSERT 0 1} Z{I}");
	hears(client, "1 1 2 C{INSERT 0 1} Z{I}");
	heard(server);
	says(client, "P{c|insert into c values (1)} S");
	hears(server, "P{PGWEIR_3|insert into c values (1)} C{S|PGWEIR_2} S");
	says(server, "1 3 Z{I}");
	hears(client, "1 Z{I}");
	/* What was closed there is prepared again when it is used. */
	says(client, "B{|b} E S");
	hears(server, "P{PGWEIR_2|insert into b values (1)} C{S|PGWEIR_1} B{|PGWEIR_2} E S");
	says(server, "1 3 2 C{INSERT 0 1} Z{I}");
	hears(client, "2 C{INSERT 0 1} Z{I}");
}
END_TEST

START_TEST(test_unnamed_statement_follows_its_client)
{
	struct link *client, *other;

	play_begin();
	client = client_in("app");
	other = client_in("app");
	says(client, "P{|select $1} D{S|} S");
	hears(server_on(REPLICA), "P{|select $1} D{S|} S");
	says(server_on(REPLICA), "1 t T Z{I}");
	hears(client, "1 t T Z{I}");
	says(other, "Q{select 1}");
	hears(server_at(REPLICA, 0), "Q{select 1}");
	says(client, "B{||x} E S");
	hears(server_at(REPLICA, 1), "P{|select $1} B{||x} E S");
	says(server_at(REPLICA, 1), "1 2 D{x} C{SELECT 1} Z{I}");
	hears(client, "2 D{x} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_unnamed_statement_is_not_that_of_another_client)
{
	struct link *client, *other, *server;

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	server = server_on(REPLICA);
	says(client, "P{|select $1} D{S|} S");
	says(server, "1 t T Z{I}");
	hears(client, "1 t T Z{I}");
	says(other, "P{|select 2} B{|} E S");
	says(server, "1 2 D{2} C{SELECT 1} Z{I}");
	hears(other, "1 2 D{2} C{SELECT 1} Z{I}");
	heard(server);
	says(client, "B{||x} E S");
	hears(server, "P{|select $1} B{||x} E S");
}
END_TEST

START_TEST(test_statement_keeps_its_verdict)
{
	struct link *client;

	play_begin();
	client = client_in("app");
	says(client, "P{w|insert into t values ($1)} S P{r|select $1} S");
	hears(server_on(PRIMARY),
	      "P{PGWEIR_1|insert into t values ($1)} S P{PGWEIR_2|select $1} S");
	says(server_on(PRIMARY), "1 Z{I} 1 Z{I}");
	hears(client, "1 Z{I} 1 Z{I}");
	all_fresh();
	says(client, "B{|r|1} E S");
	hears(server_on(REPLICA), "P{PGWEIR_2|select $1} B{|PGWEIR_2|1} E S");
	says(server_on(REPLICA), "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
	says(client, "B{|w|1} E S");
	hears(server_on(PRIMARY), "B{|PGWEIR_1|1} E S");
}
END_TEST

START_TEST(test_discard_all_forgets_statements)
{
	struct link *client, *server;

	play_begin();
	client = client_in("app");
	says(client, "P{a|insert into a values (1)} S");
	server = server_on(PRIMARY);
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{discard all}");
	says(server, "C{DISCARD ALL} Z{I}");
	hears(client, "C{DISCARD ALL} Z{I}");
	heard(server);
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	says(client, "P{a|insert into a values (1)} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "|insert into a values (1)} S"));
}
END_TEST

START_TEST(test_session_pooling_keeps_the_names_of_the_client)
{
	struct link *client;

	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	says(client, "P{s1|select $1} B{|s1|1} E C{S|s1} S");
	hears(server_on(PRIMARY), "P{s1|select $1} B{|s1|1} E C{S|s1} S");
	says(server_on(PRIMARY), "1 2 D{1} C{SELECT 1} 3 Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} 3 Z{I}");
}
END_TEST

/* ---- prepared anew ---- */

static struct link *client, *server;

/* A client of a plain entry that has prepared s1, as PGWEIR_1. */
static void begin_prepared(bool described)
{
	play_begin();
	client = client_in("plain");
	says(client, described ? "P{s1|select a} D{S|s1} S" : "P{s1|select a} S");
	server = server_on(PRIMARY);
	says(server, described ? "1 t T{a} Z{I}" : "1 Z{I}");
	heard(client);
	heard(server);
}

START_TEST(test_lost_statement_is_prepared_anew_and_the_request_sent_again)
{
	begin_prepared(false);
	says(client, "B{|s1} E S");
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "E{26000} Z{I}");
	hears(client, "");
	hears(server, "C{S|PGWEIR_1} P{PGWEIR_1|select a} B{|PGWEIR_1} E S");
	says(server, "3 1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
	says(client, "B{|s1} E S");
	hears(server, "B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_foreign_statement_of_our_name_makes_room)
{
	begin_prepared(false);
	says(client, "P{s2|select b} B{|s2} E S");
	hears(server, "P{PGWEIR_2|select b} B{|PGWEIR_2} E S");
	says(server, "E{42P05} Z{I}");
	hears(client, "");
	hears(server, "C{S|PGWEIR_2} P{PGWEIR_2|select b} B{|PGWEIR_2} E S");
	says(server, "3 1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_nothing_is_sent_again_once_something_was_answered)
{
	begin_prepared(false);
	says(client, "P{|select 1} B{|} E B{|s1} E S");
	heard(server);
	says(server, "1 2 D{1} C{SELECT 1} E{26000} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} E{26000} Z{I}");
	hears(server, "");
	says(client, "B{|s1} E S");
	hears(server, "C{S|PGWEIR_1} P{PGWEIR_1|select a} B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_pipeline_behind_a_lost_statement_is_not_sent_again)
{
	begin_prepared(false);
	says(client, "B{|s1} E S Q{select 1}");
	heard(server);
	says(server, "E{26000} Z{I} C{SELECT 1} Z{I}");
	hears(client, "E{26000} Z{I} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_server_new_to_a_statement_is_asked_for_its_columns_first)
{
	struct link *other;

	begin_prepared(true);
	other = client_in("plain");
	says(other, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(server);
	says(client, "B{|s1} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	says(server, "1 t T{a}");
	hears(client, "");
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_other_columns_are_an_error_before_anything_runs)
{
	struct link *other;

	begin_prepared(true);
	other = client_in("plain");
	says(other, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(server);
	says(client, "B{|s1} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	says(server, "1 t T{b}");
	hears(server, "B{|PGWEIR_none} E S");
	says(server, "E{26000} Z{I}");
	hears(client, "E{0A000} Z{I}");
	/* Who asks for the columns gets them. */
	says(client, "B{|s1} D{P|} E S");
	hears(server, "B{|PGWEIR_1} D{P|} E S");
}
END_TEST

START_TEST(test_request_that_waits_for_columns_outlives_its_server)
{
	struct link *other;

	begin_prepared(true);
	other = client_in("plain");
	says(other, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(server);
	says(client, "B{|s1} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	breaks(server);
	server = server_asked();
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	says(server, "1 t T{a}");
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

/* A client of a plain entry with one server that has prepared a statement on one that is gone. */
static void begin_elsewhere(const char *prepared, const char *answers)
{
	play_begin(.plain = "pool_size=1");
	client = client_in("plain");
	says(client, prepared);
	says(server_on(PRIMARY), answers);
	heard(client);
	heard(server_on(PRIMARY));
	breaks(server_on(PRIMARY));
}

START_TEST(test_server_that_was_asked_for_columns_is_nobody_elses_before_it_is_used)
{
	struct link *other;

	begin_elsewhere("P{s1|select a} D{S|s1} S", "1 t T{a} Z{I}");
	other = client_in("plain");
	says(client, "B{|s1} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	says(other, "Q{select 2}");
	says(server, "1 t T{a}");
	hears(server, "B{|PGWEIR_1} E S"); /* a transaction has begun there */
	says(server, "2 D{1} C{SELECT 1} Z{I}");
	hears(client, "2 D{1} C{SELECT 1} Z{I}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_columns_are_asked_for_at_once_also_by_who_waited_for_something_else)
{
	begin_elsewhere("P{s1|select a} D{S|s1} S", "1 t T{a} Z{I}");
	says(client, "P{x|selekt} C{S|s1} S P{|select 3} B{||} E S B{|s1} E");
	server = server_asked();
	hears(server, "P{PGWEIR_2|selekt} S P{|select 3} B{||} E S");
	says(server, "E{42601} Z{I}");
	says(client, "S");
	hears(server, "P{PGWEIR_1|select a} D{S|PGWEIR_1} H");
	says(server, "1 2 D{3} C{SELECT 1} Z{I} 1 t T{a}");
	hears(server, "B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_deallocate_that_waits_for_its_name_asks_for_what_it_waits_for)
{
	begin_elsewhere("P{d|deallocate b} S", "1 Z{I}");
	says(client, "P{b|select b} S B{|d} E S");
	server = server_asked();
	hears(server, "P{PGWEIR_2|select b} S P{PGWEIR_1|deallocate b} H");
	says(server, "1 Z{I} 1");
	hears(client, "1 Z{I}");
	hears(server, "C{S|b} P{b|} B{|PGWEIR_1} E S");
}
END_TEST

START_TEST(test_deallocate_behind_a_flush_ends_the_batch_on_its_server)
{
	begin_prepared(false);
	says(client, "P{|insert} B{||} E H");
	says(server, "1 2 C{INSERT 0 1}");
	hears(client, "1 2 C{INSERT 0 1}");
	heard(server);
	says(client, "Q{deallocate s1}");
	hears(server, "C{S|s1} P{s1|} Q{deallocate s1}");
	says(server, "3 1 C{DEALLOCATE} Z{I}");
	hears(client, "C{DEALLOCATE} Z{I}");
	says(client, "B{|s1} E S");
	hears(server, "B{|s1} E S"); /* it is not the client's any more */
}
END_TEST

START_TEST(test_what_depends_on_owed_replies_waits_for_them)
{
	begin_prepared(false);
	says(client, "P{x|selekt} C{S|s1} S B{|s1} E S");
	hears(server, "P{PGWEIR_2|selekt} S");
	says(server, "E{42601} Z{I}");
	hears(server, "B{|PGWEIR_1} E S");
	says(server, "2 D{1} C{SELECT 1} Z{I}");
	hears(client, "E{42601} Z{I} 2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_statement_used_behind_deallocate_all_in_a_batch_is_prepared_again)
{
	begin_prepared(false);
	says(client, "P{|deallocate all} B{|} E P{t|select a} B{|t} E S");
	hears(server, "P{|deallocate all} B{|} E H");
	says(server, "1 2 C{DEALLOCATE ALL}");
	hears(client, "1 2 C{DEALLOCATE ALL}");
	hears(server, "P{PGWEIR_3|select a} B{|PGWEIR_3} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_deallocate_that_we_answer_drops_the_unnamed_statement)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "Q{begin read write} P{a|select $1} P{|select 1} S");
	server = server_on(PRIMARY);
	hears(server, "Q{begin read write} P{PGWEIR_1|select $1} P{|select 1} S");
	says(server, "C{BEGIN} Z{T} 1 1 Z{T}");
	hears(client, "C{BEGIN} Z{T} 1 1 Z{T}");
	says(client, "Q{deallocate a} B{||} E S");
	hears(server, "C{S|} B{||} E S");
	says(server, "3 E{26000} Z{E}");
	hears(client, "C{DEALLOCATE} Z{T} E{26000} Z{E}");
}
END_TEST

START_TEST(test_what_a_statement_of_the_servers_own_name_sets_is_cleaned_each_time)
{
	play_begin(.global = "max_prepared_statements = 0");
	client = client_in("plain");
	says(client, "P{s|select set_config('geqo', 'off', false)} S");
	server = server_on(PRIMARY);
	hears(server, "P{s|select set_config('geqo', 'off', false)} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	hears(server, "Q{RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;}");
	says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	for (int i = 0; i < 2; i++) {
		says(client, "B{|s} E S");
		hears(server, "B{|s} E S");
		says(server, "2 D{off} C{SELECT 1} Z{I}");
		hears(client, "2 D{off} C{SELECT 1} Z{I}");
		hears(server, "Q{RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;}");
		says(server, "C{RESET} C{RESET} C{RESET} Z{I}");
	}
	/* Nothing else is cleaned. */
	says(client, "P{|select 1} B{||} E S");
	hears(server, "P{|select 1} B{||} E S");
	says(server, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, "1 2 D{1} C{SELECT 1} Z{I}");
	hears(server, "");
}
END_TEST

START_TEST(test_deallocate_that_is_run_twice_fails_by_the_clients_name)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "P{my one|select 1} S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select 1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "P{|deallocate \"my one\"} B{||} E B{||} E S");
	hears(server, "P{pgweir_gone_1|} P{|DEALLOCATE pgweir_gone_1} B{||} E B{||} E S");
	says(server, "1 1 2 C{DEALLOCATE} 2 "
		     "E{26000|prepared statement \"pgweir_gone_1\" does not exist} Z{I}");
	hears(client, "1 2 C{DEALLOCATE} 2 E{26000} Z{I}");
	ck_assert_str_eq(link_error(client), "prepared statement \"my one\" does not exist");
}
END_TEST

/* psqlODBC: SAVEPOINT, DEALLOCATE, RELEASE as one query. */
START_TEST(test_deallocate_among_other_statements_has_a_statement_to_drop)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "P{_PLAN|select $1} S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select $1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{savepoint s;deallocate \"_PLAN\";release s}");
	hears(server, "C{S|_PLAN} P{_PLAN|} Q{savepoint s;deallocate \"_PLAN\";release s}");
	says(server, "3 1 C{SAVEPOINT} C{DEALLOCATE} C{RELEASE} Z{I}");
	hears(client, "C{SAVEPOINT} C{DEALLOCATE} C{RELEASE} Z{I}");
	/* The name is free, the server still has what other clients prepared. */
	says(client, "P{_PLAN|select $1} B{|_PLAN|1} E S");
	hears(server, "B{|PGWEIR_1|1} E S");
	says(server, "2 C{SELECT 1} Z{I}");
	hears(client, "1 2 C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_deallocate_that_was_not_reached_leaves_the_name)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "P{_PLAN|select $1} S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select $1} S");
	says(server, "1 Z{I}");
	hears(client, "1 Z{I}");
	says(client, "Q{select 1/0;deallocate \"_PLAN\"}");
	hears(server, "C{S|_PLAN} P{_PLAN|} Q{select 1/0;deallocate \"_PLAN\"}");
	says(server, "3 1 E{22012} Z{I}");
	hears(client, "E{22012} Z{I}");
	says(client, "B{|_PLAN|1} E S");
	hears(server, "B{|PGWEIR_1|1} E S");
}
END_TEST

START_TEST(test_deallocate_with_a_name_has_a_statement_to_drop)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "P{a|select $1} P{d|deallocate a} S");
	server = server_on(PRIMARY);
	hears(server, "P{PGWEIR_1|select $1} P{PGWEIR_2|deallocate a} S");
	says(server, "1 1 Z{I}");
	hears(client, "1 1 Z{I}");
	says(client, "B{|d} E B{|a|1} E S");
	/* Whether there is an `a` is not known before the first was run. */
	hears(server, "C{S|a} P{a|} B{|PGWEIR_2} E H");
	says(server, "3 1 2 C{DEALLOCATE}");
	hears(client, "2 C{DEALLOCATE}");
	hears(server, "B{|a|1} E S");
	says(server, "E{26000} Z{I}");
	hears(client, "E{26000} Z{I}");
	says(client, "B{|d} E S");
	hears(server, "B{|PGWEIR_2} E S");
}
END_TEST

START_TEST(test_deallocate_with_a_name_that_was_not_run_takes_nothing)
{
	play_begin(.database = "route=primary");
	client = client_in("app");
	says(client, "P{a|select $1} P{d|deallocate a} S");
	server = server_on(PRIMARY);
	says(server, "1 1 Z{I}");
	says(client, "B{|d} S");
	hears(server, "P{PGWEIR_1|select $1} P{PGWEIR_2|deallocate a} S "
		      "C{S|a} P{a|} B{|PGWEIR_2} S");
	says(server, "3 1 2 Z{I}");
	hears(client, "1 1 Z{I} 2 Z{I}");
	says(client, "Q{deallocate b}");
	says(server, "C{DEALLOCATE} Z{I}");
	hears(client, "C{DEALLOCATE} Z{I}");
	hears(server, "Q{deallocate b}");
	says(client, "B{|a|1} E S");
	hears(server, "B{|PGWEIR_1|1} E S");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("statement");

	tcase_add_test(plays, test_parse_known_to_the_server_is_made_up_in_order);
	tcase_add_test(plays, test_deallocate_that_we_answer_drops_the_unnamed_statement);
	tcase_add_test(plays,
		       test_what_a_statement_of_the_servers_own_name_sets_is_cleaned_each_time);
	tcase_add_test(plays, test_deallocate_that_is_run_twice_fails_by_the_clients_name);
	tcase_add_test(plays, test_deallocate_among_other_statements_has_a_statement_to_drop);
	tcase_add_test(plays, test_deallocate_that_was_not_reached_leaves_the_name);
	tcase_add_test(plays, test_deallocate_with_a_name_has_a_statement_to_drop);
	tcase_add_test(plays, test_deallocate_with_a_name_that_was_not_run_takes_nothing);
	tcase_add_test(plays, test_made_up_reply_comes_before_a_row_that_is_not_whole);
	tcase_add_test(plays, test_made_up_reply_comes_behind_a_description_that_is_not_whole);
	tcase_add_loop_test(plays, test_endless_batch_of_which_all_is_made_up, 0, 2);
	tcase_add_loop_test(plays, test_endless_batch_is_asked_for_what_it_owes, 0, 2);
	tcase_add_test(plays, test_last_message_of_all_that_may_be_owed_reaches_the_server_whole);
	tcase_add_test(plays, test_batch_of_which_all_is_made_up_is_answered_in_order);
	tcase_add_test(plays, test_flush_brings_what_is_made_up);
	tcase_add_test(plays, test_bind_on_another_server_prepares_there);
	tcase_add_test(plays, test_failed_injected_parse_is_not_taken_for_prepared);
	tcase_add_test(plays, test_failed_parse_leaves_the_name_free);
	tcase_add_test(plays, test_parse_that_never_ran_is_not_taken_for_prepared);
	tcase_add_test(plays, test_duplicate_name_is_told_with_the_name_of_the_client);
	tcase_add_test(plays, test_unknown_name_is_left_to_the_server);
	tcase_add_test(plays, test_close_is_made_up_and_frees_the_name);
	tcase_add_test(plays, test_surplus_statements_are_closed_least_used_first);
	tcase_add_test(plays, test_unnamed_statement_follows_its_client);
	tcase_add_test(plays, test_unnamed_statement_is_not_that_of_another_client);
	tcase_add_test(plays, test_statement_keeps_its_verdict);
	tcase_add_test(plays, test_discard_all_forgets_statements);
	tcase_add_test(plays, test_session_pooling_keeps_the_names_of_the_client);
	tcase_add_test(plays, test_lost_statement_is_prepared_anew_and_the_request_sent_again);
	tcase_add_test(plays, test_foreign_statement_of_our_name_makes_room);
	tcase_add_test(plays, test_nothing_is_sent_again_once_something_was_answered);
	tcase_add_test(plays, test_pipeline_behind_a_lost_statement_is_not_sent_again);
	tcase_add_test(plays, test_server_new_to_a_statement_is_asked_for_its_columns_first);
	tcase_add_test(plays, test_other_columns_are_an_error_before_anything_runs);
	tcase_add_test(plays, test_request_that_waits_for_columns_outlives_its_server);
	tcase_add_test(plays,
		       test_server_that_was_asked_for_columns_is_nobody_elses_before_it_is_used);
	tcase_add_test(plays,
		       test_columns_are_asked_for_at_once_also_by_who_waited_for_something_else);
	tcase_add_test(plays, test_deallocate_that_waits_for_its_name_asks_for_what_it_waits_for);
	tcase_add_test(plays, test_deallocate_behind_a_flush_ends_the_batch_on_its_server);
	tcase_add_test(plays, test_what_depends_on_owed_replies_waits_for_them);
	tcase_add_test(plays,
		       test_statement_used_behind_deallocate_all_in_a_batch_is_prepared_again);
	return play_main();
}
