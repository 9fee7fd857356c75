/* SPDX-License-Identifier: ISC */
/* What PostgreSQL may say at any moment: notices, notifications, new values, its last words. */
#include <stdio.h>
#include <string.h>

#include "play.h"

/* What each of them is, and how it is heard by who is meant. */
#define ODD "N{n} A{ch} S{extra|1} "
#define ODD_HEARD "N{00000} A{ch} S{extra|1} "

#define FATAL "F{57P01|terminating connection due to administrator command}"

static struct link *client, *other, *server;

/* Two clients and one server, which one of them was given. */
static void begin_asked(const char *query)
{
	client = client_in("plain");
	other = client_in("plain");
	says(client, query);
	server = server_on(PRIMARY);
	hears(server, query);
}

/* The server is free, and its next client hears nothing that was not meant for it. */
static void check_next(void)
{
	says(other, "Q{select 9}");
	hears(server_on(PRIMARY), "Q{select 9}");
	says(server_on(PRIMARY), "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
	hears(client, "");
}

/* The server has gone, and nobody has noticed. */
static void check_replaced(void)
{
	ck_assert(!link_is_open(server));
	heard(server);
	check_next();
	ck_assert_int_eq(servers_on(PRIMARY), 1);
}

static void says_last(const char *words)
{
	queues(server, words);
	leaves(server);
}

/* ---- in a request ---- */

static const char *const databases[] = { "plain", "app" };

START_TEST(test_before_between_and_after_answers)
{
	play_begin(.database = "route=primary");
	client = client_in(databases[_i]);
	says(client, "Q{select 1; select 2}");
	server = server_on(PRIMARY);
	hears(server, "Q{select 1; select 2}");
	says(server, ODD);
	says(server, "T " ODD "D{1} " ODD "C{SELECT 1} " ODD "T D{2} C{SELECT 1} " ODD "Z{I}");
	hears(client, ODD_HEARD "T " ODD_HEARD "D{1} " ODD_HEARD "C{SELECT 1} " ODD_HEARD
				"T D{2} C{SELECT 1} " ODD_HEARD "Z{I}");
}
END_TEST

START_TEST(test_between_the_answers_of_a_batch)
{
	play_begin(.database = "route=primary");
	client = client_in(databases[_i]);
	says(client, "P{a|select 1} B{|a} D{P|} E C{S|a} S");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "1 " ODD "2 " ODD "T " ODD "D{1} " ODD "C{SELECT 1} " ODD "Z{I}");
	hears(client, "1 " ODD_HEARD "2 " ODD_HEARD "T " ODD_HEARD "D{1} " ODD_HEARD
		      "C{SELECT 1} 3 " ODD_HEARD "Z{I}");
}
END_TEST

START_TEST(test_inside_copy)
{
	play_begin();
	begin_asked("Q{copy t from stdin}");
	says(server, ODD "G " ODD);
	says(client, "d{1}");
	says(server, ODD);
	says(client, "d{2} c");
	hears(server, "d{1} d{2} c");
	says(server, ODD "C{COPY 2} Z{I}");
	hears(client, ODD_HEARD "G " ODD_HEARD ODD_HEARD ODD_HEARD "C{COPY 2} Z{I}");
	says(client, "Q{copy t to stdout}");
	hears(server, "Q{copy t to stdout}");
	says(server, ODD "H " ODD "d{1} " ODD "d{2} " ODD "c " ODD "C{COPY 2} " ODD "Z{I}");
	hears(client, ODD_HEARD "H " ODD_HEARD "d{1} " ODD_HEARD "d{2} " ODD_HEARD "c " ODD_HEARD
				"C{COPY 2} " ODD_HEARD "Z{I}");
	check_next();
}
END_TEST

START_TEST(test_last_words_in_a_request)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says_last("T D{1} " FATAL);
	hears(client, "T D{1} E{08006} Z{I}");
	check_replaced();
}
END_TEST

static const char *const copies[][3] = {
	{ "Q{copy t from stdin}", "G " FATAL, "G E{08006} Z{I}" },
	{ "Q{copy t to stdout}", "H d{1} " FATAL, "H d{1} E{08006} Z{I}" },
};

