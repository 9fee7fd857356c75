/* SPDX-License-Identifier: ISC */
#include "cluster/freshness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC

static struct freshness history;
static struct replayed replica;

static void start(void)
{
	memset(&history, 0, sizeof(history));
	memset(&replica, 0, sizeof(replica));
	freshness_reset(&history, 1, 60 * SEC);
}

START_TEST(test_lsn_is_read_as_postgresql_writes_it)
{
	static const char *const bad[] = {
		"",	"/",	"0/",	 "/0",		"0",	"0/G",
		"0/0 ", " 0/0", "0/0/0", "123456789/0", "0/-1", "0x1/0"
	};
	lsn_t lsn;

	ck_assert(lsn_parse("0/0", &lsn) && lsn == 0);
	ck_assert(lsn_parse("16/B374D848", &lsn) && lsn == UINT64_C(0x16B374D848));
	ck_assert(lsn_parse("ffffffff/FFFFFFFF", &lsn) && lsn == UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!lsn_parse(bad[i], &lsn), "%s", bad[i]);
}
END_TEST

/* Where the insert position is said to be when the last record ends at `end` (XLogBytePosToRecPtr). */
static lsn_t insert_position(lsn_t end, uint32_t block, uint32_t segment)
{
	if (end % block != 0)
		return end;
	return end + (end % segment == 0 ? 40 : 24);
}

static void check_every_offset(lsn_t around, uint32_t block, uint32_t segment, uint32_t b,
			       uint32_t s)
{
	lsn_t header = around % segment == 0 ? 40 : 24;

	for (lsn_t end = around - block; end <= around + block; end++) {
		lsn_t page = end - end % block;

		/* A record does not end inside a header. */
		if (end > page && end <= page + (page % segment == 0 ? 40 : 24))
			continue;
		ck_assert_uint_eq(lsn_normalise(insert_position(end, block, segment), b, s), end);
	}
	for (lsn_t inside = around; inside <= around + header; inside++)
		ck_assert_uint_eq(lsn_normalise(inside, b, s), around);
	ck_assert_uint_eq(lsn_normalise(around + header + 1, b, s), around + header + 1);
}

START_TEST(test_position_behind_a_page_header_is_the_end_of_the_last_record)
{
	const lsn_t segment = WAL_SEGMENT_DEFAULT;

	check_every_offset(7 * segment + 5 * 8192, 8192, WAL_SEGMENT_DEFAULT, 0, 0);
	check_every_offset(7 * segment, 8192, WAL_SEGMENT_DEFAULT, 0, 0);
	check_every_offset((UINT64_C(3) << 32), 8192, WAL_SEGMENT_DEFAULT, 8192, 16 * 1024 * 1024);
	check_every_offset(3 * segment + 4096, 4096, 1024 * 1024, 4096, 1024 * 1024);
	check_every_offset(3 * 1024 * 1024, 4096, 1024 * 1024, 4096, 1024 * 1024);
	check_every_offset(UINT64_C(5) << 30, 65536, 1u << 30, 65536, 1u << 30);
}
END_TEST

START_TEST(test_idle_primary_has_fresh_replicas_at_every_offset_of_a_page)
{
	const lsn_t base = UINT64_C(9) * WAL_SEGMENT_DEFAULT - 8192;

	for (lsn_t end = base; end <= base + 3 * 8192; end += 8) {
		usec_t at = SEC;

		start();
		for (int i = 0; i < 5; i++, at += 100 * MSEC) {
			lsn_t said = insert_position(end, 8192, WAL_SEGMENT_DEFAULT);

			freshness_sample(&history, 1, at, lsn_normalise(said, 0, 0));
			replayed_observe(&replica, &history, at + MSEC, end, 1);
		}
		if (end % 8192 == 8 || end % 8192 == 16 || end % 8192 == 24 ||
		    (end % WAL_SEGMENT_DEFAULT > 24 && end % WAL_SEGMENT_DEFAULT <= 40))
			continue; /* no record ends there */
		ck_assert_int_eq(freshness_lag(replica.as_of, at), 100 * MSEC);
	}
}
END_TEST

