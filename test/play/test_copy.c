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
	return play_main();
}
