/* SPDX-License-Identifier: ISC */
#include "session/route.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/client.h"

static struct cluster cluster;
static struct database database;
static struct pool pool;
static struct client client;
static struct request request;
static struct need need;

static void setup(void)
{
	memset(&cluster, 0, sizeof(cluster));
	memset(&database, 0, sizeof(database));
	memset(&pool, 0, sizeof(pool));
	memset(&client, 0, sizeof(client));
	memset(&request, 0, sizeof(request));
	clock_fake(1000 * USEC_PER_SEC);
	parameters_setup("");
	cluster.monitored = true;
	database.cluster = &cluster;
	pool.database = &database;
	pool.settings.route = ROUTING_SPLIT;
	pool.settings.read_consistency = READ_CONSISTENCY_SESSION;
	client.database = &database;
	client.holder.pool = &pool;
	request.verdict.route = ROUTE_REPLICA;
}

static void teardown(void)
{
	parameters_clear(&client.wanted);
}

static enum need_kind decide(void)
{
	route_decide(&client, &request, &need);
	return need.kind;
}

START_TEST(test_split_sends_what_certainly_reads_to_a_replica)
{
	ck_assert_int_eq(decide(), NEED_READ);
	request.verdict.route = ROUTE_PRIMARY;
	ck_assert_int_eq(decide(), NEED_WRITE);
	request.verdict.route = ROUTE_EITHER;
	request.verdict.why = WHY_DOUBT_SIZE;
	ck_assert_int_eq(decide(), NEED_WRITE);
	request.verdict.why = WHY_EMPTY;
	ck_assert_int_eq(decide(), NEED_ANY);
}
END_TEST

START_TEST(test_plain_database_has_one_kind_of_need)
{
	cluster.monitored = false;
	client.route = ROUTE_CHOICE_REPLICA;
	ck_assert_int_eq(decide(), NEED_WRITE);
}
END_TEST

START_TEST(test_session_state_keeps_a_client_on_the_primary)
{
	client.session_state = true;
	ck_assert_int_eq(decide(), NEED_WRITE);
}
END_TEST

START_TEST(test_block_is_read_only_when_it_says_so)
{
	request.verdict.route = ROUTE_PRIMARY;
	request.verdict.flags = VERDICT_PLAIN_BEGIN;
	ck_assert_int_eq(decide(), NEED_WRITE);
	request.verdict.flags |= VERDICT_TX_RO;
	ck_assert_int_eq(decide(), NEED_READ);
	request.verdict.flags |= VERDICT_TX_SER;
	ck_assert_int_eq(decide(), NEED_WRITE);
	request.verdict.flags = VERDICT_PLAIN_BEGIN;
	parameters_set(&client.wanted, PARAMETER_DEFAULT_READ_ONLY, "ON");
	ck_assert_int_eq(decide(), NEED_READ);
	request.verdict.flags |= VERDICT_TX_RW;
	ck_assert_int_eq(decide(), NEED_WRITE);
}
END_TEST

START_TEST(test_statement_of_a_deferred_block_goes_where_the_block_belongs)
{
	client.block = BLOCK_DEFERRED;
	ck_assert_int_eq(decide(), NEED_WRITE);
	client.begin_flags = VERDICT_TX_RO;
	request.verdict.route = ROUTE_PRIMARY;
	ck_assert_int_eq(decide(), NEED_READ);
}
END_TEST

/* What asks first decides: the retry, the request, the client, the database. */
START_TEST(test_choices_go_before_one_another_in_order)
{
	pool.settings.route = ROUTING_PRIMARY;
	ck_assert_int_eq(decide(), NEED_WRITE);
	client.route = ROUTE_CHOICE_ANY;
	ck_assert_int_eq(decide(), NEED_ANY);
	request.hint = ROUTE_CHOICE_REPLICA;
	ck_assert_int_eq(decide(), NEED_READ);
	client.must_write = true;
	ck_assert_int_eq(decide(), NEED_WRITE);
}
END_TEST

START_TEST(test_route_says_what_a_read_does_without_a_replica)
{
	static const struct row {
		enum routing route;
		enum no_replica no_replica;
		enum need_fallback fallback;
	} rows[] = {
		{ ROUTING_SPLIT, NO_REPLICA_PRIMARY, FALLBACK_PRIMARY },
		{ ROUTING_SPLIT, NO_REPLICA_WAIT, FALLBACK_WAIT },
		{ ROUTING_SPLIT, NO_REPLICA_ERROR, FALLBACK_ERROR },
		{ ROUTING_REPLICA, NO_REPLICA_PRIMARY, FALLBACK_WAIT },
		{ ROUTING_REPLICA, NO_REPLICA_ERROR, FALLBACK_ERROR },
		{ ROUTING_PREFER_REPLICA, NO_REPLICA_ERROR, FALLBACK_PRIMARY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pool.settings.route = rows[i].route;
		pool.settings.no_replica = rows[i].no_replica;
		ck_assert_int_eq(decide(), NEED_READ);
		ck_assert_int_eq(need.fallback, rows[i].fallback);
	}
}
END_TEST

START_TEST(test_need_keeps_what_the_client_wrote_and_saw)
{
	client.holder.need.written = 7;
	client.holder.need.seen = 8;
	client.holder.need.any_age = true;
	decide();
	ck_assert_int_eq(need.written, 7);
	ck_assert_int_eq(need.seen, 8);
	ck_assert(!need.any_age);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_split_sends_what_certainly_reads_to_a_replica);
	tcase_add_test(core, test_plain_database_has_one_kind_of_need);
	tcase_add_test(core, test_session_state_keeps_a_client_on_the_primary);
	tcase_add_test(core, test_block_is_read_only_when_it_says_so);
	tcase_add_test(core, test_statement_of_a_deferred_block_goes_where_the_block_belongs);
	tcase_add_test(core, test_choices_go_before_one_another_in_order);
	tcase_add_test(core, test_route_says_what_a_read_does_without_a_replica);
	tcase_add_test(core, test_need_keeps_what_the_client_wrote_and_saw);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