START_TEST(test_without_a_sample_a_replica_is_infinitely_stale)
{
	start();
	ck_assert_int_eq(freshness_lag(replica.as_of, 5 * SEC), LAG_UNKNOWN);
	ck_assert(!replayed_observe(&replica, &history, SEC, 1000, 1));
	ck_assert_int_eq(freshness_lag(replica.as_of, 5 * SEC), LAG_UNKNOWN);
	freshness_sample(&history, 1, 2 * SEC, 1001);
	ck_assert(!replayed_update(&replica, &history));
	ck_assert_int_eq(freshness_lag(replica.as_of, 5 * SEC), LAG_UNKNOWN);
}
END_TEST

START_TEST(test_replica_is_as_fresh_as_the_last_question_it_has_caught_up_with)
{
	start();
	freshness_sample(&history, 1, 1 * SEC, 100);
	freshness_sample(&history, 1, 2 * SEC, 200);
	freshness_sample(&history, 1, 3 * SEC, 300);
	ck_assert_int_eq(freshness_as_of(&history, 99), 0);
	ck_assert_int_eq(freshness_as_of(&history, 100), 1 * SEC);
	ck_assert_int_eq(freshness_as_of(&history, 199), 1 * SEC);
	ck_assert_int_eq(freshness_as_of(&history, 200), 2 * SEC);
	ck_assert_int_eq(freshness_as_of(&history, 299), 2 * SEC);
	ck_assert_int_eq(freshness_as_of(&history, 1000), 3 * SEC);
	ck_assert_int_eq(freshness_lag(3 * SEC, 3 * SEC + 5), 5);
	ck_assert_int_eq(freshness_lag(3 * SEC, 2 * SEC), 0);
}
END_TEST

START_TEST(test_idle_primary_does_not_make_lag_grow)
{
	start();
	for (usec_t at = SEC; at <= 3600 * SEC; at += 100 * MSEC) {
		freshness_sample(&history, 1, at, 500);
		replayed_observe(&replica, &history, at, 500, 1);
		ck_assert_int_eq(replica.as_of, at);
	}
	ck_assert_uint_eq(history.count, 1);
}
END_TEST

START_TEST(test_silent_monitor_makes_lag_grow)
{
	start();
	freshness_sample(&history, 1, SEC, 500);
	replayed_observe(&replica, &history, SEC, 500, 1);
	for (usec_t at = SEC; at <= 60 * SEC; at += SEC) {
		/* The replica goes on to answer, the primary does not. */
		replayed_observe(&replica, &history, at + 1, 90000, 1);
		ck_assert_int_eq(freshness_lag(replica.as_of, at), at - SEC);
	}
}
END_TEST

START_TEST(test_late_answers_never_raise_freshness)
{
	start();
	freshness_sample(&history, 1, 2 * SEC, 200);
	replayed_observe(&replica, &history, 2 * SEC, 150, 1);
	ck_assert_int_eq(replica.as_of, 0);
	/* Of the primary: asked earlier, though it answers less than the replica has. */
	ck_assert(!freshness_sample(&history, 1, 1 * SEC, 100));
	ck_assert(!freshness_sample(&history, 1, 2 * SEC, 100));
	ck_assert_int_eq(freshness_as_of(&history, 150), 0);
	/* Of the replica: asked earlier, before it was rewound. */
	ck_assert(!replayed_observe(&replica, &history, 1 * SEC, 900, 1));
	ck_assert(!replayed_observe(&replica, &history, 2 * SEC, 900, 1));
	ck_assert_int_eq(replica.as_of, 0);
	ck_assert_uint_eq(replica.lsn, 150);
}
END_TEST

