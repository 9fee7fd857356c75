/* SPDX-License-Identifier: ISC */
/* Pools and databases that nobody uses any more. */
#include <string.h>

#include "play.h"
#include "pool/pool.h"

#define ANSWER "T D{1} C{SELECT 1} Z{I}"
#define ANYTHING .more = "* = host=10.0.0.1"

static struct link *client;

static struct pool *find_pool(const char *database, const char *user)
{
	struct database *found = database_existing(&pooler, database);

	return found != NULL ? pool_find(found, user) : NULL;
}

/* A client that asked something once, and its server that rests. */
static void use(const char *user, const char *database)
{
	client = client_as(user, database, "");
	says(client, "Q{select 1}");
	says(server_on(PRIMARY), ANSWER);
}

START_TEST(test_pool_goes_when_clients_and_servers_are_gone_for_a_while)
{
	play_begin(.global = "pool_idle_timeout=10\nserver_idle_timeout=5");
	use("alice", "plain");
	leaves(client);
	ck_assert_uint_eq(find_pool("plain", "alice")->stats.queries, 1);
	pass(6 * SEC); /* the server goes */
	ck_assert_int_eq(servers_on(PRIMARY), 0);
	pass(9 * SEC);
	ck_assert_ptr_nonnull(find_pool("plain", "alice"));
	pass(2 * SEC);
	ck_assert_ptr_null(find_pool("plain", "alice"));
	ck_assert_uint_eq(pooler.users.count, 0);
	use("alice", "plain");
	ck_assert_uint_eq(find_pool("plain", "alice")->stats.queries, 1);
}
END_TEST

START_TEST(test_pool_with_a_client_or_a_server_stays)
{
	play_begin(.global = "pool_idle_timeout=10\nserver_idle_timeout=5");
	use("alice", "plain");
	pass(60 * SEC);
	ck_assert_int_eq(servers_on(PRIMARY), 0);
	ck_assert_ptr_nonnull(find_pool("plain", "alice"));
	leaves(client);
	pass(9 * SEC);
	use("alice", "plain");
	pass(9 * SEC);
	ck_assert_ptr_nonnull(find_pool("plain", "alice"));
	leaves(client);
	pass(20 * SEC);
	ck_assert_ptr_null(find_pool("plain", "alice"));
}
END_TEST

START_TEST(test_pools_stay_unless_asked_for)
{
	play_begin(.global = "server_idle_timeout=5");
	use("alice", "plain");
	leaves(client);
	pass(6 * SEC);
	pass(100000 * SEC);
	ck_assert_ptr_nonnull(find_pool("plain", "alice"));
	/* Told later, it counts from the time when it was left. */
	play_reload(.global = "server_idle_timeout=5\npool_idle_timeout=1d");
	ck_assert_ptr_nonnull(find_pool("plain", "alice"));
	pass(MSEC);
	ck_assert_ptr_null(find_pool("plain", "alice"));
}
END_TEST

START_TEST(test_pool_of_a_forced_user_that_keeps_servers_stays)
{
	play_begin(.global = "pool_idle_timeout=10", .plain = "user=bob min_pool_size=1");
	host_refuses(PRIMARY, 111);
	pass(60 * SEC);
	ck_assert_ptr_nonnull(find_pool("plain", "bob"));
}
END_TEST

START_TEST(test_automatic_database_goes_with_its_pools)
{
	play_begin(.global = "autodb_idle_timeout=10\nserver_idle_timeout=5", ANYTHING);
	use("alice", "other");
	leaves(client);
	use("bob", "other");
	pass(60 * SEC);
	ck_assert_ptr_nonnull(database_existing(&pooler, "other"));
	leaves(client);
	pass(9 * SEC);
	ck_assert_ptr_nonnull(find_pool("other", "alice"));
	pass(2 * SEC);
	ck_assert_ptr_null(database_existing(&pooler, "other"));
	ck_assert_ptr_nonnull(database_existing(&pooler, "plain"));
	use("alice", "other");
	ck_assert_ptr_nonnull(find_pool("other", "alice"));
}
END_TEST

