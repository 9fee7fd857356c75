/* SPDX-License-Identifier: ISC */
#include "pool/choice.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pool/database.h"

#define SEC USEC_PER_SEC

static struct loop loop;
static struct pooler pooler;
static struct pool *pool;
static struct host *h[4]; /* from 1 on; the first is the primary */
static usec_t now;
static struct need need;

static const struct stream_transport nowhere = { .is_socket = false };

static void answer(int host, bool in_recovery, lsn_t position)
{
	clock_fake(++now);
	cluster_observe(h[host], &(struct host_answer){ .asked = now,
							.connected = now,
							.in_recovery = in_recovery,
							.position = position,
							.timeline = 1,
							.system_id = 7,
							.started = 1 });
	loop_end_turn(&loop);
}

static void setup(void)
{
	static const char text[] =
		"[pgweir]\nauth_type = trust\nio_batch = off\n"
		"[clusters]\nmain = hosts=10.0.0.1,10.0.0.2,10.0.0.3\n"
		"[databases]\napp = cluster=main\nplain = host=10.0.0.1,10.0.0.2\n";
	struct config_error wrong;
	struct config *config = config_load_text(text, strlen(text), &wrong);
	static const struct log_options quiet = { .to_stderr = false };
	char error[256];

	ck_assert(log_open(&quiet, error, sizeof(error)));
	ck_assert_msg(config != NULL, "%s", wrong.text);
	memset(&loop, 0, sizeof(loop));
	list_init(&loop.tasks);
	list_init(&loop.burials);
	now = 1000 * SEC;
	clock_fake(now);
	ck_assert(pooler_init(&pooler, &loop, &nowhere, config, error, sizeof(error)));
	pool = pool_get(database_find(&pooler, "app"), "alice");
	for (int i = 1; i <= 3; i++) {
		const char *names[] = { "", "10.0.0.1", "10.0.0.2", "10.0.0.3" };

		h[i] = cluster_find_host(pool->database->cluster, names[i], 5432);
	}
	answer(1, false, 1000000);
	answer(2, true, 1000000);
	answer(3, true, 1000000);
	memset(&need, 0, sizeof(need));
}

static void teardown(void)
{
	pooler_done(&pooler);
	log_close();
}

static struct host *best(void)
{
	struct choice choice;
	struct pool_host *at;

	choice_begin(&choice, pool, &need);
	at = choice_next(&choice);
	return at != NULL ? at->host : NULL;
}

static bool allows(int host)
{
	struct choice choice;

	choice_begin(&choice, pool, &need);
	return choice_allows(&choice, pool_host_of(pool, h[host]));
}

START_TEST(test_write_has_one_host)
{
	need.kind = NEED_WRITE;
	ck_assert_ptr_eq(best(), h[1]);
	ck_assert(allows(1));
	ck_assert(!allows(2));
	cluster_set_admin(h[1], ADMIN_DRAINING);
	loop_end_turn(&loop);
	ck_assert_ptr_null(best());
}
END_TEST

START_TEST(test_read_keeps_to_its_replica)
{
	need.kind = NEED_READ;
	for (int i = 0; i < 6; i++) {
		need.host = h[2 + i % 2];
		ck_assert_ptr_eq(best(), need.host);
	}
	ck_assert(allows(2) && allows(3));
}
END_TEST

START_TEST(test_read_behind_a_write_needs_a_later_replica)
{
	need.kind = NEED_READ;
	clock_fake(now += SEC);
	need.written = now;
	ck_assert_ptr_eq(best(), h[1]);
	ck_assert(!allows(2));
	ck_assert(allows(1));
	answer(1, false, 2000000);
	answer(3, true, 2000000);
	ck_assert_ptr_eq(best(), h[3]);
	ck_assert(!allows(2));
	ck_assert(allows(3));
}
END_TEST

START_TEST(test_reads_do_not_go_back_in_time)
{
	need.kind = NEED_READ;
	need.host = h[2];
	need.seen = now;
	ck_assert_ptr_eq(best(), h[2]);
	ck_assert(!allows(3));
	answer(1, false, 2000000);
	answer(3, true, 2000000);
	ck_assert(allows(3));
}
END_TEST

START_TEST(test_fallback_says_what_then)
{
	need.kind = NEED_READ;
	clock_fake(now += SEC);
	need.written = now;
	need.fallback = FALLBACK_WAIT;
	ck_assert_ptr_null(best());
	ck_assert(!allows(1));
	need.fallback = FALLBACK_ERROR;
	ck_assert_ptr_null(best());
	need.fallback = FALLBACK_PRIMARY;
	need.patient = true;
	ck_assert_ptr_null(best());
	need.patient = false;
	ck_assert_ptr_eq(best(), h[1]);
}
END_TEST

START_TEST(test_any_age_takes_a_replica_that_lags)
{
	need.kind = NEED_ANY;
	need.any_age = true;
	clock_fake(now += 3600 * SEC);
	ck_assert(allows(2));
	need.any_age = false;
	ck_assert(!allows(2));
}
END_TEST

START_TEST(test_plain_hosts_take_turns)
{
	struct host *first, *second;

	pool = pool_get(database_find(&pooler, "plain"), "alice");
	first = best();
	ck_assert_ptr_eq(best(), first); /* nobody has connected */
	cluster_note_connect(first);
	second = best();
	cluster_note_connect(second);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_ne(first, second);
	ck_assert_ptr_eq(best(), first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("choice");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_write_has_one_host);
	tcase_add_test(core, test_read_keeps_to_its_replica);
	tcase_add_test(core, test_read_behind_a_write_needs_a_later_replica);
	tcase_add_test(core, test_reads_do_not_go_back_in_time);
	tcase_add_test(core, test_fallback_says_what_then);
	tcase_add_test(core, test_any_age_takes_a_replica_that_lags);
	tcase_add_test(core, test_plain_hosts_take_turns);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
