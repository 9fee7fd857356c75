/* SPDX-License-Identifier: ISC */
/* Cancel requests: the right server, the right moment, nobody else. */
#include <stdio.h>

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

int main(void)
{
	TCase *plays = play_case("cancel");

	tcase_add_test(plays, test_cancel_reaches_the_server_that_works);
	tcase_add_test(plays, test_server_is_held_until_the_cancel_is_gone);
	tcase_add_test(plays, test_cancel_of_a_query_that_ended_meanwhile_is_not_sent);
	tcase_add_test(plays, test_cancel_is_not_held_for_ever);
	tcase_add_test(plays, test_cancel_of_an_idle_client_comes_to_nothing);
	tcase_add_test(plays, test_cancel_of_a_waiting_client_ends_its_wait);
	tcase_add_test(plays, test_cancel_with_a_wrong_key_is_ignored);
	tcase_add_test(plays, test_two_cancels_of_one_query);
	tcase_add_test(plays, test_canceler_that_leaves_does_not_take_the_cancel_back);
	tcase_add_test(plays, test_target_that_is_lost_frees_its_cancel);
	tcase_add_test(plays, test_cancel_in_a_block_between_requests_comes_to_nothing);
	return play_main();
}