START_TEST(test_automatic_database_that_is_paused_stays)
{
	struct database *other;

	play_begin(.global = "autodb_idle_timeout=10", ANYTHING);
	other = database_find(&pooler, "other");
	database_pause(other);
	pass(60 * SEC);
	ck_assert_ptr_eq(database_existing(&pooler, "other"), other);
	database_resume(other);
	pass(2 * SEC);
	ck_assert_ptr_null(database_existing(&pooler, "other"));
}
END_TEST

START_TEST(test_automatic_database_that_is_configured_stays)
{
	play_begin(.global = "autodb_idle_timeout=10", ANYTHING);
	database_find(&pooler, "other");
	play_reload(.global = "autodb_idle_timeout=10", .more = "other = host=10.0.0.1");
	pass(60 * SEC);
	ck_assert_ptr_nonnull(database_existing(&pooler, "other"));
}
END_TEST

START_TEST(test_many_databases_come_and_go)
{
	char name[16];

	play_begin(.global = "autodb_idle_timeout=10", ANYTHING);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		ck_assert_ptr_eq(database_find(&pooler, name), database_existing(&pooler, name));
		if (i % 100 == 0)
			pass(SEC);
	}
	ck_assert_uint_eq(pooler.databases.count, 502);
	pass(5 * SEC);
	ck_assert_uint_lt(pooler.databases.count, 502);
	pass(10 * SEC);
	ck_assert_uint_eq(pooler.databases.count, 2);
}
END_TEST

START_TEST(test_automatic_database_that_nobody_logged_in_to_goes_soon)
{
	play_begin(.global = "server_login_retry=15", ANYTHING);
	database_for_login(&pooler, "other");
	database_for_login(&pooler, "mine");
	pass(14 * SEC);
	ck_assert_ptr_nonnull(database_existing(&pooler, "other"));
	use("alice", "mine");
	leaves(client);
	pass(2 * SEC);
	ck_assert_ptr_null(database_existing(&pooler, "other"));
	pass(50 * 60 * SEC);
	ck_assert_ptr_nonnull(database_existing(&pooler, "mine"));
}
END_TEST

START_TEST(test_logins_that_prove_nothing_make_no_more_than_so_many_databases)
{
	char name[16];

	play_begin(.global = "server_login_retry=15", ANYTHING);
	use("alice", "mine");
	leaves(client);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		ck_assert_ptr_nonnull(database_for_login(&pooler, name));
		if (i % 100 == 0)
			play_run();
	}
	ck_assert_uint_le(pooler.databases.count, 1000 + 3);
	ck_assert_ptr_null(database_existing(&pooler, "d0"));
	ck_assert_ptr_nonnull(database_existing(&pooler, "d2999"));
	ck_assert_ptr_nonnull(database_existing(&pooler, "mine"));
}
END_TEST

int main(void)
{
	TCase *plays = play_case("disuse");

	tcase_add_test(plays, test_pool_goes_when_clients_and_servers_are_gone_for_a_while);
	tcase_add_test(plays, test_pool_with_a_client_or_a_server_stays);
	tcase_add_test(plays, test_pools_stay_unless_asked_for);
	tcase_add_test(plays, test_pool_of_a_forced_user_that_keeps_servers_stays);
	tcase_add_test(plays, test_automatic_database_goes_with_its_pools);
	tcase_add_test(plays, test_automatic_database_that_is_paused_stays);
	tcase_add_test(plays, test_automatic_database_that_is_configured_stays);
	tcase_add_test(plays, test_many_databases_come_and_go);
	tcase_add_test(plays, test_automatic_database_that_nobody_logged_in_to_goes_soon);
	tcase_add_test(plays, test_logins_that_prove_nothing_make_no_more_than_so_many_databases);
	return play_main();
}
