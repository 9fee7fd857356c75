/* SPDX-License-Identifier: ISC */
#include "cluster/leader.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HOSTS 4

struct row {
	const char *must;
	struct leader_memory memory; /* before; the claims are remembered first */
	int count;
	struct leader_claim claims[MAX_HOSTS];
	int primary;
	enum leader_lack lack;
	enum standing standings[MAX_HOSTS];
};

#define CLAIM(r, u, e, t, s)                                                                       \
	{                                                                                          \
		.role = r, .up = u, .ending = e, .timeline = t, .system_id = s                     \
	}
#define P(t) CLAIM(ROLE_PRIMARY, true, false, t, 7)
#define P_DOWN(t) CLAIM(ROLE_PRIMARY, false, false, t, 7)
#define P_ENDING(t) CLAIM(ROLE_PRIMARY, true, true, t, 7)
#define P_OTHER(t) CLAIM(ROLE_PRIMARY, true, false, t, 8)
#define R(t) CLAIM(ROLE_REPLICA, true, false, t, 7)
#define R_DOWN(t) CLAIM(ROLE_REPLICA, false, false, t, 7)
#define R_OTHER(t) CLAIM(ROLE_REPLICA, true, false, t, 8)
#define UNKNOWN CLAIM(ROLE_UNKNOWN, false, false, 0, 0)

static const struct row rows[] = {
	{ "nobody was heard of",
	  { 0, 0 },
	  2,
	  { UNKNOWN, UNKNOWN },
	  -1,
	  LACK_SILENCE,
	  { STANDING_NONE, STANDING_NONE } },
	{ "the only primary takes writes",
	  { 0, 0 },
	  3,
	  { R(1), P(1), R(1) },
	  1,
	  LACK_NOTHING,
	  { STANDING_NONE, STANDING_PRIMARY, STANDING_NONE } },
	{ "a primary among silent hosts takes writes",
	  { 0, 0 },
	  3,
	  { UNKNOWN, P(3), UNKNOWN },
	  1,
	  LACK_NOTHING,
	  { STANDING_NONE, STANDING_PRIMARY, STANDING_NONE } },
	{ "replicas only: nobody",
	  { 7, 1 },
	  2,
	  { R(1), R(1) },
	  -1,
	  LACK_CLAIM,
	  { STANDING_NONE, STANDING_NONE } },
	{ "a primary that is down takes no writes",
	  { 7, 1 },
	  2,
	  { P_DOWN(1), R(1) },
	  -1,
	  LACK_ABSENT,
	  { STANDING_ABSENT, STANDING_NONE } },
	{ "a primary that is going down takes no writes",
	  { 7, 1 },
	  2,
	  { P_ENDING(1), R(1) },
	  -1,
	  LACK_ENDING,
	  { STANDING_ABSENT, STANDING_NONE } },
	{ "the higher timeline wins, first",
	  { 7, 1 },
	  2,
	  { P(2), P(1) },
	  0,
	  LACK_NOTHING,
	  { STANDING_PRIMARY, STANDING_DEPOSED } },
	{ "the higher timeline wins, last",
	  { 7, 1 },
	  2,
	  { P(1), P(2) },
	  1,
	  LACK_NOTHING,
	  { STANDING_DEPOSED, STANDING_PRIMARY } },
	{ "a promoted host wins over one that is down",
	  { 7, 1 },
	  2,
	  { P_DOWN(1), P(2) },
	  1,
	  LACK_NOTHING,
	  { STANDING_DEPOSED, STANDING_PRIMARY } },
	{ "the same timeline twice: writes are held",
	  { 7, 1 },
	  3,
	  { P(4), R(4), P(4) },
	  -1,
	  LACK_SPLIT_BRAIN,
	  { STANDING_RIVAL, STANDING_NONE, STANDING_RIVAL } },
	{ "a rival that is down is none",
	  { 7, 4 },
	  2,
	  { P_DOWN(4), P(4) },
	  1,
	  LACK_NOTHING,
	  { STANDING_ABSENT, STANDING_PRIMARY } },
	{ "rivals below the highest timeline do not matter",
	  { 7, 4 },
	  3,
	  { P(4), P(4), P(5) },
	  2,
	  LACK_NOTHING,
	  { STANDING_DEPOSED, STANDING_DEPOSED, STANDING_PRIMARY } },
	{ "an old primary takes no writes though the new one is down",
	  { 7, 1 },
	  2,
	  { P(1), P_DOWN(2) },
	  -1,
	  LACK_ABSENT,
	  { STANDING_DEPOSED, STANDING_ABSENT } },
	{ "a timeline that was seen once is not forgotten",
	  { 7, 6 },
	  2,
	  { P(5), R(5) },
	  -1,
	  LACK_DEPOSED,
	  { STANDING_DEPOSED, STANDING_NONE } },
	{ "a replica's higher timeline deposes, before its primary was seen",
	  { 7, 5 },
	  2,
	  { P(5), R(6) },
	  -1,
	  LACK_DEPOSED,
	  { STANDING_DEPOSED, STANDING_NONE } },
	{ "so does that of a replica that is down",
	  { 7, 5 },
	  2,
	  { P(5), R_DOWN(6) },
	  -1,
	  LACK_DEPOSED,
	  { STANDING_DEPOSED, STANDING_NONE } },
	{ "a replica whose timeline lags does not matter",
	  { 7, 5 },
	  2,
	  { P(5), R(4) },
	  0,
	  LACK_NOTHING,
	  { STANDING_PRIMARY, STANDING_NONE } },
	{ "another cluster's primary takes no writes",
	  { 7, 1 },
	  2,
	  { P_OTHER(9), R(1) },
	  -1,
	  LACK_CLAIM,
	  { STANDING_FOREIGN, STANDING_NONE } },
	{ "its timeline does not depose ours",
	  { 7, 1 },
	  2,
	  { P_OTHER(9), P(1) },
	  1,
	  LACK_NOTHING,
	  { STANDING_FOREIGN, STANDING_PRIMARY } },
	{ "another cluster's replica is marked too",
	  { 7, 1 },
	  2,
	  { P(1), R_OTHER(1) },
	  0,
	  LACK_NOTHING,
	  { STANDING_PRIMARY, STANDING_FOREIGN } },
	{ "only strangers",
	  { 7, 1 },
	  2,
	  { P_OTHER(1), UNKNOWN },
	  -1,
	  LACK_FOREIGN,
	  { STANDING_FOREIGN, STANDING_NONE } },
	{ "a primary of unknown timeline takes no writes",
	  { 7, 0 },
	  1,
	  { CLAIM(ROLE_PRIMARY, true, false, 0, 7) },
	  -1,
	  LACK_UNSURE,
	  { STANDING_UNSURE } },
	{ "a host that may not tell its system identifier is believed",
	  { 7, 1 },
	  1,
	  { CLAIM(ROLE_PRIMARY, true, false, 1, 0) },
	  0,
	  LACK_NOTHING,
	  { STANDING_PRIMARY } },
};