START_TEST(test_last_words_in_copy)
{
	play_begin(.plain = "pool_size=1");
	begin_asked(copies[_i][0]);
	says_last(copies[_i][1]);
	hears(client, copies[_i][2]);
	if (_i == 0)
		says(client, "d{1} c"); /* it learns of it late */
	check_replaced();
}
END_TEST

START_TEST(test_last_words_between_the_requests_of_a_block)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	hears(client, "C{BEGIN} Z{T}");
	says(server, ODD); /* a block has its server, so they are its client's */
	hears(client, "N{00000} A{ch} S{extra|1}");
	says_last(FATAL);
	hears(client, "");
	says(client, "Q{select 1}");
	hears(client, "E{08006} Z{E}");
	says(client, "Q{rollback}");
	hears(client, "C{ROLLBACK} Z{I}");
	check_replaced();
}
END_TEST

/* ---- while nobody has the server ---- */

START_TEST(test_while_the_server_is_idle)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says(server, ODD);
	hears(client, "");
	check_next();
	/* A value that changed in PostgreSQL's file is not that of who came before. */
	says(server, "S{TimeZone|Asia/Tokyo}");
	says(other, "Q{select 1}");
	hears(server, "Q{SET TimeZone='UTC';} Q{select 1}");
	says(server, "S{TimeZone|UTC} C{SET} Z{I} T D{1} C{SELECT 1} Z{I}");
	hears(other, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_last_words_while_the_server_is_idle)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says_last(FATAL);
	hears(client, "");
	check_replaced();
}
END_TEST

static void begin_chores(void)
{
	play_begin(.plain = "pool_size=1", .global = "pool_mode = session");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	heard(server);
	leaves(client);
	hears(server, "Q{DISCARD ALL}");
	client = client_in("plain");
	says(other, "Q{select 9}");
}