START_TEST(test_replica_that_went_back_is_judged_anew)
{
	start();
	freshness_sample(&history, 1, 1 * SEC, 100);
	freshness_sample(&history, 1, 2 * SEC, 200);
	replayed_observe(&replica, &history, 2 * SEC, 250, 1);
	ck_assert_int_eq(replica.as_of, 2 * SEC);
	ck_assert(replayed_observe(&replica, &history, 3 * SEC, 120, 1));
	ck_assert_int_eq(replica.as_of, 1 * SEC);
	replayed_observe(&replica, &history, 4 * SEC, 50, 1);
	ck_assert_int_eq(replica.as_of, 0);
}
END_TEST

START_TEST(test_primary_that_went_back_forgets_its_samples)
{
	start();
	freshness_sample(&history, 1, 1 * SEC, 100);
	freshness_sample(&history, 1, 2 * SEC, 200);
	ck_assert(freshness_sample(&history, 1, 3 * SEC, 150));
	ck_assert_uint_eq(history.count, 1);
	ck_assert_int_eq(freshness_as_of(&history, 149), 0);
	ck_assert_int_eq(freshness_as_of(&history, 150), 3 * SEC);
}
END_TEST

START_TEST(test_other_timeline_says_nothing)
{
	start();
	ck_assert(!freshness_sample(&history, 2, SEC, 100));
	freshness_sample(&history, 1, SEC, 100);
	replayed_observe(&replica, &history, SEC, 500, 1);
	ck_assert_int_eq(replica.as_of, SEC);

	freshness_reset(&history, 2, 60 * SEC);
	replayed_forget(&replica);
	freshness_sample(&history, 2, 2 * SEC, 120);
	/* It is ahead, but on the branch that was left. */
	ck_assert(!replayed_observe(&replica, &history, 3 * SEC, 900, 1));
	ck_assert_int_eq(replica.as_of, 0);
	ck_assert(replayed_observe(&replica, &history, 4 * SEC, 120, 2));
	ck_assert_int_eq(replica.as_of, 2 * SEC);
	/* And back, without anybody having said so. */
	ck_assert(!replayed_observe(&replica, &history, 5 * SEC, 900, 1));
	ck_assert_int_eq(replica.as_of, 0);
	/* No primary: no samples. */
	freshness_reset(&history, 0, 60 * SEC);
	ck_assert(!freshness_sample(&history, 0, 6 * SEC, 900));
}
END_TEST

START_TEST(test_old_samples_are_forgotten)
{
	start();
	freshness_sample(&history, 1, 1 * SEC, 100);
	freshness_sample(&history, 1, 62 * SEC, 200);
	ck_assert_int_eq(freshness_as_of(&history, 150), 0);
	ck_assert_int_eq(freshness_as_of(&history, 200), 62 * SEC);
}
END_TEST

/* Ten samples a second for hours of a busy primary, compared with a history that forgets nothing. */
static void check_thinning(usec_t span, usec_t time)
{
	usec_t at = SEC;
	lsn_t lsn = 1000;
	usec_t worst_recent = 0;
	double worst = 0;

	start();
	freshness_reset(&history, 1, span);
	for (; at <= time; at += 100 * MSEC)
		freshness_sample(&history, 1, at, lsn += 7);
	at -= 100 * MSEC;
	ck_assert_uint_le(history.count, FRESHNESS_SAMPLES);
	for (usec_t age = 0; age < span - 60 * SEC && age < time - 2 * SEC; age += 300 * MSEC) {
		lsn_t had = lsn - (lsn_t)(age / (100 * MSEC)) * 7;
		usec_t as_of = freshness_as_of(&history, had);

		ck_assert_msg(as_of <= at - age, "too fresh at age %lld", (long long)age);
		ck_assert_int_ne(as_of, 0);
		if (age <= SEC && at - age - as_of > worst_recent)
			worst_recent = at - age - as_of;
		if (age > SEC && (double)(at - as_of) / (double)age > worst)
			worst = (double)(at - as_of) / (double)age;
	}
	ck_assert_int_le(worst_recent, 100 * MSEC);
	ck_assert_msg(worst < 1.2, "%.3f times too old", worst);
}