START_TEST(test_table)
{
	const struct row *row = &rows[_i];
	struct leader_memory memory = row->memory;
	enum standing standings[MAX_HOSTS];
	enum leader_lack lack;
	int primary;

	for (int i = 0; i < row->count; i++)
		leader_remember(&memory, &row->claims[i]);
	primary = leader_decide(&memory, row->claims, row->count, standings, &lack);
	ck_assert_msg(primary == row->primary, "%s: host %d", row->must, primary);
	ck_assert_msg(lack == row->lack, "%s: %s", row->must, leader_lack_text(lack));
	for (int i = 0; i < row->count; i++)
		ck_assert_msg(standings[i] == row->standings[i], "%s: host %d is %s", row->must, i,
			      standing_name(standings[i]));
	ck_assert_int_eq(primary < 0, lack != LACK_NOTHING);
}
END_TEST

START_TEST(test_first_system_identifier_and_highest_timeline_are_remembered)
{
	struct leader_memory memory = { 0, 0 };

	ck_assert(leader_remember(&memory, &(struct leader_claim)R(3)));
	ck_assert(!leader_remember(&memory, &(struct leader_claim)P(2)));
	ck_assert(!leader_remember(&memory, &(struct leader_claim)P_OTHER(9)));
	ck_assert_uint_eq(memory.system_id, 7);
	ck_assert_uint_eq(memory.timeline, 3);
	ck_assert(leader_remember(&memory, &(struct leader_claim)P(4)));
	ck_assert_uint_eq(memory.timeline, 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("leader");
	TCase *tc = tcase_create("leader");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_first_system_identifier_and_highest_timeline_are_remembered);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
