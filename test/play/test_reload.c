/* SPDX-License-Identifier: ISC */
/* What a RELOAD does to those who are in the middle of something. */
#include <string.h>

#include "play.h"
#include "pool/pool.h"

#define ANSWER "T D{1} C{SELECT 1} Z{I}"

static struct link *client, *server;

static void use(const char *user, const char *database)
{
	client = client_as(user, database, "");
	says(client, "Q{select 1}");
	server = server_on(PRIMARY);
	heard(server);
	says(server, ANSWER);
	heard(client);
}

START_TEST(test_reload_without_changes_keeps_all)
{
	play_begin(.plain = "pool_size=3");
	use("alice", "plain");
	play_reload(.plain = "pool_size=3");
	ck_assert(link_is_open(client));
	says(client, "Q{select 2}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_removed_database_closes_clients_and_servers)
{
	struct link *other;

	play_begin(.more = "gone = host=10.0.0.1");
	use("alice", "plain");
	other = client;
	use("alice", "gone");
	says(client, "Q{begin}");
	play_reload(.global = "");
	hears(client, "F{57P01} EOF");
	ck_assert_str_eq(link_error(client), "database removed");
	ck_assert(!link_is_open(client));
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	ck_assert(link_is_open(other));
	says(other, "Q{select 1}");
	says(server_on(PRIMARY), ANSWER);
	hears(other, ANSWER);
}
END_TEST

/* These mark servers: they go when they are free, and whoever is in a transaction ends it first. */
static const char *const marking[] = { "dbname=other", "connect_query='select 1'", "port=5433",
				       "load_balance_hosts=disable" };

START_TEST(test_changed_key_closes_servers_when_they_are_free)
{
	play_begin(.global = "");
	use("alice", "plain");
	says(client, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(client);
	play_reload(.plain = marking[_i]);
	ck_assert(link_is_open(client));
	says(client, "Q{select 2}");
	says(server, "T D{1} C{SELECT 1} Z{T}");
	says(client, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	ck_assert(!link_is_open(server));
	ck_assert(link_is_open(client));
}
END_TEST

static const char *const harmless[] = { "password=x",	  "pool_mode=session",
					"timezone=UTC",	  "pool_size=2",
					"datestyle=ISO",  "query_wait_timeout=3",
					"reserve_pool=1", "client_encoding=UTF8" };

START_TEST(test_other_keys_keep_the_servers)
{
	play_begin(.global = "");
	use("alice", "plain");
	play_reload(.plain = harmless[_i]);
	ck_assert(link_is_open(server));
	says(client, "Q{select 2}");
	hears(server, "Q{select 2}");
}
END_TEST

START_TEST(test_servers_of_a_host_that_went_are_closed_when_free)
{
	play_begin(.more = "moves = host=10.0.0.1");
	use("alice", "moves");
	says(client, "Q{begin}");
	says(server, "C{BEGIN} Z{T}");
	heard(client);
	play_reload(.more = "moves = host=10.0.0.2");
	ck_assert(link_is_open(server));
	says(client, "Q{commit}");
	says(server, "C{COMMIT} Z{I}");
	hears(client, "C{COMMIT} Z{I}");
	ck_assert(!link_is_open(server));
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

START_TEST(test_forced_user_is_that_of_those_who_come_after)
{
	struct link *before;

	play_begin(.global = "");
	use("alice", "plain");
	before = client;
	play_reload(.plain = "user=bob");
	says(before, "Q{select 1}");
	says(server_on(PRIMARY), ANSWER);
	ck_assert(link_is_open(before));
	use("alice", "plain");
	ck_assert_uint_eq(pool_find(database_existing(&pooler, "plain"), "bob")->clients, 1);
	play_reload(.global = "");
	use("alice", "plain");
	ck_assert_uint_eq(pool_find(database_existing(&pooler, "plain"), "alice")->clients, 2);
}
END_TEST

START_TEST(test_new_password_of_an_entry_is_used_by_servers_opened_after)
{
	play_begin(.plain = "password=one");
	use("alice", "plain");
	play_reload(.plain = "password=two");
	ck_assert_str_eq(pool_find(database_existing(&pooler, "plain"), "alice")->secret, "two");
	play_reload(.plain = "password=two user=bob");
	play_reload(.plain = "password=three user=bob");
	ck_assert_str_eq(pool_find(database_existing(&pooler, "plain"), "bob")->secret, "three");
}
END_TEST

START_TEST(test_password_of_an_entry_is_not_that_of_auth_user)
{
	const char *entry = "user=bob password=one auth_user=alice";
	const struct pool *asking;

	play_begin(.plain = entry);
	client = client_new();
	says(client, "start{carol|plain}");
	asking = pool_find(database_existing(&pooler, "plain"), "alice");
	ck_assert_str_eq(asking->secret, "a");
	play_reload(.plain = entry);
	ck_assert_str_eq(asking->secret, "a");
}
END_TEST

START_TEST(test_fallback_that_appears_and_vanishes)
{
	struct link *refused;

	play_begin(.global = "");
	refused = client_new();
	says(refused, "start{alice|any}");
	hears(refused, "F{3D000} EOF");
	play_reload(.more = "* = host=10.0.0.1 pool_size=1");
	use("alice", "any");
	ck_assert_int_eq(database_existing(&pooler, "any")->entry->settings.default_pool_size, 1);
	play_reload(.more = "* = host=10.0.0.1 pool_size=7");
	ck_assert_int_eq(database_existing(&pooler, "any")->entry->settings.default_pool_size, 7);
	ck_assert(link_is_open(server));
	play_reload(.more = "* = host=10.0.0.1 dbname=x");
	ck_assert(!link_is_open(server));
	ck_assert(link_is_open(client));
	play_reload(.global = "");
	ck_assert(!link_is_open(client));
	ck_assert_ptr_null(database_existing(&pooler, "any"));
}
END_TEST

START_TEST(test_smaller_pool_lets_those_who_run_finish)
{
	struct link *clients[3], *servers[3];

	play_begin(.plain = "pool_size=3");
	for (int i = 0; i < 3; i++) {
		clients[i] = client_in("plain");
		says(clients[i], "Q{select 1}");
		servers[i] = server_at(PRIMARY, i);
	}
	ck_assert_int_eq(servers_on(PRIMARY), 3);
	play_reload(.plain = "pool_size=1");
	for (int i = 0; i < 3; i++)
		says(servers[i], ANSWER);
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	for (int i = 0; i < 3; i++)
		hears(clients[i], ANSWER);
}
END_TEST

START_TEST(test_larger_pool_serves_those_who_wait)
{
	struct link *waiting;

	play_begin(.plain = "pool_size=1");
	client = client_in("plain");
	waiting = client_in("plain");
	says(client, "Q{select 1}");
	says(waiting, "Q{select 2}");
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	play_reload(.plain = "pool_size=2");
	ck_assert_int_eq(servers_on(PRIMARY), 2);
	hears(server_at(PRIMARY, 1), "Q{select 2}");
}
END_TEST

START_TEST(test_reload_in_the_middle_of_a_login)
{
	play_begin(.global = "");
	client = client_new();
	says_part(client, "start{alice|plain}", 9);
	play_reload(.global = "max_client_conn=55");
	says_rest(client);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
	/* And one that waits for its first server while its entry goes. */
	host_hangs(REPLICA);
	play_reload(.more = "late = host=10.0.0.2");
	client = client_new();
	says(client, "start{alice|late}");
	play_reload(.global = "");
	ck_assert_ptr_nonnull(strstr(heard(client), "EOF"));
}
END_TEST

/* RECONNECT and a reload mean those on their way, too: who waits gets another one. */
static const char *const logins[] = { "start{alice|plain}", "start{alice|plain|replication=true}" };

START_TEST(test_servers_on_their_way_are_replaced)
{
	struct link *first;

	play_begin(.global = "");
	host_hangs(PRIMARY);
	client = client_new();
	says(client, logins[_i]);
	first = server_on(PRIMARY);
	play_reload(.plain = "dbname=other");
	ck_assert(!link_is_open(first));
	host_accepts(PRIMARY);
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

/* Its connect_query belongs to its login. */
START_TEST(test_server_that_runs_its_connect_query_greets_nobody_any_more)
{
	struct link *first;

	play_begin(.plain = "connect_query='select 1'");
	client = client_new();
	says(client, "start{alice|plain}");
	first = server_on(PRIMARY);
	hears(first, "Q{select 1}");
	play_reload(.plain = "dbname=other");
	ck_assert(!link_is_open(first));
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

/* A changed entry is tried anew, rather than after server_login_retry. */
static const char *const mended[] = { "dbname=other", "connect_query='select 1'",
				      "client_encoding=UTF8" };

START_TEST(test_entry_that_a_reload_mends_lets_in_at_once)
{
	play_begin(.global = "");
	host_rejects(PRIMARY, "F{3D000|database does not exist}");
	client = client_new();
	says(client, "start{alice|plain}");
	hears(client, "F{3D000} EOF");
	host_accepts(PRIMARY);
	pass(SEC);
	client = client_new();
	says(client, "start{alice|plain}");
	hears(client, "F{3D000} EOF");
	play_reload(.plain = mended[_i]);
	client = client_new();
	says(client, "start{alice|plain}");
	if (_i == 1)
		says(server_on(PRIMARY), ANSWER);
	ck_assert_ptr_nonnull(strstr(heard(client), "K Z{I}"));
}
END_TEST

/* The replica was passed over as unfit; now it is what is asked for, and has its turn. */
START_TEST(test_hosts_that_did_not_fit_are_asked_again_when_something_else_is_asked_for)
{
	play_begin(.more = "list = host=10.0.0.2,10.0.0.1 target_session_attrs=primary");
	client = client_in("list");
	ck_assert_int_eq(servers_on(REPLICA), 0);
	ck_assert_int_eq(servers_on(PRIMARY), 1);
	host_hangs(PRIMARY);
	play_reload(.more = "list = host=10.0.0.2,10.0.0.1 target_session_attrs=standby");
	says(client, "Q{select 1}");
	hears(server_on(REPLICA), "Q{select 1}");
}
END_TEST

START_TEST(test_reload_keeps_a_pause)
{
	play_begin(.global = "");
	use("alice", "plain");
	database_pause(database_existing(&pooler, "plain"));
	play_run();
	play_reload(.plain = "pool_size=9");
	says(client, "Q{select 2}");
	ck_assert_int_eq(servers_on(PRIMARY), 0);
	database_resume(database_existing(&pooler, "plain"));
	play_run();
	hears(server_on(PRIMARY), "Q{select 2}");
}
END_TEST

START_TEST(test_connect_under_way_is_bound_by_the_new_server_connect_timeout)
{
	struct link *first;

	play_begin(.global = "server_connect_timeout = 60");
	host_hangs(PRIMARY);
	client = client_new();
	says(client, "start{alice|plain}");
	first = server_on(PRIMARY);
	pass(3 * SEC);
	play_reload(.global = "server_connect_timeout = 5");
	pass(SEC);
	ck_assert(link_is_open(first));
	pass(SEC);
	ck_assert(!link_is_open(first));
}
END_TEST

/* It counts from the transaction's beginning, whether a query runs or not. */
START_TEST(test_transaction_under_way_is_bound_by_the_new_transaction_timeout)
{
	play_begin(.global = "transaction_timeout = 60");
	client = client_in("plain");
	says(client, "Q{begin}");
	says(server_on(PRIMARY), "C{BEGIN} Z{T}");
	heard(client);
	pass(3 * SEC);
	if (_i == 1)
		says(client, "Q{select 1}");
	play_reload(.global = "transaction_timeout = 5");
	pass(SEC);
	hears(client, "");
	pass(SEC);
	hears(client, "F{25P04} EOF");
}
END_TEST

START_TEST(test_time_outs_of_users_change_at_once)
{
	play_begin(.global = "");
	use("alice", "plain");
	play_reload(.more = "[users]\nalice = query_wait_timeout=3");
	host_hangs(PRIMARY);
	play_reload(.plain = "dbname=x", .more = "[users]\nalice = query_wait_timeout=3");
	says(client, "Q{select 1}");
	pass(4 * SEC);
	ck_assert(!link_is_open(client));
}
END_TEST

int main(void)
{
	TCase *plays = play_case("reload");

	tcase_add_test(plays, test_reload_without_changes_keeps_all);
	tcase_add_test(plays, test_removed_database_closes_clients_and_servers);
	tcase_add_loop_test(plays, test_changed_key_closes_servers_when_they_are_free, 0,
			    sizeof(marking) / sizeof(marking[0]));
	tcase_add_loop_test(plays, test_other_keys_keep_the_servers, 0,
			    sizeof(harmless) / sizeof(harmless[0]));
	tcase_add_test(plays, test_servers_of_a_host_that_went_are_closed_when_free);
	tcase_add_test(plays, test_forced_user_is_that_of_those_who_come_after);
	tcase_add_test(plays, test_new_password_of_an_entry_is_used_by_servers_opened_after);
	tcase_add_test(plays, test_password_of_an_entry_is_not_that_of_auth_user);
	tcase_add_test(plays, test_fallback_that_appears_and_vanishes);
	tcase_add_test(plays, test_smaller_pool_lets_those_who_run_finish);
	tcase_add_test(plays, test_larger_pool_serves_those_who_wait);
	tcase_add_test(plays, test_reload_in_the_middle_of_a_login);
	tcase_add_loop_test(plays, test_servers_on_their_way_are_replaced, 0,
			    sizeof(logins) / sizeof(logins[0]));
	tcase_add_test(plays, test_server_that_runs_its_connect_query_greets_nobody_any_more);
	tcase_add_loop_test(plays, test_entry_that_a_reload_mends_lets_in_at_once, 0,
			    sizeof(mended) / sizeof(mended[0]));
	tcase_add_test(
		plays,
		test_hosts_that_did_not_fit_are_asked_again_when_something_else_is_asked_for);
	tcase_add_test(plays, test_reload_keeps_a_pause);
	tcase_add_test(plays, test_connect_under_way_is_bound_by_the_new_server_connect_timeout);
	tcase_add_loop_test(
		plays, test_transaction_under_way_is_bound_by_the_new_transaction_timeout, 0, 2);
	tcase_add_test(plays, test_time_outs_of_users_change_at_once);
	return play_main();
}
