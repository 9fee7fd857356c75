/* SPDX-License-Identifier: ISC */
/* COPY in both protocols, both ways, and what goes wrong in it. */
#include "play.h"

static struct link *client, *server;

static void begin(void)
{
	play_begin(.database = "pool_size=1");
	client = client_in("app");
}

/* The server is free: another client gets it. */
static void check_free(void)
{
	struct link *other = client_in("app");

	says(other, "Q{insert into o values (1)}");
	hears(server_on(PRIMARY), "Q{insert into o values (1)}");
	says(server_on(PRIMARY), "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
	ck_assert_int_eq(servers_on(PRIMARY), 1);
}

START_TEST(test_copy_in)
{
	begin();
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	hears(server, "Q{copy t from stdin}");
	says(server, "G");
	hears(client, "G");
	says(client, "d{1} d{2} c");
	hears(server, "d{1} d{2} c");
	says(server, "C{COPY 2} Z{I}");
	hears(client, "C{COPY 2} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_and_its_end_sent_along_with_the_query)
{
	begin();
	says(client, "Q{copy t from stdin} d{1} c");
	server = server_on(PRIMARY);
	hears(server, "Q{copy t from stdin} d{1} c");
	says(server, "G");
	hears(client, "G");
	says(server, "C{COPY 1} Z{I}");
	hears(client, "C{COPY 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_sent_along_with_its_query)
{
	begin();
	says(client, "Q{copy t from stdin} d{1} d{2} c Q{insert into t values (3)}");
	server = server_on(PRIMARY);
	hears(server, "Q{copy t from stdin} d{1} d{2} c Q{insert into t values (3)}");
	says(server, "G C{COPY 2} Z{I}");
	hears(client, "G C{COPY 2} Z{I}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_that_the_client_gives_up)
{
	begin();
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	says(client, "d{1} f{no more}");
	hears(server, "Q{copy t from stdin} d{1} f{no more}");
	says(server, "E{57014} Z{I}");
	hears(client, "G E{57014} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_that_the_server_gives_up)
{
	begin();
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	says(client, "d{1}");
	says(server, "E{22P02} Z{I}");
	hears(client, "G E{22P02} Z{I}");
	heard(server);
	/* The client learns of it late. */
	says(client, "d{2} d{3} c Q{insert into t values (1)}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	check_free();
}
END_TEST

/* The answer comes in the middle of a message that the server ignores: then the server is free. */
START_TEST(test_copy_in_that_ends_inside_of_a_message)
{
	begin();
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	says_part(client, "d{#5000} c", 1000);
	says(server, "E{22P02} Z{I}");
	hears(client, "G E{22P02} Z{I}");
	says_rest(client);
	heard(server);
	check_free();
}
END_TEST

START_TEST(test_copy_in_of_a_batch)
{
	begin();
	says(client, "P{|copy t from stdin} B{|} E H");
	server = server_on(PRIMARY);
	hears(server, "P{|copy t from stdin} B{|} E H");
	says(server, "1 2 G");
	hears(client, "1 2 G");
	says(client, "d{1} c S");
	hears(server, "d{1} c S");
	says(server, "C{COPY 1} Z{I}");
	hears(client, "C{COPY 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_sync_before_copy_in_is_ignored_by_the_server)
{
	begin();
	says(client, "P{|copy t from stdin} B{|} E S");
	server = server_on(PRIMARY);
	hears(server, "P{|copy t from stdin} B{|} E S");
	says(server, "1 2 G");
	hears(client, "1 2 G");
	says(client, "d{1} c");
	hears(server, "d{1} c");
	says(server, "C{COPY 1}");
	hears(client, "C{COPY 1}");
	says(client, "S");
	hears(server, "S"); /* until then nothing is committed */
	says(server, "Z{I}");
	hears(client, "Z{I}");
	check_free();
}
END_TEST

START_TEST(test_batch_goes_on_behind_copy_in)
{
	begin();
	says(client, "P{|copy t from stdin} B{|} E d{1} c P{|insert into t values (1)} B{|} E S");
	server = server_on(PRIMARY);
	hears(server, "P{|copy t from stdin} B{|} E d{1} c P{|insert into t values (1)} B{|} E S");
	says(server, "1 2 G C{COPY 1} 1 2 C{INSERT 0 1} Z{I}");
	hears(client, "1 2 G C{COPY 1} 1 2 C{INSERT 0 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_of_a_batch_that_is_sent_whole)
{
	begin();
	says(client, "P{|copy t from stdin} B{|} E S d{1} c S");
	server = server_on(PRIMARY);
	hears(server, "P{|copy t from stdin} B{|} E S d{1} c S");
	says(server, "1 2 G C{COPY 1} Z{I}");
	hears(client, "1 2 G C{COPY 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_of_a_batch_that_fails)
{
	begin();
	says(client, "P{|copy t from stdin} B{|} E S");
	server = server_on(PRIMARY);
	says(server, "1 2 G");
	says(client, "d{1}");
	says(server, "E{22P02}");
	hears(client, "1 2 G E{22P02}");
	heard(server);
	says(client, "d{2} c");
	hears(server, ""); /* it would ignore them */
	says(client, "S");
	hears(server, "S");
	says(server, "Z{I}");
	hears(client, "Z{I}");
	hears(server, "Q{;}"); /* whether it had ignored the first Sync nobody knows */
	says(server, "I Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_out)
{
	begin();
	says(client, "Q{copy t to stdout}");
	server = server_on(REPLICA);
	hears(server, "Q{copy t to stdout}");
	says(server, "H d{1}");
	hears(client, "H d{1}");
	says(server, "d{2} c C{COPY 2} Z{I}");
	hears(client, "d{2} c C{COPY 2} Z{I}");
	says(client_in("app"), "Q{select 1}");
	hears(server, "Q{select 1}");
}
END_TEST

START_TEST(test_large_copy_data_goes_through_in_pieces)
{
	begin();
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	heard(server);
	says_part(client, "d{#200000}", 70000);
	hears(server, "+70000");
	says_rest(client);
	says(client, "c");
	hears(server, "d{#200000} c");
	says(server, "C{COPY 1} Z{I}");
	hears(client, "G C{COPY 1} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_in_inside_a_block)
{
	begin();
	says(client, "Q{begin} Q{copy t from stdin}");
	server = server_on(PRIMARY);
	hears(server, "Q{begin} Q{copy t from stdin}");
	says(server, "C{BEGIN} Z{T} G");
	hears(client, "C{BEGIN} Z{T} G");
	says(client, "d{1} c");
	says(server, "C{COPY 1} Z{T}");
	hears(client, "C{COPY 1} Z{T}");
	heard(server);
	says(client, "Q{commit}");
	hears(server, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	hears(client, "C{COMMIT} Z{I}");
	check_free();
}
END_TEST

START_TEST(test_copy_messages_out_of_place_are_ignored)
{
	begin();
	says(client, "d{1} c f{x} H S");
	hears(client, "Z{I}");
	check_free();
}
END_TEST

/* ---- bad moments, for databases with and without splitting ---- */

static const char *const bases[] = { "app", "plain" };

/* In copy-in mode, asked for by a simple query (0, 1) or by a batch (2, 3). */
static void begin_copy_in(int i, const char *global)
{
	play_begin(.global = global, .database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[i % 2]);
	says(client, i < 2 ? "Q{copy t from stdin}" : "P{|copy t from stdin} B{|} E H");
	server = server_on(PRIMARY);
	heard(server);
	says(server, i < 2 ? "G" : "1 2 G");
	hears(client, i < 2 ? "G" : "1 2 G");
}

/* Another client of the same database gets a server, this one or one that replaces it. */
static void check_served(int i)
{
	struct link *other = client_in(bases[i % 2]);

	says(other, "Q{insert into o values (1)}");
	hears(server_on(PRIMARY), "Q{insert into o values (1)}");
	says(server_on(PRIMARY), "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
	ck_assert_int_eq(servers_on(PRIMARY), 1);
}

START_TEST(test_sync_and_flush_during_copy_in_are_ignored_by_the_server)
{
	begin_copy_in(_i, NULL);
	says(client, "d{1} S d{2} H c");
	hears(server, "d{1} S d{2} H c");
	if (_i >= 2) {
		says(server, "C{COPY 2}");
		hears(client, "C{COPY 2}");
		says(client, "S");
		hears(server, "S");
		says(server, "Z{I}");
		hears(client, "Z{I}");
	} else {
		says(server, "C{COPY 2} Z{I}");
		hears(client, "C{COPY 2} Z{I}");
	}
	check_served(_i);
}
END_TEST

START_TEST(test_client_gives_copy_in_up)
{
	begin_copy_in(_i, NULL);
	says(client, _i < 2 ? "d{1} f{no more}" : "d{1} f{no more} S");
	heard(server);
	says(server, "E{57014} Z{I}");
	hears(client, "E{57014} Z{I}");
	check_served(_i);
}
END_TEST

START_TEST(test_client_says_goodbye_in_copy_in)
{
	begin_copy_in(_i, NULL);
	says(client, "d{1} X");
	hears(client, "EOF");
	ck_assert(!link_is_open(server));
	check_served(_i);
}
END_TEST

START_TEST(test_server_is_lost_in_copy_in)
{
	bool split = _i % 2 == 0;

	begin_copy_in(_i, NULL);
	says_part(client, "d{#5000} d{2} c", 1000);
	breaks(server);
	hears(client, _i >= 2 ? (split ? "E{08007}" : "E{08006}")
			      : (split ? "E{08007} Z{I}" : "E{08006} Z{I}"));
	says_rest(client); /* nobody wants it any more */
	hears(client, "");
	if (_i >= 2) {
		says(client, "S");
		hears(client, "Z{I}");
	}
	all_fresh();
	says(client, "Q{insert into t values (1)}");
	hears(server_on(PRIMARY), "Q{insert into t values (1)}");
	says(server_on(PRIMARY), "C{INSERT 0 1} Z{I}");
	hears(client, "C{INSERT 0 1} Z{I}");
	check_served(_i);
}
END_TEST

START_TEST(test_query_timeout_in_copy_in)
{
	begin_copy_in(_i, "query_timeout = 5");
	pass(4 * SEC);
	says(client, "d{1}"); /* the time counts from its last word */
	pass(SEC);
	hears(client, "");
	pass(5 * SEC);
	hears(client, "F{57014} EOF");
	ck_assert(!link_is_open(server));
	check_served(_i);
}
END_TEST

START_TEST(test_query_timeout_in_copy_in_without_any_data)
{
	begin_copy_in(_i, "query_timeout = 5");
	pass(5 * SEC);
	hears(client, "F{57014} EOF");
	ck_assert(!link_is_open(server));
	check_served(_i);
}
END_TEST

START_TEST(test_query_timeout_in_copy_out)
{
	play_begin(.global = "query_timeout = 5", .plain = "pool_size=1");
	client = client_in("plain");
	says(client, "Q{copy t to stdout}");
	server = server_on(PRIMARY);
	says(server, "H d{1}");
	pass(5 * SEC);
	hears(client, "H d{1} F{57014} EOF");
	ck_assert(!link_is_open(server));
	check_served(1);
}
END_TEST

/* What comes late for a COPY that failed is no request, which could take too long. */
static void comes_late(const char *status)
{
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "G");
	says(server, status);
	heard(client);
	says(client, "d{1} d{2} c f{x}");
	hears(server, "");
	pass(6 * SEC);
	hears(client, "");
	ck_assert(link_is_open(client));
	says(client, "Q{rollback}");
	hears(server, "Q{rollback}");
	says(server, "C{ROLLBACK} Z{I}");
	hears(client, "C{ROLLBACK} Z{I}");
}

START_TEST(test_late_copy_data_is_no_request_in_a_session)
{
	play_begin(.global = "pool_mode = session\nquery_timeout = 5");
	client = client_in("plain");
	comes_late("E{22P02} Z{I}");
}
END_TEST

START_TEST(test_late_copy_data_is_no_request_in_a_block)
{
	play_begin(.global = "query_timeout = 5");
	client = client_in(bases[_i]);
	says(client, "Q{begin} Q{insert into t values (1)}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} C{INSERT 0 1} Z{T}");
	comes_late("E{22P02} Z{E}");
}
END_TEST

START_TEST(test_copies_of_one_query)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	says(client, "Q{copy t from stdin; copy u from stdin; copy t to stdout}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "G");
	says(client, "d{1} c");
	says(server, "C{COPY 1} G");
	hears(client, "G C{COPY 1} G");
	says(client, "d{2} c");
	hears(server, "d{1} c d{2} c");
	says(server, "C{COPY 1} H d{1} c C{COPY 1} Z{I}");
	hears(client, "C{COPY 1} H d{1} c C{COPY 1} Z{I}");
	check_served(_i);
}
END_TEST

START_TEST(test_copies_of_one_query_whose_data_is_sent_at_once)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	says(client, "Q{copy t from stdin; copy u from stdin} d{1} c d{2} c Q{delete from o}");
	server = server_on(PRIMARY);
	hears(server, "Q{copy t from stdin; copy u from stdin} d{1} c d{2} c Q{delete from o}");
	says(server, "G C{COPY 1} G C{COPY 1} Z{I} C{DELETE 1} Z{I}");
	hears(client, "G C{COPY 1} G C{COPY 1} Z{I} C{DELETE 1} Z{I}");
	check_served(_i);
}
END_TEST

/* The second one's data comes when it is asked for, the first one's came before. */
START_TEST(test_copies_of_one_query_whose_data_is_sent_at_once_and_later)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	says(client, "Q{copy t from stdin; copy u from stdin} d{1} c");
	server = server_on(PRIMARY);
	says(server, "G C{COPY 1} G");
	hears(client, "G C{COPY 1} G");
	says(client, "d{2} S c");
	says(server, "C{COPY 1} Z{I}");
	hears(client, "C{COPY 1} Z{I}");
	heard(server);
	check_served(_i);
}
END_TEST

START_TEST(test_copy_out_to_a_client_that_stops_reading)
{
	play_begin(.plain = "pool_size=1");
	client = client_in("plain");
	says(client, "Q{copy t to stdout}");
	server = server_on(PRIMARY);
	heard(server);
	takes_only(client, 100);
	says(server, "H d{#5000}*400 c C{COPY 400} Z{I}");
	ck_assert_uint_gt(link_unread(server), 0);
	if (_i == 0) {
		takes_all(client);
		ck_assert_uint_eq(link_unread(server), 0);
	} else {
		leaves(client);
		ck_assert(!link_is_open(server));
	}
	check_served(1);
}
END_TEST

START_TEST(test_copy_in_statement_pooling)
{
	begin_copy_in(_i, "pool_mode = statement");
	says(client, _i < 2 ? "d{1} c" : "d{1} c S");
	heard(server);
	says(server, "C{COPY 1} Z{I}");
	hears(client, "C{COPY 1} Z{I}");
	check_served(_i);
}
END_TEST

START_TEST(test_copy_in_that_fails_inside_a_block)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	says(client, "Q{begin} Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "C{BEGIN} Z{T} G");
	says(client, "d{1}");
	says(server, "E{22P02} Z{E}");
	hears(client, "C{BEGIN} Z{T} G E{22P02} Z{E}");
	heard(server);
	says(client, "d{2} c Q{select 1}"); /* it learns of it late */
	hears(server, "Q{select 1}");
	says(server, "E{25P02} Z{E}");
	hears(client, "E{25P02} Z{E}");
	says(client, "Q{rollback}");
	says(server, "C{ROLLBACK} Z{I}");
	hears(client, "C{ROLLBACK} Z{I}");
	heard(server);
	check_served(_i);
}
END_TEST

/* CopyDone and CopyFail behind what is no COPY end nothing, wherever in a batch they stand. */
START_TEST(test_copy_ends_inside_a_batch_are_ignored)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i]);
	says(client, "P{|insert into t values (1)} f{x} B{|} c D{P|} c f{x} E c S c H");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "1 2 n C{INSERT 0 1} Z{I}");
	hears(client, "1 2 n C{INSERT 0 1} Z{I}");
	heard(server);
	check_served(_i);
}
END_TEST

/* PostgreSQL ends the connection over it; a client that had to wait would wait for ever. */
static const char *const breakers[] = {
	"B{|a}", "B{s|s}", "P{s|select 2}", "Q{select 1}", "Q{insert into t values (1)}",
	"E",	 "D{S|s}"
};

START_TEST(test_other_message_in_copy_in_reaches_the_server)
{
	int what = _i / 4;

	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i % 2]);
	says(client, "P{s|insert into u values (1)} S");
	server = server_on(PRIMARY);
	says(server, "1 Z{I}");
	says(client, "Q{copy t from stdin}");
	heard(server);
	heard(client);
	if (_i % 4 < 2) { /* on its way before the server asks for data */
		queues(client, breakers[what]);
		says(server, "G");
	} else {
		says(server, "G");
		says(client, breakers[what]);
	}
	ck_assert_str_ne(heard(server), "");
	queues(server, "E{08P01} F{08P01}");
	leaves(server);
	hears(client, "G E{08P01} F{08P01} EOF");
	check_served(_i);
}
END_TEST

/*
 * A Sync that was sent along is ignored in copy-in mode, unless the COPY fails before the server
 * reads it (a trigger for the statement).  Its answer must not be taken for the next client's.
 */
START_TEST(test_sync_before_copy_in_that_fails_at_once)
{
	struct link *other;

	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i % 2]);
	other = client_in(bases[_i % 2]);
	says(client, "P{|copy t from stdin} B{|} E S d{1} c S");
	server = server_on(PRIMARY);
	heard(server);
	says(other, "Q{insert into o values (1)}");
	says(server, "1 2 G E{P0001} Z{I}");
	hears(client, "1 2 G E{P0001} Z{I}");
	hears(server, "Q{;}"); /* what comes behind its answer is certainly no Sync's */
	if (_i < 2)
		says(server, "Z{I}");
	says(server, "I Z{I}");
	hears(server, "Q{insert into o values (1)}");
	says(server, "C{INSERT 0 1} Z{I}");
	hears(other, "C{INSERT 0 1} Z{I}");
	hears(client, "");
	check_served(_i);
}
END_TEST

/* The same with more behind it: each is answered in its place. */
START_TEST(test_pipeline_behind_a_sync_in_copy_in_that_failed)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i % 2]);
	says(client, "P{|copy t from stdin} B{|} E S d{1} c S Q{delete from t}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "1 2 G E{P0001} Z{I}");
	if (_i < 2)
		says(server, "Z{I}");
	says(server, "C{DELETE 1} Z{I}");
	hears(client, _i < 2 ? "1 2 G E{P0001} Z{I} Z{I} C{DELETE 1} Z{I}"
			     : "1 2 G E{P0001} Z{I} C{DELETE 1} Z{I}");
	hears(server, "");
	check_served(_i);
}
END_TEST

/*
 * More Syncs than can be counted, all of them in copy-in mode, or some before it (2, 3): how many
 * answers of the failed COPY are to come nobody knows, so nobody else gets its server.
 */
START_TEST(test_syncs_in_copy_in_beyond_all_counting)
{
	play_begin(.database = "pool_size=1", .plain = "pool_size=1");
	client = client_in(bases[_i % 2]);
	says(client, "Q{begin; select 1}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, "C{BEGIN} T D{1} C{SELECT 1} Z{T}");
	says(client, _i < 2 ? "Q{copy t from stdin}" : "Q{copy t from stdin} S*40000");
	says(server, "G");
	says(client, _i < 2 ? "S*65536" : "S*25536");
	says(server, "E{P0001} Z{E}");
	says(client, "Q{rollback}");
	says(server, "C{ROLLBACK} Z{I}");
	heard(server);
	heard(client);
	ck_assert(!link_is_open(server));
}
END_TEST

/* A session that has read from a replica moves to the primary with its COPY, once. */
START_TEST(test_copy_in_a_session_of_a_split_database)
{
	play_begin(.global = "pool_mode = session", .database = "pool_size=1");
	client = client_in("app");
	says(client, "Q{copy t to stdout}");
	server = server_on(REPLICA);
	hears(server, "Q{copy t to stdout}");
	says(server, "H d{1} c C{COPY 1} Z{I}");
	hears(client, "H d{1} c C{COPY 1} Z{I}");
	says(client, _i == 0 ? "Q{copy t from stdin}" : "P{|copy t from stdin} B{|} E S");
	server = server_on(PRIMARY);
	heard(server);
	says(server, _i == 0 ? "G" : "1 2 G");
	says(client, _i == 0 ? "d{1} c" : "d{1} c S");
	hears(server, _i == 0 ? "d{1} c" : "d{1} c S");
	says(server, "C{COPY 1} Z{I}");
	hears(client, _i == 0 ? "G C{COPY 1} Z{I}" : "1 2 G C{COPY 1} Z{I}");
	says(client, "Q{copy t to stdout}");
	hears(server, "Q{copy t to stdout}"); /* it stays with what it wrote */
	says(server, "H d{1} ");
	leaves(client);
	ck_assert(!link_is_open(server));
	check_served(0);
}
END_TEST

int main(void)
{
	TCase *plays = play_case("copy");

	tcase_add_test(plays, test_copy_in);
	tcase_add_test(plays, test_copy_in_and_its_end_sent_along_with_the_query);
	tcase_add_test(plays, test_copy_in_sent_along_with_its_query);
	tcase_add_test(plays, test_copy_in_that_the_client_gives_up);
	tcase_add_test(plays, test_copy_in_that_the_server_gives_up);
	tcase_add_test(plays, test_copy_in_that_ends_inside_of_a_message);
	tcase_add_test(plays, test_copy_in_of_a_batch);
	tcase_add_test(plays, test_sync_before_copy_in_is_ignored_by_the_server);
	tcase_add_test(plays, test_batch_goes_on_behind_copy_in);
	tcase_add_test(plays, test_copy_in_of_a_batch_that_is_sent_whole);
	tcase_add_test(plays, test_copy_in_of_a_batch_that_fails);
	tcase_add_test(plays, test_copy_out);
	tcase_add_test(plays, test_large_copy_data_goes_through_in_pieces);
	tcase_add_test(plays, test_copy_in_inside_a_block);
	tcase_add_test(plays, test_copy_messages_out_of_place_are_ignored);
	tcase_add_loop_test(plays, test_sync_and_flush_during_copy_in_are_ignored_by_the_server, 0,
			    4);
	tcase_add_loop_test(plays, test_client_gives_copy_in_up, 0, 4);
	tcase_add_loop_test(plays, test_client_says_goodbye_in_copy_in, 0, 4);
	tcase_add_loop_test(plays, test_server_is_lost_in_copy_in, 0, 4);
	tcase_add_loop_test(plays, test_query_timeout_in_copy_in, 0, 4);
	tcase_add_loop_test(plays, test_query_timeout_in_copy_in_without_any_data, 0, 4);
	tcase_add_test(plays, test_query_timeout_in_copy_out);
	tcase_add_test(plays, test_late_copy_data_is_no_request_in_a_session);
	tcase_add_loop_test(plays, test_late_copy_data_is_no_request_in_a_block, 0, 2);
	tcase_add_loop_test(plays, test_copies_of_one_query, 0, 2);
	tcase_add_loop_test(plays, test_copies_of_one_query_whose_data_is_sent_at_once, 0, 2);
	tcase_add_loop_test(plays, test_copies_of_one_query_whose_data_is_sent_at_once_and_later, 0,
			    2);
	tcase_add_loop_test(plays, test_copy_out_to_a_client_that_stops_reading, 0, 2);
	tcase_add_loop_test(plays, test_copy_in_statement_pooling, 0, 4);
	tcase_add_loop_test(plays, test_copy_in_that_fails_inside_a_block, 0, 2);
	tcase_add_loop_test(plays, test_copy_ends_inside_a_batch_are_ignored, 0, 2);
	tcase_add_loop_test(plays, test_other_message_in_copy_in_reaches_the_server, 0,
			    4 * (int)(sizeof(breakers) / sizeof(breakers[0])));
	tcase_add_loop_test(plays, test_copy_in_a_session_of_a_split_database, 0, 2);
	tcase_add_loop_test(plays, test_sync_before_copy_in_that_fails_at_once, 0, 4);
	tcase_add_loop_test(plays, test_pipeline_behind_a_sync_in_copy_in_that_failed, 0, 4);
	tcase_add_loop_test(plays, test_syncs_in_copy_in_beyond_all_counting, 0, 4);
	return play_main();
}