START_TEST(test_while_a_session_is_reset)
{
	begin_chores();
	says(server, ODD "C{DISCARD ALL} " ODD "Z{I}");
	hears(server, "Q{select 9}");
	says(server, "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_last_words_while_a_session_is_reset)
{
	begin_chores();
	says_last(ODD FATAL);
	ck_assert(!link_is_open(server));
	hears(other, "");
	hears(server_on(PRIMARY), "Q{select 9}");
}
END_TEST

static void begin_check(void)
{
	play_begin(.plain = "pool_size=1", .global = "server_check_delay = 30");
	begin_asked("Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	pass(31 * SEC);
	says(client, "Q{select 2}");
	hears(server, "Q{}");
}

START_TEST(test_while_a_server_is_checked)
{
	begin_check();
	says(server, ODD "I " ODD "Z{I}");
	hears(server, "Q{select 2}");
	says(server, "T D{2} C{SELECT 1} Z{I}");
	hears(client, "T D{2} C{SELECT 1} Z{I}");
	check_next();
}
END_TEST

START_TEST(test_last_words_while_a_server_is_checked)
{
	begin_check();
	says_last(FATAL);
	hears(client, "");
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

/* ---- in queries of ours ---- */

#define SETTING "Q{SET application_name='one';} "

static void begin_setting(void)
{
	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	client = client_as("alice", "plain", "|application_name=one");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	hears(server, SETTING "Q{select 1}");
}

START_TEST(test_while_parameters_are_set)
{
	begin_setting();
	says(server, "N{n} S{extra|1} S{application_name|one} C{SET} N{n} Z{I} " ODD
		     "T D{1} C{SELECT 1} Z{I}");
	hears(client, "S{extra|1} " ODD_HEARD "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_last_words_while_parameters_are_set)
{
	begin_setting();
	says_last("N{n} " FATAL);
	/* Without splitting nothing is sent anew. */
	hears(client, "E{08006} Z{I}");
	ck_assert(!link_is_open(server));
	says(client, "Q{select 2}");
	hears(server_on(PRIMARY), SETTING "Q{select 2}");
}
END_TEST

static void begin_trial(void)
{
	play_begin(.plain = "pool_size=1");
	other = client_in("plain");
	server = server_on(PRIMARY);
	client = client_new();
	says(client, "start{alice|plain|timezone=cet}");
	hears(server, "Q{SET TimeZone='cet';}");
}

START_TEST(test_while_a_startup_packet_is_tried)
{
	begin_trial();
	says(server, ODD "S{TimeZone|CET} C{SET} " ODD "Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(client), "S{TimeZone|CET}"));
	hears(other, "");
}
END_TEST

/* What the server said of itself is not said of the packet. */
START_TEST(test_last_words_while_a_startup_packet_is_tried)
{
	begin_trial();
	says_last(FATAL);
	hears(client, "");
	server = server_on(PRIMARY);
	hears(server, "Q{SET TimeZone='cet';}");
	says(server, "S{TimeZone|CET} C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

static void begin_question(void)
{
	play_begin(.global = "track_session = 1", .plain = "pool_size=1");
	client = client_in("plain");
	other = client_in("plain");
	says(client, "Q{set work_mem = 5}");
	server = server_on(PRIMARY);
	says(server, "C{SET} Z{I}");
	hears(client, "C{SET} Z{I}");
	heard(server);
}

START_TEST(test_while_a_session_is_asked_for_its_settings)
{
	begin_question();
	says(server, "N{n} T N{n} D{work_mem|5} N{n} C{SELECT 1} N{n} Z{I}");
	hears(client, "");
	says(other, "Q{select 1}");
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem',NULL,false);} Q{select 1}");
}
END_TEST

START_TEST(test_last_words_while_a_session_is_asked_for_its_settings)
{
	begin_question();
	says_last("T D{work_mem|5} " FATAL);
	hears(client, "");
	check_replaced();
}
END_TEST

START_TEST(test_while_a_block_that_was_left_is_rolled_back)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(client);
	leaves(client);
	hears(server, "Q{ROLLBACK}");
	says(other, "Q{select 9}");
	says(server, ODD "C{ROLLBACK} " ODD "Z{I}");
	hears(server, "Q{select 9}");
	hears(other, "");
}
END_TEST

START_TEST(test_for_a_client_that_just_left_its_request)
{
	struct link *gone;

	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says(other, "Q{select 9}");
	gone = client;
	client = client_in("plain");
	queues(server, ODD "T D{1}");
	leaves(gone);
	ck_assert(!link_is_open(server));
	hears(server_on(PRIMARY), "Q{select 9}");
	says(server_on(PRIMARY), "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
	hears(client, "");
}
END_TEST

/* ---- a server that says goodbye and does not go ---- */

static const char *const goodbyes[][3] = {
	/* the client's request, what comes before the last words, what the client hears */
	{ "Q{select 1}", "", "E{08006} Z{I}" },
	{ "Q{select 1}", "T D{1} ", "T D{1} E{08006} Z{I}" },
	{ "P{|select 1} B{|} E S", "1 2 ", "1 2 E{08006} Z{I}" },
	{ "P{|select 1} B{|} E H", "1 2 D{1} ", "1 2 D{1} E{08006}" },
	{ "Q{copy t from stdin}", "G ", "G E{08006} Z{I}" },
	{ "Q{copy t to stdout}", "H d{1} ", "H d{1} E{08006} Z{I}" },
};

START_TEST(test_last_words_end_a_server_that_stays)
{
	char words[200];

	play_begin(.plain = "pool_size=1");
	begin_asked(goodbyes[_i][0]);
	snprintf(words, sizeof(words), "%s" FATAL " D{2}", goodbyes[_i][1]);
	says(server, words);
	hears(client, goodbyes[_i][2]);
	if (_i == 3) {
		says(client, "S");
		hears(client, "Z{I}");
	}
	check_replaced();
}
END_TEST

START_TEST(test_read_whose_server_says_goodbye_and_stays_is_sent_anew)
{
	play_begin();
	client = client_in("app");
	says(client, _i == 0 ? "Q{select 1}" : "P{|select 1} B{|} E S");
	server = server_on(REPLICA);
	heard(server);
	says(server, _i == 0 ? FATAL : "1 2 " FATAL);
	hears(client, "");
	ck_assert(!link_is_open(server));
	server = server_asked();
	hears(server, _i == 0 ? "Q{select 1}" : "P{|select 1} B{|} E S");
	says(server, _i == 0 ? "T D{1} C{SELECT 1} Z{I}" : "1 2 D{1} C{SELECT 1} Z{I}");
	hears(client, _i == 0 ? "T D{1} C{SELECT 1} Z{I}" : "1 2 D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_session_ends_with_the_last_words_of_a_server_that_stays)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	says(server, "T " FATAL);
	hears(client, "T F{57P01} EOF");
	ck_assert(!link_is_open(server));
}
END_TEST

/* Of a startup packet that is tried. */
START_TEST(test_last_words_in_a_trial_end_a_server_that_stays)
{
	begin_trial();
	says(server, FATAL);
	ck_assert(!link_is_open(server));
	hears(client, "");
	server = server_on(PRIMARY);
	hears(server, "Q{SET TimeZone='cet';}");
	says(server, "S{TimeZone|CET} C{SET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

/* ---- a server that talks nonsense ---- */

START_TEST(test_ready_too_often_costs_the_server_alone)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says(server, "T D{1} C{SELECT 1} Z{I} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	check_replaced();
	/* In a block its client is told when it goes on. */
	says(client, "Q{begin}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin}");
	says(server, "C{BEGIN} Z{T} Z{T}");
	hears(client, "C{BEGIN} Z{T}");
	says(client, "Q{select 1}");
	hears(client, "E{08006} Z{E}");
	says(client, "Q{rollback}");
	hears(client, "C{ROLLBACK} Z{I}");
	check_replaced();
}
END_TEST

START_TEST(test_answers_before_nonsense_are_forwarded)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{select 1}");
	says(client, "Q{select 2}");
	heard(server);
	says(server, "T D{1} C{SELECT 1} Z{I} T D{2} 1");
	hears(client, "T D{1} C{SELECT 1} Z{I} T D{2} F{08P01} EOF");
	ck_assert(!link_is_open(server));
	client = client_in("plain");
	check_next();
}
END_TEST

/* ---- LISTEN ---- */

static void begin_listening(void)
{
	play_begin(.global = "pool_mode = session");
	client = client_in("plain");
	says(client, "Q{listen ch}");
	server = server_on(PRIMARY);
	hears(server, "Q{listen ch}");
	says(server, "C{LISTEN} Z{I}");
	hears(client, "C{LISTEN} Z{I}");
}

START_TEST(test_listener_hears_while_it_is_idle)
{
	begin_listening();
	says(server, "A{ch}");
	hears(client, "A{ch}");
	/* In pieces, too. */
	says_part(server, "A{ch} A{ch}", 7);
	says_rest(server);
	hears(client, "A{ch} A{ch}");
}
END_TEST

START_TEST(test_listener_hears_in_a_batch_and_before_it_is_ready)
{
	begin_listening();
	says(client, "P{|select 1} B{|} H");
	says(server, "1 A{ch} 2");
	hears(client, "1 A{ch} 2");
	says(server, "A{ch}");
	hears(client, "A{ch}");
	says(client, "E S");
	says(server, "D{1} C{SELECT 1} A{ch} Z{I}");
	hears(client, "D{1} C{SELECT 1} A{ch} Z{I}");
}
END_TEST

/* A session may be given settings anew by us: notifications come with whatever is asked. */
START_TEST(test_listener_hears_while_a_query_of_ours_runs)
{
	play_begin(.global = "pool_mode = session");
	client = client_new();
	says(client, "start{alice|plain|work_mem=5}");
	server = server_on(PRIMARY);
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem','5',false);}");
	says(server, "T D{5} C{SELECT 1} Z{I}");
	hears(server, "Q{DISCARD ALL}");
	says(server, "C{DISCARD ALL} Z{I}");
	heard(client);
	says(client, "Q{listen ch}");
	hears(server, "Q{SELECT pg_catalog.set_config('work_mem','5',false);}");
	says(server, "T D{5} C{SELECT 1} Z{I}");
	hears(server, "Q{listen ch}");
	says(server, "C{LISTEN} Z{I}");
	hears(client, "C{LISTEN} Z{I}");
	says(client, "Q{reset all}");
	says(server, "C{RESET} Z{I}");
	hears(client, "C{RESET} Z{I}");
	ck_assert_ptr_nonnull(strstr(heard(server), "Q{reset all} Q{#")); /* what the packet said */
	says(server, "A{ch} T D{1} C{SELECT 1} A{ch} Z{I}");
	hears(client, "A{ch} A{ch}");
}
END_TEST

START_TEST(test_session_ends_with_the_last_words_of_its_server)
{
	begin_listening();
	says_last("A{ch} " FATAL);
	hears(client, "A{ch} F{57P01} EOF");
}
END_TEST

START_TEST(test_notification_in_transaction_pooling_is_for_nobody_else)
{
	play_begin(.plain = "pool_size=1");
	begin_asked("Q{listen ch}");
	says(server, "C{LISTEN} Z{I}");
	hears(client, "C{LISTEN} Z{I}");
	hears(server, "Q{UNLISTEN *;}");
	says(other, "Q{select 9}");
	says(server, "A{ch} C{UNLISTEN} A{ch} Z{I}");
	hears(server, "Q{select 9}");
	says(server, "T D{9} C{SELECT 1} Z{I}");
	hears(other, "T D{9} C{SELECT 1} Z{I}");
	hears(client, "");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("moments");

	tcase_add_loop_test(plays, test_before_between_and_after_answers, 0, 2);
	tcase_add_loop_test(plays, test_between_the_answers_of_a_batch, 0, 2);
	tcase_add_test(plays, test_inside_copy);
	tcase_add_test(plays, test_last_words_in_a_request);
	tcase_add_loop_test(plays, test_last_words_in_copy, 0, 2);
	tcase_add_test(plays, test_last_words_between_the_requests_of_a_block);
	tcase_add_test(plays, test_while_the_server_is_idle);
	tcase_add_test(plays, test_last_words_while_the_server_is_idle);
	tcase_add_test(plays, test_while_a_session_is_reset);
	tcase_add_test(plays, test_last_words_while_a_session_is_reset);
	tcase_add_test(plays, test_while_a_server_is_checked);
	tcase_add_test(plays, test_last_words_while_a_server_is_checked);
	tcase_add_test(plays, test_while_parameters_are_set);
	tcase_add_test(plays, test_last_words_while_parameters_are_set);
	tcase_add_test(plays, test_while_a_startup_packet_is_tried);
	tcase_add_test(plays, test_last_words_while_a_startup_packet_is_tried);
	tcase_add_test(plays, test_while_a_session_is_asked_for_its_settings);
	tcase_add_test(plays, test_last_words_while_a_session_is_asked_for_its_settings);
	tcase_add_test(plays, test_while_a_block_that_was_left_is_rolled_back);
	tcase_add_test(plays, test_for_a_client_that_just_left_its_request);
	tcase_add_loop_test(plays, test_last_words_end_a_server_that_stays, 0, 6);
	tcase_add_loop_test(plays, test_read_whose_server_says_goodbye_and_stays_is_sent_anew, 0,
			    2);
	tcase_add_test(plays, test_session_ends_with_the_last_words_of_a_server_that_stays);
	tcase_add_test(plays, test_last_words_in_a_trial_end_a_server_that_stays);
	tcase_add_test(plays, test_ready_too_often_costs_the_server_alone);
	tcase_add_test(plays, test_answers_before_nonsense_are_forwarded);
	tcase_add_test(plays, test_listener_hears_while_it_is_idle);
	tcase_add_test(plays, test_listener_hears_in_a_batch_and_before_it_is_ready);
	tcase_add_test(plays, test_listener_hears_while_a_query_of_ours_runs);
	tcase_add_test(plays, test_session_ends_with_the_last_words_of_its_server);
	tcase_add_test(plays, test_notification_in_transaction_pooling_is_for_nobody_else);
	return play_main();
}
