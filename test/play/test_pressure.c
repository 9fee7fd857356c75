/* SPDX-License-Identifier: ISC */
/* Readers that are slower than those who send. */
#include "play.h"

#define HIGH_WATER 65536
#define ROW 10000

static struct link *client, *server;

/* A result of 100 rows of 10 kB, to a client that takes nothing. */
static void begin_large_result(void)
{
	play_begin(.global = "high_water = 64kB");
	client = client_in("app");
	says(client, "Q{select a from t}");
	server = server_on(REPLICA);
	heard(server);
	takes_only(client, 0);
	says(server, "T D{#10000}*100 C{SELECT 100} Z{I}");
}

START_TEST(test_slow_client_pauses_its_server_at_high_water)
{
	size_t unread;

	begin_large_result();
	unread = link_unread(server);
	/* No more is queued than the mark and what one read brings. */
	ck_assert_uint_gt(unread, (size_t)100 * ROW - 2 * HIGH_WATER - ROW);
	ck_assert_uint_eq(pooler.streams.pauses, 1);
	play_run();
	ck_assert_uint_eq(link_unread(server), unread);
}
END_TEST

START_TEST(test_server_is_resumed_below_half_of_high_water)
{
	size_t unread;

	begin_large_result();
	unread = link_unread(server);
	takes_only(client, HIGH_WATER / 4);
	ck_assert_uint_eq(link_unread(server), unread);
	takes_only(client, 2 * HIGH_WATER);
	ck_assert_uint_lt(link_unread(server), unread);
	ck_assert_uint_gt(link_unread(server), 0);
	takes_all(client);
	ck_assert_uint_eq(link_unread(server), 0);
	hears(client, "T D{#10000}*100 C{SELECT 100} Z{I}");
}
END_TEST

START_TEST(test_slow_client_does_not_hold_up_others)
{
	struct link *other;

	begin_large_result();
	other = client_in("app");
	says(other, "Q{select 1}");
	ck_assert_ptr_ne(server_on(REPLICA), server);
	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I}");
	hears(other, "T D{1} C{SELECT 1} Z{I}");
}
END_TEST

START_TEST(test_slow_client_that_leaves_frees_its_server)
{
	begin_large_result();
	breaks(client);
	ck_assert(!link_is_open(server));
}
END_TEST

START_TEST(test_server_that_is_lost_while_it_is_paused)
{
	begin_large_result();
	breaks(server);
	takes_all(client);
	ck_assert(!link_is_open(server));
	/* All that had come was forwarded, and then it is told. */
	ck_assert_uint_gt(link_unheard(client), 0);
}
END_TEST

START_TEST(test_one_large_row_goes_through_in_pieces)
{
	play_begin(.global = "high_water = 64kB");
	client = client_in("app");
	says(client, "Q{select a from t}");
	server = server_on(REPLICA);
	takes_only(client, 0);
	says(server, "T D{#3000000} C{SELECT 1} Z{I}");
	ck_assert_uint_gt(link_unread(server), 3000000 - 3 * HIGH_WATER);
	takes_all(client);
	hears(client, "T D{#3000000} C{SELECT 1} Z{I}");
}
END_TEST

static void slow_server_pauses_its_client(const char *database)
{
	size_t unread;

	play_begin(.global = "high_water = 64kB");
	client = client_in(database);
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	hears(client, "G");
	heard(server);
	takes_only(server, 0);
	says(client, "d{#10000}*100 c");
	unread = link_unread(client);
	ck_assert_uint_gt(unread, (size_t)100 * ROW - 3 * HIGH_WATER);
	takes_only(server, HIGH_WATER / 4);
	ck_assert_uint_eq(link_unread(client), unread);
	takes_only(server, 2 * HIGH_WATER);
	ck_assert_uint_lt(link_unread(client), unread);
	takes_all(server);
	hears(server, "d{#10000}*100 c");
	says(server, "C{COPY 100} Z{I}");
	hears(client, "C{COPY 100} Z{I}");
}

START_TEST(test_slow_server_pauses_its_client)
{
	slow_server_pauses_its_client("app");
}
END_TEST

START_TEST(test_slow_server_pauses_its_client_without_a_cluster)
{
	slow_server_pauses_its_client("plain");
}
END_TEST

START_TEST(test_slow_server_that_is_lost_lets_its_client_go_on)
{
	play_begin(.global = "high_water = 64kB");
	client = client_in("app");
	says(client, "Q{copy t from stdin}");
	server = server_on(PRIMARY);
	says(server, "G");
	takes_only(server, 0);
	says(client, "d{#10000}*100 c");
	breaks(server);
	hears(client, "G E{08007} Z{I}");
	says(client, "Q{select 1}");
	ck_assert_uint_eq(link_unread(client), 0);
	pass(25 * MSEC);
	hears(server_asked(), "Q{select 1}");
}
END_TEST

START_TEST(test_pipeline_with_large_results_comes_to_its_end)
{
	play_begin(.global = "high_water = 64kB");
	client = client_in("app");
	takes_only(client, 0);
	for (int i = 0; i < 20; i++)
		says(client, "Q{select a from t}");
	server = server_on(REPLICA);
	hears(server, "Q{select a from t}*20");
	for (int i = 0; i < 20; i++)
		says(server, "T D{#10000}*5 C{SELECT 5} Z{I}");
	takes_only(client, 500000);
	takes_all(client);
	ck_assert_uint_eq(link_unread(server), 0);
	ck_assert_uint_gt(link_unheard(client), 20 * 5 * ROW);
	heard(client);
	says(client, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
}
END_TEST

int main(void)
{
	TCase *plays = play_case("pressure");

	tcase_add_test(plays, test_slow_client_pauses_its_server_at_high_water);
	tcase_add_test(plays, test_server_is_resumed_below_half_of_high_water);
	tcase_add_test(plays, test_slow_client_does_not_hold_up_others);
	tcase_add_test(plays, test_slow_client_that_leaves_frees_its_server);
	tcase_add_test(plays, test_server_that_is_lost_while_it_is_paused);
	tcase_add_test(plays, test_one_large_row_goes_through_in_pieces);
	tcase_add_test(plays, test_slow_server_pauses_its_client);
	tcase_add_test(plays, test_slow_server_pauses_its_client_without_a_cluster);
	tcase_add_test(plays, test_slow_server_that_is_lost_lets_its_client_go_on);
	tcase_add_test(plays, test_pipeline_with_large_results_comes_to_its_end);
	return play_main();
}