START_TEST(test_thinned_ring_errs_little_and_towards_old)
{
	check_thinning(600 * SEC, 500 * SEC);
	check_thinning(600 * SEC, 1300 * SEC);
	check_thinning(3600 * SEC, 4000 * SEC);
}
END_TEST

/*
 * A simulated cluster: commits, replication and replay with delays, answers that arrive late or
 * never.  Whatever is claimed is held against what was really committed and replayed.
 */
static uint64_t seed;

static unsigned roll(unsigned bound)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % bound;
}

#define STEPS 20000
static lsn_t committed[STEPS]; /* after step i (1 ms each) */
static lsn_t applied[STEPS];

static void simulate(unsigned burst, unsigned delay)
{
	lsn_t end = 5000, done = 5000;

	for (int i = 0; i < STEPS; i++) {
		if (roll(1000) < burst)
			end += 8 * (1 + roll(400));
		committed[i] = end;
		if (roll(delay) == 0 && i > 0)
			done = committed[i - (int)roll((unsigned)(i < 50 ? i : 50)) - 1] > done
				       ? committed[i - 1]
				       : done;
		applied[i] = done;
	}
}

START_TEST(test_no_commit_older_than_claimed_is_missing)
{
	seed = 7 + (uint64_t)_i;
	simulate(1 + roll(900), 1 + roll(60));
	start();
	for (int i = 1; i < STEPS; i++) {
		usec_t now = i * MSEC;
		int then;

		/* Asked up to 300 ms ago, answered (with what held somewhere between) now. */
		if (i % 100 == 3 && roll(10) > 0) {
			int asked = i - (int)roll((unsigned)(i < 300 ? i : 300));

			then = asked + (int)roll((unsigned)(i - asked) + 1);
			freshness_sample(&history, 1, asked * MSEC, committed[then]);
		}
		if (i % 100 == 57 && roll(10) > 0) {
			int asked = i - (int)roll((unsigned)(i < 300 ? i : 300));

			then = asked + (int)roll((unsigned)(i - asked) + 1);
			replayed_observe(&replica, &history, asked * MSEC, applied[then], 1);
		}
		replayed_update(&replica, &history);
		ck_assert_int_le(replica.as_of, now);
		if (replica.as_of == 0)
			continue;
		/* What was committed before that moment is there. */
		ck_assert_msg(applied[i] >= committed[replica.as_of / MSEC - 1],
			      "at %d ms as of %lld", i, (long long)replica.as_of);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("freshness");
	TCase *tc = tcase_create("freshness");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_lsn_is_read_as_postgresql_writes_it);
	tcase_add_test(tc, test_position_behind_a_page_header_is_the_end_of_the_last_record);
	tcase_add_test(tc, test_idle_primary_has_fresh_replicas_at_every_offset_of_a_page);
	tcase_add_test(tc, test_without_a_sample_a_replica_is_infinitely_stale);
	tcase_add_test(tc, test_replica_is_as_fresh_as_the_last_question_it_has_caught_up_with);
	tcase_add_test(tc, test_idle_primary_does_not_make_lag_grow);
	tcase_add_test(tc, test_silent_monitor_makes_lag_grow);
	tcase_add_test(tc, test_late_answers_never_raise_freshness);
	tcase_add_test(tc, test_replica_that_went_back_is_judged_anew);
	tcase_add_test(tc, test_primary_that_went_back_forgets_its_samples);
	tcase_add_test(tc, test_other_timeline_says_nothing);
	tcase_add_test(tc, test_old_samples_are_forgotten);
	tcase_add_test(tc, test_thinned_ring_errs_little_and_towards_old);
	tcase_add_loop_test(tc, test_no_commit_older_than_claimed_is_missing, 0, 20);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
