/* SPDX-License-Identifier: ISC */
/* Requests and their replies: who gets them, in which order. */
#include "play.h"

START_TEST(test_simple_query_returns_the_server_to_the_pool)
{
	struct link *client, *other;

	play_begin(.database = "pool_size=1");
	client = client_in("app");
	other = client_in("app");
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I}");
	hears(client, "T D{1} C{SELECT 1} Z{I}");
	says(other, "Q{select 2}");
	hears(server_on(REPLICA), "Q{select 2}");
	says(server_on(REPLICA), "T D{2} C{SELECT 1} Z{I}");
	hears(other, "T D{2} C{SELECT 1} Z{I}");
	ck_assert_int_eq(servers_on(REPLICA), 1);
}
END_TEST

int main(void)
{
	TCase *plays = play_case("query");

	tcase_add_test(plays, test_simple_query_returns_the_server_to_the_pool);
	return play_main();
}
